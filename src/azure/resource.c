/* Resource groups, any resource, and actions on one. Source: REST reference 6.1, 6.2. */
#include <string.h>

#include "azure/arm.h"

#define ACTION_MS (60 * 60 * 1000)

static char *group_url(const struct roll_arm *arm, const char *subscription, const char *group)
{
    struct roll_arm_scope scope = {
        .kind = ROLL_SCOPE_GROUP, .subscription = subscription, .resource_group = group};
    g_autofree char *path = roll_arm_scope_path(&scope);

    return g_strconcat(arm->cloud->arm, path, "?api-version=" ARM_API_VERSION, NULL);
}

void roll_arm_group_get(struct roll_arm *arm, const char *subscription, const char *group,
                        roll_arm_fn fn, void *user)
{
    g_autofree char *url = group_url(arm, subscription, group);
    struct arm_request request = {
        .method = "GET", .url = url, .subscription = subscription, .retry = ROLL_HTTP_RETRY_READ};

    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}

/* The same group twice is the same group: it may be repeated. */
void roll_arm_group_put(struct roll_arm *arm, const char *subscription, const char *group,
                        const char *location, const json_t *tags, roll_arm_fn fn, void *user)
{
    g_autofree char *url = group_url(arm, subscription, group);
    g_autoptr(GString) body = g_string_new("{\"location\":");

    roll_json_write_string(location, strlen(location), body);
    if (tags && json_object_size(tags) > 0) {
        g_string_append(body, ",\"tags\":");
        roll_json_write(tags, body);
    }
    g_string_append_c(body, '}');
    struct arm_request request = {
        .method = "PUT",
        .url = url,
        .body = body->str,
        .body_size = body->len,
        .retry = ROLL_HTTP_RETRY_READ,
    };
    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}

/* ---- by id ---- */

/* Each segment encoded, slashes kept; owned by the caller. */
static char *id_url(const struct roll_arm *arm, const char *id, const char *api_version)
{
    g_auto(GStrv) segments = g_strsplit(id, "/", -1);
    GString *url = g_string_new(arm->cloud->arm);

    for (char **segment = segments; *segment; segment++) {
        if (**segment == '\0')
            continue;
        g_string_append_c(url, '/');
        roll_url_encode(*segment, url);
    }
    g_string_append(url, "?api-version=");
    roll_url_encode(api_version, url);
    return g_string_free(url, FALSE);
}

/* Its subscription for the read budget, "" when it has none. Owned by the caller. */
static char *id_subscription(const char *id)
{
    static const char prefix[] = "/subscriptions/";

    if (g_ascii_strncasecmp(id, prefix, sizeof prefix - 1) != 0)
        return g_strdup("");
    const char *start = id + sizeof prefix - 1;
    return g_strndup(start, strcspn(start, "/"));
}

void roll_arm_resource_get(struct roll_arm *arm, const char *resource_id, const char *api_version,
                           roll_arm_fn fn, void *user)
{
    g_autofree char *url = id_url(arm, resource_id, api_version);
    g_autofree char *subscription = id_subscription(resource_id);
    struct arm_request request = {
        .method = "GET", .url = url, .subscription = subscription, .retry = ROLL_HTTP_RETRY_READ};

    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}

/* What was polled tells the operation's state; what was answered at once has none of its own. */
static void action_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    const char *state = answer->reply.state;

    if (answer->reply.outcome == ROLL_ARM_OK && polled && state &&
        g_ascii_strcasecmp(state, "Succeeded") != 0) {
        g_autofree char *code = g_strdup(answer->code);
        g_autofree char *message = answer->message ? g_strdup(answer->message)
                                                   : g_strdup_printf("the action ended %s", state);
        arm_answer_fail(answer, ROLL_ARM_REFUSED, code, message);
    }
    fn(user, &answer->reply);
}

void roll_arm_action(struct roll_arm *arm, const char *resource_id_and_action,
                     const char *api_version, const char *body_text, const char *correlation_id,
                     roll_arm_fn fn, void *user)
{
    g_autofree char *url = id_url(arm, resource_id_and_action, api_version);
    g_autofree char *subscription = id_subscription(resource_id_and_action);
    struct arm_request request = {
        .method = "POST",
        .url = url,
        .body = body_text,
        .body_size = body_text ? strlen(body_text) : 0,
        .correlation_id = correlation_id,
    };

    arm_wait(arm, &request, ACTION_MS, subscription, action_done, fn, user);
}
