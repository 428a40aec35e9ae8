/* What this replica knows of the shared store: how far it has verified each stream there, and when
 * it last had all of it. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"

/* ---- how far the store is known -------------------------------------------------------------- */

struct roll_error *roll_ledger_remote(struct roll_ledger *ledger, const char *stream,
                                      struct roll_remote *ret_remote)
{
    struct roll_sql_stmt *stmt;
    bool row;

    *ret_remote = (struct roll_remote){0};
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_REMOTE_GET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row) {
        ret_remote->seq = roll_sql_int_at(stmt, 0);
        ret_remote->size = roll_sql_int_at(stmt, 1);
        g_strlcpy(ret_remote->etag, roll_sql_text_at(stmt, 2) ? roll_sql_text_at(stmt, 2) : "",
                  sizeof ret_remote->etag);
    }
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_ledger_set_remote(struct roll_ledger *ledger, const char *stream,
                                          const struct roll_remote *remote)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_REMOTE_SET, &stmt));
    roll_sql_bind_text(stmt, ":stream", stream);
    roll_sql_bind_int(stmt, ":seq", remote->seq);
    roll_sql_bind_int(stmt, ":size", remote->size);
    roll_sql_bind_text(stmt, ":etag", remote->etag[0] ? remote->etag : NULL);
    ROLL_TRY(roll_sql_run(stmt));
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_PENDING_ARRIVED, &stmt));
    roll_sql_bind_text(stmt, ":name", stream);
    roll_sql_bind_int(stmt, ":seq", remote->seq);
    return roll_sql_run(stmt);
}

struct roll_error *roll_ledger_remotes(struct roll_ledger *ledger, GHashTable **ret_remotes)
{
    g_autoptr(GHashTable) remotes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_REMOTE_LIST, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        struct roll_remote *remote = g_new0(struct roll_remote, 1);
        remote->seq = roll_sql_int_at(stmt, 1);
        remote->size = roll_sql_int_at(stmt, 2);
        g_strlcpy(remote->etag, roll_sql_text_at(stmt, 3) ? roll_sql_text_at(stmt, 3) : "",
                  sizeof remote->etag);
        g_hash_table_insert(remotes, g_strdup(roll_sql_text_at(stmt, 0)), remote);
    }
    *ret_remotes = g_steal_pointer(&remotes);
    return NULL;
}

struct roll_error *roll_ledger_first_stream(struct roll_ledger *ledger, char **ret_stream)
{
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_EVENT_FIRST, &stmt));
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_stream = row ? g_strdup(roll_sql_text_at(stmt, 0)) : NULL;
    roll_sql_reset(stmt);
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

void roll_store_known_clear(struct roll_store_known *known)
{
    g_free(known->name);
    g_free(known->trouble);
    *known = (struct roll_store_known){0};
}

struct roll_error *roll_ledger_store_known(struct roll_ledger *ledger,
                                           struct roll_store_known *ret_known)
{
    struct roll_sql_stmt *stmt;
    bool row;

    *ret_known = (struct roll_store_known){0};
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STORE_GET, &stmt));
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row)
        *ret_known = (struct roll_store_known){.name = g_strdup(roll_sql_text_at(stmt, 0)),
                                               .pulled_at = roll_sql_int_at(stmt, 1),
                                               .tried_at = roll_sql_int_at(stmt, 2),
                                               .trouble = g_strdup(roll_sql_text_at(stmt, 3))};
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_ledger_set_store_known(struct roll_ledger *ledger,
                                               const struct roll_store_known *known)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_STORE_SET, &stmt));
    roll_sql_bind_text(stmt, ":name", known->name ? known->name : "");
    roll_sql_bind_int(stmt, ":pulled_at", known->pulled_at);
    roll_sql_bind_int(stmt, ":tried_at", known->tried_at);
    roll_sql_bind_text(stmt, ":trouble", known->trouble);
    return roll_sql_run(stmt);
}

struct roll_error *roll_ledger_forget_store(struct roll_ledger *ledger)
{
    const struct roll_store_known nothing = {0};
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_REMOTE_FORGET, &stmt));
    ROLL_TRY(roll_sql_run(stmt));
    return roll_ledger_set_store_known(ledger, &nothing);
}
