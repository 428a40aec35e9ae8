/* The rollout machine: actions, health checks and alerts after a deployment. */
#include "machine_tools.h"
#include "suite_tools.h"

static void add_check(struct world *world)
{
    struct roll_plan_health *check = g_new0(struct roll_plan_health, 1);

    check->url = g_strdup("http://weu");
    check->within_ms = 10000;
    check->every_ms = 5000;
    g_ptr_array_add(world->order->health, check);
}

static void probed(struct world *world, bool healthy)
{
    struct roll_action action = take_asked(world, ROLL_ACTION_PROBE, NULL);

    observe(world, (struct roll_observation){.id = action.id,
                                             .kind = ROLL_SAW_PROBED,
                                             .healthy = healthy,
                                             .message = "status 500"});
    pump(world);
}

START_TEST(test_machine__actions_then_checks_follow_the_deployment)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_action(&world, true);
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    expect_waiting(&world, "PUT weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK());
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_CHECKING);
    probed(&world, true);
    expect_history(&world, 2,
                   "intended:weu:0 ended:weu:0:succeeded intended:weu:1 ended:weu:1:succeeded "
                   "ended:weu:2:succeeded:last "
                   "succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_action_that_a_back_skips_is_not_intended)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->lane = ROLL_LANE_ROLLBACK;
    add_action(&world, true);
    begin(&world);
    deploy(&world, "weu");
    expect_history(&world, 2, "intended:weu:0 ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_action_is_never_repeated)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_action(&world, false);
    begin(&world);
    deploy(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    expect_waiting(&world, "");
    pass(&world, 10000);
    expect_history(&world, 5, "ended:weu:1:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_unhealthy_target_fails)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, false);
    pass(&world, 5000);
    probed(&world, false);
    pass(&world, 5000);
    probed(&world, false);
    expect_history(&world, 3, "ended:weu:0:succeeded ended:weu:1:failed:last failed");
    world_clear(&world);
}
END_TEST

static void add_watch(struct world *world)
{
    add_check(world);
    ((struct roll_plan_health *)g_ptr_array_index(world->order->health, 0))->kind =
        ROLL_HEALTH_ALERTS;
}

/* By a driver on another replica, which had not heard that it was overruled. */
START_TEST(test_machine__a_failed_check_that_is_told_again_stays_failed)
{
    char weu[] = "weu", succeeded[] = "succeeded", release[] = "1.1.0";
    const struct roll_step_ended again = {
        .rollout = 1, .target = weu, .step = 1, .outcome = succeeded, .release = release};
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_failures = 1;
    add_check(&world);
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, false);
    pass(&world, 10000);
    probed(&world, false);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_FAILED);
    world_event(&world, ROLL_EVENT_step_ended, &again);
    roll_machine_fold(world.machine, g_ptr_array_index(world.events, world.events->len - 1));
    pump(&world);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_FAILED);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__alerts_are_watched_to_the_end)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_watch(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, true);
    expect_waiting(&world, "");
    pass(&world, 5000);
    probed(&world, false); /* they could not be read */
    pass(&world, 5000);
    probed(&world, true);
    expect_history(&world, 3, "ended:weu:0:succeeded ended:weu:1:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_alert_that_fired_is_not_waited_away)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_watch(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, true);
    pass(&world, 5000);
    struct roll_action action = take_asked(&world, ROLL_ACTION_PROBE, NULL);
    observe(&world, (struct roll_observation){
                        .id = action.id, .kind = ROLL_SAW_PROBED, .code = "AlertFired"});
    pump(&world);
    expect_history(&world, 3, "ended:weu:0:succeeded ended:weu:1:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_back_looks_at_alerts_once)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->health_reports_only = true;
    add_watch(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, true);
    expect_history(&world, 3, "ended:weu:0:succeeded:last ended:weu:1:succeeded succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__health_that_is_only_reported_fails_nothing)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->health_reports_only = true;
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, false);
    pass(&world, 10000);
    probed(&world, false);
    expect_history(&world, 3, "ended:weu:0:succeeded:last ended:weu:1:failed succeeded");
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine_checks");
    TCase *tests = tcase_create("machine_checks");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__actions_then_checks_follow_the_deployment);
    tcase_add_test(tests, test_machine__an_action_that_a_back_skips_is_not_intended);
    tcase_add_test(tests, test_machine__an_action_is_never_repeated);
    tcase_add_test(tests, test_machine__an_unhealthy_target_fails);
    tcase_add_test(tests, test_machine__a_failed_check_that_is_told_again_stays_failed);
    tcase_add_test(tests, test_machine__alerts_are_watched_to_the_end);
    tcase_add_test(tests, test_machine__an_alert_that_fired_is_not_waited_away);
    tcase_add_test(tests, test_machine__a_back_looks_at_alerts_once);
    tcase_add_test(tests, test_machine__health_that_is_only_reported_fails_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
