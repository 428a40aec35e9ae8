/* The operations of a deployment, as clients follow them (REST reference 1.8). */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/list.h"
#include "sandbox/store.h"

#define PAGE 1000

static const char *status_code(const struct sandbox_operation *operation)
{
    if (strcmp(operation->state, "Succeeded") == 0)
        return operation->created ? "Created" : "OK";
    return strcmp(operation->state, "Failed") == 0 ? "Conflict" : "Accepted";
}

static json_t *show_target(const struct sandbox_operation *operation)
{
    struct sandbox_id id = {0};
    bool known = sandbox_id_parse(operation->target, &id);
    json_t *target =
        json_pack("{s:s,s:s,s:s}", "id", operation->target, "resourceType", operation->type,
                  "resourceName", known ? id.name : operation->target);
    sandbox_id_clear(&id);
    return target;
}

static json_t *show_operation(const struct sandbox_deployment *deployment,
                              const struct sandbox_operation *operation, int64_t now_ms)
{
    char time[ROLL_TIME_SIZE], tracking[ROLL_UUID_SIZE];
    bool running = strcmp(operation->state, "Running") == 0;
    int64_t until_ms = running ? MAX(now_ms, operation->start_ms) : operation->end_ms;
    g_autofree char *id = g_strdup_printf("%s/operations/%s", deployment->id, operation->id);
    g_autofree char *duration = sandbox_duration(until_ms - operation->start_ms);
    roll_time_format(until_ms, time);
    roll_uuid_from(tracking, "tracking", deployment->correlation, operation->id, NULL);
    json_t *properties =
        json_pack("{s:s,s:s,s:s,s:s,s:s,s:s}", "provisioningOperation", operation->kind,
                  "provisioningState", operation->state, "timestamp", time, "duration", duration,
                  "trackingId", tracking, "statusCode", status_code(operation));
    if (operation->error) {
        json_t *error = NULL;
        roll_error_free(
            roll_json_parse(operation->error, strlen(operation->error), ROLL_JSON_STRICT, &error));
        json_object_set_new(properties, "statusMessage",
                            json_pack("{s:s,s:o?}", "status", "Failed", "error", error));
    }
    json_object_set_new(properties, "targetResource", show_target(operation));
    return json_pack("{s:s,s:s,s:o}", "id", id, "operationId", operation->id, "properties",
                     properties);
}

/* Named by the same digits as the deployment's status; it has no target. */
static json_t *show_outputs(const struct sandbox_deployment *deployment)
{
    char time[ROLL_TIME_SIZE], tracking[ROLL_UUID_SIZE];
    g_autofree char *id =
        g_strdup_printf("%s/operations/%s", deployment->id, deployment->status_id);
    roll_time_format(deployment->changed_ms, time);
    roll_uuid_from(tracking, "tracking", deployment->correlation, deployment->status_id, NULL);
    return json_pack("{s:s,s:s,s:{s:s,s:s,s:s,s:s,s:s,s:s}}", "id", id, "operationId",
                     deployment->status_id, "properties", "provisioningOperation",
                     "EvaluateDeploymentOutput", "provisioningState", "Succeeded", "timestamp",
                     time, "duration", "PT0S", "trackingId", tracking, "statusCode", "OK");
}

static json_t *show_all(const struct sandbox_deployment *deployment, GPtrArray *operations,
                        const char *only, int64_t now_ms)
{
    json_t *list = json_array();
    for (guint i = 0; i < operations->len; i++) {
        const struct sandbox_operation *operation = operations->pdata[i];
        if (strcmp(operation->state, "Waiting") == 0 ||
            (only && g_ascii_strcasecmp(only, operation->id) != 0))
            continue;
        json_array_append_new(list, show_operation(deployment, operation, now_ms));
    }
    bool outputs = strcmp(deployment->state, "Succeeded") == 0 && deployment->outputs;
    if (outputs && (!only || strcmp(only, deployment->status_id) == 0))
        json_array_append_new(list, show_outputs(deployment));
    return list;
}

struct roll_error *sandbox_deployment_operations(struct sandbox_server *server,
                                                 struct sandbox_request *request,
                                                 struct sandbox_reply *reply)
{
    bool there;
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    g_autoptr(GPtrArray) operations = sandbox_operations_new();
    g_autofree char *id = g_strdup_printf("%s/providers/Microsoft.Resources/deployments/%s",
                                          request->scope.id, request->name);
    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (!there && reply->status == 404)
        return NULL;
    ROLL_TRY(sandbox_deployment_find(server, id, &deployment));
    if (!deployment) {
        sandbox_reply_error(reply, 404, "DeploymentNotFound", "Deployment '%s' could not be found.",
                            request->name);
        return NULL;
    }
    ROLL_TRY(sandbox_operations(server, deployment->serial, operations));
    roll_auto(json) json_t *list = show_all(deployment, operations, request->item, request->now_ms);
    if (!request->item) {
        sandbox_page_reply(request, reply, json_incref(list), PAGE);
    } else if (json_array_size(list) == 1) {
        sandbox_reply_set(reply, 200, json_incref(json_array_get(list, 0)));
    } else {
        sandbox_reply_error(reply, 404, "DeploymentOperationNotFound",
                            "The deployment operation '%s' could not be found.", request->item);
    }
    return NULL;
}
