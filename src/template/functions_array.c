/* Functions of arrays, and those that take strings or arrays (reference 17.4). */
#include "function.h"

struct roll_error *function_array(const struct call *call, json_t **ret_value)
{
    if (json_is_array(call->args[0])) {
        *ret_value = json_incref(call->args[0]);
        return NULL;
    }
    *ret_value = json_array();
    json_array_append(*ret_value, call->args[0]);
    return work_hold(call->eval->work, ARRAY_BYTES(1));
}

struct roll_error *function_create_array(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(work_hold(call->eval->work, ARRAY_BYTES(call->count)));
    *ret_value = json_array();
    for (unsigned i = 0; i < call->count; i++)
        json_array_append(*ret_value, call->args[i]);
    return NULL;
}

static struct roll_error *concat_arrays(const struct call *call, json_t **ret_value)
{
    roll_auto(json) json_t *joined = json_array();
    for (unsigned i = 0; i < call->count; i++) {
        if (!json_is_array(call->args[i]))
            return argument_type_error(call->function, i, T_ARRAY, call->args[i]);
        ROLL_TRY(work_burn(call->eval->work, json_array_size(call->args[i]) / 4));
        ROLL_TRY(work_hold(call->eval->work, ARRAY_BYTES(json_array_size(call->args[i]))));
        json_array_extend(joined, call->args[i]);
    }
    *ret_value = g_steal_pointer(&joined);
    return NULL;
}

struct roll_error *function_concat(const struct call *call, json_t **ret_value)
{
    bool arrays = false;
    for (unsigned i = 0; i < call->count; i++)
        arrays = arrays || json_is_array(call->args[i]);
    if (arrays)
        return concat_arrays(call, ret_value);
    GString *text = g_string_new(NULL);
    for (unsigned i = 0; i < call->count; i++)
        value_text(call->args[i], text);
    return return_text(call, text, ret_value);
}

/* Whether an element of the array equals the value; what is unknown may. */
static struct roll_error *find_element(const struct call *call, const json_t *array, json_t *wanted,
                                       size_t *ret_index, bool *ret_unknown)
{
    struct work *work = call->eval->work;
    bool vague = value_has_marker(work, wanted);
    size_t index;
    json_t *element;
    *ret_unknown = false;
    *ret_index = SIZE_MAX;
    json_array_foreach (array, index, element) {
        bool equal = false;
        if (vague || value_has_marker(work, element)) {
            *ret_unknown = true;
            continue;
        }
        ROLL_TRY(value_equal(work, element, wanted, &equal));
        if (equal) {
            *ret_index = index;
            return NULL;
        }
    }
    return NULL;
}

static struct roll_error *contains_text(const struct call *call, json_t **ret_value)
{
    const json_t *text = call->args[0];
    const json_t *wanted = call->args[1];
    if (!json_is_string(wanted) && !json_is_integer(wanted))
        return argument_type_error(call->function, 1, T_STRING | T_INT, wanted);
    g_autoptr(GString) part = g_string_new(NULL);
    value_text(wanted, part);
    ROLL_TRY(work_burn(call->eval->work, json_string_length(text) / 64));
    *ret_value = json_boolean(strstr(json_string_value(text), part->str) != NULL);
    return NULL;
}

struct roll_error *function_contains(const struct call *call, json_t **ret_value)
{
    json_t *container = call->args[0];
    json_t *wanted = call->args[1];
    if (json_is_string(container))
        return contains_text(call, ret_value);
    if (json_is_object(container)) {
        if (!json_is_string(wanted))
            return argument_type_error(call->function, 1, T_STRING, wanted);
        *ret_value = json_boolean(object_get(container, json_string_value(wanted)) != NULL);
        return NULL;
    }
    size_t index = 0;
    bool unknown = false;
    ROLL_TRY(find_element(call, container, wanted, &index, &unknown));
    *ret_value =
        index == SIZE_MAX && unknown ? call_unknown(call) : json_boolean(index != SIZE_MAX);
    return NULL;
}

struct roll_error *function_empty(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    size_t size = json_is_array(arg)    ? json_array_size(arg)
                  : json_is_object(arg) ? json_object_size(arg)
                  : json_is_string(arg) ? json_string_length(arg)
                                        : 0;
    *ret_value = json_boolean(size == 0);
    return NULL;
}

struct roll_error *function_length(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    size_t size = json_is_array(arg) ? json_array_size(arg)
                  : json_is_object(arg)
                      ? json_object_size(arg)
                      : utf16_length(json_string_value(arg), json_string_length(arg));
    *ret_value = json_integer((json_int_t)size);
    return NULL;
}

struct roll_error *function_first(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    if (json_is_array(arg)) {
        json_t *element = json_array_get(arg, 0);
        *ret_value = element ? json_incref(element) : json_null();
        return NULL;
    }
    const char *text = json_string_value(arg);
    return return_chars(call, text, *text ? (size_t)(next_char(text) - text) : 0, ret_value);
}

struct roll_error *function_last(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    if (json_is_array(arg)) {
        json_t *element = json_array_get(arg, json_array_size(arg) - 1);
        *ret_value = element ? json_incref(element) : json_null();
        return NULL;
    }
    const char *text = json_string_value(arg);
    const char *end = text + json_string_length(arg);
    const char *start = end > text ? g_utf8_prev_char(end) : end;
    return return_chars(call, start, (size_t)(end - start), ret_value);
}

/* Elements or characters from start on, count of them. */
static struct roll_error *slice(const struct call *call, size_t start, size_t count,
                                json_t **ret_value)
{
    const json_t *arg = call->args[0];
    if (json_is_string(arg)) {
        const char *text = json_string_value(arg);
        size_t size = json_string_length(arg);
        size_t from = MIN(utf16_offset(text, size, start), size);
        size_t length = MIN(utf16_offset(text + from, size - from, count), size - from);
        return return_chars(call, text + from, length, ret_value);
    }
    roll_auto(json) json_t *part = json_array();
    ROLL_TRY(work_burn(call->eval->work, count / 4));
    ROLL_TRY(work_hold(call->eval->work, ARRAY_BYTES(count)));
    for (size_t i = start; i < start + count; i++)
        json_array_append(part, json_array_get(arg, i));
    *ret_value = g_steal_pointer(&part);
    return NULL;
}

static size_t length_of(const json_t *arg)
{
    return json_is_array(arg) ? json_array_size(arg)
                              : utf16_length(json_string_value(arg), json_string_length(arg));
}

struct roll_error *function_skip(const struct call *call, json_t **ret_value)
{
    size_t length = length_of(call->args[0]);
    json_int_t number = json_integer_value(call->args[1]);
    size_t skipped = number < 0 ? 0 : (size_t)MIN((guint64)number, length);
    return slice(call, skipped, length - skipped, ret_value);
}

struct roll_error *function_take(const struct call *call, json_t **ret_value)
{
    size_t length = length_of(call->args[0]);
    json_int_t number = json_integer_value(call->args[1]);
    return slice(call, 0, number < 0 ? 0 : (size_t)MIN((guint64)number, length), ret_value);
}

struct roll_error *function_flatten(const struct call *call, json_t **ret_value)
{
    size_t index;
    json_t *element;
    roll_auto(json) json_t *flat = json_array();
    json_array_foreach (call->args[0], index, element) {
        json_t *array = is_marker(element) ? marker_of(element)->hidden : element;
        if (!array) {
            *ret_value = call_unknown(call);
            return NULL;
        }
        if (!json_is_array(array))
            return function_error(
                call,
                "expects its parameter to be an array of arrays. The element at index '%zu' is "
                "of type '%s'.",
                index, type_word(array));
        ROLL_TRY(work_hold(call->eval->work, ARRAY_BYTES(json_array_size(array))));
        ROLL_TRY(work_burn(call->eval->work, json_array_size(array)));
        json_array_extend(flat, array);
    }
    *ret_value = g_steal_pointer(&flat);
    return NULL;
}

/* ---- sets ---- */

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
            err = find_element(call, call->args[i], element, &found, &unknown);
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

/* ---- positions ---- */

struct roll_error *function_index_of(const struct call *call, json_t **ret_value)
{
    size_t index = SIZE_MAX;
    bool unknown = false;
    if (json_is_array(call->args[0])) {
        ROLL_TRY(find_element(call, call->args[0], call->args[1], &index, &unknown));
        *ret_value = json_integer(index == SIZE_MAX ? -1 : (json_int_t)index);
        return NULL;
    }
    return index_of_text(call, false, ret_value);
}

struct roll_error *function_last_index_of(const struct call *call, json_t **ret_value)
{
    if (!json_is_array(call->args[0]))
        return index_of_text(call, true, ret_value);
    for (size_t i = json_array_size(call->args[0]); i > 0; i--) {
        bool equal = false;
        ROLL_TRY(value_equal(call->eval->work, json_array_get(call->args[0], i - 1), call->args[1],
                             &equal));
        if (equal) {
            *ret_value = json_integer((json_int_t)i - 1);
            return NULL;
        }
    }
    *ret_value = json_integer(-1);
    return NULL;
}

struct roll_error *function_index_from_end(const struct call *call, json_t **ret_value)
{
    json_int_t number = json_integer_value(call->args[1]);
    size_t count = json_array_size(call->args[0]);
    if (number < 1 || (size_t)number > count)
        return template_error("The language expression property array index '%" JSON_INTEGER_FORMAT
                              "' from the end is out of bounds.",
                              number);
    *ret_value = json_incref(json_array_get(call->args[0], count - (size_t)number));
    return NULL;
}

struct roll_error *function_try_index_from_end(const struct call *call, json_t **ret_value)
{
    json_int_t number = json_integer_value(call->args[1]);
    size_t count = json_array_size(call->args[0]);
    bool inside = number >= 1 && (size_t)number <= count;
    *ret_value =
        inside ? json_incref(json_array_get(call->args[0], count - (size_t)number)) : json_null();
    return NULL;
}

struct roll_error *function_join(const struct call *call, json_t **ret_value)
{
    size_t index;
    json_t *element;
    g_autoptr(GString) text = g_string_new(NULL);
    json_array_foreach (call->args[0], index, element) {
        if (index > 0)
            g_string_append(text, json_string_value(call->args[1]));
        size_t size = 0;
        ROLL_TRY(value_size(call->eval->work, element, 0, &size));
        if (size > MAX_TEXT)
            return work_make(call->eval->work, size);
        value_text(element, text);
        ROLL_TRY(work_burn(call->eval->work, 1));
        if (text->len > MAX_TEXT)
            return work_make(call->eval->work, text->len);
    }
    return return_text(call, g_steal_pointer(&text), ret_value);
}
