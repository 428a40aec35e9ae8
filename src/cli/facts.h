/* The facts of `roll report`: one JSON document, from plans and ledger alone.
 *
 *   {"generatedAt","program","since"?,
 *    "environments":[what `roll status -o json` says of it, and
 *      "stream", "rollouts":[what `roll log -o json` says of each, newest first, and "durationMs"?,
 * "usualMs"?, "events":[{"seq","at","kind","hash","text","by"?}], "diff"?: a name in "diffs",
 * "moreTargets"?], "bands":[{"kind": hold | freeze,"name"?,"from","to"?}]],
 *    "releases":[{"release","version","digest","commit"?,"madeAt","verdict"?,"reason"?}],
 *    "diffs":{NAME:[{"targets":[…],"changes":[as roll_template_compare]}]},
 *    "incident"?:{"rollout","sentence","events":[…, with "stream" where it is another one's],"rollouts":[…]}}
 *
 * A rollout has "partOf"? and "parts"? as `roll show -o json` has them. */
#ifndef ROLL_CLI_FACTS_H
#define ROLL_CLI_FACTS_H

#include "view.h"

struct roll_facts_options {
    const char *environment; /* or NULL: all */
    int64_t since;           /* UTC ms; 0: everything */
    const char *stream;      /* of the incident, or NULL */
    int64_t incident;        /* number of its rollout, 0: none */
};
/* New reference. */
struct roll_error *roll_facts(struct roll_app *app, const struct roll_facts_options *options,
                              json_t **ret_facts) ROLL_CHECKED;

/* ---- between the files of it ---------------------------------------------------------------- */

/* So many targets of a rollout are told one by one; a fleet's others are counted. */
#define FACTS_MAX_TARGETS 50

/* Adds "events" to the rollouts of a stream, and the bands of its holds. */
struct roll_error *facts_add_events(struct roll_app *app, const char *stream, json_t *rollouts,
                                    json_t *bands) ROLL_CHECKED;
/* Adds the bands of the environment's freezes between two times. A plan that cannot be read has
 * none: status shows what is wrong with it. */
void facts_add_freezes(struct roll_app *app, const char *stream, int64_t from, int64_t to,
                       json_t *bands);
/* Adds "readiness": [{"version","state","since","checkedAt","live","goal","reasons"}] of the newest
 * releases that succeeded and were checked, and where drift was looked for in what is live,
 * "driftCheckedAt": the last time, "driftLooks": {"targets": how many were looked at (of 50 at
 * most), "unsure": of how many the answer is not known}. */
struct roll_error *facts_add_looks(struct roll_app *app, const char *stream, json_t *environment)
    ROLL_CHECKED;
/* facts_incident.c: adds "incident": the rollouts of the same trouble, and those that a rollback with its dependents took along.
 * ROLL_E_NOT_FOUND. */
struct roll_error *facts_add_incident(struct roll_app *app,
                                      const struct roll_facts_options *options,
                                      json_t *facts) ROLL_CHECKED;
/* Those in trouble stay; a page has no use for thousands of rows that say the same. */
void facts_shorten_targets(json_t *view);
/* Adds "durationMs" to one that has ended. */
void facts_add_duration(json_t *view);
/* The number in a rollout's name. */
int64_t facts_number(const json_t *view);
/* The member "text" of a rollout's time, or 0. */
int64_t facts_time(const json_t *view, const char *member);

#endif
