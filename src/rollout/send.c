/* How a step is sent to ARM: one row of functions for each way to apply. Others (stacks, Terraform)
 * become further rows. */
#include "driver.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/time.h"

static struct roll_arm_scope scope_of(const struct roll_order_target *target)
{
    return (struct roll_arm_scope){
        .kind = target->scope,
        .subscription = target->subscription,
        .resource_group = target->resource_group,
        .management_group = target->management_group,
    };
}

static void answered(void *user, const struct roll_arm_reply *reply)
{
    roll_send_reply(user, reply, NULL);
}

/* ---- deployments ---------------------------------------------------------------------------- */

/* Every deployment says whose it is: a ledger that lost its memory, or another one, can see it. */
static json_t *deployment_tags(const struct roll_send *send, const char *request_hash)
{
    g_autofree char *seq = g_strdup_printf("%" PRId64, send->rollout);

    return json_pack("{s:s,s:s,s:s,s:s,s:s}", "roll-ledger",
                     roll_ledger_id(send->driver->options->ledger), "roll-stream",
                     send->driver->stream, "roll-seq", seq, "roll-release", send->target->release,
                     "roll-head", request_hash);
}

struct put {
    struct roll_send *send;
    GString *template_text, *parameters_text;
    json_t *tags;
};

static void put_free(struct put *put)
{
    if (put->template_text)
        g_string_free(put->template_text, TRUE);
    if (put->parameters_text)
        g_string_free(put->parameters_text, TRUE);
    json_decref(put->tags);
    g_free(put);
}

static void put_leave(struct put *put)
{
    struct roll_send *send = put->send;
    struct roll_arm_deployment deployment = {
        .scope = scope_of(send->target),
        .name = send->name,
        .correlation_id = send->correlation_id,
        .location = send->target->scope == ROLL_SCOPE_GROUP ? NULL : send->target->location,
        .template_text = put->template_text->str,
        .parameters_text = put->parameters_text->str,
        .tags = put->tags,
        .leave_by_boot_ms = send->driver->append_boot_ms + ROLL_FENCE_MS,
    };

    roll_fault("before-put");
    roll_send_away(send);
    roll_arm_put(send->arm, &deployment, answered, send);
    roll_fault("after-put");
    put_free(put);
}

/* Looking for the group, or making it, may have taken longer than the fence holds: then the machine
 * renews its claim and comes again. */
static void put_after_group(struct put *put)
{
    struct roll_arm_reply unsent = {
        .outcome = ROLL_ARM_UNSENT,
        .message = "the driver's last append is too old to send anything",
        .retry_after_ms = -1,
    };

    if (roll_machine_may_put(put->send->driver->machine, roll_now_ms(), roll_boot_ms())) {
        put_leave(put);
        return;
    }
    roll_send_reply(put->send, &unsent, NULL);
    put_free(put);
}

static void group_made(void *user, const struct roll_arm_reply *reply)
{
    struct put *put = user;

    if (reply->outcome == ROLL_ARM_OK) {
        put_after_group(put);
        return;
    }
    roll_send_reply(put->send, reply, NULL);
    put_free(put);
}

/* A group is looked at first: making it again would take the tags that others gave it. */
static void group_seen(void *user, const struct roll_arm_reply *reply)
{
    struct put *put = user;
    const struct roll_order_target *target = put->send->target;

    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        roll_arm_group_put(put->send->arm, target->subscription, target->resource_group,
                           target->location, NULL, group_made, put);
    else if (reply->outcome == ROLL_ARM_OK)
        put_after_group(put);
    else
        group_made(put, reply);
}

static void deployment_put(struct roll_send *send, const struct roll_action *action)
{
    const struct roll_order_target *target = send->target;
    struct roll_ledger *ledger = send->driver->options->ledger;
    struct put *put = g_new0(struct put, 1);
    struct roll_error *err =
        roll_ledger_object(ledger, target->template_digest, &put->template_text);

    put->send = send;
    if (!err)
        err = roll_ledger_object(ledger, target->parameters_digest, &put->parameters_text);
    if (err) {
        put_free(put);
        roll_send_refuse(send, "LedgerObjectMissing", err);
        return;
    }
    put->tags = deployment_tags(send, action->request_hash);
    if (target->create_group && target->scope == ROLL_SCOPE_GROUP)
        roll_arm_group_get(send->arm, target->subscription, target->resource_group, group_seen,
                           put);
    else
        put_leave(put);
}

/* Details of a finished deployment are kept; the ones of a running one are not wanted. */
static void deployment_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_send *send = user;
    struct roll_blob *result = NULL;

    if (reply->outcome == ROLL_ARM_OK &&
        (send->kind == ROLL_ACTION_EXPLAIN || g_strcmp0(reply->state, "Failed") == 0))
        result = roll_result_failed(send->driver, send, reply);
    else if (reply->outcome == ROLL_ARM_OK && roll_arm_state_is_final(reply->state))
        result = roll_result_blob(send->driver->options->ledger, send->target, reply);
    roll_send_reply(send, reply, result);
}

static void deployment_get(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = scope_of(send->target);

    (void)action;
    roll_arm_get(send->arm, &scope, send->name, deployment_seen, send);
}

static void deployment_poll(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = scope_of(send->target);

    (void)action;
    roll_arm_poll(send->arm, &scope, send->name,
                  g_hash_table_lookup(send->driver->poll_urls, send->name), answered, send);
}

static void deployment_cancel(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = scope_of(send->target);

    (void)action;
    roll_arm_cancel(send->arm, &scope, send->name, answered, send);
}

static void deployment_explain(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = scope_of(send->target);

    (void)action;
    roll_arm_operations(send->arm, &scope, send->name, deployment_seen, send);
}

/* ---- actions: ARM POST on a resource of the target ------------------------------------------ */

static const struct roll_plan_step *step_of(const struct roll_send *send)
{
    return g_ptr_array_index(send->target->steps, send->step - 1);
}

static void action_done(void *user, const struct roll_arm_reply *reply)
{
    struct roll_send *send = user;
    struct roll_arm_reply done = *reply;

    /* The state in an action's answer is the resource's, not the action's. */
    if (done.outcome == ROLL_ARM_OK)
        done.state = "Succeeded";
    roll_send_reply(send, &done, NULL);
}

static void action_put(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = scope_of(send->target);
    const struct roll_plan_step *step = step_of(send);
    g_autofree char *base = roll_arm_scope_path(&scope);
    g_autofree char *path = step->action[0] == '/'
                                ? g_strdup(step->action)
                                : g_strdup_printf("%s/providers/%s", base, step->action);
    g_autoptr(GString) body = g_string_new(NULL);

    (void)action;
    if (step->body)
        roll_json_write(step->body, body);
    roll_fault("before-put");
    roll_send_away(send);
    roll_arm_action(send->arm, path, step->api_version, step->body ? body->str : NULL,
                    send->correlation_id, action_done, send);
    roll_fault("after-put");
}

/* An action has no record at ARM that could be asked for. What is not known is not repeated: a slot
 * swapped twice is not swapped. */
static void action_unknown(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_OK,
        .state = "Failed",
        .code = "OutcomeUnknown",
        .message = "the answer was lost and ARM keeps no record of actions: look at the resource, "
                   "then 'roll resume'",
        .retry_after_ms = -1,
    };

    (void)action;
    roll_send_reply(send, &reply, NULL);
}

/* ---- the table ------------------------------------------------------------------------------ */

static const struct roll_step_driver step_drivers[] = {
    {
        .apply = "deployment",
        .cancellable = true,
        .put = deployment_put,
        .get = deployment_get,
        .poll = deployment_poll,
        .cancel = deployment_cancel,
        .explain = deployment_explain,
    },
    {
        .apply = "action",
        .cancellable = false,
        .put = action_put,
        .get = action_unknown,
        .poll = action_unknown,
        .cancel = action_unknown,
        .explain = action_unknown,
    },
};

const struct roll_step_driver *roll_step_driver_find(const char *apply, int64_t step)
{
    const char *wanted = step > 0 ? "action" : apply;

    for (size_t i = 0; i < G_N_ELEMENTS(step_drivers); i++)
        if (strcmp(step_drivers[i].apply, wanted) == 0)
            return &step_drivers[i];
    return NULL;
}
