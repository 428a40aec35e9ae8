/* Where a back goes: the default goal, while something runs, to a release, at a time, and the
 * floor. */
#include "release_back_tools.h"
#include "rollbook/time.h"

/* ---- the default goal ------------------------------------------------------------------------ */

START_TEST(test_release__back_goes_to_the_newest_good_release_before_the_live_one)
{
    START_LIVE(world);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert_str_eq(choice->request.lane, "rollback");
    ck_assert_str_eq(choice->request.kind, "back");
    ck_assert_str_eq(choice->request.release, "1.0.0");
    ck_assert_str_eq(choice->request.from, "1.1.0");
    ck_assert_int_eq(choice->request.targets, 2);
    ck_assert(!choice->request.partial);
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    ck_assert_str_eq(weu->had, "1.1.0");
    ck_assert(!weu->create_group);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_marks_what_it_leaves_and_holds)
{
    START_LIVE(world);
    struct roll_choice *choice = world_back(&world, NULL);
    ck_assert(choice->request.hold);
    ck_assert_str_eq(choice->request.bad[0], "1.1.0");
    ck_assert_ptr_null(choice->request.bad[1]);
    world_perform(&world, "shop/prod", choice, NULL);
    const char *where = NULL;
    ck_ok(roll_ledger_bad(world.ledger, "shop/prod", "1.1.0", &where));
    ck_assert_str_eq(where, "here");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_has_one_ring_no_bake_and_never_stops)
{
    START(world);
    world.prod->bake_ms = 600000;
    world.prod->back_on_failure = true;
    world.prod->max_parallel = 7;
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_assert_int_eq(choice->order->rings, 1);
    ck_assert_int_eq(choice->order->bake_ms, 0);
    ck_assert_int_eq(choice->order->max_parallel, 7);
    ck_assert_int_gt(choice->order->max_failures, 1000000);
    ck_assert(choice->order->health_reports_only);
    ck_assert(!choice->order->back_on_failure);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_again_does_not_return_to_what_was_left)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.2.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert(world_says(choice->skipped, "1.2.0: marked bad here"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_skips_what_a_person_marked_bad)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.2.0", NULL);
    const struct roll_release_marked mark = {
        .version = T("1.1.0"), .verdict = T("bad"), .reason = T("leaks")};
    world_append(&world, "shop", ROLL_EVENT_release_marked, &mark, NULL, 0);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert(world_says(choice->skipped, "1.1.0: marked bad for the whole service (leaks)"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_without_an_earlier_release_says_what_else_there_is)
{
    START(world);
    struct roll_choice *choice = NULL;
    ck_refused(BACK(world, &world_defaults, &choice), ROLL_E_NOT_FOUND, "nothing has succeeded",
               "roll adopt shop/prod");
    world_out(&world, "1.0.0", NULL);
    ck_refused(BACK(world, &world_defaults, &choice), ROLL_E_NOT_FOUND, "no earlier good release",
               "roll hotfix shop/prod");
    ck_refused(BACK(world, &world_defaults, &choice), ROLL_E_NOT_FOUND, "no earlier good release",
               "roll out shop/prod");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_steps_counts_eligible_releases)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.2.0", NULL);
    const struct roll_choice_options two = {.steps = 2, .ring = -1},
                                     three = {.steps = 3, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &two);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    struct roll_choice *none = NULL;
    ck_refused(BACK(world, &three, &none), ROLL_E_NOT_FOUND, "3 earlier good releases", NULL);
    world_close(&world);
}
END_TEST

/* ---- what is no longer there ----------------------------------------------------------------- */

START_TEST(test_release__back_to_what_lost_an_object_is_found_out_before_it_is_requested)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.2.0", NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    ck_assert_str_eq(weu->release, "1.1.0");
    ck_ok(roll_ledger_redact(world.ledger, &world.actor,
                             _i ? weu->manifest : weu->parameters_digest, "a secret"));
    struct roll_choice *none = NULL;
    ck_refused(BACK(world, &world_defaults, &none), ROLL_E_DAMAGED,
               _i ? "target 'weu': the manifest of '1.1.0'"
                  : "'1.1.0' cannot be sent to target 'weu': the parameter object",
               "roll back shop/prod --to 1.0.0");
    world_close(&world);
}
END_TEST

/* ---- what runs ------------------------------------------------------------------------------- */

START_TEST(test_release__back_takes_the_place_of_a_running_rollout)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    roll_auto(choice) struct roll_choice *running = world_choose_out(&world, "1.1.0");
    int64_t number = world_request(&world, "shop/prod", running);
    world_intend(&world, "shop/prod", number, g_ptr_array_index(running->order->targets, 0));
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0");
    ck_assert_int_eq(choice->request.supersedes, number);
    ck_assert_str_eq(choice->request.bad[0], "1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_during_a_back_is_the_same_back)
{
    START_LIVE(world);
    roll_auto(choice) struct roll_choice *running = world_back(&world, NULL);
    int64_t number = world_request(&world, "shop/prod", running);
    g_autofree char *resume = g_strdup_printf("roll resume shop/prod#%d", (int)number);
    struct roll_choice *choice = NULL;
    ck_refused(BACK(world, &world_defaults, &choice), ROLL_E_CONFLICT, "a back is under way",
               resume);
    world_close(&world);
}
END_TEST

/* ---- --to, --at ------------------------------------------------------------------------------ */

START_TEST(test_release__back_to_reaches_only_what_succeeded_here)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    struct roll_choice *choice = NULL;
    const struct roll_choice_options never = {.release = "1.2.0", .ring = -1},
                                     unknown = {.release = "1.0.9", .ring = -1},
                                     live = {.release = "1.1.0", .ring = -1};
    ck_refused(BACK(world, &never, &choice), ROLL_E_REFUSED, "never succeeded here",
               "roll out shop/prod --release 1.2.0");
    ck_refused(BACK(world, &unknown, &choice), ROLL_E_NOT_FOUND, "1.0.9", NULL);
    ck_refused(BACK(world, &live, &choice), ROLL_E_NOTHING, "already at the goal", NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_to_a_bad_release_is_refused)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_perform(&world, "shop/prod", world_back(&world, NULL), NULL);
    const struct roll_choice_options bad = {.release = "1.1.0", .ring = -1};
    struct roll_choice *choice = NULL;
    ck_refused(BACK(world, &bad, &choice), ROLL_E_REFUSED, "marked bad here",
               "roll forward shop/prod");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_sends_dirty_targets_a_put_even_at_the_goal)
{
    START_LIVE(world);
    world_perform(&world, "shop/prod", world_back(&world, NULL), "weu");
    const struct roll_choice_options to = {.release = "1.0.0", .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &to);
    ck_goals(choice, "weu=1.0.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_at_a_time_returns_to_what_was_live_then)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    const char *versions[] = {"1.0.0", "1.1.0", "1.2.0"};
    int64_t base = roll_now_ms() + 1000000;
    for (int i = 0; i < 3; i++) {
        roll_auto(choice) struct roll_choice *out = world_choose_out(&world, versions[i]);
        int64_t number = world_request(&world, "shop/prod", out), at = base + i * 1000;
        for (guint j = 0; j < 2; j++) {
            world_intend(&world, "shop/prod", number, g_ptr_array_index(out->order->targets, j));
            world_end_step(&world, "shop/prod", number, g_ptr_array_index(out->order->targets, j),
                           "succeeded", NULL, at);
        }
        world_end(&world, "shop/prod", number, ROLL_EVENT_rollout_succeeded, at);
    }
    const struct roll_choice_options then = {.at = base + 1500, .ring = -1},
                                     before = {.at = 5, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &then);
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    struct roll_choice *none = NULL;
    ck_refused(BACK(world, &before, &none), ROLL_E_NOT_FOUND, "nothing was live", NULL);
    world_close(&world);
}
END_TEST

/* ---- the data floor -------------------------------------------------------------------------- */

START_TEST(test_release__back_obeys_the_data_floor)
{
    struct world world = world_make();
    const struct world_release releases[] = {
        {.version = "1.0.0", .data_version = 4, .data_floor = 4},
        {.version = "1.1.0", .data_version = 5, .data_floor = 4},
        {.version = "1.2.0", .data_version = 7, .data_floor = 5},
        {.version = "1.3.0", .data_version = 7, .data_floor = 5},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(releases); i++)
        world_release(&world, &releases[i]);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.2.0", NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    ck_assert(
        world_says(choice->skipped, "1.0.0: made for data version 4, below the data floor 5"));
    const struct roll_choice_options to = {.release = "1.0.0", .ring = -1};
    struct roll_choice *none = NULL;
    ck_refused(BACK(world, &to, &none), ROLL_E_REFUSED, "the nearest safe release is '1.1.0'",
               "roll back shop/prod --to 1.1.0");
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release_back");
    TCase *tests = tcase_create("release_back");

    tcase_add_test(tests, test_release__back_goes_to_the_newest_good_release_before_the_live_one);
    tcase_add_test(tests, test_release__back_marks_what_it_leaves_and_holds);
    tcase_add_test(tests, test_release__back_has_one_ring_no_bake_and_never_stops);
    tcase_add_test(tests, test_release__back_again_does_not_return_to_what_was_left);
    tcase_add_test(tests, test_release__back_skips_what_a_person_marked_bad);
    tcase_add_test(tests, test_release__back_without_an_earlier_release_says_what_else_there_is);
    tcase_add_test(tests, test_release__back_steps_counts_eligible_releases);
    tcase_add_loop_test(
        tests, test_release__back_to_what_lost_an_object_is_found_out_before_it_is_requested, 0, 2);
    tcase_add_test(tests, test_release__back_takes_the_place_of_a_running_rollout);
    tcase_add_test(tests, test_release__back_during_a_back_is_the_same_back);
    tcase_add_test(tests, test_release__back_to_reaches_only_what_succeeded_here);
    tcase_add_test(tests, test_release__back_to_a_bad_release_is_refused);
    tcase_add_test(tests, test_release__back_sends_dirty_targets_a_put_even_at_the_goal);
    tcase_add_test(tests, test_release__back_at_a_time_returns_to_what_was_live_then);
    tcase_add_test(tests, test_release__back_obeys_the_data_floor);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
