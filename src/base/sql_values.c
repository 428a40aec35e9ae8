/* Values into a statement and out of it: parameters go by name, and every bind is checked. */
#include <string.h>

#include "base/sql_wall.h"

/* 0 and a pending error when the statement has no such parameter. */
static int find_parameter(struct roll_sql_stmt *stmt, const char *name)
{
    int index = sqlite3_bind_parameter_index(stmt->handle, name);

    if (index == 0 && !stmt->pending)
        stmt->pending = roll_error_new(ROLL_E_INTERNAL, "statement '%s' has no parameter '%s'",
                                       stmt->text->name, name);
    return index;
}

/* SQLite looks a name up in a list, which was a tenth of a group commit; a caller binds in the same
 * order each time, so that the last use tells where to look first. */
static int index_of(struct roll_sql_stmt *stmt, const char *name)
{
    struct bind_slot *slot = stmt->binds < stmt->parameters ? &stmt->slots[stmt->binds++] : NULL;

    if (slot && slot->name && strcmp(slot->name, name) == 0)
        return slot->index;
    int index = find_parameter(stmt, name);
    if (slot && index > 0) {
        g_free(slot->name);
        *slot = (struct bind_slot){g_strdup(name), index};
    }
    return index;
}

static void note_bind(struct roll_sql_stmt *stmt, int index, int result)
{
    if (result != SQLITE_OK) {
        if (!stmt->pending)
            stmt->pending = roll_sql_error(stmt->sql, result, stmt->text->name);
    } else if (index <= 64) {
        stmt->bound |= UINT64_C(1) << (index - 1);
    }
}

void roll_sql_bind_text(struct roll_sql_stmt *stmt, const char *name, const char *text)
{
    int index = index_of(stmt, name);

    if (index > 0)
        note_bind(stmt, index, sqlite3_bind_text(stmt->handle, index, text, -1, SQLITE_STATIC));
}

void roll_sql_bind_blob(struct roll_sql_stmt *stmt, const char *name, const void *data, size_t size)
{
    int index = index_of(stmt, name);

    if (index > 0) /* a NULL pointer would bind NULL: an empty blob is a value */
        note_bind(stmt, index,
                  sqlite3_bind_blob64(stmt->handle, index, size ? data : "", size, SQLITE_STATIC));
}

void roll_sql_bind_int(struct roll_sql_stmt *stmt, const char *name, int64_t value)
{
    int index = index_of(stmt, name);

    if (index > 0)
        note_bind(stmt, index, sqlite3_bind_int64(stmt->handle, index, value));
}

void roll_sql_bind_null(struct roll_sql_stmt *stmt, const char *name)
{
    int index = index_of(stmt, name);

    if (index > 0)
        note_bind(stmt, index, sqlite3_bind_null(stmt->handle, index));
}

const char *roll_sql_text_at(struct roll_sql_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt->handle, column);
}

const void *roll_sql_blob_at(struct roll_sql_stmt *stmt, int column, size_t *ret_size)
{
    const void *data = sqlite3_column_blob(stmt->handle, column);

    *ret_size = (size_t)sqlite3_column_bytes(stmt->handle, column);
    return data;
}

int64_t roll_sql_int_at(struct roll_sql_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt->handle, column);
}

bool roll_sql_null_at(struct roll_sql_stmt *stmt, int column)
{
    return sqlite3_column_type(stmt->handle, column) == SQLITE_NULL;
}
