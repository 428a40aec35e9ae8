/* What a template declares with types: parameters and user functions (reference 5, 9). */
#include "function.h"

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

struct roll_error *program_read_parameters(struct program *program, struct trail *trail)
{
    json_t *declared = NULL;
    const char *name;
    json_t *schema;
    bool any_volatile = false;
    ROLL_TRY(program_section(program, "parameters", JSON_OBJECT, MAX_PARAMETERS, trail, &declared));
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

struct roll_error *program_read_functions(struct program *program, struct trail *trail)
{
    json_t *spaces = NULL;
    size_t index;
    json_t *space;
    const char *name;
    json_t *member;
    ROLL_TRY(program_section(program, "functions", JSON_ARRAY, 800, trail, &spaces));
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
