/* The event loop and its requests, against scripted replies on loopback. */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rollbook/http.h"
#include "rollbook/time.h"
#include "tools/scripted_server.h"

/* ---- helpers -------------------------------------------------------------------------------- */

/* What one request gave, copied out of its callback. */
struct got {
    struct roll_loop *loop;
    int calls;
    enum roll_http_outcome outcome;
    int status, attempts;
    char *body, *problem, *header;
    size_t body_size;
    int64_t retry_after_ms, server_date_ms;
    const char *wanted_header;
};

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct got *got = user;

    got->calls++;
    got->outcome = reply->outcome;
    got->status = reply->status;
    got->attempts = reply->attempts;
    got->body = g_strndup(reply->body, reply->body_size);
    got->body_size = reply->body_size;
    got->problem = g_strdup(reply->problem);
    got->retry_after_ms = roll_http_retry_after_ms(reply);
    got->server_date_ms = reply->server_date_ms;
    if (got->wanted_header)
        got->header = g_strdup(roll_http_header(reply, got->wanted_header));
}

static struct roll_loop *new_loop(void)
{
    struct roll_loop *loop = NULL;

    ck_assert_ptr_null(roll_loop_new(&loop));
    return loop;
}

static void run(struct roll_loop *loop)
{
    struct roll_error *err = roll_loop_run(loop);

    ck_assert_msg(!err, "%s", err ? err->message : "");
}

static void clear(struct got *got)
{
    g_free(got->body);
    g_free(got->problem);
    g_free(got->header);
    *got = (struct got){.wanted_header = got->wanted_header};
}

/* One request on a loop of its own. */
static void fetch(const struct roll_http_request *request, struct got *got)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();

    clear(got);
    roll_http_send(loop, request, on_reply, got);
    ck_assert_int_eq(got->calls, 0);
    run(loop);
    ck_assert_int_eq(got->calls, 1);
}

static char *url_of(struct scripted_server *server, const char *path)
{
    return g_strconcat(scripted_server_url(server), path, NULL);
}

static void stop(struct scripted_server *server)
{
    g_autofree char *complaint = scripted_server_stop(server);

    ck_assert_msg(!complaint, "%s", complaint);
}

/* ---- loop ----------------------------------------------------------------------------------- */

struct order {
    struct roll_loop *loop;
    GString *seen;
    unsigned to_cancel;
};

static void see_a(void *user)
{
    struct order *order = user;

    g_string_append_c(order->seen, 'a');
    roll_loop_cancel_timer(order->loop, order->to_cancel);
}

static void see_b(void *user)
{
    g_string_append_c(((struct order *)user)->seen, 'b');
}

static void see_stop(void *user)
{
    struct order *order = user;

    g_string_append_c(order->seen, 's');
    roll_loop_stop(order->loop);
}

START_TEST(test_http__what_is_started_is_under_way_without_callbacks)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /early\nreply 200\n  body hello\n", 0);
    struct roll_loop *loop = new_loop();
    struct got got = {0};
    g_autofree char *url = url_of(server, "/early");
    struct roll_http_request request = {.method = "GET", .url = url};
    int64_t until = roll_boot_ms() + 10000;

    roll_http_send(loop, &request, on_reply, &got);
    while (scripted_server_count(server) == 0 && roll_boot_ms() < until) {
        roll_loop_start(loop);
        g_usleep(1000);
    }
    ck_assert_uint_eq(scripted_server_count(server), 1);
    ck_assert_int_eq(got.calls, 0);
    run(loop);
    ck_assert_int_eq(got.calls, 1);
    clear(&got);
    roll_loop_free(loop);
    stop(server);
}
END_TEST

START_TEST(test_http__timers_fire_in_order_and_can_be_cancelled)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();
    struct order order = {.loop = loop, .seen = g_string_new(NULL)};
    int64_t now = roll_boot_ms();

    roll_loop_timer(loop, now + 20, see_b, &order);
    roll_loop_timer(loop, now, see_a, &order);
    roll_loop_timer(loop, now, see_b, &order);
    order.to_cancel =
        roll_loop_timer(loop, now, see_stop, &order); /* due at once, cancelled by see_a */
    run(loop);
    ck_assert_str_eq(order.seen->str, "abb");
    ck_assert_int_ge(roll_boot_ms(), now + 20);
    roll_loop_cancel_timer(loop, 12345);
    g_string_free(order.seen, TRUE);
}
END_TEST

START_TEST(test_http__stop_ends_a_run_and_keeps_what_is_left)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();
    struct order order = {.loop = loop, .seen = g_string_new(NULL)};

    roll_loop_timer(loop, 0, see_stop, &order);
    roll_loop_timer(loop, 0, see_b, &order);
    run(loop);
    ck_assert_str_eq(order.seen->str, "s");
    run(loop);
    ck_assert_str_eq(order.seen->str, "sb");
    roll_loop_timer(loop, 0, see_b, &order);
    roll_loop_stop(loop); /* before the run: it ends at once */
    run(loop);
    ck_assert_str_eq(order.seen->str, "sb");
    g_string_free(order.seen, TRUE);
}
END_TEST

struct piped {
    struct roll_loop *loop;
    int fd, reads;
};

static void on_readable(void *user)
{
    struct piped *piped = user;
    char byte = 0;

    ck_assert_int_eq(read(piped->fd, &byte, 1), 1);
    if (++piped->reads == 2)
        roll_loop_unwatch(piped->loop, piped->fd);
}

START_TEST(test_http__descriptors_call_until_unwatched)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    struct piped piped = {.loop = loop, .fd = fds[0]};
    ck_assert_int_eq(write(fds[1], "xyz", 3), 3);
    roll_loop_watch(loop, fds[0], on_readable, &piped);
    run(loop);
    ck_assert_int_eq(piped.reads, 2);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

struct signalled {
    struct roll_loop *loop;
    int number;
};

static void on_signal(void *user, int number)
{
    struct signalled *signalled = user;

    signalled->number = number;
    roll_loop_stop(signalled->loop);
}

static void raise_term(void *user)
{
    (void)user;
    raise(SIGTERM);
}

static void never(void *user)
{
    (void)user;
    ck_abort_msg("must not fire");
}

START_TEST(test_http__signals_arrive_as_numbers)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();
    roll_auto(loop) struct roll_loop *other = new_loop();
    struct signalled signalled = {.loop = loop};

    ck_assert_ptr_null(roll_loop_signals(loop, on_signal, &signalled));
    roll_loop_timer(loop, 0, raise_term, NULL);
    roll_loop_timer(loop, roll_boot_ms() + 60000, never, NULL);
    run(loop);
    ck_assert_int_eq(signalled.number, SIGTERM);
    roll_auto(error) struct roll_error *err = roll_loop_signals(other, on_signal, &signalled);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_INTERNAL);
}
END_TEST

struct ended {
    int calls, status;
    char *out;
};

static void on_end(void *user, const struct roll_process_result *result)
{
    struct ended *ended = user;

    ended->calls++;
    ended->status = result->exit_status;
    ended->out = g_strdup(result->out->str);
}

START_TEST(test_http__children_are_awaited_with_their_output)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();
    const char *const argv[] = {"sh", "-c", "echo out; exit 3", NULL};
    const char *const missing[] = {"no-such-program-anywhere", NULL};
    struct roll_process_options options = {.argv = argv, .timeout_ms = 60000};
    struct ended ended = {0};

    ck_assert_ptr_null(roll_loop_process(loop, &options, on_end, &ended));
    ck_assert_int_eq(ended.calls, 0);
    run(loop);
    ck_assert_int_eq(ended.calls, 1);
    ck_assert_int_eq(ended.status, 3);
    ck_assert_str_eq(ended.out, "out\n");
    g_free(ended.out);
    options.argv = missing;
    roll_auto(error) struct roll_error *err = roll_loop_process(loop, &options, on_end, &ended);
    ck_assert_ptr_nonnull(err);
    run(loop);
    ck_assert_int_eq(ended.calls, 1);
}
END_TEST

/* ---- requests ------------------------------------------------------------------------------- */

START_TEST(test_http__get_gives_status_headers_and_body)
{
    struct scripted_server *server = scripted_server_start(
        "expect GET /a/../b%3a%3A?sig=%2f&x=1\n"
        "  has-header User-Agent: rollbook/\n"
        "  has-header x-ms-client-request-id: one\n"
        "  lacks-header Authorization\n"
        "  lacks-header Content-Type\n"
        "reply 200 OK\n  header X-Thing:  two words \n  header x-thing: second\n"
        "  header Date: Thu, 01 Jan 2026 00:00:00 GMT\n  body hello\n",
        0);
    g_autofree char *url = url_of(server, "/a/../b%3a%3A?sig=%2f&x=1#fragment");
    const char *const headers[] = {"x-ms-client-request-id: one", NULL};
    struct roll_http_request request = {.method = "GET", .url = url, .headers = headers};
    struct got got = {.wanted_header = "X-THING"};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_REPLIED);
    ck_assert_int_eq(got.status, 200);
    ck_assert_str_eq(got.body, "hello");
    ck_assert_str_eq(got.header, "two words");
    ck_assert_int_eq(got.server_date_ms, INT64_C(1767225600000));
    ck_assert_ptr_null(got.problem);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__put_sends_its_body_and_token_on_loopback)
{
    struct scripted_server *server =
        scripted_server_start("expect PUT /d\n  has-header Authorization: Bearer abc.def\n"
                              "  has-header Content-Type: application/json\n"
                              "  lacks-header Expect\n  has-body {\"a\":1}\n"
                              "reply 201\n  header Content-Type: text/plain\n",
                              0);
    g_autofree char *url = url_of(server, "/d");
    roll_auto(secret) struct roll_secret *token = roll_secret_new("abc.def", 7);
    const char *const headers[] = {"Content-Type: application/json", NULL};
    struct roll_http_request request = {.method = "PUT",
                                        .url = url,
                                        .headers = headers,
                                        .bearer = token,
                                        .body = "{\"a\":1}",
                                        .body_size = 7};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.status, 201);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__one_connection_serves_one_request_after_another)
{
    struct scripted_server *server = scripted_server_start("expect GET /x times 3\nreply 204\n", 0);
    roll_auto(loop) struct roll_loop *loop = new_loop();
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url};

    for (int i = 0; i < 3; i++) {
        struct got got = {0};
        roll_http_send(loop, &request, on_reply, &got);
        run(loop);
        ck_assert_int_eq(got.status, 204);
        clear(&got);
    }
    ck_assert_int_eq(roll_http_stats(loop).requests, 3);
    ck_assert_int_eq(roll_http_stats(loop).connections, 1);
    ck_assert_int_eq(scripted_server_connections(server), 1);
    stop(server);
}
END_TEST

START_TEST(test_http__two_hundred_requests_use_at_most_64_connections)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /x times 200\nreply 200\n  delay 2ms\n  body y\n", 0);
    roll_auto(loop) struct roll_loop *loop = new_loop();
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url};
    struct got got[200] = {0};

    for (int i = 0; i < 200; i++)
        roll_http_send(loop, &request, on_reply, &got[i]);
    run(loop);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(got[i].calls, 1);
        ck_assert_int_eq(got[i].status, 200);
        clear(&got[i]);
    }
    ck_assert_int_le(scripted_server_connections(server), 64);
    stop(server);
}
END_TEST

/* ---- outcomes: what was certainly not received, and what may have been ---------------------- */

START_TEST(test_http__refused_connection_is_unsent)
{
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/", scripted_free_port());
    struct roll_http_request request = {.method = "PUT", .url = url, .body = "x", .body_size = 1};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_eq(got.status, 0);
    ck_assert_ptr_nonnull(got.problem);
    clear(&got);
}
END_TEST

START_TEST(test_http__what_is_late_stays_here)
{
    struct scripted_server *server =
        scripted_server_start("expect PUT /d times any\nreply 201\n", 0);
    g_autofree char *url = url_of(server, "/d");
    struct roll_http_request request = {.method = "PUT", .url = url, .leave_by_boot_ms = 1};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    clear(&got);
    request.leave_by_boot_ms = roll_boot_ms() + 60000;
    fetch(&request, &got);
    ck_assert_int_eq(got.status, 201);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__failed_tls_is_unsent)
{
    struct scripted_server *server = scripted_server_start("accept-close 9\n", 0);
    g_autofree char *url = g_strdup_printf("https://127.0.0.1:%d/", scripted_server_port(server));
    struct roll_http_request request = {.method = "PUT", .url = url};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    clear(&got);
    stop(server);
}
END_TEST

/* Each fault, once: the request may have been received, so that the outcome is LOST, and it was
 * sent once. */
static const struct {
    const char *reply;
    const char *problem; /* part of it, or NULL */
} lost[] = {
    {"reply 200\n  fault drop\n", NULL},
    {"reply 200\n  fault reset\n", NULL},
    {"reply 201\n  body 0123456789\n  fault truncate 4\n", NULL},
    {"reply 200\n  raw garbage that is no HTTP\n  close\n", NULL},
    {"reply 200\n  raw <<END\nHTTP/1.1 200 OK\nContent-Length: 5\nbroken\nEND\n  close\n", NULL},
    {"reply 200\n  fault silent\n", "no byte came"},
    {"reply 200\n  body 0123456789\n  fault stall 4\n", "no byte came"},
    {"reply 200\n  body-repeat 300 0123456789\n", "larger than allowed"},
    {"reply 200\n  header Transfer-Encoding: chunked\n  body xyz\n  close\n", NULL},
};

START_TEST(test_http__a_broken_reply_is_lost_and_never_repeated)
{
    g_autofree char *script = g_strconcat("expect PUT /d\n", lost[_i].reply, NULL);
    struct scripted_server *server = scripted_server_start(script, 0);
    g_autofree char *url = url_of(server, "/d");
    struct roll_http_request request = {
        .method = "PUT", .url = url, .max_reply_bytes = 2000, .stall_timeout_ms = 50};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_LOST);
    ck_assert_int_eq(got.status, 0);
    if (lost[_i].problem)
        ck_assert_ptr_nonnull(strstr(got.problem, lost[_i].problem));
    ck_assert_int_eq(scripted_server_count(server), 1);
    clear(&got);
    stop(server);
}
END_TEST

/* libcurl repeats a request when a kept connection turns out to be dead: a GET may be, a PUT must
 * not be. */
START_TEST(test_http__a_put_on_a_dying_connection_is_lost_not_repeated)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /first\nreply 200\n"
                              "expect PUT /d times any\nreply 200\n  fault drop\n",
                              0);
    roll_auto(loop) struct roll_loop *loop = new_loop();
    g_autofree char *first = url_of(server, "/first"), *second = url_of(server, "/d");
    struct roll_http_request get = {.method = "GET", .url = first};
    struct roll_http_request put = {.method = "PUT", .url = second, .body = "x", .body_size = 1};
    struct got got = {0};

    roll_http_send(loop, &get, on_reply, &got);
    run(loop);
    clear(&got);
    roll_http_send(loop, &put, on_reply, &got);
    run(loop);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_LOST);
    ck_assert_int_eq(scripted_server_count(server), 2);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__slow_reply_ends_at_its_time_out)
{
    struct scripted_server *server = scripted_server_start(
        "expect GET /x\nreply 200\n  body-repeat 1000 z\n  fault drip 1 10ms\n", 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url, .timeout_ms = 100};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_LOST);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__endless_headers_are_cut)
{
    g_autoptr(GString) script = g_string_new("expect GET /x\nreply 200\n");
    for (int i = 0; i < 600; i++)
        g_string_append_printf(script, "  header X-%d: y\n", i);
    struct scripted_server *server = scripted_server_start(script->str, 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_LOST);
    ck_assert_str_eq(got.problem, "the reply has too many headers");
    clear(&got);
    stop(server);
}
END_TEST

/* 100,000 zero bytes in 133: what counts is the size after decompression. */
START_TEST(test_http__a_compressed_reply_counts_as_what_it_becomes)
{
    static const char script[] = "expect GET /bomb times 2\n  has-header Accept-Encoding: gzip\n"
                                 "reply 200\n  header Content-Encoding: gzip\n  body-hex <<END\n"
#include "unit/zeros_gzip.inc"
                                 "END\n";
    struct scripted_server *server = scripted_server_start(script, 0);
    g_autofree char *url = url_of(server, "/bomb");
    struct roll_http_request request = {.method = "GET", .url = url, .max_reply_bytes = 99999};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_LOST);
    ck_assert_str_eq(got.problem, "the reply is larger than allowed");
    request.max_reply_bytes = 100000;
    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_REPLIED);
    ck_assert_uint_eq(got.body_size, 100000);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__redirects_are_not_followed)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /x\nreply 307\n  header Location: ${url}/elsewhere\n", 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.status, 307);
    clear(&got);
    stop(server);
}
END_TEST

/* ---- what is never sent --------------------------------------------------------------------- */

static const char *const unsendable[] = {
    "ftp://127.0.0.1/x",
    "file:///etc/passwd",
    "127.0.0.1/x",
    "http:///x",
    "http://127.0.0.1/a b",
    "http://127.0.0.1/a\r\nX: y",
    "http://user@127.0.0.1/",
    "",
};

START_TEST(test_http__odd_addresses_are_refused)
{
    struct roll_http_request request = {
        .method = "GET", .url = unsendable[_i], .retry = ROLL_HTTP_RETRY_READ};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_eq(got.attempts, 0);
    clear(&got);
}
END_TEST

START_TEST(test_http__a_token_never_goes_over_plain_http)
{
    roll_auto(secret) struct roll_secret *token = roll_secret_new("t", 1);
    struct roll_http_request request = {
        .method = "GET", .url = "http://127.0.0.1.example.com/", .bearer = token};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    ck_assert_str_eq(got.problem, "a token is never sent over plain http");
    clear(&got);
}
END_TEST

START_TEST(test_http__a_header_cannot_smuggle_another)
{
    const char *const headers[] = {"X-A: b\r\nX-C: d", NULL};
    struct roll_http_request request = {
        .method = "GET", .url = "http://127.0.0.1:1/", .headers = headers};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_eq(got.attempts, 0);
    clear(&got);
}
END_TEST

START_TEST(test_http__loopback_takes_no_proxy)
{
    struct scripted_server *server = scripted_server_start("expect GET /x\nreply 200\n", 0);
    g_autofree char *url = url_of(server, "/x");
    g_autofree char *proxy = g_strdup_printf("http://127.0.0.1:%d", scripted_free_port());
    struct roll_http_request request = {.method = "GET", .url = url};
    struct got got = {0};

    g_setenv("http_proxy", proxy, TRUE);
    fetch(&request, &got);
    ck_assert_int_eq(got.status, 200);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__other_hosts_take_the_proxy)
{
    struct scripted_server *server =
        scripted_server_start("expect GET http://arm.example/x\nreply 200\n  body proxied\n", 0);
    struct roll_http_request request = {.method = "GET", .url = "http://arm.example/x"};
    struct got got = {0};

    g_setenv("http_proxy", scripted_server_url(server), TRUE);
    fetch(&request, &got);
    ck_assert_str_eq(got.body, "proxied");
    clear(&got);
    stop(server);
}
END_TEST

/* ---- retries -------------------------------------------------------------------------------- */

static const char *const passing[] = {
    "reply 408\n",
    "reply 429\n  header retry-after-ms: 5\n",
    "reply 500\n",
    "reply 502\n",
    "reply 503\n",
    "reply 504\n",
    "reply 200\n  fault drop\n",
};

START_TEST(test_http__reads_are_repeated_until_they_succeed)
{
    g_autofree char *script =
        g_strconcat("expect GET /x\n", passing[_i], "reply 200\n  body good\n", NULL);
    struct scripted_server *server = scripted_server_start(script, 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url, .retry = ROLL_HTTP_RETRY_READ};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.status, 200);
    ck_assert_str_eq(got.body, "good");
    ck_assert_int_eq(got.attempts, 2);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__other_statuses_are_not_repeated)
{
    static const int statuses[] = {400, 401, 403, 404, 409, 501};
    g_autofree char *script = g_strdup_printf("expect GET /x\nreply %d\n", statuses[_i]);
    struct scripted_server *server = scripted_server_start(script, 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url, .retry = ROLL_HTTP_RETRY_READ};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.status, statuses[_i]);
    ck_assert_int_eq(got.attempts, 1);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__retry_after_is_waited_for)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /x\nreply 429\n  header Retry-After: 1\nreply 200\n", 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url, .retry = ROLL_HTTP_RETRY_READ};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.status, 200);
    ck_assert_int_ge(scripted_server_request(server, 1)->at_us -
                         scripted_server_request(server, 0)->at_us,
                     1000000);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__a_retry_beyond_the_deadline_is_not_made)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /x\nreply 429\n  header Retry-After: 90\n", 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url, .retry = ROLL_HTTP_RETRY_READ};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.status, 429);
    ck_assert_int_eq(got.retry_after_ms, 90000);
    clear(&got);
    stop(server);
}
END_TEST

START_TEST(test_http__a_poll_says_at_once_that_nobody_listens)
{
    g_autofree char *url = g_strdup_printf("http://127.0.0.1:%d/", scripted_free_port());
    struct roll_http_request request = {.method = "GET", .url = url, .retry = ROLL_HTTP_RETRY_POLL};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_eq(got.attempts, 1);
    request.retry = ROLL_HTTP_RETRY_READ;
    request.deadline_ms = 400;
    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_UNSENT);
    ck_assert_int_ge(got.attempts, 2);
    clear(&got);
}
END_TEST

static const struct {
    const char *headers;
    int64_t ms;
} delays[] = {
    {"", -1},
    {"  header Retry-After: 7\n", 7000},
    {"  header Retry-After: 0\n", 0},
    {"  header Retry-After: -5\n", -1},
    {"  header Retry-After: 7 apples\n", -1},
    {"  header Retry-After: 99999999999999999999\n", 3600000},
    {"  header x-ms-retry-after-ms: 250\n  header Retry-After: 7\n", 250},
    {"  header retry-after-ms: 120.5\n  header x-ms-retry-after-ms: 250\n", 120},
    {"  header Date: Thu, 01 Jan 2026 00:00:00 GMT\n"
     "  header Retry-After: Thu, 01 Jan 2026 00:00:12 GMT\n",
     12000},
    {"  header Retry-After: Wed, 21 Oct 2026888888\n", -1},
    {"  header Date: Wed, 21 Oct 2026888888\n"
     "  header Retry-After: Thu, 01 Jan 1970 00:00:12 GMT\n",
     0},
    {"  header Date: Thu, 01 Jan 2026 00:00:30 GMT\n"
     "  header Retry-After: Thu, 01 Jan 2026 00:00:12 GMT\n",
     0},
};

START_TEST(test_http__retry_after_in_all_its_spellings)
{
    g_autofree char *script = g_strconcat("expect GET /x\nreply 503\n", delays[_i].headers, NULL);
    struct scripted_server *server = scripted_server_start(script, 0);
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url};
    struct got got = {0};

    fetch(&request, &got);
    ck_assert_int_eq(got.retry_after_ms, delays[_i].ms);
    clear(&got);
    stop(server);
}
END_TEST

/* ---- cancelling ----------------------------------------------------------------------------- */

static void not_called(void *user, const struct roll_http_reply *reply)
{
    (void)user, (void)reply;
    ck_abort_msg("a cancelled request called back");
}

struct cancelling {
    struct roll_loop *loop;
    struct roll_http_call *running, *retrying;
};

static void cancel_both(void *user)
{
    struct cancelling *cancelling = user;

    roll_http_cancel(cancelling->loop, cancelling->running);
    roll_http_cancel(cancelling->loop, cancelling->retrying);
}

START_TEST(test_http__cancelled_requests_never_call_back)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /silent\nreply 200\n  fault silent\n"
                              "expect GET /busy\nreply 503\n  header Retry-After: 30\n",
                              0);
    roll_auto(loop) struct roll_loop *loop = new_loop();
    g_autofree char *silent = url_of(server, "/silent"), *busy = url_of(server, "/busy");
    struct roll_http_request one = {.method = "GET", .url = silent};
    struct roll_http_request two = {.method = "GET", .url = busy, .retry = ROLL_HTTP_RETRY_READ};
    struct cancelling cancelling = {.loop = loop};

    cancelling.running = roll_http_send(loop, &one, not_called, NULL);
    cancelling.retrying = roll_http_send(loop, &two, not_called, NULL);
    struct roll_http_call *queued = roll_http_send(loop, &one, not_called, NULL);
    roll_http_cancel(loop, queued);
    roll_loop_timer(loop, roll_boot_ms() + 100, cancel_both, &cancelling);
    run(loop); /* ends, since nothing is left */
    stop(server);
}
END_TEST

static void count(void *user)
{
    ++*(int *)user;
}

/* Running and queued ones; whoever cancels one frees what is theirs. */
START_TEST(test_http__a_freed_loop_forgets_what_is_under_way)
{
    struct scripted_server *server =
        scripted_server_start("expect GET /x times any\nreply 200\n  fault silent\n", 0);
    roll_auto(loop) struct roll_loop *loop = new_loop();
    g_autofree char *url = url_of(server, "/x");
    struct roll_http_request request = {.method = "GET", .url = url, .drop = count};
    int dropped = 0;
    struct order order = {.loop = loop, .seen = g_string_new(NULL)};

    for (int i = 0; i < 70; i++)
        roll_http_send(loop, &request, not_called, &dropped);
    roll_http_cancel(loop, roll_http_send(loop, &request, not_called, &dropped));
    roll_loop_timer(loop, roll_boot_ms() + 20, see_stop, &order);
    run(loop);
    g_string_free(order.seen, TRUE);
    ck_assert_int_eq(dropped, 0);
    g_clear_pointer(&loop, roll_loop_free);
    ck_assert_int_eq(dropped, 70);
    stop(server);
}
END_TEST

/* ---- addresses ------------------------------------------------------------------------------ */

START_TEST(test_http__loopback_and_origin_of_addresses)
{
    static const char *const loopback[] = {"http://127.0.0.1:80/x", "http://127.1.2.3",
                                           "https://localhost:1/", "HTTP://LOCALHOST?x",
                                           "http://[::1]:8080/"};
    static const char *const elsewhere[] = {"http://127.0.0.1.example.com/",
                                            "http://localhost.example/",
                                            "http://127.0.0.1@evil/",
                                            "http://128.0.0.1/",
                                            "http://[::2]/",
                                            "http://[::1].example/",
                                            "127.0.0.1",
                                            ""};
    const char *arm = "https://management.azure.com";

    for (size_t i = 0; i < G_N_ELEMENTS(loopback); i++)
        ck_assert_msg(roll_url_is_loopback(loopback[i]), "%s", loopback[i]);
    for (size_t i = 0; i < G_N_ELEMENTS(elsewhere); i++)
        ck_assert_msg(!roll_url_is_loopback(elsewhere[i]), "%s", elsewhere[i]);
    ck_assert(roll_url_is_within("https://management.azure.com/x?y", arm));
    ck_assert(roll_url_is_within("https://westeurope.Management.azure.com/x", arm));
    ck_assert(!roll_url_is_within("http://management.azure.com/x", arm));
    ck_assert(!roll_url_is_within("https://evilmanagement.azure.com/x", arm));
    ck_assert(!roll_url_is_within("https://management.azure.com.evil/x", arm));
    ck_assert(!roll_url_is_within("https://management.azure.com@evil/x", arm));
    ck_assert(!roll_url_is_within("https://evil\\management.azure.com/x", arm));
    ck_assert(!roll_url_is_within("https://management.azure.com\\@evil.example/x", arm));
    ck_assert(!roll_url_is_loopback("http://127.0.0.1\\@evil.example/x"));
    ck_assert(!roll_url_is_within("https://evil.example:80.management.azure.com/x", arm));
    ck_assert(!roll_url_is_within("https://[::1]:.management.azure.com/x", arm));
    ck_assert(!roll_url_is_within("https://ev\xffil.management.azure.com/x", arm));
    ck_assert(!roll_url_is_within("https://management.azure.com:444/x", arm));
    ck_assert(!roll_url_is_within("http://127.0.0.1:81/", "http://127.0.0.1:80"));
}
END_TEST

START_TEST(test_http__encoding_leaves_only_unreserved_characters)
{
    g_autoptr(GString) out = g_string_new(NULL);

    roll_url_encode("aZ09-._~ /?#%&+é", out);
    ck_assert_str_eq(out->str, "aZ09-._~%20%2F%3F%23%25%26%2B%C3%A9");
}
END_TEST

static Suite *suite(void)
{
    Suite *all = suite_create("http");
    TCase *loop = tcase_create("loop");
    TCase *requests = tcase_create("requests");
    TCase *retries = tcase_create("retries");

    tcase_set_timeout(requests, 20);
    tcase_set_timeout(retries, 20);
    tcase_add_test(loop, test_http__what_is_started_is_under_way_without_callbacks);
    tcase_add_test(loop, test_http__timers_fire_in_order_and_can_be_cancelled);
    tcase_add_test(loop, test_http__stop_ends_a_run_and_keeps_what_is_left);
    tcase_add_test(loop, test_http__descriptors_call_until_unwatched);
    tcase_add_test(loop, test_http__signals_arrive_as_numbers);
    tcase_add_test(loop, test_http__children_are_awaited_with_their_output);
    tcase_add_test(loop, test_http__loopback_and_origin_of_addresses);
    tcase_add_test(loop, test_http__encoding_leaves_only_unreserved_characters);
    tcase_add_test(requests, test_http__get_gives_status_headers_and_body);
    tcase_add_test(requests, test_http__put_sends_its_body_and_token_on_loopback);
    tcase_add_test(requests, test_http__one_connection_serves_one_request_after_another);
    tcase_add_test(requests, test_http__two_hundred_requests_use_at_most_64_connections);
    tcase_add_test(requests, test_http__refused_connection_is_unsent);
    tcase_add_test(requests, test_http__failed_tls_is_unsent);
    tcase_add_test(requests, test_http__what_is_late_stays_here);
    tcase_add_loop_test(requests, test_http__a_broken_reply_is_lost_and_never_repeated, 0,
                        G_N_ELEMENTS(lost));
    tcase_add_test(requests, test_http__a_put_on_a_dying_connection_is_lost_not_repeated);
    tcase_add_test(requests, test_http__slow_reply_ends_at_its_time_out);
    tcase_add_test(requests, test_http__endless_headers_are_cut);
    tcase_add_test(requests, test_http__a_compressed_reply_counts_as_what_it_becomes);
    tcase_add_test(requests, test_http__redirects_are_not_followed);
    tcase_add_loop_test(requests, test_http__odd_addresses_are_refused, 0,
                        G_N_ELEMENTS(unsendable));
    tcase_add_test(requests, test_http__a_token_never_goes_over_plain_http);
    tcase_add_test(requests, test_http__a_header_cannot_smuggle_another);
    tcase_add_test(requests, test_http__loopback_takes_no_proxy);
    tcase_add_test(requests, test_http__other_hosts_take_the_proxy);
    tcase_add_test(requests, test_http__cancelled_requests_never_call_back);
    tcase_add_test(requests, test_http__a_freed_loop_forgets_what_is_under_way);
    tcase_add_loop_test(retries, test_http__reads_are_repeated_until_they_succeed, 0,
                        G_N_ELEMENTS(passing));
    tcase_add_loop_test(retries, test_http__other_statuses_are_not_repeated, 0, 6);
    tcase_add_test(retries, test_http__retry_after_is_waited_for);
    tcase_add_test(retries, test_http__a_retry_beyond_the_deadline_is_not_made);
    tcase_add_test(retries, test_http__a_poll_says_at_once_that_nobody_listens);
    tcase_add_loop_test(retries, test_http__retry_after_in_all_its_spellings, 0,
                        G_N_ELEMENTS(delays));
    suite_add_tcase(all, loop);
    suite_add_tcase(all, requests);
    suite_add_tcase(all, retries);
    return all;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
