/* Rollouts and environments as the JSON of DESIGN section 12, and as tables: used by log, show,
 * status and what acts. */
#ifndef ROLL_CLI_VIEW_H
#define ROLL_CLI_VIEW_H

#include "app.h"

/* What `roll log -o json` prints: a new array, newest first. with_targets: each with the member
 * `targets` (reads orders and steps). */
struct roll_error *roll_view_rollouts(struct roll_app *app, const struct roll_rollout_query *query,
                                      bool with_targets, json_t **ret_list) ROLL_CHECKED;

/* One of them by number, with targets. ROLL_E_NOT_FOUND. New reference. */
struct roll_error *roll_view_rollout_find(struct roll_app *app, const char *stream, int64_t number,
                                          json_t **ret_view) ROLL_CHECKED;

/* view_parts.c: adds "partOf"?: the rollout that it is a part of, and "parts"?: what went back before it (as
 * roll_rollout_parts). The parts of one that names rollouts in its order, as those made before did; new reference. "app/prod#15
 * succeeded, dns/prod not begun"; owned. */
struct roll_error *roll_view_add_parts(struct roll_app *app, const char *stream, int64_t number,
                                       json_t *view) ROLL_CHECKED;
json_t *roll_view_old_parts(char *const *names);
char *roll_view_parts_text(const json_t *view);

/* view_tried.c: adds "tried" to each rollback of a list (newest first) that returned to what had been live all along: the release
 * that did not succeed before it. "1.1.0 → 1.0.0" of a view; owned. */
struct roll_error *roll_view_add_tried(struct roll_app *app, json_t *list) ROLL_CHECKED;
char *roll_view_releases(const json_t *view);

/* causes.c: why a target failed, with its correlation id and what to do; says nothing of one that
 * did not fail. */
void roll_view_say_failure(struct roll_app *app, const json_t *target, const char *indent);
/* All targets of a rollout (PROD#17) that failed. Of more than ten the first three of each code, then its names in a line; -v: all. */
void roll_view_say_failures(struct roll_app *app, const json_t *targets, const char *rollout);
/* What left the stacks of a rollout (a view with targets): deleted, detached, or neither could be
 * done. */
void roll_say_stacks(struct roll_app *app, const json_t *view);

/* governs.c: adds what an audit says of the rollout (watch.h), and
 *   "approvals"."missing"?: text or null, "window"?: {"open","why","until"?} while it has not ended, "waitsFor"?: [texts] while it
 *   waits. */
struct roll_error *roll_view_add_governs(struct roll_app *app, const char *stream, int64_t number,
                                         json_t *view) ROLL_CHECKED;
/* Rows of a table of two columns: name, text. */
void roll_view_print_governs(struct roll_table *table, const json_t *view);
/* What a rollout that waits still lacks: [texts]. New reference. ret_lacks: the same without texts, or NULL. */
struct roll_lacks;
json_t *roll_view_lacks(struct roll_app *app, const char *stream, int64_t number,
                        struct roll_lacks *ret_lacks);
char *roll_view_join(const json_t *texts, const char *between); /* owned */

/* looks.c: drift that was found and still stands, [{"target","summary","since","checkedAt"}]. New reference. */
struct roll_error *roll_view_drift(struct roll_app *app, const char *stream,
                                   json_t **ret_list) ROLL_CHECKED;

/* What `roll status -o json` prints, of one environment or (NULL) of all, appended to list. */
struct roll_error *roll_view_status(struct roll_app *app, const char *only, json_t *list)
    ROLL_CHECKED;

/* The colour of a state. */
enum roll_paint roll_view_state_paint(const char *state);

#endif
