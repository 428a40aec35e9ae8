/* Who asks: a bearer text is enough; one that is a JWT must be meant for ARM and not be expired
 * (REST reference 7.2). */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/http.h"
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

/* The claims of a JWT, or NULL when the text is none: three parts, the middle one a JSON object.
 * New reference. */
static json_t *read_claims(const char *token)
{
    g_auto(GStrv) parts = g_strsplit(token, ".", 4);
    if (g_strv_length(parts) != 3)
        return NULL;
    g_autoptr(GString) base64 = g_string_new(parts[1]);
    for (char *c = base64->str; *c; c++)
        *c = *c == '-' ? '+' : *c == '_' ? '/' : *c;
    while (base64->len % 4 != 0)
        g_string_append_c(base64, '=');
    gsize size;
    g_autofree guchar *text = g_base64_decode(base64->str, &size);
    json_t *claims = NULL;
    roll_error_free(roll_json_parse((const char *)text, size, ROLL_JSON_STRICT, &claims));
    if (json_is_object(claims))
        return claims;
    json_decref(claims);
    return NULL;
}

static bool is_audience(const struct sandbox_server *server, const char *text)
{
    if (!text)
        return false;
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '/')
        length--;
    g_autofree char *audience = g_strndup(text, length);
    return g_strv_contains(audiences, audience) || g_strcmp0(audience, server->url) == 0;
}

static bool check_claims(const struct sandbox_server *server, const struct sandbox_request *request,
                         const json_t *claims, struct sandbox_reply *reply)
{
    const char *audience = roll_json_get_string(claims, "aud");
    if (!is_audience(server, audience)) {
        sandbox_reply_error(
            reply, 401, "InvalidAuthenticationToken",
            "The access token has been obtained for wrong audience or resource '%s'. It should "
            "exactly "
            "match with one of the allowed audiences 'https://management.core.windows.net/', "
            "'https://management.azure.com/'.",
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
        json_t *claims = read_claims(header + 7 + strspn(header + 7, " "));
        bool accepted = !claims || check_claims(server, request, claims, reply);
        json_decref(claims);
        if (accepted)
            return true;
    }
    sandbox_reply_header(reply, "WWW-Authenticate",
                         "Bearer authorization_uri=\"https://login.microsoftonline.com/common\", "
                         "error=\"invalid_token\"");
    return false;
}
