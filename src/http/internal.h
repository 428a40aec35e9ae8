/* What the files of http share: the loop's parts. */
#ifndef ROLLBOOK_HTTP_INTERNAL_H
#define ROLLBOOK_HTTP_INTERNAL_H

#include <curl/curl.h>

#include "rollbook/http.h"

/* Requests and easy handles; made by the first request, so that a command without network never
 * starts libcurl. */
struct transfers;
/* Children and signals share the self-pipe; made by the first of either. */
struct signals;

struct roll_loop {
    GSequence *timers;       /* of struct timer, by time and id; owns them */
    GHashTable *timer_by_id; /* id → GSequenceIter */
    unsigned last_timer;
    GHashTable *watches; /* descriptor → struct watch, owned */
    GPtrArray *children; /* of struct child, owned */
    struct signals *signals;
    struct transfers *transfers;
    bool stopped;
};

/* ---- transfers.c ---------------------------------------------------------------------------- */
bool transfers_busy(const struct roll_loop *loop);
/* Starts what is queued, moves bytes, calls back. True if something was started meanwhile that
 * wants to move at once. */
bool transfers_perform(struct roll_loop *loop);
int64_t transfers_deadline(const struct roll_loop *loop); /* boot ms of the next stall, INT64_MAX */
CURLM *transfers_multi(const struct roll_loop *loop);     /* NULL before the first request */
void transfers_free(struct transfers *transfers);

/* ---- children.c, signals.c ------------------------------------------------------------------ */
void children_pump(struct roll_loop *loop);
void children_collect(const struct roll_loop *loop, GArray *fds); /* adds struct curl_waitfd */
int64_t children_deadline(const struct roll_loop *loop);
void child_free(gpointer data);

struct roll_error *signals_need_child(struct roll_loop *loop) ROLL_CHECKED;
int signals_fd(const struct roll_loop *loop); /* -1: none */
void signals_dispatch(struct roll_loop *loop);
void signals_free(struct signals *signals);

/* ---- reply.c -------------------------------------------------------------------------------- */
struct roll_http_headers;
struct roll_http_headers *headers_new(void);
void headers_free(struct roll_http_headers *headers);
void headers_clear(struct roll_http_headers *headers);
/* One line as libcurl gives it. False when the reply has more of them than allowed. */
bool headers_add(struct roll_http_headers *headers, const char *line, size_t size);
/* A header's date in Unix ms; 0 for NULL, and for what is no date between 1970 and the year 10000.
 */
int64_t header_date_ms(const char *text);

/* ---- url.c ---------------------------------------------------------------------------------- */
char *url_target(const char *url); /* path and query, byte for byte; NULL unless http or https.
                                      Owned by the caller */

#endif
