/* Queries of projections: each fills a row from one statement and hands it to a callback. None of
 * them looks at events. */
#include <string.h>

#include "ledger/store.h"

/* Hands every row of a statement to `fill`, until it returns an error. */
typedef struct roll_error *(*fill_fn)(struct roll_sql_stmt *stmt, void *fn, void *user);
struct call {
    fill_fn fill;
    void *fn, *user; /* fn: pointer to the caller's function pointer */
};

static struct roll_error *each_row(struct roll_sql_stmt *stmt, const struct call *call,
                                   bool *ret_any)
{
    bool row;

    *ret_any = false;
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        *ret_any = true;
        struct roll_error *err = call->fill(stmt, call->fn, call->user);
        if (err) {
            roll_sql_reset(stmt);
            return err;
        }
    }
}

/* ---- releases -------------------------------------------------------------------------------- */

static struct roll_error *fill_release(struct roll_sql_stmt *stmt, void *fn, void *user)
{
    const struct roll_release_row row = {.service = roll_sql_text_at(stmt, 0),
                                         .version = roll_sql_text_at(stmt, 1),
                                         .manifest = roll_sql_text_at(stmt, 2),
                                         .commit = roll_sql_text_at(stmt, 3),
                                         .base = roll_sql_text_at(stmt, 4),
                                         .seq = roll_sql_int_at(stmt, 5),
                                         .at = roll_sql_int_at(stmt, 6),
                                         .data_version = roll_sql_int_at(stmt, 7),
                                         .data_floor = roll_sql_int_at(stmt, 8),
                                         .verdict = roll_sql_text_at(stmt, 9),
                                         .fixed_by = roll_sql_text_at(stmt, 10),
                                         .reason = roll_sql_text_at(stmt, 11)};

    return (*(roll_release_fn *)fn)(user, &row);
}

struct roll_error *roll_ledger_releases(struct roll_ledger *ledger, const char *service,
                                        roll_release_fn fn, void *user)
{
    const struct call call = {fill_release, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, service));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_RELEASE_LIST, &stmt));
    roll_sql_bind_text(stmt, ":service", service);
    return each_row(stmt, &call, &any);
}

struct roll_error *roll_ledger_release(struct roll_ledger *ledger, const char *service,
                                       const char *version, roll_release_fn fn, void *user)
{
    const struct call call = {fill_release, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, service));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_RELEASE_GET, &stmt));
    roll_sql_bind_text(stmt, ":service", service);
    roll_sql_bind_text(stmt, ":version", version);
    ROLL_TRY(each_row(stmt, &call, &any));
    return any ? NULL
               : roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no release '%s'", service, version);
}

/* ---- environments ---------------------------------------------------------------------------- */

/* What is stored as live is what was live when the environment was last whole; the row says what
 * holds now. */
static void set_live(struct roll_environment_row *row, struct roll_sql_stmt *stmt, GHashTable *held)
{
    const char *whole = roll_sql_text_at(stmt, 2);
    const struct fold_environment environment = {.held = held};

    row->live = roll_fold_held(&environment);
    row->mixed = g_hash_table_size(held) > 1 || (row->clean > 0 && row->dirty > 0);
    if (row->live && g_strcmp0(row->live, whole) == 0) {
        row->live_rollout = roll_sql_int_at(stmt, 3);
        row->since = roll_sql_int_at(stmt, 4);
        row->previous = roll_sql_text_at(stmt, 5);
    } else {
        row->previous = whole;
    }
}

static struct roll_error *fill_environment(struct roll_sql_stmt *stmt, void *fn, void *user)
{
    g_autoptr(GHashTable) held = roll_held_new();
    struct roll_environment_row row = {.stream = roll_sql_text_at(stmt, 0),
                                       .clean = roll_sql_int_at(stmt, 6),
                                       .dirty = roll_sql_int_at(stmt, 7),
                                       .last_good = roll_sql_text_at(stmt, 8),
                                       .hold = roll_sql_int_at(stmt, 9) != 0,
                                       .hold_rollout = roll_sql_int_at(stmt, 11),
                                       .hold_by_person = roll_sql_int_at(stmt, 12) != 0,
                                       .open_rollout = roll_sql_int_at(stmt, 14),
                                       .last_rollout = roll_sql_int_at(stmt, 15),
                                       .last_state = roll_sql_text_at(stmt, 16),
                                       .debts = roll_sql_int_at(stmt, 17),
                                       .unknown = roll_sql_int_at(stmt, 18) != 0};

    ROLL_TRY(roll_held_read(roll_sql_text_at(stmt, 1), held));
    /* A person's words say more than those that a back wrote for itself. */
    const char *by_person = roll_sql_text_at(stmt, 13), *by_back = roll_sql_text_at(stmt, 10);
    row.hold_reason = row.hold_by_person && by_person ? by_person : by_back;
    set_live(&row, stmt, held);
    return (*(roll_environment_fn *)fn)(user, &row);
}

struct roll_error *roll_ledger_environments(struct roll_ledger *ledger, const char *stream,
                                            roll_environment_fn fn, void *user)
{
    const struct call call = {fill_environment, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, stream ? LEDGER_ENVIRONMENT_GET : LEDGER_ENVIRONMENT_LIST,
                          &stmt));
    if (stream)
        roll_sql_bind_text(stmt, ":stream", stream);
    return each_row(stmt, &call, &any);
}

/* ---- targets --------------------------------------------------------------------------------- */

static struct roll_error *fill_target(struct roll_sql_stmt *stmt, void *fn, void *user)
{
    const struct roll_target_row row = {.target = roll_sql_text_at(stmt, 0),
                                        .release = roll_sql_text_at(stmt, 1),
                                        .rollout = roll_sql_int_at(stmt, 2),
                                        .since = roll_sql_int_at(stmt, 3),
                                        .dirty = roll_sql_int_at(stmt, 4) != 0,
                                        .dirty_rollout = roll_sql_int_at(stmt, 5),
                                        .floor = roll_sql_int_at(stmt, 6),
                                        .accepted_release = roll_sql_text_at(stmt, 7),
                                        .accepted_rollout = roll_sql_int_at(stmt, 8)};

    return (*(roll_target_fn *)fn)(user, &row);
}

struct roll_error *roll_ledger_targets(struct roll_ledger *ledger, const char *stream,
                                       const char *target, roll_target_fn fn, void *user)
{
    const struct call call = {fill_target, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, target ? LEDGER_TARGET_GET : LEDGER_TARGET_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    if (target)
        roll_sql_bind_text(stmt, ":target", target);
    return each_row(stmt, &call, &any);
}

struct roll_error *roll_ledger_floor(struct roll_ledger *ledger, const char *stream,
                                     int64_t *ret_floor)
{
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_TARGET_FLOOR, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    ROLL_TRY(roll_sql_step(stmt, &any));
    *ret_floor = any ? roll_sql_int_at(stmt, 0) : 0; /* NULL, where nothing is held, is 0 */
    roll_sql_reset(stmt);
    return NULL;
}

/* ---- successes and marks --------------------------------------------------------------------- */

static struct roll_error *fill_success(struct roll_sql_stmt *stmt, void *fn, void *user)
{
    const struct roll_success_row row = {.target = roll_sql_text_at(stmt, 0),
                                         .release = roll_sql_text_at(stmt, 1),
                                         .rollout = roll_sql_int_at(stmt, 2),
                                         .at = roll_sql_int_at(stmt, 3),
                                         .adopted = roll_sql_int_at(stmt, 4) != 0,
                                         .good = roll_state_is_good(roll_sql_text_at(stmt, 5))};

    return (*(roll_success_fn *)fn)(user, &row);
}

struct roll_error *roll_ledger_successes(struct roll_ledger *ledger, const char *stream,
                                         const char *target, roll_success_fn fn, void *user)
{
    const struct call call = {fill_success, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(
        roll_sql_use(ledger->sql, target ? LEDGER_SUCCESS_OF_TARGET : LEDGER_SUCCESS_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    if (target)
        roll_sql_bind_text(stmt, ":target", target);
    return each_row(stmt, &call, &any);
}

static struct roll_error *is_bad_here(struct roll_ledger *ledger, const char *stream,
                                      const char *version, bool *ret_bad)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_BAD_GET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_text(stmt, ":version", version);
    ROLL_TRY(roll_sql_step(stmt, ret_bad));
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *is_bad_service(struct roll_ledger *ledger, const char *stream,
                                         const char *version, bool *ret_bad)
{
    g_autofree char *service = g_strndup(stream, strcspn(stream, "/"));
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_ledger_freshen(ledger, service));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_RELEASE_VERDICT, &stmt));
    roll_sql_bind_text(stmt, ":service", service);
    roll_sql_bind_text(stmt, ":version", version);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_bad = row && g_strcmp0(roll_sql_text_at(stmt, 0), "bad") == 0;
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_ledger_bad(struct roll_ledger *ledger, const char *stream,
                                   const char *version, const char **ret_where)
{
    bool here, service = false;

    ROLL_TRY(is_bad_here(ledger, stream, version, &here));
    if (!here)
        ROLL_TRY(is_bad_service(ledger, stream, version, &service));
    *ret_where = here ? "here" : service ? "service" : NULL;
    return NULL;
}

/* ---- rollouts and steps ---------------------------------------------------------------------- */

static struct roll_error *fill_rollout(struct roll_sql_stmt *stmt, void *fn, void *user)
{
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

    return (*(roll_rollout_fn *)fn)(user, &row);
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
    const struct call call = {fill_rollout, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, query->stream));
    ROLL_TRY(use_rollouts(ledger, query, &stmt));
    return each_row(stmt, &call, &any);
}

static struct roll_error *fill_step(struct roll_sql_stmt *stmt, void *fn, void *user)
{
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

    return (*(roll_step_fn *)fn)(user, &row);
}

struct roll_error *roll_ledger_steps(struct roll_ledger *ledger, const char *stream,
                                     int64_t rollout, roll_step_fn fn, void *user)
{
    const struct call call = {fill_step, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STEP_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    return each_row(stmt, &call, &any);
}

bool roll_state_is_good(const char *state)
{
    return g_strcmp0(state, "succeeded") == 0 || g_strcmp0(state, "recovered") == 0;
}

struct roll_error *roll_ledger_steps_of(struct roll_ledger *ledger, const char *stream,
                                        int64_t rollout, const char *target, roll_step_fn fn,
                                        void *user)
{
    const struct call call = {fill_step, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STEP_OF_TARGET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_text(stmt, ":target", target);
    return each_row(stmt, &call, &any);
}

static struct roll_error *fill_debt(struct roll_sql_stmt *stmt, void *fn, void *user)
{
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

    return (*(roll_debt_fn *)fn)(user, &row);
}

struct roll_error *roll_ledger_debts(struct roll_ledger *ledger, const char *stream,
                                     roll_debt_fn fn, void *user)
{
    const struct call call = {fill_debt, &fn, user};
    struct roll_sql_stmt *stmt;
    bool any;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_DEBT_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    return each_row(stmt, &call, &any);
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
