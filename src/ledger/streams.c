/* Streams: finding them, listing them, and appending to one inside a transaction. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

/* ---- list ------------------------------------------------------------------------------------ */

static void free_stream(gpointer data)
{
    g_free(((struct roll_stream *)data)->name);
    g_free(data);
}

struct roll_error *roll_stream_list(struct roll_ledger *ledger, GPtrArray **ret_streams)
{
    g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func(free_stream);
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STREAM_LIST, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        struct roll_stream *stream = g_new0(struct roll_stream, 1);
        stream->id = roll_sql_int_at(stmt, 0);
        stream->name = g_strdup(roll_sql_text_at(stmt, 1));
        stream->projection = roll_sql_int_at(stmt, 2);
        g_ptr_array_add(streams, stream);
    }
    *ret_streams = g_steal_pointer(&streams);
    return NULL;
}

struct roll_error *roll_ledger_streams(struct roll_ledger *ledger, char ***ret_streams)
{
    g_autoptr(GPtrArray) streams = NULL;

    ROLL_TRY(roll_stream_list(ledger, &streams));
    char **names = g_new0(char *, streams->len + 1);
    for (guint i = 0; i < streams->len; i++)
        names[i] = g_steal_pointer(&((struct roll_stream *)streams->pdata[i])->name);
    *ret_streams = names;
    return NULL;
}

struct roll_error *roll_stream_find(struct roll_ledger *ledger, const char *name, int64_t *ret_id,
                                    int64_t *ret_projection)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STREAM_FIND, &stmt));
    roll_sql_bind_text(stmt, ":name", name);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_id = row ? roll_sql_int_at(stmt, 0) : 0;
    *ret_projection = row ? roll_sql_int_at(stmt, 1) : ROLL_PROJECTION_VERSION;
    roll_sql_reset(stmt);
    return NULL;
}

/* ---- head ------------------------------------------------------------------------------------ */

struct roll_error *roll_stream_head(struct roll_ledger *ledger, int64_t id,
                                    struct roll_head *ret_head, int64_t *ret_at)
{
    struct roll_head head = {.seq = 0};
    struct roll_sql_stmt *stmt;
    int64_t at = 0;
    bool row = false;

    memset(head.hash, '0', ROLL_HEX_SIZE - 1);
    if (id != 0) {
        ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_HEAD, &stmt));
        roll_sql_bind_int(stmt, ":stream", id);
        ROLL_TRY(roll_sql_step(stmt, &row));
    }
    if (row) {
        head.seq = roll_sql_int_at(stmt, 0);
        const char *hash = roll_sql_text_at(stmt, 1);
        g_strlcpy(head.hash, hash ? hash : "", sizeof head.hash);
        at = roll_sql_int_at(stmt, 2);
        roll_sql_reset(stmt);
    }
    *ret_head = head;
    *ret_at = at;
    return NULL;
}

struct roll_error *roll_ledger_main_head(struct roll_ledger *ledger, const char *stream,
                                         struct roll_head *ret_head)
{
    int64_t id, projection, at;

    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    return roll_stream_head(ledger, id, ret_head, &at);
}

struct roll_error *roll_ledger_head(struct roll_ledger *ledger, const char *stream,
                                    struct roll_head *ret_head)
{
    if ((ledger->aside || ledger->sides) && !roll_stream_is_side(stream)) {
        struct roll_side side = {0};
        ROLL_TRY(roll_side_load(ledger, stream, &side));
        bool stands_aside = ledger->aside || side.head.seq > side.joined;
        *ret_head = side.head;
        ret_head->seq += side.base;
        roll_side_clear(&side);
        if (stands_aside)
            return NULL;
    }
    return roll_ledger_main_head(ledger, stream, ret_head);
}

/* ---- writing --------------------------------------------------------------------------------- */

/* A side stream of this replica changes the projections of its main stream; what comes into a main
 * stream while one stands aside comes before that, so that all is folded again. Others' side
 * streams count when they are spliced in. */
static struct roll_error *look_aside(struct roll_writer *writer)
{
    struct roll_side side = {0};
    int64_t projection;

    if (!roll_stream_is_side(writer->name)) {
        if (!writer->ledger->sides)
            return NULL;
        ROLL_TRY(roll_side_load(writer->ledger, writer->name, &side));
        writer->beside = side.head.seq > side.joined;
        roll_side_clear(&side);
        return NULL;
    }
    writer->folds = false;
    if (!roll_side_is_own(writer->ledger, writer->name))
        return NULL;
    g_free(writer->fold_name);
    writer->fold_name = roll_side_main(writer->name);
    writer->base = roll_side_base(writer->name);
    ROLL_TRY(roll_stream_find(writer->ledger, writer->fold_name, &writer->fold_id, &projection));
    writer->folds = writer->fold_id != 0 && projection == ROLL_PROJECTION_VERSION;
    return NULL;
}

struct roll_error *roll_stream_make_stale(struct roll_ledger *ledger, int64_t id)
{
    struct roll_sql_stmt *stmt;

    ledger->stale = true;
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STREAM_SET_PROJECTION, &stmt));
    roll_sql_bind_int(stmt, ":id", id);
    roll_sql_bind_int(stmt, ":projection", 0);
    return roll_sql_run(stmt);
}

struct roll_error *roll_writer_open(struct roll_ledger *ledger, const char *stream,
                                    struct roll_writer **ret_writer)
{
    roll_auto(writer) struct roll_writer *writer = g_new0(struct roll_writer, 1);
    int64_t projection;

    if (!roll_stream_is_valid(stream))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a stream's name", stream);
    writer->ledger = ledger;
    writer->name = g_strdup(stream);
    ROLL_TRY(roll_stream_find(ledger, stream, &writer->id, &projection));
    ROLL_TRY(roll_stream_head(ledger, writer->id, &writer->head, &writer->at));
    writer->folds = projection == ROLL_PROJECTION_VERSION;
    writer->fold_id = writer->id;
    writer->fold_name = g_strdup(stream);
    ROLL_TRY(look_aside(writer));
    *ret_writer = g_steal_pointer(&writer);
    return NULL;
}

/* The ledger's identity is made from its first event: a copy by export and import has the same. */
static struct roll_error *name_ledger(struct roll_ledger *ledger, const char *hash)
{
    struct roll_sql_stmt *stmt;
    char id[ROLL_UUID_SIZE];
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_META_GET, &stmt));
    roll_sql_bind_text(stmt, ":key", "ledger");
    ROLL_TRY(roll_sql_step(stmt, &row));
    roll_sql_reset(stmt);
    if (row)
        return NULL;
    roll_uuid_from(id, "ledger", hash, NULL);
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_META_ADD, &stmt));
    roll_sql_bind_text(stmt, ":key", "ledger");
    roll_sql_bind_text(stmt, ":value", id);
    return roll_sql_run(stmt);
}

static struct roll_error *add_stream(struct roll_writer *writer)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(writer->ledger->sql, LEDGER_STREAM_ADD, &stmt));
    roll_sql_bind_text(stmt, ":name", writer->name);
    roll_sql_bind_int(stmt, ":projection", ROLL_PROJECTION_VERSION);
    ROLL_TRY(roll_sql_step(stmt, &row));
    writer->id = roll_sql_int_at(stmt, 0);
    if (!roll_stream_is_side(writer->name))
        writer->fold_id = writer->id;
    else if (writer->base)
        writer->ledger->sides = true;
    return roll_sql_run(stmt);
}

static void note_added(struct roll_writer *writer, const struct roll_event *event,
                       const GString *line)
{
    struct roll_added *added;

    if (!writer->added)
        return;
    added = g_new0(struct roll_added, 1);
    added->stream = g_strdup(writer->name);
    added->line = g_string_new_len(line->str, (gssize)line->len);
    added->before = writer->head;
    added->after.seq = event->seq;
    memcpy(added->after.hash, event->hash, sizeof added->after.hash);
    g_ptr_array_add(writer->added, added);
}

static struct roll_error *fold_event(struct roll_writer *writer, const struct roll_event *event)
{
    bool joins =
        event->kind == ROLL_EVENT_ledger_joined || event->kind == ROLL_EVENT_ledger_reconciled;
    struct roll_event numbered = *event;

    if (!writer->base && (joins || writer->beside)) {
        writer->folds = false;
        return roll_stream_make_stale(writer->ledger, writer->id);
    }
    if (!writer->folding)
        roll_fold_begin(&writer->fold, writer->ledger->sql, writer->fold_id, writer->fold_name);
    writer->folding = true;
    numbered.seq += writer->base;
    return roll_fold_event(&writer->fold, &numbered);
}

static struct roll_error *insert_event(struct roll_writer *writer, const struct roll_event *event,
                                       const GString *line)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(writer->ledger->sql, LEDGER_EVENT_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", writer->id);
    roll_sql_bind_int(stmt, ":seq", event->seq);
    roll_sql_bind_text(stmt, ":kind", event->kind_name);
    roll_sql_bind_int(stmt, ":at", event->at);
    roll_sql_bind_text(stmt, ":hash", event->hash);
    roll_sql_bind_text(stmt, ":line", line->str);
    return roll_sql_run(stmt);
}

struct roll_error *roll_writer_add(struct roll_writer *writer, const struct roll_event *event,
                                   const GString *line)
{
    if (writer->ledger->id[0] == '\0')
        ROLL_TRY(name_ledger(writer->ledger, event->hash));
    if (writer->id == 0)
        ROLL_TRY(add_stream(writer));
    ROLL_TRY(insert_event(writer, event, line));
    if (writer->waits)
        ROLL_TRY(roll_pending_add(writer->ledger, writer->id, event->seq));
    note_added(writer, event, line);
    writer->head.seq = event->seq;
    memcpy(writer->head.hash, event->hash, sizeof writer->head.hash);
    writer->at = event->at;
    return writer->folds ? fold_event(writer, event) : NULL;
}

struct roll_error *roll_writer_say(struct roll_writer *writer, const struct roll_actor *actor,
                                   int64_t at, enum roll_event_kind kind, const void *body)
{
    g_autoptr(GString) line = NULL;
    struct roll_event event = {.seq = writer->head.seq + 1,
                               .kind = kind,
                               .kind_name = (char *)(uintptr_t)roll_event_kind_name(kind),
                               .at = MAX(at, writer->at),
                               .body = (void *)(uintptr_t)body};

    if (actor)
        event.actor = *actor;
    ROLL_TRY(roll_event_compose(writer->name, event.seq, writer->head.hash, event.at, actor, kind,
                                body, &line, event.hash));
    return roll_writer_add(writer, &event, line);
}

struct roll_error *roll_writer_flush(struct roll_writer *writer)
{
    return writer->folding ? roll_fold_flush(&writer->fold) : NULL;
}

void roll_writer_free(struct roll_writer *writer)
{
    if (!writer)
        return;
    if (writer->folding)
        roll_fold_end(&writer->fold);
    g_free(writer->fold_name);
    g_free(writer->name);
    g_free(writer);
}
