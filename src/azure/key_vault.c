/* Versions of a Key Vault secret: what is known about them, never a value.
 *
 * Source: services reference 2.1, 2.2. The list of versions is read page by page, since pages are
 * short and no order is promised; the version that a reference without one takes is the newest. A
 * token goes to a host below the cloud's Key Vault suffix only. */
#include <string.h>

#include "azure/arm.h"
#include "azure/cloud.h"
#include "azure/credential.h"
#include "rollbook/digest.h"

#define API_VERSION "7.4"
#define PAGES_MAX 40 /* of 25 */
#define NAME_MAX_BYTES 127

struct roll_key_vault_call {
    struct roll_loop *loop;
    struct roll_credential *credential;
    roll_arm_fn fn;
    void *user;
    int64_t timeout_ms;
    char *vault, *secret;
    char *host, *base, *audience; /* once the cloud is known */
    json_t *versions;             /* owned */
    unsigned timer, pages;
    struct roll_http_call *http;
    struct roll_secret *token;
};

static void call_free(void *user)
{
    struct roll_key_vault_call *call = user;

    g_free(call->vault);
    g_free(call->secret);
    g_free(call->host);
    g_free(call->base);
    g_free(call->audience);
    json_decref(call->versions);
    roll_secret_free(call->token);
    g_free(call);
}

void roll_key_vault_cancel(struct roll_key_vault_call *call)
{
    roll_loop_cancel_timer(call->loop, call->timer);
    if (call->http)
        roll_http_cancel(call->loop, call->http);
    cloud_forget(call->credential->cloud, call);
    credential_forget(call->credential, call);
    call_free(call);
}

/* ---- ends ---- */

static void end_with(struct roll_key_vault_call *call, enum roll_arm_outcome outcome, int status,
                     const char *code, const char *message)
{
    arm_say(call->fn, call->user, outcome, status, code, message);
    call_free(call);
}

static void end_with_failure(struct roll_key_vault_call *call, const struct roll_http_reply *reply)
{
    roll_auto(json) json_t *body = NULL;
    g_autofree char *code = NULL, *message = NULL, *said = NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED) {
        said = g_strdup_printf("the vault '%s' does not answer: %s", call->vault, reply->problem);
        end_with(call, ROLL_ARM_UNSENT, 0, NULL, said);
        return;
    }
    roll_error_free(roll_json_parse(reply->body, reply->body_size, ROLL_JSON_STRICT, &body));
    if (body)
        roll_arm_error_leaf(body, &code, &message);
    said = g_strdup_printf("the vault '%s' answered %d%s%s", call->vault, reply->status,
                           message ? ": " : "", message ? message : "");
    end_with(call,
             reply->status == 429   ? ROLL_ARM_THROTTLED
             : reply->status >= 500 ? ROLL_ARM_LOST
                                    : ROLL_ARM_REFUSED,
             reply->status, code, said);
}

/* ---- what came ---- */

static void copy_number(json_t *version, const char *name, const json_t *attributes,
                        const char *from)
{
    json_t *value = json_object_get(attributes, from);

    if (json_is_integer(value))
        json_object_set(version, name, value);
}

/* One element of the list; the version is the id's last segment. */
static void add_version(json_t *versions, const json_t *item)
{
    const char *id = roll_json_get_string(item, "id");
    const json_t *attributes = json_object_get(item, "attributes");
    const char *last = id ? strrchr(id, '/') : NULL;

    if (!last || !last[1] || strlen(last + 1) > NAME_MAX_BYTES)
        return;
    json_t *version = json_pack("{s:s,s:b}", "version", last + 1, "enabled",
                                !json_is_false(json_object_get(attributes, "enabled")));
    copy_number(version, "created", attributes, "created");
    copy_number(version, "notBefore", attributes, "nbf");
    copy_number(version, "expires", attributes, "exp");
    json_array_append_new(versions, version);
}

/* The newest; NULL when there is none. Borrowed. */
static const char *current_of(const json_t *versions)
{
    json_int_t newest = -1;
    const char *current = NULL;
    size_t index;
    json_t *version;

    json_array_foreach (versions, index, version) {
        json_int_t created = json_integer_value(json_object_get(version, "created"));
        if (created > newest) {
            newest = created;
            current = roll_json_get_string(version, "version");
        }
    }
    return current;
}

static void end_with_versions(struct roll_key_vault_call *call)
{
    roll_auto(json) json_t *body = json_pack("{s:O}", "versions", call->versions);
    const char *current = current_of(call->versions);
    struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_OK, .status = 200, .body = body, .retry_after_ms = -1};

    if (current)
        json_object_set_new(body, "current", json_string(current));
    else
        reply = (struct roll_arm_reply){.outcome = ROLL_ARM_NOT_FOUND,
                                        .status = 200,
                                        .code = "SecretNotFound",
                                        .message = "the vault has no such secret",
                                        .retry_after_ms = -1};
    call->fn(call->user, &reply);
    call_free(call);
}

static void on_page(void *user, const struct roll_http_reply *reply);

static void ask_page(struct roll_key_vault_call *call, const char *url)
{
    char id[ROLL_UUID_SIZE];

    roll_uuid_random(id);
    g_autofree char *request_id = g_strdup_printf("x-ms-client-request-id: %s", id);
    const char *headers[] = {"Accept: application/json", request_id, NULL};
    struct roll_http_request request = {
        .method = "GET",
        .url = url,
        .headers = headers,
        .bearer = call->token,
        .retry = ROLL_HTTP_RETRY_READ,
        .timeout_ms = call->timeout_ms,
        .deadline_ms = call->timeout_ms,
        .drop = call_free,
    };

    call->pages++;
    call->http = roll_http_send(call->loop, &request, on_page, call);
}

/* The service names its port where our own address does not. */
static bool is_own(const struct roll_key_vault_call *call, const char *next)
{
    g_autofree char *with_port = g_strconcat(call->base, ":443/", NULL);
    g_autofree char *plain = g_strconcat(call->base, "/", NULL);

    return g_ascii_strncasecmp(next, plain, strlen(plain)) == 0 ||
           g_ascii_strncasecmp(next, with_port, strlen(with_port)) == 0;
}

static void on_page(void *user, const struct roll_http_reply *reply)
{
    struct roll_key_vault_call *call = user;
    roll_auto(json) json_t *body = NULL;
    size_t index;
    json_t *item;

    call->http = NULL;
    if (reply->outcome != ROLL_HTTP_REPLIED || reply->status != 200) {
        end_with_failure(call, reply);
        return;
    }
    roll_error_free(roll_json_parse(reply->body, reply->body_size, ROLL_JSON_STRICT, &body));
    if (!json_is_array(json_object_get(body, "value"))) {
        end_with(call, ROLL_ARM_LOST, 200, NULL, "the vault's answer holds no list");
        return;
    }
    json_array_foreach (json_object_get(body, "value"), index, item)
        add_version(call->versions, item);
    const char *next = roll_json_get_string(body, "nextLink");
    if (!next || !*next)
        end_with_versions(call);
    else if (!is_own(call, next) || call->pages >= PAGES_MAX)
        end_with(call, ROLL_ARM_LOST, 200, NULL,
                 call->pages >= PAGES_MAX ? "the list has no end"
                                          : "the next page lies outside the vault");
    else
        ask_page(call, next);
}

/* ---- asking ---- */

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct roll_key_vault_call *call = user;
    struct roll_secret *now = token ? credential_peek(call->credential, call->audience) : NULL;

    if (!now) {
        end_with(call, ROLL_ARM_NO_TOKEN, 0, NULL, err ? err->message : "no token");
        return;
    }
    call->token = roll_secret_ref(now);
    g_autofree char *url =
        g_strdup_printf("%s/secrets/%s/versions?api-version=" API_VERSION "&maxresults=25",
                        call->base, call->secret);
    ask_page(call, url);
}

static void on_cloud(void *user, const struct roll_error *err)
{
    struct roll_key_vault_call *call = user;
    const struct roll_cloud *cloud = call->credential->cloud;

    if (err) {
        end_with(call, ROLL_ARM_NO_TOKEN, 0, NULL, err->message);
        return;
    }
    if (!*cloud->key_vault) {
        end_with(call, ROLL_ARM_REFUSED, 0, "NotImplemented", "this cloud has no Key Vault");
        return;
    }
    call->host = g_strdup_printf("%s.%s", call->vault, cloud->key_vault);
    call->base = cloud_base_of(cloud, call->host, cloud->key_vault);
    call->audience = g_strconcat("https://", cloud->key_vault, NULL);
    roll_credential_token(call->credential, call->audience, on_token, call);
}

static bool is_name(const char *text)
{
    size_t size = strlen(text);

    if (size == 0 || size > NAME_MAX_BYTES)
        return false;
    for (const char *at = text; *at; at++)
        if (!g_ascii_isalnum(*at) && *at != '-')
            return false;
    return true;
}

static void on_start(void *user)
{
    struct roll_key_vault_call *call = user;

    call->timer = 0;
    if (!is_name(call->vault) || !is_name(call->secret))
        end_with(call, ROLL_ARM_REFUSED, 0, "InvalidName",
                 "that is not a vault's or a secret's name");
    else if (!cloud_is_known(call->credential->cloud))
        cloud_look_up(call->credential->cloud, call->loop, on_cloud, call);
    else
        on_cloud(call, NULL);
}

struct roll_key_vault_call *roll_key_vault_versions(struct roll_loop *loop,
                                                    struct roll_credential *credential,
                                                    const char *vault, const char *secret,
                                                    int64_t timeout_ms, roll_arm_fn fn, void *user)
{
    struct roll_key_vault_call *call = g_new0(struct roll_key_vault_call, 1);
    const char *last = strrchr(vault, '/');

    call->loop = loop;
    call->credential = credential;
    call->fn = fn;
    call->user = user;
    call->timeout_ms = timeout_ms;
    call->vault = g_strdup(last ? last + 1 : vault);
    call->secret = g_strdup(secret);
    call->versions = json_array();
    call->timer = roll_loop_timer(loop, 0, on_start, call);
    return call;
}
