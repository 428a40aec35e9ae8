/* A secret that is wiped when it is freed and never formatted. */
#ifndef ROLLBOOK_SECRET_H
#define ROLLBOOK_SECRET_H

#include "rollbook/base.h"

struct roll_secret;

struct roll_secret *roll_secret_new(const char *text, size_t size); /* copies; locked memory where allowed */
struct roll_secret *roll_secret_ref(struct roll_secret *secret);
void roll_secret_free(struct roll_secret *secret);
ROLL_AUTO_DEFINE(secret, struct roll_secret, roll_secret_free)

/* Borrowed until the secret is freed; NUL-terminated. Only for the code that sends it. */
const char *roll_secret_reveal(const struct roll_secret *secret);
size_t roll_secret_size(const struct roll_secret *secret);

/* Overwrites with zeros, which no compiler may leave out. */
void roll_wipe(void *memory, size_t size);

#endif
