/* A line's frame: the text around `body`, made and checked without parsing.
 *
 * Canonical JSON has one spelling, so the frame can be compared byte by byte: from the left up to
 * the body, from the right down to it. Verifying a million events depends on it. */
#include <string.h>

#include "ledger/fields.h"

#define DIGEST_TEXT (ROLL_HEX_SIZE + 1) /* 64 digits in quotes */

/* printf would be a tenth of what appending in groups costs. */
void roll_line_number(GString *out, int64_t value)
{
    char digits[20], *at = digits + sizeof digits;
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;

    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        g_string_append_c(out, '-');
    g_string_append_len(out, at, digits + sizeof digits - at);
}

void roll_line_tail(GString *out, const char *prev, int64_t seq, const char *stream)
{
    g_string_append(out, "],\"prev\":\"");
    g_string_append(out, prev);
    g_string_append(out, "\",\"seq\":");
    roll_line_number(out, seq);
    g_string_append(out, ",\"stream\":\"");
    g_string_append(out, stream); /* a name of a stream needs no escapes */
    g_string_append(out, "\"}");
}

static bool is_digest_text(const char *at)
{
    unsigned bad = 0;

    if (at[0] != '"' || at[DIGEST_TEXT - 1] != '"')
        return false;
    /* All of them, without a branch: which digits they are is as good as random, and a line may
     * name thousands. */
    for (int i = 1; i < DIGEST_TEXT - 1; i++)
        bad |= ((unsigned char)(at[i] - '0') > 9) & ((unsigned char)(at[i] - 'a') > 5);
    return !bad;
}

bool roll_line_objects(const char *line, size_t size, const GString *tail, const char **ret_first,
                       size_t *ret_count)
{
    static const char name[] = ",\"objects\":[";
    const size_t name_size = sizeof name - 1;
    size_t count = 0;

    if (size < tail->len || memcmp(line + size - tail->len, tail->str, tail->len) != 0)
        return false;
    const char *end = line + size - tail->len, *first = end;
    while (first - line >= DIGEST_TEXT && is_digest_text(first - DIGEST_TEXT)) {
        first -= DIGEST_TEXT;
        count++;
        if (first > line && first[-1] == ',')
            first--;
        else
            break;
    }
    if ((size_t)(first - line) < name_size || memcmp(first - name_size, name, name_size) != 0)
        return false;
    *ret_first = first;
    *ret_count = count;
    return true;
}

/* Behind `text` if the line goes on with it, else NULL. */
static const char *skip_text(const char *at, const char *end, const char *text)
{
    size_t size = strlen(text);

    return at && (size_t)(end - at) >= size && memcmp(at, text, size) == 0 ? at + size : NULL;
}

/* Behind `null` or a string in quotes. */
static const char *skip_name(const char *at, const char *end)
{
    if (!at || at == end || *at != '"')
        return skip_text(at, end, "null");
    for (at++; at < end && *at != '"'; at++)
        if (*at == '\\')
            at++;
    return at < end ? at + 1 : NULL;
}

bool roll_line_check(const char *line, size_t size, int64_t at, const char *kind,
                     const GString *tail, const char **ret_body, size_t *ret_body_size)
{
    static const char objects[] = ",\"objects\":[";
    const char *end = line + size, *first;
    char number[24];
    size_t count, kind_size = strlen(kind);

    if (!roll_line_objects(line, size, tail, &first, &count))
        return false;
    g_snprintf(number, sizeof number, "%" G_GINT64_FORMAT, at);
    const char *body = skip_name(skip_text(line, end, "{\"actor\":{\"claimed\":"), end);
    body = skip_text(skip_name(skip_text(body, end, ",\"proved\":"), end), end, "},\"at\":");
    body = skip_text(skip_text(body, end, number), end, ",\"body\":");
    if (!body)
        return false;
    /* ,"kind":"KIND" stands before the objects; names of kinds have no escapes. */
    const char *frame = first - (sizeof objects - 1) - kind_size - 10;
    if (frame < body || memcmp(frame, ",\"kind\":\"", 9) != 0 ||
        memcmp(frame + 9, kind, kind_size) != 0 || frame[9 + kind_size] != '"')
        return false;
    *ret_body = body;
    *ret_body_size = (size_t)(frame - body);
    return true;
}
