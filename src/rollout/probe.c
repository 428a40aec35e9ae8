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
    roll_send_probed(send, message == NULL, message);
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
    roll_send_probed(send, message == NULL, message);
}

static struct roll_error *probe_command(struct roll_send *send)
{
    g_autoptr(GPtrArray) argv = g_ptr_array_new_with_free_func(g_free);
    struct roll_process_options options = {.timeout_ms = send->check->within_ms};

    for (char **word = send->check->command; *word; word++) {
        char *filled = NULL;
        ROLL_TRY(fill(send, *word, &filled));
        g_ptr_array_add(argv, filled);
    }
    g_ptr_array_add(argv, NULL);
    options.argv = (const char *const *)argv->pdata;
    return roll_loop_process(send->driver->options->loop, &options, command_done, send);
}

void roll_probe(struct roll_send *send)
{
    struct roll_error *err = NULL;

    switch (send->check->kind) {
    case ROLL_HEALTH_HTTP:
        err = probe_http(send);
        break;
    case ROLL_HEALTH_COMMAND:
        err = probe_command(send);
        break;
    case ROLL_HEALTH_ALERTS:
        err = roll_error_new(
            ROLL_E_INVALID, "Azure Monitor alerts as a health check are not built in this version");
        break;
    }
    if (err) {
        g_autofree char *message = g_strdup(err->message);
        roll_error_free(err);
        roll_send_probed(send, false, message);
    }
}
