/* Rows of stored resources. Everything that reads or writes the table `resource` is here. */
#include "sandbox/store.h"

#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox_sql.h"

void sandbox_resource_free(struct sandbox_resource *resource)
{
    if (!resource)
        return;
    g_free(resource->id);
    g_free(resource->type);
    g_free(resource->api_version);
    json_decref(resource->body);
    g_free(resource);
}

static void resource_unref(void *data)
{
    sandbox_resource_free(data);
}

GPtrArray *sandbox_resources_new(void)
{
    return g_ptr_array_new_with_free_func(resource_unref);
}

static struct roll_error *read_row(struct roll_sql_stmt *stmt,
                                   struct sandbox_resource **ret_resource)
{
    const char *body = roll_sql_text_at(stmt, 2);
    json_t *value = NULL;
    ROLL_TRY(roll_json_parse(body, strlen(body), ROLL_JSON_STRICT, &value));
    struct sandbox_resource *resource = g_new0(struct sandbox_resource, 1);
    resource->id = g_strdup(roll_sql_text_at(stmt, 0));
    resource->type = g_strdup(roll_sql_text_at(stmt, 1));
    resource->body = value;
    resource->api_version = g_strdup(roll_sql_text_at(stmt, 3));
    resource->created_ms = roll_sql_int_at(stmt, 4);
    resource->changed_ms = roll_sql_int_at(stmt, 5);
    resource->deleting = roll_sql_int_at(stmt, 6) != 0;
    *ret_resource = resource;
    return NULL;
}

static struct roll_error *get_row(struct sandbox_server *server, const char *id,
                                  struct sandbox_resource **ret_resource)
{
    g_autofree char *key = sandbox_key(id);
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_RESOURCE_GET, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    ROLL_TRY(roll_sql_step(stmt, &row));
    struct roll_error *err = NULL;
    *ret_resource = NULL;
    if (row)
        err = read_row(stmt, ret_resource);
    roll_sql_reset(stmt);
    return err;
}

/* The element of a list in the parent's properties that bears this name: a subnet of its network.
 * New reference. */
static json_t *find_part(const json_t *parent, const char *list, const char *name)
{
    size_t index;
    json_t *part;
    json_t *parts = roll_json_get_nocase(json_object_get(parent, "properties"), list);
    json_array_foreach (parts, index, part) {
        const char *own = roll_json_get_string(part, "name");
        if (own && g_ascii_strcasecmp(own, name) == 0)
            return json_copy(part);
    }
    return NULL;
}

static struct roll_error *get_part(struct sandbox_server *server, const struct sandbox_id *id,
                                   struct sandbox_resource **ret_resource)
{
    const char *name = sandbox_last_name(id->name);
    const char *list = sandbox_last_name(id->type);
    g_autofree char *parent_id =
        g_strndup(id->id, strlen(id->id) - strlen(name) - strlen(list) - 2);
    roll_auto(sandbox_resource) struct sandbox_resource *parent = NULL;
    ROLL_TRY(get_row(server, parent_id, &parent));
    json_t *part = parent ? find_part(parent->body, list, name) : NULL;
    if (!part)
        return NULL;
    json_object_set_new(part, "id", json_string(id->id));
    json_object_set_new(part, "type", json_string(id->type));
    struct sandbox_resource *resource = g_new0(struct sandbox_resource, 1);
    resource->id = g_strdup(id->id);
    resource->type = g_ascii_strdown(id->type, -1);
    resource->body = part;
    resource->api_version = g_strdup(parent->api_version);
    resource->created_ms = parent->created_ms;
    resource->changed_ms = parent->changed_ms;
    *ret_resource = resource;
    return NULL;
}

struct roll_error *sandbox_store_get(struct sandbox_server *server, const char *id,
                                     struct sandbox_resource **ret_resource)
{
    struct sandbox_id parsed = {0};
    struct roll_error *err = get_row(server, id, ret_resource);
    if (err || *ret_resource || !sandbox_id_parse(id, &parsed))
        return err;
    if (strchr(parsed.name, '/'))
        err = get_part(server, &parsed, ret_resource);
    sandbox_id_clear(&parsed);
    return err;
}

struct roll_error *sandbox_store_answers_list(struct sandbox_server *server, const char *id,
                                              bool *ret_answers)
{
    g_autofree char *text = g_strdup(id);
    struct sandbox_id parsed = {0};
    *ret_answers = false;
    while (!*ret_answers && sandbox_id_parse(text, &parsed)) {
        roll_auto(sandbox_resource) struct sandbox_resource *resource = NULL;
        bool child = strchr(parsed.name, '/') != NULL;
        sandbox_id_clear(&parsed);
        ROLL_TRY(sandbox_store_get(server, text, &resource));
        *ret_answers = resource != NULL;
        if (!child)
            break;
        *strrchr(text, '/') = '\0';
        *strrchr(text, '/') = '\0';
    }
    return NULL;
}

/* Members in the order in which ARM shows them; others that the client sent follow. */
static json_t *shape_body(const struct sandbox_id *id, const json_t *sent)
{
    static const char *const first[] = {"location", "tags",     "sku",       "kind", "plan",
                                        "zones",    "identity", "managedBy", NULL};
    static const char *const dropped[] = {
        "id",       "name",  "type",      "apiVersion", "dependsOn", "condition", "copy",
        "comments", "scope", "resources", "existing",   "metadata",  NULL};
    json_t *body = json_pack("{s:s,s:s,s:s}", "id", id->id, "name", sandbox_last_name(id->name),
                             "type", id->type);
    for (int i = 0; first[i]; i++) {
        json_t *value = roll_json_get_nocase(sent, first[i]);
        if (value && !json_is_null(value))
            json_object_set_new(body, first[i], json_deep_copy(value));
    }
    const char *name;
    json_t *value;
    json_object_foreach ((json_t *)(uintptr_t)sent, name, value) {
        bool known = g_strcmp0(name, "properties") == 0 || json_object_get(body, name);
        for (int i = 0; !known && dropped[i]; i++)
            known = g_ascii_strcasecmp(dropped[i], name) == 0;
        if (!known && !json_is_null(value))
            json_object_set_new(body, name, json_deep_copy(value));
    }
    json_t *properties = roll_json_get_nocase(sent, "properties");
    json_object_set_new(body, "properties",
                        json_is_object(properties) ? json_deep_copy(properties) : json_object());
    return body;
}

/* ARM's own types that are answered at once have no state of their own (REST reference 5). */
static bool has_state(const struct sandbox_id *id)
{
    return g_ascii_strncasecmp(id->type, "Microsoft.Resources/templateSpecs",
                               strlen("Microsoft.Resources/templateSpecs")) != 0;
}

json_t *sandbox_store_shape(const struct sandbox_id *id, const json_t *body)
{
    json_t *shaped = shape_body(id, body);
    sandbox_provider_complete(id, shaped);
    if (has_state(id))
        json_object_set_new(json_object_get(shaped, "properties"), "provisioningState",
                            json_string("Succeeded"));
    return shaped;
}

static struct roll_error *exists(struct sandbox_server *server, const char *key, bool *ret_exists)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_RESOURCE_GET, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    ROLL_TRY(roll_sql_step(stmt, ret_exists));
    roll_sql_reset(stmt);
    return NULL;
}

struct roll_error *sandbox_store_put(struct sandbox_server *server, const struct sandbox_id *id,
                                     const char *api_version, const json_t *body, int64_t at_ms,
                                     bool *ret_created)
{
    g_autofree char *key = sandbox_key(id->id);
    g_autofree char *type = g_ascii_strdown(id->type, -1);
    g_autofree char *scope = sandbox_key(id->scope.id);
    g_autoptr(GString) text = g_string_new(NULL);
    roll_auto(json) json_t *shaped = sandbox_store_shape(id, body);
    roll_json_write(shaped, text);
    bool known;
    ROLL_TRY(exists(server, key, &known));
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_RESOURCE_PUT, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    roll_sql_bind_text(stmt, ":id", id->id);
    roll_sql_bind_text(stmt, ":type", type);
    roll_sql_bind_text(stmt, ":scope", scope);
    roll_sql_bind_text(stmt, ":body", text->str);
    roll_sql_bind_text(stmt, ":api_version", api_version);
    roll_sql_bind_int(stmt, ":at", at_ms);
    ROLL_TRY(roll_sql_run(stmt));
    if (ret_created)
        *ret_created = !known;
    return NULL;
}

struct roll_error *sandbox_store_delete(struct sandbox_server *server, const char *id)
{
    g_autofree char *key = sandbox_key(id);
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_RESOURCE_DELETE, &stmt));
    roll_sql_bind_text(stmt, ":key", key);
    return roll_sql_run(stmt);
}

struct roll_error *sandbox_store_list(struct sandbox_server *server, enum sandbox_list list,
                                      const char *scope_id, const char *type, GPtrArray *out)
{
    static const int statements[] = {SANDBOX_RESOURCE_LIST_SCOPE, SANDBOX_RESOURCE_LIST_TYPE,
                                     SANDBOX_RESOURCE_LIST_BELOW};
    g_autofree char *key = sandbox_key(scope_id);
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, statements[list], &stmt));
    roll_sql_bind_text(stmt, list == LIST_BELOW ? ":key" : ":scope", key);
    if (list == LIST_TYPE)
        roll_sql_bind_text(stmt, ":type", type);
    for (;;) {
        struct sandbox_resource *resource;
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        struct roll_error *err = read_row(stmt, &resource);
        if (err) {
            roll_sql_reset(stmt);
            return err;
        }
        g_ptr_array_add(out, resource);
    }
}
