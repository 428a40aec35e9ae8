/* Folding rollouts as wholes: requests, claims, ends, holds and the marks of an environment. */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/statements.h"
#include "rollbook/ledger.h"

/* ---- requests -------------------------------------------------------------------------------- */

static struct roll_error *add_rollout(struct roll_fold *fold, const struct roll_event *event,
                                      const struct roll_rollout_requested *body)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":number", event->seq);
    roll_sql_bind_text(stmt, ":service", fold->service);
    roll_sql_bind_text(stmt, ":hash", event->hash);
    roll_sql_bind_text(stmt, ":lane", body->lane);
    roll_sql_bind_text(stmt, ":kind", body->kind);
    roll_sql_bind_text(stmt, ":release", body->release);
    roll_sql_bind_text(stmt, ":from", body->from);
    roll_sql_bind_text(stmt, ":reason", body->reason);
    roll_sql_bind_text(stmt, ":order", body->order);
    roll_sql_bind_text(stmt, ":proved", event->actor.proved);
    roll_sql_bind_text(stmt, ":claimed", event->actor.claimed);
    roll_sql_bind_int(stmt, ":requested_at", event->at);
    roll_sql_bind_int(stmt, ":targets", body->targets);
    roll_sql_bind_int(stmt, ":cause", body->cause);
    roll_sql_bind_int(stmt, ":supersedes", body->supersedes);
    roll_sql_bind_int(stmt, ":partial", body->partial);
    roll_sql_bind_text(stmt, ":state", body->driver ? "waiting" : "requested");
    return roll_sql_run(stmt);
}

struct roll_error *roll_fold_bad_add(struct roll_fold *fold, const char *version, int64_t rollout)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_BAD_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":version", version);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    return roll_sql_run(stmt);
}

struct roll_error *roll_fold_bad_lift(struct roll_fold *fold, const char *version)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_BAD_LIFT, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":version", version);
    return roll_sql_run(stmt);
}

static void end_back_hold(struct fold_environment *environment)
{
    environment->back_hold = false;
    environment->hold_rollout = 0;
    fold_set_text(&environment->back_reason, NULL);
}

/* Of two that rolled back without hearing of each other the later one's word is shown, and is what
 * forward returns from, whichever comes first in the stream. */
static struct roll_error *holds_later(struct roll_fold *fold,
                                      const struct fold_environment *environment,
                                      const struct roll_event *event, bool *ret_later)
{
    struct roll_sql_stmt *stmt;
    bool row;

    *ret_later = false;
    if (!event->beside_at || !environment->back_hold || !environment->hold_rollout)
        return NULL;
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_TIME, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":number", environment->hold_rollout);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_later = row && roll_sql_int_at(stmt, 0) > event->at;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *change_hold(struct roll_fold *fold, struct fold_environment *environment,
                                      const struct roll_event *event,
                                      const struct roll_rollout_requested *body)
{
    bool later = false;

    if (body->unhold && !event->beside_at)
        end_back_hold(environment);
    if (!body->hold)
        return NULL;
    ROLL_TRY(holds_later(fold, environment, event, &later));
    if (later)
        return NULL;
    environment->back_hold = true;
    environment->hold_rollout = event->seq;
    fold_set_text(&environment->back_reason, body->reason);
    return NULL;
}

struct roll_error *roll_fold_rollout_requested(struct roll_fold *fold,
                                               const struct roll_event *event)
{
    const struct roll_rollout_requested *body = roll_event_body(event, rollout_requested);
    struct fold_environment *environment;

    ROLL_TRY(add_rollout(fold, event, body));
    ROLL_TRY(roll_fold_slot(fold, body->slot, event->seq, NULL));
    ROLL_TRY(roll_fold_environment(fold, &environment));
    /* What is open in the main stream stays so when a side stream comes beside it. Holds and marks
     * of both are united: what the side lifted was lifted without knowing what the others did. */
    if (!event->beside_at || environment->open_rollout == 0)
        environment->open_rollout = environment->last_rollout = event->seq;
    environment->changed = true;
    ROLL_TRY(change_hold(fold, environment, event, body));
    for (char **version = event->beside_at ? NULL : body->lifts; version && *version; version++)
        ROLL_TRY(roll_fold_bad_lift(fold, *version));
    for (char **version = body->bad; version && *version; version++)
        ROLL_TRY(roll_fold_bad_add(fold, *version, event->seq));
    return roll_fold_debts_requested(fold, event);
}

/* ---- claims ---------------------------------------------------------------------------------- */

struct roll_error *roll_fold_rollout_claimed(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_rollout_claimed *body = roll_event_body(event, rollout_claimed);
    struct fold_rollout *rollout;

    ROLL_TRY(roll_fold_rollout(fold, body->rollout, &rollout));
    if (!rollout->there)
        return NULL;
    fold_set_text(&rollout->driver, body->driver);
    fold_set_text(&rollout->host, body->host);
    rollout->claim_until = body->until;
    if (!body->settle && strcmp(rollout->state, "waiting") == 0)
        fold_set_text(&rollout->state, "requested"); /* all that it waited for has passed */
    rollout->detached = false;
    rollout->changed = true;
    return NULL;
}

/* A driver that lost its claim says nothing about its successor's. */
struct roll_error *roll_fold_rollout_detached(struct roll_fold *fold,
                                              const struct roll_event *event)
{
    const struct roll_rollout_detached *body = roll_event_body(event, rollout_detached);
    struct fold_rollout *rollout;

    ROLL_TRY(roll_fold_rollout(fold, body->rollout, &rollout));
    if (!rollout->there || g_strcmp0(rollout->driver, body->driver) != 0)
        return NULL;
    rollout->detached = rollout->changed = true;
    return NULL;
}

/* ---- ends ------------------------------------------------------------------------------------ */

static const char *state_of(enum roll_event_kind kind)
{
    switch (kind) {
    case ROLL_EVENT_rollout_succeeded:
        return "succeeded";
    case ROLL_EVENT_rollout_failed:
        return "failed";
    case ROLL_EVENT_rollout_cancelled:
        return "cancelled";
    case ROLL_EVENT_rollout_refused:
        return "refused";
    case ROLL_EVENT_rollout_expired:
        return "expired";
    default:
        return "superseded";
    }
}

struct roll_error *roll_fold_success_add(struct roll_fold *fold, int64_t seq, int64_t at,
                                         int64_t rollout, const char *release)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_SUCCESS_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":seq", seq);
    roll_sql_bind_text(stmt, ":release", release);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_int(stmt, ":at", at);
    return roll_sql_run(stmt);
}

/* The environment's success: of the whole order, or of the part that made the environment whole. */
static struct roll_error *fold_success(struct roll_fold *fold, const struct roll_event *event,
                                       int64_t number, const struct fold_rollout *rollout,
                                       struct fold_environment *environment)
{
    const char *held = roll_fold_held(environment);

    fold_set_text(&environment->last_good, rollout->release);
    if (environment->live_rollout == number)
        environment->since = event->at;
    if (!rollout->release)
        return NULL;
    if (rollout->partial && (environment->dirty > 0 || g_strcmp0(held, rollout->release) != 0))
        return NULL;
    return roll_fold_success_add(fold, event->seq, event->at, number, rollout->release);
}

/* After a reconcile two may have been open, of different courses: the other one is now what the
 * environment waits for. What is in memory counts before what is saved. */
static struct roll_error *find_open(struct roll_fold *fold, int64_t ended, int64_t *ret_open)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));

    *ret_open = 0;
    ROLL_TRY(roll_rows_open(fold->sql, fold->stream, roll_number_is_side(ended), numbers));
    for (guint i = 0; i < numbers->len && *ret_open == 0; i++) {
        int64_t number = g_array_index(numbers, int64_t, i);
        struct fold_rollout *rollout;
        ROLL_TRY(roll_fold_rollout(fold, number, &rollout));
        if (number != ended && rollout->ended_at == 0)
            *ret_open = number;
    }
    return NULL;
}

/* The six kinds share one body. The first end counts: whoever lost the rollout cannot end it again.
 */
struct roll_error *roll_fold_rollout_ended(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_rollout_succeeded *body = event->body;
    struct fold_environment *environment;
    struct fold_rollout *rollout;
    bool sent;

    ROLL_TRY(roll_fold_rollout(fold, body->rollout, &rollout));
    if (!rollout->there || rollout->ended_at != 0)
        return NULL;
    sent = strcmp(rollout->state, "waiting") != 0 && strcmp(rollout->state, "requested") != 0;
    fold_set_text(&rollout->state, state_of(event->kind));
    fold_set_text(&rollout->end_reason, body->reason);
    rollout->ended_at = event->at;
    rollout->superseded_by = body->by;
    rollout->changed = true;
    ROLL_TRY(roll_fold_environment(fold, &environment));
    if (environment->open_rollout == body->rollout)
        ROLL_TRY(find_open(fold, body->rollout, &environment->open_rollout));
    environment->changed = true;
    ROLL_TRY(roll_fold_debts_ended(fold, event, body->rollout, sent));
    return event->kind == ROLL_EVENT_rollout_succeeded
               ? fold_success(fold, event, body->rollout, rollout, environment)
               : NULL;
}

/* ---- a person's hold ------------------------------------------------------------------------- */

struct roll_error *roll_fold_hold_set(struct roll_fold *fold, const struct roll_event *event)
{
    struct fold_environment *environment;

    ROLL_TRY(roll_fold_environment(fold, &environment));
    environment->person_hold = environment->changed = true;
    fold_set_text(&environment->person_reason, roll_event_body(event, hold_set)->reason);
    return NULL;
}

/* Ends both holds, the person's and the back's. */
struct roll_error *roll_fold_hold_lifted(struct roll_fold *fold, const struct roll_event *event)
{
    struct fold_environment *environment;

    if (event->beside_at)
        return NULL;
    ROLL_TRY(roll_fold_environment(fold, &environment));
    environment->person_hold = false;
    environment->changed = true;
    fold_set_text(&environment->person_reason, NULL);
    end_back_hold(environment);
    return NULL;
}
