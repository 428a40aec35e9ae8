/* Clocks, and RFC 3339 by hand: exact for the years 1 to 9999, without a time zone database. */
#include "rollbook/time.h"

#include <string.h>
#include <time.h>

#define MS_PER_DAY INT64_C(86400000)
#define FIRST_MS INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define LAST_MS INT64_C(253402300799999)  /* 9999-12-31T23:59:59.999Z */

static int64_t clock_ms(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t roll_boot_ms(void)
{
    return clock_ms(CLOCK_BOOTTIME);
}

#ifdef ROLL_TESTING
/* Distance between the faked and the real wall clock, measured once. */
static int64_t test_offset_ms(void)
{
    static gsize ready;
    static int64_t offset_ms;

    if (g_once_init_enter(&ready)) {
        const char *text = g_getenv("ROLL_TEST_NOW");
        int64_t now_ms = 0;
        roll_auto(error) struct roll_error *err = text ? roll_time_parse(text, &now_ms) : NULL;
        if (err)
            g_error("ROLL_TEST_NOW: %s",
                    err->message); /* a test with a wrong clock must not pass */
        if (text)
            offset_ms = now_ms - clock_ms(CLOCK_REALTIME);
        g_once_init_leave(&ready, 1);
    }
    return offset_ms;
}
#endif

int64_t roll_now_ms(void)
{
#ifdef ROLL_TESTING
    int64_t offset_ms = test_offset_ms(); /* before the clock is read: the first call sets it */

    return clock_ms(CLOCK_REALTIME) + offset_ms;
#else
    return clock_ms(CLOCK_REALTIME);
#endif
}

static bool is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int days_in_month(int year, int month)
{
    static const signed char days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that
 * the leap day is the last of its year. */
static int64_t days_of_date(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t m = (month + 9) % 12;

    return y * 365 + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

static void date_of_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t n = days + 719468; /* since 0000-03-01, not negative for the years 1 to 9999 */
    int64_t year = (10000 * n + 14780) / 3652425;
    int64_t rest = n - (365 * year + year / 4 - year / 100 + year / 400);

    if (rest < 0) {
        year--;
        rest = n - (365 * year + year / 4 - year / 100 + year / 400);
    }
    int64_t m = (100 * rest + 52) / 3060;
    *ret_month = (int)((m + 2) % 12 + 1);
    *ret_year = (int)(year + (m + 2) / 12);
    *ret_day = (int)(rest - (m * 306 + 5) / 10 + 1);
}

static char *put_digits(char *at, int value, int digits, char after)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = after;
    return at + digits + 1;
}

char *roll_time_http(int64_t unix_ms)
{
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autoptr(GDateTime) at = g_date_time_new_from_unix_utc(unix_ms / 1000);

    return g_strdup_printf("%s, %02d %s %04d %02d:%02d:%02d GMT",
                           days[g_date_time_get_day_of_week(at) - 1],
                           g_date_time_get_day_of_month(at), months[g_date_time_get_month(at) - 1],
                           g_date_time_get_year(at), g_date_time_get_hour(at),
                           g_date_time_get_minute(at), g_date_time_get_second(at));
}

void roll_time_format(int64_t unix_ms, char ret_text[ROLL_TIME_SIZE])
{
    int64_t ms = CLAMP(unix_ms, FIRST_MS, LAST_MS) - FIRST_MS; /* from here on not negative */
    int in_day = (int)(ms % MS_PER_DAY);
    int year, month, day;

    date_of_days(ms / MS_PER_DAY + FIRST_MS / MS_PER_DAY, &year, &month, &day);
    char *at = put_digits(ret_text, year, 4, '-');
    at = put_digits(at, month, 2, '-');
    at = put_digits(at, day, 2, 'T');
    at = put_digits(at, in_day / 3600000, 2, ':');
    at = put_digits(at, in_day / 60000 % 60, 2, ':');
    if (in_day % 1000 == 0) {
        at = put_digits(at, in_day / 1000 % 60, 2, 'Z');
    } else {
        at = put_digits(at, in_day / 1000 % 60, 2, '.');
        at = put_digits(at, in_day % 1000, 3, 'Z');
    }
    *at = '\0';
}

/* Exactly `digits` digits, moved over; -1 when there are fewer. */
static int take_digits(const char **at, int digits)
{
    int value = 0;

    for (int i = 0; i < digits; i++, (*at)++) {
        if (!g_ascii_isdigit(**at))
            return -1;
        value = value * 10 + (**at - '0');
    }
    return value;
}

static bool take(const char **at, const char *any_of)
{
    if (**at == '\0' || !strchr(any_of, **at))
        return false;
    (*at)++;
    return true;
}

static bool take_date(const char **at, int64_t *ret_days)
{
    int year = take_digits(at, 4);
    if (year < 1 || !take(at, "-"))
        return false;
    int month = take_digits(at, 2);
    if (month < 1 || month > 12 || !take(at, "-"))
        return false;
    int day = take_digits(at, 2);
    if (day < 1 || day > days_in_month(year, month))
        return false;
    *ret_days = days_of_date(year, month, day);
    return true;
}

static bool take_clock(const char **at, int64_t *ret_ms)
{
    int hour = take_digits(at, 2);
    if (hour < 0 || hour > 23 || !take(at, ":"))
        return false;
    int minute = take_digits(at, 2);
    if (minute < 0 || minute > 59 || !take(at, ":"))
        return false;
    int second = take_digits(at, 2);
    if (second < 0 || second > 60) /* 60: a leap second, which Unix time counts as the next one */
        return false;
    int64_t ms = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)second * 1000;
    if (take(at, ".")) {
        int digits = 0;
        for (int weight = 100; g_ascii_isdigit(**at); (*at)++, digits++, weight /= 10)
            ms += (int64_t)weight * (**at - '0');
        if (digits < 1 || digits > 9)
            return false;
    }
    *ret_ms = ms;
    return true;
}

static bool take_offset(const char **at, int64_t *ret_ms)
{
    *ret_ms = 0;
    if (take(at, "Zz"))
        return true;
    int sign = **at == '-' ? -1 : 1;
    if (!take(at, "+-"))
        return false;
    int hours = take_digits(at, 2);
    if (hours < 0 || hours > 23 || !take(at, ":"))
        return false;
    int minutes = take_digits(at, 2);
    if (minutes < 0 || minutes > 59)
        return false;
    *ret_ms = (int64_t)sign * (hours * 60 + minutes) * 60000;
    return true;
}

struct roll_error *roll_time_parse(const char *text, int64_t *ret_unix_ms)
{
    const char *at = text;
    int64_t days, clock, offset;

    if (!take_date(&at, &days) || !take(&at, "Tt ") || !take_clock(&at, &clock) ||
        !take_offset(&at, &offset) || *at != '\0')
        return roll_error_new(ROLL_E_INVALID, "'%.64s' is not an RFC 3339 time", text);
    int64_t ms = days * MS_PER_DAY + clock - offset;
    if (ms < FIRST_MS || ms > LAST_MS)
        return roll_error_new(ROLL_E_INVALID, "'%.64s' lies outside the years 1 to 9999", text);
    *ret_unix_ms = ms;
    return NULL;
}
