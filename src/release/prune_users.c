/* Who has what live, or is about to: what another service, environment or target has is never
 * deleted. */
#include <string.h>

#include "release/history.h"
#include "release/prune.h"

/* The rollouts whose deployments a target may still have. A dirty one has what it held before, and
 * whatever those that did not succeed there have put since. */
struct holder {
    char *stream, *target;
    bool dirty;
    int64_t rollouts[3];
    int64_t since; /* of a dirty one: the last that succeeded there; 0: none */
};

static void holder_free(gpointer data)
{
    struct holder *holder = data;
    g_free(holder->stream);
    g_free(holder->target);
    g_free(holder);
}

struct holders {
    GPtrArray *all; /* struct holder * */
    const char *stream;
};

static struct roll_error *take_target(void *user, const struct roll_target_row *row)
{
    struct holders *holders = user;
    struct holder *holder = g_new0(struct holder, 1);
    *holder = (struct holder){g_strdup(holders->stream),
                              g_strdup(row->target),
                              row->dirty,
                              {row->rollout, row->dirty_rollout, row->accepted_rollout},
                              0};
    g_ptr_array_add(holders->all, holder);
    return NULL;
}

static struct roll_error *take_stream(void *user, const struct roll_environment_row *row)
{
    g_ptr_array_add(user, g_strdup(row->stream));
    return NULL;
}

static void add_one_user(struct roll_pruner *pruner, const char *id, const char *name)
{
    g_autofree char *key = g_strdup(id);
    GPtrArray *users = g_hash_table_lookup(pruner->users, key);
    if (!users) {
        users = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(pruner->users, g_steal_pointer(&key), users);
    }
    if (!g_ptr_array_find_with_equal_func(users, name, g_str_equal, NULL))
        g_ptr_array_add(users, g_strdup(name));
}

/* Whoever has a resource has use for all that it lies below. */
static void add_user(struct roll_pruner *pruner, const char *id, const char *name)
{
    g_autofree char *key = g_ascii_strdown(id, -1);
    while (strstr(key, "/providers/")) {
        add_one_user(pruner, key, name);
        for (int segments = 0; segments < 2; segments++)
            *strrchr(key, '/') = '\0';
    }
}

/* ---- what a rollout put there, or is about to ------------------------------------------------ */

struct reading {
    const struct holder *holder;
    char *result; /* digest; owned, or NULL */
    bool open;    /* it was sent, and what came of it is not known */
};

static struct roll_error *take_step(void *user, const struct roll_step_row *row)
{
    struct reading *reading = user;
    if (row->step == 0) {
        g_free(reading->result);
        reading->result = g_strdup(row->result);
        reading->open = row->intended_at > 0 && !row->outcome;
    }
    return NULL;
}

static struct roll_error *add_resources(struct roll_pruner *pruner, const struct reading *reading)
{
    g_autofree char *name =
        g_strdup_printf("%s %s", reading->holder->stream, reading->holder->target);
    roll_auto(json) json_t *result = NULL;
    size_t index;
    json_t *resource;
    if (!reading->result)
        return NULL;
    if (!roll_ledger_has_object(pruner->ledger, reading->result)) { /* redacted */
        g_free(pruner->unknown);
        pruner->unknown = g_steal_pointer(&name);
        return NULL;
    }
    ROLL_TRY(roll_ledger_object_json(pruner->ledger, reading->result, &result));
    json_array_foreach (json_object_get(result, "outputResources"), index, resource) {
        const char *id = json_is_string(resource) ? json_string_value(resource)
                                                  : roll_json_get_string(resource, "id");
        if (id)
            add_user(pruner, id, name);
    }
    return NULL;
}

static void add_expanded(struct roll_pruner *pruner, const json_t *resources, const char *name)
{
    size_t index;
    json_t *resource;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        const char *id = roll_json_get_string(resource, "id");
        const json_t *tmpl = json_object_get(json_object_get(resource, "properties"), "template");
        if (id)
            add_user(pruner, id, name);
        add_expanded(pruner, json_object_get(tmpl, "resources"), name);
    }
}

static struct roll_error *take_order(void *user, const struct roll_rollout_row *row)
{
    char **ret_digest = user;
    g_free(*ret_digest);
    *ret_digest = g_strdup(row->order);
    return NULL;
}

static struct roll_error *expand_order(struct roll_pruner *pruner, const struct holder *holder,
                                       int64_t rollout, struct roll_expansion **ret_expansion)
{
    g_autofree char *digest = NULL;
    const struct roll_rollout_query query = {.stream = holder->stream, .number = rollout};
    const struct roll_order *order = NULL;
    ROLL_TRY(roll_ledger_rollouts(pruner->ledger, &query, take_order, &digest));
    if (!digest)
        return roll_error_new(ROLL_E_NOT_FOUND, "no order is known");
    ROLL_TRY(release_prune_order(pruner, digest, &order));
    const struct roll_order_target *target = release_prune_order_target(order, holder->target);
    return target ? release_expand_target(pruner->ledger, NULL, target, ret_expansion)
                  : roll_error_new(ROLL_E_NOT_FOUND, "the order does not have it");
}

/* ARM may be putting it at this moment: its template tells what. */
static void add_under_way(struct roll_pruner *pruner, const struct holder *holder, int64_t rollout)
{
    g_autofree char *name = g_strdup_printf("%s %s", holder->stream, holder->target);
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    struct roll_error *err = expand_order(pruner, holder, rollout, &expansion);
    if (!err) {
        add_expanded(pruner, expansion->resources, name);
        return;
    }
    roll_error_free(err);
    g_free(pruner->unknown);
    pruner->unknown = g_steal_pointer(&name);
}

static struct roll_error *read_rollout(struct roll_pruner *pruner, const struct holder *holder,
                                       int64_t rollout)
{
    struct reading reading = {.holder = holder};
    struct roll_error *err = roll_ledger_steps_of(pruner->ledger, holder->stream, rollout,
                                                  holder->target, take_step, &reading);
    if (!err)
        err = add_resources(pruner, &reading);
    if (!err && reading.open)
        add_under_way(pruner, holder, rollout);
    g_free(reading.result);
    return err;
}

/* ---- of all ---------------------------------------------------------------------------------- */

static struct roll_error *take_success(void *user, const struct roll_success_row *row)
{
    *(int64_t *)user = row->rollout;
    return release_stop();
}

static struct roll_error *take_number(void *user, const struct roll_rollout_row *row)
{
    g_array_append_val((GArray *)user, row->number);
    return NULL;
}

/* numbers: of the stream's rollouts, newest first; read when the first dirty target needs them. */
static struct roll_error *read_since(struct roll_pruner *pruner, struct holder *holder,
                                     GArray *numbers)
{
    const struct roll_rollout_query query = {.stream = holder->stream};
    ROLL_TRY(release_stopped(roll_ledger_successes(pruner->ledger, holder->stream, holder->target,
                                                   take_success, &holder->since)));
    if (!numbers->len)
        ROLL_TRY(roll_ledger_rollouts(pruner->ledger, &query, take_number, numbers));
    for (guint i = 0; i < numbers->len; i++) {
        int64_t number = g_array_index(numbers, int64_t, i);
        ROLL_TRY(read_rollout(pruner, holder, number));
        if (number == holder->since)
            break;
    }
    return NULL;
}

static struct roll_error *read_holder(struct roll_pruner *pruner, struct holder *holder,
                                      GArray *numbers)
{
    for (size_t i = 0; i < G_N_ELEMENTS(holder->rollouts); i++) {
        bool again = i > 0 && (holder->rollouts[i] == holder->rollouts[0] ||
                               holder->rollouts[i] == holder->rollouts[i - 1]);
        if (holder->rollouts[i] && !again)
            ROLL_TRY(read_rollout(pruner, holder, holder->rollouts[i]));
    }
    return holder->dirty ? read_since(pruner, holder, numbers) : NULL;
}

static struct roll_error *read_stream(struct roll_pruner *pruner, const char *stream)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(holder_free);
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));
    struct holders holders = {all, stream};
    ROLL_TRY(roll_ledger_targets(pruner->ledger, stream, NULL, take_target, &holders));
    for (guint i = 0; i < all->len; i++)
        ROLL_TRY(read_holder(pruner, g_ptr_array_index(all, i), numbers));
    return NULL;
}

struct roll_error *release_prune_read_users(struct roll_pruner *pruner)
{
    g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func(g_free);
    ROLL_TRY(roll_ledger_environments(pruner->ledger, NULL, take_stream, streams));
    for (guint i = 0; i < streams->len; i++)
        ROLL_TRY(read_stream(pruner, g_ptr_array_index(streams, i)));
    return NULL;
}

const char *release_prune_other_user(const struct roll_pruner *pruner, const char *target,
                                     const char *id)
{
    g_autofree char *own = g_strdup_printf("%s %s", pruner->stream, target);
    g_autofree char *key = g_ascii_strdown(id, -1);
    const GPtrArray *users = g_hash_table_lookup(pruner->users, key);
    for (guint i = 0; users && i < users->len; i++)
        if (strcmp(g_ptr_array_index(users, i), own) != 0)
            return g_ptr_array_index(users, i);
    return NULL;
}
