/* What the parts of roll status share: what to type next (status_next.c), what is owed and what has
 * drifted (status_found.c), the shared ledger (status_shared.c), the table (status_print.c). */
#ifndef ROLL_CLI_STATUS_H
#define ROLL_CLI_STATUS_H

#include "view.h"

struct status {
    struct roll_app *app;
    const char *only; /* an environment, or NULL */
    json_t *list;
    GPtrArray *hints; /* of char * */
};

/* A row of the table of environments; owns its texts. */
struct rows {
    char *live, *last_good, *previous, *last_state, *hold_reason;
    int64_t since, clean, dirty, open_rollout, last_rollout, debts, hold_rollout;
    bool mixed, hold, hold_by_person, unknown, seen;
};

/* What to type next, for an environment (as it is typed); a rollout that waits adds to the view. */
void roll_status_add_next(struct status *status, const char *environment, const struct rows *rows,
                          json_t *view);

/* After a reconcile the environment waits for one, and another one is open beside it. */
struct roll_error *roll_status_add_open(struct status *status, const char *stream,
                                        const char *environment, const struct rows *rows,
                                        json_t *view) ROLL_CHECKED;

/* "owes" and "drift" of all views, with a hint for each. */
struct roll_error *roll_status_add_debts(struct status *status) ROLL_CHECKED;
struct roll_error *roll_status_add_drift(struct status *status) ROLL_CHECKED;

/* What was recorded while the shared ledger was out of reach. */
struct roll_error *roll_status_add_pending(struct status *status) ROLL_CHECKED;

/* How old the replica is; the store is not asked. */
struct roll_error *roll_status_add_age(struct status *status) ROLL_CHECKED;

/* The table, and the hints below it. */
void roll_status_print(const struct status *status);

#endif
