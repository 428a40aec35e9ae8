/* moveResources and validateMoveResources: resources leave a group for another one of the same
 * subscription. Azure's rules of what can be moved are the providers'; here everything can. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"

struct move {
    struct sandbox_server *server;
    const struct sandbox_request *request;
    struct sandbox_reply *reply;
    struct sandbox_id target; /* the group */
    bool only_asked;          /* validateMoveResources */
};

/* False: the refusal is in reply. */
static bool refuse(struct move *move, const char *code, const char *resource, const char *why)
{
    sandbox_reply_error(move->reply, strcmp(code, "ResourceNotFound") == 0 ? 404 : 400, code,
                        "The resource '%s' cannot be moved: %s.", resource, why);
    return false;
}

static bool check_id(struct move *move, const char *text, struct sandbox_id *ret_id)
{
    if (!text || !sandbox_id_parse(text, ret_id))
        return refuse(move, "InvalidResourceId", text ? text : "", "this is not a resource id");
    if (g_ascii_strcasecmp(ret_id->scope.id, move->request->scope.id) != 0)
        return refuse(move, "ResourceNotFound", text, "it is not in this group");
    if (strchr(ret_id->name, '/'))
        return refuse(move, "MoveResourcesHasChildResource", text, "it moves with its parent only");
    return true;
}

static struct roll_error *rename_row(struct move *move, const struct sandbox_resource *resource)
{
    size_t length = strlen(move->request->scope.id);
    g_autofree char *text = g_strconcat(move->target.id, resource->id + length, NULL);
    struct sandbox_id id = {0};
    if (strlen(resource->id) <= length || !sandbox_id_parse(text, &id))
        return roll_error_new(ROLL_E_INTERNAL, "'%s' is not below its group", resource->id);
    struct roll_error *err = sandbox_store_put(move->server, &id, resource->api_version,
                                               resource->body, move->request->now_ms, NULL);
    sandbox_id_clear(&id);
    return err;
}

static struct roll_error *move_one(struct move *move, const struct sandbox_id *id, bool *ret_done)
{
    g_autoptr(GPtrArray) rows = sandbox_resources_new();
    struct sandbox_resource *own = NULL;
    ROLL_TRY(sandbox_store_get(move->server, id->id, &own));
    *ret_done = own ? true : refuse(move, "ResourceNotFound", id->id, "it is not there");
    if (!own)
        return NULL;
    g_ptr_array_add(rows, own);
    ROLL_TRY(sandbox_lock_check(move->server, id, CHANGE_WRITE, move->reply, ret_done));
    if (*ret_done)
        ROLL_TRY(sandbox_stack_check_request(move->server, move->request, id, "delete", move->reply,
                                             ret_done));
    if (!*ret_done || move->only_asked)
        return NULL;
    ROLL_TRY(sandbox_store_list(move->server, LIST_BELOW, id->id, NULL, rows));
    for (guint i = 0; i < rows->len; i++)
        ROLL_TRY(rename_row(move, rows->pdata[i]));
    return sandbox_store_delete(move->server, id->id);
}

static struct roll_error *move_all(struct move *move, const json_t *resources)
{
    bool done = true;
    for (size_t i = 0; done && i < json_array_size(resources); i++) {
        struct sandbox_id id = {0};
        struct roll_error *err = NULL;
        done = check_id(move, json_string_value(json_array_get(resources, i)), &id);
        if (done)
            err = move_one(move, &id, &done);
        sandbox_id_clear(&id);
        ROLL_TRY(err);
    }
    if (!done)
        return NULL;
    g_autofree char *token = NULL;
    ROLL_TRY(sandbox_task_new(move->server, "move", move->target.id,
                              move->request->now_ms + move->server->operation_time_ms, 204, NULL,
                              &token));
    sandbox_reply_set(move->reply, 202, NULL);
    sandbox_reply_location(move->request, move->reply, token);
    return NULL;
}

static struct roll_error *begin(struct move *move, const json_t *body)
{
    const char *group = json_string_value(roll_json_get_nocase(body, "targetResourceGroup"));
    const json_t *resources = roll_json_get_nocase(body, "resources");
    bool there;
    if (!group || !sandbox_id_parse(group, &move->target) ||
        g_ascii_strcasecmp(move->target.type, "Microsoft.Resources/resourceGroups") != 0 ||
        json_array_size(resources) == 0) {
        sandbox_reply_error(move->reply, 400, "InvalidRequestContent",
                            "The request content was invalid: 'targetResourceGroup' must be the id "
                            "of a group, 'resources' a list of ids.");
        return NULL;
    }
    struct sandbox_scope scope = {.kind = ROLL_SCOPE_GROUP,
                                  .subscription = move->target.scope.subscription,
                                  .group = move->target.name,
                                  .id = move->target.id};
    ROLL_TRY(sandbox_group_require(move->server, &scope, move->reply, &there));
    if (there)
        ROLL_TRY(
            sandbox_lock_check(move->server, &move->target, CHANGE_WRITE, move->reply, &there));
    if (!there)
        return NULL;
    ROLL_TRY(sandbox_group_require(move->server, &move->request->scope, move->reply, &there));
    return there ? move_all(move, resources) : NULL;
}

struct roll_error *sandbox_group_move(struct sandbox_server *server,
                                      struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *action = request->segments->pdata[request->segments->len - 1];
    struct move move = {.server = server,
                        .request = request,
                        .reply = reply,
                        .only_asked = g_ascii_strncasecmp(action, "validate", 8) == 0};
    roll_auto(json) json_t *body = NULL;
    if (!sandbox_request_json(request, reply, &body, NULL))
        return NULL;
    struct roll_error *err = begin(&move, body);
    sandbox_id_clear(&move.target);
    return err;
}
