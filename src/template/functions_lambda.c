/* Functions that take a lambda (reference 17.5). */
#include "lambda.h"

/* ---- arrays ---- */

static struct roll_error *map_body(const struct eval *eval, const struct expr *call,
                                   const struct lambda_input *input, json_t **ret_value)
{
    struct lambda lambda = {0};
    size_t index;
    json_t *element;
    roll_auto(json) json_t *mapped = json_array();
    ROLL_TRY(work_hold(eval->work, ROLL_JSON_ARRAY_BYTES));
    ROLL_TRY(lambda_read(eval, call, 1, 1, 2, &lambda));
    json_array_foreach (input->known, index, element) {
        json_t *value = NULL;
        ROLL_TRY(lambda_run_indexed(&lambda, element, index, &value));
        json_array_append_new(mapped, value);
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_ITEM_BYTES));
    }
    *ret_value = g_steal_pointer(&mapped);
    return NULL;
}

struct roll_error *special_map(const struct eval *eval, const struct expr *call, json_t **ret_value)
{
    return lambda_over(eval, call, JSON_ARRAY, map_body, ret_value);
}

static struct roll_error *predicate_error(const struct expr *call, const json_t *value)
{
    return template_error(
        "The lambda function of template language function '%s' must return a value of type "
        "'Boolean'. The returned value is of type '%s'.",
        call->function->name, type_word(value));
}

static struct roll_error *filter_body(const struct eval *eval, const struct expr *call,
                                      const struct lambda_input *input, json_t **ret_value)
{
    struct lambda lambda = {0};
    size_t index;
    json_t *element;
    bool unknown = false;
    roll_auto(json) json_t *kept = json_array();
    ROLL_TRY(work_hold(eval->work, ROLL_JSON_ARRAY_BYTES));
    ROLL_TRY(lambda_read(eval, call, 1, 1, 2, &lambda));
    json_array_foreach (input->known, index, element) {
        roll_auto(json) json_t *value = NULL;
        ROLL_TRY(lambda_run_indexed(&lambda, element, index, &value));
        unknown = unknown || is_marker(value);
        if (!is_marker(value) && !json_is_boolean(value))
            return predicate_error(call, value);
        if (json_is_true(value))
            json_array_append(kept, element);
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_ITEM_BYTES));
    }
    *ret_value = unknown ? NULL : g_steal_pointer(&kept);
    return NULL;
}

struct roll_error *special_filter(const struct eval *eval, const struct expr *call,
                                  json_t **ret_value)
{
    return lambda_over(eval, call, JSON_ARRAY, filter_body, ret_value);
}

static struct roll_error *reduce_over(const struct eval *eval, const struct lambda *lambda,
                                      json_t *array, json_t **current)
{
    size_t index;
    json_t *element;
    json_array_foreach (array, index, element) {
        roll_auto(json) json_t *number = json_integer((json_int_t)index);
        json_t *const values[] = {*current, element, number};
        json_t *next = NULL;
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_NUMBER_BYTES));
        ROLL_TRY(lambda_run(lambda, values, &next));
        json_decref(*current);
        *current = next;
        /* a value that grows inwards would exhaust the stack when it is freed */
        if (index % 32 == 31)
            ROLL_TRY(value_check_depth(eval->work, next));
    }
    return NULL;
}

struct roll_error *special_reduce(const struct eval *eval, const struct expr *call,
                                  json_t **ret_value)
{
    __attribute__((cleanup(lambda_input_clear))) struct lambda_input input = {0};
    roll_auto(json) json_t *current = NULL;
    struct lambda lambda = {0};
    ROLL_TRY(lambda_input_read(eval, call, JSON_ARRAY, &input));
    ROLL_TRY(eval_expr(eval, call->args[1], &current));
    ROLL_TRY(lambda_read(eval, call, 2, 2, 3, &lambda));
    if (!input.known) {
        *ret_value = lambda_unknown(eval, call, input.given, current);
        return NULL;
    }
    ROLL_TRY(reduce_over(eval, &lambda, input.known, &current));
    ROLL_TRY(value_check_depth(eval->work, current));
    *ret_value = g_steal_pointer(&current);
    if (is_marker(input.given))
        *ret_value = marker_hide(eval->work, marker_of(input.given)->expr, *ret_value);
    return NULL;
}

/* ---- sort: a stable merge sort, since a comparison can fail ---- */

struct sorting {
    const struct lambda *lambda;
    const struct expr *call;
    json_t **items;
    json_t **spare;
    bool unknown;
};

static struct roll_error *comes_before(struct sorting *sorting, json_t *a, json_t *b,
                                       bool *ret_before)
{
    json_t *const values[] = {a, b};
    roll_auto(json) json_t *value = NULL;
    ROLL_TRY(lambda_run(sorting->lambda, values, &value));
    sorting->unknown = sorting->unknown || is_marker(value);
    if (!is_marker(value) && !json_is_boolean(value))
        return predicate_error(sorting->call, value);
    *ret_before = json_is_true(value);
    return NULL;
}

static struct roll_error *merge_sort(struct sorting *sorting, size_t from, size_t to)
{
    if (to - from < 2)
        return NULL;
    size_t middle = (from + to) / 2;
    ROLL_TRY(merge_sort(sorting, from, middle));
    ROLL_TRY(merge_sort(sorting, middle, to));
    size_t left = from;
    size_t right = middle;
    for (size_t at = from; at < to; at++) {
        bool take_right = left == middle;
        if (left < middle && right < to)
            ROLL_TRY(
                comes_before(sorting, sorting->items[right], sorting->items[left], &take_right));
        sorting->spare[at] = take_right ? sorting->items[right++] : sorting->items[left++];
    }
    memcpy(sorting->items + from, sorting->spare + from, (to - from) * sizeof(json_t *));
    return NULL;
}

static struct roll_error *sort_body(const struct eval *eval, const struct expr *call,
                                    const struct lambda_input *input, json_t **ret_value)
{
    struct lambda lambda = {0};
    size_t count = json_array_size(input->known);
    ROLL_TRY(lambda_read(eval, call, 1, 2, 2, &lambda));
    g_autofree json_t **items = g_new(json_t *, count + 1);
    g_autofree json_t **spare = g_new(json_t *, count + 1);
    for (size_t i = 0; i < count; i++)
        items[i] = json_array_get(input->known, i);
    struct sorting sorting = {.lambda = &lambda, .call = call, .items = items, .spare = spare};
    ROLL_TRY(merge_sort(&sorting, 0, count));
    ROLL_TRY(work_hold(eval->work, ARRAY_BYTES(2 * count)));
    if (sorting.unknown)
        return NULL;
    *ret_value = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append(*ret_value, items[i]);
    return NULL;
}

struct roll_error *special_sort(const struct eval *eval, const struct expr *call,
                                json_t **ret_value)
{
    return lambda_over(eval, call, JSON_ARRAY, sort_body, ret_value);
}

/* ---- objects ---- */

/* The lambdas of toObject and groupBy: a key for each element, and a value in its place. */
struct keyed {
    struct lambda key, value;
    bool has_value;
};

static struct roll_error *keyed_read(const struct eval *eval, const struct expr *call,
                                     struct keyed *keyed)
{
    keyed->has_value = call->count > 2;
    ROLL_TRY(lambda_read(eval, call, 1, 1, 1, &keyed->key));
    if (keyed->has_value)
        ROLL_TRY(lambda_read(eval, call, 2, 1, 1, &keyed->value));
    return NULL;
}

/* *ret_key, a string, and *ret_value are new references; both NULL when the key is unknown. */
static struct roll_error *keyed_run(const struct keyed *keyed, const struct expr *call,
                                    json_t *element, json_t **ret_key, json_t **ret_value)
{
    json_t *const values[] = {element};
    roll_auto(json) json_t *key = NULL;
    *ret_key = *ret_value = NULL;
    ROLL_TRY(lambda_run(&keyed->key, values, &key));
    json_t *known = is_marker(key) ? marker_of(key)->hidden : key;
    if (known && !json_is_string(known))
        return template_error("The key lambda function of template language function '%s' must "
                              "return a value of type 'String'. The returned value is of type "
                              "'%s'.",
                              call->function->name, type_word(known));
    if (!known)
        return NULL;
    if (keyed->has_value)
        ROLL_TRY(lambda_run(&keyed->value, values, ret_value));
    else
        *ret_value = json_incref(element);
    *ret_key = json_incref(known);
    return NULL;
}

static struct roll_error *to_object_body(const struct eval *eval, const struct expr *call,
                                         const struct lambda_input *input, json_t **ret_value)
{
    struct keyed keyed = {0};
    size_t index;
    json_t *element;
    roll_auto(json) json_t *object = json_object();
    ROLL_TRY(keyed_read(eval, call, &keyed));
    json_array_foreach (input->known, index, element) {
        roll_auto(json) json_t *key = NULL;
        json_t *value = NULL;
        ROLL_TRY(keyed_run(&keyed, call, element, &key, &value));
        if (!key)
            return NULL;
        object_put(object, json_string_value(key), value);
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_MEMBER_BYTES + json_string_length(key)));
    }
    *ret_value = g_steal_pointer(&object);
    return NULL;
}

struct roll_error *special_to_object(const struct eval *eval, const struct expr *call,
                                     json_t **ret_value)
{
    return lambda_over(eval, call, JSON_ARRAY, to_object_body, ret_value);
}

static struct roll_error *group_by_body(const struct eval *eval, const struct expr *call,
                                        const struct lambda_input *input, json_t **ret_value)
{
    struct keyed keyed = {0};
    size_t index;
    json_t *element;
    roll_auto(json) json_t *groups = json_object();
    ROLL_TRY(keyed_read(eval, call, &keyed));
    json_array_foreach (input->known, index, element) {
        roll_auto(json) json_t *key = NULL, *value = NULL;
        ROLL_TRY(keyed_run(&keyed, call, element, &key, &value));
        if (!key)
            return NULL;
        json_t *group = json_object_get(groups, json_string_value(key));
        if (!group) {
            object_put(groups, json_string_value(key), group = json_array());
            ROLL_TRY(work_hold(eval->work, ROLL_JSON_MEMBER_BYTES + json_string_length(key) +
                                               ROLL_JSON_ARRAY_BYTES));
        }
        json_array_append(group, value);
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_ITEM_BYTES));
    }
    *ret_value = g_steal_pointer(&groups);
    return NULL;
}

struct roll_error *special_group_by(const struct eval *eval, const struct expr *call,
                                    json_t **ret_value)
{
    return lambda_over(eval, call, JSON_ARRAY, group_by_body, ret_value);
}

static struct roll_error *map_values_body(const struct eval *eval, const struct expr *call,
                                          const struct lambda_input *input, json_t **ret_value)
{
    struct lambda lambda = {0};
    const char *key;
    json_t *element;
    roll_auto(json) json_t *mapped = json_object();
    ROLL_TRY(lambda_read(eval, call, 1, 1, 1, &lambda));
    json_object_foreach (input->known, key, element) {
        json_t *const values[] = {element};
        json_t *value = NULL;
        ROLL_TRY(lambda_run(&lambda, values, &value));
        object_put(mapped, key, value);
        ROLL_TRY(work_hold(eval->work, ROLL_JSON_MEMBER_BYTES + strlen(key)));
    }
    *ret_value = g_steal_pointer(&mapped);
    return NULL;
}

struct roll_error *special_map_values(const struct eval *eval, const struct expr *call,
                                      json_t **ret_value)
{
    return lambda_over(eval, call, JSON_OBJECT, map_values_body, ret_value);
}

/* ---- lambda and its variables ---- */

struct roll_error *special_lambda(const struct eval *eval, const struct expr *call,
                                  json_t **ret_value)
{
    (void)eval;
    (void)call;
    (void)ret_value;
    return template_error("The template function 'lambda' is not expected at this location: a "
                          "lambda function can only "
                          "be an argument of functions that take one.");
}

struct roll_error *special_lambda_variables(const struct eval *eval, const struct expr *call,
                                            json_t **ret_value)
{
    roll_auto(json) json_t *name = NULL;
    ROLL_TRY(eval_expr(eval, call->args[0], &name));
    if (!json_is_string(name))
        return argument_type_error(call->function, 0, T_STRING, name);
    for (const struct frame *frame = eval->frame; frame; frame = frame->outer)
        if (frame->kind == FRAME_LAMBDA &&
            g_ascii_strcasecmp(frame->name, json_string_value(name)) == 0) {
            *ret_value = json_incref(frame->value);
            return NULL;
        }
    return template_error("The lambda variable '%s' is not found.", json_string_value(name));
}
