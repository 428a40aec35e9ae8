/* The goal of a back (DESIGN section 6, Back). After a failure each target that was touched returns
 * to its own newest eligible release; otherwise all go to the newest eligible one other than the
 * live one. No git, no template, no network: a back must be decided in milliseconds. */
#include "release/chooser.h"

#include <inttypes.h>

#include "rollbook/time.h"

/* ---- what stands in the way, what was there -------------------------------------------------- */

struct back {
    struct release_chooser *chooser;
    struct release_rollout *last; /* that sent something, or NULL */
    bool failed;                  /* it did not succeed */
};

static bool explicit_goal(const struct roll_choice_options *options)
{
    return options->release || options->at || options->steps;
}

/* A running rollout is superseded; a back during a back is the same back. */
static struct roll_error *supersede(struct release_chooser *chooser)
{
    int64_t open = chooser->history->open_rollout;
    if (!open)
        return NULL;
    roll_auto(release_rollout) struct release_rollout *rollout = NULL;
    ROLL_TRY(release_history_rollout(chooser->history, open, &rollout));
    const char *stream = chooser->history->stream;
    if (strcmp(rollout->kind, "back") == 0 && !explicit_goal(chooser->options))
        return release_error_next(roll_error_new(ROLL_E_CONFLICT,
                                                 "a back is under way already: '%s#%" PRId64 "'",
                                                 stream, open),
                                  g_strdup_printf("roll resume %s#%" PRId64, stream, open), NULL);
    chooser->choice->request.supersedes = open;
    release_chooser_note(chooser, "takes the place of %s#%" PRId64 " (%s, %s)", stream, open,
                         rollout->kind, rollout->state);
    return NULL;
}

/* The release that a back leaves. While targets hold different ones it is the newest of them:
 * whoever brought one region back and then says "back" wants the others back too, not this one
 * forward again. */
static struct roll_error *live_version(struct release_history *history, const char **ret_version)
{
    int64_t newest = 0;
    *ret_version = history->live ? history->live : history->last_good;
    for (guint i = 0; i < history->targets->len && !history->live; i++) {
        const struct release_held *held = g_ptr_array_index(history->targets, i);
        const struct release_info *info = NULL;
        if (!held->release)
            continue;
        ROLL_TRY(release_history_info(history, held->release, &info));
        if (info->seq <= newest)
            continue;
        newest = info->seq;
        *ret_version = info->version;
    }
    return NULL;
}

static struct roll_error *no_goal(const struct release_chooser *chooser)
{
    const char *stream = chooser->history->stream;
    g_autoptr(GString) text = g_string_new(NULL);
    if (!chooser->history->live && !chooser->history->last_good && !chooser->skipped->len)
        return release_error_next(
            roll_error_new(ROLL_E_NOT_FOUND, "nothing has succeeded in '%s' yet", stream),
            g_strdup_printf("roll adopt %s", stream), g_strdup_printf("roll out %s", stream), NULL);
    if (chooser->options->steps > 1)
        g_string_printf(text, "'%s' has not got %d earlier good releases", stream,
                        chooser->options->steps);
    else
        g_string_printf(text, "there is no earlier good release of '%s'", stream);
    for (guint i = 0; i < chooser->skipped->len; i++)
        g_string_append_printf(text, "; %s", (const char *)g_ptr_array_index(chooser->skipped, i));
    return release_error_next(
        roll_error_new(ROLL_E_NOT_FOUND, "%s", text->str), g_strdup_printf("roll adopt %s", stream),
        g_strdup_printf("roll hotfix %s --artifact NAME=REF --reason TEXT", stream),
        g_strdup_printf("roll out %s --release VERSION", stream), NULL);
}

/* ---- one goal for all ------------------------------------------------------------------------ */

/* The nth eligible release of the environment, newest success first, other than `except`. */
static struct roll_error *newest_eligible(struct release_chooser *chooser, const char *except,
                                          int nth, char **ret_version)
{
    g_autoptr(GPtrArray) successes = NULL;
    /* Nearly always one of the first few will do; the whole history is read only when none of them
     * does. */
    for (guint limit = 16, start = 0;; start = limit, limit = 0) {
        g_clear_pointer(&successes, g_ptr_array_unref);
        const struct release_success_query query = {.limit = limit};
        ROLL_TRY(release_history_successes(chooser->history, &query, &successes));
        for (guint i = start; i < successes->len; i++) {
            const struct release_success *success = g_ptr_array_index(successes, i);
            if (g_strcmp0(success->release, except) == 0)
                continue;
            enum release_verdict verdict = RELEASE_ADOPTED;
            g_autofree char *reason = NULL;
            if (success->adopted)
                reason = g_strdup("adopted and not accepted");
            else
                ROLL_TRY(release_chooser_verdict(chooser, success->release, &verdict, &reason));
            if (verdict != RELEASE_ELIGIBLE) {
                release_chooser_skip(chooser, success->release, g_steal_pointer(&reason));
            } else if (--nth == 0) {
                *ret_version = g_strdup(success->release);
                return NULL;
            }
        }
        if (!limit || successes->len < limit)
            return no_goal(chooser);
    }
}

static struct roll_error *all_to(struct release_chooser *chooser, const char *version)
{
    for (guint i = 0; i < chooser->candidates->len; i++)
        ROLL_TRY(release_chooser_put(chooser, g_ptr_array_index(chooser->candidates, i), version));
    return NULL;
}

static struct roll_error *to_version(struct release_chooser *chooser, const char *version)
{
    enum release_verdict verdict;
    char *reason = NULL;
    ROLL_TRY(release_chooser_verdict(chooser, version, &verdict, &reason));
    if (verdict != RELEASE_ELIGIBLE)
        return release_chooser_refuse(chooser, version, verdict, reason);
    chooser->again |=
        chooser->options->prune; /* also where it is live: what was left then goes now */
    return all_to(chooser, version);
}

static struct roll_error *to_newest(const struct back *back)
{
    struct release_chooser *chooser = back->chooser;
    const char *except = back->last->release;
    g_autofree char *version = NULL;
    if (!back->failed)
        ROLL_TRY(live_version(chooser->history, &except));
    ROLL_TRY(newest_eligible(chooser, except, MAX(chooser->options->steps, 1), &version));
    return all_to(chooser, version);
}

/* ---- a goal for each ------------------------------------------------------------------------- */

/* May a target return to what once succeeded on it? That its rollout meant only some targets does
 * not matter here. */
static struct roll_error *judge(struct release_chooser *chooser, const char *target,
                                const struct release_success *success,
                                enum release_verdict *ret_verdict, char **ret_reason)
{
    const struct release_held *held = release_history_held(chooser->history, target);
    struct release_facts facts = {.adopted = success->adopted};
    if (!success->adopted)
        ROLL_TRY(release_history_facts(chooser->history, success->release, held ? held->floor : 0,
                                       target, &facts));
    facts.succeeded |= success->good;
    *ret_verdict = release_eligible(&facts, ret_reason);
    return NULL;
}

struct roll_error *release_target_goal(struct release_chooser *chooser, const char *target,
                                       int64_t skip_rollout, char **ret_version)
{
    g_autoptr(GPtrArray) successes = NULL;
    const struct release_success_query query = {.target = target, .skip_rollout = skip_rollout};
    ROLL_TRY(release_history_successes(chooser->history, &query, &successes));
    *ret_version = NULL;
    for (guint i = 0; i < successes->len; i++) {
        const struct release_success *success = g_ptr_array_index(successes, i);
        enum release_verdict verdict;
        char *reason = NULL;
        ROLL_TRY(judge(chooser, target, success, &verdict, &reason));
        if (verdict == RELEASE_ELIGIBLE) {
            *ret_version = g_strdup(success->release);
            return NULL;
        }
        release_chooser_skip(chooser, success->release, reason);
    }
    return NULL;
}

static bool returns(const struct back *back, const char *target)
{
    const struct release_held *held = release_history_held(back->chooser->history, target);
    return g_hash_table_contains(back->last->touched, target) || (held && held->dirty);
}

/* A target whose first deployment failed has nothing of its own to return to. */
static void name_without_goal(struct release_chooser *chooser, const char *target)
{
    release_chooser_note_target(chooser, g_strdup("left out: no earlier good release of its own"),
                                target);
}

static struct roll_error *each_to_its_own(const struct back *back)
{
    struct release_chooser *chooser = back->chooser;
    guint goals = 0;
    for (guint i = 0; i < chooser->candidates->len; i++) {
        const char *target = g_ptr_array_index(chooser->candidates, i);
        if (!returns(back, target))
            continue;
        g_autofree char *version = NULL;
        ROLL_TRY(release_target_goal(chooser, target, back->last->number, &version));
        if (version) {
            goals++;
            ROLL_TRY(release_chooser_put(chooser, target, version));
        } else {
            name_without_goal(chooser, target);
        }
    }
    return goals ? NULL : no_goal(chooser);
}

/* What was live at a time, target by target. */
static struct roll_error *to_time(struct release_chooser *chooser)
{
    guint goals = 0;
    for (guint i = 0; i < chooser->candidates->len; i++) {
        const char *target = g_ptr_array_index(chooser->candidates, i);
        g_autoptr(GPtrArray) successes = NULL;
        const struct release_success_query query = {
            .target = target, .until = chooser->options->at, .limit = 1};
        ROLL_TRY(release_history_successes(chooser->history, &query, &successes));
        if (!successes->len) {
            release_chooser_note_target(
                chooser, g_strdup("left out: nothing was live at that time"), target);
            continue;
        }
        const struct release_success *success = g_ptr_array_index(successes, 0);
        enum release_verdict verdict;
        char *reason = NULL;
        ROLL_TRY(judge(chooser, target, success, &verdict, &reason));
        if (verdict != RELEASE_ELIGIBLE)
            return release_chooser_refuse(chooser, success->release, verdict, reason);
        goals++;
        ROLL_TRY(release_chooser_put(chooser, target, success->release));
    }
    if (goals)
        return NULL;
    char text[ROLL_TIME_SIZE];
    roll_time_format(chooser->options->at, text);
    return roll_error_new(ROLL_E_NOT_FOUND, "nothing was live in '%s' at %s",
                          chooser->history->stream, text);
}

/* ---- all together ---------------------------------------------------------------------------- */

static bool any_returns(const struct back *back)
{
    for (guint i = 0; i < back->chooser->candidates->len; i++)
        if (returns(back, g_ptr_array_index(back->chooser->candidates, i)))
            return true;
    return false;
}

static struct roll_error *choose_goals(const struct back *back)
{
    const struct roll_choice_options *options = back->chooser->options;
    if (options->release)
        return to_version(back->chooser, options->release);
    if (options->at)
        return to_time(back->chooser);
    if (back->failed && !options->steps && any_returns(back))
        return each_to_its_own(back);
    return to_newest(back);
}

/* After a failure, what was left is what the failed rollout brought to the targets that it touched.
 */
static struct roll_error *leave_behind(const struct back *back)
{
    struct release_chooser *chooser = back->chooser;
    if (!back->failed) {
        const char *live = NULL;
        ROLL_TRY(live_version(chooser->history, &live));
        return release_chooser_leave(chooser, live);
    }
    const struct roll_order *order = NULL;
    ROLL_TRY(release_history_order(chooser->history, back->last->number, &order));
    return release_chooser_leave_order(chooser, order, back->last->touched);
}

/* ARM refused all that it sent: everything holds what it had. Whoever types `back` then may mean
 * what was refused, or what is live: the older release is theirs to name. */
static struct roll_error *changed_nothing(const struct back *back, struct roll_error *nothing)
{
    struct release_chooser *chooser = back->chooser;
    const char *stream = chooser->history->stream, *live = chooser->history->live;
    g_autofree char *older = NULL;
    if (!live)
        return nothing;
    roll_error_free(nothing);
    roll_error_free(newest_eligible(chooser, live, 1, &older));
    nothing = roll_error_new(ROLL_E_NOTHING,
                             "nothing to do in '%s': #%" PRId64 " changed nothing, %s is live",
                             stream, back->last->number, live);
    return older ? release_error_next(nothing,
                                      g_strdup_printf("roll back %s --to %s", stream, older), NULL)
                 : nothing;
}

static struct roll_error *choose(struct back *back, struct roll_choice **ret_choice)
{
    struct release_chooser *chooser = back->chooser;
    ROLL_TRY(supersede(chooser));
    ROLL_TRY(release_history_last_sent(chooser->history, &back->last));
    if (!back->last)
        return no_goal(chooser);
    back->failed = !roll_state_is_good(back->last->state);
    ROLL_TRY(choose_goals(back));
    ROLL_TRY(leave_behind(back));
    chooser->choice->request.hold = true;
    struct roll_error *err = release_chooser_finish(chooser, ret_choice);
    return roll_error_code(err) == ROLL_E_NOTHING && back->failed &&
                   !explicit_goal(chooser->options)
               ? changed_nothing(back, err)
               : err;
}

struct roll_error *roll_choose_back(const struct roll_plan *plan,
                                    const struct roll_plan_environment *environment,
                                    struct roll_ledger *ledger,
                                    const struct roll_choice_options *options,
                                    struct roll_choice **ret_choice)
{
    roll_auto(release_chooser) struct release_chooser *chooser = NULL;
    ROLL_TRY(release_chooser_new(plan, environment, ledger, options, ROLL_LANE_ROLLBACK, "back",
                                 &chooser));
    struct back back = {.chooser = chooser};
    struct roll_error *err = choose(&back, ret_choice);
    release_rollout_free(back.last);
    return err;
}
