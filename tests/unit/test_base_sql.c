/* The wall before SQLite: binds, transactions, error codes, and opening in all the ways that can
 * fail. */
#include <check.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/sql.h"
#include "suite_tools.h"

#define APPLICATION 0x726F6C6Cu
#define NOBODY 65534

enum { INSERT, SELECT, COUNT, ALL, BROKEN, TWO, FORGOTTEN, STATEMENTS };

static const struct roll_sql_text texts[STATEMENTS] = {
    [INSERT] = {"insert", "INSERT INTO t(k, v, b) VALUES (:k, :v, :b)"},
    [SELECT] = {"select", "SELECT k, v, b FROM t WHERE k = :k;\n"},
    [COUNT] = {"count", "SELECT count(*) FROM t"},
    [ALL] = {"all", "SELECT k FROM t ORDER BY k"},
    [BROKEN] = {"broken", "SELECT nothing FROM nowhere"},
    [TWO] = {"two", "SELECT 1; SELECT 2"},
    [FORGOTTEN] = {"forgotten", "SELECT :a, :b"},
};

static char *folder;
static char *file;

static void make_folder(void)
{
    folder = g_dir_make_tmp("roll-sql-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    file = g_build_filename(folder, "x?y%#.db", NULL);
}

static void remove_folder(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};

    ck_assert_int_eq(seteuid(getuid()), 0); /* a test may have stopped being root */
    prctl(PR_SET_DUMPABLE, 1);              /* which the leak checker needs */
    g_chmod(folder, 0700);
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        g_autofree char *path = g_strconcat(file, suffixes[i], NULL);
        g_unlink(path);
    }
    ck_assert_int_eq(g_rmdir(folder), 0);
    g_free(folder);
    g_free(file);
    ck_assert_int_eq(roll_error_live(), 0);
}

static struct roll_sql_options options_of(const char *path)
{
    return (struct roll_sql_options){.path = path,
                                     .statements = texts,
                                     .count = STATEMENTS,
                                     .create = true,
                                     .wal = true,
                                     .busy_timeout_ms = 20,
                                     .application_id = APPLICATION};
}

static void ok(struct roll_error *err)
{
    roll_auto(error) struct roll_error *owned = err;

    ck_assert_msg(!err, "%s", err ? err->message : "");
}

static void fails(struct roll_error *err, enum roll_code code)
{
    roll_auto(error) struct roll_error *owned = err;

    ck_assert_msg(roll_error_code(err) == code, "%d: %s", roll_error_code(err),
                  err ? err->message : "no error");
}

static struct roll_sql *opened(const struct roll_sql_options *options)
{
    struct roll_sql *sql = NULL;

    ok(roll_sql_open(options, &sql));
    return sql;
}

static void open_fails(const struct roll_sql_options *options, enum roll_code code)
{
    struct roll_sql *sql = NULL;

    fails(roll_sql_open(options, &sql), code);
    ck_assert_ptr_null(sql);
}

static struct roll_sql_stmt *use(struct roll_sql *sql, int statement)
{
    struct roll_sql_stmt *stmt = NULL;

    ok(roll_sql_use(sql, statement, &stmt));
    return stmt;
}

static struct roll_error *insert(struct roll_sql *sql, int64_t k, const char *v)
{
    struct roll_sql_stmt *stmt = use(sql, INSERT);

    roll_sql_bind_int(stmt, ":k", k);
    roll_sql_bind_text(stmt, ":v", v);
    roll_sql_bind_null(stmt, ":b");
    return roll_sql_run(stmt);
}

static int64_t count(struct roll_sql *sql)
{
    struct roll_sql_stmt *stmt = use(sql, COUNT);
    bool row = false;

    ok(roll_sql_step(stmt, &row));
    ck_assert(row);
    int64_t value = roll_sql_int_at(stmt, 0);
    roll_sql_reset(stmt);
    return value;
}

static struct roll_sql *with_table(const char *path)
{
    const struct roll_sql_options options = options_of(path);
    struct roll_sql *sql = opened(&options);

    ok(roll_sql_script(sql, "CREATE TABLE t(k INTEGER PRIMARY KEY, v TEXT, b BLOB);"
                            "CREATE TRIGGER t_no BEFORE INSERT ON t WHEN NEW.v = 'no'"
                            " BEGIN SELECT RAISE(ABORT, 'rows of t are never no'); END;"));
    return sql;
}

START_TEST(test_sql__binds_and_columns)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");
    struct roll_sql_stmt *stmt = use(sql, INSERT);
    bool row = false;
    size_t size = 1;

    roll_sql_bind_int(stmt, ":k", INT64_MAX);
    roll_sql_bind_text(stmt, ":v",
                       "gr\xC3\xBC\xC3\x9F"
                       "e");
    roll_sql_bind_blob(stmt, ":b", "a\0b", 3);
    ok(roll_sql_run(stmt));
    roll_sql_bind_int(stmt, ":k", 2); /* run has reset: the statement takes the next values */
    roll_sql_bind_text(stmt, ":v", NULL);
    roll_sql_bind_blob(stmt, ":b", NULL, 0);
    ok(roll_sql_run(stmt));

    stmt = use(sql, SELECT);
    roll_sql_bind_int(stmt, ":k", INT64_MAX);
    ok(roll_sql_step(stmt, &row));
    ck_assert(row);
    ck_assert_int_eq(roll_sql_int_at(stmt, 0), INT64_MAX);
    ck_assert_str_eq(roll_sql_text_at(stmt, 1), "gr\xC3\xBC\xC3\x9F"
                                                "e");
    ck_assert_mem_eq(roll_sql_blob_at(stmt, 2, &size), "a\0b", 3);
    ck_assert_uint_eq(size, 3);
    ok(roll_sql_step(stmt, &row));
    ck_assert(!row);

    roll_sql_bind_int(stmt, ":k", 2);
    ok(roll_sql_step(stmt, &row));
    ck_assert(row);
    ck_assert_ptr_null(roll_sql_text_at(stmt, 1));
    ck_assert(roll_sql_null_at(stmt, 1));
    ck_assert(!roll_sql_null_at(stmt, 2)); /* an empty blob is no NULL */
    roll_sql_blob_at(stmt, 2, &size);
    ck_assert_uint_eq(size, 0);
}
END_TEST

struct seen {
    int64_t sum, stop_at;
};

static struct roll_error *see(void *user, struct roll_sql_stmt *stmt)
{
    struct seen *seen = user;
    int64_t k = roll_sql_int_at(stmt, 0);

    seen->sum += k;
    return k == seen->stop_at ? roll_error_new(ROLL_E_NOT_FOUND, "enough") : NULL;
}

START_TEST(test_sql__each_row_until_an_error)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");
    struct seen some = {.stop_at = 2}, all = {0}, none = {0};

    ok(roll_sql_each(use(sql, ALL), see, &none));
    ck_assert_int_eq(none.sum, 0);
    for (int64_t k = 1; k <= 4; k++)
        ok(insert(sql, k, "v"));
    fails(roll_sql_each(use(sql, ALL), see, &some), ROLL_E_NOT_FOUND);
    ck_assert_int_eq(some.sum, 3);
    ok(roll_sql_each(use(sql, ALL), see, &all)); /* from the first row again */
    ck_assert_int_eq(all.sum, 10);
}
END_TEST

START_TEST(test_sql__wrong_and_forgotten_binds_are_errors)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");
    struct roll_sql_stmt *stmt = use(sql, SELECT);
    bool row = true;

    roll_sql_bind_int(stmt, ":k", 1);
    roll_sql_bind_int(stmt, ":typo", 1);
    fails(roll_sql_step(stmt, &row), ROLL_E_INTERNAL);
    ck_assert(row); /* untouched */
    stmt = use(sql, FORGOTTEN);
    roll_sql_bind_int(stmt, ":a", 1);
    fails(roll_sql_run(stmt), ROLL_E_INTERNAL);
    roll_sql_bind_int(stmt, ":a", 1);
    roll_sql_bind_int(stmt, ":b", 1);
    ok(roll_sql_run(stmt));
    fails(roll_sql_run(stmt), ROLL_E_INTERNAL); /* what was bound is gone after the run */
    roll_sql_bind_int(stmt, ":typo", 1);        /* never stepped: freed with the connection */
}
END_TEST

START_TEST(test_sql__statements_are_checked_when_prepared)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");
    struct roll_sql_stmt *stmt = NULL;
    g_autoptr(GString) plan = NULL;

    fails(roll_sql_use(sql, BROKEN, &stmt), ROLL_E_DAMAGED);
    fails(roll_sql_use(sql, TWO, &stmt), ROLL_E_INTERNAL);
    fails(roll_sql_explain(sql, BROKEN, &plan), ROLL_E_DAMAGED);
    ck_assert_ptr_null(stmt);
    ck_assert_ptr_null(plan);
    ok(roll_sql_explain(sql, SELECT, &plan));
    ck_assert_str_eq(plan->str, "SEARCH t USING INTEGER PRIMARY KEY (rowid=?)\n");
    g_autoptr(GString) scan = NULL;
    ok(roll_sql_explain(sql, ALL, &scan));
    ck_assert_str_eq(scan->str, "SCAN t\n");
}
END_TEST

START_TEST(test_sql__constraints_and_triggers_are_conflicts)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");

    ok(insert(sql, 1, "a"));
    roll_auto(error) struct roll_error *doubled = insert(sql, 1, "b");
    ck_assert_int_eq(roll_error_code(doubled), ROLL_E_CONFLICT);
    ck_assert_str_eq(doubled->message, "UNIQUE constraint failed: t.k");
    roll_auto(error) struct roll_error *refused = insert(sql, 2, "no");
    ck_assert_int_eq(roll_error_code(refused), ROLL_E_CONFLICT);
    ck_assert_str_eq(refused->message, "rows of t are never no");
    ck_assert_int_eq(count(sql), 1);
}
END_TEST

START_TEST(test_sql__guards_are_on)
{
    roll_auto(sql) struct roll_sql *sql = with_table(file);
    static const struct {
        const char *pragma;
        int64_t value;
    } wanted[] = {{"recursive_triggers", 1},      {"foreign_keys", 1},
                  {"trusted_schema", 0},          {"synchronous", 2},
                  {"busy_timeout", 20},           {"cell_size_check", 1},
                  {"application_id", APPLICATION}};
    int64_t value = -1;

    for (size_t i = 0; i < G_N_ELEMENTS(wanted); i++) {
        ok(roll_sql_pragma_get(sql, wanted[i].pragma, &value));
        ck_assert_msg(value == wanted[i].value, "%s=%d", wanted[i].pragma, (int)value);
    }
    ok(roll_sql_pragma_set(sql, "user_version", -7));
    ok(roll_sql_pragma_get(sql, "user_version", &value));
    ck_assert_int_eq(value, -7);
    /* INSERT OR REPLACE deletes: without recursive_triggers this would pass the trigger by. */
    ok(roll_sql_script(sql, "CREATE TRIGGER t_keep BEFORE DELETE ON t"
                            " BEGIN SELECT RAISE(ABORT, 'rows of t stay'); END"));
    ok(insert(sql, 1, "a"));
    fails(roll_sql_script(sql, "INSERT OR REPLACE INTO t(k) VALUES (1)"), ROLL_E_CONFLICT);
}
END_TEST

START_TEST(test_sql__files_are_private_and_in_wal_mode)
{
    roll_auto(sql) struct roll_sql *sql = with_table(file);
    g_autofree char *wal = g_strconcat(file, "-wal", NULL);
    GStatBuf status;

    ck_assert_int_eq(g_stat(file, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(g_stat(wal, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
}
END_TEST

START_TEST(test_sql__transactions)
{
    roll_auto(sql) struct roll_sql *sql = with_table(file);
    const struct roll_sql_options options = options_of(file);
    roll_auto(sql) struct roll_sql *other = opened(&options);

    ok(roll_sql_begin(sql, true));
    ok(insert(sql, 1, "a"));
    ck_assert_int_eq(count(other), 0);
    fails(roll_sql_begin(other, true), ROLL_E_LOCKED);
    roll_sql_rollback(sql);
    roll_sql_rollback(sql); /* nothing to do */
    ck_assert_int_eq(count(sql), 0);

    ok(roll_sql_begin(other, false));
    ck_assert_int_eq(count(other), 0);
    ok(roll_sql_begin(sql, true));
    ok(insert(sql, 1, "a"));
    ok(roll_sql_commit(sql));
    ck_assert_int_eq(count(other), 0); /* a consistent read */
    ok(roll_sql_commit(other));
    ck_assert_int_eq(count(other), 1);
    fails(roll_sql_commit(other), ROLL_E_IO); /* there is none */
}
END_TEST

START_TEST(test_sql__a_nested_begin_aborts)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");

    ok(roll_sql_begin(sql, false));
    roll_auto(error) struct roll_error *never = roll_sql_begin(sql, false);
}
END_TEST

START_TEST(test_sql__opening_tells_what_is_wrong)
{
    struct roll_sql_options options = options_of(file);
    const struct roll_sql_options create = options;

    options.create = false;
    open_fails(&options, ROLL_E_NOT_FOUND);
    ck_assert(!g_file_test(file, G_FILE_TEST_EXISTS));
    options.read_only = true;
    open_fails(&options, ROLL_E_NOT_FOUND);

    g_autofree char *nowhere = g_build_filename(folder, "none", "x.db", NULL);
    options = options_of(nowhere);
    open_fails(&options, ROLL_E_NOT_FOUND);

    g_autofree char *text = g_strnfill(4096, 'x');
    ck_assert(g_file_set_contents(file, text, -1, NULL));
    open_fails(&create, ROLL_E_FOREIGN);
    ck_assert_int_eq(g_unlink(file), 0);

    options = create;
    options.application_id = 1;
    roll_sql_close(opened(&options));
    open_fails(&create, ROLL_E_FOREIGN);
}
END_TEST

START_TEST(test_sql__a_malformed_file_is_damaged)
{
    struct roll_sql_options options = options_of(file);
    struct roll_sql *sql = with_table(file);

    ok(roll_sql_begin(sql, true)); /* one write to the disk, not two thousand */
    for (int i = 0; i < 2000; i++)
        ok(insert(sql, i, "some text that fills pages"));
    ok(roll_sql_commit(sql));
    roll_sql_close(sql);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    g_autofree char *junk = g_strnfill(4096, '\xA5');
    for (int page = 1; page < 8; page++) /* all but the first, which says what the file is */
        ck_assert_int_eq(pwrite(fd, junk, 4096, page * 4096), 4096);
    close(fd);

    roll_auto(sql) struct roll_sql *damaged = opened(&options);
    fails(roll_sql_run(use(damaged, ALL)), ROLL_E_DAMAGED);
}
END_TEST

/* Permissions do not stop root: the test goes on as somebody who owns nothing else. */
static void stop_being_root(void)
{
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(chown(folder, NOBODY, NOBODY), 0);
    ck_assert_int_eq(setegid(NOBODY), 0);
    ck_assert_int_eq(seteuid(NOBODY), 0);
}

START_TEST(test_sql__reading_needs_no_writable_folder)
{
    struct roll_sql_options options = options_of(file);

    stop_being_root();
    struct roll_sql *sql = with_table(file);
    ok(insert(sql, 1, "a"));
    roll_sql_close(sql);
    g_chmod(file, 0400);
    g_chmod(folder, 0500);
    open_fails(&options, ROLL_E_READ_ONLY);
    g_chmod(file, 0600);
    open_fails(&options, ROLL_E_READ_ONLY);
    options.read_only = true;
    roll_auto(sql) struct roll_sql *reader = opened(&options);
    ck_assert_int_eq(count(reader), 1);
    fails(insert(reader, 2, "b"), ROLL_E_READ_ONLY);
}
END_TEST

/* SQLite would open it for reading only, and say nothing until the first write. */
START_TEST(test_sql__a_file_that_may_not_be_written_is_refused_at_once)
{
    struct roll_sql_options options = options_of(file);

    stop_being_root();
    options.wal = false;
    roll_sql_close(opened(&options));
    g_chmod(file, 0400);
    open_fails(&options, ROLL_E_READ_ONLY);
}
END_TEST

/* A size limit stops writes as a full disk does, without needing one. */
START_TEST(test_sql__a_file_that_cannot_grow_is_an_error_and_keeps_what_was)
{
    roll_auto(sql) struct roll_sql *sql = with_table(":memory:");
    int64_t pages = 0;

    ok(roll_sql_pragma_get(sql, "page_count", &pages));
    ok(roll_sql_pragma_set(sql, "max_page_count", pages + 2));
    g_autofree char *text = g_strnfill(20000, 'x');
    fails(insert(sql, 1, text), ROLL_E_NO_SPACE);
    ck_assert_int_eq(count(sql), 0);
    ok(insert(sql, 1, "small"));
}
END_TEST

START_TEST(test_sql__processes_may_create_the_same_file_at_once)
{
    enum { CHILDREN = 6 };
    pid_t children[CHILDREN];
    struct roll_sql_options options = options_of(file);

    options.busy_timeout_ms = 10000;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0) {
            struct roll_sql *sql = NULL;
            struct roll_error *err = roll_sql_open(&options, &sql);
            if (!err)
                err = roll_sql_script(sql, "CREATE TABLE IF NOT EXISTS t(k INTEGER PRIMARY KEY, v "
                                           "TEXT, b BLOB); INSERT INTO t(v) VALUES ('x')");
            _exit(roll_error_code(err));
        }
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert_int_eq(status, 0);
    }
    roll_auto(sql) struct roll_sql *sql = opened(&options);
    ck_assert_int_eq(count(sql), CHILDREN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sql");
    TCase *tcase = tcase_create("sql");

    tcase_add_checked_fixture(tcase, make_folder, remove_folder);
    tcase_add_test(tcase, test_sql__binds_and_columns);
    tcase_add_test(tcase, test_sql__each_row_until_an_error);
    tcase_add_test(tcase, test_sql__wrong_and_forgotten_binds_are_errors);
    tcase_add_test(tcase, test_sql__statements_are_checked_when_prepared);
    tcase_add_test(tcase, test_sql__constraints_and_triggers_are_conflicts);
    tcase_add_test(tcase, test_sql__guards_are_on);
    tcase_add_test(tcase, test_sql__files_are_private_and_in_wal_mode);
    tcase_add_test(tcase, test_sql__transactions);
    tcase_add_test(tcase, test_sql__opening_tells_what_is_wrong);
    tcase_add_test(tcase, test_sql__a_malformed_file_is_damaged);
    tcase_add_test(tcase, test_sql__reading_needs_no_writable_folder);
    tcase_add_test(tcase, test_sql__a_file_that_may_not_be_written_is_refused_at_once);
    tcase_add_test(tcase, test_sql__a_file_that_cannot_grow_is_an_error_and_keeps_what_was);
    tcase_add_test(tcase, test_sql__processes_may_create_the_same_file_at_once);
    TCase *aborting = tcase_create("aborting");
    tcase_add_test_raise_signal(aborting, test_sql__a_nested_begin_aborts, SIGABRT);
    suite_add_tcase(suite, tcase);
    suite_add_tcase(suite, aborting);
    return run_suite(suite);
}
