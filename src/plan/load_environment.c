/* One environment as a struct, with its targets, rings, steps, health checks and lanes. */
#include <string.h>

#include "plan/internal.h"

#define SECOND_MS INT64_C(1000)
#define HOUR_MS (3600 * SECOND_MS)

const char *const roll_lane_names[ROLL_LANE_COUNT] = {"release", "hotfix", "rollback"};

/* ---- targets -------------------------------------------------------------------------------- */

static void target_free(void *data)
{
    struct roll_plan_target *target = data;
    g_free(target->name);
    g_free(target->cloud);
    g_free(target->tenant);
    g_free(target->subscription);
    g_free(target->credential);
    g_strfreev(target->auxiliary_tenants);
    g_free(target->resource_group);
    g_free(target->management_group);
    g_free(target->location);
    g_free(target->apply);
    g_free(target->deployment_name);
    json_decref(target->deny_settings);
    json_decref(target->parameters);
    g_free(target);
}

static enum roll_scope_kind scope_of(const json_t *value)
{
    if (json_object_get(value, "scope"))
        return ROLL_SCOPE_TENANT;
    if (json_object_get(value, "resourceGroup"))
        return ROLL_SCOPE_GROUP;
    if (json_object_get(value, "managementGroup"))
        return ROLL_SCOPE_MANAGEMENT_GROUP;
    return ROLL_SCOPE_SUBSCRIPTION;
}

/* A value of the target, else of its environment. */
static char *inherited(const json_t *value, const json_t *environment, const char *name,
                       const char *fallback)
{
    const char *own = roll_json_get_string(value, name);
    return own ? g_strdup(own) : roll_plan_text_of(environment, name, fallback);
}

static const json_t *inherited_value(const json_t *value, const json_t *environment,
                                     const char *name)
{
    const json_t *own = json_object_get(value, name);
    return own ? own : json_object_get(environment, name);
}

static struct roll_plan_target *load_target(const char *name, const json_t *value,
                                            const json_t *environment)
{
    struct roll_plan_target *target = g_new0(struct roll_plan_target, 1);
    target->name = g_strdup(name);
    target->scope = scope_of(value);
    target->cloud = inherited(value, environment, "cloud", "public");
    target->tenant = inherited(value, environment, "tenant", NULL);
    target->subscription = inherited(value, environment, "subscription", NULL);
    target->credential = inherited(value, environment, "credential", NULL);
    target->auxiliary_tenants = roll_plan_texts_of(
        json_object_get(value, "auxiliaryTenants") ? value : environment, "auxiliaryTenants");
    target->resource_group = roll_plan_text_of(value, "resourceGroup", NULL);
    target->management_group = roll_plan_text_of(value, "managementGroup", NULL);
    target->location = roll_plan_text_of(value, "location", NULL);
    target->apply = inherited(value, environment, "apply", "deployment");
    target->delete_unmanaged = json_is_true(inherited_value(value, environment, "deleteUnmanaged"));
    target->deny_settings =
        json_incref((json_t *)(uintptr_t)inherited_value(value, environment, "denySettings"));
    target->deployment_name = roll_plan_text_of(value, "deploymentName", NULL);
    target->parameters = roll_plan_json_of(value, "parameters");
    return target;
}

static void load_targets(struct roll_plan_environment *environment, json_t *values,
                         const json_t *value)
{
    environment->targets = g_ptr_array_new_with_free_func(target_free);
    environment->target_index = g_hash_table_new(g_str_hash, g_str_equal);
    const char *name;
    json_t *member;
    json_object_foreach (values, name, member) {
        struct roll_plan_target *target = load_target(name, member, value);
        g_ptr_array_add(environment->targets, target);
        g_hash_table_insert(environment->target_index, target->name, target);
    }
}

/* ---- rings ---------------------------------------------------------------------------------- */

static void load_rings(struct roll_plan_environment *environment, json_t *rings, json_t *values)
{
    g_autoptr(GArray) numbers = roll_plan_deal(rings, values);

    environment->rings = (int)json_array_size(rings);
    for (guint at = 0; at < environment->targets->len; at++) {
        struct roll_plan_target *target = environment->targets->pdata[at];
        target->ring = g_array_index(numbers, int, at);
        environment->rings = MAX(environment->rings, target->ring + 1);
    }
}

int roll_plan_ring(const struct roll_plan_environment *environment, const char *target)
{
    const struct roll_plan_target *found = roll_plan_target_find(environment, target);
    return found ? found->ring : environment->rings - 1;
}

int roll_plan_ring_count(const struct roll_plan_environment *environment)
{
    return environment->rings;
}

const struct roll_plan_target *
roll_plan_target_find(const struct roll_plan_environment *environment, const char *name)
{
    return g_hash_table_lookup(environment->target_index, name);
}

/* ---- steps and health ----------------------------------------------------------------------- */

static void step_free(void *data)
{
    struct roll_plan_step *step = data;
    g_free(step->action);
    g_free(step->api_version);
    json_decref(step->body);
    g_free(step);
}

static GPtrArray *load_steps(json_t *values)
{
    GPtrArray *steps = g_ptr_array_new_with_free_func(step_free);
    size_t at;
    json_t *value;
    json_array_foreach (values, at, value) {
        struct roll_plan_step *step = g_new0(struct roll_plan_step, 1);
        step->action = roll_plan_text_of(value, "action", NULL);
        step->api_version = roll_plan_text_of(value, "apiVersion", NULL);
        step->body = roll_plan_json_of(value, "body");
        step->skip_on_back = g_strcmp0(roll_json_get_string(value, "onBack"), "skip") == 0;
        g_ptr_array_add(steps, step);
    }
    return steps;
}

static void health_free(void *data)
{
    struct roll_plan_health *health = data;
    g_free(health->url);
    g_strfreev(health->command);
    g_strfreev(health->severities);
    g_free(health);
}

static GPtrArray *load_health(json_t *values)
{
    GPtrArray *checks = g_ptr_array_new_with_free_func(health_free);
    size_t at;
    json_t *value;
    json_array_foreach (values, at, value) {
        struct roll_plan_health *health = g_new0(struct roll_plan_health, 1);
        health->kind = json_object_get(value, "http")      ? ROLL_HEALTH_HTTP
                       : json_object_get(value, "command") ? ROLL_HEALTH_COMMAND
                                                           : ROLL_HEALTH_ALERTS;
        health->url = roll_plan_text_of(value, "http", NULL);
        health->expect = roll_plan_int_of(value, "expect", 200);
        health->command = roll_plan_texts_of(value, "command");
        health->severities = roll_plan_texts_of(value, "alerts");
        health->within_ms = roll_plan_ms_of(value, "within", 300 * SECOND_MS);
        health->every_ms = roll_plan_ms_of(
            value, "every", (health->kind == ROLL_HEALTH_ALERTS ? 30 : 5) * SECOND_MS);
        g_ptr_array_add(checks, health);
    }
    return checks;
}

/* ---- lanes ---------------------------------------------------------------------------------- */

static void load_lane(struct roll_plan_lane *lane, const json_t *value)
{
    lane->declared = value != NULL;
    lane->roles = roll_plan_texts_of(value, "roles");
    lane->approvals = roll_plan_json_of(value, "approvals");
    lane->gates = roll_plan_texts_of(value, "gates");
    lane->deferred = roll_plan_texts_of(value, "deferred");
    lane->overrides = roll_plan_texts_of(value, "overrides");
    lane->due_ms = roll_plan_ms_of(value, "due", 48 * HOUR_MS);
    lane->expires_ms = roll_plan_ms_of(value, "expires", 7 * 24 * HOUR_MS);
    lane->credential = roll_plan_text_of(value, "credential", NULL);
}

static void lane_clear(struct roll_plan_lane *lane)
{
    g_strfreev(lane->roles);
    json_decref(lane->approvals);
    g_strfreev(lane->gates);
    g_strfreev(lane->deferred);
    g_strfreev(lane->overrides);
    g_free(lane->credential);
}

/* ---- the environment ------------------------------------------------------------------------ */

static void load_order(struct roll_plan_environment *environment, const json_t *value)
{
    const json_t *after = json_object_get(value, "after");
    environment->after = roll_plan_text_of(after, "environment", NULL);
    environment->after_bake_ms = roll_plan_ms_of(after, "bake", 0);
    environment->bake_ms = roll_plan_ms_of(value, "bake", 0);
    environment->hotfix_bake_ms = roll_plan_ms_of(value, "hotfixBake", 0);
    environment->max_parallel = roll_plan_int_of(value, "maxParallel", 50);
    environment->max_failures = roll_plan_int_of(value, "maxFailures", 0);
    environment->back_on_failure = g_strcmp0(roll_json_get_string(value, "onFailure"), "back") == 0;
    environment->goes_on_when_closed =
        g_strcmp0(roll_json_get_string(value, "whenWindowCloses"), "continue") == 0;
    environment->resume_within_ms = roll_plan_ms_of(value, "resumeWithin", HOUR_MS);
}

struct roll_plan_environment *roll_plan_load_environment(const struct roll_draft *draft,
                                                         const char *name, json_t *value)
{
    struct roll_plan_environment *environment = g_new0(struct roll_plan_environment, 1);
    environment->name = g_strdup(name);
    environment->cloud = roll_plan_text_of(value, "cloud", "public");
    environment->tenant = roll_plan_text_of(value, "tenant", NULL);
    environment->subscription = roll_plan_text_of(value, "subscription", NULL);
    environment->credential = roll_plan_text_of(value, "credential", NULL);
    load_order(environment, value);
    json_t *targets = roll_draft_targets(draft, name, NULL, NULL);
    load_targets(environment, targets, value);
    load_rings(environment, json_object_get(value, "rings"), targets);
    environment->steps = load_steps(json_object_get(value, "steps"));
    environment->health = load_health(json_object_get(value, "health"));
    environment->keep = roll_plan_texts_of(value, "keep");
    environment->prune = roll_plan_texts_of(value, "prune");
    const json_t *lanes = json_object_get(value, "lanes");
    environment->has_lanes = lanes != NULL;
    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++)
        load_lane(&environment->lanes[lane], json_object_get(lanes, roll_lane_names[lane]));
    environment->windows = roll_plan_json_of(value, "windows");
    environment->freezes = roll_plan_json_of(value, "freezes");
    return environment;
}

void roll_plan_environment_free(struct roll_plan_environment *environment)
{
    if (!environment)
        return;
    g_free(environment->name);
    g_free(environment->cloud);
    g_free(environment->tenant);
    g_free(environment->subscription);
    g_free(environment->credential);
    g_free(environment->after);
    g_hash_table_unref(environment->target_index);
    g_ptr_array_unref(environment->targets);
    g_ptr_array_unref(environment->steps);
    g_ptr_array_unref(environment->health);
    g_strfreev(environment->keep);
    g_strfreev(environment->prune);
    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++)
        lane_clear(&environment->lanes[lane]);
    json_decref(environment->windows);
    json_decref(environment->freezes);
    g_free(environment);
}

const struct roll_plan_environment *roll_plan_environment_find(const struct roll_plan *plan,
                                                               const char *name)
{
    for (guint at = 0; at < plan->environments->len; at++) {
        const struct roll_plan_environment *environment = plan->environments->pdata[at];
        if (strcmp(environment->name, name) == 0)
            return environment;
    }
    return NULL;
}
