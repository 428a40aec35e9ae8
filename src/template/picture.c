/* Numbers by a custom picture of .NET, such as 000, #,##0.00, 0%, (0000) 00-00 or 0;-0;none, with
 * the invariant culture (reference 18.5). */
#include "function.h"

/* What a section of the picture asks for. */
struct section {
    const char *start, *end;
    int digits;    /* places before the point */
    int least;     /* of them from the first 0 on */
    int fraction;  /* places behind the point */
    int last_zero; /* of them up to the last 0 */
    int shift;     /* powers of ten: % and commas before the point */
    bool grouped;
};

/* A number as decimal digits: before the point without leading zeros, behind it without trailing
 * ones. */
struct digits {
    GString *whole, *fraction;
};

/* Past a quoted text or an escaped character; NULL when at stands on neither. */
static const char *literal_end(const char *at, const char *end)
{
    if (*at == '\\')
        return at + 1 < end ? at + 2 : end;
    if (*at != '\'' && *at != '"')
        return NULL;
    const char *close = memchr(at + 1, *at, (size_t)(end - at - 1));
    return close ? close + 1 : end;
}

static const char *section_end(const char *at, const char *end)
{
    while (at < end && *at != ';') {
        const char *behind = literal_end(at, end);
        at = behind ? behind : at + 1;
    }
    return at;
}

/* .NET's rule: a comma between places groups, one or more right before the point scale. */
static void read_place(struct section *section, char c, bool *point, int *commas)
{
    bool place = c == '0' || c == '#';
    if (place && !*point) {
        section->grouped = section->grouped || (*commas > 0 && section->digits > 0);
        *commas = 0;
        section->digits++;
        section->least += c == '0' || section->least > 0;
    } else if (place) {
        section->fraction++;
        section->last_zero = c == '0' ? section->fraction : section->last_zero;
    } else if (c == ',' && !*point && section->digits > 0) {
        ++*commas;
    } else if (c == '.') {
        *point = true;
    } else if (c == '%') {
        section->shift += 2;
    }
}

static struct section read_section(const char *start, const char *end)
{
    struct section section = {.start = start, .end = end};
    bool point = false;
    int commas = 0;
    for (const char *at = start; at < end;) {
        const char *behind = literal_end(at, end);
        if (!behind)
            read_place(&section, *at, &point, &commas);
        at = behind ? behind : at + 1;
    }
    section.shift -= 3 * commas;
    return section;
}

/* Positive; negative; zero. A missing or empty one is the first's business. */
static struct section choose_section(const char *picture, json_int_t number, bool *ret_first)
{
    const char *end = picture + strlen(picture);
    const char *first_end = section_end(picture, end);
    const char *second = first_end < end ? first_end + 1 : end;
    const char *second_end = section_end(second, end);
    const char *third = second_end < end ? second_end + 1 : end;
    *ret_first = false;
    if (number < 0 && second < second_end)
        return read_section(second, second_end);
    if (number == 0 && third < end)
        return read_section(third, section_end(third, end));
    *ret_first = true;
    return read_section(picture, first_end);
}

/* One more in the last place of digits; a carry makes it longer. */
static void round_up(GString *digits)
{
    for (gsize i = digits->len; i > 0; i--) {
        if (digits->str[i - 1] != '9') {
            digits->str[i - 1]++;
            return;
        }
        digits->str[i - 1] = '0';
    }
    g_string_prepend_c(digits, '1');
}

static struct digits number_digits(json_int_t number, const struct section *section)
{
    guint64 size = number < 0 ? -(guint64)number : (guint64)number;
    GString *text = g_string_new(NULL);
    g_string_printf(text, "%" G_GUINT64_FORMAT, size);
    for (int i = 0; i < section->shift && size > 0; i++)
        g_string_append_c(text, '0');
    gsize behind = section->shift < 0 ? (gsize)-section->shift : 0;
    while (text->len <= behind)
        g_string_prepend_c(text, '0');
    gsize kept = text->len - behind + MIN(behind, (gsize)section->fraction);
    bool up = kept < text->len && text->str[kept] >= '5';
    gsize places = MIN(behind, (gsize)section->fraction);
    g_string_truncate(text, kept);
    if (up)
        round_up(text);
    struct digits digits = {.fraction = g_string_new(text->str + text->len - places)};
    g_string_truncate(text, text->len - places);
    g_string_erase(text, 0, (gssize)strspn(text->str, "0"));
    while (digits.fraction->len > 0 && digits.fraction->str[digits.fraction->len - 1] == '0')
        g_string_truncate(digits.fraction, digits.fraction->len - 1);
    digits.whole = text;
    return digits;
}

struct writer {
    const struct section *section;
    const struct digits *digits;
    int place;     /* the next, before the point */
    gsize written; /* digits before the point */
    int behind;    /* the next, behind the point */
    bool point;
    GString *out;
};

/* The digits that stand in the next place; all that are too many stand in the first. */
static void write_whole(struct writer *writer, int places_left)
{
    const GString *whole = writer->digits->whole;
    while (whole->len - writer->written > (gsize)places_left) {
        gsize left = whole->len - writer->written - 1;
        g_string_append_c(writer->out, whole->str[writer->written++]);
        if (writer->section->grouped && left > 0 && left % 3 == 0)
            g_string_append_c(writer->out, ',');
    }
}

static void write_behind(struct writer *writer)
{
    const GString *fraction = writer->digits->fraction;
    int place = writer->behind++;
    if (place < (int)fraction->len)
        g_string_append_c(writer->out, fraction->str[place]);
    else if (place < writer->section->last_zero)
        g_string_append_c(writer->out, '0');
}

static void write_place(struct writer *writer, char c)
{
    const struct section *section = writer->section;
    if (c == '.' && !writer->point) {
        write_whole(writer, 0);
        writer->point = true;
        if (section->last_zero > 0 || writer->digits->fraction->len > 0)
            g_string_append_c(writer->out, '.');
    } else if (c == '0' || c == '#') {
        if (writer->point)
            write_behind(writer);
        else
            write_whole(writer, section->digits - ++writer->place);
    } else if (c != ',' && c != '.') {
        g_string_append_c(writer->out, c);
    }
}

void append_picture(json_int_t number, const char *picture, GString *out)
{
    bool first = false;
    struct section section = choose_section(picture, number, &first);
    struct digits digits = number_digits(number, &section);
    struct writer writer = {.section = &section, .digits = &digits, .out = out};
    if (first && number < 0 && (digits.whole->len > 0 || digits.fraction->len > 0))
        g_string_append_c(out, '-');
    while (digits.whole->len < (gsize)section.least)
        g_string_prepend_c(digits.whole, '0');
    for (const char *at = section.start; at < section.end;) {
        const char *behind = literal_end(at, section.end);
        if (!behind) {
            write_place(&writer, *at++);
            continue;
        }
        bool quoted = *at != '\\';
        bool closed = quoted && behind - at > 1 && behind[-1] == *at;
        g_string_append_len(out, at + 1, behind - at - 1 - (closed ? 1 : 0));
        at = behind;
    }
    g_string_free(digits.whole, TRUE);
    g_string_free(digits.fraction, TRUE);
}
