/* Deployment stacks of the sandbox: their lives, what leaves them, deny settings, and answers as
 * ARM gives them (REST reference 4). */
#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourceGroups/shop"
#define VERSION "?api-version=2024-03-01"
#define STACKS GROUP "/providers/Microsoft.Resources/deploymentStacks"
#define STACK STACKS "/roll-shop-prod"
#define ACCOUNT(name) GROUP "/providers/Microsoft.Storage/storageAccounts/" name
#define CORRELATION "c0c0c0c0-0000-4000-8000-000000000001"
#define ALL_DELETED                                                                                \
    "&unmanageAction.Resources=delete&unmanageAction.ResourceGroups=delete"                        \
    "&unmanageAction.ManagementGroups=detach&bypassStackOutOfSyncError=false"

static struct peer peer;
static struct roll_sandbox_options options;
static char *folder; /* NULL: the state is in memory */

static void start(int64_t operation_time_ms, const char *const *faults)
{
    options =
        (struct roll_sandbox_options){.operation_time_ms = operation_time_ms, .faults = faults};
    peer_start(&peer, &options);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
}

/* Operations last a minute; time is moved by peer_move. */
static void start_slow(void)
{
    static char state[200];
    folder = g_dir_make_tmp("roll-test-stacks-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    g_snprintf(state, sizeof state, "%s/slow.db", folder);
    options = (struct roll_sandbox_options){.state_file = state, .operation_time_ms = 60000};
    peer_start_at(&peer, &options, "2026-01-01T00:00:00Z");
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
}

static void setup(void)
{
    peer = (struct peer){0};
}

static void teardown(void)
{
    ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
    if (folder)
        remove_tree(folder);
    g_clear_pointer(&folder, g_free);
}

/* A stack of storage accounts, by their names separated by blanks. Owned. */
static char *body_of(const char *accounts, const char *unmanage, const char *deny)
{
    g_auto(GStrv) names = g_strsplit(accounts, " ", -1);
    GString *body = g_string_new(NULL);
    g_string_printf(body,
                    "{\"tags\":{\"a\":\"b\"},\"properties\":{\"actionOnUnmanage\":{\"resources\":"
                    "\"%s\"},\"denySettings\":%s,\"template\":{\"$schema\":\"https://schema."
                    "management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\","
                    "\"contentVersion\":\"1.0.0.0\",\"parameters\":{\"key\":{\"type\":"
                    "\"securestring\",\"defaultValue\":\"\"},\"count\":{\"type\":\"int\","
                    "\"defaultValue\":1}},\"outputs\":{\"COUNT\":{\"type\":\"int\",\"value\":"
                    "\"[parameters('count')]\"}},\"resources\":[",
                    unmanage, deny);
    for (int i = 0; names[i] && *names[i]; i++)
        g_string_append_printf(body,
                               "%s{\"type\":\"Microsoft.Storage/storageAccounts\",\"apiVersion\":"
                               "\"2023-01-01\",\"name\":\"%s\",\"location\":\"westeurope\"}",
                               i ? "," : "", names[i]);
    g_string_append(body, "]},\"parameters\":{\"key\":{\"value\":\"hidden-word\"},\"count\":{"
                          "\"value\":3}}}}");
    return g_string_free(body, FALSE);
}

static void put(int status, const char *accounts, const char *unmanage, const char *deny)
{
    g_autofree char *body = body_of(accounts, unmanage, deny);
    expect_only(&peer, status, "PUT", STACK VERSION, body);
}

#define NONE "{\"mode\":\"none\"}"

/* ---- a life --------------------------------------------------------------------------------- */

START_TEST(test_sandbox_stack__is_created_and_manages_what_it_deployed)
{
    g_autofree char *body = body_of("one two", "detach", NONE);
    start(0, NULL);
    peer.correlation = CORRELATION;
    struct answer put = expect(&peer, 201, "PUT", STACK VERSION, body);
    g_autofree char *poll = header_of(&put, "Azure-AsyncOperation");
    ck_assert_str_eq(text_of(put.json, "properties.provisioningState"), "initializing");
    ck_assert_ptr_nonnull(strstr(poll, "/deploymentStackOperationStatus/"));
    answer_clear(&put);

    struct answer status = await(&peer, poll, "status", "succeeded");
    answer_clear(&status);
    struct answer get = expect(&peer, 200, "GET", STACK VERSION, NULL);
    const json_t *properties = at(get.json, "properties");
    ck_assert_str_eq(text_of(properties, "provisioningState"), "succeeded");
    ck_assert_str_eq(text_of(properties, "correlationId"), CORRELATION);
    ck_assert_uint_eq(json_array_size(at(properties, "resources")), 2);
    ck_assert_str_eq(text_of(properties, "resources.0.id"), ACCOUNT("one"));
    ck_assert_str_eq(text_of(properties, "resources.0.status"), "managed");
    ck_assert_str_eq(text_of(properties, "resources.0.denyStatus"), "none");
    ck_assert_uint_eq(json_array_size(at(properties, "failedResources")), 0);
    ck_assert_str_eq(text_of(properties, "actionOnUnmanage.resourceGroups"), "detach");
    ck_assert_int_eq(json_integer_value(at(properties, "parameters.count.value")), 3);
    ck_assert_str_eq(text_of(properties, "parameters.key.type"), "securestring");
    ck_assert_ptr_null(strstr(get.text->str, "hidden-word"));
    ck_assert_int_eq(json_integer_value(at(properties, "outputs.count.value")), 3);
    ck_assert_str_eq(text_of(get.json, "tags.a"), "b");
    ck_assert_str_eq(text_of(get.json, "systemData.createdByType"), "User");

    /* What it manages was deployed by an ordinary deployment with the same correlation id. */
    struct answer list =
        expect(&peer, 200, "GET", GROUP "/providers/Microsoft.Resources/deployments" API, NULL);
    ck_assert_uint_eq(json_array_size(at(list.json, "value")), 1);
    ck_assert_str_eq(text_of(list.json, "value.0.id"), text_of(properties, "deploymentId"));
    ck_assert_str_eq(text_of(list.json, "value.0.properties.correlationId"), CORRELATION);
    ck_assert(g_str_has_prefix(text_of(list.json, "value.0.name"), "roll-shop-prod-"));
    answer_clear(&list);
    answer_clear(&get);
    expect_only(&peer, 200, "GET", ACCOUNT("one") API, NULL);
}
END_TEST

/* Whose state is the wanted one. */
static struct answer stack_in(const char *state)
{
    struct answer get = expect(&peer, 200, "GET", STACK VERSION, NULL);
    ck_assert_str_eq(text_of(get.json, "properties.provisioningState"), state);
    return get;
}

START_TEST(test_sandbox_stack__says_what_it_is_doing_and_takes_nothing_meanwhile)
{
    g_autofree char *body = body_of("one", "detach", NONE);
    start_slow();
    put(201, "one", "detach", NONE);
    struct answer get = stack_in("deploying");
    answer_clear(&get);
    expect_error(&peer, 409, "DeploymentStackInNonTerminalState", "PUT", STACK VERSION, body);
    expect_error(&peer, 409, "DeploymentStackInNonTerminalState", "DELETE", STACK VERSION, NULL);
    peer_move(&peer, &options, "2026-01-01T00:10:00Z");
    get = stack_in("succeeded");
    ck_assert_str_eq(text_of(get.json, "properties.duration"), "PT1M");
    answer_clear(&get);
    put(200, "one", "detach", NONE);
}
END_TEST

/* ---- what leaves it ------------------------------------------------------------------------- */

START_TEST(test_sandbox_stack__what_leaves_it_is_detached)
{
    start(0, NULL);
    put(201, "one two", "detach", NONE);
    put(200, "two", "detach", NONE);
    struct answer get = expect(&peer, 200, "GET", STACK VERSION, NULL);
    ck_assert_uint_eq(json_array_size(at(get.json, "properties.resources")), 1);
    ck_assert_str_eq(text_of(get.json, "properties.detachedResources.0.id"), ACCOUNT("one"));
    ck_assert_uint_eq(json_array_size(at(get.json, "properties.deletedResources")), 0);
    answer_clear(&get);
    expect_only(&peer, 200, "GET", ACCOUNT("one") API, NULL);
}
END_TEST

START_TEST(test_sandbox_stack__what_leaves_it_is_deleted)
{
    start_slow();
    put(201, "one two", "delete", NONE);
    peer_move(&peer, &options, "2026-01-01T00:10:00Z");
    put(200, "two", "delete", NONE);
    peer_move(&peer, &options, "2026-01-01T00:11:30Z");
    struct answer get = stack_in("deletingResources");
    answer_clear(&get);
    expect_only(&peer, 200, "GET", ACCOUNT("one") API, NULL);
    peer_move(&peer, &options, "2026-01-01T00:20:00Z");
    get = stack_in("succeeded");
    ck_assert_str_eq(text_of(get.json, "properties.deletedResources.0.id"), ACCOUNT("one"));
    ck_assert_uint_eq(json_array_size(at(get.json, "properties.resources")), 1);
    answer_clear(&get);
    expect_only(&peer, 404, "GET", ACCOUNT("one") API, NULL);
}
END_TEST

START_TEST(test_sandbox_stack__what_cannot_be_deleted_stays_and_is_named)
{
    start(0, NULL);
    put(201, "one two", "delete", NONE);
    expect_only(&peer, 201, "PUT", ACCOUNT("one") "/providers/Microsoft.Authorization/locks/l" API,
                "{\"properties\":{\"level\":\"CanNotDelete\"}}");
    put(200, "two", "delete", NONE);
    struct answer get = expect(&peer, 200, "GET", STACK VERSION, NULL);
    ck_assert_str_eq(text_of(get.json, "properties.provisioningState"), "failed");
    ck_assert_str_eq(text_of(get.json, "properties.failedResources.0.id"), ACCOUNT("one"));
    ck_assert_str_eq(text_of(get.json, "properties.failedResources.0.error.code"), "ScopeLocked");
    ck_assert_str_eq(text_of(get.json, "properties.error.details.0.code"),
                     "DeploymentStackDeleteResourcesFailed");
    ck_assert_str_eq(text_of(get.json, "properties.resources.1.status"), "deleteFailed");
    answer_clear(&get);
    expect_only(&peer, 200, "DELETE",
                ACCOUNT("one") "/providers/Microsoft.Authorization/locks/l" API, NULL);
    put(200, "two", "delete", NONE);
    expect_only(&peer, 404, "GET", ACCOUNT("one") API, NULL);
}
END_TEST

static const char *const failing[] = {"fail=Microsoft.Web/sites", NULL};

START_TEST(test_sandbox_stack__a_failed_deployment_takes_nothing_away)
{
    start(0, failing);
    put(201, "one", "delete", NONE);
    expect_only(&peer, 200, "PUT", STACK VERSION,
                "{\"properties\":{\"actionOnUnmanage\":{\"resources\":\"delete\"},\"denySettings\":"
                "{\"mode\":\"none\"},\"template\":{\"$schema\":\"https://schema.management.azure."
                "com/schemas/2019-04-01/deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\","
                "\"resources\":[{\"type\":\"Microsoft.Web/sites\",\"apiVersion\":\"2022-09-01\","
                "\"name\":\"w\",\"location\":\"westeurope\"}]}}}");
    struct answer get = expect(&peer, 200, "GET", STACK VERSION, NULL);
    ck_assert_str_eq(text_of(get.json, "properties.provisioningState"), "failed");
    ck_assert_str_eq(text_of(get.json, "properties.error.details.0.code"),
                     "DeploymentStackDeploymentFailed");
    ck_assert_str_eq(text_of(get.json, "properties.error.details.0.details.0.code"),
                     "DeploymentFailed");
    ck_assert_str_eq(text_of(get.json, "properties.resources.0.id"), ACCOUNT("one"));
    answer_clear(&get);
    expect_only(&peer, 200, "GET", ACCOUNT("one") API, NULL);
}
END_TEST

/* ---- delete --------------------------------------------------------------------------------- */

START_TEST(test_sandbox_stack__deleted_it_lets_go_or_takes_along)
{
    start(0, NULL);
    put(201, "one", "detach", NONE);
    expect_only(&peer, 200, "DELETE", STACK VERSION, NULL);
    expect_error(&peer, 404, "DeploymentStackResourceNotFound", "GET", STACK VERSION, NULL);
    expect_only(&peer, 200, "GET", ACCOUNT("one") API, NULL);
    expect_only(&peer, 204, "DELETE", STACK VERSION, NULL);

    put(201, "one", "detach", NONE);
    struct answer gone = expect(&peer, 202, "DELETE", STACK VERSION ALL_DELETED, NULL);
    g_autofree char *poll = header_of(&gone, "Azure-AsyncOperation");
    answer_clear(&gone);
    struct answer status = await(&peer, poll, "status", "succeeded");
    answer_clear(&status);
    expect_error(&peer, 404, "DeploymentStackResourceNotFound", "GET", STACK VERSION, NULL);
    expect_only(&peer, 404, "GET", ACCOUNT("one") API, NULL);
}
END_TEST

START_TEST(test_sandbox_stack__goes_with_its_group)
{
    start(0, NULL);
    put(201, "one", "detach", NONE);
    expect_only(&peer, 202, "DELETE", GROUP API, NULL);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    expect_error(&peer, 404, "DeploymentStackResourceNotFound", "GET", STACK VERSION, NULL);
}
END_TEST

/* ---- validate, export, list ----------------------------------------------------------------- */

START_TEST(test_sandbox_stack__is_validated_without_a_trace)
{
    g_autofree char *body = body_of("one", "detach", NONE);
    start(0, NULL);
    struct answer first = expect(&peer, 202, "POST", STACK "/validate" VERSION, body);
    g_autofree char *poll = header_of(&first, "Location");
    /* The stacks SDK adds the first request's query to the poll's. */
    g_autofree char *twice = g_strconcat(poll, "&api-version=2024-03-01", NULL);
    answer_clear(&first);
    struct answer done = expect(&peer, 200, "GET", twice, NULL);
    ck_assert_str_eq(text_of(done.json, "properties.actionOnUnmanage.resources"), "Detach");
    ck_assert_str_eq(text_of(done.json, "properties.denySettings.mode"), "None");
    ck_assert_str_eq(text_of(done.json, "properties.validatedResources.0.id"), ACCOUNT("one"));
    answer_clear(&done);
    expect_only(&peer, 404, "GET", STACK VERSION, NULL);
    expect_error(&peer, 400, "InvalidTemplate", "POST", STACK "/validate" VERSION,
                 "{\"properties\":{\"actionOnUnmanage\":{\"resources\":\"delete\"},"
                 "\"denySettings\":{\"mode\":\"none\"},\"template\":{\"resources\":[]}}}");
}
END_TEST

START_TEST(test_sandbox_stack__is_listed_and_exported)
{
    start(0, NULL);
    put(201, "one", "detach", NONE);
    struct answer list = expect(&peer, 200, "GET", STACKS VERSION, NULL);
    ck_assert_uint_eq(json_array_size(at(list.json, "value")), 1);
    ck_assert_str_eq(text_of(list.json, "value.0.name"), "roll-shop-prod");
    answer_clear(&list);
    struct answer template = expect(&peer, 200, "POST", STACK "/exportTemplate" VERSION, NULL);
    ck_assert_str_eq(text_of(template.json, "template.resources.0.name"), "one");
    answer_clear(&template);
}
END_TEST

START_TEST(test_sandbox_stack__pages_are_followed)
{
    g_autofree char *body = body_of("", "detach", NONE);
    g_autofree char *next = NULL;
    start(0, NULL);
    for (int i = 0; i < 101; i++) {
        g_autofree char *path = g_strdup_printf(STACKS "/s%d" VERSION, i);
        expect_only(&peer, 201, "PUT", path, body);
    }
    struct answer list = expect(&peer, 200, "GET", STACKS VERSION, NULL);
    ck_assert_uint_eq(json_array_size(at(list.json, "value")), 100);
    next = g_strdup(text_of(list.json, "nextLink"));
    answer_clear(&list);
    list = expect(&peer, 200, "GET", next, NULL);
    ck_assert_uint_eq(json_array_size(at(list.json, "value")), 1);
    answer_clear(&list);
}
END_TEST

START_TEST(test_sandbox_stack__lives_at_a_subscription_too)
{
    start(0, NULL);
    const char *stack = SUB "/providers/Microsoft.Resources/deploymentStacks/s" VERSION;
    const char *with_group =
        "{\"location\":\"westeurope\",\"properties\":{\"actionOnUnmanage\":{\"resources\":"
        "\"delete\",\"resourceGroups\":\"delete\"},\"denySettings\":{\"mode\":\"none\"},"
        "\"template\":{\"$schema\":\"https://schema.management.azure.com/schemas/2018-05-01/"
        "subscriptionDeploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\",\"resources\":[{"
        "\"type\":\"Microsoft.Resources/resourceGroups\",\"apiVersion\":\"2022-09-01\",\"name\":"
        "\"made\",\"location\":\"westeurope\"}]}}}";
    g_autofree char *without = g_strdup(with_group);
    char *resources = strstr(without, "\"resources\":[");
    g_autofree char *empty = NULL;
    *resources = '\0';
    empty = g_strconcat(without, "\"resources\":[]}}}", NULL);
    expect_only(&peer, 201, "PUT", stack, with_group);
    expect_only(&peer, 200, "GET", SUB "/resourceGroups/made" API, NULL);
    expect_only(&peer, 200, "PUT", stack, empty);
    expect_only(&peer, 404, "GET", SUB "/resourceGroups/made" API, NULL);
    struct answer get = expect(&peer, 200, "GET", stack, NULL);
    ck_assert_str_eq(text_of(get.json, "properties.deletedResources.0.id"),
                     SUB "/resourceGroups/made");
    answer_clear(&get);
}
END_TEST

/* ---- deny settings -------------------------------------------------------------------------- */

START_TEST(test_sandbox_stack__denies_others_what_it_manages)
{
    start(0, NULL);
    put(201, "one", "detach", "{\"mode\":\"denyDelete\"}");
    expect_error(&peer, 403, "DenyAssignmentAuthorizationFailed", "DELETE", ACCOUNT("one") API,
                 NULL);
    expect_only(&peer, 200, "PUT", ACCOUNT("one") API, "{\"location\":\"westeurope\"}");

    put(200, "one", "detach", "{\"mode\":\"denyWriteAndDelete\"}");
    expect_error(&peer, 403, "DenyAssignmentAuthorizationFailed", "PUT", ACCOUNT("one") API,
                 "{\"location\":\"westeurope\"}");
    expect_only(&peer, 201, "PUT", ACCOUNT("other") API, "{\"location\":\"westeurope\"}");
    expect_only(&peer, 201, "PUT", ACCOUNT("one") "/blobServices/default" API, "{}");
    put(200, "one", "detach", "{\"mode\":\"denyWriteAndDelete\",\"applyToChildScopes\":true}");
    expect_error(&peer, 403, "DenyAssignmentAuthorizationFailed", "PUT",
                 ACCOUNT("one") "/blobServices/default" API, "{}");
    struct answer get = expect(&peer, 200, "GET", STACK VERSION, NULL);
    ck_assert_str_eq(text_of(get.json, "properties.resources.0.denyStatus"), "denyWriteAndDelete");
    answer_clear(&get);

    put(200, "one", "detach",
        "{\"mode\":\"denyDelete\",\"excludedActions\":[\"microsoft.storage/*/delete\"]}");
    expect_only(&peer, 200, "DELETE", ACCOUNT("one") API, NULL);
}
END_TEST

START_TEST(test_sandbox_stack__denies_other_deployments)
{
    start(0, NULL);
    put(201, "one", "detach", "{\"mode\":\"denyWriteAndDelete\"}");
    expect_only(&peer, 201, "PUT", GROUP "/providers/Microsoft.Resources/deployments/d" API,
                "{\"properties\":{\"mode\":\"Incremental\",\"template\":{\"$schema\":\"https://"
                "schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\","
                "\"contentVersion\":\"1.0.0.0\",\"resources\":[{\"type\":\"Microsoft.Storage/"
                "storageAccounts\",\"apiVersion\":\"2023-01-01\",\"name\":\"one\",\"location\":"
                "\"westeurope\"}]}}}");
    struct answer get =
        expect(&peer, 200, "GET", GROUP "/providers/Microsoft.Resources/deployments/d" API, NULL);
    ck_assert_str_eq(text_of(get.json, "properties.provisioningState"), "Failed");
    ck_assert_str_eq(text_of(get.json, "properties.error.details.0.code"),
                     "DenyAssignmentAuthorizationFailed");
    answer_clear(&get);
}
END_TEST

/* ---- refusals ------------------------------------------------------------------------------- */

START_TEST(test_sandbox_stack__refuses_what_arm_refuses)
{
    g_autofree char *good = body_of("one", "detach", NONE);
    g_autofree char *no_action = body_of("one", "drop", NONE);
    g_autofree char *no_mode = body_of("one", "detach", "{}");
    g_autofree char *six =
        body_of("one", "detach",
                "{\"mode\":\"none\",\"excludedPrincipals\":[\"1\",\"2\",\"3\",\"4\",\"5\","
                "\"6\"]}");
    start(0, NULL);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", STACK VERSION, no_action);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", STACK VERSION, no_mode);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", STACK VERSION, six);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", STACK VERSION, "{}");
    expect_error(&peer, 400, "InvalidDeploymentStackName", "PUT", STACKS "/a%20b" VERSION, good);
    expect_error(
        &peer, 404, "ResourceGroupNotFound", "PUT",
        SUB "/resourceGroups/none/providers/Microsoft.Resources/deploymentStacks/s" VERSION, good);
    expect_error(&peer, 404, "InvalidResourceType", "GET",
                 "/providers/Microsoft.Resources/deploymentStacks/s" VERSION, NULL);
    expect_error(&peer, 501, "NotImplemented", "GET", STACKS "/s/snapshots" VERSION, NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("sandbox stacks");
    TCase *stacks = tcase_create("stacks");

    tcase_add_checked_fixture(stacks, setup, teardown);
    tcase_set_timeout(stacks, 60);
    tcase_add_test(stacks, test_sandbox_stack__is_created_and_manages_what_it_deployed);
    tcase_add_test(stacks, test_sandbox_stack__says_what_it_is_doing_and_takes_nothing_meanwhile);
    tcase_add_test(stacks, test_sandbox_stack__what_leaves_it_is_detached);
    tcase_add_test(stacks, test_sandbox_stack__what_leaves_it_is_deleted);
    tcase_add_test(stacks, test_sandbox_stack__what_cannot_be_deleted_stays_and_is_named);
    tcase_add_test(stacks, test_sandbox_stack__a_failed_deployment_takes_nothing_away);
    tcase_add_test(stacks, test_sandbox_stack__deleted_it_lets_go_or_takes_along);
    tcase_add_test(stacks, test_sandbox_stack__goes_with_its_group);
    tcase_add_test(stacks, test_sandbox_stack__is_validated_without_a_trace);
    tcase_add_test(stacks, test_sandbox_stack__is_listed_and_exported);
    tcase_add_test(stacks, test_sandbox_stack__pages_are_followed);
    tcase_add_test(stacks, test_sandbox_stack__lives_at_a_subscription_too);
    tcase_add_test(stacks, test_sandbox_stack__denies_others_what_it_manages);
    tcase_add_test(stacks, test_sandbox_stack__denies_other_deployments);
    tcase_add_test(stacks, test_sandbox_stack__refuses_what_arm_refuses);
    suite_add_tcase(all, stacks);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
