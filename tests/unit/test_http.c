/* Requests and their replies; what is never sent; addresses. */
#include "http_tools.h"
#include "suite_tools.h"

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

int main(void)
{
    Suite *suite = suite_create("http");
    TCase *tests = tcase_create("http");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_http__get_gives_status_headers_and_body);
    tcase_add_test(tests, test_http__put_sends_its_body_and_token_on_loopback);
    tcase_add_test(tests, test_http__one_connection_serves_one_request_after_another);
    tcase_add_test(tests, test_http__two_hundred_requests_use_at_most_64_connections);
    tcase_add_loop_test(tests, test_http__odd_addresses_are_refused, 0, G_N_ELEMENTS(unsendable));
    tcase_add_test(tests, test_http__a_token_never_goes_over_plain_http);
    tcase_add_test(tests, test_http__a_header_cannot_smuggle_another);
    tcase_add_test(tests, test_http__loopback_takes_no_proxy);
    tcase_add_test(tests, test_http__other_hosts_take_the_proxy);
    tcase_add_test(tests, test_http__loopback_and_origin_of_addresses);
    tcase_add_test(tests, test_http__encoding_leaves_only_unreserved_characters);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
