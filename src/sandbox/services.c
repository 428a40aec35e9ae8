/* Registries, Key Vaults and blobs of the sandbox's cloud, at /sandbox/at/HOST/….
 *
 * Whatever a digest or a version id names is there, as any resource type is: until
 * `POST /sandbox/gone?what=…` takes it away, or `POST /sandbox/there?what=…&is=…` says what a tag
 * points to or that the content is another one. Which tags there are is not known here. A version
 * of a secret is there once a deployment has named it; `POST /sandbox/secret` changes it. No
 * values, no layers, no bytes. Source: services reference 2.1, 3.2, 4.1. */
#include "sandbox/services.h"

#include <string.h>

#include "rollbook/digest.h"
#include "rollbook/json.h"
#include "sandbox/server.h"
#include "sandbox/store.h"

#define GONE "gone"

/* ---- registries ----------------------------------------------------------------------------- */

static void answer_image(const char *digest, const struct sandbox_request *request,
                         struct sandbox_reply *reply)
{
    (void)request;
    sandbox_reply_set(reply, 200, NULL);
    sandbox_reply_header(reply, "Docker-Content-Digest", "%s", digest);
    sandbox_reply_header(reply, "Docker-Distribution-Api-Version", "registry/2.0");
}

static void no_image(struct sandbox_reply *reply)
{
    sandbox_reply_set(reply, 404,
                      json_pack("{s:[{s:s,s:s}]}", "errors", "code", "MANIFEST_UNKNOWN", "message",
                                "manifest tagged by that reference is not found"));
}

/* v2/NAME/manifests/REFERENCE; NAME may have slashes. */
static struct roll_error *serve_registry(struct sandbox_server *server, const char *host,
                                         const struct sandbox_request *request,
                                         struct sandbox_reply *reply, bool *ret_known)
{
    char *const *words = (char *const *)request->segments->pdata + 3;
    guint count = request->segments->len - 3;
    g_autofree char *said = NULL;

    *ret_known = count >= 4 && strcmp(words[0], "v2") == 0 &&
                 strcmp(words[count - 2], "manifests") == 0 &&
                 (request->method & (METHOD_GET | METHOD_HEAD));
    if (!*ret_known)
        return NULL;
    const char *reference = words[count - 1];
    bool digest = g_str_has_prefix(reference, "sha256:");
    g_autoptr(GString) what = g_string_new(host);
    for (guint i = 1; i + 2 < count; i++)
        g_string_append_printf(what, "/%s", words[i]);
    g_string_append_printf(what, "%c%s", digest ? '@' : ':', reference);
    ROLL_TRY(sandbox_setting_get(server, "at", what->str, &said));
    if (said && strcmp(said, GONE) == 0)
        no_image(reply);
    else if (digest || said)
        answer_image(digest ? reference : said, request, reply);
    else
        *ret_known = false;
    return NULL;
}

/* ---- secrets -------------------------------------------------------------------------------- */

/* The versions of a secret that are known: [{"version","enabled","created","exp"?}]. */
static struct roll_error *read_versions(struct sandbox_server *server, const char *vault,
                                        const char *name, json_t **ret_versions)
{
    g_autofree char *what = g_strconcat(vault, "/", name, NULL);
    g_autofree char *text = NULL;

    ROLL_TRY(sandbox_setting_get(server, "secret", what, &text));
    *ret_versions = text ? json_loads(text, 0, NULL) : NULL;
    if (!*ret_versions)
        *ret_versions = json_array();
    return NULL;
}

static struct roll_error *write_versions(struct sandbox_server *server, const char *vault,
                                         const char *name, const json_t *versions)
{
    g_autofree char *what = g_strconcat(vault, "/", name, NULL);
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(versions, text);
    return sandbox_setting_put(server, "secret", what, text->str);
}

/* Borrowed, or NULL. */
static json_t *find_version(const json_t *versions, const char *version, size_t *ret_index)
{
    size_t index;
    json_t *entry;

    json_array_foreach ((json_t *)(uintptr_t)versions, index, entry)
        if (g_strcmp0(roll_json_get_string(entry, "version"), version) == 0) {
            *ret_index = index;
            return entry;
        }
    return NULL;
}

static json_t *list_versions(const char *vault_host, const char *name, const json_t *versions)
{
    json_t *list = json_array(), *entry;
    size_t index;

    json_array_foreach ((json_t *)(uintptr_t)versions, index, entry) {
        json_t *attributes = json_object();
        static const char *const members[] = {"enabled", "created", "nbf", "exp", NULL};
        if (json_is_true(json_object_get(entry, GONE))) {
            json_decref(attributes);
            continue;
        }
        for (int i = 0; members[i]; i++)
            if (json_object_get(entry, members[i]))
                json_object_set(attributes, members[i], json_object_get(entry, members[i]));
        json_array_append_new(list,
                              json_pack("{s:o,s:o}", "id",
                                        json_sprintf("https://%s/secrets/%s/%s", vault_host, name,
                                                     roll_json_get_string(entry, "version")),
                                        "attributes", attributes));
    }
    return json_pack("{s:o,s:n}", "value", list, "nextLink");
}

/* secrets/NAME/versions */
static struct roll_error *serve_vault(struct sandbox_server *server, const char *host,
                                      const struct sandbox_request *request,
                                      struct sandbox_reply *reply, bool *ret_known)
{
    char *const *words = (char *const *)request->segments->pdata + 3;
    roll_auto(json) json_t *versions = NULL;
    g_autofree char *vault = g_strndup(host, strcspn(host, "."));

    *ret_known = request->segments->len == 6 && request->method == METHOD_GET &&
                 strcmp(words[0], "secrets") == 0 && strcmp(words[2], "versions") == 0;
    if (!*ret_known)
        return NULL;
    ROLL_TRY(read_versions(server, vault, words[1], &versions));
    sandbox_reply_set(reply, 200, list_versions(host, words[1], versions));
    return NULL;
}

/* ARM's words; a vault that was never heard of has what is asked of it. */
static void refuse_secret(const char *name, const char *why, struct sandbox_reply *reply)
{
    sandbox_reply_error(reply, 400, "KeyVaultParameterReferenceSecretRetrieveFailed",
                        "The secret of KeyVault parameter '%s' cannot be retrieved. Http status "
                        "code: '%s'. Please see https://aka.ms/arm-keyvault for usage details.",
                        name, why);
}

/* Without a version: the newest, which is made when there is none. */
static struct roll_error *use_secret(struct sandbox_server *server, const char *parameter,
                                     const json_t *reference, int64_t now_ms,
                                     struct sandbox_reply *reply, bool *ret_good)
{
    const char *id = roll_json_get_string(json_object_get(reference, "keyVault"), "id");
    const char *name = roll_json_get_string(reference, "secretName");
    const char *version = roll_json_get_string(reference, "secretVersion");
    const char *vault = id && strrchr(id, '/') ? strrchr(id, '/') + 1 : NULL;
    roll_auto(json) json_t *versions = NULL;
    char first[ROLL_HEX_SIZE];
    size_t index = 0;

    if (!vault || !*vault || !name)
        return NULL;
    ROLL_TRY(read_versions(server, vault, name, &versions));
    roll_sha256_hex(name, strlen(name), first);
    first[32] = '\0';
    if (!version && json_array_size(versions) > 0)
        version = roll_json_get_string(json_array_get(versions, json_array_size(versions) - 1),
                                       "version");
    version = version ? version : first;
    json_t *entry = find_version(versions, version, &index);
    bool gone = json_is_true(json_object_get(entry, GONE));
    *ret_good = !entry || (!gone && !json_is_false(json_object_get(entry, "enabled")));
    if (!*ret_good)
        refuse_secret(parameter, gone ? "NotFound" : "Forbidden", reply);
    if (entry)
        return NULL;
    json_array_append_new(versions, json_pack("{s:s,s:b,s:I}", "version", version, "enabled", true,
                                              "created", (json_int_t)(now_ms / 1000)));
    return write_versions(server, vault, name, versions);
}

struct roll_error *sandbox_secrets_use(struct sandbox_server *server, const json_t *parameters,
                                       int64_t now_ms, struct sandbox_reply *reply, bool *ret_good)
{
    const char *name;
    json_t *entry;

    *ret_good = true;
    json_object_foreach ((json_t *)(uintptr_t)parameters, name, entry) {
        const json_t *reference = roll_json_get_nocase(entry, "reference");
        if (*ret_good && json_is_object(reference))
            ROLL_TRY(use_secret(server, name, reference, now_ms, reply, ret_good));
    }
    return NULL;
}

/* ---- blobs ---------------------------------------------------------------------------------- */

static void answer_blob(const char *what, const char *version, const char *said,
                        struct sandbox_reply *reply)
{
    g_autofree char *content = g_strconcat(what, " ", said ? said : "", NULL);
    char hex[ROLL_HEX_SIZE];
    guint8 md5[16];
    gsize size = sizeof(md5);
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_MD5);

    g_checksum_update(sum, (const guchar *)content, -1);
    g_checksum_get_digest(sum, md5, &size);
    g_autofree char *base64 = g_base64_encode(md5, size);
    roll_sha256_hex(content, strlen(content), hex);
    hex[16] = '\0';
    sandbox_reply_set(reply, 200, NULL);
    sandbox_reply_header(reply, "ETag", "\"0x%s\"", hex);
    sandbox_reply_header(reply, "Content-MD5", "%s", base64);
    sandbox_reply_header(reply, "x-ms-blob-type", "BlockBlob");
    if (version)
        sandbox_reply_header(reply, "x-ms-version-id", "%s", version);
}

/* CONTAINER/BLOB[?versionid=…] */
static struct roll_error *serve_blob(struct sandbox_server *server, const char *host,
                                     const struct sandbox_request *request,
                                     struct sandbox_reply *reply, bool *ret_known)
{
    const char *version = sandbox_query(request, "versionid");
    g_autoptr(GString) what = g_string_new("https://");
    g_autofree char *said = NULL;

    *ret_known = request->segments->len >= 5 && request->method == METHOD_HEAD;
    if (!*ret_known)
        return NULL;
    g_string_append(what, host);
    for (guint i = 3; i < request->segments->len; i++)
        g_string_append_printf(what, "/%s", (const char *)request->segments->pdata[i]);
    if (version)
        g_string_append_printf(what, "?versionid=%s", version);
    ROLL_TRY(sandbox_setting_get(server, "at", what->str, &said));
    if (said && strcmp(said, GONE) == 0) {
        sandbox_reply_set(reply, 404, NULL);
        sandbox_reply_header(reply, "x-ms-error-code", "BlobNotFound");
    } else {
        answer_blob(what->str, version, said, reply);
    }
    return NULL;
}

/* ---- which one ------------------------------------------------------------------------------ */

static const struct {
    const char *suffix;
    struct roll_error *(*serve)(struct sandbox_server *, const char *,
                                const struct sandbox_request *, struct sandbox_reply *, bool *);
} services[] = {
    {".azurecr.io", serve_registry},
    {".vault.azure.net", serve_vault},
    {".blob.core.windows.net", serve_blob},
};

bool sandbox_services(struct sandbox_server *server, const struct sandbox_request *request,
                      struct sandbox_reply *reply)
{
    const GPtrArray *words = request->segments;
    bool known = false;

    if (words->len < 4 || strcmp(words->pdata[0], "sandbox") != 0 ||
        strcmp(words->pdata[1], "at") != 0)
        return false;
    g_autofree char *host = g_ascii_strdown(words->pdata[2], -1);
    for (size_t i = 0; i < G_N_ELEMENTS(services); i++) {
        if (!g_str_has_suffix(host, services[i].suffix))
            continue;
        roll_auto(error) struct roll_error *err =
            services[i].serve(server, host, request, reply, &known);
        if (err)
            sandbox_reply_error(reply, 500, "InternalServerError", "The sandbox failed: %s",
                                err->message);
        known = known || err;
    }
    if (!known)
        sandbox_reply_error(reply, 501, "NotImplemented", "The sandbox does not know '%s %s'.",
                            request->method_name, request->path);
    return true;
}

/* ---- game days ------------------------------------------------------------------------------ */

bool sandbox_need(const struct sandbox_request *request, const char *name,
                  struct sandbox_reply *reply)
{
    if (sandbox_query(request, name))
        return true;
    sandbox_reply_error(reply, 400, "BadRequest", "'%s' must be given.", name);
    return false;
}

struct roll_error *sandbox_gone(struct sandbox_server *server, struct sandbox_request *request,
                                struct sandbox_reply *reply)
{
    if (!sandbox_need(request, "what", reply))
        return NULL;
    ROLL_TRY(sandbox_setting_put(server, "at", sandbox_query(request, "what"), GONE));
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}

struct roll_error *sandbox_there(struct sandbox_server *server, struct sandbox_request *request,
                                 struct sandbox_reply *reply)
{
    const char *is = sandbox_query(request, "is");

    if (!sandbox_need(request, "what", reply))
        return NULL;
    ROLL_TRY(sandbox_setting_put(server, "at", sandbox_query(request, "what"), is ? is : ""));
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}

static void change_time(json_t *entry, const char *name, const char *unix_s)
{
    if (unix_s)
        json_object_set_new(entry, name, json_integer(g_ascii_strtoll(unix_s, NULL, 10)));
}

/* state: enabled, disabled, deleted; begins, expires: Unix seconds. */
static bool change_version(json_t *entry, const struct sandbox_request *request,
                           struct sandbox_reply *reply)
{
    const char *state = sandbox_query(request, "state");
    static const char *const states[] = {"enabled", "disabled", "deleted", NULL};

    if (state && !g_strv_contains(states, state)) {
        sandbox_reply_error(reply, 400, "BadRequest",
                            "'state' is one of enabled, disabled, deleted.");
        return false;
    }
    if (state) {
        json_object_set_new(entry, "enabled", json_boolean(strcmp(state, "disabled") != 0));
        json_object_set_new(entry, GONE, json_boolean(strcmp(state, "deleted") == 0));
    }
    change_time(entry, "nbf", sandbox_query(request, "begins"));
    change_time(entry, "exp", sandbox_query(request, "expires"));
    return true;
}

struct roll_error *sandbox_secret(struct sandbox_server *server, struct sandbox_request *request,
                                  struct sandbox_reply *reply)
{
    const char *vault = sandbox_query(request, "vault"), *name = sandbox_query(request, "name");
    const char *version = sandbox_query(request, "version");
    roll_auto(json) json_t *versions = NULL;
    size_t index = 0;

    if (!sandbox_need(request, "vault", reply) || !sandbox_need(request, "name", reply) ||
        !sandbox_need(request, "version", reply))
        return NULL;
    ROLL_TRY(read_versions(server, vault, name, &versions));
    json_t *entry = find_version(versions, version, &index);
    if (!entry) {
        entry = json_pack("{s:s,s:b,s:I}", "version", version, "enabled", true, "created",
                          (json_int_t)(request->now_ms / 1000));
        json_array_append_new(versions, entry);
    }
    if (!change_version(entry, request, reply))
        return NULL;
    ROLL_TRY(write_versions(server, vault, name, versions));
    sandbox_reply_set(reply, 204, NULL);
    return NULL;
}
