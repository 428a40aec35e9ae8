/* Export and import as JSON Lines: `{"event":LINE,"hash":HASH}` and
 * `{"object":DIGEST,"base64":DATA}`.
 *
 * An object stands before the first event that names it. Import believes nothing: every line is
 * parsed, every hash made again, every chain followed; one transaction holds all. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

static const char event_open[] = "{\"event\":", event_hash[] = ",\"hash\":\"", line_close[] = "\"}";
static const char object_open[] = "{\"object\":\"", object_data[] = "\",\"base64\":\"";

/* ---- export ---------------------------------------------------------------------------------- */

typedef struct roll_error *(*write_fn)(void *user, const char *line, size_t size);

struct export
{
    struct roll_ledger *ledger;
    GPtrArray *streams;
    GHashTable *written; /* digests */
    GString *out;
    write_fn write;
    void *user;
};

/* A tombstone has no line: the event object.redacted stands for it. */
static struct roll_error *export_object(struct export *export, const char *digest)
{
    g_autoptr(GString) data = NULL;
    g_autofree char *text = NULL;

    if (!g_hash_table_add(export->written, g_strdup(digest)) ||
        !roll_ledger_has_object(export->ledger, digest))
        return NULL;
    ROLL_TRY(roll_ledger_object(export->ledger, digest, &data));
    text = g_base64_encode((const guchar *)data->str, data->len);
    g_string_assign(export->out, object_open);
    g_string_append(export->out, digest);
    g_string_append(export->out, object_data);
    g_string_append(export->out, text);
    g_string_append(export->out, line_close);
    g_string_append_c(export->out, '\n');
    return export->write(export->user, export->out->str, export->out->len);
}

static struct roll_error *export_event(void *user, struct roll_sql_stmt *stmt)
{
    struct export *export = user;
    roll_auto(event) struct roll_event *event = NULL;
    const char *hash = roll_sql_text_at(stmt, 4), *line = roll_sql_text_at(stmt, 5);

    if (!hash || !line)
        return roll_error_new(ROLL_E_DAMAGED, "an event has no line");
    struct roll_error *err = roll_event_parse(line, strlen(line), &event);
    if (!err && strcmp(event->hash, hash) != 0)
        err = roll_error_new(ROLL_E_DAMAGED, "its line does not have its hash");
    if (err) {
        err->code = ROLL_E_DAMAGED;
        return roll_error_wrap(err, "event %" G_GINT64_FORMAT " is damaged",
                               roll_sql_int_at(stmt, 1));
    }
    for (char **digest = event->objects; *digest; digest++)
        ROLL_TRY(export_object(export, *digest));
    g_string_assign(export->out, event_open);
    g_string_append(export->out, line);
    g_string_append(export->out, event_hash);
    g_string_append(export->out, hash);
    g_string_append(export->out, line_close);
    g_string_append_c(export->out, '\n');
    return export->write(export->user, export->out->str, export->out->len);
}

static struct roll_error *export_all(struct export *export)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(export->ledger->sql, LEDGER_EVENT_ALL, &stmt));
    return roll_sql_each(stmt, export_event, export);
}

struct roll_error *roll_ledger_export(struct roll_ledger *ledger, write_fn write, void *user)
{
    struct export export = {.ledger = ledger, .write = write, .user = user};

    ROLL_TRY(roll_sql_begin(ledger->sql, false));
    export.written = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    export.out = g_string_new(NULL);
    struct roll_error *err = export_all(&export);
    roll_sql_rollback(ledger->sql);
    g_hash_table_unref(export.written);
    g_string_free(export.out, TRUE);
    return err;
}

/* ---- import ---------------------------------------------------------------------------------- */

struct incoming {
    struct roll_writer *writer;
    int64_t known;      /* its head before the import */
    GPtrArray *waiting; /* what waited for the store in places that it gave to others; or NULL */
};

struct import {
    struct roll_ledger *ledger;
    GHashTable *streams; /* name → struct incoming */
    GHashTable *named;   /* digests that events name and that were not there then */
    int64_t lines, events;
    bool buried;
};

static void free_incoming(gpointer data)
{
    struct incoming *stream = data;

    roll_writer_free(stream->writer);
    if (stream->waiting)
        g_ptr_array_unref(stream->waiting);
    g_free(stream);
}

static struct roll_error *stream_of(struct import *import, const char *name,
                                    struct incoming **ret_stream)
{
    struct incoming *stream = g_hash_table_lookup(import->streams, name);

    if (!stream) {
        struct roll_writer *writer = NULL;
        ROLL_TRY(roll_writer_open(import->ledger, name, &writer));
        stream = g_new0(struct incoming, 1);
        stream->writer = writer;
        stream->known = writer->head.seq;
        g_hash_table_insert(import->streams, g_strdup(name), stream);
    }
    *ret_stream = stream;
    return NULL;
}

/* *ret_new: the place was that of an event that waits for the store, and is free now. */
static struct roll_error *check_known(struct import *import, struct incoming *stream,
                                      const struct roll_event *event, bool *ret_new)
{
    struct roll_sql_stmt *stmt;
    bool row, waits = false;

    ROLL_TRY(roll_sql_use(import->ledger->sql, LEDGER_EVENT_HASH, &stmt));
    roll_sql_bind_int(stmt, ":stream", stream->writer->id);
    roll_sql_bind_int(stmt, ":seq", event->seq);
    ROLL_TRY(roll_sql_step(stmt, &row));
    bool equal = row && g_strcmp0(roll_sql_text_at(stmt, 0), event->hash) == 0;
    roll_sql_reset(stmt);
    if (equal)
        return NULL;
    ROLL_TRY(roll_pending_has(import->ledger, stream->writer->id, event->seq, &waits));
    if (!waits || stream->waiting)
        return roll_error_new(ROLL_E_CONFLICT,
                              "event %" G_GINT64_FORMAT
                              " of '%s' is another one here: the two ledgers have parted",
                              event->seq, event->stream);
    ROLL_TRY(roll_pending_take_out(stream->writer, event->seq, &stream->waiting));
    stream->known = stream->writer->head.seq;
    *ret_new = true;
    return NULL;
}

static struct roll_error *check_follows(const struct incoming *stream,
                                        const struct roll_event *event)
{
    const struct roll_head *head = &stream->writer->head;

    if (event->seq != head->seq + 1)
        return roll_error_new(ROLL_E_DAMAGED, "event %" G_GINT64_FORMAT " of '%s' is missing",
                              head->seq + 1, event->stream);
    if (strcmp(event->prev, head->hash) == 0 ||
        (head->seq == 0 && roll_stream_is_side(event->stream)))
        return NULL;
    return roll_error_new(event->seq == stream->known + 1 && stream->known > 0 ? ROLL_E_CONFLICT
                                                                               : ROLL_E_DAMAGED,
                          "event %" G_GINT64_FORMAT " of '%s' does not follow the one before it",
                          event->seq, event->stream);
}

static struct roll_error *note_objects(struct import *import, const struct roll_event *event)
{
    for (char **digest = event->objects; *digest; digest++) {
        bool there;
        ROLL_TRY(roll_object_there(import->ledger, *digest, &there));
        if (!there)
            g_hash_table_add(import->named, g_strdup(*digest));
    }
    if (event->kind != ROLL_EVENT_object_redacted)
        return NULL;
    const char *gone = roll_event_body(event, object_redacted)->object;
    if (!roll_hex_is_digest(gone))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a digest", gone);
    import->buried = true;
    return roll_object_bury(import->ledger, gone);
}

static struct roll_error *import_parsed(struct import *import, const struct roll_event *event,
                                        const char *line, size_t size)
{
    struct incoming *stream;
    bool new = false;

    ROLL_TRY(stream_of(import, event->stream, &stream));
    if (event->seq <= stream->writer->head.seq) {
        ROLL_TRY(check_known(import, stream, event, &new));
        if (!new)
            return NULL;
    }
    ROLL_TRY(check_follows(stream, event));
    ROLL_TRY(note_objects(import, event));
    g_autoptr(GString) text = g_string_new_len(line, (gssize)size);
    import->events++;
    return roll_writer_add(stream->writer, event, text);
}

static struct roll_error *import_event(struct import *import, const char *line, size_t size)
{
    const size_t open = sizeof event_open - 1, hash = sizeof event_hash - 1,
                 close = sizeof line_close - 1;
    const size_t behind = hash + ROLL_HEX_SIZE - 1 + close;
    roll_auto(event) struct roll_event *event = NULL;

    if (size < open + behind || memcmp(line + size - behind, event_hash, hash) != 0 ||
        memcmp(line + size - close, line_close, close) != 0)
        return roll_error_new(ROLL_E_INVALID, "an event without its hash");
    struct roll_error *err = roll_event_parse(line + open, size - open - behind, &event);
    if (err) {
        err->code = ROLL_E_DAMAGED;
        return err;
    }
    if (memcmp(line + size - close - (ROLL_HEX_SIZE - 1), event->hash, ROLL_HEX_SIZE - 1) != 0)
        return roll_error_new(ROLL_E_DAMAGED,
                              "event %" G_GINT64_FORMAT " of '%s' does not have its hash",
                              event->seq, event->stream);
    return import_parsed(import, event, line + open, size - open - behind);
}

/* What is there already, or was redacted here, stays as it is. */
static struct roll_error *import_object(struct import *import, const char *line, size_t size)
{
    const size_t open = sizeof object_open - 1, data = sizeof object_data - 1,
                 close = sizeof line_close - 1;
    const size_t before = open + ROLL_HEX_SIZE - 1 + data;
    char wanted[ROLL_HEX_SIZE], digest[ROLL_HEX_SIZE];
    gsize decoded;
    bool there;

    if (size < before + close || memcmp(line + before - data, object_data, data) != 0 ||
        memcmp(line + size - close, line_close, close) != 0)
        return roll_error_new(ROLL_E_INVALID, "an object without its data");
    /* Not g_strlcpy, which reads on to a NUL: a line has none. */
    memcpy(wanted, line + open, sizeof wanted - 1);
    wanted[ROLL_HEX_SIZE - 1] = '\0';
    if (!roll_hex_is_digest(wanted))
        return roll_error_new(ROLL_E_INVALID, "an object without its digest");
    ROLL_TRY(roll_object_there(import->ledger, wanted, &there));
    if (there)
        return NULL;
    g_autofree char *text = g_strndup(line + before, size - before - close);
    guchar *bytes = (guchar *)text;
    decoded = 0;
    if (text[0] != '\0') /* GLib takes empty text for a programmer's error */
        bytes = g_base64_decode_inplace(text, &decoded);
    roll_sha256_hex(bytes, decoded, digest);
    if (strcmp(digest, wanted) != 0)
        return roll_error_new(ROLL_E_DAMAGED, "object %s is damaged", wanted);
    return roll_object_store(import->ledger, bytes, decoded, digest);
}

static bool begins_with(const char *line, size_t size, const char *text)
{
    return size >= strlen(text) && memcmp(line, text, strlen(text)) == 0;
}

static struct roll_error *import_line(struct import *import, const char *line, size_t size)
{
    if (size > ROLL_OBJECT_MAX / 3 * 4 + 1024)
        return roll_error_new(ROLL_E_LIMIT, "it has %zu bytes", size);
    if (begins_with(line, size, event_open))
        return import_event(import, line, size);
    if (begins_with(line, size, object_open))
        return import_object(import, line, size);
    return roll_error_new(ROLL_E_INVALID, "neither an event nor an object");
}

/* An object may be missing only if an event of the import says that it was redacted, which has made
 * a tombstone. */
static struct roll_error *finish(struct import *import)
{
    GHashTableIter iter;
    gpointer key, value;
    bool there;

    g_hash_table_iter_init(&iter, import->named);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        ROLL_TRY(roll_object_there(import->ledger, key, &there));
        if (!there)
            return roll_error_new(ROLL_E_DAMAGED, "object %s, which an event names, is missing",
                                  (const char *)key);
    }
    g_hash_table_iter_init(&iter, import->streams);
    while (g_hash_table_iter_next(&iter, &key, &value)) {
        struct incoming *stream = value;
        if (stream->waiting)
            ROLL_TRY(roll_pending_put_back(stream->writer, stream->waiting));
        ROLL_TRY(roll_writer_flush(stream->writer));
    }
    return roll_sql_commit(import->ledger->sql);
}

typedef struct roll_error *(*read_fn)(void *user, const char **ret_line, size_t *ret_size);

static struct roll_error *import_all(struct import *import, read_fn read, void *user)
{
    for (;;) {
        const char *line = NULL;
        size_t size = 0;
        ROLL_TRY(read(user, &line, &size));
        if (!line)
            return finish(import);
        import->lines++;
        struct roll_error *err = import_line(import, line, size);
        if (err)
            return roll_error_wrap(err, "line %" G_GINT64_FORMAT " cannot be imported",
                                   import->lines);
    }
}

struct roll_error *roll_ledger_import(struct roll_ledger *ledger, read_fn read, void *user,
                                      int64_t *ret_events)
{
    struct import import = {.ledger = ledger};

    ROLL_TRY(roll_sql_pragma_set(ledger->sql, "secure_delete", 1));
    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    import.streams = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_incoming);
    import.named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct roll_error *err = import_all(&import, read, user);
    roll_sql_rollback(ledger->sql);
    g_hash_table_unref(import.streams);
    g_hash_table_unref(import.named);
    if (err)
        return err;
    *ret_events = import.events;
    return import.buried ? roll_ledger_truncate(ledger) : NULL;
}
