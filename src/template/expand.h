/* Fourth room: a template's resources, their loops, ids, dependencies and nested deployments. */
#ifndef ROLL_TEMPLATE_EXPAND_H
#define ROLL_TEMPLATE_EXPAND_H

#include "eval.h"

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
/* Condition, name, target and id of a new instance, which is entered into its level's maps; a
 * second one with the same id is an error. */
struct roll_error *instance_identify(struct instance *instance, const struct instance *parent)
    ROLL_CHECKED;
/* A member that must be a text; unknown ones are markers. Kept by the arena. */
struct roll_error *eval_text(const struct eval *eval, const struct node *node, const char *key,
                             json_t **ret_value) ROLL_CHECKED;
/* Appends index to what map (by_name, by_loop) has for name. */
void level_map(struct level *level, GHashTable *map, const char *name, unsigned index);
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

#endif
