/* JSON values as the template language sees them: equality, order, text, size. */
#include "eval.h"

json_t *object_get(const json_t *object, const char *key)
{
    json_t *exact = json_object_get(object, key);
    if (exact || !json_is_object(object))
        return exact;
    const char *other;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, other, value)
        if (g_ascii_strcasecmp(other, key) == 0)
            return value;
    return NULL;
}

const char *object_key(const json_t *object, const char *key)
{
    const char *other;
    json_t *value;
    if (json_object_get(object, key))
        return key;
    json_object_foreach ((json_t *)(uintptr_t)object, other, value)
        if (g_ascii_strcasecmp(other, key) == 0)
            return other;
    return NULL;
}

void object_put(json_t *object, const char *key, json_t *value)
{
    json_object_set_new_nocheck(object, key, value);
}

json_t *object_copy(const json_t *object)
{
    json_t *copy = json_object();
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        object_put(copy, key, json_incref(value));
    return copy;
}

json_t *json_text(const char *text)
{
    return json_string_nocheck(text);
}

json_t *json_gtext(GString *text)
{
    json_t *value = json_stringn_nocheck(text->str, text->len);
    g_string_free(text, TRUE);
    return value;
}

static struct roll_error *objects_equal(struct work *work, const json_t *a, const json_t *b,
                                        bool *ret_equal)
{
    const char *key;
    json_t *value;
    *ret_equal = json_object_size(a) == json_object_size(b);
    json_object_foreach ((json_t *)(uintptr_t)a, key, value) {
        if (!*ret_equal)
            break;
        const json_t *other = json_object_get(b, key);
        *ret_equal = other != NULL;
        if (other)
            ROLL_TRY(value_equal(work, value, other, ret_equal));
    }
    return NULL;
}

static struct roll_error *arrays_equal(struct work *work, const json_t *a, const json_t *b,
                                       bool *ret_equal)
{
    size_t count = json_array_size(a);
    *ret_equal = count == json_array_size(b);
    for (size_t i = 0; *ret_equal && i < count; i++)
        ROLL_TRY(value_equal(work, json_array_get(a, i), json_array_get(b, i), ret_equal));
    return NULL;
}

struct roll_error *value_equal(struct work *work, const json_t *a, const json_t *b, bool *ret_equal)
{
    ROLL_TRY(work_burn(work, 1));
    if (json_is_number(a) && json_is_number(b)) {
        if (json_is_integer(a) && json_is_integer(b))
            *ret_equal = json_integer_value(a) == json_integer_value(b);
        else
            *ret_equal = !(json_number_value(a) < json_number_value(b) ||
                           json_number_value(a) > json_number_value(b));
        return NULL;
    }
    if (a == b || json_typeof(a) != json_typeof(b)) {
        *ret_equal = a == b;
        return NULL;
    }
    switch (json_typeof(a)) {
    case JSON_OBJECT:
        return objects_equal(work, a, b, ret_equal);
    case JSON_ARRAY:
        return arrays_equal(work, a, b, ret_equal);
    case JSON_STRING:
        *ret_equal = json_string_length(a) == json_string_length(b) &&
                     memcmp(json_string_value(a), json_string_value(b), json_string_length(a)) == 0;
        return NULL;
    default:
        *ret_equal = true; /* true, false, null: one value each */
        return NULL;
    }
}

/* Punctuation before digits before letters, those without case. */
static gunichar fold_for_order(gunichar c)
{
    return c < 128 && !g_ascii_isalnum((char)c) ? c : g_unichar_tolower(c) + 128;
}

int text_compare(const char *a, const char *b)
{
    int case_order = 0;
    for (; *a && *b; a = next_char(a), b = next_char(b)) {
        gunichar left = g_utf8_get_char(a);
        gunichar right = g_utf8_get_char(b);
        if (left == right)
            continue;
        gunichar folded_left = fold_for_order(left);
        gunichar folded_right = fold_for_order(right);
        if (folded_left != folded_right)
            return folded_left < folded_right ? -1 : 1;
        if (case_order == 0)
            case_order = g_unichar_islower(left) ? -1 : 1;
    }
    if (*a || *b)
        return *a ? 1 : -1;
    return case_order;
}

int key_compare(const char *a, const char *b)
{
    while (*a && *b) {
        gunichar left = g_unichar_toupper(g_utf8_get_char(a));
        gunichar right = g_unichar_toupper(g_utf8_get_char(b));
        if (left != right)
            return left < right ? -1 : 1;
        a = next_char(a);
        b = next_char(b);
    }
    return *a ? 1 : *b ? -1 : 0;
}

void value_text(const json_t *value, GString *out)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        g_string_append_len(out, json_string_value(value), (gssize)json_string_length(value));
        break;
    case JSON_TRUE:
        g_string_append(out, "True");
        break;
    case JSON_FALSE:
        g_string_append(out, "False");
        break;
    case JSON_NULL:
        break;
    default:
        roll_json_write(value, out);
        break;
    }
}

struct roll_error *value_size(struct work *work, const json_t *value, unsigned depth, size_t *size)
{
    const char *key;
    size_t index;
    json_t *element;
    ROLL_TRY(work_burn(work, 1));
    if (depth > MAX_VALUE_DEPTH)
        return roll_error_new(ROLL_E_TEMPLATE, "a value nests deeper than '%d' levels",
                              MAX_VALUE_DEPTH);
    *size += json_is_string(value) ? json_string_length(value) + 3 : 6;
    if (json_is_object(value))
        json_object_foreach ((json_t *)(uintptr_t)value, key, element) {
            *size += strlen(key) + 4;
            ROLL_TRY(value_size(work, element, depth + 1, size));
        }
    else if (json_is_array(value))
        json_array_foreach (value, index, element)
            ROLL_TRY(value_size(work, element, depth + 1, size));
    return NULL;
}

struct roll_error *value_check_depth(struct work *work, const json_t *value)
{
    size_t size = 0;
    if (!json_is_object(value) && !json_is_array(value))
        return NULL;
    return value_size(work, value, 0, &size);
}

size_t utf16_length(const char *text, size_t size)
{
    size_t units = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        units += (c & 0xc0) != 0x80; /* every character begins once; */
        units += c >= 0xf0;          /* those beyond the first plane take two units */
    }
    return units;
}

size_t utf16_offset(const char *text, size_t size, size_t units)
{
    size_t at = 0;
    while (at < size && units > 0) {
        unsigned char c = (unsigned char)text[at];
        size_t width = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        size_t taken = width == 4 ? 2 : 1;
        units -= MIN(units, taken);
        at += width;
    }
    return units > 0 ? SIZE_MAX : MIN(at, size);
}
