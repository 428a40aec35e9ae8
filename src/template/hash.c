/* ARM's templateHash: members in a known order, compact, upper-cased, hashed (REST reference 1.11).
 */
#include "program.h"
#include "value.h"

#include "rollbook/json.h"

static const char *const root_order[] = {
    "$schema",   "languageVersion", "contentVersion", "extensions", "definitions", "parameters",
    "functions", "variables",       "resources",      "outputs",    "metadata",    NULL};
/* The orders of types (languageVersion 2.0) follow from the hashes that Bicep's templates carry. */
static const char *const parameter_order[] = {"$ref",
                                              "defaultValue",
                                              "allowedValues",
                                              "minValue",
                                              "maxValue",
                                              "minLength",
                                              "maxLength",
                                              "items",
                                              "nullable",
                                              "properties",
                                              "additionalProperties",
                                              "type",
                                              "metadata",
                                              NULL};
static const char *const type_order[] = {
    "type",      "$ref",      "metadata", "allowedValues", "minValue",   "maxValue",
    "minLength", "maxLength", "nullable", "items",         "properties", "additionalProperties",
    NULL};
static const char *const resource_order[] = {
    "type",       "apiVersion",     "name",          "existing",
    "location",   "dependsOn",      "plan",          "tags",
    "sku",        "zones",          "kind",          "identity",
    "properties", "subscriptionId", "resourceGroup", "scope",
    "metadata",   "copy",           "condition",     NULL};
static const char *const output_order[] = {"copy", "items", "$ref",     "nullable",
                                           "type", "value", "metadata", NULL};

/* Known members first, in their order; the others follow as they stand. */
static json_t *reorder(const json_t *object, const char *const *order)
{
    const char *key;
    json_t *value;
    if (!json_is_object(object))
        return json_incref((json_t *)(uintptr_t)object);
    json_t *ordered = json_object();
    for (; *order; order++) {
        json_t *member = json_object_get(object, *order);
        if (member)
            object_put(ordered, *order, json_incref(member));
    }
    json_object_foreach ((json_t *)(uintptr_t)object, key, value)
        if (!json_object_get(ordered, key))
            object_put(ordered, key, json_incref(value));
    return ordered;
}

/* Each member, or element, as `one` orders it. */
static json_t *reorder_each(json_t *container, const char *const *order,
                            json_t *(*one)(const json_t *value, const char *const *order))
{
    const char *key;
    size_t index;
    json_t *value;
    json_t *ordered = json_is_object(container) ? json_object() : json_array();
    if (json_is_object(container))
        json_object_foreach (container, key, value)
            object_put(ordered, key, one(value, order));
    else
        json_array_foreach (container, index, value)
            json_array_append_new(ordered, one(value, order));
    return ordered;
}

static void replace(json_t *root, const char *key, const char *const *order)
{
    json_t *section = json_object_get(root, key);
    if (json_is_object(section) || json_is_array(section))
        object_put(root, key, reorder_each(section, order, reorder));
}

/* A declaration and those inside it. As deep as the text nests, which its reader bounds. */
static json_t *reorder_type(const json_t *type, const char *const *order)
{
    static const char *const single[] = {"items", "additionalProperties"};
    static const char *const many[] = {"properties", "prefixItems"};
    json_t *ordered = reorder(type, order);
    if (!json_is_object(ordered))
        return ordered;
    for (size_t i = 0; i < G_N_ELEMENTS(single); i++) {
        const json_t *inner = json_object_get(ordered, single[i]);
        if (json_is_object(inner))
            object_put(ordered, single[i], reorder_type(inner, type_order));
    }
    for (size_t i = 0; i < G_N_ELEMENTS(many); i++) {
        json_t *inner = json_object_get(ordered, many[i]);
        if (json_is_object(inner) || json_is_array(inner))
            object_put(ordered, many[i], reorder_each(inner, type_order, reorder_type));
    }
    return ordered;
}

static void replace_types(json_t *root, const char *key, const char *const *order)
{
    json_t *section = json_object_get(root, key);
    if (json_is_object(section))
        object_put(root, key, reorder_each(section, order, reorder_type));
}

/* The generator's own note of the hash is no part of what is hashed. */
static void drop_note(json_t *root)
{
    const json_t *metadata = json_object_get(root, "metadata");
    const json_t *generator = json_object_get(metadata, "_generator");
    if (!json_object_get(generator, "templateHash"))
        return;
    json_t *other_generator = object_copy(generator);
    json_t *other_metadata = object_copy(metadata);
    json_object_del(other_generator, "templateHash");
    object_put(other_metadata, "_generator", other_generator);
    object_put(root, "metadata", other_metadata);
}

static GString *upper_text(const json_t *root)
{
    g_autoptr(GString) text = g_string_new(NULL);
    roll_json_write(root, text);
    GString *upper = g_string_sized_new(text->len + 1);
    for (const char *at = text->str; *at; at = next_char(at))
        g_string_append_unichar(upper, g_unichar_toupper(g_utf8_get_char(at)));
    return upper;
}

/* Everything in its order; what is deeper keeps its own. New reference. */
static json_t *normal_order(const json_t *value)
{
    json_t *root = reorder(value, root_order);
    replace_types(root, "definitions", type_order);
    replace_types(root, "parameters", parameter_order);
    replace_types(root, "outputs", output_order);
    json_t *resources = json_object_get(root, "resources");
    if (json_is_object(resources) && json_object_size(resources) == 0)
        object_put(root, "resources", json_array());
    else
        replace(root, "resources", resource_order);
    return root;
}

static guint64 hash_value(const json_t *value)
{
    roll_auto(json) json_t *root = normal_order(value);
    drop_note(root);
    g_autoptr(GString) text = upper_text(root);
    return murmur64(text->str, text->len);
}

void program_hash(const struct program *program, char ret_hash[21])
{
    g_snprintf(ret_hash, 21, "%" G_GUINT64_FORMAT, hash_value(program->root));
}

void roll_template_hash(const struct roll_template *tmpl, char ret_hash[21])
{
    program_hash(tmpl->program, ret_hash);
}

/* ---- the template as the service shows it again ---- */

static void capitalise_type(json_t *declaration)
{
    static const char *const types[] = {"Array",        "Bool",         "Int",    "Object",
                                        "SecureObject", "SecureString", "String", NULL};
    const char *type = roll_json_get_string(declaration, "type");
    for (int i = 0; type && types[i]; i++) {
        if (g_ascii_strcasecmp(types[i], type) == 0) {
            json_object_set_new(declaration, "type", json_string(types[i]));
            return;
        }
    }
}

json_t *roll_template_normal(const struct roll_template *tmpl)
{
    static const char *const sections[] = {"parameters", "outputs"};
    json_t *root = normal_order(tmpl->program->root);
    for (size_t i = 0; i < G_N_ELEMENTS(sections); i++) {
        const char *name;
        json_t *declaration;
        /* These were made anew by the ordering, so the template itself stays as it was. */
        json_object_foreach (json_object_get(root, sections[i]), name, declaration)
            capitalise_type(declaration);
    }
    return root;
}
