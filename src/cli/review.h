/* roll review: what it looks at before somebody's word counts. */
#ifndef ROLL_CLI_REVIEW_H
#define ROLL_CLI_REVIEW_H

#include "act.h"

/* review_contained.c: does the release that is named hold the hotfix? Says what was found, which is recorded with the word; the
 * word counts all the same, since a fix may have been written anew. ret_version: in `text`, borrowed; ret_found: static. */
struct roll_error *roll_review_contained(struct roll_app *app, const struct roll_plan *plan,
                                         const char *environment, const char *stream,
                                         int64_t rollout, const char *text,
                                         const char **ret_version,
                                         const char **ret_found) ROLL_CHECKED;

#endif
