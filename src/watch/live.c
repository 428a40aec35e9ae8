/* What is live where, with the very texts that were sent: from ledger and plan alone. */
#include "watch/drift.h"

#include <inttypes.h>
#include <string.h>

#define FLEET 20 /* so many targets are looked at one by one; of more, one of each ring */

void watch_lives_free(struct watch_lives *lives)
{
    if (!lives)
        return;
    g_array_unref(lives->lives);
    g_ptr_array_unref(lives->orders);
    json_decref(lives->left);
    g_free(lives);
}

static void free_order(gpointer order)
{
    roll_order_free(order);
}

/* ---- targets --------------------------------------------------------------------------------- */

struct reading {
    const struct roll_drift_options *options;
    const char *stream;
    bool bare;
    struct watch_lives *lives;
    GHashTable *rollouts; /* number -> struct roll_order *, borrowed */
    GHashTable *rings;    /* of a fleet: those that have their one */
};

struct held {
    bool there, dirty;
    int64_t rollout, since;
};

static struct roll_error *take_held(void *user, const struct roll_target_row *row)
{
    *(struct held *)user =
        (struct held){row->release != NULL && !row->dirty, row->dirty, row->rollout, row->since};
    return NULL;
}

struct roll_error *watch_is_live(struct roll_ledger *ledger, const char *stream, const char *target,
                                 int64_t rollout, bool *ret_live)
{
    struct held held = {0};

    ROLL_TRY(roll_ledger_targets(ledger, stream, target, take_held, &held));
    *ret_live = held.there && held.rollout == rollout;
    return NULL;
}

/* ---- orders ---------------------------------------------------------------------------------- */

struct row {
    char *order, *hash;
};

static struct roll_error *take_row(void *user, const struct roll_rollout_row *row)
{
    *(struct row *)user = (struct row){g_strdup(row->order), g_strdup(row->hash)};
    return NULL;
}

static struct roll_error *take_attempt(void *user, const struct roll_step_row *row)
{
    struct watch_live *live = user;

    if (row->step == 0 && strcmp(row->target, live->target->name) == 0) {
        live->attempt = row->attempt;
        live->began = live->began ? MIN(live->began, row->intended_at) : row->intended_at;
        g_strlcpy(live->result, row->result ? row->result : "", sizeof live->result);
    }
    return NULL;
}

static struct roll_error *load_order(struct reading *reading, const char *digest, int64_t rollout,
                                     struct roll_order **ret_order)
{
    g_autoptr(GString) text = NULL;

    *ret_order = g_hash_table_lookup(reading->rollouts, &rollout);
    if (*ret_order)
        return NULL;
    ROLL_TRY(roll_ledger_object(reading->options->ledger, digest, &text));
    ROLL_TRY(roll_order_read(text->str, text->len, ret_order));
    g_ptr_array_add(reading->lives->orders, *ret_order);
    g_hash_table_insert(reading->rollouts, g_memdup2(&rollout, sizeof rollout), *ret_order);
    return NULL;
}

/* How one signs in is a matter of today. */
static void govern(const struct roll_plan_target *planned, struct roll_order_target *target)
{
    g_free(target->credential);
    target->credential = g_strdup(planned->credential);
}

static struct roll_error *add_live(struct reading *reading, const struct roll_plan_target *planned,
                                   const struct held *held)
{
    struct roll_ledger *ledger = reading->options->ledger;
    struct roll_rollout_query query = {.stream = reading->stream, .number = held->rollout};
    struct watch_live live = {
        .name = planned->name, .rollout = held->rollout, .since = held->since};
    struct roll_order *order = NULL;
    struct row row = {0};
    struct roll_error *err = roll_ledger_rollouts(ledger, &query, take_row, &row);

    if (!err && row.order)
        err = load_order(reading, row.order, held->rollout, &order);
    g_strlcpy(live.request_hash, row.hash ? row.hash : "", sizeof live.request_hash);
    g_free(row.order);
    g_free(row.hash);
    ROLL_TRY(err);
    for (guint i = 0; order && i < order->targets->len && !live.target; i++) {
        struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (strcmp(target->name, planned->name) == 0)
            live.target = target;
    }
    if (!live.target)
        return roll_error_new(ROLL_E_DAMAGED, "rollout %s#%" PRId64 " does not say what '%s' got",
                              reading->stream, held->rollout, planned->name);
    govern(planned, live.target);
    ROLL_TRY(roll_ledger_steps(ledger, reading->stream, held->rollout, take_attempt, &live));
    g_array_append_val(reading->lives->lives, live);
    return NULL;
}

/* ---- which ----------------------------------------------------------------------------------- */

static bool is_fleet(const struct roll_drift_options *options)
{
    return !options->targets && options->environment->targets->len > FLEET;
}

static void leave(struct reading *reading, const char *target, const struct held *held)
{
    json_array_append_new(
        reading->lives->left,
        json_pack("{s:s,s:s,s:b}", "target", target, "why",
                  held->dirty
                      ? "its last rollout did not succeed there, so nobody knows what it has"
                      : "nothing was deployed there",
                  "unknown", held->dirty));
}

/* Of a fleet they are counted: ten thousand lines tell nobody anything. */
static void leave_many(struct reading *reading, guint count, const char *why, bool unknown)
{
    if (count > 0)
        json_array_append_new(reading->lives->left,
                              json_pack("{s:I,s:s,s:b}", "targets", (json_int_t)count, "why", why,
                                        "unknown", unknown));
}

static struct roll_error *consider(struct reading *reading, const struct roll_plan_target *planned)
{
    const struct roll_drift_options *options = reading->options;
    bool fleet = is_fleet(options);
    gpointer ring = GINT_TO_POINTER(roll_plan_ring(options->environment, planned->name) + 1);
    struct held held = {0};

    if (options->targets && !g_strv_contains(options->targets, planned->name))
        return NULL;
    if (fleet && g_hash_table_contains(reading->rings, ring))
        return NULL;
    ROLL_TRY(
        roll_ledger_targets(options->ledger, reading->stream, planned->name, take_held, &held));
    if (!held.there) {
        if (!fleet)
            leave(reading, planned->name, &held);
        return NULL;
    }
    g_hash_table_add(reading->rings, ring);
    if (!reading->bare)
        return add_live(reading, planned, &held);
    const struct watch_live live = {
        .name = planned->name, .rollout = held.rollout, .since = held.since};
    g_array_append_val(reading->lives->lives, live);
    return NULL;
}

struct counts {
    const struct roll_plan_environment *environment;
    guint there, dirty;
};

static struct roll_error *count_held(void *user, const struct roll_target_row *row)
{
    struct counts *counts = user;

    if (!roll_plan_target_find(counts->environment, row->target))
        return NULL;
    counts->dirty += row->dirty;
    counts->there += !row->dirty && row->release != NULL;
    return NULL;
}

/* One target of a ring stands for those like it, and for none whose rollout failed. */
static struct roll_error *count_left(struct reading *reading)
{
    const struct roll_drift_options *options = reading->options;
    guint looked = reading->lives->lives->len, all = options->environment->targets->len;
    struct counts counts = {.environment = options->environment};

    if (!is_fleet(options) || reading->bare)
        return NULL;
    ROLL_TRY(roll_ledger_targets(options->ledger, reading->stream, NULL, count_held, &counts));
    leave_many(reading, counts.there - MIN(looked, counts.there),
               "not looked at: one of each ring is asked", false);
    leave_many(reading, counts.dirty,
               "their last rollout did not succeed there, so nobody knows what they have", true);
    leave_many(reading, all - MIN(all, counts.there + counts.dirty), "nothing was deployed there",
               false);
    return NULL;
}

static struct roll_error *check_names(const struct roll_drift_options *options)
{
    for (int i = 0; options->targets && options->targets[i]; i++)
        if (!roll_plan_target_find(options->environment, options->targets[i]))
            return roll_error_new(ROLL_E_NOT_FOUND, "'%s' has no target '%s'",
                                  options->environment->name, options->targets[i]);
    return NULL;
}

struct roll_error *watch_lives_read(const struct roll_drift_options *options, bool bare,
                                    struct watch_lives **ret_lives)
{
    const GPtrArray *targets = options->environment->targets;
    g_autofree char *stream =
        g_strdup_printf("%s/%s", options->plan->service, options->environment->name);
    g_autoptr(GHashTable) rollouts =
        g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    g_autoptr(GHashTable) rings = g_hash_table_new(NULL, NULL);
    roll_auto(watch_lives) struct watch_lives *lives = g_new0(struct watch_lives, 1);
    struct reading reading = {options, stream, bare, lives, rollouts, rings};

    lives->lives = g_array_new(FALSE, FALSE, sizeof(struct watch_live));
    lives->orders = g_ptr_array_new_with_free_func(free_order);
    lives->left = json_array();
    ROLL_TRY(check_names(options));
    for (guint i = 0; i < targets->len; i++)
        ROLL_TRY(consider(&reading, g_ptr_array_index(targets, i)));
    ROLL_TRY(count_left(&reading));
    *ret_lives = g_steal_pointer(&lives);
    return NULL;
}
