/* Between the files of sync. */
#ifndef ROLLBOOK_SYNC_INTERNAL_H
#define ROLLBOOK_SYNC_INTERNAL_H

#include "rollbook/storage.h"
#include "rollbook/sync.h"

struct roll_sync {
    struct roll_loop *loop;
    struct roll_cloud *cloud;
    struct roll_credential *credential; /* or NULL */
    struct roll_secret *secret;         /* key or SAS, or NULL */
    bool sas;                           /* it is a SAS */
    struct roll_storage *storage;
    char *account, *container, *prefix;
    char *name;                 /* ACCOUNT/CONTAINER/KEY */
    int64_t give_up_at;         /* boot ms of a hurry, 0: none */
    int64_t patience_ms;        /* of the hurry */
    GPtrArray *answers;         /* that were given up: they may come still */
    struct roll_ledger *ledger; /* attached, or NULL */
    bool may_go_aside;
    GPtrArray *approvals;       /* struct roll_event * that this pull brought, owned */
    roll_pulled_fn on_approval; /* or NULL */
    void *on_approval_user;
    bool only_writes;
    struct roll_sync_clock clock;
    struct roll_publisher publisher;
    struct roll_sync_report report;
};

/* ---- one question, one answer (ask.c) -------------------------------------------------------- */

struct answer {
    struct roll_sync *sync;
    bool done, abandoned;
    enum roll_storage_outcome outcome;
    int status;
    char *code, *message, *etag;
    GString *body;
    int64_t length, server_date_ms, asked_ms;
    bool unproved;
};

/* For a call of storage: its fn and user. The answer is owned by whoever waits for it. */
struct answer *sync_answer_new(struct roll_sync *sync);
void sync_answer_free(struct answer *answer);
ROLL_AUTO_DEFINE(answer, struct answer, sync_answer_free)
void sync_answered(void *user, const struct roll_storage_reply *reply);
/* Until it is there; ROLL_E_TIMEOUT at the end of a hurry, then *place is NULL: it is taken care
 * of. */
struct roll_error *sync_wait(struct roll_sync *sync, struct answer **place) ROLL_CHECKED;
struct roll_error *sync_failed(const struct answer *answer, const char *format, ...)
    ROLL_PRINTF(2, 3) ROLL_NEVER_NULL;

/* Of an answer that is a 401 or 403 (refused.c): what is wrong with what this machine shows, and
 * what to type. what: as for roll_storage_error. */
struct roll_error *sync_refused(const struct answer *answer, const char *what) ROLL_NEVER_NULL;
/* A SAS that lacks a right for what was asked, and may be good for other things. */
bool sync_lacks_right(const struct answer *answer);

/* roll_sync_hurry with another patience, 0: ends it. */
void sync_hurry_for(struct roll_sync *sync, int64_t patience_ms);

/* ---- names (names.c) ------------------------------------------------------------------------- */

char *sync_segment_blob(const struct roll_sync *sync, const char *stream, int64_t segment);
char *sync_object_blob(const struct roll_sync *sync, const char *digest);
int64_t sync_segment_of(int64_t seq); /* from 1 */

/* What the store lists of a stream. */
struct listed {
    int64_t segments; /* 1 … segments are there */
    int64_t length;   /* of the last one */
    char *etag;       /* of the last one */
};
/* stream → struct listed *. */
struct roll_error *sync_list(struct roll_sync *sync, GHashTable **ret_listed) ROLL_CHECKED;

/* One page of what begins with prefix; fn for each item. *marker: NULL at the end.
 * ROLL_E_NOT_FOUND: no such container. */
typedef struct roll_error *(*sync_item_fn)(void *user, const struct roll_storage_item *item);
struct roll_error *sync_list_page(struct roll_sync *sync, const char *prefix, char **marker,
                                  sync_item_fn fn, void *user) ROLL_CHECKED;

/* ---- is it the store that this replica knows? (past.c) -------------------------------------- */

/* listed, remotes: as of sync_list and roll_ledger_remotes. */
struct roll_error *sync_check_past(struct roll_sync *sync, struct roll_ledger *ledger,
                                   GHashTable *listed, GHashTable *remotes) ROLL_CHECKED;
/* Asks the store itself. It looks as a pull would, and changes nothing. */
struct roll_error *sync_check_store(struct roll_sync *sync, struct roll_ledger *ledger)
    ROLL_CHECKED;
/* The container is not there: it was never made, or it was deleted. err: consumed. */
struct roll_error *sync_no_container(struct roll_sync *sync, GHashTable *remotes,
                                     struct roll_error *err_take) ROLL_NEVER_NULL;

/* ---- lines (lines.c) ------------------------------------------------------------------------- */

/* `{"event":…,"hash":"…"}\n` */
void sync_add_line(GString *text, const char *line, const char *hash);
/* The event of such a line without its break; *ret_event is checked in form only. */
struct roll_error *sync_parse_line(const char *line, size_t size, struct roll_event **ret_event)
    ROLL_CHECKED;

/* ---- objects (objects.c) --------------------------------------------------------------------- */

/* Into the store, all side by side; what is there already is left. digest → GString * */
struct roll_error *sync_put_objects(struct roll_sync *sync, GHashTable *objects) ROLL_CHECKED;
/* Out of it; one that is not there is left out. digests: a set. */
struct roll_error *sync_get_objects(struct roll_sync *sync, GHashTable *digests,
                                    GHashTable **ret_objects) ROLL_CHECKED;

/* Contents that the ledger has of what its events in the store name, and the store has not
 * (repair.c). */
struct roll_error *sync_count_lost(struct roll_sync *sync, struct roll_ledger *ledger,
                                   int64_t *ret_lost) ROLL_CHECKED;

/* ---- push (push.c) --------------------------------------------------------------------------- */

/* What the ledger has of one stream beyond what the store is known to hold. */
struct roll_error *sync_push_stream(struct roll_sync *sync, struct roll_ledger *ledger,
                                    const char *stream) ROLL_CHECKED;
/* One block behind what is known of the store. first, last: sequence numbers in it, of one segment.
 * MOVED is ROLL_E_CONFLICT. */
struct roll_error *sync_append(struct roll_sync *sync, struct roll_ledger *ledger,
                               const char *stream, int64_t first, int64_t last, const GString *text)
    ROLL_CHECKED;
/* This replica's side streams into the store, each joined to its main stream by an event (join.c).
 * The ledger is attached. */
struct roll_error *sync_join_sides(struct roll_sync *sync, struct roll_ledger *ledger,
                                   const struct roll_actor *actor) ROLL_CHECKED;
/* The store's ledger is this one: looked at once for a replica. id: of the ledger, stream: of its
 * first event. */
struct roll_error *sync_claim_store(struct roll_sync *sync, struct roll_ledger *ledger,
                                    const char *id, const char *stream) ROLL_CHECKED;
/* The store's word on whose it is; *ret_id NULL: it is empty. Owned. */
struct roll_error *sync_read_owner(struct roll_sync *sync, char **ret_id, char **ret_stream)
    ROLL_CHECKED;

#endif
