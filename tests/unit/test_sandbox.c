/* The sandbox as a client sees it: groups, deployments and their life, resources, errors, faults.
 */
#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourcegroups/shop"
#define DEPLOYMENT GROUP "/providers/Microsoft.Resources/deployments/"
#define SCHEMA "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"
#define SUB_SCHEMA                                                                                 \
    "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#"

/* A deployment's body around resources and what follows them in the template. */
#define BODY_OF(schema, rest)                                                                      \
    "{\"properties\":{\"mode\":\"Incremental\",\"template\":{\"$schema\":\"" schema                \
    "\",\"contentVersion\":\"1.0.0.0\"," rest "}}}"
#define BODY(rest) BODY_OF(SCHEMA, rest)
#define RESOURCE(type, name, more)                                                                 \
    "{\"type\":\"" type "\",\"apiVersion\":\"2022-09-01\",\"name\":\"" name                        \
    "\",\"location\":\"westeurope\"" more "}"

/* Two resources, the second after the first, and an output. */
static const char two_resources[] = BODY(
    "\"resources\":[" RESOURCE("Contoso.Widgets/widgets", "one",
                               ",\"tags\":{\"a\":\"b\"},\"properties\":{\"size\":1,\"ratio\":0."
                               "1}") "," RESOURCE("Contoso.Widgets/gadgets", "two",
                                                  ",\"dependsOn\":[\"Contoso.Widgets/widgets/"
                                                  "one\"],\"properties\":{}") "],"
                                                                              "\"outputs\":{"
                                                                              "\"WIDGET_NAME\":"
                                                                              "{"
                                                                              "\"type\":"
                                                                              "\"string\","
                                                                              "\"value\":"
                                                                              "\"one\"}}");

static struct peer peer;
static char *folder;

static void setup(void)
{
    folder = g_dir_make_tmp("roll-test-sandbox-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void teardown(void)
{
    if (peer.pid > 0)
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
    remove_tree(folder);
    g_free(folder);
}

static void start(int64_t operation_time_ms, const char *const *faults)
{
    struct roll_sandbox_options options = {.operation_time_ms = operation_time_ms,
                                           .faults = faults};
    peer_start(&peer, &options);
}

/* A server that keeps its state and whose operations last a minute, for peer_move. */
static struct roll_sandbox_options start_slow(const char *time)
{
    static char state[200];
    g_snprintf(state, sizeof(state), "%s/slow.db", folder);
    struct roll_sandbox_options options = {.state_file = state, .operation_time_ms = 60000};
    peer_start_at(&peer, &options, time);
    return options;
}

static void make_group(void)
{
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
}

/* ---- who asks, and for what ---- */

START_TEST(test_sandbox__asks_for_a_token)
{
    start(0, NULL);
    peer.token = NULL;
    expect_error(&peer, 401, "AuthenticationFailed", "GET", SUB "/resourcegroups" API, NULL);
    peer.token = "";
    expect_error(&peer, 401, "AuthenticationFailed", "GET", SUB "/resourcegroups" API, NULL);
    peer.token = "any other text";
    expect_only(&peer, 200, "GET", SUB "/resourcegroups" API, NULL);
}
END_TEST

static char *make_jwt(const char *claims)
{
    g_autofree char *body = g_base64_encode((const guchar *)claims, strlen(claims));
    g_strdelimit(body, "=", '\0');
    return g_strdup_printf("eyJhbGciOiJub25lIn0.%s.c2ln", body);
}

START_TEST(test_sandbox__checks_audience_and_expiry_of_a_jwt)
{
    start(0, NULL);
    g_autofree char *good =
        make_jwt("{\"aud\":\"https://management.azure.com/\",\"exp\":99999999999}");
    g_autofree char *wrong =
        make_jwt("{\"aud\":\"https://graph.microsoft.com\",\"exp\":99999999999}");
    g_autofree char *old =
        make_jwt("{\"aud\":\"https://management.core.windows.net\",\"exp\":1000}");
    peer.token = good;
    expect_only(&peer, 200, "GET", SUB "/resourcegroups" API, NULL);
    peer.token = wrong;
    expect_error(&peer, 401, "InvalidAuthenticationToken", "GET", SUB "/resourcegroups" API, NULL);
    peer.token = old;
    expect_error(&peer, 401, "ExpiredAuthenticationToken", "GET", SUB "/resourcegroups" API, NULL);
}
END_TEST

START_TEST(test_sandbox__refuses_what_arm_refuses_of_any_request)
{
    start(0, NULL);
    expect_error(&peer, 400, "MissingApiVersionParameter", "GET", GROUP, NULL);
    expect_error(&peer, 400, "InvalidApiVersionParameter", "GET", GROUP "?api-version=newest",
                 NULL);
    expect_error(&peer, 400, "InvalidSubscriptionId", "GET",
                 "/subscriptions/mine/resourcegroups" API, NULL);
    expect_error(&peer, 400, "InvalidUri", "GET", "/subscriptions/%zz" API, NULL);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", GROUP API, "{\"location\":");
    expect_error(&peer, 501, "NotImplemented", "GET",
                 SUB "/providers/Microsoft.Resources/deploymentStacksWhatIfResults/x" API, NULL);
    expect_error(&peer, 501, "NotImplemented", "PUT", "/nonsense" API, "{}");
}
END_TEST

START_TEST(test_sandbox__refuses_a_body_beyond_arms_limit)
{
    start(0, NULL);
    g_autofree char *body = g_malloc0(4194304 + 20);
    memset(body, ' ', 4194304 + 10);
    body[0] = '{';
    expect_error(&peer, 413, "RequestContentTooLarge", "PUT", GROUP API, body);
    expect_error(&peer, 404, "ResourceGroupNotFound", "GET", GROUP API, NULL);
}
END_TEST

START_TEST(test_sandbox__echoes_the_correlation_id)
{
    start(0, NULL);
    peer.correlation = "454133020af8c63f0442fbe14b967dbd";
    struct answer answer = expect(&peer, 404, "GET", GROUP API, NULL);
    g_autofree char *echoed = header_of(&answer, "x-ms-correlation-request-id");
    g_autofree char *cause = header_of(&answer, "x-ms-failure-cause");
    ck_assert_str_eq(echoed, peer.correlation);
    ck_assert_str_eq(cause, "gateway");
    answer_clear(&answer);
}
END_TEST

/* ---- groups ---- */

START_TEST(test_sandbox__keeps_resource_groups)
{
    start(0, NULL);
    expect_only(&peer, 404, "HEAD", GROUP API, NULL);
    expect_error(&peer, 400, "LocationRequired", "PUT", GROUP API, "{}");
    struct answer made = expect(&peer, 201, "PUT", GROUP API,
                                "{ location: 'westeurope', \"tags\": {\"a\":\"b\"}, /* so */ }");
    ck_assert_str_eq(text_of(made.json, "id"), SUB "/resourceGroups/shop");
    ck_assert_str_eq(text_of(made.json, "properties.provisioningState"), "Succeeded");
    ck_assert_str_eq(text_of(made.json, "tags.a"), "b");
    answer_clear(&made);
    expect_only(&peer, 200, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    expect_error(&peer, 409, "InvalidResourceGroupLocation", "PUT", GROUP API,
                 "{\"location\":\"northeurope\"}");
    expect_only(&peer, 204, "HEAD", "/" SUB "//ResourceGroups/SHOP/" API, NULL);
    struct answer list = expect(&peer, 200, "GET", SUB "/resourcegroups" API, NULL);
    ck_assert_uint_eq(json_array_size(at(list.json, "value")), 1);
    answer_clear(&list);
}
END_TEST

START_TEST(test_sandbox__deletes_a_group_with_all_that_is_in_it)
{
    struct roll_sandbox_options options = start_slow("2026-01-01T00:00:00Z");
    make_group();
    expect_only(&peer, 201, "PUT", GROUP "/providers/Contoso.Widgets/widgets/one" API, "{}");
    struct answer answer = expect(&peer, 202, "DELETE", GROUP API, NULL);
    g_autofree char *location = header_of(&answer, "Location");
    answer_clear(&answer);
    expect_error(&peer, 409, "ResourceGroupBeingDeleted", "PUT", DEPLOYMENT "d" API, two_resources);
    expect_error(&peer, 409, "ResourceGroupBeingDeleted", "PUT", GROUP API,
                 "{\"location\":\"westeurope\"}");
    answer = expect(&peer, 202, "GET", location, NULL);
    ck_assert_int_eq(answer.text->len, 0);
    answer_clear(&answer);
    peer_move(&peer, &options, "2026-01-01T00:10:00Z");
    answer = expect(&peer, 200, "GET", location, NULL);
    ck_assert_int_eq(answer.text->len, 0);
    answer_clear(&answer);
    expect_error(&peer, 404, "ResourceGroupNotFound", "GET", GROUP API, NULL);
    make_group();
    expect_error(&peer, 404, "ResourceNotFound", "GET",
                 GROUP "/providers/Contoso.Widgets/widgets/one" API, NULL);
}
END_TEST

/* ---- deployments ---- */

START_TEST(test_sandbox__deploys_to_a_resource_group)
{
    start(0, NULL);
    make_group();
    peer.correlation = "11112222-3333-4444-5555-666677778888";
    struct answer answer = expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Accepted");
    ck_assert_str_eq(text_of(answer.json, "properties.correlationId"), peer.correlation);
    ck_assert_str_ne(text_of(answer.json, "properties.templateHash"), "(none)");
    ck_assert_ptr_null(at(answer.json, "properties.outputs"));
    g_autofree char *poll = header_of(&answer, "Azure-AsyncOperation");
    g_autofree char *location = header_of(&answer, "Location");
    ck_assert_ptr_nonnull(poll);
    ck_assert_ptr_null(location);
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", poll, NULL);
    ck_assert_str_eq(answer.text->str, "{\"status\":\"Succeeded\"}");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "id"), SUB "/resourceGroups/shop/providers/"
                                                     "Microsoft.Resources/deployments/d1");
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Succeeded");
    ck_assert_str_eq(text_of(answer.json, "properties.outputs.widgeT_NAME.value"), "one");
    ck_assert_uint_eq(json_array_size(at(answer.json, "properties.outputResources")), 2);
    ck_assert_str_eq(text_of(answer.json, "properties.dependencies.0.dependsOn.0.resourceName"),
                     "one");
    ck_assert_ptr_null(at(answer.json, "location"));
    answer_clear(&answer);
    expect_only(&peer, 204, "HEAD", DEPLOYMENT "d1" API, NULL);
    expect_only(&peer, 404, "HEAD", DEPLOYMENT "d2" API, NULL);
}
END_TEST

START_TEST(test_sandbox__the_same_deployment_gives_the_same_bytes)
{
    static const char resource[] = GROUP "/providers/Contoso.Widgets/widgets/one" API;
    start(0, NULL);
    make_group();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    struct answer first = expect(&peer, 200, "GET", resource, NULL);
    ck_assert_str_eq(text_of(first.json, "properties.provisioningState"), "Succeeded");
    ck_assert_ptr_nonnull(strstr(first.text->str, "\"ratio\":0.1"));
    ck_assert_ptr_null(strstr(first.text->str, "apiVersion"));
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d2" API,
                BODY("\"resources\":[" RESOURCE("Contoso.Widgets/widgets", "one",
                                                ",\"properties\":{\"other\":true}") "]"));
    struct answer between = expect(&peer, 200, "GET", resource, NULL);
    ck_assert_ptr_null(at(between.json, "properties.size"));
    ck_assert_ptr_null(at(between.json, "tags"));
    expect_only(&peer, 200, "PUT", DEPLOYMENT "d1" API, two_resources);
    struct answer second = expect(&peer, 200, "GET", resource, NULL);
    ck_assert_str_eq(first.text->str, second.text->str);
    answer_clear(&first);
    answer_clear(&between);
    answer_clear(&second);
}
END_TEST

/* The first minute belongs to the first resource, the second to the one that waits for it. */
START_TEST(test_sandbox__operations_follow_the_dependencies)
{
    struct roll_sandbox_options options = start_slow("2026-01-01T00:00:00Z");
    make_group();
    struct answer answer = expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    g_autofree char *poll = header_of(&answer, "Azure-AsyncOperation");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", GROUP "/deployments/d1/operations" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    ck_assert_str_eq(text_of(answer.json, "value.0.properties.provisioningState"), "Running");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", poll, NULL);
    ck_assert_str_eq(answer.text->str, "{\"status\":\"Running\"}");
    g_autofree char *after = header_of(&answer, "Retry-After");
    ck_assert_str_eq(after, "1");
    answer_clear(&answer);
    expect_only(&peer, 404, "GET", GROUP "/providers/Contoso.Widgets/widgets/one" API, NULL);

    peer_move(&peer, &options, "2026-01-01T00:01:30Z");
    expect_only(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets/one" API, NULL);
    expect_only(&peer, 404, "GET", GROUP "/providers/Contoso.Widgets/gadgets/two" API, NULL);
    answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Running");
    ck_assert_ptr_null(at(answer.json, "properties.outputs"));
    answer_clear(&answer);

    peer_move(&peer, &options, "2026-01-01T00:10:00Z");
    answer = expect(&peer, 200, "GET", poll, NULL);
    ck_assert_str_eq(text_of(answer.json, "status"), "Succeeded");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.duration"), "PT2M");
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox__shows_when_each_operation_ended)
{
    start(80, NULL);
    make_group();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    struct answer answer =
        await(&peer, DEPLOYMENT "d1" API, "properties.provisioningState", "Succeeded");
    ck_assert_str_eq(text_of(answer.json, "properties.duration"), "PT0.160S");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", DEPLOYMENT "d1/operations" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 3);
    int64_t first_ms, second_ms;
    OK(roll_time_parse(text_of(answer.json, "value.0.properties.timestamp"), &first_ms));
    OK(roll_time_parse(text_of(answer.json, "value.1.properties.timestamp"), &second_ms));
    ck_assert_int_eq(second_ms - first_ms, 80);
    ck_assert_str_eq(text_of(answer.json, "value.0.properties.statusCode"), "Created");
    ck_assert_str_eq(text_of(answer.json, "value.1.properties.targetResource.resourceName"), "two");
    ck_assert_str_eq(text_of(answer.json, "value.2.properties.provisioningOperation"),
                     "EvaluateDeploymentOutput");
    ck_assert_ptr_null(at(answer.json, "value.2.properties.targetResource"));
    g_autofree char *one = g_strdup_printf("%s" API, text_of(answer.json, "value.1.id"));
    answer_clear(&answer);
    expect_only(&peer, 200, "GET", one, NULL);
}
END_TEST

START_TEST(test_sandbox__an_active_deployment_is_not_overwritten)
{
    start(60000, NULL);
    make_group();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    expect_error(&peer, 409, "DeploymentActive", "PUT", DEPLOYMENT "D1" API, two_resources);
    expect_error(&peer, 409, "DeploymentActive", "DELETE", DEPLOYMENT "d1" API, NULL);
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d2" API, two_resources);
    expect_only(&peer, 204, "POST", DEPLOYMENT "d1/cancel" API, "");
    struct answer answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Canceled");
    ck_assert_ptr_null(at(answer.json, "properties.error"));
    ck_assert_ptr_null(at(answer.json, "properties.outputs"));
    answer_clear(&answer);
    expect_error(&peer, 409, "DeploymentCannotBeCancelled", "POST", DEPLOYMENT "d1/cancel" API, "");
    expect_only(&peer, 404, "GET", GROUP "/providers/Contoso.Widgets/widgets/one" API, NULL);
    expect_only(&peer, 200, "PUT", DEPLOYMENT "d1" API, two_resources);
}
END_TEST

START_TEST(test_sandbox__refuses_deployments_as_arm_does)
{
    start(0, NULL);
    expect_error(&peer, 404, "ResourceGroupNotFound", "PUT", DEPLOYMENT "d1" API, two_resources);
    expect_error(&peer, 404, "ResourceGroupNotFound", "GET", DEPLOYMENT "d1" API, NULL);
    make_group();
    expect_error(&peer, 404, "DeploymentNotFound", "GET", DEPLOYMENT "d1" API, NULL);
    expect_error(&peer, 400, "DeploymentNameInvalidCharacters", "PUT", DEPLOYMENT "a%20b" API,
                 two_resources);
    expect_error(&peer, 400, "DeploymentNameLengthLimitExceeded", "PUT",
                 DEPLOYMENT
                 "x123456789012345678901234567890123456789012345678901234567890123456789" API,
                 two_resources);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", DEPLOYMENT "d1" API, "[1]");
    expect_error(&peer, 400, "InvalidDeployment", "PUT", DEPLOYMENT "d1" API,
                 "{\"properties\":{\"template\":{}}}");
    expect_error(&peer, 400, "InvalidTemplate", "PUT", DEPLOYMENT "d1" API,
                 "{\"properties\":{\"mode\":\"Incremental\",\"template\":{\"$schema\":\"" SCHEMA
                 "\"}}}");
    expect_error(
        &peer, 501, "NotImplemented", "PUT", DEPLOYMENT "d1" API,
        "{\"properties\":{\"mode\":\"Incremental\",\"templateLink\":{\"uri\":\"https://x\"}}}");
    expect_error(&peer, 400, "InvalidDeployment", "PUT",
                 SUB "/providers/Microsoft.Resources/deployments/d1" API,
                 BODY_OF(SUB_SCHEMA, "\"resources\":[]"));
    expect_error(&peer, 404, "DeploymentNotFound", "GET", DEPLOYMENT "d1" API, NULL);
}
END_TEST

START_TEST(test_sandbox__fails_a_type_on_demand)
{
    static const char *const faults[] = {"fail=Contoso.Widgets/Widgets:1", NULL};
    start(0, faults);
    make_group();
    struct answer answer = expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    g_autofree char *poll = header_of(&answer, "Azure-AsyncOperation");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", poll, NULL);
    ck_assert_str_eq(text_of(answer.json, "status"), "Failed");
    ck_assert_str_eq(text_of(answer.json, "error.code"), "DeploymentFailed");
    ck_assert_str_eq(text_of(answer.json, "error.details.0.details.0.code"), "SandboxFault");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", DEPLOYMENT "d1/operations" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    ck_assert_str_eq(text_of(answer.json, "value.0.properties.statusMessage.error.code"),
                     "ResourceDeploymentFailure");
    answer_clear(&answer);
    expect_only(&peer, 404, "GET", GROUP "/providers/Contoso.Widgets/gadgets/two" API, NULL);
    expect_only(&peer, 200, "PUT", DEPLOYMENT "d1" API, two_resources);
    answer = await(&peer, DEPLOYMENT "d1" API, "properties.provisioningState", "Succeeded");
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox__lists_and_deletes_deployments)
{
    start(0, NULL);
    make_group();
    for (int i = 0; i < 5; i++) {
        g_autofree char *path = g_strdup_printf(DEPLOYMENT "d%d" API, i);
        expect_only(&peer, 201, "PUT", path, two_resources);
    }
    struct answer answer =
        expect(&peer, 200, "GET",
               DEPLOYMENT API "&$filter=provisioningState%20eq%20'Succeeded'&$top=3", NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 3);
    ck_assert_str_eq(text_of(answer.json, "value.0.name"), "d4");
    answer_clear(&answer);
    answer = expect(&peer, 202, "DELETE", DEPLOYMENT "d4" API, NULL);
    g_autofree char *location = header_of(&answer, "Location");
    answer_clear(&answer);
    expect_only(&peer, 204, "GET", location, NULL);
    expect_only(&peer, 204, "DELETE", DEPLOYMENT "d4" API, NULL);
    expect_only(&peer, 404, "GET", DEPLOYMENT "d4" API, NULL);
    expect_only(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets/one" API, NULL);
}
END_TEST

START_TEST(test_sandbox__lists_deployments_in_pages)
{
    start(0, NULL);
    make_group();
    for (int i = 0; i < 205; i++) {
        g_autofree char *path = g_strdup_printf(DEPLOYMENT "d%d" API, i);
        expect_only(&peer, 201, "PUT", path, BODY("\"resources\":[]"));
    }
    struct answer first = expect(&peer, 200, "GET", DEPLOYMENT API, NULL);
    ck_assert_uint_eq(json_array_size(at(first.json, "value")), 200);
    struct answer second = expect(&peer, 200, "GET", text_of(first.json, "nextLink"), NULL);
    ck_assert_uint_eq(json_array_size(at(second.json, "value")), 5);
    ck_assert_ptr_null(at(second.json, "nextLink"));
    ck_assert_str_eq(text_of(second.json, "value.4.name"), "d0");
    answer_clear(&first);
    answer_clear(&second);
}
END_TEST

/* As the service: above 700 the oldest go, down to 600; only what is active can fill a scope. */
START_TEST(test_sandbox__grooms_the_history)
{
    start(0, NULL);
    make_group();
    for (int i = 0; i < 702; i++) {
        g_autofree char *path = g_strdup_printf(DEPLOYMENT "d%d" API, i);
        expect_only(&peer, 201, "PUT", path, BODY("\"resources\":[]"));
    }
    expect_only(&peer, 404, "HEAD", DEPLOYMENT "d100" API, NULL);
    expect_only(&peer, 204, "HEAD", DEPLOYMENT "d101" API, NULL);
    expect_only(&peer, 204, "HEAD", DEPLOYMENT "d701" API, NULL);
}
END_TEST

START_TEST(test_sandbox__refuses_more_than_800_active_deployments)
{
    start(600000, NULL);
    make_group();
    for (int i = 0; i < 800; i++) {
        g_autofree char *path = g_strdup_printf(DEPLOYMENT "d%d" API, i);
        expect_only(&peer, 201, "PUT", path, two_resources);
    }
    expect_error(&peer, 409, "DeploymentQuotaExceeded", "PUT", DEPLOYMENT "d800" API,
                 two_resources);
    expect_only(&peer, 204, "POST", DEPLOYMENT "d7/cancel" API, "");
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d800" API, two_resources);
    expect_only(&peer, 404, "HEAD", DEPLOYMENT "d7" API, NULL);
}
END_TEST

/* ---- restart ---- */

START_TEST(test_sandbox__goes_on_after_kill_9)
{
    g_autofree char *state = g_build_filename(folder, "state.db", NULL);
    struct roll_sandbox_options options = {.state_file = state, .operation_time_ms = 100};
    peer_start(&peer, &options);
    make_group();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    ck_assert_int_eq(peer_stop(&peer, SIGKILL), -1);
    peer_start(&peer, &options);
    struct answer answer =
        await(&peer, DEPLOYMENT "d1" API, "properties.provisioningState", "Succeeded");
    /* As if it had been awake all the time. */
    ck_assert_str_eq(text_of(answer.json, "properties.duration"), "PT0.200S");
    ck_assert_str_eq(text_of(answer.json, "properties.outputs.widgeT_NAME.value"), "one");
    answer_clear(&answer);
    ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_start(&peer, &options);
    expect_only(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/gadgets/two" API, NULL);
}
END_TEST

/* Killed in the middle of a transaction, at every one of them: what was answered stands, what was
 * not is done again. */
START_TEST(test_sandbox__goes_on_after_kill_9_inside_a_transaction)
{
    for (int i = 1; i <= 2; i++) {
        g_autofree char *state = g_strdup_printf("%s/state%d.db", folder, i);
        g_autofree char *fault = g_strdup_printf("sandbox-advance:%d:kill", i);
        struct roll_sandbox_options options = {.state_file = state, .operation_time_ms = 20};
        int status;
        g_setenv("ROLL_FAULT", fault, TRUE);
        peer_start(&peer, &options);
        g_unsetenv("ROLL_FAULT");
        make_group();
        expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
        struct answer answer = {.status = 200};
        int64_t until = roll_boot_ms() + 60000;
        while (answer.status == 200) {
            ck_assert_int_lt(roll_boot_ms(), until);
            answer_clear(&answer);
            answer = call(&peer, "GET", DEPLOYMENT "d1" API, NULL);
        }
        answer_clear(&answer);
        ck_assert_int_eq(waitpid(peer.pid, &status, 0), peer.pid);
        ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        peer_start(&peer, &options);
        answer = await(&peer, DEPLOYMENT "d1" API, "properties.provisioningState", "Succeeded");
        ck_assert_str_eq(text_of(answer.json, "properties.duration"), "PT0.040S");
        answer_clear(&answer);
        expect_only(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/gadgets/two" API, NULL);
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
        peer.pid = 0;
    }
}
END_TEST

START_TEST(test_sandbox__keeps_no_secret_of_a_deployment_that_has_ended)
{
    g_autofree char *state = g_build_filename(folder, "state.db", NULL);
    g_autofree char *content = NULL;
    gsize size;
    struct roll_sandbox_options options = {.state_file = state};
    peer_start(&peer, &options);
    make_group();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API,
                "{\"properties\":{\"mode\":\"Incremental\",\"parameters\":{\"plain\":{\"value\":"
                "\"seen-7\"},"
                "\"secret\":{\"value\":\"hunter2hunter2\"}},\"template\":{\"$schema\":\"" SCHEMA
                "\",\"contentVersion\":\"1.0.0.0\",\"parameters\":{\"plain\":{\"type\":\"string\"},"
                "\"secret\":{\"type\":\"secureString\"}},\"resources\":[]}}}");
    ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer.pid = 0;
    ck_assert(g_file_get_contents(state, &content, &size, NULL));
    ck_assert_ptr_nonnull(memmem(content, size, "seen-7", strlen("seen-7")));
    ck_assert_ptr_null(memmem(content, size, "hunter2", strlen("hunter2")));
}
END_TEST

START_TEST(test_sandbox__refuses_a_foreign_state)
{
    g_autofree char *state = g_build_filename(folder, "state.db", NULL);
    struct roll_sandbox_options options = {.state_file = state};
    ck_assert(g_file_set_contents(state, "this is no database, it is a text that is long enough",
                                  -1, NULL));
    FAILS(ROLL_E_FOREIGN, roll_sandbox_serve(&options, NULL, NULL));
}
END_TEST

/* ---- faults ---- */

START_TEST(test_sandbox__answers_with_the_status_that_it_was_told)
{
    static const char *const faults[] = {"status=503:get:/RESOURCEGROUPS/:2", NULL};
    start(0, faults);
    make_group();
    expect_error(&peer, 503, "ServerBusy", "GET", GROUP API, NULL);
    expect_error(&peer, 503, "ServerBusy", "GET", GROUP API, NULL);
    expect_only(&peer, 200, "GET", GROUP API, NULL);
}
END_TEST

START_TEST(test_sandbox__drops_an_answer_after_the_work)
{
    static const char *const faults[] = {"drop=PUT:deployments/d1:1", NULL};
    start(0, faults);
    make_group();
    peer.fresh = true;
    struct answer answer = call(&peer, "PUT", DEPLOYMENT "d1" API, two_resources);
    ck_assert_int_eq(answer.status, 0);
    ck_assert_int_ne(answer.curl, CURLE_OK);
    answer_clear(&answer);
    expect_only(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
}
END_TEST

/* One user waits for an answer that comes in an hour; its work is done, and others are answered. */
START_TEST(test_sandbox__delays_one_answer_but_not_the_others)
{
    static const char *const faults[] = {"delay=3600000:PUT:/slow", "delay=300:GET:/late", NULL};
    start(0, faults);
    pid_t pid = fork();
    if (pid == 0) {
        struct peer own = {.url = peer.url, .curl = curl_easy_init(), .token = "x"};
        call(&own, "PUT", SUB "/resourcegroups/slow" API, "{\"location\":\"westeurope\"}");
        _exit(0);
    }
    int status;
    int64_t until = roll_boot_ms() + 60000;
    struct answer answer = {0};
    while (answer.status != 200) {
        ck_assert_int_lt(roll_boot_ms(), until);
        answer_clear(&answer);
        answer = call(&peer, "GET", SUB "/resourcegroups/slow" API, NULL);
    }
    answer_clear(&answer);
    ck_assert_int_eq(waitpid(pid, &status, WNOHANG), 0); /* it still waits */
    int64_t before = roll_boot_ms();
    expect_only(&peer, 404, "GET", SUB "/resourcegroups/late" API, NULL);
    ck_assert_int_ge(roll_boot_ms() - before, 300);
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
}
END_TEST

START_TEST(test_sandbox__a_poll_finds_nothing_at_first)
{
    static const char *const faults[] = {"404-poll=2", NULL};
    start(0, faults);
    make_group();
    struct answer answer = expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    g_autofree char *poll = header_of(&answer, "Azure-AsyncOperation");
    answer_clear(&answer);
    expect_error(&peer, 404, "DeploymentNotFound", "GET", poll, NULL);
    expect_only(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    expect_error(&peer, 404, "DeploymentNotFound", "GET", poll, NULL);
    expect_only(&peer, 200, "GET", poll, NULL);
}
END_TEST

START_TEST(test_sandbox__refuses_faults_that_it_does_not_understand)
{
    static const char *const bad[] = {
        "status=200:GET:/", "fail=",     "explode=now", "delay=x:GET:/",
        "drop=GET",         "404-poll=", "fail",        "status=500:GET:/:many"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        const char *faults[] = {bad[i], NULL};
        struct roll_sandbox_options options = {.faults = faults};
        FAILS(ROLL_E_USAGE, roll_sandbox_serve(&options, NULL, NULL));
    }
}
END_TEST

START_TEST(test_sandbox__speaks_tls)
{
    g_autofree char *cert = g_build_filename(folder, "cert.pem", NULL);
    struct roll_sandbox_options options = {.tls = true, .cert_file = cert};
    peer_start(&peer, &options);
    peer.ca_file = cert;
    make_group();
    struct answer answer = expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, two_resources);
    g_autofree char *poll = header_of(&answer, "Azure-AsyncOperation");
    ck_assert(g_str_has_prefix(poll, "https://127.0.0.1:"));
    answer_clear(&answer);
    expect_only(&peer, 200, "GET", poll, NULL);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sandbox");
    TCase *tcase = tcase_create("sandbox");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_sandbox__asks_for_a_token);
    tcase_add_test(tcase, test_sandbox__checks_audience_and_expiry_of_a_jwt);
    tcase_add_test(tcase, test_sandbox__refuses_what_arm_refuses_of_any_request);
    tcase_add_test(tcase, test_sandbox__refuses_a_body_beyond_arms_limit);
    tcase_add_test(tcase, test_sandbox__echoes_the_correlation_id);
    tcase_add_test(tcase, test_sandbox__keeps_resource_groups);
    tcase_add_test(tcase, test_sandbox__deletes_a_group_with_all_that_is_in_it);
    tcase_add_test(tcase, test_sandbox__deploys_to_a_resource_group);
    tcase_add_test(tcase, test_sandbox__the_same_deployment_gives_the_same_bytes);
    tcase_add_test(tcase, test_sandbox__operations_follow_the_dependencies);
    tcase_add_test(tcase, test_sandbox__shows_when_each_operation_ended);
    tcase_add_test(tcase, test_sandbox__an_active_deployment_is_not_overwritten);
    tcase_add_test(tcase, test_sandbox__refuses_deployments_as_arm_does);
    tcase_add_test(tcase, test_sandbox__fails_a_type_on_demand);
    tcase_add_test(tcase, test_sandbox__lists_and_deletes_deployments);
    tcase_add_test(tcase, test_sandbox__lists_deployments_in_pages);
    tcase_add_test(tcase, test_sandbox__grooms_the_history);
    tcase_add_test(tcase, test_sandbox__refuses_more_than_800_active_deployments);
    tcase_add_test(tcase, test_sandbox__goes_on_after_kill_9);
    tcase_add_test(tcase, test_sandbox__goes_on_after_kill_9_inside_a_transaction);
    tcase_add_test(tcase, test_sandbox__keeps_no_secret_of_a_deployment_that_has_ended);
    tcase_add_test(tcase, test_sandbox__refuses_a_foreign_state);
    tcase_add_test(tcase, test_sandbox__answers_with_the_status_that_it_was_told);
    tcase_add_test(tcase, test_sandbox__drops_an_answer_after_the_work);
    tcase_add_test(tcase, test_sandbox__delays_one_answer_but_not_the_others);
    tcase_add_test(tcase, test_sandbox__a_poll_finds_nothing_at_first);
    tcase_add_test(tcase, test_sandbox__refuses_faults_that_it_does_not_understand);
    tcase_add_test(tcase, test_sandbox__speaks_tls);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = run_suite(make_suite());
    curl_global_cleanup();
    return failed;
}
