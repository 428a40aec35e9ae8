/* ETags of resources, made from their bodies. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/store.h"

static char *etag_of(const json_t *body)
{
    char hex[ROLL_HEX_SIZE];
    g_autoptr(GString) text = g_string_new(NULL);
    roll_json_write(body, text);
    roll_sha256_hex(text->str, text->len, hex);
    hex[16] = '\0';
    return g_strdup_printf("\"%s\"", hex);
}

void sandbox_etag_tell(struct sandbox_reply *reply, const json_t *body)
{
    g_autofree char *etag = etag_of(body);
    sandbox_reply_header(reply, "ETag", "%s", etag);
}

static bool matches(const char *condition, const struct sandbox_resource *resource)
{
    if (!resource)
        return false;
    g_autofree char *etag = etag_of(resource->body);
    return strcmp(condition, "*") == 0 || strcmp(condition, etag) == 0;
}

bool sandbox_etag_check(const struct sandbox_request *request,
                        const struct sandbox_resource *resource, struct sandbox_reply *reply)
{
    bool write = !(request->method & (METHOD_GET | METHOD_HEAD));
    if (!write || ((!request->if_match || matches(request->if_match, resource)) &&
                   (!request->if_none_match || !matches(request->if_none_match, resource))))
        return true;
    sandbox_reply_error(reply, 412, "PreconditionFailed",
                        "The condition of the header '%s: %s' does not hold for '%s'.",
                        request->if_match ? "If-Match" : "If-None-Match",
                        request->if_match ? request->if_match : request->if_none_match,
                        request->path);
    return false;
}
