/* What a template can ask about where it runs: deployment(), resourceGroup(), environment() …
 * (reference 17.8, 17.10). */
#include "expand.h"
#include "function.h"

#include "rollbook/time.h"

#define ZERO_GUID "00000000-0000-0000-0000-000000000000"

static json_t *keep_text(struct work *work, const char *text)
{
    return arena_keep(work->arena, json_text(text));
}

void scope_from_context(struct work *work, const struct roll_template_context *context,
                        struct scope *scope)
{
    scope->kind = context->scope;
    scope->tenant = keep_text(work, context->tenant_id ? context->tenant_id : ZERO_GUID);
    scope->subscription =
        keep_text(work, context->subscription_id ? context->subscription_id : ZERO_GUID);
    scope->group =
        keep_text(work, context->resource_group ? context->resource_group : "DummyResourceGroup");
    scope->management_group =
        keep_text(work, context->management_group ? context->management_group : ZERO_GUID);
    scope->location = keep_text(work, context->location ? context->location : "Dummy Location");
    scope->name =
        keep_text(work, context->deployment_name ? context->deployment_name : "deployment");
    if (context->subscription_name)
        scope->subscription_name = keep_text(work, context->subscription_name);
    if (context->group_tags)
        scope->group_tags = (json_t *)(uintptr_t)context->group_tags;
}

struct work *work_new(const struct roll_template_input *input)
{
    static const struct roll_template_input none;
    struct work *work = g_new0(struct work, 1);
    work->arena = arena_new();
    work->input = input ? input : &none;
    work->trail.pointer = g_string_new(NULL);
    work->utc_now = work->input->context.utc_now;
    work->fuel = MAX_FUEL;
    work->complete = true;
    work->levels_made = g_ptr_array_new();
    return work;
}

void work_free(struct work *work)
{
    if (!work)
        return;
    for (guint i = 0; i < work->levels_made->len; i++)
        level_free(work->levels_made->pdata[i]);
    g_ptr_array_free(work->levels_made, TRUE);
    json_decref(work->environment);
    g_string_free(work->trail.pointer, TRUE);
    arena_free(work->arena);
    if (work->links)
        g_hash_table_unref(work->links);
    g_free(work);
}

/* ---- residual expressions such as subscription().displayName ---- */

static json_t *unknown_member(struct work *work, const char *function, const char *member)
{
    const struct expr *base = expr_call(work, function, NULL, 0);
    return marker_new(work, expr_access(work, base, expr_text(work, member), true));
}

static struct roll_error *misplaced(const struct call *call)
{
    return template_error("The template function '%s' is not expected at this location. Please see "
                          "https://aka.ms/arm-functions for usage details.",
                          call->function->name);
}

static json_t *id_of(const struct call *call, enum roll_scope_kind kind)
{
    struct scope scope = call->eval->env->scope;
    scope.kind = kind;
    return scope_id(call->eval->work, &scope);
}

struct roll_error *function_resource_group(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    const struct scope *scope = &call->eval->env->scope;
    if (scope->kind != ROLL_SCOPE_GROUP)
        return misplaced(call);
    json_t *group = json_object();
    json_t *properties = json_object();
    object_put(group, "id", id_of(call, ROLL_SCOPE_GROUP));
    object_put(group, "name", json_incref(scope->group));
    object_put(group, "type", json_text("Microsoft.Resources/resourceGroups"));
    object_put(group, "location",
               scope->location ? json_incref(scope->location)
                               : unknown_member(work, "resourceGroup", "location"));
    if (scope->group_tags)
        object_put(group, "tags", json_incref(scope->group_tags));
    else
        object_put(group, "tags",
                   work->input->runtime ? json_object()
                                        : unknown_member(work, "resourceGroup", "tags"));
    object_put(properties, "provisioningState", json_text("Succeeded"));
    object_put(group, "properties", properties);
    *ret_value = group;
    return work_hold(work, 4096);
}

struct roll_error *function_subscription(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    const struct scope *scope = &call->eval->env->scope;
    if (scope->kind != ROLL_SCOPE_GROUP && scope->kind != ROLL_SCOPE_SUBSCRIPTION)
        return misplaced(call);
    json_t *subscription = json_object();
    object_put(subscription, "id", id_of(call, ROLL_SCOPE_SUBSCRIPTION));
    object_put(subscription, "subscriptionId", json_incref(scope->subscription));
    object_put(subscription, "tenantId", json_incref(scope->tenant));
    object_put(subscription, "displayName",
               scope->subscription_name ? json_incref(scope->subscription_name)
                                        : unknown_member(work, "subscription", "displayName"));
    *ret_value = subscription;
    return work_hold(work, 2048);
}

struct roll_error *function_management_group(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    const struct scope *scope = &call->eval->env->scope;
    if (scope->kind != ROLL_SCOPE_MANAGEMENT_GROUP)
        return misplaced(call);
    const struct expr *base = expr_call(work, "managementGroup", NULL, 0);
    const struct expr *properties = expr_access(work, base, expr_text(work, "properties"), true);
    json_t *facts = json_object();
    object_put(facts, "details",
               marker_new(work, expr_access(work, properties, expr_text(work, "details"), true)));
    object_put(
        facts, "displayName",
        marker_new(work, expr_access(work, properties, expr_text(work, "displayName"), true)));
    object_put(facts, "tenantId", json_incref(scope->tenant));
    json_t *group = json_object();
    object_put(group, "id", id_of(call, ROLL_SCOPE_MANAGEMENT_GROUP));
    object_put(group, "name", json_incref(scope->management_group));
    object_put(group, "type", json_text("/providers/Microsoft.Management/managementGroups"));
    object_put(group, "properties", facts);
    *ret_value = group;
    return work_hold(work, 2048);
}

struct roll_error *function_tenant(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    json_t *tenant = json_object();
    struct pieces *id = pieces_new(work);
    pieces_text(id, "/tenants/");
    pieces_value(id, call->eval->env->scope.tenant);
    object_put(tenant, "countryCode", unknown_member(work, "tenant", "countryCode"));
    object_put(tenant, "displayName", unknown_member(work, "tenant", "displayName"));
    object_put(tenant, "id", pieces_end(id));
    object_put(tenant, "tenantId", json_incref(call->eval->env->scope.tenant));
    *ret_value = tenant;
    return work_hold(work, 2048);
}

struct roll_error *function_deployer(const struct call *call, json_t **ret_value)
{
    const json_t *deployer = call->eval->work->input->context.deployer;
    *ret_value = deployer ? json_incref((json_t *)(uintptr_t)deployer) : call_unknown(call);
    return NULL;
}

struct roll_error *function_unknown(const struct call *call, json_t **ret_value)
{
    *ret_value = call_unknown(call);
    return NULL;
}

struct roll_error *function_external_inputs(const struct call *call, json_t **ret_value)
{
    *ret_value = call_unknown(call);
    return NULL;
}

/* ---- deployment() ---- */

/* As given; what a secure parameter was given is not shown. */
static json_t *given_parameters(const struct env *env)
{
    const char *name;
    json_t *entry;
    json_t *all = json_object();
    json_object_foreach (env->given, name, entry) {
        size_t index;
        json_t *value = object_get(entry, "value");
        bool secure = names_find(env->program->parameter_names, name, &index) &&
                      env->program->parameters[index].public.secure;
        if (!value || !secure) {
            object_put(all, name, json_incref(entry));
            continue;
        }
        const struct expr *arg = expr_text(env->work, name);
        json_t *shown = json_object();
        object_put(shown, "value",
                   marker_hide(env->work, expr_call(env->work, "parameters", &arg, 1),
                               json_incref(value)));
        object_put(all, name, shown);
    }
    return all;
}

/* A template file at hand may be deployed by link later: the link is unknown, but relative links
 * lead somewhere. */
static json_t *pretended_link(const struct env *env)
{
    struct work *work = env->work;
    const struct expr *base = expr_call(work, "deployment", NULL, 0);
    const struct expr *properties = expr_access(work, base, expr_text(work, "properties"), true);
    const struct expr *link = expr_access(work, properties, expr_text(work, "templateLink"), true);
    const struct expr *uri = expr_access(work, link, expr_text(work, "uri"), true);
    g_autofree char *pretended =
        g_strconcat(RELATIVE_BASE, env->link_path ? env->link_path : "template.json", NULL);
    json_t *object = json_object();
    json_t *marker = marker_new(work, link);
    object_put(object, "uri", marker_hide(work, uri, json_text(pretended)));
    ((struct marker *)(void *)marker)->facet = arena_keep(work->arena, object);
    return marker;
}

static json_t *deployed_template(const struct program *program)
{
    if (!program->symbolic)
        return json_incref((json_t *)(uintptr_t)program->root);
    json_t *part = json_object();
    static const char *const kept[] = {"$schema", "contentVersion", "metadata"};
    for (size_t i = 0; i < G_N_ELEMENTS(kept); i++) {
        json_t *value = json_object_get(program->root, kept[i]);
        if (value)
            object_put(part, kept[i], json_incref(value));
    }
    return part;
}

/* Most templates ask for their name alone, and a hash costs as much as writing the whole text. */
static bool asks_for_hash(const struct roll_template *file)
{
    return strcasestr(file->strict->str, ".templateHash") ||
           strcasestr(file->strict->str, "'templateHash'");
}

static json_t *make_deployment(const struct env *env)
{
    struct work *work = env->work;
    json_t *properties = json_object();
    object_put(properties, "template", deployed_template(env->program));
    if (env->template_uri) {
        json_t *link = json_object();
        object_put(link, "uri", json_text(env->template_uri));
        object_put(properties, "templateLink", link);
    } else if (!work->input->runtime &&
               (!env->outer_env || env->program->file != env->outer_env->program->file)) {
        object_put(properties, "templateLink", pretended_link(env));
    }
    if (asks_for_hash(env->program->file)) {
        char hash[21];
        program_hash(env->program, hash);
        object_put(properties, "templateHash", json_text(hash));
    }
    object_put(properties, "parameters", given_parameters(env));
    object_put(properties, "mode", json_text("Incremental"));
    object_put(properties, "provisioningState", json_text("Accepted"));
    json_t *deployment = json_object();
    object_put(deployment, "name", json_incref(env->scope.name));
    if (env->scope.kind != ROLL_SCOPE_GROUP)
        object_put(deployment, "location",
                   env->scope.location ? json_incref(env->scope.location)
                                       : unknown_member(work, "deployment", "location"));
    object_put(deployment, "properties", properties);
    return deployment;
}

struct roll_error *function_deployment(const struct call *call, json_t **ret_value)
{
    struct env *env = call->eval->env;
    if (!env->deployment)
        env->deployment = arena_keep(env->work->arena, make_deployment(env));
    *ret_value = json_incref(env->deployment);
    return NULL;
}
