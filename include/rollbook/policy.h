/* What a lane may do: roles, and the gates of DESIGN section 7 as one table. Decides on facts that
 * it is given; reads nothing, writes nothing. */
#ifndef ROLLBOOK_POLICY_H
#define ROLLBOOK_POLICY_H

#include "rollbook/release.h"

enum roll_gate {
    ROLL_GATE_ROLE,
    ROLL_GATE_APPROVAL,
    ROLL_GATE_CHECK, /* scan reports and commands */
    ROLL_GATE_WINDOW,
    ROLL_GATE_FREEZE,
    ROLL_GATE_HOLD,
    ROLL_GATE_AFTER, /* the predecessor environment */
    ROLL_GATE_ORDER, /* ancestry */
    ROLL_GATE_HOTFIX,
    ROLL_GATE_OVERDUE,
    ROLL_GATE_FLOOR,
    ROLL_GATE_RINGS,
    ROLL_GATE_BAKE,
    ROLL_GATE_HEALTH,
    ROLL_GATE_COUNT
};

enum roll_gate_rule {
    ROLL_RULE_NONE, /* does not apply; that it did not is recorded */
    ROLL_RULE_APPLIES,
    ROLL_RULE_PLANNED,  /* as far as the plan says so for this lane */
    ROLL_RULE_REPORTED, /* looked at and shown, never in the way */
};

/* The table. */
enum roll_gate_rule roll_policy_rule(enum roll_lane lane, enum roll_gate gate);
/* The word of --override and of messages: "role", "approval", "window", … */
const char *roll_gate_name(enum roll_gate gate);

/* Who asks. proved: what the token says; in the sandbox nobody is proved and the claimed name
 * counts. */
struct roll_requester {
    const struct roll_actor *actor;
    bool sandbox;
    const char *const *groups;    /* that the token names, NULL-terminated; NULL: it leaves them open */
    const char *const *overrides; /* KIND or KIND:NAME, NULL-terminated, or NULL */
    const char *reason;           /* or NULL */
    int64_t at_ms;                /* when: for windows and freezes */
    bool when_open;               /* outside of its windows it is let through: it will wait for them */
};

/* May this requester ask for a rollout in this lane now? ROLL_E_REFUSED says which gate, who may, and
 * how to override where the plan allows it. ret_overrides: what has to be recorded
 * ([{"kind","name"?,"reason"}]), a new reference or NULL. Approvals and gates are asked for later:
 * roll_policy_gates. */
struct roll_error *roll_policy_check(const struct roll_plan *plan,
                                     const struct roll_plan_environment *environment,
                                     enum roll_lane lane, const struct roll_requester *requester,
                                     json_t **ret_overrides) ROLL_CHECKED;

/* A slip in a name would look as if a rule had been passed by. ROLL_E_USAGE: an override names a window or a freeze that the
 * environment has not; the message lists those that it has. overrides: as above, may be NULL. */
struct roll_error *roll_policy_check_names(const struct roll_plan_environment *environment, const char *const *overrides) ROLL_CHECKED;

/* ---- who ------------------------------------------------------------------------------------ */

/* plan: the value of a plan. Is the actor a member of the role? What the token proves counts; in the sandbox the claimed
 * name too. */
bool roll_policy_is_member(const json_t *plan, const char *role, const struct roll_actor *actor, const char *const *groups, bool sandbox);
/* Is a person, by name, one? */
bool roll_policy_names_member(const json_t *plan, const char *role, const char *name);
/* Is one of the roles (NULL-terminated, or NULL) given to a group? Where a token names no groups, membership is unknown then. */
bool roll_policy_asks_groups(const json_t *plan, char *const *roles);
/* Has the actor one of the lane's roles in the environment? Lanes without roles are anybody's. groups: as for
 * roll_policy_is_member; on lane rollback unknown membership is let through, as a rollback is. ROLL_E_REFUSED says what is needed: what is for that role ("'roll review' of 'shop/prod'"). */
struct roll_error *roll_policy_need_role(const struct roll_plan *plan, const struct roll_plan_environment *environment, enum roll_lane lane,
                                         const struct roll_actor *actor, const char *const *groups, const char *what) ROLL_CHECKED;

/* ---- what a request has to wait for, and what it owes ------------------------------------------ */

/* rollout.requested's `gates`:
 *   {"approvals":[{"role","count"}]?, "owed": likewise, where they were passed by, "before":[GATE]?, "after":[GATE]?, "debts":[{"debt","owner","due","reason"?}]?,
 *    "timing":…?, "wait":true?, "contains":[ROLLOUT]?, "reopens":[ROLLOUT]?}
 * before: gates that must have passed before it starts; after: gates that are health checks of each target; debts: see
 * roll_ledger_debts; timing: roll_policy_timing; wait: its window is closed now; contains: hotfixes whose debt its success
 * closes; reopens: hotfixes that it drops. Gates are defined by the governing plan that is recorded with it.
 *
 * overrides: all that was passed by ([{"kind","name"?,"reason"}]), or NULL. A new reference, or NULL when there is nothing to
 * say. ret_expires: when a request that has to wait ends by itself (UTC ms), 0. */
json_t *roll_policy_gates(const struct roll_plan *plan, const struct roll_plan_environment *environment, enum roll_lane lane,
                          const struct roll_requester *requester, const json_t *overrides, int64_t *ret_expires);
/* The health checks that gates "after" are: struct roll_plan_health * are added to health. */
void roll_policy_gates_after(const struct roll_plan *plan, const json_t *gates, GPtrArray *health);
/* Is it overdue debts that stop this request? Without those that a request with these gates closes by its
 * success. ROLL_E_REFUSED names them, and what closes each. May add to overrides. */
struct roll_error *roll_policy_check_overdue(struct roll_ledger *ledger, const struct roll_plan_environment *environment, const char *stream,
                                             enum roll_lane lane, const struct roll_requester *requester, const json_t *gates, json_t *overrides) ROLL_CHECKED;

/* What closes a debt, to be typed. rollout: prod#17. Owned. */
char *roll_debt_next(const char *rollout, const char *debt);

/* ---- what governs is what was reviewed --------------------------------------------------------- */

/* The file of approvers, or of revoked keys (member); NULL: the plan names none. root: of the workspace. Owned. */
char *roll_governance_path(const struct roll_plan *plan, const char *root, const char *member);
/* What is not as it is committed (at governance.ref, HEAD), in words: the plan, approvers, revoked keys, scripts (below root, or
 * NULL); or why that cannot be told. *ret_slip NULL: all is, or nothing is governed. Governed is an environment that has lanes,
 * or had them in the plan that governed it last: whoever profits from it could take them away in a file. For the same reason the
 * files have to be equal also at the ref that that plan named. stream: SERVICE/ENV. Owned. Reads git. */
struct roll_error *roll_governance_slip(struct roll_ledger *ledger, const char *root, const struct roll_plan *plan,
                                        const struct roll_plan_environment *environment, const char *stream, const GPtrArray *scripts,
                                        char **ret_slip) ROLL_CHECKED;
/* If a word of a command names a file below root that is run, it is added to scripts (owned texts, once each). */
void roll_governance_script(const char *root, const char *word, GPtrArray *scripts);
/* The same for each word of these gates (names, NULL-terminated, or NULL). */
void roll_governance_scripts(const struct roll_plan *plan, const char *root, char **gates, GPtrArray *scripts);
/* gate.evaluated's `scripts`: {PATH: {"digest","dirty"?}}; dirty: it is not what is committed, or that cannot be told. plan: the
 * value of one. A new reference. */
json_t *roll_governance_digests(const json_t *plan, const char *root, const GPtrArray *scripts);

/* ---- approvals -------------------------------------------------------------------------------- */

#define ROLL_SIGNATURE_NAMESPACE "rollbook"
#define ROLL_APPROVERS_MAX (1u << 20) /* bytes of an allowed-signers file, and of a revocation list */

/* SSH signatures by ssh-keygen. A signature is one line: the base64 of what stands between the lines of its armour.
 * approvers: an allowed-signers file's text; revoked: a KRL or a list of keys, or NULL; both may hold any bytes. */
struct roll_signers {
    const GString *approvers, *revoked;
};
/* key: a private key's file, a public one's (its private key is in the agent), or "agent" (the first key there that
 * approvers lists). ROLL_E_NOT_FOUND without ssh-keygen. Owned. */
struct roll_error *roll_signature_make(const struct roll_signers *signers, const char *key, const char *message, char **ret_signature) ROLL_CHECKED;
/* Did principal sign message at that time, with a key that was valid then and is not revoked? ROLL_E_REFUSED otherwise. */
struct roll_error *roll_signature_verify(const struct roll_signers *signers, const char *principal, const char *message, const char *signature,
                                         int64_t at_ms) ROLL_CHECKED;
/* Whose key made it. It says nothing of the message: verify follows. NULL-terminated, maybe empty; g_strfreev. */
struct roll_error *roll_signature_principals(const struct roll_signers *signers, const char *signature, int64_t at_ms, char ***ret_principals) ROLL_CHECKED;
/* Which key made it: SHA-256 of the public key, hex. ROLL_E_INVALID. */
struct roll_error *roll_signature_key(const char *signature, char ret_key[ROLL_HEX_SIZE]) ROLL_CHECKED;

/* A request as approvals see it. */
struct roll_approved {
    char *stream;
    int64_t rollout;
    char hash[ROLL_HEX_SIZE];
    int64_t expires; /* UTC ms, 0: never */
    struct roll_actor requester;  /* owned texts */
    json_t *plan, *approvals;     /* of the governing plan then; asked for, or NULL */
    GString *approvers, *revoked; /* or NULL */
};
/* From the ledger. ROLL_E_NOT_FOUND; ROLL_E_INVALID when it asks for no approval. */
struct roll_error *roll_approved_load(struct roll_ledger *ledger, const char *stream, int64_t rollout, struct roll_approved **ret_approved) ROLL_CHECKED;
void roll_approved_free(struct roll_approved *approved);
ROLL_AUTO_DEFINE(approved, struct roll_approved, roll_approved_free)
/* Does this approval count? ROLL_E_REFUSED says why not: not signed, not by this person, not in time, self-made, no role. */
struct roll_error *roll_approval_check(const struct roll_approved *approved, const char *approver, const char *signature, int64_t at_ms) ROLL_CHECKED;
/* All that were given, each checked, each person and each key for one role: *ret_missing is what is still asked for
 * ("security (1 of 1)"), owned, NULL when it is enough. limit: only events before this sequence number count; 0: all. */
struct roll_error *roll_approvals_missing(struct roll_ledger *ledger, const struct roll_approved *approved, int64_t limit, char **ret_missing) ROLL_CHECKED;
/* Does an approval by this person, or with this signature's key, count already? It would not count twice. */
struct roll_error *roll_approvals_has(struct roll_ledger *ledger, const struct roll_approved *approved, const char *approver, const char *signature, bool *ret_has) ROLL_CHECKED;
/* Every approval in the ledger, against what was recorded with its request; and every rollout that started has had enough.
 * *ret_bad: the first that is not good, owned, or NULL. */
struct roll_error *roll_approvals_verify(struct roll_ledger *ledger, char **ret_bad) ROLL_CHECKED;

/* ---- scan reports ----------------------------------------------------------------------------- */

struct roll_sarif_options {
    const char *fail_on;        /* error, warning, note */
    double max_severity;        /* security-severity above it fails; < 0: not looked at */
    const char *commit;         /* of the release itself; NULL: unknown, or only inherited from another release, whose
                                   report must not pass for this one */
    const char *const *digests; /* of the release's artifacts (sha256:…); or NULL */
    const char *const *changed; /* those of them that each have to have been looked at; or NULL: none has to */
    bool named;                 /* the file is named after the release: that says what it is for, where a run does not */
};
/* What a SARIF 2.1.0 report says. Each run has to be made for this release: one that names another commit or image is not. ret_verdict: passed, failed, error (static); ret_summary: one line, owned; ret_result: counts by level,
 * suppressed, tools; a new reference. Never fails: a report that cannot be read is verdict error. */
void roll_sarif_judge(const char *text, size_t size, const struct roll_sarif_options *options, const char **ret_verdict, char **ret_summary,
                      json_t **ret_result);

/* ---- windows and freezes ---------------------------------------------------------------------- */

/* What restricts when a rollout in this lane may run, to be recorded with it: {"windows"?, "freezes"?, "whenWindowCloses"?},
 * without what the overrides pass (`window`, `freeze`, `freeze:NAME`). A new reference; NULL: nothing does. */
json_t *roll_policy_timing(const struct roll_plan_environment *environment, enum roll_lane lane,
                           const char *const *overrides);

/* Open at an instant; if not, why and until when. name and why are owned. */
struct roll_timing {
    bool open;
    enum roll_gate gate; /* closed: ROLL_GATE_WINDOW or ROLL_GATE_FREEZE */
    char *name;          /* the window that opens next, the freeze that holds; or NULL */
    int64_t since;       /* open: since when, 0: ever */
    int64_t until;       /* the next change, ROLL_NEVER: none */
    char *why;           /* closed: "freeze 'christmas' holds; it opens 2027-01-04 08:00 UTC"; open: NULL */
};
/* Pure. timing as above (NULL: open). *ret_timing is overwritten, not freed first. A rule that cannot be read (a zone that this
 * machine does not know) is an error: a gate that cannot be evaluated is not passed. */
struct roll_error *roll_timing_at(const json_t *timing, int64_t at_ms,
                                  struct roll_timing *ret_timing) ROLL_CHECKED;
void roll_timing_clear(struct roll_timing *timing);

/* ---- slots: the times of a schedule ------------------------------------------------------------ */

#define ROLL_SLOT_LATE_MS (INT64_C(15) * 60 * 1000) /* cron and timers are late: so much is not missed */

enum roll_slot_step {
    ROLL_SLOT_NOTHING, /* before wake */
    ROLL_SLOT_REQUEST, /* request a rollout for the slot */
    ROLL_SLOT_SKIP,    /* it was missed, and missed ones are skipped: record that it passed */
    ROLL_SLOT_EXPIRE,  /* it was missed, and it is too late now: likewise */
};
struct roll_slot_due {
    enum roll_slot_step step;
    int64_t at;      /* of the slot */
    int64_t expires; /* REQUEST: when it may not start any more, 0: never */
    int64_t wake;    /* when something is due next, if nothing else happens; ROLL_NEVER */
};
/* What a schedule asks for at an instant. known_at: its newest slot that something became of, 0: none ever; then what lies in
 * the past was before the schedule, and is skipped. Only the newest slot of the past may run: one missed run is made up for, not
 * a hundred (roll_slot_missed tells the others). Pure; asked again after what it says was done. Errors as roll_calendar_new. */
struct roll_error *roll_slot_next(const struct roll_plan_schedule *schedule, int64_t now_ms,
                                  int64_t known_at, struct roll_slot_due *ret_due) ROLL_CHECKED;

#define ROLL_SLOT_MISSED_MAX 24
/* Slots that a newer one has overtaken, and of which nothing became: those between known_at (as above) and the one that is due
 * now, oldest first. step: SKIP and EXPIRE as above; REQUEST: it could still have run. The newest ROLL_SLOT_MISSED_MAX; *ret_earlier: how
 * many lie before them (counted up to 10,000). None where known_at is no time of the schedule: the plan had another one then. slots: an array of
 * struct roll_slot_due, emptied first. Pure; errors as above. */
struct roll_error *roll_slot_missed(const struct roll_plan_schedule *schedule, int64_t now_ms,
                                    int64_t known_at, int64_t due_at, GArray *slots,
                                    int64_t *ret_earlier) ROLL_CHECKED;

#endif
