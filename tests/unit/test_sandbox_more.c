/* The sandbox beyond one deployment: resources by id, actions, other scopes, nested deployments,
 * previews, its SQL. */
#include "rollbook/sql.h"
#include "sandbox_sql.h"
#include "sandbox_tools.h"
#include "suite_tools.h"

#define GROUP SUB "/resourcegroups/shop"
#define DEPLOYMENTS "/providers/Microsoft.Resources/deployments/"
#define DEPLOYMENT GROUP DEPLOYMENTS
#define WIDGET GROUP "/providers/Contoso.Widgets/widgets/one"
#define SCHEMAS "https://schema.management.azure.com/schemas/"
#define SCHEMA SCHEMAS "2019-04-01/deploymentTemplate.json#"
#define SUB_SCHEMA SCHEMAS "2018-05-01/subscriptionDeploymentTemplate.json#"
#define TENANT_SCHEMA SCHEMAS "2019-08-01/tenantDeploymentTemplate.json#"
#define MG_SCHEMA SCHEMAS "2019-08-01/managementGroupDeploymentTemplate.json#"

static struct peer peer;
static char *folder; /* of start_slow, or NULL */

static void setup(void)
{
}

static void teardown(void)
{
    if (peer.pid > 0)
        ck_assert_int_eq(peer_stop(&peer, SIGTERM), 0);
    peer_clear(&peer);
    if (folder)
        remove_tree(folder);
    g_clear_pointer(&folder, g_free);
}

static void start(int64_t operation_time_ms, const char *const *faults)
{
    struct roll_sandbox_options options = {.operation_time_ms = operation_time_ms,
                                           .faults = faults};
    peer_start(&peer, &options);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
}

/* A server that keeps its state and whose operations last a minute, for peer_move. */
static struct roll_sandbox_options start_slow(const char *time)
{
    static char state[200];
    folder = g_dir_make_tmp("roll-test-sandbox-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    g_snprintf(state, sizeof(state), "%s/slow.db", folder);
    struct roll_sandbox_options options = {.state_file = state, .operation_time_ms = 60000};
    peer_start_at(&peer, &options, time);
    expect_only(&peer, 201, "PUT", GROUP API, "{\"location\":\"westeurope\"}");
    return options;
}

/* A deployment's body: more is what stands beside properties, resources and rest are the
 * template's. Single quotes stand for double ones, so that templates stay readable; owned by the
 * caller. */
static char *body_of(const char *schema, const char *more, const char *parameters, const char *rest)
{
    char *text =
        g_strdup_printf("{%s'properties':{'mode':'Incremental','parameters':{%s},'template':"
                        "{'$schema':'%s','contentVersion':'1.0.0.0',%s}}}",
                        more, parameters, schema, rest);
    for (char *c = text; *c; c++)
        *c = *c == '\'' ? '"' : *c == '`' ? '\'' : *c;
    return text;
}

/* Deploys and waits for its end, which must be state. */
static void deploy(const char *path, const char *body, const char *state)
{
    struct answer answer = call(&peer, "PUT", path, body);
    ck_assert_msg(answer.status == 200 || answer.status == 201, "%s: %d %s", path, answer.status,
                  answer.text->str);
    answer_clear(&answer);
    answer = await(&peer, path, "properties.provisioningState", state);
    answer_clear(&answer);
}

/* ---- resources by id ---- */

START_TEST(test_sandbox__keeps_any_resource)
{
    start(0, NULL);
    expect_error(&peer, 404, "ResourceNotFound", "GET", WIDGET API, NULL);
    expect_only(&peer, 404, "HEAD", WIDGET API, NULL);
    struct answer answer =
        expect(&peer, 201, "PUT", WIDGET API,
               "{\"location\":\"westeurope\",\"identity\":{\"type\":\"SystemAssigned\"},"
               "\"properties\":{\"a\":1,\"b\":{\"c\":2,\"d\":3}}}");
    ck_assert_str_eq(text_of(answer.json, "type"), "Contoso.Widgets/widgets");
    ck_assert_str_eq(text_of(answer.json, "id"),
                     SUB "/resourceGroups/shop/providers/Contoso.Widgets/widgets/one");
    ck_assert_uint_eq(strlen(text_of(answer.json, "identity.principalId")), 36);
    answer_clear(&answer);
    answer = expect(&peer, 200, "PATCH", WIDGET API,
                    "{\"tags\":{\"x\":\"y\"},\"properties\":{\"b\":{\"c\":null,\"e\":5}}}");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", WIDGET API, NULL);
    ck_assert_str_eq(text_of(answer.json, "tags.x"), "y");
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.b.e")), 5);
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.b.d")), 3);
    ck_assert_ptr_null(at(answer.json, "properties.b.c"));
    answer_clear(&answer);
    expect_only(&peer, 200, "PUT", WIDGET API, "{\"properties\":{\"a\":1}}");
    answer = expect(&peer, 200, "GET", WIDGET API, NULL);
    ck_assert_ptr_null(at(answer.json, "tags"));
    ck_assert_ptr_null(at(answer.json, "properties.b"));
    answer_clear(&answer);
    expect_only(&peer, 201, "PUT", WIDGET "/parts/p" API, "{}");
    expect_only(&peer, 200, "DELETE", WIDGET API, NULL);
    expect_only(&peer, 204, "DELETE", WIDGET API, NULL);
    expect_error(&peer, 404, "ResourceNotFound", "GET", WIDGET "/parts/p" API, NULL);
    expect_error(&peer, 404, "ResourceGroupNotFound", "PUT",
                 SUB "/resourceGroups/other/providers/Contoso.Widgets/widgets/one" API, "{}");
}
END_TEST

START_TEST(test_sandbox__keeps_what_is_locked)
{
    static const char lock[] = GROUP "/providers/Microsoft.Authorization/locks/l" API;
    start(0, NULL);
    g_autofree char *body = body_of(SCHEMA, "", "",
                                    "'resources':[{'type':'Contoso.Widgets/widgets',"
                                    "'apiVersion':'2022-09-01','name':'one','properties':{}}]");
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
    expect_only(&peer, 201, "PUT", GROUP "/providers/Contoso.Widgets/widgets/two" API, "{}");
    expect_only(
        &peer, 201, "PUT",
        GROUP
        "/providers/Contoso.Widgets/widgets/two/providers/Microsoft.Authorization/locks/l" API,
        "{\"properties\":{\"level\":\"CanNotDelete\"}}");
    expect_error(&peer, 409, "ScopeLocked", "DELETE", GROUP API, NULL);
    expect_error(&peer, 409, "ScopeLocked", "DELETE",
                 GROUP "/providers/Contoso.Widgets/widgets/two" API, NULL);
    g_autoptr(GString) complete = g_string_new(body);
    g_string_replace(complete, "Incremental", "Complete", 1);
    deploy(DEPLOYMENT "d2" API, complete->str, "Succeeded");
    expect_only(&peer, 204, "HEAD", GROUP "/providers/Contoso.Widgets/widgets/two" API, NULL);
    expect_only(&peer, 200, "PUT", GROUP "/providers/Contoso.Widgets/widgets/two" API, "{}");
    expect_only(&peer, 201, "PUT", lock, "{\"properties\":{\"level\":\"ReadOnly\"}}");
    expect_error(&peer, 409, "ScopeLocked", "PUT", WIDGET API, "{}");
    expect_error(&peer, 409, "ScopeLocked", "POST", WIDGET "/listKeys" API, "");
    expect_error(&peer, 409, "ScopeLocked", "DELETE", DEPLOYMENT "d1" API, NULL);
    expect_error(&peer, 409, "ScopeLocked", "PUT", DEPLOYMENT "d3" API, body);
    expect_only(&peer, 200, "DELETE", lock, NULL);
    deploy(DEPLOYMENT "d3" API, body, "Succeeded");
}
END_TEST

START_TEST(test_sandbox__lists_resources)
{
    start(0, NULL);
    expect_only(&peer, 201, "PUT", WIDGET API, "{\"location\":\"westeurope\"}");
    expect_only(&peer, 201, "PUT", WIDGET "/parts/p" API, "{}");
    expect_only(&peer, 201, "PUT", GROUP "/providers/Contoso.Widgets/gadgets/g" API, "{}");
    expect_only(&peer, 201, "PUT", SUB "/resourcegroups/shop2" API,
                "{\"location\":\"westeurope\"}");
    expect_only(&peer, 201, "PUT", SUB "/resourcegroups/shop2/providers/A.B/c/d" API, "{}");
    struct answer answer = expect(&peer, 200, "GET", GROUP "/resources" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 3);
    ck_assert_ptr_null(at(answer.json, "value.0.createdTime"));
    ck_assert_ptr_null(at(answer.json, "value.0.properties"));
    answer_clear(&answer);
    answer =
        expect(&peer, 200, "GET", SUB "/resources" API "&$expand=createdTime,changedTime", NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 4);
    ck_assert_str_ne(text_of(answer.json, "value.0.createdTime"), "(none)");
    answer_clear(&answer);
    answer =
        expect(&peer, 200, "GET",
               SUB "/resources" API "&$filter=resourceType%20eq%20'contoso.widgets/WIDGETS'", NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    ck_assert_str_eq(text_of(answer.json, "value.0.name"), "one");
    answer_clear(&answer);
    expect_error(&peer, 501, "NotImplemented", "GET",
                 SUB "/resources" API "&$filter=managedBy%20eq%20'p'", NULL);
    answer = expect(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", WIDGET "/parts" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox__finds_what_was_written_as_part_of_its_parent)
{
    start(0, NULL);
    g_autofree char *body = body_of(
        SCHEMA, "", "",
        "'resources':[{'type':'Microsoft.Network/"
        "virtualNetworks','apiVersion':'2022-09-01','name':'v',"
        "'location':'westeurope','properties':{'subnets':[{'name':'back','properties':{'"
        "addressPrefix':'10.0.0.0/24'}}]}},"
        "{'type':'Microsoft.Network/networkInterfaces','apiVersion':'2022-09-01','name':'n',"
        "'location':'westeurope','dependsOn':['v'],'properties':{'ipConfigurations':[{'name':'ip','"
        "properties':{"
        "'subnet':{'id':'[reference(`v`).subnets[0].id]'}}}]}},"
        "{'type':'Microsoft.ServiceBus/"
        "namespaces','apiVersion':'2022-09-01','name':'bus','location':'westeurope',"
        "'properties':{}}],"
        "'outputs':{'address':{'type':'string','value':"
        "'[reference(`n`).ipConfigurations[0].properties.privateIPAddress]'},"
        "'key':{'type':'string','value':'[listKeys(resourceId(`Microsoft.ServiceBus/namespaces/"
        "authorizationRules`,"
        "`bus`,`RootManageSharedAccessKey`),`2022-09-01`).primaryKey]'}}");
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
    struct answer answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.outputs.address.value"), "10.0.0.4");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET",
                    GROUP "/providers/Microsoft.Network/virtualNetworks/v/subnets/BACK" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "type"), "Microsoft.Network/virtualNetworks/subnets");
    ck_assert_str_eq(text_of(answer.json, "properties.addressPrefix"), "10.0.0.0/24");
    answer_clear(&answer);
    expect_only(&peer, 404, "GET",
                GROUP "/providers/Microsoft.Network/virtualNetworks/v/subnets/front" API, NULL);
}
END_TEST

START_TEST(test_sandbox__takes_actions_and_notes_them)
{
    start(0, NULL);
    expect_error(&peer, 404, "ResourceNotFound", "POST", WIDGET "/slotsswap" API, "{}");
    expect_only(&peer, 201, "PUT", WIDGET API, "{}");
    peer.correlation = "c0ffee";
    expect_only(&peer, 200, "POST", WIDGET "/slotsswap" API, "{\"targetSlot\":\"staging\"}");
    struct answer answer = expect(&peer, 200, "GET", "/sandbox/actions" API, NULL);
    ck_assert_uint_eq(json_array_size(at(answer.json, "value")), 1);
    ck_assert_str_eq(text_of(answer.json, "value.0.name"), "slotsswap");
    ck_assert_str_eq(text_of(answer.json, "value.0.body"), "{\"targetSlot\":\"staging\"}");
    ck_assert_str_eq(text_of(answer.json, "value.0.correlationId"), "c0ffee");
    answer_clear(&answer);
    answer = expect(&peer, 200, "POST", WIDGET "/listKeys" API, "");
    struct answer again = expect(&peer, 200, "POST", WIDGET "/listkeys" API, "");
    ck_assert_str_eq(answer.text->str, again.text->str);
    ck_assert_str_ne(text_of(answer.json, "keys.0.value"), "(none)");
    answer_clear(&answer);
    answer_clear(&again);
}
END_TEST

START_TEST(test_sandbox__an_action_lasts_as_long_as_an_operation)
{
    struct roll_sandbox_options options = start_slow("2026-01-01T00:00:00Z");
    expect_only(&peer, 201, "PUT", WIDGET API, "{}");
    struct answer answer = expect(&peer, 202, "POST", WIDGET "/restart" API, "");
    g_autofree char *location = header_of(&answer, "Location");
    g_autofree char *after = header_of(&answer, "Retry-After");
    ck_assert_str_eq(after, "1");
    answer_clear(&answer);
    expect_only(&peer, 202, "GET", location, NULL);
    peer_move(&peer, &options, "2026-01-01T00:10:00Z");
    expect_only(&peer, 200, "GET", location, NULL);
}
END_TEST

/* ---- templates ---- */

START_TEST(test_sandbox__evaluates_parameters_variables_and_outputs)
{
    start(0, NULL);
    g_autofree char *body = body_of(
        SCHEMA, "'tags':{'roll-head':'x'},",
        "'prefix':{'value':'shop'},'secret':{'value':'hunter2hunter2'}",
        "'parameters':{'prefix':{'type':'string'},'count':{'type':'int','defaultValue':2},"
        "'secret':{'type':'secureString'}},"
        "'variables':{'name':'[concat(parameters(`prefix`),`-w`)]'},"
        "'resources':[{'type':'Contoso.Widgets/widgets','apiVersion':'2022-09-01',"
        "'name':'[concat(variables(`name`),copyIndex())]','location':'[resourceGroup().location]',"
        "'copy':{'name':'loop','count':'[parameters(`count`)]'},'properties':{'i':'[copyIndex()]'}}"
        ","
        "{'type':'Contoso.Widgets/users','apiVersion':'2022-09-01','name':'u','dependsOn':['loop'],"
        "'properties':{'of':'[reference(resourceId(`Contoso.Widgets/widgets`,`shop-w1`)).i]'}}],"
        "'outputs':{'state':{'type':'string','value':'[reference(`u`).provisioningState]'},"
        "'of':{'type':'int','value':'[reference(`u`).of]'},"
        "'hidden':{'type':'secureString','value':'[parameters(`secret`)]'}}");
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
    struct answer answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "tags.roll-head"), "x");
    ck_assert_str_eq(text_of(answer.json, "properties.outputs.state.value"), "Succeeded");
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.outputs.of.value")), 1);
    ck_assert_str_eq(text_of(answer.json, "properties.parameters.prefix.value"), "shop");
    ck_assert_str_eq(text_of(answer.json, "properties.parameters.prefix.type"), "String");
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.parameters.count.value")), 2);
    ck_assert_str_eq(text_of(answer.json, "properties.parameters.secret.type"), "SecureString");
    ck_assert_ptr_null(at(answer.json, "properties.parameters.secret.value"));
    ck_assert_ptr_null(at(answer.json, "properties.outputs.hidden.value"));
    ck_assert_ptr_null(strstr(answer.text->str, "hunter2"));
    ck_assert_uint_eq(json_array_size(at(answer.json, "properties.outputResources")), 3);
    answer_clear(&answer);
    answer =
        expect(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets/shop-w1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "location"), "westeurope");
    answer_clear(&answer);
}
END_TEST

/* There is no Key Vault to ask: the value is made from the reference, and is the same the next
 * time. */
START_TEST(test_sandbox__makes_up_the_secrets_of_a_key_vault)
{
    start(0, NULL);
    g_autofree char *body = body_of(
        SCHEMA, "",
        "'s':{'reference':{'keyVault':{'id':'/subscriptions/x/vaults/v'},'secretName':'n'}}",
        "'parameters':{'s':{'type':'secureString'}},'resources':[{'type':'Contoso.Widgets/widgets',"
        "'apiVersion':'2022-09-01','name':'one','properties':{'p':'[parameters(`s`)]'}}]");
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
    struct answer first = expect(&peer, 200, "GET", WIDGET API, NULL);
    ck_assert(g_str_has_prefix(text_of(first.json, "properties.p"), "Sandbox-"));
    deploy(DEPLOYMENT "d2" API, body, "Succeeded");
    struct answer second = expect(&peer, 200, "GET", WIDGET API, NULL);
    ck_assert_str_eq(first.text->str, second.text->str);
    struct answer shown = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(shown.json, "properties.parameters.s.reference.secretName"), "n");
    ck_assert_ptr_null(strstr(shown.text->str, "Sandbox-"));
    answer_clear(&first);
    answer_clear(&second);
    answer_clear(&shown);
}
END_TEST

START_TEST(test_sandbox__a_failing_evaluation_fails_the_operation)
{
    start(0, NULL);
    g_autofree char *body =
        body_of(SCHEMA, "", "",
                "'resources':[{'type':'Contoso.Widgets/users','apiVersion':'2022-09-01','name':'u',"
                "'properties':{'of':'[reference(resourceId(`Contoso.Widgets/"
                "widgets`,`gone`),`2022-09-01`).i]'}}]");
    deploy(DEPLOYMENT "d1" API, body, "Failed");
    struct answer answer = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.error.details.0.code"), "ResourceNotFound");
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox__says_where_a_template_is_wrong)
{
    start(0, NULL);
    g_autofree char *body = body_of(SCHEMA, "", "'extra':{'value':1}", "'resources':[]");
    struct answer answer = expect(&peer, 400, "POST", DEPLOYMENT "d1/validate" API, body);
    ck_assert_str_eq(text_of(answer.json, "error.code"), "InvalidTemplate");
    ck_assert_ptr_nonnull(strstr(text_of(answer.json, "error.message"), "extra"));
    answer_clear(&answer);
    g_autofree char *output =
        body_of(SCHEMA, "", "",
                "'resources':[],'outputs':{'o':{'type':'string','value':'[refrence(`x`)]'}}");
    expect_error(&peer, 400, "InvalidTemplate", "PUT", DEPLOYMENT "d1" API, output);
    expect_error(&peer, 400, "InvalidTemplate", "POST", DEPLOYMENT "d1/validate" API, output);
    expect_error(&peer, 400, "InvalidTemplate", "POST", DEPLOYMENT "d1/whatIf" API, output);
    expect_only(&peer, 404, "HEAD", DEPLOYMENT "d1" API, NULL);
}
END_TEST

/* ---- other scopes, nested deployments ---- */

#define NESTED_IN_GROUP                                                                            \
    "'resources':[{'type':'Microsoft.Resources/resourceGroups','apiVersion':'2022-09-01',"         \
    "'name':'made','location':'northeurope'},"                                                     \
    "{'type':'Microsoft.Resources/deployments','apiVersion':'2022-09-01','name':'inside',"         \
    "'resourceGroup':'made','dependsOn':['made'],'properties':{'mode':'Incremental',"              \
    "'expressionEvaluationOptions':{'scope':'inner'},'parameters':{'size':{'value':7}},"           \
    "'template':{'$schema':'" SCHEMA "','contentVersion':'1.0.0.0',"                               \
    "'parameters':{'size':{'type':'int'}},"                                                        \
    "'resources':[{'type':'Contoso.Widgets/widgets','apiVersion':'2022-09-01','name':'one',"       \
    "'location':'[resourceGroup().location]','properties':{'size':'[parameters(`size`)]'}}],"      \
    "'outputs':{'Size':{'type':'int','value':'[reference(`one`).size]'}}}}}],"                     \
    "'outputs':{'size':{'type':'int','value':'[reference(`inside`).outputs.Size.value]'}}"

START_TEST(test_sandbox__a_nested_deployment_is_a_deployment)
{
    start(60, NULL);
    g_autofree char *body = body_of(SUB_SCHEMA, "'location':'westeurope',", "", NESTED_IN_GROUP);
    deploy(SUB DEPLOYMENTS "outer" API, body, "Succeeded");
    struct answer answer = expect(&peer, 200, "GET", SUB DEPLOYMENTS "outer" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "location"), "westeurope");
    ck_assert_str_eq(text_of(answer.json, "properties.duration"), "PT0.120S");
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.outputs.size.value")), 7);
    ck_assert_uint_eq(json_array_size(at(answer.json, "properties.outputResources")), 2);
    g_autofree char *correlation = g_strdup(text_of(answer.json, "properties.correlationId"));
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", SUB "/resourcegroups/made" DEPLOYMENTS "inside" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Succeeded");
    ck_assert_str_eq(text_of(answer.json, "properties.correlationId"), correlation);
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", SUB "/resourcegroups/made/deployments/inside/operations" API,
                    NULL);
    ck_assert_str_eq(text_of(answer.json, "value.0.properties.targetResource.resourceType"),
                     "Contoso.Widgets/widgets");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", SUB DEPLOYMENTS "outer/operations" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "value.1.properties.targetResource.resourceType"),
                     "Microsoft.Resources/deployments");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET",
                    SUB "/resourcegroups/made/providers/Contoso.Widgets/widgets/one" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "location"), "northeurope");
    answer_clear(&answer);
}
END_TEST

/* As the service: what a nested template says of its scope does not matter, and its hash is of what
 * was sent. */
START_TEST(test_sandbox__a_nested_template_may_name_another_scope)
{
    start(0, NULL);
    g_autofree char *body =
        body_of(SUB_SCHEMA, "'location':'westeurope',", "",
                "'resources':[{'type':'Microsoft.Resources/"
                "deployments','apiVersion':'2022-09-01','name':'inside',"
                "'location':'westeurope','properties':{'mode':'Incremental','"
                "expressionEvaluationOptions':{'scope':'inner'},'template':{'$schema':'" SCHEMA "',"
                "'contentVersion':'1.0.0.0','resources':[]}}}]");
    deploy(SUB DEPLOYMENTS "outer" API, body, "Succeeded");
    struct answer answer = expect(&peer, 200, "GET", SUB DEPLOYMENTS "inside" API, NULL);
    struct answer hash =
        expect(&peer, 200, "POST", "/providers/Microsoft.Resources/calculateTemplateHash" API,
               "{\"$schema\":\"" SCHEMA "\",\"contentVersion\":\"1.0.0.0\",\"resources\":[]}");
    ck_assert_str_eq(text_of(answer.json, "properties.templateHash"),
                     text_of(hash.json, "templateHash"));
    answer_clear(&answer);
    answer_clear(&hash);
}
END_TEST

START_TEST(test_sandbox__a_failure_inside_is_found_from_outside)
{
    static const char *const faults[] = {"fail=Contoso.Widgets/widgets", NULL};
    start(0, faults);
    g_autofree char *body = body_of(SUB_SCHEMA, "'location':'westeurope',", "", NESTED_IN_GROUP);
    deploy(SUB DEPLOYMENTS "outer" API, body, "Failed");
    struct answer answer = expect(&peer, 200, "GET", SUB DEPLOYMENTS "outer" API, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.error.code"), "DeploymentFailed");
    ck_assert_str_eq(text_of(answer.json, "properties.error.details.0.code"), "DeploymentFailed");
    ck_assert_str_eq(text_of(answer.json, "properties.error.details.0.details.0.details.0.code"),
                     "SandboxFault");
    answer_clear(&answer);
    expect_only(&peer, 204, "HEAD", SUB "/resourcegroups/made" API, NULL);
}
END_TEST

START_TEST(test_sandbox__cancelling_reaches_nested_deployments)
{
    static const char inside[] = SUB "/resourcegroups/made" DEPLOYMENTS "inside" API;
    struct roll_sandbox_options options = start_slow("2026-01-01T00:00:00Z");
    g_autofree char *body = body_of(SUB_SCHEMA, "'location':'westeurope',", "", NESTED_IN_GROUP);
    expect_only(&peer, 201, "PUT", SUB DEPLOYMENTS "outer" API, body);
    expect_error(&peer, 404, "ResourceGroupNotFound", "GET", inside, NULL);
    peer_move(&peer, &options, "2026-01-01T00:01:30Z");
    struct answer answer = expect(&peer, 200, "GET", inside, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Running");
    answer_clear(&answer);
    expect_only(&peer, 204, "POST", SUB DEPLOYMENTS "outer/cancel" API, "");
    answer = expect(&peer, 200, "GET", inside, NULL);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Canceled");
    answer_clear(&answer);
    peer_move(&peer, &options, "2026-01-01T00:10:00Z");
    expect_only(&peer, 204, "HEAD", SUB "/resourcegroups/made" API, NULL);
    expect_only(&peer, 404, "GET",
                SUB "/resourcegroups/made/providers/Contoso.Widgets/widgets/one" API, NULL);
}
END_TEST

START_TEST(test_sandbox__deploys_to_management_group_and_tenant)
{
    static const char *const roots[] = {
        "/providers/Microsoft.Management/managementGroups/mg1" DEPLOYMENTS "d", DEPLOYMENTS "d"};
    static const char *const schemas[] = {MG_SCHEMA, TENANT_SCHEMA};
    start(0, NULL);
    for (int i = 0; i < 2; i++) {
        g_autofree char *path = g_strdup_printf("%s" API, roots[i]);
        g_autofree char *body =
            body_of(schemas[i], "'location':'westeurope',", "",
                    "'resources':[{'type':'Microsoft.Authorization/policyDefinitions',"
                    "'apiVersion':'2022-09-01','name':'p','properties':{}}]");
        deploy(path, body, "Succeeded");
        struct answer answer = expect(&peer, 200, "GET", path, NULL);
        ck_assert_str_eq(text_of(answer.json, "id"), roots[i]);
        g_autofree char *resource =
            g_strdup_printf("%s" API, text_of(answer.json, "properties.outputResources.0.id"));
        answer_clear(&answer);
        expect_only(&peer, 200, "GET", resource, NULL);
    }
    struct answer moved =
        call(&peer, "PUT", DEPLOYMENTS "d" API,
             "{\"location\":\"northeurope\",\"properties\":{\"mode\":\"Incremental\","
             "\"template\":{\"$schema\":\"" TENANT_SCHEMA
             "\",\"contentVersion\":\"1.0.0.0\",\"resources\":[]}}}");
    ck_assert_int_eq(moved.status, 409);
    ck_assert_str_eq(text_of(moved.json, "error.code"), "InvalidDeploymentLocation");
    answer_clear(&moved);
}
END_TEST

START_TEST(test_sandbox__complete_mode_removes_what_is_not_named)
{
    start(0, NULL);
    expect_only(&peer, 201, "PUT", WIDGET API, "{}");
    expect_only(&peer, 201, "PUT", GROUP "/providers/Contoso.Widgets/widgets/two" API, "{}");
    g_autofree char *body = body_of(SCHEMA, "", "",
                                    "'resources':[{'type':'Contoso.Widgets/widgets',"
                                    "'apiVersion':'2022-09-01','name':'one','properties':{}}]");
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
    expect_only(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets/two" API, NULL);
    g_autoptr(GString) complete = g_string_new(body);
    g_string_replace(complete, "Incremental", "Complete", 1);
    deploy(DEPLOYMENT "d1" API, complete->str, "Succeeded");
    expect_only(&peer, 200, "GET", WIDGET API, NULL);
    expect_only(&peer, 404, "GET", GROUP "/providers/Contoso.Widgets/widgets/two" API, NULL);
}
END_TEST

/* ---- previews ---- */

START_TEST(test_sandbox__validates_without_doing)
{
    start(0, NULL);
    g_autofree char *body = body_of(SUB_SCHEMA, "'location':'westeurope',", "", NESTED_IN_GROUP);
    struct answer answer = expect(&peer, 200, "POST", SUB DEPLOYMENTS "outer/validate" API, body);
    ck_assert_str_eq(text_of(answer.json, "properties.provisioningState"), "Succeeded");
    ck_assert_str_eq(text_of(answer.json, "properties.timestamp"), "0001-01-01T00:00:00Z");
    ck_assert_uint_eq(json_array_size(at(answer.json, "properties.validatedResources")), 2);
    answer_clear(&answer);
    expect_only(&peer, 404, "HEAD", SUB DEPLOYMENTS "outer" API, NULL);
    expect_only(&peer, 404, "HEAD", SUB "/resourcegroups/made" API, NULL);
}
END_TEST

/* The changeType of a resource id in a what-if's answer. */
static const char *change_of(const struct answer *answer, const char *id_end)
{
    size_t i;
    json_t *change;
    json_array_foreach (at(answer->json, "properties.changes"), i, change) {
        if (g_str_has_suffix(text_of(change, "resourceId"), id_end))
            return text_of(change, "changeType");
    }
    return "(none)";
}

START_TEST(test_sandbox__foretells_what_a_deployment_changes)
{
    start(0, NULL);
    g_autofree char *first = body_of(
        SCHEMA, "", "",
        "'resources':[{'type':'Contoso.Widgets/widgets','apiVersion':'2022-09-01','name':'same',"
        "'properties':{'a':1}},{'type':'Contoso.Widgets/widgets','apiVersion':'2022-09-01',"
        "'name':'other','properties':{'a':1,'list':[1,2],'old':true}},"
        "{'type':'Contoso.Widgets/"
        "widgets','apiVersion':'2022-09-01','name':'left','properties':{}}]");
    g_autofree char *second = body_of(
        SCHEMA, "", "",
        "'resources':[{'type':'Contoso.Widgets/widgets','apiVersion':'2022-09-01','name':'same',"
        "'properties':{'a':1}},{'type':'Contoso.Widgets/widgets','apiVersion':'2022-09-01',"
        "'name':'other','properties':{'a':2,'list':[1,3],'new':{}}},"
        "{'type':'Contoso.Widgets/"
        "widgets','apiVersion':'2022-09-01','name':'fresh','properties':{}}]");
    deploy(DEPLOYMENT "d1" API, first, "Succeeded");
    struct answer answer = expect(&peer, 202, "POST", DEPLOYMENT "d2/whatIf" API, second);
    g_autofree char *location = header_of(&answer, "Location");
    ck_assert_int_eq(answer.text->len, 0);
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", location, NULL);
    ck_assert_str_eq(text_of(answer.json, "status"), "Succeeded");
    ck_assert_str_eq(change_of(&answer, "/same"), "NoChange");
    ck_assert_str_eq(change_of(&answer, "/other"), "Modify");
    ck_assert_str_eq(change_of(&answer, "/fresh"), "Create");
    ck_assert_str_eq(change_of(&answer, "/left"), "Ignore");
    json_t *delta = at(answer.json, "properties.changes.1.delta");
    ck_assert_uint_eq(json_array_size(delta), 4);
    ck_assert_str_eq(text_of(delta, "0.path"), "properties.a");
    ck_assert_str_eq(text_of(delta, "0.propertyChangeType"), "Modify");
    ck_assert_str_eq(text_of(delta, "1.propertyChangeType"), "Array");
    ck_assert_str_eq(text_of(delta, "1.children.0.path"), "1");
    ck_assert_str_eq(text_of(delta, "2.propertyChangeType"), "Delete");
    ck_assert_str_eq(text_of(delta, "3.propertyChangeType"), "Create");
    answer_clear(&answer);
    answer = expect(&peer, 200, "GET", GROUP "/providers/Contoso.Widgets/widgets/other" API, NULL);
    ck_assert_int_eq(json_integer_value(at(answer.json, "properties.a")), 1);
    answer_clear(&answer);
}
END_TEST

START_TEST(test_sandbox__exports_the_template_that_was_deployed)
{
    start(0, NULL);
    g_autofree char *body =
        body_of(SCHEMA, "", "", "'variables':{'text':'a\\'}]b','x':1.50},'resources':[]");
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
    struct answer deployed = expect(&peer, 200, "GET", DEPLOYMENT "d1" API, NULL);
    struct answer answer = expect(&peer, 200, "POST", DEPLOYMENT "d1/exportTemplate" API, "");
    /* The same number: a template that is shown again was read and written. */
    ck_assert_ptr_nonnull(strstr(answer.text->str, "\"x\":1.5}"));
    g_autofree char *bare = g_strndup(answer.text->str + strlen("{\"template\":"),
                                      answer.text->len - strlen("{\"template\":") - 1);
    struct answer hash = expect(&peer, 200, "POST",
                                "/providers/Microsoft.Resources/calculateTemplateHash" API, bare);
    ck_assert_str_eq(text_of(hash.json, "templateHash"),
                     text_of(deployed.json, "properties.templateHash"));
    answer_clear(&deployed);
    answer_clear(&answer);
    answer_clear(&hash);
}
END_TEST

START_TEST(test_sandbox__reads_what_az_sends)
{
    start(0, NULL);
    static const char body[] =
        "{\"properties\": {\"parameters\": {}, \"mode\": \"Incremental\", template:{\n"
        "  // the file as it is\n  \"$schema\": \"" SCHEMA
        "\", /* so */ \"contentVersion\": \"1.0.0.0\",\n  \"resources\": [],\n}}}";
    deploy(DEPLOYMENT "d1" API, body, "Succeeded");
}
END_TEST

/* ---- SQL ---- */

START_TEST(test_sandbox__every_statement_uses_an_index)
{
    /* Lists of whole tables, and those that go through at most a scope's rows. */
    static const int scans[] = {SANDBOX_ACTION_LIST, SANDBOX_TASK_HURRY};
    struct roll_sql_options options = {.path = ":memory:",
                                       .statements = sandbox_statements,
                                       .count = SANDBOX_STATEMENTS,
                                       .create = true};
    roll_auto(sql) struct roll_sql *sql = NULL;
    OK(roll_sql_open(&options, &sql));
    for (int i = 0; i < SANDBOX_STATEMENTS; i++) {
        if (g_str_has_prefix(sandbox_statements[i].name, "schema"))
            OK(roll_sql_script(sql, sandbox_statements[i].sql));
    }
    for (int i = 0; i < SANDBOX_STATEMENTS; i++) {
        GString *plan = NULL;
        bool listed = g_str_has_prefix(sandbox_statements[i].name, "schema");
        for (size_t s = 0; s < G_N_ELEMENTS(scans); s++)
            listed = listed || scans[s] == i;
        if (listed)
            continue;
        OK(roll_sql_explain(sql, i, &plan));
        ck_assert_msg(!strstr(plan->str, "SCAN ") || strstr(plan->str, "USING") ||
                          strstr(plan->str, "CONSTANT ROW"),
                      "%s: %s", sandbox_statements[i].name, plan->str);
        g_string_free(plan, TRUE);
    }
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("sandbox more");
    TCase *tcase = tcase_create("more");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_sandbox__keeps_any_resource);
    tcase_add_test(tcase, test_sandbox__keeps_what_is_locked);
    tcase_add_test(tcase, test_sandbox__lists_resources);
    tcase_add_test(tcase, test_sandbox__finds_what_was_written_as_part_of_its_parent);
    tcase_add_test(tcase, test_sandbox__takes_actions_and_notes_them);
    tcase_add_test(tcase, test_sandbox__an_action_lasts_as_long_as_an_operation);
    tcase_add_test(tcase, test_sandbox__evaluates_parameters_variables_and_outputs);
    tcase_add_test(tcase, test_sandbox__makes_up_the_secrets_of_a_key_vault);
    tcase_add_test(tcase, test_sandbox__a_failing_evaluation_fails_the_operation);
    tcase_add_test(tcase, test_sandbox__says_where_a_template_is_wrong);
    tcase_add_test(tcase, test_sandbox__a_nested_deployment_is_a_deployment);
    tcase_add_test(tcase, test_sandbox__a_nested_template_may_name_another_scope);
    tcase_add_test(tcase, test_sandbox__a_failure_inside_is_found_from_outside);
    tcase_add_test(tcase, test_sandbox__cancelling_reaches_nested_deployments);
    tcase_add_test(tcase, test_sandbox__deploys_to_management_group_and_tenant);
    tcase_add_test(tcase, test_sandbox__complete_mode_removes_what_is_not_named);
    tcase_add_test(tcase, test_sandbox__validates_without_doing);
    tcase_add_test(tcase, test_sandbox__foretells_what_a_deployment_changes);
    tcase_add_test(tcase, test_sandbox__exports_the_template_that_was_deployed);
    tcase_add_test(tcase, test_sandbox__reads_what_az_sends);
    tcase_add_test(tcase, test_sandbox__every_statement_uses_an_index);
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
