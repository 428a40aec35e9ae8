/* Reading what a client asks of a deployment stack: its settings, and the deployment below it (REST
 * reference 4.1 and 4.2). */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/services.h"
#include "sandbox/slice.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"

#define NAME_MAX_CHARS 90
#define MANAGED_NAME_MAX 64
#define PRINCIPALS_MAX 5
#define ACTIONS_MAX 200

struct roll_error *sandbox_stack_check_scope(struct sandbox_server *server,
                                             const struct sandbox_request *request,
                                             struct sandbox_reply *reply, bool *ret_there)
{
    *ret_there = request->scope.kind != ROLL_SCOPE_TENANT;
    if (*ret_there)
        return sandbox_group_require(server, &request->scope, reply, ret_there);
    sandbox_reply_error(reply, 404, "InvalidResourceType",
                        "Deployment stacks exist in resource groups, subscriptions and management "
                        "groups.");
    return NULL;
}

/* ---- bodies --------------------------------------------------------------------------------- */

static bool refuse(struct sandbox_reply *reply, const char *text)
{
    sandbox_reply_error(reply, 400, "InvalidRequestContent",
                        "The request content was invalid and could not be deserialized: '%s'.",
                        text);
    return false;
}

/* The one of words that text is, in its own spelling; NULL. */
static const char *word_of(const char *text, const char *const *words)
{
    for (size_t i = 0; text && words[i]; i++)
        if (g_ascii_strcasecmp(words[i], text) == 0)
            return words[i];
    return NULL;
}

/* With every member that GET shows, in the spelling of GET. NULL after the refusal was made. */
static json_t *read_action(const json_t *properties, struct sandbox_reply *reply)
{
    static const char *const words[] = {"detach", "delete", NULL};
    static const char *const members[] = {"resources", "resourceGroups", "managementGroups", NULL};
    const json_t *sent = roll_json_get_nocase(properties, "actionOnUnmanage");
    json_t *action = json_object();
    for (int i = 0; members[i]; i++) {
        const json_t *value = roll_json_get_nocase(sent, members[i]);
        const char *word = word_of(json_string_value(value), words);
        if (!word && (value || i == 0)) {
            refuse(reply, "actionOnUnmanage.resources is 'delete' or 'detach'");
            json_decref(action);
            return NULL;
        }
        json_object_set_new(action, members[i], json_string(word ? word : "detach"));
    }
    return action;
}

static bool is_list_of(const json_t *value, size_t max)
{
    size_t index;
    json_t *entry;
    bool good =
        !value || json_is_null(value) || (json_is_array(value) && json_array_size(value) <= max);
    json_array_foreach ((json_t *)(uintptr_t)value, index, entry)
        good = good && json_is_string(entry);
    return good;
}

static json_t *read_deny(const json_t *properties, struct sandbox_reply *reply)
{
    static const char *const modes[] = {"none", "denyDelete", "denyWriteAndDelete", NULL};
    const json_t *sent = roll_json_get_nocase(properties, "denySettings");
    const char *mode = word_of(json_string_value(roll_json_get_nocase(sent, "mode")), modes);
    json_t *principals = roll_json_get_nocase(sent, "excludedPrincipals");
    json_t *actions = roll_json_get_nocase(sent, "excludedActions");
    if (!mode) {
        refuse(reply, "denySettings.mode is 'none', 'denyDelete' or 'denyWriteAndDelete'");
        return NULL;
    }
    if (!is_list_of(principals, PRINCIPALS_MAX) || !is_list_of(actions, ACTIONS_MAX)) {
        refuse(reply, "denySettings excludes at most 5 principals and 200 actions");
        return NULL;
    }
    json_t *deny = json_pack("{s:s}", "mode", mode);
    bool children = json_is_true(roll_json_get_nocase(sent, "applyToChildScopes"));
    json_object_set_new(deny, "applyToChildScopes", json_boolean(children));
    if (json_is_array(principals))
        json_object_set(deny, "excludedPrincipals", principals);
    if (json_is_array(actions))
        json_object_set(deny, "excludedActions", actions);
    return deny;
}

static bool check_name(const char *name, struct sandbox_reply *reply)
{
    if (g_utf8_strlen(name, -1) <= NAME_MAX_CHARS && sandbox_is_name(name))
        return true;
    sandbox_reply_error(reply, 400, "InvalidDeploymentStackName",
                        "The deployment stack name '%s' has invalid characters or is longer than "
                        "90.",
                        name);
    return false;
}

/* ---- the managed deployment ----------------------------------------------------------------- */

/* The stack's name as far as there is room, the hour, and a few letters: `shop-26030109a3f1c`. */
static char *managed_name(const char *stack, int64_t at_ms)
{
    char time[ROLL_TIME_SIZE], random[ROLL_UUID_SIZE];
    roll_time_format(at_ms, time);
    roll_uuid_random(random);
    g_autofree char *suffix =
        g_strdup_printf("-%.2s%.2s%.2s%.2s%.5s", time + 2, time + 5, time + 8, time + 11, random);
    glong room = MANAGED_NAME_MAX - (glong)strlen(suffix);
    g_autofree char *front = g_utf8_substring(stack, 0, MIN(room, g_utf8_strlen(stack, -1)));
    return g_strconcat(front, suffix, NULL);
}

/* What the stack's body says of the deployment below it. New reference. */
static json_t *deployment_body(const json_t *body)
{
    static const char *const handed[] = {
        "template",         "templateLink",   "parameters",   "parametersLink",
        "extensionConfigs", "externalInputs", "debugSetting", NULL};
    const json_t *properties = roll_json_get_nocase(body, "properties");
    json_t *inner = json_pack("{s:s}", "mode", "Incremental");
    for (int i = 0; handed[i]; i++) {
        json_t *value = roll_json_get_nocase(properties, handed[i]);
        if (value)
            json_object_set(inner, handed[i], value);
    }
    json_t *made = json_pack("{s:o}", "properties", inner);
    json_t *location = roll_json_get_nocase(body, "location");
    if (location)
        json_object_set(made, "location", location);
    return made;
}

void sandbox_stack_asked_clear(struct sandbox_stack_asked *asked)
{
    json_decref(asked->body);
    json_decref(asked->action);
    json_decref(asked->deny);
    if (asked->strict)
        g_string_free(asked->strict, TRUE);
    sandbox_new_clear(&asked->made);
}

static struct roll_error *make_deployment(struct sandbox_server *server,
                                          const struct sandbox_request *request,
                                          struct sandbox_reply *reply,
                                          struct sandbox_stack_asked *asked)
{
    static const char *const path[] = {"properties", "template", NULL};
    const json_t *properties = roll_json_get_nocase(asked->body, "properties");
    const char *scope = json_string_value(roll_json_get_nocase(properties, "deploymentScope"));
    roll_auto(json) json_t *inner = deployment_body(asked->body);
    g_autofree char *name = managed_name(request->name, request->now_ms);
    g_autofree char *key = sandbox_key(scope ? scope : request->scope.id);
    g_autofree char *id = g_strdup_printf("%s/providers/Microsoft.Resources/deployments/%s",
                                          scope ? key : request->scope.id, name);
    size_t size = 0;
    const char *text = sandbox_slice(asked->strict->str, path, &size);
    ROLL_TRY(sandbox_deployment_make(server, id, inner, text, size, request->correlation_id,
                                     request->now_ms, reply, &asked->made));
    bool allowed = true;
    if (asked->made.deployment)
        ROLL_TRY(sandbox_deployment_expand(&asked->made, reply));
    if (asked->made.deployment)
        ROLL_TRY(sandbox_role_check_template(server, request, asked->made.expansion->resources,
                                             reply, &allowed));
    if (!allowed)
        sandbox_new_clear(&asked->made);
    return NULL;
}

struct roll_error *sandbox_stack_read(struct sandbox_server *server,
                                      struct sandbox_request *request, struct sandbox_reply *reply,
                                      struct sandbox_stack_asked *asked)
{
    bool there;
    ROLL_TRY(sandbox_stack_check_scope(server, request, reply, &there));
    if (!there || !check_name(request->name, reply) ||
        !sandbox_request_json(request, reply, &asked->body, &asked->strict))
        return NULL;
    const json_t *properties = roll_json_get_nocase(asked->body, "properties");
    if (!sandbox_tags_check(roll_json_get_nocase(asked->body, "tags"), reply))
        return NULL;
    if (!json_is_object(properties)) {
        refuse(reply, "properties is missing");
        return NULL;
    }
    asked->action = read_action(properties, reply);
    if (asked->action)
        asked->deny = read_deny(properties, reply);
    return asked->deny ? make_deployment(server, request, reply, asked) : NULL;
}
