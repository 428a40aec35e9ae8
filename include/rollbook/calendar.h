/* When: cron expressions, IANA zones, windows and freezes (DESIGN section 7, *Schedule*).
 *
 * Pure on UTC milliseconds: nothing here asks a clock. A local time that a daylight-saving gap leaves out counts as the
 * first instant after the gap; one that comes twice counts once, at the first. One evaluator answers "now" and "when".
 * Instants lie between the years 1970 and 9000; what is asked outside of that never happens. */
#ifndef ROLLBOOK_CALENDAR_H
#define ROLLBOOK_CALENDAR_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/error.h"

#define ROLL_NEVER INT64_MAX

/* ---- cron ----------------------------------------------------------------------------------- */

/* Minute, hour, day of month, month, day of week; lists, ranges, steps, names (JAN-DEC, SUN-SAT); 7 is Sunday. As in Vixie
 * cron a day must satisfy both day fields if one of them begins with a star, else either. Plain data. */
struct roll_cron {
    uint64_t minutes;
    uint32_t hours, days, months; /* days and months from 1 */
    uint32_t weekdays;            /* from 0, Sunday */
    bool both_days;
};
/* ROLL_E_INVALID names field, column and what is expected; an expression that no date ever satisfies (February 30) is none. */
struct roll_error *roll_cron_parse(const char *text, struct roll_cron *ret_cron) ROLL_CHECKED;

/* ---- zones ---------------------------------------------------------------------------------- */

/* An IANA zone by the system's time zone database, or UTC, which needs none. Its file is read once while one is open. */
struct roll_zone;
/* ROLL_E_NOT_FOUND: the database has no zone of this name (or there is no database, which the message says). */
struct roll_error *roll_zone_open(const char *name, struct roll_zone **ret_zone) ROLL_CHECKED;
void roll_zone_free(struct roll_zone *zone);
ROLL_AUTO_DEFINE(zone, struct roll_zone, roll_zone_free)
const char *roll_zone_name(const struct roll_zone *zone); /* borrowed */

/* Without reading it: false only if there is a database, and no such zone in it. */
bool roll_zone_plausible(const char *name);

/* Local time as if it were UTC, in ms; and back: the first instant with this local time, or the first after the gap. */
int64_t roll_zone_local(const struct roll_zone *zone, int64_t unix_ms);
int64_t roll_zone_instant(const struct roll_zone *zone, int64_t local_ms);

/* The first instant after after_ms, the last one not after at_ms; ROLL_NEVER. */
int64_t roll_cron_next(const struct roll_cron *cron, const struct roll_zone *zone, int64_t after_ms);
int64_t roll_cron_previous(const struct roll_cron *cron, const struct roll_zone *zone, int64_t at_ms);

/* ---- windows and freezes -------------------------------------------------------------------- */

enum roll_calendar_kind { ROLL_CALENDAR_WINDOW, ROLL_CALENDAR_FREEZE };

/* One window or freeze, seen from an instant. Owned by the calendar. */
struct roll_calendar_rule {
    enum roll_calendar_kind kind;
    const char *name;
    const struct roll_zone *zone;
};
/* active: the window is open, or the freeze holds, from `from` to before `to`; else that is when it next does. Both are
 * ROLL_NEVER when it never will again. A window that is opened again before it closes goes on (`to` may then be as far as
 * was looked). */
struct roll_calendar_span {
    bool active;
    int64_t from, to;
};

struct roll_calendar;
/* From a plan's "windows" and "freezes" (either may be NULL). ROLL_E_INVALID, ROLL_E_NOT_FOUND (zone) name the rule. */
struct roll_error *roll_calendar_new(const json_t *windows, const json_t *freezes, struct roll_calendar **ret_calendar) ROLL_CHECKED;
void roll_calendar_free(struct roll_calendar *calendar);
ROLL_AUTO_DEFINE(calendar, struct roll_calendar, roll_calendar_free)

size_t roll_calendar_size(const struct roll_calendar *calendar); /* number of rules; none: always open */
const struct roll_calendar_rule *roll_calendar_rule(const struct roll_calendar *calendar, size_t index);
struct roll_calendar_span roll_calendar_span(const struct roll_calendar *calendar, size_t index, int64_t at_ms);

/* Open if no freeze holds and, where there are windows, one is open. */
struct roll_calendar_state {
    bool open;
    const struct roll_calendar_rule *rule; /* that says so: the freeze that holds longest, the window that is open longest or
                                              opens next; NULL: nothing restricts (or no window ever opens again) */
    int64_t until;                         /* the next change, ROLL_NEVER when there is none */
    bool at_least;                         /* only looked so far: it may last longer */
};
void roll_calendar_at(const struct roll_calendar *calendar, int64_t at_ms, struct roll_calendar_state *ret_state);

/* The first instant not before at_ms at which it is open; ROLL_NEVER. */
int64_t roll_calendar_opens(const struct roll_calendar *calendar, int64_t at_ms);

/* While it is open: since the last opening of a window or the end of a freeze, 0: since ever. */
int64_t roll_calendar_opened(const struct roll_calendar *calendar, int64_t at_ms);

#endif
