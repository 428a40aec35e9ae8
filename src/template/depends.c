/* dependsOn, what reference() adds to it, and cycles (reference 12). */
#include "expand.h"

/* Ns/a/b/x/y (types, then names) as Ns/a/x/b/y; NULL when the count does not fit. */
static char *interleave(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "/", -1);
    guint count = g_strv_length(parts);
    if (count < 3 || count % 2 == 0)
        return NULL;
    GString *out = g_string_new(parts[0]);
    for (guint i = 0; i < count / 2; i++)
        g_string_append_printf(out, "/%s/%s", parts[1 + i], parts[1 + count / 2 + i]);
    return g_string_free(out, FALSE);
}

static struct instance *find_id(const struct level *level, const char *id)
{
    g_autofree char *label = fold_id(id);
    unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(level->by_id, label));
    return number ? level_at(level, number - 1) : NULL;
}

/* Ns/type/name, relative to where the template goes. */
static struct instance *find_relative(struct level *level, const char *text)
{
    roll_auto(json) json_t *prefix = scope_id(level->work, &level->scope);
    if (!json_is_string(prefix))
        return NULL;
    g_autofree char *id = g_strconcat(json_string_value(prefix), "/providers/", text, NULL);
    struct instance *found = find_id(level, id);
    g_autofree char *other = found ? NULL : interleave(text);
    if (!other)
        return found;
    g_autofree char *second = g_strconcat(json_string_value(prefix), "/providers/", other, NULL);
    return find_id(level, second);
}

/* name[3]: one instance of a loop. */
static struct instance *find_symbol(struct level *level, const char *text)
{
    const char *bracket = strchr(text, '[');
    g_autofree char *symbol = bracket ? g_strndup(text, (gsize)(bracket - text)) : g_strdup(text);
    GArray *indexes = g_hash_table_lookup(level->by_loop, symbol);
    gint64 index = 0;
    if (!indexes)
        return NULL;
    if (bracket) {
        g_autofree char *digits = g_strndup(bracket + 1, strcspn(bracket + 1, "]"));
        if (!g_ascii_string_to_signed(digits, 10, 0, MAX_COPY, &index, NULL))
            return NULL;
    } else if (indexes->len != 1) {
        return NULL;
    }
    return index < indexes->len ? level_at(level, g_array_index(indexes, unsigned, index)) : NULL;
}

/* All that have the name, or NULL. Borrowed. */
static GArray *instances_named(const struct level *level, const char *text)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);
    return g_hash_table_lookup(level->by_name, lower);
}

struct instance *level_find(struct level *level, const char *text)
{
    struct instance *found = level->program->symbolic ? find_symbol(level, text) : NULL;
    if (found)
        return found;
    if (*text == '/')
        return find_id(level, text);
    GArray *named = level->program->symbolic ? NULL : instances_named(level, text);
    for (guint i = 0; named && i < named->len; i++) {
        found = level_at(level, g_array_index(named, unsigned, i));
        if (!found->off)
            break; /* of several with the name, one that is deployed */
    }
    return found ? found : find_relative(level, text);
}

void instance_refer(const struct eval *eval, struct instance *found)
{
    struct instance *from = eval->instance;
    while (from && from->level != found->level)
        from = from->level->owner;
    if (!from || from == found || found->off)
        return;
    if (!from->refers)
        from->refers = g_array_new(FALSE, FALSE, sizeof(unsigned));
    g_array_append_val(from->refers, found->number);
}

/* ---- dependsOn ---- */

static struct roll_error *undefined_error(const char *text)
{
    const char *shown = strstr(text, "/providers/");
    return template_error("The resource '%.500s' is not defined in the template. Please see "
                          "https://aka.ms/arm-syntax-resources for usage details.",
                          shown ? shown + strlen("/providers/") : text);
}

static void add_dependency(struct instance *instance, unsigned index)
{
    if (level_at(instance->level, index)->off)
        return;
    if (instance->level->stamps[index] == instance->number + 1)
        return; /* named twice */
    instance->level->stamps[index] = instance->number + 1;
    g_array_append_val(instance->depends, index);
}

/* A name that several resources have means those before this one, or, if there are none, those
 * behind it. */
static bool add_named(struct instance *instance, const char *text)
{
    GArray *named =
        instance->level->program->symbolic ? NULL : instances_named(instance->level, text);
    bool any_before = false;
    for (guint i = 0; named && i < named->len; i++)
        any_before = any_before || g_array_index(named, unsigned, i) < instance->number;
    for (guint i = 0; named && i < named->len; i++) {
        unsigned index = g_array_index(named, unsigned, i);
        if (named->len == 1 || index < instance->number ||
            (!any_before && index != instance->number))
            add_dependency(instance, index);
    }
    return named != NULL;
}

static struct roll_error *resolve_dependency(struct instance *instance, const char *text)
{
    struct level *level = instance->level;
    g_autofree char *lower = g_ascii_strdown(text, -1);
    GArray *loop = g_hash_table_lookup(level->by_loop, level->program->symbolic ? text : lower);
    for (guint i = 0; loop && i < loop->len; i++)
        add_dependency(instance, g_array_index(loop, unsigned, i));
    if (loop || add_named(instance, text))
        return NULL;
    struct instance *found = level_find(level, text);
    if (found)
        add_dependency(instance, found->number);
    return found || level->vague ? NULL : undefined_error(text);
}

static struct roll_error *read_element(const struct eval *eval, struct instance *instance,
                                       const struct node *node)
{
    roll_auto(json) json_t *value = NULL;
    eval->work->loose_id = false;
    struct roll_error *err = eval_identity(eval, node, &value);
    if (err && eval->work->loose_id) {
        /* A deployed sample has resourceId(type, 'prefix', copyIndex(2)) here and nowhere else: ARM
         * lets it pass. */
        roll_error_free(err);
        return NULL;
    }
    ROLL_TRY(err);
    if (is_marker(value))
        return NULL; /* only a run can tell */
    if (!json_is_string(value))
        return template_error("The elements of 'dependsOn' must be strings: one is of type '%s'.",
                              type_word(value));
    return resolve_dependency(instance, json_string_value(value));
}

static struct roll_error *read_depends(const struct eval *eval, struct instance *instance)
{
    const struct node *node = instance->resource->depends_on;
    size_t index;
    json_t *element;
    if (node->kind == NODE_ARRAY) {
        for (unsigned i = 0; i < node->count; i++)
            ROLL_TRY(
                trail_index(&eval->work->trail, read_element(eval, instance, node->items[i]), i));
        return NULL;
    }
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(eval_identity(eval, node, &value));
    if (is_marker(value))
        return NULL;
    if (!json_is_array(value))
        return template_error(
            "The value of 'dependsOn' must be an array of strings: it is of type '%s'.",
            type_word(value));
    json_array_foreach (value, index, element) {
        if (is_marker(element))
            continue;
        if (!json_is_string(element))
            return template_error(
                "The elements of 'dependsOn' must be strings: one is of type '%s'.",
                type_word(element));
        ROLL_TRY(resolve_dependency(instance, json_string_value(element)));
    }
    return NULL;
}

struct roll_error *level_depends(struct level *level)
{
    level->stamps = arena_alloc(level->work->arena, (level->instances->len + 1) * sizeof(unsigned));
    for (unsigned i = 0; i < level->instances->len; i++) {
        struct instance *instance = level_at(level, i);
        struct eval eval;
        instance->depends =
            instance->depends ? instance->depends : g_array_new(FALSE, FALSE, sizeof(unsigned));
        if (!instance->resource->depends_on || instance->off)
            continue;
        instance_eval(instance, PLACE_IDENTITY, &eval);
        struct roll_error *err =
            trail_key(&level->work->trail, read_depends(&eval, instance), "dependsOn");
        if (err && g_str_has_prefix(err->message, "The resource '"))
            return trail_finish(&level->work->trail, err, level->program->file,
                                instance->resource->pointer);
        if (err)
            return instance_error(level, instance->resource, instance->name, err);
    }
    return NULL;
}

/* ---- cycles ---- */

enum color { WHITE, GREY, BLACK };

static struct roll_error *visit(struct level *level, unsigned index, unsigned char *colors)
    ROLL_CHECKED;

static struct roll_error *visit_all(struct level *level, const GArray *indexes,
                                    unsigned char *colors)
{
    for (guint i = 0; indexes && i < indexes->len; i++)
        ROLL_TRY(visit(level, g_array_index(indexes, unsigned, i), colors));
    return NULL;
}

static struct roll_error *visit(struct level *level, unsigned index, unsigned char *colors)
{
    struct instance *instance = level_at(level, index);
    if (colors[index] == BLACK)
        return NULL;
    if (colors[index] == GREY) {
        g_autofree char *id = value_label(instance->id);
        return template_error("Circular dependency detected on resource: '%s'. Please see "
                              "https://aka.ms/arm-syntax-resources for usage details.",
                              id);
    }
    colors[index] = GREY;
    ROLL_TRY(visit_all(level, instance->depends, colors));
    ROLL_TRY(visit_all(level, instance->refers, colors));
    colors[index] = BLACK;
    return NULL;
}

struct roll_error *level_cycles(struct level *level)
{
    g_autofree unsigned char *colors = g_malloc0(level->instances->len + 1);
    for (unsigned i = 0; i < level->instances->len; i++) {
        struct roll_error *err = visit(level, i, colors);
        if (err)
            return trail_finish(&level->work->trail, err, level->program->file,
                                level_at(level, i)->resource->pointer);
    }
    return NULL;
}
