/* Policy: DESIGN section 7's table cell by cell, roles, and gates that are asked for. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

/* N none, A applies, P as the plan says, R reported; columns: release, hotfix, rollback. */
static const struct {
    enum roll_gate gate;
    const char *name, *cells;
} table[] = {
    {ROLL_GATE_ROLE, "role", "PPP"},     {ROLL_GATE_APPROVAL, "approval", "PPP"},
    {ROLL_GATE_CHECK, "gate", "PPP"},    {ROLL_GATE_WINDOW, "window", "PNN"},
    {ROLL_GATE_FREEZE, "freeze", "PNN"}, {ROLL_GATE_HOLD, "hold", "ANN"},
    {ROLL_GATE_AFTER, "after", "PNN"},   {ROLL_GATE_ORDER, "order", "AAN"},
    {ROLL_GATE_HOTFIX, "hotfix", "ANN"}, {ROLL_GATE_OVERDUE, "overdue", "ANN"},
    {ROLL_GATE_FLOOR, "floor", "AAA"},   {ROLL_GATE_RINGS, "rings", "AAN"},
    {ROLL_GATE_BAKE, "bake", "APN"},     {ROLL_GATE_HEALTH, "health", "AAR"},
};

START_TEST(test_policy__every_cell_of_the_table)
{
    static const char letters[] = {[ROLL_RULE_NONE] = 'N',
                                   [ROLL_RULE_APPLIES] = 'A',
                                   [ROLL_RULE_PLANNED] = 'P',
                                   [ROLL_RULE_REPORTED] = 'R'};

    ck_assert_uint_eq(G_N_ELEMENTS(table), ROLL_GATE_COUNT);
    for (size_t i = 0; i < G_N_ELEMENTS(table); i++) {
        ck_assert_str_eq(roll_gate_name(table[i].gate), table[i].name);
        for (int lane = 0; lane < ROLL_LANE_COUNT; lane++)
            ck_assert_msg(letters[roll_policy_rule(lane, table[i].gate)] == table[i].cells[lane],
                          "%s in lane %s", table[i].name, roll_lane_names[lane]);
    }
}
END_TEST

struct fixture {
    struct roll_plan plan;
    struct roll_plan_environment environment;
    struct roll_actor actor;
    struct roll_requester requester;
    json_t *overrides;
};

static char on_call_role[] = "on-call", security_role[] = "security", scan_gate[] = "scan",
            gate_kind[] = "gate", prod[] = "prod";
static char *on_call[] = {on_call_role, NULL};

static void fixture_init(struct fixture *fixture)
{
    *fixture = (struct fixture){.environment.name = prod, .environment.has_lanes = true};
    fixture->plan.value = json_pack("{s:{s:[s,s],s:[s]}}", "roles", "on-call", "bob@contoso.com",
                                    "app:22222222-2222-2222-2222-222222222222", "security",
                                    "group:33333333-3333-3333-3333-333333333333");
    fixture->environment.lanes[ROLL_LANE_HOTFIX].roles = on_call;
    fixture->environment.lanes[ROLL_LANE_ROLLBACK].roles = on_call;
    fixture->requester.actor = &fixture->actor;
}

static void fixture_clear(struct fixture *fixture)
{
    json_decref(fixture->plan.value);
    json_decref(fixture->overrides);
}

static enum roll_code check(struct fixture *fixture, enum roll_lane lane)
{
    struct roll_error *err = roll_policy_check(&fixture->plan, &fixture->environment, lane,
                                               &fixture->requester, &fixture->overrides);
    enum roll_code code = roll_error_code(err);

    roll_error_free(err);
    return code;
}

START_TEST(test_policy__a_role_is_proved_not_claimed)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.actor.claimed = (char[]){"bob@contoso.com"};
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_E_REFUSED);
    fixture.actor.proved = (char[]){"BOB@contoso.com (oid 1, tenant 2)"};
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_OK);
    fixture.actor.proved = (char[]){"mallory@contoso.com bob@contoso.com"};
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_E_REFUSED);
    fixture.actor.proved = (char[]){"bob"}; /* a name is not begun, but whole */
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_E_REFUSED);
    fixture.actor.proved = (char[]){"bob@contoso.com.example"};
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_E_REFUSED);
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK); /* no roles there: anybody */
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_policy__in_the_sandbox_the_claimed_name_counts)
{
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.actor.claimed = (char[]){"bob@contoso.com"};
    fixture.requester.sandbox = true;
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_OK);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_policy__unknown_membership_lets_a_rollback_through_for_review)
{
    static char *security[] = {security_role, NULL};
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.environment.lanes[ROLL_LANE_ROLLBACK].roles = security;
    fixture.environment.lanes[ROLL_LANE_HOTFIX].roles = security;
    fixture.actor.proved = (char[]){"eve@contoso.com"};
    ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_E_REFUSED);
    ck_assert_int_eq(check(&fixture, ROLL_LANE_ROLLBACK), ROLL_OK);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_array_get(fixture.overrides, 0), "kind")),
        "membership-unknown");
    fixture_clear(&fixture);
}
END_TEST

/* What a person says beside a rollout (`roll approve`, `roll unhold`, …) asks for the same roles.
 */
START_TEST(test_policy__unknown_membership_is_enough_for_a_rollback_alone)
{
    static char *security[] = {security_role, NULL};
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.actor.proved = (char[]){"eve@contoso.com"};
    for (int lane = 0; lane < ROLL_LANE_COUNT; lane++) {
        fixture.environment.lanes[lane].roles = security;
        struct roll_error *err = roll_policy_need_role(&fixture.plan, &fixture.environment, lane,
                                                       &fixture.actor, NULL, "this");
        ck_assert_int_eq(roll_error_code(err),
                         lane == ROLL_LANE_ROLLBACK ? ROLL_OK : ROLL_E_REFUSED);
        roll_error_free(err);
    }
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_policy__a_known_membership_decides)
{
    static char *security[] = {security_role, NULL};
    const char *const none[] = {NULL};
    const char *const other[] = {"11111111-0000-0000-0000-000000000000", NULL};
    const char *const own[] = {"11111111-0000-0000-0000-000000000000",
                               "33333333-3333-3333-3333-333333333333", NULL};
    const char *const *const sets[] = {none, other, own};
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.environment.lanes[ROLL_LANE_ROLLBACK].roles = security;
    fixture.environment.lanes[ROLL_LANE_HOTFIX].roles = security;
    fixture.actor.proved = (char[]){"eve@contoso.com"};
    for (size_t i = 0; i < G_N_ELEMENTS(sets); i++) {
        fixture.requester.groups = sets[i];
        ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), i == 2 ? ROLL_OK : ROLL_E_REFUSED);
        ck_assert_int_eq(check(&fixture, ROLL_LANE_ROLLBACK), i == 2 ? ROLL_OK : ROLL_E_REFUSED);
        ck_assert_ptr_null(fixture.overrides);
    }
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_policy__a_gate_is_passed_by_only_where_the_plan_lets_it)
{
    static char *gates[] = {scan_gate, NULL};
    static char *allowed[] = {gate_kind, NULL};
    const char *wanted[] = {"gate:scan", NULL};
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.environment.lanes[ROLL_LANE_RELEASE].gates = gates;
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK); /* it will be waited for */
    fixture.requester.overrides = wanted;
    fixture.requester.reason = "the scanner is down";
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_REFUSED);
    fixture.environment.lanes[ROLL_LANE_RELEASE].overrides = allowed;
    fixture.requester.reason = NULL;
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_USAGE); /* needs a reason */
    fixture.requester.reason = "the scanner is down";
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_array_get(fixture.overrides, 0), "reason")),
        "the scanner is down");
    wanted[0] = "gate:smoke";
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_USAGE); /* there is none */
    fixture_clear(&fixture);
}
END_TEST

static int64_t instant(const char *text)
{
    int64_t ms = 0;
    roll_auto(error) struct roll_error *err = roll_time_parse(text, &ms);

    ck_assert_ptr_null(err);
    return ms;
}

#define OFFICE "[{\"name\":\"office\",\"cron\":\"0 9 * * MON-THU\",\"for\":\"PT8H\"}]"
#define CHRISTMAS                                                                                  \
    "[{\"name\":\"christmas\",\"from\":\"2026-12-20T00:00\",\"to\":\"2027-01-03T00:00\"}]"

START_TEST(test_policy__windows_and_freezes_stop_releases_only)
{
    struct fixture fixture;
    roll_auto(json) json_t *windows = json_loads(OFFICE, 0, NULL);
    roll_auto(json) json_t *freezes = json_loads(CHRISTMAS, 0, NULL);

    fixture_init(&fixture);
    fixture.actor.proved = (char[]){"bob@contoso.com"};
    fixture.environment.windows = windows;
    fixture.environment.freezes = freezes;
    for (int day = 0; day < 2; day++) {
        fixture.requester.at_ms = instant(
            day ? "2026-12-21T10:00:00Z" /* freeze */ : "2026-11-22T10:00:00Z" /* Sunday */);
        ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_REFUSED);
        ck_assert_int_eq(check(&fixture, ROLL_LANE_HOTFIX), ROLL_OK);
        ck_assert_int_eq(check(&fixture, ROLL_LANE_ROLLBACK), ROLL_OK);
        fixture.requester.when_open = true;
        ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK);
        fixture.requester.when_open = false;
    }
    fixture.requester.at_ms = instant("2026-11-23T10:00:00Z");
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK);
    ck_assert_ptr_null(fixture.overrides);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_policy__a_window_is_passed_by_where_the_lane_allows_it)
{
    static char window_kind[] = "window";
    static char *allowed[] = {window_kind, NULL};
    const char *wanted[] = {"window", "freeze", NULL};
    struct fixture fixture;
    roll_auto(json) json_t *windows = json_loads(OFFICE, 0, NULL);
    roll_auto(json) json_t *freezes = json_loads(CHRISTMAS, 0, NULL);

    fixture_init(&fixture);
    fixture.environment.windows = windows;
    fixture.requester.at_ms = instant("2026-12-21T20:00:00Z");
    fixture.requester.overrides = wanted;
    fixture.requester.reason = "the auditors wait";
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_REFUSED);
    fixture.environment.lanes[ROLL_LANE_RELEASE].overrides = allowed;
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK);
    ck_assert_str_eq(roll_json_get_string(json_array_get(fixture.overrides, 0), "kind"), "window");
    ck_assert_uint_eq(json_array_size(fixture.overrides), 1);
    fixture.environment.freezes = freezes; /* which the lane does not let pass */
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_REFUSED);
    fixture_clear(&fixture);
}
END_TEST

/* Only the rule that is named; a name that nobody gave is a slip. */
START_TEST(test_policy__an_override_passes_the_rule_that_it_names)
{
    static const struct {
        const char *override, *allowed;
        enum roll_code code;
        const char *text; /* of the refusal */
    } rows[] = {
        {"freeze", "freeze", ROLL_OK, ""},
        {"freeze:audit", "freeze", ROLL_E_REFUSED, "'christmas' holds"},
        {"freeze:christmas", "freeze", ROLL_E_REFUSED, "'audit' holds"},
        {"freeze:easter", "freeze", ROLL_E_USAGE, "in force: christmas, audit"},
        {"freeze:christmas", "freeze:christmas", ROLL_E_REFUSED, "'audit' holds"},
        {"freeze:christmas", "freeze:audit", ROLL_E_REFUSED, "holds"},
        {"freeze", "freeze:christmas", ROLL_E_REFUSED, "holds"},
        {"window:office", "window", ROLL_E_REFUSED, "holds"},
        {"window:night", "window", ROLL_E_USAGE, "in force: office"},
        {"window:night", "freeze", ROLL_E_USAGE, "in force: office"},
    };
    roll_auto(json) json_t *windows = json_loads(OFFICE, 0, NULL);
    roll_auto(json) json_t *freezes = json_loads(
        "[{\"name\":\"christmas\",\"from\":\"2026-12-20T00:00\",\"to\":\"2027-01-03T00:00\"},"
        "{\"name\":\"audit\",\"from\":\"2026-12-21T00:00\",\"to\":\"2026-12-23T00:00\"}]",
        0, NULL);
    g_autofree char *allowed = g_strdup(rows[_i].allowed);
    char *list[] = {allowed, NULL};
    const char *wanted[] = {rows[_i].override, NULL};
    json_t *overrides = NULL;
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.environment.windows = windows;
    fixture.environment.freezes = freezes;
    fixture.environment.lanes[ROLL_LANE_RELEASE].overrides = list;
    fixture.requester.at_ms = instant("2026-12-21T10:00:00Z");
    fixture.requester.overrides = wanted;
    fixture.requester.reason = "the auditors wait";
    roll_auto(error) struct roll_error *err = roll_policy_check(
        &fixture.plan, &fixture.environment, ROLL_LANE_RELEASE, &fixture.requester, &overrides);
    ck_assert_msg(roll_error_code(err) == rows[_i].code, "%s: %s", rows[_i].override,
                  err ? err->message : "let through");
    if (err)
        ck_assert_msg(strstr(err->message, rows[_i].text) != NULL, "%s", err->message);
    else
        ck_assert_ptr_null(json_object_get(json_array_get(overrides, 0), "name"));
    json_decref(overrides);
    fixture_clear(&fixture);
}
END_TEST

/* The name stays with it: what was passed is in the ledger, and nothing else is left out. */
START_TEST(test_policy__a_named_override_is_recorded_by_its_name)
{
    const char *wanted[] = {"freeze:christmas", NULL};
    roll_auto(json) json_t *freezes = json_loads(CHRISTMAS, 0, NULL);
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.environment.has_lanes = false;
    fixture.environment.freezes = freezes;
    fixture.requester.at_ms = instant("2026-12-21T10:00:00Z");
    fixture.requester.overrides = wanted;
    fixture.requester.reason = "the auditors wait";
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_OK);
    ck_assert_str_eq(roll_json_get_string(json_array_get(fixture.overrides, 0), "name"),
                     "christmas");
    wanted[0] = "approval:security";
    fixture.environment.lanes[ROLL_LANE_RELEASE].approvals = json_pack("[{s:s}]", "role", "x");
    ck_assert_int_eq(check(&fixture, ROLL_LANE_RELEASE), ROLL_E_USAGE);
    json_decref(fixture.environment.lanes[ROLL_LANE_RELEASE].approvals);
    fixture.environment.lanes[ROLL_LANE_RELEASE].approvals = NULL;
    fixture_clear(&fixture);
}
END_TEST

/* Else the other one would be in the way of what the first was passed for. */
START_TEST(test_policy__to_pass_one_window_is_to_pass_them_all)
{
    const char *const passed[] = {"window:office", NULL}, *const other[] = {"window:other", NULL};
    roll_auto(json) json_t *windows = json_pack("[{s:s},{s:s}]", "name", "office", "name", "night");
    struct fixture fixture;

    fixture_init(&fixture);
    fixture.environment.windows = windows;
    ck_assert_ptr_null(roll_policy_timing(&fixture.environment, ROLL_LANE_RELEASE, passed));
    roll_auto(json) json_t *left =
        roll_policy_timing(&fixture.environment, ROLL_LANE_RELEASE, other);
    ck_assert_uint_eq(json_array_size(json_object_get(left, "windows")), 2);
    fixture_clear(&fixture);
}
END_TEST

START_TEST(test_policy__timing_says_which_rule_and_until_when)
{
    struct fixture fixture;
    roll_auto(json) json_t *windows = json_loads(OFFICE, 0, NULL);
    roll_auto(json) json_t *freezes = json_loads(CHRISTMAS, 0, NULL);
    struct roll_timing timing;

    fixture_init(&fixture);
    fixture.environment.windows = windows;
    fixture.environment.freezes = freezes;
    roll_auto(json) json_t *facts =
        roll_policy_timing(&fixture.environment, ROLL_LANE_RELEASE, NULL);
    ck_assert_ptr_null(roll_timing_at(facts, instant("2026-12-21T10:00:00Z"), &timing));
    ck_assert(!timing.open && timing.gate == ROLL_GATE_FREEZE);
    ck_assert_str_eq(timing.why, "freeze 'christmas' holds; it is open again 2027-01-04 09:00 UTC");
    ck_assert_int_eq(timing.until, instant("2027-01-04T09:00:00Z"));
    roll_timing_clear(&timing);
    ck_assert_ptr_null(roll_timing_at(facts, instant("2026-11-22T10:00:00Z"), &timing));
    ck_assert(!timing.open && timing.gate == ROLL_GATE_WINDOW);
    ck_assert_str_eq(timing.why, "no window is open; 'office' opens next, 2026-11-23 09:00 UTC");
    roll_timing_clear(&timing);
    ck_assert_ptr_null(roll_timing_at(NULL, 0, &timing));
    ck_assert(timing.open && timing.until == ROLL_NEVER);
    roll_timing_clear(&timing);
    ck_assert_ptr_null(roll_policy_timing(&fixture.environment, ROLL_LANE_ROLLBACK, NULL));
    fixture_clear(&fixture);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *tests = tcase_create("policy");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, test_policy__every_cell_of_the_table);
    tcase_add_test(tests, test_policy__a_role_is_proved_not_claimed);
    tcase_add_test(tests, test_policy__in_the_sandbox_the_claimed_name_counts);
    tcase_add_test(tests, test_policy__unknown_membership_lets_a_rollback_through_for_review);
    tcase_add_test(tests, test_policy__unknown_membership_is_enough_for_a_rollback_alone);
    tcase_add_test(tests, test_policy__a_known_membership_decides);
    tcase_add_test(tests, test_policy__a_gate_is_passed_by_only_where_the_plan_lets_it);
    tcase_add_test(tests, test_policy__windows_and_freezes_stop_releases_only);
    tcase_add_loop_test(tests, test_policy__an_override_passes_the_rule_that_it_names, 0, 10);
    tcase_add_test(tests, test_policy__a_named_override_is_recorded_by_its_name);
    tcase_add_test(tests, test_policy__a_window_is_passed_by_where_the_lane_allows_it);
    tcase_add_test(tests, test_policy__to_pass_one_window_is_to_pass_them_all);
    tcase_add_test(tests, test_policy__timing_says_which_rule_and_until_when);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
