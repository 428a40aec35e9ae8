/* What a request is answered when a fault was asked for. */
#include "rollbook/time.h"
#include "sandbox/faults.h"
#include "sandbox/store.h"

void sandbox_fault_reply(const struct sandbox_request *request, int status,
                         struct sandbox_reply *reply)
{
    static const struct {
        int status;
        const char *code;
    } codes[] = {{401, "ExpiredAuthenticationToken"},
                 {403, "AuthorizationFailed"},
                 {404, "ResourceNotFound"},
                 {408, "RequestTimeout"},
                 {409, "Conflict"},
                 {412, "PreconditionFailed"},
                 {429, "TooManyRequests"},
                 {500, "InternalServerError"},
                 {502, "BadGateway"},
                 {503, "ServerBusy"},
                 {504, "GatewayTimeout"}};
    const char *code = "SandboxFault";
    if (status < 400) { /* somebody's between: a page, not ARM's words */
        sandbox_reply_set(reply, status, NULL);
        reply->text = g_string_new("<html><body>elsewhere</body></html>");
        return;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(codes); i++) {
        if (codes[i].status == status)
            code = codes[i].code;
    }
    sandbox_reply_error(reply, status, code, "The sandbox was told to answer '%s %s' with %d.",
                        request->method_name, request->path, status);
    if (status == 429 || status == 503)
        sandbox_reply_header(reply, "Retry-After", "1");
}

struct roll_error *sandbox_fault_later(struct sandbox_server *server,
                                       const struct sandbox_request *request, int status,
                                       struct sandbox_reply *reply)
{
    struct sandbox_reply end;
    g_autofree char *token = NULL;
    struct roll_error *err;

    sandbox_reply_init(&end);
    sandbox_fault_reply(request, status, &end);
    err = sandbox_task_new(server, "fault", request->path,
                           request->now_ms + server->operation_time_ms, status,
                           json_incref(end.body), &token);
    sandbox_reply_clear(&end);
    if (err)
        return err;
    sandbox_reply_set(reply, 202, NULL);
    sandbox_reply_location(request, reply, token);
    return NULL;
}

void sandbox_fault_retry_after(const struct sandbox_request *request, const char *value,
                               struct sandbox_reply *reply)
{
    static const struct {
        const char *word;
        int days;
    } dates[] = {{"past", -1}, {"future", 1}};
    for (size_t i = 0; i < G_N_ELEMENTS(dates); i++) {
        if (g_ascii_strcasecmp(value, dates[i].word) != 0)
            continue;
        g_autofree char *text =
            roll_time_http(request->now_ms + dates[i].days * INT64_C(24) * 3600 * 1000);
        sandbox_reply_header(reply, "Retry-After", "%s", text);
        return;
    }
    sandbox_reply_header(reply, "Retry-After", "%s", value);
}
