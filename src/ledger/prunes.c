/* Leftovers that rollouts deleted, tried to delete, or let stay: the last word about each counts.
 */
#include "ledger/fold.h"
#include "ledger/query.h"

struct roll_error *roll_fold_prune_intended(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_prune_intended *body = roll_event_body(event, prune_intended);
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_PRUNE_INTENDED, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", body->rollout);
    roll_sql_bind_text(stmt, ":target", body->target);
    roll_sql_bind_text(stmt, ":resource", body->resource);
    roll_sql_bind_int(stmt, ":at", event->at);
    return roll_sql_run(stmt);
}

struct roll_error *roll_fold_prune_ended(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_prune_ended *body = roll_event_body(event, prune_ended);
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_PRUNE_ENDED, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", body->rollout);
    roll_sql_bind_text(stmt, ":target", body->target);
    roll_sql_bind_text(stmt, ":resource", body->resource);
    roll_sql_bind_text(stmt, ":outcome", body->outcome);
    roll_sql_bind_text(stmt, ":message", body->message);
    roll_sql_bind_int(stmt, ":at", event->at);
    return roll_sql_run(stmt);
}

static struct roll_error *fill_prune(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_prune_row row = {.target = roll_sql_text_at(stmt, 0),
                                       .resource = roll_sql_text_at(stmt, 1),
                                       .outcome = roll_sql_text_at(stmt, 2),
                                       .message = roll_sql_text_at(stmt, 3),
                                       .at = roll_sql_int_at(stmt, 4)};

    return (*(roll_prune_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_prunes(struct roll_ledger *ledger, const char *stream,
                                      int64_t rollout, roll_prune_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_PRUNE_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    return roll_sql_each(stmt, fill_prune, &call);
}

struct roll_error *roll_ledger_prunes_of(struct roll_ledger *ledger, const char *stream,
                                         int64_t rollout, const char *target, roll_prune_fn fn,
                                         void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_PRUNE_OF_TARGET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_text(stmt, ":target", target);
    return roll_sql_each(stmt, fill_prune, &call);
}
