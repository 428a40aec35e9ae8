/* Between the files of --prune: a pruner, and what each file knows. */
#ifndef RELEASE_PRUNE_H
#define RELEASE_PRUNE_H

#include "release/leftovers.h"
#include "release/maker.h"

struct roll_pruner {
    struct roll_ledger *ledger;       /* borrowed */
    const struct roll_order *order;   /* borrowed */
    struct roll_leftovers *leftovers; /* owned */
    char *stream;
    GHashTable *users;  /* id in lower case -> GPtrArray of "STREAM TARGET" that have it */
    GHashTable *orders; /* digest -> struct roll_order * */
    char *unknown;      /* whose resources cannot be read, or NULL */
};

/* prune_users.c: fills users and unknown. */
struct roll_error *release_prune_read_users(struct roll_pruner *pruner) ROLL_CHECKED;
/* Somebody else, by name; or NULL. Borrowed. Also of what lies below it. */
const char *release_prune_other_user(const struct roll_pruner *pruner, const char *target,
                                     const char *id);
/* prune_needs.c: what the items depend on, and their api-versions, from the templates that put them
 * last. added: of release_leftovers_added. */
struct roll_error *release_prune_read_needs(struct roll_pruner *pruner, const char *target,
                                            GPtrArray *items, GHashTable *added) ROLL_CHECKED;
/* An order, borrowed from the pruner, and what it has for a target: NULL where that is nothing. */
struct roll_error *release_prune_order(struct roll_pruner *pruner, const char *digest,
                                       const struct roll_order **ret_order) ROLL_CHECKED;
const struct roll_order_target *release_prune_order_target(const struct roll_order *order,
                                                           const char *name);
/* prune_decide.c: is it a child, or anything below? */
bool release_lies_below(const char *id, const char *above);

#endif
