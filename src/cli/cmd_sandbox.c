/* roll sandbox: serve a local ARM. Inside a workspace it takes that workspace's port and state. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "app.h"

struct context {
    int port;
    bool tls;
    const char *state, *certificate;
    int64_t operation_time_ms, token_life_ms;
    bool buckets;
    GPtrArray *faults, *clients;
};

struct listener {
    struct roll_app *app;
    const char *cert_file; /* NULL without TLS */
};

static void ready(void *user, int port)
{
    const struct listener *listener = user;
    struct roll_app *app = listener->app;

    if (app->json) {
        roll_auto(json) json_t *view = json_pack("{s:i}", "port", port);
        if (listener->cert_file)
            json_object_set_new(view, "certificate", json_string(listener->cert_file));
        roll_report_json(&app->out, view);
    } else {
        fprintf(app->out.file, "sandbox on 127.0.0.1:%d; end it with Ctrl-C\n", port);
        if (listener->cert_file)
            fprintf(app->out.file, "its certificate, for clients to trust: %s\n",
                    listener->cert_file);
    }
    fflush(app->out.file);
}

/* Where the certificate of this run goes: a file of its own, that nobody else has made. */
static struct roll_error *make_cert_file(char **ret_path)
{
    g_autoptr(GError) failure = NULL;
    int fd = g_file_open_tmp("roll-sandbox-XXXXXX.pem", ret_path, &failure);

    if (fd < 0)
        return roll_error_new(ROLL_E_IO, "cannot write a certificate: %s", failure->message);
    close(fd);
    return NULL;
}

/* Removes the file when the other end of the pipe is closed: also when this process was killed. */
G_GNUC_NORETURN static void sweep(const char *path, int fd)
{
    char byte;

    setsid(); /* a Ctrl-C is for the sandbox */
    signal(SIGTERM, SIG_IGN);
    (void)dup2(fd, 0);
    (void)close_range(1, ~0U, 0);
    while (read(0, &byte, 1) < 0 && errno == EINTR)
        ;
    unlink(path);
    _exit(0);
}

/* Clients read the certificate for as long as this process lives, and no longer. *ret_fd: closed
 * when it has ended. */
static struct roll_error *sweep_later(const char *path, int *ret_fd)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return roll_error_errno(errno, "cannot watch over '%s'", path);
    pid_t child = fork();
    if (child == 0)
        sweep(path, ends[0]);
    close(ends[0]);
    if (child < 0) {
        close(ends[1]);
        return roll_error_errno(errno, "cannot watch over '%s'", path);
    }
    *ret_fd = ends[1];
    return NULL;
}

/* cert_file: made here. */
static struct roll_error *make_swept(char **cert_file, int *ret_fd)
{
    ROLL_TRY(make_cert_file(cert_file));
    struct roll_error *err = sweep_later(*cert_file, ret_fd);
    if (err)
        unlink(*cert_file);
    return err;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    g_autofree char *cert_file = NULL;
    struct roll_error *err = NULL;
    int swept = -1;

    (void)arguments;
    if (context->port > 65535)
        return roll_error_new(ROLL_E_USAGE, "a port is at most 65535, not %d", context->port);
    if (context->certificate && !context->tls)
        return roll_error_new(ROLL_E_USAGE, "'--certificate' goes with '--tls'");
    if (context->certificate)
        cert_file = g_strdup(context->certificate);
    else if (context->tls)
        ROLL_TRY(make_swept(&cert_file, &swept));
    struct roll_sandbox_options options = {
        .port = context->port,
        .tls = context->tls,
        .cert_file = cert_file,
        .state_file = context->state,
        .operation_time_ms = context->operation_time_ms,
        .buckets = context->buckets,
        .token_life_ms = context->token_life_ms,
        .client_certificates =
            context->clients ? (const char *const *)context->clients->pdata : NULL,
        .faults = context->faults ? (const char *const *)context->faults->pdata : NULL,
    };
    struct listener listener = {.app = app, .cert_file = cert_file};
    if (!context->state && !context->port && !context->tls)
        err = roll_workspace_find(NULL, &app->workspace);
    if (roll_error_code(err) == ROLL_E_NOT_FOUND) {
        roll_error_free(err);
        err = NULL;
    }
    if (!err && app->workspace)
        err = roll_sandbox_serve_workspace(app->workspace->state_dir, &options, ready, &listener);
    else if (!err)
        err = roll_sandbox_serve(&options, ready, &listener);
    if (swept >= 0) {
        unlink(cert_file);
        close(swept);
    }
    return err;
}

static const struct roll_option options[] = {
    {"port", 0, ROLL_NUMBER, offsetof(struct context, port), "N",
     "listen here (default: the workspace's port, else a free one)"},
    {"tls", 0, ROLL_FLAG, offsetof(struct context, tls), NULL,
     "https, with a certificate made now"},
    {"certificate", 0, ROLL_TEXT, offsetof(struct context, certificate), "FILE",
     "with --tls: write that certificate there, for clients to trust"},
    {"state", 0, ROLL_TEXT, offsetof(struct context, state), "FILE",
     "keep the state there (outside a workspace: in memory)"},
    {"operation-time", 0, ROLL_DURATION, offsetof(struct context, operation_time_ms), "DURATION",
     "how long every resource takes"},
    {"client-certificate", 0, ROLL_TEXTS, offsetof(struct context, clients), "FILE",
     "an application's certificate (PEM); then no other one signs in"},
    {"token-life", 0, ROLL_DURATION, offsetof(struct context, token_life_ms), "DURATION",
     "how long a token of its login is valid (default: an hour)"},
    {"buckets", 0, ROLL_FLAG, offsetof(struct context, buckets), NULL,
     "count requests, say what is left, and refuse who asks too often, as ARM does"},
    {"fault", 0, ROLL_TEXTS, offsetof(struct context, faults), "SPEC",
     "a fault on purpose, such as fail=Microsoft.Web/sites"},
    {NULL},
};

static const char details[] =
    "Faults on purpose, each by --fault SPEC, as often as wanted:\n"
    "  fail=TYPE                            resources of TYPE end Failed\n"
    "  status=CODE:METHOD:PATHPART          answered so, nothing done (3xx: with a page of a "
    "proxy)\n"
    "  later=CODE:METHOD:PATHPART           answered 202, and ended so when it is polled; nothing "
    "done\n"
    "  delay=MS:METHOD:PATHPART             done at once, answered later\n"
    "  drop=METHOD:PATHPART                 done, then the connection breaks\n"
    "  lost=METHOD:PATHPART                 the connection breaks, nothing done\n"
    "  truncate=METHOD:PATHPART             done, then half of the answer\n"
    "  twice=METHOD:PATHPART                done twice, as by a proxy that repeats\n"
    "  retry-after=VALUE:METHOD:PATHPART    this header, right or wrong; past and future are "
    "dates\n"
    "  404-poll=COUNT                       polls of deployments find nothing\n"
    "  seed=N                               what chance is made from\n"
    "METHOD may be *, PATHPART is a part of the path. :COUNT behind a SPEC: the first so many "
    "times;\n"
    ":N%: by chance, the same with the same seed. ROLL_SANDBOX_FAULTS has them for a workspace's\n"
    "sandbox, separated by semicolons.";

const struct roll_command roll_cmd_sandbox = {
    .name = "sandbox",
    .arguments = "",
    .summary = "serve a local Azure Resource Manager for practice and tests",
    .details = details,
    .options = options,
    .context_size = sizeof(struct context),
    .run = run,
};
