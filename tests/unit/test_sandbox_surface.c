/* What clients other than roll ask of the sandbox: lists and filters, tags, moves, exports, reruns,
 * the activity log, what is refused before anything runs, and many clients at once. */
#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourcegroups/shop"
#define DEPLOYMENT GROUP "/providers/Microsoft.Resources/deployments/"
#define WIDGETS GROUP "/providers/Contoso.Widgets/widgets/"
#define BODY_IN(mode, more, resources)                                                             \
    "{\"properties\":{\"mode\":\"" mode "\"," more "\"template\":{\"$schema\":\"https://"          \
    "schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\","                   \
    "\"contentVersion\":\"1.0.0.0\",\"resources\":[" resources "]}}}"
#define BODY(resources) BODY_IN("Incremental", "", resources)
#define RESOURCE(type, name, more)                                                                 \
    "{\"type\":\"" type "\",\"apiVersion\":\"2022-09-01\",\"name\":\"" name                        \
    "\",\"location\":\"westeurope\"" more "}"
#define WIDGET(name, size)                                                                         \
    RESOURCE("Contoso.Widgets/widgets", name, ",\"properties\":{\"size\":" size "}")
#define STORAGE(name, more)                                                                        \
    "{\"type\":\"Microsoft.Storage/"                                                               \
    "storageAccounts\",\"apiVersion\":\"2022-09-01\",\"name\":\"" name "\"" more "}"

static struct peer peer;
static char *folder;

static void setup(void)
{
    folder = g_dir_make_tmp("roll-test-sandbox-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
}

static void teardown(void)
{
    if (peer.pid > 0)
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
    remove_tree(folder);
    g_free(folder);
}

static void start_with(const struct roll_sandbox_options *options)
{
    peer_start(&peer, options);
    expect_only(&peer, 201, "PUT", GROUP API,
                "{\"location\":\"westeurope\",\"tags\":{\"a\":\"b\"}}");
}

static void start(void)
{
    struct roll_sandbox_options options = {0};
    start_with(&options);
}

static void put_widget(const char *name, const char *body)
{
    g_autofree char *path = g_strdup_printf(WIDGETS "%s" API, name);
    expect_only(&peer, 201, "PUT", path, body);
}

static void expect_text(const char *method, const char *path, const char *body, const char *at_path,
                        const char *text)
{
    struct answer answer = expect(&peer, 200, method, path, body);
    ck_assert_msg(strcmp(text_of(answer.json, at_path), text) == 0, "%s %s: %s is not %s: %s",
                  method, path, at_path, text, answer.text->str);
    answer_clear(&answer);
}

static void expect_count(const char *path, size_t count)
{
    struct answer answer = expect(&peer, 200, "GET", path, NULL);
    ck_assert_msg(json_array_size(at(answer.json, "value")) == count, "%s: not %zu: %s", path,
                  count, answer.text->str);
    answer_clear(&answer);
}

/* ---- lists ---- */

START_TEST(test_sandbox_surface__filters_resources)
{
    static const struct {
        const char *filter;
        size_t count;
    } cases[] = {
        {"tagName%20eq%20'stage'", 2},
        {"tagName%20eq%20'STAGE'%20and%20tagValue%20eq%20'prod'", 1},
        {"tagName%20eq%20'stage'%20and%20tagValue%20eq%20'PROD'", 0},
        {"startswith(tagName,%20'st')", 2},
        {"substringof('NE',name)", 1},
        {"name%20ne%20'one'", 2},
        {"location%20eq%20'eastus'%20and%20name%20eq%20'three'", 1},
        {"resourceType%20eq%20'contoso.widgets/WIDGETS'", 3},
        {"identity/principalId%20eq%20'x'", 0},
        {"name%20eq%20'it''s'", 0},
    };
    static const char *const bad[] = {"name",
                                      "name%20eq",
                                      "name%20eq%20one",
                                      "name%20lt%20'one'",
                                      "name%20eq%20'one'%20or%20name%20eq%20'two'",
                                      "substringof(name,'x')",
                                      "name%20eq%20'one"};
    start();
    put_widget("one", "{\"location\":\"westeurope\",\"tags\":{\"stage\":\"prod\"}}");
    put_widget("two", "{\"location\":\"westeurope\",\"tags\":{\"stage\":\"test\"}}");
    put_widget("three", "{\"location\":\"eastus\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path =
            g_strdup_printf(GROUP "/resources" API "&$filter=%s", cases[i].filter);
        expect_count(path, cases[i].count);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf(GROUP "/resources" API "&$filter=%s", bad[i]);
        expect_error(&peer, 400, "InvalidFilterInQueryString", "GET", path, NULL);
    }
    struct answer answer =
        expect(&peer, 200, "GET", GROUP "/resources" API "&$filter=tagName%20eq%20'stage'", NULL);
    ck_assert_ptr_null(at(answer.json, "value.0.tags"));
    answer_clear(&answer);
    expect_count(SUB "/resourcegroups" API "&$filter=tagName%20eq%20'a'", 1);
    expect_count(SUB "/resourcegroups" API "&$filter=tagName%20eq%20'c'", 0);
}
END_TEST

START_TEST(test_sandbox_surface__pages_follow_one_another)
{
    start();
    for (int i = 0; i < 5; i++) {
        g_autofree char *name = g_strdup_printf("w%d", i);
        put_widget(name, "{\"location\":\"westeurope\"}");
    }
    g_autofree char *url = g_strdup(GROUP "/resources" API "&$top=2&$filter=name%20ne%20'w3'");
    GString *seen = g_string_new(NULL);
    for (int pages = 0; url && pages < 5; pages++) {
        struct answer answer = expect(&peer, 200, "GET", url, NULL);
        json_t *list = at(answer.json, "value");
        for (size_t i = 0; i < json_array_size(list); i++)
            g_string_append_printf(seen, "%s ", text_of(json_array_get(list, i), "name"));
        g_string_append(seen, "| ");
        g_free(url);
        url = g_strdup(json_string_value(at(answer.json, "nextLink")));
        answer_clear(&answer);
    }
    ck_assert_str_eq(seen->str, "w0 w1 | w2 w4 | ");
    ck_assert_ptr_null(url);
    g_string_free(seen, TRUE);
}
END_TEST

/* ---- conditions ---- */

START_TEST(test_sandbox_surface__minds_etags)
{
    start();
    peer.if_none_match = "*";
    put_widget("one", "{\"location\":\"westeurope\"}");
    expect_error(&peer, 412, "PreconditionFailed", "PUT", WIDGETS "one" API, "{}");
    peer.if_none_match = NULL;
    struct answer answer = expect(&peer, 200, "GET", WIDGETS "one" API, NULL);
    g_autofree char *etag = header_of(&answer, "ETag");
    answer_clear(&answer);
    peer.if_match = etag;
    expect_only(&peer, 200, "PUT", WIDGETS "one" API, "{\"tags\":{\"a\":\"b\"}}");
    expect_error(&peer, 412, "PreconditionFailed", "PUT", WIDGETS "one" API, "{}");
    expect_error(&peer, 412, "PreconditionFailed", "DELETE", WIDGETS "one" API, NULL);
    expect_error(&peer, 412, "PreconditionFailed", "PUT", WIDGETS "two" API, "{}");
    peer.if_match = "*";
    expect_only(&peer, 200, "DELETE", WIDGETS "one" API, NULL);
}
END_TEST

/* ---- tags, moves, exports ---- */

#define TAGS "/providers/Microsoft.Resources/tags/default" API

START_TEST(test_sandbox_surface__changes_tags_of_any_scope)
{
    static const char *const scopes[] = {WIDGETS "one" TAGS, GROUP TAGS, SUB TAGS};
    start();
    put_widget("one", "{\"location\":\"westeurope\"}");
    for (size_t i = 0; i < G_N_ELEMENTS(scopes); i++) {
        expect_text("PUT", scopes[i], "{\"properties\":{\"tags\":{\"One\":\"1\",\"two\":\"2\"}}}",
                    "properties.tags.One", "1");
        expect_text("PATCH", scopes[i],
                    "{\"operation\":\"Merge\",\"properties\":{\"tags\":{\"one\":\"eins\"}}}",
                    "properties.tags.One", "eins");
        expect_text("PATCH", scopes[i],
                    "{\"operation\":\"Delete\",\"properties\":{\"tags\":{\"one\":\"other\",\"TWO\":"
                    "\"\"}}}",
                    "properties.tags.One", "eins");
        struct answer answer = expect(&peer, 200, "GET", scopes[i], NULL);
        ck_assert_uint_eq(json_object_size(at(answer.json, "properties.tags")), 1);
        answer_clear(&answer);
        expect_only(&peer, 200, "DELETE", scopes[i], NULL);
        expect_error(&peer, 400, "InvalidTagPatchOperation", "PATCH", scopes[i],
                     "{\"operation\":\"Add\",\"properties\":{\"tags\":{}}}");
    }
    expect_error(&peer, 404, "ResourceNotFound", "GET", WIDGETS "none" TAGS, NULL);
    expect_count(SUB "/resources" API, 1);
}
END_TEST

START_TEST(test_sandbox_surface__moves_resources_with_what_is_below_them)
{
    static const char body[] = "{\"resources\":[\"" WIDGETS "one\"],\"targetResourceGroup\":\"" SUB
                               "/resourceGroups/other\"}";
    start();
    put_widget("one", "{\"location\":\"westeurope\",\"properties\":{\"size\":3}}");
    expect_only(&peer, 201, "PUT", WIDGETS "one/parts/small" API, "{}");
    expect_error(&peer, 404, "ResourceGroupNotFound", "POST", GROUP "/moveResources" API, body);
    expect_only(&peer, 201, "PUT", SUB "/resourcegroups/other" API, "{\"location\":\"eastus\"}");
    expect_only(&peer, 202, "POST", GROUP "/validateMoveResources" API, body);
    expect_only(&peer, 200, "GET", WIDGETS "one" API, NULL);
    expect_only(&peer, 202, "POST", GROUP "/moveResources" API, body);
    expect_only(&peer, 404, "GET", WIDGETS "one" API, NULL);
    expect_text("GET", SUB "/resourcegroups/other/providers/Contoso.Widgets/widgets/one" API, NULL,
                "id", SUB "/resourceGroups/other/providers/Contoso.Widgets/widgets/one");
    expect_only(&peer, 200, "GET",
                SUB "/resourcegroups/other/providers/Contoso.Widgets/widgets/one/parts/small" API,
                NULL);
    expect_error(&peer, 404, "ResourceNotFound", "POST", GROUP "/moveResources" API, body);
}
END_TEST

/* What it exports can be deployed, and is then the same. */
START_TEST(test_sandbox_surface__exports_a_group_as_a_template_that_deploys)
{
    start();
    put_widget("one", "{\"location\":\"westeurope\",\"sku\":{\"name\":\"S\"},\"properties\":{"
                      "\"size\":3}}");
    expect_only(&peer, 201, "PUT", WIDGETS "one/parts/small" API, "{\"properties\":{\"x\":1}}");
    struct answer before = expect(&peer, 200, "GET", WIDGETS "one/parts/small" API, NULL);
    struct answer parent = expect(&peer, 200, "GET", WIDGETS "one" API, NULL);
    struct answer asked = expect(&peer, 202, "POST", GROUP "/exportTemplate" API,
                                 "{\"resources\":[\"*\"],\"options\":\"IncludeComments\"}");
    g_autofree char *location = header_of(&asked, "Location");
    struct answer exported = expect(&peer, 200, "GET", location, NULL);
    ck_assert_str_eq(text_of(exported.json, "template.parameters.widgets_one_name.defaultValue"),
                     "one");
    expect_only(&peer, 200, "DELETE", WIDGETS "one" API, NULL);
    json_t *body = json_pack("{s:{s:s,s:O}}", "properties", "mode", "Incremental", "template",
                             at(exported.json, "template"));
    char *text = json_dumps(body, JSON_COMPACT);
    expect_only(&peer, 201, "PUT", DEPLOYMENT "again" API, text);
    expect_text("GET", DEPLOYMENT "again" API, NULL, "properties.provisioningState", "Succeeded");
    struct answer after = expect(&peer, 200, "GET", WIDGETS "one/parts/small" API, NULL);
    ck_assert(json_equal(before.json, after.json));
    answer_clear(&after);
    after = expect(&peer, 200, "GET", WIDGETS "one" API, NULL);
    ck_assert(json_equal(parent.json, after.json));
    answer_clear(&parent);
    free(text);
    json_decref(body);
    answer_clear(&before);
    answer_clear(&asked);
    answer_clear(&exported);
    answer_clear(&after);
    expect_error(&peer, 501, "NotImplemented", "POST", GROUP "/exportTemplate" API,
                 "{\"resources\":[\"*\"],\"outputFormat\":\"Bicep\"}");
}
END_TEST

/* ---- reruns and Complete mode ---- */

#define BAD(on_error)                                                                              \
    BODY_IN("Incremental", "\"onErrorDeployment\":" on_error ",",                                  \
            WIDGET("one", "2") "," RESOURCE("Contoso.Bad/things", "t", ""))

START_TEST(test_sandbox_surface__runs_an_earlier_deployment_again_on_error)
{
    static const char *const faults[] = {"fail=Contoso.Bad/things", NULL};
    struct roll_sandbox_options options = {.faults = faults};
    start_with(&options);
    expect_error(&peer, 400, "InvalidDeployment", "PUT", DEPLOYMENT "bad" API,
                 BAD("{\"type\":\"LastSuccessful\"}"));
    expect_only(&peer, 201, "PUT", DEPLOYMENT "first" API, BODY(WIDGET("one", "1")));
    expect_only(&peer, 201, "PUT", DEPLOYMENT "second" API,
                BODY(WIDGET("one", "5") "," WIDGET("two", "1")));
    struct answer answer =
        expect(&peer, 201, "PUT", DEPLOYMENT "bad" API,
               BAD("{\"type\":\"SpecificDeployment\",\"deploymentName\":\"first\"}"));
    ck_assert_str_eq(text_of(answer.json, "properties.onErrorDeployment.deploymentName"), "first");
    answer_clear(&answer);
    expect_text("GET", DEPLOYMENT "bad" API, NULL, "properties.provisioningState", "Failed");
    expect_text("GET", DEPLOYMENT "bad" API, NULL, "properties.onErrorDeployment.provisioningState",
                "Succeeded");
    /* It ran in Complete mode, and is now the newest. */
    expect_text("GET", DEPLOYMENT "first" API, NULL, "properties.mode", "Complete");
    expect_text("GET", DEPLOYMENT API "&$top=1", NULL, "value.0.name", "first");
    expect_only(&peer, 404, "GET", WIDGETS "two" API, NULL);
    answer = expect(&peer, 200, "GET", WIDGETS "one" API, NULL);
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.size")), 1);
    answer_clear(&answer);
    expect_text("PUT", DEPLOYMENT "bad" API, BAD("{\"type\":\"LastSuccessful\"}"),
                "properties.onErrorDeployment.deploymentName", "first");
    expect_error(&peer, 400, "InvalidDeployment", "PUT", DEPLOYMENT "bad" API,
                 BAD("{\"type\":\"SpecificDeployment\",\"deploymentName\":\"bad\"}"));
    expect_error(&peer, 400, "InvalidDeployment", "PUT", DEPLOYMENT "bad" API,
                 BAD("{\"type\":\"Whatever\"}"));
}
END_TEST

START_TEST(test_sandbox_surface__shows_what_complete_mode_deleted)
{
    start();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API,
                BODY(WIDGET("one", "1") "," WIDGET("two", "1")));
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d2" API,
                BODY_IN("Complete", "", WIDGET("one", "1")));
    struct answer answer = expect(&peer, 200, "GET", DEPLOYMENT "d2/operations" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "value.1.properties.provisioningOperation"), "Delete");
    ck_assert_str_eq(text_of(answer.json, "value.1.properties.targetResource.resourceName"), "two");
    ck_assert_str_eq(text_of(answer.json, "value.0.properties.provisioningOperation"), "Create");
    answer_clear(&answer);
}
END_TEST

/* ---- before anything runs ---- */

START_TEST(test_sandbox_surface__refuses_what_providers_refuse)
{
    start();
    struct answer answer = expect(
        &peer, 400, "POST", DEPLOYMENT "d1/validate" API,
        BODY(STORAGE("No-Name", "") "," STORAGE("goodname", ",\"location\":\"westeurope\"")));
    ck_assert_str_eq(text_of(answer.json, "error.code"), "InvalidTemplateDeployment");
    const char *inner = "error.details.0.details";
    ck_assert_uint_eq(json_array_size(at(answer.json, inner)), 2);
    ck_assert_str_eq(text_of(answer.json, "error.details.0.details.0.code"), "LocationRequired");
    ck_assert_str_eq(text_of(answer.json, "error.details.0.details.1.code"), "AccountNameInvalid");
    answer_clear(&answer);
    expect_only(&peer, 204, "POST",
                "/sandbox/retire" API "&type=Contoso.Widgets/widgets&version=2022-09-01", "{}");
    expect_error(&peer, 400, "NoRegisteredProviderFound", "PUT", DEPLOYMENT "d1" API,
                 BODY(WIDGET("one", "1")));
    expect_only(&peer, 404, "GET", DEPLOYMENT "d1" API, NULL);
}
END_TEST

START_TEST(test_sandbox_surface__names_the_versions_that_deployments_have)
{
    start();
    struct answer answer = expect(&peer, 400, "GET", DEPLOYMENT "d1?api-version=2031-01-01", NULL);
    ck_assert_str_eq(text_of(answer.json, "error.code"), "InvalidApiVersionParameter");
    ck_assert_ptr_nonnull(strstr(text_of(answer.json, "error.message"), "2025-04-01"));
    answer_clear(&answer);
    expect_only(&peer, 200, "GET", GROUP "?api-version=2031-01-01", NULL);
}
END_TEST

START_TEST(test_sandbox_surface__foresees_what_has_no_effect)
{
    start();
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API,
                BODY(STORAGE("goodname", ",\"location\":\"westeurope\"")));
    struct answer asked =
        expect(&peer, 202, "POST", DEPLOYMENT "d1/whatIf" API,
               BODY(STORAGE("goodname", ",\"location\":\"westeurope\",\"properties\":{"
                                        "\"statusOfPrimary\":\"gone\"}")));
    g_autofree char *location = header_of(&asked, "Location");
    struct answer answer = expect(&peer, 200, "GET", location, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.changes.0.changeType"), "NoChange");
    ck_assert_str_eq(text_of(answer.json, "properties.changes.0.delta.0.propertyChangeType"),
                     "NoEffect");
    ck_assert_str_eq(text_of(answer.json, "properties.changes.0.delta.0.path"),
                     "properties.statusOfPrimary");
    answer_clear(&asked);
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox_surface__refuses_complete_mode_of_nested_deployments)
{
    start();
    expect_error(&peer, 400, "InvalidTemplate", "PUT", DEPLOYMENT "d1" API,
                 BODY("{\"type\":\"Microsoft.Resources/deployments\",\"apiVersion\":\"2022-09-01\","
                      "\"name\":\"inner\",\"properties\":{\"mode\":\"Complete\",\"template\":{"
                      "\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"
                      "deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\",\"resources\":[]"
                      "}}}"));
}
END_TEST

/* ---- template specs ---- */

#define SPEC GROUP "/providers/Microsoft.Resources/templateSpecs/web"
#define LINK(link) "{\"properties\":{\"mode\":\"Incremental\",\"templateLink\":" link "}}"

START_TEST(test_sandbox_surface__deploys_a_template_spec)
{
    static const char version[] =
        "{\"location\":\"westeurope\",\"properties\":{\"mainTemplate\":{\"$schema\":\"https://"
        "schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\","
        "\"contentVersion\":\"1.0.0.0\",\"resources\":[" WIDGET("one", "1") "]}}}";
    start();
    expect_only(&peer, 201, "PUT", SPEC API, "{\"location\":\"westeurope\",\"properties\":{}}");
    expect_only(&peer, 201, "PUT", SPEC "/versions/v1" API, version);
    struct answer answer =
        expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, LINK("{\"id\":\"" SPEC "/versions/v1\"}"));
    ck_assert_str_eq(text_of(answer.json, "properties.templateLink.id"), SPEC "/versions/v1");
    answer_clear(&answer);
    expect_only(&peer, 200, "GET", WIDGETS "one" API, NULL);
    expect_text("POST", DEPLOYMENT "d1/exportTemplate" API, "", "template.resources.0.name", "one");
    expect_error(&peer, 404, "ResourceNotFound", "PUT", DEPLOYMENT "d2" API,
                 LINK("{\"id\":\"" SPEC "/versions/v2\"}"));
    expect_error(&peer, 400, "InvalidTemplate", "PUT", DEPLOYMENT "d2" API,
                 LINK("{\"id\":\"" SPEC "/versions/v1\",\"relativePath\":\"other.json\"}"));
    expect_error(&peer, 501, "NotImplemented", "PUT", DEPLOYMENT "d2" API,
                 LINK("{\"uri\":\"https://example.com/main.json\"}"));
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", DEPLOYMENT "d2" API,
                 BODY_IN("Incremental", "\"templateLink\":{\"id\":\"x\"},", ""));
}
END_TEST

/* ---- the activity log ---- */

#define LOG                                                                                        \
    SUB "/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01&"       \
        "$filter="

static struct answer read_log(const char *more)
{
    char from[ROLL_TIME_SIZE];
    roll_time_format(roll_now_ms() - 60000, from);
    g_autofree char *path =
        g_strdup_printf(LOG "eventTimestamp%%20ge%%20'%s'%s", from, more ? more : "");
    return expect(&peer, 200, "GET", path, NULL);
}

START_TEST(test_sandbox_surface__logs_who_did_what)
{
    static const char claims[] = "{\"aud\":\"https://management.azure.com\",\"exp\":99999999999,"
                                 "\"oid\":\"11111111-aaaa-bbbb-cccc-111111111111\",\"upn\":"
                                 "\"kim@contoso.example\",\"appid\":"
                                 "\"c44b4083-3bb0-49c1-b47d-974e53cbdf3c\"}";
    g_autofree char *body = g_base64_encode((const guchar *)claims, strlen(claims));
    g_strdelimit(body, "=", '\0');
    g_autofree char *token = g_strdup_printf("eyJhbGciOiJub25lIn0.%s.c2ln", body);
    start();
    peer.token = token;
    peer.correlation = "99999999-aaaa-bbbb-cccc-999999999999";
    expect_only(&peer, 201, "PUT", DEPLOYMENT "d1" API, BODY(WIDGET("one", "1")));
    peer.token = "somebody";
    peer.correlation = "88888888-aaaa-bbbb-cccc-999999999999";
    expect_only(&peer, 200, "DELETE", WIDGETS "one" API, NULL);
    expect_error(&peer, 400, "InvalidRequestContent", "PUT", WIDGETS "two" API, "{");

    struct answer answer =
        read_log("%20and%20correlationId%20eq%20'99999999-aaaa-bbbb-cccc-999999999999'");
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 3);
    ck_assert_str_eq(text_of(answer.json, "value.2.eventName.value"), "BeginRequest");
    ck_assert_str_eq(text_of(answer.json, "value.1.operationName.value"),
                     "Contoso.Widgets/widgets/write");
    ck_assert_str_eq(text_of(answer.json, "value.1.caller"), "kim@contoso.example");
    ck_assert_str_eq(text_of(answer.json, "value.1.claims.appid"),
                     "c44b4083-3bb0-49c1-b47d-974e53cbdf3c");
    ck_assert_str_eq(text_of(answer.json, "value.1.resourceGroupName"), "shop");
    ck_assert_str_eq(text_of(answer.json, "value.0.operationName.value"),
                     "Microsoft.Resources/deployments/write");
    ck_assert_str_eq(text_of(answer.json, "value.0.status.value"), "Accepted");
    answer_clear(&answer);
    answer = read_log("%20and%20resourceUri%20eq%20'" WIDGETS "one'");
    ck_assert_str_eq(text_of(answer.json, "value.0.operationName.value"),
                     "Contoso.Widgets/widgets/delete");
    ck_assert_str_eq(text_of(answer.json, "value.0.caller"), "developer@sandbox.invalid");
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 3);
    answer_clear(&answer);
    answer = read_log("%20and%20resourceUri%20eq%20'" WIDGETS "two'&$select=status,caller");
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    ck_assert_str_eq(text_of(answer.json, "value.0.status.value"), "Failed");
    ck_assert_uint_eq(json_object_size(at(answer.json, "value.0")), 2);
    answer_clear(&answer);
    /* As az writes it. */
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    g_autoptr(GDateTime) hour_ago = g_date_time_add_hours(now, -1);
    g_autofree char *from = g_date_time_format(hour_ago, "%Y-%m-%dT%H:%M:%S");
    g_autofree char *plain = g_strdup_printf(
        LOG "eventTimestamp%%20ge%%20%s.123456%%20and%%20eventChannels%%20eq"
            "%%20'Admin,%%20Operation'%%20and%%20resourceId%%20eq%%20'" WIDGETS "two'",
        from);
    expect_count(plain, 1);
}
END_TEST

START_TEST(test_sandbox_surface__refuses_other_forms_of_the_logs_filter)
{
    static const char *const bad[] = {"", "eventTimestamp%20lt%20'2026-01-01T00:00:00Z'",
                                      "caller%20eq%20'me'", "eventTimestamp%20ge%20'yesterday'",
                                      "eventTimestamp%20ge%20'2001-01-01T00:00:00Z'"};
    start();
    for (size_t i = 0; i < G_N_ELEMENTS(bad); i++) {
        g_autofree char *path = g_strdup_printf(LOG "%s", bad[i]);
        struct answer answer = expect(&peer, 400, "GET", path, NULL);
        ck_assert_str_eq(text_of(answer.json, "code"), "BadRequest");
        answer_clear(&answer);
    }
}
END_TEST

/* ---- what stays ---- */

/* The server is killed while deployments run, and goes on with them where it was. */
START_TEST(test_sandbox_surface__goes_on_after_being_killed)
{
    g_autofree char *state = g_build_filename(folder, "state.db", NULL);
    struct roll_sandbox_options options = {.state_file = state, .operation_time_ms = 1000};
    start_with(&options);
    struct answer answer = expect(&peer, 201, "PUT", DEPLOYMENT "d1" API, BODY(WIDGET("one", "1")));
    g_autofree char *poll = header_of(&answer, "Azure-AsyncOperation");
    answer_clear(&answer);
    expect_only(&peer, 200, "PUT", GROUP TAGS, "{\"properties\":{\"tags\":{\"kept\":\"yes\"}}}");
    ck_assert_int_eq(peer_stop(&peer, SIGKILL), -1);
    options.port = (int)g_ascii_strtoll(strrchr(peer.url, ':') + 1, NULL, 10);
    peer_start(&peer, &options);
    answer = await(&peer, poll, "status", "Succeeded");
    answer_clear(&answer);
    expect_text("GET", GROUP API, NULL, "tags.kept", "yes");
    expect_only(&peer, 200, "GET", WIDGETS "one" API, NULL);
    answer = read_log("%20and%20resourceUri%20eq%20'" WIDGETS "one'");
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    answer_clear(&answer);
}
END_TEST

/* ---- many at once ---- */

#define CLIENTS 200

struct client {
    CURL *curl;
    char *url;
    int step; /* group, deployment, polls */
    GString *text;
};

static void ask(CURLM *multi, struct client *client, int number, struct curl_slist *headers)
{
    g_autofree char *group = g_strdup_printf("%s" SUB "/resourcegroups/group-%d", peer.url, number);
    g_free(client->url);
    client->url =
        client->step == 0
            ? g_strconcat(group, API, NULL)
            : g_strconcat(group, "/providers/Microsoft.Resources/deployments/d" API, NULL);
    const char *body = client->step == 0   ? "{\"location\":\"westeurope\"}"
                       : client->step == 1 ? BODY(WIDGET("one", "1"))
                                           : NULL;
    g_string_truncate(client->text, 0);
    curl_easy_setopt(client->curl, CURLOPT_URL, client->url);
    curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(client->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(client->curl, CURLOPT_TIMEOUT_MS, 120000L);
    curl_easy_setopt(client->curl, CURLOPT_WRITEFUNCTION, append_text);
    curl_easy_setopt(client->curl, CURLOPT_WRITEDATA, client->text);
    curl_easy_setopt(client->curl, CURLOPT_CUSTOMREQUEST, body ? "PUT" : "GET");
    curl_easy_setopt(client->curl, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(client->curl, CURLOPT_HTTPGET, body ? 0L : 1L);
    ck_assert_int_eq(curl_multi_add_handle(multi, client->curl), CURLM_OK);
}

/* Whether the client has come to its end. */
static bool answered(struct client *client)
{
    long status = 0;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &status);
    ck_assert_msg(status == (client->step < 2 ? 201 : 200), "%s: %ld %s", client->url, status,
                  client->text->str);
    if (client->step < 2) {
        client->step++;
        return false;
    }
    ck_assert(strstr(client->text->str, "Failed") == NULL);
    return strstr(client->text->str, "\"provisioningState\":\"Succeeded\"") != NULL;
}

/* Two hundred clients with a deployment each, all at the same time, each on a connection of its
 * own: every one is served, and nobody waits for long behind the others. */
START_TEST(test_sandbox_surface__serves_two_hundred_clients_at_once)
{
    struct roll_sandbox_options options = {.operation_time_ms = 1000};
    start_with(&options);
    struct client clients[CLIENTS] = {0};
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers = curl_slist_append(NULL, "Authorization: Bearer x");
    int running = CLIENTS, active;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.curl = curl_easy_init(), .text = g_string_new(NULL)};
        ask(multi, &clients[i], i, headers);
    }
    while (running > 0) {
        CURLMsg *message;
        int left;
        ck_assert_int_eq(curl_multi_perform(multi, &active), CURLM_OK);
        while ((message = curl_multi_info_read(multi, &left)) != NULL) {
            CURL *curl = message->easy_handle;
            ck_assert_int_eq(message->data.result, CURLE_OK);
            int i = 0;
            while (clients[i].curl != curl)
                i++;
            curl_multi_remove_handle(multi, curl);
            if (answered(&clients[i]))
                running--;
            else
                ask(multi, &clients[i], i, headers);
        }
        if (running > 0)
            curl_multi_poll(multi, NULL, 0, 100, NULL);
    }
    for (int i = 0; i < CLIENTS; i++) {
        curl_easy_cleanup(clients[i].curl);
        g_string_free(clients[i].text, TRUE);
        g_free(clients[i].url);
    }
    curl_slist_free_all(headers);
    curl_multi_cleanup(multi);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sandbox surface");
    TCase *tcase = tcase_create("surface");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_sandbox_surface__filters_resources);
    tcase_add_test(tcase, test_sandbox_surface__pages_follow_one_another);
    tcase_add_test(tcase, test_sandbox_surface__minds_etags);
    tcase_add_test(tcase, test_sandbox_surface__changes_tags_of_any_scope);
    tcase_add_test(tcase, test_sandbox_surface__moves_resources_with_what_is_below_them);
    tcase_add_test(tcase, test_sandbox_surface__exports_a_group_as_a_template_that_deploys);
    tcase_add_test(tcase, test_sandbox_surface__runs_an_earlier_deployment_again_on_error);
    tcase_add_test(tcase, test_sandbox_surface__shows_what_complete_mode_deleted);
    tcase_add_test(tcase, test_sandbox_surface__refuses_what_providers_refuse);
    tcase_add_test(tcase, test_sandbox_surface__names_the_versions_that_deployments_have);
    tcase_add_test(tcase, test_sandbox_surface__foresees_what_has_no_effect);
    tcase_add_test(tcase, test_sandbox_surface__refuses_complete_mode_of_nested_deployments);
    tcase_add_test(tcase, test_sandbox_surface__deploys_a_template_spec);
    tcase_add_test(tcase, test_sandbox_surface__logs_who_did_what);
    tcase_add_test(tcase, test_sandbox_surface__refuses_other_forms_of_the_logs_filter);
    tcase_add_test(tcase, test_sandbox_surface__goes_on_after_being_killed);
    tcase_add_test(tcase, test_sandbox_surface__serves_two_hundred_clients_at_once);
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
