/* Requests under way: what transfers.c (their life), attempt.c (one try with libcurl) and send.c
 * (the way in) share. */
#ifndef ROLLBOOK_HTTP_TRANSFERS_H
#define ROLLBOOK_HTTP_TRANSFERS_H

#include "http/internal.h"

#define EASY_HANDLES 64

/* An easy handle with the memory of a reply; reused from request to request. */
struct slot {
    CURL *easy;
    struct roll_http_headers *headers;
    GString *body;
    struct curl_slist *lines; /* request headers; wiped, they hold a token */
    CURLcode taken;           /* the first option that libcurl did not take, or CURLE_OK */
    char error[CURL_ERROR_SIZE];
};

struct roll_http_call {
    struct roll_loop *loop;
    roll_http_fn fn;
    void (*drop)(void *user); /* or NULL */
    void *user;

    /* the request */
    char *method, *url, *named;
    char **headers;
    struct roll_secret *bearer;
    char *body;
    size_t body_size, max_reply_bytes;
    int64_t connect_timeout_ms, stall_timeout_ms, timeout_ms,
        deadline_at, leave_by; /* these two: boot ms; leave_by 0: at any time */
    enum roll_http_retry retry;
    bool no_proxy;
    char *refusal; /* why it is never sent, or NULL */

    /* where it is: in the queue, behind a timer, or in a slot */
    GList *queued;
    unsigned timer;
    struct slot *slot;

    /* this attempt */
    int attempts;
    int departures; /* how often libcurl was about to send it */
    int64_t sent_wall_ms, last_byte_at;
    curl_off_t uploaded;
    const char *problem; /* ours, static; outweighs libcurl's words */
};

struct transfers {
    CURLM *multi;
    GPtrArray *idle;     /* struct slot, owned */
    GPtrArray *running;  /* struct roll_http_call in a slot, owned */
    GHashTable *waiting; /* calls behind a timer, owned */
    GQueue queue;        /* calls that wait for a slot, owned */
    int slots;
    char *ca_file; /* SSL_CERT_FILE, or NULL: libcurl's own default */
    struct roll_http_stats stats;
};

/* ---- attempt.c ------------------------------------------------------------------------------ */
struct slot *slot_new(void);
void slot_free(gpointer data);
/* Everything about the call in its slot's handle, ready for the multi handle. Anything but CURLE_OK:
 * it is not, and must not be sent. */
CURLcode attempt_prepare(struct roll_http_call *call, const struct transfers *transfers);
/* Forgets the reply and the request's headers. */
void attempt_clear(struct slot *slot);
/* What the attempt gave. Borrows from the call. */
void attempt_reply(const struct roll_http_call *call, CURLcode result,
                   struct roll_http_reply *ret_reply);
/* Would another attempt be the same? */
bool attempt_is_hopeless(const struct roll_http_call *call, CURLcode result);

/* ---- send.c --------------------------------------------------------------------------------- */
void call_free(struct roll_http_call *call);

/* ---- transfers.c ---------------------------------------------------------------------------- */
void call_enqueue(struct roll_http_call *call);
void call_refuse(struct roll_http_call *call); /* answers from the loop, without sending */

#endif
