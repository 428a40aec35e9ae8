/* The one exception to "nothing is deleted": an object that must not be kept becomes a tombstone.
 */
#include "ledger/store.h"
#include "rollbook/time.h"

/* Names of the streams whose events name the object. Looks through all events: a redaction is rare.
 */
static struct roll_error *find_streams(struct roll_ledger *ledger, const char *digest,
                                       GPtrArray *names)
{
    g_autofree char *quoted = g_strdup_printf("\"%s\"", digest);
    g_autoptr(GPtrArray) streams = NULL;
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_stream_list(ledger, &streams));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_NAMING, &stmt));
    roll_sql_bind_text(stmt, ":quoted", quoted);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        for (guint i = 0; i < streams->len; i++) {
            struct roll_stream *stream = streams->pdata[i];
            if (stream->id == roll_sql_int_at(stmt, 0))
                g_ptr_array_add(names, g_strdup(stream->name));
        }
    }
}

static struct roll_error *record(struct roll_ledger *ledger, const struct roll_actor *actor,
                                 const char *stream, const char *digest, const char *reason)
{
    const struct roll_object_redacted body = {.object = (char *)(uintptr_t)digest,
                                              .reason = (char *)(uintptr_t)reason};
    roll_auto(writer) struct roll_writer *writer = NULL;

    ROLL_TRY(roll_writer_open(ledger, stream, &writer));
    writer->waits = roll_ledger_is_shared(ledger);
    ROLL_TRY(roll_writer_say(writer, actor, roll_now_ms(), ROLL_EVENT_object_redacted, &body));
    return roll_writer_flush(writer);
}

static struct roll_error *redact_in(struct roll_ledger *ledger, const struct roll_actor *actor,
                                    const char *digest, const char *reason)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    bool there;

    ROLL_TRY(roll_object_there(ledger, digest, &there));
    if (!there)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no object '%s'", digest);
    if (!roll_ledger_has_object(ledger, digest))
        return NULL; /* redacted before; only the log is cut again */
    ROLL_TRY(find_streams(ledger, digest, names));
    if (names->len == 0)
        return roll_error_new(ROLL_E_NOT_FOUND, "no event names the object '%s'", digest);
    for (guint i = 0; i < names->len; i++)
        ROLL_TRY(record(ledger, actor, names->pdata[i], digest, reason));
    ROLL_TRY(roll_object_bury(ledger, digest));
    return roll_sql_commit(ledger->sql);
}

struct roll_error *roll_ledger_redact(struct roll_ledger *ledger, const struct roll_actor *actor,
                                      const char *digest, const char *reason)
{
    ROLL_TRY(roll_sql_pragma_set(ledger->sql, "secure_delete", 1));
    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    struct roll_error *err = redact_in(ledger, actor, digest, reason);
    roll_sql_rollback(ledger->sql);
    return err ? err : roll_ledger_truncate(ledger);
}
