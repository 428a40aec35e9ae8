/* The rollout machine: what ARM's answers mean, and what their absence means. */
#include "machine_tools.h"
#include "suite_tools.h"

static const struct roll_step_ended *end_of(const struct world *world, size_t index)
{
    const struct roll_event *event = g_ptr_array_index(world->events, index);

    return roll_event_body(event, step_ended);
}

START_TEST(test_machine__throttled_is_tried_again_for_ten_minutes)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 10; i++) {
        expect_waiting(&world, "PUT weu");
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(THROTTLED, .code = "TooManyRequests", .retry_after_ms = 60000));
        pass(&world, 60000);
    }
    reply(&world, ROLL_ACTION_PUT, "weu",
          NOT(THROTTLED, .code = "TooManyRequests", .retry_after_ms = 60000));
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

/* A PUT whose turn has not come is in no trouble: 10,000 of them take an hour where ARM takes few.
 */
START_TEST(test_machine__a_turn_is_waited_for_without_end)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu",
          NOT(THROTTLED, .code = "TooManyRequests", .retry_after_ms = 60000));
    pass(&world, 60000);
    for (int i = 0; i < 20; i++) {
        expect_waiting(&world, "PUT weu");
        reply(&world, ROLL_ACTION_PUT, "weu", NOT(LATER, .paced = true, .retry_after_ms = 60000));
        pass(&world, 60000);
    }
    for (int i = 0; i < 11; i++) { /* what is held back while ARM takes nothing is in trouble */
        if (i > 0)
            pass(&world, 60000);
        expect_waiting(&world, "PUT weu");
        reply(&world, ROLL_ACTION_PUT, "weu", NOT(LATER, .retry_after_ms = 60000));
    }
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

/* A poll of the deployment itself tells its end and all about it. */
START_TEST(test_machine__a_poll_of_the_whole_needs_no_second_look)
{
    struct world world;
    const struct roll_step_ended *end;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running", .whole = true));
    pass(&world, 2000);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded", .whole = true, .arm_at = 8));
    end = roll_event_body((struct roll_event *)g_ptr_array_index(world.events, 3), step_ended);
    ck_assert_str_eq(end->outcome, "succeeded");
    ck_assert_int_eq(end->arm_at, 8);
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

/* DESIGN section 11: noticed within 1 s of ARM's end, however long it took; so many reads as that
 * are for several is the read budget's matter. */
START_TEST(test_machine__the_end_of_a_long_deployment_is_noticed_within_a_second)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    pass(&world, 20 * 60 * 1000);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));
    ck_assert_int_lt(world.wake, world.boot + 1000);
    pass(&world, 999);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_poll_of_the_whole_may_find_anothers)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu",
          OTHERS(.state = "Succeeded", .whole = true, .correlation_id = "theirs"));
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    expect_history(&world, 3, "ended:weu:0:conflict:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__busy_with_our_own_deployment_is_adopted)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(BUSY, .code = "DeploymentActive"));
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 500);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__busy_with_something_else_is_put_again)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu",
          NOT(BUSY, .code = "AnotherOperationInProgress", .retry_after_ms = 5000));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, "");
    pass(&world, 5000);
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_name_with_another_correlation_id_is_a_conflict)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "Succeeded", .correlation_id = "somebody"));
    expect_history(&world, 3, "ended:weu:0:conflict:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_fixed_name_was_used_before)
{
    struct world world;

    start_fixed(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "Succeeded", .correlation_id = "the last one"));
    for (int i = 0; i < 5; i++) {
        pass(&world, 2000);
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = "Succeeded", .correlation_id = "the last one"));
    }
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

/* ARM's DeploymentActive: what runs under the name that the plan fixes is waited for. */
START_TEST(test_machine__another_deployment_of_a_fixed_name_is_waited_for)
{
    struct world world;

    start_fixed(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(BUSY, .code = "DeploymentActive"));
    for (int i = 0; i < 20; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = "Running", .correlation_id = "the portal", .retry_after_ms = 15000));
        pass(&world, 15000);
    }
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "Succeeded", .correlation_id = "the portal"));
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__another_deployment_is_not_waited_for_without_end)
{
    struct world world;

    start_fixed(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(BUSY, .code = "DeploymentActive"));
    for (int i = 0; i < 41; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = "Running", .correlation_id = "the portal", .retry_after_ms = 15000));
        pass(&world, 15000);
        if (world.n_asked == 0)
            break;
    }
    g_autofree char *text = history(&world, 3);
    ck_assert_msg(strstr(text, "ended:weu:0:conflict:last failed"), "%s", text);
    world_clear(&world);
}
END_TEST

/* A no that the driver lifts: the same request, without a look in between, for ten minutes. */
START_TEST(test_machine__what_is_being_lifted_is_asked_again)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 59; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(LATER, .code = "AuthorizationFailed", .retry_after_ms = 10000));
        expect_waiting(&world, "");
        pass(&world, 10000);
        expect_waiting(&world, "PUT weu");
    }
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_is_not_lifted_in_ten_minutes_is_refused)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 61 && !world.done.kind; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(LATER, .code = "AuthorizationFailed", .message = "no", .retry_after_ms = 10000));
        if (world.n_asked == 0)
            pass(&world, 10000);
        if (world.n_asked == 0)
            break;
    }
    ck_assert_int_ge(world.boot, 600000);
    const struct roll_event *last = g_ptr_array_index(world.events, world.events->len - 2);
    const struct roll_step_ended *end = roll_event_body(last, step_ended);
    ck_assert_ptr_nonnull(end);
    ck_assert_str_eq(end->outcome, "refused");
    ck_assert_str_eq(end->code, "AuthorizationFailed");
    ck_assert_str_eq(end->message, "no");
    world_clear(&world);
}
END_TEST

/* Reading may be forbidden for as long. */
START_TEST(test_machine__looks_wait_for_access_too)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    for (int i = 0; i < 30; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              NOT(LATER, .code = "AuthorizationFailed", .retry_after_ms = 15000));
        pass(&world, 15000);
    }
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 2000);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__lost_five_times_and_never_seen_is_absent)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 6; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
        world.wall += 10000;
        world.boot += 10000;
        reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND)); /* asked too early to be believed */
        reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    }
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__not_found_while_polling_is_believed_after_five_minutes)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    for (int i = 0; i < 299; i++) {
        reply(&world, ROLL_ACTION_POLL, "weu",
              NOT(NOT_FOUND, .code = "DeploymentNotFound", .retry_after_ms = 1000));
        pass(&world, 1000);
        expect_waiting(&world, "POLL weu");
    }
    reply(&world, ROLL_ACTION_POLL, "weu",
          NOT(NOT_FOUND, .code = "DeploymentNotFound", .retry_after_ms = 1000));
    pass(&world, 1000);
    reply(&world, ROLL_ACTION_POLL, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    expect_history(&world, world.events->len - 2, "ended:weu:0:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_vanished_group_ends_the_step_at_once)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", NOT(NOT_FOUND, .code = "ResourceGroupNotFound"));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "ResourceGroupNotFound"));
    expect_history(&world, 3, "ended:weu:0:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__late_and_double_answers_are_dropped)
{
    struct world world;
    struct roll_action put;

    start(&world, "weu");
    put = take_asked(&world, ROLL_ACTION_PUT, "weu");
    for (int i = 0; i < 3; i++) {
        struct roll_blob *blob = g_new0(struct roll_blob, 1);
        blob->data = g_string_new("{}");
        observe(&world,
                (struct roll_observation){
                    .id = put.id, .kind = ROLL_SAW_REPLY, .retry_after_ms = -1, .result = blob});
    }
    observe(&world, (struct roll_observation){
                        .id = 4711, .kind = ROLL_SAW_REPLY, .outcome = ROLL_ARM_REFUSED});
    observe(&world, (struct roll_observation){.id = 4711, .kind = ROLL_SAW_CONFLICT});
    observe(&world, (struct roll_observation){.id = 4711, .kind = ROLL_SAW_BACK});
    pump(&world);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_ARM_said_is_appended)
{
    struct world world;
    struct roll_blob *blob = g_new0(struct roll_blob, 1);
    const struct roll_step_ended *end;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Failed"));
    reply(&world, ROLL_ACTION_GET, "weu",
          OK(.state = "Failed", .code = "DeploymentFailed", .duration_ms = 7, .arm_at = 8));
    blob->data = g_string_new("{}");
    roll_sha256_hex("{}", 2, blob->digest);
    reply(&world, ROLL_ACTION_EXPLAIN, "weu",
          OK(.code = "Conflict", .message = "the name is taken", .resources = 3, .result = blob));
    end = roll_event_body((struct roll_event *)g_ptr_array_index(world.events, 3), step_ended);
    ck_assert_str_eq(end->code, "Conflict");
    ck_assert_str_eq(end->message, "the name is taken");
    ck_assert_int_eq(end->duration_ms, 7);
    ck_assert_int_eq(end->arm_at, 8);
    ck_assert_int_eq(end->resources, 3);
    ck_assert_uint_eq(strlen(end->result), 64);
    ck_assert(end->accepted);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__details_are_asked_for_a_few_times_and_done_without)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    for (int i = 0; i < 5; i++) {
        reply(&world, ROLL_ACTION_GET, "weu", NOT(LOST));
        expect_history(&world, 3, "");
        pass(&world, 40000);
    }
    reply(&world, ROLL_ACTION_GET, "weu", NOT(LOST));
    expect_history(&world, 3, "claimed ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_cannot_be_read_is_not_guessed)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(REFUSED, .code = "AuthorizationFailed"));
    pass(&world, 60000);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(REFUSED, .code = "AuthorizationFailed"));
    expect_history(&world, 3, "detached");
    ck_assert_int_eq(world.done.end, ROLL_END_DETACHED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__without_a_token_the_step_is_refused)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(NO_TOKEN, .message = "no credential"));
    expect_history(&world, 3, "ended:weu:0:refused:last failed");
    ck_assert_str_eq(end_of(&world, 3)->code, "NoToken");
    ck_assert_str_eq(end_of(&world, 3)->message, "no credential");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_never_arrives_ends_with_the_last_answer)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 6; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(LOST, .message = "ARM answered 502 without saying why"));
        for (int look = 0; look < 2; look++) {
            if (look > 0)
                pass(&world, 10000);
            reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
        }
    }
    expect_history(&world, 3, "claimed claimed ended:weu:0:absent:last failed");
    ck_assert_str_eq(end_of(&world, 5)->code, "NeverArrived");
    ck_assert_str_eq(end_of(&world, 5)->message, "the request never arrived; the last answer was: "
                                                 "ARM answered 502 without saying why");
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine_replies");
    TCase *tests = tcase_create("machine_replies");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__throttled_is_tried_again_for_ten_minutes);
    tcase_add_test(tests, test_machine__a_turn_is_waited_for_without_end);
    tcase_add_test(tests, test_machine__a_poll_of_the_whole_needs_no_second_look);
    tcase_add_test(tests, test_machine__the_end_of_a_long_deployment_is_noticed_within_a_second);
    tcase_add_test(tests, test_machine__a_poll_of_the_whole_may_find_anothers);
    tcase_add_test(tests, test_machine__busy_with_our_own_deployment_is_adopted);
    tcase_add_test(tests, test_machine__busy_with_something_else_is_put_again);
    tcase_add_test(tests, test_machine__a_name_with_another_correlation_id_is_a_conflict);
    tcase_add_test(tests, test_machine__a_fixed_name_was_used_before);
    tcase_add_test(tests, test_machine__another_deployment_of_a_fixed_name_is_waited_for);
    tcase_add_test(tests, test_machine__another_deployment_is_not_waited_for_without_end);
    tcase_add_test(tests, test_machine__what_is_being_lifted_is_asked_again);
    tcase_add_test(tests, test_machine__what_is_not_lifted_in_ten_minutes_is_refused);
    tcase_add_test(tests, test_machine__looks_wait_for_access_too);
    tcase_add_test(tests, test_machine__lost_five_times_and_never_seen_is_absent);
    tcase_add_test(tests, test_machine__not_found_while_polling_is_believed_after_five_minutes);
    tcase_add_test(tests, test_machine__a_vanished_group_ends_the_step_at_once);
    tcase_add_test(tests, test_machine__late_and_double_answers_are_dropped);
    tcase_add_test(tests, test_machine__what_ARM_said_is_appended);
    tcase_add_test(tests, test_machine__details_are_asked_for_a_few_times_and_done_without);
    tcase_add_test(tests, test_machine__what_cannot_be_read_is_not_guessed);
    tcase_add_test(tests, test_machine__without_a_token_the_step_is_refused);
    tcase_add_test(tests, test_machine__what_never_arrives_ends_with_the_last_answer);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
