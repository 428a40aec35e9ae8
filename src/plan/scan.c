/* Is a JSON text a plan? Asked of every file in plans/ at every start, so nothing is parsed: the
 * text is passed over once, and only where it holds the word at all. A text with mistakes behind
 * the word is a plan with mistakes. */
#include <string.h>

#include "plan/internal.h"

#define WORD "\"service\""

static bool comment_begins(const char *at, const char *end, char second)
{
    return end - at >= 2 && at[0] == '/' && at[1] == second;
}

static const char *skip_comment(const char *at, const char *end)
{
    bool block = at[1] == '*';
    const char *stop = block ? memmem(at + 2, (size_t)(end - at - 2), "*/", 2)
                             : memchr(at, '\n', (size_t)(end - at));
    return stop ? stop + (block ? 2 : 1) : end;
}

static const char *skip_blank(const char *at, const char *end)
{
    while (at < end) {
        if (g_ascii_isspace(*at))
            at++;
        else if (comment_begins(at, end, '/') || comment_begins(at, end, '*'))
            at = skip_comment(at, end);
        else
            break;
    }
    return at;
}

/* at stands on the opening quote; behind the closing one, or the end. */
static const char *skip_string(const char *at, const char *end)
{
    for (at++; at < end && *at != '"'; at++)
        at += *at == '\\' ? 1 : 0;
    return at < end ? at + 1 : end;
}

/* Behind the name "service": its value, if it is a text. */
static char *value_after(const char *at, const char *end)
{
    at = skip_blank(at, end);
    if (at >= end || *at != ':')
        return NULL;
    at = skip_blank(at + 1, end);
    if (at >= end || *at != '"')
        return g_strdup(""); /* a plan, though one with a mistake */
    const char *behind = skip_string(at, end);
    gssize size = behind - at - 2;
    return size > 0 ? g_strndup(at + 1, (gsize)size) : g_strdup("");
}

char *roll_plan_scan_service(const char *text, size_t size)
{
    const char *end = text + size;
    if (!memmem(text, size, WORD, strlen(WORD)))
        return NULL;
    int depth = 0;
    for (const char *at = text; (at = skip_blank(at, end)) < end;) {
        if (*at == '"') {
            const char *behind = skip_string(at, end);
            bool named = depth == 1 && behind - at == (gssize)strlen(WORD) &&
                         memcmp(at, WORD, strlen(WORD)) == 0;
            char *value = named ? value_after(behind, end) : NULL;
            if (value)
                return value;
            at = behind;
            continue;
        }
        depth += *at == '{' || *at == '[' ? 1 : *at == '}' || *at == ']' ? -1 : 0;
        at++;
    }
    return NULL;
}
