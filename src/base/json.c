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

/* *ret_value is set on success only. */
static struct roll_error *build(const char *text, size_t size, enum roll_dialect dialect,
                                struct json_builder *builder, json_t **ret_value)
{
    g_autoptr(GString) token = g_string_sized_new(4096);
    g_autoptr(GString) key = g_string_sized_new(256);
    g_autoptr(GString) string = g_string_sized_new(256);
    struct json_reader r;

    ROLL_TRY(check_size(size));
    builder->key = key;
    builder->text = string;
    roll_json_reader_init(&r, text, size, dialect, token);
    r.builder = builder;
    struct roll_error *err = roll_json_read_document(&r);
    if (err)
        json_decref(builder->root);
    else
        *ret_value = builder->root;
    return err;
}

struct roll_error *roll_json_parse(const char *text, size_t size, enum roll_dialect dialect,
                                   json_t **ret_value)
{
    return roll_json_parse_within(text, size, dialect, SIZE_MAX, ret_value, NULL);
}

struct roll_error *roll_json_parse_within(const char *text, size_t size, enum roll_dialect dialect,
                                          size_t max_bytes, json_t **ret_value, size_t *ret_bytes)
{
    struct json_builder builder = {.max_bytes = max_bytes};

    ROLL_TRY(build(text, size, dialect, &builder, ret_value));
    if (ret_bytes)
        *ret_bytes = builder.bytes;
    return NULL;
}

struct roll_error *roll_json_parse_each(const char *text, size_t size, enum roll_dialect dialect,
                                        const char *const *path,
                                        struct roll_error *(*each)(void *data, const char *within,
                                                                   const char *name,
                                                                   const json_t *element),
                                        void *data, json_t **ret_rest)
{
    const struct json_each wanted = {path, (int)g_strv_length((char **)(uintptr_t)path), each,
                                     data};
    g_autoptr(GString) within = g_string_new(NULL);
    struct json_builder builder = {.max_bytes = SIZE_MAX, .each = &wanted, .within = within};

    return build(text, size, dialect, &builder, ret_rest);
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
