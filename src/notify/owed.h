/* What is owed and has to be told: a part of what there is to tell. */
#ifndef ROLL_NOTIFY_OWED_H
#define ROLL_NOTIFY_OWED_H

#include "rollbook/notify.h"

/* Adds notices (struct roll_notice *, owned by the array) of what happened since then. */
struct roll_error *roll_notices_owed(struct roll_ledger *ledger, const char *stream,
                                     int64_t since_ms, int64_t now_ms,
                                     GPtrArray *notices) ROLL_CHECKED;

#endif
