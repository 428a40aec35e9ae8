/* A scripted HTTP server on loopback for tests: what it expects and what it answers is one text
 * (tests/README.md, "The scripted server"). It is not an HTTP server for anything else: it does
 * exactly what the script says, wrong things too.
 *
 *     struct scripted_server *server = scripted_server_start("expect GET /x\nreply 200\n  body
 * hello\n", 0); … scripted_server_url(server) … g_autofree char *complaint =
 * scripted_server_stop(server);   // NULL: all came as expected
 */
#ifndef ROLLBOOK_TEST_SCRIPTED_SERVER_H
#define ROLLBOOK_TEST_SCRIPTED_SERVER_H

#include <glib.h>

struct scripted_server;

struct scripted_request {
    char *method;
    char *target;  /* path and query as sent */
    GStrv headers; /* "Name: value" as sent */
    GString *body;
    int connection; /* 1, 2, … in the order of acceptance */
    gint64 at_us;   /* monotonic, when it was complete */
};

/* Serves in a thread of its own on 127.0.0.1:port (0: a free one). Ends the program with the
 * script's line on an error in the script, since that is an error in the test. */
struct scripted_server *scripted_server_start(const char *script, int port);
int scripted_server_port(const struct scripted_server *server);
const char *
scripted_server_url(const struct scripted_server *server); /* http://127.0.0.1:PORT, borrowed */

/* What came so far; a request is borrowed until the server stops. */
guint scripted_server_count(struct scripted_server *server);
const struct scripted_request *scripted_server_request(struct scripted_server *server, guint index);
int scripted_server_connections(struct scripted_server *server);
/* First value of a header, without regard to case, or NULL. Borrowed. */
const char *scripted_request_header(const struct scripted_request *request, const char *name);

/* Closes everything and frees it. What was not as expected, a line each, or NULL. Owned by the
 * caller. */
char *scripted_server_stop(struct scripted_server *server);

/* A port of loopback on which nothing listens (it was free a moment ago). */
int scripted_free_port(void);

#endif
