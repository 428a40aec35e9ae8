/* Deployment stacks: put, get, poll, validate, delete, export. Source: REST reference 4.
 *
 * A stack is one resource that each PUT overwrites: its correlation id is that of the last PUT that
 * ARM took. It cannot be cancelled, and it has no timestamp of its own. */
#include <string.h>

#include "azure/arm.h"
#include "rollbook/time.h"

/* The version of the recorded traffic; 2025-07-01 is younger and adds nothing that is used here
 * (REST reference 4.1). */
#define STACK_API_VERSION "2024-03-01"
#define VALIDATE_MS (15 * 60 * 1000)
#define DELETE_MS (4 * 60 * 60 * 1000) /* what is held by others is tried for about three hours */
#define STACKS "/providers/Microsoft.Resources/deploymentStacks/"

static char *stack_url(const struct roll_arm *arm, const struct roll_arm_scope *scope,
                       const char *name, const char *suffix)
{
    g_autofree char *path = roll_arm_scope_path(scope);
    GString *url = g_string_new(arm->cloud->arm);

    g_string_append_printf(url, "%s" STACKS, path);
    roll_url_encode(name, url);
    g_string_append_printf(url, "%s?api-version=" STACK_API_VERSION, suffix);
    return g_string_free(url, FALSE);
}

/* ---- bodies --------------------------------------------------------------------------------- */

static void add_member(GString *body, const char *name, const json_t *value)
{
    g_string_append_printf(body, ",\"%s\":", name);
    roll_json_write(value, body);
}

static void add_text(GString *body, const char *name, const char *text)
{
    g_string_append_printf(body, "\"%s\":", name);
    roll_json_write_string(text, strlen(text), body);
    g_string_append_c(body, ',');
}

static const char *word(bool is_deleted)
{
    return is_deleted ? "delete" : "detach";
}

/* As with deployments the recorded texts are put together, never re-written. */
static GString *make_body(const struct roll_arm_stack *stack)
{
    GString *body = g_string_sized_new(strlen(stack->template_text) + 1024);

    g_string_append_c(body, '{');
    if (stack->location && stack->scope.kind != ROLL_SCOPE_GROUP)
        add_text(body, "location", stack->location);
    if (stack->tags && json_object_size(stack->tags) > 0) {
        g_string_append(body, "\"tags\":");
        roll_json_write(stack->tags, body);
        g_string_append_c(body, ',');
    }
    g_string_append_printf(body,
                           "\"properties\":{\"actionOnUnmanage\":{\"resources\":\"%s\","
                           "\"resourceGroups\":\"%s\",\"managementGroups\":\"%s\"}",
                           word(stack->unmanage.delete_resources),
                           word(stack->unmanage.delete_groups),
                           word(stack->unmanage.delete_management_groups));
    if (stack->deny_settings)
        add_member(body, "denySettings", stack->deny_settings);
    else
        g_string_append(body, ",\"denySettings\":{\"mode\":\"none\"}");
    if (stack->unmanage.bypass_out_of_sync)
        g_string_append(body, ",\"bypassStackOutOfSyncError\":true");
    g_string_append(body, ",\"template\":");
    g_string_append(body, stack->template_text);
    if (stack->parameters_text) {
        g_string_append(body, ",\"parameters\":");
        g_string_append(body, stack->parameters_text);
    }
    g_string_append(body, "}}");
    return body;
}

/* ---- what a stack says of itself ------------------------------------------------------------ */

/* When the last PUT came, and how long it took, make the time of its end. */
static void set_time(struct arm_answer *answer)
{
    const json_t *data = roll_json_get_nocase(answer->body, "systemData");
    const char *at = json_string_value(roll_json_get_nocase(data, "lastModifiedAt"));

    if (!at || !roll_arm_state_is_final(answer->reply.state))
        return;
    roll_error_free(roll_time_parse(at, &answer->reply.arm_at));
    if (answer->reply.arm_at > 0)
        answer->reply.arm_at += answer->reply.duration_ms;
}

/* The stack's own error ends at "resources could not be deleted"; which one, and why, stands in
 * its list. */
static void set_failed_resource(struct arm_answer *answer)
{
    const json_t *properties = roll_json_get_nocase(answer->body, "properties");
    const json_t *failed = roll_json_get_nocase(properties, "failedResources");
    const json_t *first = json_array_get(failed, 0);
    const char *id = json_string_value(roll_json_get_nocase(first, "id"));
    g_autofree char *code = NULL, *message = NULL, *text = NULL;

    if (!id || g_ascii_strcasecmp(answer->reply.state, "failed") != 0)
        return;
    roll_arm_error_leaf(first, &code, &message);
    if (!code && !message)
        return;
    text = g_strdup_printf("'%s': %s", id, message ? message : code);
    arm_answer_fail(answer, answer->reply.outcome, code ? code : answer->code, text);
}

struct simple {
    struct roll_arm *arm;
    enum arm_rule rule;
    roll_arm_fn fn;
    void *user;
};

static void on_answer(void *user, const struct roll_http_reply *reply, const struct roll_error *err)
{
    g_autofree struct simple *simple = user;
    struct arm_answer answer;

    arm_answer_read(&answer, simple->arm, simple->rule, reply, err);
    if (answer.reply.outcome == ROLL_ARM_OK && answer.reply.state) {
        set_time(&answer);
        set_failed_resource(&answer);
    }
    simple->fn(simple->user, &answer.reply);
    arm_answer_clear(&answer);
}

static void send_simple(struct roll_arm *arm, const struct arm_request *request, enum arm_rule rule,
                        roll_arm_fn fn, void *user)
{
    struct simple *simple = g_new0(struct simple, 1);

    *simple = (struct simple){arm, rule, fn, user};
    arm_send(arm, request, on_answer, simple, g_free);
}

/* ---- calls ---------------------------------------------------------------------------------- */

void roll_arm_stack_put(struct roll_arm *arm, const struct roll_arm_stack *stack, roll_arm_fn fn,
                        void *user)
{
    g_autofree char *url = stack_url(arm, &stack->scope, stack->name, "");
    g_autoptr(GString) body = make_body(stack);
    struct arm_request request = {
        .method = "PUT",
        .url = url,
        .body = body->str,
        .body_size = body->len,
        .correlation_id = stack->correlation_id,
        .leave_by = stack->leave_by_boot_ms,
    };

    send_simple(arm, &request, ARM_DEPLOYMENT, fn, user);
}

void roll_arm_stack_get(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                        roll_arm_fn fn, void *user)
{
    g_autofree char *url = stack_url(arm, scope, name, "");
    struct arm_request request = {
        .method = "GET",
        .url = url,
        .subscription = arm_scope_subscription(scope),
        .retry = ROLL_HTTP_RETRY_READ,
    };

    send_simple(arm, &request, ARM_DEPLOYMENT, fn, user);
}

void roll_arm_stack_poll(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                         const char *poll_url, roll_arm_fn fn, void *user)
{
    if (!poll_url || !roll_url_is_within(poll_url, arm->cloud->arm)) {
        roll_arm_stack_get(arm, scope, name, fn, user);
        return;
    }
    struct arm_request request = {
        .method = "GET",
        .url = poll_url,
        .subscription = arm_scope_subscription(scope),
        .retry = ROLL_HTTP_RETRY_POLL,
    };
    send_simple(arm, &request, ARM_STATUS, fn, user);
}

static void validate_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    (void)polled;
    arm_refuse_if_error(answer);
    if (answer->reply.outcome == ROLL_ARM_OK && !json_is_object(answer->body))
        arm_answer_fail(answer, ROLL_ARM_LOST, NULL, "the answer could not be read");
    fn(user, &answer->reply);
}

void roll_arm_stack_validate(struct roll_arm *arm, const struct roll_arm_stack *stack,
                             roll_arm_fn fn, void *user)
{
    g_autofree char *url = stack_url(arm, &stack->scope, stack->name, "/validate");
    g_autoptr(GString) body = make_body(stack);
    struct arm_request request = {
        .method = "POST",
        .url = url,
        .body = body->str,
        .body_size = body->len,
        .correlation_id = stack->correlation_id,
        .retry = ROLL_HTTP_RETRY_READ,
    };

    arm_wait(arm, &request, VALIDATE_MS, arm_scope_subscription(&stack->scope), validate_done, fn,
             user);
}

/* What was polled tells the operation's state; what was answered at once has ended. */
static void delete_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    const char *state = answer->reply.state;

    if (answer->reply.outcome == ROLL_ARM_OK && polled && state &&
        g_ascii_strcasecmp(state, "Succeeded") != 0) {
        arm_refuse_if_error(answer);
        if (answer->reply.outcome == ROLL_ARM_OK)
            arm_answer_fail(answer, ROLL_ARM_REFUSED, answer->code,
                            "the stack's deletion ended without success");
    }
    fn(user, &answer->reply);
}

void roll_arm_stack_delete(struct roll_arm *arm, const struct roll_arm_scope *scope,
                           const char *name, const struct roll_arm_unmanage *unmanage,
                           roll_arm_fn fn, void *user)
{
    g_autofree char *base = stack_url(arm, scope, name, "");
    g_autofree char *url = g_strdup_printf(
        "%s&unmanageAction.Resources=%s&unmanageAction.ResourceGroups=%s"
        "&unmanageAction.ManagementGroups=%s&bypassStackOutOfSyncError=%s",
        base, word(unmanage->delete_resources), word(unmanage->delete_groups),
        word(unmanage->delete_management_groups), unmanage->bypass_out_of_sync ? "true" : "false");
    struct arm_request request = {.method = "DELETE", .url = url};

    arm_wait(arm, &request, DELETE_MS, arm_scope_subscription(scope), delete_done, fn, user);
}

void roll_arm_stack_export(struct roll_arm *arm, const struct roll_arm_scope *scope,
                           const char *name, roll_arm_fn fn, void *user)
{
    g_autofree char *url = stack_url(arm, scope, name, "/exportTemplate");
    struct arm_request request = {.method = "POST", .url = url, .retry = ROLL_HTTP_RETRY_READ};

    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}
