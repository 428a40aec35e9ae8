/* Walks from the back that holds the environment to the first one of the same retreat. */
#include "release/chain.h"

struct walk {
    struct release_history *history;
    struct release_chain *chain;
};

void release_chain_free(struct release_chain *chain)
{
    if (!chain)
        return;
    g_ptr_array_unref(chain->backs);
    g_hash_table_unref(chain->left);
    g_ptr_array_unref(chain->bad);
    g_free(chain->release);
    g_free(chain);
}

static struct release_chain *chain_new(void)
{
    struct release_chain *chain = g_new0(struct release_chain, 1);
    chain->backs = g_ptr_array_new_with_free_func(g_free);
    chain->left = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    chain->bad = g_ptr_array_new_with_free_func(g_free);
    return chain;
}

bool release_chain_marked(const struct release_chain *chain, const char *version)
{
    return g_ptr_array_find_with_equal_func(chain->bad, version, g_str_equal, NULL);
}

/* A back that succeeded is an end of its own, unless the later ones only went on with other
 * targets: "weu first, then the rest". */
static bool goes_on(const struct release_chain *chain, const struct release_rollout *back,
                    const struct roll_order *order)
{
    if (!chain->backs->len || !roll_state_is_good(back->state))
        return true;
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (g_hash_table_contains(chain->left, target->name))
            return false;
    }
    return true;
}

/* Called from the newest to the first: what an earlier back left counts. */
static void take_back(struct release_chain *chain, const struct release_rollout *back,
                      const struct roll_rollout_requested *request, const struct roll_order *order)
{
    const char *left = request->bad && request->bad[0] ? request->bad[0] : request->from;
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        const char *version = target->had ? target->had : left;
        if (version)
            g_hash_table_insert(chain->left, g_strdup(target->name), g_strdup(version));
    }
    for (char **version = request->bad; version && *version; version++)
        if (!release_chain_marked(chain, *version))
            g_ptr_array_add(chain->bad, g_strdup(*version));
    if (left) {
        g_free(chain->release);
        chain->release = g_strdup(left);
    }
    g_ptr_array_add(chain->backs, g_memdup2(&back->number, sizeof back->number));
}

static struct roll_error *take_rollout(void *user, const struct release_rollout *rollout)
{
    struct walk *walk = user;
    struct release_history *history = walk->history;
    if (strcmp(rollout->kind, "back") != 0)
        return g_hash_table_size(rollout->touched) ? release_stop() : NULL;
    const struct roll_order *order = NULL;
    ROLL_TRY(release_history_order(history, rollout->number, &order));
    if (!goes_on(walk->chain, rollout, order))
        return release_stop();
    roll_auto(event) struct roll_event *event = NULL;
    ROLL_TRY(roll_ledger_event(history->ledger, history->stream, rollout->number, &event));
    const struct roll_rollout_requested *request = roll_event_body(event, rollout_requested);
    if (!request)
        return roll_error_new(ROLL_E_DAMAGED, "event %" G_GINT64_FORMAT " of '%s' is not a request",
                              rollout->number, history->stream);
    take_back(walk->chain, rollout, request, order);
    return NULL;
}

struct roll_error *release_chain_read(struct release_history *history,
                                      struct release_chain **ret_chain)
{
    roll_auto(release_chain) struct release_chain *chain = chain_new();
    struct walk walk = {history, chain};
    if (history->hold && history->hold_rollout)
        ROLL_TRY(release_history_walk(history, take_rollout, &walk));
    *ret_chain = g_steal_pointer(&chain);
    return NULL;
}
