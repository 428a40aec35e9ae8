/* One event loop over libcurl: requests, timers, descriptors, child processes and signals.
 *
 * The only wait is curl_multi_poll with extra descriptors. Everything happens in callbacks on the calling thread, inside
 * roll_loop_run. libcurl is initialised at first use. See DESIGN section 3, *The loop*. */
#ifndef ROLLBOOK_HTTP_H
#define ROLLBOOK_HTTP_H

#include <glib.h>

#include "rollbook/error.h"
#include "rollbook/process.h"
#include "rollbook/secret.h"

struct roll_loop;

struct roll_error *roll_loop_new(struct roll_loop **ret_loop) ROLL_CHECKED;
void roll_loop_free(struct roll_loop *loop); /* cancels what is under way, without callbacks */
ROLL_AUTO_DEFINE(loop, struct roll_loop, roll_loop_free)

/* Runs until roll_loop_stop was called, or nothing is left that could call back (no request, timer, child, descriptor).
 * A stop that came before is kept: the next run then ends at once. It may be run again after a stop. */
struct roll_error *roll_loop_run(struct roll_loop *loop) ROLL_CHECKED;
void roll_loop_stop(struct roll_loop *loop);

/* Lets what was asked for begin (a name is looked up, a connection made) without waiting and without callbacks: for requests that
 * are to be under way while the caller does something else. */
void roll_loop_start(struct roll_loop *loop);

/* ---- timers, descriptors, signals, children ------------------------------------------------- */

typedef void (*roll_loop_fn)(void *user);

/* At boot time (roll_boot_ms); timers of the same time fire in the order in which they were set. Returns an id (never 0)
 * for roll_loop_cancel_timer, which ignores 0 and what has fired. */
unsigned roll_loop_timer(struct roll_loop *loop, int64_t boot_ms, roll_loop_fn fn, void *user);
void roll_loop_cancel_timer(struct roll_loop *loop, unsigned id);

/* Calls fn while fd is readable, until unwatched. */
void roll_loop_watch(struct roll_loop *loop, int fd, roll_loop_fn fn, void *user);
void roll_loop_unwatch(struct roll_loop *loop, int fd);

/* INT, TERM and HUP arrive here as numbers (self-pipe); PIPE is ignored from now on. One handler per process: ROLL_E_INTERNAL
 * while another loop has the signals. roll_loop_free gives them back. A handler alone does not keep the loop running. */
struct roll_error *roll_loop_signals(struct roll_loop *loop, void (*fn)(void *user, int signal_number), void *user) ROLL_CHECKED;

/* Starts a child; its result is borrowed by fn, which is called once and never before this returns. What it wrote is
 * wiped afterwards, since it may be a token. Errors are those of roll_process_start; then fn is not called. */
struct roll_error *roll_loop_process(struct roll_loop *loop, const struct roll_process_options *options,
                                     void (*fn)(void *user, const struct roll_process_result *result), void *user) ROLL_CHECKED;

/* Ends the children that were started with this user (their whole group); their fn is not called any more. */
void roll_loop_cancel_process(struct roll_loop *loop, const void *user);

/* ---- requests ------------------------------------------------------------------------------- */

enum roll_http_outcome {
    ROLL_HTTP_REPLIED, /* a whole reply with a status */
    ROLL_HTTP_UNSENT,  /* certainly nothing reached the server's application: no address, refused, TLS failed */
    ROLL_HTTP_LOST,    /* it may have been received: cut, timed out, malformed or too large reply */
};

/* Why retries are made (roll_http_request.retry). Source: REST reference 2.2; issue 4. */
enum roll_http_retry {
    ROLL_HTTP_RETRY_NONE, /* PUT, POST: the caller decides */
    ROLL_HTTP_RETRY_READ, /* GET, HEAD: UNSENT, LOST, 408, 429, 500, 502, 503, 504; exponential, full jitter, Retry-After
                             honoured, until deadline_ms. Also for a POST that may be repeated (tokens) */
    ROLL_HTTP_RETRY_POLL, /* as READ, but UNSENT is told at once: the caller has another address to ask */
    ROLL_HTTP_RETRY_UNACCEPTED, /* UNSENT and 429: what was certainly not accepted may be sent again, nothing else */
};

struct roll_http_request {
    const char *method;
    const char *url;              /* sent byte for byte */
    const char *named;            /* for an address that is a secret itself: what the log calls it; or NULL */
    const char *const *headers;   /* "Name: value", NULL-terminated, or NULL */
    struct roll_secret *bearer;       /* referenced, or NULL; https or loopback only, else the request fails UNSENT */
    const void *body;             /* copied, or NULL */
    size_t body_size;
    size_t max_reply_bytes;       /* after decompression; 0: 4 MiB */
    int64_t connect_timeout_ms;   /* 0: 10 s */
    int64_t stall_timeout_ms;     /* no byte for so long; 0: 30 s */
    int64_t timeout_ms;           /* whole attempt; 0: 100 s */
    enum roll_http_retry retry;
    int64_t deadline_ms;          /* of all attempts together, from now; 0: 60 s */
    bool no_proxy;
    int64_t leave_by_boot_ms;     /* not sent after this moment, then UNSENT; 0: at any time */
    void (*drop)(void *user);     /* called instead of fn when the loop ends first; not after a cancel; or NULL */
};

struct roll_http_reply {
    enum roll_http_outcome outcome;
    int status;              /* 0 unless REPLIED */
    const char *body;        /* NUL-terminated, never NULL */
    size_t body_size;
    const char *problem;     /* libcurl's words when not REPLIED, else NULL */
    const struct roll_http_headers *headers;
    int attempts;
    int64_t sent_wall_ms;    /* when the last attempt left */
    int64_t server_date_ms;  /* Date header, 0: none */
};

/* First value, without regard to case, or NULL. Borrowed from the reply. */
const char *roll_http_header(const struct roll_http_reply *reply, const char *name);
/* retry-after-ms, x-ms-retry-after-ms, Retry-After (seconds or date), in this order; -1: none. Capped at 1 h. */
int64_t roll_http_retry_after_ms(const struct roll_http_reply *reply);

typedef void (*roll_http_fn)(void *user, const struct roll_http_reply *reply);

/* Never calls fn before it returns. The request is copied; secrets are referenced. Returns a handle for cancelling, valid
 * until fn was called. At most 64 transfers run at a time; others queue in order. A request without retry leaves at most
 * once: where libcurl would repeat it on a second connection, it ends as LOST (RETRY_UNACCEPTED too). */
struct roll_http_call *roll_http_send(struct roll_loop *loop, const struct roll_http_request *request, roll_http_fn fn, void *user);
/* fn is not called any more. */
void roll_http_cancel(struct roll_loop *loop, struct roll_http_call *call);

/* Statistics of the loop, for benchmarks and -vv. Certificates are trusted by SSL_CERT_FILE, else by the system's bundle. */
struct roll_http_stats {
    int64_t requests, retries, connections;
};
struct roll_http_stats roll_http_stats(const struct roll_loop *loop);

/* ---- addresses ------------------------------------------------------------------------------ */

/* http or https to 127.0.0.0/8, ::1 or localhost. */
bool roll_url_is_loopback(const char *url);
bool roll_url_is_https(const char *url);
/* Same scheme, and the host (with its port) is that of base or, for https, a name below it: where a token of base may go. */
bool roll_url_is_within(const char *url, const char *base);
/* Percent-encodes all but RFC 3986's unreserved characters. Appends. */
void roll_url_encode(const char *text, GString *out);

#endif
