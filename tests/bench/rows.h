/* The table of numbers of DESIGN section 11: what each row is called, and what it may cost. */
#ifndef ROLL_BENCH_ROWS_H
#define ROLL_BENCH_ROWS_H

#include <stddef.h>

enum bench_bound {
    BENCH_AT_MOST,  /* so many times the floor's time */
    BENCH_AT_LEAST, /* this part of the floor's speed */
    BENCH_WITHIN,   /* so many seconds, whatever the floor */
    BENCH_MEMORY,   /* so many megabytes: the figure is no time */
    BENCH_FACTOR,   /* the figure is megabytes, the bound so many times what it is measured by */
    BENCH_FASTER,   /* the peer takes at least so many times this program's time */
};

struct bench_row_kind {
    const char *id, *what;
    enum bench_bound bound;
    double limit;
    double at_least_per_second; /* and so many things a second; 0 */
    const char *things;         /* what is counted; NULL: times are shown */
    const char *sized;          /* what the row's count is of, where sizes vary; NULL */
};

extern const struct bench_row_kind bench_rows[];
extern const size_t bench_row_count;

/* NULL: there is no such row. */
const struct bench_row_kind *bench_row_find(const char *id);

#endif
