/* Which leftovers --prune deletes (DESIGN section 6, Leftovers). What the ledger can tell is told
 * here when they are gathered; what ARM knows is entered by the caller; roll_prune_decide is pure.
 * In doubt a resource stays. */
#include <string.h>

#include "release/leftovers.h"
#include "release/maker.h"

/* Types without data and without anything that a new deployment of the same template would not
 * bring back. Addresses, identities, names that the world has learnt, sites with uploaded content
 * and whatever keeps data or history are not among them. */
static const char *const safe_types[] = {
    "Microsoft.App/containerApps",
    "Microsoft.App/jobs",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Compute/availabilitySets",
    "Microsoft.Compute/proximityPlacementGroups",
    "Microsoft.ContainerInstance/containerGroups",
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/activityLogAlerts",
    "Microsoft.Insights/autoscaleSettings",
    "Microsoft.Insights/dataCollectionRuleAssociations",
    "Microsoft.Insights/dataCollectionRules",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Insights/metricAlerts",
    "Microsoft.Insights/scheduledQueryRules",
    "Microsoft.Insights/webtests",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    "Microsoft.Network/applicationSecurityGroups",
    "Microsoft.Network/loadBalancers",
    "Microsoft.Network/natGateways",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/networkSecurityGroups/securityRules",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Network/routeTables",
    "Microsoft.Network/routeTables/routes",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
    "Microsoft.Portal/dashboards",
    "Microsoft.Resources/deploymentScripts",
    "Microsoft.Web/serverfarms",
};

struct roll_pruner {
    struct roll_ledger *ledger;       /* borrowed */
    const struct roll_order *order;   /* borrowed */
    struct roll_leftovers *leftovers; /* owned */
    char *stream;
    GHashTable *users;  /* id in lower case -> GPtrArray of "STREAM TARGET" that have it live */
    GHashTable *orders; /* digest -> struct roll_order * */
    char *unknown;      /* whose resources cannot be read, or NULL */
};

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

/* ---- who has what live ------------------------------------------------------------------------
 */

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

static struct roll_error *read_users(struct roll_pruner *pruner)
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

/* ---- a pruner ----------------------------------------------------------------------------------
 */

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
    ROLL_TRY(read_users(pruner));
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

/* ---- what depends on what ----------------------------------------------------------------------
 */

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

static const struct roll_order_target *find_target(const struct roll_order *order, const char *name)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (strcmp(target->name, name) == 0)
            return target;
    }
    return NULL;
}

static struct roll_error *order_of(struct roll_pruner *pruner, const char *digest,
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
    ROLL_TRY(order_of(pruner, digest, &order));
    const struct roll_order_target *target = find_target(order, target_name);
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

static struct roll_error *read_all_needs(struct roll_pruner *pruner, const char *target,
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

/* ---- what the ledger can tell
 * -------------------------------------------------------------------- */

/* Unlike what is kept, what may go does not take along what lies below its type. */
bool roll_type_may_go(char *const *words, const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(safe_types); i++)
        if (g_ascii_strcasecmp(safe_types[i], type) == 0)
            return true;
    for (size_t i = 0; words && words[i]; i++) {
        size_t length = strlen(words[i]);
        if (g_str_has_suffix(words[i], "/*") ? g_ascii_strncasecmp(words[i], type, length - 1) == 0
                                             : g_ascii_strcasecmp(words[i], type) == 0)
            return true;
    }
    return false;
}

static bool lies_below(const char *id, const char *above)
{
    size_t length = strlen(above);
    while (length > 0 && above[length - 1] == '/')
        length--;
    return g_ascii_strncasecmp(id, above, length) == 0 && id[length] == '/';
}

static bool in_scope(const struct roll_order_target *target, const char *id)
{
    const struct roll_arm_scope scope = {target->scope, target->subscription,
                                         target->resource_group, target->management_group};
    g_autofree char *path = roll_arm_scope_path(&scope);
    return lies_below(id, path);
}

/* Somebody else, by name; or NULL. Borrowed. Also of what lies below it. */
static const char *other_user(const struct roll_pruner *pruner, const char *target, const char *id)
{
    g_autofree char *own = g_strdup_printf("%s %s", pruner->stream, target);
    g_autofree char *key = g_ascii_strdown(id, -1);
    const GPtrArray *users = g_hash_table_lookup(pruner->users, key);
    for (guint i = 0; users && i < users->len; i++)
        if (strcmp(g_ptr_array_index(users, i), own) != 0)
            return g_ptr_array_index(users, i);
    return NULL;
}

static char *offline_reason(const struct roll_pruner *pruner,
                            const struct roll_order_target *target,
                            const struct roll_prune_item *item)
{
    const struct roll_order *order = pruner->order;
    const char *user = other_user(pruner, target->name, item->id);
    if (!item->type || g_ascii_strcasecmp(item->type, "Microsoft.Resources/resourceGroups") == 0)
        return g_strdup("groups are never deleted");
    if (!in_scope(target, item->id))
        return g_strdup("it lies outside the target's scope");
    if (roll_resource_is_kept(order->keep, item->id))
        return g_strdup("the plan keeps it");
    if (!roll_type_may_go(order->prune, item->type))
        return g_strdup_printf("its type is not one that is safe to delete (\"prune\" in the plan "
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
        ROLL_TRY(read_all_needs(pruner, target->name, items, added));
    *ret_items = g_steal_pointer(&items);
    return NULL;
}

/* ---- deciding: pure
 * --------------------------------------------------------------------------------- */

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
        if (lies_below(other->id, item->id))
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
        if (id && lies_below(id, item->id) && !is_item(items, id))
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

void roll_prune_decide(GPtrArray *items, const json_t *present)
{
    for (guint i = 0; i < items->len; i++) {
        struct roll_prune_item *item = g_ptr_array_index(items, i);
        if (!item->reason && !item->gone)
            item->reason = arm_reason(item);
        if (!item->reason && !item->gone)
            item->reason = reason_of_foreign(item, items, present);
    }
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
