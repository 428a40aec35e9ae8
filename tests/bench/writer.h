/* From the shape and its content to a workspace: plans, and events in a ledger, many in one append.
 */
#ifndef ROLL_BENCH_WRITER_H
#define ROLL_BENCH_WRITER_H

#include <glib.h>

/* Makes FOLDER, which must have no ledger yet, a workspace with plans and a ledger of so many
 * events. Ends the program when that fails. */
void bench_workspace_make(const char *folder, int64_t events, const char *cloud);

#endif
