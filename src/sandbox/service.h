/* One serving loop: HTTP, signals and the users of a workspace's sandbox. Private to the module. */
#ifndef SANDBOX_SERVICE_H
#define SANDBOX_SERVICE_H

#include "rollbook/sandbox.h"

struct sandbox_service_options {
    const struct roll_sandbox_options *sandbox;
    unsigned port_hint;    /* with port 0: where to look for a free port first; 0: anywhere */
    bool keep_port;        /* the port is kept in the state, and taken from there with port 0 */
    int users_fd;          /* listening unix socket, taken; -1: none */
    bool until_users_gone; /* ends when the last user has gone and nothing runs, or home_fd's folder
                              was deleted meanwhile */
    int home_fd;           /* borrowed; with until_users_gone: where SANDBOX_LOCK is */
    void (*ready)(void *user, int port);
    void *user;
};

/* Serves until INT, TERM, or as until_users_gone says. Users are greeted with a line: the URL. */
struct roll_error *sandbox_service_run(const struct sandbox_service_options *options) ROLL_CHECKED;

/* A key and a self-signed certificate for localhost and 127.0.0.1, PEM. Owned by the caller. */
struct roll_error *sandbox_tls_make(char **ret_key, char **ret_cert) ROLL_CHECKED;

#endif
