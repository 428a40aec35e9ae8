/* What is said of leftovers where --prune deletes them: before, and when it has ended. */
#include "act.h"
#include "view.h"

#include <string.h>

#include "rollbook/json.h"

/* ---- before ---------------------------------------------------------------------------------- */

/* More than a person reads: of a fleet. */
enum { MAX_SHOWN = 40 };

static void say_one(struct roll_app *app, const json_t *leftover, bool deleted)
{
    const char *reason = roll_json_get_string(leftover, "reason");

    roll_say(app, "%s  %s  (%s)%s%s", deleted ? "delete " : "stays  ",
             roll_json_get_string(leftover, "id"), roll_json_get_string(leftover, "release"),
             reason ? ": " : "", reason ? reason : "");
}

struct group {
    guint count;
    const char *target; /* the first; borrowed */
};

/* "TYPE, as 1.1.0 put it: REASON": what is told alike of many targets. Owned. */
static char *kind_of(const json_t *leftover)
{
    const char *id = roll_json_get_string(leftover, "id"), *at = NULL;
    const char *reason = roll_json_get_string(leftover, "reason");

    for (const char *next = id; (next = strstr(next, "/providers/")); next += strlen("/providers/"))
        at = next + strlen("/providers/");
    g_autofree char *type = g_strndup(at ? at : id, strrchr(id, '/') > (at ? at : id)
                                                        ? (gsize)(strrchr(id, '/') - (at ? at : id))
                                                        : strlen(at ? at : id));
    return g_strdup_printf("%s  (%s)%s%s", type, roll_json_get_string(leftover, "release"),
                           reason ? ": " : "", reason ? reason : "");
}

/* Of a fleet each kind once. */
static void say_kinds(struct roll_app *app, const json_t *leftovers, bool deleted)
{
    g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_autoptr(GPtrArray) order = g_ptr_array_new(); /* of the keys, borrowed */
    const char *target;
    size_t index;
    json_t *list, *leftover;

    json_object_foreach ((json_t *)(uintptr_t)leftovers, target, list)
        json_array_foreach (list, index, leftover) {
            g_autofree char *kind = kind_of(leftover);
            struct group *group = g_hash_table_lookup(groups, kind);
            if (json_is_true(json_object_get(leftover, "delete")) != deleted)
                continue;
            if (!group) {
                group = g_new0(struct group, 1);
                group->target = target;
                g_ptr_array_add(order, kind);
                g_hash_table_insert(groups, g_steal_pointer(&kind), group);
            }
            group->count++;
        }
    for (guint i = 0; i < order->len; i++) {
        const struct group *group = g_hash_table_lookup(groups, order->pdata[i]);
        roll_say(app, "%s  %u × %s, %s first", deleted ? "delete " : "stays  ", group->count,
                 (const char *)order->pdata[i], group->target);
    }
}

static size_t count_of(const json_t *leftovers, bool deleted)
{
    const char *target;
    size_t index, count = 0;
    json_t *list, *leftover;

    json_object_foreach ((json_t *)(uintptr_t)leftovers, target, list)
        json_array_foreach (list, index, leftover)
            count += json_is_true(json_object_get(leftover, "delete")) == deleted;
    return count;
}

static void say_all(struct roll_app *app, const json_t *leftovers, bool deleted)
{
    const char *target;
    size_t index;
    json_t *list, *leftover;

    if (count_of(leftovers, deleted) > MAX_SHOWN && !app->globals.verbose) {
        say_kinds(app, leftovers, deleted);
        return;
    }
    json_object_foreach ((json_t *)(uintptr_t)leftovers, target, list)
        json_array_foreach (list, index, leftover)
            if (json_is_true(json_object_get(leftover, "delete")) == deleted)
                say_one(app, leftover, deleted);
}

struct roll_error *roll_act_leftovers(struct roll_act *act, const struct roll_choice *choice,
                                      json_t **ret_leftovers)
{
    struct roll_driver_options options = roll_act_driver(act, NULL);
    bool ask = act->options->what_if;

    if (!choice->order->prune)
        return NULL;
    return roll_error_wrap(roll_rollout_leftovers(&options, choice, ask, ret_leftovers),
                           "while looking at leftovers");
}

bool roll_act_is_deleted(const json_t *leftovers, const char *id)
{
    size_t index;
    json_t *leftover;

    json_array_foreach ((json_t *)(uintptr_t)leftovers, index, leftover)
        if (id && g_ascii_strcasecmp(roll_json_get_string(leftover, "id"), id) == 0)
            return json_is_true(json_object_get(leftover, "delete"));
    return false;
}

void roll_act_say_leftovers(struct roll_act *act, const json_t *leftovers)
{
    size_t count = count_of(leftovers, true) + count_of(leftovers, false);

    say_all(act->app, leftovers, true);
    say_all(act->app, leftovers, false);
    if (leftovers && count == 0)
        roll_say(act->app, "note     nothing is left over by newer releases");
    else if (leftovers && !act->options->what_if)
        roll_say(act->app,
                 "note     before anything is deleted ARM is asked when it was made, and for locks "
                 "(--dry-run --what-if asks now)");
}

struct roll_error *roll_act_say_prune(struct roll_act *act, const struct roll_choice *choice)
{
    roll_auto(json) json_t *leftovers = NULL;

    ROLL_TRY(roll_act_leftovers(act, choice, &leftovers));
    roll_act_say_leftovers(act, leftovers);
    return NULL;
}

/* ---- afterwards ------------------------------------------------------------------------------ */

static const char *reason_of(const json_t *target, const char *id)
{
    size_t index;
    json_t *pruned;

    json_array_foreach (json_object_get(target, "pruned"), index, pruned)
        if (g_ascii_strcasecmp(roll_json_get_string(pruned, "resource"), id) == 0)
            return roll_json_get_string(pruned, "message");
    return NULL;
}

static void say_more(struct roll_app *app, const json_t *view, size_t count)
{
    if (count > MAX_SHOWN)
        roll_say(app, "  and %zu more: roll show %s -o json", count - MAX_SHOWN,
                 roll_json_get_string(view, "rollout"));
}

static void say_deleted(struct roll_app *app, const json_t *view)
{
    size_t index, at, count = 0;
    json_t *target, *pruned;

    json_array_foreach (json_object_get(view, "targets"), index, target)
        json_array_foreach (json_object_get(target, "pruned"), at, pruned) {
            if (g_strcmp0(roll_json_get_string(pruned, "outcome"), "deleted") != 0)
                continue;
            if (count++ == 0)
                roll_say(app, "deleted, left over by newer releases:");
            if (count <= MAX_SHOWN)
                roll_say(app, "  %s", roll_json_get_string(pruned, "resource"));
        }
    say_more(app, view, count);
}

size_t roll_say_leftovers(struct roll_app *app, const json_t *view)
{
    size_t index, at, count = 0;
    json_t *target, *leftover;

    say_deleted(app, view);
    json_array_foreach (json_object_get(view, "targets"), index, target)
        json_array_foreach (json_object_get(target, "leftovers"), at, leftover) {
            const char *id = roll_json_get_string(leftover, "id");
            const char *reason = reason_of(target, id);
            if (count++ == 0)
                roll_say(app, "left over, made by newer releases and not deleted:");
            if (!reason && json_is_true(json_object_get(leftover, "begun")))
                reason = "it may not be there: its deployment did not get it done";
            if (count <= MAX_SHOWN)
                roll_say(app, "  %s  (%s)%s%s", id, roll_json_get_string(leftover, "release"),
                         reason ? ": " : "", reason ? reason : "");
        }
    say_more(app, view, count);
    return count;
}

/* ---- what was asked for then ---------------------------------------------------------------- */

static struct roll_error *take_order(void *user, const struct roll_rollout_row *row)
{
    char **digest = user;

    g_free(*digest);
    *digest = g_strdup(row->order);
    return NULL;
}

struct roll_error *roll_act_prunes(struct roll_act *act, int64_t rollout, bool *ret_prunes)
{
    struct roll_rollout_query query = {.stream = act->stream, .number = rollout, .limit = 1};
    g_autofree char *digest = NULL;
    g_autoptr(GString) text = NULL;
    roll_auto(order) struct roll_order *order = NULL;

    ROLL_TRY(roll_ledger_rollouts(act->app->ledger, &query, take_order, &digest));
    if (!digest)
        return NULL;
    ROLL_TRY(roll_ledger_object(act->app->ledger, digest, &text));
    ROLL_TRY(roll_order_read(text->str, text->len, &order));
    *ret_prunes = order->prune != NULL;
    return NULL;
}
