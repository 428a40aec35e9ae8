/* Who asks: a bearer text is enough; one that is a JWT must be meant for ARM and not be expired
 * (REST reference 7.2). */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/http.h"
#include "sandbox/jwt.h"
#include "sandbox/login.h"
#include "sandbox/server.h"

/* REST reference 11, without the slash at the end. */
static const char *const audiences[] = {
    "https://management.azure.com",
    "https://management.core.windows.net",
    "https://management.usgovcloudapi.net",
    "https://management.core.usgovcloudapi.net",
    "https://management.chinacloudapi.cn",
    "https://management.core.chinacloudapi.cn",
    NULL,
};

/* Of ARM in any cloud, or of this server in the spelling that the caller uses. */
static bool is_audience(const struct sandbox_server *server, const struct sandbox_request *request,
                        const char *text)
{
    if (!text)
        return false;
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '/')
        length--;
    g_autofree char *audience = g_strndup(text, length);
    return g_strv_contains(audiences, audience) || g_strcmp0(audience, server->url) == 0 ||
           g_strcmp0(audience, request->base_url) == 0;
}

static bool check_claims(const struct sandbox_server *server, const struct sandbox_request *request,
                         const json_t *claims, struct sandbox_reply *reply)
{
    const char *audience = roll_json_get_string(claims, "aud");
    if (!is_audience(server, request, audience)) {
        sandbox_reply_error(
            reply, 401, "InvalidAuthenticationToken",
            "The access token has been obtained for wrong audience or resource '%s'. It should "
            "exactly match with one of the allowed audiences "
            "'https://management.core.windows.net/', 'https://management.azure.com/'.",
            audience ? audience : "");
        return false;
    }
    json_int_t expiry = json_integer_value(json_object_get(claims, "exp"));
    if (expiry > INT64_MAX / 1000 || expiry * 1000 > request->now_ms)
        return true;
    char then[ROLL_TIME_SIZE], now[ROLL_TIME_SIZE];
    roll_time_format(expiry < 0 ? 0 : expiry * 1000, then);
    roll_time_format(request->now_ms, now);
    sandbox_reply_error(
        reply, 401, "ExpiredAuthenticationToken",
        "The access token expiry UTC time '%s' is earlier than current UTC time '%s'.", then, now);
    return false;
}

json_t *sandbox_claims(const struct sandbox_request *request)
{
    const char *header = request->authorization ? request->authorization : "";
    const char *token = header + strcspn(header, " ");
    struct sandbox_jwt jwt;
    if (!sandbox_jwt_read(token + strspn(token, " "), &jwt))
        return NULL;
    json_t *claims = json_incref(jwt.claims);
    sandbox_jwt_clear(&jwt);
    return claims;
}

bool sandbox_authenticate(const struct sandbox_server *server,
                          const struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *header = request->authorization;
    if (!header) {
        sandbox_reply_error(reply, 401, "AuthenticationFailed",
                            "Authentication failed. The 'Authorization' header is missing.");
    } else if (g_ascii_strncasecmp(header, "Bearer ", 7) != 0 ||
               header[7 + strspn(header + 7, " ")] == '\0') {
        sandbox_reply_error(
            reply, 401, "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.");
    } else {
        struct sandbox_jwt jwt;
        if (!sandbox_jwt_read(header + 7 + strspn(header + 7, " "), &jwt))
            return true;
        bool accepted = check_claims(server, request, jwt.claims, reply);
        sandbox_jwt_clear(&jwt);
        if (accepted)
            return true;
    }
    sandbox_reply_header(reply, "WWW-Authenticate",
                         "Bearer authorization_uri=\"%s/%s\", error=\"invalid_token\"",
                         request->base_url, SANDBOX_TENANT);
    return false;
}
