/* The loop: timers, descriptors, signals, children; what is cancelled. */
#include <unistd.h>

#include "http_tools.h"
#include "rollbook/time.h"
#include "suite_tools.h"

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
    int64_t until = roll_boot_ms() + 60000;

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

int main(void)
{
    Suite *suite = suite_create("http_loop");
    TCase *tests = tcase_create("http_loop");

    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, test_http__what_is_started_is_under_way_without_callbacks);
    tcase_add_test(tests, test_http__timers_fire_in_order_and_can_be_cancelled);
    tcase_add_test(tests, test_http__stop_ends_a_run_and_keeps_what_is_left);
    tcase_add_test(tests, test_http__descriptors_call_until_unwatched);
    tcase_add_test(tests, test_http__signals_arrive_as_numbers);
    tcase_add_test(tests, test_http__children_are_awaited_with_their_output);
    tcase_add_test(tests, test_http__cancelled_requests_never_call_back);
    tcase_add_test(tests, test_http__a_freed_loop_forgets_what_is_under_way);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
