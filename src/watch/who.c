/* Who changed a resource, and with what: from the activity log (REST reference 10). Its events come
 * minutes late and are kept for 90 days; what it does not tell stays unsaid. */
#include "watch/drift.h"

#include <string.h>

#include "rollbook/time.h"

#define LOG_MS (INT64_C(89) * 24 * 3600 * 1000) /* ARM takes 90 days; the clocks may differ */
#define EARLIER_MS (INT64_C(5) * 60 * 1000)     /* a clock that is ahead of Azure's */
#define PLACES_MAX 20                           /* groups or resources that are asked for */
#define TOGETHER_MAX 200

static const char claim_upn[] = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/upn";

/* Applications of Microsoft through which people work (REST reference 10.2). */
static const char *const clients[][2] = {
    {"c44b4083-3bb0-49c1-b47d-974e53cbdf3c", "portal"},
    {"04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI"},
    {"1950a258-227b-4e31-a9cf-717495945fc2", "PowerShell"},
};

/* ---- one event ------------------------------------------------------------------------------- */

/* {"value","localizedValue"}, or bare. */
static const char *word_of(const json_t *event, const char *name)
{
    const json_t *word = roll_json_get_nocase(event, name);

    return json_is_string(word) ? json_string_value(word) : roll_json_get_string(word, "value");
}

static int64_t time_of(const json_t *event)
{
    const char *text = roll_json_get_string(event, "eventTimestamp");
    int64_t at = 0;

    if (text)
        roll_error_free(roll_time_parse(text, &at));
    return at;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), size = strlen(end);

    return length >= size && g_ascii_strcasecmp(text + length - size, end) == 0;
}

static bool changes(const json_t *event)
{
    const char *operation = word_of(event, "operationName"), *status = word_of(event, "status");

    if (!operation || !status || g_ascii_strcasecmp(status, "Failed") == 0 ||
        g_ascii_strcasecmp(status, "Started") == 0)
        return false;
    return ends_with(operation, "/write") || ends_with(operation, "/delete") ||
           ends_with(operation, "/action");
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

/* Effects of a policy that change something; audits and denials do not. */
static bool is_policy(const char *operation)
{
    static const char *const effects[] = {"deployIfNotExists", "modify", "append", NULL};
    static const char prefix[] = "Microsoft.Authorization/policies/";

    if (!operation || g_ascii_strncasecmp(operation, prefix, strlen(prefix)) != 0)
        return false;
    for (int i = 0; effects[i]; i++)
        if (g_ascii_strncasecmp(operation + strlen(prefix), effects[i], strlen(effects[i])) == 0)
            return true;
    return false;
}

/* The outermost deployment of the same act: the first that the log knows. Owned. */
static char *deployment_of(const json_t *together)
{
    static const char type[] = "/providers/Microsoft.Resources/deployments/";
    const char *found = NULL;
    int64_t first = INT64_MAX;
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)together, index, event) {
        const char *operation = word_of(event, "operationName");
        const char *id = roll_json_get_string(event, "resourceId");
        const char *name = id ? strrchr(id, '/') : NULL;
        g_autofree char *lower = g_ascii_strdown(id ? id : "", -1);
        g_autofree char *wanted = g_ascii_strdown(type, -1);
        if (!operation || !name || !strstr(lower, wanted) ||
            g_ascii_strcasecmp(operation, "Microsoft.Resources/deployments/write") != 0 ||
            time_of(event) >= first)
            continue;
        found = name + 1;
        first = time_of(event);
    }
    return g_strdup(found);
}

static bool by_policy(const json_t *together, const char *deployment)
{
    size_t index;
    json_t *event;

    if (deployment && g_str_has_prefix(deployment, "PolicyDeployment_"))
        return true;
    json_array_foreach ((json_t *)(uintptr_t)together, index, event)
        if (is_policy(word_of(event, "operationName")))
            return true;
    return false;
}

json_t *watch_who(const json_t *event, const json_t *together)
{
    g_autofree char *client = client_of(event), *deployment = deployment_of(together);
    const char *tool = by_policy(together, deployment) ? "policy"
                       : deployment                    ? "deployment"
                       : client                        ? client
                                                       : "unknown";
    const char *person = person_of(event);
    char at[ROLL_TIME_SIZE];

    roll_time_format(time_of(event), at);
    return json_pack("{s:s*,s:s,s:s*,s:s*,s:s,s:s*,s:s*}", "who", person, "tool", tool,
                     "deployment", deployment, "client", deployment ? client : NULL, "at", at,
                     "operation", word_of(event, "operationName"), "correlationId",
                     roll_json_get_string(event, "correlationId"));
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct log {
    struct roll_loop *loop;
    json_t *events; /* or NULL */
    char *why;      /* it could not be read, or NULL */
    bool done;
};

static void logged(void *user, const struct roll_arm_reply *reply)
{
    struct log *log = user;
    json_t *list = json_object_get(reply->body, "value");

    if (reply->outcome == ROLL_ARM_OK && json_is_array(list))
        log->events = json_incref(list);
    else
        log->why = g_strdup(reply->code      ? reply->code
                            : reply->message ? reply->message
                                             : "no answer");
    log->done = true;
    roll_loop_stop(log->loop);
}

/* *ret_events NULL: it cannot be read. */
static struct roll_error *read_log(const struct roll_drift_options *options, struct roll_arm *arm,
                                   const char *subscription, const struct roll_arm_activity *query,
                                   json_t **ret_events, char **unread)
{
    struct log log = {.loop = options->loop};
    struct roll_error *err = NULL;

    roll_arm_activities(arm, subscription, query, logged, &log);
    while (!err && !log.done)
        err = roll_loop_run(options->loop);
    if (log.why && !*unread)
        *unread = g_steal_pointer(&log.why);
    g_free(log.why);
    *ret_events = log.events;
    return err;
}

/* ---- which event explains a difference ------------------------------------------------------- */

/* The resource, or what lies inside it; of one that is gone also what it lay in. */
static bool concerns(const json_t *event, const char *resource, bool deleted)
{
    const char *id = roll_json_get_string(event, "resourceId");
    const char *operation = word_of(event, "operationName");
    size_t length = strlen(resource), size = id ? strlen(id) : 0;

    if (!id)
        return false;
    if (deleted && !ends_with(operation, "/delete"))
        return false;
    if (deleted && size < length)
        return g_ascii_strncasecmp(id, resource, size) == 0 && resource[size] == '/';
    return g_ascii_strncasecmp(id, resource, length) == 0 &&
           (id[length] == '/' || id[length] == '\0');
}

static const json_t *newest_for(const json_t *events, const char *resource, bool deleted,
                                GHashTable *own)
{
    const json_t *found = NULL;
    size_t index;
    json_t *event;

    json_array_foreach ((json_t *)(uintptr_t)events, index, event) {
        const char *correlation = roll_json_get_string(event, "correlationId");
        if (!changes(event) || !concerns(event, resource, deleted) ||
            (correlation && g_hash_table_contains(own, correlation)))
            continue;
        if (!found || time_of(event) > time_of(found))
            found = event;
    }
    return found;
}

/* ---- the differences of one target ----------------------------------------------------------- */

struct search {
    const struct roll_drift_options *options;
    struct roll_arm *arm;
    int64_t from_ms;
    GHashTable *own;      /* correlation ids of what the rollout itself did */
    GHashTable *places;   /* "subscription/group" or a resource's id -> json_t * events */
    GHashTable *together; /* correlation id -> json_t * events */
    char **unread;
};

static void free_json(gpointer value)
{
    json_decref(value);
}

static const char *after(char *const *parts, const char *word)
{
    for (int i = 0; parts[i] && parts[i + 1]; i++)
        if (g_ascii_strcasecmp(parts[i], word) == 0)
            return parts[i + 1];
    return NULL;
}

/* A group's log has what concerns all of its resources. Borrowed; NULL when there is none. */
static struct roll_error *events_for(struct search *search, const char *resource,
                                     const json_t **ret_events)
{
    g_auto(GStrv) parts = g_strsplit(resource, "/", -1);
    const char *subscription = after(parts, "subscriptions");
    const char *group = after(parts, "resourceGroups");
    g_autofree char *key =
        group ? g_strdup_printf("%s/%s", subscription, group) : g_strdup(resource);
    const struct roll_arm_activity query = {.from_ms = search->from_ms,
                                            .resource_group = group,
                                            .resource_id = group ? NULL : resource};
    json_t *events = NULL;

    *ret_events = g_hash_table_lookup(search->places, key);
    if (*ret_events || g_hash_table_size(search->places) >= PLACES_MAX)
        return NULL;
    ROLL_TRY(read_log(search->options, search->arm, subscription, &query, &events, search->unread));
    if (!events)
        events = json_array();
    g_hash_table_insert(search->places, g_steal_pointer(&key), events);
    *ret_events = events;
    return NULL;
}

/* What happened in the same act, wherever: a deployment may have come from above. Borrowed. */
static struct roll_error *events_with(struct search *search, const json_t *event,
                                      const json_t **ret_events)
{
    const char *correlation = roll_json_get_string(event, "correlationId");
    const char *resource = roll_json_get_string(event, "resourceId");
    g_auto(GStrv) parts = g_strsplit(resource ? resource : "", "/", -1);
    const struct roll_arm_activity query = {
        .from_ms = search->from_ms, .correlation_id = correlation, .max = TOGETHER_MAX};
    json_t *events = NULL;

    *ret_events = correlation ? g_hash_table_lookup(search->together, correlation) : NULL;
    if (*ret_events || !correlation)
        return NULL;
    ROLL_TRY(read_log(search->options, search->arm, after(parts, "subscriptions"), &query, &events,
                      search->unread));
    if (!events)
        events = json_array();
    g_hash_table_insert(search->together, g_strdup(correlation), events);
    *ret_events = events;
    return NULL;
}

static struct roll_error *explain(struct search *search, json_t *difference)
{
    const char *resource = roll_json_get_string(difference, "resource");
    const char *change = roll_json_get_string(difference, "change");
    const json_t *events = NULL, *together = NULL, *event;

    ROLL_TRY(events_for(search, resource, &events));
    event = newest_for(events, resource, g_strcmp0(change, "deleted") == 0, search->own);
    if (!event)
        return NULL;
    ROLL_TRY(events_with(search, event, &together));
    json_object_set_new(difference, "by", watch_who(event, together));
    return NULL;
}

/* What was adopted has the correlation id that ARM told then. */
static void know_adopted(const struct roll_drift_options *options, const struct watch_live *live,
                         GHashTable *own)
{
    json_t *details = NULL;
    const char *correlation;

    if (*live->result)
        roll_error_free(roll_ledger_object_json(options->ledger, live->result, &details));
    correlation = roll_json_get_string(details, "correlationId");
    if (correlation)
        g_hash_table_add(own, g_strdup(correlation));
    json_decref(details);
}

/* Of its deployment's attempts and of the actions behind it. */
static void know_own(const struct roll_drift_options *options, const struct watch_live *live,
                     GHashTable *own)
{
    know_adopted(options, live, own);
    for (int64_t step = 0; step <= (int64_t)live->target->steps->len; step++)
        for (int64_t attempt = 1; attempt <= MAX(live->attempt, 1); attempt++) {
            char correlation[ROLL_UUID_SIZE];
            g_free(roll_step_name(options->plan->service, options->environment->name,
                                  live->request_hash, live->target->name, step, attempt,
                                  correlation));
            g_hash_table_add(own, g_strdup(correlation));
        }
}

struct roll_error *watch_attribute(const struct roll_drift_options *options,
                                   const struct watch_live *live, json_t *differences,
                                   char **ret_unread)
{
    g_autoptr(GHashTable) own = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) places =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    g_autoptr(GHashTable) together =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    struct search search = {.options = options,
                            .from_ms = MAX(live->since - EARLIER_MS, roll_now_ms() - LOG_MS),
                            .own = own,
                            .places = places,
                            .together = together,
                            .unread = ret_unread};
    size_t index;
    json_t *difference;

    *ret_unread = NULL;
    ROLL_TRY(roll_links_get(options->links, live->target, &search.arm, NULL));
    know_own(options, live, own);
    json_array_foreach (differences, index, difference)
        ROLL_TRY(explain(&search, difference));
    return NULL;
}
