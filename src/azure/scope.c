/* Addresses of scopes and deployments. Source: REST reference 1.1. */
#include <string.h>

#include "azure/arm.h"

static void add_segment(GString *path, const char *fixed, const char *name)
{
    g_string_append(path, fixed);
    roll_url_encode(name, path);
}

char *roll_arm_scope_path(const struct roll_arm_scope *scope)
{
    GString *path = g_string_new(NULL);

    switch (scope->kind) {
    case ROLL_SCOPE_GROUP:
        add_segment(path, "/subscriptions/", scope->subscription);
        add_segment(path, "/resourceGroups/", scope->resource_group);
        break;
    case ROLL_SCOPE_SUBSCRIPTION:
        add_segment(path, "/subscriptions/", scope->subscription);
        break;
    case ROLL_SCOPE_MANAGEMENT_GROUP:
        add_segment(path, "/providers/Microsoft.Management/managementGroups/",
                    scope->management_group);
        break;
    case ROLL_SCOPE_TENANT:
        break;
    }
    return g_string_free(path, FALSE);
}

const char *arm_scope_subscription(const struct roll_arm_scope *scope)
{
    bool has = scope->kind == ROLL_SCOPE_GROUP || scope->kind == ROLL_SCOPE_SUBSCRIPTION;

    return has ? scope->subscription : "";
}

char *arm_deployments_url(const struct roll_arm *arm, const struct roll_arm_scope *scope)
{
    g_autofree char *path = roll_arm_scope_path(scope);

    return g_strconcat(arm->cloud->arm, path,
                       "/providers/Microsoft.Resources/deployments/?api-version=" ARM_API_VERSION,
                       NULL);
}

static char *with_name(const struct roll_arm *arm, const struct roll_arm_scope *scope,
                       const char *folder, const char *name, const char *suffix)
{
    g_autofree char *path = roll_arm_scope_path(scope);
    GString *url = g_string_new(arm->cloud->arm);

    g_string_append(url, path);
    add_segment(url, folder, name);
    g_string_append_printf(url, "%s?api-version=" ARM_API_VERSION, suffix);
    return g_string_free(url, FALSE);
}

char *arm_deployment_url(const struct roll_arm *arm, const struct roll_arm_scope *scope,
                         const char *name, const char *suffix)
{
    return with_name(arm, scope, "/providers/Microsoft.Resources/deployments/", name, suffix);
}

/* In a group this path alone has no provider in it. */
char *arm_operations_url(const struct roll_arm *arm, const struct roll_arm_scope *scope,
                         const char *name)
{
    if (scope->kind == ROLL_SCOPE_GROUP)
        return with_name(arm, scope, "/deployments/", name, "/operations");
    return with_name(arm, scope, "/providers/Microsoft.Resources/deployments/", name,
                     "/operations");
}

/* ---- by id ---- */

char *arm_id_url(const struct roll_arm *arm, const char *id, const char *suffix,
                 const char *api_version)
{
    g_auto(GStrv) segments = g_strsplit(id, "/", -1);
    GString *url = g_string_new(arm->cloud->arm);

    for (char **segment = segments; *segment; segment++) {
        if (**segment == '\0')
            continue;
        g_string_append_c(url, '/');
        roll_url_encode(*segment, url);
    }
    g_string_append_printf(url, "%s?api-version=", suffix);
    roll_url_encode(api_version, url);
    return g_string_free(url, FALSE);
}

char *arm_id_subscription(const char *id)
{
    static const char prefix[] = "/subscriptions/";

    if (g_ascii_strncasecmp(id, prefix, sizeof prefix - 1) != 0)
        return g_strdup("");
    const char *start = id + sizeof prefix - 1;
    return g_strndup(start, strcspn(start, "/"));
}

/* ---- ids ---- */

static bool is_word(const char *segment, const char *word)
{
    return segment && g_ascii_strcasecmp(segment, word) == 0;
}

static bool read_scope(char **segments, size_t count, struct deployment_id *id)
{
    if (count == 0) {
        id->scope.kind = ROLL_SCOPE_TENANT;
    } else if (count == 2 && is_word(segments[0], "subscriptions")) {
        id->scope.kind = ROLL_SCOPE_SUBSCRIPTION;
        id->scope.subscription = id->texts[0] = g_strdup(segments[1]);
    } else if (count == 4 && is_word(segments[0], "subscriptions") &&
               is_word(segments[2], "resourceGroups")) {
        id->scope.kind = ROLL_SCOPE_GROUP;
        id->scope.subscription = id->texts[0] = g_strdup(segments[1]);
        id->scope.resource_group = id->texts[1] = g_strdup(segments[3]);
    } else if (count == 4 && is_word(segments[0], "providers") &&
               is_word(segments[1], "Microsoft.Management") &&
               is_word(segments[2], "managementGroups")) {
        id->scope.kind = ROLL_SCOPE_MANAGEMENT_GROUP;
        id->scope.management_group = id->texts[2] = g_strdup(segments[3]);
    } else {
        return false;
    }
    return true;
}

bool deployment_id_parse(const char *text, struct deployment_id *ret_id)
{
    g_auto(GStrv) segments = NULL;

    *ret_id = (struct deployment_id){0};
    if (text[0] != '/')
        return false;
    segments = g_strsplit(text + 1, "/", 16);
    size_t count = g_strv_length(segments);
    if (count < 4 || !is_word(segments[count - 4], "providers") ||
        !is_word(segments[count - 3], "Microsoft.Resources") ||
        !is_word(segments[count - 2], "deployments") || !*segments[count - 1])
        return false;
    if (!read_scope(segments, count - 4, ret_id))
        return false;
    ret_id->name = g_strdup(segments[count - 1]);
    return true;
}

void deployment_id_clear(struct deployment_id *id)
{
    g_free(id->name);
    for (size_t i = 0; i < G_N_ELEMENTS(id->texts); i++)
        g_free(id->texts[i]);
    *id = (struct deployment_id){0};
}
