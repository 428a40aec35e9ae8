/* bench-store FOLDER [ROW…]: what the ledger costs above SQLite and SHA-256 with
 * nothing around them.
 *
 * Each round runs this program's work and the floor's one after the other, so
 * that both see the same machine. Files lie in FOLDER, which should be on the
 * disk that people use: a durable append is mostly the disk's own time. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "raw.h"
#include "rollbook/ledger.h"

#define STREAM "bench/prod"
#define AT INT64_C(1700000000000)

enum {
    APPENDS = 200, /* a round of durable appends */
    GROUPS = 50,   /* a round of group commits … */
    GROUP = 2000,  /* … of so many events each */
    OBJECTS = 24000,
    OBJECT_BYTES = 8000,
    APPEND_ROUNDS = 21,
    GROUP_ROUNDS = 7,
    ROUNDS = 11,
};

#define S(text) ((char *)(uintptr_t)(text))
static const struct roll_actor actor = {S("pipeline@contoso.example"), S("build 4711")};

struct setting {
    const char *folder;
    char *state_dir, *ledger_path;
    GArray *lines; /* of struct raw_line: what the ledger would write */
};

/* ---- the events ------------------------------------------------------------------------------ */

struct pair {
    char target[16];
    struct roll_step_intended intended;
    struct roll_step_ended ended;
};

/* An intent and its outcome on each target, as a fleet writes them. */
static void pair_fill(struct pair *pair, int target)
{
    g_snprintf(pair->target, sizeof pair->target, "stamp-%05d", target);
    pair->intended = (struct roll_step_intended){
        .rollout = 1, .target = pair->target, .attempt = 1, .release = S("1.4.2")};
    pair->ended = (struct roll_step_ended){.rollout = 1,
                                           .target = pair->target,
                                           .attempt = 1,
                                           .outcome = S("succeeded"),
                                           .last = true,
                                           .accepted = true,
                                           .release = S("1.4.2"),
                                           .arm_at = AT,
                                           .duration_ms = 41234,
                                           .resources = 11};
}

static struct roll_draft pair_draft(const struct pair *pair, int half)
{
    if (half == 0)
        return (struct roll_draft){STREAM, ROLL_EVENT_step_intended, &pair->intended};
    return (struct roll_draft){STREAM, ROLL_EVENT_step_ended, &pair->ended};
}

/* The same bytes for the floor, composed before anything is measured. */
static void compose_lines(struct setting *setting)
{
    char prev[ROLL_HEX_SIZE];

    memset(prev, '0', sizeof prev - 1);
    prev[sizeof prev - 1] = '\0';
    setting->lines = g_array_new(FALSE, TRUE, sizeof(struct raw_line));
    for (int i = 0; i < GROUP; i++) {
        struct raw_line line;
        struct pair pair;
        pair_fill(&pair, i / 2);
        struct roll_draft draft = pair_draft(&pair, i % 2);
        bench_ok(roll_event_compose(STREAM, i + 2, prev, AT, &actor, draft.kind, draft.body,
                                    &line.line, line.hash));
        memcpy(prev, line.hash, sizeof prev);
        g_array_append_val(setting->lines, line);
    }
}

static const struct raw_line *line_at(const struct setting *setting, int index)
{
    return &g_array_index(setting->lines, struct raw_line, index % GROUP);
}

/* ---- this program ---------------------------------------------------------------------------- */

/* A new ledger with a rollout that waits for its steps. */
static struct roll_ledger *start_ledger(const struct setting *setting, struct roll_head *ret_head)
{
    const struct roll_object order = {"{}", 2};
    char digest[ROLL_HEX_SIZE];
    struct roll_ledger *ledger = NULL;

    bench_remove_state(setting->folder);
    bench_ok(roll_ledger_open(setting->state_dir, ROLL_LEDGER_CREATE, &ledger));
    roll_sha256_hex("{}", 2, digest);
    const struct roll_rollout_requested request = {.lane = S("release"),
                                                   .kind = S("out"),
                                                   .release = S("1.4.2"),
                                                   .order = digest,
                                                   .targets = GROUPS * GROUP / 2};
    const struct roll_draft draft = {STREAM, ROLL_EVENT_rollout_requested, &request};
    struct roll_expect expect = {.stream = STREAM};
    bench_ok(roll_ledger_head(ledger, STREAM, &expect.head));
    bench_ok(roll_ledger_append(ledger, &actor, AT, &expect, 1, &draft, 1, &order, 1, ret_head));
    return ledger;
}

static double append_singly(const struct setting *setting)
{
    struct roll_expect expect = {.stream = STREAM};
    struct roll_ledger *ledger = start_ledger(setting, &expect.head);
    double start = bench_now();

    for (int i = 0; i < APPENDS; i++) {
        struct pair pair;
        pair_fill(&pair, i / 2);
        struct roll_draft draft = pair_draft(&pair, i % 2);
        bench_ok(roll_ledger_append(ledger, &actor, AT + i, &expect, 1, &draft, 1, NULL, 0,
                                    &expect.head));
    }
    double took = bench_now() - start;
    roll_ledger_close(ledger);
    return took;
}

static double append_groups(const struct setting *setting)
{
    g_autofree struct pair *pairs = g_new0(struct pair, GROUP / 2);
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, GROUP);
    struct roll_expect expect = {.stream = STREAM};
    struct roll_ledger *ledger = start_ledger(setting, &expect.head);
    double start = bench_now();

    for (int group = 0; group < GROUPS; group++) {
        for (int i = 0; i < GROUP; i++) {
            if (i % 2 == 0)
                pair_fill(&pairs[i / 2], group * GROUP / 2 + i / 2);
            drafts[i] = pair_draft(&pairs[i / 2], i % 2);
        }
        bench_ok(roll_ledger_append(ledger, &actor, AT + group, &expect, 1, drafts, GROUP, NULL, 0,
                                    &expect.head));
    }
    double took = bench_now() - start;
    roll_ledger_close(ledger);
    return took;
}

/* Objects as large as manifests and orders are, each named by an event. */
static void store_objects(const struct setting *setting)
{
    enum { EACH = 400 };
    struct roll_head head;
    struct roll_ledger *ledger = start_ledger(setting, &head);

    for (int group = 0; group < OBJECTS / EACH; group++) {
        char *parts[EACH + 1] = {NULL}, version[16];
        struct roll_object objects[EACH];
        for (int i = 0; i < EACH; i++) {
            GString *data = g_string_new(NULL);
            while (data->len < OBJECT_BYTES)
                g_string_append_printf(data, "{\"object\":%d,\"line\":%zu}", group * EACH + i,
                                       data->len);
            parts[i] = g_malloc(ROLL_HEX_SIZE);
            roll_sha256_hex(data->str, data->len, parts[i]);
            objects[i].size = data->len;
            objects[i].data = g_string_free(data, FALSE);
        }
        g_snprintf(version, sizeof version, "1.%d.0", group);
        const struct roll_release_made body = {
            .version = version, .manifest = parts[0], .parts = parts};
        const struct roll_draft draft = {"bench", ROLL_EVENT_release_made, &body};
        struct roll_expect expect = {.stream = "bench"};
        bench_ok(roll_ledger_head(ledger, "bench", &expect.head));
        bench_ok(roll_ledger_append(ledger, &actor, AT, &expect, 1, &draft, 1, objects, EACH,
                                    &expect.head));
        for (int i = 0; i < EACH; i++) {
            g_free(parts[i]);
            g_free((void *)(uintptr_t)objects[i].data);
        }
    }
    roll_ledger_close(ledger);
}

static double verify(const struct setting *setting)
{
    struct roll_verify_report report = {0};
    struct roll_ledger *ledger = NULL;
    double start = bench_busy();

    bench_ok(roll_ledger_open(setting->state_dir, ROLL_LEDGER_READ, &ledger));
    bench_ok(roll_ledger_verify(ledger, NULL, &report));
    roll_ledger_close(ledger);
    double took = bench_busy() - start;
    if (report.first_bad)
        bench_ok(roll_error_new(ROLL_E_DAMAGED, "%s", report.first_bad));
    roll_verify_report_clear(&report);
    return took;
}

/* ---- the floors ------------------------------------------------------------------------------ */

static double raw_singly(const struct setting *setting)
{
    struct raw *raw = raw_create(setting->folder);
    double start = bench_now();

    for (int i = 0; i < APPENDS; i++)
        raw_insert(raw, i + 1, line_at(setting, i));
    double took = bench_now() - start;
    raw_close(raw);
    return took;
}

static double raw_groups(const struct setting *setting)
{
    struct raw *raw = raw_create(setting->folder);
    double start = bench_now();

    for (int group = 0; group < GROUPS; group++) {
        raw_begin(raw);
        for (int i = 0; i < GROUP; i++)
            raw_insert(raw, group * GROUP + i + 1, line_at(setting, i));
        raw_commit(raw);
    }
    double took = bench_now() - start;
    raw_close(raw);
    return took;
}

static double raw_verify(const struct setting *setting, int64_t (*hash)(struct raw *))
{
    double start = bench_busy();
    struct raw *raw = raw_open(setting->ledger_path);

    hash(raw);
    raw_close(raw);
    return bench_busy() - start;
}

static double raw_verify_events(const struct setting *setting)
{
    return raw_verify(setting, raw_hash_lines);
}

static double raw_verify_objects(const struct setting *setting)
{
    return raw_verify(setting, raw_hash_objects);
}

/* ---- rows ----------------------------------------------------------------------------------- */

struct row {
    const char *id;
    int rounds;
    int64_t count;
    void (*prepare)(const struct setting *setting); /* or NULL */
    double (*work)(const struct setting *setting);
    double (*floor_work)(const struct setting *setting);
};

static void store_events(const struct setting *setting)
{
    append_groups(setting);
}

static const struct row rows[] = {
    {"append", APPEND_ROUNDS, APPENDS, NULL, append_singly, raw_singly},
    {"group", GROUP_ROUNDS, (int64_t)GROUPS *GROUP, NULL, append_groups, raw_groups},
    {"verify-events", ROUNDS, (int64_t)GROUPS *GROUP + 1, store_events, verify, raw_verify_events},
    {"verify-objects", ROUNDS, OBJECTS, store_objects, verify, raw_verify_objects},
};

static void measure(const struct setting *setting, const struct row *row)
{
    struct bench_samples figure, floor;

    bench_samples_init(&figure);
    bench_samples_init(&floor);
    if (row->prepare)
        row->prepare(setting);
    for (int round = 0; round < row->rounds; round++) {
        bench_samples_add(&floor, row->floor_work(setting));
        bench_samples_add(&figure, row->work(setting));
    }
    bench_row(row->id, row->count, &figure, &floor, 0);
    bench_samples_clear(&figure);
    bench_samples_clear(&floor);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: bench-store FOLDER [ROW…]\n");
        return 2;
    }
    struct setting setting = {.folder = argv[1],
                              .state_dir = g_build_filename(argv[1], "state", NULL),
                              .ledger_path = g_build_filename(argv[1], "state/ledger.db", NULL)};
    compose_lines(&setting);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (argc == 2 || g_strv_contains((const char *const *)argv + 2, rows[i].id))
            measure(&setting, &rows[i]);
    bench_remove_state(setting.folder);
    g_free(setting.state_dir);
    g_free(setting.ledger_path);
    return 0;
}
