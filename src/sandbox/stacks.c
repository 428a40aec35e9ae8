/* Handlers of deployment stacks (REST reference 4.1 to 4.3). */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define PAGE 100

static char *stack_id(const struct sandbox_request *request)
{
    return g_strdup_printf("%s/providers/Microsoft.Resources/deploymentStacks/%s",
                           request->scope.id, request->name);
}

static void not_found(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    g_autofree char *id = stack_id(request);
    sandbox_reply_error(reply, 404, "DeploymentStackResourceNotFound",
                        "The deployment stack '%s' could not be found.", id);
}

/* NULL in *ret_stack: the 404 is in reply. */
static struct roll_error *find(struct sandbox_server *server, const struct sandbox_request *request,
                               struct sandbox_reply *reply, struct sandbox_stack **ret_stack)
{
    bool there;
    g_autofree char *id = stack_id(request);
    *ret_stack = NULL;
    ROLL_TRY(sandbox_stack_check_scope(server, request, reply, &there));
    if (!there)
        return NULL;
    ROLL_TRY(sandbox_stack_find(server, id, ret_stack));
    if (!*ret_stack)
        not_found(request, reply);
    return NULL;
}

static bool check_idle(const struct sandbox_stack *stack, struct sandbox_reply *reply)
{
    if (!stack || !sandbox_stack_is_active(stack))
        return true;
    sandbox_reply_error(reply, 409, "DeploymentStackInNonTerminalState",
                        "The deployment stack '%s' cannot be changed: its provisioning state '%s' "
                        "is not terminal.",
                        stack->id, stack->state);
    return false;
}

/* ---- what is shown -------------------------------------------------------------------------- */

/* What was sent, with its type; of a secure parameter nothing but that. */
static json_t *show_parameters(const struct sandbox_stack_asked *asked)
{
    const json_t *sent =
        roll_json_get_nocase(roll_json_get_nocase(asked->body, "properties"), "parameters");
    json_t *declared = json_loads(asked->made.deployment->shown, 0, NULL);
    json_t *shown = json_object();
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)sent, name, value) {
        const char *type = roll_json_get_string(roll_json_get_nocase(declared, name), "type");
        g_autofree char *lower = g_ascii_strdown(type ? type : "", -1);
        json_t *entry = g_str_has_prefix(lower, "secure") ? json_object() : json_copy(value);
        json_object_set_new(entry, "type", json_string(lower));
        json_object_set_new(shown, name, entry);
    }
    json_decref(declared);
    return shown;
}

static void hand_on(json_t *shown, const json_t *sent, const char *member)
{
    json_t *value = roll_json_get_nocase(sent, member);
    if (value && !json_is_null(value))
        json_object_set(shown, member, value);
}

static json_t *show_system_data(const struct sandbox_stack *known, int64_t at_ms)
{
    char now[ROLL_TIME_SIZE];
    roll_time_format(at_ms, now);
    const json_t *old = known ? json_object_get(known->body, "systemData") : NULL;
    const char *created = roll_json_get_string(old, "createdAt");
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "createdBy", "sandbox-developer", "createdByType",
                     "User", "createdAt", created ? created : now, "lastModifiedBy",
                     "sandbox-developer", "lastModifiedByType", "User", "lastModifiedAt", now);
}

static json_t *show(const struct sandbox_request *request, const struct sandbox_stack_asked *asked,
                    const struct sandbox_stack *known)
{
    static const char *const echoed[] = {"description", "deploymentScope", "debugSetting", NULL};
    const json_t *sent = roll_json_get_nocase(asked->body, "properties");
    const json_t *resources =
        known ? json_object_get(sandbox_stack_properties(known), "resources") : NULL;
    json_t *properties = json_pack(
        "{s:O,s:s,s:O,s:o,s:o,s:[],s:[],s:[],s:s,s:s}", "actionOnUnmanage", asked->action,
        "deploymentId", asked->made.deployment->id, "denySettings", asked->deny, "parameters",
        show_parameters(asked), "resources", resources ? json_deep_copy(resources) : json_array(),
        "detachedResources", "deletedResources", "failedResources", "correlationId",
        request->correlation_id, "provisioningState", "initializing");
    for (int i = 0; echoed[i]; i++)
        hand_on(properties, sent, echoed[i]);
    g_autofree char *id = stack_id(request);
    json_t *body = json_object();
    hand_on(body, asked->body, "location");
    hand_on(body, asked->body, "tags");
    json_object_set_new(body, "properties", properties);
    json_object_set_new(body, "systemData", show_system_data(known, request->now_ms));
    json_object_set_new(body, "id", json_string(known ? known->id : id));
    json_object_set_new(body, "type", json_string("Microsoft.Resources/deploymentStacks"));
    json_object_set_new(body, "name", json_string(request->name));
    return body;
}

static void set_status_header(const struct sandbox_request *request,
                              const struct sandbox_stack *stack, struct sandbox_reply *reply)
{
    const char *location = roll_json_get_string(stack->body, "location");
    const char *subscription = request->scope.subscription;
    sandbox_reply_header(reply, "Azure-AsyncOperation",
                         "%s%s%s/providers/Microsoft.Resources/locations/%s/"
                         "deploymentStackOperationStatus/%s?api-version=%s",
                         request->base_url, subscription ? "/subscriptions/" : "",
                         subscription ? subscription : "", location ? location : "westeurope",
                         stack->operation, sandbox_query(request, "api-version"));
}

/* ---- PUT ------------------------------------------------------------------------------------ */

static struct sandbox_stack *stack_new(const struct sandbox_request *request,
                                       const struct sandbox_stack_asked *asked,
                                       const struct sandbox_stack *known)
{
    struct sandbox_stack *stack = g_new0(struct sandbox_stack, 1);
    char operation[ROLL_UUID_SIZE];
    g_autofree char *id = stack_id(request);
    roll_uuid_random(operation);
    stack->key = sandbox_key(id);
    stack->id = g_strdup(known ? known->id : id);
    stack->scope = sandbox_key(request->scope.id);
    stack->operation = g_strdup(operation);
    stack->started_ms = request->now_ms;
    stack->body = show(request, asked, known);
    stack->template = g_strndup(asked->made.template_text, asked->made.template_size);
    return stack;
}

static struct roll_error *accept(struct sandbox_server *server, struct sandbox_request *request,
                                 struct sandbox_reply *reply, struct sandbox_stack_asked *asked,
                                 const struct sandbox_stack *known)
{
    struct sandbox_deployment *deployment = asked->made.deployment;
    roll_auto(sandbox_stack) struct sandbox_stack *stack = stack_new(request, asked, known);
    sandbox_stack_enter(stack, "initializing");
    sandbox_reply_set(reply, known ? 200 : 201, json_deep_copy(stack->body));
    set_status_header(request, stack, reply);
    ROLL_TRY(sandbox_deployment_store(server, &asked->made));
    stack->deployment = deployment->serial;
    sandbox_stack_enter(stack, "deploying");
    ROLL_TRY(sandbox_stack_save(server, stack));
    return sandbox_life_begin(server, deployment, request->now_ms);
}

static struct roll_error *check_lock(struct sandbox_server *server, const char *id,
                                     struct sandbox_reply *reply, bool *ret_free)
{
    struct sandbox_id parsed = {0};
    *ret_free = true;
    if (!sandbox_id_parse(id, &parsed))
        return NULL;
    struct roll_error *err = sandbox_lock_check(server, &parsed, CHANGE_WRITE, reply, ret_free);
    sandbox_id_clear(&parsed);
    return err;
}

struct roll_error *sandbox_stack_put(struct sandbox_server *server, struct sandbox_request *request,
                                     struct sandbox_reply *reply)
{
    roll_auto(sandbox_stack) struct sandbox_stack *known = NULL;
    struct sandbox_stack_asked asked = {0};
    bool unlocked = true;
    g_autofree char *id = stack_id(request);
    struct roll_error *err = sandbox_stack_read(server, request, reply, &asked);
    if (!err && asked.made.deployment)
        err = sandbox_stack_find(server, id, &known);
    if (!err && asked.made.deployment)
        err = check_lock(server, id, reply, &unlocked);
    if (!err && asked.made.deployment && unlocked && check_idle(known, reply))
        err = accept(server, request, reply, &asked, known);
    sandbox_stack_asked_clear(&asked);
    return err;
}

/* ---- GET, list, export ---------------------------------------------------------------------- */

struct roll_error *sandbox_stack_get(struct sandbox_server *server, struct sandbox_request *request,
                                     struct sandbox_reply *reply)
{
    roll_auto(sandbox_stack) struct sandbox_stack *stack = NULL;
    ROLL_TRY(find(server, request, reply, &stack));
    if (stack)
        sandbox_reply_set(reply, 200, json_incref(stack->body));
    return NULL;
}

struct roll_error *sandbox_stack_list(struct sandbox_server *server,
                                      struct sandbox_request *request, struct sandbox_reply *reply)
{
    bool there;
    const char *skip = sandbox_query(request, "$skiptoken");
    g_autoptr(GPtrArray) page = sandbox_stacks_new();
    ROLL_TRY(sandbox_stack_check_scope(server, request, reply, &there));
    if (!there)
        return NULL;
    ROLL_TRY(sandbox_stack_page(server, request->scope.id,
                                skip ? g_ascii_strtoll(skip, NULL, 10) : 0, PAGE, page));
    json_t *list = json_array();
    for (guint i = 0; i < page->len; i++)
        json_array_append(list, ((struct sandbox_stack *)page->pdata[i])->body);
    json_t *body = json_pack("{s:o}", "value", list);
    if (page->len == PAGE) {
        const struct sandbox_stack *last = page->pdata[page->len - 1];
        g_autofree char *next =
            g_strdup_printf("%s%s/providers/Microsoft.Resources/deploymentStacks?api-version=%s"
                            "&%%24skiptoken=%" G_GINT64_FORMAT,
                            request->base_url, request->scope.id,
                            sandbox_query(request, "api-version"), last->serial);
        json_object_set_new(body, "nextLink", json_string(next));
    }
    sandbox_reply_set(reply, 200, body);
    return NULL;
}

struct roll_error *sandbox_stack_export(struct sandbox_server *server,
                                        struct sandbox_request *request,
                                        struct sandbox_reply *reply)
{
    roll_auto(sandbox_stack) struct sandbox_stack *stack = NULL;
    ROLL_TRY(find(server, request, reply, &stack));
    if (!stack)
        return NULL;
    sandbox_reply_set(reply, 200, NULL);
    reply->text = g_string_new("{\"template\":");
    g_string_append_printf(reply->text, "%s}", stack->template);
    return NULL;
}

/* ---- validate ------------------------------------------------------------------------------- */

/* The results of validate spell enumerations with a capital (REST reference 12). */
static json_t *capitals(const json_t *object)
{
    json_t *copy = json_deep_copy(object);
    const char *name;
    json_t *value;
    json_object_foreach (copy, name, value) {
        if (!json_is_string(value))
            continue;
        g_autofree char *text = g_strdup(json_string_value(value));
        text[0] = g_ascii_toupper(text[0]);
        json_string_set(value, text);
    }
    return copy;
}

/* Nested deployments are not resources of the stack; what they deploy is. */
static void add_validated(const json_t *resources, json_t *list)
{
    for (size_t i = 0; i < json_array_size(resources); i++) {
        const json_t *resource = json_array_get(resources, i);
        const char *type = roll_json_get_string(resource, "type");
        const json_t *tmpl = json_object_get(json_object_get(resource, "properties"), "template");
        if (type && g_ascii_strcasecmp(type, "Microsoft.Resources/deployments") == 0)
            add_validated(json_object_get(tmpl, "resources"), list);
        else
            json_array_append_new(list,
                                  json_pack("{s:s?}", "id", roll_json_get_string(resource, "id")));
    }
}

static json_t *validated(const struct sandbox_request *request,
                         const struct sandbox_stack_asked *asked)
{
    json_t *body = show(request, asked, NULL);
    json_t *properties = json_object_get(body, "properties");
    json_t *list = json_array();
    static const char *const left_out[] = {"deploymentId",
                                           "resources",
                                           "detachedResources",
                                           "deletedResources",
                                           "failedResources",
                                           "provisioningState",
                                           NULL};
    for (int i = 0; left_out[i]; i++)
        json_object_del(properties, left_out[i]);
    json_object_del(body, "systemData");
    json_object_set_new(properties, "actionOnUnmanage", capitals(asked->action));
    json_object_set_new(properties, "denySettings", capitals(asked->deny));
    add_validated(asked->made.expansion->resources, list);
    json_object_set_new(properties, "validatedResources", list);
    return body;
}

struct roll_error *sandbox_stack_validate(struct sandbox_server *server,
                                          struct sandbox_request *request,
                                          struct sandbox_reply *reply)
{
    struct sandbox_stack_asked asked = {0};
    g_autofree char *token = NULL;
    struct roll_error *err = sandbox_stack_read(server, request, reply, &asked);
    if (!err && asked.made.deployment)
        err = sandbox_task_new(server, "validate-stack", "", request->now_ms, 200,
                               validated(request, &asked), &token);
    if (!err && token) {
        const char *subscription = request->scope.subscription;
        sandbox_reply_set(reply, 202, NULL);
        sandbox_reply_header(reply, "Location",
                             "%s%s%s/providers/Microsoft.Resources/locations/westeurope/"
                             "deploymentStackOperationResults/%s?api-version=%s",
                             request->base_url, subscription ? "/subscriptions/" : "",
                             subscription ? subscription : "", token,
                             sandbox_query(request, "api-version"));
        sandbox_reply_header(reply, "Retry-After", "1");
    }
    sandbox_stack_asked_clear(&asked);
    return err;
}

/* ---- DELETE --------------------------------------------------------------------------------- */

static bool is_delete(const struct sandbox_request *request, const char *name)
{
    const char *word = sandbox_query(request, name);
    return word && g_ascii_strcasecmp(word, "delete") == 0;
}

struct roll_error *sandbox_stack_delete(struct sandbox_server *server,
                                        struct sandbox_request *request,
                                        struct sandbox_reply *reply)
{
    roll_auto(sandbox_stack) struct sandbox_stack *stack = NULL;
    struct sandbox_id id = {0};
    bool unlocked = true, at_once;
    g_autofree char *text = stack_id(request);
    ROLL_TRY(sandbox_stack_find(server, text, &stack));
    if (!stack) {
        sandbox_reply_set(reply, 204, NULL);
        return NULL;
    }
    if (sandbox_id_parse(stack->id, &id))
        ROLL_TRY(sandbox_lock_check(server, &id, CHANGE_DELETE, reply, &unlocked));
    sandbox_id_clear(&id);
    if (!unlocked || !check_idle(stack, reply))
        return NULL;
    char operation[ROLL_UUID_SIZE];
    roll_uuid_random(operation);
    g_free(stack->operation);
    stack->operation = g_strdup(operation);
    ROLL_TRY(sandbox_stack_leave(server, stack, is_delete(request, "unmanageaction.resources"),
                                 is_delete(request, "unmanageaction.resourcegroups"),
                                 request->now_ms, &at_once));
    sandbox_reply_set(reply, at_once ? 200 : 202, NULL);
    if (!at_once) {
        set_status_header(request, stack, reply);
        sandbox_reply_header(reply, "Retry-After", "1");
    }
    return NULL;
}

/* ---- polls ---------------------------------------------------------------------------------- */

struct roll_error *sandbox_stack_status(struct sandbox_server *server,
                                        struct sandbox_request *request,
                                        struct sandbox_reply *reply)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_STACK_OPERATION_GET, &stmt));
    roll_sql_bind_text(stmt, ":id", request->item);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (!row) {
        sandbox_reply_error(reply, 404, "DeploymentStackOperationNotFound",
                            "The deployment stack operation '%s' could not be found.",
                            request->item);
        return NULL;
    }
    const char *state = roll_sql_text_at(stmt, 0), *error = roll_sql_text_at(stmt, 1);
    bool ended = strcmp(state, "succeeded") == 0 || strcmp(state, "failed") == 0;
    g_autofree char *path = g_strdup(request->path);
    json_t *body = json_pack("{s:s,s:s,s:s}", "id", path, "name", request->item, "status", state);
    if (error && ended)
        json_object_set_new(body, "error", json_loads(error, 0, NULL));
    roll_sql_reset(stmt);
    sandbox_reply_set(reply, 200, body);
    if (!ended)
        sandbox_reply_header(reply, "Retry-After", "1");
    return NULL;
}
