/* Azure Blob Storage: the few calls that a shared ledger needs, with callbacks on the loop. Owned by azure.
 *
 * One container of one account, reached with its key (SharedKey), a SAS, or a bearer token. `x-ms-version` is pinned to
 * 2023-11-03. Source of every rule: services reference, section 3. */
#ifndef ROLLBOOK_STORAGE_H
#define ROLLBOOK_STORAGE_H

#include "rollbook/azure.h"

#define ROLL_STORAGE_VERSION "2023-11-03"
#define ROLL_STORAGE_BLOCK_MAX (4u << 20) /* of one append: what every version of the service takes */

struct roll_storage_options {
    struct roll_loop *loop;       /* borrowed */
    const char *endpoint;         /* https://ACCOUNT.blob.core.windows.net, http://127.0.0.1:10000/devstoreaccount1 */
    const char *account;
    const char *container;
    struct roll_secret *key;             /* of the account, base64; referenced; or NULL */
    struct roll_secret *sas;             /* the query, with or without `?`; referenced; or NULL */
    struct roll_credential *credential;  /* borrowed; for a bearer token; or NULL */
    bool no_retry;                /* a failure is told at once */
    int64_t timeout_ms;           /* of each attempt, and of connecting; 0: 30 s */
};

struct roll_storage;
/* Exactly one of key, sas and credential. ROLL_E_INVALID: a key that is no base64, an endpoint that is no address, plain http
 * that leaves the machine. */
struct roll_error *roll_storage_new(const struct roll_storage_options *options, struct roll_storage **ret_storage) ROLL_CHECKED;
/* Cancels what is under way, without callbacks. Not from within a callback. */
void roll_storage_free(struct roll_storage *storage);
ROLL_AUTO_DEFINE(storage, struct roll_storage, roll_storage_free)

/* As in the options, for calls from now on. */
void roll_storage_set_patience(struct roll_storage *storage, bool no_retry, int64_t timeout_ms);

enum roll_storage_outcome {
    ROLL_STORAGE_OK,
    ROLL_STORAGE_EXISTS,      /* 409: blob or container is there already */
    ROLL_STORAGE_MOVED,       /* 412: somebody else appended first, or the ETag is another one */
    ROLL_STORAGE_NOT_FOUND,   /* 404 */
    ROLL_STORAGE_UNCHANGED,   /* 304 */
    ROLL_STORAGE_BEYOND,      /* 416: the blob ends before the range begins */
    ROLL_STORAGE_FULL,        /* no block more: sealed, or 50,000 of them */
    ROLL_STORAGE_FORBIDDEN,   /* 401, 403 */
    ROLL_STORAGE_REFUSED,     /* another definite no */
    ROLL_STORAGE_UNREACHABLE, /* nothing was done: not reached, or no token */
    ROLL_STORAGE_UNKNOWN,     /* it may have been done: cut, timed out, 5xx */
};

struct roll_storage_reply {
    enum roll_storage_outcome outcome;
    int status;
    const char *code, *message; /* Azure's words, or what went wrong on the way; or NULL */
    const char *body;           /* never NULL */
    size_t body_size;
    const char *etag;           /* as a header has it, with quotes; or NULL */
    int64_t length;             /* of the whole blob, -1: not told */
    int64_t server_date_ms;     /* 0: none */
    int attempts;
    bool unproved;              /* FORBIDDEN of an append that may have been done: we may not look */
};
/* reply and what it points to are borrowed until fn returns. Called once, never before the call returns. */
typedef void (*roll_storage_fn)(void *user, const struct roll_storage_reply *reply);

/* EXISTS when it is there already. */
void roll_storage_create_container(struct roll_storage *storage, roll_storage_fn fn, void *user);
/* EXISTS when it is there; it is never emptied. */
void roll_storage_create_append(struct roll_storage *storage, const char *blob, roll_storage_fn fn, void *user);
/* Appends at a position: MOVED when the blob has another length. An attempt whose fate is not known is repeated; when then
 * another has the place, what stands there is read and compared: the same bytes are one's own success. data is copied, at
 * most ROLL_STORAGE_BLOCK_MAX bytes. FORBIDDEN and unproved: who asks may not read, so that it cannot be known. */
void roll_storage_append(struct roll_storage *storage, const char *blob, int64_t position, const void *data, size_t size,
                         roll_storage_fn fn, void *user);
/* Once: EXISTS when there is a blob of that name, which is left as it is. */
void roll_storage_put(struct roll_storage *storage, const char *blob, const void *data, size_t size, roll_storage_fn fn, void *user);
/* From first to the end. etag or NULL: UNCHANGED while the blob has it. max: 0 for 4 MiB. BEYOND, or OK and empty, when there
 * is nothing from there on. */
void roll_storage_read(struct roll_storage *storage, const char *blob, int64_t first, int64_t count, const char *etag, size_t max,
                       roll_storage_fn fn, void *user);
void roll_storage_delete(struct roll_storage *storage, const char *blob, roll_storage_fn fn, void *user);

/* A page of names that begin with prefix. marker NULL: the first. The reply's body is what roll_storage_parse_list reads. */
void roll_storage_list(struct roll_storage *storage, const char *prefix, const char *marker, roll_storage_fn fn, void *user);
struct roll_storage_item {
    char *name;
    char *etag; /* with quotes, as headers have it */
    int64_t length;
};
/* *ret_items: struct roll_storage_item *, in the order of the reply, freed with the array. *ret_marker: for the next page, NULL
 * at the end; owned. ROLL_E_HTTP: no such list. Strict and bounded. Pure. */
struct roll_error *roll_storage_parse_list(const char *text, size_t size, GPtrArray **ret_items, char **ret_marker) ROLL_CHECKED;

/* The reply as an error: UNREACHABLE is ROLL_E_HTTP, NOT_FOUND ROLL_E_NOT_FOUND, FORBIDDEN ROLL_E_CREDENTIAL, MOVED and EXISTS
 * ROLL_E_CONFLICT, UNKNOWN ROLL_E_TIMEOUT, others ROLL_E_HTTP. what: "while …" without the while. */
struct roll_error *roll_storage_error(const struct roll_storage_reply *reply, const char *what) ROLL_NEVER_NULL;

/* What SharedKey signs. headers: "Name: value", NULL-terminated. Owned. Pure. Source: services reference 3.5. */
char *roll_storage_string_to_sign(const char *method, const char *account, const char *url, const char *const *headers, size_t body_size);
/* base64 of the HMAC with a base64 key; NULL when the key is none. Owned. */
char *roll_storage_signature(const char *key, const char *text);

#endif
