/* Who changed a resource, and with what: what the activity log's events say (REST reference 10).
 * What they do not tell stays unsaid. Pure. */
#include "watch/log.h"

#include <string.h>

#include "rollbook/time.h"

static const char claim_upn[] = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/* Applications of Microsoft through which people work (REST reference 10.2). */
static const char *const clients[][2] = {
    {"c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "portal"},
    {"04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI"},
    {"1950a258-227b-4e31-a9cf-717495945fc2", "PowerShell"},
};

/* ---- one event ------------------------------------------------------------------------------- */

const char *watch_event_word(const json_t *event, const char *name)
{
    const json_t *word = roll_json_get_nocase(event, name);

    return json_is_string(word) ? json_string_value(word) : roll_json_get_string(word, "value");
}

int64_t watch_event_time(const json_t *event)
{
    const char *text = roll_json_get_string(event, "eventTimestamp");
    int64_t at = 0;

    if (text)
        roll_error_free(roll_time_parse(text, &at));
    return at;
}

/* The client that somebody used; NULL: it is not known. Owned. */
static char *client_of(const json_t *event)
{
    const json_t *claims = roll_json_get_nocase(event, "claims");
    const char *app = roll_json_get_string(claims, "appid");

    for (size_t i = 0; app && i < G_N_ELEMENTS(clients); i++)
        if (g_ascii_strcasecmp(app, clients[i][0]) == 0)
            return g_strdup(clients[i][1]);
    return app ? g_strdup_printf("application %s", app) : NULL;
}

static const char *person_of(const json_t *event)
{
    const char *caller = roll_json_get_string(event, "caller");
    const char *upn = roll_json_get_string(roll_json_get_nocase(event, "claims"), claim_upn);

    return upn ? upn : caller;
}

/* ---- what belongs together ------------------------------------------------------------------- */

/* The effect of a policy that changes what is put, or puts something; audits and denials do not.
 * NULL: the event is none. */
static const char *effect_of(const char *operation)
{
    static const char *const effects[] = {"deployIfNotExists", "modify", "append", NULL};
    static const char prefix[] = "Microsoft.Authorization/policies/";

    if (!operation || g_ascii_strncasecmp(operation, prefix, strlen(prefix)) != 0)
        return NULL;
    for (int i = 0; effects[i]; i++)
        if (g_ascii_strncasecmp(operation + strlen(prefix), effects[i], strlen(effects[i])) == 0)
            return effects[i];
    return NULL;
}

static bool is_deployment(const json_t *event)
{
    static const char *const writes[] = {"Microsoft.Resources/deployments/write",
                                         "Microsoft.Resources/deploymentStacks/write", NULL};
    const char *operation = watch_event_word(event, "operationName");

    for (int i = 0; operation && writes[i]; i++)
        if (g_ascii_strcasecmp(operation, writes[i]) == 0)
            return true;
    return false;
}

static bool is_caller(const json_t *event, const char *caller)
{
    const char *other = roll_json_get_string(event, "caller");

    return !caller || !other || g_ascii_strcasecmp(caller, other) == 0;
}

/* The outermost deployment of the same act: the first that the log knows. A deployment writes in
 * the name of who asked for it, so that one of another caller is not how this was written (a
 * policy's has the correlation id of what it looked at). Borrowed. */
static const json_t *deployment_in(const json_t *together, const char *caller)
{
    const json_t *found = NULL;
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)together, index, event)
        if (is_deployment(event) && roll_json_get_string(event, "resourceId") &&
            is_caller(event, caller) &&
            (!found || watch_event_time(event) < watch_event_time(found)))
            found = event;
    return found;
}

static const char *name_in(const json_t *event)
{
    const char *id = roll_json_get_string(event, "resourceId");
    const char *slash = id ? strrchr(id, '/') : NULL;

    return slash ? slash + 1 : NULL;
}

/* A policy acts by deployments of its own, and by tasks that remedy. That one was looked at while
 * somebody wrote does not make it the policy's act. */
static bool is_policys(const json_t *together, const char *caller, const char *deployment)
{
    static const char task[] = "Microsoft.PolicyInsights/remediations/";
    size_t index;
    json_t *event;

    if (deployment && g_str_has_prefix(deployment, "PolicyDeployment_"))
        return true;
    json_array_foreach ((json_t *)(uintptr_t)together, index, event) {
        const char *operation = watch_event_word(event, "operationName");
        if (operation && is_caller(event, caller) &&
            g_ascii_strncasecmp(operation, task, strlen(task)) == 0)
            return true;
    }
    return false;
}

/* A policy that changed what this resource was put with, on its way. Borrowed, or NULL. */
static const char *effect_on(const json_t *event, const json_t *together)
{
    const char *resource = roll_json_get_string(event, "resourceId");
    size_t index;
    json_t *other;

    json_array_foreach ((json_t *)(uintptr_t)together, index, other) {
        const char *effect = effect_of(watch_event_word(other, "operationName"));
        const char *id = roll_json_get_string(other, "resourceId");
        if (effect && strcmp(effect, "deployIfNotExists") != 0 && id && resource &&
            g_ascii_strcasecmp(id, resource) == 0)
            return effect;
    }
    return NULL;
}

json_t *watch_who(const json_t *event, const json_t *together)
{
    g_autofree char *client = client_of(event);
    const char *caller = roll_json_get_string(event, "caller");
    const char *deployment = name_in(deployment_in(together, caller));
    bool policy = is_policys(together, caller, deployment);
    const char *tool = policy ? "policy" : deployment ? "deployment" : client ? client : "unknown";
    char at[ROLL_TIME_SIZE];

    roll_time_format(watch_event_time(event), at);
    return json_pack("{s:s*,s:s,s:s*,s:s*,s:s*,s:s,s:s*,s:s*}", "who", person_of(event), "tool",
                     tool, "deployment", deployment, "client", deployment || policy ? client : NULL,
                     "policy", policy ? NULL : effect_on(event, together), "at", at, "operation",
                     watch_event_word(event, "operationName"), "correlationId",
                     roll_json_get_string(event, "correlationId"));
}
