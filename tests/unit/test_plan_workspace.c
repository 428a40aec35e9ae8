/* A workspace is found, and environments in it. */
#include "plan_tools.h"
#include "suite_tools.h"

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

static struct roll_error *count_row(void *user, const struct roll_outline *row)
{
    int *count = user;
    *count += row->environment != NULL;
    return NULL;
}

/* status asks with each of its environments: a plan that changes meanwhile must not be read again,
 * and one that could not be read must be. */
START_TEST(test_plan__what_a_workspace_outlines_is_read_once)
{
    int count = 0;
    put("plans/shop.json", SMALLEST);
    put("plans/zoo.json", "{\"service\":\"zoo\",");
    roll_auto(workspace) struct roll_workspace *workspace = find_workspace("infra");
    roll_auto(error) struct roll_error *err = roll_workspace_outline(workspace, count_row, &count);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_PLAN);
    ck_assert_int_eq(count, 1);
    put("plans/shop.json", "{");
    put("plans/zoo.json",
        "{\"service\":\"zoo\",\"environments\":{\"prod\":{\"needs\":[\"shop/prod\"]}}}");
    OK(roll_workspace_outline(workspace, count_row, &count));
    ck_assert_int_eq(count, 3);
    g_autoptr(GPtrArray) names = roll_workspace_needed_by(workspace, "shop/prod");
    ck_assert_int_eq(names->len, 1);
    put("plans/zoo.json", "{");
    g_autoptr(GPtrArray) again = roll_workspace_needed_by(workspace, "shop/prod");
    ck_assert_int_eq(again->len, 1);
    ck_assert_str_eq(again->pdata[0], "zoo/prod");
}
END_TEST

/* Large files are looked at in pieces of 64 KB: the word may lie across their border. */
START_TEST(test_plan__a_large_plan_is_found_wherever_its_service_stands)
{
    for (size_t padding = 65536 - 14; padding <= 65536 + 2; padding++) {
        g_autofree char *blank = g_strnfill(padding, ' ');
        g_autofree char *text = g_strdup_printf("{%s%s", blank, strchr(SMALLEST, '\n'));
        g_autofree char *none = g_strdup_printf("{%s\"servicf\":\"shop\"}", blank);
        put("plans/shop.json", text);
        put("plans/stamps.json", none);
        roll_auto(workspace) struct roll_workspace *workspace = find_workspace("infra");
        ck_assert_str_eq(workspace->services[0], "shop");
        ck_assert_ptr_null(workspace->services[1]);
    }
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

int main(void)
{
    Suite *suite = suite_create("plan_workspace");
    TCase *tests = tcase_create("plan_workspace");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_plan__workspace_is_found_upwards);
    tcase_add_test(tests, test_plan__what_a_workspace_outlines_is_read_once);
    tcase_add_test(tests, test_plan__a_large_plan_is_found_wherever_its_service_stands);
    tcase_add_test(tests, test_plan__examples_and_schema_make_no_workspace);
    tcase_add_test(tests, test_plan__workspace_of_a_missing_folder_is_not_found);
    tcase_add_test(tests, test_plan__a_glance_finds_the_service);
    tcase_add_test(tests, test_plan__one_service_needs_no_name);
    tcase_add_test(tests, test_plan__several_services_need_a_name_that_is_unique);
    tcase_add_test(tests, test_plan__a_broken_plan_does_not_stop_the_others);
    tcase_add_test(tests, test_plan__two_plans_of_one_service_are_refused);
    tcase_add_test(tests, test_plan__a_file_of_targets_elsewhere_is_not_opened);
    tcase_add_test(tests, test_plan__a_fleet_of_ten_thousand_targets_is_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
