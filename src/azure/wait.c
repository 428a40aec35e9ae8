/* Long-running operations that are followed to their end here: what-if, validate, actions.
 *
 * Source: REST reference 2.1: Azure-AsyncOperation before Location; a Location answers 202 while it
 * runs and then what the call itself would have answered. */
#include "azure/arm.h"
#include "rollbook/time.h"

#define POLL_FIRST_MS 500
#define POLL_MAX_MS 5000
#define POLL_MIN_MS 100 /* whatever Retry-After says */

struct waiting {
    struct roll_arm *arm;
    arm_done_fn done;
    roll_arm_fn fn;
    void *user;
    char *subscription;
    char *poll_url;
    bool async; /* poll_url is an Azure-AsyncOperation */
    int64_t until, delay_ms;
};

static void waiting_free(gpointer data)
{
    struct waiting *waiting = data;

    g_free(waiting->subscription);
    g_free(waiting->poll_url);
    g_free(waiting);
}

static void end(struct waiting *waiting, struct arm_answer *answer, bool polled)
{
    waiting->done(answer, polled, waiting->fn, waiting->user);
    arm_answer_clear(answer);
    waiting_free(waiting);
}

static void on_poll(void *user, const struct roll_http_reply *reply, const struct roll_error *err);

static void poll_later(struct waiting *waiting, int64_t retry_after_ms)
{
    int64_t delay = retry_after_ms >= 0 ? MAX(retry_after_ms, POLL_MIN_MS) : waiting->delay_ms;
    struct arm_request request = {
        .method = "GET",
        .url = waiting->poll_url,
        .subscription = waiting->subscription,
        .retry = ROLL_HTTP_RETRY_READ,
        .at = roll_boot_ms() + delay,
    };

    waiting->delay_ms = MIN(waiting->delay_ms * 2, POLL_MAX_MS);
    arm_send(waiting->arm, &request, on_poll, waiting, waiting_free);
}

/* An operation that was not answered about goes on all the same. */
static bool is_unreadable(const struct arm_answer *answer)
{
    return answer->reply.outcome == ROLL_ARM_LOST || answer->reply.outcome == ROLL_ARM_UNSENT ||
           answer->reply.outcome == ROLL_ARM_THROTTLED;
}

/* A no of a Location is the operation's; of an Azure-AsyncOperation it says only that we may not
 * look (REST reference 2.1). */
static void end_of_look(const struct waiting *waiting, struct arm_answer *answer)
{
    if (!waiting->async || answer->reply.outcome == ROLL_ARM_OK ||
        answer->reply.outcome == ROLL_ARM_NO_TOKEN)
        return;
    g_autofree char *message = g_strdup_printf("it was accepted, but its state cannot be read: %s",
                                               answer->message ? answer->message : "");
    arm_answer_fail(answer, ROLL_ARM_LOST, answer->code, message);
}

static void on_poll(void *user, const struct roll_http_reply *reply, const struct roll_error *err)
{
    struct waiting *waiting = user;
    struct arm_answer answer;

    arm_answer_read(&answer, waiting->arm, waiting->async ? ARM_STATUS : ARM_LOCATION, reply, err);
    bool unreadable = is_unreadable(&answer);
    bool running = unreadable || (answer.reply.outcome == ROLL_ARM_OK &&
                                  !roll_arm_state_is_final(answer.reply.state));
    if (running && roll_boot_ms() < waiting->until && answer.reply.outcome != ROLL_ARM_NO_TOKEN) {
        if (!unreadable && answer.poll_url && !waiting->async) {
            g_free(waiting->poll_url);
            waiting->poll_url = g_strdup(answer.poll_url);
        }
        int64_t after = answer.reply.retry_after_ms;
        arm_answer_clear(&answer);
        poll_later(waiting, after);
        return;
    }
    if (running)
        arm_answer_fail(&answer, ROLL_ARM_LOST, answer.code,
                        "it was accepted, but its end was not seen in time");
    else
        end_of_look(waiting, &answer);
    end(waiting, &answer, true);
}

static void on_first(void *user, const struct roll_http_reply *reply, const struct roll_error *err)
{
    struct waiting *waiting = user;
    struct arm_answer answer;

    arm_answer_read(&answer, waiting->arm, ARM_ANY, reply, err);
    if (answer.reply.outcome != ROLL_ARM_OK) {
        end(waiting, &answer, false);
        return;
    }
    waiting->async = roll_http_header(reply, "azure-asyncoperation") != NULL;
    bool accepted = answer.reply.status == 202 || waiting->async;
    if (accepted && !answer.poll_url)
        arm_answer_fail(&answer, ROLL_ARM_LOST, NULL,
                        "it was accepted, but no address in this cloud tells its end");
    if (!accepted || !answer.poll_url) {
        end(waiting, &answer, false);
        return;
    }
    waiting->poll_url = g_strdup(answer.poll_url);
    int64_t after = answer.reply.retry_after_ms;
    arm_answer_clear(&answer);
    poll_later(waiting, after);
}

void arm_wait(struct roll_arm *arm, const struct arm_request *request, int64_t until_ms,
              const char *subscription, arm_done_fn done, roll_arm_fn fn, void *user)
{
    struct waiting *waiting = g_new0(struct waiting, 1);

    waiting->arm = arm;
    waiting->done = done;
    waiting->fn = fn;
    waiting->user = user;
    waiting->subscription = g_strdup(subscription);
    waiting->until = roll_boot_ms() + until_ms;
    waiting->delay_ms = POLL_FIRST_MS;
    arm_send(arm, request, on_first, waiting, waiting_free);
}

void arm_say(roll_arm_fn fn, void *user, enum roll_arm_outcome outcome, int status,
             const char *code, const char *message)
{
    const struct roll_arm_reply reply = {.outcome = outcome,
                                         .status = status,
                                         .code = code,
                                         .message = message,
                                         .retry_after_ms = -1};

    fn(user, &reply);
}

void arm_settled(struct arm_answer *answer, bool polled, const char *what, roll_arm_fn fn,
                 void *user)
{
    const char *state = answer->reply.state;

    if (answer->reply.outcome == ROLL_ARM_OK && polled && state &&
        g_ascii_strcasecmp(state, "Succeeded") != 0) {
        g_autofree char *code = g_strdup(answer->code);
        g_autofree char *message = answer->message ? g_strdup(answer->message)
                                                   : g_strdup_printf("%s ended %s", what, state);
        arm_answer_fail(answer, ROLL_ARM_REFUSED, code, message);
    }
    fn(user, &answer->reply);
}
