/* --dry-run of resume and cancel: their rollout was decided when it was asked for, so that nothing
 * is compared; where its targets stand, as far as it is known here, is said with what would become
 * of them. */
#include "act.h"

#include <inttypes.h>

#include "rollbook/json.h"
#include "rollbook/rollout.h"
#include "view.h"

/* What the ledger knows of it, and the sentence that the verb begins with. */
static struct roll_error *begin(struct roll_act *act, int64_t rollout, const char *effect,
                                json_t **ret_view)
{
    roll_auto(json) json_t *view = NULL;

    ROLL_TRY(roll_view_rollout_find(act->app, act->stream, rollout, &view));
    if (!json_is_null(json_object_get(view, "finishedAt")))
        return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' has ended already: %s", act->stream,
                              rollout, roll_json_get_string(view, "state"));
    const char *version = roll_json_get_string(view, "version");
    roll_say(act->app, "%s %s#%" PRId64 ", %s to %s: %s", act->verb, act->stream, rollout,
             roll_json_get_string(view, "kind"), version ? version : "each target's own release",
             effect);
    *ret_view = g_steal_pointer(&view);
    return NULL;
}

static void end(struct roll_act *act, const json_t *view)
{
    if (act->app->json)
        roll_report_json(&act->app->out, view);
    else
        roll_say(act->app, "nothing was done (--dry-run)");
}

struct roll_error *roll_act_rehearse_cancel(struct roll_act *act, int64_t rollout)
{
    roll_auto(json) json_t *view = NULL;

    ROLL_TRY(begin(act, rollout, "what ARM has done so far stays", &view));
    if (!act->app->json) {
        roll_act_say_group(act->app, view, "deployed, stays", (const char *[]){"succeeded", NULL});
        roll_act_say_group(act->app, view,
                           "under way, would be stopped half-applied (a stack would be waited for)",
                           (const char *[]){"running", NULL});
        roll_act_say_group(act->app, view, "ended without success, stays as it is",
                           (const char *[]){"failed", "cancelled", NULL});
        roll_act_say_group(
            act->app, view, "would not be touched",
            (const char *[]){"waiting", "skipped", "absent", "refused", "conflict", NULL});
    }
    end(act, view);
    return NULL;
}

/* What waits for others is not sent before they have spoken. */
static void say_lacks(struct roll_act *act, int64_t rollout, const json_t *view)
{
    if (g_strcmp0(roll_json_get_string(view, "state"), "waiting") != 0)
        return;
    roll_auto(json) json_t *lacks = roll_view_lacks(act->app, act->stream, rollout, NULL);
    g_autofree char *text = roll_view_join(lacks, "; ");
    if (*text)
        roll_say(act->app, "  it waits: %s", text);
}

struct roll_error *roll_act_rehearse_resume(struct roll_act *act, int64_t rollout)
{
    roll_auto(json) json_t *view = NULL;

    ROLL_TRY(begin(act, rollout, "what was intended is looked at, what is missing is sent", &view));
    if (!act->app->json) {
        roll_act_say_group(act->app, view, "deployed, stays", (const char *[]){"succeeded", NULL});
        roll_act_say_group(act->app, view, "under way, would be looked at",
                           (const char *[]){"running", NULL});
        roll_act_say_group(act->app, view, "ended without success",
                           (const char *[]){"failed", "cancelled", "conflict", NULL});
        roll_act_say_group(act->app, view, "would be sent",
                           (const char *[]){"waiting", "absent", "refused", NULL});
        say_lacks(act, rollout, view);
    }
    end(act, view);
    return NULL;
}
