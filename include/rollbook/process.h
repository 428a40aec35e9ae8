/* Child processes: an argument vector, never a shell.
 *
 * The child gets its own process group, /dev/null as stdin, no inherited descriptors beyond 0 to 2, and a bounded
 * output. roll_process_run waits with poll and is for short commands (az, bicep, git hooks); the event loop of http
 * takes roll_process_start and its descriptors. */
#ifndef ROLLBOOK_PROCESS_H
#define ROLLBOOK_PROCESS_H

#include <glib.h>
#include <sys/types.h>

#include "rollbook/error.h"

struct roll_process_options {
    const char *const *argv;       /* argv[0] is looked up in PATH */
    const char *const *env_add;    /* "NAME=value", NULL-terminated, or NULL */
    const char *const *env_hide;   /* names that the child does not get, NULL-terminated, or NULL; credentials never are given */
    bool env_bare;                 /* only what a tool of the system needs: PATH, HOME, language, the SSH agent */
    const int *files;              /* descriptors that the child has as 3, 4, …: file_count of them, at most 8; or NULL */
    int file_count;
    const char *cwd;               /* NULL: inherited */
    const char *input_path;        /* a file that is its stdin; NULL: /dev/null */
    size_t max_output_bytes;       /* of stdout and of stderr each; more is cut and noted; 0: 1 MiB */
    int64_t timeout_ms;            /* 0: none. Then SIGTERM to the group, SIGKILL 5 s later */
};

struct roll_process_result {
    int exit_status; /* 0 to 255, or -1 */
    int signal;      /* the signal that ended it, or 0 */
    bool timed_out;
    bool cut;        /* output was longer than allowed */
    GString *out;    /* owned */
    GString *err;    /* owned */
};

/* ROLL_E_NOT_FOUND when the program is not there, ROLL_E_PROCESS when it cannot be started. A non-zero exit is a result. */
struct roll_error *roll_process_run(const struct roll_process_options *options,
                                    struct roll_process_result *ret_result) ROLL_CHECKED;
void roll_process_result_clear(struct roll_process_result *result);

/* Asynchronous: descriptors are non-blocking; the caller polls them and calls roll_process_pump when they are ready or
 * SIGCHLD came. *ret_done is true once, when it has ended and its output is complete. */
struct roll_process;
struct roll_error *roll_process_start(const struct roll_process_options *options, struct roll_process **ret_process) ROLL_CHECKED;
int roll_process_fds(const struct roll_process *process, int ret_fds[2]); /* how many are still open */
bool roll_process_pump(struct roll_process *process, int64_t boot_ms, struct roll_process_result *ret_result);
int64_t roll_process_deadline(const struct roll_process *process); /* boot ms of its next timer, 0: none */
void roll_process_free(struct roll_process *process);               /* ends the group when it still runs */
ROLL_AUTO_DEFINE(process, struct roll_process, roll_process_free)

/* From now on this process leaves no core, and nobody but root looks into its memory: there are tokens in it. Children leave
 * no core either. To be called first. */
void roll_process_keep_private(void);

/* Whether a command is found in PATH. */
bool roll_process_available(const char *name);

#endif
