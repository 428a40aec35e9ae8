/* What the client sends, request by request, against the shape that the published definitions of
 * the service give: method, path, query, headers, and the members of the body.
 *
 * Source of the shapes: REST reference 1.1, 1.4, 3, 4.1, 4.2, 6, 10.1, for the api-versions that
 * the client sends. */
#include "azure_tools.h"

#include "rollbook/time.h"
#include "suite_tools.h"

#define SUB "/subscriptions/11111111-1111-1111-1111-111111111111"
#define SITE GROUP "/providers/Microsoft.Web/sites/web"
#define RESOURCES "/providers/Microsoft.Resources/"
#define MANAGEMENT "/providers/Microsoft.Management/managementGroups/mg"
#define CORRELATION "c0c0c0c0-0000-4000-8000-000000000001"

/* ---- shapes of bodies ---- */

enum { REQUIRED = 1, OPEN = 2 }; /* OPEN: what lies below is the caller's own */

struct member {
    const char *path;
    int flags;
    const char *values; /* "|A|B|": one of these, or NULL */
};

/* 2022-09-01 takes neither validationLevel nor externalInputs. */
static const struct member deployment_body[] = {
    {"location", 0, NULL},
    {"tags", OPEN, NULL},
    {"identity", OPEN, NULL},
    {"properties", REQUIRED, NULL},
    {"properties.mode", REQUIRED, "|Incremental|"},
    {"properties.template", REQUIRED | OPEN, NULL},
    {"properties.parameters", OPEN, NULL},
    {"properties.debugSetting", OPEN, NULL},
    {"properties.expressionEvaluationOptions", OPEN, NULL},
    {NULL, 0, NULL},
};

static const struct member what_if_body[] = {
    {"location", 0, NULL},
    {"tags", OPEN, NULL},
    {"properties", REQUIRED, NULL},
    {"properties.mode", REQUIRED, "|Incremental|"},
    {"properties.template", REQUIRED | OPEN, NULL},
    {"properties.parameters", OPEN, NULL},
    {"properties.whatIfSettings", 0, NULL},
    {"properties.whatIfSettings.resultFormat", 0, "|FullResourcePayloads|ResourceIdOnly|"},
    {NULL, 0, NULL},
};

static const struct member stack_body[] = {
    {"location", 0, NULL},
    {"tags", OPEN, NULL},
    {"properties", REQUIRED, NULL},
    {"properties.template", REQUIRED | OPEN, NULL},
    {"properties.parameters", OPEN, NULL},
    {"properties.actionOnUnmanage", REQUIRED, NULL},
    {"properties.actionOnUnmanage.resources", REQUIRED, "|delete|detach|"},
    {"properties.actionOnUnmanage.resourceGroups", 0, "|delete|detach|"},
    {"properties.actionOnUnmanage.managementGroups", 0, "|delete|detach|"},
    {"properties.denySettings", REQUIRED, NULL},
    {"properties.denySettings.mode", REQUIRED, "|none|denyDelete|denyWriteAndDelete|"},
    {"properties.denySettings.excludedPrincipals", OPEN, NULL},
    {"properties.denySettings.excludedActions", OPEN, NULL},
    {"properties.denySettings.applyToChildScopes", 0, NULL},
    {"properties.deploymentScope", 0, NULL},
    {"properties.description", 0, NULL},
    {"properties.bypassStackOutOfSyncError", 0, NULL},
    {"properties.debugSetting", OPEN, NULL},
    {NULL, 0, NULL},
};

static const struct member group_body[] = {
    {"location", REQUIRED, NULL},
    {"tags", OPEN, NULL},
    {"managedBy", 0, NULL},
    {NULL, 0, NULL},
};

static const struct member action_body[] = {{"targetSlot", REQUIRED, NULL}, {NULL, 0, NULL}};

static const struct member *find_member(const struct member *shape, const char *path)
{
    for (; shape->path; shape++)
        if (strcmp(shape->path, path) == 0)
            return shape;
    return NULL;
}

static void check_members(const char *what, const struct member *shape, const char *above,
                          const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)(uintptr_t)object, name, value) {
        g_autofree char *path = *above ? g_strdup_printf("%s.%s", above, name) : g_strdup(name);
        const struct member *member = find_member(shape, path);
        ck_assert_msg(member, "%s: '%s' is not in the definition", what, path);
        if (member->values) {
            g_autofree char *wanted = g_strdup_printf("|%s|", json_string_value(value));
            ck_assert_msg(strstr(member->values, wanted), "%s: '%s' is %s", what, path, wanted);
        }
        if (json_is_object(value) && !(member->flags & OPEN))
            check_members(what, shape, path, value);
    }
}

/* Is it there, as far as its parent is? */
static bool is_missing(const json_t *body, const char *path)
{
    g_auto(GStrv) names = g_strsplit(path, ".", -1);

    for (int i = 0; names[i]; i++) {
        json_t *value = json_object_get(body, names[i]);
        if (!value)
            return names[i + 1] == NULL;
        body = value;
    }
    return false;
}

static void check_body(const char *what, const struct member *shape,
                       const struct scripted_request *request)
{
    const char *type = scripted_request_header(request, "content-type");
    roll_auto(json) json_t *body = NULL;

    if (!shape) {
        ck_assert_msg(request->body->len == 0 && !type, "%s: has a body or its type", what);
        return;
    }
    ck_assert_pstr_eq(type, "application/json");
    ok(roll_json_parse(request->body->str, request->body->len, ROLL_JSON_STRICT, &body));
    check_members(what, shape, "", body);
    for (; shape->path; shape++)
        ck_assert_msg(!(shape->flags & REQUIRED) || !is_missing(body, shape->path),
                      "%s: '%s' is missing", what, shape->path);
}

/* ---- the calls ---- */

static const struct roll_arm_scope scopes[] = {
    {.kind = ROLL_SCOPE_GROUP,
     .subscription = "11111111-1111-1111-1111-111111111111",
     .resource_group = "shop-weu"},
    {.kind = ROLL_SCOPE_SUBSCRIPTION, .subscription = "11111111-1111-1111-1111-111111111111"},
    {.kind = ROLL_SCOPE_MANAGEMENT_GROUP, .management_group = "mg"},
    {.kind = ROLL_SCOPE_TENANT},
};

static struct roll_arm_deployment deployment_at(int scope, const json_t *tags)
{
    return (struct roll_arm_deployment){
        .scope = scopes[scope],
        .name = "d1",
        .correlation_id = CORRELATION,
        .location = "westeurope",
        .template_text = "{\"resources\":[]}",
        .parameters_text = "{\"p\":{\"value\":1}}",
        .tags = tags,
    };
}

/* each: calls once, at the scope of this number. */
#define DEPLOY(name, function)                                                                     \
    static void name(struct roll_arm *arm, int scope, roll_arm_fn fn, void *user)                  \
    {                                                                                              \
        roll_auto(json) json_t *tags = json_pack("{s:s}", "roll-seq", "17");                       \
        struct roll_arm_deployment deployment = deployment_at(scope, tags);                        \
        function(arm, &deployment, fn, user);                                                      \
    }
#define BY_NAME(name, function)                                                                    \
    static void name(struct roll_arm *arm, int scope, roll_arm_fn fn, void *user)                  \
    {                                                                                              \
        function(arm, &scopes[scope], "d1", fn, user);                                             \
    }
#define CALL(name, ...)                                                                            \
    static void name(struct roll_arm *arm, int scope, roll_arm_fn fn, void *user)                  \
    {                                                                                              \
        (void)scope;                                                                               \
        __VA_ARGS__;                                                                               \
    }
#define SUBSCRIPTION "11111111-1111-1111-1111-111111111111"

DEPLOY(put, roll_arm_put)
DEPLOY(what_if, roll_arm_what_if)
DEPLOY(validate, roll_arm_validate)
BY_NAME(get, roll_arm_get)
BY_NAME(exists, roll_arm_exists)
BY_NAME(cancel, roll_arm_cancel)
BY_NAME(export, roll_arm_export)
BY_NAME(delete, roll_arm_delete)
BY_NAME(operations, roll_arm_operations)
CALL(poll, roll_arm_poll(arm, &scopes[scope], "d1", NULL, fn, user))
CALL(list, roll_arm_list(arm, &scopes[scope], 0, fn, user))
CALL(list_state, roll_arm_list_state(arm, &scopes[scope], "Failed", 3, fn, user))
CALL(group_get, roll_arm_group_get(arm, SUBSCRIPTION, "shop-weu", fn, user))
CALL(group_put, roll_auto(json) json_t *tags = json_pack("{s:s}", "a", "b");
     roll_arm_group_put(arm, SUBSCRIPTION, "shop-weu", "westeurope", tags, fn, user))
CALL(resource_get, roll_arm_resource_get(arm, SITE, "2022-03-01", fn, user))
CALL(resource_exists, roll_arm_resource_exists(arm, SITE, "2022-03-01", fn, user))
CALL(resource_delete, roll_arm_resource_delete(arm, SITE, "2022-03-01", 0, fn, user))
CALL(resources, roll_arm_resources(arm, GROUP, fn, user))
CALL(action, roll_arm_action(arm, SITE "/slotsswap", "2022-03-01", "{\"targetSlot\":\"s\"}",
                             CORRELATION, fn, user))
CALL(bare_action, roll_arm_action(arm, SITE "/restart", "2022-03-01", NULL, CORRELATION, fn, user))
CALL(provider_get,
     roll_arm_provider_get(arm, scope ? NULL : SUBSCRIPTION, "Microsoft.Web", fn, user))
CALL(provider_register, roll_arm_provider_register(arm, SUBSCRIPTION, "Microsoft.Web", 0, fn, user))
CALL(locks, roll_arm_locks(arm, GROUP, true, fn, user))
CALL(permissions, roll_arm_permissions(arm, GROUP, fn, user))
CALL(activities, struct roll_arm_activity query = {.from_ms = 1767225600000, .select = "caller"};
     roll_arm_activities(arm, SUBSCRIPTION, &query, fn, user))

CALL(alerts, roll_arm_alerts(arm, SUBSCRIPTION, "shop-weu", fn, user))

static struct roll_arm_stack stack_at(int scope, const json_t *tags, const json_t *deny)
{
    return (struct roll_arm_stack){
        .scope = scopes[scope],
        .name = "d1",
        .correlation_id = CORRELATION,
        .location = "westeurope",
        .template_text = "{\"resources\":[]}",
        .parameters_text = "{\"p\":{\"value\":1}}",
        .tags = tags,
        .deny_settings = deny,
        .unmanage = {.delete_resources = true, .bypass_out_of_sync = true},
    };
}

#define STACK(name, function)                                                                      \
    static void name(struct roll_arm *arm, int scope, roll_arm_fn fn, void *user)                  \
    {                                                                                              \
        roll_auto(json) json_t *tags = json_pack("{s:s}", "roll-seq", "17");                       \
        roll_auto(json) json_t *deny =                                                             \
            json_pack("{s:s,s:[s]}", "mode", "denyDelete", "excludedActions", "a/b/delete");       \
        struct roll_arm_stack stack = stack_at(scope, tags, scope == 0 ? deny : NULL);             \
        function(arm, &stack, fn, user);                                                           \
    }
STACK(stack_put, roll_arm_stack_put)
STACK(stack_validate, roll_arm_stack_validate)
BY_NAME(stack_get, roll_arm_stack_get)
BY_NAME(stack_export, roll_arm_stack_export)
CALL(stack_poll, roll_arm_stack_poll(arm, &scopes[scope], "d1", NULL, fn, user))
CALL(stack_delete,
     struct roll_arm_unmanage unmanage = {.delete_resources = true, .bypass_out_of_sync = true};
     roll_arm_stack_delete(arm, &scopes[scope], "d1", &unmanage, fn, user))

struct row {
    const char *function; /* of azure.h */
    void (*call)(struct roll_arm *arm, int scope, roll_arm_fn fn, void *user);
    int scope;
    const char *method, *path, *version;
    const char *query; /* names beside api-version, in order, each before a blank */
    const struct member *body;
    bool correlated; /* carries the client's correlation id */
};

#define DEPLOYED(function, call, method, suffix, body, own)                                        \
    {"roll_arm_" function, call, 0,    method, GROUP RESOURCES "deployments/d1" suffix,            \
     "2022-09-01",         "",   body, own},                                                       \
        {"roll_arm_" function, call, 1,    method, SUB RESOURCES "deployments/d1" suffix,          \
         "2022-09-01",         "",   body, own},                                                   \
        {"roll_arm_" function, call, 2,    method, MANAGEMENT RESOURCES "deployments/d1" suffix,   \
         "2022-09-01",         "",   body, own},                                                   \
    {                                                                                              \
        "roll_arm_" function, call, 3, method, RESOURCES "deployments/d1" suffix, "2022-09-01",    \
            "", body, own                                                                          \
    }

static const struct row rows[] = {
    DEPLOYED("put", put, "PUT", "", deployment_body, true),
    DEPLOYED("what_if", what_if, "POST", "/whatIf", what_if_body, true),
    DEPLOYED("validate", validate, "POST", "/validate", deployment_body, true),
    DEPLOYED("get", get, "GET", "", NULL, false),
    DEPLOYED("poll", poll, "GET", "", NULL, false),
    DEPLOYED("exists", exists, "HEAD", "", NULL, false),
    DEPLOYED("cancel", cancel, "POST", "/cancel", NULL, false),
    DEPLOYED("export", export, "POST", "/exportTemplate", NULL, false),
    DEPLOYED("delete", delete, "DELETE", "", NULL, false),
    {"roll_arm_operations", operations, 0, "GET", GROUP "/deployments/d1/operations", "2022-09-01",
     "", NULL, false},
    {"roll_arm_operations", operations, 1, "GET", SUB RESOURCES "deployments/d1/operations",
     "2022-09-01", "", NULL, false},
    {"roll_arm_operations", operations, 3, "GET", RESOURCES "deployments/d1/operations",
     "2022-09-01", "", NULL, false},
    {"roll_arm_list", list, 0, "GET", GROUP RESOURCES "deployments/", "2022-09-01", "", NULL,
     false},
    {"roll_arm_list", list, 3, "GET", RESOURCES "deployments/", "2022-09-01", "", NULL, false},
    {"roll_arm_list_state", list_state, 1, "GET", SUB RESOURCES "deployments/", "2022-09-01",
     "$filter $top ", NULL, false},
    {"roll_arm_group_get", group_get, 0, "GET", GROUP, "2022-09-01", "", NULL, false},
    {"roll_arm_group_put", group_put, 0, "PUT", GROUP, "2022-09-01", "", group_body, false},
    {"roll_arm_resource_get", resource_get, 0, "GET", SITE, "2022-03-01", "", NULL, false},
    {"roll_arm_resource_exists", resource_exists, 0, "HEAD", SITE, "2022-03-01", "", NULL, false},
    {"roll_arm_resource_delete", resource_delete, 0, "DELETE", SITE, "2022-03-01", "", NULL, false},
    {"roll_arm_resources", resources, 0, "GET", GROUP "/resources", "2022-09-01", "$expand ", NULL,
     false},
    {"roll_arm_action", action, 0, "POST", SITE "/slotsswap", "2022-03-01", "", action_body, true},
    {"roll_arm_action", bare_action, 0, "POST", SITE "/restart", "2022-03-01", "", NULL, true},
    {"roll_arm_provider_get", provider_get, 0, "GET", SUB "/providers/Microsoft.Web", "2022-09-01",
     "", NULL, false},
    {"roll_arm_provider_get", provider_get, 1, "GET", "/providers/Microsoft.Web", "2022-09-01", "",
     NULL, false},
    {"roll_arm_provider_register", provider_register, 0, "POST",
     SUB "/providers/Microsoft.Web/register", "2022-09-01", "", NULL, false},
    {"roll_arm_locks", locks, 0, "GET", GROUP "/providers/Microsoft.Authorization/locks",
     "2020-05-01", "$filter ", NULL, false},
    {"roll_arm_permissions", permissions, 0, "GET",
     GROUP "/providers/Microsoft.Authorization/permissions", "2022-04-01", "", NULL, false},
    {"roll_arm_activities", activities, 0, "GET",
     SUB "/providers/Microsoft.Insights/eventtypes/management/values", "2015-04-01",
     "$filter $select ", NULL, false},
    {"roll_arm_alerts", alerts, 0, "GET", SUB "/providers/Microsoft.AlertsManagement/alerts",
     "2019-03-01", "timeRange targetResourceGroup ", NULL, false},
    {"roll_arm_stack_put", stack_put, 0, "PUT", GROUP RESOURCES "deploymentStacks/d1", "2024-03-01",
     "", stack_body, true},
    {"roll_arm_stack_put", stack_put, 1, "PUT", SUB RESOURCES "deploymentStacks/d1", "2024-03-01",
     "", stack_body, true},
    {"roll_arm_stack_get", stack_get, 0, "GET", GROUP RESOURCES "deploymentStacks/d1", "2024-03-01",
     "", NULL, false},
    {"roll_arm_stack_poll", stack_poll, 0, "GET", GROUP RESOURCES "deploymentStacks/d1",
     "2024-03-01", "", NULL, false},
    {"roll_arm_stack_validate", stack_validate, 0, "POST",
     GROUP RESOURCES "deploymentStacks/d1/validate", "2024-03-01", "", stack_body, true},
    {"roll_arm_stack_delete", stack_delete, 0, "DELETE", GROUP RESOURCES "deploymentStacks/d1",
     "2024-03-01",
     "unmanageAction.Resources unmanageAction.ResourceGroups unmanageAction.ManagementGroups "
     "bypassStackOutOfSyncError ",
     NULL, false},
    {"roll_arm_stack_export", stack_export, 0, "POST",
     GROUP RESOURCES "deploymentStacks/d1/exportTemplate", "2024-03-01", "", NULL, false},
};

static void check_target(const struct row *row, const char *target)
{
    g_auto(GStrv) halves = g_strsplit(target, "?", 2);
    g_auto(GStrv) parameters = g_strsplit(halves[1] ? halves[1] : "", "&", -1);
    g_autofree char *version = g_strdup_printf("api-version=%s", row->version);
    g_autoptr(GString) names = g_string_new(NULL);
    bool versioned = false;

    ck_assert_str_eq(halves[0], row->path);
    for (int i = 0; parameters[i]; i++) {
        if (g_str_has_prefix(parameters[i], "api-version=")) {
            ck_assert_str_eq(parameters[i], version);
            versioned = true;
        } else {
            g_string_append_printf(names, "%.*s ", (int)strcspn(parameters[i], "="), parameters[i]);
        }
    }
    ck_assert(versioned);
    ck_assert_str_eq(names->str, row->query);
}

static void check_headers(const struct row *row, const struct scripted_request *request)
{
    static const char hex[] = "0123456789abcdef-";
    const char *id = scripted_request_header(request, "x-ms-client-request-id");
    const char *correlation = scripted_request_header(request, "x-ms-correlation-request-id");
    const char *agent = scripted_request_header(request, "user-agent");
    const char *token = scripted_request_header(request, "authorization");

    ck_assert_msg(id && strlen(id) == 36 && strspn(id, hex) == 36, "%s: client request id '%s'",
                  row->function, id);
    ck_assert_msg(agent && g_str_has_prefix(agent, "rollbook/") && g_ascii_isdigit(agent[9]),
                  "%s: User-Agent '%s'", row->function, agent);
    ck_assert_pstr_eq(scripted_request_header(request, "accept"), "application/json");
    ck_assert(token && g_str_has_prefix(token, "Bearer "));
    ck_assert_pstr_eq(correlation, row->correlated ? CORRELATION : NULL);
    ck_assert_ptr_null(scripted_request_header(request, "expect"));
    ck_assert_ptr_null(scripted_request_header(request, "cookie"));
}

START_TEST(test_azure_requests__each_has_its_published_shape)
{
    const struct row *row = &rows[_i];
    struct world world;
    struct seen seen = {0};

    /* A refusal ends every call at once. */
    open_world(&world,
               "expect * * times any\nreply 400\n  body "
               "{\"error\":{\"code\":\"BadRequest\",\"message\":\"m\"}}\n",
               NULL);
    row->call(world.arm, row->scope, on_reply, &seen);
    run(&world, &seen);
    ck_assert_uint_eq(scripted_server_count(world.server), 1);
    const struct scripted_request *request = scripted_server_request(world.server, 0);
    ck_assert_str_eq(request->method, row->method);
    check_target(row, request->target);
    check_headers(row, request);
    check_body(row->function, row->body, request);
    if (row->body == deployment_body || row->body == what_if_body || row->body == stack_body) {
        roll_auto(json) json_t *body = json_loads(request->body->str, 0, NULL);
        ck_assert_msg((json_object_get(body, "location") != NULL) == (row->scope != 0),
                      "location is for all scopes but groups");
    }
    clear(&seen);
    close_world(&world);
}
END_TEST

/* Each request has an id of its own. */
START_TEST(test_azure_requests__ids_are_never_used_twice)
{
    struct world world;
    struct seen seen = {0};
    g_autoptr(GHashTable) ids = g_hash_table_new(g_str_hash, g_str_equal);

    open_world(&world,
               "expect GET * times any\nreply 400\n  body "
               "{\"error\":{\"code\":\"BadRequest\",\"message\":\"m\"}}\n",
               NULL);
    for (guint i = 0; i < 20; i++) {
        roll_arm_get(world.arm, &group, "d1", on_reply, &seen);
        run(&world, &seen);
        clear(&seen);
        const struct scripted_request *request = scripted_server_request(world.server, i);
        ck_assert(g_hash_table_add(
            ids, (gpointer)(uintptr_t)scripted_request_header(request, "x-ms-client-request-id")));
    }
    close_world(&world);
}
END_TEST

/* A call that is added to the header gets a row here. */
START_TEST(test_azure_requests__no_call_is_forgotten)
{
    g_autofree char *text = NULL;
    g_autoptr(GRegex) regex =
        g_regex_new("^void (roll_arm_[a-z_]+)\\(struct roll_arm \\*arm,[^;]*roll_arm_fn fn",
                    G_REGEX_MULTILINE, 0, NULL);
    g_autoptr(GMatchInfo) match = NULL;
    guint found = 0;

    ck_assert(g_file_get_contents(ROLL_SOURCE_DIR "/include/rollbook/azure.h", &text, NULL, NULL));
    g_regex_match(regex, text, 0, &match);
    for (; g_match_info_matches(match); g_match_info_next(match, NULL)) {
        g_autofree char *name = g_match_info_fetch(match, 1);
        bool known = false;
        for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
            known = known || strcmp(rows[i].function, name) == 0;
        ck_assert_msg(known, "%s has no row", name);
        found++;
    }
    ck_assert_uint_ge(found, 20);
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("azure_requests");
    TCase *requests = tcase_create("requests");

    tcase_set_timeout(requests, 20);
    tcase_add_loop_test(requests, test_azure_requests__each_has_its_published_shape, 0,
                        G_N_ELEMENTS(rows));
    tcase_add_test(requests, test_azure_requests__ids_are_never_used_twice);
    tcase_add_test(requests, test_azure_requests__no_call_is_forgotten);
    suite_add_tcase(all, requests);
    return all;
}

int main(void)
{
    return run_suite(suite());
}
