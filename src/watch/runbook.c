/* The facts of a runbook: what is live, where a back goes, who may, what it waits for. */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "rollbook/watch.h"

/* A page is read by a person. */
enum { MAX_TARGETS = 50 };

static void set_text(json_t *object, const char *member, const char *text)
{
    if (text)
        json_object_set_new(object, member, json_string(text));
}

static json_t *texts(char **list)
{
    json_t *array = json_array();

    for (; list && *list; list++)
        json_array_append_new(array, json_string(*list));
    return array;
}

/* ---- targets -------------------------------------------------------------------------------- */

static char *place_of(const struct roll_plan_target *target)
{
    const char *subscription = target->subscription ? target->subscription : "";

    switch (target->scope) {
    case ROLL_SCOPE_GROUP:
        return g_strdup_printf("resource group %s, subscription %s", target->resource_group,
                               subscription);
    case ROLL_SCOPE_SUBSCRIPTION:
        return g_strdup_printf("subscription %s", subscription);
    case ROLL_SCOPE_MANAGEMENT_GROUP:
        return g_strdup_printf("management group %s", target->management_group);
    default:
        return g_strdup("the tenant");
    }
}

static void add_targets(const struct roll_plan_environment *environment, json_t *facts)
{
    json_t *targets = json_array();
    bool stack = false;

    for (guint i = 0; i < environment->targets->len; i++) {
        const struct roll_plan_target *target = g_ptr_array_index(environment->targets, i);
        g_autofree char *place = place_of(target);
        stack = stack || g_strcmp0(target->apply, "stack") == 0;
        if (i < MAX_TARGETS)
            json_array_append_new(targets, json_pack("{s:s,s:s,s:i}", "name", target->name, "place",
                                                     place, "ring", target->ring + 1));
    }
    json_object_set_new(facts, "targets", targets);
    json_object_set_new(facts, "targetCount", json_integer(environment->targets->len));
    json_object_set_new(facts, "rings", json_integer(roll_plan_ring_count(environment)));
    json_object_set_new(facts, "maxParallel", json_integer(environment->max_parallel));
    json_object_set_new(facts, "stack", json_boolean(stack));
}

/* ---- lanes ---------------------------------------------------------------------------------- */

static json_t *roles_of(const struct roll_plan *plan, char **names)
{
    const json_t *roles = json_object_get(plan->value, "roles");
    json_t *list = json_array();

    for (; names && *names; names++) {
        json_t *members = json_object_get(roles, *names);
        json_array_append_new(list, json_pack("{s:s,s:o}", "role", *names, "members",
                                              members ? json_incref(members) : json_array()));
    }
    return list;
}

static json_t *lane_of(const struct roll_plan *plan, const struct roll_plan_lane *lane)
{
    json_t *facts = json_object();

    json_object_set_new(facts, "roles", roles_of(plan, lane->roles));
    json_object_set_new(facts, "approvals",
                        lane->approvals ? json_incref(lane->approvals) : json_array());
    json_object_set_new(facts, "gates", texts(lane->gates));
    json_object_set_new(facts, "deferred", texts(lane->deferred));
    json_object_set_new(facts, "dueMs", json_integer(lane->due_ms));
    set_text(facts, "credential", lane->credential);
    return facts;
}

static void add_lanes(const struct roll_plan *plan, const struct roll_plan_environment *environment,
                      json_t *facts)
{
    json_t *lanes = json_object();

    for (int i = 0; i < ROLL_LANE_COUNT; i++)
        json_object_set_new(lanes, roll_lane_names[i], lane_of(plan, &environment->lanes[i]));
    json_object_set_new(facts, "lanes", lanes);
    json_object_set_new(facts, "roles", json_boolean(environment->has_lanes));
}

/* ---- the rest of the plan ------------------------------------------------------------------- */

static json_t *health_of(const struct roll_plan_health *check)
{
    static const char *const kinds[] = {[ROLL_HEALTH_HTTP] = "http",
                                        [ROLL_HEALTH_COMMAND] = "command",
                                        [ROLL_HEALTH_ALERTS] = "alerts"};
    char **words = check->kind == ROLL_HEALTH_COMMAND ? check->command : check->severities;
    g_autofree char *what = check->kind == ROLL_HEALTH_HTTP ? g_strdup(check->url)
                            : words                         ? g_strjoinv(" ", words)
                                                            : g_strdup("");

    return json_pack("{s:s,s:s,s:i,s:I}", "kind", kinds[check->kind], "what", what, "expect",
                     check->expect, "withinMs", (json_int_t)check->within_ms);
}

static void add_plan(const struct roll_plan *plan, const struct roll_plan_environment *environment,
                     json_t *facts)
{
    json_t *artifacts = json_array(), *health = json_array();

    for (guint i = 0; i < plan->artifacts->len; i++) {
        const struct roll_plan_artifact *artifact = g_ptr_array_index(plan->artifacts, i);
        json_array_append_new(artifacts, json_pack("{s:s,s:s}", "name", artifact->name, "reference",
                                                   artifact->reference));
    }
    for (guint i = 0; i < environment->health->len; i++)
        json_array_append_new(health, health_of(g_ptr_array_index(environment->health, i)));
    json_object_set_new(facts, "artifacts", artifacts);
    json_object_set_new(facts, "health", health);
    json_object_set_new(facts, "sticky", texts(plan->sticky));
    set_text(facts, "cloud", environment->cloud);
    set_text(facts, "credential", environment->credential);
    if (plan->data_floor)
        json_object_set_new(facts, "dataFloor", json_integer(plan->data_floor));
}

/* ---- what the ledger says ------------------------------------------------------------------- */

static void add_status(const json_t *status, json_t *facts)
{
    const json_t *hold = json_object_get(status, "hold");
    const json_t *targets = json_object_get(status, "targets");

    set_text(facts, "live", roll_json_get_string(status, "version"));
    set_text(facts, "since", roll_json_get_string(status, "since"));
    set_text(facts, "goal", roll_json_get_string(json_object_get(status, "rollback"), "version"));
    json_object_set(facts, "readiness", json_object_get(status, "rollback"));
    set_text(facts, "state", roll_json_get_string(status, "state"));
    json_object_set_new(facts, "mixed",
                        json_boolean(json_is_true(json_object_get(status, "mixed"))));
    json_object_set_new(facts, "dirty",
                        json_integer(json_integer_value(json_object_get(targets, "dirty"))));
    json_object_set_new(facts, "hold", json_boolean(json_is_object(hold)));
    set_text(facts, "holdReason", roll_json_get_string(hold, "reason"));
    json_object_set_new(facts, "debts",
                        json_integer(json_integer_value(json_object_get(status, "debts"))));
}

static struct roll_error *add_usual(struct roll_ledger *ledger, const char *stream, json_t *facts)
{
    static const char *const kinds[] = {"back", "out"};
    json_t *all = json_object();

    json_object_set_new(facts, "usual", all);
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        struct roll_usual usual;
        ROLL_TRY(roll_usual_rollouts(ledger, stream, kinds[i], &usual));
        json_object_set_new(all, kinds[i],
                            json_pack("{s:i,s:I,s:I}", "count", (int)usual.count, "medianMs",
                                      (json_int_t)usual.median_ms, "p95Ms",
                                      (json_int_t)usual.p95_ms));
    }
    return NULL;
}

struct roll_error *roll_runbook(struct roll_ledger *ledger, const struct roll_plan *plan,
                                const struct roll_plan_environment *environment, const char *name,
                                bool shared, const json_t *status, int64_t at_ms,
                                json_t **ret_facts)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", plan->service, environment->name);
    roll_auto(json) json_t *facts = json_object();
    char at[ROLL_TIME_SIZE];

    roll_time_format(at_ms, at);
    set_text(facts, "generatedAt", at);
    set_text(facts, "service", plan->service);
    set_text(facts, "environment", environment->name);
    set_text(facts, "stream", stream);
    set_text(facts, "name", name);
    json_object_set_new(facts, "shared", json_boolean(shared));
    add_status(status, facts);
    ROLL_TRY(add_usual(ledger, stream, facts));
    add_targets(environment, facts);
    add_lanes(plan, environment, facts);
    add_plan(plan, environment, facts);
    *ret_facts = g_steal_pointer(&facts);
    return NULL;
}
