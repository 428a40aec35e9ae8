/* Which resource an instance is: condition, name, type, scope, id, and the maps that find it
 * (reference 10.1, 17.9). */
#include "expand.h"

/* ---- names ---- */

static unsigned count_slashes(const char *text)
{
    unsigned count = 0;
    for (; *text; text++)
        count += *text == '/';
    return count;
}

static struct roll_error *segment_error(struct level *level, const struct resource *resource,
                                        const char *type, const char *name)
{
    int line = 0;
    int column = 0;
    instance_where(level, resource, &line, &column);
    return template_error("The template resource '%s' for type '%s' at line '%d' and column '%d' "
                          "has incorrect segment "
                          "lengths. A nested resource type must have identical number of segments "
                          "as its resource name. A "
                          "root resource type must have segment length one greater than its "
                          "resource name. Please see "
                          "https://aka.ms/arm-syntax-resources for usage details.",
                          name, type, line, column);
}

static struct roll_error *type_error(const struct node *node, const json_t *value)
{
    const char *text = json_is_string(node->value) ? json_string_value(node->value) : "";
    return template_error("Evaluation result of language expression '%.500s' is type '%s', "
                          "expected type is 'String'.",
                          text, type_word(value));
}

/* A member that must be a text; unknown ones stay markers. */
struct roll_error *eval_text(const struct eval *eval, const struct node *node, const char *key,
                             json_t **ret_value)
{
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(trail_key(&eval->work->trail, eval_identity(eval, node, &value), key));
    if (!json_is_string(value) && !is_marker(value))
        return trail_key(&eval->work->trail, type_error(node, value), key);
    *ret_value = arena_keep(eval->work->arena, g_steal_pointer(&value));
    return NULL;
}

/* A child gives the last segments only, unless its type names a provider of its own. */
static bool is_relative(const struct instance *parent, const struct resource *resource)
{
    return parent && !strchr(resource->type, '.');
}

static struct roll_error *name_instance(const struct eval *eval, struct instance *instance,
                                        const struct instance *parent)
{
    struct work *work = eval->work;
    const struct resource *resource = instance->resource;
    json_t *own = NULL;
    instance->type = resource->type;
    if (!resource->name)
        return NULL;
    ROLL_TRY(eval_text(eval, resource->name, "name", &own));
    if (json_is_string(own) && !*json_string_value(own))
        return trail_key(&work->trail,
                         template_error("The name property cannot be null or empty. Please see "
                                        "https://aka.ms/arm-syntax-resources for usage details."),
                         "name");
    instance->name = own;
    instance->own_name = own;
    bool relative = is_relative(parent, resource);
    if (json_is_string(own) &&
        count_slashes(resource->type) != count_slashes(json_string_value(own)) + (relative ? 0 : 1))
        return segment_error(instance->level, resource, resource->type, json_string_value(own));
    if (!relative)
        return NULL;
    g_autofree char *type = g_strconcat(parent->type, "/", resource->type, NULL);
    instance->type = arena_text(work->arena, type, strlen(type));
    struct pieces *name = pieces_new(work);
    pieces_value(name, parent->name);
    pieces_text(name, "/");
    pieces_value(name, own);
    instance->name = arena_keep(work->arena, pieces_end(name));
    return NULL;
}

/* ---- ids ---- */

/* What an extension resource, or a resource elsewhere, hangs on. */
static void pieces_scope_member(struct pieces *pieces, const struct level *level, json_t *scope)
{
    const char *text = json_is_string(scope) ? json_string_value(scope) : NULL;
    if (!text) {
        pieces_value(pieces, scope);
        return;
    }
    g_autofree char *trimmed = g_strdup(text);
    while (g_str_has_suffix(trimmed, "/"))
        trimmed[strlen(trimmed) - 1] = '\0';
    if (*trimmed == '/' || *trimmed == '\0') {
        pieces_text(pieces, trimmed);
        return;
    }
    if (g_ascii_strncasecmp(trimmed, "Microsoft.Management/managementGroups/", 38) != 0)
        pieces_scope(pieces, &level->scope);
    pieces_text(pieces, "/providers/");
    pieces_text(pieces, trimmed);
}

/* Types that live above subscriptions, wherever they are deployed from. */
static bool is_tenant_type(const char *type)
{
    return g_ascii_strcasecmp(type, "Microsoft.Management/managementGroups") == 0 ||
           g_ascii_strncasecmp(type, "Microsoft.Management/managementGroups/", 38) == 0 ||
           g_ascii_strcasecmp(type, "Microsoft.Subscription/aliases") == 0;
}

static json_t *make_id(struct instance *instance)
{
    const struct level *level = instance->level;
    struct pieces *pieces = pieces_new(level->work);
    const char *symbol = instance->resource->symbol;
    if (!instance->name) { /* of another resource provider than ARM's */
        pieces_text(pieces, symbol ? symbol : instance->type);
        return pieces_end(pieces);
    }
    bool subscription =
        level->scope.kind == ROLL_SCOPE_SUBSCRIPTION || level->scope.kind == ROLL_SCOPE_GROUP;
    if (subscription &&
        g_ascii_strcasecmp(instance->type, "Microsoft.Resources/resourceGroups") == 0) {
        struct scope scope = level->scope;
        scope.kind = ROLL_SCOPE_SUBSCRIPTION;
        pieces_scope(pieces, &scope);
        pieces_text(pieces, "/resourceGroups/");
        pieces_value(pieces, instance->name);
        return pieces_end(pieces);
    }
    if (instance->resource->deployment)
        pieces_scope(pieces, &instance->target);
    else if (instance->scope)
        pieces_scope_member(pieces, level, instance->scope);
    else if (!is_tenant_type(instance->type))
        pieces_scope(pieces, &level->scope);
    pieces_resource(pieces, instance->type, instance->name);
    return pieces_end(pieces);
}

static struct roll_error *duplicate_error(struct instance *instance)
{
    int line = 0;
    int column = 0;
    g_autofree char *name = value_label(instance->name ? instance->name : instance->id);
    instance_where(instance->level, instance->resource, &line, &column);
    return template_error("The resource '%s/%s' at line '%d' and column '%d' is defined multiple "
                          "times in a template. "
                          "Please see https://aka.ms/arm-syntax-resources for usage details.",
                          instance->type, name, line, column);
}

void level_map(struct level *level, GHashTable *map, const char *name, unsigned index)
{
    GArray *indexes = g_hash_table_lookup(map, name);
    if (!indexes) {
        indexes = g_array_new(FALSE, FALSE, sizeof(unsigned));
        g_hash_table_insert(map, arena_text(level->work->arena, name, strlen(name)), indexes);
    }
    g_array_append_val(indexes, index);
}

static void map_name(struct level *level, const char *name, unsigned index)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    level_map(level, level->by_name, lower, index);
}

/* Enters the instance into the maps; a second one with the same id is an error. */
static struct roll_error *enter_instance(struct level *level, struct instance *instance)
{
    instance->id = arena_keep(level->work->arena, make_id(instance));
    g_autofree char *text = value_label(instance->id);
    g_autofree char *label = fold_id(text);
    level->named += strlen(label);
    if (level->named > MAX_TEXT) /* names are copied many times before the whole is measured */
        return roll_error_new(ROLL_E_TEMPLATE, "the expanded template is larger than '%u' bytes",
                              MAX_TEXT);
    instance->label = arena_text(level->work->arena, label, strlen(label));
    unsigned number = level->instances->len + 1;
    unsigned other = GPOINTER_TO_UINT(g_hash_table_lookup(level->by_id, instance->label));
    level->vague = level->vague || is_marker(instance->id);
    bool clash =
        other && !instance->off && !level_at(level, other - 1)->off && !is_marker(instance->id);
    if (clash && !instance->resource->existing && !level_at(level, other - 1)->resource->existing)
        return duplicate_error(instance);
    if (!other || !instance->off)
        g_hash_table_insert(level->by_id, (gpointer)(uintptr_t)instance->label,
                            GUINT_TO_POINTER(number));
    instance->number = level->instances->len;
    if (json_is_string(instance->name))
        map_name(level, json_string_value(instance->name), instance->number);
    if (json_is_string(instance->own_name) && instance->own_name != instance->name)
        map_name(level, json_string_value(instance->own_name), instance->number);
    g_ptr_array_add(level->instances, instance);
    return NULL;
}

/* ---- the whole ---- */

static struct roll_error *read_condition(const struct eval *eval, struct instance *instance)
{
    const struct node *node = instance->resource->condition;
    roll_auto(json) json_t *value = NULL;
    if (!node)
        return NULL;
    ROLL_TRY(trail_key(&eval->work->trail, eval_identity(eval, node, &value), "condition"));
    if (is_marker(value)) {
        instance->condition = value; /* lives in the arena */
        return NULL;
    }
    if (!json_is_boolean(value)) {
        const char *text =
            json_is_string(node->value) ? json_string_value(node->value) : "condition";
        return trail_key(
            &eval->work->trail,
            template_error(
                "The condition '%.500s' is of type '%s', expected type is 'Boolean'. Please see "
                "https://aka.ms/arm-syntax-resources for usage details.",
                text, type_word(value)),
            "condition");
    }
    instance->off = json_is_false(value);
    return NULL;
}

/* Templates with symbolic names need deployments that know them (reference 2.1). */
static struct roll_error *read_api_version(const struct eval *eval, struct instance *instance)
{
    const struct resource *resource = instance->resource;
    struct trail *trail = &eval->work->trail;
    if (!resource->api_version)
        return NULL;
    ROLL_TRY(eval_text(eval, resource->api_version, "apiVersion", &instance->api_version));
    const char *version = json_string_value(instance->api_version);
    if (!version || resource->foreign)
        return NULL;
    if (!api_version_is_well_formed(version))
        return trail_key(trail, template_error(BAD_API_VERSION, version), "apiVersion");
    if (resource->deployment && instance->level->program->symbolic &&
        strcmp(version, "2020-09-01") < 0)
        return trail_key(trail,
                         template_error("The apiVersion '%s' of the nested deployment is too old: "
                                        "templates with symbolic names need '2020-09-01' or later.",
                                        version),
                         "apiVersion");
    return NULL;
}

static struct roll_error *read_identity(const struct eval *eval, struct instance *instance,
                                        const struct instance *parent)
{
    const struct resource *resource = instance->resource;
    ROLL_TRY(name_instance(eval, instance, parent));
    ROLL_TRY(read_api_version(eval, instance));
    if (resource->scope)
        ROLL_TRY(eval_text(eval, resource->scope, "scope", &instance->scope));
    return resource->deployment ? instance_target(instance, eval) : NULL;
}

struct roll_error *instance_identify(struct instance *instance, const struct instance *parent)
{
    struct eval eval;
    instance_eval(instance, PLACE_IDENTITY, &eval);
    instance->target = instance->level->scope;
    ROLL_TRY(read_condition(&eval, instance));
    struct roll_error *err = read_identity(&eval, instance, parent);
    if (err && instance->off) {
        /* What is not deployed may have a name that only makes sense when it is; others may still
         * name it. */
        roll_error_free(err);
        g_string_truncate(eval.work->trail.pointer, 0);
        instance->level->vague = true;
        err = NULL;
    }
    ROLL_TRY(err);
    return enter_instance(instance->level, instance);
}
