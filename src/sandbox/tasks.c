/* Requests that go on after their answer, and what polling their Location finds (REST
 * reference 2.1). */
#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/stack.h"
#include "sandbox/store.h"
#include "sandbox_sql.h"

/* Something is still to be done when its time has come. */
static bool has_work(const char *kind)
{
    return strcmp(kind, "delete-group") == 0 || strcmp(kind, SANDBOX_STACK_TASK) == 0;
}

struct roll_error *sandbox_task_new(struct sandbox_server *server, const char *kind,
                                    const char *target, int64_t end_at_ms, int status,
                                    json_t *body_take, char **ret_token)
{
    roll_auto(json) json_t *body = body_take;
    char token[ROLL_UUID_SIZE];
    g_autoptr(GString) text = g_string_new(NULL);
    struct roll_sql_stmt *stmt;
    roll_uuid_random(token);
    if (body)
        roll_json_write(body, text);
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TASK_INSERT, &stmt));
    roll_sql_bind_text(stmt, ":token", token);
    roll_sql_bind_text(stmt, ":kind", kind);
    roll_sql_bind_text(stmt, ":target", target);
    roll_sql_bind_int(stmt, ":end_at", end_at_ms);
    roll_sql_bind_int(stmt, ":status", status);
    roll_sql_bind_text(stmt, ":body", body ? text->str : NULL);
    roll_sql_bind_int(stmt, ":done", !has_work(kind));
    ROLL_TRY(roll_sql_run(stmt));
    *ret_token = g_strdup(token);
    return NULL;
}

void sandbox_reply_location(const struct sandbox_request *request, struct sandbox_reply *reply,
                            const char *token)
{
    const char *subscription = request->scope.subscription;
    g_autofree char *place =
        subscription ? g_strdup_printf("/subscriptions/%s/operationresults", subscription)
                     : g_strdup("/providers/Microsoft.Resources/operationResults");
    sandbox_reply_header(reply, "Location", "%s%s/%s?api-version=%s", request->base_url, place,
                         token, sandbox_query(request, "api-version"));
    sandbox_reply_header(reply, "Retry-After", "1");
}

/* 202 while it runs; at the end exactly what the synchronous call would have answered. */
struct roll_error *sandbox_task_result(struct sandbox_server *server,
                                       struct sandbox_request *request, struct sandbox_reply *reply)
{
    struct roll_sql_stmt *stmt;
    bool row;
    ROLL_TRY(roll_sql_use(server->sql, SANDBOX_TASK_GET, &stmt));
    roll_sql_bind_text(stmt, ":token", request->item);
    ROLL_TRY(roll_sql_step(stmt, &row));
    if (!row) {
        sandbox_reply_error(reply, 404, "OperationNotFound",
                            "The operation '%s' could not be found.", request->item);
        return NULL;
    }
    const char *text = roll_sql_text_at(stmt, 3);
    struct roll_error *err = NULL;
    if (roll_sql_int_at(stmt, 0) > request->now_ms) {
        sandbox_reply_set(reply, 202, NULL);
        sandbox_reply_header(reply, "Location", "%s%s?api-version=%s", request->base_url,
                             request->path, sandbox_query(request, "api-version"));
        sandbox_reply_header(reply, "Retry-After", "1");
    } else {
        json_t *body = NULL;
        if (text)
            err = roll_json_parse(text, strlen(text), ROLL_JSON_STRICT, &body);
        sandbox_reply_set(reply, (int)roll_sql_int_at(stmt, 2), body);
    }
    roll_sql_reset(stmt);
    return err;
}

static struct roll_error *hurry(struct sandbox_server *server, int statement, int64_t now_ms)
{
    struct roll_sql_stmt *stmt;

    ROLL_TRY(roll_sql_use(server->sql, statement, &stmt));
    roll_sql_bind_int(stmt, ":now", now_ms);
    return roll_sql_run(stmt);
}

/* `POST /sandbox/hurry`, for tests and game days: what runs has ended by now, and what this server
 * begins from now on takes no time. So a story decides when an operation ends, not the clock. */
struct roll_error *sandbox_hurry(struct sandbox_server *server, struct sandbox_request *request,
                                 struct sandbox_reply *reply)
{
    ROLL_TRY(hurry(server, SANDBOX_OPERATION_HURRY, request->now_ms));
    ROLL_TRY(hurry(server, SANDBOX_TASK_HURRY, request->now_ms));
    server->operation_time_ms = 0;
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}
