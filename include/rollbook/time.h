/* Times are milliseconds since 1970-01-01 UTC (wall) or since boot (sleep counts). No other unit travels.
 *
 * With ROLL_TESTING, ROLL_TEST_NOW=2026-01-01T00:00:00Z sets the wall clock of the process at its start; it runs on
 * from there. The boot clock is never faked. Installed binaries ignore it. */
#ifndef ROLLBOOK_TIME_H
#define ROLLBOOK_TIME_H

#include <glib.h>

#include "rollbook/error.h"

#define ROLL_TIME_SIZE 25 /* 2026-11-21T09:30:00.123Z and NUL */

int64_t roll_now_ms(void);
int64_t roll_boot_ms(void); /* CLOCK_BOOTTIME */

/* RFC 3339 UTC with milliseconds, `…:00.123Z`; without them when they are zero. */
void roll_time_format(int64_t unix_ms, char ret_text[ROLL_TIME_SIZE]);

/* As HTTP has dates: `Sun, 22 Nov 2026 07:18:55 GMT`, in no locale. Owned. */
char *roll_time_http(int64_t unix_ms);

/* RFC 3339 with Z or offset, up to nine fractional digits (truncated to ms). ROLL_E_INVALID. */
struct roll_error *roll_time_parse(const char *text, int64_t *ret_unix_ms) ROLL_CHECKED;

/* `2s`, `10m`, `1h`, `3d`, or ISO 8601 (`PT2S`, `P1DT12H`, fractions of seconds; no years or months). ROLL_E_INVALID. */
struct roll_error *roll_duration_parse(const char *text, int64_t *ret_ms) ROLL_CHECKED;

/* For people: `0.4 s`, `38 s`, `4 min 10 s`, `2 h 5 min`, `3 d 4 h`. Appends. */
void roll_duration_write(int64_t ms, GString *out);

#endif
