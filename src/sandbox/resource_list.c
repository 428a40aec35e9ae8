/* Lists of the resources of a subscription or a group (REST reference 6.2). */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"
#include "sandbox/list.h"

#define PAGE 1000

static json_t *show_listed(const struct sandbox_resource *resource, const char *expand, bool tags)
{
    static const char *const members[] = {"id",   "name", "type",  "location", "tags",      "sku",
                                          "kind", "plan", "zones", "identity", "managedBy", NULL};
    json_t *shown = json_object();
    for (int i = 0; members[i]; i++) {
        json_t *value = json_object_get(resource->body, members[i]);
        if (value && (tags || strcmp(members[i], "tags") != 0))
            json_object_set(shown, members[i], value);
    }
    char time[ROLL_TIME_SIZE];
    if (expand && strstr(expand, "createdTime")) {
        roll_time_format(resource->created_ms, time);
        json_object_set_new(shown, "createdTime", json_string(time));
    }
    if (expand && strstr(expand, "changedTime")) {
        roll_time_format(resource->changed_ms, time);
        json_object_set_new(shown, "changedTime", json_string(time));
    }
    if (expand && strstr(expand, "provisioningState"))
        json_object_set_new(shown, "provisioningState",
                            json_string(resource->deleting ? "Deleting" : "Succeeded"));
    return shown;
}

static bool is_listed(const struct sandbox_resource *resource)
{
    return strcmp(resource->type, "microsoft.resources/resourcegroups") != 0 &&
           strcmp(resource->type, "microsoft.resources/tags") != 0 &&
           strcmp(resource->type, "microsoft.authorization/locks") != 0;
}

struct roll_error *sandbox_resource_list(struct sandbox_server *server,
                                         struct sandbox_request *request,
                                         struct sandbox_reply *reply)
{
    bool there;
    roll_auto(sandbox_filter) struct sandbox_filter *filter = NULL;
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (!there || !sandbox_page_check(request, reply) ||
        !sandbox_filter_read(request, reply, &filter))
        return NULL;
    ROLL_TRY(sandbox_store_list(server, LIST_BELOW, request->scope.id, NULL, resources));
    bool tags = !sandbox_filter_is_by_tag(filter);
    json_t *list = json_array();
    for (guint i = 0; i < resources->len; i++) {
        const struct sandbox_resource *resource = resources->pdata[i];
        if (is_listed(resource) && sandbox_filter_allows(filter, resource))
            json_array_append_new(list,
                                  show_listed(resource, sandbox_query(request, "$expand"), tags));
    }
    sandbox_page_reply(request, reply, list, PAGE);
    return NULL;
}
