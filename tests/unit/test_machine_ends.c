/* The rollout machine: how a rollout ends, by itself, by conflicts, by people. */
#include "machine_tools.h"
#include "suite_tools.h"

/* A back that deletes what is left over: its one target has its goal, and one leftover is sorted
 * out. */
static void start_prune(struct world *world)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */
    struct roll_leftover *leftover = g_new0(struct roll_leftover, 1);
    GPtrArray *leftovers = g_ptr_array_new_with_free_func((GDestroyNotify)roll_leftover_free);

    leftover->id = g_strdup("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/x/y");
    leftover->api_version = g_strdup("2023-01-01");
    g_ptr_array_add(leftovers, leftover);
    request = request_of("rollback", 0);
    world_init(world, order_new("weu"));
    world->order->prune = g_new0(char *, 1); /* deletes only what is safe on its own */
    world->machine = machine_new(world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
    deploy(world, "weu");
    struct roll_action asked = take_asked(world, ROLL_ACTION_LEFTOVERS, "weu");
    observe(world, (struct roll_observation){
                       .id = asked.id, .kind = ROLL_SAW_LEFTOVERS, .leftovers = leftovers});
    pump(world);
}

START_TEST(test_machine__a_leftover_that_stays_in_deleting_keeps_no_rollout_open)
{
    struct world world;
    int looks = 0;

    start_prune(&world);
    reply(&world, ROLL_ACTION_DELETE, "weu", (struct roll_observation){.outcome = ROLL_ARM_LOST});
    while (world.done.end == ROLL_END_NONE && looks++ < 5000) {
        reply(&world, ROLL_ACTION_SEEK, "weu", OK(.state = "Deleting"));
        pass(&world, 2000);
    }
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    ck_assert_int_eq(looks, 1801); /* an hour of them */
    const struct roll_event *last = g_ptr_array_index(world.events, world.events->len - 2);
    ck_assert_int_eq(last->kind, ROLL_EVENT_prune_ended);
    ck_assert_str_eq(roll_event_body(last, prune_ended)->outcome, "failed");
    world_clear(&world);
}
END_TEST

static struct roll_choice *choice_new(void)
{
    struct roll_choice *choice = g_new0(struct roll_choice, 1);

    choice->order = order_new("weu");
    choice->request.lane = g_strdup("rollback");
    choice->request.kind = g_strdup("back");
    choice->request.order = g_strdup(hash);
    return choice;
}

START_TEST(test_machine__on_failure_back_requests_and_claims_it_in_the_same_append)
{
    struct world world;
    struct roll_action action;

    world_init(&world, order_new("weu neu"));
    world.order->back_on_failure = true;
    begin(&world);
    fail_target(&world, "weu");
    deploy(&world, "neu");
    action = take_asked(&world, ROLL_ACTION_DECIDE_BACK, NULL);
    observe(&world, (struct roll_observation){
                        .id = action.id, .kind = ROLL_SAW_BACK, .choice = choice_new()});
    pump(&world);
    expect_history(&world, 6, "failed requested claimed");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED_BACK);
    ck_assert_int_eq(world.done.next_rollout, 8);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__no_back_when_nothing_was_touched)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->back_on_failure = true;
    begin(&world);
    fail_target(&world, "weu");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__detaching_gives_the_claim_back)
{
    struct world world;

    start(&world, "weu");
    observe(&world, (struct roll_observation){.kind = ROLL_SAW_DETACH});
    pump(&world);
    expect_history(&world, 3, "detached");
    ck_assert_int_eq(world.done.end, ROLL_END_DETACHED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_conflict_on_the_request_is_decided_by_others)
{
    struct world world;
    struct roll_rollout_requested request = request_of("release", 0);

    world_init(&world, order_new("weu"));
    world.conflict = true;
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    ck_assert_int_eq(world.done.end, ROLL_END_CONFLICT);
    expect_history(&world, 0, "");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_later_conflict_is_tried_again)
{
    struct world world;

    start(&world, "weu");
    world.conflict = true;
    fail_target(&world, "weu");
    expect_history(&world, 3, "ended:weu:0:refused:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_append_that_fails_ends_all)
{
    struct world world;

    start(&world, "weu neu");
    world.fail = true;
    fail_target(&world, "weu");
    ck_assert_int_eq(world.done.end, ROLL_END_ERROR);
    expect_history(&world, 4, "");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_unknown_kind_stops)
{
    struct world world;
    struct roll_hold_set body = {0};
    struct roll_event *event;

    start(&world, "weu");
    event = roll_event_new("shop/prod", 4, world.wall, NULL, ROLL_EVENT_hold_set, &body);
    event->kind = ROLL_EVENT_UNKNOWN;
    roll_machine_fold(world.machine, event);
    event->kind = ROLL_EVENT_hold_set;
    roll_event_free(event);
    pump(&world);
    ck_assert_int_eq(world.done.end, ROLL_END_UNKNOWN_KIND);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_cancel_that_comes_too_late_ends_in_success)
{
    struct world world;

    start(&world, "weu neu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_PUT, "neu", OK(.state = "Accepted"));
    cancelling(&world);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_POLL, "neu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "neu", OK(.state = "Succeeded"));
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    ck_assert_str_eq(
        ((struct roll_event *)g_ptr_array_index(world.events, world.events->len - 1))->kind_name,
        "rollout.succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_cancelled_rollout_starts_no_further_step_of_a_target)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_action(&world, false);
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    cancelling(&world);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    expect_history(&world, 3,
                   "cancelling ended:weu:0:succeeded ended:weu:1:cancelled:last cancelled");
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_FAILED);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine_ends");
    TCase *tests = tcase_create("machine_ends");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__a_leftover_that_stays_in_deleting_keeps_no_rollout_open);
    tcase_add_test(tests, test_machine__on_failure_back_requests_and_claims_it_in_the_same_append);
    tcase_add_test(tests, test_machine__no_back_when_nothing_was_touched);
    tcase_add_test(tests, test_machine__detaching_gives_the_claim_back);
    tcase_add_test(tests, test_machine__a_conflict_on_the_request_is_decided_by_others);
    tcase_add_test(tests, test_machine__a_later_conflict_is_tried_again);
    tcase_add_test(tests, test_machine__an_append_that_fails_ends_all);
    tcase_add_test(tests, test_machine__an_unknown_kind_stops);
    tcase_add_test(tests, test_machine__a_cancel_that_comes_too_late_ends_in_success);
    tcase_add_test(tests, test_machine__a_cancelled_rollout_starts_no_further_step_of_a_target);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
