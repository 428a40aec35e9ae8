/* What a schedule asks for at an instant: to request, to pass by, or to wait. */
#include "rollbook/calendar.h"
#include "rollbook/policy.h"

struct times {
    const struct roll_plan_schedule *schedule;
    const struct roll_cron *cron;
    const struct roll_zone *zone;
    int64_t now;
};

static int64_t after(int64_t at, int64_t ms)
{
    return at > ROLL_NEVER - ms ? ROLL_NEVER : at + ms;
}

/* Also what waits for an approval or a window ends then: it must not start beside the next one. */
static int64_t expiry(const struct times *times, int64_t at)
{
    int64_t end = times->schedule->expires_ms > 0 ? after(at, times->schedule->expires_ms)
                                                  : roll_cron_next(times->cron, times->zone, at);

    return end == ROLL_NEVER ? 0 : end;
}

/* A slot that lies in the past, and of which nothing has become yet. */
static struct roll_slot_due past(const struct times *times, int64_t at, bool first)
{
    struct roll_slot_due due = {.at = at, .expires = expiry(times, at)};
    bool late = times->now > after(at, ROLL_SLOT_LATE_MS);
    bool expired = due.expires != 0 && times->now >= due.expires;

    if (late && (first || !times->schedule->run_missed))
        due.step = ROLL_SLOT_SKIP;
    else
        due.step = expired ? ROLL_SLOT_EXPIRE : ROLL_SLOT_REQUEST;
    return due;
}

static struct roll_slot_due ahead(const struct times *times, int64_t known_at)
{
    int64_t at = roll_cron_next(times->cron, times->zone, MAX(times->now, known_at));
    struct roll_slot_due due = {.at = at, .wake = ROLL_NEVER};

    if (at == ROLL_NEVER)
        return due;
    due.wake = at - times->schedule->ask_ms;
    if (due.wake > times->now)
        return due;
    due.step = ROLL_SLOT_REQUEST;
    due.expires = expiry(times, at);
    return due;
}

struct roll_error *roll_slot_next(const struct roll_plan_schedule *schedule, int64_t now_ms,
                                  int64_t known_at, struct roll_slot_due *ret_due)
{
    roll_auto(zone) struct roll_zone *zone = NULL;
    struct roll_cron cron;

    ROLL_TRY(roll_cron_parse(schedule->cron, &cron));
    ROLL_TRY(roll_zone_open(schedule->zone, &zone));
    struct times times = {schedule, &cron, zone, now_ms};
    int64_t last = roll_cron_previous(&cron, zone, now_ms);
    if (last != ROLL_NEVER && last > known_at) {
        *ret_due = past(&times, last, known_at == 0);
        ret_due->wake = ahead(&times, last).wake;
    } else {
        *ret_due = ahead(&times, known_at);
    }
    return NULL;
}

enum { COUNT_MAX = 10000 };

struct roll_error *roll_slot_missed(const struct roll_plan_schedule *schedule, int64_t now_ms,
                                    int64_t known_at, int64_t due_at, GArray *slots,
                                    int64_t *ret_earlier)
{
    roll_auto(zone) struct roll_zone *zone = NULL;
    struct roll_cron cron;
    int64_t earlier = 0;

    g_array_set_size(slots, 0);
    *ret_earlier = 0;
    ROLL_TRY(roll_cron_parse(schedule->cron, &cron));
    ROLL_TRY(roll_zone_open(schedule->zone, &zone));
    if (known_at == 0 || roll_cron_previous(&cron, zone, known_at) != known_at)
        return NULL;
    const struct times times = {schedule, &cron, zone, now_ms};
    int64_t at = roll_cron_previous(&cron, zone, due_at - 1);
    for (; at != ROLL_NEVER && at > known_at && slots->len < ROLL_SLOT_MISSED_MAX;
         at = roll_cron_previous(&cron, zone, at - 1)) {
        const struct roll_slot_due slot = past(&times, at, false);
        g_array_prepend_val(slots, slot);
    }
    for (; at != ROLL_NEVER && at > known_at && earlier < COUNT_MAX;
         at = roll_cron_previous(&cron, zone, at - 1))
        earlier++;
    *ret_earlier = earlier;
    return NULL;
}
