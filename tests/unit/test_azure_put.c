/* Deployments are put, looked for, followed and cancelled. */
#include "azure_call_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

/* ---- put ---- */

START_TEST(test_azure__put_sends_recorded_bytes_and_reads_the_record)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect PUT " DEPLOYMENT "?api-version=2022-09-01\n"
        "  has-header Authorization: Bearer sandbox\n"
        "  has-header x-ms-client-request-id\n"
        "  has-header x-ms-correlation-request-id: c0c0c0c0-0000-4000-8000-000000000001\n"
        "  has-header User-Agent: rollbook/\n"
        "  has-header Content-Type: application/json\n"
        "  has-body "
        "{\"tags\":{\"roll-seq\":\"17\"},\"properties\":{\"mode\":\"Incremental\",\"template\":"
        "{\"n\":0.10,\"big\":9223372036854775808},\"parameters\":{\"p\":{\"value\":1e2}}}}\n"
        "reply 201\n  header Azure-AsyncOperation: ${url}/poll%3a?t=1&s=%2f\n"
        "  body "
        "{\"name\":\"d1\",\"properties\":{\"provisioningState\":\"Accepted\",\"correlationId\":"
        "\"${header:x-ms-correlation-request-id}\",\"timestamp\":\"2023-02-07T12:48:56.4962385Z\","
        "\"duration\":\"PT1M39.7689131S\"}}\n",
        NULL);
    put(&world, &seen);
    g_autofree char *poll = g_strconcat(world.cloud->arm, "/poll%3a?t=1&s=%2f", NULL);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_int_eq(seen.status, 201);
    ck_assert_str_eq(seen.state, "Accepted");
    ck_assert_str_eq(seen.correlation_id, "c0c0c0c0-0000-4000-8000-000000000001");
    ck_assert_str_eq(seen.poll_url, poll);
    ck_assert_int_eq(seen.arm_at, INT64_C(1675774136496));
    ck_assert_int_eq(seen.duration_ms, 99768);
    ck_assert_int_eq(seen.retry_after_ms, -1);
    ck_assert_ptr_null(seen.code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__location_travels_outside_groups_only)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_deployment deployment = {
        .scope = {.kind = ROLL_SCOPE_SUBSCRIPTION, .subscription = "s"},
        .name = "n",
        .location = "west\"europe",
        .template_text = "{}",
    };

    open_world(&world,
               "expect PUT /subscriptions/s/providers/Microsoft.Resources/deployments/n\n"
               "  has-body "
               "{\"location\":\"west\\\"europe\",\"properties\":{\"mode\":\"Incremental\","
               "\"template\":{}}}\n"
               "reply 200\n  body {\"properties\":{\"provisioningState\":\"Accepted\"}}\n",
               NULL);
    roll_arm_put(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *reply;
    enum roll_arm_outcome outcome;
    const char *code;
} puts_rows[] = {
    {"reply 409\n  body {\"error\":{\"code\":\"DeploymentActive\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "DeploymentActive"},
    {"reply 409\n  body {\"error\":{\"code\":\"AnotherOperationInProgress\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "AnotherOperationInProgress"},
    {"reply 429\n  body "
     "{\"error\":{\"code\":\"RetryableErrorDueToAnotherOperation\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "RetryableErrorDueToAnotherOperation"},
    {"reply 409\n  header Retry-After: 5\n  body "
     "{\"error\":{\"code\":\"Conflict\",\"message\":\"m\"}}\n",
     ROLL_ARM_BUSY, "Conflict"},
    {"reply 409\n  body {\"error\":{\"code\":\"Conflict\",\"message\":\"m\"}}\n", ROLL_ARM_REFUSED,
     "Conflict"},
    {"reply 429\n  header Retry-After: 3\n  body "
     "{\"error\":{\"code\":\"SubscriptionRequestsThrottled\",\"message\":\"m\"}}\n",
     ROLL_ARM_THROTTLED, "SubscriptionRequestsThrottled"},
    {"reply 404\n  body {\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"m\"}}\n",
     ROLL_ARM_NOT_FOUND, "ResourceGroupNotFound"},
    {"reply 400\n  body {\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "InvalidTemplate"},
    {"reply 403\n  body {\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "AuthorizationFailed"},
    {"reply 401\n", ROLL_ARM_REFUSED, NULL},
    {"reply 307\n  header Location: http://127.0.0.1/\n", ROLL_ARM_REFUSED, NULL},
    {"reply 408\n", ROLL_ARM_LOST, NULL},
    {"reply 500\n  body {\"error\":{\"code\":\"InternalServerError\",\"message\":\"m\"}}\n",
     ROLL_ARM_LOST, "InternalServerError"},
    {"reply 502\n  body <html>bad gateway</html>\n", ROLL_ARM_LOST, NULL},
    {"reply 504\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  fault drop\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  body {\"properties\":{\"provisioningState\":\"Accepted\"}}\n  fault truncate "
     "20\n",
     ROLL_ARM_LOST, NULL},
    {"reply 200\n  body <html>log in to the hotel</html>\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  body {}\n", ROLL_ARM_LOST, NULL},
    {"reply 201\n  body {\"properties\":{\"provisioningState\":7}}\n", ROLL_ARM_LOST, NULL},
    {"reply 204\n", ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure__put_is_accepted_refused_or_unknown)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat("expect PUT " DEPLOYMENT "\n", puts_rows[_i].reply, NULL);

    open_world(&world, script, NULL);
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, puts_rows[_i].outcome);
    ck_assert_pstr_eq(seen.code, puts_rows[_i].code);
    ck_assert_ptr_nonnull(seen.message);
    ck_assert_uint_eq(scripted_server_count(world.server), 1); /* never repeated here */
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__put_to_nobody_is_unsent)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world, "", NULL);
    g_free(world.cloud->arm);
    world.cloud->arm = g_strdup_printf("http://127.0.0.1:%d", scripted_free_port());
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_UNSENT);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__the_whole_error_is_kept)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect PUT " DEPLOYMENT "\nreply 400\n"
               "  body { \"error\" : {\"message\":\"m\", \"code\":\"A\", "
               "\"details\":[{\"code\":\"B\",\"message\":\"n\"}]}}\n",
               NULL);
    put(&world, &seen);
    ck_assert_str_eq(seen.code, "B");
    ck_assert_str_eq(seen.error_json, "{\"error\":{\"code\":\"A\",\"details\":[{\"code\":\"B\","
                                      "\"message\":\"n\"}],\"message\":\"m\"}}");
    clear(&seen);
    close_world(&world);
    open_world(&world, "expect PUT " DEPLOYMENT "\nreply 502\n  body <h1>\"no\"</h1>\n", NULL);
    put(&world, &seen);
    ck_assert_str_eq(seen.error_json, "{\"status\":502,\"text\":\"<h1>\\\"no\\\"</h1>\"}");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* A polling address elsewhere would get our token. */
START_TEST(test_azure__a_polling_address_elsewhere_is_not_taken)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect PUT " DEPLOYMENT
               "\nreply 201\n  header Azure-AsyncOperation: https://evil.example/poll\n"
               "  body {\"properties\":{\"provisioningState\":\"Accepted\"}}\n"
               "expect GET " DEPLOYMENT "\nreply 200\n"
               "  body {\"properties\":{\"provisioningState\":\"Running\"}}\n",
               NULL);
    put(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_ptr_null(seen.poll_url);
    clear(&seen);
    roll_arm_poll(world.arm, &group, "d1", "https://evil.example/poll", on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.state, "Running");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- get and poll ---- */

static const struct {
    const char *reply;
    enum roll_arm_outcome outcome;
    const char *state, *code;
} polls[] = {
    {"reply 200\n  body {\"status\":\"Running\"}\n", ROLL_ARM_OK, "Running", NULL},
    {"reply 200\n  body {\"status\":\"Succeeded\"}\n", ROLL_ARM_OK, "Succeeded", NULL},
    {"reply 200\n  body "
     "{\"status\":\"Failed\",\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\","
     "\"details\":"
     "[{\"code\":\"SkuNotAvailable\",\"message\":\"n\"}]}}\n",
     ROLL_ARM_OK, "Failed", "SkuNotAvailable"},
    {"reply 200\n  body {\"status\":\"Canceled\"}\n", ROLL_ARM_OK, "Canceled", NULL},
    {"reply 200\n  body {\"status\":\"Failed\"}\n", ROLL_ARM_OK, "Failed", NULL},
    {"reply 404\n  body {\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}\n",
     ROLL_ARM_NOT_FOUND, NULL, "DeploymentNotFound"},
    {"reply 200\n  body {}\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 202\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body {\"status\":null}\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body [\"Succeeded\"]\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body Succeeded\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 503\n  header retry-after-ms: 1\nreply 200\n  body {\"status\":\"Running\"}\n",
     ROLL_ARM_OK, "Running", NULL},
};

START_TEST(test_azure__a_poll_tells_the_state_or_that_it_is_unknown)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat("expect GET /op?t=%3a\n", polls[_i].reply, NULL);

    open_world(&world, script, NULL);
    g_autofree char *url = g_strconcat(world.cloud->arm, "/op?t=%3a", NULL);
    roll_arm_poll(world.arm, &group, "d1", url, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, polls[_i].outcome);
    ck_assert_pstr_eq(seen.state, polls[_i].state);
    ck_assert_pstr_eq(seen.code, polls[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__a_polling_address_that_refuses_is_told_at_once)
{
    struct world world;
    struct seen seen = {0};
    int64_t start = roll_boot_ms();

    open_world(&world, "", NULL);
    g_free(world.cloud->arm);
    world.cloud->arm = g_strdup_printf("http://127.0.0.1:%d", scripted_free_port());
    g_autofree char *url = g_strconcat(world.cloud->arm, "/op", NULL);
    roll_arm_poll(world.arm, &group, "d1", url, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_UNSENT);
    ck_assert_int_lt(roll_boot_ms() - start, 30000);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__get_reads_a_failed_deployment)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " DEPLOYMENT "?api-version=2022-09-01\n  lacks-header Content-Type\nreply 200\n"
        "  body "
        "{\"properties\":{\"provisioningState\":\"Failed\",\"correlationId\":\"c\",\"error\":"
        "{\"code\":\"DeploymentFailed\",\"message\":\"m\"}}}\n",
        NULL);
    roll_arm_get(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.state, "Failed");
    ck_assert_str_eq(seen.code, "DeploymentFailed");
    ck_assert_str_eq(seen.correlation_id, "c");
    ck_assert_str_eq(seen.error_json, "{\"code\":\"DeploymentFailed\",\"message\":\"m\"}");
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__cancel_is_accepted_or_too_late)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect POST " DEPLOYMENT "/cancel\n  has-header Content-Length: 0\nreply 204\n"
               "reply 409\n  body "
               "{\"error\":{\"code\":\"DeploymentCannotBeCancelled\",\"message\":\"m\"}}\n",
               NULL);
    roll_arm_cancel(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    roll_arm_cancel(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "DeploymentCannotBeCancelled");
    clear(&seen);
    close_world(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_put");
    TCase *tests = tcase_create("azure_put");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_azure__put_sends_recorded_bytes_and_reads_the_record);
    tcase_add_test(tests, test_azure__location_travels_outside_groups_only);
    tcase_add_loop_test(tests, test_azure__put_is_accepted_refused_or_unknown, 0,
                        G_N_ELEMENTS(puts_rows));
    tcase_add_test(tests, test_azure__put_to_nobody_is_unsent);
    tcase_add_test(tests, test_azure__the_whole_error_is_kept);
    tcase_add_test(tests, test_azure__a_polling_address_elsewhere_is_not_taken);
    tcase_add_loop_test(tests, test_azure__a_poll_tells_the_state_or_that_it_is_unknown, 0,
                        G_N_ELEMENTS(polls));
    tcase_add_test(tests, test_azure__a_polling_address_that_refuses_is_told_at_once);
    tcase_add_test(tests, test_azure__get_reads_a_failed_deployment);
    tcase_add_test(tests, test_azure__cancel_is_accepted_or_too_late);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
