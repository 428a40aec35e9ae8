/* Reading the activity log (REST reference 10.1): one question for each resource group, one for
 * each act; what was not asked, or not answered in full, is said. */
#include "watch/log.h"

#include <string.h>

#include "rollbook/time.h"

#define PLACES_MAX 40   /* groups or resources that are asked for */
#define ACTS_MAX 40     /* correlation ids */
#define EVENTS_MAX 5000 /* of a place */
#define TOGETHER_MAX 1000

/* What is read of an event: the rest (requests, authorizations) is much, and nobody's business. */
static const char fields[] = "caller,claims,correlationId,eventTimestamp,operationId,operationName,"
                             "resourceId,status";

struct part {
    json_t *events;
    char *gap; /* or NULL */
};

struct watch_log {
    const struct roll_drift_options *options;
    struct roll_arm *arm;
    int64_t from_ms, to_ms;
    bool cut;           /* the log does not reach back far enough */
    GHashTable *places; /* "subscription/group" or a resource's id -> struct part */
    GHashTable *acts;   /* correlation id -> struct part */
    struct part none;   /* for what is not asked any more */
    char *unread;
};

static void part_free(gpointer data)
{
    struct part *part = data;

    json_decref(part->events);
    g_free(part->gap);
    g_free(part);
}

static GHashTable *parts_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, part_free);
}

struct roll_error *watch_log_new(const struct roll_drift_options *options,
                                 const struct watch_live *live, int64_t from_ms, int64_t to_ms,
                                 struct watch_log **ret_log)
{
    int64_t earliest = roll_now_ms() - WATCH_LOG_MS;
    struct roll_arm *arm = NULL;

    ROLL_TRY(roll_links_get(options->links, live->target, &arm, NULL));
    *ret_log = g_new0(struct watch_log, 1);
    **ret_log = (struct watch_log){.options = options,
                                   .arm = arm,
                                   .from_ms = MAX(from_ms, earliest),
                                   .to_ms = to_ms,
                                   .cut = from_ms < earliest,
                                   .places = parts_new(),
                                   .acts = parts_new(),
                                   .none = {json_array(), NULL}};
    return NULL;
}

void watch_log_free(struct watch_log *log)
{
    if (!log)
        return;
    g_hash_table_unref(log->places);
    g_hash_table_unref(log->acts);
    json_decref(log->none.events);
    g_free(log->none.gap);
    g_free(log->unread);
    g_free(log);
}

const char *watch_log_unread(const struct watch_log *log)
{
    return log->unread;
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct answer {
    struct roll_loop *loop;
    json_t *events; /* or NULL */
    char *why;      /* it could not be read, or NULL */
    bool done;
};

static void answered(void *user, const struct roll_arm_reply *reply)
{
    struct answer *answer = user;
    json_t *list = json_object_get(reply->body, "value");

    if (reply->outcome == ROLL_ARM_OK && json_is_array(list))
        answer->events = json_incref(list);
    else
        answer->why = g_strdup(reply->code      ? reply->code
                               : reply->message ? reply->message
                                                : "no answer");
    answer->done = true;
    roll_loop_stop(answer->loop);
}

static struct part *part_of(struct watch_log *log, struct answer *answer, int max)
{
    struct part *part = g_new0(struct part, 1);

    part->events = answer->events ? answer->events : json_array();
    if (answer->why)
        part->gap = g_strdup_printf("the activity log could not be read: %s", answer->why);
    else if (json_array_size(part->events) >= (size_t)max)
        part->gap = g_strdup_printf("the activity log has more than %d entries there; the oldest "
                                    "were not read",
                                    max);
    else if (log->cut)
        part->gap = g_strdup("the activity log keeps 90 days only");
    if (answer->why && !log->unread)
        log->unread = g_strdup(answer->why);
    g_free(answer->why);
    return part;
}

static struct roll_error *ask(struct watch_log *log, const char *subscription,
                              const struct roll_arm_activity *query, struct part **ret_part)
{
    struct answer answer = {.loop = log->options->loop};
    struct roll_error *err = NULL;

    roll_arm_activities(log->arm, subscription, query, answered, &answer);
    while (!err && !answer.done)
        err = roll_loop_run(log->options->loop);
    *ret_part = part_of(log, &answer, query->max);
    return err;
}

/* ---- places ---------------------------------------------------------------------------------- */

static const char *after(char *const *parts, const char *word)
{
    for (int i = 0; parts[i] && parts[i + 1]; i++)
        if (g_ascii_strcasecmp(parts[i], word) == 0)
            return parts[i + 1];
    return NULL;
}

/* A group's log has what concerns all of its resources, also that it was deleted as a whole. */
struct roll_error *watch_log_near(struct watch_log *log, const char *resource,
                                  const json_t **ret_events, const char **ret_gap)
{
    g_auto(GStrv) parts = g_strsplit(resource, "/", -1);
    const char *subscription = after(parts, "subscriptions");
    const char *group = after(parts, "resourceGroups");
    g_autofree char *place =
        group ? g_strdup_printf("%s/%s", subscription, group) : g_strdup(resource);
    g_autofree char *key = g_ascii_strdown(place, -1);
    const struct roll_arm_activity query = {.from_ms = log->from_ms,
                                            .to_ms = log->to_ms,
                                            .resource_group = group,
                                            .resource_id = group ? NULL : resource,
                                            .select = fields,
                                            .max = EVENTS_MAX};
    struct part *part = g_hash_table_lookup(log->places, key);
    struct roll_error *err = NULL;

    if (!part && g_hash_table_size(log->places) >= PLACES_MAX) {
        part = &log->none;
        g_free(part->gap);
        part->gap = g_strdup_printf("there are differences in more than %d places; the activity "
                                    "log of the others was not asked",
                                    PLACES_MAX);
    } else if (!part) {
        err = ask(log, subscription, &query, &part);
        g_hash_table_insert(log->places, g_steal_pointer(&key), part);
    }
    *ret_events = part->events;
    *ret_gap = part->gap;
    return err;
}

/* ---- acts ------------------------------------------------------------------------------------ */

static json_t *with(const json_t *near, const char *correlation)
{
    json_t *list = json_array(), *event;
    size_t index;

    json_array_foreach ((json_t *)(uintptr_t)near, index, event)
        if (g_strcmp0(roll_json_get_string(event, "correlationId"), correlation) == 0)
            json_array_append(list, event);
    return list;
}

/* A deployment may have come from above the group, so that the group's own log lacks it. */
struct roll_error *watch_log_act(struct watch_log *log, const json_t *event, const json_t *near,
                                 json_t **ret_events, const char **ret_gap)
{
    const char *correlation = roll_json_get_string(event, "correlationId");
    const char *resource = roll_json_get_string(event, "resourceId");
    g_auto(GStrv) parts = g_strsplit(resource ? resource : "", "/", -1);
    const struct roll_arm_activity query = {.from_ms = log->from_ms,
                                            .to_ms = log->to_ms,
                                            .correlation_id = correlation,
                                            .select = fields,
                                            .max = TOGETHER_MAX};
    struct part *part = correlation ? g_hash_table_lookup(log->acts, correlation) : NULL;
    struct roll_error *err = NULL;

    *ret_gap = NULL;
    *ret_events = correlation ? with(near, correlation) : json_array();
    if (!correlation)
        return NULL;
    if (!part && g_hash_table_size(log->acts) >= ACTS_MAX) {
        *ret_gap = "whether a deployment did it was not asked: too many acts differ";
        return NULL;
    }
    if (!part) {
        err = ask(log, after(parts, "subscriptions"), &query, &part);
        g_hash_table_insert(log->acts, g_strdup(correlation), part);
    }
    json_array_extend(*ret_events, part->events);
    *ret_gap = part->gap;
    return err;
}
