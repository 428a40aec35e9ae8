/* The steps that a fold keeps in memory: an intent and its outcome in one group are one row
 * written. */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/statements.h"

struct step_key {
    int64_t rollout, step;
    const char *target; /* in the same allocation */
};

static guint hash_key(gconstpointer data)
{
    const struct step_key *key = data;

    return g_str_hash(key->target) ^ (guint)(key->rollout * 31 + key->step);
}

static gboolean equal_keys(gconstpointer a, gconstpointer b)
{
    const struct step_key *one = a, *two = b;

    return one->rollout == two->rollout && one->step == two->step &&
           strcmp(one->target, two->target) == 0;
}

static struct step_key *copy_key(const struct step_key *key)
{
    size_t size = strlen(key->target) + 1;
    struct step_key *copy = g_malloc(sizeof *copy + size);

    *copy = *key;
    copy->target = memcpy(copy + 1, key->target, size);
    return copy;
}

static void free_step(gpointer data)
{
    struct fold_step *row = data;

    g_free(row->release);
    g_free(row->outcome);
    g_free(row->code);
    g_free(row->message);
    g_free(row->result);
    g_free(row);
}

GHashTable *roll_fold_steps_new(void)
{
    return g_hash_table_new_full(hash_key, equal_keys, g_free, free_step);
}

static struct roll_error *load_step(struct roll_fold *fold, const struct step_key *key,
                                    struct fold_step *row)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_STEP_LOAD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", key->rollout);
    roll_sql_bind_text(stmt, ":target", key->target);
    roll_sql_bind_int(stmt, ":step", key->step);
    ROLL_TRY(roll_sql_step(stmt, &row->there));
    if (!row->there)
        return NULL;
    row->attempt = roll_sql_int_at(stmt, 0);
    row->release = g_strdup(roll_sql_text_at(stmt, 1));
    row->outcome = g_strdup(roll_sql_text_at(stmt, 2));
    row->accepted = roll_sql_int_at(stmt, 3) != 0;
    row->intended_at = roll_sql_int_at(stmt, 4);
    row->ended_at = roll_sql_int_at(stmt, 5);
    row->arm_at = roll_sql_int_at(stmt, 6);
    row->duration_ms = roll_sql_int_at(stmt, 7);
    row->resources = roll_sql_int_at(stmt, 8);
    row->code = g_strdup(roll_sql_text_at(stmt, 9));
    row->message = g_strdup(roll_sql_text_at(stmt, 10));
    row->result = g_strdup(roll_sql_text_at(stmt, 11));
    row->clean_at = roll_sql_int_at(stmt, 12);
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_fold_step(struct roll_fold *fold, int64_t rollout, const char *target,
                                  int64_t step, struct fold_step **ret_row)
{
    const struct step_key key = {.rollout = rollout, .step = step, .target = target};
    struct fold_step *row = g_hash_table_lookup(fold->steps, &key);

    if (!row) {
        row = g_new0(struct fold_step, 1);
        g_hash_table_insert(fold->steps, copy_key(&key), row);
        ROLL_TRY(load_step(fold, &key, row));
    }
    *ret_row = row;
    return NULL;
}

static struct roll_error *save_step(struct roll_fold *fold, const struct step_key *key,
                                    const struct fold_step *row)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_STEP_SAVE, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_int(stmt, ":rollout", key->rollout);
    roll_sql_bind_text(stmt, ":target", key->target);
    roll_sql_bind_int(stmt, ":step", key->step);
    roll_sql_bind_int(stmt, ":attempt", row->attempt);
    roll_sql_bind_text(stmt, ":release", row->release);
    roll_sql_bind_text(stmt, ":outcome", row->outcome);
    roll_sql_bind_int(stmt, ":accepted", row->accepted);
    roll_sql_bind_int(stmt, ":intended_at", row->intended_at);
    roll_sql_bind_int(stmt, ":ended_at", row->ended_at);
    roll_sql_bind_int(stmt, ":arm_at", row->arm_at);
    roll_sql_bind_int(stmt, ":duration_ms", row->duration_ms);
    roll_sql_bind_int(stmt, ":resources", row->resources);
    roll_sql_bind_text(stmt, ":code", row->code);
    roll_sql_bind_text(stmt, ":message", row->message);
    roll_sql_bind_text(stmt, ":result", row->result);
    roll_sql_bind_int(stmt, ":clean_at", row->clean_at);
    return roll_sql_run(stmt);
}

struct roll_error *roll_fold_save_steps(struct roll_fold *fold)
{
    GHashTableIter iter;
    gpointer key, row;

    g_hash_table_iter_init(&iter, fold->steps);
    while (g_hash_table_iter_next(&iter, &key, &row))
        if (((struct fold_step *)row)->changed)
            ROLL_TRY(save_step(fold, key, row));
    g_hash_table_remove_all(fold->steps);
    return NULL;
}
