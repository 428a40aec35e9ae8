/* WWW-Authenticate, as the services spell it. Source: services reference 1.8, 4.1. */
#ifndef ROLLBOOK_AZURE_CHALLENGE_H
#define ROLLBOOK_AZURE_CHALLENGE_H

/* A parameter of a Bearer challenge, quoted or not, separated by commas or blanks. NULL when there
 * is none, or the header is NULL or of another scheme. Owned by the caller. */
char *challenge_value(const char *header, const char *name);

/* What the next token must have, as the login takes it: the claims of an insufficient_claims
 * challenge, with the sign that we know such challenges. NULL when there is none or it is no JSON
 * object. Owned by the caller. */
char *challenge_claims(const char *header);

#endif
