/* What reading a template shows, without evaluating it: names that are not there or never used,
 * functions, api-versions. */
#include "check.h"

#include "function.h"

/* The names that expressions of one template can use. */
struct scope_names {
    const json_t *parameters;
    const json_t *variables;
    const json_t *functions; /* the section */
    const json_t *own;       /* inside a user function: the array of its parameters */
    GHashTable *used;        /* "p:name", "v:name" in lower case */
    bool any_parameter;      /* some name is made at run time */
    bool any_variable;
    bool symbolic;
};

/* ---- expressions ---- */

struct use {
    struct checker *checker;
    struct scope_names *names;
};

static void use_name(struct use *use, char kind, const char *name)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    g_hash_table_add(use->names->used, g_strdup_printf("%c:%s", kind, lower));
}

static bool is_own_parameter(const json_t *own, const char *name)
{
    size_t index;
    json_t *parameter;
    json_array_foreach (own, index, parameter) {
        const char *declared = roll_json_get_string(parameter, "name");
        if (declared && g_ascii_strcasecmp(declared, name) == 0)
            return true;
    }
    return false;
}

static bool is_variable(const json_t *variables, const char *name)
{
    size_t index;
    json_t *loop;
    if (object_get(variables, name))
        return true;
    json_array_foreach (object_get(variables, "copy"), index, loop) {
        const json_t *declared = object_get(loop, "name");
        if (json_is_string(declared) && g_ascii_strcasecmp(json_string_value(declared), name) == 0)
            return true;
    }
    return false;
}

static bool is_user_function(const json_t *functions, const struct expr *expr)
{
    size_t index;
    json_t *space;
    json_array_foreach (functions, index, space) {
        const json_t *name = object_get(space, "namespace");
        if (json_is_string(name) && g_ascii_strcasecmp(json_string_value(name), expr->space) == 0 &&
            object_get(object_get(space, "members"), expr->name))
            return true;
    }
    return false;
}

static void check_parameter_use(struct use *use, const struct expr *expr)
{
    const char *name = expr->count > 0 ? expr_literal_text(expr->args[0]) : NULL;
    if (!name) {
        use->names->any_parameter = true;
        return;
    }
    bool known = use->names->own ? is_own_parameter(use->names->own, name)
                                 : object_get(use->names->parameters, name) != NULL;
    if (!known)
        check_add(use->checker, "error", "The template parameter '%s' is not found.", name);
    else if (!use->names->own)
        use_name(use, 'p', name);
}

static void check_variable_use(struct use *use, const struct expr *expr)
{
    const char *name = expr->count > 0 ? expr_literal_text(expr->args[0]) : NULL;
    if (!name) {
        use->names->any_variable = true;
        return;
    }
    if (!is_variable(use->names->variables, name))
        check_add(use->checker, "error", "The template variable '%s' is not found.", name);
    else
        use_name(use, 'v', name);
}

static void check_call(const struct expr *expr, void *user)
{
    struct use *use = user;
    const struct function *function = expr->function;
    if (expr->kind != EXPR_CALL)
        return;
    if (expr->space ? !is_user_function(use->names->functions, expr) : !function) {
        check_add(use->checker, "error", "The template function '%s%s%s' is not valid.",
                  expr->space ? expr->space : "", expr->space ? "." : "", expr->name);
        return;
    }
    if (!function)
        return;
    if (expr->count < function->min || (function->max != MANY && expr->count > function->max))
        check_add(use->checker, "error", "The template function '%s' does not take %u argument(s).",
                  function->name, expr->count);
    if (function->special == special_parameters)
        check_parameter_use(use, expr);
    else if (function->special == special_variables)
        check_variable_use(use, expr);
}

static void check_text(struct checker *checker, struct scope_names *names, const char *text,
                       size_t size)
{
    const struct expr *expr = NULL;
    struct use use = {.checker = checker, .names = names};
    if (!text_is_expression(text, size))
        return;
    struct arena *arena = arena_new(); /* each for itself: a file may hold a million */
    struct roll_error *err = expr_parse(arena, text + 1, size - 2, &expr);
    if (err)
        check_add(checker, "error", "%s", err->message);
    else
        expr_walk(expr, check_call, &use);
    roll_error_free(err);
    arena_free(arena);
}

static void check_value(struct checker *checker, struct scope_names *names, const json_t *value)
{
    const char *key;
    size_t index;
    json_t *element;
    if (json_is_string(value))
        check_text(checker, names, json_string_value(value), json_string_length(value));
    if (json_is_object(value))
        json_object_foreach ((json_t *)(uintptr_t)value, key, element) {
            gsize length = check_enter(checker, key);
            check_text(checker, names, key, strlen(key));
            check_value(checker, names, element);
            check_leave(checker, length);
        }
    if (json_is_array(value))
        json_array_foreach (value, index, element) {
            gsize length = check_enter_index(checker, index);
            check_value(checker, names, element);
            check_leave(checker, length);
        }
}

/* ---- resources ---- */

static void check_resources(struct checker *checker, struct scope_names *names,
                            const json_t *resources);

static void check_api_version(struct checker *checker, const json_t *resource)
{
    const json_t *version = object_get(resource, "apiVersion");
    if (!json_is_string(version) ||
        text_is_expression(json_string_value(version), json_string_length(version)))
        return;
    if (object_get(resource, "extension") || object_get(resource, "import") ||
        api_version_is_well_formed(json_string_value(version)))
        return;
    gsize length = check_enter(checker, object_key(resource, "apiVersion"));
    check_add(checker, "error", BAD_API_VERSION, json_string_value(version));
    check_leave(checker, length);
}

static bool is_inner_template(const json_t *properties, bool symbolic)
{
    const json_t *scope =
        object_get(object_get(properties, "expressionEvaluationOptions"), "scope");
    if (json_is_string(scope) && g_ascii_strcasecmp(json_string_value(scope), "inner") == 0)
        return true;
    return symbolic &&
           !(json_is_string(scope) && g_ascii_strcasecmp(json_string_value(scope), "outer") == 0);
}

static void check_properties(struct checker *checker, struct scope_names *names,
                             const json_t *properties)
{
    const char *key;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)properties, key, value) {
        gsize length = check_enter(checker, key);
        if (g_ascii_strcasecmp(key, "template") == 0 && json_is_object(value))
            check_template(checker, value,
                           is_inner_template(properties, names->symbolic) ? NULL : names);
        else
            check_value(checker, names, value);
        check_leave(checker, length);
    }
}

static void check_resource(struct checker *checker, struct scope_names *names,
                           const json_t *resource)
{
    const char *key;
    json_t *value;
    const json_t *type = object_get(resource, "type");
    bool deployment =
        json_is_string(type) &&
        g_ascii_strcasecmp(json_string_value(type), "Microsoft.Resources/deployments") == 0;
    check_api_version(checker, resource);
    json_object_foreach ((json_t *)(uintptr_t)resource, key, value) {
        gsize length = check_enter(checker, key);
        if (g_ascii_strcasecmp(key, "resources") == 0 &&
            (json_is_array(value) || json_is_object(value)))
            check_resources(checker, names, value);
        else if (deployment && g_ascii_strcasecmp(key, "properties") == 0 && json_is_object(value))
            check_properties(checker, names, value);
        else
            check_value(checker, names, value);
        check_leave(checker, length);
    }
}

static void check_resources(struct checker *checker, struct scope_names *names,
                            const json_t *resources)
{
    const char *key;
    size_t index;
    json_t *value;
    if (json_is_object(resources))
        json_object_foreach ((json_t *)(uintptr_t)resources, key, value) {
            gsize length = check_enter(checker, key);
            check_resource(checker, names, value);
            check_leave(checker, length);
        }
    else
        json_array_foreach (resources, index, value) {
            gsize length = check_enter_index(checker, index);
            check_resource(checker, names, value);
            check_leave(checker, length);
        }
}

/* ---- sections ---- */

static void check_defaults(struct checker *checker, struct scope_names *names)
{
    const char *name;
    json_t *declared;
    json_object_foreach ((json_t *)(uintptr_t)names->parameters, name, declared) {
        const char *key = object_key(declared, "defaultValue");
        if (!key)
            continue;
        gsize length = check_enter(checker, name);
        check_enter(checker, key);
        check_value(checker, names, json_object_get(declared, key));
        check_leave(checker, length);
    }
}

static void check_functions(struct checker *checker, const struct scope_names *names)
{
    size_t index;
    json_t *space;
    const char *name;
    json_t *member;
    json_array_foreach (names->functions, index, space) {
        gsize length = check_enter_index(checker, index);
        check_enter(checker, "members");
        json_object_foreach (object_get(space, "members"), name, member) {
            struct scope_names own = *names;
            own.own = object_get(member, "parameters");
            gsize member_length = check_enter(checker, name);
            check_enter(checker, "output");
            check_value(checker, &own, object_get(member, "output"));
            check_leave(checker, member_length);
        }
        check_leave(checker, length);
    }
}

static void check_unused(struct checker *checker, const struct scope_names *names,
                         const json_t *section, const char *section_key, char kind)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)section, name, value) {
        g_autofree char *lower = g_ascii_strdown(name, -1);
        g_autofree char *key = g_strdup_printf("%c:%s", kind, lower);
        if (g_hash_table_contains(names->used, key) || strcmp(lower, "copy") == 0)
            continue;
        gsize length = check_enter(checker, section_key);
        check_enter(checker, name);
        check_add(checker, "warning", "The template %s '%s' is declared but never used.",
                  kind == 'p' ? "parameter" : "variable", name);
        check_leave(checker, length);
    }
}

static void check_section(struct checker *checker, struct scope_names *names, const char *key,
                          const json_t *value)
{
    if (g_ascii_strcasecmp(key, "parameters") == 0)
        check_defaults(checker, names);
    else if (g_ascii_strcasecmp(key, "functions") == 0)
        check_functions(checker, names);
    else if (g_ascii_strcasecmp(key, "resources") == 0)
        check_resources(checker, names, value);
    else if (g_ascii_strcasecmp(key, "variables") == 0 || g_ascii_strcasecmp(key, "outputs") == 0 ||
             g_ascii_strcasecmp(key, "asserts") == 0)
        check_value(checker, names, value);
}

/* outer: the names of the parent where it evaluates the nested template's expressions, else NULL.
 */
void check_template(struct checker *checker, const json_t *root, struct scope_names *outer)
{
    const char *key;
    json_t *value;
    g_autoptr(GHashTable) used = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const json_t *language = object_get(root, "languageVersion");
    struct scope_names own = {.parameters = object_get(root, "parameters"),
                              .variables = object_get(root, "variables"),
                              .functions = object_get(root, "functions"),
                              .used = used,
                              .symbolic = json_is_string(language) &&
                                          json_string_value(language)[0] == '2'};
    struct scope_names *names = outer ? outer : &own;
    if (++checker->levels <= MAX_LEVELS)
        json_object_foreach ((json_t *)(uintptr_t)root, key, value) {
            gsize length = check_enter(checker, key);
            check_section(checker, names, key, value);
            check_leave(checker, length);
        }
    checker->levels--;
    if (outer)
        return;
    const char *parameters_key = object_key(root, "parameters");
    const char *variables_key = object_key(root, "variables");
    if (parameters_key && !own.any_parameter)
        check_unused(checker, &own, own.parameters, parameters_key, 'p');
    if (variables_key && !own.any_variable)
        check_unused(checker, &own, own.variables, variables_key, 'v');
}
