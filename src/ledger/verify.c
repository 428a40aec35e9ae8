/* Verifying: every chain, every line's frame, every object; on request the projections too.
 *
 * Damage is a finding, not an error: the first one ends the search and names its row. Events are
 * read in the order in which they arrived, which is the order of the file; each stream's head is
 * followed along. Bodies are not parsed. */
#include <stdarg.h>
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

struct chain {
    const char *name; /* borrowed from streams */
    int64_t seq;
    char hash[ROLL_HEX_SIZE];
};

struct verify {
    struct roll_ledger *ledger;
    GPtrArray *streams; /* struct roll_stream */
    GHashTable *chains; /* id → struct chain */
    struct chain *last; /* of the last row: events of one stream mostly follow one another */
    int64_t last_id;
    GHashTable *objects; /* digest → row id of every object, tombstones too: asked for one by one
                            they would be read in no order, which costs as much as all else */
    GStringChunk *digests;            /* the keys */
    GPtrArray *gone;                  /* borrowed digests of the tombstones */
    int64_t indexed;                  /* objects that their index names … */
    char last_indexed[ROLL_HEX_SIZE]; /* … in order, the last one */
    GHashTable *redacted;             /* digests that events call redacted */
    GString *tail;
    const char *wanted; /* a hash that must be there, or NULL */
    char *wanted_place; /* STREAM@SEQ, or NULL */
    bool wanted_found;
    struct roll_verify_report report;
};

static void finding(struct verify *verify, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void finding(struct verify *verify, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!verify->report.first_bad)
        verify->report.first_bad = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

/* ---- events ---------------------------------------------------------------------------------- */

struct row {
    int64_t stream, seq, at;
    const char *kind, *hash, *line;
    size_t size;
};

static struct chain *chain_of(struct verify *verify, int64_t stream)
{
    if (!verify->last || verify->last_id != stream) {
        verify->last = g_hash_table_lookup(verify->chains, &stream);
        verify->last_id = stream;
    }
    return verify->last;
}

/* An empty side stream follows a hash of its main stream, which stands in its first line only. */
static void adopt_prev(struct chain *chain, const struct row *row)
{
    g_autoptr(GString) tail = g_string_new(NULL);

    roll_line_tail(tail, chain->hash, row->seq, chain->name);
    if (chain->seq == 0 && roll_stream_is_side(chain->name) && row->size > tail->len) {
        memcpy(chain->hash, row->line + row->size - tail->len + strlen("],\"prev\":\""),
               ROLL_HEX_SIZE - 1);
        if (!roll_hex_is_digest(chain->hash))
            memset(chain->hash, '0', ROLL_HEX_SIZE - 1);
    }
}

/* Which object events redact is the one thing that is read from bodies. */
static struct roll_error *note_redaction(struct verify *verify, const struct row *row)
{
    roll_auto(event) struct roll_event *event = NULL;

    if (strcmp(row->kind, roll_event_kind_name(ROLL_EVENT_object_redacted)) != 0)
        return NULL;
    ROLL_TRY(roll_event_parse(row->line, row->size, &event));
    g_hash_table_add(verify->redacted, g_strdup(roll_event_body(event, object_redacted)->object));
    return NULL;
}

static void check_named(struct verify *verify, const struct chain *chain, const struct row *row)
{
    char digest[ROLL_HEX_SIZE] = "";
    const char *first;
    size_t count;

    if (!roll_line_objects(row->line, row->size, verify->tail, &first, &count))
        count = 0;
    for (size_t i = 0; i < count; i++) {
        /* Not g_strlcpy, which measures the rest of the line each time. */
        memcpy(digest, first + i * (ROLL_HEX_SIZE + 2) + 1, ROLL_HEX_SIZE - 1);
        if (!g_hash_table_contains(verify->objects, digest))
            finding(verify, "%s@%" G_GINT64_FORMAT ": object %s, which it names, is missing",
                    chain->name, row->seq, digest);
    }
}

static void check_wanted(struct verify *verify, const struct chain *chain, const struct row *row)
{
    if (!verify->wanted || strcmp(verify->wanted, row->hash) != 0)
        return;
    g_autofree char *place = g_strdup_printf("%s@%" G_GINT64_FORMAT, chain->name, row->seq);
    if (!verify->wanted_place || strcmp(verify->wanted_place, place) == 0)
        verify->wanted_found = true;
}

static struct roll_error *check_event(struct verify *verify, struct chain *chain,
                                      const struct row *row)
{
    char hash[ROLL_HEX_SIZE];
    const char *body;
    size_t body_size;

    if (row->seq != chain->seq + 1) {
        finding(verify, "%s@%" G_GINT64_FORMAT ": event %" G_GINT64_FORMAT " is missing",
                chain->name, row->seq, chain->seq + 1);
        return NULL;
    }
    if (chain->seq == 0)
        adopt_prev(chain, row);
    g_string_truncate(verify->tail, 0);
    roll_line_tail(verify->tail, chain->hash, row->seq, chain->name);
    roll_sha256_hex(row->line, row->size, hash);
    if (strcmp(hash, row->hash) != 0)
        finding(verify, "%s@%" G_GINT64_FORMAT ": its line does not have the hash %s", chain->name,
                row->seq, row->hash);
    else if (!roll_line_check(row->line, row->size, row->at, row->kind, verify->tail, &body,
                              &body_size))
        finding(verify,
                "%s@%" G_GINT64_FORMAT ": its line does not follow event %" G_GINT64_FORMAT
                ", or differs from its columns",
                chain->name, row->seq, chain->seq);
    if (verify->report.first_bad)
        return NULL;
    chain->seq = row->seq;
    memcpy(chain->hash, hash, sizeof hash);
    check_wanted(verify, chain, row);
    check_named(verify, chain, row);
    return note_redaction(verify, row);
}

static struct roll_error *check_row(struct verify *verify, struct roll_sql_stmt *stmt)
{
    struct row row = {.stream = roll_sql_int_at(stmt, 0),
                      .seq = roll_sql_int_at(stmt, 1),
                      .kind = roll_sql_text_at(stmt, 2),
                      .at = roll_sql_int_at(stmt, 3),
                      .hash = roll_sql_text_at(stmt, 4)};
    struct chain *chain = chain_of(verify, row.stream);

    row.line = roll_sql_blob_at(stmt, 5, &row.size);
    if (!chain || !row.kind || !row.hash || !row.line) {
        finding(verify,
                "event %" G_GINT64_FORMAT " of stream number %" G_GINT64_FORMAT " is damaged",
                row.seq, row.stream);
        return NULL;
    }
    verify->report.events++;
    return check_event(verify, chain, &row);
}

/* One row after the other, until the end or the first finding. */
static struct roll_error *each(struct verify *verify, int statement,
                               struct roll_error *(*check)(struct verify *, struct roll_sql_stmt *))
{
    struct roll_sql_stmt *stmt;
    struct roll_error *err = NULL;
    bool row;

    ROLL_TRY(roll_sql_use(verify->ledger->sql, statement, &stmt));
    while (!err && !verify->report.first_bad) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        err = check(verify, stmt);
    }
    roll_sql_reset(stmt);
    return err;
}

/* Reading by stream goes through the index: each event must be in it. */
static struct roll_error *check_index(struct verify *verify)
{
    struct roll_sql_stmt *stmt;
    bool row;

    for (guint i = 0; i < verify->streams->len; i++) {
        const struct roll_stream *stream = verify->streams->pdata[i];
        const struct chain *chain = g_hash_table_lookup(verify->chains, &stream->id);
        ROLL_TRY(roll_sql_use(verify->ledger->sql, LEDGER_EVENT_INDEXED, &stmt));
        roll_sql_bind_int(stmt, ":stream", stream->id);
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (row && roll_sql_int_at(stmt, 0) != chain->seq)
            finding(verify,
                    "%s: %" G_GINT64_FORMAT " events, but %" G_GINT64_FORMAT " in the index",
                    stream->name, chain->seq, roll_sql_int_at(stmt, 0));
        roll_sql_reset(stmt);
    }
    return NULL;
}

/* ---- objects --------------------------------------------------------------------------------- */

/* A digest is as good as random already; its length was looked at. */
static guint digest_hash(gconstpointer digest)
{
    uint64_t words[8], sum = 0;

    memcpy(words, digest, sizeof words);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        sum = sum * 31 + words[i];
    return (guint)(sum ^ sum >> 32);
}

static const char *digest_at(struct roll_sql_stmt *stmt, int column)
{
    const char *digest = roll_sql_text_at(stmt, column);

    return digest && strlen(digest) == ROLL_HEX_SIZE - 1 ? digest : NULL;
}

static struct roll_error *check_object(struct verify *verify, struct roll_sql_stmt *stmt)
{
    const char *digest = digest_at(stmt, 0);
    char found[ROLL_HEX_SIZE];
    size_t size;

    verify->report.objects++;
    if (!digest) {
        const char *text = roll_sql_text_at(stmt, 0);
        finding(verify, "object %s: that is no digest", text ? text : "without a name");
        return NULL;
    }
    char *kept = g_string_chunk_insert_len(verify->digests, digest, ROLL_HEX_SIZE - 1);
    if (!g_hash_table_insert(verify->objects, kept,
                             GSIZE_TO_POINTER((gsize)roll_sql_int_at(stmt, 2)))) {
        finding(verify, "an object has another one's digest");
        return NULL;
    }
    if (roll_sql_null_at(stmt, 1)) {
        verify->report.redacted++;
        g_ptr_array_add(verify->gone, kept);
        return NULL;
    }
    const void *data = roll_sql_blob_at(stmt, 1, &size);
    roll_sha256_hex(data, size, found);
    if (strcmp(found, digest) != 0)
        finding(verify, "object %s: its content has the digest %s", digest, found);
    return NULL;
}

/* Objects are found through their index: it must lead to each of them, and to nothing else. */
static struct roll_error *check_object_indexed(struct verify *verify, struct roll_sql_stmt *stmt)
{
    const char *digest = digest_at(stmt, 0);
    gpointer id = digest ? g_hash_table_lookup(verify->objects, digest) : NULL;

    if (!id || (gsize)roll_sql_int_at(stmt, 1) != GPOINTER_TO_SIZE(id) ||
        strcmp(digest, verify->last_indexed) <= 0)
        finding(verify, "object %s: the index of objects does not lead to it",
                digest ? digest : "without a digest");
    else
        g_strlcpy(verify->last_indexed, digest, sizeof verify->last_indexed);
    verify->indexed++;
    return NULL;
}

static struct roll_error *check_objects(struct verify *verify)
{
    ROLL_TRY(each(verify, LEDGER_OBJECT_ALL, check_object));
    if (!verify->report.first_bad)
        ROLL_TRY(each(verify, LEDGER_OBJECT_INDEXED, check_object_indexed));
    if (!verify->report.first_bad && verify->indexed != verify->report.objects)
        finding(verify, "%" G_GINT64_FORMAT " objects, but %" G_GINT64_FORMAT " in their index",
                verify->report.objects, verify->indexed);
    return NULL;
}

static void check_gone(struct verify *verify)
{
    for (guint i = 0; i < verify->gone->len; i++) {
        const char *digest = g_ptr_array_index(verify->gone, i);
        if (!g_hash_table_contains(verify->redacted, digest))
            finding(verify,
                    "object %s: its content is gone, and no event says that it was redacted",
                    digest);
    }
}

/* ---- layout ---------------------------------------------------------------------------------- */

static struct roll_error *open_empty(struct roll_sql **ret_copy)
{
    const struct roll_sql_options options = {.path = ":memory:",
                                             .statements = roll_ledger_statements(),
                                             .count = LEDGER_STATEMENTS,
                                             .create = true};
    roll_auto(sql) struct roll_sql *copy = NULL;

    ROLL_TRY(roll_sql_open(&options, &copy));
    ROLL_TRY(roll_ledger_schema(copy));
    *ret_copy = g_steal_pointer(&copy);
    return NULL;
}

/* One row of the layout as text; NULL at the end. Owned. */
static struct roll_error *next_layout(struct roll_sql_stmt *stmt, char **ret_name, char **ret_text)
{
    bool row;

    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_name = row ? g_strdup(roll_sql_text_at(stmt, 0)) : NULL;
    *ret_text = row ? g_strdup_printf("%s %s %s", roll_sql_text_at(stmt, 1),
                                      roll_sql_text_at(stmt, 2), roll_sql_text_at(stmt, 3))
                    : NULL;
    return NULL;
}

static struct roll_error *compare_layouts(struct verify *verify, struct roll_sql_stmt *here,
                                          struct roll_sql_stmt *wanted)
{
    bool more = true;

    while (more && !verify->report.first_bad) {
        g_autofree char *name = NULL, *text = NULL, *wanted_name = NULL, *wanted_text = NULL;
        ROLL_TRY(next_layout(here, &name, &text));
        ROLL_TRY(next_layout(wanted, &wanted_name, &wanted_text));
        if (g_strcmp0(name, wanted_name) != 0 || g_strcmp0(text, wanted_text) != 0)
            finding(verify, "the layout of the file was changed, at '%s'",
                    wanted_name && g_strcmp0(name, wanted_name) >= 0 ? wanted_name
                    : name                                           ? name
                                                                     : wanted_name);
        more = wanted_name != NULL;
    }
    return NULL;
}

/* The tables, indexes and triggers are those that this program makes: a trigger that guards nothing
 * any more would not be seen in any row. */
static struct roll_error *check_layout(struct verify *verify, struct roll_sql *empty)
{
    struct roll_sql_stmt *here, *wanted;

    ROLL_TRY(roll_sql_use(verify->ledger->sql, LEDGER_LAYOUT, &here));
    ROLL_TRY(roll_sql_use(empty, LEDGER_LAYOUT, &wanted));
    struct roll_error *err = compare_layouts(verify, here, wanted);
    roll_sql_reset(here);
    roll_sql_reset(wanted);
    return err;
}

/* ---- projections ----------------------------------------------------------------------------- */

static struct roll_error *dump(struct roll_sql *sql, int64_t id, char ret_hex[ROLL_HEX_SIZE])
{
    struct roll_sha256 *digest = roll_sha256_begin();
    struct roll_error *err = roll_stream_dump(sql, id, digest);

    roll_sha256_end(digest, ret_hex);
    return err;
}

/* Stream by stream in memory: the file is only read, and bounded by the largest stream. */
static struct roll_error *check_projections(struct verify *verify, struct roll_sql *empty)
{
    char stored[ROLL_HEX_SIZE], folded[ROLL_HEX_SIZE];

    for (guint i = 0; i < verify->streams->len && !verify->report.first_bad; i++) {
        const struct roll_stream *stream = verify->streams->pdata[i];
        if (stream->projection != ROLL_PROJECTION_VERSION)
            continue; /* folded again before anybody looks at it */
        ROLL_TRY(roll_sql_begin(empty, true));
        ROLL_TRY(roll_stream_fold(verify->ledger, empty, stream->id, stream->name));
        ROLL_TRY(dump(empty, stream->id, folded));
        roll_sql_rollback(empty);
        ROLL_TRY(dump(verify->ledger->sql, stream->id, stored));
        if (strcmp(folded, stored) != 0)
            finding(verify, "%s: the projections differ from what its events say", stream->name);
    }
    return NULL;
}

static struct roll_error *check_tables(struct verify *verify, bool projections)
{
    roll_auto(sql) struct roll_sql *empty = NULL;

    ROLL_TRY(open_empty(&empty));
    ROLL_TRY(check_layout(verify, empty));
    return projections && !verify->report.first_bad ? check_projections(verify, empty) : NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* "STREAM@SEQ:HASH" or a bare hash. */
static struct roll_error *read_wanted(struct verify *verify, const char *head)
{
    const char *colon = strrchr(head, ':');

    verify->wanted = colon ? colon + 1 : head;
    verify->wanted_place = colon ? g_strndup(head, (gsize)(colon - head)) : NULL;
    if (!roll_hex_is_digest(verify->wanted))
        return roll_error_new(
            ROLL_E_INVALID, "'%s' is no head: a hash of 64 digits is expected, or STREAM@SEQ:HASH",
            head);
    return NULL;
}

static struct roll_error *load_chains(struct verify *verify)
{
    ROLL_TRY(roll_stream_list(verify->ledger, &verify->streams));
    for (guint i = 0; i < verify->streams->len; i++) {
        const struct roll_stream *stream = verify->streams->pdata[i];
        struct chain *chain = g_new0(struct chain, 1);
        chain->name = stream->name;
        memset(chain->hash, '0', ROLL_HEX_SIZE - 1);
        g_hash_table_insert(verify->chains, g_memdup2(&stream->id, sizeof stream->id), chain);
        if (!roll_stream_is_valid(stream->name))
            finding(verify, "stream number %" G_GINT64_FORMAT " has no valid name", stream->id);
    }
    verify->report.streams = verify->streams->len;
    return NULL;
}

static struct roll_error *verify_all(struct verify *verify, bool projections)
{
    ROLL_TRY(load_chains(verify));
    ROLL_TRY(check_objects(verify));
    ROLL_TRY(each(verify, LEDGER_EVENT_ALL, check_row));
    if (!verify->report.first_bad)
        ROLL_TRY(check_index(verify));
    check_gone(verify);
    if (verify->wanted && !verify->wanted_found)
        finding(verify, "no event %s%shas the hash %s: the ledger was cut, or is another one",
                verify->wanted_place ? verify->wanted_place : "", verify->wanted_place ? " " : "",
                verify->wanted);
    return verify->report.first_bad ? NULL : check_tables(verify, projections);
}

/* What SQLite itself calls damaged is a finding like any other. */
static struct roll_error *as_finding(struct verify *verify, struct roll_error *err)
{
    if (roll_error_code(err) != ROLL_E_DAMAGED && roll_error_code(err) != ROLL_E_FOREIGN)
        return err;
    finding(verify, "%s", err->message);
    roll_error_free(err);
    return NULL;
}

struct roll_error *roll_ledger_verify(struct roll_ledger *ledger,
                                      const struct roll_verify_options *options,
                                      struct roll_verify_report *ret_report)
{
    struct verify verify = {.ledger = ledger};

    if (options && options->head)
        ROLL_TRY(read_wanted(&verify, options->head));
    verify.chains = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    verify.redacted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    verify.objects = g_hash_table_new(digest_hash, g_str_equal);
    verify.digests = g_string_chunk_new(64 * 1024);
    verify.gone = g_ptr_array_new();
    verify.tail = g_string_new(NULL);
    struct roll_error *err = roll_sql_begin(ledger->sql, false);
    if (!err)
        err = as_finding(&verify, verify_all(&verify, options && options->projections));
    roll_sql_rollback(ledger->sql);
    g_clear_pointer(&verify.streams, g_ptr_array_unref);
    g_hash_table_unref(verify.chains);
    g_hash_table_unref(verify.redacted);
    g_ptr_array_unref(verify.gone);
    g_hash_table_unref(verify.objects);
    g_string_chunk_free(verify.digests);
    g_string_free(verify.tail, TRUE);
    g_free(verify.wanted_place);
    if (err)
        roll_verify_report_clear(&verify.report);
    else
        *ret_report = verify.report;
    return err;
}

void roll_verify_report_clear(struct roll_verify_report *report)
{
    g_free(report->first_bad);
    memset(report, 0, sizeof *report);
}
