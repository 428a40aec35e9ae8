/* Random histories: the projections equal those that are folded anew. */
#include "projection_tools.h"

static const char *const versions[] = {"1.0", "1.1", "1.2"};
static const char *const names[] = {"weu", "neu", "seu"};
static const char *const outcomes[] = {"succeeded", "succeeded", "succeeded", "failed", "cancelled",
                                       "refused",   "absent",    "conflict",  "skipped"};

struct history {
    GRand *rand;
    GArray *requests; /* numbers */
    struct roll_draft drafts[64];
    int count;
};

static char *pick(GRand *rand, const char *const *texts, int count)
{
    return T(texts[g_rand_int_range(rand, 0, count)]);
}

static bool chance(GRand *rand, int percent)
{
    return g_rand_int_range(rand, 0, 100) < percent;
}

/* Mostly the newest request, now and then an old one or one that never was. */
static int64_t some_rollout(struct history *history)
{
    guint count = history->requests->len;

    if (count == 0 || chance(history->rand, 5))
        return g_rand_int_range(history->rand, 1, 50);
    guint back = chance(history->rand, 80) ? 0 : (guint)g_rand_int_range(history->rand, 0, 4);
    return g_array_index(history->requests, int64_t, count - 1 - MIN(back, count - 1));
}

#define ADD(id, ...) add(history, ROLL_EVENT_##id, &(const struct roll_##id){__VA_ARGS__})

static void add(struct history *history, enum roll_event_kind kind, const void *body)
{
    void *copy = roll_event_body_copy(kind, body);

    history->drafts[history->count++] = (struct roll_draft){PROD, kind, copy};
}

static void add_random(struct history *history, int64_t seq)
{
    GRand *rand = history->rand;
    int64_t rollout_number = some_rollout(history);
    int64_t step = chance(rand, 70) ? 0 : g_rand_int_range(rand, 1, 3);
    char *version = pick(rand, versions, 3), *name = pick(rand, names, 3);
    char *list[] = {version, NULL};

    switch (g_rand_int_range(rand, 0, 16)) {
    case 0:
    case 1:
        ADD(rollout_requested, .lane = T("release"), .kind = T("out"),
            .release = chance(rand, 90) ? version : NULL, .order = digest_of("{}"), .targets = 3,
            .partial = chance(rand, 30), .hold = chance(rand, 20), .unhold = chance(rand, 20),
            .bad = chance(rand, 20) ? list : NULL, .lifts = chance(rand, 20) ? list : NULL,
            .reason = chance(rand, 50) ? version : NULL);
        g_array_append_val(history->requests, seq);
        break;
    case 2:
        ADD(rollout_claimed, .rollout = rollout_number, .driver = name, .host = name, .until = seq);
        break;
    case 3:
        ADD(rollout_detached, .rollout = rollout_number, .driver = name);
        break;
    case 4: {
        static const enum roll_event_kind kinds[] = {
            ROLL_EVENT_rollout_succeeded, ROLL_EVENT_rollout_succeeded, ROLL_EVENT_rollout_failed,
            ROLL_EVENT_rollout_superseded};
        add(history, kinds[g_rand_int_range(rand, 0, 4)],
            &(struct roll_rollout_failed){.rollout = rollout_number, .by = seq});
        break;
    }
    case 5:
        ADD(hold_set, .reason = name);
        break;
    case 6:
        ADD(hold_lifted, 0);
        break;
    case 7:
        ADD(floor_set, .floor = seq % 9, .target = chance(rand, 50) ? name : NULL, .reason = name);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        ADD(step_intended, .rollout = rollout_number, .target = name, .step = step,
            .attempt = g_rand_int_range(rand, 1, 3), .release = version, .floor = seq % 7);
        break;
    default:
        ADD(step_ended, .rollout = rollout_number, .target = name, .step = step,
            .attempt = g_rand_int_range(rand, 1, 3), .outcome = pick(rand, outcomes, 9),
            .last = chance(rand, 70), .accepted = chance(rand, 60),
            .release = chance(rand, 50) ? version : NULL);
        break;
    }
}

struct counts {
    int64_t clean, dirty;
    GHashTable *releases;
};

static struct roll_error *count_target(void *user, const struct roll_target_row *row)
{
    struct counts *counts = user;

    ck_assert(!(row->dirty && row->release));
    counts->dirty += row->dirty;
    counts->clean += row->release != NULL;
    if (row->release)
        g_hash_table_add(counts->releases, g_strdup(row->release));
    return NULL;
}

/* What the environment's counters say is what its targets say. */
static void check_counters(void)
{
    struct counts counts = {.releases =
                                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    struct roll_environment_row row = environment();
    guint held;

    ck_ok(roll_ledger_targets(ledger, PROD, NULL, count_target, &counts));
    held = g_hash_table_size(counts.releases);
    ck_assert_int_eq(row.clean, counts.clean);
    ck_assert_int_eq(row.dirty, counts.dirty);
    ck_assert(row.mixed == (held > 1 || (row.clean > 0 && row.dirty > 0)));
    ck_assert((row.live != NULL) == (held == 1));
    ck_assert(!row.live || g_hash_table_contains(counts.releases, row.live));
    g_hash_table_unref(counts.releases);
}

static void free_drafts(struct history *history)
{
    for (int i = 0; i < history->count; i++)
        roll_event_body_free(history->drafts[i].kind, T(history->drafts[i].body));
    history->count = 0;
}

/* Appends in groups of any size; the rebuild, which goes in groups of its own, must agree (so does
 * teardown). */
START_TEST(test_random__histories_equal_their_rebuild)
{
    struct history history = {.rand = g_rand_new_with_seed((guint32)_i),
                              .requests = g_array_new(FALSE, FALSE, sizeof(int64_t))};
    const struct roll_object order = {"{}", 2};
    struct roll_expect expect = {.stream = PROD};
    bool equal = false;

    ck_ok(roll_ledger_head(ledger, PROD, &expect.head));
    while (expect.head.seq < 300) {
        int group = chance(history.rand, 50) ? 1 : g_rand_int_range(history.rand, 1, 64);
        while (history.count < group)
            add_random(&history, expect.head.seq + history.count + 1);
        ck_ok(roll_ledger_append(ledger, &somebody, 1000 + expect.head.seq, &expect, 1,
                                 history.drafts, (size_t)history.count, &order, 1, &expect.head));
        free_drafts(&history);
        check_counters();
    }
    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert_msg(equal, "seed %d: a rebuild differs", _i);
    check_counters();
    struct roll_verify_report report = {0};
    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_msg(!report.first_bad, "seed %d: %s", _i, report.first_bad);
    g_rand_free(history.rand);
    g_array_unref(history.requests);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger_random");
    TCase *tests = tcase_create("ledger_random");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_random__histories_equal_their_rebuild, 0, 40);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
