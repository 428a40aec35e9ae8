/* Findings in a template: everything that can be found at once, each with its place in the file. */
#include "function.h"

#include <stdio.h>

#define MAX_FINDINGS 200

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

struct checker {
    const char *text;
    size_t size;
    const char *file_name; /* or NULL */
    const struct roll_template_linker *linker;
    json_t *findings;
    GHashTable *seen;
    GString *pointer;
    unsigned errors;
    unsigned levels;
};

/* file: NULL, or another than the one that is checked. */
static void add_at(struct checker *checker, const char *level, const char *file, int line,
                   int column, const char *message)
{
    g_autofree char *key = g_strdup_printf("%s:%d:%d:%s", file ? file : "", line, column, message);
    if (json_array_size(checker->findings) >= MAX_FINDINGS ||
        g_hash_table_contains(checker->seen, key))
        return;
    g_hash_table_add(checker->seen, g_steal_pointer(&key));
    json_t *finding = json_object();
    if (file)
        object_put(finding, "file", json_text(file));
    object_put(finding, "line", json_integer(line));
    object_put(finding, "column", json_integer(column));
    object_put(finding, "level", json_text(level));
    object_put(finding, "message", json_text(message));
    json_array_append_new(checker->findings, finding);
    checker->errors += strcmp(level, "error") == 0;
}

static void add(struct checker *checker, const char *level, const char *format, ...)
    ROLL_PRINTF(3, 4);

/* At the pointer where the checker stands. */
static void add(struct checker *checker, const char *level, const char *format, ...)
{
    int line = 0;
    int column = 0;
    va_list args;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    /* One expression can make the same mistake a thousand times, and finding the place reads the
     * whole text. */
    g_autofree char *key = g_strdup_printf("%s:%s", checker->pointer->str, message);
    if (json_array_size(checker->findings) >= MAX_FINDINGS ||
        !g_hash_table_add(checker->seen, g_steal_pointer(&key)))
        return;
    roll_json_where(checker->text, checker->size, ROLL_JSON_ARM, checker->pointer->str, &line,
                    &column);
    add_at(checker, level, NULL, line, column, message);
}

static gsize enter(struct checker *checker, const char *key)
{
    gsize length = checker->pointer->len;
    g_string_append_c(checker->pointer, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/')
            g_string_append(checker->pointer, *key == '~' ? "~0" : "~1");
        else
            g_string_append_c(checker->pointer, *key);
    }
    return length;
}

static gsize enter_index(struct checker *checker, size_t index)
{
    gsize length = checker->pointer->len;
    g_string_append_printf(checker->pointer, "/%zu", index);
    return length;
}

static void leave(struct checker *checker, gsize length)
{
    g_string_truncate(checker->pointer, length);
}

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
        add(use->checker, "error", "The template parameter '%s' is not found.", name);
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
        add(use->checker, "error", "The template variable '%s' is not found.", name);
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
        add(use->checker, "error", "The template function '%s%s%s' is not valid.",
            expr->space ? expr->space : "", expr->space ? "." : "", expr->name);
        return;
    }
    if (!function)
        return;
    if (expr->count < function->min || (function->max != MANY && expr->count > function->max))
        add(use->checker, "error", "The template function '%s' does not take %u argument(s).",
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
        add(checker, "error", "%s", err->message);
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
            gsize length = enter(checker, key);
            check_text(checker, names, key, strlen(key));
            check_value(checker, names, element);
            leave(checker, length);
        }
    if (json_is_array(value))
        json_array_foreach (value, index, element) {
            gsize length = enter_index(checker, index);
            check_value(checker, names, element);
            leave(checker, length);
        }
}

/* ---- resources ---- */

static void check_template(struct checker *checker, const json_t *root, struct scope_names *outer);
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
    gsize length = enter(checker, object_key(resource, "apiVersion"));
    add(checker, "error", BAD_API_VERSION, json_string_value(version));
    leave(checker, length);
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
        gsize length = enter(checker, key);
        if (g_ascii_strcasecmp(key, "template") == 0 && json_is_object(value))
            check_template(checker, value,
                           is_inner_template(properties, names->symbolic) ? NULL : names);
        else
            check_value(checker, names, value);
        leave(checker, length);
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
        gsize length = enter(checker, key);
        if (g_ascii_strcasecmp(key, "resources") == 0 &&
            (json_is_array(value) || json_is_object(value)))
            check_resources(checker, names, value);
        else if (deployment && g_ascii_strcasecmp(key, "properties") == 0 && json_is_object(value))
            check_properties(checker, names, value);
        else
            check_value(checker, names, value);
        leave(checker, length);
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
            gsize length = enter(checker, key);
            check_resource(checker, names, value);
            leave(checker, length);
        }
    else
        json_array_foreach (resources, index, value) {
            gsize length = enter_index(checker, index);
            check_resource(checker, names, value);
            leave(checker, length);
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
        gsize length = enter(checker, name);
        enter(checker, key);
        check_value(checker, names, json_object_get(declared, key));
        leave(checker, length);
    }
}

static void check_functions(struct checker *checker, const struct scope_names *names)
{
    size_t index;
    json_t *space;
    const char *name;
    json_t *member;
    json_array_foreach (names->functions, index, space) {
        gsize length = enter_index(checker, index);
        enter(checker, "members");
        json_object_foreach (object_get(space, "members"), name, member) {
            struct scope_names own = *names;
            own.own = object_get(member, "parameters");
            gsize member_length = enter(checker, name);
            enter(checker, "output");
            check_value(checker, &own, object_get(member, "output"));
            leave(checker, member_length);
        }
        leave(checker, length);
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
        gsize length = enter(checker, section_key);
        enter(checker, name);
        add(checker, "warning", "The template %s '%s' is declared but never used.",
            kind == 'p' ? "parameter" : "variable", name);
        leave(checker, length);
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
static void check_template(struct checker *checker, const json_t *root, struct scope_names *outer)
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
            gsize length = enter(checker, key);
            check_section(checker, names, key, value);
            leave(checker, length);
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

/* ---- the whole ---- */

/* An error of reading or expanding as a finding; consumes it. */
static void add_error(struct checker *checker, struct roll_error *err)
{
    roll_auto(json) json_t *detail = NULL;
    int line = 0;
    int column = 0;
    const char *file = NULL;
    if (!err)
        return;
    if (err->detail) {
        struct roll_error *bad =
            roll_json_parse(err->detail, strlen(err->detail), ROLL_JSON_STRICT, &detail);
        roll_error_free(bad);
    }
    if (detail) {
        line = (int)json_integer_value(json_object_get(detail, "line"));
        column = (int)json_integer_value(json_object_get(detail, "column"));
        file = roll_json_get_string(detail, "file");
        file = g_strcmp0(file, checker->file_name) == 0 ? NULL : file;
    } else if (sscanf(err->message, "line %d, column %d", &line, &column) != 2) {
        line = 1; /* of the file as a whole */
        column = 1;
    }
    const char *message = err->message;
    const char *rest = g_str_has_prefix(message, "line ") ? strstr(message, ": ") : NULL;
    add_at(checker, "error", file, line, column, rest && !detail ? rest + 2 : message);
    roll_error_free(err);
}

/* Values that nobody gives here are unknown, as a Key Vault's are: what does not depend on them is
 * evaluated all the same. */
static json_t *unknown_values(const struct roll_template *tmpl)
{
    json_t *given = json_object();
    for (size_t i = 0; i < roll_template_parameter_count(tmpl); i++) {
        const struct roll_template_parameter *parameter = roll_template_parameter_at(tmpl, i);
        if (!parameter->has_default && !parameter->nullable)
            json_object_set_new(given, parameter->name, json_pack("{s:s}", "expression", ""));
    }
    return given;
}

static void check_asserts(struct checker *checker, const json_t *root, const json_t *asserts)
{
    const char *name;
    json_t *value;
    const char *section_key = object_key(root, "asserts");
    if (!section_key)
        return;
    json_object_foreach ((json_t *)(uintptr_t)asserts, name, value) {
        if (!json_is_false(value))
            continue;
        gsize length = enter(checker, section_key);
        enter(checker, name);
        add(checker, "error", "The template assertion '%s' fails.", name);
        leave(checker, length);
    }
}

/* What only evaluation finds. */
static void check_expansion(struct checker *checker, const struct roll_template *tmpl)
{
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    roll_auto(json) json_t *given = unknown_values(tmpl);
    struct roll_template_input input = {.context = {.scope = roll_template_scope(tmpl)},
                                        .parameters = given,
                                        .linker = checker->linker};
    struct roll_error *err = roll_template_expand(tmpl, &input, &expansion);
    if (!err)
        check_asserts(checker, tmpl->root, expansion->asserts);
    else if (json_object_size(given) > 0 && strstr(err->message, "must be known before"))
        roll_error_free(err); /* the count of a loop: a value will say it */
    else
        add_error(checker, err);
}

static void check_file(struct checker *checker)
{
    roll_auto(json) json_t *root = NULL;
    roll_auto(template) struct roll_template *tmpl = NULL;
    struct roll_error *err = roll_json_parse_within(checker->text, checker->size, ROLL_JSON_ARM,
                                                    MAX_READ(checker->size), &root, NULL);
    if (err || !json_is_object(root)) {
        add_error(checker, err ? err : template_error("The template is not an object."));
        return;
    }
    check_template(checker, root, NULL);
    g_clear_pointer(&root, json_decref); /* the template has values of its own */
    add_error(checker, roll_template_read(checker->text, checker->size, checker->file_name, &tmpl));
    if (tmpl && checker->errors == 0)
        check_expansion(checker, tmpl);
}

static int compare_findings(const void *a, const void *b)
{
    const json_t *left = *(const json_t *const *)a;
    const json_t *right = *(const json_t *const *)b;
    json_int_t lines = json_integer_value(json_object_get(left, "line")) -
                       json_integer_value(json_object_get(right, "line"));
    json_int_t columns = json_integer_value(json_object_get(left, "column")) -
                         json_integer_value(json_object_get(right, "column"));
    return lines != 0 ? (lines < 0 ? -1 : 1) : columns < 0 ? -1 : columns > 0;
}

static json_t *in_order(const json_t *findings)
{
    size_t index;
    json_t *finding;
    g_autoptr(GPtrArray) sorted = g_ptr_array_new();
    json_array_foreach (findings, index, finding)
        g_ptr_array_add(sorted, finding);
    g_ptr_array_sort(sorted, compare_findings);
    json_t *all = json_array();
    for (guint i = 0; i < sorted->len; i++)
        json_array_append(all, sorted->pdata[i]);
    return all;
}

struct roll_error *roll_template_check(const char *text, size_t size, const char *file_name,
                                       const struct roll_template_linker *linker,
                                       json_t **ret_findings)
{
    roll_auto(json) json_t *findings = json_array();
    struct checker checker = {.text = text,
                              .size = size,
                              .file_name = file_name,
                              .linker = linker,
                              .findings = findings,
                              .seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                              .pointer = g_string_new(NULL)};
    check_file(&checker);
    *ret_findings = in_order(findings);
    g_hash_table_unref(checker.seen);
    g_string_free(checker.pointer, TRUE);
    return NULL;
}
