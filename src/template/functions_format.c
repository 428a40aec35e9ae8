/* format(): .NET composite formatting with the invariant culture (reference 18.5). */
#include "function.h"

#include <stdio.h>

static struct roll_error *format_error(const char *why)
{
    return template_error(
        "Unable to evaluate language function 'format': the format is invalid: '%s'. Please see "
        "https://aka.ms/arm-function-format for usage details.",
        why);
}

static struct roll_error *shape_error(void)
{
    return format_error("Input string was not in a correct format.");
}

/* Digits of |number| with a comma before every third. */
static void append_grouped(guint64 number, GString *out)
{
    char digits[32];
    int length = g_snprintf(digits, sizeof(digits), "%" G_GUINT64_FORMAT, number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            g_string_append_c(out, ',');
        g_string_append_c(out, digits[i]);
    }
}

static void append_zeros(int count, GString *out)
{
    for (; count > 0; count--)
        g_string_append_c(out, '0');
}

static void append_fraction(int digits, GString *out)
{
    if (digits > 0)
        g_string_append_c(out, '.');
    append_zeros(digits, out);
}

static guint64 magnitude(json_int_t number)
{
    return number < 0 ? 0 - (guint64)number : (guint64)number;
}

static void append_padded(guint64 number, int digits, GString *out)
{
    char text[32];
    int length = g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, number);
    append_zeros(digits - length, out);
    g_string_append(out, text);
}

static void append_hex(json_int_t number, char letter, int digits, GString *out)
{
    char text[32];
    int length = g_snprintf(text, sizeof(text),
                            letter == 'X' ? "%" G_GINT64_MODIFIER "X" : "%" G_GINT64_MODIFIER "x",
                            (guint64)number);
    append_zeros(digits - length, out);
    g_string_append(out, text);
}

/* 1.234000E+003, rounded half away from zero as .NET does for integers. */
static void append_exponent(guint64 number, char letter, int digits, GString *out)
{
    char text[64];
    g_snprintf(text, sizeof(text), "%" G_GUINT64_FORMAT, number);
    int exponent = (int)strlen(text) - 1;
    g_autofree char *mantissa = g_malloc0((gsize)digits + 8);
    memset(mantissa, '0', (gsize)digits + 1);
    memcpy(mantissa, text, MIN(strlen(text), (gsize)digits + 1));
    if (exponent > digits && text[digits + 1] >= '5') {
        int at = digits;
        while (at >= 0 && mantissa[at] == '9')
            mantissa[at--] = '0';
        if (at >= 0) {
            mantissa[at]++;
        } else {
            mantissa[0] = '1';
            exponent++;
        }
    }
    g_string_append_c(out, mantissa[0]);
    if (digits > 0)
        g_string_append_printf(out, ".%s", mantissa + 1);
    g_string_append_printf(out, "%c+%03d", letter, exponent);
}

/* A standard numeric format: one letter and at most two digits. */
static bool append_standard(json_int_t number, const char *format, GString *out)
{
    char letter = format[0];
    size_t digits_given = strspn(format + 1, "0123456789");
    if (!g_ascii_isalpha(letter) || digits_given > 2 || format[1 + digits_given])
        return false;
    int digits = digits_given > 0 ? (int)g_ascii_strtoll(format + 1, NULL, 10) : -1;
    char kind = g_ascii_toupper(letter);
    if (!strchr("DNFXGPEC", kind))
        return false;
    if (kind == 'X') {
        append_hex(number, letter, digits, out);
        return true;
    }
    if (number < 0)
        g_string_append_c(out, '-');
    guint64 size = magnitude(number);
    switch (kind) {
    case 'D':
        append_padded(size, digits, out);
        break;
    case 'F':
        append_padded(size, 1, out);
        append_fraction(digits < 0 ? 2 : digits, out);
        break;
    case 'C':
        g_string_append(out, "\xc2\xa4");
        append_grouped(size, out);
        append_fraction(digits < 0 ? 2 : digits, out);
        break;
    case 'N':
        append_grouped(size, out);
        append_fraction(digits < 0 ? 2 : digits, out);
        break;
    case 'P':
        append_grouped(size * 100, out);
        append_fraction(digits < 0 ? 2 : digits, out);
        g_string_append(out, " %");
        break;
    case 'E':
        append_exponent(size, letter, digits < 0 ? 6 : digits, out);
        break;
    default:
        append_padded(size, 1, out);
        break;
    }
    return true;
}

/* Compact JSON with single quotes around names and strings. */
static void append_quoted(const char *text, GString *out)
{
    g_autoptr(GString) json = g_string_new(NULL);
    roll_json_write_string(text, strlen(text), json);
    g_string_append_c(out, '\'');
    for (const char *at = json->str + 1; at < json->str + json->len - 1; at++) {
        if (at[0] == '\\' && at[1] == '"') {
            g_string_append_c(out, '"');
            at++;
        } else if (at[0] == '\\' && at[1]) {
            g_string_append_len(out, at, 2);
            at++;
        } else if (*at == '\'') {
            g_string_append(out, "\\'");
        } else {
            g_string_append_c(out, *at);
        }
    }
    g_string_append_c(out, '\'');
}

static void append_container(const json_t *value, GString *out)
{
    const char *key;
    size_t index;
    json_t *element;
    const char *separator = "";
    if (json_is_object(value)) {
        g_string_append_c(out, '{');
        json_object_foreach ((json_t *)(uintptr_t)value, key, element) {
            g_string_append(out, separator);
            append_quoted(key, out);
            g_string_append_c(out, ':');
            append_container(element, out);
            separator = ",";
        }
        g_string_append_c(out, '}');
    } else if (json_is_array(value)) {
        g_string_append_c(out, '[');
        json_array_foreach (value, index, element) {
            g_string_append(out, separator);
            append_container(element, out);
            separator = ",";
        }
        g_string_append_c(out, ']');
    } else if (json_is_string(value)) {
        append_quoted(json_string_value(value), out);
    } else {
        roll_json_write(value, out);
    }
}

static struct roll_error *append_argument(json_t *value, const char *format, GString *out)
{
    if (json_is_integer(value) && *format) {
        if (!append_standard(json_integer_value(value), format, out)) {
            if (format[1] == '\0' && g_ascii_isalpha(format[0]))
                return format_error("Format specifier was invalid.");
            append_picture(json_integer_value(value), format, out);
        }
    } else if (json_is_object(value) || json_is_array(value)) {
        append_container(value, out);
    } else {
        value_text(value, out);
    }
    return NULL;
}

/* One `index[,alignment][:format]`, its braces taken away. */
static struct roll_error *append_item(const struct call *call, const char *item, size_t size,
                                      GString *out)
{
    g_autofree char *text = g_strndup(item, size);
    char *at = text + strspn(text, " ");
    size_t digits = strspn(at, "0123456789");
    gint64 index = digits > 0 && digits < 8 ? g_ascii_strtoll(at, NULL, 10) : -1;
    gint64 alignment = 0;
    if (digits == 0)
        return shape_error();
    at += digits;
    at += strspn(at, " ");
    if (*at == ',') {
        char *end = NULL;
        at += 1 + strspn(at + 1, " ");
        alignment = g_ascii_strtoll(at, &end, 10);
        if (end == at || alignment > 1000000 || alignment < -1000000)
            return shape_error();
        at = end + strspn(end, " ");
    }
    if (*at && *at != ':')
        return shape_error();
    if (index < 0 || index + 1 >= (gint64)call->count)
        return format_error("Index (zero based) must be greater than or equal to zero and less "
                            "than the size of the "
                            "argument list.");
    g_autoptr(GString) value = g_string_new(NULL);
    ROLL_TRY(append_argument(call->args[index + 1], *at == ':' ? at + 1 : "", value));
    gint64 missing = ABS(alignment) - (gint64)utf16_length(value->str, value->len);
    for (gint64 i = 0; alignment > 0 && i < missing; i++)
        g_string_append_c(out, ' ');
    g_string_append_len(out, value->str, (gssize)value->len);
    for (gint64 i = 0; alignment < 0 && i < missing; i++)
        g_string_append_c(out, ' ');
    return NULL;
}

static struct roll_error *append_all(const struct call *call, GString *out)
{
    for (const char *at = json_string_value(call->args[0]); *at; at++) {
        if ((*at == '{' || *at == '}') && at[1] == *at) {
            g_string_append_c(out, *at++);
        } else if (*at == '{') {
            const char *close = strchr(at, '}');
            if (!close)
                return shape_error();
            ROLL_TRY(append_item(call, at + 1, (size_t)(close - at - 1), out));
            at = close;
        } else if (*at == '}') {
            return shape_error();
        } else {
            g_string_append_c(out, *at);
        }
        if (out->len > MAX_TEXT)
            return work_make(call->eval->work, out->len);
    }
    return NULL;
}

struct roll_error *function_format(const struct call *call, json_t **ret_value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    for (unsigned i = 1; i < call->count; i++) {
        size_t size = 0;
        ROLL_TRY(value_size(call->eval->work, call->args[i], 0, &size));
        ROLL_TRY(work_make(call->eval->work, size));
    }
    ROLL_TRY(append_all(call, out));
    return return_text(call, g_steal_pointer(&out), ret_value);
}
