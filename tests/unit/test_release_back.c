/* Back: which release each target returns to, what is left behind, what is refused and what is
 * said. */
#include "release_world.h"

#include "rollbook/time.h"

#define START(world)                                                                               \
    struct world world = world_make();                                                             \
    world_made(&world, "1.0.0", COMMIT_A);                                                         \
    world_made(&world, "1.1.0", COMMIT_B)

#define BACK(world, options, ret)                                                                  \
    roll_choose_back((world).plan, (world).prod, (world).ledger, options, ret)

/* ---- the default goal ------------------------------------------------------------------------ */

START_TEST(test_release__back_goes_to_the_newest_good_release_before_the_live_one)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    world_out(&world, "1.0.0", "neu"); /* an older one, by override */
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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

/* ---- some targets ---------------------------------------------------------------------------- */

START_TEST(test_release__back_of_some_targets_marks_bad_only_when_asked)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
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

/* ---- the plan of today ----------------------------------------------------------------------- */

START_TEST(test_release__back_leaves_out_a_target_added_since_and_names_it)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_target(world.prod, "sea");
    const struct world_release newer = {.version = "1.2.0", .targets = "weu neu sea"};
    world_release(&world, &newer);
    world_out(&world, "1.2.0", NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert(world_says(choice->notes, "added to the plan after 1.0.0 was made"));
    ck_assert(world_says(choice->notes, "'sea'"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_includes_a_new_target_when_asked)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    struct roll_plan_target *sea = world_target(world.prod, "sea");
    sea->parameters = json_pack("{s:s}", "region", "sea");
    const struct world_release newer = {.version = "1.2.0", .targets = "weu neu sea"};
    world_release(&world, &newer);
    world_out(&world, "1.2.0", NULL);
    const struct roll_choice_options options = {.include_new = true, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &options);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0 sea=1.0.0");
    const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, 2);
    ck_assert_str_eq(target->resource_group, "shop-sea");
    g_autoptr(GString) text = NULL;
    ck_ok(release_object_text(world.ledger, choice->blobs, target->parameters_digest, &text));
    ck_assert_str_eq(text->str,
                     "{\"region\":{\"value\":\"sea\"},\"version\":{\"value\":\"1.0.0\"}}");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_refuses_a_new_target_whose_values_cannot_be_known)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_target(world.prod, "sea");
    const struct world_release newer = {.version = "1.2.0", .targets = "weu neu sea"};
    world_release(&world, &newer);
    world_out(&world, "1.2.0", NULL);
    struct roll_plan_target *weu = g_ptr_array_index(world.prod->targets, 0);
    weu->parameters = json_pack("{s:s}", "version", "1.0.0");
    const struct roll_choice_options options = {.include_new = true, .ring = -1};
    struct roll_choice *choice = NULL;
    ck_refused(BACK(world, &options, &choice), ROLL_E_REFUSED, "no value of its own for 'version'",
               NULL);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_returns_a_removed_target_that_holds_something)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    g_hash_table_remove(world.prod->target_index, "neu");
    g_ptr_array_set_size(world.prod->targets, 1); /* neu is gone from the plan */
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_does_not_build_what_never_ran)
{
    struct world world = world_make();
    const char *versions[] = {"1.0.0", "1.1.0"};
    for (int i = 0; i < 2; i++) {
        const struct world_release release = {.version = versions[i], .targets = "weu neu sea"};
        world_release(&world, &release);
        world_out(&world, versions[i], NULL); /* sea is not in the plan yet */
    }
    world_target(world.prod, "sea");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert(world_says(choice->notes, "never deployed to"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_says_where_todays_plan_differs)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    struct roll_plan_target *weu = g_ptr_array_index(world.prod->targets, 0);
    g_free(weu->resource_group);
    weu->resource_group = g_strdup("moved");
    weu->parameters = json_pack("{s:s}", "version", "other");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, 0);
    ck_assert_str_eq(target->resource_group, "shop-weu");
    ck_assert(world_says(choice->notes, "resource group 'shop-weu', the plan says 'moved': 'weu'"));
    ck_assert(world_says(choice->notes, "parameter 'version': 'weu'"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_signs_in_as_the_plan_of_today_says)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    struct roll_plan_target *planned = g_ptr_array_index(world.prod->targets, 0);
    planned->credential = g_strdup("cli");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    ck_assert_str_eq(weu->credential, "cli");
    world.prod->lanes[ROLL_LANE_ROLLBACK].credential = g_strdup("environment");
    roll_auto(choice) struct roll_choice *by_lane = world_back(&world, NULL);
    weu = g_ptr_array_index(by_lane->order->targets, 0);
    ck_assert_str_eq(weu->credential, "environment");
    world_close(&world);
}
END_TEST

/* More bad releases in a row than are looked at first. */
START_TEST(test_release__back_finds_a_good_release_far_back)
{
    struct world world = world_make();
    for (int i = 0; i < 20; i++) {
        g_autofree char *version = g_strdup_printf("1.%d.0", i);
        world_made(&world, version, COMMIT_A);
        world_out(&world, version, NULL);
        const struct roll_release_marked mark = {.version = version, .verdict = T("bad")};
        if (i > 0 && i < 19)
            world_append(&world, "shop", ROLL_EVENT_release_marked, &mark, NULL, 0);
    }
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert_int_eq(g_strv_length(choice->skipped), 18);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_to_a_named_target_includes_what_never_ran)
{
    struct world world = world_make();
    const char *versions[] = {"1.0.0", "1.1.0"};
    for (int i = 0; i < 2; i++) {
        const struct world_release release = {.version = versions[i], .targets = "weu neu sea"};
        world_release(&world, &release);
        world_out(&world, versions[i], NULL); /* sea is not in the plan yet */
    }
    world_target(world.prod, "sea");
    const char *const sea[] = {"sea", NULL}, *const weu[] = {"weu", NULL};
    const struct roll_choice_options named = {.targets = sea, .ring = -1},
                                     other = {.targets = weu, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &named);
    ck_goals(choice, "sea=1.0.0");
    roll_auto(choice) struct roll_choice *without = world_back(&world, &other);
    ck_goals(without, "weu=1.0.0");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_creates_groups_only_when_told)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    const struct roll_choice_options options = {.recreate_groups = true, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &options);
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    ck_assert(weu->create_group);
    world_close(&world);
}
END_TEST

/* ---- what is sent ---------------------------------------------------------------------------- */

START_TEST(test_release__back_skips_the_steps_that_say_so)
{
    struct world world = world_make();
    const char *versions[] = {"1.0.0", "1.1.0"};
    for (int i = 0; i < 2; i++) {
        const struct world_release release = {
            .version = versions[i],
            .steps = json_pack("[{s:s,s:s},{s:s,s:s,s:s}]", "action",
                               "Microsoft.Web/sites/web-{target}/a", "apiVersion", "2022-09-01",
                               "action", "Microsoft.Web/sites/b/b", "apiVersion", "2022-09-01",
                               "onBack", "skip")};
        world_release(&world, &release);
    }
    roll_auto(choice) struct roll_choice *out = world_choose_out(&world, "1.0.0");
    const struct roll_order_target *target = g_ptr_array_index(out->order->targets, 0);
    ck_assert_int_eq(target->steps->len, 2);
    const struct roll_plan_step *step = g_ptr_array_index(target->steps, 0);
    ck_assert_str_eq(step->action, "Microsoft.Web/sites/web-weu/a");
    world_out(&world, "1.0.0", NULL);
    world_out(&world, "1.1.0", NULL);
    roll_auto(choice) struct roll_choice *back = world_back(&world, NULL);
    target = g_ptr_array_index(back->order->targets, 0);
    ck_assert_int_eq(target->steps->len, 1);
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_says_that_it_drops_a_live_hotfix)
{
    START(world);
    world_out(&world, "1.1.0", NULL);
    const struct world_release hotfix = {
        .version = "1.1.0-hotfix.1", .base = "1.1.0", .commit = COMMIT_B};
    world_release(&world, &hotfix);
    world_out(&world, "1.1.0-hotfix.1", NULL);
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    ck_assert(world_says(choice->notes, "drops the live hotfix 1.1.0-hotfix.1"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_drops_secret_versions_when_told)
{
    struct world world = world_make();
    const char *versions[] = {"1.0.0", "1.1.0"};
    for (int i = 0; i < 2; i++) {
        const struct world_release release = {
            .version = versions[i],
            .parameters =
                "{\"password\":{\"reference\":{\"keyVault\":{\"id\":\"/v\"},\"secretName\":\"p\","
                "\"secretVersion\":\"abc\"}}}"};
        world_release(&world, &release);
        world_out(&world, versions[i], NULL);
    }
    const struct roll_choice_options options = {.secrets_current = true, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = world_back(&world, &options);
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    g_autoptr(GString) text = NULL;
    ck_ok(release_object_text(world.ledger, choice->blobs, weu->parameters_digest, &text));
    ck_assert_ptr_null(strstr(text->str, "secretVersion"));
    ck_assert_ptr_nonnull(strstr(text->str, "\"secretName\":\"p\""));
    ck_assert_int_eq(choice->blobs->len, 1); /* one for both targets */
    world_close(&world);
}
END_TEST

/* ---- sticky ---------------------------------------------------------------------------------- */

#define STICKY_TEMPLATE(allowed)                                                                   \
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"                       \
    "deploymentTemplate.json#\","                                                                  \
    "\"contentVersion\":\"1.0.0.0\",\"parameters\":{\"capacity\":{\"type\":\"int\"" allowed        \
    "}},\"resources\":[]}"

static void sticky_world(struct world *world, const char *old_template)
{
    *world = world_make();
    const struct world_release old = {.version = "1.0.0",
                                      .template_text = old_template,
                                      .sticky = "capacity",
                                      .parameters = "{\"capacity\":{\"value\":2}}"};
    const struct world_release new = {.version = "1.1.0",
                                      .template_text = STICKY_TEMPLATE(""),
                                      .sticky = "capacity",
                                      .parameters = "{\"capacity\":{\"value\":9}}"};
    world_release(world, &old);
    world_release(world, &new);
    world_out(world, "1.0.0", NULL);
    world_out(world, "1.1.0", NULL);
}

static void assert_capacity(struct world *world, const struct roll_choice *choice, const char *text)
{
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    g_autoptr(GString) sent = NULL;
    ck_ok(release_object_text(world->ledger, choice->blobs, weu->parameters_digest, &sent));
    ck_assert_str_eq(sent->str, text);
}

START_TEST(test_release__back_keeps_sticky_parameters)
{
    struct world world;
    sticky_world(&world, STICKY_TEMPLATE(""));
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    assert_capacity(&world, choice, "{\"capacity\":{\"value\":9}}");
    ck_assert(world_says(choice->notes, "sticky parameter 'capacity' keeps its value"));
    const struct roll_order_target *weu = g_ptr_array_index(choice->order->targets, 0);
    ck_assert_str_eq(choice->request.parts[0],
                     weu->parameters_digest); /* so that an export has it */
    const struct roll_choice_options recorded = {.no_sticky = true, .ring = -1};
    roll_auto(choice) struct roll_choice *plain = world_back(&world, &recorded);
    assert_capacity(&world, plain, "{\"capacity\":{\"value\":2}}");
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_leaves_out_sticky_values_that_the_template_does_not_allow)
{
    struct world world;
    sticky_world(&world, STICKY_TEMPLATE(",\"maxValue\":5"));
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    assert_capacity(&world, choice, "{\"capacity\":{\"value\":2}}");
    ck_assert(world_says(choice->notes, "sticky parameter 'capacity' is left out"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_sticky_means_the_last_accepted_step)
{
    struct world world;
    sticky_world(&world, STICKY_TEMPLATE(""));
    const struct world_release third = {.version = "1.2.0",
                                        .template_text = STICKY_TEMPLATE(""),
                                        .sticky = "capacity",
                                        .parameters = "{\"capacity\":{\"value\":12}}"};
    world_release(&world, &third);
    world_out(&world, "1.2.0", "weu neu"); /* failed, but ARM accepted it */
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.1.0 neu=1.1.0");
    assert_capacity(&world, choice, "{\"capacity\":{\"value\":12}}");
    world_close(&world);
}
END_TEST

START_TEST(test_release__out_does_not_keep_sticky_parameters)
{
    struct world world;
    sticky_world(&world, STICKY_TEMPLATE(""));
    roll_auto(choice) struct roll_choice *choice = world_choose_out(&world, "1.0.0");
    assert_capacity(&world, choice, "{\"capacity\":{\"value\":2}}");
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
    Suite *suite = suite_create("release_back");
    TCase *tcase = tcase_create("back");
    tcase_add_test(tcase, test_release__back_goes_to_the_newest_good_release_before_the_live_one);
    tcase_add_test(tcase, test_release__back_marks_what_it_leaves_and_holds);
    tcase_add_test(tcase, test_release__back_has_one_ring_no_bake_and_never_stops);
    tcase_add_test(tcase, test_release__back_again_does_not_return_to_what_was_left);
    tcase_add_test(tcase, test_release__back_skips_what_a_person_marked_bad);
    tcase_add_test(tcase, test_release__back_without_an_earlier_release_says_what_else_there_is);
    tcase_add_test(tcase, test_release__back_steps_counts_eligible_releases);
    tcase_add_test(tcase, test_release__back_after_a_failure_returns_each_touched_target);
    tcase_add_test(tcase, test_release__back_after_a_failure_leaves_untouched_targets);
    tcase_add_test(tcase, test_release__back_targets_may_return_to_different_releases);
    tcase_add_test(tcase, test_release__back_after_a_failed_back_completes_it);
    tcase_add_test(tcase, test_release__back_after_the_first_deployment_failed_has_no_goal);
    tcase_add_test(tcase, test_release__back_after_a_failed_redeploy_returns_to_what_was_held);
    tcase_add_loop_test(
        tcase, test_release__back_to_what_lost_an_object_is_found_out_before_it_is_requested, 0, 2);
    tcase_add_test(tcase, test_release__back_takes_the_place_of_a_running_rollout);
    tcase_add_test(tcase, test_release__back_during_a_back_is_the_same_back);
    tcase_add_test(tcase, test_release__back_to_reaches_only_what_succeeded_here);
    tcase_add_test(tcase, test_release__back_to_a_bad_release_is_refused);
    tcase_add_test(tcase, test_release__back_sends_dirty_targets_a_put_even_at_the_goal);
    tcase_add_test(tcase, test_release__back_at_a_time_returns_to_what_was_live_then);
    tcase_add_test(tcase, test_release__back_obeys_the_data_floor);
    tcase_add_test(tcase, test_release__back_of_some_targets_marks_bad_only_when_asked);
    tcase_add_test(tcase, test_release__back_after_one_region_takes_the_others_back_too);
    tcase_add_test(tcase, test_release__back_of_a_ring_takes_its_targets);
    tcase_add_test(tcase, test_release__back_of_an_unknown_target_names_the_nearest);
    tcase_add_test(tcase, test_release__back_leaves_out_a_target_added_since_and_names_it);
    tcase_add_test(tcase, test_release__back_includes_a_new_target_when_asked);
    tcase_add_test(tcase, test_release__back_refuses_a_new_target_whose_values_cannot_be_known);
    tcase_add_test(tcase, test_release__back_returns_a_removed_target_that_holds_something);
    tcase_add_test(tcase, test_release__back_does_not_build_what_never_ran);
    tcase_add_test(tcase, test_release__back_says_where_todays_plan_differs);
    tcase_add_test(tcase, test_release__back_signs_in_as_the_plan_of_today_says);
    tcase_add_test(tcase, test_release__back_finds_a_good_release_far_back);
    tcase_add_test(tcase, test_release__back_to_a_named_target_includes_what_never_ran);
    tcase_add_test(tcase, test_release__back_creates_groups_only_when_told);
    tcase_add_test(tcase, test_release__back_skips_the_steps_that_say_so);
    tcase_add_test(tcase, test_release__back_says_that_it_drops_a_live_hotfix);
    tcase_add_test(tcase, test_release__back_drops_secret_versions_when_told);
    tcase_add_test(tcase, test_release__back_keeps_sticky_parameters);
    tcase_add_test(tcase,
                   test_release__back_leaves_out_sticky_values_that_the_template_does_not_allow);
    tcase_add_test(tcase, test_release__back_sticky_means_the_last_accepted_step);
    tcase_add_test(tcase, test_release__out_does_not_keep_sticky_parameters);
    tcase_add_test(tcase, test_release__auto_back_returns_what_was_touched_to_what_it_had);
    tcase_add_test(tcase, test_release__auto_back_does_not_return_to_a_bad_release);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
