/* A group's resources as a template (REST reference 6.1): what was stored, without what providers
 * answer on their own; names become parameters unless that is declined. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/store.h"

#define SCHEMA "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#"

struct export
{
    json_t *parameters;
    json_t *resources;
    bool named;        /* names become parameters */
    GHashTable *asked; /* keys of what is wanted, NULL: everything */
};

/* Letters, digits and lines: storageAccounts_shop_data_name. */
static char *parameter_name(const struct sandbox_id *id)
{
    const char *type = strrchr(id->type, '/');
    char *name = g_strdup_printf("%s_%s_name", type ? type + 1 : id->type, id->name);
    for (char *c = name; *c; c++) {
        if (!g_ascii_isalnum(*c))
            *c = '_';
    }
    return name;
}

/* The name as the template says it; children name their parents by the parents' parameters. */
static json_t *say_name(struct export *export, const struct sandbox_id *id)
{
    if (!export->named)
        return json_string(id->name);
    g_autofree char *parameter = parameter_name(id);
    if (!strchr(id->name, '/')) {
        json_object_set_new(export->parameters, parameter,
                            json_pack("{s:s,s:s}", "defaultValue", id->name, "type", "String"));
        return json_sprintf("[parameters('%s')]", parameter);
    }
    const char *slash = strchr(id->name, '/');
    g_auto(GStrv) types = g_strsplit(id->type, "/", 3);
    g_autofree char *first = g_strndup(id->name, (gsize)(slash - id->name));
    g_autofree char *type = g_strdup_printf("%s/%s", types[0], types[1]);
    struct sandbox_id top = {.type = type, .name = first};
    g_autofree char *parent = parameter_name(&top);
    return json_sprintf("[concat(parameters('%s'), '%s')]", parent, slash);
}

static json_t *say_parent(const struct sandbox_id *id, const json_t *name, bool named)
{
    const char *end = strrchr(id->type, '/');
    g_autofree char *type = g_strndup(id->type, (gsize)(end - id->type));
    g_auto(GStrv) names = g_strsplit(id->name, "/", -1);
    g_autoptr(GString) text = g_string_new(NULL);
    const char *call = strstr(json_string_value(name), "parameters(");
    g_string_printf(text, "[resourceId('%s'", type);
    for (int i = 0; names[i] && names[i + 1]; i++) {
        if (i == 0 && named && call)
            g_string_append_printf(text, ", %.*s", (int)(strchr(call, ')') + 1 - call), call);
        else
            g_string_append_printf(text, ", '%s'", names[i]);
    }
    g_string_append(text, ")]");
    return json_string(text->str);
}

static json_t *say_identity(const json_t *identity)
{
    json_t *said = json_deep_copy(identity);
    const char *name;
    json_t *value;
    json_object_del(said, "principalId");
    json_object_del(said, "tenantId");
    json_object_foreach (json_object_get(said, "userAssignedIdentities"), name, value)
        json_object_clear(value);
    return said;
}

static json_t *say_properties(const struct sandbox_id *id, const struct sandbox_resource *resource)
{
    json_t *said = json_object();
    const char *name;
    json_t *value;
    json_object_foreach (json_object_get(resource->body, "properties"), name, value) {
        if (strcmp(name, "provisioningState") != 0 && !sandbox_provider_adds(id->type, name))
            json_object_set(said, name, value);
    }
    return said;
}

static void add_resource(struct export *export, const struct sandbox_resource *resource)
{
    static const char *const members[] = {"location", "tags", "sku", "kind", "plan", "zones", NULL};
    struct sandbox_id id = {0};
    g_autofree char *key = sandbox_key(resource->id);
    bool wanted = !export->asked || g_hash_table_contains(export->asked, key);
    if (!wanted || !resource->api_version || !sandbox_id_parse(resource->id, &id)) {
        sandbox_id_clear(&id);
        return;
    }
    json_t *name = say_name(export, &id);
    json_t *said = json_pack("{s:s,s:s,s:O}", "type", id.type, "apiVersion", resource->api_version,
                             "name", name);
    for (int i = 0; members[i]; i++) {
        json_t *value = json_object_get(resource->body, members[i]);
        if (value && !json_is_null(value))
            json_object_set(said, members[i], value);
    }
    const json_t *identity = json_object_get(resource->body, "identity");
    if (json_is_object(identity))
        json_object_set_new(said, "identity", say_identity(identity));
    if (strchr(id.name, '/'))
        json_object_set_new(said, "dependsOn",
                            json_pack("[o]", say_parent(&id, name, export->named)));
    json_object_set_new(said, "properties", say_properties(&id, resource));
    json_array_append_new(export->resources, said);
    json_decref(name);
    sandbox_id_clear(&id);
}

/* NULL: all of them. */
static GHashTable *read_asked(const json_t *resources)
{
    const char *first = json_string_value(json_array_get(resources, 0));
    if (!first || strcmp(first, "*") == 0)
        return NULL;
    GHashTable *asked = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (size_t i = 0; i < json_array_size(resources); i++) {
        const char *id = json_string_value(json_array_get(resources, i));
        if (id)
            g_hash_table_add(asked, sandbox_key(id));
    }
    return asked;
}

static struct roll_error *export_group(struct sandbox_server *server,
                                       const struct sandbox_request *request, const json_t *body,
                                       json_t **ret_template)
{
    const char *options = json_string_value(roll_json_get_nocase(body, "options"));
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    g_autoptr(GHashTable) asked = read_asked(roll_json_get_nocase(body, "resources"));
    struct export export = {
        .parameters = json_object(),
        .resources = json_array(),
        .named = !options || (!strstr(options, "SkipResourceNameParameterization") &&
                              !strstr(options, "SkipAllParameterization")),
        .asked = asked,
    };
    roll_auto(json) json_t *exported =
        json_pack("{s:s,s:s,s:o,s:{},s:o}", "$schema", SCHEMA, "contentVersion", "1.0.0.0",
                  "parameters", export.parameters, "variables", "resources", export.resources);
    ROLL_TRY(sandbox_store_list(server, LIST_BELOW, request->scope.id, NULL, resources));
    for (guint i = 0; i < resources->len; i++)
        add_resource(&export, resources->pdata[i]);
    *ret_template = g_steal_pointer(&exported);
    return NULL;
}

struct roll_error *sandbox_group_export(struct sandbox_server *server,
                                        struct sandbox_request *request,
                                        struct sandbox_reply *reply)
{
    bool there;
    roll_auto(json) json_t *body = NULL;
    json_t *exported = NULL;
    g_autofree char *token = NULL;
    if (!sandbox_request_json(request, reply, &body, NULL))
        return NULL;
    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (!there)
        return NULL;
    const char *format = json_string_value(roll_json_get_nocase(body, "outputFormat"));
    if (format && g_ascii_strcasecmp(format, "Json") != 0) {
        sandbox_reply_error(reply, 501, "NotImplemented",
                            "The sandbox exports groups as 'Json' only, not as '%s'.", format);
        return NULL;
    }
    ROLL_TRY(export_group(server, request, body, &exported));
    ROLL_TRY(sandbox_task_new(server, "export-group", request->scope.id,
                              request->now_ms + server->operation_time_ms, 200,
                              json_pack("{s:o}", "template", exported), &token));
    sandbox_reply_set(reply, 202, NULL);
    sandbox_reply_location(request, reply, token);
    return NULL;
}
