/* The login's addresses: discovery and the token endpoint, in the form of Entra
 * (/TENANT/oauth2/v2.0/…) and in that of AD FS (/adfs/oauth2/…).
 *
 * Source: services reference 1.2, 1.8; clients reference. No request here needs a token. */
#include "sandbox/login.h"

#include <string.h>

/* Words of a path from the first one on; "*" is any one. */
static bool path_is(const struct sandbox_request *request, guint from, const char *pattern)
{
    g_auto(GStrv) words = g_strsplit(pattern, "/", -1);
    guint count = g_strv_length(words);

    if (request->segments->len != from + count)
        return false;
    for (guint i = 0; i < count; i++)
        if (strcmp(words[i], "*") != 0 &&
            g_ascii_strcasecmp(words[i], request->segments->pdata[from + i]) != 0)
            return false;
    return true;
}

static void set_texts(json_t *value, const char *name, const char *const *texts)
{
    json_t *list = json_array();

    for (; *texts; texts++)
        json_array_append_new(list, json_string(*texts));
    json_object_set_new(value, name, list);
}

/* OpenID Connect discovery. root: where this tenant's addresses begin; version: "/v2.0" or "". */
static json_t *configuration(const char *root, const char *version, const char *issuer)
{
    static const char *const methods[] = {"client_secret_post", "private_key_jwt", NULL};
    static const char *const types[] = {"code", "id_token", "token", NULL};
    static const char *const scopes[] = {"openid", "profile", "offline_access", NULL};
    static const char *const algorithms[] = {"RS256", NULL}, *const subjects[] = {"pairwise", NULL};
    json_t *value = json_object();

    json_object_set_new(value, "issuer", json_string(issuer));
    json_object_set_new(value, "authorization_endpoint",
                        json_sprintf("%s/oauth2%s/authorize", root, version));
    json_object_set_new(value, "token_endpoint", json_sprintf("%s/oauth2%s/token", root, version));
    json_object_set_new(value, "device_authorization_endpoint",
                        json_sprintf("%s/oauth2%s/devicecode", root, version));
    json_object_set_new(value, "end_session_endpoint",
                        json_sprintf("%s/oauth2%s/logout", root, version));
    json_object_set_new(value, "jwks_uri", json_sprintf("%s/discovery%s/keys", root, version));
    set_texts(value, "token_endpoint_auth_methods_supported", methods);
    set_texts(value, "response_types_supported", types);
    set_texts(value, "subject_types_supported", subjects);
    set_texts(value, "id_token_signing_alg_values_supported", algorithms);
    set_texts(value, "scopes_supported", scopes);
    return value;
}

static void discover(const struct sandbox_request *request, const char *tenant, const char *version,
                     struct sandbox_reply *reply)
{
    g_autofree char *root = g_strdup_printf("%s/%s", request->base_url, tenant);
    bool adfs = g_ascii_strcasecmp(tenant, "adfs") == 0;
    g_autofree char *issuer = g_strconcat(root, adfs ? "" : "/v2.0", NULL);

    sandbox_reply_set(reply, 200, configuration(root, adfs ? "" : version, issuer));
}

/* Which authorities there are: this one. */
static void instance(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *host = strstr(request->base_url, "://") + 3;
    json_t *metadata = json_pack("[{s:s,s:s,s:[s]}]", "preferred_network", host, "preferred_cache",
                                 host, "aliases", host);

    sandbox_reply_set(reply, 200,
                      json_pack("{s:o,s:s,s:o}", "tenant_discovery_endpoint",
                                json_sprintf("%s/%s/v2.0/.well-known/openid-configuration",
                                             request->base_url, SANDBOX_TENANT),
                                "api-version", "1.1", "metadata", metadata));
}

static bool answer_get(const struct sandbox_request *request, const char *tenant, guint from,
                       struct sandbox_reply *reply)
{
    if (path_is(request, 0, "metadata/endpoints"))
        sandbox_metadata(request, reply);
    else if (path_is(request, 0, ".well-known/openid-configuration"))
        discover(request, SANDBOX_TENANT, "/v2.0", reply);
    else if (path_is(request, from, "v2.0/.well-known/openid-configuration"))
        discover(request, tenant, "/v2.0", reply);
    else if (path_is(request, from, ".well-known/openid-configuration"))
        discover(request, tenant, "", reply);
    else if (path_is(request, from, "discovery/instance"))
        instance(request, reply);
    else if (path_is(request, from, "discovery/keys") ||
             path_is(request, from, "discovery/v2.0/keys"))
        sandbox_reply_set(reply, 200, json_pack("{s:[]}", "keys"));
    else
        return false;
    return true;
}

bool sandbox_login(const struct sandbox_server *server, const struct sandbox_request *request,
                   struct sandbox_reply *reply)
{
    const GPtrArray *segments = request->segments;

    if (segments->len < 2)
        return false;
    /* Clients that know Entra alone put the tenant behind an authority that ends in /adfs. */
    guint at = segments->len > 2 && g_ascii_strcasecmp(segments->pdata[0], "adfs") == 0 &&
                       (path_is(request, 2, "oauth2/v2.0/token") ||
                        path_is(request, 2, "v2.0/.well-known/openid-configuration"))
                   ? 1
                   : 0;
    const char *tenant = segments->pdata[at];

    if (request->method == METHOD_GET)
        return answer_get(request, tenant, at + 1, reply);
    if (request->method != METHOD_POST)
        return false;
    if (path_is(request, at + 1, "oauth2/v2.0/token"))
        sandbox_login_token(server, request, tenant, false, reply);
    else if (path_is(request, at + 1, "oauth2/token"))
        sandbox_login_token(server, request, tenant, true, reply);
    else
        return false;
    return true;
}
