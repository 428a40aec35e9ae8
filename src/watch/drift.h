/* Between the files of drift and adoption; nobody outside module watch includes it. */
#ifndef ROLL_WATCH_DRIFT_H
#define ROLL_WATCH_DRIFT_H

#include "rollbook/json.h"
#include "rollbook/watch.h"

/* ---- hide.c: what may be kept ---------------------------------------------------------------- */

#define WATCH_HIDDEN "(hidden)"

/* Does a name or a path ("properties.siteConfig.adminPassword"), at any of its segments, say that
 * its value is a secret? */
bool watch_name_is_secret(const char *path);
/* The name that stands beside a value ({"name","value"}, {"key","value"}); or NULL. Borrowed. */
const char *watch_pair_name(const json_t *object);
/* Is it the member of such a pair that holds the value? */
bool watch_is_pair_value(const char *member);
/* A resource as a what-if shows it: what stands beside a value tells what it is. */
struct watch_shown {
    const char *resource;         /* its id */
    const json_t *before, *after; /* borrowed, or NULL */
};
bool watch_path_is_secret(const struct watch_shown *place, const char *path);
/* Does any string in the value look like a credential? */
bool watch_looks_secret(const json_t *value);
/* A value as one line for people and for comparing: JSON without what must not be kept, at most
 * some 200 characters (then with a digest of the rest). NULL for NULL. Owned. */
char *watch_text_of(const char *name, const json_t *value);

/* ---- differences.c: pure --------------------------------------------------------------------- */

/* What a what-if's body says: differences [{"resource","change": deleted |
 * changed,"path"?,"is"?,"wanted"?}], sorted, and unevaluated [{"resource","path"?,"reason"}].
 * Arrays, appended to. */
void watch_differences(const json_t *what_if, json_t *differences, json_t *unevaluated);
/* What tells a difference from others: not who made it. Owned. */
char *watch_key_of(const json_t *difference);
/* Keys of a list; or NULL: none. Owned set. */
GHashTable *watch_keys_of(const json_t *list);
/* Those of now that known does not have; *ret_left: how many it has. New reference. */
json_t *watch_subtract(const json_t *now, const json_t *known, size_t *ret_left);
/* SHA-256 of a rollout and its differences. */
void watch_finding(int64_t rollout, const json_t *differences, char ret_hex[ROLL_HEX_SIZE]);

/* ---- live.c ---------------------------------------------------------------------------------- */

struct watch_live {
    const char *name; /* of the target; borrowed from the plan */
    struct roll_order_target
        *target; /* as it was sent; the credential is today's. Borrowed from the orders below */
    int64_t rollout, since; /* that put it there; its end, UTC ms */
    int64_t began;          /* when its deployment was first intended; of bare ones 0 */
    char request_hash[ROLL_HEX_SIZE];
    int64_t attempt;            /* of its deployment */
    char result[ROLL_HEX_SIZE]; /* likewise: its digest, or "" */
};
struct watch_lives {
    GArray *lives;     /* struct watch_live */
    GPtrArray *orders; /* struct roll_order *, owned */
    json_t *left;      /* what is not looked at: [{"target" | "targets": NUMBER,"why","unknown"}] */
};
void watch_lives_free(struct watch_lives *lives);
ROLL_AUTO_DEFINE(watch_lives, struct watch_lives, watch_lives_free)
/* What the ledger says is live on the targets that are to be looked at: those of names, or (NULL)
 * all, of a fleet one of each ring. bare: names and rollouts alone (target is NULL), which costs no
 * more for a fleet. */
struct roll_error *watch_lives_read(const struct roll_drift_options *options, bool bare,
                                    struct watch_lives **ret_lives) ROLL_CHECKED;
/* Does the target still hold what that rollout put there? */
struct roll_error *watch_is_live(struct roll_ledger *ledger, const char *stream, const char *target,
                                 int64_t rollout, bool *ret_live) ROLL_CHECKED;

/* ---- baseline.c ------------------------------------------------------------------------------ */

struct watch_baseline {
    int64_t seq, at;     /* of its event; 0: none was taken since the rollout */
    int64_t pending;     /* so many differences are not known to be nobody's else's yet */
    int64_t of_ms;       /* when ARM was asked */
    json_t *known;       /* what ARM said then, and nobody else made. Owned, or NULL */
    json_t *unsure;      /* what it said, and somebody else may have made. Owned, or NULL */
    json_t *unevaluated; /* owned, or NULL */
};
void watch_baseline_free(struct watch_baseline *baseline);
ROLL_AUTO_DEFINE(watch_baseline, struct watch_baseline, watch_baseline_free)
/* From the ledger; bare: without the lists. There is none: seq is 0. Owned. */
struct roll_error *watch_baseline_load(struct roll_ledger *ledger, const char *stream,
                                       const struct watch_live *live, bool bare,
                                       struct watch_baseline **ret_baseline) ROLL_CHECKED;
/* When the activity log will have told what it did not yet: UTC ms; 0: nothing is pending. */
int64_t watch_baseline_due(const struct watch_baseline *baseline);
/* Takes up what the activity log now lets stand, and records that when it is time. *ret_unread
 * (owned, or NULL): it could not be read. */
struct roll_error *watch_baseline_settle(const struct roll_drift_options *options,
                                         const char *stream, const struct watch_live *live,
                                         struct watch_baseline *baseline, char **ret_unread)
    ROLL_CHECKED;

/* ---- forecast.c: what-ifs side by side ------------------------------------------------------- */

struct watch_forecast {
    json_t *body;                  /* {"changes":…}, or NULL */
    int64_t asked_ms, answered_ms; /* UTC, by ARM's clock where it says one */
    char *code, *why;              /* then: ARM's words. Owned */
    bool gone;                     /* then: for the target's resource group is not there */
};
void watch_forecast_clear(struct watch_forecast *forecast);
/* list: as many as lives. An answer that is no forecast is no error. */
struct roll_error *watch_forecasts(const struct roll_drift_options *options,
                                   const struct watch_lives *lives, struct watch_forecast *list)
    ROLL_CHECKED;

/* ---- who.c ----------------------------------------------------------------------------------- */

/* The activity log's words for who did what: an element of its list. together: the events of the
 * same act. {"who"?,"tool","deployment"?,"client"?,"policy"?,"at","operation"?,"correlationId"?}.
 * New reference. */
json_t *watch_who(const json_t *event, const json_t *together);

/* ---- record.c -------------------------------------------------------------------------------- */

/* Appends one draft, again when somebody else was faster. */
struct roll_error *watch_append(struct roll_ledger *ledger, const struct roll_actor *actor,
                                const struct roll_draft *draft, const struct roll_object *objects,
                                size_t n_objects) ROLL_CHECKED;
/* Several of one stream, in one transaction. check (or NULL) is asked, each time, after the head
 * was read that they follow: what it refuses is not appended, and its error handed on. */
typedef struct roll_error *(*watch_check_fn)(void *user);
struct roll_error *watch_append_checked(struct roll_ledger *ledger, const struct roll_actor *actor,
                                        const struct roll_draft *drafts, size_t n_drafts,
                                        const struct roll_object *objects, size_t n_objects,
                                        watch_check_fn check, void *user) ROLL_CHECKED;

#endif
