/* Plans: the example of the design is the contract; every refusal names file, line and column. */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "plan/internal.h"

static char *folder; /* the test's workspace */

#define OK(expression)                                                                             \
    do {                                                                                           \
        struct roll_error *err_ = (expression);                                                    \
        ck_assert_msg(!err_, "%s: %s", #expression, err_ ? err_->message : "");                    \
    } while (0)

static void setup(void)
{
    g_autofree char *made = g_dir_make_tmp("roll-test-plan-XXXXXX", NULL);
    ck_assert_ptr_nonnull(made);
    folder = realpath(made, NULL);
}

static void remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}

static void teardown(void)
{
    remove_tree(folder);
    free(folder);
    ck_assert_int_eq(roll_error_live(), 0);
}

static void put(const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static struct roll_error *read_plan(const char *name, struct roll_plan **ret_plan)
{
    g_autofree char *path = g_build_filename(folder, name, NULL);
    return roll_plan_read(path, ret_plan);
}

/* The whole message that a plan is refused with; "" if it is not. Owned. */
static char *findings(const char *text)
{
    put("plans/shop.json", text);
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(error) struct roll_error *err = read_plan("plans/shop.json", &plan);
    ck_assert((err == NULL) == (plan != NULL));
    ck_assert(!err || err->code == ROLL_E_PLAN);
    return g_strdup(err ? err->message : "");
}

/* A plan around the members of one environment, which begin at line 2, column 1. */
static char *environment_findings(const char *members)
{
    g_autofree char *text = g_strdup_printf("{\"service\":\"shop\",\"source\":{\"template\":\"main."
                                            "json\"},\"environments\":{\"prod\":{\n"
                                            "%s\n}},"
                                            "\"roles\":{\"on-call\":[\"ada@example.com\"]},"
                                            "\"gates\":{\"scan\":{\"sarif\":\"r.sarif\"}}}",
                                            members);
    return findings(text);
}

#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"
#define ONE_TARGET                                                                                 \
    "\"subscription\":\"" SUBSCRIPTION "\",\"targets\":{\"weu\":{\"resourceGroup\":\"g\"}}"
#define SMALLEST                                                                                   \
    "{\n  \"service\": \"shop\",\n  \"source\": { \"template\": \"main.json\" },\n"                \
    "  \"environments\": { \"prod\": { " ONE_TARGET " } }\n}\n"

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

/* ---- what is refused ------------------------------------------------------------------------ */

START_TEST(test_plan__all_findings_come_at_once_in_order)
{
    g_autofree char *found = findings("{\n"
                                      "  \"service\": \"Shop\",\n"
                                      "  \"sources\": { \"template\": \"main.json\" },\n"
                                      "  \"environments\": {\n"
                                      "    \"prod\": { \"target\": {}, \"bake\": \"10m\" },\n"
                                      "  },\n"
                                      "  \"retain\": 0 // none\n"
                                      "}");
    ck_assert_str_eq(
        found,
        "plans/shop.json:1:1: expected the member 'source', which is missing\n"
        "plans/shop.json:2:3: expected a name of at most 20 of a-z, 0-9 and '-' that begins with a "
        "letter or digit, not 'Shop'\n"
        "plans/shop.json:3:3: unknown member 'sources', did you mean 'source'?\n"
        "plans/shop.json:5:5: expected the member 'targets', which is missing\n"
        "plans/shop.json:5:15: unknown member 'target', did you mean 'targets'?\n"
        "plans/shop.json:5:29: expected a duration such as PT10M, PT1H30M or P2D, not '10m'\n"
        "plans/shop.json:7:3: expected at least 1, not 0");
}
END_TEST

START_TEST(test_plan__what_is_no_json_has_a_position_too)
{
    g_autofree char *broken = findings("{\n  \"service\": shop\n}");
    ck_assert_msg(g_str_has_prefix(broken, "plans/shop.json:2:14: "), "%s", broken);
    g_autofree char *twice = findings("{\n  \"service\": \"a\",\n  \"service\": \"b\"\n}");
    ck_assert_msg(g_str_has_prefix(twice, "plans/shop.json:3:3: "), "%s", twice);
    g_autofree char *list = findings("[]");
    ck_assert_str_eq(list, "plans/shop.json:1:1: expected an object { }, not a list");
    g_autofree char *empty = findings("");
    ck_assert_msg(g_str_has_prefix(empty, "plans/shop.json:1:1: "), "%s", empty);
}
END_TEST

START_TEST(test_plan__a_missing_file_is_not_found)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(error) struct roll_error *err = read_plan("plans/none.json", &plan);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
    ck_assert_ptr_null(plan);
    put("plans/folder.json/x", "");
    roll_auto(error) struct roll_error *dir = read_plan("plans/folder.json", &plan);
    ck_assert_int_eq(roll_error_code(dir), ROLL_E_IO);
}
END_TEST

START_TEST(test_plan__names_must_fit_deployment_names)
{
    const struct {
        const char *name;
        bool good;
    } cases[] = {{"a", true},       {"shop-2", true},  {"12345678901234567890", true},
                 {"", false},       {"-shop", false},  {"123456789012345678901", false},
                 {"Shop", false},   {"sh_op", false},  {"a/b", false},
                 {"shop~x", false}, {"shop\\n", false}};
    for (size_t at = 0; at < G_N_ELEMENTS(cases); at++) {
        g_autofree char *service =
            g_strdup_printf("{\"service\":\"%s\",\"source\":{\"template\":\"main.json\"},"
                            "\"environments\":{\"prod\":{" ONE_TARGET "}}}",
                            cases[at].name);
        g_autofree char *environment =
            g_strdup_printf("{\"service\":\"a\",\"source\":{\"template\":\"main.json\"},"
                            "\"environments\":{\"%s\":{" ONE_TARGET "}}}",
                            cases[at].name);
        g_autofree char *first = findings(service);
        g_autofree char *second = findings(environment);
        ck_assert_msg((*first == '\0') == cases[at].good, "'%s': %s", cases[at].name, first);
        ck_assert_msg((*second == '\0') == cases[at].good, "'%s': %s", cases[at].name, second);
    }
}
END_TEST

/* One environment's members, and the findings they give: without file and line 2 where they are
 * alone. */
static const struct {
    const char *members, *finding;
} refused[] = {
    {"^\"targets\":{}", "expected at least 1 member here"},
    {"\"targets\":{^\"weu\":{\"resourceGroup\":\"g\"}}",
     "expected a 'subscription', here or in the environment: the resource group needs one"},
    {"^\"subscription\":\"1111\",\"targets\":{\"weu\":{\"resourceGroup\":\"g\"}}",
     "expected a GUID such as 11111111-1111-1111-1111-111111111111, not '1111'"},
    {"\"subscription\":\"" SUBSCRIPTION "\",\"targets\":{^\"weu\":{}}",
     "expected a 'location': a deployment outside resource groups is recorded in one"},
    {"\"targets\":{^\"weu\":{\"scope\":\"tenant\"}}",
     "expected a 'location': a deployment outside resource groups is recorded in one"},
    {"\"targets\":{\"weu\":{^\"scope\":\"subscription\",\"location\":\"a\"}}",
     "expected 'tenant', not 'subscription'"},
    {"\"targets\":{^\"weu\":{\"managementGroup\":\"a\",\"resourceGroup\":\"b\"}}",
     "expected only one of 'resourceGroup', 'managementGroup' and 'scope'"},
    {"\"targets\":{^\"w eu\":{\"managementGroup\":\"a\",\"location\":\"x\"}}",
     "expected a name of at most 64 letters, digits, '.', '_' and '-' that begins with a letter or "
     "digit, not 'w eu'"},
    {ONE_TARGET ",^\"cloud\":\"http://arm\"",
     "expected public, usgovernment, china, sandbox or an https address, not 'http://arm'"},
    {ONE_TARGET ",\"after\":{^\"environment\":\"staging\"}",
     "environment 'staging' is not among 'environments'"},
    {ONE_TARGET ",\"after\":{^\"environment\":\"prod\"}",
     "environment 'prod' would come after itself"},
    {ONE_TARGET ",\"rings\":[[\"weu\"],[^\"neu\"]]", "target 'neu' is not among 'targets'"},
    {ONE_TARGET ",\"rings\":[[\"weu\"],[^\"weu\"]]", "target 'weu' is in a ring already"},
    {ONE_TARGET ",\"rings\":[[\"weu\"],^{\"percent\":10}]", "all targets are in a ring already"},
    {ONE_TARGET ",\"rings\":[^{\"labels\":{\"tier\":\"canary\"}}]",
     "no target that is not in a ring already has these labels"},
    {ONE_TARGET ",\"rings\":[^[]]", "expected at least 1 element here"},
    {ONE_TARGET ",^\"maxParallel\":1.5", "expected a whole number, not 1.5"},
    {ONE_TARGET ",^\"maxParallel\":0", "expected at least 1, not 0"},
    {ONE_TARGET ",^\"apply\":\"complete\"",
     "expected one of 'deployment', 'stack', not 'complete'"},
    {ONE_TARGET ",\"apply\":\"stack\",^\"deleteUnmanaged\":\"yes\"",
     "expected true or false, not 'yes'"},
    {ONE_TARGET ",\"apply\":\"stack\",\"denySettings\":{^\"mode\":\"deny\"}",
     "expected one of 'none', 'denyDelete', 'denyWriteAndDelete', not 'deny'"},
    {ONE_TARGET ",\"apply\":\"stack\",\"denySettings\":{\"mode\":\"none\",\"excludedActions\":[^"
                "\"write\"]}",
     "expected an action such as Microsoft.Storage/storageAccounts/delete, not 'write'"},
    {"\"apply\":\"stack\",\"targets\":{^\"weu\":{\"scope\":\"tenant\",\"location\":\"a\"}}",
     "a tenant has no stacks: expected \"apply\": \"deployment\""},
    {"\"apply\":\"stack\",\"denySettings\":{\"mode\":\"denyDelete\"},\"targets\":{^\"weu\":{"
     "\"managementGroup\":\"m\",\"location\":\"a\"}}",
     "'denySettings' do not exist at management groups: expected the mode 'none'"},
    {"\"apply\":\"stack\",\"subscription\":\"" SUBSCRIPTION
     "\",\"targets\":{\"weu\":{\"resourceGroup\":\"A\"},^\"neu\":{\"resourceGroup\":\"a\"}}",
     "another target of the same scope has the same stack: expected a 'deploymentName' of its own"},
    {ONE_TARGET ",^\"onFailure\":true", "expected one of 'stop', 'back', not true"},
    {ONE_TARGET ",\"health\":[^{\"within\":\"PT1S\"}]",
     "expected exactly one of 'http', 'command', 'alerts', found none"},
    {ONE_TARGET ",\"health\":[^{\"http\":\"https://x\",\"command\":[\"x\"]}]",
     "expected exactly one of 'http', 'command', 'alerts', found more"},
    {ONE_TARGET ",\"health\":[{\"command\":[\"x\"],^\"expect\":200}]",
     "'expect' needs 'http' beside it"},
    {ONE_TARGET ",\"health\":[{^\"http\":\"https://{stamp}.example\"}]",
     "unknown placeholder '{stamp}', expected one of {service}, {environment}, {target}, "
     "{version}"},
    {ONE_TARGET ",\"health\":[{\"command\":[\"x\",^\"{target\"]}]",
     "expected '}' after '{', or '{{' for a brace; placeholders are {service}, {environment}, "
     "{target}, {version}"},
    {ONE_TARGET ",\"steps\":[{^\"action\":\"swap\",\"apiVersion\":\"2022-09-01\"}]",
     "expected a resource and its action, such as Microsoft.Web/sites/NAME/slotsswap, not 'swap'"},
    {ONE_TARGET ",\"keep\":[\"A.B/c\",^\"A.B/c\"]", "'A.B/c' stands here for the second time"},
    {ONE_TARGET ",\"lanes\":{\"release\":{\"roles\":[^\"ops\"]}}",
     "role 'ops' is not among 'roles'"},
    {ONE_TARGET ",\"lanes\":{\"release\":{\"approvals\":[{^\"role\":\"ops\"}]}}",
     "role 'ops' is not among 'roles'"},
    {ONE_TARGET ",\"lanes\":{\"hotfix\":{\"deferred\":[^\"smoke\"]}}",
     "gate 'smoke' is not among 'gates'"},
    {ONE_TARGET ",\"lanes\":{^\"hot\":{}}", "unknown member 'hot', did you mean 'hotfix'?"},
    {ONE_TARGET ",\"windows\":[{\"name\":\"a\",^\"cron\":\"0 9 * *\",\"for\":\"PT8H\"}]",
     "expected five cron fields: minute, hour, day of month, month, day of week, not '0 9 * *'"},
    {ONE_TARGET ",\"windows\":[{\"name\":\"a\",^\"cron\":\"0 25 * * *\",\"for\":\"PT8H\"}]",
     "'0 25 * * *', column 3 (hour): expected a number from 0 to 23"},
    {ONE_TARGET ",\"windows\":[{\"name\":\"a\",^\"cron\":\"0 0 30 2 *\",\"for\":\"PT8H\"}]",
     "'0 0 30 2 *' never comes: its months have no such day"},
    {ONE_TARGET ",\"windows\":[{\"name\":\"a\",\"cron\":\"0 9 * * *\",^\"for\":\"PT0S\"}]",
     "expected longer than nothing"},
    {ONE_TARGET ",\"windows\":[{\"name\":\"a\",\"cron\":\"0 9 * * *\",\"for\":\"PT8H\",^\"zone\":"
                "\"Europe/Berln\"}]",
     "there is no time zone 'Europe/Berln'"},
    {ONE_TARGET
     ",\"freezes\":[{\"name\":\"a\",\"from\":\"2026-12-20T00:00\",^\"to\":\"2026-12-20T00:00\"}]",
     "expected a time after 'from' (2026-12-20T00:00)"},
    {"\"subscription\":\"" SUBSCRIPTION
     "\",\"targets\":{\"a\":{\"resourceGroup\":\"g\",\"deploymentName\":\"d\"},\"b\":{"
     "\"resourceGroup\":\"G\",^\"deploymentName\":\"D\"}}",
     "another target of the same scope has this deployment name"},
    {"\"subscription\":\"" SUBSCRIPTION
     "\",\"targets\":{\"a\":{\"resourceGroup\":\"g\",\"parameters\":{\"p\":{^\"reference\":{"
     "\"secretName\":\"s\"}}}}}",
     "expected the member 'keyVault', which is missing"},
};

/* Takes the mark out of marked members (owned) and says where it stood in a text that has them from
 * line 2. */
static char *unmark(const char *marked, const char *finding, char **ret_expected)
{
    const char *mark = strchr(marked, '^');
    ck_assert_ptr_nonnull(mark);
    int line = 2;
    const char *start = marked;
    for (const char *at = marked; at < mark; at++)
        if (*at == '\n') {
            line++;
            start = at + 1;
        }
    *ret_expected =
        g_strdup_printf("plans/shop.json:%d:%d: %s", line, (int)(mark - start) + 1, finding);
    return g_strdup_printf("%.*s%s", (int)(mark - marked), marked, mark + 1);
}

START_TEST(test_plan__environment_is_refused_with_its_position)
{
    g_autofree char *expected = NULL;
    g_autofree char *members = unmark(refused[_i].members, refused[_i].finding, &expected);
    g_autofree char *found = environment_findings(members);
    ck_assert_str_eq(found, expected);
}
END_TEST

/* Members beside service and environments, marked in the same way. */
static const struct {
    const char *members, *finding;
} refused_plans[] = {
    {"\"source\":{^\"template\":\"/main.json\"}",
     "expected a relative path with '/' and without '..', not '/main.json'"},
    {"\"source\":{^\"template\":\"a/../../main.json\"}",
     "expected a relative path with '/' and without '..', not 'a/../../main.json'"},
    {"^\"source\":{\"repository\":\".\"}",
     "expected exactly one of 'template', 'templateSpec', found none"},
    {"^\"source\":{\"template\":\"m.json\",\"templateSpec\":\"/subscriptions/s/resourceGroups/g/"
     "providers/Microsoft.Resources/templateSpecs/a/versions/1\"}",
     "expected exactly one of 'template', 'templateSpec', found more"},
    {"\"source\":{^\"templateSpec\":\"/subscriptions/s/resourceGroups/g/providers/"
     "Microsoft.Resources/templateSpecs/a\"}",
     "expected the resource id of a template spec with its version, not '"
     "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resour\xe2\x80\xa6'"},
    {"\"source\":{^\"templateSpec\":\"/subscriptions/s/resourceGroups/g/providers/"
     "Microsoft.Resources/templateSpecs/a/versions/{target}\"}",
     "unknown placeholder '{target}', expected one of {version}"},
    {"\"source\":{^\"template\":\"main.yaml\"}",
     "expected a .json or .bicep file, relative to the repository, not 'main.yaml'"},
    {"\"source\":{^\"template\":\"{target}.json\"}",
     "expected one template for all targets, without placeholders"},
    {"\"source\":{\"template\":\"main.json\",^\"parameters\":\"{region}.json\"}",
     "unknown placeholder '{region}', expected one of {environment}, {target}"},
    {"\"source\":{\"template\":\"m.json\"},\"artifacts\":{\"a\":{\"kind\":\"image\",\"name\":\"x\","
     "\"parameter\":\"p\"},\n\"b\":{\"kind\":\"blob\",\"name\":\"x\",^\"parameter\":\"P\"}}",
     "parameter 'P' takes the artifact 'a' already"},
    {"\"source\":{\"template\":\"m.json\"},\"data\":{\"version\":5,^\"floor\":7}",
     "expected at most the data's version 5, not 7"},
    {"\"source\":{\"template\":\"m.json\"},\"schedule\":[{\"name\":\"a\",^\"environment\":\"qa\","
     "\"cron\":\"0 1 * * *\"}]",
     "environment 'qa' is not among 'environments'"},
    {"\"source\":{\"template\":\"m.json\"},\"schedule\":[{\"name\":\"a\",\"environment\":\"prod\","
     "\"cron\":\"0 1 * * *\",^\"release\":\"latest:qa\"}]",
     "environment 'qa' is not among 'environments'"},
    {"\"source\":{\"template\":\"m.json\"},\"schedule\":[{\"name\":\"a\",\"environment\":\"prod\","
     "^\"cron\":\"0 1 * * FRY\"}]",
     "'0 1 * * FRY', column 9 (day of week): expected a number from 0 to 7 or a name such as MON"},
    {"\"source\":{\"template\":\"m.json\"},\"notify\":[{^\"webhook\":\"https://"
     "hook\",\"on\":[\"failed\"]}]",
     "expected env: and the name of an environment variable, not what stands here (not shown: it "
     "may be a secret)"},
    {"\"source\":{\"template\":\"m.json\"},\"gates\":{\"g\":{\"command\":[\"x\"],^\"failOn\":"
     "\"error\"}}",
     "'failOn' needs 'sarif' beside it"},
    {"\"source\":{\"template\":\"m.json\"},\"needs\":[^\"network\"]",
     "expected SERVICE/ENVIRONMENT, not 'network'"},
    {"\"source\":{\"template\":\"m.json\"},^\"wants\":[\"network/prod\"]",
     "unknown member 'wants', expected one of: $schema, service, source, artifacts, sticky, data, "
     "environments, needs, roles, gates, governance, schedule, notify, drift, retain"},
};

START_TEST(test_plan__plan_is_refused_with_its_position)
{
    g_autofree char *expected = NULL;
    g_autofree char *members =
        unmark(refused_plans[_i].members, refused_plans[_i].finding, &expected);
    g_autofree char *text = g_strdup_printf(
        "{\"service\":\"shop\",\"environments\":{\"prod\":{" ONE_TARGET "}},\n%s}", members);
    g_autofree char *found = findings(text);
    ck_assert_str_eq(found, expected);
}
END_TEST

START_TEST(test_plan__a_circle_of_environments_is_refused)
{
    g_autofree char *found =
        findings("{\"service\":\"shop\",\"source\":{\"template\":\"m.json\"},\"environments\":{\n"
                 "\"a\":{" ONE_TARGET ",\n\"after\":{\"environment\":\"b\"}},\n"
                 "\"b\":{" ONE_TARGET ",\n\"after\":{\"environment\":\"a\"}},\n"
                 "\"c\":{" ONE_TARGET ",\n\"after\":{\"environment\":\"a\"}}}}");
    ck_assert_str_eq(found, "plans/shop.json:3:10: environment 'a' would come after itself\n"
                            "plans/shop.json:5:10: environment 'b' would come after itself");
}
END_TEST

START_TEST(test_plan__findings_are_bounded_and_shown_safely)
{
    g_autoptr(GString) text = g_string_new("{");
    for (int at = 0; at < 500; at++)
        g_string_append_printf(text, "\"x%d\":1,", at);
    g_string_append(text, "}");
    g_autofree char *found = findings(text->str);
    g_auto(GStrv) lines = g_strsplit(found, "\n", -1);
    ck_assert_uint_eq(g_strv_length(lines), 101);
    ck_assert_str_eq(lines[100], "plans/shop.json: and 403 more");
    g_autofree char *hostile = findings("{\"service\":\"\\u001b[31m\\u202e\",\"a\\nb\":1}");
    ck_assert_ptr_null(strchr(hostile, '\x1b'));
    ck_assert_ptr_null(strstr(hostile, "\xe2\x80\xae"));
    ck_assert_ptr_null(strstr(hostile, "a\nb"));
}
END_TEST

/* ---- the schema ----------------------------------------------------------------------------- */

static json_t *schema_value(void)
{
    size_t size;
    const char *text = roll_plan_schema(&size);
    json_t *value = NULL;
    OK(roll_json_parse(text, size, ROLL_JSON_STRICT, &value));
    return value;
}

START_TEST(test_plan__schema_uses_only_keywords_that_the_checker_interprets)
{
    roll_auto(json) json_t *schema = schema_value();
    g_autoptr(GString) unknown = g_string_new(NULL);
    roll_schema_unknown(schema, unknown);
    ck_assert_str_eq(unknown->str, "");
}
END_TEST

START_TEST(test_plan__an_unknown_keyword_format_or_reference_is_found)
{
    const struct {
        const char *schema, *unknown;
    } cases[] = {
        {"{\"properties\":{\"a\":{\"multipleOf\":2}}}", "/properties/a/multipleOf\n"},
        {"{\"items\":{\"format\":\"email\"}}", "/items/format\n"},
        {"{\"oneOf\":[{},{\"type\":\"null\"}]}", "/oneOf/1/type\n"},
        {"{\"$ref\":\"#/$defs/none\"}", "/$ref\n"},
        {"{\"if\":{\"anyOf\":[]},\"then\":{\"not\":{}}}", "/if/anyOf\n/then/not\n"},
        {"{\"properties\":{\"not\":{\"enum\":[1]}}}", ""},
    };
    for (size_t at = 0; at < G_N_ELEMENTS(cases); at++) {
        roll_auto(json) json_t *schema = NULL;
        OK(roll_json_parse(cases[at].schema, strlen(cases[at].schema), ROLL_JSON_STRICT, &schema));
        g_autoptr(GString) unknown = g_string_new(NULL);
        roll_schema_unknown(schema, unknown);
        ck_assert_str_eq(unknown->str, cases[at].unknown);
    }
}
END_TEST

static void collect_keywords(json_t *value, GHashTable *seen)
{
    const char *name;
    size_t at;
    json_t *member;
    json_object_foreach (value, name, member) {
        g_hash_table_add(seen, g_strdup(name));
        collect_keywords(member, seen);
    }
    json_array_foreach (value, at, member) {
        collect_keywords(member, seen);
    }
}

START_TEST(test_plan__checker_interprets_no_keyword_that_the_schema_does_not_use)
{
    roll_auto(json) json_t *schema = schema_value();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    collect_keywords(schema, seen);
    g_autofree const char **keywords = roll_schema_keywords();
    for (const char **keyword = keywords; *keyword; keyword++)
        ck_assert_msg(g_hash_table_contains(seen, *keyword), "%s", *keyword);
}
END_TEST

/* Editors show what is expected by these. */
static void assert_described(json_t *properties, const char *where)
{
    const char *name;
    json_t *rules;
    json_object_foreach (properties, name, rules) {
        bool explained = json_object_get(rules, "description") || json_object_get(rules, "title") ||
                         json_object_get(rules, "$ref") || json_object_get(rules, "enum") ||
                         json_object_get(rules, "items") || json_object_get(rules, "type");
        ck_assert_msg(explained, "%s of %s explains nothing", name, where);
    }
}

START_TEST(test_plan__every_member_is_explained_to_editors)
{
    roll_auto(json) json_t *schema = schema_value();
    assert_described(json_object_get(schema, "properties"), "the plan");
    const char *name;
    json_t *part;
    json_object_foreach (json_object_get(schema, "$defs"), name, part) {
        assert_described(json_object_get(part, "properties"), name);
    }
}
END_TEST

/* ---- patterns ------------------------------------------------------------------------------- */

START_TEST(test_plan__fill_replaces_names)
{
    g_autofree char *text = NULL;
    OK(roll_plan_fill("{a}-{b}/{a}{{x}", &text, "a", "1", "b", "", NULL));
    ck_assert_str_eq(text, "1-/1{x}");
}
END_TEST

START_TEST(test_plan__fill_refuses_what_it_does_not_know)
{
    const char *const patterns[] = {"{c}", "{a", "{}", "{b}", "x{ a}"};
    for (size_t at = 0; at < G_N_ELEMENTS(patterns); at++) {
        char *text = NULL;
        roll_auto(error) struct roll_error *err =
            roll_plan_fill(patterns[at], &text, "a", "1", "b", NULL, NULL);
        ck_assert_msg(roll_error_code(err) == ROLL_E_PLAN, "%s", patterns[at]);
        ck_assert_ptr_null(text);
    }
}
END_TEST

/* ---- workspaces ----------------------------------------------------------------------------- */

static struct roll_workspace *find_workspace(const char *below)
{
    g_autofree char *dir = g_build_filename(folder, below, NULL);
    ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
    struct roll_workspace *workspace = NULL;
    OK(roll_workspace_find(dir, &workspace));
    return workspace;
}

START_TEST(test_plan__workspace_is_found_upwards)
{
    put("plans/shop.json", SMALLEST);
    put("plans/other.json", "{\"services\":1,\"x\":{\"service\":\"y\"}}");
    put("plans/notes.txt", "\"service\":\"x\"");
    put("plans/folder.json/x", "");
    roll_auto(workspace) struct roll_workspace *workspace = find_workspace("infra/modules");
    g_autofree char *state = g_build_filename(folder, "state", NULL);
    g_autofree char *plan = g_build_filename(folder, "plans", "shop.json", NULL);
    ck_assert_str_eq(workspace->root, folder);
    ck_assert_str_eq(workspace->state_dir, state);
    ck_assert_str_eq(workspace->plans[0], plan);
    ck_assert_ptr_null(workspace->plans[1]);
    ck_assert_str_eq(workspace->services[0], "shop");
    ck_assert(!g_file_test(state, G_FILE_TEST_EXISTS));
}
END_TEST

START_TEST(test_plan__examples_and_schema_make_no_workspace)
{
    size_t size;
    put("plans/plan.schema.json", roll_plan_schema(&size));
    put("plans/examples/shop/plans/shop.json", SMALLEST);
    struct roll_workspace *none = NULL;
    roll_auto(error) struct roll_error *err = roll_workspace_find(folder, &none);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
    ck_assert_ptr_null(none);
    put("plans/ledger.json", "{}");
    roll_auto(workspace) struct roll_workspace *workspace = find_workspace("");
    ck_assert_ptr_null(workspace->plans[0]);
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(error) struct roll_error *empty = roll_workspace_plan(workspace, NULL, &plan);
    ck_assert_int_eq(roll_error_code(empty), ROLL_E_NOT_FOUND);
}
END_TEST

START_TEST(test_plan__workspace_of_a_missing_folder_is_not_found)
{
    struct roll_workspace *none = NULL;
    roll_auto(error) struct roll_error *err = roll_workspace_find("/nonexistent/folder", &none);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
}
END_TEST

START_TEST(test_plan__a_glance_finds_the_service)
{
    const struct {
        const char *text, *service;
    } cases[] = {
        {"{\"service\":\"shop\"}", "shop"},
        {"// c \"service\": \"no\"\n{ /* { */ \"a\": {\"service\":\"inner\"}, \"service\" : // x\n "
         "\"shop\"}",
         "shop"},
        {"\xef\xbb\xbf{\"a\":[\"service\"],\"b\":\"}\\\"{\",\"service\":\"shop\"", "shop"},
        {"{\"a\":\"service\",\"b\":{\"service\":\"x\"}}", NULL},
        {"{\"service\":7}", ""},
        {"{\"service\"", NULL},
        {"{\"service\":\"", ""},
        {"{\"service\":\"a\\", "a"},
        {"[\"service\", \"x\"]", NULL},
        {"\"service", NULL},
        {"{/*\"service\":\"x\"", NULL},
        {"", NULL},
    };
    for (size_t at = 0; at < G_N_ELEMENTS(cases); at++) {
        g_autofree char *copy = g_memdup2(cases[at].text, MAX(strlen(cases[at].text), 1));
        g_autofree char *service = roll_plan_scan_service(copy, strlen(cases[at].text));
        ck_assert_msg(g_strcmp0(service, cases[at].service) == 0, "%s: %s", cases[at].text,
                      service ? service : "(none)");
    }
}
END_TEST

static void put_service(const char *file, const char *service, const char *environments)
{
    g_autoptr(GString) text = g_string_new(NULL);
    g_string_printf(text,
                    "{\"service\":\"%s\",\"source\":{\"template\":\"m.json\"},\"environments\":{",
                    service);
    g_auto(GStrv) names = g_strsplit(environments, " ", -1);
    for (char **name = names; *name; name++)
        g_string_append_printf(text, "\"%s\":{" ONE_TARGET "},", *name);
    g_string_append(text, "}}");
    put(file, text->str);
}

static struct roll_error *environment(const char *name, char **ret_found)
{
    roll_auto(workspace) struct roll_workspace *workspace = find_workspace("");
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *found = NULL;
    ROLL_TRY(roll_workspace_environment(workspace, name, &plan, &found));
    *ret_found = g_strdup_printf("%s/%s", plan->service, found->name);
    return NULL;
}

static void assert_environment(const char *name, const char *expected)
{
    g_autofree char *found = NULL;
    OK(environment(name, &found));
    ck_assert_str_eq(found, expected);
}

static void refuse_environment(const char *name, enum roll_code code, const char *words)
{
    g_autofree char *found = NULL;
    roll_auto(error) struct roll_error *err = environment(name, &found);
    ck_assert_int_eq(roll_error_code(err), code);
    ck_assert_msg(strstr(err->message, words), "%s", err->message);
}

START_TEST(test_plan__one_service_needs_no_name)
{
    put_service("plans/shop.json", "shop", "staging prod");
    assert_environment("prod", "shop/prod");
    assert_environment("shop/staging", "shop/staging");
    refuse_environment("prd", ROLL_E_NOT_FOUND,
                       "no environment 'prd' of service 'shop', did you mean 'prod'? there are: "
                       "staging, prod");
    refuse_environment("qqqqqqq", ROLL_E_NOT_FOUND, "; there are: staging, prod");
    refuse_environment("shp/prod", ROLL_E_NOT_FOUND, "did you mean 'shop'?");
    refuse_environment("/prod", ROLL_E_NOT_FOUND, "no service ''");
}
END_TEST

START_TEST(test_plan__several_services_need_a_name_that_is_unique)
{
    put_service("plans/shop.json", "shop", "staging prod");
    put_service("plans/network.json", "network", "prod hub");
    assert_environment("hub", "network/hub");
    assert_environment("staging", "shop/staging");
    assert_environment("network/prod", "network/prod");
    refuse_environment("prod", ROLL_E_NOT_FOUND, "'network/prod' and 'shop/prod'");
    refuse_environment("none", ROLL_E_NOT_FOUND, "network/prod, network/hub, shop/staging");
    roll_auto(workspace) struct roll_workspace *workspace = find_workspace("");
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(error) struct roll_error *err = roll_workspace_plan(workspace, NULL, &plan);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_NOT_FOUND);
    ck_assert_ptr_nonnull(strstr(err->message, "network, shop"));
}
END_TEST

START_TEST(test_plan__a_broken_plan_does_not_stop_the_others)
{
    put_service("plans/shop.json", "shop", "prod");
    put("plans/broken.json", "{\"service\":\"broken\",");
    assert_environment("shop/prod", "shop/prod");
    refuse_environment("prod", ROLL_E_PLAN, "SERVICE/prod");
    refuse_environment("broken/prod", ROLL_E_PLAN, "plans/broken.json:1:");
}
END_TEST

START_TEST(test_plan__two_plans_of_one_service_are_refused)
{
    put_service("plans/a.json", "shop", "prod");
    put_service("plans/b.json", "shop", "prod");
    refuse_environment("shop/prod", ROLL_E_PLAN, "are both plans of service 'shop'");
}
END_TEST

START_TEST(test_plan__a_file_of_targets_elsewhere_is_not_opened)
{
    put("elsewhere.json", "hunter2");
    put("plans/..json", "{\"s1\":{\"resourceGroup\":\"g1\"}}");
    g_autofree char *found = environment_findings(
        "\"subscription\":\"" SUBSCRIPTION "\",\"targets\":{\"file\":\"../elsewhere.json\"}");
    ck_assert_ptr_nonnull(strstr(found, "without '..', not '../elsewhere.json'"));
    ck_assert_msg(!strstr(found, "'h'"), "it quotes the file: %s", found);
    g_autofree char *clean = environment_findings("\"subscription\":\"" SUBSCRIPTION
                                                  "\",\"targets\":{\"file\":\"..json\"}");
    ck_assert_str_eq(clean, "");
}
END_TEST

START_TEST(test_plan__a_fleet_of_ten_thousand_targets_is_read)
{
    g_autoptr(GString) text = g_string_new("{");
    for (int at = 0; at < 10000; at++)
        g_string_append_printf(
            text, "\"s%d\":{\"resourceGroup\":\"g%d\",\"location\":\"westeurope\"},", at, at);
    g_string_append(text, "}");
    put("plans/stamps.json", text->str);
    g_autofree char *found = environment_findings("\"subscription\":\"" SUBSCRIPTION
                                                  "\",\"targets\":{\"file\":\"stamps.json\"}");
    ck_assert_str_eq(found, "");
    roll_auto(plan) struct roll_plan *plan = NULL;
    OK(read_plan("plans/shop.json", &plan));
    const struct roll_plan_environment *prod = plan->environments->pdata[0];
    ck_assert_uint_eq(prod->targets->len, 10000);
    ck_assert_int_eq(roll_plan_ring_count(prod), 1);
    ck_assert_str_eq(roll_plan_target_find(prod, "s9999")->resource_group, "g9999");
}
END_TEST

static TCase *reading_tests(void)
{
    TCase *tests = tcase_create("reading");
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
    tcase_add_test(tests, test_plan__a_file_of_targets_elsewhere_is_not_opened);
    tcase_add_test(tests, test_plan__a_fleet_of_ten_thousand_targets_is_read);
    return tests;
}

static TCase *refusing_tests(void)
{
    TCase *tests = tcase_create("refusing");
    tcase_add_test(tests, test_plan__all_findings_come_at_once_in_order);
    tcase_add_test(tests, test_plan__what_is_no_json_has_a_position_too);
    tcase_add_test(tests, test_plan__a_missing_file_is_not_found);
    tcase_add_test(tests, test_plan__names_must_fit_deployment_names);
    tcase_add_loop_test(tests, test_plan__environment_is_refused_with_its_position, 0,
                        G_N_ELEMENTS(refused));
    tcase_add_loop_test(tests, test_plan__plan_is_refused_with_its_position, 0,
                        G_N_ELEMENTS(refused_plans));
    tcase_add_test(tests, test_plan__a_circle_of_environments_is_refused);
    tcase_add_test(tests, test_plan__findings_are_bounded_and_shown_safely);
    return tests;
}

static TCase *schema_tests(void)
{
    TCase *tests = tcase_create("schema");
    tcase_add_test(tests, test_plan__schema_uses_only_keywords_that_the_checker_interprets);
    tcase_add_test(tests, test_plan__an_unknown_keyword_format_or_reference_is_found);
    tcase_add_test(tests, test_plan__checker_interprets_no_keyword_that_the_schema_does_not_use);
    tcase_add_test(tests, test_plan__every_member_is_explained_to_editors);
    tcase_add_test(tests, test_plan__fill_replaces_names);
    tcase_add_test(tests, test_plan__fill_refuses_what_it_does_not_know);
    return tests;
}

static TCase *workspace_tests(void)
{
    TCase *tests = tcase_create("workspace");
    tcase_add_test(tests, test_plan__workspace_is_found_upwards);
    tcase_add_test(tests, test_plan__examples_and_schema_make_no_workspace);
    tcase_add_test(tests, test_plan__workspace_of_a_missing_folder_is_not_found);
    tcase_add_test(tests, test_plan__a_glance_finds_the_service);
    tcase_add_test(tests, test_plan__one_service_needs_no_name);
    tcase_add_test(tests, test_plan__several_services_need_a_name_that_is_unique);
    tcase_add_test(tests, test_plan__a_broken_plan_does_not_stop_the_others);
    tcase_add_test(tests, test_plan__two_plans_of_one_service_are_refused);
    return tests;
}

int main(void)
{
    TCase *cases[] = {reading_tests(), refusing_tests(), schema_tests(), workspace_tests()};
    Suite *suite = suite_create("plan");
    for (size_t at = 0; at < G_N_ELEMENTS(cases); at++) {
        tcase_add_checked_fixture(cases[at], setup, teardown);
        suite_add_tcase(suite, cases[at]);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
