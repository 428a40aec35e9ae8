/* Tokens of the JSON reader: blanks and comments, strings, numbers, unquoted names.
 *
 * Runs of plain bytes are found eight at a time and appended at once; only what is special is
 * looked at. */
#include "base/json_reader.h"
#include "base/utf8.h"

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

void roll_json_position(const char *start, const char *at, int *ret_line, int *ret_column)
{
    const char *line = start;
    int number = 1;

    for (const char *found; (found = memchr(line, '\n', (size_t)(at - line))); line = found + 1)
        number++;
    *ret_line = number;
    *ret_column = (int)(at - line) + 1;
}

struct roll_error *roll_json_syntax(const struct json_reader *r, const char *at, const char *format,
                                    ...)
{
    va_list args;
    int line, column;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    roll_json_position(r->start, at, &line, &column);
    return roll_error_new(ROLL_E_SYNTAX, "line %d, column %d: %s", line, column, what);
}

static struct roll_error *skip_comment(struct json_reader *r)
{
    const char *open = r->at;

    if (r->end - open >= 2 && open[1] == '/') {
        const char *line_end = memchr(open, '\n', (size_t)(r->end - open));
        r->at = line_end ? line_end : r->end;
        return NULL;
    }
    if (r->end - open < 2 || open[1] != '*')
        return roll_json_syntax(r, open, "unexpected '/'");
    const char *close = memmem(open + 2, (size_t)(r->end - open - 2), "*/", 2);
    if (!close)
        return roll_json_syntax(r, open, "the comment is never closed");
    r->at = close + 2;
    return NULL;
}

/* The rest of json_skip: comments, and in ARM's dialect everything that .NET calls white space. */
struct roll_error *roll_json_skip_more(struct json_reader *r)
{
    while (r->at < r->end) {
        if (json_is_blank(*r->at)) {
            r->at++;
        } else if (*r->at == '/') {
            ROLL_TRY(skip_comment(r));
        } else if (r->dialect == ROLL_JSON_ARM) {
            size_t size = roll_utf8_sequence(r->at, r->end);
            if (size == 0)
                return NULL;
            gunichar c = g_utf8_get_char(r->at);
            if (!g_unichar_isspace(c) && c != 0x0B && c != 0x85)
                return NULL;
            r->at += size;
        } else {
            return NULL;
        }
    }
    return NULL;
}

/* Bytes that may be copied without a look: not the quote, no escape, no control character, ASCII.
 */
static const char *skip_plain(const char *at, const char *end, char quote)
{
    uint64_t quotes = EACH_BYTE((unsigned char)quote);

    while (end - at >= 8) {
        uint64_t word;
        memcpy(&word, at, 8);
        word = GUINT64_FROM_LE(word);
        /* The lowest mark is exact (a borrow runs upwards only), and the lowest is the first byte.
         */
        uint64_t marks = ((word - EACH_BYTE(0x20)) | ((word ^ quotes) - EACH_BYTE(1)) |
                          ((word ^ EACH_BYTE('\\')) - EACH_BYTE(1)) | word) &
                         EACH_BYTE(0x80);
        if (marks)
            return at + (__builtin_ctzll(marks) >> 3);
        at += 8;
    }
    while (at < end && (unsigned char)*at >= 0x20 && (unsigned char)*at < 0x80 && *at != quote &&
           *at != '\\')
        at++;
    return at;
}

static int hex4(const char *at, const char *end)
{
    int value = 0;

    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = g_ascii_xdigit_value(at[i]);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* `\uXXXX`, with the second half where the first asks for one. */
static struct roll_error *take_unicode_escape(struct json_reader *r)
{
    const char *at = r->at;
    int unit = hex4(at + 2, r->end);

    if (unit < 0)
        return roll_json_syntax(r, at, "'\\u' needs four hexadecimal digits");
    if (unit >= 0xD800 && unit <= 0xDFFF) {
        bool paired = unit <= 0xDBFF && r->end - at >= 12 && at[6] == '\\' && at[7] == 'u';
        int low = paired ? hex4(at + 8, r->end) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return roll_json_syntax(r, at, "'%.6s' is half of a surrogate pair", at);
        json_put(r, at, 12);
        r->at = at + 12;
        return NULL;
    }
    json_put(r, at, 6);
    r->at = at + 6;
    return NULL;
}

static struct roll_error *take_escape(struct json_reader *r)
{
    const char *at = r->at;

    if (r->end - at < 2)
        return roll_json_syntax(r, at, "the string is never closed");
    switch (at[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        json_put(r, at, 2);
        r->at = at + 2;
        return NULL;
    case 'u':
        return take_unicode_escape(r);
    case '\'':
        if (r->dialect == ROLL_JSON_ARM) {
            json_put_char(r, '\'');
            r->at = at + 2;
            return NULL;
        }
        break;
    default:
        break;
    }
    if (at[1] > ' ' && at[1] < 0x7F)
        return roll_json_syntax(r, at, "'\\%c' is not an escape sequence", at[1]);
    return roll_json_syntax(r, at, "the backslash escapes nothing");
}

static void put_control(struct json_reader *r, char c)
{
    static const char letters[] = "btnvfr"; /* from 8 on; JSON has no \v */
    char escape[7];

    if (c >= 8 && c <= 13 && c != 11) {
        escape[0] = '\\';
        escape[1] = letters[c - 8];
        json_put(r, escape, 2);
    } else {
        g_snprintf(escape, sizeof escape, "\\u%04x", c);
        json_put(r, escape, 6);
    }
}

/* What stopped the run of plain bytes and is not the end of the string. */
static struct roll_error *take_special(struct json_reader *r)
{
    unsigned char c = (unsigned char)*r->at;

    if (c == '\\')
        return take_escape(r);
    if (c >= 0x80) {
        const char *at = r->at;
        while (at < r->end && (unsigned char)*at >= 0x80) {
            size_t size = roll_utf8_sequence(at, r->end);
            if (size == 0)
                return roll_json_syntax(r, at, "the byte 0x%02X is not UTF-8", (unsigned char)*at);
            at += size;
        }
        json_put(r, r->at, (size_t)(at - r->at));
        r->at = at;
        return NULL;
    }
    if (c == '"') { /* inside single quotes */
        json_put(r, "\\\"", 2);
    } else if (c == 0 || r->dialect != ROLL_JSON_ARM) {
        if (c == '\n' || c == '\r')
            return roll_json_syntax(r, r->at, "the string is not closed at the end of the line");
        return roll_json_syntax(r, r->at, "control character 0x%02X in a string", c);
    } else {
        put_control(r, (char)c);
    }
    r->at++;
    return NULL;
}

/* A string or quoted name at r->at; writes it with double quotes. */
struct roll_error *roll_json_take_string(struct json_reader *r)
{
    const char *open = r->at;
    char quote = *open;

    json_put_char(r, '"');
    r->at++;
    for (;;) {
        const char *run = r->at;
        const char *stop = skip_plain(run, r->end, quote);

        /* In single quotes a double quote is plain to the scan above, but not to who reads the
         * output. */
        if (quote == '\'') {
            const char *inner = memchr(run, '"', (size_t)(stop - run));
            if (inner)
                stop = inner;
        }
        r->at = stop;
        if (stop == r->end)
            return roll_json_syntax(r, open, "the string is never closed");
        if (*stop == quote) {
            r->at++;
            if (quote == '"') {
                json_put(r, run, (size_t)(stop - run) + 1);
            } else {
                json_put(r, run, (size_t)(stop - run));
                json_put_char(r, '"');
            }
            return NULL;
        }
        json_put(r, run, (size_t)(stop - run));
        ROLL_TRY(take_special(r));
    }
}

/* .NET's Char.IsLetterOrDigit, `_` and `$`, as Newtonsoft reads names without quotes. */
struct roll_error *roll_json_take_bare_name(struct json_reader *r)
{
    const char *at = r->at;

    while (at < r->end) {
        size_t size = roll_utf8_sequence(at, r->end);
        if (size == 0)
            return roll_json_syntax(r, at, "the byte 0x%02X is not UTF-8", (unsigned char)*at);
        gunichar c = g_utf8_get_char(at);
        if (!g_unichar_isalnum(c) && c != '_' && c != '$')
            break;
        at += size;
    }
    if (at == r->at)
        return roll_json_syntax(r, at, "expected a name");
    json_put_char(r, '"');
    json_put(r, r->at, (size_t)(at - r->at));
    json_put_char(r, '"');
    r->at = at;
    return NULL;
}

static const char *skip_digits(const char *at, const char *end)
{
    while (at < end && g_ascii_isdigit(*at))
        at++;
    return at;
}

/* Newtonsoft reads 0x… with Convert.ToInt64; what has the sign bit set would silently become
 * negative there. */
static struct roll_error *take_hexadecimal(struct json_reader *r)
{
    const char *open = r->at, *at = open + 2;
    uint64_t value = 0;
    char text[24];

    while (at < r->end && *at == '0')
        at++;
    const char *first = at;
    for (; at < r->end && g_ascii_isxdigit(*at); at++)
        value = value << 4 | (unsigned)g_ascii_xdigit_value(*at);
    if (at == open + 2)
        return roll_json_syntax(r, open, "'0x' needs hexadecimal digits");
    if (at - first > 16 || value > INT64_MAX)
        return roll_json_syntax(r, open, "the hexadecimal number does not fit into 63 bits");
    json_put(r, text, (size_t)g_snprintf(text, sizeof text, "%" G_GUINT64_FORMAT, value));
    r->at = at;
    return NULL;
}

/* Checks a number and copies it in pieces: a lenient one gets the digits that strict JSON asks for.
 */
struct roll_error *roll_json_take_number(struct json_reader *r)
{
    const char *open = r->at, *at = open, *end = r->end;
    bool lenient = r->dialect == ROLL_JSON_ARM;

    if (lenient && end - at > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
        return take_hexadecimal(r);
    if (*at == '-')
        json_put_char(r, *at++);
    else if (*at == '+' && lenient)
        at++;
    const char *digits = at;
    at = skip_digits(at, end);
    if (at - digits > 1 && *digits == '0')
        return roll_json_syntax(r, open, "a number must not begin with zeros");
    bool point = at < end && *at == '.';
    if (at == digits && !(lenient && point))
        return roll_json_syntax(r, open, "expected a number");
    json_put(r, at == digits ? "0" : digits, at == digits ? 1 : (size_t)(at - digits));
    if (point) {
        const char *fraction = at + 1;
        bool whole = at > digits;
        at = skip_digits(fraction, end);
        if (at == fraction && !(lenient && whole))
            return roll_json_syntax(r, open, "the number needs digits behind the point");
        json_put_char(r, '.');
        json_put(r, at == fraction ? "0" : fraction, at == fraction ? 1 : (size_t)(at - fraction));
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        const char *exponent = at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const char *first = at;
        at = skip_digits(at, end);
        if (at == first)
            return roll_json_syntax(r, open, "the number needs digits in its exponent");
        json_put(r, exponent, (size_t)(at - exponent));
    }
    r->at = at;
    return NULL;
}
