/* Serves a script: a thread accepts, a thread for each connection reads requests and does what the
 * script says. */
#include "tools/scripted_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/script.h"

#define REQUEST_MAX_BYTES (64u << 20)

struct scripted_server {
    struct script *script;
    int listener, port;
    int stop_pipe[2]; /* readable for ever once it stops */
    char *url;
    GThread *acceptor;
    GMutex lock; /* guards what follows and the script's counts */
    GPtrArray *threads;
    GPtrArray *requests;   /* struct scripted_request */
    GPtrArray *complaints; /* text */
    int connections;
};

struct connection {
    struct scripted_server *server;
    int fd, number;
    GString *buffer; /* read and not yet used */
};

static void request_free(gpointer data)
{
    struct scripted_request *request = data;

    g_free(request->method);
    g_free(request->target);
    g_strfreev(request->headers);
    g_string_free(request->body, TRUE);
    g_free(request);
}

const char *scripted_request_header(const struct scripted_request *request, const char *name)
{
    size_t size = strlen(name);

    for (int i = 0; request->headers[i]; i++)
        if (g_ascii_strncasecmp(request->headers[i], name, size) == 0 &&
            request->headers[i][size] == ':')
            return request->headers[i] + size + 1 + strspn(request->headers[i] + size + 1, " \t");
    return NULL;
}

/* ---- waiting, reading, writing; every wait ends when the server stops ----------------------- */

/* Is the descriptor ready? False at the time-out (ms, -1: none) and when the server stops. */
static bool wait_for(const struct scripted_server *server, int fd, short events, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = server->stop_pipe[0], .events = POLLIN},
                            {.fd = fd, .events = events}};

    while (poll(fds, fd < 0 ? 1 : 2, timeout_ms) < 0)
        if (errno != EINTR)
            return false;
    return fds[0].revents == 0 && fd >= 0 && fds[1].revents != 0;
}

static bool is_stopping(const struct scripted_server *server)
{
    struct pollfd fd = {.fd = server->stop_pipe[0], .events = POLLIN};

    return poll(&fd, 1, 0) > 0;
}

static bool read_more(struct connection *connection)
{
    char bytes[16384];

    if (!wait_for(connection->server, connection->fd, POLLIN, -1))
        return false;
    ssize_t count = recv(connection->fd, bytes, sizeof bytes, 0);
    if (count <= 0 || connection->buffer->len + (size_t)count > REQUEST_MAX_BYTES)
        return false;
    g_string_append_len(connection->buffer, bytes, count);
    return true;
}

static bool write_all(struct connection *connection, const char *data, gsize size)
{
    while (size > 0) {
        if (!wait_for(connection->server, connection->fd, POLLOUT, -1))
            return false;
        ssize_t count = send(connection->fd, data, size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (count < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (count > 0) {
            data += count;
            size -= (gsize)count;
        }
    }
    return true;
}

/* Until the peer closes or the server stops. */
static void wait_for_end(struct connection *connection)
{
    while (read_more(connection))
        g_string_truncate(connection->buffer, 0);
}

/* ---- requests ------------------------------------------------------------------------------- */

/* Moves the first size bytes out of the buffer. */
static void consume(struct connection *connection, gsize size)
{
    g_string_erase(connection->buffer, 0, (gssize)size);
}

static bool parse_head(const char *head, struct scripted_request *request)
{
    g_auto(GStrv) lines = g_strsplit(head, "\r\n", -1);
    g_auto(GStrv) words = g_strsplit(lines[0] ? lines[0] : "", " ", 3);

    if (g_strv_length(words) != 3)
        return false;
    request->method = g_strdup(words[0]);
    request->target = g_strdup(words[1]);
    request->headers = g_strdupv(lines + 1);
    return true;
}

static bool read_body(struct connection *connection, struct scripted_request *request)
{
    const char *length = scripted_request_header(request, "content-length");
    gsize size = length ? (gsize)g_ascii_strtoull(length, NULL, 10) : 0;

    if (size > REQUEST_MAX_BYTES)
        return false;
    while (connection->buffer->len < size)
        if (!read_more(connection))
            return false;
    g_string_append_len(request->body, connection->buffer->str, (gssize)size);
    consume(connection, size);
    return true;
}

/* NULL when the peer has gone. */
static struct scripted_request *read_request(struct connection *connection)
{
    const char *end = NULL;

    while (!(end = strstr(connection->buffer->str, "\r\n\r\n")))
        if (!read_more(connection))
            return NULL;
    gsize size = (gsize)(end - connection->buffer->str);
    g_autofree char *head = g_strndup(connection->buffer->str, size);
    consume(connection, size + 4);

    struct scripted_request *request = g_new0(struct scripted_request, 1);
    request->body = g_string_new(NULL);
    request->connection = connection->number;
    if (!parse_head(head, request) || !read_body(connection, request)) {
        request_free(request);
        return NULL;
    }
    request->at_us = g_get_monotonic_time();
    return request;
}

/* ---- matching ------------------------------------------------------------------------------- */

static bool header_contains(const struct scripted_request *request, const char *name,
                            const char *text)
{
    const char *value = scripted_request_header(request, name);

    return value && (!text || strstr(value, text));
}

static bool body_contains(const struct scripted_request *request, const char *text)
{
    return g_strstr_len(request->body->str, (gssize)request->body->len, text) != NULL;
}

static bool holds(const struct script_condition *condition, const struct scripted_request *request)
{
    switch (condition->kind) {
    case SCRIPT_IF_HEADER:
    case SCRIPT_HAS_HEADER:
        return header_contains(request, condition->name, condition->text);
    case SCRIPT_LACKS_HEADER:
        return !header_contains(request, condition->name, condition->text);
    case SCRIPT_IF_BODY:
    case SCRIPT_HAS_BODY:
        return body_contains(request, condition->text);
    case SCRIPT_LACKS_BODY:
        return !body_contains(request, condition->text);
    }
    return false;
}

/* Without '?' in the pattern only the path counts; '*' at its end stands for the rest. */
static bool target_matches(const struct script_expect *expect, const char *target)
{
    if (expect->regex)
        return g_regex_match(expect->regex, target, 0, NULL);
    gsize size = strchr(expect->target, '?') ? strlen(target) : strcspn(target, "?");
    gsize wanted = strlen(expect->target);
    if (wanted > 0 && expect->target[wanted - 1] == '*')
        return strncmp(target, expect->target, wanted - 1) == 0;
    return size == wanted && strncmp(target, expect->target, size) == 0;
}

static bool matches(const struct script_expect *expect, const struct scripted_request *request)
{
    if (!g_str_equal(expect->method, "*") && !g_str_equal(expect->method, request->method))
        return false;
    if (!target_matches(expect, request->target))
        return false;
    for (guint i = 0; i < expect->conditions->len; i++) {
        const struct script_condition *condition = g_ptr_array_index(expect->conditions, i);
        if ((condition->kind == SCRIPT_IF_HEADER || condition->kind == SCRIPT_IF_BODY) &&
            !holds(condition, request))
            return false;
    }
    return true;
}

static void complain(struct scripted_server *server, char *complaint)
{
    g_ptr_array_add(server->complaints, complaint);
}

static void check_conditions(struct scripted_server *server, const struct script_expect *expect,
                             const struct scripted_request *request)
{
    static const char *const words[] = {
        [SCRIPT_HAS_HEADER] = "should have the header",
        [SCRIPT_LACKS_HEADER] = "should not have the header",
        [SCRIPT_HAS_BODY] = "should have in its body",
        [SCRIPT_LACKS_BODY] = "should not have in its body",
    };

    for (guint i = 0; i < expect->conditions->len; i++) {
        const struct script_condition *condition = g_ptr_array_index(expect->conditions, i);
        if (!holds(condition, request))
            complain(server, g_strdup_printf("%s %s (line %d) %s '%s%s%s'", request->method,
                                             request->target, expect->line, words[condition->kind],
                                             condition->name ? condition->name : "",
                                             condition->name && condition->text ? ": " : "",
                                             condition->text ? condition->text : ""));
    }
}

/* The reply for this request, or NULL when nobody expects it. Takes the request into the log. */
static const struct script_reply *find_reply(struct scripted_server *server,
                                             struct scripted_request *request,
                                             const struct script_expect **ret_expect)
{
    const struct script_reply *reply = NULL;

    g_mutex_lock(&server->lock);
    g_ptr_array_add(server->requests, request);
    for (guint i = 0; i < server->script->expects->len && !reply; i++) {
        struct script_expect *expect = g_ptr_array_index(server->script->expects, i);
        if (expect->times >= 0 && expect->seen >= expect->times)
            continue;
        if (matches(expect, request)) {
            check_conditions(server, expect, request);
            reply = g_ptr_array_index(expect->replies,
                                      MIN((guint)expect->seen, expect->replies->len - 1));
            expect->seen++;
            *ret_expect = expect;
        } else if (server->script->in_order && expect->times >= 0) {
            break;
        }
    }
    if (!reply)
        complain(server, g_strdup_printf("%s %s was not expected%s", request->method,
                                         request->target, server->script->in_order ? " now" : ""));
    g_mutex_unlock(&server->lock);
    return reply;
}

/* ---- replies -------------------------------------------------------------------------------- */

static void append_variable(const struct connection *connection, const struct script_expect *expect,
                            const struct scripted_request *request, const char *name, GString *out)
{
    if (g_str_equal(name, "url")) {
        g_string_append(out, connection->server->url);
    } else if (g_str_equal(name, "port")) {
        g_string_append_printf(out, "%d", connection->server->port);
    } else if (g_str_equal(name, "target")) {
        g_string_append(out, request->target);
    } else if (g_str_equal(name, "path")) {
        g_string_append_len(out, request->target, (gssize)strcspn(request->target, "?"));
    } else if (g_str_equal(name, "body")) {
        g_string_append_len(out, request->body->str, (gssize)request->body->len);
    } else if (g_str_has_prefix(name, "header:")) {
        const char *value = scripted_request_header(request, name + 7);
        g_string_append(out, value ? value : "");
    } else if (g_str_has_prefix(name, "match:") && expect->regex) {
        g_autoptr(GMatchInfo) match = NULL;
        g_regex_match(expect->regex, request->target, 0, &match);
        g_autofree char *group =
            g_match_info_fetch(match, (gint)g_ascii_strtoll(name + 6, NULL, 10));
        g_string_append(out, group ? group : "");
    } else {
        g_string_append_printf(out, "${%s}", name);
    }
}

static GString *fill_in(const struct connection *connection, const struct script_expect *expect,
                        const struct scripted_request *request, const char *text)
{
    GString *out = g_string_new(NULL);

    while (*text) {
        const char *start = strstr(text, "${");
        const char *end = start ? strchr(start, '}') : NULL;
        if (!end) {
            g_string_append(out, text);
            break;
        }
        g_string_append_len(out, text, start - text);
        g_autofree char *name = g_strndup(start + 2, (gsize)(end - start) - 2);
        append_variable(connection, expect, request, name, out);
        text = end + 1;
    }
    return out;
}

static bool has_own_header(const struct script_reply *reply, const char *name)
{
    for (guint i = 0; i < reply->headers->len; i++) {
        const char *header = g_ptr_array_index(reply->headers, i);
        if (g_ascii_strncasecmp(header, name, strlen(name)) == 0)
            return true;
    }
    return false;
}

static GString *make_head(const struct connection *connection, const struct script_expect *expect,
                          const struct scripted_request *request, const struct script_reply *reply,
                          gsize body_size)
{
    GString *head = g_string_new(NULL);

    g_string_printf(head, "HTTP/1.1 %d %s\r\n", reply->status, reply->reason);
    for (guint i = 0; i < reply->headers->len; i++) {
        GString *line = fill_in(connection, expect, request, g_ptr_array_index(reply->headers, i));
        g_string_append_printf(head, "%s\r\n", line->str);
        g_string_free(line, TRUE);
    }
    if (!has_own_header(reply, "content-length:") && !has_own_header(reply, "transfer-encoding:") &&
        reply->status != 204 && reply->status != 304)
        g_string_append_printf(head, "Content-Length: %zu\r\n", body_size);
    if (reply->close)
        g_string_append(head, "Connection: close\r\n");
    g_string_append(head, "\r\n");
    return head;
}

static bool write_slowly(struct connection *connection, const GString *body, gsize step,
                         int pause_ms)
{
    step = MAX(step, 1);
    for (gsize at = 0; at < body->len; at += step) {
        if (!write_all(connection, body->str + at, MIN(step, body->len - at)))
            return false;
        if (wait_for(connection->server, -1, 0, pause_ms) || is_stopping(connection->server))
            return false;
    }
    return true;
}

/* Does the connection go on? */
static bool write_reply(struct connection *connection, const struct script_reply *reply,
                        const GString *head, const GString *body)
{
    switch (reply->fault) {
    case SCRIPT_TRUNCATE:
    case SCRIPT_STALL:
        if (write_all(connection, head->str, head->len) &&
            write_all(connection, body->str, MIN(reply->fault_bytes, body->len)) &&
            reply->fault == SCRIPT_STALL)
            wait_for_end(connection);
        return false;
    case SCRIPT_DRIP:
        return write_all(connection, head->str, head->len) &&
               write_slowly(connection, body, reply->fault_bytes, reply->fault_ms);
    default: {
        /* One write, so that nothing depends on how the peer's kernel cuts it. */
        g_autoptr(GString) whole = g_string_new_len(head->str, (gssize)head->len);
        g_string_append_len(whole, body->str, (gssize)body->len);
        return write_all(connection, whole->str, whole->len) && !reply->close && !reply->leave;
    }
    }
}

static void close_with_reset(struct connection *connection)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
}

static bool answer(struct connection *connection, const struct script_expect *expect,
                   const struct scripted_request *request, const struct script_reply *reply)
{
    if (reply->delay_ms > 0)
        (void)wait_for(connection->server, -1, 0, reply->delay_ms);
    if (is_stopping(connection->server) || reply->fault == SCRIPT_DROP)
        return false;
    if (reply->fault == SCRIPT_SILENT) {
        wait_for_end(connection);
        return false;
    }
    if (reply->fault == SCRIPT_RESET) {
        close_with_reset(connection);
        return false;
    }
    if (reply->raw) {
        g_autoptr(GString) raw = fill_in(connection, expect, request, reply->raw);
        return write_all(connection, raw->str, raw->len) && !reply->close && !reply->leave;
    }
    g_autoptr(GString) body = reply->binary
                                  ? g_string_new_len(reply->body->str, (gssize)reply->body->len)
                                  : fill_in(connection, expect, request, reply->body->str);
    g_autoptr(GString) head = make_head(connection, expect, request, reply, body->len);
    if (g_str_equal(request->method, "HEAD"))
        g_string_truncate(body, 0);
    return write_reply(connection, reply, head, body);
}

static bool answer_unexpected(struct connection *connection)
{
    static const char reply[] = "HTTP/1.1 599 Not in the script\r\nContent-Length: 0\r\n\r\n";

    return write_all(connection, reply, sizeof reply - 1);
}

/* ---- threads -------------------------------------------------------------------------------- */

static gpointer serve_connection(gpointer data)
{
    struct connection *connection = data;
    struct scripted_server *server = connection->server;
    bool open = connection->number > server->script->accept_close;

    while (open) {
        struct scripted_request *request = read_request(connection);
        const struct script_expect *expect = NULL;
        if (!request)
            break;
        const struct script_reply *reply = find_reply(server, request, &expect);
        open = reply ? answer(connection, expect, request, reply) : answer_unexpected(connection);
    }
    close(connection->fd);
    g_string_free(connection->buffer, TRUE);
    g_free(connection);
    return NULL;
}

static gpointer accept_connections(gpointer data)
{
    struct scripted_server *server = data;

    while (wait_for(server, server->listener, POLLIN, -1)) {
        int one = 1;
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        struct connection *connection = g_new0(struct connection, 1);
        connection->server = server;
        connection->fd = fd;
        connection->buffer = g_string_new(NULL);
        g_mutex_lock(&server->lock);
        connection->number = ++server->connections;
        g_ptr_array_add(server->threads,
                        g_thread_new("scripted-connection", serve_connection, connection));
        g_mutex_unlock(&server->lock);
    }
    return NULL;
}

static int listen_on_loopback(int port, int *ret_port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((guint16)port)};
    socklen_t size = sizeof address;
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 256) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        fprintf(stderr, "scripted server: port %d: %s\n", port, g_strerror(errno));
        exit(99);
    }
    *ret_port = ntohs(address.sin_port);
    return fd;
}

int scripted_free_port(void)
{
    int port = 0;

    close(listen_on_loopback(0, &port));
    return port;
}

struct scripted_server *scripted_server_start(const char *script_text, int port)
{
    struct scripted_server *server = g_new0(struct scripted_server, 1);
    g_autofree char *problem = NULL;

    server->script = script_parse(script_text, &problem);
    if (!server->script || pipe(server->stop_pipe) != 0) {
        fprintf(stderr, "scripted server: %s\n", problem ? problem : g_strerror(errno));
        exit(99);
    }
    g_mutex_init(&server->lock);
    server->threads = g_ptr_array_new();
    server->requests = g_ptr_array_new_with_free_func(request_free);
    server->complaints = g_ptr_array_new_with_free_func(g_free);
    server->listener = listen_on_loopback(port, &server->port);
    server->url = g_strdup_printf("http://127.0.0.1:%d", server->port);
    server->acceptor = g_thread_new("scripted-server", accept_connections, server);
    return server;
}

int scripted_server_port(const struct scripted_server *server)
{
    return server->port;
}

const char *scripted_server_url(const struct scripted_server *server)
{
    return server->url;
}

guint scripted_server_count(struct scripted_server *server)
{
    g_mutex_lock(&server->lock);
    guint count = server->requests->len;
    g_mutex_unlock(&server->lock);
    return count;
}

const struct scripted_request *scripted_server_request(struct scripted_server *server, guint index)
{
    g_mutex_lock(&server->lock);
    const struct scripted_request *request =
        index < server->requests->len ? g_ptr_array_index(server->requests, index) : NULL;
    g_mutex_unlock(&server->lock);
    return request;
}

int scripted_server_connections(struct scripted_server *server)
{
    g_mutex_lock(&server->lock);
    int count = server->connections;
    g_mutex_unlock(&server->lock);
    return count;
}

static void complain_about_missing(struct scripted_server *server)
{
    for (guint i = 0; i < server->script->expects->len; i++) {
        const struct script_expect *expect = g_ptr_array_index(server->script->expects, i);
        if (expect->times >= 0 && expect->seen < expect->times)
            complain(server,
                     g_strdup_printf("%s %s (line %d) came %d times, not %d", expect->method,
                                     expect->target, expect->line, expect->seen, expect->times));
    }
}

static char *join_complaints(const struct scripted_server *server)
{
    GString *all = g_string_new(NULL);

    if (server->complaints->len == 0)
        return g_string_free(all, TRUE);
    for (guint i = 0; i < server->complaints->len; i++)
        g_string_append_printf(all, "%s\n", (char *)g_ptr_array_index(server->complaints, i));
    return g_string_free(all, FALSE);
}

char *scripted_server_stop(struct scripted_server *server)
{
    if (write(server->stop_pipe[1], "x", 1) != 1)
        abort();
    g_thread_join(server->acceptor);
    for (guint i = 0; i < server->threads->len; i++)
        g_thread_join(g_ptr_array_index(server->threads, i));
    complain_about_missing(server);
    char *complaint = join_complaints(server);
    close(server->listener);
    close(server->stop_pipe[0]);
    close(server->stop_pipe[1]);
    g_ptr_array_unref(server->threads);
    g_ptr_array_unref(server->requests);
    g_ptr_array_unref(server->complaints);
    g_mutex_clear(&server->lock);
    script_free(server->script);
    g_free(server->url);
    g_free(server);
    return complaint;
}
