/* Appending and reading back: heads, conflicts, objects, two processes at once, and files that are
 * no ledger. */
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "ledger/store.h"
#include "ledger_tools.h"
#include "rollbook/fault.h"
#include "rollbook/json.h"

static struct place place;

static void setup(void)
{
    place = place_make();
}

static void teardown(void)
{
    place_remove(&place);
}

static struct roll_error *count_event(void *user, const struct roll_event *event)
{
    (void)event;
    ++*(int *)user;
    return NULL;
}

static int count_events(struct roll_ledger *ledger, const char *stream)
{
    int count = 0;

    ck_ok(roll_ledger_events(ledger, stream, 1, count_event, &count));
    return count;
}

/* ---- chain ----------------------------------------------------------------------------------- */

START_TEST(test_append__events_are_chained_numbered_and_read_back)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    struct roll_head head;
    char prev[ROLL_HEX_SIZE];

    ck_ok(roll_ledger_head(ledger, "shop/prod", &head));
    ck_assert_int_eq(head.seq, 0);
    memcpy(prev, head.hash, sizeof prev);
    for (int i = 1; i <= 600; i++) {
        roll_auto(event) struct roll_event *event = NULL;
        ck_assert_int_eq(say(ledger, "shop/prod", 1000 + i, hold_set, .reason = T("x")), i);
        ck_ok(roll_ledger_event(ledger, "shop/prod", i, &event));
        ck_assert_str_eq(event->prev, prev);
        ck_assert_int_eq(event->at, 1000 + i);
        ck_assert_str_eq(event->actor.proved, "alice@contoso.com");
        memcpy(prev, event->hash, sizeof prev);
    }
    ck_ok(roll_ledger_head(ledger, "shop/prod", &head));
    ck_assert_str_eq(head.hash, prev);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 600);
    ck_assert_int_eq(count_events(ledger, "shop/none"), 0);
    struct roll_event *none = NULL;
    ck_fails(roll_ledger_event(ledger, "shop/prod", 601, &none), ROLL_E_NOT_FOUND);
}
END_TEST

START_TEST(test_append__time_never_runs_backwards_in_a_stream)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(event) struct roll_event *event = NULL;

    say(ledger, "shop/prod", 5000, hold_set, 0);
    say(ledger, "shop/prod", 4000, hold_lifted, 0);
    ck_ok(roll_ledger_event(ledger, "shop/prod", 2, &event));
    ck_assert_int_eq(event->at, 5000);
}
END_TEST

START_TEST(test_append__a_moved_head_is_a_conflict_and_changes_nothing)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    const struct roll_hold_set hold = {.reason = T("x")};
    const struct roll_draft drafts[] = {{"shop/prod", ROLL_EVENT_hold_set, &hold},
                                        {"shop/staging", ROLL_EVENT_hold_set, &hold}};
    const struct roll_object object = {"content", 7};
    struct roll_expect expects[2] = {{.stream = "shop/prod"}, {.stream = "shop/staging"}};
    struct roll_head heads[2] = {{.seq = -1}, {.seq = -1}};

    ck_ok(roll_ledger_head(ledger, "shop/prod", &expects[0].head));
    ck_ok(roll_ledger_head(ledger, "shop/staging", &expects[1].head));
    say(ledger, "shop/staging", 0, hold_set, 0);
    ck_fails(roll_ledger_append(ledger, &somebody, 0, expects, 2, drafts, 2, &object, 1, heads),
             ROLL_E_CONFLICT);
    /* a stream that was only decided on counts as well */
    ck_fails(roll_ledger_append(ledger, &somebody, 0, expects, 2, drafts, 1, &object, 1, heads),
             ROLL_E_CONFLICT);
    ck_assert_int_eq(heads[0].seq, -1);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 0);
    ck_assert(!roll_ledger_has_object(ledger, digest_of("content")));
    ck_ok(roll_ledger_head(ledger, "shop/staging", &expects[1].head));
    ck_ok(roll_ledger_append(ledger, &somebody, 0, expects, 2, drafts, 2, &object, 1, heads));
    ck_assert_int_eq(heads[0].seq, 1);
    ck_assert_int_eq(heads[1].seq, 2);
    expects[0].head.hash[0] = expects[0].head.hash[0] == 'f' ? 'e' : 'f';
    expects[0].head.seq = 1;
    ck_fails(roll_ledger_append(ledger, &somebody, 0, expects, 1, drafts, 1, NULL, 0, NULL),
             ROLL_E_CONFLICT);
}
END_TEST

START_TEST(test_append__one_failing_event_undoes_all)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    const struct roll_hold_set hold = {.reason = T("x")};
    const struct roll_drift_checked drift = {.target = T("weu"), .result = digest_of("nowhere")};
    const struct roll_draft drafts[] = {{"shop/prod", ROLL_EVENT_hold_set, &hold},
                                        {"shop/prod", ROLL_EVENT_drift_checked, &drift}};
    struct roll_expect expect = {.stream = "shop/prod"};

    ck_ok(roll_ledger_head(ledger, "shop/prod", &expect.head));
    ck_fails(roll_ledger_append(ledger, &somebody, 0, &expect, 1, drafts, 2, NULL, 0, NULL),
             ROLL_E_INVALID);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 0);
    ck_assert_int_eq(say_with(ledger, "shop/prod", 0, "nowhere", drift_checked, .target = T("weu"),
                              .result = digest_of("nowhere")),
                     1);
    ck_ok(roll_ledger_append(ledger, &somebody, 0, &(struct roll_expect){"shop/prod", {0}}, 0, NULL,
                             0, NULL, 0, NULL));
}
END_TEST

START_TEST(test_append__side_stream_follows_the_main_streams_hash)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    struct roll_expect expect = {.stream = "shop/prod~r1"};
    const struct roll_hold_set hold = {.reason = T("emergency")};
    const struct roll_draft draft = {"shop/prod~r1", ROLL_EVENT_hold_set, &hold};
    roll_auto(event) struct roll_event *event = NULL;
    struct roll_head main_head;

    say(ledger, "shop/prod", 0, hold_set, 0);
    ck_ok(roll_ledger_head(ledger, "shop/prod", &main_head));
    memcpy(expect.head.hash, main_head.hash, sizeof main_head.hash);
    ck_ok(roll_ledger_append(ledger, &somebody, 0, &expect, 1, &draft, 1, NULL, 0, &expect.head));
    ck_ok(roll_ledger_event(ledger, "shop/prod~r1", 1, &event));
    ck_assert_str_eq(event->prev, main_head.hash);
    ck_ok(roll_ledger_append(ledger, &somebody, 0, &expect, 1, &draft, 1, NULL, 0, NULL));
}
END_TEST

/* ---- objects --------------------------------------------------------------------------------- */

START_TEST(test_objects__are_stored_once_and_checked_when_read)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autoptr(GString) data = NULL;
    roll_auto(json) json_t *value = NULL;
    g_autofree char *large = g_strnfill(300000, 'x');

    say_with(ledger, "shop/prod", 0, large, drift_checked, .target = T("weu"),
             .result = digest_of(large));
    say_with(ledger, "shop/prod", 0, large, drift_checked, .target = T("neu"),
             .result = digest_of(large));
    say(ledger, "shop/prod", 0, drift_checked, .target = T("seu"), .result = digest_of(large));
    ck_ok(roll_ledger_object(ledger, digest_of(large), &data));
    ck_assert_uint_eq(data->len, 300000);
    ck_assert(!roll_ledger_has_object(ledger, digest_of("none")));
    g_autoptr(GString) none = NULL;
    ck_fails(roll_ledger_object(ledger, digest_of("none"), &none), ROLL_E_NOT_FOUND);
    say_with(ledger, "shop/prod", 0, "{\"a\":1}", drift_checked, .target = T("weu"),
             .result = digest_of("{\"a\":1}"));
    ck_ok(roll_ledger_object_json(ledger, digest_of("{\"a\":1}"), &value));
    ck_assert_int_eq(json_integer_value(json_object_get(value, "a")), 1);
    ck_ok(roll_sql_script(ledger->sql,
                          "DROP TRIGGER objects_update; UPDATE objects SET data = x'00'"));
    ck_fails(roll_ledger_object(ledger, digest_of(large), &none), ROLL_E_DAMAGED);
}
END_TEST

/* ---- what the schema refuses ----------------------------------------------------------------- */

static const char *const forbidden[] = {
    "UPDATE events SET kind = 'x' WHERE seq = 1",
    "DELETE FROM events WHERE seq = 2",
    "INSERT INTO events (stream, seq, kind, at, hash, line) VALUES (1, 1, 'x', 0, 'x', 'x')",
    "INSERT OR REPLACE INTO events (stream, seq, kind, at, hash, line) VALUES (1, 2, 'x', 0, 'x', "
    "'x')",
    "INSERT OR REPLACE INTO events (id, stream, seq, kind, at, hash, line) VALUES (1, 1, 3, 'x', "
    "0, 'x', 'x')",
    "INSERT INTO events (stream, seq, kind, at, hash, line) VALUES (1, 9, 'x', 0, 'x', 'x')",
    "INSERT INTO events (stream, seq, kind, at, hash, line) VALUES (1, 0, 'x', 0, 'x', 'x')",
    "UPDATE objects SET data = x'00'",
    "UPDATE objects SET digest = 'x', data = NULL",
    "DELETE FROM objects",
    "INSERT OR REPLACE INTO objects (digest, size, data) SELECT digest, 1, x'00' FROM objects",
    "INSERT OR REPLACE INTO objects (id, digest, size, data) SELECT id, 'x', 1, x'00' FROM objects",
    "UPDATE streams SET name = 'x'",
    "DELETE FROM streams",
};

START_TEST(test_schema__nothing_is_updated_or_deleted)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);

    say_with(ledger, "shop/prod", 0, "x", drift_checked, .target = T("weu"),
             .result = digest_of("x"));
    say(ledger, "shop/prod", 0, hold_set, 0);
    ck_fails(roll_sql_script(ledger->sql, forbidden[_i]), ROLL_E_CONFLICT);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 2);
}
END_TEST

/* ---- two at once ----------------------------------------------------------------------------- */

/* Appends `count` events, each time deciding again after a conflict; how many conflicts there were.
 */
static int append_many(struct roll_ledger *ledger, const char *who, int count)
{
    int conflicts = 0;

    for (int i = 0; i < count;) {
        g_autofree char *text = g_strdup_printf("%s %d", who, i);
        int64_t seq;
        struct roll_error *err = try_say(ledger, "shop/prod", 0, ROLL_EVENT_hold_set,
                                         &(struct roll_hold_set){.reason = text}, NULL, &seq);
        if (!err)
            i++;
        else if (err->code == ROLL_E_CONFLICT)
            conflicts++;
        else
            ck_abort_msg("%s", err->message);
        roll_error_free(err);
    }
    return conflicts;
}

static struct roll_error *check_reason(void *user, const struct roll_event *event)
{
    GHashTable *seen = user;

    ck_assert(g_hash_table_add(seen, g_strdup(roll_event_body(event, hold_set)->reason)));
    return NULL;
}

START_TEST(test_append__two_processes_lose_nothing)
{
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) { /* the ledger is made by both at once, too */
        struct roll_ledger *own = place_open(&place, ROLL_LEDGER_CREATE);
        append_many(own, "child", 150);
        roll_ledger_close(own);
        _exit(0);
    }
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    append_many(ledger, "parent", 150);
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_ok(roll_ledger_events(ledger, "shop/prod", 1, check_reason, seen));
    ck_assert_uint_eq(g_hash_table_size(seen), 300);
}
END_TEST

/* Both decide on the same head; pipes make sure of it. */
START_TEST(test_append__of_two_on_the_same_head_one_gets_a_conflict)
{
    int ready[2], go[2];
    const struct roll_hold_set hold = {.reason = T("x")};
    const struct roll_draft draft = {"shop/prod", ROLL_EVENT_hold_set, &hold};
    struct roll_expect expect = {.stream = "shop/prod"};
    char byte = 0;

    roll_ledger_close(place_open(&place, ROLL_LEDGER_CREATE));
    ck_assert(pipe(ready) == 0 && pipe(go) == 0);
    pid_t child = fork();
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_WRITE);
    ck_ok(roll_ledger_head(ledger, "shop/prod", &expect.head));
    if (child == 0) {
        ck_assert(write(ready[1], "x", 1) == 1 && read(go[0], &byte, 1) == 1);
        struct roll_error *err =
            roll_ledger_append(ledger, NULL, 0, &expect, 1, &draft, 1, NULL, 0, NULL);
        _exit(roll_error_code(err) == ROLL_E_CONFLICT ? 0 : 1);
    }
    int64_t before, after;
    int status;
    ck_assert(read(ready[0], &byte, 1) == 1);
    ck_ok(roll_ledger_data_version(ledger, &before));
    ck_ok(roll_ledger_append(ledger, NULL, 0, &expect, 1, &draft, 1, NULL, 0, NULL));
    ck_ok(roll_ledger_data_version(ledger, &after));
    ck_assert_int_eq(before, after); /* one's own commit does not count */
    ck_assert(write(go[1], "x", 1) == 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 1);
}
END_TEST

#ifdef ROLL_TESTING
/* Killed before the commit: nothing; after it: all. */
START_TEST(test_append__a_killed_process_leaves_all_or_nothing)
{
    roll_ledger_close(place_open(&place, ROLL_LEDGER_CREATE));
    pid_t child = fork();
    if (child == 0) {
        g_setenv("ROLL_FAULT",
                 _i == 0 ? "append-before-commit:1:kill" : "append-after-commit:1:kill", TRUE);
        struct roll_ledger *own = place_open(&place, ROLL_LEDGER_WRITE);
        request(own, "shop/prod", 0, "out", "1.0");
        _exit(1);
    }
    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_WRITE);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), _i);
    ck_assert(roll_ledger_has_object(ledger, digest_of("{}")) == (_i == 1));
}
END_TEST
#endif

/* ---- identity -------------------------------------------------------------------------------- */

START_TEST(test_open__ledger_and_replica_have_names)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *other = place_open(&place, ROLL_LEDGER_READ);

    ck_assert(roll_uuid_is_valid(roll_ledger_replica(ledger)));
    ck_assert_str_eq(roll_ledger_replica(ledger), roll_ledger_replica(other));
    ck_assert_str_eq(roll_ledger_id(ledger), "");
    say(ledger, "shop/prod", 0, hold_set, 0);
    ck_assert(roll_uuid_is_valid(roll_ledger_id(ledger)));
    ck_assert_str_eq(roll_ledger_id(ledger), roll_ledger_id(other));
}
END_TEST

/* ---- files ----------------------------------------------------------------------------------- */

static mode_t mode_of(const char *path)
{
    struct stat status;

    ck_assert_int_eq(lstat(path, &status), 0);
    return status.st_mode & 07777;
}

START_TEST(test_open__folder_and_files_are_private_and_ignored_by_git)
{
    umask(0);
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autofree char *ignore = g_build_filename(place.state, ".gitignore", NULL);
    g_autofree char *wal = g_strconcat(place.file, "-wal", NULL);
    g_autofree char *text = NULL;

    say(ledger, "shop/prod", 0, hold_set, 0);
    ck_assert_int_eq(mode_of(place.state), 0700);
    ck_assert_int_eq(mode_of(place.file), 0600);
    ck_assert_int_eq(mode_of(wal), 0600);
    ck_assert(g_file_get_contents(ignore, &text, NULL, NULL));
    ck_assert_str_eq(text, "*\n");
}
END_TEST

START_TEST(test_open__without_a_ledger_only_create_makes_one)
{
    struct roll_ledger *ledger = NULL;

    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_READ, &ledger), ROLL_E_NOT_FOUND);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_WRITE, &ledger), ROLL_E_NOT_FOUND);
    ck_assert_int_ne(access(place.state, F_OK), 0);
    ck_assert_int_eq(mkdir(place.state, 0700), 0);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_READ, &ledger), ROLL_E_NOT_FOUND);
    roll_ledger_close(place_open(&place, ROLL_LEDGER_CREATE));
    roll_ledger_close(place_open(&place, ROLL_LEDGER_READ));
}
END_TEST

static void put(const char *path, const char *text)
{
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

START_TEST(test_open__foreign_files_are_refused_and_stay_as_they_are)
{
    struct roll_ledger *ledger = NULL;
    g_autofree char *other = g_build_filename(place.root, "other", NULL), *text = NULL;
    gsize size;

    ck_assert_int_eq(mkdir(place.state, 0700), 0);
    g_autofree char *foreign = g_strnfill(4096, 'x');
    put(place.file, foreign);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_CREATE, &ledger), ROLL_E_FOREIGN);
    ck_assert(g_file_get_contents(place.file, &text, &size, NULL));
    ck_assert_uint_eq(size, 4096);
    /* another program's database */
    ck_assert_int_eq(remove(place.file), 0);
    struct roll_sql *sql = NULL;
    ck_ok(roll_sql_open(
        &(struct roll_sql_options){.path = place.file, .create = true, .application_id = 77},
        &sql));
    ck_ok(roll_sql_script(sql, "CREATE TABLE t (a)"));
    roll_sql_close(sql);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_WRITE, &ledger), ROLL_E_FOREIGN);
    /* a link to a ledger, and a link to a folder with one */
    ck_assert_int_eq(rename(place.file, other), 0);
    ck_assert_int_eq(symlink(other, place.file), 0);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_CREATE, &ledger), ROLL_E_FOREIGN);
    ck_assert_int_eq(remove(place.file), 0);
    ck_assert_int_eq(mkdir(place.file, 0700), 0);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_CREATE, &ledger), ROLL_E_FOREIGN);
    g_autofree char *link = g_build_filename(place.root, "link", NULL);
    ck_assert_int_eq(symlink(place.state, link), 0);
    ck_fails(roll_ledger_open(link, ROLL_LEDGER_CREATE, &ledger), ROLL_E_FOREIGN);
}
END_TEST

START_TEST(test_open__a_newer_ledger_is_refused)
{
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);

    ck_ok(roll_sql_pragma_set(ledger->sql, "user_version", ROLL_LEDGER_VERSION + 1));
    roll_ledger_close(ledger);
    for (enum roll_ledger_mode mode = ROLL_LEDGER_READ; mode <= ROLL_LEDGER_CREATE; mode++)
        ck_fails(roll_ledger_open(place.state, mode, &ledger), ROLL_E_TOO_NEW);
}
END_TEST

/* A process that was killed between making the file and its schema leaves an empty file. */
START_TEST(test_open__an_empty_file_becomes_a_ledger)
{
    ck_assert_int_eq(mkdir(place.state, 0700), 0);
    put(place.file, "");
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_READ);
    ck_assert(roll_uuid_is_valid(roll_ledger_replica(ledger)));
}
END_TEST

START_TEST(test_open__a_locked_ledger_says_so)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *other = place_open(&place, ROLL_LEDGER_WRITE);
    int64_t seq;

    ck_ok(roll_sql_begin(ledger->sql, true));
    ck_ok(roll_sql_pragma_set(other->sql, "busy_timeout", 10));
    ck_fails(
        try_say(other, "shop/prod", 0, ROLL_EVENT_hold_set, &(struct roll_hold_set){0}, NULL, &seq),
        ROLL_E_LOCKED);
    roll_sql_rollback(ledger->sql);
    say(other, "shop/prod", 0, hold_set, 0);
}
END_TEST

START_TEST(test_append__a_full_disk_is_a_clear_error_and_damages_nothing)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autofree char *large = g_strnfill(300000, 'x');
    int64_t pages, seq;

    say(ledger, "shop/prod", 0, hold_set, 0);
    ck_ok(roll_sql_pragma_get(ledger->sql, "page_count", &pages));
    ck_ok(roll_sql_pragma_set(ledger->sql, "max_page_count", pages + 4));
    ck_fails(try_say(ledger, "shop/prod", 0, ROLL_EVENT_drift_checked,
                     &(struct roll_drift_checked){.target = T("t"), .result = digest_of(large)},
                     large, &seq),
             ROLL_E_NO_SPACE);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 1);
    ck_ok(roll_sql_pragma_set(ledger->sql, "max_page_count", 1000000));
    say_with(ledger, "shop/prod", 0, large, drift_checked, .target = T("t"),
             .result = digest_of(large));
}
END_TEST

/* The system refuses to make any file longer: the write-ahead log cannot grow. */
START_TEST(test_append__a_write_that_fails_is_a_clear_error_and_damages_nothing)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autofree char *large = g_strnfill(300000, 'x');
    struct rlimit old, tight = {100000, RLIM_INFINITY};
    int64_t seq;

    say(ledger, "shop/prod", 0, hold_set, 0);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &tight), 0);
    struct roll_error *err = try_say(
        ledger, "shop/prod", 0, ROLL_EVENT_drift_checked,
        &(struct roll_drift_checked){.target = T("t"), .result = digest_of(large)}, large, &seq);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert(roll_error_code(err) == ROLL_E_IO || roll_error_code(err) == ROLL_E_NO_SPACE);
    roll_error_free(err);
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 1);
    say_with(ledger, "shop/prod", 0, large, drift_checked, .target = T("t"),
             .result = digest_of(large));
    ck_assert_int_eq(count_events(ledger, "shop/prod"), 2);
}
END_TEST

START_TEST(test_open__a_read_only_folder_is_read_and_says_why_it_is_not_written)
{
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    int64_t seq;

    say(ledger, "shop/prod", 0, hold_set, 0);
    roll_ledger_close(ledger);
    ck_assert_int_eq(chmod(place.file, 0444), 0);
    ck_assert_int_eq(chmod(place.state, 0555), 0);
    ck_assert_int_eq(chmod(place.root, 0755), 0);
    if (geteuid() == 0 && (chown(place.state, 65534, 65534) != 0 ||
                           chown(place.file, 65534, 65534) != 0 || seteuid(65534) != 0))
        return; /* root may write everything, and cannot become somebody else here */
    roll_auto(ledger) struct roll_ledger *reader = place_open(&place, ROLL_LEDGER_READ);
    ck_assert_int_eq(count_events(reader, "shop/prod"), 1);
    ck_fails(try_say(reader, "shop/prod", 0, ROLL_EVENT_hold_set, &(struct roll_hold_set){0}, NULL,
                     &seq),
             ROLL_E_READ_ONLY);
    ck_fails(roll_ledger_open(place.state, ROLL_LEDGER_WRITE, &ledger), ROLL_E_READ_ONLY);
    ck_assert_int_eq(seteuid(getuid()), 0);
    ck_assert_int_eq(chmod(place.state, 0755), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: append");
    TCase *tcase = tcase_create("append");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_append__events_are_chained_numbered_and_read_back);
    tcase_add_test(tcase, test_append__time_never_runs_backwards_in_a_stream);
    tcase_add_test(tcase, test_append__a_moved_head_is_a_conflict_and_changes_nothing);
    tcase_add_test(tcase, test_append__one_failing_event_undoes_all);
    tcase_add_test(tcase, test_append__side_stream_follows_the_main_streams_hash);
    tcase_add_test(tcase, test_objects__are_stored_once_and_checked_when_read);
    tcase_add_loop_test(tcase, test_schema__nothing_is_updated_or_deleted, 0,
                        (int)G_N_ELEMENTS(forbidden));
    tcase_add_test(tcase, test_append__two_processes_lose_nothing);
    tcase_add_test(tcase, test_append__of_two_on_the_same_head_one_gets_a_conflict);
#ifdef ROLL_TESTING
    tcase_add_loop_test(tcase, test_append__a_killed_process_leaves_all_or_nothing, 0, 2);
#endif
    tcase_add_test(tcase, test_open__ledger_and_replica_have_names);
    tcase_add_test(tcase, test_open__folder_and_files_are_private_and_ignored_by_git);
    tcase_add_test(tcase, test_open__without_a_ledger_only_create_makes_one);
    tcase_add_test(tcase, test_open__foreign_files_are_refused_and_stay_as_they_are);
    tcase_add_test(tcase, test_open__a_newer_ledger_is_refused);
    tcase_add_test(tcase, test_open__an_empty_file_becomes_a_ledger);
    tcase_add_test(tcase, test_open__a_locked_ledger_says_so);
    tcase_add_test(tcase, test_append__a_full_disk_is_a_clear_error_and_damages_nothing);
    tcase_add_test(tcase, test_append__a_write_that_fails_is_a_clear_error_and_damages_nothing);
    tcase_add_test(tcase, test_open__a_read_only_folder_is_read_and_says_why_it_is_not_written);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
