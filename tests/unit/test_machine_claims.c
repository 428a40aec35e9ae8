/* The rollout machine: who may drive, fences, and settling what others left. */
#include "machine_tools.h"
#include "suite_tools.h"

static bool is_waiting(const struct world *world, const char *text)
{
    g_autofree char *now = waiting(world);

    return strcmp(now, text) == 0;
}

/* ---- claims ---------------------------------------------------------------------------------- */

static void claim_as(struct world *world, const char *driver, bool settle)
{
    g_autofree char *name = g_strdup(driver);
    char host[] = "h";
    struct roll_rollout_claimed body = {.rollout = 1,
                                        .driver = name,
                                        .host = host,
                                        .until = world->wall + ROLL_CLAIM_MS,
                                        .settle = settle};

    world_event(world, ROLL_EVENT_rollout_claimed, &body);
    roll_machine_fold(world->machine, g_ptr_array_index(world->events, world->events->len - 1));
    pump(world);
}

static void claim_by(struct world *world, const char *driver)
{
    claim_as(world, driver, false);
}

static void may_not_start(struct world *world)
{
    struct roll_action asked = take_asked(world, ROLL_ACTION_START, NULL);

    observe(world, (struct roll_observation){
                       .id = asked.id, .kind = ROLL_SAW_START, .retry_after_ms = 1000});
    pump(world);
}

/* It used to ask to be woken at once, again and again, while another driver ended it. */
START_TEST(test_machine__a_cancelled_wait_sleeps_while_another_settles_it)
{
    struct roll_rollout_requested request = request_of("release", 0);
    struct world world;

    request.gates = json_pack("{s:b}", "wait", 1);
    world_init(&world, order_new("weu"));
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    may_not_start(&world);
    claim_as(&world, "d2", true);
    may_not_start(&world);
    cancelling(&world);
    pass(&world, 2000);
    ck_assert_int_eq(world.done.end, ROLL_END_NONE);
    ck_assert_int_eq(world.wake, world.boot + ROLL_CLAIM_MS - 2000);
    pass(&world, ROLL_CLAIM_MS - 2000);
    ck_assert_int_eq(world.done.end, ROLL_END_CANCELLED);
    world_clear(&world);
    json_decref(request.gates);
}
END_TEST

START_TEST(test_machine__another_driver_fences)
{
    struct world world;

    start(&world, "weu neu");
    claim_by(&world, "d2");
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(THROTTLED));
    pass(&world, 60000);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
}
END_TEST

/* By its own clock the claim has lapsed a minute ago; the store's says that it stands. */
START_TEST(test_machine__a_claim_is_judged_by_the_clock_that_all_share)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS + 60000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, false, false, true, -65000);
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    expect_history(&world, 3, "");
    world_clear(&world);
}
END_TEST

/* Nor is it taken in the seconds by which two replicas may still be apart. */
START_TEST(test_machine__a_claim_that_has_just_lapsed_by_the_shared_clock_stands)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS + 1000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, false, false, true, 0);
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    world_clear(&world);
}
END_TEST

/* What it writes is meant by the shared clock too, and its own PUTs leave under that alone. */
START_TEST(test_machine__a_claim_is_written_by_the_clock_that_all_share)
{
    struct world world;

    start(&world, "weu");
    world.wall += 30000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, true, false, true, 120000);
    const struct roll_event *event = g_ptr_array_index(world.events, 3);
    const struct roll_rollout_claimed *body = roll_event_body(event, rollout_claimed);
    ck_assert_int_eq(body->until, world.wall + 120000 + ROLL_CLAIM_MS);
    ck_assert(roll_machine_may_put(world.machine, world.wall, world.boot));
    ck_assert(!roll_machine_may_put(world.machine, body->until - 120000, world.boot));
    world_clear(&world);
}
END_TEST

/* Clocks that are far apart say nothing: whoever takes over is silent until the other one's fence
 * has fallen. */
START_TEST(test_machine__whoever_takes_over_with_doubtful_clocks_is_silent_first)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS + 600000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, false, true, true, 120000);
    ck_assert(!roll_machine_may_put(world.machine, world.wall, world.boot));
    ck_assert(roll_machine_may_put(world.machine, world.wall, world.boot + ROLL_FENCE_MS));
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_claim_is_renewed_while_something_is_under_way)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    ck_assert_int_eq(world.wake, world.boot + ROLL_CLAIM_MS - ROLL_CLAIM_RENEW_MS);
    pass(&world, ROLL_CLAIM_MS - ROLL_CLAIM_RENEW_MS);
    expect_history(&world, 3, "claimed");
    world_clear(&world);
}
END_TEST

/* The store is out of reach when the claim has to be renewed: what runs is followed to its end,
 * which needs the ledger here alone. */
START_TEST(test_machine__a_renewal_that_cannot_reach_the_store_ends_nothing)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    world.away = true;
    pass(&world, ROLL_CLAIM_MS);
    expect_history(&world, 3, "");
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    expect_history(&world, 3, "ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

/* What is new waits for the store, and nothing leaves under a claim that has lapsed meanwhile. */
START_TEST(test_machine__a_new_target_waits_for_the_store)
{
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_parallel = 1;
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    world.away = true;
    pass(&world, 60000);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    pass(&world, 1000);
    expect_waiting(&world, "");
    world.away = false;
    pass(&world, 60000);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
}
END_TEST

/* For no longer than the claim stands: then it is given back, and somebody resumes it. */
START_TEST(test_machine__a_store_that_stays_away_is_waited_for_until_the_claim_lapses)
{
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_parallel = 1;
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    world.away = true;
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    for (int i = 0; i < 5; i++)
        pass(&world, 60000);
    pass(&world, 60000);
    expect_waiting(&world, "");
    ck_assert_int_eq(world.done.end, ROLL_END_DETACHED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__after_a_take_no_put_before_the_other_fence_has_passed)
{
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_parallel = 1;
    begin(&world);
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, true);
    expect_history(&world, 3, "claimed");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    expect_history(&world, 4, "ended:weu:0:succeeded:last intended:neu:0");
    /* It is looked for as long as the other one may still send it, which is longer than the fence.
     */
    int64_t passed = 0;
    for (; !is_waiting(&world, "PUT neu") && passed <= ROLL_ABSENT_MS; passed += 1000) {
        if (is_waiting(&world, "GET neu"))
            reply(&world, ROLL_ACTION_GET, "neu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
        pass(&world, 1000);
    }
    expect_waiting(&world, "PUT neu");
    ck_assert_int_ge(passed, ROLL_FENCE_MS);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_put_that_waited_asks_again_whether_it_may_leave)
{
    struct world world;

    start(&world, "weu");
    ck_assert(roll_machine_may_put(world.machine, world.wall, world.boot + ROLL_FENCE_MS));
    ck_assert(!roll_machine_may_put(world.machine, world.wall, world.boot + ROLL_FENCE_MS + 1));
    ck_assert(!roll_machine_may_put(world.machine, world.wall + ROLL_CLAIM_MS, world.boot));
    claim_by(&world, "d2");
    ck_assert(!roll_machine_may_put(world.machine, world.wall, world.boot));
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_lapsed_or_detached_claim_is_taken_over)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS;
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, false);
    expect_waiting(&world, "GET weu");
    observe(&world, (struct roll_observation){.kind = ROLL_SAW_DETACH});
    pump(&world);
    expect_history(&world, 3, "claimed detached");
    rebuild(&world, "d3", ROLL_MACHINE_DRIVE, false, false);
    expect_waiting(&world, "GET weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_foreign_intent_is_old_when_its_last_sender_is)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS * 2;
    world.boot += ROLL_CLAIM_MS * 2;
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, false);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, "PUT weu"); /* nobody wrote for ten minutes */
    rebuild(&world, "d3", ROLL_MACHINE_DRIVE, true, false);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, ""); /* d2 may have sent it just now */
    pass(&world, 10000);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

/* ---- settling -------------------------------------------------------------------------------- */

START_TEST(test_machine__settling_leaves_a_young_intent_and_ends_an_old_one)
{
    struct world world;

    start(&world, "weu");
    rebuild(&world, "d2", ROLL_MACHINE_SETTLE, true, false);
    for (int i = 0; i < 3; i++) {
        reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
        pass(&world, 2000);
    }
    expect_history(&world, 3, "claimed detached");
    ck_assert_int_eq(world.done.end, ROLL_END_SETTLED);
    pass(&world, ROLL_ABSENT_MS + 60000);
    rebuild(&world, "d3", ROLL_MACHINE_SETTLE, true, false);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_history(&world, 5, "claimed ended:weu:0:absent detached");
    rebuild(&world, "d4", ROLL_MACHINE_DRIVE, true, false);
    expect_history(&world, 8, "claimed intended:weu:0");
    ck_assert_int_eq(take_asked(&world, ROLL_ACTION_PUT, "weu").attempt, 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__nothing_to_settle_writes_nothing)
{
    struct world world;

    start(&world, "weu");
    deploy(&world, "weu");
    world.done.end = ROLL_END_NONE;
    rebuild(&world, "d2", ROLL_MACHINE_SETTLE, true, false);
    ck_assert_int_eq(world.done.end, ROLL_END_ENDED);
    expect_history(&world, 5, "");
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine_claims");
    TCase *tests = tcase_create("machine_claims");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__a_cancelled_wait_sleeps_while_another_settles_it);
    tcase_add_test(tests, test_machine__another_driver_fences);
    tcase_add_test(tests, test_machine__a_claim_is_judged_by_the_clock_that_all_share);
    tcase_add_test(tests, test_machine__a_claim_that_has_just_lapsed_by_the_shared_clock_stands);
    tcase_add_test(tests, test_machine__a_claim_is_written_by_the_clock_that_all_share);
    tcase_add_test(tests, test_machine__whoever_takes_over_with_doubtful_clocks_is_silent_first);
    tcase_add_test(tests, test_machine__a_claim_is_renewed_while_something_is_under_way);
    tcase_add_test(tests, test_machine__a_renewal_that_cannot_reach_the_store_ends_nothing);
    tcase_add_test(tests, test_machine__a_new_target_waits_for_the_store);
    tcase_add_test(tests,
                   test_machine__a_store_that_stays_away_is_waited_for_until_the_claim_lapses);
    tcase_add_test(tests, test_machine__after_a_take_no_put_before_the_other_fence_has_passed);
    tcase_add_test(tests, test_machine__a_put_that_waited_asks_again_whether_it_may_leave);
    tcase_add_test(tests, test_machine__a_lapsed_or_detached_claim_is_taken_over);
    tcase_add_test(tests, test_machine__a_foreign_intent_is_old_when_its_last_sender_is);
    tcase_add_test(tests, test_machine__settling_leaves_a_young_intent_and_ends_an_old_one);
    tcase_add_test(tests, test_machine__nothing_to_settle_writes_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
