/* The rooms of the SARIF gate: sarif.c counts what was found, sarif_origin.c asks what was looked
 * at. */
#ifndef ROLL_POLICY_SARIF_H
#define ROLL_POLICY_SARIF_H

#include "rollbook/policy.h"

/* The first reason not to believe a report is kept. */
void sarif_doubt(GString *problem, const char *format, ...) ROLL_PRINTF(2, 3);

/* Zeroed but for the first two. */
struct sarif_origin {
    const struct roll_sarif_options *options;
    GString *problem;
    GPtrArray *seen; /* digests that a run looked at; borrowed from the report */
};

/* What one run says that it looked at must be of this release. run is borrowed until the end. */
void sarif_origin_see(struct sarif_origin *origin, const json_t *run, const char *tool);
/* After the last run. */
void sarif_origin_end(struct sarif_origin *origin);

#endif
