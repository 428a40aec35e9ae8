/* Health checks: one try each; the machine decides how often and for how long. */
#include "driver.h"

#include <string.h>

static struct roll_error *fill(const struct roll_send *send, const char *pattern, char **ret_text)
{
    return roll_plan_fill(pattern, ret_text, "target", send->target->name, "environment",
                          send->driver->environment, "service", send->driver->service, "version",
                          send->target->release, NULL);
}

static void http_done(void *user, const struct roll_http_reply *reply)
{
    struct roll_send *send = user;
    g_autofree char *message = NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED)
        message = g_strdup(reply->problem ? reply->problem : "no answer");
    else if (reply->status != send->check->expect)
        message = g_strdup_printf("answered %d instead of %d", reply->status, send->check->expect);
    roll_send_probed(send, message == NULL, NULL, message);
}

static struct roll_error *probe_http(struct roll_send *send)
{
    g_autofree char *url = NULL;
    struct roll_http_request request = {
        .method = "GET", .timeout_ms = 10000, .connect_timeout_ms = 5000};

    ROLL_TRY(fill(send, send->check->url, &url));
    request.url = url;
    roll_http_send(send->driver->options->loop, &request, http_done, send);
    return NULL;
}

static void command_done(void *user, const struct roll_process_result *result)
{
    struct roll_send *send = user;
    g_autofree char *message = NULL;

    if (result->timed_out)
        message = g_strdup("took too long");
    else if (result->signal)
        message = g_strdup_printf("ended by signal %d", result->signal);
    else if (result->exit_status != 0)
        message = g_strdup_printf("ended with exit code %d", result->exit_status);
    roll_send_probed(send, message == NULL, NULL, message);
}

static struct roll_error *probe_command(struct roll_send *send)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) hidden = roll_hidden_variables(send->driver->options->plan);
    struct roll_process_options options = {.timeout_ms = send->check->within_ms,
                                           .env_hide = (const char *const *)hidden->pdata};

    for (char **word = send->check->command; *word; word++) {
        char *filled = NULL;
        ROLL_TRY(fill(send, *word, &filled));
        g_ptr_array_add(argv, filled);
    }
    g_ptr_array_add(argv, NULL);
    options.argv = (const char *const *)argv->pdata;
    return roll_loop_process(send->driver->options->loop, &options, command_done, send);
}

/* ---- alerts ---- */

/* The first that counts; more are counted. Owned, NULL when there is none. */
static char *name_alerts(const struct roll_send *send, const json_t *list, int64_t since_ms)
{
    const char *const *severities = (const char *const *)send->check->severities;
    g_autofree char *first = NULL;
    size_t index, count = 0;
    json_t *alert;

    json_array_foreach (list, index, alert) {
        if (!roll_alert_counts(alert, severities, send->target->resource_group, since_ms))
            continue;
        if (count++ == 0)
            first = roll_alert_name(alert);
    }
    if (count < 2)
        return g_steal_pointer(&first);
    return g_strdup_printf("%s and %zu more", first, count - 1);
}

static void alerts_done(void *user, const struct roll_arm_reply *reply)
{
    struct roll_send *send = user;
    const struct roll_driver *driver = send->driver;
    const int64_t *began = g_hash_table_lookup(driver->began, send->target->name);
    g_autofree char *message = NULL, *fired = NULL;

    if (reply->outcome != ROLL_ARM_OK)
        message = g_strdup_printf(
            "the alerts cannot be read: %s%s%s", reply->code ? reply->code : "",
            reply->code && reply->message ? ": " : "", reply->message ? reply->message : "");
    else if (began)
        fired = name_alerts(send, json_object_get(reply->body, "value"), *began + driver->ahead_ms);
    if (fired)
        message = g_strdup_printf("since the deployment began: %s", fired);
    roll_send_probed(send, message == NULL, fired ? "AlertFired" : NULL, message);
}

static struct roll_error *probe_alerts(struct roll_send *send)
{
    const struct roll_order_target *target = send->target;

    if (target->scope != ROLL_SCOPE_GROUP && target->scope != ROLL_SCOPE_SUBSCRIPTION)
        return roll_error_new(ROLL_E_INVALID,
                              "alerts are looked at in a resource group or a subscription only");
    ROLL_TRY(roll_links_get(send->driver->links, target, &send->arm, NULL));
    roll_arm_alerts(send->arm, target->subscription,
                    target->scope == ROLL_SCOPE_GROUP ? target->resource_group : NULL, alerts_done,
                    send);
    return NULL;
}

struct roll_error *roll_probe(struct roll_send *send)
{
    switch (send->check->kind) {
    case ROLL_HEALTH_HTTP:
        return probe_http(send);
    case ROLL_HEALTH_COMMAND:
        return probe_command(send);
    case ROLL_HEALTH_ALERTS:
        return probe_alerts(send);
    }
    return roll_error_new(ROLL_E_INTERNAL, "a health check of no kind");
}
