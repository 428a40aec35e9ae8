/* The difference of a fleet: targets that change alike are shown once, with the first of them in
 * full. Names of resources may differ (they often hold a hash of their group), values may not. */
#include "act.h"

#include "rollbook/json.h"
#include "rollbook/report.h"

enum { NAMES_SHOWN = 3 };

struct alike {
    char *from, *tried, *to;
    json_t *changes; /* of the first */
    GString *names;
    guint count;
};

static void alike_free(gpointer data)
{
    struct alike *alike = data;

    g_free(alike->from);
    g_free(alike->tried);
    g_free(alike->to);
    json_decref(alike->changes);
    g_string_free(alike->names, TRUE);
    g_free(alike);
}

/* What makes two differences the same. Owned. */
static char *key_of(const struct roll_order_target *target, const char *tried,
                    const json_t *changes)
{
    GString *key = g_string_new(target->had);
    size_t index;
    json_t *change;

    g_string_append_printf(key, "\n%s\n%s", tried ? tried : "", target->release);
    json_array_foreach ((json_t *)(uintptr_t)changes, index, change) {
        const json_t *properties = json_object_get(change, "properties");
        g_string_append_printf(key, "\n%s %s ", roll_json_get_string(change, "change"),
                               roll_json_get_string(change, "type"));
        if (properties)
            roll_json_write(properties, key);
    }
    return g_string_free(key, FALSE);
}

static void add_target(GHashTable *by_key, GPtrArray *all, const struct roll_order_target *target,
                       const char *tried, json_t *changes)
{
    g_autofree char *key = key_of(target, tried, changes);
    struct alike *alike = g_hash_table_lookup(by_key, key);

    if (!alike) {
        alike = g_new0(struct alike, 1);
        *alike =
            (struct alike){g_strdup(target->had), g_strdup(tried),    g_strdup(target->release),
                           json_incref(changes),  g_string_new(NULL), 0};
        g_ptr_array_add(all, alike);
        g_hash_table_insert(by_key, g_steal_pointer(&key), alike);
    }
    if (alike->count++ < NAMES_SHOWN)
        g_string_append_printf(alike->names, "%s%s", alike->names->len ? ", " : "", target->name);
}

static void say_alike(struct roll_app *app, const struct alike *alike)
{
    if (alike->count > NAMES_SHOWN)
        g_string_append_printf(alike->names, " and %u more", alike->count - NAMES_SHOWN);
    roll_act_say_change(app, alike->names->str, alike->from, alike->tried, alike->to,
                        alike->changes);
}

struct roll_error *roll_act_say_alike(struct roll_act *act, const struct roll_choice *choice,
                                      const json_t *leftovers)
{
    g_autoptr(GHashTable) by_key = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) all = g_ptr_array_new_with_free_func(alike_free);
    roll_auto(differ) struct roll_differ *differ = NULL;

    ROLL_TRY(roll_differ_new(act->app->ledger, choice, &differ));
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        roll_auto(json) json_t *changes = NULL;
        const char *tried = NULL;

        ROLL_TRY(roll_differ_tried(differ, target, &tried));
        ROLL_TRY(roll_differ_target(differ, target, &changes));
        roll_act_leave_deleted(target, changes, json_object_get(leftovers, target->name));
        add_target(by_key, all, target, tried, changes);
    }
    for (guint i = 0; i < all->len; i++)
        say_alike(act->app, g_ptr_array_index(all, i));
    if (all->len < choice->order->targets->len)
        roll_say(act->app, "targets that change alike are shown once, with the names of the first "
                           "one's resources; -v shows all");
    return NULL;
}
