/* Readiness for the commands that use it: status, back, run, and the page. */
#ifndef ROLL_CLI_READY_H
#define ROLL_CLI_READY_H

#include "act.h"
#include "rollbook/ready.h"

/* Adds what the last check said of the goal to a status view's "rollback": "ready": its word,
 * "checkedAt", "since", "why"?, "usualMs"?; nothing where it was never checked. Where it has
 * "goals"
 * [{"version"}], each of these gets them, and "ready" is the worst of all. From the ledger alone.
 */
struct roll_error *roll_ready_add(struct roll_app *app, const char *stream, json_t *view)
    ROLL_CHECKED;
/* "rollback to 4.1.7: ready, checked 2 h ago, usually 38 s", of a view's rollback or one of its
 * goals; name: what to type for the environment. Owned, NULL where it was never checked. */
char *roll_ready_sentence(const json_t *rollback, const char *name);

/* A back is chosen: ROLL_E_FOUND, with the reasons and the next ready release, when its goal is
 * known to be dead and still is. With --dry-run it is only said. */
struct roll_error *roll_ready_bar(struct roll_act *act, const struct roll_choice *choice)
    ROLL_CHECKED;

enum roll_ready_how {
    ROLL_READY_LOOK,
    ROLL_READY_DRILL,
    ROLL_READY_DAILY, /* a drill that is recorded in any case: that it was made counts */
};
/* Checks one environment; the loop and the links are made for it. */
struct roll_error *roll_ready_environment(struct roll_app *app, const struct roll_plan *plan,
                                          const struct roll_plan_environment *environment,
                                          const char *release, enum roll_ready_how how,
                                          json_t **ret_facts) ROLL_CHECKED;
/* The goals of facts that are not ready: "1.1.0 is dead, …", or that there is none among several;
 * owned, NULL: all are, or it is the first release. */
char *roll_ready_trouble(const json_t *facts);
/* One line for roll run; name as above. Owned. */
char *roll_ready_summary(const json_t *facts, const char *name);

/* roll run: sets work when the daily check is due, else lowers wake to when it is. */
struct roll_error *roll_run_ready_due(struct roll_app *app, const char *stream, int64_t now_ms,
                                      bool *work, int64_t *wake) ROLL_CHECKED;

#endif
