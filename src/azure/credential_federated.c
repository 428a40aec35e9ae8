/* Tokens of others that the login takes for ours: a Kubernetes service account's, a GitHub Actions
 * job's, an Azure Pipelines service connection's. Source: services reference 1.4. */
#include <string.h>

#include "azure/credential.h"

#define FILE_MAX_BYTES (64u << 10)
#define ASK_TIMEOUT_MS 30000

/* Three parts of base64url: nothing else may travel as an assertion, and a mistaken file (a key, a
 * password) goes nowhere. */
static bool is_jwt(const char *text)
{
    int dots = 0;

    for (; *text; text++) {
        dots += *text == '.';
        if (!g_ascii_isalnum(*text) && !strchr("-_.=", *text))
            return false;
    }
    return dots == 2;
}

/* ---- workload identity: a file ---- */

static char *workload_lacks(const struct roll_credential *credential)
{
    struct login login = login_of_environment(credential);

    if (!credential_variable("AZURE_FEDERATED_TOKEN_FILE"))
        return g_strdup("AZURE_FEDERATED_TOKEN_FILE is not set");
    return login_lacks(credential, &login);
}

/* Without the blanks around it. */
static struct roll_secret *trim(const struct roll_secret *secret)
{
    const char *text = roll_secret_reveal(secret);
    size_t size = strlen(text);

    while (size > 0 && g_ascii_isspace(text[size - 1]))
        size--;
    while (size > 0 && g_ascii_isspace(*text)) {
        text++;
        size--;
    }
    return roll_secret_new(text, size);
}

/* The file is read for every token, since it is replaced every hour. */
static void workload_fetch(struct token *token)
{
    struct login login = login_of_environment(token->credential);
    const char *path = credential_variable("AZURE_FEDERATED_TOKEN_FILE");
    g_autofree char *problem = NULL;
    roll_auto(secret) struct roll_secret *file =
        credential_read_file(path, FILE_MAX_BYTES, &problem);
    roll_auto(secret) struct roll_secret *assertion = file ? trim(file) : NULL;

    if (!file)
        token_failed(token, g_strdup_printf("the federated token %s", problem));
    else if (!is_jwt(roll_secret_reveal(assertion)))
        token_failed(token, g_strdup_printf("the federated token '%s' is not a JWT", path));
    else
        login_with_assertion(token, &login, "federated token", roll_secret_reveal(assertion));
}

const struct token_source token_source_workload_identity = {
    .kind = "workload-identity",
    .sdk_name = "WorkloadIdentityCredential",
    .group = TOKEN_PRODUCTION,
    .lacks = workload_lacks,
    .fetch = workload_fetch,
    .stop = token_stop,
};

/* ---- both pipelines: a service that issues one for this job ---- */

/* Why there is no id token. The body is not quoted: it may hold one. */
static char *issue_problem(const struct roll_http_reply *reply, const char *issuer)
{
    const char *trace = roll_http_header(reply, "x-vss-e2eid");
    const char *edge = roll_http_header(reply, "x-msedge-ref");

    if (reply->outcome != ROLL_HTTP_REPLIED)
        return g_strdup_printf("%s does not answer: %s", issuer, reply->problem);
    return g_strdup_printf("%s answered %d without an id token%s%s%s%s", issuer, reply->status,
                           trace ? "; x-vss-e2eid " : "", trace ? trace : "",
                           edge ? "; x-msedge-ref " : "", edge ? edge : "");
}

static void exchange(struct token *token, const struct roll_http_reply *reply, const char *member,
                     const struct login *login, const char *issuer)
{
    struct token_reply json = {0};
    bool read = reply->outcome == ROLL_HTTP_REPLIED && reply->status == 200 &&
                token_reply_read(&json, reply->body, reply->body_size);
    const char *text = read ? token_reply_text(&json, member) : NULL;

    token->http = NULL;
    if (text && is_jwt(text))
        login_with_assertion(token, login, "id token", text);
    else
        token_failed(token, issue_problem(reply, issuer));
    token_reply_wipe(&json);
}

/* bearer: name of the variable. */
static void ask_issuer(struct token *token, const char *method, const char *url,
                       const char *const *headers, const char *bearer, roll_http_fn on_reply)
{
    const char *text = credential_variable(bearer);
    roll_auto(secret) struct roll_secret *secret = roll_secret_new(text, strlen(text));
    struct roll_http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .bearer = secret,
        .timeout_ms = ASK_TIMEOUT_MS,
        .deadline_ms = ASK_TIMEOUT_MS,
        .retry = ROLL_HTTP_RETRY_READ, /* issuing twice changes nothing */
    };

    token->http = roll_http_send(token->credential->loop, &request, on_reply, token);
}

static bool is_safe(const char *url)
{
    return roll_url_is_https(url) || roll_url_is_loopback(url);
}

/* ---- GitHub Actions ---- */

#define GITHUB_URL "ACTIONS_ID_TOKEN_REQUEST_URL"
#define GITHUB_TOKEN "ACTIONS_ID_TOKEN_REQUEST_TOKEN"

static char *github_lacks(const struct roll_credential *credential)
{
    struct login login = login_of_environment(credential);
    const char *url = credential_variable(GITHUB_URL);

    if (!url || !credential_variable(GITHUB_TOKEN))
        return credential_variable("GITHUB_ACTIONS")
                   ? g_strdup("the job has no 'permissions: id-token: write'")
                   : g_strdup(GITHUB_URL " is not set");
    if (!is_safe(url))
        return g_strdup(GITHUB_URL " is not an https address");
    return login_lacks(credential, &login);
}

static void on_github(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;
    struct login login = login_of_environment(token->credential);

    exchange(token, reply, "value", &login, "GitHub");
}

static void github_fetch(struct token *token)
{
    static const char *const headers[] = {"Accept: application/json", NULL};
    g_autoptr(GString) url = g_string_new(credential_variable(GITHUB_URL));

    g_string_append(url, strchr(url->str, '?') ? "&audience=" : "?audience=");
    roll_url_encode(login_federation_audience(token->credential), url);
    ask_issuer(token, "GET", url->str, headers, GITHUB_TOKEN, on_github);
}

const struct token_source token_source_github = {
    .kind = "github",
    .sdk_name = "GitHubActionsCredential",
    .group = TOKEN_PRODUCTION,
    .lacks = github_lacks,
    .fetch = github_fetch,
    .stop = token_stop,
};

/* ---- Azure Pipelines ---- */

#define PIPELINES_URL "SYSTEM_OIDCREQUESTURI"
#define PIPELINES_TOKEN "SYSTEM_ACCESSTOKEN"

static const char *service_connection(void)
{
    static const char *const names[] = {"AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
                                        "ARM_ADO_PIPELINE_SERVICE_CONNECTION_ID",
                                        "ARM_OIDC_AZURE_SERVICE_CONNECTION_ID"};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (credential_variable(names[i]))
            return credential_variable(names[i]);
    return NULL;
}

/* The task that runs us may know who the service connection is. */
static struct login pipelines_login(const struct roll_credential *credential)
{
    struct login login = login_of_environment(credential);

    if (!login.client_id)
        login.client_id = credential_variable("AZURESUBSCRIPTION_CLIENT_ID");
    if (!login.tenant)
        login.tenant = credential_variable("AZURESUBSCRIPTION_TENANT_ID");
    return login;
}

static char *pipelines_lacks(const struct roll_credential *credential)
{
    struct login login = pipelines_login(credential);
    const char *url = credential_variable(PIPELINES_URL);

    if (!url)
        return g_strdup(PIPELINES_URL " is not set");
    if (!is_safe(url))
        return g_strdup(PIPELINES_URL " is not an https address");
    if (!credential_variable(PIPELINES_TOKEN))
        return g_strdup(PIPELINES_TOKEN
                        " is not set (the step's 'env:' must map it to $(System.AccessToken))");
    if (!service_connection())
        return g_strdup("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is not set");
    return login_lacks(credential, &login);
}

static void on_pipelines(void *user, const struct roll_http_reply *reply)
{
    struct token *token = user;
    struct login login = pipelines_login(token->credential);

    exchange(token, reply, "oidcToken", &login, "Azure Pipelines");
}

static void pipelines_fetch(struct token *token)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Accept: application/json",
                                          /* else a bad token is answered with a sign-in page */
                                          "X-TFS-FedAuthRedirect: Suppress", NULL};
    g_autoptr(GString) url = g_string_new(credential_variable(PIPELINES_URL));

    g_string_append(url, "?api-version=7.1&serviceConnectionId=");
    roll_url_encode(service_connection(), url);
    ask_issuer(token, "POST", url->str, headers, PIPELINES_TOKEN, on_pipelines);
}

const struct token_source token_source_azure_pipelines = {
    .kind = "azure-pipelines",
    .sdk_name = "AzurePipelinesCredential",
    .group = TOKEN_PRODUCTION,
    .lacks = pipelines_lacks,
    .fetch = pipelines_fetch,
    .stop = token_stop,
};
