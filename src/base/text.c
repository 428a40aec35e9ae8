/* Text that came from elsewhere, made safe for terminals and pipeline logs.
 *
 * What ARM, a registry or a template says may hold escape sequences, right-to-left overrides or
 * pipeline commands. They are shown, never obeyed. */
#include "rollbook/text.h"

#include <string.h>

#include "base/utf8.h"

#define MAX_TYPED 64 /* longer words are not looked up: nobody mistypes them by two letters */

static bool is_dangerous(gunichar c)
{
    return c < 0x20 || (c >= 0x7F && c <= 0x9F) /* C0, DEL, C1 */
           || c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069)                      /* bidi controls */
           || c == 0x2028 || c == 0x2029                     /* line and paragraph separator */
           || c == 0xFEFF || (c >= 0xE0000 && c <= 0xE007F); /* invisible: BOM, tags */
}

static void write_escaped(gunichar c, GString *out)
{
    if (c < 0x100)
        g_string_append_printf(out, "\\x%02X", c);
    else
        g_string_append_printf(out, "\\u{%04X}", c);
}

/* A pipeline reads `##vso[…]` and `##[…]` anywhere in a line, and `::word` at its beginning. */
static bool begins_command(const char *at, const char *end, bool line_start)
{
    size_t left = (size_t)(end - at);

    if (line_start && left >= 2 && memcmp(at, "::", 2) == 0)
        return true;
    return (left >= 3 && memcmp(at, "##[", 3) == 0) ||
           (left >= 6 && g_ascii_strncasecmp(at, "##vso[", 6) == 0);
}

void roll_text_safe(const char *text, size_t size, bool keep_lines, GString *out)
{
    const char *end = text + size;
    bool line_start = out->len == 0 || out->str[out->len - 1] == '\n';

    while (text < end) {
        size_t length = roll_utf8_sequence(text, end);

        if (length == 0) {
            g_string_append_printf(out, "\\x%02X", (unsigned char)*text++);
            line_start = false;
            continue;
        }
        if (begins_command(text, end, line_start)) { /* the blank between breaks the command up */
            g_string_append_c(out, *text++);
            g_string_append_c(out, ' ');
            line_start = false;
            continue;
        }
        gunichar c = g_utf8_get_char(text);
        if (c == '\r' && text + 1 < end && text[1] == '\n') {
            text++;
            continue;
        }
        bool line_break = c == '\n' || c == '\r';
        if (line_break)
            g_string_append_c(out, keep_lines ? '\n' : ' ');
        else if (c == '\t')
            g_string_append_c(out, ' ');
        else if (is_dangerous(c))
            write_escaped(c, out);
        else
            g_string_append_len(out, text, (gssize)length);
        /* GitHub trims a line of every white space of Unicode before it looks for `::`. */
        line_start = line_break || (line_start && g_unichar_isspace(c));
        text += length;
    }
}

void roll_text_safe_json(GString *text)
{
    g_autoptr(GString) safe = NULL;
    const char *from = text->str, *end = text->str + text->len;

    for (const char *at = from; at < end;) {
        gunichar c = g_utf8_get_char(at);
        bool command = c == '#' && begins_command(at, end, false);
        const char *next = at + g_utf8_skip[(guchar)*at];
        if (command || (c != '\n' && is_dangerous(c))) {
            if (!safe)
                safe = g_string_sized_new(text->len + 64);
            g_string_append_len(safe, from, at - from);
            if (c > 0xFFFF) /* a surrogate pair */
                g_string_append_printf(safe, "\\u%04x\\u%04x", 0xD7C0 + (c >> 10),
                                       0xDC00 | (c & 0x3FF));
            else
                g_string_append_printf(safe, "\\u%04x", c);
            from = next;
        }
        at = next;
    }
    if (!safe)
        return;
    g_string_append_len(safe, from, end - from);
    g_string_assign(text, safe->str);
}

int roll_text_width(const char *text)
{
    int width = 0;

    for (; *text; text += g_utf8_skip[(guchar)*text]) {
        gunichar c = g_utf8_get_char(text);
        if (!g_unichar_iszerowidth(c))
            width += g_unichar_iswide(c) ? 2 : 1;
    }
    return width;
}

/* Damerau's distance in its restricted form: insert, delete, replace, swap neighbours. Bytes, case
 * folded. */
static int distance(const char *a, const char *b)
{
    size_t na = strlen(a), nb = strlen(b);
    int rows[3][MAX_TYPED + 1];
    int *before = rows[0], *last = rows[1], *now = rows[2];

    for (size_t j = 0; j <= nb; j++)
        last[j] = (int)j;
    for (size_t i = 1; i <= na; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= nb; j++) {
            char x = g_ascii_tolower(a[i - 1]), y = g_ascii_tolower(b[j - 1]);
            now[j] = MIN(MIN(last[j] + 1, now[j - 1] + 1), last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == g_ascii_tolower(b[j - 2]) && y == g_ascii_tolower(a[i - 2]))
                now[j] = MIN(now[j], before[j - 2] + 1);
        }
        int *spare = before;
        before = last;
        last = now;
        now = spare;
    }
    return last[nb];
}

const char *roll_text_nearest(const char *typed, const char *const *candidates)
{
    const char *best = NULL, *prefixed = NULL;
    int best_distance = 3;
    size_t size = strlen(typed);

    if (size == 0 || size > MAX_TYPED)
        return NULL;
    for (; *candidates; candidates++) {
        size_t length = strlen(*candidates);
        if (length > MAX_TYPED)
            continue;
        int d = distance(typed, *candidates);
        /* A word that shares no letter is no correction: `up` is not `ls`. */
        if (d < best_distance && (size_t)d < MIN(size, length)) {
            best = *candidates;
            best_distance = d;
        }
        if (!prefixed && g_ascii_strncasecmp(*candidates, typed, size) == 0)
            prefixed = *candidates;
    }
    return prefixed && best_distance > 0 ? prefixed : best;
}
