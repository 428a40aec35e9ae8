/* Cron, zones, windows and freezes by example; tests/calendar compares a whole year with another
 * implementation. */
#include <check.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "suite_tools.h"

static int64_t at(const char *text)
{
    int64_t ms;
    roll_auto(error) struct roll_error *err = roll_time_parse(text, &ms);
    ck_assert_msg(!err, "%s", text);
    return ms;
}

static struct roll_zone *zone(const char *name)
{
    struct roll_zone *found;
    roll_auto(error) struct roll_error *err = roll_zone_open(name, &found);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    return found;
}

static void assert_time(int64_t got, const char *expected)
{
    char text[ROLL_TIME_SIZE];
    if (got == ROLL_NEVER)
        g_strlcpy(text, "never", sizeof text);
    else
        roll_time_format(got, text);
    ck_assert_str_eq(text, expected);
}

/* ---- cron ----------------------------------------------------------------------------------- */

static void assert_refused(const char *text, const char *part)
{
    struct roll_cron cron;
    roll_auto(error) struct roll_error *err = roll_cron_parse(text, &cron);
    ck_assert_msg(roll_error_code(err) == ROLL_E_INVALID, "'%s' was accepted", text);
    ck_assert_msg(strstr(err->message, part), "'%s': %s", text, err->message);
}

START_TEST(test_calendar__cron_errors_say_where)
{
    assert_refused("", "column 1 (minute): expected a further field");
    assert_refused("* * * *", "column 8 (day of week): expected a further field");
    assert_refused("* * * * * *", "expected nothing after the fifth field");
    assert_refused("60 * * * *", "column 1 (minute): expected a number from 0 to 59");
    assert_refused("* 24 * * *", "column 3 (hour)");
    assert_refused("* * 0 * *", "column 5 (day of month): expected a number from 1 to 31");
    assert_refused("* * * 13 *", "column 7 (month)");
    assert_refused("* * * * 8",
                   "column 9 (day of week): expected a number from 0 to 7 or a name such as MON");
    assert_refused("* * * MON *", "column 7 (month)");
    assert_refused("* * * * MOND", "column 9");
    assert_refused("* * * * FRI-TUE", "column 9 (day of week): expected a range that goes upwards");
    assert_refused("5/15 * * * *", "column 2 (minute): expected a range before a step");
    assert_refused("*/0 * * * *", "column 3 (minute): expected a step from 1 on");
    assert_refused("1,,2 * * * *", "column 3 (minute)");
    assert_refused("1- * * * *", "column 3 (minute)");
    assert_refused("99999999999999999999 * * * *", "column 1 (minute)");
    assert_refused("1;2 * * * *",
                   "column 2 (minute): expected ',', '-', '/' or the end of the field");
    assert_refused("@daily", "@ names are none");
}
END_TEST

START_TEST(test_calendar__a_date_that_never_comes_is_refused)
{
    struct roll_cron cron;
    assert_refused("0 0 30 2 *", "never comes");
    assert_refused("0 0 31 4,6,9,11 *", "never comes");
    assert_refused("0 0 30,31 FEB */2", "never comes");
    ck_assert_ptr_null(roll_cron_parse("0 0 29 2 *", &cron));
    ck_assert_ptr_null(roll_cron_parse("0 0 30 2 MON", &cron)); /* every Monday of February */
    ck_assert_ptr_null(roll_cron_parse("0 0 31 2,3 *", &cron));
}
END_TEST

static void assert_next(const char *text, const char *zone_name, const char *after,
                        const char *expected)
{
    struct roll_cron cron;
    roll_auto(error) struct roll_error *err = roll_cron_parse(text, &cron);
    roll_auto(zone) struct roll_zone *in = zone(zone_name);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    assert_time(roll_cron_next(&cron, in, at(after)), expected);
}

START_TEST(test_calendar__cron_fields)
{
    assert_next("*/20 * * * *", "UTC", "2026-11-22T10:05:00Z", "2026-11-22T10:20:00Z");
    assert_next("*/20 * * * *", "UTC", "2026-11-22T10:20:00Z", "2026-11-22T10:40:00Z");
    assert_next("5-59/15 * * * *", "UTC", "2026-11-22T10:50:00.001Z", "2026-11-22T11:05:00Z");
    assert_next("0 10 * * TUE,THU", "UTC", "2026-11-22T10:00:00Z", "2026-11-24T10:00:00Z");
    assert_next("0 10 * * tue,Thu", "UTC", "2026-11-24T10:00:00Z", "2026-11-26T10:00:00Z");
    assert_next("0 0 * * 7", "UTC", "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z");
    assert_next("0 0 * * FRI-SUN", "UTC", "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z");
    assert_next("0 0 * * 0", "UTC", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z");
    assert_next("  30   6  1 JAN-MAR/2   * ", "UTC", "2026-01-02T00:00:00Z",
                "2026-03-01T06:30:00Z");
}
END_TEST

/* crontab(5): two restricted day fields are met by either; one that begins with a star must be met
 * too. */
START_TEST(test_calendar__cron_days_of_month_and_week)
{
    assert_next("0 0 13 * FRI", "UTC", "2026-11-01T00:00:00Z", "2026-11-06T00:00:00Z");
    assert_next("0 0 10 * FRI", "UTC", "2026-11-07T00:00:00Z", "2026-11-10T00:00:00Z");
    assert_next("0 0 */13 * FRI", "UTC", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z");
    assert_next("0 0 29 2 */7", "UTC", "2026-01-01T00:00:00Z", "2032-02-29T00:00:00Z");
    assert_next("0 0 29 2 */7", "UTC", "2088-03-01T00:00:00Z",
                "2128-02-29T00:00:00Z"); /* 2100 is no leap year */
}
END_TEST

START_TEST(test_calendar__a_gap_runs_once_after_it)
{
    /* 02:00 to 03:00 does not exist in Berlin on March 29, 2026 */
    assert_next("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z");
    assert_next("30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z");
    assert_next("*/10 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z");
    /* half an hour on Lord Howe */
    assert_next("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00Z",
                "2026-10-03T15:30:00Z");
}
END_TEST

START_TEST(test_calendar__a_doubled_time_runs_once_at_the_first)
{
    assert_next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z");
    assert_next("30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z");
    assert_next("*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z");
    assert_next("*/30 * * * *", "Europe/Berlin", "2026-10-25T01:15:00Z", "2026-10-25T02:00:00Z");
}
END_TEST

START_TEST(test_calendar__previous_is_the_inverse_of_next)
{
    static const char *const crons[] = {"*/7 * * * *", "30 2 * * *", "0 10 * * TUE,THU",
                                        "15,45 1-3 29 3,10 SUN"};
    static const char *const zones[] = {"UTC", "Europe/Berlin", "America/New_York",
                                        "Australia/Lord_Howe"};

    for (size_t i = 0; i < G_N_ELEMENTS(crons); i++) {
        for (size_t j = 0; j < G_N_ELEMENTS(zones); j++) {
            struct roll_cron cron;
            roll_auto(zone) struct roll_zone *in = zone(zones[j]);
            ck_assert_ptr_null(roll_cron_parse(crons[i], &cron));
            int64_t now = at("2026-03-01T00:00:00Z");
            for (int n = 0; n < 3000; n++) {
                int64_t next = roll_cron_next(&cron, in, now);
                if (n > 0)
                    ck_assert_int_eq(roll_cron_previous(&cron, in, next - 1), now);
                ck_assert_int_eq(roll_cron_previous(&cron, in, next), next);
                now = next;
            }
        }
    }
}
END_TEST

START_TEST(test_calendar__outside_of_its_years_nothing_happens)
{
    struct roll_cron cron;
    roll_auto(zone) struct roll_zone *utc = zone("UTC");
    ck_assert_ptr_null(roll_cron_parse("* * * * *", &cron));
    ck_assert_int_eq(roll_cron_next(&cron, utc, INT64_MAX), ROLL_NEVER);
    ck_assert_int_eq(roll_cron_next(&cron, utc, INT64_MIN), ROLL_NEVER);
    ck_assert_int_eq(roll_cron_previous(&cron, utc, INT64_MAX), ROLL_NEVER);
    ck_assert_int_eq(roll_cron_previous(&cron, utc, -1), ROLL_NEVER);
    ck_assert_int_eq(roll_cron_previous(&cron, utc, 0), 0);
}
END_TEST

/* ---- zones ---------------------------------------------------------------------------------- */

START_TEST(test_calendar__what_is_no_zone_is_refused)
{
    static const char *const wrong[] = {
        "Europe/Berln", "",       "Foo5",      "+01:00",           "/etc/localtime",
        "Europe/",      "Europe", "CET-1CEST", "../../etc/passwd", "Europe//Berlin"};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        struct roll_zone *found = NULL;
        roll_auto(error) struct roll_error *err = roll_zone_open(wrong[i], &found);
        ck_assert_msg(roll_error_code(err) == ROLL_E_NOT_FOUND, "'%s' is a zone", wrong[i]);
        ck_assert_ptr_null(found);
        ck_assert(!roll_zone_plausible(wrong[i]));
    }
    ck_assert(roll_zone_plausible("Europe/Berlin"));
    ck_assert(roll_zone_plausible("Etc/GMT+5"));
}
END_TEST

START_TEST(test_calendar__without_a_database_utc_is_there_and_others_say_why)
{
    g_setenv("TZDIR", "/nonexistent", TRUE);
    struct roll_zone *found = NULL;
    roll_auto(error) struct roll_error *err = roll_zone_open("Europe/Berlin", &found);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err->message, "no time zone database in '/nonexistent'"));
    ck_assert(roll_zone_plausible(
        "Europe/Berlin")); /* a rollback needs no database: the plan is not refused */
    roll_auto(zone) struct roll_zone *utc = zone("UTC");
    ck_assert_int_eq(roll_zone_local(utc, 12345), 12345);
}
END_TEST

/* ---- windows and freezes -------------------------------------------------------------------- */

static struct roll_calendar *calendar(const char *windows, const char *freezes)
{
    json_t *w = json_loads(windows, 0, NULL), *f = json_loads(freezes, 0, NULL);
    struct roll_calendar *made = NULL;
    roll_auto(error) struct roll_error *err = roll_calendar_new(w, f, &made);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    json_decref(w);
    json_decref(f);
    return made;
}

static void assert_state(const struct roll_calendar *calendar, const char *when,
                         const char *expected)
{
    struct roll_calendar_state state;
    char until[ROLL_TIME_SIZE] = "never";
    roll_calendar_at(calendar, at(when), &state);
    if (state.until != ROLL_NEVER)
        roll_time_format(state.until, until);
    g_autofree char *got = g_strdup_printf("%s by %s until %s%s", state.open ? "open" : "closed",
                                           state.rule ? state.rule->name : "nothing",
                                           state.at_least ? "at least " : "", until);
    ck_assert_str_eq(got, expected);
    ck_assert_int_eq(roll_calendar_opens(calendar, at(when)), state.open ? at(when) : state.until);
}

#define HOURS                                                                                      \
    "{\"name\":\"hours\",\"cron\":\"0 9 * * "                                                      \
    "MON-THU\",\"for\":\"PT8H\",\"zone\":\"Europe/Berlin\"}"
#define CHRISTMAS                                                                                  \
    "{\"name\":\"christmas\",\"from\":\"2026-12-20T00:00\",\"to\":\"2027-01-03T00:00\",\"zone\":"  \
    "\"Europe/Berlin\"}"

START_TEST(test_calendar__windows_open_and_close)
{
    roll_auto(calendar) struct roll_calendar *hours = calendar("[" HOURS "]", "[]");
    assert_state(hours, "2026-11-23T07:59:59.999Z", "closed by hours until 2026-11-23T08:00:00Z");
    assert_state(hours, "2026-11-23T08:00:00Z", "open by hours until 2026-11-23T16:00:00Z");
    assert_state(hours, "2026-11-23T15:59:59.999Z", "open by hours until 2026-11-23T16:00:00Z");
    assert_state(hours, "2026-11-26T16:00:00Z", "closed by hours until 2026-11-30T08:00:00Z");
}
END_TEST

START_TEST(test_calendar__without_rules_it_is_always_open)
{
    roll_auto(calendar) struct roll_calendar *none = calendar("[]", "[]");
    assert_state(none, "2026-11-23T08:00:00Z", "open by nothing until never");
    roll_auto(calendar) struct roll_calendar *freeze = calendar("[]", "[" CHRISTMAS "]");
    assert_state(freeze, "2026-11-23T08:00:00Z", "open by nothing until 2026-12-19T23:00:00Z");
    assert_state(freeze, "2026-12-24T00:00:00Z", "closed by christmas until 2027-01-02T23:00:00Z");
    assert_state(freeze, "2027-01-02T23:00:00Z", "open by nothing until never");
}
END_TEST

START_TEST(test_calendar__a_freeze_wins_over_a_window)
{
    roll_auto(calendar) struct roll_calendar *both = calendar("[" HOURS "]", "[" CHRISTMAS "]");
    assert_state(both, "2026-12-21T10:00:00Z", "closed by christmas until 2027-01-04T08:00:00Z");
    assert_state(both, "2026-12-18T10:00:00Z", "closed by hours until 2027-01-04T08:00:00Z");
    roll_auto(calendar) struct roll_calendar *cut =
        calendar("[" HOURS "]",
                 "[{\"name\":\"a\",\"from\":\"2026-11-23T12:00\",\"to\":\"2026-11-23T13:00\"},"
                 "{\"name\":\"b\",\"from\":\"2026-11-23T12:30\",\"to\":\"2026-11-23T14:00\"}]");
    assert_state(cut, "2026-11-23T08:00:00Z", "open by hours until 2026-11-23T12:00:00Z");
    assert_state(cut, "2026-11-23T12:45:00Z", "closed by b until 2026-11-23T14:00:00Z");
    assert_state(cut, "2026-11-23T14:00:00Z", "open by hours until 2026-11-23T16:00:00Z");
}
END_TEST

START_TEST(test_calendar__overlapping_windows_are_one)
{
    roll_auto(calendar) struct roll_calendar *two =
        calendar("[{\"name\":\"a\",\"cron\":\"0 9 * * *\",\"for\":\"PT2H\"},"
                 "{\"name\":\"b\",\"cron\":\"30 10 * * *\",\"for\":\"PT2H\"},"
                 "{\"name\":\"c\",\"cron\":\"30 12 * * *\",\"for\":\"PT30M\"}]",
                 "[]");
    assert_state(two, "2026-11-23T09:00:00Z", "open by a until 2026-11-23T13:00:00Z");
    assert_state(two, "2026-11-23T13:00:00Z", "closed by a until 2026-11-24T09:00:00Z");
    roll_auto(calendar) struct roll_calendar *daily = calendar(
        "[{\"name\":\"day\",\"cron\":\"0 0 * * *\",\"for\":\"PT30H\"}]", "[" CHRISTMAS "]");
    assert_state(daily, "2026-11-23T09:00:00Z", "open by day until 2026-12-19T23:00:00Z");
}
END_TEST

START_TEST(test_calendar__says_since_when_it_is_open)
{
    roll_auto(calendar) struct roll_calendar *hours = calendar("[" HOURS "]", "[" CHRISTMAS "]");
    assert_time(roll_calendar_opened(hours, at("2026-11-23T12:00:00Z")), "2026-11-23T08:00:00Z");
    roll_auto(calendar) struct roll_calendar *freeze = calendar("[]", "[" CHRISTMAS "]");
    assert_time(roll_calendar_opened(freeze, at("2027-02-01T12:00:00Z")), "2027-01-02T23:00:00Z");
    ck_assert_int_eq(roll_calendar_opened(freeze, at("2026-02-01T12:00:00Z")), 0);
}
END_TEST

/* A window's length is elapsed time: the night of the change does not shorten it by the clock on
 * the wall. */
START_TEST(test_calendar__a_windows_length_is_elapsed_time)
{
    roll_auto(calendar) struct roll_calendar *night =
        calendar("[{\"name\":\"night\",\"cron\":\"0 22 * * "
                 "SAT\",\"for\":\"PT8H\",\"zone\":\"Europe/Berlin\"}]",
                 "[]");
    assert_state(night, "2026-03-28T21:00:00Z",
                 "open by night until 2026-03-29T05:00:00Z"); /* 07:00 there */
    assert_state(night, "2026-10-24T20:00:00Z",
                 "open by night until 2026-10-25T04:00:00Z"); /* 05:00 there */
}
END_TEST

START_TEST(test_calendar__a_search_is_bounded)
{
    roll_auto(calendar) struct roll_calendar *always =
        calendar("[{\"name\":\"all\",\"cron\":\"* * * * *\",\"for\":\"PT2M\"}]", "[]");
    struct roll_calendar_state state;
    roll_calendar_at(always, at("2026-11-23T09:00:00Z"), &state);
    ck_assert(state.open && state.at_least && state.until > at("2026-11-26T00:00:00Z"));
    roll_auto(calendar) struct roll_calendar *never =
        calendar("[{\"name\":\"all\",\"cron\":\"* * * * *\",\"for\":\"PT2M\"}]",
                 "[{\"name\":\"end\",\"from\":\"2026-01-01T00:00\",\"to\":\"9999-12-31T00:00\"}]");
    assert_state(never, "2026-11-23T09:00:00Z", "closed by end until never");
}
END_TEST

START_TEST(test_calendar__a_rule_that_cannot_be_read_is_named)
{
    static const char *const wrong[] = {
        "[{\"name\":\"w\",\"cron\":\"0 9 * *\",\"for\":\"PT8H\"}]",
        "[{\"name\":\"w\",\"cron\":\"0 9 * * *\",\"for\":\"PT0S\"}]",
        "[{\"name\":\"w\",\"cron\":\"0 9 * * *\",\"for\":\"PT8H\",\"zone\":\"Mars/Olympus\"}]",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        json_t *windows = json_loads(wrong[i], 0, NULL);
        struct roll_calendar *made = NULL;
        roll_auto(error) struct roll_error *err = roll_calendar_new(windows, NULL, &made);
        json_decref(windows);
        ck_assert_ptr_nonnull(err);
        ck_assert_ptr_null(made);
        ck_assert_ptr_nonnull(strstr(err->message, "window 'w'"));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calendar");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, test_calendar__cron_errors_say_where);
    tcase_add_test(tests, test_calendar__a_date_that_never_comes_is_refused);
    tcase_add_test(tests, test_calendar__cron_fields);
    tcase_add_test(tests, test_calendar__cron_days_of_month_and_week);
    tcase_add_test(tests, test_calendar__a_gap_runs_once_after_it);
    tcase_add_test(tests, test_calendar__a_doubled_time_runs_once_at_the_first);
    tcase_add_test(tests, test_calendar__previous_is_the_inverse_of_next);
    tcase_add_test(tests, test_calendar__outside_of_its_years_nothing_happens);
    tcase_add_test(tests, test_calendar__what_is_no_zone_is_refused);
    tcase_add_test(tests, test_calendar__without_a_database_utc_is_there_and_others_say_why);
    tcase_add_test(tests, test_calendar__windows_open_and_close);
    tcase_add_test(tests, test_calendar__without_rules_it_is_always_open);
    tcase_add_test(tests, test_calendar__a_freeze_wins_over_a_window);
    tcase_add_test(tests, test_calendar__overlapping_windows_are_one);
    tcase_add_test(tests, test_calendar__says_since_when_it_is_open);
    tcase_add_test(tests, test_calendar__a_windows_length_is_elapsed_time);
    tcase_add_test(tests, test_calendar__a_search_is_bounded);
    tcase_add_test(tests, test_calendar__a_rule_that_cannot_be_read_is_named);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
