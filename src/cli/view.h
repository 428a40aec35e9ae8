/* Rollouts and environments as the JSON of DESIGN section 12, and as tables: used by log, show,
 * status and what acts. */
#ifndef ROLL_CLI_VIEW_H
#define ROLL_CLI_VIEW_H

#include "app.h"

/* One element of `roll log -o json`. with_targets: the member `targets` (reads the order and the
 * steps). */
struct roll_error *roll_view_rollout(struct roll_app *app, const struct roll_rollout_row *row,
                                     bool with_targets, json_t **ret_view) ROLL_CHECKED;

/* The same of one rollout by number. */
struct roll_error *roll_view_rollout_find(struct roll_app *app, const char *stream, int64_t number,
                                          json_t **ret_view) ROLL_CHECKED;

/* "done 12 s", "back to 1.0.0", … */
enum roll_paint roll_view_state_paint(const char *state);

#endif
