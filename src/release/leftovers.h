/* What leftovers are told from, for whoever deletes them. */
#ifndef ROLL_RELEASE_LEFTOVERS_H
#define ROLL_RELEASE_LEFTOVERS_H

#include "release/internal.h"

/* The deployments that put a leftover, since the goal was there or since it was last deleted. */
struct release_added {
    int64_t at;  /* UTC ms: when the first of them began; 0: not known */
    char *order; /* digest of the newest one's order; owned */
};

/* roll_leftovers_of, and of each (its id in lower case) the struct release_added * into added. */
struct roll_error *release_leftovers_added(struct roll_leftovers *leftovers,
                                           const struct roll_order_target *target,
                                           GHashTable *added, json_t **ret_leftovers) ROLL_CHECKED;
GHashTable *release_added_new(void);

#endif
