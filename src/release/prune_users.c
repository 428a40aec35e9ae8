/* Who has what live: what another service, environment or target has is never deleted. */
#include <string.h>

#include "release/prune.h"

/* The rollouts whose deployments a target may still have. */
struct holder {
    char *stream, *target;
    int64_t rollouts[3];
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
                              {row->rollout, row->dirty_rollout, row->accepted_rollout}};
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

struct reading {
    const struct holder *holder;
    char *result; /* digest; owned, or NULL */
};

static struct roll_error *take_step(void *user, const struct roll_step_row *row)
{
    struct reading *reading = user;
    if (row->step == 0) {
        g_free(reading->result);
        reading->result = g_strdup(row->result);
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

static struct roll_error *read_holder(struct roll_pruner *pruner, const struct holder *holder)
{
    for (size_t i = 0; i < G_N_ELEMENTS(holder->rollouts); i++) {
        struct reading reading = {.holder = holder};
        bool again = i > 0 && (holder->rollouts[i] == holder->rollouts[0] ||
                               holder->rollouts[i] == holder->rollouts[i - 1]);
        if (!holder->rollouts[i] || again)
            continue;
        struct roll_error *err =
            roll_ledger_steps_of(pruner->ledger, holder->stream, holder->rollouts[i],
                                 holder->target, take_step, &reading);
        if (!err)
            err = add_resources(pruner, &reading);
        g_free(reading.result);
        ROLL_TRY(err);
    }
    return NULL;
}

struct roll_error *release_prune_read_users(struct roll_pruner *pruner)
{
    g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(holder_free);
    ROLL_TRY(roll_ledger_environments(pruner->ledger, NULL, take_stream, streams));
    for (guint i = 0; i < streams->len; i++) {
        struct holders holders = {all, g_ptr_array_index(streams, i)};
        ROLL_TRY(roll_ledger_targets(pruner->ledger, holders.stream, NULL, take_target, &holders));
    }
    for (guint i = 0; i < all->len; i++)
        ROLL_TRY(read_holder(pruner, g_ptr_array_index(all, i)));
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
