/* Functions of strings (reference 17.6). Lengths and indexes count UTF-16 units, as the engine
 * does. */
#include "function.h"

#define TEXT(index) json_string_value(call->args[index])
#define SIZE(index) json_string_length(call->args[index])

struct roll_error *function_string(const struct call *call, json_t **ret_value)
{
    GString *text = g_string_new(NULL);
    size_t size = 0;
    struct roll_error *err = value_size(call->eval->work, call->args[0], 0, &size);
    if (!err)
        err = work_make(call->eval->work, size);
    if (err) {
        g_string_free(text, TRUE);
        return err;
    }
    value_text(call->args[0], text);
    return return_text(call, text, ret_value);
}

/* The text read as JSON, leniently, as the engine's own reader does. */
static struct roll_error *parse_json(const struct call *call, const char *text, size_t size,
                                     json_t **ret_value)
{
    struct work *work = call->eval->work;
    roll_auto(json) json_t *value = NULL;
    size_t bytes = 0;
    ROLL_TRY(work_hold(work, 0));
    struct roll_error *err =
        roll_json_parse_within(text, size, ROLL_JSON_ARM, MAX_MADE - work->made, &value, &bytes);
    if (err) {
        g_autofree char *why = g_strdup(err->message);
        roll_error_free(err);
        return function_error(
            call, "parameter is not valid. The provided value cannot be read as JSON: %s.", why);
    }
    ROLL_TRY(work_hold(work, bytes));
    *ret_value = g_steal_pointer(&value);
    return NULL;
}

struct roll_error *function_json(const struct call *call, json_t **ret_value)
{
    return parse_json(call, TEXT(0), SIZE(0), ret_value);
}

/* ---- base64, data URIs ---- */

struct roll_error *function_base64(const struct call *call, json_t **ret_value)
{
    g_autofree char *encoded = g_base64_encode((const guchar *)TEXT(0), SIZE(0));
    return return_chars(call, encoded, strlen(encoded), ret_value);
}

/* Strict: full groups of four, padding only at the end. White space is ignored, as .NET does. */
static guchar *decode_base64(const char *text, size_t *ret_size)
{
    g_autoptr(GString) compact = g_string_new(NULL);
    for (; *text; text++)
        if (!g_ascii_isspace(*text))
            g_string_append_c(compact, *text);
    size_t body =
        strspn(compact->str, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(compact->str + body, "=");
    if (body + padding != compact->len || compact->len % 4 != 0 || padding > 2)
        return NULL;
    return g_base64_decode(compact->str, ret_size);
}

/* Bytes as text: what is not UTF-8 becomes U+FFFD, a NUL too (JSON text here has none). */
static struct roll_error *return_bytes(const struct call *call, const char *bytes, size_t size,
                                       json_t **ret_value)
{
    g_autofree char *valid = g_utf8_make_valid(bytes, (gssize)size);
    return return_chars(call, valid, strlen(valid), ret_value);
}

static struct roll_error *decode_error(const struct call *call)
{
    return function_error(
        call,
        "was invoked with a parameter that is not valid. The value cannot be decoded from base64 "
        "representation.");
}

struct roll_error *function_base64_to_string(const struct call *call, json_t **ret_value)
{
    size_t size = 0;
    g_autofree guchar *bytes = decode_base64(TEXT(0), &size);
    if (!bytes)
        return decode_error(call);
    return return_bytes(call, (const char *)bytes, size, ret_value);
}

struct roll_error *function_base64_to_json(const struct call *call, json_t **ret_value)
{
    roll_auto(json) json_t *text = NULL;
    ROLL_TRY(function_base64_to_string(call, &text));
    return parse_json(call, json_string_value(text), json_string_length(text), ret_value);
}

struct roll_error *function_data_uri(const struct call *call, json_t **ret_value)
{
    g_autofree char *encoded = g_base64_encode((const guchar *)TEXT(0), SIZE(0));
    GString *uri = g_string_new("data:text/plain;charset=utf-8;base64,");
    return return_text(call, g_string_append(uri, encoded), ret_value);
}

static struct roll_error *data_uri_error(const struct call *call)
{
    return function_error(
        call,
        "was invoked with a parameter that is not valid. The value '%.200s' is not a data URI.",
        TEXT(0));
}

/* The body's bytes in the charset that the head names. */
static struct roll_error *decode_charset(const struct call *call, const char *head,
                                         const char *bytes, size_t size, json_t **ret_value)
{
    g_autofree char *lower = g_ascii_strdown(head, -1);
    const char *charset = strstr(lower, "charset=");
    g_autofree char *name = charset ? g_strdup(charset + strlen("charset=")) : g_strdup("utf-8");
    name[strcspn(name, ";")] = '\0';
    if (strcmp(name, "utf-8") == 0 || strcmp(name, "utf8") == 0 || *name == '\0')
        return return_bytes(call, bytes, size, ret_value);
    gsize written = 0;
    g_autofree char *text = g_convert(bytes, (gssize)size, "UTF-8", name, NULL, &written, NULL);
    return text ? return_bytes(call, text, written, ret_value) : data_uri_error(call);
}

struct roll_error *function_data_uri_to_string(const struct call *call, json_t **ret_value)
{
    const char *uri = TEXT(0);
    const char *comma = strchr(uri, ',');
    if (g_ascii_strncasecmp(uri, "data:", 5) != 0 || !comma)
        return data_uri_error(call);
    g_autofree char *head = g_strndup(uri + 5, (gsize)(comma - uri - 5));
    size_t length = strlen(head);
    if (length >= 7 && g_ascii_strcasecmp(head + length - 7, ";base64") == 0) {
        size_t size = 0;
        g_autofree guchar *bytes = decode_base64(comma + 1, &size);
        return bytes ? decode_charset(call, head, (const char *)bytes, size, ret_value)
                     : data_uri_error(call);
    }
    g_autoptr(GBytes) bytes = g_uri_unescape_bytes(comma + 1, -1, NULL, NULL);
    gsize size = 0;
    const char *data = bytes ? g_bytes_get_data(bytes, &size) : NULL;
    return bytes ? decode_charset(call, head, data ? data : "", size, ret_value)
                 : data_uri_error(call);
}

/* ---- searching ---- */

static char *fold(const char *text)
{
    return g_utf8_strup(text, -1);
}

struct roll_error *function_starts_with(const struct call *call, json_t **ret_value)
{
    g_autofree char *text = fold(TEXT(0));
    g_autofree char *start = fold(TEXT(1));
    *ret_value = json_boolean(g_str_has_prefix(text, start));
    return work_burn(call->eval->work, SIZE(0) / 16);
}

struct roll_error *function_ends_with(const struct call *call, json_t **ret_value)
{
    g_autofree char *text = fold(TEXT(0));
    g_autofree char *end = fold(TEXT(1));
    *ret_value = json_boolean(g_str_has_suffix(text, end));
    return work_burn(call->eval->work, SIZE(0) / 16);
}

/* Case folds one character to one here, so that positions keep their meaning. */
static GString *fold_single(const char *text)
{
    GString *folded = g_string_new(NULL);
    for (; *text; text = next_char(text)) {
        gunichar c = g_utf8_get_char(text);
        gunichar upper = g_unichar_toupper(c);
        bool same_width = (c < 0x10000) == (upper < 0x10000);
        g_string_append_unichar(folded, same_width ? upper : c);
    }
    return folded;
}

/* The last place of part, searched for backwards in linear time, which g_strrstr does not take.
 * part is turned around. */
static const char *find_last(GString *text, GString *part)
{
    const char *found = strstr(g_strreverse(text->str), g_strreverse(part->str));
    size_t behind = found ? (size_t)(found - text->str) + part->len : 0;
    g_strreverse(text->str);
    return found ? text->str + text->len - behind : NULL;
}

struct roll_error *index_of_text(const struct call *call, bool last, json_t **ret_value)
{
    if (!json_is_string(call->args[1]))
        return argument_type_error(call->function, 1, T_STRING, call->args[1]);
    g_autoptr(GString) text = fold_single(TEXT(0));
    g_autoptr(GString) part = fold_single(TEXT(1));
    const char *found = last ? find_last(text, part) : strstr(text->str, part->str);
    if (part->len == 0)
        found = last ? text->str + text->len : text->str;
    size_t offset = found ? utf16_length(text->str, (size_t)(found - text->str)) : 0;
    *ret_value = json_integer(found ? (json_int_t)offset : -1);
    return work_burn(call->eval->work, SIZE(0) / 16);
}

struct roll_error *function_like(const struct call *call, json_t **ret_value)
{
    g_autoptr(GString) text = fold_single(TEXT(0));
    g_autoptr(GString) pattern = fold_single(TEXT(1));
    const char *at = text->str;
    const char *want = pattern->str;
    const char *star = NULL;
    const char *resume = NULL;
    size_t steps = 0;
    while (*at) { /* greedy with one point to return to: enough for `*` alone */
        steps++;
        if (*want == '*') {
            star = want++;
            resume = at;
        } else if (*want == *at) {
            want++;
            at++;
        } else if (star) {
            want = star + 1;
            at = ++resume;
        } else {
            break;
        }
        if (steps % 4096 == 0)
            ROLL_TRY(work_burn(call->eval->work, 1024));
    }
    while (*want == '*')
        want++;
    *ret_value = json_boolean(!*at && !*want);
    return NULL;
}

/* ---- making ---- */

struct roll_error *function_pad_left(const struct call *call, json_t **ret_value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    value_text(call->args[0], text);
    const char *pad = call->count > 2 ? TEXT(2) : " ";
    json_int_t total = json_integer_value(call->args[1]);
    size_t length = utf16_length(text->str, text->len);
    if (utf16_length(pad, strlen(pad)) != 1)
        return function_error(
            call,
            "expects its third parameter to be a single character. The provided value is '%.50s'.",
            pad);
    if (total < 0)
        return function_error(call, "expects its second parameter not to be negative.");
    if ((guint64)total > MAX_TEXT / 4)
        return work_make(call->eval->work, MAX_TEXT + 1);
    GString *padded = g_string_new(NULL);
    for (size_t i = length; i < (size_t)total; i++)
        g_string_append(padded, pad);
    g_string_append_len(padded, text->str, (gssize)text->len);
    return return_text(call, padded, ret_value);
}

struct roll_error *function_replace(const struct call *call, json_t **ret_value)
{
    size_t old_size = SIZE(1);
    const char *text = TEXT(0);
    const char *end = text + SIZE(0);
    if (old_size == 0) {
        *ret_value = json_incref(call->args[0]);
        return NULL;
    }
    g_autoptr(GString) out = g_string_new(NULL);
    const char *found;
    while ((found = memmem(text, (size_t)(end - text), TEXT(1), old_size)) != NULL) {
        g_string_append_len(out, text, found - text);
        g_string_append_len(out, TEXT(2), (gssize)SIZE(2));
        text = found + old_size;
        if (out->len > MAX_TEXT)
            return work_make(call->eval->work, out->len);
    }
    g_string_append_len(out, text, end - text);
    ROLL_TRY(work_burn(call->eval->work, out->len / 32));
    return return_text(call, g_steal_pointer(&out), ret_value);
}

/* The delimiter that begins here, the longest of them first as given, or 0. */
static size_t delimiter_at(const char *text, const json_t *delimiters)
{
    size_t index;
    json_t *delimiter;
    if (json_is_string(delimiters)) {
        size_t size = json_string_length(delimiters);
        return size > 0 && strncmp(text, json_string_value(delimiters), size) == 0 ? size : 0;
    }
    json_array_foreach (delimiters, index, delimiter) {
        size_t size = json_string_length(delimiter);
        if (size > 0 && strncmp(text, json_string_value(delimiter), size) == 0)
            return size;
    }
    return 0;
}

struct roll_error *function_split(const struct call *call, json_t **ret_value)
{
    size_t index;
    json_t *delimiter;
    if (json_is_array(call->args[1]))
        json_array_foreach (call->args[1], index, delimiter)
            if (!json_is_string(delimiter))
                return argument_type_error(call->function, 1, T_STRING, delimiter);
    const char *start = TEXT(0);
    roll_auto(json) json_t *parts = json_array();
    ROLL_TRY(work_hold(call->eval->work, ARRAY_BYTES(1) + ROLL_JSON_STRING_BYTES));
    for (const char *at = start; *at;) {
        size_t size = delimiter_at(at, call->args[1]);
        if (size == 0) {
            at++;
            continue;
        }
        json_array_append_new(parts, json_stringn_nocheck(start, (size_t)(at - start)));
        at += size;
        start = at;
        ROLL_TRY(work_hold(call->eval->work, ROLL_JSON_STRING_BYTES + ROLL_JSON_ITEM_BYTES));
    }
    json_array_append_new(parts, json_string_nocheck(start));
    ROLL_TRY(work_burn(call->eval->work, SIZE(0) / 8 * (1 + json_array_size(call->args[1]))));
    ROLL_TRY(work_make(call->eval->work, SIZE(0)));
    *ret_value = g_steal_pointer(&parts);
    return NULL;
}

struct roll_error *function_substring(const struct call *call, json_t **ret_value)
{
    size_t length = utf16_length(TEXT(0), SIZE(0));
    json_int_t start = json_integer_value(call->args[1]);
    json_int_t count =
        call->count > 2 ? json_integer_value(call->args[2]) : (json_int_t)length - start;
    if (start < 0 || count < 0 || start > (json_int_t)length || count > (json_int_t)length - start)
        return function_error(
            call,
            "parameters are not valid. The index and length parameters must refer to a location "
            "within the string. The index parameter: '%" JSON_INTEGER_FORMAT
            "', the length parameter: '%" JSON_INTEGER_FORMAT
            "', the length of the string parameter: '%zu'.",
            start, count, length);
    size_t from = MIN(utf16_offset(TEXT(0), SIZE(0), (size_t)start), SIZE(0));
    size_t to = MIN(utf16_offset(TEXT(0), SIZE(0), (size_t)(start + count)), SIZE(0));
    return return_chars(call, TEXT(0) + from, to - from, ret_value);
}

/* .NET's invariant culture keeps the letters that only some languages fold: dotted I, dotless i and
 * long s. */
static gunichar invariant_lower(gunichar c)
{
    return c == 0x130 ? c : g_unichar_tolower(c);
}

static gunichar invariant_upper(gunichar c)
{
    return c == 0x131 || c == 0x17f ? c : g_unichar_toupper(c);
}

struct roll_error *function_to_lower(const struct call *call, json_t **ret_value)
{
    GString *out = g_string_sized_new(SIZE(0) + 1);
    for (const char *at = TEXT(0); *at; at = next_char(at))
        g_string_append_unichar(out, invariant_lower(g_utf8_get_char(at)));
    return return_text(call, out, ret_value);
}

struct roll_error *function_to_upper(const struct call *call, json_t **ret_value)
{
    GString *out = g_string_sized_new(SIZE(0) + 1);
    for (const char *at = TEXT(0); *at; at = next_char(at))
        g_string_append_unichar(out, invariant_upper(g_utf8_get_char(at)));
    return return_text(call, out, ret_value);
}

static bool is_white(gunichar c)
{
    return g_unichar_isspace(c) || c == 0x0b || c == 0x85;
}

struct roll_error *function_trim(const struct call *call, json_t **ret_value)
{
    const char *start = TEXT(0);
    const char *end = start + SIZE(0);
    while (start < end && is_white(g_utf8_get_char(start)))
        start = next_char(start);
    while (end > start) {
        const char *before = g_utf8_prev_char(end);
        if (!is_white(g_utf8_get_char(before)))
            break;
        end = before;
    }
    return return_chars(call, start, (size_t)(end - start), ret_value);
}

struct roll_error *function_fail(const struct call *call, json_t **ret_value)
{
    (void)ret_value;
    return template_error("%s", TEXT(0));
}
