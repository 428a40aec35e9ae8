/* The serving loop: one poll over HTTP, signals and users; no thread, no timer but the poll's own.
 */
#include "sandbox/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rollbook/time.h"
#include "sandbox/daemon.h"
#include "sandbox/jwt.h"
#include "sandbox/place.h"

/* Below the range from which Linux takes ports for outgoing connections, so that a chosen port
 * stays free. */
#define FIRST_PORT 20000u
#define PORT_RANGE 12000u
#define PORT_TRIES 64u
/* How often a server that only waits for its operations looks whether its folder is there. */
#define LOOK_MS 1000

struct service {
    const struct sandbox_service_options *options;
    struct sandbox_server *server;
    struct sandbox_daemon *daemon;
    int signal_fd;
    int users_fd;
    GArray *users; /* of int: connections */
    bool ended;
};

static int try_listen(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 && listen(fd, 511) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_in address = {0};
    socklen_t size = sizeof(address);
    return getsockname(fd, (struct sockaddr *)&address, &size) == 0 ? ntohs(address.sin_port) : 0;
}

/* A listening TCP socket on 127.0.0.1. port 0: a free one; preferred: tried first (0: none). */
static struct roll_error *listen_at(int port, int preferred, unsigned hint, int *ret_fd,
                                    int *ret_port)
{
    int fd = -1;
    if (port != 0) {
        fd = try_listen(port);
        if (fd < 0 && errno == EADDRINUSE)
            return roll_error_new(ROLL_E_CONFLICT, "port %d is in use by another program", port);
    } else {
        if (preferred != 0)
            fd = try_listen(preferred);
        for (unsigned i = 0; fd < 0 && hint != 0 && i < PORT_TRIES; i++)
            fd = try_listen((int)(FIRST_PORT + (hint + i * 7919u) % PORT_RANGE));
        if (fd < 0)
            fd = try_listen(0);
    }
    if (fd < 0)
        return roll_error_errno(errno, "cannot listen on 127.0.0.1");
    *ret_fd = fd;
    *ret_port = port_of(fd);
    return NULL;
}

static struct roll_error *start_http(struct service *service)
{
    const struct roll_sandbox_options *options = service->options->sandbox;
    g_autofree char *key = NULL;
    g_autofree char *cert = NULL;
    int kept = 0, fd = -1, port = 0;
    if (options->tls) {
        g_autoptr(GError) failure = NULL;
        ROLL_TRY(sandbox_tls_make(&key, &cert));
        if (!options->cert_file)
            return roll_error_new(ROLL_E_USAGE,
                                  "with tls the sandbox needs a file for its certificate");
        if (!g_file_set_contents(options->cert_file, cert, -1, &failure))
            return roll_error_new(ROLL_E_IO, "cannot write the certificate '%s': %s",
                                  options->cert_file, failure->message);
    }
    if (service->options->keep_port)
        ROLL_TRY(sandbox_server_port(service->server, &kept));
    ROLL_TRY(listen_at(options->port, kept, service->options->port_hint, &fd, &port));
    service->server->port = port;
    service->server->url =
        g_strdup_printf("%s://127.0.0.1:%d", options->tls ? "https" : "http", port);
    ROLL_TRY(sandbox_daemon_new(service->server, fd, key, cert, &service->daemon));
    if (service->options->keep_port && port != kept)
        ROLL_TRY(sandbox_server_keep_port(service->server, port));
    return NULL;
}

/* ---- users ---- */

static void greet(struct service *service)
{
    int fd = accept4(service->users_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0)
        return;
    g_autofree char *line = g_strdup_printf("%s\n", service->server->url);
    if (send(fd, line, strlen(line), MSG_NOSIGNAL) == (ssize_t)strlen(line))
        g_array_append_val(service->users, fd);
    else
        close(fd);
}

/* A user never says anything: readable means gone. */
static void drop_user(struct service *service, guint index)
{
    char byte;
    int fd = g_array_index(service->users, int, index);
    ssize_t got = recv(fd, &byte, 1, 0);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return;
    close(fd);
    g_array_remove_index_fast(service->users, index);
}

/* ---- the loop ---- */

/* Its folder was deleted, and with it the lock that says that it runs. */
static bool is_lost(const struct service *service)
{
    return faccessat(service->options->home_fd, SANDBOX_LOCK, F_OK, 0) != 0 && errno == ENOENT;
}

/* How long the loop may sleep, and whether the last user has gone and nothing runs any more: or
 * nobody could come any more. */
static struct roll_error *check_end(struct service *service, int *timeout_ms)
{
    int64_t until_ms;
    if (!service->options->until_users_gone || service->users->len > 0)
        return NULL;
    ROLL_TRY(sandbox_server_busy_until(service->server, &until_ms));
    int64_t left = MIN(until_ms - roll_now_ms(), LOOK_MS);
    if (left <= 0 || is_lost(service))
        service->ended = true;
    else if (*timeout_ms < 0 || left < *timeout_ms)
        *timeout_ms = (int)left;
    return NULL;
}

static struct roll_error *serve_once(struct service *service, GArray *polls)
{
    int timeout_ms = sandbox_daemon_timeout_ms(service->daemon);
    ROLL_TRY(check_end(service, &timeout_ms));
    if (service->ended)
        return NULL;
    g_array_set_size(polls, 0);
    const int fixed[] = {service->signal_fd, sandbox_daemon_fd(service->daemon), service->users_fd};
    for (size_t i = 0; i < G_N_ELEMENTS(fixed); i++) {
        struct pollfd item = {.fd = fixed[i], .events = POLLIN};
        g_array_append_val(polls, item);
    }
    for (guint i = 0; i < service->users->len; i++) {
        struct pollfd item = {.fd = g_array_index(service->users, int, i), .events = POLLIN};
        g_array_append_val(polls, item);
    }
    if (poll((struct pollfd *)(void *)polls->data, polls->len, timeout_ms) < 0 && errno != EINTR)
        return roll_error_errno(errno, "the sandbox cannot wait");
    const struct pollfd *found = (const struct pollfd *)(const void *)polls->data;
    service->ended = found[0].revents != 0;
    sandbox_daemon_run(service->daemon);
    for (guint i = service->users->len; i-- > 0;) {
        if (found[3 + i].revents)
            drop_user(service, i);
    }
    /* Who comes when the last one has gone meets the next server, with a time and faults of its
     * own: the poll that saw it come also saw that the others have gone. */
    if (found[2].revents)
        ROLL_TRY(check_end(service, &timeout_ms));
    if (found[2].revents && !service->ended)
        greet(service);
    return NULL;
}

static struct roll_error *serve(struct service *service)
{
    g_autoptr(GArray) polls = g_array_new(FALSE, FALSE, sizeof(struct pollfd));
    struct roll_error *err = NULL;
    /* Whoever started this server is in the queue already: without it the loop would end at once.
     */
    if (service->options->until_users_gone) {
        struct pollfd first = {.fd = service->users_fd, .events = POLLIN};
        if (poll(&first, 1, 10000) > 0)
            greet(service);
    }
    while (!err && !service->ended)
        err = serve_once(service, polls);
    return err;
}

static struct roll_error *start(struct service *service)
{
    const struct roll_sandbox_options *options = service->options->sandbox;
    ROLL_TRY(sandbox_server_open(options->state_file, options->operation_time_ms, options->faults,
                                 &service->server));
    service->server->throttled = options->buckets;
    GPtrArray *certificates = NULL;
    ROLL_TRY(sandbox_certificates_read(options->client_certificates, &certificates));
    g_ptr_array_unref(service->server->certificates);
    service->server->certificates = certificates;
    service->server->token_life_ms = options->token_life_ms;
    ROLL_TRY(start_http(service));
    if (service->options->ready)
        service->options->ready(service->options->user, service->server->port);
    return NULL;
}

struct roll_error *sandbox_service_run(const struct sandbox_service_options *options)
{
    struct service service = {.options = options, .users_fd = options->users_fd, .signal_fd = -1};
    sigset_t ends, before;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    service.users = g_array_new(FALSE, FALSE, sizeof(int));
    sigprocmask(SIG_BLOCK, &ends, &before);
    service.signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    struct roll_error *err =
        service.signal_fd < 0 ? roll_error_errno(errno, "the sandbox cannot take signals") : NULL;
    if (!err)
        err = start(&service);
    if (!err)
        err = serve(&service);
    sandbox_daemon_free(service.daemon);
    sandbox_server_free(service.server);
    for (guint i = 0; i < service.users->len; i++)
        close(g_array_index(service.users, int, i));
    g_array_unref(service.users);
    if (service.signal_fd >= 0) {
        struct signalfd_siginfo info;
        while (read(service.signal_fd, &info, sizeof(info)) > 0)
            ;
        close(service.signal_fd);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return err;
}

struct roll_error *roll_sandbox_serve(const struct roll_sandbox_options *options,
                                      void (*ready)(void *user, int port), void *user)
{
    struct sandbox_service_options service = {
        .sandbox = options, .users_fd = -1, .ready = ready, .user = user};
    return sandbox_service_run(&service);
}
