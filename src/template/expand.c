/* Expanding a template: parameters, variables, resources, nested deployments, outputs (reference
 * 16). */
#include "expand.h"

/* ---- bodies ---- */

static struct roll_error *null_error(const struct member *member, const json_t *value)
{
    const char *text =
        json_is_string(member->value->value) ? json_string_value(member->value->value) : "";
    return template_error("Evaluation result of language expression '%.500s' is type '%s', "
                          "expected type is 'String'.",
                          text, type_word(value));
}

static bool must_be_text(const char *key)
{
    return g_ascii_strcasecmp(key, "location") == 0 || g_ascii_strcasecmp(key, "kind") == 0;
}

/* Members as sent; only properties may ask for run-time state. */
static struct roll_error *put_members(struct instance *instance, json_t *body)
{
    struct trail *trail = &instance->level->work->trail;
    const struct resource *resource = instance->resource;
    for (unsigned i = 0; i < resource->body_count; i++) {
        const struct member *member = &resource->body[i];
        bool properties = g_ascii_strcasecmp(member->key, "properties") == 0;
        struct eval eval;
        json_t *value = NULL;
        instance_eval(instance, properties ? PLACE_BODY : PLACE_MEMBER, &eval);
        ROLL_TRY(trail_key(trail, eval_node(&eval, member->value, &value), member->key));
        if (member->value->kind == NODE_EXPR && must_be_text(member->key) &&
            !json_is_string(value) && !is_marker(value)) {
            struct roll_error *err = null_error(member, value);
            json_decref(value);
            return trail_key(trail, err, member->key);
        }
        if (g_ascii_strcasecmp(member->key, "id") == 0)
            json_decref(value); /* its own id stands there already */
        else
            object_put(body, member->key, value);
    }
    return NULL;
}

/* The ids that it waits for; `existing` resources are read, so what they wait for counts. */
static void put_dependencies(const struct instance *instance, GHashTable *seen, json_t *ids)
{
    for (guint i = 0; instance->depends && i < instance->depends->len; i++) {
        struct instance *other =
            level_at(instance->level, g_array_index(instance->depends, unsigned, i));
        if (!g_hash_table_add(seen, other))
            continue;
        if (other->resource->existing)
            put_dependencies(other, seen, ids);
        else
            json_array_append(ids, other->id);
    }
}

static json_t *dependency_ids(const struct instance *instance)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    json_t *ids = json_array();
    put_dependencies(instance, seen, ids);
    return ids;
}

static json_t *head(const struct instance *instance)
{
    json_t *body = json_object();
    object_put(body, "id", json_incref(instance->id));
    object_put(body, "type", json_text(instance->type));
    if (instance->api_version)
        object_put(body, "apiVersion", json_incref(instance->api_version));
    if (instance->name)
        object_put(body, "name", json_incref(instance->name));
    if (instance->scope)
        object_put(body, "scope", json_incref(instance->scope));
    if (instance->condition)
        object_put(body, "condition", json_incref(instance->condition));
    return body;
}

/* ---- nested deployments ---- */

static json_t *nested_frame(const struct program *program)
{
    json_t *frame = json_object();
    object_put(frame, "$schema", json_text(program->schema_uri));
    object_put(frame, "contentVersion", json_text(program->content_version));
    return frame;
}

/* What is expanded: resources and outputs in the place of the template's own. */
static struct roll_error *expanded_template(struct instance *instance, json_t **ret_template)
{
    json_t *resources = NULL;
    ROLL_TRY(level_resources(instance->nested, &resources));
    json_t *nested = nested_frame(instance->nested->program);
    object_put(nested, "resources", resources);
    if (instance->nested_outputs)
        object_put(nested, "outputs", json_incref(instance->nested_outputs));
    *ret_template = nested;
    return NULL;
}

/* Parameters of secure type are not shown, whatever the parent gives. */
static json_t *shown_parameters(const struct instance *instance)
{
    const char *name;
    json_t *entry;
    const struct program *program = instance->nested ? instance->nested->program : NULL;
    if (!json_is_object(instance->nested_given) || !program || !instance->resource->inner)
        return json_incref(instance->nested_given);
    json_t *shown = json_object();
    json_object_foreach (instance->nested_given, name, entry) {
        size_t index;
        json_t *value = NULL;
        bool secure = names_find(program->parameter_names, name, &index) &&
                      program->parameters[index].public.secure && object_get(entry, "value");
        json_t *part = secure ? json_object() : json_incref(entry);
        if (secure) {
            struct roll_error *err = eval_parameter_at(instance->nested_env, index, &value);
            object_put(part, "value", err ? json_null() : json_incref(value));
            roll_error_free(err); /* it was evaluated before */
        }
        object_put(shown, name, part);
    }
    return shown;
}

static struct roll_error *put_deployment(struct instance *instance, json_t *body)
{
    struct trail *trail = &instance->level->work->trail;
    struct eval eval;
    roll_auto(json) json_t *properties = json_object();
    instance_eval(instance, PLACE_BODY, &eval);
    ROLL_TRY(trail_key(trail,
                       eval_members(&eval, instance->resource->properties,
                                    instance->resource->property_count, properties),
                       "properties"));
    ROLL_TRY(instance_mode(instance, properties));
    ROLL_TRY(instance_nested(instance));
    if (instance->nested_given)
        object_put(properties, "parameters", shown_parameters(instance));
    if (instance->nested) {
        json_t *nested = NULL;
        ROLL_TRY(expanded_template(instance, &nested));
        object_put(properties, "template", nested);
    }
    object_put(body, "properties", g_steal_pointer(&properties));
    return NULL;
}

/* ---- resources ---- */

static struct roll_error *make_body(struct instance *instance, json_t **ret_body)
{
    roll_auto(json) json_t *body = head(instance);
    ROLL_TRY(work_hold(instance->level->work, OBJECT_BYTES(8 + instance->resource->body_count)));
    ROLL_TRY(put_members(instance, body));
    if (instance->resource->deployment)
        ROLL_TRY(put_deployment(instance, body));
    if (instance->resource->depends_on)
        object_put(body, "dependsOn", dependency_ids(instance));
    *ret_body = g_steal_pointer(&body);
    return NULL;
}

static struct roll_error *body_error(struct instance *instance, struct roll_error *err)
{
    int line = 0;
    int column = 0;
    if (err->detail)
        return err;
    g_autofree char *id = value_label(instance->id);
    instance_where(instance->level, instance->resource, &line, &column);
    err = template_rephrase(
        err,
        "Unable to process template language expressions for resource '%s' at line '%d' and "
        "column '%d'. '%s'",
        id, line, column, err->message);
    return trail_finish(&instance->level->work->trail, err, instance->level->program->file,
                        instance->resource->pointer);
}

/* ---- the same for a server: with the answers of the run, and nested templates as they are to be
 * deployed ---- */

/* An outer template is evaluated by its parent: what is left has no expressions, so texts like them
 * are escaped. */
static struct roll_error *outer_outputs(struct instance *instance, json_t **ret_outputs)
{
    const struct program *program = instance->resource->nested;
    roll_auto(json) json_t *outputs = json_object();
    struct eval eval;
    instance_eval(instance, PLACE_OUTPUT, &eval);
    for (size_t i = 0; i < program->output_count; i++) {
        json_t *shown = NULL;
        ROLL_TRY(eval_output(&eval, program, &program->outputs[i], true, &shown));
        if (shown)
            object_put(outputs, program->outputs[i].name, shown);
    }
    *ret_outputs = g_steal_pointer(&outputs);
    return NULL;
}

static struct roll_error *outer_resources(struct instance *instance, json_t **ret_resources)
{
    roll_auto(json) json_t *resources = json_array();
    for (unsigned i = 0; i < instance->nested->instances->len; i++) {
        struct instance *inner = level_at(instance->nested, i);
        json_t *body = NULL;
        if (inner->off || inner->resource->existing)
            continue;
        ROLL_TRY(instance_run_body(inner, &body));
        json_array_append_new(resources, body);
    }
    *ret_resources = g_steal_pointer(&resources);
    return NULL;
}

static struct roll_error *outer_template(struct instance *instance, json_t **ret_template)
{
    json_t *resources = NULL;
    json_t *outputs = NULL;
    size_t size = 0;
    roll_auto(json) json_t *nested = nested_frame(instance->resource->nested);
    ROLL_TRY(outer_resources(instance, &resources));
    object_put(nested, "resources", resources);
    ROLL_TRY(outer_outputs(instance, &outputs));
    object_put(nested, "outputs", outputs);
    return value_finish(instance->level->work, g_steal_pointer(&nested), true, true, &size,
                        ret_template);
}

static struct roll_error *put_run_deployment(struct instance *instance, json_t *body)
{
    const struct resource *resource = instance->resource;
    struct trail *trail = &instance->level->work->trail;
    roll_auto(json) json_t *properties = json_object();
    struct eval eval;
    json_t *value = NULL;
    instance_eval(instance, PLACE_BODY, &eval);
    ROLL_TRY(trail_key(
        trail, eval_members(&eval, resource->properties, resource->property_count, properties),
        "properties"));
    ROLL_TRY(instance_mode(instance, properties));
    if (resource->nested_parameters) {
        ROLL_TRY(
            trail_key(trail, eval_node(&eval, resource->nested_parameters, &value), "parameters"));
        object_put(properties, "parameters", value);
    }
    if (resource->nested && resource->inner) {
        object_put(properties, "template",
                   json_incref((json_t *)(uintptr_t)resource->nested->root));
    } else if (resource->nested && instance->nested) {
        ROLL_TRY(outer_template(instance, &value));
        object_put(properties, "template", value);
    }
    object_put(body, "properties", g_steal_pointer(&properties));
    return NULL;
}

static struct roll_error *make_run_body(struct instance *instance, json_t **ret_body)
{
    roll_auto(json) json_t *body = head(instance);
    ROLL_TRY(put_members(instance, body));
    if (instance->resource->deployment)
        ROLL_TRY(put_run_deployment(instance, body));
    if (instance->resource->depends_on)
        object_put(body, "dependsOn", dependency_ids(instance));
    *ret_body = g_steal_pointer(&body);
    return NULL;
}

struct roll_error *instance_run_body(struct instance *instance, json_t **ret_body)
{
    struct roll_error *err = make_run_body(instance, ret_body);
    return err && err->code == ROLL_E_TEMPLATE ? body_error(instance, err) : err;
}

/* ---- a level ---- */

struct roll_error *level_expand(struct level *level)
{
    ROLL_TRY(level_plan(level));
    ROLL_TRY(level_depends(level));
    ROLL_TRY(level_cycles(level));
    for (unsigned i = 0; i < level->instances->len; i++) {
        struct instance *instance = level_at(level, i);
        if (instance->off || instance->resource->existing)
            continue;
        struct roll_error *err = make_body(instance, &instance->body);
        if (err)
            return body_error(instance, err);
    }
    return level_cycles(level); /* with what reference() added */
}

struct roll_error *level_resources(struct level *level, json_t **ret_resources)
{
    json_t *resources = json_array();
    for (unsigned i = 0; i < level->instances->len; i++) {
        struct instance *instance = level_at(level, i);
        if (instance->body)
            json_array_append(resources, instance->body);
    }
    *ret_resources = resources;
    return NULL;
}

/* ---- the whole ---- */

struct roll_error *env_for_input(struct work *work, const struct roll_template *tmpl,
                                 struct env **ret_env)
{
    const struct roll_template_input *input = work->input;
    struct scope scope = {0};
    ROLL_TRY(work_time(work));
    scope_from_context(work, &input->context, &scope);
    struct env *env = env_new(work, tmpl->program, &scope);
    env->given = (json_t *)(uintptr_t)input->parameters;
    env->template_uri = input->context.template_uri;
    env->level = level_new(work, env, tmpl->program, &scope);
    *ret_env = env;
    return NULL;
}

struct roll_error *template_scope_check(const struct roll_template *tmpl,
                                        const struct roll_template_input *input)
{
    static const char *const words[] = {"resource group", "subscription", "management group",
                                        "tenant"};
    if (tmpl->program->scope == input->context.scope || input->context.nested)
        return NULL;
    return roll_error_new(ROLL_E_TEMPLATE,
                          "the template's '$schema' is for a %s, the deployment goes to a %s",
                          words[tmpl->program->scope], words[input->context.scope]);
}

static struct roll_error *finish(struct work *work, json_t **value, size_t *size)
{
    json_t *made = g_steal_pointer(value);
    return value_finish(work, made, false, false, size, value);
}

static struct roll_error *body_size_error(const json_t *body)
{
    return roll_error_new(ROLL_E_TEMPLATE,
                          "the resource '%s' is larger than '%u' bytes after expansion",
                          roll_json_get_string(body, "id"), MAX_BODY);
}

/* One by one: each has a limit of its own, but for deployments, which hold other resources. */
static struct roll_error *finish_resources(struct work *work, json_t **resources, size_t *size)
{
    size_t index;
    json_t *made;
    roll_auto(json) json_t *finished = json_array();
    json_array_foreach (*resources, index, made) {
        size_t before = *size;
        json_t *body = json_incref(made);
        ROLL_TRY(finish(work, &body, size));
        json_array_append_new(finished, body);
        if (*size - before > MAX_BODY &&
            !json_object_get(json_object_get(body, "properties"), "template"))
            return body_size_error(body);
        if (*size > MAX_TEXT)
            break; /* finish_all refuses it */
    }
    json_decref(*resources);
    *resources = g_steal_pointer(&finished);
    return NULL;
}

/* Every value leaves without markers; together they are no larger than ARM allows. */
static struct roll_error *finish_all(struct work *work, struct roll_expansion *expansion)
{
    size_t size = 0;
    ROLL_TRY(finish_resources(work, &expansion->resources, &size));
    ROLL_TRY(finish(work, &expansion->outputs, &size));
    ROLL_TRY(finish(work, &expansion->parameters, &size));
    if (expansion->asserts)
        ROLL_TRY(finish(work, &expansion->asserts, &size));
    if (size > MAX_TEXT)
        return roll_error_new(ROLL_E_TEMPLATE, "the expanded template is larger than '%u' bytes",
                              MAX_TEXT);
    expansion->complete = work->complete;
    return NULL;
}

static struct roll_error *expand(struct work *work, const struct roll_template *tmpl,
                                 struct roll_expansion *expansion)
{
    struct env *env = NULL;
    ROLL_TRY(template_scope_check(tmpl, work->input));
    ROLL_TRY(env_for_input(work, tmpl, &env));
    ROLL_TRY(env_bind(env));
    ROLL_TRY(env_variables(env));
    if (tmpl->program->assert_count > 0)
        ROLL_TRY(env_asserts(env, &expansion->asserts));
    ROLL_TRY(level_expand(env->level));
    ROLL_TRY(env_outputs(env, tmpl->program, NULL, NULL, &expansion->outputs));
    ROLL_TRY(env_parameters(env, &expansion->parameters));
    ROLL_TRY(level_resources(env->level, &expansion->resources));
    return finish_all(work, expansion);
}

struct roll_error *roll_template_expand(const struct roll_template *tmpl,
                                        const struct roll_template_input *input,
                                        struct roll_expansion **ret_expansion)
{
    struct work *work = work_new(input);
    struct roll_expansion *expansion = g_new0(struct roll_expansion, 1);
    struct roll_error *err = expand(work, tmpl, expansion);
    if (err)
        roll_expansion_free(expansion); /* before the markers in it */
    work_free(work);
    if (err)
        return err;
    *ret_expansion = expansion;
    return NULL;
}

void roll_expansion_free(struct roll_expansion *expansion)
{
    if (!expansion)
        return;
    json_decref(expansion->resources);
    json_decref(expansion->outputs);
    json_decref(expansion->asserts);
    json_decref(expansion->parameters);
    g_free(expansion);
}
