/* What stands around a deployment: locks, and what was done by whom. Source: REST reference 6.4,
 * 10.1; Permissions - List For Resource Group (the same at a subscription). */
#include <string.h>

#include "azure/arm.h"
#include "rollbook/time.h"

#define LOCKS_VERSION "2020-05-01"
#define LOCKS_MAX 2000
#define ACTIVITY_VERSION "2015-04-01"
#define ACTIVITY_MAX 5000

void roll_arm_locks(struct roll_arm *arm, const char *scope_id, bool at_scope, roll_arm_fn fn,
                    void *user)
{
    g_autofree char *base =
        arm_id_url(arm, scope_id, "/providers/Microsoft.Authorization/locks", LOCKS_VERSION);
    g_autofree char *subscription = arm_id_subscription(scope_id);
    g_autofree char *url =
        at_scope ? g_strconcat(base, "&$filter=atScope%28%29", NULL) : g_strdup(base);

    arm_list(arm, url, subscription, LOCKS_MAX, fn, user);
}

/* ---- roles ---- */

#define PERMISSIONS_VERSION "2022-04-01"
#define PERMISSIONS_MAX 2000

void roll_arm_permissions(struct roll_arm *arm, const char *scope_id, roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_id_url(
        arm, scope_id, "/providers/Microsoft.Authorization/permissions", PERMISSIONS_VERSION);
    g_autofree char *subscription = arm_id_subscription(scope_id);

    arm_list(arm, url, subscription, PERMISSIONS_MAX, fn, user);
}

/* A star stands for any text, slashes too; GLib's `?` is no letter of an action. */
static bool lists_action(const json_t *list, const char *action)
{
    size_t index;
    const json_t *entry;

    json_array_foreach (list, index, entry) {
        const char *text = json_string_value(entry);
        g_autofree char *pattern = text ? g_ascii_strdown(text, -1) : NULL;
        if (pattern && !strchr(pattern, '?') && g_pattern_match_simple(pattern, action))
            return true;
    }
    return false;
}

bool roll_arm_permits(const json_t *permissions, const char *action)
{
    g_autofree char *lower = g_ascii_strdown(action, -1);
    size_t index;
    const json_t *role;

    json_array_foreach (json_object_get(permissions, "value"), index, role)
        if (lists_action(json_object_get(role, "actions"), lower) &&
            !lists_action(json_object_get(role, "notActions"), lower))
            return true;
    return false;
}

/* ---- the activity log ---- */

static void add_condition(GString *filter, const char *name, const char *operator,
                          const char * value)
{
    g_auto(GStrv) parts = g_strsplit(value, "'", -1);
    g_autofree char *quoted = g_strjoinv("''", parts);

    g_string_append_printf(filter, "%s%s %s '%s'", filter->len > 0 ? " and " : "", name, operator,
                           quoted);
}

static char *activity_filter(const struct roll_arm_activity *query)
{
    GString *filter = g_string_new(NULL);
    char from[ROLL_TIME_SIZE], to[ROLL_TIME_SIZE];

    roll_time_format(query->from_ms, from);
    add_condition(filter, "eventTimestamp", "ge", from);
    if (query->to_ms > 0) {
        roll_time_format(query->to_ms, to);
        add_condition(filter, "eventTimestamp", "le", to);
    }
    /* One further condition is all that is taken. */
    if (query->correlation_id)
        add_condition(filter, "correlationId", "eq", query->correlation_id);
    else if (query->resource_id)
        add_condition(filter, "resourceUri", "eq", query->resource_id);
    else if (query->resource_group)
        add_condition(filter, "resourceGroupName", "eq", query->resource_group);
    else if (query->provider)
        add_condition(filter, "resourceProvider", "eq", query->provider);
    return g_string_free(filter, FALSE);
}

void roll_arm_activities(struct roll_arm *arm, const char *subscription,
                         const struct roll_arm_activity *query, roll_arm_fn fn, void *user)
{
    g_autofree char *filter = activity_filter(query);
    g_autoptr(GString) url = g_string_new(arm->cloud->arm);

    if (subscription) {
        g_string_append(url, "/subscriptions/");
        roll_url_encode(subscription, url);
    }
    g_string_append(url, "/providers/Microsoft.Insights/eventtypes/management/values"
                         "?api-version=" ACTIVITY_VERSION "&$filter=");
    roll_url_encode(filter, url);
    if (query->select) {
        g_string_append(url, "&$select=");
        roll_url_encode(query->select, url);
    }
    arm_list(arm, url->str, subscription ? subscription : "",
             query->max > 0 ? (size_t)query->max : ACTIVITY_MAX, fn, user);
}
