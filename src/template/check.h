/* roll_template_check: check.c holds the findings and the whole, check_names.c what reading shows.
 */
#ifndef ROLL_TEMPLATE_CHECK_H
#define ROLL_TEMPLATE_CHECK_H

#include "eval.h"

struct scope_names; /* what a template around this one declares */

struct checker {
    const char *text;
    size_t size;
    const char *file_name; /* or NULL */
    const struct roll_template_linker *linker;
    json_t *findings;
    GHashTable *seen;
    GString *pointer;
    unsigned errors;
    unsigned levels;
};

/* A finding ("error" or "warning") at the pointer where the checker stands. */
void check_add(struct checker *checker, const char *level, const char *format, ...)
    ROLL_PRINTF(3, 4);

/* One step down; what leave takes to go back up. */
gsize check_enter(struct checker *checker, const char *key);
gsize check_enter_index(struct checker *checker, size_t index);
void check_leave(struct checker *checker, gsize length);

/* outer: the names of the parent where it evaluates the nested template's expressions, else NULL.
 */
void check_template(struct checker *checker, const json_t *root, struct scope_names *outer);

#endif
