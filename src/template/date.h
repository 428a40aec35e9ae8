/* Moments and their text, shared by functions_date.c (writing, the functions) and date_read.c. */
#ifndef ROLL_TEMPLATE_DATE_H
#define ROLL_TEMPLATE_DATE_H

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define TICKS 10000000 /* a second's */

struct moment {
    gint64 seconds;
    int ticks;
};

struct civil {
    gint64 year;
    int month, day, hour, minute, second, weekday; /* Sunday is 0 */
};

/* English, from January and from Sunday. */
extern const char *const date_months[12];
extern const char *const date_days[7];

/* ISO 8601 and what utcNow and dateTimeAdd write in their standard formats; no zone means UTC.
 * False: it is no such text, *moment is undefined. */
bool date_read(const char *text, struct moment *moment);

/* [-]PnYnMnDTnHnMn.nS; a year is 365 days, a month 30. False as above. */
bool date_read_duration(const char *text, struct moment *duration);

#endif
