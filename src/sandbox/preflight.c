/* What providers refuse before anything runs (REST reference 7.2): versions that are offered no
 * more, locations that are missing, and names that storage accounts cannot have. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/store.h"

#define DEPLOYMENT_TYPE "Microsoft.Resources/deployments"
#define GROUP_TYPE "Microsoft.Resources/resourceGroups"

/* Types of which every resource stands in a region (lower case). */
static const char *const regional[] = {
    "microsoft.storage/storageaccounts",
    "microsoft.web/sites",
    "microsoft.web/serverfarms",
    "microsoft.keyvault/vaults",
    "microsoft.network/virtualnetworks",
    "microsoft.network/publicipaddresses",
    "microsoft.network/networkinterfaces",
    "microsoft.compute/virtualmachines",
    "microsoft.compute/disks",
    "microsoft.containerregistry/registries",
    "microsoft.containerservice/managedclusters",
    "microsoft.app/containerapps",
    "microsoft.app/managedenvironments",
    "microsoft.sql/servers",
    "microsoft.insights/components",
    "microsoft.operationalinsights/workspaces",
    "microsoft.managedidentity/userassignedidentities",
    NULL,
};

static void add_detail(json_t *details, const char *code, const char *target, const char *message)
{
    json_array_append_new(
        details, json_pack("{s:s,s:s,s:s}", "code", code, "target", target, "message", message));
}

static void check_location(const json_t *resource, const char *type, const char *name,
                           json_t *details)
{
    const char *location = json_string_value(roll_json_get_nocase(resource, "location"));
    if (g_strv_contains(regional, type) && (!location || !*location))
        add_detail(details, "LocationRequired", name,
                   "The location property is required for this definition.");
}

/* GEN-UNIQUE and its like stand for a name that fits, in the parameter files of public samples. */
static void check_account_name(const char *type, const char *name, json_t *details)
{
    size_t length = strlen(name);
    if (strcmp(type, "microsoft.storage/storageaccounts") != 0 || strstr(name, "GEN-"))
        return;
    if (length >= 3 && length <= 24 &&
        strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789") == length)
        return;
    g_autofree char *message = g_strdup_printf(
        "%s is not a valid storage account name. Storage account name must be between 3 and 24 "
        "characters in length and use numbers and lower-case letters only.",
        name);
    add_detail(details, "AccountNameInvalid", name, message);
}

static void refuse(const struct sandbox_new *made, json_t *details, struct sandbox_reply *reply)
{
    char tracking[ROLL_UUID_SIZE];
    roll_uuid_random(tracking);
    g_autofree char *message = g_strdup_printf(
        "The template deployment '%s' is not valid according to the validation procedure. The "
        "tracking id is '%s'. See inner errors for details.",
        sandbox_deployment_name(made->deployment), tracking);
    sandbox_reply_error_take(
        reply, 400,
        json_pack("{s:s,s:s,s:[{s:s,s:s,s:O}]}", "code", "InvalidTemplateDeployment", "message",
                  message, "details", "code", "PreflightValidationCheckFailed", "message",
                  "Preflight validation failed. Please refer to the details for the specific "
                  "errors.",
                  "details", details));
}

/* What is only known when the deployment runs is passed by. */
static struct roll_error *check(struct sandbox_server *server, const json_t *resource,
                                json_t *details, struct sandbox_reply *reply, bool *ret_good)
{
    const char *spelt = roll_json_get_string(resource, "type");
    const char *name = roll_json_get_string(resource, "name");
    if (!spelt || !name)
        return NULL;
    g_autofree char *type = g_ascii_strdown(spelt, -1);
    ROLL_TRY(sandbox_version_check(server, spelt, roll_json_get_string(resource, "apiVersion"),
                                   roll_json_get_string(resource, "location"), reply, ret_good));
    if (!*ret_good || name[0] == '[')
        return NULL;
    check_location(resource, type, name, details);
    check_account_name(type, name, details);
    return NULL;
}

/* ---- the groups of nested deployments (REST reference 1.7) ---- */

static json_t *inner_resources(const json_t *resource)
{
    const json_t *tmpl = json_object_get(json_object_get(resource, "properties"), "template");
    return json_object_get(tmpl, "resources");
}

/* The keys of the groups that the template itself makes, at any level. */
static void add_made_groups(GPtrArray *flat, GHashTable *groups)
{
    for (guint i = 0; i < flat->len; i++) {
        const char *type = roll_json_get_string(flat->pdata[i], "type");
        const char *id = roll_json_get_string(flat->pdata[i], "id");
        if (type && id && g_ascii_strcasecmp(type, GROUP_TYPE) == 0)
            g_hash_table_add(groups, sandbox_key(id));
    }
}

static struct roll_error *check_group(struct sandbox_server *server, const char *deployment_id,
                                      GHashTable *made, struct sandbox_reply *reply, bool *ret_good)
{
    struct sandbox_id id = {0};
    if (!deployment_id || strchr(deployment_id, '[') || !sandbox_id_parse(deployment_id, &id))
        return NULL;
    g_autofree char *key = sandbox_key(id.scope.id);
    struct roll_error *err = NULL;
    if (!g_hash_table_contains(made, key))
        err = sandbox_group_require(server, &id.scope, reply, ret_good);
    sandbox_id_clear(&id);
    return err;
}

/* As deep as templates nest, which their reader bounds. */
static struct roll_error *check_groups(struct sandbox_server *server, const json_t *resources,
                                       GHashTable *made, struct sandbox_reply *reply,
                                       bool *ret_good)
{
    for (size_t i = 0; *ret_good && i < json_array_size(resources); i++) {
        const json_t *resource = json_array_get(resources, i);
        const char *type = roll_json_get_string(resource, "type");
        if (!type || g_ascii_strcasecmp(type, DEPLOYMENT_TYPE) != 0)
            continue;
        ROLL_TRY(check_group(server, roll_json_get_string(resource, "id"), made, reply, ret_good));
        if (*ret_good)
            ROLL_TRY(check_groups(server, inner_resources(resource), made, reply, ret_good));
    }
    return NULL;
}

struct roll_error *sandbox_preflight(struct sandbox_server *server, const struct sandbox_new *made,
                                     struct sandbox_reply *reply, bool *ret_good)
{
    g_autoptr(GHashTable) groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) resources = g_ptr_array_new();
    roll_auto(json) json_t *details = json_array();
    *ret_good = true;
    sandbox_flatten(made->expansion->resources, resources);
    add_made_groups(resources, groups);
    ROLL_TRY(check_groups(server, made->expansion->resources, groups, reply, ret_good));
    for (guint i = 0; *ret_good && i < resources->len; i++)
        ROLL_TRY(check(server, resources->pdata[i], details, reply, ret_good));
    if (!*ret_good || json_array_size(details) == 0)
        return NULL;
    *ret_good = false;
    refuse(made, details, reply);
    return NULL;
}
