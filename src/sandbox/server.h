/* The server's state, shared by the files of the module. Private to the module. */
#ifndef SANDBOX_SERVER_H
#define SANDBOX_SERVER_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/error.h"
#include "rollbook/sql.h"
#include "rollbook/template.h"

struct sandbox_faults;

struct sandbox_server {
    struct roll_sql *sql;
    int64_t operation_time_ms;
    struct sandbox_faults *faults;
    struct roll_template_runtime runtime; /* answers reference() and list*() from what is stored */
    GHashTable *templates; /* digest -> struct roll_template *: parsed ones, bounded */
    GHashTable *runs;      /* deployment serial -> struct sandbox_run *: bounded, can be rebuilt */
    GPtrArray *certificates; /* of X509 *: that applications sign in with (jwt.h) */
    int64_t token_life_ms;   /* of the login's tokens; 0: as Entra's */
    GHashTable *buckets;     /* of token buckets by their names (buckets.c) */
    bool throttled;          /* an empty bucket is answered with 429 */
    char *url;               /* http://127.0.0.1:PORT */
    int port;
};

/* Opens the state (NULL: in memory) and makes its tables. ROLL_E_TOO_NEW, FOREIGN and the errors of
 * roll_sql_open. */
struct roll_error *sandbox_server_open(const char *state_file, int64_t operation_time_ms,
                                       const char *const *faults,
                                       struct sandbox_server **ret_server) ROLL_CHECKED;
void sandbox_server_free(struct sandbox_server *server);
ROLL_AUTO_DEFINE(sandbox_server, struct sandbox_server, sandbox_server_free)

/* The port kept in the state; 0 when none was chosen yet. */
struct roll_error *sandbox_server_port(struct sandbox_server *server, int *ret_port) ROLL_CHECKED;
struct roll_error *sandbox_server_keep_port(struct sandbox_server *server, int port) ROLL_CHECKED;

/* When the last operation that runs now will have ended (UTC ms), 0 when nothing runs. */
struct roll_error *sandbox_server_busy_until(struct sandbox_server *server, int64_t *ret_until_ms)
    ROLL_CHECKED;

#endif
