/* The digest behind name:tag at a container registry.
 *
 * Source: services reference 4.1, 4.2: HEAD of the manifest; a 401 names where a token is had,
 * anonymously, or at an Azure registry by exchange of our own token. Our token goes to a host below
 * the cloud's registry suffix only. */
#include <string.h>

#include "azure/arm.h"
#include "azure/challenge.h"
#include "azure/cloud.h"
#include "azure/credential.h"
#include "rollbook/digest.h"
#include "rollbook/time.h"

#define REGISTRY_AUDIENCE "https://containerregistry.azure.net"
#define REGISTRY_DEADLINE_MS 20000

struct lookup {
    struct roll_loop *loop;
    struct roll_credential *credential; /* or NULL */
    roll_arm_fn fn;
    void *user;
    char *base; /* https://contoso.azurecr.io */
    char *host, *repository, *tag;
    char *problem;              /* why nothing is asked */
    struct roll_secret *bearer; /* the registry's own token, or NULL */
    bool asked_token;
};

static void lookup_free(void *user)
{
    struct lookup *lookup = user;

    g_free(lookup->base);
    g_free(lookup->host);
    g_free(lookup->repository);
    g_free(lookup->tag);
    g_free(lookup->problem);
    roll_secret_free(lookup->bearer);
    g_free(lookup);
}

/* ---- ends ---- */

static void end_with(struct lookup *lookup, enum roll_arm_outcome outcome, int status,
                     const char *code, const char *message)
{
    arm_say(lookup->fn, lookup->user, outcome, status, code, message);
    lookup_free(lookup);
}

static void end_with_digest(struct lookup *lookup, const char *digest)
{
    roll_auto(json) json_t *body = json_pack("{s:s}", "digest", digest);
    struct roll_arm_reply reply = {
        .outcome = ROLL_ARM_OK, .status = 200, .body = body, .retry_after_ms = -1};

    lookup->fn(lookup->user, &reply);
    lookup_free(lookup);
}

static void end_with_failure(struct lookup *lookup, const struct roll_http_reply *reply)
{
    g_autofree char *what =
        g_strdup_printf("%s/%s:%s", lookup->host, lookup->repository, lookup->tag);
    g_autofree char *message = NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED) {
        message =
            g_strdup_printf("the registry '%s' does not answer: %s", lookup->host, reply->problem);
        end_with(lookup, ROLL_ARM_UNSENT, 0, NULL, message);
    } else if (reply->status == 404) {
        message = g_strdup_printf("'%s' is not in the registry", what);
        end_with(lookup, ROLL_ARM_NOT_FOUND, 404, "MANIFEST_UNKNOWN", message);
    } else {
        message = g_strdup_printf("the registry answered %d for '%s'", reply->status, what);
        enum roll_arm_outcome outcome = reply->status == 429   ? ROLL_ARM_THROTTLED
                                        : reply->status >= 500 ? ROLL_ARM_LOST
                                                               : ROLL_ARM_REFUSED;
        end_with(lookup, outcome, reply->status,
                 reply->status == 401 || reply->status == 403 ? "UNAUTHORIZED" : NULL, message);
    }
}

/* ---- the manifest ---- */

static void ask_manifest(struct lookup *lookup, const char *method, roll_http_fn fn)
{
    /* All four, or an index is called missing or is converted. */
    static const char *const headers[] = {
        "Accept: application/vnd.oci.image.index.v1+json, "
        "application/vnd.oci.image.manifest.v1+json, "
        "application/vnd.docker.distribution.manifest.list.v2+json, "
        "application/vnd.docker.distribution.manifest.v2+json",
        NULL};
    g_autofree char *url =
        g_strdup_printf("%s/v2/%s/manifests/%s", lookup->base, lookup->repository, lookup->tag);
    struct roll_http_request request = {
        .method = method,
        .url = url,
        .headers = headers,
        .bearer = lookup->bearer,
        .retry = ROLL_HTTP_RETRY_READ,
        .deadline_ms = REGISTRY_DEADLINE_MS,
        .drop = lookup_free,
    };

    roll_http_send(lookup->loop, &request, fn, lookup);
}

static bool is_digest(const char *text)
{
    return text && g_str_has_prefix(text, "sha256:") && roll_hex_is_digest(text + 7);
}

static void on_whole_manifest(void *user, const struct roll_http_reply *reply)
{
    struct lookup *lookup = user;
    char hex[ROLL_HEX_SIZE];

    if (reply->outcome != ROLL_HTTP_REPLIED || reply->status != 200 || reply->body_size == 0) {
        end_with_failure(lookup, reply);
        return;
    }
    roll_sha256_hex(reply->body, reply->body_size, hex);
    g_autofree char *digest = g_strconcat("sha256:", hex, NULL);
    end_with_digest(lookup, digest);
}

static void ask_token(struct lookup *lookup, const struct roll_http_reply *reply);

static void on_manifest(void *user, const struct roll_http_reply *reply)
{
    struct lookup *lookup = user;
    const char *digest = roll_http_header(reply, "docker-content-digest");

    if (reply->outcome == ROLL_HTTP_REPLIED && reply->status == 401 && !lookup->asked_token)
        ask_token(lookup, reply);
    else if (reply->outcome != ROLL_HTTP_REPLIED || reply->status != 200)
        end_with_failure(lookup, reply);
    else if (is_digest(digest))
        end_with_digest(lookup, digest);
    else
        ask_manifest(lookup, "GET", on_whole_manifest); /* older registries: it is hashed here */
}

/* ---- tokens ---- */

static struct roll_secret *read_token(const struct roll_http_reply *reply, const char *name,
                                      const char *other_name)
{
    struct token_reply json = {0};
    struct roll_secret *secret = NULL;

    if (reply->outcome != ROLL_HTTP_REPLIED || reply->status != 200 ||
        !token_reply_read(&json, reply->body, reply->body_size))
        return NULL;
    const char *text = token_reply_text(&json, name);
    if (!text && other_name)
        text = token_reply_text(&json, other_name);
    if (text && *text)
        secret = roll_secret_new(text, strlen(text));
    token_reply_wipe(&json);
    return secret;
}

static void on_registry_token(void *user, const struct roll_http_reply *reply)
{
    struct lookup *lookup = user;

    lookup->bearer = read_token(reply, "access_token", "token");
    if (lookup->bearer)
        ask_manifest(lookup, "HEAD", on_manifest);
    else
        end_with_failure(lookup, reply);
}

static void add_field(GString *form, const char *name, const char *value)
{
    g_string_append_printf(form, "%s%s=", form->len > 0 ? "&" : "", name);
    roll_url_encode(value, form);
}

static void post(struct lookup *lookup, const char *path, GString *form, roll_http_fn fn)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded", NULL};
    g_autofree char *url = g_strconcat(lookup->base, path, NULL);
    struct roll_http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .body = form->str,
        .body_size = form->len,
        .retry = ROLL_HTTP_RETRY_READ,
        .deadline_ms = REGISTRY_DEADLINE_MS,
        .drop = lookup_free,
    };

    roll_http_send(lookup->loop, &request, fn, lookup);
    roll_wipe(form->str, form->len);
}

static void on_exchanged(void *user, const struct roll_http_reply *reply)
{
    struct lookup *lookup = user;
    roll_auto(secret) struct roll_secret *refresh = read_token(reply, "refresh_token", NULL);
    g_autofree char *scope = g_strdup_printf("repository:%s:pull", lookup->repository);
    g_autoptr(GString) form = g_string_sized_new(16384);

    if (!refresh) {
        end_with_failure(lookup, reply);
        return;
    }
    add_field(form, "grant_type", "refresh_token");
    add_field(form, "service", lookup->host);
    add_field(form, "scope", scope);
    add_field(form, "refresh_token", roll_secret_reveal(refresh));
    post(lookup, "/oauth2/token", form, on_registry_token);
}

static void on_own_token(void *user, const struct roll_secret *token, const struct roll_error *err)
{
    struct lookup *lookup = user;
    g_autoptr(GString) form = g_string_sized_new(16384);

    if (!token) {
        end_with(lookup, ROLL_ARM_NO_TOKEN, 0, NULL, err->message);
        return;
    }
    add_field(form, "grant_type", "access_token");
    add_field(form, "service", lookup->host);
    add_field(form, "access_token", roll_secret_reveal(token));
    post(lookup, "/oauth2/exchange", form, on_exchanged);
}

static bool is_azure_registry(const struct lookup *lookup)
{
    if (!lookup->credential || lookup->credential->cloud->sandbox)
        return false;
    const char *own = lookup->credential->cloud->registry;
    g_autofree char *suffix = g_strconcat(".", own, NULL);
    return *own && g_str_has_suffix(lookup->host, suffix);
}

static void ask_anonymously(struct lookup *lookup, const struct roll_http_reply *reply)
{
    const char *header = roll_http_header(reply, "www-authenticate");
    g_autofree char *realm = challenge_value(header, "realm");
    g_autofree char *service = challenge_value(header, "service");
    g_autofree char *scope = g_strdup_printf("repository:%s:pull", lookup->repository);

    if (!realm || (!roll_url_is_https(realm) && !roll_url_is_loopback(realm))) {
        end_with_failure(lookup, reply);
        return;
    }
    g_autoptr(GString) url = g_string_new(realm);
    g_string_append(url, strchr(realm, '?') ? "&scope=" : "?scope=");
    roll_url_encode(scope, url);
    if (service) {
        g_string_append(url, "&service=");
        roll_url_encode(service, url);
    }
    struct roll_http_request request = {.method = "GET",
                                        .url = url->str,
                                        .retry = ROLL_HTTP_RETRY_READ,
                                        .deadline_ms = REGISTRY_DEADLINE_MS,
                                        .drop = lookup_free};
    roll_http_send(lookup->loop, &request, on_registry_token, lookup);
}

static void ask_token(struct lookup *lookup, const struct roll_http_reply *reply)
{
    lookup->asked_token = true;
    if (is_azure_registry(lookup))
        roll_credential_token(lookup->credential, REGISTRY_AUDIENCE, on_own_token, lookup);
    else
        ask_anonymously(lookup, reply);
}

/* ---- the way in ---- */

static bool consists_of(const char *text, const char *also)
{
    if (!*text)
        return false;
    for (; *text; text++)
        if (!g_ascii_isalnum(*text) && !strchr(also, *text))
            return false;
    return true;
}

/* `contoso.azurecr.io/shop/web`: the first part is a host if it looks like one, as docker decides
 * it. */
static bool split_name(struct lookup *lookup, const char *name)
{
    const char *slash = strchr(name, '/');

    if (!slash || strlen(name) > 512)
        return false;
    lookup->host = g_strndup(name, (gsize)(slash - name));
    lookup->repository = g_strdup(slash + 1);
    if (!strpbrk(lookup->host, ".:") && strcmp(lookup->host, "localhost") != 0)
        return false;
    if (!consists_of(lookup->host, ".-:") || !consists_of(lookup->repository, "._-/"))
        return false;
    const struct roll_cloud *cloud = lookup->credential ? lookup->credential->cloud : NULL;
    lookup->base = cloud_base_of(cloud, lookup->host, cloud ? cloud->registry : "");
    return !strstr(lookup->repository, "..") && !strstr(lookup->repository, "//");
}

/* Known or not: an image that needs no token is found all the same. */
static void on_cloud(void *user, const struct roll_error *err)
{
    (void)err;
    ask_manifest(user, "HEAD", on_manifest);
}

static void on_start(void *user)
{
    struct lookup *lookup = user;

    if (lookup->problem)
        end_with(lookup, ROLL_ARM_REFUSED, 0, "NAME_INVALID", lookup->problem);
    else if (lookup->credential && !cloud_is_known(lookup->credential->cloud))
        cloud_look_up(lookup->credential->cloud, lookup->loop, on_cloud, lookup);
    else
        ask_manifest(lookup, "HEAD", on_manifest);
}

void roll_registry_digest(struct roll_loop *loop, struct roll_credential *credential,
                          const char *name, const char *tag, roll_arm_fn fn, void *user)
{
    struct lookup *lookup = g_new0(struct lookup, 1);

    lookup->loop = loop;
    lookup->credential = credential;
    lookup->fn = fn;
    lookup->user = user;
    lookup->tag = g_strdup(tag);
    if (!split_name(lookup, name) || !consists_of(tag, "._-:") || strlen(tag) > 128)
        lookup->problem = g_strdup_printf(
            "'%s:%s' does not name an image at a registry (host/repository:tag)", name, tag);
    roll_loop_timer(loop, 0, on_start, lookup);
}
