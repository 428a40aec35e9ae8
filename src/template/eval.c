/* Evaluating expressions, within the bounds of one expansion. */
#include "function.h"

static struct roll_error *made_error(void)
{
    return roll_error_new(ROLL_E_TEMPLATE,
                          "the template makes too many values (more than %u bytes)", MAX_MADE);
}

struct roll_error *work_burn(struct work *work, size_t steps)
{
    if (work->made > MAX_MADE)
        return made_error();
    if (work->fuel <= steps) {
        work->fuel = 0;
        return roll_error_new(ROLL_E_TEMPLATE,
                              "the template takes too many steps to evaluate (more than %d)",
                              MAX_FUEL);
    }
    work->fuel -= steps;
    return NULL;
}

struct roll_error *work_make(struct work *work, size_t bytes)
{
    if (bytes > MAX_TEXT)
        return roll_error_new(ROLL_E_TEMPLATE, "a value is larger than '%u' bytes", MAX_TEXT);
    return work_hold(work, bytes);
}

struct roll_error *work_hold(struct work *work, size_t bytes)
{
    work->made += bytes;
    return work->made > MAX_MADE ? made_error() : NULL;
}

size_t container_bytes(const json_t *value)
{
    const char *key;
    json_t *element;
    size_t bytes = OBJECT_BYTES(json_object_size(value));
    if (json_is_array(value))
        return ARRAY_BYTES(json_array_size(value));
    json_object_foreach ((json_t *)(uintptr_t)value, key, element)
        bytes += strlen(key);
    return bytes;
}

/* ---- access: base.name, base[index] ---- */

static struct roll_error *missing_property(const json_t *base, const char *name)
{
    const char *key;
    json_t *value;
    g_autoptr(GString) available = g_string_new(NULL);
    json_object_foreach ((json_t *)(uintptr_t)base, key, value) {
        g_string_append_printf(available, "%s%s", available->len > 0 ? ", " : "", key);
        if (available->len > 1000)
            break;
    }
    return template_error(
        "The language expression property '%s' doesn't exist, available properties are '%s'.", name,
        available->str);
}

static struct roll_error *access_known(json_t *base, json_t *index, json_t **ret_value)
{
    g_autoptr(GString) name = g_string_new(NULL);
    if (json_is_object(index) || json_is_array(index))
        g_string_append(name, type_word(index));
    else
        value_text(index, name);
    if (json_is_object(base) && json_is_string(index)) {
        json_t *found = object_get(base, json_string_value(index));
        if (!found)
            return missing_property(base, name->str);
        *ret_value = json_incref(found);
        return NULL;
    }
    if (json_is_array(base) && json_is_integer(index)) {
        json_int_t at = json_integer_value(index);
        if (at < 0 || (size_t)at >= json_array_size(base))
            return template_error(
                "The language expression property array index '%s' is out of bounds.", name->str);
        *ret_value = json_incref(json_array_get(base, (size_t)at));
        return NULL;
    }
    if (json_is_array(base))
        return template_error(
            "The language expression property '%s' can't be evaluated, property index must be an "
            "integer.",
            name->str);
    return template_error("The language expression property '%s' can't be evaluated.", name->str);
}

static struct roll_error *eval_access(const struct eval *eval, json_t *base, json_t *index,
                                      const struct expr *written, json_t **ret_value)
{
    struct work *work = eval->work;
    json_t *known_base = is_marker(base) ? marker_of(base)->hidden : base;
    json_t *known_index = is_marker(index) ? marker_of(index)->hidden : index;
    if (is_marker(base) && marker_of(base)->facet && json_is_string(known_index)) {
        json_t *found = object_get(marker_of(base)->facet, json_string_value(known_index));
        if (found) {
            *ret_value = json_incref(found);
            return NULL;
        }
    }
    if (!known_base || !known_index) {
        *ret_value = marker_new(work, expr_access(work, expr_of(work, base), expr_of(work, index),
                                                  written->dotted && !is_marker(index)));
        return NULL;
    }
    json_t *value = NULL;
    ROLL_TRY(access_known(known_base, known_index, &value));
    if (is_marker(base))
        value = marker_hide(
            work, expr_access(work, expr_of(work, base), expr_of(work, index), written->dotted),
            value);
    *ret_value = value;
    return NULL;
}

static struct roll_error *eval_access_expr(const struct eval *eval, const struct expr *expr,
                                           json_t **ret_value)
{
    roll_auto(json) json_t *base = NULL;
    roll_auto(json) json_t *index = NULL;
    ROLL_TRY(eval_expr(eval, expr->args[0], &base));
    ROLL_TRY(eval_expr(eval, expr->args[1], &index));
    return eval_access(eval, base, index, expr, ret_value);
}

/* ---- calls ---- */

static struct roll_error *check_place(const struct eval *eval, const struct expr *expr)
{
    const unsigned runtime = PLACE_BODY | PLACE_OUTPUT;
    unsigned flags = expr->function->flags;
    if ((flags & F_RUNTIME && !(eval->place & runtime)) ||
        (flags & F_DEFAULT && eval->place != PLACE_PARAMETER))
        return template_error(
            "The template function '%s' is not expected at this location. Please see "
            "https://aka.ms/arm-functions for usage details.",
            flags & F_LIST ? expr->name : expr->function->name);
    return NULL;
}

static struct roll_error *check_count(const struct expr *expr)
{
    const struct function *function = expr->function;
    if (expr->count >= function->min && (expr->count <= function->max || function->max == MANY))
        return NULL;
    if (function->max == MANY)
        return template_error(
            "Unable to evaluate template language function '%s': function requires at least '%d' "
            "argument(s) while '%u' were provided.",
            function->name, function->min, expr->count);
    if (function->min != function->max)
        return template_error(
            "Unable to evaluate template language function '%s': function requires '%d' to '%d' "
            "argument(s) while '%u' were provided.",
            function->name, function->min, function->max, expr->count);
    return template_error(
        "Unable to evaluate template language function '%s': function requires '%d' argument(s) "
        "while '%u' were provided.",
        function->name, function->min, expr->count);
}

static struct roll_error *check_types(const struct call *call)
{
    unsigned mask = T_ANY;
    for (unsigned i = 0; i < call->count; i++) {
        unsigned given = i < G_N_ELEMENTS(call->function->types) ? call->function->types[i] : 0;
        mask = given ? given : mask;
        if (!is_marker(call->args[i]) && !(value_type_mask(call->args[i]) & mask))
            return argument_error(call->function, i, call->args[i]);
    }
    return NULL;
}

static struct roll_error *run_body(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(check_types(call));
    return call->function->body(call, ret_value);
}

static const struct expr *residual_call(const struct call *call)
{
    const struct expr **args = g_newa(const struct expr *, call->count + 1);
    for (unsigned i = 0; i < call->count; i++)
        args[i] = expr_of(call->eval->work, call->args[i]);
    return expr_call(call->eval->work, call->expr->name, args, call->count);
}

json_t *call_unknown(const struct call *call)
{
    return marker_new(call->eval->work, residual_call(call));
}

/* Some argument is not plain: the call is hidden if all can be revealed, else unknown. */
static struct roll_error *run_marked(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    g_autoptr(GPtrArray) revealed = g_ptr_array_new_with_free_func((GDestroyNotify)json_decref);
    for (unsigned i = 0; i < call->count; i++) {
        json_t *arg = call->args[i];
        json_t *plain = call->function->flags & F_DEEP || is_marker(arg) ? value_reveal(work, arg)
                                                                         : json_incref(arg);
        if (!plain) {
            *ret_value = marker_new(work, residual_call(call));
            return NULL;
        }
        g_ptr_array_add(revealed, plain);
    }
    struct call plain = *call;
    json_t *value = NULL;
    plain.args = (json_t **)revealed->pdata;
    ROLL_TRY(run_body(&plain, &value));
    *ret_value = marker_hide(work, residual_call(call), value);
    return NULL;
}

static struct roll_error *eval_call(const struct eval *eval, const struct expr *expr,
                                    json_t **ret_value)
{
    if (expr->space)
        return eval_user_function(eval, expr, ret_value);
    if (!expr->function)
        return template_error(
            "The template function '%s' is not valid. Please see https://aka.ms/arm-functions for "
            "usage details.",
            expr->name);
    ROLL_TRY(check_place(eval, expr));
    ROLL_TRY(check_count(expr));
    if (expr->function->special)
        return expr->function->special(eval, expr, ret_value);
    struct roll_error *err = NULL;
    bool marked = false;
    json_t *few[8] = {NULL};
    json_t **args = expr->count <= G_N_ELEMENTS(few) ? few : g_new0(json_t *, expr->count);
    struct call call = {.eval = eval, .function = expr->function, .expr = expr, .args = args};
    for (; call.count < expr->count && !err; call.count += !err) {
        err = eval_expr(eval, expr->args[call.count], &args[call.count]);
        if (!err && eval->work->markers > 0 && !(expr->function->flags & F_OPEN))
            marked =
                marked || is_marker(args[call.count]) ||
                (expr->function->flags & F_DEEP && value_has_marker(eval->work, args[call.count]));
    }
    if (!err)
        err = marked ? run_marked(&call, ret_value) : run_body(&call, ret_value);
    for (unsigned i = 0; i < call.count; i++)
        json_decref(args[i]);
    if (args != few)
        g_free(args);
    return err;
}

struct roll_error *eval_expr(const struct eval *eval, const struct expr *expr, json_t **ret_value)
{
    struct work *work = eval->work;
    struct roll_error *err = NULL;
    if (expr->kind == EXPR_LITERAL) {
        *ret_value = expr->literal ? json_incref(expr->literal) : json_text(expr->name);
        return NULL;
    }
    ROLL_TRY(work_burn(work, 1));
    if (work->depth >= MAX_DEPTH)
        return roll_error_new(ROLL_E_TEMPLATE,
                              "expressions refer to one another more than '%d' levels deep",
                              MAX_DEPTH);
    work->depth++;
    /* its result, roughly: larger ones are counted where they are made */
    work->made += ROLL_JSON_NUMBER_BYTES;
    if (expr->kind == EXPR_ACCESS)
        err = eval_access_expr(eval, expr, ret_value);
    else
        err = eval_call(eval, expr, ret_value);
    work->depth--;
    return err;
}
