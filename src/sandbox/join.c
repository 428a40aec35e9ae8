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
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "rollbook/sandbox.h"
#include "rollbook/time.h"
#include "sandbox/service.h"

#define SOCKET_NAME "sandbox.sock"
#define LOCK_NAME "sandbox.lock"
#define GREETING_MS 15000
#define PATIENCE_MS 20000

struct roll_sandbox {
    char *url;
    int fd; /* held open: that is what keeps the server */
};

/* The place of one workspace. */
struct place {
    char *state_dir; /* absolute */
    int run_fd;      /* STATE_DIR/run */
};

static void place_clear(struct place *place)
{
    g_free(place->state_dir);
    if (place->run_fd >= 0)
        close(place->run_fd);
}

/* What a sandbox keeps does not belong into the repository that the workspace lies in. */
static struct roll_error *ignore_in_git(const char *state_dir)
{
    g_autofree char *path = g_build_filename(state_dir, ".gitignore", NULL);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno == EEXIST ? NULL : roll_error_errno(errno, "cannot create '%s'", path);
    bool written = write(fd, "*\n", 2) == 2;
    struct roll_error *err = written ? NULL : roll_error_errno(errno, "cannot write '%s'", path);
    close(fd);
    return err;
}

static struct roll_error *place_open(const char *state_dir, struct place *ret_place)
{
    g_autofree char *run = g_build_filename(state_dir, "run", NULL);
    if (g_mkdir_with_parents(run, 0700) != 0)
        return roll_error_errno(errno, "cannot make the folder '%s'", run);
    ROLL_TRY(ignore_in_git(state_dir));
    char *absolute = realpath(state_dir, NULL);
    int fd = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (!absolute || fd < 0) {
        int saved = errno;
        free(absolute);
        if (fd >= 0)
            close(fd);
        return roll_error_errno(saved, "cannot open the folder '%s'", run);
    }
    ret_place->state_dir = g_strdup(absolute);
    free(absolute);
    ret_place->run_fd = fd;
    return NULL;
}

/* A socket's path may have 107 bytes, a workspace's more: the descriptor of its folder makes it
 * short. */
static void socket_address(const struct place *place, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    g_snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" SOCKET_NAME,
               place->run_fd);
}

/* ---- the lock ---- */

/* *ret_fd is -1 when another process has it. Above 2, so that the child can give 0 to 2 to
 * /dev/null. */
static struct roll_error *take_lock(const struct place *place, int *ret_fd)
{
    int low = openat(place->run_fd, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 3);
    int saved = errno;
    if (low >= 0)
        close(low);
    if (fd < 0)
        return roll_error_errno(saved, "cannot open '%s/run/%s'", place->state_dir, LOCK_NAME);
    *ret_fd = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return NULL;
    saved = errno;
    close(fd);
    *ret_fd = -1;
    if (saved == EWOULDBLOCK)
        return NULL;
    return roll_error_errno(saved, "cannot lock '%s/run/%s'", place->state_dir, LOCK_NAME);
}

/* Only the holder of the lock: replaces what a killed server left. */
static struct roll_error *listen_for_users(const struct place *place, int *ret_fd)
{
    struct sockaddr_un address;
    socket_address(place, &address);
    unlinkat(place->run_fd, SOCKET_NAME, 0);
    int low = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 3);
    if (low >= 0)
        close(low);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
        listen(fd, 511) == 0) {
        *ret_fd = fd;
        return NULL;
    }
    struct roll_error *err = roll_error_errno(errno, "cannot make the socket '%s/run/%s'",
                                              place->state_dir, SOCKET_NAME);
    if (fd >= 0)
        close(fd);
    return err;
}

/* ---- serving ---- */

static struct roll_error *serve_place(const struct place *place,
                                      const struct roll_sandbox_options *given, int users_fd,
                                      bool until_users_gone, void (*ready)(void *user, int port),
                                      void *user)
{
    g_autofree char *state_file = g_build_filename(place->state_dir, "sandbox.db", NULL);
    char hex[ROLL_HEX_SIZE];
    struct roll_sandbox_options options = *given;
    if (!options.state_file)
        options.state_file = state_file;
    const char *dir = place->state_dir ? place->state_dir : "";
    roll_sha256_hex(dir, strlen(dir), hex);
    hex[7] = '\0';
    struct sandbox_service_options service = {
        .sandbox = &options,
        .port_hint = (unsigned)g_ascii_strtoull(hex, NULL, 16) | 1u,
        .keep_port = true,
        .users_fd = users_fd,
        .until_users_gone = until_users_gone,
        .ready = ready,
        .user = user,
    };
    return sandbox_service_run(&service);
}

struct roll_error *roll_sandbox_serve_workspace(const char *state_dir,
                                                const struct roll_sandbox_options *options,
                                                void (*ready)(void *user, int port), void *user)
{
    struct place place = {.run_fd = -1};
    int lock_fd = -1, users_fd = -1;
    if (options->tls)
        return roll_error_new(ROLL_E_USAGE,
                              "the commands of a workspace speak plain http with its "
                              "sandbox; with tls it serves others, on a port of its own");
    struct roll_error *err = place_open(state_dir, &place);
    if (!err)
        err = take_lock(&place, &lock_fd);
    if (!err && lock_fd < 0)
        err = roll_error_new(ROLL_E_CONFLICT, "another process serves the sandbox of '%s'",
                             place.state_dir);
    if (!err)
        err = listen_for_users(&place, &users_fd);
    if (!err)
        err = serve_place(&place, options, users_fd, false, ready, user);
    if (users_fd >= 0) {
        unlinkat(place.run_fd, SOCKET_NAME, 0);
        close(users_fd);
    }
    if (lock_fd >= 0)
        close(lock_fd);
    place_clear(&place);
    return err;
}

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

static void run_child(struct place *place, int lock_fd, int users_fd)
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
        err = serve_place(place, &options, users_fd, true, NULL, NULL);
    if (err)
        tell_failure(users_fd, err);
    /* The socket goes before the lock does: whoever connects now is cut off, tries again, and finds
     * the lock free. */
    unlinkat(place->run_fd, SOCKET_NAME, 0);
    close(users_fd);
    _exit(err ? 1 : 0);
}

/* Twice, so that the server is no child of the command: it neither waits for it nor gets its
 * terminal's signals. */
static struct roll_error *fork_server(struct place *place, int lock_fd, int users_fd)
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

static struct roll_error *try_connect(const struct place *place, struct roll_sandbox *sandbox,
                                      enum found *ret_found)
{
    struct sockaddr_un address;
    char line[512];
    socket_address(place, &address);
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
                                SOCKET_NAME);
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

static struct roll_error *try_start(struct place *place, bool *ret_started)
{
    int lock_fd = -1, users_fd = -1;
    ROLL_TRY(take_lock(place, &lock_fd));
    *ret_started = lock_fd >= 0;
    if (lock_fd < 0)
        return NULL;
    struct roll_error *err = listen_for_users(place, &users_fd);
    if (!err)
        err = fork_server(place, lock_fd, users_fd);
    if (users_fd >= 0)
        close(users_fd);
    close(lock_fd);
    return err;
}

static struct roll_error *join(struct place *place, struct roll_sandbox *sandbox)
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
    struct place place = {.run_fd = -1};
    roll_auto(sandbox) struct roll_sandbox *sandbox = g_new0(struct roll_sandbox, 1);
    sandbox->fd = -1;
    struct roll_error *err = place_open(state_dir, &place);
    if (!err)
        err = join(&place, sandbox);
    place_clear(&place);
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
