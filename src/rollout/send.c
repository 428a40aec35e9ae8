/* How a step is sent to ARM: one row of functions for each way to apply. Others (Terraform) become
 * further rows. */
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollout/send.h"

/* ---- deployments ---------------------------------------------------------------------------- */

static void deployment_ready(struct roll_put *put)
{
    struct roll_send *send = put->send;
    struct roll_arm_deployment deployment = {
        .scope = roll_send_scope(send->target),
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
    roll_arm_put(send->arm, &deployment, roll_send_answered, send);
    roll_fault("after-put");
    roll_put_free(put);
}

static void deployment_put(struct roll_send *send, const struct roll_action *action)
{
    roll_put_begin(send, action, deployment_ready);
}

static void deployment_get(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    roll_arm_get(send->arm, &scope, send->name, roll_send_seen, send);
}

static void whole_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_arm_reply whole = *reply;

    whole.whole = true;
    roll_send_seen(user, &whole);
}

/* The polling address tells the state alone, so that the end takes another read: too dear for a
 * fleet whose reads are counted. Under a name of the plan's an earlier deployment may be seen for a
 * moment still. */
static bool polls_by_name(const struct roll_send *send, const struct roll_arm_scope *scope)
{
    return !roll_send_poll_url(send) ||
           (!send->target->deployment_name && roll_arm_counts_reads(send->arm, scope));
}

static void deployment_poll(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    if (polls_by_name(send, &scope))
        roll_arm_poll(send->arm, &scope, send->name, NULL, whole_seen, send);
    else
        roll_arm_poll(send->arm, &scope, send->name, roll_send_poll_url(send), roll_send_answered,
                      send);
}

static void deployment_cancel(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    roll_arm_cancel(send->arm, &scope, send->name, roll_send_answered, send);
}

static void deployment_explain(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    roll_arm_operations(send->arm, &scope, send->name, roll_send_seen, send);
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
    struct roll_arm_scope scope = roll_send_scope(send->target);
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

static const struct roll_step_driver deployment_driver = {
    .apply = "deployment",
    .cancellable = true,
    .put = deployment_put,
    .get = deployment_get,
    .poll = deployment_poll,
    .cancel = deployment_cancel,
    .explain = deployment_explain,
};

static const struct roll_step_driver action_driver = {
    .apply = "action",
    .cancellable = false,
    .put = action_put,
    .get = action_unknown,
    .poll = action_unknown,
    .cancel = action_unknown,
    .explain = action_unknown,
};

static const struct roll_step_driver *const step_drivers[] = {
    &deployment_driver,
    &roll_stack_driver,
    &action_driver,
};

const struct roll_step_driver *roll_step_driver_find(const char *apply, int64_t step)
{
    const char *wanted = step > 0 ? "action" : apply;

    for (size_t i = 0; i < G_N_ELEMENTS(step_drivers); i++)
        if (strcmp(step_drivers[i]->apply, wanted) == 0)
            return step_drivers[i];
    return NULL;
}
