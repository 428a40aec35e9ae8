/* SQLite behind a small wall; no other file calls sqlite3_.
 *
 * A statement's text is fixed at build time, its parameters go by name, and every bind is checked:
 * a name that is not there and a parameter that was forgotten are errors of the next step, not a
 * NULL that lands in the ledger. */
#include "rollbook/sql.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_BUSY_MS 5000
#define RETRY_US 5000UL

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

static enum roll_code code_of_system(int errnum, enum roll_code otherwise)
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
        return code_of_system(sqlite3_system_errno(db), ROLL_E_IO);
    case SQLITE_IOERR:
        return sqlite3_system_errno(db) == ENOENT
                   ? ROLL_E_IO
                   : code_of_system(sqlite3_system_errno(db), ROLL_E_IO);
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

/* `what` names the statement or the act; a constraint's message is SQLite's alone, since callers
 * show it. */
ROLL_NEVER_NULL
static struct roll_error *sql_error(struct roll_sql *sql, int result, const char *what)
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
ROLL_NEVER_NULL
static struct roll_error *statement_error(struct roll_sql *sql, int result, const char *name)
{
    struct roll_error *err = sql_error(sql, result, name);

    if (result == SQLITE_ERROR)
        err->code = ROLL_E_DAMAGED;
    return err;
}

static struct roll_error *exec(struct roll_sql *sql, const char *text, const char *what)
{
    int result = sqlite3_exec(sql->db, text, NULL, NULL, NULL);

    return result == SQLITE_OK ? NULL : sql_error(sql, result, what);
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
        result == SQLITE_ROW || result == SQLITE_DONE ? NULL : sql_error(sql, result, text);
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

    return exec(sql, text, text);
}

static bool is_memory(const char *path)
{
    return g_str_equal(path, ":memory:");
}

/* SQLite would create 0644; its -wal and -shm copy the mode of the file. O_EXCL, because closing a
 * second descriptor of an open database drops the locks that this process holds on it. */
static struct roll_error *create_private(const char *path)
{
    int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);

    if (fd >= 0)
        close(fd);
    else if (errno != EEXIST)
        return roll_error_new(code_of_system(errno, ROLL_E_IO), "cannot create '%s': %s", path,
                              g_strerror(errno));
    return NULL;
}

static struct roll_error *connect_file(struct roll_sql *sql, const struct roll_sql_options *options)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (options->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);

    if (is_memory(options->path))
        flags |= SQLITE_OPEN_CREATE;
    else if (options->create && !options->read_only)
        ROLL_TRY(create_private(options->path));
    int result = sqlite3_open_v2(options->path, &sql->db, flags, NULL);
    if (result != SQLITE_OK)
        return sql_error(sql, result, "opening");
    /* SQLite goes on silently with what it may do. */
    if (!options->read_only && sqlite3_db_readonly(sql->db, "main") == 1)
        return roll_error_new(ROLL_E_READ_ONLY, "'%s' may not be written", options->path);
    return NULL;
}

/* A database in WAL mode wants to create its -shm, which a read-only folder refuses. Where there is
 * no -wal, all is in the file itself, and it can be read as what it is there: immutable. */
static struct roll_error *reconnect_immutable(struct roll_sql *sql,
                                              const struct roll_sql_options *options)
{
    g_autofree char *full = g_canonicalize_filename(options->path, NULL);
    g_autofree char *escaped = g_uri_escape_string(full, "/", FALSE);
    g_autofree char *uri = g_strconcat("file://", escaped, "?immutable=1", NULL);

    sqlite3_close_v2(sql->db);
    sql->db = NULL;
    int result = sqlite3_open_v2(
        uri, &sql->db,
        SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_READONLY | SQLITE_OPEN_URI, NULL);
    return result == SQLITE_OK ? NULL : sql_error(sql, result, "opening");
}

static bool has_wal(const char *path)
{
    g_autofree char *wal = g_strconcat(path, "-wal", NULL);
    struct stat status;

    return stat(wal, &status) == 0 && status.st_size > 0;
}

/* What needs no look at the file. */
static struct roll_error *configure(struct roll_sql *sql, const struct roll_sql_options *options)
{
    sqlite3_busy_timeout(sql->db,
                         options->busy_timeout_ms ? options->busy_timeout_ms : DEFAULT_BUSY_MS);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_ENABLE_FKEY, 1, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(sql->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    /* Without recursive_triggers INSERT OR REPLACE passes the triggers by that guard against
     * deletion. */
    return exec(sql, "PRAGMA recursive_triggers=1; PRAGMA cell_size_check=1", "opening");
}

/* The first look into the file: tells what is no database, and whose it is. An empty file is marked
 * as ours. */
static struct roll_error *check_identity(struct roll_sql *sql,
                                         const struct roll_sql_options *options)
{
    const int64_t wanted = (int32_t)options->application_id; /* SQLite's is signed */
    int64_t found = 0, pages = 0;

    ROLL_TRY(roll_sql_pragma_get(sql, "application_id", &found));
    if (wanted == 0 || found == wanted)
        return NULL;
    ROLL_TRY(roll_sql_pragma_get(sql, "page_count", &pages));
    if (pages == 0)
        return options->read_only ? NULL : roll_sql_pragma_set(sql, "application_id", wanted);
    /* Between the two looks another process may have made it ours: the mark is its first write. */
    ROLL_TRY(roll_sql_pragma_get(sql, "application_id", &found));
    if (found != wanted)
        return roll_error_new(ROLL_E_FOREIGN, "'%s' is a database of another application",
                              options->path);
    return NULL;
}

static struct roll_error *enable_wal(struct roll_sql *sql)
{
    sqlite3_stmt *handle = NULL;
    bool enabled = false;
    int result = sqlite3_prepare_v2(sql->db, "PRAGMA journal_mode=WAL", -1, &handle, NULL);

    if (result == SQLITE_OK && (result = sqlite3_step(handle)) == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(handle, 0);
        enabled = mode && (g_str_equal(mode, "wal") || g_str_equal(mode, "memory"));
    }
    struct roll_error *err =
        result == SQLITE_ROW ? NULL : sql_error(sql, result, "journal_mode=WAL");
    sqlite3_finalize(handle);
    if (!err && !enabled)
        return roll_error_new(ROLL_E_IO, "'%s': the file system cannot keep a write-ahead log",
                              sql->path);
    return err ? err : exec(sql, "PRAGMA synchronous=FULL", "synchronous=FULL");
}

static struct roll_error *prepare_file(struct roll_sql *sql, const struct roll_sql_options *options)
{
    ROLL_TRY(check_identity(sql, options));
    return options->wal && !options->read_only ? enable_wal(sql) : NULL;
}

/* Two processes that make the same file at once: the switch to WAL answers busy without asking the
 * busy handler. */
static struct roll_error *prepare_patiently(struct roll_sql *sql,
                                            const struct roll_sql_options *options)
{
    int patience_ms = options->busy_timeout_ms ? options->busy_timeout_ms : DEFAULT_BUSY_MS;
    gint64 until_us = g_get_monotonic_time() + (gint64)patience_ms * 1000;

    for (;;) {
        struct roll_error *err = prepare_file(sql, options);
        if (roll_error_code(err) != ROLL_E_LOCKED || g_get_monotonic_time() >= until_us)
            return err;
        roll_error_free(err);
        g_usleep(RETRY_US);
    }
}

static struct roll_error *open_all(struct roll_sql *sql, const struct roll_sql_options *options)
{
    ROLL_TRY(connect_file(sql, options));
    ROLL_TRY(configure(sql, options));
    struct roll_error *err = prepare_patiently(sql, options);
    /* The file was opened; what is not there is the -wal that may not be made. */
    if (roll_error_code(err) == ROLL_E_NOT_FOUND)
        err->code = ROLL_E_READ_ONLY;
    enum roll_code code = roll_error_code(err);
    if (!options->read_only || (code != ROLL_E_READ_ONLY && code != ROLL_E_IO) ||
        has_wal(options->path))
        return err;
    roll_error_free(err);
    ROLL_TRY(reconnect_immutable(sql, options));
    ROLL_TRY(configure(sql, options));
    return prepare_file(sql, options);
}

struct roll_error *roll_sql_open(const struct roll_sql_options *options, struct roll_sql **ret_sql)
{
    roll_auto(sql) struct roll_sql *sql = g_new0(struct roll_sql, 1);

    sql->path = g_strdup(options->path);
    sql->count = options->count;
    sql->stmts = g_new0(struct roll_sql_stmt, (gsize)options->count);
    for (int i = 0; i < options->count; i++)
        sql->stmts[i] = (struct roll_sql_stmt){.sql = sql, .text = &options->statements[i]};
    ROLL_TRY(open_all(sql, options));
    *ret_sql = g_steal_pointer(&sql);
    return NULL;
}

static void finalize(struct roll_sql_stmt *stmt)
{
    for (int i = 0; i < stmt->parameters; i++)
        g_free(stmt->slots[i].name);
    g_free(stmt->slots);
    sqlite3_finalize(stmt->handle);
    roll_error_free(stmt->pending);
}

void roll_sql_close(struct roll_sql *sql)
{
    if (!sql)
        return;
    for (int i = 0; i < sql->count; i++)
        finalize(&sql->stmts[i]);
    sqlite3_close(sql->db);
    g_free(sql->stmts);
    g_free(sql->path);
    g_free(sql);
}

struct roll_error *roll_sql_copy(struct roll_sql *from, struct roll_sql *to)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->db, "main", from->db, "main");
    int result;

    if (!backup)
        return sql_error(to, sqlite3_errcode(to->db), "copy");
    result = sqlite3_backup_step(backup, -1);
    if (sqlite3_backup_finish(backup) != SQLITE_OK || result != SQLITE_DONE)
        return sql_error(to, result, "copy");
    return NULL;
}

struct roll_error *roll_sql_script(struct roll_sql *sql, const char *script)
{
    return exec(sql, script, "script");
}

static struct roll_error *prepare(struct roll_sql *sql, const struct roll_sql_text *text,
                                  sqlite3_stmt **ret_handle)
{
    const char *rest = "";
    sqlite3_stmt *handle = NULL;
    int result =
        sqlite3_prepare_v3(sql->db, text->sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &rest);

    if (result != SQLITE_OK)
        return statement_error(sql, result, text->name);
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
            stmt->pending = sql_error(stmt->sql, result, stmt->text->name);
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
            err = statement_error(stmt->sql, result, stmt->text->name);
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

struct roll_error *roll_sql_begin(struct roll_sql *sql, bool write)
{
    g_assert(sqlite3_get_autocommit(sql->db));
    return exec(sql, write ? "BEGIN IMMEDIATE" : "BEGIN", "begin");
}

struct roll_error *roll_sql_commit(struct roll_sql *sql)
{
    if (sqlite3_get_autocommit(sql->db)) /* a full disk, for one, rolls back by itself */
        return roll_error_new(
            ROLL_E_IO, "'%s': the transaction was rolled back by an earlier error", sql->path);
    return exec(sql, "COMMIT", "commit");
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
    struct roll_error *err = result == SQLITE_DONE ? NULL : sql_error(sql, result, text->name);
    sqlite3_finalize(handle);
    if (!err)
        *ret_plan = g_steal_pointer(&plan);
    return err;
}
