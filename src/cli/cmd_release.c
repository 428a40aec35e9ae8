/* roll release [SERVICE]: make a snapshot under a version, without deploying it. */
#include "app.h"

struct context {
    const char *ref, *version;
    GPtrArray *artifacts, *overrides;
    bool allow_dirty, yes;
};

static struct roll_error *make(struct roll_app *app, const struct context *context,
                               const struct roll_plan *plan, struct roll_release **ret_release)
{
    roll_auto(loop) struct roll_loop *loop = NULL;
    struct roll_release_options options = {
        .ref = context->ref,
        .version = context->version,
        .artifacts = context->artifacts ? (const char *const *)context->artifacts->pdata : NULL,
        .allow_dirty = context->allow_dirty,
        .overrides = context->overrides ? (const char *const *)context->overrides->pdata : NULL,
        .sandbox = roll_app_sandbox,
        .sandbox_user = app,
    };

    ROLL_TRY(roll_loop_new(&loop));
    ROLL_TRY(roll_release_make(plan, app->ledger, loop, &options, ret_release));
    if (!(*ret_release)->recorded)
        ROLL_TRY(roll_release_record(app->ledger, &app->actor, *ret_release));
    return NULL;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(release) struct roll_release *release = NULL;

    ROLL_TRY(roll_workspace_plan(app->workspace, arguments[0], &plan));
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(make(app, user, plan, &release));
    if (app->json) {
        json_t *manifest = NULL;
        ROLL_TRY(roll_ledger_object_json(app->ledger, release->digest, &manifest));
        roll_auto(json) json_t *view =
            json_pack("{s:o,s:s,s:s,s:s,s:b,s:o}", "release",
                      json_sprintf("%s@%s", release->service, release->version), "service",
                      release->service, "version", release->version, "digest", release->digest,
                      "new", !release->recorded, "manifest", manifest);
        roll_report_json(&app->out, view);
        return NULL;
    }
    for (char **note = release->notes; note && *note; note++)
        roll_say(app, "note     %s", *note);
    roll_say(app, "%s@%s  %s%.12s", release->service, release->version,
             release->recorded ? "already recorded, the same content  " : "recorded  ",
             release->digest);
    roll_say(app, "next: roll out ENV --release %s", release->version);
    return NULL;
}

static const struct roll_option options[] = {
    {"ref", 0, ROLL_TEXT, offsetof(struct context, ref), "REF",
     "commit, tag or branch (default: HEAD)"},
    {"version", 0, ROLL_TEXT, offsetof(struct context, version), "VERSION",
     "default: the commit's tag without v, else git describe"},
    {"artifact", 0, ROLL_TEXTS, offsetof(struct context, artifacts), "NAME=REF",
     "pinned: web=registry/image@sha256:…, or web=@1.4.1"},
    {"allow-dirty", 0, ROLL_FLAG, offsetof(struct context, allow_dirty), NULL,
     "release although the work tree has changes"},
    {"override", 0, ROLL_TEXTS, offsetof(struct context, overrides), "KIND:NAME",
     "secret-scan:PARAMETER, or secret-scan:/PLACE in the template"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_release = {
    .name = "release",
    .arguments = "[SERVICE]",
    .summary = "record a release: template, parameters and artifacts, as they are now",
    .details = "Reads template and parameter files from git at a commit. A version is used once: "
               "the same content again does\n"
               "nothing, other content is refused.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
