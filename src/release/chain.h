/* What stands to be undone while the hold of a back stands: that back and the ones that it went on
 * with (DESIGN section 6, Forward). A back that follows one that did not get through is the same
 * retreat, and so are backs of one target after another; what was left is what the first of them
 * left. */
#ifndef ROLL_RELEASE_CHAIN_H
#define ROLL_RELEASE_CHAIN_H

#include "release/history.h"

struct release_chain {
    GPtrArray *backs; /* int64_t *: their numbers, newest first; empty: there is nothing to undo */
    GHashTable *left; /* target to the version that was left there */
    GPtrArray *bad;   /* char *: what they marked, each once */
    char *release;    /* what the first of them left, or NULL */
};
void release_chain_free(struct release_chain *chain);
ROLL_AUTO_DEFINE(release_chain, struct release_chain, release_chain_free)

/* Empty without a hold of a back, and when something else was sent since. Owned. */
struct roll_error *release_chain_read(struct release_history *history,
                                      struct release_chain **ret_chain) ROLL_CHECKED;
bool release_chain_marked(const struct release_chain *chain, const char *version);

#endif
