/* What the parts of verifying share: events (verify_events.c), objects (verify_objects.c), layout
 * and projections (verify_tables.c); verify.c is the whole. */
#ifndef ROLL_LEDGER_VERIFY_H
#define ROLL_LEDGER_VERIFY_H

#include "ledger/store.h"

struct chain {
    const char *name; /* borrowed from streams */
    int64_t seq;
    char hash[ROLL_HEX_SIZE];
};

struct verify {
    struct roll_ledger *ledger;
    GPtrArray *streams; /* struct roll_stream */
    GHashTable *chains; /* id → struct chain */
    struct chain *last; /* of the last row: events of one stream mostly follow one another */
    int64_t last_id;
    GHashTable *objects; /* digest → row id of every object, tombstones too: asked for one by one
                            they would be read in no order, which costs as much as all else */
    GStringChunk *digests;            /* the keys */
    GPtrArray *gone;                  /* borrowed digests of the tombstones */
    int64_t indexed;                  /* objects that their index names … */
    char last_indexed[ROLL_HEX_SIZE]; /* … in order, the last one */
    GHashTable *redacted;             /* digests that events call redacted */
    GString *tail;
    const char *wanted; /* a hash that must be there, or NULL */
    char *wanted_place; /* STREAM@SEQ, or NULL */
    bool wanted_found;
    struct roll_verify_report report;
};

/* Takes down what is wrong; only the first finding counts. */
void roll_verify_finding(struct verify *verify, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* Calls `check` with one row of the statement after the other, until the end or the first finding.
 */
struct roll_error *roll_verify_each(struct verify *verify, int statement,
                                    struct roll_error *(*check)(struct verify *,
                                                                struct roll_sql_stmt *));

/* The chain of each stream, line by line, and that the index has every event; what redactions name
 * is gathered. The objects were looked at before. */
struct roll_error *roll_verify_events(struct verify *verify);

/* Every object has its digest; they are found through their index: it must lead to each of them,
 * and to nothing else. */
struct roll_error *roll_verify_objects(struct verify *verify);

/* A digest is as good as random already; its length was looked at. */
guint roll_verify_digest_hash(gconstpointer digest);

/* What has no content was redacted by an event; after both were looked at. */
void roll_verify_gone(struct verify *verify);

/* The file's layout is the one that this program makes; with `projections` the projections are what
 * the events say. */
struct roll_error *roll_verify_tables(struct verify *verify, bool projections);

#endif
