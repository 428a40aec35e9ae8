/* The VFS that hands on to the one for unix, past a hook. Memory that is shared between processes
 * (-shm) is left alone: it is never read after a crash. */
#include "torture/fault_vfs.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

const char *const disk_act_names[DISK_ACTS] = {"open",     "read", "write",
                                               "truncate", "sync", "delete"};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *unix_vfs;
    disk_hook hook;
    void *user;
} own;

struct file {
    sqlite3_file base;
    const char *path; /* SQLite keeps it until the file is closed */
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct file *)file)->real;
}

static int pass(sqlite3_file *file, struct disk_op *op)
{
    op->path = ((struct file *)file)->path;
    return own.hook(own.user, op);
}

/* ---- files ----------------------------------------------------------------------------------- */

static int file_close(sqlite3_file *file)
{
    return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *data, int size, sqlite3_int64 offset)
{
    struct disk_op op = {.act = DISK_READ, .size = size, .offset = offset};
    int result = pass(file, &op);

    return result ? result : real_of(file)->pMethods->xRead(real_of(file), data, size, offset);
}

static int file_write(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset)
{
    struct disk_op op = {.act = DISK_WRITE, .data = data, .size = size, .offset = offset};
    int result = pass(file, &op);
    int written = op.size > 0
                      ? real_of(file)->pMethods->xWrite(real_of(file), data, op.size, offset)
                      : SQLITE_OK;

    return result ? result : written;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct disk_op op = {.act = DISK_TRUNCATE, .offset = size};
    int result = pass(file, &op);

    return result ? result : real_of(file)->pMethods->xTruncate(real_of(file), size);
}

/* Nothing is synced in truth: no process's death loses what was written, and these tests write
 * much. */
static int file_sync(sqlite3_file *file, int flags)
{
    struct disk_op op = {.act = DISK_SYNC};

    (void)flags;
    return pass(file, &op);
}

static int file_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    return real_of(file)->pMethods->xFileSize(real_of(file), ret_size);
}

static int file_lock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
    return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_reserved(sqlite3_file *file, int *ret_reserved)
{
    return real_of(file)->pMethods->xCheckReservedLock(real_of(file), ret_reserved);
}

static int file_control(sqlite3_file *file, int what, void *argument)
{
    return real_of(file)->pMethods->xFileControl(real_of(file), what, argument);
}

static int file_sector(sqlite3_file *file)
{
    return real_of(file)->pMethods->xSectorSize(real_of(file));
}

static int file_device(sqlite3_file *file)
{
    return real_of(file)->pMethods->xDeviceCharacteristics(real_of(file));
}

static int file_shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **ret_map)
{
    return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, ret_map);
}

static int file_shm_lock(sqlite3_file *file, int offset, int count, int flags)
{
    return real_of(file)->pMethods->xShmLock(real_of(file), offset, count, flags);
}

static void file_shm_barrier(sqlite3_file *file)
{
    real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int file_shm_unmap(sqlite3_file *file, int gone)
{
    return real_of(file)->pMethods->xShmUnmap(real_of(file), gone);
}

static const sqlite3_io_methods methods = {.iVersion = 2,
                                           .xClose = file_close,
                                           .xRead = file_read,
                                           .xWrite = file_write,
                                           .xTruncate = file_truncate,
                                           .xSync = file_sync,
                                           .xFileSize = file_size,
                                           .xLock = file_lock,
                                           .xUnlock = file_unlock,
                                           .xCheckReservedLock = file_reserved,
                                           .xFileControl = file_control,
                                           .xSectorSize = file_sector,
                                           .xDeviceCharacteristics = file_device,
                                           .xShmMap = file_shm_map,
                                           .xShmLock = file_shm_lock,
                                           .xShmBarrier = file_shm_barrier,
                                           .xShmUnmap = file_shm_unmap};

/* ---- the VFS --------------------------------------------------------------------------------- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags,
                    int *ret_flags)
{
    struct file *file = (struct file *)base;
    struct disk_op op = {.act = DISK_OPEN, .path = name ? name : ""};
    int result = own.hook(own.user, &op);

    (void)vfs;
    memset(file, 0, sizeof *file);
    if (result)
        return result;
    file->path = op.path;
    file->real = (sqlite3_file *)(file + 1);
    result = own.unix_vfs->xOpen(own.unix_vfs, name, file->real, flags, ret_flags);
    if (result == SQLITE_OK || file->real->pMethods)
        file->base.pMethods = &methods;
    return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder)
{
    struct disk_op op = {.act = DISK_DELETE, .path = name, .offset = sync_folder};
    int result = own.hook(own.user, &op);

    (void)vfs;
    return result ? result : own.unix_vfs->xDelete(own.unix_vfs, name, sync_folder);
}

void fault_vfs_install(disk_hook hook, void *user)
{
    own.hook = hook;
    own.user = user;
    own.unix_vfs = sqlite3_vfs_find(NULL);
    own.vfs = *own.unix_vfs; /* what is not changed works on the VFS that it is given, and needs no
                                files */
    own.vfs.pNext = NULL;
    own.vfs.zName = "rollbook-torture";
    own.vfs.szOsFile = (int)sizeof(struct file) + own.unix_vfs->szOsFile;
    own.vfs.xOpen = vfs_open;
    own.vfs.xDelete = vfs_delete;
    if (sqlite3_vfs_register(&own.vfs, 1) != SQLITE_OK)
        abort();
}
