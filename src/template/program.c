/* From the parsed file to a program: the frame is checked, sections are laid out, every expression
 * is parsed (reference 2). */
#include "function.h"

static const char *const sections[] = {
    "$schema",     "languageVersion", "contentVersion", "apiProfile", "metadata",
    "definitions", "parameters",      "variables",      "functions",  "resources",
    "outputs",     "asserts",         "imports",        "extensions",
};

static struct roll_error *check_sections(const json_t *root, struct trail *trail)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)root, key, value) {
        bool known = false;
        for (size_t i = 0; i < G_N_ELEMENTS(sections) && !known; i++)
            known = g_ascii_strcasecmp(sections[i], key) == 0;
        if (!known)
            return trail_key(
                trail,
                template_error("Could not find member '%s' on object of type 'Template'.", key),
                key);
    }
    return NULL;
}

/* https?://host/schemas/DATE/KINDTemplate.json#; ARM takes its oldest spelling and, recorded, a
 * parameter file's too. */
static struct roll_error *read_scope(struct program *program, struct trail *trail)
{
    static const struct {
        const char *file;
        enum roll_scope_kind kind;
    } kinds[] = {{"deploymentTemplate", ROLL_SCOPE_GROUP},
                 {"deploymentParameters", ROLL_SCOPE_GROUP},
                 {"subscriptionDeploymentTemplate", ROLL_SCOPE_SUBSCRIPTION},
                 {"managementGroupDeploymentTemplate", ROLL_SCOPE_MANAGEMENT_GROUP},
                 {"tenantDeploymentTemplate", ROLL_SCOPE_TENANT}};
    const json_t *schema = object_get(program->root, "$schema");
    if (!json_is_string(schema))
        return template_error(
            "The template has no '$schema': a text such as "
            "'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#' is "
            "required.");
    program->schema_uri = json_string_value(schema);
    const char *slash = strrchr(program->schema_uri, '/');
    size_t length = slash ? strcspn(slash + 1, ".?#") : 0;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (slash && strlen(kinds[i].file) == length &&
            g_ascii_strncasecmp(slash + 1, kinds[i].file, length) == 0 &&
            g_ascii_strncasecmp(program->schema_uri, "http", 4) == 0) {
            program->scope = kinds[i].kind;
            return NULL;
        }
    return trail_key(
        trail,
        template_error("The template's '$schema' '%.200s' is not supported.", program->schema_uri),
        "$schema");
}

static struct roll_error *read_versions(struct program *program, struct trail *trail)
{
    const json_t *content = object_get(program->root, "contentVersion");
    const json_t *language = object_get(program->root, "languageVersion");
    if (!json_is_string(content))
        return template_error(
            "The template has no 'contentVersion': a text such as '1.0.0.0' is required.");
    program->content_version = json_string_value(content);
    g_auto(GStrv) parts = g_strsplit(program->content_version, ".", -1);
    bool valid = g_strv_length(parts) >=
                 2; /* four are asked for; released modules with three are deployed */
    for (char **part = parts; valid && *part; part++)
        valid = **part && strspn(*part, "0123456789") == strlen(*part);
    if (!valid)
        return trail_key(
            trail,
            template_error("The template's 'contentVersion' '%.100s' is not of the form "
                           "'1.0.0.0'.",
                           program->content_version),
            "contentVersion");
    if (language && !json_is_string(language))
        return trail_key(trail, template_error("The template's 'languageVersion' is not a string."),
                         "languageVersion");
    const char *version = json_string_value(language);
    if (version && !g_regex_match_simple("^[12]\\.[0-9]+(-experimental)?$", version, 0, 0))
        return trail_key(trail,
                         template_error("The template's 'languageVersion' '%.100s' is not "
                                        "supported.",
                                        version),
                         "languageVersion");
    const json_t *resources = object_get(program->root, "resources");
    if (version && version[0] == '2' && json_array_size(resources) > 0)
        return trail_key(trail,
                         template_error("The template's section 'resources' is not an object: "
                                        "with languageVersion '%s' each resource has a symbolic "
                                        "name.",
                                        version),
                         "resources");
    if (!version && json_object_size(resources) > 0)
        return trail_key(trail,
                         template_error("The template's section 'resources' is not an array: "
                                        "symbolic names need the languageVersion '2.0'."),
                         "resources");
    /* 1.10-experimental has symbolic names too: what decides is the shape of `resources`. */
    program->symbolic = (language && json_string_value(language)[0] == '2') ||
                        json_is_object(object_get(program->root, "resources"));
    return NULL;
}

/* A section of the wanted type, or NULL when it is absent or null. */
static struct roll_error *section(const struct program *program, const char *name, json_type type,
                                  size_t most, struct trail *trail, json_t **ret_section)
{
    json_t *value = object_get(program->root, name);
    *ret_section = NULL;
    if (!value || json_is_null(value))
        return NULL;
    if (json_typeof(value) != type)
        return trail_key(trail,
                         template_error("The template's section '%s' is not %s.", name,
                                        type == JSON_OBJECT ? "an object" : "an array"),
                         name);
    size_t count = type == JSON_OBJECT ? json_object_size(value) : json_array_size(value);
    if (count > most)
        return trail_key(
            trail,
            template_error("The number of template %s limit exceeded. Limit: '%zu' and actual: "
                           "'%zu'.",
                           name, most, count),
            name);
    *ret_section = value;
    return NULL;
}

/* ---- parameters ---- */

static void see_volatile(const struct expr *expr, void *user)
{
    bool *found = user;
    *found =
        *found || (expr->kind == EXPR_CALL && expr->function && expr->function->flags & F_DEFAULT);
}

static struct roll_error *read_parameter(struct program *program, const char *name, json_t *schema,
                                         struct trail *trail, struct parameter *parameter)
{
    if (!json_is_object(schema))
        return template_error("The template parameter '%s' is not an object.", name);
    parameter->public.name = name;
    parameter->schema = schema;
    const char *type = type_name(program, schema);
    static const char *const types[] = {"string", "securestring", "int",  "bool",
                                        "object", "secureobject", "array"};
    bool known = false;
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++)
        if (g_ascii_strcasecmp(type, types[i]) == 0) {
            parameter->public.type = types[i];
            known = true;
        }
    if (!known && object_get(schema, "$ref"))
        return template_error("The type reference of the template parameter '%s' leads to no "
                              "definition: '%.200s'.",
                              name,
                              json_is_string(object_get(schema, "$ref"))
                                  ? json_string_value(object_get(schema, "$ref"))
                                  : "");
    if (!known)
        return template_error("The type '%s' of the template parameter '%s' is not valid. The only "
                              "supported types are "
                              "'Array, Bool, Int, Object, SecureObject, SecureString, String'.",
                              type, name);
    parameter->public.secure = type_is_secure(program, schema);
    parameter->public.nullable = type_is_nullable(program, schema);
    json_t *fallback = object_get(schema, "defaultValue");
    if (!fallback)
        return NULL;
    parameter->public.has_default = true;
    ROLL_TRY(trail_key(trail, node_compile(program->arena, fallback, trail, &parameter->fallback),
                       "defaultValue"));
    parameter->public.default_is_expression = parameter->fallback->kind != NODE_CONST;
    node_walk(parameter->fallback, see_volatile, &parameter->public.default_volatile);
    return NULL;
}

struct spread {
    const struct program *program;
    bool found;
};

static void see_volatile_parameter(const struct expr *expr, void *user)
{
    struct spread *spread = user;
    size_t index;
    if (expr->kind != EXPR_CALL || !expr->function ||
        expr->function->special != special_parameters || expr->count != 1)
        return;
    const char *name = expr_literal_text(expr->args[0]);
    if (name && names_find(spread->program->parameter_names, name, &index))
        spread->found = spread->found || spread->program->parameters[index].public.default_volatile;
}

/* Volatile through other parameters' defaults: until nothing changes. */
static void spread_volatile(struct program *program)
{
    bool changed = true;
    while (changed) {
        changed = false;
        for (size_t i = 0; i < program->parameter_count; i++) {
            struct parameter *parameter = &program->parameters[i];
            struct spread spread = {.program = program};
            if (parameter->public.default_volatile || !parameter->fallback)
                continue;
            node_walk(parameter->fallback, see_volatile_parameter, &spread);
            parameter->public.default_volatile = spread.found;
            changed = changed || spread.found;
        }
    }
}

static struct roll_error *read_parameters(struct program *program, struct trail *trail)
{
    json_t *declared = NULL;
    const char *name;
    json_t *schema;
    bool any_volatile = false;
    ROLL_TRY(section(program, "parameters", JSON_OBJECT, MAX_PARAMETERS, trail, &declared));
    program->parameter_names = names_new(program->arena, json_object_size(declared));
    program->parameters =
        arena_alloc(program->arena, json_object_size(declared) * sizeof(struct parameter));
    json_object_foreach (declared, name, schema) {
        struct parameter *parameter = &program->parameters[program->parameter_count];
        struct roll_error *err = read_parameter(program, name, schema, trail, parameter);
        if (err)
            return trail_key(trail, trail_key(trail, err, name), "parameters");
        names_add(program->parameter_names, name, program->parameter_count++);
        any_volatile = any_volatile || parameter->public.default_volatile;
    }
    if (any_volatile)
        spread_volatile(program);
    return NULL;
}

/* ---- variables ---- */

static struct roll_error *read_variable_loops(struct program *program, json_t *loops,
                                              struct trail *trail)
{
    size_t index;
    json_t *loop;
    json_array_foreach (loops, index, loop) {
        struct variable *variable = &program->variables[program->variable_count];
        const json_t *name = object_get(loop, "name");
        if (!json_is_string(name))
            return trail_index(
                trail, template_error("A 'copy' loop of the template's variables has no name."),
                index);
        variable->name = json_string_value(name);
        ROLL_TRY(
            trail_index(trail, copy_compile(program->arena, loop, trail, &variable->copy), index));
        if (!variable->copy->input || !variable->copy->count)
            return trail_index(
                trail,
                template_error("The 'copy' loop '%s' of the template's variables needs 'count' and "
                               "'input'.",
                               variable->name),
                index);
        names_add(program->variable_names, variable->name, program->variable_count++);
    }
    return NULL;
}

static struct roll_error *read_variables(struct program *program, struct trail *trail)
{
    json_t *declared = NULL;
    const char *name;
    json_t *value;
    ROLL_TRY(section(program, "variables", JSON_OBJECT, MAX_VARIABLES, trail, &declared));
    const json_t *loops = object_get(declared, "copy");
    size_t most = json_object_size(declared) + json_array_size(loops);
    program->variable_names = names_new(program->arena, most);
    program->variables = arena_alloc(program->arena, most * sizeof(struct variable));
    json_object_foreach (declared, name, value) {
        struct roll_error *err;
        if (g_ascii_strcasecmp(name, "copy") == 0 && json_is_array(value)) {
            err = read_variable_loops(program, value, trail);
        } else {
            struct variable *variable = &program->variables[program->variable_count];
            variable->name = name;
            err = node_compile(program->arena, value, trail, &variable->value);
            names_add(program->variable_names, name, program->variable_count++);
        }
        if (err)
            return trail_key(trail, trail_key(trail, err, name), "variables");
    }
    if (program->variable_count > MAX_VARIABLES)
        return trail_key(
            trail,
            template_error("The number of template variables limit exceeded. Limit: '%d' and "
                           "actual: '%zu'.",
                           MAX_VARIABLES, program->variable_count),
            "variables");
    return NULL;
}

/* ---- user functions ---- */

static struct roll_error *read_function(struct program *program, const char *space,
                                        const char *name, json_t *member, struct trail *trail)
{
    struct user_function *function = &program->functions[program->function_count];
    size_t index;
    json_t *schema;
    json_t *parameters = object_get(member, "parameters");
    g_autofree char *full_name = g_strconcat(space, ".", name, NULL);
    function->full_name = arena_text(program->arena, full_name, strlen(full_name));
    function->parameter_names = names_new(program->arena, json_array_size(parameters));
    function->parameters =
        arena_alloc(program->arena, json_array_size(parameters) * sizeof(struct parameter));
    json_array_foreach (parameters, index, schema) {
        struct parameter *parameter = &function->parameters[function->parameter_count];
        const json_t *parameter_name = object_get(schema, "name");
        if (!json_is_string(parameter_name))
            return template_error("A parameter of the function '%s' has no name.", full_name);
        parameter->public.name = json_string_value(parameter_name);
        parameter->schema = schema;
        names_add(function->parameter_names, parameter->public.name, function->parameter_count++);
    }
    function->output = object_get(member, "output");
    json_t *value = object_get(function->output, "value");
    if (!value)
        return template_error("The function '%s' has no output value.", full_name);
    struct roll_error *err = node_compile(program->arena, value, trail, &function->value);
    names_add(program->function_names, function->full_name, program->function_count++);
    return trail_key(trail, trail_key(trail, err, "value"), "output");
}

static size_t count_functions(const json_t *spaces)
{
    size_t count = 0;
    size_t index;
    json_t *space;
    json_array_foreach (spaces, index, space)
        count += json_object_size(object_get(space, "members"));
    return count;
}

static struct roll_error *read_functions(struct program *program, struct trail *trail)
{
    json_t *spaces = NULL;
    size_t index;
    json_t *space;
    const char *name;
    json_t *member;
    ROLL_TRY(section(program, "functions", JSON_ARRAY, 800, trail, &spaces));
    size_t count = count_functions(spaces);
    program->function_names = names_new(program->arena, count);
    program->functions = arena_alloc(program->arena, count * sizeof(struct user_function));
    json_array_foreach (spaces, index, space) {
        const json_t *space_name = object_get(space, "namespace");
        if (!json_is_string(space_name))
            return trail_key(
                trail,
                trail_index(trail, template_error("A namespace of user functions has no name."),
                            index),
                "functions");
        json_object_foreach (object_get(space, "members"), name, member) {
            struct roll_error *err =
                read_function(program, json_string_value(space_name), name, member, trail);
            if (err)
                return trail_key(
                    trail,
                    trail_index(trail, trail_key(trail, trail_key(trail, err, name), "members"),
                                index),
                    "functions");
        }
    }
    return NULL;
}

/* ---- outputs, asserts ---- */

static struct roll_error *read_output(struct program *program, const char *name, json_t *declared,
                                      struct trail *trail, struct output *output)
{
    if (!json_is_object(declared))
        return template_error("The template output '%s' is not an object.", name);
    output->name = name;
    output->schema = declared;
    output->type = type_name(program, declared);
    json_t *value = object_get(declared, "value");
    json_t *condition = object_get(declared, "condition");
    json_t *copy = object_get(declared, "copy");
    if (!value && !copy)
        return template_error("The template output '%s' has neither a 'value' nor a 'copy'.", name);
    if (!object_get(declared, "type") && !object_get(declared, "$ref"))
        return template_error("The template output '%s' has no 'type'.", name);
    if (value)
        ROLL_TRY(
            trail_key(trail, node_compile(program->arena, value, trail, &output->value), "value"));
    if (condition)
        ROLL_TRY(trail_key(trail,
                           node_compile(program->arena, condition, trail, &output->condition),
                           "condition"));
    if (copy)
        ROLL_TRY(
            trail_key(trail, copy_compile(program->arena, copy, trail, &output->copy), "copy"));
    if (copy && (!output->copy->count || !output->copy->input))
        return template_error(
            "The 'copy' loop of the template output '%s' needs 'count' and 'input'.", name);
    return NULL;
}

static struct roll_error *read_outputs(struct program *program, struct trail *trail)
{
    json_t *declared = NULL;
    const char *name;
    json_t *value;
    ROLL_TRY(section(program, "outputs", JSON_OBJECT, MAX_OUTPUTS, trail, &declared));
    program->outputs =
        arena_alloc(program->arena, json_object_size(declared) * sizeof(struct output));
    json_object_foreach (declared, name, value) {
        struct roll_error *err =
            read_output(program, name, value, trail, &program->outputs[program->output_count]);
        if (err)
            return trail_key(trail, trail_key(trail, err, name), "outputs");
        program->output_count++;
    }
    return NULL;
}

static struct roll_error *read_asserts(struct program *program, struct trail *trail)
{
    json_t *declared = NULL;
    const char *name;
    json_t *value;
    ROLL_TRY(section(program, "asserts", JSON_OBJECT, 800, trail, &declared));
    program->asserts =
        arena_alloc(program->arena, json_object_size(declared) * sizeof(struct assertion));
    json_object_foreach (declared, name, value) {
        struct assertion *assertion = &program->asserts[program->assert_count++];
        assertion->name = name;
        struct roll_error *err = node_compile(program->arena, value, trail, &assertion->value);
        if (err)
            return trail_key(trail, trail_key(trail, err, name), "asserts");
    }
    return NULL;
}

/* ---- resources ---- */

static struct roll_error *read_resources(struct program *program, struct trail *trail)
{
    json_t *declared = object_get(program->root, "resources");
    const char *symbol;
    size_t index;
    json_t *value;
    if (!json_is_array(declared) && !json_is_object(declared))
        return template_error("The template has no section 'resources'.");
    bool named = json_is_object(declared);
    size_t count = named ? json_object_size(declared) : json_array_size(declared);
    if (count > MAX_RESOURCES)
        return trail_key(
            trail,
            template_error(
                "The number of template resources limit exceeded. Limit: '%d' and actual: "
                "'%zu'.",
                MAX_RESOURCES, count),
            "resources");
    program->resources = arena_alloc(program->arena, count * sizeof(struct resource));
    g_autofree char *base = g_strconcat(program->pointer, "/resources/", NULL);
    if (named)
        json_object_foreach (declared, symbol, value) {
            g_autofree char *pointer = g_strconcat(base, symbol, NULL);
            struct roll_error *err =
                resource_compile(program, value, symbol, pointer, 0, trail,
                                 &program->resources[program->resource_count++]);
            if (err)
                return trail_key(trail, trail_key(trail, err, symbol), "resources");
        }
    else
        json_array_foreach (declared, index, value) {
            g_autofree char *pointer = g_strdup_printf("%s%zu", base, index);
            struct roll_error *err =
                resource_compile(program, value, NULL, pointer, 0, trail,
                                 &program->resources[program->resource_count++]);
            if (err)
                return trail_key(trail, trail_index(trail, err, index), "resources");
        }
    return NULL;
}

struct roll_error *program_compile(struct arena *arena, const struct roll_template *file,
                                   const json_t *root, const char *pointer, struct trail *trail,
                                   struct program **ret_program)
{
    struct program *program = arena_alloc(arena, sizeof(*program));
    program->arena = arena;
    program->file = file;
    program->pointer = arena_text(arena, pointer, strlen(pointer));
    program->root = root;
    if (!json_is_object(root))
        return template_error("The template is not an object.");
    program->definitions = object_get(root, "definitions");
    ROLL_TRY(check_sections(root, trail));
    ROLL_TRY(read_scope(program, trail));
    ROLL_TRY(read_versions(program, trail));
    ROLL_TRY(read_parameters(program, trail));
    ROLL_TRY(read_variables(program, trail));
    ROLL_TRY(read_functions(program, trail));
    ROLL_TRY(read_resources(program, trail));
    ROLL_TRY(read_outputs(program, trail));
    ROLL_TRY(read_asserts(program, trail));
    *ret_program = program;
    return NULL;
}
