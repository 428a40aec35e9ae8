/* Resource groups and subscriptions (REST reference 6.1). A group is stored as a resource of its
 * subscription. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/list.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define GROUP_TYPE "microsoft.resources/resourcegroups"
#define PAGE 1000

static void not_found(const struct sandbox_scope *scope, struct sandbox_reply *reply)
{
    sandbox_reply_error(reply, 404, "ResourceGroupNotFound",
                        "Resource group '%s' could not be found.", scope->group);
}

struct roll_error *sandbox_group_require(struct sandbox_server *server,
                                         const struct sandbox_scope *scope,
                                         struct sandbox_reply *reply, bool *ret_there)
{
    roll_auto(sandbox_resource) struct sandbox_resource *group = NULL;
    *ret_there = true;
    if (scope->kind != ROLL_SCOPE_GROUP)
        return NULL;
    ROLL_TRY(sandbox_store_get(server, scope->id, &group));
    *ret_there = group && !group->deleting;
    if (!group)
        not_found(scope, reply);
    else if (group->deleting)
        sandbox_reply_error(
            reply, 409, "ResourceGroupBeingDeleted",
            "The resource group '%s' is in deprovisioning state and cannot perform this operation.",
            scope->group);
    return NULL;
}

/* A group's name (REST reference 1.3). */
static bool check_name(const char *name, struct sandbox_reply *reply)
{
    bool good =
        g_utf8_strlen(name, -1) <= 90 && !g_str_has_suffix(name, ".") && sandbox_is_name(name);
    if (!good)
        sandbox_reply_error(
            reply, 400, "InvalidResourceGroup",
            "The provided resource group name '%s' has invalid characters or is longer than 90.",
            name);
    return good;
}

static struct roll_error *put_group(struct sandbox_server *server, struct sandbox_request *request,
                                    struct sandbox_reply *reply, struct sandbox_resource *known)
{
    roll_auto(json) json_t *body = NULL;
    if (!check_name(request->scope.group, reply) ||
        !sandbox_request_json(request, reply, &body, NULL))
        return NULL;
    const char *location = roll_json_get_string(body, "location");
    if (!sandbox_tags_check(json_object_get(body, "tags"), reply))
        return NULL;
    if (!location || !*location) {
        sandbox_reply_error(reply, 400, "LocationRequired",
                            "The location property is required for this definition.");
        return NULL;
    }
    const char *old = known ? roll_json_get_string(known->body, "location") : NULL;
    if (known && known->deleting) {
        bool there;
        return sandbox_group_require(server, &request->scope, reply, &there);
    }
    if (old && g_ascii_strcasecmp(old, location) != 0) {
        sandbox_reply_error(reply, 409, "InvalidResourceGroupLocation",
                            "Invalid resource group location '%s'. The Resource group already "
                            "exists in location '%s'.",
                            location, old);
        return NULL;
    }
    struct sandbox_id id = {0};
    bool created;
    sandbox_id_parse(known ? known->id : request->scope.id, &id);
    struct roll_error *err = sandbox_store_put(server, &id, sandbox_query(request, "api-version"),
                                               body, request->now_ms, &created);
    roll_auto(sandbox_resource) struct sandbox_resource *group = NULL;
    if (!err)
        err = sandbox_store_get(server, id.id, &group);
    sandbox_id_clear(&id);
    if (!err)
        sandbox_reply_set(reply, created ? 201 : 200, json_incref(group->body));
    return err;
}

/* Deleting lasts one operation's time; then the group and all that is in it goes at once (life.c).
 */
static struct roll_error *delete_group(struct sandbox_server *server,
                                       struct sandbox_request *request, struct sandbox_reply *reply,
                                       struct sandbox_resource *group)
{
    struct roll_sql_stmt *stmt;
    g_autofree char *key = sandbox_key(group->id);
    g_autofree char *token = NULL;
    g_autoptr(GString) text = g_string_new(NULL);
    struct sandbox_id id = {0};
    bool unlocked = true;
    struct roll_error *err = sandbox_id_parse(group->id, &id)
                                 ? sandbox_lock_check(server, &id, CHANGE_DELETE, reply, &unlocked)
                                 : NULL;
    sandbox_id_clear(&id);
    if (err || !unlocked)
        return err;
    ROLL_TRY(sandbox_task_new(server, "delete-group", group->id,
                              request->now_ms + server->operation_time_ms, 200, NULL, &token));
    json_object_set_new(json_object_get(group->body, "properties"), "provisioningState",
                        json_string("Deleting"));
    roll_json_write(group->body, text);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_RESOURCE_MARK_DELETING, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    roll_sql_bind_text(stmt, ":body", text->str);
    ROLL_TRY(roll_sql_run(stmt));
    sandbox_reply_set(reply, 202, NULL);
    sandbox_reply_location(request, reply, token);
    return NULL;
}

static struct roll_error *patch_group(struct sandbox_server *server,
                                      struct sandbox_request *request, struct sandbox_reply *reply,
                                      struct sandbox_resource *group)
{
    roll_auto(json) json_t *patch = NULL;
    if (!sandbox_request_json(request, reply, &patch, NULL))
        return NULL;
    json_t *tags = json_object_get(patch, "tags");
    if (!sandbox_tags_check(tags, reply))
        return NULL;
    if (json_is_object(tags))
        json_object_set(group->body, "tags", tags);
    struct sandbox_id id = {0};
    sandbox_id_parse(group->id, &id);
    struct roll_error *err =
        sandbox_store_put(server, &id, group->api_version, group->body, request->now_ms, NULL);
    sandbox_id_clear(&id);
    if (!err)
        sandbox_reply_set(reply, 200, json_incref(group->body));
    return err;
}

struct roll_error *sandbox_group(struct sandbox_server *server, struct sandbox_request *request,
                                 struct sandbox_reply *reply)
{
    roll_auto(sandbox_resource) struct sandbox_resource *group = NULL;
    ROLL_TRY(sandbox_store_get(server, request->scope.id, &group));
    if (request->method == METHOD_PUT)
        return put_group(server, request, reply, group);
    if (!group) {
        not_found(&request->scope, reply);
        return NULL;
    }
    if (request->method == METHOD_PATCH)
        return patch_group(server, request, reply, group);
    if (request->method == METHOD_DELETE)
        return delete_group(server, request, reply, group);
    if (request->method == METHOD_HEAD)
        sandbox_reply_set(reply, 204, NULL);
    else
        sandbox_reply_set(reply, 200, json_incref(group->body));
    return NULL;
}

struct roll_error *sandbox_group_list(struct sandbox_server *server,
                                      struct sandbox_request *request, struct sandbox_reply *reply)
{
    g_autoptr(GPtrArray) groups = sandbox_resources_new();
    roll_auto(sandbox_filter) struct sandbox_filter *filter = NULL;
    if (!sandbox_page_check(request, reply) || !sandbox_filter_read(request, reply, &filter))
        return NULL;
    ROLL_TRY(sandbox_store_list(server, LIST_TYPE, request->scope.id, GROUP_TYPE, groups));
    json_t *list = json_array();
    for (guint i = 0; i < groups->len; i++) {
        const struct sandbox_resource *group = groups->pdata[i];
        if (sandbox_filter_allows(filter, group))
            json_array_append(list, group->body);
    }
    sandbox_page_reply(request, reply, list, PAGE);
    return NULL;
}

static json_t *show_subscription(const char *id)
{
    g_autofree char *path = g_strdup_printf("/subscriptions/%s", id);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:{s:s,s:s,s:s}}", "id", path, "subscriptionId", id,
                     "tenantId", "44444444-4444-4444-4444-444444444444", "displayName",
                     "Rollbook sandbox", "state", "Enabled", "authorizationSource", "RoleBased",
                     "subscriptionPolicies", "locationPlacementId", "Public_2014-09-01", "quotaId",
                     "PayAsYouGo_2014-09-01", "spendingLimit", "Off");
}

/* Every subscription exists; listed are those that something was put into, and one to begin with.
 */
struct roll_error *sandbox_subscriptions(struct sandbox_server *server,
                                         struct sandbox_request *request,
                                         struct sandbox_reply *reply)
{
    struct roll_sql_stmt *stmt;
    bool row;
    (void)request;
    roll_auto(json) json_t *list = json_array();
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SUBSCRIPTION_LIST, &stmt));
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            break;
        json_array_append_new(
            list, show_subscription(roll_sql_text_at(stmt, 0) + strlen("/subscriptions/")));
    }
    if (json_array_size(list) == 0)
        json_array_append_new(list, show_subscription("11111111-1111-1111-1111-111111111111"));
    sandbox_reply_set(reply, 200, json_pack("{s:O}", "value", list));
    return NULL;
}

struct roll_error *sandbox_subscription(struct sandbox_server *server,
                                        struct sandbox_request *request,
                                        struct sandbox_reply *reply)
{
    (void)server;
    sandbox_reply_set(reply, 200, show_subscription(request->scope.subscription));
    return NULL;
}
