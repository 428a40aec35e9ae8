/* parameters(), variables(), copyIndex(). */
#include "function.h"

/* The one text argument; a name that is unknown makes the call unknown. */
static struct roll_error *name_argument(const struct eval *eval, const struct expr *call,
                                        json_t **ret_name, json_t **ret_value)
{
    roll_auto(json) json_t *name = NULL;
    ROLL_TRY(eval_expr(eval, call->args[0], &name));
    json_t *known = is_marker(name) ? marker_of(name)->hidden : name;
    if (!known) {
        const struct expr *arg = expr_of(eval->work, name);
        *ret_value = marker_new(eval->work, expr_call(eval->work, call->name, &arg, 1));
        return NULL;
    }
    if (!json_is_string(known))
        return argument_type_error(call->function, 0, T_STRING, known);
    *ret_name = json_incref(known);
    return NULL;
}

struct roll_error *special_parameters(const struct eval *eval, const struct expr *call,
                                      json_t **ret_value)
{
    roll_auto(json) json_t *name = NULL;
    const char *literal = expr_literal_text(call->args[0]);
    if (literal)
        return eval_parameter(eval, literal, ret_value);
    ROLL_TRY(name_argument(eval, call, &name, ret_value));
    return name ? eval_parameter(eval, json_string_value(name), ret_value) : NULL;
}

struct roll_error *special_variables(const struct eval *eval, const struct expr *call,
                                     json_t **ret_value)
{
    roll_auto(json) json_t *name = NULL;
    const char *literal = expr_literal_text(call->args[0]);
    if (literal)
        return eval_variable(eval, literal, ret_value);
    ROLL_TRY(name_argument(eval, call, &name, ret_value));
    return name ? eval_variable(eval, json_string_value(name), ret_value) : NULL;
}

static struct roll_error *misplaced(void)
{
    return template_error(
        "The template function 'copyIndex' is not expected at this location. The function can only "
        "be used in a resource with copy specified. Please see https://aka.ms/arm-copy for usage "
        "details.");
}

/* Unnamed: the resource's or output's loop, never a property's. */
static const struct frame *find_loop(const struct frame *frame, const char *name)
{
    for (; frame; frame = frame->outer) {
        if (frame->kind == FRAME_LAMBDA)
            continue;
        if (name ? frame->name && g_ascii_strcasecmp(frame->name, name) == 0
                 : frame->kind != FRAME_PROPERTY)
            return frame;
    }
    return NULL;
}

struct roll_error *special_copy_index(const struct eval *eval, const struct expr *call,
                                      json_t **ret_value)
{
    roll_auto(json) json_t *first = NULL;
    roll_auto(json) json_t *second = NULL;
    json_int_t offset = 0;
    json_int_t index;
    if (call->count > 0)
        ROLL_TRY(eval_identity_expr(eval, call->args[0], &first));
    if (call->count > 1)
        ROLL_TRY(eval_identity_expr(eval, call->args[1], &second));
    if (first && !json_is_string(first) && !(json_is_integer(first) && !second))
        return argument_type_error(call->function, 0, second ? T_STRING : T_STRING | T_INT, first);
    if (second && !json_is_integer(second))
        return argument_type_error(call->function, 1, T_INT, second);
    const struct frame *frame =
        find_loop(eval->frame, json_is_string(first) ? json_string_value(first) : NULL);
    if (!frame && json_is_string(first))
        return template_error(
            "The template function 'copyIndex' is not expected at this location: there is no loop "
            "with the name '%s' around it.",
            json_string_value(first));
    if (!frame)
        return misplaced();
    offset = json_integer_value(second ? second : first);
    if (__builtin_add_overflow(frame->index, offset, &index))
        return template_error("The template language function 'copyIndex' overflowed with the "
                              "offset '%" JSON_INTEGER_FORMAT "'.",
                              offset);
    *ret_value = json_integer(index);
    return NULL;
}
