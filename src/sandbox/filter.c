/* $filter of lists of groups and resources: terms joined by `and`, each `PROPERTY eq|ne 'TEXT'`,
 * `substringof('TEXT', PROPERTY)` or `startswith(tagName, 'TEXT')`. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/list.h"

enum term_kind { TERM_EQUAL, TERM_DIFFERENT, TERM_PART, TERM_START };

struct term {
    enum term_kind kind;
    char *property;
    char *text;
};

struct sandbox_filter {
    GArray *terms; /* of struct term */
};

static void term_clear(void *data)
{
    struct term *term = data;
    g_free(term->property);
    g_free(term->text);
}

void sandbox_filter_free(struct sandbox_filter *filter)
{
    if (!filter)
        return;
    g_array_unref(filter->terms);
    g_free(filter);
}

/* ---- reading ---- */

static void skip_blanks(const char **at)
{
    while (**at == ' ')
        (*at)++;
}

static bool take(const char **at, char c)
{
    skip_blanks(at);
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* Letters and slashes: identity/principalId. */
char *sandbox_filter_name(const char **at)
{
    skip_blanks(at);
    const char *start = *at;
    while (g_ascii_isalpha(**at) || **at == '/')
        (*at)++;
    return *at > start ? g_strndup(start, (gsize)(*at - start)) : NULL;
}

/* In single quotes, two of them for one. */
char *sandbox_filter_text(const char **at)
{
    if (!take(at, '\''))
        return NULL;
    GString *text = g_string_new(NULL);
    for (const char *c = *at; *c; c++) {
        if (*c == '\'' && c[1] != '\'') {
            *at = c + 1;
            return g_string_free(text, FALSE);
        }
        if (*c == '\'')
            c++;
        g_string_append_c(text, *c);
    }
    g_string_free(text, TRUE);
    return NULL;
}

static bool read_call(const char **at, struct term *term, enum term_kind kind)
{
    term->kind = kind;
    if (!take(at, '('))
        return false;
    if (kind == TERM_PART)
        return (term->text = sandbox_filter_text(at)) && take(at, ',') &&
               (term->property = sandbox_filter_name(at)) && take(at, ')');
    return (term->property = sandbox_filter_name(at)) && take(at, ',') &&
           (term->text = sandbox_filter_text(at)) && take(at, ')');
}

static bool read_term(const char **at, struct term *term)
{
    g_autofree char *first = sandbox_filter_name(at);
    if (!first)
        return false;
    if (g_ascii_strcasecmp(first, "substringof") == 0)
        return read_call(at, term, TERM_PART);
    if (g_ascii_strcasecmp(first, "startswith") == 0)
        return read_call(at, term, TERM_START);
    g_autofree char *sign = sandbox_filter_name(at);
    if (!sign || (g_ascii_strcasecmp(sign, "eq") != 0 && g_ascii_strcasecmp(sign, "ne") != 0))
        return false;
    term->kind = g_ascii_strcasecmp(sign, "eq") == 0 ? TERM_EQUAL : TERM_DIFFERENT;
    term->property = g_steal_pointer(&first);
    term->text = sandbox_filter_text(at);
    return term->text != NULL;
}

static bool read_terms(const char *text, GArray *terms)
{
    for (const char *at = text;;) {
        struct term term = {0};
        bool good = read_term(&at, &term);
        g_array_append_val(terms, term);
        if (!good)
            return false;
        skip_blanks(&at);
        if (!*at)
            return true;
        g_autofree char *join = sandbox_filter_name(&at);
        if (!join || g_ascii_strcasecmp(join, "and") != 0)
            return false;
    }
}

/* ---- what resources have ---- */

static bool is(const char *property, const char *name)
{
    return g_ascii_strcasecmp(property, name) == 0;
}

static const char *below(const json_t *body, const char *outer, const char *inner)
{
    return json_string_value(roll_json_get_nocase(roll_json_get_nocase(body, outer), inner));
}

static const struct property {
    const char *name;
    const char *outer, *inner; /* where it stands in the body; NULL: not there */
} properties[] = {
    {"resourceType", NULL, NULL},
    {"name", NULL, NULL},
    {"resourceGroup", NULL, NULL},
    {"location", NULL, NULL},
    {"tagName", NULL, NULL},
    {"tagValue", NULL, NULL},
    {"identity", "identity", "type"},
    {"identity/principalId", "identity", "principalId"},
    {"plan", "plan", "name"},
    {"plan/name", "plan", "name"},
    {"plan/publisher", "plan", "publisher"},
    {"plan/product", "plan", "product"},
    {"plan/version", "plan", "version"},
    {"plan/promotionCode", "plan", "promotionCode"},
};

static const struct property *find_property(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(properties); i++) {
        if (is(properties[i].name, name))
            return &properties[i];
    }
    return NULL;
}

static const char *value_of(const char *property, const struct sandbox_resource *resource,
                            const struct sandbox_id *id)
{
    const struct property *known = find_property(property);
    if (known->outer)
        return below(resource->body, known->outer, known->inner);
    if (is(property, "resourceType"))
        return resource->type;
    if (is(property, "name"))
        return id->name;
    if (is(property, "resourceGroup"))
        return id->scope.group;
    return roll_json_get_string(resource->body, "location");
}

static bool contains(const char *text, const char *part)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    g_autofree char *lower_part = g_ascii_strdown(part, -1);
    return strstr(lower, lower_part) != NULL;
}

static bool term_allows(const struct term *term, const struct sandbox_resource *resource,
                        const struct sandbox_id *id)
{
    const char *have = value_of(term->property, resource, id);
    bool equal = have && g_ascii_strcasecmp(have, term->text) == 0;
    switch (term->kind) {
    case TERM_EQUAL:
        return equal;
    case TERM_DIFFERENT:
        return !equal;
    case TERM_PART:
        return have && contains(have, term->text);
    default:
        return have && g_ascii_strncasecmp(have, term->text, strlen(term->text)) == 0;
    }
}

static bool is_tag(const struct term *term)
{
    return is(term->property, "tagName") || is(term->property, "tagValue");
}

/* The terms about tags speak of one tag together. */
static bool tag_allows(const GArray *terms, const char *name, const json_t *value)
{
    for (guint i = 0; i < terms->len; i++) {
        const struct term *term = &g_array_index(terms, struct term, i);
        bool allowed = true;
        if (is(term->property, "tagValue"))
            allowed = g_strcmp0(json_string_value(value), term->text) == 0;
        else if (is_tag(term) && term->kind == TERM_START)
            allowed = g_ascii_strncasecmp(name, term->text, strlen(term->text)) == 0;
        else if (is_tag(term))
            allowed = g_ascii_strcasecmp(name, term->text) == 0;
        if (!allowed)
            return false;
    }
    return true;
}

bool sandbox_filter_is_by_tag(const struct sandbox_filter *filter)
{
    for (guint i = 0; filter && i < filter->terms->len; i++) {
        if (is_tag(&g_array_index(filter->terms, struct term, i)))
            return true;
    }
    return false;
}

bool sandbox_filter_allows(const struct sandbox_filter *filter,
                           const struct sandbox_resource *resource)
{
    struct sandbox_id id = {0};
    if (!filter)
        return true;
    bool allowed = sandbox_id_parse(resource->id, &id);
    for (guint i = 0; allowed && i < filter->terms->len; i++) {
        const struct term *term = &g_array_index(filter->terms, struct term, i);
        allowed = is_tag(term) || term_allows(term, resource, &id);
    }
    sandbox_id_clear(&id);
    if (!allowed || !sandbox_filter_is_by_tag(filter))
        return allowed;
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(resource->body, "tags"), name, value) {
        if (tag_allows(filter->terms, name, value))
            return true;
    }
    return false;
}

static bool check(const struct sandbox_filter *filter, const char *text,
                  struct sandbox_reply *reply)
{
    for (guint i = 0; i < filter->terms->len; i++) {
        const struct term *term = &g_array_index(filter->terms, struct term, i);
        if (find_property(term->property))
            continue;
        sandbox_reply_error(reply, 501, "NotImplemented",
                            "The sandbox does not filter by '%s', as in '%s'.", term->property,
                            text);
        return false;
    }
    return true;
}

bool sandbox_filter_read(const struct sandbox_request *request, struct sandbox_reply *reply,
                         struct sandbox_filter **ret_filter)
{
    const char *text = sandbox_query(request, "$filter");
    *ret_filter = NULL;
    if (!text || !*text)
        return true;
    roll_auto(sandbox_filter) struct sandbox_filter *filter = g_new0(struct sandbox_filter, 1);
    filter->terms = g_array_new(FALSE, FALSE, sizeof(struct term));
    g_array_set_clear_func(filter->terms, term_clear);
    if (!read_terms(text, filter->terms)) {
        sandbox_reply_error(reply, 400, "InvalidFilterInQueryString",
                            "Invalid $filter '%s' specified in the query string.", text);
        return false;
    }
    if (!check(filter, text, reply))
        return false;
    *ret_filter = g_steal_pointer(&filter);
    return true;
}
