/* A back and today's plan: what is left out, what is sent, and what sticks. */
#include "release_back_tools.h"

/* A release that was made for sea too goes to what the plan has. */
static void out_with_sea(struct world *world, const char *version)
{
    const struct world_release release = {.version = version, .targets = "weu neu sea"};

    world_release(world, &release);
    world_out(world, version, NULL);
}

/* ---- the plan of today ----------------------------------------------------------------------- */

START_TEST(test_release__back_leaves_out_a_target_added_since_and_names_it)
{
    START(world);
    world_out(&world, "1.0.0", NULL);
    world_target(world.prod, "sea");
    out_with_sea(&world, "1.2.0");
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
    out_with_sea(&world, "1.2.0");
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
    out_with_sea(&world, "1.2.0");
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
    START_LIVE(world);
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
    out_with_sea(&world, "1.0.0"); /* sea is not in the plan yet */
    out_with_sea(&world, "1.1.0");
    world_target(world.prod, "sea");
    roll_auto(choice) struct roll_choice *choice = world_back(&world, NULL);
    ck_goals(choice, "weu=1.0.0 neu=1.0.0");
    ck_assert(world_says(choice->notes, "never deployed to"));
    world_close(&world);
}
END_TEST

START_TEST(test_release__back_says_where_todays_plan_differs)
{
    START_LIVE(world);
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
    START_LIVE(world);
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
    out_with_sea(&world, "1.0.0"); /* sea is not in the plan yet */
    out_with_sea(&world, "1.1.0");
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
    START_LIVE(world);
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

int main(void)
{
    Suite *suite = suite_create("release_back_plan");
    TCase *tests = tcase_create("release_back_plan");

    tcase_add_test(tests, test_release__back_leaves_out_a_target_added_since_and_names_it);
    tcase_add_test(tests, test_release__back_includes_a_new_target_when_asked);
    tcase_add_test(tests, test_release__back_refuses_a_new_target_whose_values_cannot_be_known);
    tcase_add_test(tests, test_release__back_returns_a_removed_target_that_holds_something);
    tcase_add_test(tests, test_release__back_does_not_build_what_never_ran);
    tcase_add_test(tests, test_release__back_says_where_todays_plan_differs);
    tcase_add_test(tests, test_release__back_signs_in_as_the_plan_of_today_says);
    tcase_add_test(tests, test_release__back_finds_a_good_release_far_back);
    tcase_add_test(tests, test_release__back_to_a_named_target_includes_what_never_ran);
    tcase_add_test(tests, test_release__back_creates_groups_only_when_told);
    tcase_add_test(tests, test_release__back_skips_the_steps_that_say_so);
    tcase_add_test(tests, test_release__back_says_that_it_drops_a_live_hotfix);
    tcase_add_test(tests, test_release__back_drops_secret_versions_when_told);
    tcase_add_test(tests, test_release__back_keeps_sticky_parameters);
    tcase_add_test(tests,
                   test_release__back_leaves_out_sticky_values_that_the_template_does_not_allow);
    tcase_add_test(tests, test_release__back_sticky_means_the_last_accepted_step);
    tcase_add_test(tests, test_release__out_does_not_keep_sticky_parameters);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
