/* The life of a request: queued, running in one of 64 easy handles, behind a timer before its next
 * attempt, answered. */
#include <signal.h>
#include <string.h>

#include "http/transfers.h"
#include "rollbook/log.h"
#include "rollbook/time.h"

#define BACKOFF_FIRST_MS 200
#define BACKOFF_MAX_MS 10000

static void ignore_broken_pipes(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

static struct transfers *need_transfers(struct roll_loop *loop)
{
    if (loop->transfers)
        return loop->transfers;
    ignore_broken_pipes();
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        g_error("libcurl does not start");
    struct transfers *transfers = g_new0(struct transfers, 1);
    transfers->multi = curl_multi_init();
    if (!transfers->multi)
        g_error("libcurl gives no multi handle");
    curl_multi_setopt(transfers->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(transfers->multi, CURLMOPT_MAXCONNECTS, (long)EASY_HANDLES);
    transfers->idle = g_ptr_array_new_with_free_func(slot_free);
    transfers->running = g_ptr_array_new();
    transfers->waiting = g_hash_table_new(NULL, NULL);
    g_queue_init(&transfers->queue);
    const char *file = g_getenv("SSL_CERT_FILE");
    transfers->ca_file = file && *file ? g_strdup(file) : NULL;
    loop->transfers = transfers;
    return transfers;
}

static void drop_call(gpointer data)
{
    struct roll_http_call *call = data;

    if (call->slot) {
        curl_multi_remove_handle(call->loop->transfers->multi, call->slot->easy);
        slot_free(call->slot);
    }
    if (call->drop)
        call->drop(call->user);
    call_free(call);
}

void transfers_free(struct transfers *transfers)
{
    if (!transfers)
        return;
    g_ptr_array_set_free_func(transfers->running, drop_call);
    g_ptr_array_unref(transfers->running);
    GHashTableIter iter;
    gpointer call = NULL;
    g_hash_table_iter_init(&iter, transfers->waiting);
    while (g_hash_table_iter_next(&iter, &call, NULL))
        drop_call(call);
    g_hash_table_unref(transfers->waiting);
    g_queue_clear_full(&transfers->queue, drop_call);
    g_ptr_array_unref(transfers->idle);
    curl_multi_cleanup(transfers->multi);
    curl_global_cleanup();
    g_free(transfers->ca_file);
    g_free(transfers);
}

CURLM *transfers_multi(const struct roll_loop *loop)
{
    return loop->transfers ? loop->transfers->multi : NULL;
}

bool transfers_busy(const struct roll_loop *loop)
{
    const struct transfers *transfers = loop->transfers;

    return transfers && (transfers->running->len > 0 || transfers->queue.length > 0);
}

struct roll_http_stats roll_http_stats(const struct roll_loop *loop)
{
    return loop->transfers ? loop->transfers->stats : (struct roll_http_stats){0};
}

/* ---- in and out of the places where a call can be ------------------------------------------- */

void call_enqueue(struct roll_http_call *call)
{
    struct transfers *transfers = need_transfers(call->loop);

    g_queue_push_tail(&transfers->queue, call);
    call->queued = transfers->queue.tail;
}

static void wait_until(struct roll_http_call *call, int64_t boot_ms, roll_loop_fn fn)
{
    g_hash_table_add(need_transfers(call->loop)->waiting, call);
    call->timer = roll_loop_timer(call->loop, boot_ms, fn, call);
}

static void stop_waiting(struct roll_http_call *call)
{
    roll_loop_cancel_timer(call->loop, call->timer);
    call->timer = 0;
    g_hash_table_remove(call->loop->transfers->waiting, call);
}

static void release_slot(struct roll_http_call *call)
{
    struct transfers *transfers = call->loop->transfers;

    curl_multi_remove_handle(transfers->multi, call->slot->easy);
    g_ptr_array_remove_fast(transfers->running, call);
    attempt_clear(call->slot);
    g_ptr_array_add(transfers->idle, g_steal_pointer(&call->slot));
}

static struct slot *take_slot(struct transfers *transfers)
{
    if (transfers->idle->len > 0)
        return g_ptr_array_steal_index_fast(transfers->idle, transfers->idle->len - 1);
    if (transfers->slots >= EASY_HANDLES)
        return NULL;
    transfers->slots++;
    return slot_new();
}

/* What libcurl does not take was never sent. */
static void refuse_prepared(struct roll_http_call *call, const char *words)
{
    call->refusal = g_strdup_printf("libcurl takes no request: %s", words);
    release_slot(call);
    call_refuse(call);
}

static bool start_queued(struct transfers *transfers)
{
    bool started = false;

    while (transfers->queue.length > 0) {
        struct slot *slot = take_slot(transfers);
        if (!slot)
            break;
        struct roll_http_call *call = g_queue_pop_head(&transfers->queue);
        call->queued = NULL;
        call->slot = slot;
        g_ptr_array_add(transfers->running, call);
        CURLcode ready = attempt_prepare(call, transfers);
        transfers->stats.requests++;
        transfers->stats.retries += call->attempts > 1;
        CURLMcode code =
            ready == CURLE_OK ? curl_multi_add_handle(transfers->multi, slot->easy) : CURLM_OK;
        if (ready != CURLE_OK)
            refuse_prepared(call, curl_easy_strerror(ready));
        else if (code != CURLM_OK)
            refuse_prepared(call, curl_multi_strerror(code));
        started = true;
    }
    return started;
}

/* ---- answering ------------------------------------------------------------------------------ */

/* Path without its query, which may hold a signature; of a secret address nothing, nor libcurl's
 * words, which name hosts. */
static void log_reply(const struct roll_http_call *call, const struct roll_http_reply *reply)
{
    const char *shown = call->named ? call->named : call->url;
    int size = (int)strcspn(shown, "?#");

    if (reply->outcome == ROLL_HTTP_REPLIED)
        roll_log(ROLL_LOG_DEBUG, "%s %.*s: %d, %zu bytes, attempt %d", call->method, size, shown,
                 reply->status, reply->body_size, reply->attempts);
    else
        roll_log(ROLL_LOG_DEBUG, "%s %.*s: %s, attempt %d", call->method, size, shown,
                 call->named ? "no reply" : reply->problem, reply->attempts);
}

static void on_refused(void *user)
{
    struct roll_http_call *call = user;
    struct roll_http_reply reply = {
        .outcome = ROLL_HTTP_UNSENT, .body = "", .problem = call->refusal};

    stop_waiting(call);
    log_reply(call, &reply);
    call->fn(call->user, &reply);
    call_free(call);
}

void call_refuse(struct roll_http_call *call)
{
    wait_until(call, roll_boot_ms(), on_refused);
}

static void on_again(void *user)
{
    struct roll_http_call *call = user;

    stop_waiting(call);
    call_enqueue(call);
}

static bool is_retryable(const struct roll_http_call *call, const struct roll_http_reply *reply)
{
    static const int statuses[] = {408, 429, 500, 502, 503, 504};

    if (call->retry == ROLL_HTTP_RETRY_NONE)
        return false;
    if (reply->outcome == ROLL_HTTP_UNSENT)
        return call->retry != ROLL_HTTP_RETRY_POLL;
    if (call->retry == ROLL_HTTP_RETRY_UNACCEPTED)
        return reply->outcome == ROLL_HTTP_REPLIED && reply->status == 429;
    if (reply->outcome == ROLL_HTTP_LOST)
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(statuses); i++)
        if (reply->status == statuses[i])
            return true;
    return false;
}

/* Exponential with full jitter, never before Retry-After. */
static int64_t retry_delay(const struct roll_http_call *call, const struct roll_http_reply *reply)
{
    int64_t ceiling = MIN((int64_t)BACKOFF_FIRST_MS << MIN(call->attempts - 1, 10), BACKOFF_MAX_MS);
    int64_t delay = 1 + (int64_t)(g_random_double() * (double)ceiling);
    int64_t after = reply->outcome == ROLL_HTTP_REPLIED ? roll_http_retry_after_ms(reply) : -1;

    return after >= 0 ? after + MIN(delay, BACKOFF_FIRST_MS) : delay;
}

static bool retry_later(struct roll_http_call *call, const struct roll_http_reply *reply,
                        CURLcode result)
{
    if (!is_retryable(call, reply) || attempt_is_hopeless(call, result))
        return false;
    int64_t at = roll_boot_ms() + retry_delay(call, reply);
    if (at >= call->deadline_at)
        return false;
    release_slot(call);
    wait_until(call, at, on_again);
    return true;
}

static void finish(struct roll_http_call *call, CURLcode result)
{
    struct roll_http_reply reply;
    long connections = 0;

    attempt_reply(call, result, &reply);
    curl_easy_getinfo(call->slot->easy, CURLINFO_NUM_CONNECTS, &connections);
    call->loop->transfers->stats.connections += connections;
    log_reply(call, &reply);
    if (retry_later(call, &reply, result))
        return;
    /* Out of sight before the callback, which must not cancel it; its slot stays, since the reply
     * lies in it. */
    curl_multi_remove_handle(call->loop->transfers->multi, call->slot->easy);
    g_ptr_array_remove_fast(call->loop->transfers->running, call);
    call->fn(call->user, &reply);
    attempt_clear(call->slot);
    g_ptr_array_add(call->loop->transfers->idle, g_steal_pointer(&call->slot));
    call_free(call);
}

static struct roll_http_call *call_of(const struct transfers *transfers, const CURL *easy)
{
    for (guint i = 0; i < transfers->running->len; i++) {
        struct roll_http_call *call = g_ptr_array_index(transfers->running, i);
        if (call->slot->easy == easy)
            return call;
    }
    return NULL;
}

static void finish_done(struct roll_loop *loop)
{
    CURLMsg *message = NULL;
    int left = 0;

    while (!loop->stopped && (message = curl_multi_info_read(loop->transfers->multi, &left))) {
        struct roll_http_call *call = call_of(loop->transfers, message->easy_handle);
        CURLcode result = message->data.result;
        if (message->msg == CURLMSG_DONE && call)
            finish(call, result);
    }
}

static bool is_stalled(const struct roll_http_call *call, int64_t now)
{
    return call->last_byte_at != INT64_MAX && now - call->last_byte_at >= call->stall_timeout_ms;
}

static void finish_stalled(struct roll_loop *loop)
{
    struct transfers *transfers = loop->transfers;
    int64_t now = roll_boot_ms();
    guint i = 0;

    while (!loop->stopped && i < transfers->running->len) {
        struct roll_http_call *call = g_ptr_array_index(transfers->running, i);
        if (!is_stalled(call, now)) {
            i++;
            continue;
        }
        call->problem = "no byte came for too long";
        finish(call, CURLE_OPERATION_TIMEDOUT);
        i = 0; /* its callback may have changed the list */
    }
}

int64_t transfers_deadline(const struct roll_loop *loop)
{
    int64_t first = INT64_MAX;

    for (guint i = 0; loop->transfers && i < loop->transfers->running->len; i++) {
        const struct roll_http_call *call = g_ptr_array_index(loop->transfers->running, i);
        if (call->last_byte_at != INT64_MAX)
            first = MIN(first, call->last_byte_at + call->stall_timeout_ms);
    }
    return first;
}

void roll_loop_start(struct roll_loop *loop)
{
    int running = 0;

    if (!transfers_busy(loop))
        return;
    start_queued(loop->transfers);
    curl_multi_perform(loop->transfers->multi, &running);
}

bool transfers_perform(struct roll_loop *loop)
{
    int running = 0;

    if (!transfers_busy(loop))
        return false;
    start_queued(loop->transfers);
    curl_multi_perform(loop->transfers->multi, &running);
    finish_done(loop);
    finish_stalled(loop);
    /* What callbacks asked for goes out in the same turn. */
    return start_queued(loop->transfers);
}

void roll_http_cancel(struct roll_loop *loop, struct roll_http_call *call)
{
    if (call->queued)
        g_queue_delete_link(&loop->transfers->queue, call->queued);
    else if (call->timer)
        stop_waiting(call);
    else
        release_slot(call);
    call_free(call);
}
