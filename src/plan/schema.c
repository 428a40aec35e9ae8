/* The checker: interprets the keywords of JSON Schema 2020-12 that plans/plan.schema.json uses, and
 * no others.
 *
 * One table names each keyword, what it does and where its sub-schemas stand; a test walks the
 * schema by the same table and fails on a keyword that is not in it. A `title` is how a message
 * calls what was expected. */
#include "plan/schema.h"

#include <string.h>

#include "plan_schema_json.h"
#include "rollbook/text.h"

#define SHOWN_BYTES 60

struct roll_schema {
    json_t *root;         /* owned */
    GHashTable *keywords; /* name to const struct keyword * */
    GHashTable *patterns; /* text to GRegex * */
};

/* ---- keywords that combine others ----------------------------------------------------------- */

static void keyword_ref(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    json_t *target = roll_schema_resolve(check->schema->root, json_string_value(argument));
    g_assert(target);
    roll_check_value(check, target, value);
}

static void keyword_if(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    json_t *next =
        json_object_get(rules, roll_check_holds(check, argument, value) ? "then" : "else");
    if (next)
        roll_check_value(check, next, value);
}

/* The alternatives of this schema differ in what they require: naming them by title says more than
 * their findings. */
static void keyword_one_of(struct roll_check *check, json_t *rules, json_t *argument, json_t *value)
{
    (void)rules;
    g_autoptr(GString) titles = g_string_new(NULL);
    size_t holding = 0;
    size_t at;
    json_t *branch;
    json_array_foreach (argument, at, branch) {
        holding += roll_check_holds(check, branch, value) ? 1 : 0;
        const char *title = roll_json_get_string(branch, "title");
        g_string_append_printf(titles, "%s%s", at ? ", " : "", title ? title : "another form");
    }
    if (holding != 1)
        roll_check_fail(check, "expected exactly one of %s, found %s", titles->str,
                        holding ? "more" : "none");
}

/* ---- the table ------------------------------------------------------------------------------ */

enum placement { NOTHING, ONE, LIST, MAP }; /* where sub-schemas stand in the keyword's value */

struct keyword {
    const char *name;
    roll_keyword_fn fn; /* NULL: says nothing about a value, or is read by another keyword */
    enum placement placement;
};

static const struct keyword keywords[] = {
    {"$ref", keyword_ref, NOTHING},
    {"type", roll_keyword_type, NOTHING},
    {"enum", roll_keyword_enum, NOTHING},
    {"const", roll_keyword_const, NOTHING},
    {"pattern", roll_keyword_pattern, NOTHING},
    {"format", roll_keyword_format, NOTHING},
    {"minimum", roll_keyword_minimum, NOTHING},
    {"maximum", roll_keyword_maximum, NOTHING},
    {"minLength", roll_keyword_min_length, NOTHING},
    {"maxLength", roll_keyword_max_length, NOTHING},
    {"properties", roll_keyword_properties, MAP},
    {"additionalProperties", roll_keyword_additional, ONE},
    {"propertyNames", roll_keyword_property_names, ONE},
    {"required", roll_keyword_required, NOTHING},
    {"dependentRequired", roll_keyword_dependent_required, NOTHING},
    {"minProperties", roll_keyword_min_properties, NOTHING},
    {"maxProperties", roll_keyword_max_properties, NOTHING},
    {"items", roll_keyword_items, ONE},
    {"minItems", roll_keyword_min_items, NOTHING},
    {"uniqueItems", roll_keyword_unique_items, NOTHING},
    {"oneOf", keyword_one_of, LIST},
    {"if", keyword_if, ONE},
    {"then", NULL, ONE},
    {"else", NULL, ONE},
    {"$defs", NULL, MAP},
    {"$schema", NULL, NOTHING},
    {"title", NULL, NOTHING},
    {"description", NULL, NOTHING},
    {"default", NULL, NOTHING},
    {"examples", NULL, NOTHING},
    {"writeOnly", NULL, NOTHING}, /* the value is shown in no message */
};

/* ---- one schema ----------------------------------------------------------------------------- */

struct roll_schema *roll_schema_of(json_t *value)
{
    struct roll_schema *schema = g_new0(struct roll_schema, 1);
    schema->root = json_incref(value);
    schema->keywords = g_hash_table_new(g_str_hash, g_str_equal);
    /* keys are borrowed from the table and the schema; a GHashTable wants them without const */
    for (size_t at = 0; at < G_N_ELEMENTS(keywords); at++)
        g_hash_table_insert(schema->keywords, (gpointer)(uintptr_t)keywords[at].name,
                            (gpointer)(uintptr_t)&keywords[at]);
    schema->patterns =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)g_regex_unref);
    return schema;
}

struct roll_schema *roll_schema_new(void)
{
    size_t size;
    const char *text = roll_plan_schema(&size);
    roll_auto(json) json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (!value)
        g_error("an embedded schema cannot be read");
    return roll_schema_of(value);
}

void roll_schema_free(struct roll_schema *schema)
{
    if (!schema)
        return;
    g_hash_table_unref(schema->patterns);
    g_hash_table_unref(schema->keywords);
    json_decref(schema->root);
    g_free(schema);
}

const char *roll_plan_schema(size_t *ret_size)
{
    if (ret_size)
        *ret_size = plan_schema_json_size;
    return (const char *)plan_schema_json;
}

GRegex *roll_schema_pattern(struct roll_schema *schema, const char *pattern)
{
    GRegex *regex = g_hash_table_lookup(schema->patterns, pattern);
    if (!regex) {
        regex = g_regex_new(pattern, G_REGEX_DOLLAR_ENDONLY, 0, NULL);
        g_assert(regex);
        g_hash_table_insert(schema->patterns, g_strdup(pattern), regex);
    }
    return regex;
}

json_t *roll_schema_resolve(json_t *root, const char *ref)
{
    if (!ref || !g_str_has_prefix(ref, "#/"))
        return NULL;
    g_auto(GStrv) segments = g_strsplit(ref + 2, "/", -1);
    json_t *found = root;
    for (char **segment = segments; found && *segment; segment++)
        found = json_object_get(found, *segment);
    return found;
}

/* ---- one check ------------------------------------------------------------------------------ */

void roll_check_value(struct roll_check *check, json_t *rules, json_t *value)
{
    if (json_is_false(rules))
        roll_check_fail(check, "nothing is expected here");
    const char *name;
    json_t *argument;
    json_object_foreach (rules, name, argument) {
        const struct keyword *keyword = g_hash_table_lookup(check->schema->keywords, name);
        if (keyword && keyword->fn)
            keyword->fn(check, rules, argument, value);
    }
}

bool roll_check_holds(struct roll_check *check, json_t *rules, json_t *value)
{
    struct roll_check trial = {check->schema, NULL, 0, check->pointer};
    roll_check_value(&trial, rules, value);
    return trial.failures == 0;
}

void roll_check_member(struct roll_check *check, json_t *rules, const char *name, json_t *value)
{
    gsize size = check->pointer->len;
    roll_pointer_append(check->pointer, name);
    roll_check_value(check, rules, value);
    g_string_truncate(check->pointer, size);
}

void roll_check_element(struct roll_check *check, json_t *rules, size_t index, json_t *value)
{
    gsize size = check->pointer->len;
    g_string_append_printf(check->pointer, "/%zu", index);
    roll_check_value(check, rules, value);
    g_string_truncate(check->pointer, size);
}

void roll_check_fail(struct roll_check *check, const char *format, ...)
{
    check->failures++;
    if (!check->findings)
        return;
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    roll_findings_add(check->findings, check->pointer->str, "%s", text);
}

static void show_value(json_t *value, GString *out)
{
    if (json_is_object(value) || json_is_array(value)) {
        g_string_append(out, json_is_object(value) ? "an object" : "a list");
        return;
    }
    g_autoptr(GString) text = g_string_new(NULL);
    if (json_is_string(value))
        g_string_append_len(text, json_string_value(value), (gssize)json_string_length(value));
    else
        roll_json_write(value, text);
    g_string_append(out, json_is_string(value) ? "'" : "");
    gsize shown = text->len;
    if (shown > SHOWN_BYTES)
        shown = (gsize)(g_utf8_find_prev_char(text->str, text->str + SHOWN_BYTES + 1) - text->str);
    roll_text_safe(text->str, shown, false, out);
    g_string_append(out, shown < text->len ? "…" : "");
    g_string_append(out, json_is_string(value) ? "'" : "");
}

void roll_check_expected(struct roll_check *check, json_t *rules, const char *otherwise,
                         json_t *value)
{
    const char *title = roll_json_get_string(rules, "title");
    g_autoptr(GString) shown = g_string_new(NULL);
    if (json_is_true(json_object_get(rules, "writeOnly")))
        g_string_append(shown, "what stands here (not shown: it may be a secret)");
    else if (check->findings)
        show_value(value, shown);
    roll_check_fail(check, "expected %s, not %s", title ? title : otherwise, shown->str);
}

void roll_schema_check(struct roll_schema *schema, const char *ref, json_t *value,
                       struct roll_findings *findings)
{
    g_autoptr(GString) pointer = g_string_new(NULL);
    struct roll_check check = {schema, findings, 0, pointer};
    json_t *rules = ref ? roll_schema_resolve(schema->root, ref) : schema->root;
    g_assert(rules);
    roll_check_value(&check, rules, value);
}

/* ---- what the checker would pass over ------------------------------------------------------- */

const char **roll_schema_keywords(void)
{
    const char **names = g_new0(const char *, G_N_ELEMENTS(keywords) + 1);
    size_t count = 0;
    for (size_t at = 0; at < G_N_ELEMENTS(keywords); at++)
        if (keywords[at].fn)
            names[count++] = keywords[at].name;
    return names;
}

static const struct keyword *find_keyword(const char *name)
{
    for (size_t at = 0; at < G_N_ELEMENTS(keywords); at++)
        if (strcmp(keywords[at].name, name) == 0)
            return &keywords[at];
    return NULL;
}

static void walk(json_t *root, json_t *rules, GString *pointer, GString *out);

static void walk_below(json_t *root, enum placement placement, json_t *argument, GString *pointer,
                       GString *out)
{
    gsize size = pointer->len;
    const char *name;
    size_t at;
    json_t *rules;
    if (placement == ONE)
        walk(root, argument, pointer, out);
    if (placement == MAP)
        json_object_foreach (argument, name, rules) {
            roll_pointer_append(pointer, name);
            walk(root, rules, pointer, out);
            g_string_truncate(pointer, size);
        }
    if (placement == LIST)
        json_array_foreach (argument, at, rules) {
            g_string_append_printf(pointer, "/%zu", at);
            walk(root, rules, pointer, out);
            g_string_truncate(pointer, size);
        }
}

static bool interpreted(json_t *root, const char *name, json_t *argument)
{
    const char *text = json_string_value(argument);
    if (strcmp(name, "$ref") == 0)
        return roll_schema_resolve(root, text) != NULL;
    if (strcmp(name, "type") == 0)
        return text && roll_keyword_type_known(text);
    if (strcmp(name, "format") == 0)
        return text && roll_keyword_format_known(text);
    return find_keyword(name) != NULL;
}

static void walk(json_t *root, json_t *rules, GString *pointer, GString *out)
{
    gsize size = pointer->len;
    const char *name;
    json_t *argument;
    json_object_foreach (rules, name, argument) {
        roll_pointer_append(pointer, name);
        if (!interpreted(root, name, argument))
            g_string_append_printf(out, "%s\n", pointer->str);
        else
            walk_below(root, find_keyword(name)->placement, argument, pointer, out);
        g_string_truncate(pointer, size);
    }
}

void roll_schema_unknown(json_t *schema, GString *out)
{
    g_autoptr(GString) pointer = g_string_new(NULL);
    walk(schema, schema, pointer, out);
}
