/* Roles and gates of one request. */
#include "rollbook/json.h"
#include "rollbook/policy.h"

#include <string.h>

struct check {
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    const struct roll_plan_lane *rules;
    enum roll_lane lane;
    const struct roll_requester *requester;
    json_t *recorded;
};

static void record(struct check *check, const char *kind, const char *name, const char *reason)
{
    json_t *entry = json_pack("{s:s,s:s*,s:s*}", "kind", kind, "name", name, "reason", reason);

    json_array_append_new(check->recorded, entry);
}

static struct roll_error *check_roles(struct check *check)
{
    char **roles = check->rules->roles;
    const struct roll_actor *actor = check->requester->actor;
    g_autofree char *list = NULL;

    if (!roles || !*roles)
        return NULL;
    for (char **role = roles; *role; role++)
        if (roll_policy_is_member(check->plan->value, *role, actor, check->requester->groups,
                                  check->requester->sandbox))
            return NULL;
    /* A token without group claims leaves membership open; a rollback is then let through and
     * marked for review. */
    if (check->lane == ROLL_LANE_ROLLBACK && !check->requester->groups &&
        roll_policy_asks_groups(check->plan->value, roles)) {
        record(check, "membership-unknown", NULL,
               "the token names no groups; let through for review");
        return NULL;
    }
    list = g_strjoinv(" or ", roles);
    return roll_error_new(ROLL_E_REFUSED, "lane %s of '%s' is for role %s; '%s' has none of them",
                          roll_lane_names[check->lane], check->environment->name, list,
                          actor->proved && !check->requester->sandbox ? actor->proved
                          : actor->claimed                            ? actor->claimed
                                                                      : "nobody known");
}

static bool asked_to_override(const struct check *check, const char *kind)
{
    const char *const *list = check->requester->overrides;

    for (; list && *list; list++)
        if (strcmp(*list, kind) == 0 ||
            (g_str_has_prefix(*list, kind) && (*list)[strlen(kind)] == ':'))
            return true;
    return false;
}

/* Lane release overrides what the plan lists (KIND, or KIND:NAME); on the others an emergency may
 * pass what is in its way, and without lanes anybody may. */
static bool may_override(const struct check *check, const char *kind)
{
    if (check->lane != ROLL_LANE_RELEASE || !check->environment->has_lanes)
        return true;
    g_autofree char *whole = g_strndup(kind, strcspn(kind, ":"));
    const char *const *list = (const char *const *)check->rules->overrides;
    return list && (g_strv_contains(list, kind) || g_strv_contains(list, whole));
}

/* Only where it is the lane's to pass by: what is asked for on other lanes is refused by name. */
static bool passes_by(struct check *check, enum roll_gate gate)
{
    const char *kind = roll_gate_name(gate);

    return asked_to_override(check, kind) && may_override(check, kind);
}

static struct roll_error *closed(const struct check *check, const struct roll_timing *timing)
{
    const char *kind = roll_gate_name(timing->gate);
    g_autoptr(GString) next = g_string_new("{\"next\":[");

    g_string_append_printf(next, "\"roll window %s\",\"the same with --wait   starts it then\"",
                           check->environment->name);
    if (may_override(check, kind))
        g_string_append_printf(next, ",\"repeat it with --override %s --reason TEXT\"", kind);
    g_string_append(next, "]}");
    return roll_error_detail(roll_error_new(ROLL_E_REFUSED, "lane %s of '%s' is closed: %s",
                                            roll_lane_names[check->lane], check->environment->name,
                                            timing->why),
                             next->str);
}

/* What the person passes by is recorded whether or not it was in the way just now. */
static struct roll_error *check_timing(struct check *check)
{
    const char *passed[3] = {NULL};
    size_t count = 0;
    roll_auto(json) json_t *all =
        roll_policy_timing(check->environment, check->lane, (const char *const[]){NULL});
    struct roll_timing timing = {0};
    struct roll_error *err = NULL;

    for (enum roll_gate gate = ROLL_GATE_WINDOW; all && gate <= ROLL_GATE_FREEZE; gate++) {
        if (!passes_by(check, gate))
            continue;
        if (!check->requester->reason)
            return roll_error_new(ROLL_E_USAGE, "'--override %s' needs '--reason'",
                                  roll_gate_name(gate));
        record(check, roll_gate_name(gate), NULL, check->requester->reason);
        passed[count++] = roll_gate_name(gate);
    }
    roll_auto(json) json_t *left = roll_policy_timing(check->environment, check->lane, passed);
    ROLL_TRY(roll_timing_at(left, check->requester->at_ms, &timing));
    if (!timing.open && !check->requester->when_open)
        err = closed(check, &timing);
    roll_timing_clear(&timing);
    return err;
}

/* Is something asked for that this override passes by? */
static bool is_asked_for(const struct check *check, enum roll_gate gate)
{
    if (roll_policy_rule(check->lane, gate) != ROLL_RULE_PLANNED)
        return false;
    return gate == ROLL_GATE_APPROVAL ? json_array_size(check->rules->approvals) > 0
                                      : check->rules->gates && *check->rules->gates;
}

/* Approvals and gates are waited for, or passed by with a word for the ledger. */
static struct roll_error *check_override(struct check *check, const char *override)
{
    static const enum roll_gate gates[] = {ROLL_GATE_APPROVAL, ROLL_GATE_CHECK};
    g_autofree char *kind = g_strndup(override, strcspn(override, ":"));
    const char *name = override[strlen(kind)] ? override + strlen(kind) + 1 : NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(gates); i++) {
        if (strcmp(kind, roll_gate_name(gates[i])) != 0 || !is_asked_for(check, gates[i]))
            continue;
        if (name && !g_strv_contains((const char *const *)check->rules->gates, name))
            return roll_error_new(ROLL_E_USAGE, "lane %s of '%s' asks for no gate '%s'",
                                  roll_lane_names[check->lane], check->environment->name, name);
        if (!may_override(check, override))
            return roll_error_new(ROLL_E_REFUSED,
                                  "lane %s of '%s' does not let '--override %s' pass",
                                  roll_lane_names[check->lane], check->environment->name, override);
        if (!check->requester->reason)
            return roll_error_new(ROLL_E_USAGE, "'--override %s' needs '--reason'", override);
        record(check, kind, name, check->requester->reason);
    }
    return NULL;
}

static struct roll_error *check_gates(struct check *check)
{
    const char *const *override = check->requester->overrides;

    for (; override && *override; override++)
        ROLL_TRY(check_override(check, *override));
    return check_timing(check);
}

struct roll_error *roll_policy_check(const struct roll_plan *plan,
                                     const struct roll_plan_environment *environment,
                                     enum roll_lane lane, const struct roll_requester *requester,
                                     json_t **ret_overrides)
{
    struct check check = {plan, environment, &environment->lanes[lane],
                          lane, requester,   json_array()};
    struct roll_error *err = check_roles(&check);

    if (!err)
        err = check_gates(&check);
    if (!err && json_array_size(check.recorded) > 0)
        *ret_overrides = json_incref(check.recorded);
    json_decref(check.recorded);
    return err;
}
