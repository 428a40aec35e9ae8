/* Dates and durations from text, for functions_date.c. */
#include "date.h"

const char *const date_months[12] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
const char *const date_days[7] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                  "Thursday", "Friday", "Saturday"};

/* Days since 1970-01-01. */
static gint64 days_from_civil(gint64 year, int month, int day)
{
    year -= month <= 2;
    gint64 era = (year >= 0 ? year : year - 399) / 400;
    gint64 of_era = year - era * 400;
    gint64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool read_digits(const char **at, int count, int *ret_number)
{
    *ret_number = 0;
    for (int i = 0; i < count; i++, (*at)++) {
        if (!g_ascii_isdigit(**at))
            return false;
        *ret_number = *ret_number * 10 + g_ascii_digit_value(**at);
    }
    return true;
}

static void skip_one(const char **at, const char *set)
{
    if (**at && strchr(set, **at))
        (*at)++;
}

static int days_in_month(int year, int month)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return lengths[month - 1] + (month == 2 && leap);
}

static void read_fraction(const char **at, int *ret_ticks)
{
    int scale = TICKS / 10;
    *ret_ticks = 0;
    if (**at != '.')
        return;
    for ((*at)++; g_ascii_isdigit(**at); (*at)++, scale /= 10)
        *ret_ticks += g_ascii_digit_value(**at) * scale;
}

/* Z, or +hh:mm; nothing means UTC. */
static bool read_zone(const char *at, int *ret_offset)
{
    int hours = 0;
    int minutes = 0;
    *ret_offset = 0;
    while (*at == ' ')
        at++;
    if (*at == 'Z' || *at == 'z')
        return at[1] == '\0';
    if (*at != '+' && *at != '-')
        return *at == '\0';
    int sign = *at++ == '-' ? -1 : 1;
    if (!read_digits(&at, 2, &hours))
        return false;
    skip_one(&at, ":");
    if (*at && !read_digits(&at, 2, &minutes))
        return false;
    *ret_offset = sign * (hours * 3600 + minutes * 60);
    return *at == '\0' && hours <= 14 && minutes < 60;
}

/* One or two digits. */
static bool read_short(const char **at, int *ret_number)
{
    return read_digits(at, g_ascii_isdigit((*at)[0]) && g_ascii_isdigit((*at)[1]) ? 2 : 1,
                       ret_number);
}

/* The word, whole or its first three letters; 0 when it is none of them, else its number from 1. */
static int read_word(const char **at, const char *const *words, int count)
{
    size_t length = 0;
    while (g_ascii_isalpha((*at)[length]))
        length++;
    for (int i = 0; i < count; i++) {
        if (g_ascii_strncasecmp(*at, words[i], length) != 0 ||
            (length != 3 && length != strlen(words[i])))
            continue;
        *at += length;
        return i + 1;
    }
    return 0;
}

/* Tue, 07 April 2020 or without the day of the week. */
static bool read_named_date(const char **at, struct civil *civil)
{
    if (g_ascii_isalpha(**at)) {
        if (read_word(at, date_days, G_N_ELEMENTS(date_days)) == 0)
            return false;
        skip_one(at, ",");
        skip_one(at, " ");
    }
    int year = 0;
    if (!read_short(at, &civil->day) || *(*at)++ != ' ')
        return false;
    civil->month = read_word(at, date_months, G_N_ELEMENTS(date_months));
    if (civil->month == 0 || *(*at)++ != ' ' || !read_digits(at, 4, &year))
        return false;
    civil->year = year;
    return true;
}

/* yyyy-MM-dd, yyyyMMdd, M/d/yyyy, [ddd, ]d MMM yyyy */
static bool read_date(const char **at, struct civil *civil)
{
    size_t first = strspn(*at, "0123456789");
    int year = 0;
    if (first == 0 || (first <= 2 && (*at)[first] == ' '))
        return read_named_date(at, civil);
    if (first <= 2) {
        bool read = read_short(at, &civil->month) && *(*at)++ == '/' &&
                    read_short(at, &civil->day) && *(*at)++ == '/' && read_digits(at, 4, &year);
        civil->year = year;
        return read;
    }
    if (!read_digits(at, 4, &year))
        return false;
    skip_one(at, "-");
    if (!read_digits(at, 2, &civil->month))
        return false;
    skip_one(at, "-");
    civil->year = year;
    return read_digits(at, 2, &civil->day);
}

/* AM or PM makes twelve hours of the day; false when the hour does not fit. */
static bool read_half(const char **at, int *hour)
{
    const char *word = *at + strspn(*at, " ");
    bool afternoon = g_ascii_strncasecmp(word, "PM", 2) == 0;
    if (!afternoon && g_ascii_strncasecmp(word, "AM", 2) != 0)
        return true;
    *at = word + 2;
    if (*hour < 1 || *hour > 12)
        return false;
    *hour = *hour % 12 + (afternoon ? 12 : 0);
    return true;
}

/* HH:mm[:ss[.f]][ AM|PM] or HHmm[ss] */
static bool read_time(const char **at, struct civil *civil, int *ret_ticks)
{
    bool colons = (*at)[strspn(*at, "0123456789")] == ':';
    if (!(colons ? read_short(at, &civil->hour) : read_digits(at, 2, &civil->hour)))
        return false;
    skip_one(at, ":");
    if (!read_digits(at, 2, &civil->minute))
        return false;
    skip_one(at, ":");
    if (g_ascii_isdigit(**at) && !read_digits(at, 2, &civil->second))
        return false;
    read_fraction(at, ret_ticks);
    return !colons || read_half(at, &civil->hour);
}

/* ISO 8601 and what utcNow and dateTimeAdd write in their standard formats; nothing means UTC. */
bool date_read(const char *text, struct moment *moment)
{
    struct civil civil = {0};
    int offset = 0;
    const char *at = text + strspn(text, " ");
    moment->ticks = 0;
    if (!read_date(&at, &civil))
        return false;
    if (*at == 'T' || *at == 't' || (*at == ' ' && g_ascii_isdigit(at[1]))) {
        at++;
        if (!read_time(&at, &civil, &moment->ticks))
            return false;
    }
    if (g_ascii_strcasecmp(at, " GMT") == 0)
        at += 4;
    if (!read_zone(at, &offset) || civil.year < 1 || civil.month < 1 || civil.month > 12 ||
        civil.day < 1 || civil.day > days_in_month((int)civil.year, civil.month) ||
        civil.hour > 23 || civil.minute > 59 || civil.second > 59)
        return false;
    moment->seconds = days_from_civil(civil.year, civil.month, civil.day) * 86400 +
                      (gint64)civil.hour * 3600 + (gint64)civil.minute * 60 + civil.second - offset;
    return true;
}

/* Seconds and ticks of `[-]PnYnMnDTnHnMn.nS`; a year is 365 days, a month 30. */
bool date_read_duration(const char *text, struct moment *duration)
{
    static const char date_letters[] = "YMD"; /* .NET knows no weeks */
    static const gint64 date_seconds[] = {31536000, 2592000, 86400};
    static const char time_letters[] = "HMS";
    static const gint64 time_seconds[] = {3600, 60, 1};
    bool negative = *text == '-';
    bool in_time = false;
    bool any = false;
    int last = -1;
    text += negative;
    if (*text++ != 'P')
        return false;
    duration->seconds = 0;
    duration->ticks = 0;
    while (*text) {
        if (*text == 'T' && !in_time) {
            in_time = true;
            last = -1;
            text++;
            if (!*text)
                return false;
            continue;
        }
        char *end = NULL;
        gint64 number = g_ascii_isdigit(*text) ? g_ascii_strtoll(text, &end, 10) : -1;
        if (number < 0 || number > 1000000000000)
            return false;
        const char *at = end;
        int ticks = 0;
        if (*at == '.' && (!in_time || !g_ascii_isdigit(at[1])))
            return false;
        bool fraction = *at == '.';
        read_fraction(&at, &ticks);
        const char *letters = in_time ? time_letters : date_letters;
        const char *found = *at ? strchr(letters, *at) : NULL;
        if (!found || found - letters <= last || (fraction && *at != 'S'))
            return false;
        last = (int)(found - letters);
        gint64 unit = in_time ? time_seconds[last] : date_seconds[last];
        if (number > 400000000000 / unit)
            return false;
        duration->seconds += number * unit;
        duration->ticks = ticks;
        text = at + 1;
        any = true;
    }
    if (negative) {
        duration->seconds = -duration->seconds;
        duration->ticks = -duration->ticks;
    }
    return any;
}
