/* From a request to its handler: one table of methods and paths. */
#include <string.h>

#include "sandbox/activity.h"
#include "sandbox/deployment.h"
#include "sandbox/services.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"

struct route {
    unsigned methods;
    const char
        *pattern; /* words in lower case; {scope} only at the beginning, {rest} only at the end */
    sandbox_handler handler; /* NULL: known to ARM, not implemented here */
};

#define DEPLOYMENTS "{scope}/providers/microsoft.resources/deployments"
#define FEATURES                                                                                   \
    "subscriptions/{subscription}/providers/microsoft.features/providers/microsoft.resources/"     \
    "features"
#define RESOURCES "{scope}/providers/microsoft.resources"
#define ANY (METHOD_GET | METHOD_HEAD | METHOD_PUT | METHOD_PATCH | METHOD_DELETE | METHOD_POST)

/* The first match counts. REST reference 1.1, 6.1 and 6.2. */
static const struct route routes[] = {
    {METHOD_GET, "sandbox/actions", sandbox_action_list},
    {METHOD_POST, "sandbox/hurry", sandbox_hurry},
    {METHOD_POST, "sandbox/retire", sandbox_retire},
    {METHOD_POST, "sandbox/gone", sandbox_gone},
    {METHOD_POST, "sandbox/there", sandbox_there},
    {METHOD_POST, "sandbox/secret", sandbox_secret},
    {METHOD_POST, "sandbox/role", sandbox_role},
    {METHOD_GET, FEATURES "/{name}", sandbox_feature},
    {METHOD_POST, FEATURES "/{name}/register", sandbox_feature_register},
    {METHOD_POST, FEATURES "/{name}/unregister", sandbox_feature_unregister},
    {METHOD_GET, "providers", sandbox_provider_list_all},
    {METHOD_GET, "subscriptions/{subscription}/providers", sandbox_provider_list_all},
    {METHOD_GET, "subscriptions/{subscription}/locations", sandbox_locations},
    {ANY, "subscriptions/{subscription}/tagnames", NULL},
    {ANY, "subscriptions/{subscription}/tagnames/{rest}", NULL},
    {METHOD_GET, "providers/{name}", sandbox_provider},
    {METHOD_GET, "subscriptions/{subscription}/providers/{name}", sandbox_provider},
    {METHOD_POST, "subscriptions/{subscription}/providers/{name}/register",
     sandbox_provider_register},
    {METHOD_POST, "subscriptions/{subscription}/providers/{name}/unregister",
     sandbox_provider_unregister},
    {METHOD_GET, "subscriptions", sandbox_subscriptions},
    {METHOD_GET, "subscriptions/{subscription}", sandbox_subscription},
    {METHOD_GET, "subscriptions/{subscription}/resourcegroups", sandbox_group_list},
    {METHOD_GET, "subscriptions/{subscription}/resources", sandbox_resource_list},
    {METHOD_GET, "subscriptions/{subscription}/operationresults/{item}", sandbox_task_result},
    {METHOD_GET, "providers/microsoft.resources/operationresults/{item}", sandbox_task_result},
    {METHOD_GET | METHOD_HEAD | METHOD_PUT | METHOD_PATCH | METHOD_DELETE,
     "subscriptions/{subscription}/resourcegroups/{group}", sandbox_group},
    {METHOD_GET, "subscriptions/{subscription}/resourcegroups/{group}/resources",
     sandbox_resource_list},
    {METHOD_GET,
     "subscriptions/{subscription}/resourcegroups/{group}/deployments/{name}/operations",
     sandbox_deployment_operations},
    {METHOD_GET,
     "subscriptions/{subscription}/resourcegroups/{group}/deployments/{name}/operations/{item}",
     sandbox_deployment_operations},
    {METHOD_POST, "subscriptions/{subscription}/resourcegroups/{group}/exporttemplate",
     sandbox_group_export},
    {METHOD_POST, "subscriptions/{subscription}/resourcegroups/{group}/moveresources",
     sandbox_group_move},
    {METHOD_POST, "subscriptions/{subscription}/resourcegroups/{group}/validatemoveresources",
     sandbox_group_move},
    {METHOD_POST, "providers/microsoft.resources/calculatetemplatehash", sandbox_template_hash},
    {METHOD_GET, DEPLOYMENTS, sandbox_deployment_list},
    {METHOD_GET | METHOD_HEAD, DEPLOYMENTS "/{name}", sandbox_deployment_get},
    {METHOD_PUT, DEPLOYMENTS "/{name}", sandbox_deployment_put},
    {METHOD_DELETE, DEPLOYMENTS "/{name}", sandbox_deployment_delete},
    {METHOD_GET, DEPLOYMENTS "/{name}/operationstatuses/{item}", sandbox_deployment_status},
    {METHOD_GET, DEPLOYMENTS "/{name}/operations", sandbox_deployment_operations},
    {METHOD_GET, DEPLOYMENTS "/{name}/operations/{item}", sandbox_deployment_operations},
    {METHOD_POST, DEPLOYMENTS "/{name}/cancel", sandbox_deployment_cancel},
    {METHOD_POST, DEPLOYMENTS "/{name}/validate", sandbox_deployment_validate},
    {METHOD_POST, DEPLOYMENTS "/{name}/whatif", sandbox_deployment_what_if},
    {METHOD_POST, DEPLOYMENTS "/{name}/exporttemplate", sandbox_deployment_export},
    {ANY, DEPLOYMENTS "/{rest}", NULL},
    {METHOD_GET, RESOURCES "/deploymentstacks", sandbox_stack_list},
    {METHOD_GET, RESOURCES "/deploymentstacks/{name}", sandbox_stack_get},
    {METHOD_PUT, RESOURCES "/deploymentstacks/{name}", sandbox_stack_put},
    {METHOD_DELETE, RESOURCES "/deploymentstacks/{name}", sandbox_stack_delete},
    {METHOD_POST, RESOURCES "/deploymentstacks/{name}/validate", sandbox_stack_validate},
    {METHOD_POST, RESOURCES "/deploymentstacks/{name}/exporttemplate", sandbox_stack_export},
    {METHOD_GET, RESOURCES "/locations/{name}/deploymentstackoperationstatus/{item}",
     sandbox_stack_status},
    {METHOD_GET, RESOURCES "/locations/{name}/deploymentstackoperationresults/{item}",
     sandbox_task_result},
    {ANY, RESOURCES "/deploymentstacks/{rest}", NULL},
    {ANY, RESOURCES "/deploymentstackswhatifresults/{rest}", NULL},
    {ANY, RESOURCES "/tags/{rest}", sandbox_tags},
    {ANY, "providers/microsoft.resourcegraph/{rest}", NULL},
    {METHOD_GET,
     "subscriptions/{subscription}/providers/microsoft.insights/eventtypes/management/values",
     sandbox_activity_list},
    {METHOD_GET, "providers/microsoft.insights/eventtypes/management/values",
     sandbox_activity_list},
    {ANY, "{scope}/providers/microsoft.insights/eventtypes/{rest}", NULL},
    {ANY, "{scope}/providers/microsoft.authorization/checkaccess", NULL},
    {METHOD_GET, "{scope}/providers/microsoft.authorization/permissions", sandbox_permissions},
    {METHOD_GET,
     "subscriptions/{subscription}/resourcegroups/{group}/providers/{namespace}/{type}/{resource}/"
     "providers/microsoft.authorization/permissions",
     sandbox_resource_permissions},
    {ANY, "subscriptions/{subscription}/{rest}", sandbox_generic},
    {ANY, "providers/{rest}", sandbox_generic},
};

static bool word_is(const char *word, size_t length, const char *text)
{
    return strlen(text) == length && strncmp(word, text, length) == 0;
}

/* Segments from the first one on against pattern; fills in what the pattern captures. */
static bool match_tail(const char *pattern, char *const *segments, size_t count, const char **name,
                       const char **item)
{
    for (;;) {
        size_t length = strcspn(pattern, "/");
        if (word_is(pattern, length, "{rest}"))
            return count > 0;
        if (count == 0)
            return false;
        if (word_is(pattern, length, "{name}"))
            *name = *segments;
        else if (word_is(pattern, length, "{item}"))
            *item = *segments;
        else if (*pattern != '{' && (strlen(*segments) != length ||
                                     g_ascii_strncasecmp(*segments, pattern, length) != 0))
            return false;
        segments++;
        count--;
        if (pattern[length] == '\0')
            return count == 0;
        pattern += length + 1;
    }
}

/* A pattern that begins with {scope}: try the four lengths that a scope can have. */
static bool match_scoped(const char *pattern, struct sandbox_request *request)
{
    static const size_t lengths[] = {0, 2, 4};
    char *const *segments = (char *const *)request->segments->pdata;
    for (size_t i = 0; i < G_N_ELEMENTS(lengths) && lengths[i] <= request->segments->len; i++) {
        struct sandbox_scope scope = {0};
        const char *name = NULL, *item = NULL;
        if (!sandbox_scope_parse(segments, lengths[i], &scope))
            continue;
        if (match_tail(pattern, segments + lengths[i], request->segments->len - lengths[i], &name,
                       &item)) {
            request->scope = scope;
            request->name = name;
            request->item = item;
            return true;
        }
        sandbox_scope_clear(&scope);
    }
    return false;
}

static bool match(const char *pattern, struct sandbox_request *request)
{
    if (g_str_has_prefix(pattern, "{scope}/"))
        return match_scoped(pattern + strlen("{scope}/"), request);
    char *const *segments = (char *const *)request->segments->pdata;
    size_t count = request->segments->len;
    if (!match_tail(pattern, segments, count, &request->name, &request->item))
        return false;
    /* The longest scope that the path begins with, so that handlers find subscription and group. */
    if (count < 4 || !sandbox_scope_parse(segments, 4, &request->scope)) {
        if (count < 2 || !sandbox_scope_parse(segments, 2, &request->scope))
            sandbox_scope_parse(segments, 0, &request->scope);
    }
    return true;
}

static void not_implemented(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    sandbox_reply_error(
        reply, 501, "NotImplemented",
        "The sandbox does not implement '%s %s'. Azure may; this answer says nothing about it.",
        request->method_name, request->path);
}

sandbox_handler sandbox_route(struct sandbox_request *request, struct sandbox_reply *reply)
{
    for (size_t i = 0; i < G_N_ELEMENTS(routes); i++) {
        if (!(routes[i].methods & request->method) || !match(routes[i].pattern, request))
            continue;
        if (!routes[i].handler)
            not_implemented(request, reply);
        return routes[i].handler;
    }
    not_implemented(request, reply);
    return NULL;
}
