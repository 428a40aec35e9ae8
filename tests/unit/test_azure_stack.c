/* Deployment stacks against scripted replies: the exact requests, and what each answer means (REST
 * reference 4). */
#include "azure_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

#define STACK GROUP "/providers/Microsoft.Resources/deploymentStacks/roll-shop-prod"
#define VERSION "?api-version=2024-03-01"
#define CORRELATION "c0c0c0c0-0000-4000-8000-000000000001"

static struct roll_arm_stack stack_of(void)
{
    return (struct roll_arm_stack){
        .scope = group,
        .name = "roll-shop-prod",
        .correlation_id = CORRELATION,
        .location = "westeurope",
        .template_text = "{\"n\":0.10,\"big\":9223372036854775808}",
        .parameters_text = "{\"p\":{\"value\":1e2}}",
    };
}

/* ---- PUT ---- */

START_TEST(test_azure_stack__put_sends_recorded_bytes_and_detaches)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_stack stack = stack_of();
    roll_auto(json) json_t *tags = json_pack("{s:s}", "roll-seq", "17");

    stack.tags = tags;
    open_world(&world,
               "expect PUT " STACK VERSION "\n"
               "  has-header x-ms-correlation-request-id: " CORRELATION "\n"
               "  has-header Content-Type: application/json\n"
               "  has-body <<END\n"
               "{\"tags\":{\"roll-seq\":\"17\"},\"properties\":{\"actionOnUnmanage\":{\"resources\""
               ":\"detach\",\"resourceGroups\":\"detach\",\"managementGroups\":\"detach\"},"
               "\"denySettings\":{\"mode\":\"none\"},\"template\":{\"n\":0.10,\"big\":"
               "9223372036854775808},\"parameters\":{\"p\":{\"value\":1e2}}}}\n"
               "END\n"
               "reply 201\n  header Azure-AsyncOperation: ${url}/status\n  body <<END\n"
               "{\"properties\":{\"provisioningState\":\"initializing\",\"correlationId\":"
               "\"" CORRELATION
               "\"},\"systemData\":{\"lastModifiedAt\":\"2026-03-01T09:00:00Z\"}}\n"
               "END\n",
               NULL);
    roll_arm_stack_put(world.arm, &stack, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    ck_assert_str_eq(seen.state, "initializing");
    ck_assert_str_eq(seen.correlation_id, CORRELATION);
    ck_assert(g_str_has_suffix(seen.poll_url, "/status"));
    ck_assert_int_eq(seen.arm_at, 0); /* it has not ended */
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_stack__put_says_what_is_deleted_and_denied)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_stack stack = stack_of();
    roll_auto(json) json_t *deny =
        json_pack("{s:s,s:[s],s:b}", "mode", "denyDelete", "excludedPrincipals", "p1",
                  "applyToChildScopes", true);

    stack.scope = (struct roll_arm_scope){.kind = ROLL_SCOPE_SUBSCRIPTION,
                                          .subscription = group.subscription};
    stack.deny_settings = deny;
    stack.unmanage.delete_resources = true;
    stack.unmanage.bypass_out_of_sync = true;
    open_world(&world,
               "expect PUT /subscriptions/11111111-1111-1111-1111-111111111111/providers/"
               "Microsoft.Resources/deploymentStacks/roll-shop-prod" VERSION "\n"
               "  has-body {\"location\":\"westeurope\",\"properties\"\n"
               "  has-body \"actionOnUnmanage\":{\"resources\":\"delete\",\"resourceGroups\":"
               "\"detach\",\"managementGroups\":\"detach\"}\n"
               "  has-body \"denySettings\":{\"mode\":\"denyDelete\",\"excludedPrincipals\":[\"p1\""
               "],\"applyToChildScopes\":true}\n"
               "  has-body \"bypassStackOutOfSyncError\":true\n"
               "reply 200\n  body {\"properties\":{\"provisioningState\":\"creating\"}}\n",
               NULL);
    roll_arm_stack_put(world.arm, &stack, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_OK);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_stack__put_on_one_at_work_is_busy)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_stack stack = stack_of();

    open_world(&world,
               "expect PUT " STACK VERSION "\nreply 409\n  body "
               "{\"error\":{\"code\":\"DeploymentStackInNonTerminalState\",\"message\":\"m\"}}\n",
               NULL);
    roll_arm_stack_put(world.arm, &stack, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, ROLL_ARM_BUSY);
    ck_assert_ptr_nonnull(roll_arm_advice(seen.code));
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- GET and polls ---- */

static const struct {
    const char *body;
    enum roll_arm_outcome outcome;
    const char *state, *code, *message;
    int64_t arm_at; /* seconds after 09:00 */
} gets[] = {
    {"{\"properties\":{\"provisioningState\":\"succeeded\",\"duration\":\"PT19.5S\"},"
     "\"systemData\":{\"lastModifiedAt\":\"2026-03-01T09:00:00Z\"}}",
     ROLL_ARM_OK, "succeeded", NULL, NULL, 19},
    {"{\"properties\":{\"provisioningState\":\"deploying\"}}", ROLL_ARM_OK, "deploying", NULL, NULL,
     0},
    {"{\"properties\":{}}", ROLL_ARM_LOST, NULL, NULL, "the answer could not be read", 0},
    {"{\"properties\":{\"provisioningState\":\"failed\",\"error\":{\"code\":"
     "\"DeploymentStackUpdateFailed\",\"message\":\"One or more stages failed.\",\"details\":[{"
     "\"code\":\"DeploymentStackDeploymentFailed\",\"message\":\"could not be "
     "deployed\",\"details\""
     ":[{\"code\":\"Conflict\",\"message\":\"the name is taken\"}]}]}}}",
     ROLL_ARM_OK, "failed", "Conflict", "the name is taken", 0},
    {"{\"properties\":{\"provisioningState\":\"failed\",\"error\":{\"code\":"
     "\"DeploymentStackDeleteResourcesFailed\",\"message\":\"could not be deleted\"},"
     "\"failedResources\":[{\"id\":\"/subscriptions/S/x\",\"error\":{\"code\":\"ScopeLocked\","
     "\"message\":\"locked by L\"}}]}}",
     ROLL_ARM_OK, "failed", "ScopeLocked", "'/subscriptions/S/x': locked by L", 0},
};

START_TEST(test_azure_stack__get_tells_state_time_and_what_failed)
{
    struct world world;
    struct seen seen = {0};
    int64_t nine = 0;
    g_autofree char *script =
        g_strconcat("expect GET " STACK VERSION "\nreply 200\n  body ", gets[_i].body, "\n", NULL);

    ok(roll_time_parse("2026-03-01T09:00:00Z", &nine));
    open_world(&world, script, NULL);
    roll_arm_stack_get(world.arm, &group, "roll-shop-prod", on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, gets[_i].outcome);
    ck_assert_pstr_eq(seen.state, gets[_i].state);
    ck_assert_pstr_eq(seen.code, gets[_i].code);
    ck_assert_pstr_eq(seen.message, gets[_i].message);
    ck_assert_int_eq(seen.arm_at == 0 ? 0 : (seen.arm_at - nine) / 1000, gets[_i].arm_at);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_stack__a_poll_elsewhere_asks_the_stack)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect GET /status\nreply 200\n  body {\"status\":\"deletingResources\"}\n"
               "expect GET " STACK VERSION "\n"
               "reply 200\n  body {\"properties\":{\"provisioningState\":\"validating\"}}\n",
               NULL);
    g_autofree char *url = g_strconcat(scripted_server_url(world.server), "/status", NULL);
    roll_arm_stack_poll(world.arm, &group, "roll-shop-prod", url, on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.state, "deletingResources");
    clear(&seen);
    roll_arm_stack_poll(world.arm, &group, "roll-shop-prod", "https://evil.example/status",
                        on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.state, "validating");
    clear(&seen);
    close_world(&world);
}
END_TEST

/* ---- validate, delete, export ---- */

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *code;
} validates[] = {
    {"reply 202\n  header Location: ${url}/r\n  header retry-after-ms: 1\nexpect GET /r\n"
     "reply 202\n  header retry-after-ms: 1\nreply 200\n  body {\"properties\":{}}\n",
     ROLL_ARM_OK, NULL},
    {"reply 200\n  body {\"properties\":{}}\n", ROLL_ARM_OK, NULL},
    {"reply 400\n  body {\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "InvalidTemplate"},
    {"reply 202\n  header Location: ${url}/r\n  header retry-after-ms: 1\nexpect GET /r\n"
     "reply 200\n  body {\"error\":{\"code\":\"InvalidTemplate\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "InvalidTemplate"},
    {"reply 202\n", ROLL_ARM_LOST, NULL},
};

START_TEST(test_azure_stack__validate_is_followed_to_its_end)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_stack stack = stack_of();
    g_autofree char *script =
        g_strconcat("expect POST " STACK "/validate" VERSION "\n", validates[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_stack_validate(world.arm, &stack, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, validates[_i].outcome);
    ck_assert_pstr_eq(seen.code, validates[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

static const struct {
    const char *script;
    enum roll_arm_outcome outcome;
    const char *code;
} deletes[] = {
    {"reply 200\n", ROLL_ARM_OK, NULL},
    {"reply 204\n", ROLL_ARM_OK, NULL},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/s\n  header retry-after-ms: 1\n"
     "expect GET /s\nreply 200\n  body {\"status\":\"deleting\"}\n  header retry-after-ms: 1\n"
     "reply 200\n  body {\"status\":\"succeeded\"}\n",
     ROLL_ARM_OK, NULL},
    {"reply 202\n  header Azure-AsyncOperation: ${url}/s\n  header retry-after-ms: 1\n"
     "expect GET /s\nreply 200\n  body {\"status\":\"failed\",\"error\":{\"code\":"
     "\"DeploymentStackDeleteFailed\",\"message\":\"m\"}}\n",
     ROLL_ARM_REFUSED, "DeploymentStackDeleteFailed"},
    {"reply 409\n  body {\"error\":{\"code\":\"DeploymentStackInNonTerminalState\"}}\n",
     ROLL_ARM_BUSY, "DeploymentStackInNonTerminalState"},
};

START_TEST(test_azure_stack__delete_says_what_becomes_of_what_it_manages)
{
    struct world world;
    struct seen seen = {0};
    struct roll_arm_unmanage unmanage = {.delete_resources = true};
    g_autofree char *script =
        g_strconcat("expect DELETE " STACK VERSION "&unmanageAction.Resources=delete"
                    "&unmanageAction.ResourceGroups=detach&unmanageAction.ManagementGroups=detach"
                    "&bypassStackOutOfSyncError=false\n",
                    deletes[_i].script, NULL);

    open_world(&world, script, NULL);
    roll_arm_stack_delete(world.arm, &group, "roll-shop-prod", &unmanage, on_reply, &seen);
    run(&world, &seen);
    ck_assert_int_eq(seen.outcome, deletes[_i].outcome);
    ck_assert_pstr_eq(seen.code, deletes[_i].code);
    clear(&seen);
    close_world(&world);
}
END_TEST

START_TEST(test_azure_stack__export_gives_the_template)
{
    struct world world;
    struct seen seen = {0};

    open_world(&world,
               "expect POST " STACK "/exportTemplate" VERSION "\n"
               "reply 200\n  body {\"template\":{\"resources\":[]}}\n",
               NULL);
    roll_arm_stack_export(world.arm, &group, "roll-shop-prod", on_reply, &seen);
    run(&world, &seen);
    ck_assert_str_eq(seen.body, "{\"template\":{\"resources\":[]}}");
    clear(&seen);
    close_world(&world);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure stacks");
    TCase *stacks = tcase_create("stacks");

    tcase_add_test(stacks, test_azure_stack__put_sends_recorded_bytes_and_detaches);
    tcase_add_test(stacks, test_azure_stack__put_says_what_is_deleted_and_denied);
    tcase_add_test(stacks, test_azure_stack__put_on_one_at_work_is_busy);
    tcase_add_loop_test(stacks, test_azure_stack__get_tells_state_time_and_what_failed, 0,
                        G_N_ELEMENTS(gets));
    tcase_add_test(stacks, test_azure_stack__a_poll_elsewhere_asks_the_stack);
    tcase_add_loop_test(stacks, test_azure_stack__validate_is_followed_to_its_end, 0,
                        G_N_ELEMENTS(validates));
    tcase_add_loop_test(stacks, test_azure_stack__delete_says_what_becomes_of_what_it_manages, 0,
                        G_N_ELEMENTS(deletes));
    tcase_add_test(stacks, test_azure_stack__export_gives_the_template);
    suite_add_tcase(all, stacks);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
