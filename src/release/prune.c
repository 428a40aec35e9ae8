/* Which leftovers --prune deletes (DESIGN section 6, Leftovers). What the ledger can tell is told
 * here when they are gathered; what ARM knows is entered by the caller; prune_decide.c decides.
 * In doubt a resource stays. */
#include <string.h>

#include "release/prune.h"

void roll_prune_item_free(struct roll_prune_item *item)
{
    if (!item)
        return;
    g_free(item->id);
    g_free(item->type);
    g_free(item->release);
    g_free(item->api_version);
    g_free(item->reason);
    g_strfreev(item->needs);
    g_free(item);
}

static void free_item(gpointer item)
{
    roll_prune_item_free(item);
}

/* ---- a pruner ------------------------------------------------------------------------------- */

static void free_users(gpointer users)
{
    g_ptr_array_unref(users);
}

static void free_order(gpointer order)
{
    roll_order_free(order);
}

struct roll_error *roll_pruner_new(struct roll_ledger *ledger, const struct roll_order *order,
                                   struct roll_pruner **ret_pruner)
{
    roll_auto(pruner) struct roll_pruner *pruner = g_new0(struct roll_pruner, 1);
    pruner->ledger = ledger;
    pruner->order = order;
    pruner->stream = g_strdup_printf("%s/%s", order->service, order->environment);
    pruner->users = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_users);
    pruner->orders = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_order);
    ROLL_TRY(roll_leftovers_new(ledger, order, 0, &pruner->leftovers));
    ROLL_TRY(release_prune_read_users(pruner));
    *ret_pruner = g_steal_pointer(&pruner);
    return NULL;
}

void roll_pruner_free(struct roll_pruner *pruner)
{
    if (!pruner)
        return;
    roll_leftovers_free(pruner->leftovers);
    g_hash_table_unref(pruner->users);
    g_hash_table_unref(pruner->orders);
    g_free(pruner->stream);
    g_free(pruner->unknown);
    g_free(pruner);
}

/* ---- what the ledger can tell ---------------------------------------------------------------- */

static bool in_scope(const struct roll_order_target *target, const char *id)
{
    const struct roll_arm_scope scope = {target->scope, target->subscription,
                                         target->resource_group, target->management_group};
    g_autofree char *path = roll_arm_scope_path(&scope);
    return release_lies_below(id, path);
}

static char *offline_reason(const struct roll_pruner *pruner,
                            const struct roll_order_target *target,
                            const struct roll_prune_item *item)
{
    const struct roll_order *order = pruner->order;
    const char *user = release_prune_other_user(pruner, target->name, item->id);
    if (!item->type || g_ascii_strcasecmp(item->type, "Microsoft.Resources/resourceGroups") == 0)
        return g_strdup("groups are never deleted");
    if (!in_scope(target, item->id))
        return g_strdup("it lies outside the target's scope");
    if (roll_resource_is_kept(order->keep, item->id))
        return g_strdup("the plan keeps it");
    if (!roll_type_may_go(order->prune, item->type))
        return g_strdup_printf(
            "its type is not one that is safe to delete (\"prune\" of the environment "
            "may name %s)",
            item->type);
    if (user)
        return g_strdup_printf("'%s' has it too", user);
    if (pruner->unknown)
        return g_strdup_printf("what '%s' has is not known any more", pruner->unknown);
    return NULL;
}

struct roll_error *roll_pruner_items(struct roll_pruner *pruner,
                                     const struct roll_order_target *target, GPtrArray **ret_items)
{
    g_autoptr(GPtrArray) items = g_ptr_array_new_with_free_func(free_item);
    g_autoptr(GHashTable) added = release_added_new();
    roll_auto(json) json_t *leftovers = NULL;
    size_t index;
    json_t *leftover;
    ROLL_TRY(release_leftovers_added(pruner->leftovers, target, added, &leftovers));
    json_array_foreach (leftovers, index, leftover) {
        struct roll_prune_item *item = g_new0(struct roll_prune_item, 1);
        item->id = g_strdup(roll_json_get_string(leftover, "id"));
        item->release = g_strdup(roll_json_get_string(leftover, "release"));
        item->type = release_type_of(item->id);
        g_autofree char *key = g_ascii_strdown(item->id, -1);
        const struct release_added *how = g_hash_table_lookup(added, key);
        item->added_at = how ? how->at : 0;
        g_ptr_array_add(items, item);
        item->reason = offline_reason(pruner, target, item);
    }
    if (items->len > 0)
        ROLL_TRY(release_prune_read_needs(pruner, target->name, items, added));
    *ret_items = g_steal_pointer(&items);
    return NULL;
}
