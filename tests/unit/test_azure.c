/* Clouds, scopes, ids and error bodies: what needs no server. */
#include "azure_call_tools.h"
#include "suite_tools.h"

/* ---- clouds and scopes ---- */

START_TEST(test_azure__clouds_by_name)
{
    static const struct {
        const char *name, *arm, *login;
    } rows[] = {
        {NULL, "https://management.azure.com", "https://login.microsoftonline.com"},
        {"public", "https://management.azure.com", "https://login.microsoftonline.com"},
        {"usgovernment", "https://management.usgovcloudapi.net",
         "https://login.microsoftonline.us"},
        {"china", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"},
        {"https://arm.local.stack/", "https://arm.local.stack", NULL},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        roll_auto(cloud) struct roll_cloud *cloud = NULL;
        ok(roll_cloud_new(rows[i].name, NULL, &cloud));
        ck_assert_str_eq(cloud->arm, rows[i].arm);
        ck_assert_pstr_eq(cloud->login, rows[i].login);
        ck_assert(!cloud->sandbox);
    }
}
END_TEST

START_TEST(test_azure__odd_clouds_are_refused)
{
    static const char *const names[][2] = {{"Public", NULL},
                                           {"http://arm.example", NULL},
                                           {"sandbox", NULL},
                                           {"sandbox", "http://192.0.2.1:80"}};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        struct roll_cloud *cloud = NULL;
        roll_auto(error) struct roll_error *err = roll_cloud_new(names[i][0], names[i][1], &cloud);
        ck_assert_int_eq(roll_error_code(err), ROLL_E_INVALID);
        ck_assert_ptr_null(cloud);
    }
}
END_TEST

START_TEST(test_azure__scope_paths)
{
    struct roll_arm_scope subscription = {.kind = ROLL_SCOPE_SUBSCRIPTION, .subscription = "s/1"};
    struct roll_arm_scope management = {.kind = ROLL_SCOPE_MANAGEMENT_GROUP,
                                        .management_group = "mg 1"};
    struct roll_arm_scope tenant = {.kind = ROLL_SCOPE_TENANT};
    g_autofree char *a = roll_arm_scope_path(&group), *b = roll_arm_scope_path(&subscription),
                    *c = roll_arm_scope_path(&management), *d = roll_arm_scope_path(&tenant);

    ck_assert_str_eq(a, GROUP);
    ck_assert_str_eq(b, "/subscriptions/s%2F1");
    ck_assert_str_eq(c, "/providers/Microsoft.Management/managementGroups/mg%201");
    ck_assert_str_eq(d, "");
}
END_TEST

START_TEST(test_azure__deployment_ids_are_read_at_all_scopes)
{
    static const struct {
        const char *id;
        int kind; /* -1: none */
    } rows[] = {
        {DEPLOYMENT, ROLL_SCOPE_GROUP},
        {"/SUBSCRIPTIONS/s/resourcegroups/g/PROVIDERS/microsoft.resources/Deployments/n",
         ROLL_SCOPE_GROUP},
        {"/subscriptions/s/providers/Microsoft.Resources/deployments/n", ROLL_SCOPE_SUBSCRIPTION},
        {"/providers/Microsoft.Management/managementGroups/m/providers/Microsoft.Resources/"
         "deployments/n",
         ROLL_SCOPE_MANAGEMENT_GROUP},
        {"/providers/Microsoft.Resources/deployments/n", ROLL_SCOPE_TENANT},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.Web/sites/n", -1},
        {"/subscriptions/s/resourceGroups/g/x/providers/Microsoft.Resources/deployments/n", -1},
        {"/providers/Microsoft.Resources/deployments/", -1},
        {"deployments", -1},
        {"", -1},
    };

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        struct deployment_id id;
        bool read = deployment_id_parse(rows[i].id, &id);
        ck_assert_msg(read == (rows[i].kind >= 0), "%s", rows[i].id);
        if (read)
            ck_assert_int_eq((int)id.scope.kind, rows[i].kind);
        deployment_id_clear(&id);
    }
}
END_TEST

START_TEST(test_azure__only_three_states_are_final)
{
    ck_assert(roll_arm_state_is_final("Succeeded"));
    ck_assert(roll_arm_state_is_final("failed"));
    ck_assert(roll_arm_state_is_final("CANCELED"));
    ck_assert(!roll_arm_state_is_final("Running"));
    ck_assert(!roll_arm_state_is_final("Deleted"));
    ck_assert(!roll_arm_state_is_final("SomethingNew"));
    ck_assert(!roll_arm_state_is_final(""));
    ck_assert(!roll_arm_state_is_final(NULL));
}
END_TEST

/* ---- errors ---- */

static const struct {
    const char *body, *code, *message;
} leaves[] = {
    {"{\"error\":{\"code\":\"ResourceGroupNotFound\",\"message\":\"gone\"}}",
     "ResourceGroupNotFound", "gone"},
    {"{\"code\":\"BadRequest\",\"message\":\"too old\"}", "BadRequest", "too old"},
    {"{\"Code\":\"X\",\"Message\":\"web\",\"Details\":[{\"Message\":\"web\"},{\"Code\":\"SiteX\"},"
     "{\"ErrorEntity\":{\"Code\":\"SiteY\",\"Message\":\"why\"}}],\"Innererror\":null}",
     "SiteX", NULL},
    {"{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: no\"}", "invalid_client",
     "AADSTS7000215: no"},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\",\"details\":[{\"code\":"
     "\"Conflict\",\"message\":"
     "\"{\\r\\n  \\\"status\\\": \\\"Failed\\\",\\r\\n  \\\"error\\\": {\\\"code\\\": "
     "\\\"ResourceDeploymentFailure\\\","
     "\\\"message\\\":\\\"x\\\",\\\"details\\\":[{\\\"code\\\":\\\"SkuNotAvailable\\\","
     "\\\"message\\\":\\\"no such size\\\"}]}}\"}]}}",
     "SkuNotAvailable", "no such size"},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\",\"details\":[{\"code\":"
     "\"Conflict\",\"message\":\"busy\"},"
     "{\"code\":\"QuotaExceeded\",\"message\":\"full\"}]}}",
     "QuotaExceeded", "full"},
    {"{\"error\":{\"code\":\"DeploymentFailed\",\"message\":\"m\",\"details\":[]}}",
     "DeploymentFailed", "m"},
    {"{\"error\":{\"code\":\"A\",\"message\":\"m\",\"details\":\"some text\"}}", "A", "m"},
    {"{\"error\":{\"code\":\"A\",\"message\":\"{ not json\"}}", "A", "{ not json"},
    {"{\"status\":\"Failed\",\"error\":{\"code\":\"A\",\"message\":\"m\",\"innererror\":{\"code\":"
     "\"B\",\"message\":\"n\"}}}",
     "B", "n"},
    {"{\"properties\":{\"error\":{\"code\":\"A\",\"message\":\"m\"}}}", "A", "m"},
    {"{\"properties\":{\"statusMessage\":{\"error\":{\"code\":\"A\",\"message\":\"m\"}}}}", "A",
     "m"},
    {"{\"error\":{\"code\":1,\"message\":[]}}", NULL, NULL},
    {"{\"error\":null}", NULL, NULL},
    {"[]", NULL, NULL},
    {"\"text\"", NULL, NULL},
    {"{}", NULL, NULL},
};

START_TEST(test_azure__the_innermost_error_is_found)
{
    roll_auto(json) json_t *body = NULL;
    g_autofree char *code = NULL, *message = NULL;

    ok(roll_json_parse(leaves[_i].body, strlen(leaves[_i].body), ROLL_JSON_STRICT, &body));
    roll_arm_error_leaf(body, &code, &message);
    ck_assert_pstr_eq(code, leaves[_i].code);
    ck_assert_pstr_eq(message, leaves[_i].message);
}
END_TEST

/* Errors in errors without end, each as text of the one around it or nested in it: bounded, and not
 * lost. */
START_TEST(test_azure__error_bombs_are_bounded)
{
    roll_auto(json) json_t *nested = json_pack("{s:s,s:s}", "code", "Inner", "message", "m");
    roll_auto(json) json_t *wide = json_array();
    g_autofree char *code = NULL, *message = NULL;

    for (int i = 0; i < 90; i++)
        nested = json_pack("{s:s,s:s,s:[o]}", "code", "Outer", "message", "o", "details", nested);
    roll_arm_error_leaf(nested, &code, &message);
    ck_assert_str_eq(code, "Outer");
    g_clear_pointer(&code, g_free);
    g_clear_pointer(&message, g_free);

    g_autofree char *long_text = g_strnfill(100000, 'x');
    for (int i = 0; i < 1000; i++)
        json_array_append_new(wide, json_pack("{s:s}", "message", "{\"code\":\"Conflict\"}"));
    json_array_append_new(wide, json_pack("{s:s,s:s}", "code", "Last", "message", long_text));
    roll_arm_error_leaf(wide, &code, &message);
    ck_assert_str_eq(code, "Last");
    ck_assert_uint_le(strlen(message), 4100);
}
END_TEST

START_TEST(test_azure__known_codes_have_advice)
{
    ck_assert_ptr_nonnull(roll_arm_advice("AuthorizationFailed"));
    ck_assert_ptr_nonnull(roll_arm_advice("resourcegroupnotfound"));
    ck_assert_ptr_null(roll_arm_advice("NoSuchCode"));
    ck_assert_ptr_null(roll_arm_advice(NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("azure");
    TCase *tests = tcase_create("azure");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_azure__clouds_by_name);
    tcase_add_test(tests, test_azure__odd_clouds_are_refused);
    tcase_add_test(tests, test_azure__scope_paths);
    tcase_add_test(tests, test_azure__deployment_ids_are_read_at_all_scopes);
    tcase_add_test(tests, test_azure__only_three_states_are_final);
    tcase_add_loop_test(tests, test_azure__the_innermost_error_is_found, 0, G_N_ELEMENTS(leaves));
    tcase_add_test(tests, test_azure__error_bombs_are_bounded);
    tcase_add_test(tests, test_azure__known_codes_have_advice);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
