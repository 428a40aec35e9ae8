/* What to do next, for the codes that people meet. Source: REST reference 7.2;
 * the service's page "Troubleshoot common Azure deployment errors". Commands that are named exist.
 */
#include "azure/arm.h"

#include <string.h>

const struct arm_advice arm_advices[] = {
    {"InvalidTemplate",
     "correct the template at the line that ARM names, then release it as a new version"},
    {"InvalidTemplateDeployment",
     "ARM's preflight refused it: look at the inner cause; correct the template or its parameters, "
     "or ask for the role that it names"},
    {"PreflightValidationCheckFailed",
     "correct the property that the message names; nothing was deployed"},
    {"RequestDisallowedByPolicy",
     "an Azure policy forbids it: change the template, or ask the policy's owner for an exemption"},
    {"InvalidDeployment", "give the target a location in the plan"},
    {"LocationRequired", "give the resource a location"},
    {"LocationNotAvailableForDeployment", "choose another location for the deployment in the plan"},
    {"InvalidDeploymentLocation",
     "a deployment of this name exists elsewhere: give the target its earlier location again"},
    {"InvalidContentLink", "ARM cannot fetch a linked template: check that its address is "
                           "reachable and its SAS has not expired"},
    {"NoRegisteredProviderFound",
     "the apiVersion or location is not offered: use one that the message lists"},
    {"InvalidApiVersionParameter",
     "the api-version is not offered in this cloud: use one that the message lists"},
    {"DeploymentJobSizeExceeded",
     "the expanded template is too large: split it into nested or linked templates"},
    {"JobSizeExceeded",
     "the expanded template is too large: split it into nested or linked templates"},
    {"AuthenticationFailed",
     "log in again ('az login'), or check the credential's environment variables"},
    {"InvalidAuthenticationToken",
     "log in again ('az login'), or check the credential and the plan's cloud and tenant"},
    {"ExpiredAuthenticationToken", "log in again ('az login') and check this machine's clock"},
    {"InvalidAuthenticationTokenTenant",
     "the credential belongs to another tenant: set 'tenant' in the plan to the subscription's"},
    {"AuthorizationFailed", "ask for the missing role at the scope that the message names; "
                            "'--wait-for-access' waits for one that was just given"},
    {"LinkedAuthorizationFailed", "ask for a role on the linked resource that the message names"},
    {"SubscriptionNotFound",
     "check the subscription in the plan, and that the credential may see it"},
    {"ResourceGroupNotFound", "create the resource group, or give the target a location in the "
                              "plan and run 'roll out'; on a back use '--recreate-groups'"},
    {"ResourceNotFound",
     "a resource that the template refers to is missing: restore it, or correct its name"},
    {"InvalidResourceType", "this resource type is not offered in this location or api-version"},
    {"InvalidResourceNamespace", "the resource provider's name is wrong"},
    {"DeploymentActive",
     "another deployment of this name still runs: wait for it, or 'roll cancel'"},
    {"DeploymentCannotBeCancelled", "it has ended already: 'roll resume' records how"},
    {"DeploymentQuotaExceeded",
     "the scope's history holds 800 deployments: delete old ones that are "
     "not this tool's, or remove the lock that keeps ARM from doing so"},
    {"MissingSubscriptionRegistration",
     "register the resource provider that the message names: 'az "
     "provider register --namespace NAME'; 'roll out' does so by itself"},
    {"ScopeLocked",
     "a lock forbids it: remove the lock that the message names, then 'roll resume'"},
    {"ResourceGroupBeingDeleted", "the resource group is being deleted: wait for its end"},
    {"AnotherOperationInProgress",
     "another change of the same resource is under way: wait for it, then 'roll resume'"},
    {"RetryableErrorDueToAnotherOperation",
     "another change of the same resource is under way: wait for it, then 'roll resume'"},
    {"OperationNotAllowed", "quota or state forbids it: read the message; ask for more quota, or "
                            "use another region or size"},
    {"SkuNotAvailable", "this size is not offered here now: use another size or region"},
    {"QuotaExceeded", "ask for more quota in this region, or use less"},
    {"RequestContentTooLarge", "the request is larger than 4 MB: split the template"},
    {"SubscriptionRequestsThrottled", "ARM throttles this subscription: wait as long as it says"},
    {"ResourceRequestsThrottled", "the resource provider throttles: wait as long as it says"},
    {"TooManyRequests", "the service throttles: wait as long as it says"},
    {"DeploymentStackInNonTerminalState",
     "the stack is still at work, and a stack cannot be cancelled: wait, then 'roll resume'"},
    {"DeploymentStackOutOfSync",
     "ARM may not know all that the stack manages: compare its list with what is there, then "
     "update it once with 'az stack ... create --bypass-stack-out-of-sync-error true'"},
    {"DeploymentStackDeleteResourcesFailed",
     "what left the stack could not be deleted: remove what holds it, then 'roll resume'"},
    {"DenyAssignmentAuthorizationFailed",
     "a deployment stack denies it: change the resource through that stack, or its denySettings"},
    {"StackNotOurs",
     "give the target a 'deploymentName' of its own, or delete that stack and let go what it has"},
    {"StackWouldUnmanageKept",
     "keep the resource in the template, or set 'deleteUnmanaged' to false in the plan"},
    {"InternalServerError",
     "a fault of the service: 'roll resume' tries again; give support the correlation id"},
    {"ServerTimeout", "the service was too slow: 'roll resume' looks what became of it"},
    {"GatewayTimeout", "the service was too slow: 'roll resume' looks what became of it"},
    {"RequestTimeout", "the resource provider was too slow: 'roll resume' tries again"},
    {"DeploymentFailed", "look at the innermost cause; 'roll show' has all of them"},
    {"ResourceDeploymentFailure",
     "look at the resource that is named: its provider ended in a failed state"},
    {"DeploymentFailedCleanUp",
     "resources could not be deleted: remove their locks, then 'roll resume'"},
    {"DeploymentCanceled",
     "somebody cancelled it: what was deployed until then stays; 'roll resume' or 'roll back'"},
    {"DeploymentActiveAndUneditable",
     "another deployment to this resource group still runs: wait for it, then 'roll resume'"},
    {"DeploymentNameInvalidCharacters",
     "correct 'deploymentName' in the plan: letters, digits, '-', '_', '.', '(' and ')'"},
    {"DeploymentNameLengthLimitExceeded", "shorten 'deploymentName' in the plan: 64 characters"},
    {"DeploymentNameTaken",
     "another tool uses this name: give the target another 'deploymentName', "
     "or none"},
    {"MissingApiVersionParameter", "a resource of the template has no apiVersion: give it one"},
    {"InvalidRequestContent",
     "ARM does not understand a value or misses one: compare the resource with its definition"},
    {"InvalidRequestFormat",
     "ARM does not understand a value: compare the resource with its definition"},
    {"InvalidParameter", "correct the value that the message names, and release it"},
    {"BadRequest", "a value is not what its provider expects: read the message, correct the "
                   "template or its parameters"},
    {"Conflict", "the resource's state does not allow it now: look at the resource, then 'roll "
                 "resume'"},
    {"NotFound", "something that the template refers to is missing, or comes too late: check its "
                 "name and the dependencies"},
    {"ParentResourceNotFound",
     "the resource's parent is missing: deploy it first, or depend on it"},
    {"InvalidResourceReference",
     "a reference leads nowhere: correct it, or depend on what it refers to"},
    {"LinkedInvalidPropertyId", "an id in the template is incomplete: give all its parts"},
    {"InvalidTemplateCircularDependency",
     "resources wait for one another: remove one of the dependencies"},
    {"TemplateResourceCircularDependency",
     "resources wait for one another: remove one of the dependencies"},
    {"MismatchingResourceSegments",
     "a resource's name needs as many segments as its type has names: correct it"},
    {"InvalidResourceLocation",
     "a resource of this name exists at another location: delete it, or give another name"},
    {"InvalidResourceGroupLocation",
     "the resource group exists at another location: correct 'location' in the plan"},
    {"InvalidSubscriptionRegistrationState",
     "register the resource provider: 'az provider register --namespace NAME'"},
    {"SubscriptionNotRegistered",
     "register the resource provider: 'az provider register --namespace NAME'"},
    {"MissingRegistrationForLocation",
     "the provider is not registered for this location: register it again, or use another one"},
    {"ReadOnlyDisabledSubscription",
     "the subscription is disabled: its owner has to enable it again"},
    {"AccountNameInvalid",
     "a storage account's name has 3 to 24 lower-case letters and digits: correct it"},
    {"AccountPropertyCannotBeSet", "the storage account does not take this property: remove it"},
    {"StorageAccountAlreadyTaken", "somebody else has this storage account's name: take another"},
    {"StorageAccountAlreadyExists", "this storage account exists elsewhere: take another name"},
    {"StorageAccountInAnotherResourceGroup",
     "this storage account lies in another resource group: take another name, or that group"},
    {"StorageAccountNotFound", "check the storage account's name, group and subscription"},
    {"DnsRecordInUse", "this DNS name is in use: take another one"},
    {"ReservedResourceName", "the name holds a reserved word: take another one"},
    {"PropertyChangeNotAllowed",
     "this property cannot change on a deployed resource: leave it as it "
     "was, or replace the resource"},
    {"InUseSubnetCannotBeDeleted",
     "the template would drop a subnet that is in use: list all subnets in the network"},
    {"SubnetIsFull", "the subnet has no free address: use another one, or release addresses"},
    {"SubnetsNotInSameVnet", "a machine's interfaces lie in one network: correct the subnets"},
    {"PrivateIPAddressInReservedRange", "Azure keeps this address for itself: take another one"},
    {"PrivateIPAddressNotInSubnet", "the address lies outside its subnet: correct one of them"},
    {"PublicIPCountLimitReached", "ask for more public addresses in this region, or release some"},
    {"AllocationFailed", "the region has no capacity for this size now: try again later, or use "
                         "another size or region"},
    {"ZonalAllocationFailed",
     "the zone has no capacity for this size now: use another zone, size or region"},
    {"OverconstrainedAllocationRequest",
     "no hardware meets all constraints together: drop one, or use another size"},
    {"ResourceQuotaExceeded", "ask for more quota in this region, or use less"},
    {"InsufficientQuota", "ask for more quota in this region, or use less"},
    {"RegionDoesNotAllowProvisioning",
     "this subscription may not use the region: ask for access, or use another one"},
    {"LocationNotAvailableForResourceType",
     "the type is not offered at this location: use one that the message lists"},
    {"ImageNotFound", "check the image's reference: publisher, offer, SKU, version or id"},
    {"InaccessibleImage",
     "the image cannot be pulled: check its reference and the credentials for its registry"},
    {"ManifestNotFound", "the registry has no such image any more: 'roll out' a release whose "
                         "image exists, or push it again"},
    {"VMExtensionProvisioningError",
     "an extension failed inside the machine: its own log says why"},
    {"PasswordTooLong", "the password is too long: give its plain text by the secret"},
    {"KeyVaultParameterReferenceNotFound",
     "a secret that a parameter refers to is missing: restore it, or correct the reference"},
    {"KeyVaultParameterReferenceAuthorizationFailed",
     "allow the vault's secrets for template deployment, and the deploying identity to use them"},
    {"KeyVaultParameterReferenceSecretRetrieveFailed",
     "a secret cannot be read: is it there, enabled, and its version not expired?"},
    {"FlagMustBeSetForRestore",
     "a deleted resource of this name can still be restored: purge it, or restore it"},
    {"RoleAssignmentExists", "the same role assignment exists under another name: delete that one, "
                             "or use its name"},
    {"PrincipalNotFound",
     "the principal of a role assignment is not known (yet): set its principalType, then 'roll "
     "resume'"},
    {"OperationPreempted", "a newer change of the same resource took its place: 'roll resume'"},
    {"CanceledAndSupersededDueToAnotherOperation",
     "a newer change of the same resource took its place: 'roll resume'"},
    {"PreconditionFailed", "the resource changed meanwhile: 'roll resume' sends it again"},
    {"TooManyTargetResourceGroups",
     "one deployment reaches too many resource groups: split the template"},
    {"DeploymentStackResourceNotFound", "the stack is gone: 'roll out' makes it again"},
    {"OutcomeUnknown", "look at the resource itself, then 'roll resume'"},
    {"NoToken",
     "'roll doctor' says which credential is used and what it lacks; then 'roll resume'"},
    {"NotSent", "ARM cannot be reached from here: check the network, name resolution and proxy, "
                "then 'roll resume'"},
    {"RefusedWithoutCode", "it is likely not ARM that answered: look for a proxy, a firewall or a "
                           "login page in between, then 'roll resume'"},
    {"NeverArrived", "nothing of it is in Azure: check the network and Azure's health, then 'roll "
                     "resume' sends it again"},
    {NULL, NULL},
};

/* ARM's look at what a template writes has no code of its own for a role that is missing (REST
 * reference 7.2). */
bool roll_arm_is_denied(const char *code, const char *message)
{
    static const char words[] = "Authorization failed for template resource";

    if (!code)
        return false;
    return g_ascii_strcasecmp(code, "AuthorizationFailed") == 0 ||
           g_ascii_strcasecmp(code, "LinkedAuthorizationFailed") == 0 ||
           (g_ascii_strcasecmp(code, "InvalidTemplateDeployment") == 0 && message &&
            strstr(message, words));
}

const char *roll_arm_advice(const char *code)
{
    for (const struct arm_advice *row = arm_advices; code && row->code; row++)
        if (g_ascii_strcasecmp(code, row->code) == 0)
            return row->advice;
    return NULL;
}
