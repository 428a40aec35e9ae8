/* The functions of the language: one table declares them (table.c), one evaluator each. */
#ifndef ROLL_TEMPLATE_FUNCTION_H
#define ROLL_TEMPLATE_FUNCTION_H

#include "eval.h"

/* ---- functions (table.c, functions_*.c) ---- */
enum function_flag {
    F_NAMES = 1,   /* string literals among the arguments need no JSON value */
    F_DEEP = 2,    /* looks inside containers: a marker anywhere makes the call unknown */
    F_RUNTIME = 4, /* allowed in bodies and outputs only */
    F_DEFAULT = 8, /* allowed in parameter defaults only */
    F_LIST = 16,   /* list* */
    F_OPEN = 32,   /* takes markers as arguments itself */
};

#define MANY 255

struct call {
    const struct eval *eval;
    const struct function *function;
    const struct expr *expr;
    json_t **args;
    unsigned count;
};

typedef struct roll_error *function_body(const struct call *call, json_t **ret_value);
typedef struct roll_error *function_special(const struct eval *eval, const struct expr *call,
                                            json_t **ret_value);

struct function {
    const char *key;  /* lower case: the table is sorted by it */
    const char *name; /* as messages spell it */
    unsigned char min, max;
    unsigned char types[4]; /* the last one holds for the rest; 0: as the one before */
    unsigned flags;
    function_body *body;       /* arguments are evaluated and checked */
    function_special *special; /* or: evaluates its arguments itself */
};

const struct function *function_find(const char *name, size_t size); /* without regard to case */
size_t function_count(void);
const struct function *function_at(size_t index);

/* clang-format off */
#define FUNCTION_BODIES(X)                                                                         \
    X(equals) X(greater) X(greater_or_equals) X(less) X(less_or_equals)                            \
    X(not) X(bool) X(true) X(false) X(null)                                                        \
    X(add) X(sub) X(mul) X(div) X(mod) X(min) X(max) X(int) X(float) X(range)                      \
    X(array) X(create_array) X(create_object) X(concat) X(contains) X(empty) X(length)             \
    X(first) X(last) X(skip) X(take) X(union) X(intersection) X(shallow_merge)                     \
    X(items) X(object_keys) X(flatten) X(distinct) X(index_of) X(last_index_of) X(join)            \
    X(try_get) X(index_from_end) X(try_index_from_end)                                             \
    X(json) X(base64) X(base64_to_string) X(base64_to_json) X(data_uri) X(data_uri_to_string)      \
    X(ends_with) X(starts_with) X(format) X(guid) X(unique_string) X(new_guid) X(pad_left)         \
    X(replace) X(split) X(string) X(substring) X(to_lower) X(to_upper) X(trim) X(like)             \
    X(uri) X(uri_component) X(uri_component_to_string) X(build_uri) X(parse_uri)                   \
    X(utc_now) X(date_time_add) X(date_time_from_epoch) X(date_time_to_epoch)                      \
    X(resource_id) X(subscription_resource_id) X(management_group_resource_id)                     \
    X(tenant_resource_id) X(extension_resource_id) X(pick_zones) X(providers) X(unknown)           \
    X(parse_cidr) X(cidr_subnet) X(cidr_host) X(fail)                                              \
    X(external_inputs) X(environment) X(deployment) X(deployer) X(resource_group)                  \
    X(subscription) X(management_group) X(tenant)
#define FUNCTION_SPECIALS(X)                                                                       \
    X(if) X(and) X(or) X(coalesce) X(parameters) X(variables) X(copy_index)                        \
    X(lambda) X(lambda_variables) X(filter) X(map) X(reduce) X(sort) X(to_object) X(map_values)    \
    X(group_by) X(reference) X(references) X(list)
/* clang-format on */
#define DECLARE_BODY(name)                                                                         \
    struct roll_error *function_##name(const struct call *call, json_t **ret_value) ROLL_CHECKED;
#define DECLARE_SPECIAL(name)                                                                      \
    struct roll_error *special_##name(const struct eval *eval, const struct expr *call,            \
                                      json_t **ret_value) ROLL_CHECKED;
FUNCTION_BODIES(DECLARE_BODY)
FUNCTION_SPECIALS(DECLARE_SPECIAL)
#undef DECLARE_BODY
#undef DECLARE_SPECIAL

/* The call with what is known of its arguments, as a marker: for evaluators that find markers
 * themselves. Borrowed. */
json_t *call_unknown(const struct call *call);
/* "Unable to evaluate template language function 'f': …" and "The template language function 'f'
 * …". */
struct roll_error *function_error(const struct call *call, const char *format, ...)
    ROLL_PRINTF(2, 3) ROLL_CHECKED;
/* The error for an argument of the wrong type, 0-based: none of those that the table declares. */
struct roll_error *argument_error(const struct function *function, unsigned index, json_t *value)
    ROLL_CHECKED;
/* The same where the other arguments decide which types fit. */
struct roll_error *argument_type_error(const struct function *function, unsigned index,
                                       unsigned mask, const json_t *value) ROLL_CHECKED;
struct roll_error *return_text(const struct call *call, GString *text, json_t **ret_value)
    ROLL_CHECKED; /* steals */
struct roll_error *return_chars(const struct call *call, const char *text, size_t size,
                                json_t **ret_value) ROLL_CHECKED;

/* ---- shared by some of them ---- */
struct roll_error *index_of_text(const struct call *call, bool last, json_t **ret_value)
    ROLL_CHECKED; /* indexOf */
/* The first element that equals wanted; index SIZE_MAX: none, of which ret_unknown says that it may
 * not be known: there or in wanted is a marker. */
struct roll_error *array_find(const struct call *call, const json_t *array, json_t *wanted,
                              size_t *ret_index, bool *ret_unknown) ROLL_CHECKED;
/* A number by a custom picture, such as #,##0.00 (picture.c). */
void append_picture(json_int_t number, const char *picture, GString *out);

#endif
