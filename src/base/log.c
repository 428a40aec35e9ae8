/* Diagnostics on stderr: one line for each call, written at once so that lines of several processes
 * do not mix. */
#include "rollbook/log.h"

#include <glib.h>
#include <stdatomic.h>
#include <unistd.h>

#include "rollbook/text.h"

static _Atomic enum roll_log_level current_level = ROLL_LOG_NORMAL;

void roll_log_set_level(enum roll_log_level level)
{
    atomic_store(&current_level, level);
}

enum roll_log_level roll_log_level(void)
{
    return atomic_load(&current_level);
}

static void write_all(const char *text, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, text, size);
        if (written <= 0) /* nobody reads: a diagnostic is not worth an error */
            return;
        text += written;
        size -= (size_t)written;
    }
}

void roll_log(enum roll_log_level level, const char *format, ...)
{
    va_list args;

    if (level > roll_log_level() || level == ROLL_LOG_QUIET)
        return;
    va_start(args, format);
    g_autofree char *message = g_strdup_vprintf(format, args);
    va_end(args);
    g_autoptr(GString) line = g_string_new("roll: ");
    roll_text_safe(message, strlen(message), false, line);
    g_string_append_c(line, '\n');
    write_all(line->str, line->len);
}
