/* What to do about the login's codes. They may change, so that nothing is decided by them; for a
 * person they are the shortest way to the cause. Source: services reference 1.2. */
#include <string.h>

#include "azure/credential.h"

static const struct {
    gint64 code;
    const char *advice;
} rows[] = {
    {7000215, "the secret is wrong; often it is the secret's id that was pasted"},
    {7000222, "the secret has expired: make a new one"},
    {700016, "this tenant does not know the application: check the client id and the tenant"},
    {900023, "the tenant is malformed"},
    {90002, "there is no such tenant: check it, and the plan's cloud"},
    {700027, "the certificate is not registered with the application, or its key is another one"},
    {50027, "the assertion is malformed"},
    {700021, "the assertion was made for another application"},
    {700023, "the assertion was made for another audience: check the plan's cloud"},
    {700024, "the assertion is not valid now: check this machine's clock"},
    {70021, "no federated credential has this issuer, subject and audience; a new one needs some "
            "minutes"},
    {700213, "no federated credential has this issuer, subject and audience; a new one needs some "
             "minutes"},
    {90061, "the login could not read the keys of the token's issuer"},
    {500011, "the tenant does not know the service that the token is for"},
    {70011, "the scope is wrong: check the plan's cloud"},
    {700082, "the sign-in has expired: sign in again"},
    {70043, "the sign-in has expired: sign in again"},
    {50076, "multi-factor authentication is needed: sign in again"},
};

const char *login_advice(const char *text)
{
    const char *mark = text ? strstr(text, "AADSTS") : NULL;
    gint64 code = mark ? g_ascii_strtoll(mark + 6, NULL, 10) : 0;

    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++)
        if (rows[i].code == code)
            return rows[i].advice;
    return NULL;
}
