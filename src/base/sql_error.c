/* SQLite's results as errors of ours. */
#include <errno.h>

#include "base/sql_wall.h"

enum roll_code roll_sql_code_of_system(int errnum, enum roll_code otherwise)
{
    switch (errnum) {
    case ENOENT:
        return ROLL_E_NOT_FOUND;
    case ENOSPC:
    case EDQUOT:
        return ROLL_E_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return ROLL_E_READ_ONLY;
    default:
        return otherwise;
    }
}

static enum roll_code code_of(sqlite3 *db, int result)
{
    switch (result & 0xFF) {
    case SQLITE_FULL:
        return ROLL_E_NO_SPACE;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ROLL_E_READ_ONLY;
    case SQLITE_CANTOPEN:
        return roll_sql_code_of_system(sqlite3_system_errno(db), ROLL_E_IO);
    case SQLITE_IOERR:
        return sqlite3_system_errno(db) == ENOENT
                   ? ROLL_E_IO
                   : roll_sql_code_of_system(sqlite3_system_errno(db), ROLL_E_IO);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return ROLL_E_LOCKED;
    case SQLITE_NOTADB:
        return ROLL_E_FOREIGN;
    case SQLITE_CORRUPT:
        return ROLL_E_DAMAGED;
    case SQLITE_CONSTRAINT:
        return ROLL_E_CONFLICT;
    case SQLITE_TOOBIG:
        return ROLL_E_LIMIT;
    default:
        return ROLL_E_INTERNAL;
    }
}

struct roll_error *roll_sql_error(struct roll_sql *sql, int result, const char *what)
{
    enum roll_code code = code_of(sql->db, result);

    if (code == ROLL_E_CONFLICT)
        return roll_error_new(code, "%s", sqlite3_errmsg(sql->db));
    if (sqlite3_system_errno(sql->db) != 0 && (result & 0xFF) == SQLITE_IOERR)
        return roll_error_new(code, "'%s': %s: %s", sql->path, sqlite3_errmsg(sql->db),
                              g_strerror(sqlite3_system_errno(sql->db)));
    return roll_error_new(code, "'%s': %s (%s)", sql->path, sqlite3_errmsg(sql->db), what);
}

/* Statements are fixed, and a test prepares each of them: what one does not find, or cannot read,
 * is so in the file. */
struct roll_error *roll_sql_statement_error(struct roll_sql *sql, int result, const char *name)
{
    struct roll_error *err = roll_sql_error(sql, result, name);

    if (result == SQLITE_ERROR)
        err->code = ROLL_E_DAMAGED;
    return err;
}
