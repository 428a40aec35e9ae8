/* Going on: an open rollout is resumed; of one that failed, what is still dirty is sent again. */
#include "act.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/policy.h"

/* ---- resuming ------------------------------------------------------------------------------- */

struct known_rollout {
    char *kind, *release, *state, *reason;
    int64_t ended_at;
};

static struct roll_error *know_rollout(void *user, const struct roll_rollout_row *row)
{
    struct known_rollout *known = user;

    *known = (struct known_rollout){
        .kind = g_strdup(row->kind),
        .release = g_strdup(row->release),
        .state = g_strdup(row->state),
        .reason = g_strdup(row->reason),
        .ended_at = row->ended_at,
    };
    return NULL;
}

static void known_rollout_clear(struct known_rollout *known)
{
    g_free(known->kind);
    g_free(known->release);
    g_free(known->state);
    g_free(known->reason);
}

static struct roll_error *ask_to_resume(struct roll_act *act, const struct known_rollout *known,
                                        int64_t rollout)
{
    roll_say(act->app,
             "resume %s#%" PRId64 ", %s to %s: what was intended is looked at, what is missing is "
             "sent",
             act->stream, rollout, known->kind,
             known->release ? known->release : "each target's own release");
    return roll_confirm(act->app, "Go on?", act->options->yes);
}

/* With its parts a rollout has several documents: they are one array. */
static struct roll_error *resume_with_parts(struct roll_act *act, int64_t rollout)
{
    roll_auto(json) json_t *documents = json_array();
    struct roll_error *err;

    act->documents = documents;
    act->requested = rollout; /* it was asked already */
    err = roll_act_resume(act, rollout);
    act->documents = NULL;
    if (json_array_size(documents) > 0)
        roll_report_json(&act->app->out, documents);
    return err;
}

static struct roll_error *resume_open(struct roll_act *act, const struct known_rollout *known,
                                      int64_t rollout)
{
    struct roll_outcome outcome = {0};
    roll_auto(json) json_t *left = NULL;
    bool stopped = false;

    bool other_secrets = act->options->secrets && strcmp(act->verb, "resume") == 0;
    if (act->options->targets || act->options->ring || other_secrets)
        return roll_error_new(
            ROLL_E_USAGE, "an open rollout is resumed as it was asked for; '--target', '--ring' "
                          "and '--secrets' are for one that failed");
    if (act->options->dry_run)
        return roll_act_rehearse_resume(act, rollout);
    if (act->requested != rollout)
        ROLL_TRY(ask_to_resume(act, known, rollout));
    if (act->app->json && !act->documents) {
        ROLL_TRY(roll_act_parts_left(act, rollout, &left));
        if (left)
            return resume_with_parts(act, rollout);
    }
    ROLL_TRY(roll_act_run_parts(act, rollout, &stopped));
    if (stopped)
        return NULL;
    roll_auto(progress) struct roll_progress *progress =
        roll_progress_new(roll_act_progress_screen(act->app), act->stream, act->app->globals.quiet);
    struct roll_driver_options options = roll_act_driver(act, progress);
    struct roll_error *err = roll_rollout_resume(&options, act->stream, rollout, &outcome);

    roll_progress_end(progress);
    ROLL_TRY(err);
    return roll_act_finish(act, &outcome);
}

/* A rollout that ended is not opened again: its goal is, for the targets that are dirty. */
static struct roll_error *choose_again(struct roll_act *act, struct roll_choice **ret_choice)
{
    const struct known_rollout *known = act->user;

    act->choice.release = known->release;
    if (strcmp(known->kind, "back") == 0)
        return roll_choose_back(act->plan, act->environment, act->app->ledger, &act->choice,
                                ret_choice);
    roll_act_try_git(act);
    if (strcmp(known->kind, "forward") == 0) {
        ROLL_TRY(roll_choose_forward(act->plan, act->environment, act->app->ledger, act->git,
                                     &act->choice, ret_choice));
        act->lane = (*ret_choice)->order->lane; /* one that undoes no back is an ordinary release */
        return NULL;
    }
    if (strcmp(known->kind, "hotfix") == 0)
        return roll_choose_hotfix(act->plan, act->environment, act->app->ledger, act->git,
                                  &act->choice, ret_choice);
    return roll_choose_out(act->plan, act->environment, act->app->ledger, act->git, &act->choice,
                           ret_choice);
}

static enum roll_lane lane_of_kind(const char *kind)
{
    if (strcmp(kind, "back") == 0 || strcmp(kind, "forward") == 0)
        return ROLL_LANE_ROLLBACK;
    return strcmp(kind, "hotfix") == 0 ? ROLL_LANE_HOTFIX : ROLL_LANE_RELEASE;
}

/* What a person passes by; what was let through without being asked for (a membership, a plan that
 * is not committed) is looked at anew, and a rule that is gone needs no word. */
static bool is_asked_again(const struct roll_act *act, const char *word)
{
    const char *const words[] = {word, NULL};
    struct roll_error *err = roll_act_check_override(word);
    bool asked;

    if (!err)
        err = roll_policy_check_names(act->environment, words);
    asked = !err;
    roll_error_free(err);
    return asked;
}

/* What was passed by then, with the reason of then, is passed by again. */
static void add_recorded_overrides(struct roll_act *act,
                                   const struct roll_rollout_requested *request, GPtrArray *words)
{
    size_t index;
    json_t *override;

    json_array_foreach (request ? request->overrides : NULL, index, override) {
        const char *kind = roll_json_get_string(override, "kind");
        const char *name = roll_json_get_string(override, "name");
        if (!kind)
            continue;
        g_autofree char *word = name ? g_strdup_printf("%s:%s", kind, name) : g_strdup(kind);
        if (is_asked_again(act, word))
            g_ptr_array_add(words, g_steal_pointer(&word));
    }
}

static struct roll_error *run_again(struct roll_act *act, const struct known_rollout *known,
                                    int64_t rollout)
{
    g_autoptr(GPtrArray) words = g_ptr_array_new_with_free_func(g_free);
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(json) json_t *with = NULL;
    const struct roll_rollout_requested *request;
    const struct roll_act_options *typed = act->options;
    struct roll_act_options options = *typed;
    struct roll_error *err;

    for (guint i = 0; typed->overrides && typed->overrides->pdata[i]; i++)
        g_ptr_array_add(words, g_strdup(typed->overrides->pdata[i]));
    ROLL_TRY(roll_ledger_event(act->app->ledger, act->stream, rollout, &event));
    request = roll_event_body(event, rollout_requested);
    add_recorded_overrides(act, request, words);
    act->part_of = request ? request->part_of : NULL;
    ROLL_TRY(roll_act_parts_left(act, rollout, &with));
    act->with = with;
    g_ptr_array_add(words, NULL);
    options.overrides = words->len > 1 ? words : NULL;
    if (!options.reason)
        options.reason = known->reason;
    act->options = &options;
    err = roll_act_run(act);
    act->options = typed;
    act->part_of = NULL;
    act->with = NULL;
    if (!err && act->requested) /* its parts are this process's to do */
        err = roll_act_resume(act, act->requested);
    return err;
}

static struct roll_error *send_again(struct roll_act *act, struct known_rollout *known,
                                     int64_t rollout)
{
    if (strcmp(known->state, "failed") != 0 && strcmp(known->state, "cancelled") != 0)
        return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' %s; there is nothing to resume",
                              act->stream, rollout, roll_ended_words(known->state));
    act->lane = lane_of_kind(known->kind);
    act->verb = known->kind;
    act->user = known;
    ROLL_TRY(roll_act_prunes(act, rollout, &act->choice.prune));
    act->reason = known->reason;
    act->choose = choose_again;
    return run_again(act, known, rollout);
}

/* What became of something may have been heard of only when it had ended. */
static struct roll_error *go_on_after(struct roll_act *act, struct known_rollout *known,
                                      int64_t rollout)
{
    g_autoptr(GArray) unsettled = NULL;

    ROLL_TRY(roll_ledger_unsettled(act->app->ledger, act->stream, &unsettled));
    if (unsettled->len > 0 && !act->options->dry_run)
        ROLL_TRY(roll_act_settle(act));
    struct roll_error *err = send_again(act, known, rollout);
    if (unsettled->len == 0 || roll_error_code(err) != ROLL_E_NOTHING)
        return err;
    roll_error_free(err);
    roll_say(act->app, "what became of it is recorded; next: roll status %s", act->name);
    return NULL;
}

struct roll_error *roll_act_resume(struct roll_act *act, int64_t rollout)
{
    struct roll_rollout_query query = {.stream = act->stream, .number = rollout, .limit = 1};
    struct known_rollout known = {0};
    struct roll_error *err = roll_ledger_rollouts(act->app->ledger, &query, know_rollout, &known);

    if (!err && !known.kind)
        err = roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'", act->stream,
                             rollout);
    if (!err && !known.ended_at)
        err = resume_open(act, &known, rollout);
    else if (!err)
        err = go_on_after(act, &known, rollout);
    known_rollout_clear(&known);
    return err;
}
