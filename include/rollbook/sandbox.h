/* The sandbox: a local Azure Resource Manager on loopback, for practice and for tests (DESIGN
 * section 10). */
#ifndef ROLLBOOK_SANDBOX_H
#define ROLLBOOK_SANDBOX_H

#include "rollbook/error.h"

struct roll_sandbox_options {
    int port;               /* 0: a free one */
    const char *state_file; /* NULL: in memory */
    bool tls;               /* with a certificate made at start */
    const char
        *cert_file; /* with tls: where that certificate is written, PEM; the caller tells people */
    const char *const *client_certificates; /* files in PEM, NULL-terminated, or NULL: with any, the
                                               login takes certificate assertions by these only;
                                               otherwise a key that it does not know passes */
    int64_t token_life_ms;                  /* of the tokens that its login gives; 0: an hour */
    int64_t operation_time_ms; /* every resource operation lasts so long; 0: done at once */
    bool buckets; /* 429 for callers whose token bucket is empty (REST reference 8.1) */
    const char *const *faults; /* SPECs (src/sandbox/faults.h), NULL-terminated, or NULL */
};

/* Serves in this process until INT or TERM. ready is called once with the port that it listens on.
 * ROLL_E_CONFLICT: the port is in use; ROLL_E_USAGE: a fault SPEC that is not understood; and the
 * errors of opening the state. */
struct roll_error *roll_sandbox_serve(const struct roll_sandbox_options *options,
                                      void (*ready)(void *user, int port), void *user) ROLL_CHECKED;

/* The workspace's sandbox, for plans with "cloud": "sandbox". Joins the one that already serves
 * this workspace (another command's child, or `roll sandbox` started inside it), else forks a child
 * that serves until the last user has gone and no operation is active, or its folder is deleted.
 * Whoever joins when all others have left and nothing runs gets a child of its own. State:
 * STATE_DIR/sandbox.db; the port is chosen once and kept there, and another one is taken only when
 * a foreign program uses it. The child takes ROLL_SANDBOX_OPERATION_TIME (a duration) and
 * ROLL_SANDBOX_FAULTS (SPECs, separated by semicolons) from the environment of the command that
 * forks it. It holds no descriptor of that command, and no signal of its terminal reaches it. Not
 * durable: an open connection, which the kernel closes with the process, is what keeps it. Errors:
 * those of starting it, ROLL_E_TIMEOUT. */
struct roll_sandbox;
struct roll_error *roll_sandbox_join(const char *state_dir, struct roll_sandbox **ret_sandbox)
    ROLL_CHECKED;
const char *
roll_sandbox_url(const struct roll_sandbox *sandbox); /* http://127.0.0.1:PORT, borrowed */
void roll_sandbox_leave(struct roll_sandbox *sandbox);
ROLL_AUTO_DEFINE(sandbox, struct roll_sandbox, roll_sandbox_leave)

/* `roll sandbox` inside a workspace: takes the workspace's port and state and serves it to the
 * other commands. ROLL_E_CONFLICT when another process serves it. */
struct roll_error *roll_sandbox_serve_workspace(const char *state_dir,
                                                const struct roll_sandbox_options *options,
                                                void (*ready)(void *user, int port), void *user)
    ROLL_CHECKED;

#endif
