/* What the fuzz targets share: libFuzzer's entry, checks that end the process, and texts in parts.
 */
#ifndef ROLLBOOK_TESTS_FUZZ_H
#define ROLLBOOK_TESTS_FUZZ_H

#include <glib.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/error.h"
#include "rollbook/json.h"

/* libFuzzer and the replaying driver call this with each input. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. The process ends here, so that the input is kept. */
#define FUZZ_CHECK(condition, ...)                                                                 \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fputc('\n', stderr);                                                                   \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* Did it succeed? Consumes the error, which must have a code and a message of its own. */
bool fuzz_ok(struct roll_error *err);

/* The same, for calls that cannot fail here. */
#define FUZZ_MUST(expression)                                                                      \
    do {                                                                                           \
        struct roll_error *must_ = (expression);                                                   \
        FUZZ_CHECK(!must_, "%s", must_ ? must_->message : "");                                     \
    } while (0)

/* Around an input: no error may be left alive, and it may take 5 seconds of the processor's time
 * (libFuzzer's -timeout measures the clock on the wall, which says little on a busy machine). */
void fuzz_begin(void);
void fuzz_end(void);

/* The parts of an input between lines of exactly `====`; GBytes each, at least one. */
GPtrArray *fuzz_parts(const uint8_t *data, size_t size);
/* A part's bytes; never NULL. Borrowed. */
const char *fuzz_part(const GPtrArray *parts, guint index, size_t *ret_size);

/* A part's bytes up to the first NUL, as text. Owned by the caller. */
char *fuzz_text(const uint8_t *data, size_t size);

/* What is written is strict, and reads as the same value. */
void fuzz_check_value(const json_t *value);

#endif
