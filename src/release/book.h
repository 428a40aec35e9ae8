/* A recorded manifest, read so that a fleet's takes little memory. */
#ifndef ROLL_RELEASE_BOOK_H
#define ROLL_RELEASE_BOOK_H

#include "release/internal.h"

struct release_book;
/* Of the manifest `digest`, with that environment's targets apart. */
struct roll_error *release_book_read(struct roll_ledger *ledger, const char *digest,
                                     const char *environment, struct release_book **ret_book)
    ROLL_CHECKED;
void release_book_free(struct release_book *book);
ROLL_AUTO_DEFINE(release_book, struct release_book, release_book_free)

/* The manifest without that environment's targets. Borrowed. */
const json_t *release_book_head(const struct release_book *book);
/* Names of that environment's targets (char *), in the manifest's order. Borrowed. */
const GPtrArray *release_book_names(const struct release_book *book);
/* The recorded entry of a target, NULL when the release has none. New reference. */
struct roll_error *release_book_entry(const struct release_book *book, const char *target,
                                      json_t **ret_entry) ROLL_CHECKED;

#endif
