/* Functions that take arrays, or objects, as sets: distinct, union, intersection (reference 17.4).
 */
#include "function.h"

/* A hash that equal values share: numbers alike, objects by their size only. */
static guint set_hash(const json_t *value)
{
    if (json_is_string(value))
        return g_str_hash(json_string_value(value));
    if (json_is_number(value))
        return (guint)(gint64)CLAMP(json_number_value(value), -1e15, 1e15);
    if (json_is_object(value))
        return 77 + (guint)json_object_size(value);
    if (json_is_array(value))
        return 7777 + (guint)json_array_size(value) * 31 +
               (json_array_size(value) > 0 ? set_hash(json_array_get(value, 0)) : 0);
    return (guint)json_typeof(value);
}

/* Appends value to set unless it is there; seen: hash → GArray of indexes. */
static struct roll_error *set_add(struct work *work, json_t *set, GHashTable *seen, json_t *value)
{
    gpointer key = GUINT_TO_POINTER(set_hash(value));
    GArray *indexes = g_hash_table_lookup(seen, key);
    if (!indexes) {
        indexes = g_array_new(FALSE, FALSE, sizeof(size_t));
        g_hash_table_insert(seen, key, indexes);
    }
    for (guint i = 0; i < indexes->len; i++) {
        bool equal = false;
        ROLL_TRY(value_equal(work, json_array_get(set, g_array_index(indexes, size_t, i)), value,
                             &equal));
        if (equal)
            return NULL;
    }
    size_t index = json_array_size(set);
    g_array_append_val(indexes, index);
    json_array_append(set, value);
    return work_hold(work, ROLL_JSON_ITEM_BYTES + 176); /* and its place among those seen */
}

static void free_indexes(gpointer indexes)
{
    g_array_free(indexes, TRUE);
}

static struct roll_error *distinct_elements(const struct call *call, json_t **arrays,
                                            unsigned count, json_t **ret_value)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(NULL, NULL, NULL, free_indexes);
    roll_auto(json) json_t *set = json_array();
    size_t index;
    json_t *element;
    for (unsigned i = 0; i < count; i++)
        json_array_foreach (arrays[i], index, element)
            ROLL_TRY(set_add(call->eval->work, set, seen, element));
    *ret_value = g_steal_pointer(&set);
    return NULL;
}

struct roll_error *function_distinct(const struct call *call, json_t **ret_value)
{
    return distinct_elements(call, call->args, 1, ret_value);
}

/* All arguments of the kind of the first one. */
static struct roll_error *check_same_kind(const struct call *call)
{
    for (unsigned i = 1; i < call->count; i++)
        if (json_typeof(call->args[i]) != json_typeof(call->args[0]))
            return function_error(
                call,
                "expects its parameters to be all arrays or all objects. The provided types are "
                "'%s' and '%s'.",
                type_word(call->args[0]), type_word(call->args[i]));
    return NULL;
}

static struct roll_error *union_objects(const struct call *call, json_t *a, json_t *b,
                                        unsigned depth, json_t **ret_value);

static json_t *unknown_union(struct work *work, json_t *a, json_t *b)
{
    const struct expr *args[2] = {expr_of(work, a), expr_of(work, b)};
    return marker_new(work, expr_call(work, "union", args, 2));
}

static struct roll_error *union_member(const struct call *call, json_t *before, json_t *value,
                                       unsigned depth, json_t **ret_value)
{
    bool may_merge = before && (json_is_object(before) || is_marker(before)) &&
                     (json_is_object(value) || is_marker(value));
    if (!may_merge) {
        *ret_value = json_incref(value);
        return NULL;
    }
    if (is_marker(before) || is_marker(value)) {
        *ret_value = unknown_union(call->eval->work, before, value);
        return NULL;
    }
    return union_objects(call, before, value, depth + 1, ret_value);
}

static struct roll_error *union_objects(const struct call *call, json_t *a, json_t *b,
                                        unsigned depth, json_t **ret_value)
{
    const char *key;
    json_t *value;
    if (depth > MAX_VALUE_DEPTH)
        return function_error(call, "was invoked with values that nest too deeply.");
    ROLL_TRY(work_burn(call->eval->work, json_object_size(a) + json_object_size(b)));
    /* the copy, and as much again for the names that are looked up without regard to case */
    ROLL_TRY(work_hold(call->eval->work, 2 * (container_bytes(a) + container_bytes(b))));
    roll_auto(json) json_t *both = object_copy(a);
    roll_auto(merge) struct merge *merge = merge_new(both);
    json_object_foreach (b, key, value) {
        json_t *merged = NULL;
        ROLL_TRY(union_member(call, json_object_get(both, merge_key(merge, key)), value, depth,
                              &merged));
        merge_put(merge, key, merged);
    }
    *ret_value = g_steal_pointer(&both);
    return NULL;
}

struct roll_error *function_union(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(check_same_kind(call));
    if (json_is_array(call->args[0])) {
        for (unsigned i = 0; i < call->count; i++)
            if (value_has_marker(call->eval->work, call->args[i])) {
                *ret_value = call_unknown(call);
                return NULL;
            }
        return distinct_elements(call, call->args, call->count, ret_value);
    }
    roll_auto(json) json_t *all = json_incref(call->args[0]);
    for (unsigned i = 1; i < call->count; i++) {
        json_t *both = NULL;
        ROLL_TRY(union_objects(call, all, call->args[i], 0, &both));
        json_decref(all);
        all = both;
    }
    *ret_value = g_steal_pointer(&all);
    return NULL;
}

static struct roll_error *intersect_objects(const struct call *call, json_t **ret_value)
{
    const char *key;
    json_t *value;
    roll_auto(json) json_t *common = json_object();
    json_object_foreach (call->args[0], key, value) {
        bool in_all = true;
        for (unsigned i = 1; in_all && i < call->count; i++) {
            const json_t *other = object_get(call->args[i], key);
            in_all = other != NULL;
            if (other)
                ROLL_TRY(value_equal(call->eval->work, value, other, &in_all));
        }
        if (in_all)
            object_put(common, key, json_incref(value));
    }
    *ret_value = g_steal_pointer(&common);
    return NULL;
}

struct roll_error *function_intersection(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(check_same_kind(call));
    ROLL_TRY(work_hold(call->eval->work, container_bytes(call->args[0])));
    if (json_is_object(call->args[0]))
        return intersect_objects(call, ret_value);
    roll_auto(json) json_t *all = NULL;
    ROLL_TRY(distinct_elements(call, call->args, 1, &all));
    for (unsigned i = 1; i < call->count; i++) {
        json_t *kept = json_array();
        size_t index;
        json_t *element;
        struct roll_error *err = NULL;
        json_array_foreach (all, index, element) {
            size_t found = SIZE_MAX;
            bool unknown = false;
            err = array_find(call, call->args[i], element, &found, &unknown);
            if (err)
                break;
            if (found != SIZE_MAX)
                json_array_append(kept, element);
        }
        json_decref(all);
        all = kept;
        ROLL_TRY(err);
    }
    *ret_value = g_steal_pointer(&all);
    return NULL;
}
