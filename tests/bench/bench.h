/* What the benchmark programs share: a clock, samples, and the line that a
 * measured row is written as. Linked into programs below tests/bench only. */
#ifndef ROLL_BENCH_H
#define ROLL_BENCH_H

#include <glib.h>

#include "rollbook/error.h"

/* Seconds that one piece of work took, several times over. */
struct bench_samples {
    GArray *seconds; /* of double */
};

void bench_samples_init(struct bench_samples *samples);
void bench_samples_clear(struct bench_samples *samples);
void bench_samples_add(struct bench_samples *samples, double seconds);
double bench_samples_min(const struct bench_samples *samples);
double bench_samples_median(const struct bench_samples *samples);

/* Seconds of the monotonic clock. */
double bench_now(void);
/* Seconds of processors that this process took: for work that waits for nothing, so that others on
 * the machine hardly change it. */
double bench_busy(void);

/* One line of JSON on stdout, for bench-report: the row's id (report.h), how
 * many things each sample did, this program's times and the floor's. floor may
 * be NULL: the bound is absolute. ratio: 0, or what counts instead of the ratio
 * of the medians. */
void bench_row(const char *id, int64_t count, const struct bench_samples *figure,
               const struct bench_samples *floor, double ratio);

/* Ends the program with 1 and the error's words. NULL: goes on. */
void bench_ok(struct roll_error *err);

/* Removes FOLDER/state with all that lies in it, if it is there. */
void bench_remove_state(const char *folder);

#endif
