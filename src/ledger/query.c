/* Queries of projections: releases, environments, targets, successes and marks. Each fills a row
 * from one statement and hands it to a callback. None of them looks at events. */
#include <string.h>

#include "ledger/query.h"

/* ---- releases -------------------------------------------------------------------------------- */

static struct roll_error *fill_release(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
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

    return (*(roll_release_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_releases(struct roll_ledger *ledger, const char *service,
                                        roll_release_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, service));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_RELEASE_LIST, &stmt));
    roll_sql_bind_text(stmt, ":service", service);
    return roll_sql_each(stmt, fill_release, &call);
}

/* Whoever asks for one release learns whether it is there. */
struct one_release {
    struct ledger_call call;
    bool there;
};

static struct roll_error *fill_one(void *user, struct roll_sql_stmt *stmt)
{
    struct one_release *one = user;

    one->there = true;
    return fill_release(&one->call, stmt);
}

struct roll_error *roll_ledger_release(struct roll_ledger *ledger, const char *service,
                                       const char *version, roll_release_fn fn, void *user)
{
    struct one_release one = {.call = {&fn, user}};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, service));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_RELEASE_GET, &stmt));
    roll_sql_bind_text(stmt, ":service", service);
    roll_sql_bind_text(stmt, ":version", version);
    ROLL_TRY(roll_sql_each(stmt, fill_one, &one));
    return one.there
               ? NULL
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

static struct roll_error *fill_environment(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
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
    return (*(roll_environment_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_environments(struct roll_ledger *ledger, const char *stream,
                                            roll_environment_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, stream ? LEDGER_ENVIRONMENT_GET : LEDGER_ENVIRONMENT_LIST,
                          &stmt));
    if (stream)
        roll_sql_bind_text(stmt, ":stream", stream);
    return roll_sql_each(stmt, fill_environment, &call);
}

/* ---- targets --------------------------------------------------------------------------------- */

static struct roll_error *fill_target(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_target_row row = {.target = roll_sql_text_at(stmt, 0),
                                        .release = roll_sql_text_at(stmt, 1),
                                        .rollout = roll_sql_int_at(stmt, 2),
                                        .since = roll_sql_int_at(stmt, 3),
                                        .dirty = roll_sql_int_at(stmt, 4) != 0,
                                        .dirty_rollout = roll_sql_int_at(stmt, 5),
                                        .floor = roll_sql_int_at(stmt, 6),
                                        .accepted_release = roll_sql_text_at(stmt, 7),
                                        .accepted_rollout = roll_sql_int_at(stmt, 8)};

    return (*(roll_target_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_targets(struct roll_ledger *ledger, const char *stream,
                                       const char *target, roll_target_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, target ? LEDGER_TARGET_GET : LEDGER_TARGET_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    if (target)
        roll_sql_bind_text(stmt, ":target", target);
    return roll_sql_each(stmt, fill_target, &call);
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

static struct roll_error *fill_success(void *user, struct roll_sql_stmt *stmt)
{
    const struct ledger_call *call = user;
    const struct roll_success_row row = {.target = roll_sql_text_at(stmt, 0),
                                         .release = roll_sql_text_at(stmt, 1),
                                         .rollout = roll_sql_int_at(stmt, 2),
                                         .at = roll_sql_int_at(stmt, 3),
                                         .adopted = roll_sql_int_at(stmt, 4) != 0,
                                         .good = roll_state_is_good(roll_sql_text_at(stmt, 5))};

    return (*(roll_success_fn *)call->fn)(call->user, &row);
}

struct roll_error *roll_ledger_successes(struct roll_ledger *ledger, const char *stream,
                                         const char *target, roll_success_fn fn, void *user)
{
    struct ledger_call call = {&fn, user};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(
        roll_sql_use(ledger->sql, target ? LEDGER_SUCCESS_OF_TARGET : LEDGER_SUCCESS_LIST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    if (target)
        roll_sql_bind_text(stmt, ":target", target);
    return roll_sql_each(stmt, fill_success, &call);
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
