/* Opening a database: whose file it is, its log, and reading where nothing may be written. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sql_wall.h"

#define DEFAULT_BUSY_MS 5000
#define RETRY_US 5000UL

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
        return roll_error_new(roll_sql_code_of_system(errno, ROLL_E_IO), "cannot create '%s': %s",
                              path, g_strerror(errno));
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
        return roll_sql_error(sql, result, "opening");
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
    return result == SQLITE_OK ? NULL : roll_sql_error(sql, result, "opening");
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
    return roll_sql_exec(sql, "PRAGMA recursive_triggers=1; PRAGMA cell_size_check=1", "opening");
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
        result == SQLITE_ROW ? NULL : roll_sql_error(sql, result, "journal_mode=WAL");
    sqlite3_finalize(handle);
    if (!err && !enabled)
        return roll_error_new(ROLL_E_IO, "'%s': the file system cannot keep a write-ahead log",
                              sql->path);
    return err ? err : roll_sql_exec(sql, "PRAGMA synchronous=FULL", "synchronous=FULL");
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

void roll_sql_close(struct roll_sql *sql)
{
    if (!sql)
        return;
    for (int i = 0; i < sql->count; i++)
        roll_sql_finalize(&sql->stmts[i]);
    sqlite3_close(sql->db);
    g_free(sql->stmts);
    g_free(sql->path);
    g_free(sql);
}
