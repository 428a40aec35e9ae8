/* Where the targets of an environment stand, when they do not stand together. */
#ifndef ROLL_CLI_STANDINGS_H
#define ROLL_CLI_STANDINGS_H

#include "app.h"

/* A line for each group of targets that stand alike, what is dirty first (up to 20 targets: one
 * line of all). lines: of char *. */
struct roll_error *roll_standings_add(struct roll_app *app, const char *stream, GPtrArray *lines)
    ROLL_CHECKED;
/* How far the open rollout of a fleet is: its line, and "progress" of the view. Of a few targets
 * nothing. */
struct roll_error *roll_standings_add_progress(struct roll_app *app, const char *stream,
                                               int64_t rollout, GPtrArray *lines, json_t *view)
    ROLL_CHECKED;

#endif
