/* Resource groups, any resource, and actions on one. Source: REST reference 6.1, 6.2. */
#include <string.h>

#include "azure/arm.h"

#define ACTION_MS (60 * 60 * 1000)
#define DELETE_MS (60 * 60 * 1000)

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

/* ---- making a group ---- */

#define GROUP_TRIES 3

/* A PUT whose answer was lost may have made it: it is looked for before it is made again. */
struct group_making {
    struct roll_arm *arm;
    char *url, *body, *subscription;
    int tries;
    roll_arm_fn fn;
    void *user;
};

static void group_making_free(gpointer data)
{
    struct group_making *making = data;

    g_free(making->url);
    g_free(making->body);
    g_free(making->subscription);
    g_free(making);
}

static void make_group(struct group_making *making);

static void group_end(struct group_making *making, struct arm_answer *answer)
{
    making->fn(making->user, &answer->reply);
    arm_answer_clear(answer);
    group_making_free(making);
}

static void group_looked(void *user, const struct roll_http_reply *reply,
                         const struct roll_error *err)
{
    struct group_making *making = user;
    struct arm_answer answer;

    arm_answer_read(&answer, making->arm, ARM_OBJECT, reply, err);
    if (answer.reply.outcome == ROLL_ARM_NOT_FOUND && making->tries < GROUP_TRIES) {
        arm_answer_clear(&answer);
        make_group(making);
    } else {
        group_end(making, &answer);
    }
}

static void group_answered(void *user, const struct roll_http_reply *reply,
                           const struct roll_error *err)
{
    struct group_making *making = user;
    struct arm_answer answer;

    arm_answer_read(&answer, making->arm, ARM_OBJECT, reply, err);
    if (answer.reply.outcome != ROLL_ARM_LOST) {
        group_end(making, &answer);
        return;
    }
    struct arm_request request = {
        .method = "GET",
        .url = making->url,
        .subscription = making->subscription,
        .retry = ROLL_HTTP_RETRY_READ,
    };
    arm_answer_clear(&answer);
    arm_send(making->arm, &request, group_looked, making, group_making_free);
}

static void make_group(struct group_making *making)
{
    struct arm_request request = {
        .method = "PUT",
        .url = making->url,
        .body = making->body,
        .body_size = strlen(making->body),
        .retry = ROLL_HTTP_RETRY_UNACCEPTED,
    };

    making->tries++;
    arm_send(making->arm, &request, group_answered, making, group_making_free);
}

void roll_arm_group_put(struct roll_arm *arm, const char *subscription, const char *group,
                        const char *location, const json_t *tags, roll_arm_fn fn, void *user)
{
    struct group_making *making = g_new0(struct group_making, 1);
    GString *body = g_string_new("{\"location\":");

    roll_json_write_string(location, strlen(location), body);
    if (tags && json_object_size(tags) > 0) {
        g_string_append(body, ",\"tags\":");
        roll_json_write(tags, body);
    }
    g_string_append_c(body, '}');
    *making = (struct group_making){
        .arm = arm,
        .url = group_url(arm, subscription, group),
        .body = g_string_free(body, FALSE),
        .subscription = g_strdup(subscription),
        .fn = fn,
        .user = user,
    };
    make_group(making);
}

/* ---- by id ---- */

void roll_arm_resource_get(struct roll_arm *arm, const char *resource_id, const char *api_version,
                           roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_id_url(arm, resource_id, "", api_version);
    g_autofree char *subscription = arm_id_subscription(resource_id);
    struct arm_request request = {
        .method = "GET", .url = url, .subscription = subscription, .retry = ROLL_HTTP_RETRY_READ};

    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}

/* What was polled tells the operation's state; what was answered at once has none of its own. */
static void action_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    arm_settled(answer, polled, "the action", fn, user);
}

void roll_arm_action(struct roll_arm *arm, const char *resource_id_and_action,
                     const char *api_version, const char *body_text, const char *correlation_id,
                     roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_id_url(arm, resource_id_and_action, "", api_version);
    g_autofree char *subscription = arm_id_subscription(resource_id_and_action);
    struct arm_request request = {
        .method = "POST",
        .url = url,
        .body = body_text,
        .body_size = body_text ? strlen(body_text) : 0,
        .correlation_id = correlation_id,
    };

    arm_wait(arm, &request, ACTION_MS, subscription, action_done, fn, user);
}

/* ---- there or not, and deleting ---- */

void roll_arm_resource_exists(struct roll_arm *arm, const char *resource_id,
                              const char *api_version, roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_id_url(arm, resource_id, "", api_version);
    g_autofree char *subscription = arm_id_subscription(resource_id);
    struct arm_request request = {
        .method = "HEAD", .url = url, .subscription = subscription, .retry = ROLL_HTTP_RETRY_READ};

    arm_simple(arm, &request, ARM_THERE, fn, user);
}

static void deletion_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    arm_settled(answer, polled, "the deletion", fn, user);
}

void roll_arm_resource_delete(struct roll_arm *arm, const char *resource_id,
                              const char *api_version, int64_t leave_by_boot_ms, roll_arm_fn fn,
                              void *user)
{
    g_autofree char *url = arm_id_url(arm, resource_id, "", api_version);
    g_autofree char *subscription = arm_id_subscription(resource_id);
    struct arm_request request = {.method = "DELETE",
                                  .url = url,
                                  .retry = ROLL_HTTP_RETRY_UNACCEPTED,
                                  .leave_by = leave_by_boot_ms};

    arm_wait(arm, &request, DELETE_MS, subscription, deletion_done, fn, user);
}

/* ---- all in a scope ---- */

#define RESOURCES_MAX 20000

void roll_arm_resources(struct roll_arm *arm, const char *scope_id, roll_arm_fn fn, void *user)
{
    g_autofree char *base = arm_id_url(arm, scope_id, "/resources", ARM_API_VERSION);
    g_autofree char *subscription = arm_id_subscription(scope_id);
    g_autofree char *url = g_strconcat(base, "&$expand=createdTime", NULL);

    arm_list(arm, url, subscription, RESOURCES_MAX, fn, user);
}
