/* What the sandbox says of its cloud, in each shape that clients read.
 *
 * Source: REST reference 11, services reference 1.1, clients reference (az reads 2015-01-01). The
 * login is named in its AD FS form, with which az stays on this machine. */
#include <string.h>

#include "sandbox/login.h"

static json_t *authentication(const char *base)
{
    json_t *value =
        json_pack("{s:o,s:[s+],s:s,s:s}", "loginEndpoint", json_sprintf("%s/adfs", base),
                  "audiences", base, "/", "tenant", "adfs", "identityProvider", "ADFS");

    return value;
}

/* 2015-01-01: flat, without suffixes. */
static json_t *flat(const char *base)
{
    return json_pack("{s:o,s:o,s:o,s:o}", "galleryEndpoint", json_sprintf("%s/", base),
                     "graphEndpoint", json_sprintf("%s/", base), "portalEndpoint",
                     json_sprintf("%s/", base), "authentication", authentication(base));
}

/* 2018-01-01: the same, and a map of clouds. */
static json_t *mapped(const char *base)
{
    json_t *value = flat(base);

    json_object_set_new(value, "graphAudience", json_sprintf("%s/", base));
    json_object_set_new(
        value, "cloudEndpoint",
        json_pack("{s:{s:s,s:[s]}}", "sandbox", "endpoint", base, "locations", "westeurope"));
    return value;
}

static json_t *whole(const char *base)
{
    json_t *value = json_pack("{s:s,s:s,s:o,s:s,s:s,s:s}", "name", "RollbookSandbox", "portal",
                              base, "authentication", authentication(base), "resourceManager", base,
                              "graph", base, "graphAudience", base);

    json_object_set_new(value, "media", json_string(base));
    json_object_set_new(value, "batch", json_string(base));
    json_object_set_new(value, "gallery", json_string(base));
    json_object_set_new(value, "sqlManagement", json_string(base));
    json_object_set_new(value, "microsoftGraphResourceId", json_string(base));
    json_object_set_new(value, "suffixes",
                        json_pack("{s:s,s:s,s:s,s:s}", "acrLoginServer", "azurecr.sandbox.invalid",
                                  "keyVaultDns", "vault.sandbox.invalid", "storage",
                                  "core.sandbox.invalid", "sqlServerHostname",
                                  "database.sandbox.invalid"));
    return value;
}

void sandbox_metadata(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *version = sandbox_query(request, "api-version");
    const char *base = request->base_url;

    if (!version || !*version)
        sandbox_reply_error(
            reply, 400, "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.");
    else if (strcmp(version, "2018-01-01") < 0)
        sandbox_reply_set(reply, 200, flat(base));
    else if (strcmp(version, "2019-05-01") < 0)
        sandbox_reply_set(reply, 200, mapped(base));
    else if (strcmp(version, "2022-09-01") < 0)
        sandbox_reply_set(reply, 200, json_pack("[o]", whole(base)));
    else
        sandbox_reply_set(reply, 200, whole(base));
}
