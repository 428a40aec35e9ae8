/* What a release wants to know of a template: pins, what makes a redeploy differ, which outputs are
 * secret. */
#include "expand.h"
#include "function.h"

/* ---- pins ---- */

static struct roll_error *make_pins(struct work *work, const struct roll_template *tmpl,
                                    json_t *pins)
{
    struct env *env = NULL;
    ROLL_TRY(env_for_input(work, tmpl, &env));
    for (size_t i = 0; i < tmpl->program->parameter_count; i++) {
        const struct parameter *parameter = &tmpl->program->parameters[i];
        json_t *value = NULL;
        /* A secret is never recorded: a secure default such as newGuid() is made anew each time. */
        if (!parameter->public.default_volatile || parameter->public.secure ||
            object_get(env->given, parameter->public.name))
            continue;
        ROLL_TRY(eval_parameter_at(env, i, &value));
        if (!value_has_marker(work, value))
            object_put(pins, parameter->public.name, json_incref(value));
    }
    return NULL;
}

struct roll_error *roll_template_pins(const struct roll_template *tmpl,
                                      const struct roll_template_input *input, json_t **ret_pins)
{
    roll_auto(json) json_t *pins = json_object();
    struct work *work = work_new(input);
    struct roll_error *err = make_pins(work, tmpl, pins);
    work_free(work);
    if (!err)
        *ret_pins = g_steal_pointer(&pins);
    return err;
}

/* ---- the deployment's name ---- */

struct naming {
    bool own_name; /* whether this deployment's name is (made of) the release's */
};

static bool is_deployment_call(const struct expr *expr)
{
    return expr->kind == EXPR_CALL && expr->function && expr->function->body == function_deployment;
}

static bool see_name(const struct expr *expr, void *user, bool *descend)
{
    const struct naming *naming = user;
    if (expr->kind == EXPR_ACCESS && is_deployment_call(expr->args[0])) {
        const char *member = expr_literal_text(expr->args[1]);
        if (member) {
            *descend = false;
            return naming->own_name && g_ascii_strcasecmp(member, "name") == 0;
        }
    }
    return is_deployment_call(expr) && naming->own_name;
}

static bool program_leaks(const struct program *program, struct naming *naming,
                          const struct node *given, struct taint *outer, unsigned depth);
static bool resource_leaks(struct taint *taint, const struct resource *resource, unsigned depth);

static bool members_leak(struct taint *taint, const struct member *members, unsigned count,
                         bool deployment)
{
    for (unsigned i = 0; i < count; i++) {
        /* A deployment's resourceGroup and the like say where it goes: they count, its name does
         * not. */
        if (deployment && g_ascii_strcasecmp(members[i].key, "name") == 0)
            continue;
        if (taint_node(taint, members[i].value))
            return true;
    }
    return false;
}

static bool sections_leak(struct taint *taint, const struct program *program, unsigned depth)
{
    for (size_t i = 0; i < program->resource_count; i++)
        if (resource_leaks(taint, &program->resources[i], depth))
            return true;
    for (size_t i = 0; i < program->output_count; i++)
        if (taint_node(taint, program->outputs[i].value) ||
            taint_node(taint, program->outputs[i].condition) ||
            taint_copy(taint, program->outputs[i].copy))
            return true;
    return false;
}

/* Parameters of a nested deployment: what they carry is followed into the nested template. */
static bool nested_leaks(struct taint *taint, const struct resource *resource, unsigned depth)
{
    struct naming inner = {.own_name = taint_node(taint, resource->name)};
    if (depth > MAX_LEVELS)
        return true;
    if (!resource->nested)
        return taint_node(taint, resource->nested_parameters);
    if (!resource->inner)
        return taint_node(taint, resource->nested_parameters) ||
               sections_leak(taint, resource->nested, depth + 1);
    return program_leaks(resource->nested, &inner, resource->nested_parameters, taint, depth + 1);
}

static bool resource_leaks(struct taint *taint, const struct resource *resource, unsigned depth)
{
    if (!resource->deployment && taint_node(taint, resource->name))
        return true;
    if (taint_node(taint, resource->condition) || taint_node(taint, resource->scope) ||
        taint_copy(taint, resource->copy) ||
        members_leak(taint, resource->body, resource->body_count, resource->deployment) ||
        members_leak(taint, resource->properties, resource->property_count, false))
        return true;
    for (unsigned i = 0; i < resource->child_count; i++)
        if (resource_leaks(taint, &resource->children[i], depth))
            return true;
    return resource->deployment && nested_leaks(taint, resource, depth);
}

/* given: the parent's nested parameters, judged by outer. */
static bool program_leaks(const struct program *program, struct naming *naming,
                          const struct node *given, struct taint *outer, unsigned depth)
{
    roll_auto(taint) struct taint *taint = taint_new(program, see_name, naming);
    for (unsigned i = 0; given && given->kind == NODE_OBJECT && i < given->count; i++) {
        size_t index;
        if (names_find(program->parameter_names, given->members[i].key, &index))
            taint->parameters[index] =
                taint_node(outer, given->members[i].value) ? TAINT_FOUND : TAINT_CLEAN;
    }
    if (given && given->kind == NODE_EXPR && taint_node(outer, given))
        return true;
    return sections_leak(taint, program, depth);
}

/* ---- the other facts ---- */

static void see_deployer(const struct expr *expr, void *user)
{
    struct roll_template_facts *facts = user;
    if (expr->kind == EXPR_CALL && expr->function && expr->function->body == function_deployer)
        facts->uses_deployer = true;
}

static void survey_program(const struct program *program, struct roll_template_facts *facts);

static void survey_copy(const struct copy *copy, struct roll_template_facts *facts)
{
    if (!copy)
        return;
    node_walk(copy->count, see_deployer, facts);
    node_walk(copy->input, see_deployer, facts);
}

/* Whether the parent gives the parameter; a map that is an expression may. */
static bool is_given(const struct node *given, const char *name)
{
    if (!given)
        return false;
    return given->kind == NODE_EXPR || object_get(given->value, name) != NULL;
}

static void survey_resource(const struct resource *resource, struct roll_template_facts *facts)
{
    const struct node *const nodes[] = {resource->name, resource->condition, resource->scope,
                                        resource->depends_on, resource->nested_parameters};
    for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++)
        node_walk(nodes[i], see_deployer, facts);
    for (unsigned i = 0; i < resource->body_count; i++)
        node_walk(resource->body[i].value, see_deployer, facts);
    for (unsigned i = 0; i < resource->property_count; i++) {
        const char *key = resource->properties[i].key;
        node_walk(resource->properties[i].value, see_deployer, facts);
        if (g_ascii_strcasecmp(key, "templateLink") == 0 ||
            g_ascii_strcasecmp(key, "parametersLink") == 0)
            facts->links = true;
    }
    survey_copy(resource->copy, facts);
    for (unsigned i = 0; i < resource->child_count; i++)
        survey_resource(&resource->children[i], facts);
    if (!resource->nested)
        return;
    survey_program(resource->nested, facts);
    for (size_t i = 0; resource->inner && i < resource->nested->parameter_count; i++) {
        const struct roll_template_parameter *parameter = &resource->nested->parameters[i].public;
        if (parameter->default_volatile && !is_given(resource->nested_parameters, parameter->name))
            facts->inner_volatile = true;
    }
}

static void survey_program(const struct program *program, struct roll_template_facts *facts)
{
    for (size_t i = 0; i < program->parameter_count; i++)
        node_walk(program->parameters[i].fallback, see_deployer, facts);
    for (size_t i = 0; i < program->variable_count; i++) {
        node_walk(program->variables[i].value, see_deployer, facts);
        survey_copy(program->variables[i].copy, facts);
    }
    for (size_t i = 0; i < program->function_count; i++)
        node_walk(program->functions[i].value, see_deployer, facts);
    for (size_t i = 0; i < program->resource_count; i++)
        survey_resource(&program->resources[i], facts);
    for (size_t i = 0; i < program->output_count; i++) {
        node_walk(program->outputs[i].value, see_deployer, facts);
        node_walk(program->outputs[i].condition, see_deployer, facts);
        survey_copy(program->outputs[i].copy, facts);
    }
}

static bool is_harmless_default(const struct node *fallback)
{
    if (fallback->kind == NODE_EXPR)
        return fallback->expr->kind == EXPR_CALL && fallback->expr->function &&
               fallback->expr->function->body == function_new_guid;
    const json_t *value = fallback->value;
    return fallback->kind == NODE_CONST &&
           (json_is_null(value) || (json_is_string(value) && json_string_length(value) == 0) ||
            (json_is_object(value) && json_object_size(value) == 0));
}

struct roll_error *roll_template_facts(const struct roll_template *tmpl,
                                       struct roll_template_facts *ret_facts)
{
    struct roll_template_facts facts = {0};
    struct naming naming = {.own_name = true};
    survey_program(tmpl->program, &facts);
    facts.name_leaks = program_leaks(tmpl->program, &naming, NULL, NULL, 0);
    for (size_t i = 0; i < tmpl->program->parameter_count && !facts.secure_default; i++) {
        const struct parameter *parameter = &tmpl->program->parameters[i];
        if (parameter->public.secure && parameter->fallback &&
            !is_harmless_default(parameter->fallback))
            facts.secure_default = g_strdup(parameter->public.name);
    }
    *ret_facts = facts;
    return NULL;
}

void roll_template_facts_clear(struct roll_template_facts *facts)
{
    g_free(facts->secure_default);
    *facts = (struct roll_template_facts){0};
}

/* ---- secret outputs ---- */

static bool program_output_is_secret(const struct program *program, const char *name,
                                     unsigned depth);

struct secrecy {
    const struct program *program;
    unsigned depth;
};

static bool is_secure_parameter(const struct parameter *parameter)
{
    return parameter->public.secure;
}

static bool nested_output_is_secret(const struct resource *resources, size_t count,
                                    const char *name, unsigned depth)
{
    for (size_t i = 0; i < count; i++)
        if ((resources[i].nested && program_output_is_secret(resources[i].nested, name, depth)) ||
            nested_output_is_secret(resources[i].children, resources[i].child_count, name, depth))
            return true;
    return false;
}

static bool is_reference(const struct expr *expr)
{
    return expr->kind == EXPR_CALL && expr->function &&
           expr->function->special == special_reference;
}

/* What an access to reference(…) takes: `outputs.name`, all outputs, or something else. */
static bool access_is_secret(const struct secrecy *secrecy, const struct expr *expr, bool *descend)
{
    const struct program *program = secrecy->program;
    const struct expr *base = expr->args[0];
    const char *member = expr_literal_text(expr->args[1]);
    const char *section = base->kind == EXPR_ACCESS ? expr_literal_text(base->args[1]) : NULL;
    bool named = section && member && g_ascii_strcasecmp(section, "outputs") == 0;
    bool all = member && g_ascii_strcasecmp(member, "outputs") == 0;
    if (secrecy->depth >= MAX_LEVELS)
        return true;
    if (named || (member && is_reference(base)))
        *descend = false;
    if (!named && !all)
        return false;
    return nested_output_is_secret(program->resources, program->resource_count,
                                   named ? member : NULL, secrecy->depth + 1);
}

/* list*(), and what may be a secret output of a nested deployment. */
static bool see_secret(const struct expr *expr, void *user, bool *descend)
{
    const struct secrecy *secrecy = user;
    const struct program *program = secrecy->program;
    if (expr->kind == EXPR_CALL && expr->function && expr->function->flags & F_LIST)
        return true;
    if (expr->kind == EXPR_ACCESS)
        return access_is_secret(secrecy, expr, descend);
    return is_reference(expr) && secrecy->depth < MAX_LEVELS &&
           nested_output_is_secret(program->resources, program->resource_count, NULL,
                                   secrecy->depth + 1);
}

static bool output_is_secret(const struct program *program, const struct output *output,
                             unsigned depth)
{
    struct secrecy secrecy = {.program = program, .depth = depth};
    if (type_is_secure(program, output->schema))
        return true;
    roll_auto(taint) struct taint *taint = taint_new(program, see_secret, &secrecy);
    taint->parameter_seed = is_secure_parameter;
    return taint_node(taint, output->value) || taint_copy(taint, output->copy);
}

static bool program_output_is_secret(const struct program *program, const char *name,
                                     unsigned depth)
{
    for (size_t i = 0; i < program->output_count; i++)
        if ((!name || g_ascii_strcasecmp(program->outputs[i].name, name) == 0) &&
            output_is_secret(program, &program->outputs[i], depth))
            return true;
    return false;
}

bool roll_template_output_is_secret(const struct roll_template *tmpl, const char *name)
{
    return program_output_is_secret(tmpl->program, name, 0);
}
