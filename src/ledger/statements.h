/* The statements of state/ledger.sql, as an enum and an array. Private to ledger. */
#ifndef ROLLBOOK_LEDGER_STATEMENTS_H
#define ROLLBOOK_LEDGER_STATEMENTS_H

#include "ledger_sql.h"

/* Its use here keeps the array from being an unused variable in files that only need the enum. */
static inline const struct roll_sql_text *roll_ledger_statements(void)
{
    return ledger_statements;
}

#endif
