/* For tests of http: what one request gave, copied out of its callback. */
#ifndef ROLLBOOK_TESTS_HTTP_TOOLS_H
#define ROLLBOOK_TESTS_HTTP_TOOLS_H

#include <check.h>

#include "rollbook/http.h"
#include "tools/scripted_server.h"

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

static inline void on_reply(void *user, const struct roll_http_reply *reply)
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

static inline struct roll_loop *new_loop(void)
{
    struct roll_loop *loop = NULL;

    ck_assert_ptr_null(roll_loop_new(&loop));
    return loop;
}

static inline void run(struct roll_loop *loop)
{
    struct roll_error *err = roll_loop_run(loop);

    ck_assert_msg(!err, "%s", err ? err->message : "");
}

static inline void clear(struct got *got)
{
    g_free(got->body);
    g_free(got->problem);
    g_free(got->header);
    *got = (struct got){.wanted_header = got->wanted_header};
}

/* One request on a loop of its own. */
static inline void fetch(const struct roll_http_request *request, struct got *got)
{
    roll_auto(loop) struct roll_loop *loop = new_loop();

    clear(got);
    roll_http_send(loop, request, on_reply, got);
    ck_assert_int_eq(got->calls, 0);
    run(loop);
    ck_assert_int_eq(got->calls, 1);
}

static inline char *url_of(struct scripted_server *server, const char *path)
{
    return g_strconcat(scripted_server_url(server), path, NULL);
}

static inline void stop(struct scripted_server *server)
{
    g_autofree char *complaint = scripted_server_stop(server);

    ck_assert_msg(!complaint, "%s", complaint);
}

#endif
