/* Projections made anew from the events: one stream after an upgrade, or all on request. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

#define FLUSH_EVERY 4096 /* events: bounds what a fold keeps in memory */

static const int clears[] = {
    LEDGER_CLEAR_RELEASES, LEDGER_CLEAR_ENVIRONMENTS, LEDGER_CLEAR_TARGETS, LEDGER_CLEAR_ROLLOUTS,
    LEDGER_CLEAR_STEPS,    LEDGER_CLEAR_SUCCESSES,    LEDGER_CLEAR_BAD,     LEDGER_CLEAR_SLOTS,
    LEDGER_CLEAR_DEBTS,    LEDGER_CLEAR_NOTICES,      LEDGER_CLEAR_LOOKS,   LEDGER_CLEAR_ADOPTED,
    LEDGER_CLEAR_PRUNES};
static const int dumps[] = {LEDGER_DUMP_RELEASES, LEDGER_DUMP_ENVIRONMENTS, LEDGER_DUMP_TARGETS,
                            LEDGER_DUMP_ROLLOUTS, LEDGER_DUMP_STEPS,        LEDGER_DUMP_SUCCESSES,
                            LEDGER_DUMP_BAD,      LEDGER_DUMP_SLOTS,        LEDGER_DUMP_DEBTS,
                            LEDGER_DUMP_NOTICES,  LEDGER_DUMP_LOOKS,        LEDGER_DUMP_ADOPTED,
                            LEDGER_DUMP_PRUNES};

/* ---- one stream ------------------------------------------------------------------------------ */

static struct roll_error *clear_stream(struct roll_sql *sql, int64_t id)
{
    struct roll_sql_stmt *stmt;

    for (size_t i = 0; i < G_N_ELEMENTS(clears); i++) {
        ROLL_TRY(roll_sql_use(sql, clears[i], &stmt));
        roll_sql_bind_int(stmt, ":stream", id);
        ROLL_TRY(roll_sql_run(stmt));
    }
    return NULL;
}

static struct roll_error *dump_table(struct roll_sql *sql, int statement, int64_t id,
                                     struct roll_sha256 *digest)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(sql, statement, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        const char *text = roll_sql_text_at(stmt, 0);
        roll_sha256_add(digest, text ? text : "", text ? strlen(text) + 1 : 0);
    }
}

struct roll_error *roll_stream_dump(struct roll_sql *sql, int64_t id, struct roll_sha256 *digest)
{
    for (size_t i = 0; i < G_N_ELEMENTS(dumps); i++) {
        ROLL_TRY(dump_table(sql, dumps[i], id, digest));
        roll_sha256_add(digest, "\n", 1); /* a row of one table is not one of the next */
    }
    return NULL;
}

struct folding {
    struct roll_fold fold;
    int count;
};

static struct roll_error *fold_one(void *user, const struct roll_event *event)
{
    struct folding *folding = user;

    ROLL_TRY(roll_fold_event(&folding->fold, event));
    return ++folding->count % FLUSH_EVERY == 0 ? roll_fold_flush(&folding->fold) : NULL;
}

struct roll_error *roll_stream_fold(struct roll_ledger *ledger, struct roll_sql *into, int64_t id,
                                    const char *name)
{
    struct folding folding = {.count = 0};

    roll_fold_begin(&folding.fold, into, id, name);
    struct roll_error *err = roll_ledger_events(ledger, name, 1, fold_one, &folding);
    if (!err)
        err = roll_fold_flush(&folding.fold);
    roll_fold_end(&folding.fold);
    return err;
}

static struct roll_error *refold(struct roll_ledger *ledger, const struct roll_stream *stream)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(clear_stream(ledger->sql, stream->id));
    ROLL_TRY(roll_stream_fold(ledger, ledger->sql, stream->id, stream->name));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STREAM_SET_PROJECTION, &stmt));
    roll_sql_bind_int(stmt, ":id", stream->id);
    roll_sql_bind_int(stmt, ":projection", ROLL_PROJECTION_VERSION);
    return roll_sql_run(stmt);
}

/* ---- after an upgrade ------------------------------------------------------------------------ */

static struct roll_error *freshen_in(struct roll_ledger *ledger, const char *only)
{
    g_autoptr(GPtrArray) streams = NULL;

    ROLL_TRY(roll_stream_list(ledger, &streams));
    for (guint i = 0; i < streams->len; i++) {
        const struct roll_stream *stream = streams->pdata[i];
        if (stream->projection != ROLL_PROJECTION_VERSION &&
            (!only || strcmp(stream->name, only) == 0))
            ROLL_TRY(refold(ledger, stream));
    }
    return roll_sql_commit(ledger->sql);
}

struct roll_error *roll_ledger_freshen(struct roll_ledger *ledger, const char *stream)
{
    int64_t id, projection = 0;

    if (!ledger->stale)
        return NULL;
    if (stream)
        ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    if (projection == ROLL_PROJECTION_VERSION)
        return NULL;
    struct roll_error *err = roll_ledger_make_writable(ledger);
    if (!err)
        err = roll_sql_begin(ledger->sql, true);
    if (!err)
        err = freshen_in(ledger, stream);
    if (ledger->sql)
        roll_sql_rollback(ledger->sql);
    if (!err && !stream)
        ledger->stale = false;
    return roll_error_wrap(err, "while folding what an older program had folded");
}

/* ---- all ------------------------------------------------------------------------------------- */

static struct roll_error *dump_all(struct roll_ledger *ledger, const GPtrArray *streams,
                                   char ret_hex[ROLL_HEX_SIZE])
{
    struct roll_sha256 *digest = roll_sha256_begin();
    struct roll_error *err = NULL;

    for (guint i = 0; !err && i < streams->len; i++)
        err = roll_stream_dump(ledger->sql, ((const struct roll_stream *)streams->pdata[i])->id,
                               digest);
    roll_sha256_end(digest, ret_hex);
    return err;
}

static struct roll_error *rebuild_all(struct roll_ledger *ledger, bool *ret_equal)
{
    g_autoptr(GPtrArray) streams = NULL;
    char before[ROLL_HEX_SIZE], after[ROLL_HEX_SIZE];

    ROLL_TRY(roll_stream_list(ledger, &streams));
    ROLL_TRY(dump_all(ledger, streams, before));
    for (guint i = 0; i < streams->len; i++)
        ROLL_TRY(refold(ledger, streams->pdata[i]));
    ROLL_TRY(dump_all(ledger, streams, after));
    ROLL_TRY(roll_sql_commit(ledger->sql));
    *ret_equal = strcmp(before, after) == 0;
    return NULL;
}

struct roll_error *roll_ledger_rebuild(struct roll_ledger *ledger, bool *ret_equal)
{
    ROLL_TRY(roll_ledger_make_writable(ledger));
    ROLL_TRY(roll_ledger_freshen(ledger, NULL)); /* what is due anyway is no difference */
    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    struct roll_error *err = rebuild_all(ledger, ret_equal);
    roll_sql_rollback(ledger->sql);
    if (!err)
        ledger->stale = false;
    return err;
}
