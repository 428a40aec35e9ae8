/* Lists and operations, what is followed to its end, and the budget of reads. */
#include "azure_call_tools.h"
#include "http/internal.h"
#include "rollbook/time.h"
#include "suite_tools.h"

/* ---- lists and operations ---- */

#define LIST                                                                                       \
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop-weu/providers/"       \
    "Microsoft.Resources/deployments/"

START_TEST(test_azure__lists_follow_their_pages)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " LIST "?api-version=2022-09-01\nreply 200\n"
        "  body {\"value\":[{\"name\":\"a\"}],\"nextLink\":\"${url}/next?$skiptoken=1%2F\"}\n"
        "expect GET /next?$skiptoken=1%2F\nreply 200\n  body {\"value\":[{\"name\":\"b\"}]}\n"
        "expect GET " LIST "?api-version=2022-09-01&$top=1\nreply 200\n"
        "  body {\"value\":[{\"name\":\"a\"},{\"name\":\"b\"}],\"nextLink\":\"${url}/next\"}\n",
        NULL);
    roll_arm_list(world.arm, &group, 0, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"name\":\"a\"},{\"name\":\"b\"}]}");
    clear(&seen);
    roll_arm_list(world.arm, &group, 1, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"value\":[{\"name\":\"a\"}]}");
    clear(&seen);
    close_world(&world);
}
END_TEST

static const char *const bad_lists[] = {
    "reply 200\n  body {\"value\":[],\"nextLink\":\"https://evil.example/next\"}\n",
    "reply 200\n  body {\"value\":{}}\n",
    "reply 200\n  body []\n",
    ("reply 200\n  body {\"value\":[],\"nextLink\":\"${url}/subscriptions/x\"}\nexpect GET "
     "/subscriptions/x\nreply 200\n  body {\"v\n"),
};

START_TEST(test_azure__a_list_that_cannot_be_read_is_no_empty_list)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat("expect GET " LIST "\n", bad_lists[_i], NULL);

    open_world(&world, script, NULL);
    roll_arm_list(world.arm, &group, 0, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_LOST);
    clear(&seen);
    close_world(&world);
}
END_TEST

#define OPERATIONS                                                                                 \
    "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop-weu/deployments/"

START_TEST(test_azure__operations_of_nested_deployments_tell_the_cause)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " OPERATIONS "d1/operations?api-version=2022-09-01\nreply 200\n  body <<END\n"
        "{\"value\":[{\"operationId\":\"1\",\"properties\":{\"provisioningState\":\"Succeeded\"}},"
        "{\"operationId\":\"2\",\"properties\":{\"provisioningState\":\"Failed\",\"statusMessage\":"
        "{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"outer\"}},"
        "\"targetResource\":{\"id\":\"" GROUP
        "/providers/Microsoft.Resources/deployments/inner\",\"resourceType\":\"Microsoft.Resources/"
        "deployments\"}}}]}\nEND\n"
        "expect GET " OPERATIONS "inner/operations\nreply 200\n  body <<END\n"
        "{\"value\":[{\"operationId\":\"3\",\"properties\":{\"provisioningState\":\"Failed\","
        "\"statusMessage\":\"{\\\"error\\\":{\\\"code\\\":\\\"SkuNotAvailable\\\",\\\"message\\\":"
        "\\\"no\\\"}}\","
        "\"targetResource\":{\"id\":\"/x/sites/web\",\"resourceType\":\"Microsoft.Web/sites\"}}},"
        "{\"operationId\":\"4\",\"properties\":{\"provisioningState\":\"Running\","
        "\"targetResource\":{\"id\":\"" DEPLOYMENT
        "\",\"resourceType\":\"Microsoft.Resources/deployments\"}}}]}\nEND\n"
        "expect GET " OPERATIONS "d1/operations\nreply 404\n  body "
        "{\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}\n",
        NULL);
    roll_arm_operations(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.code, "SkuNotAvailable");
    ck_assert_str_eq(seen.message, "no");
    ck_assert_ptr_nonnull(strstr(seen.error_json, "\"resource\":\"/x/sites/web\""));
    for (int i = 1; i <= 4; i++) {
        g_autofree char *id = g_strdup_printf("\"operationId\":\"%d\"", i);
        ck_assert_ptr_nonnull(strstr(seen.body, id));
    }
    clear(&seen);
    close_world(&world);
}
END_TEST

#define FAILED(error, resource, type)                                                              \
    "{\"properties\":{\"provisioningState\":\"Failed\",\"statusMessage\":{\"error\":" error        \
    "},\"targetResource\":{\"id\":\"" resource "\",\"resourceType\":\"" type "\"}}}"
#define BOTH                                                                                       \
    "{\"code\":\"Failed\",\"message\":\"both\",\"details\":["                                      \
    "{\"code\":\"A\",\"message\":\"one\"},{\"code\":\"B\",\"message\":\"two\"}]}"

/* The outer deployment repeats both causes of its resource. */
START_TEST(test_azure__each_cause_is_told_once_and_of_its_resource)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET " OPERATIONS "d1/operations?api-version=2022-09-01\nreply 200\n"
               "  body {\"value\":[" FAILED(
                   BOTH, GROUP "/providers/Microsoft.Resources/deployments/inner",
                   "Microsoft.Resources/deployments") "]}\n"
                                                      "expect GET " OPERATIONS
                                                      "inner/operations\nreply 200\n"
                                                      "  body {\"value\":[" FAILED(
                                                          BOTH, "/x/sql/db1",
                                                          "Microsoft.Sql/servers") "]}\n",
               NULL);
    roll_arm_operations(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.code, "A");
    json_t *error = json_loads(seen.error_json, 0, NULL);
    g_autofree char *causes = json_dumps(json_object_get(error, "causes"), JSON_COMPACT);
    ck_assert_str_eq(causes, "[{\"code\":\"A\",\"message\":\"one\",\"resource\":\"/x/sql/db1\"},"
                             "{\"code\":\"B\",\"message\":\"two\",\"resource\":\"/x/sql/db1\"}]");
    json_decref(error);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__operations_of_an_unknown_deployment_are_not_found)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET " OPERATIONS "d1/operations\nreply 404\n"
               "  body {\"error\":{\"code\":\"DeploymentNotFound\",\"message\":\"m\"}}\n",
               NULL);
    roll_arm_operations(world.arm, &group, "d1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_NOT_FOUND);
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- what is followed to its end ---- */

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *body, *code;
} what_ifs[] = {
    {"reply 202\n  header Location: ${url}/r/1\n  header Retry-After: 0\n"
     "expect GET /r/1\nreply 202\n  header Location: ${url}/r/2\n  header retry-after-ms: 1\n"
     "expect GET /r/2\nreply 200\n  body "
     "{\"status\":\"Succeeded\",\"properties\":{\"changes\":[{\"changeType\":\"Create\"}]}}\n",
     ROLL_ARM_OK, "{\"changes\":[{\"changeType\":\"Create\"}]}", NULL},
    {"reply 200\n  body {\"status\":\"Succeeded\",\"properties\":{\"changes\":[]}}\n", ROLL_ARM_OK,
     "{\"changes\":[]}", NULL},
    {"reply 202\n  header Location: ${url}/r/1\n  header retry-after-ms: 1\n"
     "expect GET /r/1\nreply 200\n  body "
     "{\"status\":\"Failed\",\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, NULL, "InvalidTemplate"},
    {"reply 202\n  header Location: ${url}/r/1\n  header retry-after-ms: 1\n"
     "expect GET /r/1\nreply 400\n  body "
     "{\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, NULL, "InvalidTemplate"},
    {"reply 400\n  body {\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, NULL, "InvalidTemplate"},
    {"reply 202\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 202\n  header Location: https://evil.example/r\n", ROLL_ARM_LOST, NULL, NULL},
    {"reply 200\n  body {\"status\":\"Succeeded\",\"properties\":{}}\n", ROLL_ARM_LOST, NULL, NULL},
};

START_TEST(test_azure__what_if_is_followed_to_its_end)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_deployment deployment = {.scope = group, .name = "d1", .template_text = "{}"};
    g_autofree char *script =
        g_strconcat("expect POST " DEPLOYMENT "/whatIf\n  has-body \"whatIfSettings\"\n",
                    what_ifs[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_what_if(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, what_ifs[_i].outcome);
    ck_assert_pstr_eq(seen.code, what_ifs[_i].code);
    if (what_ifs[_i].body)
        ck_assert_str_eq(seen.body, what_ifs[_i].body);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__validate_looks_for_an_error_whatever_the_status)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_deployment deployment = {.scope = group, .name = "d1", .template_text = "{}"};

    open_world(&world,
               "expect POST " DEPLOYMENT "/validate\n"
               "reply 200\n  body {\"properties\":{\"provisioningState\":\"Succeeded\"}}\n"
               "reply 200\n  body "
               "{\"error\":{\"code\":\"InvalidTemplateDeployment\",\"message\":\"m\"},"
               "\"properties\":{}}\n",
               NULL);
    roll_arm_validate(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    roll_arm_validate(world.arm, &deployment, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_REFUSED);
    ck_assert_str_eq(seen.code, "InvalidTemplateDeployment");
    clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *code;
} actions[] = {
    {"reply 200\n", ROLL_ARM_OK, NULL},
    {"reply 204\n", ROLL_ARM_OK, NULL},
    {"reply 200\n  body {\"properties\":{\"provisioningState\":\"Updating\"}}\n", ROLL_ARM_OK,
     NULL},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header Location: ${url}/never\n  "
     "header retry-after-ms: 1\n"
     "expect GET /op\nreply 404\nreply 200\n  body {\"status\":\"InProgress\"}\n  header "
     "retry-after-ms: 1\n"
     "reply 200\n  body {\"status\":\"Succeeded\"}\n",
     ROLL_ARM_OK, NULL},
    {"reply 202\n  header Location: ${url}/op\n  header retry-after-ms: 1\nexpect GET /op\nreply "
     "202\n  header retry-after-ms: 1\nreply 204\n",
     ROLL_ARM_OK, NULL},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 200\n  body "
     "{\"status\":\"Failed\",\"error\":{\"code\":\"SlotSwapFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "SlotSwapFailed"},
    {"reply 202\n  header Location: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 409\n  body "
     "{\"error\":{\"code\":\"SlotSwapFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "SlotSwapFailed"},
    /* An Azure-AsyncOperation without a status says nothing, least of all that it is done. */
    {"reply 202\n  header Azure-AsyncOperation: ${url}/op\n  header retry-after-ms: 1\n"
     "expect GET /op\nreply 200\n  body {}\n  header retry-after-ms: 1\n"
     "reply 200\n  body {\"status\":\"Canceled\"}\n",
     ROLL_ARM_REFUSED, NULL},
    {"reply 202\n", ROLL_ARM_LOST, NULL},
    {"reply 500\n", ROLL_ARM_LOST, NULL},
    {"reply 200\n  fault drop\n", ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure__actions_are_followed_and_never_repeated)
{
    struct world world;
    struct seen seen = {0};
    g_autofree char *script = g_strconcat(
        "expect POST " GROUP
        "/providers/Microsoft.Web/sites/web%20a/slotsswap?api-version=2022-09-01 times 1\n"
        "  has-body {\"targetSlot\":\"staging\"}\n  has-header x-ms-correlation-request-id: c1\n",
        actions[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_action(world.arm, GROUP "/providers/Microsoft.Web/sites/web a/slotsswap", "2022-09-01",
                    "{\"targetSlot\":\"staging\"}", "c1", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, actions[_i].outcome);
    ck_assert_pstr_eq(seen.code, actions[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure__groups_are_read_and_made)
{
    struct world world;
    struct seen seen = {0};

    open_world(
        &world,
        "expect GET " GROUP
        "\nreply 404\n  body {\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"m\"}}\n"
        "expect PUT " GROUP "\n  has-body {\"location\":\"westeurope\"}\n"
        "reply 429\n  header retry-after-ms: 1\n"
        "reply 201\n  body {\"properties\":{\"provisioningState\":\"Succeeded\"}}\n",
        NULL);
    roll_arm_group_get(world.arm, group.subscription, group.resource_group, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_NOT_FOUND);
    clear(&seen);
    roll_arm_group_put(world.arm, group.subscription, group.resource_group, "westeurope", NULL,
                       on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.state, "Succeeded");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* A PUT that may have made the group is followed by a look, never by another PUT. */
START_TEST(test_azure__a_group_that_may_be_made_is_looked_for)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "in-order\nexpect PUT " GROUP " times 1\nreply 503\n"
               "expect GET " GROUP " times 1\nreply 404\n  body "
               "{\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"m\"}}\n"
               "expect PUT " GROUP " times 1\nreply 201\n  fault drop\n"
               "expect GET " GROUP " times 1\nreply 200\n  body "
               "{\"properties\":{\"provisioningState\":\"Succeeded\"}}\n",
               NULL);
    roll_arm_group_put(world.arm, group.subscription, group.resource_group, "westeurope", NULL,
                       on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    close_world(&world);
}
END_TEST

static void not_called(void *user, const struct roll_arm_reply *reply)
{
    (void)user, (void)reply;
    ck_abort_msg("called back after the end");
}

START_TEST(test_azure__a_freed_client_calls_nobody)
{
    struct world world;
    struct roll_arm_deployment deployment = {.scope = group, .name = "d1", .template_text = "{}"};

    open_world(&world,
               "expect * * times any\nreply 202\n  header Location: ${url}/later\n  header "
               "Retry-After: 60\n",
               NULL);
    roll_arm_what_if(world.arm, &deployment, not_called, NULL);
    roll_arm_list(world.arm, &group, 0, not_called, NULL);
    roll_arm_put(world.arm, &deployment, not_called, NULL);
    g_clear_pointer(&world.arm, roll_arm_free);
    ok(roll_loop_run(world.loop));
    world.arm = roll_arm_new(world.loop, world.cloud, world.credential);
    roll_arm_what_if(world.arm, &deployment, not_called, NULL);
    roll_loop_timer(world.loop, roll_boot_ms() + 100, stop_loop, world.loop);
    ok(roll_loop_run(world.loop));
    close_world(&world);
}
END_TEST

/* ---- the read budget ---- */

START_TEST(test_azure__reads_are_paced_where_arm_counts_them)
{
    struct budget *budget = budget_new();
    struct roll_http_reply reply = {
        .outcome = ROLL_HTTP_REPLIED, .status = 200, .headers = headers_new()};
    static const char counter[] = "x-ms-ratelimit-remaining-subscription-reads: 11999\r\n";
    int64_t now = 1000000;

    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(budget_take(budget, "S", now), now); /* nobody counts: nothing is paced */
    headers_add((struct roll_http_headers *)(uintptr_t)reply.headers, counter, sizeof counter - 1);
    budget_saw(budget, "s", &reply, now);
    for (int i = 0; i < 21; i++)
        ck_assert_int_eq(budget_take(budget, "S", now), now);
    for (int i = 1; i <= 100; i++)
        ck_assert_int_eq(budget_take(budget, "S", now), now + i * 50);
    ck_assert_int_eq(budget_take(budget, "other", now), now);
    headers_free((struct roll_http_headers *)(uintptr_t)reply.headers);
    budget_free(budget);
}
END_TEST

START_TEST(test_azure__a_429_holds_all_reads_of_its_subscription)
{
    struct budget *budget = budget_new();
    struct roll_http_reply reply = {
        .outcome = ROLL_HTTP_REPLIED, .status = 429, .headers = headers_new()};
    static const char after[] = "Retry-After: 7\r\n";
    int64_t now = 1000000;

    headers_add((struct roll_http_headers *)(uintptr_t)reply.headers, after, sizeof after - 1);
    budget_saw(budget, "s", &reply, now);
    ck_assert_int_eq(budget_take(budget, "s", now), now + 7000);
    ck_assert_int_eq(budget_take(budget, "", now), now);
    ck_assert_int_eq(budget_take(budget, "s", now + 8000), now + 8000);
    headers_free((struct roll_http_headers *)(uintptr_t)reply.headers);
    budget_free(budget);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure_follow");
    TCase *tests = tcase_create("azure_follow");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_azure__lists_follow_their_pages);
    tcase_add_loop_test(tests, test_azure__a_list_that_cannot_be_read_is_no_empty_list, 0,
                        G_N_ELEMENTS(bad_lists));
    tcase_add_test(tests, test_azure__operations_of_nested_deployments_tell_the_cause);
    tcase_add_test(tests, test_azure__each_cause_is_told_once_and_of_its_resource);
    tcase_add_test(tests, test_azure__operations_of_an_unknown_deployment_are_not_found);
    tcase_add_loop_test(tests, test_azure__what_if_is_followed_to_its_end, 0,
                        G_N_ELEMENTS(what_ifs));
    tcase_add_test(tests, test_azure__validate_looks_for_an_error_whatever_the_status);
    tcase_add_loop_test(tests, test_azure__actions_are_followed_and_never_repeated, 0,
                        G_N_ELEMENTS(actions));
    tcase_add_test(tests, test_azure__groups_are_read_and_made);
    tcase_add_test(tests, test_azure__a_group_that_may_be_made_is_looked_for);
    tcase_add_test(tests, test_azure__a_freed_client_calls_nobody);
    tcase_add_test(tests, test_azure__reads_are_paced_where_arm_counts_them);
    tcase_add_test(tests, test_azure__a_429_holds_all_reads_of_its_subscription);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
