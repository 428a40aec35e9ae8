/* Api-versions: which of them a type is offered in (REST reference 6.3).
 *
 * Every type is offered in every version of the first of a month, and in those that were used. Of a
 * type that the sandbox knows any day of those years is taken, of another one any version at all.
 * What `POST /sandbox/retire?type=T&version=V` names is offered no more, for game days. */
#include <stdio.h>
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/server.h"
#include "sandbox/store.h"

#define FIRST_YEAR 2014
#define LAST_YEAR 2026

static gint by_newest(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)b, *(const char *const *)a);
}

json_t *sandbox_versions_of(GHashTable *used, const char *retired)
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
    g_autofree char *key = g_ascii_strdown(version, -1);
    g_autofree char *old = NULL;

    if (is_first(version) && sandbox_provider_knows(type))
        return NULL;
    ROLL_TRY(sandbox_setting_get(server, "used", type, &old));
    g_auto(GStrv) used = g_strsplit(old ? old : "", ",", -1);
    if (g_strv_contains((const char *const *)used, key))
        return NULL;
    g_autofree char *now = old ? g_strconcat(old, ",", key, NULL) : g_strdup(key);
    return sandbox_setting_put(server, "used", type, now);
}

struct roll_error *sandbox_version_check(struct sandbox_server *server, const char *type,
                                         const char *version, const char *location,
                                         struct sandbox_reply *reply, bool *ret_offered)
{
    g_autofree char *retired = NULL;
    ROLL_TRY(sandbox_setting_get(server, "retired", type, &retired));
    g_auto(GStrv) gone = g_strsplit(retired ? retired : "", ",", -1);
    *ret_offered = !version || (!g_strv_contains((const char *const *)gone, version) &&
                                (is_possible(version) || !sandbox_provider_knows(type)));
    if (*ret_offered)
        return version ? remember_use(server, type, version) : NULL;
    g_autoptr(GHashTable) none = g_hash_table_new(g_str_hash, g_str_equal);
    roll_auto(json) json_t *versions = sandbox_versions_of(none, retired);
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

struct roll_error *sandbox_retire(struct sandbox_server *server, struct sandbox_request *request,
                                  struct sandbox_reply *reply)
{
    const char *type = sandbox_query(request, "type"), *version = sandbox_query(request, "version");
    if (!type || !version) {
        sandbox_reply_error(reply, 400, "BadRequest", "'type' and 'version' must be given.");
        return NULL;
    }
    g_autofree char *old = NULL;
    ROLL_TRY(sandbox_setting_get(server, "retired", type, &old));
    g_autofree char *now = old ? g_strconcat(old, ",", version, NULL) : g_strdup(version);
    ROLL_TRY(sandbox_setting_put(server, "retired", type, now));
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}
