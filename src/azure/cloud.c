/* The clouds and where their services are. Source: REST reference 11, services reference 1.1. */
#include <string.h>

#include "azure/cloud.h"

struct cloud_row {
    const char *name, *arm, *audience, *login, *key_vault, *storage, *registry;
};

static const struct cloud_row clouds[] = {
    {"public", "https://management.azure.com", "https://management.azure.com",
     "https://login.microsoftonline.com", "vault.azure.net", "core.windows.net", "azurecr.io"},
    {"usgovernment", "https://management.usgovcloudapi.net",
     "https://management.core.usgovcloudapi.net", "https://login.microsoftonline.us",
     "vault.usgovcloudapi.net", "core.usgovcloudapi.net", "azurecr.us"},
    {"china", "https://management.chinacloudapi.cn", "https://management.core.chinacloudapi.cn",
     "https://login.chinacloudapi.cn", "vault.azure.cn", "core.chinacloudapi.cn", "azurecr.cn"},
};

static char *without_slash(const char *url)
{
    size_t size = strlen(url);

    while (size > 0 && url[size - 1] == '/')
        size--;
    return g_strndup(url, size);
}

/* arm NULL: the row's own. */
static struct roll_cloud *make(const struct cloud_row *row, const char *name, const char *arm)
{
    struct roll_cloud *cloud = g_new0(struct roll_cloud, 1);

    cloud->name = g_strdup(name);
    cloud->arm = without_slash(arm ? arm : row->arm);
    cloud->audience = arm ? g_strdup(cloud->arm) : g_strdup(row->audience);
    cloud->login = g_strdup(row->login);
    cloud->key_vault = g_strdup(row->key_vault);
    cloud->storage = g_strdup(row->storage);
    cloud->registry = g_strdup(row->registry);
    return cloud;
}

static struct roll_error *make_sandbox(const char *arm_url, struct roll_cloud **ret_cloud)
{
    if (!arm_url)
        return roll_error_new(ROLL_E_INVALID, "the sandbox does not say where it listens");
    if (!roll_url_is_loopback(arm_url))
        return roll_error_new(ROLL_E_INVALID, "the sandbox is on loopback only, not at '%s'",
                              arm_url);
    *ret_cloud = make(&clouds[0], "sandbox", arm_url);
    (*ret_cloud)->sandbox = true;
    return NULL;
}

static struct roll_cloud *make_custom(const char *url)
{
    struct roll_cloud *cloud = g_new0(struct roll_cloud, 1);

    cloud->name = g_strdup(url);
    cloud->arm = without_slash(url);
    cloud->key_vault = g_strdup("");
    cloud->storage = g_strdup("");
    cloud->registry = g_strdup("");
    cloud->lookup = cloud_lookup_new(cloud);
    return cloud;
}

struct roll_error *roll_cloud_new(const char *name, const char *arm_url,
                                  struct roll_cloud **ret_cloud)
{
    if (!name)
        name = "public";
    if (g_str_equal(name, "sandbox"))
        return make_sandbox(arm_url, ret_cloud);
    for (size_t i = 0; i < G_N_ELEMENTS(clouds); i++) {
        if (g_str_equal(name, clouds[i].name)) {
            *ret_cloud = make(&clouds[i], name, NULL);
            return NULL;
        }
    }
    if (roll_url_is_https(name)) {
        *ret_cloud = make_custom(name);
        return NULL;
    }
    return roll_error_new(ROLL_E_INVALID,
                          "unknown cloud '%s' (public, usgovernment, china, sandbox or an https "
                          "address)",
                          name);
}

void roll_cloud_free(struct roll_cloud *cloud)
{
    if (!cloud)
        return;
    cloud_lookup_free(cloud->lookup);
    g_free(cloud->name);
    g_free(cloud->arm);
    g_free(cloud->audience);
    g_free(cloud->login);
    g_free(cloud->key_vault);
    g_free(cloud->storage);
    g_free(cloud->registry);
    g_free(cloud);
}

static bool is_below(const char *host, const char *suffix)
{
    size_t length = strlen(host), end = strlen(suffix);

    return end > 0 && length > end + 1 && host[length - end - 1] == '.' &&
           g_ascii_strcasecmp(host + length - end, suffix) == 0;
}

char *cloud_base_of(const struct roll_cloud *cloud, const char *host, const char *suffix)
{
    if (cloud && cloud->sandbox && is_below(host, suffix))
        return g_strdup_printf("%s/sandbox/at/%s", cloud->arm, host);
    g_autofree char *plain = g_strconcat("http://", host, NULL);
    return roll_url_is_loopback(plain) ? g_steal_pointer(&plain)
                                       : g_strconcat("https://", host, NULL);
}
