/* The activity log of what differs: reading it, and what its events explain. */
#ifndef ROLL_WATCH_LOG_H
#define ROLL_WATCH_LOG_H

#include "watch/drift.h"

/* Events are told up to 20 minutes after they happened; ARM's clock and ours may differ, the clocks
 * of its parts hardly; an event is written when its request ends, and shows before that. */
#define WATCH_LATE_MS (INT64_C(20) * 60 * 1000)
#define WATCH_CLOCK_MS (INT64_C(5) * 60 * 1000)
#define WATCH_BEFORE_MS (INT64_C(10) * 1000)
#define WATCH_BEHIND_MS (INT64_C(60) * 1000)
#define WATCH_LOG_MS (INT64_C(89) * 24 * 3600 * 1000) /* ARM keeps 90 days */

/* ---- log.c: reading -------------------------------------------------------------------------- */

struct watch_log;
/* Of what happened around a target between two times (UTC ms; to_ms 0: now). Nothing is asked yet.
 * Everything it is given has to live as long as it does. */
struct roll_error *watch_log_new(const struct roll_drift_options *options,
                                 const struct watch_live *live, int64_t from_ms, int64_t to_ms,
                                 struct watch_log **ret_log) ROLL_CHECKED;
void watch_log_free(struct watch_log *log);
ROLL_AUTO_DEFINE(watch_log, struct watch_log, watch_log_free)

/* The events that may concern a resource: of its group, or its own where it lies in none. *ret_gap
 * NULL: all that there are; else why some are missing (borrowed). *ret_events is borrowed, never
 * NULL. */
struct roll_error *watch_log_near(struct watch_log *log, const char *resource,
                                  const json_t **ret_events, const char **ret_gap) ROLL_CHECKED;
/* What happened in the same act, wherever: those with the event's correlation id, and those of
 * `near` that have it. New reference. *ret_gap as above. */
struct roll_error *watch_log_act(struct watch_log *log, const json_t *event, const json_t *near,
                                 json_t **ret_events, const char **ret_gap) ROLL_CHECKED;
/* Why the log could not be read, the first time; or NULL. Borrowed. */
const char *watch_log_unread(const struct watch_log *log);

/* ---- who.c: what an event says (pure) ------------------------------------------------------- */

/* {"value","localizedValue"}, or bare. Borrowed, or NULL. */
const char *watch_event_word(const json_t *event, const char *name);
int64_t watch_event_time(const json_t *event);

/* ---- causes.c: which events explain a difference (pure) ------------------------------------- */

struct watch_span {
    int64_t after, before; /* UTC ms, both taken in */
};
/* Those of events that may have made the difference, newest first, one of each act. own:
 * correlation ids that are nobody else's. New reference. */
json_t *watch_causes(const json_t *events, const json_t *difference, const struct watch_span *span,
                     GHashTable *own);
/* Has the log the rollout's own write of the resource? */
bool watch_has_own_write(const json_t *events, const char *resource, GHashTable *own);

/* ---- attribute.c ---------------------------------------------------------------------------- */

/* Enters into each difference who made it: "by" where one act explains it, "candidates" (newest
 * first) where several may have, else "why" nobody is named.
 * {"who"?,"tool","deployment"?,"client"?, "policy"?,"at","operation","correlationId"}. What the
 * rollout itself did counts for nobody. Differences may bring "foundAt" and "cleanAt": when looks
 * found it first and did not find it. until_ms: the differences are of then (0: now). *ret_unread
 * (owned, or NULL): the log could not be read. */
struct roll_error *watch_attribute(const struct roll_drift_options *options,
                                   const struct watch_live *live, int64_t until_ms,
                                   json_t *differences, char **ret_unread) ROLL_CHECKED;
/* Somebody else's, as far as the log says? */
bool watch_is_others(const json_t *difference);
/* Is what the log does not say known: it was read whole, and late enough? */
bool watch_is_settled(const json_t *difference);

#endif
