/* Resources that an older template does not know: what was put on a target since the goal was first
 * there, and the goal's own deployments did not put. Told from what ARM answered (the results of
 * steps), not from templates. */
#include "release/leftovers.h"

#include "release/history.h"

/* ---- what was put ---------------------------------------------------------------------------- */

/* A rollout that may have put something. */
struct source {
    int64_t number;
    const char *order; /* digest, in the chunk */
    bool pruned;       /* it deleted something, somewhere */
};

/* Only which rollouts count is kept: what they did to a target is read by key when that target is
 * asked for, so that a fleet with a long history costs no memory. */
struct roll_leftovers {
    struct roll_ledger *ledger; /* borrowed */
    char *stream;
    GArray *sources; /* struct source, newest first */
    GStringChunk *digests;
};

/* Step 0 of a rollout on a target. */
struct deployment {
    char *release;
    char *result; /* digest, or NULL */
    bool succeeded;
    int64_t began_at;
    const char *order; /* borrowed from its source */
    GPtrArray *pruned; /* ids that this rollout deleted afterwards, in lower case; or NULL */
};

static void clear_deployment(void *data)
{
    struct deployment *deployment = data;
    g_free(deployment->release);
    g_free(deployment->result);
    if (deployment->pruned)
        g_ptr_array_unref(deployment->pruned);
}

/* Not before its intent, nor before ARM began with it by ARM's own clock: resources are dated by
 * that one, and with ours behind it what somebody made just before would be taken for ours. */
static int64_t began_at(const struct roll_step_row *row)
{
    int64_t by_arm = row->duration_ms > 0 ? row->arm_at - row->duration_ms - 2000 : 0;
    return MAX(row->intended_at, by_arm);
}

static struct roll_error *take_step(void *user, const struct roll_step_row *row)
{
    GArray *deployments = user;
    if (row->step != 0 || !row->release)
        return NULL;
    struct deployment deployment = {
        .release = g_strdup(row->release),
        .result = g_strdup(row->result),
        .succeeded = g_strcmp0(row->outcome, "succeeded") == 0,
        .began_at = began_at(row),
    };
    g_array_append_val(deployments, deployment);
    return NULL;
}

static struct roll_error *take_prune(void *user, const struct roll_prune_row *row)
{
    struct deployment *deployment = user;
    if (g_strcmp0(row->outcome, "deleted") != 0)
        return NULL;
    if (!deployment->pruned)
        deployment->pruned = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(deployment->pruned, g_ascii_strdown(row->resource, -1));
    return NULL;
}

/* Newest first. A rollout deletes only where it has deployed. */
static struct roll_error *read_deployments(const struct roll_leftovers *leftovers,
                                           const char *target, GArray *deployments)
{
    for (guint i = 0; i < leftovers->sources->len; i++) {
        const struct source *source = &g_array_index(leftovers->sources, struct source, i);
        guint before = deployments->len;
        ROLL_TRY(roll_ledger_steps_of(leftovers->ledger, leftovers->stream, source->number, target,
                                      take_step, deployments));
        if (deployments->len == before)
            continue;
        struct deployment *last = &g_array_index(deployments, struct deployment, before);
        last->order = source->order;
        if (source->pruned)
            ROLL_TRY(roll_ledger_prunes_of(leftovers->ledger, leftovers->stream, source->number,
                                           target, take_prune, last));
    }
    return NULL;
}

/* ---- how far back ---------------------------------------------------------------------------- */

/* Rollouts back to the first that brought any of the goals: what was put before is not looked at.
 */
struct reach {
    struct roll_leftovers *leftovers;
    GHashTable *goals; /* versions, borrowed */
    int64_t until;     /* newer ones do not count; 0: all do */
    guint count, needed;
};

static bool counts(const struct reach *reach, const struct roll_rollout_row *row)
{
    return !reach->until || row->number <= reach->until;
}

static struct roll_error *measure(void *user, const struct roll_rollout_row *row)
{
    struct reach *reach = user;
    if (!counts(reach, row))
        return NULL;
    reach->count++;
    if (row->release && g_hash_table_contains(reach->goals, row->release))
        reach->needed = reach->count;
    return NULL;
}

static struct roll_error *take_rollout(void *user, const struct roll_rollout_row *row)
{
    struct reach *reach = user;
    struct roll_leftovers *leftovers = reach->leftovers;
    if (!counts(reach, row) || leftovers->sources->len >= reach->needed)
        return NULL;
    const struct source source = {
        row->number, g_string_chunk_insert_const(leftovers->digests, row->order), false};
    g_array_append_val(leftovers->sources, source);
    return NULL;
}

static struct roll_error *see_prune(void *user, const struct roll_prune_row *row)
{
    struct source *source = user;
    source->pruned = source->pruned || g_strcmp0(row->outcome, "deleted") == 0;
    return NULL;
}

static struct roll_error *gather(struct roll_leftovers *leftovers, GHashTable *goals, int64_t until)
{
    struct reach reach = {.leftovers = leftovers, .goals = goals, .until = until};
    const struct roll_rollout_query query = {.stream = leftovers->stream};
    ROLL_TRY(roll_ledger_rollouts(leftovers->ledger, &query, measure, &reach));
    ROLL_TRY(roll_ledger_rollouts(leftovers->ledger, &query, take_rollout, &reach));
    for (guint i = 0; i < leftovers->sources->len; i++) {
        struct source *source = &g_array_index(leftovers->sources, struct source, i);
        ROLL_TRY(roll_ledger_prunes(leftovers->ledger, leftovers->stream, source->number, see_prune,
                                    source));
    }
    return NULL;
}

struct roll_error *roll_leftovers_new(struct roll_ledger *ledger, const struct roll_order *order,
                                      int64_t until, struct roll_leftovers **ret_leftovers)
{
    g_autoptr(GHashTable) goals = g_hash_table_new(g_str_hash, g_str_equal);
    roll_auto(leftovers) struct roll_leftovers *leftovers = g_new0(struct roll_leftovers, 1);
    leftovers->ledger = ledger;
    leftovers->stream = g_strdup_printf("%s/%s", order->service, order->environment);
    leftovers->sources = g_array_new(FALSE, FALSE, sizeof(struct source));
    leftovers->digests = g_string_chunk_new(4096);
    for (guint i = 0; i < order->targets->len; i++)
        g_hash_table_add(goals, ((struct roll_order_target *)order->targets->pdata[i])->release);
    ROLL_TRY(gather(leftovers, goals, until));
    *ret_leftovers = g_steal_pointer(&leftovers);
    return NULL;
}

void roll_leftovers_free(struct roll_leftovers *leftovers)
{
    if (!leftovers)
        return;
    g_free(leftovers->stream);
    g_array_unref(leftovers->sources);
    g_string_chunk_free(leftovers->digests);
    g_free(leftovers);
}

/* ---- ids: in lower case, to {"id","release"} -------------------------------------------------
 * "begun": true where no deployment got it done, so that it may not be there. */

static void free_json(gpointer value)
{
    json_decref(value);
}

static void add_id(GHashTable *ids, const char *id, const char *release, bool begun)
{
    if (!id)
        return;
    g_autofree char *key = g_ascii_strdown(id, -1);
    json_t *known = g_hash_table_lookup(ids, key);
    if (known) { /* the newest that put it is looked at first */
        if (!begun)
            json_object_del(known, "begun");
        return;
    }
    json_t *leftover = json_object();
    json_object_set_new(leftover, "id", json_string(id));
    json_object_set_new(leftover, "release", json_string(release));
    if (begun)
        json_object_set_new(leftover, "begun", json_true());
    g_hash_table_insert(ids, g_steal_pointer(&key), leftover);
}

static const char *id_of(const json_t *resource)
{
    return json_is_string(resource) ? json_string_value(resource)
                                    : roll_json_get_string(resource, "id");
}

static void free_added(gpointer data)
{
    struct release_added *added = data;
    g_free(added->order);
    g_free(added);
}

GHashTable *release_added_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_added);
}

static void note_added(GHashTable *all, const char *key, const struct deployment *deployment)
{
    struct release_added *added = g_hash_table_lookup(all, key);
    if (!added) {
        added = g_new0(struct release_added, 1);
        added->order = g_strdup(deployment->order);
        g_hash_table_insert(all, g_strdup(key), added);
    }
    added->at = deployment->began_at; /* older and older */
}

static void add_present(GHashTable *ids, GHashTable *gone, GHashTable *added, const char *id,
                        const struct deployment *deployment, bool begun)
{
    g_autofree char *key = g_ascii_strdown(id ? id : "", -1);
    if (g_hash_table_contains(gone, key))
        return;
    add_id(ids, id, deployment->release, begun);
    if (added)
        note_added(added, key, deployment);
}

static bool is_among(const json_t *resources, const char *id)
{
    size_t index;
    json_t *resource;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource)
        if (id && g_strcmp0(id_of(resource), id) == 0)
            return true;
    return false;
}

/* gone: what a stack, or --prune, deleted after this deployment, to which is added what this one
 * deleted. The result names resources by id: {"outputResources":["/subscriptions/…"]}; objects with
 * "id", as ARM has them, will do. */
static struct roll_error *add_result(struct roll_ledger *ledger,
                                     const struct deployment *deployment, GHashTable *gone,
                                     GHashTable *added, GHashTable *ids)
{
    for (guint i = 0; deployment->pruned && i < deployment->pruned->len; i++)
        g_hash_table_add(gone, g_strdup(g_ptr_array_index(deployment->pruned, i)));

    roll_auto(json) json_t *result = NULL;
    if (!deployment->result || !roll_ledger_has_object(ledger, deployment->result))
        return NULL; /* redacted, or nothing was answered */
    ROLL_TRY(roll_ledger_object_json(ledger, deployment->result, &result));
    const json_t *resources = json_object_get(result, "outputResources");
    const json_t *begun = json_object_get(result, "begunResources");
    for (size_t i = 0; i < json_array_size(resources); i++) {
        const char *id = id_of(json_array_get(resources, i));
        add_present(ids, gone, added, id, deployment, is_among(begun, id));
    }
    const json_t *deleted = json_object_get(result, "deletedResources");
    for (size_t i = 0; i < json_array_size(deleted); i++)
        if (id_of(json_array_get(deleted, i)))
            g_hash_table_add(gone, g_ascii_strdown(id_of(json_array_get(deleted, i)), -1));
    return NULL;
}

/* ---- the difference -------------------------------------------------------------------------- */

/* The index (newest first) of the goal's first success on the target; -1 when it never succeeded
 * there. */
static int first_success(const GArray *deployments, const char *release)
{
    for (int i = (int)deployments->len - 1; i >= 0; i--) {
        const struct deployment *deployment = &g_array_index(deployments, struct deployment, i);
        if (deployment->succeeded && strcmp(deployment->release, release) == 0)
            return i;
    }
    return -1;
}

static int by_id(gconstpointer a, gconstpointer b)
{
    return g_ascii_strcasecmp(roll_json_get_string(*(const json_t *const *)a, "id"),
                              roll_json_get_string(*(const json_t *const *)b, "id"));
}

static json_t *subtract(GHashTable *newer, GHashTable *goal)
{
    g_autoptr(GPtrArray) left = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key, value;
    g_hash_table_iter_init(&iter, newer);
    while (g_hash_table_iter_next(&iter, &key, &value))
        if (!g_hash_table_contains(goal, key))
            g_ptr_array_add(left, value);
    g_ptr_array_sort(left, by_id);
    json_t *array = json_array();
    for (guint i = 0; i < left->len; i++)
        json_array_append(array, g_ptr_array_index(left, i));
    return array;
}

static struct roll_error *sort_out(struct roll_ledger *ledger, const GArray *deployments,
                                   const char *release, GHashTable *newer, GHashTable *goal,
                                   GHashTable *added)
{
    g_autoptr(GHashTable) gone = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    int first = first_success(deployments, release);
    for (int i = 0; i <= first; i++) {
        const struct deployment *deployment = &g_array_index(deployments, struct deployment, i);
        bool of_goal = strcmp(deployment->release, release) == 0;
        ROLL_TRY(
            add_result(ledger, deployment, gone, of_goal ? NULL : added, of_goal ? goal : newer));
    }
    return NULL;
}

struct roll_error *roll_leftovers_of(struct roll_leftovers *leftovers,
                                     const struct roll_order_target *target, json_t **ret_leftovers)
{
    return release_leftovers_added(leftovers, target, NULL, ret_leftovers);
}

struct roll_error *release_leftovers_added(struct roll_leftovers *leftovers,
                                           const struct roll_order_target *target,
                                           GHashTable *added, json_t **ret_leftovers)
{
    g_autoptr(GHashTable) newer = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    g_autoptr(GHashTable) goal = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    g_autoptr(GArray) deployments = g_array_new(FALSE, FALSE, sizeof(struct deployment));
    g_array_set_clear_func(deployments, clear_deployment);
    ROLL_TRY(read_deployments(leftovers, target->name, deployments));
    ROLL_TRY(sort_out(leftovers->ledger, deployments, target->release, newer, goal, added));
    *ret_leftovers = subtract(newer, goal);
    return NULL;
}
