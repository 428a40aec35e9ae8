/* Stacks as a way to apply. A stack has one name for all releases of an environment and each PUT
 * overwrites it, so that everything turns on the correlation id, which is that of the last PUT that
 * ARM took:
 *
 *   ours                      that PUT is in the stack, and its state is the stack's
 *   another's, but a managed  it was, and something came after it: its state is that of the
 *   deployment has ours       deployment which it began
 *   another's                 it never arrived
 *
 * Before a PUT the stack is looked at: whether it is ours, at rest, and what would leave it. */
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/time.h"
#include "rollout/send.h"

#define HISTORY_MAX                                                                                \
    200 /* newest deployments of a scope in which an overwritten PUT is looked for */
#define NAMED_MAX 5

static bool is_ours(const struct roll_send *send, const char *correlation)
{
    return correlation && g_ascii_strcasecmp(correlation, send->correlation_id) == 0;
}

static const json_t *properties_of(const json_t *body)
{
    return roll_json_get_nocase(body, "properties");
}

/* ---- before a PUT: what is there ------------------------------------------------------------ */

/* Made by this ledger for this environment: its tags say so. */
static bool is_of_ledger(const struct roll_put *put, const json_t *body)
{
    const struct roll_driver *driver = put->send->driver;
    const json_t *tags = roll_json_get_nocase(body, "tags");
    const char *ledger = json_string_value(roll_json_get_nocase(tags, "roll-ledger"));
    const char *stream = json_string_value(roll_json_get_nocase(tags, "roll-stream"));

    return g_strcmp0(ledger, roll_ledger_id(driver->options->ledger)) == 0 &&
           g_strcmp0(stream, driver->stream) == 0;
}

static void refuse(struct roll_put *put, enum roll_arm_outcome outcome, const char *code,
                   const char *message)
{
    struct roll_arm_reply reply = {
        .outcome = outcome, .code = code, .message = message, .retry_after_ms = -1};

    roll_put_reply(put, &reply);
}

static void leave(struct roll_put *put)
{
    struct roll_send *send = put->send;
    const struct roll_order_target *target = send->target;
    bool release = send->driver->order->lane == ROLL_LANE_RELEASE;
    struct roll_arm_stack stack = {
        .scope = roll_send_scope(target),
        .name = send->name,
        .correlation_id = send->correlation_id,
        .location = target->location,
        .template_text = put->template_text->str,
        .parameters_text = put->parameters_text->str,
        .tags = put->tags,
        /* Groups always stay: with one goes all that is in it, managed or not. In an emergency a
         * list that may be wrong does not stand in the way, where nothing is deleted by it. */
        .unmanage = {.delete_resources = target->delete_unmanaged,
                     .bypass_out_of_sync = !release && !target->delete_unmanaged},
        .deny_settings = target->deny_settings,
        .leave_by_boot_ms = send->driver->append_boot_ms + ROLL_FENCE_MS,
    };

    if (!roll_put_may_leave(put))
        return;
    roll_fault("before-put");
    roll_send_away(send);
    roll_arm_stack_put(send->arm, &stack, roll_send_answered, send);
    roll_fault("after-put");
    roll_put_free(put);
}

/* A stack of somebody else is not taken over by a release; in an emergency it is, unless that would
 * delete what it has. */
static bool check_owner(struct roll_put *put, const json_t *body)
{
    struct roll_send *send = put->send;
    g_autofree char *text = NULL;

    if (is_of_ledger(put, body))
        return true;
    text = g_strdup_printf("the stack '%s' of target '%s' was not made by this ledger for '%s'",
                           send->name, send->target->name, send->driver->stream);
    if (send->driver->order->lane != ROLL_LANE_RELEASE && !send->target->delete_unmanaged) {
        g_autofree char *notice = g_strconcat(text, "; it is taken over", NULL);
        roll_driver_notice(send->driver, notice);
        return true;
    }
    refuse(put, ROLL_ARM_REFUSED, "StackNotOurs", text);
    return false;
}

static bool check_kept(struct roll_put *put, const json_t *body)
{
    struct roll_send *send = put->send;
    g_autofree char *kept = NULL, *text = NULL;
    struct roll_error *err = NULL;

    if (send->target->delete_unmanaged)
        err = roll_order_unmanaged_kept(
            send->driver->options->ledger, send->driver->order, send->target,
            roll_json_get_nocase(properties_of(body), "resources"), &kept);
    if (!err && !kept)
        return true;
    text = err ? g_strdup(err->message)
               : g_strdup_printf("the stack '%s' would delete what the plan keeps: %s", send->name,
                                 kept);
    roll_error_free(err);
    refuse(put, ROLL_ARM_REFUSED, "StackWouldUnmanageKept", text);
    return false;
}

/* ---- before a PUT: a stack that is at work -------------------------------------------------- */

/* A put that met a stack at work, and why that is. */
struct held {
    struct roll_put *put;
    GString *text;
};

/* The lock's level says whether it can be in the way of a deletion: either does. */
static void name_locks(const json_t *body, GString *text)
{
    const json_t *locks = roll_json_get_nocase(body, "value");

    for (size_t i = 0; i < json_array_size(locks) && i < NAMED_MAX; i++) {
        const char *id = json_string_value(roll_json_get_nocase(json_array_get(locks, i), "id"));
        g_string_append_printf(text, "%s'%s'", i ? ", " : "; locks here: ", id ? id : "?");
    }
}

static void name_failed(const json_t *body, GString *text)
{
    const json_t *failed = roll_json_get_nocase(properties_of(body), "failedResources");

    for (size_t i = 0; i < json_array_size(failed) && i < NAMED_MAX; i++) {
        const json_t *entry = json_array_get(failed, i);
        const char *id = json_string_value(roll_json_get_nocase(entry, "id"));
        g_autofree char *code = NULL, *message = NULL;
        roll_arm_error_leaf(entry, &code, &message);
        g_string_append_printf(text, "%s'%s' (%s)", i ? ", " : "; held by ", id ? id : "?",
                               message ? message
                               : code  ? code
                                       : "no reason given");
    }
}

static void held_end(struct held *held)
{
    struct roll_send *send = held->put->send;

    roll_driver_notice_once(
        send->driver, g_strdup_printf("%s: waiting: %s", send->target->name, held->text->str));
    refuse(held->put, ROLL_ARM_BUSY, "DeploymentStackInNonTerminalState", held->text->str);
    g_string_free(held->text, TRUE);
    g_free(held);
}

static void locks_seen(void *user, const struct roll_arm_reply *reply)
{
    struct held *held = user;

    if (reply->outcome == ROLL_ARM_OK)
        name_locks(reply->body, held->text);
    held_end(held);
}

/* One that hangs while it deletes is held by something: that is what the person wants to know. */
static void say_busy(struct roll_put *put, const struct roll_arm_reply *reply)
{
    struct held *held = g_new0(struct held, 1);
    const json_t *data = roll_json_get_nocase(reply->body, "systemData");
    const char *since = json_string_value(roll_json_get_nocase(data, "lastModifiedAt"));
    struct roll_arm_scope scope = roll_send_scope(put->send->target);
    g_autofree char *path = roll_arm_scope_path(&scope);

    held->put = put;
    held->text = g_string_new(NULL);
    g_string_printf(held->text, "the stack '%s' is '%s' since %s (correlation id %s)",
                    put->send->name, reply->state, since ? since : "an unknown time",
                    reply->correlation_id ? reply->correlation_id : "unknown");
    name_failed(reply->body, held->text);
    if (g_ascii_strncasecmp(reply->state, "deleting", strlen("deleting")) == 0)
        roll_arm_locks(put->send->arm, path, false, locks_seen, held);
    else
        held_end(held);
}

/* A read that was not answered says nothing of a PUT: that did not leave. */
static void put_unanswered(struct roll_put *put, const struct roll_arm_reply *reply)
{
    struct roll_arm_reply told = *reply;

    if (told.outcome == ROLL_ARM_LOST)
        told.outcome = ROLL_ARM_UNSENT;
    told.state = told.correlation_id = told.poll_url = NULL;
    roll_put_reply(put, &told);
}

static bool is_no_stack(const struct roll_arm_reply *reply)
{
    return reply->outcome == ROLL_ARM_NOT_FOUND &&
           (g_strcmp0(reply->code, "DeploymentStackResourceNotFound") == 0 ||
            g_strcmp0(reply->code, "ResourceNotFound") == 0);
}

static void looked(void *user, const struct roll_arm_reply *reply)
{
    struct roll_put *put = user;

    if (is_no_stack(reply))
        leave(put);
    else if (reply->outcome != ROLL_ARM_OK)
        put_unanswered(put, reply);
    else if (is_ours(put->send, reply->correlation_id))
        roll_put_reply(put, reply); /* it came after all: nothing more is sent */
    else if (!roll_arm_state_is_final(reply->state))
        say_busy(put, reply);
    else if (check_owner(put, reply->body) && check_kept(put, reply->body))
        leave(put);
}

static void look(struct roll_put *put)
{
    struct roll_arm_scope scope = roll_send_scope(put->send->target);

    roll_arm_stack_get(put->send->arm, &scope, put->send->name, looked, put);
}

static void stack_put(struct roll_send *send, const struct roll_action *action)
{
    roll_put_begin(send, action, look);
}

/* ---- afterwards: what became of a PUT ------------------------------------------------------- */

/* What the stack itself said, while the history is asked. */
struct search {
    struct roll_send *send;
    struct roll_arm_reply said; /* its texts are the members below */
    char *state, *correlation, *code, *message;
    void (*none)(struct search *search); /* there is no trace of it */
};

static void search_free(struct search *search)
{
    g_free(search->state);
    g_free(search->correlation);
    g_free(search->code);
    g_free(search->message);
    g_free(search);
}

static const json_t *find_deployment(const struct roll_send *send, const json_t *body)
{
    const json_t *list = roll_json_get_nocase(body, "value");
    size_t index;
    json_t *entry;

    json_array_foreach ((json_t *)(uintptr_t)list, index, entry) {
        const json_t *id = roll_json_get_nocase(properties_of(entry), "correlationId");
        if (is_ours(send, json_string_value(id)))
            return entry;
    }
    return NULL;
}

/* As if the deployment had been read by its name. */
static void tell_deployment(struct search *search, const json_t *deployment)
{
    const json_t *properties = properties_of(deployment);
    const char *at = json_string_value(roll_json_get_nocase(properties, "timestamp"));
    const char *duration = json_string_value(roll_json_get_nocase(properties, "duration"));
    g_autofree char *code = NULL, *message = NULL;
    struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_OK,
        .body = (json_t *)(uintptr_t)deployment,
        .state = json_string_value(roll_json_get_nocase(properties, "provisioningState")),
        .correlation_id = search->send->correlation_id,
        .retry_after_ms = -1,
    };

    if (at)
        roll_error_free(roll_time_parse(at, &reply.arm_at));
    if (duration)
        roll_error_free(roll_duration_parse(duration, &reply.duration_ms));
    roll_arm_error_leaf(deployment, &code, &message);
    reply.code = code;
    reply.message = message;
    roll_send_seen(search->send, &reply);
    search_free(search);
}

static void history_seen(void *user, const struct roll_arm_reply *reply)
{
    struct search *search = user;
    const json_t *deployment =
        reply->outcome == ROLL_ARM_OK ? find_deployment(search->send, reply->body) : NULL;

    if (deployment) {
        tell_deployment(search, deployment);
    } else if (reply->outcome == ROLL_ARM_OK || reply->outcome == ROLL_ARM_NOT_FOUND) {
        search->none(search);
    } else {
        roll_send_reply(search->send, reply, NULL); /* nothing was learned */
        search_free(search);
    }
}

static void none_as_said(struct search *search)
{
    roll_send_reply(search->send, &search->said, NULL);
    search_free(search);
}

/* A state of somebody else's PUT is not told as this one's: it is looked into by name. */
static void none_while_polling(struct search *search)
{
    search->said.outcome = ROLL_ARM_NOT_FOUND;
    search->said.code = "StackOverwritten";
    search->said.state = NULL;
    none_as_said(search);
}

static void search_history(struct roll_send *send, const struct roll_arm_reply *said,
                           void (*none)(struct search *search))
{
    struct search *search = g_new0(struct search, 1);
    struct roll_arm_scope scope = roll_send_scope(send->target);

    search->send = send;
    search->none = none;
    search->said = (struct roll_arm_reply){
        .outcome = said->outcome,
        .state = search->state = g_strdup(said->state),
        .correlation_id = search->correlation = g_strdup(said->correlation_id),
        .code = search->code = g_strdup(said->code),
        .message = search->message = g_strdup(said->message),
        .retry_after_ms = said->retry_after_ms,
    };
    roll_arm_list(send->arm, &scope, HISTORY_MAX, history_seen, search);
}

static void tell(struct roll_send *send, const struct roll_arm_reply *reply,
                 void (*none)(struct search *search))
{
    bool known = reply->outcome == ROLL_ARM_OK || is_no_stack(reply);

    if (known && !is_ours(send, reply->outcome == ROLL_ARM_OK ? reply->correlation_id : NULL))
        search_history(send, reply, none);
    else
        roll_send_seen(send, reply);
}

static void got(void *user, const struct roll_arm_reply *reply)
{
    tell(user, reply, none_as_said);
}

static void stack_get(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    roll_arm_stack_get(send->arm, &scope, send->name, got, send);
}

static void polled(void *user, const struct roll_arm_reply *reply)
{
    struct roll_send *send = user;

    if (roll_send_poll_url(send))
        roll_send_answered(send, reply); /* of this operation, whoever comes after it */
    else
        tell(send, reply, none_while_polling);
}

static void stack_poll(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    roll_arm_stack_poll(send->arm, &scope, send->name, roll_send_poll_url(send), polled, send);
}

static void stack_cancel(struct roll_send *send, const struct roll_action *action)
{
    g_autofree char *text =
        g_strdup_printf("the stack '%s' of target '%s' cannot be cancelled: waiting until it ends",
                        send->name, send->target->name);

    (void)action;
    roll_driver_notice_once(send->driver, g_strdup(text));
    roll_send_refuse_later(send, "StackCannotBeCancelled",
                           roll_error_new(ROLL_E_INVALID, "ARM has no cancel for a stack"));
}

/* ---- why it failed -------------------------------------------------------------------------- */

/* The managed deployment's operations know the innermost cause; a stack that is not ours any more,
 * or that failed at deleting, has said all that it can. */
static void explained(void *user, const struct roll_arm_reply *reply)
{
    struct roll_send *send = user;
    struct roll_arm_reply nothing = {.outcome = ROLL_ARM_OK, .retry_after_ms = -1};
    struct roll_arm_scope scope = roll_send_scope(send->target);
    const json_t *id = roll_json_get_nocase(properties_of(reply->body), "deploymentId");
    const char *slash = json_is_string(id) ? strrchr(json_string_value(id), '/') : NULL;

    if (reply->outcome != ROLL_ARM_OK)
        roll_send_answered(send, reply);
    else if (!is_ours(send, reply->correlation_id) || !slash || !slash[1])
        roll_send_seen(send, &nothing);
    else
        roll_arm_operations(send->arm, &scope, slash + 1, roll_send_seen, send);
}

static void stack_explain(struct roll_send *send, const struct roll_action *action)
{
    struct roll_arm_scope scope = roll_send_scope(send->target);

    (void)action;
    roll_arm_stack_get(send->arm, &scope, send->name, explained, send);
}

const struct roll_step_driver roll_stack_driver = {
    .apply = "stack",
    .cancellable = false,
    .put = stack_put,
    .get = stack_get,
    .poll = stack_poll,
    .cancel = stack_cancel,
    .explain = stack_explain,
};
