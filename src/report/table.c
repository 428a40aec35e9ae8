/* Tables and colours: aligned by the width that a terminal uses, so that wide letters do not push
 * columns aside. */
#include "rollbook/report.h"

#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "rollbook/text.h"

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

struct roll_screen roll_screen_new(FILE *file, bool allow_color)
{
    struct roll_screen screen = {.file = file, .width = 80};
    struct winsize size;
    const char *term = getenv("TERM");
    const char *no_color = getenv("NO_COLOR");

    screen.terminal = isatty(fileno(file)) == 1;
    if (screen.terminal && ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col >= 20)
        screen.width = size.ws_col;
    screen.color = allow_color && screen.terminal && !(no_color && *no_color) && term &&
                   strcmp(term, "dumb") != 0;
    return screen;
}

void roll_paint(const struct roll_screen *screen, enum roll_paint paint, const char *text,
                GString *out)
{
    if (screen->color && paint != ROLL_PLAIN)
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

void roll_table_print(const struct roll_table *table, const struct roll_screen *screen)
{
    g_autoptr(GArray) widths = column_widths(table);
    g_autoptr(GString) out = g_string_new(NULL);

    for (guint r = 0; r < table->rows->len; r++) {
        const GArray *row = g_ptr_array_index(table->rows, r);
        for (guint c = 0; c < row->len; c++) {
            const struct cell *cell = &g_array_index(row, struct cell, c);
            roll_paint(screen, cell->paint, cell->text, out);
            if (c + 1 < row->len)
                for (int pad = g_array_index(widths, int, c) - cell->width + 2; pad > 0; pad--)
                    g_string_append_c(out, ' ');
        }
        while (out->len > 0 && out->str[out->len - 1] == ' ')
            g_string_truncate(out, out->len - 1);
        g_string_append_c(out, '\n');
    }
    fwrite(out->str, 1, out->len, screen->file);
}
