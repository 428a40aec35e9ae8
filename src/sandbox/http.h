/* Requests and replies of the sandbox, and the table that leads from one to the other. Private to
 * the module. */
#ifndef SANDBOX_HTTP_H
#define SANDBOX_HTTP_H

#include <glib.h>
#include <jansson.h>

#include "rollbook/error.h"
#include "sandbox/ids.h"

struct sandbox_server;

/* ARM's limit on a request's body (REST reference 8.3). */
#define SANDBOX_MAX_BODY 4194304u

enum sandbox_method {
    METHOD_GET = 1,
    METHOD_HEAD = 2,
    METHOD_PUT = 4,
    METHOD_PATCH = 8,
    METHOD_DELETE = 16,
    METHOD_POST = 32,
    METHOD_OTHER = 64,
};

struct sandbox_request {
    enum sandbox_method method;
    char *method_name;
    char *path;          /* as it came, not decoded */
    GPtrArray *segments; /* of the path, decoded, empty ones dropped */
    GHashTable *query;   /* name in lower case -> value */
    GString *body;
    bool body_too_large;
    char *base_url;          /* scheme and host as the caller spelt them: where polling URLs lead */
    char *authorization;     /* or NULL */
    char *if_match;          /* or NULL */
    char *if_none_match;     /* or NULL */
    char *correlation_id;    /* the caller's, else a new one */
    char *client_request_id; /* or NULL; only when the caller wants it back */
    int64_t now_ms;
    /* Filled in by the route. */
    struct sandbox_scope scope;
    const char *name;
    const char *item;
};

void sandbox_request_clear(struct sandbox_request *request);

struct sandbox_header {
    char *name;
    char *value;
};

struct sandbox_reply {
    int status;
    json_t *body;       /* owned, or NULL */
    GString *text;      /* owned, or NULL: sent instead of body, as JSON */
    GPtrArray *headers; /* of struct sandbox_header, owned */
    bool refused;       /* an ARM error: what the handler wrote is rolled back */
    bool drop;          /* close the connection without an answer */
    bool truncate;      /* close it after half of the body */
    int64_t delay_ms;
};

void sandbox_reply_init(struct sandbox_reply *reply);
void sandbox_reply_clear(struct sandbox_reply *reply);
/* Replaces a header of that name. */
void sandbox_reply_header(struct sandbox_reply *reply, const char *name, const char *format, ...)
    ROLL_PRINTF(3, 4);
/* Replaces what was there. body_take may be NULL. */
void sandbox_reply_set(struct sandbox_reply *reply, int status, json_t *body_take);
/* ARM's error body, {"error":{"code","message"}}. */
void sandbox_reply_error(struct sandbox_reply *reply, int status, const char *code,
                         const char *format, ...) ROLL_PRINTF(4, 5);
/* The error object was made elsewhere; consumes it. */
void sandbox_reply_error_take(struct sandbox_reply *reply, int status, json_t *error_take);

const char *sandbox_query(const struct sandbox_request *request,
                          const char *name); /* lower case; NULL if absent */

/* The body in ARM's dialect. Sets InvalidRequestContent in reply and gives false when it is no JSON
 * object. ret_strict may be NULL. */
bool sandbox_request_json(const struct sandbox_request *request, struct sandbox_reply *reply,
                          json_t **ret_body, GString **ret_strict);

/* A handler answers in reply; an error that it returns is the sandbox's own and becomes a 500. */
typedef struct roll_error *(*sandbox_handler)(struct sandbox_server *server,
                                              struct sandbox_request *request,
                                              struct sandbox_reply *reply);

/* NULL after the reply was made: wrong path, wrong method, or something that is not built. Fills in
 * scope, name and item. */
sandbox_handler sandbox_route(struct sandbox_request *request, struct sandbox_reply *reply);

/* Counts the request against its caller's token bucket and tells how much is left in it. False, and
 * 429 in reply, when it is empty and the sandbox was told to mind (REST reference 8). */
bool sandbox_buckets_take(struct sandbox_server *server, const struct sandbox_request *request,
                          struct sandbox_reply *reply);

/* Everything between a request and its reply: faults, route, token, api-version, life cycles,
 * transaction. */
void sandbox_dispatch(struct sandbox_server *server, struct sandbox_request *request,
                      struct sandbox_reply *reply);

/* The claims of the caller's token, NULL when it is no JWT. New reference. */
json_t *sandbox_claims(const struct sandbox_request *request);

/* 401 in reply and false unless the caller has shown a token that is accepted (REST reference 7.2).
 */
bool sandbox_authenticate(const struct sandbox_server *server,
                          const struct sandbox_request *request, struct sandbox_reply *reply);

#endif
