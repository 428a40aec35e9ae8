/* What-ifs of what is live, some side by side: one takes ARM seconds, and it counts as a write. */
#include "watch/drift.h"

#include <string.h>

#include "rollbook/time.h"

#define AT_ONCE 5
#define CLOCK_MS                                                                                   \
    (INT64_C(5) * 60 * 1000) /* how far clocks may be apart, where ARM says no date                \
                              */

struct forecasts {
    const struct roll_drift_options *options;
    const struct watch_lives *lives;
    struct watch_forecast *list;
    guint next, under_way;
};

struct call {
    struct forecasts *forecasts;
    struct watch_forecast *forecast;
    const struct watch_live *live;
    struct roll_arm *arm; /* borrowed */
};

void watch_forecast_clear(struct watch_forecast *forecast)
{
    json_decref(forecast->body);
    g_free(forecast->code);
    g_free(forecast->why);
}

static void refuse(struct watch_forecast *forecast, const char *code, const char *why)
{
    forecast->code = g_strdup(code);
    forecast->why = g_strdup(why ? why : "no answer");
}

/* By ARM's clock, as the activity log has its times; our own may be minutes off. */
static void note_times(struct watch_forecast *forecast, int64_t server_ms)
{
    int64_t took = roll_now_ms() - forecast->asked_ms;

    forecast->answered_ms = server_ms ? server_ms : roll_now_ms() + CLOCK_MS;
    forecast->asked_ms = server_ms ? server_ms - took : forecast->asked_ms - CLOCK_MS;
}

static void finish(struct call *call)
{
    call->forecasts->under_way--;
    roll_loop_stop(call->forecasts->options->loop);
}

static void group_seen(void *user, const struct roll_arm_reply *reply)
{
    struct call *call = user;

    call->forecast->gone = reply->outcome == ROLL_ARM_NOT_FOUND;
    finish(call);
}

/* A template may speak of other groups, too: whether it is the target's own has to be asked. */
static bool may_be_gone(const struct call *call, const struct roll_arm_reply *reply)
{
    return reply->outcome == ROLL_ARM_NOT_FOUND && call->live->target->scope == ROLL_SCOPE_GROUP &&
           g_strcmp0(reply->code, "ResourceGroupNotFound") == 0;
}

static void answered(void *user, const struct roll_arm_reply *reply)
{
    struct call *call = user;
    const struct roll_order_target *target = call->live->target;

    if (reply->outcome == ROLL_ARM_OK && json_object_get(reply->body, "changes"))
        call->forecast->body = json_incref(reply->body);
    else
        refuse(call->forecast, reply->code, reply->message);
    note_times(call->forecast, reply->server_date_ms);
    if (may_be_gone(call, reply))
        roll_arm_group_get(call->arm, target->subscription, target->resource_group, group_seen,
                           call);
    else
        finish(call);
}

static struct roll_error *ask(struct forecasts *forecasts, struct call *call,
                              const struct watch_live *live)
{
    const struct roll_drift_options *options = forecasts->options;
    const struct roll_order_target *target = live->target;
    g_autofree char *fixed =
        roll_fixed_name(options->plan->service, options->environment->name, target);
    g_autofree char *name = fixed ? g_strdup(fixed)
                                  : g_strdup_printf("roll-%s-%s-drift", options->plan->service,
                                                    options->environment->name);
    g_autoptr(GString) template_text = NULL;
    g_autoptr(GString) parameters_text = NULL;
    char correlation_id[ROLL_UUID_SIZE];
    struct roll_arm *arm = NULL;

    ROLL_TRY(roll_ledger_object(options->ledger, target->template_digest, &template_text));
    ROLL_TRY(roll_ledger_object(options->ledger, target->parameters_digest, &parameters_text));
    ROLL_TRY(roll_links_get(options->links, target, &arm, NULL));
    roll_uuid_random(correlation_id);
    const struct roll_arm_deployment deployment = {
        .scope = {target->scope, target->subscription, target->resource_group,
                  target->management_group},
        .name = name,
        .correlation_id = correlation_id,
        .location = target->scope == ROLL_SCOPE_GROUP ? NULL : target->location,
        .template_text = template_text->str,
        .parameters_text = parameters_text->str,
    };
    call->arm = arm;
    call->forecast->asked_ms = roll_now_ms();
    forecasts->under_way++;
    roll_arm_what_if(arm, &deployment, answered, call);
    return NULL;
}

/* What the ledger lost of one target is that target's trouble. */
static void start(struct forecasts *forecasts, struct call *calls)
{
    while (forecasts->next < forecasts->lives->lives->len && forecasts->under_way < AT_ONCE) {
        guint at = forecasts->next++;
        const struct watch_live *live =
            &g_array_index(forecasts->lives->lives, struct watch_live, at);
        calls[at] = (struct call){forecasts, &forecasts->list[at], live, NULL};
        struct roll_error *err = ask(forecasts, &calls[at], live);
        if (err)
            refuse(&forecasts->list[at], NULL, err->message);
        roll_error_free(err);
    }
}

struct roll_error *watch_forecasts(const struct roll_drift_options *options,
                                   const struct watch_lives *lives, struct watch_forecast *list)
{
    struct forecasts forecasts = {options, lives, list, 0, 0};
    g_autofree struct call *calls = g_new0(struct call, lives->lives->len + 1);

    for (;;) {
        start(&forecasts, calls);
        if (forecasts.under_way == 0)
            return NULL;
        ROLL_TRY(roll_loop_run(options->loop));
    }
}
