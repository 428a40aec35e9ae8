/* JSON values: the reader before jansson, and lookups. */
#include "rollbook/json.h"

#include "base/json_reader.h"

static struct roll_error *read_text(const char *text, size_t size, enum roll_dialect dialect,
                                    bool for_value, GString **ret_strict)
{
    struct json_reader r;

    if (size > ROLL_JSON_MAX_BYTES)
        return roll_error_new(ROLL_E_LIMIT, "the JSON text has %zu bytes, more than %u", size,
                              ROLL_JSON_MAX_BYTES);
    g_autoptr(GString) strict = g_string_sized_new(size + 16);
    roll_json_reader_init(&r, text, size, dialect, strict);
    r.for_value = for_value;
    ROLL_TRY(roll_json_read_document(&r));
    *ret_strict = g_steal_pointer(&strict);
    return NULL;
}

struct roll_error *roll_json_read(const char *text, size_t size, enum roll_dialect dialect,
                                  GString **ret_strict)
{
    return read_text(text, size, dialect, false, ret_strict);
}

struct roll_error *roll_json_parse(const char *text, size_t size, enum roll_dialect dialect,
                                   json_t **ret_value)
{
    g_autoptr(GString) strict = NULL;
    json_error_t why;

    ROLL_TRY(read_text(text, size, dialect, true, &strict));
    json_t *value = json_loadb(strict->str, strict->len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
    if (!value) /* all that jansson refuses is refused with its position by the reader */
        return roll_error_new(ROLL_E_SYNTAX, "line 1, column 1: %s", why.text);
    *ret_value = value;
    return NULL;
}

json_t *roll_json_get_nocase(const json_t *object, const char *name)
{
    json_t *exact = json_object_get(object, name);
    const char *key;
    json_t *value;

    if (exact)
        return exact;
    /* jansson's iteration macro wants a mutable object, and changes nothing. */
    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        if (g_ascii_strcasecmp(key, name) == 0)
            return value;
    return NULL;
}

const char *roll_json_get_string(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}
