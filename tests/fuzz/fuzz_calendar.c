/* A cron expression, a zone, a moment and a length, a line each: "0 9 * * MON-THU",
 * "Europe/Berlin", "2026-11-22T10:00:00Z", "PT8H".
 *
 * What is accepted has a next and a previous instant that are each other's inverse, and a window
 * made of it opens and closes where those say. */
#include "fuzz.h"
#include "rollbook/calendar.h"
#include "rollbook/time.h"

static void check_runs(const struct roll_cron *cron, const struct roll_zone *zone, int64_t at)
{
    int64_t last = roll_cron_previous(cron, zone, at);
    FUZZ_CHECK(last == ROLL_NEVER || last <= at, "%" G_GINT64_FORMAT, (gint64)last);

    for (int i = 0; i < 50; i++) {
        int64_t next = roll_cron_next(cron, zone, at);
        if (next == ROLL_NEVER)
            return;
        FUZZ_CHECK(next > at, "%" G_GINT64_FORMAT, (gint64)next);
        FUZZ_CHECK(roll_cron_previous(cron, zone, next) == next, "%" G_GINT64_FORMAT, (gint64)next);
        FUZZ_CHECK(roll_cron_previous(cron, zone, next - 1) == last, "%" G_GINT64_FORMAT,
                   (gint64)next);
        at = last = next;
    }
}

static void check_window(const char *cron, const char *zone, const char *length, int64_t at)
{
    roll_auto(json) json_t *windows =
        json_pack("[{s:s,s:s,s:s,s:s}]", "name", "w", "cron", cron, "zone", zone, "for", length);
    roll_auto(calendar) struct roll_calendar *calendar = NULL;
    struct roll_calendar_state state, then;

    if (!windows || !fuzz_ok(roll_calendar_new(windows, NULL, &calendar)))
        return;
    for (int i = 0; i < 10; i++) {
        roll_calendar_at(calendar, at, &state);
        FUZZ_CHECK(state.until > at, "%" G_GINT64_FORMAT, (gint64)state.until);
        FUZZ_CHECK(roll_calendar_opens(calendar, at) == (state.open ? at : state.until), "%s",
                   cron);
        if (state.until == ROLL_NEVER || state.at_least)
            return;
        roll_calendar_at(calendar, state.until, &then);
        FUZZ_CHECK(then.open != state.open, "%s", cron);
        roll_calendar_at(calendar, state.until - 1, &then);
        FUZZ_CHECK(then.open == state.open, "%s", cron);
        at = state.until;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_begin();
    g_autofree char *text = fuzz_text(data, size);
    g_auto(GStrv) lines = g_strsplit(text, "\n", 5);
    roll_auto(zone) struct roll_zone *zone = NULL;
    struct roll_cron cron;
    int64_t at = 0;

    if (g_strv_length(lines) >= 4 && fuzz_ok(roll_cron_parse(lines[0], &cron)) &&
        fuzz_ok(roll_zone_open(lines[1], &zone)) && fuzz_ok(roll_time_parse(lines[2], &at))) {
        check_runs(&cron, zone, at);
        check_window(lines[0], lines[1], lines[3], at);
    }
    fuzz_end();
    return 0;
}
