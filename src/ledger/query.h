/* What the queries share. Private to the module. */
#ifndef ROLL_LEDGER_QUERY_H
#define ROLL_LEDGER_QUERY_H

#include "ledger/store.h"

/* The callback of whoever asks, for a function that roll_sql_each calls: fn points to a pointer to
 * a function of the row's own type. */
struct ledger_call {
    void *fn, *user;
};

#endif
