/* Diagnostics for people at -v and -vv, on stderr. Libraries log or return an error, never both. */
#ifndef ROLLBOOK_LOG_H
#define ROLLBOOK_LOG_H

#include "rollbook/base.h"

enum roll_log_level { ROLL_LOG_QUIET, ROLL_LOG_NORMAL, ROLL_LOG_VERBOSE, ROLL_LOG_DEBUG };

/* Of the whole process; NORMAL at first. */
void roll_log_set_level(enum roll_log_level level);
enum roll_log_level roll_log_level(void);

/* One line; escapes and control characters are made harmless. Never secrets. */
void roll_log(enum roll_log_level level, const char *format, ...) ROLL_PRINTF(2, 3);

#endif
