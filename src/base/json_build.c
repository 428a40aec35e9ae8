/* The reader's tokens as jansson's values.
 *
 * jansson's own parser looks at every byte several times; the reader has done that already. What
 * comes here is checked: the text of a token is strict, its UTF-8 whole, the depth bounded. */
#include "base/json_reader.h"

static gunichar unit_of(const char *escape)
{
    gunichar unit = 0;

    for (int i = 2; i < 6; i++)
        unit = unit << 4 | (gunichar)g_ascii_xdigit_value(escape[i]);
    return unit;
}

/* One escape sequence; the position behind it. */
static const char *unescape_one(const char *at, GString *out)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";

    if (at[1] != 'u') {
        const char *letter = strchr(letters, at[1]);
        g_string_append_c(out, letter ? controls[letter - letters] : at[1]);
        return at + 2;
    }
    char utf8[6];
    gunichar c = unit_of(at);
    at += 6;
    if (c >= 0xD800 && c <= 0xDBFF) { /* the reader saw that the other half follows */
        c = 0x10000 + ((c - 0xD800) << 10) + (unit_of(at) - 0xDC00);
        at += 6;
    }
    g_string_append_len(out, utf8, g_unichar_to_utf8(c, utf8));
    return at;
}

void roll_json_unescape(const char *literal, size_t size, GString *out)
{
    const char *at = literal + 1, *end = literal + size - 1;

    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        g_string_append_len(out, at, (escape ? escape : end) - at);
        at = escape ? unescape_one(escape, out) : end;
    }
}

void roll_json_build_name(struct json_reader *r, size_t from)
{
    g_string_truncate(r->builder->key, 0);
    roll_json_unescape(r->out->str + from, r->out->len - from, r->builder->key);
}

static size_t bytes_of(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return ROLL_JSON_OBJECT_BYTES;
    case JSON_ARRAY:
        return ROLL_JSON_ARRAY_BYTES;
    case JSON_STRING:
        return ROLL_JSON_STRING_BYTES + json_string_length(value);
    case JSON_INTEGER:
    case JSON_REAL:
        return ROLL_JSON_NUMBER_BYTES;
    default:
        return 0; /* jansson has one of each */
    }
}

static struct roll_error *check_bytes(const struct json_reader *r, const char *at)
{
    int line = 0, column = 0;

    if (r->builder->bytes <= r->builder->max_bytes)
        return NULL;
    roll_json_position(r->start, at, &line, &column);
    return roll_error_new(ROLL_E_LIMIT,
                          "line %d, column %d: the values so far take more than %zu KB of memory",
                          line, column, r->builder->max_bytes >> 10);
}

/* Steals the value. */
static void attach(struct json_builder *builder, json_t *value)
{
    g_assert(
        value); /* jansson returns NULL for lack of memory only: GLib would have aborted, too */
    builder->bytes += bytes_of(value);
    if (builder->depth == 0) {
        builder->root = value;
        return;
    }
    json_t *parent = builder->open[builder->depth - 1];
    builder->bytes +=
        json_is_object(parent) ? ROLL_JSON_MEMBER_BYTES + builder->key->len : ROLL_JSON_ITEM_BYTES;
    int failed = json_is_object(parent)
                     ? json_object_set_new_nocheck(parent, builder->key->str, value)
                     : json_array_append_new(parent, value);
    g_assert(failed == 0);
}

static json_t *make_string(struct json_builder *builder, const char *literal, size_t size)
{
    if (!memchr(literal, '\\', size))
        return json_stringn_nocheck(literal + 1, size - 2);
    g_string_truncate(builder->text, 0);
    roll_json_unescape(literal, size, builder->text);
    return json_stringn_nocheck(builder->text->str, builder->text->len);
}

/* An integer literal that fits; false for reals and for what int64 cannot hold. */
static bool to_integer(const char *literal, size_t size, json_int_t *ret_value)
{
    bool negative = *literal == '-';
    int64_t value = 0;

    for (size_t i = negative; i < size; i++) {
        int digit = g_ascii_digit_value(literal[i]);
        /* Downwards, since the negative side reaches one further. */
        if (digit < 0 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
    }
    if (!negative && value == INT64_MIN)
        return false;
    *ret_value = negative ? value : -value;
    return true;
}

static json_t *make_number(struct json_reader *r, size_t from)
{
    const char *literal = r->out->str + from;
    size_t size = r->out->len - from;
    json_int_t integer;

    if (to_integer(literal, size, &integer))
        return json_integer(integer);
    json_put_char(r, '\0'); /* an end for strtod; the token is dropped after this */
    return json_real(g_ascii_strtod(r->out->str + from, NULL)); /* NULL when it is infinite */
}

/* The one element that the container holds is complete: it is given away. */
static struct roll_error *give_element(const struct json_builder *builder, json_t *container)
{
    const struct json_each *each = builder->each;
    const char *within = builder->starred ? builder->within->str : NULL;
    struct roll_error *err = NULL;

    if (json_is_array(container)) {
        if (each->call)
            err = each->call(each->data, within, NULL, json_array_get(container, 0));
        json_array_clear(container);
        return err;
    }
    void *member = json_object_iter(container);
    if (each->call)
        err = each->call(each->data, within, json_object_iter_key(member),
                         json_object_iter_value(member));
    json_object_clear(container);
    return err;
}

static struct roll_error *hand_over(struct json_builder *builder)
{
    const struct json_each *each = builder->each;

    if (!each || builder->depth != each->length + 1 || builder->on_path != builder->depth)
        return NULL;
    return give_element(builder, builder->open[builder->depth - 1]);
}

/* Is the container that is about to open the next one on the path? */
static bool goes_on(struct json_builder *builder)
{
    int depth = builder->depth;

    if (!builder->each || builder->on_path != depth || depth > builder->each->length)
        return false;
    if (depth == 0)
        return true;
    if (!json_is_object(builder->open[depth - 1]))
        return false;
    if (strcmp(builder->each->path[depth - 1], "*") != 0)
        return strcmp(builder->key->str, builder->each->path[depth - 1]) == 0;
    builder->starred = true;
    g_string_assign(builder->within, builder->key->str);
    return true;
}

struct roll_error *roll_json_build_scalar(struct json_reader *r, size_t from, const char *at)
{
    const char *literal = r->out->str + from;
    json_t *value;

    switch (*literal) {
    case '"':
        value = make_string(r->builder, literal, r->out->len - from);
        break;
    case 't':
        value = json_true();
        break;
    case 'f':
        value = json_false();
        break;
    case 'n':
        value = json_null();
        break;
    default:
        value = make_number(r, from);
        if (!value)
            return roll_json_syntax(r, at, "the number is too large");
        break;
    }
    attach(r->builder, value);
    ROLL_TRY(check_bytes(r, at));
    return hand_over(r->builder);
}

struct roll_error *roll_json_build_open(struct json_reader *r, bool object)
{
    struct json_builder *builder = r->builder;
    json_t *container = object ? json_object() : json_array();

    attach(builder, container);
    if (goes_on(builder))
        builder->on_path++;
    builder->open[builder->depth++] = container;
    return check_bytes(r, r->at);
}

struct roll_error *roll_json_build_close(struct json_reader *r)
{
    struct json_builder *builder = r->builder;

    builder->depth--;
    builder->on_path = MIN(builder->on_path, builder->depth);
    return hand_over(builder);
}
