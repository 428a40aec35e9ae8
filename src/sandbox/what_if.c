/* whatIf: what a deployment would do to what is stored, by resource and property (REST
 * reference 3). */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/store.h"

static void add_delta(json_t *out, const char *path, const char *type, json_t *before,
                      json_t *after, json_t *children_take)
{
    json_array_append_new(out, json_pack("{s:s,s:s,s:O?,s:O?,s:o?}", "path", path,
                                         "propertyChangeType", type, "before", before, "after",
                                         after, "children", children_take));
}

static void compare_values(const char *path, json_t *before, json_t *after, json_t *out);

/* Elements by index; an array change is one item with children (REST reference 3). */
static void compare_arrays(const char *path, json_t *before, json_t *after, json_t *out)
{
    json_t *children = json_array();
    size_t old_count = json_array_size(before), new_count = json_array_size(after);
    size_t count = MAX(old_count, new_count);
    for (size_t i = 0; i < count; i++) {
        g_autofree char *index = g_strdup_printf("%zu", i);
        json_t *old = json_array_get(before, i), *next = json_array_get(after, i);
        if (json_is_object(old) && json_is_object(next) && !json_equal(old, next)) {
            json_t *inner = json_array();
            compare_values("", old, next, inner);
            add_delta(children, index, "Modify", old, next, inner);
        } else {
            compare_values(index, old, next, children);
        }
    }
    add_delta(out, path, "Array", before, after, children);
}

static char *join_path(const char *path, const char *name)
{
    return *path ? g_strdup_printf("%s.%s", path, name) : g_strdup(name);
}

static void compare_objects(const char *path, json_t *before, json_t *after, json_t *out)
{
    const char *name;
    json_t *value;
    json_object_foreach (before, name, value) {
        g_autofree char *own = join_path(path, name);
        compare_values(own, value, json_object_get(after, name), out);
    }
    json_object_foreach (after, name, value) {
        g_autofree char *own = join_path(path, name);
        if (!json_object_get(before, name))
            compare_values(own, NULL, value, out);
    }
}

static void compare_values(const char *path, json_t *before, json_t *after, json_t *out)
{
    if (before && after && json_equal(before, after))
        return;
    if (json_is_object(before) && json_is_object(after))
        compare_objects(path, before, after, out);
    else if (json_is_array(before) && json_is_array(after))
        compare_arrays(path, before, after, out);
    else
        add_delta(out, path,
                  !before  ? "Create"
                  : !after ? "Delete"
                           : "Modify",
                  before, after, NULL);
}

struct what_if {
    struct sandbox_server *server;
    bool ids_only;
    bool complete;
    json_t *changes;
    GHashTable *named; /* keys of what the template deploys */
};

static void add_change(struct what_if *what_if, const char *id, const char *type, json_t *before,
                       json_t *after, json_t *delta_take)
{
    json_t *change = json_pack("{s:s,s:s}", "resourceId", id, "changeType", type);
    if (!what_if->ids_only) {
        if (before)
            json_object_set(change, "before", before);
        if (after)
            json_object_set(change, "after", after);
        if (delta_take)
            json_object_set(change, "delta", delta_take);
    }
    json_decref(delta_take);
    json_array_append_new(what_if->changes, change);
}

static json_t *value_at(const json_t *value, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, ".", -1);
    json_t *found = (json_t *)(uintptr_t)value;
    for (int i = 0; found && parts[i]; i++)
        found = roll_json_get_nocase(found, parts[i]);
    return found;
}

/* What the template says of members that providers answer on their own. */
static void add_no_effects(const char *type, const json_t *before, const json_t *resource,
                           json_t *delta)
{
    const json_t *old = json_object_get(before, "properties");
    const json_t *said = json_object_get(resource, "properties");
    const char *path;
    for (size_t i = 0; (path = sandbox_provider_path(type, i)) != NULL; i++) {
        json_t *is = value_at(old, path), *next = value_at(said, path);
        g_autofree char *whole = join_path("properties", path);
        if (is && next && !json_equal(is, next))
            add_delta(delta, whole, "NoEffect", is, next, NULL);
    }
}

static void add_unsupported(struct what_if *what_if, const char *id)
{
    json_array_append_new(
        what_if->changes,
        json_pack("{s:s,s:s,s:s}", "resourceId", id, "changeType", "Unsupported",
                  "unsupportedReason",
                  "The resource's id cannot be calculated before the deployment runs."));
}

static json_t *with_version(json_t *body_take, const char *version)
{
    if (version)
        json_object_set_new(body_take, "apiVersion", json_string(version));
    return body_take;
}

static struct roll_error *predict(struct what_if *what_if, const json_t *resource)
{
    const char *text = roll_json_get_string(resource, "id");
    struct sandbox_id id = {0};
    if (!text || strchr(text, '[') || !sandbox_id_parse(text, &id)) {
        add_unsupported(what_if, text ? text : "");
        return NULL;
    }
    roll_auto(sandbox_resource) struct sandbox_resource *stored = NULL;
    roll_auto(json) json_t *after = with_version(sandbox_store_shape(&id, resource),
                                                 roll_json_get_string(resource, "apiVersion"));
    struct roll_error *err = sandbox_store_get(what_if->server, id.id, &stored);
    g_hash_table_add(what_if->named, sandbox_key(id.id));
    if (!err && !stored) {
        add_change(what_if, id.id, "Create", NULL, after, NULL);
    } else if (!err) {
        json_t *delta = json_array();
        roll_auto(json) json_t *before =
            with_version(json_incref(stored->body), stored->api_version);
        /* The version with which it was last written is no property of the resource. */
        json_object_del(before, "apiVersion");
        roll_auto(json) json_t *bare = json_copy(after);
        json_object_del(bare, "apiVersion");
        compare_values("", before, bare, delta);
        with_version(before, stored->api_version);
        bool same = json_array_size(delta) == 0;
        add_no_effects(id.type, before, resource, delta);
        add_change(what_if, id.id,
                   what_if->ids_only ? "Deploy"
                   : same            ? "NoChange"
                                     : "Modify",
                   before, after, delta);
    }
    sandbox_id_clear(&id);
    return err;
}

/* What the group has beside: stays in Incremental mode, goes in Complete. */
static struct roll_error *predict_others(struct what_if *what_if, const struct sandbox_scope *scope)
{
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    if (scope->kind != ROLL_SCOPE_GROUP)
        return NULL;
    ROLL_TRY(sandbox_store_list(what_if->server, LIST_BELOW, scope->id, NULL, resources));
    for (guint i = 0; i < resources->len; i++) {
        struct sandbox_resource *resource = resources->pdata[i];
        g_autofree char *key = sandbox_key(resource->id);
        /* Locks and role assignments are no part of a group's resources. */
        if (g_hash_table_contains(what_if->named, key) ||
            g_str_has_prefix(resource->type, "microsoft.authorization/"))
            continue;
        with_version(resource->body, resource->api_version);
        add_change(what_if, resource->id, what_if->complete ? "Delete" : "Ignore", resource->body,
                   what_if->complete ? NULL : resource->body, NULL);
    }
    return NULL;
}

static bool wants_ids_only(const json_t *body)
{
    const json_t *settings =
        roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "whatIfSettings");
    const char *format = json_string_value(roll_json_get_nocase(settings, "resultFormat"));
    return format && g_ascii_strcasecmp(format, "ResourceIdOnly") == 0;
}

static struct roll_error *predict_all(struct sandbox_server *server,
                                      const struct sandbox_request *request, const json_t *body,
                                      const struct sandbox_new *made, json_t **ret_changes)
{
    g_autoptr(GPtrArray) resources = g_ptr_array_new();
    g_autoptr(GHashTable) named = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    roll_auto(json) json_t *changes = json_array();
    struct what_if what_if = {.server = server,
                              .ids_only = wants_ids_only(body),
                              .complete = strcmp(made->deployment->mode, "Complete") == 0,
                              .changes = changes,
                              .named = named};
    sandbox_flatten(made->expansion->resources, resources);
    for (guint i = 0; i < resources->len; i++)
        ROLL_TRY(predict(&what_if, resources->pdata[i]));
    ROLL_TRY(predict_others(&what_if, &request->scope));
    *ret_changes = json_incref(changes);
    return NULL;
}

struct roll_error *sandbox_deployment_what_if(struct sandbox_server *server,
                                              struct sandbox_request *request,
                                              struct sandbox_reply *reply)
{
    roll_auto(json) json_t *body = NULL;
    json_t *changes = NULL;
    struct sandbox_new made;
    struct roll_error *err = sandbox_request_deployment(server, request, reply, &body, &made);
    if (!err && made.deployment)
        err = predict_all(server, request, body, &made, &changes);
    sandbox_new_clear(&made);
    if (err || !changes)
        return err;
    g_autofree char *token = NULL;
    json_t *result = json_pack("{s:s,s:{s:s,s:o}}", "status", "Succeeded", "properties",
                               "correlationId", request->correlation_id, "changes", changes);
    ROLL_TRY(sandbox_task_new(server, "what-if", request->scope.id, request->now_ms, 200, result,
                              &token));
    sandbox_reply_set(reply, 202, NULL);
    sandbox_reply_location(request, reply, token);
    return NULL;
}
