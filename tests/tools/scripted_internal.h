/* What the files of the scripted server share. */
#ifndef ROLLBOOK_TEST_SCRIPTED_INTERNAL_H
#define ROLLBOOK_TEST_SCRIPTED_INTERNAL_H

#include <stdbool.h>

#include "tools/script.h"
#include "tools/scripted_server.h"

struct scripted_server {
    struct script *script;
    int listener, port;
    int stop_pipe[2]; /* readable for ever once it stops */
    char *url;
    GThread *acceptor;
    GMutex lock; /* guards what follows and the script's counts */
    GPtrArray *threads;
    GPtrArray *requests;   /* struct scripted_request */
    GPtrArray *complaints; /* text */
    int connections;
};

struct connection {
    struct scripted_server *server;
    int fd, number;
    GString *buffer; /* read and not yet used */
};

/* ---- scripted_io.c: every wait ends when the server stops ---- */

/* Is the descriptor ready? False at the time-out (ms, -1: none) and when the server stops. fd -1:
 * only waits. */
bool wait_for(const struct scripted_server *server, int fd, short events, int timeout_ms);
bool is_stopping(const struct scripted_server *server);
bool write_all(struct connection *connection, const char *data, gsize size);
/* Until the peer closes or the server stops. */
void wait_for_end(struct connection *connection);
/* NULL when the peer has gone. */
struct scripted_request *read_request(struct connection *connection);
void request_free(gpointer data);

/* ---- scripted_match.c ---- */

/* The reply for this request, or NULL when nobody expects it. Takes the request into the log. */
const struct script_reply *find_reply(struct scripted_server *server,
                                      struct scripted_request *request,
                                      const struct script_expect **ret_expect);
void complain(struct scripted_server *server, char *complaint);

/* ---- scripted_reply.c: does the connection go on? ---- */

bool answer(struct connection *connection, const struct script_expect *expect,
            const struct scripted_request *request, const struct script_reply *reply);
bool answer_unexpected(struct connection *connection);

#endif
