/* The rooms of a gate's evaluation: gate.c begins and ends it, and runs commands and asks
 * addresses; gate_report.c reads scan reports. */
#ifndef ROLL_ROLLOUT_GATE_H
#define ROLL_ROLLOUT_GATE_H

#include "rollbook/http.h"
#include "rollbook/rollout.h"

struct roll_gate_evaluation {
    struct roll_gate_options options;
    roll_gate_fn fn;
    void *user;
    char *stream, *gate; /* owned */
    struct roll_event *request;
    const struct roll_rollout_requested *body;
    json_t *plan, *runs; /* owned */
    json_t *scripts;     /* that its commands ran, or NULL; owned */
    const json_t *rule;  /* of the gate, in plan */
    char *commit;        /* or NULL */
    bool inherited;      /* the commit is that of the release that this one was made from */
    GPtrArray *digests;  /* of the release's artifacts, owned texts, ends with NULL */
    GPtrArray *changed;  /* inherited: those that are not of that release; likewise */
    GPtrArray *targets;  /* names, owned; one for each run; NULL in it: none */
    guint at;            /* in targets */
    size_t kept;         /* bytes of output in runs */
    int64_t timeout_ms;
    unsigned timer;              /* of its start, 0: it has */
    struct roll_http_call *call; /* under way, or NULL */
};

const char *gate_service(const struct roll_gate_evaluation *evaluation);
/* {service}, {environment}, {version}, {commit}, {target}. */
struct roll_error *gate_fill(const struct roll_gate_evaluation *evaluation, const char *pattern,
                             char **ret_text) ROLL_CHECKED;

/* Commit and artifacts of what is rolled out. */
struct roll_error *gate_load_release(struct roll_gate_evaluation *evaluation) ROLL_CHECKED;
/* As roll_sarif_judge; what was found is added to runs. */
struct roll_error *gate_judge_report(struct roll_gate_evaluation *evaluation,
                                     const char **ret_verdict, char **ret_summary) ROLL_CHECKED;

#endif
