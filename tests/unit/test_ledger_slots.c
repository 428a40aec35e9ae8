/* Slots: each time of a schedule counts once, by request or by being passed. */
#include "ledger/store.h"
#include "ledger_one.h"

#define TUESDAY INT64_C(1795597200000) /* 2026-11-25T09:00:00Z */
#define DAY INT64_C(86400000)

static struct roll_slot_row slot(const char *schedule, int64_t at)
{
    struct roll_slot_row row;

    ck_ok(roll_ledger_slot(ledger, PROD, schedule, at, &row));
    return row;
}

static int64_t take(const char *schedule, int64_t at)
{
    g_autofree char *key = roll_slot_key(schedule, at);

    return say_with(ledger, PROD, 1, "{}", rollout_requested, .lane = T("release"),
                    .kind = T("out"), .release = T("1.0.0"), .order = digest_of("{}"), .targets = 1,
                    .slot = key);
}

START_TEST(test_slots__are_taken_by_requests_and_passed_by_word)
{
    ck_assert(!slot("weekly", 0).there);
    int64_t rollout = take("weekly", TUESDAY);
    ck_assert_int_eq(slot("weekly", TUESDAY).rollout, rollout);
    ck_assert(!slot("weekly", TUESDAY + DAY).there);
    ck_assert(!slot("daily", TUESDAY).there);
    g_autofree char *key = roll_slot_key("weekly", TUESDAY + DAY);
    ck_assert_str_eq(key, "weekly@2026-11-26T09:00:00Z");
    say(ledger, PROD, 2, slot_passed, .slot = key, .fate = T("skipped"));
    ck_assert_str_eq(slot("weekly", TUESDAY + DAY).fate, "skipped");
    ck_assert_int_eq(slot("weekly", 0).at, TUESDAY + DAY);
}
END_TEST

START_TEST(test_slots__the_first_word_stands)
{
    g_autofree char *key = roll_slot_key("weekly", TUESDAY);

    say(ledger, PROD, 1, slot_passed, .slot = key, .fate = T("expired"));
    take("weekly", TUESDAY);
    ck_assert_int_eq(slot("weekly", TUESDAY).rollout, 0);
    ck_assert_str_eq(slot("weekly", TUESDAY).fate, "expired");
}
END_TEST

START_TEST(test_slots__a_key_of_another_form_does_no_harm)
{
    say(ledger, PROD, 1, slot_passed, .slot = T("weekly"), .fate = T("skipped"));
    say(ledger, PROD, 2, slot_passed, .slot = T("weekly@noon"),
        .fate = T("postponed-by-a-newer-program"));
    ck_assert_str_eq(slot("weekly", 0).fate, "skipped");
    ck_assert_str_eq(slot("weekly@noon", 0).fate, "postponed-by-a-");
}
END_TEST

/* A ledger of before there were slots: the table is made, and its streams are folded again. */
START_TEST(test_slots__an_older_ledger_gets_them)
{
    take("weekly", TUESDAY);
    ck_ok(roll_sql_script(ledger->sql, "DROP TABLE slots; DROP TABLE debts; DROP TABLE notices; "
                                       "DROP TABLE looks; DROP TABLE prunes; DROP TABLE adopted; "
                                       "DROP INDEX events_joins; DROP INDEX rollouts_stream; DROP "
                                       "INDEX steps_open; DROP INDEX targets_floor; "
                                       "DROP TABLE remote; DROP TABLE store; DROP TABLE pending; "
                                       "UPDATE streams SET projection = 1"));
    ck_ok(roll_sql_pragma_set(ledger->sql, "user_version", 1));
    roll_ledger_close(ledger);
    ledger = place_open(&place, ROLL_LEDGER_WRITE);
    ck_assert_int_gt(slot("weekly", TUESDAY).rollout, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: slots");
    TCase *tcase = tcase_create("slots");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_slots__are_taken_by_requests_and_passed_by_word);
    tcase_add_test(tcase, test_slots__the_first_word_stands);
    tcase_add_test(tcase, test_slots__a_key_of_another_form_does_no_harm);
    tcase_add_test(tcase, test_slots__an_older_ledger_gets_them);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
