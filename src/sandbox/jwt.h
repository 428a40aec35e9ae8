/* Tokens as JWTs: read, checked and made. Private to the module.
 *
 * Source: RFC 7515, 7519; services reference 1.2, 1.3. */
#ifndef SANDBOX_JWT_H
#define SANDBOX_JWT_H

#include <glib.h>
#include <jansson.h>
#include <openssl/x509.h>

#include "rollbook/error.h"

/* The three parts of a text that is a JWT; header and claims are JSON objects. */
struct sandbox_jwt {
    json_t *header, *claims; /* owned */
    GBytes *signature;       /* owned */
    char *signed_text;       /* header and claims as they came, owned */
};

/* False when it is none; then there is nothing to clear. */
bool sandbox_jwt_read(const char *token, struct sandbox_jwt *ret_jwt);
void sandbox_jwt_clear(struct sandbox_jwt *jwt);

/* An unsigned one (alg none, as nobody here trusts a signature of ours). Owned by the caller. */
char *sandbox_jwt_write(const json_t *claims);

/* Certificates that the login knows: the login of the application whose assertion they sign. */
struct roll_error *sandbox_certificates_read(const char *const *files, GPtrArray **ret_certificates)
    ROLL_CHECKED;

enum sandbox_signature {
    SANDBOX_SIGNATURE_UNKNOWN, /* by a key that is not known here */
    SANDBOX_SIGNATURE_GOOD,
    SANDBOX_SIGNATURE_WRONG, /* or by an algorithm that the login does not take */
};
/* By the certificate that the header carries (x5c), else the known one of its thumbprint; the
 * thumbprint must be that certificate's. */
enum sandbox_signature sandbox_jwt_verify(const struct sandbox_jwt *jwt, const GPtrArray *known);

#endif
