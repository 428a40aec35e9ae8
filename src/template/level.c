/* The resources of one deployment: instances with names, ids and conditions (reference 10, 11, 16
 * step 4). */
#include "expand.h"

static void free_array(gpointer array)
{
    g_array_free(array, TRUE);
}

struct level *level_new(struct work *work, struct env *env, const struct program *program,
                        const struct scope *scope)
{
    struct level *level = arena_alloc(work->arena, sizeof(*level));
    work->made += 4096; /* with its maps; the instances ask whether it is too much */
    level->work = work;
    level->env = env;
    level->program = program;
    level->scope = *scope;
    level->instances = g_ptr_array_new();
    level->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    level->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_array);
    level->by_loop = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_array);
    g_ptr_array_add(work->levels_made, level);
    return level;
}

void level_free(struct level *level)
{
    for (guint i = 0; i < level->instances->len; i++) {
        struct instance *instance = level->instances->pdata[i];
        if (instance->depends)
            g_array_free(instance->depends, TRUE);
        if (instance->refers)
            g_array_free(instance->refers, TRUE);
        json_decref(instance->body);
    }
    g_ptr_array_free(level->instances, TRUE);
    g_hash_table_unref(level->by_id);
    g_hash_table_unref(level->by_name);
    g_hash_table_unref(level->by_loop);
}

struct instance *level_at(const struct level *level, unsigned index)
{
    return level->instances->pdata[index];
}

/* ---- errors ---- */

void instance_where(const struct level *level, const struct resource *resource, int *ret_line,
                    int *ret_column)
{
    const struct roll_template *file = level->program->file;
    *ret_line = 0;
    *ret_column = 0;
    if (file)
        roll_json_where(file->original->str, file->original->len, ROLL_JSON_ARM, resource->pointer,
                        ret_line, ret_column);
}

struct roll_error *instance_error(struct level *level, const struct resource *resource,
                                  json_t *name, struct roll_error *err)
{
    int line = 0;
    int column = 0;
    if (err->detail)
        return err; /* of a parameter, a variable or a nested deployment: it has its place */
    instance_where(level, resource, &line, &column);
    g_autofree char *label =
        name ? value_label(name) : g_strdup(resource->symbol ? resource->symbol : resource->type);
    if (!g_str_has_prefix(err->message, "The template resource '"))
        err = template_rephrase(
            err, "The template resource '%s' at line '%d' and column '%d' is not valid: %s", label,
            line, column, err->message);
    return trail_finish(&level->work->trail, err, level->program->file, resource->pointer);
}

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
static struct roll_error *eval_text(const struct eval *eval, const struct node *node,
                                    const char *key, json_t **ret_value)
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

static void map_index(struct level *level, GHashTable *map, const char *name, unsigned index)
{
    GArray *indexes = g_hash_table_lookup(map, name);
    if (!indexes) {
        indexes = g_array_new(FALSE, FALSE, sizeof(unsigned));
        g_hash_table_insert(map, arena_text(level->work->arena, name, strlen(name)), indexes);
    }
    g_array_append_val(indexes, index);
}

static void map_loop(struct level *level, const char *name, unsigned index)
{
    map_index(level, level->by_loop, name, index);
}

static void map_name(struct level *level, const char *name, unsigned index)
{
    g_autofree char *lower = g_ascii_strdown(name, -1);
    map_index(level, level->by_name, lower, index);
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

/* ---- instances ---- */

void instance_eval(struct instance *instance, enum place place, struct eval *eval)
{
    *eval = (struct eval){.work = instance->level->work,
                          .env = instance->level->env,
                          .frame = instance->frame,
                          .place = place,
                          .instance = instance};
}

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

static struct roll_error *identify(struct instance *instance, const struct instance *parent)
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

static struct roll_error *plan_resource(struct level *level, const struct resource *resource,
                                        const struct frame *frame, const struct instance *parent)
    ROLL_CHECKED;

static struct roll_error *plan_instance(struct level *level, const struct resource *resource,
                                        const struct frame *frame, const struct instance *parent,
                                        unsigned *ret_index)
{
    struct instance *instance = arena_alloc(level->work->arena, sizeof(*instance));
    instance->resource = resource;
    instance->level = level;
    instance->frame = frame;
    ROLL_TRY(work_make(level->work, sizeof(*instance) + 1024));
    if (level->instances->len >= MAX_RESOURCES)
        return template_error("The number of template resources limit exceeded. Limit: '%d' and "
                              "actual: more. Please see "
                              "https://aka.ms/arm-template/#resource-limits for usage details.",
                              MAX_RESOURCES);
    struct roll_error *err = identify(instance, parent);
    if (err)
        return instance_error(level, resource, instance->name, err);
    *ret_index = instance->number;
    for (unsigned i = 0; i < resource->child_count; i++)
        ROLL_TRY(plan_resource(level, &resource->children[i], frame, instance));
    return NULL;
}

/* The loop's name in lower case: what dependsOn and copyIndex say; it may be an expression. */
static struct roll_error *loop_name(const struct eval *eval, const struct resource *resource,
                                    const char **ret_name)
{
    json_t *name = NULL;
    if (!resource->copy->name)
        return trail_key(&eval->work->trail,
                         template_error("The 'copy' of the resource has no name."), "copy");
    ROLL_TRY(trail_key(&eval->work->trail, eval_text(eval, resource->copy->name, "name", &name),
                       "copy"));
    if (is_marker(name))
        return template_error(
            "The name of a 'copy' loop must be known before the deployment starts.");
    *ret_name = json_string_value(name);
    return NULL;
}

static struct roll_error *check_batches(const struct eval *eval, const struct copy *copy,
                                        json_int_t count)
{
    roll_auto(json) json_t *size = NULL;
    roll_auto(json) json_t *mode = NULL;
    if (copy->mode)
        ROLL_TRY(eval_identity(eval, copy->mode, &mode));
    const char *word = json_string_value(mode);
    if (mode && !is_marker(mode) && !json_is_null(mode) &&
        (!word ||
         (g_ascii_strcasecmp(word, "serial") != 0 && g_ascii_strcasecmp(word, "parallel") != 0)))
        return template_error("The template 'copy' definition has an invalid 'mode' '%.100s': it "
                              "must be 'serial' or 'parallel'.",
                              word ? word : type_word(mode));
    if (!copy->batch_size)
        return NULL;
    ROLL_TRY(eval_identity(eval, copy->batch_size, &size));
    if (is_marker(size) || (json_is_integer(size) && json_integer_value(size) >= 1 &&
                            (json_integer_value(size) <= count || count == 0)))
        return NULL;
    return template_error("The template 'copy' definition has an invalid 'batchSize': it must be "
                          "an integer between 1 and "
                          "the copy count.");
}

static struct roll_error *read_loop(struct level *level, const struct resource *resource,
                                    const struct frame *frame, const char **ret_name,
                                    json_int_t *ret_count)
{
    struct eval eval = {
        .work = level->work, .env = level->env, .frame = frame, .place = PLACE_IDENTITY};
    ROLL_TRY(loop_name(&eval, resource, ret_name));
    ROLL_TRY(
        trail_key(&level->work->trail, eval_copy_count(&eval, resource->copy, ret_count), "copy"));
    if (*ret_count < 0) {
        level->work->postponed = true;
        return template_error(
            "The count of the 'copy' loop '%s' must be known before the deployment starts.",
            *ret_name);
    }
    return check_batches(&eval, resource->copy, *ret_count);
}

static struct roll_error *plan_loop(struct level *level, const struct resource *resource,
                                    const struct frame *outer)
{
    const char *name = NULL;
    json_int_t count = 0;
    struct roll_error *err = read_loop(level, resource, outer, &name, &count);
    if (err)
        return instance_error(level, resource, NULL, err);
    g_autofree char *lower = g_ascii_strdown(name, -1);
    for (json_int_t i = 0; i < count; i++) {
        struct frame *frame = arena_alloc(level->work->arena, sizeof(*frame));
        unsigned index = 0;
        *frame = (struct frame){.kind = FRAME_RESOURCE, .name = name, .index = i, .outer = outer};
        ROLL_TRY(plan_instance(level, resource, frame, NULL, &index));
        map_loop(level, resource->symbol ? resource->symbol : lower, index);
        if (resource->symbol && strcmp(resource->symbol, lower) != 0)
            map_loop(level, lower, index);
    }
    if (count == 0 &&
        !g_hash_table_contains(level->by_loop, resource->symbol ? resource->symbol : lower)) {
        const char *key = resource->symbol ? resource->symbol : lower;
        g_hash_table_insert(level->by_loop, arena_text(level->work->arena, key, strlen(key)),
                            g_array_new(FALSE, FALSE, sizeof(unsigned)));
    }
    return NULL;
}

static struct roll_error *plan_resource(struct level *level, const struct resource *resource,
                                        const struct frame *frame, const struct instance *parent)
{
    unsigned index = 0;
    if (resource->copy)
        return plan_loop(level, resource, frame);
    ROLL_TRY(plan_instance(level, resource, frame, parent, &index));
    if (resource->symbol)
        map_loop(level, resource->symbol, index);
    return NULL;
}

struct roll_error *level_plan(struct level *level)
{
    if (level->planned)
        return NULL;
    level->planned = true;
    for (size_t i = 0; i < level->program->resource_count; i++)
        ROLL_TRY(plan_resource(level, &level->program->resources[i], level->frame, NULL));
    return NULL;
}
