/* What the files of ledger share: the open ledger and the writer of one stream. Private to ledger.
 */
#ifndef ROLLBOOK_LEDGER_STORE_H
#define ROLLBOOK_LEDGER_STORE_H

#include "ledger/fold.h"
#include "ledger/statements.h"
#include "rollbook/ledger.h"

#define ROLL_LEDGER_VERSION 11             /* user_version: how many schema_N scripts have run */
#define ROLL_LEDGER_APPLICATION 0x526F6C6C /* application_id: "Roll" */
#define ROLL_OBJECT_MAX (64u << 20)

struct roll_ledger {
    struct roll_sql *sql;
    char *dir;
    char *path;
    enum roll_ledger_mode mode;
    bool writable;
    bool stale; /* some stream was folded by other rules */
    bool aside; /* appends go to side streams: the store is out of reach */
    bool sides; /* side streams of this replica are there */
    const struct roll_publisher *publisher; /* borrowed, or NULL */
    char id[ROLL_UUID_SIZE], replica[ROLL_UUID_SIZE];
};

/* Tables of the newest version into an empty database. */
struct roll_error *roll_ledger_schema(struct roll_sql *sql) ROLL_CHECKED;

/* Gives a ledger that was opened for reading a connection that can write (migrations, folding
 * again). */
struct roll_error *roll_ledger_make_writable(struct roll_ledger *ledger) ROLL_CHECKED;

/* Row id and rules' version of a stream; id 0 when there is none. */
struct roll_error *roll_stream_find(struct roll_ledger *ledger, const char *name, int64_t *ret_id,
                                    int64_t *ret_projection) ROLL_CHECKED;

/* Folds again what was folded by other rules: one stream, or all (NULL). Outside a transaction.
 * Cheap when nothing is stale. */
struct roll_error *roll_ledger_freshen(struct roll_ledger *ledger, const char *stream) ROLL_CHECKED;

/* Folds all events of a stream into empty projections of `into`, which may be another connection
 * with the same stream ids. */
struct roll_error *roll_stream_fold(struct roll_ledger *ledger, struct roll_sql *into, int64_t id,
                                    const char *name) ROLL_CHECKED;
/* Adds the projections of a stream, row by row, to a digest. */
struct roll_error *roll_stream_dump(struct roll_sql *sql, int64_t id, struct roll_sha256 *digest)
    ROLL_CHECKED;

/* Streams in order of name. */
struct roll_stream {
    int64_t id;
    char *name;
    int64_t projection;
};
/* GPtrArray of struct roll_stream, owned; freed with g_ptr_array_unref. */
struct roll_error *roll_stream_list(struct roll_ledger *ledger, GPtrArray **ret_streams)
    ROLL_CHECKED;

/* The stream's own head, without what stands aside. */
struct roll_error *roll_stream_head(struct roll_ledger *ledger, int64_t id,
                                    struct roll_head *ret_head, int64_t *ret_at) ROLL_CHECKED;
/* The stream is folded again before it is looked at the next time. Inside a transaction. */
struct roll_error *roll_stream_make_stale(struct roll_ledger *ledger, int64_t id) ROLL_CHECKED;
/* Events of one stream as they are, without splices. */
struct roll_error *roll_stream_read(struct roll_ledger *ledger, int64_t id, const char *stream,
                                    int64_t from, roll_event_fn fn, void *user) ROLL_CHECKED;

/* ---- side streams (side.c) ------------------------------------------------------------------- */

/* The side stream of this replica beside a main one. */
struct roll_side {
    char *name;            /* owned */
    int64_t id;            /* 0: no event yet */
    int64_t base;          /* its event k is number base + k in the main stream's course */
    struct roll_head head; /* its own */
    int64_t joined;        /* events up to here are spliced in */
};
struct roll_error *roll_side_load(struct roll_ledger *ledger, const char *stream,
                                  struct roll_side *ret_side) ROLL_CHECKED;
void roll_side_clear(struct roll_side *side);
/* Whether this replica wrote it. */
bool roll_side_is_own(const struct roll_ledger *ledger, const char *stream);
int64_t roll_side_base(const char *side);
/* shop/prod of shop/prod~1a2b3c4d. Owned. */
char *roll_side_main(const char *side);
/* Where a part of a side stream was spliced into its main stream. */
struct roll_join {
    int64_t seq; /* of the event in the main stream */
    char *side, *head;
    int64_t side_seq;
    bool beside; /* reconciled: the main stream had moved on */
};
/* Those of the main stream with this id, in order: struct roll_join, owned. */
struct roll_error *roll_joins_load(struct roll_ledger *ledger, int64_t id, GArray **ret_joins)
    ROLL_CHECKED;
/* Up to which of its events a side stream was spliced in before the main stream's event seq. */
int64_t roll_joins_before(const GArray *joins, const char *side, int64_t seq);

/* ---- the course (course.c) ------------------------------------------------------------------- */

/* The course of a main stream: its events, with side streams where they were spliced in, and what
 * of this replica's own is not yet spliced in at the end. */
struct roll_error *roll_course_read(struct roll_ledger *ledger, int64_t id, const char *stream,
                                    int64_t from, roll_event_fn fn, void *user) ROLL_CHECKED;
/* The event that a number of a side stream means; its stream and number as in the course. */
struct roll_error *roll_course_event(struct roll_ledger *ledger, const char *stream, int64_t number,
                                     struct roll_event **ret_event) ROLL_CHECKED;

struct roll_writer;

/* ---- with the shared store (publish.c) ------------------------------------------------------- */

/* What roll_ledger_append was asked for. */
struct roll_append {
    const struct roll_actor *actor;
    int64_t at;
    const struct roll_expect *expects;
    size_t n_expects;
    const struct roll_draft *drafts;
    size_t n_drafts;
    const struct roll_object *objects;
    size_t n_objects;
    struct roll_head *ret_heads;
    bool behind; /* the store follows: roll_ledger_append_behind */
};
/* Opens a writer for each of expects and compares their heads. writers: n_expects, freed by the
 * caller in any case. */
struct roll_error *roll_append_check(struct roll_ledger *ledger, const struct roll_append *append,
                                     struct roll_writer **writers) ROLL_CHECKED;
struct roll_error *roll_append_drafts(struct roll_ledger *ledger, const struct roll_append *append,
                                      struct roll_writer *const *writers) ROLL_CHECKED;
struct roll_error *roll_append_here(struct roll_ledger *ledger, const struct roll_append *append)
    ROLL_CHECKED;
struct roll_error *roll_append_go_after(struct roll_ledger *ledger,
                                        const struct roll_expect *expects, size_t n_expects)
    ROLL_CHECKED;
struct roll_error *roll_append_aside(struct roll_ledger *ledger, const struct roll_append *append)
    ROLL_CHECKED;
struct roll_error *roll_append_published(struct roll_ledger *ledger,
                                         const struct roll_append *append) ROLL_CHECKED;

/* ---- what the store does not have yet (pending.c) -------------------------------------------- */

/* The event seq waits for the store. */
struct roll_error *roll_pending_has(struct roll_ledger *ledger, int64_t stream, int64_t seq,
                                    bool *ret_has) ROLL_CHECKED;
struct roll_error *roll_pending_add(struct roll_ledger *ledger, int64_t stream, int64_t seq)
    ROLL_CHECKED;
/* Takes out what waits, from seq on, which must wait: its place was taken. *ret_events: owned
 * struct roll_event *, for roll_pending_put_back. Inside a transaction. */
struct roll_error *roll_pending_take_out(struct roll_writer *writer, int64_t seq,
                                         GPtrArray **ret_events) ROLL_CHECKED;
/* Behind the head that the writer has now. */
struct roll_error *roll_pending_put_back(struct roll_writer *writer, const GPtrArray *events)
    ROLL_CHECKED;

/* Stores an object that is not there; ROLL_E_REFUSED when it was redacted. Inside a transaction. */
struct roll_error *roll_object_store(struct roll_ledger *ledger, const void *data, size_t size,
                                     char ret_digest[ROLL_HEX_SIZE]) ROLL_CHECKED;
struct roll_error *roll_object_there(struct roll_ledger *ledger, const char *digest,
                                     bool *ret_there) ROLL_CHECKED;
/* Makes a tombstone of an object, also of one that is not there; with secure_delete, so that the
 * bytes are gone. No error when it is one already. Inside a transaction; roll_ledger_truncate after
 * its commit. */
struct roll_error *roll_object_bury(struct roll_ledger *ledger, const char *digest) ROLL_CHECKED;
struct roll_error *roll_ledger_truncate(struct roll_ledger *ledger) ROLL_CHECKED;

/* ---- writing a stream ------------------------------------------------------------------------ */

struct roll_writer {
    struct roll_ledger *ledger;
    char *name;
    int64_t id; /* 0: no event yet */
    struct roll_head head;
    int64_t at;   /* of the head, 0 */
    bool folds;   /* its projections are current, and are kept so */
    bool folding; /* fold was begun */
    bool waits;   /* what is added waits for the store */
    bool beside;  /* events of this replica's side stream stand behind its head */
    int64_t base; /* a side stream of this replica: added to its numbers, 0 else */
    int64_t fold_id;
    char *fold_name; /* whose projections are kept: its own, or its main stream's */
    struct roll_fold fold;
    GPtrArray *added; /* of struct roll_added, when what is written is wanted; or NULL */
};

struct roll_added {
    char *stream;
    GString *line;
    struct roll_head before, after;
};

/* Inside a write transaction, until roll_writer_free. */
struct roll_error *roll_writer_open(struct roll_ledger *ledger, const char *stream,
                                    struct roll_writer **ret_writer) ROLL_CHECKED;
/* Stores an event that follows the head; line has the bytes of event. */
struct roll_error *roll_writer_add(struct roll_writer *writer, const struct roll_event *event,
                                   const GString *line) ROLL_CHECKED;
/* Composes an event behind the head and stores it. at is raised to the head's. */
struct roll_error *roll_writer_say(struct roll_writer *writer, const struct roll_actor *actor,
                                   int64_t at, enum roll_event_kind kind, const void *body)
    ROLL_CHECKED;
struct roll_error *roll_writer_flush(struct roll_writer *writer) ROLL_CHECKED;
void roll_writer_free(struct roll_writer *writer);
ROLL_AUTO_DEFINE(writer, struct roll_writer, roll_writer_free)

#endif
