/* Resources that an older template does not know: what was put on a target since the goal was first
 * there, and the goal's own deployments did not put. Told from what ARM answered (the results of
 * steps), not from templates. */
#include "release/history.h"

/* ---- results --------------------------------------------------------------------------------- */

/* Step 0 of a rollout on the target. */
struct deployment {
    char *release;
    char *result; /* digest, or NULL */
    bool succeeded;
};

struct gathering {
    const char *target;
    GArray *deployments;
};

static void clear_deployment(void *data)
{
    struct deployment *deployment = data;
    g_free(deployment->release);
    g_free(deployment->result);
}

static struct roll_error *take_step(void *user, const struct roll_step_row *row)
{
    struct gathering *gathering = user;
    if (row->step != 0 || !row->release || strcmp(row->target, gathering->target) != 0)
        return NULL;
    struct deployment deployment = {
        .release = g_strdup(row->release),
        .result = g_strdup(row->result),
        .succeeded = g_strcmp0(row->outcome, "succeeded") == 0,
    };
    g_array_append_val(gathering->deployments, deployment);
    return NULL;
}

static struct roll_error *take_number(void *user, const struct roll_rollout_row *row)
{
    g_array_append_val((GArray *)user, row->number);
    return NULL;
}

/* Every deployment of the target that is recorded, newest first. */
static struct roll_error *gather(struct roll_ledger *ledger, const char *stream, const char *target,
                                 GArray *deployments)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
    const struct roll_rollout_query query = {.stream = stream};
    ROLL_TRY(roll_ledger_rollouts(ledger, &query, take_number, numbers));
    struct gathering gathering = {target, deployments};
    for (guint i = 0; i < numbers->len; i++)
        ROLL_TRY(roll_ledger_steps(ledger, stream, g_array_index(numbers, int64_t, i), take_step,
                                   &gathering));
    return NULL;
}

/* ---- ids: in lower case, to {"id","release"} ------------------------------------------------- */

static void free_json(gpointer value)
{
    json_decref(value);
}

static void add_id(GHashTable *ids, const char *id, const char *release)
{
    if (!id)
        return;
    g_autofree char *key = g_ascii_strdown(id, -1);
    if (g_hash_table_contains(ids, key)) /* the newest that put it is looked at first */
        return;
    json_t *leftover = json_object();
    json_object_set_new(leftover, "id", json_string(id));
    json_object_set_new(leftover, "release", json_string(release));
    g_hash_table_insert(ids, g_steal_pointer(&key), leftover);
}

static const char *id_of(const json_t *resource)
{
    return json_is_string(resource) ? json_string_value(resource)
                                    : roll_json_get_string(resource, "id");
}

/* The result names resources by id: {"outputResources":["/subscriptions/…"]}; objects with "id", as
 * ARM has them, will do. */
static struct roll_error *add_result(struct roll_ledger *ledger,
                                     const struct deployment *deployment, GHashTable *ids)
{
    roll_auto(json) json_t *result = NULL;
    if (!deployment->result || !roll_ledger_has_object(ledger, deployment->result))
        return NULL; /* redacted, or nothing was answered */
    ROLL_TRY(roll_ledger_object_json(ledger, deployment->result, &result));
    const json_t *resources = json_object_get(result, "outputResources");
    for (size_t i = 0; i < json_array_size(resources); i++)
        add_id(ids, id_of(json_array_get(resources, i)), deployment->release);
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
                                   const char *release, GHashTable *newer, GHashTable *goal)
{
    int first = first_success(deployments, release);
    for (int i = 0; i <= first; i++) {
        const struct deployment *deployment = &g_array_index(deployments, struct deployment, i);
        bool of_goal = strcmp(deployment->release, release) == 0;
        ROLL_TRY(add_result(ledger, deployment, of_goal ? goal : newer));
    }
    return NULL;
}

struct roll_error *roll_release_leftovers(struct roll_ledger *ledger, const char *stream,
                                          const struct roll_order_target *target,
                                          json_t **ret_leftovers)
{
    g_autoptr(GArray) deployments = g_array_new(FALSE, FALSE, sizeof(struct deployment));
    g_array_set_clear_func(deployments, clear_deployment);
    g_autoptr(GHashTable) newer = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    g_autoptr(GHashTable) goal = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_json);
    ROLL_TRY(gather(ledger, stream, target->name, deployments));
    ROLL_TRY(sort_out(ledger, deployments, target->release, newer, goal));
    *ret_leftovers = subtract(newer, goal);
    return NULL;
}
