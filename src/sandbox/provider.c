/* What resource providers add on their own: identities, endpoints, keys. All of it is made from the
 * resource's id, so that the same deployment gives the same resource; templates that read such
 * members with reference() work. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/store.h"

#define TENANT "44444444-4444-4444-4444-444444444444"

/* What a template says of these has no effect.
 *
 * In value: {name} the resource's last name, {region} its location, {guid} and {hash} made from id
 * and path. */
static const struct addition {
    const char *type; /* lower case */
    const char *path; /* below properties */
    const char *value;
} additions[] = {
    {"microsoft.storage/storageaccounts", "primaryEndpoints.blob",
     "https://{name}.blob.core.windows.net/"},
    {"microsoft.storage/storageaccounts", "primaryEndpoints.queue",
     "https://{name}.queue.core.windows.net/"},
    {"microsoft.storage/storageaccounts", "primaryEndpoints.table",
     "https://{name}.table.core.windows.net/"},
    {"microsoft.storage/storageaccounts", "primaryEndpoints.file",
     "https://{name}.file.core.windows.net/"},
    {"microsoft.storage/storageaccounts", "primaryEndpoints.dfs",
     "https://{name}.dfs.core.windows.net/"},
    {"microsoft.storage/storageaccounts", "primaryEndpoints.web",
     "https://{name}.z1.web.core.windows.net/"},
    {"microsoft.storage/storageaccounts", "primaryLocation", "{region}"},
    {"microsoft.storage/storageaccounts", "statusOfPrimary", "available"},
    {"microsoft.managedidentity/userassignedidentities", "principalId", "{guid}"},
    {"microsoft.managedidentity/userassignedidentities", "clientId", "{guid}"},
    {"microsoft.managedidentity/userassignedidentities", "tenantId", TENANT},
    {"microsoft.insights/components", "InstrumentationKey", "{guid}"},
    {"microsoft.insights/components", "AppId", "{guid}"},
    {"microsoft.insights/components", "ApplicationId", "{name}"},
    {"microsoft.insights/components", "TenantId", TENANT},
    {"microsoft.insights/components", "ConnectionString",
     "InstrumentationKey={guid};IngestionEndpoint=https://"
     "{region}.in.applicationinsights.azure.com/"},
    {"microsoft.operationalinsights/workspaces", "customerId", "{guid}"},
    {"microsoft.web/sites", "defaultHostName", "{name}.azurewebsites.net"},
    {"microsoft.web/sites", "hostNames", "[\"{name}.azurewebsites.net\"]"},
    {"microsoft.web/sites", "enabledHostNames",
     "[\"{name}.azurewebsites.net\",\"{name}.scm.azurewebsites.net\"]"},
    {"microsoft.web/sites", "state", "Running"},
    {"microsoft.web/sites", "customDomainVerificationId", "{hash}"},
    {"microsoft.web/sites", "outboundIpAddresses", "192.0.2.10,192.0.2.11"},
    {"microsoft.web/sites", "possibleOutboundIpAddresses", "192.0.2.10,192.0.2.11,192.0.2.12"},
    {"microsoft.web/sites/slots", "defaultHostName", "{name}.azurewebsites.net"},
    {"microsoft.web/sites/slots", "state", "Running"},
    {"microsoft.web/staticsites", "defaultHostname", "{name}.azurestaticapps.net"},
    {"microsoft.web/hostingenvironments", "dnsSuffix", "{name}.appserviceenvironment.net"},
    {"microsoft.keyvault/vaults", "vaultUri", "https://{name}.vault.azure.net/"},
    {"microsoft.keyvault/vaults/secrets", "secretUri", "https://vault.azure.net/secrets/{name}"},
    {"microsoft.keyvault/vaults/secrets", "secretUriWithVersion",
     "https://vault.azure.net/secrets/{name}/{hash}"},
    {"microsoft.keyvault/vaults/keys", "keyUri", "https://vault.azure.net/keys/{name}"},
    {"microsoft.keyvault/vaults/keys", "keyUriWithVersion",
     "https://vault.azure.net/keys/{name}/{hash}"},
    {"microsoft.containerregistry/registries", "loginServer", "{name}.azurecr.io"},
    {"microsoft.app/managedenvironments", "defaultDomain", "{name}.{region}.azurecontainerapps.io"},
    {"microsoft.app/managedenvironments", "staticIp", "192.0.2.20"},
    {"microsoft.app/containerapps", "latestRevisionName", "{name}--0000001"},
    {"microsoft.app/containerapps", "latestRevisionFqdn",
     "{name}--0000001.{region}.azurecontainerapps.io"},
    {"microsoft.app/containerapps", "configuration.ingress.fqdn",
     "{name}.{region}.azurecontainerapps.io"},
    {"microsoft.containerservice/managedclusters", "fqdn", "{name}.hcp.{region}.azmk8s.io"},
    {"microsoft.containerservice/managedclusters", "oidcIssuerProfile.issuerURL",
     "https://{region}.oic.prod-aks.azure.com/{guid}/"},
    {"microsoft.containerservice/managedclusters", "identityProfile.kubeletidentity.objectId",
     "{guid}"},
    {"microsoft.containerservice/managedclusters", "identityProfile.kubeletidentity.clientId",
     "{guid}"},
    {"microsoft.containerinstance/containergroups", "ipAddress.ip", "192.0.2.40"},
    {"microsoft.containerinstance/containergroups", "ipAddress.fqdn",
     "{name}.{region}.azurecontainer.io"},
    {"microsoft.servicefabric/clusters", "clusterEndpoint",
     "https://{region}.servicefabric.azure.com/runtime/clusters/{guid}"},
    {"microsoft.servicefabric/clusters", "clusterId", "{guid}"},
    {"microsoft.subscription/aliases", "subscriptionId", "{guid}"},
    {"microsoft.network/trafficmanagerprofiles", "dnsConfig.fqdn", "{name}.trafficmanager.net"},
    {"microsoft.network/publicipaddresses", "ipAddress", "192.0.2.30"},
    {"microsoft.network/publicipaddresses", "dnsSettings.fqdn",
     "{name}.{region}.cloudapp.azure.com"},
    {"microsoft.network/bastionhosts", "dnsName", "bst-{guid}.bastion.azure.com"},
    {"microsoft.network/frontdoors", "frontdoorId", "{guid}"},
    {"microsoft.network/privatednszones", "numberOfRecordSets", "1"},
    {"microsoft.cdn/profiles", "frontDoorId", "{guid}"},
    {"microsoft.cdn/profiles/endpoints", "hostName", "{name}.azureedge.net"},
    {"microsoft.cdn/profiles/afdendpoints", "hostName", "{name}.z01.azurefd.net"},
    {"microsoft.sql/servers", "fullyQualifiedDomainName", "{name}.database.windows.net"},
    {"microsoft.dbforpostgresql/servers", "fullyQualifiedDomainName",
     "{name}.postgres.database.azure.com"},
    {"microsoft.dbforpostgresql/flexibleservers", "fullyQualifiedDomainName",
     "{name}.postgres.database.azure.com"},
    {"microsoft.dbformysql/servers", "fullyQualifiedDomainName", "{name}.mysql.database.azure.com"},
    {"microsoft.dbformysql/flexibleservers", "fullyQualifiedDomainName",
     "{name}.mysql.database.azure.com"},
    {"microsoft.documentdb/databaseaccounts", "documentEndpoint",
     "https://{name}.documents.azure.com:443/"},
    {"microsoft.cache/redis", "hostName", "{name}.redis.cache.windows.net"},
    {"microsoft.eventhub/namespaces", "serviceBusEndpoint",
     "https://{name}.servicebus.windows.net:443/"},
    {"microsoft.servicebus/namespaces", "serviceBusEndpoint",
     "https://{name}.servicebus.windows.net:443/"},
    {"microsoft.eventgrid/topics", "endpoint",
     "https://{name}.{region}-1.eventgrid.azure.net/api/events"},
    {"microsoft.signalrservice/signalr", "hostName", "{name}.service.signalr.net"},
    {"microsoft.signalrservice/webpubsub", "hostName", "{name}.webpubsub.azure.com"},
    {"microsoft.cognitiveservices/accounts", "endpoint",
     "https://{name}.cognitiveservices.azure.com/"},
    {"microsoft.appconfiguration/configurationstores", "endpoint", "https://{name}.azconfig.io"},
    {"microsoft.devices/iothubs", "hostName", "{name}.azure-devices.net"},
    {"microsoft.apimanagement/service", "gatewayUrl", "https://{name}.azure-api.net"},
    {"microsoft.logic/workflows", "accessEndpoint",
     "https://prod-00.{region}.logic.azure.com:443/workflows/{hash}"},
    {"microsoft.batch/batchaccounts", "accountEndpoint", "{name}.{region}.batch.azure.com"},
    {"microsoft.automation/automationaccounts", "registrationUrl",
     "https://{guid}.agentsvc.azure-automation.net"},
    {"microsoft.compute/virtualmachines", "vmId", "{guid}"},
    {"microsoft.network/virtualnetworks", "resourceGuid", "{guid}"},
    {"microsoft.network/networkinterfaces", "resourceGuid", "{guid}"},
    {"microsoft.network/networksecuritygroups", "resourceGuid", "{guid}"},
};

const char *sandbox_provider_path(const char *type, size_t index)
{
    for (size_t i = 0; i < G_N_ELEMENTS(additions); i++) {
        if (g_ascii_strcasecmp(additions[i].type, type) == 0 && index-- == 0)
            return additions[i].path;
    }
    return index == 0 ? "provisioningState" : NULL;
}

bool sandbox_provider_adds(const char *type, const char *path)
{
    size_t length = strlen(path);
    for (size_t i = 0; i < G_N_ELEMENTS(additions); i++) {
        const char *own = additions[i].path;
        if (g_ascii_strcasecmp(additions[i].type, type) == 0 &&
            g_ascii_strncasecmp(own, path, length) == 0 &&
            (own[length] == '\0' || own[length] == '.'))
            return true;
    }
    return false;
}

const char *const sandbox_provider_spaces[] = {
    "Microsoft.ApiManagement",
    "Microsoft.App",
    "Microsoft.AppConfiguration",
    "Microsoft.Authorization",
    "Microsoft.Automation",
    "Microsoft.Batch",
    "Microsoft.Cache",
    "Microsoft.Cdn",
    "Microsoft.CognitiveServices",
    "Microsoft.Compute",
    "Microsoft.ContainerInstance",
    "Microsoft.ContainerRegistry",
    "Microsoft.ContainerService",
    "Microsoft.DBforMySQL",
    "Microsoft.DBforPostgreSQL",
    "Microsoft.Devices",
    "Microsoft.DocumentDB",
    "Microsoft.EventGrid",
    "Microsoft.EventHub",
    "Microsoft.Insights",
    "Microsoft.KeyVault",
    "Microsoft.Logic",
    "Microsoft.ManagedIdentity",
    "Microsoft.Network",
    "Microsoft.OperationalInsights",
    "Microsoft.Resources",
    "Microsoft.ServiceBus",
    "Microsoft.ServiceFabric",
    "Microsoft.SignalRService",
    "Microsoft.Sql",
    "Microsoft.Storage",
    "Microsoft.Subscription",
    "Microsoft.Web",
    NULL,
};

/* Types without additions of their own that are known nonetheless. */
static const char *const plain_types[] = {
    "microsoft.authorization/locks",
    "microsoft.authorization/roleassignments",
    "microsoft.resources/templatespecs",
    "microsoft.resources/templatespecs/versions",
    "microsoft.resources/deploymentscripts",
    "microsoft.compute/disks",
    "microsoft.sql/servers/databases",
    "microsoft.web/serverfarms",
    NULL,
};

bool sandbox_provider_knows(const char *type)
{
    g_autofree char *lower = g_ascii_strdown(type, -1);
    if (g_strv_contains(plain_types, lower))
        return true;
    for (size_t i = 0; i < G_N_ELEMENTS(additions); i++) {
        if (strcmp(additions[i].type, lower) == 0)
            return true;
    }
    return false;
}

static char *region_of(const json_t *body)
{
    const char *location = roll_json_get_string(body, "location");
    GString *region = g_string_new(NULL);
    for (const char *c = location ? location : "global"; *c; c++) {
        if (*c != ' ')
            g_string_append_c(region, g_ascii_tolower(*c));
    }
    return g_string_free(region, FALSE);
}

static json_t *fill(const struct addition *addition, const struct sandbox_id *id,
                    const char *region)
{
    g_autofree char *key = sandbox_key(id->id);
    char guid[ROLL_UUID_SIZE], hash[ROLL_HEX_SIZE];
    g_autoptr(GString) text = g_string_new(addition->value);
    /* Members that show the same key must agree, so the path takes part for client and principal
     * ids only. */
    bool by_path = strstr(addition->path, "Id") != NULL;
    roll_uuid_from(guid, "sandbox", key, by_path ? addition->path : "", NULL);
    roll_sha256_hex(key, strlen(key), hash);
    hash[32] = '\0';
    g_string_replace(text, "{name}", sandbox_last_name(id->name), 0);
    g_string_replace(text, "{region}", region, 0);
    g_string_replace(text, "{guid}", guid, 0);
    g_string_replace(text, "{hash}", hash, 0);
    json_t *list = NULL;
    if (text->str[0] == '[')
        roll_error_free(roll_json_parse(text->str, text->len, ROLL_JSON_STRICT, &list));
    return list ? list : json_string(text->str);
}

/* The member's name as the object has it. */
static const char *spelling(const json_t *object, const char *name)
{
    const char *own;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)object, own, value) {
        if (g_ascii_strcasecmp(own, name) == 0)
            return own;
    }
    return name;
}

/* Sets path below object; nothing where the path leads through something that is no object, nor,
 * unless it is to be replaced, where there is a value. */
static void set_at(json_t *object, const char *path, bool replace, json_t *value_take)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    for (int i = 0; parts[i]; i++) {
        json_t *next = roll_json_get_nocase(object, parts[i]);
        if (next && (parts[i + 1] ? !json_is_object(next) : !replace))
            break;
        if (!parts[i + 1]) {
            json_object_set(object, spelling(object, parts[i]), value_take);
            break;
        }
        if (!next) {
            next = json_object();
            json_object_set_new(object, parts[i], next);
        }
        object = next;
    }
    json_decref(value_take);
}

static void complete_identity(const struct sandbox_id *id, json_t *body)
{
    json_t *identity = json_object_get(body, "identity");
    const char *type = roll_json_get_string(identity, "type");
    if (!json_is_object(identity) || !type)
        return;
    g_autofree char *key = sandbox_key(id->id);
    g_autofree char *lower = g_ascii_strdown(type, -1);
    char guid[ROLL_UUID_SIZE];
    if (strstr(lower, "systemassigned")) {
        roll_uuid_from(guid, "principal", key, NULL);
        json_object_set_new(identity, "principalId", json_string(guid));
        json_object_set_new(identity, "tenantId", json_string(TENANT));
    }
    json_t *assigned = json_object_get(identity, "userAssignedIdentities");
    const char *name;
    json_t *value;
    json_object_foreach (assigned, name, value) {
        g_autofree char *user = sandbox_key(name);
        if (!json_is_object(value)) {
            value = json_object();
            json_object_set_new(assigned, name, value);
        }
        roll_uuid_from(guid, "sandbox", user, "principalId", NULL);
        json_object_set_new(value, "principalId", json_string(guid));
        roll_uuid_from(guid, "sandbox", user, "clientId", NULL);
        json_object_set_new(value, "clientId", json_string(guid));
    }
}

/* Parts of network resources have ids of their own, and those in a subnet an address. */
static void complete_part(const struct sandbox_id *id, const char *list, size_t index, json_t *part)
{
    const char *name = roll_json_get_string(part, "name");
    json_t *properties = json_object_get(part, "properties");
    if (!json_is_object(part) || !name)
        return;
    if (!json_object_get(part, "id")) {
        g_autofree char *own = g_strdup_printf("%s/%s/%s", id->id, list, name);
        json_object_set_new(part, "id", json_string(own));
    }
    if (roll_json_get_nocase(properties, "subnet")) {
        g_autofree char *address = g_strdup_printf("10.0.0.%zu", 4 + index % 250);
        set_at(properties, "privateIPAddress", false, json_string(address));
    }
}

static void complete_parts(const struct sandbox_id *id, json_t *properties)
{
    const char *list;
    json_t *parts, *part;
    size_t index;
    json_object_foreach (properties, list, parts) {
        json_array_foreach (parts, index, part)
            complete_part(id, list, index, part);
    }
}

void sandbox_provider_complete(const struct sandbox_id *id, json_t *body)
{
    json_t *properties = json_object_get(body, "properties");
    g_autofree char *region = region_of(body);
    g_autofree char *type = g_ascii_strdown(id->type, -1);
    complete_identity(id, body);
    if (g_str_has_prefix(type, "microsoft.network/"))
        complete_parts(id, properties);
    for (size_t i = 0; i < G_N_ELEMENTS(additions); i++) {
        if (strcmp(additions[i].type, type) == 0)
            set_at(properties, additions[i].path, true, fill(&additions[i], id, region));
    }
}

const char *sandbox_provider_next_type(const char *prefix, const char *after)
{
    size_t i = 0;
    while (after && i < G_N_ELEMENTS(additions) && additions[i].type != after)
        i++;
    for (; i < G_N_ELEMENTS(additions); i++)
        if (g_str_has_prefix(additions[i].type, prefix) &&
            (!after || strcmp(additions[i].type, after) != 0))
            return additions[i].type;
    return NULL;
}

static char *fake_key(const char *resource_id, const char *which)
{
    g_autofree char *key = sandbox_key(resource_id);
    g_autofree char *seed = g_strdup_printf("key %s %s", which, key);
    char hex[ROLL_HEX_SIZE];
    roll_sha256_hex(seed, strlen(seed), hex);
    return g_base64_encode((const guchar *)hex, 64);
}

/* The members of the common list* functions together: whichever a template reads is there. */
json_t *sandbox_provider_list(const char *function, const char *resource_id)
{
    g_autofree char *one = fake_key(resource_id, "one");
    g_autofree char *two = fake_key(resource_id, "two");
    g_autofree char *connection1 =
        g_strdup_printf("Endpoint=https://sandbox.invalid/;AccessKey=%s", one);
    g_autofree char *connection2 =
        g_strdup_printf("Endpoint=https://sandbox.invalid/;AccessKey=%s", two);
    if (g_ascii_strcasecmp(function, "listAccountSas") == 0)
        return json_pack("{s:s+}", "accountSasToken", "sv=2023-11-03&sig=", one);
    if (g_ascii_strcasecmp(function, "listServiceSas") == 0)
        return json_pack("{s:s+}", "serviceSasToken", "sv=2023-11-03&sig=", one);
    static const char *const firsts[] = {"primaryKey",       "key1",      "primaryMasterKey",
                                         "primarySharedKey", "masterKey", "value",
                                         "primary",          "token",     NULL};
    static const char *const seconds[] = {"secondaryKey",       "key2",      "secondaryMasterKey",
                                          "secondarySharedKey", "secondary", NULL};
    json_t *value =
        json_pack("{s:[{s:s,s:s,s:s},{s:s,s:s,s:s}]}", "keys", "keyName", "key1", "value", one,
                  "permissions", "FULL", "keyName", "key2", "value", two, "permissions", "FULL");
    for (int i = 0; firsts[i]; i++)
        json_object_set_new(value, firsts[i], json_string(one));
    for (int i = 0; seconds[i]; i++)
        json_object_set_new(value, seconds[i], json_string(two));
    json_object_set_new(value, "primaryConnectionString", json_string(connection1));
    json_object_set_new(value, "secondaryConnectionString", json_string(connection2));
    json_object_set_new(value, "username", json_string("sandbox"));
    json_object_set_new(value, "passwords",
                        json_pack("[{s:s,s:s},{s:s,s:s}]", "name", "password", "value", one, "name",
                                  "password2", "value", two));
    json_object_set_new(value, "functionKeys", json_pack("{s:s}", "default", one));
    json_object_set_new(value, "systemKeys", json_object());
    json_object_set_new(
        value, "properties",
        json_pack("{s:s,s:s}", "publishingUserName", "$sandbox", "publishingPassword", one));
    return value;
}
