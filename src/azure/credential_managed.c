/* The identity that Azure gives to a machine, an app or a container: from the platform's own
 * endpoint, without a secret.
 *
 * Source: services reference 1.5. Built are App Service (also Functions and Container Apps) and
 * IMDS (virtual machines, scale sets, AKS nodes); where another source would come first, it is
 * named and the chain goes on. */
#include <string.h>

#include "azure/credential.h"
#include "rollbook/time.h"

#define IMDS_URL "http://169.254.169.254"
#define IMDS_PATH "metadata/identity/oauth2/token"
#define ASK_TIMEOUT_MS 30000
#define PROBE_TIMEOUT_MS 1000 /* a laptop must not hang */
#define ARC_AGENT "/opt/azcmagent/bin/himds"
#define LONG_LIFE_S (2 * 60 * 60)

/* ---- which source ---- */

static bool is_app_service(void)
{
    return credential_variable("IDENTITY_ENDPOINT") && credential_variable("IDENTITY_HEADER");
}

/* http reaches nobody beyond this machine's own network: loopback and link-local addresses. */
static bool is_near(const char *url)
{
    return roll_url_is_https(url) || roll_url_is_loopback(url) ||
           g_regex_match_simple("^http://169\\.254(\\.[0-9]{1,3}){2}(:[0-9]{1,5})?(/|$)", url, 0,
                                0);
}

/* What comes before IMDS by its variables, in the order of the official clients; NULL: nothing. */
static const char *other_source(void)
{
    if (is_app_service())
        return credential_variable("IDENTITY_SERVER_THUMBPRINT") ? "Service Fabric" : NULL;
    if (credential_variable("MSI_ENDPOINT"))
        return credential_variable("MSI_SECRET") ? "Azure Machine Learning" : "Cloud Shell";
    if (credential_variable("IDENTITY_ENDPOINT") && credential_variable("IMDS_ENDPOINT"))
        return "Azure Arc";
    return g_file_test(ARC_AGENT, G_FILE_TEST_EXISTS) ? "Azure Arc" : NULL;
}

static const char *imds_base(void)
{
    const char *base = credential_variable("AZURE_POD_IDENTITY_AUTHORITY_HOST");

    return base ? base : IMDS_URL;
}

static char *lacks(const struct roll_credential *credential)
{
    const char *other = other_source();

    (void)credential;
    if (other)
        return g_strdup_printf("the managed identity of %s is not supported by this version",
                               other);
    if (is_app_service() && !is_near(credential_variable("IDENTITY_ENDPOINT")))
        return g_strdup("IDENTITY_ENDPOINT is neither https nor on this machine");
    if (!is_near(imds_base()))
        return g_strdup("AZURE_POD_IDENTITY_AUTHORITY_HOST is neither https nor on this machine");
    return NULL;
}

/* ---- what it answers ---- */

/* Which tries are worth another one, and after how many seconds: IMDS updates itself for up to 70
 * seconds (410), everything else passes within the published back-off. -1: give up. */
static int64_t retry_seconds(const struct roll_http_reply *reply, int tries)
{
    static const int64_t backoff[] = {2, 6, 14, 30};
    int status = reply->status;

    if (status == 410)
        return tries <= 7 ? 10 : -1;
    if (reply->outcome == ROLL_HTTP_REPLIED && status != 404 && status != 408 && status != 429 &&
        status < 500)
        return -1;
    return tries <= (int)G_N_ELEMENTS(backoff) ? backoff[tries - 1] : -1;
}

static char *refusal(const struct roll_http_reply *reply, const struct token_reply *json)
{
    const char *code = json->value ? token_reply_text(json, "error") : NULL;
    const char *words = json->value ? token_reply_text(json, "error_description") : NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED)
        return g_strdup_printf("the identity endpoint does not answer: %s", reply->problem);
    g_autofree char *line = words ? g_strndup(words, MIN(strcspn(words, "\r\n"), 300)) : NULL;
    g_autofree char *valid = line ? g_utf8_make_valid(line, -1) : NULL;
    return g_strdup_printf("the identity endpoint answered %d%s%s%s%s%s", reply->status,
                           code ? ": " : "", code ? code : "", valid ? ": " : "",
                           valid ? valid : "",
                           reply->status == 502 || reply->status == 504
                               ? " (a proxy may have answered: NO_PROXY must have 169.254.169.254)"
                               : "");
}

/* No identity is assigned here, or what answered is no identity endpoint: not ours to fail for. */
static bool is_absent(const struct roll_http_reply *reply, const struct token_reply *json)
{
    return reply->outcome == ROLL_HTTP_REPLIED &&
           (reply->status == 400 || (reply->status == 403 && !json->value));
}

/* Long-lived ones are renewed at half of their life. */
static struct token_life life_of(const struct token_reply *json)
{
    struct token_life life = token_reply_life(json);

    if (life.valid > LONG_LIFE_S && life.renew <= 0)
        life.renew = life.valid / 2;
    return life;
}

static void ask(void *user);

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;
    struct token_reply json = {0};
    bool read = reply->outcome == ROLL_HTTP_REPLIED &&
                token_reply_read(&json, reply->body, reply->body_size);
    const char *text = read ? token_reply_text(&json, "access_token") : NULL;
    bool good = reply->status == 200 && text && *text;
    int64_t seconds = good ? -1 : retry_seconds(reply, token->tries);

    token->http = NULL;
    if (good)
        token_fetched(token, text, strlen(text), life_of(&json));
    else if (seconds >= 0)
        token->retry_timer =
            roll_loop_timer(token->credential->loop,
                            roll_boot_ms() + seconds * token->credential->retry_second, ask, token);
    else if (is_absent(reply, &json))
        token_unavailable(token, refusal(reply, &json));
    else
        token_failed(token, refusal(reply, &json));
    token_reply_wipe(&json);
}

/* ---- asking ---- */

static struct roll_http_call *get(struct token *token, const char *url, const char *const *headers,
                                  int64_t timeout_ms, roll_http_fn fn)
{
    struct roll_http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .connect_timeout_ms = timeout_ms,
        .timeout_ms = timeout_ms,
        .deadline_ms = timeout_ms,
        .retry = ROLL_HTTP_RETRY_NONE,
        .no_proxy = true, /* one that answers for IMDS answers with somebody else's identity */
    };

    return roll_http_send(token->credential->loop, &request, fn, token);
}

/* base?api-version=…&resource=…[&client_id=…]: the resource is the audience, not a scope. */
static char *token_url(const struct token *token, const char *base, const char *version)
{
    GString *url = g_string_new(base);
    const char *client_id = credential_variable("AZURE_CLIENT_ID"); /* of a user-assigned one */

    g_string_append_printf(url, "%sapi-version=%s&resource=", strchr(base, '?') ? "&" : "?",
                           version);
    roll_url_encode(token->audience, url);
    if (client_id) {
        g_string_append(url, "&client_id=");
        roll_url_encode(client_id, url);
    }
    return g_string_free(url, FALSE);
}

static char *imds_address(void)
{
    const char *base = imds_base();

    return g_strconcat(base, g_str_has_suffix(base, "/") ? "" : "/", IMDS_PATH, NULL);
}

static void ask_imds(struct token *token)
{
    static const char *const headers[] = {"Metadata: true", "Accept: application/json", NULL};
    g_autofree char *base = imds_address();
    g_autofree char *url = token_url(token, base, "2018-02-01");

    token->http = get(token, url, headers, ASK_TIMEOUT_MS, on_reply);
}

static void ask_app_service(struct token *token)
{
    char *secret = g_strconcat("X-IDENTITY-HEADER: ", credential_variable("IDENTITY_HEADER"), NULL);
    const char *const headers[] = {secret, "Accept: application/json", NULL};
    g_autofree char *url = token_url(token, credential_variable("IDENTITY_ENDPOINT"), "2019-08-01");

    token->http = get(token, url, headers, ASK_TIMEOUT_MS, on_reply);
    roll_wipe(secret, strlen(secret));
    g_free(secret);
}

static void ask(void *user)
{
    struct token *token = user;

    token->retry_timer = 0;
    token->tries++;
    if (is_app_service())
        ask_app_service(token);
    else
        ask_imds(token);
}

/* Any answer means that IMDS is there: without its header it refuses. */
static void on_probe(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;

    token->http = NULL;
    if (reply->outcome == ROLL_HTTP_REPLIED)
        ask(token);
    else
        token_unavailable(token,
                          g_strdup("this is not a machine with a managed identity (IMDS does "
                                   "not answer)"));
}

static void fetch(struct token *token)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    bool alone = token->next == token->credential->worked + 1 || !token->credential->sources[1];
    g_autofree char *url = imds_address();

    if (alone || is_app_service())
        ask(token);
    else
        token->http = get(token, url, headers, PROBE_TIMEOUT_MS, on_probe);
}

const struct token_source token_source_managed_identity = {
    .kind = "managed-identity",
    .sdk_name = "ManagedIdentityCredential",
    .group = TOKEN_PRODUCTION,
    .lacks = lacks,
    .fetch = fetch,
    .stop = token_stop,
};
