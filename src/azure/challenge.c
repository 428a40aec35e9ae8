/* WWW-Authenticate: name=value pairs in both spellings that are met. */
#include "azure/challenge.h"

#include <glib.h>
#include <string.h>

#include "rollbook/json.h"

#define CLAIMS_MAX_BYTES (8u << 10)

/* A value at *at, which then points behind it. Owned by the caller. */
static char *read_value(const char **at)
{
    const char *start = *at;

    if (*start == '"') {
        const char *end = strchr(++start, '"');
        if (!end)
            end = start + strlen(start);
        *at = *end ? end + 1 : end;
        return g_strndup(start, (gsize)(end - start));
    }
    size_t size = strcspn(start, ", \t");
    *at = start + size;
    return g_strndup(start, size);
}

char *challenge_value(const char *header, const char *name)
{
    if (!header || g_ascii_strncasecmp(header, "Bearer ", 7) != 0)
        return NULL;
    for (const char *at = header + 7; *at;) {
        at += strspn(at, ", \t");
        size_t size = strcspn(at, "=, \t");
        const char *key = at;
        at += size;
        if (*at != '=')
            continue;
        at++;
        g_autofree char *value = read_value(&at);
        if (size == strlen(name) && g_ascii_strncasecmp(key, name, size) == 0)
            return g_steal_pointer(&value);
    }
    return NULL;
}

/* {"access_token":{"xms_cc":{"values":["cp1"]}}}, merged into claims. */
static void add_capability(json_t *claims)
{
    json_t *access = json_object_get(claims, "access_token");

    if (!json_is_object(access)) {
        access = json_object();
        json_object_set_new(claims, "access_token", access);
    }
    json_object_set_new(access, "xms_cc", json_pack("{s:[s]}", "values", "cp1"));
}

char *challenge_claims(const char *header)
{
    g_autofree char *error = challenge_value(header, "error");
    g_autofree char *encoded = challenge_value(header, "claims");
    roll_auto(json) json_t *claims = NULL;
    gsize size = 0;

    if (!encoded || g_strcmp0(error, "insufficient_claims") != 0 ||
        strlen(encoded) > CLAIMS_MAX_BYTES)
        return NULL;
    for (char *at = encoded; *at; at++)
        *at = (char)(*at == '-' ? '+' : *at == '_' ? '/' : *at);
    static const char *const paddings[] = {"", "===", "==", "="};
    g_autofree char *padded = g_strconcat(encoded, paddings[strlen(encoded) % 4], NULL);
    g_autofree char *text = (char *)g_base64_decode(padded, &size);
    roll_auto(error) struct roll_error *err =
        roll_json_parse(text, size, ROLL_JSON_STRICT, &claims);
    if (err || !json_is_object(claims))
        return NULL;
    add_capability(claims);
    GString *out = g_string_new(NULL);
    roll_json_write(claims, out);
    return g_string_free(out, FALSE);
}
