/* The next and the previous instant of a cron expression in a zone.
 *
 * Local minutes are searched day by day; the instant of each is looked up. Instants do not fall as
 * local minutes rise, so the search can begin at the local time of the question. A gap makes
 * several minutes one instant, which is one run. */
#include "calendar/internal.h"

enum { MINUTES_A_DAY = 1440, EPOCH_JULIAN = 719163 /* 1970-01-01 as GDate counts days */ };

/* The rarest date, February 29 on a given day of the week, comes within 40 years. */
enum { SEARCH_DAYS = 41 * 366 };

#define MINUTE_MS INT64_C(60000)
#define DAY_MS (MINUTES_A_DAY * MINUTE_MS)

static bool day_matches(const struct roll_cron *cron, int64_t day)
{
    GDate date;

    g_date_clear(&date, 1);
    g_date_set_julian(&date, (guint32)(day + EPOCH_JULIAN));
    if (!(cron->months >> g_date_get_month(&date) & 1))
        return false;
    bool of_month = cron->days >> g_date_get_day(&date) & 1;
    bool of_week = cron->weekdays >> (g_date_get_weekday(&date) % 7) & 1;
    return cron->both_days ? of_month && of_week : of_month || of_week;
}

static bool minute_matches(const struct roll_cron *cron, int minute)
{
    return (cron->hours >> (minute / 60) & 1) && (cron->minutes >> (minute % 60) & 1);
}

/* The first matching local minute from `from` on, in steps of 1, or the last one up to it, in steps
 * of -1; -1: none. */
static int64_t search(const struct roll_cron *cron, int64_t from, int step)
{
    int64_t day = roll_floor_div(from, MINUTES_A_DAY);
    int minute = (int)(from - day * MINUTES_A_DAY);

    for (int days = 0; days < SEARCH_DAYS && day >= 0; days++, day += step) {
        if (day_matches(cron, day))
            for (; minute >= 0 && minute < MINUTES_A_DAY; minute += step)
                if (minute_matches(cron, minute))
                    return day * MINUTES_A_DAY + minute;
        minute = step > 0 ? 0 : MINUTES_A_DAY - 1;
    }
    return -1;
}

static bool in_range(int64_t unix_ms)
{
    return unix_ms >= ROLL_CALENDAR_FIRST_MS && unix_ms <= ROLL_CALENDAR_LAST_MS;
}

int64_t roll_cron_next(const struct roll_cron *cron, const struct roll_zone *zone, int64_t after_ms)
{
    if (!in_range(after_ms))
        return ROLL_NEVER;
    int64_t minute = roll_floor_div(roll_zone_local(zone, after_ms), MINUTE_MS);
    for (minute = search(cron, minute, 1); minute >= 0; minute = search(cron, minute + 1, 1)) {
        int64_t instant = roll_zone_instant(zone, minute * MINUTE_MS);
        if (instant > after_ms) /* else of the first pass through a doubled hour */
            return in_range(instant) ? instant : ROLL_NEVER;
    }
    return ROLL_NEVER;
}

int64_t roll_cron_previous(const struct roll_cron *cron, const struct roll_zone *zone,
                           int64_t at_ms)
{
    if (!in_range(at_ms))
        return ROLL_NEVER;
    /* In the second pass through a doubled hour all of the first has been, also what is later by
     * the clock on the wall. */
    int64_t now = roll_zone_local(zone, at_ms);
    int64_t before = roll_zone_local(zone, at_ms - 2 * DAY_MS) + 2 * DAY_MS;
    int64_t minute = roll_floor_div(MAX(now, before), MINUTE_MS);
    for (minute = search(cron, minute, -1); minute >= 0; minute = search(cron, minute - 1, -1)) {
        int64_t instant = roll_zone_instant(zone, minute * MINUTE_MS);
        if (instant <= at_ms)
            return instant < ROLL_CALENDAR_FIRST_MS ? ROLL_NEVER : instant;
    }
    return ROLL_NEVER;
}
