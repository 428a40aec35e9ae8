/* torture-tamper: a ledger is changed behind the program's back, and each change must be named by
 * verify, or SQLite refuses the file with a clear error, or the change has no meaning: the export
 * is the same.
 *
 * bytes   every byte of the file flipped, one after the other; of its write-ahead log, too, where a
 * lost end is found by --head rows    every event deleted, moved, put in again, changed with its
 * hash; objects exchanged; chains recomputed to their end, which only a noted head can tell The
 * file is small (pages of 512 bytes). Each piece of work is a process of its own, so that a crash
 * is a finding, too. */
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "torture/plain_check.h"

#include "unit/ledger_tools.h"

enum { PATIENCE_S = 60 };

struct options {
    gint64 seed;
    gint jobs, stride;
    gboolean thorough;
};

/* What is there before anything is changed. */
struct original {
    struct place place;
    char *files[2]; /* the database, its log */
    gsize sizes[2];
    GString *export;
    GPtrArray *heads; /* STREAM@SEQ:HASH */
};

struct tally { /* shared by all processes */
    int named, refused, meaningless, cut, failures;
    int at[64]; /* where each process is */
};

/* ---- a small ledger with everything in it ---------------------------------------------------- */

static const char *const both[] = {"weu", "neu", NULL};

static void fill(struct roll_ledger *ledger)
{
    char *parts[] = {digest_of("template"), NULL};
    const char *const versions[] = {"1.0.0", "1.1.0"};
    int64_t number = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(versions); i++) {
        say_with(ledger, "shop", 100 + (int64_t)i, "template", release_made,
                 .version = T(versions[i]), .manifest = parts[0], .parts = parts, .data_version = 7,
                 .data_floor = 5);
        number = roll_out(ledger, "shop/prod", 1000 + (int64_t)i * 100, "out", versions[i], both);
    }
    roll_out(ledger, "shop/prod", 2000, "back", "1.0.0", both);
    say(ledger, "shop", 3000, release_marked, .version = T("1.1.0"), .verdict = T("bad"),
        .reason = T("slow"));
    say_with(ledger, "shop/prod", 3000, "drift", drift_checked, .target = T("weu"),
             .result = digest_of("drift"));
    say(ledger, "shop/prod", 3000, hold_set, .reason = T("holiday"));
    say_with(ledger, "shop/prod", 3001, "a secret", drift_checked, .target = T("neu"),
             .result = digest_of("a secret"));
    ck_ok(roll_ledger_redact(ledger, &somebody, digest_of("a secret"), "a secret"));
    ck_assert(number > 0);
}

static struct roll_error *collect(void *user, const char *line, size_t size)
{
    g_string_append_len(user, line, (gssize)size);
    return NULL;
}

static void note_heads(struct original *original, struct roll_ledger *ledger)
{
    g_auto(GStrv) streams = NULL;
    struct roll_head head;

    ck_ok(roll_ledger_streams(ledger, &streams));
    for (char **stream = streams; *stream; stream++) {
        ck_ok(roll_ledger_head(ledger, *stream, &head));
        g_ptr_array_add(original->heads, g_strdup_printf("%s@%" G_GINT64_FORMAT ":%s", *stream,
                                                         head.seq, head.hash));
    }
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    char *message = NULL;

    if (sqlite3_open(path, &db) != SQLITE_OK || sqlite3_exec(db, text, NULL, NULL, &message)) {
        fprintf(stderr, "%s: %s\n", text, message ? message : "cannot open");
        exit(2);
    }
    sqlite3_close(db);
}

static void read_files(struct original *original)
{
    g_autofree char *wal = g_strconcat(original->place.file, "-wal", NULL);
    const char *const paths[] = {original->place.file, wal};

    for (int i = 0; i < 2; i++)
        if (!g_file_get_contents(paths[i], &original->files[i], &original->sizes[i], NULL))
            original->sizes[i] = 0;
}

/* with_wal: half of the events are only in the log, as a process that was killed leaves them. */
static void make_original(struct original *original, bool with_wal)
{
    struct roll_ledger *ledger;

    *original = (struct original){.place = place_make(),
                                  .export = g_string_new(NULL),
                                  .heads = g_ptr_array_new_with_free_func(g_free)};
    ledger = place_open(&original->place, ROLL_LEDGER_CREATE);
    fill(ledger);
    roll_ledger_close(ledger);
    sql(original->place.file, "PRAGMA journal_mode=DELETE; PRAGMA page_size=512; VACUUM; "
                              "PRAGMA journal_mode=WAL");
    ledger = place_open(&original->place, ROLL_LEDGER_WRITE);
    if (with_wal) {
        roll_out(ledger, "shop/prod", 5000, "out", "1.0.0", both);
        say(ledger, "shop/prod", 6000, hold_lifted, 0);
    }
    ck_ok(roll_ledger_export(ledger, collect, original->export));
    note_heads(original, ledger);
    read_files(original); /* while it is open, so that the log is not emptied */
    roll_ledger_close(ledger);
}

static void clear_original(struct original *original)
{
    place_remove(&original->place);
    g_free(original->files[0]);
    g_free(original->files[1]);
    g_string_free(original->export, TRUE);
    g_ptr_array_unref(original->heads);
}

/* ---- one look at a ledger that was changed --------------------------------------------------- */

enum verdict { NAMED, REFUSED, MEANINGLESS, CUT, MISSED };

static bool is_clear(const struct roll_error *err)
{
    return err->code != ROLL_E_INTERNAL && err->message && *err->message;
}

static gint compare_lines(gconstpointer a, gconstpointer b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* In which order streams were written between each other means nothing. */
static bool is_same(const GString *a, const GString *b)
{
    g_auto(GStrv) left = g_strsplit(a->str, "\n", -1);
    g_auto(GStrv) right = g_strsplit(b->str, "\n", -1);

    qsort(left, g_strv_length(left), sizeof *left, compare_lines);
    qsort(right, g_strv_length(right), sizeof *right, compare_lines);
    return g_strv_equal((const char *const *)left, (const char *const *)right);
}

/* A noted head must not be found. */
static bool a_head_is_gone(struct roll_ledger *ledger, const struct original *original)
{
    for (guint i = 0; i < original->heads->len; i++) {
        struct roll_verify_report report = {0};
        struct roll_verify_options options = {.head = g_ptr_array_index(original->heads, i)};
        struct roll_error *err = roll_ledger_verify(ledger, &options, &report);
        bool gone = err || report.first_bad;
        roll_error_free(err);
        roll_verify_report_clear(&report);
        if (gone)
            return true;
    }
    return false;
}

static struct roll_error *look(const struct original *original, enum verdict *ret_verdict,
                               GString *why)
{
    roll_auto(ledger) struct roll_ledger *ledger = NULL;
    struct roll_verify_report report = {0};
    g_autoptr(GString) text = g_string_new(NULL);

    ROLL_TRY(roll_ledger_open(original->place.state, ROLL_LEDGER_READ, &ledger));
    ROLL_TRY(
        roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    *ret_verdict = report.first_bad ? NAMED : MISSED;
    roll_verify_report_clear(&report);
    if (*ret_verdict == NAMED)
        return NULL;
    ROLL_TRY(roll_ledger_export(ledger, collect, text));
    if (is_same(text, original->export))
        *ret_verdict = MEANINGLESS;
    else if (a_head_is_gone(ledger, original))
        *ret_verdict = CUT;
    else
        g_string_assign(why, "verify and --head find nothing, but the export differs");
    return NULL;
}

static enum verdict judge(const struct original *original, GString *why)
{
    enum verdict verdict = MISSED;
    struct roll_error *err = look(original, &verdict, why);

    if (err) {
        verdict = is_clear(err) ? REFUSED : MISSED;
        g_string_assign(why, err->message);
    }
    roll_error_free(err);
    return verdict;
}

static void count(struct tally *tally, enum verdict verdict)
{
    int *const counts[] = {&tally->named, &tally->refused, &tally->meaningless, &tally->cut,
                           &tally->failures};

    __atomic_add_fetch(counts[verdict], 1, __ATOMIC_RELAXED);
}

/* ---- bytes ----------------------------------------------------------------------------------- */

static void put_file(const char *path, const char *data, gsize size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
}

static void put_back(const struct original *original)
{
    g_autofree char *wal = g_strconcat(original->place.file, "-wal", NULL);
    g_autofree char *shm = g_strconcat(original->place.file, "-shm", NULL);

    put_file(original->place.file, original->files[0], original->sizes[0]);
    unlink(shm);
    unlink(wal);
    if (original->sizes[1] > 0)
        put_file(wal, original->files[1], original->sizes[1]);
}

/* The same in a folder of a process's own. */
static void move_to_own_folder(struct original *own, const struct original *original)
{
    *own = *original;
    own->place = place_make();
    if (mkdir(own->place.state, 0700) != 0)
        abort();
}

static void flip(const struct original *own, int which, gsize at, int how, struct tally *tally)
{
    static const unsigned char masks[] = {0xFF, 0x01, 0x20, 0x80};
    char *byte = own->files[which] + at;
    g_autoptr(GString) why = g_string_new(NULL);

    *byte = (char)(*byte ^ masks[how]);
    put_back(own);
    *byte = (char)(*byte ^ masks[how]);
    alarm(PATIENCE_S);
    enum verdict verdict = judge(own, why);
    if (which == 0 && verdict == CUT)
        verdict = MISSED; /* only what was not written into the file yet may be cut off */
    count(tally, verdict);
    if (verdict == MISSED)
        g_print("FAILED: byte %zu of %s ^ %02x: %s\n", at, which ? "the log" : "the file",
                masks[how], why->str);
}

static void flip_some(const struct original *original, const struct options *options, int job,
                      struct tally *tally)
{
    struct original own;
    gsize total = original->sizes[0] + original->sizes[1];
    gsize stride = (gsize)options->stride;
    int hows = options->thorough ? 2 : 1;

    move_to_own_folder(&own, original);
    for (gsize at = (gsize)options->seed % stride + (gsize)job * stride; at < total;
         at += stride * (gsize)options->jobs) {
        int which = at >= original->sizes[0];
        tally->at[job] = (int)at;
        for (int how = 0; how < hows; how++)
            flip(&own, which, which ? at - original->sizes[0] : at, how ? 1 + (int)(at % 3) : 0,
                 tally);
    }
    place_remove(&own.place);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* What guards the rows is taken away, and put back afterwards as it was: verify compares it, too.
 */
static char *unguarded(const char *path, const char *change_text)
{
    g_autoptr(GString) script = g_string_new("PRAGMA foreign_keys=0;");
    g_autoptr(GString) guards = g_string_new(NULL);
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_prepare_v2(db, "SELECT name, sql FROM sqlite_schema WHERE type='trigger'", -1,
                           &stmt, NULL) != SQLITE_OK)
        abort();
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        g_string_append_printf(script, "DROP TRIGGER %s;", sqlite3_column_text(stmt, 0));
        g_string_append_printf(guards, ";%s;", sqlite3_column_text(stmt, 1));
    }
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    g_string_append(script, change_text);
    g_string_append(script, guards->str);
    return g_strdup(script->str);
}

/* %1$d is the row, %2$d another one. */
static const struct {
    const char *what, *sql;
    enum verdict wanted;
} changes[] = {
    {"event deleted", "DELETE FROM events WHERE id=%1$d", NAMED},
    {"event deleted, the others moved up",
     "CREATE TEMP TABLE gone AS SELECT stream, seq FROM events WHERE id=%1$d; DELETE FROM events "
     "WHERE id=%1$d; UPDATE events SET seq=seq-1 WHERE stream=(SELECT stream FROM gone) AND "
     "seq>(SELECT seq FROM gone)",
     NAMED},
    {"two events exchanged",
     "CREATE TEMP TABLE a AS SELECT kind, at, hash, line FROM events WHERE id=%1$d; UPDATE events "
     "SET (kind, at, hash, line)=(SELECT kind, at, hash, line FROM events WHERE id=%2$d) WHERE "
     "id=%1$d; UPDATE events SET (kind, at, hash, line)=(SELECT * FROM a) WHERE id=%2$d",
     NAMED},
    {"event put in again at the end",
     "INSERT INTO events (stream, seq, kind, at, hash, line) SELECT stream, (SELECT max(seq)+1 "
     "FROM "
     "events WHERE stream=e.stream), kind, at, hash, line FROM events e WHERE id=%1$d",
     NAMED},
    {"event moved to the end of the file",
     "UPDATE events SET id=(SELECT max(id)+1 FROM events) WHERE id=%1$d", MEANINGLESS},
    {"line changed", "UPDATE events SET line=replace(line, 'alice', 'mallo') WHERE id=%1$d", NAMED},
    {"time changed", "UPDATE events SET at=at+1 WHERE id=%1$d", NAMED},
    {"kind changed", "UPDATE events SET kind='hold.lifted ' WHERE id=%1$d", NAMED},
    {"stream changed", "UPDATE events SET stream=3-stream, seq=1000 WHERE id=%1$d", NAMED},
};

static const struct {
    const char *what, *sql;
} object_changes[] = {
    {"object deleted", "DELETE FROM objects WHERE id=%1$d"},
    {"object emptied", "UPDATE objects SET data=x'' WHERE id=%1$d"},
    {"object's content removed", "UPDATE objects SET data=NULL WHERE id=%1$d"},
    {"contents exchanged",
     "CREATE TEMP TABLE a AS SELECT data FROM objects WHERE id=%1$d; UPDATE objects SET "
     "data=(SELECT "
     "data FROM objects WHERE id=%2$d) WHERE id=%1$d; UPDATE objects SET data=(SELECT data FROM a) "
     "WHERE id=%2$d"},
    {"names exchanged", "CREATE TEMP TABLE a AS SELECT digest FROM objects WHERE id=%1$d; CREATE "
                        "TEMP TABLE b AS SELECT "
                        "digest FROM objects WHERE id=%2$d; UPDATE objects SET digest='x' WHERE "
                        "id=%2$d; UPDATE objects "
                        "SET digest=(SELECT digest FROM b) WHERE id=%1$d; UPDATE objects SET "
                        "digest=(SELECT digest FROM "
                        "a) WHERE id=%2$d"},
};

static int64_t number(const char *path, const char *query)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;
    int64_t value = 0;

    if (sqlite3_open(path, &db) == SQLITE_OK &&
        sqlite3_prepare_v2(db, query, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        value = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return value;
}

#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the tables above */
static void change(const struct original *own, const char *what, const char *statement, int row,
                   int other, bool may_be_same, struct tally *tally)
{
    g_autofree char *text = g_strdup_printf(statement, row, other);
    g_autoptr(GString) why = g_string_new(NULL);

    put_back(own);
    g_autofree char *script = unguarded(own->place.file, text);
    sql(own->place.file, script);
    enum verdict verdict = judge(own, why);
    if (verdict == CUT || (verdict == MEANINGLESS && !may_be_same)) {
        g_string_printf(why, "not named (verdict %d)", verdict);
        verdict = MISSED;
    }
    count(tally, verdict);
    if (verdict == MISSED)
        g_print("FAILED: %s, row %d: %s\n", what, row, why->str);
}

/* Is the row the last one of its stream? To leave that one out is what a cut tail is. */
static bool is_tail(const char *path, int row)
{
    g_autofree char *query = g_strdup_printf(
        "SELECT seq=(SELECT max(seq) FROM events WHERE stream=e.stream) FROM events e WHERE id=%d",
        row);

    return number(path, query) == 1;
}

static void change_events(const struct original *own, struct tally *tally)
{
    int events = (int)number(own->place.file, "SELECT max(id) FROM events");

    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++)
        for (int row = 1; row <= events; row++) {
            put_back(own);
            if (is_tail(own->place.file, row) && i < 2)
                continue;
            change(own, changes[i].what, changes[i].sql, row, row % events + 1,
                   changes[i].wanted == MEANINGLESS, tally);
        }
}

static void change_objects(const struct original *own, struct tally *tally)
{
    int objects = (int)number(own->place.file, "SELECT max(id) FROM objects");

    for (size_t i = 0; i < G_N_ELEMENTS(object_changes); i++)
        for (int row = 1; row <= objects; row++) {
            g_autofree char *gone =
                g_strdup_printf("SELECT data IS NULL FROM objects WHERE id=%d", row);
            put_back(own);
            bool tombstone = number(own->place.file, gone) == 1;
            change(own, object_changes[i].what, object_changes[i].sql, row, row % objects + 1,
                   tombstone && i == 2, tally);
        }
}

/* ---- a chain recomputed ---------------------------------------------------------------------- */

/* Puts other hashes behind a changed event, up to the end of its stream: nothing inside contradicts
 * it then. */
static void recompute(const char *path, int row)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *read = NULL, *write = NULL;
    char hash[ROLL_HEX_SIZE] = "";
    g_autofree char *guards = unguarded(path, "/* here */");
    g_autofree char *before = g_strndup(guards, (gsize)(strstr(guards, "/* here */") - guards));

    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, before, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(
            db,
            "SELECT id, line FROM events WHERE stream=(SELECT stream FROM events "
            "WHERE id=?1) AND seq>=(SELECT seq FROM events WHERE id=?1) ORDER BY seq",
            -1, &read, NULL) ||
        sqlite3_prepare_v2(db, "UPDATE events SET line=?2, hash=?3 WHERE id=?1", -1, &write, NULL))
        abort();
    sqlite3_bind_int(read, 1, row);
    while (sqlite3_step(read) == SQLITE_ROW) {
        g_autoptr(GString) line = g_string_new((const char *)sqlite3_column_text(read, 1));
        if (*hash) {
            char *prev = strstr(line->str, "\"prev\":\"");
            memcpy(prev + strlen("\"prev\":\""), hash, ROLL_HEX_SIZE - 1);
        } else {
            g_string_replace(line, "alice@contoso.com", "mallo@contoso.com", 0);
        }
        roll_sha256_hex(line->str, line->len, hash);
        sqlite3_bind_int64(write, 1, sqlite3_column_int64(read, 0));
        sqlite3_bind_text(write, 2, line->str, -1, SQLITE_STATIC);
        sqlite3_bind_text(write, 3, hash, -1, SQLITE_STATIC);
        if (sqlite3_step(write) != SQLITE_DONE)
            abort();
        sqlite3_reset(write);
    }
    sqlite3_finalize(read);
    sqlite3_finalize(write);
    if (sqlite3_exec(db, strstr(guards, "/* here */"), NULL, NULL, NULL) != SQLITE_OK)
        abort();
    sqlite3_close(db);
}

/* The rebuilt tables are made again, too, by whoever does this. */
static void change_chains(const struct original *own, struct tally *tally)
{
    int events = (int)number(own->place.file, "SELECT max(id) FROM events");

    for (int row = 1; row <= events; row++) {
        g_autoptr(GString) why = g_string_new(NULL);
        roll_auto(ledger) struct roll_ledger *ledger = NULL;
        bool equal;
        put_back(own);
        recompute(own->place.file, row);
        ck_ok(roll_ledger_open(own->place.state, ROLL_LEDGER_WRITE, &ledger));
        ck_ok(roll_ledger_rebuild(ledger, &equal));
        g_clear_pointer(&ledger, roll_ledger_close);
        enum verdict verdict = judge(own, why);
        if (verdict == MEANINGLESS)
            verdict = MISSED;
        count(tally, verdict);
        if (verdict == MISSED)
            g_print("FAILED: the chain recomputed from row %d on: %s\n", row, why->str);
    }
}

/* The end of each stream cut off, one event more each time. */
static void cut_tails(const struct original *own, struct tally *tally)
{
    for (int stream = 1; stream <= 2; stream++) {
        g_autofree char *query =
            g_strdup_printf("SELECT max(seq) FROM events WHERE stream=%d", stream);
        put_back(own);
        for (int seq = (int)number(own->place.file, query); seq > 0; seq--) {
            g_autofree char *text =
                g_strdup_printf("DELETE FROM events WHERE stream=%d AND seq>=%d", stream, seq);
            g_autoptr(GString) why = g_string_new(NULL);
            put_back(own);
            g_autofree char *script = unguarded(own->place.file, text);
            sql(own->place.file, script);
            enum verdict verdict = judge(own, why);
            if (verdict == MEANINGLESS)
                verdict = MISSED;
            count(tally, verdict);
            if (verdict == MISSED)
                g_print("FAILED: stream %d cut at %d: %s\n", stream, seq, why->str);
        }
    }
}

static void change_rows(const struct original *original, struct tally *tally)
{
    struct original own;

    move_to_own_folder(&own, original);
    put_back(&own);
    change_events(&own, tally);
    change_objects(&own, tally);
    change_chains(&own, tally);
    cut_tails(&own, tally);
    place_remove(&own.place);
}

/* Else everything would be named, and nothing tested. */
static void must_be_whole(const struct original *original)
{
    roll_auto(ledger) struct roll_ledger *ledger = place_open(&original->place, ROLL_LEDGER_READ);
    struct roll_verify_report report = {0};

    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_msg(!report.first_bad, "before any change: %s", report.first_bad);
}

/* ---- the whole ------------------------------------------------------------------------------- */

static void run(const struct options *options, struct tally *tally)
{
    struct original with_log, without;
    int status, job = 0;

    make_original(&with_log, true);
    make_original(&without, false);
    must_be_whole(&with_log);
    must_be_whole(&without);
    g_print("a file of %zu bytes, a log of %zu\n", with_log.sizes[0], with_log.sizes[1]);
    if (fork() == 0) {
        change_rows(&without, tally);
        exit(0);
    }
    for (job = 0; job < options->jobs; job++)
        if (fork() == 0) {
            flip_some(&with_log, options, job, tally);
            exit(0);
        }
    while (wait(&status) > 0)
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            tally->failures++;
            g_print("FAILED: a process ended with status %x; they were at bytes", (unsigned)status);
            for (int i = 0; i < options->jobs; i++)
                g_print(" %d", tally->at[i]);
            g_print("\n");
        }
    clear_original(&with_log);
    clear_original(&without);
}

int main(int argc, char **argv)
{
    struct options options = {.jobs = 2};
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "N: where the short form begins", "N"},
        {"jobs", 0, 0, G_OPTION_ARG_INT, &options.jobs, "N: processes (2)", "N"},
        {"long", 0, 0, G_OPTION_ARG_NONE, &options.thorough, "every byte, not every 31st", NULL},
        {NULL}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    gint64 began = g_get_monotonic_time();
    struct tally *tally =
        mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc > 1 || tally == MAP_FAILED)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!options.thorough && options.seed == 0)
        options.seed = g_random_int_range(1, 1000000);
    options.stride = options.thorough ? 1 : 31;
    run(&options, tally);
    g_print("%d named by verify, %d refused, %d without a meaning, %d cut ends found by --head; %d "
            "failures, %.1f minutes, seed %d\n",
            tally->named, tally->refused, tally->meaningless, tally->cut, tally->failures,
            (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC / 60, (int)options.seed);
    return tally->failures > 0;
}
