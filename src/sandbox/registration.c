/* Resource providers as a subscription has them: registered or not, their types and api-versions
 * (REST reference 6.3).
 *
 * Every provider is registered until somebody unregisters it, and every type is offered in every
 * version of the first of a month, and in those that were used. Of a type that the sandbox knows
 * any day of those years is taken, of another one any version at all. What
 * `POST /sandbox/retire?type=T&version=V` names is offered no more, for game days. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/deployment.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define FIRST_YEAR 2014
#define LAST_YEAR 2026

/* ---- settings ------------------------------------------------------------------------------- */

static struct roll_error *read_setting(struct sandbox_server *server, const char *name,
                                       char **ret_value)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SETTING_GET, &stmt));
    roll_sql_bind_text(stmt, ":name", name);
    ROLL_TRY(roll_sql_step(stmt, &row));
    *ret_value = row ? g_strdup(roll_sql_text_at(stmt, 0)) : NULL;
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *write_setting(struct sandbox_server *server, const char *name,
                                        const char *value)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SETTING_PUT, &stmt));
    roll_sql_bind_text(stmt, ":name", name);
    roll_sql_bind_text(stmt, ":value", value);
    return roll_sql_run(stmt);
}

/* ---- registered or not ---------------------------------------------------------------------- */

static char *registration_name(const char *subscription, const char *space)
{
    g_autofree char *name = g_strdup_printf("provider:%s:%s", subscription, space);
    return g_ascii_strdown(name, -1);
}

/* The value kept is a state, or the time (UTC ms) at which registering ends. */
static struct roll_error *registration_of(struct sandbox_server *server, const char *subscription,
                                          const char *space, int64_t now_ms, const char **ret_state)
{
    g_autofree char *name = registration_name(subscription, space);
    g_autofree char *value = NULL;
    ROLL_TRY(read_setting(server, name, &value));
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

/* ---- types and versions --------------------------------------------------------------------- */

static char *retired_name(const char *type)
{
    g_autofree char *name = g_strconcat("retired:", type, NULL);
    return g_ascii_strdown(name, -1);
}

static gint by_newest(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

/* Newest first. used: versions of stored resources, a set in lower case. */
static json_t *versions_of(GHashTable *used, const char *retired)
{
    g_auto(GStrv) gone = g_strsplit(retired ? retired : "", ",", -1);
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    GHashTableIter iter;
    gpointer version;
    json_t *list = json_array();
    for (int year = FIRST_YEAR; year <= LAST_YEAR; year++)
        for (int month = 1; month <= 12; month++)
            g_ptr_array_add(versions, g_strdup_printf("%04d-%02d-01", year, month));
    g_hash_table_iter_init(&iter, used);
    while (g_hash_table_iter_next(&iter, &version, NULL))
        if (!g_str_has_suffix(version, "-01"))
            g_ptr_array_add(versions, g_strdup(version));
    g_ptr_array_sort(versions, by_newest);
    for (guint i = 0; i < versions->len; i++)
        if (!g_strv_contains((const char *const *)gone, versions->pdata[i]))
            json_array_append_new(list, json_string(versions->pdata[i]));
    return list;
}

/* A day of the years for which there are versions: which of them a type really had is not known
 * here. */
static bool is_possible(const char *version)
{
    int year, month, day, length = 0;
    return sscanf(version, "%4d-%2d-%2d%n", &year, &month, &day, &length) == 3 && length == 10 &&
           (version[10] == '\0' || version[10] == '-') && year >= FIRST_YEAR && year <= LAST_YEAR &&
           g_date_valid_dmy((GDateDay)day, (GDateMonth)month, (GDateYear)year);
}

static bool is_first(const char *version)
{
    return g_str_has_suffix(version, "-01") && strlen(version) == 10;
}

/* What is taken is offered from then on, also when nothing that has it is stored any more. */
static struct roll_error *remember_use(struct sandbox_server *server, const char *type,
                                       const char *version)
{
    g_autofree char *spelt = g_strconcat("used:", type, NULL);
    g_autofree char *name = g_ascii_strdown(spelt, -1), *key = g_ascii_strdown(version, -1);
    g_autofree char *old = NULL;

    if (is_first(version) && sandbox_provider_knows(type))
        return NULL;
    ROLL_TRY(read_setting(server, name, &old));
    g_auto(GStrv) used = g_strsplit(old ? old : "", ",", -1);
    if (g_strv_contains((const char *const *)used, key))
        return NULL;
    g_autofree char *now = old ? g_strconcat(old, ",", key, NULL) : g_strdup(key);
    return write_setting(server, name, now);
}

struct roll_error *sandbox_version_check(struct sandbox_server *server, const char *type,
                                         const char *version, const char *location,
                                         struct sandbox_reply *reply, bool *ret_offered)
{
    g_autofree char *name = retired_name(type);
    g_autofree char *retired = NULL;
    ROLL_TRY(read_setting(server, name, &retired));
    g_auto(GStrv) gone = g_strsplit(retired ? retired : "", ",", -1);
    *ret_offered = !version || (!g_strv_contains((const char *const *)gone, version) &&
                                (is_possible(version) || !sandbox_provider_knows(type)));
    if (*ret_offered)
        return version ? remember_use(server, type, version) : NULL;
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    roll_auto(json) json_t *versions = versions_of(none, retired);
    g_autoptr(GString) list = g_string_new(NULL);
    for (size_t i = 0; i < json_array_size(versions); i++)
        g_string_append_printf(list, "%s%s", i > 0 ? ", " : "",
                               json_string_value(json_array_get(versions, i)));
    sandbox_reply_error(reply, 400, "NoRegisteredProviderFound",
                        "No registered resource provider found for location '%s' and API version "
                        "'%s' for type '%s'. The supported api-versions are '%s'. The supported "
                        "locations are 'westeurope, northeurope, eastus, westus2'.",
                        location ? location : "global", version,
                        strchr(type, '/') ? strchr(type, '/') + 1 : type, list->str);
    return NULL;
}

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
        g_autofree char *name = retired_name(key->data);
        g_autofree char *retired = NULL;
        err = read_setting(server, name, &retired);
        if (!err)
            json_array_append_new(
                out, json_pack("{s:s,s:[],s:o}", "resourceType", type->name + strlen(space) + 1,
                               "locations", "apiVersions", versions_of(type->versions, retired)));
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
    g_autofree char *name = registration_name(subscription, request->name);
    g_autofree char *until =
        g_strdup_printf("%" G_GINT64_FORMAT, request->now_ms + server->operation_time_ms);
    json_t *shown = NULL;
    ROLL_TRY(registration_of(server, subscription, request->name, request->now_ms, &state));
    if (strcmp(state, "NotRegistered") == 0)
        ROLL_TRY(write_setting(server, name, until));
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
    g_autofree char *name = registration_name(request->scope.subscription, request->name);
    ROLL_TRY(write_setting(server, name, "NotRegistered"));
    return sandbox_provider(server, request, reply);
}

struct roll_error *sandbox_retire(struct sandbox_server *server, struct sandbox_request *request,
                                  struct sandbox_reply *reply)
{
    const char *type = sandbox_query(request, "type"), *version = sandbox_query(request, "version");
    if (!type || !version) {
        sandbox_reply_error(reply, 400, "BadRequest", "'type' and 'version' must be given.");
        return NULL;
    }
    g_autofree char *name = retired_name(type);
    g_autofree char *old = NULL;
    ROLL_TRY(read_setting(server, name, &old));
    g_autofree char *now = old ? g_strconcat(old, ",", version, NULL) : g_strdup(version);
    ROLL_TRY(write_setting(server, name, now));
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}

/* ---- features ------------------------------------------------------------------------------- */

static char *feature_name(const char *subscription, const char *feature)
{
    g_autofree char *name = g_strdup_printf("feature:%s:%s", subscription, feature);
    return g_ascii_strdown(name, -1);
}

struct roll_error *sandbox_feature_is_on(struct sandbox_server *server, const char *subscription,
                                         const char *feature, bool *ret_on)
{
    g_autofree char *name = feature_name(subscription, feature);
    g_autofree char *value = NULL;
    ROLL_TRY(read_setting(server, name, &value));
    *ret_on = value && strcmp(value, "Registered") == 0;
    return NULL;
}

struct roll_error *sandbox_feature(struct sandbox_server *server, struct sandbox_request *request,
                                   struct sandbox_reply *reply)
{
    const char *subscription = request->scope.subscription;
    bool on;
    ROLL_TRY(sandbox_feature_is_on(server, subscription, request->name, &on));
    sandbox_reply_set(
        reply, 200,
        json_pack("{s:o,s:o,s:s,s:{s:s}}", "id",
                  json_sprintf("/subscriptions/%s/providers/Microsoft.Features/providers/"
                               "Microsoft.Resources/features/%s",
                               subscription, request->name),
                  "name", json_sprintf("Microsoft.Resources/%s", request->name), "type",
                  "Microsoft.Features/providers/features", "properties", "state",
                  on ? "Registered" : "NotRegistered"));
    return NULL;
}

struct roll_error *sandbox_feature_register(struct sandbox_server *server,
                                            struct sandbox_request *request,
                                            struct sandbox_reply *reply)
{
    g_autofree char *name = feature_name(request->scope.subscription, request->name);
    ROLL_TRY(write_setting(server, name, "Registered"));
    return sandbox_feature(server, request, reply);
}

struct roll_error *sandbox_feature_unregister(struct sandbox_server *server,
                                              struct sandbox_request *request,
                                              struct sandbox_reply *reply)
{
    g_autofree char *name = feature_name(request->scope.subscription, request->name);
    ROLL_TRY(write_setting(server, name, "NotRegistered"));
    return sandbox_feature(server, request, reply);
}
