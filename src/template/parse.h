/* First room: text becomes trees. Every string that is an expression becomes a tree in an arena,
 * every JSON value without an expression below it stays the one jansson value. */
#ifndef ROLL_TEMPLATE_PARSE_H
#define ROLL_TEMPLATE_PARSE_H

#include <string.h>

#include "limits.h"
#include "rollbook/json.h"
#include "rollbook/template.h"

/* ---- arena.c ---- */
struct arena;
struct arena *arena_new(void);
/* From now on arena_check fails once the arena, with more to come, is larger than this. */
void arena_limit(struct arena *arena, size_t bytes);
size_t arena_bytes(const struct arena *arena);
struct roll_error *arena_check(const struct arena *arena, size_t more) ROLL_CHECKED;
void arena_free(struct arena *arena);                /* also drops every JSON value that it keeps */
void *arena_alloc(struct arena *arena, size_t size); /* zeroed, aligned for any type */
char *arena_text(struct arena *arena, const char *text, size_t size);
json_t *arena_keep(struct arena *arena,
                   json_t *value); /* steals the reference, returns it borrowed */

/* Where an error stands in the file: built while it is handed up, read at the top (where.c). */
struct trail {
    GString *pointer;
};
struct roll_error *template_error(const char *format, ...) ROLL_PRINTF(1, 2) ROLL_CHECKED;
/* A new error with this message that keeps the code and detail of err, which is consumed. */
struct roll_error *template_rephrase(struct roll_error *err, const char *format, ...)
    ROLL_PRINTF(2, 3) ROLL_CHECKED;
/* Puts `/key` before what the trail has; err is returned. */
struct roll_error *trail_key(struct trail *trail, struct roll_error *err, const char *key)
    ROLL_CHECKED;
struct roll_error *trail_index(struct trail *trail, struct roll_error *err, size_t index)
    ROLL_CHECKED;
/* Sets err's detail from base (a pointer, may be NULL) and the trail. The detail that a deeper
 * error has stays. */
struct roll_error *trail_finish(struct trail *trail, struct roll_error *err,
                                const struct roll_template *file, const char *base) ROLL_CHECKED;

/* ---- expressions (parse.c) ---- */
enum expr_kind { EXPR_LITERAL, EXPR_CALL, EXPR_ACCESS };

struct expr {
    enum expr_kind kind;
    bool dotted;     /* ACCESS: written `.name` */
    unsigned count;  /* CALL: arguments */
    json_t *literal; /* LITERAL: kept by the arena */
    const struct function
        *function;            /* CALL: NULL if there is none of that name, or a user function */
    const char *space;        /* CALL: namespace of a user function, or NULL */
    const char *name;         /* CALL: as written */
    const struct expr **args; /* CALL: arguments; ACCESS: base and index */
};

/* text without its brackets. */
struct roll_error *expr_parse(struct arena *arena, const char *text, size_t size,
                              const struct expr **ret_expr) ROLL_CHECKED;
bool text_is_expression(const char *text, size_t size);
/* Calls visit for every node, parents first. */
void expr_walk(const struct expr *expr, void (*visit)(const struct expr *expr, void *user),
               void *user);
const char *expr_literal_text(const struct expr *expr); /* NULL unless it is a string literal */

/* ---- nodes: JSON with expressions inside (compile.c) ---- */
enum node_kind { NODE_CONST, NODE_EXPR, NODE_OBJECT, NODE_ARRAY };

struct node;

struct member {
    const char *key; /* borrowed from the document; NULL when the name is an expression */
    size_t key_size;
    const struct expr *key_expr;
    struct node *value;
};

/* A loop that makes an array: {name, count, input}. */
struct copy {
    struct node *name;
    struct node *count;
    struct node *input;
    struct node *mode;
    struct node *batch_size;
};

struct node {
    enum node_kind kind;
    bool literal;   /* CONST: nothing was unescaped, the value is that of the document */
    json_t *value;  /* CONST: kept by the document or the arena; others: the original, borrowed */
    size_t size;    /* CONST: bytes as text, about */
    unsigned count; /* OBJECT, ARRAY */
    unsigned copy_count; /* OBJECT */
    const struct expr *expr;
    struct member *members;
    struct node **items;
    struct copy *copies;
};

struct roll_error *node_compile(struct arena *arena, json_t *value, struct trail *trail,
                                struct node **ret_node) ROLL_CHECKED;
struct roll_error *copy_compile(struct arena *arena, const json_t *value, struct trail *trail,
                                struct copy **ret_copy) ROLL_CHECKED;
void node_walk(const struct node *node, void (*visit)(const struct expr *expr, void *user),
               void *user);

/* ---- names without regard to case ---- */
struct names; /* name → index, built once */
struct names *names_new(struct arena *arena, size_t expected);
bool names_add(struct names *names, const char *name,
               size_t index); /* false: there is one already (it is replaced) */
bool names_find(const struct names *names, const char *name, size_t *ret_index);

#endif
