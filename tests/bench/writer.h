/* From the shape and its content to events in a ledger, many in one append. */
#ifndef ROLL_BENCH_WRITER_H
#define ROLL_BENCH_WRITER_H

#include "content.h"
#include "rollbook/ledger.h"

/* Appends all releases and rollouts of the shape. Ends the program when that fails. */
void bench_write(struct roll_ledger *ledger, const struct bench_shape *shape,
                 struct bench_content *content);

#endif
