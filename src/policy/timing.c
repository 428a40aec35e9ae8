/* Windows and freezes of one lane: what is recorded of them, and what they say at an instant. */
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

/* KIND alone passes all of its kind, KIND:NAME one. */
static bool is_passed(const char *const *overrides, const char *kind, const char *name)
{
    size_t size = strlen(kind);

    for (; overrides && *overrides; overrides++) {
        if (strncmp(*overrides, kind, size) != 0)
            continue;
        const char *rest = *overrides + size;
        if (!*rest || (*rest == ':' && g_strcmp0(rest + 1, name) == 0))
            return true;
    }
    return false;
}

/* What of rules is not passed; NULL when nothing is left. */
static json_t *left(const json_t *rules, const char *const *overrides, const char *kind)
{
    json_t *kept = json_array();
    size_t at;
    json_t *rule;

    json_array_foreach (rules, at, rule) {
        if (!is_passed(overrides, kind, roll_json_get_string(rule, "name")))
            json_array_append(kept, rule);
    }
    if (json_array_size(kept) > 0)
        return kept;
    json_decref(kept);
    return NULL;
}

json_t *roll_policy_timing(const struct roll_plan_environment *environment, enum roll_lane lane,
                           const char *const *overrides)
{
    json_t *windows = NULL, *freezes = NULL;

    /* To pass one of two windows would leave the other in the way of what it was passed for. */
    if (roll_policy_rule(lane, ROLL_GATE_WINDOW) != ROLL_RULE_NONE)
        windows = left(environment->windows, overrides, roll_gate_name(ROLL_GATE_WINDOW));
    if (windows && json_array_size(windows) < json_array_size(environment->windows)) {
        json_decref(windows);
        windows = NULL;
    }
    if (roll_policy_rule(lane, ROLL_GATE_FREEZE) != ROLL_RULE_NONE)
        freezes = left(environment->freezes, overrides, roll_gate_name(ROLL_GATE_FREEZE));
    if (!windows && !freezes)
        return NULL;
    return json_pack("{s:o*,s:o*,s:s}", "windows", windows, "freezes", freezes, "whenWindowCloses",
                     environment->goes_on_when_closed ? "continue" : "wait");
}

/* ---- at an instant -------------------------------------------------------------------------- */

/* "2027-01-04 08:00 UTC", as tables show it. */
static void write_time(int64_t unix_ms, GString *out)
{
    char text[ROLL_TIME_SIZE];

    roll_time_format(unix_ms, text);
    g_string_append_printf(out, "%.10s %.5s UTC", text, text + 11);
}

static char *reason(const struct roll_calendar_state *state)
{
    g_autoptr(GString) text = g_string_new(NULL);

    if (!state->rule)
        g_string_append(text, "no window ever opens again");
    else if (state->rule->kind == ROLL_CALENDAR_FREEZE)
        g_string_append_printf(text, "freeze '%s' holds", state->rule->name);
    else
        g_string_append_printf(text, "no window is open; '%s' opens next", state->rule->name);
    if (state->until != ROLL_NEVER) {
        g_string_append(text, state->rule && state->rule->kind == ROLL_CALENDAR_FREEZE
                                  ? "; it is open again "
                                  : ", ");
        write_time(state->until, text);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

struct roll_error *roll_timing_at(const json_t *timing, int64_t at_ms,
                                  struct roll_timing *ret_timing)
{
    roll_auto(calendar) struct roll_calendar *calendar = NULL;
    struct roll_calendar_state state;

    ROLL_TRY(roll_calendar_new(json_object_get(timing, "windows"),
                               json_object_get(timing, "freezes"), &calendar));
    roll_calendar_at(calendar, at_ms, &state);
    *ret_timing = (struct roll_timing){
        .open = state.open,
        .gate = state.rule && state.rule->kind == ROLL_CALENDAR_FREEZE ? ROLL_GATE_FREEZE
                                                                       : ROLL_GATE_WINDOW,
        .name = state.rule ? g_strdup(state.rule->name) : NULL,
        .until = state.until,
        .since = state.open ? roll_calendar_opened(calendar, at_ms) : 0,
        .why = state.open ? NULL : reason(&state),
    };
    return NULL;
}

void roll_timing_clear(struct roll_timing *timing)
{
    g_free(timing->name);
    g_free(timing->why);
    *timing = (struct roll_timing){0};
}
