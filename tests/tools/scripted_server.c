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

#include "tools/scripted_internal.h"

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
