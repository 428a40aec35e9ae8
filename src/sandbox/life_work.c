/* The work of a deployment: an operation that ends writes its resource; what waited for it starts.
 */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/activity.h"
#include "sandbox/faults.h"
#include "sandbox/life.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"

#define DEPLOYMENT_TYPE "Microsoft.Resources/deployments"
#define GROUP_TYPE "Microsoft.Resources/resourceGroups"

/* ---- operations ---- */

static struct roll_error *fail_operation(struct moment *moment,
                                         struct sandbox_deployment *deployment, int64_t position,
                                         json_t *failure_take)
{
    g_autofree char *text = life_text(failure_take);
    json_decref(failure_take);
    ROLL_TRY(sandbox_operation_end(moment->server, deployment->serial, position, "Failed",
                                   moment->at_ms, false, text));
    deployment->failing = true;
    moment_push(moment, deployment->serial);
    return sandbox_deployment_save(moment->server, deployment);
}

/* Sets *ret_failure when the group that is to hold the resource is not there, or a lock forbids it.
 */
static struct roll_error *check_holder(struct sandbox_server *server, const struct sandbox_id *id,
                                       json_t **ret_failure)
{
    struct sandbox_reply reply;
    bool there;
    sandbox_reply_init(&reply);
    struct roll_error *err = sandbox_group_require(server, &id->scope, &reply, &there);
    if (!err && there)
        err = sandbox_lock_check(server, id, CHANGE_WRITE, &reply, &there);
    if (!err && !there)
        *ret_failure = json_incref(json_object_get(reply.body, "error"));
    sandbox_reply_clear(&reply);
    return err;
}

/* A stack does not let others change what it manages. */
static struct roll_error *check_stacks(struct sandbox_server *server,
                                       const struct sandbox_deployment *deployment,
                                       const struct sandbox_id *id, json_t **ret_failure)
{
    struct sandbox_reply reply;
    bool free_to_write;
    sandbox_reply_init(&reply);
    struct roll_error *err =
        sandbox_stack_check(server, id, "write", deployment->serial, NULL, &reply, &free_to_write);
    if (!err && !free_to_write)
        *ret_failure = json_incref(json_object_get(reply.body, "error"));
    sandbox_reply_clear(&reply);
    return err;
}

/* Levels of locks, names of tags, and where the resource stands already. */
static struct roll_error *check_rules(struct sandbox_server *server, const struct sandbox_id *id,
                                      const json_t *body, json_t **ret_failure)
{
    struct sandbox_reply reply;
    bool good;
    sandbox_reply_init(&reply);
    struct roll_error *err = sandbox_rules_check(server, id, body, &reply, &good);
    if (!err && good)
        err = sandbox_location_check(server, id, body, &reply, &good);
    if (!err && !good)
        *ret_failure = json_incref(json_object_get(reply.body, "error"));
    sandbox_reply_clear(&reply);
    return err;
}

static struct roll_error *check_location(struct sandbox_server *server, const struct sandbox_id *id,
                                         const json_t *body, json_t **ret_failure)
{
    roll_auto(sandbox_resource) struct sandbox_resource *known = NULL;
    if (g_ascii_strcasecmp(id->type, GROUP_TYPE) != 0)
        return check_rules(server, id, body, ret_failure);
    ROLL_TRY(sandbox_store_get(server, id->id, &known));
    const char *old = known ? roll_json_get_string(known->body, "location") : NULL;
    const char *location = roll_json_get_string(body, "location");
    if (!old || !location || g_ascii_strcasecmp(old, location) == 0)
        return NULL;
    g_autofree char *text = g_strdup_printf(
        "Invalid resource group location '%s'. The Resource group already exists in location '%s'.",
        location, old);
    *ret_failure = life_error("InvalidResourceGroupLocation", id->id, text);
    return NULL;
}

static json_t *told_to_fail(const char *target, const char *type)
{
    g_autofree char *text =
        g_strdup_printf("The sandbox was told to let resources of type '%s' fail.", type);
    json_t *failure =
        life_error("ResourceDeploymentFailure", target,
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
            life_error("InvalidTemplate", target ? target : "", "The resource id is not valid.");
        return NULL;
    }
    struct roll_error *err = NULL;
    roll_auto(json) json_t *body = NULL;
    if (sandbox_faults_type(server->faults, type))
        *ret_failure = told_to_fail(target, type);
    if (!*ret_failure)
        err = check_holder(server, &id, ret_failure);
    if (!err && !*ret_failure)
        err = check_stacks(server, deployment, &id, ret_failure);
    if (!err && !*ret_failure)
        err = life_as_failure(roll_template_run_body(run->run, (size_t)position, &body), target,
                              ret_failure);
    if (!err && !*ret_failure)
        err = check_location(server, &id, body, ret_failure);
    if (!err && !*ret_failure)
        err = sandbox_store_put(server, &id, roll_json_get_string(body, "apiVersion"), body,
                                moment->at_ms, ret_created);
    sandbox_id_clear(&id);
    return err;
}

/* What a deployment writes stands in the activity log as its caller's doing. */
static struct roll_error *note_write(struct moment *moment,
                                     const struct sandbox_deployment *deployment, int64_t position,
                                     bool created)
{
    struct sandbox_run *run;
    struct sandbox_id id = {0};
    ROLL_TRY(sandbox_run_get(moment->server, deployment, &run));
    const json_t *meta = json_array_get(roll_template_run_resources(run->run), (size_t)position);
    const char *target = roll_json_get_string(meta, "id");
    struct roll_error *err = NULL;
    if (target && sandbox_id_parse(target, &id))
        err = sandbox_activity_write(moment->server, &id, deployment->correlation, moment->at_ms,
                                     created);
    sandbox_id_clear(&id);
    return err;
}

struct roll_error *life_complete_operation(struct moment *moment, int64_t serial, int64_t position)
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
    moment_push(moment, serial);
    ROLL_TRY(note_write(moment, deployment, position, created));
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
    ROLL_TRY(life_as_failure(roll_template_run_body(run->run, (size_t)position, &body), id,
                             ret_failure));
    if (*ret_failure)
        return NULL;
    ROLL_TRY(sandbox_deployment_find(server, id, &known));
    if (known && sandbox_deployment_is_active(known)) {
        *ret_failure = life_error("DeploymentActive", id,
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
    moment_push(moment, nested->serial);
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

struct roll_error *life_go_on(struct moment *moment, int64_t serial)
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
    return life_end_deployment(moment, deployment, operations);
}
