/* Alerts of Azure Monitor: what has fired in a scope since a moment.
 *
 * Source: the API of Microsoft.AlertsManagement, 2019-03-01 (the last version without preview),
 * which knows alerts by subscription and filters by one resource group. Its filters of time are
 * coarse, so that what is left is judged here. */
#include <string.h>

#include "azure/arm.h"
#include "rollbook/time.h"

#define ALERTS_API_VERSION "2019-03-01"
#define ALERTS_MAX 1000

static const char *essential(const json_t *alert, const char *name)
{
    const json_t *essentials =
        roll_json_get_nocase(roll_json_get_nocase(alert, "properties"), "essentials");

    return json_string_value(roll_json_get_nocase(essentials, name));
}

bool roll_alert_counts(const json_t *alert, const char *const *severities, const char *group,
                       int64_t since_ms)
{
    const char *severity = essential(alert, "severity");
    const char *where = essential(alert, "targetResourceGroup");
    const char *start = essential(alert, "startDateTime");
    int64_t at = 0;

    if (!severity || !start || (group && (!where || g_ascii_strcasecmp(where, group) != 0)))
        return false;
    while (*severities && g_ascii_strcasecmp(*severities, severity) != 0)
        severities++;
    roll_auto(error) struct roll_error *unreadable = roll_time_parse(start, &at);
    /* One without a readable time may be new: better looked at once too often. */
    return *severities && (unreadable || at >= since_ms);
}

char *roll_alert_name(const json_t *alert)
{
    const char *rule = essential(alert, "alertRule");
    const char *last = rule ? strrchr(rule, '/') : NULL;
    const char *severity = essential(alert, "severity");
    const char *name = last ? last + 1 : rule;

    if (!name || !*name)
        name = roll_json_get_string(alert, "name");
    return g_strdup_printf("%s (%s)", name ? name : "an alert",
                           severity ? severity : "no severity");
}

void roll_arm_alerts(struct roll_arm *arm, const char *subscription, const char *group,
                     roll_arm_fn fn, void *user)
{
    g_autoptr(GString) url = g_string_new(arm->cloud->arm);

    g_string_append(url, "/subscriptions/");
    roll_url_encode(subscription, url);
    g_string_append(url,
                    "/providers/Microsoft.AlertsManagement/alerts?api-version=" ALERTS_API_VERSION
                    "&timeRange=1d");
    if (group) {
        g_string_append(url, "&targetResourceGroup=");
        roll_url_encode(group, url);
    }
    arm_list(arm, url->str, subscription, ALERTS_MAX, fn, user);
}
