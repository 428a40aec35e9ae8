/* Errors as values.
 *
 * The chain reads from what the caller tried down to what went wrong. Debug builds count live
 * errors, so that a test can tell when somebody dropped one. */
#include "rollbook/error.h"

#include <errno.h>
#include <glib.h>

#ifdef ROLL_DEBUG
#include <stdatomic.h>
static atomic_long live_errors;
#define COUNT_LIVE(by) atomic_fetch_add(&live_errors, by)
#else
#define COUNT_LIVE(by) ((void)0)
#endif

struct code_row {
    int exit_status;
    const char *text;
};

static const struct code_row code_rows[] = {{0, "success"},
#define X(name, exit_status, text) {exit_status, text},
                                            ROLL_ERROR_CODES(X)
#undef X
};

static struct roll_error *make(const char *file, int line, enum roll_code code, char *message)
{
    struct roll_error *err = g_new0(struct roll_error, 1);

    /* Messages quote what was given; they end up in terminals and in JSON. */
    if (!g_utf8_validate(message, -1, NULL)) {
        char *valid = g_utf8_make_valid(message, -1);
        g_free(message);
        message = valid;
    }
    err->code = code;
    err->message = message;
    err->file = file;
    err->line = line;
    COUNT_LIVE(1);
    return err;
}

struct roll_error *roll_error_new_at(const char *file, int line, enum roll_code code,
                                     const char *format, ...)
{
    va_list args;

    va_start(args, format);
    char *message = g_strdup_vprintf(format, args);
    va_end(args);
    return make(file, line, code, message);
}

struct roll_error *roll_error_wrap_at(const char *file, int line, struct roll_error *err,
                                      const char *format, ...)
{
    va_list args;

    if (!err)
        return NULL;
    va_start(args, format);
    char *message = g_strdup_vprintf(format, args);
    va_end(args);
    struct roll_error *outer = make(file, line, err->code, message);
    outer->cause = err;
    return outer;
}

static enum roll_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return ROLL_E_NO_SPACE;
    case EROFS:
    case EACCES:
        return ROLL_E_READ_ONLY;
    default:
        return ROLL_E_IO;
    }
}

struct roll_error *roll_error_errno(int errnum, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    g_autofree char *what = g_strdup_vprintf(format, args);
    va_end(args);
    return make(__FILE__, __LINE__, code_of_errno(errnum),
                g_strdup_printf("%s: %s", what, g_strerror(errnum)));
}

struct roll_error *roll_error_join(struct roll_error *first, struct roll_error *second)
{
    if (!first)
        return second;
    struct roll_error *last = first;
    while (last->cause)
        last = last->cause;
    last->cause = second;
    return first;
}

struct roll_error *roll_error_detail(struct roll_error *err, const char *json)
{
    if (err) {
        g_free(err->detail);
        err->detail = g_strdup(json);
    }
    return err;
}

void roll_error_free(struct roll_error *err)
{
    while (err) {
        struct roll_error *cause = err->cause;

        g_free(err->message);
        g_free(err->detail);
        g_free(err);
        COUNT_LIVE(-1);
        err = cause;
    }
}

enum roll_code roll_error_code(const struct roll_error *err)
{
    return err ? err->code : ROLL_OK;
}

const char *roll_error_innermost(const struct roll_error *err)
{
    while (err->cause)
        err = err->cause;
    return err->message;
}

static const struct code_row *row_of(enum roll_code code)
{
    return (size_t)code < G_N_ELEMENTS(code_rows) ? &code_rows[code] : &code_rows[ROLL_E_INTERNAL];
}

int roll_code_exit(enum roll_code code)
{
    return row_of(code)->exit_status;
}

const char *roll_code_text(enum roll_code code)
{
    return row_of(code)->text;
}

long roll_error_live(void)
{
#ifdef ROLL_DEBUG
    return atomic_load(&live_errors);
#else
    return 0;
#endif
}
