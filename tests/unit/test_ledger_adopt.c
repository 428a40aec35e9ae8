/* What was found in ARM's history: evidence alone, then as a rollout of kind adopted at ARM's time.
 */
#include "ledger_tools.h"
#include "rollbook/json.h"

#define PROD "shop/prod"

static struct place place;
static struct roll_ledger *ledger;

static void setup(void)
{
    place = place_make();
    ledger = place_open(&place, ROLL_LEDGER_CREATE);
}

static void teardown(void)
{
    bool equal = false;

    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert(equal);
    roll_ledger_close(ledger);
    place_remove(&place);
}

static void find(int64_t now, const char *name, const char *target, int64_t arm_at)
{
    say_with(ledger, PROD, now, "{}", deployment_adopted, .name = T(name), .target = T(target),
             .arm_at = arm_at, .parts = (char *[]){T(digest_of("{}")), NULL});
}

static void accept(int64_t now, const char *name, const char *release, const char *targets)
{
    roll_auto(json) json_t *value = json_loads(targets, 0, NULL);

    ck_assert_ptr_nonnull(value);
    say_with(ledger, PROD, now, "{}", adoption_accepted, .name = T(name), .release = T(release),
             .order = T(digest_of("{}")), .targets = value);
}

static struct roll_error *see_success(void *user, const struct roll_success_row *row)
{
    g_string_append_printf(user, "%s@%d%s ", row->release, (int)row->at,
                           row->adopted ? " adopted" : "");
    return NULL;
}

static void are_successes(const char *target, const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ck_ok(roll_ledger_successes(ledger, PROD, target, see_success, text));
    ck_assert_str_eq(text->str, expected);
}

static struct roll_error *see_environment(void *user, const struct roll_environment_row *row)
{
    g_string_append_printf(user, "%s %d", row->live ? row->live : "-", (int)row->clean);
    return NULL;
}

static void is_live(const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ck_ok(roll_ledger_environments(ledger, PROD, see_environment, text));
    ck_assert_str_eq(text->str, expected);
}

static struct roll_error *see_adopted(void *user, const struct roll_adopted_row *row)
{
    g_string_append_printf(user, "%s %s@%d #%d;", row->target, row->name, (int)row->at,
                           (int)row->accepted);
    return NULL;
}

START_TEST(test_adopt__evidence_is_no_success)
{
    g_autoptr(GString) text = g_string_new(NULL);

    find(1000, "web-1", "weu", 100);
    find(1001, "web-1", "weu", 100);
    are_successes(NULL, "");
    are_successes("weu", "");
    ck_ok(roll_ledger_adopted(ledger, PROD, see_adopted, text));
    ck_assert_str_eq(text->str, "weu web-1@100 #0;");
}
END_TEST

START_TEST(test_adopt__accepted_it_succeeded_when_arm_had_it)
{
    g_autoptr(GString) text = g_string_new(NULL);

    find(1000, "web-1", "weu", 100);
    find(1001, "web-2", "weu", 200);
    accept(1002, "web-1", "web-1", "{\"weu\":{\"adopted\":1,\"at\":100,\"durationMs\":7}}");
    accept(1003, "web-2", "web-2", "{\"weu\":{\"adopted\":2,\"at\":200,\"live\":true}}");
    are_successes(NULL, "web-2@200 web-1@100 ");
    are_successes("weu", "web-2@200 web-1@100 ");
    is_live("web-2 1");
    ck_ok(roll_ledger_adopted(ledger, PROD, see_adopted, text));
    ck_assert_str_eq(text->str, "weu web-1@100 #3;weu web-2@200 #4;");
}
END_TEST

/* What this ledger put there since is what the target has, whatever is accepted afterwards. */
START_TEST(test_adopt__what_was_rolled_out_since_stays_live)
{
    say_with(ledger, PROD, 500, "{}", rollout_requested, .lane = T("release"), .kind = T("out"),
             .release = T("1.0.0"), .order = T(digest_of("{}")), .targets = 1);
    say(ledger, PROD, 501, step_intended, .rollout = 1, .target = T("weu"), .attempt = 1,
        .release = T("1.0.0"));
    say(ledger, PROD, 502, step_ended, .rollout = 1, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .last = true, .accepted = true, .release = T("1.0.0"));
    say(ledger, PROD, 503, rollout_succeeded, .rollout = 1);
    find(1000, "web-1", "weu", 100);
    accept(1002, "web-1", "web-1", "{\"weu\":{\"adopted\":5,\"at\":100,\"live\":true}}");
    is_live("1.0.0 1");
    are_successes(NULL, "1.0.0@503 web-1@100 ");
}
END_TEST

START_TEST(test_adopt__is_live_where_it_says_so_alone)
{
    find(1000, "web-1", "weu", 100);
    accept(1002, "web-1", "web-1",
           "{\"neu\":{\"adopted\":9,\"at\":90},\"weu\":{\"adopted\":1,\"at\":100,\"live\":true}}");
    is_live("web-1 1");
}
END_TEST

/* ---- what a lost ledger's tags say ----------------------------------------------------------- */

static struct roll_error *see_rollout(void *user, const struct roll_rollout_row *row)
{
    g_string_append_printf(user, "#%d %s %s %d+%d/%d;", (int)row->number, row->lane, row->state,
                           (int)row->succeeded, (int)row->failed, (int)row->targets);
    return NULL;
}

static void are_rollouts(const char *expected)
{
    const struct roll_rollout_query query = {.stream = PROD};
    g_autoptr(GString) text = g_string_new(NULL);

    ck_ok(roll_ledger_rollouts(ledger, &query, see_rollout, text));
    ck_assert_str_eq(text->str, expected);
}

static struct roll_error *see_target(void *user, const struct roll_target_row *row)
{
    g_string_append_printf(user, "%s %s%s floor %d;", row->target,
                           row->release ? row->release : "-", row->dirty ? " dirty" : "",
                           (int)row->floor);
    return NULL;
}

static void are_targets(const char *expected)
{
    g_autoptr(GString) text = g_string_new(NULL);

    ck_ok(roll_ledger_targets(ledger, PROD, NULL, see_target, text));
    ck_assert_str_eq(text->str, expected);
}

/* Two did it without hearing of each other: the second one says nothing new. */
START_TEST(test_adopt__what_is_accepted_twice_counts_once)
{
    find(1000, "web-1", "neu", 100);
    find(1001, "web-1", "weu", 100);
    accept(1002, "web-1", "1.0.0",
           "{\"neu\":{\"adopted\":1,\"at\":100},\"weu\":{\"adopted\":2,\"at\":100}}");
    accept(1003, "web-1", "1.0.0",
           "{\"neu\":{\"adopted\":1,\"at\":100},\"weu\":{\"adopted\":2,\"at\":100}}");
    are_rollouts("#3 release succeeded 2+0/2;");
    are_successes(NULL, "1.0.0@100 ");
}
END_TEST

START_TEST(test_adopt__a_failed_one_is_no_success_and_leaves_nobody_knows_what)
{
    roll_auto(json) json_t *targets =
        json_loads("{\"neu\":{\"adopted\":1,\"at\":100,\"live\":true,\"floor\":5},"
                   "\"weu\":{\"adopted\":2,\"at\":110,\"failed\":true,\"dirty\":true}}",
                   0, NULL);

    find(1000, "web-1", "neu", 100);
    find(1001, "web-1", "weu", 110);
    say_with(ledger, PROD, 1002, "{}", adoption_accepted, .name = T("#7"), .release = T("1.0.0"),
             .order = T(digest_of("{}")), .targets = targets, .recovered = true,
             .lane = T("hotfix"), .failed = T("weu failed"));
    are_rollouts("#3 hotfix failed 1+1/2;");
    are_successes(NULL, "");
    are_targets("neu 1.0.0 floor 5;weu - dirty floor 0;");
}
END_TEST

START_TEST(test_adopt__a_recovered_back_marks_what_it_left_and_holds)
{
    roll_auto(json) json_t *targets =
        json_loads("{\"weu\":{\"adopted\":1,\"at\":100,\"live\":true}}", 0, NULL);
    const char *where = NULL;

    find(1000, "web-1", "weu", 100);
    say_with(ledger, PROD, 1002, "{}", adoption_accepted, .name = T("#7"), .release = T("1.0.0"),
             .order = T(digest_of("{}")), .targets = targets, .recovered = true,
             .lane = T("rollback"), .hold = true, .bad = (char *[]){T("1.1.0"), NULL});
    are_rollouts("#2 rollback recovered 1+0/1;");
    ck_ok(roll_ledger_bad(ledger, PROD, "1.1.0", &where));
    ck_assert_str_eq(where, "here");
    are_successes(NULL, "1.0.0@100 ");
}
END_TEST

/* Many targets take several events. */
START_TEST(test_adopt__several_events_are_one_rollout)
{
    roll_auto(json) json_t *one = json_loads("{\"neu\":{\"adopted\":1,\"at\":100}}", 0, NULL);
    roll_auto(json) json_t *two = json_loads("{\"weu\":{\"adopted\":2,\"at\":120}}", 0, NULL);

    find(1000, "web-1", "neu", 100);
    find(1001, "web-1", "weu", 120);
    say_with(ledger, PROD, 1002, "{}", adoption_accepted, .name = T("#7"), .release = T("1.0.0"),
             .order = T(digest_of("{}")), .targets = one, .count = 2, .from_at = 90, .to_at = 120);
    say_with(ledger, PROD, 1002, "{}", adoption_accepted, .name = T("#7"), .release = T("1.0.0"),
             .order = T(digest_of("{}")), .targets = two, .count = 2, .from_at = 90, .to_at = 120,
             .after = 1);
    are_rollouts("#3 release succeeded 2+0/2;");
    are_successes(NULL, "1.0.0@120 ");
    are_successes("weu", "1.0.0@120 ");
}
END_TEST

START_TEST(test_adopt__a_part_is_no_success_of_the_whole)
{
    roll_auto(json) json_t *targets = json_loads("{\"weu\":{\"adopted\":1,\"at\":100}}", 0, NULL);

    find(1000, "web-1", "weu", 100);
    say_with(ledger, PROD, 1002, "{}", adoption_accepted, .name = T("#7"), .release = T("1.0.0"),
             .order = T(digest_of("{}")), .targets = targets, .recovered = true, .partial = true);
    are_rollouts("#2 release recovered 1+0/1;");
    are_successes(NULL, "");
    are_successes("weu", "1.0.0@100 ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: adopt");
    TCase *tcase = tcase_create("adopt");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_adopt__evidence_is_no_success);
    tcase_add_test(tcase, test_adopt__accepted_it_succeeded_when_arm_had_it);
    tcase_add_test(tcase, test_adopt__what_was_rolled_out_since_stays_live);
    tcase_add_test(tcase, test_adopt__is_live_where_it_says_so_alone);
    tcase_add_test(tcase, test_adopt__what_is_accepted_twice_counts_once);
    tcase_add_test(tcase, test_adopt__a_failed_one_is_no_success_and_leaves_nobody_knows_what);
    tcase_add_test(tcase, test_adopt__a_recovered_back_marks_what_it_left_and_holds);
    tcase_add_test(tcase, test_adopt__several_events_are_one_rollout);
    tcase_add_test(tcase, test_adopt__a_part_is_no_success_of_the_whole);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
