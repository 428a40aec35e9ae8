/* Where a recorded body differs from today's plan: it is sent as recorded, and the person is told.
 */
#include "release/chooser.h"

static void note(struct release_chooser *chooser, const char *what, const char *recorded,
                 const char *planned, const char *target)
{
    if (g_strcmp0(recorded, planned) == 0)
        return;
    release_chooser_note_target(
        chooser,
        g_strdup_printf("sent as recorded, unlike today's plan: %s '%s', the plan "
                        "says '%s'",
                        what, recorded ? recorded : "", planned ? planned : ""),
        target);
}

/* The plan's own values of the target; what comes from the parameter file is not at hand without
 * git. */
static struct roll_error *note_parameters(struct release_chooser *chooser, json_t *planned,
                                          const struct roll_order_target *target)
{
    roll_auto(json) json_t *recorded = NULL;
    ROLL_TRY(release_object_json(chooser->history->ledger, chooser->choice->blobs,
                                 target->parameters_digest, &recorded));
    const char *name;
    json_t *value;
    json_object_foreach (planned, name, value) {
        const json_t *entry = roll_json_get_nocase(recorded, name);
        const json_t *was = json_object_get(entry, "value");
        if (was ? json_equal(was, value) : entry && json_equal(entry, value))
            continue;
        release_chooser_note_target(
            chooser, g_strdup_printf("sent as recorded, unlike today's plan: parameter '%s'", name),
            target->name);
    }
    return NULL;
}

/* What a stack deletes and denies is recorded too; where one of the two is no stack, that is said.
 */
static void note_stack(struct release_chooser *chooser, const struct roll_order_target *target,
                       const struct roll_plan_target *planned)
{
    if (strcmp(target->apply, "stack") != 0 || strcmp(planned->apply, "stack") != 0)
        return;
    note(chooser, "what leaves the stack is", target->delete_unmanaged ? "deleted" : "detached",
         planned->delete_unmanaged ? "deleted" : "detached", target->name);
    bool same = target->deny_settings && planned->deny_settings
                    ? json_equal(target->deny_settings, planned->deny_settings)
                    : target->deny_settings == planned->deny_settings;
    if (!same)
        release_chooser_note_target(
            chooser, g_strdup("sent as recorded, unlike today's plan: denySettings"), target->name);
}

struct roll_error *release_note_differences(struct release_chooser *chooser,
                                            const struct roll_order_target *target)
{
    const struct roll_plan_target *planned =
        chooser->environment ? roll_plan_target_find(chooser->environment, target->name) : NULL;
    if (!planned)
        return NULL;
    note(chooser, "scope", release_scope_names[target->scope], release_scope_names[planned->scope],
         target->name);
    note(chooser, "cloud", target->cloud, planned->cloud, target->name);
    note(chooser, "subscription", target->subscription, planned->subscription, target->name);
    note(chooser, "resource group", target->resource_group, planned->resource_group, target->name);
    note(chooser, "management group", target->management_group, planned->management_group,
         target->name);
    note(chooser, "location", target->location, planned->location, target->name);
    note(chooser, "apply", target->apply, planned->apply, target->name);
    note_stack(chooser, target, planned);
    note(chooser, "deployment name", target->deployment_name, planned->deployment_name,
         target->name);
    return planned->parameters ? note_parameters(chooser, planned->parameters, target) : NULL;
}
