/* The rollout machine from inside (DESIGN section 6).
 *
 * A rollout is a set of jobs, one for each target of its order. The machine drives one rollout, its
 * *own*, and may inherit others: rollouts that its own took the place of, whose intents still lack
 * an outcome.
 *
 * What is known of a job has two halves. The durable half (state, step, attempt, intended) is
 * changed by folding events and by nothing else, so a machine rebuilt from the ledger has the same.
 * The volatile half is the phase: what this process is doing about the step at hand.
 *
 *   IDLE     nothing: not started yet, waiting for an inherited job, or ended
 *   START    its next intent is to be appended
 *   PUT      the intent is durable; the request is due (again, after a definite "not now")
 *   GET      whether the request arrived is not known: look by name
 *   POLL     it arrived: ask until the state is final
 *   CANCEL   ask ARM to stop it, then POLL
 *   DETAIL   final by a poll: read the deployment itself
 *   EXPLAIN  it failed: read its operations for the innermost cause
 *   PROBE    a health check: try until healthy or too late
 *   SORT     which of its leftovers may be deleted?
 *   DELETE   a leftover: its intent is durable; the request is due, as of PUT
 *   SEEK     whether a deletion arrived is not known: is it still there?
 *   DOUBT    an action may have run, and left no name to look for: wait until it cannot any more
 *   RECORD   the outcome is known and is to be appended
 *   LEFT     this process cannot learn the outcome; the intent stays open for a later one
 *
 *                            accepted           final                failed
 *   START --append--> PUT -----------> POLL ----------> DETAIL -----------> EXPLAIN
 *                     |  ^              ^ |                |                   |
 *           lost,busy |  | not there    | | CANCEL         +--------+----------+
 *                     v  |              | +-----                    v
 *   rebuilt --------> GET --------------+              START, PROBE <--append-- RECORD
 *                           ours, runs                 or IDLE
 *
 * Two gates stand before every PUT: its intent was folded, and the claim and the fence hold
 * (machine_claim.c). Jobs meet the world in three places only: the agenda (a job acts at a boot
 * time), the queues starts and records (what the next append carries; one append at a time), and
 * the table of questions asked. So an input costs what it changes.
 *
 *   machine.c          the public face      machine_outcome.c  results of steps, and their events
 *   machine_fold.c     durable facts        machine_append.c   what goes into the ledger
 *   machine_targets.c  rings, steps, bake   machine_claim.c    claims, fence, takeover
 *   machine_wait.c     what comes before the first claim: gates, approvals, windows
 *   machine_window.c   a window that closes between two rings
 *   machine_prune.c    deleting leftovers, when every target has its goal
 *   machine_ask.c      a job's questions    machine_inherit.c  superseded rollouts
 *   machine_replies.c  the answers          machine_end.c      how it begins and ends
 *   machine_found.c    what a look means    machine_agenda.c   time */
#ifndef ROLLBOOK_ROLLOUT_MACHINE_H
#define ROLLBOOK_ROLLOUT_MACHINE_H

#include <string.h>

#include "rollbook/rollout.h"

/* A request whose reply was lost may still arrive so long after that was known. */
#define MACHINE_LATE_MS (INT64_C(10) * 1000)
/* Clocks of two drivers differ at most by this (DESIGN section 4). */
#define MACHINE_SKEW_MS (INT64_C(60) * 1000)
/* How far two machines may be apart that both go by the Date header of the shared store. */
#define MACHINE_BLUR_MS (INT64_C(6) * 1000)
/* So long a PUT is tried again that was throttled, met something busy, or did not leave; a read
 * that was not answered; and a read that was refused or had no token. */
#define MACHINE_PUT_PATIENCE_MS (INT64_C(10) * 60 * 1000)
#define MACHINE_READ_PATIENCE_MS (INT64_C(10) * 60 * 1000)
#define MACHINE_DENIED_PATIENCE_MS (INT64_C(60) * 1000)

#define MACHINE_APPEND_MAX 200 /* drafts in one append */
#define MACHINE_LOST_MAX 5     /* times that a lost PUT is sent again */
#define MACHINE_DETAIL_TRIES 5 /* reads for details only: the outcome is known without them */
#define MACHINE_CANCEL_TRIES 5
#define MACHINE_SETTLE_LOOKS 3 /* in mode SETTLE: at a young intent that ARM does not know */
#define MACHINE_LOOK_MS 2000   /* between two of them */
#define MACHINE_DELETING_MS (INT64_C(60) * 60 * 1000) /* how long a resource may be "Deleting" */
#define MACHINE_TEXT_MAX 2000                         /* bytes of a message */
#define MACHINE_STEP_DELETE (-1)                      /* a job's step while a leftover is deleted */

enum phase {
    PHASE_IDLE,
    PHASE_START,
    PHASE_PUT,
    PHASE_GET,
    PHASE_POLL,
    PHASE_CANCEL,
    PHASE_DETAIL,
    PHASE_EXPLAIN,
    PHASE_PROBE,
    PHASE_SORT,
    PHASE_DELETE,
    PHASE_SEEK,
    PHASE_DOUBT,
    PHASE_RECORD,
    PHASE_LEFT,
    PHASE_COUNT,
};

/* One target in one rollout. */
struct job {
    struct rollout *rollout;
    const struct roll_order_target *target; /* borrowed from the order */
    size_t index;                           /* in the order */
    guint ring;                             /* own: in the machine's rings */

    /* Durable: changed by folding alone. */
    enum roll_target_state state;
    bool intended;         /* there is an intent without outcome */
    int64_t step, attempt; /* of that intent, else what comes next */
    int64_t deployed;      /* newest attempt at the deployment that was intended */
    int64_t acted;         /* newest action that was */
    int64_t rival_at;      /* UTC ms by ARM: the last end of an older rollout's deployment here */
    char correlation[ROLL_UUID_SIZE];  /* of the intent */
    char *deleting, *deleting_version; /* of a deletion that was intended: owned, or NULL */
    bool unsorted;                     /* the last one was not deleted: decide again */

    /* Volatile, for as long as this process lives. */
    bool occupies;     /* counts against max_parallel */
    bool passed;       /* the ring's cursor went by while it was blocked */
    size_t blockers;   /* inherited jobs that must end before it starts */
    size_t followed;   /* inherited jobs that must end before its success is recorded */
    struct job *heir;  /* inherited: the own job for the same target, or NULL */
    bool released;     /* inherited: its heir does not wait for it any more */
    bool pruning;      /* its leftovers are being deleted */
    GPtrArray *sorted; /* struct roll_leftover *, in order; owned, or NULL */

    /* Volatile, for the step at hand. */
    enum phase phase;
    bool appending; /* its intent or outcome is in the append under way, or just became durable */
    bool accepted;  /* the request is known to have arrived */
    bool cancel_sent;
    bool failing;     /* its outcome, not yet recorded, fails the target */
    bool held;        /* its success is not recorded before what it follows has ended */
    bool again;       /* its success was overwritten: another attempt goes with the outcome */
    int lost;         /* PUTs whose reply was lost */
    char *lost_words; /* what the last of them was answered; owned, or NULL */
    int tries;        /* failures in a row, which began at trouble_boot_ms (-1: none) */
    int looks;        /* in vain, in mode SETTLE */
    bool heard, heard_intended; /* of by another driver, while an append of ours was under way; was
                                   it intended before? */
    int64_t deleting_boot_ms;   /* since when ARM is seen deleting the leftover; 0: not yet */
    int64_t trouble_boot_ms;
    int64_t again_boot_ms;           /* the next PUT not before this */
    int64_t believe_boot_ms;         /* "not found" is believed if it was asked for from then on */
    int64_t accepted_boot_ms;        /* when it was known to have arrived */
    int64_t missing_boot_ms;         /* first "not found" in a row after that, -1: none */
    int64_t probe_boot_ms;           /* first try of the health check, -1: none */
    uint64_t asked;                  /* id of the open question, 0: none */
    int64_t asked_boot_ms;           /* of the newest question: an answer may be as old as that */
    int64_t due_boot_ms;             /* in the agenda: it acts then, */
    uint64_t due_order;              /* among equals in this order */
    GSequenceIter *entry;            /* its place there, or NULL */
    struct roll_step_ended *outcome; /* what is known of it; owned, or NULL */
    struct roll_blob *result;        /* owned, or NULL */
};

struct gate {
    char *name;
    char *verdict; /* durable: passed, failed, error; NULL: not yet */
    char *summary; /* durable, or NULL */
    /* Volatile: asked for, and answered but not recorded. */
    uint64_t asked;
    struct roll_gate_evaluated *answer; /* owned, or NULL */
    struct roll_blob *result;           /* owned, or NULL */
};

/* What a rollout waits for. */
struct wait {
    GPtrArray *gates;            /* struct gate *, owned */
    int64_t not_before, expires; /* UTC ms, 0 */
    bool rejected;               /* durable */
    char *rejection;             /* who and why, owned */
    /* Volatile: the question whether it may start, and its answer. */
    uint64_t asked;
    int64_t asked_head; /* the stream's head that it was asked on */
    bool may_start;
    int64_t again_boot_ms;
    char *why; /* not; owned, or NULL */
};

struct rollout {
    int64_t number;                 /* 0: not in the ledger yet */
    const struct roll_order *order; /* borrowed */
    char hash[ROLL_HEX_SIZE];       /* of its rollout.requested */
    bool requested, cancelling, ended;
    bool gone;    /* its last driver was of this replica, and is not any more */
    bool stray;   /* it ended, and an intent was heard of later */
    bool passive; /* whoever claimed it last sends nothing: it settles, or it is this process */
    int64_t sender_at;     /* UTC ms: last event by a driver that may send */
    struct wait *wait;     /* what must have passed before it starts, or NULL */
    struct window *window; /* what keeps a further ring back, or NULL */
    json_t *timing;        /* the rules that count, or NULL; owned */
    bool started;          /* it was claimed to be driven: all of that had passed */
    size_t n_jobs;
    struct job *jobs;    /* as in the order */
    GHashTable *by_name; /* target name -> job */
    GHashTable *pruned;  /* durable: "TARGET\nid in lower case" of leftovers that are done with, or
                            NULL */
};

/* Targets of one ring: a slice of the machine's sequence. */
struct ring {
    int number; /* as in the order */
    size_t begin, end;
    size_t open;     /* neither succeeded nor failed */
    int64_t last_at; /* UTC ms of its last step.ended, 0 */
};

struct append {
    uint64_t id;
    int64_t boot_ms;              /* when it was asked for */
    int64_t rollout;              /* number of the own rollout, foreseen in the first append */
    GArray *drafts;               /* struct roll_draft */
    GPtrArray *bodies;            /* owned blocks: bodies, whose texts are borrowed, and texts */
    GPtrArray *blobs;             /* const struct roll_blob *, borrowed */
    GPtrArray *starts;            /* jobs whose intent is in it */
    GPtrArray *records;           /* jobs whose outcome is in it */
    bool first;                   /* requests the own rollout */
    bool behind;                  /* the shared store does not have it yet */
    bool tidied;                  /* gives back a claim that only ended what was superseded */
    enum roll_machine_end ending; /* what its success means, or NONE */
    int64_t next_rollout;         /* with FAILED_BACK */
};

struct roll_machine {
    char *stream, *driver, *host;
    enum roll_machine_mode mode;
    bool take, gone;

    int64_t wall_ms, boot_ms; /* of the call at hand */
    int64_t ahead_ms;         /* of the shared store's clock, by which claims are judged */
    bool corrected;           /* it is known */
    int64_t head;             /* last sequence number of the stream */

    GPtrArray *rollouts; /* struct rollout *, owned; own is the last */
    struct rollout *own;
    const struct roll_rollout_requested
        *request;                   /* of a rollout that this process makes, or NULL */
    const GPtrArray *request_blobs; /* or NULL */
    json_t *today;                  /* rules of today's plan, or NULL: nobody looked; owned */
    int64_t candidate;              /* a rollout.requested that is ours if our claim follows */
    char candidate_hash[ROLL_HEX_SIZE];

    /* Claims. */
    bool opened;   /* what was folded has been looked at */
    bool begun;    /* our claim is durable, and jobs were scheduled */
    bool claimed;  /* the last claim is ours */
    bool overrule; /* we take one that still stands */
    bool unseen; /* we took over from a driver of another replica, of whose intents the last may not
                    have been heard: each deployment is looked for before it is sent */
    bool renew;  /* a PUT waits for a renewal */
    int slow;    /* appends in a row whose answer came too late to send anything */
    char *claimant;        /* driver of the last claim, NULL: none, or it was given back */
    int64_t until;         /* of that claim, UTC ms */
    int64_t fresh_boot_ms; /* our last append, INT64_MIN: none */
    int64_t away_boot_ms;  /* the shared store is out of reach, and asked again then; INT64_MIN: it
                              is not */
    int64_t away_pause_ms;
    int64_t quiet_boot_ms; /* no PUT before this: a driver that was overruled may still send */
    int64_t begin_boot_ms; /* when our claim became durable */

    /* The order of things. */
    GPtrArray *sequence; /* struct job *: own jobs by ring, then as in the order */
    GArray *rings;       /* struct ring */
    guint ring;          /* the ring at hand */
    bool touched;        /* ARM accepted something of the own rollout */
    size_t cursor;       /* in sequence: the next that has not been looked at */
    size_t prune_cursor; /* the same for leftovers */
    GQueue freed;        /* passed jobs whose blockers are gone */
    size_t occupied;     /* own jobs that are under way */
    size_t failed;       /* own jobs that failed, */
    size_t failing;      /* and those that are known to have, which is not recorded yet */
    size_t inherited;    /* inherited intents without outcome */
    size_t left;         /* jobs in LEFT */
    size_t unsettled;    /* mode SETTLE: intents that are still being looked at */
    size_t counts[ROLL_TARGET_SKIPPED + 1];

    /* Where jobs meet the world. */
    GSequence *agenda; /* struct job * by due time */
    uint64_t orders;   /* given out to entries of the agenda */
    GHashTable *asked; /* id -> struct job * */
    uint64_t last_id;
    GQueue starts, records; /* for the next append */
    GQueue fenced;          /* PUTs that wait for the append under way */
    struct append *append;  /* under way, or NULL */

    /* Ends. */
    enum roll_machine_end end;
    bool done;   /* it was said */
    bool detach; /* it was asked for, or nothing else can be done */
    bool back_known;
    uint64_t back_asked;
    struct roll_choice *back; /* owned, or NULL */
    char *no_back;            /* why there is none, or NULL */
    int64_t next_rollout;
};

/* ---- machine_agenda.c ----------------------------------------------------------------------- */

void machine_agenda_init(struct roll_machine *machine);
/* The job acts at boot_ms, and not at another time that it was given before. */
void machine_due(struct roll_machine *machine, struct job *job, int64_t boot_ms);
void machine_not_due(struct roll_machine *machine, struct job *job);
/* The next job whose time has come, or NULL. */
struct job *machine_agenda_take(struct roll_machine *machine);
int64_t machine_agenda_next(const struct roll_machine *machine); /* INT64_MAX: empty */
/* Pauses: after a failure, and between polls. retry_after_ms: ARM's word, -1: none. */
int64_t machine_backoff_ms(const struct job *job, int64_t retry_after_ms);
int64_t machine_poll_ms(const struct roll_machine *machine, const struct job *job,
                        int64_t retry_after_ms);

/* ---- machine_targets.c ---------------------------------------------------------------------- */

void machine_sequence_init(struct roll_machine *machine);
/* Steps of a target: 0, its actions, then the health checks. */
bool machine_is_check(const struct job *job, int64_t step);
bool machine_is_action(const struct job *job, int64_t step);
/* The step at hand is a stack: one name for all attempts and releases, overwritten by each PUT,
 * which ARM takes only while it is at rest; nothing cancels it. */
bool machine_is_stack(const struct job *job);
const struct roll_plan_health *machine_check(const struct job *job, int64_t step);
int64_t machine_next_step(const struct job *job, int64_t step); /* -1: none */
/* From step on nothing can fail the target any more. */
bool machine_only_reports(const struct job *job, int64_t step);

void machine_set_state(struct roll_machine *machine, struct job *job, enum roll_target_state state);
void machine_note_ring_time(struct roll_machine *machine, const struct job *job, int64_t at);
void machine_occupy(struct roll_machine *machine, struct job *job);
void machine_vacate(struct roll_machine *machine, struct job *job);

bool machine_stopping(const struct roll_machine *machine); /* too many have failed */
bool machine_may_start(const struct roll_machine *machine);
/* Queues the targets that may start, ring after ring. */
void machine_advance(struct roll_machine *machine);
int64_t machine_bake_left(const struct roll_machine *machine); /* ms, 0: no bake */
/* Puts the job into the phase that follows from its durable half. */
void machine_schedule(struct roll_machine *machine, struct job *job);

/* ---- machine_ask.c -------------------------------------------------------------------------- */

/* What the job does now that its time has come. False: there is no question to ask. */
bool machine_act(struct roll_machine *machine, struct job *job, struct roll_action *ret_action);
bool machine_cancel_wanted(const struct roll_machine *machine, const struct job *job);
/* rollout.cancelling was folded: nobody sleeps through it. */
void machine_stop_jobs(struct roll_machine *machine);

/* ---- machine_replies.c ---------------------------------------------------------------------- */

void machine_reply(struct roll_machine *machine, struct job *job,
                   const struct roll_observation *reply);
void machine_probed(struct roll_machine *machine, struct job *job,
                    const struct roll_observation *probe);
void machine_go(struct roll_machine *machine, struct job *job, enum phase phase, int64_t boot_ms);
/* Again in the same phase, after a pause. False when it was tried for long enough. */
bool machine_try_again(struct roll_machine *machine, struct job *job, int64_t patience_ms,
                       int64_t retry_after_ms);
void machine_no_trouble(struct job *job);
/* The request is known to have arrived; it is polled at boot_ms. */
void machine_accepted(struct roll_machine *machine, struct job *job, int64_t boot_ms);
void machine_doubt(struct roll_machine *machine, struct job *job, int64_t believe_boot_ms);
void machine_leave(struct roll_machine *machine, struct job *job);

/* ---- machine_found.c ------------------------------------------------------------------------ */

/* The answer to a look by name (GET, DETAIL). */
void machine_found(struct roll_machine *machine, struct job *job,
                   const struct roll_observation *reply);
/* ARM forgets a deployment or stack now and then for a moment: is that what this "not found" says?
 */
bool machine_is_forgotten(const struct roll_observation *reply);
/* The outcome is noted: explain a failure, record the rest. */
void machine_finalize(struct roll_machine *machine, struct job *job);

/* ---- machine_outcome.c ---------------------------------------------------------------------- */

bool machine_succeeded(const char *outcome);
const char *machine_outcome_of(const char *state); /* NULL: the state is not final */
/* Keeps what a reply says for the outcome; takes its result. */
void machine_note(struct job *job, const struct roll_observation *reply);
/* The outcome is known. code, message: for where ARM gave none; or NULL. */
void machine_conclude(struct roll_machine *machine, struct job *job, const char *outcome,
                      const char *code, const char *message);
void machine_record_ready(struct roll_machine *machine, struct job *job);
void machine_draft_record(struct roll_machine *machine, struct append *append, struct job *job);
void machine_forget_outcome(struct job *job);

/* ---- machine_append.c ----------------------------------------------------------------------- */

bool machine_append_due(struct roll_machine *machine, struct roll_action *ret_action);
void machine_append_answer(struct roll_machine *machine, enum roll_observation_kind answer,
                           bool behind);
void machine_append_free(struct append *append);
void machine_draft(struct roll_machine *machine, struct append *append, enum roll_event_kind kind,
                   const void *body);
/* Zeroed bodies and copies of texts that live as long as the append. */
#define machine_body(append, type) ((type *)machine_body_of(append, sizeof(type)))
void *machine_body_of(struct append *append, size_t size);
char *machine_text(struct append *append, const char *text);

/* ---- machine_claim.c ------------------------------------------------------------------------ */

void machine_fold_claimed(struct roll_machine *machine, const struct roll_rollout_claimed *claim);
void machine_fold_detached(struct roll_machine *machine, const struct roll_rollout_detached *body);
/* Another driver's claim stands in the way, and is not to be overruled. */
bool machine_claim_refused(struct roll_machine *machine);
bool machine_may_put(const struct roll_machine *machine);
bool machine_renewal_due(const struct roll_machine *machine);
/* The shared store is out of reach, and is not asked just now. */
bool machine_is_away(const struct roll_machine *machine);
void machine_go_away(struct roll_machine *machine);
int64_t machine_renewal_boot(const struct roll_machine *machine); /* INT64_MAX: never */
/* settle: no PUT follows under it. */
void machine_draft_claim(struct roll_machine *machine, struct append *append, int64_t number,
                         bool settle);
void machine_appended(struct roll_machine *machine, const struct append *append);

/* ---- machine_wait.c ------------------------------------------------------------------------- */

/* What the request asks for; NULL when it can start at once. */
struct wait *machine_wait_new(const struct roll_rollout_requested *request);
void machine_wait_free(struct wait *wait);
/* The own rollout is in the ledger, and not everything has passed. */
bool machine_waits(const struct roll_machine *machine);
bool machine_wait_over(const struct roll_machine *machine);
void machine_fold_rejected(struct rollout *rollout, const struct roll_approval_rejected *body);
void machine_fold_gate(struct rollout *rollout, const struct roll_gate_evaluated *body);
/* A question that is due. */
bool machine_wait_ask(struct roll_machine *machine, struct roll_action *ret_action);
void machine_wait_answer(struct roll_machine *machine, const struct roll_observation *observation);
void machine_wait_build(struct roll_machine *machine, struct append *append);
int64_t machine_wait_boot(const struct roll_machine *machine); /* when to look again */
/* Why it goes on waiting when this process has nothing to do for it, or NULL. */
const char *machine_waits_for(const struct roll_machine *machine);

/* ---- machine_window.c ----------------------------------------------------------------------- */

/* The rules that count from here on; NULL: none. */
void machine_window_set(struct rollout *rollout, json_t *timing);
void machine_window_free(struct window *window);
/* ms until the next ring, of which nothing was begun, may be; 0: now, INT64_MAX: never by itself.
 */
int64_t machine_window_left(const struct roll_machine *machine);
const char *machine_window_why(const struct roll_machine *machine); /* or NULL */

/* ---- machine_inherit.c ---------------------------------------------------------------------- */

void machine_inherit_open(struct roll_machine *machine);
/* Lets the heir go when it has waited long enough. */
void machine_inherit_wait(struct roll_machine *machine, struct job *job);
void machine_inherit_rival(struct roll_machine *machine, const struct job *job, int64_t arm_at);
void machine_inherit_ended(struct roll_machine *machine, struct job *job);
/* An intent or an outcome was folded that this machine did not append. */
void machine_inherit_heard(struct roll_machine *machine, struct job *job, bool was_intended);

/* ---- machine_prune.c ------------------------------------------------------------------------ */

bool machine_is_deletion(const struct job *job); /* the step at hand is one */
void machine_prune_clear(struct job *job);
void machine_fold_prune_intended(struct roll_machine *machine, struct job *job,
                                 const struct roll_prune_intended *intent);
void machine_fold_prune_ended(struct roll_machine *machine, struct job *job,
                              const struct roll_prune_ended *body);
/* Nothing is to be deleted any more, or never was. */
bool machine_prune_over(const struct roll_machine *machine);
/* Begins with targets whose leftovers have not been looked at. */
void machine_prune_advance(struct roll_machine *machine);
void machine_prune_go_on(struct roll_machine *machine, struct job *job);
void machine_prune_intent(struct roll_machine *machine, struct job *job, int64_t believe_boot_ms);
/* Deleting was stopped meanwhile; the job is done with then. */
bool machine_prune_dropped(struct roll_machine *machine, struct job *job);
void machine_prune_draft(struct roll_machine *machine, struct append *append, struct job *job);
void machine_prune_draft_record(struct roll_machine *machine, struct append *append,
                                struct job *job);
void machine_sorted(struct roll_machine *machine, struct job *job, GPtrArray *leftovers_take);
void machine_delete_replied(struct roll_machine *machine, struct job *job,
                            const struct roll_observation *reply);
void machine_sought(struct roll_machine *machine, struct job *job,
                    const struct roll_observation *reply);

/* ---- machine_end.c -------------------------------------------------------------------------- */

void machine_open(struct roll_machine *machine);
void machine_begin(struct roll_machine *machine);
enum roll_machine_end machine_end_due(const struct roll_machine *machine);
bool machine_back_wanted(const struct roll_machine *machine);
void machine_forget_back(struct roll_machine *machine);
bool machine_is_stuck(struct roll_machine *machine);
void machine_draft_end(struct roll_machine *machine, struct append *append,
                       enum roll_machine_end end);
/* Its own rollout has ended; what it intended is looked at, under no claim. */
bool machine_tidies(const struct roll_machine *machine);
size_t machine_count_intents(const struct roll_machine *machine); /* without outcome */
void machine_draft_detached(struct roll_machine *machine, struct append *append,
                            enum roll_machine_end ending);
void machine_draft_records(struct roll_machine *machine, struct append *append);
void machine_finish(struct roll_machine *machine, enum roll_machine_end end);

void machine_blob_free(struct roll_blob *blob);

#endif
