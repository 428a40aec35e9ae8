/* What the sandbox refuses before or instead of doing it, with the codes that ARM has for it, and
 * what it says it knows: an empty list is no answer for what is not built. */
#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourcegroups/shop"
#define DEPLOYMENT GROUP "/providers/Microsoft.Resources/deployments/"
#define WIDGETS GROUP "/providers/Contoso.Widgets/widgets/"
#define ACCOUNT GROUP "/providers/Microsoft.Storage/storageAccounts/account1"
#define SCHEMA                                                                                     \
    "\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"                        \
    "deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\""
#define BODY_IN(mode, resources)                                                                   \
    "{\"properties\":{\"mode\":\"" mode "\",\"template\":{" SCHEMA ",\"resources\":[" resources    \
    "]}}}"
#define BODY(resources) BODY_IN("Incremental", resources)
#define RESOURCE(type, version, name, location)                                                    \
    "{\"type\":\"" type "\",\"apiVersion\":\"" version "\",\"name\":\"" name                       \
    "\",\"location\":\"" location "\"}"
#define WIDGET(name, location) RESOURCE("Contoso.Widgets/widgets", "2022-09-01", name, location)
#define NESTED_IN(group)                                                                           \
    "{\"type\":\"Microsoft.Resources/deployments\",\"apiVersion\":\"2022-09-01\",\"name\":"        \
    "\"inner\",\"resourceGroup\":\"" group                                                         \
    "\",\"properties\":{\"mode\":\"Incremental\",\"template\":{" SCHEMA                            \
    ",\"resources\":[" WIDGET("one", "westeurope") "]}}}"

static struct peer peer;

static void setup(void)
{
    struct roll_sandbox_options options = {0};
    peer_start(&peer, &options);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
}

static void teardown(void)
{
    if (peer.pid > 0)
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
}

static bool lists(const json_t *list, const char *member, const char *text)
{
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)(uintptr_t)list, index, entry) {
        const char *own = roll_json_get_string(entry, member);
        if (own && strcmp(own, text) == 0)
            return true;
    }
    return false;
}

/* ---- nested deployments ---- */

START_TEST(test_sandbox_refusals__nested_deployment_into_a_missing_group)
{
    static const char subscription[] =
        "{\"location\":\"westeurope\",\"properties\":{\"mode\":\"Incremental\",\"template\":{"
        "\"$schema\":\"https://schema.management.azure.com/schemas/2018-05-01/"
        "subscriptionDeploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\",\"resources\":["
        "{\"type\":\"Microsoft.Resources/resourceGroups\",\"apiVersion\":\"2022-09-01\",\"name\":"
        "\"made\",\"location\":\"westeurope\"},{\"type\":\"Microsoft.Resources/deployments\","
        "\"apiVersion\":\"2022-09-01\",\"name\":\"inner\",\"resourceGroup\":\"made\",\"dependsOn\":"
        "[\"made\"],\"properties\":{\"mode\":\"Incremental\",\"template\":{" SCHEMA
        ",\"resources\":[]}}}]}}}";
    struct answer answer =
        expect(&peer, 404, "POST", DEPLOYMENT "d1/validate" API, BODY(NESTED_IN("missing")));
    ck_assert_str_eq(text_of(answer.json, "error.code"), "ResourceGroupNotFound");
    ck_assert_str_eq(text_of(answer.json, "error.message"),
                     "Resource group 'missing' could not be found.");
    answer_clear(&answer);
    expect_only(&peer, 200, "POST", DEPLOYMENT "d1/validate" API, BODY(NESTED_IN("shop")));
    /* A group that the template makes is there in time. */
    expect_only(&peer, 200, "POST",
                SUB "/providers/Microsoft.Resources/deployments/d1/validate" API, subscription);
}
END_TEST

/* ---- providers, locations, and what is not built ---- */

START_TEST(test_sandbox_refusals__lists_providers_and_locations)
{
    static const char *const paths[] = {SUB "/providers" API, "/providers" API};
    expect_only(&peer, 201, "PUT", WIDGETS "one" API, "{\"location\":\"westeurope\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        struct answer answer = expect(&peer, 200, "GET", paths[i], NULL);
        json_t *list = at(answer.json, "value");
        ck_assert(lists(list, "namespace", "Microsoft.Storage"));
        ck_assert(lists(list, "namespace", "Microsoft.Resources"));
        ck_assert_int_eq(lists(list, "namespace", "Contoso.Widgets"), i == 0);
        ck_assert_int_eq(lists(list, "registrationState", "Registered"), i == 0);
        answer_clear(&answer);
    }
    expect_only(&peer, 200, "POST", SUB "/providers/Microsoft.Sql/unregister" API, "");
    struct answer answer = expect(&peer, 200, "GET", SUB "/providers" API, NULL);
    ck_assert(lists(at(answer.json, "value"), "registrationState", "NotRegistered"));
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", SUB "/locations" API, NULL);
    ck_assert(lists(at(answer.json, "value"), "displayName", "West Europe"));
    ck_assert_str_eq(text_of(answer.json, "value.0.id"), SUB "/locations/westeurope");
    ck_assert_str_eq(text_of(answer.json, "value.0.metadata.regionType"), "Physical");
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox_refusals__no_empty_list_of_what_is_not_built)
{
    static const char *const paths[] = {
        SUB "/tagNames" API,
        WIDGETS "one/providers/Microsoft.Resources/changes" API,
        WIDGETS "one/providers/Microsoft.Resources/changes/1" API,
        WIDGETS "one/providers/Microsoft.Insights/metrics" API,
        SUB "/providers/Microsoft.Consumption/budgets" API,
        GROUP "/providers/Microsoft.PolicyInsights/policyStates" API,
        GROUP "/providers/Microsoft.Resources/snapshots" API,
    };
    expect_only(&peer, 201, "PUT", WIDGETS "one" API, "{\"location\":\"westeurope\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++)
        expect_error(&peer, 501, "NotImplemented", "GET", paths[i], NULL);
    expect_only(&peer, 200, "GET", GROUP "/providers/Microsoft.Storage/storageAccounts" API, NULL);
    expect_only(&peer, 200, "GET", GROUP "/providers/Microsoft.Resources/templateSpecs" API, NULL);
    expect_only(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets" API, NULL);
    expect_only(&peer, 200, "GET", GROUP "/providers/Microsoft.Authorization/locks" API, NULL);
}
END_TEST

/* ---- versions and places of resources ---- */

START_TEST(test_sandbox_refusals__versions_that_a_known_type_does_not_have)
{
    static const char *const bad[] = {"2031-01-01", "1999-01-01", "2022-13-01", "2022-02-30"};
    static const char *const good[] = {"2022-09-01", "2023-12-15-preview"};
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf(ACCOUNT "?api-version=%s", bad[i]);
        g_autofree char *body = g_strdup_printf(
            BODY(RESOURCE("Microsoft.Storage/storageAccounts", "%s", "account1", "westeurope")),
            bad[i]);
        expect_error(&peer, 400, "NoRegisteredProviderFound", "PUT", path,
                     "{\"location\":\"westeurope\"}");
        expect_error(&peer, 400, "NoRegisteredProviderFound", "GET", path, NULL);
        if (i < 2) /* what is no date at all is the template's own fault */
            expect_error(&peer, 400, "NoRegisteredProviderFound", "PUT", DEPLOYMENT "d1" API, body);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(good); i++) {
        g_autofree char *path = g_strdup_printf(ACCOUNT "?api-version=%s", good[i]);
        expect_only(&peer, i == 0 ? 201 : 200, "PUT", path, "{\"location\":\"westeurope\"}");
    }
    expect_only(&peer, 201, "PUT", WIDGETS "one?api-version=2031-01-01",
                "{\"location\":\"westeurope\"}");
    expect_only(&peer, 204, "POST",
                "/sandbox/retire" API "&type=Microsoft.Storage/storageAccounts&version=2022-09-01",
                "{}");
    expect_error(&peer, 400, "NoRegisteredProviderFound", "GET", ACCOUNT API, NULL);
    expect_error(&peer, 400, "NoRegisteredProviderFound", "PUT", ACCOUNT API,
                 "{\"location\":\"westeurope\"}");
}
END_TEST

START_TEST(test_sandbox_refusals__another_location_of_a_resource)
{
    expect_only(&peer, 201, "PUT", WIDGETS "one" API, "{\"location\":\"westeurope\"}");
    expect_error(&peer, 409, "InvalidResourceLocation", "PUT", WIDGETS "one" API,
                 "{\"location\":\"eastus\"}");
    expect_only(&peer, 200, "PUT", WIDGETS "one" API, "{\"location\":\"West Europe\"}");
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, BODY(WIDGET("one", "eastus")));
    struct answer answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Failed");
    ck_assert_str_eq(text_of(answer.json, "properties.error.details.0.code"),
                     "InvalidResourceLocation");
    answer_clear(&answer);
}
END_TEST

/* ---- templates ---- */

START_TEST(test_sandbox_refusals__surplus_parameters_say_where)
{
    struct answer answer =
        expect(&peer, 400, "POST", DEPLOYMENT "d1/validate" API,
               "{\"properties\":{\"mode\":\"Incremental\",\"parameters\":{\"extra_param\":{"
               "\"value\":1}},\"template\":{" SCHEMA ",\"resources\":[]}}}");
    ck_assert_str_eq(text_of(answer.json, "error.code"), "InvalidTemplate");
    ck_assert_str_eq(text_of(answer.json, "error.additionalInfo.0.type"), "TemplateViolation");
    ck_assert_str_eq(text_of(answer.json, "error.additionalInfo.0.info.path"),
                     "properties.template.parameters.extra_param");
    answer_clear(&answer);
    answer = expect(&peer, 400, "POST", DEPLOYMENT "d1/validate" API,
                    BODY(WIDGET("[concat(]", "westeurope")));
    ck_assert_str_eq(text_of(answer.json, "error.additionalInfo.0.info.path"),
                     "properties.template.resources[0].name");
    answer_clear(&answer);
}
END_TEST

/* ---- locks, tags, pages, template specs ---- */

#define LOCKS "/providers/Microsoft.Authorization/locks"
#define LOCK(level) "{\"properties\":{\"level\":\"" level "\"}}"

START_TEST(test_sandbox_refusals__levels_that_locks_do_not_have)
{
    expect_error(&peer, 400, "LockPropertyInvalid", "PUT", GROUP LOCKS "/l" API, LOCK("Never"));
    expect_error(&peer, 400, "LockPropertyInvalid", "PUT", GROUP LOCKS "/l" API, "{}");
    expect_only(&peer, 201, "PUT", GROUP LOCKS "/l" API, LOCK("readonly"));
    expect_error(&peer, 409, "ScopeLocked", "PUT", DEPLOYMENT "d1" API,
                 BODY(WIDGET("one", "westeurope")));
    expect_only(&peer, 404, "GET", DEPLOYMENT "d1" API, NULL);
    expect_only(&peer, 200, "DELETE", GROUP LOCKS "/l" API, NULL);
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, BODY(WIDGET("one", "westeurope")));
}
END_TEST

START_TEST(test_sandbox_refusals__names_that_tags_cannot_have)
{
    static const char *const scopes[] = {WIDGETS "one", GROUP, SUB};
    expect_only(&peer, 201, "PUT", WIDGETS "one" API, "{\"location\":\"westeurope\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++) {
        g_autofree char *path =
            g_strdup_printf("%s/providers/Microsoft.Resources/tags/default" API, scopes[i]);
        expect_error(&peer, 400, "InvalidTagNameCharacters", "PUT", path,
                     "{\"properties\":{\"tags\":{\"a/b\":\"1\"}}}");
    }
    for (const char *c = "<>%&\\?/"; *c; c++) {
        g_autofree char *body =
            g_strdup_printf("{\"location\":\"westeurope\",\"tags\":{\"a%s%cb\":\"1\"}}",
                            *c == '\\' ? "\\" : "", *c);
        expect_error(&peer, 400, "InvalidTagNameCharacters", "PUT", WIDGETS "one" API, body);
        expect_error(&peer, 400, "InvalidTagNameCharacters", "PUT", GROUP API, body);
        expect_error(&peer, 400, "InvalidTagNameCharacters", "PATCH", GROUP API, body);
    }
}
END_TEST

/* `{"location":"westeurope","tags":{…},REST}`, with a tag of so many letters, or so many tags. */
static char *tagged(size_t name_size, size_t value_size, int count, const char *rest)
{
    GString *body = g_string_new("{\"location\":\"westeurope\",\"tags\":{\"");
    for (size_t i = 0; i < name_size; i++)
        g_string_append(body, "ä");
    g_string_append(body, "\":\"");
    for (size_t i = 0; i < value_size; i++)
        g_string_append(body, "ö");
    g_string_append_c(body, '"');
    for (int i = 1; i < count; i++)
        g_string_append_printf(body, ",\"t%d\":\"\"", i);
    g_string_append_printf(body, "}%s}", rest);
    return g_string_free(body, FALSE);
}

/* 50 tags of 512 characters with values of 256 (REST reference 6.5), whatever carries them. */
START_TEST(test_sandbox_refusals__tags_that_are_too_many_or_too_long)
{
    static const struct {
        size_t name, value;
        int count;
        const char *code;
    } bad[] = {{513, 1, 1, "InvalidTagName"},
               {1, 257, 1, "InvalidTagValueLength"},
               {1, 1, 51, "InvalidTagsCount"}};
    const char *template =
        ",\"properties\":{\"mode\":\"Incremental\",\"template\":{\"$schema\":"
        "\"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\","
        "\"contentVersion\":\"1.0.0.0\",\"resources\":[]}}";
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *plain = tagged(bad[i].name, bad[i].value, bad[i].count, "");
        g_autofree char *deployment = tagged(bad[i].name, bad[i].value, bad[i].count, template);
        expect_error(&peer, 400, bad[i].code, "PUT", GROUP API, plain);
        expect_error(&peer, 400, bad[i].code, "PATCH", GROUP API, plain);
        expect_error(&peer, 400, bad[i].code, "PUT", WIDGETS "one" API, plain);
        expect_error(&peer, 400, bad[i].code, "PUT", DEPLOYMENT "d1" API, deployment);
        expect_error(&peer, 400, bad[i].code, "PUT",
                     GROUP "/providers/Microsoft.Resources/deploymentStacks/s?api-version="
                           "2024-03-01",
                     deployment);
    }
    g_autofree char *most = tagged(512, 256, 50, template);
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, most);
}
END_TEST

START_TEST(test_sandbox_refusals__pages_of_no_number)
{
    static const char *const paths[] = {GROUP "/resources", SUB "/resourcegroups",
                                        GROUP "/providers/Microsoft.Resources/deployments"};
    static const char *const bad[] = {"many", "0", "-1", "2x", ""};
    for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
        for (size_t b = 0; b < G_N_ELEMENTS(bad); b++) {
            g_autofree char *path = g_strdup_printf("%s" API "&$top=%s", paths[i], bad[b]);
            expect_error(&peer, 400, "InvalidTopInQueryString", "GET", path, NULL);
        }
        g_autofree char *path = g_strdup_printf("%s" API "&$top=5000", paths[i]);
        expect_only(&peer, 200, "GET", path, NULL);
    }
}
END_TEST

START_TEST(test_sandbox_refusals__template_spec_version_without_its_parent)
{
    static const char spec[] = GROUP "/providers/Microsoft.Resources/templateSpecs/web" API;
    static const char version[] =
        GROUP "/providers/Microsoft.Resources/templateSpecs/web/versions/v1" API;
    static const char body[] = "{\"location\":\"westeurope\",\"properties\":{\"mainTemplate\":{"
                               "\"resources\":[]}}}";
    expect_error(&peer, 404, "ParentResourceNotFound", "PUT", version, body);
    expect_only(&peer, 201, "PUT", spec, "{\"location\":\"westeurope\",\"properties\":{}}");
    expect_only(&peer, 201, "PUT", version, body);
}
END_TEST

/* ---- locks among resources ---- */

static size_t count_of(const char *path)
{
    struct answer answer = expect(&peer, 200, "GET", path, NULL);
    size_t count = json_array_size(at(answer.json, "value"));
    answer_clear(&answer);
    return count;
}

START_TEST(test_sandbox_refusals__locks_are_no_resources_of_a_group)
{
    expect_only(&peer, 201, "PUT", WIDGETS "one" API, "{\"location\":\"westeurope\"}");
    expect_only(&peer, 201, "PUT", WIDGETS "one" LOCKS "/low" API, LOCK("CanNotDelete"));
    expect_only(&peer, 201, "PUT", GROUP LOCKS "/high" API, LOCK("CanNotDelete"));
    ck_assert_uint_eq(count_of(GROUP "/resources" API), 1);
    ck_assert_uint_eq(count_of(GROUP LOCKS API), 2);
    ck_assert_uint_eq(count_of(SUB LOCKS API), 2);
    ck_assert_uint_eq(count_of(GROUP LOCKS API "&$filter=atScope()"), 1);
    ck_assert_uint_eq(count_of(WIDGETS "one" LOCKS API), 1);
    struct answer asked = expect(&peer, 202, "POST", DEPLOYMENT "d1/whatIf" API,
                                 BODY_IN("Complete", WIDGET("one", "westeurope")));
    g_autofree char *location = header_of(&asked, "Location");
    struct answer answer = expect(&peer, 200, "GET", location, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "properties.changes")), 1);
    answer_clear(&asked);
    answer_clear(&answer);
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API,
                BODY_IN("Complete", WIDGET("one", "westeurope")));
    ck_assert_uint_eq(count_of(GROUP LOCKS API), 2);
}
END_TEST

/* ---- exports ---- */

START_TEST(test_sandbox_refusals__exports_a_template_in_its_normal_form)
{
    expect_only(
        &peer, 201, "PUT", DEPLOYMENT "d1" API,
        "{\"properties\":{\"mode\":\"Incremental\",\"template\":{\"variables\":{\"x\":1.5},"
        "\"resources\":[{\"name\":"
        "\"one\",\"location\":\"westeurope\",\"type\":\"Contoso.Widgets/widgets\","
        "\"apiVersion\":\"2022-09-01\"}],\"parameters\":{\"size\":{\"type\":\"secureString\""
        ",\"defaultValue\":\"1.50\"}},\"outputs\":{\"out\":{\"value\":1,\"type\":\"int\""
        "}},\"contentVersion\":\"1.0.0.0\",\"$schema\":\"https://schema.management.azure."
        "com/schemas/2019-04-01/deploymentTemplate.json#\"}}}");
    struct answer answer = expect(&peer, 200, "POST", DEPLOYMENT "d1/exportTemplate" API, "");
    ck_assert_str_eq(
        answer.text->str,
        "{\"template\":{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"
        "deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\",\"parameters\":{\"size\":{"
        "\"defaultValue\":\"1.50\",\"type\":\"SecureString\"}},\"variables\":{\"x\":1.5},"
        "\"resources\":[{\"type\":"
        "\"Contoso.Widgets/widgets\",\"apiVersion\":\"2022-09-01\",\"name\":\"one\",\"location\":"
        "\"westeurope\"}],\"outputs\":{\"out\":{\"type\":\"Int\",\"value\":1}}}}");
    answer_clear(&answer);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sandbox refusals");
    TCase *tcase = tcase_create("refusals");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_sandbox_refusals__nested_deployment_into_a_missing_group);
    tcase_add_test(tcase, test_sandbox_refusals__lists_providers_and_locations);
    tcase_add_test(tcase, test_sandbox_refusals__no_empty_list_of_what_is_not_built);
    tcase_add_test(tcase, test_sandbox_refusals__versions_that_a_known_type_does_not_have);
    tcase_add_test(tcase, test_sandbox_refusals__another_location_of_a_resource);
    tcase_add_test(tcase, test_sandbox_refusals__surplus_parameters_say_where);
    tcase_add_test(tcase, test_sandbox_refusals__levels_that_locks_do_not_have);
    tcase_add_test(tcase, test_sandbox_refusals__names_that_tags_cannot_have);
    tcase_add_test(tcase, test_sandbox_refusals__tags_that_are_too_many_or_too_long);
    tcase_add_test(tcase, test_sandbox_refusals__pages_of_no_number);
    tcase_add_test(tcase, test_sandbox_refusals__template_spec_version_without_its_parent);
    tcase_add_test(tcase, test_sandbox_refusals__locks_are_no_resources_of_a_group);
    tcase_add_test(tcase, test_sandbox_refusals__exports_a_template_in_its_normal_form);
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
