/* Plans are refused, each finding with its position. */
#include "plan_tools.h"
#include "suite_tools.h"

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

int main(void)
{
    Suite *suite = suite_create("plan_refused");
    TCase *tests = tcase_create("plan_refused");

    tcase_add_checked_fixture(tests, setup, teardown);
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
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
