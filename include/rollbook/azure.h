/* Azure Resource Manager and what surrounds it, as calls with callbacks on the loop.
 *
 * Source of every rule: the REST reference (sections in the .c files). A call gives exactly one reply. Tokens are fetched
 * when first needed, kept in memory only, and never leave the plan's cloud. */
#ifndef ROLLBOOK_AZURE_H
#define ROLLBOOK_AZURE_H

#include <jansson.h>

#include "rollbook/http.h"
#include "rollbook/template.h"

/* ---- clouds --------------------------------------------------------------------------------- */

struct roll_cloud {
    char *name;      /* public, usgovernment, china, sandbox, or the custom URL */
    char *arm;       /* https://management.azure.com, no slash at the end */
    char *audience;  /* scope of the token without /.default */
    char *login;     /* https://login.microsoftonline.com */
    char *key_vault; /* suffix: vault.azure.net */
    char *storage;   /* suffix: core.windows.net */
    char *registry;  /* suffix: azurecr.io */
    bool sandbox;    /* plain http on loopback, static token */
    struct cloud_lookup *lookup; /* private: of a custom cloud, which says itself where its services are; else NULL */
};
/* By name of DESIGN section 12 (NULL: public). For "sandbox", arm_url is where it listens. A custom cloud (an https address) is asked
 * for its /metadata/endpoints when a token is first needed: until then login and audience are NULL and the suffixes empty, which
 * fits no host; a suffix that it does not tell stays empty. */
struct roll_error *roll_cloud_new(const char *name, const char *arm_url, struct roll_cloud **ret_cloud) ROLL_CHECKED;
void roll_cloud_free(struct roll_cloud *cloud);
ROLL_AUTO_DEFINE(cloud, struct roll_cloud, roll_cloud_free)

/* ---- credentials ---------------------------------------------------------------------------- */

/* One for each (cloud, tenant, kind). kind: NULL for the chain of DefaultAzureCredential (AZURE_TOKEN_CREDENTIALS narrows it),
 * or "environment", "workload-identity", "github", "azure-pipelines", "managed-identity", "cli", or the SDKs' name of one without
 * regard to case; "device-code" (a person and a terminal) is in no chain. ROLL_E_CREDENTIAL: unknown, or not supported by this
 * version. tenant (or NULL) is copied; loop and cloud are borrowed and must outlive it. For a sandbox: a static token. Variables
 * and files are read when a token is fetched.
 * Source: services reference 1.2 to 1.8. */
struct roll_credential;
struct roll_error *roll_credential_new(struct roll_loop *loop, const struct roll_cloud *cloud, const char *tenant,
                                       const char *kind, struct roll_credential **ret_credential) ROLL_CHECKED;
void roll_credential_free(struct roll_credential *credential);
ROLL_AUTO_DEFINE(credential, struct roll_credential, roll_credential_free)

/* Starts fetching early (while the ledger is read). */
void roll_credential_prefetch(struct roll_credential *credential);
/* fn is called once, never before this returns, unless the credential is freed first: token borrowed, or
 * err (borrowed, ROLL_E_CREDENTIAL) says what was tried and what each lacks. audience NULL: ARM. */
typedef void (*roll_token_fn)(void *user, const struct roll_secret *token, const struct roll_error *err);
void roll_credential_token(struct roll_credential *credential, const char *audience, roll_token_fn fn, void *user);
/* Who the token says that we are, once there is one; NULL before, and when it is no JWT. Words with one blank between:
 * the user's name (`alice@contoso.com`) or `app:APPLICATION-ID`, then `oid:OBJECT-ID`, `tenant:TENANT-ID` and, of a person,
 * `client:APPLICATION-ID` of the program that signed in, as far as the token has them. A sandbox: `sandbox-developer`. Borrowed. */
const char *roll_credential_actor(const struct roll_credential *credential);

/* The ids of the groups that the token names, NULL-terminated; NULL when it leaves them open (then membership is unknown, which is
 * not the same as in none). Borrowed. */
const char *const *roll_credential_groups(const struct roll_credential *credential);

/* Which way gave the token ("environment", …; "sandbox"), NULL before; static. And what those before it in the chain lacked, of the
 * last fetch of ARM's token: "workload-identity: AZURE_FEDERATED_TOKEN_FILE is not set", …; new, NULL-terminated. */
const char *roll_credential_source(const struct roll_credential *credential);
char **roll_credential_passed(const struct roll_credential *credential);
/* The cloud's name for its Key Vault service (the suffix of vaults; "" while it is not known). Borrowed. */
const char *roll_credential_key_vault(const struct roll_credential *credential);

/* Who asks, by the pipeline's or the local environment's word; never proof: the requesting person of Azure Pipelines or GitHub
 * Actions, else USER@HOST, as one word; in a pipeline then `run:URL` of the run. Owned by the caller. */
char *roll_claimed_actor(void);

/* ---- scopes and deployments ----------------------------------------------------------------- */

struct roll_arm_scope {
    enum roll_scope_kind kind;
    const char *subscription;
    const char *resource_group;
    const char *management_group;
};
/* `/subscriptions/S/resourceGroups/G`, … ; "" for the tenant. Segments are percent-encoded. */
char *roll_arm_scope_path(const struct roll_arm_scope *scope);

enum roll_arm_outcome {
    ROLL_ARM_OK,        /* 2xx, or a terminal state of an operation */
    ROLL_ARM_NOT_FOUND, /* 404; code tells which (DeploymentNotFound, ResourceGroupNotFound, …) */
    ROLL_ARM_BUSY,      /* DeploymentActive, AnotherOperationInProgress, …: not accepted now, may be later */
    ROLL_ARM_THROTTLED, /* 429: not accepted */
    ROLL_ARM_REFUSED,   /* another definite no */
    ROLL_ARM_UNSENT,    /* never reached ARM */
    ROLL_ARM_LOST,      /* unknown: it may have been accepted */
    ROLL_ARM_NO_TOKEN,  /* no credential; nothing was sent */
    ROLL_ARM_LATER,     /* a definite no that is being lifted: the same request again. Never from azure: the driver's word */
};

struct roll_arm_reply {
    enum roll_arm_outcome outcome;
    int status;
    json_t *body;               /* borrowed, NULL when there is none or it is no JSON */
    const char *code, *message; /* innermost error, or NULL. Borrowed */
    const char *error_json;     /* the whole error as ARM gave it (canonical where possible), or NULL */
    const char *state;          /* provisioningState or the operation's status, or NULL */
    const char *correlation_id; /* of the deployment, else of the reply; or NULL */
    const char *poll_url;       /* where to poll, byte for byte, or NULL */
    int64_t arm_at;             /* properties.timestamp, UTC ms, 0 */
    int64_t duration_ms;        /* properties.duration, 0 */
    int64_t retry_after_ms;     /* -1: none */
    int64_t server_date_ms;     /* 0: none */
    bool whole;                 /* state is a deployment's own record: nothing more can be read of it. The driver's word */
    bool paced;                 /* LATER: our own pacing holds it back, while ARM takes others. The driver's word */
    bool writes_spent;          /* ARM tells that hardly any write is left in the subscription's bucket */
};
typedef void (*roll_arm_fn)(void *user, const struct roll_arm_reply *reply);

/* Is this state final? Without regard to case: Succeeded, Failed, Canceled. Everything else is "still running". */
bool roll_arm_state_is_final(const char *state);

struct roll_arm;
/* loop, cloud and credential are borrowed and must outlive it. One for each credential, so that all reads of a subscription
 * share one budget. Freeing it cancels what is under way, without callbacks. */
struct roll_arm *roll_arm_new(struct roll_loop *loop, const struct roll_cloud *cloud, struct roll_credential *credential);
/* A token of this credential, of another tenant, goes with every request from now on, so that a template may refer to what is
 * there; ARM takes three. Borrowed; must outlive arm. Source: REST reference 7.4. */
void roll_arm_add_auxiliary(struct roll_arm *arm, struct roll_credential *credential);
void roll_arm_free(struct roll_arm *arm);
ROLL_AUTO_DEFINE(arm, struct roll_arm, roll_arm_free)

/* The next request fetches a new token: a role that was granted since may stand only there. */
void roll_arm_renew(struct roll_arm *arm);

/* Every call below: fn is called once, never before the call returns; what reply points to is borrowed until fn returns;
 * arguments are copied. A 401 is answered once with a new token, which has what a claims challenge demands. */

/* PUT of a deployment. template_text: strict JSON as recorded; parameters_text: the map {name: {value|reference}};
 * tags: {name: text} or NULL; location only outside resource groups. Mode is Incremental always. Never repeated here. */
struct roll_arm_deployment {
    struct roll_arm_scope scope;
    const char *name;
    const char *correlation_id;
    const char *location;
    const char *template_text;
    const char *parameters_text;
    const json_t *tags;
    int64_t leave_by_boot_ms; /* PUT only: not sent after this moment, then UNSENT; 0: at any time */
};
void roll_arm_put(struct roll_arm *arm, const struct roll_arm_deployment *deployment, roll_arm_fn fn, void *user);
void roll_arm_what_if(struct roll_arm *arm, const struct roll_arm_deployment *deployment, roll_arm_fn fn, void *user); /* polls to its end; body: {"changes":…} */
void roll_arm_validate(struct roll_arm *arm, const struct roll_arm_deployment *deployment, roll_arm_fn fn, void *user);

/* Reads (retried; paced by the read budget of their subscription). */
void roll_arm_get(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);
/* One poll: of poll_url, or of the deployment when NULL. state is set; NOT_FOUND with DeploymentNotFound is transient, the
 * caller bounds it. A URL that refuses the connection: UNSENT, then poll by name. A poll_url outside the cloud is not asked
 * (no token leaves it): the deployment is. With name NULL poll_url is an action's, which may be a Location: a 2xx without a
 * state then means Succeeded. */
void roll_arm_poll(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, const char *poll_url, roll_arm_fn fn, void *user);
/* Does ARM count the reads there, so that each one makes others wait? Then a poll should be of the deployment itself (poll_url NULL),
 * whose last answer has all that is wanted of it. */
bool roll_arm_counts_reads(const struct roll_arm *arm, const struct roll_arm_scope *scope);
void roll_arm_cancel(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);
/* All pages, newest first as ARM gives them; at most top (0: 2,000) of them; body: {"value": [...]}. */
void roll_arm_list(struct roll_arm *arm, const struct roll_arm_scope *scope, int top, roll_arm_fn fn, void *user);
/* Only those in this provisioningState (the one filter that ARM takes); NULL: all. */
void roll_arm_list_state(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *state, int top, roll_arm_fn fn, void *user);
/* HEAD: OK or NOT_FOUND, without body and code. */
void roll_arm_exists(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);
/* body: {"template": …}, normalised; no parameter values. */
void roll_arm_export(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);
/* Deletes the record, not what it deployed, and waits for the end. OK also when there was none; REFUSED with ScopeLocked (the
 * message names the lock) or DeploymentActive. Never repeated blindly: LOST, then look. */
void roll_arm_delete(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);
/* All pages, nested deployments followed (at most depth 5, 2,000 operations); body: {"value":[operations]}; code, message:
 * the innermost cause of a failure, with `resource` in error_json. */
void roll_arm_operations(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);

/* ---- deployment stacks ---------------------------------------------------------------------- */

/* What happens to that which leaves a stack, or to all of it when the stack is deleted: detached (it stays) unless said. */
struct roll_arm_unmanage {
    bool delete_resources, delete_groups, delete_management_groups;
    bool bypass_out_of_sync; /* go on though ARM's list of what is managed may be wrong */
};

struct roll_arm_stack {
    struct roll_arm_scope scope; /* group, subscription or management group; a tenant has none */
    const char *name;
    const char *correlation_id;
    const char *location;        /* outside resource groups */
    const char *template_text;   /* as of a deployment */
    const char *parameters_text;
    const json_t *tags;          /* or NULL */
    struct roll_arm_unmanage unmanage;
    const json_t *deny_settings; /* {"mode", "excludedPrincipals", "excludedActions", "applyToChildScopes"}; NULL: mode none */
    int64_t leave_by_boot_ms;    /* PUT only, as of a deployment */
};
/* As the calls on deployments, by the same contract (REST reference 2.1, 4); states are in lower case. A stack is overwritten by
 * each PUT: correlation_id is that of the last one that ARM took. It cannot be cancelled; a PUT while it is at work is BUSY
 * (DeploymentStackInNonTerminalState). When resources could not be deleted, code and message are those of the first of them. */
void roll_arm_stack_put(struct roll_arm *arm, const struct roll_arm_stack *stack, roll_arm_fn fn, void *user);
void roll_arm_stack_get(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);
void roll_arm_stack_poll(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, const char *poll_url, roll_arm_fn fn, void *user);
/* Follow the operation to its end. Never repeated: delete. */
void roll_arm_stack_validate(struct roll_arm *arm, const struct roll_arm_stack *stack, roll_arm_fn fn, void *user);
void roll_arm_stack_delete(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                           const struct roll_arm_unmanage *unmanage, roll_arm_fn fn, void *user);
/* body: {"template":…} or {"templateLink":…}. */
void roll_arm_stack_export(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name, roll_arm_fn fn, void *user);

/* Resource groups, generic resources, actions. roll_arm_action polls what ARM only accepted (202) to its end, at most an hour:
 * OK means done, REFUSED that it failed, LOST that the end is not known. Never repeated. */
void roll_arm_group_get(struct roll_arm *arm, const char *subscription, const char *group, roll_arm_fn fn, void *user);
void roll_arm_group_put(struct roll_arm *arm, const char *subscription, const char *group, const char *location, const json_t *tags, roll_arm_fn fn, void *user);
void roll_arm_resource_get(struct roll_arm *arm, const char *resource_id, const char *api_version, roll_arm_fn fn, void *user);
void roll_arm_action(struct roll_arm *arm, const char *resource_id_and_action, const char *api_version, const char *body_text, const char *correlation_id, roll_arm_fn fn, void *user);

/* Any resource: HEAD (OK or NOT_FOUND, without code; few types take it), and DELETE, which is waited for, at most an hour. OK
 * also when it was not there; leave_by_boot_ms: as of a deployment. REST reference 6.2. */
void roll_arm_resource_exists(struct roll_arm *arm, const char *resource_id, const char *api_version, roll_arm_fn fn, void *user);
void roll_arm_resource_delete(struct roll_arm *arm, const char *resource_id, const char *api_version, int64_t leave_by_boot_ms, roll_arm_fn fn, void *user);
/* All resources in a subscription or group (its id), with createdTime and managedBy; body: {"value":[…]}. What lies below others is
 * listed only where it is tracked. REST reference 6.2. */
void roll_arm_resources(struct roll_arm *arm, const char *scope_id, roll_arm_fn fn, void *user);

/* In which order several are deleted: an index into items for each, owned by the caller (g_free). What needs another one goes
 * before it, what lies below another (`…/servers/s/databases/d`, extensions) before that; else the last first. A circle is
 * broken where the fewest wait. */
struct roll_arm_deletion {
    const char *id;
    const char *const *needs; /* ids of what it depends on, NULL-terminated, or NULL; those that are no items are ignored */
};
size_t *roll_arm_delete_order(const struct roll_arm_deletion *items, size_t count);

/* Resource providers (REST reference 6.3). body: {"namespace","registrationState","resourceTypes":[{"resourceType","apiVersions"}]}.
 * subscription NULL: the tenant's. */
void roll_arm_provider_get(struct roll_arm *arm, const char *subscription, const char *space, roll_arm_fn fn, void *user);
/* Registers and waits until it is Registered, at most within_ms: OK, or the refusal; LOST with a message when it takes longer. */
void roll_arm_provider_register(struct roll_arm *arm, const char *subscription, const char *space, int64_t within_ms, roll_arm_fn fn, void *user);
/* Of a provider's body. type: `Microsoft.Web/sites/slots`, without regard to case. The newest version that is no preview, else
 * the newest; owned, NULL when the type is not offered. */
char *roll_arm_provider_version(const json_t *provider, const char *type);
bool roll_arm_provider_offers(const json_t *provider, const char *type, const char *api_version);

/* Locks on a scope or resource (its id, "/subscriptions/…"), REST reference 6.4. at_scope: those that hold there, inherited ones
 * too; else those at and below it. body: {"value":[{"id","name","properties":{"level","notes"}}]}. */
void roll_arm_locks(struct roll_arm *arm, const char *scope_id, bool at_scope, roll_arm_fn fn, void *user);

/* What the caller may do at a scope, which may be a group or a subscription: by all its roles there and above it. body:
 * {"value":[{"actions","notActions"}]}. Of a group that is not there: NOT_FOUND. Source: Microsoft.Authorization, Permissions -
 * List For Resource Group. */
void roll_arm_permissions(struct roll_arm *arm, const char *scope_id, roll_arm_fn fn, void *user);
/* Of such a body: may an action be done (`Microsoft.Web/sites/write`)? One role that has it is enough. Without regard to case. */
bool roll_arm_permits(const json_t *permissions, const char *action);

/* The activity log, newest first, REST reference 10.1. from_ms at most 90 days back. Of resource_group, resource_id, provider
 * and correlation_id one counts (ARM takes no more): correlation_id before resource_id before resource_group before provider. */
struct roll_arm_activity {
    int64_t from_ms, to_ms; /* UTC; to_ms 0: now */
    const char *resource_group, *resource_id, *provider, *correlation_id; /* or NULL */
    const char *select;     /* names of fields with commas between, or NULL: all */
    int max;                /* 0: 5,000 */
};
void roll_arm_activities(struct roll_arm *arm, const char *subscription, const struct roll_arm_activity *query, roll_arm_fn fn, void *user);

/* Alerts of Azure Monitor in a subscription, in one resource group of it or in all (group NULL), of the last day; body:
 * {"value":[…]}. */
void roll_arm_alerts(struct roll_arm *arm, const char *subscription, const char *group, roll_arm_fn fn, void *user);
/* Whether one of them (an element of that list) has one of the severities, is in the group (NULL: any) and fired at or after
 * since_ms (UTC ms by Azure's clock). */
bool roll_alert_counts(const json_t *alert, const char *const *severities, const char *group, int64_t since_ms);
/* "cpu-high (Sev1)". Owned by the caller. */
char *roll_alert_name(const json_t *alert);

/* Innermost cause of an error body (nested details, JSON inside text). New strings; NULL when there is none. */
void roll_arm_error_leaf(const json_t *body, char **ret_code, char **ret_message);

/* All innermost causes, the same one once, at most 50: [{"code","message","target"}], each member where ARM gives it; `target` is
 * what the cause is about (a namespace, a property, a resource). Those that only say that something below failed are left out
 * where there are others. New reference, never NULL. */
json_t *roll_arm_error_leaves(const json_t *body);

/* Is it a role that is missing what ARM says no for, which may have been granted a moment ago? Both may be NULL. */
bool roll_arm_is_denied(const char *code, const char *message);

/* What to do next for a known code (REST reference 7.2), one sentence, static; NULL when unknown. */
const char *roll_arm_advice(const char *code);

/* Versions of a Key Vault secret, never its value. vault: its name or its id. timeout_ms: of the request. Reply body
 * {"current": VERSION, "versions":[{"version","enabled","created"?,"notBefore"?,"expires"?}]}, times in Unix seconds; current is the
 * newest, which a reference without version takes. NOT_FOUND with SecretNotFound; REFUSED with the vault's code; NO_TOKEN. fn is
 * called once, unless the call is cancelled before. loop and credential must outlive it. Source: services reference 2.1. */
struct roll_key_vault_call;
struct roll_key_vault_call *roll_key_vault_versions(struct roll_loop *loop, struct roll_credential *credential, const char *vault,
                                                    const char *secret, int64_t timeout_ms, roll_arm_fn fn, void *user);
void roll_key_vault_cancel(struct roll_key_vault_call *call);

/* Artifact at a registry: the digest of name:tag (HEAD manifest; on 401 with a token of the registry: by exchange of the
 * credential's at the cloud's own registries, else anonymous). name: host/repository; plain http on loopback. Reply body
 * {"digest":"sha256:…"}; NOT_FOUND with MANIFEST_UNKNOWN, REFUSED with NAME_INVALID or UNAUTHORIZED. credential may be NULL.
 * loop and credential must outlive it. Source: services reference 4.1, 4.2. */
void roll_registry_digest(struct roll_loop *loop, struct roll_credential *credential, const char *name, const char *tag, roll_arm_fn fn, void *user);

/* What stands at an address (HEAD; http on loopback only), with the credential's token where it is a blob of its cloud. Reply body
 * {"etag"?,"md5"?,"versionId"?,"length"?}; NOT_FOUND; REFUSED. credential may be NULL. The address is copied; of what follows
 * its `?` messages show nothing. loop and credential must outlive it. Source: services reference 3.2, 4.3. */
void roll_address_head(struct roll_loop *loop, struct roll_credential *credential, const char *url, roll_arm_fn fn, void *user);

#endif
