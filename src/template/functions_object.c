/* Functions of objects (reference 17.4). */
#include "function.h"

struct roll_error *function_create_object(const struct call *call, json_t **ret_value)
{
    roll_auto(json) json_t *object = json_object();
    if (call->count % 2 != 0)
        return function_error(call, "expects an even number of parameters. '%u' were provided.",
                              call->count);
    ROLL_TRY(work_hold(call->eval->work, OBJECT_BYTES(call->count)));
    for (unsigned i = 0; i < call->count; i += 2) {
        json_t *key = is_marker(call->args[i]) ? marker_of(call->args[i])->hidden : call->args[i];
        if (!key) {
            *ret_value = call_unknown(call);
            return NULL;
        }
        if (!json_is_string(key))
            return argument_type_error(call->function, i, T_STRING, call->args[i]);
        object_put(object, json_string_value(key), json_incref(call->args[i + 1]));
    }
    *ret_value = g_steal_pointer(&object);
    return NULL;
}

struct roll_error *function_shallow_merge(const struct call *call, json_t **ret_value)
{
    size_t index;
    json_t *element;
    const char *key;
    json_t *value;
    roll_auto(json) json_t *all = json_object();
    roll_auto(merge) struct merge *merge = merge_new(all);
    json_array_foreach (call->args[0], index, element) {
        json_t *object = is_marker(element) ? marker_of(element)->hidden : element;
        if (!object) {
            *ret_value = call_unknown(call);
            return NULL;
        }
        if (!json_is_object(object))
            return function_error(
                call,
                "expects its parameter to be an array of objects. The element at index '%zu' is "
                "of type '%s'.",
                index, type_word(object));
        ROLL_TRY(work_burn(call->eval->work, json_object_size(object)));
        ROLL_TRY(work_hold(call->eval->work, 2 * container_bytes(object)));
        json_object_foreach (object, key, value)
            merge_put(merge, key, json_incref(value));
    }
    *ret_value = g_steal_pointer(&all);
    return NULL;
}

struct entry {
    const char *key;
    json_t *value;
    size_t position;
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    int order = key_compare(left->key, right->key);
    return order != 0 ? order : left->position < right->position ? -1 : 1;
}

/* The members ordered by key, case ignored. */
static GArray *sorted_entries(json_t *object)
{
    const char *key;
    json_t *value;
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(struct entry));
    json_object_foreach (object, key, value) {
        struct entry entry = {.key = key, .value = value, .position = entries->len};
        g_array_append_val(entries, entry);
    }
    g_array_sort(entries, compare_entries);
    return entries;
}

struct roll_error *function_items(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(work_burn(call->eval->work, 4 * json_object_size(call->args[0])));
    ROLL_TRY(work_hold(call->eval->work, container_bytes(call->args[0]) +
                                             json_object_size(call->args[0]) *
                                                 (OBJECT_BYTES(2) + ROLL_JSON_STRING_BYTES)));
    g_autoptr(GArray) entries = sorted_entries(call->args[0]);
    json_t *items = json_array();
    for (guint i = 0; i < entries->len; i++) {
        const struct entry *entry = &g_array_index(entries, struct entry, i);
        json_t *item = json_object();
        object_put(item, "key", json_text(entry->key));
        object_put(item, "value", json_incref(entry->value));
        json_array_append_new(items, item);
    }
    *ret_value = items;
    return NULL;
}

struct roll_error *function_object_keys(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(work_burn(call->eval->work, 4 * json_object_size(call->args[0])));
    ROLL_TRY(work_hold(call->eval->work, container_bytes(call->args[0])));
    g_autoptr(GArray) entries = sorted_entries(call->args[0]);
    json_t *keys = json_array();
    for (guint i = 0; i < entries->len; i++)
        json_array_append_new(keys, json_text(g_array_index(entries, struct entry, i).key));
    *ret_value = keys;
    return NULL;
}

/* One step of tryGet: NULL when there is nothing there. */
static json_t *try_step(json_t *value, const json_t *key)
{
    if (json_is_object(value) && json_is_string(key))
        return object_get(value, json_string_value(key));
    if (json_is_array(value) && json_is_integer(key) && json_integer_value(key) >= 0)
        return json_array_get(value, (size_t)json_integer_value(key));
    return NULL;
}

/* What is left of the call from its argument `from` on, applied to value. */
static json_t *rest_unknown(const struct call *call, json_t *value, unsigned from)
{
    struct work *work = call->eval->work;
    const struct expr **args = g_newa(const struct expr *, call->count);
    args[0] = expr_of(work, value);
    for (unsigned i = from; i < call->count; i++)
        args[i - from + 1] = expr_of(work, call->args[i]);
    return marker_new(work, expr_call(work, "tryGet", args, call->count - from + 1));
}

/* A member that is known of something that as a whole is not, or NULL. */
static json_t *known_fact(const json_t *value, const json_t *key)
{
    const json_t *facts = is_marker(value) ? marker_of(value)->facet : NULL;
    return facts && json_is_string(key) ? object_get(facts, json_string_value(key)) : NULL;
}

struct roll_error *function_try_get(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    json_t *value = call->args[0];
    const struct expr *secret = NULL;
    for (unsigned i = 1; i < call->count; i++) {
        json_t *key = is_marker(call->args[i]) ? marker_of(call->args[i])->hidden : call->args[i];
        json_t *fact = known_fact(value, key);
        if (fact) {
            value = fact;
            continue;
        }
        if (!key || (is_marker(value) && !marker_of(value)->hidden)) {
            *ret_value = rest_unknown(call, value, i);
            return NULL;
        }
        if (is_marker(value)) {
            secret = marker_of(rest_unknown(call, value, i))->expr;
            value = marker_of(value)->hidden;
        }
        value = try_step(value, key);
        if (!value || json_is_null(value)) {
            *ret_value = json_null();
            return NULL;
        }
    }
    *ret_value = secret ? marker_hide(work, secret, json_incref(value)) : json_incref(value);
    return NULL;
}
