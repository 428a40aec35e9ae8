/* providers(), pickZones(): what is known of resource providers without asking (reference 17.9). */
#include "function.h"

static json_t *find_named(json_t *array, const char *member, const char *name)
{
    size_t index;
    json_t *element;
    json_array_foreach (array, index, element) {
        const json_t *value = object_get(element, member);
        if (json_is_string(value) && g_ascii_strcasecmp(json_string_value(value), name) == 0)
            return element;
    }
    return NULL;
}

struct roll_error *function_providers(const struct call *call, json_t **ret_value)
{
    json_t *known = (json_t *)(uintptr_t)call->eval->work->input->context.providers;
    const char *space = json_string_value(call->args[0]);
    if (!known) {
        *ret_value = call_unknown(call);
        return NULL;
    }
    json_t *provider =
        json_is_array(known) ? find_named(known, "namespace", space) : object_get(known, space);
    if (!provider)
        return function_error(
            call, "was invoked with a resource provider namespace that is not valid: '%.100s'.",
            space);
    if (call->count == 1) {
        *ret_value = json_incref(provider);
        return NULL;
    }
    const char *type = json_string_value(call->args[1]);
    json_t *types = object_get(provider, "resourceTypes");
    json_t *found =
        json_is_array(types) ? find_named(types, "resourceType", type) : object_get(provider, type);
    if (!found)
        return function_error(
            call, "was invoked with a resource type that is not valid: '%.100s/%.100s'.", space,
            type);
    *ret_value = json_incref(found);
    return NULL;
}

/* Regions with availability zones, and the types that are placed in one zone. */
static const char *const zone_regions[] = {
    "australiaeast",
    "austriaeast",
    "brazilsouth",
    "canadacentral",
    "centralindia",
    "centralus",
    "chilecentral",
    "chinanorth3",
    "eastasia",
    "eastus",
    "eastus2",
    "francecentral",
    "germanywestcentral",
    "indonesiacentral",
    "israelcentral",
    "italynorth",
    "japaneast",
    "japanwest",
    "koreacentral",
    "malaysiawest",
    "mexicocentral",
    "newzealandnorth",
    "northeurope",
    "norwayeast",
    "polandcentral",
    "qatarcentral",
    "southafricanorth",
    "southcentralus",
    "southeastasia",
    "spaincentral",
    "swedencentral",
    "switzerlandnorth",
    "uaenorth",
    "uksouth",
    "usgovvirginia",
    "westeurope",
    "westus2",
    "westus3",
};
static const char *const zonal_types[] = {
    "Microsoft.Compute/virtualMachines",
    "Microsoft.Compute/virtualMachineScaleSets",
    "Microsoft.Compute/disks",
    "Microsoft.Compute/hostGroups",
    "Microsoft.Compute/hostGroups/hosts",
    "Microsoft.Compute/capacityReservationGroups",
    "Microsoft.Network/publicIPAddresses",
    "Microsoft.Network/publicIPPrefixes",
    "Microsoft.Network/natGateways",
    "Microsoft.Network/loadBalancers",
    "Microsoft.Network/applicationGateways",
    "Microsoft.Network/azureFirewalls",
    "Microsoft.Network/virtualNetworkGateways",
    "Microsoft.Network/bastionHosts",
    "Microsoft.ContainerService/managedClusters",
    "Microsoft.Cache/redis",
    "Microsoft.DBforPostgreSQL/flexibleServers",
    "Microsoft.DBforMySQL/flexibleServers",
    "Microsoft.NetApp/netAppAccounts/capacityPools/volumes",
};

static bool is_listed(const char *const *list, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++)
        if (g_ascii_strcasecmp(list[i], text) == 0)
            return true;
    return false;
}

static char *plain_region(const char *location)
{
    GString *plain = g_string_new(NULL);
    for (; *location; location++)
        if (*location != ' ')
            g_string_append_c(plain, g_ascii_tolower(*location));
    return g_string_free(plain, FALSE);
}

struct roll_error *function_pick_zones(const struct call *call, json_t **ret_value)
{
    json_int_t count = call->count > 3 ? json_integer_value(call->args[3]) : 1;
    json_int_t offset = call->count > 4 ? json_integer_value(call->args[4]) : 0;
    g_autofree char *type =
        g_strconcat(json_string_value(call->args[0]), "/", json_string_value(call->args[1]), NULL);
    g_autofree char *region = plain_region(json_string_value(call->args[2]));
    if (count < 1 || count > 3 || offset < 0 || offset > 2 || count + offset > 3)
        return function_error(
            call, "expects a number of zones and an offset that fit the three zones of a region.");
    json_t *zones = json_array();
    if (is_listed(zone_regions, G_N_ELEMENTS(zone_regions), region) &&
        is_listed(zonal_types, G_N_ELEMENTS(zonal_types), type))
        for (json_int_t i = 1; i <= count; i++) {
            char zone[24];
            g_snprintf(zone, sizeof(zone), "%" JSON_INTEGER_FORMAT, i + offset);
            json_array_append_new(zones, json_text(zone));
        }
    *ret_value = zones;
    return NULL;
}
