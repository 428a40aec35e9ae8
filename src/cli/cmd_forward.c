/* roll forward ENV: the rollback was a mistake. */
#include "act.h"

struct context {
    struct roll_act_options act;
    const char *to;
    bool no_sticky, include_new;
};

/* It undoes a back with the rollback role alone; otherwise it is an ordinary release. */
static struct roll_error *choose(struct roll_act *act, struct roll_choice **ret_choice)
{
    roll_auto(choice) struct roll_choice *choice = NULL;

    roll_act_try_git(act);
    ROLL_TRY(roll_choose_forward(act->plan, act->environment, act->app->ledger, act->git,
                                 &act->choice, &choice));
    act->lane = choice->order->lane;
    if (act->lane == ROLL_LANE_ROLLBACK && !act->options->reason && !act->options->dry_run)
        return roll_error_new(ROLL_E_USAGE,
                              "'roll forward' needs '--reason' here: it lifts the mark of a "
                              "release that was left as bad");
    *ret_choice = g_steal_pointer(&choice);
    return NULL;
}

static struct roll_error *run_forward(struct roll_act *act, const struct context *context,
                                      const char *environment)
{
    const char *version = NULL;

    ROLL_TRY(roll_act_open(act, environment));
    if (context->to)
        ROLL_TRY(roll_version_argument(context->to, act->plan->service, &version));
    act->choice = (struct roll_choice_options){
        .release = version, .no_sticky = context->no_sticky, .include_new = context->include_new};
    return roll_act_run(act);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_act act = {.app = app,
                           .options = &context->act,
                           .lane = ROLL_LANE_ROLLBACK,
                           .verb = "forward",
                           .user = context,
                           .choose = choose};
    struct roll_error *err = run_forward(&act, context, arguments[0]);

    roll_act_clear(&act);
    return err;
}

static const struct roll_option options[] = {
    {"to", 0, ROLL_TEXT, offsetof(struct context, to), "VERSION",
     "this release, which must have succeeded here"},
    {"no-sticky", 0, ROLL_FLAG, offsetof(struct context, no_sticky), NULL,
     "send recorded values of sticky parameters"},
    {"include-new", 0, ROLL_FLAG, offsetof(struct context, include_new), NULL,
     "also targets that were added to the plan since"},
    ROLL_ACT_OPTIONS(struct context, act),
    {NULL},
};

const struct roll_command roll_cmd_forward = {
    .name = "forward",
    .arguments = "ENV",
    .summary = "undo a rollback: return to what it left",
    .details = "While the hold of a back stands and nothing else was deployed since, this needs "
               "--reason and\n"
               "only the rollback role. Otherwise it is a release to the newest good version.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
