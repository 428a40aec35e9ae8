/* Which types --prune deletes without being told. */
#include <string.h>

#include "release/prune.h"

/* Types without data and without anything that a new deployment of the same template would not
 * bring back. Addresses, identities, names that the world has learnt, sites with uploaded content
 * and whatever keeps data or history are not among them. */
static const char *const safe_types[] = {
    "Microsoft.App/containerApps",
    "Microsoft.App/jobs",
    "Microsoft.Authorization/roleAssignments",
    "Microsoft.Compute/availabilitySets",
    "Microsoft.Compute/proximityPlacementGroups",
    "Microsoft.ContainerInstance/containerGroups",
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/activityLogAlerts",
    "Microsoft.Insights/autoscaleSettings",
    "Microsoft.Insights/dataCollectionRuleAssociations",
    "Microsoft.Insights/dataCollectionRules",
    "Microsoft.Insights/diagnosticSettings",
    "Microsoft.Insights/metricAlerts",
    "Microsoft.Insights/scheduledQueryRules",
    "Microsoft.Insights/webtests",
    "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
    "Microsoft.Network/applicationSecurityGroups",
    "Microsoft.Network/loadBalancers",
    "Microsoft.Network/natGateways",
    "Microsoft.Network/networkInterfaces",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/networkSecurityGroups/securityRules",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Network/privateEndpoints",
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
    "Microsoft.Network/routeTables",
    "Microsoft.Network/routeTables/routes",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.Network/virtualNetworks/subnets",
    "Microsoft.Network/virtualNetworks/virtualNetworkPeerings",
    "Microsoft.Portal/dashboards",
    "Microsoft.Resources/deploymentScripts",
    "Microsoft.Web/serverfarms",
};

/* Unlike what is kept, what may go does not take along what lies below its type. */
bool roll_type_may_go(char *const *words, const char *type)
{
    for (size_t i = 0; i < G_N_ELEMENTS(safe_types); i++)
        if (g_ascii_strcasecmp(safe_types[i], type) == 0)
            return true;
    for (size_t i = 0; words && words[i]; i++) {
        size_t length = strlen(words[i]);
        if (g_str_has_suffix(words[i], "/*") ? g_ascii_strncasecmp(words[i], type, length - 1) == 0
                                             : g_ascii_strcasecmp(words[i], type) == 0)
            return true;
    }
    return false;
}
