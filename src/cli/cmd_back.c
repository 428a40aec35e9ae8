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
    roll_auto(choice) struct roll_choice *choice = NULL;

    ROLL_TRY(
        roll_choose_back(act->plan, act->environment, act->app->ledger, &act->choice, &choice));
    if (!context->anyway)
        ROLL_TRY(roll_ready_bar(act, choice));
    *ret_choice = g_steal_pointer(&choice);
    return NULL;
}

static struct roll_error *check(const struct context *context)
{
    int ways = (context->to != NULL) + (context->at != 0) + (context->steps != 0);

    if (context->prune && context->act.no_wait)
        return roll_error_new(ROLL_E_USAGE, "--prune has to wait for the end; it does not go with "
                                            "--no-wait");
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

static struct roll_error *run_back(struct roll_act *act, const struct context *context,
                                   const char *environment)
{
    const char *version = NULL;
    int64_t back = 0;

    ROLL_TRY(roll_act_open(act, environment));
    ROLL_TRY(find_back(act, &back));
    if (back && !context->to && !context->at && !context->steps && !context->act.dry_run)
        return resume_back(act, context, back);
    if (context->to)
        ROLL_TRY(roll_version_argument(context->to, act->plan->service, &version));
    act->choice = (struct roll_choice_options){
        .release = version,
        .at = context->at,
        .steps = context->steps,
        .bad = context->bad,
        .no_sticky = context->no_sticky,
        .include_new = context->include_new,
        .recreate_groups = context->recreate_groups,
        .prune = context->prune,
    };
    if (!context->with_dependents)
        say_needed(act);
    return roll_act_run(act);
}

/* ---- with dependents ------------------------------------------------------------------------- */

struct with_dependents {
    struct roll_app *app;
    const struct context *context;
    char *name; /* that was asked for */
};

/* --to is for what was asked for; the others go back to their own last good release, or to what was
 * live at the time of --at. */
static struct context context_of(const struct with_dependents *with, const char *name)
{
    struct context part = *with->context;

    if (strcmp(name, with->name) != 0) {
        part.to = NULL;
        part.steps = 0;
    }
    part.act.yes = true;
    return part;
}

static struct roll_error *look_at_part(void *user, const char *name)
{
    const struct with_dependents *with = user;
    struct context context = context_of(with, name);
    struct roll_act act = {.app = with->app,
                           .options = &context.act,
                           .lane = ROLL_LANE_ROLLBACK,
                           .verb = "back",
                           .user = &context,
                           .choose = choose};
    roll_auto(choice) struct roll_choice *choice = NULL;
    const char *version = NULL;
    struct roll_error *err = roll_act_open(&act, name);

    if (!err && context.to)
        err = roll_version_argument(context.to, act.plan->service, &version);
    act.choice = (struct roll_choice_options){.release = version,
                                              .at = context.at,
                                              .steps = context.steps,
                                              .ring = -1,
                                              .prune = context.prune};
    if (!err)
        err = choose(&act, &choice);
    roll_act_clear(&act);
    return err;
}

static void add_flag(GString *line, bool given, const char *flag)
{
    if (given)
        g_string_append_printf(line, " %s", flag);
}

static void add_text(GString *line, const char *flag, const char *text)
{
    g_autofree char *quoted = text ? g_shell_quote(text) : NULL;

    if (quoted)
        g_string_append_printf(line, " %s %s", flag, quoted);
}

static void add_ways(GString *line, const struct context *context)
{
    char time[ROLL_TIME_SIZE];

    if (context->at) {
        roll_time_format(context->at, time);
        g_string_append_printf(line, " --at %s", time);
    }
    if (context->steps)
        g_string_append_printf(line, " --steps %d", context->steps);
    if (context->to)
        g_string_append_printf(line, " --to %s", context->to);
}

/* What was typed, for the part that is left. */
static char *options_of_part(void *user, const char *name)
{
    const struct with_dependents *with = user;
    const struct context context = context_of(with, name);
    GString *line = g_string_new(NULL);

    add_ways(line, &context);
    add_flag(line, context.prune, "--prune");
    add_flag(line, context.no_sticky, "--no-sticky");
    add_flag(line, context.include_new, "--include-new");
    add_flag(line, context.recreate_groups, "--recreate-groups");
    add_flag(line, context.anyway, "--anyway");
    add_flag(line, context.act.wait_for_access, "--wait-for-access");
    for (guint i = 0; context.act.overrides && i < context.act.overrides->len; i++)
        add_text(line, "--override", context.act.overrides->pdata[i]);
    add_text(line, "--reason", context.act.reason);
    return g_string_free(line, FALSE);
}

static struct roll_error *run_part(void *user, const char *name, char **parts, json_t *documents)
{
    const struct with_dependents *with = user;
    struct context context = context_of(with, name);
    g_autofree char *reason = context.act.reason
                                  ? g_strdup_printf("%s (with %s)", context.act.reason, with->name)
                                  : g_strdup_printf("with %s", with->name);
    struct roll_act act = {.app = with->app,
                           .options = &context.act,
                           .lane = ROLL_LANE_ROLLBACK,
                           .verb = "back",
                           .parts = parts,
                           .documents = documents,
                           .user = &context,
                           .choose = choose};
    struct roll_error *err;

    if (strcmp(name, with->name) != 0)
        context.act.reason = reason;
    err = run_back(&act, &context, name);
    roll_act_clear(&act);
    return err;
}

static struct roll_error *run_with(struct roll_app *app, const struct context *context,
                                   const char *environment)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *found = NULL;
    struct with_dependents with = {.app = app, .context = context};
    const struct roll_act_with spec = {.app = app,
                                       .options = &context->act,
                                       .verb = "back",
                                       .dependents_first = true,
                                       .user = &with,
                                       .look = look_at_part,
                                       .run = run_part,
                                       .options_of = options_of_part};
    struct roll_error *err;

    ROLL_TRY(roll_workspace_environment(app->workspace, environment, &plan, &found));
    with.name = roll_stream_of(plan, found);
    err = roll_act_with_dependents(&spec, with.name);
    g_free(with.name);
    return err;
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

    if (!err && context->with_dependents)
        err = run_with(app, context, arguments[0]);
    else if (!err)
        err = run_back(&act, context, arguments[0]);
    roll_act_clear(&act);
    return err;
}

static const struct roll_option options[] = {
    {"to", 0, ROLL_TEXT, offsetof(struct context, to), "VERSION",
     "this release, which must have succeeded here"},
    {"at", 0, ROLL_TIME, offsetof(struct context, at), "TIME", "what was live then"},
    {"steps", 0, ROLL_COUNT, offsetof(struct context, steps), "N", "so many good releases back"},
    {"bad", 0, ROLL_FLAG, offsetof(struct context, bad), NULL,
     "with --target: mark what is left as bad all the same"},
    {"no-sticky", 0, ROLL_FLAG, offsetof(struct context, no_sticky), NULL,
     "send recorded values of sticky parameters"},
    {"include-new", 0, ROLL_FLAG, offsetof(struct context, include_new), NULL,
     "targets that the plan has got since, too"},
    {"recreate-groups", 0, ROLL_FLAG, offsetof(struct context, recreate_groups), NULL,
     "make resource groups that are gone"},
    {"anyway", 0, ROLL_FLAG, offsetof(struct context, anyway), NULL,
     "though the last readiness check called the goal dead"},
    {"prune", 0, ROLL_FLAG, offsetof(struct context, prune), NULL,
     "delete what newer releases added, as far as that is safe"},
    {"with-dependents", 0, ROLL_FLAG, offsetof(struct context, with_dependents), NULL,
     "first whatever needs it, as 'needs' in the plans says"},
    ROLL_ACT_OPTIONS(struct context, act),
    {NULL},
};

const struct roll_command roll_cmd_back = {
    .name = "back",
    .arguments = "ENV",
    .summary = "roll back to the last good version, at once",
    .details = "Redeploys recorded bytes: nothing is rebuilt, nothing in it comes from today's "
               "files. What is left behind\n"
               "becomes bad here, and a hold keeps schedules away. 'roll forward ENV' undoes it.\n"
               "With --prune, what newer releases added is deleted when every target has its goal: "
               "only what ARM "
               "says is not\n"
               "older than the release that put it, nobody else has, and whose type is safe to "
               "delete. With --to the "
               "live version\n"
               "it does so later.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
