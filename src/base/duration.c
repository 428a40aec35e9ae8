/* Durations: what people type, what ISO 8601 says, and how they are shown. */
#include <string.h>

#include "rollbook/time.h"

#define SECOND_MS INT64_C(1000)
#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)
#define DAY_MS INT64_C(86400000)

/* Digits, moved over; false when there is none or they do not fit. */
static bool take_number(const char **at, int64_t *ret_value)
{
    int64_t value = 0;

    if (!g_ascii_isdigit(**at))
        return false;
    for (; g_ascii_isdigit(**at); (*at)++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, **at - '0', &value))
            return false;
    *ret_value = value;
    return true;
}

static bool add(int64_t number, int64_t unit_ms, int64_t *sum_ms)
{
    int64_t ms;

    return !__builtin_mul_overflow(number, unit_ms, &ms) &&
           !__builtin_add_overflow(*sum_ms, ms, sum_ms);
}

static bool parse_short(const char *text, int64_t *ret_ms)
{
    static const char letters[] = "smhd";
    static const int64_t units[] = {SECOND_MS, MINUTE_MS, HOUR_MS, DAY_MS};
    int64_t number, ms = 0;

    if (!take_number(&text, &number) || *text == '\0' || text[1] != '\0')
        return false;
    const char *letter = strchr(letters, *text);
    if (!letter || !add(number, units[letter - letters], &ms))
        return false;
    *ret_ms = ms;
    return true;
}

/* `.25S` of `1.25S`: the digits behind the point, to the millisecond. */
static bool take_fraction(const char **at, int64_t *sum_ms)
{
    int64_t weight = 100;

    (*at)++;
    if (!g_ascii_isdigit(**at))
        return false;
    for (; g_ascii_isdigit(**at); (*at)++, weight /= 10)
        if (__builtin_add_overflow(*sum_ms, weight * (**at - '0'), sum_ms))
            return false;
    return **at == 'S';
}

/* Units in their order, each at most once; T before the units of the clock, and only if one
 * follows. */
static bool parse_iso(const char *text, int64_t *ret_ms)
{
    static const char letters[] = "WDHMS";
    static const int64_t units[] = {7 * DAY_MS, DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS};
    int64_t ms = 0;
    ptrdiff_t next = 0;
    bool clock = false, any = false;

    text++; /* P */
    while (*text) {
        int64_t number;
        if (*text == 'T' && !clock) {
            clock = true;
            any = false;
            next = 2;
            text++;
            continue;
        }
        if (!take_number(&text, &number))
            return false;
        if (*text == '.' && (!clock || !take_fraction(&text, &ms)))
            return false;
        const char *letter = *text ? strchr(letters, *text) : NULL;
        if (!letter || letter - letters < next || (letter - letters >= 2) != clock)
            return false;
        if (!add(number, units[letter - letters], &ms))
            return false;
        next = letter - letters + 1;
        any = true;
        text++;
    }
    *ret_ms = ms;
    return any;
}

struct roll_error *roll_duration_parse(const char *text, int64_t *ret_ms)
{
    int64_t ms;

    if (*text == 'P' ? !parse_iso(text, &ms) : !parse_short(text, &ms))
        return roll_error_new(ROLL_E_INVALID,
                              "'%.64s' is not a duration (such as '30s', '10m', '1h' or 'PT1H30M')",
                              text);
    *ret_ms = ms;
    return NULL;
}

static void write_pair(int64_t amount, int64_t per_big, const char *big, const char *small,
                       GString *out)
{
    g_string_append_printf(out, "%" G_GINT64_FORMAT " %s", amount / per_big, big);
    if (amount % per_big)
        g_string_append_printf(out, " %" G_GINT64_FORMAT " %s", amount % per_big, small);
}

/* Rounded to the smaller unit before the choice, so that 59.9 s is a minute and not `60 s`. */
void roll_duration_write(int64_t ms, GString *out)
{
    if (ms < 0) {
        g_string_append_c(out, '-');
        ms = ms == INT64_MIN ? INT64_MAX : -ms;
    }
    int64_t tenths = ms / 100 + (ms % 100 >= 50);
    int64_t seconds = ms / SECOND_MS + (ms % SECOND_MS >= 500);
    int64_t minutes = ms / MINUTE_MS + (ms % MINUTE_MS >= 30000);
    int64_t hours = ms / HOUR_MS + (ms % HOUR_MS >= 1800000);

    if (tenths < 100 && tenths % 10 != 0)
        g_string_append_printf(out, "%d.%d s", (int)(tenths / 10), (int)(tenths % 10));
    else if (seconds < 60)
        g_string_append_printf(out, "%d s", (int)seconds);
    else if (seconds < 3600)
        write_pair(seconds, 60, "min", "s", out);
    else if (minutes < 1440)
        write_pair(minutes, 60, "h", "min", out);
    else
        write_pair(hours, 24, "d", "h", out);
}
