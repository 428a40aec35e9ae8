/* What the wall around SQLite is made of, shared by its files: statements (sql.c), opening
 * (sql_open.c), values (sql_values.c), codes and messages (sql_error.c). */
#ifndef ROLL_BASE_SQL_WALL_H
#define ROLL_BASE_SQL_WALL_H

#include <sqlite3.h>

#include "rollbook/sql.h"

/* The parameter that the n-th bind since the last reset named. */
struct bind_slot {
    char *name; /* owned, since SQLite's copy goes when it prepares again; NULL: not known yet */
    int index;
};

struct roll_sql_stmt {
    struct roll_sql *sql;
    const struct roll_sql_text *text;
    sqlite3_stmt *handle;       /* NULL until its first use */
    struct roll_error *pending; /* the first bind that failed */
    uint64_t bound;             /* a bit for each of the first 64 parameters */
    bool stepping;
    struct bind_slot *slots; /* as many as there are parameters */
    int parameters, binds;
};

struct roll_sql {
    sqlite3 *db;
    char *path;
    struct roll_sql_stmt *stmts;
    int count;
};

/* The code for an errno; `otherwise` where none says more. */
enum roll_code roll_sql_code_of_system(int errnum, enum roll_code otherwise);

/* What SQLite says of its last result. `what` names the statement or the act; a constraint's
 * message is SQLite's alone, since callers show it. */
ROLL_NEVER_NULL
struct roll_error *roll_sql_error(struct roll_sql *sql, int result, const char *what);

/* The same for a statement of the program. */
ROLL_NEVER_NULL
struct roll_error *roll_sql_statement_error(struct roll_sql *sql, int result, const char *name);

/* Runs a text without parameters; `what` as for roll_sql_error. */
struct roll_error *roll_sql_exec(struct roll_sql *sql, const char *text, const char *what);

/* Ends what the statement holds; the statement itself belongs to its database. */
void roll_sql_finalize(struct roll_sql_stmt *stmt);

#endif
