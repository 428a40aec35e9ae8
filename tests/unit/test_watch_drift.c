/* Drift, the pure part: from a what-if to differences, what a baseline takes away, what is not
 * kept, and who it was. */
#include "ledger_tools.h"
#include "watch/drift.h"

static json_t *read_json(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    ck_assert_msg(value != NULL, "no JSON: %s", text);
    return value;
}

/* Differences as "RESOURCE CHANGE PATH IS WANTED;", then what could not be evaluated as "RESOURCE ?
 * PATH;". */
static char *differences_of(const char *what_if)
{
    roll_auto(json) json_t *body = read_json(what_if);
    roll_auto(json) json_t *differences = json_array(), *unevaluated = json_array();
    GString *text = g_string_new(NULL);
    size_t index;
    json_t *item;

    watch_differences(body, differences, unevaluated);
    json_array_foreach (differences, index, item)
        g_string_append_printf(
            text, "%s %s %s %s %s;", roll_json_get_string(item, "resource"),
            roll_json_get_string(item, "change"),
            json_object_get(item, "path") ? roll_json_get_string(item, "path") : "-",
            json_object_get(item, "is") ? roll_json_get_string(item, "is") : "-",
            json_object_get(item, "wanted") ? roll_json_get_string(item, "wanted") : "-");
    json_array_foreach (unevaluated, index, item)
        g_string_append_printf(text, "%s ? %s;", roll_json_get_string(item, "resource"),
                               json_object_get(item, "path") ? roll_json_get_string(item, "path")
                                                             : "-");
    return g_string_free(text, FALSE);
}

static void are_differences(const char *changes, const char *expected)
{
    g_autofree char *body = g_strdup_printf("{\"changes\":[%s]}", changes);
    g_autofree char *text = differences_of(body);

    ck_assert_str_eq(text, expected);
}

START_TEST(test_drift__what_is_as_it_was_is_no_difference)
{
    are_differences("{\"resourceId\":\"/a\",\"changeType\":\"NoChange\",\"delta\":[]},"
                    "{\"resourceId\":\"/b\",\"changeType\":\"Ignore\"},"
                    "{\"resourceId\":\"/c\",\"changeType\":\"Modify\",\"delta\":[{\"path\":\"p\","
                    "\"propertyChangeType\":\"NoEffect\",\"before\":1,\"after\":2}]}",
                    "");
}
END_TEST

START_TEST(test_drift__a_resource_that_is_gone_and_properties)
{
    are_differences("{\"resourceId\":\"/b\",\"changeType\":\"Modify\",\"delta\":["
                    "{\"path\":\"p\",\"propertyChangeType\":\"Modify\",\"before\":1,\"after\":2},"
                    "{\"path\":\"q\",\"propertyChangeType\":\"Delete\",\"before\":\"x\",\"after\":"
                    "null},{\"path\":\"r\",\"propertyChangeType\":\"Create\",\"after\":[]}]},"
                    "{\"resourceId\":\"/a\",\"changeType\":\"Create\",\"after\":{}}",
                    "/a deleted - - -;/b changed p 1 2;/b changed q \"x\" -;/b changed r - [];");
}
END_TEST

START_TEST(test_drift__arrays_are_told_by_their_elements)
{
    are_differences(
        "{\"resourceId\":\"/a\",\"changeType\":\"Modify\",\"delta\":[{\"path\":\"rules\","
        "\"propertyChangeType\":\"Array\",\"children\":[{\"path\":\"1\",\"propertyChangeType\":"
        "\"Modify\",\"children\":[{\"path\":\"port\",\"propertyChangeType\":\"Modify\",\"before\":"
        "80,\"after\":443}]}]}]}",
        "/a changed rules.1.port 80 443;");
}
END_TEST

START_TEST(test_drift__what_cannot_be_evaluated_is_kept_apart)
{
    are_differences(
        "{\"resourceId\":\"/a\",\"changeType\":\"Modify\",\"delta\":["
        "{\"path\":\"p\",\"propertyChangeType\":\"Modify\",\"before\":\"x\",\"after\":"
        "\"[parameters('secureValue')]\"},{\"path\":\"q\",\"propertyChangeType\":\"Modify\","
        "\"before\":\"x\",\"after\":\"[[literal]\"}]},"
        "{\"resourceId\":\"/b\",\"changeType\":\"Unsupported\",\"unsupportedReason\":\"no id\"},"
        "{\"resourceId\":\"/c\",\"changeType\":\"Deploy\"}",
        "/a changed q \"x\" \"[[literal]\";/a ? p;/b ? -;/c ? -;");
}
END_TEST

START_TEST(test_drift__a_baseline_takes_away_what_it_has_and_nothing_else)
{
    roll_auto(json) json_t *known = read_json(
        "[{\"resource\":\"/A\",\"change\":\"changed\",\"path\":\"p\",\"is\":\"1\",\"wanted\":"
        "\"2\"}]");
    roll_auto(json) json_t *now = read_json(
        "[{\"resource\":\"/a\",\"change\":\"changed\",\"path\":\"p\",\"is\":\"1\",\"wanted\":"
        "\"2\",\"by\":{}},{\"resource\":\"/a\",\"change\":\"changed\",\"path\":\"p\",\"is\":\"3\","
        "\"wanted\":\"2\"}]");
    size_t left = 0;
    roll_auto(json) json_t *rest = watch_subtract(now, known, &left);

    ck_assert_uint_eq(left, 1);
    ck_assert_uint_eq(json_array_size(rest), 1);
    ck_assert_str_eq(roll_json_get_string(json_array_get(rest, 0), "is"), "3");
}
END_TEST

/* Who did it is known later than what was done: that is no other finding. Another rollout's is. */
START_TEST(test_drift__a_finding_is_what_differs_from_which_rollout)
{
    roll_auto(json) json_t *bare = read_json("[{\"resource\":\"/a\",\"change\":\"deleted\"}]");
    roll_auto(json) json_t *known =
        read_json("[{\"resource\":\"/a\",\"change\":\"deleted\",\"by\":{\"who\":\"alice\"}}]");
    char a[ROLL_HEX_SIZE], b[ROLL_HEX_SIZE], c[ROLL_HEX_SIZE];

    watch_finding(1, bare, a);
    watch_finding(1, known, b);
    watch_finding(2, bare, c);
    ck_assert_str_eq(a, b);
    ck_assert_str_ne(a, c);
}
END_TEST

/* ---- what is not kept ------------------------------------------------------------------------ */

static void is_text(const char *name, const char *value, const char *expected)
{
    roll_auto(json) json_t *json = json_loads(value, JSON_DECODE_ANY, NULL);
    g_autofree char *text = watch_text_of(name, json);

    ck_assert_str_eq(text, expected);
}

START_TEST(test_drift__secrets_are_not_kept)
{
    is_text("properties.size", "\"B1\"", "\"B1\"");
    is_text("properties.adminPassword", "\"hunter2\"", "\"(hidden)\"");
    is_text("properties", "{\"clientSecret\":\"x\",\"n\":1}",
            "{\"clientSecret\":\"(hidden)\",\"n\":1}");
    is_text("properties.secretName", "\"db\"", "\"db\"");
    is_text(
        "setting",
        "\"DefaultEndpointsProtocol=https;AccountName=a;AccountKey="
        "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmn=="
        ";EndpointSuffix=core.windows.net\"",
        "(hidden)");
}
END_TEST

START_TEST(test_drift__a_long_value_is_told_by_its_digest)
{
    g_autofree char *fill = g_strnfill(500, 'x');
    roll_auto(json) json_t *a = json_sprintf("%s1", fill), *b = json_sprintf("%s2", fill);
    g_autofree char *left = watch_text_of("p", a), *right = watch_text_of("p", b);

    ck_assert_uint_lt(strlen(left), 250);
    ck_assert_str_ne(left, right);
}
END_TEST

/* ---- who ------------------------------------------------------------------------------------- */

#define EVENT(app, who, operation, id)                                                             \
    "{\"caller\":\"" who "\",\"claims\":{\"appid\":\"" app "\"},\"correlationId\":\"c\","          \
    "\"eventTimestamp\":\"2026-01-01T00:00:00Z\",\"resourceId\":\"" id "\",\"operationName\":"     \
    "{\"value\":\"" operation "\"}}"
#define PORTAL "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
#define CLI "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
#define SITE "/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/x"
#define DEPLOYMENT "/subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/"

static void is_who(const char *event, const char *together, const char *tool, const char *client,
                   const char *deployment)
{
    roll_auto(json) json_t *one = read_json(event), *all = read_json(together);
    roll_auto(json) json_t *who = watch_who(one, all);

    ck_assert_str_eq(roll_json_get_string(who, "who"), "alice@contoso.com");
    ck_assert_str_eq(roll_json_get_string(who, "tool"), tool);
    ck_assert_pstr_eq(roll_json_get_string(who, "client"), client);
    ck_assert_pstr_eq(roll_json_get_string(who, "deployment"), deployment);
}

START_TEST(test_drift__the_tool_is_told_by_application_and_correlation)
{
    static const char direct[] =
        EVENT(PORTAL, "alice@contoso.com", "Microsoft.Web/sites/write", SITE);
    static const char by_cli[] = EVENT(CLI, "alice@contoso.com", "Microsoft.Web/sites/write", SITE);

    is_who(direct, "[]", "portal", NULL, NULL);
    is_who(EVENT("7", "alice@contoso.com", "Microsoft.Web/sites/write", SITE), "[]",
           "application 7", NULL, NULL);
    is_who(by_cli,
           "[" EVENT(CLI, "alice@contoso.com", "Microsoft.Resources/deployments/write",
                     DEPLOYMENT "web") "]",
           "deployment", "Azure CLI", "web");
    is_who(by_cli,
           "[" EVENT(CLI, "alice@contoso.com", "Microsoft.Resources/deployments/write",
                     DEPLOYMENT "PolicyDeployment_17") "]",
           "policy", "Azure CLI", "PolicyDeployment_17");
    is_who(direct,
           "[" EVENT(PORTAL, "alice@contoso.com", "Microsoft.Authorization/policies/modify/action",
                     SITE) "]",
           "policy", NULL, NULL);
    is_who(direct,
           "[" EVENT(PORTAL, "alice@contoso.com", "Microsoft.Authorization/policies/audit/action",
                     SITE) "]",
           "portal", NULL, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch: drift");
    TCase *tcase = tcase_create("drift");

    tcase_add_test(tcase, test_drift__what_is_as_it_was_is_no_difference);
    tcase_add_test(tcase, test_drift__a_resource_that_is_gone_and_properties);
    tcase_add_test(tcase, test_drift__arrays_are_told_by_their_elements);
    tcase_add_test(tcase, test_drift__what_cannot_be_evaluated_is_kept_apart);
    tcase_add_test(tcase, test_drift__a_baseline_takes_away_what_it_has_and_nothing_else);
    tcase_add_test(tcase, test_drift__a_finding_is_what_differs_from_which_rollout);
    tcase_add_test(tcase, test_drift__secrets_are_not_kept);
    tcase_add_test(tcase, test_drift__a_long_value_is_told_by_its_digest);
    tcase_add_test(tcase, test_drift__the_tool_is_told_by_application_and_correlation);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
