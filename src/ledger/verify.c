/* Verifying: every chain, every line's frame, every object; on request the projections too.
 *
 * Damage is a finding, not an error: the first one ends the search and names its row. */
#include "ledger/verify.h"

#include <stdarg.h>
#include <string.h>

#include "ledger/fields.h"

void roll_verify_finding(struct verify *verify, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    if (!verify->report.first_bad)
        verify->report.first_bad = g_strdup_vprintf(format, arguments);
    va_end(arguments);
}

struct roll_error *roll_verify_each(struct verify *verify, int statement,
                                    struct roll_error *(*check)(struct verify *,
                                                                struct roll_sql_stmt *))
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

/* "STREAM@SEQ:HASH" or a bare hash. */
static struct roll_error *read_wanted(struct verify *verify, const char *head)
{
    const char *colon = strrchr(head, ':');

    verify->wanted = colon ? colon + 1 : head;
    verify->wanted_place = colon ? g_strndup(head, (gsize)(colon - head)) : NULL;
    if (!roll_hex_is_digest(verify->wanted))
        return roll_error_new(
            ROLL_E_INVALID,
            "'%s' is not a head: a hash of 64 digits is expected, or STREAM@SEQ:HASH", head);
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
            roll_verify_finding(verify, "stream number %" G_GINT64_FORMAT " has no valid name",
                                stream->id);
    }
    verify->report.streams = verify->streams->len;
    return NULL;
}

static struct roll_error *verify_all(struct verify *verify, bool projections)
{
    ROLL_TRY(load_chains(verify));
    ROLL_TRY(roll_verify_objects(verify));
    ROLL_TRY(roll_verify_events(verify));
    roll_verify_gone(verify);
    if (verify->wanted && !verify->wanted_found)
        roll_verify_finding(verify,
                            "no event %s%shas the hash %s: the ledger was cut, or is another one",
                            verify->wanted_place ? verify->wanted_place : "",
                            verify->wanted_place ? " " : "", verify->wanted);
    return verify->report.first_bad ? NULL : roll_verify_tables(verify, projections);
}

/* What SQLite itself calls damaged is a finding like any other. */
static struct roll_error *as_finding(struct verify *verify, struct roll_error *err)
{
    if (roll_error_code(err) != ROLL_E_DAMAGED && roll_error_code(err) != ROLL_E_FOREIGN)
        return err;
    roll_verify_finding(verify, "%s", err->message);
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
    verify.objects = g_hash_table_new(roll_verify_digest_hash, g_str_equal);
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
