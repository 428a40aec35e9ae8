/* The deterministic simulator of rollouts: the real machine, a model of ARM, a model of the ledger,
 * several drivers with clocks of their own, people who want things, and trouble. All of it follows
 * from a seed: the same seed gives the same history, byte for byte, so a failure can be replayed,
 * traced and shrunk.
 *
 * world.c time and the run of one seed · ledger.c compare-and-swap, and facts about the log ·
 * referee.c the rules that every event must keep · arm.c deployments · process.c a driver ·
 * people.c what is asked for · prune.c
 * leftovers and their deletion · gates.c what must have passed before, and who may pass it by ·
 * timing.c freezes · steps.c what a target goes through · check.c the end of a seed · main.c the
 * program. */
#ifndef ROLLBOOK_TESTS_SIM_H
#define ROLLBOOK_TESTS_SIM_H

#include <string.h>

#include "rollbook/rollout.h"

#define SIM_STREAM "shop/prod"
#define SIM_SERVICE "shop"
#define SIM_ENVIRONMENT "prod"
#define SIM_TARGETS_MAX 6
#define SIM_HOSTS 3
#define SIM_GATES_MAX 2
#define SIM_APPROVERS 3
#define SIM_EPOCH_MS INT64_C(1700000000000) /* wall clock at time 0 */
#define SIM_LATE_MS 8000                    /* a request arrives at most so long after it left */
#define SIM_END_MS (INT64_C(24) * 60 * 60 * 1000) /* every run ends before this */
#define SIM_STEPS_MAX 200000

/* ---- chance
 * --------------------------------------------------------------------------------------------------------
 */

/* Each kind of trouble draws from a stream of its own, so that switching one off leaves the others
 * as they were. */
enum sim_chance {
    SIM_CRASH,
    SIM_PAUSE,     /* a process stands still for up to an hour */
    SIM_LOST,      /* a reply, or the request, is lost */
    SIM_LATE,      /* a request or reply is slow */
    SIM_DUPLICATE, /* a reply comes twice */
    SIM_THROTTLE,  /* 429 */
    SIM_BUSY,      /* 409 with a reason to come again */
    SIM_REFUSE,    /* 400 */
    SIM_UNSENT,    /* the connection is refused */
    SIM_MISSING,   /* 404 while polling */
    SIM_DENIED,    /* reads are refused for a while */
    SIM_FAIL,      /* a deployment fails */
    SIM_SICK,      /* a health check says no */
    SIM_SLOW,      /* an append takes long */
    SIM_NOISE,     /* somebody else writes to the stream */
    SIM_GATE,      /* a gate is not passed, or cannot be evaluated */
    SIM_CLOCK,     /* a host's clock jumps */
    SIM_AWAY,      /* the shared store is out of reach */
    SIM_UNHEARD,   /* its answer is lost */
    SIM_TROUBLES,
    SIM_PLAN = SIM_TROUBLES, /* what the people want: never off */
    SIM_TIME,                /* ordinary delays */
    SIM_WISHES,              /* what the people of some worlds want besides */
    SIM_CHANCES,
};
extern const char *const sim_trouble_names[SIM_TROUBLES];

struct sim_config {
    uint64_t seed;
    int targets, acts; /* upper bounds; 0: from the seed */
    unsigned off;      /* bit for each trouble that is switched off */
    bool verbose;
    bool shared; /* the ledger is a shared one, whatever the seed says */
};

struct world;
bool sim_chance(struct world *world, enum sim_chance stream, int per_mille);
int64_t sim_between(struct world *world, enum sim_chance stream, int64_t low,
                    int64_t high); /* both included */

/* ---- the ledger and its facts
 * ---------------------------------------------------------------------------------------- */

struct intent {
    int64_t rollout, step, attempt, at_ms; /* at_ms: of the world's clock */
    int64_t seq;                           /* of its event */
    int target;
    int release;
    char driver[ROLL_UUID_SIZE];
    char correlation[ROLL_UUID_SIZE];
    char *name;
    char *outcome; /* NULL: open */
    bool disputed; /* two replicas say different things of it */
    bool accepted;
};

struct part {                               /* one target of a rollout */
    const struct roll_order_target *target; /* NULL: not in its order */
    struct intent *open;
    bool touched, last, last_good, last_accepted;
    int deleting;        /* release whose thing is being deleted, 0 */
    uint64_t stays;      /* releases, modulo 64, whose things were said to stay */
    uint64_t done, told; /* steps that succeeded, and that have an outcome */
    int64_t ended_ms;    /* of its last event, by the world's clock */
};

struct wanted { /* what a rollout must have before it starts */
    bool any;
    int gates, approvals;
    int64_t not_before, expires;
    bool passed[SIM_GATES_MAX], failed[SIM_GATES_MAX];
    bool approved[SIM_APPROVERS], rejected;
};

struct fact {
    int64_t number, at;
    const struct roll_order *order;
    char hash[ROLL_HEX_SIZE];
    char claimant[ROLL_UUID_SIZE]; /* "": nobody */
    int64_t claim_seq, until;
    int64_t supersedes;
    bool cancelling;
    int64_t cancelled_seq; /* of the event that said so, 0 */
    bool accepted;         /* ARM took something of it */
    struct wanted wanted;
    const json_t *timing; /* the freezes that count: of the request, or of a later claim; NULL */
    bool started;         /* claimed to be driven */
    bool overrides;       /* hold, floor and marks do not count */
    int bad;              /* a release that it marked, 0 */
    enum roll_event_kind end; /* UNKNOWN: open */
    struct part parts[SIM_TARGETS_MAX];
};

struct holding { /* what the ledger says of a target */
    int live;    /* release, 0: none or dirty */
    int before;  /* what it held before it became dirty */
    int good[2]; /* the last releases that succeeded, newest first */
    int64_t rollout;
    int floor;  /* releases below it must not start here */
    bool known; /* by an intent */
};

/* ---- ARM
 * ---------------------------------------------------------------------------------------------------------------
 */

struct deployment {
    int target;
    int release;
    int64_t rollout;
    char *name;
    char correlation[ROLL_UUID_SIZE];
    int64_t begin_ms, end_ms;
    const char *final; /* state from end_ms on */
    int course;        /* of the last PUT: of who is aside on a host, counted from 1, or 0 */
};

struct acted { /* the newest action on a target */
    int release;
    int64_t at_ms;
};

struct answer {
    enum roll_arm_outcome outcome;
    const char *state, *code, *message; /* static */
    char correlation[ROLL_UUID_SIZE];
    int64_t arm_at, retry_after_ms;
    bool whole; /* a poll read the deployment itself */
};

/* ---- drivers
 * -----------------------------------------------------------------------------------------------------------
 */

struct pending_append {
    uint64_t id;
    int64_t expect; /* head */
    int64_t at_ms;
    GPtrArray *events;            /* kinds and bodies, as struct roll_event without place */
    GPtrArray *objects;           /* GString *: where the ledger is shared; or NULL */
    int64_t first, last;          /* sequence numbers, 0: conflict */
    struct roll_observation seen; /* where the ledger is shared */
    int64_t boot_ms;
};

struct shared_driver; /* of replica.c */

struct probed { /* what a driver's last health check of a target said */
    int64_t rollout, step;
    bool healthy;
};

struct process {
    int id, host;
    struct shared_driver *shared; /* or NULL */
    bool alive, take, gone;
    bool first_put_sent; /* under its present claim */
    bool refused;        /* the shared store did not take an append that cannot wait */
    char driver[ROLL_UUID_SIZE];
    struct roll_machine *machine;
    int machines; /* that it has had: an answer to an earlier one is dropped */
    enum roll_machine_mode mode;
    int64_t head;     /* last folded */
    int64_t own;      /* rollout, 0: not there yet */
    GPtrArray *added; /* int64 numbers as pointers, in order of adding; for rebuilding */
    struct roll_rollout_requested *request; /* owned, or NULL */
    const struct roll_order *order;
    struct pending_append *append;
    int64_t claim_seq; /* its last claim */
    int64_t append_ms; /* when its last durable append was asked for, -1: none */
    int64_t paused_until;
    bool patient;    /* waits for approvals; else it leaves at once */
    uint64_t wakes;  /* only the newest wake counts */
    int outstanding; /* questions without an answer */
    struct probed probed[SIM_TARGETS_MAX];
    const char *verdicts[SIM_GATES_MAX]; /* what its gates said last; static */
    GHashTable *cancelled;               /* what it asked ARM to stop: of steps.c */
    int64_t back_of;                     /* the rollout whose back it decided on last, 0 */
    bool goes_back;                      /* there is one */
    enum roll_machine_end end;
};

/* ---- what is known of the ledger
 * ------------------------------------------------------------------------------------------------
 */

/* Everybody's, or, where the ledger is shared, one replica's. */
struct view {
    GPtrArray *events;   /* struct roll_event *, in the order of the course */
    GPtrArray *facts;    /* struct fact * */
    GHashTable *intents; /* correlation -> struct intent * */
    struct holding holdings[SIM_TARGETS_MAX];
    bool hold;       /* a person's */
    int64_t back;    /* the rollout whose hold stands, 0 */
    int floor;       /* releases below it must not start */
    GHashTable *bad; /* releases that a back left behind */
    bool apart;      /* who drives aside has not heard what came into the main stream meanwhile */
};

/* ---- the world
 * -----------------------------------------------------------------------------------------------------------
 */

typedef void (*sim_fn)(struct world *world, void *data);

struct world {
    struct sim_config config;
    uint64_t random[SIM_CHANCES];
    int64_t now;
    GSequence *queue;
    uint64_t orders;
    int64_t steps;
    char *violation; /* the first one */
    bool calm;       /* no more trouble: the run is being brought to its end */
    int n_targets;
    int64_t longest_ms; /* of an ordinary deployment */
    bool tidy;          /* people here roll back a lot, and have leftovers deleted */
    bool wishes;        /* here backs hold, forwards return, and releases raise floors */
    int stacks;         /* bit for each target that is a stack */
    int64_t offset[SIM_HOSTS], boot[SIM_HOSTS];

    struct view views[SIM_HOSTS];
    struct view *here; /* through which the facts are seen now */
    int host;          /* whose machine it is now */
    struct replica
        *replicas;  /* of replica.c: SIM_HOSTS of them where the ledger is shared, or NULL */
    bool emergency; /* somebody went on without the store */
    int hosts;
    struct store *store;          /* of store.c */
    GHashTable *orders_by_digest; /* where the ledger is shared: digest -> struct roll_order * */

    GPtrArray *deployments; /* struct deployment * */
    GPtrArray *things;      /* of prune.c */
    struct acted acted[SIM_TARGETS_MAX];
    GHashTable *contents; /* name -> release */
    GHashTable *actions;  /* correlation ids of those that ran -> course of the last, and 1 */
    int64_t put_claim[SIM_TARGETS_MAX]
                     [SIM_HOSTS + 1]; /* claim under which the newest PUT was sent that
                                         ARM took: of the main stream, and of side streams */
    int64_t denied_until;

    GPtrArray *processes;
    GPtrArray *timings;    /* json_t *: of timing.c, owned */
    GPtrArray *order_list; /* struct roll_order *: all that were ever made */
    int releases;
    int acts_left;
    int64_t back_due; /* a rollout that has failed, whose back is the next event; 0 */
};

/* world.c */
void sim_view_init(struct view *view);
void sim_view_clear(struct view *view);
void sim_look(struct world *world, int host); /* with the eyes, and by the clock, of a host */
void sim_at(struct world *world, int64_t delay_ms, sim_fn fn, void *data, GDestroyNotify free_data);
void sim_trace(struct world *world, const char *format, ...) ROLL_PRINTF(2, 3);
void sim_violate(struct world *world, const char *format, ...) ROLL_PRINTF(2, 3);
char *sim_run(
    const struct sim_config *config); /* NULL: every rule held; else what was violated. Owned. */
int sim_target_index(const char *name);
int sim_release(const char *version); /* of "v7": 7 */

/* ledger.c */
int64_t sim_head(const struct world *world);
/* Its facts; judged first if it is said by driver (not NULL) now. Consumes event. */
void sim_take_event(struct world *world, const char *driver, struct roll_event *event);
bool sim_append(struct world *world, const char *driver, int64_t expect,
                const GPtrArray *events); /* false: conflict */
struct fact *sim_fact(const struct world *world, int64_t number);
struct fact *sim_open_rollout(const struct world *world);
struct intent *sim_intent(const struct world *world, const char *correlation);
const struct roll_order *sim_order(const struct world *world, const char *digest);
char *sim_order_digest(size_t index);
struct roll_event *sim_event(struct world *world, enum roll_event_kind kind, const void *body);

/* referee.c: called for each event before its facts change */
void sim_judge(struct world *world, const char *driver, const struct roll_event *event);

/* steps.c: process is who says so, or NULL */
void sim_judge_step_intended(struct world *world, const struct process *process,
                             const struct fact *fact, const struct roll_step_intended *body);
void sim_judge_step_ended(struct world *world, const struct process *process,
                          const struct fact *fact, const struct roll_step_ended *body);
void sim_take_step_ended(struct world *world, struct part *part,
                         const struct roll_step_ended *body);
void sim_judge_bake(struct world *world, const struct fact *fact, int ring);
void sim_judge_succeeded(struct world *world, const struct fact *fact);
void sim_judge_failed(struct world *world, const struct process *process, const struct fact *fact);
void sim_judge_next(struct world *world, const struct roll_event *event);
void sim_judge_back_asked(struct world *world, const struct process *process);
void sim_note_cancel(struct process *process, const struct roll_action *action);
void sim_judge_poll(struct world *world, const struct process *process,
                    const struct roll_action *action);

/* arm.c */
void sim_arm_put(struct world *world, struct process *process, const struct roll_action *action);
void sim_arm_read(struct world *world, struct process *process, const struct roll_action *action);
void sim_arm_cancel(struct world *world, struct process *process, const struct roll_action *action);
struct deployment *sim_deployment(const struct world *world, const char *name, int target);
const char *sim_state(const struct world *world, const struct deployment *deployment);
/* The target's newest one: what a stack holds. */
struct deployment *sim_newest(const struct world *world, int target);
bool sim_is_stack(const struct world *world, int target);
void sim_answer(struct world *world, struct process *process, uint64_t id, int64_t delay_ms,
                const struct answer *answer);

/* prune.c */
void sim_thing_put(struct world *world, int target, int release);
void sim_prune_sort(struct world *world, struct process *process, const struct roll_action *action);
void sim_prune_delete(struct world *world, struct process *process,
                      const struct roll_action *action);
void sim_prune_seek(struct world *world, struct process *process, const struct roll_action *action);
void sim_judge_prune_intended(struct world *world, const struct roll_prune_intended *body);
void sim_judge_prune_ended(struct world *world, const struct roll_prune_ended *body);
void sim_judge_pruned(struct world *world, const struct fact *fact);
void sim_take_prune_intended(struct world *world, const struct roll_prune_intended *body);
void sim_take_prune_ended(struct world *world, const struct roll_prune_ended *body);

/* process.c */
struct process *sim_process_start(struct world *world, int host, enum roll_machine_mode mode,
                                  bool take, bool gone);
void sim_process_add_chain(struct world *world, struct process *process, int64_t own,
                           int64_t supersedes);
void sim_process_go(struct world *world, struct process *process); /* folds the ledger and runs */
void sim_process_observe(struct world *world, struct process *process,
                         const struct roll_observation *observation);
void sim_process_kill(struct world *world, struct process *process);
void sim_processes_notice(struct world *world, const struct process *writer);
int64_t sim_wall(const struct world *world, int host);
int64_t sim_boot(const struct world *world, int host);
bool sim_driver_alive(const struct world *world, const char *driver, int *ret_host);
int sim_alive(const struct world *world);
void sim_process_free(struct process *process);
void sim_fold_added(const struct world *world, struct roll_machine *machine,
                    const struct process *process, int64_t head);

void sim_process_pump(struct world *world, struct process *process);

/* store.c */
void sim_store_open(struct world *world);
void sim_store_close(struct world *world);
bool sim_store_is_away(struct world *world, int host);
void sim_store_go_away(struct world *world, int host);

/* replica.c: where the ledger is shared */
void sim_replicas_open(struct world *world);
void sim_replicas_close(struct world *world);
int64_t sim_replica_head(const struct world *world);
char *sim_replica_host(const struct world *world); /* as claims name it, owned */
/* Before a command on that host decides: true at once where the ledger is not shared. */
bool sim_share(struct world *world, int host, bool emergency, bool *ret_aside);
bool sim_replica_is_surprised(const struct world *world, bool *ret_aside);
void sim_shared_start(struct world *world, struct process *process);
void sim_shared_free(struct shared_driver *shared);
void sim_shared_add(struct world *world, struct process *process, int64_t own, int64_t supersedes);
/* One that has ended with an intent without outcome, NULL: none. */
const struct fact *sim_shared_unsettled(struct world *world);
void sim_shared_as(struct process *process, bool emergency, bool aside);
void sim_shared_enter(struct world *world, const struct process *process);
void sim_shared_catch_up(struct world *world, struct process *process);
void sim_shared_fold_from(struct world *world, struct process *process);
bool sim_shared_is_settled(const struct world *world, const struct process *process);
void sim_shared_fold(const struct world *world, struct roll_machine *machine,
                     const struct process *process);
void sim_shared_append(struct world *world, struct process *process);
void sim_shared_appended(struct world *world, struct process *process,
                         struct roll_observation *ret_seen);
bool sim_shared_note(struct world *world, enum roll_event_kind kind, const void *body);
void sim_shared_done(struct world *world, struct process *process);
struct roll_blob *sim_shared_seal(struct world *world, struct roll_rollout_requested *request,
                                  const struct roll_order *order);
const GPtrArray *sim_shared_keep(struct process *process, struct roll_blob *blob_take);
void sim_replicas_exchange(struct world *world);
void sim_replicas_check(struct world *world);

/* people.c */
void sim_people_start(struct world *world);
bool sim_resume(struct world *world, int host, bool take);
void sim_settle(struct world *world, int host);
struct roll_choice *sim_auto_back(struct world *world, const struct process *process);

/* timing.c */
json_t *sim_timing_new(struct world *world); /* borrowed */
bool sim_timing_open(const json_t *timing, int64_t wall_ms);
void sim_judge_timing_start(struct world *world, const struct fact *fact, const json_t *timing);
void sim_judge_timing_ring(struct world *world, const struct fact *fact, int target);

/* gates.c */
void sim_gates_plan(struct world *world, struct roll_rollout_requested *request);
void sim_gates_fact(struct world *world, const struct roll_event *event);
bool sim_gates_allow(const struct world *world, const struct roll_order *order, bool overrides);
void sim_gates_ask(struct world *world, struct process *process, const struct roll_action *action);
void sim_judge_gate(struct world *world, const struct process *process,
                    const struct roll_gate_evaluated *body);
void sim_judge_start(struct world *world, const struct fact *fact, int64_t at,
                     const json_t *timing);
void sim_act_approve(struct world *world, int host);
void sim_act_reject(struct world *world, int host);
void sim_act_hold(struct world *world, int host);
void sim_act_floor(struct world *world, int host);
void sim_gates_help(struct world *world);
void sim_note(struct world *world, enum roll_event_kind kind, const void *body);

/* check.c */
void sim_check_live(struct world *world, const struct process *process); /* fold equals live */
void sim_check_live_release(struct world *world, int target, int release);
void sim_check_end(struct world *world);

#endif
