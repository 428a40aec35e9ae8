/* What people see: tables, trees of text, JSON, live progress. The only module beside cli that writes to stdout.
 *
 * Text that came from elsewhere is made safe (text.h) here and nowhere else. */
#ifndef ROLLBOOK_REPORT_H
#define ROLLBOOK_REPORT_H

#include <stdio.h>

#include "rollbook/rollout.h"

/* Where output goes and what it may use. */
struct roll_screen {
    FILE *file;
    bool terminal;
    bool color;
    int width; /* columns */
};
/* color: a terminal, without NO_COLOR, TERM other than dumb, and not forbidden. */
struct roll_screen roll_screen_new(FILE *file, bool allow_color);
/* The terminal's size now; what is not known, or too small to write on, leaves its number as it was. height may be NULL. */
void roll_screen_size(FILE *file, int *width, int *height);

enum roll_paint { ROLL_PLAIN, ROLL_BOLD, ROLL_DIM, ROLL_GOOD, ROLL_BAD, ROLL_WARN };
/* Appends text in a colour, or plainly. */
void roll_paint(const struct roll_screen *screen, enum roll_paint paint, const char *text, GString *out);

/* ---- tables: aligned columns, two blanks between, no lines; the last column is not padded. What a terminal has no room for
 * goes on in the next line, indented. --- */

struct roll_table;
struct roll_table *roll_table_new(const char *const *headings); /* NULL-terminated; NULL: none */
void roll_table_free(struct roll_table *table);
ROLL_AUTO_DEFINE(table, struct roll_table, roll_table_free)
/* One cell after the other; NULL shows as '-'. The text is made safe. */
void roll_table_cell(struct roll_table *table, enum roll_paint paint, const char *text);
void roll_table_cell_take(struct roll_table *table, enum roll_paint paint, char *text);
void roll_table_row(struct roll_table *table); /* ends the row */
void roll_table_print(const struct roll_table *table, const struct roll_screen *screen);

/* ---- other forms ---------------------------------------------------------------------------- */

/* One JSON document and a line feed. */
void roll_report_json(const struct roll_screen *screen, const json_t *value);

/* Changes of roll_template_compare, grouped by resource: + create, ~ modify, - delete, · leave (what a rollout does not
 * delete). Returns their number. */
size_t roll_report_changes(const struct roll_screen *screen, const json_t *changes, int indent);

/* Times for people: `2026-11-21 09:30 UTC`; and how long ago: `3 min ago`. Owned. */
char *roll_report_time(int64_t unix_ms);
char *roll_report_ago(int64_t unix_ms, int64_t now_ms);

/* Who did it, for people: the name, which is the first word of what was proved, else of what was claimed. Owned; NULL when
 * neither is known. */
char *roll_report_actor(const char *proved, const char *claimed);

/* The first few of names, and how many more there are: `weu, neu and 3 more`. Not made safe. Owned; NULL: there is none. */
char *roll_report_names(const json_t *names);

/* What an event says, in one sentence. Not made safe: it is for JSON, the page and Markdown. Owned. */
char *roll_report_sentence(const struct roll_event *event);
/* The same of the event's kind (its name) and body. Owned. */
char *roll_report_sentence_of(const char *kind, const json_t *body);

/* ---- the page ------------------------------------------------------------------------------- */

/* `roll report -o json` as one HTML page that needs nothing else. Text of the facts is shown as text, whatever it holds.
 * Owned. */
GString *roll_report_page(json_t *facts);
/* The same facts as Markdown. Owned. */
GString *roll_report_markdown(const json_t *facts);

/* ---- audit and runbook ---------------------------------------------------------------------- */

/* One field of CSV (RFC 4180), with quotes where it needs them. A field that a spreadsheet would take for a formula (it begins
 * with = + - @, a tab or a line break) gets a leading apostrophe. NULL is an empty field. */
void roll_report_csv_field(const char *text, GString *out);
/* The facts of roll_audit (watch.h): a line for each rollout, ended by CR LF, below a line of headings. Owned. */
GString *roll_report_audit_csv(const json_t *facts);
/* The same as Markdown: the controls first, then the rollouts. Owned. */
GString *roll_report_audit_markdown(const json_t *facts);
/* The facts of roll_runbook as the page that is followed at 03:00. Owned. */
GString *roll_report_runbook(const json_t *facts);

/* ---- live progress -------------------------------------------------------------------------- */

/* A listener for the driver: on a terminal a line per target, redrawn; else plain lines, one per durable outcome. Of more
 * than 20 targets sums, what failed, and what takes longest; where lines are not redrawn, a line of sums now and then and one
 * for each failure (-v: for each outcome). */
struct roll_progress;
struct roll_progress *roll_progress_new(const struct roll_screen *screen, const char *stream, bool quiet);
const struct roll_listener *roll_progress_listener(struct roll_progress *progress);
void roll_progress_end(struct roll_progress *progress); /* leaves the last state on the screen */
void roll_progress_free(struct roll_progress *progress);
ROLL_AUTO_DEFINE(progress, struct roll_progress, roll_progress_free)

#endif
