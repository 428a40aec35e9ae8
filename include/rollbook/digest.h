/* SHA-256 as lower-case hex, and UUIDs made from it. */
#ifndef ROLLBOOK_DIGEST_H
#define ROLLBOOK_DIGEST_H

#include "rollbook/base.h"

#define ROLL_HEX_SIZE 65  /* 64 digits and NUL */
#define ROLL_UUID_SIZE 37 /* 36 characters and NUL */

/* Of size bytes; data may be NULL when size is 0. */
void roll_sha256_hex(const void *data, size_t size, char ret_hex[ROLL_HEX_SIZE]);

/* Incremental; roll_sha256_end frees the state. */
struct roll_sha256;
struct roll_sha256 *roll_sha256_begin(void);
void roll_sha256_add(struct roll_sha256 *state, const void *data, size_t size);
void roll_sha256_end(struct roll_sha256 *state, char ret_hex[ROLL_HEX_SIZE]);

bool roll_hex_is_digest(const char *text); /* exactly 64 lower-case hex digits */

/* A UUID (version 8, RFC 9562) from the first 16 bytes of SHA-256 of the parts, each followed by a NUL byte. The list
 * ends with NULL. The same parts give the same UUID everywhere. */
void roll_uuid_from(char ret_uuid[ROLL_UUID_SIZE], const char *part, ...)
    __attribute__((sentinel));

/* A random UUID, version 4. */
void roll_uuid_random(char ret_uuid[ROLL_UUID_SIZE]);
bool roll_uuid_is_valid(const char *text);

#endif
