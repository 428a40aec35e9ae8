/* roll run [ENV]: the scheduler. One pass for cron, a timer or a pipeline; --watch stays. */
#include "run.h"

struct context {
    bool watch, yes;
};

static int worst_of(const json_t *done)
{
    int worst = roll_code_exit(ROLL_E_NOTHING);
    size_t at;
    json_t *entry;

    json_array_foreach (done, at, entry)
        worst = roll_run_worse(worst, (int)json_integer_value(json_object_get(entry, "exit")));
    return worst;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    roll_auto(json) json_t *done = json_array();

    if (context->watch && arguments[0])
        return roll_error_new(ROLL_E_USAGE, "'--watch' looks after all environments");
    if (context->watch)
        return roll_run_watch(app);
    app->exit_status = roll_code_exit(ROLL_E_NOTHING);
    ROLL_TRY(arguments[0] ? roll_run_environment(app, arguments[0], done)
                          : roll_run_all(app, done));
    if (json_array_size(done) > 0 || arguments[0])
        app->exit_status = worst_of(done);
    if (app->json)
        roll_report_json(&app->out, done);
    else if (app->exit_status == roll_code_exit(ROLL_E_NOTHING))
        roll_say(app, "nothing is due");
    return NULL;
}

static const struct roll_option options[] = {
    {"watch", 0, ROLL_FLAG, offsetof(struct context, watch), NULL,
     "stay: look again when something is due, until SIGTERM"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_run = {
    .name = "run",
    .arguments = "[ENV]",
    .summary = "the scheduler: start what is due, go on with what a schedule started",
    .details =
        "One pass, for cron, a systemd timer or a pipeline. Several machines may run it at once:\n"
        "each slot runs once. Nothing due: exit 77 ('--ok nothing' makes it 0). Schedules keep "
        "away\n"
        "from held environments and from releases that descend from a bad one. Then webhooks are\n"
        "told what they have not heard yet.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
