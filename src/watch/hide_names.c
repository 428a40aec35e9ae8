/* What a name says about its value: people call secrets by many names, and a value that is hidden
 * without need costs less than one that is told. Names come from templates, app settings and
 * properties of resources: apiKey, API_KEY, db-pwd, ConnectionStrings:Main. */
#include "watch/drift.h"

#include <string.h>

/* ---- one name -------------------------------------------------------------------------------- */

/* In a name without what separates its words. */
static const char *const words[] = {
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "credential",
    "connectionstring",
    "connstr",
    "connstring",
    "sharedaccess",
    "sastoken",
    "customdata",
    "userdata",
    "protectedsettings",
    "commandtoexecute",
    "privatekey",
    "bearer",
    NULL,
};

/* Words by themselves: within another word they mean nothing (Pat in Path, sas in Kansas). */
static const char *const alone[] = {"pass", "pw",   "pat", "sas",   "psk",     "otp",
                                    "jwt",  "cred", "pfx", "creds", "connstr", NULL};

/* Where a secret lies, and how secrets are handled, is none. */
static const char *const harmless[] = {
    "secretname",     "secreturi",
    "secreturl",      "secretversion",
    "secretref",      "secretid",
    "secretstore",    "tokenendpoint",
    "tokenlifetime",  "passwordpolicy",
    "passwordlength", "passwordauthentication",
    "credentialtype", NULL,
};

/* Keys that are no secrets. */
static const char *const open_keys[] = {"publickey",  "partitionkey", "shardkey",
                                        "uniquekey",  "sortkey",      "rowkey",
                                        "routingkey", "foreignkey",   NULL};

static void drop(GString *text, const char *part)
{
    for (char *at = strstr(text->str, part); at; at = strstr(text->str, part))
        g_string_erase(text, at - text->str, (gssize)strlen(part));
}

/* key, keys, key1: at the end. */
static bool ends_as_key(const char *flat)
{
    g_autofree char *bare = g_strdup(flat);
    size_t length = strlen(bare);

    while (length > 0 && g_ascii_isdigit(bare[length - 1]))
        bare[--length] = '\0';
    if (length > 0 && bare[length - 1] == 's')
        bare[--length] = '\0';
    for (int i = 0; open_keys[i]; i++)
        if (g_str_has_suffix(bare, open_keys[i]))
            return false;
    return g_str_has_suffix(bare, "key");
}

/* A word ends before a capital that begins one: dbPass, SASUrl, DB_PASS. */
static bool ends_word(const char *name, size_t at)
{
    char here = name[at], next = name[at + 1];

    if (!g_ascii_isalpha(next))
        return true;
    return g_ascii_isupper(next) &&
           (g_ascii_islower(here) || (g_ascii_isupper(here) && g_ascii_islower(name[at + 2])));
}

static bool has_word_alone(const char *name)
{
    g_autoptr(GString) word = g_string_new(NULL);

    for (size_t i = 0; name[i]; i++) {
        if (!g_ascii_isalpha(name[i]))
            continue;
        g_string_append_c(word, g_ascii_tolower(name[i]));
        if (!ends_word(name, i))
            continue;
        if (g_strv_contains(alone, word->str))
            return true;
        g_string_truncate(word, 0);
    }
    return false;
}

static bool says_secret(const char *name)
{
    g_autoptr(GString) flat = g_string_new(NULL);

    for (const char *at = name; *at; at++)
        if (g_ascii_isalnum(*at))
            g_string_append_c(flat, g_ascii_tolower(*at));
    for (int i = 0; harmless[i]; i++)
        drop(flat, harmless[i]);
    for (int i = 0; words[i]; i++)
        if (strstr(flat->str, words[i]))
            return true;
    return ends_as_key(flat->str) || has_word_alone(name);
}

/* ---- paths ----------------------------------------------------------------------------------- */

static char **segments_of(const char *path)
{
    return g_strsplit_set(path ? path : "", ".[]/", -1);
}

bool watch_name_is_secret(const char *path)
{
    g_auto(GStrv) segments = segments_of(path);

    for (int i = 0; segments[i]; i++)
        if (says_secret(segments[i]))
            return true;
    return false;
}

/* ---- pairs of name and value ----------------------------------------------------------------- */

const char *watch_pair_name(const json_t *object)
{
    static const char *const names[] = {"name", "key", NULL};

    for (int i = 0; names[i]; i++) {
        const char *name = json_string_value(roll_json_get_nocase(object, names[i]));
        if (name)
            return name;
    }
    return NULL;
}

bool watch_is_pair_value(const char *member)
{
    return member && (g_ascii_strcasecmp(member, "value") == 0 ||
                      g_ascii_strcasecmp(member, "secureValue") == 0);
}

/* The value at the first `count` segments; names may hold dots themselves. Borrowed, or NULL. */
static const json_t *value_at(const json_t *value, char *const *segments, int count, int depth)
{
    if (count == 0 || !value || depth > ROLL_JSON_MAX_DEPTH)
        return value;
    if (!*segments[0])
        return value_at(value, segments + 1, count - 1, depth + 1);
    if (json_is_array(value)) {
        guint64 index = 0;
        if (!g_ascii_string_to_unsigned(segments[0], 10, 0, G_MAXINT32, &index, NULL))
            return NULL;
        return value_at(json_array_get(value, (size_t)index), segments + 1, count - 1, depth + 1);
    }
    g_autoptr(GString) name = g_string_new(NULL);
    for (int i = 0; i < count; i++) {
        g_string_append_printf(name, "%s%s", i > 0 ? "." : "", segments[i]);
        const json_t *member = roll_json_get_nocase(value, name->str);
        const json_t *found =
            member ? value_at(member, segments + i + 1, count - i - 1, depth + 1) : NULL;
        if (found)
            return found;
    }
    return NULL;
}

static bool is_index(const char *segment)
{
    return *segment && strspn(segment, "0123456789") == strlen(segment);
}

/* The value of an element whose name nobody knows may be anything. */
static bool pair_is_secret(const struct watch_shown *place, char **segments, int at)
{
    const json_t *sides[] = {place->before, place->after};
    bool named = false;
    int above = at - 1;

    for (size_t i = 0; i < G_N_ELEMENTS(sides); i++) {
        const char *name = watch_pair_name(value_at(sides[i], segments, at, 0));
        if (name && says_secret(name))
            return true;
        named = named || name;
    }
    while (above >= 0 && !*segments[above])
        above--;
    return !named && above >= 0 && is_index(segments[above]);
}

/* `vaults/NAME/secrets/NAME`, `sites/NAME/config/connectionstrings`: what they hold are secrets. */
static bool holds_secrets(const char *resource)
{
    g_auto(GStrv) parts = g_strsplit(resource ? resource : "", "/", -1);
    guint count = g_strv_length(parts);

    if (count < 3)
        return false;
    return says_secret(parts[count - 2]) ||
           g_ascii_strcasecmp(parts[count - 2], "namedValues") == 0 ||
           (g_ascii_strcasecmp(parts[count - 2], "config") == 0 && says_secret(parts[count - 1]));
}

bool watch_path_is_secret(const struct watch_shown *place, const char *path)
{
    g_auto(GStrv) segments = segments_of(path);
    bool holder = holds_secrets(place->resource);

    if (watch_name_is_secret(path))
        return true;
    for (int i = 0; segments[i]; i++)
        if (watch_is_pair_value(segments[i]) && (holder || pair_is_secret(place, segments, i)))
            return true;
    return false;
}
