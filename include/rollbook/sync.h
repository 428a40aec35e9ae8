/* The shared ledger: a team's one ledger in Azure Blob Storage, and this machine's replica of it (DESIGN section 4).
 *
 * Layout below the prefix `key`: `ledger` names the ledger; `streams/STREAM/000001.jsonl` … are append blobs with the events of
 * a stream as lines of `roll ledger export`, 40,000 events in each, so that every replica knows from a sequence number where
 * its event is; `objects/DIGEST` are block blobs, written once.
 *
 * Calls block on a loop of their own. What the store says is verified before it is believed: exact bytes, hashes, chain,
 * and that what was seen earlier is still there. */
#ifndef ROLLBOOK_SYNC_H
#define ROLLBOOK_SYNC_H

#include "rollbook/ledger.h"
#include "rollbook/plan.h"

#define ROLL_SYNC_SEGMENT 40000        /* events of a segment: fewer than the 50,000 blocks that a blob takes */
#define ROLL_SYNC_EMERGENCY_MS 2000    /* how long the store is waited for when it hurries */

struct roll_sync;

/* store is borrowed. The way to prove who asks: a token when the store says so; else ARM_ACCESS_KEY, else ARM_SAS_TOKEN, else a
 * token. Nothing is asked yet. ROLL_E_INVALID. */
struct roll_error *roll_sync_new(const struct roll_store *store, struct roll_sync **ret_sync) ROLL_CHECKED;
void roll_sync_free(struct roll_sync *sync);
ROLL_AUTO_DEFINE(sync, struct roll_sync, roll_sync_free)

/* ACCOUNT/CONTAINER/KEY. Borrowed. */
const char *roll_sync_name(const struct roll_sync *sync);

/* Makes the container; *ret_made false: it was there. ledger (or NULL): a replica that knows a shared ledger makes none in place
 * of one that was deleted (ROLL_E_DAMAGED), nor under another name (ROLL_E_CONFLICT), unless it replaces: then it forgets the
 * old one, and the next push uploads all that it has; the store must be empty then (ROLL_E_CONFLICT). */
struct roll_error *roll_sync_init_store(struct roll_sync *sync, struct roll_ledger *ledger, bool replace, bool *ret_made) ROLL_CHECKED;

/* Whether the replica can be acted on: it has something, and all that the store had when it was last pulled. A first pull that
 * was cut off leaves a part. ledger NULL: no. */
struct roll_error *roll_sync_knows(struct roll_ledger *ledger, bool *ret_knows) ROLL_CHECKED;

/* In a hurry a failure is told at once, and everything together takes at most ROLL_SYNC_EMERGENCY_MS from now; until that is
 * taken back. */
void roll_sync_hurry(struct roll_sync *sync, bool hurry);
/* Is it an error that says nothing of what the store holds, so that in an emergency one may go on without it? */
bool roll_sync_is_absent(const struct roll_error *err);

struct roll_sync_report {
    int64_t pulled, pushed; /* events */
    int64_t objects;        /* pulled and pushed */
    int64_t joined;         /* side streams */
    int64_t repaired;       /* objects that the store had lost, and has again */
    int64_t requests;       /* since the sync was made */
    bool empty;             /* the last pull found nothing at all: a new store, or another than was meant */
};
/* Everything that the store has and the ledger lacks. Errors: ROLL_E_DAMAGED when the store was cut, emptied or restored from an
 * older copy, or its bytes do not verify; ROLL_E_CONFLICT when it holds another history or another ledger; the ledger keeps what
 * it had, and what was verified before. ROLL_E_NOT_FOUND: no such container. report may be NULL; it is added to. */
struct roll_error *roll_sync_pull(struct roll_sync *sync, struct roll_ledger *ledger, struct roll_sync_report *report) ROLL_CHECKED;
/* What was pulled is told when all of it is in the ledger: approvals, whose signatures only a module above can judge. */
typedef void (*roll_pulled_fn)(void *user, const struct roll_event *approval);
void roll_sync_on_approval(struct roll_sync *sync, roll_pulled_fn fn, void *user);
/* Everything that the ledger has and the store lacks: a first upload, and side streams, which are joined to their main streams
 * by an event. Pull first. ROLL_E_CONFLICT: somebody was faster. */
struct roll_error *roll_sync_push(struct roll_sync *sync, struct roll_ledger *ledger, const struct roll_actor *actor,
                                  struct roll_sync_report *report) ROLL_CHECKED;

/* Puts back the objects that the store lacks and the ledger has. Pull first. Costs a request for each 5,000 objects. */
struct roll_error *roll_sync_repair(struct roll_sync *sync, struct roll_ledger *ledger, struct roll_sync_report *report) ROLL_CHECKED;

/* From now on an append of the ledger counts when the store has it. may_go_aside: when the store is out of reach, the
 * ledger goes on in its side streams, and the append that met it is a ROLL_E_CONFLICT: decide again. Ends with roll_sync_free. */
void roll_sync_attach(struct roll_sync *sync, struct roll_ledger *ledger, bool may_go_aside);

/* The last pull was refused to a SAS that lacks the right to read or list, and may be good for writing all the same. */
bool roll_sync_only_writes(const struct roll_sync *sync);

/* Reads the whole store, verifies it, and compares it with the ledger. */
struct roll_sync_comparison {
    char *parted;          /* a line for each stream that the store has cut or replaced; owned, or NULL */
    int64_t lost;          /* objects that the ledger has and the store has lost; the rest was not compared then */
    bool empty;            /* the store holds nothing; the same */
    int64_t behind, ahead; /* events that only the store has, and that were not pushed yet */
};
struct roll_error *roll_sync_compare(struct roll_sync *sync, struct roll_ledger *ledger, struct roll_sync_comparison *ret_comparison) ROLL_CHECKED;

/* How far the store's clock is ahead of this machine's, by the Date header of its answers; 0 where they may agree. Claims are
 * judged by the store's, as everybody who shares it does. */
struct roll_sync_clock {
    bool known;
    int64_t ahead_ms;
};
struct roll_sync_clock roll_sync_clock(const struct roll_sync *sync);

/* Takes an object's content out of the store; no error when it is not there. */
struct roll_error *roll_sync_forget(struct roll_sync *sync, const char *digest) ROLL_CHECKED;

/* What this one has pulled and pushed so far. */
struct roll_sync_report roll_sync_report(const struct roll_sync *sync);

#endif
