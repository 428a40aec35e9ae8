/* Nested deployments: where they go, and their expansion when something asks for it (reference 13,
 * 15). */
#include "expand.h"

/* ---- the target ---- */

static json_t *keep_part(struct work *work, const char *text, size_t size)
{
    return arena_keep(work->arena, json_stringn_nocheck(text, size));
}

/* /subscriptions/s[/resourceGroups/g], a management group, or / for the tenant. */
static void target_from_scope(struct work *work, const char *text, struct scope *scope)
{
    static const char group_prefix[] = "Microsoft.Management/managementGroups/";
    g_auto(GStrv) parts = g_strsplit(*text == '/' ? text + 1 : text, "/", -1);
    guint count = g_strv_length(parts);
    if (g_ascii_strncasecmp(text, group_prefix, strlen(group_prefix)) == 0) {
        scope->kind = ROLL_SCOPE_MANAGEMENT_GROUP;
        scope->management_group =
            keep_part(work, text + strlen(group_prefix), strlen(text + strlen(group_prefix)));
    } else if (count >= 4 && g_ascii_strcasecmp(parts[0], "providers") == 0 &&
               g_ascii_strcasecmp(parts[2], "managementGroups") == 0) {
        scope->kind = ROLL_SCOPE_MANAGEMENT_GROUP;
        scope->management_group = keep_part(work, parts[3], strlen(parts[3]));
    } else if (count >= 4 && g_ascii_strcasecmp(parts[2], "resourceGroups") == 0) {
        scope->kind = ROLL_SCOPE_GROUP;
        scope->subscription = keep_part(work, parts[1], strlen(parts[1]));
        scope->group = keep_part(work, parts[3], strlen(parts[3]));
    } else if (count >= 2 && g_ascii_strcasecmp(parts[0], "subscriptions") == 0) {
        scope->kind = ROLL_SCOPE_SUBSCRIPTION;
        scope->subscription = keep_part(work, parts[1], strlen(parts[1]));
    } else {
        scope->kind = ROLL_SCOPE_TENANT;
    }
}

static bool same_text(const json_t *a, const json_t *b)
{
    return json_is_string(a) && json_is_string(b) &&
           g_ascii_strcasecmp(json_string_value(a), json_string_value(b)) == 0;
}

static bool same_group(const struct scope *a, const struct scope *b)
{
    return a->kind == ROLL_SCOPE_GROUP && b->kind == ROLL_SCOPE_GROUP &&
           same_text(a->group, b->group) && same_text(a->subscription, b->subscription);
}

/* The location of a group that a template around this one declares; NULL when none does. */
static struct roll_error *declared_location(const struct level *level, const struct scope *target,
                                            json_t **ret_location)
{
    roll_auto(json) json_t *id = scope_id(level->work, target);
    if (!json_is_string(id))
        return NULL;
    g_autofree char *label = fold_id(json_string_value(id));
    for (; level; level = level->owner ? level->owner->level : NULL) {
        unsigned number = GPOINTER_TO_UINT(g_hash_table_lookup(level->by_id, label));
        struct instance *group = number ? level_at(level, number - 1) : NULL;
        struct eval eval;
        json_t *location = NULL;
        if (!group || !group->resource->location)
            continue;
        instance_eval(group, PLACE_MEMBER, &eval);
        ROLL_TRY(eval_identity(&eval, group->resource->location, &location));
        *ret_location = arena_keep(level->work->arena, location);
        return NULL;
    }
    return NULL;
}

static struct roll_error *read_text(const struct eval *eval, const struct node *node,
                                    const char *key, json_t **ret_value)
{
    roll_auto(json) json_t *value = NULL;
    *ret_value = NULL;
    if (!node)
        return NULL;
    ROLL_TRY(trail_key(&eval->work->trail, eval_identity(eval, node, &value), key));
    if (json_is_null(value))
        return NULL;
    if (!json_is_string(value) && !is_marker(value))
        return trail_key(
            &eval->work->trail,
            template_error(
                "The '%s' of a nested deployment is of type '%s', expected type is 'String'.", key,
                type_word(value)),
            key);
    *ret_value = arena_keep(eval->work->arena, g_steal_pointer(&value));
    return NULL;
}

/* Recorded: what is asked of the name of any deployment, ARM asks of a nested one too. */
static struct roll_error *check_name(struct instance *instance)
{
    const char *name = json_string_value(instance->name);
    if (!name)
        return NULL;
    size_t length = utf16_length(name, strlen(name));
    if (length > MAX_DEPLOYMENT_NAME)
        return trail_key(
            &instance->level->work->trail,
            template_error("The deployment name '%.200s' has exceeded the length limit of '%d'.",
                           name, MAX_DEPLOYMENT_NAME),
            "name");
    for (const char *at = name; *at; at++)
        if (!g_ascii_isalnum(*at) && !strchr("-_.()", *at))
            return trail_key(&instance->level->work->trail,
                             template_error("The deployment name '%s' contains invalid "
                                            "characters: only letters, digits, '-', '_', '.', "
                                            "'(' and ')' are allowed.",
                                            name),
                             "name");
    return NULL;
}

struct roll_error *instance_mode(const struct instance *instance, const json_t *properties)
{
    const json_t *mode = object_get(properties, "mode");
    const char *text = json_string_value(mode);
    if (!mode || is_marker(mode) || (text && g_ascii_strcasecmp(text, "Incremental") == 0))
        return NULL;
    bool complete = text && g_ascii_strcasecmp(text, "Complete") == 0;
    struct trail *trail = &instance->level->work->trail;
    struct roll_error *err =
        complete ? template_error("Specified deployment mode 'Complete' is not supported for "
                                  "nested deployment: only templates at the root can use it.")
                 : template_error("The deployment mode '%.100s' is not valid: a nested deployment "
                                  "has the mode 'Incremental'.",
                                  text ? text : type_word(mode));
    return trail_key(trail, trail_key(trail, err, "mode"), "properties");
}

struct roll_error *instance_target(struct instance *instance, const struct eval *eval)
{
    const struct resource *resource = instance->resource;
    const struct level *level = instance->level;
    struct scope *target = &instance->target;
    json_t *group = NULL;
    json_t *subscription = NULL;
    *target = level->scope;
    if (!resource->existing)
        ROLL_TRY(check_name(instance));
    ROLL_TRY(read_text(eval, resource->resource_group, "resourceGroup", &group));
    ROLL_TRY(read_text(eval, resource->subscription_id, "subscriptionId", &subscription));
    if (json_is_string(instance->scope))
        target_from_scope(eval->work, json_string_value(instance->scope), target);
    if (subscription) {
        target->subscription = subscription;
        target->kind = ROLL_SCOPE_SUBSCRIPTION;
    }
    if (group) {
        target->group = group;
        target->kind = ROLL_SCOPE_GROUP;
    }
    target->name = instance->name;
    if (!same_text(target->subscription, level->scope.subscription))
        target->subscription_name = NULL;
    return NULL;
}

/* The group's or the record's location is asked for late: it may be that of a resource of this
 * template. */
static struct roll_error *locate(struct instance *instance)
{
    struct scope *target = &instance->target;
    const struct scope *own = &instance->level->scope;
    struct eval eval;
    if (same_group(target, own))
        return NULL;
    target->location = NULL;
    target->group_tags = NULL;
    if (target->kind == ROLL_SCOPE_GROUP)
        return declared_location(instance->level, target, &target->location);
    instance_eval(instance, PLACE_MEMBER, &eval);
    ROLL_TRY(read_text(&eval, instance->resource->location, "location", &target->location));
    if (!target->location)
        return template_error("The 'location' property must be specified for '%.100s'. Please see "
                              "https://aka.ms/deploy-to-subscription for usage details.",
                              json_is_string(instance->name) ? json_string_value(instance->name)
                                                             : "");
    return NULL;
}

/* ---- linked templates ---- */

/* The template that a deployment deploys, and where it comes from. */
struct linked {
    const struct program *program; /* NULL: not at hand */
    const char *uri;               /* NULL unless it was linked by one */
    const char *path;              /* from the root's folder; NULL: the root itself */
};

static void free_file(gpointer file) /* NULL: was not at hand */
{
    roll_template_free(file);
}

/* Where the file lies relative to the one that links it; NULL when only the uri says it. */
static const char *relative_part(const char *uri)
{
    if (!g_str_has_prefix(uri, RELATIVE_BASE))
        return NULL;
    uri += strlen(RELATIVE_BASE);
    return g_str_has_prefix(uri, "template.json/") ? uri + strlen("template.json/") : uri;
}

static char *without_query(const char *path)
{
    char *plain = g_strndup(path, strcspn(path, "?#"));
    return plain;
}

/* From the root's folder: what a file links stands beside that file. */
static char *path_from_root(const struct env *env, const char *path)
{
    g_autofree char *folder = env->link_path ? g_path_get_dirname(env->link_path) : NULL;
    bool same = !folder || strcmp(folder, ".") == 0;
    return same ? g_strdup(path) : g_build_filename(folder, path, NULL);
}

/* Each file is read once, however many deployments link it. *ret_file NULL: not at hand. */
static struct roll_error *load_file(const struct instance *instance, const char *path,
                                    const char *uri, const struct roll_template **ret_file)
{
    struct work *work = instance->level->work;
    const struct roll_template_linker *linker = work->input->linker;
    const char *key = uri ? uri : path;
    gpointer known = NULL;
    struct roll_template *file = NULL;
    if (!work->links)
        work->links = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_file);
    if (!g_hash_table_lookup_extended(work->links, key, NULL, &known)) {
        ROLL_TRY(linker->load(linker->user, instance->level->program->file, path, uri, &file));
        g_hash_table_insert(work->links, g_strdup(key), file);
        known = file;
        if (file)
            ROLL_TRY(work_hold(work, template_bytes(file)));
    }
    *ret_file = known;
    return NULL;
}

static struct roll_error *load_link(struct instance *instance, const json_t *link,
                                    struct linked *ret_linked)
{
    struct arena *arena = instance->level->work->arena;
    const json_t *uri = object_get(link, "uri");
    const json_t *relative = object_get(link, "relativePath");
    const char *uri_text = json_string_value(uri);
    const struct roll_template *file = NULL;
    g_autofree char *path = NULL;
    if (!instance->level->work->input->linker || (!uri_text && !json_is_string(relative)))
        return NULL;
    if (uri_text && relative_part(uri_text)) {
        path = without_query(relative_part(uri_text));
        uri_text = NULL;
    } else if (!uri_text) {
        path = path_from_root(instance->level->env, json_string_value(relative));
    }
    ROLL_TRY(load_file(instance, path, uri_text, &file));
    if (!file)
        return NULL;
    const json_t *version = object_get(link, "contentVersion");
    if (json_is_string(version) &&
        strcmp(json_string_value(version), file->program->content_version) != 0)
        return template_error(
            "The template link asks for the contentVersion '%.100s', the template "
            "has '%.100s'.",
            json_string_value(version), file->program->content_version);
    ret_linked->program = file->program;
    ret_linked->uri = uri_text ? arena_text(arena, uri_text, strlen(uri_text)) : NULL;
    ret_linked->path = path ? arena_text(arena, path, strlen(path)) : NULL;
    return NULL;
}

static struct roll_error *find_program(struct instance *instance, struct linked *ret_linked)
{
    struct eval eval;
    roll_auto(json) json_t *link = NULL;
    *ret_linked = (struct linked){.program = instance->resource->nested,
                                  .path = instance->level->env->link_path};
    if (ret_linked->program || !instance->resource->nested_link)
        return NULL;
    instance_eval(instance, PLACE_BODY, &eval);
    ROLL_TRY(eval_identity(&eval, instance->resource->nested_link, &link));
    return is_marker(link) ? NULL : load_link(instance, link, ret_linked);
}

/* ---- expansion ---- */

static struct roll_error *eval_given(struct instance *instance)
{
    struct eval eval;
    json_t *given = NULL;
    if (!instance->resource->nested_parameters)
        return NULL;
    instance_eval(instance, PLACE_BODY, &eval);
    ROLL_TRY(eval_node(&eval, instance->resource->nested_parameters, &given));
    instance->nested_given = arena_keep(instance->level->work->arena, given);
    return NULL;
}

/* Values that come by link, or as an expression that only a run evaluates. */
static bool parameters_are_unknown(const struct instance *instance)
{
    const struct resource *resource = instance->resource;
    for (unsigned i = 0; i < resource->property_count; i++)
        if (g_ascii_strcasecmp(resource->properties[i].key, "parametersLink") == 0)
            return true;
    return is_marker(instance->nested_given);
}

static struct roll_error *expand_inner(struct instance *instance, const struct linked *linked)
{
    const struct program *program = linked->program;
    struct work *work = instance->level->work;
    struct env *env = env_new(work, program, &instance->target);
    struct level *level = level_new(work, env, program, &instance->target);
    env->outer_env = instance->level->env;
    env->template_uri = linked->uri;
    env->link_path = linked->path;
    env->given = json_is_object(instance->nested_given) ? instance->nested_given : NULL;
    env->given_unknown = parameters_are_unknown(instance);
    env->level = level;
    level->owner = instance;
    level->depth = instance->level->depth + 1;
    instance->nested = level;
    instance->nested_env = env;
    ROLL_TRY(env_bind(env));
    ROLL_TRY(env_variables(env));
    ROLL_TRY(level_expand(level));
    return env_outputs(env, program, NULL, NULL, &instance->nested_outputs);
}

static struct roll_error *expand_outer(struct instance *instance, const struct program *program)
{
    struct work *work = instance->level->work;
    struct level *level = level_new(work, instance->level->env, program, &instance->target);
    level->owner = instance;
    level->depth = instance->level->depth + 1;
    level->frame = instance->frame;
    instance->nested = level;
    instance->nested_env = level->env;
    ROLL_TRY(level_expand(level));
    return env_outputs(level->env, program, instance->frame, instance, &instance->nested_outputs);
}

static struct roll_error *expand(struct instance *instance)
{
    struct linked linked = {0};
    ROLL_TRY(locate(instance));
    ROLL_TRY(eval_given(instance));
    ROLL_TRY(find_program(instance, &linked));
    const struct program *program = linked.program;
    if (!program)
        return NULL;
    if (instance->level->depth >= MAX_LEVELS)
        return template_error("Deployments nest deeper than '%d' levels.", MAX_LEVELS);
    bool inner = instance->resource->inner || program != instance->resource->nested;
    struct roll_error *err =
        inner ? expand_inner(instance, &linked) : expand_outer(instance, program);
    if (err && instance->level->work->postponed) {
        /* How many resources there are depends on another deployment's result: it stays a leaf. */
        roll_error_free(err);
        instance->level->work->postponed = false;
        instance->level->work->complete = false;
        instance->nested = NULL;
        return NULL;
    }
    ROLL_TRY(err);
    arena_keep(instance->level->work->arena, instance->nested_outputs);
    return NULL;
}

struct roll_error *instance_nested(struct instance *instance)
{
    if (instance->nested_done)
        return NULL;
    if (instance->expanding) {
        g_autofree char *id = value_label(instance->id);
        return template_error("Circular dependency detected on resource: '%s'. Please see "
                              "https://aka.ms/arm-syntax-resources for usage details.",
                              id);
    }
    instance->expanding = true;
    struct roll_error *err = expand(instance);
    instance->expanding = false;
    instance->nested_done = !err;
    if (err)
        return instance_error(instance->level, instance->resource, instance->name, err);
    return NULL;
}
