/* What was measured, as bench-report reads, judges and shows it. */
#ifndef ROLL_BENCH_REPORT_H
#define ROLL_BENCH_REPORT_H

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench.h"
#include "rows.h"

struct figure {
    double median, min; /* seconds or megabytes */
    int runs;           /* 0: there is none */
};

/* A row of the table; one with sizes is there once for each size. */
struct measured {
    const struct bench_row_kind *kind;
    int64_t count;
    struct bench_samples times[2]; /* of hyperfine: floor, this program */
    struct bench_samples busy[2];  /* their seconds of processors, a mean for each round */
    struct figure figure, floor;
    double ratio, best; /* of the medians, of the minima; 0: no floor */
    double busy_ratio;  /* of the processors' seconds; 0: not known */
    double fixed_ratio; /* given by the program that measured, or 0 */
    char *missing;      /* why it was not measured; NULL: it was */
};

struct growth_point {
    double size, seconds;
};

/* How a command's time grows with the number of something. */
struct growth {
    char *what, *of;
    GArray *points; /* of struct growth_point, the sizes growing; at least two */
    double times;   /* by how much the last size takes more than the one before it */
    double allowed; /* by n log n */
    double exponent;
};

struct report {
    GPtrArray *rows;   /* of struct measured, in the order of bench_rows */
    GPtrArray *growth; /* of struct growth */
};

/* Reads a file of results (bench_report_main.c says which there are); ends the program where it
 * cannot be read. */
void report_read(struct report *report, const char *path);
/* After the last file: ratios, and the order of rows. */
void report_sum_up(struct report *report);

bool report_is_good(const struct measured *row);
bool report_is_noisy(const struct measured *row);
bool report_grows_well(const struct growth *growth);

/* "roll status, …, 1,000,000 events" */
char *report_title(const struct measured *row);
/* "at most 2.0 x" */
char *report_bound(const struct bench_row_kind *kind);

void report_print(const struct report *report);
/* {rows, growth}, owned. */
json_t *report_json(const struct report *report);

#endif
