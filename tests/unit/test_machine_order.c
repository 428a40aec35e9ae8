/* The rollout machine: rings, bakes, windows, how many at once, and how much may fail. */
#include "machine_tools.h"
#include "rollbook/json.h"
#include "suite_tools.h"

START_TEST(test_machine__rings_follow_one_another_after_a_bake)
{
    struct world world;
    struct roll_machine_view view;

    world_init(&world, order_new("weu neu/1"));
    world.order->bake_ms = 60000;
    begin(&world);
    deploy(&world, "weu");
    expect_waiting(&world, "");
    roll_machine_view(world.machine, &view);
    ck_assert_str_eq(view.state, "verifying");
    ck_assert_int_eq(view.until_boot_ms, world.boot + 60000);
    ck_assert_int_eq(world.wake, world.boot + 60000);
    pass(&world, 59999);
    expect_waiting(&world, "");
    pass(&world, 1);
    expect_waiting(&world, "PUT neu");
    deploy(&world, "neu");
    ck_assert_int_eq(world.done.end, ROLL_END_NONE);
    pass(&world, 60000);
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

/* 2023-11-14T22:13:20Z is when these worlds begin. */
static json_t *timing(const char *cron, const char *length, const char *when_closed)
{
    return json_pack("{s:{s:[{s:s,s:s,s:s}],s:s}}", "timing", "windows", "name", "night", "cron",
                     cron, "for", length, "whenWindowCloses", when_closed);
}

static void begin_in_window(struct world *world, const char *when_closed, json_t **ret_gates)
{
    static struct roll_rollout_requested request;

    request = request_of("release", 0);
    request.gates = *ret_gates =
        timing("0 22 * * *", "PT15M", when_closed); /* open for 100 s more */
    world_init(world, order_new("weu/0 neu/1"));
    world->order->bake_ms = 120000;
    world->machine = machine_new(world, "d", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
}

START_TEST(test_machine__a_window_that_closes_keeps_the_next_ring_waiting)
{
    struct world world;
    struct roll_machine_view view;
    json_t *gates = NULL;

    begin_in_window(&world, "wait", &gates);
    deploy(&world, "weu");
    expect_waiting(&world, "");
    pass(&world, 120000); /* baked, 20 seconds after it has closed */
    expect_waiting(&world, "");
    ck_assert_int_eq(world.done.end, ROLL_END_NONE);
    roll_machine_view(world.machine, &view);
    ck_assert_str_eq(view.state, "waiting");
    ck_assert_str_eq(view.waits_for,
                     "its window: no window is open; 'night' opens next, 2023-11-15 22:00 UTC");
    while (world.wall < INT64_C(1700085600000) - 1) { /* its claim is renewed meanwhile */
        int64_t step = MIN(world.wake - world.boot, INT64_C(1700085600000) - 1 - world.wall);
        ck_assert_int_gt(step, 0);
        pass(&world, step);
        expect_waiting(&world, "");
    }
    pass(&world, 1);
    expect_waiting(&world, "PUT neu");
    json_decref(gates);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_ring_that_was_begun_goes_on_when_its_window_closes)
{
    struct world world;
    json_t *gates = NULL;

    begin_in_window(&world, "wait", &gates);
    pass(&world, 600000);
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    expect_waiting(&world, "");
    world_clear(&world);
    json_decref(gates);
}
END_TEST

START_TEST(test_machine__what_is_left_of_a_ring_does_not_wait_for_a_window)
{
    struct world world;
    static struct roll_rollout_requested request;

    request = request_of("release", 0);
    request.gates = timing("0 22 * * *", "PT15M", "wait");
    world_init(&world, order_new("weu neu sea/1"));
    world.order->max_parallel = 1;
    world.machine = machine_new(&world, "d", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    pass(&world, 200000); /* closed by now */
    deploy(&world, "weu");
    expect_waiting(&world, "PUT neu");
    deploy(&world, "neu");
    expect_waiting(&world, "");
    json_decref(request.gates);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__where_the_plan_says_continue_a_window_that_closes_is_passed)
{
    struct world world;
    json_t *gates = NULL;

    begin_in_window(&world, "continue", &gates);
    deploy(&world, "weu");
    pass(&world, 120000);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
    json_decref(gates);
}
END_TEST

/* Whoever goes on does so by the rules of its day, and whoever comes after it knows them from the
 * ledger, also where it cannot read a plan. */
START_TEST(test_machine__rules_of_the_day_count_from_the_claim_on)
{
    struct world world;
    json_t *gates = NULL;
    roll_auto(json) json_t *closed = timing("0 9 * * *", "PT1H", "wait");
    roll_auto(json) json_t *none = json_object();

    begin_in_window(&world, "wait", &gates);
    deploy(&world, "weu");
    pass(&world, 130000); /* recorded: closed by now */
    expect_waiting(&world, "");
    world.today = none;
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    expect_waiting(&world, "PUT neu");
    json_decref(gates);
    world_clear(&world);

    begin_in_window(&world, "wait", &gates);
    deploy(&world, "weu");
    pass(&world, 90000); /* recorded: open */
    world.order->bake_ms = 0;
    world.today = json_object_get(closed, "timing");
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    expect_waiting(&world, "");
    world.today = NULL;
    rebuild(&world, "d3", ROLL_MACHINE_DRIVE, true, false);
    expect_waiting(&world, "");
    json_decref(gates);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__at_most_so_many_targets_at_once)
{
    struct world world;

    world_init(&world, order_new("a b c"));
    world.order->max_parallel = 2;
    begin(&world);
    expect_waiting(&world, "PUT a, PUT b");
    deploy(&world, "b");
    expect_waiting(&world, "PUT a, PUT c");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__too_many_failures_start_nothing_more)
{
    struct world world;

    world_init(&world, order_new("a b c d"));
    world.order->max_parallel = 2;
    world.order->max_failures = 1;
    begin(&world);
    fail_target(&world, "a");
    expect_waiting(&world, "PUT b, PUT c");
    fail_target(&world, "b");
    expect_waiting(&world, "PUT c");
    deploy(&world, "c");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 3), ROLL_TARGET_SKIPPED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__failures_within_the_bound_go_on_and_fail_at_the_end)
{
    struct world world;

    world_init(&world, order_new("a b/1"));
    world.order->max_failures = 1;
    begin(&world);
    fail_target(&world, "a");
    deploy(&world, "b");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 1), ROLL_TARGET_SUCCEEDED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__in_lane_rollback_a_failure_never_stops_the_others)
{
    struct world world;

    world_init(&world, order_new("a b c"));
    world.order->lane = ROLL_LANE_ROLLBACK;
    world.order->max_parallel = 1;
    begin(&world);
    fail_target(&world, "a");
    fail_target(&world, "b");
    expect_waiting(&world, "PUT c");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_fleet_costs_what_it_changes)
{
    enum { TARGETS = 10000 };
    struct world world;
    g_autoptr(GString) names = g_string_new("t0");

    for (int i = 1; i < TARGETS; i++)
        g_string_append_printf(names, " t%d", i);
    world_init(&world, order_new(names->str));
    world.order->max_parallel = 50;
    begin(&world);
    while (world.n_asked > 0) {
        struct roll_action action = world.asked[0];
        reply(&world, action.kind, action.target->name,
              action.kind == ROLL_ACTION_PUT ? OK(.state = "Accepted")
                                             : OK(.state = "Succeeded", .arm_at = world.wall));
    }
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_append_holds_at_most_200_events)
{
    struct world world;
    struct roll_rollout_requested request = request_of("release", 0);
    struct roll_action action;
    int64_t wake;
    g_autoptr(GString) names = g_string_new("t0");

    for (int i = 1; i < 300; i++)
        g_string_append_printf(names, " t%d", i);
    world_init(&world, order_new(names->str));
    world.order->max_parallel = 300;
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    ck_assert(roll_machine_next(world.machine, world.wall, world.boot, &action, &wake));
    ck_assert_uint_le(action.n_drafts, 200);
    ck_assert_uint_ge(action.n_drafts, 199);
    ck_assert(!roll_machine_next(world.machine, world.wall, world.boot, &action, &wake));
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine_order");
    TCase *tests = tcase_create("machine_order");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__rings_follow_one_another_after_a_bake);
    tcase_add_test(tests, test_machine__a_window_that_closes_keeps_the_next_ring_waiting);
    tcase_add_test(tests, test_machine__a_ring_that_was_begun_goes_on_when_its_window_closes);
    tcase_add_test(tests, test_machine__what_is_left_of_a_ring_does_not_wait_for_a_window);
    tcase_add_test(tests,
                   test_machine__where_the_plan_says_continue_a_window_that_closes_is_passed);
    tcase_add_test(tests, test_machine__rules_of_the_day_count_from_the_claim_on);
    tcase_add_test(tests, test_machine__at_most_so_many_targets_at_once);
    tcase_add_test(tests, test_machine__too_many_failures_start_nothing_more);
    tcase_add_test(tests, test_machine__failures_within_the_bound_go_on_and_fail_at_the_end);
    tcase_add_test(tests, test_machine__in_lane_rollback_a_failure_never_stops_the_others);
    tcase_add_test(tests, test_machine__a_fleet_costs_what_it_changes);
    tcase_add_test(tests, test_machine__an_append_holds_at_most_200_events);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
