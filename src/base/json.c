/* JSON values: the reader before jansson, and lookups. */
#include "rollbook/json.h"

#include "base/json_reader.h"

static struct roll_error *check_size(size_t size)
{
    if (size > ROLL_JSON_MAX_BYTES)
        return roll_error_new(ROLL_E_LIMIT, "the JSON text has %zu bytes, more than %u", size,
                              ROLL_JSON_MAX_BYTES);
    return NULL;
}

struct roll_error *roll_json_read(const char *text, size_t size, enum roll_dialect dialect,
                                  GString **ret_strict)
{
    struct json_reader r;

    ROLL_TRY(check_size(size));
    g_autoptr(GString) strict = g_string_sized_new(size + 16);
    roll_json_reader_init(&r, text, size, dialect, strict);
    ROLL_TRY(roll_json_read_document(&r));
    *ret_strict = g_steal_pointer(&strict);
    return NULL;
}

struct roll_error *roll_json_parse(const char *text, size_t size, enum roll_dialect dialect,
                                   json_t **ret_value)
{
    return roll_json_parse_within(text, size, dialect, SIZE_MAX, ret_value, NULL);
}

struct roll_error *roll_json_parse_within(const char *text, size_t size, enum roll_dialect dialect,
                                          size_t max_bytes, json_t **ret_value, size_t *ret_bytes)
{
    g_autoptr(GString) token = g_string_sized_new(4096);
    g_autoptr(GString) key = g_string_sized_new(256);
    g_autoptr(GString) string = g_string_sized_new(256);
    struct json_builder builder;
    struct json_reader r;

    ROLL_TRY(check_size(size));
    builder.root = NULL;
    builder.depth = 0;
    builder.key = key;
    builder.text = string;
    builder.bytes = 0;
    builder.max_bytes = max_bytes;
    roll_json_reader_init(&r, text, size, dialect, token);
    r.builder = &builder;
    struct roll_error *err = roll_json_read_document(&r);
    if (err) {
        json_decref(builder.root);
        return err;
    }
    *ret_value = builder.root;
    if (ret_bytes)
        *ret_bytes = builder.bytes;
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
