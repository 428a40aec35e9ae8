/* Locks: inherited by what lies below, the most restrictive wins; a group with a locked resource in
 * it is not deleted (REST reference 6.4). A lock is an ordinary stored resource; here it gets its
 * meaning. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define LOCKS "/providers/microsoft.authorization/locks"
#define LOCK_TYPE "microsoft.authorization/locks"

static bool forbids(const struct sandbox_resource *lock, enum sandbox_change change)
{
    const char *level = roll_json_get_string(json_object_get(lock->body, "properties"), "level");
    if (!level)
        return false;
    return g_ascii_strcasecmp(level, "ReadOnly") == 0 ||
           (change == CHANGE_DELETE && g_ascii_strcasecmp(level, "CanNotDelete") == 0);
}

/* The scope of a lock that forbids the change, owned by the caller; NULL when none of them does. */
static char *find_forbidding(GPtrArray *resources, enum sandbox_change change)
{
    for (guint i = 0; i < resources->len; i++) {
        const struct sandbox_resource *resource = resources->pdata[i];
        if (strcmp(resource->type, LOCK_TYPE) != 0 || !forbids(resource, change))
            continue;
        g_autofree char *lower = g_ascii_strdown(resource->id, -1);
        const char *end = g_strrstr(lower, LOCKS);
        return g_strndup(resource->id, end ? (gsize)(end - lower) : strlen(resource->id));
    }
    return NULL;
}

/* There are hardly ever any: then no scope need be looked at. */
static struct roll_error *any_lock(struct sandbox_server *server, bool *ret_any)
{
    struct roll_sql_stmt *stmt;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_LOCK_ANY, &stmt));
    ROLL_TRY(roll_sql_step(stmt, ret_any));
    roll_sql_reset(stmt);
    return NULL;
}

/* Locks of exactly this scope. */
static struct roll_error *look_at(struct sandbox_server *server, const char *scope,
                                  enum sandbox_change change, char **ret_scope)
{
    g_autoptr(GPtrArray) locks = sandbox_resources_new();
    g_autofree char *below = g_strconcat(scope, LOCKS, NULL);
    ROLL_TRY(sandbox_store_list(server, LIST_BELOW, below, NULL, locks));
    *ret_scope = find_forbidding(locks, change);
    return NULL;
}

/* The scope, and everything above it up to the subscription. */
static struct roll_error *look_upwards(struct sandbox_server *server, const char *id,
                                       enum sandbox_change change, char **ret_scope)
{
    g_autofree char *scope = g_strdup(id);
    for (;;) {
        ROLL_TRY(look_at(server, scope, change, ret_scope));
        char *slash = strrchr(scope, '/');
        if (*ret_scope || !slash || slash == scope)
            return NULL;
        *slash = '\0';
    }
}

struct roll_error *sandbox_lock_check(struct sandbox_server *server, const struct sandbox_id *id,
                                      enum sandbox_change change, struct sandbox_reply *reply,
                                      bool *ret_free)
{
    g_autofree char *locked = NULL;
    bool any;
    *ret_free = true;
    ROLL_TRY(any_lock(server, &any));
    if (!any || g_ascii_strcasecmp(id->type, LOCK_TYPE) == 0)
        return NULL;
    ROLL_TRY(look_upwards(server, id->id, change, &locked));
    if (!locked && change == CHANGE_DELETE) {
        g_autoptr(GPtrArray) below = sandbox_resources_new();
        ROLL_TRY(sandbox_store_list(server, LIST_BELOW, id->id, NULL, below));
        locked = find_forbidding(below, change);
    }
    if (!locked)
        return NULL;
    *ret_free = false;
    sandbox_reply_error(reply, 409, "ScopeLocked",
                        "The scope '%s' cannot perform %s operation because following scope(s) are "
                        "locked: '%s'. Please "
                        "remove the lock and try again.",
                        id->id, change == CHANGE_DELETE ? "delete" : "write", locked);
    return NULL;
}

/* Whether a lock stands at the scope or, unless only those are asked for, below it. */
static bool is_within(const char *lock, const char *scope, bool at_scope)
{
    size_t length = strlen(scope);
    if (!g_str_has_prefix(lock, scope) || lock[length] != '/')
        return false;
    return !at_scope || (g_str_has_prefix(lock + length, LOCKS "/") &&
                         !strchr(lock + length + strlen(LOCKS "/"), '/'));
}

struct roll_error *sandbox_locks_list(struct sandbox_server *server,
                                      const struct sandbox_request *request,
                                      const struct sandbox_id *id, GPtrArray *out)
{
    const char *filter = sandbox_query(request, "$filter");
    bool at_scope = filter && g_ascii_strcasecmp(filter, "atScope()") == 0;
    g_autofree char *path = sandbox_key(id->id);
    char *end = g_strrstr(path, LOCKS);
    if (end)
        *end = '\0';
    ROLL_TRY(sandbox_store_list(server, LIST_BELOW, path, NULL, out));
    for (guint i = out->len; i-- > 0;) {
        const struct sandbox_resource *resource = out->pdata[i];
        g_autofree char *key = sandbox_key(resource->id);
        if (strcmp(resource->type, LOCK_TYPE) != 0 || !is_within(key, path, at_scope))
            g_ptr_array_remove_index(out, i);
    }
    return NULL;
}
