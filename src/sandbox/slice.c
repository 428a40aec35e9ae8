/* Walking over strict minified JSON without parsing it: the text was validated by the reader. */
#include "sandbox/slice.h"

#include <glib.h>
#include <string.h>

static const char *skip_string(const char *at)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\\')
            at++;
    }
    return at + 1;
}

/* Behind the value that begins at. */
static const char *skip_value(const char *at)
{
    int depth = 0;
    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        if (*at == '{' || *at == '[')
            depth++;
        if (*at == '}' || *at == ']')
            depth--;
        at++;
    } while (depth > 0 || (*at && !strchr(",}]", *at)));
    return at;
}

/* The value of the member, or NULL. */
static const char *find_member(const char *object, const char *name)
{
    const char *found = NULL;
    size_t length = strlen(name);
    if (*object != '{')
        return NULL;
    for (const char *at = object + 1; *at == '"';) {
        const char *end = skip_string(at);
        const char *value = end + 1;
        if ((size_t)(end - at) == length + 2 && g_ascii_strncasecmp(at + 1, name, length) == 0)
            found = value;
        at = skip_value(value);
        if (*at == ',')
            at++;
    }
    return found;
}

const char *sandbox_slice(const char *strict, const char *const *path, size_t *ret_size)
{
    const char *at = strict;
    for (; at && *path; path++)
        at = find_member(at, *path);
    if (!at)
        return NULL;
    *ret_size = (size_t)(skip_value(at) - at);
    return at;
}
