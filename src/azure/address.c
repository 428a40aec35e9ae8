/* What stands at an address: one HEAD, with our own token where the address is a blob of our cloud.
 *
 * Source: services reference 3.2, 4.3. What follows the address's `?` may be a SAS: it is sent, and
 * shown nowhere. Our token goes to a host below the cloud's storage suffix only. */
#include <string.h>

#include "azure/arm.h"
#include "azure/cloud.h"
#include "azure/credential.h"
#include "rollbook/storage.h"

#define STORAGE_AUDIENCE "https://storage.azure.com"
#define ADDRESS_DEADLINE_MS 20000
#define ADDRESS_MAX 4096
#define CODE_CHARACTERS G_CSET_a_2_z G_CSET_A_2_Z G_CSET_DIGITS "_.-"

struct address {
    struct roll_loop *loop;
    struct roll_credential *credential; /* or NULL */
    roll_arm_fn fn;
    void *user;
    char *url;   /* where it is asked */
    char *named; /* without its query, for messages and the log */
    bool blob;   /* of our cloud */
    struct roll_secret *token;
};

static void address_free(void *user)
{
    struct address *address = user;

    roll_wipe(address->url, strlen(address->url));
    g_free(address->url);
    g_free(address->named);
    roll_secret_free(address->token);
    g_free(address);
}

/* ---- ends ---- */

static void end_with(struct address *address, enum roll_arm_outcome outcome, int status,
                     const char *code, const char *message)
{
    arm_say(address->fn, address->user, outcome, status, code, message);
    address_free(address);
}

static void set_header(json_t *body, const char *member, const struct roll_http_reply *reply,
                       const char *name)
{
    const char *value = roll_http_header(reply, name);

    if (value && *value && strlen(value) <= 256)
        json_object_set_new(body, member, json_string(value));
}

static void end_with_headers(struct address *address, const struct roll_http_reply *reply)
{
    roll_auto(json) json_t *body = json_object();
    struct roll_arm_reply told = {
        .outcome = ROLL_ARM_OK, .status = 200, .body = body, .retry_after_ms = -1};

    set_header(body, "etag", reply, "etag");
    set_header(body, "md5", reply, "content-md5");
    set_header(body, "versionId", reply, "x-ms-version-id");
    set_header(body, "length", reply, "content-length");
    address->fn(address->user, &told);
    address_free(address);
}

/* The service's code; NULL when it is no word that could be one. */
static const char *code_of(const struct roll_http_reply *reply)
{
    const char *code = roll_http_header(reply, "x-ms-error-code");

    return code && *code && strspn(code, CODE_CHARACTERS) == strlen(code) ? code : NULL;
}

static void on_reply(void *user, const struct roll_http_reply *reply)
{
    struct address *address = user;
    g_autofree char *message = NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED) {
        message = g_strdup_printf("'%s' does not answer: %s", address->named, reply->problem);
        end_with(address, ROLL_ARM_UNSENT, 0, NULL, message);
    } else if (reply->status == 200) {
        end_with_headers(address, reply);
    } else if (reply->status == 404 || reply->status == 410) {
        message = g_strdup_printf("there is nothing at '%s'", address->named);
        end_with(address, ROLL_ARM_NOT_FOUND, reply->status, code_of(reply), message);
    } else {
        enum roll_arm_outcome outcome = reply->status == 429   ? ROLL_ARM_THROTTLED
                                        : reply->status >= 500 ? ROLL_ARM_LOST
                                                               : ROLL_ARM_REFUSED;
        message = g_strdup_printf("'%s' answered %d", address->named, reply->status);
        end_with(address, outcome, reply->status, code_of(reply), message);
    }
}

/* ---- asking ---- */

static void send_head(struct address *address)
{
    static const char *const headers[] = {"x-ms-version: " ROLL_STORAGE_VERSION, NULL};
    struct roll_http_request request = {
        .method = "HEAD",
        .url = address->url,
        .named = address->named,
        .headers = address->blob ? headers : NULL,
        .bearer = address->token,
        .retry = ROLL_HTTP_RETRY_READ,
        .deadline_ms = ADDRESS_DEADLINE_MS,
        .drop = address_free,
    };

    roll_http_send(address->loop, &request, on_reply, address);
}

/* Without a token it may be public all the same. */
static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct address *address = user;
    struct roll_secret *now = token ? credential_peek(address->credential, STORAGE_AUDIENCE) : NULL;

    (void)err;
    address->token = now ? roll_secret_ref(now) : NULL;
    send_head(address);
}

/* A SAS speaks for itself. */
static bool is_signed(const char *url)
{
    const char *query = strchr(url, '?');

    return query && (strstr(query, "?sig=") || strstr(query, "&sig="));
}

/* Where it is asked: a sandbox plays the hosts of its cloud's storage. */
static void find_place(struct address *address)
{
    const struct roll_cloud *cloud = address->credential ? address->credential->cloud : NULL;
    const char *begin = strstr(address->url, "://") + 3;
    g_autofree char *host = g_strndup(begin, strcspn(begin, "/?"));

    if (!cloud || !*cloud->storage)
        return;
    g_autofree char *base = cloud_base_of(cloud, host, cloud->storage);
    g_autofree char *suffix = g_strconcat(".", cloud->storage, NULL);
    address->blob = g_str_has_suffix(host, suffix) && g_str_has_prefix(address->url, "https://");
    if (!address->blob || !cloud->sandbox)
        return;
    char *there = g_strconcat(base, begin + strlen(host), NULL);
    g_free(address->url);
    address->url = there;
}

static void ask(struct address *address)
{
    find_place(address);
    if (address->blob && !is_signed(address->url))
        roll_credential_token(address->credential, STORAGE_AUDIENCE, on_token, address);
    else
        send_head(address);
}

static void on_cloud(void *user, const struct roll_error *err)
{
    (void)err; /* public all the same, perhaps */
    ask(user);
}

static void on_start(void *user)
{
    struct address *address = user;

    if (strlen(address->url) > ADDRESS_MAX ||
        (!roll_url_is_https(address->url) && !roll_url_is_loopback(address->url)))
        end_with(address, ROLL_ARM_REFUSED, 0, "InvalidUri",
                 "it is not an https address that could be asked");
    else if (address->credential && !cloud_is_known(address->credential->cloud))
        cloud_look_up(address->credential->cloud, address->loop, on_cloud, address);
    else
        ask(address);
}

void roll_address_head(struct roll_loop *loop, struct roll_credential *credential, const char *url,
                       roll_arm_fn fn, void *user)
{
    struct address *address = g_new0(struct address, 1);

    address->loop = loop;
    address->credential = credential;
    address->fn = fn;
    address->user = user;
    address->url = g_strdup(url);
    address->named = g_strndup(url, strcspn(url, "?#"));
    roll_loop_timer(loop, 0, on_start, address);
}
