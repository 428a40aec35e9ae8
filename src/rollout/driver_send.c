/* Requests of the driver: each action that asks something of the world is a send, answered once;
 * and what is said while nobody answers. */
#include "driver.h"

#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/time.h"

enum { SILENCE_MS = 5000 };

void roll_send_free(void *item)
{
    struct roll_send *send = item;

    roll_sorting_free(send->sorting);
    g_free(send->name);
    g_free(send);
}

static void keep_poll_url(struct roll_send *send, const struct roll_arm_reply *reply)
{
    if (reply->poll_url && send->name)
        g_hash_table_replace(send->driver->poll_urls, g_strdup(send->correlation_id),
                             g_strdup(reply->poll_url));
    else if (roll_arm_state_is_final(reply->state))
        roll_send_drop_poll_url(send); /* ARM's are 3 KB each, and a fleet has thousands */
}

void roll_send_drop_poll_url(const struct roll_send *send)
{
    g_hash_table_remove(send->driver->poll_urls, send->correlation_id);
}

const char *roll_send_poll_url(const struct roll_send *send)
{
    return g_hash_table_lookup(send->driver->poll_urls, send->correlation_id);
}

void roll_send_away(struct roll_send *send)
{
    send->away = true;
    send->driver->puts_away++;
    roll_driver_look_beside(send->driver);
}

/* What is found by name may be another's: a stack has one name for all releases. */
static bool is_there(const struct roll_send *send, const struct roll_arm_reply *reply)
{
    return reply->outcome == ROLL_ARM_OK &&
           (send->kind != ROLL_ACTION_GET ||
            (reply->correlation_id &&
             g_ascii_strcasecmp(reply->correlation_id, send->correlation_id) == 0));
}

static void count_put(struct roll_send *send, const struct roll_arm_reply *reply)
{
    struct roll_driver *driver = send->driver;
    enum roll_arm_outcome outcome = reply->outcome;

    if (is_there(send, reply) && send->rollout == roll_driver_number(driver))
        driver->reached = true;
    if (send->kind != ROLL_ACTION_PUT)
        return;
    driver->puts_under_way--;
    if (outcome == ROLL_ARM_OK)
        driver->puts_accepted++;
    if (!send->away)
        return;
    driver->puts_away--;
    driver->unsure |= outcome == ROLL_ARM_LOST;
}

/* Who waits in front of a network that is down is told why. */
static void note_silence(struct roll_driver *driver, const struct roll_arm_reply *reply)
{
    bool silent = reply->outcome == ROLL_ARM_UNSENT || reply->outcome == ROLL_ARM_LOST ||
                  reply->outcome == ROLL_ARM_NO_TOKEN;

    g_free(driver->silence);
    driver->silence = silent ? g_strdup(reply->message) : NULL;
    if (!silent)
        driver->silent_boot_ms = 0;
}

void roll_driver_say_silence(struct roll_driver *driver)
{
    g_autofree char *text = NULL;

    if (!driver->silent_boot_ms || roll_boot_ms() - driver->silent_boot_ms < SILENCE_MS)
        return;
    text = driver->silence ? g_strdup_printf("Azure does not answer: %s", driver->silence)
                           : g_strdup("Azure has not answered for 5 s");
    if (g_hash_table_add(driver->told, g_strdup(text)))
        roll_driver_notice(driver, text);
}

/* The pump waits until the loop has given every answer that is there: their outcomes are one
 * append, where a sync for each would hold back a fleet. */
static void finish(struct roll_send *send, const struct roll_observation *seen)
{
    struct roll_driver *driver = send->driver;

    roll_driver_observe(driver, seen);
    g_hash_table_remove(driver->sends, send);
    if (driver->outcome.end == ROLL_END_NONE)
        roll_driver_look_at(driver, roll_boot_ms());
}

/* Who waits is told for what. */
static void say_wait(struct roll_send *send, const struct roll_arm_reply *reply)
{
    if (reply->outcome == ROLL_ARM_THROTTLED)
        roll_driver_notice_once(send->driver,
                                g_strdup("ARM asks to slow down (429); waiting as it says"));
    else if (reply->outcome == ROLL_ARM_BUSY && send->kind == ROLL_ACTION_PUT &&
             reply->status != 0) /* 0: said where it was made */
        roll_driver_notice_once(
            send->driver,
            g_strdup_printf("%s: another operation is in the way; waiting for it (%s)",
                            send->target->name, reply->code ? reply->code : "409"));
}

/* The whole of a refusal is kept too; what became of an accepted request is read later. */
static bool is_refusal(const struct roll_send *send, const struct roll_arm_reply *reply)
{
    return send->kind == ROLL_ACTION_PUT && reply->outcome != ROLL_ARM_OK && reply->error_json;
}

void roll_send_reply(struct roll_send *send, const struct roll_arm_reply *reply,
                     struct roll_blob *result_take)
{
    struct roll_arm_reply later = {.outcome = ROLL_ARM_LATER, .retry_after_ms = 0};

    if (!result_take && roll_put_lacks_group(send, reply))
        reply = &later;
    if (!result_take && roll_remedy_take(send, reply))
        return;
    if (!result_take && is_refusal(send, reply))
        result_take = roll_result_blob(send->driver->options->ledger, send->target, reply);

    struct roll_observation seen = {
        .id = send->id,
        .kind = ROLL_SAW_REPLY,
        .outcome = reply->outcome,
        .state = reply->state,
        .correlation_id = reply->correlation_id,
        .code = reply->code,
        .message = reply->message,
        .arm_at = reply->arm_at,
        .duration_ms = reply->duration_ms,
        .resources = roll_result_resources(reply),
        .retry_after_ms = reply->retry_after_ms,
        .whole = reply->whole,
        .paced = reply->paced,
        .result = result_take,
    };

    if (reply->server_date_ms > 0)
        send->driver->ahead_ms = reply->server_date_ms - roll_now_ms();
    keep_poll_url(send, reply);
    if (send->kind == ROLL_ACTION_PUT)
        roll_pace_saw(send, reply);
    count_put(send, reply);
    note_silence(send->driver, reply);
    say_wait(send, reply);
    finish(send, &seen);
}

void roll_send_refuse(struct roll_send *send, const char *code, struct roll_error *err_take)
{
    struct roll_arm_reply reply = {.outcome = ROLL_ARM_REFUSED,
                                   .code = code,
                                   .message = err_take->message,
                                   .retry_after_ms = -1};

    roll_send_reply(send, &reply, NULL);
    roll_error_free(err_take);
}

void roll_send_sorted(struct roll_send *send, GPtrArray *leftovers)
{
    struct roll_observation seen = {
        .id = send->id, .kind = ROLL_SAW_LEFTOVERS, .leftovers = leftovers};

    finish(send, &seen);
}

void roll_send_probed(struct roll_send *send, bool healthy, const char *code, const char *message)
{
    struct roll_observation seen = {.id = send->id,
                                    .kind = ROLL_SAW_PROBED,
                                    .healthy = healthy,
                                    .code = code,
                                    .message = message};

    finish(send, &seen);
}

struct roll_send *roll_send_new(struct roll_driver *driver, const struct roll_action *action)
{
    struct roll_send *send = g_new0(struct roll_send, 1);

    send->driver = driver;
    send->id = action->id;
    send->kind = action->kind;
    send->rollout = action->rollout;
    send->step = action->step;
    send->attempt = action->attempt;
    send->target = action->target;
    send->check = action->check;
    send->name =
        roll_step_name(driver->service, driver->environment, action->request_hash,
                       action->target->name, action->step, action->attempt, send->correlation_id);
    if (action->step == 0) {
        char *fixed = roll_fixed_name(driver->service, driver->environment, action->target);
        if (fixed) {
            g_free(send->name);
            send->name = fixed;
        }
    }
    g_hash_table_add(driver->sends, send);
    return send;
}

/* A reply that is made here must not arrive inside roll_driver_pump(): it is delivered by the loop.
 */
struct late {
    struct roll_send *send;
    struct roll_error *err;
    const char *code;
    int64_t wait_ms; /* no error: it has to wait so long, */
    bool paced;      /* while ARM takes others */
};

static void late_refuse(void *user)
{
    struct late *late = user;

    if (!late->err) {
        struct roll_arm_reply reply = {
            .outcome = ROLL_ARM_LATER, .paced = late->paced, .retry_after_ms = late->wait_ms};
        roll_send_reply(late->send, &reply, NULL);
    } else if (late->send->kind == ROLL_ACTION_PROBE) {
        roll_send_probed(late->send, false, NULL, late->err->message);
        roll_error_free(late->err);
    } else {
        roll_send_refuse(late->send, late->code, late->err);
    }
    g_free(late);
}

void roll_send_refuse_later(struct roll_send *send, const char *code, struct roll_error *err)
{
    struct late *late = g_new0(struct late, 1);

    *late = (struct late){.send = send, .err = err, .code = code};
    roll_loop_timer(send->driver->options->loop, roll_boot_ms(), late_refuse, late);
}

/* ARM holds writes back: the machine comes again with this one, and renews its claim meanwhile. */
static void put_off(struct roll_send *send, int64_t wait_ms)
{
    struct late *late = g_new0(struct late, 1);

    *late = (struct late){.send = send, .wait_ms = wait_ms, .paced = roll_pace_moves(send)};
    roll_loop_timer(send->driver->options->loop, roll_boot_ms(), late_refuse, late);
}

void roll_driver_send(struct roll_driver *driver, const struct roll_action *action)
{
    struct roll_send *send = roll_send_new(driver, action);
    const struct roll_step_driver *how = roll_step_driver_find(action->target->apply, action->step);
    struct roll_error *err = roll_links_get(driver->links, action->target, &send->arm, NULL);

    if (action->kind == ROLL_ACTION_PUT)
        driver->puts_under_way++;
    if (!driver->silent_boot_ms)
        driver->silent_boot_ms = roll_boot_ms();
    if (!err && !how)
        err = roll_error_new(ROLL_E_INVALID, "'apply' %s is not built in this version",
                             action->target->apply);
    if (err) {
        roll_send_refuse_later(send, "NoWayToApply", err);
        return;
    }
    int64_t wait_ms = action->kind == ROLL_ACTION_PUT ? roll_pace_wait_ms(send) : 0;
    if (wait_ms > 0) {
        put_off(send, wait_ms);
        return;
    }
    switch (action->kind) {
    case ROLL_ACTION_PUT:
        how->put(send, action);
        break;
    case ROLL_ACTION_GET:
        how->get(send, action);
        break;
    case ROLL_ACTION_POLL:
        how->poll(send, action);
        break;
    case ROLL_ACTION_CANCEL:
        how->cancel(send, action);
        break;
    default:
        how->explain(send, action);
        break;
    }
}
