/* The goal of a forward (DESIGN section 6, Forward). While the hold of a back stands and nothing
 * else was sent since, it undoes that back: lane rollback, to what each target had. Otherwise it is
 * an ordinary release of what succeeded here. */
#include "release/choose.h"

/* ---- undoing a back -------------------------------------------------------------------------- */

struct undo {
    struct release_chooser *chooser;
    const struct roll_order *back; /* borrowed from the history */
    char **bad;                    /* what that back marked, owned, or NULL */
    char *left;                    /* the release that it left, or NULL */
};

static void undo_clear(struct undo *undo)
{
    g_strfreev(undo->bad);
    g_free(undo->left);
}

static struct roll_error *undo_read(struct release_chooser *chooser, struct undo *undo)
{
    const struct release_history *history = chooser->history;
    roll_auto(event) struct roll_event *event = NULL;
    ROLL_TRY(roll_ledger_event(history->ledger, history->stream, history->hold_rollout, &event));
    const struct roll_rollout_requested *request = roll_event_body(event, rollout_requested);
    if (!request)
        return roll_error_new(ROLL_E_DAMAGED, "event %" G_GINT64_FORMAT " of '%s' is no request",
                              history->hold_rollout, history->stream);
    undo->chooser = chooser;
    undo->bad = g_strdupv(request->bad);
    undo->left = g_strdup(request->bad && request->bad[0] ? request->bad[0] : request->from);
    return release_history_order(chooser->history, history->hold_rollout, &undo->back);
}

/* Is the hold of a back standing, and is that back the last that sent anything? */
static struct roll_error *is_undo(struct release_chooser *chooser, bool *ret_undo)
{
    const struct release_history *history = chooser->history;
    *ret_undo = false;
    if (!history->hold || !history->hold_rollout)
        return NULL;
    roll_auto(release_rollout) struct release_rollout *last = NULL;
    ROLL_TRY(release_history_last_sent(chooser->history, &last));
    *ret_undo = last && last->number == history->hold_rollout;
    return NULL;
}

static bool marked_by_back(const struct undo *undo, const char *version)
{
    return undo->bad && g_strv_contains((const char *const *)undo->bad, version);
}

/* The mark of the back itself does not count, it is what this forward lifts; a mark for the service
 * and the floor do. */
static struct roll_error *check_goal(const struct undo *undo, const char *version)
{
    struct release_chooser *chooser = undo->chooser;
    const char *floor_target = NULL;
    int64_t floor = release_chooser_floor(chooser, &floor_target);
    struct release_facts facts;
    ROLL_TRY(release_history_facts(chooser->history, version, floor, floor_target, &facts));
    facts.succeeded = true;
    const struct release_info *info = NULL;
    ROLL_TRY(release_history_info(chooser->history, version, &info));
    if (facts.bad == RELEASE_IS_BAD_HERE && marked_by_back(undo, version))
        facts.bad = info->marked_bad ? RELEASE_IS_BAD_SERVICE : RELEASE_NOT_BAD;
    char *reason = NULL;
    enum release_verdict verdict = release_eligible(&facts, &reason);
    return verdict == RELEASE_ELIGIBLE ? NULL
                                       : release_chooser_refuse(chooser, version, verdict, reason);
}

static bool is_candidate(const struct release_chooser *chooser, const char *target)
{
    return g_ptr_array_find_with_equal_func(chooser->candidates, target, g_str_equal, NULL);
}

static struct roll_error *return_targets(const struct undo *undo, GHashTable *goals)
{
    struct release_chooser *chooser = undo->chooser;
    for (guint i = 0; i < undo->back->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(undo->back->targets, i);
        const char *version = target->had ? target->had : undo->left;
        if (!version || !is_candidate(chooser, target->name))
            continue;
        if (g_hash_table_add(goals, g_strdup(version)))
            ROLL_TRY(check_goal(undo, version));
        ROLL_TRY(release_chooser_put(chooser, target->name, version));
    }
    return NULL;
}

static char **lifted(const struct undo *undo, GHashTable *goals)
{
    GPtrArray *lifts = g_ptr_array_new();
    for (size_t i = 0; undo->bad && undo->bad[i]; i++)
        if (g_hash_table_contains(goals, undo->bad[i]))
            g_ptr_array_add(lifts, g_strdup(undo->bad[i]));
    if (!lifts->len) {
        g_ptr_array_unref(lifts);
        return NULL;
    }
    g_ptr_array_add(lifts, NULL);
    return (char **)g_ptr_array_free(lifts, FALSE);
}

static struct roll_error *undo_back(const struct undo *undo, struct roll_choice **ret_choice)
{
    struct release_chooser *chooser = undo->chooser;
    g_autoptr(GHashTable) goals = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    ROLL_TRY(return_targets(undo, goals));
    chooser->choice->request.lifts = lifted(undo, goals);
    chooser->choice->request.unhold = true;
    release_chooser_note(chooser, "undoes the back %s#%" G_GINT64_FORMAT, chooser->history->stream,
                         chooser->history->hold_rollout);
    return release_chooser_finish(chooser, ret_choice);
}

/* *ret_choice stays untouched and *ret_done false when there is no back to undo, or another release
 * is asked for. */
static struct roll_error *try_undo(struct release_chooser *chooser, struct roll_choice **ret_choice,
                                   bool *ret_done)
{
    ROLL_TRY(release_check_idle(chooser));
    bool undoes = false;
    ROLL_TRY(is_undo(chooser, &undoes));
    *ret_done = false;
    if (!undoes)
        return NULL;
    struct undo undo = {0};
    struct roll_error *err = undo_read(chooser, &undo);
    const char *wanted = chooser->options->release;
    if (!err && (!wanted || g_strcmp0(wanted, undo.left) == 0)) {
        *ret_done = true;
        err = undo_back(&undo, ret_choice);
    }
    undo_clear(&undo);
    return err;
}

/* ---- ordinary -------------------------------------------------------------------------------- */

static struct roll_error *take_version(void *user, const struct roll_release_row *row)
{
    g_ptr_array_add(user, g_strdup(row->version));
    return NULL;
}

/* The newest release of the ledger that succeeded here and is not bad. */
static struct roll_error *newest_good(struct release_chooser *chooser, char **ret_version)
{
    struct release_history *history = chooser->history;
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    ROLL_TRY(roll_ledger_releases(history->ledger, history->service, take_version, versions));
    for (guint i = 0; i < versions->len; i++) {
        const char *version = g_ptr_array_index(versions, i);
        enum release_verdict verdict;
        g_autofree char *reason = NULL;
        ROLL_TRY(release_chooser_verdict(chooser, version, &verdict, &reason));
        if (verdict == RELEASE_ELIGIBLE) {
            *ret_version = g_strdup(version);
            return NULL;
        }
        if (verdict != RELEASE_NEVER_HERE)
            release_chooser_skip(chooser, version, g_steal_pointer(&reason));
    }
    return release_error_next(
        roll_error_new(ROLL_E_NOT_FOUND, "no good release has succeeded in '%s'", history->stream),
        g_strdup_printf("roll out %s", history->stream), NULL);
}

struct roll_error *roll_choose_forward(const struct roll_plan *plan,
                                       const struct roll_plan_environment *environment,
                                       struct roll_ledger *ledger, struct roll_git *git,
                                       const struct roll_choice_options *options,
                                       struct roll_choice **ret_choice)
{
    bool done = false;
    roll_auto(release_chooser) struct release_chooser *undo = NULL;
    ROLL_TRY(release_chooser_new(plan, environment, ledger, options, ROLL_LANE_ROLLBACK, "forward",
                                 &undo));
    ROLL_TRY(try_undo(undo, ret_choice, &done));
    if (done)
        return NULL;
    roll_auto(release_chooser) struct release_chooser *chooser = NULL;
    ROLL_TRY(release_chooser_new(plan, environment, ledger, options, ROLL_LANE_RELEASE, "forward",
                                 &chooser));
    g_autofree char *version = g_strdup(options->release);
    if (!version)
        ROLL_TRY(newest_good(chooser, &version));
    return release_choose_for_lane_release(chooser, git, version, ret_choice);
}
