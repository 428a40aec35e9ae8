/* Reading events, in pages: between two of them no statement is open, so that a callback may use
 * the ledger as it likes. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

#define PAGE 256

static struct roll_error *damaged(struct roll_error *err, const char *stream, int64_t seq)
{
    if (!err)
        return NULL;
    struct roll_error *named = roll_error_new(
        ROLL_E_DAMAGED, "event %" G_GINT64_FORMAT " of '%s' is damaged", seq, stream);
    return roll_error_join(named, err);
}

/* The row that the statement stands on. */
static struct roll_error *read_event(struct roll_sql_stmt *stmt, const char *stream,
                                     struct roll_event **ret_event)
{
    roll_auto(event) struct roll_event *event = NULL;
    int64_t seq = roll_sql_int_at(stmt, 0);
    const char *hash = roll_sql_text_at(stmt, 1), *line = roll_sql_text_at(stmt, 2);

    if (!hash || !line)
        return roll_error_new(ROLL_E_DAMAGED,
                              "event %" G_GINT64_FORMAT " of '%s' is damaged: it has no line", seq,
                              stream);
    ROLL_TRY(damaged(roll_event_parse(line, strlen(line), &event), stream, seq));
    if (strcmp(event->hash, hash) != 0 || event->seq != seq || strcmp(event->stream, stream) != 0)
        return roll_error_new(
            ROLL_E_DAMAGED, "event %" G_GINT64_FORMAT " of '%s' is damaged: its line is another's",
            seq, stream);
    *ret_event = g_steal_pointer(&event);
    return NULL;
}

static struct roll_error *read_page(struct roll_ledger *ledger, int64_t id, const char *stream,
                                    int64_t from, int limit, GPtrArray *events)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_PAGE, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    roll_sql_bind_int(stmt, ":seq", from);
    roll_sql_bind_int(stmt, ":limit", limit);
    for (;;) {
        struct roll_event *event = NULL;
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        struct roll_error *err = read_event(stmt, stream, &event);
        if (err) {
            roll_sql_reset(stmt);
            return err;
        }
        g_ptr_array_add(events, event);
    }
}

static void free_event(gpointer event)
{
    roll_event_free(event);
}

struct roll_error *roll_stream_read(struct roll_ledger *ledger, int64_t id, const char *stream,
                                    int64_t from_seq, roll_event_fn fn, void *user)
{
    g_autoptr(GPtrArray) page = g_ptr_array_new_with_free_func(free_event);

    do {
        g_ptr_array_set_size(page, 0);
        ROLL_TRY(read_page(ledger, id, stream, from_seq, PAGE, page));
        for (guint i = 0; i < page->len; i++) {
            const struct roll_event *event = page->pdata[i];
            from_seq = event->seq + 1;
            ROLL_TRY(fn(user, event));
        }
    } while (page->len == PAGE);
    return NULL;
}

struct roll_error *roll_ledger_events(struct roll_ledger *ledger, const char *stream,
                                      int64_t from_seq, roll_event_fn fn, void *user)
{
    int64_t id, projection;

    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    if (id == 0)
        return NULL;
    return roll_stream_is_side(stream) ? roll_stream_read(ledger, id, stream, from_seq, fn, user)
                                       : roll_course_read(ledger, id, stream, from_seq, fn, user);
}

struct roll_error *roll_ledger_event(struct roll_ledger *ledger, const char *stream, int64_t seq,
                                     struct roll_event **ret_event)
{
    g_autoptr(GPtrArray) page = g_ptr_array_new_with_free_func(free_event);
    int64_t id, projection;

    if (roll_number_is_side(seq) && !roll_stream_is_side(stream))
        return roll_course_event(ledger, stream, seq, ret_event);
    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    if (id != 0)
        ROLL_TRY(read_page(ledger, id, stream, seq, 1, page));
    if (page->len == 0 || ((const struct roll_event *)page->pdata[0])->seq != seq)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no event %" G_GINT64_FORMAT " in '%s'",
                              seq, stream);
    *ret_event = g_ptr_array_steal_index(page, 0);
    return NULL;
}

struct roll_error *roll_ledger_line(struct roll_ledger *ledger, const char *stream, int64_t seq,
                                    GString **ret_line)
{
    struct roll_sql_stmt *stmt;
    int64_t id, projection;
    bool row;

    ROLL_TRY(roll_stream_find(ledger, stream, &id, &projection));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_PAGE, &stmt));
    roll_sql_bind_int(stmt, ":stream", id);
    roll_sql_bind_int(stmt, ":seq", seq);
    roll_sql_bind_int(stmt, ":limit", 1);
    ROLL_TRY(roll_sql_step(stmt, &row));
    const char *line = row && roll_sql_int_at(stmt, 0) == seq ? roll_sql_text_at(stmt, 2) : NULL;
    GString *text = line ? g_string_new(line) : NULL;
    roll_sql_reset(stmt);
    if (!text)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no event %" G_GINT64_FORMAT " in '%s'",
                              seq, stream);
    *ret_line = text;
    return NULL;
}

struct place {
    char *stream;
    int64_t seq;
};

static void place_clear(void *item)
{
    g_free(((struct place *)item)->stream);
}

static struct roll_error *find_places(struct roll_ledger *ledger, enum roll_event_kind kind,
                                      const char *part, GArray *places)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_FIND, &stmt));
    roll_sql_bind_text(stmt, ":kind", roll_event_kind_name(kind));
    roll_sql_bind_text(stmt, ":part", part);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        struct place place = {g_strdup(roll_sql_text_at(stmt, 0)), roll_sql_int_at(stmt, 1)};
        g_array_append_val(places, place);
    }
}

struct roll_error *
roll_ledger_find_events(struct roll_ledger *ledger, enum roll_event_kind kind, const char *part,
                        struct roll_error *(*fn)(void *user, const char *stream, int64_t seq),
                        void *user)
{
    g_autoptr(GArray) places = g_array_new(FALSE, FALSE, sizeof(struct place));

    g_array_set_clear_func(places, place_clear);
    ROLL_TRY(find_places(ledger, kind, part, places));
    for (guint i = 0; i < places->len; i++) {
        const struct place *place = &g_array_index(places, struct place, i);
        ROLL_TRY(fn(user, place->stream, place->seq));
    }
    return NULL;
}
