/* The proxy of everything: a thread for each connection, which lives until its peer has gone. */
#include "hostile.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAX (1 << 20)

bool peer_write(struct peer *peer, const void *data, size_t size)
{
    const char *at = data;

    while (size > 0) {
        int chunk = (int)MIN(size, 1u << 20);
        ssize_t written =
            peer->ssl ? SSL_write(peer->ssl, at, chunk) : send(peer->fd, at, (size_t)chunk, 0);
        if (written <= 0)
            return false;
        at += written;
        size -= (size_t)written;
    }
    return true;
}

bool peer_say(struct peer *peer, const char *text)
{
    return peer_write(peer, text, strlen(text));
}

static ssize_t peer_read(struct peer *peer, char *buffer, size_t size)
{
    return peer->ssl ? SSL_read(peer->ssl, buffer, (int)size) : recv(peer->fd, buffer, size, 0);
}

void peer_wait(struct peer *peer)
{
    char buffer[4096];

    while (recv(peer->fd, buffer, sizeof buffer, 0) > 0)
        ;
}

/* Head and body of one request; NULL at the end. Owned. */
static GString *read_request(struct peer *peer)
{
    g_autoptr(GString) text = g_string_new(NULL);
    char buffer[4096];
    gsize wanted = 0;

    while (text->len < REQUEST_MAX) {
        if (wanted == 0) {
            const char *end = strstr(text->str, "\r\n\r\n");
            if (end) {
                const char *length = strcasestr(text->str, "\r\ncontent-length:");
                wanted = (gsize)(end + 4 - text->str);
                if (length && length < end)
                    wanted += (gsize)g_ascii_strtoull(length + 17, NULL, 10);
            }
        }
        if (wanted > 0 && text->len >= wanted)
            return g_steal_pointer(&text);
        ssize_t got = peer_read(peer, buffer, sizeof buffer);
        if (got <= 0)
            return NULL;
        g_string_append_len(text, buffer, got);
    }
    return NULL;
}

static void note(struct hostile *server, GString *where, const char *host, const GString *text)
{
    g_mutex_lock(&server->lock);
    g_string_append_printf(where, "[%s] ", host);
    g_string_append_len(where, text->str, (gssize)text->len);
    g_mutex_unlock(&server->lock);
}

static void give_token(struct peer *peer)
{
    static const char body[] =
        "{\"token_type\":\"Bearer\",\"expires_in\":3600,\"access_token\":\"" PLANTED "-token\"}";
    g_autofree char *reply = g_strdup_printf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                             "Content-Length: %zu\r\n\r\n%s",
                                             sizeof body - 1, body);

    peer_say(peer, reply);
}

static void converse(struct peer *peer)
{
    struct hostile *server = peer->server;
    bool victim = g_str_equal(peer->host, server->victim);

    for (;;) {
        g_autoptr(GString) request = read_request(peer);
        if (!request)
            return;
        if (victim) {
            note(server, server->victims, peer->host, request);
            if (server->trick->play)
                server->trick->play(peer);
            return;
        }
        if (g_str_equal(peer->host, LOGIN_HOST)) {
            give_token(peer);
            continue;
        }
        note(server, server->elsewhere, peer->host, request);
        peer_say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    }
}

/* Behind CONNECT: the victim's host as the trick wants it, others as they should be. */
static void play_host(struct peer *peer)
{
    const struct trick *trick = peer->server->trick;
    bool victim = g_str_equal(peer->host, peer->server->victim);
    SSL_CTX *context;

    if (victim && trick->deaf) {
        peer_wait(peer);
        return;
    }
    if (victim && trick->plain) {
        char hello[1];
        if (recv(peer->fd, hello, 1, MSG_PEEK) == 1)
            trick->play(peer);
        return;
    }
    context = faces_context(peer->server->faces, victim ? trick->face : FACE_GOOD,
                            victim ? trick->max_version : 0);
    peer->ssl = SSL_new(context);
    SSL_set_fd(peer->ssl, peer->fd);
    if (SSL_accept(peer->ssl) == 1)
        converse(peer);
    SSL_free(peer->ssl);
    SSL_CTX_free(context);
}

static gpointer serve(gpointer data)
{
    struct peer *peer = data;
    g_autoptr(GString) first = read_request(peer);

    if (first && g_str_has_prefix(first->str, "CONNECT ")) {
        peer->host = g_strndup(first->str + 8, strcspn(first->str + 8, ": "));
        if (peer_say(peer, "HTTP/1.1 200 Connection established\r\n\r\n"))
            play_host(peer);
    } else if (first) { /* in the clear, or straight to this port: nobody should */
        note(peer->server, peer->server->elsewhere, "in the clear", first);
        peer_say(peer, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    }
    close(peer->fd);
    g_free(peer->host);
    g_free(peer);
    return NULL;
}

static gpointer accept_all(gpointer data)
{
    struct hostile *server = data;

    for (;;) {
        int fd = accept4(server->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
            continue;
        struct peer *peer = g_new0(struct peer, 1);
        *peer = (struct peer){.server = server, .fd = fd};
        g_thread_unref(g_thread_new("peer", serve, peer));
    }
    return NULL;
}

void hostile_start(struct hostile *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    signal(SIGPIPE, SIG_IGN);
    g_mutex_init(&server->lock);
    server->elsewhere = g_string_new(NULL);
    server->victims = g_string_new(NULL);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
        listen(server->listener, 64) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
        g_error("no listener on loopback");
    server->port = ntohs(address.sin_port);
    g_thread_unref(g_thread_new("accept", accept_all, server));
}
