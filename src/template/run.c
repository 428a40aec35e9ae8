/* A deployment as a server performs it: planned at once, then evaluated resource by resource
 * (reference 16). */
#include "expand.h"

struct roll_template_run {
    struct roll_template *tmpl;
    struct roll_template_input input;
    struct roll_template_runtime runtime;
    struct roll_template_linker linker;
    struct work *work;
    struct env *env;
    GPtrArray *order; /* struct instance, dependencies first */
    GPtrArray *needs; /* GArray of size_t, one for each */
    json_t *resources;
};

/* ---- what the run keeps of its input ---- */

static const char *keep_text(struct arena *arena, const char *text)
{
    return text ? arena_text(arena, text, strlen(text)) : NULL;
}

static const json_t *keep_value(struct arena *arena, const json_t *value)
{
    return value ? arena_keep(arena, json_incref((json_t *)(uintptr_t)value)) : NULL;
}

static void keep_input(struct roll_template_run *run, const struct roll_template_input *input)
{
    struct arena *arena = run->work->arena;
    struct roll_template_context *context = &run->input.context;
    run->input = *input;
    const char **const texts[] = {&context->tenant_id,
                                  &context->subscription_id,
                                  &context->subscription_name,
                                  &context->resource_group,
                                  &context->management_group,
                                  &context->location,
                                  &context->deployment_name,
                                  &context->utc_now,
                                  &context->guid_seed,
                                  &context->template_uri,
                                  &context->cloud};
    const json_t **const values[] = {&context->group_tags, &context->environment,
                                     &context->deployer, &context->providers,
                                     &run->input.parameters};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        *texts[i] = keep_text(arena, *texts[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++)
        *values[i] = keep_value(arena, *values[i]);
    if (input->runtime) {
        run->runtime = *input->runtime;
        run->input.runtime = &run->runtime;
    }
    if (input->linker) {
        run->linker = *input->linker;
        run->input.linker = &run->linker;
    }
    run->work->input = &run->input;
    run->work->utc_now = context->utc_now;
}

/* ---- order and needs ---- */

static bool is_deployed(const struct instance *instance)
{
    return !instance->off && !instance->resource->existing;
}

static void visit(struct roll_template_run *run, struct instance *instance, GHashTable *seen);

static void visit_all(struct roll_template_run *run, const struct level *level,
                      const GArray *indexes, GHashTable *seen)
{
    for (guint i = 0; indexes && i < indexes->len; i++)
        visit(run, level_at(level, g_array_index(indexes, unsigned, i)), seen);
}

static void visit(struct roll_template_run *run, struct instance *instance, GHashTable *seen)
{
    if (!g_hash_table_add(seen, instance))
        return;
    visit_all(run, instance->level, instance->depends, seen);
    visit_all(run, instance->level, instance->refers, seen);
    if (is_deployed(instance))
        g_ptr_array_add(run->order, instance);
}

/* positions: instance → place in the order + 1. `existing` resources are read: what they wait for
 * counts. */
static void collect(const struct instance *instance, GHashTable *positions, GHashTable *seen,
                    GArray *needs)
{
    const GArray *const lists[] = {instance->depends, instance->refers};
    for (size_t list = 0; list < G_N_ELEMENTS(lists); list++)
        for (guint i = 0; lists[list] && i < lists[list]->len; i++) {
            struct instance *other =
                level_at(instance->level, g_array_index(lists[list], unsigned, i));
            gpointer position = g_hash_table_lookup(positions, other);
            if (!g_hash_table_add(seen, other))
                continue;
            if (!position) {
                collect(other, positions, seen, needs);
                continue;
            }
            size_t index = GPOINTER_TO_SIZE(position) - 1;
            g_array_append_val(needs, index);
        }
}

/* A serial loop adds: batch k+1 waits for batch k. Dependencies stay those of the template. */
static struct roll_error *serial_batches(struct level *level)
{
    GHashTableIter iter;
    gpointer value;
    g_hash_table_iter_init(&iter, level->by_loop);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const GArray *loop = value;
        struct instance *first =
            loop->len > 0 ? level_at(level, g_array_index(loop, unsigned, 0)) : NULL;
        const struct copy *copy = first ? first->resource->copy : NULL;
        json_int_t batch = 1;
        if (!copy || !copy->mode)
            continue;
        struct eval eval;
        roll_auto(json) json_t *mode = NULL;
        roll_auto(json) json_t *size = NULL;
        instance_eval(first, PLACE_IDENTITY, &eval);
        ROLL_TRY(eval_identity(&eval, copy->mode, &mode));
        if (!json_is_string(mode) || g_ascii_strcasecmp(json_string_value(mode), "serial") != 0)
            continue;
        if (copy->batch_size)
            ROLL_TRY(eval_identity(&eval, copy->batch_size, &size));
        batch = json_is_integer(size) ? json_integer_value(size) : 1;
        for (guint i = (guint)batch; i < loop->len; i++) {
            struct instance *instance = level_at(level, g_array_index(loop, unsigned, i));
            guint start = (i / (guint)batch - 1) * (guint)batch;
            if (!instance->refers)
                instance->refers = g_array_new(FALSE, FALSE, sizeof(unsigned));
            for (guint earlier = start; earlier < start + (guint)batch; earlier++)
                g_array_append_val(instance->refers, g_array_index(loop, unsigned, earlier));
        }
    }
    return NULL;
}

static void put_in_order(struct roll_template_run *run)
{
    struct level *level = run->env->level;
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) positions = g_hash_table_new(NULL, NULL);
    for (unsigned i = 0; i < level->instances->len; i++)
        visit(run, level_at(level, i), seen);
    for (guint i = 0; i < run->order->len; i++)
        g_hash_table_insert(positions, run->order->pdata[i], GSIZE_TO_POINTER((gsize)i + 1));
    for (guint i = 0; i < run->order->len; i++) {
        g_autoptr(GHashTable) taken = g_hash_table_new(NULL, NULL);
        GArray *needs = g_array_new(FALSE, FALSE, sizeof(size_t));
        collect(run->order->pdata[i], positions, taken, needs);
        g_ptr_array_add(run->needs, needs);
    }
}

/* ---- planning ---- */

static struct roll_error *finish_resources(struct roll_template_run *run)
{
    size_t size = 0;
    run->resources = json_array();
    for (guint i = 0; i < run->order->len; i++) {
        const struct instance *instance = run->order->pdata[i];
        json_t *body = NULL;
        ROLL_TRY(value_finish(run->work, json_incref(instance->body), false, false, &size, &body));
        json_array_append_new(run->resources, body);
    }
    if (size > MAX_TEXT)
        return roll_error_new(ROLL_E_TEMPLATE, "the expanded template is larger than '%u' bytes",
                              MAX_TEXT);
    return NULL;
}

static struct roll_error *plan(struct roll_template_run *run)
{
    roll_auto(json) json_t *asserts = NULL;
    ROLL_TRY(template_scope_check(run->tmpl, &run->input));
    ROLL_TRY(env_for_input(run->work, run->tmpl, &run->env));
    ROLL_TRY(env_bind(run->env));
    ROLL_TRY(env_variables(run->env));
    ROLL_TRY(env_asserts(run->env, &asserts));
    ROLL_TRY(level_expand(run->env->level));
    ROLL_TRY(serial_batches(run->env->level));
    put_in_order(run);
    return finish_resources(run);
}

static void free_needs(gpointer needs)
{
    g_array_free(needs, TRUE);
}

struct roll_error *roll_template_run_new(const struct roll_template *tmpl,
                                         const struct roll_template_input *input,
                                         struct roll_template_run **ret_run)
{
    struct roll_template_run *run = g_new0(struct roll_template_run, 1);
    run->tmpl = roll_template_ref((struct roll_template *)(uintptr_t)tmpl);
    run->work = work_new(NULL);
    run->order = g_ptr_array_new();
    run->needs = g_ptr_array_new_with_free_func(free_needs);
    keep_input(run, input);
    struct roll_error *err = plan(run);
    if (err) {
        roll_template_run_free(run);
        return err;
    }
    *ret_run = run;
    return NULL;
}

void roll_template_run_free(struct roll_template_run *run)
{
    if (!run)
        return;
    json_decref(run->resources);
    g_ptr_array_free(run->order, TRUE);
    g_ptr_array_free(run->needs, TRUE);
    work_free(run->work);
    roll_template_free(run->tmpl);
    g_free(run);
}

const json_t *roll_template_run_resources(const struct roll_template_run *run)
{
    return run->resources;
}

GArray *roll_template_run_needs(const struct roll_template_run *run, size_t index)
{
    return run->needs->pdata[index];
}

json_t *roll_template_run_parameters(const struct roll_template_run *run)
{
    roll_auto(json) json_t *parameters = NULL;
    json_t *finished = NULL;
    size_t size = 0;
    struct roll_error *err = env_parameters(run->env, &parameters);
    if (!err)
        err = value_finish(run->work, g_steal_pointer(&parameters), false, false, &size, &finished);
    roll_error_free(err); /* they were evaluated when the run was made */
    return finished ? finished : json_object();
}

/* ---- performing ---- */

/* Each call has the whole budget: a long deployment is not a bomb. */
static void begin(struct roll_template_run *run)
{
    run->work->runtime = run->input.runtime;
    run->work->fuel = MAX_FUEL;
    run->work->made = 0;
    g_string_truncate(run->work->trail.pointer, 0);
}

static struct roll_error *end(struct roll_template_run *run, struct roll_error *err)
{
    run->work->runtime = NULL;
    return err;
}

static struct roll_error *run_body(struct roll_template_run *run, struct instance *instance,
                                   json_t **ret_body)
{
    json_t *body = NULL;
    size_t size = 0;
    ROLL_TRY(instance_run_body(instance, &body));
    ROLL_TRY(value_finish(run->work, body, true, false, &size, &body));
    if (size > MAX_BODY) {
        json_decref(body);
        return roll_error_new(ROLL_E_TEMPLATE, "the resource is larger than '%u' bytes", MAX_BODY);
    }
    *ret_body = body;
    return NULL;
}

struct roll_error *roll_template_run_body(struct roll_template_run *run, size_t index,
                                          json_t **ret_body)
{
    begin(run);
    return end(run, run_body(run, run->order->pdata[index], ret_body));
}

static struct roll_error *run_outputs(struct roll_template_run *run, json_t **ret_outputs)
{
    json_t *outputs = NULL;
    size_t size = 0;
    ROLL_TRY(env_outputs(run->env, run->tmpl->program, NULL, NULL, &outputs));
    return value_finish(run->work, outputs, true, false, &size, ret_outputs);
}

struct roll_error *roll_template_run_outputs(struct roll_template_run *run, json_t **ret_outputs)
{
    begin(run);
    return end(run, run_outputs(run, ret_outputs));
}
