/* roll resume ROLLOUT and roll cancel ROLLOUT: go on with, or end, what was interrupted or is under
 * way. */
#include "act.h"

#include <string.h>

struct context {
    struct roll_act_options act;
};

struct open_rollout {
    int64_t number, last;
};

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    struct open_rollout *open = user;

    open->number = row->open_rollout;
    open->last = row->last_rollout;
    return NULL;
}

/* "prod" alone means its open rollout. */
static struct roll_error *find(struct roll_app *app, const char *text, char **ret_environment,
                               int64_t *ret_number)
{
    const char *hash = strchr(text, '#');
    char *stream = NULL;

    if (!hash) {
        roll_auto(plan) struct roll_plan *plan = NULL;
        const struct roll_plan_environment *environment = NULL;
        ROLL_TRY(roll_workspace_environment(app->workspace, text, &plan, &environment));
        *ret_environment = roll_stream_of(plan, environment);
        return NULL;
    }
    ROLL_TRY(roll_rollout_argument(app, text, &stream, ret_number));
    *ret_environment = stream;
    return NULL;
}

static struct roll_error *see_lane(void *user, const struct roll_rollout_row *row)
{
    struct roll_act *act = user;

    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++)
        if (strcmp(row->lane, roll_lane_names[lane]) == 0)
            act->lane = (enum roll_lane)lane;
    act->app->emergency = act->lane != ROLL_LANE_RELEASE;
    return NULL;
}

/* number 0: the open rollout; or what can be gone on with; or the last one. */
static struct roll_error *find_number(struct roll_act *act, int64_t *number)
{
    struct open_rollout open = {0};

    if (*number)
        return NULL;
    ROLL_TRY(roll_ledger_environments(act->app->ledger, act->stream, see_open, &open));
    if (!open.number && open.last && strcmp(act->verb, "resume") == 0)
        ROLL_TRY(roll_resumable(act->app->ledger, act->stream, open.last, &open.number));
    *number = open.number ? open.number : open.last;
    return NULL;
}

/* What is known here says whether it is an emergency, for which the shared ledger is not waited
 * for long. */
static struct roll_error *know_lane(struct roll_act *act, int64_t number)
{
    struct roll_rollout_query query = {.stream = act->stream, .limit = 1};

    ROLL_TRY(find_number(act, &number));
    query.number = number;
    if (!number)
        return NULL;
    return roll_ledger_rollouts(act->app->ledger, &query, see_lane, act);
}

static struct roll_error *open_act(struct roll_act *act, const char *text, int64_t *ret_number)
{
    g_autofree char *environment = NULL;

    ROLL_TRY(find(act->app, text, &environment, ret_number));
    ROLL_TRY(roll_workspace_environment(act->app->workspace, environment, &act->plan,
                                        &act->environment));
    ROLL_TRY(roll_act_check(act));
    act->stream = g_steal_pointer(&environment);
    act->name = roll_name_to_type(act->app->workspace, act->stream);
    if (act->options->dry_run)
        ROLL_TRY(roll_act_read_ledger(act));
    else
        ROLL_TRY(roll_app_open_ledger(act->app));
    ROLL_TRY(know_lane(act, *ret_number));
    if (!act->options->dry_run)
        ROLL_TRY(roll_app_share(act->app));
    ROLL_TRY(roll_loop_new(&act->loop));
    act->links = roll_links_new(act->loop, roll_app_sandbox, act->app);
    roll_links_set_patience(act->links, act->options->timeout_ms);
    ROLL_TRY(find_number(act, ret_number));
    if (!*ret_number)
        return roll_error_new(ROLL_E_NOTHING, "there is no rollout in '%s'", act->stream);
    return NULL;
}

static struct roll_error *resume(struct roll_act *act, const char *text)
{
    int64_t number = 0;

    ROLL_TRY(open_act(act, text, &number));
    return roll_act_resume(act, number);
}

static struct roll_error *run_resume(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_act act = {.app = app, .options = &context->act, .verb = "resume"};
    struct roll_error *err = resume(&act, arguments[0]);

    roll_act_clear(&act);
    return err;
}

/* Who may ask for it may end it, and so may who did. */
static struct roll_error *check_canceller(struct roll_act *act, int64_t number)
{
    roll_auto(event) struct roll_event *request = NULL;

    ROLL_TRY(know_lane(act, number)); /* of what was pulled since */
    ROLL_TRY(roll_ledger_event(act->app->ledger, act->stream, number, &request));
    return roll_app_need_role_or_be(act->app, act->plan, act->environment, act->lane,
                                    &request->actor, "'roll cancel'");
}

static struct roll_error *cancel(struct roll_act *act, const char *text)
{
    int64_t number = 0;
    struct roll_outcome outcome = {0};
    struct roll_driver_options options;
    g_autofree char *question = NULL;
    struct roll_error *err;

    ROLL_TRY(open_act(act, text, &number));
    if (act->options->dry_run)
        return roll_act_rehearse_cancel(act, number);
    ROLL_TRY(check_canceller(act, number));
    question =
        g_strdup_printf("cancel %s#%" G_GINT64_FORMAT ": what ARM has done so far stays. Go on?",
                        act->stream, (gint64)number);
    ROLL_TRY(roll_confirm(act->app, question, act->options->yes));
    roll_auto(progress) struct roll_progress *progress =
        roll_progress_new(roll_act_progress_screen(act->app), act->stream, act->app->globals.quiet);
    options = roll_act_driver(act, progress);
    err = roll_rollout_cancel(&options, act->stream, number, act->options->reason, &outcome);
    roll_progress_end(progress);
    ROLL_TRY(err);
    if (outcome.end == ROLL_END_SUCCEEDED)
        roll_say(act->app, "the cancel came too late: every target has reached its goal");
    ROLL_TRY(roll_act_finish(act, &outcome));
    if (outcome.end == ROLL_END_CANCELLED)
        act->app->exit_status = 0;
    return NULL;
}

static struct roll_error *run_cancel(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_act act = {.app = app, .options = &context->act, .verb = "cancel"};
    struct roll_error *err = cancel(&act, arguments[0]);

    roll_act_clear(&act);
    return err;
}

static const struct roll_option resume_options[] = {
    {"take", 0, ROLL_FLAG, offsetof(struct context, act.take), NULL,
     "take over although another driver's claim still stands"},
    ROLL_ACT_OPTIONS(struct context, act),
    {NULL},
};

static const struct roll_option cancel_options[] = {
    {"take", 0, ROLL_FLAG, offsetof(struct context, act.take), NULL,
     "take over although another driver's claim still stands"},
    {"dry-run", 0, ROLL_FLAG, offsetof(struct context, act.dry_run), NULL,
     "show what would be stopped and what stays, offline; do nothing"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, act.yes), NULL, "do not ask"},
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, act.reason), "TEXT", "why; recorded"},
    {"wait", 0, ROLL_FLAG, offsetof(struct context, act.wait), NULL, "wait for the end (default)"},
    {"no-wait", 0, ROLL_FLAG, offsetof(struct context, act.no_wait), NULL,
     "leave as soon as ARM has accepted"},
    {"timeout", 0, ROLL_DURATION, offsetof(struct context, act.timeout_ms), "DURATION",
     "end the wait (not the deployment)"},
    {NULL},
};

const struct roll_command roll_cmd_resume = {
    .name = "resume",
    .arguments = "ENV[#NUMBER]",
    .summary = "go on with an interrupted rollout",
    .details = "Looks at what was intended first; nothing is sent twice.",
    .options = resume_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_resume,
};

const struct roll_command roll_cmd_cancel = {
    .name = "cancel",
    .arguments = "ENV[#NUMBER]",
    .summary = "cancel a rollout at ARM; says what stays half-applied",
    .options = cancel_options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_cancel,
};
