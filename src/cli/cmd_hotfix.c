/* roll hotfix ENV: the emergency command. From --ref, or from what is live with only artifacts
 * changed. */
#include "act.h"

#include "rollbook/json.h"

struct context {
    struct roll_act_options act;
    const char *ref, *version, *commit;
    GPtrArray *artifacts;
    bool allow_dirty, no_sticky;
};

static struct roll_error *make(struct roll_act *act, const struct context *context,
                               const char *base, struct roll_release **ret_release)
{
    struct roll_release_options options = {
        .ref = context->ref,
        .version = context->version,
        .artifacts = context->artifacts ? (const char *const *)context->artifacts->pdata : NULL,
        .base = base,
        .from_base = context->ref == NULL,
        .commit = context->commit,
        .allow_dirty = context->allow_dirty,
        .overrides = act->choice.overrides,
        .offline = act->options->dry_run,
        .sandbox = roll_app_sandbox,
        .sandbox_user = act->app,
    };

    return roll_release_make(act->plan, act->app->ledger, act->loop, &options, ret_release);
}

static struct roll_error *nothing_live(const struct roll_act *act)
{
    g_autofree char *next = g_strdup_printf("{\"next\":[\"roll out %s\"]}", act->name);

    return roll_error_detail(roll_error_new(ROLL_E_NOT_FOUND,
                                            "nothing is live in '%s' that could be fixed",
                                            act->stream),
                             next);
}

/* What a fix from a commit brings beside the fix. */
static void say_commits(struct roll_act *act, const struct roll_release *release)
{
    size_t index;
    json_t *change;

    json_array_foreach (json_object_get(release->manifest, "changes"), index, change)
        roll_say(act->app, "adds     %.10s  %s", roll_json_get_string(change, "commit"),
                 roll_json_get_string(change, "subject"));
}

static struct roll_error *choose(struct roll_act *act, struct roll_choice **ret_choice)
{
    struct context *context = act->user;
    g_autofree char *live = NULL;
    roll_auto(release) struct roll_release *release = NULL;

    ROLL_TRY(roll_live_release(act->app, act->stream, &live));
    if (!live)
        return nothing_live(act);
    ROLL_TRY(make(act, context, live, &release));
    for (char **note = release->notes; note && *note; note++)
        roll_say(act->app, "note     %s", *note);
    if (context->ref)
        say_commits(act, release);
    ROLL_TRY(roll_act_record(act, release));
    act->choice.release = release->version;
    struct roll_error *err = roll_choose_hotfix(act->plan, act->environment, act->app->ledger,
                                                act->git, &act->choice, ret_choice);
    act->choice.release = NULL;
    return err;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_act act = {.app = app,
                           .options = &context->act,
                           .lane = ROLL_LANE_HOTFIX,
                           .verb = "hotfix",
                           .user = context,
                           .choose = choose};
    struct roll_error *err = NULL;

    if (!context->ref && !context->artifacts)
        err = roll_error_new(ROLL_E_USAGE,
                             "'roll hotfix' needs '--artifact NAME=REF' or '--ref REF'");
    if (!err)
        err = roll_act_open(&act, arguments[0]);
    if (!err && context->ref)
        err = roll_act_git(&act);
    act.choice.no_sticky = context->no_sticky;
    if (!err)
        err = roll_act_run(&act);
    roll_act_clear(&act);
    return err;
}

static const struct roll_option options[] = {
    {"artifact", 0, ROLL_TEXTS, offsetof(struct context, artifacts), "NAME=REF",
     "what is live with only this changed; pinned by digest"},
    {"ref", 0, ROLL_TEXT, offsetof(struct context, ref), "REF",
     "a commit that descends from the live one"},
    {"version", 0, ROLL_TEXT, offsetof(struct context, version), "VERSION",
     "default: LIVE-hotfix.1"},
    {"commit", 0, ROLL_TEXT, offsetof(struct context, commit), "COMMIT",
     "with --artifact: the commit that it was built from"},
    {"allow-dirty", 0, ROLL_FLAG, offsetof(struct context, allow_dirty), NULL,
     "release although the work tree has changes"},
    {"no-sticky", 0, ROLL_FLAG, offsetof(struct context, no_sticky), NULL,
     "send recorded values of sticky parameters"},
    ROLL_ACT_OPTIONS(struct context, act),
    {NULL},
};

const struct roll_command roll_cmd_hotfix = {
    .name = "hotfix",
    .arguments = "ENV (--artifact NAME=REF | --ref REF)",
    .summary = "put an emergency fix on what is live",
    .details = "Neither windows, freezes, holds nor the predecessor environment stand in its way; "
               "the next ordinary release\n"
               "must contain it.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
