/* Is a JSON text a plan? Asked of every file in plans/ at every start, so nothing is parsed: the
 * text is passed over once, and only where it holds the word at all. A text with mistakes behind
 * the word is a plan with mistakes. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plan/internal.h"

#define WORD "\"service\""

enum { CHUNK = 64 * 1024, OVERLAP = sizeof WORD - 2 };

/* Whether WORD is in the file; true, too, where it cannot be read to its end. */
static bool may_hold_word(int fd)
{
    g_autofree char *buffer = g_malloc(CHUNK + OVERLAP);
    size_t kept = 0;

    for (;;) {
        ssize_t got = read(fd, buffer + kept, CHUNK);
        if (got <= 0)
            return got < 0;
        size_t size = kept + (size_t)got;
        if (memmem(buffer, size, WORD, strlen(WORD)))
            return true;
        kept = MIN(size, (size_t)OVERLAP);
        memmove(buffer, buffer + size - kept, kept);
    }
}

bool roll_plan_lacks_service(const char *path)
{
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is no plan either */
    bool large = fd >= 0 && fstat(fd, &info) == 0 && S_ISREG(info.st_mode) &&
                 info.st_size > CHUNK && info.st_size <= (off_t)ROLL_JSON_MAX_BYTES;
    bool lacks = large && !may_hold_word(fd);

    if (fd >= 0)
        close(fd);
    return lacks;
}

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
