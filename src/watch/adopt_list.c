/* What ARM has: the history of each place once, whatever the number of targets there, and the
 * stacks, whose tags their deployments do not have. */
#include "watch/adopt.h"

#include <string.h>

#include "rollbook/time.h"

#define LOG_MS (INT64_C(89) * 24 * 3600 * 1000)

void watch_place_free(void *data)
{
    struct watch_place *place = data;

    g_free(place->path);
    g_ptr_array_unref(place->targets);
    g_ptr_array_unref(place->stacks);
    json_decref(place->list);
    json_decref(place->log);
    if (place->events)
        g_hash_table_unref(place->events);
    g_free(place->why);
    g_free(place);
}

struct roll_error *watch_adopt_arm(const struct roll_adopt_options *options,
                                   const struct roll_plan_target *target, struct roll_arm **ret_arm)
{
    const struct roll_order_target place = {.name = target->name,
                                            .cloud = target->cloud,
                                            .tenant = target->tenant,
                                            .subscription = target->subscription,
                                            .credential = target->credential};

    return roll_links_get(options->links, &place, ret_arm, NULL);
}

struct roll_arm_scope watch_adopt_scope(const struct roll_plan_target *target)
{
    return (struct roll_arm_scope){target->scope, target->subscription, target->resource_group,
                                   target->management_group};
}

/* ---- places ---------------------------------------------------------------------------------- */

bool watch_adopt_selected(const struct roll_adopt_options *options,
                          const struct roll_plan_target *target)
{
    return !options->targets || g_strv_contains(options->targets, target->name);
}

static struct watch_place *place_of(struct watch_adopting *adopting, GHashTable *by_path,
                                    const struct roll_plan_target *target)
{
    const struct roll_arm_scope scope = watch_adopt_scope(target);
    g_autofree char *path = roll_arm_scope_path(&scope);
    g_autofree char *lower = g_ascii_strdown(path, -1);
    struct watch_place *place = g_hash_table_lookup(by_path, lower);

    if (place)
        return place;
    place = g_new0(struct watch_place, 1);
    place->path = g_steal_pointer(&lower);
    place->targets = g_ptr_array_new();
    place->stacks = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    g_hash_table_insert(by_path, place->path, place);
    g_ptr_array_add(adopting->places, place);
    return place;
}

/* A place has all targets of the environment that are there: a deployment is one of theirs. */
static void find_places(struct watch_adopting *adopting)
{
    const struct roll_adopt_options *options = adopting->options;
    g_autoptr(GHashTable) by_path = g_hash_table_new(g_str_hash, g_str_equal);
    const GPtrArray *targets = options->environment->targets;

    for (guint i = 0; i < targets->len; i++)
        if (watch_adopt_selected(options, targets->pdata[i]))
            place_of(adopting, by_path, targets->pdata[i])->first = targets->pdata[i];
    for (guint i = 0; i < targets->len; i++) {
        const struct roll_plan_target *target = targets->pdata[i];
        const struct roll_arm_scope scope = watch_adopt_scope(target);
        g_autofree char *path = roll_arm_scope_path(&scope);
        g_autofree char *lower = g_ascii_strdown(path, -1);
        struct watch_place *place = g_hash_table_lookup(by_path, lower);
        if (place)
            g_ptr_array_add(place->targets, targets->pdata[i]);
    }
}

/* ---- histories ------------------------------------------------------------------------------- */

static struct roll_error *ask_list(void *user, guint index, roll_arm_fn fn, void *call)
{
    const struct watch_adopting *adopting = user;
    const struct watch_place *place = adopting->places->pdata[index];
    const struct roll_arm_scope scope = watch_adopt_scope(place->first);
    struct roll_arm *arm = NULL;

    ROLL_TRY(watch_adopt_arm(adopting->options, place->first, &arm));
    roll_arm_list(arm, &scope, 0, fn, call);
    return NULL;
}

static void heard_list(void *user, guint index, const struct roll_arm_reply *reply)
{
    const struct watch_adopting *adopting = user;
    struct watch_place *place = adopting->places->pdata[index];
    json_t *list = json_object_get(reply->body, "value");

    if (reply->outcome == ROLL_ARM_OK && json_is_array(list))
        place->list = json_incref(list);
    else
        place->why = watch_why(reply);
}

/* ---- stacks ---------------------------------------------------------------------------------- */

struct stacks {
    const struct watch_adopting *adopting;
    GPtrArray *targets, *places; /* side by side, borrowed */
};

static struct roll_error *ask_stack(void *user, guint index, roll_arm_fn fn, void *call)
{
    const struct stacks *stacks = user;
    const struct roll_adopt_options *options = stacks->adopting->options;
    const struct roll_plan_target *target = stacks->targets->pdata[index];
    const struct roll_arm_scope scope = watch_adopt_scope(target);
    g_autofree char *name = watch_stack_name(options, target);
    struct roll_arm *arm = NULL;

    ROLL_TRY(watch_adopt_arm(options, target, &arm));
    roll_arm_stack_get(arm, &scope, name, fn, call);
    return NULL;
}

/* One that cannot be read explains nothing: its deployments stay evidence. */
static void heard_stack(void *user, guint index, const struct roll_arm_reply *reply)
{
    const struct stacks *stacks = user;
    struct watch_place *place = stacks->places->pdata[index];

    if (reply->outcome == ROLL_ARM_OK && json_is_object(reply->body))
        g_ptr_array_add(place->stacks, json_incref(reply->body));
}

static struct roll_error *read_stacks(struct watch_adopting *adopting)
{
    g_autoptr(GPtrArray) targets = g_ptr_array_new();
    g_autoptr(GPtrArray) places = g_ptr_array_new();
    struct stacks stacks = {adopting, targets, places};

    for (guint i = 0; i < adopting->places->len; i++) {
        const struct watch_place *place = adopting->places->pdata[i];
        for (guint j = 0; place->list && j < place->targets->len; j++) {
            const struct roll_plan_target *target = place->targets->pdata[j];
            if (strcmp(target->apply, "stack") != 0)
                continue;
            g_ptr_array_add(targets, place->targets->pdata[j]);
            g_ptr_array_add(places, adopting->places->pdata[i]);
        }
    }
    return watch_ask_all(adopting->options->loop, targets->len, ask_stack, heard_stack, &stacks);
}

struct roll_error *watch_adopt_list(struct watch_adopting *adopting)
{
    find_places(adopting);
    ROLL_TRY(watch_ask_all(adopting->options->loop, adopting->places->len, ask_list, heard_list,
                           adopting));
    return read_stacks(adopting);
}

/* ---- who ------------------------------------------------------------------------------------- */

struct logs {
    const struct watch_adopting *adopting;
    GPtrArray *places; /* borrowed */
};

static struct roll_error *ask_log(void *user, guint index, roll_arm_fn fn, void *call)
{
    const struct logs *logs = user;
    const struct watch_place *place = logs->places->pdata[index];
    const struct roll_plan_target *target = place->first;
    const struct roll_arm_activity query = {
        .from_ms = MAX(roll_now_ms() - LOG_MS, logs->adopting->options->since_ms),
        .resource_group = target->resource_group,
        .provider = target->resource_group ? NULL : "Microsoft.Resources"};
    struct roll_arm *arm = NULL;

    ROLL_TRY(watch_adopt_arm(logs->adopting->options, target, &arm));
    roll_arm_activities(arm, target->subscription, &query, fn, call);
    return NULL;
}

static void heard_log(void *user, guint index, const struct roll_arm_reply *reply)
{
    const struct logs *logs = user;
    struct watch_place *place = logs->places->pdata[index];
    json_t *list = json_object_get(reply->body, "value");

    if (reply->outcome == ROLL_ARM_OK && json_is_array(list))
        place->log = json_incref(list);
}

/* The oldest word about each: who began it. Keys in lower case. */
static void read_log(struct watch_place *place)
{
    size_t index;
    json_t *event;

    place->events = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_array_foreach (place->log, index, event) { /* newest first */
        const char *correlation = json_string_value(roll_json_get_nocase(event, "correlationId"));
        if (correlation && json_string_value(roll_json_get_nocase(event, "caller")))
            g_hash_table_insert(place->events, g_ascii_strdown(correlation, -1), event);
    }
}

/* The log of a group knows who began each of its deployments, for 90 days. Without it they stay
 * unnamed. */
struct roll_error *watch_adopt_who(struct watch_adopting *adopting)
{
    g_autoptr(GPtrArray) places = g_ptr_array_new();
    struct logs logs = {adopting, places};
    roll_auto(json) json_t *none = json_array();

    for (guint i = 0; i < adopting->places->len; i++) {
        struct watch_place *place = adopting->places->pdata[i];
        if (place->first->subscription && place->has_new)
            g_ptr_array_add(places, place);
    }
    ROLL_TRY(watch_ask_all(adopting->options->loop, places->len, ask_log, heard_log, &logs));
    for (guint i = 0; i < places->len; i++)
        read_log(places->pdata[i]);
    for (guint i = 0; i < adopting->entries->len; i++) {
        struct watch_entry *entry = adopting->entries->pdata[i];
        const GHashTable *events = entry->place->events;
        const json_t *event =
            events && entry->correlation
                ? g_hash_table_lookup((GHashTable *)(uintptr_t)events, entry->correlation)
                : NULL;
        if (event)
            entry->who = watch_who(event, none);
    }
    return NULL;
}
