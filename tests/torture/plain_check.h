/* The tools of the unit tests in programs that are none: what Check would report ends the process. To be included before them. */
#ifndef ROLLBOOK_TESTS_TORTURE_PLAIN_CHECK_H
#define ROLLBOOK_TESTS_TORTURE_PLAIN_CHECK_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#undef ck_assert
#undef ck_assert_msg
#undef ck_assert_int_eq
#undef ck_assert_ptr_nonnull
#define ck_assert_msg(condition, ...)                                                              \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            exit(2);                                                                               \
        }                                                                                          \
    } while (0)
#define ck_assert(condition) ck_assert_msg(condition, "%s", #condition)
#define ck_assert_int_eq(a, b) ck_assert((a) == (b))
#define ck_assert_ptr_nonnull(a) ck_assert((a) != NULL)

#endif
