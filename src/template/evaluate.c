/* One expression in the context of a template: `roll template eval`. */
#include "expand.h"
#include "function.h"

static const char *const empty_templates[] = {
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"
    "deploymentTemplate.json#\","
    "\"contentVersion\":\"1.0.0.0\",\"resources\":[]}",
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2018-05-01/"
    "subscriptionDeploymentTemplate.json#\","
    "\"contentVersion\":\"1.0.0.0\",\"resources\":[]}",
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-08-01/"
    "managementGroupDeploymentTemplate.json#\","
    "\"contentVersion\":\"1.0.0.0\",\"resources\":[]}",
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-08-01/"
    "tenantDeploymentTemplate.json#\","
    "\"contentVersion\":\"1.0.0.0\",\"resources\":[]}",
};

static void see_reference(const struct expr *expr, void *user)
{
    bool *found = user;
    *found =
        *found || (expr->kind == EXPR_CALL && expr->function && expr->function->flags & F_RUNTIME);
}

static struct roll_error *evaluate(struct work *work, const struct roll_template *tmpl,
                                   const char *expression, json_t **ret_value)
{
    struct env *env = NULL;
    struct node *node = NULL;
    roll_auto(json) json_t *text = json_text(expression);
    json_t *value = NULL;
    bool refers = false;
    size_t size = 0;
    ROLL_TRY(env_for_input(work, tmpl, &env));
    ROLL_TRY(node_compile(work->arena, text, &work->trail, &node));
    node_walk(node, see_reference, &refers);
    struct eval eval = {.work = work, .env = env, .place = PLACE_OUTPUT};
    if (refers) {
        ROLL_TRY(level_plan(env->level));
        ROLL_TRY(level_depends(env->level));
    }
    ROLL_TRY(eval_node(&eval, node, &value));
    return value_finish(work, value, false, false, &size, ret_value);
}

struct roll_error *roll_template_eval(const struct roll_template *tmpl,
                                      const struct roll_template_input *input,
                                      const char *expression, json_t **ret_value)
{
    roll_auto(template) struct roll_template *empty = NULL;
    enum roll_scope_kind scope = input ? input->context.scope : ROLL_SCOPE_GROUP;
    if (!tmpl) {
        ROLL_TRY(roll_template_read(empty_templates[scope], strlen(empty_templates[scope]), NULL,
                                    &empty));
        tmpl = empty;
    }
    if (!g_utf8_validate(expression, -1, NULL))
        return roll_error_new(ROLL_E_INVALID, "the expression is not valid UTF-8");
    struct work *work = work_new(input);
    struct roll_error *err = evaluate(work, tmpl, expression, ret_value);
    work_free(work);
    return err;
}
