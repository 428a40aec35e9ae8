/* A VFS around SQLite's own for unix: each operation on a database file passes a hook first, which may look, fail it, tear it,
 * or end the process. For tests only; becomes the default VFS. */
#ifndef ROLLBOOK_TESTS_TORTURE_FAULT_VFS_H
#define ROLLBOOK_TESTS_TORTURE_FAULT_VFS_H

#include <stdint.h>

enum disk_act { DISK_OPEN, DISK_READ, DISK_WRITE, DISK_TRUNCATE, DISK_SYNC, DISK_DELETE, DISK_ACTS };
extern const char *const disk_act_names[DISK_ACTS];

struct disk_op {
    enum disk_act act;
    const char *path;
    const void *data; /* of a write */
    int size;         /* of a write; a hook that fails it may leave a part that is written all the same */
    int64_t offset;   /* of a write; the new size of a truncate; whether the folder is synced by a delete */
};

/* SQLITE_OK: go on; else the operation's result. */
typedef int (*disk_hook)(void *user, struct disk_op *op);

void fault_vfs_install(disk_hook hook, void *user);

#endif
