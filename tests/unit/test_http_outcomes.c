/* What was certainly not received and what may have been, and what is tried again. */
#include "http_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

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
        .method = "PUT", .url = url, .max_reply_bytes = 2000, .stall_timeout_ms = 60000};
    struct got got = {0};

    if (g_strcmp0(lost[_i].problem, "no byte came") == 0)
        request.stall_timeout_ms = 50;

    fetch(&request, &got);
    ck_assert_int_eq(got.outcome, ROLL_HTTP_LOST);
    ck_assert_int_eq(got.status, 0);
    if (lost[_i].problem)
        ck_assert_ptr_nonnull(strstr(got.problem, lost[_i].problem));
    int64_t until = roll_boot_ms() + 60000;
    while (scripted_server_count(server) == 0 && roll_boot_ms() < until)
        g_usleep(1000); /* it may read what was given up */
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
    struct roll_http_request request = {.method = "GET", .url = url, .timeout_ms = 2000};
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
    request.deadline_ms = 4000;
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

int main(void)
{
    Suite *suite = suite_create("http_outcomes");
    TCase *tests = tcase_create("http_outcomes");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_http__refused_connection_is_unsent);
    tcase_add_test(tests, test_http__what_is_late_stays_here);
    tcase_add_test(tests, test_http__failed_tls_is_unsent);
    tcase_add_loop_test(tests, test_http__a_broken_reply_is_lost_and_never_repeated, 0,
                        G_N_ELEMENTS(lost));
    tcase_add_test(tests, test_http__a_put_on_a_dying_connection_is_lost_not_repeated);
    tcase_add_test(tests, test_http__slow_reply_ends_at_its_time_out);
    tcase_add_test(tests, test_http__endless_headers_are_cut);
    tcase_add_test(tests, test_http__a_compressed_reply_counts_as_what_it_becomes);
    tcase_add_test(tests, test_http__redirects_are_not_followed);
    tcase_add_loop_test(tests, test_http__reads_are_repeated_until_they_succeed, 0,
                        G_N_ELEMENTS(passing));
    tcase_add_loop_test(tests, test_http__other_statuses_are_not_repeated, 0, 6);
    tcase_add_test(tests, test_http__retry_after_is_waited_for);
    tcase_add_test(tests, test_http__a_retry_beyond_the_deadline_is_not_made);
    tcase_add_test(tests, test_http__a_poll_says_at_once_that_nobody_listens);
    tcase_add_loop_test(tests, test_http__retry_after_in_all_its_spellings, 0,
                        G_N_ELEMENTS(delays));
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
