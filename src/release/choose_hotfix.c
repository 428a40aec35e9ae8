/* The goal of a hotfix: a release made from what is live. It supersedes what runs, keeps a hold,
 * and obeys the data floor; hold, predecessor and order of lane release do not apply. */
#include "release/choose.h"

/* The live release is the hotfix's base, directly or through earlier hotfixes, or git says that its
 * commit is contained. */
static struct roll_error *descends(struct release_chooser *chooser, struct roll_git *git,
                                   const struct release_info *hotfix, const char *live,
                                   bool *ret_descends)
{
    const struct release_info *each = hotfix;
    *ret_descends = false;
    for (int depth = 0; each->base && depth < 100; depth++) {
        if (strcmp(each->base, live) == 0) {
            *ret_descends = true;
            return NULL;
        }
        ROLL_TRY(release_history_info(chooser->history, each->base, &each));
    }
    const struct release_info *held = NULL;
    ROLL_TRY(release_history_info(chooser->history, live, &held));
    /* Made from an older release by artifacts alone, it names that one's commit and holds nothing
     * of the live one. */
    if (!git || !held->commit || !hotfix->commit || g_strcmp0(hotfix->commit, each->commit) == 0)
        return NULL;
    struct roll_error *err = roll_git_contains(git, hotfix->commit, held->commit, ret_descends);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *check_descends(struct release_chooser *chooser, struct roll_git *git,
                                         const struct release_info *hotfix)
{
    const struct release_history *history = chooser->history;
    const char *live = history->live ? history->live : history->last_good;
    bool ok = !live || strcmp(live, hotfix->version) == 0;
    if (!ok)
        ROLL_TRY(descends(chooser, git, hotfix, live, &ok));
    if (ok || release_chooser_overridden(chooser, "order"))
        return NULL;
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "the hotfix '%s' was not made from '%s', which is live in '%s'",
                       hotfix->version, live, history->stream),
        g_strdup_printf("roll hotfix %s --artifact NAME=REF --reason TEXT", history->stream), NULL);
}

static struct roll_error *choose(struct release_chooser *chooser, struct roll_git *git,
                                 struct roll_choice **ret_choice)
{
    const char *version = chooser->options->release;
    const struct release_info *hotfix = NULL;
    ROLL_TRY(release_history_info(chooser->history, version, &hotfix));
    ROLL_TRY(release_check_eligible(chooser, version, false));
    ROLL_TRY(check_descends(chooser, git, hotfix));
    if (chooser->history->open_rollout) {
        chooser->choice->request.supersedes = chooser->history->open_rollout;
        release_chooser_note(chooser, "takes the place of %s#%" G_GINT64_FORMAT,
                             chooser->history->stream, chooser->history->open_rollout);
    }
    for (guint i = 0; i < chooser->candidates->len; i++)
        ROLL_TRY(release_chooser_put(chooser, g_ptr_array_index(chooser->candidates, i), version));
    return release_chooser_finish(chooser, ret_choice);
}

struct roll_error *roll_choose_hotfix(const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment,
                                      struct roll_ledger *ledger, struct roll_git *git,
                                      const struct roll_choice_options *options,
                                      struct roll_choice **ret_choice)
{
    if (!options->release)
        return roll_error_new(ROLL_E_USAGE, "a hotfix of '%s/%s' needs a release", plan->service,
                              environment->name);
    roll_auto(release_chooser) struct release_chooser *chooser = NULL;
    ROLL_TRY(release_chooser_new(plan, environment, ledger, options, ROLL_LANE_HOTFIX, "hotfix",
                                 &chooser));
    return choose(chooser, git, ret_choice);
}
