/* Logical and comparison functions (reference 17.1, 17.2). */
#include "function.h"

static struct roll_error *boolean_error(const char *name)
{
    return template_error(
        "The provided arguments for template language function '%s' is not valid: all arguments "
        "should be of type 'boolean'. Please see https://aka.ms/arm-functions for usage details.",
        name);
}

struct roll_error *function_true(const struct call *call, json_t **ret_value)
{
    (void)call;
    *ret_value = json_true();
    return NULL;
}

struct roll_error *function_false(const struct call *call, json_t **ret_value)
{
    (void)call;
    *ret_value = json_false();
    return NULL;
}

struct roll_error *function_null(const struct call *call, json_t **ret_value)
{
    (void)call;
    *ret_value = json_null();
    return NULL;
}

struct roll_error *function_not(const struct call *call, json_t **ret_value)
{
    *ret_value = json_boolean(!json_is_true(call->args[0]));
    return NULL;
}

struct roll_error *function_bool(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    bool truth = json_is_true(arg) || (json_is_integer(arg) && json_integer_value(arg) != 0);
    if (json_is_string(arg)) {
        g_autofree char *text = g_strstrip(g_strdup(json_string_value(arg)));
        truth = g_ascii_strcasecmp(text, "true") == 0;
        if (!truth && g_ascii_strcasecmp(text, "false") != 0)
            return function_error(
                call,
                "was invoked with a parameter that is not valid. The value cannot be converted "
                "to the target type.");
    }
    *ret_value = json_boolean(truth);
    return NULL;
}

struct roll_error *function_equals(const struct call *call, json_t **ret_value)
{
    bool equal = false;
    ROLL_TRY(value_equal(call->eval->work, call->args[0], call->args[1], &equal));
    *ret_value = json_boolean(equal);
    return NULL;
}

static struct roll_error *order(const struct call *call, int *ret_order)
{
    const json_t *a = call->args[0];
    const json_t *b = call->args[1];
    if (json_typeof(a) != json_typeof(b))
        return function_error(
            call,
            "expects its parameters to be of the same type, both 'Integer' or both 'String'. "
            "The provided types are '%s' and '%s'.",
            type_word(a), type_word(b));
    if (json_is_string(a)) {
        ROLL_TRY(work_burn(call->eval->work, json_string_length(a) / 8));
        *ret_order = text_compare(json_string_value(a), json_string_value(b));
    } else {
        json_int_t left = json_integer_value(a);
        json_int_t right = json_integer_value(b);
        *ret_order = left < right ? -1 : left > right;
    }
    return NULL;
}

struct roll_error *function_greater(const struct call *call, json_t **ret_value)
{
    int sign = 0;
    ROLL_TRY(order(call, &sign));
    *ret_value = json_boolean(sign > 0);
    return NULL;
}

struct roll_error *function_greater_or_equals(const struct call *call, json_t **ret_value)
{
    int sign = 0;
    ROLL_TRY(order(call, &sign));
    *ret_value = json_boolean(sign >= 0);
    return NULL;
}

struct roll_error *function_less(const struct call *call, json_t **ret_value)
{
    int sign = 0;
    ROLL_TRY(order(call, &sign));
    *ret_value = json_boolean(sign < 0);
    return NULL;
}

struct roll_error *function_less_or_equals(const struct call *call, json_t **ret_value)
{
    int sign = 0;
    ROLL_TRY(order(call, &sign));
    *ret_value = json_boolean(sign <= 0);
    return NULL;
}

/* ---- those that stop early ---- */

struct roll_error *special_if(const struct eval *eval, const struct expr *call, json_t **ret_value)
{
    struct work *work = eval->work;
    roll_auto(json) json_t *condition = NULL;
    ROLL_TRY(eval_expr(eval, call->args[0], &condition));
    json_t *known = is_marker(condition) ? marker_of(condition)->hidden : condition;
    if (!known) {
        const struct expr *args[3] = {marker_of(condition)->expr, expr_reduce(eval, call->args[1]),
                                      expr_reduce(eval, call->args[2])};
        *ret_value = marker_new(work, expr_call(work, call->name, args, 3));
        return NULL;
    }
    if (!json_is_boolean(known))
        return boolean_error(call->function->name);
    return eval_expr(eval, call->args[json_is_true(known) ? 1 : 2], ret_value);
}

/* and, or: `decisive` decides. What is unknown stays in the expression unless a later argument
 * decides. */
static struct roll_error *connect(const struct eval *eval, const struct expr *call, bool decisive,
                                  json_t **ret_value)
{
    struct work *work = eval->work;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new();
    for (unsigned i = 0; i < call->count; i++) {
        roll_auto(json) json_t *value = NULL;
        struct roll_error *err = eval_expr(eval, call->args[i], &value);
        if (err && unknown->len > 0) {
            roll_error_free(err); /* an earlier argument may stop the evaluation before this one */
            g_string_truncate(work->trail.pointer, 0);
            g_ptr_array_add(unknown, (gpointer)(uintptr_t)call->args[i]);
            continue;
        }
        ROLL_TRY(err);
        if (is_marker(value)) {
            g_ptr_array_add(unknown, (gpointer)(uintptr_t)marker_of(value)->expr);
            continue;
        }
        if (!json_is_boolean(value))
            return boolean_error(call->function->name);
        if (json_is_true(value) == decisive) {
            *ret_value = json_boolean(decisive);
            return NULL;
        }
    }
    if (unknown->len == 0)
        *ret_value = json_boolean(!decisive);
    else if (unknown->len == 1)
        *ret_value = marker_new(work, unknown->pdata[0]);
    else
        *ret_value =
            marker_new(work, expr_call(work, call->name, (const struct expr *const *)unknown->pdata,
                                       unknown->len));
    return NULL;
}

struct roll_error *special_and(const struct eval *eval, const struct expr *call, json_t **ret_value)
{
    return connect(eval, call, false, ret_value);
}

struct roll_error *special_or(const struct eval *eval, const struct expr *call, json_t **ret_value)
{
    return connect(eval, call, true, ret_value);
}

struct roll_error *special_coalesce(const struct eval *eval, const struct expr *call,
                                    json_t **ret_value)
{
    struct work *work = eval->work;
    for (unsigned i = 0; i < call->count; i++) {
        roll_auto(json) json_t *value = NULL;
        ROLL_TRY(eval_expr(eval, call->args[i], &value));
        if (is_marker(value) && !marker_of(value)->hidden && i + 1 < call->count) {
            const struct expr **args = g_newa(const struct expr *, call->count);
            args[0] = marker_of(value)->expr;
            for (unsigned rest = i + 1; rest < call->count; rest++)
                args[rest - i] = expr_reduce(eval, call->args[rest]);
            *ret_value = marker_new(work, expr_call(work, call->name, args, call->count - i));
            return NULL;
        }
        if (!json_is_null(value) || i + 1 == call->count) {
            *ret_value = g_steal_pointer(&value);
            return NULL;
        }
    }
    return NULL;
}
