/* Resource providers as a subscription has them: registered or not, their types and api-versions
 * (REST reference 6.3). Every provider is registered until somebody unregisters it. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

/* ---- registered or not ---------------------------------------------------------------------- */

/* Of a subscription. Owned. */
static char *provider_of(const char *subscription, const char *space)
{
    return g_strdup_printf("%s:%s", subscription, space);
}

/* The value kept is a state, or the time (UTC ms) at which registering ends. */
static struct roll_error *registration_of(struct sandbox_server *server, const char *subscription,
                                          const char *space, int64_t now_ms, const char **ret_state)
{
    g_autofree char *provider = provider_of(subscription, space);
    g_autofree char *value = NULL;
    ROLL_TRY(sandbox_setting_get(server, "provider", provider, &value));
    if (!value)
        *ret_state = "Registered";
    else if (g_ascii_isdigit(*value))
        *ret_state = g_ascii_strtoll(value, NULL, 10) > now_ms ? "Registering" : "Registered";
    else
        *ret_state = "NotRegistered";
    return NULL;
}

static void refuse_unregistered(const char *space, struct sandbox_reply *reply)
{
    g_autofree char *message = g_strdup_printf("The subscription is not registered to use "
                                               "namespace '%s'. See https://aka.ms/rps-not-found "
                                               "for how to register subscriptions.",
                                               space);
    sandbox_reply_error_take(reply, 409,
                             json_pack("{s:s,s:s,s:[{s:s,s:s,s:s}]}", "code",
                                       "MissingSubscriptionRegistration", "message", message,
                                       "details", "code", "MissingSubscriptionRegistration",
                                       "target", space, "message", message));
}

struct roll_error *sandbox_registration_check(struct sandbox_server *server,
                                              const char *subscription, const json_t *resources,
                                              int64_t now_ms, struct sandbox_reply *reply,
                                              bool *ret_registered)
{
    size_t index;
    json_t *resource;
    *ret_registered = true;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, resource) {
        const char *type = roll_json_get_string(resource, "type"), *state;
        if (!type || !subscription)
            continue;
        g_autofree char *space = g_strndup(type, strcspn(type, "/"));
        ROLL_TRY(registration_of(server, subscription, space, now_ms, &state));
        if (strcmp(state, "Registered") == 0)
            continue;
        *ret_registered = false;
        refuse_unregistered(space, reply);
        return NULL;
    }
    return NULL;
}

/* ---- types ---------------------------------------------------------------------------------- */

struct type {
    char *name; /* as it is spelt */
    GHashTable *versions;
};

static void type_free(gpointer data)
{
    struct type *type = data;
    g_free(type->name);
    g_hash_table_unref(type->versions);
    g_free(type);
}

/* types: in lower case → struct type. */
static struct type *need_type(GHashTable *types, const char *name)
{
    g_autofree char *key = g_ascii_strdown(name, -1);
    struct type *type = g_hash_table_lookup(types, key);
    if (type)
        return type;
    type = g_new0(struct type, 1);
    type->name = g_strdup(name);
    type->versions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_insert(types, g_steal_pointer(&key), type);
    return type;
}

static struct roll_error *add_stored_types(struct sandbox_server *server, const char *subscription,
                                           const char *prefix, GHashTable *types)
{
    g_autoptr(GPtrArray) resources = sandbox_resources_new();
    g_autofree char *scope = g_strdup_printf("/subscriptions/%s", subscription);
    ROLL_TRY(sandbox_store_list(server, LIST_BELOW, scope, NULL, resources));
    for (guint i = 0; i < resources->len; i++) {
        const struct sandbox_resource *resource = resources->pdata[i];
        const char *spelt = roll_json_get_string(resource->body, "type");
        if (!g_str_has_prefix(resource->type, prefix))
            continue;
        struct type *type = need_type(types, spelt ? spelt : resource->type);
        if (resource->api_version)
            g_hash_table_add(type->versions, g_ascii_strdown(resource->api_version, -1));
    }
    return NULL;
}

static struct roll_error *add_used_types(struct sandbox_server *server, const char *prefix,
                                         GHashTable *types)
{
    g_autofree char *name = g_strconcat("used:", prefix, NULL);
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SETTING_LIST, &stmt));
    roll_sql_bind_text(stmt, ":prefix", name);
    for (;;) {
        ROLL_TRY(roll_sql_step(stmt, &row));
        if (!row)
            return NULL;
        g_auto(GStrv) used = g_strsplit(roll_sql_text_at(stmt, 1), ",", -1);
        struct type *type = need_type(types, roll_sql_text_at(stmt, 0) + strlen("used:"));
        for (char **version = used; *version; version++)
            g_hash_table_add(type->versions, g_strdup(*version));
    }
}

static gint by_key(gconstpointer a, gconstpointer b)
{
    return strcmp(a, b);
}

static struct roll_error *show_types(struct sandbox_server *server, const char *space,
                                     GHashTable *types, json_t *out)
{
    GList *keys = g_list_sort(g_hash_table_get_keys(types), by_key);
    struct roll_error *err = NULL;
    for (GList *key = keys; key && !err; key = key->next) {
        const struct type *type = g_hash_table_lookup(types, key->data);
        g_autofree char *retired = NULL;
        err = sandbox_setting_get(server, "retired", key->data, &retired);
        if (!err)
            json_array_append_new(out, json_pack("{s:s,s:[],s:o}", "resourceType",
                                                 type->name + strlen(space) + 1, "locations",
                                                 "apiVersions",
                                                 sandbox_versions_of(type->versions, retired)));
    }
    g_list_free(keys);
    return err;
}

/* subscription NULL: the tenant's view, which has no registration. */
static struct roll_error *show(struct sandbox_server *server, const char *subscription,
                               const char *space, int64_t now_ms, json_t **ret_shown)
{
    g_autofree char *start = g_strconcat(space, "/", NULL);
    g_autofree char *prefix = g_ascii_strdown(start, -1);
    g_autoptr(GHashTable) types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, type_free);
    roll_auto(json) json_t *list = json_array();
    const char *state = NULL;
    for (const char *type = NULL; (type = sandbox_provider_next_type(prefix, type));)
        need_type(types, type);
    if (subscription) {
        ROLL_TRY(add_stored_types(server, subscription, prefix, types));
        ROLL_TRY(add_used_types(server, prefix, types));
        ROLL_TRY(registration_of(server, subscription, space, now_ms, &state));
    }
    ROLL_TRY(show_types(server, space, types, list));
    g_autofree char *id =
        subscription ? g_strdup_printf("/subscriptions/%s/providers/%s", subscription, space)
                     : g_strdup_printf("/providers/%s", space);
    *ret_shown =
        json_pack("{s:s,s:s,s:s,s:O,s:s*}", "id", id, "namespace", space, "registrationPolicy",
                  "RegistrationRequired", "resourceTypes", list, "registrationState", state);
    return NULL;
}

/* ---- handlers ------------------------------------------------------------------------------- */

struct roll_error *sandbox_provider(struct sandbox_server *server, struct sandbox_request *request,
                                    struct sandbox_reply *reply)
{
    json_t *shown = NULL;
    ROLL_TRY(show(server, request->scope.subscription, request->name, request->now_ms, &shown));
    sandbox_reply_set(reply, 200, shown);
    return NULL;
}

static gint by_spelling(gconstpointer a, gconstpointer b)
{
    return g_ascii_strcasecmp(*(const char *const *)a, *(const char *const *)b);
}

/* The namespaces that are known, and of a subscription those of what it holds. Owned texts. */
static struct roll_error *list_spaces(struct sandbox_server *server, const char *subscription,
                                      GPtrArray *out)
{
    g_autoptr(GHashTable) types = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, type_free);
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer value;
    for (int i = 0; sandbox_provider_spaces[i]; i++) {
        g_hash_table_add(seen, g_ascii_strdown(sandbox_provider_spaces[i], -1));
        g_ptr_array_add(out, g_strdup(sandbox_provider_spaces[i]));
    }
    if (subscription)
        ROLL_TRY(add_stored_types(server, subscription, "", types));
    g_hash_table_iter_init(&iter, types);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const char *name = ((const struct type *)value)->name;
        g_autofree char *space = g_strndup(name, strcspn(name, "/"));
        if (g_hash_table_add(seen, g_ascii_strdown(space, -1)))
            g_ptr_array_add(out, g_steal_pointer(&space));
    }
    g_ptr_array_sort(out, by_spelling);
    return NULL;
}

struct roll_error *sandbox_provider_list_all(struct sandbox_server *server,
                                             struct sandbox_request *request,
                                             struct sandbox_reply *reply)
{
    const char *subscription = request->scope.subscription;
    g_autoptr(GPtrArray) spaces = g_ptr_array_new_with_free_func(g_free);
    roll_auto(json) json_t *list = json_array();
    ROLL_TRY(list_spaces(server, subscription, spaces));
    for (guint i = 0; i < spaces->len; i++) {
        json_t *shown = NULL;
        ROLL_TRY(show(server, subscription, spaces->pdata[i], request->now_ms, &shown));
        json_array_append_new(list, shown);
    }
    sandbox_reply_set(reply, 200, json_pack("{s:O}", "value", list));
    return NULL;
}

/* register answers at once with Registering; it takes one operation's time. */
struct roll_error *sandbox_provider_register(struct sandbox_server *server,
                                             struct sandbox_request *request,
                                             struct sandbox_reply *reply)
{
    const char *subscription = request->scope.subscription, *state;
    g_autofree char *provider = provider_of(subscription, request->name);
    g_autofree char *until =
        g_strdup_printf("%" G_GINT64_FORMAT, request->now_ms + server->operation_time_ms);
    json_t *shown = NULL;
    ROLL_TRY(registration_of(server, subscription, request->name, request->now_ms, &state));
    if (strcmp(state, "NotRegistered") == 0)
        ROLL_TRY(sandbox_setting_put(server, "provider", provider, until));
    ROLL_TRY(show(server, subscription, request->name, request->now_ms, &shown));
    if (strcmp(state, "Registered") != 0)
        json_object_set_new(shown, "registrationState", json_string("Registering"));
    sandbox_reply_set(reply, 200, shown);
    return NULL;
}

struct roll_error *sandbox_provider_unregister(struct sandbox_server *server,
                                               struct sandbox_request *request,
                                               struct sandbox_reply *reply)
{
    g_autofree char *provider = provider_of(request->scope.subscription, request->name);
    ROLL_TRY(sandbox_setting_put(server, "provider", provider, "NotRegistered"));
    return sandbox_provider(server, request, reply);
}
