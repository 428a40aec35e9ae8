/* Lambdas, and the array or object that functions with a lambda go over. */
#include "lambda.h"

struct roll_error *lambda_read(const struct eval *eval, const struct expr *call, unsigned index,
                               unsigned least, unsigned most, struct lambda *lambda)
{
    const struct expr *expr = call->args[index];
    lambda->eval = eval;
    if (expr->kind != EXPR_CALL || !expr->function || expr->function->special != special_lambda)
        return template_error(
            "The template language function '%s' expects parameter '%u' to be a lambda function. "
            "Please see https://aka.ms/arm-functions for usage details.",
            call->function->name, index + 1);
    lambda->count = expr->count - 1;
    if (expr->count < 1 || lambda->count < least || lambda->count > most)
        return template_error(
            "The template language function '%s' expects a lambda function with '%u' to '%u' "
            "variables. The provided one has '%u'.",
            call->function->name, least, most, expr->count - 1);
    for (unsigned i = 0; i < lambda->count; i++) {
        lambda->names[i] = expr_literal_text(expr->args[i]);
        if (!lambda->names[i])
            return template_error("The variables of a lambda function must be string literals.");
    }
    lambda->body = expr->args[lambda->count];
    return NULL;
}

struct roll_error *lambda_run(const struct lambda *lambda, json_t *const *values,
                              json_t **ret_value)
{
    struct frame frames[MAX_VARIABLES_OF_LAMBDA];
    struct eval inner = *lambda->eval;
    for (unsigned i = 0; i < lambda->count; i++) {
        frames[i] = (struct frame){.kind = FRAME_LAMBDA,
                                   .name = lambda->names[i],
                                   .value = values[i],
                                   .outer = inner.frame};
        inner.frame = &frames[i];
    }
    return eval_expr(&inner, lambda->body, ret_value);
}

struct roll_error *lambda_run_indexed(const struct lambda *lambda, json_t *element, size_t index,
                                      json_t **ret_value)
{
    roll_auto(json) json_t *number = lambda->count > 1 ? json_integer((json_int_t)index) : NULL;
    json_t *const values[] = {element, number};
    ROLL_TRY(work_hold(lambda->eval->work, ROLL_JSON_NUMBER_BYTES));
    return lambda_run(lambda, values, ret_value);
}

/* The lambda with what is known of its body filled in, its variables left as they are. */
static const struct expr *lambda_reduce(const struct lambda *lambda)
{
    struct work *work = lambda->eval->work;
    struct frame frames[MAX_VARIABLES_OF_LAMBDA];
    const struct expr *args[MAX_VARIABLES_OF_LAMBDA + 1];
    struct eval inner = *lambda->eval;
    for (unsigned i = 0; i < lambda->count; i++) {
        args[i] = expr_text(work, lambda->names[i]);
        frames[i] = (struct frame){
            .kind = FRAME_LAMBDA,
            .name = lambda->names[i],
            .value = marker_new(work, expr_call(work, "lambdaVariables", &args[i], 1)),
            .outer = inner.frame};
        inner.frame = &frames[i];
    }
    args[lambda->count] = expr_reduce(&inner, lambda->body);
    return expr_call(work, "lambda", args, lambda->count + 1);
}

json_t *lambda_unknown(const struct eval *eval, const struct expr *call, json_t *first,
                       json_t *second)
{
    struct work *work = eval->work;
    const struct expr *args[3] = {expr_of(work, first), second ? expr_of(work, second) : NULL,
                                  NULL};
    for (unsigned i = second ? 2 : 1; i < call->count && i < 3; i++) {
        struct lambda lambda = {0};
        struct roll_error *err = lambda_read(eval, call, i, 0, MAX_VARIABLES_OF_LAMBDA, &lambda);
        args[i] = err ? call->args[i] : lambda_reduce(&lambda);
        roll_error_free(err);
    }
    return marker_new(work, expr_call(work, call->name, args, call->count));
}

/* ---- the first argument ---- */

void lambda_input_clear(struct lambda_input *input)
{
    json_decref(input->given);
}

struct roll_error *lambda_input_read(const struct eval *eval, const struct expr *call,
                                     json_type type, struct lambda_input *input)
{
    ROLL_TRY(eval_expr(eval, call->args[0], &input->given));
    json_t *known = is_marker(input->given) ? marker_of(input->given)->hidden : input->given;
    if (known && json_typeof(known) != type)
        return template_error(
            "The template language function '%s' expects its first parameter to be of type '%s'. "
            "The provided value is of type '%s'. Please see https://aka.ms/arm-functions for usage "
            "details.",
            call->function->name, type == JSON_ARRAY ? "Array" : "Object", type_word(known));
    input->known = known;
    return NULL;
}

/* A result made from a hidden input is hidden. Steals value. */
static json_t *hide_like(const struct eval *eval, const struct expr *call,
                         const struct lambda_input *input, json_t *value)
{
    if (!is_marker(input->given))
        return value;
    return marker_hide(eval->work, marker_of(lambda_unknown(eval, call, input->given, NULL))->expr,
                       value);
}

struct roll_error *lambda_over(const struct eval *eval, const struct expr *call, json_type type,
                               lambda_body *body, json_t **ret_value)
{
    __attribute__((cleanup(lambda_input_clear))) struct lambda_input input = {0};
    json_t *value = NULL;
    ROLL_TRY(lambda_input_read(eval, call, type, &input));
    if (input.known)
        ROLL_TRY(body(eval, call, &input, &value));
    *ret_value = value ? hide_like(eval, call, &input, value)
                       : lambda_unknown(eval, call, input.given, NULL);
    return NULL;
}
