/* What a plan keeps is never deleted by a stack: looked at when a choice is made, with what the
 * ledger knows, and again before a PUT, with what ARM says that the stack manages. */
#include <string.h>

#include "release/chooser.h"
#include "release/maker.h"

#define NAMED_MAX 5
#define GROUP_TYPE "Microsoft.Resources/resourceGroups"

/* ---- types ----------------------------------------------------------------------------------- */

/* "Microsoft.Network/dnsZones/A" of a resource's id; owned, NULL when it has none. */
char *release_type_of(const char *id)
{
    g_autofree char *lower = g_ascii_strdown(id, -1);
    const char *last = g_strrstr(lower, "/providers/");
    if (!last)
        return strstr(lower, "/resourcegroups/") ? g_strdup(GROUP_TYPE) : NULL;
    g_auto(GStrv) parts = g_strsplit(id + (last - lower) + strlen("/providers/"), "/", -1);
    GString *type = g_string_new(parts[0]);
    for (guint i = 1; parts[0] && parts[i]; i += parts[i + 1] ? 2 : 1)
        g_string_append_printf(type, "/%s", parts[i]);
    return g_string_free(type, FALSE);
}

/* What lies below a kept type is kept with it: a zone is nothing without its records. */
static bool fits(const char *word, const char *type)
{
    size_t length = strlen(word);
    if (g_str_has_suffix(word, "/*"))
        length -= 2;
    return g_ascii_strncasecmp(word, type, length) == 0 &&
           (type[length] == '/' || (type[length] == '\0' && word[length] == '\0'));
}

bool roll_resource_is_kept(char *const *keep, const char *resource_id)
{
    g_autofree char *type = release_type_of(resource_id);
    for (size_t i = 0; type && keep && keep[i]; i++)
        if (fits(keep[i], type))
            return true;
    return false;
}

/* ---- what the goal has ----------------------------------------------------------------------- */

static void add_ids(const json_t *resources, GHashTable *ids)
{
    size_t index;
    json_t *resource;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        const char *id = roll_json_get_string(resource, "id");
        const json_t *tmpl = json_object_get(json_object_get(resource, "properties"), "template");
        if (id)
            g_hash_table_add(ids, g_ascii_strdown(id, -1));
        add_ids(json_object_get(tmpl, "resources"), ids);
    }
}

struct roll_error *release_expand_target(struct roll_ledger *ledger, const GPtrArray *blobs,
                                         const struct roll_order_target *target,
                                         struct roll_expansion **ret_expansion)
{
    g_autoptr(GString) text = NULL;
    roll_auto(json) json_t *parameters = NULL;
    roll_auto(template) struct roll_template *tmpl = NULL;
    ROLL_TRY(release_object_text(ledger, blobs, target->template_digest, &text));
    ROLL_TRY(release_object_json(ledger, blobs, target->parameters_digest, &parameters));
    ROLL_TRY(roll_template_read(text->str, text->len, NULL, &tmpl));
    const struct roll_template_input input = {.context = release_context(target),
                                              .parameters = parameters};
    return roll_template_expand(tmpl, &input, ret_expansion);
}

static struct roll_error *goal_ids(struct roll_ledger *ledger, const GPtrArray *blobs,
                                   const struct roll_order_target *target, GHashTable *ids)
{
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    ROLL_TRY(release_expand_target(ledger, blobs, target, &expansion));
    add_ids(expansion->resources, ids);
    return NULL;
}

/* ---- what would leave ------------------------------------------------------------------------ */

static const char *id_of(const json_t *resource)
{
    return json_is_string(resource) ? json_string_value(resource)
                                    : roll_json_get_string(resource, "id");
}

static bool any_kept(char *const *keep, const json_t *managed)
{
    size_t index;
    json_t *resource;
    json_array_foreach ((json_t *)(uintptr_t)managed, index, resource)
        if (id_of(resource) && roll_resource_is_kept(keep, id_of(resource)))
            return true;
    return false;
}

static struct roll_error *find_kept(struct roll_ledger *ledger, const GPtrArray *blobs,
                                    char *const *keep, const struct roll_order_target *target,
                                    const json_t *managed, char **ret_kept)
{
    g_autoptr(GHashTable) goal = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    size_t index;
    json_t *resource;
    *ret_kept = NULL;
    if (!any_kept(keep, managed))
        return NULL;
    ROLL_TRY(goal_ids(ledger, blobs, target, goal));
    json_array_foreach ((json_t *)(uintptr_t)managed, index, resource) {
        const char *id = id_of(resource);
        g_autofree char *key = g_ascii_strdown(id ? id : "", -1);
        if (id && roll_resource_is_kept(keep, id) && !g_hash_table_contains(goal, key))
            g_ptr_array_add(names, (gpointer)(uintptr_t)id);
    }
    *ret_kept = names->len > 0 ? release_join_names(names, NAMED_MAX) : NULL;
    return NULL;
}

struct roll_error *roll_order_unmanaged_kept(struct roll_ledger *ledger,
                                             const struct roll_order *order,
                                             const struct roll_order_target *target,
                                             const json_t *managed, char **ret_kept)
{
    return find_kept(ledger, NULL, order->keep, target, managed, ret_kept);
}

/* ---- when a choice is made ------------------------------------------------------------------- */

struct finding {
    const char *target;
    char *result; /* digest; owned, or NULL */
};

/* The last attempt counts. */
static struct roll_error *take_step(void *user, const struct roll_step_row *row)
{
    struct finding *finding = user;
    if (row->step == 0 && row->result && strcmp(row->target, finding->target) == 0) {
        g_free(finding->result);
        finding->result = g_strdup(row->result);
    }
    return NULL;
}

/* What the last thing that ARM took on this target has put there. New reference, or NULL. */
static struct roll_error *last_managed(const struct release_history *history, const char *target,
                                       json_t **ret_managed)
{
    const struct release_held *held = release_history_held(history, target);
    struct finding finding = {.target = target};
    roll_auto(json) json_t *result = NULL;
    *ret_managed = NULL;
    if (!held || !held->accepted_rollout)
        return NULL;
    struct roll_error *err = roll_ledger_steps(history->ledger, history->stream,
                                               held->accepted_rollout, take_step, &finding);
    if (!err && finding.result && roll_ledger_has_object(history->ledger, finding.result))
        err = roll_ledger_object_json(history->ledger, finding.result, &result);
    g_free(finding.result);
    *ret_managed = json_incref(json_object_get(result, "outputResources"));
    return err;
}

static struct roll_error *check_target(const struct release_chooser *chooser,
                                       const struct roll_choice *choice,
                                       const struct roll_order_target *target)
{
    roll_auto(json) json_t *managed = NULL;
    g_autofree char *kept = NULL;
    ROLL_TRY(last_managed(chooser->history, target->name, &managed));
    ROLL_TRY(find_kept(chooser->history->ledger, choice->blobs, choice->order->keep, target,
                       managed, &kept));
    if (!kept)
        return NULL;
    return roll_error_new(
        ROLL_E_REFUSED,
        "the stack of target '%s' would delete what the plan keeps and %s does "
        "not have: %s; with \"deleteUnmanaged\": false in the plan it is detached",
        target->name, target->release, kept);
}

struct roll_error *release_check_kept(const struct release_chooser *chooser,
                                      const struct roll_choice *choice)
{
    const struct roll_order *order = choice->order;
    for (guint i = 0; order->keep && order->keep[0] && i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (target->delete_unmanaged && strcmp(target->apply, "stack") == 0)
            ROLL_TRY(check_target(chooser, choice, target));
    }
    return NULL;
}
