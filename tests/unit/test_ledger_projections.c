/* What the projections hold of releases, of what is live, and of targets. */
#include "projection_tools.h"

/* ---- rows, copied ---------------------------------------------------------------------------- */

static int64_t make(const char *version, int64_t data_version, int64_t data_floor)
{
    return say_with(ledger, "shop", 0, "manifest", release_made, .version = T(version),
                    .manifest = digest_of("manifest"), .parts = (char *[]){NULL},
                    .data_version = data_version, .data_floor = data_floor);
}

/* ---- releases -------------------------------------------------------------------------------- */

static struct roll_error *append_version(void *user, const struct roll_release_row *row)
{
    g_string_append_printf(user, "%s ", row->version);
    return NULL;
}

START_TEST(test_releases__newest_first_and_data_is_inherited)
{
    g_autoptr(GString) list = g_string_new(NULL);

    make("1.0", 0, 0);
    make("1.1", 7, 5);
    make("1.10", 0, 0);
    make("1.2", 8, 0);
    ck_ok(roll_ledger_releases(ledger, "shop", append_version, list));
    ck_assert_str_eq(list->str, "1.2 1.10 1.1 1.0 ");
    ck_assert_int_eq(release("1.0").data_version, 0);
    ck_assert_int_eq(release("1.10").data_version, 7);
    ck_assert_int_eq(release("1.10").data_floor, 5);
    ck_assert_int_eq(release("1.2").data_version, 8);
    ck_assert_int_eq(release("1.2").data_floor, 0);
    struct roll_release_row none;
    ck_fails(roll_ledger_release(ledger, "shop", "9", copy_release, &none), ROLL_E_NOT_FOUND);
    ck_fails(roll_ledger_release(ledger, "bank", "1.0", copy_release, &none), ROLL_E_NOT_FOUND);
}
END_TEST

START_TEST(test_releases__the_last_mark_holds_whole)
{
    make("1.0", 0, 0);
    say(ledger, "shop", 0, release_marked, .version = T("1.0"), .verdict = T("bad"),
        .fixed_by = T("abc"), .reason = T("slow"));
    ck_assert_str_eq(release("1.0").verdict, "bad");
    ck_assert_str_eq(release("1.0").fixed_by, "abc");
    ck_assert_str_eq(bad_where("1.0"), "service");
    say(ledger, "shop", 0, release_marked, .version = T("1.0"), .verdict = T("good"));
    ck_assert_str_eq(release("1.0").verdict, "good");
    ck_assert_ptr_null(release("1.0").reason);
    ck_assert_ptr_null(bad_where("1.0"));
    say(ledger, "shop", 0, release_marked, .version = T("1.0"), .verdict = T("none"));
    ck_assert_ptr_null(release("1.0").verdict);
    say(ledger, "shop", 0, release_marked, .version = T("9"), .verdict = T("bad"));
    ck_assert_ptr_null(bad_where("9"));
}
END_TEST

/* ---- live ------------------------------------------------------------------------------------ */

START_TEST(test_live__follows_whole_rollouts)
{
    int64_t one = roll_out(ledger, PROD, 1000, "out", "1.0", both);
    struct roll_environment_row row = environment();

    ck_assert_str_eq(row.live, "1.0");
    ck_assert_str_eq(row.last_good, "1.0");
    ck_assert_ptr_null(row.previous);
    ck_assert_int_eq(row.live_rollout, one);
    ck_assert_int_eq(row.since, 1003);
    ck_assert(row.clean == 2 && row.dirty == 0 && !row.mixed);
    ck_assert(row.open_rollout == 0 && row.last_rollout == one);
    ck_assert_str_eq(row.last_state, "succeeded");
    int64_t two = roll_out(ledger, PROD, 2000, "out", "1.1", both);
    row = environment();
    ck_assert_str_eq(row.live, "1.1");
    ck_assert_str_eq(row.previous, "1.0");
    ck_assert_int_eq(row.live_rollout, two);
    int64_t again = roll_out(ledger, PROD, 3000, "out", "1.1", both);
    row = environment();
    ck_assert_str_eq(row.previous, "1.0"); /* the same version is no new one */
    ck_assert_int_eq(row.live_rollout, again);
}
END_TEST

START_TEST(test_live__is_mixed_target_by_target)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", both);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");
    struct roll_environment_row row = environment();

    ck_assert(row.open_rollout == number && !row.mixed);
    ck_assert_str_eq(row.last_state, "requested");
    intend(ledger, PROD, 2001, number, "weu", "1.1");
    row = environment();
    ck_assert(row.clean == 1 && row.dirty == 1 && row.mixed);
    ck_assert_str_eq(row.live, "1.0");
    ck_assert_str_eq(row.last_state, "running");
    finish(ledger, PROD, 2002, number, "weu", "succeeded");
    row = environment();
    ck_assert(row.clean == 2 && row.dirty == 0 && row.mixed);
    ck_assert_ptr_null(row.live);
    ck_assert_str_eq(row.previous, "1.0");
    intend(ledger, PROD, 2003, number, "neu", "1.1");
    row = environment();
    ck_assert_str_eq(row.live, "1.1");
    ck_assert_int_eq(row.live_rollout, 0); /* not whole yet */
    finish(ledger, PROD, 2004, number, "neu", "failed");
    say(ledger, PROD, 2005, rollout_failed, .rollout = number, .reason = T("boom"));
    row = environment();
    ck_assert(row.clean == 1 && row.dirty == 1 && row.mixed && row.open_rollout == 0);
    ck_assert_str_eq(row.last_good, "1.0");
    ck_assert_str_eq(rollout(number).end_reason, "boom");
    int64_t back = roll_out(ledger, PROD, 3000, "back", "1.0", both);
    row = environment();
    ck_assert_str_eq(row.live, "1.0");
    ck_assert_ptr_null(row.previous); /* 1.1 was never live */
    ck_assert(row.live_rollout == back && row.since == 3003 && !row.mixed);
}
END_TEST

START_TEST(test_live__a_stream_that_is_not_there_calls_nobody)
{
    struct roll_environment_row row = {.clean = 77};

    say(ledger, "shop/staging", 0, hold_set, 0);
    make("1.0", 0, 0);
    ck_ok(roll_ledger_environments(ledger, PROD, copy_environment, &row));
    ck_assert_int_eq(row.clean, 77);
    ck_ok(roll_ledger_environments(ledger, NULL, copy_environment, &row));
    ck_assert_str_eq(row.stream, "shop/staging");
    ck_assert_int_eq(row.clean, 0);
}
END_TEST

/* ---- targets --------------------------------------------------------------------------------- */

START_TEST(test_targets__are_dirty_from_the_intent_to_the_last_good_step)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", weu);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");
    struct roll_target_row row;

    say(ledger, PROD, 2001, step_intended, .rollout = number, .target = T("weu"), .attempt = 1,
        .release = T("1.1"), .floor = 7);
    row = target("weu");
    ck_assert(row.dirty && !row.release && row.dirty_rollout == number && row.floor == 7);
    say(ledger, PROD, 2002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true);
    row = target("weu");
    ck_assert(row.dirty && !row.release); /* another step follows */
    ck_assert_str_eq(row.accepted_release, "1.1");
    ck_assert_int_eq(row.accepted_rollout, number);
    say(ledger, PROD, 2003, step_intended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .release = T("1.1"));
    say(ledger, PROD, 2004, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .outcome = T("skipped"));
    say(ledger, PROD, 2005, step_ended, .rollout = number, .target = T("weu"), .step = 2,
        .attempt = 1, .outcome = T("succeeded"), .last = true); /* a health check */
    row = target("weu");
    ck_assert(!row.dirty && row.rollout == number && row.since == 2005 && row.floor == 7);
    ck_assert_str_eq(row.release, "1.1");
    ck_assert_int_eq(rollout(number).succeeded, 1);
}
END_TEST

START_TEST(test_targets__one_bad_step_keeps_them_dirty)
{
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");

    intend(ledger, PROD, 2001, number, "weu", "1.1");
    say(ledger, PROD, 2002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true);
    say(ledger, PROD, 2003, step_intended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .release = T("1.1"));
    say(ledger, PROD, 2004, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .outcome = T("refused")); /* the action alone was refused */
    say(ledger, PROD, 2005, step_ended, .rollout = number, .target = T("weu"), .step = 2,
        .attempt = 1, .outcome = T("succeeded"), .last = true);
    ck_assert(target("weu").dirty);
    ck_assert(rollout(number).succeeded == 0 && rollout(number).failed == 1);
    /* a later attempt of the same step counts in its place */
    say(ledger, PROD, 2006, step_intended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 2, .release = T("1.1"));
    say(ledger, PROD, 2007, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 2, .outcome = T("succeeded"), .last = true);
    ck_assert_str_eq(target("weu").release, "1.1");
    ck_assert(rollout(number).succeeded == 1 && rollout(number).failed == 0);
}
END_TEST

START_TEST(test_targets__return_to_what_they_held_if_nothing_reached_arm)
{
    int64_t one = roll_out(ledger, PROD, 1000, "out", "1.0", both);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");
    struct roll_target_row row;

    intend(ledger, PROD, 2001, number, "weu", "1.1");
    intend(ledger, PROD, 2001, number, "new", "1.1");
    finish(ledger, PROD, 2002, number, "weu", _i == 0 ? "refused" : "absent");
    finish(ledger, PROD, 2002, number, "new", _i == 0 ? "refused" : "absent");
    row = target("weu");
    ck_assert(!row.dirty && row.rollout == one && row.since == 1002);
    ck_assert_str_eq(row.release, "1.0");
    ck_assert_str_eq(row.accepted_release, "1.0");
    row = target("new"); /* never deployed to, before and after */
    ck_assert(!row.dirty && !row.release);
    say(ledger, PROD, 2003, rollout_failed, .rollout = number);
    struct roll_environment_row about = environment();
    ck_assert(about.clean == 2 && about.dirty == 0 && !about.mixed);
    ck_assert_str_eq(about.live, "1.0");
    ck_assert(about.live_rollout == one && about.since == 1003);
    ck_assert_int_eq(rollout(number).failed, 2);
}
END_TEST

/* By a driver on another replica, which had not heard that it was overruled: the same intent, and
 * another word of what became of it. */
START_TEST(test_targets__keep_what_was_said_of_them_first)
{
    int64_t number = request(ledger, PROD, 1000, "out", "1.0");
    struct roll_target_row row;

    intend(ledger, PROD, 1001, number, "weu", "1.0");
    finish(ledger, PROD, 1002, number, "weu", "succeeded");
    intend(ledger, PROD, 1003, number, "weu", "1.0");
    row = target("weu");
    ck_assert(!row.dirty && row.rollout == number);
    finish(ledger, PROD, 1004, number, "weu", "failed");
    row = target("weu");
    ck_assert(!row.dirty && row.rollout == number && row.since == 1002);
    ck_assert_int_eq(rollout(number).succeeded, 1);
    ck_assert_int_eq(rollout(number).failed, 0);
}
END_TEST

/* A check has no intent, and its first word counts all the same: the target was ended by it. */
START_TEST(test_targets__keep_what_a_check_said_first)
{
    const char *const words[] = {_i ? "succeeded" : "failed", _i ? "failed" : "succeeded"};
    int64_t number = request(ledger, PROD, 1000, "out", "1.0");

    intend(ledger, PROD, 1001, number, "weu", "1.0");
    say(ledger, PROD, 1002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true);
    for (int i = 0; i < 2; i++) {
        say(ledger, PROD, 1003 + i, step_ended, .rollout = number, .target = T("weu"), .step = 1,
            .attempt = 1, .outcome = T(words[i]), .last = true);
        ck_assert(target("weu").dirty == (_i == 0));
        ck_assert_int_eq(rollout(number).succeeded, _i);
        ck_assert_int_eq(rollout(number).failed, 1 - _i);
    }
}
END_TEST

START_TEST(test_targets__stay_dirty_if_anything_may_have_reached_arm)
{
    const char *const first[] = {"failed", "cancelled", "conflict", "refused", "absent"};
    int64_t number;

    roll_out(ledger, PROD, 1000, "out", "1.0", weu);
    if (_i >= 3) { /* the target was dirty before the rollout */
        number = request(ledger, PROD, 1500, "out", "1.05");
        intend(ledger, PROD, 1501, number, "weu", "1.05");
        finish(ledger, PROD, 1502, number, "weu", "failed");
        say(ledger, PROD, 1503, rollout_failed, .rollout = number);
    }
    number = request(ledger, PROD, 2000, "out", "1.1");
    intend(ledger, PROD, 2001, number, "weu", "1.1");
    say(ledger, PROD, 2002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T(first[_i]));
    say(ledger, PROD, 2003, step_intended, .rollout = number, .target = T("weu"), .attempt = 2,
        .release = T("1.1"));
    say(ledger, PROD, 2004, step_ended, .rollout = number, .target = T("weu"), .attempt = 2,
        .outcome = T("refused"), .last = true);
    ck_assert(target("weu").dirty);
    ck_assert_ptr_null(target("weu").release);
    ck_assert_int_eq(target("weu").dirty_rollout, number);
    ck_assert_int_eq(environment().dirty, 1);
}
END_TEST

START_TEST(test_targets__an_attempt_that_never_arrived_can_be_followed_by_another)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", weu);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");

    for (int attempt = 1; attempt <= 3; attempt++) {
        say(ledger, PROD, 2000, step_intended, .rollout = number, .target = T("weu"),
            .attempt = attempt, .release = T("1.1"));
        ck_assert(target("weu").dirty);
        say(ledger, PROD, 2000, step_ended, .rollout = number, .target = T("weu"),
            .attempt = attempt, .outcome = T(attempt < 3 ? "absent" : "succeeded"),
            .accepted = attempt == 3, .last = attempt == 3);
        ck_assert_str_eq(target("weu").release, attempt < 3 ? "1.0" : "1.1");
    }
}
END_TEST

START_TEST(test_targets__a_superseded_rollout_ends_late)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", both);
    int64_t lost = request(ledger, PROD, 2000, "out", "1.1");
    intend(ledger, PROD, 2001, lost, "weu", "1.1");
    intend(ledger, PROD, 2001, lost, "neu", "1.1");
    say_with(ledger, PROD, 3000, "{}", rollout_requested, .lane = T("rollback"), .kind = T("back"),
             .release = T("1.0"), .order = digest_of("{}"), .targets = 2, .supersedes = lost);
    int64_t back = environment().last_rollout;
    say(ledger, PROD, 3000, rollout_superseded, .rollout = lost, .by = back);
    ck_assert_int_eq(environment().open_rollout, back);
    ck_assert_str_eq(rollout(lost).state, "superseded");
    ck_assert_int_eq(rollout(lost).superseded_by, back);
    ck_assert_int_eq(rollout(back).supersedes, lost);
    /* settled by the successor, before its own intent on weu, after it on neu */
    finish(ledger, PROD, 3001, lost, "weu", "cancelled");
    intend(ledger, PROD, 3002, back, "weu", "1.0");
    intend(ledger, PROD, 3002, back, "neu", "1.0");
    finish(ledger, PROD, 3003, lost, "neu", "succeeded");
    ck_assert(target("neu").dirty); /* nobody knows which of the two was last */
    ck_assert_str_eq(target("weu").accepted_release, "1.1");
    finish(ledger, PROD, 3004, back, "weu", "succeeded");
    finish(ledger, PROD, 3004, back, "neu", "succeeded");
    say(ledger, PROD, 3005, rollout_succeeded, .rollout = back);
    say(ledger, PROD, 3006, rollout_failed, .rollout = lost); /* the first end counts */
    ck_assert_str_eq(rollout(lost).state, "superseded");
    ck_assert_str_eq(environment().live, "1.0");
    ck_assert_str_eq(target("neu").accepted_release, "1.0");
    say(ledger, PROD, 3007, step_ended, .rollout = lost, .target = T("neu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true, .last = true);
    ck_assert_str_eq(target("neu").accepted_release, "1.0");
    ck_assert_str_eq(target("neu").release, "1.0");
}
END_TEST

/* A driver dies before its intent reached the store; a later rollout ends; then the intent is
 * heard. */
START_TEST(test_targets__an_intent_heard_late_is_placed_by_arms_time)
{
    bool last_at_arm = _i == 1, checked = _i == 2; /* by a step that ARM does not see */
    int64_t dead = request(ledger, PROD, 1000, "out", "1.0");
    say(ledger, PROD, 1001, rollout_cancelled, .rollout = dead);
    int64_t live = request(ledger, PROD, 2000, "out", "1.1");
    intend(ledger, PROD, 2001, live, "weu", "1.1");
    say(ledger, PROD, 2003, step_ended, .rollout = live, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true, .arm_at = 2002, .last = true);
    say(ledger, PROD, 2004, rollout_succeeded, .rollout = live);
    intend(ledger, PROD, 2005, dead, "weu", "1.0");
    ck_assert(target("weu").dirty);
    say(ledger, PROD, 3000, step_ended, .rollout = dead, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true, .arm_at = last_at_arm ? 2010 : 1500,
        .last = !checked);
    if (checked)
        say(ledger, PROD, 3001, step_ended, .rollout = dead, .target = T("weu"), .step = 1,
            .attempt = 1, .outcome = T("succeeded"), .last = true);
    ck_assert(!target("weu").dirty);
    ck_assert_str_eq(target("weu").release, last_at_arm ? "1.0" : "1.1");
    ck_assert_str_eq(target("weu").accepted_release, last_at_arm ? "1.0" : "1.1");
    ck_assert_str_eq(environment().live, last_at_arm ? "1.0" : "1.1");
}
END_TEST

START_TEST(test_targets__floor_rises_with_intents_and_falls_by_a_person)
{
    int64_t number = request(ledger, PROD, 1000, "out", "1.0");

    for (int i = 0; both[i]; i++)
        say(ledger, PROD, 1000, step_intended, .rollout = number, .target = T(both[i]),
            .attempt = 1, .release = T("1.0"), .floor = 5 + i);
    say(ledger, PROD, 1001, step_intended, .rollout = number, .target = T("neu"), .attempt = 2,
        .release = T("1.0"), .floor = 3);
    ck_assert(target("weu").floor == 5 && target("neu").floor == 6);
    say(ledger, PROD, 1002, floor_set, .floor = 2, .target = T("neu"), .reason = T("x"));
    ck_assert(target("weu").floor == 5 && target("neu").floor == 2);
    say(ledger, PROD, 1003, floor_set, .floor = 1, .reason = T("x"));
    ck_assert(target("weu").floor == 1 && target("neu").floor == 1);
    ck_assert(target("weu").dirty);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger_projections");
    TCase *tests = tcase_create("ledger_projections");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_releases__newest_first_and_data_is_inherited);
    tcase_add_test(tests, test_releases__the_last_mark_holds_whole);
    tcase_add_test(tests, test_live__follows_whole_rollouts);
    tcase_add_test(tests, test_live__is_mixed_target_by_target);
    tcase_add_test(tests, test_live__a_stream_that_is_not_there_calls_nobody);
    tcase_add_test(tests, test_targets__are_dirty_from_the_intent_to_the_last_good_step);
    tcase_add_test(tests, test_targets__one_bad_step_keeps_them_dirty);
    tcase_add_loop_test(tests, test_targets__return_to_what_they_held_if_nothing_reached_arm, 0, 2);
    tcase_add_test(tests, test_targets__keep_what_was_said_of_them_first);
    tcase_add_loop_test(tests, test_targets__keep_what_a_check_said_first, 0, 2);
    tcase_add_loop_test(tests, test_targets__stay_dirty_if_anything_may_have_reached_arm, 0, 5);
    tcase_add_test(tests, test_targets__an_attempt_that_never_arrived_can_be_followed_by_another);
    tcase_add_test(tests, test_targets__a_superseded_rollout_ends_late);
    tcase_add_loop_test(tests, test_targets__an_intent_heard_late_is_placed_by_arms_time, 0, 3);
    tcase_add_test(tests, test_targets__floor_rises_with_intents_and_falls_by_a_person);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
