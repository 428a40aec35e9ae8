/* What lane release checks before a release may be requested (DESIGN section 7: hold, predecessor,
 * order, hotfix debt, data floor), and the goals of out and of an ordinary forward. */
#include "release/choose.h"

#include <inttypes.h>

/* ---- gates ----------------------------------------------------------------------------------- */

struct roll_error *release_check_idle(struct release_chooser *chooser)
{
    const struct release_history *history = chooser->history;
    if (!history->open_rollout)
        return NULL;
    return release_error_next(
        roll_error_new(ROLL_E_CONFLICT, "rollout '%s#%" PRId64 "' has not ended", history->stream,
                       history->open_rollout),
        g_strdup_printf("roll resume %s#%" PRId64, history->stream, history->open_rollout),
        g_strdup_printf("roll cancel %s#%" PRId64, history->stream, history->open_rollout), NULL);
}

struct roll_error *release_check_eligible(struct release_chooser *chooser, const char *version,
                                          bool must_have_succeeded)
{
    const char *floor_target = NULL;
    int64_t floor = release_chooser_floor(chooser, &floor_target);
    struct release_facts facts;
    ROLL_TRY(release_history_facts(chooser->history, version, floor, floor_target, &facts));
    if (!must_have_succeeded)
        facts.succeeded = true;
    if (facts.bad != RELEASE_NOT_BAD && release_chooser_overridden(chooser, "quarantine"))
        facts.bad = RELEASE_NOT_BAD;
    char *reason = NULL;
    enum release_verdict verdict = release_eligible(&facts, &reason);
    return verdict == RELEASE_ELIGIBLE ? NULL
                                       : release_chooser_refuse(chooser, version, verdict, reason);
}

/* A person's hold stops people too; the hold of a back does not: it ends with a person's out. */
static struct roll_error *check_hold(struct release_chooser *chooser, const char *version)
{
    const struct release_history *history = chooser->history;
    if (!history->hold_by_person || release_chooser_overridden(chooser, "hold"))
        return NULL;
    const char *reason = history->hold_reason;
    return release_error_next(roll_error_new(ROLL_E_REFUSED, "'%s' is on hold%s%.200s",
                                             history->stream, reason ? ": " : "",
                                             reason ? reason : ""),
                              g_strdup_printf("roll unhold %s", history->stream),
                              release_chooser_override_command(chooser, version, "hold"), NULL);
}

static struct roll_error *check_predecessor(struct release_chooser *chooser, const char *version)
{
    const char *after = chooser->environment->after;
    if (!after)
        return NULL;
    g_autofree char *reason = NULL;
    ROLL_TRY(release_baked(chooser->plan, chooser->environment, chooser->history->ledger, version,
                           &reason));
    if (!reason || release_chooser_overridden(chooser, "after"))
        return NULL;
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED, "'%s' may not go to '%s' yet: %s", version,
                       chooser->history->stream, reason),
        g_strdup_printf("roll out %s/%s --release %s", chooser->history->service, after, version),
        release_chooser_override_command(chooser, version, "after"), NULL);
}

/* ---- goals ----------------------------------------------------------------------------------- */

struct roll_error *release_choose_for_lane_release(struct release_chooser *chooser,
                                                   struct roll_git *git, const char *version,
                                                   struct roll_choice **ret_choice)
{
    const struct release_info *info = NULL;
    ROLL_TRY(release_check_idle(chooser));
    ROLL_TRY(release_history_info(chooser->history, version, &info));
    ROLL_TRY(release_check_eligible(chooser, version, strcmp(chooser->kind, "forward") == 0));
    ROLL_TRY(check_hold(chooser, version));
    ROLL_TRY(check_predecessor(chooser, version));
    ROLL_TRY(release_check_contains(chooser, git, info));
    ROLL_TRY(release_pay_hotfixes(chooser, git, info));
    for (guint i = 0; i < chooser->candidates->len; i++)
        ROLL_TRY(release_chooser_put(chooser, g_ptr_array_index(chooser->candidates, i), version));
    chooser->choice->request.unhold = chooser->history->hold;
    return release_chooser_finish(chooser, ret_choice);
}

struct roll_error *roll_choose_out(const struct roll_plan *plan,
                                   const struct roll_plan_environment *environment,
                                   struct roll_ledger *ledger, struct roll_git *git,
                                   const struct roll_choice_options *options,
                                   struct roll_choice **ret_choice)
{
    g_autofree char *promoted = NULL;
    if (!options->release && !environment->after)
        return roll_error_new(ROLL_E_USAGE, "out to '%s/%s' needs a release", plan->service,
                              environment->name);
    if (!options->release)
        ROLL_TRY(roll_choose_promoted(plan, environment, ledger, &promoted));
    roll_auto(release_chooser) struct release_chooser *chooser = NULL;
    ROLL_TRY(release_chooser_new(plan, environment, ledger, options, ROLL_LANE_RELEASE, "out",
                                 &chooser));
    chooser->again = options->again;
    return release_choose_for_lane_release(chooser, git, promoted ? promoted : options->release,
                                           ret_choice);
}
