/* Folding: how one event changes the projections of its stream. Private to ledger.
 *
 * A fold is a pure function of a stream's events: it looks at nothing but the event and the
 * stream's own rows, so that dropping the rows and folding again gives the same ones. Rows that
 * change often are kept in memory and written once, by roll_fold_flush: a group of events costs
 * little more than its largest part. */
#ifndef ROLLBOOK_LEDGER_FOLD_H
#define ROLLBOOK_LEDGER_FOLD_H

#include "rollbook/events.h"
#include "rollbook/sql.h"

/* Raised whenever a rule below changes its result: streams that were folded by another version are
 * folded again when they are needed. */
#define ROLL_PROJECTION_VERSION 15

struct fold_environment {
    bool loaded, changed;
    GHashTable *held; /* release → number of clean targets that hold it, never 0 */
    char *live;       /* when it was last whole */
    int64_t live_rollout, since;
    char *previous;
    int64_t clean, dirty;
    char *last_good;
    bool back_hold, person_hold;
    char *back_reason, *person_reason;
    int64_t hold_rollout, open_rollout, last_rollout, debts;
    bool unknown;
};

struct fold_target {
    bool changed;
    char *release; /* that it holds; NULL: dirty or never deployed to */
    int64_t rollout, since;
    bool dirty;
    int64_t dirty_rollout, floor;
    char *accepted_release;
    int64_t accepted_rollout;
    char *going;     /* release of the last intent */
    bool restorable; /* nothing of dirty_rollout has reached ARM: held_… may come back */
    char *held_release;
    int64_t held_rollout, held_since;
    int64_t counted_rollout;
    bool counted_good;
};

struct fold_rollout {
    bool there, changed; /* there: the stream has such a request */
    char *release;
    bool partial;
    char *state, *end_reason;
    int64_t ended_at, superseded_by, succeeded, failed;
    char *driver, *host;
    int64_t claim_until;
    bool detached;
};

/* The last attempt of a step. */
struct fold_step {
    bool there, changed; /* there: the rollout has such a step */
    int64_t attempt;
    char *release, *outcome; /* outcome NULL: intended */
    bool accepted;
    int64_t intended_at, ended_at, arm_at, duration_ms, resources;
    char *code, *message, *result;
    int64_t clean_at; /* its end made the target clean; 0 else */
};

struct roll_fold {
    struct roll_sql *sql;
    int64_t stream;
    const char *name; /* borrowed */
    char *service;
    struct fold_environment environment;
    GHashTable *targets;  /* name → struct fold_target */
    GHashTable *rollouts; /* number → struct fold_rollout */
    GHashTable *steps;    /* struct step_key → struct fold_step */
};

/* name is borrowed until roll_fold_end. Nothing is read yet. */
void roll_fold_begin(struct roll_fold *fold, struct roll_sql *sql, int64_t stream,
                     const char *name);
/* Only stream, seq, kind, at, actor, hash and body of the event are looked at. */
struct roll_error *roll_fold_event(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
/* Writes what changed; the fold may go on. */
struct roll_error *roll_fold_flush(struct roll_fold *fold) ROLL_CHECKED;
/* Frees; what was not flushed is forgotten. */
void roll_fold_end(struct roll_fold *fold);

/* ---- rows (rows.c): borrowed, valid until the next flush or end; change them and set `changed` */

struct roll_error *roll_fold_environment(struct roll_fold *fold, struct fold_environment **ret_row)
    ROLL_CHECKED;
struct roll_error *roll_fold_target(struct roll_fold *fold, const char *target,
                                    struct fold_target **ret_row) ROLL_CHECKED;
struct roll_error *roll_fold_rollout(struct roll_fold *fold, int64_t number,
                                     struct fold_rollout **ret_row) ROLL_CHECKED;
/* Adds the numbers (int64_t) of rollouts that have no end as far as it is saved, newest first: of
 * side streams, and, on request, of the newest of the main stream. */
struct roll_error *roll_rows_open(struct roll_sql *sql, int64_t stream, bool of_main,
                                  GArray *numbers) ROLL_CHECKED;
struct roll_error *roll_fold_step(struct roll_fold *fold, int64_t rollout, const char *target,
                                  int64_t step, struct fold_step **ret_row) ROLL_CHECKED;
/* Steps alone: before a statement looks at them, and as a part of roll_fold_flush. */
struct roll_error *roll_fold_save_steps(struct roll_fold *fold) ROLL_CHECKED;
GHashTable *roll_fold_steps_new(void);
/* One clean target more (+1) or less (-1) holds release. */
void roll_fold_hold(struct fold_environment *environment, const char *release, int change);
/* The release that all clean targets hold, borrowed, or NULL. */
const char *roll_fold_held(const struct fold_environment *environment);

/* ---- what clean targets hold (held.c): a table, and the text of the column `held` ------------ */

GHashTable *roll_held_new(void);
struct roll_error *roll_held_read(const char *text, GHashTable *held) ROLL_CHECKED;
char *roll_held_write(GHashTable *held);

/* ---- rules ----------------------------------------------------------------------------------- */

typedef struct roll_error *(*roll_fold_fn)(struct roll_fold *fold, const struct roll_event *event);

struct roll_error *roll_fold_release_made(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_release_marked(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_rollout_requested(struct roll_fold *fold,
                                               const struct roll_event *event) ROLL_CHECKED;
struct roll_error *roll_fold_rollout_claimed(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_rollout_detached(struct roll_fold *fold,
                                              const struct roll_event *event) ROLL_CHECKED;
struct roll_error *roll_fold_rollout_ended(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_step_intended(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_step_ended(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_hold_set(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_hold_lifted(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_floor_set(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
/* A request's slot (NULL: it has none); the rule of slot.passed. */
struct roll_error *roll_fold_slot(struct roll_fold *fold, const char *slot, int64_t rollout,
                                  const char *fate) ROLL_CHECKED;
struct roll_error *roll_fold_slot_passed(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_debt_closed(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_gate_evaluated(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_prune_intended(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_prune_ended(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_notice_delivered(struct roll_fold *fold,
                                              const struct roll_event *event) ROLL_CHECKED;
struct roll_error *roll_fold_drift_checked(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_readiness_checked(struct roll_fold *fold,
                                               const struct roll_event *event) ROLL_CHECKED;
struct roll_error *roll_fold_baseline_taken(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_deployment_adopted(struct roll_fold *fold,
                                                const struct roll_event *event) ROLL_CHECKED;
struct roll_error *roll_fold_adoption_accepted(struct roll_fold *fold,
                                               const struct roll_event *event) ROLL_CHECKED;
/* fold_target.c: what is live, after a target has become clean by this rollout. */
void roll_fold_live(struct fold_environment *environment, int64_t rollout, int64_t at);
/* From now on nobody knows what the target holds, until rollout (or a later one) succeeded there.
 */
struct roll_error *roll_fold_make_dirty(struct roll_fold *fold, struct fold_target *target,
                                        int64_t rollout) ROLL_CHECKED;
/* A dirty target: the rollout succeeded there; what it held comes back, unless it is forgotten. */
struct roll_error *roll_fold_make_clean(struct roll_fold *fold, struct fold_target *target,
                                        int64_t rollout, const char *release, int64_t at)
    ROLL_CHECKED;
struct roll_error *roll_fold_restore(struct roll_fold *fold, struct fold_target *target)
    ROLL_CHECKED;
void roll_fold_forget_held(struct fold_target *target);
/* fold_rollout.c: the environment's success. */
struct roll_error *roll_fold_success_add(struct roll_fold *fold, int64_t seq, int64_t at,
                                         int64_t rollout, const char *release) ROLL_CHECKED;
struct roll_error *roll_fold_bad_add(struct roll_fold *fold, const char *version, int64_t rollout)
    ROLL_CHECKED;
struct roll_error *roll_fold_bad_lift(struct roll_fold *fold, const char *version) ROLL_CHECKED;
/* fold_debts.c: called by the rules of rollouts. sent: it had intended something. */
struct roll_error *roll_fold_debts_requested(struct roll_fold *fold, const struct roll_event *event)
    ROLL_CHECKED;
struct roll_error *roll_fold_debts_ended(struct roll_fold *fold, const struct roll_event *event,
                                         int64_t rollout, bool sent) ROLL_CHECKED;

static inline void fold_set_text(char **place, const char *text)
{
    if (g_strcmp0(*place, text) != 0) {
        g_free(*place);
        *place = g_strdup(text);
    }
}

#endif
