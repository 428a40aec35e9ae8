/* Second room: a template, read once into structures that nothing changes afterwards. */
#ifndef ROLL_TEMPLATE_PROGRAM_H
#define ROLL_TEMPLATE_PROGRAM_H

#include "parse.h"

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

/* A section (borrowed) of the wanted type, or NULL when it is absent or null. */
struct roll_error *program_section(const struct program *program, const char *name, json_type type,
                                   size_t most, struct trail *trail, json_t **ret_section)
    ROLL_CHECKED;
struct roll_error *program_read_parameters(struct program *program, struct trail *trail)
    ROLL_CHECKED;
struct roll_error *program_read_functions(struct program *program, struct trail *trail)
    ROLL_CHECKED;
struct roll_error *program_compile(struct arena *arena, const struct roll_template *file,
                                   const json_t *root, const char *pointer, struct trail *trail,
                                   struct program **ret_program) ROLL_CHECKED;
struct roll_error *resource_compile(struct program *program, json_t *value, const char *symbol,
                                    const char *pointer, unsigned depth, struct trail *trail,
                                    struct resource *resource) ROLL_CHECKED;

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
bool taint_node(struct taint *taint, const struct node *node); /* NULL: false */
bool taint_copy(struct taint *taint, const struct copy *copy); /* NULL: false */
static inline void roll_taint_auto(struct taint **owner)
{
    taint_free(*owner);
}

/* hash.c */
void program_hash(const struct program *program, char ret_hash[21]);

#endif
