/* Which deployments are parts of others. All of one client's run may share a correlation id: a part
 * is what the operations of another one name (REST reference 1.8). Where ARM keeps those no more,
 * one that put nothing but what the other put too, while that ran. */
#include "watch/adopt.h"

#include <string.h>

#define SLACK_MS 2000 /* ARM rounds: a part may seem to end after the whole */

struct nesting {
    const struct watch_adopting *adopting;
    GHashTable *groups;  /* correlation id -> GPtrArray of struct watch_entry * */
    GPtrArray *parents;  /* struct watch_entry *: whose operations are asked for */
    GHashTable *visited; /* ids of those */
};

static const json_t *properties_of(const struct watch_entry *entry)
{
    return roll_json_get_nocase(entry->deployment, "properties");
}

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(roll_json_get_nocase(object, name));
}

static const char *id_of(const struct watch_entry *entry)
{
    const char *id = text_of(entry->deployment, "id");

    return id ? id : entry->name;
}

/* ---- who may be one ------------------------------------------------------------------------- */

/* Does its template deploy others? ARM lists the providers that it uses. */
static bool has_parts(const struct watch_entry *entry)
{
    size_t i, j;
    json_t *provider, *type;

    json_array_foreach (roll_json_get_nocase(properties_of(entry), "providers"), i, provider) {
        const char *space = text_of(provider, "namespace");
        if (!space || g_ascii_strcasecmp(space, "Microsoft.Resources") != 0)
            continue;
        json_array_foreach (roll_json_get_nocase(provider, "resourceTypes"), j, type) {
            const char *name = text_of(type, "resourceType");
            if (name && g_ascii_strcasecmp(name, "deployments") == 0)
                return true;
        }
    }
    return false;
}

static bool is_within(const struct watch_entry *part, const struct watch_entry *whole)
{
    bool ended = roll_arm_state_is_final(whole->state);

    return part != whole && g_ascii_strcasecmp(id_of(part), id_of(whole)) != 0 &&
           part->at - part->duration_ms >= whole->at - whole->duration_ms - SLACK_MS &&
           (!ended || part->at <= whole->at + SLACK_MS);
}

static void find_parents(struct nesting *nesting)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, nesting->groups);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GPtrArray *group = value;
        for (guint i = 0; group->len > 1 && i < group->len; i++) {
            struct watch_entry *parent = group->pdata[i];
            bool any = false;
            if (!has_parts(parent))
                continue;
            for (guint j = 0; !any && j < group->len; j++)
                any = is_within(group->pdata[j], parent);
            if (any && g_hash_table_add(nesting->visited, g_ascii_strdown(id_of(parent), -1)))
                g_ptr_array_add(nesting->parents, parent);
        }
    }
}

/* ---- operations ------------------------------------------------------------------------------ */

static struct roll_error *ask(void *user, guint index, roll_arm_fn fn, void *call)
{
    const struct nesting *nesting = user;
    const struct watch_entry *parent = nesting->parents->pdata[index];
    const struct roll_arm_scope scope = watch_adopt_scope(parent->target);
    struct roll_arm *arm = NULL;

    ROLL_TRY(watch_adopt_arm(nesting->adopting->options, parent->target, &arm));
    roll_arm_operations(arm, &scope, parent->name, fn, call);
    return NULL;
}

static GHashTable *ids_of(const json_t *list, bool of_operations)
{
    GHashTable *ids = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    size_t index;
    json_t *each;

    json_array_foreach ((json_t *)(uintptr_t)list, index, each) {
        const json_t *resource =
            of_operations
                ? roll_json_get_nocase(roll_json_get_nocase(each, "properties"), "targetResource")
                : each;
        const char *id = text_of(resource, "id");
        if (id)
            g_hash_table_add(ids, g_ascii_strdown(id, -1));
    }
    return ids;
}

static bool has_all(GHashTable *ids, const json_t *resources)
{
    g_autoptr(GHashTable) own = ids_of(resources, false);
    GHashTableIter iter;
    gpointer id;

    g_hash_table_iter_init(&iter, own);
    while (g_hash_table_iter_next(&iter, &id, NULL))
        if (!g_hash_table_contains(ids, id))
            return false;
    return g_hash_table_size(own) > 0;
}

static bool is_part(GHashTable *ids, bool of_operations, const struct watch_entry *entry)
{
    g_autofree char *id = g_ascii_strdown(id_of(entry), -1);

    return of_operations
               ? g_hash_table_contains(ids, id)
               : has_all(ids, roll_json_get_nocase(properties_of(entry), "outputResources"));
}

static void heard(void *user, guint index, const struct roll_arm_reply *reply)
{
    const struct nesting *nesting = user;
    const struct watch_entry *parent = nesting->parents->pdata[index];
    const GPtrArray *group = g_hash_table_lookup(nesting->groups, parent->correlation);
    const json_t *operations = json_object_get(reply->body, "value");
    bool told = reply->outcome == ROLL_ARM_OK && json_array_size(operations) > 0;
    g_autoptr(GHashTable) ids = ids_of(
        told ? operations : roll_json_get_nocase(properties_of(parent), "outputResources"), told);

    for (guint i = 0; i < group->len; i++) {
        struct watch_entry *entry = group->pdata[i];
        if (is_within(entry, parent) && is_part(ids, told, entry))
            entry->class = WATCH_NESTED;
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static void array_free(void *array)
{
    g_ptr_array_unref(array);
}

struct roll_error *watch_adopt_nested(struct watch_adopting *adopting)
{
    g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, array_free);
    g_autoptr(GHashTable) visited = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) parents = g_ptr_array_new();
    struct nesting nesting = {adopting, groups, parents, visited};

    for (guint i = 0; i < adopting->entries->len; i++) {
        struct watch_entry *entry = adopting->entries->pdata[i];
        if (!entry->correlation)
            continue;
        GPtrArray *group = g_hash_table_lookup(groups, entry->correlation);
        if (!group) {
            group = g_ptr_array_new();
            g_hash_table_insert(groups, entry->correlation, group);
        }
        g_ptr_array_add(group, entry);
    }
    find_parents(&nesting);
    return watch_ask_all(adopting->options->loop, parents->len, ask, heard, &nesting);
}
