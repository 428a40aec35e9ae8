/* What the ledger knows of one environment, read once and kept: the facts that choices are made of.
 */
#ifndef ROLL_RELEASE_HISTORY_H
#define ROLL_RELEASE_HISTORY_H

#include "release/eligible.h"
#include "release/internal.h"

struct release_info {                                       /* a release of the service */
    char *version, *manifest, *commit, *base, *mark_reason; /* commit, base, mark_reason or NULL */
    int64_t seq, data_version, data_floor;
    enum release_bad bad;
    bool marked_bad; /* by a person, for the service; may hide behind a mark of this environment */
};

struct release_held {                        /* a target that the ledger knows */
    char *name, *release, *accepted_release; /* releases or NULL */
    int64_t rollout, dirty_rollout, accepted_rollout, floor;
    bool dirty;
};

struct release_rollout { /* a rollout that sent something */
    int64_t number;
    char *kind, *state, *release; /* release or NULL */
    GHashTable *touched;          /* names of the targets that may have got a request */
};
void release_rollout_free(struct release_rollout *rollout);
ROLL_AUTO_DEFINE(release_rollout, struct release_rollout, release_rollout_free)

struct release_known_order {
    struct roll_order *order;
    GHashTable *by_name; /* name to struct roll_order_target *, made when first asked */
};
void release_known_order_free(struct release_known_order *known);

struct release_history {
    struct roll_ledger *ledger; /* borrowed */
    char *service, *environment, *stream;
    struct roll_head head, service_head;
    char *live, *last_good, *hold_reason; /* or NULL */
    bool hold, hold_by_person;
    int64_t hold_rollout, open_rollout;
    GPtrArray *targets;    /* struct release_held *, sorted by name */
    GHashTable *by_name;   /* name to struct release_held * */
    GHashTable *infos;     /* version to struct release_info * */
    GHashTable *succeeded; /* versions that are known to have succeeded as a whole */
    GHashTable *failed;    /* versions that are known not to have */
    GHashTable *books;     /* version to struct release_book * */
    GHashTable *orders;    /* rollout to struct release_known_order * */
};
struct roll_error *release_history_read(struct roll_ledger *ledger, const char *service,
                                        const char *environment,
                                        struct release_history **ret_history) ROLL_CHECKED;
void release_history_free(struct release_history *history);
ROLL_AUTO_DEFINE(release_history, struct release_history, release_history_free)

/* All results are borrowed from the history. */
const struct release_held *release_history_held(const struct release_history *history,
                                                const char *target);
/* ROLL_E_NOT_FOUND names the nearest version. */
struct roll_error *release_history_info(struct release_history *history, const char *version,
                                        const struct release_info **ret_info) ROLL_CHECKED;
/* The manifest without this environment's targets, which are most of it in a fleet. */
struct roll_error *release_history_manifest(struct release_history *history, const char *version,
                                            const json_t **ret_manifest) ROLL_CHECKED;
/* What the manifest says of one of them (a new reference), NULL: nothing; and of which it does:
 * names, borrowed. */
struct roll_error *release_history_entry(struct release_history *history, const char *version,
                                         const char *target, json_t **ret_entry) ROLL_CHECKED;
struct roll_error *release_history_names(struct release_history *history, const char *version,
                                         const GPtrArray **ret_names) ROLL_CHECKED;
struct roll_error *release_history_order(struct release_history *history, int64_t rollout,
                                         const struct roll_order **ret_order) ROLL_CHECKED;
/* What that rollout was to do to a target; NULL when it was not in its order. */
struct roll_error *release_history_order_target(struct release_history *history, int64_t rollout,
                                                const char *target,
                                                const struct roll_order_target **ret_target)
    ROLL_CHECKED;
/* Did it succeed here, in a rollout that succeeded as a whole? */
struct roll_error *release_history_succeeded(struct release_history *history, const char *version,
                                             bool *ret_succeeded) ROLL_CHECKED;

/* The newest rollout of which a request may have reached ARM; NULL when there is none. Owned. */
struct roll_error *release_history_last_sent(struct release_history *history,
                                             struct release_rollout **ret_rollout) ROLL_CHECKED;
/* All rollouts with what they touched, newest first (borrowed for the call); fn returns
 * release_stop() to end. */
typedef struct roll_error *(*release_rollout_fn)(void *user, const struct release_rollout *rollout);
struct roll_error *release_history_walk(struct release_history *history, release_rollout_fn fn,
                                        void *user) ROLL_CHECKED;
/* One rollout with what it touched. Owned. */
struct roll_error *release_history_rollout(struct release_history *history, int64_t number,
                                           struct release_rollout **ret_rollout) ROLL_CHECKED;

struct release_success {
    char *release; /* or NULL: targets went to different ones */
    int64_t rollout, at;
    bool adopted;
    bool good; /* in a rollout that succeeded, of some targets or of all */
};
struct release_success_query {
    const char *target;   /* NULL: of the environment as a whole */
    int64_t until;        /* at or before, UTC ms; 0: no bound */
    int64_t skip_rollout; /* as if this one had not been; 0 */
    guint limit;          /* 0: all */
};
/* Newest first, each release once. Owned array of struct release_success *. */
struct roll_error *release_history_successes(struct release_history *history,
                                             const struct release_success_query *query,
                                             GPtrArray **ret_successes) ROLL_CHECKED;

/* The facts of a version for targets whose highest floor is floor (of floor_target, borrowed). */
struct roll_error *release_history_facts(struct release_history *history, const char *version,
                                         int64_t floor, const char *floor_target,
                                         struct release_facts *ret_facts) ROLL_CHECKED;
/* The safe release nearest to `wanted` in the ledger's order: not bad, not below floor; one that
 * succeeded here first. Owned, NULL when there is none. */
struct roll_error *release_history_nearest_safe(struct release_history *history, const char *wanted,
                                                int64_t floor, char **ret_version) ROLL_CHECKED;

/* Stops an iteration of the ledger: returned by a callback, taken off by release_stopped. */
struct roll_error *release_stop(void) ROLL_CHECKED;
struct roll_error *release_stopped(struct roll_error *err) ROLL_CHECKED;

#endif
