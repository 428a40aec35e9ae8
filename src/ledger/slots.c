/* Slots: the times of schedules and what became of them. Each counts once: the first word stands.
 */
#include <string.h>

#include "ledger/fold.h"
#include "ledger/store.h"
#include "rollbook/time.h"

char *roll_slot_key(const char *schedule, int64_t at_ms)
{
    char at[ROLL_TIME_SIZE];

    roll_time_format(at_ms, at);
    return g_strdup_printf("%s@%s", schedule, at);
}

/* ---- folding --------------------------------------------------------------------------------- */

/* The key of a newer program may have another form; as a whole it still names something that
 * happened. */
static void take_apart(const char *slot, char **ret_schedule, int64_t *ret_at)
{
    const char *mark = strrchr(slot, '@');
    struct roll_error *err = mark ? roll_time_parse(mark + 1, ret_at) : NULL;

    if (!mark || err)
        *ret_at = 0;
    *ret_schedule = mark && !err ? g_strndup(slot, (gsize)(mark - slot)) : g_strdup(slot);
    roll_error_free(err);
}

struct roll_error *roll_fold_slot(struct roll_fold *fold, const char *slot, int64_t rollout,
                                  const char *fate)
{
    g_autofree char *schedule = NULL;
    int64_t at;
    struct roll_sql_stmt *stmt;

    if (!slot)
        return NULL;
    take_apart(slot, &schedule, &at);
    ROLL_TRY(roll_sql_use(fold->sql, LEDGER_SLOT_ADD, &stmt));
    roll_sql_bind_int(stmt, ":stream", fold->stream);
    roll_sql_bind_text(stmt, ":schedule", schedule);
    roll_sql_bind_int(stmt, ":at", at);
    roll_sql_bind_int(stmt, ":rollout", rollout);
    roll_sql_bind_text(stmt, ":fate", fate);
    return roll_sql_run(stmt);
}

struct roll_error *roll_fold_slot_passed(struct roll_fold *fold, const struct roll_event *event)
{
    const struct roll_slot_passed *body = roll_event_body(event, slot_passed);

    return roll_fold_slot(fold, body->slot, 0, body->fate);
}

/* ---- asking ---------------------------------------------------------------------------------- */

struct roll_error *roll_ledger_slot(struct roll_ledger *ledger, const char *stream,
                                    const char *schedule, int64_t at_ms,
                                    struct roll_slot_row *ret_row)
{
    struct roll_slot_row row = {0};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_ledger_freshen(ledger, stream));
    ROLL_TRY(roll_sql_use(ledger->sql, at_ms ? LEDGER_SLOT_GET : LEDGER_SLOT_LAST, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_text(stmt, ":schedule", schedule);
    if (at_ms)
        roll_sql_bind_int(stmt, ":at", at_ms);
    ROLL_TRY(roll_sql_step(stmt, &row.there));
    if (row.there) {
        const char *fate = roll_sql_text_at(stmt, 2);
        row.at = roll_sql_int_at(stmt, 0);
        row.rollout = roll_sql_int_at(stmt, 1);
        g_strlcpy(row.fate, fate ? fate : "", sizeof row.fate);
    }
    roll_sql_reset(stmt);
    *ret_row = row;
    return NULL;
}
