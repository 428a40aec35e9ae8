/* Does a plain value look like a credential? Values are never repeated: what comes back is a name
 * for what was seen. */
#ifndef ROLL_RELEASE_SECRET_SCAN_H
#define ROLL_RELEASE_SECRET_SCAN_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/base.h"

struct release_scanner;
struct release_scanner *release_scanner_new(void);
void release_scanner_free(struct release_scanner *scanner);
ROLL_AUTO_DEFINE(release_scanner, struct release_scanner, release_scanner_free)

/* "a connection string with a key", …; static, NULL when the text looks harmless. */
const char *release_scan_text(const struct release_scanner *scanner, const char *text, size_t size);
/* The same for every string inside a value. */
const char *release_scan_value(const struct release_scanner *scanner, const json_t *value);

#endif
