/* roll run and roll schedule: what a schedule asks for, and one pass over an environment. */
#ifndef ROLL_CLI_RUN_H
#define ROLL_CLI_RUN_H

#include "act.h"
#include "rollbook/policy.h"

/* ---- run_look.c: what there is to do; reads the ledger only --------------------------------- */

/* An open rollout that this pass may have to do with. */
struct roll_run_open {
    int64_t number; /* 0: none */
    char *slot;     /* of a schedule, or NULL */
    char *state;
    char *release; /* or NULL: each target's own */
    bool pending; /* requested, and not started: it waits for something */
    bool driven;  /* by a living process */
    bool due;     /* pending: its time has come, or it has expired */
    bool timed;   /* windows and freezes apply, and were not passed by */
    int64_t began_at, not_before, expires;
};
struct roll_run_view {
    bool held;
    char *hold_reason; /* or NULL */
    struct roll_run_open open;
    bool work;    /* something is due */
    int64_t wake; /* when to look again; ROLL_NEVER */
};
struct roll_error *roll_run_look(struct roll_app *app, const struct roll_plan *plan,
                                 const struct roll_plan_environment *environment, int64_t now_ms,
                                 struct roll_run_view *ret_view) ROLL_CHECKED;
/* Why an environment is held, or NULL: it is not. Owned. */
char *roll_run_hold_reason(const struct roll_environment_row *row);
void roll_run_view_clear(struct roll_run_view *view);

/* ROLL_E_REFUSED: the release is bad, or descends from one that is, for all that git (or NULL) can tell. */
struct roll_error *roll_run_check_quarantine(const struct roll_plan *plan,
                                             const struct roll_plan_environment *environment,
                                             struct roll_ledger *ledger, struct roll_git *git,
                                             const char *version) ROLL_CHECKED;

/* The next thing that a schedule asks for. app->ledger may be NULL. */
struct roll_error *roll_run_due(struct roll_app *app, const char *stream,
                                const struct roll_plan_schedule *schedule, int64_t now_ms,
                                struct roll_slot_due *ret_due) ROLL_CHECKED;

/* Which release a schedule would take now; git may be NULL. ROLL_E_REFUSED, ROLL_E_NOT_FOUND say why none. *ret_version NULL: a
 * snapshot of HEAD, which is not made here. */
struct roll_error *roll_run_release(const struct roll_plan *plan,
                                    const struct roll_plan_environment *environment,
                                    const struct roll_plan_schedule *schedule,
                                    struct roll_ledger *ledger, struct roll_git *git,
                                    char **ret_version) ROLL_CHECKED;

/* ---- run_debts.c ------------------------------------------------------------------------------ */

/* Calls fn for each deferred gate of the environment that is to be evaluated now. ret_wake: when the next one is; ROLL_NEVER. */
typedef struct roll_error *(*roll_run_gate_fn)(void *user, int64_t rollout, const char *gate);
struct roll_error *roll_run_debts(struct roll_app *app, const char *stream, int64_t now_ms,
                                  roll_run_gate_fn fn, void *user, int64_t *ret_wake) ROLL_CHECKED;

/* What is overdue, each in a line with what closes it; into done too, as `"did":"reminded"`, which changes no exit status. */
struct roll_error *roll_run_remind(struct roll_app *app, const char *stream, json_t *done) ROLL_CHECKED;

/* ---- run_drift.c ------------------------------------------------------------------------------ */

struct roll_drift_due;
/* Baselines and looks for drift that are due; after one that failed in this workspace, an hour later. */
struct roll_error *roll_run_drift_due(struct roll_app *app, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      int64_t now_ms, struct roll_drift_due *ret_due) ROLL_CHECKED;
/* Does what is due of it; done: as of roll_run_environment. */
struct roll_error *roll_run_drift(struct roll_app *app, const struct roll_plan *plan,
                                  const struct roll_plan_environment *environment,
                                  json_t *done) ROLL_CHECKED;

/* ---- run_environment.c: one pass over one environment ---------------------------------------- */

/* done: array that gets an object for each thing that was done or left: {"environment","did","slot"?,"rollout"?,"reason"?,
 * "exit"}. An error that concerns one slot is told there (and printed), and the pass goes on. */
struct roll_error *roll_run_environment(struct roll_app *app, const char *name,
                                        json_t *done) ROLL_CHECKED;

/* ---- run_watch.c ----------------------------------------------------------------------------- */

/* One pass over all environments that have something to do, each in a process of its own where there are several. */
struct roll_error *roll_run_all(struct roll_app *app, json_t *done) ROLL_CHECKED;
/* Of two exit statuses the one that needs a person most. */
int roll_run_worse(int a, int b);
/* Stays until SIGTERM or SIGINT. */
struct roll_error *roll_run_watch(struct roll_app *app) ROLL_CHECKED;

/* ---- systemd.c -------------------------------------------------------------------------------- */

/* sd_notify's datagram, where NOTIFY_SOCKET is set; "READY=1". Nothing is done when it cannot be sent. */
void roll_systemd_notify(const char *state);
/* How often WATCHDOG=1 is wanted, in ms; 0: not at all. */
int64_t roll_systemd_watchdog_ms(void);

#endif
