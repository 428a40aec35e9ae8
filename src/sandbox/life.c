/* The life of deployments, computed from stored times: what has become due is done in the order of
 * its time, as if the server had been awake then. Nested deployments are deployments of their own;
 * when one ends, so does its operation. */
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/faults.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define DEPLOYMENT_TYPE "Microsoft.Resources/deployments"
#define GROUP_TYPE "Microsoft.Resources/resourceGroups"
#define FAILED_TEXT                                                                                \
    "At least one resource deployment operation failed. Please list deployment operations for "    \
    "details. Please see https://aka.ms/arm-deployment-operations for usage details."

/* One moment: at_ms, and the deployments in which something ended then. A queue instead of
 * recursion, since a nested deployment can end while its parent is being looked through. */
struct moment {
    struct sandbox_server *server;
    int64_t at_ms;
    GQueue ready; /* of int64_t *: serials */
};

static void push(struct moment *moment, int64_t serial)
{
    for (const GList *link = moment->ready.head; link; link = link->next) {
        if (*(int64_t *)link->data == serial)
            return;
    }
    g_queue_push_tail(&moment->ready, g_memdup2(&serial, sizeof(serial)));
}

static char *text_of(const json_t *value)
{
    GString *text = g_string_new(NULL);
    roll_json_write(value, text);
    return g_string_free(text, FALSE);
}

static json_t *read_text(const char *text)
{
    json_t *value = NULL;
    if (text)
        roll_error_free(roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &value));
    return value;
}

static json_t *make_error(const char *code, const char *target, const char *message)
{
    g_autofree char *valid = g_utf8_make_valid(message, -1);
    return json_pack("{s:s,s:s,s:s}", "code", code, "target", target, "message", valid);
}

/* A refusal of the template's evaluation becomes the operation's error; anything else is the
 * sandbox's own. */
static struct roll_error *as_failure(struct roll_error *err, const char *target,
                                     json_t **ret_failure)
{
    if (!err || roll_error_code(err) != ROLL_E_TEMPLATE)
        return err;
    json_t *detail = read_text(err->detail);
    const char *code = roll_json_get_string(detail, "code");
    GString *text = g_string_new(err->message);
    for (const struct roll_error *cause = err->cause; cause; cause = cause->cause)
        g_string_append_printf(text, ": %s", cause->message);
    *ret_failure = make_error(code ? code : "InvalidTemplate", target, text->str);
    g_string_free(text, TRUE);
    json_decref(detail);
    roll_error_free(err);
    return NULL;
}

/* ---- the end of a deployment ---- */

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
        roll_auto(json) json_t *inner = read_text(nested ? nested->output_resources : NULL);
        json_array_extend(list, inner);
    }
    return NULL;
}

/* Complete mode: what the group has and the template does not name goes (REST reference 1.9). */
static struct roll_error *clean_group(struct sandbox_server *server,
                                      const struct sandbox_deployment *deployment,
                                      GPtrArray *operations)
{
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < operations->len; i++)
        g_hash_table_add(named,
                         sandbox_key(((struct sandbox_operation *)operations->pdata[i])->target));
    ROLL_TRY(sandbox_store_list(server, LIST_SCOPE, deployment->scope, NULL, resources));
    for (guint i = 0; i < resources->len; i++) {
        struct sandbox_resource *resource = resources->pdata[i];
        g_autofree char *key = sandbox_key(resource->id);
        /* Children share the fate of their parent, so only whole resources are looked at. */
        struct sandbox_id id = {0};
        bool child = sandbox_id_parse(resource->id, &id) && strchr(id.name, '/');
        sandbox_id_clear(&id);
        if (!child && !g_hash_table_contains(named, key))
            ROLL_TRY(sandbox_store_delete(server, resource->id));
    }
    return NULL;
}

static json_t *failure_of(const struct sandbox_deployment *deployment, GPtrArray *operations)
{
    json_t *failure = make_error("DeploymentFailed", deployment->id, FAILED_TEXT);
    json_t *details = json_array();
    for (guint i = 0; i < operations->len; i++) {
        struct sandbox_operation *operation = operations->pdata[i];
        if (operation->error)
            json_array_append_new(details, read_text(operation->error));
    }
    json_object_set_new(failure, "details", details);
    return failure;
}

/* The parameters as they were sent may hold secrets; once a deployment has ended nothing needs them
 * any more. */
static void forget_parameters(struct sandbox_deployment *deployment)
{
    g_free(deployment->parameters);
    deployment->parameters = g_strdup("{}");
}

static struct roll_error *end_parent(struct moment *moment,
                                     const struct sandbox_deployment *deployment)
{
    if (!deployment->parent)
        return NULL;
    bool succeeded = strcmp(deployment->state, "Succeeded") == 0;
    roll_auto(sandbox_deployment) struct sandbox_deployment *parent = NULL;
    ROLL_TRY(sandbox_deployment_load(moment->server, deployment->parent, &parent));
    if (!parent || !sandbox_deployment_is_active(parent))
        return NULL;
    g_autofree char *canceled = NULL;
    const char *error = deployment->error;
    if (!succeeded && !error) {
        roll_auto(json) json_t *failure =
            make_error("DeploymentCanceled", deployment->id, "The deployment was canceled.");
        error = canceled = text_of(failure);
    }
    ROLL_TRY(sandbox_operation_end(moment->server, deployment->parent, deployment->parent_position,
                                   succeeded ? "Succeeded" : "Failed", moment->at_ms, false,
                                   succeeded ? NULL : error));
    if (!succeeded) {
        parent->failing = true;
        ROLL_TRY(sandbox_deployment_save(moment->server, parent));
    }
    push(moment, deployment->parent);
    return NULL;
}

static struct roll_error *
end_deployment(struct moment *moment, struct sandbox_deployment *deployment, GPtrArray *operations)
{
    struct sandbox_run *run;
    json_t *failure = NULL, *outputs = NULL;
    if (deployment->failing) {
        failure = failure_of(deployment, operations);
    } else {
        ROLL_TRY(sandbox_run_get(moment->server, deployment, &run));
        ROLL_TRY(
            as_failure(roll_template_run_outputs(run->run, &outputs), deployment->id, &failure));
        if (failure)
            json_object_set_new(failure, "code", json_string("DeploymentOutputEvaluationFailed"));
    }
    g_free(deployment->state);
    deployment->state = g_strdup(failure ? "Failed" : "Succeeded");
    deployment->changed_ms = moment->at_ms;
    deployment->error = failure ? text_of(failure) : NULL;
    if (!failure) {
        roll_auto(json) json_t *list = json_array();
        ROLL_TRY(collect_resources(moment->server, operations, list));
        deployment->output_resources = text_of(list);
        deployment->outputs = outputs && json_object_size(outputs) > 0 ? text_of(outputs) : NULL;
        if (strcmp(deployment->mode, "Complete") == 0)
            ROLL_TRY(clean_group(moment->server, deployment, operations));
    }
    json_decref(failure);
    json_decref(outputs);
    forget_parameters(deployment);
    ROLL_TRY(sandbox_deployment_save(moment->server, deployment));
    sandbox_run_forget(moment->server, deployment->serial);
    return end_parent(moment, deployment);
}

/* ---- operations ---- */

static struct roll_error *fail_operation(struct moment *moment,
                                         struct sandbox_deployment *deployment, int64_t position,
                                         json_t *failure_take)
{
    g_autofree char *text = text_of(failure_take);
    json_decref(failure_take);
    ROLL_TRY(sandbox_operation_end(moment->server, deployment->serial, position, "Failed",
                                   moment->at_ms, false, text));
    deployment->failing = true;
    push(moment, deployment->serial);
    return sandbox_deployment_save(moment->server, deployment);
}

/* Sets *ret_failure when the group or subscription that is to hold the resource cannot. */
static struct roll_error *check_holder(struct sandbox_server *server, const struct sandbox_id *id,
                                       json_t **ret_failure)
{
    struct sandbox_reply reply;
    bool there;
    sandbox_reply_init(&reply);
    struct roll_error *err = sandbox_group_require(server, &id->scope, &reply, &there);
    if (!err && !there)
        *ret_failure = json_incref(json_object_get(reply.body, "error"));
    sandbox_reply_clear(&reply);
    return err;
}

static struct roll_error *check_location(struct sandbox_server *server, const struct sandbox_id *id,
                                         const json_t *body, json_t **ret_failure)
{
    roll_auto(sandbox_resource) struct sandbox_resource *known = NULL;
    if (g_ascii_strcasecmp(id->type, GROUP_TYPE) != 0)
        return NULL;
    ROLL_TRY(sandbox_store_get(server, id->id, &known));
    const char *old = known ? roll_json_get_string(known->body, "location") : NULL;
    const char *location = roll_json_get_string(body, "location");
    if (!old || !location || g_ascii_strcasecmp(old, location) == 0)
        return NULL;
    g_autofree char *text = g_strdup_printf(
        "Invalid resource group location '%s'. The Resource group already exists in location '%s'.",
        location, old);
    *ret_failure = make_error("InvalidResourceGroupLocation", id->id, text);
    return NULL;
}

static json_t *told_to_fail(const char *target, const char *type)
{
    g_autofree char *text =
        g_strdup_printf("The sandbox was told to let resources of type '%s' fail.", type);
    json_t *failure =
        make_error("ResourceDeploymentFailure", target,
                   "The resource operation completed with terminal provisioning state 'Failed'.");
    json_object_set_new(failure, "details",
                        json_pack("[{s:s,s:s}]", "code", "SandboxFault", "message", text));
    return failure;
}

/* Evaluates and writes one resource. *ret_failure: why it ends Failed. */
static struct roll_error *write_resource(struct moment *moment,
                                         const struct sandbox_deployment *deployment,
                                         int64_t position, bool *ret_created, json_t **ret_failure)
{
    struct sandbox_server *server = moment->server;
    struct sandbox_run *run;
    ROLL_TRY(sandbox_run_get(server, deployment, &run));
    const json_t *meta = json_array_get(roll_template_run_resources(run->run), (size_t)position);
    const char *target = roll_json_get_string(meta, "id");
    const char *type = roll_json_get_string(meta, "type");
    struct sandbox_id id = {0};
    if (!target || !type || !sandbox_id_parse(target, &id)) {
        *ret_failure =
            make_error("InvalidTemplate", target ? target : "", "The resource id is not valid.");
        return NULL;
    }
    struct roll_error *err = NULL;
    roll_auto(json) json_t *body = NULL;
    if (sandbox_faults_type(server->faults, type))
        *ret_failure = told_to_fail(target, type);
    if (!*ret_failure)
        err = check_holder(server, &id, ret_failure);
    if (!err && !*ret_failure)
        err = as_failure(roll_template_run_body(run->run, (size_t)position, &body), target,
                         ret_failure);
    if (!err && !*ret_failure)
        err = check_location(server, &id, body, ret_failure);
    if (!err && !*ret_failure)
        err = sandbox_store_put(server, &id, roll_json_get_string(body, "apiVersion"), body,
                                moment->at_ms, ret_created);
    sandbox_id_clear(&id);
    return err;
}

static struct roll_error *complete_operation(struct moment *moment, int64_t serial,
                                             int64_t position)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    json_t *failure = NULL;
    bool created = false;
    ROLL_TRY(sandbox_deployment_load(moment->server, serial, &deployment));
    if (!deployment)
        return roll_error_new(ROLL_E_DAMAGED,
                              "the sandbox's state has an operation without its deployment");
    ROLL_TRY(write_resource(moment, deployment, position, &created, &failure));
    if (failure)
        return fail_operation(moment, deployment, position, failure);
    push(moment, serial);
    return sandbox_operation_end(moment->server, serial, position, "Succeeded", moment->at_ms,
                                 created, NULL);
}

/* ---- starting ---- */

static struct roll_error *make_nested(struct moment *moment,
                                      const struct sandbox_deployment *deployment, int64_t position,
                                      struct sandbox_reply *reply, struct sandbox_new *made,
                                      json_t **ret_failure)
{
    struct sandbox_run *run;
    struct sandbox_server *server = moment->server;
    ROLL_TRY(sandbox_run_get(server, deployment, &run));
    const json_t *meta = json_array_get(roll_template_run_resources(run->run), (size_t)position);
    const char *target = roll_json_get_string(meta, "id");
    g_autofree char *id = g_strdup(target ? target : "");
    roll_auto(json) json_t *body = NULL;
    roll_auto(sandbox_deployment) struct sandbox_deployment *known = NULL;
    ROLL_TRY(
        as_failure(roll_template_run_body(run->run, (size_t)position, &body), id, ret_failure));
    if (*ret_failure)
        return NULL;
    ROLL_TRY(sandbox_deployment_find(server, id, &known));
    if (known && sandbox_deployment_is_active(known)) {
        *ret_failure = make_error("DeploymentActive", id,
                                  "The deployment cannot be saved, because this would overwrite an "
                                  "existing deployment which is still active.");
        return NULL;
    }
    ROLL_TRY(sandbox_deployment_make(server, id, body, NULL, 0, deployment->correlation,
                                     moment->at_ms, reply, made));
    if (!made->deployment)
        *ret_failure = json_incref(json_object_get(reply->body, "error"));
    else
        ROLL_TRY(check_holder(server, &made->run->frame.id, ret_failure));
    return NULL;
}

static struct roll_error *insert_nested(struct moment *moment,
                                        const struct sandbox_deployment *deployment,
                                        int64_t position, struct sandbox_new *made)
{
    struct sandbox_deployment *nested = made->deployment;
    nested->parent = deployment->serial;
    nested->parent_position = position;
    ROLL_TRY(sandbox_deployment_store(moment->server, made));
    ROLL_TRY(sandbox_operation_start(moment->server, deployment->serial, position, moment->at_ms,
                                     moment->at_ms, nested->serial));
    g_free(nested->state);
    nested->state = g_strdup("Running");
    push(moment, nested->serial);
    return sandbox_deployment_save(moment->server, nested);
}

static struct roll_error *start_nested(struct moment *moment, struct sandbox_deployment *deployment,
                                       int64_t position)
{
    struct sandbox_reply reply;
    struct sandbox_new made = {0};
    json_t *failure = NULL;
    sandbox_reply_init(&reply);
    struct roll_error *err = make_nested(moment, deployment, position, &reply, &made, &failure);
    if (!err && failure) {
        /* Its time begins and ends here. */
        err = sandbox_operation_start(moment->server, deployment->serial, position, moment->at_ms,
                                      moment->at_ms, 0);
        if (!err)
            err = fail_operation(moment, deployment, position, json_incref(failure));
    } else if (!err) {
        err = insert_nested(moment, deployment, position, &made);
    }
    json_decref(failure);
    sandbox_new_clear(&made);
    sandbox_reply_clear(&reply);
    return err;
}

static bool needs_are_done(const struct roll_template_run *run, GPtrArray *operations,
                           size_t position)
{
    GArray *needs = roll_template_run_needs(run, position);
    for (guint i = 0; needs && i < needs->len; i++) {
        size_t need = g_array_index(needs, size_t, i);
        if (need >= operations->len ||
            strcmp(((struct sandbox_operation *)operations->pdata[need])->state, "Succeeded") != 0)
            return false;
    }
    return true;
}

static struct roll_error *start_ready(struct moment *moment, struct sandbox_deployment *deployment,
                                      GPtrArray *operations, bool *ret_started)
{
    for (guint i = 0; i < operations->len && !deployment->failing; i++) {
        struct sandbox_operation *operation = operations->pdata[i];
        struct sandbox_run *run;
        if (strcmp(operation->state, "Waiting") != 0)
            continue;
        ROLL_TRY(sandbox_run_get(moment->server, deployment, &run));
        if (!needs_are_done(run->run, operations, i))
            continue;
        *ret_started = true;
        if (g_ascii_strcasecmp(operation->type, DEPLOYMENT_TYPE) == 0)
            ROLL_TRY(start_nested(moment, deployment, operation->position));
        else
            ROLL_TRY(sandbox_operation_start(moment->server, deployment->serial,
                                             operation->position, moment->at_ms,
                                             moment->at_ms + moment->server->operation_time_ms, 0));
    }
    return NULL;
}

/* Something ended in this deployment, or it has just begun: start what can start, or end it. */
static struct roll_error *go_on(struct moment *moment, int64_t serial)
{
    roll_auto(sandbox_deployment) struct sandbox_deployment *deployment = NULL;
    g_autoptr(GPtrArray) operations = sandbox_operations_new();
    bool started = false;
    ROLL_TRY(sandbox_deployment_load(moment->server, serial, &deployment));
    if (!deployment || !sandbox_deployment_is_active(deployment))
        return NULL;
    ROLL_TRY(sandbox_operations(moment->server, serial, operations));
    ROLL_TRY(start_ready(moment, deployment, operations, &started));
    bool running = started, waiting = false;
    for (guint i = 0; i < operations->len; i++) {
        const char *state = ((struct sandbox_operation *)operations->pdata[i])->state;
        running = running || strcmp(state, "Running") == 0;
        waiting = waiting || strcmp(state, "Waiting") == 0;
    }
    if (running)
        return NULL;
    if (waiting && !deployment->failing)
        return roll_error_new(ROLL_E_INTERNAL, "deployment '%s' waits for nothing that runs",
                              deployment->id);
    return end_deployment(moment, deployment, operations);
}

/* After an error (consumed) the queue is only emptied: the transaction will be undone. */
static struct roll_error *settle(struct moment *moment, struct roll_error *err)
{
    int64_t *serial;
    while ((serial = g_queue_pop_head(&moment->ready)) != NULL) {
        if (!err)
            err = go_on(moment, *serial);
        g_free(serial);
    }
    return err;
}

/* ---- time ---- */

static struct roll_error *run_task(struct sandbox_server *server, int64_t serial, const char *kind,
                                   const char *target)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TASK_DONE, &stmt));
    roll_sql_bind_int(stmt, ":serial", serial);
    ROLL_TRY(roll_sql_run(stmt));
    if (strcmp(kind, "delete-group") != 0)
        return NULL;
    g_autofree char *key = sandbox_key(target);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_DEPLOYMENT_DELETE_SCOPE, &stmt));
    roll_sql_bind_text(stmt, ":scope", key);
    ROLL_TRY(roll_sql_run(stmt));
    return sandbox_store_delete(server, target);
}

struct due {
    bool task;
    bool any;
    int64_t serial, position, at_ms;
    char *kind, *target;
};

static struct roll_error *find_due(struct sandbox_server *server, int64_t now_ms, struct due *due)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_OPERATION_DUE, &stmt));
    roll_sql_bind_int(stmt, ":now", now_ms);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row) {
        due->any = true;
        due->serial = roll_sql_int_at(stmt, 0);
        due->position = roll_sql_int_at(stmt, 1);
        due->at_ms = roll_sql_int_at(stmt, 2);
    }
    roll_sql_reset(stmt);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TASK_DUE, &stmt));
    roll_sql_bind_int(stmt, ":now", now_ms);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (row && (!due->any || roll_sql_int_at(stmt, 3) < due->at_ms)) {
        due->any = due->task = true;
        due->serial = roll_sql_int_at(stmt, 0);
        due->kind = g_strdup(roll_sql_text_at(stmt, 1));
        due->target = g_strdup(roll_sql_text_at(stmt, 2));
        due->at_ms = roll_sql_int_at(stmt, 3);
    }
    roll_sql_reset(stmt);
    return NULL;
}

static void due_clear(struct due *due)
{
    g_free(due->kind);
    g_free(due->target);
    *due = (struct due){0};
}

/* All operations that end at the same time, then what follows from them: one look through a
 * deployment for all. */
static struct roll_error *do_due(struct sandbox_server *server, struct due *due)
{
    struct moment moment = {.server = server, .at_ms = due->at_ms, .ready = G_QUEUE_INIT};
    struct roll_error *err = NULL;
    if (due->task)
        return run_task(server, due->serial, due->kind, due->target);
    while (!err && due->any && !due->task && due->at_ms == moment.at_ms) {
        err = complete_operation(&moment, due->serial, due->position);
        due_clear(due);
        if (!err)
            err = find_due(server, moment.at_ms, due);
    }
    return settle(&moment, err);
}

/* Inside a transaction: everything up to now_ms, one moment after the other. */
static struct roll_error *catch_up(struct sandbox_server *server, int64_t now_ms)
{
    for (;;) {
        struct due due = {0};
        struct roll_error *err = find_due(server, now_ms, &due);
        bool any = due.any;
        if (!err && any)
            err = do_due(server, &due);
        due_clear(&due);
        if (err || !any)
            return err;
    }
}

struct roll_error *sandbox_life_advance(struct sandbox_server *server, int64_t now_ms)
{
    struct due due = {0};
    struct roll_error *err = find_due(server, now_ms, &due);
    bool any = due.any;
    due_clear(&due);
    if (err || !any)
        return err;
    ROLL_TRY(roll_sql_begin(server->sql, true));
    err = catch_up(server, now_ms);
    roll_fault("sandbox-advance");
    if (!err)
        err = roll_sql_commit(server->sql);
    roll_sql_rollback(server->sql);
    return err;
}

struct roll_error *sandbox_life_begin(struct sandbox_server *server,
                                      struct sandbox_deployment *deployment, int64_t at_ms)
{
    struct moment moment = {.server = server, .at_ms = at_ms, .ready = G_QUEUE_INIT};
    g_free(deployment->state);
    deployment->state = g_strdup("Running");
    ROLL_TRY(sandbox_deployment_save(server, deployment));
    push(&moment, deployment->serial);
    ROLL_TRY(settle(&moment, NULL));
    return catch_up(server, at_ms);
}

static struct roll_error *cancel(struct moment *moment, struct sandbox_deployment *deployment)
{
    g_autoptr(GPtrArray) operations = sandbox_operations_new();
    ROLL_TRY(sandbox_operations(moment->server, deployment->serial, operations));
    for (guint i = 0; i < operations->len; i++) {
        struct sandbox_operation *operation = operations->pdata[i];
        if (strcmp(operation->state, "Running") != 0)
            continue;
        ROLL_TRY(sandbox_operation_end(moment->server, deployment->serial, operation->position,
                                       "Canceled", moment->at_ms, false, NULL));
        roll_auto(sandbox_deployment) struct sandbox_deployment *nested = NULL;
        if (operation->nested)
            ROLL_TRY(sandbox_deployment_load(moment->server, operation->nested, &nested));
        if (nested && sandbox_deployment_is_active(nested))
            ROLL_TRY(cancel(moment, nested));
    }
    g_free(deployment->state);
    deployment->state = g_strdup("Canceled");
    deployment->changed_ms = moment->at_ms;
    forget_parameters(deployment);
    sandbox_run_forget(moment->server, deployment->serial);
    return sandbox_deployment_save(moment->server, deployment);
}

struct roll_error *sandbox_life_cancel(struct sandbox_server *server,
                                       struct sandbox_deployment *deployment, int64_t at_ms)
{
    struct moment moment = {.server = server, .at_ms = at_ms, .ready = G_QUEUE_INIT};
    ROLL_TRY(cancel(&moment, deployment));
    ROLL_TRY(settle(&moment, end_parent(&moment, deployment)));
    return catch_up(server, at_ms);
}
