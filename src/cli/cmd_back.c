/* roll back ENV: the on-call runbook. Needs ARM, a credential and the local ledger; neither git nor
 * a build. */
#include "ready.h"

#include <string.h>

#include "rollbook/time.h"

struct context {
    struct roll_act_options act;
    const char *to;
    int64_t at;
    int steps;
    bool bad, no_sticky, include_new, recreate_groups, anyway, prune, with_dependents;
};

static struct roll_error *choose(struct roll_act *act, struct roll_choice **ret_choice)
{
    const struct context *context = act->user;

    return roll_act_choose_back(act, context->anyway, ret_choice);
}

static struct roll_error *check(const struct context *context)
{
    int ways = (context->to != NULL) + (context->at != 0) + (context->steps != 0);

    if (context->prune && context->act.no_wait)
        return roll_error_new(ROLL_E_USAGE, "--prune has to wait for the end; it does not go with "
                                            "--no-wait");
    if (context->with_dependents && (context->act.targets || context->act.ring))
        return roll_error_new(ROLL_E_USAGE,
                              "'--with-dependents' does not go with '--target' and '--ring'");
    if (context->with_dependents && context->act.no_wait)
        return roll_error_new(ROLL_E_USAGE,
                              "'--with-dependents' does not go with '--no-wait': each part waits "
                              "for the one before it");
    if (ways > 1)
        return roll_error_new(ROLL_E_USAGE, "--to, --at and --steps exclude each other");
    return NULL;
}

struct running_back {
    int64_t open, back;
};

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    struct running_back *running = user;

    running->open = row->open_rollout;
    return NULL;
}

static struct roll_error *see_kind(void *user, const struct roll_rollout_row *row)
{
    struct running_back *running = user;

    if (strcmp(row->kind, "back") == 0)
        running->back = row->number;
    return NULL;
}

/* A back during a back resumes it. *ret_back: its number, 0 when none is open. */
static struct roll_error *find_back(struct roll_act *act, int64_t *ret_back)
{
    struct running_back running = {0};
    struct roll_rollout_query query = {.stream = act->stream, .limit = 1};

    ROLL_TRY(roll_ledger_environments(act->app->ledger, act->stream, see_open, &running));
    query.number = running.open;
    if (running.open)
        ROLL_TRY(roll_ledger_rollouts(act->app->ledger, &query, see_kind, &running));
    *ret_back = running.back;
    return NULL;
}

static struct roll_error *resume_back(struct roll_act *act, const struct context *context,
                                      int64_t back)
{
    bool prunes = false;

    ROLL_TRY(roll_act_prunes(act, back, &prunes));
    if (context->prune && !prunes)
        roll_say(act->app,
                 "note     the back under way was asked for without --prune: it deletes nothing; "
                 "afterwards 'roll back %s --to VERSION --prune' does",
                 act->name);
    if (context->no_sticky || context->include_new || context->recreate_groups ||
        context->act.secrets)
        roll_say(act->app,
                 "note     the back under way goes on as it was asked for; 'roll cancel %s' first "
                 "to ask for it in another way",
                 act->name);
    return roll_act_resume(act, back);
}

/* Said before the question, not asked about: at night the person decides. */
static void say_needed(struct roll_act *act)
{
    g_autoptr(GPtrArray) names = roll_workspace_needed_by(act->app->workspace, act->stream);
    g_autofree char *text = NULL;

    if (names->len == 0)
        return;
    g_ptr_array_add(names, NULL);
    text = g_strjoinv(", ", (char **)names->pdata);
    roll_say(act->app,
             "note     %s is needed by %s, not taken back with it; --with-dependents takes back "
             "first what needs it",
             act->stream, text);
}

static struct roll_error *choice_of(const struct context *context, const struct roll_plan *plan,
                                    struct roll_choice_options *ret_choice)
{
    const char *version = NULL;

    if (context->to)
        ROLL_TRY(roll_version_argument(context->to, plan->service, &version));
    *ret_choice = (struct roll_choice_options){
        .release = version,
        .at = context->at,
        .steps = context->steps,
        .bad = context->bad,
        .no_sticky = context->no_sticky,
        .include_new = context->include_new,
        .recreate_groups = context->recreate_groups,
        .prune = context->prune,
        .secrets_current = g_strcmp0(context->act.secrets, "current") == 0,
    };
    return NULL;
}

static struct roll_error *run_back(struct roll_act *act, const struct context *context,
                                   const char *environment)
{
    int64_t back = 0;

    ROLL_TRY(roll_act_open(act, environment));
    ROLL_TRY(find_back(act, &back));
    if (back && !context->to && !context->at && !context->steps && !context->act.dry_run)
        return resume_back(act, context, back);
    ROLL_TRY(choice_of(context, act->plan, &act->choice));
    if (!context->with_dependents) {
        say_needed(act);
        return roll_act_run(act);
    }
    const struct roll_act_with with = {act, &context->act, act->choice, context->anyway};
    return roll_act_with_dependents(&with);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_act act = {.app = app,
                           .options = &context->act,
                           .lane = ROLL_LANE_ROLLBACK,
                           .verb = "back",
                           .user = context,
                           .choose = choose};
    struct roll_error *err = check(context);

    if (!err)
        err = run_back(&act, context, arguments[0]);
    roll_act_clear(&act);
    return err;
}

static const struct roll_option options[] = {
    {"to", 0, ROLL_TEXT, offsetof(struct context, to), "VERSION",
     "this release, which must have succeeded here"},
    {"at", 0, ROLL_TIME, offsetof(struct context, at), "TIME", "what was live then"},
    {"steps", 0, ROLL_COUNT, offsetof(struct context, steps), "N", "N good releases back"},
    {"bad", 0, ROLL_FLAG, offsetof(struct context, bad), NULL,
     "with --target: mark what is left as bad all the same"},
    {"no-sticky", 0, ROLL_FLAG, offsetof(struct context, no_sticky), NULL,
     "send recorded values of sticky parameters"},
    {"include-new", 0, ROLL_FLAG, offsetof(struct context, include_new), NULL,
     "also targets that were added to the plan since"},
    {"recreate-groups", 0, ROLL_FLAG, offsetof(struct context, recreate_groups), NULL,
     "make resource groups that are gone"},
    {"anyway", 0, ROLL_FLAG, offsetof(struct context, anyway), NULL,
     "go on although the last readiness check called the release dead"},
    {"prune", 0, ROLL_FLAG, offsetof(struct context, prune), NULL,
     "delete what newer releases added, as far as that is safe"},
    {"with-dependents", 0, ROLL_FLAG, offsetof(struct context, with_dependents), NULL,
     "first roll back what needs it ('needs' in the plans)"},
    ROLL_ACT_OPTIONS(struct context, act),
    {NULL},
};

const struct roll_command roll_cmd_back = {
    .name = "back",
    .arguments = "ENV",
    .summary = "roll back to the last good version, at once",
    .details =
        "Redeploys recorded bytes: nothing is rebuilt, nothing is taken from today's files.\n"
        "The release left behind becomes bad here, and a hold keeps schedules away.\n"
        "'roll forward ENV' undoes it.\n"
        "--prune deletes what newer releases added, once every target is rolled back:\n"
        "only resources that are not older than the release that added them, that nobody\n"
        "else uses, and whose type is safe to delete. '--prune --to LIVE' does it later.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
