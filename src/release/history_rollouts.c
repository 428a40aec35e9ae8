/* Questions about past rollouts of an environment: which one sent something last, what it touched,
 * what was ordered. */
#include "release/history.h"

/* ---- did a version succeed here? ------------------------------------------------------------- */

struct succeeded_query {
    const char *version;
    GHashTable *succeeded;
    bool found;
};

static struct roll_error *look_for_version(void *user, const struct roll_success_row *row)
{
    struct succeeded_query *query = user;
    if (!row->release || row->adopted)
        return NULL;
    if (!g_hash_table_contains(query->succeeded, row->release))
        g_hash_table_add(query->succeeded, g_strdup(row->release));
    if (strcmp(row->release, query->version) != 0)
        return NULL;
    query->found = true;
    return release_stop();
}

struct roll_error *release_history_succeeded(struct release_history *history, const char *version,
                                             bool *ret_succeeded)
{
    struct succeeded_query query = {version, history->succeeded, false};
    if (g_hash_table_contains(history->succeeded, version))
        query.found = true;
    else if (!g_hash_table_contains(history->failed, version))
        ROLL_TRY(release_stopped(roll_ledger_successes(history->ledger, history->stream, NULL,
                                                       look_for_version, &query)));
    if (!query.found && !g_hash_table_contains(history->failed, version))
        g_hash_table_add(history->failed, g_strdup(version));
    *ret_succeeded = query.found;
    return NULL;
}

/* ---- orders ---------------------------------------------------------------------------------- */

static struct roll_error *take_order_digest(void *user, const struct roll_rollout_row *row)
{
    char **ret_digest = user;
    g_free(*ret_digest);
    *ret_digest = g_strdup(row->order);
    return NULL;
}

void release_known_order_free(struct release_known_order *known)
{
    if (!known)
        return;
    roll_order_free(known->order);
    if (known->by_name)
        g_hash_table_unref(known->by_name);
    g_free(known);
}

static struct roll_error *order_load(struct release_history *history, int64_t rollout,
                                     struct release_known_order **ret_known)
{
    g_autofree char *digest = NULL;
    struct roll_rollout_query query = {.stream = history->stream, .number = rollout};
    ROLL_TRY(roll_ledger_rollouts(history->ledger, &query, take_order_digest, &digest));
    if (!digest)
        return roll_error_new(ROLL_E_NOT_FOUND, "rollout '%s#%" G_GINT64_FORMAT "' does not exist",
                              history->stream, rollout);
    struct roll_order *order = NULL;
    ROLL_TRY(roll_order_load(history->ledger, digest, &order));
    struct release_known_order *known = g_new0(struct release_known_order, 1);
    known->order = order;
    g_hash_table_insert(history->orders, g_memdup2(&rollout, sizeof rollout), known);
    *ret_known = known;
    return NULL;
}

struct roll_error *release_history_order(struct release_history *history, int64_t rollout,
                                         const struct roll_order **ret_order)
{
    struct release_known_order *known = g_hash_table_lookup(history->orders, &rollout);
    if (!known)
        ROLL_TRY(order_load(history, rollout, &known));
    *ret_order = known->order;
    return NULL;
}

struct roll_error *release_history_order_target(struct release_history *history, int64_t rollout,
                                                const char *target,
                                                const struct roll_order_target **ret_target)
{
    const struct roll_order *order = NULL;
    ROLL_TRY(release_history_order(history, rollout, &order));
    struct release_known_order *known = g_hash_table_lookup(history->orders, &rollout);
    if (!known->by_name) {
        known->by_name = g_hash_table_new(g_str_hash, g_str_equal);
        for (guint i = 0; i < order->targets->len; i++) {
            struct roll_order_target *each = g_ptr_array_index(order->targets, i);
            g_hash_table_insert(known->by_name, each->name, each);
        }
    }
    *ret_target = g_hash_table_lookup(known->by_name, target);
    return NULL;
}

/* ---- what was sent last ---------------------------------------------------------------------- */

static struct roll_error *take_rollout(void *user, const struct roll_rollout_row *row)
{
    GPtrArray *rollouts = user;
    struct release_rollout *rollout = g_new0(struct release_rollout, 1);
    rollout->number = row->number;
    rollout->kind = g_strdup(row->kind);
    rollout->state = g_strdup(row->state);
    rollout->release = g_strdup(row->release);
    rollout->touched = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_ptr_array_add(rollouts, rollout);
    return NULL;
}

/* An intent whose outcome is not known may have reached ARM; `absent` certainly did not, `skipped`
 * was never sent. Health checks have an outcome without an intent. */
static struct roll_error *take_touched(void *user, const struct roll_step_row *row)
{
    GHashTable *touched = user;
    bool sent = row->intended_at > 0 && g_strcmp0(row->outcome, "absent") != 0 &&
                g_strcmp0(row->outcome, "skipped") != 0;
    if (sent && !g_hash_table_contains(touched, row->target))
        g_hash_table_add(touched, g_strdup(row->target));
    return NULL;
}

static void free_rollout(gpointer rollout)
{
    release_rollout_free(rollout);
}

static struct roll_error *rollouts_read(struct release_history *history, int64_t number, int limit,
                                        GPtrArray **ret_rollouts)
{
    g_autoptr(GPtrArray) rollouts = g_ptr_array_new_with_free_func(free_rollout);
    struct roll_rollout_query query = {.stream = history->stream, .number = number, .limit = limit};
    ROLL_TRY(roll_ledger_rollouts(history->ledger, &query, take_rollout, rollouts));
    *ret_rollouts = g_steal_pointer(&rollouts);
    return NULL;
}

struct roll_error *release_history_rollout(struct release_history *history, int64_t number,
                                           struct release_rollout **ret_rollout)
{
    g_autoptr(GPtrArray) rollouts = NULL;
    ROLL_TRY(rollouts_read(history, number, 1, &rollouts));
    if (!rollouts->len)
        return roll_error_new(ROLL_E_NOT_FOUND, "rollout '%s#%" G_GINT64_FORMAT "' does not exist",
                              history->stream, number);
    struct release_rollout *rollout = g_ptr_array_index(rollouts, 0);
    ROLL_TRY(roll_ledger_steps(history->ledger, history->stream, number, take_touched,
                               rollout->touched));
    g_ptr_array_set_free_func(rollouts, NULL);
    *ret_rollout = rollout;
    return NULL;
}

/* Nearly always one of the newest is enough; all are read only when none is. */
struct roll_error *release_history_walk(struct release_history *history, release_rollout_fn fn,
                                        void *user)
{
    guint looked_at = 0;
    for (int limit = 4;; limit *= 8) {
        g_autoptr(GPtrArray) rollouts = NULL;
        ROLL_TRY(rollouts_read(history, 0, limit, &rollouts));
        for (; looked_at < rollouts->len; looked_at++) {
            struct release_rollout *rollout = g_ptr_array_index(rollouts, looked_at);
            ROLL_TRY(roll_ledger_steps(history->ledger, history->stream, rollout->number,
                                       take_touched, rollout->touched));
            struct roll_error *err = fn(user, rollout);
            if (err)
                return release_stopped(err);
        }
        if (rollouts->len < (guint)limit || limit > G_MAXINT / 16)
            return NULL;
    }
}

static struct roll_error *take_sent(void *user, const struct release_rollout *rollout)
{
    struct release_rollout **ret_rollout = user;
    if (!g_hash_table_size(rollout->touched))
        return NULL;
    struct release_rollout *copy = g_new0(struct release_rollout, 1);
    copy->number = rollout->number;
    copy->kind = g_strdup(rollout->kind);
    copy->state = g_strdup(rollout->state);
    copy->release = g_strdup(rollout->release);
    copy->touched = g_hash_table_ref(rollout->touched);
    *ret_rollout = copy;
    return release_stop();
}

struct roll_error *release_history_last_sent(struct release_history *history,
                                             struct release_rollout **ret_rollout)
{
    *ret_rollout = NULL;
    return release_history_walk(history, take_sent, ret_rollout);
}
