/* Parameters, variables and user functions: values by need, each evaluated once. */
#include "expand.h"

struct env *env_new(struct work *work, const struct program *program, const struct scope *scope)
{
    struct env *env = arena_alloc(work->arena, sizeof(*env));
    env->work = work;
    env->program = program;
    env->scope = *scope;
    env->parameters = arena_alloc(work->arena, program->parameter_count * sizeof(struct slot));
    env->variables = arena_alloc(work->arena, program->variable_count * sizeof(struct slot));
    return env;
}

/* ---- parameters ---- */

static struct roll_error *constraint_error(const struct parameter *parameter,
                                           struct roll_error *err)
{
    if (!err || g_str_has_prefix(err->message, "The provided value "))
        return err;
    return template_rephrase(err,
                             "The provided value for the template parameter '%s' is not valid: %s",
                             parameter->public.name, err->message);
}

/* A given value or an evaluated default must fit its declaration; what is unknown fits. */
static struct roll_error *check_parameter(const struct env *env, const struct parameter *parameter,
                                          json_t *value)
{
    struct work *work = env->work;
    if (is_marker(value) && !marker_of(value)->hidden)
        return NULL;
    if (is_marker(value))
        value = marker_of(value)->hidden;
    struct roll_error *err =
        type_check(env->program, parameter->schema, parameter->public.name, value, work);
    return constraint_error(parameter, err);
}

static const struct expr *parameter_expr(struct work *work, const char *name)
{
    const struct expr *arg = expr_text(work, name);
    return expr_call(work, "parameters", &arg, 1);
}

static struct roll_error *missing_parameter(const struct parameter *parameter)
{
    return template_error("The value for the template parameter '%s' is not provided. Please see "
                          "https://aka.ms/arm-create-parameter-file for usage details.",
                          parameter->public.name);
}

static struct roll_error *default_value(struct env *env, const struct parameter *parameter,
                                        json_t **ret_value)
{
    struct eval eval = {.work = env->work, .env = env, .place = PLACE_PARAMETER};
    if (!parameter->fallback) {
        if (!parameter->public.nullable)
            return missing_parameter(parameter);
        *ret_value = json_null();
        return NULL;
    }
    if (parameter->fallback->kind == NODE_CONST) {
        *ret_value = json_incref(parameter->fallback->value);
        return NULL;
    }
    struct roll_error *err = eval_node(&eval, parameter->fallback, ret_value);
    if (err && !g_str_has_prefix(err->message, "The template parameter '"))
        err = template_rephrase(err, "The template parameter '%s' is not valid: %s",
                                parameter->public.name, err->message);
    return err;
}

/* Clients make integers of the text that files and command lines give; the wire (a server's input)
 * takes numbers only. */
static json_t *as_client(const struct env *env, const struct parameter *parameter, json_t *value)
{
    gint64 number = 0;
    bool client = !env->outer_env && !env->work->input->runtime;
    if (client && json_is_string(value) && strcmp(parameter->public.type, "int") == 0 &&
        g_ascii_string_to_signed(json_string_value(value), 10, G_MININT64, G_MAXINT64, &number,
                                 NULL))
        return json_integer(number);
    return json_incref(value);
}

/* The value that was given, or NULL; an entry with a reference is unknown. */
static struct roll_error *given_value(struct env *env, const struct parameter *parameter,
                                      json_t **ret_value)
{
    json_t *entry = object_get(env->given, parameter->public.name);
    if (!entry && env->given_unknown)
        *ret_value = marker_new(env->work, parameter_expr(env->work, parameter->public.name));
    if (!entry)
        return NULL;
    json_t *value = object_get(entry, "value");
    if (json_is_object(entry) && !value && object_get(entry, "reference") &&
        strcmp(parameter->public.type, "string") != 0 &&
        strcmp(parameter->public.type, "securestring") != 0)
        return template_error("The template parameter '%s' is not valid: a Key Vault reference "
                              "gives a 'String', the parameter is of type '%s'.",
                              parameter->public.name, type_answer(parameter->public.type));
    if (is_marker(entry) || (json_is_object(entry) && !value &&
                             (object_get(entry, "reference") || object_get(entry, "expression")))) {
        *ret_value = marker_new(env->work, parameter_expr(env->work, parameter->public.name));
        return NULL;
    }
    if (!value)
        return template_error(
            "The template parameter '%s' has neither a 'value' nor a 'reference'.",
            parameter->public.name);
    if (!json_is_null(value))
        *ret_value = as_client(env, parameter, value);
    return NULL;
}

static struct roll_error *compute_parameter(struct env *env, const struct parameter *parameter,
                                            json_t **ret_value)
{
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(given_value(env, parameter, &value));
    if (!value)
        ROLL_TRY(default_value(env, parameter, &value));
    if (!(json_is_null(value) && parameter->public.nullable)) {
        ROLL_TRY(check_parameter(env, parameter, value));
        ROLL_TRY(value_check_depth(env->work, value));
    }
    if (parameter->public.secure)
        value = marker_hide(env->work, parameter_expr(env->work, parameter->public.name), value);
    *ret_value = g_steal_pointer(&value);
    return NULL;
}

struct roll_error *eval_parameter_at(struct env *env, size_t index, json_t **ret_value)
{
    struct slot *slot = &env->parameters[index];
    const struct parameter *parameter = &env->program->parameters[index];
    struct trail *trail = &env->work->trail;
    if (slot->state == SLOT_BUSY)
        return template_error(
            "The template parameter '%s' is not valid: its default value refers to itself.",
            parameter->public.name);
    if (slot->state == SLOT_NEW) {
        json_t *value = NULL;
        slot->state = SLOT_BUSY;
        struct roll_error *err = compute_parameter(env, parameter, &value);
        slot->state = err ? SLOT_NEW : SLOT_DONE;
        if (err) {
            g_string_truncate(trail->pointer, 0);
            err = trail_key(trail, trail_key(trail, err, parameter->public.name), "parameters");
            return trail_finish(trail, err, env->program->file, env->program->pointer);
        }
        slot->value = arena_keep(env->work->arena, value);
    }
    *ret_value = slot->value;
    return NULL;
}

struct roll_error *eval_parameter(const struct eval *eval, const char *name, json_t **ret_value)
{
    struct env *env = eval->env;
    const struct names *names =
        env->function ? env->function->parameter_names : env->program->parameter_names;
    size_t index;
    json_t *value = NULL;
    if (!names_find(names, name, &index))
        return template_error("The template parameter '%s' is not found. Please see "
                              "https://aka.ms/arm-syntax-parameters for usage details.",
                              name);
    if (env->function)
        value = env->parameters[index].value;
    else
        ROLL_TRY(eval_parameter_at(env, index, &value));
    *ret_value = json_incref(value);
    return NULL;
}

static struct roll_error *undeclared_parameters(const struct env *env, const char *names)
{
    g_autoptr(GString) declared = g_string_new(NULL);
    for (size_t i = 0; i < env->program->parameter_count; i++)
        g_string_append_printf(declared, "%s%s", i > 0 ? ", " : "",
                               env->program->parameters[i].public.name);
    return template_error(
        "The template parameters '%s' in the parameters file are not valid; they are not present "
        "in the original template and can therefore not be provided at deployment time. The only "
        "supported parameters for this template are '%s'. Please see "
        "https://aka.ms/arm-pass-parameter-values for usage details.",
        names, declared->str);
}

static struct roll_error *check_declared(const struct env *env)
{
    const char *name, *first = NULL;
    json_t *entry;
    size_t index;
    g_autoptr(GString) unknown = g_string_new(NULL);
    json_object_foreach (env->given, name, entry)
        if (!names_find(env->program->parameter_names, name, &index)) {
            g_string_append_printf(unknown, "%s%s", unknown->len > 0 ? ", " : "", name);
            first = first ? first : name;
        }
    if (!first)
        return NULL;
    /* ARM's path is that of the parameter that the template lacks (REST reference 1.7). */
    struct trail *trail = &env->work->trail;
    g_string_truncate(trail->pointer, 0);
    struct roll_error *err = undeclared_parameters(env, unknown->str);
    err = trail_key(trail, trail_key(trail, err, first), "parameters");
    return trail_finish(trail, err, env->program->file, env->program->pointer);
}

struct roll_error *env_bind(struct env *env)
{
    ROLL_TRY(check_declared(env));
    for (size_t i = 0; i < env->program->parameter_count; i++) {
        json_t *value = NULL;
        ROLL_TRY(eval_parameter_at(env, i, &value));
    }
    return NULL;
}

/* ---- variables ---- */

static struct roll_error *compute_variable(struct env *env, const struct variable *variable,
                                           json_t **ret_value)
{
    struct eval eval = {.work = env->work, .env = env, .place = PLACE_VARIABLE};
    roll_auto(json) json_t *value = NULL;
    if (variable->copy)
        ROLL_TRY(eval_copy_array(&eval, variable->copy, FRAME_PROPERTY, &value));
    else
        ROLL_TRY(eval_node(&eval, variable->value, &value));
    if (!variable->value || variable->value->kind != NODE_CONST)
        ROLL_TRY(value_check_depth(env->work, value));
    *ret_value = g_steal_pointer(&value);
    return NULL;
}

static struct roll_error *variable_error(struct env *env, const struct variable *variable,
                                         struct roll_error *err)
{
    struct trail *trail = &env->work->trail;
    if (!g_str_has_prefix(err->message, "The template variable '") && !err->detail)
        err = template_rephrase(err,
                                "The template variable '%s' is not valid: %s Please see "
                                "https://aka.ms/arm-syntax-variables for usage details.",
                                variable->name, err->message);
    err = trail_key(trail, trail_key(trail, err, variable->name), "variables");
    return trail_finish(trail, err, env->program->file, env->program->pointer);
}

static struct roll_error *variable_at(struct env *env, size_t index, json_t **ret_value)
{
    struct slot *slot = &env->variables[index];
    const struct variable *variable = &env->program->variables[index];
    if (slot->state == SLOT_BUSY)
        return template_error(
            "The template variable '%s' is not valid: its value refers to itself (circular "
            "dependency).",
            variable->name);
    if (slot->state == SLOT_NEW) {
        json_t *value = NULL;
        slot->state = SLOT_BUSY;
        struct roll_error *err = compute_variable(env, variable, &value);
        slot->state = err ? SLOT_NEW : SLOT_DONE;
        if (err)
            return variable_error(env, variable, err);
        slot->value = arena_keep(env->work->arena, value);
    }
    *ret_value = slot->value;
    return NULL;
}

/* The template's own environment behind a user function's. */
static struct env *template_env(struct env *env)
{
    return env->function ? env->outer_env_of_function : env;
}

struct roll_error *eval_variable(const struct eval *eval, const char *name, json_t **ret_value)
{
    size_t index;
    json_t *value = NULL;
    if (eval->env->function && !eval->env->program->symbolic)
        return template_error(
            "The template function 'variables' is not expected at this location: the function '%s' "
            "can use its own parameters only.",
            eval->env->function->full_name);
    if (!names_find(eval->env->program->variable_names, name, &index))
        return template_error("The template variable '%s' is not found. Please see "
                              "https://aka.ms/arm-syntax-variables for usage details.",
                              name);
    if (eval->place == PLACE_PARAMETER)
        return template_error(
            "The template function 'variables' is not expected at this location. Please see "
            "https://aka.ms/arm-functions for usage details.");
    ROLL_TRY(variable_at(template_env(eval->env), index, &value));
    *ret_value = json_incref(value);
    return NULL;
}

struct roll_error *env_variables(struct env *env)
{
    for (size_t i = 0; i < env->program->variable_count; i++) {
        json_t *value = NULL;
        ROLL_TRY(variable_at(env, i, &value));
    }
    return NULL;
}

/* ---- user functions ---- */

static struct roll_error *find_user_function(const struct eval *eval, const struct expr *call,
                                             const struct user_function **ret_function)
{
    g_autofree char *name = g_strconcat(call->space, ".", call->name, NULL);
    const struct program *program = eval->env->program;
    size_t index;
    if (!names_find(program->function_names, name, &index))
        return template_error(
            "The template function '%s' is not valid. Please see https://aka.ms/arm-functions for "
            "usage details.",
            name);
    if (eval->place == PLACE_PARAMETER && !program->symbolic)
        return template_error("The template function '%s' is not expected at this location.", name);
    if (eval->env->function && !program->symbolic)
        return template_error(
            "The template function '%s' is not expected at this location: a function cannot call "
            "another user function.",
            name);
    const struct user_function *function = &program->functions[index];
    for (const struct env *at = eval->env; at && at->function; at = at->caller)
        if (at->function == function)
            return template_error("The template function '%s' is not expected at this location: it "
                                  "calls itself, functions cannot be recursive.",
                                  name);
    if (call->count != function->parameter_count)
        return template_error(
            "Unable to evaluate template language function '%s': function requires '%zu' "
            "argument(s) while '%u' were provided.",
            name, function->parameter_count, call->count);
    *ret_function = function;
    return NULL;
}

static struct roll_error *function_arguments(const struct eval *eval, const struct expr *call,
                                             const struct user_function *function,
                                             struct slot *slots)
{
    const struct program *program = eval->env->program;
    for (unsigned i = 0; i < call->count; i++) {
        json_t *value = NULL;
        ROLL_TRY(eval_expr(eval, call->args[i], &value));
        slots[i].value = value;
        slots[i].state = SLOT_DONE;
        const json_t *schema = function->parameters[i].schema;
        bool checked = program->symbolic && !is_marker(value) &&
                       !(json_is_null(value) && type_is_nullable(program, schema));
        if (checked)
            ROLL_TRY(type_check(program, schema, function->parameters[i].public.name, value,
                                eval->work));
    }
    return NULL;
}

static struct roll_error *run_user_function(const struct eval *eval, const struct expr *call,
                                            const struct user_function *function,
                                            struct slot *slots, json_t **ret_value)
{
    struct env env = *eval->env;
    struct eval inner = {.work = eval->work, .env = &env, .place = PLACE_FUNCTION};
    ROLL_TRY(function_arguments(eval, call, function, slots));
    env.outer_env_of_function = template_env(eval->env);
    env.caller = eval->env;
    env.function = function;
    env.parameters = slots;
    if (!function->value)
        return template_error("The function '%s' has no output value.", function->full_name);
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(eval_node(&inner, function->value, &value));
    const struct program *program = env.program;
    if (program->symbolic && function->output && !is_marker(value) &&
        !(json_is_null(value) && type_is_nullable(program, function->output)))
        ROLL_TRY(type_check(program, function->output, function->full_name, value, eval->work));
    *ret_value = g_steal_pointer(&value);
    return NULL;
}

struct roll_error *eval_user_function(const struct eval *eval, const struct expr *call,
                                      json_t **ret_value)
{
    const struct user_function *function = NULL;
    ROLL_TRY(find_user_function(eval, call, &function));
    struct slot *slots = g_new0(struct slot, call->count + 1);
    struct roll_error *err = run_user_function(eval, call, function, slots, ret_value);
    for (unsigned i = 0; i < call->count; i++)
        json_decref(slots[i].value);
    g_free(slots);
    return err;
}
