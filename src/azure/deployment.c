/* Deployments: put, validate, what-if, get, poll, cancel. Source: REST reference 1, 3. */
#include <string.h>

#include "azure/arm.h"

#define WHAT_IF_MS (15 * 60 * 1000) /* ARM itself expands for 5 minutes at most */
#define CANCEL_DEADLINE_MS (20 * 1000)
#define DELETE_MS (10 * 60 * 1000)

/* The recorded texts are put together, never re-written: what was hashed is what is sent. */
static GString *make_body(const struct roll_arm_deployment *deployment, bool what_if)
{
    GString *body = g_string_sized_new(strlen(deployment->template_text) + 1024);

    g_string_append_c(body, '{');
    if (deployment->location && deployment->scope.kind != ROLL_SCOPE_GROUP) {
        g_string_append(body, "\"location\":");
        roll_json_write_string(deployment->location, strlen(deployment->location), body);
        g_string_append_c(body, ',');
    }
    if (deployment->tags && json_object_size(deployment->tags) > 0) {
        g_string_append(body, "\"tags\":");
        roll_json_write(deployment->tags, body);
        g_string_append_c(body, ',');
    }
    g_string_append(body, "\"properties\":{\"mode\":\"Incremental\",\"template\":");
    g_string_append(body, deployment->template_text);
    if (deployment->parameters_text) {
        g_string_append(body, ",\"parameters\":");
        g_string_append(body, deployment->parameters_text);
    }
    if (what_if)
        g_string_append(body, ",\"whatIfSettings\":{\"resultFormat\":\"FullResourcePayloads\"}");
    g_string_append(body, "}}");
    return body;
}

void roll_arm_put(struct roll_arm *arm, const struct roll_arm_deployment *deployment,
                  roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, &deployment->scope, deployment->name, "");
    g_autoptr(GString) body = make_body(deployment, false);
    struct arm_request request = {
        .method = "PUT",
        .url = url,
        .body = body->str,
        .body_size = body->len,
        .correlation_id = deployment->correlation_id,
        .written = arm_scope_subscription(&deployment->scope),
        .leave_by = deployment->leave_by_boot_ms,
    };

    arm_simple(arm, &request, ARM_DEPLOYMENT, fn, user);
}

/* ---- validate and what-if ---- */

static void ask(struct roll_arm *arm, const struct roll_arm_deployment *deployment,
                const char *suffix, arm_done_fn done, roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, &deployment->scope, deployment->name, suffix);
    g_autoptr(GString) body = make_body(deployment, strcmp(suffix, "/whatIf") == 0);
    struct arm_request request = {
        .method = "POST",
        .url = url,
        .body = body->str,
        .body_size = body->len,
        .correlation_id = deployment->correlation_id,
        .retry = ROLL_HTTP_RETRY_UNACCEPTED,
    };

    arm_wait(arm, &request, WHAT_IF_MS, arm_scope_subscription(&deployment->scope), done, fn, user);
}

void arm_refuse_if_error(struct arm_answer *answer)
{
    g_autofree char *code = NULL, *message = NULL;
    const json_t *error = roll_json_get_nocase(answer->body, "error");

    if (answer->reply.outcome != ROLL_ARM_OK)
        return;
    if (error && !json_is_null(error)) {
        GString *text = g_string_new(NULL);
        roll_json_write(error, text);
        g_free(answer->error_json);
        answer->reply.error_json = answer->error_json = g_string_free(text, FALSE);
        roll_arm_error_leaf(answer->body, &code, &message);
        arm_answer_fail(answer, ROLL_ARM_REFUSED, code, message);
    } else if (answer->reply.state && roll_arm_state_is_final(answer->reply.state) &&
               g_ascii_strcasecmp(answer->reply.state, "Succeeded") != 0) {
        arm_answer_fail(answer, ROLL_ARM_REFUSED, NULL, "it ended without success");
    }
}

static void validate_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    (void)polled;
    arm_refuse_if_error(answer);
    if (answer->reply.outcome == ROLL_ARM_OK && !json_is_object(answer->body))
        arm_answer_fail(answer, ROLL_ARM_LOST, NULL, "the answer could not be read");
    fn(user, &answer->reply);
}

static void what_if_done(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    (void)polled;
    arm_refuse_if_error(answer);
    if (answer->reply.outcome == ROLL_ARM_OK) {
        json_t *properties = roll_json_get_nocase(answer->body, "properties");
        if (json_is_array(json_object_get(properties, "changes")))
            arm_answer_take_body(answer, json_incref(properties));
        else
            arm_answer_fail(answer, ROLL_ARM_LOST, NULL, "the answer could not be read");
    }
    fn(user, &answer->reply);
}

void roll_arm_what_if(struct roll_arm *arm, const struct roll_arm_deployment *deployment,
                      roll_arm_fn fn, void *user)
{
    ask(arm, deployment, "/whatIf", what_if_done, fn, user);
}

void roll_arm_validate(struct roll_arm *arm, const struct roll_arm_deployment *deployment,
                       roll_arm_fn fn, void *user)
{
    ask(arm, deployment, "/validate", validate_done, fn, user);
}

/* ---- get, poll, cancel ---- */

static void get(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, scope, name, "");
    struct arm_request request = {
        .method = "GET",
        .url = url,
        .subscription = arm_scope_subscription(scope),
        .retry = ROLL_HTTP_RETRY_READ,
    };

    arm_simple(arm, &request, ARM_DEPLOYMENT, fn, user);
}

void roll_arm_get(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                  roll_arm_fn fn, void *user)
{
    get(arm, scope, name, fn, user);
}

void roll_arm_poll(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                   const char *poll_url, roll_arm_fn fn, void *user)
{
    if (name && (!poll_url || !roll_url_is_within(poll_url, arm->cloud->arm))) {
        get(arm, scope, name, fn, user);
        return;
    }
    struct arm_request request = {
        .method = "GET",
        .url = poll_url,
        .subscription = arm_scope_subscription(scope),
        .retry = ROLL_HTTP_RETRY_POLL,
    };
    arm_simple(arm, &request, name ? ARM_STATUS : ARM_LOCATION, fn, user);
}

bool roll_arm_counts_reads(const struct roll_arm *arm, const struct roll_arm_scope *scope)
{
    return budget_counts(arm->budget, arm_scope_subscription(scope));
}

void roll_arm_cancel(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                     roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, scope, name, "/cancel");
    struct arm_request request = {
        .method = "POST",
        .url = url,
        .retry = ROLL_HTTP_RETRY_UNACCEPTED,
        .deadline_ms = CANCEL_DEADLINE_MS,
    };

    arm_simple(arm, &request, ARM_ANY, fn, user);
}

/* ---- the record: is it there, its template, its end ---- */

void roll_arm_exists(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                     roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, scope, name, "");
    struct arm_request request = {
        .method = "HEAD",
        .url = url,
        .subscription = arm_scope_subscription(scope),
        .retry = ROLL_HTTP_RETRY_READ,
    };

    arm_simple(arm, &request, ARM_THERE, fn, user);
}

void roll_arm_export(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                     roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, scope, name, "/exportTemplate");
    struct arm_request request = {
        .method = "POST", .url = url, .retry = ROLL_HTTP_RETRY_UNACCEPTED};

    arm_simple(arm, &request, ARM_OBJECT, fn, user);
}

static void record_deleted(struct arm_answer *answer, bool polled, roll_arm_fn fn, void *user)
{
    arm_settled(answer, polled, "the deletion", fn, user);
}

void roll_arm_delete(struct roll_arm *arm, const struct roll_arm_scope *scope, const char *name,
                     roll_arm_fn fn, void *user)
{
    g_autofree char *url = arm_deployment_url(arm, scope, name, "");
    struct arm_request request = {
        .method = "DELETE", .url = url, .retry = ROLL_HTTP_RETRY_UNACCEPTED};

    arm_wait(arm, &request, DELETE_MS, arm_scope_subscription(scope), record_deleted, fn, user);
}
