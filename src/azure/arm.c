/* One request to ARM: a token first, its turn in the read budget, then the wire; a refused token is
 * renewed once. */
#include <string.h>

#include "azure/arm.h"
#include "azure/challenge.h"
#include "azure/credential.h"
#include "rollbook/digest.h"
#include "rollbook/time.h"

struct arm_call {
    struct roll_arm *arm;
    arm_fn fn;
    void *user;
    GDestroyNotify free_user;

    char *method, *url, *body, *correlation_id, *subscription, *written;
    size_t body_size;
    enum roll_http_retry retry;
    int64_t deadline_ms, leave_by;

    guint fetched;  /* tokens that were waited for */
    bool renewed;   /* a 401 was answered with a new token already */
    unsigned timer; /* until its turn */
    struct roll_http_call *http;
    struct roll_secret *token; /* that was sent */
};

static void call_free(gpointer data)
{
    struct arm_call *call = data;

    roll_loop_cancel_timer(call->arm->loop, call->timer);
    if (call->http)
        roll_http_cancel(call->arm->loop, call->http);
    credential_forget(call->arm->credential, call);
    for (guint i = 0; i < call->arm->auxiliary->len; i++)
        credential_forget(call->arm->auxiliary->pdata[i], call);
    if (call->free_user)
        call->free_user(call->user);
    roll_secret_free(call->token);
    roll_wipe(call->body, call->body_size);
    g_free(call->method);
    g_free(call->url);
    g_free(call->body);
    g_free(call->correlation_id);
    g_free(call->subscription);
    g_free(call->written);
    g_free(call);
}

struct roll_arm *roll_arm_new(struct roll_loop *loop, const struct roll_cloud *cloud,
                              struct roll_credential *credential)
{
    struct roll_arm *arm = g_new0(struct roll_arm, 1);

    arm->loop = loop;
    arm->cloud = cloud;
    arm->credential = credential;
    arm->auxiliary = g_ptr_array_new();
    arm->budget = budget_new();
    arm->calls = g_hash_table_new_full(NULL, NULL, call_free, NULL);
    return arm;
}

void roll_arm_free(struct roll_arm *arm)
{
    if (!arm)
        return;
    g_hash_table_unref(arm->calls);
    g_ptr_array_unref(arm->auxiliary);
    budget_free(arm->budget);
    g_free(arm);
}

void roll_arm_add_auxiliary(struct roll_arm *arm, struct roll_credential *credential)
{
    g_ptr_array_add(arm->auxiliary, credential);
}

void roll_arm_renew(struct roll_arm *arm)
{
    struct roll_secret *token = credential_peek(arm->credential, NULL);

    if (token)
        credential_drop(arm->credential, NULL, token, NULL);
}

/* Its user belongs to fn from here on. */
static void finish(struct arm_call *call, const struct roll_http_reply *reply,
                   const struct roll_error *err)
{
    arm_fn fn = call->fn;
    void *user = call->user;

    call->free_user = NULL;
    g_hash_table_remove(call->arm->calls, call);
    fn(user, reply, err);
}

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err);

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct arm_call *call = user;
    struct roll_arm *arm = call->arm;

    call->http = NULL;
    if (call->subscription)
        budget_saw(arm->budget, call->subscription, reply, roll_boot_ms());
    if (call->written)
        budget_saw_write(arm->budget, call->written, reply);
    /* 401 is a definite no, so that a PUT may be sent again too. */
    if (reply->status == 401 && !call->renewed && !arm->cloud->sandbox) {
        g_autofree char *claims = challenge_claims(roll_http_header(reply, "www-authenticate"));
        call->renewed = true;
        credential_drop(arm->credential, NULL, call->token, claims);
        for (guint i = 0; i < arm->auxiliary->len; i++) /* it does not say which one it refuses */
            credential_drop(arm->auxiliary->pdata[i], NULL,
                            credential_peek(arm->auxiliary->pdata[i], NULL), NULL);
        g_clear_pointer(&call->token, roll_secret_free);
        roll_credential_token(arm->credential, NULL, on_token, call);
        return;
    }
    finish(call, reply, NULL);
}

/* Every request has an id of its own; ARM gives the correlation id back with everything that
 * follows from it. */
static GPtrArray *make_headers(const struct arm_call *call)
{
    GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);
    char id[ROLL_UUID_SIZE];

    roll_uuid_random(id);
    g_ptr_array_add(headers, g_strdup_printf("x-ms-client-request-id: %s", id));
    if (call->correlation_id)
        g_ptr_array_add(headers,
                        g_strdup_printf("x-ms-correlation-request-id: %s", call->correlation_id));
    g_ptr_array_add(headers, g_strdup("Accept: application/json"));
    if (call->body)
        g_ptr_array_add(headers, g_strdup("Content-Type: application/json"));
    g_ptr_array_add(headers, NULL);
    return headers;
}

/* "x-ms-authorization-auxiliary: Bearer T1, Bearer T2", to be wiped; NULL without other tenants. */
static GString *auxiliary_header(const struct roll_arm *arm)
{
    size_t size = 64;
    GString *line = NULL;

    if (arm->auxiliary->len == 0)
        return NULL;
    for (guint i = 0; i < arm->auxiliary->len; i++)
        size += 16 + roll_secret_size(credential_peek(arm->auxiliary->pdata[i], NULL));
    line = g_string_sized_new(size); /* does not grow, so that no copy stays */
    g_string_append(line, "x-ms-authorization-auxiliary: ");
    for (guint i = 0; i < arm->auxiliary->len; i++) {
        g_string_append(line, i > 0 ? ", Bearer " : "Bearer ");
        g_string_append(line, roll_secret_reveal(credential_peek(arm->auxiliary->pdata[i], NULL)));
    }
    return line;
}

static void send_now(struct arm_call *call, struct roll_secret *token)
{
    g_autoptr(GPtrArray) headers = make_headers(call);
    GString *auxiliary = auxiliary_header(call->arm);
    struct roll_http_request request = {
        .method = call->method,
        .url = call->url,
        .headers = (const char *const *)headers->pdata,
        .bearer = token,
        .body = call->body,
        .body_size = call->body_size,
        .retry = call->retry,
        .deadline_ms = call->deadline_ms,
        .leave_by_boot_ms = call->leave_by,
    };

    if (auxiliary) {
        headers->pdata[headers->len - 1] = g_steal_pointer(&auxiliary->str);
        g_string_free(auxiliary, FALSE);
        g_ptr_array_add(headers, NULL);
        request.headers = (const char *const *)headers->pdata;
    }
    call->token = roll_secret_ref(token);
    call->http = roll_http_send(call->arm->loop, &request, on_reply, call);
    if (call->arm->auxiliary->len > 0) {
        char *line = headers->pdata[headers->len - 2];
        roll_wipe(line, strlen(line));
    }
}

/* The first credential without a token that is valid now: ARM's own, then those of other tenants.
 */
static struct roll_credential *lacks_token(const struct roll_arm *arm)
{
    if (!credential_peek(arm->credential, NULL))
        return arm->credential;
    for (guint i = 0; i < arm->auxiliary->len; i++)
        if (!credential_peek(arm->auxiliary->pdata[i], NULL))
            return arm->auxiliary->pdata[i];
    return NULL;
}

/* One token after the other, then the wire. */
static void proceed(struct arm_call *call)
{
    struct roll_credential *lacking = lacks_token(call->arm);

    if (lacking)
        roll_credential_token(lacking, NULL, on_token, call);
    else
        send_now(call, credential_peek(call->arm->credential, NULL));
}

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct arm_call *call = user;

    /* A token that was fetched and is of no use at once is asked for a few times only. */
    if (token && call->fetched++ <= 2 * (call->arm->auxiliary->len + 1))
        proceed(call);
    else
        finish(call, NULL, err);
}

static void on_turn(void *user)
{
    struct arm_call *call = user;

    call->timer = 0;
    proceed(call);
}

void arm_send(struct roll_arm *arm, const struct arm_request *request, arm_fn fn, void *user,
              GDestroyNotify free_user)
{
    struct arm_call *call = g_new0(struct arm_call, 1);
    int64_t now = roll_boot_ms(), at = request->at;

    call->arm = arm;
    call->fn = fn;
    call->user = user;
    call->free_user = free_user;
    call->method = g_strdup(request->method);
    call->url = g_strdup(request->url);
    if (request->body) {
        call->body = g_strndup(request->body, request->body_size);
        call->body_size = request->body_size;
    }
    call->correlation_id = g_strdup(request->correlation_id);
    call->subscription = g_strdup(request->subscription);
    call->written = g_strdup(request->written);
    call->retry = request->retry;
    call->deadline_ms = request->deadline_ms;
    call->leave_by = request->leave_by;
    g_hash_table_add(arm->calls, call);
    if (call->subscription)
        at = budget_take(arm->budget, call->subscription, MAX(now, at));
    if (at > now)
        call->timer = roll_loop_timer(arm->loop, at, on_turn, call);
    else
        on_turn(call);
}
