/* The bench ledger's shape: which services, environments and targets there are, and which rollouts
 * happened in which order. Everything follows from the number of events alone.
 *
 * Services shop-01 … and, as the last one, fleet, whose prod has a hundredth as many targets as
 * there are events. Each release goes to dev, staging and prod; now and then a prod is rolled back
 * or fails. */
#ifndef ROLL_BENCH_SHAPE_H
#define ROLL_BENCH_SHAPE_H

#include <glib.h>
#include <stdbool.h>

enum { BENCH_DEV, BENCH_STAGING, BENCH_PROD, BENCH_ENVIRONMENTS };
extern const char *const bench_environments[BENCH_ENVIRONMENTS];

enum bench_kind { BENCH_OUT, BENCH_OUT_AFTER_BACK, BENCH_BACK, BENCH_FAILED };

struct bench_rollout {
    int service, environment;
    enum bench_kind kind;
    int release;  /* the number of the release that it brings, from 1 */
    int from;     /* of the one that is live, 0 */
    int renewals; /* of the claim */
};

struct bench_shape {
    int64_t events;
    int services;      /* the last one is the fleet */
    int fleet_targets; /* of its prod */
    GArray *rollouts;  /* of struct bench_rollout, in order of time */
};

/* events: at least 1,000. */
void bench_shape_make(struct bench_shape *shape, int64_t events);
void bench_shape_clear(struct bench_shape *shape);

bool bench_is_fleet(const struct bench_shape *shape, int service);
int bench_targets(const struct bench_shape *shape, int service, int environment);

/* Owned. */
char *bench_service_name(const struct bench_shape *shape, int service);
char *bench_target_name(const struct bench_shape *shape, int service, int environment, int target);
char *bench_version(int release);

#endif
