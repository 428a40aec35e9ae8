/* Handlers of deployments: create, read, delete, list, poll, cancel, export (REST reference 1.1
 * to 1.10). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/faults.h"
#include "sandbox/list.h"
#include "sandbox/store.h"

#define PAGE 200

static void not_found(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    sandbox_reply_error(reply, 404, "DeploymentNotFound", "Deployment '%s' could not be found.",
                        request->name);
}

char *sandbox_deployment_id(const struct sandbox_request *request)
{
    return g_strdup_printf("%s/providers/Microsoft.Resources/deployments/%s", request->scope.id,
                           request->name);
}

/* NULL in *ret_deployment: the 404 is in reply (the group's if that is missing). */
static struct roll_error *find(struct sandbox_server *server, struct sandbox_request *request,
                               struct sandbox_reply *reply,
                               struct sandbox_deployment **ret_deployment)
{
    bool there;
    g_autofree char *id = sandbox_deployment_id(request);
    *ret_deployment = NULL;
    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (!there && reply->status == 404)
        return NULL;
    ROLL_TRY(sandbox_deployment_find(server, id, ret_deployment));
    if (!*ret_deployment)
        not_found(request, reply);
    return NULL;
}

/* ---- create ---- */

static void refuse_active(const struct sandbox_deployment *known, struct sandbox_reply *reply)
{
    char started[ROLL_TIME_SIZE], expires[ROLL_TIME_SIZE];
    roll_time_format(known->started_ms, started);
    roll_time_format(known->started_ms + INT64_C(7) * 24 * 3600 * 1000, expires);
    sandbox_reply_error(
        reply, 409, "DeploymentActive",
        "The deployment with resource id '%s' cannot be saved, because this would overwrite an "
        "existing deployment which is still active. The existing deployment started at '%s' with "
        "correlationId '%s', and will expire at '%s'. Please see https://aka.ms/arm-deploy for "
        "usage details.",
        known->id, started, known->correlation, expires);
}

static bool check_known(const struct sandbox_deployment *known, const char *location,
                        struct sandbox_reply *reply)
{
    if (sandbox_deployment_is_active(known)) {
        refuse_active(known, reply);
        return false;
    }
    if (location && known->location && g_ascii_strcasecmp(location, known->location) != 0) {
        sandbox_reply_error(reply, 409, "InvalidDeploymentLocation",
                            "Invalid deployment location '%s'. The deployment '%s' already exists "
                            "in location '%s'.",
                            location, sandbox_deployment_name(known), known->location);
        return false;
    }
    return true;
}

static struct roll_error *accept(struct sandbox_server *server, struct sandbox_request *request,
                                 struct sandbox_reply *reply, struct sandbox_new *made, bool known)
{
    struct sandbox_deployment *deployment = made->deployment;
    bool full;
    ROLL_TRY(sandbox_history_groom(server, deployment, &full));
    if (full && !known) {
        sandbox_reply_error(
            reply, 409, "DeploymentQuotaExceeded",
            "Creating the deployment '%s' would exceed the quota of '%d'. The current deployment "
            "count is '%d', please delete some deployments before creating a new one. Please see "
            "https://aka.ms/arm-deploy for usage details.",
            request->name, SANDBOX_HISTORY_LIMIT, SANDBOX_HISTORY_LIMIT);
        return NULL;
    }
    ROLL_TRY(sandbox_deployment_store(server, made));
    sandbox_reply_set(reply, known ? 200 : 201, sandbox_deployment_show(deployment, SHOW_ACCEPTED));
    sandbox_reply_header(reply, "Azure-AsyncOperation", "%s%s/operationStatuses/%s?api-version=%s",
                         request->base_url, deployment->id, deployment->status_id,
                         sandbox_query(request, "api-version"));
    return sandbox_life_begin(server, deployment, request->now_ms);
}

/* A read-only scope takes no deployment (REST reference 6.4). */
static struct roll_error *check_lock(struct sandbox_server *server, const char *deployment_id,
                                     struct sandbox_reply *reply, bool *ret_unlocked)
{
    struct sandbox_id id = {0};
    if (!sandbox_id_parse(deployment_id, &id))
        return roll_error_new(ROLL_E_INTERNAL, "'%s' is not a deployment's id", deployment_id);
    struct roll_error *err = sandbox_lock_check(server, &id, CHANGE_WRITE, reply, ret_unlocked);
    sandbox_id_clear(&id);
    return err;
}

struct roll_error *sandbox_deployment_put(struct sandbox_server *server,
                                          struct sandbox_request *request,
                                          struct sandbox_reply *reply)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *known = NULL;
    roll_auto(json) json_t *body = NULL;
    struct sandbox_new made;
    g_autofree char *id = sandbox_deployment_id(request);
    struct roll_error *err = sandbox_request_deployment(server, request, reply, &body, &made);
    if (!err && made.deployment)
        err = sandbox_deployment_find(server, id, &known);
    const char *location = json_string_value(roll_json_get_nocase(body, "location"));
    bool unlocked = true;
    if (!err && made.deployment)
        err = check_lock(server, id, reply, &unlocked);
    if (!err && made.deployment && unlocked && (!known || check_known(known, location, reply)))
        err = accept(server, request, reply, &made, known != NULL);
    sandbox_new_clear(&made);
    return err;
}

/* ---- read ---- */

struct roll_error *sandbox_deployment_get(struct sandbox_server *server,
                                          struct sandbox_request *request,
                                          struct sandbox_reply *reply)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    ROLL_TRY(find(server, request, reply, &deployment));
    if (!deployment)
        return NULL;
    if (request->method == METHOD_HEAD)
        sandbox_reply_set(reply, 204, NULL);
    else
        sandbox_reply_set(reply, 200, sandbox_deployment_show(deployment, SHOW_GET));
    return NULL;
}

/* `provisioningState eq 'Succeeded'`, the only filter (REST reference 1.1). Owned, NULL without
 * one. */
static bool read_filter(const struct sandbox_request *request, struct sandbox_reply *reply,
                        char **ret_state)
{
    static const char start[] = "provisioningState eq '";
    const char *filter = sandbox_query(request, "$filter");
    *ret_state = NULL;
    if (!filter || !*filter)
        return true;
    size_t length = strlen(filter);
    if (g_ascii_strncasecmp(filter, start, strlen(start)) == 0 && length > strlen(start) &&
        filter[length - 1] == '\'') {
        *ret_state = g_strndup(filter + strlen(start), length - strlen(start) - 1);
        return true;
    }
    sandbox_reply_error(reply, 400, "InvalidFilterInQueryString",
                        "Invalid $filter '%s' specified in the query string.", filter);
    return false;
}

struct roll_error *sandbox_deployment_list(struct sandbox_server *server,
                                           struct sandbox_request *request,
                                           struct sandbox_reply *reply)
{
    bool there;
    g_autofree char *state = NULL;
    g_autoptr(GPtrArray) page = sandbox_deployments_new();
    const char *skip = sandbox_query(request, "$skiptoken");
    int top = sandbox_page_size(request, PAGE);
    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (!there || !sandbox_page_check(request, reply) || !read_filter(request, reply, &state))
        return NULL;
    int64_t before = skip ? g_ascii_strtoll(skip, NULL, 10) : INT64_MAX;
    /* One more than the page has says whether another one follows. */
    ROLL_TRY(sandbox_deployment_page(server, request->scope.id, before, state, top + 1, page));
    json_t *list = json_array();
    for (guint i = 0; i < page->len && i < (guint)top; i++)
        json_array_append_new(list, sandbox_deployment_show(page->pdata[i], SHOW_GET));
    json_t *body = json_pack("{s:o}", "value", list);
    if (page->len > (guint)top) {
        const struct sandbox_deployment *last = page->pdata[top - 1];
        g_autofree char *token = g_strdup_printf("%" G_GINT64_FORMAT, last->serial);
        g_autofree char *next = sandbox_page_next(request, token);
        json_object_set_new(body, "nextLink", json_string(next));
    }
    sandbox_reply_set(reply, 200, body);
    return NULL;
}

struct roll_error *sandbox_deployment_status(struct sandbox_server *server,
                                             struct sandbox_request *request,
                                             struct sandbox_reply *reply)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    if (sandbox_faults_poll(server->faults)) {
        not_found(request, reply);
        return NULL;
    }
    ROLL_TRY(find(server, request, reply, &deployment));
    if (!deployment)
        return NULL;
    if (strcmp(deployment->status_id, request->item) != 0) {
        not_found(request, reply);
        return NULL;
    }
    json_t *body = json_pack("{s:s}", "status", deployment->state);
    if (deployment->error) {
        json_t *error = NULL;
        roll_error_free(roll_json_parse(deployment->error, strlen(deployment->error),
                                        ROLL_JSON_STRICT, &error));
        json_object_set_new(body, "error", error);
    }
    sandbox_reply_set(reply, 200, body);
    if (sandbox_deployment_is_active(deployment))
        sandbox_reply_header(reply, "Retry-After", "1");
    return NULL;
}

/* ---- delete, cancel, export ---- */

struct roll_error *sandbox_deployment_delete(struct sandbox_server *server,
                                             struct sandbox_request *request,
                                             struct sandbox_reply *reply)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    ROLL_TRY(find(server, request, reply, &deployment));
    if (!deployment) {
        sandbox_reply_set(reply, 204, NULL);
        return NULL;
    }
    if (sandbox_deployment_is_active(deployment)) {
        sandbox_reply_error(reply, 409, "DeploymentActive",
                            "The deployment '%s' is still active and cannot be deleted.",
                            request->name);
        return NULL;
    }
    bool deletable = false;
    ROLL_TRY(sandbox_history_deletable(server, deployment, reply, &deletable));
    if (!deletable)
        return NULL;
    g_autofree char *token = NULL;
    ROLL_TRY(sandbox_deployment_remove(server, deployment));
    ROLL_TRY(sandbox_task_new(server, "delete-deployment", deployment->id, request->now_ms, 204,
                              NULL, &token));
    sandbox_reply_set(reply, 202, NULL);
    sandbox_reply_location(request, reply, token);
    return NULL;
}

struct roll_error *sandbox_deployment_cancel(struct sandbox_server *server,
                                             struct sandbox_request *request,
                                             struct sandbox_reply *reply)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    ROLL_TRY(find(server, request, reply, &deployment));
    if (!deployment)
        return NULL;
    if (!sandbox_deployment_is_active(deployment)) {
        sandbox_reply_error(
            reply, 409, "DeploymentCannotBeCancelled",
            "The deployment '%s' cannot be cancelled because its provisioning state is '%s'.",
            request->name, deployment->state);
        return NULL;
    }
    sandbox_reply_set(reply, 204, NULL);
    return sandbox_life_cancel(server, deployment, request->now_ms);
}

struct roll_error *sandbox_deployment_export(struct sandbox_server *server,
                                             struct sandbox_request *request,
                                             struct sandbox_reply *reply)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    struct roll_template *tmpl = NULL;
    g_autofree char *text = NULL;
    ROLL_TRY(find(server, request, reply, &deployment));
    if (!deployment)
        return NULL;
    ROLL_TRY(sandbox_template_text(server, deployment->digest, &text));
    if (!text)
        return roll_error_new(ROLL_E_DAMAGED, "the sandbox's state has lost the template of '%s'",
                              deployment->id);
    g_autofree char *digest = NULL;
    ROLL_TRY(sandbox_template_read(server, text, strlen(text), &digest, &tmpl));
    roll_auto(json) json_t *normal = roll_template_normal(tmpl);
    roll_template_free(tmpl);
    sandbox_reply_set(reply, 200, NULL);
    reply->text = g_string_new("{\"template\":");
    roll_json_write(normal, reply->text);
    g_string_append_c(reply->text, '}');
    return NULL;
}
