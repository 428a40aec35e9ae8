/* A fixture: one empty ledger for each test. */
#ifndef ROLLBOOK_TESTS_LEDGER_ONE_H
#define ROLLBOOK_TESTS_LEDGER_ONE_H

#include "ledger_tools.h"

#define PROD "shop/prod" /* the stream of most tests */

static struct place place;
static struct roll_ledger *ledger;

static inline void setup(void)
{
    place = place_make();
    ledger = place_open(&place, ROLL_LEDGER_CREATE);
}

static inline void teardown(void)
{
    check_rebuild(ledger);
    roll_ledger_close(ledger);
    place_remove(&place);
}

#endif
