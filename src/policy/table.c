/* DESIGN section 7's table, cell by cell. */
#include "rollbook/policy.h"

static const enum roll_gate_rule rules[ROLL_GATE_COUNT][ROLL_LANE_COUNT] = {
    /*                      release             hotfix              rollback */
    [ROLL_GATE_ROLE] = {ROLL_RULE_PLANNED, ROLL_RULE_PLANNED, ROLL_RULE_PLANNED},
    [ROLL_GATE_APPROVAL] = {ROLL_RULE_PLANNED, ROLL_RULE_PLANNED, ROLL_RULE_PLANNED},
    [ROLL_GATE_CHECK] = {ROLL_RULE_PLANNED, ROLL_RULE_PLANNED, ROLL_RULE_PLANNED},
    [ROLL_GATE_WINDOW] = {ROLL_RULE_PLANNED, ROLL_RULE_NONE, ROLL_RULE_NONE},
    [ROLL_GATE_FREEZE] = {ROLL_RULE_PLANNED, ROLL_RULE_NONE, ROLL_RULE_NONE},
    [ROLL_GATE_HOLD] = {ROLL_RULE_APPLIES, ROLL_RULE_NONE, ROLL_RULE_NONE},
    [ROLL_GATE_AFTER] = {ROLL_RULE_PLANNED, ROLL_RULE_NONE, ROLL_RULE_NONE},
    [ROLL_GATE_ORDER] = {ROLL_RULE_APPLIES, ROLL_RULE_APPLIES, ROLL_RULE_NONE},
    [ROLL_GATE_HOTFIX] = {ROLL_RULE_APPLIES, ROLL_RULE_NONE, ROLL_RULE_NONE},
    [ROLL_GATE_OVERDUE] = {ROLL_RULE_APPLIES, ROLL_RULE_NONE, ROLL_RULE_NONE},
    [ROLL_GATE_FLOOR] = {ROLL_RULE_APPLIES, ROLL_RULE_APPLIES, ROLL_RULE_APPLIES},
    [ROLL_GATE_RINGS] = {ROLL_RULE_APPLIES, ROLL_RULE_APPLIES, ROLL_RULE_NONE},
    [ROLL_GATE_BAKE] = {ROLL_RULE_APPLIES, ROLL_RULE_PLANNED, ROLL_RULE_NONE},
    [ROLL_GATE_HEALTH] = {ROLL_RULE_APPLIES, ROLL_RULE_APPLIES, ROLL_RULE_REPORTED},
};

static const char *const names[ROLL_GATE_COUNT] = {
    [ROLL_GATE_ROLE] = "role",     [ROLL_GATE_APPROVAL] = "approval",
    [ROLL_GATE_CHECK] = "gate",    [ROLL_GATE_WINDOW] = "window",
    [ROLL_GATE_FREEZE] = "freeze", [ROLL_GATE_HOLD] = "hold",
    [ROLL_GATE_AFTER] = "after",   [ROLL_GATE_ORDER] = "order",
    [ROLL_GATE_HOTFIX] = "hotfix", [ROLL_GATE_OVERDUE] = "overdue",
    [ROLL_GATE_FLOOR] = "floor",   [ROLL_GATE_RINGS] = "rings",
    [ROLL_GATE_BAKE] = "bake",     [ROLL_GATE_HEALTH] = "health",
};

enum roll_gate_rule roll_policy_rule(enum roll_lane lane, enum roll_gate gate)
{
    return rules[gate][lane];
}

const char *roll_gate_name(enum roll_gate gate)
{
    return names[gate];
}
