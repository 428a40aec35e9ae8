/* The place of a workspace's sandbox: its folder, the lock that says that it runs, the socket where
 * users connect, and serving there. What users do is in join.c. */
#include "sandbox/place.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "rollbook/time.h"
#include "sandbox/service.h"

/* So long `roll sandbox` waits for a server that is just ending: the last command has left, and the
 * server has not noticed yet. */
#define PATIENCE_MS 5000

void sandbox_place_clear(struct sandbox_place *place)
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

struct roll_error *sandbox_place_open(const char *state_dir, struct sandbox_place *ret_place)
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
void sandbox_place_address(const struct sandbox_place *place, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    g_snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/" SANDBOX_SOCKET,
               place->run_fd);
}

/* ---- the lock ---- */

/* *ret_fd is -1 when another process has it. Above 2, so that the child can give 0 to 2 to
 * /dev/null. */
struct roll_error *sandbox_place_lock(const struct sandbox_place *place, int *ret_fd)
{
    int low = openat(place->run_fd, SANDBOX_LOCK, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    int fd = low < 0 ? -1 : fcntl(low, F_DUPFD_CLOEXEC, 3);
    int saved = errno;
    if (low >= 0)
        close(low);
    if (fd < 0)
        return roll_error_errno(saved, "cannot open '%s/run/%s'", place->state_dir, SANDBOX_LOCK);
    *ret_fd = fd;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return NULL;
    saved = errno;
    close(fd);
    *ret_fd = -1;
    if (saved == EWOULDBLOCK)
        return NULL;
    return roll_error_errno(saved, "cannot lock '%s/run/%s'", place->state_dir, SANDBOX_LOCK);
}

/* Only the holder of the lock: replaces what a killed server left. */
struct roll_error *sandbox_place_listen(const struct sandbox_place *place, int *ret_fd)
{
    struct sockaddr_un address;
    sandbox_place_address(place, &address);
    unlinkat(place->run_fd, SANDBOX_SOCKET, 0);
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
                                              place->state_dir, SANDBOX_SOCKET);
    if (fd >= 0)
        close(fd);
    return err;
}

/* ---- serving ---- */

struct roll_error *sandbox_place_serve(const struct sandbox_place *place,
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
        .home_fd = place->run_fd,
        .ready = ready,
        .user = user,
    };
    return sandbox_service_run(&service);
}

static struct roll_error *lock_patiently(const struct sandbox_place *place, int *ret_fd)
{
    int64_t until = roll_boot_ms() + PATIENCE_MS;

    ROLL_TRY(sandbox_place_lock(place, ret_fd));
    while (*ret_fd < 0 && roll_boot_ms() < until) {
        g_usleep(10000);
        ROLL_TRY(sandbox_place_lock(place, ret_fd));
    }
    return NULL;
}

struct roll_error *roll_sandbox_serve_workspace(const char *state_dir,
                                                const struct roll_sandbox_options *options,
                                                void (*ready)(void *user, int port), void *user)
{
    struct sandbox_place place = {.run_fd = -1};
    int lock_fd = -1, users_fd = -1;
    if (options->tls)
        return roll_error_new(ROLL_E_USAGE,
                              "the commands of a workspace speak plain http with its "
                              "sandbox; with tls it serves others, on a port of its own");
    struct roll_error *err = sandbox_place_open(state_dir, &place);
    if (!err)
        err = lock_patiently(&place, &lock_fd);
    if (!err && lock_fd < 0)
        err = roll_error_new(ROLL_E_CONFLICT, "another process serves the sandbox of '%s'",
                             place.state_dir);
    if (!err)
        err = sandbox_place_listen(&place, &users_fd);
    if (!err)
        err = sandbox_place_serve(&place, options, users_fd, false, ready, user);
    if (users_fd >= 0) {
        unlinkat(place.run_fd, SANDBOX_SOCKET, 0);
        close(users_fd);
    }
    if (lock_fd >= 0)
        close(lock_fd);
    sandbox_place_clear(&place);
    return err;
}
