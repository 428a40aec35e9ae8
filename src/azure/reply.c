/* What a reply of ARM means: its outcome, its state, its innermost error, where to poll.
 *
 * Source: REST reference 1.5, 1.6, 2.1, 7. What cannot be read is never an answer: it is LOST, and
 * somebody looks again. */
#include <string.h>

#include "azure/arm.h"
#include "rollbook/time.h"

#define TEXT_MAX_BYTES 4096

bool roll_arm_state_is_final(const char *state)
{
    static const char *const final[] = {"Succeeded", "Failed", "Canceled"};

    for (size_t i = 0; state && i < G_N_ELEMENTS(final); i++)
        if (g_ascii_strcasecmp(state, final[i]) == 0)
            return true;
    return false;
}

void arm_answer_clear(struct arm_answer *answer)
{
    json_decref(answer->body);
    g_free(answer->code);
    g_free(answer->message);
    g_free(answer->error_json);
    g_free(answer->correlation_id);
    g_free(answer->poll_url);
    *answer = (struct arm_answer){0};
}

void arm_answer_take_body(struct arm_answer *answer, json_t *body)
{
    json_decref(answer->body);
    answer->body = body;
    answer->reply.body = body;
    answer->reply.state = NULL; /* it lay in the old body */
}

void arm_answer_fail(struct arm_answer *answer, enum roll_arm_outcome outcome, const char *code,
                     const char *message)
{
    char *new_code = g_strdup(code), *new_message = g_strdup(message); /* may be the answer's own */

    g_free(answer->code);
    g_free(answer->message);
    answer->code = new_code;
    answer->message = new_message;
    answer->reply.outcome = outcome;
    answer->reply.code = answer->code;
    answer->reply.message = answer->message;
}

/* ---- bodies ---- */

static json_t *parse_body(const struct roll_http_reply *reply)
{
    json_t *body = NULL;

    if (reply->body_size == 0)
        return NULL;
    roll_auto(error) struct roll_error *err =
        roll_json_parse(reply->body, reply->body_size, ROLL_JSON_STRICT, &body);
    return err ? NULL : body;
}

static char *error_text(const struct roll_http_reply *reply, const json_t *body)
{
    GString *text = NULL;

    if (body) {
        roll_auto(error) struct roll_error *err = roll_json_canonical(body, &text);
        if (err) {
            text = g_string_new(NULL);
            roll_json_write(body, text);
        }
        return g_string_free(text, FALSE);
    }
    if (reply->body_size == 0)
        return NULL;
    /* An HTML page of something between us and ARM. */
    g_autofree char *cut = g_strndup(reply->body, MIN(reply->body_size, TEXT_MAX_BYTES));
    g_autofree char *valid = g_utf8_make_valid(cut, -1);
    text = g_string_new(NULL);
    g_string_printf(text, "{\"status\":%d,\"text\":", reply->status);
    roll_json_write_string(valid, strlen(valid), text);
    g_string_append_c(text, '}');
    return g_string_free(text, FALSE);
}

static const json_t *error_of(const json_t *body)
{
    const json_t *error = roll_json_get_nocase(body, "error");

    if (!json_is_object(error))
        error = roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "error");
    return json_is_object(error) ? error : NULL;
}

static void set_error(struct arm_answer *answer, const struct roll_http_reply *reply,
                      const json_t *body)
{
    if (body)
        roll_arm_error_leaf(body, &answer->code, &answer->message);
    answer->error_json = error_text(reply, body);
    if (!answer->message && !answer->code)
        answer->message = g_strdup_printf("ARM answered %d without saying why", reply->status);
    answer->reply.code = answer->code;
    answer->reply.message = answer->message;
    answer->reply.error_json = answer->error_json;
}

static const char *provisioning_state(const json_t *body)
{
    return json_string_value(
        roll_json_get_nocase(roll_json_get_nocase(body, "properties"), "provisioningState"));
}

/* Others write too, and what is on its way is not counted yet. Absolute numbers mean nothing (REST
 * reference 8.1), but the last ones of a bucket do. */
static bool has_few_writes(const struct roll_http_reply *reply)
{
    static const char *const counters[] = {"x-ms-ratelimit-remaining-subscription-writes",
                                           "x-ms-ratelimit-remaining-tenant-writes"};
    enum { FEW_WRITES = 5 };

    for (size_t i = 0; i < G_N_ELEMENTS(counters); i++) {
        const char *left = roll_http_header(reply, counters[i]);
        if (left && g_ascii_isdigit(*left) && g_ascii_strtoll(left, NULL, 10) < FEW_WRITES)
            return true;
    }
    return false;
}

static void set_deployment_facts(struct arm_answer *answer)
{
    const json_t *properties = roll_json_get_nocase(answer->body, "properties");
    const char *at = json_string_value(roll_json_get_nocase(properties, "timestamp"));
    const char *duration = json_string_value(roll_json_get_nocase(properties, "duration"));
    const char *correlation = json_string_value(roll_json_get_nocase(properties, "correlationId"));

    if (at)
        roll_error_free(roll_time_parse(at, &answer->reply.arm_at));
    if (duration)
        roll_error_free(roll_duration_parse(duration, &answer->reply.duration_ms));
    if (correlation) {
        g_free(answer->correlation_id);
        answer->correlation_id = g_strdup(correlation);
    }
}

/* ---- headers ---- */

static void set_headers(struct arm_answer *answer, const struct roll_arm *arm, enum arm_rule rule,
                        const struct roll_http_reply *reply)
{
    const char *poll = roll_http_header(reply, "azure-asyncoperation");
    const char *correlation = roll_http_header(reply, "x-ms-correlation-request-id");

    if (!correlation)
        correlation = roll_http_header(reply, "x-ms-request-id");
    answer->correlation_id = g_strdup(correlation);
    /* A deployment's own address tells more than a Location (REST reference 12: it never has one).
     */
    if (!poll && rule != ARM_DEPLOYMENT)
        poll = roll_http_header(reply, "location");
    if (poll && roll_url_is_within(poll, arm->cloud->arm))
        answer->poll_url = g_strdup(poll);
    answer->reply.retry_after_ms = roll_http_retry_after_ms(reply);
    answer->reply.server_date_ms = reply->server_date_ms;
    answer->reply.writes_spent = has_few_writes(reply);
}

/* ---- outcomes ---- */

static bool is_busy(const char *code)
{
    static const char *const busy[] = {"DeploymentActive", "AnotherOperationInProgress",
                                       "RetryableErrorDueToAnotherOperation",
                                       "DeploymentStackInNonTerminalState"};

    for (size_t i = 0; code && i < G_N_ELEMENTS(busy); i++)
        if (g_ascii_strcasecmp(code, busy[i]) == 0)
            return true;
    return false;
}

/* Waited for (REST reference 7.2): another operation, by name; any other conflict or pause only
 * where ARM says for how long. */
static bool asks_to_wait(const struct arm_answer *answer, int status)
{
    const char *outer = json_string_value(roll_json_get_nocase(error_of(answer->body), "code"));

    if (status != 409 && status != 429)
        return false;
    return is_busy(outer) || is_busy(answer->code) ||
           (status == 409 && answer->reply.retry_after_ms >= 0);
}

/* A 404 that says nothing is some proxy's: ARM's own has a code. Only HEAD brings none. */
static enum roll_arm_outcome outcome_of_status(const struct arm_answer *answer, enum arm_rule rule,
                                               int status)
{
    if (asks_to_wait(answer, status))
        return ROLL_ARM_BUSY;
    if (status == 404)
        return answer->code || rule == ARM_THERE ? ROLL_ARM_NOT_FOUND : ROLL_ARM_LOST;
    if (status == 429)
        return ROLL_ARM_THROTTLED;
    if (status == 501 || status == 505)
        return ROLL_ARM_REFUSED; /* nobody took it, and nobody will */
    if (status == 408 || status >= 500)
        return ROLL_ARM_LOST;
    return ROLL_ARM_REFUSED;
}

/* The state that a good reply tells; NULL when it is unreadable for its rule. "" when the rule asks
 * for none. */
static const char *read_state(const struct arm_answer *answer, enum arm_rule rule, int status)
{
    const char *state = json_string_value(roll_json_get_nocase(answer->body, "status"));

    switch (rule) {
    case ARM_DEPLOYMENT:
        return provisioning_state(answer->body);
    case ARM_STATUS:
        return state;
    case ARM_LOCATION:
        if (!state)
            state = provisioning_state(answer->body);
        return state ? state : status == 202 ? "Running" : "Succeeded";
    case ARM_OBJECT:
        return json_is_object(answer->body) ? "" : NULL;
    case ARM_THERE:
    case ARM_ANY:
        return "";
    }
    return NULL;
}

static void read_success(struct arm_answer *answer, enum arm_rule rule,
                         const struct roll_http_reply *reply)
{
    const char *state = read_state(answer, rule, reply->status);

    if (!state || (rule != ARM_ANY && reply->body_size > 0 && !answer->body)) {
        answer->error_json = error_text(reply, NULL);
        arm_answer_fail(answer, ROLL_ARM_LOST, NULL, "the answer could not be read");
        answer->reply.error_json = answer->error_json;
        return;
    }
    answer->reply.outcome = ROLL_ARM_OK;
    answer->reply.state = *state ? state : provisioning_state(answer->body);
    set_deployment_facts(answer);
    if (answer->reply.state && g_ascii_strcasecmp(answer->reply.state, "Failed") == 0 &&
        error_of(answer->body))
        set_error(answer, reply, error_of(answer->body));
}

void arm_answer_read(struct arm_answer *answer, const struct roll_arm *arm, enum arm_rule rule,
                     const struct roll_http_reply *reply, const struct roll_error *err)
{
    *answer = (struct arm_answer){.reply.retry_after_ms = -1};
    if (!reply) {
        arm_answer_fail(answer, ROLL_ARM_NO_TOKEN, NULL, err ? err->message : "no credential");
        return;
    }
    if (reply->outcome != ROLL_HTTP_REPLIED) {
        arm_answer_fail(answer,
                        reply->outcome == ROLL_HTTP_UNSENT ? ROLL_ARM_UNSENT : ROLL_ARM_LOST, NULL,
                        reply->problem);
        return;
    }
    answer->reply.status = reply->status;
    answer->reply.body = answer->body = parse_body(reply);
    set_headers(answer, arm, rule, reply);
    if (reply->status >= 200 && reply->status < 300) {
        read_success(answer, rule, reply);
    } else {
        set_error(answer, reply, answer->body);
        answer->reply.outcome = outcome_of_status(answer, rule, reply->status);
    }
    answer->reply.correlation_id = answer->correlation_id;
    answer->reply.poll_url = answer->poll_url;
}

/* ---- one request, one reply ---- */

struct simple {
    struct roll_arm *arm;
    enum arm_rule rule;
    roll_arm_fn fn;
    void *user;
};

static void on_simple(void *user, const struct roll_http_reply *reply, const struct roll_error *err)
{
    g_autofree struct simple *simple = user;
    struct arm_answer answer;

    arm_answer_read(&answer, simple->arm, simple->rule, reply, err);
    simple->fn(simple->user, &answer.reply);
    arm_answer_clear(&answer);
}

void arm_simple(struct roll_arm *arm, const struct arm_request *request, enum arm_rule rule,
                roll_arm_fn fn, void *user)
{
    struct simple *simple = g_new0(struct simple, 1);

    *simple = (struct simple){arm, rule, fn, user};
    arm_send(arm, request, on_simple, simple, g_free);
}
