/* libmicrohttpd around sandbox_dispatch, without a thread of its own. Private to the module. */
#ifndef SANDBOX_DAEMON_H
#define SANDBOX_DAEMON_H

#include "sandbox/server.h"

struct sandbox_daemon;

/* listen_fd is taken (also on failure). With tls_key and tls_cert (PEM) it speaks https. server is
 * borrowed. */
struct roll_error *sandbox_daemon_new(struct sandbox_server *server, int listen_fd,
                                      const char *tls_key, const char *tls_cert,
                                      struct sandbox_daemon **ret_daemon) ROLL_CHECKED;
/* Ends connections at once. */
void sandbox_daemon_free(struct sandbox_daemon *daemon);
ROLL_AUTO_DEFINE(sandbox_daemon, struct sandbox_daemon, sandbox_daemon_free)

/* The descriptor to poll for reading, and for how long at most (-1: for ever). */
int sandbox_daemon_fd(const struct sandbox_daemon *daemon);
int sandbox_daemon_timeout_ms(struct sandbox_daemon *daemon);
/* Does what is ready; called after every poll. */
void sandbox_daemon_run(struct sandbox_daemon *daemon);

#endif
