/* Which leftovers go, and in which order, when all is known of them. Pure; in doubt one stays. */
#include <string.h>

#include "release/prune.h"

bool release_lies_below(const char *id, const char *above)
{
    size_t length = strlen(above);
    while (length > 0 && above[length - 1] == '/')
        length--;
    return g_ascii_strncasecmp(id, above, length) == 0 && id[length] == '/';
}

static char *arm_reason(const struct roll_prune_item *item)
{
    if (item->created_at == 0)
        return g_strdup("ARM does not say when it was made");
    if (item->added_at == 0 || item->created_at < item->added_at)
        return g_strdup("it was there before");
    if (!item->api_version)
        return g_strdup("no api-version is known to delete it with");
    return NULL;
}

/* What is still needed, or has something below it that stays, stays too. */
static char *reason_by(const struct roll_prune_item *item, const GPtrArray *items)
{
    for (guint i = 0; i < items->len; i++) {
        const struct roll_prune_item *other = g_ptr_array_index(items, i);
        if (other == item || !other->reason || other->gone)
            continue;
        if (release_lies_below(other->id, item->id))
            return g_strdup_printf("what lies below it stays: %s", other->id);
        for (char **need = other->needs; need && *need; need++)
            if (g_ascii_strcasecmp(*need, item->id) == 0)
                return g_strdup_printf("%s, which stays, needs it", other->id);
    }
    return NULL;
}

static bool is_item(const GPtrArray *items, const char *id)
{
    for (guint i = 0; i < items->len; i++)
        if (g_ascii_strcasecmp(((const struct roll_prune_item *)items->pdata[i])->id, id) == 0)
            return true;
    return false;
}

/* Somebody put something there that is no leftover of ours. */
static char *reason_of_foreign(const struct roll_prune_item *item, const GPtrArray *items,
                               const json_t *present)
{
    size_t index;
    json_t *resource;
    json_array_foreach ((json_t *)(uintptr_t)present, index, resource) {
        const char *id = roll_json_get_string(resource, "id");
        if (id && release_lies_below(id, item->id) && !is_item(items, id))
            return g_strdup_printf("what lies below it stays: %s", id);
    }
    return NULL;
}

static void put_in_order(GPtrArray *items)
{
    g_autofree struct roll_arm_deletion *deletions =
        g_new0(struct roll_arm_deletion, MAX(items->len, 1));
    g_autofree gpointer *sorted = g_new0(gpointer, MAX(items->len, 1));
    guint place = 0;
    for (guint i = 0; i < items->len; i++) {
        const struct roll_prune_item *item = g_ptr_array_index(items, i);
        deletions[i] = (struct roll_arm_deletion){item->id, (const char *const *)item->needs};
    }
    g_autofree size_t *order = roll_arm_delete_order(deletions, items->len);
    for (int stays = 1; stays >= 0; stays--)
        for (guint i = 0; i < items->len; i++) {
            struct roll_prune_item *item = g_ptr_array_index(items, order[i]);
            if ((item->reason != NULL) == stays)
                sorted[place++] = item;
        }
    if (items->len)
        memcpy(items->pdata, sorted, items->len * sizeof *sorted);
}

void roll_prune_spread(GPtrArray *items)
{
    for (bool changed = true; changed;) {
        changed = false;
        for (guint i = 0; i < items->len; i++) {
            struct roll_prune_item *item = g_ptr_array_index(items, i);
            if (!item->reason && !item->gone && (item->reason = reason_by(item, items)))
                changed = true;
        }
    }
    put_in_order(items);
}

void roll_prune_decide(GPtrArray *items, const json_t *present)
{
    for (guint i = 0; i < items->len; i++) {
        struct roll_prune_item *item = g_ptr_array_index(items, i);
        if (!item->reason && !item->gone)
            item->reason = arm_reason(item);
        if (!item->reason && !item->gone)
            item->reason = reason_of_foreign(item, items, present);
    }
    roll_prune_spread(items);
}
