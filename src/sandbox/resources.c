/* Any resource by its id, its children of a type, and its actions (REST reference 6.2). What a
 * provider would decide is not decided here: a PUT rewrites the resource whole. */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define LOCK_TYPE "microsoft.authorization/locks"

/* ARM's own types answer more than was put there (changes of a resource, say): what is not built
 * is no 404. */
static bool is_unbuilt(const struct sandbox_id *id)
{
    return g_ascii_strncasecmp(id->type, "Microsoft.Resources/", strlen("Microsoft.Resources/")) ==
               0 &&
           !sandbox_provider_knows(id->type);
}

static void not_found(const struct sandbox_id *id, struct sandbox_reply *reply)
{
    if (is_unbuilt(id)) {
        sandbox_reply_error(reply, 501, "NotImplemented",
                            "The sandbox does not implement '%s'. Azure may; this answer says "
                            "nothing about it.",
                            id->type);
        return;
    }
    sandbox_reply_error(reply, 404, "ResourceNotFound",
                        "The Resource '%s/%s' under resource group '%s' was not found. For more "
                        "details please go to "
                        "https://aka.ms/ARMResourceNotFoundFix",
                        id->type, id->name, id->scope.group ? id->scope.group : "<null>");
}

static struct roll_error *put_resource(struct sandbox_server *server,
                                       struct sandbox_request *request, struct sandbox_reply *reply,
                                       const struct sandbox_id *id, const json_t *body)
{
    bool created, there;
    roll_auto(sandbox_resource) struct sandbox_resource *stored = NULL;
    ROLL_TRY(sandbox_group_require(server, &id->scope, reply, &there));
    if (there)
        ROLL_TRY(sandbox_rules_check(server, id, body, reply, &there));
    if (there)
        ROLL_TRY(sandbox_location_check(server, id, body, reply, &there));
    if (there)
        ROLL_TRY(sandbox_lock_check(server, id, CHANGE_WRITE, reply, &there));
    if (there)
        ROLL_TRY(sandbox_stack_check_request(server, request, id, "write", reply, &there));
    if (!there)
        return NULL;
    ROLL_TRY(sandbox_store_put(server, id, sandbox_query(request, "api-version"), body,
                               request->now_ms, &created));
    ROLL_TRY(sandbox_store_get(server, id->id, &stored));
    sandbox_reply_set(reply, created ? 201 : 200, json_incref(stored->body));
    sandbox_etag_tell(reply, stored->body);
    return NULL;
}

/* RFC 7396, which is what ARM's PATCH means. */
static void merge(json_t *into, const json_t *patch)
{
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)patch, name, value) {
        json_t *old = json_object_get(into, name);
        if (json_is_null(value))
            json_object_del(into, name);
        else if (json_is_object(value) && json_is_object(old))
            merge(old, value);
        else
            json_object_set_new(into, name, json_deep_copy(value));
    }
}

static struct roll_error *write_resource(struct sandbox_server *server,
                                         struct sandbox_request *request,
                                         struct sandbox_reply *reply, const struct sandbox_id *id,
                                         struct sandbox_resource *known)
{
    roll_auto(json) json_t *body = NULL;
    if (!sandbox_request_json(request, reply, &body, NULL))
        return NULL;
    if (request->method == METHOD_PUT)
        return put_resource(server, request, reply, id, body);
    merge(known->body, body);
    return put_resource(server, request, reply, id, known->body);
}

static bool is_list(const char *action)
{
    return g_ascii_strncasecmp(action, "list", 4) == 0;
}

/* An action is noted; list* functions answer keys that are made up. */
static struct roll_error *act(struct sandbox_server *server, struct sandbox_request *request,
                              struct sandbox_reply *reply, const struct sandbox_id *id,
                              const char *action)
{
    if (is_list(action)) {
        sandbox_reply_set(reply, 200, sandbox_provider_list(action, id->id));
        return NULL;
    }
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_ACTION_INSERT, &stmt));
    roll_sql_bind_text(stmt, ":target", id->id);
    roll_sql_bind_text(stmt, ":name", action);
    g_autofree char *text = g_utf8_make_valid(request->body->str, (gssize)request->body->len);
    roll_sql_bind_text(stmt, ":body", text);
    roll_sql_bind_text(stmt, ":correlation", request->correlation_id);
    roll_sql_bind_int(stmt, ":at", request->now_ms);
    ROLL_TRY(roll_sql_run(stmt));
    if (server->operation_time_ms == 0) {
        sandbox_reply_set(reply, 200, json_object());
        return NULL;
    }
    g_autofree char *token = NULL;
    ROLL_TRY(sandbox_task_new(server, "action", id->id, request->now_ms + server->operation_time_ms,
                              200, json_object(), &token));
    sandbox_reply_set(reply, 202, NULL);
    sandbox_reply_location(request, reply, token);
    return NULL;
}

static struct roll_error *delete_resource(struct sandbox_server *server,
                                          const struct sandbox_request *request,
                                          struct sandbox_reply *reply, const struct sandbox_id *id,
                                          bool known)
{
    bool unlocked = true;
    if (known)
        ROLL_TRY(sandbox_lock_check(server, id, CHANGE_DELETE, reply, &unlocked));
    if (known && unlocked)
        ROLL_TRY(sandbox_stack_check_request(server, request, id, "delete", reply, &unlocked));
    if (!unlocked)
        return NULL;
    sandbox_reply_set(reply, known ? 200 : 204, NULL);
    return known ? sandbox_store_delete(server, id->id) : NULL;
}

static struct roll_error *serve_resource(struct sandbox_server *server,
                                         struct sandbox_request *request,
                                         struct sandbox_reply *reply, const struct sandbox_id *id)
{
    roll_auto(sandbox_resource) struct sandbox_resource *resource = NULL;
    bool offered;
    ROLL_TRY(sandbox_version_check(server, id->type, sandbox_query(request, "api-version"), NULL,
                                   reply, &offered));
    if (!offered)
        return NULL;
    ROLL_TRY(sandbox_store_get(server, id->id, &resource));
    if (!sandbox_etag_check(request, resource, reply))
        return NULL;
    if (request->method == METHOD_PUT)
        return write_resource(server, request, reply, id, NULL);
    if (request->method == METHOD_DELETE)
        return delete_resource(server, request, reply, id, resource != NULL);
    if (!resource) {
        bool there = true;
        if (id->scope.kind == ROLL_SCOPE_GROUP)
            ROLL_TRY(sandbox_group_require(server, &id->scope, reply, &there));
        if (there)
            not_found(id, reply);
        return NULL;
    }
    if (request->method == METHOD_PATCH)
        return write_resource(server, request, reply, id, resource);
    if (request->method == METHOD_HEAD)
        sandbox_reply_set(reply, 204, NULL);
    else
        sandbox_reply_set(reply, 200, json_incref(resource->body));
    sandbox_etag_tell(reply, resource->body);
    return NULL;
}

/* Everything of a type that is held by a scope, or the children of a type below a resource. */
static struct roll_error *list_type(struct sandbox_server *server, struct sandbox_request *request,
                                    struct sandbox_reply *reply)
{
    g_autoptr(GPtrArray) segments =
        g_ptr_array_copy(request->segments, (GCopyFunc)(void (*)(void))g_strdup, NULL);
    g_ptr_array_set_free_func(segments, g_free);
    g_ptr_array_add(segments, g_strdup("*"));
    struct sandbox_id id = {0};
    if (!sandbox_id_parse_segments((char *const *)segments->pdata, segments->len, &id)) {
        sandbox_reply_error(reply, 404, "InvalidResourceType",
                            "The path '%s' names neither a resource nor a list.", request->path);
        return NULL;
    }
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    g_autofree char *type = g_ascii_strdown(id.type, -1);
    g_autofree char *key = sandbox_key(id.id);
    key[strlen(key) - 1] = '\0';
    bool locks = strcmp(type, LOCK_TYPE) == 0;
    struct roll_error *err =
        locks ? sandbox_locks_list(server, request, &id, resources)
              : sandbox_store_list(server, LIST_TYPE, id.scope.id, type, resources);
    json_t *list = json_array();
    for (guint i = 0; i < resources->len; i++) {
        struct sandbox_resource *resource = resources->pdata[i];
        g_autofree char *own = sandbox_key(resource->id);
        if (locks || g_str_has_prefix(own, key))
            json_array_append(list, resource->body);
    }
    bool answers = json_array_size(list) > 0 || sandbox_provider_knows(id.type);
    sandbox_id_clear(&id);
    if (answers)
        sandbox_reply_set(reply, 200, json_pack("{s:O}", "value", list));
    else if (!err)
        sandbox_reply_error(reply, 501, "NotImplemented",
                            "The sandbox does not know what '%s' lists, and holds nothing of the "
                            "kind. Azure may; this answer says nothing about it.",
                            request->path);
    json_decref(list);
    return err;
}

struct roll_error *sandbox_generic(struct sandbox_server *server, struct sandbox_request *request,
                                   struct sandbox_reply *reply)
{
    struct sandbox_id id = {0};
    char *const *segments = (char *const *)request->segments->pdata;
    size_t count = request->segments->len;
    struct roll_error *err = NULL;
    if (sandbox_is_tags(request))
        return sandbox_tags(server, request, reply);
    if (request->method == METHOD_POST) {
        if (count < 2 || !sandbox_id_parse_segments(segments, count - 1, &id)) {
            sandbox_reply_error(reply, 501, "NotImplemented",
                                "The sandbox does not implement 'POST %s'.", request->path);
            return NULL;
        }
        const char *action = segments[count - 1];
        bool answers = false;
        if (is_list(action)) {
            err = sandbox_store_answers_list(server, id.id, &answers);
        } else {
            roll_auto(sandbox_resource) struct sandbox_resource *resource = NULL;
            err = sandbox_store_get(server, id.id, &resource);
            answers = !err && resource;
        }
        bool unlocked = true;
        if (!err && answers)
            err = sandbox_lock_check(server, &id, CHANGE_WRITE, reply, &unlocked);
        if (!err && answers && unlocked)
            err = act(server, request, reply, &id, action);
        else if (!err && !answers)
            not_found(&id, reply);
    } else if (sandbox_id_parse_segments(segments, count, &id)) {
        err = serve_resource(server, request, reply, &id);
    } else if (request->method == METHOD_GET && count > 2) {
        err = list_type(server, request, reply);
    } else {
        sandbox_reply_error(reply, 501, "NotImplemented", "The sandbox does not implement '%s %s'.",
                            request->method_name, request->path);
    }
    sandbox_id_clear(&id);
    return err;
}

/* For tests and game days: the POST actions that were taken, oldest first. */
struct roll_error *sandbox_action_list(struct sandbox_server *server,
                                       struct sandbox_request *request, struct sandbox_reply *reply)
{
    struct roll_sql_stmt *stmt;
    bool row;
    const char *after = sandbox_query(request, "after");
    json_t *list = json_array();
    roll_auto(json) json_t *body = json_pack("{s:o}", "value", list);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_ACTION_LIST, &stmt));
    roll_sql_bind_int(stmt, ":after", after ? g_ascii_strtoll(after, NULL, 10) : 0);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        char time[ROLL_TIME_SIZE];
        roll_time_format(roll_sql_int_at(stmt, 4), time);
        json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:s,s:s}", "target", roll_sql_text_at(stmt, 0), "name",
                            roll_sql_text_at(stmt, 1), "body", roll_sql_text_at(stmt, 2),
                            "correlationId", roll_sql_text_at(stmt, 3), "at", time));
    }
    sandbox_reply_set(reply, 200, json_incref(body));
    return NULL;
}
