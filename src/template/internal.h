/* What the files of the template module share: compiled templates, expressions, values that are not
 * known yet.
 *
 * A template is read once into immutable structures (struct program): every string that is an
 * expression becomes a tree in an arena, every JSON value without an expression below it stays the
 * one jansson value. Evaluating never changes them and never changes a value that is shared:
 * results are new containers around borrowed parts. */
#ifndef ROLL_TEMPLATE_INTERNAL_H
#define ROLL_TEMPLATE_INTERNAL_H

#include <string.h>

#include "rollbook/json.h"
#include "rollbook/template.h"

/* ---- limits (reference section 19) ---- */
#define MAX_EXPRESSION 24576
#define MAX_LITERAL 131072
#define MAX_PARAMETERS 256
#define MAX_VARIABLES 512 /* older documents say 256 */
#define MAX_OUTPUTS 64
#define MAX_RESOURCES 800
#define MAX_COPY 800
#define MAX_TEXT (4u << 20)  /* one string, and the whole expanded template */
#define MAX_BODY (1u << 20)  /* one resource */
#define MAX_NESTING 250      /* expressions within one expression */
#define MAX_DEPTH 2400       /* evaluation steps upon one another: bounds the C stack */
#define MAX_VALUE_DEPTH 128  /* of a value that is kept */
#define MAX_FUEL 20000000    /* evaluation steps of one expansion: some seconds at most */
#define MAX_MADE (64u << 20) /* bytes that one expansion may make, all in all */
/* What a text of this size may become in memory: its values, and what is compiled from them. With
 * the texts themselves (six times their size at most) and MAX_MADE that is 20 times (input + 4 MB).
 * The largest templates known take seven times their size for either. */
#define MAX_READ(size) (14 * (size_t)(size) + (12u << 20))
#define MAX_GIVEN(size) (14 * (size_t)(size) + (1u << 20)) /* the same for parameters */
#define MAX_LEVELS 20                                      /* deployments within deployments */
#define MAX_DEPLOYMENT_NAME 64
#define MAX_CHILDREN 5 /* child resources within one another */
#ifdef ROLL_FUZZING
#undef MAX_FUEL
#undef MAX_MADE
#define MAX_FUEL 1000000 /* with sanitizers a step takes some twenty times as long */
#define MAX_MADE (16u << 20)
#endif

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

/* ---- names without regard to case ---- */
struct names; /* name → index, built once */
struct names *names_new(struct arena *arena, size_t expected);
bool names_add(struct names *names, const char *name,
               size_t index); /* false: there is one already (it is replaced) */
bool names_find(const struct names *names, const char *name, size_t *ret_index);

/* ---- programs: compiled templates (program.c) ---- */
struct parameter {
    struct roll_template_parameter public;
    const json_t *schema;  /* the declaration */
    struct node *fallback; /* defaultValue or NULL */
};

struct variable {
    const char *name;
    struct node *value; /* NULL: a loop */
    struct copy *copy;
};

struct user_function {
    const char *full_name; /* namespace.name */
    size_t parameter_count;
    struct parameter *parameters;
    const json_t *output; /* its schema */
    struct node *value;
    struct names *parameter_names;
};

struct resource {
    const char *symbol;  /* languageVersion 2.0, or NULL */
    const char *pointer; /* RFC 6901, in the text of the template file */
    const char *type;
    struct node *name;
    struct node *api_version;
    struct node *condition;
    struct node *scope;
    struct node *depends_on;
    struct node *resource_group;
    struct node *subscription_id;
    struct node *location;
    struct copy *copy;
    bool existing;
    bool foreign;        /* of another resource provider than ARM's: `extension`, `import` */
    bool deployment;     /* Microsoft.Resources/deployments */
    bool inner;          /* its template is evaluated by itself */
    unsigned body_count; /* members that are evaluated and sent, in order */
    struct member *body;
    unsigned child_count;
    struct resource *children;
    /* a nested deployment's properties */
    struct node *nested_parameters;
    struct node *nested_link;
    struct program
        *nested; /* inner: a program of its own; outer: sections evaluated by the parent; or NULL */
    unsigned property_count; /* other members of its properties */
    struct member *properties;
};

struct output {
    const char *name;
    const json_t *schema;
    const char *type;
    struct node *condition;
    struct node *value;
    struct copy *copy;
};

struct assertion {
    const char *name;
    struct node *value;
};

struct program {
    struct arena *arena; /* borrowed from the document */
    const struct roll_template *file;
    const char *pointer; /* where it stands in the file */
    const json_t *root;
    enum roll_scope_kind scope;
    bool symbolic; /* languageVersion 2.0 */
    const char *schema_uri;
    const char *content_version;
    size_t parameter_count;
    struct parameter *parameters;
    struct names *parameter_names;
    size_t variable_count;
    struct variable *variables;
    struct names *variable_names;
    size_t function_count;
    struct user_function *functions;
    struct names *function_names;
    size_t resource_count;
    struct resource *resources;
    size_t output_count;
    struct output *outputs;
    size_t assert_count;
    struct assertion *asserts;
    const json_t *definitions;
};

struct roll_template {
    int references;
    char *file_name;
    GString *original;
    GString *strict;
    json_t *root;
    size_t bytes; /* what root takes, about */
    struct arena *arena;
    struct program *program;
};

/* What it takes, about, text and all. */
size_t template_bytes(const struct roll_template *file);

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

struct roll_error *program_compile(struct arena *arena, const struct roll_template *file,
                                   const json_t *root, const char *pointer, struct trail *trail,
                                   struct program **ret_program) ROLL_CHECKED;
struct roll_error *node_compile(struct arena *arena, json_t *value, struct trail *trail,
                                struct node **ret_node) ROLL_CHECKED;
/* The same, but no string in it is an expression. */
struct node *node_literal(struct arena *arena, json_t *value);
struct roll_error *copy_compile(struct arena *arena, const json_t *value, struct trail *trail,
                                struct copy **ret_copy) ROLL_CHECKED;
struct roll_error *resource_compile(struct program *program, json_t *value, const char *symbol,
                                    const char *pointer, unsigned depth, struct trail *trail,
                                    struct resource *resource) ROLL_CHECKED;
void node_walk(const struct node *node, void (*visit)(const struct expr *expr, void *user),
               void *user);

/* ---- values that are not plain JSON (marker.c) ----
 *
 * A marker stands inside JSON values where something is unknown until run time or must not be
 * shown. It begins with a json_t of a type that jansson does not know and is never counted; it
 * lives in the arena of the evaluation. No marker leaves the module: value_finish replaces them by
 * the text of their expression (or by the secret, for a server). */
#define MARKER_TYPE ((json_type)77)

struct marker {
    json_t json;
    const struct expr *expr; /* residual: known parts filled in */
    json_t *hidden;          /* borrowed, or NULL: the value, known but not to be shown */
    json_t *facet;           /* borrowed, or NULL: an object of members that are known */
};

static inline bool is_marker(const json_t *value)
{
    return value && json_typeof(value) == MARKER_TYPE;
}
static inline const struct marker *marker_of(const json_t *value)
{
    return (const struct marker *)(const void *)value;
}

/* ---- evaluation (eval.c) ---- */
enum place {
    PLACE_PARAMETER = 1 << 0,
    PLACE_VARIABLE = 1 << 1,
    PLACE_IDENTITY =
        1 << 2, /* name, scope, condition, count: what must be known before deployment */
    PLACE_BODY = 1 << 3,
    PLACE_OUTPUT = 1 << 4,
    PLACE_FUNCTION = 1 << 5,
    PLACE_MEMBER = 1 << 6, /* members of a resource beside its properties */
};

enum frame_kind { FRAME_RESOURCE, FRAME_PROPERTY, FRAME_OUTPUT, FRAME_LAMBDA };

/* A loop or a lambda variable around the expression. */
struct frame {
    enum frame_kind kind;
    const char *name; /* NULL: unnamed (output loops) */
    json_int_t index;
    json_t *value; /* LAMBDA: borrowed */
    const struct frame *outer;
};

/* Names that ids are made of. Members are markers where unknown. */
struct scope {
    enum roll_scope_kind kind;
    json_t *tenant;
    json_t *subscription;
    json_t *group;
    json_t *management_group;
    json_t *location;
    json_t *name; /* of the deployment */
    json_t *group_tags;
    json_t *subscription_name;
};

enum slot_state { SLOT_NEW, SLOT_BUSY, SLOT_DONE };

struct slot {
    enum slot_state state;
    json_t *value; /* borrowed, kept by the arena; NULL when there is none */
};

struct level;
struct instance;

/* One expansion: what is shared by all its deployments. */
struct work {
    struct arena *arena;
    const struct roll_template_input *input;
    const struct roll_template_runtime *runtime; /* NULL while planning */
    struct trail trail;
    const char *utc_now;
    gint64 utc_seconds; /* and its ticks */
    int utc_ticks;
    unsigned guids;
    unsigned levels;
    unsigned depth;
    unsigned resources;
    size_t fuel;
    size_t made;
    size_t markers; /* how many there are: none means no value need be searched for them */
    bool complete;
    bool loose_id;  /* the last error says that an id was made of something else than text */
    bool postponed; /* the last error says that a loop's count is unknown: the deployment can stay a
                       leaf */
    json_t *environment;
    GPtrArray *levels_made; /* struct level, freed at the end */
    GHashTable *links;      /* path or uri → linked struct roll_template, or NULL; may be NULL */
};

/* Where names resolve: a template with values for its parameters, or a user function's call. */
struct env {
    struct work *work;
    const struct program *program;
    const struct user_function *function; /* or NULL */
    struct scope scope;
    struct slot *parameters;
    json_t *given;                     /* {name: {value|reference}}, borrowed, or NULL */
    struct env *outer_env_of_function; /* the template's, for a call of a user function */
    const struct env *caller;          /* of a user function: where it is called */
    bool given_unknown;                /* what is given comes by link, or is known in a run only */
    struct slot *variables;            /* shared by the functions of a template */
    struct level *level;               /* whose resources reference() sees */
    const struct env *outer_env;       /* of a nested deployment: the parent's */
    const struct instance *deployed_by;
    const char *template_uri;
    const char
        *link_path;     /* of the linked file around it, from the root's folder; NULL: the root */
    json_t *deployment; /* deployment(), made when first asked for */
};

/* What one expression sees. */
struct eval {
    struct work *work;
    struct env *env;
    const struct frame *frame;
    enum place place;
    struct instance *instance; /* whose body it is (collects what it refers to), or NULL */
};

struct roll_error *eval_expr(const struct eval *eval, const struct expr *expr, json_t **ret_value)
    ROLL_CHECKED; /* new */
struct roll_error *eval_node(const struct eval *eval, const struct node *node, json_t **ret_value)
    ROLL_CHECKED; /* new */
struct roll_error *eval_members(const struct eval *eval, const struct member *members,
                                unsigned count, json_t *object) ROLL_CHECKED;
struct roll_error *eval_copy_array(const struct eval *eval, const struct copy *copy,
                                   enum frame_kind kind, json_t **ret_array) ROLL_CHECKED; /* new */
struct roll_error *eval_copy_count(const struct eval *eval, const struct copy *copy,
                                   json_int_t *ret_count) ROLL_CHECKED;
struct roll_error *eval_access(const struct eval *eval, json_t *base, json_t *index,
                               const struct expr *written, json_t **ret_value)
    ROLL_CHECKED; /* new; base and index borrowed */
struct roll_error *eval_parameter(const struct eval *eval, const char *name, json_t **ret_value)
    ROLL_CHECKED; /* new */
struct roll_error *eval_parameter_at(struct env *env, size_t index, json_t **ret_value)
    ROLL_CHECKED; /* borrowed */
struct roll_error *eval_variable(const struct eval *eval, const char *name, json_t **ret_value)
    ROLL_CHECKED; /* new */
struct roll_error *eval_variable_at(struct env *env, size_t index, json_t **ret_value)
    ROLL_CHECKED; /* borrowed */
struct roll_error *eval_user_function(const struct eval *eval, const struct expr *call,
                                      json_t **ret_value) ROLL_CHECKED; /* new */
/* A text that must be known: hidden values are shown here, unknown ones give NULL. */
struct roll_error *eval_identity(const struct eval *eval, const struct node *node,
                                 json_t **ret_value) ROLL_CHECKED;
struct roll_error *eval_identity_expr(const struct eval *eval, const struct expr *expr,
                                      json_t **ret_value) ROLL_CHECKED;

/* Steps and bytes; the error says that the template is too large to evaluate. */
struct roll_error *work_burn(struct work *work, size_t steps) ROLL_CHECKED;
/* A text of so many bytes is about to be made, or was. */
struct roll_error *work_make(struct work *work, size_t bytes) ROLL_CHECKED;
/* Memory of containers and their parts, as ROLL_JSON_…_BYTES has it. */
struct roll_error *work_hold(struct work *work, size_t bytes) ROLL_CHECKED;
#define OBJECT_BYTES(count) (ROLL_JSON_OBJECT_BYTES + ROLL_JSON_MEMBER_BYTES * (size_t)(count))
#define ARRAY_BYTES(count) (ROLL_JSON_ARRAY_BYTES + ROLL_JSON_ITEM_BYTES * (size_t)(count))
/* What a container itself takes, without what it holds. */
size_t container_bytes(const json_t *value);

/* marker.c */
json_t *marker_new(struct work *work, const struct expr *expr); /* borrowed: lives in the arena */
json_t *marker_hide(struct work *work, const struct expr *expr, json_t *value); /* steals value */
const struct expr *expr_of(struct work *work,
                           json_t *value); /* residual of a marker, else a literal */
const struct expr *expr_call(struct work *work, const char *name, const struct expr *const *args,
                             unsigned count);
const struct expr *expr_access(struct work *work, const struct expr *base, const struct expr *index,
                               bool dotted);
const struct expr *expr_text(struct work *work, const char *text);
/* The call with its arguments filled in as far as they are known (errors leave them as written). */
const struct expr *expr_reduce(const struct eval *eval, const struct expr *expr);
void expr_print(const struct expr *expr, GString *out);
bool value_has_marker(struct work *work, json_t *value);
/* Hidden values put in their places. New reference; NULL when something in it is unknown. */
json_t *value_reveal(struct work *work, json_t *value);
/* What leaves the module: markers become "[…]" (complete turns false) or, with reveal, their hidden
 * values. Steals. Literal text that begins with [ is escaped when escape is set. size is added to.
 */
struct roll_error *value_finish(struct work *work, json_t *value, bool reveal, bool escape,
                                size_t *size, json_t **ret_value) ROLL_CHECKED;

/* ---- functions (table.c, functions_*.c) ---- */
enum type_mask {
    T_STRING = 1,
    T_INT = 2,
    T_BOOL = 4,
    T_ARRAY = 8,
    T_OBJECT = 16,
    T_NULL = 32,
    T_FLOAT = 64,
    T_ANY = 127,
};

enum function_flag {
    F_NAMES = 1,   /* string literals among the arguments need no JSON value */
    F_DEEP = 2,    /* looks inside containers: a marker anywhere makes the call unknown */
    F_RUNTIME = 4, /* allowed in bodies and outputs only */
    F_DEFAULT = 8, /* allowed in parameter defaults only */
    F_LIST = 16,   /* list* */
    F_OPEN = 32,   /* takes markers as arguments itself */
};

#define MANY 255

struct call {
    const struct eval *eval;
    const struct function *function;
    const struct expr *expr;
    json_t **args;
    unsigned count;
};

typedef struct roll_error *function_body(const struct call *call, json_t **ret_value);
typedef struct roll_error *function_special(const struct eval *eval, const struct expr *call,
                                            json_t **ret_value);

struct function {
    const char *key;  /* lower case: the table is sorted by it */
    const char *name; /* as messages spell it */
    unsigned char min, max;
    unsigned char types[4]; /* the last one holds for the rest; 0: as the one before */
    unsigned flags;
    function_body *body;       /* arguments are evaluated and checked */
    function_special *special; /* or: evaluates its arguments itself */
};

const struct function *function_find(const char *name, size_t size); /* without regard to case */
size_t function_count(void);
const struct function *function_at(size_t index);

#define FUNCTION_BODIES(X)                                                                         \
    X(equals)                                                                                      \
    X(greater)                                                                                     \
    X(greater_or_equals)                                                                           \
    X(less)                                                                                        \
    X(less_or_equals)                                                                              \
    X(not )                                                                                        \
    X(bool)                                                                                        \
    X(true)                                                                                        \
    X(false)                                                                                       \
    X(null) X(add) X(sub) X(mul) X(div) X(mod) X(min) X(max) X(int) X(float) X(range) X(array) X(  \
        create_array) X(create_object) X(concat) X(contains) X(empty) X(length) X(first) X(last)   \
        X(skip) X(take) X(union) X(intersection) X(shallow_merge) X(items) X(object_keys) X(       \
            flatten) X(distinct) X(index_of) X(last_index_of) X(join) X(try_get) X(index_from_end) \
            X(try_index_from_end) X(json) X(base64) X(base64_to_string) X(base64_to_json)          \
                X(data_uri) X(data_uri_to_string) X(ends_with) X(starts_with) X(format) X(guid)    \
                    X(unique_string) X(new_guid) X(pad_left) X(replace) X(split) X(string)         \
                        X(substring) X(to_lower) X(to_upper) X(trim) X(uri) X(uri_component) X(    \
                            uri_component_to_string) X(build_uri) X(parse_uri) X(like) X(utc_now)  \
                            X(date_time_add) X(date_time_from_epoch) X(date_time_to_epoch)         \
                                X(resource_id) X(subscription_resource_id)                         \
                                    X(management_group_resource_id) X(tenant_resource_id)          \
                                        X(extension_resource_id) X(pick_zones) X(providers)        \
                                            X(unknown) X(parse_cidr) X(cidr_subnet) X(cidr_host)   \
                                                X(fail) X(external_inputs) X(environment)          \
                                                    X(deployment) X(deployer) X(resource_group)    \
                                                        X(subscription) X(management_group)        \
                                                            X(tenant)
#define FUNCTION_SPECIALS(X)                                                                       \
    X(if)                                                                                          \
    X(and)                                                                                         \
    X(or)                                                                                          \
    X(coalesce)                                                                                    \
    X(parameters)                                                                                  \
    X(variables)                                                                                   \
    X(copy_index)                                                                                  \
    X(lambda)                                                                                      \
    X(lambda_variables)                                                                            \
    X(filter) X(map) X(reduce) X(sort) X(to_object) X(map_values) X(group_by) X(reference)         \
        X(references) X(list)
#define DECLARE_BODY(name)                                                                         \
    struct roll_error *function_##name(const struct call *call, json_t **ret_value) ROLL_CHECKED;
#define DECLARE_SPECIAL(name)                                                                      \
    struct roll_error *special_##name(const struct eval *eval, const struct expr *call,            \
                                      json_t **ret_value) ROLL_CHECKED;
FUNCTION_BODIES(DECLARE_BODY)
FUNCTION_SPECIALS(DECLARE_SPECIAL)
#undef DECLARE_BODY
#undef DECLARE_SPECIAL

/* The call with what is known of its arguments, as a marker: for evaluators that find markers
 * themselves. Borrowed. */
json_t *call_unknown(const struct call *call);
/* "Unable to evaluate template language function 'f': …" and "The template language function 'f'
 * …". */
struct roll_error *function_error(const struct call *call, const char *format, ...)
    ROLL_PRINTF(2, 3) ROLL_CHECKED;
/* The error for an argument of the wrong type, 0-based. */
/* The same where the other arguments decide which types fit. */
struct roll_error *argument_type_error(const struct function *function, unsigned index,
                                       unsigned mask, const json_t *value) ROLL_CHECKED;
struct roll_error *argument_error(const struct function *function, unsigned index, json_t *value)
    ROLL_CHECKED;
unsigned value_type_mask(const json_t *value);
const char *type_word(const json_t *value); /* String, Integer, Boolean, … as messages say it */
struct roll_error *return_text(const struct call *call, GString *text, json_t **ret_value)
    ROLL_CHECKED; /* steals */
struct roll_error *return_chars(const struct call *call, const char *text, size_t size,
                                json_t **ret_value) ROLL_CHECKED;

/* ---- values (value.c) ---- */
struct roll_error *value_equal(struct work *work, const json_t *a, const json_t *b, bool *ret_equal)
    ROLL_CHECKED;
int text_compare(const char *a, const char *b); /* as less() and greater() do */
int key_compare(const char *a, const char *b);  /* as items() does */
json_t *object_get(const json_t *object,
                   const char *key); /* exact spelling first, then without case; borrowed */
/* The member's own spelling, or NULL. */
const char *object_key(const json_t *object, const char *key);
struct roll_error *index_of_text(const struct call *call, bool last, json_t **ret_value)
    ROLL_CHECKED;                                   /* indexOf */
void value_text(const json_t *value, GString *out); /* string(): text itself, True, digits, JSON */
/* Bytes of JSON text, about; bounded work. */
struct roll_error *value_size(struct work *work, const json_t *value, unsigned depth, size_t *size)
    ROLL_CHECKED;
struct roll_error *value_check_depth(struct work *work, const json_t *value) ROLL_CHECKED;
json_t *json_text(const char *text);                             /* a new string value */
json_t *json_gtext(GString *text);                               /* steals */
void object_put(json_t *object, const char *key, json_t *value); /* steals value */
json_t *object_copy(const json_t *object);                       /* shallow */
/* A number by a custom picture, such as #,##0.00 (picture.c). */
void append_picture(json_int_t number, const char *picture, GString *out);
/* Members of objects put together, names without regard to case (merge.c). */
struct merge;
struct merge *merge_new(json_t *into); /* borrowed */
const char *merge_key(struct merge *merge,
                      const char *key); /* the spelling that is there, or key itself */
void merge_put(struct merge *merge, const char *key,
               json_t *value); /* steals value; the first spelling stays */
void merge_free(struct merge *merge);
static inline void roll_merge_auto(struct merge **owner)
{
    merge_free(*owner);
}
bool json_is_true_text(const json_t *value);
guint64 murmur64(const void *data, size_t size);

/* g_utf8_next_char() without its cast, which clang refuses for const text. */
static inline const char *next_char(const char *at)
{
    return at + g_utf8_skip[*(const unsigned char *)at];
}

/* UTF-16 units, as the engine counts */
size_t utf16_length(const char *text, size_t size);
/* 2024-01-31, with or without a word such as -preview behind it. */
bool api_version_is_well_formed(const char *text);
#define BAD_API_VERSION                                                                            \
    "The apiVersion '%.100s' is not of the form '2024-01-31' or '2024-01-31-preview'."

/* Byte offset of a UTF-16 index; SIZE_MAX when it is past the end. */
size_t utf16_offset(const char *text, size_t size, size_t units);

/* ---- types (types.c) ---- */
/* Checks value against a declaration; path names the value in messages. */
struct roll_error *type_check(const struct program *program, const json_t *schema, const char *path,
                              json_t *value, struct work *work) ROLL_CHECKED;
/* The declaration with its $ref followed, borrowed; NULL when it leads nowhere. */
const json_t *type_resolve(const struct program *program, const json_t *schema);
const char *type_name(const struct program *program, const json_t *schema); /* as declared, or "" */
bool type_is_secure(const struct program *program, const json_t *schema);
bool type_is_nullable(const struct program *program, const json_t *schema);
const char *type_answer(const char *type); /* "String", "SecureString", … */

/* ---- resources (ids.c, expand.c, depends.c, nested.c) ---- */
struct instance {
    const struct resource *resource;
    struct level *level;
    const struct frame *frame;
    const char *type;    /* full, in the arena */
    json_t *name;        /* full; a marker where unknown; NULL for other resource providers' */
    json_t *own_name;    /* a child's last segments, or name */
    json_t *api_version; /* or NULL */
    json_t *condition; /* NULL: true; a marker: unknown. Instances with a false one are kept, marked
                          off */
    json_t *scope;     /* evaluated scope member, or NULL */
    json_t *id;        /* a marker where unknown */
    const char *label; /* id in lower case, as the maps have it */
    unsigned number;   /* its place in the level */
    bool off;
    bool expanding;
    GArray *depends;      /* of unsigned: explicit, by instance index; owned */
    GArray *refers;       /* of unsigned: implicit; owned */
    json_t *body;         /* finished; owned, or NULL */
    struct scope target;  /* of a nested deployment */
    struct level *nested; /* expanded when first needed */
    bool nested_done;
    json_t *nested_outputs; /* {name: {type, value}} with markers, borrowed */
    json_t
        *nested_given; /* evaluated parameters of the nested deployment, with markers, borrowed */
    struct env *nested_env;
};

/* One deployment's resources. */
struct level {
    struct work *work;
    struct env *env; /* where its expressions are evaluated: for outer templates the parent's */
    const struct program *program;
    struct scope scope;        /* where its resources go */
    const struct frame *frame; /* around all of it (outer templates in a loop) */
    GPtrArray *instances;      /* struct instance, in the arena */
    GHashTable *by_id;         /* lower-case id → instance index + 1 */
    GHashTable *by_name;       /* lower-case name → GArray of indexes */
    GHashTable *by_loop;       /* lower-case copy name, or symbol → GArray of indexes */
    bool planned;
    unsigned *stamps;       /* while dependencies are read: who named the instance last, plus 1 */
    struct instance *owner; /* the deployment that this level is, NULL at the top */
    unsigned depth;
    size_t named; /* bytes of ids so far */
    bool vague;   /* an id is unknown: dependencies cannot all be checked */
};

struct env *env_new(struct work *work, const struct program *program, const struct scope *scope);
void level_free(struct level *level);
/* Lives as long as the work. */
struct level *level_new(struct work *work, struct env *env, const struct program *program,
                        const struct scope *scope);
/* Instances with names, ids, conditions, dependencies; no bodies. */
struct roll_error *level_plan(struct level *level) ROLL_CHECKED;
struct roll_error *level_depends(struct level *level) ROLL_CHECKED;
struct roll_error *level_cycles(struct level *level) ROLL_CHECKED;
/* Plan, dependencies, bodies with markers, cycles. */
struct roll_error *level_expand(struct level *level) ROLL_CHECKED;
struct roll_error *level_resources(struct level *level, json_t **ret_resources)
    ROLL_CHECKED; /* new, with markers */
struct roll_error *instance_nested(struct instance *instance) ROLL_CHECKED;
struct roll_error *env_bind(struct env *env)
    ROLL_CHECKED; /* checks what is given, evaluates all parameters */
struct roll_error *env_variables(struct env *env) ROLL_CHECKED; /* evaluates all */
/* instance: the deployment whose outer template they belong to, or NULL. */
struct roll_error *env_outputs(struct env *env, const struct program *program,
                               const struct frame *frame, struct instance *instance,
                               json_t **ret_outputs) ROLL_CHECKED; /* new, with markers */
struct roll_error *env_parameters(struct env *env, json_t **ret_parameters)
    ROLL_CHECKED; /* new, with markers */
struct roll_error *env_for_input(struct work *work, const struct roll_template *tmpl,
                                 struct env **ret_env) ROLL_CHECKED;
struct roll_error *env_asserts(struct env *env, json_t **ret_asserts) ROLL_CHECKED;
/* All that have the name, or NULL. Borrowed. */
GArray *level_named(const struct level *level, const char *text);
/* The instance that a reference or a dependency names (symbol, name, relative or full id), or NULL.
 */
struct instance *level_find(struct level *level, const char *text);
struct instance *level_at(const struct level *level, unsigned index);
/* Where its deployment goes; NULL location where it is unknown. */
struct roll_error *instance_target(struct instance *instance, const struct eval *eval) ROLL_CHECKED;
/* That the evaluated properties of a nested deployment ask for no mode but Incremental. */
struct roll_error *instance_mode(const struct instance *instance, const json_t *properties)
    ROLL_CHECKED;
/* eval refers to found, which may belong to a level around its own. */
void instance_refer(const struct eval *eval, struct instance *found);
/* err with the resource's name and place in its message. Detail is set. */
struct roll_error *instance_error(struct level *level, const struct resource *resource,
                                  json_t *name, struct roll_error *err) ROLL_CHECKED;
void instance_where(const struct level *level, const struct resource *resource, int *ret_line,
                    int *ret_column);
void instance_eval(struct instance *instance, enum place place, struct eval *ret_eval);

/* {type, value}; secure ones have a value with secrets only. *ret_output stays NULL when its
 * condition is false. New. */
struct roll_error *eval_output(const struct eval *eval, const struct program *program,
                               const struct output *output, bool secrets, json_t **ret_output)
    ROLL_CHECKED;
/* As it is to be sent, with markers for secrets: nested templates in full, inner ones as written.
 * New. */
struct roll_error *instance_run_body(struct instance *instance, json_t **ret_body) ROLL_CHECKED;
struct roll_error *template_scope_check(const struct roll_template *tmpl,
                                        const struct roll_template_input *input) ROLL_CHECKED;

/* ids.c: text made of parts; one unknown part makes the whole an expression `concat(…)`. */
struct pieces;
struct pieces *pieces_new(struct work *work);
void pieces_text(struct pieces *pieces, const char *text);
void pieces_value(struct pieces *pieces, json_t *value); /* string or marker, borrowed */
json_t *pieces_end(struct pieces *pieces);               /* frees; new: string or marker */
/* Appends /subscriptions/… without what follows; nothing for the tenant. */
void pieces_scope(struct pieces *pieces, const struct scope *scope);
/* `/providers/Ns/a/x/b/y` from `Ns/a/b` and `x/y`. */
void pieces_resource(struct pieces *pieces, const char *type, json_t *name);
json_t *scope_id(struct work *work, const struct scope *scope); /* new: "/subscriptions/…" */
char *value_label(json_t *value); /* text of a string, or `[expression]`: for maps and messages */
char *fold_id(const char *id);    /* lower case, no trailing / */

/* ---- where something flows to (taint.c) ---- */
enum taint_state { TAINT_UNSEEN, TAINT_CLEAN, TAINT_FOUND };

/* Whether the expression is what is looked for; *descend false: nor is anything in it. */
typedef bool taint_seed(const struct expr *expr, void *user, bool *descend);

struct taint {
    const struct program *program;
    taint_seed *seed;
    void *user;
    bool (*parameter_seed)(const struct parameter *parameter); /* or NULL */
    enum taint_state *parameters;                              /* may be set beforehand */
    enum taint_state *variables;
    enum taint_state *functions;
    bool inside_function;
};
struct taint *taint_new(const struct program *program, taint_seed *seed, void *user);
void taint_free(struct taint *taint);
bool taint_expr(struct taint *taint, const struct expr *expr);
bool taint_node(struct taint *taint, const struct node *node); /* NULL: false */
bool taint_copy(struct taint *taint, const struct copy *copy); /* NULL: false */
static inline void roll_taint_auto(struct taint **owner)
{
    taint_free(*owner);
}

/* hash.c */
void program_hash(const struct program *program, char ret_hash[21]);

/* context.c */
struct work *work_new(const struct roll_template_input *input);
void work_free(struct work *work);
struct roll_error *work_time(struct work *work) ROLL_CHECKED;
/* The pretended location of a template file that is not deployed by link; relative links are
 * resolved against it. */
#define RELATIVE_BASE "relative:///"
void scope_from_context(struct work *work, const struct roll_template_context *context,
                        struct scope *ret_scope);

#endif
