/* The rollout machine: stacks, and rollouts that took the place of another one. */
#include "machine_tools.h"
#include "suite_tools.h"

/* ---- stacks ---------------------------------------------------------------------------------- */

/* Every target of the order becomes a stack. */
static struct roll_order *as_stacks(struct roll_order *order)
{
    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        g_free(target->apply);
        target->apply = g_strdup("stack");
    }
    return order;
}

static const char *const stack_states[] = {"succeeded", "deploying"};

START_TEST(test_machine__a_stack_with_an_earlier_release_is_put_again)
{
    struct world world;

    world_init(&world, as_stacks(order_new("weu")));
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    for (int i = 0; i < 6; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = stack_states[_i], .correlation_id = "the last one"));
        pass(&world, 2000);
    }
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_stack_that_somebody_else_overwrote_is_a_conflict)
{
    struct world world;

    world_init(&world, as_stacks(order_new("weu")));
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "initializing"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "succeeded", .correlation_id = "a later one"));
    expect_history(&world, 3, "ended:weu:0:conflict:last failed");
    world_clear(&world);
}
END_TEST

static void supersede(struct world *world, struct roll_order *order, bool stacks);

START_TEST(test_machine__whoever_takes_the_place_of_a_stack_waits_for_it)
{
    struct world world;
    struct roll_order *order = as_stacks(order_new("weu"));

    supersede(&world, order, true);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "deploying"));
    pass(&world, 500);
    reply(&world, ROLL_ACTION_CANCEL, "weu", NOT(REFUSED, .code = "StackCannotBeCancelled"));
    for (int i = 0; i < 3; i++) {
        pass(&world, ROLL_CANCEL_WAIT_MS);
        reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "deploying"));
    }
    pass(&world, 20000);
    expect_waiting(&world, "POLL weu");
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "succeeded", .arm_at = 5));
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
    roll_order_free(order);
}
END_TEST

/* ---- superseding ----------------------------------------------------------------------------- */

/* Rollout 1 was put to weu and is running there; a back of weu and neu takes its place. */
static void supersede(struct world *world, struct roll_order *order, bool stacks)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */

    request = request_of("rollback", 1);
    start(world, "weu");
    if (stacks)
        as_stacks(world->order);
    roll_machine_free(world->machine);
    world->n_asked = 0;
    world->machine = machine_new(world, "d2", ROLL_MACHINE_DRIVE);
    roll_machine_add(world->machine, 1, world->order);
    for (guint i = 0; i < world->events->len; i++)
        roll_machine_fold(world->machine, g_ptr_array_index(world->events, i));
    roll_machine_request(world->machine, &request, order, NULL);
    pump(world);
}

START_TEST(test_machine__a_back_cancels_and_waits_for_what_is_under_way)
{
    struct world world;
    struct roll_order *order = order_new("weu neu");

    supersede(&world, order, false);
    expect_history(&world, 3, "superseded requested claimed intended:neu:0");
    expect_waiting(&world, "GET weu, PUT neu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 500);
    reply(&world, ROLL_ACTION_CANCEL, "weu", OK());
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Canceled"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Canceled"));
    reply(&world, ROLL_ACTION_EXPLAIN, "weu", NOT(LOST)); /* asked once: the back waits */
    expect_history(&world, 7, "ended:weu:0:cancelled:last intended:weu:0");
    ck_assert_int_eq(take_asked(&world, ROLL_ACTION_PUT, "weu").rollout, 5);
    world_clear(&world);
    roll_order_free(order);
}
END_TEST

START_TEST(test_machine__what_does_not_stop_is_followed_and_overwritten)
{
    struct world world;
    struct roll_order *order = order_new("weu");

    supersede(&world, order, false);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 500);
    reply(&world, ROLL_ACTION_CANCEL, "weu", NOT(REFUSED, .code = "DeploymentCannotBeCancelled"));
    pass(&world, ROLL_CANCEL_WAIT_MS);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));
    pass(&world, 2000);
    expect_waiting(&world, "POLL weu, PUT weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));   /* the old one */
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded")); /* the new one */
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded", .arm_at = 1000));
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0),
                     ROLL_TARGET_RUNNING); /* not recorded yet */
    pass(&world, 2000);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded", .arm_at = 2000));
    ck_assert_int_eq(take_asked(&world, ROLL_ACTION_PUT, "weu").attempt, 2);
    world_clear(&world);
    roll_order_free(order);
}
END_TEST

START_TEST(test_machine__whoever_is_superseded_stops)
{
    struct world world;
    struct roll_rollout_superseded body = {.rollout = 1, .by = 5};

    start(&world, "weu");
    world_event(&world, ROLL_EVENT_rollout_superseded, &body);
    roll_machine_fold(world.machine, g_ptr_array_index(world.events, world.events->len - 1));
    pump(&world);
    ck_assert_int_eq(world.done.end, ROLL_END_SUPERSEDED);
    world_clear(&world);
}
END_TEST

/* ---- what is heard of too late -------------------------------------------------------------- */

/* It ended without this intent, which a driver on another replica had said. */
static void end_and_hear(struct world *world)
{
    struct roll_rollout_superseded end = {.rollout = 1, .by = 9};
    struct roll_step_intended intent = {
        .rollout = 1, .target = (char[]){"weu"}, .attempt = 1, .release = (char[]){"1.1.0"}};

    start(world, "weu");
    g_ptr_array_set_size(world->events, 2); /* request and claim */
    world_event(world, ROLL_EVENT_rollout_superseded, &end);
    world_event(world, ROLL_EVENT_step_intended, &intent);
    roll_machine_free(world->machine);
    world->n_asked = 0;
    world->machine = machine_new(world, "d2", ROLL_MACHINE_SETTLE);
    roll_machine_add_stray(world->machine, 1, world->order);
    for (guint i = 0; i < world->events->len; i++)
        roll_machine_fold(world->machine, g_ptr_array_index(world->events, i));
    pump(world);
}

START_TEST(test_machine__an_intent_behind_the_end_is_settled_without_a_claim)
{
    struct world world;

    end_and_hear(&world);
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded", .arm_at = 5));
    expect_history(&world, 4, "ended:weu:0:succeeded:last");
    ck_assert_int_eq(world.done.end, ROLL_END_SETTLED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_intent_behind_the_end_whose_deployment_runs_is_left)
{
    struct world world;

    end_and_hear(&world);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    expect_history(&world, 4, "");
    ck_assert_int_eq(world.done.end, ROLL_END_SETTLED);
    world_clear(&world);
}
END_TEST

/* A deployment of before ended later, so that once more would be needed: the cancel forbids it. */
START_TEST(test_machine__an_overtaken_deployment_of_a_cancelled_back_is_no_success)
{
    struct roll_step_ended overtaken = {.rollout = 1,
                                        .target = (char[]){"weu"},
                                        .attempt = 1,
                                        .outcome = (char[]){"succeeded"},
                                        .accepted = true},
                           closing = {.rollout = 1,
                                      .target = (char[]){"weu"},
                                      .attempt = 2,
                                      .outcome = (char[]){"cancelled"},
                                      .last = true};
    struct world world;

    start(&world, "weu");
    g_ptr_array_add(world.order->health, g_new0(struct roll_plan_health, 1));
    world.order->health_reports_only = true;
    cancelling(&world);
    world_event(&world, ROLL_EVENT_step_ended, &overtaken);
    world_event(&world, ROLL_EVENT_step_ended, &closing);
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_FAILED);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine_inherit");
    TCase *tests = tcase_create("machine_inherit");

    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, test_machine__a_stack_with_an_earlier_release_is_put_again, 0,
                        G_N_ELEMENTS(stack_states));
    tcase_add_test(tests, test_machine__a_stack_that_somebody_else_overwrote_is_a_conflict);
    tcase_add_test(tests, test_machine__whoever_takes_the_place_of_a_stack_waits_for_it);
    tcase_add_test(tests, test_machine__a_back_cancels_and_waits_for_what_is_under_way);
    tcase_add_test(tests, test_machine__what_does_not_stop_is_followed_and_overwritten);
    tcase_add_test(tests, test_machine__whoever_is_superseded_stops);
    tcase_add_test(tests, test_machine__an_intent_behind_the_end_is_settled_without_a_claim);
    tcase_add_test(tests, test_machine__an_intent_behind_the_end_whose_deployment_runs_is_left);
    tcase_add_test(tests, test_machine__an_overtaken_deployment_of_a_cancelled_back_is_no_success);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
