/* Deny settings: what a stack manages is not changed, or not deleted, by others (REST reference
 * 4.2). As in Azure a stack does not stand in the way of its own deployment, and deleting the
 * group that holds everything passes it by. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/stack.h"

static bool is_in(const json_t *list, const char *text)
{
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)(uintptr_t)list, index, entry) {
        const char *own = json_string_value(entry);
        if (own && g_ascii_strcasecmp(own, text) == 0)
            return true;
    }
    return false;
}

bool sandbox_action_matches(const json_t *list, const char *action)
{
    g_autofree char *lower = g_ascii_strdown(action, -1);
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)(uintptr_t)list, index, entry) {
        g_autofree char *pattern =
            g_ascii_strdown(json_is_string(entry) ? json_string_value(entry) : "", -1);
        if (g_pattern_match_simple(pattern, lower))
            return true;
    }
    return false;
}

/* The managed resource that covers the id: itself, or one above it where children are meant too.
 * Borrowed, NULL. */
static const char *covers(const struct sandbox_stack *stack, const char *key, bool children)
{
    const json_t *resources = json_object_get(sandbox_stack_properties(stack), "resources");
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)(uintptr_t)resources, index, entry) {
        const char *id = roll_json_get_string(entry, "id");
        g_autofree char *own = sandbox_key(id ? id : "");
        size_t length = strlen(own);
        if (strcmp(own, key) == 0 ||
            (children && length > 0 && strncmp(own, key, length) == 0 && key[length] == '/'))
            return id;
    }
    return NULL;
}

static const char *denied_at(const struct sandbox_stack *stack, const struct sandbox_id *id,
                             const char *verb, const char *principal)
{
    const json_t *settings = json_object_get(sandbox_stack_properties(stack), "denySettings");
    const char *mode = roll_json_get_string(settings, "mode");
    g_autofree char *key = sandbox_key(id->id);
    g_autofree char *action = g_strdup_printf("%s/%s", id->type, verb);
    if (strcmp(verb, "delete") != 0 && g_strcmp0(mode, "denyWriteAndDelete") != 0)
        return NULL;
    if ((principal && is_in(json_object_get(settings, "excludedPrincipals"), principal)) ||
        sandbox_action_matches(json_object_get(settings, "excludedActions"), action))
        return NULL;
    return covers(stack, key, json_is_true(json_object_get(settings, "applyToChildScopes")));
}

static void deny(const struct sandbox_stack *stack, const struct sandbox_id *id, const char *verb,
                 const char *principal, const char *scope, struct sandbox_reply *reply)
{
    char name[ROLL_UUID_SIZE];
    roll_uuid_from(name, "deny", stack->key, NULL);
    sandbox_reply_error(
        reply, 403, "DenyAssignmentAuthorizationFailed",
        "The client '%s' with object id '%s' has permission to perform action '%s/%s' on scope "
        "'%s'; however, the access is denied because of the deny assignment with name 'Deny "
        "assignment '%s' created by Deployment Stack '%s'.' and Id '%s' at scope '%s'.",
        principal ? principal : "sandbox-developer", principal ? principal : "sandbox-developer",
        id->type, verb, id->id, name, stack->id, name, scope);
}

/* A nested deployment is a part of the one that began it. */
static struct roll_error *root_of(struct sandbox_server *server, int64_t deployment,
                                  int64_t *ret_root)
{
    *ret_root = deployment;
    while (*ret_root) {
        roll_auto(sandbox_deployment) struct sandbox_deployment *row = NULL;
        ROLL_TRY(sandbox_deployment_load(server, *ret_root, &row));
        if (!row || !row->parent)
            return NULL;
        *ret_root = row->parent;
    }
    return NULL;
}

struct roll_error *sandbox_stack_check(struct sandbox_server *server, const struct sandbox_id *id,
                                       const char *verb, int64_t deployment, const char *principal,
                                       struct sandbox_reply *reply, bool *ret_free)
{
    g_autoptr(GPtrArray) stacks = sandbox_stacks_new();
    int64_t root = 0;
    *ret_free = true;
    ROLL_TRY(sandbox_stack_page(server, NULL, 0, 0, stacks));
    if (stacks->len > 0)
        ROLL_TRY(root_of(server, deployment, &root));
    for (guint i = 0; i < stacks->len && *ret_free; i++) {
        const struct sandbox_stack *stack = stacks->pdata[i];
        const char *scope = denied_at(stack, id, verb, principal);
        if (!scope || (root && root == stack->deployment))
            continue;
        deny(stack, id, verb, principal, scope, reply);
        *ret_free = false;
    }
    return NULL;
}

struct roll_error *sandbox_stack_check_request(struct sandbox_server *server,
                                               const struct sandbox_request *request,
                                               const struct sandbox_id *id, const char *verb,
                                               struct sandbox_reply *reply, bool *ret_free)
{
    roll_auto(json) json_t *claims = sandbox_claims(request);
    return sandbox_stack_check(server, id, verb, 0, roll_json_get_string(claims, "oid"), reply,
                               ret_free);
}
