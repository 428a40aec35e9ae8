/* What the ledger has of ARM's history, and what a target has of it. */
#include "watch/adopt.h"

#include <string.h>

/* ---- rows ------------------------------------------------------------------------------------ */

static void found_free(void *data)
{
    struct watch_found *found = data;

    g_free(found->target);
    g_free(found->name);
    g_free(found->state);
    g_free(found->template_digest);
    g_free(found->parameters_digest);
    g_free(found->details_digest);
    json_decref(found->details);
    g_free(found);
}

static struct roll_error *see_row(void *user, const struct roll_adopted_row *row)
{
    struct watch_found *found = g_new0(struct watch_found, 1);

    found->target = g_strdup(row->target);
    found->name = g_strdup(row->name);
    found->at = row->at;
    found->seq = row->seq;
    found->accepted = row->accepted;
    g_ptr_array_add(user, found);
    return NULL;
}

static struct roll_error *load(struct roll_ledger *ledger, const char *stream,
                               struct watch_found *found)
{
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_deployment_adopted *body;

    ROLL_TRY(roll_ledger_event(ledger, stream, found->seq, &event));
    body = roll_event_body(event, deployment_adopted);
    if (!body)
        return NULL;
    found->state = g_strdup(body->state);
    found->template_digest = g_strdup(body->template);
    found->parameters_digest = g_strdup(body->parameters);
    found->details_digest = g_strdup(body->details);
    return body->details ? roll_ledger_object_json(ledger, body->details, &found->details) : NULL;
}

struct roll_error *watch_found_read(const struct roll_adopt_options *options, const char *stream,
                                    GPtrArray **ret_found)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(found_free);

    ROLL_TRY(roll_ledger_adopted(options->ledger, stream, see_row, all));
    for (guint i = 0; i < all->len; i++)
        ROLL_TRY(load(options->ledger, stream, all->pdata[i]));
    *ret_found = g_steal_pointer(&all);
    return NULL;
}

bool watch_found_succeeded(const struct watch_found *found)
{
    return found->state && g_ascii_strcasecmp(found->state, "Succeeded") == 0;
}

int64_t watch_found_duration(const struct watch_found *found)
{
    return json_integer_value(json_object_get(found->details, "durationMs"));
}

/* ---- what came last -------------------------------------------------------------------------- */

struct watch_traces {
    GHashTable *resources; /* id in lower case -> int64_t *: when it was put last */
    GHashTable *unknown;   /* target -> int64_t *: when something last put nobody knows what */
    GHashTable *any;       /* target -> int64_t *: when anything was put last */
};

static void be_later(GHashTable *times, const char *name, int64_t at)
{
    int64_t *known = g_hash_table_lookup(times, name);

    if (!known)
        g_hash_table_insert(times, g_strdup(name), g_memdup2(&at, sizeof at));
    else
        *known = MAX(*known, at);
}

static int64_t time_of(GHashTable *times, const char *name)
{
    const int64_t *known = g_hash_table_lookup(times, name);

    return known ? *known : 0;
}

/* resources: ids, or objects that have one. */
static void leave(struct watch_traces *traces, const char *target, const json_t *resources,
                  int64_t at, bool matters)
{
    size_t index;
    json_t *resource;

    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        const char *id = json_is_string(resource) ? json_string_value(resource)
                                                  : roll_json_get_string(resource, "id");
        g_autofree char *lower = g_ascii_strdown(id ? id : "", -1);
        be_later(traces->resources, lower, at);
    }
    if (matters)
        be_later(traces->any, target, at);
    if (matters && json_array_size(resources) == 0)
        be_later(traces->unknown, target, at);
}

/* One that runs may yet put anything. What others put is known by its resources, or not at all. */
static void leave_entry(struct watch_traces *traces, const struct watch_entry *entry)
{
    const json_t *properties = roll_json_get_nocase(entry->deployment, "properties");
    bool matters = entry->class != WATCH_OTHER && entry->class != WATCH_NESTED &&
                   !g_str_has_prefix(entry->name, "PolicyDeployment_");
    int64_t at = roll_arm_state_is_final(entry->state) ? entry->at : INT64_MAX;

    leave(traces, entry->target->name, roll_json_get_nocase(properties, "outputResources"), at,
          matters);
}

struct watch_traces *watch_traces_new(const struct watch_adopting *adopting, const GPtrArray *found)
{
    const GPtrArray *entries = adopting->entries;
    struct watch_traces *traces = g_new0(struct watch_traces, 1);
    bool missing;

    traces->resources = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    traces->unknown = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    traces->any = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    for (guint i = 0; i < entries->len; i++)
        leave_entry(traces, entries->pdata[i]);
    for (guint i = 0; i < found->len; i++) {
        const struct watch_found *row = found->pdata[i];
        leave(traces, row->target, json_object_get(row->details, "outputResources"), row->at, true);
        /* What is not there, or cannot be read, may have got anything since. */
        if (watch_adopt_gap(adopting, row->target, &missing))
            be_later(traces->unknown, row->target, INT64_MAX);
    }
    return traces;
}

void watch_traces_free(struct watch_traces *traces)
{
    if (!traces)
        return;
    g_hash_table_unref(traces->resources);
    g_hash_table_unref(traces->unknown);
    g_hash_table_unref(traces->any);
    g_free(traces);
}

bool watch_traces_is_live(const struct watch_traces *traces, const struct watch_found *piece)
{
    const json_t *resources = json_object_get(piece->details, "outputResources");
    size_t index;
    json_t *id;

    if (time_of(traces->unknown, piece->target) > piece->at)
        return false;
    if (json_array_size(resources) == 0)
        return time_of(traces->any, piece->target) <= piece->at;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, id) {
        g_autofree char *lower =
            g_ascii_strdown(json_string_value(id) ? json_string_value(id) : "", -1);
        if (time_of(traces->resources, lower) > piece->at)
            return false;
    }
    return true;
}
