/* The ledger: append-only, hash-chained events; content-addressed objects; projections that can be rebuilt.
 *
 * One SQLite file, state/ledger.db. The log is the truth and the lock: appending names the head that it follows, and a
 * faster writer makes it ROLL_E_CONFLICT. Every append is durable on return (synchronous=FULL). Projections are written
 * in the same transaction. See DESIGN section 4. */
#ifndef ROLLBOOK_LEDGER_H
#define ROLLBOOK_LEDGER_H

#include "rollbook/events.h"

struct roll_ledger;

enum roll_ledger_mode { ROLL_LEDGER_READ, ROLL_LEDGER_WRITE, ROLL_LEDGER_CREATE };

/* state_dir: the folder (0700, with a .gitignore of `*`; made by CREATE). READ without a file: ROLL_E_NOT_FOUND.
 * Migrations run in WRITE and CREATE; READ of an older file migrates too if it can, else refuses clearly.
 * Errors: READ_ONLY, LOCKED, FOREIGN, TOO_NEW, DAMAGED, NO_SPACE, IO; none damages anything. Symbolic links in place of
 * the file or folder are refused (ROLL_E_FOREIGN). */
struct roll_error *roll_ledger_open(const char *state_dir, enum roll_ledger_mode mode, struct roll_ledger **ret_ledger) ROLL_CHECKED;
void roll_ledger_close(struct roll_ledger *ledger);
ROLL_AUTO_DEFINE(ledger, struct roll_ledger, roll_ledger_close)

/* A copy in memory (of an empty ledger when ledger is NULL) that can be written to and is forgotten when it is closed: for
 * --dry-run. Costs the ledger's size. */
struct roll_error *roll_ledger_rehearse(struct roll_ledger *ledger, struct roll_ledger **ret_copy) ROLL_CHECKED;

/* The ledger's UUID follows from its first event, so that an import of an export has the same ("" before that event); the
 * replica's is random and made with the file. Both tag deployments. Borrowed, never NULL. */
const char *roll_ledger_id(struct roll_ledger *ledger);
const char *roll_ledger_replica(struct roll_ledger *ledger);

/* Changes whenever another connection committed (PRAGMA data_version). */
struct roll_error *roll_ledger_data_version(struct roll_ledger *ledger, int64_t *ret_version) ROLL_CHECKED;

/* ---- append --------------------------------------------------------------------------------- */

struct roll_head {
    int64_t seq; /* 0: empty */
    char hash[ROLL_HEX_SIZE]; /* 64 zeros when empty */
};
struct roll_error *roll_ledger_head(struct roll_ledger *ledger, const char *stream, struct roll_head *ret_head) ROLL_CHECKED;

struct roll_draft {
    const char *stream;
    enum roll_event_kind kind;
    const void *body; /* struct of the kind, borrowed */
};
struct roll_object {
    const void *data; /* borrowed */
    size_t size;      /* at most 64 MiB */
};
struct roll_expect {
    const char *stream;
    struct roll_head head;
};

/* Appends drafts in order, in one transaction, with the objects that they name (also those that are there already need
 * not be given). Every stream of a draft must be in expects; a stream whose head moved gives ROLL_E_CONFLICT, as do
 * streams in expects without drafts (they were decided on). at: 0 for the clock; it is raised to the previous event's
 * time of the stream if that is later. An object that is named and neither given nor stored: ROLL_E_INVALID.
 * ret_heads: n_expects new heads, or NULL. Nothing is changed on error. */
struct roll_error *roll_ledger_append(struct roll_ledger *ledger, const struct roll_actor *actor, int64_t at,
                                      const struct roll_expect *expects, size_t n_expects,
                                      const struct roll_draft *drafts, size_t n_drafts,
                                      const struct roll_object *objects, size_t n_objects,
                                      struct roll_head *ret_heads) ROLL_CHECKED;

/* Objects that no event names are dropped by nobody; use roll_ledger_append to store them. */
struct roll_error *roll_ledger_object(struct roll_ledger *ledger, const char *digest, GString **ret_data) ROLL_CHECKED;
struct roll_error *roll_ledger_object_json(struct roll_ledger *ledger, const char *digest, json_t **ret_value) ROLL_CHECKED;
bool roll_ledger_has_object(struct roll_ledger *ledger, const char *digest);
/* The digest of every object whose content is here, sorted. fn may use the ledger as it likes. */
typedef struct roll_error *(*roll_digest_fn)(void *user, const char *digest);
struct roll_error *roll_ledger_objects(struct roll_ledger *ledger, roll_digest_fn fn, void *user) ROLL_CHECKED;

/* ---- read ----------------------------------------------------------------------------------- */

/* Callbacks return an error to stop (it is handed on); the row is borrowed for the call. A callback of events may use the
 * ledger as it likes; a callback of a projection may ask everything but what it is being called from. */
typedef struct roll_error *(*roll_event_fn)(void *user, const struct roll_event *event);
struct roll_error *roll_ledger_events(struct roll_ledger *ledger, const char *stream, int64_t from_seq, roll_event_fn fn, void *user) ROLL_CHECKED;
struct roll_error *roll_ledger_event(struct roll_ledger *ledger, const char *stream, int64_t seq, struct roll_event **ret_event) ROLL_CHECKED;
/* The exact line that is hashed, of the stream itself. ROLL_E_NOT_FOUND. */
struct roll_error *roll_ledger_line(struct roll_ledger *ledger, const char *stream, int64_t seq, GString **ret_line) ROLL_CHECKED;
/* Every event of a kind, whose line holds part (NULL: any), in order of arrival: reads all of the log, and is for verify and
 * audit. fn may use the ledger as it likes. */
struct roll_error *roll_ledger_find_events(struct roll_ledger *ledger, enum roll_event_kind kind, const char *part,
                                           struct roll_error *(*fn)(void *user, const char *stream, int64_t seq), void *user) ROLL_CHECKED;
/* Names of all streams, sorted; g_strfreev. */
struct roll_error *roll_ledger_streams(struct roll_ledger *ledger, char ***ret_streams) ROLL_CHECKED;

/* ---- projections (borrowed rows; all text may be NULL where "or NULL" is said) -------------- */

struct roll_release_row {
    const char *service, *version, *manifest, *commit, *base; /* commit, base or NULL */
    int64_t seq, at, data_version, data_floor;                 /* data_version: its own or inherited */
    const char *verdict;   /* "good", "bad" or NULL: `roll mark`, service-wide */
    const char *fixed_by;  /* or NULL */
    const char *reason;    /* of the mark, or NULL */
};
typedef struct roll_error *(*roll_release_fn)(void *user, const struct roll_release_row *row);
/* Newest first (by sequence). */
struct roll_error *roll_ledger_releases(struct roll_ledger *ledger, const char *service, roll_release_fn fn, void *user) ROLL_CHECKED;
/* ROLL_E_NOT_FOUND. */
struct roll_error *roll_ledger_release(struct roll_ledger *ledger, const char *service, const char *version, roll_release_fn fn, void *user) ROLL_CHECKED;

struct roll_environment_row {
    const char *stream;            /* shop/prod */
    const char *live;              /* version that all clean targets hold; NULL when mixed or none */
    int64_t live_rollout;          /* that made it so, 0 */
    int64_t since;                 /* UTC ms of that rollout's end, 0 */
    int64_t clean, dirty;          /* numbers of targets; one never deployed to counts in neither */
    bool mixed;
    const char *last_good;         /* version of the last rollout that succeeded, or NULL */
    const char *previous;          /* the live version before `live`, or NULL */
    bool hold, hold_by_person;     /* apart from each other: a back's (or automatic) hold, a person's hold; both may stand */
    const char *hold_reason;       /* or NULL */
    int64_t hold_rollout;          /* the back that set it, 0 */
    int64_t open_rollout;          /* a rollout without an end, 0 */
    int64_t last_rollout;          /* newest requested one, 0 */
    const char *last_state;        /* its state, or NULL */
    int64_t debts;                 /* open ones */
    bool unknown;                  /* the stream holds an event of unknown kind */
};
typedef struct roll_error *(*roll_environment_fn)(void *user, const struct roll_environment_row *row);
/* stream NULL: all, sorted. A stream that is not there: no call. */
struct roll_error *roll_ledger_environments(struct roll_ledger *ledger, const char *stream, roll_environment_fn fn, void *user) ROLL_CHECKED;

struct roll_target_row {
    const char *target;
    const char *release;        /* that it holds; NULL: dirty or never */
    int64_t rollout, since;     /* that put it there */
    bool dirty;                 /* its last rollout did not succeed there */
    int64_t dirty_rollout;      /* that one, 0 */
    int64_t floor;              /* data floor, 0 */
    const char *accepted_release;          /* of the last step that ARM accepted, or NULL */
    int64_t accepted_rollout;              /* 0 */
};
typedef struct roll_error *(*roll_target_fn)(void *user, const struct roll_target_row *row);
/* target NULL: all, sorted by name. */
struct roll_error *roll_ledger_targets(struct roll_ledger *ledger, const char *stream, const char *target, roll_target_fn fn, void *user) ROLL_CHECKED;
/* The highest data floor of its targets; 0: none. */
struct roll_error *roll_ledger_floor(struct roll_ledger *ledger, const char *stream, int64_t *ret_floor) ROLL_CHECKED;

/* What succeeded on a target, newest first: for the choice of a back's goal, and for --at. */
struct roll_success_row {
    const char *target, *release;
    int64_t rollout, at; /* UTC ms of its success on the target */
    bool adopted;
    bool good; /* so did its rollout, of some targets or of all */
};
typedef struct roll_error *(*roll_success_fn)(void *user, const struct roll_success_row *row);
/* target NULL: rows of the whole environment, a row per rollout that succeeded as a whole. */
struct roll_error *roll_ledger_successes(struct roll_ledger *ledger, const char *stream, const char *target, roll_success_fn fn, void *user) ROLL_CHECKED;

/* Versions that are bad here: env marks (a back's) and service marks. *ret_where: "here", "service" or NULL. */
struct roll_error *roll_ledger_bad(struct roll_ledger *ledger, const char *stream, const char *version, const char **ret_where) ROLL_CHECKED;

/* Did a rollout in this state (NULL: none) succeed as a whole, also by what a lost ledger's tags say (recovered)? */
bool roll_state_is_good(const char *state);

struct roll_rollout_row {
    const char *stream;
    int64_t number;               /* sequence number of rollout.requested */
    const char *hash;             /* of that event */
    const char *lane, *kind, *release, *from, *reason, *order; /* release, from, reason or NULL */
    const char *state;            /* requested, waiting, running, verifying, succeeded, recovered, failed, … */
    const char *end_reason;       /* or NULL */
    const char *proved, *claimed; /* actor; or NULL */
    int64_t requested_at, ended_at; /* 0: not ended */
    int64_t targets, succeeded, failed;
    int64_t cause, supersedes, superseded_by;
    bool partial;
    const char *driver, *host;    /* of the last claim, or NULL */
    int64_t claim_until;
    bool detached;
};
typedef struct roll_error *(*roll_rollout_fn)(void *user, const struct roll_rollout_row *row);
struct roll_rollout_query {
    const char *stream;  /* SERVICE/ENV, or NULL: all */
    const char *service; /* or NULL */
    int64_t number;      /* one, or 0 */
    int limit;           /* 0: no limit */
};
/* Newest first by time of request. */
struct roll_error *roll_ledger_rollouts(struct roll_ledger *ledger, const struct roll_rollout_query *query, roll_rollout_fn fn, void *user) ROLL_CHECKED;
/* Numbers (int64_t) of those without an end, newest first: one, or several after a reconcile. g_array_unref. */
struct roll_error *roll_ledger_open_rollouts(struct roll_ledger *ledger, const char *stream, GArray **ret_numbers) ROLL_CHECKED;
/* Numbers (int64_t) of those that have ended with an intent whose outcome nobody has told, in order: a driver that was
 * overruled on another replica said it when its successor had ended. g_array_unref. */
struct roll_error *roll_ledger_unsettled(struct roll_ledger *ledger, const char *stream, GArray **ret_numbers) ROLL_CHECKED;

/* The steps of a rollout: last intent and outcome per target and step. */
struct roll_step_row {
    const char *target;
    int64_t step, attempt;
    const char *release;
    const char *outcome; /* NULL: intended, not known yet */
    bool accepted;
    int64_t intended_at, ended_at, arm_at, duration_ms, resources;
    const char *code, *message, *result; /* or NULL */
};
typedef struct roll_error *(*roll_step_fn)(void *user, const struct roll_step_row *row);
struct roll_error *roll_ledger_steps(struct roll_ledger *ledger, const char *stream, int64_t rollout, roll_step_fn fn, void *user) ROLL_CHECKED;
/* Of one target, by key: as cheap in a fleet. */
struct roll_error *roll_ledger_steps_of(struct roll_ledger *ledger, const char *stream, int64_t rollout, const char *target, roll_step_fn fn, void *user) ROLL_CHECKED;

/* Leftovers that a rollout was asked to delete: the last word about each. */
struct roll_prune_row {
    const char *target, *resource;
    const char *outcome; /* deleted, failed, kept (message says why), absent (not deleted); NULL: intended */
    const char *message; /* or NULL */
    int64_t at;
};
typedef struct roll_error *(*roll_prune_fn)(void *user, const struct roll_prune_row *row);
/* By target, then by resource. */
struct roll_error *roll_ledger_prunes(struct roll_ledger *ledger, const char *stream, int64_t rollout, roll_prune_fn fn, void *user) ROLL_CHECKED;
struct roll_error *roll_ledger_prunes_of(struct roll_ledger *ledger, const char *stream, int64_t rollout, const char *target, roll_prune_fn fn, void *user) ROLL_CHECKED;

/* ---- slots: what became of a schedule's times ----------------------------------------------- */

/* A slot's key in rollout.requested and slot.passed: `weekly@2026-11-24T09:00:00Z`, the schedule's name and the instant. Owned. */
char *roll_slot_key(const char *schedule, int64_t at_ms);

struct roll_slot_row {
    bool there;
    int64_t at;      /* UTC ms: when it was to run */
    int64_t rollout; /* that took it, 0: none */
    char fate[16];   /* then why: "skipped", "expired"; else "" */
};
/* The slot of this time, or with at_ms 0 the schedule's last one that something became of. None: not there. */
struct roll_error *roll_ledger_slot(struct roll_ledger *ledger, const char *stream, const char *schedule, int64_t at_ms, struct roll_slot_row *ret_row) ROLL_CHECKED;

/* What rollouts passed by or put off (DESIGN section 7): gate:NAME, approval, hotfix, override:KIND[:NAME],
 * membership-unknown. */
struct roll_debt_row {
    const char *stream, *debt;
    int64_t rollout;
    const char *owner, *reason, *release; /* or NULL */
    int64_t opened_at, due, closed_at;    /* UTC ms; closed_at 0: open */
    const char *closed_by;                /* or NULL */
};
typedef struct roll_error *(*roll_debt_fn)(void *user, const struct roll_debt_row *row);
/* Of an environment, oldest first, closed ones too. */
struct roll_error *roll_ledger_debts(struct roll_ledger *ledger, const char *stream, roll_debt_fn fn, void *user) ROLL_CHECKED;

/* Was the notice delivered to the webhook (notice.delivered; module notify)? */
struct roll_error *roll_ledger_notice(struct roll_ledger *ledger, const char *stream, const char *notice, const char *webhook, bool *ret_delivered) ROLL_CHECKED;

/* What the newest looks found that is not as it should be (drift.checked, readiness.checked), and the first event that found it:
 * looks that find the same again are none. */
struct roll_look_row {
    const char *word;    /* "drift", "not-ready" */
    const char *subject; /* the target; the release */
    const char *summary; /* "3 differences"; "dead"; of a baseline its rollout's number */
    int64_t seq, at;
    const char *finding; /* tells one from the next; "": all is well */
    int64_t checked_seq, checked_at; /* of the newest look, whatever it found */
};
typedef struct roll_error *(*roll_look_fn)(void *user, const struct roll_look_row *row);
struct roll_error *roll_ledger_looks(struct roll_ledger *ledger, const char *stream, roll_look_fn fn, void *user) ROLL_CHECKED;
/* The newest look of a kind ("drift", "not-ready", "baseline") at a subject, also when it found nothing; none was taken: no call. */
struct roll_error *roll_ledger_look(struct roll_ledger *ledger, const char *stream, const char *word, const char *subject, roll_look_fn fn, void *user) ROLL_CHECKED;

/* What `roll adopt` found in ARM's history of a target (deployment.adopted). */
struct roll_adopted_row {
    const char *target, *name; /* of the deployment */
    int64_t at;                /* ARM's, UTC ms: a name may be used again */
    int64_t seq;               /* of deployment.adopted */
    const char *release;       /* that it counts as, or NULL: evidence only */
    int64_t accepted;          /* number of its rollout of kind adopted, 0 */
};
typedef struct roll_error *(*roll_adopted_fn)(void *user, const struct roll_adopted_row *row);
/* By target, name and time: sets seq and accepted of the row with its target, name and at; 0: there is none. */
struct roll_error *roll_ledger_adopted_find(struct roll_ledger *ledger, const char *stream, struct roll_adopted_row *row) ROLL_CHECKED;
/* By target, name and time. */
struct roll_error *roll_ledger_adopted(struct roll_ledger *ledger, const char *stream, roll_adopted_fn fn, void *user) ROLL_CHECKED;

/* ---- the shared store (module sync) --------------------------------------------------------- */

/* A side stream `shop/prod~REPLICA` holds what its replica appended while the store was out of reach. In the course of its main
 * stream (roll_ledger_events, roll_ledger_event, roll_ledger_head and all projections) event k of a side stream has a number
 * above ROLL_SIDE_NUMBER that follows from the side stream's name: at the place where ledger.joined or ledger.reconciled
 * splices it in; what this replica wrote and is not spliced in yet stands at the end. */
#define ROLL_SIDE_NUMBER INT64_C(1000000000) /* main streams stay below */
#define ROLL_SIDE_MAX INT64_C(1000000)       /* events of a side stream */
static inline bool roll_number_is_side(int64_t number)
{
    return number >= ROLL_SIDE_NUMBER;
}

/* The stream's own head, without what stands aside. */
struct roll_error *roll_ledger_main_head(struct roll_ledger *ledger, const char *stream, struct roll_head *ret_head) ROLL_CHECKED;

/* From now on appends go to this replica's side streams. Expected heads are those that roll_ledger_head gives then. */
void roll_ledger_set_aside(struct roll_ledger *ledger, bool aside);
bool roll_ledger_is_aside(const struct roll_ledger *ledger);

/* roll_ledger_set_aside(true), and what waits for the store (roll_ledger_append_behind) becomes the beginning of the side
 * streams. */
struct roll_error *roll_ledger_go_aside(struct roll_ledger *ledger) ROLL_CHECKED;

/* This replica's side streams with events that are not spliced in. moved: events came into the main stream since the first of
 * them. */
struct roll_aside {
    const char *stream, *side;
    int64_t seq, joined;
    char head[ROLL_HEX_SIZE];
    struct roll_head main_head;
    bool moved;
};
typedef struct roll_error *(*roll_aside_fn)(void *user, const struct roll_aside *aside);
struct roll_error *roll_ledger_asides(struct roll_ledger *ledger, roll_aside_fn fn, void *user) ROLL_CHECKED;

/* An open rollout of the main stream that this replica requested without hearing that the store had taken it; it went on aside
 * with rollout `by` in its place. Nothing of it was sent: a PUT leaves only when its intent counts. */
struct roll_orphan {
    const char *stream;
    int64_t number, by;
};
typedef struct roll_error *(*roll_orphan_fn)(void *user, const struct roll_orphan *orphan);
struct roll_error *roll_ledger_orphans(struct roll_ledger *ledger, const struct roll_aside *aside, roll_orphan_fn fn, void *user) ROLL_CHECKED;

/* Who must have an append before it counts. lines: the part's events as JSON Lines, as roll_ledger_export gives them. */
struct roll_part {
    const char *stream;
    struct roll_head before, after;
    const GString *lines;
};
struct roll_batch {
    const struct roll_part *parts;
    size_t n_parts;
    const struct roll_object *objects; /* that are new with it */
    size_t n_objects;
    const struct roll_draft *drafts; /* what the parts say */
    size_t n_drafts;
};
struct roll_publisher {
    void *user;
    /* Called by roll_ledger_append outside a transaction; what it returned without error is then kept here.
     * ROLL_E_CONFLICT: somebody was faster, or the ledger goes on aside now: decide again. */
    struct roll_error *(*publish)(void *user, const struct roll_batch *batch);
    /* Lets what waits follow, within patience_ms. */
    struct roll_error *(*flush)(void *user, int64_t patience_ms);
    bool may_go_aside; /* an emergency: where another process of this replica went aside, appends go after it */
};
/* publisher is borrowed; NULL ends it. */
void roll_ledger_set_publisher(struct roll_ledger *ledger, const struct roll_publisher *publisher);

/* Appends count when a store has them: there is a publisher, and the ledger is not aside. */
bool roll_ledger_is_shared(const struct roll_ledger *ledger);
/* As roll_ledger_append on one stream, but durable here is enough: the store follows with roll_ledger_flush, or before the next
 * append that waits for it. Until then the events hold their places only as long as nobody else's event gets one of them; then
 * they are put behind that, with new numbers and hashes. For events that nothing refers to by number. */
struct roll_error *roll_ledger_append_behind(struct roll_ledger *ledger, const struct roll_actor *actor,
                                             const struct roll_expect *expect, const struct roll_draft *drafts, size_t n_drafts,
                                             const struct roll_object *objects, size_t n_objects) ROLL_CHECKED;
/* Gives the store what waits for it; nothing waits: no request. An error leaves it waiting. */
struct roll_error *roll_ledger_flush(struct roll_ledger *ledger, int64_t patience_ms) ROLL_CHECKED;
/* Streams with events that wait for the store: from first on, count of them. */
struct roll_waiting {
    const char *stream;
    int64_t first, count;
};
typedef struct roll_error *(*roll_waiting_fn)(void *user, const struct roll_waiting *waiting);
struct roll_error *roll_ledger_waiting(struct roll_ledger *ledger, roll_waiting_fn fn, void *user) ROLL_CHECKED;

/* What is known to be in the store: kept with the replica, so that only news is read. seq 0: nothing. */
struct roll_remote {
    int64_t seq, size;
    char etag[128];
};
struct roll_error *roll_ledger_remote(struct roll_ledger *ledger, const char *stream, struct roll_remote *ret_remote) ROLL_CHECKED;
struct roll_error *roll_ledger_set_remote(struct roll_ledger *ledger, const char *stream, const struct roll_remote *remote) ROLL_CHECKED;
/* stream → struct roll_remote *; g_hash_table_unref. */
struct roll_error *roll_ledger_remotes(struct roll_ledger *ledger, GHashTable **ret_remotes) ROLL_CHECKED;
/* What is known of the store as a whole; all zero: it was never asked. */
struct roll_store_known {
    char *name;        /* ACCOUNT/CONTAINER/KEY that was pulled; "": not noted; NULL: none; owned */
    int64_t pulled_at; /* UTC ms: all that it had was here; 0: never, so that what is here may be a part */
    int64_t tried_at;  /* when it was last asked */
    char *trouble;     /* why that failed; NULL: it did not; owned */
};
struct roll_error *roll_ledger_store_known(struct roll_ledger *ledger, struct roll_store_known *ret_known) ROLL_CHECKED;
struct roll_error *roll_ledger_set_store_known(struct roll_ledger *ledger, const struct roll_store_known *known) ROLL_CHECKED;
void roll_store_known_clear(struct roll_store_known *known);
/* No store is known any more: the next one gets all that is here. */
struct roll_error *roll_ledger_forget_store(struct roll_ledger *ledger) ROLL_CHECKED;
/* The stream of the first event, which gives the ledger its id; *ret_stream NULL: there is none. Owned. */
struct roll_error *roll_ledger_first_stream(struct roll_ledger *ledger, char **ret_stream) ROLL_CHECKED;

/* ---- whole-ledger commands ------------------------------------------------------------------ */

struct roll_verify_options {
    const char *head; /* "STREAM@SEQ:HASH" or a bare hash that must be the hash of some event; or NULL */
    bool projections; /* fold every stream again and compare: about ten times the time of the rest */
};
struct roll_verify_report {
    int64_t streams, events, objects, redacted;
    char *first_bad; /* owned: names stream, sequence and what is wrong, or NULL when all is well */
};
/* Recomputes chain, exact bytes and objects, on request that projections equal a rebuild. Damage is a report, not an error.
 * options may be NULL. ROLL_E_INVALID: head is none. */
struct roll_error *roll_ledger_verify(struct roll_ledger *ledger, const struct roll_verify_options *options, struct roll_verify_report *ret_report) ROLL_CHECKED;
void roll_verify_report_clear(struct roll_verify_report *report);

/* Drops the projections and folds all events again. ret_equal: they were equal before. */
struct roll_error *roll_ledger_rebuild(struct roll_ledger *ledger, bool *ret_equal) ROLL_CHECKED;

/* JSON Lines, as DESIGN section 4 says; objects before the event that names them. write gets whole lines. */
struct roll_error *roll_ledger_export(struct roll_ledger *ledger, struct roll_error *(*write)(void *user, const char *line, size_t size), void *user) ROLL_CHECKED;
/* read gives the next line without its end, *ret_line NULL at the end. Only extends streams whose known part is equal:
 * ROLL_E_CONFLICT else; ROLL_E_DAMAGED for a broken chain. All or nothing. */
struct roll_error *roll_ledger_import(struct roll_ledger *ledger, struct roll_error *(*read)(void *user, const char **ret_line, size_t *ret_size), void *user, int64_t *ret_events) ROLL_CHECKED;

/* Replaces the object's content by a tombstone that verify accepts, and appends object.redacted to every stream that
 * names it. ROLL_E_NOT_FOUND. */
struct roll_error *roll_ledger_redact(struct roll_ledger *ledger, const struct roll_actor *actor, const char *digest, const char *reason) ROLL_CHECKED;

/* ---- driver locks: state/run/ROLLOUT.lock --------------------------------------------------- */

struct roll_lock;
/* A child that forks without exec must close its copy, or it goes on holding the lock.
 * *ret_lock NULL and no error: held by a living process of this replica. Released when closed or when the process ends. */
struct roll_error *roll_ledger_lock(struct roll_ledger *ledger, const char *stream, int64_t rollout, struct roll_lock **ret_lock) ROLL_CHECKED;
void roll_lock_free(struct roll_lock *lock);
ROLL_AUTO_DEFINE(lock, struct roll_lock, roll_lock_free)

#endif
