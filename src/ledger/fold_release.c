/* Folding a service's stream: releases and what `roll mark` says of them. */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/statements.h"
#include "rollbook/ledger.h"

/* Without a declaration the previous release's holds. */
static struct roll_error *data_of(struct roll_fold *fold, const struct roll_release_made *body,
                                  int64_t *ret_version, int64_t *ret_floor)
{
    struct roll_sql_stmt *stmt;
    bool row;

    *ret_version = body->data_version;
    *ret_floor = body->data_floor;
    if (body->data_version != 0 || body->data_floor != 0)
        return NULL;
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_RELEASE_DATA, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (!row)
        return NULL;
    *ret_version = roll_sql_int_at(stmt, 0);
    *ret_floor = roll_sql_int_at(stmt, 1);
    roll_sql_reset(stmt);
    return NULL;
}

/* Releases are ordered by sequence. One that a side stream made comes behind those that were there
 * when it was spliced in. */
static struct roll_error *place_of(struct roll_fold *fold, const struct roll_event *event,
                                   int64_t *ret_seq)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_RELEASE_LAST, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    ROLL_TRY(roll_sql_step(stmt, &row));
    int64_t last = row ? roll_sql_int_at(stmt, 0) : 0;
    roll_sql_reset(stmt);
    *ret_seq = event->seq >= ROLL_SIDE_NUMBER ? last + 1 : MAX(event->seq, last + 1);
    return NULL;
}

/* A version is used once: the first one stays. */
struct roll_error *roll_fold_release_made(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_release_made *body = roll_event_body(event, release_made);
    struct roll_sql_stmt *stmt;
    int64_t data_version, data_floor, seq;

    ROLL_TRY(place_of(fold, event, &seq));
    ROLL_TRY(data_of(fold, body, &data_version, &data_floor));
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_RELEASE_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":version", body->version);
    roll_sql_bind_int(stmt, ":seq", seq);
    roll_sql_bind_int(stmt, ":at", event->at);
    roll_sql_bind_text(stmt, ":manifest", body->manifest);
    roll_sql_bind_text(stmt, ":commit", body->commit);
    roll_sql_bind_text(stmt, ":base", body->base);
    roll_sql_bind_int(stmt, ":data_version", data_version);
    roll_sql_bind_int(stmt, ":data_floor", data_floor);
    return roll_sql_run(stmt);
}

/* The last mark holds, whole: a reason of an earlier one is not kept beside it. */
struct roll_error *roll_fold_release_marked(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_release_marked *body = roll_event_body(event, release_marked);
    bool known = strcmp(body->verdict, "good") == 0 || strcmp(body->verdict, "bad") == 0;
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_RELEASE_MARK, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":version", body->version);
    roll_sql_bind_text(stmt, ":verdict", known ? body->verdict : NULL);
    roll_sql_bind_text(stmt, ":fixed_by", body->fixed_by);
    roll_sql_bind_text(stmt, ":reason", body->reason);
    return roll_sql_run(stmt);
}
