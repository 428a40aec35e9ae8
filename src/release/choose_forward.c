/* The goal of a forward (DESIGN section 6, Forward). While the hold of a back stands and nothing
 * else was sent since, it undoes that back: lane rollback, to what each target had. Otherwise it is
 * an ordinary release of what succeeded here. */
#include "release/chain.h"
#include "release/choose.h"

/* ---- undoing a back -------------------------------------------------------------------------- */

struct undo {
    struct release_chooser *chooser;
    const struct release_chain *chain;
};

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
    if (facts.bad == RELEASE_IS_BAD_HERE && release_chain_marked(undo->chain, version))
        facts.bad = info->marked_bad ? RELEASE_IS_BAD_SERVICE : RELEASE_NOT_BAD;
    char *reason = NULL;
    enum release_verdict verdict = release_eligible(&facts, &reason);
    return verdict == RELEASE_ELIGIBLE ? NULL
                                       : release_chooser_refuse(chooser, version, verdict, reason);
}

static struct roll_error *return_targets(const struct undo *undo)
{
    struct release_chooser *chooser = undo->chooser;
    g_autoptr(GHashTable) goals = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < chooser->candidates->len; i++) {
        const char *target = g_ptr_array_index(chooser->candidates, i);
        char *version = g_hash_table_lookup(undo->chain->left, target);
        if (!version)
            continue;
        if (g_hash_table_add(goals, version))
            ROLL_TRY(check_goal(undo, version));
        ROLL_TRY(release_chooser_put(chooser, target, version));
    }
    return NULL;
}

/* A back of which nothing arrived left its mark all the same, and only a rollout lifts it: what is
 * there is sent once more, which changes nothing. */
static struct roll_error *return_again(const struct undo *undo)
{
    struct release_chooser *chooser = undo->chooser;
    if (chooser->choice->order->targets->len || !chooser->clean)
        return NULL;
    release_chooser_note(chooser, "what the back was to leave is still live: it is sent once more, "
                                  "to end the hold and lift the mark");
    chooser->again = true;
    return return_targets(undo);
}

static char **lifted(const struct release_chain *chain)
{
    char **lifts = chain->bad->len ? g_new0(char *, chain->bad->len + 1) : NULL;
    for (guint i = 0; i < chain->bad->len; i++)
        lifts[i] = g_strdup(g_ptr_array_index(chain->bad, i));
    return lifts;
}

static struct roll_error *undo_backs(const struct undo *undo, struct roll_choice **ret_choice)
{
    struct release_chooser *chooser = undo->chooser;
    ROLL_TRY(return_targets(undo));
    ROLL_TRY(return_again(undo));
    chooser->choice->request.lifts = lifted(undo->chain);
    chooser->choice->request.unhold = true;
    for (guint i = 0; i < undo->chain->backs->len; i++)
        release_chooser_note(chooser, "undoes the back %s#%" G_GINT64_FORMAT,
                             chooser->history->stream,
                             *(const int64_t *)g_ptr_array_index(undo->chain->backs, i));
    return release_chooser_finish(chooser, ret_choice);
}

/* *ret_choice stays untouched and *ret_done false when there is no back to undo, or another release
 * is asked for. */
static struct roll_error *try_undo(struct release_chooser *chooser, struct roll_choice **ret_choice,
                                   bool *ret_done)
{
    roll_auto(release_chain) struct release_chain *chain = NULL;
    ROLL_TRY(release_check_idle(chooser));
    ROLL_TRY(release_chain_read(chooser->history, &chain));
    const char *wanted = chooser->options->release;
    *ret_done = chain->backs->len && (!wanted || g_strcmp0(wanted, chain->release) == 0);
    const struct undo undo = {chooser, chain};
    return *ret_done ? undo_backs(&undo, ret_choice) : NULL;
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
