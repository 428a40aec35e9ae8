/* The back that follows a failure by itself ("onFailure": "back"): what the failed rollout touched
 * returns to what each target had. It looks at no plan: limits and health are the failed order's.
 */
#include "release/chooser.h"

#include <limits.h>

/* What the target had, while that may still be returned to; else its newest eligible release.
 * Owned, or NULL. */
static struct roll_error *goal_of(struct release_chooser *chooser,
                                  const struct roll_order_target *failed, int64_t rollout,
                                  char **ret_version)
{
    const struct release_held *held = release_history_held(chooser->history, failed->name);
    if (failed->had) {
        struct release_facts facts;
        ROLL_TRY(release_history_facts(chooser->history, failed->had, held ? held->floor : 0,
                                       failed->name, &facts));
        /* It was there: whether the rollout that brought it succeeded as a whole does not matter.
         */
        facts.succeeded = true;
        char *reason = NULL;
        if (release_eligible(&facts, &reason) == RELEASE_ELIGIBLE) {
            *ret_version = g_strdup(failed->had);
            return NULL;
        }
        release_chooser_skip(chooser, failed->had, reason);
    }
    return release_target_goal(chooser, failed->name, rollout, ret_version);
}

static struct roll_error *return_targets(struct release_chooser *chooser,
                                         const struct roll_order *failed,
                                         const struct release_rollout *rollout)
{
    for (guint i = 0; i < failed->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(failed->targets, i);
        if (!g_hash_table_contains(rollout->touched, target->name))
            continue;
        g_autofree char *version = NULL;
        ROLL_TRY(goal_of(chooser, target, rollout->number, &version));
        if (!version)
            release_chooser_note_target(
                chooser, g_strdup("left out: no earlier good release of its own"), target->name);
        else
            ROLL_TRY(release_chooser_put(chooser, target->name, version));
    }
    return release_chooser_leave_order(chooser, failed, rollout->touched);
}

/* The failed order signed in with today's credential; the back goes the same way. */
static void govern(struct roll_order *order, const struct roll_order *failed)
{
    order->max_parallel = failed->max_parallel;
    order->max_failures = INT_MAX;
    order->health_reports_only = true;
    order->keep = g_strdupv(failed->keep);
    for (guint i = 0; i < failed->health->len; i++)
        g_ptr_array_add(order->health, release_health_copy(g_ptr_array_index(failed->health, i)));
    g_autoptr(GHashTable) signs = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < failed->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(failed->targets, i);
        g_hash_table_insert(signs, target->name, (void *)(uintptr_t)target);
    }
    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        const struct roll_order_target *as = g_hash_table_lookup(signs, target->name);
        g_free(target->credential);
        g_free(target->auxiliary_tenants);
        target->credential = as ? g_strdup(as->credential) : NULL;
        target->auxiliary_tenants = as ? g_strdup(as->auxiliary_tenants) : NULL;
    }
}

static struct roll_error *choose(struct release_chooser *chooser, int64_t rollout,
                                 const struct roll_order *failed, struct roll_choice **ret_choice)
{
    roll_auto(release_rollout) struct release_rollout *what = NULL;
    ROLL_TRY(release_history_rollout(chooser->history, rollout, &what));
    ROLL_TRY(return_targets(chooser, failed, what));
    govern(chooser->choice->order, failed);
    struct roll_rollout_requested *request = &chooser->choice->request;
    request->cause = rollout;
    request->hold = true;
    return release_chooser_finish(chooser, ret_choice);
}

struct roll_error *roll_choose_auto_back(struct roll_ledger *ledger, const char *stream,
                                         int64_t rollout, const struct roll_order *failed,
                                         struct roll_choice **ret_choice)
{
    static const struct roll_choice_options options = {.ring = -1};
    struct release_history *history = NULL;
    ROLL_TRY(release_history_read(ledger, failed->service, failed->environment, &history));
    roll_auto(release_chooser) struct release_chooser *chooser =
        release_chooser_over(history, &options, ROLL_LANE_ROLLBACK, "back");
    if (strcmp(history->stream, stream) != 0)
        return roll_error_new(ROLL_E_INVALID, "the order is of '%s', the rollout of '%s'",
                              history->stream, stream);
    return choose(chooser, rollout, failed, ret_choice);
}
