/* From a recorded manifest to what an order says of one target. The manifest was written by this
 * program, but it may come from another replica or an import: every member is looked at before it
 * is used. */
#include "release/manifest.h"

/* The targets of an environment as an object, or NULL. */
static const json_t *targets_of(const json_t *manifest, const char *environment)
{
    const json_t *environments = json_object_get(manifest, "environments");
    return json_object_get(json_object_get(environments, environment), "targets");
}

const json_t *release_manifest_target(const json_t *manifest, const char *environment,
                                      const char *target)
{
    return json_object_get(targets_of(manifest, environment), target);
}

const json_t *release_manifest_steps(const json_t *manifest, const char *environment)
{
    const json_t *environments = json_object_get(manifest, "environments");
    return json_object_get(json_object_get(environments, environment), "steps");
}

/* ---- scope ----------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text)
        json_object_set_new(object, name, json_string(text));
}

json_t *release_scope_write(const struct roll_plan_target *target)
{
    json_t *scope = json_object();
    set_text(scope, "kind", release_scope_names[target->scope]);
    set_text(scope, "cloud", target->cloud);
    set_text(scope, "tenant", target->tenant);
    set_text(scope, "subscription", target->subscription);
    set_text(scope, "credential", target->credential);
    set_text(scope, "resourceGroup", target->resource_group);
    set_text(scope, "managementGroup", target->management_group);
    set_text(scope, "location", target->location);
    return scope;
}

void release_apply_write(const struct roll_plan_target *target, json_t *entry)
{
    bool stack = strcmp(target->apply, "stack") == 0;
    set_text(entry, "apply", target->apply);
    if (stack && target->delete_unmanaged)
        json_object_set_new(entry, "deleteUnmanaged", json_true());
    if (stack && target->deny_settings)
        json_object_set_new(entry, "denySettings", json_deep_copy(target->deny_settings));
    set_text(entry, "deploymentName", target->deployment_name);
}

void release_apply_copy(const json_t *from, json_t *entry)
{
    static const char *const members[] = {"apply", "deleteUnmanaged", "denySettings",
                                          "deploymentName", NULL};
    for (int i = 0; members[i]; i++) {
        json_t *value = json_object_get(from, members[i]);
        if (value)
            json_object_set(entry, members[i], value);
    }
}

static struct roll_error *scope_read(const json_t *scope, struct roll_order_target *target)
{
    ROLL_TRY(release_scope_find(roll_json_get_string(scope, "kind"), &target->scope));
    target->cloud = g_strdup(roll_json_get_string(scope, "cloud"));
    target->tenant = g_strdup(roll_json_get_string(scope, "tenant"));
    target->subscription = g_strdup(roll_json_get_string(scope, "subscription"));
    target->credential = g_strdup(roll_json_get_string(scope, "credential"));
    target->resource_group = g_strdup(roll_json_get_string(scope, "resourceGroup"));
    target->management_group = g_strdup(roll_json_get_string(scope, "managementGroup"));
    target->location = g_strdup(roll_json_get_string(scope, "location"));
    return NULL;
}

/* ---- steps ----------------------------------------------------------------------------------- */

static struct roll_error *steps_fill(const json_t *manifest, const char *environment,
                                     enum roll_lane lane, struct roll_order_target *target)
{
    g_autoptr(GPtrArray) steps = NULL;
    ROLL_TRY(release_steps_read(release_manifest_steps(manifest, environment), &steps));
    const char *service = roll_json_get_string(manifest, "service");
    for (guint i = 0; i < steps->len;) {
        struct roll_plan_step *step = g_ptr_array_index(steps, i);
        if (step->skip_on_back && lane == ROLL_LANE_ROLLBACK) {
            g_ptr_array_remove_index(steps, i);
            continue;
        }
        char *action = NULL;
        ROLL_TRY(roll_plan_fill(step->action, &action, "service", service, "environment",
                                environment, "target", target->name, "version", target->release,
                                NULL));
        g_free(step->action);
        step->action = action;
        i++;
    }
    g_ptr_array_unref(target->steps);
    target->steps = g_steal_pointer(&steps);
    return NULL;
}

/* ---- target ---------------------------------------------------------------------------------- */

static struct roll_error *target_fill(const json_t *manifest, const json_t *entry,
                                      const char *environment, enum roll_lane lane,
                                      struct roll_order_target *target)
{
    target->release = g_strdup(roll_json_get_string(manifest, "version"));
    target->template_digest = g_strdup(roll_json_get_string(manifest, "template"));
    target->parameters_digest = g_strdup(roll_json_get_string(entry, "parameters"));
    target->apply = g_strdup(roll_json_get_string(entry, "apply"));
    target->delete_unmanaged = json_is_true(json_object_get(entry, "deleteUnmanaged"));
    target->deny_settings = json_incref(json_object_get(entry, "denySettings"));
    target->deployment_name = g_strdup(roll_json_get_string(entry, "deploymentName"));
    if (!target->release || !target->template_digest || !target->parameters_digest ||
        !target->apply || !roll_json_get_string(manifest, "service"))
        return roll_error_new(ROLL_E_INVALID, "the manifest lacks a member");
    ROLL_TRY(scope_read(json_object_get(entry, "scope"), target));
    return steps_fill(manifest, environment, lane, target);
}

struct roll_error *release_manifest_order_target(const json_t *manifest,
                                                 const char *manifest_digest,
                                                 const char *environment, const char *name,
                                                 const json_t *entry, enum roll_lane lane,
                                                 struct roll_order_target **ret_target)
{
    struct roll_order_target *target = release_order_target_new();
    target->name = g_strdup(name);
    target->manifest = g_strdup(manifest_digest);
    struct roll_error *err = target_fill(manifest, entry, environment, lane, target);
    if (err) {
        release_order_target_free(target);
        return roll_error_wrap(err, "target '%s/%s' of the recorded release", environment, name);
    }
    *ret_target = target;
    return NULL;
}
