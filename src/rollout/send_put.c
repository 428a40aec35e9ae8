/* A PUT of a template, up to the moment when it leaves: the recorded texts, the tags, the resource
 * group. */
#include "rollout/send.h"

#include <inttypes.h>

#include "rollbook/time.h"

struct roll_arm_scope roll_send_scope(const struct roll_order_target *target)
{
    return (struct roll_arm_scope){
        .kind = target->scope,
        .subscription = target->subscription,
        .resource_group = target->resource_group,
        .management_group = target->management_group,
    };
}

void roll_send_answered(void *user, const struct roll_arm_reply *reply)
{
    roll_send_reply(user, reply, NULL);
}

/* Details of a finished deployment are kept; the ones of a running one are not wanted. */
void roll_send_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_send *send = user;
    struct roll_blob *result = NULL;

    if (reply->outcome == ROLL_ARM_OK &&
        (send->kind == ROLL_ACTION_EXPLAIN ||
         (reply->state && (g_ascii_strcasecmp(reply->state, "Failed") == 0 ||
                           g_ascii_strcasecmp(reply->state, "Canceled") == 0))))
        result = roll_result_failed(send->driver, send, reply);
    else if (reply->outcome == ROLL_ARM_OK && roll_arm_state_is_final(reply->state))
        result = roll_result_blob(send->driver->options->ledger, send->target, reply);
    roll_send_reply(send, reply, result);
}

void roll_put_free(struct roll_put *put)
{
    if (put->template_text)
        g_string_free(put->template_text, TRUE);
    if (put->parameters_text)
        g_string_free(put->parameters_text, TRUE);
    json_decref(put->tags);
    g_free(put);
}

void roll_put_reply(struct roll_put *put, const struct roll_arm_reply *reply)
{
    roll_send_reply(put->send, reply, NULL);
    roll_put_free(put);
}

bool roll_put_may_leave(struct roll_put *put)
{
    struct roll_arm_reply unsent = {
        .outcome = ROLL_ARM_UNSENT,
        .message = "the driver's last append is too old to send anything",
        .retry_after_ms = -1,
    };

    if (roll_machine_may_put(put->send->driver->machine, roll_now_ms(), roll_boot_ms()))
        return true;
    roll_put_reply(put, &unsent);
    return false;
}

/* ---- the group ------------------------------------------------------------------------------ */

static void after_group(struct roll_put *put)
{
    if (roll_put_may_leave(put))
        put->ready(put);
}

static void group_made(void *user, const struct roll_arm_reply *reply)
{
    struct roll_put *put = user;

    if (reply->outcome == ROLL_ARM_OK)
        after_group(put);
    else
        roll_put_reply(put, reply);
}

/* A group is looked at first: making it again would take the tags that others gave it. */
static void group_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_put *put = user;
    const struct roll_order_target *target = put->send->target;

    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        roll_arm_group_put(put->send->arm, target->subscription, target->resource_group,
                           target->location, NULL, group_made, put);
    else
        group_made(put, reply);
}

/* Where a release is, the group was there: looking each time would cost a fleet a third of its
 * reads. */
static bool makes_group(const struct roll_send *send)
{
    const struct roll_order_target *target = send->target;

    return target->create_group && target->scope == ROLL_SCOPE_GROUP &&
           (!target->had || g_hash_table_contains(send->driver->groupless, target->name));
}

bool roll_put_lacks_group(struct roll_send *send, const struct roll_arm_reply *reply)
{
    const struct roll_order_target *target = send->target;

    return send->kind == ROLL_ACTION_PUT && target->create_group && target->had &&
           g_strcmp0(reply->code, "ResourceGroupNotFound") == 0 &&
           g_hash_table_add(send->driver->groupless, g_strdup(target->name));
}

/* ---- the beginning -------------------------------------------------------------------------- */

void roll_put_begin(struct roll_send *send, const struct roll_action *action,
                    void (*ready)(struct roll_put *put))
{
    const struct roll_order_target *target = send->target;
    struct roll_ledger *ledger = send->driver->options->ledger;
    struct roll_put *put = g_new0(struct roll_put, 1);
    struct roll_error *err =
        roll_ledger_object(ledger, target->template_digest, &put->template_text);

    put->send = send;
    put->ready = ready;
    if (!err)
        err = roll_ledger_object(ledger, target->parameters_digest, &put->parameters_text);
    if (err) {
        roll_put_free(put);
        roll_send_refuse(send, "LedgerObjectMissing", err);
        return;
    }
    put->tags = roll_send_tags(send, action->request_hash);
    if (makes_group(send))
        roll_arm_group_get(send->arm, target->subscription, target->resource_group, group_seen,
                           put);
    else
        ready(put);
}
