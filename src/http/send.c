/* The way in: a request is copied and checked before libcurl sees it. */
#include <string.h>

#include "http/transfers.h"
#include "rollbook/time.h"

#define URL_MAX_BYTES (64u << 10)
#define DEFAULT_REPLY_BYTES (4u << 20) /* the largest ARM reply that is read (DESIGN section 3) */
#define DEFAULT_CONNECT_MS (10 * 1000)
#define DEFAULT_STALL_MS (30 * 1000)
#define DEFAULT_TIMEOUT_MS (100 * 1000)
#define DEFAULT_DEADLINE_MS (60 * 1000)

/* With ROLL_TESTING, ROLL_TEST_HASTE=N makes every limit an N-th, so that waiting for them can be
 * tested. */
static int64_t hasten(int64_t limit_ms)
{
#ifdef ROLL_TESTING
    const char *text = g_getenv("ROLL_TEST_HASTE");
    gint64 haste = text ? g_ascii_strtoll(text, NULL, 10) : 0;

    if (haste > 1)
        return MAX(limit_ms / haste, 1);
#endif
    return limit_ms;
}

/* The target is sent byte for byte, so that a blank or line break in it would be a second request.
 */
static bool is_clean_url(const char *url)
{
    for (const char *at = url; *at; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    return strlen(url) <= URL_MAX_BYTES;
}

static bool are_clean_headers(char *const *headers)
{
    for (size_t i = 0; headers && headers[i]; i++)
        if (strpbrk(headers[i], "\r\n") || !strchr(headers[i], ':'))
            return false;
    return true;
}

static char *find_refusal(const struct roll_http_call *call)
{
    g_autofree char *target = url_target(call->url);

    if (!target)
        return g_strdup("the address is neither http nor https, or has no host");
    if (!is_clean_url(call->url))
        return g_strdup("the address has a character that does not belong there, or is too long");
    if (!are_clean_headers(call->headers))
        return g_strdup("a header of the request is malformed");
    if (call->bearer && !roll_url_is_https(call->url) && !roll_url_is_loopback(call->url))
        return g_strdup("a token is never sent over plain http");
    if (call->bearer && strpbrk(roll_secret_reveal(call->bearer), " \r\n\t"))
        return g_strdup("the token is malformed");
    return NULL;
}

static char *copy_body(const void *body, size_t size)
{
    char *copy = g_malloc(size + 1);

    if (size > 0)
        memcpy(copy, body, size);
    copy[size] = '\0';
    return copy;
}

struct roll_http_call *roll_http_send(struct roll_loop *loop,
                                      const struct roll_http_request *request, roll_http_fn fn,
                                      void *user)
{
    struct roll_http_call *call = g_new0(struct roll_http_call, 1);

    call->loop = loop;
    call->fn = fn;
    call->user = user;
    call->drop = request->drop;
    call->method = g_strdup(request->method);
    call->url = g_strdup(request->url);
    call->named = g_strdup(request->named);
    call->headers = g_strdupv((char **)(uintptr_t)request->headers);
    call->bearer = roll_secret_ref(request->bearer);
    if (request->body) {
        call->body = copy_body(request->body, request->body_size);
        call->body_size = request->body_size;
    }
    call->max_reply_bytes =
        request->max_reply_bytes ? request->max_reply_bytes : DEFAULT_REPLY_BYTES;
    call->connect_timeout_ms = hasten(request->connect_timeout_ms ?: DEFAULT_CONNECT_MS);
    call->stall_timeout_ms = hasten(request->stall_timeout_ms ?: DEFAULT_STALL_MS);
    call->timeout_ms = hasten(request->timeout_ms ?: DEFAULT_TIMEOUT_MS);
    call->deadline_at = roll_boot_ms() + hasten(request->deadline_ms ?: DEFAULT_DEADLINE_MS);
    call->leave_by = request->leave_by_boot_ms;
    call->retry = request->retry;
    call->no_proxy = request->no_proxy || roll_url_is_loopback(call->url);
    call->refusal = find_refusal(call);
    if (call->refusal)
        call_refuse(call);
    else
        call_enqueue(call);
    return call;
}

void call_free(struct roll_http_call *call)
{
    g_free(call->method);
    if (call->named)
        roll_wipe(call->url, strlen(call->url));
    g_free(call->url);
    g_free(call->named);
    for (char **line = call->headers; line && *line; line++)
        roll_wipe(*line, strlen(*line)); /* an identity endpoint's secret */
    g_strfreev(call->headers);
    roll_secret_free(call->bearer);
    roll_wipe(call->body, call->body_size); /* a client secret, when it asks for a token */
    g_free(call->body);
    g_free(call->refusal);
    g_free(call);
}
