/* environment(): what a cloud says of itself (reference 17.8). Of the public cloud all is known, of
 * others what their own documents say; the rest stays an expression, and so does all but the
 * address of a cloud that nobody knows. */
#include "function.h"

/* The public cloud (reference 17.8). */
static const char public_cloud[] =
    "{\"name\":\"AzureCloud\",\"gallery\":\"https://gallery.azure.com/\",\"graph\":\"https://"
    "graph.windows.net/\","
    "\"portal\":\"https://portal.azure.com\",\"graphAudience\":\"https://graph.windows.net/\","
    "\"activeDirectoryDataLake\":\"https://datalake.azure.net/\",\"batch\":\"https://"
    "batch.core.windows.net/\","
    "\"media\":\"https://rest.media.azure.net\",\"sqlManagement\":\"https://"
    "management.core.windows.net:8443/\","
    "\"vmImageAliasDoc\":\"https://raw.githubusercontent.com/Azure/azure-rest-api-specs/master/"
    "arm-compute/"
    "quickstart-templates/aliases.json\",\"resourceManager\":\"https://management.azure.com/\","
    "\"authentication\":{\"loginEndpoint\":\"https://login.microsoftonline.com/\","
    "\"audiences\":[\"https://management.core.windows.net/\",\"https://management.azure.com/\"],"
    "\"tenant\":\"common\",\"identityProvider\":\"AAD\"},"
    "\"suffixes\":{\"acrLoginServer\":\".azurecr.io\","
    "\"azureDatalakeAnalyticsCatalogAndJob\":\"azuredatalakeanalytics.net\","
    "\"azureDatalakeStoreFileSystem\":\"azuredatalakestore.net\","
    "\"azureFrontDoorEndpointSuffix\":\"azurefd.net\",\"keyvaultDns\":\".vault.azure.net\","
    "\"sqlServerHostname\":\".database.windows.net\",\"storage\":\"core.windows.net\"}}";

#define COMMON_CLOUD                                                                               \
    "\"graph\":\"https://graph.windows.net/\",\"graphAudience\":\"https://graph.windows.net/\","

static const char us_government[] =
    "{\"name\":\"AzureUSGovernment\"," COMMON_CLOUD
    "\"gallery\":\"https://gallery.usgovcloudapi.net/\",\"portal\":\"https://portal.azure.us\","
    "\"batch\":\"https://batch.core.usgovcloudapi.net/\","
    "\"sqlManagement\":\"https://management.core.usgovcloudapi.net:8443/\","
    "\"resourceManager\":\"https://management.usgovcloudapi.net/\",\"authentication\":{"
    "\"loginEndpoint\":\"https://login.microsoftonline.us/\",\"audiences\":["
    "\"https://management.core.usgovcloudapi.net/\",\"https://management.usgovcloudapi.net/\"],"
    "\"tenant\":\"common\",\"identityProvider\":\"AAD\"},\"suffixes\":{\"acrLoginServer\":\"."
    "azurecr.us\","
    "\"keyvaultDns\":\".vault.usgovcloudapi.net\",\"sqlServerHostname\":\".database.usgovcloudapi."
    "net\","
    "\"storage\":\"core.usgovcloudapi.net\"}}";

static const char china[] =
    "{\"name\":\"AzureChinaCloud\",\"graph\":\"https://graph.chinacloudapi.cn/\",\"graphAudience\":"
    "\"https://graph.chinacloudapi.cn/\",\"gallery\":\"https://gallery.chinacloudapi.cn/\","
    "\"portal\":\"https://portal.azure.cn\",\"batch\":\"https://batch.chinacloudapi.cn/\","
    "\"sqlManagement\":\"https://management.core.chinacloudapi.cn:8443/\","
    "\"resourceManager\":\"https://management.chinacloudapi.cn/\",\"authentication\":{"
    "\"loginEndpoint\":\"https://login.chinacloudapi.cn/\",\"audiences\":["
    "\"https://management.core.chinacloudapi.cn/\",\"https://management.chinacloudapi.cn/\"],"
    "\"tenant\":\"common\",\"identityProvider\":\"AAD\"},\"suffixes\":{\"acrLoginServer\":\"."
    "azurecr.cn\","
    "\"keyvaultDns\":\".vault.azure.cn\",\"sqlServerHostname\":\".database.chinacloudapi.cn\","
    "\"storage\":\"core.chinacloudapi.cn\"}}";

static json_t *parse(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    g_assert(value); /* a constant */
    return value;
}

/* An expression some members of which are known, at any depth. Borrowed: lives in the arena. */
static json_t *open_value(struct work *work, const struct expr *expr, const json_t *known)
{
    const char *key;
    json_t *value;
    json_t *marker = marker_new(work, expr);
    json_t *facts = json_object();
    json_object_foreach ((json_t *)(uintptr_t)known, key, value) {
        const struct expr *member = expr_access(work, expr, expr_text(work, key), true);
        object_put(facts, key,
                   json_is_object(value) ? open_value(work, member, value) : json_incref(value));
    }
    ((struct marker *)(void *)marker)->facet = arena_keep(work->arena, facts);
    return marker;
}

static json_t *known_facts(const char *cloud)
{
    if (strcmp(cloud, "usgovernment") == 0)
        return parse(us_government);
    if (strcmp(cloud, "china") == 0)
        return parse(china);
    g_autofree char *manager = g_strconcat(cloud, g_str_has_suffix(cloud, "/") ? "" : "/", NULL);
    return json_pack("{s:s}", "resourceManager", manager);
}

static json_t *make_environment(struct work *work)
{
    const struct roll_template_context *context = &work->input->context;
    if (context->environment)
        return json_incref((json_t *)(uintptr_t)context->environment);
    if (!context->cloud || strcmp(context->cloud, "public") == 0 ||
        strcmp(context->cloud, "sandbox") == 0)
        return parse(public_cloud);
    roll_auto(json) json_t *known = known_facts(context->cloud);
    return open_value(work, expr_call(work, "environment", NULL, 0), known);
}

struct roll_error *function_environment(const struct call *call, json_t **ret_value)
{
    struct work *work = call->eval->work;
    if (!work->environment)
        work->environment = make_environment(work);
    *ret_value = json_incref(work->environment);
    return NULL;
}
