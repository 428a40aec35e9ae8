/* What a look at Azure may keep: the ledger holds no secrets, and properties of resources may. */
#include "watch/drift.h"

#include <string.h>

#define TEXT_MAX 200 /* bytes of a value; what is longer is told by a digest */

/* ---- what looks like one --------------------------------------------------------------------- */

static void gather(const json_t *value, GString *texts)
{
    const char *name;
    json_t *member;
    size_t index;

    if (json_is_string(value)) {
        g_string_append_len(texts, json_string_value(value), (gssize)json_string_length(value));
        g_string_append_c(texts, '\n');
    } else if (json_is_object(value)) {
        json_object_foreach ((json_t *)(uintptr_t)value, name, member)
            gather(member, texts);
    } else {
        json_array_foreach ((json_t *)(uintptr_t)value, index, member)
            gather(member, texts);
    }
}

/* The scanner is made anew for each call: all texts at once. */
bool watch_looks_secret(const json_t *value)
{
    g_autoptr(GString) texts = g_string_new(NULL);
    g_autofree char *kept = NULL;

    gather(value, texts);
    if (texts->len == 0)
        return false;
    kept = roll_release_redact(texts->str, texts->len);
    return strcmp(kept, texts->str) != 0;
}

/* ---- as text --------------------------------------------------------------------------------- */

static json_t *without_secrets(const char *name, const json_t *value);

/* In {"name":"API_KEY","value":…} the one says what the other is. */
static json_t *object_without_secrets(const json_t *value)
{
    const char *pair = watch_pair_name(value), *inner;
    bool hide = pair && watch_name_is_secret(pair);
    json_t *copy = json_object(), *member;

    json_object_foreach ((json_t *)(uintptr_t)value, inner, member) {
        bool is_name = json_is_string(member) && json_string_value(member) == pair;
        json_object_set_new(copy, inner,
                            is_name                              ? json_incref(member)
                            : hide && watch_is_pair_value(inner) ? json_string(WATCH_HIDDEN)
                                                                 : without_secrets(inner, member));
    }
    return copy;
}

static json_t *without_secrets(const char *name, const json_t *value)
{
    json_t *member, *copy;
    size_t index;

    if (watch_name_is_secret(name))
        return json_string(WATCH_HIDDEN);
    if (json_is_object(value))
        return object_without_secrets(value);
    if (!json_is_array(value))
        return json_incref((json_t *)(uintptr_t)value);
    copy = json_array();
    json_array_foreach ((json_t *)(uintptr_t)value, index, member)
        json_array_append_new(copy, without_secrets("", member));
    return copy;
}

static char *shorten(const GString *text)
{
    char hex[ROLL_HEX_SIZE];
    const char *end = text->str + TEXT_MAX;

    if (text->len <= TEXT_MAX)
        return g_strndup(text->str, text->len);
    roll_sha256_hex(text->str, text->len, hex);
    end = g_utf8_find_prev_char(text->str, end);
    return g_strdup_printf("%.*s… (%.8s)", (int)(end - text->str), text->str, hex);
}

char *watch_text_of(const char *name, const json_t *value)
{
    g_autoptr(GString) text = g_string_new(NULL);
    roll_auto(json) json_t *kept = NULL;

    if (!value)
        return NULL;
    if (watch_looks_secret(value))
        return g_strdup(WATCH_HIDDEN);
    kept = without_secrets(name, value);
    roll_json_write(kept, text);
    return shorten(text);
}
