/* One resource of a template, laid out: what identifies it, what is sent, what is nested in it
 * (reference 10, 13). */
#include "program.h"
#include "value.h"

#define DEPLOYMENTS "Microsoft.Resources/deployments"

static struct roll_error *compile_member(struct program *program, const json_t *value,
                                         const char *name, struct trail *trail,
                                         struct node **ret_node)
{
    json_t *member = object_get(value, name);
    if (!member || json_is_null(member))
        return NULL;
    return trail_key(trail, node_compile(program->arena, member, trail, ret_node), name);
}

/* A literal member that is kept apart from the body. */
static bool is_apart(const char *key)
{
    static const char *const apart[] = {"type",     "apiVersion", "name",    "condition",
                                        "scope",    "dependsOn",  "copy",    "resources",
                                        "comments", "existing",   "@options"};
    for (size_t i = 0; i < G_N_ELEMENTS(apart); i++)
        if (g_ascii_strcasecmp(apart[i], key) == 0)
            return true;
    return false;
}

static struct roll_error *compile_body(struct program *program, json_t *value, struct trail *trail,
                                       struct resource *resource)
{
    const char *key;
    json_t *member;
    resource->body = arena_alloc(program->arena, json_object_size(value) * sizeof(struct member));
    json_object_foreach (value, key, member) {
        bool loop = g_ascii_strcasecmp(key, "copy") == 0 && json_is_array(member);
        if (loop)
            return trail_key(
                trail,
                template_error(
                    "The 'copy' of a resource must be an object with 'name' and 'count'."),
                key);
        if (is_apart(key) || (resource->deployment && g_ascii_strcasecmp(key, "properties") == 0))
            continue;
        struct member *slot = &resource->body[resource->body_count++];
        slot->key = key;
        slot->key_size = strlen(key);
        ROLL_TRY(trail_key(trail, node_compile(program->arena, member, trail, &slot->value), key));
    }
    return NULL;
}

/* ---- nested deployments ---- */

static bool is_inner(const struct program *program, const json_t *properties)
{
    const json_t *options = object_get(properties, "expressionEvaluationOptions");
    const json_t *scope = object_get(options, "scope");
    if (json_is_string(scope) && g_ascii_strcasecmp(json_string_value(scope), "inner") == 0)
        return true;
    if (json_is_string(scope) && g_ascii_strcasecmp(json_string_value(scope), "outer") == 0)
        return false;
    return program->symbolic;
}

/* What the service asks of the body: one source of the template, and at most one of the parameters.
 */
static struct roll_error *check_source(const json_t *properties)
{
    const json_t *options = object_get(properties, "expressionEvaluationOptions");
    const char *scope = json_string_value(object_get(options, "scope"));
    bool inlined = object_get(properties, "template") != NULL;
    if (inlined == (object_get(properties, "templateLink") != NULL))
        return template_error("The nested deployment has %s: one of the two is required.",
                              inlined ? "both a 'template' and a 'templateLink'"
                                      : "neither a 'template' nor a 'templateLink'");
    if (object_get(properties, "parameters") && object_get(properties, "parametersLink"))
        return template_error("The nested deployment has both 'parameters' and a "
                              "'parametersLink': only one of the two is allowed.");
    if (scope && *scope != '[' && g_ascii_strcasecmp(scope, "inner") != 0 &&
        g_ascii_strcasecmp(scope, "outer") != 0 && g_ascii_strcasecmp(scope, "NotSpecified") != 0)
        return template_error(
            "The expression evaluation scope '%.100s' of the nested deployment is "
            "not valid: it must be 'inner' or 'outer'.",
            scope);
    return NULL;
}

static struct roll_error *compile_nested(struct program *program, json_t *value,
                                         const char *pointer, struct trail *trail,
                                         struct resource *resource)
{
    const char *key;
    json_t *member;
    json_t *properties = object_get(value, "properties");
    if (!json_is_object(properties))
        return NULL;
    const char *properties_key = object_key(value, "properties");
    ROLL_TRY(check_source(properties));
    resource->inner = is_inner(program, properties);
    if (program->symbolic && !resource->inner)
        return template_error("The nested deployment has the expression evaluation scope 'outer', "
                              "which templates with "
                              "languageVersion 2.0 do not support.");
    resource->properties =
        arena_alloc(program->arena, json_object_size(properties) * sizeof(struct member));
    json_object_foreach (properties, key, member) {
        struct roll_error *err = NULL;
        if (g_ascii_strcasecmp(key, "template") == 0 && json_is_object(member)) {
            g_autofree char *nested = g_strconcat(pointer, "/", properties_key, "/", key, NULL);
            err = program_compile(program->arena, program->file, member, nested, trail,
                                  &resource->nested);
        } else if (g_ascii_strcasecmp(key, "parameters") == 0) {
            err = node_compile(program->arena, member, trail, &resource->nested_parameters);
        } else {
            struct member *slot = &resource->properties[resource->property_count++];
            slot->key = key;
            slot->key_size = strlen(key);
            err = node_compile(program->arena, member, trail, &slot->value);
            if (!err && g_ascii_strcasecmp(key, "templateLink") == 0)
                resource->nested_link = slot->value;
        }
        if (err)
            return trail_key(trail, trail_key(trail, err, key), properties_key);
    }
    return NULL;
}

/* ---- children ---- */

static struct roll_error *compile_children(struct program *program, json_t *value,
                                           const char *pointer, unsigned depth, struct trail *trail,
                                           struct resource *resource)
{
    json_t *children = object_get(value, "resources");
    const char *symbol;
    size_t index;
    json_t *child;
    if (!children || json_is_null(children))
        return NULL;
    if (depth >= MAX_CHILDREN && (json_array_size(children) > 0 || json_object_size(children) > 0))
        return template_error("Child resources nest deeper than '%d' levels.", MAX_CHILDREN);
    size_t count =
        json_is_object(children) ? json_object_size(children) : json_array_size(children);
    resource->children = arena_alloc(program->arena, count * sizeof(struct resource));
    if (json_is_object(children))
        json_object_foreach (children, symbol, child) {
            g_autofree char *below = g_strconcat(pointer, "/resources/", symbol, NULL);
            struct resource *slot = &resource->children[resource->child_count++];
            struct roll_error *err =
                resource_compile(program, child, symbol, below, depth + 1, trail, slot);
            if (err)
                return trail_key(trail, trail_key(trail, err, symbol), "resources");
        }
    else
        json_array_foreach (children, index, child) {
            g_autofree char *below = g_strdup_printf("%s/resources/%zu", pointer, index);
            struct resource *slot = &resource->children[resource->child_count++];
            struct roll_error *err =
                resource_compile(program, child, NULL, below, depth + 1, trail, slot);
            if (err)
                return trail_key(trail, trail_index(trail, err, index), "resources");
        }
    return NULL;
}

/* ---- the resource ---- */

static struct roll_error *read_type(json_t *value, struct trail *trail, struct resource *resource)
{
    const json_t *type = object_get(value, "type");
    if (!json_is_string(type) || json_string_length(type) == 0)
        return template_error("The template resource has no 'type'.");
    resource->type = json_string_value(type);
    if (text_is_expression(resource->type, json_string_length(type)))
        return trail_key(trail,
                         template_error("The type property cannot be an expression. Please see "
                                        "https://aka.ms/arm-syntax-resources for usage details."),
                         "type");
    resource->deployment = g_ascii_strcasecmp(resource->type, DEPLOYMENTS) == 0;
    return NULL;
}

static struct roll_error *read_identity(struct program *program, json_t *value, struct trail *trail,
                                        struct resource *resource)
{
    ROLL_TRY(compile_member(program, value, "name", trail, &resource->name));
    ROLL_TRY(compile_member(program, value, "apiVersion", trail, &resource->api_version));
    ROLL_TRY(compile_member(program, value, "condition", trail, &resource->condition));
    ROLL_TRY(compile_member(program, value, "scope", trail, &resource->scope));
    ROLL_TRY(compile_member(program, value, "dependsOn", trail, &resource->depends_on));
    ROLL_TRY(compile_member(program, value, "location", trail, &resource->location));
    if (resource->deployment) {
        ROLL_TRY(compile_member(program, value, "resourceGroup", trail, &resource->resource_group));
        ROLL_TRY(
            compile_member(program, value, "subscriptionId", trail, &resource->subscription_id));
    }
    json_t *copy = object_get(value, "copy");
    if (json_is_object(copy))
        ROLL_TRY(
            trail_key(trail, copy_compile(program->arena, copy, trail, &resource->copy), "copy"));
    resource->existing = json_is_true(object_get(value, "existing"));
    resource->foreign = object_get(value, "extension") || object_get(value, "import");
    return NULL;
}

/* Letters, digits and _; Bicep writes a child as parent::child. */
static bool is_symbol(const char *text)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (!g_ascii_isalnum(*text) && *text != '_' && *text != ':')
            return false;
    return true;
}

struct roll_error *resource_compile(struct program *program, json_t *value, const char *symbol,
                                    const char *pointer, unsigned depth, struct trail *trail,
                                    struct resource *resource)
{
    if (!json_is_object(value))
        return template_error("The template resource is not an object.");
    resource->symbol = symbol;
    if (symbol && !is_symbol(symbol))
        return template_error("The symbolic name '%.200s' is not valid: it has letters, digits and "
                              "'_' only.",
                              symbol);
    resource->pointer = arena_text(program->arena, pointer, strlen(pointer));
    ROLL_TRY(read_type(value, trail, resource));
    ROLL_TRY(read_identity(program, value, trail, resource));
    if (!resource->name && !resource->foreign)
        return template_error("The template resource of type '%s' has no 'name'.", resource->type);
    if (!resource->api_version && !resource->foreign && !object_get(program->root, "apiProfile"))
        return template_error("The template resource of type '%s' has no 'apiVersion'.",
                              resource->type);
    if (resource->copy && depth > 0)
        return trail_key(
            trail,
            template_error(
                "The template resource of type '%s' is a child resource with 'copy', which "
                "is not supported: make it a resource of its own.",
                resource->type),
            "copy");
    ROLL_TRY(compile_body(program, value, trail, resource));
    if (resource->deployment)
        ROLL_TRY(compile_nested(program, value, pointer, trail, resource));
    return compile_children(program, value, pointer, depth, trail, resource);
}
