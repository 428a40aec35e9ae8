/* What effective parameters must be before they are recorded: declared, complete, of the right
 * type, and without secrets. Every refusal names target and parameter, and never a value. */
#include "release/maker.h"

static char *reference_line(const char *name)
{
    return g_strdup_printf("in the parameter file: \"%s\": { \"reference\": { \"keyVault\": { "
                           "\"id\": … }, \"secretName\": … } }",
                           name);
}

/* No override passes this: a value that the template calls secret would be kept for ever. */
static struct roll_error *secure(const char *where, const char *name, const char *what)
{
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "target '%s': parameter '%s' is secure and has a %s; a secure parameter "
                       "takes a Key Vault reference",
                       where, name, what),
        reference_line(name), NULL);
}

/* The scan may be wrong about a plain parameter. */
static struct roll_error *credential(const char *where, const char *name, const char *verb,
                                     const char *looks)
{
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "target '%s': parameter '%s' %s %s; use a Key Vault reference", where, name,
                       verb, looks),
        reference_line(name), g_strdup_printf("--override secret-scan:%s, if it is none", name),
        NULL);
}

static bool overridden(struct release_maker *maker, const char *name)
{
    if (!release_overridden(maker->options->overrides, "secret-scan", name))
        return false;
    release_maker_note(maker, "the secret scan was overridden for parameter '%s'", name);
    return true;
}

/* An empty text or object is what a template takes for "none". */
static bool is_empty(const json_t *value)
{
    return json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static struct roll_error *check_given(struct release_maker *maker, const char *where,
                                      const struct roll_template_parameter *declared,
                                      const json_t *entry)
{
    const json_t *value = json_object_get(entry, "value");
    if (!value) /* a reference: what it holds is looked at by nobody */
        return NULL;
    if (declared->secure && !is_empty(value))
        return secure(where, declared->name, "plain value");
    const char *what = declared->secure ? NULL : release_scan_value(maker->scanner, value);
    if (what && !overridden(maker, declared->name))
        return credential(where, declared->name, "looks like", what);
    return roll_error_wrap(roll_template_parameter_check(maker->tmpl, declared->name, value),
                           "target '%s': parameter '%s' does not fit", where, declared->name);
}

/* The default of a secure parameter would be a secret in the template, or another one at every
 * deployment. */
static struct roll_error *check_default(struct release_maker *maker, const char *where,
                                        const struct roll_template_parameter *declared)
{
    const json_t *parameters = roll_json_get_nocase(roll_template_value(maker->tmpl), "parameters");
    const json_t *declaration = roll_json_get_nocase(parameters, declared->name);
    const json_t *value = roll_json_get_nocase(declaration, "defaultValue");
    if (declared->secure && !is_empty(value))
        return secure(where, declared->name,
                      declared->default_is_expression ? "computed default" : "plain default");
    const char *what = declared->secure ? NULL : release_scan_value(maker->scanner, value);
    if (!what || overridden(maker, declared->name))
        return NULL;
    return credential(where, declared->name, "has a default that looks like", what);
}

static struct roll_error *check_declared(struct release_maker *maker, const char *where,
                                         json_t *parameters)
{
    const char *name;
    json_t *entry;
    json_object_foreach (parameters, name, entry) {
        if (!roll_template_parameter_find(maker->tmpl, name))
            return roll_error_new(
                ROLL_E_TEMPLATE,
                "target '%s': parameter '%s' is given, the template does not declare it", where,
                name);
        if (!json_is_object(entry) ||
            (!json_object_get(entry, "value") && !json_object_get(entry, "reference")))
            return roll_error_new(ROLL_E_TEMPLATE,
                                  "target '%s': parameter '%s' has neither value nor reference",
                                  where, name);
    }
    return NULL;
}

struct roll_error *release_check_parameters(struct release_maker *maker, const char *where,
                                            json_t *parameters)
{
    ROLL_TRY(check_declared(maker, where, parameters));
    for (size_t i = 0; i < roll_template_parameter_count(maker->tmpl); i++) {
        const struct roll_template_parameter *declared = roll_template_parameter_at(maker->tmpl, i);
        const json_t *entry = roll_json_get_nocase(parameters, declared->name);
        if (entry)
            ROLL_TRY(check_given(maker, where, declared, entry));
        else if (declared->has_default)
            ROLL_TRY(check_default(maker, where, declared));
        else if (!declared->nullable)
            return roll_error_new(ROLL_E_TEMPLATE,
                                  "target '%s': parameter '%s' has neither a value nor a default",
                                  where, declared->name);
    }
    return NULL;
}
