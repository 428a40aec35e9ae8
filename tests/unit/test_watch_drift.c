/* Drift, the pure part: from a what-if to differences, what a baseline takes away, what is not
 * kept, and who it was. */
#include "ledger_tools.h"
#include "rollbook/time.h"
#include "watch/log.h"

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

START_TEST(test_drift__names_of_secrets)
{
    static const char *const secrets[] = {"API_KEY",
                                          "properties.API_KEY",
                                          "pwd",
                                          "db-pwd",
                                          "DB_PASS",
                                          "sas",
                                          "blobSasUrl",
                                          "SASUri",
                                          "token",
                                          "connection-string",
                                          "Connection String",
                                          "ConnectionStrings:Main",
                                          "key1",
                                          "masterKey",
                                          "hostkeys",
                                          "properties.administratorLoginPassword.value",
                                          "GITHUB_PAT",
                                          "jwt",
                                          "customData",
                                          "properties.secrets.0.value",
                                          "properties.credentials.user",
                                          NULL};
    static const char *const harmless[] = {
        "properties.size",
        "keyVaultUri",
        "secretName",
        "sshPublicKey",
        "partitionKey",
        "path",
        "kansas",
        "properties.osProfile.linuxConfiguration.disablePasswordAuthentication",
        "passiveMode",
        "properties.keySize",
        NULL};

    for (int i = 0; secrets[i]; i++)
        ck_assert_msg(watch_name_is_secret(secrets[i]), "%s is shown", secrets[i]);
    for (int i = 0; harmless[i]; i++)
        ck_assert_msg(!watch_name_is_secret(harmless[i]), "%s is hidden", harmless[i]);
}
END_TEST

#define SETTINGS(value)                                                                            \
    "{\"properties\":{\"siteConfig\":{\"appSettings\":[{\"name\":\"SIZE\",\"value\":\"b\"},{"      \
    "\"name\":"                                                                                    \
    "\"API_KEY\",\"value\":\"" value "\"}]}}}"
#define DELTA(index, value)                                                                        \
    "{\"path\":\"properties.siteConfig.appSettings\",\"propertyChangeType\":\"Array\","            \
    "\"children\":[{"                                                                              \
    "\"path\":\"" index "\",\"propertyChangeType\":\"Modify\",\"children\":[{\"path\":\"value\","  \
    "\"propertyChangeType\":\"Modify\",\"before\":\"" value "\",\"after\":\"x\"}]}]}"

START_TEST(test_drift__pairs_of_name_and_value)
{
    is_text("settings",
            "[{\"name\":\"API_KEY\",\"value\":\"v\"},{\"name\":\"SIZE\",\"value\":\"1\"}]",
            "[{\"name\":\"API_KEY\",\"value\":\"(hidden)\"},{\"name\":\"SIZE\",\"value\":\"1\"}]");
    is_text("env", "{\"key\":\"DB_PWD\",\"Value\":\"v\"}",
            "{\"key\":\"DB_PWD\",\"Value\":\"(hidden)\"}");
    /* What a what-if tells of one element: its name stands beside it, or nowhere. */
    are_differences("{\"resourceId\":\"/a\",\"changeType\":\"Modify\",\"before\":" SETTINGS(
                        "v") ",\"after\":" SETTINGS("x") ",\"delta\":[" DELTA("1", "v") "]}",
                    "/a changed properties.siteConfig.appSettings.1.value \"(hidden)\" "
                    "\"(hidden)\";");
    are_differences("{\"resourceId\":\"/a\",\"changeType\":\"Modify\",\"before\":" SETTINGS(
                        "v") ",\"after\":" SETTINGS("v") ",\"delta\":[" DELTA("0", "b") "]}",
                    "/a changed properties.siteConfig.appSettings.0.value \"b\" \"x\";");
    are_differences(
        "{\"resourceId\":\"/a\",\"changeType\":\"Modify\",\"delta\":[" DELTA("1", "v") "]}",
        "/a changed properties.siteConfig.appSettings.1.value \"(hidden)\" "
        "\"(hidden)\";");
    /* What holds secrets under harmless names. */
    are_differences(
        "{\"resourceId\":\"/v/x/secrets/s\",\"changeType\":\"Modify\",\"delta\":[{\"path\":"
        "\"properties.value\",\"propertyChangeType\":\"Modify\",\"before\":\"v\","
        "\"after\":\"x\"}]}",
        "/v/x/secrets/s changed properties.value \"(hidden)\" \"(hidden)\";");
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
           "portal", NULL, NULL);
}
END_TEST

/* A policy looks at what somebody writes, and has their correlation id: that does not make it its
 * act. What it changed on the way is said; its own deployments have another caller. */
START_TEST(test_drift__a_policy_beside_somebodys_write_is_told_beside)
{
    static const char write[] =
        EVENT(PORTAL, "alice@contoso.com", "Microsoft.Web/sites/write", SITE);
    static const char together[] =
        "[" EVENT(PORTAL, "alice@contoso.com", "Microsoft.Authorization/policies/modify/action",
                  SITE) "," EVENT("9", "policy", "Microsoft.Resources/deployments/write",
                                  DEPLOYMENT "PolicyDeployment_17") "]";
    roll_auto(json) json_t *one = read_json(write), *all = read_json(together);
    roll_auto(json) json_t *who = watch_who(one, all);

    ck_assert_str_eq(roll_json_get_string(who, "tool"), "portal");
    ck_assert_str_eq(roll_json_get_string(who, "policy"), "modify");
    ck_assert_ptr_null(json_object_get(who, "deployment"));
}
END_TEST

/* ---- which events explain a difference ------------------------------------------------------ */

/* An event of correlation C at minute M of 2026-01-01. */
#define AT(correlation, minute, operation, id)                                                     \
    "{\"caller\":\"" correlation "\",\"correlationId\":\"" correlation "\","                       \
    "\"operationId\":\"o" correlation "\",\"eventTimestamp\":\"2026-01-01T00:" minute              \
    ":00Z\",\"resourceId\":\"" id "\",\"operationName\":{\"value\":\"" operation                   \
    "\"},\"status\":{\"value\":\"Succeeded\"}}"
#define WEB "Microsoft.Web/sites/write"

static int64_t minute(int minutes)
{
    int64_t at = 0;

    ck_assert_ptr_null(roll_time_parse("2026-01-01T00:00:00Z", &at));
    return at + (int64_t)minutes * 60000;
}

/* Correlation ids of what explains it, newest first; "own" is the rollout's. */
static void explained_between(int from, int to, const char *events, const char *resource,
                              const char *change, const char *path, const char *expected)
{
    g_autofree char *list = g_strdup_printf("[%s]", events);
    roll_auto(json) json_t *all = read_json(list);
    roll_auto(json) json_t *difference =
        json_pack("{s:s,s:s,s:s*}", "resource", resource, "change", change, "path", path);
    const struct watch_span span = {minute(from), minute(to)};
    g_autoptr(GHashTable) own = g_hash_table_new(g_str_hash, g_str_equal);
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *event;

    g_hash_table_add(own, (gpointer)(uintptr_t) "own");
    roll_auto(json) json_t *causes = watch_causes(all, difference, &span, own);
    json_array_foreach (causes, index, event)
        g_string_append_printf(text, "%s;", roll_json_get_string(event, "correlationId"));
    ck_assert_str_eq(text->str, expected);
}

static void explained(const char *events, const char *change, const char *path,
                      const char *expected)
{
    explained_between(0, 59, events, SITE, change, path, expected);
}

START_TEST(test_drift__only_what_changes_something_is_a_cause)
{
    explained(AT("a", "01", "Microsoft.Web/sites/restart/action", SITE), "changed", "p", "");
    explained(AT("a", "01", "Microsoft.Web/sites/listKeys/action", SITE), "changed", "p", "");
    explained(AT("a", "01", "Microsoft.Authorization/policies/audit/action", SITE), "changed", "p",
              "");
    explained(AT("a", "01", "Microsoft.Web/sites/slots/slotsswap/action", SITE), "changed", "p",
              "a;");
    explained(AT("a", "01", WEB, SITE) "," AT("b", "02", WEB, SITE), "changed", "p", "b;a;");
    explained(AT("a", "01", WEB, SITE "2"), "changed", "p", "");
    /* accepted, and failed afterwards */
    explained(AT("a", "01", WEB, SITE) ",{\"operationId\":\"oa\",\"status\":\"Failed\"}", "changed",
              "p", "");
}
END_TEST

START_TEST(test_drift__children_and_extensions)
{
    explained(AT("a", "01", "Microsoft.Web/sites/config/write", SITE "/config/web"), "changed",
              "properties.siteConfig.appSettings", "a;");
    explained(AT("a", "01", "Microsoft.Web/sites/config/write", SITE "/config/web"), "changed",
              "properties.capacity", "");
    explained(AT("a", "01", "Microsoft.Authorization/locks/write",
                 SITE "/providers/Microsoft.Authorization/locks/l"),
              "changed", "properties.locks", "");
    explained(AT("a", "01", "Microsoft.Resources/tags/write",
                 SITE "/providers/Microsoft.Resources/tags/default"),
              "changed", "tags.owner", "a;");
    /* What a parent was put with may have changed the child, unless somebody wrote the child. */
    explained_between(0, 59, AT("a", "01", WEB, SITE), SITE "/slots/s", "changed", "p", "a;");
    explained_between(0, 59,
                      AT("a", "02", WEB, SITE) "," AT("b", "01", "Microsoft.Web/sites/slots/write",
                                                      SITE "/slots/s"),
                      SITE "/slots/s", "changed", "p", "b;");
    explained_between(0, 59, AT("a", "01", WEB, SITE),
                      SITE "/providers/Microsoft.Authorization/locks/l", "changed", "p", "");
}
END_TEST

START_TEST(test_drift__what_is_gone_was_deleted_or_moved_or_lay_in_what_was)
{
    static const char group[] = "/subscriptions/s/resourceGroups/g";

    explained(AT("a", "01", "Microsoft.Web/sites/delete", SITE) "," AT("b", "02", WEB, SITE),
              "deleted", NULL, "a;");
    explained(AT("a", "01", "Microsoft.Resources/subscriptions/resourceGroups/delete",
                 "/subscriptions/s/resourceGroups/g"),
              "deleted", NULL, "a;");
    explained(AT("a", "01", "Microsoft.Resources/subscriptions/resourceGroups/moveResources/action",
                 "/subscriptions/s/resourceGroups/g"),
              "deleted", NULL, "a;");
    explained_between(0, 59, AT("a", "01", "Microsoft.Web/sites/delete", SITE), group, "deleted",
                      NULL, "");
}
END_TEST

/* A look that did not find it, the rollout's own write, and the look that did: it lies between. */
START_TEST(test_drift__a_cause_lies_between_the_looks_and_after_our_own_write)
{
    static const char three[] =
        AT("a", "01", WEB, SITE) "," AT("b", "20", WEB, SITE) "," AT("c", "40", WEB, SITE);

    explained_between(10, 30, three, SITE, "changed", "p", "b;");
    explained(AT("a", "01", WEB, SITE) "," AT("own", "10", WEB, SITE), "changed", "p", "");
    explained(AT("own", "10", WEB, SITE) "," AT("a", "11", WEB, SITE), "changed", "p", "a;");
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
    tcase_add_test(tcase, test_drift__a_policy_beside_somebodys_write_is_told_beside);
    tcase_add_test(tcase, test_drift__only_what_changes_something_is_a_cause);
    tcase_add_test(tcase, test_drift__children_and_extensions);
    tcase_add_test(tcase, test_drift__what_is_gone_was_deleted_or_moved_or_lay_in_what_was);
    tcase_add_test(tcase, test_drift__a_cause_lies_between_the_looks_and_after_our_own_write);
    tcase_add_test(tcase, test_drift__names_of_secrets);
    tcase_add_test(tcase, test_drift__pairs_of_name_and_value);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
