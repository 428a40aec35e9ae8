/* A cron expression as sets of bits, with errors that say where.
 *
 * Grammar of a field: ITEM{,ITEM}; ITEM is * or A or A-B, and * and A-B may be followed by /STEP.
 */
#include <string.h>

#include "rollbook/calendar.h"

struct field {
    const char *name;
    int low, high;
    const char *const *words; /* names of low, low + 1, … or NULL */
};

static const char *const month_words[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL",
                                          "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const day_words[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

enum { MINUTE, HOUR, DAY, MONTH, WEEKDAY, FIELDS };
static const struct field fields[FIELDS] = {
    {"minute", 0, 59, NULL},          {"hour", 0, 23, NULL},
    {"day of month", 1, 31, NULL},    {"month", 1, 12, month_words},
    {"day of week", 0, 7, day_words},
};

struct reader {
    const char *text;
    const char *at;
    const struct field *field;
};

static struct roll_error *expected(const struct reader *reader, const char *at, const char *what)
{
    return roll_error_new(ROLL_E_INVALID, "'%.80s', column %d (%s): expected %s", reader->text,
                          (int)(at - reader->text) + 1, reader->field->name, what);
}

static struct roll_error *out_of_range(const struct reader *reader, const char *at)
{
    const struct field *field = reader->field;
    g_autofree char *what = g_strdup_printf("a number from %d to %d%s%s", field->low, field->high,
                                            field->words ? " or a name such as " : "",
                                            field->words ? field->words[1] : "");
    return expected(reader, at, what);
}

/* A number of at most three digits, so that none overflows. -1: there is none. */
static int take_number(struct reader *reader)
{
    int value = 0, digits = 0;

    for (; g_ascii_isdigit(*reader->at) && digits < 4; reader->at++, digits++)
        value = value * 10 + (*reader->at - '0');
    return digits == 0 || digits > 3 ? -1 : value;
}

static int take_word(struct reader *reader)
{
    size_t size = 0;

    while (g_ascii_isalpha(reader->at[size]))
        size++;
    for (int i = 0; size == 3 && reader->field->words && reader->field->words[i]; i++) {
        if (g_ascii_strncasecmp(reader->at, reader->field->words[i], 3) == 0) {
            reader->at += 3;
            return reader->field->low + i;
        }
    }
    return -1;
}

static struct roll_error *take_value(struct reader *reader, int *ret_value)
{
    const char *begin = reader->at;
    int value = g_ascii_isalpha(*begin) ? take_word(reader) : take_number(reader);

    if (value < reader->field->low || value > reader->field->high)
        return out_of_range(reader, begin);
    *ret_value = value;
    return NULL;
}

static struct roll_error *take_range(struct reader *reader, int *ret_low, int *ret_high,
                                     bool *ret_single)
{
    const char *begin = reader->at;

    *ret_single = false;
    if (*reader->at == '*') {
        reader->at++;
        *ret_low = reader->field->low;
        *ret_high = reader->field->high;
        return NULL;
    }
    ROLL_TRY(take_value(reader, ret_low));
    *ret_high = *ret_low;
    *ret_single = *reader->at != '-';
    if (*ret_single)
        return NULL;
    reader->at++;
    ROLL_TRY(take_value(reader, ret_high));
    if (*ret_high == 0 && reader->field == &fields[WEEKDAY])
        *ret_high = 7; /* FRI-SUN */
    if (*ret_high < *ret_low)
        return expected(reader, begin, "a range that goes upwards");
    return NULL;
}

static struct roll_error *take_item(struct reader *reader, uint64_t *bits)
{
    int low = 0, high = 0, step = 1;
    bool single;

    ROLL_TRY(take_range(reader, &low, &high, &single));
    if (*reader->at == '/') {
        const char *begin = ++reader->at;
        if (single)
            return expected(reader, begin - 1, "a range before a step, such as 5-59/15");
        step = take_number(reader);
        if (step < 1)
            return expected(reader, begin, "a step from 1 on");
    }
    for (int value = low; value <= high; value += step)
        *bits |= UINT64_C(1) << value;
    return NULL;
}

static struct roll_error *take_field(struct reader *reader, uint64_t *ret_bits)
{
    uint64_t bits = 0;

    ROLL_TRY(take_item(reader, &bits));
    while (*reader->at == ',') {
        reader->at++;
        ROLL_TRY(take_item(reader, &bits));
    }
    if (*reader->at && *reader->at != ' ' && *reader->at != '\t')
        return expected(reader, reader->at, "',', '-', '/' or the end of the field");
    *ret_bits = bits;
    return NULL;
}

static void skip_blanks(struct reader *reader)
{
    while (*reader->at == ' ' || *reader->at == '\t')
        reader->at++;
}

/* Only a day of the month alone can be one that its months do not have: every date that there is
 * falls on every day of the week sooner or later. */
static bool ever(const struct roll_cron *cron)
{
    static const int longest[] = {0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    if (!cron->both_days)
        return true;
    for (int month = 1; month <= 12; month++)
        if ((cron->months >> month & 1) &&
            (cron->days & ((UINT64_C(1) << (longest[month] + 1)) - 1)) != 0)
            return true;
    return false;
}

struct roll_error *roll_cron_parse(const char *text, struct roll_cron *ret_cron)
{
    struct reader reader = {text, text, fields};
    uint64_t bits[FIELDS];
    bool star[FIELDS];

    skip_blanks(&reader);
    if (*reader.at == '@')
        return expected(&reader, reader.at,
                        "five fields such as '0 9 * * MON-FRI'; @ names are none");
    for (int i = 0; i < FIELDS; i++) {
        reader.field = &fields[i];
        star[i] = *reader.at == '*';
        if (!*reader.at)
            return expected(&reader, reader.at, "a further field: five in all");
        ROLL_TRY(take_field(&reader, &bits[i]));
        skip_blanks(&reader);
    }
    if (*reader.at)
        return expected(&reader, reader.at, "nothing after the fifth field");
    bits[WEEKDAY] |= bits[WEEKDAY] >> 7 & 1; /* 7 is Sunday too */
    struct roll_cron cron = {
        .minutes = bits[MINUTE],
        .hours = (uint32_t)bits[HOUR],
        .days = (uint32_t)bits[DAY],
        .months = (uint32_t)bits[MONTH],
        .weekdays = (uint32_t)bits[WEEKDAY] & 0x7f,
        .both_days = star[DAY] || star[WEEKDAY],
    };
    if (!ever(&cron))
        return roll_error_new(ROLL_E_INVALID, "'%.80s' never comes: its months have no such day",
                              text);
    *ret_cron = cron;
    return NULL;
}
