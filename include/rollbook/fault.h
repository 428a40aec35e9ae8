/* Fault points for tests: ROLL_FAULT=after-intent:2:kill ends the process at the second pass.
 *
 * Actions: kill (SIGKILL to itself), error (roll_fault returns true), stop (SIGSTOP). Several, separated by commas.
 * Compiled to nothing without ROLL_TESTING. */
#ifndef ROLLBOOK_FAULT_H
#define ROLLBOOK_FAULT_H

#include "rollbook/base.h"

#ifdef ROLL_TESTING
/* True when the caller has to fail here. */
bool roll_fault(const char *point);
#else
static inline bool roll_fault(const char *point)
{
    (void)point;
    return false;
}
#endif

#endif
