/* What a schedule asks for, by example. */
#include <check.h>
#include <stdlib.h>

#include "rollbook/calendar.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

#define HOUR_MS INT64_C(3600000)

static char daily[] = "daily", prod[] = "prod", ten[] = "0 10 * * *", utc[] = "UTC",
            berlin[] = "Europe/Berlin", half_past_two[] = "*/30 2 * * *";

static int64_t at(const char *text)
{
    int64_t ms = 0;
    roll_auto(error) struct roll_error *err = text ? roll_time_parse(text, &ms) : NULL;

    ck_assert_ptr_null(err);
    return ms;
}

static char *shown(int64_t ms)
{
    char text[ROLL_TIME_SIZE];

    if (ms == ROLL_NEVER)
        return g_strdup("never");
    roll_time_format(ms, text);
    return ms ? g_strndup(text, 16) : g_strdup("-");
}

static void assert_due(const struct roll_plan_schedule *schedule, const char *now,
                       const char *known, const char *expected)
{
    static const char *const steps[] = {"nothing", "request", "skip", "expire"};
    struct roll_slot_due due;
    roll_auto(error) struct roll_error *err = roll_slot_next(schedule, at(now), at(known), &due);

    ck_assert_ptr_null(err);
    g_autofree char *slot = shown(due.at), *expires = shown(due.expires), *wake = shown(due.wake);
    g_autofree char *got =
        g_strdup_printf("%s %s until %s wake %s", steps[due.step], slot, expires, wake);
    ck_assert_str_eq(got, expected);
}

static struct roll_plan_schedule schedule(void)
{
    return (struct roll_plan_schedule){
        .name = daily, .environment = prod, .cron = ten, .zone = utc};
}

START_TEST(test_slots__a_time_that_has_come_is_requested)
{
    struct roll_plan_schedule daily_ten = schedule();

    assert_due(&daily_ten, "2026-11-22T09:59:59Z", "2026-11-21T10:00:00Z",
               "nothing 2026-11-22T10:00 until - wake 2026-11-22T10:00");
    assert_due(&daily_ten, "2026-11-22T10:00:00Z", "2026-11-21T10:00:00Z",
               "request 2026-11-22T10:00 until 2026-11-23T10:00 wake 2026-11-23T10:00");
    assert_due(&daily_ten, "2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z",
               "nothing 2026-11-23T10:00 until - wake 2026-11-23T10:00");
}
END_TEST

START_TEST(test_slots__missed_ones_are_skipped_unless_the_plan_says_run)
{
    struct roll_plan_schedule daily_ten = schedule();

    assert_due(&daily_ten, "2026-11-22T10:15:00Z", "2026-11-21T10:00:00Z",
               "request 2026-11-22T10:00 until 2026-11-23T10:00 wake 2026-11-23T10:00");
    assert_due(&daily_ten, "2026-11-22T10:15:01Z", "2026-11-21T10:00:00Z",
               "skip 2026-11-22T10:00 until 2026-11-23T10:00 wake 2026-11-23T10:00");
    daily_ten.run_missed = true;
    assert_due(&daily_ten, "2026-11-23T09:59:59Z", "2026-11-20T10:00:00Z",
               "request 2026-11-22T10:00 until 2026-11-23T10:00 wake 2026-11-23T10:00");
    daily_ten.expires_ms = 2 * HOUR_MS;
    assert_due(&daily_ten, "2026-11-22T11:59:59Z", "2026-11-20T10:00:00Z",
               "request 2026-11-22T10:00 until 2026-11-22T12:00 wake 2026-11-23T10:00");
    assert_due(&daily_ten, "2026-11-22T12:00:00Z", "2026-11-20T10:00:00Z",
               "expire 2026-11-22T10:00 until 2026-11-22T12:00 wake 2026-11-23T10:00");
}
END_TEST

START_TEST(test_slots__a_new_schedule_does_not_make_up_for_its_past)
{
    struct roll_plan_schedule daily_ten = schedule();

    daily_ten.run_missed = true;
    assert_due(&daily_ten, "2026-11-22T12:00:00Z", NULL,
               "skip 2026-11-22T10:00 until 2026-11-23T10:00 wake 2026-11-23T10:00");
    assert_due(&daily_ten, "2026-11-22T10:01:00Z", NULL,
               "request 2026-11-22T10:00 until 2026-11-23T10:00 wake 2026-11-23T10:00");
}
END_TEST

static void assert_missed(const struct roll_plan_schedule *schedule, const char *now,
                          const char *known, const char *due, const char *expected)
{
    static const char *const steps[] = {"nothing", "request", "skip", "expire"};
    g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(struct roll_slot_due));
    g_autoptr(GString) got = g_string_new(NULL);
    int64_t earlier = -1;
    roll_auto(error) struct roll_error *err =
        roll_slot_missed(schedule, at(now), at(known), at(due), slots, &earlier);

    ck_assert_ptr_null(err);
    for (guint i = 0; i < slots->len; i++) {
        const struct roll_slot_due *slot = &g_array_index(slots, struct roll_slot_due, i);
        g_autofree char *time = shown(slot->at);
        g_string_append_printf(got, "%s %s, ", steps[slot->step], time);
    }
    g_string_append_printf(got, "%" G_GINT64_FORMAT " earlier", (gint64)earlier);
    ck_assert_str_eq(got->str, expected);
}

START_TEST(test_slots__those_that_a_newer_one_has_overtaken_are_told)
{
    struct roll_plan_schedule daily_ten = schedule();
    g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(struct roll_slot_due));
    int64_t earlier = 0;

    assert_missed(&daily_ten, "2026-11-22T10:01:00Z", "2026-11-21T10:00:00Z",
                  "2026-11-22T10:00:00Z", "0 earlier");
    assert_missed(&daily_ten, "2026-11-22T10:01:00Z", "2026-11-19T10:00:00Z",
                  "2026-11-22T10:00:00Z",
                  "skip 2026-11-20T10:00, skip 2026-11-21T10:00, 0 earlier");
    daily_ten.run_missed = true;
    assert_missed(&daily_ten, "2026-11-22T10:01:00Z", "2026-11-20T10:00:00Z",
                  "2026-11-22T10:00:00Z", "expire 2026-11-21T10:00, 0 earlier");
    daily_ten.expires_ms = 36 * HOUR_MS;
    assert_missed(&daily_ten, "2026-11-22T10:01:00Z", "2026-11-19T10:00:00Z",
                  "2026-11-22T10:00:00Z",
                  "expire 2026-11-20T10:00, request 2026-11-21T10:00, 0 earlier");
    /* never seen; and another time than the plan's of today */
    assert_missed(&daily_ten, "2026-11-22T10:01:00Z", NULL, "2026-11-22T10:00:00Z", "0 earlier");
    assert_missed(&daily_ten, "2026-11-22T10:01:00Z", "2026-11-19T09:00:00Z",
                  "2026-11-22T10:00:00Z", "0 earlier");
    struct roll_error *err =
        roll_slot_missed(&daily_ten, at("2026-11-22T10:01:00Z"), at("2026-10-01T10:00:00Z"),
                         at("2026-11-22T10:00:00Z"), slots, &earlier);
    ck_assert_ptr_null(err);
    ck_assert_uint_eq(slots->len, ROLL_SLOT_MISSED_MAX);
    ck_assert_int_eq(earlier, 51 - ROLL_SLOT_MISSED_MAX);
}
END_TEST

START_TEST(test_slots__a_pending_one_is_requested_before_its_time)
{
    struct roll_plan_schedule daily_ten = schedule();

    daily_ten.ask_ms = 4 * HOUR_MS;
    daily_ten.expires_ms = 2 * HOUR_MS;
    assert_due(&daily_ten, "2026-11-22T05:59:59Z", "2026-11-21T10:00:00Z",
               "nothing 2026-11-22T10:00 until - wake 2026-11-22T06:00");
    assert_due(&daily_ten, "2026-11-22T06:00:00Z", "2026-11-21T10:00:00Z",
               "request 2026-11-22T10:00 until 2026-11-22T12:00 wake 2026-11-22T06:00");
    assert_due(&daily_ten, "2026-11-22T06:00:01Z", "2026-11-22T10:00:00Z",
               "nothing 2026-11-23T10:00 until - wake 2026-11-23T06:00");
}
END_TEST

START_TEST(test_slots__a_night_of_change_has_each_once)
{
    struct roll_plan_schedule night = schedule();

    night.cron = half_past_two;
    night.zone = berlin;
    assert_due(&night, "2026-03-29T01:00:00Z", "2026-03-28T01:30:00Z",
               "request 2026-03-29T01:00 until 2026-03-30T00:00 wake 2026-03-30T00:00");
    assert_due(&night, "2026-03-29T01:30:00Z", "2026-03-29T01:00:00Z",
               "nothing 2026-03-30T00:00 until - wake 2026-03-30T00:00");
    assert_due(&night, "2026-10-25T01:30:00Z", "2026-10-25T00:30:00Z",
               "nothing 2026-10-26T01:00 until - wake 2026-10-26T01:00");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy: slots");
    TCase *tests = tcase_create("slots");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, test_slots__a_time_that_has_come_is_requested);
    tcase_add_test(tests, test_slots__missed_ones_are_skipped_unless_the_plan_says_run);
    tcase_add_test(tests, test_slots__a_new_schedule_does_not_make_up_for_its_past);
    tcase_add_test(tests, test_slots__those_that_a_newer_one_has_overtaken_are_told);
    tcase_add_test(tests, test_slots__a_pending_one_is_requested_before_its_time);
    tcase_add_test(tests, test_slots__a_night_of_change_has_each_once);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
