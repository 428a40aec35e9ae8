/* What there is to tell beside rollouts, and what was told. A notice is delivered to each webhook
 * once, so the first word stands; a look that finds what the last one found is no news. */
#include <inttypes.h>
#include <string.h>

#include "ledger/fold.h"
#include "ledger/query.h"

struct roll_error *roll_fold_notice_delivered(struct roll_fold *fold,
                                              const struct roll_event *event)
{
    const struct roll_notice_delivered *body = roll_event_body(event, notice_delivered);
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_NOTICE_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":notice", body->notice);
    roll_sql_bind_text(stmt, ":webhook", body->webhook);
    roll_sql_bind_int(stmt, ":at", event->at);
    return roll_sql_run(stmt);
}

struct roll_error *roll_ledger_notice(struct roll_ledger *ledger, const char *stream,
                                      const char *notice, const char *webhook, bool *ret_delivered)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_NOTICE_GET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_text(stmt, ":notice", notice);
    roll_sql_bind_text(stmt, ":webhook", webhook);
    ROLL_TRY(roll_sql_step(stmt, ret_delivered));
    roll_sql_reset(stmt);
    return NULL;
}

/* ---- looks ----------------------------------------------------------------------------------- */

static struct roll_error *set_look(struct roll_fold *fold, const struct roll_event *event,
                                   const char *word, const char *subject, const char *finding,
                                   const char *summary)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_LOOK_SET, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":word", word);
    roll_sql_bind_text(stmt, ":subject", subject);
    roll_sql_bind_int(stmt, ":seq", event->seq);
    roll_sql_bind_int(stmt, ":at", event->at);
    roll_sql_bind_text(stmt, ":finding", finding);
    roll_sql_bind_text(stmt, ":summary", summary);
    return roll_sql_run(stmt);
}

/* What differs is told apart by the recorded result. */
struct roll_error *roll_fold_drift_checked(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_drift_checked *body = roll_event_body(event, drift_checked);
    g_autofree char *summary = g_strdup_printf("%" PRId64 " difference%s", body->differences,
                                               body->differences == 1 ? "" : "s");
    const char *finding = body->finding ? body->finding : body->result ? body->result : summary;

    return set_look(fold, event, "drift", body->target, body->differences > 0 ? finding : "",
                    summary);
}

/* No finding: there is nothing to tell. The summary is the rollout whose target it is of. */
struct roll_error *roll_fold_baseline_taken(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_baseline_taken *body = roll_event_body(event, baseline_taken);
    g_autofree char *summary = g_strdup_printf("%" PRId64, body->rollout);

    return set_look(fold, event, "baseline", body->target, "", summary);
}

struct roll_error *roll_fold_readiness_checked(struct roll_fold *fold,
                                               const struct roll_event *event)
{
    const struct roll_readiness_checked *body = roll_event_body(event, readiness_checked);
    bool ready = strcmp(body->state, "ready") == 0;

    return set_look(fold, event, "not-ready", body->release, ready ? "" : body->state, body->state);
}

static struct roll_error *fill_look(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_look_row row = {.word = roll_sql_text_at(stmt, 0),
                                      .subject = roll_sql_text_at(stmt, 1),
                                      .summary = roll_sql_text_at(stmt, 2),
                                      .seq = roll_sql_int_at(stmt, 3),
                                      .at = roll_sql_int_at(stmt, 4),
                                      .finding = roll_sql_text_at(stmt, 5),
                                      .checked_seq = roll_sql_int_at(stmt, 6),
                                      .checked_at = roll_sql_int_at(stmt, 7)};

    return (*(roll_look_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_looks(struct roll_ledger *ledger, const char *stream,
                                     roll_look_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_LOOK_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    return roll_sql_each(stmt, fill_look, &call);
}

struct roll_error *roll_ledger_look(struct roll_ledger *ledger, const char *stream,
                                    const char *word, const char *subject, roll_look_fn fn,
                                    void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_LOOK_GET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_text(stmt, ":word", word);
    roll_sql_bind_text(stmt, ":subject", subject);
    return roll_sql_each(stmt, fill_look, &call);
}
