/* SQLite behind a small wall; no file but these (sql*.c) calls sqlite3_.
 *
 * A statement's text is fixed at build time, its parameters go by name, and every bind is checked:
 * a name that is not there and a parameter that was forgotten are errors of the next step, not a
 * NULL that lands in the ledger. */
#include "rollbook/sql.h"

#include <string.h>

#include "base/sql_wall.h"

struct roll_error *roll_sql_exec(struct roll_sql *sql, const char *text, const char *what)
{
    int result = sqlite3_exec(sql->db, text, NULL, NULL, NULL);

    return result == SQLITE_OK ? NULL : roll_sql_error(sql, result, what);
}

/* The first column of the first row of a statement without parameters; 0 when there is no row. */
static struct roll_error *query_int(struct roll_sql *sql, const char *text, int64_t *ret_value)
{
    sqlite3_stmt *handle = NULL;
    int64_t value = 0;
    int result = sqlite3_prepare_v2(sql->db, text, -1, &handle, NULL);

    if (result == SQLITE_OK) {
        result = sqlite3_step(handle);
        if (result == SQLITE_ROW)
            value = sqlite3_column_int64(handle, 0);
    }
    struct roll_error *err =
        result == SQLITE_ROW || result == SQLITE_DONE ? NULL : roll_sql_error(sql, result, text);
    sqlite3_finalize(handle);
    if (!err)
        *ret_value = value;
    return err;
}

/* The name is a literal of the caller; values cannot be bound in a PRAGMA. */
static char *pragma_text(const char *pragma, const int64_t *value)
{
    g_assert(*pragma && pragma[strspn(pragma, "abcdefghijklmnopqrstuvwxyz_")] == '\0');
    return value ? g_strdup_printf("PRAGMA %s=%" G_GINT64_FORMAT, pragma, *value)
                 : g_strdup_printf("PRAGMA %s", pragma);
}

struct roll_error *roll_sql_pragma_get(struct roll_sql *sql, const char *pragma, int64_t *ret_value)
{
    g_autofree char *text = pragma_text(pragma, NULL);

    return query_int(sql, text, ret_value);
}

struct roll_error *roll_sql_pragma_set(struct roll_sql *sql, const char *pragma, int64_t value)
{
    g_autofree char *text = pragma_text(pragma, &value);

    return roll_sql_exec(sql, text, text);
}

struct roll_error *roll_sql_copy(struct roll_sql *from, struct roll_sql *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    int result;

    if (!backup)
        return roll_sql_error(to, sqlite3_errcode(to->db), "copy");
    result = sqlite3_backup_step(backup, -1);
    if (sqlite3_backup_finish(backup) != SQLITE_OK || result != SQLITE_DONE)
        return roll_sql_error(to, result, "copy");
    return NULL;
}

struct roll_error *roll_sql_script(struct roll_sql *sql, const char *script)
{
    return roll_sql_exec(sql, script, "script");
}

static struct roll_error *prepare(struct roll_sql *sql, const struct roll_sql_text *text,
                                  sqlite3_stmt **ret_handle)
{
    const char *rest = "";
    sqlite3_stmt *handle = NULL;
    int result =
        sqlite3_prepare_v3(sql->db, text->sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &rest);

    if (result != SQLITE_OK)
        return roll_sql_statement_error(sql, result, text->name);
    if (!handle || rest[strspn(rest, " \t\r\n")] != '\0') {
        sqlite3_finalize(handle);
        return roll_error_new(ROLL_E_INTERNAL, "'%s' is not exactly one statement", text->name);
    }
    *ret_handle = handle;
    return NULL;
}

struct roll_error *roll_sql_use(struct roll_sql *sql, int statement,
                                struct roll_sql_stmt **ret_stmt)
{
    g_assert(statement >= 0 && statement < sql->count);
    struct roll_sql_stmt *stmt = &sql->stmts[statement];

    if (stmt->handle) {
        roll_sql_reset(stmt);
    } else {
        ROLL_TRY(prepare(sql, stmt->text, &stmt->handle));
        stmt->parameters = sqlite3_bind_parameter_count(stmt->handle);
        stmt->slots = g_new0(struct bind_slot, (gsize)stmt->parameters);
    }
    *ret_stmt = stmt;
    return NULL;
}

void roll_sql_reset(struct roll_sql_stmt *stmt)
{
    sqlite3_reset(stmt->handle); /* repeats the error of the last step, which was returned then */
    stmt->stepping = false;
    stmt->binds = 0;
    stmt->bound = 0; /* borrowed texts may be gone: they must be bound again */
    g_clear_pointer(&stmt->pending, roll_error_free);
}

void roll_sql_finalize(struct roll_sql_stmt *stmt)
{
    for (int i = 0; i < stmt->parameters; i++)
        g_free(stmt->slots[i].name);
    g_free(stmt->slots);
    sqlite3_finalize(stmt->handle);
    roll_error_free(stmt->pending);
}

static struct roll_error *check_bound(struct roll_sql_stmt *stmt)
{
    int count = sqlite3_bind_parameter_count(stmt->handle);

    for (int index = 1; index <= MIN(count, 64); index++)
        if (!(stmt->bound >> (index - 1) & 1))
            return roll_error_new(ROLL_E_INTERNAL, "statement '%s': parameter '%s' is not bound",
                                  stmt->text->name,
                                  sqlite3_bind_parameter_name(stmt->handle, index));
    return NULL;
}

struct roll_error *roll_sql_step(struct roll_sql_stmt *stmt, bool *ret_row)
{
    struct roll_error *err = g_steal_pointer(&stmt->pending);

    if (!err && !stmt->stepping)
        err = check_bound(stmt);
    if (!err) {
        int result = sqlite3_step(stmt->handle);
        stmt->stepping = result == SQLITE_ROW;
        if (result == SQLITE_ROW || result == SQLITE_DONE)
            *ret_row = stmt->stepping;
        else
            err = roll_sql_statement_error(stmt->sql, result, stmt->text->name);
    }
    if (!stmt->stepping || err)
        roll_sql_reset(stmt);
    return err;
}

struct roll_error *roll_sql_run(struct roll_sql_stmt *stmt)
{
    bool row = false;

    do
        ROLL_TRY(roll_sql_step(stmt, &row));
    while (row);
    return NULL;
}

struct roll_error *roll_sql_each(struct roll_sql_stmt *stmt,
                                 struct roll_error *(*fn)(void *user, struct roll_sql_stmt *stmt),
                                 void *user)
{
    struct roll_error *err = NULL;
    bool row = false;

    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        err = fn(user, stmt);
        if (err)
            break;
    }
    roll_sql_reset(stmt);
    return err;
}

struct roll_error *roll_sql_begin(struct roll_sql *sql, bool write)
{
    g_assert(sqlite3_get_autocommit(sql->db));
    return roll_sql_exec(sql, write ? "BEGIN IMMEDIATE" : "BEGIN", "begin");
}

struct roll_error *roll_sql_commit(struct roll_sql *sql)
{
    if (sqlite3_get_autocommit(sql->db)) /* a full disk, for one, rolls back by itself */
        return roll_error_new(
            ROLL_E_IO, "'%s': the transaction was rolled back by an earlier error", sql->path);
    return roll_sql_exec(sql, "COMMIT", "commit");
}

void roll_sql_rollback(struct roll_sql *sql)
{
    if (!sqlite3_get_autocommit(sql->db))
        sqlite3_exec(sql->db, "ROLLBACK", NULL, NULL, NULL);
}

struct roll_error *roll_sql_explain(struct roll_sql *sql, int statement, GString **ret_plan)
{
    g_assert(statement >= 0 && statement < sql->count);
    const struct roll_sql_text *text = &sql->stmts[statement].text[0];
    g_autofree char *query = g_strconcat("EXPLAIN QUERY PLAN ", text->sql, NULL);
    const struct roll_sql_text explain = {text->name, query};
    sqlite3_stmt *handle = NULL;
    int result;

    ROLL_TRY(prepare(sql, &explain, &handle));
    g_autoptr(GString) plan = g_string_new(NULL);
    while ((result = sqlite3_step(handle)) == SQLITE_ROW)
        g_string_append_printf(plan, "%s\n", (const char *)sqlite3_column_text(handle, 3));
    struct roll_error *err = result == SQLITE_DONE ? NULL : roll_sql_error(sql, result, text->name);
    sqlite3_finalize(handle);
    if (!err)
        *ret_plan = g_steal_pointer(&plan);
    return err;
}
