/* Regions that a subscription can use: a few, with their names and pairs. */
#include "sandbox/store.h"

static const struct region {
    const char *name, *display, *geography, *group, *latitude, *longitude, *place, *pair;
} regions[] = {
    {"westeurope", "West Europe", "Europe", "Europe", "52.3667", "4.9", "Netherlands",
     "northeurope"},
    {"northeurope", "North Europe", "Europe", "Europe", "53.3478", "-6.2597", "Ireland",
     "westeurope"},
    {"eastus", "East US", "United States", "US", "37.3719", "-79.8164", "Virginia", "westus"},
    {"westus", "West US", "United States", "US", "37.783", "-122.417", "California", "eastus"},
    {"eastus2", "East US 2", "United States", "US", "36.6681", "-78.3889", "Virginia", "centralus"},
    {"centralus", "Central US", "United States", "US", "41.5908", "-93.6208", "Iowa", "eastus2"},
    {"westus2", "West US 2", "United States", "US", "47.233", "-119.852", "Washington",
     "westcentralus"},
    {"westcentralus", "West Central US", "United States", "US", "40.89", "-110.234", "Wyoming",
     "westus2"},
};

static json_t *show(const char *subscription, const struct region *region)
{
    g_autofree char *id =
        g_strdup_printf("/subscriptions/%s/locations/%s", subscription, region->name);
    g_autofree char *pair =
        g_strdup_printf("/subscriptions/%s/locations/%s", subscription, region->pair);
    g_autofree char *regional = g_strdup_printf("(%s) %s", region->group, region->display);
    json_t *metadata = json_pack(
        "{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:[{s:s,s:s}]}", "regionType", "Physical", "regionCategory",
        "Recommended", "geography", region->geography, "geographyGroup", region->group, "latitude",
        region->latitude, "longitude", region->longitude, "physicalLocation", region->place,
        "pairedRegion", "name", region->pair, "id", pair);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:o}", "id", id, "name", region->name, "type", "Region",
                     "displayName", region->display, "regionalDisplayName", regional, "metadata",
                     metadata);
}

struct roll_error *sandbox_locations(struct sandbox_server *server, struct sandbox_request *request,
                                     struct sandbox_reply *reply)
{
    json_t *list = json_array();
    (void)server;
    for (size_t i = 0; i < G_N_ELEMENTS(regions); i++)
        json_array_append_new(list, show(request->scope.subscription, &regions[i]));
    sandbox_reply_set(reply, 200, json_pack("{s:o}", "value", list));
    return NULL;
}
