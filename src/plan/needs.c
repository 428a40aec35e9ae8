/* Which environments need which others ("needs" in plans), across all plans of the workspace; and
 * the order that follows for whoever changes one with all that depend on it. */
#include <string.h>

#include "internal.h"

/* Names of environments to GPtrArray of the names that they need. */
static void free_names(gpointer names)
{
    g_ptr_array_unref(names);
}

static struct roll_error *add_needs(const struct roll_plan *plan, const char *environment,
                                    const json_t *needs, GPtrArray *names)
{
    size_t index;
    json_t *need;
    json_array_foreach ((json_t *)(uintptr_t)needs, index, need) {
        char *name = NULL;
        struct roll_error *err =
            roll_plan_fill(json_string_value(need), &name, "environment", environment, NULL);
        if (err)
            return roll_error_wrap(err, "'needs' in '%s'", plan->path);
        g_ptr_array_add(names, name);
    }
    return NULL;
}

static struct roll_error *read_plan(const struct roll_plan *plan, GHashTable *graph)
{
    for (guint i = 0; i < plan->environments->len; i++) {
        const struct roll_plan_environment *environment = plan->environments->pdata[i];
        const json_t *own = json_object_get(
            json_object_get(json_object_get(plan->value, "environments"), environment->name),
            "needs");
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        g_hash_table_insert(graph, g_strdup_printf("%s/%s", plan->service, environment->name),
                            names);
        ROLL_TRY(add_needs(plan, environment->name, json_object_get(plan->value, "needs"), names));
        ROLL_TRY(add_needs(plan, environment->name, own, names));
    }
    return NULL;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static GPtrArray *sorted_keys(GHashTable *graph)
{
    GPtrArray *keys = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    g_hash_table_iter_init(&iter, graph);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(keys, key);
    g_ptr_array_sort(keys, by_name);
    return keys;
}

/* ---- is it sound? ---------------------------------------------------------------------------- */

static struct roll_error *check_names(GHashTable *graph, const GPtrArray *keys)
{
    for (guint i = 0; i < keys->len; i++) {
        const GPtrArray *needs = g_hash_table_lookup(graph, keys->pdata[i]);
        for (guint j = 0; j < needs->len; j++)
            if (!g_hash_table_contains(graph, needs->pdata[j]))
                return roll_error_new(ROLL_E_PLAN, "'%s' needs '%s', which no plan here has",
                                      (const char *)keys->pdata[i], (const char *)needs->pdata[j]);
    }
    return NULL;
}

/* path: names from where the search began; borrowed. done: those that lead into no circle. */
static struct roll_error *visit(GHashTable *graph, const char *name, GPtrArray *path,
                                GHashTable *done)
{
    const GPtrArray *needs = g_hash_table_lookup(graph, name);
    guint first = 0;
    if (g_hash_table_contains(done, name))
        return NULL;
    if (g_ptr_array_find_with_equal_func(path, name, g_str_equal, &first)) {
        g_autoptr(GString) text = g_string_new(NULL);
        for (guint i = first; i < path->len; i++)
            g_string_append_printf(text, "'%s' needs ", (const char *)path->pdata[i]);
        return roll_error_new(ROLL_E_PLAN, "the plans need each other in a circle: %s'%s'",
                              text->str, name);
    }
    g_ptr_array_add(path, (gpointer)(uintptr_t)name);
    for (guint i = 0; i < needs->len; i++)
        ROLL_TRY(visit(graph, needs->pdata[i], path, done));
    g_ptr_array_set_size(path, (gint)path->len - 1);
    g_hash_table_add(done, (gpointer)(uintptr_t)name);
    return NULL;
}

static struct roll_error *check(GHashTable *graph, const GPtrArray *keys)
{
    g_autoptr(GHashTable) done = g_hash_table_new(g_str_hash, g_str_equal);
    ROLL_TRY(check_names(graph, keys));
    for (guint i = 0; i < keys->len; i++) {
        g_autoptr(GPtrArray) path = g_ptr_array_new();
        ROLL_TRY(visit(graph, keys->pdata[i], path, done));
    }
    return NULL;
}

/* ---- who depends on it ---------------------------------------------------------------------- */

static bool needs_any(GHashTable *graph, const char *name, GHashTable *set)
{
    const GPtrArray *needs = g_hash_table_lookup(graph, name);
    for (guint i = 0; i < needs->len; i++)
        if (g_hash_table_contains(set, needs->pdata[i]))
            return true;
    return false;
}

static GHashTable *dependents_of(GHashTable *graph, const GPtrArray *keys, const char *name)
{
    GHashTable *set = g_hash_table_new(g_str_hash, g_str_equal);
    bool changed = true;
    g_hash_table_add(set, (gpointer)(uintptr_t)name);
    while (changed) {
        changed = false;
        for (guint i = 0; i < keys->len; i++)
            if (!g_hash_table_contains(set, keys->pdata[i]) &&
                needs_any(graph, keys->pdata[i], set))
                changed = g_hash_table_add(set, keys->pdata[i]);
    }
    return set;
}

/* Each after all of the set that it needs; without circles one is always next. */
static GPtrArray *in_order(GHashTable *graph, const GPtrArray *keys, GHashTable *set)
{
    GPtrArray *order = g_ptr_array_new_with_free_func(g_free);
    while (g_hash_table_size(set) > 0)
        for (guint i = 0; i < keys->len; i++) {
            const char *name = keys->pdata[i];
            if (!g_hash_table_contains(set, name) || needs_any(graph, name, set))
                continue;
            g_hash_table_remove(set, name);
            g_ptr_array_add(order, g_strdup(name));
        }
    return order;
}

static GHashTable *new_graph(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_names);
}

static struct roll_error *read_all(const struct roll_workspace *workspace, GHashTable *graph)
{
    for (char **service = workspace->services; *service; service++) {
        roll_auto(plan) struct roll_plan *plan = NULL;
        ROLL_TRY(roll_workspace_plan(workspace, *service, &plan));
        ROLL_TRY(read_plan(plan, graph));
    }
    return NULL;
}

struct roll_error *roll_workspace_check_needs(const struct roll_workspace *workspace)
{
    g_autoptr(GHashTable) graph = new_graph();
    ROLL_TRY(read_all(workspace, graph));
    g_autoptr(GPtrArray) keys = sorted_keys(graph);
    return check(graph, keys);
}

static void outline_needs(const char *environment, const json_t *needs, GPtrArray *names)
{
    size_t index;
    json_t *need;
    json_array_foreach ((json_t *)(uintptr_t)needs, index, need) {
        char *name = NULL;
        struct roll_error *err =
            json_is_string(need)
                ? roll_plan_fill(json_string_value(need), &name, "environment", environment, NULL)
                : NULL;
        roll_error_free(err);
        if (!err && name)
            g_ptr_array_add(names, name);
    }
}

static void outline_plan(const json_t *value, const char *service, GHashTable *graph)
{
    const char *name;
    json_t *environment;
    json_object_foreach (json_object_get(value, "environments"), name, environment) {
        GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
        outline_needs(name, json_object_get(value, "needs"), names);
        outline_needs(name, json_object_get(environment, "needs"), names);
        g_hash_table_insert(graph, g_strdup_printf("%s/%s", service, name), names);
    }
}

/* Borrowed from the workspace. */
static GHashTable *outline_graph(const struct roll_workspace *workspace)
{
    GHashTable *graph = workspace->checker->needs;
    if (graph)
        return graph;
    graph = workspace->checker->needs = new_graph();
    for (size_t i = 0; workspace->plans[i]; i++) {
        const json_t *value = NULL;
        roll_error_free(roll_workspace_value(workspace, i, &value));
        if (value)
            outline_plan(value, workspace->services[i], graph);
    }
    return graph;
}

GPtrArray *roll_workspace_needed_by(const struct roll_workspace *workspace, const char *name)
{
    GHashTable *graph = outline_graph(workspace);
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) keys = sorted_keys(graph);
    g_autoptr(GHashTable) set = dependents_of(graph, keys, name);
    for (guint i = 0; i < keys->len; i++)
        if (g_hash_table_contains(set, keys->pdata[i]) && strcmp(keys->pdata[i], name) != 0)
            g_ptr_array_add(names, g_strdup(keys->pdata[i]));
    return names;
}

struct roll_error *roll_workspace_dependents(const struct roll_workspace *workspace,
                                             const char *name, GPtrArray **ret_names)
{
    g_autoptr(GHashTable) graph = new_graph();
    ROLL_TRY(roll_error_wrap(read_all(workspace, graph),
                             "while reading every plan, to know what depends on '%s'", name));
    g_autoptr(GPtrArray) keys = sorted_keys(graph);
    ROLL_TRY(check(graph, keys));
    if (!g_hash_table_contains(graph, name))
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no environment '%s'", name);
    g_autoptr(GHashTable) set = dependents_of(graph, keys, name);
    *ret_names = in_order(graph, keys, set);
    return NULL;
}
