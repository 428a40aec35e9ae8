/* The rows that a fold keeps in memory: loading them when they are first needed, and writing what
 * changed. */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/statements.h"

/* ---- environment ----------------------------------------------------------------------------- */

static struct roll_error *load_environment(struct roll_fold *fold, struct fold_environment *row)
{
    struct roll_sql_stmt *stmt;
    bool found;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ENVIRONMENT_LOAD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    ROLL_TRY(roll_sql_step(stmt, &found));
    row->loaded = true;
    row->held = roll_held_new();
    if (!found)
        return NULL;
    row->live = g_strdup(roll_sql_text_at(stmt, 0));
    row->live_rollout = roll_sql_int_at(stmt, 1);
    row->since = roll_sql_int_at(stmt, 2);
    row->previous = g_strdup(roll_sql_text_at(stmt, 3));
    row->clean = roll_sql_int_at(stmt, 4);
    row->dirty = roll_sql_int_at(stmt, 5);
    row->last_good = g_strdup(roll_sql_text_at(stmt, 6));
    row->back_hold = roll_sql_int_at(stmt, 7) != 0;
    row->back_reason = g_strdup(roll_sql_text_at(stmt, 8));
    row->hold_rollout = roll_sql_int_at(stmt, 9);
    row->person_hold = roll_sql_int_at(stmt, 10) != 0;
    row->person_reason = g_strdup(roll_sql_text_at(stmt, 11));
    row->open_rollout = roll_sql_int_at(stmt, 12);
    row->last_rollout = roll_sql_int_at(stmt, 13);
    row->debts = roll_sql_int_at(stmt, 14);
    row->unknown = roll_sql_int_at(stmt, 15) != 0;
    struct roll_error *err = roll_held_read(roll_sql_text_at(stmt, 16), row->held);
    roll_sql_reset(stmt);
    return err;
}

struct roll_error *roll_fold_environment(struct roll_fold *fold, struct fold_environment **ret_row)
{
    if (!fold->environment.loaded)
        ROLL_TRY(load_environment(fold, &fold->environment));
    *ret_row = &fold->environment;
    return NULL;
}

static struct roll_error *save_environment(struct roll_fold *fold, struct fold_environment *row)
{
    g_autofree char *held = roll_held_write(row->held);
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ENVIRONMENT_SAVE, &stmt));
    roll_sql_bind_text(stmt, ":held", held);
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":live", row->live);
    roll_sql_bind_int(stmt, ":live_rollout", row->live_rollout);
    roll_sql_bind_int(stmt, ":since", row->since);
    roll_sql_bind_text(stmt, ":previous", row->previous);
    roll_sql_bind_int(stmt, ":clean", row->clean);
    roll_sql_bind_int(stmt, ":dirty", row->dirty);
    roll_sql_bind_text(stmt, ":last_good", row->last_good);
    roll_sql_bind_int(stmt, ":back_hold", row->back_hold);
    roll_sql_bind_text(stmt, ":back_reason", row->back_reason);
    roll_sql_bind_int(stmt, ":hold_rollout", row->hold_rollout);
    roll_sql_bind_int(stmt, ":person_hold", row->person_hold);
    roll_sql_bind_text(stmt, ":person_reason", row->person_reason);
    roll_sql_bind_int(stmt, ":open_rollout", row->open_rollout);
    roll_sql_bind_int(stmt, ":last_rollout", row->last_rollout);
    roll_sql_bind_int(stmt, ":debts", row->debts);
    roll_sql_bind_int(stmt, ":unknown", row->unknown);
    return roll_sql_run(stmt);
}

static void clear_environment(struct fold_environment *row)
{
    if (row->held)
        g_hash_table_unref(row->held);
    g_free(row->live);
    g_free(row->previous);
    g_free(row->last_good);
    g_free(row->back_reason);
    g_free(row->person_reason);
    memset(row, 0, sizeof *row);
}

/* ---- targets --------------------------------------------------------------------------------- */

static void free_target(gpointer data)
{
    struct fold_target *row = data;

    g_free(row->release);
    g_free(row->accepted_release);
    g_free(row->going);
    g_free(row->held_release);
    g_free(row);
}

static struct roll_error *load_target(struct roll_fold *fold, const char *target,
                                      struct fold_target *row)
{
    struct roll_sql_stmt *stmt;
    bool found;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_TARGET_LOAD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":target", target);
    ROLL_TRY(roll_sql_step(stmt, &found));
    if (!found)
        return NULL;
    row->release = g_strdup(roll_sql_text_at(stmt, 0));
    row->rollout = roll_sql_int_at(stmt, 1);
    row->since = roll_sql_int_at(stmt, 2);
    row->dirty = roll_sql_int_at(stmt, 3) != 0;
    row->dirty_rollout = roll_sql_int_at(stmt, 4);
    row->floor = roll_sql_int_at(stmt, 5);
    row->accepted_release = g_strdup(roll_sql_text_at(stmt, 6));
    row->accepted_rollout = roll_sql_int_at(stmt, 7);
    row->going = g_strdup(roll_sql_text_at(stmt, 8));
    row->restorable = roll_sql_int_at(stmt, 9) != 0;
    row->held_release = g_strdup(roll_sql_text_at(stmt, 10));
    row->held_rollout = roll_sql_int_at(stmt, 11);
    row->held_since = roll_sql_int_at(stmt, 12);
    row->counted_rollout = roll_sql_int_at(stmt, 13);
    row->counted_good = roll_sql_int_at(stmt, 14) != 0;
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_fold_target(struct roll_fold *fold, const char *target,
                                    struct fold_target **ret_row)
{
    struct fold_target *row = g_hash_table_lookup(fold->targets, target);

    if (!row) {
        row = g_new0(struct fold_target, 1);
        g_hash_table_insert(fold->targets, g_strdup(target), row);
        ROLL_TRY(load_target(fold, target, row));
    }
    *ret_row = row;
    return NULL;
}

static struct roll_error *save_target(struct roll_fold *fold, const char *target,
                                      const struct fold_target *row)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_TARGET_SAVE, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":target", target);
    roll_sql_bind_text(stmt, ":release", row->release);
    roll_sql_bind_int(stmt, ":rollout", row->rollout);
    roll_sql_bind_int(stmt, ":since", row->since);
    roll_sql_bind_int(stmt, ":dirty", row->dirty);
    roll_sql_bind_int(stmt, ":dirty_rollout", row->dirty_rollout);
    roll_sql_bind_int(stmt, ":floor", row->floor);
    roll_sql_bind_text(stmt, ":accepted_release", row->accepted_release);
    roll_sql_bind_int(stmt, ":accepted_rollout", row->accepted_rollout);
    roll_sql_bind_text(stmt, ":going", row->going);
    roll_sql_bind_int(stmt, ":restorable", row->restorable);
    roll_sql_bind_text(stmt, ":held_release", row->held_release);
    roll_sql_bind_int(stmt, ":held_rollout", row->held_rollout);
    roll_sql_bind_int(stmt, ":held_since", row->held_since);
    roll_sql_bind_int(stmt, ":counted_rollout", row->counted_rollout);
    roll_sql_bind_int(stmt, ":counted_good", row->counted_good);
    return roll_sql_run(stmt);
}

static struct roll_error *save_targets(struct roll_fold *fold)
{
    GHashTableIter iter;
    gpointer target, row;

    g_hash_table_iter_init(&iter, fold->targets);
    while (g_hash_table_iter_next(&iter, &target, &row))
        if (((struct fold_target *)row)->changed)
            ROLL_TRY(save_target(fold, target, row));
    g_hash_table_remove_all(fold->targets);
    return NULL;
}

/* ---- rollouts -------------------------------------------------------------------------------- */

static void free_rollout(gpointer data)
{
    struct fold_rollout *row = data;

    g_free(row->release);
    g_free(row->state);
    g_free(row->end_reason);
    g_free(row->driver);
    g_free(row->host);
    g_free(row);
}

static struct roll_error *load_rollout(struct roll_fold *fold, int64_t number,
                                       struct fold_rollout *row)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_LOAD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":number", number);
    ROLL_TRY(roll_sql_step(stmt, &row->there));
    if (!row->there)
        return NULL;
    row->release = g_strdup(roll_sql_text_at(stmt, 0));
    row->partial = roll_sql_int_at(stmt, 1) != 0;
    row->state = g_strdup(roll_sql_text_at(stmt, 2));
    row->end_reason = g_strdup(roll_sql_text_at(stmt, 3));
    row->ended_at = roll_sql_int_at(stmt, 4);
    row->superseded_by = roll_sql_int_at(stmt, 5);
    row->succeeded = roll_sql_int_at(stmt, 6);
    row->failed = roll_sql_int_at(stmt, 7);
    row->driver = g_strdup(roll_sql_text_at(stmt, 8));
    row->host = g_strdup(roll_sql_text_at(stmt, 9));
    row->claim_until = roll_sql_int_at(stmt, 10);
    row->detached = roll_sql_int_at(stmt, 11) != 0;
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_fold_rollout(struct roll_fold *fold, int64_t number,
                                     struct fold_rollout **ret_row)
{
    struct fold_rollout *row = g_hash_table_lookup(fold->rollouts, &number);

    if (!row) {
        row = g_new0(struct fold_rollout, 1);
        g_hash_table_insert(fold->rollouts, g_memdup2(&number, sizeof number), row);
    }
    if (!row->there)
        ROLL_TRY(load_rollout(fold, number, row));
    *ret_row = row;
    return NULL;
}

static void add_number(GArray *numbers, int64_t number)
{
    for (guint i = 0; i < numbers->len; i++)
        if (g_array_index(numbers, int64_t, i) == number)
            return;
    g_array_append_val(numbers, number);
}

static struct roll_error *add_open(struct roll_sql *sql, int statement, int64_t stream,
                                   GArray *numbers)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(sql, statement, &stmt));
    roll_sql_bind_int(stmt, ":stream", stream);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        if (roll_sql_int_at(stmt, 1) == 0)
            add_number(numbers, roll_sql_int_at(stmt, 0));
    }
}

/* Whoever comes after an open rollout supersedes it, or waits: it is among the newest. */
struct roll_error *roll_rows_open(struct roll_sql *sql, int64_t stream, bool of_main,
                                  GArray *numbers)
{
    if (of_main)
        ROLL_TRY(add_open(sql, LEDGER_ROLLOUT_RECENT, stream, numbers));
    return add_open(sql, LEDGER_ROLLOUT_OPEN, stream, numbers);
}

static struct roll_error *save_rollout(struct roll_fold *fold, int64_t number,
                                       const struct fold_rollout *row)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_ROLLOUT_SAVE, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":number", number);
    roll_sql_bind_text(stmt, ":state", row->state);
    roll_sql_bind_text(stmt, ":end_reason", row->end_reason);
    roll_sql_bind_int(stmt, ":ended_at", row->ended_at);
    roll_sql_bind_int(stmt, ":superseded_by", row->superseded_by);
    roll_sql_bind_int(stmt, ":succeeded", row->succeeded);
    roll_sql_bind_int(stmt, ":failed", row->failed);
    roll_sql_bind_text(stmt, ":driver", row->driver);
    roll_sql_bind_text(stmt, ":host", row->host);
    roll_sql_bind_int(stmt, ":claim_until", row->claim_until);
    roll_sql_bind_int(stmt, ":detached", row->detached);
    return roll_sql_run(stmt);
}

static struct roll_error *save_rollouts(struct roll_fold *fold)
{
    GHashTableIter iter;
    gpointer number, row;

    g_hash_table_iter_init(&iter, fold->rollouts);
    while (g_hash_table_iter_next(&iter, &number, &row))
        if (((struct fold_rollout *)row)->changed)
            ROLL_TRY(save_rollout(fold, *(const int64_t *)number, row));
    g_hash_table_remove_all(fold->rollouts);
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void roll_fold_begin(struct roll_fold *fold, struct roll_sql *sql, int64_t stream, const char *name)
{
    *fold = (struct roll_fold){.sql = sql, .stream = stream, .name = name};
    fold->service = g_strndup(name, strcspn(name, "/"));
    fold->targets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_target);
    fold->steps = roll_fold_steps_new();
    fold->rollouts = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, free_rollout);
}

struct roll_error *roll_fold_flush(struct roll_fold *fold)
{
    ROLL_TRY(save_targets(fold));
    ROLL_TRY(save_rollouts(fold));
    ROLL_TRY(roll_fold_save_steps(fold));
    if (fold->environment.changed)
        ROLL_TRY(save_environment(fold, &fold->environment));
    clear_environment(&fold->environment);
    return NULL;
}

void roll_fold_end(struct roll_fold *fold)
{
    clear_environment(&fold->environment);
    g_clear_pointer(&fold->targets, g_hash_table_unref);
    g_clear_pointer(&fold->rollouts, g_hash_table_unref);
    g_clear_pointer(&fold->steps, g_hash_table_unref);
    g_clear_pointer(&fold->service, g_free);
}
