/* The ARM template language: read, evaluate, expand, compare, hash, all without Azure.
 *
 * Source of every rule: the template-language reference (sections are named in the sources). A value is known, unknown
 * until run time (it stays as expression text with its known parts filled in), or an error. Errors have the code
 * ROLL_E_TEMPLATE; their message holds ARM's own words, their detail `{"line":…,"column":…,"path":…}` where known. */
#ifndef ROLLBOOK_TEMPLATE_H
#define ROLLBOOK_TEMPLATE_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/error.h"

enum roll_scope_kind { ROLL_SCOPE_GROUP, ROLL_SCOPE_SUBSCRIPTION, ROLL_SCOPE_MANAGEMENT_GROUP, ROLL_SCOPE_TENANT };

/* A template that was read: original text (for positions), strict minified text, parsed value. Immutable, shareable. */
struct roll_template;

/* Reads ARM's dialect; checks the frame ($schema, contentVersion, known sections, limits) and parses every expression.
 * file_name is only for messages and may be NULL. The text is copied. */
struct roll_error *roll_template_read(const char *text, size_t size, const char *file_name,
                                      struct roll_template **ret_template) ROLL_CHECKED;
struct roll_template *roll_template_ref(struct roll_template *tmpl);
void roll_template_free(struct roll_template *tmpl);
ROLL_AUTO_DEFINE(template, struct roll_template, roll_template_free)

/* All borrowed from the template. */
const char *roll_template_text(const struct roll_template *tmpl, size_t *ret_size); /* strict, minified: what is sent */
const json_t *roll_template_value(const struct roll_template *tmpl);
enum roll_scope_kind roll_template_scope(const struct roll_template *tmpl); /* from $schema */

/* ARM's templateHash in decimal (REST reference 1.11). */
void roll_template_hash(const struct roll_template *tmpl, char ret_hash[21]);

/* The template in ARM's normal form, as exportTemplate shows it: members in a known order, types of
 * parameters and outputs capitalised (REST reference 1.10 and 1.11). It has the same hash. New
 * reference. */
json_t *roll_template_normal(const struct roll_template *tmpl);

/* Where the deployment would run. NULL members take the defaults of DESIGN section 9 (zero GUID, DummyResourceGroup,
 * "Dummy Location", …). The JSON members are borrowed and may be NULL. */
struct roll_template_context {
    enum roll_scope_kind scope;
    bool nested; /* as a deployment of another template: ARM takes a $schema of any scope then (recorded: AVM modules) */
    const char *tenant_id;
    const char *subscription_id;
    const char *subscription_name;
    const char *resource_group;
    const char *management_group;
    const char *location; /* of the group, or of the deployment record */
    const char *deployment_name;
    const char *utc_now;        /* RFC 3339; NULL: the clock */
    const char *guid_seed;      /* newGuid() is made from it and a counter; NULL: random */
    const json_t *group_tags;   /* resourceGroup().tags; NULL: they stay an expression */
    const char *cloud;          /* for environment(): public, usgovernment, china, sandbox or an address; NULL: public */
    const json_t *environment;  /* environment() itself, or NULL */
    const json_t *deployer;     /* deployer(); NULL: stays an expression */
    const json_t *providers;    /* answers of providers(), or NULL */
    const char *template_uri;   /* deployment().properties.templateLink.uri; NULL: not deployed by link */
};

/* Answers that only a running deployment knows. Without it (NULL) such calls stay expressions. */
struct roll_template_runtime {
    void *user;
    /* ret_value: new reference, the whole resource as GET gives it (the evaluator takes `properties` unless 'Full'). */
    struct roll_error *(*reference)(void *user, const char *resource_id, const char *api_version, json_t **ret_value);
    struct roll_error *(*list)(void *user, const char *function, const char *resource_id, const char *api_version,
                               const json_t *body, json_t **ret_value);
};

/* Finds linked templates. relative_path is from the root template's folder, whichever file links it (uri is NULL then);
 * uri is evaluated. *ret_template NULL and no error: not at hand, the deployment stays a leaf. Asked once for each. */
struct roll_template_linker {
    void *user;
    struct roll_error *(*load)(void *user, const struct roll_template *parent, const char *relative_path, const char *uri,
                               struct roll_template **ret_template);
};

struct roll_template_input {
    struct roll_template_context context;
    const json_t *parameters; /* {name: {"value":…} | {"reference":…}}, borrowed, or NULL */
    const struct roll_template_runtime *runtime; /* or NULL */
    const struct roll_template_linker *linker;   /* or NULL */
};

/* What roll template expand prints, and what comparisons and the sandbox work on. Values of secure parameters, and what
 * is made of them, stay expressions such as `[parameters('password')]`; they are used where names and conditions need them.
 *
 * resources: array, at every level; each with its full "id", evaluated members, "dependsOn" as array of full ids;
 * `existing` ones and those with a false condition left out; a nested deployment keeps its expanded resources under
 * properties.template.resources and its evaluated outputs under properties.template.outputs. */
struct roll_expansion {
    json_t *resources;  /* owned */
    json_t *outputs;    /* owned: {name: {"type":…,"value":…}}; secure ones have no value */
    json_t *asserts;    /* owned or NULL */
    json_t *parameters; /* owned: {name: {"type": "String", "value":…}} as ARM's answer shows them; secure ones no value */
    bool complete;      /* false when something stayed an expression */
};
struct roll_error *roll_template_expand(const struct roll_template *tmpl, const struct roll_template_input *input,
                                        struct roll_expansion **ret_expansion) ROLL_CHECKED;
void roll_expansion_free(struct roll_expansion *expansion);
ROLL_AUTO_DEFINE(expansion, struct roll_expansion, roll_expansion_free)

/* For a server that deploys resource by resource: the same expansion, but run-time members are evaluated one resource
 * at a time, when its dependencies are done. Steps: plan, then for each resource in order `body`, at the end `outputs`.
 * The run keeps the template and copies of the input; only the `user` pointers must outlive it. */
struct roll_template_run;
struct roll_error *roll_template_run_new(const struct roll_template *tmpl, const struct roll_template_input *input,
                                         struct roll_template_run **ret_run) ROLL_CHECKED;
/* The resources with what is known before the run (as roll_expansion.resources at this level, in dependency order), and
 * for each the indexes that it waits for. Borrowed. */
const json_t *roll_template_run_resources(const struct roll_template_run *run);
/* As roll_expansion.parameters. New reference. */
json_t *roll_template_run_parameters(const struct roll_template_run *run);
GArray *roll_template_run_needs(const struct roll_template_run *run, size_t index); /* of size_t, borrowed */
/* The whole body of one resource, evaluated with the runtime, secure values in their places (they are nowhere else). Of a
 * nested deployment: what is to be deployed, an inner template as written, an outer one evaluated. New reference. */
struct roll_error *roll_template_run_body(struct roll_template_run *run, size_t index, json_t **ret_body) ROLL_CHECKED;
struct roll_error *roll_template_run_outputs(struct roll_template_run *run, json_t **ret_outputs) ROLL_CHECKED;
void roll_template_run_free(struct roll_template_run *run);
ROLL_AUTO_DEFINE(template_run, struct roll_template_run, roll_template_run_free)

/* One expression (with its brackets) in the context of a template (or NULL). New reference. */
struct roll_error *roll_template_eval(const struct roll_template *tmpl, const struct roll_template_input *input,
                                      const char *expression, json_t **ret_value) ROLL_CHECKED;

/* Declared parameters. Borrowed; `type` as declared, lower case; secure for securestring and secureobject. */
struct roll_template_parameter {
    const char *name;
    const char *type;
    bool secure;
    bool nullable;
    bool has_default;
    bool default_is_expression;
    bool default_volatile; /* its default uses utcNow() or newGuid(), directly or through other parameters' defaults */
};
size_t roll_template_parameter_count(const struct roll_template *tmpl);
const struct roll_template_parameter *roll_template_parameter_at(const struct roll_template *tmpl, size_t index);
/* Without regard to case, or NULL. */
const struct roll_template_parameter *roll_template_parameter_find(const struct roll_template *tmpl, const char *name);
/* Whether the template would take this value for the parameter (declared, type, constraints). NULL: it would. */
struct roll_error *roll_template_parameter_check(const struct roll_template *tmpl, const char *name,
                                                 const json_t *value) ROLL_CHECKED;

/* The values of volatile defaults, evaluated once: {name: value} for parameters that input does not give. New reference. */
struct roll_error *roll_template_pins(const struct roll_template *tmpl, const struct roll_template_input *input,
                                      json_t **ret_pins) ROLL_CHECKED;

/* What makes a redeploy differ (DESIGN section 5, Pins). */
struct roll_template_facts {
    bool name_leaks;          /* deployment().name reaches something else than a nested deployment's name */
    bool uses_deployer;
    bool inner_volatile;      /* an inner-scoped nested template has a volatile default that cannot be pinned */
    bool links;               /* templateLink or parametersLink somewhere */
    char *secure_default;     /* owned: name of a secure parameter with a default other than '' or newGuid(), or NULL */
};
struct roll_error *roll_template_facts(const struct roll_template *tmpl, struct roll_template_facts *ret_facts) ROLL_CHECKED;
void roll_template_facts_clear(struct roll_template_facts *facts);

/* Outputs whose value must not be stored: of secure type, or whose expression uses list* or a secure parameter. */
bool roll_template_output_is_secret(const struct roll_template *tmpl, const char *name);

/* Reads a parameter file (ARM dialect): the envelope or the bare map. New reference: {name: {value|reference}}. */
struct roll_error *roll_parameters_read(const char *text, size_t size, const char *file_name, json_t **ret_parameters) ROLL_CHECKED;

/* Differences of two expansions' resources, nested levels included, by id without regard to case. New reference: array of
 * {"change": "create"|"delete"|"modify", "id", "type", "name", "properties": [{"path", "change", "before", "after"}]}
 * sorted by id; what is created has the whole resource in "after", what is deleted in "before", both without "properties".
 * Arrays whose elements all have a distinct `name` compare as sets, names of members and locations without regard to case. */
struct roll_error *roll_template_compare(const json_t *before, const json_t *after, json_t **ret_changes) ROLL_CHECKED;

/* Findings for roll template check: all that can be found at once. New reference: array of {"line", "column", "level":
 * "error"|"warning", "message"}, with "file" where it is another than file_name: one that is linked. linker may be NULL. */
struct roll_error *roll_template_check(const char *text, size_t size, const char *file_name,
                                       const struct roll_template_linker *linker, json_t **ret_findings) ROLL_CHECKED;

#endif
