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

struct roll_error *array_find(const struct call *call, const json_t *array, json_t *wanted,
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
    ROLL_TRY(array_find(call, container, wanted, &index, &unknown));
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

/* ---- positions ---- */

struct roll_error *function_index_of(const struct call *call, json_t **ret_value)
{
    size_t index = SIZE_MAX;
    bool unknown = false;
    if (json_is_array(call->args[0])) {
        ROLL_TRY(array_find(call, call->args[0], call->args[1], &index, &unknown));
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
