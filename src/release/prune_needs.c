/* What leftovers depend on, from the templates that put them last: they are deleted in the opposite
 * order. */
#include <string.h>

#include "release/prune.h"

static void note_needs(const json_t *resources, GHashTable *needs)
{
    size_t index;
    json_t *resource;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        const char *id = roll_json_get_string(resource, "id");
        const json_t *tmpl = json_object_get(json_object_get(resource, "properties"), "template");
        if (id)
            g_hash_table_insert(needs, g_ascii_strdown(id, -1), resource);
        note_needs(json_object_get(tmpl, "resources"), needs);
    }
}

const struct roll_order_target *release_prune_order_target(const struct roll_order *order,
                                                           const char *name)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (strcmp(target->name, name) == 0)
            return target;
    }
    return NULL;
}

struct roll_error *release_prune_order(struct roll_pruner *pruner, const char *digest,
                                       const struct roll_order **ret_order)
{
    g_autoptr(GString) text = NULL;
    struct roll_order *order = g_hash_table_lookup(pruner->orders, digest);
    if (!order) {
        ROLL_TRY(roll_ledger_object(pruner->ledger, digest, &text));
        ROLL_TRY(roll_order_read(text->str, text->len, &order));
        g_hash_table_insert(pruner->orders, g_strdup(digest), order);
    }
    *ret_order = order;
    return NULL;
}

static char **texts_of(const json_t *array)
{
    GPtrArray *texts = g_ptr_array_new();
    size_t index;
    json_t *text;
    json_array_foreach ((json_t *)(uintptr_t)array, index, text)
        if (json_is_string(text))
            g_ptr_array_add(texts, g_strdup(json_string_value(text)));
    g_ptr_array_add(texts, NULL);
    return (char **)g_ptr_array_free(texts, FALSE);
}

/* From the template that put them last. */
static struct roll_error *read_needs(struct roll_pruner *pruner, const char *digest,
                                     const char *target_name, GPtrArray *items, GHashTable *added)
{
    g_autoptr(GHashTable) needs = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    const struct roll_order *order = NULL;
    ROLL_TRY(release_prune_order(pruner, digest, &order));
    const struct roll_order_target *target = release_prune_order_target(order, target_name);
    if (!target)
        return NULL;
    ROLL_TRY(release_expand_target(pruner->ledger, NULL, target, &expansion));
    note_needs(expansion->resources, needs);
    for (guint i = 0; i < items->len; i++) {
        struct roll_prune_item *item = g_ptr_array_index(items, i);
        g_autofree char *key = g_ascii_strdown(item->id, -1);
        const struct release_added *how = g_hash_table_lookup(added, key);
        const json_t *resource = g_hash_table_lookup(needs, key);
        if (!how || !resource || g_strcmp0(how->order, digest) != 0)
            continue;
        item->needs = texts_of(json_object_get(resource, "dependsOn"));
        item->api_version = g_strdup(roll_json_get_string(resource, "apiVersion"));
    }
    return NULL;
}

struct roll_error *release_prune_read_needs(struct roll_pruner *pruner, const char *target,
                                            GPtrArray *items, GHashTable *added)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, added);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const struct release_added *how = value;
        if (how->order && g_hash_table_add(seen, how->order))
            ROLL_TRY(read_needs(pruner, how->order, target, items, added));
    }
    return NULL;
}
