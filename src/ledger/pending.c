/* What is durable here, counts, and follows into the shared store (roll_ledger_append_behind).
 *
 * Such events stand at the end of their stream like any other, and are marked. When somebody else's
 * event got the place of the first of them in the store, they are taken out and put behind it, in
 * the transaction that brings that event: they had no place yet but here. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

/* ---- marks ----------------------------------------------------------------------------------- */

static struct roll_error *at_place(struct roll_ledger *ledger, int statement, int64_t stream,
                                   int64_t seq, struct roll_sql_stmt **ret_stmt)
{
    ROLL_TRY(roll_sql_use(ledger->sql, statement, ret_stmt));
    roll_sql_bind_int(*ret_stmt, ":stream", stream);
    roll_sql_bind_int(*ret_stmt, ":seq", seq);
    return NULL;
}

struct roll_error *roll_pending_has(struct roll_ledger *ledger, int64_t stream, int64_t seq,
                                    bool *ret_has)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(at_place(ledger, LEDGER_PENDING_HAS, stream, seq, &stmt));
    ROLL_TRY(roll_sql_step(stmt, ret_has));
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_pending_add(struct roll_ledger *ledger, int64_t stream, int64_t seq)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(at_place(ledger, LEDGER_PENDING_ADD, stream, seq, &stmt));
    return roll_sql_run(stmt);
}

static void free_waiting(gpointer data)
{
    struct roll_waiting *waiting = data;

    g_free((char *)(uintptr_t)waiting->stream);
    g_free(waiting);
}

/* Of struct roll_waiting: whoever is told may do with the ledger what it likes. */
static struct roll_error *list(struct roll_ledger *ledger, GPtrArray **ret_list)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(free_waiting);
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_PENDING_LIST, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        struct roll_waiting *waiting = g_new0(struct roll_waiting, 1);
        waiting->stream = g_strdup(roll_sql_text_at(stmt, 0));
        waiting->first = roll_sql_int_at(stmt, 1);
        waiting->count = roll_sql_int_at(stmt, 2);
        g_ptr_array_add(all, waiting);
    }
    *ret_list = g_steal_pointer(&all);
    return NULL;
}

struct roll_error *roll_ledger_waiting(struct roll_ledger *ledger, roll_waiting_fn fn, void *user)
{
    g_autoptr(GPtrArray) all = NULL;

    ROLL_TRY(list(ledger, &all));
    for (guint i = 0; i < all->len; i++)
        ROLL_TRY(fn(user, all->pdata[i]));
    return NULL;
}

/* ---- other places ---------------------------------------------------------------------------- */

static void free_event(gpointer event)
{
    roll_event_free(event);
}

static struct roll_error *add_event(void *user, struct roll_sql_stmt *stmt)
{
    const char *line = roll_sql_text_at(stmt, 0);
    struct roll_event *event = NULL;

    ROLL_TRY(roll_event_parse(line ? line : "", line ? strlen(line) : 0, &event));
    g_ptr_array_add(user, event);
    return NULL;
}

static struct roll_error *read_tail(struct roll_writer *writer, int64_t seq, GPtrArray *events)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(at_place(writer->ledger, LEDGER_PENDING_TAIL, writer->id, seq, &stmt));
    return roll_sql_each(stmt, add_event, events);
}

struct roll_error *roll_pending_take_out(struct roll_writer *writer, int64_t seq,
                                         GPtrArray **ret_events)
{
    static const int both[] = {LEDGER_PENDING_TAKE_OUT, LEDGER_PENDING_FORGET};
    g_autoptr(GPtrArray) events = g_ptr_array_new_with_free_func(free_event);

    ROLL_TRY(read_tail(writer, seq, events));
    for (size_t i = 0; i < G_N_ELEMENTS(both); i++) {
        struct roll_sql_stmt *stmt;
        ROLL_TRY(at_place(writer->ledger, both[i], writer->id, seq, &stmt));
        ROLL_TRY(roll_sql_run(stmt));
    }
    ROLL_TRY(roll_stream_head(writer->ledger, writer->id, &writer->head, &writer->at));
    ROLL_TRY(roll_stream_make_stale(writer->ledger, writer->id));
    writer->folds = false;
    *ret_events = g_steal_pointer(&events);
    return NULL;
}

static struct roll_error *say_again(struct roll_writer *writer, const GPtrArray *events)
{
    for (guint i = 0; i < events->len; i++) {
        const struct roll_event *event = events->pdata[i];
        ROLL_TRY(roll_writer_say(writer, &event->actor, event->at, event->kind, event->body));
    }
    return NULL;
}

struct roll_error *roll_pending_put_back(struct roll_writer *writer, const GPtrArray *events)
{
    writer->waits = true;
    struct roll_error *err = say_again(writer, events);
    writer->waits = false;
    return err;
}

/* ---- aside ----------------------------------------------------------------------------------- */

/* The main stream's projections are folded again: the same events have other numbers. */
static struct roll_error *turn_in(struct roll_writer *writer, const struct roll_waiting *waiting,
                                  struct roll_writer **ret_side)
{
    g_autoptr(GPtrArray) events = NULL;
    struct roll_side side = {0};

    ROLL_TRY(roll_pending_take_out(writer, waiting->first, &events));
    ROLL_TRY(roll_side_load(writer->ledger, waiting->stream, &side));
    struct roll_error *err = roll_writer_open(writer->ledger, side.name, ret_side);
    if (!err && (*ret_side)->head.seq == 0) /* it follows what is known of the main stream */
        memcpy((*ret_side)->head.hash, side.head.hash, sizeof side.head.hash);
    roll_side_clear(&side);
    ROLL_TRY(err);
    ROLL_TRY(say_again(*ret_side, events));
    return roll_writer_flush(*ret_side);
}

static struct roll_error *turn(void *user, const struct roll_waiting *waiting)
{
    roll_auto(writer) struct roll_writer *writer = NULL, *side = NULL;

    ROLL_TRY(roll_writer_open(user, waiting->stream, &writer));
    return turn_in(writer, waiting, &side);
}

struct roll_error *roll_ledger_go_aside(struct roll_ledger *ledger)
{
    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    struct roll_error *err = roll_ledger_waiting(ledger, turn, ledger);
    if (!err)
        err = roll_sql_commit(ledger->sql);
    roll_sql_rollback(ledger->sql);
    if (!err)
        roll_ledger_set_aside(ledger, true);
    return err;
}

/* ---- following ------------------------------------------------------------------------------- */

bool roll_ledger_is_shared(const struct roll_ledger *ledger)
{
    return ledger->publisher && !ledger->aside;
}

struct roll_error *roll_ledger_flush(struct roll_ledger *ledger, int64_t patience_ms)
{
    g_autoptr(GPtrArray) waiting = NULL;

    if (!roll_ledger_is_shared(ledger) || !ledger->publisher->flush)
        return NULL;
    ROLL_TRY(list(ledger, &waiting));
    if (waiting->len == 0)
        return NULL;
    return ledger->publisher->flush(ledger->publisher->user, patience_ms);
}
