/* A client secret or a client certificate named by the environment. Source: services reference
 * 1.2, 1.3, 1.7. */
#include <string.h>

#include "azure/credential.h"

static char *lacks(const struct roll_credential *credential)
{
    struct login login = login_of_environment(credential);
    g_autofree char *missing = login_lacks(credential, &login);

    if (missing)
        return g_steal_pointer(&missing);
    if (!credential_variable("AZURE_CLIENT_SECRET") &&
        !credential_variable("AZURE_CLIENT_CERTIFICATE_PATH"))
        return g_strdup("neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set");
    return NULL;
}

static bool is_true(const char *text)
{
    return text && (strcmp(text, "1") == 0 || g_ascii_strcasecmp(text, "true") == 0);
}

/* The file is read for every token, so that a renewed certificate is taken at once. */
static void fetch_by_certificate(struct token *token, const struct login *login)
{
    g_autofree char *url = login_url(token->credential, login, "token"), *problem = NULL;
    struct certificate_use use = {
        .path = credential_variable("AZURE_CLIENT_CERTIFICATE_PATH"),
        .password = credential_variable("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
        .client_id = login->client_id,
        .audience = url,
        .chain = is_true(credential_variable("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")),
        .adfs = login_is_adfs(token->credential, login),
    };
    roll_auto(secret) struct roll_secret *assertion = certificate_assertion(&use, &problem);

    if (assertion)
        login_with_assertion(token, login, "client certificate", roll_secret_reveal(assertion));
    else
        token_failed(token, g_strdup_printf("the client certificate %s", problem));
}

static void fetch(struct token *token)
{
    struct login login = login_of_environment(token->credential);
    const char *secret = credential_variable("AZURE_CLIENT_SECRET");

    if (secret) /* wins over a certificate, as with the SDKs */
        login_with_secret(token, &login, "client secret", secret);
    else
        fetch_by_certificate(token, &login);
}

const struct token_source token_source_environment = {
    .kind = "environment",
    .sdk_name = "EnvironmentCredential",
    .group = TOKEN_PRODUCTION,
    .lacks = lacks,
    .fetch = fetch,
    .stop = token_stop,
};
