/* SQLite behind a small wall: src/base/sql.c is the only file that calls sqlite3_.
 *
 * Statements live in state/NAME.sql and arrive as an array of named texts (see scripts/cmake/sql_to_c.cmake). They are
 * prepared at first use, cached, and reset by the wrapper. A statement is used as: roll_sql_use, bind by name, then
 * roll_sql_run, roll_sql_each or a loop over roll_sql_step. Errors of bind, and a parameter that was not bound (both ROLL_E_INTERNAL),
 * are returned by the next step or run; after a reset all parameters are bound anew. */
#ifndef ROLLBOOK_SQL_H
#define ROLLBOOK_SQL_H

#include <glib.h>

#include "rollbook/error.h"

struct roll_sql_text {
    const char *name;
    const char *sql;
};

struct roll_sql;      /* a connection with its statements */
struct roll_sql_stmt; /* borrowed from the connection; valid until the next use of the same statement */

struct roll_sql_options {
    const char *path; /* ":memory:" for a private one */
    const struct roll_sql_text *statements;
    int count;
    bool read_only;
    bool create;
    int busy_timeout_ms;     /* 0: 5000 */
    uint32_t application_id; /* refused with ROLL_E_FOREIGN when a non-empty file has another one; an empty
                                file that is opened for writing gets it. 0: not looked at */
    bool wal;                /* journal_mode=WAL and synchronous=FULL */
};

/* Opens with foreign_keys, recursive_triggers, trusted_schema=OFF, cell_size_check. A file that is created gets mode
 * 0600. Reading works in a folder that cannot be written, too, unless a crashed writer's log is left there. Errors:
 * ROLL_E_NOT_FOUND (no file, no create), IO, NO_SPACE, READ_ONLY, LOCKED, FOREIGN (not SQLite, or another application),
 * DAMAGED (malformed). */
struct roll_error *roll_sql_open(const struct roll_sql_options *options, struct roll_sql **ret_sql) ROLL_CHECKED;
void roll_sql_close(struct roll_sql *sql);
ROLL_AUTO_DEFINE(sql, struct roll_sql, roll_sql_close)

/* Copies the whole database, as it is now, over what another connection holds. */
struct roll_error *roll_sql_copy(struct roll_sql *from, struct roll_sql *to) ROLL_CHECKED;

/* Several statements at once, as in a schema; not for values. */
struct roll_error *roll_sql_script(struct roll_sql *sql, const char *script) ROLL_CHECKED;

/* The statement with this index into the array that the database was opened with, ready to be bound; it belongs to sql. */
struct roll_error *roll_sql_use(struct roll_sql *sql, int statement, struct roll_sql_stmt **ret_stmt) ROLL_CHECKED;

/* Parameters by name, `:stream`. Text and blobs are borrowed until the statement is stepped to its end or reset. */
void roll_sql_bind_text(struct roll_sql_stmt *stmt, const char *name, const char *text); /* NULL binds NULL */
void roll_sql_bind_blob(struct roll_sql_stmt *stmt, const char *name, const void *data, size_t size);
void roll_sql_bind_int(struct roll_sql_stmt *stmt, const char *name, int64_t value);
void roll_sql_bind_null(struct roll_sql_stmt *stmt, const char *name);

/* One row at a time; *ret_row is false at the end, which also resets. ROLL_E_CONFLICT: a UNIQUE or PRIMARY KEY or
 * trigger constraint refused (message: SQLite's). */
struct roll_error *roll_sql_step(struct roll_sql_stmt *stmt, bool *ret_row) ROLL_CHECKED;
/* Steps to the end, ignoring rows. */
struct roll_error *roll_sql_run(struct roll_sql_stmt *stmt) ROLL_CHECKED;
/* Hands each row to fn, which reads its columns, until fn returns an error: that is returned. fn may use other statements,
 * not this one. */
struct roll_error *roll_sql_each(struct roll_sql_stmt *stmt,
                                 struct roll_error *(*fn)(void *user, struct roll_sql_stmt *stmt), void *user) ROLL_CHECKED;
/* Needed only when a loop over roll_sql_step is left early. */
void roll_sql_reset(struct roll_sql_stmt *stmt);

/* Columns by position, valid until the next step. */
const char *roll_sql_text_at(struct roll_sql_stmt *stmt, int column); /* NULL for NULL */
const void *roll_sql_blob_at(struct roll_sql_stmt *stmt, int column, size_t *ret_size);
int64_t roll_sql_int_at(struct roll_sql_stmt *stmt, int column);
bool roll_sql_null_at(struct roll_sql_stmt *stmt, int column);

/* BEGIN IMMEDIATE for writes, BEGIN for a consistent read. Nested begins are refused by assertion. A full disk rolls
 * back by itself; commit then says so (ROLL_E_IO). */
struct roll_error *roll_sql_begin(struct roll_sql *sql, bool write) ROLL_CHECKED;
struct roll_error *roll_sql_commit(struct roll_sql *sql) ROLL_CHECKED;
void roll_sql_rollback(struct roll_sql *sql); /* does nothing outside a transaction */

/* PRAGMA with an integer value (user_version, data_version, …); the name is a literal of the caller. */
struct roll_error *roll_sql_pragma_get(struct roll_sql *sql, const char *pragma, int64_t *ret_value) ROLL_CHECKED;
struct roll_error *roll_sql_pragma_set(struct roll_sql *sql, const char *pragma, int64_t value) ROLL_CHECKED;

/* For the test that prepares every statement: the query plan's text, or the error of preparing. */
struct roll_error *roll_sql_explain(struct roll_sql *sql, int statement, GString **ret_plan) ROLL_CHECKED;

#endif
