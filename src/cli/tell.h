/* Webhooks hear what happened (module notify). */
#ifndef ROLL_CLI_TELL_H
#define ROLL_CLI_TELL_H

#include "app.h"

#define ROLL_TELL_MS INT64_C(3000)      /* at the end of a command: nobody is held up */
#define ROLL_TELL_RUN_MS INT64_C(10000) /* by roll run */

/* Tells what was not told yet; how many notices were delivered. What was not is said in one line on
 * stderr, and is no error. */
int roll_tell(struct roll_app *app, const struct roll_plan *plan, const char *stream,
              int64_t bound_ms);
/* Is there something to tell, whose address is known here? app->ledger may be NULL. */
struct roll_error *roll_tell_waits(struct roll_app *app, const struct roll_plan *plan,
                                   const char *stream, bool *ret_waits) ROLL_CHECKED;

#endif
