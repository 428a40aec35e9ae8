/* sandbox-call METHOD PATH [BODY [COUNT]]: one request to the sandbox of the workspace in the
 * current folder, which starts for it where none serves; prints status and body. What scenarios
 * change behind a plan's back: locks, registrations, other deployments. `{}` in PATH and BODY
 * becomes 1, 2, … COUNT, a request each; then only the last is printed.
 *
 * sandbox-call with COMMAND…: the sandbox serves for as long as the command runs, at
 * $ROLL_SANDBOX_URL. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "rollbook/http.h"
#include "rollbook/sandbox.h"
#include "rollbook/secret.h"

struct answer {
    struct roll_loop *loop;
    char *text;
    bool failed;
};

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct answer *answer = user;

    g_free(answer->text);
    answer->text = g_strdup_printf("%d%s%s", reply->status, reply->body_size > 0 ? " " : "",
                                   reply->problem ? reply->problem : reply->body);
    answer->failed = reply->outcome != ROLL_HTTP_REPLIED;
    roll_loop_stop(answer->loop);
}

static char *numbered(const char *text, int number)
{
    g_autofree char *digits = g_strdup_printf("%d", number);
    GString *filled = g_string_new(text);

    g_string_replace(filled, "{}", digits, 0);
    return g_string_free(filled, FALSE);
}

static struct roll_error *call(const char *base, char **words, int number, struct answer *answer)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    roll_auto(secret) struct roll_secret *token =
        roll_secret_new("sandbox-call", strlen("sandbox-call"));
    g_autofree char *path = numbered(words[1], number);
    g_autofree char *body = words[2] ? numbered(words[2], number) : NULL;
    g_autofree char *url = g_strconcat(base, path, NULL);
    struct roll_http_request request = {
        .method = words[0],
        .url = url,
        .headers = body ? headers : NULL,
        .bearer = token,
        .body = body,
        .body_size = body ? strlen(body) : 0,
    };

    roll_http_send(answer->loop, &request, on_reply, answer);
    return roll_loop_run(answer->loop);
}

static struct roll_error *run(char **words, int count, struct answer *answer)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_sandbox_join("state", &sandbox));
    ROLL_TRY(roll_loop_new(&loop));
    answer->loop = loop;
    for (int i = 1; i <= count; i++)
        ROLL_TRY(call(roll_sandbox_url(sandbox), words, i, answer));
    return NULL;
}

/* *ret_status: the command's. */
static struct roll_error *run_with(char **command, int *ret_status)
{
    roll_auto(sandbox) struct roll_sandbox *sandbox = NULL;
    g_autoptr(GError) failure = NULL;
    int status;

    ROLL_TRY(roll_sandbox_join("state", &sandbox));
    g_setenv("ROLL_SANDBOX_URL", roll_sandbox_url(sandbox), TRUE);
    if (!g_spawn_sync(NULL, command, NULL, G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL,
                      NULL, NULL, NULL, &status, &failure))
        return roll_error_new(ROLL_E_PROCESS, "%s", failure->message);
    *ret_status = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    return NULL;
}

static int be_with(char **command)
{
    int status = 1;
    struct roll_error *err = run_with(command, &status);

    if (err)
        fprintf(stderr, "%s\n", err->message);
    roll_error_free(err);
    return status;
}

int main(int argc, char **argv)
{
    struct answer answer = {0};
    char *words[4] = {NULL};

    if (argc > 2 && strcmp(argv[1], "with") == 0)
        return be_with(argv + 2);
    if (argc < 3 || argc > 5) {
        fprintf(stderr, "usage: sandbox-call METHOD PATH [BODY [COUNT]]\n"
                        "       sandbox-call with COMMAND...\n");
        return 2;
    }
    for (int i = 1; i < argc && i < 4; i++)
        words[i - 1] = argv[i];
    struct roll_error *err =
        run(words, argc == 5 ? (int)g_ascii_strtoll(argv[4], NULL, 10) : 1, &answer);
    if (err) {
        fprintf(stderr, "%s\n", err->message);
        roll_error_free(err);
        return 1;
    }
    puts(answer.text);
    g_free(answer.text);
    return answer.failed ? 1 : 0;
}
