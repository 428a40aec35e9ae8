/* A manifest, kept so that a fleet's takes little memory: its head as a value, its targets as
 * texts. */
#ifndef ROLL_RELEASE_BOOK_H
#define ROLL_RELEASE_BOOK_H

#include "release/internal.h"

struct release_book;
/* Of the recorded manifest `digest`, with that environment's targets apart; NULL: those of all. */
struct roll_error *release_book_read(struct roll_ledger *ledger, const char *digest,
                                     const char *environment, struct release_book **ret_book)
    ROLL_CHECKED;
/* Empty, without a head. */
struct release_book *release_book_new(void);
void release_book_free(struct release_book *book);
ROLL_AUTO_DEFINE(release_book, struct release_book, release_book_free)

/* A target's entry is kept as canonical text. */
struct roll_error *release_book_add(struct release_book *book, const char *environment,
                                    const char *target, const json_t *entry) ROLL_CHECKED;
/* The manifest without those targets. Borrowed; NULL when it was not read. */
const json_t *release_book_head(const struct release_book *book);
/* Names of an environment's targets (char *), in the manifest's order. Borrowed. */
const GPtrArray *release_book_names(const struct release_book *book, const char *environment);
/* The entry of a target, NULL when there is none. New reference. */
struct roll_error *release_book_entry(const struct release_book *book, const char *environment,
                                      const char *target, json_t **ret_entry) ROLL_CHECKED;
/* The same targets with the same entries? */
bool release_book_equals(const struct release_book *a, const struct release_book *b);
/* The canonical text of a manifest whose environments' targets are those of the book. */
struct roll_error *release_book_write(const struct release_book *book, const json_t *head,
                                      GString **ret_text) ROLL_CHECKED;

#endif
