/* HTTP by libmicrohttpd: gathers a request, lets sandbox_dispatch answer it, and sends the answer,
 * at once, later, or never. It runs inside the caller's loop (epoll without a thread), so that
 * nothing needs a lock. */
#include "sandbox/daemon.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/time.h"
#include "sandbox/http.h"

#define MAX_CONNECTIONS 1000
#define IDLE_SECONDS 120

struct sandbox_daemon {
    struct MHD_Daemon *mhd;
    struct sandbox_server *server;
    GPtrArray *delayed; /* of struct exchange, borrowed: suspended connections */
    bool tls;
};

/* One request and its reply, from the first header to the last byte. */
struct exchange {
    struct sandbox_daemon *daemon;
    struct MHD_Connection *connection;
    struct sandbox_request request;
    struct sandbox_reply reply;
    bool answered;
    bool suspended;
    int64_t ready_boot_ms;
};

static const struct {
    const char *name;
    enum sandbox_method method;
} methods[] = {{"GET", METHOD_GET},     {"HEAD", METHOD_HEAD},     {"PUT", METHOD_PUT},
               {"PATCH", METHOD_PATCH}, {"DELETE", METHOD_DELETE}, {"POST", METHOD_POST}};

static enum sandbox_method read_method(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(methods); i++) {
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    }
    return METHOD_OTHER;
}

static const char *get_header(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* A host that can stand in a URL of ours; anything else is answered with our own. */
static bool is_host(const char *host)
{
    if (!host || !*host || strlen(host) > 255)
        return false;
    return strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-:[]") ==
           strlen(host);
}

/* An id that the caller chose is echoed, so it must be harmless text. */
static bool is_plain(const char *text)
{
    return text && *text && strlen(text) <= 128 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_{}") ==
               strlen(text);
}

static enum MHD_Result add_argument(void *user, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    (void)kind;
    GHashTable *query = user;
    if (g_hash_table_size(query) >= 64)
        return MHD_NO;
    char *name = g_uri_unescape_string(key, NULL);
    char *text = g_uri_unescape_string(value ? value : "", NULL);
    if (!name || !text || !g_utf8_validate(name, -1, NULL) || !g_utf8_validate(text, -1, NULL)) {
        g_free(name);
        g_free(text);
        return MHD_YES;
    }
    g_hash_table_replace(query, g_ascii_strdown(name, -1), text);
    g_free(name);
    return MHD_YES;
}

static void read_head(struct exchange *exchange, const char *url, const char *method)
{
    struct sandbox_request *request = &exchange->request;
    struct MHD_Connection *connection = exchange->connection;
    const char *host = get_header(connection, "Host");
    const char *correlation = get_header(connection, "x-ms-correlation-request-id");
    const char *client = get_header(connection, "x-ms-client-request-id");
    const char *back = get_header(connection, "x-ms-return-client-request-id");
    request->method = read_method(method);
    request->method_name = g_strdup(method);
    request->path = g_utf8_make_valid(url, -1);
    request->body = g_string_new(NULL);
    request->base_url =
        is_host(host) ? g_strdup_printf("%s://%s", exchange->daemon->tls ? "https" : "http", host)
                      : g_strdup(exchange->daemon->server->url);
    request->authorization = g_strdup(get_header(connection, "Authorization"));
    request->if_match = g_strdup(get_header(connection, "If-Match"));
    request->if_none_match = g_strdup(get_header(connection, "If-None-Match"));
    if (is_plain(client) && back && g_ascii_strcasecmp(back, "true") == 0)
        request->client_request_id = g_strdup(client);
    if (is_plain(correlation)) {
        request->correlation_id = g_strdup(correlation);
    } else {
        char id[ROLL_UUID_SIZE];
        roll_uuid_random(id);
        request->correlation_id = g_strdup(id);
    }
    request->query = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, add_argument, request->query);
    request->segments = sandbox_split(url, true);
    for (guint i = 0; request->segments && i < request->segments->len; i++) {
        if (!g_utf8_validate(request->segments->pdata[i], -1, NULL))
            g_clear_pointer(&request->segments, g_ptr_array_unref);
    }
}

static struct exchange *exchange_new(struct sandbox_daemon *daemon,
                                     struct MHD_Connection *connection, const char *url,
                                     const char *method)
{
    struct exchange *exchange = g_new0(struct exchange, 1);
    exchange->daemon = daemon;
    exchange->connection = connection;
    sandbox_reply_init(&exchange->reply);
    read_head(exchange, url, method);
    return exchange;
}

static void completed(void *user, struct MHD_Connection *connection, void **context,
                      enum MHD_RequestTerminationCode code)
{
    struct sandbox_daemon *daemon = user;
    struct exchange *exchange = *context;
    (void)connection, (void)code;
    if (!exchange)
        return;
    g_ptr_array_remove_fast(daemon->delayed, exchange);
    sandbox_request_clear(&exchange->request);
    sandbox_reply_clear(&exchange->reply);
    g_free(exchange);
    *context = NULL;
}

static void free_text(void *user)
{
    g_string_free(user, TRUE);
}

/* Half of the body, although the head has promised all of it. */
static ssize_t read_half(void *user, uint64_t from, char *into, size_t max)
{
    const GString *text = user;
    size_t half = text->len / 2;
    if (from >= half)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t size = MIN(max, half - (size_t)from);
    memcpy(into, text->str + from, size);
    return (ssize_t)size;
}

static struct MHD_Response *make_response(GString *text_take, bool truncate)
{
    size_t size = text_take->len;
    if (truncate && size > 1)
        return MHD_create_response_from_callback(size, 4096, read_half, text_take, free_text);
    return MHD_create_response_from_buffer_with_free_callback(size, g_string_free(text_take, FALSE),
                                                              g_free);
}

static enum MHD_Result send_reply(struct exchange *exchange)
{
    struct sandbox_reply *reply = &exchange->reply;
    if (reply->drop)
        return MHD_NO;
    GString *text = g_steal_pointer(&reply->text);
    if (!text) {
        text = g_string_new(NULL);
        if (reply->body)
            roll_json_write(reply->body, text);
    }
    size_t size = text->len;
    struct MHD_Response *response = make_response(text, reply->truncate);
    if (!response)
        return MHD_NO;
    g_autofree char *date = roll_time_http(roll_now_ms()); /* of the clock that stored times have */
    MHD_add_response_header(response, "Date", date);
    if (size > 0)
        MHD_add_response_header(response, "Content-Type", "application/json; charset=utf-8");
    for (guint i = 0; i < reply->headers->len; i++) {
        struct sandbox_header *header = reply->headers->pdata[i];
        MHD_add_response_header(response, header->name, header->value);
    }
    enum MHD_Result queued =
        MHD_queue_response(exchange->connection, (unsigned)reply->status, response);
    MHD_destroy_response(response);
    return queued;
}

static enum MHD_Result finish(struct exchange *exchange)
{
    struct sandbox_daemon *daemon = exchange->daemon;
    if (!exchange->answered) {
        exchange->answered = true;
        exchange->request.now_ms = roll_now_ms();
        sandbox_dispatch(daemon->server, &exchange->request, &exchange->reply);
        if (exchange->reply.delay_ms > 0) {
            exchange->ready_boot_ms = roll_boot_ms() + exchange->reply.delay_ms;
            exchange->suspended = true;
            g_ptr_array_add(daemon->delayed, exchange);
            MHD_suspend_connection(exchange->connection);
            return MHD_YES;
        }
    }
    return exchange->suspended ? MHD_YES : send_reply(exchange);
}

static enum MHD_Result handle(void *user, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **context)
{
    (void)version;
    struct exchange *exchange = *context;
    if (!exchange) {
        *context = exchange_new(user, connection, url, method);
        return MHD_YES;
    }
    if (*size == 0)
        return finish(exchange);
    GString *body = exchange->request.body;
    if (body->len + *size > SANDBOX_MAX_BODY) {
        exchange->request.body_too_large = true;
        g_string_truncate(body, 0);
    } else if (!exchange->request.body_too_large) {
        g_string_append_len(body, data, (gssize)*size);
    }
    *size = 0;
    return MHD_YES;
}

/* Escapes are read by segment, after the path was cut at its slashes. */
static size_t keep_escapes(void *user, struct MHD_Connection *connection, char *text)
{
    (void)user, (void)connection;
    return strlen(text);
}

static void log_line(void *user, const char *format, va_list args) ROLL_PRINTF(2, 0);
static void log_line(void *user, const char *format, va_list args)
{
    (void)user;
    g_autofree char *line = g_strdup_vprintf(format, args);
    g_strchomp(line);
    roll_log(ROLL_LOG_DEBUG, "sandbox: %s", line);
}

static struct MHD_Daemon *start(struct sandbox_daemon *daemon, int listen_fd, const char *tls_key,
                                const char *tls_cert)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)tls_key},
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)tls_cert},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    /* The logger comes first: the options after it already use it. */
    return MHD_start_daemon(
        flags | (tls_key ? MHD_USE_TLS : 0), 0, NULL, NULL, handle, daemon,
        MHD_OPTION_EXTERNAL_LOGGER, log_line, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_NOTIFY_COMPLETED, completed, daemon, MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes,
        NULL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)MAX_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)IDLE_SECONDS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)65536, MHD_OPTION_ARRAY,
        tls_key ? tls : none, MHD_OPTION_END);
}

struct roll_error *sandbox_daemon_new(struct sandbox_server *server, int listen_fd,
                                      const char *tls_key, const char *tls_cert,
                                      struct sandbox_daemon **ret_daemon)
{
    struct sandbox_daemon *daemon = g_new0(struct sandbox_daemon, 1);
    daemon->server = server;
    daemon->tls = tls_key != NULL;
    daemon->delayed = g_ptr_array_new();
    daemon->mhd = start(daemon, listen_fd, tls_key, tls_cert);
    if (!daemon->mhd) {
        close(listen_fd);
        sandbox_daemon_free(daemon);
        return roll_error_new(ROLL_E_IO, "cannot start the sandbox's HTTP server");
    }
    *ret_daemon = daemon;
    return NULL;
}

/* A suspended connection must run again before libmicrohttpd lets itself be stopped. */
static void resume(struct sandbox_daemon *daemon, guint index)
{
    struct exchange *exchange = g_ptr_array_remove_index_fast(daemon->delayed, index);
    exchange->suspended = false;
    MHD_resume_connection(exchange->connection);
}

void sandbox_daemon_free(struct sandbox_daemon *daemon)
{
    if (!daemon)
        return;
    while (daemon->delayed->len > 0)
        resume(daemon, 0);
    if (daemon->mhd)
        MHD_stop_daemon(daemon->mhd);
    g_ptr_array_unref(daemon->delayed);
    g_free(daemon);
}

int sandbox_daemon_fd(const struct sandbox_daemon *daemon)
{
    return MHD_get_daemon_info(daemon->mhd, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

int sandbox_daemon_timeout_ms(struct sandbox_daemon *daemon)
{
    MHD_UNSIGNED_LONG_LONG own;
    int64_t least = MHD_get_timeout(daemon->mhd, &own) == MHD_YES ? (int64_t)MIN(own, 60000u) : -1;
    int64_t now = roll_boot_ms();
    for (guint i = 0; i < daemon->delayed->len; i++) {
        const struct exchange *exchange = daemon->delayed->pdata[i];
        int64_t left = MAX(exchange->ready_boot_ms - now, 0);
        least = least < 0 ? left : MIN(least, left);
    }
    return (int)MIN(least, 60000);
}

void sandbox_daemon_run(struct sandbox_daemon *daemon)
{
    int64_t now = roll_boot_ms();
    for (guint i = daemon->delayed->len; i-- > 0;) {
        const struct exchange *exchange = daemon->delayed->pdata[i];
        if (exchange->ready_boot_ms <= now)
            resume(daemon, i);
    }
    MHD_run(daemon->mhd);
}
