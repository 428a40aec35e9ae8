#include "rows.h"

const struct bench_row_kind bench_rows[] = {
    {"start", "program start, against curl --version", BENCH_AT_MOST, 1.2, 0, NULL},
    {"back", "roll back, key press to accepted PUT, against a curl PUT", BENCH_AT_MOST, 2, 0, NULL},
    {"status", "roll status, against curl --version", BENCH_AT_MOST, 2, 0, NULL},
    {"log", "roll log, against curl --version", BENCH_AT_MOST, 2, 0, NULL},
    {"dry-run", "roll back --dry-run, against curl --version", BENCH_AT_MOST, 2, 0, NULL},
    {"append", "durable append, against raw SQLite", BENCH_AT_LEAST, 0.60, 0, "events"},
    {"group", "group commit, against raw SQLite", BENCH_AT_LEAST, 0.25, 25000, "events"},
    {"verify-events", "verify, events, against SELECT line and SHA-256", BENCH_AT_LEAST, 0.50, 0,
     "events"},
    {"verify-objects", "verify, objects, against SELECT data and SHA-256", BENCH_AT_LEAST, 0.90, 0,
     "objects"},
    {"expand", "expand a template, median, against jansson's parse", BENCH_AT_MOST, 2.5, 0, NULL},
    {"expand-largest", "expand the largest template", BENCH_WITHIN, 0.015, 0, NULL},
    {"expand-copies", "expand 800 resources from copy loops", BENCH_WITHIN, 0.020, 0, NULL},
    {"ready", "roll ready, 50 releases on 20 targets", BENCH_WITHIN, 5, 0, NULL},
    {"ready-counted", "roll ready, the same, requests counted as by ARM", BENCH_WITHIN, 5, 0, NULL},
    {"ready-again", "roll ready right after it: nothing is asked", BENCH_WITHIN, 1, 0, NULL},
};
const size_t bench_row_count = sizeof bench_rows / sizeof *bench_rows;
