/* Debts: opened by requests, closed by gates, reviews and releases that contain the fix. */
#include "ledger/store.h"
#include "ledger_one.h"
#include "rollbook/json.h"

static struct roll_error *count_open(void *user, const struct roll_debt_row *row)
{
    GString *text = user;

    if (row->closed_at == 0)
        g_string_append_printf(text, "%d %s by %s due %d;", (int)row->rollout, row->debt,
                               row->owner ? row->owner : "?", (int)row->due);
    return NULL;
}

static struct roll_error *take_debts(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->debts;
    return NULL;
}

static void is_open(const char *expected, int64_t count)
{
    g_autoptr(GString) text = g_string_new(NULL);
    int64_t counted = -1;

    ck_ok(roll_ledger_debts(ledger, PROD, count_open, text));
    ck_assert_str_eq(text->str, expected);
    ck_ok(roll_ledger_environments(ledger, PROD, take_debts, &counted));
    ck_assert_int_eq(counted, count);
}

static int64_t ask(const char *lane, const char *gates)
{
    roll_auto(json) json_t *value = json_loads(gates, 0, NULL);

    return say_with(ledger, PROD, 1, "{}", rollout_requested, .lane = T(lane), .kind = T("out"),
                    .release = T("1.0.0"), .order = digest_of("{}"), .targets = 1, .gates = value);
}

static void send_it(int64_t rollout)
{
    say(ledger, PROD, 2, step_intended, .rollout = rollout, .target = T("weu"), .step = 0,
        .attempt = 1, .release = T("1.0.0"));
}

#define HOTFIX                                                                                     \
    "{\"debts\":[{\"debt\":\"gate:scan\",\"owner\":\"bob\",\"due\":7},{\"debt\":\"hotfix\","       \
    "\"owner\":\"bob\",\"due\":9}]}"

START_TEST(test_debts__are_opened_by_a_request_and_closed_by_name)
{
    int64_t hotfix = ask("hotfix", HOTFIX);

    is_open("1 gate:scan by bob due 7;1 hotfix by bob due 9;", 2);
    say(ledger, PROD, 3, gate_evaluated, .rollout = hotfix, .gate = T("scan"),
        .verdict = T("failed"));
    is_open("1 gate:scan by bob due 7;1 hotfix by bob due 9;", 2);
    say(ledger, PROD, 4, gate_evaluated, .rollout = hotfix, .gate = T("scan"),
        .verdict = T("passed"));
    is_open("1 hotfix by bob due 9;", 1);
    say(ledger, PROD, 5, debt_closed, .rollout = hotfix, .debt = T("hotfix"));
    is_open("", 0);
}
END_TEST

START_TEST(test_debts__of_what_sent_nothing_are_forgotten)
{
    int64_t hotfix = ask("hotfix", HOTFIX);

    say(ledger, PROD, 3, rollout_refused, .rollout = hotfix);
    is_open("", 0);
    hotfix = ask("hotfix", HOTFIX);
    send_it(hotfix);
    say(ledger, PROD, 3, rollout_failed, .rollout = hotfix);
    is_open("3 gate:scan by bob due 7;3 hotfix by bob due 9;", 2);
}
END_TEST

START_TEST(test_debts__a_release_that_contains_the_fix_closes_it_by_its_success)
{
    int64_t hotfix = ask("hotfix", HOTFIX), release;

    send_it(hotfix);
    say(ledger, PROD, 3, rollout_succeeded, .rollout = hotfix);
    release = ask("release", "{\"contains\":[1]}");
    send_it(release);
    is_open("1 gate:scan by bob due 7;1 hotfix by bob due 9;", 2);
    say(ledger, PROD, 3, rollout_succeeded, .rollout = release);
    is_open("1 gate:scan by bob due 7;", 1);
    ask("rollback", "{\"reopens\":[1]}");
    is_open("1 gate:scan by bob due 7;1 hotfix by bob due 9;", 2);
}
END_TEST

START_TEST(test_debts__a_release_that_failed_closes_nothing)
{
    int64_t hotfix = ask("hotfix", HOTFIX), release;

    send_it(hotfix);
    say(ledger, PROD, 3, rollout_succeeded, .rollout = hotfix);
    release = ask("release", "{\"contains\":[1]}");
    send_it(release);
    say(ledger, PROD, 3, rollout_failed, .rollout = release);
    is_open("1 gate:scan by bob due 7;1 hotfix by bob due 9;", 2);
}
END_TEST

static struct roll_error *take_state(void *user, const struct roll_rollout_row *row)
{
    g_strlcpy(user, row->state, 32);
    return NULL;
}

static void is_state(int64_t rollout, const char *expected)
{
    struct roll_rollout_query query = {.stream = PROD, .number = rollout};
    char state[32] = "";

    ck_ok(roll_ledger_rollouts(ledger, &query, take_state, state));
    ck_assert_str_eq(state, expected);
}

START_TEST(test_debts__what_waits_starts_with_a_claim_that_does_not_settle)
{
    int64_t rollout =
        say_with(ledger, PROD, 1, "{}", rollout_requested, .lane = T("release"), .kind = T("out"),
                 .order = digest_of("{}"), .targets = 1, .driver = T("d"));

    is_state(rollout, "waiting");
    say(ledger, PROD, 2, rollout_claimed, .rollout = rollout, .driver = T("d"), .host = T("h"),
        .until = 5, .settle = true);
    is_state(rollout, "waiting");
    say(ledger, PROD, 3, rollout_claimed, .rollout = rollout, .driver = T("d"), .host = T("h"),
        .until = 6);
    is_state(rollout, "requested");
}
END_TEST

/* A ledger of before there were debts: the table is made, and its streams are folded again. */
START_TEST(test_debts__an_older_ledger_gets_them)
{
    ask("hotfix", HOTFIX);
    ck_ok(roll_sql_script(ledger->sql,
                          "DROP TABLE debts; DROP TABLE notices; DROP TABLE looks; "
                          "DROP TABLE adopted; DROP TABLE prunes; DROP INDEX events_joins; DROP "
                          "INDEX steps_open; DROP INDEX targets_floor; "
                          "DROP INDEX rollouts_stream; DROP TABLE remote; DROP TABLE store; "
                          "DROP TABLE pending; UPDATE streams SET projection = 2"));
    ck_ok(roll_sql_pragma_set(ledger->sql, "user_version", 2));
    roll_ledger_close(ledger);
    ledger = place_open(&place, ROLL_LEDGER_WRITE);
    is_open("1 gate:scan by bob due 7;1 hotfix by bob due 9;", 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: debts");
    TCase *tcase = tcase_create("debts");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_debts__are_opened_by_a_request_and_closed_by_name);
    tcase_add_test(tcase, test_debts__of_what_sent_nothing_are_forgotten);
    tcase_add_test(tcase, test_debts__a_release_that_contains_the_fix_closes_it_by_its_success);
    tcase_add_test(tcase, test_debts__a_release_that_failed_closes_nothing);
    tcase_add_test(tcase, test_debts__what_waits_starts_with_a_claim_that_does_not_settle);
    tcase_add_test(tcase, test_debts__an_older_ledger_gets_them);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
