/* roll sandbox: serve a local ARM. Inside a workspace it takes that workspace's port and state. */
#include "app.h"

struct context {
    int port;
    bool tls;
    const char *state;
    int64_t operation_time_ms;
    GPtrArray *faults;
};

static void ready(void *user, int port)
{
    struct roll_app *app = user;

    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:i}", "port", port);
        roll_report_json(&app->out, view);
    } else {
        fprintf(app->out.file, "sandbox on 127.0.0.1:%d; end it with Ctrl-C\n", port);
    }
    fflush(app->out.file);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_sandbox_options options = {
        .port = context->port,
        .tls = context->tls,
        .state_file = context->state,
        .operation_time_ms = context->operation_time_ms,
        .faults = context->faults ? (const char *const *)context->faults->pdata : NULL,
    };
    struct roll_error *err = NULL;

    (void)arguments;
    if (!context->state && !context->port)
        err = roll_workspace_find(NULL, &app->workspace);
    if (app->workspace)
        return roll_sandbox_serve_workspace(app->workspace->state_dir, &options, ready, app);
    if (roll_error_code(err) != ROLL_OK && roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return roll_sandbox_serve(&options, ready, app);
}

static const struct roll_option options[] = {
    {"port", 0, ROLL_NUMBER, offsetof(struct context, port), "N",
     "listen here (default: the workspace's port, else a free one)"},
    {"tls", 0, ROLL_FLAG, offsetof(struct context, tls), NULL,
     "https, with a certificate made now"},
    {"state", 0, ROLL_TEXT, offsetof(struct context, state), "FILE",
     "keep the state there (outside a workspace: in memory)"},
    {"operation-time", 0, ROLL_DURATION, offsetof(struct context, operation_time_ms), "DURATION",
     "how long every resource takes"},
    {"fault", 0, ROLL_TEXTS, offsetof(struct context, faults), "SPEC",
     "a fault on purpose, such as fail=Microsoft.Web/sites"},
    {NULL},
};

const struct roll_command roll_cmd_sandbox = {
    .name = "sandbox",
    .arguments = "",
    .summary = "serve a local Azure Resource Manager for practice and tests",
    .options = options,
    .context_size = sizeof(struct context),
    .run = run,
};
