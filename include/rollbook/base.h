/* Attributes and ownership helpers that every header uses.
 *
 * roll_auto(T) makes a local its own owner: `roll_auto(error) struct roll_error *err = NULL;` is
 * freed when the scope ends. ROLL_AUTO_DEFINE, beside each type, says how. Destructors take NULL.
 */
#ifndef ROLLBOOK_BASE_H
#define ROLLBOOK_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROLL_CHECKED __attribute__((warn_unused_result))
#define ROLL_NEVER_NULL __attribute__((returns_nonnull))
#define ROLL_PRINTF(at, first) __attribute__((format(printf, at, first)))

/* `unused`: to own is a use, which clang does not see. */
#define roll_auto(name) __attribute__((cleanup(roll_##name##_auto), unused))
#define ROLL_AUTO_DEFINE(name, type, free_function)                                                \
    static inline void roll_##name##_auto(type **owner) /* NOLINT(bugprone-macro-parentheses) */   \
    {                                                                                              \
        free_function(*owner);                                                                     \
    }

#endif
