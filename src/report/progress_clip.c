/* A frame that is redrawn has to fit on the screen: a line that the terminal wraps, or one that has
 * scrolled away, cannot be taken back, and would be left behind ten times a second. */
#include "report/progress.h"

#include <string.h>

#include "rollbook/text.h"

#define ESCAPE '\033'

/* The end of the colour that begins at text. */
static const char *behind_colour(const char *text)
{
    const char *end = text + strcspn(text, "m\n");

    return *end == 'm' ? end + 1 : end;
}

static int width_of(const char *line, const char *end)
{
    g_autoptr(GString) plain = g_string_new(NULL);

    while (line < end) {
        const char *next = *line == ESCAPE ? behind_colour(line) : line + 1;
        if (*line != ESCAPE)
            g_string_append_c(plain, *line);
        line = next;
    }
    return roll_text_width(plain->str);
}

/* Colours are kept, so that the one that was begun ends. */
static void clip_line(const char *line, const char *end, int width, GString *out)
{
    int left = width - 1; /* the last place is for the sign that something is missing */

    while (line < end) {
        /* g_utf8_next_char() without its cast, which clang refuses for const text. */
        const char *next =
            *line == ESCAPE ? behind_colour(line) : line + g_utf8_skip[(unsigned char)*line];
        g_autofree char *piece = g_strndup(line, (gsize)(next - line));
        int wide = *line == ESCAPE ? 0 : roll_text_width(piece);
        if (*line != ESCAPE && left >= 0 && wide > left) {
            g_string_append(out, "…");
            left = -1;
        }
        if (*line == ESCAPE || left >= 0)
            g_string_append(out, piece);
        left -= left >= 0 ? wide : 0;
        line = next;
    }
}

static void write_line(const char *line, const char *end, int width, GString *out)
{
    if (width_of(line, end) <= width)
        g_string_append_len(out, line, end - line);
    else
        clip_line(line, end, width, out);
    g_string_append_c(out, '\n');
}

int progress_clip(const char *frame, int width, int height, GString *out)
{
    int count = 0, drawn = 0;

    for (const char *at = frame; (at = strchr(at, '\n')); at++)
        count++;
    for (const char *line = frame, *end; (end = strchr(line, '\n')); line = end + 1) {
        if (count > height && drawn == height - 1) {
            g_string_append_printf(out, "  … and %d more\n", count - drawn);
            return drawn + 1;
        }
        write_line(line, end, width, out);
        drawn++;
    }
    return drawn;
}
