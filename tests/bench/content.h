/* What the bench ledger's events name: templates, parameters, manifests, orders and results, all as
 * `roll release` and the choosers make them, so that status, log and back work on them. */
#ifndef ROLL_BENCH_CONTENT_H
#define ROLL_BENCH_CONTENT_H

#include "rollbook/release.h"
#include "shape.h"

struct bench_content;

/* template_path: an ARM template. cloud: as plans name it. Both are borrowed. */
struct bench_content *bench_content_new(const struct bench_shape *shape, const char *template_path,
                                        const char *cloud);
void bench_content_free(struct bench_content *content);

/* A release: its objects' digests, and the objects themselves. */
struct bench_release {
    int service, number;
    char *version, *commit;
    char *manifest, *tmpl;                     /* digests */
    GPtrArray *parameters[BENCH_ENVIRONMENTS]; /* digest of each target */
    GPtrArray *texts;                          /* of GString, each once */
};
/* Borrowed until the same service's release of another number is asked for. */
const struct bench_release *bench_content_release(struct bench_content *content, int service,
                                                  int number);

/* The order of a rollout, and what ARM answered for a target. Owned. */
GString *bench_content_order(struct bench_content *content, const struct bench_rollout *rollout);
GString *bench_content_result(struct bench_content *content, int service, int environment,
                              int target);

/* The plan that governs a service, its targets in a file of their own where they are many: writes
 * FOLDER/plans/SERVICE.json, and FOLDER/plans/stamps.json. */
void bench_content_plan(struct bench_content *content, int service, const char *folder);

#endif
