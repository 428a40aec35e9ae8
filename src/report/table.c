/* Tables and colours: aligned by the width that a terminal uses, so that wide letters do not push
 * columns aside. */
#include "rollbook/report.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rollbook/text.h"

enum { GAP = 2, CONTINUED = 4 };

struct cell {
    enum roll_paint paint;
    char *text;
    int width;
};

struct roll_table {
    GPtrArray *rows; /* GArray of struct cell */
    GArray *current;
    bool headings;
};

static const char *const paint_codes[] = {
    [ROLL_PLAIN] = "",  [ROLL_BOLD] = "1", [ROLL_DIM] = "2",
    [ROLL_GOOD] = "32", [ROLL_BAD] = "31", [ROLL_WARN] = "33",
};

void roll_screen_size(FILE *file, int *width, int *height)
{
    struct winsize size;

    if (ioctl(fileno(file), TIOCGWINSZ, &size) != 0)
        return;
    if (size.ws_col >= 20)
        *width = size.ws_col;
    if (height && size.ws_row >= 2)
        *height = MAX(size.ws_row, 3);
}

struct roll_screen roll_screen_new(FILE *file, bool allow_color)
{
    struct roll_screen screen = {.file = file, .width = 80};
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");

    screen.terminal = isatty(fileno(file)) == 1;
    if (screen.terminal)
        roll_screen_size(file, &screen.width, NULL);
    screen.color = allow_color && screen.terminal && !(no_color && *no_color) && term &&
                   strcmp(term, "dumb") != 0;
    return screen;
}

void roll_paint(const struct roll_screen *screen, enum roll_paint paint, const char *text,
                GString *out)
{
    if (screen->color && paint != ROLL_PLAIN && *text)
        g_string_append_printf(out, "\033[%sm%s\033[0m", paint_codes[paint], text);
    else
        g_string_append(out, text);
}

static void cell_clear(void *item)
{
    struct cell *cell = item;

    g_free(cell->text);
}

static GArray *row_new(void)
{
    GArray *row = g_array_new(FALSE, TRUE, sizeof(struct cell));

    g_array_set_clear_func(row, cell_clear);
    return row;
}

static void row_free(void *row)
{
    g_array_unref(row);
}

struct roll_table *roll_table_new(const char *const *headings)
{
    struct roll_table *table = g_new0(struct roll_table, 1);

    table->rows = g_ptr_array_new_with_free_func(row_free);
    table->current = row_new();
    if (headings) {
        table->headings = true;
        for (; *headings; headings++)
            roll_table_cell(table, ROLL_DIM, *headings);
        roll_table_row(table);
    }
    return table;
}

void roll_table_free(struct roll_table *table)
{
    if (!table)
        return;
    g_ptr_array_unref(table->rows);
    g_array_unref(table->current);
    g_free(table);
}

void roll_table_cell(struct roll_table *table, enum roll_paint paint, const char *text)
{
    struct cell cell = {.paint = paint};
    GString *safe = g_string_new(NULL);

    if (!text)
        text = "-";
    roll_text_safe(text, strlen(text), false, safe);
    cell.width = roll_text_width(safe->str);
    cell.text = g_string_free(safe, FALSE);
    g_array_append_val(table->current, cell);
}

void roll_table_cell_take(struct roll_table *table, enum roll_paint paint, char *text)
{
    roll_table_cell(table, paint, text);
    g_free(text);
}

void roll_table_row(struct roll_table *table)
{
    g_ptr_array_add(table->rows, table->current);
    table->current = row_new();
}

static GArray *column_widths(const struct roll_table *table)
{
    GArray *widths = g_array_new(FALSE, TRUE, sizeof(int));

    for (guint r = 0; r < table->rows->len; r++) {
        const GArray *row = g_ptr_array_index(table->rows, r);
        if (row->len > widths->len)
            g_array_set_size(widths, row->len);
        for (guint c = 0; c < row->len; c++) {
            int *width = &g_array_index(widths, int, c);
            *width = MAX(*width, g_array_index(row, struct cell, c).width);
        }
    }
    return widths;
}

/* On a terminal that is too narrow a row goes on below, a little to the right, instead of being
 * broken in the middle of a word: in every row at the same columns, but for the last, whose text
 * has any length. */
static GArray *column_breaks(const GArray *widths, const struct roll_screen *screen)
{
    GArray *breaks = g_array_new(FALSE, TRUE, sizeof(bool));
    int at = 0;

    g_array_set_size(breaks, widths->len);
    for (guint c = 0; c + 1 < widths->len; c++) {
        int width = g_array_index(widths, int, c);
        if (screen->terminal && c > 0 && at + width > screen->width) {
            g_array_index(breaks, bool, c) = true;
            at = CONTINUED;
        }
        at += width + GAP;
    }
    return breaks;
}

/* One that fits nowhere is left to the terminal. */
static bool last_breaks(const struct cell *cell, int at, const struct roll_screen *screen)
{
    return screen->terminal && at > CONTINUED && at + cell->width > screen->width &&
           CONTINUED + cell->width <= screen->width;
}

static void trim(GString *out)
{
    while (out->len > 0 && out->str[out->len - 1] == ' ')
        g_string_truncate(out, out->len - 1);
}

/* Are there any words from column c on? */
static bool is_more(const GArray *row, guint c)
{
    for (; c < row->len; c++)
        if (g_array_index(row, struct cell, c).width > 0)
            return true;
    return false;
}

static void write_row(const GArray *row, const GArray *widths, const GArray *breaks,
                      const struct roll_screen *screen, GString *out)
{
    int at = 0;

    for (guint c = 0; c < row->len && is_more(row, c); c++) {
        const struct cell *cell = &g_array_index(row, struct cell, c);
        if (g_array_index(breaks, bool, c) ||
            (c > 0 && c + 1 == widths->len && last_breaks(cell, at, screen))) {
            trim(out);
            g_string_append_printf(out, "\n%*s", CONTINUED, "");
            at = CONTINUED;
        }
        roll_paint(screen, cell->paint, cell->text, out);
        if (c + 1 < row->len)
            g_string_append_printf(out, "%*s", g_array_index(widths, int, c) - cell->width + GAP,
                                   "");
        at += g_array_index(widths, int, c) + GAP;
    }
    trim(out);
    g_string_append_c(out, '\n');
}

void roll_table_print(const struct roll_table *table, const struct roll_screen *screen)
{
    g_autoptr(GArray) widths = column_widths(table);
    g_autoptr(GArray) breaks = column_breaks(widths, screen);
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint r = 0; r < table->rows->len; r++)
        write_row(g_ptr_array_index(table->rows, r), widths, breaks, screen, out);
    fwrite(out->str, 1, out->len, screen->file);
}
