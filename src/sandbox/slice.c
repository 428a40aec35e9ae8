/* Walking over strict minified JSON without parsing it: the text was validated by the reader. */
#include "sandbox/slice.h"

#include <glib.h>
#include <string.h>

#include "rollbook/json.h"

/* The value of the member, or NULL. */
static const char *find_member(const char *object, const char *name)
{
    const char *found = NULL;
    size_t length = strlen(name);
    if (*object != '{')
        return NULL;
    for (const char *at = object + 1; *at == '"';) {
        const char *end = roll_json_skip_string(at);
        const char *value = end + 1;
        if ((size_t)(end - at) == length + 2 && g_ascii_strncasecmp(at + 1, name, length) == 0)
            found = value;
        at = roll_json_skip(value);
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
    *ret_size = (size_t)(roll_json_skip(at) - at);
    return at;
}
