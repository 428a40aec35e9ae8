/* What happens around every handler: faults, token, rate limits, api-version, life cycles, one
 * transaction, the activity log, and the headers that every answer has. */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/log.h"
#include "sandbox/activity.h"
#include "sandbox/deployment.h"
#include "sandbox/faults.h"
#include "sandbox/login.h"
#include "sandbox/services.h"
#include "sandbox/store.h"

static bool check_subscription(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    if (!request->scope.subscription || sandbox_is_guid(request->scope.subscription))
        return true;
    sandbox_reply_error(reply, 400, "InvalidSubscriptionId",
                        "The provided subscription identifier '%s' is malformed or invalid.",
                        request->scope.subscription);
    return false;
}

static bool check_api_version(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *version = sandbox_query(request, "api-version");
    if (!version || !*version) {
        sandbox_reply_error(
            reply, 400, "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.");
        return false;
    }
    bool good = strlen(version) >= 10 && version[4] == '-' && version[7] == '-';
    for (int i = 0; good && i < 10; i++)
        good = i == 4 || i == 7 || g_ascii_isdigit(version[i]);
    if (good && (version[10] == '\0' || version[10] == '-'))
        return true;
    sandbox_reply_error(
        reply, 400, "InvalidApiVersionParameter",
        "The api-version '%s' is invalid. It has the form 'YYYY-MM-DD' or 'YYYY-MM-DD-preview'.",
        version);
    return false;
}

/* REST reference 1.2. */
static const char *const deployment_versions[] = {
    "2015-11-01", "2016-02-01", "2016-07-01", "2016-09-01", "2017-05-10", "2018-02-01",
    "2018-05-01", "2019-03-01", "2019-05-01", "2019-05-10", "2019-07-01", "2019-08-01",
    "2019-10-01", "2020-06-01", "2020-08-01", "2020-10-01", "2021-01-01", "2021-04-01",
    "2022-09-01", "2023-07-01", "2024-03-01", "2024-07-01", "2024-08-01", "2024-11-01",
    "2025-03-01", "2025-04-01", "2026-06-01", "2026-09-01", NULL,
};

static bool is_of_deployments(const struct sandbox_request *request)
{
    char *const *segments = (char *const *)request->segments->pdata;
    const struct sandbox_scope *scope = &request->scope;
    guint from = scope->kind == ROLL_SCOPE_GROUP || scope->management_group ? 4
                 : scope->subscription                                      ? 2
                                                                            : 0;
    return request->segments->len > from + 2 &&
           g_ascii_strcasecmp(segments[from], "providers") == 0 &&
           g_ascii_strcasecmp(segments[from + 1], "Microsoft.Resources") == 0 &&
           g_ascii_strcasecmp(segments[from + 2], "deployments") == 0;
}

/* ARM's own types say which versions they have. */
static bool check_supported(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    const char *version = sandbox_query(request, "api-version");
    if (!is_of_deployments(request) || g_strv_contains(deployment_versions, version))
        return true;
    g_autofree char *list = g_strjoinv(",", (char **)(uintptr_t)deployment_versions);
    sandbox_reply_error(reply, 400, "InvalidApiVersionParameter",
                        "The api-version '%s' is invalid. The supported versions are '%s'.",
                        version, list);
    return false;
}

/* One transaction for what the handler does; a refusal undoes it. */
static struct roll_error *handle(struct sandbox_server *server, sandbox_handler handler,
                                 struct sandbox_request *request, struct sandbox_reply *reply)
{
    ROLL_TRY(sandbox_life_advance(server, request->now_ms));
    bool write = !(request->method & (METHOD_GET | METHOD_HEAD));
    ROLL_TRY(roll_sql_begin(server->sql, write));
    bool allowed = false;
    struct roll_error *err = sandbox_activity_begin(server, request);
    if (!err)
        err = sandbox_role_check(server, request, reply, &allowed);
    if (!err && allowed)
        err = handler(server, request, reply);
    if (!err && !reply->refused)
        err = sandbox_activity_end(server, request, reply);
    if (!err && !reply->refused)
        err = roll_sql_commit(server->sql);
    roll_sql_rollback(server->sql);
    /* Of what was refused only this stays. */
    if (!err && reply->refused)
        err = sandbox_activity_end(server, request, reply);
    return err;
}

static void add_headers(const struct sandbox_request *request, struct sandbox_reply *reply)
{
    char id[ROLL_UUID_SIZE];
    roll_uuid_random(id);
    sandbox_reply_header(reply, "x-ms-request-id", "%s", id);
    sandbox_reply_header(reply, "x-ms-correlation-request-id", "%s", request->correlation_id);
    sandbox_reply_header(reply, "x-ms-routing-request-id", "SANDBOX:%s", id);
    sandbox_reply_header(reply, "Cache-Control", "no-cache");
    if (request->client_request_id)
        sandbox_reply_header(reply, "x-ms-client-request-id", "%s", request->client_request_id);
    if (reply->status >= 400)
        sandbox_reply_header(reply, "x-ms-failure-cause", "gateway");
}

static void answer(struct sandbox_server *server, struct sandbox_request *request,
                   struct sandbox_reply *reply)
{
    if (!request->segments) {
        sandbox_reply_error(reply, 400, "InvalidUri",
                            "The path of the request is not valid UTF-8 or percent-encoded text.");
        return;
    }
    if (request->body_too_large) {
        sandbox_reply_error(reply, 413, "RequestContentTooLarge",
                            "The request content size exceeds the maximum size of '%u' bytes.",
                            SANDBOX_MAX_BODY);
        return;
    }
    if (sandbox_login(server, request, reply) || sandbox_services(server, request, reply))
        return;
    sandbox_handler handler = sandbox_route(request, reply);
    if (!sandbox_authenticate(server, request, reply) || !handler)
        return;
    if (!sandbox_buckets_take(server, request, reply) || !check_api_version(request, reply) ||
        !check_supported(request, reply) || !check_subscription(request, reply))
        return;
    roll_auto(error) struct roll_error *err = handle(server, handler, request, reply);
    if (!err)
        return;
    /* What was cached may have been rolled back: it is made again from the rows. */
    g_hash_table_remove_all(server->runs);
    roll_log(ROLL_LOG_NORMAL, "sandbox: '%s %s': %s", request->method_name, request->path,
             err->message);
    sandbox_reply_error(reply, 500, "InternalServerError", "The sandbox failed: %s", err->message);
}

static void answer_with(struct sandbox_server *server, struct sandbox_request *request,
                        const struct sandbox_fault_hit *hit, struct sandbox_reply *reply)
{
    if (hit->lost)
        return;
    if (hit->status != 0) {
        sandbox_fault_reply(request, hit->status, reply);
        return;
    }
    if (hit->later != 0) {
        struct roll_error *err = sandbox_fault_later(server, request, hit->later, reply);
        if (err)
            sandbox_reply_error(reply, 500, "InternalServerError", "The sandbox failed: %s",
                                err->message);
        roll_error_free(err);
        return;
    }
    if (hit->twice) {
        struct sandbox_reply unseen;
        sandbox_reply_init(&unseen);
        answer(server, request, &unseen);
        sandbox_reply_clear(&unseen);
        sandbox_scope_clear(&request->scope);
        request->name = request->item = NULL;
    }
    answer(server, request, reply);
}

void sandbox_dispatch(struct sandbox_server *server, struct sandbox_request *request,
                      struct sandbox_reply *reply)
{
    struct sandbox_fault_hit hit =
        sandbox_faults_request(server->faults, request->method_name, request->path);
    answer_with(server, request, &hit, reply);
    reply->drop = hit.drop || hit.lost;
    reply->truncate = hit.truncate;
    reply->delay_ms = hit.delay_ms;
    if (hit.retry_after)
        sandbox_fault_retry_after(request, hit.retry_after, reply);
    add_headers(request, reply);
}
