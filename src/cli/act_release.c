/* Which release goes out: a given one, what the predecessor has proved, or a new snapshot. */
#include "act.h"

/* A snapshot is made and recorded first; the rollout then names it. */
static struct roll_error *snapshot(struct roll_act *act, const struct roll_act_source *source,
                                   struct roll_release **ret_release)
{
    struct roll_release_options options = {
        .ref = source->ref,
        .version = source->version,
        .artifacts = source->artifacts ? (const char *const *)source->artifacts->pdata : NULL,
        .allow_dirty = source->allow_dirty,
        .overrides = act->choice.overrides,
        .offline = act->options->dry_run,
        .sandbox = roll_app_sandbox,
        .sandbox_user = act->app,
    };

    ROLL_TRY(roll_release_make(act->plan, act->app->ledger, act->loop, &options, ret_release));
    for (char **note = (*ret_release)->notes; note && *note; note++)
        roll_say(act->app, "note     %s", *note);
    ROLL_TRY(roll_act_record(act, *ret_release));
    return NULL;
}

/* Without --release: what the predecessor environment has proved, else a snapshot of HEAD (or of
 * --ref). */
struct roll_error *roll_act_decide_release(struct roll_act *act,
                                           const struct roll_act_source *source, char **ret_version)
{
    roll_auto(release) struct roll_release *release = NULL;
    const char *version = NULL;

    if (source->release) {
        ROLL_TRY(roll_version_argument(source->release, act->plan->service, &version));
        *ret_version = g_strdup(version);
        return NULL;
    }
    if (act->environment->after && !source->ref && !source->version && !source->artifacts)
        return roll_choose_promoted(act->plan, act->environment, act->app->ledger, ret_version);
    ROLL_TRY(snapshot(act, source, &release));
    *ret_version = g_strdup(release->version);
    return NULL;
}
