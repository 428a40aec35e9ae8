/* What ARM knows of a target's leftovers: when they were made, what locks them, who manages them,
 * and with which api-version they are deleted. Reads only, one after the other; what cannot be read
 * makes resources stay. */
#include <string.h>

#include "driver.h"
#include "rollbook/json.h"
#include "rollbook/time.h"

struct roll_sorting {
    struct roll_arm *arm;                   /* borrowed */
    const struct roll_order_target *target; /* borrowed */
    GPtrArray *items;                       /* struct roll_prune_item *, owned */
    json_t *present;                        /* [{"id",…}], owned */
    GHashTable *by_id;                      /* in lower case -> element of present, borrowed */
    char *scope;
    GPtrArray *spaces; /* namespaces whose providers are still to be asked: owned texts */
    bool inherited;    /* locks: those above were read */
    guint next;        /* of items: to be looked at one by one */
    roll_sorted_fn done;
    void *user;
};

void roll_sorting_free(struct roll_sorting *sorting)
{
    if (!sorting)
        return;
    if (sorting->items)
        g_ptr_array_unref(sorting->items);
    json_decref(sorting->present);
    g_hash_table_unref(sorting->by_id);
    g_ptr_array_unref(sorting->spaces);
    g_free(sorting->scope);
    g_free(sorting);
}

static void finish(struct roll_sorting *sorting)
{
    roll_prune_decide(sorting->items, sorting->present);
    sorting->done(sorting->user, sorting->items);
}

static const char *words_of(const struct roll_arm_reply *reply)
{
    return reply->message ? reply->message : reply->code ? reply->code : "no answer";
}

/* All that might have gone stays. */
static void give_up(struct roll_sorting *sorting, const char *what,
                    const struct roll_arm_reply *reply)
{
    for (guint i = 0; i < sorting->items->len; i++) {
        struct roll_prune_item *item = g_ptr_array_index(sorting->items, i);
        if (!item->reason)
            item->reason = g_strdup_printf("%s cannot be read: %s", what, words_of(reply));
    }
    finish(sorting);
}

static bool lies_at_or_below(const char *id, const char *above)
{
    size_t length = strlen(above);

    while (length > 1 && above[length - 1] == '/')
        length--;
    return g_ascii_strncasecmp(id, above, length) == 0 && (id[length] == '/' || !id[length]);
}

/* ---- one by one ------------------------------------------------------------------------------ */

static void set_created(struct roll_prune_item *item, const char *text)
{
    struct roll_error *err = text ? roll_time_parse(text, &item->created_at) : NULL;

    if (err)
        item->created_at = 0;
    roll_error_free(err);
}

/* What lies below a resource is not older than it. */
static void take_from_above(const struct roll_sorting *sorting, struct roll_prune_item *item)
{
    for (guint i = 0; i < sorting->items->len; i++) {
        const struct roll_prune_item *above = g_ptr_array_index(sorting->items, i);
        if (above != item && above->created_at > item->created_at &&
            lies_at_or_below(item->id, above->id))
            item->created_at = above->created_at;
    }
}

static void look_at_next(struct roll_sorting *sorting);

static void looked(void *user, const struct roll_arm_reply *reply)
{
    struct roll_sorting *sorting = user;
    struct roll_prune_item *item = g_ptr_array_index(sorting->items, sorting->next++);
    const json_t *system = json_object_get(reply->body, "systemData");
    const json_t *properties = json_object_get(reply->body, "properties");

    if (reply->outcome == ROLL_ARM_NOT_FOUND) {
        item->gone = true;
    } else if (reply->outcome == ROLL_ARM_OK) {
        set_created(item, roll_json_get_string(system, "createdAt"));
        if (!item->created_at)
            set_created(item, roll_json_get_string(properties, "createdOn"));
        if (!item->created_at)
            take_from_above(sorting, item);
    } else {
        item->reason = g_strdup_printf("it cannot be read: %s", words_of(reply));
    }
    look_at_next(sorting);
}

/* Those that the list does not have: what lies below others, extensions, and what is gone. */
static void look_at_next(struct roll_sorting *sorting)
{
    for (; sorting->next < sorting->items->len; sorting->next++) {
        struct roll_prune_item *item = g_ptr_array_index(sorting->items, sorting->next);
        if (!item->reason && !item->created_at && item->api_version) {
            roll_arm_resource_get(sorting->arm, item->id, item->api_version, looked, sorting);
            return;
        }
    }
    finish(sorting);
}

/* ---- providers: with which api-version ------------------------------------------------------ */

static char *space_of(const char *type)
{
    return g_strndup(type, strcspn(type, "/"));
}

static void ask_provider(struct roll_sorting *sorting);

/* The template's own version, as long as it is offered; else the newest. */
static void choose_version(struct roll_prune_item *item, const json_t *provider)
{
    char *newest;

    if (item->api_version && roll_arm_provider_offers(provider, item->type, item->api_version))
        return;
    newest = roll_arm_provider_version(provider, item->type);
    if (!newest)
        return; /* what a provider does not list may be there all the same */
    g_free(item->api_version);
    item->api_version = newest;
}

static void provider_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_sorting *sorting = user;
    g_autofree char *space = g_ptr_array_steal_index(sorting->spaces, sorting->spaces->len - 1);

    for (guint i = 0; reply->outcome == ROLL_ARM_OK && i < sorting->items->len; i++) {
        struct roll_prune_item *item = g_ptr_array_index(sorting->items, i);
        g_autofree char *own = item->type ? space_of(item->type) : NULL;
        if (!item->reason && own && g_ascii_strcasecmp(own, space) == 0)
            choose_version(item, reply->body);
    }
    ask_provider(sorting);
}

static void ask_provider(struct roll_sorting *sorting)
{
    if (sorting->spaces->len == 0)
        look_at_next(sorting);
    else
        roll_arm_provider_get(sorting->arm, sorting->target->subscription,
                              g_ptr_array_index(sorting->spaces, sorting->spaces->len - 1),
                              provider_seen, sorting);
}

static bool has_space(const GPtrArray *spaces, const char *space)
{
    for (guint i = 0; i < spaces->len; i++)
        if (g_ascii_strcasecmp(g_ptr_array_index(spaces, i), space) == 0)
            return true;
    return false;
}

static void ask_providers(struct roll_sorting *sorting)
{
    for (guint i = 0; i < sorting->items->len; i++) {
        const struct roll_prune_item *item = g_ptr_array_index(sorting->items, i);
        g_autofree char *space = item->reason ? NULL : space_of(item->type);
        if (space && !has_space(sorting->spaces, space))
            g_ptr_array_add(sorting->spaces, g_steal_pointer(&space));
    }
    ask_provider(sorting);
}

/* ---- locks ---------------------------------------------------------------------------------- */

/* A lock holds for all that lies below its place, and what lies above it cannot be deleted either.
 */
static void apply_lock(const struct roll_sorting *sorting, const json_t *lock)
{
    const char *id = roll_json_get_string(lock, "id"), *name = roll_json_get_string(lock, "name");
    g_autofree char *lower = g_ascii_strdown(id ? id : "", -1);
    char *end = g_strrstr(lower, "/providers/microsoft.authorization/locks/");
    bool everywhere;

    if (!end)
        return;
    *end = '\0';
    everywhere = lies_at_or_below(sorting->scope, lower);
    for (guint i = 0; i < sorting->items->len; i++) {
        struct roll_prune_item *item = g_ptr_array_index(sorting->items, i);
        if (!item->reason &&
            (everywhere || lies_at_or_below(item->id, lower) || lies_at_or_below(lower, item->id)))
            item->reason = g_strdup_printf("the lock '%s' holds it", name ? name : "without name");
    }
}

static void locks_seen(void *user, const struct roll_arm_reply *reply)
{
    struct roll_sorting *sorting = user;
    size_t index;
    json_t *lock;

    if (reply->outcome != ROLL_ARM_OK) {
        give_up(sorting, "locks", reply);
        return;
    }
    json_array_foreach (json_object_get(reply->body, "value"), index, lock)
        apply_lock(sorting, lock);
    if (sorting->inherited) {
        ask_providers(sorting);
    } else {
        sorting->inherited = true;
        roll_arm_locks(sorting->arm, sorting->scope, true, locks_seen, sorting);
    }
}

/* ---- the list
 * ------------------------------------------------------------------------------------ */

static void match(const struct roll_sorting *sorting, struct roll_prune_item *item)
{
    g_autofree char *key = g_ascii_strdown(item->id, -1);
    const json_t *found = g_hash_table_lookup(sorting->by_id, key);
    const char *manager = roll_json_get_string(found, "managedBy");

    if (!found)
        return;
    set_created(item, roll_json_get_string(found, "createdTime"));
    if (manager && *manager && !item->reason)
        item->reason = g_strdup_printf("'%s' manages it", manager);
}

static void listed(void *user, const struct roll_arm_reply *reply)
{
    struct roll_sorting *sorting = user;
    size_t index;
    json_t *resource;

    if (reply->outcome != ROLL_ARM_OK) {
        give_up(sorting, "the scope's resources", reply);
        return;
    }
    sorting->present = json_incref(json_object_get(reply->body, "value"));
    json_array_foreach (sorting->present, index, resource)
        if (roll_json_get_string(resource, "id"))
            g_hash_table_insert(sorting->by_id,
                                g_ascii_strdown(roll_json_get_string(resource, "id"), -1),
                                resource);
    for (guint i = 0; i < sorting->items->len; i++)
        match(sorting, g_ptr_array_index(sorting->items, i));
    roll_arm_locks(sorting->arm, sorting->scope, false, locks_seen, sorting);
}

/* ---- the beginning
 * --------------------------------------------------------------------------------- */

bool roll_sorting_is_needed(const GPtrArray *items)
{
    for (guint i = 0; i < items->len; i++)
        if (!((const struct roll_prune_item *)items->pdata[i])->reason)
            return true;
    return false;
}

struct roll_sorting *roll_sorting_start(struct roll_arm *arm,
                                        const struct roll_order_target *target,
                                        GPtrArray *items_take, roll_sorted_fn done, void *user)
{
    struct roll_sorting *sorting = g_new0(struct roll_sorting, 1);
    const struct roll_arm_scope scope = {target->scope, target->subscription,
                                         target->resource_group, target->management_group};

    sorting->arm = arm;
    sorting->target = target;
    sorting->items = items_take;
    sorting->by_id = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    sorting->spaces = g_ptr_array_new_with_free_func(g_free);
    sorting->scope = roll_arm_scope_path(&scope);
    sorting->done = done;
    sorting->user = user;
    if (target->subscription)
        roll_arm_resources(arm, sorting->scope, listed, sorting);
    else /* management groups and tenants have no list of resources */
        roll_arm_locks(arm, sorting->scope, false, locks_seen, sorting);
    return sorting;
}
