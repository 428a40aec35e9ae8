/* One request to Blob Storage: its address, headers and credential, and what a reply means.
 *
 * Source: services reference 3.1 to 3.6. */
#include <string.h>

#include "azure/storage.h"
#include "rollbook/time.h"

enum { DEFAULT_TIMEOUT_MS = 10000, CONNECT_MS = 5000 };

/* ---- the request ----------------------------------------------------------------------------- */

/* Slashes stay: they are part of a blob's name. */
static void add_path(GString *url, const char *blob)
{
    g_auto(GStrv) parts = g_strsplit(blob, "/", -1);

    for (char **part = parts; *part; part++) {
        g_string_append_c(url, '/');
        roll_url_encode(*part, url);
    }
}

static char *address_of(const struct job *job)
{
    const struct roll_storage *storage = job->storage;
    GString *url = g_string_new(storage->endpoint);

    g_string_append_printf(url, "/%s", storage->container);
    if (job->blob)
        add_path(url, job->blob);
    if (job->query && !job->checking)
        g_string_append_printf(url, "?%s", job->query);
    return g_string_free(url, FALSE);
}

static GPtrArray *headers_of(const struct job *job)
{
    GPtrArray *headers = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *date = roll_time_http(roll_now_ms());

    if (job->checking)
        g_ptr_array_add(
            headers, g_strdup_printf("x-ms-range: bytes=%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT,
                                     job->position, job->position + (int64_t)job->body->len - 1));
    for (char **header = job->checking ? NULL : job->headers; header && *header; header++)
        g_ptr_array_add(headers, g_strdup(*header));
    g_ptr_array_add(headers, g_strdup_printf("x-ms-date: %s", date));
    g_ptr_array_add(headers, g_strdup("x-ms-version: " ROLL_STORAGE_VERSION));
    return headers;
}

/* Both are secrets: the signature is good for a quarter of an hour, a SAS for as long as it says.
 */
static void sign(const struct job *job, const char *method, const char *url, size_t body_size,
                 GPtrArray *headers)
{
    const struct roll_storage *storage = job->storage;

    g_ptr_array_add(headers, NULL);
    g_autofree char *text = roll_storage_string_to_sign(
        method, storage->account, url, (const char *const *)headers->pdata, body_size);
    g_autofree char *signature = roll_storage_signature(roll_secret_reveal(storage->key), text);
    g_ptr_array_remove_index(headers, headers->len - 1);
    g_ptr_array_add(headers,
                    g_strdup_printf("Authorization: SharedKey %s:%s", storage->account, signature));
}

static char *add_sas(char *url, const struct roll_secret *sas)
{
    const char *query = roll_secret_reveal(sas);
    char *whole =
        g_strdup_printf("%s%c%s", url, strchr(url, '?') ? '&' : '?', query + (query[0] == '?'));

    g_free(url);
    return whole;
}

void storage_send(struct job *job, const struct roll_secret *token, roll_http_fn on_reply)
{
    const struct roll_storage *storage = job->storage;
    const char *method = job->checking ? "GET" : job->method;
    const GString *body = job->checking ? NULL : job->body;
    g_autoptr(GPtrArray) headers = headers_of(job);
    char *url = address_of(job);

    if (storage->key)
        sign(job, method, url, body ? body->len : 0, headers);
    else if (storage->sas)
        url = add_sas(url, storage->sas);
    g_ptr_array_add(headers, NULL);
    bool repeats = (job->reads || job->checking) && !storage->no_retry;
    struct roll_http_request request = {
        .method = method,
        .url = url,
        .headers = (const char *const *)headers->pdata,
        .bearer = (struct roll_secret *)(uintptr_t)token,
        .body = body ? body->str : NULL,
        .body_size = body ? body->len : 0,
        .max_reply_bytes = job->checking ? job->body->len + 4096 : job->max,
        .connect_timeout_ms =
            MIN(storage->timeout_ms ? storage->timeout_ms : CONNECT_MS, CONNECT_MS),
        .stall_timeout_ms = storage->timeout_ms ? storage->timeout_ms : DEFAULT_TIMEOUT_MS,
        .timeout_ms = storage->timeout_ms ? storage->timeout_ms : 10 * (int64_t)DEFAULT_TIMEOUT_MS,
        .retry = repeats ? ROLL_HTTP_RETRY_READ : ROLL_HTTP_RETRY_NONE,
        .deadline_ms = STORAGE_DEADLINE_MS,
    };
    job->http = roll_http_send(storage->loop, &request, on_reply, job);
    for (guint i = 0; headers->pdata[i]; i++)
        roll_wipe(headers->pdata[i], strlen(headers->pdata[i]));
    roll_wipe(url, strlen(url));
    g_free(url);
}

/* ---- the reply ------------------------------------------------------------------------------- */

static enum roll_storage_outcome conflict(const char *code)
{
    static const char *const full[] = {"BlobIsSealed", "BlockCountExceedsLimit", NULL};
    static const char *const there[] = {"BlobAlreadyExists", "ContainerAlreadyExists", NULL};

    if (code && g_strv_contains(full, code))
        return ROLL_STORAGE_FULL;
    return code && g_strv_contains(there, code) ? ROLL_STORAGE_EXISTS : ROLL_STORAGE_REFUSED;
}

/* A lease that a tool holds, and a limit on the size, are 412 too; only a position or an ETag means
 * that somebody was faster. */
static enum roll_storage_outcome precondition(const char *code)
{
    static const char *const moved[] = {"AppendPositionConditionNotMet", "ConditionNotMet",
                                        "TargetConditionNotMet", NULL};

    return !code || g_strv_contains(moved, code) ? ROLL_STORAGE_MOVED : ROLL_STORAGE_REFUSED;
}

enum roll_storage_outcome storage_outcome(const struct roll_http_reply *reply, const char *code)
{
    if (reply->outcome != ROLL_HTTP_REPLIED)
        return reply->outcome == ROLL_HTTP_UNSENT ? ROLL_STORAGE_UNREACHABLE : ROLL_STORAGE_UNKNOWN;
    switch (reply->status) {
    case 304:
        return ROLL_STORAGE_UNCHANGED;
    case 401:
    case 403:
        return ROLL_STORAGE_FORBIDDEN;
    case 404:
        return ROLL_STORAGE_NOT_FOUND;
    case 408:
    case 429:
        return ROLL_STORAGE_UNKNOWN;
    case 409:
        return conflict(code);
    case 412:
        return precondition(code);
    case 416:
        return ROLL_STORAGE_BEYOND;
    default:
        if (reply->status >= 500)
            return ROLL_STORAGE_UNKNOWN;
        return reply->status >= 200 && reply->status < 300 ? ROLL_STORAGE_OK : ROLL_STORAGE_REFUSED;
    }
}
