/* Verifying events: each line's hash and frame, its place in the chain, the objects that it names.
 * They are read in the order in which they arrived, which is the order of the file; each stream's
 * head is followed along. Bodies are not parsed. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/verify.h"

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
            roll_verify_finding(verify,
                                "%s@%" G_GINT64_FORMAT ": object %s, which it names, is missing",
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
        roll_verify_finding(verify,
                            "%s@%" G_GINT64_FORMAT ": event %" G_GINT64_FORMAT " is missing",
                            chain->name, row->seq, chain->seq + 1);
        return NULL;
    }
    if (chain->seq == 0)
        adopt_prev(chain, row);
    g_string_truncate(verify->tail, 0);
    roll_line_tail(verify->tail, chain->hash, row->seq, chain->name);
    roll_sha256_hex(row->line, row->size, hash);
    if (strcmp(hash, row->hash) != 0)
        roll_verify_finding(verify, "%s@%" G_GINT64_FORMAT ": its line does not have the hash %s",
                            chain->name, row->seq, row->hash);
    else if (!roll_line_check(row->line, row->size, row->at, row->kind, verify->tail, &body,
                              &body_size))
        roll_verify_finding(verify,
                            "%s@%" G_GINT64_FORMAT
                            ": its line does not follow event %" G_GINT64_FORMAT
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
        roll_verify_finding(
            verify, "event %" G_GINT64_FORMAT " of stream number %" G_GINT64_FORMAT " is damaged",
            row.seq, row.stream);
        return NULL;
    }
    verify->report.events++;
    return check_event(verify, chain, &row);
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
            roll_verify_finding(
                verify, "%s: %" G_GINT64_FORMAT " events, but %" G_GINT64_FORMAT " in the index",
                stream->name, chain->seq, roll_sql_int_at(stmt, 0));
        roll_sql_reset(stmt);
    }
    return NULL;
}

struct roll_error *roll_verify_events(struct verify *verify)
{
    ROLL_TRY(roll_verify_each(verify, LEDGER_EVENT_ALL, check_row));
    return verify->report.first_bad ? NULL : check_index(verify);
}
