/* Third room: parameters are bound and expressions evaluated. A value that is shared is never
 * changed: results are new containers around borrowed parts. */
#ifndef ROLL_TEMPLATE_EVAL_H
#define ROLL_TEMPLATE_EVAL_H

#include "program.h"
#include "value.h"

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

/* ---- evaluation (eval.c, eval_node.c) ---- */
enum place {
    PLACE_PARAMETER = 1 << 0,
    PLACE_VARIABLE = 1 << 1,
    /* name, scope, condition, count: what must be known before deployment */
    PLACE_IDENTITY = 1 << 2,
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
    bool loose_id; /* the last error says that an id was made of something else than text */
    /* the last error says that a loop's count is unknown: the deployment can stay a leaf */
    bool postponed;
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
    /* of the linked file around it, from the root's folder; NULL: the root */
    const char *link_path;
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
struct roll_error *eval_parameter(const struct eval *eval, const char *name, json_t **ret_value)
    ROLL_CHECKED; /* new */
struct roll_error *eval_parameter_at(struct env *env, size_t index, json_t **ret_value)
    ROLL_CHECKED; /* borrowed */
struct roll_error *eval_variable(const struct eval *eval, const char *name, json_t **ret_value)
    ROLL_CHECKED; /* new */
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
/* The residual of a marker, else a literal. */
const struct expr *expr_of(struct work *work, json_t *value);
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

/* ---- types (types.c) ---- */
/* Checks value against a declaration; path names the value in messages. */
struct roll_error *type_check(const struct program *program, const json_t *schema, const char *path,
                              json_t *value, struct work *work) ROLL_CHECKED;
const char *type_name(const struct program *program, const json_t *schema); /* as declared, or "" */
bool type_is_secure(const struct program *program, const json_t *schema);
bool type_is_nullable(const struct program *program, const json_t *schema);
const char *type_answer(const char *type); /* "String", "SecureString", … */

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
