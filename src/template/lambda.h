/* What the functions with a lambda share. A lambda is no value: only a direct argument of these. */
#ifndef ROLL_TEMPLATE_LAMBDA_H
#define ROLL_TEMPLATE_LAMBDA_H

#include "function.h"

#define MAX_VARIABLES_OF_LAMBDA 3

/* All borrowed, from the call that it was read from. */
struct lambda {
    const struct eval *eval;
    unsigned count; /* of variables */
    const char *names[MAX_VARIABLES_OF_LAMBDA];
    const struct expr *body;
};

/* The call's argument at index (0-based), which has to be a lambda with least to most variables. */
struct roll_error *lambda_read(const struct eval *eval, const struct expr *call, unsigned index,
                               unsigned least, unsigned most, struct lambda *lambda) ROLL_CHECKED;
/* values are borrowed; those beyond the lambda's variables are not used. */
struct roll_error *lambda_run(const struct lambda *lambda, json_t *const *values,
                              json_t **ret_value) ROLL_CHECKED;
/* With an element, and with its index where the lambda has a second variable. */
struct roll_error *lambda_run_indexed(const struct lambda *lambda, json_t *element, size_t index,
                                      json_t **ret_value) ROLL_CHECKED;

/* What a lambda goes over. */
struct lambda_input {
    json_t *given; /* owned */
    json_t *known; /* borrowed: the array or object; NULL: unknown */
};
void lambda_input_clear(struct lambda_input *input);
/* The call's first argument. input starts empty and is to be cleared also after an error. */
struct roll_error *lambda_input_read(const struct eval *eval, const struct expr *call,
                                     json_type type, struct lambda_input *input) ROLL_CHECKED;

typedef struct roll_error *lambda_body(const struct eval *eval, const struct expr *call,
                                       const struct lambda_input *input, json_t **ret_value);
/* Runs body when the input is known; its NULL result stands for "unknown". */
struct roll_error *lambda_over(const struct eval *eval, const struct expr *call, json_type type,
                               lambda_body *body, json_t **ret_value) ROLL_CHECKED;

/* The call with what is known of its arguments, as a marker: first, second (or NULL) evaluated, the
 * lambdas reduced. Borrowed, as markers are. */
json_t *lambda_unknown(const struct eval *eval, const struct expr *call, json_t *first,
                       json_t *second);

#endif
