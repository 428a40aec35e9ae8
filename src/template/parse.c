/* The expression language: text between brackets becomes a tree (reference section 4.1).
 *
 * expression = primary { "." identifier | "[" expression "]" };  primary = string | integer | call.
 */
#include "function.h"

enum token_kind {
    TOKEN_IDENTIFIER,
    TOKEN_STRING,
    TOKEN_INTEGER,
    TOKEN_LEFT_PARENTHESIS,
    TOKEN_RIGHT_PARENTHESIS,
    TOKEN_LEFT_BRACKET,
    TOKEN_RIGHT_BRACKET,
    TOKEN_COMMA,
    TOKEN_DOT,
    TOKEN_END,
};

static const char *const token_names[] = {
    "Identifier",
    "StringLiteral",
    "Integer",
    "LeftParenthesis",
    "RightParenthesis",
    "LeftSquareBracket",
    "RightSquareBracket",
    "Comma",
    "Dot",
    "EndOfData",
};

struct parser {
    struct arena *arena;
    const char *text;
    size_t size;
    size_t at; /* behind the current token */
    enum token_kind kind;
    const char *start; /* of the current token */
    size_t length;
    unsigned nesting;
    bool names_only; /* string literals that are direct arguments need no JSON value */
};

bool text_is_expression(const char *text, size_t size)
{
    return size >= 2 && text[0] == '[' && text[size - 1] == ']' && text[1] != '[';
}

static struct roll_error *parse_error(const struct parser *parser, enum token_kind expected)
{
    return template_error(
        "Unable to parse language expression '%.*s': expected token '%s' and actual '%s'.",
        (int)MIN(parser->size, 2000u), parser->text, token_names[expected],
        token_names[parser->kind]);
}

static struct roll_error *character_error(const struct parser *parser, size_t at)
{
    const char *next = g_utf8_find_next_char(parser->text + at, NULL);
    return template_error(
        "The language expression '%.*s' is not valid: the string character '%.*s' at position "
        "'%zu' is not expected.",
        (int)MIN(parser->size, 2000u), parser->text, (int)(next - parser->text - (ptrdiff_t)at),
        parser->text + at, utf16_length(parser->text, at));
}

static bool is_name_start(char c)
{
    return g_ascii_isalpha(c) || c == '_';
}

static struct roll_error *scan_string(struct parser *parser)
{
    size_t at = parser->at + 1;
    while (at < parser->size) {
        if (parser->text[at] == '\'') {
            if (at + 1 >= parser->size || parser->text[at + 1] != '\'')
                break;
            at++;
        }
        at++;
    }
    if (at >= parser->size)
        return template_error(
            "The language expression '%.*s' is not valid: the string literal at position '%zu' is "
            "not terminated.",
            (int)MIN(parser->size, 2000u), parser->text, utf16_length(parser->text, parser->at));
    parser->kind = TOKEN_STRING;
    parser->length = at + 1 - parser->at;
    parser->at = at + 1;
    return NULL;
}

static struct roll_error *scan_number(struct parser *parser)
{
    size_t at = parser->at + (parser->text[parser->at] == '-');
    if (at >= parser->size || !g_ascii_isdigit(parser->text[at]))
        return character_error(parser, parser->at);
    while (at < parser->size && g_ascii_isdigit(parser->text[at]))
        at++;
    if (at < parser->size && is_name_start(parser->text[at]))
        return character_error(parser, at);
    parser->kind = TOKEN_INTEGER;
    parser->length = at - parser->at;
    parser->at = at;
    return NULL;
}

static void scan_name(struct parser *parser)
{
    size_t at = parser->at;
    while (at < parser->size &&
           (is_name_start(parser->text[at]) || g_ascii_isdigit(parser->text[at])))
        at++;
    parser->kind = TOKEN_IDENTIFIER;
    parser->length = at - parser->at;
    parser->at = at;
}

static struct roll_error *scan(struct parser *parser)
{
    static const char single[] = "()[],.";
    while (parser->at < parser->size && g_ascii_isspace(parser->text[parser->at]))
        parser->at++;
    parser->start = parser->text + parser->at;
    parser->length = 0;
    if (parser->at == parser->size) {
        parser->kind = TOKEN_END;
        return NULL;
    }
    char c = *parser->start;
    const char *found = strchr(single, c);
    if (c && found) {
        parser->kind = TOKEN_LEFT_PARENTHESIS + (enum token_kind)(found - single);
        parser->length = 1;
        parser->at++;
        return NULL;
    }
    if (c == '\'')
        return scan_string(parser);
    if (c == '-' || g_ascii_isdigit(c))
        return scan_number(parser);
    if (!is_name_start(c))
        return character_error(parser, parser->at);
    scan_name(parser);
    return NULL;
}

static struct expr *new_expr(struct parser *parser, enum expr_kind kind)
{
    struct expr *expr = arena_alloc(parser->arena, sizeof(*expr));
    expr->kind = kind;
    return expr;
}

static struct roll_error *parse_expression(struct parser *parser, struct expr **ret_expr)
    ROLL_CHECKED;

static struct roll_error *parse_string(struct parser *parser, struct expr **ret_expr)
{
    struct expr *expr = new_expr(parser, EXPR_LITERAL);
    const char *text = parser->start + 1;
    size_t size = parser->length - 2;
    char *unquoted = arena_alloc(parser->arena, size + 1);
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        unquoted[used++] = text[i];
        if (text[i] == '\'')
            i++;
    }
    if (used > MAX_LITERAL)
        return template_error(
            "The string literal in a language expression is longer than '%d' characters.",
            MAX_LITERAL);
    expr->name = unquoted;
    if (!parser->names_only)
        expr->literal = arena_keep(parser->arena, json_stringn_nocheck(unquoted, used));
    *ret_expr = expr;
    return scan(parser);
}

static struct roll_error *parse_integer(struct parser *parser, struct expr **ret_expr)
{
    g_autofree char *digits = g_strndup(parser->start, parser->length);
    gint64 number = 0;
    if (!g_ascii_string_to_signed(digits, 10, G_MININT64, G_MAXINT64, &number, NULL))
        return template_error(
            "The language expression '%.*s' is not valid: the integer '%s' is out of range.",
            (int)MIN(parser->size, 2000u), parser->text, digits);
    struct expr *expr = new_expr(parser, EXPR_LITERAL);
    expr->literal = arena_keep(parser->arena, json_integer(number));
    *ret_expr = expr;
    return scan(parser);
}

static struct roll_error *parse_arguments(struct parser *parser, struct expr *call)
{
    g_autoptr(GPtrArray) args = g_ptr_array_new();
    bool outer_names_only = parser->names_only;
    ROLL_TRY(scan(parser));
    while (parser->kind != TOKEN_RIGHT_PARENTHESIS) {
        if (args->len > 0) {
            if (parser->kind != TOKEN_COMMA)
                return parse_error(parser, TOKEN_RIGHT_PARENTHESIS);
            ROLL_TRY(scan(parser));
        }
        struct expr *arg = NULL;
        parser->names_only = call->function && (call->function->flags & F_NAMES);
        ROLL_TRY(parse_expression(parser, &arg));
        g_ptr_array_add(args, arg);
    }
    parser->names_only = outer_names_only;
    call->count = args->len;
    call->args = arena_alloc(parser->arena, args->len * sizeof(struct expr *));
    for (guint i = 0; i < args->len; i++)
        call->args[i] = args->pdata[i];
    return scan(parser);
}

static struct roll_error *parse_call(struct parser *parser, struct expr **ret_expr)
{
    struct expr *call = new_expr(parser, EXPR_CALL);
    const char *name = parser->start;
    size_t size = parser->length;
    ROLL_TRY(scan(parser));
    if (parser->kind == TOKEN_DOT) {
        call->space = arena_text(parser->arena, name, size);
        ROLL_TRY(scan(parser));
        if (parser->kind != TOKEN_IDENTIFIER)
            return parse_error(parser, TOKEN_IDENTIFIER);
        name = parser->start;
        size = parser->length;
        ROLL_TRY(scan(parser));
    }
    call->name = arena_text(parser->arena, name, size);
    if (!call->space)
        call->function = function_find(name, size);
    if (parser->kind != TOKEN_LEFT_PARENTHESIS)
        return parse_error(parser, TOKEN_LEFT_PARENTHESIS);
    *ret_expr = call;
    return parse_arguments(parser, call);
}

static struct roll_error *parse_primary(struct parser *parser, struct expr **ret_expr)
{
    switch (parser->kind) {
    case TOKEN_STRING:
        return parse_string(parser, ret_expr);
    case TOKEN_INTEGER:
        return parse_integer(parser, ret_expr);
    case TOKEN_IDENTIFIER:
        return parse_call(parser, ret_expr);
    default:
        return parse_error(parser, TOKEN_IDENTIFIER);
    }
}

static struct roll_error *parse_index(struct parser *parser, struct expr **ret_index,
                                      bool *ret_dotted)
{
    *ret_dotted = parser->kind == TOKEN_DOT;
    parser->names_only = false;
    ROLL_TRY(scan(parser));
    if (!*ret_dotted) {
        ROLL_TRY(parse_expression(parser, ret_index));
        return parser->kind == TOKEN_RIGHT_BRACKET ? scan(parser)
                                                   : parse_error(parser, TOKEN_RIGHT_BRACKET);
    }
    if (parser->kind != TOKEN_IDENTIFIER)
        return parse_error(parser, TOKEN_IDENTIFIER);
    struct expr *index = new_expr(parser, EXPR_LITERAL);
    index->name = arena_text(parser->arena, parser->start, parser->length);
    index->literal = arena_keep(parser->arena, json_stringn_nocheck(parser->start, parser->length));
    *ret_index = index;
    return scan(parser);
}

static struct roll_error *parse_expression(struct parser *parser, struct expr **ret_expr)
{
    if (++parser->nesting > MAX_NESTING)
        return roll_error_new(
            ROLL_E_TEMPLATE, "The language expression nests deeper than '%d' levels.", MAX_NESTING);
    struct expr *expr = NULL;
    ROLL_TRY(parse_primary(parser, &expr));
    unsigned links = 0;
    while (parser->kind == TOKEN_DOT || parser->kind == TOKEN_LEFT_BRACKET) {
        if (++links + parser->nesting > MAX_NESTING)
            return roll_error_new(ROLL_E_TEMPLATE,
                                  "The language expression nests deeper than '%d' levels.",
                                  MAX_NESTING);
        struct expr *access = new_expr(parser, EXPR_ACCESS);
        /* A literal that something is taken from needs its value, whatever function it is given to.
         */
        if (expr->kind == EXPR_LITERAL && !expr->literal)
            expr->literal = arena_keep(parser->arena, json_string_nocheck(expr->name));
        access->args = arena_alloc(parser->arena, 2 * sizeof(struct expr *));
        access->count = 2;
        access->args[0] = expr;
        struct expr *index = NULL;
        ROLL_TRY(parse_index(parser, &index, &access->dotted));
        access->args[1] = index;
        expr = access;
    }
    parser->nesting--;
    *ret_expr = expr;
    return NULL;
}

struct roll_error *expr_parse(struct arena *arena, const char *text, size_t size,
                              const struct expr **ret_expr)
{
    struct parser parser = {.arena = arena, .text = text, .size = size};
    struct expr *expr = NULL;
    if (size + 2 > MAX_EXPRESSION && utf16_length(text, size) + 2 > MAX_EXPRESSION)
        return template_error(
            "The language expression length limit exceeded: '%d' characters are allowed, the "
            "expression has '%zu'.",
            MAX_EXPRESSION, utf16_length(text, size) + 2);
    ROLL_TRY(scan(&parser));
    ROLL_TRY(parse_expression(&parser, &expr));
    if (parser.kind != TOKEN_END)
        return parse_error(&parser, TOKEN_END);
    *ret_expr = expr;
    return NULL;
}

void expr_walk(const struct expr *expr, void (*visit)(const struct expr *, void *), void *user)
{
    visit(expr, user);
    for (unsigned i = 0; i < expr->count; i++)
        expr_walk(expr->args[i], visit, user);
}

const char *expr_literal_text(const struct expr *expr)
{
    return expr->kind == EXPR_LITERAL ? expr->name : NULL;
}
