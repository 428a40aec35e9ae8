/* Differences of two expansions, resource by resource and property by property. As in ARM, names of
 * members, ids and locations are the same whatever their case (reference 3). */
#include "expand.h"

#define MAX_PATH_DEPTH 128

/* ---- flat lists of resources ---- */

static const json_t *nested_resources(const json_t *resource)
{
    const json_t *nested = json_object_get(json_object_get(resource, "properties"), "template");
    const json_t *resources = json_object_get(nested, "resources");
    return json_is_array(resources) ? resources : NULL;
}

/* id in lower case, with a number when several deployments have the same resource → resource. */
static void flatten(const json_t *resources, unsigned depth, GHashTable *flat)
{
    size_t index;
    json_t *resource;
    json_array_foreach (resources, index, resource) {
        const char *id = roll_json_get_string(resource, "id");
        const json_t *nested = nested_resources(resource);
        if (nested && depth < MAX_LEVELS) {
            flatten(nested, depth + 1, flat); /* the deployment is only how they come to be */
            continue;
        }
        g_autofree char *label = fold_id(id ? id : "");
        g_autofree char *key = g_strdup(label);
        for (unsigned again = 2; g_hash_table_contains(flat, key); again++) {
            g_free(key);
            key = g_strdup_printf("%s#%u", label, again);
        }
        g_hash_table_insert(flat, g_steal_pointer(&key), resource);
    }
}

/* ---- properties ---- */

struct comparison {
    json_t *changes; /* borrowed */
    GString *path;
    unsigned depth;
    struct work *work;
};

static void add_change(struct comparison *comparison, const char *change, json_t *before,
                       json_t *after)
{
    json_t *entry = json_object();
    object_put(entry, "path", json_text(comparison->path->str));
    object_put(entry, "change", json_text(change));
    if (before)
        object_put(entry, "before", json_incref(before));
    if (after)
        object_put(entry, "after", json_incref(after));
    json_array_append_new(comparison->changes, entry);
}

static struct roll_error *compare_values(struct comparison *comparison, json_t *before,
                                         json_t *after) ROLL_CHECKED;

static struct roll_error *compare_part(struct comparison *comparison, const char *part,
                                       bool bracket, json_t *before, json_t *after)
{
    gsize length = comparison->path->len;
    struct roll_error *err = NULL;
    if (bracket)
        g_string_append_printf(comparison->path, "[%s]", part);
    else
        g_string_append_printf(comparison->path, "%s%s", length > 0 ? "." : "", part);
    if (!before || !after)
        add_change(comparison, before ? "delete" : "create", before, after);
    else
        err = compare_values(comparison, before, after);
    g_string_truncate(comparison->path, length);
    return err;
}

/* The other object's member of that name; of names that differ by case alone, the same spelling. */
static json_t *counterpart(const json_t *object, const char *key, const json_t *other)
{
    const char *spelling = object_key(other, key);
    if (!spelling || strcmp(spelling, key) == 0)
        return spelling ? json_object_get(other, spelling) : NULL;
    return json_object_get(object, spelling) ? NULL : json_object_get(other, spelling);
}

static struct roll_error *compare_objects(struct comparison *comparison, json_t *before,
                                          json_t *after)
{
    const char *key;
    json_t *value;
    json_object_foreach (before, key, value)
        ROLL_TRY(compare_part(comparison, key, false, value, counterpart(before, key, after)));
    json_object_foreach (after, key, value)
        if (!counterpart(after, key, before))
            ROLL_TRY(compare_part(comparison, key, false, NULL, value));
    return NULL;
}

/* name → element when all elements have a name and no two the same; else NULL. */
static GHashTable *by_name(const json_t *array)
{
    size_t index;
    json_t *element;
    g_autoptr(GHashTable) names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_array_foreach (array, index, element) {
        const char *name = roll_json_get_string(element, "name");
        if (!name || !g_hash_table_insert(names, g_ascii_strdown(name, -1), element))
            return NULL;
    }
    return g_steal_pointer(&names);
}

static struct roll_error *compare_sets(struct comparison *comparison, json_t *before,
                                       GHashTable *names_before, json_t *after,
                                       GHashTable *names_after)
{
    size_t index;
    json_t *element;
    json_array_foreach (before, index, element) {
        const char *name = roll_json_get_string(element, "name");
        g_autofree char *lower = g_ascii_strdown(name, -1);
        ROLL_TRY(
            compare_part(comparison, name, true, element, g_hash_table_lookup(names_after, lower)));
    }
    json_array_foreach (after, index, element) {
        const char *name = roll_json_get_string(element, "name");
        g_autofree char *lower = g_ascii_strdown(name, -1);
        if (!g_hash_table_contains(names_before, lower))
            ROLL_TRY(compare_part(comparison, name, true, NULL, element));
    }
    return NULL;
}

static struct roll_error *compare_arrays(struct comparison *comparison, json_t *before,
                                         json_t *after)
{
    g_autoptr(GHashTable) names_before = by_name(before);
    g_autoptr(GHashTable) names_after = by_name(after);
    if (names_before && names_after)
        return compare_sets(comparison, before, names_before, after, names_after);
    size_t count = MAX(json_array_size(before), json_array_size(after));
    for (size_t i = 0; i < count; i++) {
        char number[32];
        g_snprintf(number, sizeof(number), "%zu", i);
        ROLL_TRY(compare_part(comparison, number, true, json_array_get(before, i),
                              json_array_get(after, i)));
    }
    return NULL;
}

/* "West Europe" is westeurope. */
static char *plain_location(const json_t *location)
{
    g_autoptr(GString) plain = g_string_new(NULL);
    for (const char *at = json_string_value(location); *at; at++)
        if (*at != ' ')
            g_string_append_c(plain, g_ascii_tolower(*at));
    return g_strdup(plain->str);
}

static bool is_same_place(const struct comparison *comparison, const json_t *before,
                          const json_t *after)
{
    if (!json_is_string(before) || !json_is_string(after) ||
        g_ascii_strcasecmp(comparison->path->str, "location") != 0)
        return false;
    g_autofree char *left = plain_location(before);
    g_autofree char *right = plain_location(after);
    return strcmp(left, right) == 0;
}

static struct roll_error *compare_values(struct comparison *comparison, json_t *before,
                                         json_t *after)
{
    bool equal = false;
    if (comparison->depth > MAX_PATH_DEPTH)
        return roll_error_new(ROLL_E_LIMIT, "the resources nest deeper than '%d' levels",
                              MAX_PATH_DEPTH);
    comparison->depth++;
    struct roll_error *err = NULL;
    if (json_is_object(before) && json_is_object(after))
        err = compare_objects(comparison, before, after);
    else if (json_is_array(before) && json_is_array(after))
        err = compare_arrays(comparison, before, after);
    else
        err = value_equal(comparison->work, before, after, &equal);
    equal = equal || is_same_place(comparison, before, after);
    bool same_kind = (json_is_object(before) && json_is_object(after)) ||
                     (json_is_array(before) && json_is_array(after));
    if (!err && !same_kind && !equal)
        add_change(comparison, "modify", before, after);
    comparison->depth--;
    return err;
}

/* What identifies a resource, and the order of deployment, are no properties of it. */
static json_t *comparable(const json_t *resource)
{
    static const char *const apart[] = {"id", "type", "name", "dependsOn"};
    json_t *copy = object_copy(resource);
    for (size_t i = 0; i < G_N_ELEMENTS(apart); i++)
        json_object_del(copy, apart[i]);
    return copy;
}

static struct roll_error *compare_resource(struct work *work, const json_t *before,
                                           const json_t *after, json_t *properties)
{
    g_autoptr(GString) path = g_string_new(NULL);
    struct comparison comparison = {.changes = properties, .path = path, .work = work};
    roll_auto(json) json_t *left = comparable(before);
    roll_auto(json) json_t *right = comparable(after);
    work->fuel = MAX_FUEL;
    return compare_values(&comparison, left, right);
}

/* ---- the whole ---- */

/* whole: what is created or deleted, named by `after` or `before`; or NULL. */
static void add_resource(json_t *changes, const char *change, const json_t *resource,
                         json_t *properties, const char *whole)
{
    static const char *const shown[] = {"id", "type", "name"};
    json_t *entry = json_object();
    object_put(entry, "change", json_text(change));
    for (size_t i = 0; i < G_N_ELEMENTS(shown); i++) {
        json_t *value = json_object_get(resource, shown[i]);
        if (value)
            object_put(entry, shown[i], json_incref(value));
    }
    object_put(entry, "properties", properties);
    if (whole)
        object_put(entry, whole, comparable(resource));
    json_array_append_new(changes, entry);
}

static struct roll_error *compare_one(struct work *work, const json_t *before, const json_t *after,
                                      json_t *changes)
{
    roll_auto(json) json_t *properties = json_array();
    if (!before || !after) {
        add_resource(changes, before ? "delete" : "create", before ? before : after,
                     g_steal_pointer(&properties), before ? "before" : "after");
        return NULL;
    }
    ROLL_TRY(compare_resource(work, before, after, properties));
    if (json_array_size(properties) > 0)
        add_resource(changes, "modify", after, g_steal_pointer(&properties), NULL);
    return NULL;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static struct roll_error *compare_all(struct work *work, const json_t *before, const json_t *after,
                                      json_t *changes)
{
    g_autoptr(GHashTable) old = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) new = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) keys = g_ptr_array_new();
    GHashTableIter iter;
    gpointer key;
    flatten(before, 0, old);
    flatten(after, 0, new);
    g_hash_table_iter_init(&iter, old);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        g_ptr_array_add(keys, key);
    g_hash_table_iter_init(&iter, new);
    while (g_hash_table_iter_next(&iter, &key, NULL))
        if (!g_hash_table_contains(old, key))
            g_ptr_array_add(keys, key);
    g_ptr_array_sort(keys, compare_keys);
    for (guint i = 0; i < keys->len; i++)
        ROLL_TRY(compare_one(work, g_hash_table_lookup(old, keys->pdata[i]),
                             g_hash_table_lookup(new, keys->pdata[i]), changes));
    return NULL;
}

struct roll_error *roll_template_compare(const json_t *before, const json_t *after,
                                         json_t **ret_changes)
{
    roll_auto(json) json_t *changes = json_array();
    struct work *work = work_new(NULL);
    struct roll_error *err = compare_all(work, before, after, changes);
    work_free(work);
    if (!err)
        *ret_changes = g_steal_pointer(&changes);
    return err;
}
