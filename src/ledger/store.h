/* What the files of ledger share: the open ledger and the writer of one stream. Private to ledger.
 */
#ifndef ROLLBOOK_LEDGER_STORE_H
#define ROLLBOOK_LEDGER_STORE_H

#include "ledger/fold.h"
#include "ledger/statements.h"
#include "rollbook/ledger.h"

#define ROLL_LEDGER_VERSION 3              /* user_version: how many schema_N scripts have run */
#define ROLL_LEDGER_APPLICATION 0x526F6C6C /* application_id: "Roll" */
#define ROLL_OBJECT_MAX (64u << 20)

struct roll_ledger {
    struct roll_sql *sql;
    char *dir;
    char *path;
    enum roll_ledger_mode mode;
    bool writable;
    bool stale; /* some stream was folded by other rules */
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
struct roll_error *roll_stream_clear(struct roll_sql *sql, int64_t id) ROLL_CHECKED;
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
    struct roll_fold fold;
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
