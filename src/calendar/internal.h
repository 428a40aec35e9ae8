/* What the files of calendar share. */
#ifndef ROLLBOOK_CALENDAR_INTERNAL_H
#define ROLLBOOK_CALENDAR_INTERNAL_H

#include "rollbook/calendar.h"

#define ROLL_CALENDAR_FIRST_MS INT64_C(0)               /* 1970-01-01 */
#define ROLL_CALENDAR_LAST_MS INT64_C(221845392000000)  /* 9000-01-01 */

static inline int64_t roll_floor_div(int64_t value, int64_t by)
{
    int64_t quotient = value / by;
    return value % by < 0 ? quotient - 1 : quotient;
}

#endif
