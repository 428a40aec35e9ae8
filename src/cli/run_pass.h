/* One pass of roll run over one environment: what its files share. */
#ifndef ROLL_CLI_RUN_PASS_H
#define ROLL_CLI_RUN_PASS_H

#include "run.h"

struct roll_run_pass {
    struct roll_app *app;
    const char *name; /* shop/prod */
    json_t *done;     /* see roll_run_environment */
    struct roll_act_options options;
};

/* Notes what was done or left, and says it where it is no error; slot and reason may be NULL, rollout 0. */
void roll_run_note(struct roll_run_pass *pass, const char *did, const char *slot, int64_t rollout,
                   const char *reason, int status);
/* Notes and prints an error, which does not keep others from what is due. */
void roll_run_note_error(struct roll_run_pass *pass, const char *did, const char *slot,
                         int64_t rollout, struct roll_error *err_take);

/* Drives: what is driven reports for itself, except in JSON: there is one document, at the end. */
struct roll_error *roll_run_quietly(struct roll_act *act,
                                    struct roll_error *(*run)(struct roll_act *act)) ROLL_CHECKED;

/* Records that a slot passed, unless another process was faster. */
struct roll_error *roll_run_pass_by(struct roll_run_pass *pass, const char *stream,
                                    const char *schedule, int64_t at, const char *fate,
                                    const char *reason) ROLL_CHECKED;
/* One missed slot is made up for at most: records what became of those before the one that is due. *ret_passed: there were
 * some; look again, since another process may have been faster. */
struct roll_error *roll_run_pass_missed(struct roll_run_pass *pass, const char *stream,
                                        const struct roll_plan_schedule *schedule, int64_t due_at,
                                        bool *ret_passed) ROLL_CHECKED;

/* run_open.c: starts or goes on with what is open, if it may. */
struct roll_error *roll_run_open(struct roll_run_pass *pass, const struct roll_plan *plan,
                                 const struct roll_plan_environment *environment,
                                 const struct roll_run_view *view) ROLL_CHECKED;

/* run_ready.c: the daily readiness check, when it is due and nothing is under way. */
struct roll_error *roll_run_readiness(struct roll_run_pass *pass, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment) ROLL_CHECKED;

#endif
