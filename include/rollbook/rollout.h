/* Rollouts: the pure machine that decides, and the driver that performs (DESIGN section 6).
 *
 * The machine has no clock, socket, file or random number inside. Inputs: roll_machine_fold (durable facts) and
 * roll_machine_observe (volatile ones). Output: roll_machine_next, called until it gives nothing, names what is newly due;
 * every action has an id that the driver answers once by an observation. The same machine runs in production, in
 * --dry-run and in the simulator (tests/sim). */
#ifndef ROLLBOOK_ROLLOUT_H
#define ROLLBOOK_ROLLOUT_H

#include "rollbook/release.h"

/* ---- names that follow from the ledger ------------------------------------------------------ */

/* correlation: UUID from SHA-256 of (hash of rollout.requested, target, step, attempt); name: roll-SERVICE-ENV-DIGITS, the
 * UUID's first twelve hex digits. Whoever takes over derives the same. Owned name. */
char *roll_step_name(const char *service, const char *environment, const char *request_hash, const char *target,
                     int64_t step, int64_t attempt, char ret_correlation[ROLL_UUID_SIZE]);

/* The name at ARM where it does not change with attempts, owned, else NULL: the plan's deploymentName; of a stack without one
 * roll-SERVICE-ENV, since a stack has one name for all releases. */
char *roll_fixed_name(const char *service, const char *environment, const struct roll_order_target *target);

/* ---- the machine ---------------------------------------------------------------------------- */

#define ROLL_CLAIM_MS (INT64_C(5) * 60 * 1000)       /* a claim's length */
#define ROLL_CLAIM_RENEW_MS (INT64_C(2) * 60 * 1000) /* renewed when this much is left, while something is under way */
#define ROLL_FENCE_MS (INT64_C(10) * 1000)           /* no PUT later than this after the driver's last append (boot clock) */
#define ROLL_ABSENT_MS (INT64_C(30) * 1000)          /* another driver's intent that ARM does not know counts as never arrived */
#define ROLL_NOT_FOUND_MS (INT64_C(5) * 60 * 1000)   /* DeploymentNotFound on a poll is transient so long */
#define ROLL_CANCEL_WAIT_MS (INT64_C(5) * 60 * 1000) /* a superseded deployment is waited for so long */

enum roll_machine_mode {
    ROLL_MACHINE_DRIVE,  /* new PUTs allowed */
    ROLL_MACHINE_SETTLE, /* GET what was intended and record it; PUT nothing, cancel nothing */
};

struct roll_machine_options {
    const char *stream;  /* SERVICE/ENVIRONMENT */
    const char *driver;  /* UUID of this process's claim */
    const char *host;
    enum roll_machine_mode mode;
    bool take;           /* resume --take: a standing claim of another driver is taken over */
    bool gone;           /* that driver is known to be gone (its lock could be had) */
    int64_t head;        /* sequence number of the stream's last event now; folding raises it. The number of a new rollout
                            follows from it, so it is the head that the first append expects. */
};

struct roll_machine;
struct roll_machine *roll_machine_new(const struct roll_machine_options *options); /* texts are copied */
void roll_machine_free(struct roll_machine *machine);
ROLL_AUTO_DEFINE(machine, struct roll_machine, roll_machine_free)

/* How far the clock that all replicas share (the store's) is ahead of this machine's: claims are written and judged by it.
 * known false: by this machine's. From the next input on. */
void roll_machine_set_clock(struct roll_machine *machine, bool known, int64_t ahead_ms);

/* The order of a rollout whose events will be folded: the machine's own one, added last, and before it, oldest first, those
 * that it took the place of, and those that these took the place of (whatever is still under way there is ended by the own
 * one's driver). Needed before its rollout.requested is folded. order is borrowed and must outlive the machine. */
void roll_machine_add(struct roll_machine *machine, int64_t number, const struct roll_order *order);
/* The same for one that ended with an intent whose outcome nobody has told (roll_ledger_unsettled), in its place by age among
 * them: its driver may be anywhere. As the own one, added last, it is only settled, without a claim: it takes no PUT. */
void roll_machine_add_stray(struct roll_machine *machine, int64_t number, const struct roll_order *order);

/* A new rollout that is not yet in the ledger: the first action appends rollout.superseded (if it supersedes),
 * rollout.requested, rollout.claimed and the first intents together. Where request->gates asks for something that must have
 * passed before, claim and intents come when it has; until then the rollout waits, and is nobody's. request (its order digest set), order and blobs
  * (struct roll_blob *, the order's text among them; or NULL) are borrowed and must outlive the machine; the blobs go with
 * the first append. Events of the rollout that it supersedes may be folded before or after this call. */
void roll_machine_request(struct roll_machine *machine, const struct roll_rollout_requested *request,
                          const struct roll_order *order, const GPtrArray *blobs);

/* Durable facts in order of their sequence, each exactly once: from the ledger at the start, after an append or a conflict.
 * Events of other rollouts and kinds are ignored, except rollout.superseded and an unknown kind (which stops). */
void roll_machine_fold(struct roll_machine *machine, const struct roll_event *event);

/* The stream goes on behind another number than that of its last event. */
void roll_machine_moved(struct roll_machine *machine, int64_t head);
/* The shared store has all that this driver appended; boot_ms: when it was asked to take it. */
void roll_machine_published(struct roll_machine *machine, int64_t boot_ms);
/* This driver took over from one of another replica, which may say otherwise of what ARM did not take (a check, an action
 * whose reply was lost, a refusal): that word of ours counts when the store has it. */
bool roll_machine_may_differ(const struct roll_machine *machine, const struct roll_step_ended *ended);
/* Without the shared store it has something to do all the same: it drives, and follows what runs. */
bool roll_machine_can_wait(const struct roll_machine *machine);

/* What the machine writes of a target: step.intended and step.ended for each attempt; step.ended alone for a health check.
 * Exactly one step.ended of a touched target is `last`; the target holds the release if and only if that one succeeded:
 *   - after a failure, the failure;
 *   - otherwise the last deployment or action, or, where health can fail a target, its last check. Checks that are only
 *     reported come after the last event, without the flag;
 *   - when the rollout was stopped before all steps were begun, or an older deployment came later and overwrote this one, a
 *     closing step.ended with outcome cancelled, not accepted, in the same append as the success that it follows.
 * absent without `last` (mode SETTLE) leaves the target as it was: resuming makes another attempt. */
enum roll_action_kind {
    ROLL_ACTION_APPEND,      /* drafts and blobs; answered by APPENDED, CONFLICT or APPEND_FAILED */
    ROLL_ACTION_PUT,         /* the step's request: deployment, or ARM action; answered by REPLY */
    ROLL_ACTION_GET,         /* the deployment by name; answered by REPLY */
    ROLL_ACTION_POLL,        /* its operation status; answered by REPLY */
    ROLL_ACTION_CANCEL,      /* answered by REPLY */
    ROLL_ACTION_EXPLAIN,     /* operations of a failed one, for the innermost cause; answered by REPLY */
    ROLL_ACTION_LEFTOVERS,   /* which leftovers of the target are to be deleted; answered by LEFTOVERS */
    ROLL_ACTION_DELETE,      /* a leftover; answered by REPLY: OK means gone */
    ROLL_ACTION_SEEK,        /* is that leftover still there? answered by REPLY */
    ROLL_ACTION_PROBE,       /* one try of a health check; answered by PROBED */
    ROLL_ACTION_DECIDE_BACK, /* the rollout failed and onFailure is back; answered by BACK */
    ROLL_ACTION_GATE,        /* evaluate a gate of the waiting rollout; answered by GATE */
    ROLL_ACTION_START,       /* may the waiting rollout start, as far as it depends on what is not in its own events
                                (signatures, windows, holds, marks, floors)? answered by START */
    ROLL_ACTION_DONE,        /* nothing follows; not answered */
};

/* How the machine ended. */
enum roll_machine_end {
    ROLL_END_NONE,
    ROLL_END_SUCCEEDED,
    ROLL_END_FAILED,
    ROLL_END_FAILED_BACK,  /* failed, and the automatic back `next_rollout` was requested and claimed by this driver */
    ROLL_END_CANCELLED,
    ROLL_END_SUPERSEDED,
    ROLL_END_ENDED,        /* it had ended already */
    ROLL_END_SETTLED,      /* mode SETTLE: what could be known of every intent is recorded */
    ROLL_END_DETACHED,     /* signal or end of the wait */
    ROLL_END_CONFLICT,     /* the first append met another writer: decide again */
    ROLL_END_FENCED,       /* another driver is at work, or took over */
    ROLL_END_UNKNOWN_KIND, /* made by a newer program */
    ROLL_END_ERROR,        /* an append failed */
    ROLL_END_WAITING,      /* left while it waits for an approval, a window, …: nothing was sent */
    ROLL_END_REFUSED,      /* an approval was refused, or a gate was not passed */
    ROLL_END_EXPIRED,      /* it waited for too long */
};

/* A resource that a newer release added and the goal does not have, and what becomes of it. All owned. */
struct roll_leftover {
    char *id;
    char *api_version; /* to delete it with; NULL: it stays */
    char *reason;      /* why it stays, or NULL */
};
void roll_leftover_free(struct roll_leftover *leftover);

/* Everything is borrowed until the next call of the machine. */
struct roll_action {
    uint64_t id;
    enum roll_action_kind kind;
    int64_t rollout;            /* 0: the new one, before it has a number */
    const char *request_hash;   /* of that rollout */
    const struct roll_order_target *target;
    int64_t step, attempt;
    const struct roll_plan_health *check; /* PROBE */
    const char *gate;                     /* GATE: its name */
    const char *resource, *api_version;   /* DELETE, SEEK */
    const struct roll_draft *drafts;      /* APPEND */
    size_t n_drafts;
    const struct roll_blob *const *blobs; /* APPEND */
    size_t n_blobs;
    enum roll_machine_end end;            /* DONE */
    int64_t next_rollout;                 /* DONE with FAILED_BACK */
};

enum roll_observation_kind {
    ROLL_SAW_APPENDED,      /* durable; its events have been folded before this */
    ROLL_SAW_CONFLICT,      /* nothing was appended; what others appended has been folded before this */
    ROLL_SAW_APPEND_FAILED, /* nothing was appended (disk full, …) */
    ROLL_SAW_APPEND_AWAY,   /* the shared store is out of reach, and may be asked again: only when roll_machine_can_wait */
    ROLL_SAW_REPLY,
    ROLL_SAW_PROBED,
    ROLL_SAW_LEFTOVERS,
    ROLL_SAW_BACK,
    ROLL_SAW_GATE,
    ROLL_SAW_START,
    ROLL_SAW_DETACH,        /* id 0: signal, or the person stops waiting */
};

struct roll_observation {
    uint64_t id;
    enum roll_observation_kind kind;
    /* APPENDED: durable here, and not in the shared store yet: the fence does not count from here */
    bool behind;
    /* REPLY */
    enum roll_arm_outcome outcome;
    const char *state;          /* or NULL */
    const char *correlation_id; /* of the deployment found, or NULL */
    const char *code, *message; /* or NULL */
    int64_t arm_at, duration_ms, resources;
    int64_t retry_after_ms;     /* -1: none */
    bool whole;                 /* a poll read the deployment itself: an end needs no second look */
    bool paced;                 /* LATER: no trouble of this request, only its turn; patience does not run out over it */
    struct roll_blob *result;   /* owned by the machine from here; or NULL */
    /* GATE: message is the summary, result what it printed or found (owned by the machine from here, or NULL) */
    const char *verdict;        /* passed, failed, error */
    /* PROBED, START: message says why not. PROBED: code, if there is one, that it will not get well. START:
     * retry_after_ms says when to ask again though nothing was written */
    bool healthy;
    /* START: today's windows and freezes (roll_policy_timing; {}: none), which count from here on; borrowed; NULL: those recorded */
    const json_t *timing;
    /* GATE: what its command ran (gate.evaluated's scripts); borrowed, or NULL */
    const json_t *scripts;
    /* BACK: owned by the machine from here, its request's order digest set and the order's text among its blobs;
     * NULL: no back is possible, message says why */
    struct roll_choice *choice;
    /* LEFTOVERS: struct roll_leftover *, those that are deleted in that order; owned by the machine from here; or NULL */
    GPtrArray *leftovers;
};

/* Going on with what has started: today's windows and freezes count from our claim on (as START's timing). Before the first
 * next(); a further reference is kept. */
void roll_machine_govern(struct roll_machine *machine, json_t *timing);

/* wall_ms and boot_ms: what the clocks say now (UTC; boot clock). */
void roll_machine_observe(struct roll_machine *machine, const struct roll_observation *observation, int64_t wall_ms, int64_t boot_ms);

/* False when nothing is due now; then *ret_wake_boot_ms is when to call again (INT64_MAX: only after an input). */
bool roll_machine_next(struct roll_machine *machine, int64_t wall_ms, int64_t boot_ms, struct roll_action *ret_action, int64_t *ret_wake_boot_ms);

/* May a PUT leave now? The machine asked for it when it might; between that and the first byte the driver may have waited (for a
 * token, a resource group, a free connection). Just before it sends, it asks again; when it may not, it answers UNSENT, and the
 * machine comes back after a renewal. */
bool roll_machine_may_put(const struct roll_machine *machine, int64_t wall_ms, int64_t boot_ms);

/* For progress and for tests. */
enum roll_target_state { ROLL_TARGET_WAITING, ROLL_TARGET_RUNNING, ROLL_TARGET_CANCELLING, ROLL_TARGET_CHECKING, ROLL_TARGET_SUCCEEDED, ROLL_TARGET_FAILED, ROLL_TARGET_SKIPPED };
struct roll_machine_view {
    int64_t rollout;      /* 0 before the first append */
    const char *state;    /* requested, running, verifying, … */
    int ring, rings;
    size_t counts[ROLL_TARGET_SKIPPED + 1];
    int64_t until_boot_ms; /* end of a bake, 0 */
    const char *waits_for; /* state waiting, and nothing of it is this process's to do: why; else NULL. Borrowed until the
                              next call of the machine */
};
void roll_machine_view(const struct roll_machine *machine, struct roll_machine_view *ret_view);
enum roll_target_state roll_machine_target_state(const struct roll_machine *machine, size_t index);

/* ---- step drivers: how a step is sent ------------------------------------------------------- */

struct roll_send; /* driver.c */
/* One row for each way to apply: "deployment", "stack", "action"; others fit later. */
struct roll_step_driver {
    const char *apply;
    bool cancellable;
    void (*put)(struct roll_send *send, const struct roll_action *action);
    void (*get)(struct roll_send *send, const struct roll_action *action);
    void (*poll)(struct roll_send *send, const struct roll_action *action);
    void (*cancel)(struct roll_send *send, const struct roll_action *action);
    void (*explain)(struct roll_send *send, const struct roll_action *action);
};
/* NULL when it is not built. */
const struct roll_step_driver *roll_step_driver_find(const char *apply, int64_t step);

/* ---- gates ---------------------------------------------------------------------------------- */

struct roll_gate_options {
    struct roll_ledger *ledger;
    struct roll_loop *loop;
    const char *workspace; /* or NULL: the current folder */
    const char *stream;
    int64_t rollout;
    const char *gate;
};
/* verdict: passed, failed, error (static); summary: borrowed, or NULL; result: owned by the callee, or NULL. */
/* scripts: what its command ran, borrowed, or NULL. */
typedef void (*roll_gate_fn)(void *user, const char *verdict, const char *summary, const json_t *scripts, struct roll_blob *result_take);
struct roll_gate_evaluation;
/* Evaluates a gate as the plan that was recorded with the rollout defines it. fn is called once, from the loop, and never
 * before this returns; the handle is valid until then. */
struct roll_gate_evaluation *roll_gate_evaluate(const struct roll_gate_options *options, roll_gate_fn fn, void *user);
/* Ends what runs; fn is not called any more. NULL is ignored. */
void roll_gate_cancel(struct roll_gate_evaluation *evaluation);
/* A gate that was deferred: evaluated now, and recorded (gate.evaluated; passed closes its debt). For `roll run` and `roll
 * review`. Runs the loop. Owned texts. */
struct roll_error *roll_gate_make_up(const struct roll_gate_options *options, const struct roll_actor *actor, char **ret_verdict, char **ret_summary) ROLL_CHECKED;

/* ---- the driver ----------------------------------------------------------------------------- */

/* What the person sees; every member may be NULL. Called from the loop. */
struct roll_listener {
    void *user;
    void (*changed)(void *user, const struct roll_machine *machine, const struct roll_order *order); /* something moved */
    void (*event)(void *user, const struct roll_event *event);                                       /* it is durable */
    void (*notice)(void *user, const char *text); /* waiting for a cancelled deployment, throttled, another driver, … */
};

/* Connections to the clouds of targets: one client and one token for each (cloud, tenant, credential), made when a target
 * first needs it and shared by every call that is given the same links. */
struct roll_links;
/* loop is borrowed. sandbox gives the URL (borrowed) where this workspace's sandbox listens; it is asked once, when a target's
 * cloud is "sandbox"; or NULL. */
struct roll_links *roll_links_new(struct roll_loop *loop, struct roll_error *(*sandbox)(void *user, const char **ret_url), void *sandbox_user);
void roll_links_free(struct roll_links *links);
ROLL_AUTO_DEFINE(links, struct roll_links, roll_links_free)
/* So long roll_links_prove waits for a token; 0, as at first: as long as the login may take. */
void roll_links_set_patience(struct roll_links *links, int64_t patience_ms);
/* The client and the credential of a target's cloud, tenant and credential; either may be NULL. Borrowed until roll_links_free. */
struct roll_error *roll_links_get(struct roll_links *links, const struct roll_order_target *target, struct roll_arm **ret_arm,
                                  struct roll_credential **ret_credential) ROLL_CHECKED;
/* Begins to fetch the target's token, while the caller does something else. What goes wrong is told to whoever asks for it. */
void roll_links_prefetch(struct roll_links *links, const struct roll_order_target *target);
/* Fetches the target's token, if there is none yet, and says who it names; ROLL_E_CREDENTIAL, with what to type next where that
 * is known. A login that is silent for 5 s is told on stderr. Owned. */
struct roll_error *roll_links_prove(struct roll_links *links, const struct roll_order_target *target, char **ret_proved) ROLL_CHECKED;

struct roll_driver_options {
    struct roll_ledger *ledger;
    struct roll_loop *loop;
    struct roll_links *links;   /* borrowed */
    struct roll_actor actor;    /* proved may be NULL: it is filled from the token once there is one */
    const struct roll_listener *listener; /* or NULL */
    int64_t timeout_ms;         /* of the wait, 0: none */
    bool no_wait;               /* detach as soon as every first PUT is accepted */
    bool wait;                  /* stay while the rollout waits for approvals or a window; else it is left waiting */
    bool unproved;              /* no token is asked for: what waits is only to be ended */
    const char *workspace;      /* the folder in which gates run and reports lie (borrowed), or NULL: the current one */
    const json_t *plan;         /* today's (borrowed), whose webhooks' variables commands do not get; or NULL */
    bool take;
    const struct roll_sync *sync; /* borrowed, or NULL: the ledger is nobody else's, or the store is out of reach */
    bool wait_for_access;       /* a 403 is asked again with a new token, for 10 minutes: a role that was just granted */
    int retain;                 /* releases whose entries in ARM's history are kept, 0: 10 */
    bool look;                  /* before a new rollout's first PUT: who deployed here last? (by the tags of deployments) */
};

struct roll_outcome {
    enum roll_machine_end end;
    int64_t rollout, back;      /* back: the automatic one, 0 */
    enum roll_machine_end back_end;
    bool reached;               /* ARM is known to have a deployment of this rollout */
    bool unsure;                /* one may have arrived without an answer */
};

/* Requests and drives what was chosen; the order is entered into the choice's request and blobs, which are let go when the
 * ledger has them. ROLL_E_CONFLICT: decide again (nothing was written). */
struct roll_error *roll_rollout_start(const struct roll_driver_options *options, struct roll_choice *choice, struct roll_outcome *ret_outcome) ROLL_CHECKED;
/* ARM's what-if of every target of a choice, one after the other: {target: changes as ARM gives them}. New reference.
 * Deploys and records nothing; needs write permission at ARM all the same. */
struct roll_error *roll_rollout_what_if(const struct roll_driver_options *options, const struct roll_choice *choice, json_t **ret_forecasts) ROLL_CHECKED;
/* What would become of the leftovers of a choice's targets: {target: [{"id","release","delete","reason"?}]}, in order of deletion.
 * ask: reads what ARM knows of them (when they were made, locks); else as far as the ledger and the plan can tell. New reference. */
struct roll_error *roll_rollout_leftovers(const struct roll_driver_options *options, const struct roll_choice *choice, bool ask, json_t **ret_leftovers) ROLL_CHECKED;
/* Goes on with an open rollout. ROLL_E_CONFLICT when a living driver holds it and take is not set; when it was another
 * replica's and the clocks are more than a minute apart; when that one went on aside, as deployments at ARM tell. */
struct roll_error *roll_rollout_resume(const struct roll_driver_options *options, const char *stream, int64_t rollout, struct roll_outcome *ret_outcome) ROLL_CHECKED;
/* What a rollout that waits still lacks. */
struct roll_lacks {
    GPtrArray *texts;  /* owned: "approval of security", "gate 'scan'", …; none: it could start now */
    bool approval;     /* somebody has to sign it */
    bool hold;         /* somebody has to end a hold */
    bool dead;         /* its release was marked bad, or is below a floor: it never starts */
    guint parts;       /* so many of the texts are parts that have to go back first */
    int64_t expires_at; /* when it ends by itself if it has not started, UTC ms; 0: never */
    int64_t starts_at; /* when its time has come and a window is open, UTC ms; 0: they are not in the way, ROLL_NEVER: none opens */
};
/* Reads the ledger, and today's plan in workspace (its root; NULL: windows and freezes of then count). *ret_lacks is set on an error too, to what was found until then; roll_lacks_clear. */
struct roll_error *roll_rollout_lacks(struct roll_ledger *ledger, const char *workspace, const char *stream, int64_t rollout,
                                      struct roll_lacks *ret_lacks) ROLL_CHECKED;
void roll_lacks_clear(struct roll_lacks *lacks);
/* Parts: a rollback with its dependents is one rollout that names in its request what goes back before it, in order
 * (rollout.requested "with": {"parts": [SERVICE/ENVIRONMENT], …how}), and waits until each has. A part is done when a rollout
 * that says that it belongs to it ("partOf") succeeded, or another rollback or hotfix that was asked for there since.
 * *ret_parts: [{"environment", "rollout"?, "state"?, "done": bool, "apart"?: true, of one that does not belong to it,
 * "earlier"?: [those that belong to it and did not get it done]}]; a new
 * reference, NULL: it has none. */
struct roll_error *roll_rollout_parts(struct roll_ledger *ledger, const char *stream, int64_t rollout, json_t **ret_parts) ROLL_CHECKED;
/* The windows and freezes that count for it now (roll_policy_timing): today's plan's in workspace, else those recorded. A new
 * reference; {} or NULL: none. */
struct roll_error *roll_rollout_timing(struct roll_ledger *ledger, const char *workspace, const char *stream, int64_t rollout,
                                       json_t **ret_timing) ROLL_CHECKED;
/* Records what became of intents without outcome, if their driver is gone; PUTs nothing. Nothing to settle: at once. */
struct roll_error *roll_rollout_settle(const struct roll_driver_options *options, const char *stream, struct roll_outcome *ret_outcome) ROLL_CHECKED;
/* What the tags of deployments at ARM say of the order's targets (at most 4 scopes): *ret_found names a deployment of another
 * ledger, or of a rollout that this one does not know; owned, NULL when all fits. */
struct roll_error *roll_rollout_look(const struct roll_driver_options *options, const struct roll_order *order, char **ret_found) ROLL_CHECKED;
/* Appends rollout.cancelling and drives to the end (or leaves it to the living driver and waits). */
struct roll_error *roll_rollout_cancel(const struct roll_driver_options *options, const char *stream, int64_t rollout, const char *reason, struct roll_outcome *ret_outcome) ROLL_CHECKED;

#endif
