/* One target into the order: has it a recorded body, does it need a step, and what of today's plan
 * governs it. */
#include "release/chooser.h"

#include <limits.h>
#include <string.h>

static bool named(const struct release_chooser *chooser, const char *target)
{
    const char *const *targets = chooser->options->targets;
    return targets && g_strv_contains(targets, target);
}

/* A target that the plan no longer has: a back returns it to what it was as long as it holds
 * something; a release is for the targets of today. */
static bool left_out_as_removed(struct release_chooser *chooser, const char *target, bool holds,
                                bool recorded)
{
    if (chooser->lane != ROLL_LANE_ROLLBACK)
        release_chooser_note_target(chooser, g_strdup("left out: no longer in the plan"), target);
    else if (!holds || !recorded)
        release_chooser_note_target(
            chooser, g_strdup("left out: no longer in the plan, nothing is recorded for it"),
            target);
    else
        return false;
    return true;
}

/* Left out for want of values: an adopted release covers what it was adopted for, any other one
 * what the plan had then. */
static struct roll_error *note_unrecorded(struct release_chooser *chooser, const json_t *manifest,
                                          const char *version, const char *target)
{
    const struct release_held *held = release_history_held(chooser->history, target);
    bool adopted = roll_json_get_string(manifest, "adopted") != NULL;
    const GPtrArray *names = NULL;
    ROLL_TRY(release_history_names(chooser->history, version, &names));
    g_autofree char *those = release_join_names(names, 3);
    g_autofree char *why =
        adopted && names->len
            ? g_strdup_printf("%s was adopted for %s only, and has", version, those)
            : g_strdup_printf("added to the plan after %s was made, which has", version);
    release_chooser_note_target(
        chooser,
        g_strdup_printf("left out: %s no recorded values for it (--include-new takes today's plan)",
                        why),
        target);
    chooser->keeping |= held && held->release && strcmp(held->release, version) != 0;
    return NULL;
}

/* Finds the entry of the manifest; NULL when the target is left out (and has been named). */
static struct roll_error *find_entry(struct release_chooser *chooser, const json_t *manifest,
                                     const char *version, const char *target, json_t **ret_entry)
{
    roll_auto(json) json_t *entry = NULL;
    ROLL_TRY(release_history_entry(chooser->history, version, target, &entry));
    const struct release_held *held = release_history_held(chooser->history, target);
    bool holds = held && (held->release || held->dirty);
    bool in_plan = chooser->environment && roll_plan_target_find(chooser->environment, target);
    *ret_entry = NULL;
    if (chooser->environment && !in_plan && left_out_as_removed(chooser, target, holds, entry))
        return NULL;
    if (!entry && in_plan && chooser->options->include_new)
        return release_include_new(chooser, manifest, target, ret_entry);
    if (!entry)
        return note_unrecorded(chooser, manifest, version, target);
    /* At three in the morning a back does not build a region that never ran. */
    if (!holds && chooser->lane == ROLL_LANE_ROLLBACK && !named(chooser, target) &&
        !chooser->options->include_new) {
        release_chooser_note_target(
            chooser, g_strdup("left out: never deployed to (--target NAME includes it)"), target);
        return NULL;
    }
    *ret_entry = g_steal_pointer(&entry);
    return NULL;
}

/* A recorded release deletes what leaves its stack only while today's plan allows it: so a back
 * that would delete what is kept has a way out. */
static void govern_stack(struct release_chooser *chooser, const struct roll_plan_target *planned,
                         struct roll_order_target *target)
{
    if (!target->delete_unmanaged || !planned || planned->delete_unmanaged)
        return;
    target->delete_unmanaged = false;
    release_chooser_note_target(
        chooser,
        g_strdup("what leaves the stack is detached, as today's plan says; recorded was: deleted"),
        target->name);
}

static void govern(struct release_chooser *chooser, struct roll_order_target *target)
{
    const struct roll_plan_environment *environment = chooser->environment;
    const struct roll_choice_options *options = chooser->options;
    target->create_group = target->scope == ROLL_SCOPE_GROUP && target->location &&
                           (chooser->lane == ROLL_LANE_RELEASE || options->recreate_groups);
    if (!environment)
        return;
    const struct roll_plan_target *planned = roll_plan_target_find(environment, target->name);
    govern_stack(chooser, planned, target);
    const char *credential = environment->lanes[chooser->lane].credential;
    if (!credential && planned)
        credential = planned->credential;
    if (credential || planned) { /* how one signs in is a matter of today */
        g_free(target->credential);
        target->credential = g_strdup(credential);
    }
    g_clear_pointer(&target->auxiliary_tenants, g_free);
    if (planned && planned->auxiliary_tenants && planned->auxiliary_tenants[0])
        target->auxiliary_tenants = g_strjoinv(",", planned->auxiliary_tenants);
    if (planned && chooser->lane != ROLL_LANE_ROLLBACK)
        target->ring = roll_plan_ring(environment, target->name);
}

static struct roll_error *add_target(struct release_chooser *chooser, const json_t *manifest,
                                     const struct release_info *info, const char *name,
                                     const json_t *entry)
{
    struct roll_order_target *target = NULL;
    ROLL_TRY(release_manifest_order_target(manifest, info->manifest, chooser->history->environment,
                                           name, entry, chooser->lane, &target));
    g_ptr_array_add(chooser->choice->order->targets, target);
    const struct release_held *held = release_history_held(chooser->history, name);
    target->had = g_strdup(held ? held->release : NULL);
    target->floor = info->data_floor;
    govern(chooser, target);
    ROLL_TRY(release_check_objects(chooser, target));
    ROLL_TRY(release_sticky_apply(chooser, manifest, target));
    return release_note_differences(chooser, target);
}

struct roll_error *release_chooser_put(struct release_chooser *chooser, const char *target,
                                       const char *version)
{
    const struct release_held *held = release_history_held(chooser->history, target);
    if (!chooser->again && held && !held->dirty && g_strcmp0(held->release, version) == 0) {
        chooser->clean++;
        return NULL;
    }
    const struct release_info *info = NULL;
    const json_t *manifest = NULL;
    ROLL_TRY(release_history_info(chooser->history, version, &info));
    ROLL_TRY(release_check_manifest(chooser, info, target));
    ROLL_TRY(release_history_manifest(chooser->history, version, &manifest));
    roll_auto(json) json_t *entry = NULL;
    ROLL_TRY(find_entry(chooser, manifest, version, target, &entry));
    if (!entry)
        return NULL;
    return add_target(chooser, manifest, info, target, entry);
}
