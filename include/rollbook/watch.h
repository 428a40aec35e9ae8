/* Looking at what was done: the facts of an audit, and what rollbacks usually take. Reads the ledger, writes nothing. */
#ifndef ROLLBOOK_WATCH_H
#define ROLLBOOK_WATCH_H

#include "rollbook/policy.h"
#include "rollbook/rollout.h"

/* ---- audit ---------------------------------------------------------------------------------- */

struct roll_audit_options {
    const char *stream; /* SERVICE/ENV, or NULL: everything */
    int64_t from, to;   /* UTC ms; from <= when < to; to 0: no end */
    int64_t at;         /* what is overdue is overdue then */
    int64_t first;      /* of the stream: events before this number are left out; 0: none */
};

/* One JSON document:
 *
 *   {"generatedAt","from"?,"to"?,"ledger",
 *    "rollouts":[what was given, and "request": hash of the event that asked, "run"?: address of the pipeline run, "slot"?, "sent": number
 *      of steps that left, "source"?:{"manifest","commit"?,"dirty"?,"artifacts"},
 *      "approvals":{"state": not asked | waiting | given | refused | overridden | made up for, "asked":[{"role","count"}],
 *                   "given":[{"by","at","key"?: as ssh-keygen -l has it}], "rejected":[{"by","at","reason"?}]},
 *      "gates":[{"gate","kind"?: sarif | command | http,"when": before | after | later,"verdict": passed | failed | error | null,
 *                "summary"?,"at"?}],
 *      "overrides":[{"kind","name"?,"reason"?}],
 *      "debts":[{"debt","state": open | overdue | closed,"owner","due","closedAt","closedBy"}], "reviews":[{"by","at","reason"}],
 *      "governance":{"plan"?,"approvers"?,"revoked"?: digests,"committed": true, false, or null: no lanes, or the plan is gone},
 *      "partOf"?, "parts"?: as roll_rollout_parts, "pruned"?:[{"target","resource","outcome","message"?}] where it has no targets,
 *      "exceptions":[{"kind","what"?}]}],
 *    "decisions":[{"stream","seq","at","kind": of the event,"hash","body","actor"}: marks, holds, floors, adoptions, redactions],
 *    "events":{KIND: number in this time, …, "all"}, "heads":[{"stream","seq","hash"}],
 *    "controls":[{"id","title","note"?,"evidence":[{"fact","count"}],
 *                 "exceptions":[{"kind","text","count","rollouts":[names]}]}]}
 *
 * Controls are those of the Microsoft cloud security benchmark v1 for DevOps, DS-1 to DS-7. Approvals are told as they were
 * recorded; `roll ledger verify` checks their signatures.
 *
 * rollouts: what `roll log -o json` says of each; those that were asked for at another time are left out. It is changed.
 * ledger NULL: nothing was ever recorded. New reference. */
struct roll_error *roll_audit(struct roll_ledger *ledger, const struct roll_audit_options *options, json_t *rollouts,
                              json_t **ret_facts) ROLL_CHECKED;

/* The parts of it, pure: what is not as it should be with one rollout, and what all of them say to each control. New references. */
json_t *roll_audit_exceptions(const json_t *rollout);
json_t *roll_audit_controls(const json_t *rollouts, const json_t *events);

/* ---- what it usually takes ------------------------------------------------------------------- */

struct roll_usual {
    guint count;
    int64_t median_ms, p95_ms; /* 0 when there are none; of n the ceil(0.95 n)-th from below */
};
/* durations: int64_t ms; it is sorted. */
void roll_usual_of(GArray *durations, struct roll_usual *ret_usual);
#define ROLL_USUAL_ROLLOUTS 1000
/* Of the newest rollouts, those of a kind (back, out, …) that succeeded in a whole environment: from request to end, waiting included. ledger
 * NULL: none. */
struct roll_error *roll_usual_rollouts(struct roll_ledger *ledger, const char *stream, const char *kind, struct roll_usual *ret_usual) ROLL_CHECKED;

/* ---- runbook --------------------------------------------------------------------------------- */

/* What a page for 03:00 has to know, from plan and ledger:
 *
 *   {"generatedAt","service","environment","stream","name": what to type for the environment,"cloud","credential"?,
 *    "live"?,"since"?,"goal"?: where a plain back goes,
 *    "readiness": what status says of the goal,"state","mixed","dirty","hold": true or false,"holdReason"?,"debts",
 *    "usual":{"back" | "out":{"count","medianMs","p95Ms"}},
 *    "targets":[{"name","place","ring"}]: the first 50,"targetCount","rings","maxParallel","stack": some are stacks,
 *    "lanes":{LANE:{"roles":[{"role","members":[…]}],"approvals":[{"role","count"}],"gates":[…],"deferred":[…],"dueMs","credential"?}},
 *    "roles": lanes are declared,"artifacts":[{"name","reference"}],"health":[{"kind","what","withinMs"}],
 *    "sticky":[…],"dataFloor"?,"shared": the ledger is a team's}
 *
 * status: what `roll status -o json` says of the environment. ledger NULL: nothing was ever recorded. New reference. */
struct roll_error *roll_runbook(struct roll_ledger *ledger, const struct roll_plan *plan, const struct roll_plan_environment *environment,
                                const char *name, bool shared, const json_t *status, int64_t at_ms, json_t **ret_facts) ROLL_CHECKED;

/* ---- drift ----------------------------------------------------------------------------------- */

struct roll_drift_options {
    struct roll_ledger *ledger;
    struct roll_loop *loop;   /* loop, links and actor are not needed by roll_drift_is_due */
    struct roll_links *links;
    const struct roll_actor *actor;
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    const char *const *targets; /* or NULL: all, of more than 20 one of each ring */
};

/* ARM's what-if of what the ledger says is live, without what the baseline has. Records drift.checked for each target that ARM
 * answered for; changes nothing in Azure (a what-if needs the rights of a deployment all the same).
 *
 *   {"service","environment","checkedAt","drifted": BOOL,"unknown": some could not be asked, or what they are is not known,
 *    "targets":[{"name","release","rollout","state": clean | drifted | unsure | unknown,"error"?:{"code"?,"message"},
 *      "baseline":{"at","known": differences that it has too,"pending": the activity log may still explain some} or null: none was taken
 *        since that rollout,
 *      "differences":[{"resource","change": deleted | added | changed,"path"?,"is"?,"wanted"?: JSON as text, "(hidden)" where it may be a
 *        secret,"foundAt","cleanAt"?: looks that found it first, and did not find it,
 *        "by"?: HAND: one act explains it,"candidates"?:[HAND]: one of these, newest first,
 *        "why"?: nobody is named, or not surely,"open"?: true: later, or with other rights, the log may say more}],
 *      "unsure":[likewise]: ARM said so just after the rollout, and whether somebody else made it the activity log could not tell,
 *      "unevaluated":[{"resource","path"?,"reason"}],"logUnread"?: why the activity log could not be read}],
 *    "leftOut":[{"target" | "targets": NUMBER,"why","unknown": nobody knows what they have}]}
 *
 * `roll drift -o json` adds "error":{"message"} where an environment was left out because a rollout is open.
 *
 * HAND: {"who"?,"tool": portal | Azure CLI | PowerShell | deployment | policy | application ID | unknown,"deployment"?,
 *   "client"?: through which that was made,"policy"?: what one did to it on its way (modify, append),"at","operation"?,"correlationId"?}
 *
 * ROLL_E_CONFLICT while a rollout is open; ROLL_E_NOT_FOUND for an unknown target. New reference. */
struct roll_error *roll_drift(const struct roll_drift_options *options, json_t **ret_report) ROLL_CHECKED;

/* Takes the baselines that are missing: what the what-if says of a rollout that has just succeeded. Only what the activity log, read
 * whole and 20 minutes later, ascribes to nobody else is part of it; until then it is pending, and taken up by a later call (or roll_drift).
 * [{"name","release","rollout","differences"?,"changedSince"?,"unevaluated"?,"unsure"?: numbers,"settledFrom"?: when the rest will be
 * known,"error"?}]. New reference. */
struct roll_error *roll_baseline(const struct roll_drift_options *options, json_t **ret_taken) ROLL_CHECKED;

struct roll_drift_due {
    bool baseline, drift;
    int64_t wake; /* when the next look is due, INT64_MAX: not known yet */
};
/* A baseline after each rollout; then a look a day; nothing where the plan says `"drift": false`. From the ledger alone. */
struct roll_error *roll_drift_is_due(const struct roll_drift_options *options, int64_t now_ms, struct roll_drift_due *ret_due) ROLL_CHECKED;

/* ---- adoption -------------------------------------------------------------------------------- */

struct roll_adopt_options {
    struct roll_ledger *ledger;
    struct roll_loop *loop;
    struct roll_links *links;
    const struct roll_actor *actor;
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    const char *const *targets; /* or NULL: all */
    int64_t since_ms;           /* what ended before is left out; 0: nothing */
    bool dry_run;               /* nothing is recorded */
    bool recover;               /* rollouts of a lost ledger count also beside this one's own */
    struct roll_error *(*may_recover)(void *user); /* asked before they count: ROLL_E_REFUSED says why not; or NULL */
    void *may_user;
    const char *accept;         /* the name of a deployment that counts from now on, or NULL */
    const char *reason;         /* or NULL */
};

/* ARM's history of the targets (at most 800 entries each) into the ledger, as evidence (deployment.adopted): what is there already is
 * left, so that it can run again, also at the same time. Parts of others, those of Azure Policy and those of other environments are only
 * listed. Deployments of this environment by a ledger that this one does not know (their names and correlation ids follow from their
 * tags) become rollouts of kind adopted, with releases of their own, once all targets have been read: state recovered where the tags let
 * conclude that they succeeded, else failed. An accepted one becomes one too; it is what the target has unless something was put there
 * later.
 *
 *   {"service","environment","checkedAt","dryRun": BOOL,"recorded": NUMBER,"targets":[{"name","found": NUMBER,"error"?}],
 *    "deployments":[{"name","target","at","state"?,"class": own | known | running | nested | policy | own-other | evidence | recovered,
 *      "series": the name without what counts up,"release"?: of the tag,"forged"?: true: it has tags of this environment that do not fit,
 *      "accepted"?: number of its rollout,"by"?: as of a difference of roll_drift,"correlationId"?,
 *      "lacks"?:[{"what","why","how"}]: why it cannot be deployed again}], newest first for each place,
 *    "recovered":[{"name","release","rollout","targets","live","failed"?: why,"kind"?} or {"name","release"?,"error"}],
 *    "recovery"?: there are such: {"rollouts": NUMBER,"waits": why they do not count,"refused": BOOL or
 *      "notTold":[{"what","how"}]: what tags do not say},
 *    "accepted"?:{"name","release","rollout": NUMBER,"targets":[…],"live":[…]: where it is what the target has,
 *      "left"?:[{"target","why"}],"notes"?:[…],"note"?: all of it counted before}}
 *
 * ROLL_E_NOT_FOUND: there is no deployment of that name; ROLL_E_NOTHING: it was accepted before; ROLL_E_REFUSED says what is missing
 * to deploy it again, and how to map it. New reference. */
struct roll_error *roll_adopt(const struct roll_adopt_options *options, json_t **ret_report) ROLL_CHECKED;

#endif
