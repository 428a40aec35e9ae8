/* Driver locks. A lock lives as long as its open file description: when the process ends, however
 * it ends, it is gone. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger/fields.h"
#include "ledger/store.h"

#define ATTEMPTS 100 /* a holder that removes its file in between makes a try void */

struct roll_lock {
    int fd;
    char *path;
};

/* shop/prod#17 → shop_prod#17.lock. A `_` is doubled, so that two streams never share a file: names
 * neither begin nor end with one. */
static char *file_name(const char *stream, int64_t rollout)
{
    g_autoptr(GString) name = g_string_new(stream);

    g_string_replace(name, "_", "__", 0);
    g_string_replace(name, "/", "_", 0);
    g_string_append_printf(name, "#%" G_GINT64_FORMAT ".lock", rollout);
    return g_string_free(g_steal_pointer(&name), FALSE);
}

static struct roll_error *make_folder(const char *dir)
{
    struct stat status;

    if (mkdir(dir, 0700) != 0 && errno != EEXIST)
        return roll_error_errno(errno, "cannot create '%s'", dir);
    if (lstat(dir, &status) != 0)
        return roll_error_errno(errno, "cannot look at '%s'", dir);
    if (!S_ISDIR(status.st_mode))
        return roll_error_new(ROLL_E_FOREIGN, "'%s' is not a folder", dir);
    return NULL;
}

static bool is_same_file(int fd, const char *path)
{
    struct stat ours, theirs;

    return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
           ours.st_ino == theirs.st_ino;
}

/* *ret_fd: the locked file; -1 when somebody else holds it, -2 when its holder just removed it. */
static struct roll_error *try_once(const char *path, int *ret_fd)
{
    int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0 && errno == ELOOP)
        return roll_error_new(ROLL_E_FOREIGN, "'%s' is a symbolic link", path);
    if (fd < 0)
        return roll_error_errno(errno, "cannot open '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        int why = errno;
        close(fd);
        *ret_fd = -1;
        return why == EWOULDBLOCK ? NULL : roll_error_errno(why, "cannot lock '%s'", path);
    }
    *ret_fd = fd;
    if (!is_same_file(fd, path)) {
        close(fd);
        *ret_fd = -2;
    }
    return NULL;
}

struct roll_error *roll_ledger_lock(struct roll_ledger *ledger, const char *stream, int64_t rollout,
                                    struct roll_lock **ret_lock)
{
    g_autofree char *dir = g_build_filename(ledger->dir, "run", NULL);
    g_autofree char *name = file_name(stream, rollout);
    g_autofree char *path = g_build_filename(dir, name, NULL);
    int fd = -2;

    if (!roll_stream_is_valid(stream))
        return roll_error_new(ROLL_E_INVALID, "'%s' is not a stream's name", stream);
    ROLL_TRY(make_folder(dir));
    for (int i = 0; fd == -2 && i < ATTEMPTS; i++)
        ROLL_TRY(try_once(path, &fd));
    struct roll_lock *lock = NULL;
    if (fd >= 0) {
        lock = g_new(struct roll_lock, 1);
        *lock = (struct roll_lock){.fd = fd, .path = g_steal_pointer(&path)};
    }
    *ret_lock = lock;
    return NULL;
}

/* The file goes while it is still locked: nobody can hold a name that is about to vanish (see
 * is_same_file). */
void roll_lock_free(struct roll_lock *lock)
{
    if (!lock)
        return;
    if (is_same_file(lock->fd, lock->path))
        unlink(lock->path);
    close(lock->fd);
    g_free(lock->path);
    g_free(lock);
}
