/* Folding debts: what a rollout passed by or put off, until it is made up for.
 *
 * A debt opens with the request that names it (gates.debts) and is forgotten when that rollout ends
 * without having sent anything. A gate that passes later closes its own; the debt of a hotfix is
 * closed by the success of a release that was found to contain it (gates.contains), and opened
 * again by a back that drops it (gates.reopens); debt.closed closes the rest. */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/statements.h"
#include "rollbook/json.h"

static struct roll_error *count(struct roll_fold *fold)
{
    struct fold_environment *environment;
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_fold_environment(fold, &environment));
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_DEBT_COUNT, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    ROLL_TRY(roll_sql_step(stmt, &row));
    environment->debts = row ? roll_sql_int_at(stmt, 0) : 0;
    environment->changed = true;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *add(struct roll_fold *fold, const struct roll_event *event,
                              const json_t *debt)
{
    const struct roll_rollout_requested *body = event->body;
    const char *name = roll_json_get_string(debt, "debt");
    struct roll_sql_stmt *stmt;

    if (!name)
        return NULL;
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_DEBT_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", event->seq);
    roll_sql_bind_text(stmt, ":debt", name);
    roll_sql_bind_text(stmt, ":owner", roll_json_get_string(debt, "owner"));
    roll_sql_bind_text(stmt, ":reason", roll_json_get_string(debt, "reason"));
    roll_sql_bind_text(stmt, ":release", body->release);
    roll_sql_bind_int(stmt, ":opened_at", event->at);
    roll_sql_bind_int(stmt, ":due", json_integer_value(json_object_get(debt, "due")));
    return roll_sql_run(stmt);
}

/* A hotfix's debt, by the rollout that brought it. */
static struct roll_error *change_hotfix(struct roll_fold *fold, int statement, int64_t rollout,
                                        int64_t by)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, statement, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_int(stmt, ":by", by);
    return roll_sql_run(stmt);
}

struct roll_error *roll_fold_debts_requested(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_rollout_requested *body = event->body;
    size_t index;
    json_t *value;

    if (!body->gates)
        return NULL;
    json_array_foreach (json_object_get(body->gates, "debts"), index, value)
        ROLL_TRY(add(fold, event, value));
    json_array_foreach (json_object_get(body->gates, "contains"), index, value)
        ROLL_TRY(change_hotfix(fold, LEDGER_DEBT_CONTAINED, json_integer_value(value), event->seq));
    json_array_foreach (json_object_get(body->gates, "reopens"), index, value)
        ROLL_TRY(change_hotfix(fold, LEDGER_DEBT_REOPEN, json_integer_value(value), event->seq));
    return count(fold);
}

/* sent: it intended something before it ended. */
struct roll_error *roll_fold_debts_ended(struct roll_fold *fold, const struct roll_event *event,
                                         int64_t rollout, bool sent)
{
    struct roll_sql_stmt *stmt;

    if (event->kind == ROLL_EVENT_rollout_succeeded) {
        ROLL_TRY(roll_sql_use(fold->sql, LEDGER_DEBT_CLOSE_CONTAINED, &stmt));
        roll_sql_bind_int(stmt, ":at", event->at);
    } else if (!sent) {
        ROLL_TRY(roll_sql_use(fold->sql, LEDGER_DEBT_FORGET, &stmt));
    } else {
        return NULL;
    }
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    ROLL_TRY(roll_sql_run(stmt));
    return count(fold);
}

static struct roll_error *close_debt(struct roll_fold *fold, const struct roll_event *event,
                                     int64_t rollout, const char *debt)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_DEBT_CLOSE, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_text(stmt, ":debt", debt);
    roll_sql_bind_int(stmt, ":at", event->at);
    roll_sql_bind_text(stmt, ":by",
                       event->actor.proved ? event->actor.proved : event->actor.claimed);
    ROLL_TRY(roll_sql_run(stmt));
    return count(fold);
}

struct roll_error *roll_fold_debt_closed(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_debt_closed *body = event->body;

    return close_debt(fold, event, body->rollout, body->debt);
}

struct roll_error *roll_fold_gate_evaluated(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_gate_evaluated *body = event->body;
    g_autofree char *debt = g_strconcat("gate:", body->gate, NULL);

    return strcmp(body->verdict, "passed") == 0 ? close_debt(fold, event, body->rollout, debt)
                                                : NULL;
}
