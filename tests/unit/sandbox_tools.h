/* For the sandbox's tests: a server in a child process, and a small synchronous client. */
#ifndef SANDBOX_TOOLS_H
#define SANDBOX_TOOLS_H

#include <check.h>
#include <curl/curl.h>
#include <glib/gstdio.h>
#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/json.h"
#include "rollbook/sandbox.h"
#include "rollbook/time.h"

#define SUB "/subscriptions/11111111-1111-1111-1111-111111111111"
#define API "?api-version=2022-09-01"

#define OK(expression)                                                                             \
    do {                                                                                           \
        struct roll_error *err_ = (expression);                                                    \
        ck_assert_msg(!err_, "%s: %s", #expression, err_ ? err_->message : "");                    \
    } while (0)

#define FAILS(expected, expression)                                                                \
    do {                                                                                           \
        roll_auto(error) struct roll_error *err_ = (expression);                                   \
        ck_assert_msg(err_, "%s succeeded", #expression);                                          \
        ck_assert_msg(err_->code == (expected), "%s: code %d: %s", #expression, err_->code,        \
                      err_->message);                                                              \
    } while (0)

struct peer {
    pid_t pid;
    char *url;
    CURL *curl;
    const char *token;                    /* NULL: none is sent */
    const char *correlation;              /* NULL: none is sent */
    const char *if_match, *if_none_match; /* NULL: none is sent */
    const char *ca_file;                  /* NULL: plain http */
    bool fresh; /* a new connection: libcurl repeats what dies on a reused one */
};

struct answer {
    int curl; /* CURLE_OK, or why there is no answer */
    int status;
    GString *text;
    json_t *json; /* NULL when there is no body or it is no JSON */
    GString *head;
};

static inline void answer_clear(struct answer *answer)
{
    if (answer->text)
        g_string_free(answer->text, TRUE);
    if (answer->head)
        g_string_free(answer->head, TRUE);
    json_decref(answer->json);
    *answer = (struct answer){0};
}

static inline void tell_port(void *user, int port)
{
    ck_assert_int_eq(write(*(int *)user, &port, sizeof(port)), sizeof(port));
}

/* Forks the server and waits until it listens. */
static inline void peer_start(struct peer *peer, const struct roll_sandbox_options *options)
{
    int pipe_fds[2], port = 0;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    fflush(NULL);
    peer->pid = fork();
    ck_assert_int_ge(peer->pid, 0);
    if (peer->pid == 0) {
        close(pipe_fds[0]);
        roll_auto(error) struct roll_error *err =
            roll_sandbox_serve(options, tell_port, &pipe_fds[1]);
        if (err)
            fprintf(stderr, "sandbox: %s\n", err->message);
        bool failed = err != NULL;
        /* Not _exit: with a leak sanitizer the server's leaks count too. */
        roll_error_free(g_steal_pointer(&err));
        exit(failed ? 1 : 0);
    }
    close(pipe_fds[1]);
    ck_assert_int_eq(read(pipe_fds[0], &port, sizeof(port)), sizeof(port));
    close(pipe_fds[0]);
    g_free(peer->url);
    peer->url = g_strdup_printf("%s://127.0.0.1:%d", options->tls ? "https" : "http", port);
    if (!peer->curl)
        peer->curl = curl_easy_init();
    peer->token = peer->token ? peer->token : "a-token";
}

/* The same at a given time, which runs on from there: tests of lives need neither luck nor
 * patience. The process must not have asked for the time before (roll_now_ms), since its clock is
 * set once. */
static inline void peer_start_at(struct peer *peer, const struct roll_sandbox_options *options,
                                 const char *time)
{
    g_setenv("ROLL_TEST_NOW", time, TRUE);
    peer_start(peer, options);
    g_unsetenv("ROLL_TEST_NOW");
}

/* Its exit status, or -1 when a signal ended it. */
static inline int peer_stop(struct peer *peer, int signal_number)
{
    int status;
    kill(peer->pid, signal_number);
    ck_assert_int_eq(waitpid(peer->pid, &status, 0), peer->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Ends it and starts it again on the same port, at another time. */
static inline void peer_move(struct peer *peer, const struct roll_sandbox_options *options,
                             const char *time)
{
    struct roll_sandbox_options again = *options;
    ck_assert_int_eq(peer_stop(peer, SIGTERM), 0);
    again.port = (int)g_ascii_strtoll(strrchr(peer->url, ':') + 1, NULL, 10);
    peer_start_at(peer, &again, time);
}

static inline void peer_clear(struct peer *peer)
{
    if (peer->curl)
        curl_easy_cleanup(peer->curl);
    g_free(peer->url);
    *peer = (struct peer){0};
}

static inline size_t append_text(char *data, size_t size, size_t count, void *user)
{
    g_string_append_len(user, data, (gssize)(size * count));
    return size * count;
}

static inline struct curl_slist *add_header(struct curl_slist *list, const char *name,
                                            const char *value)
{
    if (!value)
        return list;
    g_autofree char *line = g_strdup_printf("%s: %s", name, value);
    return curl_slist_append(list, line);
}

/* path may be a whole URL. body NULL: none. Never fails a test by itself. */
static inline struct answer call(struct peer *peer, const char *method, const char *path,
                                 const char *body)
{
    struct answer answer = {.text = g_string_new(NULL), .head = g_string_new(NULL)};
    g_autofree char *url =
        strstr(path, "://") ? g_strdup(path) : g_strdup_printf("%s%s", peer->url, path);
    g_autofree char *bearer = peer->token ? g_strdup_printf("Bearer %s", peer->token) : NULL;
    struct curl_slist *headers = NULL;
    headers = add_header(headers, "Authorization", bearer);
    headers = add_header(headers, "x-ms-correlation-request-id", peer->correlation);
    headers = add_header(headers, "If-Match", peer->if_match);
    headers = add_header(headers, "If-None-Match", peer->if_none_match);
    headers = add_header(headers, "Content-Type", body ? "application/json" : NULL);
    long status = 0;
    curl_easy_reset(peer->curl);
    curl_easy_setopt(peer->curl, CURLOPT_URL, url);
    curl_easy_setopt(peer->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(peer->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(peer->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(peer->curl, CURLOPT_TIMEOUT_MS, 120000L);
    curl_easy_setopt(peer->curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(peer->curl, CURLOPT_WRITEFUNCTION, append_text);
    curl_easy_setopt(peer->curl, CURLOPT_WRITEDATA, answer.text);
    curl_easy_setopt(peer->curl, CURLOPT_HEADERFUNCTION, append_text);
    curl_easy_setopt(peer->curl, CURLOPT_HEADERDATA, answer.head);
    if (peer->fresh)
        curl_easy_setopt(peer->curl, CURLOPT_FRESH_CONNECT, 1L);
    if (peer->ca_file)
        curl_easy_setopt(peer->curl, CURLOPT_CAINFO, peer->ca_file);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(peer->curl, CURLOPT_NOBODY, 1L);
    if (body)
        curl_easy_setopt(peer->curl, CURLOPT_POSTFIELDS, body);
    answer.curl = (int)curl_easy_perform(peer->curl);
    curl_easy_getinfo(peer->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    answer.status = (int)status;
    answer.json = json_loadb(answer.text->str, answer.text->len, JSON_DECODE_ANY, NULL);
    return answer;
}

/* The value of a response header, owned by the caller; NULL when it is not there. */
static inline char *header_of(const struct answer *answer, const char *name)
{
    g_auto(GStrv) lines = g_strsplit(answer->head->str, "\r\n", -1);
    g_autofree char *start = g_strdup_printf("%s:", name);
    for (int i = 0; lines[i]; i++) {
        if (g_ascii_strncasecmp(lines[i], start, strlen(start)) == 0)
            return g_strdup(g_strchug(lines[i] + strlen(start)));
    }
    return NULL;
}

/* A value by dotted path, indexes included; NULL when it is not there. Borrowed. */
static inline json_t *at(const json_t *value, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (int i = 0; value && parts[i]; i++)
        value = json_is_array(value) ? json_array_get(value, strtoul(parts[i], NULL, 10))
                                     : json_object_get(value, parts[i]);
    return (json_t *)(uintptr_t)value;
}

static inline const char *text_of(const json_t *value, const char *path)
{
    const char *text = json_string_value(at(value, path));
    return text ? text : "(none)";
}

/* Calls, and fails the test unless the status is the expected one. */
static inline struct answer expect(struct peer *peer, int status, const char *method,
                                   const char *path, const char *body)
{
    struct answer answer = call(peer, method, path, body);
    ck_assert_msg(answer.status == status, "%s %s: %d instead of %d (curl %d): %s", method, path,
                  answer.status, status, answer.curl, answer.text->str);
    return answer;
}

static inline void expect_only(struct peer *peer, int status, const char *method, const char *path,
                               const char *body)
{
    struct answer answer = expect(peer, status, method, path, body);
    answer_clear(&answer);
}

/* An ARM error with this code. */
static inline void expect_error(struct peer *peer, int status, const char *code, const char *method,
                                const char *path, const char *body)
{
    struct answer answer = expect(peer, status, method, path, body);
    ck_assert_str_eq(text_of(answer.json, "error.code"), code);
    ck_assert_str_ne(text_of(answer.json, "error.message"), "(none)");
    answer_clear(&answer);
}

/* GETs until the text at path is the wanted one, for at most ten seconds. */
static inline struct answer await(struct peer *peer, const char *url, const char *path,
                                  const char *wanted)
{
    int64_t until = roll_boot_ms() + 60000;
    for (;;) {
        struct answer answer = call(peer, "GET", url, NULL);
        if (strcmp(text_of(answer.json, path), wanted) == 0)
            return answer;
        ck_assert_msg(roll_boot_ms() < until, "%s stays at %d %s", url, answer.status,
                      answer.text->str);
        answer_clear(&answer);
        g_usleep(5000);
    }
}

static inline void remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    g_remove(path);
}

#endif
