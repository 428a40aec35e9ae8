/* The place of a workspace's sandbox. Private to the module. */
#ifndef SANDBOX_PLACE_H
#define SANDBOX_PLACE_H

#include <sys/un.h>

#include "rollbook/sandbox.h"

#define SANDBOX_SOCKET "sandbox.sock"
#define SANDBOX_LOCK "sandbox.lock"

/* The place of one workspace. */
struct sandbox_place {
    char *state_dir; /* absolute */
    int run_fd;      /* STATE_DIR/run */
};

/* Makes the folders. Start from {.run_fd = -1}; clear it also after a failure. */
struct roll_error *sandbox_place_open(const char *state_dir, struct sandbox_place *ret_place)
    ROLL_CHECKED;
void sandbox_place_clear(struct sandbox_place *place);

void sandbox_place_address(const struct sandbox_place *place, struct sockaddr_un *address);
/* *ret_fd is -1 when another process has the lock. Both descriptors are above 2, so that a child
 * can give 0 to 2 to /dev/null. */
struct roll_error *sandbox_place_lock(const struct sandbox_place *place, int *ret_fd) ROLL_CHECKED;
/* Only the holder of the lock: replaces what a killed server left. */
struct roll_error *sandbox_place_listen(const struct sandbox_place *place, int *ret_fd)
    ROLL_CHECKED;
/* Serves until INT or TERM, or, if so told, until the last user has gone and nothing runs. */
struct roll_error *sandbox_place_serve(const struct sandbox_place *place,
                                       const struct roll_sandbox_options *given, int users_fd,
                                       bool until_users_gone, void (*ready)(void *user, int port),
                                       void *user) ROLL_CHECKED;

#endif
