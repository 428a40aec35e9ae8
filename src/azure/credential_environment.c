/* A client secret from the environment, exchanged at the cloud's login. Source: services
 * reference 1.2, 1.7. */
#include <string.h>

#include "azure/credential.h"

#define TOKEN_TIMEOUT_MS 30000

static const char *variable(const char *name)
{
    const char *value = g_getenv(name);

    return value && *value ? value : NULL;
}

static const char *tenant_of(const struct roll_credential *credential)
{
    return credential->tenant ? credential->tenant : variable("AZURE_TENANT_ID");
}

static const char *authority_of(const struct roll_credential *credential)
{
    const char *host = variable("AZURE_AUTHORITY_HOST");

    return host ? host : credential->cloud->login;
}

static bool is_plain(const char *text, const char *also)
{
    for (; *text; text++)
        if (!g_ascii_isalnum(*text) && !strchr(also, *text))
            return false;
    return true;
}

static char *lacks(const struct roll_credential *credential)
{
    const char *authority = authority_of(credential);
    const char *tenant = tenant_of(credential);

    if (!variable("AZURE_CLIENT_ID"))
        return g_strdup("AZURE_CLIENT_ID is not set");
    if (!tenant)
        return g_strdup("AZURE_TENANT_ID is not set, and the plan names no tenant");
    if (!is_plain(tenant, ".-"))
        return g_strdup("AZURE_TENANT_ID is no tenant");
    if (!variable("AZURE_CLIENT_SECRET")) {
        if (variable("AZURE_CLIENT_CERTIFICATE_PATH"))
            return g_strdup("AZURE_CLIENT_SECRET is not set (client certificates are not supported "
                            "yet by this version)");
        return g_strdup("AZURE_CLIENT_SECRET is not set");
    }
    if (!roll_url_is_https(authority) && !roll_url_is_loopback(authority))
        return g_strdup("AZURE_AUTHORITY_HOST is no https address");
    return NULL;
}

static void add_field(GString *form, const char *name, const char *value)
{
    if (form->len > 0)
        g_string_append_c(form, '&');
    g_string_append(form, name);
    g_string_append_c(form, '=');
    roll_url_encode(value, form);
}

/* "invalid_client: AADSTS7000215: Invalid client secret provided": the first line, which names no
 * secret. */
static char *refusal(const struct roll_http_reply *reply, const struct token_reply *json)
{
    const char *code = json->value ? token_reply_text(json, "error") : NULL;
    const char *words = json->value ? token_reply_text(json, "error_description") : NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED)
        return g_strdup_printf("the login does not answer: %s", reply->problem);
    if (!code)
        return g_strdup_printf("the login answered %d without a token", reply->status);
    g_autofree char *line = words ? g_strndup(words, MIN(strcspn(words, "\r\n"), 300)) : NULL;
    return g_strdup_printf("the login refused the client secret: %s%s%s", code, line ? ": " : "",
                           line ? line : "");
}

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;
    struct token_reply json = {0};
    bool read = reply->outcome == ROLL_HTTP_REPLIED &&
                token_reply_read(&json, reply->body, reply->body_size);
    const char *text = read ? token_reply_text(&json, "access_token") : NULL;

    token->http = NULL;
    if (text && *text && reply->status == 200)
        token_fetched(token, text, strlen(text), token_reply_number(&json, "expires_in"));
    else
        token_failed(token, refusal(reply, &json));
    token_reply_wipe(&json);
}

static void fetch(struct token *token)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL};
    const struct roll_credential *credential = token->credential;
    const char *authority = authority_of(credential);
    g_autofree char *url =
        g_strdup_printf("%s%s%s/oauth2/v2.0/token", authority,
                        g_str_has_suffix(authority, "/") ? "" : "/", tenant_of(credential));
    g_autofree char *scope = g_strconcat(token->audience, "/.default", NULL);
    g_autoptr(GString) form = g_string_sized_new(4096); /* does not grow, so that no copy stays */

    add_field(form, "client_id", variable("AZURE_CLIENT_ID"));
    add_field(form, "scope", scope);
    add_field(form, "grant_type", "client_credentials");
    add_field(form, "client_secret", variable("AZURE_CLIENT_SECRET"));
    struct roll_http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .body = form->str,
        .body_size = form->len,
        .timeout_ms = TOKEN_TIMEOUT_MS,
        .deadline_ms = TOKEN_TIMEOUT_MS,
        .retry = ROLL_HTTP_RETRY_READ, /* asking for a token twice changes nothing */
    };
    token->http = roll_http_send(credential->loop, &request, on_reply, token);
    roll_wipe(form->str, form->len);
}

static void stop(struct token *token)
{
    if (token->http)
        roll_http_cancel(token->credential->loop, token->http);
    token->http = NULL;
}

const struct token_source token_source_environment = {
    .kind = "environment",
    .sdk_name = "EnvironmentCredential",
    .production = true,
    .lacks = lacks,
    .fetch = fetch,
    .stop = stop,
};
