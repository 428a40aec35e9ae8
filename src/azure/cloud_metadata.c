/* What /metadata/endpoints says, in each of its shapes. Source: REST reference 11. */
#include <string.h>

#include "azure/cloud.h"
#include "rollbook/json.h"

#define TEXT_MAX 512

/* A member that is plain text of one word, or NULL. Borrowed. */
static const char *word(const json_t *object, const char *name)
{
    const json_t *value = roll_json_get_nocase(object, name);
    const char *text = json_string_value(value);

    if (!text || !*text || strlen(text) > TEXT_MAX || strlen(text) != json_string_length(value))
        return NULL;
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at <= 0x20 || (unsigned char)*at >= 0x7f)
            return NULL;
    return text;
}

static char *without_slash(const char *text)
{
    size_t size = strlen(text);

    while (size > 0 && text[size - 1] == '/')
        size--;
    return g_strndup(text, size);
}

/* The entry of this cloud among several; a list of one needs no name. Borrowed, or NULL. */
static const json_t *choose(const json_t *list, const char *arm)
{
    size_t index;
    json_t *entry;

    if (json_array_size(list) == 1)
        return json_array_get(list, 0);
    json_array_foreach (list, index, entry) {
        const char *url = word(entry, "resourceManager");
        g_autofree char *own = url ? without_slash(url) : NULL;
        if (own && g_ascii_strcasecmp(own, arm) == 0)
            return entry;
    }
    return NULL;
}

/* Without the dot that some clouds put before it; empty when it is not told or no name. Owned. */
static char *suffix(const json_t *entry, const char *name)
{
    const char *text = word(roll_json_get_nocase(entry, "suffixes"), name);

    if (text && *text == '.')
        text++;
    for (const char *at = text; at && *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '.' && *at != '-')
            return g_strdup("");
    return g_strdup(text ? text : "");
}

static struct roll_error *bad(const struct roll_cloud *cloud, const char *what)
{
    return roll_error_new(ROLL_E_CREDENTIAL, "the cloud '%s' answers /metadata/endpoints %s",
                          cloud->arm, what);
}

static struct roll_error *take(struct roll_cloud *cloud, const json_t *entry)
{
    const json_t *authentication = roll_json_get_nocase(entry, "authentication");
    const char *login = word(authentication, "loginEndpoint");
    const json_t *audiences = roll_json_get_nocase(authentication, "audiences");
    json_t *wrapped = json_pack("{s:O*}", "0", json_array_get(audiences, 0));
    const char *audience = word(wrapped, "0");
    struct roll_error *err = NULL;

    /* Secrets go there: in clear text only where nothing leaves this machine. */
    if (!login || !audience)
        err = bad(cloud, "without a login endpoint and an audience");
    else if (!roll_url_is_https(login) &&
             !(roll_url_is_loopback(login) && roll_url_is_loopback(cloud->arm)))
        err = bad(cloud, "with a login that is not an https address");
    if (!err) {
        cloud->audience = g_strdup(audience);
        g_free(cloud->key_vault);
        g_free(cloud->storage);
        g_free(cloud->registry);
        cloud->key_vault = suffix(entry, "keyVaultDns");
        cloud->storage = suffix(entry, "storage");
        cloud->registry = suffix(entry, "acrLoginServer");
        cloud->login = without_slash(login);
    }
    json_decref(wrapped);
    return err;
}

struct roll_error *cloud_read_metadata(struct roll_cloud *cloud, const char *text, size_t size)
{
    roll_auto(json) json_t *value = NULL;
    bool mark = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    roll_auto(error) struct roll_error *problem =
        roll_json_parse(text + (mark ? 3 : 0), size - (mark ? 3 : 0), ROLL_JSON_STRICT, &value);

    if (problem)
        return bad(cloud, "with something that is not JSON");
    const json_t *entry = json_is_array(value) ? choose(value, cloud->arm) : value;
    if (!entry)
        return bad(cloud, "with several clouds, none of which is at this address");
    return take(cloud, entry);
}
