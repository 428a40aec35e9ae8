/* Windows and freezes: what holds at an instant, and when that changes.
 *
 * A window is open for a fixed time after each of its cron's instants, so the last instant decides.
 * Changes are found by jumping from one border to the next, never by stepping through time; how
 * many borders are looked at is bounded. */
#include <string.h>

#include "calendar/internal.h"
#include "rollbook/json.h"
#include "rollbook/time.h"

/* A window of two minutes every minute is open for good; after so many borders it is said to be
 * open at least so long. */
enum { BORDERS_MAX = 5000 };

struct window {
    struct roll_cron cron;
    int64_t length_ms;
};
struct freeze {
    int64_t from, to;
};
struct rule {
    struct roll_calendar_rule shown;
    struct roll_zone *zone; /* owned */
    char *name;             /* owned */
    struct window window;
    struct freeze freeze;
};
struct roll_calendar {
    GPtrArray *rules; /* struct rule *: windows, then freezes */
    size_t windows;
};

/* ---- making it ------------------------------------------------------------------------------ */

static void rule_free(void *data)
{
    struct rule *rule = data;

    roll_zone_free(rule->zone);
    g_free(rule->name);
    g_free(rule);
}

static struct roll_error *read_window(struct rule *rule, const json_t *value)
{
    const char *cron = roll_json_get_string(value, "cron");
    const char *length = roll_json_get_string(value, "for");

    if (!cron || !length)
        return roll_error_new(ROLL_E_INVALID, "a window needs 'cron' and 'for'");
    ROLL_TRY(roll_cron_parse(cron, &rule->window.cron));
    ROLL_TRY(roll_duration_parse(length, &rule->window.length_ms));
    if (rule->window.length_ms <= 0)
        return roll_error_new(ROLL_E_INVALID, "a window of '%s' is never open", length);
    return NULL;
}

/* 2026-12-20T00:00 in the rule's zone. */
static struct roll_error *read_local(const struct rule *rule, const char *text, int64_t *ret_ms)
{
    g_autofree char *utc = g_strdup_printf("%.32s:00Z", text ? text : "");
    int64_t local;

    ROLL_TRY(roll_error_wrap(roll_time_parse(utc, &local),
                             "'%.32s' is not a local time such as 2026-12-20T00:00",
                             text ? text : ""));
    *ret_ms = roll_zone_instant(rule->zone, local);
    return NULL;
}

static struct roll_error *read_freeze(struct rule *rule, const json_t *value)
{
    ROLL_TRY(read_local(rule, roll_json_get_string(value, "from"), &rule->freeze.from));
    ROLL_TRY(read_local(rule, roll_json_get_string(value, "to"), &rule->freeze.to));
    return NULL;
}

static struct roll_error *read_rule(struct rule *rule, const json_t *value)
{
    const char *zone = roll_json_get_string(value, "zone");

    ROLL_TRY(roll_zone_open(zone ? zone : "UTC", &rule->zone));
    rule->shown.zone = rule->zone;
    return rule->shown.kind == ROLL_CALENDAR_WINDOW ? read_window(rule, value)
                                                    : read_freeze(rule, value);
}

static struct roll_error *add_rules(struct roll_calendar *calendar, const json_t *values,
                                    enum roll_calendar_kind kind)
{
    size_t at;
    json_t *value;

    json_array_foreach (values, at, value) {
        struct rule *rule = g_new0(struct rule, 1);
        const char *name = roll_json_get_string(value, "name");
        g_ptr_array_add(calendar->rules, rule);
        rule->name = g_strdup(name ? name : "");
        rule->shown = (struct roll_calendar_rule){.kind = kind, .name = rule->name};
        ROLL_TRY(roll_error_wrap(read_rule(rule, value), "%s '%s' cannot be read",
                                 kind == ROLL_CALENDAR_WINDOW ? "window" : "freeze", rule->name));
    }
    return NULL;
}

struct roll_error *roll_calendar_new(const json_t *windows, const json_t *freezes,
                                     struct roll_calendar **ret_calendar)
{
    roll_auto(calendar) struct roll_calendar *calendar = g_new0(struct roll_calendar, 1);

    calendar->rules = g_ptr_array_new_with_free_func(rule_free);
    ROLL_TRY(add_rules(calendar, windows, ROLL_CALENDAR_WINDOW));
    calendar->windows = calendar->rules->len;
    ROLL_TRY(add_rules(calendar, freezes, ROLL_CALENDAR_FREEZE));
    *ret_calendar = g_steal_pointer(&calendar);
    return NULL;
}

void roll_calendar_free(struct roll_calendar *calendar)
{
    if (!calendar)
        return;
    g_ptr_array_unref(calendar->rules);
    g_free(calendar);
}

size_t roll_calendar_size(const struct roll_calendar *calendar)
{
    return calendar->rules->len;
}

static const struct rule *rule_at(const struct roll_calendar *calendar, size_t index)
{
    return calendar->rules->pdata[index];
}

const struct roll_calendar_rule *roll_calendar_rule(const struct roll_calendar *calendar,
                                                    size_t index)
{
    return &rule_at(calendar, index)->shown;
}

/* ---- one rule ------------------------------------------------------------------------------- */

static int64_t later(int64_t at_ms, int64_t by_ms)
{
    return at_ms > ROLL_CALENDAR_LAST_MS - by_ms ? ROLL_NEVER : at_ms + by_ms;
}

/* When the opening that at_ms falls into ends, if nothing opens the window again; at_ms itself: it
 * is closed. */
static int64_t closes(const struct rule *rule, int64_t at_ms, int64_t *ret_opened)
{
    int64_t opened = roll_cron_previous(&rule->window.cron, rule->zone, at_ms);

    if (opened == ROLL_NEVER)
        return at_ms;
    *ret_opened = opened;
    return MAX(at_ms, later(opened, rule->window.length_ms));
}

/* The same over all openings that touch one another. */
static int64_t closes_for_good(const struct rule *rule, int64_t at_ms, int64_t *ret_opened)
{
    int64_t again, end = closes(rule, at_ms, ret_opened);

    for (int i = 0; i < BORDERS_MAX && end > at_ms && end != ROLL_NEVER; i++) {
        int64_t next = closes(rule, end, &again);
        if (next == end)
            return end;
        end = next;
    }
    return end;
}

static struct roll_calendar_span window_span(const struct rule *rule, int64_t at_ms)
{
    struct roll_calendar_span span = {.from = at_ms};
    int64_t ignored;

    span.to = closes_for_good(rule, at_ms, &span.from);
    span.active = span.to > at_ms;
    if (span.active)
        return span;
    span.from = span.to = roll_cron_next(&rule->window.cron, rule->zone, at_ms);
    if (span.from != ROLL_NEVER)
        span.to = closes_for_good(rule, span.from, &ignored);
    return span;
}

static struct roll_calendar_span freeze_span(const struct rule *rule, int64_t at_ms)
{
    struct roll_calendar_span span = {.from = rule->freeze.from, .to = rule->freeze.to};

    span.active = at_ms >= span.from && at_ms < span.to;
    if (at_ms >= span.to)
        span.from = span.to = ROLL_NEVER;
    return span;
}

struct roll_calendar_span roll_calendar_span(const struct roll_calendar *calendar, size_t index,
                                             int64_t at_ms)
{
    const struct rule *rule = rule_at(calendar, index);

    return rule->shown.kind == ROLL_CALENDAR_WINDOW ? window_span(rule, at_ms)
                                                    : freeze_span(rule, at_ms);
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* The freeze that holds longest; NULL: none does. */
static const struct rule *frozen(const struct roll_calendar *calendar, int64_t at_ms)
{
    const struct rule *found = NULL;

    for (size_t i = calendar->windows; i < calendar->rules->len; i++) {
        const struct rule *rule = rule_at(calendar, i);
        if (freeze_span(rule, at_ms).active && (!found || rule->freeze.to > found->freeze.to))
            found = rule;
    }
    return found;
}

/* When all freezes that touch one another from at_ms on are over; at_ms when none holds. */
static int64_t thaws(const struct roll_calendar *calendar, int64_t at_ms)
{
    for (const struct rule *rule = frozen(calendar, at_ms); rule; rule = frozen(calendar, at_ms))
        at_ms = rule->freeze.to;
    return at_ms;
}

static int64_t next_freeze(const struct roll_calendar *calendar, int64_t after_ms)
{
    int64_t next = ROLL_NEVER;

    for (size_t i = calendar->windows; i < calendar->rules->len; i++) {
        const struct freeze *freeze = &rule_at(calendar, i)->freeze;
        if (freeze->from > after_ms && freeze->to > freeze->from)
            next = MIN(next, freeze->from);
    }
    return next;
}

/* The window that is open longest by its last opening, and that opening's end; NULL: none is open.
 */
static const struct rule *opened(const struct roll_calendar *calendar, int64_t at_ms,
                                 int64_t *ret_end)
{
    const struct rule *found = NULL;
    int64_t ignored, best = at_ms;

    for (size_t i = 0; i < calendar->windows; i++) {
        int64_t end = closes(rule_at(calendar, i), at_ms, &ignored);
        if (end > best) {
            best = end;
            found = rule_at(calendar, i);
        }
    }
    *ret_end = best;
    return found;
}

/* The window that opens next, and when. */
static const struct rule *next_opening(const struct roll_calendar *calendar, int64_t after_ms,
                                       int64_t *ret_at)
{
    const struct rule *found = NULL;

    *ret_at = ROLL_NEVER;
    for (size_t i = 0; i < calendar->windows; i++) {
        const struct rule *rule = rule_at(calendar, i);
        int64_t at = roll_cron_next(&rule->window.cron, rule->zone, after_ms);
        if (at < *ret_at) {
            *ret_at = at;
            found = rule;
        }
    }
    return found;
}

static bool windows_open(const struct roll_calendar *calendar, int64_t at_ms)
{
    int64_t end;

    return calendar->windows == 0 || opened(calendar, at_ms, &end);
}

int64_t roll_calendar_opens(const struct roll_calendar *calendar, int64_t at_ms)
{
    for (int i = 0; i < BORDERS_MAX && at_ms < ROLL_CALENDAR_LAST_MS; i++) {
        at_ms = thaws(calendar, at_ms);
        if (windows_open(calendar, at_ms))
            return at_ms;
        next_opening(calendar, at_ms, &at_ms);
        if (at_ms != ROLL_NEVER && !frozen(calendar, at_ms))
            return at_ms;
    }
    return ROLL_NEVER;
}

int64_t roll_calendar_opened(const struct roll_calendar *calendar, int64_t at_ms)
{
    int64_t since = calendar->windows > 0 ? at_ms : 0;

    for (size_t i = 0; i < calendar->windows; i++) {
        int64_t opened_at = at_ms;
        if (closes(rule_at(calendar, i), at_ms, &opened_at) > at_ms)
            since = MIN(since, opened_at);
    }
    for (size_t i = calendar->windows; i < calendar->rules->len; i++) {
        const struct freeze *freeze = &rule_at(calendar, i)->freeze;
        if (freeze->to <= at_ms)
            since = MAX(since, freeze->to);
    }
    return since;
}

/* Open at at_ms: until the next freeze, or until no window is open any more. */
static void until_closed(const struct roll_calendar *calendar, int64_t at_ms,
                         struct roll_calendar_state *state)
{
    int64_t end = at_ms, frozen_from = next_freeze(calendar, at_ms);

    state->rule = calendar->windows ? &opened(calendar, at_ms, &end)->shown : NULL;
    for (int i = 0; calendar->windows && end < frozen_from; i++) {
        int64_t further;
        if (!opened(calendar, end, &further))
            break;
        end = further;
        if (i == BORDERS_MAX) {
            state->at_least = true;
            break;
        }
    }
    state->until = calendar->windows ? MIN(end, frozen_from) : frozen_from;
}

void roll_calendar_at(const struct roll_calendar *calendar, int64_t at_ms,
                      struct roll_calendar_state *ret_state)
{
    const struct rule *freeze = frozen(calendar, at_ms);
    struct roll_calendar_state state = {.open = !freeze && windows_open(calendar, at_ms)};
    int64_t ignored;

    if (state.open) {
        until_closed(calendar, at_ms, &state);
    } else {
        const struct rule *rule = freeze ? freeze : next_opening(calendar, at_ms, &ignored);
        state.rule = rule ? &rule->shown : NULL;
        state.until = roll_calendar_opens(calendar, at_ms);
    }
    *ret_state = state;
}
