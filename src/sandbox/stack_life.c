/* What becomes of a stack when its deployment has ended, and of what has left the stack. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/life.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define GROUP_TYPE "microsoft.resources/resourcegroups"

/* ---- sets of ids ---------------------------------------------------------------------------- */

/* Each id once, in the order of its coming. */
struct ids {
    GPtrArray *list;  /* char *, owned */
    GHashTable *keys; /* of the same, owned */
};

static void ids_init(struct ids *ids)
{
    ids->list = g_ptr_array_new_with_free_func(g_free);
    ids->keys = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
}

static void ids_clear(struct ids *ids)
{
    g_ptr_array_unref(ids->list);
    g_hash_table_unref(ids->keys);
}

static void ids_add(struct ids *ids, const char *id)
{
    if (id && g_hash_table_add(ids->keys, sandbox_key(id)))
        g_ptr_array_add(ids->list, g_strdup(id));
}

static bool ids_have(const struct ids *ids, const char *id)
{
    g_autofree char *key = sandbox_key(id);
    return g_hash_table_contains(ids->keys, key);
}

static void append_id(json_t *list, const char *id)
{
    json_array_append_new(list, json_pack("{s:s}", "id", id));
}

static json_t *managed(const char *id, const char *status, const char *mode)
{
    return json_pack("{s:s,s:s,s:s}", "id", id, "status", status, "denyStatus", mode);
}

static const char *deny_mode(const struct sandbox_stack *stack)
{
    const json_t *settings = json_object_get(sandbox_stack_properties(stack), "denySettings");
    const char *mode = roll_json_get_string(settings, "mode");
    return mode ? mode : "none";
}

static bool is_group(const char *id)
{
    struct sandbox_id parsed = {0};
    bool group = sandbox_id_parse(id, &parsed) && g_ascii_strcasecmp(parsed.type, GROUP_TYPE) == 0;
    sandbox_id_clear(&parsed);
    return group;
}

static bool is_word(const json_t *object, const char *member, const char *word)
{
    const char *text = roll_json_get_string(object, member);
    return text && g_ascii_strcasecmp(text, word) == 0;
}

/* ---- ends ----------------------------------------------------------------------------------- */

static struct roll_error *end(struct sandbox_server *server, struct sandbox_stack *stack,
                              json_t *error_take, int64_t at_ms)
{
    json_t *properties = sandbox_stack_properties(stack);
    g_autofree char *duration = sandbox_duration(at_ms - stack->started_ms);
    json_object_set_new(properties, "duration", json_string(duration));
    if (error_take)
        json_object_set_new(properties, "error", error_take);
    json_decref(stack->pending);
    stack->pending = NULL;
    sandbox_stack_enter(stack, error_take ? "failed" : "succeeded");
    return sandbox_stack_save(server, stack);
}

static json_t *stage_failed(const char *code, const char *message, const char *inner,
                            const char *inner_message, json_t *details_take)
{
    return json_pack("{s:s,s:s,s:[{s:s,s:s,s:o*}]}", "code", code, "message", message, "details",
                     "code", inner, "message", inner_message, "details", details_take);
}

/* ---- deleting ------------------------------------------------------------------------------- */

static struct roll_error *delete_one(struct sandbox_server *server, const char *id,
                                     json_t **ret_failure)
{
    struct sandbox_id parsed = {0};
    struct sandbox_reply reply;
    bool unlocked = true;
    struct roll_error *err = NULL;
    struct roll_sql_stmt *stmt;
    sandbox_reply_init(&reply);
    if (sandbox_id_parse(id, &parsed))
        err = sandbox_lock_check(server, &parsed, CHANGE_DELETE, &reply, &unlocked);
    if (!err && !unlocked)
        *ret_failure = json_incref(json_object_get(reply.body, "error"));
    if (!err && unlocked)
        err = sandbox_store_delete(server, id);
    if (!err && unlocked && is_group(id)) {
        g_autofree char *key = sandbox_key(id);
        err = roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_DELETE_SCOPE, &stmt);
        if (!err) {
            roll_sql_bind_text(stmt, ":scope", key);
            err = roll_sql_run(stmt);
        }
    }
    sandbox_reply_clear(&reply);
    sandbox_id_clear(&parsed);
    return err;
}

/* What could not be deleted stays in the stack, which tries it again with the next change. */
static struct roll_error *delete_pending(struct sandbox_server *server, struct sandbox_stack *stack)
{
    json_t *properties = sandbox_stack_properties(stack);
    json_t *deleted = json_object_get(properties, "deletedResources");
    json_t *failed = json_object_get(properties, "failedResources");
    json_t *resources = json_object_get(properties, "resources");
    const json_t *list = json_object_get(stack->pending, "delete");
    for (size_t i = json_array_size(list); i > 0; i--) { /* children come after their parents */
        const char *id = json_string_value(json_array_get(list, i - 1));
        json_t *failure = NULL;
        ROLL_TRY(delete_one(server, id, &failure));
        if (!failure) {
            append_id(deleted, id);
            continue;
        }
        json_array_append_new(failed, json_pack("{s:s,s:o}", "id", id, "error", failure));
        json_array_append_new(resources, managed(id, "deleteFailed", deny_mode(stack)));
    }
    return NULL;
}

struct roll_error *sandbox_stack_clean(struct sandbox_server *server, const char *id, int64_t at_ms)
{
    roll_auto(sandbox_stack) struct sandbox_stack *stack = NULL;
    ROLL_TRY(sandbox_stack_find(server, id, &stack));
    if (!stack || !stack->pending) /* its group was deleted meanwhile */
        return NULL;
    bool removing = json_is_true(json_object_get(stack->pending, "remove"));
    ROLL_TRY(delete_pending(server, stack));
    json_t *failed = json_object_get(sandbox_stack_properties(stack), "failedResources");
    if (json_array_size(failed) > 0)
        return end(
            server, stack,
            stage_failed(removing ? "DeploymentStackDeleteFailed" : "DeploymentStackUpdateFailed",
                         removing ? "One or more stages of the deployment stack deletion failed."
                                  : "One or more stages of the deployment stack update failed.",
                         "DeploymentStackDeleteResourcesFailed",
                         "One or more resources could not be deleted. They are still part "
                         "of the stack; failedResources says why.",
                         NULL),
            at_ms);
    return removing ? sandbox_stack_remove(server, stack) : end(server, stack, NULL, at_ms);
}

static struct roll_error *start_deleting(struct sandbox_server *server, struct sandbox_stack *stack,
                                         json_t *list_take, bool removing, int64_t at_ms)
{
    g_autofree char *token = NULL;
    json_decref(stack->pending);
    stack->pending = json_pack("{s:o,s:b}", "delete", list_take, "remove", removing);
    sandbox_stack_enter(stack, removing ? "deleting" : "deletingResources");
    ROLL_TRY(sandbox_stack_save(server, stack));
    return sandbox_task_new(server, SANDBOX_STACK_TASK, stack->id,
                            at_ms + server->operation_time_ms, 200, NULL, &token);
}

struct roll_error *sandbox_stack_leave(struct sandbox_server *server, struct sandbox_stack *stack,
                                       bool delete_resources, bool delete_groups, int64_t at_ms,
                                       bool *ret_at_once)
{
    json_t *properties = sandbox_stack_properties(stack);
    json_t *resources = json_object_get(properties, "resources");
    json_t *list = json_array();
    size_t index;
    json_t *entry;
    json_array_foreach (resources, index, entry) {
        const char *id = roll_json_get_string(entry, "id");
        if (is_group(id) ? delete_groups : delete_resources)
            json_array_append_new(list, json_string(id));
    }
    *ret_at_once = json_array_size(list) == 0;
    if (*ret_at_once) {
        json_decref(list);
        return sandbox_stack_remove(server, stack);
    }
    stack->started_ms = at_ms;
    json_object_set_new(properties, "resources", json_array());
    json_object_set_new(properties, "failedResources", json_array());
    json_object_del(properties, "error");
    return start_deleting(server, stack, list, true, at_ms);
}

/* ---- the deployment has ended --------------------------------------------------------------- */

/* What it deployed, nested deployments included: also of one that failed half-way. */
static struct roll_error *deployed(struct sandbox_server *server, int64_t serial, struct ids *ids)
{
    g_autoptr(GPtrArray) operations = sandbox_operations_new();
    ROLL_TRY(sandbox_operations(server, serial, operations));
    for (guint i = 0; i < operations->len; i++) {
        const struct sandbox_operation *operation = operations->pdata[i];
        if (operation->nested)
            ROLL_TRY(deployed(server, operation->nested, ids));
        else if (strcmp(operation->state, "Succeeded") == 0 &&
                 g_ascii_strcasecmp(operation->type, "Microsoft.Resources/deployments") != 0)
            ids_add(ids, operation->target);
    }
    return NULL;
}

/* What was managed and is not any more, by what becomes of it. */
static void sort_out(struct sandbox_stack *stack, const struct ids *present, json_t *detached,
                     json_t *deleted)
{
    const json_t *action = json_object_get(sandbox_stack_properties(stack), "actionOnUnmanage");
    const json_t *resources = json_object_get(sandbox_stack_properties(stack), "resources");
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, entry) {
        const char *id = roll_json_get_string(entry, "id");
        if (ids_have(present, id))
            continue;
        if (is_word(action, is_group(id) ? "resourceGroups" : "resources", "delete"))
            json_array_append_new(deleted, json_string(id));
        else
            append_id(detached, id);
    }
}

static void set_managed(struct sandbox_stack *stack, const struct ids *present)
{
    json_t *resources = json_array();
    for (guint i = 0; i < present->list->len; i++)
        json_array_append_new(resources,
                              managed(present->list->pdata[i], "managed", deny_mode(stack)));
    json_object_set_new(sandbox_stack_properties(stack), "resources", resources);
}

/* Nothing leaves a stack whose deployment failed; what came is managed already. */
static struct roll_error *deployment_failed(struct sandbox_server *server,
                                            struct sandbox_stack *stack,
                                            const struct sandbox_deployment *deployment,
                                            struct ids *present, int64_t at_ms)
{
    json_t *resources = json_object_get(sandbox_stack_properties(stack), "resources");
    json_t *inner = life_value(deployment->error);
    size_t index;
    json_t *entry;
    json_array_foreach (resources, index, entry)
        ids_add(present, roll_json_get_string(entry, "id"));
    set_managed(stack, present);
    return end(server, stack,
               stage_failed("DeploymentStackUpdateFailed",
                            "One or more stages of the deployment stack update failed.",
                            "DeploymentStackDeploymentFailed",
                            "One or more resources could not be deployed.",
                            inner ? json_pack("[o]", inner) : NULL),
               at_ms);
}

static struct roll_error *deployment_succeeded(struct sandbox_server *server,
                                               struct sandbox_stack *stack,
                                               const struct sandbox_deployment *deployment,
                                               const struct ids *present, int64_t at_ms)
{
    json_t *properties = sandbox_stack_properties(stack);
    json_t *detached = json_array(), *deleted = json_array();
    json_t *shown = sandbox_deployment_show(deployment, SHOW_GET);
    json_t *outputs = json_object_get(json_object_get(shown, "properties"), "outputs");
    if (outputs)
        json_object_set(properties, "outputs", outputs);
    json_decref(shown);
    sort_out(stack, present, detached, deleted);
    set_managed(stack, present);
    json_object_set_new(properties, "detachedResources", detached);
    if (json_array_size(deleted) > 0)
        return start_deleting(server, stack, deleted, false, at_ms);
    json_decref(deleted);
    return end(server, stack, NULL, at_ms);
}

struct roll_error *sandbox_stack_deployed(struct sandbox_server *server,
                                          const struct sandbox_deployment *deployment,
                                          int64_t at_ms)
{
    roll_auto(sandbox_stack) struct sandbox_stack *stack = NULL;
    struct ids present;
    if (deployment->parent)
        return NULL;
    ROLL_TRY(sandbox_stack_of(server, deployment->serial, &stack));
    if (!stack || !sandbox_stack_is_active(stack))
        return NULL;
    ids_init(&present);
    struct roll_error *err = deployed(server, deployment->serial, &present);
    if (!err && strcmp(deployment->state, "Succeeded") == 0)
        err = deployment_succeeded(server, stack, deployment, &present, at_ms);
    else if (!err)
        err = deployment_failed(server, stack, deployment, &present, at_ms);
    ids_clear(&present);
    return err;
}
