/* Replies of the services beside ARM: Key Vault, registries, blobs, the login, a cloud's metadata.
 *
 * The first byte chooses who is asked; behind a line `====` each part is a reply, as of fuzz_arm.
 * roll_http_send is wrapped (CMakeLists.txt), so that all above it is the program's own:
 * credential, cloud, challenges, pages. The login answers by itself, unless it is what is asked
 * about. */
#include "azure/credential.h"
#include "http/internal.h"
#include "replies.h"
#include "rollbook/digest.h"

#define SENDS_MAX 64 /* then nobody answers any more, and every call must end */

struct roll_http_call *__wrap_roll_http_send(struct roll_loop *loop,
                                             const struct roll_http_request *request,
                                             roll_http_fn fn, void *user);

struct pending {
    roll_http_fn fn;
    void *user;
    bool login; /* the other end knows us */
    bool unclean;
};

static GQueue pending = G_QUEUE_INIT; /* struct pending */
static const struct roll_cloud *cloud;
static bool login_is_asked_about;
static int sends;
/* Made of the input's digest, so that no input can have them in it. */
static char own_token[ROLL_HEX_SIZE + 8], client_secret[ROLL_HEX_SIZE + 8];

/* ---- what leaves ---- */

/* As libcurl reads the address, not as the program does. */
static bool is_below(const char *url, const char *suffix)
{
    g_autofree char *small = g_ascii_strdown(suffix, -1);
    g_autofree char *ending = g_strconcat(".", small, NULL);
    CURLU *parts = curl_url();
    char *host = NULL, *scheme = NULL;

    curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_url_get(parts, CURLUPART_HOST, &host, 0);
    curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
    g_autofree char *lower = host ? g_ascii_strdown(host, -1) : NULL;
    bool below =
        *suffix && lower && g_strcmp0(scheme, "https") == 0 && g_str_has_suffix(lower, ending);
    curl_free(host);
    curl_free(scheme);
    curl_url_cleanup(parts);
    return below;
}

static bool may_have_our_token(const char *url)
{
    return is_below(url, cloud->key_vault) || is_below(url, cloud->storage) ||
           is_below(url, cloud->registry);
}

static void check_request(const struct roll_http_request *request, const char *url)
{
    const char *bearer = request->bearer ? roll_secret_reveal(request->bearer) : "";
    const char *body = request->body ? request->body : "";

    if (strcmp(bearer, own_token) == 0 || strstr(body, own_token) || strstr(url, own_token))
        FUZZ_CHECK(may_have_our_token(url), "our token would go to %s", url);
    if (strstr(body, client_secret) || strstr(url, client_secret))
        FUZZ_CHECK(cloud->login && g_str_has_prefix(url, cloud->login), "our secret would go to %s",
                   url);
}

/* As http itself refuses what cannot be an address. */
static bool is_clean(const char *url)
{
    for (const char *at = url; *at; at++)
        if (*at <= 0x20 || *at >= 0x7f)
            return false;
    return true;
}

struct roll_http_call *__wrap_roll_http_send(struct roll_loop *loop,
                                             const struct roll_http_request *request,
                                             roll_http_fn fn, void *user)
{
    struct pending *send = g_new(struct pending, 1);
    g_autofree char *target = url_target(request->url);
    bool unclean = !target || !is_clean(request->url);

    (void)loop;
    if (!unclean)
        check_request(request, request->url);
    *send = (struct pending){
        .fn = fn,
        .user = user,
        .unclean = unclean,
        .login = !login_is_asked_about && request->body && cloud->login &&
                 g_str_has_prefix(request->url, cloud->login),
    };
    g_queue_push_tail(&pending, send);
    sends++;
    return NULL;
}

/* ---- what comes ---- */

static void answer(GPtrArray *parts, guint *at, const struct pending *send)
{
    g_autofree char *token =
        g_strdup_printf("{\"access_token\":\"%s\",\"expires_in\":3600}", own_token);
    struct roll_http_reply silence = {
        .outcome = ROLL_HTTP_UNSENT, .body = "", .problem = "nobody is there"};
    struct roll_http_reply known = {
        .outcome = ROLL_HTTP_REPLIED, .status = 200, .body = token, .body_size = strlen(token)};
    struct fuzz_reply reply;

    if (sends > SENDS_MAX || parts->len < 2 || send->unclean) {
        send->fn(send->user, &silence);
    } else if (send->login) {
        struct roll_http_headers *none = headers_new();
        known.headers = none;
        send->fn(send->user, &known);
        headers_free(none);
    } else {
        fuzz_reply_read(&reply, parts, *at);
        *at = MIN(*at + 1, parts->len - 1);
        send->fn(send->user, &reply.reply);
        fuzz_reply_clear(&reply);
    }
}

static void run(struct roll_loop *loop, GPtrArray *parts)
{
    guint at = 1;

    do {
        FUZZ_MUST(roll_loop_run(loop));
        g_autofree struct pending *send = g_queue_pop_head(&pending);
        if (send)
            answer(parts, &at, send);
        FUZZ_MUST(roll_loop_run(loop));
    } while (!g_queue_is_empty(&pending));
}

/* ---- who is asked ---- */

static void on_end(void *user, const struct roll_arm_reply *reply)
{
    int *ends = user;

    (*ends)++;
    FUZZ_CHECK(!reply->code || g_utf8_validate(reply->code, -1, NULL), "a code not in UTF-8");
    FUZZ_CHECK(!reply->message || g_utf8_validate(reply->message, -1, NULL), "not in UTF-8");
    FUZZ_CHECK(reply->outcome == ROLL_ARM_OK || reply->message || reply->code, "no reason");
    if (reply->body)
        fuzz_check_value(reply->body);
}

static void on_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    int *ends = user;

    (*ends)++;
    FUZZ_CHECK(!token == !!err, "neither token nor reason");
    FUZZ_CHECK(!err || !strstr(err->message, client_secret), "%s", err->message);
}

static void ask(struct roll_loop *loop, struct roll_credential *credential, char which, int *ends)
{
    switch (which) {
    case 'r':
        roll_registry_digest(loop, credential, "contoso.azurecr.io/shop/web", "1", on_end, ends);
        break;
    case 'o':
        roll_registry_digest(loop, NULL, "ghcr.io/shop/web", "1", on_end, ends);
        break;
    case 'b':
        roll_address_head(loop, credential, "https://a.blob.core.windows.net/c/b", on_end, ends);
        break;
    case 'a':
        roll_address_head(loop, credential, "https://elsewhere.example/f", on_end, ends);
        break;
    case 't':
        roll_credential_token(credential, "https://vault.azure.net", on_token, ends);
        break;
    default:
        roll_key_vault_versions(loop, credential, "contoso", "db", 1000, on_end, ends);
        break;
    }
}

static void make_secrets(const uint8_t *data, size_t size)
{
    char hex[ROLL_HEX_SIZE];

    roll_sha256_hex(data, size, hex);
    g_snprintf(own_token, sizeof own_token, "own-%s", hex);
    g_snprintf(client_secret, sizeof client_secret, "secret-%s", hex);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GPtrArray) parts = fuzz_parts(data, size);
    char which = size > 0 ? (char)data[0] : 'k';
    struct roll_loop *loop = NULL;
    struct roll_cloud *own = NULL;
    struct roll_credential *credential = NULL;
    int ends = 0;

    fuzz_begin();
    make_secrets(data, size);
    g_setenv("AZURE_CLIENT_ID", "client", TRUE);
    g_setenv("AZURE_TENANT_ID", "tenant.example", TRUE);
    g_setenv("AZURE_CLIENT_SECRET", client_secret, TRUE);
    FUZZ_MUST(roll_loop_new(&loop));
    FUZZ_MUST(roll_cloud_new(which == 'c' ? "https://arm.example" : NULL, NULL, &own));
    FUZZ_MUST(roll_credential_new(loop, own, NULL, "environment", &credential));
    cloud = own;
    login_is_asked_about = which == 't';
    sends = 0;
    ask(loop, credential, which, &ends);
    run(loop, parts);
    FUZZ_CHECK(ends == 1, "a call gave %d replies", ends);
    roll_credential_free(credential);
    roll_cloud_free(own);
    roll_loop_free(loop);
    fuzz_end();
    return 0;
}
