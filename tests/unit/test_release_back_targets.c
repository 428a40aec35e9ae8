/* A back target by target: after a failure, of some targets, and by itself. */
#include "release_back_tools.h"

/* ---- after a failure ------------------------------------------------------------------------- */

START_TEST(test_release__back_after_a_failure_returns_each_touched_target)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", "neu");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert_str_eq(choice->request.bad[0], "1.1.0");
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    const struct roll_order_target *neu = g_ptr_array_index(choice->order->targets, 1);
    ck_assert_str_eq(weu->had, "1.1.0");
    ck_assert_ptr_null(neu->had);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_after_a_failure_leaves_untouched_targets)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    const char *const only[] = {"weu", NULL};
    const struct roll_choice_options options = {.release = "1.1.0", .targets = only, .ring = -1};
    struct roll_choice *out = NULL;
    ck_ok(roll_choose_out(world.plan, world.prod, world.ledger, NULL, &options, &out));
    ck_assert(out->request.partial);
    world_perform(&world, "shop/prod", out, "weu");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_targets_may_return_to_different_releases)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    const char *const only[] = {"weu", NULL};
    const struct roll_choice_options options = {.release = "1.1.0", .targets = only, .ring = -1};
    struct roll_choice *out = NULL;
    ck_ok(roll_choose_out(world.plan, world.prod, world.ledger, NULL, &options, &out));
    world_perform(&world, "shop/prod", out, NULL);
    world_out(&world, "1.1.0", NULL); /* neu follows: 1.1.0 succeeded as a whole */
    const struct roll_choice_options older = {.release = "1.0.0", .ring = -1};
    const char *const neu_only[] = {"neu", NULL};
    struct roll_choice_options neu = older;
    neu.targets = neu_only;
    world_perform(&world, "shop/prod", world_back(&world, &neu), NULL); /* neu: 1.0.0 again */
    world_out(&world, "1.2.0", "weu neu");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.1.0 neu=1.0.0");
    ck_assert_ptr_null(choice->request.release);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_after_a_failed_back_completes_it)
{
    START_LIVE(world);
    world_perform(&world, "shop/prod", world_back(&world, NULL), "neu");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "neu=1.0.0");
    ck_assert_ptr_null(choice->request.bad);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_after_the_first_deployment_failed_has_no_goal)
{
    START(world);
    world_out(&world, "1.0.0", "weu");
    struct roll_choice *choice = NULL;
    ck_refused(BACK(world, &world_defaults, &choice), ROLL_E_NOT_FOUND, "no earlier good release",
               "roll adopt shop/prod");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_after_a_failed_redeploy_returns_to_what_was_held)
{
    START_LIVE(world);
    world_out(&world, "1.0.0", "neu"); /* an older one, by override */
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    world_close(&world);
}
END_TEST

/* ---- some targets ---------------------------------------------------------------------------- */

START_TEST(test_release__back_of_some_targets_marks_bad_only_when_asked)
{
    START_LIVE(world);
    const char *const only[] = {"neu", NULL};
    struct roll_choice_options options = {.targets = only, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &options);
    ck_goals(choice, "neu=1.0.0");
    ck_assert(choice->request.partial && choice->request.hold);
    ck_assert_ptr_null(choice->request.bad);
    options.bad = true;
    roll_auto(choice) struct roll_choice *marked = world_back(&world, &options);
    ck_assert_str_eq(marked->request.bad[0], "1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_after_one_region_takes_the_others_back_too)
{
    START_LIVE(world);
    const char *const first[] = {"weu", NULL};
    const struct roll_choice_options options = {.targets = first, .ring = -1};
    world_perform(&world, "shop/prod", world_back(&world, &options), NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "neu=1.0.0");
    ck_assert_str_eq(choice->request.bad[0], "1.1.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_of_a_ring_takes_its_targets)
{
    START_LIVE(world);
    const struct roll_choice_options ring = {.ring = 1}, none = {.ring = 2};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &ring);
    ck_goals(choice, "neu=1.0.0");
    ck_assert(choice->request.partial);
    struct roll_choice *missing = NULL;
    ck_refused(BACK(world, &none, &missing), ROLL_E_NOT_FOUND, "no ring 3", NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_of_an_unknown_target_names_the_nearest)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    const char *const only[] = {"nue", NULL};
    const struct roll_choice_options options = {.targets = only, .ring = -1};
    struct roll_choice *choice = NULL;
    ck_refused(BACK(world, &options, &choice), ROLL_E_NOT_FOUND, "did you mean 'neu'", NULL);
    world_close(&world);
}
END_TEST

/* ---- by itself ------------------------------------------------------------------------------- */

START_TEST(test_release__auto_back_returns_what_was_touched_to_what_it_had)
{
    START(world);
    world.prod->max_parallel = 3;
    world_out(&world, "1.0.0", NULL);
    roll_auto(choice) struct roll_choice *failed = world_choose_out(&world, "1.1.0");
    int64_t number = world_request(&world, "shop/prod", failed);
    const struct roll_order_target *weu = g_ptr_array_index(failed->order->targets, 0);
    world_intend(&world, "shop/prod", number, weu);
    world_end_step(&world, "shop/prod", number, weu, "failed", NULL, 0);
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(roll_choose_auto_back(world.ledger, "shop/prod", number, failed->order, &choice));
    ck_goals(choice, "weu=1.0.0");
    ck_assert_int_eq(choice->request.cause, number);
    ck_assert(choice->request.hold);
    ck_assert_str_eq(choice->request.bad[0], "1.1.0");
    ck_assert_int_eq(choice->order->max_parallel, 3);
    ck_assert_int_eq(choice->order->lane, ROLL_LANE_ROLLBACK);
    ck_assert(choice->order->health_reports_only);
    world_close(&world);
}
END_TEST

START_TEST(test_release__auto_back_does_not_return_to_a_bad_release)
{
    START(world);
    world_made(&world, "1.2.0", COMMIT_C);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    const struct roll_release_marked mark = {.version = T("1.1.0"), .verdict = T("bad")};
    world_append(&world, "shop", ROLL_EVENT_release_marked, &mark, NULL, 0);
    roll_auto(choice) struct roll_choice *failed = world_choose_out(&world, "1.2.0");
    int64_t number = world_request(&world, "shop/prod", failed);
    for (guint i = 0; i < 2; i++)
        world_intend(&world, "shop/prod", number, g_ptr_array_index(failed->order->targets, i));
    roll_auto(choice) struct roll_choice *choice = NULL;
    ck_ok(roll_choose_auto_back(world.ledger, "shop/prod", number, failed->order, &choice));
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert(world_says(choice->skipped, "1.1.0: marked bad for the whole service"));
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release_back_targets");
    TCase *tests = tcase_create("release_back_targets");

    tcase_add_test(tests, test_release__back_after_a_failure_returns_each_touched_target);
    tcase_add_test(tests, test_release__back_after_a_failure_leaves_untouched_targets);
    tcase_add_test(tests, test_release__back_targets_may_return_to_different_releases);
    tcase_add_test(tests, test_release__back_after_a_failed_back_completes_it);
    tcase_add_test(tests, test_release__back_after_the_first_deployment_failed_has_no_goal);
    tcase_add_test(tests, test_release__back_after_a_failed_redeploy_returns_to_what_was_held);
    tcase_add_test(tests, test_release__back_of_some_targets_marks_bad_only_when_asked);
    tcase_add_test(tests, test_release__back_after_one_region_takes_the_others_back_too);
    tcase_add_test(tests, test_release__back_of_a_ring_takes_its_targets);
    tcase_add_test(tests, test_release__back_of_an_unknown_target_names_the_nearest);
    tcase_add_test(tests, test_release__auto_back_returns_what_was_touched_to_what_it_had);
    tcase_add_test(tests, test_release__auto_back_does_not_return_to_a_bad_release);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
