/* reference(), references(), list*(): what only a running deployment knows (reference 17.9, 12,
 * 13). */
#include "expand.h"
#include "function.h"

/* What a call speaks of. */
struct target {
    json_t *id;                /* owned: string or marker */
    json_t *api_version;       /* owned, or NULL */
    struct instance *instance; /* of this template, or NULL */
};

static void target_clear(struct target *target)
{
    json_decref(target->id);
    json_decref(target->api_version);
}

#define auto_target __attribute__((cleanup(target_clear))) struct target

static struct roll_error *not_found(const char *text)
{
    return template_error(
        "The template reference '%.500s' is not valid: could not find template resource or "
        "resource copy with this name. Please see https://aka.ms/arm-function-reference for usage "
        "details.",
        text);
}

/* A name of this template's, an id, or Ns/type/name of something else in the same place. */
static struct roll_error *find_target(const struct eval *eval, const char *text,
                                      struct target *target)
{
    struct level *level = eval->env->level;
    target->instance = level ? level_find(level, text) : NULL;
    if (target->instance) {
        instance_refer(eval, target->instance);
        target->id = json_incref(target->instance->id);
        if (target->instance->api_version)
            target->api_version = json_incref(target->instance->api_version);
        return NULL;
    }
    if (*text == '/') {
        target->id = json_text(text);
        return NULL;
    }
    const char *slash = strchr(text, '/');
    if (!slash || !memchr(text, '.', (size_t)(slash - text)))
        return level && !level->vague ? not_found(text) : (target->id = json_text(text), NULL);
    struct pieces *pieces = pieces_new(eval->work);
    pieces_scope(pieces, &eval->env->scope);
    pieces_text(pieces, "/providers/");
    pieces_text(pieces, text);
    target->id = pieces_end(pieces);
    return NULL;
}

static struct roll_error *read_target(const struct eval *eval, const struct expr *call,
                                      struct target *target)
{
    roll_auto(json) json_t *name = NULL;
    ROLL_TRY(eval_identity_expr(eval, call->args[0], &name));
    if (is_marker(name)) {
        target->id = json_incref(name);
        return NULL;
    }
    if (!json_is_string(name))
        return argument_type_error(call->function, 0, T_STRING, name);
    return find_target(eval, json_string_value(name), target);
}

/* An api-version that is given wins over the template's. */
static struct roll_error *read_version(const struct eval *eval, const struct expr *call,
                                       struct target *target)
{
    roll_auto(json) json_t *version = NULL;
    if (call->count < 2)
        return NULL;
    ROLL_TRY(eval_identity_expr(eval, call->args[1], &version));
    if (!json_is_string(version) && !is_marker(version))
        return argument_type_error(call->function, 1, T_STRING, version);
    json_decref(target->api_version);
    target->api_version = g_steal_pointer(&version);
    return NULL;
}

static struct roll_error *read_full(const struct eval *eval, const struct expr *call,
                                    unsigned index, bool *ret_full)
{
    roll_auto(json) json_t *word = NULL;
    *ret_full = false;
    if (call->count <= index)
        return NULL;
    ROLL_TRY(eval_identity_expr(eval, call->args[index], &word));
    const char *text = json_is_string(word) ? json_string_value(word) : "";
    *ret_full = g_ascii_strcasecmp(text, "Full") == 0;
    if (!*ret_full && g_ascii_strcasecmp(text, "Properties") != 0)
        return template_error(
            "The template language function '%s' expects its last parameter to be 'Full' or "
            "'Properties'.",
            call->function->name);
    return NULL;
}

/* ---- before the deployment: an expression with its id and api-version filled in ---- */

static const struct expr *residual(struct work *work, const struct target *target, bool full)
{
    const struct expr *args[3] = {expr_of(work, target->id)};
    unsigned count = 1;
    if (target->api_version)
        args[count++] = expr_of(work, target->api_version);
    if (full && count == 2)
        args[count++] = expr_text(work, "Full");
    return expr_call(work, "reference", args, count);
}

/* The outputs of a nested deployment that is expanded: a secure one has no value but that of the
 * run. */
static json_t *output_facts(struct work *work, const struct expr *properties,
                            const struct instance *instance)
{
    const char *name;
    json_t *output;
    json_t *facts = json_object();
    const struct expr *outputs = expr_access(work, properties, expr_text(work, "outputs"), true);
    json_object_foreach (instance->nested_outputs, name, output) {
        if (object_get(output, "value")) {
            object_put(facts, name, json_incref(output));
            continue;
        }
        json_t *shown = object_copy(output);
        const struct expr *base = expr_access(work, outputs, expr_text(work, name), true);
        object_put(shown, "value",
                   marker_new(work, expr_access(work, base, expr_text(work, "value"), true)));
        object_put(facts, name, shown);
    }
    return facts;
}

static struct roll_error *unknown_reference(const struct eval *eval, const struct target *target,
                                            bool full, json_t **ret_value)
{
    struct work *work = eval->work;
    const struct expr *expr = residual(work, target, full);
    json_t *marker = marker_new(work, expr);
    struct instance *instance = target->instance;
    *ret_value = marker;
    if (!instance || !instance->resource->deployment || instance->off || work->runtime ||
        instance->resource->existing)
        return NULL;
    ROLL_TRY(instance_nested(instance));
    if (!instance->nested_outputs)
        return NULL;
    const struct expr *base =
        full ? expr_access(work, expr, expr_text(work, "properties"), true) : expr;
    json_t *facts = json_object();
    object_put(facts, "outputs", output_facts(work, base, instance));
    if (full) {
        json_t *whole = json_object();
        json_t *properties = marker_new(work, base);
        ((struct marker *)(void *)properties)->facet = arena_keep(work->arena, facts);
        object_put(whole, "properties", properties);
        facts = whole;
    }
    ((struct marker *)(void *)marker)->facet = arena_keep(work->arena, facts);
    return NULL;
}

/* ---- during the deployment ---- */

/* What 'Full' gives: the resource without id, name and type, with where it is. */
static json_t *full_object(const json_t *resource, const char *id, const char *api_version)
{
    json_t *full = json_object();
    const char *key;
    json_t *value;
    if (api_version)
        object_put(full, "apiVersion", json_text(api_version));
    json_object_foreach ((json_t *)(uintptr_t)resource, key, value)
        if (strcmp(key, "id") != 0 && strcmp(key, "name") != 0 && strcmp(key, "type") != 0)
            object_put(full, key, json_incref(value));
    g_auto(GStrv) parts = g_strsplit(id, "/", 6);
    guint count = g_strv_length(parts);
    if (count > 2 && g_ascii_strcasecmp(parts[1], "subscriptions") == 0)
        object_put(full, "subscriptionId", json_text(parts[2]));
    if (count > 4 && g_ascii_strcasecmp(parts[3], "resourceGroups") == 0)
        object_put(full, "resourceGroupName", json_text(parts[4]));
    const char *tail = g_strrstr(id, "/providers/");
    if (tail)
        object_put(full, "resourceId", json_text(tail + strlen("/providers/")));
    return full;
}

static struct roll_error *ask_reference(const struct eval *eval, const struct target *target,
                                        bool full, json_t **ret_value)
{
    const struct roll_template_runtime *runtime = eval->work->runtime;
    roll_auto(json) json_t *resource = NULL;
    const char *id = json_string_value(target->id);
    const char *version = json_string_value(target->api_version);
    ROLL_TRY(runtime->reference(runtime->user, id, version, &resource));
    if (full) {
        *ret_value = full_object(resource, id, version);
        return NULL;
    }
    json_t *properties = json_object_get(resource, "properties");
    *ret_value = properties ? json_incref(properties) : json_object();
    return NULL;
}

static struct roll_error *refer(const struct eval *eval, const struct target *target, bool full,
                                json_t **ret_value)
{
    bool known =
        json_is_string(target->id) && (!target->api_version || json_is_string(target->api_version));
    if (eval->work->runtime && known)
        return ask_reference(eval, target, full, ret_value);
    return unknown_reference(eval, target, full, ret_value);
}

/* Without an api-version it speaks of what this template deploys, which must be done before. With
 * one it asks for what is there, and may be about the resource as it was. */
static struct roll_error *check_self(const struct eval *eval, const struct expr *call,
                                     const struct target *target)
{
    if (call->count > 1 || !target->instance || target->instance != eval->instance)
        return NULL;
    const char *id = json_is_string(target->id) ? json_string_value(target->id) : "";
    const char *shown = g_strrstr(id, "/providers/");
    return template_error("The template resource '%.500s' cannot reference itself. Please see "
                          "https://aka.ms/arm-template-expressions/#reference for usage details.",
                          shown ? shown + strlen("/providers/") : id);
}

/* Only what this template deploys has an api-version of its own. The text is Azure's, recorded in
 * issues of Azure/bicep (1631). */
static struct roll_error *check_version(const struct eval *eval, const struct target *target)
{
    const struct level *level = eval->env->level;
    if (target->api_version || target->instance || !json_is_string(target->id) || !level ||
        level->vague)
        return NULL;
    const char *id = json_string_value(target->id);
    const char *shown = g_strrstr(id, "/providers/");
    shown = shown ? shown + strlen("/providers/") : id;
    json_t *own = eval->instance ? eval->instance->id : NULL;
    const char *from = json_is_string(own) ? json_string_value(own) : "";
    const char *from_shown = g_strrstr(from, "/providers/");
    if (!from_shown)
        return template_error("The template reference to '%.500s' requires an API version. Please "
                              "see https://aka.ms/arm-template for usage details.",
                              shown);
    return template_error("The template resource '%.500s' reference to '%.500s' requires an API "
                          "version. Please see https://aka.ms/arm-template for usage details.",
                          from_shown + strlen("/providers/"), shown);
}

struct roll_error *special_reference(const struct eval *eval, const struct expr *call,
                                     json_t **ret_value)
{
    auto_target target = {0};
    bool full = false;
    ROLL_TRY(read_target(eval, call, &target));
    ROLL_TRY(check_self(eval, call, &target));
    ROLL_TRY(read_version(eval, call, &target));
    ROLL_TRY(check_version(eval, &target));
    ROLL_TRY(read_full(eval, call, 2, &full));
    return refer(eval, &target, full, ret_value);
}

/* The instances of a loop that are deployed, by index. */
struct roll_error *special_references(const struct eval *eval, const struct expr *call,
                                      json_t **ret_value)
{
    struct level *level = eval->env->level;
    roll_auto(json) json_t *symbol = NULL;
    roll_auto(json) json_t *all = json_array();
    bool full = false;
    for (const struct frame *frame = eval->frame; frame; frame = frame->outer)
        if (frame->kind == FRAME_RESOURCE)
            return template_error("The template function '%s' is not expected at this location: it "
                                  "cannot be used in a resource with copy specified.",
                                  call->function->name);
    ROLL_TRY(eval_identity_expr(eval, call->args[0], &symbol));
    if (!json_is_string(symbol))
        return argument_type_error(call->function, 0, T_STRING, symbol);
    ROLL_TRY(read_full(eval, call, 1, &full));
    GArray *indexes = level ? g_hash_table_lookup(level->by_loop, json_string_value(symbol)) : NULL;
    if (!indexes || !level->program->symbolic)
        return not_found(json_string_value(symbol));
    for (guint i = 0; i < indexes->len; i++) {
        struct instance *instance = level_at(level, g_array_index(indexes, unsigned, i));
        json_t *value = NULL;
        if (instance->off)
            continue;
        instance_refer(eval, instance);
        struct target target = {
            .id = instance->id, .api_version = instance->api_version, .instance = instance};
        ROLL_TRY(refer(eval, &target, full, &value));
        json_array_append_new(all, value);
    }
    *ret_value = g_steal_pointer(&all);
    return NULL;
}

/* list*(name | symbol | id, apiVersion, [body]) */
struct roll_error *special_list(const struct eval *eval, const struct expr *call,
                                json_t **ret_value)
{
    struct work *work = eval->work;
    auto_target target = {0};
    roll_auto(json) json_t *body = NULL;
    ROLL_TRY(read_target(eval, call, &target));
    ROLL_TRY(read_version(eval, call, &target));
    ROLL_TRY(check_version(eval, &target));
    if (call->count > 2)
        ROLL_TRY(eval_expr(eval, call->args[2], &body));
    json_t *known_body = body ? value_reveal(work, body) : NULL;
    bool known = json_is_string(target.id) && (!body || known_body) &&
                 (!target.api_version || json_is_string(target.api_version));
    if (work->runtime && known) {
        struct roll_error *err =
            work->runtime->list(work->runtime->user, call->name, json_string_value(target.id),
                                json_string_value(target.api_version), known_body, ret_value);
        json_decref(known_body);
        return err;
    }
    json_decref(known_body);
    const struct expr *args[3] = {expr_of(work, target.id)};
    unsigned count = 1;
    if (target.api_version)
        args[count++] = expr_of(work, target.api_version);
    if (body && count == 2)
        args[count++] = expr_of(work, body);
    *ret_value = marker_new(work, expr_call(work, call->name, args, count));
    return NULL;
}
