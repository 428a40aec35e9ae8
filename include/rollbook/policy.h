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

/* May this requester start a rollout in this lane now? ROLL_E_REFUSED says which gate, who may, and
 * how to override where the plan allows it. ret_overrides: what has to be recorded
 * ([{"kind","name"?,"reason"}]), a new reference or NULL. A gate that the plan asks for and that
 * this version cannot evaluate is not passed. */
struct roll_error *roll_policy_check(const struct roll_plan *plan,
                                     const struct roll_plan_environment *environment,
                                     enum roll_lane lane, const struct roll_requester *requester,
                                     json_t **ret_overrides) ROLL_CHECKED;

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
 * the past was before the schedule, and is skipped. Only the newest slot of the past counts: one missed run is made up for, not
 * a hundred. Pure; asked again after what it says was done. Errors as roll_calendar_new. */
struct roll_error *roll_slot_next(const struct roll_plan_schedule *schedule, int64_t now_ms,
                                  int64_t known_at, struct roll_slot_due *ret_due) ROLL_CHECKED;

#endif
