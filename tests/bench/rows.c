#include "rows.h"

#include <string.h>

const struct bench_row_kind bench_rows[] = {
    {"start", "roll version, against curl --version", BENCH_AT_MOST, 1.2, 0, NULL, NULL},
    {"back", "roll back, key press to accepted PUT, against a curl PUT", BENCH_AT_MOST, 2, 0, NULL,
     NULL},
    {"status", "roll status, against curl --version", BENCH_AT_MOST, 2, 0, NULL, "events"},
    {"log", "roll log, against curl --version", BENCH_AT_MOST, 2, 0, NULL, "events"},
    {"dry-run", "roll back --dry-run, against curl --version", BENCH_AT_MOST, 2, 0, NULL, "events"},
    {"append", "durable append, against raw SQLite", BENCH_AT_LEAST, 0.60, 0, "events", NULL},
    {"group", "group commit, against raw SQLite", BENCH_AT_LEAST, 0.25, 25000, "events", NULL},
    {"verify-events", "verify, events, against SELECT line and SHA-256", BENCH_AT_LEAST, 0.50, 0,
     "events", NULL},
    {"verify-objects", "verify, objects, against SELECT data and SHA-256", BENCH_AT_LEAST, 0.90, 0,
     "objects", NULL},
    {"expand", "expand a template, median, against jansson's parse", BENCH_AT_MOST, 2.5, 0, NULL,
     NULL},
    {"expand-largest", "expand the largest template", BENCH_WITHIN, 0.015, 0, NULL, NULL},
    {"expand-copies", "expand 800 resources from copy loops", BENCH_WITHIN, 0.020, 0, NULL, NULL},
    {"expand-memory", "memory of an expansion, against input + 4 MB", BENCH_FACTOR, 20, 0, NULL,
     NULL},
    {"ready", "roll ready, 50 releases on 20 targets", BENCH_WITHIN, 5, 0, NULL, NULL},
    {"ready-counted", "roll ready, the same, requests counted as by ARM", BENCH_WITHIN, 5, 0, NULL,
     NULL},
    {"ready-again", "roll ready right after it: nothing is asked", BENCH_WITHIN, 1, 0, NULL, NULL},
    {"noticed", "completion noticed, from ARM's timestamp", BENCH_WITHIN, 1, 0, NULL, NULL},
    {"az", "roll back, against az by hand (export, show, create)", BENCH_FASTER, 60, 0, NULL, NULL},
    {"fleet-out", "fleet: out, new targets, 2 s operations", BENCH_WITHIN, 60, 0, NULL, "targets"},
    {"fleet-out-memory", "fleet: memory of that out", BENCH_MEMORY, 60, 0, NULL, NULL},
    {"fleet-back", "fleet: back, 2 s operations", BENCH_WITHIN, 60, 0, NULL, "targets"},
    {"fleet-back-memory", "fleet: memory of that back", BENCH_MEMORY, 60, 0, NULL, NULL},
    {"fleet-buckets", "fleet: out, 2 subscriptions, ARM's buckets", BENCH_WITHIN, 42, 0, NULL,
     "targets"},
};
const size_t bench_row_count = sizeof bench_rows / sizeof *bench_rows;

const struct bench_row_kind *bench_row_find(const char *id)
{
    for (size_t i = 0; i < bench_row_count; i++)
        if (strcmp(bench_rows[i].id, id) == 0)
            return &bench_rows[i];
    return NULL;
}
