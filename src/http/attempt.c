/* One try of a request with libcurl: its options, its callbacks, and what came of it. */
#include <string.h>

#include "http/transfers.h"
#include "rollbook/time.h"

/* Token replies fit, so that no copy of one is left behind by growing. */
#define BODY_FIRST_BYTES (16u << 10)
/* A slot that carried a large reply does not keep its memory. */
#define BODY_KEEP_BYTES (256u << 10)

struct slot *slot_new(void)
{
    struct slot *slot = g_new0(struct slot, 1);

    slot->easy = curl_easy_init();
    if (!slot->easy)
        g_error("libcurl gives no handle");
    slot->headers = headers_new();
    slot->body = g_string_sized_new(BODY_FIRST_BYTES);
    return slot;
}

static void free_lines(struct slot *slot)
{
    for (struct curl_slist *line = slot->lines; line; line = line->next)
        roll_wipe(line->data, strlen(line->data));
    curl_slist_free_all(slot->lines);
    slot->lines = NULL;
}

void slot_free(gpointer data)
{
    struct slot *slot = data;

    curl_easy_cleanup(slot->easy);
    attempt_clear(slot);
    headers_free(slot->headers);
    g_string_free(slot->body, TRUE);
    g_free(slot);
}

void attempt_clear(struct slot *slot)
{
    free_lines(slot);
    headers_clear(slot->headers);
    roll_wipe(slot->body->str, slot->body->len);
    if (slot->body->allocated_len > BODY_KEEP_BYTES) {
        g_string_free(slot->body, TRUE);
        slot->body = g_string_sized_new(BODY_FIRST_BYTES);
    }
    g_string_truncate(slot->body, 0);
    slot->error[0] = '\0';
}

/* ---- callbacks of libcurl ------------------------------------------------------------------- */

static size_t on_header(char *line, size_t unit, size_t count, void *user)
{
    struct roll_http_call *call = user;
    size_t size = unit * count;

    call->last_byte_at = roll_boot_ms();
    if (headers_add(call->slot->headers, line, size))
        return size;
    call->problem = "the reply has too many headers";
    return 0;
}

static size_t on_body(char *data, size_t unit, size_t count, void *user)
{
    struct roll_http_call *call = user;
    size_t size = unit * count;

    call->last_byte_at = roll_boot_ms();
    if (size > call->max_reply_bytes - call->slot->body->len) {
        call->problem = "the reply is larger than allowed";
        return size == 0 ? 1 : 0;
    }
    g_string_append_len(call->slot->body, data, (gssize)size);
    return size;
}

/* Right before the request leaves on a connection that stands: from here on it may have been
 * received. libcurl repeats a request by itself when a kept connection turns out to be dead; what
 * must not be sent twice stops here. */
// NOLINTNEXTLINE(readability-non-const-parameter): libcurl's type
static int on_departure(void *user, char *remote, char *local, int remote_port, int local_port)
{
    struct roll_http_call *call = user;

    (void)remote, (void)local, (void)remote_port, (void)local_port;
    bool once = call->retry == ROLL_HTTP_RETRY_NONE || call->retry == ROLL_HTTP_RETRY_UNACCEPTED;

    if (call->departures > 0 && once) {
        call->problem = "the connection was closed before the reply";
        return CURL_PREREQFUNC_ABORT;
    }
    if (call->leave_by && roll_boot_ms() > call->leave_by) {
        call->problem = "it was too late to send it";
        return CURL_PREREQFUNC_ABORT;
    }
    call->departures++;
    call->sent_wall_ms = roll_now_ms();
    call->last_byte_at = roll_boot_ms();
    return CURL_PREREQFUNC_OK;
}

static int on_progress(void *user, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                       curl_off_t up)
{
    struct roll_http_call *call = user;

    (void)down_total, (void)down, (void)up_total;
    if (up != call->uploaded) {
        call->uploaded = up;
        call->last_byte_at = roll_boot_ms();
    }
    return 0;
}

/* ---- options -------------------------------------------------------------------------------- */

static bool has_header(char *const *headers, const char *name)
{
    size_t size = strlen(name);

    for (size_t i = 0; headers && headers[i]; i++)
        if (g_ascii_strncasecmp(headers[i], name, size) == 0 && headers[i][size] == ':')
            return true;
    return false;
}

/* A request that lacks one of its options (whom to trust, where its reply goes) must not leave: the
 * first one that libcurl does not take decides. */
static void must(struct slot *slot, CURLcode result)
{
    if (slot->taken == CURLE_OK)
        slot->taken = result;
}

static void add_line(struct slot *slot, const char *line)
{
    struct curl_slist *longer = curl_slist_append(slot->lines, line);

    must(slot, longer ? CURLE_OK : CURLE_OUT_OF_MEMORY);
    if (longer)
        slot->lines = longer;
}

static void set_headers(struct roll_http_call *call)
{
    struct slot *slot = call->slot;
    CURL *easy = slot->easy;

    for (size_t i = 0; call->headers && call->headers[i]; i++)
        add_line(slot, call->headers[i]);
    /* libcurl would wait a second for 100 Continue, and call every body a form. */
    add_line(slot, "Expect:");
    if (!has_header(call->headers, "Content-Type"))
        add_line(slot, "Content-Type:");
    if (call->bearer) {
        size_t size = roll_secret_size(call->bearer) + sizeof "Authorization: Bearer ";
        char *line = g_malloc(size);
        g_snprintf(line, size, "Authorization: Bearer %s", roll_secret_reveal(call->bearer));
        add_line(slot, line);
        roll_wipe(line, size);
        g_free(line);
    }
    must(slot, curl_easy_setopt(easy, CURLOPT_HTTPHEADER, slot->lines));
}

static void set_method(const struct roll_http_call *call)
{
    struct slot *slot = call->slot;
    CURL *easy = slot->easy;
    bool carries = call->body || g_str_equal(call->method, "POST") ||
                   g_str_equal(call->method, "PUT") || g_str_equal(call->method, "PATCH");

    if (g_str_equal(call->method, "HEAD")) {
        must(slot, curl_easy_setopt(easy, CURLOPT_NOBODY, 1L));
    } else if (carries) {
        must(slot, curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body ? call->body : ""));
        must(slot,
             curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size));
    }
    if (!g_str_equal(call->method, "HEAD"))
        must(slot, curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method));
}

static void set_protocol(const struct roll_http_call *call)
{
    struct slot *slot = call->slot;
    CURL *easy = slot->easy;

    must(slot, curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1));
    must(slot, curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L));
#if LIBCURL_VERSION_NUM >= 0x075500
    must(slot, curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https"));
#else
    must(slot, curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)));
#endif
    if (call->no_proxy)
        must(slot, curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"));
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A webhook whose name nobody answers for holds nobody up: libcurl would wait for its
     * resolver's thread beyond every bound. */
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, call->named ? 1L : 0L);
#endif
    must(slot, curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L));
    /* A signed polling address must arrive byte for byte, and libcurl respells escapes. Not through
     * a proxy for plain http, which needs the whole address as its target. */
    if (call->no_proxy || roll_url_is_https(call->url)) {
        g_autofree char *target = url_target(call->url);
        must(slot, curl_easy_setopt(easy, CURLOPT_REQUEST_TARGET, target));
    }
}

static void set_trust(const struct roll_http_call *call, const struct transfers *transfers)
{
    struct slot *slot = call->slot;
    CURL *easy = slot->easy;

    must(slot, curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2));
    /* Certificates by file only: with a folder libcurl does not use its cache of them, and loads
     * them all again for every connection. */
    must(slot, curl_easy_setopt(easy, CURLOPT_CAPATH, NULL));
    if (transfers->ca_file)
        must(slot, curl_easy_setopt(easy, CURLOPT_CAINFO, transfers->ca_file));
}

static void set_limits(struct roll_http_call *call)
{
    struct slot *slot = call->slot;
    CURL *easy = slot->easy;

    must(slot, curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L));
    must(slot, curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)call->connect_timeout_ms));
    must(slot, curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms));
    must(slot, curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip"));
    must(slot, curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L));
    must(slot, curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress));
    must(slot, curl_easy_setopt(easy, CURLOPT_XFERINFODATA, call));
    must(slot, curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_departure));
    must(slot, curl_easy_setopt(easy, CURLOPT_PREREQDATA, call));
    must(slot, curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header));
    must(slot, curl_easy_setopt(easy, CURLOPT_HEADERDATA, call));
    must(slot, curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body));
    must(slot, curl_easy_setopt(easy, CURLOPT_WRITEDATA, call));
    must(slot, curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, call->slot->error));
}

CURLcode attempt_prepare(struct roll_http_call *call, const struct transfers *transfers)
{
    struct slot *slot = call->slot;
    CURL *easy = slot->easy;

    call->attempts++;
    call->departures = 0;
    call->sent_wall_ms = roll_now_ms();
    call->last_byte_at =
        INT64_MAX; /* nothing stalls before it was sent; connecting has its own limit */
    call->uploaded = 0;
    call->problem = NULL;
    slot->taken = CURLE_OK;
    curl_easy_reset(easy);
    must(slot, curl_easy_setopt(easy, CURLOPT_URL, call->url));
    must(slot,
         curl_easy_setopt(easy, CURLOPT_USERAGENT, "rollbook/" ROLL_VERSION " (linux; libcurl)"));
    set_method(call);
    set_headers(call);
    set_protocol(call);
    set_trust(call, transfers);
    set_limits(call);
    return slot->taken;
}

/* ---- results -------------------------------------------------------------------------------- */

static const char *words(const struct roll_http_call *call, CURLcode result)
{
    if (call->problem)
        return call->problem;
    return call->slot->error[0] ? call->slot->error : curl_easy_strerror(result);
}

void attempt_reply(const struct roll_http_call *call, CURLcode result,
                   struct roll_http_reply *ret_reply)
{
    long status = 0;
    struct roll_http_reply reply = {
        .body = call->slot->body->str,
        .body_size = call->slot->body->len,
        .headers = call->slot->headers,
        .attempts = call->attempts,
        .sent_wall_ms = call->sent_wall_ms,
    };

    curl_easy_getinfo(call->slot->easy, CURLINFO_RESPONSE_CODE, &status);
    if (result == CURLE_OK && !call->problem && status >= 200 && status <= 599) {
        reply.outcome = ROLL_HTTP_REPLIED;
        reply.status = (int)status;
    } else {
        reply.outcome = call->departures > 0 ? ROLL_HTTP_LOST : ROLL_HTTP_UNSENT;
        reply.problem =
            result == CURLE_OK && !call->problem ? "the reply has no status" : words(call, result);
    }
    reply.server_date_ms = header_date_ms(roll_http_header(&reply, "date"));
    *ret_reply = reply;
}

bool attempt_is_hopeless(const struct roll_http_call *call, CURLcode result)
{
    switch (result) {
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
        return true;
    default:
        return call->problem && result == CURLE_WRITE_ERROR; /* too large: it would be again */
    }
}
