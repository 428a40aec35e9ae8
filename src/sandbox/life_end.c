/* The end of a deployment: outputs, the list of what it deployed, its error, and what its parent
 * learns of it. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/life.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"

#define FAILED_TEXT                                                                                \
    "At least one resource deployment operation failed. Please list deployment operations for "    \
    "details. Please see https://aka.ms/arm-deployment-operations for usage details."

static struct roll_error *collect_resources(struct sandbox_server *server, GPtrArray *operations,
                                            json_t *list)
{
    for (guint i = 0; i < operations->len; i++) {
        struct sandbox_operation *operation = operations->pdata[i];
        if (!operation->nested) {
            json_array_append_new(list, json_pack("{s:s}", "id", operation->target));
            continue;
        }
        roll_auto(sandbox_deployment) struct sandbox_deployment *nested = NULL;
        ROLL_TRY(sandbox_deployment_load(server, operation->nested, &nested));
        roll_auto(json) json_t *inner = life_value(nested ? nested->output_resources : NULL);
        json_array_extend(list, inner);
    }
    return NULL;
}

/* Children share the fate of their parent; locks and role assignments stay, and so does what is
 * locked. */
static struct roll_error *clean_resource(struct sandbox_server *server,
                                         const struct sandbox_resource *resource, bool *ret_cleaned)
{
    struct sandbox_id id = {0};
    struct sandbox_reply reply;
    bool unlocked = false;
    struct roll_error *err = NULL;
    sandbox_reply_init(&reply);
    bool whole = sandbox_id_parse(resource->id, &id) && !strchr(id.name, '/') &&
                 !g_str_has_prefix(resource->type, "microsoft.authorization/");
    if (whole)
        err = sandbox_lock_check(server, &id, CHANGE_DELETE, &reply, &unlocked);
    if (!err && unlocked)
        err = sandbox_store_delete(server, resource->id);
    *ret_cleaned = unlocked;
    sandbox_reply_clear(&reply);
    sandbox_id_clear(&id);
    return err;
}

/* Deletions stand behind the template's own operations. */
static struct roll_error *note_cleaned(struct moment *moment, int64_t serial, int64_t position,
                                       const struct sandbox_resource *resource)
{
    const char *type = roll_json_get_string(resource->body, "type");
    ROLL_TRY(sandbox_operation_add(moment->server, serial, position, "Delete", resource->id,
                                   type ? type : resource->type));
    ROLL_TRY(
        sandbox_operation_start(moment->server, serial, position, moment->at_ms, moment->at_ms, 0));
    return sandbox_operation_end(moment->server, serial, position, "Succeeded", moment->at_ms,
                                 false, NULL);
}

/* Complete mode: what the group has and the template does not name goes (REST reference 1.9). */
static struct roll_error *clean_group(struct moment *moment,
                                      const struct sandbox_deployment *deployment,
                                      GPtrArray *operations)
{
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < operations->len; i++)
        g_hash_table_add(named,
                         sandbox_key(((struct sandbox_operation *)operations->pdata[i])->target));
    ROLL_TRY(sandbox_store_list(moment->server, LIST_SCOPE, deployment->scope, NULL, resources));
    int64_t position = operations->len;
    for (guint i = 0; i < resources->len; i++) {
        struct sandbox_resource *resource = resources->pdata[i];
        g_autofree char *key = sandbox_key(resource->id);
        bool cleaned = false;
        if (!g_hash_table_contains(named, key))
            ROLL_TRY(clean_resource(moment->server, resource, &cleaned));
        if (cleaned)
            ROLL_TRY(note_cleaned(moment, deployment->serial, position++, resource));
    }
    return NULL;
}

static json_t *failure_of(const struct sandbox_deployment *deployment, GPtrArray *operations)
{
    json_t *failure = life_error("DeploymentFailed", deployment->id, FAILED_TEXT);
    json_t *details = json_array();
    for (guint i = 0; i < operations->len; i++) {
        struct sandbox_operation *operation = operations->pdata[i];
        if (operation->error)
            json_array_append_new(details, life_value(operation->error));
    }
    json_object_set_new(failure, "details", details);
    return failure;
}

void life_forget_parameters(struct sandbox_deployment *deployment)
{
    g_free(deployment->parameters);
    deployment->parameters = g_strdup("{}");
}

struct roll_error *life_end_parent(struct moment *moment,
                                   const struct sandbox_deployment *deployment)
{
    if (!deployment->parent)
        return NULL;
    bool succeeded = strcmp(deployment->state, "Succeeded") == 0;
    roll_auto(sandbox_deployment) struct sandbox_deployment *parent = NULL;
    ROLL_TRY(sandbox_deployment_load(moment->server, deployment->parent, &parent));
    if (!parent || !sandbox_deployment_is_active(parent))
        return NULL;
    g_autofree char *error = g_strdup(deployment->error);
    if (!succeeded && !error) {
        roll_auto(json) json_t *failure =
            life_error("DeploymentCanceled", deployment->id, "The deployment was canceled.");
        error = life_text(failure);
    }
    ROLL_TRY(sandbox_operation_end(moment->server, deployment->parent, deployment->parent_position,
                                   succeeded ? "Succeeded" : "Failed", moment->at_ms, false,
                                   succeeded ? NULL : error));
    if (!succeeded) {
        parent->failing = true;
        ROLL_TRY(sandbox_deployment_save(moment->server, parent));
    }
    moment_push(moment, deployment->parent);
    return NULL;
}

struct roll_error *life_end_deployment(struct moment *moment, struct sandbox_deployment *deployment,
                                       GPtrArray *operations)
{
    struct sandbox_run *run;
    json_t *failure = NULL, *outputs = NULL;
    if (deployment->failing) {
        failure = failure_of(deployment, operations);
    } else {
        ROLL_TRY(sandbox_run_get(moment->server, deployment, &run));
        ROLL_TRY(life_as_failure(roll_template_run_outputs(run->run, &outputs), deployment->id,
                                 &failure));
        if (failure)
            json_object_set_new(failure, "code", json_string("DeploymentOutputEvaluationFailed"));
    }
    g_free(deployment->state);
    deployment->state = g_strdup(failure ? "Failed" : "Succeeded");
    deployment->changed_ms = moment->at_ms;
    deployment->error = failure ? life_text(failure) : NULL;
    if (!failure) {
        roll_auto(json) json_t *list = json_array();
        ROLL_TRY(collect_resources(moment->server, operations, list));
        deployment->output_resources = life_text(list);
        deployment->outputs = outputs && json_object_size(outputs) > 0 ? life_text(outputs) : NULL;
        if (strcmp(deployment->mode, "Complete") == 0)
            ROLL_TRY(clean_group(moment, deployment, operations));
    }
    json_decref(failure);
    json_decref(outputs);
    life_forget_parameters(deployment);
    ROLL_TRY(sandbox_deployment_save(moment->server, deployment));
    sandbox_run_forget(moment->server, deployment->serial);
    ROLL_TRY(life_after_end(moment, deployment));
    ROLL_TRY(sandbox_stack_deployed(moment->server, deployment, moment->at_ms));
    return life_end_parent(moment, deployment);
}
