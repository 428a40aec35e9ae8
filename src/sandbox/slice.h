/* A part of strict JSON text as it stands there, so that no number is respelt. Private to the
 * module. */
#ifndef SANDBOX_SLICE_H
#define SANDBOX_SLICE_H

#include <stddef.h>

/* The text of the member that path (NULL-terminated, without regard to case) leads to, borrowed
 * from strict, which is valid minified JSON. NULL when it is not there. As in the reader, the last
 * of equal names counts. */
const char *sandbox_slice(const char *strict, const char *const *path, size_t *ret_size);

#endif
