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

static struct roll_error *check_name(const struct roll_plan_environment *environment,
                                     enum roll_gate gate, const json_t *rules, const char *override)
{
    g_autofree char *prefix = g_strconcat(roll_gate_name(gate), ":", NULL);
    g_autoptr(GString) names = g_string_new(NULL);
    size_t index;
    json_t *rule;

    if (!g_str_has_prefix(override, prefix))
        return NULL;
    json_array_foreach (rules, index, rule) {
        const char *name = roll_json_get_string(rule, "name");
        if (g_strcmp0(name, override + strlen(prefix)) == 0)
            return NULL;
        g_string_append_printf(names, "%s%s", names->len ? ", " : "", name ? name : "");
    }
    return roll_error_new(ROLL_E_USAGE, "'%s' has no %s '%s'; in force: %s", environment->name,
                          roll_gate_name(gate), override + strlen(prefix),
                          names->len ? names->str : "none");
}

struct roll_error *roll_policy_check_names(const struct roll_plan_environment *environment,
                                           const char *const *overrides)
{
    for (; overrides && *overrides; overrides++) {
        ROLL_TRY(check_name(environment, ROLL_GATE_WINDOW, environment->windows, *overrides));
        ROLL_TRY(check_name(environment, ROLL_GATE_FREEZE, environment->freezes, *overrides));
    }
    return NULL;
}

static struct roll_error *closed(const struct check *check, const struct roll_timing *timing)
{
    const char *kind = roll_gate_name(timing->gate);
    bool named = timing->gate == ROLL_GATE_FREEZE && timing->name; /* others stay in force */
    g_autofree char *which = named ? g_strdup_printf("%s:%s", kind, timing->name) : g_strdup(kind);
    g_autoptr(GString) next = g_string_new("{\"next\":[");

    g_string_append_printf(next, "\"roll window %s\",\"the same with --wait   starts it then\"",
                           check->environment->name);
    if (may_override(check, which))
        g_string_append_printf(next, ",\"repeat it with --override %s --reason TEXT\"", which);
    g_string_append(next, "]}");
    return roll_error_detail(roll_error_new(ROLL_E_REFUSED, "lane %s of '%s' is closed: %s",
                                            roll_lane_names[check->lane], check->environment->name,
                                            timing->why),
                             next->str);
}

/* What the person passes by is recorded whether or not it was in the way just now; only where it
 * is the lane's to pass by: else what it asks for is refused by name. */
static struct roll_error *pass_rule(struct check *check, const char *override, enum roll_gate gate,
                                    const json_t *rules, GPtrArray *passed)
{
    const char *kind = roll_gate_name(gate);
    size_t size = strlen(kind);
    const char *name = override[size] ? override + size + 1 : NULL;

    if (strncmp(override, kind, size) != 0 || (override[size] && override[size] != ':'))
        return NULL;
    if (json_array_size(rules) == 0 || roll_policy_rule(check->lane, gate) == ROLL_RULE_NONE ||
        !may_override(check, override))
        return NULL;
    if (!check->requester->reason)
        return roll_error_new(ROLL_E_USAGE, "'--override %s' needs '--reason'", override);
    record(check, kind, name, check->requester->reason);
    g_ptr_array_add(passed, (gpointer)(uintptr_t) override);
    return NULL;
}

static struct roll_error *check_timing(struct check *check)
{
    const struct roll_plan_environment *environment = check->environment;
    const char *const *override = check->requester->overrides;
    g_autoptr(GPtrArray) passed = g_ptr_array_new();
    struct roll_timing timing = {0};
    struct roll_error *err = NULL;

    ROLL_TRY(roll_policy_check_names(environment, override));
    for (; override && *override; override++) {
        ROLL_TRY(pass_rule(check, *override, ROLL_GATE_WINDOW, environment->windows, passed));
        ROLL_TRY(pass_rule(check, *override, ROLL_GATE_FREEZE, environment->freezes, passed));
    }
    g_ptr_array_add(passed, NULL);
    roll_auto(json) json_t *left =
        roll_policy_timing(environment, check->lane, (const char *const *)passed->pdata);
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
        if (name && gates[i] == ROLL_GATE_APPROVAL)
            return roll_error_new(ROLL_E_USAGE,
                                  "approvals are passed by as a whole: '--override approval'");
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
