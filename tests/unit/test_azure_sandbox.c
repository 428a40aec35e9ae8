/* The client against the sandbox: records, providers, locks, deletions, as the later commands will
 * use them. */
#include "sandbox_tools.h"

#include "rollbook/azure.h"
#include "suite_tools.h"

#define GROUP SUB "/resourceGroups/shop"
#define WIDGET GROUP "/providers/Contoso.Widgets/widgets/"
#define EMPTY                                                                                      \
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"                       \
    "deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\",\"resources\":[]}"

static struct peer peer;
static struct roll_loop *loop;
static struct roll_cloud *cloud;
static struct roll_credential *credential;
static struct roll_arm *arm;
static const struct roll_arm_scope scope = {.kind = ROLL_SCOPE_GROUP,
                                            .subscription = "11111111-1111-1111-1111-111111111111",
                                            .resource_group = "shop"};

static void setup(void)
{
    struct roll_sandbox_options options = {0};

    peer_start(&peer, &options);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    OK(roll_loop_new(&loop));
    OK(roll_cloud_new("sandbox", peer.url, &cloud));
    OK(roll_credential_new(loop, cloud, NULL, NULL, &credential));
    arm = roll_arm_new(loop, cloud, credential);
}

static void teardown(void)
{
    roll_arm_free(arm);
    roll_credential_free(credential);
    roll_cloud_free(cloud);
    roll_loop_free(loop);
    ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
    ck_assert_int_eq(roll_error_live(), 0);
}

struct seen {
    enum roll_arm_outcome outcome;
    char code[64];
    json_t *body; /* owned */
};
static struct seen seen; /* by the last call */

static void on_reply(void *user, const struct roll_arm_reply *reply)
{
    (void)user;
    json_decref(seen.body);
    seen = (struct seen){.outcome = reply->outcome, .body = json_incref(reply->body)};
    g_strlcpy(seen.code, reply->code ? reply->code : "", sizeof seen.code);
}

/* Runs the call that was just made. */
static void answered(enum roll_arm_outcome outcome, const char *code)
{
    OK(roll_loop_run(loop));
    ck_assert_msg(seen.outcome == outcome, "outcome %d, %s", seen.outcome, seen.code);
    ck_assert_str_eq(seen.code, code);
}

static void forget(void)
{
    json_decref(seen.body);
    seen = (struct seen){0};
}

static void deploy(const char *name)
{
    struct roll_arm_deployment deployment = {
        .scope = scope, .name = name, .template_text = EMPTY, .parameters_text = "{}"};

    roll_arm_put(arm, &deployment, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
}

START_TEST(test_azure_sandbox__records_are_seen_exported_and_deleted)
{
    roll_arm_exists(arm, &scope, "one", on_reply, NULL);
    answered(ROLL_ARM_NOT_FOUND, "");
    deploy("one");
    roll_arm_exists(arm, &scope, "one", on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    roll_arm_export(arm, &scope, "one", on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_str_eq(text_of(seen.body, "template.contentVersion"), "1.0.0.0");
    roll_arm_list_state(arm, &scope, "Succeeded", 0, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_uint_eq(json_array_size(json_object_get(seen.body, "value")), 1);
    roll_arm_list_state(arm, &scope, "Failed", 0, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_uint_eq(json_array_size(json_object_get(seen.body, "value")), 0);
    for (int i = 0; i < 2; i++) { /* the second time there is none */
        roll_arm_delete(arm, &scope, "one", on_reply, NULL);
        answered(ROLL_ARM_OK, "");
    }
    roll_arm_get(arm, &scope, "one", on_reply, NULL);
    answered(ROLL_ARM_NOT_FOUND, "DeploymentNotFound");
    forget();
}
END_TEST

START_TEST(test_azure_sandbox__long_lists_come_whole)
{
    for (int i = 0; i < 230; i++) {
        g_autofree char *name = g_strdup_printf("d%d", i);
        deploy(name);
    }
    roll_arm_list(arm, &scope, 0, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_uint_eq(json_array_size(json_object_get(seen.body, "value")), 230);
    ck_assert_str_eq(text_of(seen.body, "value.0.name"), "d229"); /* newest first */
    roll_arm_list(arm, &scope, 7, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_uint_eq(json_array_size(json_object_get(seen.body, "value")), 7);
    forget();
}
END_TEST

START_TEST(test_azure_sandbox__locks_are_listed_and_keep_things)
{
    roll_arm_locks(arm, GROUP, true, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_uint_eq(json_array_size(json_object_get(seen.body, "value")), 0);
    deploy("one");
    expect_only(&peer, 201, "PUT", WIDGET "a" API, "{\"properties\":{}}");
    expect_only(&peer, 201, "PUT",
                GROUP "/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01",
                "{\"properties\":{\"level\":\"CanNotDelete\"}}");
    roll_arm_locks(arm, GROUP, true, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_str_eq(text_of(seen.body, "value.0.name"), "keep");
    ck_assert_str_eq(text_of(seen.body, "value.0.properties.level"), "CanNotDelete");
    roll_arm_delete(arm, &scope, "one", on_reply, NULL);
    answered(ROLL_ARM_REFUSED, "ScopeLocked");
    roll_arm_resource_delete(arm, WIDGET "a", "2022-09-01", 0, on_reply, NULL);
    answered(ROLL_ARM_REFUSED, "ScopeLocked");
    roll_arm_resource_exists(arm, WIDGET "a", "2022-09-01", on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    forget();
}
END_TEST

START_TEST(test_azure_sandbox__resources_go_in_the_order_that_was_found)
{
    static const char *const names[] = {"net", "net/parts/a", "vm"};
    struct roll_arm_deletion items[3];
    const char *needs[] = {WIDGET "net", NULL};

    for (size_t i = 0; i < 3; i++) {
        g_autofree char *path = g_strdup_printf("%s%s%s", WIDGET, names[i], API);
        expect_only(&peer, 201, "PUT", path, "{\"properties\":{}}");
        items[i] =
            (struct roll_arm_deletion){g_strconcat(WIDGET, names[i], NULL), i == 2 ? needs : NULL};
    }
    g_autofree size_t *order = roll_arm_delete_order(items, 3);
    for (size_t i = 0; i < 3; i++) {
        roll_arm_resource_delete(arm, items[order[i]].id, "2022-09-01", 0, on_reply, NULL);
        answered(ROLL_ARM_OK, "");
    }
    ck_assert_uint_eq(order[2], 0);
    for (size_t i = 0; i < 3; i++) {
        roll_arm_resource_exists(arm, items[i].id, "2022-09-01", on_reply, NULL);
        answered(ROLL_ARM_NOT_FOUND, "");
        g_free((char *)(uintptr_t)items[i].id);
    }
    forget();
}
END_TEST

#define WIDGETS SUB "/providers/Contoso.Widgets"

START_TEST(test_azure_sandbox__providers_are_registered_and_tell_versions)
{
    static const char template[] =
        "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"
        "deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\",\"resources\":[{\"type\":"
        "\"Contoso.Widgets/widgets\",\"apiVersion\":\"2021-03-17\",\"name\":\"a\"}]}";
    struct roll_arm_deployment deployment = {
        .scope = scope, .name = "one", .template_text = template, .parameters_text = "{}"};

    expect_only(&peer, 200, "POST", WIDGETS "/unregister" API, NULL);
    roll_arm_put(arm, &deployment, on_reply, NULL);
    answered(ROLL_ARM_REFUSED, "MissingSubscriptionRegistration");
    roll_auto(json) json_t *leaves = roll_arm_error_leaves(seen.body);
    ck_assert_str_eq(text_of(leaves, "0.target"), "Contoso.Widgets");
    roll_arm_validate(arm, &deployment, on_reply, NULL);
    answered(ROLL_ARM_REFUSED, "MissingSubscriptionRegistration");
    roll_arm_provider_register(arm, scope.subscription, "Contoso.Widgets", 20000, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    roll_arm_put(arm, &deployment, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    roll_arm_provider_get(arm, scope.subscription, "Contoso.Widgets", on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_str_eq(text_of(seen.body, "registrationState"), "Registered");
    ck_assert(roll_arm_provider_offers(seen.body, "Contoso.Widgets/widgets", "2021-03-17"));
    ck_assert(roll_arm_provider_offers(seen.body, "Contoso.Widgets/widgets", "2022-09-01"));
    ck_assert(!roll_arm_provider_offers(seen.body, "Contoso.Widgets/widgets", "2021-03-18"));
    expect_only(&peer, 204, "POST",
                "/sandbox/retire?api-version=2022-09-01&type=Contoso.Widgets/widgets&"
                "version=2021-03-17",
                NULL);
    roll_arm_provider_get(arm, scope.subscription, "Contoso.Widgets", on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert(!roll_arm_provider_offers(seen.body, "Contoso.Widgets/widgets", "2021-03-17"));
    forget();
}
END_TEST

/* 800 entries under a lock: ARM trims nothing, and takes no more (REST reference 6.4, 8.3). */
START_TEST(test_azure_sandbox__a_full_history_takes_no_more)
{
    struct roll_arm_deployment deployment = {
        .scope = scope, .name = "one more", .template_text = EMPTY, .parameters_text = "{}"};

    expect_only(&peer, 201, "PUT",
                GROUP "/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01",
                "{\"properties\":{\"level\":\"CanNotDelete\"}}");
    for (int i = 0; i < 800; i++) {
        g_autofree char *name = g_strdup_printf("d%d", i);
        deploy(name);
    }
    deployment.name = "more";
    roll_arm_put(arm, &deployment, on_reply, NULL);
    answered(ROLL_ARM_REFUSED, "DeploymentQuotaExceeded");
    deploy("d7"); /* one that is there may be put again */
    expect_only(&peer, 200, "DELETE",
                GROUP "/providers/Microsoft.Authorization/locks/keep?api-version=2020-05-01", NULL);
    roll_arm_validate(arm, &deployment, on_reply, NULL); /* which trims too, down to 600 */
    answered(ROLL_ARM_OK, "");
    roll_arm_list(arm, &scope, 0, on_reply, NULL);
    answered(ROLL_ARM_OK, "");
    ck_assert_uint_eq(json_array_size(json_object_get(seen.body, "value")), 600);
    forget();
}
END_TEST

int main(void)
{
    Suite *all = suite_create("azure_sandbox");
    TCase *tests = tcase_create("sandbox");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_azure_sandbox__records_are_seen_exported_and_deleted);
    tcase_add_test(tests, test_azure_sandbox__long_lists_come_whole);
    tcase_add_test(tests, test_azure_sandbox__locks_are_listed_and_keep_things);
    tcase_add_test(tests, test_azure_sandbox__resources_go_in_the_order_that_was_found);
    tcase_add_test(tests, test_azure_sandbox__providers_are_registered_and_tell_versions);
    tcase_add_test(tests, test_azure_sandbox__a_full_history_takes_no_more);
    suite_add_tcase(all, tests);
    return run_suite(all);
}
