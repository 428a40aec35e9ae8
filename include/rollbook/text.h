/* Text that came from elsewhere, made safe to show; and small text helpers that GLib does not have. */
#ifndef ROLLBOOK_TEXT_H
#define ROLLBOOK_TEXT_H

#include <glib.h>

#include "rollbook/base.h"

/* Appends text with control characters (C0, C1, DEL), bidi controls and invalid UTF-8 shown as \xNN or \u{NNNN}; line
 * breaks become blanks unless keep_lines. Pipeline commands (`##vso[`, `##[`, a line beginning with `::`) are broken up. */
void roll_text_safe(const char *text, size_t size, bool keep_lines, GString *out);

/* The same for a whole JSON document: what is dangerous becomes \uNNNN, so that its value stays the same. */
void roll_text_safe_json(GString *text);

/* Columns that a terminal uses for valid UTF-8 (East Asian wide: 2, combining: 0). */
int roll_text_width(const char *text);

/* The candidate nearest to what was typed (edit distance at most 2, or a prefix), or NULL: for "did you mean". */
const char *roll_text_nearest(const char *typed, const char *const *candidates);

#endif
