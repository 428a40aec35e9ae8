/* Questions to ARM side by side: reads are paced where ARM counts them (azure/budget.c), so that
 * more at a time only saves waiting. */
#include "watch/adopt.h"

#define AT_ONCE 16

struct asking {
    struct roll_loop *loop;
    watch_heard_fn heard;
    void *user;
    guint under_way;
};

struct call {
    struct asking *asking;
    guint index;
};

static void answered(void *user, const struct roll_arm_reply *reply)
{
    struct call *call = user;

    call->asking->heard(call->asking->user, call->index, reply);
    call->asking->under_way--;
    roll_loop_stop(call->asking->loop);
}

/* A place that nobody can sign in to is an answer, too. */
static void start(struct asking *asking, struct call *call, watch_ask_fn ask)
{
    roll_auto(error) struct roll_error *err = NULL;

    asking->under_way++;
    err = ask(asking->user, call->index, answered, call);
    if (!err)
        return;
    const struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_NO_TOKEN, .message = err->message, .retry_after_ms = -1};
    asking->under_way--;
    asking->heard(asking->user, call->index, &reply);
}

struct roll_error *watch_ask_all(struct roll_loop *loop, guint count, watch_ask_fn ask,
                                 watch_heard_fn heard, void *user)
{
    g_autofree struct call *calls = g_new0(struct call, count + 1);
    struct asking asking = {loop, heard, user, 0};

    for (guint next = 0; next < count || asking.under_way > 0;) {
        for (; next < count && asking.under_way < AT_ONCE; next++) {
            calls[next] = (struct call){&asking, next};
            start(&asking, &calls[next], ask);
        }
        if (asking.under_way > 0)
            ROLL_TRY(roll_loop_run(loop));
    }
    return NULL;
}

char *watch_why(const struct roll_arm_reply *reply)
{
    return g_strdup_printf("%s%s%s", reply->code ? reply->code : "", reply->code ? ": " : "",
                           reply->message ? reply->message : "no answer");
}
