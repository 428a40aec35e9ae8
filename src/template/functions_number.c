/* Numeric functions (reference 17.3): signed 64 bit, overflow is an error. */
#include "function.h"

#include <math.h>

static struct roll_error *overflow_error(const struct call *call)
{
    return template_error(
        "The template language function '%s' overflowed with the operants '%" JSON_INTEGER_FORMAT
        "' and '%" JSON_INTEGER_FORMAT "'.",
        call->function->name, json_integer_value(call->args[0]), json_integer_value(call->args[1]));
}

struct roll_error *function_add(const struct call *call, json_t **ret_value)
{
    json_int_t result;
    if (__builtin_add_overflow(json_integer_value(call->args[0]), json_integer_value(call->args[1]),
                               &result))
        return overflow_error(call);
    *ret_value = json_integer(result);
    return NULL;
}

struct roll_error *function_sub(const struct call *call, json_t **ret_value)
{
    json_int_t result;
    if (__builtin_sub_overflow(json_integer_value(call->args[0]), json_integer_value(call->args[1]),
                               &result))
        return overflow_error(call);
    *ret_value = json_integer(result);
    return NULL;
}

struct roll_error *function_mul(const struct call *call, json_t **ret_value)
{
    json_int_t result;
    if (__builtin_mul_overflow(json_integer_value(call->args[0]), json_integer_value(call->args[1]),
                               &result))
        return overflow_error(call);
    *ret_value = json_integer(result);
    return NULL;
}

static struct roll_error *check_divisor(const struct call *call)
{
    json_int_t divisor = json_integer_value(call->args[1]);
    if (divisor == 0)
        return function_error(call, "was invoked with a divisor of zero.");
    if (divisor == -1 && json_integer_value(call->args[0]) == G_MININT64)
        return overflow_error(call);
    return NULL;
}

struct roll_error *function_div(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(check_divisor(call));
    *ret_value =
        json_integer(json_integer_value(call->args[0]) / json_integer_value(call->args[1]));
    return NULL;
}

struct roll_error *function_mod(const struct call *call, json_t **ret_value)
{
    ROLL_TRY(check_divisor(call));
    *ret_value =
        json_integer(json_integer_value(call->args[0]) % json_integer_value(call->args[1]));
    return NULL;
}

/* The extreme of several integers or of one array of them. */
static struct roll_error *extreme(const struct call *call, int sign, json_t **ret_value)
{
    const json_t *array = call->count == 1 && json_is_array(call->args[0]) ? call->args[0] : NULL;
    size_t count = array ? json_array_size(array) : call->count;
    json_int_t best = 0;
    if (count == 0)
        return function_error(call, "expects at least one integer.");
    for (size_t i = 0; i < count; i++) {
        json_t *value = array ? json_array_get(array, i) : call->args[i];
        if (!json_is_integer(value))
            return function_error(
                call,
                "expects its parameters to be integers or one array of integers. The provided "
                "value is of type '%s'.",
                type_word(value));
        json_int_t number = json_integer_value(value);
        if (i == 0 || (sign < 0 ? number < best : number > best))
            best = number;
    }
    *ret_value = json_integer(best);
    return NULL;
}

struct roll_error *function_min(const struct call *call, json_t **ret_value)
{
    return extreme(call, -1, ret_value);
}

struct roll_error *function_max(const struct call *call, json_t **ret_value)
{
    return extreme(call, 1, ret_value);
}

struct roll_error *function_int(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    gint64 number = json_integer_value(arg);
    if (json_is_string(arg)) {
        g_autofree char *text = g_strstrip(g_strdup(json_string_value(arg)));
        const char *digits = text[0] == '+' && g_ascii_isdigit(text[1]) ? text + 1 : text;
        if (!g_ascii_string_to_signed(digits, 10, G_MININT64, G_MAXINT64, &number, NULL))
            return function_error(call, "cannot convert provided value '%s' to integer value.",
                                  json_string_value(arg));
    } else if (json_is_real(arg)) {
        double real = json_real_value(arg);
        if (!(fabs(real) < 9.2e18))
            return function_error(call, "cannot convert provided value '%g' to integer value.",
                                  real);
        number = (gint64)real;
    }
    *ret_value = json_integer(number);
    return NULL;
}

struct roll_error *function_float(const struct call *call, json_t **ret_value)
{
    const json_t *arg = call->args[0];
    double number = json_number_value(arg);
    if (json_is_string(arg)) {
        g_autofree char *text = g_strstrip(g_strdup(json_string_value(arg)));
        char *end = NULL;
        number = g_ascii_strtod(text, &end);
        bool plain = strspn(text, "0123456789+-.eE") == strlen(text);
        if (!plain || end == text || *end || !isfinite(number))
            return function_error(call, "cannot convert provided value '%s' to a number.",
                                  json_string_value(arg));
    }
    *ret_value = json_real(number);
    return NULL;
}

struct roll_error *function_range(const struct call *call, json_t **ret_value)
{
    json_int_t start = json_integer_value(call->args[0]);
    json_int_t count = json_integer_value(call->args[1]);
    if (count < 0 || count > 10000)
        return function_error(
            call,
            "expects its second parameter 'count' to be between 0 and 10000. The provided value "
            "is '%" JSON_INTEGER_FORMAT "'.",
            count);
    if (start > G_MAXINT32 || start < G_MININT32 || start + count > G_MAXINT32)
        return function_error(
            call, "expects the sum of start index and count to be no larger than 2147483647.");
    ROLL_TRY(work_burn(call->eval->work, (size_t)count));
    ROLL_TRY(
        work_hold(call->eval->work, ARRAY_BYTES(count) + ROLL_JSON_NUMBER_BYTES * (size_t)count));
    json_t *array = json_array();
    for (json_int_t i = 0; i < count; i++)
        json_array_append_new(array, json_integer(start + i));
    *ret_value = array;
    return NULL;
}
