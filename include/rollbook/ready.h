/* Readiness: can a release that is kept be deployed again now (DESIGN section 8)? Owned by watch.
 *
 * Looks at the ledger's own bytes, and asks registries, Blob Storage, Key Vault (metadata only) and ARM what each release and
 * target needs. Equal questions are asked once; answers are recorded with the release's result (readiness.checked) and hold for
 * a while, also for others who share the ledger. */
#ifndef ROLLBOOK_READY_H
#define ROLLBOOK_READY_H

#include "rollbook/rollout.h"

struct roll_ready_options {
    struct roll_ledger *ledger;
    struct roll_loop *loop;
    struct roll_links *links;
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    struct roll_actor actor;
    const char *release; /* this version alone, or NULL: what is kept (`retain`), what is live, where a back goes */
    bool drill;          /* ARM validates and forecasts too, where a back would go (or a back to release) */
    bool always;         /* recorded though nothing was asked and nothing is new */
    int64_t patience_ms; /* what has not answered by then counts as silent; 0: two minutes */
};

/* Checks, and records readiness.checked for each release of which something was asked or whose state is another one. Runs the
 * loop. One JSON document:
 *
 *   {"service","environment","stream","checkedAt","asked": number of questions,"goals":[where a plain back goes; several where
 *      targets differ; absent with release],"noGoal"?: why a back has nothing to do,"usual"?:{"count","medianMs","p95Ms"} of past rollbacks, where there are any,
 *    "releases":[{"release","version","state": ready | degraded | dead,"since","live","goal","targets":{"ready","degraded","dead"},
 *      "reasons":[{"kind","state","subject","why","next"?,"targets"?: those that it concerns, absent: all}],
 *      "drill"?: {TARGET: {"valid"?: true,"changes"?: number,"deletes"?: number}} of the last day; absent: ARM said no, or a stack has none}]}
 *
 * ROLL_E_NOT_FOUND: the release is not in the ledger, or has nothing for the environment. New reference. */
struct roll_error *roll_ready_check(const struct roll_ready_options *options, json_t **ret_facts) ROLL_CHECKED;

/* What the last check of a release said, from the ledger alone: {"state","since","checkedAt","reasons"}; *ret_last NULL: it was
 * never checked. New reference. */
struct roll_error *roll_ready_last(struct roll_ledger *ledger, const char *stream, const char *version, json_t **ret_last) ROLL_CHECKED;

/* What a back to a release is told though it is no trouble, as the last check saw it: secrets whose
 * recorded reference names no version, and that have another one since the release was made. Adds
 * texts to texts; nobody is asked. */
struct roll_error *roll_ready_changed(struct roll_ledger *ledger, const char *stream,
                                      const char *version, GPtrArray *texts) ROLL_CHECKED;

/* When the next check is due in an environment, UTC ms: a day after the last one, or after the first success;
 * INT64_MAX: there is nothing to be checked. ledger may be NULL. */
struct roll_error *roll_ready_due(struct roll_ledger *ledger, const char *stream, int64_t *ret_due) ROLL_CHECKED;

/* A back is about to go: of its goals that the last check called dead for one of the order's targets, what was dead is asked
 * again, for at most two seconds. *ret_why: why it stays dead, one line for each reason; NULL: it may go. *ret_next: the newest
 * other release that succeeded here and was found ready, or NULL. Both owned. Without a dead goal nothing is asked. */
struct roll_error *roll_ready_before_back(const struct roll_ready_options *options, const struct roll_order *order, char **ret_why,
                                          char **ret_next) ROLL_CHECKED;

#endif
