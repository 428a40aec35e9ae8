/* Leftovers: what newer releases put and an older one does not know. */
#include "release_world.h"

#include "rollbook/time.h"

static int64_t put(struct world *world, const char *version, const char *outcome,
                   const char *result)
{
    roll_auto(choice) struct roll_choice *choice = world_choose_out(world, version);
    int64_t number = world_request(world, "shop/prod", choice);
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        bool weu = strcmp(target->name, "weu") == 0;
        world_intend(world, "shop/prod", number, target);
        world_end_step(world, "shop/prod", number, target, outcome, weu ? result : NULL, 0);
    }
    world_end(world, "shop/prod", number,
              strcmp(outcome, "failed") == 0 ? ROLL_EVENT_rollout_failed
                                             : ROLL_EVENT_rollout_succeeded,
              0);
    return number;
}

/* "ID (RELEASE), …" of what is left on weu when release is there; until: as roll_leftovers_new.
 * Owned. */
static char *left_until(struct world *world, const char *release, int64_t until)
{
    struct roll_order_target target = {.name = T("weu"), .release = T(release)};
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    g_ptr_array_add(targets, &target);
    const struct roll_order order = {
        .service = T("shop"), .environment = T("prod"), .targets = targets};
    roll_auto(leftovers) struct roll_leftovers *all = NULL;
    roll_auto(json) json_t *leftovers = NULL;
    ck_ok(roll_leftovers_new(world->ledger, &order, until, &all));
    ck_ok(roll_leftovers_of(all, &target, &leftovers));
    GString *text = g_string_new(NULL);
    for (size_t i = 0; i < json_array_size(leftovers); i++) {
        const json_t *leftover = json_array_get(leftovers, i);
        g_string_append_printf(text, "%s%s%s (%s)", i ? ", " : "",
                               json_is_true(json_object_get(leftover, "begun")) ? "perhaps " : "",
                               roll_json_get_string(leftover, "id"),
                               roll_json_get_string(leftover, "release"));
    }
    return g_string_free(text, FALSE);
}

static char *left(struct world *world, const char *release)
{
    return left_until(world, release, 0);
}

#define ck_left(world, release, wanted)                                                            \
    do {                                                                                           \
        g_autofree char *ck_text = left(&(world), release);                                        \
        ck_assert_str_eq(ck_text, wanted);                                                         \
    } while (0)

static struct world three_releases(void)
{
    struct world world = world_make();
    world_made(&world, "1.0.0", COMMIT_A);
    world_made(&world, "1.1.0", COMMIT_B);
    world_made(&world, "1.2.0", COMMIT_C);
    return world;
}

START_TEST(test_release__leftovers_are_what_newer_deployments_added)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\",\"/B\"]}");
    put(&world, "1.1.0", "succeeded", "{\"outputResources\":[\"/a\",\"/C\"]}");
    put(&world, "1.2.0", "succeeded", "{\"outputResources\":[{\"id\":\"/D\"},{\"id\":\"/c\"}]}");
    ck_left(world, "1.0.0", "/c (1.2.0), /D (1.2.0)");
    ck_left(world, "1.1.0", "/D (1.2.0)");
    ck_left(world, "1.2.0", "");
    world_close(&world);
}
END_TEST

START_TEST(test_release__leftovers_are_the_same_after_the_back)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    put(&world, "1.1.0", "succeeded", "{\"outputResources\":[\"/A\",\"/C\"]}");
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    ck_left(world, "1.0.0", "/C (1.1.0)");
    world_close(&world);
}
END_TEST

START_TEST(test_release__leftovers_of_a_failed_deployment_count)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    put(&world, "1.1.0", "failed", "{\"outputResources\":[\"/C\"]}");
    ck_left(world, "1.0.0", "/C (1.1.0)");
    world_close(&world);
}
END_TEST

START_TEST(test_release__leftovers_that_nothing_got_done_are_told)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    put(&world, "1.1.0", "failed",
        "{\"outputResources\":[\"/C\",\"/D\"],\"begunResources\":[\"/C\",\"/D\"]}");
    put(&world, "1.2.0", "failed",
        "{\"outputResources\":[\"/c\",\"/D\"],\"begunResources\":[\"/D\"]}");
    ck_left(world, "1.0.0", "/c (1.2.0), perhaps /D (1.2.0)");
    put(&world, "1.1.0", "succeeded", "{\"outputResources\":[\"/d\"]}");
    ck_left(world, "1.0.0", "/c (1.2.0), /d (1.1.0)");
    world_close(&world);
}
END_TEST

START_TEST(test_release__leftovers_leave_out_what_was_there_before_the_goal)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/old\"]}");
    put(&world, "1.1.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    put(&world, "1.2.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    ck_left(world, "1.1.0", "");
    world_close(&world);
}
END_TEST

/* A rollback of long ago is told as it was when it ended. */
START_TEST(test_release__leftovers_of_an_old_rollback_do_not_change)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    put(&world, "1.1.0", "succeeded", "{\"outputResources\":[\"/A\",\"/C\"]}");
    int64_t back = put(&world, "1.0.0", "succeeded", "{\"outputResources\":[\"/A\"]}");
    put(&world, "1.2.0", "succeeded", "{\"outputResources\":[\"/A\",\"/D\"]}");
    g_autofree char *then = left_until(&world, "1.0.0", back);
    ck_assert_str_eq(then, "/C (1.1.0)");
    ck_left(world, "1.0.0", "/C (1.1.0), /D (1.2.0)");
    world_close(&world);
}
END_TEST

/* When the item was added, UTC ms. */
static int64_t added_at(struct world *world, int64_t arm_at, int64_t duration_ms)
{
    roll_auto(choice) struct roll_choice *choice = world_choose_out(world, "1.1.0");
    const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, 0);
    int64_t number = world_request(world, "shop/prod", choice);
    world_intend(world, "shop/prod", number, target);
    g_autoptr(GPtrArray) blobs = release_blobs_new();
    GString *result = g_string_new("{\"outputResources\":[\"/subscriptions/s/resourceGroups/g\"]}");
    const struct roll_step_ended ended = {.rollout = number,
                                          .target = target->name,
                                          .attempt = 1,
                                          .outcome = T("succeeded"),
                                          .last = true,
                                          .accepted = true,
                                          .release = target->release,
                                          .arm_at = arm_at,
                                          .duration_ms = duration_ms,
                                          .result = T(release_blobs_add_take(blobs, result))};
    world_append(world, "shop/prod", ROLL_EVENT_step_ended, &ended, blobs, 0);
    world_end(world, "shop/prod", number, ROLL_EVENT_rollout_failed, 0);

    roll_auto(choice) struct roll_choice *back = world_choose_out(world, "1.0.0");
    roll_auto(pruner) struct roll_pruner *pruner = NULL;
    g_autoptr(GPtrArray) items = NULL;
    ck_ok(roll_pruner_new(world->ledger, back->order, &pruner));
    ck_ok(roll_pruner_items(pruner, g_ptr_array_index(back->order->targets, 0), &items));
    ck_assert_uint_eq(items->len, 1);
    return ((struct roll_prune_item *)items->pdata[0])->added_at;
}

/* Resources are dated by ARM's clock: with ours behind it, what was there before would be ours. */
START_TEST(test_release__leftovers_are_not_older_than_what_arm_says_of_their_deployment)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", NULL);
    int64_t arm_at = roll_now_ms() + 3600000;
    ck_assert_int_ge(added_at(&world, arm_at, 30000), arm_at - 60000);
    world_close(&world);
}
END_TEST

START_TEST(test_release__leftovers_are_not_older_than_their_intent)
{
    struct world world = three_releases();
    put(&world, "1.0.0", "succeeded", NULL);
    int64_t before = roll_now_ms();
    ck_assert_int_ge(added_at(&world, before - 3600000, 30000), before);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release_leftovers");
    TCase *tcase = tcase_create("leftovers");
    tcase_add_test(tcase, test_release__leftovers_are_what_newer_deployments_added);
    tcase_add_test(tcase, test_release__leftovers_are_the_same_after_the_back);
    tcase_add_test(tcase, test_release__leftovers_of_a_failed_deployment_count);
    tcase_add_test(tcase, test_release__leftovers_that_nothing_got_done_are_told);
    tcase_add_test(tcase, test_release__leftovers_leave_out_what_was_there_before_the_goal);
    tcase_add_test(tcase, test_release__leftovers_of_an_old_rollback_do_not_change);
    tcase_add_test(tcase,
                   test_release__leftovers_are_not_older_than_what_arm_says_of_their_deployment);
    tcase_add_test(tcase, test_release__leftovers_are_not_older_than_their_intent);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
