/* The sandbox's own login, and what it says of its cloud. Private to the module. */
#ifndef SANDBOX_LOGIN_H
#define SANDBOX_LOGIN_H

#include "sandbox/http.h"

/* The tenant of everything here. */
#define SANDBOX_TENANT "44444444-4444-4444-4444-444444444444"

/* Answers what is no request to ARM: /metadata/endpoints, discovery of the login, and its token
 * endpoint, none of which needs a token. False when it is something else; reply is then unchanged.
 */
bool sandbox_login(const struct sandbox_server *server, const struct sandbox_request *request,
                   struct sandbox_reply *reply);

/* login_token.c: POST of the token endpoint. tenant: as in the path. v1: the form with `resource`.
 */
void sandbox_login_token(const struct sandbox_server *server, const struct sandbox_request *request,
                         const char *tenant, bool v1, struct sandbox_reply *reply);

/* metadata.c: GET /metadata/endpoints. */
void sandbox_metadata(const struct sandbox_request *request, struct sandbox_reply *reply);

#endif
