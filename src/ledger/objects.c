/* Objects: bytes under their SHA-256, looked at again whenever they are read. */
#include "ledger/store.h"
#include "rollbook/json.h"

/* *ret_there: stored or a tombstone; *ret_whole: stored. */
static struct roll_error *find(struct roll_ledger *ledger, const char *digest, bool *ret_there,
                               bool *ret_whole)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_OBJECT_HAS, &stmt));
    roll_sql_bind_text(stmt, ":digest", digest);
    ROLL_TRY(roll_sql_step(stmt, ret_there));
    *ret_whole = *ret_there && roll_sql_int_at(stmt, 0) != 0;
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *roll_object_there(struct roll_ledger *ledger, const char *digest,
                                     bool *ret_there)
{
    bool whole;

    return find(ledger, digest, ret_there, &whole);
}

bool roll_ledger_has_object(struct roll_ledger *ledger, const char *digest)
{
    bool there = false, whole = false;

    roll_error_free(find(ledger, digest, &there, &whole));
    return whole;
}

struct roll_error *roll_ledger_objects(struct roll_ledger *ledger, roll_digest_fn fn, void *user)
{
    g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);
    struct roll_sql_stmt *stmt;
    bool row;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_OBJECT_INDEXED, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        g_ptr_array_add(digests, g_strdup(roll_sql_text_at(stmt, 0)));
    }
    for (guint i = 0; i < digests->len; i++)
        if (roll_ledger_has_object(ledger, digests->pdata[i]))
            ROLL_TRY(fn(user, digests->pdata[i]));
    return NULL;
}

struct roll_error *roll_object_store(struct roll_ledger *ledger, const void *data, size_t size,
                                     char ret_digest[ROLL_HEX_SIZE])
{
    struct roll_sql_stmt *stmt;
    bool there, whole;

    if (size > ROLL_OBJECT_MAX)
        return roll_error_new(ROLL_E_LIMIT, "an object has %zu bytes, more than %u", size,
                              ROLL_OBJECT_MAX);
    roll_sha256_hex(data, size, ret_digest);
    ROLL_TRY(find(ledger, ret_digest, &there, &whole));
    if (there && !whole)
        return roll_error_new(ROLL_E_REFUSED,
                              "object %.12s was redacted, its content is not stored again",
                              ret_digest);
    if (there)
        return NULL;
    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_OBJECT_ADD, &stmt));
    roll_sql_bind_text(stmt, ":digest", ret_digest);
    roll_sql_bind_int(stmt, ":size", (int64_t)size);
    roll_sql_bind_blob(stmt, ":data", data, size);
    return roll_sql_run(stmt);
}

static struct roll_error *read_row(struct roll_sql_stmt *stmt, const char *digest,
                                   GString **ret_data)
{
    char found[ROLL_HEX_SIZE];
    const void *data;
    size_t size;
    bool row;

    ROLL_TRY(roll_sql_step(stmt, &row));
    if (!row)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no object %.12s", digest);
    if (roll_sql_null_at(stmt, 0))
        return roll_error_new(ROLL_E_NOT_FOUND, "object %.12s was redacted", digest);
    data = roll_sql_blob_at(stmt, 0, &size);
    roll_sha256_hex(data, size, found);
    if (!g_str_equal(found, digest))
        return roll_error_new(ROLL_E_DAMAGED,
                              "object %.12s is damaged: its content has the digest %.12s", digest,
                              found);
    *ret_data = g_string_new_len(data, (gssize)size);
    return NULL;
}

struct roll_error *roll_ledger_object(struct roll_ledger *ledger, const char *digest,
                                      GString **ret_data)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_OBJECT_GET, &stmt));
    roll_sql_bind_text(stmt, ":digest", digest);
    struct roll_error *err = read_row(stmt, digest, ret_data);
    roll_sql_reset(stmt);
    return err;
}

struct roll_error *roll_ledger_object_json(struct roll_ledger *ledger, const char *digest,
                                           json_t **ret_value)
{
    g_autoptr(GString) data = NULL;

    ROLL_TRY(roll_ledger_object(ledger, digest, &data));
    return roll_error_wrap(roll_json_parse(data->str, data->len, ROLL_JSON_STRICT, ret_value),
                           "object %.12s is not JSON", digest);
}

struct roll_error *roll_object_bury(struct roll_ledger *ledger, const char *digest)
{
    struct roll_sql_stmt *stmt;
    bool there;

    ROLL_TRY(roll_object_there(ledger, digest, &there));
    ROLL_TRY(roll_sql_use(ledger->sql,
                          there ? LEDGER_OBJECT_TOMBSTONE : LEDGER_OBJECT_ADD_TOMBSTONE, &stmt));
    roll_sql_bind_text(stmt, ":digest", digest);
    return roll_sql_run(stmt);
}

/* The write-ahead log still holds pages with the old bytes until it is cut to nothing, which
 * readers can prevent. */
struct roll_error *roll_ledger_truncate(struct roll_ledger *ledger)
{
    struct roll_sql_stmt *stmt;
    bool row, busy = true;

    ROLL_TRY(roll_sql_use(ledger->sql, LEDGER_CHECKPOINT, &stmt));
    ROLL_TRY(roll_sql_step(stmt, &row));
    busy = row && roll_sql_int_at(stmt, 0) != 0;
    roll_sql_reset(stmt);
    if (busy)
        return roll_error_new(
            ROLL_E_LOCKED,
            "another process is reading: the old bytes stay in '%s-wal' until it ends",
            ledger->path);
    return NULL;
}
