/* utcNow, dateTimeAdd, dateTimeFromEpoch, dateTimeToEpoch (reference 17.7, 18.6). Times are seconds
 * since 1970 and ticks of 100 ns, UTC, in the proleptic Gregorian calendar from year 1 to 9999. */
#include "date.h"
#include "function.h"

#include "rollbook/time.h"

#define FIRST_SECOND (-62135596800) /* 0001-01-01 */
#define LAST_SECOND 253402300799    /* 9999-12-31 23:59:59 */

static void civil_from(gint64 seconds, struct civil *civil)
{
    gint64 day_number = seconds / 86400 - (seconds % 86400 < 0);
    int rest = (int)(seconds - day_number * 86400);
    gint64 shifted = day_number + 719468;
    gint64 era = (shifted >= 0 ? shifted : shifted - 146096) / 146097;
    gint64 of_era = shifted - era * 146097;
    gint64 year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    gint64 of_year = of_era - (365 * year + year / 4 - year / 100);
    int month = (int)((5 * of_year + 2) / 153);
    civil->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    civil->month = month < 10 ? month + 3 : month - 9;
    civil->year = year + era * 400 + (civil->month <= 2);
    civil->hour = rest / 3600;
    civil->minute = rest / 60 % 60;
    civil->second = rest % 60;
    civil->weekday = (int)((day_number % 7 + 11) % 7);
}

/* ---- writing ---- */

static size_t run_length(const char *at)
{
    size_t length = 1;
    while (at[length] == *at)
        length++;
    return length;
}

static void append_number(gint64 number, int digits, GString *out)
{
    g_string_append_printf(out, "%0*" G_GINT64_FORMAT, digits, number);
}

static void append_fraction(int ticks, size_t digits, bool optional, GString *out)
{
    char text[8];
    g_snprintf(text, sizeof(text), "%07d", ticks);
    size_t length = MIN(digits, 7u);
    if (optional)
        while (length > 0 && text[length - 1] == '0')
            length--;
    if (optional && length == 0 && out->len > 0 && out->str[out->len - 1] == '.')
        g_string_truncate(out, out->len - 1);
    g_string_append_len(out, text, (gssize)length);
}

static void append_day(const struct civil *civil, size_t length, GString *out)
{
    if (length <= 2)
        append_number(civil->day, (int)length, out);
    else
        g_string_append_len(out, date_days[civil->weekday], length == 3 ? 3 : -1);
}

static void append_month(const struct civil *civil, size_t length, GString *out)
{
    if (length <= 2)
        append_number(civil->month, (int)length, out);
    else
        g_string_append_len(out, date_months[civil->month - 1], length == 3 ? 3 : -1);
}

static void append_field(const struct moment *moment, const struct civil *civil, char letter,
                         size_t length, GString *out)
{
    int hour12 = civil->hour % 12 == 0 ? 12 : civil->hour % 12;
    int digits = length > 2 ? 2 : (int)length;
    switch (letter) {
    case 'd':
        append_day(civil, length, out);
        break;
    case 'M':
        append_month(civil, length, out);
        break;
    case 'y':
        append_number(length <= 2 ? civil->year % 100 : civil->year, (int)length, out);
        break;
    case 'h':
        append_number(hour12, digits, out);
        break;
    case 'H':
        append_number(civil->hour, digits, out);
        break;
    case 'm':
        append_number(civil->minute, digits, out);
        break;
    case 's':
        append_number(civil->second, digits, out);
        break;
    case 'f':
    case 'F':
        append_fraction(moment->ticks, length, letter == 'F', out);
        break;
    case 't':
        g_string_append_len(out, civil->hour < 12 ? "AM" : "PM", length == 1 ? 1 : 2);
        break;
    case 'z':
        g_string_append(out, length == 1 ? "+0" : length == 2 ? "+00" : "+00:00");
        break;
    case 'g':
        g_string_append(out, "A.D.");
        break;
    default:
        g_string_append_c(out, 'Z');
        break;
    }
}

static struct roll_error *append_custom(const struct call *call, const struct moment *moment,
                                        const char *format, GString *out)
{
    struct civil civil;
    civil_from(moment->seconds, &civil);
    for (const char *at = format; *at;) {
        if (strchr("dMyhHmsfFtzgK", *at)) {
            size_t length = *at == 'K' ? 1 : run_length(at);
            append_field(moment, &civil, *at, length, out);
            at += length;
        } else if (*at == '\'' || *at == '"') {
            const char *end = strchr(at + 1, *at);
            if (!end)
                return function_error(
                    call, "has an invalid parameter. The format '%.100s' has an open quote.",
                    format);
            g_string_append_len(out, at + 1, end - at - 1);
            at = end + 1;
        } else if (*at == '\\' && at[1]) {
            g_string_append_c(out, at[1]);
            at += 2;
        } else if (*at == '%' && at[1]) {
            at++;
        } else {
            g_string_append_c(out, *at++);
        }
    }
    return NULL;
}

static const char *standard_format(char letter)
{
    static const struct {
        char letter;
        const char *format;
    } standard[] = {
        {'d', "MM/dd/yyyy"},
        {'D', "dddd, dd MMMM yyyy"},
        {'t', "HH:mm"},
        {'T', "HH:mm:ss"},
        {'f', "dddd, dd MMMM yyyy HH:mm"},
        {'F', "dddd, dd MMMM yyyy HH:mm:ss"},
        {'g', "MM/dd/yyyy HH:mm"},
        {'G', "MM/dd/yyyy HH:mm:ss"},
        {'M', "MMMM dd"},
        {'m', "MMMM dd"},
        {'Y', "yyyy MMMM"},
        {'y', "yyyy MMMM"},
        {'o', "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"},
        {'O', "yyyy-MM-dd'T'HH:mm:ss.fffffff'Z'"},
        {'r', "ddd, dd MMM yyyy HH:mm:ss 'GMT'"},
        {'R', "ddd, dd MMM yyyy HH:mm:ss 'GMT'"},
        {'s', "yyyy-MM-dd'T'HH:mm:ss"},
        {'u', "yyyy-MM-dd HH:mm:ss'Z'"},
        {'U', "dddd, dd MMMM yyyy HH:mm:ss"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(standard); i++)
        if (standard[i].letter == letter)
            return standard[i].format;
    return NULL;
}

static struct roll_error *return_moment(const struct call *call, const struct moment *moment,
                                        const char *format, json_t **ret_value)
{
    g_autoptr(GString) out = g_string_new(NULL);
    if (moment->seconds < FIRST_SECOND || moment->seconds > LAST_SECOND)
        return function_error(call, "gives a time outside the years 1 to 9999.");
    if (format[0] && !format[1]) {
        const char *standard = standard_format(format[0]);
        if (!standard)
            return function_error(call, "has an invalid parameter. The format '%s' is not valid.",
                                  format);
        format = standard;
    }
    if (!*format)
        format = "MM/dd/yyyy HH:mm:ss";
    ROLL_TRY(append_custom(call, moment, format, out));
    return return_text(call, g_steal_pointer(&out), ret_value);
}

/* ---- the functions ---- */

struct roll_error *function_utc_now(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    struct moment now = {.seconds = work->utc_seconds, .ticks = work->utc_ticks};
    const char *format =
        call->count > 0 ? json_string_value(call->args[0]) : "yyyyMMdd'T'HHmmss'Z'";
    return return_moment(call, &now, format, ret_value);
}

struct roll_error *function_date_time_add(const struct call *call, json_t **ret_value)
{
    struct moment moment;
    struct moment duration;
    if (!date_read(json_string_value(call->args[0]), &moment))
        return template_error("The template function 'dateTimeAdd' has an invalid parameter. The "
                              "first parameter '%.100s' "
                              "is not a valid DateTime string. Please see "
                              "https://aka.ms/arm-function-dateTimeAdd for "
                              "usage details.",
                              json_string_value(call->args[0]));
    if (!date_read_duration(json_string_value(call->args[1]), &duration))
        return template_error(
            "The template function 'dateTimeAdd' has an invalid parameter. The second parameter "
            "'%.100s' is not a valid ISO8601 Duration string. Please see "
            "https://aka.ms/arm-function-dateTimeAdd for usage details.",
            json_string_value(call->args[1]));
    moment.seconds += duration.seconds;
    moment.ticks += duration.ticks;
    if (moment.ticks >= TICKS) {
        moment.seconds++;
        moment.ticks -= TICKS;
    } else if (moment.ticks < 0) {
        moment.seconds--;
        moment.ticks += TICKS;
    }
    const char *format =
        call->count > 2 ? json_string_value(call->args[2]) : "yyyy-MM-dd'T'HH:mm:ss'Z'";
    return return_moment(call, &moment, format, ret_value);
}

struct roll_error *function_date_time_from_epoch(const struct call *call, json_t **ret_value)
{
    struct moment moment = {.seconds = json_integer_value(call->args[0])};
    return return_moment(call, &moment, "yyyy-MM-dd'T'HH:mm:ss'Z'", ret_value);
}

struct roll_error *function_date_time_to_epoch(const struct call *call, json_t **ret_value)
{
    struct moment moment;
    if (!date_read(json_string_value(call->args[0]), &moment))
        return template_error(
            "The template function 'dateTimeToEpoch' has an invalid parameter. The first parameter "
            "'%.100s' is not a valid DateTime string. Please see https://aka.ms/arm-functions for "
            "usage details.",
            json_string_value(call->args[0]));
    *ret_value = json_integer(moment.seconds);
    return NULL;
}

struct roll_error *work_time(struct work *work)
{
    struct moment now;
    if (!work->utc_now) {
        gint64 milliseconds = roll_now_ms();
        work->utc_seconds = milliseconds / 1000;
        work->utc_ticks = (int)(milliseconds % 1000) * (TICKS / 1000);
        return NULL;
    }
    if (!date_read(work->utc_now, &now))
        return roll_error_new(ROLL_E_INVALID, "'%.100s' is not a time such as 2026-01-31T12:00:00Z",
                              work->utc_now);
    work->utc_seconds = now.seconds;
    work->utc_ticks = now.ticks;
    return NULL;
}
