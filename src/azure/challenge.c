/* WWW-Authenticate: name=value pairs in both spellings that are met. */
#include "azure/challenge.h"

#include <glib.h>
#include <string.h>

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
