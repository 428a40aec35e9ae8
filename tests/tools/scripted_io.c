/* Reading requests and writing bytes; every wait ends when the server stops. */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/scripted_internal.h"

#define REQUEST_MAX_BYTES (64u << 20)

void request_free(gpointer data)
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
bool wait_for(const struct scripted_server *server, int fd, short events, int timeout_ms)
{
    struct pollfd fds[2] = {{.fd = server->stop_pipe[0], .events = POLLIN},
                            {.fd = fd, .events = events}};

    while (poll(fds, fd < 0 ? 1 : 2, timeout_ms) < 0)
        if (errno != EINTR)
            return false;
    return fds[0].revents == 0 && fd >= 0 && fds[1].revents != 0;
}

bool is_stopping(const struct scripted_server *server)
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

bool write_all(struct connection *connection, const char *data, gsize size)
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
void wait_for_end(struct connection *connection)
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
struct scripted_request *read_request(struct connection *connection)
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
