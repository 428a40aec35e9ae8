/* roll diff A [B]: compares two releases, expanded offline, by resource and property. */
#include "app.h"

#include <string.h>

struct context {
    const char *environment;
    bool exit_code;
};

/* With one release the other side is what is live in the environment. */
static struct roll_error *other_side(struct roll_app *app, const struct roll_plan *plan,
                                     const struct roll_plan_environment *environment,
                                     char **ret_version)
{
    g_autofree char *stream = roll_stream_of(plan, environment);
    g_autofree char *live = NULL;

    ROLL_TRY(roll_live_release(app, stream, &live));
    if (!live)
        return roll_error_new(ROLL_E_NOT_FOUND, "nothing is live in '%s'; name two releases",
                              stream);
    *ret_version = g_steal_pointer(&live);
    return NULL;
}

static size_t print_targets(struct roll_app *app, const json_t *diff)
{
    const char *target;
    json_t *changes;
    size_t count = 0;

    json_object_foreach ((json_t *)(uintptr_t)diff, target, changes) {
        if (json_array_size(changes) > 0)
            roll_print(app->out.file, "%s\n", target);
        count += roll_report_changes(&app->out, changes, 2);
    }
    if (count == 0)
        roll_say(app, "no differences");
    return count;
}

static size_t count_changes(const json_t *diff)
{
    const char *target;
    json_t *changes;
    size_t count = 0;

    json_object_foreach ((json_t *)(uintptr_t)diff, target, changes)
        count += json_array_size(changes);
    return count;
}

static struct roll_error *compare(struct roll_app *app, const struct context *context,
                                  char **arguments, json_t **ret_diff)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment;
    g_autofree char *live = NULL;
    const char *a = NULL, *b = NULL;

    if (context->environment) {
        ROLL_TRY(
            roll_workspace_environment(app->workspace, context->environment, &plan, &environment));
    } else {
        ROLL_TRY(roll_workspace_plan(app->workspace, NULL, &plan));
        environment = g_ptr_array_index(plan->environments, plan->environments->len - 1);
    }
    ROLL_TRY(roll_version_argument(arguments[0], plan->service, &a));
    if (arguments[1]) {
        ROLL_TRY(roll_version_argument(arguments[1], plan->service, &b));
    } else {
        ROLL_TRY(other_side(app, plan, environment, &live));
        b = a;
        a = live;
    }
    return roll_release_diff(app->ledger, plan->service, environment->name, a, b, ret_diff);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    roll_auto(json) json_t *diff = NULL;

    if (!app->ledger)
        return roll_error_new(ROLL_E_NOT_FOUND, "nothing was ever recorded here");
    ROLL_TRY(compare(app, context, arguments, &diff));
    if (app->json)
        roll_report_json(&app->out, diff);
    else
        print_targets(app, diff);
    if (context->exit_code && count_changes(diff) > 0)
        app->exit_status = roll_code_exit(ROLL_E_FOUND);
    return NULL;
}

static const struct roll_option options[] = {
    {"environment", 'e', ROLL_TEXT, offsetof(struct context, environment), "ENV",
     "with this environment's parameters (default: the plan's last)"},
    {"exit-code", 0, ROLL_FLAG, offsetof(struct context, exit_code), NULL,
     "exit 4 when there are differences"},
    {NULL},
};

const struct roll_command roll_cmd_diff = {
    .name = "diff",
    .arguments = "RELEASE [RELEASE]",
    .summary = "compare two releases, or what is live with a release",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 2,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
