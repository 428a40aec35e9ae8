/* What to do next, for the codes that people meet. Source: REST reference 7.2. */
#include "rollbook/azure.h"

static const struct {
    const char *code, *advice;
} advices[] = {
    {"InvalidTemplate",
     "correct the template at the line that ARM names, then release it as a new version"},
    {"InvalidTemplateDeployment",
     "ARM's preflight refused it: look at the inner cause, correct the template or its parameters"},
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
    {"AuthorizationFailed", "ask for the missing role at the scope that the message names; a new "
                            "assignment needs some minutes"},
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
    {"DeploymentQuotaExceeded", "the scope holds 800 deployments: delete old ones, and remove a "
                                "lock that keeps ARM from doing so"},
    {"MissingSubscriptionRegistration", "register the resource provider that the message names: "
                                        "'az provider register --namespace NAME'"},
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
};

const char *roll_arm_advice(const char *code)
{
    for (size_t i = 0; code && i < G_N_ELEMENTS(advices); i++)
        if (g_ascii_strcasecmp(code, advices[i].code) == 0)
            return advices[i].advice;
    return NULL;
}
