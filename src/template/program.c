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
struct roll_error *program_section(const struct program *program, const char *name, json_type type,
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
    ROLL_TRY(program_section(program, "variables", JSON_OBJECT, MAX_VARIABLES, trail, &declared));
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
    ROLL_TRY(program_section(program, "outputs", JSON_OBJECT, MAX_OUTPUTS, trail, &declared));
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
    ROLL_TRY(program_section(program, "asserts", JSON_OBJECT, 800, trail, &declared));
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
    ROLL_TRY(program_read_parameters(program, trail));
    ROLL_TRY(read_variables(program, trail));
    ROLL_TRY(program_read_functions(program, trail));
    ROLL_TRY(read_resources(program, trail));
    ROLL_TRY(read_outputs(program, trail));
    ROLL_TRY(read_asserts(program, trail));
    *ret_program = program;
    return NULL;
}
