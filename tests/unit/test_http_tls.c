/* Connections that never come about, and which versions of TLS are offered, read from the first
 * bytes that leave: also where the system's configuration would allow older ones. */
#include <arpa/inet.h>
#include <check.h>
#include <glib/gstdio.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "rollbook/http.h"
#include "rollbook/time.h"
#include "suite_tools.h"

#define TLS_1_2 0x0303

/* Takes one connection, keeps what comes first, and closes. */
struct listener {
    int fd, port;
    unsigned char hello[8192];
    ssize_t size;
};

static gpointer listen_once(gpointer data)
{
    struct listener *listener = data;
    int fd = accept(listener->fd, NULL, NULL);

    listener->size = recv(fd, listener->hello, sizeof listener->hello, 0);
    close(fd);
    return NULL;
}

static void open_listener(struct listener *listener)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;

    listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener->fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener->fd, 1), 0);
    ck_assert_int_eq(getsockname(listener->fd, (struct sockaddr *)&address, &size), 0);
    listener->port = ntohs(address.sin_port);
}

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    *(enum roll_http_outcome *)user = reply->outcome;
}

static int number(const unsigned char *at, int bytes)
{
    int value = 0;

    while (bytes-- > 0)
        value = value << 8 | *at++;
    return value;
}

/* RFC 8446 section 4.1.2: record header, handshake header, version, random, then vectors. */
static int oldest_version(const unsigned char *hello, ssize_t size)
{
    const unsigned char *end = hello + size, *at = hello + 9;
    int oldest = number(at, 2);

    ck_assert_int_gt(size, 60);
    ck_assert_int_eq(hello[0], 22); /* a handshake */
    ck_assert_int_eq(hello[5], 1);  /* ClientHello */
    at += 2 + 32;
    at += 1 + number(at, 1); /* session */
    at += 2 + number(at, 2); /* ciphers */
    at += 1 + number(at, 1); /* compression */
    for (at += 2; at + 4 <= end; at += 4 + number(at + 2, 2)) {
        if (number(at, 2) != 43) /* supported_versions */
            continue;
        for (int i = 0; i < at[4]; i += 2)
            if (at[5 + i] == 3) /* others are there to keep servers tolerant (RFC 8701) */
                oldest = MIN(oldest, number(at + 5 + i, 2));
    }
    return oldest;
}

static void allow_everything(const char *path)
{
    static const char text[] = "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n"
                               "[c]\nMinProtocol = TLSv1\nCipherString = DEFAULT@SECLEVEL=0\n";

    ck_assert(g_file_set_contents(path, text, -1, NULL));
    g_setenv("OPENSSL_CONF", path, TRUE);
}

START_TEST(test_http_tls__nothing_older_than_1_2_is_offered)
{
    g_autofree char *folder = g_dir_make_tmp("roll-tls-XXXXXX", NULL);
    g_autofree char *config = g_build_filename(folder, "openssl.cnf", NULL);
    struct listener listener = {0};
    struct roll_loop *loop = NULL;
    enum roll_http_outcome outcome = ROLL_HTTP_REPLIED;

    allow_everything(config);
    open_listener(&listener);
    GThread *thread = g_thread_new("listener", listen_once, &listener);
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%d/", listener.port);
    struct roll_http_request request = {.method = "GET", .url = url, .retry = ROLL_HTTP_RETRY_NONE};
    ck_assert_ptr_null(roll_loop_new(&loop));
    roll_http_send(loop, &request, on_reply, &outcome);
    ck_assert_ptr_null(roll_loop_run(loop));
    g_thread_join(thread);
    ck_assert_int_eq(outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_ge(oldest_version(listener.hello, listener.size), TLS_1_2);
    roll_loop_free(loop);
    close(listener.fd);
    g_unlink(config);
    g_rmdir(folder);
}
END_TEST

/* A queue that is full swallows every further connection. */
START_TEST(test_http_tls__connecting_has_a_limit_of_its_own)
{
    struct listener listener = {0};
    struct roll_loop *loop = NULL;
    enum roll_http_outcome outcome = ROLL_HTTP_REPLIED;
    int fillers[4];

    open_listener(&listener);
    ck_assert_int_eq(listen(listener.fd, 0), 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons((uint16_t)listener.port)};
    for (size_t i = 0; i < G_N_ELEMENTS(fillers); i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, sizeof address);
    }
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/", listener.port);
    struct roll_http_request request = {.method = "PUT", .url = url, .connect_timeout_ms = 200};
    int64_t start = roll_boot_ms();
    ck_assert_ptr_null(roll_loop_new(&loop));
    roll_http_send(loop, &request, on_reply, &outcome);
    ck_assert_ptr_null(roll_loop_run(loop));
    ck_assert_int_eq(outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_lt(roll_boot_ms() - start, 8000);
    ck_assert_int_ge(roll_boot_ms() - start, 150);
    roll_loop_free(loop);
    for (size_t i = 0; i < G_N_ELEMENTS(fillers); i++)
        close(fillers[i]);
    close(listener.fd);
}
END_TEST

int main(void)
{
    Suite *all = suite_create("http_tls");
    TCase *tls = tcase_create("tls");

    tcase_add_test(tls, test_http_tls__connecting_has_a_limit_of_its_own);
    tcase_add_test(tls, test_http_tls__nothing_older_than_1_2_is_offered);
    suite_add_tcase(all, tls);
    return run_suite(all);
}
