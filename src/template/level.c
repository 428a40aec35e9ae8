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

/* ---- instances ---- */

void instance_eval(struct instance *instance, enum place place, struct eval *eval)
{
    *eval = (struct eval){.work = instance->level->work,
                          .env = instance->level->env,
                          .frame = instance->frame,
                          .place = place,
                          .instance = instance};
}

static void map_loop(struct level *level, const char *name, unsigned index)
{
    level_map(level, level->by_loop, name, index);
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
    struct roll_error *err = instance_identify(instance, parent);
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
