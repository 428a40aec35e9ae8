/* Where something flows to, without evaluating: through parameters' defaults, variables and user
 * functions. */
#include "function.h"

static bool any_of(size_t count, bool (*one)(struct taint *, size_t), struct taint *taint)
{

    for (size_t i = 0; i < count; i++)
        if (one(taint, i))
            return true;
    return false;
}

static bool parameter_at(struct taint *taint, size_t index)
{
    const struct parameter *parameter = &taint->program->parameters[index];
    enum taint_state *state = &taint->parameters[index];
    if (*state == TAINT_UNSEEN) {
        *state = TAINT_CLEAN; /* while it is looked at: a cycle adds nothing */
        bool found = taint->parameter_seed && taint->parameter_seed(parameter);
        found = found || (parameter->fallback && taint_node(taint, parameter->fallback));
        *state = found ? TAINT_FOUND : TAINT_CLEAN;
    }
    return *state == TAINT_FOUND;
}

static bool copy_has(struct taint *taint, const struct copy *copy)
{
    const struct node *const parts[] = {copy->count, copy->input, copy->name};
    for (size_t i = 0; i < G_N_ELEMENTS(parts); i++)
        if (parts[i] && taint_node(taint, parts[i]))
            return true;
    return false;
}

static bool variable_at(struct taint *taint, size_t index)
{
    const struct variable *variable = &taint->program->variables[index];
    enum taint_state *state = &taint->variables[index];
    if (*state == TAINT_UNSEEN) {
        *state = TAINT_CLEAN;
        bool found =
            variable->copy ? copy_has(taint, variable->copy) : taint_node(taint, variable->value);
        *state = found ? TAINT_FOUND : TAINT_CLEAN;
    }
    return *state == TAINT_FOUND;
}

/* parameters('x') or variables('x'); a name that is no literal may be any. */
static bool named(struct taint *taint, const struct expr *expr, const struct names *names,
                  size_t count, bool (*one)(struct taint *, size_t))
{
    const char *name = expr->count > 0 ? expr_literal_text(expr->args[0]) : NULL;
    size_t index;
    if (!name)
        return any_of(count, one, taint);
    return names_find(names, name, &index) && one(taint, index);
}

static bool function_body_has(struct taint *taint, const struct expr *expr)
{
    g_autofree char *name = g_strconcat(expr->space, ".", expr->name, NULL);
    size_t index;
    if (!names_find(taint->program->function_names, name, &index))
        return false;
    enum taint_state *state = &taint->functions[index];
    if (*state == TAINT_UNSEEN) {
        *state = TAINT_CLEAN;
        bool inside = taint->inside_function;
        taint->inside_function = true; /* its parameters are its own */
        bool found = taint_node(taint, taint->program->functions[index].value);
        taint->inside_function = inside;
        *state = found ? TAINT_FOUND : TAINT_CLEAN;
    }
    return *state == TAINT_FOUND;
}

static bool taint_expr(struct taint *taint, const struct expr *expr)
{
    const struct program *program = taint->program;
    bool descend = true;
    if (taint->seed(expr, taint->user, &descend))
        return true;
    if (!descend)
        return false;
    if (expr->kind == EXPR_CALL && expr->space && function_body_has(taint, expr))
        return true;
    if (expr->kind == EXPR_CALL && expr->function && expr->function->special == special_parameters)
        return !taint->inside_function &&
               named(taint, expr, program->parameter_names, program->parameter_count, parameter_at);
    if (expr->kind == EXPR_CALL && expr->function && expr->function->special == special_variables)
        return named(taint, expr, program->variable_names, program->variable_count, variable_at);
    for (unsigned i = 0; i < expr->count; i++)
        if (taint_expr(taint, expr->args[i]))
            return true;
    return false;
}

bool taint_node(struct taint *taint, const struct node *node)
{
    if (!node)
        return false;
    if (node->kind == NODE_EXPR)
        return taint_expr(taint, node->expr);
    for (unsigned i = 0; i < node->count; i++) {
        const struct member *member = node->kind == NODE_OBJECT ? &node->members[i] : NULL;
        if (member && member->key_expr && taint_expr(taint, member->key_expr))
            return true;
        if (taint_node(taint, member ? member->value : node->items[i]))
            return true;
    }
    for (unsigned i = 0; i < node->copy_count; i++)
        if (copy_has(taint, &node->copies[i]))
            return true;
    return false;
}

bool taint_copy(struct taint *taint, const struct copy *copy)
{
    return copy && copy_has(taint, copy);
}

struct taint *taint_new(const struct program *program, taint_seed *seed, void *user)
{
    struct taint *taint = g_new0(struct taint, 1);
    taint->program = program;
    taint->seed = seed;
    taint->user = user;
    taint->parameters = g_new0(enum taint_state, program->parameter_count + 1);
    taint->variables = g_new0(enum taint_state, program->variable_count + 1);
    taint->functions = g_new0(enum taint_state, program->function_count + 1);
    return taint;
}

void taint_free(struct taint *taint)
{
    if (!taint)
        return;
    g_free(taint->parameters);
    g_free(taint->variables);
    g_free(taint->functions);
    g_free(taint);
}
