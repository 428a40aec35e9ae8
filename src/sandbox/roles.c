/* What the caller may do: all, until `POST /sandbox/role?scope=…&actions=…` says otherwise for a
 * resource, a group or a subscription; what was said nearest to a resource counts. It holds for
 * whoever asks, and for changes: reads are free. Source: REST reference 7.2, and public reports for
 * what ARM says of a template's resources. */
#include <string.h>

#include "rollbook/json.h"
#include "sandbox/activity.h"
#include "sandbox/deployment.h"
#include "sandbox/login.h"
#include "sandbox/server.h"
#include "sandbox/services.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

#define REFUSALS_MAX 4096 /* bytes; the rest is left out */

/* ---- what was said --------------------------------------------------------------------------- */

static json_t *words_of(const char *list)
{
    g_auto(GStrv) words = g_strsplit(list ? list : "", ",", -1);
    json_t *array = json_array();

    for (char **word = words; *word; word++)
        if (**word)
            json_array_append_new(array, json_string(*word));
    return array;
}

/* What is allowed at a scope from now on; without actions: nothing. */
struct roll_error *sandbox_role(struct sandbox_server *server, struct sandbox_request *request,
                                struct sandbox_reply *reply)
{
    roll_auto(json) json_t *role = NULL;
    g_autoptr(GString) text = g_string_new(NULL);

    if (!sandbox_need(request, "scope", reply))
        return NULL;
    role = json_pack("{s:o,s:o}", "actions", words_of(sandbox_query(request, "actions")),
                     "notActions", words_of(sandbox_query(request, "notactions")));
    roll_json_write(role, text);
    ROLL_TRY(sandbox_setting_put(server, "role", sandbox_query(request, "scope"), text->str));
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}

static json_t *role_of(const char *said)
{
    json_t *role = said ? json_loads(said, 0, NULL) : NULL;

    return role ? role : json_pack("{s:[s],s:[]}", "actions", "*", "notActions");
}

struct roll_error *sandbox_permissions(struct sandbox_server *server,
                                       struct sandbox_request *request, struct sandbox_reply *reply)
{
    g_autofree char *said = NULL;
    bool there;

    ROLL_TRY(sandbox_group_require(server, &request->scope, reply, &there));
    if (!there)
        return NULL;
    ROLL_TRY(sandbox_setting_get(server, "role", request->scope.id, &said));
    sandbox_reply_set(reply, 200, json_pack("{s:[o]}", "value", role_of(said)));
    return NULL;
}

/* At a resource, which may be one that was never made here (a vault): what was said of it, else of
 * its group. */
struct roll_error *sandbox_resource_permissions(struct sandbox_server *server,
                                                struct sandbox_request *request,
                                                struct sandbox_reply *reply)
{
    char *const *words = (char *const *)request->segments->pdata;
    g_autofree char *group =
        g_strdup_printf("/%s/%s/%s/%s", words[0], words[1], words[2], words[3]);
    g_autofree char *id =
        g_strdup_printf("%s/%s/%s/%s/%s", group, words[4], words[5], words[6], words[7]);
    g_autofree char *said = NULL, *above = NULL;

    ROLL_TRY(sandbox_setting_get(server, "role", id, &said));
    ROLL_TRY(sandbox_setting_get(server, "role", group, &above));
    sandbox_reply_set(reply, 200, json_pack("{s:[o]}", "value", role_of(said ? said : above)));
    return NULL;
}

/* ---- what is allowed ------------------------------------------------------------------------- */

/* Nearly always nothing was said at all. */
static struct roll_error *any_role(struct sandbox_server *server, bool *ret_any)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_SETTING_LIST, &stmt));
    roll_sql_bind_text(stmt, ":prefix", "role:");
    ROLL_TRY(roll_sql_step(stmt, ret_any));
    roll_sql_reset(stmt);
    return NULL;
}

static struct roll_error *is_allowed(struct sandbox_server *server, const struct sandbox_id *id,
                                     const char *action, bool *ret_allowed)
{
    g_autofree char *subscription =
        id->scope.subscription ? g_strdup_printf("/subscriptions/%s", id->scope.subscription)
                               : NULL;
    const char *const places[] = {id->id, id->scope.id, subscription};
    g_autofree char *said = NULL;

    for (size_t i = 0; i < G_N_ELEMENTS(places) && !said; i++)
        if (places[i])
            ROLL_TRY(sandbox_setting_get(server, "role", places[i], &said));
    roll_auto(json) json_t *role = role_of(said);
    *ret_allowed = sandbox_action_matches(json_object_get(role, "actions"), action) &&
                   !sandbox_action_matches(json_object_get(role, "notActions"), action);
    return NULL;
}

static char *caller_of(const struct sandbox_request *request)
{
    roll_auto(json) json_t *claims = sandbox_claims(request);
    const char *object = roll_json_get_string(claims, "oid");

    return g_strdup(object ? object : "sandbox-developer");
}

struct roll_error *sandbox_role_check(struct sandbox_server *server,
                                      const struct sandbox_request *request,
                                      struct sandbox_reply *reply, bool *ret_free)
{
    struct sandbox_id id = {0};
    g_autofree char *verb = NULL;
    bool any = false;

    *ret_free = true;
    if (!sandbox_request_change(request, &id, &verb))
        return NULL;
    g_autofree char *action = sandbox_action(&id, verb);
    struct roll_error *err = any_role(server, &any);
    if (!err && any)
        err = is_allowed(server, &id, action, ret_free);
    if (!err && !*ret_free) {
        g_autofree char *caller = caller_of(request);
        sandbox_reply_error(reply, 403, "AuthorizationFailed",
                            "The client '%s' with object id '%s' does not have authorization to "
                            "perform action '%s' over scope '%s' or the scope is invalid. If "
                            "access was recently granted, please refresh your credentials.",
                            caller, caller, action, id.id);
    }
    sandbox_id_clear(&id);
    return err;
}

/* ---- templates ------------------------------------------------------------------------------- */

static struct roll_error *check_resource(struct sandbox_server *server, const json_t *resource,
                                         const char *caller, GString *refusals)
{
    const char *spelt = roll_json_get_string(resource, "id");
    struct sandbox_id id = {0};
    bool allowed = true;

    if (!spelt || strchr(spelt, '[') || !sandbox_id_parse(spelt, &id))
        return NULL;
    g_autofree char *action = sandbox_action(&id, "write");
    struct roll_error *err = is_allowed(server, &id, action, &allowed);
    if (!err && !allowed)
        g_string_append_printf(refusals,
                               "%sAuthorization failed for template resource '%s' of type '%s'. "
                               "The client '%s' with object id '%s' does not have permission to "
                               "perform action '%s' at scope '%s'.",
                               refusals->len ? ":" : "", id.name, id.type, caller, caller, action,
                               id.id);
    sandbox_id_clear(&id);
    return err;
}

struct roll_error *sandbox_role_check_template(struct sandbox_server *server,
                                               const struct sandbox_request *request,
                                               const json_t *resources, struct sandbox_reply *reply,
                                               bool *ret_free)
{
    g_autoptr(GPtrArray) flat = g_ptr_array_new();
    g_autoptr(GString) refusals = g_string_new(NULL);
    g_autofree char *caller = caller_of(request);
    bool any = false;

    *ret_free = true;
    ROLL_TRY(any_role(server, &any));
    if (any)
        sandbox_flatten(resources, flat);
    for (guint i = 0; i < flat->len && refusals->len < REFUSALS_MAX; i++)
        ROLL_TRY(check_resource(server, flat->pdata[i], caller, refusals));
    if (refusals->len == 0)
        return NULL;
    *ret_free = false;
    sandbox_reply_error(reply, 400, "InvalidTemplateDeployment",
                        "The template deployment failed with error: '%s'.", refusals->str);
    return NULL;
}
