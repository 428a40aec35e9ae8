/* Writing JSON: compact, for people, and canonical. */
#include <math.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "rollbook/json.h"

#define EXACT_INTEGER (INT64_C(1) << 53)

/* 0: as it is; else the letter behind the backslash, `u` for \u00xx. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\':
        return (char)c;
    case '\b':
        return 'b';
    case '\f':
        return 'f';
    case '\n':
        return 'n';
    case '\r':
        return 'r';
    case '\t':
        return 't';
    default:
        return c < 0x20 ? 'u' : 0;
    }
}

void roll_json_write_string(const char *text, size_t size, GString *out)
{
    const char *end = text + size, *run = text;

    g_string_append_c(out, '"');
    for (const char *at = text; at < end; at++) {
        unsigned char c = (unsigned char)*at;
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        char escape = escape_of(c);
        g_string_append_len(out, run, at - run);
        run = at + 1;
        g_string_append_c(out, '\\');
        g_string_append_c(out, escape);
        if (escape == 'u') {
            static const char digits[] = "0123456789abcdef";
            g_string_append(out, "00");
            g_string_append_c(out, digits[c >> 4]);
            g_string_append_c(out, digits[c & 15]);
        }
    }
    g_string_append_len(out, run, end - run);
    g_string_append_c(out, '"');
}

/* The shortest of the spellings that read back as the same number; 17 digits always do. */
static void write_real(double value, GString *out)
{
    char text[G_ASCII_DTOSTR_BUF_SIZE];

    for (int digits = 15; digits <= 17; digits++) {
        char format[8];
        g_snprintf(format, sizeof format, "%%.%dg", digits);
        g_ascii_formatd(text, sizeof text, format, value);
        if (g_ascii_strtod(text, NULL) == value)
            break;
    }
    g_string_append(out, text);
    if (!strpbrk(text, ".e")) /* so that it stays a real when it is read again */
        g_string_append(out, ".0");
}

static void write_integer(json_int_t value, GString *out)
{
    char text[24];

    g_string_append_len(out, text, g_snprintf(text, sizeof text, "%" JSON_INTEGER_FORMAT, value));
}

static void write_scalar(const json_t *value, GString *out)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        roll_json_write_string(json_string_value(value), json_string_length(value), out);
        break;
    case JSON_INTEGER:
        write_integer(json_integer_value(value), out);
        break;
    case JSON_REAL:
        write_real(json_real_value(value), out);
        break;
    case JSON_TRUE:
        g_string_append(out, "true");
        break;
    case JSON_FALSE:
        g_string_append(out, "false");
        break;
    default:
        g_string_append(out, "null");
        break;
    }
}

/* indent < 0: compact. */
static void write_break(int indent, GString *out)
{
    if (indent >= 0)
        g_string_append_printf(out, "\n%*s", indent * 2, "");
}

static void write_value(const json_t *value, int indent, GString *out)
{
    int inner = indent < 0 ? -1 : indent + 1;
    bool object = json_is_object(value);
    size_t count = object ? json_object_size(value) : json_array_size(value);

    if (!object && !json_is_array(value)) {
        write_scalar(value, out);
        return;
    }
    g_string_append_c(out, object ? '{' : '[');
    if (object) {
        bool first = true;
        const char *key;
        json_t *member;
        json_object_foreach ((json_t *)(uintptr_t)value, key, member) {
            if (!first)
                g_string_append_c(out, ',');
            first = false;
            write_break(inner, out);
            roll_json_write_string(key, strlen(key), out);
            g_string_append(out, indent < 0 ? ":" : ": ");
            write_value(member, inner, out);
        }
    } else {
        for (size_t i = 0; i < count; i++) {
            if (i > 0)
                g_string_append_c(out, ',');
            write_break(inner, out);
            write_value(json_array_get(value, i), inner, out);
        }
    }
    if (count > 0)
        write_break(indent, out);
    g_string_append_c(out, object ? '}' : ']');
}

void roll_json_write(const json_t *value, GString *out)
{
    write_value(value, -1, out);
}

void roll_json_write_pretty(const json_t *value, GString *out)
{
    write_value(value, 0, out);
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a,
                  *(const char *const *)b); /* strcmp compares unsigned bytes */
}

static struct roll_error *canonical_string(const char *text, size_t size, GString *out)
{
    if (!roll_utf8_valid(text, size))
        return roll_error_new(ROLL_E_INVALID, "a string is not UTF-8");
    roll_json_write_string(text, size, out);
    return NULL;
}

static struct roll_error *canonical_value(const json_t *value, int depth, GString *out);

static struct roll_error *canonical_object(const json_t *object, int depth, GString *out)
{
    g_autofree const char **keys = g_new(const char *, json_object_size(object) + 1);
    size_t count = 0;
    const char *key;
    json_t *member;

    json_object_foreach ((json_t *)(uintptr_t)object, key, member)
        keys[count++] = key;
    qsort(keys, count, sizeof *keys, compare_keys);
    g_string_append_c(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        ROLL_TRY(canonical_string(keys[i], strlen(keys[i]), out));
        g_string_append_c(out, ':');
        ROLL_TRY(canonical_value(json_object_get(object, keys[i]), depth, out));
    }
    g_string_append_c(out, '}');
    return NULL;
}

static struct roll_error *canonical_array(const json_t *array, int depth, GString *out)
{
    g_string_append_c(out, '[');
    for (size_t i = 0; i < json_array_size(array); i++) {
        if (i > 0)
            g_string_append_c(out, ',');
        ROLL_TRY(canonical_value(json_array_get(array, i), depth, out));
    }
    g_string_append_c(out, ']');
    return NULL;
}

static struct roll_error *canonical_value(const json_t *value, int depth, GString *out)
{
    if (depth >= ROLL_JSON_MAX_DEPTH && (json_is_object(value) || json_is_array(value)))
        return roll_error_new(ROLL_E_INVALID, "nested deeper than %d levels", ROLL_JSON_MAX_DEPTH);
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return canonical_object(value, depth + 1, out);
    case JSON_ARRAY:
        return canonical_array(value, depth + 1, out);
    case JSON_STRING:
        return canonical_string(json_string_value(value), json_string_length(value), out);
    case JSON_REAL:
        return roll_error_new(ROLL_E_INVALID, "canonical JSON has no reals (%g)",
                              json_real_value(value));
    case JSON_INTEGER:
        if (json_integer_value(value) > EXACT_INTEGER || json_integer_value(value) < -EXACT_INTEGER)
            return roll_error_new(ROLL_E_INVALID,
                                  "the integer %" JSON_INTEGER_FORMAT " lies beyond 2^53",
                                  json_integer_value(value));
        break;
    default:
        break;
    }
    write_scalar(value, out);
    return NULL;
}

struct roll_error *roll_json_canonical(const json_t *value, GString **ret_text)
{
    g_autoptr(GString) text = g_string_sized_new(512);

    ROLL_TRY(canonical_value(value, 0, text));
    *ret_text = g_steal_pointer(&text);
    return NULL;
}
