/* What roll adopt's parts share: the command (cmd_adopt.c) and what it tells (adopt_say.c). */
#ifndef ROLL_CLI_ADOPT_H
#define ROLL_CLI_ADOPT_H

#include "app.h"

/* Tells people what a report of roll_adopt() has, and what to type next. */
void adopt_say(struct roll_app *app, const char *stream, const json_t *report);

/* Targets whose history could not be read; ret_missing: of those, how many are not there. */
size_t adopt_count_unread(const json_t *report, size_t *ret_missing);

#endif
