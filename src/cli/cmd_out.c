/* roll out ENV: the normal release. */
#include "act.h"

struct context {
    struct roll_act_options act;
    struct roll_act_source source;
    bool include_new, again;
};

static struct roll_error *choose(struct roll_act *act, struct roll_choice **ret_choice)
{
    struct context *context = act->user;
    g_autofree char *version = NULL;
    struct roll_error *err;

    ROLL_TRY(roll_act_decide_release(act, &context->source, &version));
    act->choice.release = version;
    /* A release that is in the ledger needs no repository. */
    roll_act_try_git(act);
    err = roll_choose_out(act->plan, act->environment, act->app->ledger, act->git, &act->choice,
                          ret_choice);
    act->choice.release = NULL;
    return err;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    struct roll_act act = {.app = app,
                           .options = &context->act,
                           .lane = ROLL_LANE_RELEASE,
                           .verb = "out",
                           .user = context,
                           .choose = choose};
    struct roll_error *err = roll_act_open(&act, arguments[0]);

    act.choice.include_new = context->include_new;
    act.choice.again = context->again;
    act.choice.overrides =
        context->act.overrides ? (const char *const *)context->act.overrides->pdata : NULL;
    if (!err)
        err = roll_act_run(&act);
    roll_act_clear(&act);
    return err;
}

static const struct roll_option options[] = {
    {"release", 0, ROLL_TEXT, offsetof(struct context, source.release), "VERSION",
     "a release that is in the ledger"},
    {"ref", 0, ROLL_TEXT, offsetof(struct context, source.ref), "REF",
     "make the release from this commit, tag or branch"},
    {"version", 0, ROLL_TEXT, offsetof(struct context, source.version), "VERSION",
     "the version of a new release (default: from git)"},
    {"artifact", 0, ROLL_TEXTS, offsetof(struct context, source.artifacts), "NAME=REF",
     "an artifact, pinned: web=registry/image@sha256:…"},
    {"allow-dirty", 0, ROLL_FLAG, offsetof(struct context, source.allow_dirty), NULL,
     "release although the work tree has changes"},
    {"include-new", 0, ROLL_FLAG, offsetof(struct context, include_new), NULL,
     "also targets that were added to the plan since the release was made"},
    {"again", 0, ROLL_FLAG, offsetof(struct context, again), NULL,
     "also targets that have the release already: puts back what drifted"},
    ROLL_ACT_OPTIONS(struct context, act),
    {NULL},
};

const struct roll_command roll_cmd_out = {
    .name = "out",
    .arguments = "ENV",
    .summary = "roll a release out: the normal way",
    .details = "With 'after' in the plan, the newest release that succeeded and baked there; else "
               "a snapshot of HEAD.\n"
               "Rings, bake, health and holds apply. A release that does not contain the live "
               "one's commit is refused.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
