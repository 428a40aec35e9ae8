/* Queries of projections: rollouts with their steps and debts, as query.c has them of the rest. */
#include <string.h>

#include "ledger/query.h"

bool roll_state_is_good(const char *state)
{
    return g_strcmp0(state, "succeeded") == 0 || g_strcmp0(state, "recovered") == 0;
}

static struct roll_error *fill_rollout(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_rollout_row row = {.stream = roll_sql_text_at(stmt, 0),
                                         .number = roll_sql_int_at(stmt, 1),
                                         .hash = roll_sql_text_at(stmt, 2),
                                         .lane = roll_sql_text_at(stmt, 3),
                                         .kind = roll_sql_text_at(stmt, 4),
                                         .release = roll_sql_text_at(stmt, 5),
                                         .from = roll_sql_text_at(stmt, 6),
                                         .reason = roll_sql_text_at(stmt, 7),
                                         .order = roll_sql_text_at(stmt, 8),
                                         .state = roll_sql_text_at(stmt, 9),
                                         .end_reason = roll_sql_text_at(stmt, 10),
                                         .proved = roll_sql_text_at(stmt, 11),
                                         .claimed = roll_sql_text_at(stmt, 12),
                                         .requested_at = roll_sql_int_at(stmt, 13),
                                         .ended_at = roll_sql_int_at(stmt, 14),
                                         .targets = roll_sql_int_at(stmt, 15),
                                         .succeeded = roll_sql_int_at(stmt, 16),
                                         .failed = roll_sql_int_at(stmt, 17),
                                         .cause = roll_sql_int_at(stmt, 18),
                                         .supersedes = roll_sql_int_at(stmt, 19),
                                         .superseded_by = roll_sql_int_at(stmt, 20),
                                         .partial = roll_sql_int_at(stmt, 21) != 0,
                                         .driver = roll_sql_text_at(stmt, 22),
                                         .host = roll_sql_text_at(stmt, 23),
                                         .claim_until = roll_sql_int_at(stmt, 24),
                                         .detached = roll_sql_int_at(stmt, 25) != 0};

    return (*(roll_rollout_fn *)call->fn)(call->user, &row);
}

static struct roll_error *use_rollouts(struct roll_ledger *ledger,
                                       const struct roll_rollout_query *query,
                                       struct roll_sql_stmt **ret_stmt)
{
    int which = LEDGER_ROLLOUT_ALL;

    if (query->stream)
        which = query->number ? LEDGER_ROLLOUT_GET : LEDGER_ROLLOUT_OF_STREAM;
    else if (query->service)
        which = LEDGER_ROLLOUT_OF_SERVICE;
    ROLL_TRY(roll_sql_use(ledger->sql, which, ret_stmt));
    if (which == LEDGER_ROLLOUT_OF_SERVICE)
        roll_sql_bind_text(*ret_stmt, ":service", query->service);
    if (query->stream)
        roll_sql_bind_text(*ret_stmt, ":stream", query->stream);
    if (which == LEDGER_ROLLOUT_GET)
        roll_sql_bind_int(*ret_stmt, ":number", query->number);
    else
        roll_sql_bind_int(*ret_stmt, ":limit", query->limit > 0 ? query->limit : -1);
    return NULL;
}

struct roll_error *roll_ledger_rollouts(struct roll_ledger *ledger,
                                        const struct roll_rollout_query *query, roll_rollout_fn fn,
                                        void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, query->stream));
    ROLL_TRY(use_rollouts(ledger, query, &stmt));
    return roll_sql_each(stmt, fill_rollout, &call);
}

static struct roll_error *is_any_open(struct roll_ledger *ledger, int64_t stream, bool *ret_any)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_ROLLOUT_OPEN_ANY, &stmt));
    roll_sql_bind_int(stmt, ":stream", stream);
    ROLL_TRY(roll_sql_step(stmt, ret_any));
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_ledger_unsettled(struct roll_ledger *ledger, const char *stream,
                                         GArray **ret_numbers)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
    struct roll_sql_stmt *stmt;
    int64_t id, projection, number;
    bool row;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_ROLLOUT_UNSETTLED, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        number = roll_sql_int_at(stmt, 0);
        g_array_append_val(numbers, number);
    }
    *ret_numbers = g_steal_pointer(&numbers);
    return NULL;
}

struct roll_error *roll_ledger_open_rollouts(struct roll_ledger *ledger, const char *stream,
                                             GArray **ret_numbers)
{
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
    int64_t id, projection;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    ROLL_TRY(is_any_open(ledger, id, &any));
    if (any)
        ROLL_TRY(roll_rows_open(ledger->sql, id, true, numbers));
    *ret_numbers = g_steal_pointer(&numbers);
    return NULL;
}

/* ---- steps and debts ------------------------------------------------------------------------ */

static struct roll_error *fill_step(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_step_row row = {.target = roll_sql_text_at(stmt, 0),
                                      .step = roll_sql_int_at(stmt, 1),
                                      .attempt = roll_sql_int_at(stmt, 2),
                                      .release = roll_sql_text_at(stmt, 3),
                                      .outcome = roll_sql_text_at(stmt, 4),
                                      .accepted = roll_sql_int_at(stmt, 5) != 0,
                                      .intended_at = roll_sql_int_at(stmt, 6),
                                      .ended_at = roll_sql_int_at(stmt, 7),
                                      .arm_at = roll_sql_int_at(stmt, 8),
                                      .duration_ms = roll_sql_int_at(stmt, 9),
                                      .resources = roll_sql_int_at(stmt, 10),
                                      .code = roll_sql_text_at(stmt, 11),
                                      .message = roll_sql_text_at(stmt, 12),
                                      .result = roll_sql_text_at(stmt, 13)};

    return (*(roll_step_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_steps(struct roll_ledger *ledger, const char *stream,
                                     int64_t rollout, roll_step_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STEP_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    return roll_sql_each(stmt, fill_step, &call);
}

struct roll_error *roll_ledger_steps_of(struct roll_ledger *ledger, const char *stream,
                                        int64_t rollout, const char *target, roll_step_fn fn,
                                        void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STEP_OF_TARGET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_text(stmt, ":target", target);
    return roll_sql_each(stmt, fill_step, &call);
}

static struct roll_error *fill_debt(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_debt_row row = {.stream = roll_sql_text_at(stmt, 0),
                                      .rollout = roll_sql_int_at(stmt, 1),
                                      .debt = roll_sql_text_at(stmt, 2),
                                      .owner = roll_sql_text_at(stmt, 3),
                                      .reason = roll_sql_text_at(stmt, 4),
                                      .release = roll_sql_text_at(stmt, 5),
                                      .opened_at = roll_sql_int_at(stmt, 6),
                                      .due = roll_sql_int_at(stmt, 7),
                                      .closed_at = roll_sql_int_at(stmt, 8),
                                      .closed_by = roll_sql_text_at(stmt, 9)};

    return (*(roll_debt_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_debts(struct roll_ledger *ledger, const char *stream,
                                     roll_debt_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_DEBT_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    return roll_sql_each(stmt, fill_debt, &call);
}
