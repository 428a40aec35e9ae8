/* The ledger as a whole: verify, tampering, rebuild, export and import, redaction, driver locks. */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "ledger/store.h"
#include "ledger_tools.h"

static struct place place, second;

static void setup(void)
{
    place = place_make();
    second = place_make();
}

static void teardown(void)
{
    place_remove(&place);
    place_remove(&second);
}

static const char *const both[] = {"weu", "neu", NULL};

/* A small history with everything in it. */
static void fill(struct roll_ledger *ledger)
{
    char *parts[] = {digest_of("template"), NULL};
    int64_t number;

    for (int i = 0; i < 3; i++) {
        const char *const versions[] = {"1.0.0", "1.1.0", "1.2.0"};
        say_with(ledger, "shop", 100 + i, "template", release_made, .version = T(versions[i]),
                 .manifest = parts[0], .parts = parts, .data_version = i == 1 ? 7 : 0,
                 .data_floor = i == 1 ? 5 : 0);
        roll_out(ledger, "shop/prod", 1000 + i * 100, "out", versions[i], both);
    }
    number = roll_out(ledger, "shop/prod", 2000, "back", "1.1.0", both);
    say(ledger, "shop", 3000, release_marked, .version = T("1.2.0"), .verdict = T("bad"),
        .reason = T("slow"));
    say_with(ledger, "shop/prod", 3000, "secret", drift_checked, .target = T("weu"),
             .result = digest_of("secret"));
    say(ledger, "shop/prod", 3000, hold_set, .reason = T("holiday"));
    ck_assert_int_gt(number, 0);
}

static void expect_whole(struct roll_ledger *ledger)
{
    struct roll_verify_report report = {0};

    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_msg(!report.first_bad, "%s", report.first_bad);
    roll_verify_report_clear(&report);
}

static void expect_bad(struct roll_ledger *ledger, const char *part)
{
    struct roll_verify_report report = {0};

    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_msg(report.first_bad && strstr(report.first_bad, part), "'%s' instead of '%s'",
                  report.first_bad ? report.first_bad : "nothing", part);
    roll_verify_report_clear(&report);
}

/* ---- verify ---------------------------------------------------------------------------------- */

START_TEST(test_verify__counts_what_is_whole)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    struct roll_verify_report report = {0};

    ck_ok(roll_ledger_verify(ledger, NULL, &report));
    ck_assert_int_eq(report.events, 0);
    ck_assert_ptr_null(report.first_bad);
    fill(ledger);
    roll_auto(ledger) struct roll_ledger *reader = place_open(&place, ROLL_LEDGER_READ);
    ck_ok(roll_ledger_verify(reader, NULL, &report));
    ck_assert_msg(!report.first_bad, "%s", report.first_bad);
    ck_assert_int_eq(report.streams, 2);
    ck_assert_int_eq(report.events, 4 + 4 * 6 + 2);
    ck_assert_int_eq(report.objects, 3);
    expect_whole(reader);
}
END_TEST

START_TEST(test_verify__knows_a_noted_head)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    struct roll_verify_report report = {0};
    struct roll_head head;

    fill(ledger);
    ck_ok(roll_ledger_head(ledger, "shop/prod", &head));
    g_autofree char *full = g_strdup_printf("shop/prod@%d:%s", (int)head.seq, head.hash);
    g_autofree char *wrong = g_strdup_printf("shop/prod@%d:%s", (int)head.seq - 1, head.hash);
    const char *const heads[] = {head.hash, full, wrong, digest_of("none")};
    for (int i = 0; i < 4; i++) {
        ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.head = heads[i]}, &report));
        ck_assert((report.first_bad == NULL) == (i < 2));
        roll_verify_report_clear(&report);
    }
    ck_fails(roll_ledger_verify(ledger, &(struct roll_verify_options){.head = "x"}, &report),
             ROLL_E_INVALID);
}
END_TEST

static const struct {
    const char *sql, *finding;
} tamperings[] = {
    {"UPDATE events SET line = replace(line, 'holiday', 'workday') WHERE kind = 'hold.set'",
     "does not have the hash"},
    {"UPDATE events SET kind = 'hold.lifted' WHERE kind = 'hold.set'", "differs from its columns"},
    {"UPDATE events SET at = at + 1 WHERE stream = 2 AND seq = 3", "shop/prod@3"},
    {"UPDATE events SET hash = upper(hash) WHERE stream = 2 AND seq = 3", "shop/prod@3"},
    {"DELETE FROM events WHERE stream = 2 AND seq = 5", "shop/prod@6: event 5 is missing"},
    {"UPDATE events SET seq = seq + 100 WHERE stream = 2 AND seq > 4", "event 5 is missing"},
    {"UPDATE events SET seq = CASE seq WHEN 7 THEN 1008 ELSE 1007 END WHERE stream = 2 AND seq "
     "IN (7, 8); UPDATE events SET seq = seq - 1000 WHERE seq > 1000",
     "is missing"},
    {"UPDATE events SET stream = 99 WHERE stream = 2 AND seq = 1", "number 99"},
    {"UPDATE objects SET data = x'00' WHERE id = 1", "its content has the digest"},
    {"UPDATE objects SET data = NULL WHERE id = 1", "no event says that it was redacted"},
    {"DELETE FROM objects WHERE id = 1", "is missing"},
    {"UPDATE objects SET digest = 'x' WHERE id = 1", "object x: that is not a digest"},
    {"UPDATE objects SET digest = replace(digest, substr(digest, 1, 1), 'g') WHERE id = 1",
     "its content has the digest"},
    {"UPDATE streams SET name = 'shop/test' WHERE id = 2", "shop/test@1"},
    {"UPDATE targets SET release = '1.0.0' WHERE target = 'weu'", "the projections differ"},
    {"DELETE FROM successes", "the projections differ"},
    {"UPDATE releases SET verdict = NULL", "the projections differ"},
};

/* The rows' guards are taken away, and put back as they were: what is found is found in the rows.
 */
static void change_unguarded(struct roll_ledger *ledger, const char *sql)
{
    static const char *const names[] = {"events_update", "events_delete", "objects_update",
                                        "objects_delete", "streams_update"};
    g_autoptr(GString) script = g_string_new("PRAGMA foreign_keys = 0;");

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        g_string_append_printf(script, "DROP TRIGGER %s;", names[i]);
    g_string_append_printf(script, "%s;", sql);
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *begin = g_strdup_printf("CREATE TRIGGER %s ", names[i]);
        const char *last = NULL;
        for (int k = 0; k < LEDGER_STATEMENTS; k++) { /* the newest version of it */
            const struct roll_sql_text *text = &roll_ledger_statements()[k];
            const char *at =
                g_str_has_prefix(text->name, "schema_") ? strstr(text->sql, begin) : NULL;
            last = at ? at : last;
        }
        ck_assert_ptr_nonnull(last);
        g_string_append_len(script, last, strstr(last, "END;") + strlen("END;") - last);
    }
    ck_ok(roll_sql_script(ledger->sql, script->str));
}

START_TEST(test_verify__names_what_was_tampered_with)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);

    fill(ledger);
    change_unguarded(ledger, "SELECT 1");
    expect_whole(ledger);
    change_unguarded(ledger, tamperings[_i].sql);
    expect_bad(ledger, tamperings[_i].finding);
}
END_TEST

static const struct {
    const char *sql, *finding;
} layouts[] = {
    {"DROP TRIGGER events_delete", "'events_delete'"},
    {"DROP TRIGGER streams_update", "'streams_update'"},
    {"CREATE TRIGGER more AFTER INSERT ON events BEGIN SELECT 1; END", "'more'"},
    {"CREATE TABLE zebra (a)", "'zebra'"},
    {"DROP INDEX events_place; CREATE INDEX events_place ON events (stream, seq)",
     "'events_place'"},
};

START_TEST(test_verify__names_a_layout_that_was_changed)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);

    fill(ledger);
    ck_ok(roll_sql_script(ledger->sql, layouts[_i].sql));
    expect_bad(ledger, layouts[_i].finding);
}
END_TEST

/* ---- export ---------------------------------------------------------------------------------- */

static struct roll_error *collect(void *user, const char *line, size_t size)
{
    g_string_append_len(user, line, (gssize)size);
    return NULL;
}

static GString *export_text(struct roll_ledger *ledger)
{
    GString *text = g_string_new(NULL);

    ck_ok(roll_ledger_export(ledger, collect, text));
    return text;
}

struct lines {
    const char *at, *end;
};

static struct roll_error *next_line(void *user, const char **ret_line, size_t *ret_size)
{
    struct lines *lines = user;
    const char *end = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));

    if (!end)
        return NULL;
    *ret_line = lines->at;
    *ret_size = (size_t)(end - lines->at);
    lines->at = end + 1;
    return NULL;
}

static struct roll_error *import_text(struct roll_ledger *ledger, const GString *text,
                                      int64_t *ret_events)
{
    struct lines lines = {text->str, text->str + text->len};

    return roll_ledger_import(ledger, next_line, &lines, ret_events);
}

START_TEST(test_transfer__an_import_is_the_same_ledger)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *copy = place_open(&second, ROLL_LEDGER_CREATE);
    int64_t events;

    fill(ledger);
    g_autoptr(GString) text = export_text(ledger);
    ck_ok(import_text(copy, text, &events));
    ck_assert_int_eq(events, 30);
    expect_whole(copy);
    g_autoptr(GString) again = export_text(copy);
    ck_assert_str_eq(text->str, again->str);
    ck_assert_str_eq(roll_ledger_id(copy), roll_ledger_id(ledger));
    ck_assert_str_ne(roll_ledger_replica(copy), roll_ledger_replica(ledger));
    ck_ok(import_text(copy, text, &events)); /* known already */
    ck_assert_int_eq(events, 0);
    say(ledger, "shop/prod", 9000, hold_lifted, 0);
    g_autoptr(GString) longer = export_text(ledger);
    ck_ok(import_text(copy, longer, &events));
    ck_assert_int_eq(events, 1);
    ck_ok(import_text(ledger, text, &events)); /* a shorter one takes nothing away */
    ck_assert_int_eq(events, 0);
    expect_whole(ledger);
}
END_TEST

/* Behind a line nothing can be read: what lies there is not the importer's. */
struct edge {
    struct lines lines;
    char *pages;
    size_t size; /* of what can be read */
};

static struct roll_error *next_line_at_edge(void *user, const char **ret_line, size_t *ret_size)
{
    struct edge *edge = user;
    const char *line = NULL;

    ROLL_TRY(next_line(&edge->lines, &line, ret_size));
    if (!line)
        return NULL;
    ck_assert_uint_le(*ret_size, edge->size);
    char *place_of_line = edge->pages + edge->size - *ret_size;
    memcpy(place_of_line, line, *ret_size);
    *ret_line = place_of_line;
    return NULL;
}

START_TEST(test_transfer__a_line_ends_where_its_size_says)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *copy = place_open(&second, ROLL_LEDGER_CREATE);
    const size_t size = 1 << 20, guard = 1 << 16;
    int64_t events;

    fill(ledger);
    g_autoptr(GString) text = export_text(ledger);
    struct edge edge = {{text->str, text->str + text->len}, NULL, size};
    edge.pages =
        mmap(NULL, size + guard, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(edge.pages, MAP_FAILED);
    ck_assert_int_eq(mprotect(edge.pages + size, guard, PROT_NONE), 0);
    ck_ok(roll_ledger_import(copy, next_line_at_edge, &edge, &events));
    ck_assert_int_eq(events, 30);
    munmap(edge.pages, size + guard);
}
END_TEST

START_TEST(test_transfer__ledgers_that_parted_are_a_conflict)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *copy = place_open(&second, ROLL_LEDGER_CREATE);
    int64_t events = -1;

    fill(ledger);
    g_autoptr(GString) text = export_text(ledger);
    ck_ok(import_text(copy, text, &events));
    say(ledger, "shop/staging", 9000, hold_set, 0);
    say(ledger, "shop/prod", 9000, hold_lifted, 0);
    say(copy, "shop/prod", 9001, hold_lifted, 0);
    g_autoptr(GString) other = export_text(ledger);
    g_autoptr(GString) before = export_text(copy);
    ck_fails(import_text(copy, other, &events), ROLL_E_CONFLICT);
    g_autoptr(GString) after = export_text(copy);
    ck_assert_str_eq(before->str, after->str); /* not even the stream that would have fitted */
    expect_whole(copy);
}
END_TEST

/* Whether a line has the last event of its stream. */
static bool is_tail(char **lines, guint i)
{
    const char *stream = strstr(lines[i], ",\"stream\":");

    for (guint j = i + 1; stream && lines[j]; j++) {
        const char *other = strstr(lines[j], ",\"stream\":");
        if (other && strcspn(other + 11, "}") == strcspn(stream + 11, "}") &&
            strncmp(other, stream, 11 + strcspn(stream + 11, "}")) == 0)
            return false;
    }
    return stream != NULL;
}

/* Each line left out, cut or broken in turn: refused or the same, and never half. */
START_TEST(test_transfer__a_broken_export_is_refused_whole)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *copy = place_open(&second, ROLL_LEDGER_CREATE);
    int64_t events;

    fill(ledger);
    g_autoptr(GString) text = export_text(ledger);
    g_auto(GStrv) lines = g_strsplit(text->str, "\n", -1);
    guint count = g_strv_length(lines) - 1;
    for (guint i = 0; i < count; i++) {
        for (int how = 0; how < 4; how++) {
            g_autoptr(GString) broken = g_string_new(NULL);
            for (guint j = 0; j < count; j++) {
                g_autofree char *line = g_strdup(lines[j]);
                size_t size = strlen(line);
                if (i == j && how == 0)
                    continue;
                if (i == j && how == 1)
                    line[size / 2] ^= 1;
                if (i == j && how == 2)
                    line[size - 1] = '\0';
                if (i == j && how == 3)
                    line[size - 3] = line[size - 3] == 'a' ? 'b' : 'a'; /* in the hash or data */
                g_string_append_printf(broken, "%s\n", line);
            }
            struct roll_error *err = import_text(copy, broken, &events);
            g_autoptr(GString) now = export_text(copy);
            if (!err && how == 0 && is_tail(lines, i)) { /* a cut tail cannot be seen */
                ck_assert_str_eq(now->str, broken->str);
                roll_ledger_close(copy);
                place_remove(&second);
                ck_assert_int_eq(mkdir(second.root, 0700), 0);
                copy = place_open(&second, ROLL_LEDGER_CREATE);
                continue;
            }
            ck_assert_msg(err, "line %u, how %d: accepted", i, how);
            ck_assert(err->code == ROLL_E_DAMAGED || err->code == ROLL_E_INVALID);
            roll_error_free(err);
            ck_assert_uint_eq(now->len, 0);
        }
    }
}
END_TEST

/* ---- rebuild --------------------------------------------------------------------------------- */

START_TEST(test_rebuild__finds_and_mends_projections)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    bool equal = false;

    fill(ledger);
    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert(equal);
    ck_ok(roll_sql_script(ledger->sql, "UPDATE environments SET clean = 7; DELETE FROM bad"));
    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert(!equal);
    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert(equal);
    expect_whole(ledger);
}
END_TEST

static struct roll_error *copy_live(void *user, const struct roll_environment_row *row)
{
    g_strlcpy(user, row->live ? row->live : "", 16);
    return NULL;
}

/* What an older program folded is folded again when it is needed, also by a reader. */
START_TEST(test_rebuild__stale_streams_are_folded_when_they_are_needed)
{
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    char live[16] = "";

    fill(ledger);
    ck_ok(roll_sql_script(
        ledger->sql, "UPDATE streams SET projection = 0; UPDATE environments SET held = '{}'"));
    roll_ledger_close(ledger);
    ledger = place_open(&place, _i == 0 ? ROLL_LEDGER_READ : ROLL_LEDGER_WRITE);
    if (_i == 1) /* an event that comes in between is folded with the others */
        say(ledger, "shop/prod", 9999, hold_lifted, 0);
    ck_ok(roll_ledger_environments(ledger, "shop/prod", copy_live, live));
    ck_assert_str_eq(live, "1.1.0");
    expect_whole(ledger);
    ck_ok(roll_ledger_environments(ledger, NULL, copy_live, live));
    expect_whole(ledger);
    roll_ledger_close(ledger);
}
END_TEST

/* ---- redaction ------------------------------------------------------------------------------- */

static bool file_holds(const char *path, const char *text)
{
    g_autofree char *data = NULL;
    gsize size = 0;

    return g_file_get_contents(path, &data, &size, NULL) &&
           memmem(data, size, text, strlen(text)) != NULL;
}

START_TEST(test_redact__leaves_a_tombstone_and_no_bytes)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autofree char *wal = g_strconcat(place.file, "-wal", NULL);
    g_autofree char *filler = g_strnfill(_i * 40000, 'x');
    g_autofree char *secret = g_strconcat("correct-horse-battery-staple", filler, NULL);
    g_autofree char *digest = g_strdup(digest_of(secret));
    g_autoptr(GString) none = NULL;
    struct roll_head head;

    fill(ledger);
    say_with(ledger, "shop/prod", 4000, secret, drift_checked, .target = T("weu"),
             .result = digest);
    say(ledger, "shop/test", 4000, drift_checked, .target = T("weu"), .result = digest);
    ck_assert(file_holds(place.file, "correct-horse") || file_holds(wal, "correct-horse"));
    ck_ok(roll_ledger_redact(ledger, &somebody, digest, "a password"));
    ck_assert(!file_holds(place.file, "correct-horse") && !file_holds(wal, "correct-horse"));
    ck_fails(roll_ledger_object(ledger, digest, &none), ROLL_E_NOT_FOUND);
    ck_ok(roll_ledger_head(ledger, "shop/test", &head));
    ck_assert_int_eq(head.seq, 2);
    struct roll_verify_report report = {0};
    ck_ok(roll_ledger_verify(ledger, NULL, &report));
    ck_assert_msg(!report.first_bad, "%s", report.first_bad);
    ck_assert_int_eq(report.redacted, 1);
    /* again: nothing more; what is not there; its content is not taken again */
    ck_ok(roll_ledger_redact(ledger, &somebody, digest, "again"));
    ck_ok(roll_ledger_head(ledger, "shop/test", &head));
    ck_assert_int_eq(head.seq, 2);
    ck_fails(roll_ledger_redact(ledger, &somebody, digest_of("none"), "x"), ROLL_E_NOT_FOUND);
    int64_t seq;
    ck_fails(try_say(ledger, "shop/prod", 0, ROLL_EVENT_drift_checked,
                     &(struct roll_drift_checked){.target = T("t"), .result = digest}, secret,
                     &seq),
             ROLL_E_REFUSED);
}
END_TEST

START_TEST(test_redact__goes_along_with_export_and_import)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *copy = place_open(&second, ROLL_LEDGER_CREATE);
    struct place third = place_make();
    struct roll_ledger *fresh = place_open(&third, ROLL_LEDGER_CREATE);
    int64_t events;

    fill(ledger);
    g_autoptr(GString) before = export_text(ledger);
    ck_ok(import_text(copy, before, &events));
    ck_ok(roll_ledger_redact(ledger, &somebody, digest_of("secret"), "a password"));
    g_autoptr(GString) after = export_text(ledger);
    ck_ok(import_text(copy, after, &events));
    ck_ok(import_text(fresh, after, &events));
    ck_assert(!roll_ledger_has_object(copy, digest_of("secret")));
    ck_assert(!roll_ledger_has_object(fresh, digest_of("secret")));
    ck_assert(!file_holds(second.file, "secret\n"));
    expect_whole(copy);
    expect_whole(fresh);
    roll_ledger_close(fresh);
    place_remove(&third);
}
END_TEST

/* ---- locks ----------------------------------------------------------------------------------- */

START_TEST(test_lock__is_held_by_one_and_gone_with_its_process)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    roll_auto(ledger) struct roll_ledger *other = place_open(&place, ROLL_LEDGER_READ);
    struct roll_lock *lock = NULL, *again = NULL;
    int ready[2], status;
    char byte;

    ck_ok(roll_ledger_lock(ledger, "shop/prod", 17, &lock));
    ck_assert_ptr_nonnull(lock);
    g_autofree char *path = g_build_filename(place.state, "run", "shop_prod#17.lock", NULL);
    struct stat about;
    ck_assert_int_eq(stat(path, &about), 0);
    ck_assert_int_eq(about.st_mode & 07777, 0600);
    ck_ok(roll_ledger_lock(other, "shop/prod", 17, &again));
    ck_assert_ptr_null(again); /* also in the same process */
    roll_auto(lock) struct roll_lock *neighbour = NULL;
    ck_ok(roll_ledger_lock(other, "shop/prod", 18, &neighbour));
    ck_assert_ptr_nonnull(neighbour);
    roll_lock_free(lock);
    ck_assert_int_ne(access(path, F_OK), 0);
    /* a process that is killed leaves the file, not the lock */
    ck_assert_int_eq(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        ck_ok(roll_ledger_lock(ledger, "shop/prod", 17, &lock));
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    ck_ok(roll_ledger_lock(ledger, "shop/prod", 17, &again));
    ck_assert_ptr_null(again);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_ok(roll_ledger_lock(ledger, "shop/prod", 17, &again));
    ck_assert_ptr_nonnull(again);
    roll_lock_free(again);
}
END_TEST

START_TEST(test_lock__is_not_taken_through_a_link)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autofree char *run = g_build_filename(place.state, "run", NULL);
    g_autofree char *path = g_build_filename(run, "shop_prod#1.lock", NULL);
    g_autofree char *victim = g_build_filename(place.root, "victim", NULL);
    struct roll_lock *lock = NULL;

    ck_assert_int_eq(mkdir(run, 0700), 0);
    ck_assert_int_eq(symlink(victim, path), 0);
    ck_fails(roll_ledger_lock(ledger, "shop/prod", 1, &lock), ROLL_E_FOREIGN);
    ck_assert_int_ne(access(victim, F_OK), 0);
    ck_assert_int_eq(remove(path), 0);
    ck_assert_int_eq(rmdir(run), 0);
    ck_assert_int_eq(symlink(place.root, run), 0);
    ck_fails(roll_ledger_lock(ledger, "shop/prod", 1, &lock), ROLL_E_FOREIGN);
    ck_fails(roll_ledger_lock(ledger, "../prod", 1, &lock), ROLL_E_INVALID);
}
END_TEST

/* ---- a flipped byte -------------------------------------------------------------------------- */

/* A flipped byte: verify names it, or opening refuses, or the export is the same. Every 29th byte
 * here, in an order of bits that wanders; with ROLL_TEST_LONG=1 every byte (a minute). */
START_TEST(test_tamper__a_flipped_byte_is_found_or_has_no_meaning)
{
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    g_autofree char *data = NULL;
    gsize size;
    int found = 0;

    say_with(ledger, "shop", 100, "template", release_made, .version = T("1.0"),
             .manifest = digest_of("template"), .parts = (char *[]){NULL});
    roll_out(ledger, "shop/prod", 1000, "out", "1.0", both);
    g_autoptr(GString) text = export_text(ledger);
    roll_ledger_close(ledger);
    ck_assert(g_file_get_contents(place.file, &data, &size, NULL));
    ck_assert_int_eq(mkdir(second.state, 0700), 0);
    for (gsize i = 0; i < size; i += g_getenv("ROLL_TEST_LONG") ? 1 : 29) {
        struct roll_verify_report report = {0};
        g_autoptr(GString) now = g_string_new(NULL);
        data[i] ^= (char)(1 << i % 8);
        (void)remove(second.file);
        /* Thousands of files: a disk that is waited for each time would take minutes. */
        ck_assert(g_file_set_contents_full(second.file, data, (gssize)size,
                                           G_FILE_SET_CONTENTS_NONE, 0600, NULL));
        data[i] ^= (char)(1 << i % 8);
        struct roll_error *err = roll_ledger_open(second.state, ROLL_LEDGER_READ, &ledger);
        if (!err) {
            err = roll_ledger_verify(ledger, NULL, &report);
            if (!err && !report.first_bad) {
                ck_ok(roll_ledger_export(ledger, collect, now));
                ck_assert_msg(g_string_equal(now, text), "byte %zu is not found", i);
            }
            roll_ledger_close(ledger);
        }
        found += err || report.first_bad;
        roll_error_free(err);
        roll_verify_report_clear(&report);
    }
    ck_assert_int_gt(found, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: whole");
    TCase *tcase = tcase_create("whole");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_verify__counts_what_is_whole);
    tcase_add_test(tcase, test_verify__knows_a_noted_head);
    tcase_add_loop_test(tcase, test_verify__names_a_layout_that_was_changed, 0,
                        G_N_ELEMENTS(layouts));
    tcase_add_loop_test(tcase, test_verify__names_what_was_tampered_with, 0,
                        (int)G_N_ELEMENTS(tamperings));
    tcase_add_test(tcase, test_transfer__an_import_is_the_same_ledger);
    tcase_add_test(tcase, test_transfer__a_line_ends_where_its_size_says);
    tcase_add_test(tcase, test_transfer__ledgers_that_parted_are_a_conflict);
    tcase_add_test(tcase, test_transfer__a_broken_export_is_refused_whole);
    tcase_add_test(tcase, test_rebuild__finds_and_mends_projections);
    tcase_add_loop_test(tcase, test_rebuild__stale_streams_are_folded_when_they_are_needed, 0, 2);
    tcase_add_loop_test(tcase, test_redact__leaves_a_tombstone_and_no_bytes, 0, 2);
    tcase_add_test(tcase, test_redact__goes_along_with_export_and_import);
    tcase_add_test(tcase, test_lock__is_held_by_one_and_gone_with_its_process);
    tcase_add_test(tcase, test_lock__is_not_taken_through_a_link);
    tcase_add_test(tcase, test_tamper__a_flipped_byte_is_found_or_has_no_meaning);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
