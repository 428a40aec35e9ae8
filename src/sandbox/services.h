/* Services beside ARM that the sandbox plays: registries, Key Vaults, blobs; and what happens to
 * them on game days. Private to the module. */
#ifndef SANDBOX_SERVICES_H
#define SANDBOX_SERVICES_H

#include "sandbox/http.h"

/* Answers /sandbox/at/HOST/…, which no ARM has. False when it is something else; reply is then
 * unchanged. */
bool sandbox_services(struct sandbox_server *server, const struct sandbox_request *request,
                      struct sandbox_reply *reply);

/* The secrets that a deployment's parameters refer to: a version is there once a deployment has
 * named it. *ret_good is false, and the refusal in reply, when one was disabled or deleted. */
struct roll_error *sandbox_secrets_use(struct sandbox_server *server, const json_t *parameters,
                                       int64_t now_ms, struct sandbox_reply *reply, bool *ret_good)
    ROLL_CHECKED;

/* False, and the refusal in reply, when the request's query lacks name. */
bool sandbox_need(const struct sandbox_request *request, const char *name,
                  struct sandbox_reply *reply);

/* ---- roles.c --------------------------------------------------------------------------------- */

/* *ret_free is false, and AuthorizationFailed in reply, where the role that was said for the scope
 * does not hold the action of a request that changes something. Reads are free. */
struct roll_error *sandbox_role_check(struct sandbox_server *server,
                                      const struct sandbox_request *request,
                                      struct sandbox_reply *reply, bool *ret_free) ROLL_CHECKED;
/* The same for what an expanded template writes: its deployment is refused before it begins. */
struct roll_error *sandbox_role_check_template(struct sandbox_server *server,
                                               const struct sandbox_request *request,
                                               const json_t *resources, struct sandbox_reply *reply,
                                               bool *ret_free) ROLL_CHECKED;

/* Handlers: what the caller may do at a scope, and the switches of game days. */
struct roll_error *sandbox_permissions(struct sandbox_server *, struct sandbox_request *,
                                       struct sandbox_reply *);
struct roll_error *sandbox_resource_permissions(struct sandbox_server *, struct sandbox_request *,
                                                struct sandbox_reply *);
struct roll_error *sandbox_role(struct sandbox_server *, struct sandbox_request *,
                                struct sandbox_reply *);
struct roll_error *sandbox_gone(struct sandbox_server *, struct sandbox_request *,
                                struct sandbox_reply *);
struct roll_error *sandbox_there(struct sandbox_server *, struct sandbox_request *,
                                 struct sandbox_reply *);
struct roll_error *sandbox_secret(struct sandbox_server *, struct sandbox_request *,
                                  struct sandbox_reply *);

#endif
