/* Between the files of the storage client. */
#ifndef ROLLBOOK_AZURE_STORAGE_H
#define ROLLBOOK_AZURE_STORAGE_H

#include "rollbook/storage.h"

#define STORAGE_DEADLINE_MS 20000 /* of all attempts of a call */

struct roll_storage {
    struct roll_loop *loop;
    char *endpoint, *account, *container;
    struct roll_secret *key, *sas;
    struct roll_credential *credential;
    bool no_retry;
    int64_t timeout_ms;
    GHashTable *jobs;                /* struct job *, owned */
    struct storage_wait *token_wait; /* while a token is fetched */
};

/* One call. */
struct job {
    struct roll_storage *storage;
    const char *method;
    char *blob;  /* or NULL: the container */
    char *query; /* or NULL */
    char **headers;
    GString *body; /* or NULL: the method has none */
    size_t max;
    bool reads;
    int64_t position; /* of an append, -1 else */
    bool checking;    /* an append reads what stands in its place */
    bool unsure;      /* an attempt may have been done */
    int attempts;
    int64_t give_up_at; /* boot ms */
    unsigned timer;
    bool needs_token;
    struct roll_http_call *http;
    roll_storage_fn fn;
    void *user;
};

/* Code and message of an error's body, NULL where it has none. */
void storage_parse_error(const char *text, size_t size, char **ret_code, char **ret_message);
/* What a reply of the service means. */
enum roll_storage_outcome storage_outcome(const struct roll_http_reply *reply, const char *code);

/* Makes the request of a job and sends it; on_reply is called with the job. */
void storage_send(struct job *job, const struct roll_secret *token, roll_http_fn on_reply);

#endif
