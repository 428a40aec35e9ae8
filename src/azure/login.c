/* The cloud's token endpoint: a secret or an assertion becomes a token. Source: services
 * reference 1.2, 1.4, 1.7. */
#include <string.h>

#include "azure/credential.h"
#include "rollbook/digest.h"

#define TOKEN_TIMEOUT_MS 30000

static const char *authority_of(const struct roll_credential *credential)
{
    const char *host = credential_variable("AZURE_AUTHORITY_HOST");

    return host ? host : credential->cloud->login;
}

/* AD FS has one tenant, no version 2.0, and RS256. */
static bool ends_in_adfs(const char *authority)
{
    size_t size = authority ? strlen(authority) : 0;

    while (size > 0 && authority[size - 1] == '/')
        size--;
    return size >= 5 && g_ascii_strncasecmp(authority + size - 5, "/adfs", 5) == 0;
}

bool login_is_adfs(const struct roll_credential *credential, const struct login *login)
{
    return ends_in_adfs(authority_of(credential)) ||
           (login->tenant && g_ascii_strcasecmp(login->tenant, "adfs") == 0);
}

struct login login_of_environment(const struct roll_credential *credential)
{
    return (struct login){
        .client_id = credential_variable("AZURE_CLIENT_ID"),
        .tenant = credential->tenant ? credential->tenant : credential_variable("AZURE_TENANT_ID"),
    };
}

static bool is_plain(const char *text, const char *also)
{
    for (; *text; text++)
        if (!g_ascii_isalnum(*text) && !strchr(also, *text))
            return false;
    return true;
}

char *login_lacks(const struct roll_credential *credential, const struct login *login)
{
    const char *authority = authority_of(credential);

    if (!login->client_id)
        return g_strdup("AZURE_CLIENT_ID is not set");
    if (!login->tenant && !ends_in_adfs(authority))
        return g_strdup("AZURE_TENANT_ID is not set, and the plan names no tenant");
    if (login->tenant && !is_plain(login->tenant, ".-"))
        return g_strdup("AZURE_TENANT_ID is not a tenant");
    if (authority && !roll_url_is_https(authority) && !roll_url_is_loopback(authority))
        return g_strdup("AZURE_AUTHORITY_HOST is not an https address");
    return NULL;
}

char *login_url(const struct roll_credential *credential, const struct login *login,
                const char *address)
{
    const char *authority = authority_of(credential);

    const char *slash = g_str_has_suffix(authority, "/") ? "" : "/";

    if (ends_in_adfs(authority))
        return g_strdup_printf("%s%soauth2/%s", authority, slash, address);
    if (login_is_adfs(credential, login))
        return g_strdup_printf("%s%sadfs/oauth2/%s", authority, slash, address);
    return g_strdup_printf("%s%s%s/oauth2/v2.0/%s", authority, slash, login->tenant, address);
}

const char *login_federation_audience(const struct roll_credential *credential)
{
    const char *cloud = credential->cloud->name;

    if (g_str_equal(cloud, "china"))
        return "api://AzureADTokenExchangeChina";
    if (g_str_equal(cloud, "usgovernment"))
        return "api://AzureADTokenExchangeUSGov";
    return "api://AzureADTokenExchange";
}

/* "the login refused the client secret: invalid_client: AADSTS7000215: Invalid client secret
 * provided (…)": the first line, which names no secret, and what to do about it. */
static char *refusal(const struct token *token, const struct roll_http_reply *reply,
                     const struct token_reply *json)
{
    const char *code = json->value ? token_reply_text(json, "error") : NULL;
    const char *words = json->value ? token_reply_text(json, "error_description") : NULL;
    const char *advice = login_advice(words);

    if (reply->outcome != ROLL_HTTP_REPLIED)
        return g_strdup_printf("the login does not answer: %s", reply->problem);
    if (!code)
        return g_strdup_printf("the login answered %d without a token", reply->status);
    g_autofree char *line = words ? g_strndup(words, MIN(strcspn(words, "\r\n"), 300)) : NULL;
    g_autofree char *valid = line ? g_utf8_make_valid(line, -1) : NULL;
    return g_strdup_printf("the login refused the %s: %s%s%s%s%s%s", token->proof, code,
                           valid ? ": " : "", valid ? valid : "", advice ? " (" : "",
                           advice ? advice : "", advice ? ")" : "");
}

static char *reach_login(struct token *token)
{
    g_free(token->next_step);
    return g_strdup_printf("make %s reachable from here: name resolution, proxy, firewall",
                           authority_of(token->credential));
}

void login_on_reply(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;
    struct token_reply json = {0};
    bool read = reply->outcome == ROLL_HTTP_REPLIED &&
                token_reply_read(&json, reply->body, reply->body_size);
    const char *text = read ? token_reply_text(&json, "access_token") : NULL;

    token->http = NULL;
    if (text && *text && reply->status == 200)
        token_fetched(token, text, strlen(text), token_reply_life(&json));
    else {
        if (reply->outcome != ROLL_HTTP_REPLIED)
            token->next_step = reach_login(token);
        token_failed(token, refusal(token, reply, &json));
    }
    token_reply_wipe(&json);
}

void login_add_field(GString *form, const char *name, const char *value)
{
    if (form->len > 0)
        g_string_append_c(form, '&');
    g_string_append(form, name);
    g_string_append_c(form, '=');
    roll_url_encode(value, form);
}

/* Says that claims challenges are understood: Azure sends none to who does not. Source: services
 * reference 1.8; REST reference 7.4. */
static const char CAPABILITY[] = "{\"access_token\":{\"xms_cc\":{\"values\":[\"cp1\"]}}}";

/* Those of a challenge hold it already. AD FS knows no claims. */
static const char *claims_of(const struct token *token, const struct login *login)
{
    if (token->claims)
        return token->claims;
    return login_is_adfs(token->credential, login) ? NULL : CAPABILITY;
}

/* What every grant has. Big enough for proof too, since growing would leave a copy of it behind. */
static GString *begin_form(const struct token *token, const struct login *login, const char *proof)
{
    g_autofree char *scope = g_strconcat(token->audience, "/.default", NULL);
    const char *claims = claims_of(token, login);
    size_t texts = strlen(login->client_id) + strlen(scope) + strlen(proof);
    GString *form = g_string_sized_new(1024 + 3 * (texts + (claims ? strlen(claims) : 0)));

    login_add_field(form, "client_id", login->client_id);
    login_add_field(form, "scope", scope);
    login_add_field(form, "grant_type", "client_credentials");
    if (claims)
        login_add_field(form, "claims", claims);
    return form;
}

void login_post(struct token *token, const char *url, GString *form, roll_http_fn fn)
{
    char id[ROLL_UUID_SIZE];

    roll_uuid_random(id);
    g_autofree char *request_id = g_strdup_printf("client-request-id: %s", id);
    const char *headers[] = {"Content-Type: application/x-www-form-urlencoded",
                             "Accept: application/json", request_id, NULL};
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

    token->http = roll_http_send(token->credential->loop, &request, fn, token);
    roll_wipe(form->str, form->len);
    g_string_free(form, TRUE);
}

/* Takes form. */
static void send_form(struct token *token, const struct login *login, GString *form)
{
    g_autofree char *url = login_url(token->credential, login, "token");

    g_clear_pointer(&token->claims, g_free); /* sent once */
    login_post(token, url, form, login_on_reply);
}

void login_with_secret(struct token *token, const struct login *login, const char *proof,
                       const char *secret)
{
    GString *form = begin_form(token, login, secret);

    token->proof = proof;
    login_add_field(form, "client_secret", secret);
    send_form(token, login, form);
}

void login_with_assertion(struct token *token, const struct login *login, const char *proof,
                          const char *assertion)
{
    GString *form = begin_form(token, login, assertion);

    token->proof = proof;
    login_add_field(form, "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    login_add_field(form, "client_assertion", assertion);
    send_form(token, login, form);
}
