/* The driver's rooms: driver.c turns the machine's actions into effects and their results into
 * observations, driver_send.c those that ask something of the world, start.c what comes before the
 * first claim; links.c keeps the connections; send.c knows how a step is sent; result.c what is
 * kept of an answer. */
#ifndef ROLL_ROLLOUT_DRIVER_H
#define ROLL_ROLLOUT_DRIVER_H

#include "rollbook/http.h"
#include "rollbook/rollout.h"

/* Owns it from now on. */
struct roll_look;
void roll_links_keep(struct roll_links *links, struct roll_look *look);

/* ---- driver.c ------------------------------------------------------------------------------- */

struct roll_driver {
    const struct roll_driver_options *options;
    struct roll_actor actor; /* owned */
    struct roll_links *links;
    char *stream, *service, *environment; /* owned */
    char driver_id[ROLL_UUID_SIZE];
    char *host;            /* owned */
    struct roll_head head; /* all events up to here are folded */
    struct roll_machine *machine;
    const struct roll_order *order; /* of the driven rollout */
    GPtrArray *request_blobs;       /* the choice's, borrowed; NULL once the ledger has them */
    GPtrArray *orders; /* owned struct roll_order * of every rollout that the machine knows */
    struct roll_lock *lock;
    GHashTable *poll_urls; /* correlation id of an attempt -> URL */
    GHashTable *began; /* target name -> int64_t *: when its first step of the driven rollout was
                          intended, UTC ms */
    bool takes_over;   /* from another replica; it was asked to */
    int64_t ahead_ms;  /* how far Azure's clock is ahead of this one, as last seen */
    GHashTable *sends; /* struct roll_send *, those under way */
    unsigned timer;
    int64_t data_version;
    int64_t append_boot_ms; /* before the last append that counts for the fence: in a shared ledger,
                               one that the store has */
    GPtrArray *unsettled;   /* driver_behind.c: what was folded behind `settled`, as char *, while
                               places may change; owned */
    int64_t settled;
    struct roll_head left; /* the main stream's head when the ledger went aside */
    bool taken_along;      /* all of it was said aside by another process of this replica */
    int64_t waiting_from;  /* while old events are folded: the first that waits for the store, 0 */
    bool appended_behind;  /* what is folded now is this driver's, and waits for the store */
    unsigned follow_timer;
    int64_t follow_pause_ms; /* the store was out of reach: how long it is left alone */
    size_t puts_under_way, puts_accepted;
    GPtrArray *gates;           /* of start.c: those under way */
    bool unproved;              /* it only ends what waits: no token is asked for */
    bool left_waiting;          /* it was let go since it has to wait for others */
    char *waits_for;            /* that the listener was told; owned, or NULL */
    size_t puts_away;           /* of those under way, the ones that were given to the network */
    bool reached, unsure;       /* as in the outcome */
    bool leaving;               /* detach as soon as no PUT is away */
    unsigned leave_timer;       /* but not later than this */
    int64_t silent_boot_ms;     /* since then ARM was asked and did not answer, 0: it did */
    char *silence;              /* why, as far as it is known; owned, or NULL */
    GHashTable *told;           /* what was said already */
    GHashTable *groupless;      /* targets whose resource group ARM says is gone */
    GHashTable *paces;          /* pace.c: subscription -> how ARM paces writes to it; owned */
    GHashTable *remedies;       /* what stands in the way -> struct remedy, owned by remedy.c */
    struct roll_pruner *pruner; /* owned, or NULL, made at pruner_version of the ledger's data */
    int64_t pruner_version;
    GHashTable *failures; /* correlation id -> json_t *: what is known of a failed one */
    bool detaching;
    bool replaying;         /* old events are folded: the listener knows them */
    struct roll_look *look; /* at who deployed here last; the links', or NULL */
    unsigned look_timer;
    struct roll_error *err; /* that ended the driver, owned */
    struct roll_outcome outcome;
};

/* One action under way. */
struct roll_send {
    struct roll_driver *driver;
    uint64_t id;
    enum roll_action_kind kind;
    int64_t rollout, step, attempt;
    const struct roll_order_target *target;
    const struct roll_plan_health *check;
    bool away;  /* a PUT that was given to the network: it may arrive */
    bool eased; /* remedy.c had its turn: what it answers is not looked at again */
    struct roll_arm *arm;
    char *name;                   /* of the deployment, owned */
    struct roll_sorting *sorting; /* owned, or NULL */
    char correlation_id[ROLL_UUID_SIZE];
};

/* ---- driver_behind.c: events that follow into the shared store ------------------------------- */

/* The append need not wait for the store: it says what happened in steps, and intends none under a
 * fence that is about to fall. */
bool roll_driver_may_follow(const struct roll_driver *driver, const struct roll_action *action);
/* The store gets what waits soon. */
void roll_driver_follow(struct roll_driver *driver);
/* Once more at the end, with patience; what waits still is said. */
void roll_driver_follow_last(struct roll_driver *driver);
/* The store has all that this driver appended, which was asked for at boot_ms. */
void roll_driver_published(struct roll_driver *driver, int64_t boot_ms);
void roll_driver_note_folded(struct roll_driver *driver, const struct roll_event *event);
/* Before old events are folded. */
struct roll_error *roll_driver_note_waiting(struct roll_driver *driver) ROLL_CHECKED;
/* What a conflict means now that the driver has caught up: to decide again, or that nothing of this
 * one's is taken until what another process of this replica said aside has joined. */
enum roll_observation_kind roll_driver_conflict(const struct roll_driver *driver);
/* Folds what got a place before events that were folded already. */
struct roll_error *roll_driver_look_again(struct roll_driver *driver) ROLL_CHECKED;
/* A roll_event_fn; user: the driver. */
struct roll_error *roll_driver_fold(void *user, const struct roll_event *event) ROLL_CHECKED;

/* Drains the machine. Called after every input. */
void roll_driver_pump(struct roll_driver *driver);
/* Folds what was appended since, by this driver or by others. */
struct roll_error *roll_driver_catch_up(struct roll_driver *driver) ROLL_CHECKED;
/* Enters the order, as an object, into the request. */
struct roll_error *roll_driver_seal(struct roll_choice *choice) ROLL_CHECKED;
/* Lets go when what is away was answered, at the latest soon. The second time: at once. */
void roll_driver_leave(struct roll_driver *driver);
/* The PUT is given to the network. */
void roll_send_away(struct roll_send *send);
void roll_driver_notice(struct roll_driver *driver, const char *text);
void roll_driver_changed(struct roll_driver *driver);
/* The number of the driven rollout, 0 before it has one. */
int64_t roll_driver_number(const struct roll_driver *driver);
void roll_driver_observe(struct roll_driver *driver, const struct roll_observation *observation);
/* Pumps at boot_ms, or before when the ledger is to be looked at. */
void roll_driver_look_at(struct roll_driver *driver, int64_t boot_ms);

/* ---- driver_send.c -------------------------------------------------------------------------- */

struct roll_send *roll_send_new(struct roll_driver *driver, const struct roll_action *action);
void roll_driver_send(struct roll_driver *driver, const struct roll_action *action);
void roll_driver_say_silence(struct roll_driver *driver);

/* ---- driver_chain.c ------------------------------------------------------------------------- */

/* Into the machine, the oldest first: what is still to be told of when own is driven or settled;
 * or, own being 0, when something new takes the place of supersedes, or of nothing (0). *ret_first:
 * where folding begins, INT64_MAX: nowhere. */
struct roll_error *roll_driver_add_rollouts(struct roll_driver *driver, int64_t own,
                                            int64_t supersedes, int64_t *ret_first) ROLL_CHECKED;

/* ---- drive.c -------------------------------------------------------------------------------- */

/* What the ledger knows of a rollout. */
struct roll_known {
    int64_t number, supersedes, requested_at;
    char *order, *host, *state; /* owned; host: of the last claim, or NULL */
    int64_t claim_until, ended_at;
    bool detached;
};

void roll_known_clear(struct roll_known *known);
void roll_driver_init(struct roll_driver *driver, const struct roll_driver_options *options,
                      const char *stream);
void roll_driver_clear(struct roll_driver *driver);
/* ROLL_E_NOT_FOUND. known is to be cleared in either case. */
struct roll_error *roll_driver_look_up(struct roll_driver *driver, int64_t rollout,
                                       struct roll_known *ret_known) ROLL_CHECKED;
/* alive: a process of this replica holds the lock. gone: the last driver was here, and is not any
 * more. */
struct roll_error *roll_driver_take_lock(struct roll_driver *driver, const struct roll_known *known,
                                         bool *ret_gone, bool *ret_alive) ROLL_CHECKED;
/* Drives an open rollout to its end. */
struct roll_error *roll_driver_go_on(struct roll_driver *driver, const struct roll_known *known,
                                     enum roll_machine_mode mode, bool gone,
                                     struct roll_outcome *ret_outcome) ROLL_CHECKED;
/* ROLL_E_CONFLICT: another process drives it. verb: the command that takes over with --take. */
struct roll_error *roll_driver_driven(const struct roll_driver *driver,
                                      const struct roll_known *known, const char *verb);

/* ---- takeover.c ----------------------------------------------------------------------------- */

/* Claims are judged by the store's clock, where it is known. */
void roll_driver_set_clock(struct roll_driver *driver);
bool roll_driver_claim_stands(const struct roll_driver *driver, const struct roll_known *known);
/* It has lapsed or was given back, and clocks are near enough to say so. */
bool roll_driver_is_free(const struct roll_driver *driver, const struct roll_known *known);
/* The rollout is another replica's, by a claim that was not given back. */
bool roll_driver_is_anothers(const struct roll_known *known, bool gone);
/* By the store's clock: may it be told whether a claim has lapsed? verb: as for roll_driver_driven.
 * ROLL_E_CONFLICT: not without --take. */
struct roll_error *roll_driver_check_clock(const struct roll_driver *driver,
                                           const struct roll_known *known, const char *verb)
    ROLL_CHECKED;
/* What ARM says of who was here last, before anything is sent in another one's place. The order is
 * known. ROLL_E_CONFLICT. */
struct roll_error *roll_driver_check_takeover(struct roll_driver *driver,
                                              const struct roll_known *known) ROLL_CHECKED;

/* ---- look.c --------------------------------------------------------------------------------- */

struct roll_found {
    char *text;       /* what does not fit; owned, or NULL */
    bool aside;       /* it is of a rollout that this ledger's stream has in a side stream */
    bool dated;       /* ARM's clock is known: */
    int64_t ahead_ms; /* how far it is ahead of this one */
};
/* Waits for the look: in lane release until it is answered, else shortly. */
struct roll_error *roll_driver_look_now(struct roll_driver *driver, struct roll_found *ret_found)
    ROLL_CHECKED;

/* ---- driver.c: sends ------------------------------------------------------------------------ */

void roll_send_free(void *item);
/* Answers the action and goes on. Frees send. */
void roll_send_reply(struct roll_send *send, const struct roll_arm_reply *reply,
                     struct roll_blob *result_take);
void roll_send_refuse(struct roll_send *send, const char *code, struct roll_error *err_take);
/* The same from the loop: for what is known inside roll_driver_pump(). */
void roll_send_refuse_later(struct roll_send *send, const char *code, struct roll_error *err_take);
/* Where ARM told to poll this attempt, or NULL. Borrowed. */
const char *roll_send_poll_url(const struct roll_send *send);
void roll_send_drop_poll_url(const struct roll_send *send);
/* struct roll_leftover *, as the machine wants them. */
void roll_send_sorted(struct roll_send *send, GPtrArray *leftovers_take);
/* code: of what is definitely sick and need not be looked at again, or NULL. */
void roll_send_probed(struct roll_send *send, bool healthy, const char *code, const char *message);

/* A notice that is given once for a driver. text is taken. */
void roll_driver_notice_once(struct roll_driver *driver, char *text);

/* ---- remedy.c: what stands in the way and can be lifted ------------------------------------- */

/* True when it takes the reply: it answers by roll_send_reply, perhaps later. */
bool roll_remedy_take(struct roll_send *send, const struct roll_arm_reply *reply);
GHashTable *roll_remedies_new(void);

/* ---- history.c: a full history -------------------------------------------------------------- */

/* Deletes our oldest entries at the target's scope and records them; then done, with NULL, or with
 * why nothing could be deleted (borrowed). */
typedef void (*roll_history_fn)(void *user, const char *problem);
struct roll_trim;
/* Owned by the caller, who frees it when done was called, or with the driver. */
struct roll_trim *roll_history_trim(struct roll_send *send, roll_history_fn done, void *user);
void roll_trim_free(struct roll_trim *trim);

/* ---- look.c --------------------------------------------------------------------------------- */

/* Lane release: ROLL_E_CONFLICT when another ledger deploys here, or a rollout did that this one
 * does not know. */
struct roll_error *roll_driver_look_before(struct roll_driver *driver) ROLL_CHECKED;
/* The other lanes: the same, said while the first PUT is under way. */
void roll_driver_look_beside(struct roll_driver *driver);
/* The rollout has ended: what that look has to say is waited for, a moment. */
struct roll_error *roll_driver_look_end(struct roll_driver *driver) ROLL_CHECKED;
void roll_look_leave(struct roll_look *look); /* the driver goes; NULL does no harm */
void roll_look_free(void *user);

/* ---- start.c -------------------------------------------------------------------------------- */

void roll_driver_gate(struct roll_driver *driver, const struct roll_action *action);
void roll_driver_end_gates(struct roll_driver *driver);
void roll_driver_start(struct roll_driver *driver, const struct roll_action *action);

/* lacks.c: as roll_rollout_lacks, without gates and its time, which the machine knows; and today's
 * plan has to be committed. *ret_again_ms: when to look again, -1. *ret_timing: the rules that
 * counted, a new reference, NULL: those recorded; given on failure too. */
struct roll_error *roll_driver_lacks(struct roll_driver *driver, int64_t rollout, GPtrArray *texts,
                                     int64_t *ret_again_ms, json_t **ret_timing) ROLL_CHECKED;

/* ---- today.c -------------------------------------------------------------------------------- */

/* What today's plan below root says of a request's windows and freezes. *ret_timing: a new
 * reference, {}: nothing restricts it; NULL: it is not for the plan to say (no root, or a lane that
 * they do not apply to). *ret_slip, unless ret_slip is NULL: why that plan is not what was
 * reviewed, owned, or NULL. */
struct roll_error *roll_today_timing(struct roll_ledger *ledger, const char *root,
                                     const char *stream,
                                     const struct roll_rollout_requested *request,
                                     json_t **ret_timing, char **ret_slip) ROLL_CHECKED;
/* Before an open rollout goes on: its machine hears of it. What cannot be read is said. */
struct roll_error *roll_driver_govern(struct roll_driver *driver, int64_t rollout) ROLL_CHECKED;

/* ---- hidden.c ------------------------------------------------------------------------------- */

/* The variables that hold the addresses of a plan's webhooks, for roll_process_options.env_hide:
 * NULL-terminated, owned texts. plan: its JSON, or NULL. */
GPtrArray *roll_hidden_variables(const json_t *plan);

/* ---- probe.c -------------------------------------------------------------------------------- */

/* One try of a health check; answers by roll_send_probed, unless it cannot be tried. */
struct roll_error *roll_probe(struct roll_send *send) ROLL_CHECKED;

/* ---- leftovers.c: what ARM knows of a target's leftovers ------------------------------------ */

struct roll_sorting;
/* items: decided on and in order, as roll_prune_decide says; borrowed. */
typedef void (*roll_sorted_fn)(void *user, GPtrArray *items);
/* Owned by the caller, who frees it in or after done. arm and target are borrowed. Items that have
 * a reason to stay keep it. */
struct roll_sorting *roll_sorting_start(struct roll_arm *arm,
                                        const struct roll_order_target *target,
                                        GPtrArray *items_take, roll_sorted_fn done, void *user);
void roll_sorting_free(struct roll_sorting *sorting);
/* ARM has to be asked. */
bool roll_sorting_is_needed(const GPtrArray *items);

/* ---- prune.c -------------------------------------------------------------------------------- */

/* LEFTOVERS, DELETE, SEEK. */
void roll_driver_prune(struct roll_driver *driver, const struct roll_action *action);

/* ---- result.c ------------------------------------------------------------------------------- */

/* As roll_result_blob; failures remembers what ARM said of a deployment that failed, so that its
 * operations add their causes to it. */
struct roll_blob *roll_result_failed(struct roll_driver *driver, const struct roll_send *send,
                                     const struct roll_arm_reply *reply);
/* What is kept of a finished deployment: resources, outputs that may be stored, ARM's error. NULL
 * when there is nothing. */
struct roll_blob *roll_result_blob(struct roll_ledger *ledger,
                                   const struct roll_order_target *target,
                                   const struct roll_arm_reply *reply);
int64_t roll_result_resources(const struct roll_arm_reply *reply);

/* send_put.c: did this PUT meet a resource group that was there before and is gone? Then it is sent
 * again, and makes it. */
bool roll_put_lacks_group(struct roll_send *send, const struct roll_arm_reply *reply);
/* pace.c: what an answer to a PUT says of further ones, and how long this one has to wait for that,
 * 0: not. */
void roll_pace_saw(struct roll_send *send, const struct roll_arm_reply *reply);
int64_t roll_pace_wait_ms(struct roll_send *send);
/* ARM takes PUTs of this subscription, though not all at once. */
bool roll_pace_moves(struct roll_send *send);

#endif
