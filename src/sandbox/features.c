/* Feature flags of Microsoft.Resources, a subscription's: registered or not (REST reference 6.3).
 */
#include <string.h>

#include "sandbox/server.h"
#include "sandbox/store.h"

/* Of a subscription. Owned. */
static char *feature_of(const char *subscription, const char *feature)
{
    return g_strdup_printf("%s:%s", subscription, feature);
}

struct roll_error *sandbox_feature_is_on(struct sandbox_server *server, const char *subscription,
                                         const char *feature, bool *ret_on)
{
    g_autofree char *flag = feature_of(subscription, feature);
    g_autofree char *value = NULL;
    ROLL_TRY(sandbox_setting_get(server, "feature", flag, &value));
    *ret_on = value && strcmp(value, "Registered") == 0;
    return NULL;
}

struct roll_error *sandbox_feature(struct sandbox_server *server, struct sandbox_request *request,
                                   struct sandbox_reply *reply)
{
    const char *subscription = request->scope.subscription;
    bool on;
    ROLL_TRY(sandbox_feature_is_on(server, subscription, request->name, &on));
    sandbox_reply_set(
        reply, 200,
        json_pack("{s:o,s:o,s:s,s:{s:s}}", "id",
                  json_sprintf("/subscriptions/%s/providers/Microsoft.Features/providers/"
                               "Microsoft.Resources/features/%s",
                               subscription, request->name),
                  "name", json_sprintf("Microsoft.Resources/%s", request->name), "type",
                  "Microsoft.Features/providers/features", "properties", "state",
                  on ? "Registered" : "NotRegistered"));
    return NULL;
}

struct roll_error *sandbox_feature_register(struct sandbox_server *server,
                                            struct sandbox_request *request,
                                            struct sandbox_reply *reply)
{
    g_autofree char *flag = feature_of(request->scope.subscription, request->name);
    ROLL_TRY(sandbox_setting_put(server, "feature", flag, "Registered"));
    return sandbox_feature(server, request, reply);
}

struct roll_error *sandbox_feature_unregister(struct sandbox_server *server,
                                              struct sandbox_request *request,
                                              struct sandbox_reply *reply)
{
    g_autofree char *flag = feature_of(request->scope.subscription, request->name);
    ROLL_TRY(sandbox_setting_put(server, "feature", flag, "NotRegistered"));
    return sandbox_feature(server, request, reply);
}
