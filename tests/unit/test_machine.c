/* The rollout machine: single rules, each in a small world that the test moves by hand. Whole
 * histories with trouble are the simulator's (tests/sim). */
#include "machine_tools.h"
#include "suite_tools.h"

START_TEST(test_machine__a_rollout_of_one_target)
{
    struct world world;
    struct roll_rollout_requested request = request_of("release", 0);

    world_init(&world, order_new("weu"));
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    expect_history(&world, 0, "requested claimed intended:weu:0");
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    expect_history(&world, 3, "ended:weu:0:succeeded:last succeeded");
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    ck_assert_int_eq(world.done.rollout, 1);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_lost_reply_is_followed_by_a_look_never_by_a_blind_repeat)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    expect_waiting(&world, "");
    pass(&world, 9000);
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    pass(&world, 1000);
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    expect_history(&world, 0,
                   "requested claimed intended:weu:0 ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_put_waits_for_a_renewal_when_the_last_append_is_old)
{
    struct world world;
    struct roll_action action;

    start(&world, "weu");
    action = take_asked(&world, ROLL_ACTION_PUT, "weu");
    world.wall += 3600000;
    world.boot += 3600000;
    observe(&world, (struct roll_observation){.id = action.id,
                                              .kind = ROLL_SAW_REPLY,
                                              .outcome = ROLL_ARM_THROTTLED,
                                              .retry_after_ms = 1000});
    pump(&world);
    pass(&world, 1000);
    expect_history(&world, 3, "claimed");
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__whoever_resumes_looks_first)
{
    struct world world;

    start(&world, "weu neu");
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    expect_history(&world, 4, "claimed");
    expect_waiting(&world, "GET weu, GET neu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    reply(&world, ROLL_ACTION_GET, "neu", NOT(NOT_FOUND));
    pass(&world, 10000);
    reply(&world, ROLL_ACTION_GET, "neu", NOT(NOT_FOUND));
    expect_waiting(&world, "POLL weu, PUT neu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_standing_claim_refuses_without_a_word)
{
    struct world world;

    start(&world, "weu");
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, false);
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    expect_history(&world, 3, "");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__settling_records_and_leaves_what_runs_open)
{
    struct world world;

    start(&world, "weu neu");
    rebuild(&world, "d2", ROLL_MACHINE_SETTLE, true, false);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    reply(&world, ROLL_ACTION_GET, "neu", OK(.state = "Failed"));
    reply(&world, ROLL_ACTION_EXPLAIN, "neu", OK(.code = "Conflict", .message = "no"));
    expect_history(&world, 4, "claimed ended:neu:0:failed:last detached");
    ck_assert_int_eq(world.done.end, ROLL_END_SETTLED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__cancelling_stops_what_runs_and_starts_nothing)
{
    struct world world;

    start(&world, "weu neu/1");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));
    cancelling(&world);
    expect_waiting(&world, "CANCEL weu");
    reply(&world, ROLL_ACTION_CANCEL, "weu", OK());
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Canceled"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Canceled"));
    reply(&world, ROLL_ACTION_EXPLAIN, "weu", OK());
    expect_history(&world, 3, "cancelling ended:weu:0:cancelled:last cancelled");
    ck_assert_int_eq(roll_machine_target_state(world.machine, 1), ROLL_TARGET_SKIPPED);
    world_clear(&world);
}
END_TEST

/* ---- names ----------------------------------------------------------------------------------- */

START_TEST(test_machine__names_follow_from_the_ledger)
{
    char correlation[ROLL_UUID_SIZE], other[ROLL_UUID_SIZE], expected[ROLL_UUID_SIZE];
    g_autofree char *name = roll_step_name("shop", "prod", hash, "weu", 0, 1, correlation);
    g_autofree char *again = roll_step_name("shop", "prod", hash, "weu", 0, 1, other);
    g_autofree char *second = NULL;

    roll_uuid_from(expected, hash, "weu", "0", "1", NULL);
    ck_assert_str_eq(correlation, expected);
    ck_assert_str_eq(correlation, other);
    ck_assert_str_eq(name, again);
    ck_assert_uint_eq(strlen(name), strlen("roll-shop-prod-") + 12);
    ck_assert(strncmp(name + 15, expected, 8) == 0 && strncmp(name + 23, expected + 9, 4) == 0);
    second = roll_step_name("shop", "prod", hash, "weu", 0, 2, other);
    ck_assert_str_ne(name, second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine");
    TCase *tests = tcase_create("machine");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__a_rollout_of_one_target);
    tcase_add_test(tests, test_machine__a_lost_reply_is_followed_by_a_look_never_by_a_blind_repeat);
    tcase_add_test(tests, test_machine__a_put_waits_for_a_renewal_when_the_last_append_is_old);
    tcase_add_test(tests, test_machine__whoever_resumes_looks_first);
    tcase_add_test(tests, test_machine__a_standing_claim_refuses_without_a_word);
    tcase_add_test(tests, test_machine__settling_records_and_leaves_what_runs_open);
    tcase_add_test(tests, test_machine__cancelling_stops_what_runs_and_starts_nothing);
    tcase_add_test(tests, test_machine__names_follow_from_the_ledger);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
