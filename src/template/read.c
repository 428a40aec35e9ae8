/* Reading templates and parameter files. */
#include "eval.h"

static struct roll_error *read_file(struct roll_template *file, const char *text, size_t size)
{
    struct trail trail = {.pointer = g_string_new(NULL)};
    if (size > (size_t)MAX_TEXT * 4)
        return roll_error_new(ROLL_E_LIMIT, "the template is larger than %u bytes", MAX_TEXT);
    file->original = g_string_new_len(text, (gssize)size);
    struct roll_error *err = roll_json_read(text, size, ROLL_JSON_ARM, &file->strict);
    if (!err && file->strict->len > MAX_TEXT)
        err = roll_error_new(ROLL_E_LIMIT,
                             "the template has %zu bytes, more than the %u that ARM takes",
                             file->strict->len, MAX_TEXT);
    if (!err) {
        size_t most = MAX_READ(file->strict->len);
        err = roll_json_parse_within(file->strict->str, file->strict->len, ROLL_JSON_STRICT, most,
                                     &file->root, &file->bytes);
        arena_limit(file->arena, most - file->bytes);
    }
    if (!err)
        err = trail_finish(
            &trail, program_compile(file->arena, file, file->root, "", &trail, &file->program),
            file, NULL);
    g_string_free(trail.pointer, TRUE);
    return err;
}

size_t template_bytes(const struct roll_template *file)
{
    return 2 * (file->original->len + file->strict->len) + file->bytes + arena_bytes(file->arena);
}

struct roll_error *roll_template_read(const char *text, size_t size, const char *file_name,
                                      struct roll_template **ret_template)
{
    struct roll_template *file = g_new0(struct roll_template, 1);
    file->references = 1;
    file->file_name = g_strdup(file_name);
    file->arena = arena_new();
    struct roll_error *err = read_file(file, text, size);
    if (err) {
        roll_template_free(file);
        return err;
    }
    *ret_template = file;
    return NULL;
}

struct roll_template *roll_template_ref(struct roll_template *tmpl)
{
    g_atomic_int_inc(&tmpl->references);
    return tmpl;
}

void roll_template_free(struct roll_template *tmpl)
{
    if (!tmpl || !g_atomic_int_dec_and_test(&tmpl->references))
        return;
    arena_free(tmpl->arena);
    json_decref(tmpl->root);
    if (tmpl->original)
        g_string_free(tmpl->original, TRUE);
    if (tmpl->strict)
        g_string_free(tmpl->strict, TRUE);
    g_free(tmpl->file_name);
    g_free(tmpl);
}

const char *roll_template_text(const struct roll_template *tmpl, size_t *ret_size)
{
    if (ret_size)
        *ret_size = tmpl->strict->len;
    return tmpl->strict->str;
}

const json_t *roll_template_value(const struct roll_template *tmpl)
{
    return tmpl->root;
}

enum roll_scope_kind roll_template_scope(const struct roll_template *tmpl)
{
    return tmpl->program->scope;
}

/* ---- declared parameters ---- */

size_t roll_template_parameter_count(const struct roll_template *tmpl)
{
    return tmpl->program->parameter_count;
}

const struct roll_template_parameter *roll_template_parameter_at(const struct roll_template *tmpl,
                                                                 size_t index)
{
    return &tmpl->program->parameters[index].public;
}

const struct roll_template_parameter *roll_template_parameter_find(const struct roll_template *tmpl,
                                                                   const char *name)
{
    size_t index;
    return names_find(tmpl->program->parameter_names, name, &index)
               ? &tmpl->program->parameters[index].public
               : NULL;
}

struct roll_error *roll_template_parameter_check(const struct roll_template *tmpl, const char *name,
                                                 const json_t *value)
{
    size_t index;
    if (!names_find(tmpl->program->parameter_names, name, &index))
        return template_error("The template parameter '%s' is not found.", name);
    const struct parameter *parameter = &tmpl->program->parameters[index];
    if (json_is_null(value) && (parameter->public.nullable || parameter->public.has_default))
        return NULL;
    struct work *work = work_new(NULL);
    struct roll_error *err = type_check(tmpl->program, parameter->schema, parameter->public.name,
                                        (json_t *)(uintptr_t)value, work);
    work_free(work);
    return err;
}

/* ---- parameter files ---- */

/* A Key Vault reference of a file names vault and secret literally (reference 6). */
static struct roll_error *check_secret(const char *name, const json_t *entry, const char *file_name)
{
    const json_t *reference = object_get(entry, "reference");
    if (!json_is_object(reference) || object_get(entry, "value"))
        return NULL;
    const json_t *vault = object_get(reference, "keyVault");
    const char *id = json_string_value(object_get(vault, "id"));
    const char *secret = json_string_value(object_get(reference, "secretName"));
    if (id && *id && *id != '[' && secret && *secret)
        return NULL;
    return template_error(
        "The reference of the parameter '%s' in '%s' is not valid: it needs 'keyVault' with the "
        "'id' of a vault (a text, no expression) and a 'secretName'.",
        name, file_name ? file_name : "the parameters");
}

static struct roll_error *check_entries(const json_t *map, const char *file_name)
{
    const char *name;
    json_t *entry;
    json_object_foreach ((json_t *)(uintptr_t)map, name, entry) {
        if (!json_is_object(entry) ||
            (!object_get(entry, "value") && !object_get(entry, "reference") &&
             !object_get(entry, "expression")))
            return template_error(
                "The parameter '%s' in '%s' has neither a 'value' nor a 'reference'.", name,
                file_name ? file_name : "the parameters");
        ROLL_TRY(check_secret(name, entry, file_name));
    }
    return NULL;
}

struct roll_error *roll_parameters_read(const char *text, size_t size, const char *file_name,
                                        json_t **ret_parameters)
{
    roll_auto(json) json_t *root = NULL;
    const char *name = file_name ? file_name : "the parameters";
    ROLL_TRY(roll_error_wrap(
        roll_json_parse_within(text, size, ROLL_JSON_ARM, MAX_GIVEN(size), &root, NULL),
        "'%s' is not a parameter file", name));
    if (!json_is_object(root))
        return template_error("'%s' is not a parameter file: it is not an object.", name);
    json_t *map = object_get(root, "parameters");
    bool envelope = object_get(root, "$schema") || object_get(root, "contentVersion") ||
                    (map && !object_get(map, "value") && !object_get(map, "reference"));
    if (!envelope)
        map = root;
    if (map && !json_is_object(map))
        return template_error("The section 'parameters' of '%s' is not an object.", name);
    roll_auto(json) json_t *parameters = map ? json_incref(map) : json_object();
    ROLL_TRY(check_entries(parameters, file_name));
    *ret_parameters = g_steal_pointer(&parameters);
    return NULL;
}
