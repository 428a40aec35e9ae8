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

int main(void)
{
    Suite *suite = suite_create("ledger: adopt");
    TCase *tcase = tcase_create("adopt");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_adopt__evidence_is_no_success);
    tcase_add_test(tcase, test_adopt__accepted_it_succeeded_when_arm_had_it);
    tcase_add_test(tcase, test_adopt__what_was_rolled_out_since_stays_live);
    tcase_add_test(tcase, test_adopt__is_live_where_it_says_so_alone);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
