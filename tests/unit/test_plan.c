/* Plans are read: the examples, defaults, targets. */
#include "plan_tools.h"
#include "suite_tools.h"

/* ---- what is read --------------------------------------------------------------------------- */

static struct roll_plan *read_example(void)
{
    g_autofree char *text = NULL;
    ck_assert(
        g_file_get_contents(ROLL_SOURCE_DIR "/tests/data/plan/example.json", &text, NULL, NULL));
    put("plans/shop.json", text);
    struct roll_plan *plan = NULL;
    OK(read_plan("plans/shop.json", &plan));
    return plan;
}

START_TEST(test_plan__example_of_the_design_is_read)
{
    roll_auto(plan) struct roll_plan *plan = read_example();
    g_autofree char *path = g_build_filename(folder, "plans", "shop.json", NULL);
    ck_assert_str_eq(plan->service, "shop");
    ck_assert_str_eq(plan->path, path);
    ck_assert_str_eq(plan->repository, folder);
    ck_assert_str_eq(plan->template_path, "infra/main.json");
    ck_assert_str_eq(plan->parameters_path, "infra/{environment}.parameters.json");
    ck_assert_uint_eq(plan->artifacts->len, 2);
    const struct roll_plan_artifact *web = plan->artifacts->pdata[0];
    ck_assert_str_eq(web->name, "web");
    ck_assert_str_eq(web->kind, "image");
    ck_assert_str_eq(web->reference, "contoso.azurecr.io/shop/web");
    ck_assert_str_eq(web->tag, "{version}");
    ck_assert_str_eq(web->parameter, "webImage");
    const struct roll_plan_artifact *api = plan->artifacts->pdata[1];
    ck_assert_ptr_null(api->tag);
    ck_assert_str_eq(plan->sticky[0], "capacity");
    ck_assert_ptr_null(plan->sticky[1]);
    ck_assert_int_eq(plan->data_version, 7);
    ck_assert_int_eq(plan->data_floor, 5);
    ck_assert_int_eq(plan->retain, 10);
    ck_assert_uint_eq(plan->environments->len, 2);
    ck_assert_ptr_nonnull(json_object_get(plan->value, "schedule"));
    ck_assert(
        g_str_has_prefix(plan->text, "{\"$schema\":\"./plan.schema.json\",\"service\":\"shop\","));
}
END_TEST

START_TEST(test_plan__example_environment_has_targets_rings_and_limits)
{
    roll_auto(plan) struct roll_plan *plan = read_example();
    const struct roll_plan_environment *prod = roll_plan_environment_find(plan, "prod");
    ck_assert_ptr_null(roll_plan_environment_find(plan, "pro"));
    ck_assert_str_eq(prod->cloud, "sandbox");
    ck_assert_str_eq(prod->after, "staging");
    ck_assert_int_eq(prod->after_bake_ms, 0);
    const struct roll_plan_target *weu = roll_plan_target_find(prod, "weu");
    ck_assert_ptr_eq(weu, prod->targets->pdata[0]);
    ck_assert_int_eq(weu->scope, ROLL_SCOPE_GROUP);
    ck_assert_str_eq(weu->resource_group, "shop-weu");
    ck_assert_str_eq(weu->cloud, "sandbox");
    ck_assert_str_eq(weu->tenant, "44444444-4444-4444-4444-444444444444");
    ck_assert_str_eq(weu->subscription, SUBSCRIPTION);
    ck_assert_str_eq(weu->location, "westeurope");
    ck_assert_str_eq(weu->apply, "deployment");
    ck_assert_str_eq(roll_json_get_string(weu->parameters, "region"), "weu");
    ck_assert_ptr_null(weu->deployment_name);
    ck_assert_ptr_null(roll_plan_target_find(prod, "eus"));
    ck_assert_int_eq(roll_plan_ring(prod, "weu"), 0);
    ck_assert_int_eq(roll_plan_ring(prod, "neu"), 1);
    ck_assert_int_eq(roll_plan_ring_count(prod), 2);
    ck_assert_int_eq(prod->bake_ms, 600000);
    ck_assert_int_eq(prod->hotfix_bake_ms, 0);
    ck_assert_int_eq(prod->max_parallel, 50);
    ck_assert_int_eq(prod->max_failures, 0);
    ck_assert(!prod->back_on_failure);
    ck_assert_int_eq(prod->resume_within_ms, 3600000);
    ck_assert_str_eq(prod->keep[0], "Microsoft.Network/dnsZones");
    ck_assert_str_eq(prod->prune[0], "Contoso.Widgets/*");
    ck_assert_uint_eq(json_array_size(prod->windows), 1);
    ck_assert_uint_eq(json_array_size(prod->freezes), 1);
}
END_TEST

START_TEST(test_plan__example_environment_has_steps_health_and_lanes)
{
    roll_auto(plan) struct roll_plan *plan = read_example();
    const struct roll_plan_environment *prod = roll_plan_environment_find(plan, "prod");
    const struct roll_plan_step *step = prod->steps->pdata[0];
    ck_assert_str_eq(step->action, "Microsoft.Web/sites/web-{target}/slotsswap");
    ck_assert_str_eq(step->api_version, "2022-09-01");
    ck_assert_str_eq(roll_json_get_string(step->body, "targetSlot"), "staging");
    ck_assert(!step->skip_on_back);
    ck_assert_uint_eq(prod->health->len, 2);
    const struct roll_plan_health *http = prod->health->pdata[0];
    ck_assert_int_eq(http->kind, ROLL_HEALTH_HTTP);
    ck_assert_str_eq(http->url, "https://{target}.shop.example/health");
    ck_assert_int_eq(http->expect, 200);
    ck_assert_int_eq(http->within_ms, 300000);
    ck_assert_int_eq(http->every_ms, 5000);
    const struct roll_plan_health *alerts = prod->health->pdata[1];
    ck_assert_int_eq(alerts->kind, ROLL_HEALTH_ALERTS);
    ck_assert_str_eq(alerts->severities[1], "Sev1");
    ck_assert(prod->has_lanes);
    const struct roll_plan_lane *release = &prod->lanes[ROLL_LANE_RELEASE];
    ck_assert(release->declared);
    ck_assert_str_eq(release->roles[0], "release-manager");
    ck_assert_uint_eq(json_array_size(release->approvals), 2);
    ck_assert_str_eq(release->gates[1], "smoke");
    ck_assert_str_eq(release->overrides[0], "window");
    const struct roll_plan_lane *hotfix = &prod->lanes[ROLL_LANE_HOTFIX];
    ck_assert_str_eq(hotfix->deferred[0], "scan");
    ck_assert_int_eq(hotfix->due_ms, 172800000);
    ck_assert_int_eq(release->due_ms, 172800000); /* the default */
    ck_assert_ptr_null(prod->lanes[ROLL_LANE_ROLLBACK].approvals);
    const struct roll_plan_environment *staging = roll_plan_environment_find(plan, "staging");
    ck_assert(!staging->has_lanes);
    ck_assert(!staging->lanes[ROLL_LANE_RELEASE].declared);
    ck_assert_ptr_nonnull(staging->lanes[ROLL_LANE_RELEASE].roles);
    ck_assert_ptr_null(staging->after);
    ck_assert_int_eq(roll_plan_ring_count(staging), 1);
}
END_TEST

START_TEST(test_plan__smallest_plan_has_defaults)
{
    put("plans/shop.json", SMALLEST);
    roll_auto(plan) struct roll_plan *plan = NULL;
    OK(read_plan("plans/shop.json", &plan));
    ck_assert_ptr_null(plan->parameters_path);
    ck_assert_ptr_null(plan->sticky[0]);
    ck_assert_int_eq(plan->data_version, 0);
    ck_assert_int_eq(plan->retain, 10);
    const struct roll_plan_environment *prod = plan->environments->pdata[0];
    ck_assert_str_eq(prod->cloud, "public");
    ck_assert_int_eq(prod->max_parallel, 50);
    ck_assert_ptr_nonnull(prod->keep);
    const struct roll_plan_target *weu = prod->targets->pdata[0];
    ck_assert_str_eq(weu->cloud, "public");
    ck_assert_str_eq(weu->apply, "deployment");
    ck_assert_ptr_null(weu->location);
}
END_TEST

START_TEST(test_plan__targets_have_scopes_and_inherit)
{
    put("plans/shop.json",
        "{\"service\":\"shop\",\"source\":{\"template\":\"main.json\"},\"environments\":{\"prod\":{"
        "\"subscription\":\"" SUBSCRIPTION
        "\",\"credential\":\"cli\",\"apply\":\"stack\",\"targets\":{"
        "\"g\":{\"resourceGroup\":\"a\",\"apply\":\"deployment\",\"deploymentName\":\"fixed\"},"
        "\"s\":{\"location\":\"westeurope\",\"subscription\":\"22222222-2222-2222-2222-"
        "222222222222\"},"
        "\"m\":{\"managementGroup\":\"corp\",\"location\":\"westeurope\",\"cloud\":\"china\"},"
        "\"t\":{\"scope\":\"tenant\",\"location\":\"westeurope\",\"credential\":\"environment\","
        "\"apply\":\"deployment\"}},"
        "\"rings\":[[\"t\"]]}}}");
    roll_auto(plan) struct roll_plan *plan = NULL;
    OK(read_plan("plans/shop.json", &plan));
    const struct roll_plan_environment *prod = plan->environments->pdata[0];
    const struct roll_plan_target *const *targets =
        (const struct roll_plan_target *const *)prod->targets->pdata;
    ck_assert_int_eq(targets[0]->scope, ROLL_SCOPE_GROUP);
    ck_assert_int_eq(targets[1]->scope, ROLL_SCOPE_SUBSCRIPTION);
    ck_assert_int_eq(targets[2]->scope, ROLL_SCOPE_MANAGEMENT_GROUP);
    ck_assert_int_eq(targets[3]->scope, ROLL_SCOPE_TENANT);
    ck_assert_str_eq(targets[0]->apply, "deployment");
    ck_assert_str_eq(targets[0]->deployment_name, "fixed");
    ck_assert_str_eq(targets[1]->apply, "stack");
    ck_assert_str_eq(targets[1]->subscription, "22222222-2222-2222-2222-222222222222");
    ck_assert_str_eq(targets[2]->cloud, "china");
    ck_assert_str_eq(targets[2]->credential, "cli");
    ck_assert_str_eq(targets[3]->credential, "environment");
    ck_assert_int_eq(roll_plan_ring(prod, "t"), 0); /* what no ring names comes last */
    ck_assert_int_eq(roll_plan_ring(prod, "g"), 1);
    ck_assert_int_eq(roll_plan_ring_count(prod), 2);
}
END_TEST

START_TEST(test_plan__stacks_say_what_leaves_them_and_what_is_denied)
{
    put("plans/shop.json",
        "{\"service\":\"shop\",\"source\":{\"template\":\"main.json\"},\"environments\":{\"prod\":{"
        "\"subscription\":\"" SUBSCRIPTION "\",\"apply\":\"stack\",\"deleteUnmanaged\":true,"
        "\"denySettings\":{\"mode\":\"denyDelete\",\"excludedPrincipals\":[\"" SUBSCRIPTION
        "\"],\"excludedActions\":[\"Microsoft.Storage/*/write\"],\"applyToChildScopes\":true},"
        "\"targets\":{\"a\":{\"resourceGroup\":\"a\"},"
        "\"b\":{\"resourceGroup\":\"b\",\"deleteUnmanaged\":false,\"denySettings\":{\"mode\":"
        "\"none\"}},"
        "\"c\":{\"resourceGroup\":\"a\",\"deploymentName\":\"other\"}}}}}");
    roll_auto(plan) struct roll_plan *plan = NULL;
    OK(read_plan("plans/shop.json", &plan));
    const struct roll_plan_environment *prod = plan->environments->pdata[0];
    const struct roll_plan_target *a = prod->targets->pdata[0], *b = prod->targets->pdata[1];
    ck_assert(a->delete_unmanaged);
    ck_assert_str_eq(roll_json_get_string(a->deny_settings, "mode"), "denyDelete");
    ck_assert(!b->delete_unmanaged);
    ck_assert_str_eq(roll_json_get_string(b->deny_settings, "mode"), "none");
}
END_TEST

START_TEST(test_plan__targets_may_stand_in_a_file)
{
    put("plans/stamps/all.json",
        "{ // the fleet\n\"s1\":{\"resourceGroup\":\"g1\"},\"s2\":{\"resourceGroup\":\"g2\"},}");
    g_autofree char *clean =
        environment_findings("\"subscription\":\"" SUBSCRIPTION
                             "\",\"targets\":{\"file\":\"stamps/all.json\"},\"rings\":[[\"s2\"]]");
    ck_assert_str_eq(clean, "");
    roll_auto(plan) struct roll_plan *plan = NULL;
    OK(read_plan("plans/shop.json", &plan));
    const struct roll_plan_environment *prod = plan->environments->pdata[0];
    ck_assert_uint_eq(prod->targets->len, 2);
    ck_assert_str_eq(roll_plan_target_find(prod, "s2")->resource_group, "g2");
    ck_assert_int_eq(roll_plan_ring(prod, "s2"), 0);
}
END_TEST

START_TEST(test_plan__findings_in_a_file_of_targets_name_that_file)
{
    put("plans/stamps.json", "{\"s1\":{\n\"resourceGroup\":7},\"s2\":{}}");
    g_autofree char *found =
        environment_findings("\"targets\":{\"file\":\"stamps.json\"},\n\"rings\":[[\"s3\"]]");
    ck_assert_str_eq(
        found, "plans/shop.json:3:11: target 's3' is not among 'targets'\n"
               "plans/stamps.json:1:2: expected a 'subscription', here or in the environment: the "
               "resource "
               "group needs one\n"
               "plans/stamps.json:2:1: expected a text in quotes, not 7\n"
               "plans/stamps.json:2:20: expected a scope: 'resourceGroup', 'managementGroup', "
               "'subscription' or \"scope\": \"tenant\"");
    g_autofree char *absent = environment_findings("\"targets\":{\"file\":\"none.json\"}");
    ck_assert_str_eq(absent, "plans/shop.json:2:12: expected a file with targets: 'none.json' does "
                             "not exist");
    put("plans/broken.json", "{\n  nonsense");
    g_autofree char *broken = environment_findings("\"targets\":{\"file\":\"broken.json\"}");
    ck_assert_msg(strstr(broken, "environment 'prod'"), "%s", broken);
}
END_TEST

START_TEST(test_plan__a_target_may_be_called_file)
{
    g_autofree char *found = environment_findings(
        "\"subscription\":\"" SUBSCRIPTION "\",\"targets\":{\"file\":{\"resourceGroup\":\"g\"}}");
    ck_assert_str_eq(found, "");
}
END_TEST

/* The files that an example's plan names must be there: it is copied as it lies. */
static void assert_example(const char *name)
{
    g_autofree char *root = g_build_filename(ROLL_SOURCE_DIR, "plans", "examples", name, NULL);
    g_autofree char *below = g_build_filename(root, "infra", NULL);
    roll_auto(workspace) struct roll_workspace *workspace = NULL;
    roll_auto(plan) struct roll_plan *plan = NULL;
    OK(roll_workspace_find(below, &workspace));
    OK(roll_workspace_plan(workspace, name, &plan));
    ck_assert_str_eq(plan->repository, workspace->root);
    g_autofree char *tmpl = g_build_filename(root, plan->template_path, NULL);
    ck_assert_msg(g_file_test(tmpl, G_FILE_TEST_IS_REGULAR), "%s", tmpl);
    for (guint at = 0; at < plan->environments->len; at++) {
        const struct roll_plan_environment *environment = plan->environments->pdata[at];
        g_autofree char *file = NULL;
        OK(roll_plan_fill(plan->parameters_path, &file, "environment", environment->name, NULL));
        g_autofree char *path = g_build_filename(root, file, NULL);
        ck_assert_msg(g_file_test(path, G_FILE_TEST_IS_REGULAR), "%s", path);
    }
}

START_TEST(test_plan__worked_examples_are_workspaces)
{
    assert_example("shop");
    assert_example("platform");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tests = tcase_create("plan");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_plan__example_of_the_design_is_read);
    tcase_add_test(tests, test_plan__example_environment_has_targets_rings_and_limits);
    tcase_add_test(tests, test_plan__example_environment_has_steps_health_and_lanes);
    tcase_add_test(tests, test_plan__smallest_plan_has_defaults);
    tcase_add_test(tests, test_plan__targets_have_scopes_and_inherit);
    tcase_add_test(tests, test_plan__stacks_say_what_leaves_them_and_what_is_denied);
    tcase_add_test(tests, test_plan__targets_may_stand_in_a_file);
    tcase_add_test(tests, test_plan__findings_in_a_file_of_targets_name_that_file);
    tcase_add_test(tests, test_plan__a_target_may_be_called_file);
    tcase_add_test(tests, test_plan__worked_examples_are_workspaces);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
