/* Tags of a scope: tags/default of a subscription, a group or any resource (REST reference 6.5).
 * Those of groups and resources are members of theirs; a subscription's are kept beside. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"

#define TAIL_SEGMENTS 4 /* providers/Microsoft.Resources/tags/default */

bool sandbox_is_tags(const struct sandbox_request *request)
{
    static const char *const tail[TAIL_SEGMENTS] = {"providers", "microsoft.resources", "tags",
                                                    "default"};
    guint count = request->segments->len;
    for (guint i = 0; count > TAIL_SEGMENTS && i < TAIL_SEGMENTS; i++) {
        const char *segment = request->segments->pdata[count - TAIL_SEGMENTS + i];
        if (g_ascii_strcasecmp(segment, tail[i]) != 0)
            return false;
    }
    return count > TAIL_SEGMENTS;
}

/* What carries the tags: the resource, the group, or the row that stands for a subscription's. */
static bool read_holder(const struct sandbox_request *request, struct sandbox_id *ret_id,
                        bool *ret_beside)
{
    char *const *segments = (char *const *)request->segments->pdata;
    size_t count = request->segments->len;
    *ret_beside = count == TAIL_SEGMENTS + 2;
    return sandbox_id_parse_segments(segments, *ret_beside ? count : count - TAIL_SEGMENTS, ret_id);
}

static json_t *tags_of(const struct sandbox_resource *holder, bool beside)
{
    const json_t *body = holder ? holder->body : NULL;
    json_t *tags = json_object_get(beside ? json_object_get(body, "properties") : body, "tags");
    return json_is_object(tags) ? json_deep_copy(tags) : json_object();
}

static const char *find_name(const json_t *tags, const char *wanted)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)tags, name, value) {
        if (g_ascii_strcasecmp(name, wanted) == 0)
            return name;
    }
    return NULL;
}

/* Names compare without case, values with it. */
static void change(json_t *tags, const json_t *given, bool remove)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)given, name, value) {
        const char *known = find_name(tags, name);
        const char *text = json_string_value(value);
        if (!remove)
            json_object_set(tags, known ? known : name, value);
        else if (known && (!text || !*text || json_equal(json_object_get(tags, known), value)))
            json_object_del(tags, known);
    }
}

/* NULL: the refusal is in reply. Consumes tags. */
static json_t *apply(const struct sandbox_request *request, struct sandbox_reply *reply,
                     json_t *tags_take)
{
    roll_auto(json) json_t *tags = tags_take;
    roll_auto(json) json_t *body = NULL;
    if (request->method == METHOD_DELETE)
        return json_object();
    if (!sandbox_request_json(request, reply, &body, NULL))
        return NULL;
    const json_t *given = roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "tags");
    const char *operation = json_string_value(roll_json_get_nocase(body, "operation"));
    if (request->method == METHOD_PUT)
        operation = "Replace";
    if (!json_is_object(given) || !operation) {
        sandbox_reply_error(reply, 400, "InvalidRequestContent",
                            "The request content was invalid: 'properties.tags' must be an object"
                            ", and a PATCH needs an 'operation'.");
        return NULL;
    }
    if (g_ascii_strcasecmp(operation, "Replace") == 0)
        json_object_clear(tags);
    else if (g_ascii_strcasecmp(operation, "Merge") != 0 &&
             g_ascii_strcasecmp(operation, "Delete") != 0) {
        sandbox_reply_error(reply, 400, "InvalidTagPatchOperation",
                            "The operation '%s' is none of 'Merge', 'Replace' and 'Delete'.",
                            operation);
        return NULL;
    }
    if (!sandbox_tags_check(given, reply))
        return NULL;
    change(tags, given, g_ascii_strcasecmp(operation, "Delete") == 0);
    return sandbox_tags_check(tags, reply) ? g_steal_pointer(&tags) : NULL;
}

static struct roll_error *save(struct sandbox_server *server, const struct sandbox_request *request,
                               const struct sandbox_id *id, struct sandbox_resource *holder,
                               bool beside, json_t *tags)
{
    roll_auto(json) json_t *body =
        beside ? json_pack("{s:{s:O}}", "properties", "tags", tags) : json_incref(holder->body);
    if (!beside)
        json_object_set(body, "tags", tags);
    return sandbox_store_put(server, id,
                             beside ? sandbox_query(request, "api-version") : holder->api_version,
                             body, request->now_ms, NULL);
}

static void show(const struct sandbox_request *request, struct sandbox_reply *reply,
                 const struct sandbox_id *id, bool beside, json_t *tags)
{
    g_autofree char *own =
        beside ? g_strdup(id->id)
               : g_strconcat(id->id, "/providers/Microsoft.Resources/tags/default", NULL);
    sandbox_reply_set(reply, 200,
                      request->method == METHOD_DELETE
                          ? NULL
                          : json_pack("{s:s,s:s,s:s,s:{s:O}}", "id", own, "name", "default", "type",
                                      "Microsoft.Resources/tags", "properties", "tags", tags));
}

static struct roll_error *serve(struct sandbox_server *server, struct sandbox_request *request,
                                struct sandbox_reply *reply, const struct sandbox_id *id,
                                bool beside)
{
    roll_auto(sandbox_resource) struct sandbox_resource *holder = NULL;
    bool free = true;
    ROLL_TRY(sandbox_store_get(server, id->id, &holder));
    if (!holder && !beside) {
        sandbox_reply_error(reply, 404, "ResourceNotFound", "The Resource '%s' was not found.",
                            id->id);
        return NULL;
    }
    roll_auto(json) json_t *tags = tags_of(holder, beside);
    if (request->method & (METHOD_PUT | METHOD_PATCH | METHOD_DELETE)) {
        ROLL_TRY(sandbox_lock_check(server, id, CHANGE_WRITE, reply, &free));
        if (free)
            ROLL_TRY(sandbox_stack_check_request(server, request, id, "write", reply, &free));
        if (free)
            tags = apply(request, reply, tags);
        if (!free || !tags)
            return NULL;
        ROLL_TRY(save(server, request, id, holder, beside, tags));
    }
    show(request, reply, id, beside, tags);
    return NULL;
}

struct roll_error *sandbox_tags(struct sandbox_server *server, struct sandbox_request *request,
                                struct sandbox_reply *reply)
{
    struct sandbox_id id = {0};
    bool beside;
    if (!sandbox_is_tags(request) || request->method == METHOD_POST ||
        !read_holder(request, &id, &beside)) {
        sandbox_reply_error(reply, 501, "NotImplemented", "The sandbox does not implement '%s %s'.",
                            request->method_name, request->path);
        return NULL;
    }
    struct roll_error *err = serve(server, request, reply, &id, beside);
    sandbox_id_clear(&id);
    return err;
}
