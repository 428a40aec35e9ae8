/* Pieces of Markdown: text from elsewhere neither ends a cell nor becomes markup. */
#ifndef ROLL_REPORT_MARKDOWN_H
#define ROLL_REPORT_MARKDOWN_H

#include <glib.h>
#include <jansson.h>

/* NULL is nothing. */
void markdown_text(GString *out, const char *text);
/* " text |"; NULL is an empty cell. */
void markdown_cell(GString *out, const char *text);
/* A cell with "2026-11-21 09:30" of an RFC 3339 time, or NULL. */
void markdown_time(GString *out, const char *text);
/* A line of code of its own, indented as a block: what is to be typed. */
void markdown_command(GString *out, const char *command);
/* markdown_left.c: what went back with these rollouts, and what newer releases left over; nothing where there is none. */
void markdown_notable(GString *out, const json_t *rollouts); /* a line each */
void markdown_left(GString *out, const json_t *rollouts);

#endif
