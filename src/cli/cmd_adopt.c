/* roll adopt ENV: what ARM still has of an environment, into the ledger. */
#include "adopt.h"

#include "rollbook/watch.h"

#define GAPS_SHOWN 10 /* targets whose error is told when none could be read */

struct context {
    GPtrArray *targets;
    int64_t since;
    const char *accept, *reason;
    bool dry_run, recover;
};

static struct roll_error *check_targets(const struct roll_plan_environment *environment,
                                        const struct context *context)
{
    for (guint i = 0; context->targets && i < context->targets->len; i++) {
        const char *name = context->targets->pdata[i];
        if (name && !roll_plan_target_find(environment, name))
            return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no target '%s'", environment->name,
                                  name);
    }
    return NULL;
}

struct asker {
    struct roll_app *app;
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
};

static struct roll_error *may_recover(void *user)
{
    const struct asker *asker = user;

    return roll_app_need_role(asker->app, asker->plan, asker->environment, ROLL_LANE_RELEASE,
                              "'roll adopt', which makes a lost ledger's rollouts count,");
}

static struct roll_error *adopt(struct roll_app *app, const struct context *context,
                                const struct roll_plan *plan,
                                const struct roll_plan_environment *environment,
                                json_t **ret_report)
{
    roll_auto(loop) struct roll_loop *loop = NULL;
    roll_auto(links) struct roll_links *links = NULL;

    ROLL_TRY(check_targets(environment, context));
    if (context->accept && context->dry_run)
        return roll_error_new(ROLL_E_USAGE, "'--accept' records: it does not go with '--dry-run'");
    ROLL_TRY(roll_app_write_ledger(app));
    if (context->accept)
        ROLL_TRY(
            roll_app_need_role(app, plan, environment, ROLL_LANE_RELEASE, "'roll adopt --accept'"));
    struct asker asker = {app, plan, environment};
    ROLL_TRY(roll_loop_new(&loop));
    links = roll_links_new(loop, roll_app_sandbox, app);
    const struct roll_adopt_options options = {
        .ledger = app->ledger,
        .loop = loop,
        .links = links,
        .actor = &app->actor,
        .plan = plan,
        .environment = environment,
        .targets = context->targets ? (const char *const *)context->targets->pdata : NULL,
        .since_ms = context->since,
        .dry_run = context->dry_run,
        .recover = context->recover,
        .may_recover = may_recover,
        .may_user = &asker,
        .accept = context->accept,
        .reason = context->reason};
    return roll_adopt(&options, ret_report);
}

/* Of targets that each have an error: "'weu': CODE: message; 'neu': …". Owned. */
static char *join_gaps(const json_t *targets)
{
    GString *text = g_string_new(NULL);
    size_t index;
    json_t *target;

    json_array_foreach ((json_t *)(uintptr_t)targets, index, target)
        if (index < GAPS_SHOWN)
            g_string_append_printf(text, "%s'%s': %s", index ? "; " : "",
                                   roll_json_get_string(target, "name"),
                                   roll_json_get_string(target, "error"));
    if (json_array_size(targets) > GAPS_SHOWN)
        g_string_append_printf(text, " and %zu more", json_array_size(targets) - GAPS_SHOWN);
    return g_string_free(text, FALSE);
}

/* Nothing was read: that is no empty history. What was done all the same is no error. */
static struct roll_error *check_read(const char *stream, const json_t *report)
{
    const json_t *targets = json_object_get(report, "targets");
    size_t missing, count = adopt_count_unread(report, &missing);

    if (count == 0 || count < json_array_size(targets) || json_object_get(report, "accepted") ||
        json_array_size(json_object_get(report, "recovered")) > 0)
        return NULL;
    g_autofree char *gaps = join_gaps(targets);
    g_autofree char *next = g_strdup_printf("{\"next\":[\"roll doctor %s\"]}", stream);
    return roll_error_detail(
        missing == count
            ? roll_error_new(ROLL_E_NOT_FOUND, "nothing of '%s' is there: %s", stream, gaps)
            : roll_error_new(ROLL_E_HTTP, "no history of '%s' could be read: %s", stream, gaps),
        next);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    roll_auto(json) json_t *report = NULL;
    size_t missing;

    ROLL_TRY(roll_workspace_environment(app->workspace, arguments[0], &plan, &environment));
    ROLL_TRY(adopt(app, user, plan, environment, &report));
    g_autofree char *stream = roll_stream_of(plan, environment);
    if (adopt_count_unread(report, &missing) > missing)
        app->exit_status = 1;
    if (json_is_true(json_object_get(json_object_get(report, "recovery"), "refused")))
        app->exit_status = roll_code_exit(ROLL_E_REFUSED);
    if (app->json)
        roll_report_json(&app->out, report);
    ROLL_TRY(check_read(stream, report));
    if (!app->json)
        adopt_say(app, stream, report);
    return NULL;
}

static const struct roll_option options[] = {
    {"since", 0, ROLL_TIME, offsetof(struct context, since), "TIME",
     "leave out what ended before then"},
    {"accept", 0, ROLL_TEXT, offsetof(struct context, accept), "DEPLOYMENT",
     "it was good: make it a release that 'roll back' can return to"},
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT", "why; recorded"},
    {"target", 't', ROLL_TEXTS, offsetof(struct context, targets), "NAME",
     "only this target; may be repeated"},
    {"recover", 0, ROLL_FLAG, offsetof(struct context, recover), NULL,
     "rollouts of a lost ledger count also beside this one's own"},
    {"dry-run", 0, ROLL_FLAG, offsetof(struct context, dry_run), NULL,
     "show what would be recorded; record nothing"},
    {NULL},
};

const struct roll_command roll_cmd_adopt = {
    .name = "adopt",
    .arguments = "ENV",
    .summary = "take ARM's history of an environment into the ledger",
    .details =
        "Reads what ARM still has of each target (at most 800 deployments): template, parameters, "
        "outputs,\n"
        "who and when. It is evidence: nothing goes back to it until '--accept' says that it was "
        "good.\n"
        "Deployments of this environment by a ledger that was lost are recovered from their tags;\n"
        "of a deployment stack only the last one, since a stack keeps no others' tags.\n"
        "Changes nothing in Azure, and may run again.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
