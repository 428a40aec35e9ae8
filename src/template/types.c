/* Types of parameters, outputs and user functions, with the type system of languageVersion 2.0
 * (reference 5 and 7). */
#include "eval.h"

#define MAX_REFERENCES 32

/* A declaration whose $ref is followed: its own members go before those of the target. */
struct type {
    const json_t *chain[MAX_REFERENCES];
    unsigned count;
};

static const json_t *definition(const struct program *program, const char *reference)
{
    static const char prefix[] = "#/definitions/";
    if (!g_str_has_prefix(reference, prefix) || !program)
        return NULL;
    g_autoptr(GString) name = g_string_new(reference + strlen(prefix));
    g_string_replace(name, "~1", "/", 0);
    g_string_replace(name, "~0", "~", 0);
    return object_get(program->definitions, name->str);
}

static bool type_follow(const struct program *program, const json_t *schema, struct type *type)
{
    type->count = 0;
    while (json_is_object(schema) && type->count < MAX_REFERENCES) {
        type->chain[type->count++] = schema;
        const char *reference = roll_json_get_string(schema, "$ref");
        if (!reference)
            return true;
        schema = definition(program, reference);
    }
    return false;
}

static const json_t *type_get(const struct type *type, const char *key)
{
    for (unsigned i = 0; i < type->count; i++) {
        const json_t *found = object_get(type->chain[i], key);
        if (found)
            return found;
    }
    return NULL;
}

const char *type_name(const struct program *program, const json_t *schema)
{
    struct type type;
    const json_t *name = type_follow(program, schema, &type) ? type_get(&type, "type") : NULL;
    return json_is_string(name) ? json_string_value(name) : "";
}

bool type_is_secure(const struct program *program, const json_t *schema)
{
    return g_ascii_strncasecmp(type_name(program, schema), "secure", 6) == 0;
}

bool type_is_nullable(const struct program *program, const json_t *schema)
{
    struct type type;
    return type_follow(program, schema, &type) && json_is_true(type_get(&type, "nullable"));
}

const char *type_answer(const char *type)
{
    static const char *const answers[] = {"String", "SecureString", "Int",  "Bool",
                                          "Object", "SecureObject", "Array"};
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++)
        if (g_ascii_strcasecmp(type, answers[i]) == 0)
            return answers[i];
    return type;
}

/* ---- checking ---- */

struct check {
    const struct program *program;
    struct work *work;
    const char *path;
    unsigned depth;
};

static struct roll_error *check_value(const struct check *outer, const json_t *schema,
                                      json_t *value) ROLL_CHECKED;

static struct roll_error *check_child(const struct check *check, const json_t *schema,
                                      json_t *value, const char *key)
{
    g_autofree char *path = g_strconcat(check->path, ".", key, NULL);
    struct check child = *check;
    child.path = path;
    return check_value(&child, schema, value);
}

static struct roll_error *kind_error(const struct check *check, const char *expected,
                                     const json_t *value)
{
    return template_error(
        "Template parameter JToken type is not valid. Expected '%s'. Actual '%s'. (value '%s') "
        "Please see https://aka.ms/resource-manager-parameter-files for usage details.",
        expected, type_word(value), check->path);
}

static struct roll_error *check_kind(const struct check *check, const char *name,
                                     const json_t *value)
{
    static const struct {
        const char *type;
        unsigned mask;
        const char *expected;
    } kinds[] = {
        {"string", T_STRING, "String, Uri"}, {"securestring", T_STRING, "String, Uri"},
        {"int", T_INT, "Integer"},           {"bool", T_BOOL, "Boolean"},
        {"object", T_OBJECT, "Object"},      {"secureobject", T_OBJECT, "Object"},
        {"array", T_ARRAY, "Array"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_ascii_strcasecmp(name, kinds[i].type) == 0)
            return value_type_mask(value) & kinds[i].mask
                       ? NULL
                       : kind_error(check, kinds[i].expected, value);
    return template_error("The type '%s' of '%s' is not valid. The only supported types are "
                          "'Array, Bool, Int, Object, "
                          "SecureObject, SecureString, String'.",
                          name, check->path);
}

static struct roll_error *in_list(const struct check *check, const json_t *list,
                                  const json_t *value, bool *ret_found)
{
    size_t index;
    json_t *allowed;
    *ret_found = false;
    json_array_foreach (list, index, allowed) {
        ROLL_TRY(value_equal(check->work, allowed, value, ret_found));
        if (*ret_found)
            break;
    }
    return NULL;
}

static bool holds_arrays(const json_t *list)
{
    size_t index;
    json_t *allowed;
    json_array_foreach (list, index, allowed)
        if (json_is_array(allowed))
            return true;
    return false;
}

static struct roll_error *allowed_error(const struct check *check, const json_t *list,
                                        const json_t *value)
{
    g_autoptr(GString) names = g_string_new(NULL);
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *allowed;
    json_array_foreach (list, index, allowed) {
        g_string_append(names, index > 0 ? "," : "");
        value_text(allowed, names);
    }
    if (!json_is_object(value) && !json_is_array(value))
        value_text(value, text);
    else
        g_string_append(text, type_word(value));
    if (text->len > 200)
        g_string_assign(text, "…");
    return template_error("The provided value '%s' for the template parameter '%s' is not valid. "
                          "The parameter value is "
                          "not part of the allowed value(s): '%s'.",
                          text->str, check->path, names->str);
}

/* Classic arrays: unless the list holds arrays, it names the elements that may occur. */
static struct roll_error *check_allowed(const struct check *check, const struct type *type,
                                        json_t *value)
{
    const json_t *list = type_get(type, "allowedValues");
    bool found = false;
    size_t index;
    json_t *element;
    if (!json_is_array(list) || value_has_marker(check->work, value))
        return NULL;
    ROLL_TRY(in_list(check, list, value, &found));
    if (!found && json_is_array(value) && !holds_arrays(list) &&
        !(check->program && check->program->symbolic)) {
        found = true;
        json_array_foreach (value, index, element) {
            ROLL_TRY(in_list(check, list, element, &found));
            if (!found)
                break;
        }
    }
    return found ? NULL : allowed_error(check, list, value);
}

static struct roll_error *check_bounds(const struct check *check, const struct type *type,
                                       const json_t *value)
{
    const json_t *least = type_get(type, "minValue");
    const json_t *most = type_get(type, "maxValue");
    const json_t *shortest = type_get(type, "minLength");
    const json_t *longest = type_get(type, "maxLength");
    if (json_is_integer(value)) {
        json_int_t number = json_integer_value(value);
        if ((json_is_integer(least) && number < json_integer_value(least)) ||
            (json_is_integer(most) && number > json_integer_value(most)))
            return template_error("The provided value '%" JSON_INTEGER_FORMAT
                                  "' for the template parameter '%s' is "
                                  "not valid. It is out of the range of its minValue and maxValue.",
                                  number, check->path);
        return NULL;
    }
    if (!json_is_string(value) && !json_is_array(value))
        return NULL;
    size_t length = json_is_array(value)
                        ? json_array_size(value)
                        : utf16_length(json_string_value(value), json_string_length(value));
    if (json_is_integer(shortest) && (json_int_t)length < json_integer_value(shortest))
        return template_error(
            "The provided value for the template parameter '%s' is not valid. Length of the value "
            "should be greater than or equal to '%" JSON_INTEGER_FORMAT "'.",
            check->path, json_integer_value(shortest));
    if (json_is_integer(longest) && (json_int_t)length > json_integer_value(longest))
        return template_error(
            "The provided value for the template parameter '%s' is not valid. Length of the value "
            "should be less than or equal to '%" JSON_INTEGER_FORMAT "'.",
            check->path, json_integer_value(longest));
    return NULL;
}

static struct roll_error *check_items(const struct check *check, const struct type *type,
                                      json_t *value)
{
    const json_t *prefix = type_get(type, "prefixItems");
    const json_t *items = type_get(type, "items");
    size_t fixed = json_array_size(prefix);
    if (json_array_size(value) < fixed)
        return template_error(
            "The value of '%s' is not valid: it has '%zu' elements, '%zu' are required.",
            check->path, json_array_size(value), fixed);
    if (json_is_false(items) && json_array_size(value) > fixed)
        return template_error("The value of '%s' is not valid: it has '%zu' elements, no more than "
                              "'%zu' are allowed.",
                              check->path, json_array_size(value), fixed);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *schema = i < fixed ? json_array_get(prefix, i) : items;
        char key[32];
        g_snprintf(key, sizeof(key), "%zu", i);
        if (json_is_object(schema))
            ROLL_TRY(check_child(check, schema, json_array_get(value, i), key));
    }
    return NULL;
}

static struct roll_error *check_additional(const struct check *check, const struct type *type,
                                           json_t *value)
{
    const json_t *properties = type_get(type, "properties");
    const json_t *additional = type_get(type, "additionalProperties");
    const json_t *discriminator = type_get(type, "discriminator");
    const char *key;
    json_t *member;
    if ((!json_is_object(additional) && !json_is_false(additional)) || discriminator)
        return NULL;
    json_object_foreach (value, key, member) {
        if (object_get(properties, key))
            continue;
        if (json_is_false(additional))
            return template_error(
                "The value of '%s' is not valid: the property '%s' is not allowed.", check->path,
                key);
        ROLL_TRY(check_child(check, additional, member, key));
    }
    return NULL;
}

static struct roll_error *check_discriminator(const struct check *check, const struct type *type,
                                              json_t *value)
{
    const json_t *discriminator = type_get(type, "discriminator");
    if (!json_is_object(discriminator))
        return NULL;
    const char *name = roll_json_get_string(discriminator, "propertyName");
    const json_t *mapping = object_get(discriminator, "mapping");
    json_t *chosen = name ? object_get(value, name) : NULL;
    if (is_marker(chosen))
        return NULL;
    const json_t *schema =
        json_is_string(chosen) ? json_object_get(mapping, json_string_value(chosen)) : NULL;
    if (!schema)
        return template_error(
            "The value of '%s' is not valid: its property '%s' names none of the possible types.",
            check->path, name ? name : "");
    return check_value(check, schema, value);
}

static struct roll_error *check_properties(const struct check *check, const struct type *type,
                                           json_t *value)
{
    const json_t *properties = type_get(type, "properties");
    const char *key;
    json_t *schema;
    json_object_foreach ((json_t *)(uintptr_t)properties, key, schema) {
        json_t *member = object_get(value, key);
        if (member) {
            ROLL_TRY(check_child(check, schema, member, key));
        } else if (!type_is_nullable(check->program, schema)) {
            return template_error("The value of '%s' is not valid: the property '%s' is missing.",
                                  check->path, key);
        }
    }
    ROLL_TRY(check_discriminator(check, type, value));
    return check_additional(check, type, value);
}

static struct roll_error *check_value(const struct check *outer, const json_t *schema,
                                      json_t *value)
{
    struct type type;
    struct check inner = *outer;
    const struct check *check = &inner;
    ROLL_TRY(work_burn(check->work, 1));
    if (++inner.depth > 3 * MAX_VALUE_DEPTH) /* a discriminator may lead to its own type */
        return template_error("The type of '%s' is not valid: its definitions lead to one another.",
                              check->path);
    if (is_marker(value) && !marker_of(value)->hidden)
        return NULL;
    if (is_marker(value))
        value = marker_of(value)->hidden;
    if (!type_follow(check->program, schema, &type))
        return template_error("The type of '%s' is not valid: its '$ref' leads to no definition.",
                              check->path);
    if (json_is_null(value) && json_is_true(type_get(&type, "nullable")))
        return NULL;
    const json_t *name = type_get(&type, "type");
    if (json_is_string(name))
        ROLL_TRY(check_kind(check, json_string_value(name), value));
    ROLL_TRY(check_allowed(check, &type, value));
    ROLL_TRY(check_bounds(check, &type, value));
    if (json_is_array(value))
        return check_items(check, &type, value);
    return json_is_object(value) ? check_properties(check, &type, value) : NULL;
}

struct roll_error *type_check(const struct program *program, const json_t *schema, const char *path,
                              json_t *value, struct work *work)
{
    struct check check = {.program = program, .work = work, .path = path};
    return check_value(&check, schema, value);
}
