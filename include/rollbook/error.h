/* Errors as values: a chain of code, message, detail and cause. NULL is success.
 *
 * Fallible functions return `struct roll_error *`, owned by the caller: free it with roll_error_free, hand it on, or
 * wrap it. A message is one line, lower case, without full stop, its subject in single quotes; advice to the user is
 * added in cli only. Results named ret_… are untouched on failure. */
#ifndef ROLLBOOK_ERROR_H
#define ROLLBOOK_ERROR_H

#include "rollbook/base.h"
#include "rollbook/error_codes.h"

enum roll_code {
    ROLL_OK = 0,
#define X(name, exit_status, text) ROLL_E_##name,
    ROLL_ERROR_CODES(X)
#undef X
};

struct roll_error {
    enum roll_code code;
    char *message;            /* owned; always valid UTF-8 */
    char *detail;             /* owned or NULL: the remote side's words, JSON text */
    struct roll_error *cause; /* owned or NULL */
    const char *file;         /* where it was made; only shown in debug builds */
    int line;
};

#ifdef __clang_analyzer__
/* It does not read ROLL_NEVER_NULL, and would follow errors that are none. */
#define roll_error_new(code, ...) roll_error_there(roll_error_new_at(__FILE__, __LINE__, code, __VA_ARGS__))
#else
#define roll_error_new(code, ...) roll_error_new_at(__FILE__, __LINE__, code, __VA_ARGS__)
#endif
#define roll_error_wrap(err, ...) roll_error_wrap_at(__FILE__, __LINE__, err, __VA_ARGS__)

/* Never NULL; aborts on lack of memory, as GLib does. */
struct roll_error *roll_error_new_at(const char *file, int line, enum roll_code code,
                                     const char *format, ...)
    ROLL_PRINTF(4, 5) ROLL_CHECKED ROLL_NEVER_NULL;

#ifdef __clang_analyzer__
static inline struct roll_error *roll_error_there(struct roll_error *err)
{
    if (!err)
        __builtin_unreachable();
    return err;
}
#endif

/* A new error with the code of err and err as its cause; consumes err. NULL stays NULL. */
struct roll_error *roll_error_wrap_at(const char *file, int line, struct roll_error *err,
                                      const char *format, ...) ROLL_PRINTF(4, 5) ROLL_CHECKED;

/* From errno: ROLL_E_NO_SPACE for ENOSPC and EDQUOT, READ_ONLY for EROFS and EACCES, else IO. */
struct roll_error *roll_error_errno(int errnum, const char *format, ...)
    ROLL_PRINTF(2, 3) ROLL_CHECKED ROLL_NEVER_NULL;

/* Keeps both: the first is returned, the second is appended at the end of its chain. Consumes both, either may be NULL. */
struct roll_error *roll_error_join(struct roll_error *first, struct roll_error *second) ROLL_CHECKED;

/* Sets err->detail (copied); returns err. */
struct roll_error *roll_error_detail(struct roll_error *err, const char *json) ROLL_CHECKED;

void roll_error_free(struct roll_error *err);
ROLL_AUTO_DEFINE(error, struct roll_error, roll_error_free)

enum roll_code roll_error_code(const struct roll_error *err); /* ROLL_OK for NULL */
/* The message of the last cause. err is not NULL. Borrowed. */
const char *roll_error_innermost(const struct roll_error *err);
int roll_code_exit(enum roll_code code);                      /* exit status, 0 for ROLL_OK */
const char *roll_code_text(enum roll_code code);              /* default text, static */

/* Number of errors alive; counted in debug builds only (always 0 otherwise). Tests check it. */
long roll_error_live(void);

#define ROLL_TRY(expression)                                                                       \
    do {                                                                                           \
        struct roll_error *roll_try_ = (expression);                                               \
        if (roll_try_)                                                                             \
            return roll_try_;                                                                      \
    } while (0)

#endif
