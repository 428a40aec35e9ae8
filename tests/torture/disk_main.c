/* torture-disk: what a disk may do to a ledger.
 *
 * faults  the n-th open, read, write, sync, truncate, delete of a history fails, or the disk is
 * full from there on, for every n: each call ends well or with a clear error, and afterwards the
 * ledger is whole: every acknowledged append is there, each append wholly or not at all power   the
 * history is cut off at any operation; of what was written after the last sync of a file, any part
 * is lost, also of single sectors; the folder's entries that were not synced, too. Then it is
 * opened again: the same must hold
 *
 * A history is a process of its own: appends of one and of many events with objects, over two
 * streams, a redaction, a rebuild, an import, closing and opening again. It writes down what was
 * acknowledged where the test can read it. */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "torture/fault_vfs.h"
#include "torture/plain_check.h"

#include "unit/ledger_tools.h"

enum { ACKNOWLEDGED_MAX = 256, SECTOR = 512, FILES_MAX = 8, HANGS_MAX = 3 };

struct options {
    gint64 seed;
    gint cuts;
    gboolean thorough;
};

/* Shared with the process that lives a history. */
struct shared {
    int acknowledged;
    char hashes[ACKNOWLEDGED_MAX][ROLL_HEX_SIZE]; /* heads that an append returned */
    long operations;                              /* of the kind that is counted */
    int errors, unclear;
    bool redacted;
    char said[512]; /* the first error that is not clear */
};

static struct shared *shared;

/* ---- a history ------------------------------------------------------------------------------- */

/* Anything but an internal error, which would be nobody's fault. */
static bool take(struct roll_error *err)
{
    if (!err)
        return true;
    shared->errors++;
    if (err->code == ROLL_E_INTERNAL || !err->message || !*err->message) {
        if (shared->unclear++ == 0)
            g_strlcpy(shared->said, err->message ? err->message : "no message",
                      sizeof shared->said);
    }
    roll_error_free(err);
    return false;
}

static void acknowledge(const struct roll_head *head)
{
    if (shared->acknowledged < ACKNOWLEDGED_MAX)
        memcpy(shared->hashes[shared->acknowledged++], head->hash, ROLL_HEX_SIZE);
}

/* Several events on two streams with an object, in one transaction: all of it, or nothing. */
static void append(struct roll_ledger *ledger, int number)
{
    g_autofree char *content = g_strnfill(200 + (gsize)number * 700, (char)('a' + number % 26));
    g_autofree char *version = g_strdup_printf("1.%d", number);
    const struct roll_object object = {content, strlen(content)};
    char *digest = digest_of(content);
    char *parts[] = {digest, NULL};
    struct roll_release_made made = {.version = version, .manifest = digest, .parts = parts};
    struct roll_hold_set hold = {.reason = version};
    struct roll_expect expects[] = {{.stream = "shop"}, {.stream = "shop/prod"}};
    struct roll_draft drafts[12];
    struct roll_head heads[2];
    size_t count = 1 + (size_t)(number % 11);

    drafts[0] = (struct roll_draft){"shop", ROLL_EVENT_release_made, &made};
    for (size_t i = 1; i < count; i++)
        drafts[i] = (struct roll_draft){"shop/prod", ROLL_EVENT_hold_set, &hold};
    if (!take(roll_ledger_head(ledger, "shop", &expects[0].head)) ||
        !take(roll_ledger_head(ledger, "shop/prod", &expects[1].head)))
        return;
    if (!take(roll_ledger_append(ledger, &somebody, 1000 + number, expects, 2, drafts, count,
                                 &object, 1, heads)))
        return;
    acknowledge(&heads[0]);
    if (count > 1)
        acknowledge(&heads[1]);
}

static struct roll_error *collect(void *user, const char *line, size_t size)
{
    g_string_append_len(user, line, (gssize)size);
    return NULL;
}

static void redact(struct roll_ledger *ledger)
{
    int64_t seq;

    if (take(try_say(
            ledger, "shop/prod", 0, ROLL_EVENT_drift_checked,
            &(const struct roll_drift_checked){.target = T("weu"), .result = digest_of("a secret")},
            "a secret", &seq)))
        shared->redacted =
            take(roll_ledger_redact(ledger, &somebody, digest_of("a secret"), "secret"));
}

static void history(const struct place *place)
{
    struct roll_ledger *ledger = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    bool equal;

    for (int life = 0; life < 3; life++) {
        if (!take(roll_ledger_open(place->state, ROLL_LEDGER_CREATE, &ledger)))
            continue;
        for (int i = 0; i < 7; i++)
            append(ledger, life * 7 + i);
        if (life == 1)
            redact(ledger);
        if (life == 2)
            (void)take(roll_ledger_rebuild(ledger, &equal));
        (void)take(roll_ledger_export(ledger, collect, text));
        g_clear_pointer(&ledger, roll_ledger_close);
    }
}

/* ---- what must hold afterwards --------------------------------------------------------------- */

struct found {
    GHashTable *hashes;
    int made, holds;  /* events of the kinds that append writes … */
    int wanted_holds; /* … and how many holds the releases stand for */
};

static struct roll_error *note(void *user, const struct roll_event *event)
{
    struct found *found = user;

    g_hash_table_add(found->hashes, g_strdup(event->hash));
    if (event->kind == ROLL_EVENT_hold_set)
        found->holds++;
    if (event->kind == ROLL_EVENT_release_made) {
        const struct roll_release_made *made = event->body;
        found->made++;
        found->wanted_holds += (int)(g_ascii_strtoll(made->version + 2, NULL, 10) % 11);
    }
    return NULL;
}

static struct roll_error *inspect(const char *state, struct found *found, GString *wrong)
{
    roll_auto(ledger) struct roll_ledger *ledger = NULL;
    struct roll_verify_report report = {0};
    bool equal = true;
    int64_t seq;

    ROLL_TRY(roll_ledger_open(state, ROLL_LEDGER_CREATE, &ledger));
    ROLL_TRY(
        roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    if (report.first_bad)
        g_string_append_printf(wrong, "verify: %s; ", report.first_bad);
    roll_verify_report_clear(&report);
    ROLL_TRY(roll_ledger_events(ledger, "shop", 1, note, found));
    ROLL_TRY(roll_ledger_events(ledger, "shop/prod", 1, note, found));
    ROLL_TRY(roll_ledger_rebuild(ledger, &equal));
    if (!equal)
        g_string_append(wrong, "the rebuilt tables differ; ");
    /* It can be written to as before. */
    return try_say(ledger, "shop/prod", 0, ROLL_EVENT_hold_lifted,
                   &(const struct roll_hold_lifted){0}, NULL, &seq);
}

/* NULL, or what is wrong; owned. */
static char *check(const char *state)
{
    g_autoptr(GString) wrong = g_string_new(NULL);
    struct found found = {.hashes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    struct roll_error *err = inspect(state, &found, wrong);

    if (err)
        g_string_append_printf(wrong, "it cannot be used any more: %s; ", err->message);
    roll_error_free(err);
    for (int i = 0; i < shared->acknowledged; i++)
        if (!g_hash_table_contains(found.hashes, shared->hashes[i]))
            g_string_append_printf(wrong, "append %d was acknowledged and is gone; ", i);
    if (found.holds != found.wanted_holds)
        g_string_append_printf(wrong, "half of an append: %d releases, %d of %d holds; ",
                               found.made, found.holds, found.wanted_holds);
    if (shared->unclear > 0)
        g_string_append_printf(wrong, "not clear: %s; ", shared->said);
    g_hash_table_unref(found.hashes);
    return wrong->len > 0 ? g_strdup(wrong->str) : NULL;
}

/* Lives in a child. False: it did not end by itself. Each that hangs takes a minute, so that the
 * third is the last one. */
static bool live(const struct place *place, disk_hook hook, void *user)
{
    static int hangs;
    int status = 0;

    memset(shared, 0, sizeof *shared);
    pid_t child = fork();
    if (child == 0) {
        fault_vfs_install(hook, user);
        alarm(60);
        history(place);
        _exit(0);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM && ++hangs == HANGS_MAX) {
        g_print("FAILED: %d histories did not end by themselves; the others were not tried\n",
                hangs);
        exit(EXIT_FAILURE);
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- faults ---------------------------------------------------------------------------------- */

struct trouble {
    enum disk_act act;
    bool full, torn, lasting; /* lasting: every one from there on */
    long nth;
};

static int hinder(void *user, struct disk_op *op)
{
    static const int codes[DISK_ACTS] = {SQLITE_CANTOPEN,    SQLITE_IOERR_READ,
                                         SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE,
                                         SQLITE_IOERR_FSYNC, SQLITE_IOERR_DELETE};
    const struct trouble *trouble = user;

    if (op->act != trouble->act)
        return SQLITE_OK;
    shared->operations++;
    if (shared->operations < trouble->nth ||
        (shared->operations > trouble->nth && !trouble->lasting))
        return SQLITE_OK;
    if (op->act == DISK_WRITE)
        op->size = trouble->torn ? op->size / 2 : 0;
    return trouble->full ? SQLITE_FULL : codes[op->act];
}

/* Every n until the history does not reach it any more; how many there were. */
static int fail_each(struct trouble trouble, int stride, int *failures)
{
    int tried = 0;

    for (trouble.nth = 1;; trouble.nth += stride) {
        struct place place = place_make();
        bool ended = live(&place, hinder, &trouble);
        bool reached = shared->operations >= trouble.nth;
        g_autofree char *wrong = ended ? check(place.state) : g_strdup("it did not end by itself");
        if (wrong && ++*failures <= 20)
            g_print("FAILED: %s %ld%s%s%s: %s\n", disk_act_names[trouble.act], trouble.nth,
                    trouble.full ? ", disk full" : "", trouble.torn ? ", torn" : "",
                    trouble.lasting ? ", and all after it" : "", wrong);
        place_remove(&place);
        tried++;
        if (!reached)
            return tried;
    }
}

static int run_faults(const struct options *options, int *failures)
{
    static const struct trouble troubles[] = {
        {.act = DISK_OPEN},
        {.act = DISK_OPEN, .lasting = true},
        {.act = DISK_READ},
        {.act = DISK_WRITE},
        {.act = DISK_WRITE, .lasting = true},
        {.act = DISK_WRITE, .torn = true},
        {.act = DISK_WRITE, .torn = true, .lasting = true},
        {.act = DISK_WRITE, .full = true},
        {.act = DISK_WRITE, .full = true, .lasting = true},
        {.act = DISK_WRITE, .full = true, .torn = true, .lasting = true},
        {.act = DISK_SYNC},
        {.act = DISK_SYNC, .lasting = true},
        {.act = DISK_TRUNCATE},
        {.act = DISK_DELETE},
    };
    int tried = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(troubles); i++) {
        bool many = troubles[i].act == DISK_WRITE || troubles[i].act == DISK_READ;
        tried += fail_each(troubles[i], options->thorough ? 1 : many ? 23 : 5, failures);
    }
    return tried;
}

/* ---- power ----------------------------------------------------------------------------------- */

/* A write or a new size that no sync has made sure of. */
struct change {
    int64_t offset;
    GByteArray *data; /* NULL: a new size, `offset` */
};

struct shadow {
    char *path;
    GByteArray *sure; /* what is on the disk whatever happens; NULL: the file may not be there */
    GPtrArray *changes;
    bool there, entry_sure; /* in the folder; and that is sure */
    GByteArray *gone; /* deleted under this name, and comes back unless that is sure; or NULL */
};

static struct {
    struct shadow files[FILES_MAX];
    int count;
    GRand *chance;
    long cut; /* at which operation the power goes */
    const char *into;
} power;

static void free_change(gpointer data)
{
    struct change *change = data;

    if (change->data)
        g_byte_array_unref(change->data);
    g_free(change);
}

static struct shadow *shadow_of(const char *path)
{
    for (int i = 0; i < power.count; i++)
        if (g_str_equal(power.files[i].path, path))
            return &power.files[i];
    g_assert(power.count < FILES_MAX);
    struct shadow *shadow = &power.files[power.count++];
    *shadow = (struct shadow){.path = g_strdup(path),
                              .sure = g_byte_array_new(),
                              .changes = g_ptr_array_new_with_free_func(free_change)};
    return shadow;
}

static void apply(GByteArray *file, const struct change *change, int64_t from, int64_t size)
{
    guint end = (guint)(change->offset + from + size);

    if (!change->data) {
        guint before = file->len;
        g_byte_array_set_size(file, (guint)change->offset);
        if (file->len > before)
            memset(file->data + before, 0, file->len - before);
        return;
    }
    if (file->len < end) {
        guint before = file->len;
        g_byte_array_set_size(file, end);
        memset(file->data + before, 0, end - before);
    }
    memcpy(file->data + change->offset + from, change->data->data + from, (size_t)size);
}

/* What is in the folder, and what is not, is so from now on. */
static void sync_folder(void)
{
    for (int i = 0; i < power.count; i++) {
        struct shadow *shadow = &power.files[i];
        shadow->entry_sure = shadow->there;
        g_clear_pointer(&shadow->gone, g_byte_array_unref);
    }
}

/* SQLite syncs the folder with the first sync of a new journal or WAL. */
static void make_sure(struct shadow *shadow)
{
    bool journal = strstr(shadow->path, ".db-") != NULL;

    for (guint i = 0; i < shadow->changes->len; i++) {
        const struct change *change = shadow->changes->pdata[i];
        apply(shadow->sure, change, 0, change->data ? (int64_t)change->data->len : 0);
    }
    g_ptr_array_set_size(shadow->changes, 0);
    if (journal && !shadow->entry_sure)
        sync_folder();
}

/* The ledger syncs its folder itself. */
int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    struct stat stat;

    if (power.into && fstat(fd, &stat) == 0 && S_ISDIR(stat.st_mode))
        sync_folder();
    return __real_fsync(fd);
}

/* Each change that is not sure arrived, did not, or did so in some of its sectors. */
static void lose(struct shadow *shadow)
{
    int mood = g_rand_int_range(power.chance, 0, 4); /* all, none, most or any */

    for (guint i = 0; i < shadow->changes->len; i++) {
        const struct change *change = shadow->changes->pdata[i];
        int fate = mood == 3 ? g_rand_int_range(power.chance, 0, 3) : mood;
        if (mood == 2 && g_rand_int_range(power.chance, 0, 8) > 0)
            fate = 0;
        if (fate == 1)
            continue;
        if (fate == 0 || !change->data) {
            apply(shadow->sure, change, 0, change->data ? (int64_t)change->data->len : 0);
            continue;
        }
        for (int64_t at = 0; at < change->data->len; at += SECTOR)
            if (g_rand_boolean(power.chance))
                apply(shadow->sure, change, at, MIN(SECTOR, (int64_t)change->data->len - at));
    }
}

/* Without a sync of the folder a deletion is like a write: it is lost or not. What the file held
 * and was not sure was lost in part, too. */
static void delete_file(struct shadow *shadow, bool folder_synced)
{
    if (shadow->entry_sure) {
        lose(shadow);
        if (shadow->gone)
            g_byte_array_unref(shadow->gone);
        shadow->gone = g_steal_pointer(&shadow->sure);
        shadow->sure = g_byte_array_new();
    }
    g_ptr_array_set_size(shadow->changes, 0);
    g_byte_array_set_size(shadow->sure, 0);
    shadow->there = shadow->entry_sure = false;
    if (folder_synced)
        sync_folder();
}

/* What a name stands for when the power is back, NULL: nothing. */
static const GByteArray *left_of(struct shadow *shadow)
{
    bool there = shadow->there && (shadow->entry_sure || g_rand_boolean(power.chance));

    if (!there)
        return shadow->gone && g_rand_boolean(power.chance) ? shadow->gone : NULL;
    lose(shadow);
    return shadow->sure;
}

G_GNUC_NORETURN static void cut(void)
{
    for (int i = 0; i < power.count; i++) {
        struct shadow *shadow = &power.files[i];
        g_autofree char *name = g_path_get_basename(shadow->path);
        g_autofree char *path = g_build_filename(power.into, name, NULL);
        const GByteArray *left = left_of(shadow);
        if (left && !g_file_set_contents(path, (const char *)left->data, left->len, NULL))
            abort();
    }
    _exit(0);
}

static void note_change(struct shadow *shadow, const void *data, int size, int64_t offset)
{
    struct change *change = g_new0(struct change, 1);

    change->offset = offset;
    if (data) {
        change->data = g_byte_array_new();
        g_byte_array_append(change->data, data, (guint)size);
    }
    g_ptr_array_add(shadow->changes, change);
}

/* The file itself is changed as always, so that the history sees what it wrote. */
static int watch(void *user, struct disk_op *op)
{
    struct shadow *shadow;

    (void)user;
    if (op->act == DISK_READ || !op->path || !*op->path)
        return SQLITE_OK;
    if (++shared->operations >= power.cut)
        cut();
    shadow = shadow_of(op->path);
    shadow->there |= op->act != DISK_DELETE;
    if (op->act == DISK_WRITE)
        note_change(shadow, op->data, op->size, op->offset);
    else if (op->act == DISK_TRUNCATE)
        note_change(shadow, NULL, 0, op->offset);
    else if (op->act == DISK_SYNC)
        make_sure(shadow);
    else if (op->act == DISK_DELETE)
        delete_file(shadow, op->offset != 0);
    return SQLITE_OK;
}

/* One history up to the cut, and what is left of it. */
static char *cut_at(guint32 seed, long operation)
{
    struct place place = place_make(), left = place_make();
    char *wrong;

    if (mkdir(left.state, 0700) != 0)
        abort();
    power.count = 0;
    power.chance = g_rand_new_with_seed(seed);
    power.cut = operation;
    power.into = left.state;
    wrong = live(&place, watch, NULL) ? check(left.state) : g_strdup("it did not end by itself");
    g_rand_free(power.chance);
    place_remove(&place);
    place_remove(&left);
    return wrong;
}

static int run_power(const struct options *options, int *failures)
{
    g_autoptr(GRand) chance = g_rand_new_with_seed((guint32)options->seed);
    struct place place = place_make();

    power.cut = G_MAXLONG;
    power.chance = g_rand_new_with_seed(0);
    live(&place, watch, NULL);
    place_remove(&place);
    g_rand_free(power.chance);
    long all = shared->operations;
    for (int i = 0; i < options->cuts; i++) {
        guint32 seed = g_rand_int(chance);
        long operation = 1 + (long)(g_rand_int(chance) % (guint32)all);
        g_autofree char *wrong = cut_at(seed, operation);
        if (wrong && ++*failures <= 20)
            g_print("FAILED: power gone at operation %ld of %ld, seed %u: %s\n", operation, all,
                    seed, wrong);
    }
    return options->cuts;
}

/* ---- the whole ------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
    struct options options = {0};
    int failures = 0;
    const GOptionEntry entries[] = {
        {"seed", 0, 0, G_OPTION_ARG_INT64, &options.seed, "N: the same cuts again", "N"},
        {"cuts", 0, 0, G_OPTION_ARG_INT, &options.cuts, "N: so often the power goes", "N"},
        {"long", 0, 0, G_OPTION_ARG_NONE, &options.thorough, "the long form", NULL},
        {NULL}};
    g_autoptr(GOptionContext) context = g_option_context_new(NULL);
    gint64 began = g_get_monotonic_time();

    g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, &argc, &argv, NULL) || argc > 1)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return 2;
    if (options.seed == 0)
        options.seed = g_random_int_range(1, 1000000);
    if (options.cuts == 0)
        options.cuts = options.thorough ? 20000 : 300;
    int faults = run_faults(&options, &failures);
    int cuts = run_power(&options, &failures);
    g_print(
        "%d histories with a fault, %d with the power cut, %d failures, %.1f minutes, seed %d\n",
        faults, cuts, failures, (double)(g_get_monotonic_time() - began) / G_USEC_PER_SEC / 60,
        (int)options.seed);
    return failures > 0;
}
