/* Zones: from an instant to local time by GTimeZone, and back by search.
 *
 * GTimeZone keeps the zones that are in use, so a file is read once while a roll_zone of its name
 * is open. The way back is not GTimeZone's: its answer for a gap depends on a guess whether the
 * time is standard or not. */
#include <string.h>

#include "calendar/internal.h"

#define DAY_MS (INT64_C(86400) * 1000)

struct roll_zone {
    GTimeZone *zone;
    char *name;
};

/* Where GLib looks. */
static char *database(void)
{
    const char *folder = g_getenv("TZDIR");

    return g_strdup(folder && *folder ? folder : "/usr/share/zoneinfo");
}

/* GLib would take offsets, paths and POSIX rules (EST5EDT is a zone too, Foo5 is not) for names. */
static bool well_formed(const char *name)
{
    bool begins = true;

    for (const char *at = name; *at; at++) {
        if (begins ? !g_ascii_isalpha(*at) : !g_ascii_isalnum(*at) && !strchr("_+-/", *at))
            return false;
        begins = *at == '/';
    }
    return !begins && strlen(name) <= 64;
}

static bool has_file(const char *name)
{
    g_autofree char *folder = database();
    g_autofree char *path = g_build_filename(folder, name, NULL);

    return g_file_test(path, G_FILE_TEST_IS_REGULAR);
}

static bool has_database(void)
{
    return has_file("Etc/UTC") || has_file("UTC");
}

bool roll_zone_plausible(const char *name)
{
    return strcmp(name, "UTC") == 0 || (well_formed(name) && (has_file(name) || !has_database()));
}

static GTimeZone *find(const char *name)
{
    if (strcmp(name, "UTC") == 0)
        return g_time_zone_new_utc();
    return well_formed(name) && has_file(name) ? g_time_zone_new_identifier(name) : NULL;
}

struct roll_error *roll_zone_open(const char *name, struct roll_zone **ret_zone)
{
    GTimeZone *zone = find(name);

    if (!zone && !has_database()) {
        g_autofree char *folder = database();
        return roll_error_new(
            ROLL_E_NOT_FOUND,
            "time zone '%.64s' cannot be looked up: there is no time zone database in '%s'", name,
            folder);
    }
    if (!zone)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no time zone '%.64s'", name);
    *ret_zone = g_new0(struct roll_zone, 1);
    (*ret_zone)->zone = zone;
    (*ret_zone)->name = g_strdup(name);
    return NULL;
}

void roll_zone_free(struct roll_zone *zone)
{
    if (!zone)
        return;
    g_time_zone_unref(zone->zone);
    g_free(zone->name);
    g_free(zone);
}

const char *roll_zone_name(const struct roll_zone *zone)
{
    return zone->name;
}

static int64_t offset_ms(const struct roll_zone *zone, int64_t unix_ms)
{
    int64_t seconds = roll_floor_div(unix_ms, 1000);
    int interval = g_time_zone_find_interval(zone->zone, G_TIME_TYPE_UNIVERSAL, seconds);

    return (int64_t)g_time_zone_get_offset(zone->zone, interval) * 1000;
}

int64_t roll_zone_local(const struct roll_zone *zone, int64_t unix_ms)
{
    return unix_ms + offset_ms(zone, unix_ms);
}

/* low is before the gap, high is not: the first instant after it. */
static int64_t after_gap(const struct roll_zone *zone, int64_t low, int64_t high, int64_t local_ms)
{
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (roll_zone_local(zone, middle) > local_ms)
            high = middle;
        else
            low = middle;
    }
    return high;
}

/* Two days away from it the offsets before and after a change are seen: no two changes are that
 * near to each other. */
int64_t roll_zone_instant(const struct roll_zone *zone, int64_t local_ms)
{
    int64_t before = local_ms - offset_ms(zone, local_ms - 2 * DAY_MS);
    int64_t after = local_ms - offset_ms(zone, local_ms + 2 * DAY_MS);
    int64_t first = MIN(before, after), second = MAX(before, after);

    if (roll_zone_local(zone, first) == local_ms)
        return first;
    if (roll_zone_local(zone, second) == local_ms)
        return second;
    return after_gap(zone, first, second, local_ms);
}
