/* What stands in the way of a request, and what the driver does about it: a resource provider that
 * is not registered, a history that is full, a role that was granted a moment ago. The machine only
 * hears "again".
 *
 * Source: issue 4, *The client*; REST reference 6.3, 7.2, 8.3. Each remedy is tried once for what
 * it is about, whatever the number of targets; those that meet the same obstacle meanwhile wait. */
#include "driver.h"

#include <string.h>

#include "rollbook/json.h"

#define REGISTER_WITHIN_MS (INT64_C(5) * 60 * 1000)
#define WHILE_RUNNING_MS 2000 /* others ask again so often while a remedy is under way */
#define AFTER_REMEDY_MS 500

/* A remedy outlives the reply that asked for it. */
struct waiting {
    struct roll_send *send;
    struct remedy *remedy; /* borrowed from the driver */
    char *subject;         /* of what it is */
    int status;
    char *code, *message, *error_json;
    struct roll_trim *trim; /* owned, or NULL */
};

struct remedy {
    struct waiting *waiting; /* while it is under way; owned, or NULL */
    char *problem;           /* why it did not help, or NULL */
};

static void waiting_free(struct waiting *waiting)
{
    if (!waiting)
        return;
    g_free(waiting->subject);
    g_free(waiting->code);
    g_free(waiting->message);
    g_free(waiting->error_json);
    roll_trim_free(waiting->trim);
    g_free(waiting);
}

static void remedy_free(gpointer data)
{
    struct remedy *remedy = data;

    waiting_free(remedy->waiting);
    g_free(remedy->problem);
    g_free(remedy);
}

GHashTable *roll_remedies_new(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, remedy_free);
}

static bool is(const struct roll_arm_reply *reply, const char *code)
{
    return reply->code && g_ascii_strcasecmp(reply->code, code) == 0;
}

/* ---- answers -------------------------------------------------------------------------------- */

static void again(struct roll_send *send, const struct roll_arm_reply *reply,
                  int64_t retry_after_ms)
{
    struct roll_arm_reply later = {
        .outcome = ROLL_ARM_LATER,
        .status = reply->status,
        .code = reply->code,
        .message = reply->message,
        .error_json = reply->error_json,
        .retry_after_ms = retry_after_ms,
    };

    send->eased = true;
    roll_send_reply(send, &later, NULL);
}

/* The same refusal, with what a person can do about it. */
static void refuse(struct roll_send *send, const struct roll_arm_reply *reply, char *message_take)
{
    g_autofree char *message = message_take;
    struct roll_arm_reply refusal = *reply;

    refusal.outcome = ROLL_ARM_REFUSED;
    refusal.message = message;
    send->eased = true;
    roll_send_reply(send, &refusal, NULL);
}

static struct waiting *waiting_new(struct roll_send *send, const struct roll_arm_reply *reply,
                                   struct remedy *remedy, const char *subject)
{
    struct waiting *waiting = g_new0(struct waiting, 1);

    *waiting = (struct waiting){
        .send = send,
        .remedy = remedy,
        .subject = g_strdup(subject),
        .status = reply->status,
        .code = g_strdup(reply->code),
        .message = g_strdup(reply->message),
        .error_json = g_strdup(reply->error_json),
    };
    remedy->waiting = waiting;
    return waiting;
}

static void waiting_end(struct waiting *waiting, char *problem_take)
{
    struct roll_send *send = waiting->send;
    struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_REFUSED,
        .status = waiting->status,
        .code = waiting->code,
        .message = waiting->message,
        .error_json = waiting->error_json,
        .retry_after_ms = -1,
    };

    waiting->remedy->waiting = NULL;
    if (problem_take)
        refuse(send, &reply, problem_take);
    else
        again(send, &reply, AFTER_REMEDY_MS);
    waiting_free(waiting);
}

static struct remedy *find_remedy(struct roll_driver *driver, const char *what, const char *subject,
                                  bool *ret_new)
{
    g_autofree char *key = g_strdup_printf("%s %s", what, subject);
    g_autofree char *lower = g_ascii_strdown(key, -1);
    struct remedy *remedy = g_hash_table_lookup(driver->remedies, lower);

    *ret_new = remedy == NULL;
    if (!remedy) {
        remedy = g_new0(struct remedy, 1);
        g_hash_table_insert(driver->remedies, g_steal_pointer(&lower), remedy);
    }
    return remedy;
}

/* A definite no was answered: nothing of it is away any more. */
static void nothing_is_away(struct roll_send *send)
{
    if (send->away)
        send->driver->puts_away--;
    send->away = false;
}

/* ---- a provider that is not registered ------------------------------------------------------ */

static void registered(void *user, const struct roll_arm_reply *reply)
{
    struct waiting *waiting = user;
    const char *space = waiting->subject;
    char *problem = NULL;

    if (reply->outcome != ROLL_ARM_OK)
        problem = g_strdup_printf("the resource provider '%s' is not registered, and registering "
                                  "it failed: %s%s%s",
                                  space, reply->code ? reply->code : "",
                                  reply->code && reply->message ? ": " : "",
                                  reply->message ? reply->message : "");
    g_free(waiting->remedy->problem);
    waiting->remedy->problem = g_strdup(problem);
    waiting_end(waiting, problem);
}

/* ARM names the provider as the target of its error, older ones in the text only. Owned. */
static char *missing_provider(const struct roll_arm_reply *reply)
{
    roll_auto(json) json_t *leaves = roll_arm_error_leaves(reply->body);
    size_t index;
    json_t *leaf;

    json_array_foreach (leaves, index, leaf) {
        const char *code = roll_json_get_string(leaf, "code");
        const char *target = roll_json_get_string(leaf, "target");
        const char *message = roll_json_get_string(leaf, "message");
        if (!code || g_ascii_strcasecmp(code, "MissingSubscriptionRegistration") != 0)
            continue;
        if (target && *target)
            return g_strdup(target);
        const char *quote = message ? strstr(message, "namespace '") : NULL;
        if (quote) {
            quote += strlen("namespace '");
            return g_strndup(quote, strcspn(quote, "'"));
        }
    }
    return NULL;
}

static bool is_namespace(const char *text)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_";

    return *text && strlen(text) <= 256 && text[strspn(text, letters)] == '\0';
}

static void say_what_to_type(struct roll_send *send, const struct roll_arm_reply *reply,
                             const char *space)
{
    refuse(send, reply,
           g_strdup_printf("the resource provider '%s' is not registered in subscription %s, and "
                           "only lane release registers one; type: az provider register "
                           "--namespace %s --subscription %s --wait",
                           space, send->target->subscription, space, send->target->subscription));
}

static bool register_provider(struct roll_send *send, const struct roll_arm_reply *reply)
{
    struct roll_driver *driver = send->driver;
    g_autofree char *space = missing_provider(reply);
    bool is_new = false;

    if (!space || !is_namespace(space) || !send->target->subscription)
        return false;
    nothing_is_away(send);
    if (driver->order->lane != ROLL_LANE_RELEASE) {
        say_what_to_type(send, reply, space);
        return true;
    }
    g_autofree char *subject = g_strdup_printf("%s/%s", send->target->subscription, space);
    struct remedy *remedy = find_remedy(driver, "register", subject, &is_new);
    if (!is_new) {
        if (remedy->problem)
            refuse(send, reply, g_strdup(remedy->problem));
        else
            again(send, reply, remedy->waiting ? WHILE_RUNNING_MS : -1);
        return true;
    }
    roll_driver_notice_once(
        driver, g_strdup_printf("registering the resource provider '%s' in subscription %s", space,
                                send->target->subscription));
    roll_arm_provider_register(send->arm, send->target->subscription, space, REGISTER_WITHIN_MS,
                               registered, waiting_new(send, reply, remedy, space));
    return true;
}

/* ---- a history that is full ----------------------------------------------------------------- */

static void trimmed(void *user, const char *problem)
{
    struct waiting *waiting = user;

    waiting_end(waiting, g_strdup(problem));
}

/* Unlike a registration it may be needed again: the next deployments fill the history too. */
static bool trim_history(struct roll_send *send, const struct roll_arm_reply *reply)
{
    struct roll_driver *driver = send->driver;
    const struct roll_order_target *target = send->target;
    struct roll_arm_scope scope = {target->scope, target->subscription, target->resource_group,
                                   target->management_group};
    g_autofree char *path = roll_arm_scope_path(&scope);
    bool is_new = false;
    struct remedy *remedy = find_remedy(driver, "history", path, &is_new);

    nothing_is_away(send);
    if (remedy->waiting) {
        again(send, reply, WHILE_RUNNING_MS);
        return true;
    }
    roll_driver_notice(driver, "ARM's history is full; deleting this tool's oldest entries");
    struct waiting *waiting = waiting_new(send, reply, remedy, path);
    waiting->trim = roll_history_trim(send, trimmed, waiting);
    return true;
}

/* ---- a role that was just granted ----------------------------------------------------------- */

static bool is_denied(const struct roll_arm_reply *reply)
{
    return (reply->status == 403 || reply->status == 400) &&
           roll_arm_is_denied(reply->code, reply->message);
}

static bool wait_for_access(struct roll_send *send, const struct roll_arm_reply *reply)
{
    roll_driver_notice_once(
        send->driver,
        g_strdup_printf("%s: not allowed yet (%s); asking again with new tokens for 10 minutes",
                        send->target->name, reply->code));
    roll_arm_renew(send->arm);
    nothing_is_away(send);
    again(send, reply, reply->retry_after_ms);
    return true;
}

bool roll_remedy_take(struct roll_send *send, const struct roll_arm_reply *reply)
{
    bool refused = reply->outcome == ROLL_ARM_REFUSED || reply->outcome == ROLL_ARM_BUSY;

    if (send->eased || !refused)
        return false;
    if (is_denied(reply) && send->driver->options->wait_for_access)
        return wait_for_access(send, reply);
    if (send->kind != ROLL_ACTION_PUT || send->step > 0)
        return false;
    if (is(reply, "DeploymentQuotaExceeded"))
        return trim_history(send, reply);
    if (is(reply, "MissingSubscriptionRegistration"))
        return register_provider(send, reply);
    return false;
}
