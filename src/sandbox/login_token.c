/* The login's token endpoint: client secret, certificate assertion, federated assertion.
 *
 * Source: services reference 1.2 to 1.4. There is no registry of applications: any client id is
 * one, any secret is right but the two that practise failure, and an assertion is judged by its
 * claims, and by its signature where the key is known. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "rollbook/text.h"
#include "rollbook/time.h"
#include "sandbox/jwt.h"
#include "sandbox/login.h"
#include "sandbox/server.h"

#define TOKEN_LIFE_S 3599
#define FIELDS_MAX 64
#define SKEW_MS (5 * 60 * 1000)
#define ASSERTION_TYPE "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

struct ask {
    const struct sandbox_server *server;
    const struct sandbox_request *request;
    struct sandbox_reply *reply;
    const char *tenant; /* as in the path */
    bool v1;
    GHashTable *form;
};

/* ---- the form ------------------------------------------------------------------------------- */

static char *decode_field(const char *text)
{
    g_autofree char *spaced = g_strdelimit(g_strdup(text), "+", ' ');
    char *plain = g_uri_unescape_string(spaced, NULL);

    if (plain && g_utf8_validate(plain, -1, NULL))
        return plain;
    g_free(plain);
    return NULL;
}

static GHashTable *read_form(const GString *body)
{
    GHashTable *form = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    g_auto(GStrv) pairs = g_strsplit(body->str, "&", FIELDS_MAX);

    for (char **pair = pairs; *pair; pair++) {
        char *equals = strchr(*pair, '=');
        if (!equals)
            continue;
        *equals = '\0';
        char *name = decode_field(*pair), *value = decode_field(equals + 1);
        if (name && value) {
            g_hash_table_replace(form, name, value);
        } else {
            g_free(name);
            g_free(value);
        }
    }
    return form;
}

/* NULL when it is missing or empty. Borrowed. */
static const char *field(const struct ask *ask, const char *name)
{
    const char *value = g_hash_table_lookup(ask->form, name);

    return value && *value ? value : NULL;
}

/* ---- refusing ------------------------------------------------------------------------------- */

static void refuse(const struct ask *ask, int status, const char *error, int number,
                   const char *format, ...) ROLL_PRINTF(5, 6);
static void refuse(const struct ask *ask, int status, const char *error, int number,
                   const char *format, ...)
{
    char trace[ROLL_UUID_SIZE], time[ROLL_TIME_SIZE];
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *words = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    roll_uuid_random(trace);
    roll_time_format(ask->request->now_ms / 1000 * 1000, time);
    time[10] = ' ';
    json_t *body = json_pack("{s:s}", "error", error);
    json_object_set_new(
        body, "error_description",
        json_sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s", number,
                     words, trace, ask->request->correlation_id, time));
    json_object_set_new(body, "error_codes", json_pack("[i]", number));
    json_object_set_new(body, "timestamp", json_string(time));
    json_object_set_new(body, "trace_id", json_string(trace));
    json_object_set_new(body, "correlation_id", json_string(ask->request->correlation_id));
    sandbox_reply_set(ask->reply, status, body);
}

/* ---- who asks ------------------------------------------------------------------------------- */

static bool check_secret(const struct ask *ask, const char *client, const char *secret)
{
    bool expired = strcmp(secret, "expired") == 0;

    if (!expired && strcmp(secret, "wrong") != 0)
        return true;
    if (expired)
        refuse(ask, 401, "invalid_client", 7000222,
               "The provided client secret keys for app '%s' are expired.", client);
    else
        refuse(ask, 401, "invalid_client", 7000215,
               "Invalid client secret provided. Ensure the secret being sent in the request is the "
               "client secret value, not the client secret ID, for a secret added to app '%s'.",
               client);
    return false;
}

static bool check_time(const struct ask *ask, const json_t *claims)
{
    json_int_t now = ask->request->now_ms;
    json_int_t until = json_integer_value(json_object_get(claims, "exp"));
    json_int_t from = json_integer_value(json_object_get(claims, "nbf"));

    if (until <= INT64_MAX / 1000 && from <= INT64_MAX / 1000 && until * 1000 + SKEW_MS > now &&
        from * 1000 - SKEW_MS <= now)
        return true;
    refuse(ask, 401, "invalid_client", 700024,
           "Client assertion is not within its valid time range. Assertion valid from %lld, "
           "expiry time of assertion %lld.",
           (long long)from, (long long)until);
    return false;
}

/* Of a certificate's assertion: the token endpoint, in whichever spelling of it the client uses. */
static bool is_own_audience(const struct ask *ask, const char *audience)
{
    g_autofree char *path = g_strconcat(ask->request->base_url, ask->request->path, NULL);
    g_autofree char *tenant = g_strdup_printf("%s/%s", ask->request->base_url, ask->tenant);
    g_autofree char *v2 = g_strconcat(tenant, "/v2.0", NULL);
    g_autofree char *v1_token = g_strconcat(tenant, "/oauth2/token", NULL);
    g_autofree char *v2_token = g_strconcat(tenant, "/oauth2/v2.0/token", NULL);
    const char *const all[] = {path, tenant, v2, v1_token, v2_token, NULL};

    return audience && g_strv_contains(all, audience);
}

static bool check_own(const struct ask *ask, const char *client, const struct sandbox_jwt *jwt)
{
    const char *audience = roll_json_get_string(jwt->claims, "aud");

    if (g_strcmp0(roll_json_get_string(jwt->claims, "sub"), client) != 0) {
        refuse(ask, 401, "invalid_client", 700021,
               "Client assertion application identifier doesn't match 'client_id' parameter.");
        return false;
    }
    if (!is_own_audience(ask, audience)) {
        refuse(ask, 401, "invalid_client", 700023,
               "Client assertion audience claim '%s' does not match Realm issuer.",
               audience ? audience : "");
        return false;
    }
    if (sandbox_jwt_verify(jwt, ask->server->certificates) == SANDBOX_SIGNATURE_WRONG) {
        refuse(ask, 401, "invalid_client", 700027,
               "The certificate with identifier used to sign the client assertion is not "
               "registered on application '%s', or the signature is wrong.",
               client);
        return false;
    }
    return true;
}

/* Somebody else's token: its signature cannot be checked here. */
static bool check_foreign(const struct ask *ask, const json_t *claims)
{
    const char *audience = roll_json_get_string(claims, "aud");

    if (!audience || !g_str_has_prefix(audience, "api://AzureADTokenExchange")) {
        refuse(ask, 401, "invalid_client", 700213,
               "No matching federated identity record found for presented assertion audience '%s'.",
               audience ? audience : "");
        return false;
    }
    if (!roll_json_get_string(claims, "sub")) {
        refuse(
            ask, 401, "invalid_client", 70021,
            "No matching federated identity record found for presented assertion without subject.");
        return false;
    }
    return true;
}

static bool check_assertion(const struct ask *ask, const char *client, const char *assertion)
{
    struct sandbox_jwt jwt;
    const char *type = field(ask, "client_assertion_type");

    if (g_strcmp0(type, ASSERTION_TYPE) != 0) {
        refuse(ask, 400, "invalid_request", 900144,
               "The request body must contain the following parameter: 'client_assertion_type'.");
        return false;
    }
    if (!sandbox_jwt_read(assertion, &jwt)) {
        refuse(ask, 400, "invalid_request", 50027, "JWT token is invalid or malformed.");
        return false;
    }
    bool own = g_strcmp0(roll_json_get_string(jwt.claims, "iss"), client) == 0;
    bool good = check_time(ask, jwt.claims) &&
                (own ? check_own(ask, client, &jwt) : check_foreign(ask, jwt.claims));
    sandbox_jwt_clear(&jwt);
    return good;
}

/* "1": a secret, "2": a certificate or a federated token; NULL after a refusal. */
static const char *authenticate(const struct ask *ask, const char *client)
{
    const char *secret = field(ask, "client_secret");
    const char *assertion = field(ask, "client_assertion");

    if (secret)
        return check_secret(ask, client, secret) ? "1" : NULL;
    if (assertion)
        return check_assertion(ask, client, assertion) ? "2" : NULL;
    refuse(ask, 401, "invalid_client", 7000218,
           "The request body must contain the following parameter: 'client_assertion' or "
           "'client_secret'.");
    return NULL;
}

/* ---- the token ------------------------------------------------------------------------------ */

/* What the token is for: v1's resource, or v2's scope without /.default. Owned; NULL after a
 * refusal. */
static char *audience_of(const struct ask *ask)
{
    const char *resource = field(ask, "resource");
    const char *scope = field(ask, "scope");

    if (resource)
        return g_strdup(resource);
    if (!scope) {
        refuse(ask, 400, "invalid_request", 900144,
               "The request body must contain the following parameter: '%s'.",
               ask->v1 ? "resource" : "scope");
        return NULL;
    }
    g_auto(GStrv) scopes = g_strsplit(scope, " ", FIELDS_MAX);
    for (char **at = scopes; *at; at++)
        if (g_str_has_suffix(*at, "/.default"))
            return g_strndup(*at, strlen(*at) - strlen("/.default"));
    refuse(
        ask, 400, "invalid_scope", 1002012,
        "The provided value for scope %s is not valid. Client credential flows must have a scope "
        "value with /.default suffixed to the resource identifier (application ID URI).",
        scope);
    return NULL;
}

static char *tenant_id(const struct ask *ask)
{
    char id[ROLL_UUID_SIZE];

    if (roll_uuid_is_valid(ask->tenant))
        return g_ascii_strdown(ask->tenant, -1);
    if (!strchr(ask->tenant, '.')) /* adfs, common, organizations */
        return g_strdup(SANDBOX_TENANT);
    g_autofree char *name = g_ascii_strdown(ask->tenant, -1);
    roll_uuid_from(id, "tenant", name, NULL);
    return g_strdup(id);
}

/* Capabilities that the client asked to have in its token (services reference 1.8). */
static json_t *capabilities(const struct ask *ask)
{
    const char *text = field(ask, "claims");
    roll_auto(json) json_t *claims = NULL;

    if (text)
        roll_error_free(roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &claims));
    return json_incref(json_object_get(
        json_object_get(json_object_get(claims, "access_token"), "xms_cc"), "values"));
}

static json_t *make_claims(const struct ask *ask, const char *client, const char *audience,
                           const char *proof, json_int_t life)
{
    json_int_t now = ask->request->now_ms / 1000;
    g_autofree char *tenant = tenant_id(ask);
    char object[ROLL_UUID_SIZE], id[ROLL_UUID_SIZE];
    json_t *claims = json_pack("{s:s,s:o,s:I,s:I,s:I}", "aud", audience, "iss",
                               json_sprintf("https://sts.windows.net/%s/", tenant), "iat", now,
                               "nbf", now, "exp", now + life);

    roll_uuid_from(object, "service-principal", tenant, client, NULL);
    roll_uuid_random(id);
    json_object_set_new(claims, "appid", json_string(client));
    json_object_set_new(claims, "appidacr", json_string(proof));
    json_object_set_new(claims, "idtyp", json_string("app"));
    json_object_set_new(claims, "oid", json_string(object));
    json_object_set_new(claims, "sub", json_string(object));
    json_object_set_new(claims, "tid", json_string(tenant));
    json_object_set_new(claims, "uti", json_string(id));
    json_object_set_new(claims, "ver", json_string("1.0"));
    json_t *granted = capabilities(ask);
    if (granted)
        json_object_set_new(claims, "xms_cc", granted);
    return claims;
}

/* v1 gives its numbers as texts. */
static json_t *make_body(const struct ask *ask, const char *token, const char *audience,
                         json_int_t life)
{
    if (!ask->v1)
        return json_pack("{s:s,s:I,s:I,s:s}", "token_type", "Bearer", "expires_in", life,
                         "ext_expires_in", life, "access_token", token);
    return json_pack("{s:s,s:o,s:o,s:o,s:s,s:s}", "token_type", "Bearer", "expires_in",
                     json_sprintf("%lld", (long long)life), "expires_on",
                     json_sprintf("%lld", (long long)(ask->request->now_ms / 1000 + life)),
                     "not_before", json_sprintf("%lld", (long long)(ask->request->now_ms / 1000)),
                     "resource", audience, "access_token", token);
}

static void give_token(const struct ask *ask, const char *client, const char *proof)
{
    g_autofree char *audience = audience_of(ask);
    int64_t set_ms = ask->server->token_life_ms;
    json_int_t life = set_ms > 0 ? MAX(set_ms / 1000, 1) : TOKEN_LIFE_S;

    if (!audience)
        return;
    roll_auto(json) json_t *claims = make_claims(ask, client, audience, proof, life);
    g_autofree char *token = sandbox_jwt_write(claims);
    sandbox_reply_set(ask->reply, 200, make_body(ask, token, audience, life));
}

static void answer(const struct ask *ask)
{
    const char *client = field(ask, "client_id");
    const char *grant = field(ask, "grant_type");

    if (!client) {
        refuse(ask, 400, "invalid_request", 900144,
               "The request body must contain the following parameter: 'client_id'.");
    } else if (g_strcmp0(grant, "client_credentials") != 0) {
        refuse(ask, 400, "unsupported_grant_type", 70003,
               "The sandbox does not support the grant type '%s'; it has client_credentials.",
               grant ? grant : "");
    } else {
        const char *proof = authenticate(ask, client);
        if (proof)
            give_token(ask, client, proof);
    }
}

void sandbox_login_token(const struct sandbox_server *server, const struct sandbox_request *request,
                         const char *tenant, bool v1, struct sandbox_reply *reply)
{
    struct ask ask = {server, request, reply, tenant, v1, read_form(request->body)};

    answer(&ask);
    g_hash_table_unref(ask.form);
}
