/* The structure of a JSON text: objects, arrays, commas, depth.
 *
 * One pass, a stack of fixed size instead of recursion, so that no text can exhaust the machine's
 * stack. What is written is strict and minified; every token is written as soon as it is checked.
 */
#include "base/json_reader.h"

struct frame {
    char close;        /* '}' or ']' */
    size_t count;      /* members or elements so far */
    GHashTable *names; /* of an object in the plan dialect, to refuse duplicates; else NULL */
};

struct stack {
    int depth;
    struct frame frames[ROLL_JSON_MAX_DEPTH];
};

void roll_json_reader_init(struct json_reader *r, const char *text, size_t size,
                           enum roll_dialect dialect, GString *out)
{
    if (dialect != ROLL_JSON_STRICT && size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        size -= 3;
    }
    *r = (struct json_reader){
        .start = text, .at = text, .end = text + size, .dialect = dialect, .out = out};
}

static struct roll_error *unexpected(const struct json_reader *r, const char *wanted)
{
    if (r->at == r->end)
        return roll_json_syntax(r, r->at, "the text ends where %s is expected", wanted);
    if (*r->at > ' ' && *r->at < 0x7F)
        return roll_json_syntax(r, r->at, "expected %s, not '%c'", wanted, *r->at);
    return roll_json_syntax(r, r->at, "expected %s, not the byte 0x%02X", wanted,
                            (unsigned char)*r->at);
}

static struct roll_error *take_literal(struct json_reader *r)
{
    static const char *const literals[] = {"true", "false", "null"};

    for (size_t i = 0; i < G_N_ELEMENTS(literals); i++) {
        size_t size = strlen(literals[i]);
        if ((size_t)(r->end - r->at) >= size && memcmp(r->at, literals[i], size) == 0 &&
            (r->at + size == r->end || !g_ascii_isalnum(r->at[size]))) {
            json_put(r, literals[i], size);
            r->at += size;
            return NULL;
        }
    }
    return unexpected(r, "a value");
}

static struct roll_error *take_token(struct json_reader *r)
{
    char c = r->at < r->end ? *r->at : '\0';

    if (c == '"' || (c == '\'' && r->dialect == ROLL_JSON_ARM))
        return roll_json_take_string(r);
    if (g_ascii_isdigit(c) || c == '-' || (r->dialect == ROLL_JSON_ARM && (c == '+' || c == '.')))
        return roll_json_take_number(r);
    return take_literal(r);
}

static struct roll_error *take_scalar(struct json_reader *r)
{
    const char *at = r->at;
    size_t from = r->out->len;

    ROLL_TRY(take_token(r));
    if (!r->builder)
        return NULL;
    ROLL_TRY(roll_json_build_scalar(r, from, at));
    r->out->len = 0; /* the value holds it now */
    return NULL;
}

/* Told to who asked, refused when it is doubled (plan). */
static struct roll_error *check_decoded(struct json_reader *r, struct stack *stack, char *name,
                                        const char *at)
{
    g_autofree char *owned = name;

    if (r->watch)
        r->watch->member(r->watch->user, stack->depth, name, at);
    if (r->dialect != ROLL_JSON_PLAN)
        return NULL;
    struct frame *frame = &stack->frames[stack->depth - 1];
    if (!frame->names)
        frame->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (g_hash_table_contains(frame->names, name))
        return roll_json_syntax(r, at, "the name '%s' is there twice", name);
    g_hash_table_add(frame->names, g_steal_pointer(&owned));
    return NULL;
}

/* The name just written at `from` must not hold NUL, which jansson cannot keep. */
static struct roll_error *check_name(struct json_reader *r, struct stack *stack, size_t from,
                                     const char *at)
{
    const char *literal = r->out->str + from;
    size_t size = r->out->len - from;

    if (memchr(literal, '\\', size) && memmem(literal, size, "\\u0000", 6)) {
        g_autoptr(GString) name = g_string_sized_new(size);
        roll_json_unescape(literal, size, name);
        if (memchr(name->str, '\0', name->len))
            return roll_json_syntax(r, at, "a name must not hold the character NUL");
    }
    if (r->builder)
        roll_json_build_name(r, from);
    if (r->dialect != ROLL_JSON_PLAN && !r->watch)
        return NULL;
    GString *name = g_string_sized_new(size);
    roll_json_unescape(literal, size, name);
    return check_decoded(r, stack, g_string_free(name, FALSE), at);
}

/* `"name":`, up to the value. */
static struct roll_error *take_name(struct json_reader *r, struct stack *stack)
{
    const char *at = r->at;
    size_t from = r->out->len;
    bool arm = r->dialect == ROLL_JSON_ARM;

    if (at < r->end && (*at == '"' || (arm && *at == '\'')))
        ROLL_TRY(roll_json_take_string(r));
    else if (arm && at < r->end && (g_ascii_isalnum(*at) || *at == '_' || *at == '$' || *at < 0))
        ROLL_TRY(roll_json_take_bare_name(r));
    else
        return unexpected(r, "a name in quotes");
    ROLL_TRY(check_name(r, stack, from, at));
    if (r->builder)
        r->out->len = from;
    ROLL_TRY(json_skip(r));
    if (r->at == r->end || *r->at != ':')
        return unexpected(r, "':' after the name");
    r->at++;
    json_put_char(r, ':');
    return json_skip(r);
}

/* What stands before a value inside a container: a name, or nothing in an array. */
static struct roll_error *begin_item(struct json_reader *r, struct stack *stack)
{
    struct frame *frame = &stack->frames[stack->depth - 1];

    if (frame->count++ > 0)
        json_put_char(r, ',');
    if (frame->close == '}')
        return take_name(r, stack);
    if (r->watch)
        r->watch->element(r->watch->user, stack->depth, frame->count - 1, r->at);
    return NULL;
}

static struct roll_error *close_container(struct json_reader *r, struct stack *stack)
{
    json_put_char(r, *r->at++);
    g_clear_pointer(&stack->frames[--stack->depth].names, g_hash_table_destroy);
    return r->builder ? roll_json_build_close(r) : NULL;
}

/* A container's opening bracket. *ret_value: a value follows (it is not empty). */
static struct roll_error *open_container(struct json_reader *r, struct stack *stack,
                                         bool *ret_value)
{
    if (stack->depth == ROLL_JSON_MAX_DEPTH) {
        int line, column;
        roll_json_position(r->start, r->at, &line, &column);
        return roll_error_new(ROLL_E_LIMIT, "line %d, column %d: nested deeper than %d levels",
                              line, column, ROLL_JSON_MAX_DEPTH);
    }
    struct frame *frame = &stack->frames[stack->depth++];
    *frame = (struct frame){.close = *r->at == '{' ? '}' : ']'};
    if (r->builder)
        ROLL_TRY(roll_json_build_open(r, *r->at == '{'));
    json_put_char(r, *r->at++);
    ROLL_TRY(json_skip(r));
    *ret_value = r->at == r->end || *r->at != frame->close;
    if (*ret_value)
        return begin_item(r, stack);
    return close_container(r, stack);
}

/* Commas and closing brackets behind a value. *ret_value: another value follows. */
static struct roll_error *after_value(struct json_reader *r, struct stack *stack, bool *ret_value)
{
    *ret_value = false;
    while (stack->depth > 0) {
        char close = stack->frames[stack->depth - 1].close;
        ROLL_TRY(json_skip(r));
        if (r->at < r->end && *r->at == ',') {
            const char *comma = r->at++;
            ROLL_TRY(json_skip(r));
            if (r->at == r->end || *r->at != close) {
                *ret_value = true;
                return begin_item(r, stack);
            }
            if (r->dialect == ROLL_JSON_STRICT)
                return roll_json_syntax(r, comma, "a comma before '%c'", close);
        }
        if (r->at == r->end || *r->at != close)
            return unexpected(r, close == '}' ? "',' or '}'" : "',' or ']'");
        ROLL_TRY(close_container(r, stack));
    }
    return NULL;
}

static struct roll_error *read_values(struct json_reader *r, struct stack *stack)
{
    bool more = true;

    while (more) {
        if (r->at < r->end && (*r->at == '{' || *r->at == '[')) {
            bool inside = false;
            ROLL_TRY(open_container(r, stack, &inside));
            if (inside)
                continue;
        } else {
            ROLL_TRY(take_scalar(r));
        }
        ROLL_TRY(after_value(r, stack, &more));
    }
    return NULL;
}

static struct roll_error *read_with(struct json_reader *r, struct stack *stack)
{
    ROLL_TRY(json_skip(r));
    if (r->at == r->end)
        return roll_json_syntax(r, r->at, "there is no value, the text is empty");
    ROLL_TRY(read_values(r, stack));
    ROLL_TRY(json_skip(r));
    if (r->at < r->end)
        return unexpected(r, "the end of the text");
    return NULL;
}

struct roll_error *roll_json_read_document(struct json_reader *r)
{
    struct stack stack;

    stack.depth = 0;
    struct roll_error *err = read_with(r, &stack);
    while (stack.depth > 0)
        g_clear_pointer(&stack.frames[--stack.depth].names, g_hash_table_destroy);
    r->out->str[r->out->len] = '\0';
    return err;
}
