/* What a template may ask for (reference section 19). */
#ifndef ROLL_TEMPLATE_LIMITS_H
#define ROLL_TEMPLATE_LIMITS_H

#include <stddef.h>

/* ---- limits (reference section 19) ---- */
#define MAX_EXPRESSION 24576
#define MAX_LITERAL 131072
#define MAX_PARAMETERS 256
#define MAX_VARIABLES 512 /* older documents say 256 */
#define MAX_OUTPUTS 64
#define MAX_RESOURCES 800
#define MAX_COPY 800
#define MAX_TEXT (4u << 20)  /* one string, and the whole expanded template */
#define MAX_BODY (1u << 20)  /* one resource */
#define MAX_NESTING 250      /* expressions within one expression */
#define MAX_DEPTH 2400       /* evaluation steps upon one another: bounds the C stack */
#define MAX_VALUE_DEPTH 128  /* of a value that is kept */
#define MAX_FUEL 20000000    /* evaluation steps of one expansion: some seconds at most */
#define MAX_MADE (64u << 20) /* bytes that one expansion may make, all in all */
/* What a text of this size may become in memory: its values, and what is compiled from them. With
 * the texts themselves (six times their size at most) and MAX_MADE that is 20 times (input + 4 MB).
 * The largest templates known take seven times their size for either. */
#define MAX_READ(size) (14 * (size_t)(size) + (12u << 20))
#define MAX_GIVEN(size) (14 * (size_t)(size) + (1u << 20)) /* the same for parameters */
#define MAX_LEVELS 20                                      /* deployments within deployments */
#define MAX_DEPLOYMENT_NAME 64
#define MAX_CHILDREN 5 /* child resources within one another */
#ifdef ROLL_FUZZING
#undef MAX_FUEL
#undef MAX_MADE
#define MAX_FUEL 1000000 /* with sanitizers a step takes some twenty times as long */
#define MAX_MADE (16u << 20)
#endif

#endif
