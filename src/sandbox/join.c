/* One sandbox for each workspace: whoever needs it first forks it, the others join, and it ends
 * after the last.
 *
 * STATE_DIR/run/sandbox.lock is held by the server for as long as it lives, so there is never a
 * second one on the same state. STATE_DIR/run/sandbox.sock is where users connect: the server
 * greets with its URL, and a user keeps the connection open, so that the kernel tells when it has
 * gone, however it ended. A connection that is cut before the greeting met a server that was just
 * ending: the user tries again, and by then gets the lock. */
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/sandbox.h"
#include "rollbook/time.h"
#include "sandbox/place.h"

/* Long enough for a machine where everything stands still for a while. */
#define GREETING_MS 30000
#define PATIENCE_MS 60000

struct roll_sandbox {
    char *url;
    int fd; /* held open: that is what keeps the server */
};

/* ---- the child ---- */

/* Nothing of the parent's may stay open: its ledger's descriptors, its connections, its terminal.
 */
static void drop_inherited(const int *kept, size_t count)
{
    unsigned from = 3;
    for (size_t i = 0; i < count; i++) {
        if ((unsigned)kept[i] > from)
            close_range(from, (unsigned)kept[i] - 1, 0);
        from = (unsigned)kept[i] + 1;
    }
    close_range(from, ~0u, 0);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

static void reset_signals(void)
{
    sigset_t none;
    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static int compare_ints(const void *left, const void *right)
{
    return *(const int *)left - *(const int *)right;
}

/* Whoever waits for the greeting is told instead why there will be none. */
static void tell_failure(int users_fd, const struct roll_error *err)
{
    struct pollfd item = {.fd = users_fd, .events = POLLIN};
    if (poll(&item, 1, 1000) <= 0)
        return;
    int fd = accept4(users_fd, NULL, NULL, SOCK_CLOEXEC);
    g_autofree char *line = g_strdup_printf("error %d %s\n", (int)err->code, err->message);
    if (fd >= 0 && send(fd, line, strlen(line), MSG_NOSIGNAL) >= 0)
        close(fd);
}

static void run_child(struct sandbox_place *place, int lock_fd, int users_fd)
{
    int kept[] = {place->run_fd, lock_fd, users_fd};
    reset_signals();
    qsort(kept, G_N_ELEMENTS(kept), sizeof(kept[0]), compare_ints);
    drop_inherited(kept, G_N_ELEMENTS(kept));
    const char *time = getenv("ROLL_SANDBOX_OPERATION_TIME");
    const char *faults = getenv("ROLL_SANDBOX_FAULTS");
    g_auto(GStrv) specs = g_strsplit(faults ? faults : "", ";", -1);
    struct roll_sandbox_options options = {.faults = (const char *const *)specs};
    struct roll_error *err =
        time && *time ? roll_duration_parse(time, &options.operation_time_ms) : NULL;
    if (!err)
        err = sandbox_place_serve(place, &options, users_fd, true, NULL, NULL);
    if (err)
        tell_failure(users_fd, err);
    /* The socket goes before the lock does: whoever connects now is cut off, tries again, and finds
     * the lock free. */
    unlinkat(place->run_fd, SANDBOX_SOCKET, 0);
    close(users_fd);
    _exit(err ? 1 : 0);
}

/* Twice, so that the server is no child of the command: it neither waits for it nor gets its
 * terminal's signals. */
static struct roll_error *fork_server(struct sandbox_place *place, int lock_fd, int users_fd)
{
    int status;
    pid_t pid = fork();
    if (pid < 0)
        return roll_error_errno(errno, "cannot start the sandbox");
    if (pid == 0) {
        setsid();
        pid_t server = fork();
        if (server == 0)
            run_child(place, lock_fd, users_fd);
        _exit(server < 0 ? 1 : 0);
    }
    while (waitpid(pid, &status, 0) < 0) {
        if (errno == EINTR)
            continue;
        /* The caller lets the kernel reap: then the greeting tells whether it worked. */
        return errno == ECHILD ? NULL : roll_error_errno(errno, "cannot start the sandbox");
    }
    if (status != 0)
        return roll_error_new(ROLL_E_PROCESS,
                              "cannot start the sandbox: no second process could be made");
    return NULL;
}

/* ---- joining ---- */

enum found { FOUND_SERVER, FOUND_NOTHING, FOUND_ENDING };

/* A line that ends in \n, at most size - 1 bytes. False when the other side hung up or was silent
 * for too long. */
static bool read_line(int fd, char *line, size_t size)
{
    size_t length = 0;
    int64_t until = roll_boot_ms() + GREETING_MS;
    while (length < size - 1) {
        struct pollfd item = {.fd = fd, .events = POLLIN};
        int64_t left = until - roll_boot_ms();
        if (left <= 0 || poll(&item, 1, (int)left) == 0)
            return false;
        ssize_t got = recv(fd, line + length, size - 1 - length, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
            return false;
        if (got < 0)
            continue;
        length += (size_t)got;
        line[length] = '\0';
        if (line[length - 1] == '\n') {
            line[length - 1] = '\0';
            return true;
        }
    }
    return false;
}

static struct roll_error *told_error(const char *line)
{
    char *message;
    guint64 code = g_ascii_strtoull(line + strlen("error "), &message, 10);
    return roll_error_new((enum roll_code)code, "cannot start the sandbox: %s",
                          message + strspn(message, " "));
}

static struct roll_error *try_connect(const struct sandbox_place *place,
                                      struct roll_sandbox *sandbox, enum found *ret_found)
{
    struct sockaddr_un address;
    char line[512];
    sandbox_place_address(place, &address);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return roll_error_errno(errno, "cannot join the sandbox");
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
        int saved = errno;
        close(fd);
        *ret_found = saved == EAGAIN || saved == EINTR ? FOUND_ENDING : FOUND_NOTHING;
        if (saved == ENOENT || saved == ECONNREFUSED || saved == EAGAIN || saved == EINTR)
            return NULL;
        return roll_error_errno(saved, "cannot join the sandbox at '%s/run/%s'", place->state_dir,
                                SANDBOX_SOCKET);
    }
    if (!read_line(fd, line, sizeof(line))) {
        close(fd);
        *ret_found = FOUND_ENDING;
        return NULL;
    }
    if (g_str_has_prefix(line, "error ")) {
        close(fd);
        return told_error(line);
    }
    sandbox->fd = fd;
    sandbox->url = g_strdup(line);
    *ret_found = FOUND_SERVER;
    return NULL;
}

static struct roll_error *try_start(struct sandbox_place *place, bool *ret_started)
{
    int lock_fd = -1, users_fd = -1;
    ROLL_TRY(sandbox_place_lock(place, &lock_fd));
    *ret_started = lock_fd >= 0;
    if (lock_fd < 0)
        return NULL;
    struct roll_error *err = sandbox_place_listen(place, &users_fd);
    if (!err)
        err = fork_server(place, lock_fd, users_fd);
    if (users_fd >= 0)
        close(users_fd);
    close(lock_fd);
    return err;
}

static struct roll_error *join(struct sandbox_place *place, struct roll_sandbox *sandbox)
{
    int64_t until = roll_boot_ms() + PATIENCE_MS;
    while (roll_boot_ms() < until) {
        enum found found = FOUND_ENDING;
        bool started = false;
        ROLL_TRY(try_connect(place, sandbox, &found));
        if (found == FOUND_SERVER)
            return NULL;
        if (found == FOUND_NOTHING)
            ROLL_TRY(try_start(place, &started));
        /* Another command starts it, or it is just ending: either takes milliseconds. */
        if (!started)
            g_usleep(1000);
    }
    return roll_error_new(ROLL_E_TIMEOUT, "the sandbox of '%s' neither answers nor ends",
                          place->state_dir);
}

struct roll_error *roll_sandbox_join(const char *state_dir, struct roll_sandbox **ret_sandbox)
{
    struct sandbox_place place = {.run_fd = -1};
    roll_auto(sandbox) struct roll_sandbox *sandbox = g_new0(struct roll_sandbox, 1);
    sandbox->fd = -1;
    struct roll_error *err = sandbox_place_open(state_dir, &place);
    if (!err)
        err = join(&place, sandbox);
    sandbox_place_clear(&place);
    if (!err)
        *ret_sandbox = g_steal_pointer(&sandbox);
    return err;
}

const char *roll_sandbox_url(const struct roll_sandbox *sandbox)
{
    return sandbox->url;
}

void roll_sandbox_leave(struct roll_sandbox *sandbox)
{
    if (!sandbox)
        return;
    if (sandbox->fd >= 0)
        close(sandbox->fd);
    g_free(sandbox->url);
    g_free(sandbox);
}
