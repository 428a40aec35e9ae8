/* May a release be the goal of a back, a forward or an out? Facts in, verdict with reason out; no
 * ledger, no clock. */
#ifndef ROLL_RELEASE_ELIGIBLE_H
#define ROLL_RELEASE_ELIGIBLE_H

#include <glib.h>

#include "rollbook/base.h"

enum release_verdict {
    RELEASE_ELIGIBLE,
    RELEASE_NEVER_HERE,  /* it did not succeed in this environment */
    RELEASE_ADOPTED,     /* found at ARM, not accepted: evidence only */
    RELEASE_BAD_HERE,    /* a back marked it, in this environment */
    RELEASE_BAD_SERVICE, /* `roll mark` marked it, everywhere */
    RELEASE_BELOW_FLOOR, /* its code is older than what the data was migrated for */
};

enum release_bad { RELEASE_NOT_BAD, RELEASE_IS_BAD_HERE, RELEASE_IS_BAD_SERVICE };

struct release_facts {
    bool succeeded; /* here, in a rollout that succeeded as a whole */
    bool adopted;   /* and that is all that is known of it */
    enum release_bad bad;
    const char *bad_reason;   /* what the person said, or NULL */
    int64_t data_version;     /* 0: made before any declaration */
    int64_t floor;            /* the highest of the targets that would get it, 0: none */
    const char *floor_target; /* that one, or NULL */
};

/* ret_reason (owned, may be NULL): why not, fit to follow "1.1.0: "; untouched when eligible. */
enum release_verdict release_eligible(const struct release_facts *facts, char **ret_reason);

#endif
