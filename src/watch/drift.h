/* Between the files of drift and adoption; nobody outside module watch includes it. */
#ifndef ROLL_WATCH_DRIFT_H
#define ROLL_WATCH_DRIFT_H

#include "rollbook/json.h"
#include "rollbook/watch.h"

/* ---- hide.c: what may be kept ---------------------------------------------------------------- */

/* Does a name ("properties.siteConfig.adminPassword") say that its value is a secret? */
bool watch_name_is_secret(const char *name);
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
/* Those of now that known does not have; *ret_left: how many it has. New reference. */
json_t *watch_subtract(const json_t *now, const json_t *known, size_t *ret_left);
/* SHA-256 of a rollout and its differences. */
void watch_finding(int64_t rollout, const json_t *differences, char ret_hex[ROLL_HEX_SIZE]);

/* ---- live.c ---------------------------------------------------------------------------------- */

struct watch_live {
    const char *name; /* of the target; borrowed from the plan */
    struct roll_order_target
        *target; /* as it was sent; the credential is today's. Borrowed from the orders below */
    int64_t rollout, since; /* that put it there, UTC ms */
    char request_hash[ROLL_HEX_SIZE];
    int64_t attempt;            /* of its deployment */
    char result[ROLL_HEX_SIZE]; /* likewise: its digest, or "" */
};
struct watch_lives {
    GArray *lives;     /* struct watch_live */
    GPtrArray *orders; /* struct roll_order *, owned */
    GPtrArray *left;   /* char *: "neu: dirty", "weu3: not sampled" */
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

/* ---- forecast.c: what-ifs side by side ------------------------------------------------------- */

struct watch_forecast {
    json_t *body;     /* {"changes":…}, or NULL */
    char *code, *why; /* then: ARM's words. Owned */
};
void watch_forecast_clear(struct watch_forecast *forecast);
/* forecasts: as many as lives. An answer that is no forecast is no error. */
struct roll_error *watch_forecasts(const struct roll_drift_options *options,
                                   const struct watch_lives *lives,
                                   struct watch_forecast *forecasts) ROLL_CHECKED;

/* ---- who.c ----------------------------------------------------------------------------------- */

/* Enters "by" into each difference that somebody's act explains:
 * {"who","tool","deployment"?,"client"?,"at","operation", "correlationId"}. What the rollout itself
 * did counts for nobody. A log that cannot be read leaves them without; *ret_unread (owned, or
 * NULL) says why. */
struct roll_error *watch_attribute(const struct roll_drift_options *options,
                                   const struct watch_live *live, json_t *differences,
                                   char **ret_unread) ROLL_CHECKED;
/* The activity log's words for who did what: an element of its list. texts: of the events with the
 * same correlation id. New reference. */
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
