/* The calls to Blob Storage, one function each. Source: services reference 3.2, 3.3. */
#include <string.h>

#include "azure/storage.h"
#include "rollbook/time.h"

void storage_start(struct job *job);

static struct job *job_new(struct roll_storage *storage, const char *method, const char *blob,
                           roll_storage_fn fn, void *user)
{
    struct job *job = g_new0(struct job, 1);

    *job = (struct job){.storage = storage,
                        .method = method,
                        .blob = g_strdup(blob),
                        .position = -1,
                        .give_up_at = roll_boot_ms() + STORAGE_DEADLINE_MS,
                        .fn = fn,
                        .user = user};
    g_hash_table_add(storage->jobs, job);
    return job;
}

static void set_headers(struct job *job, GPtrArray *headers)
{
    g_ptr_array_add(headers, NULL);
    job->headers = (char **)g_ptr_array_free(headers, FALSE);
}

/* The service checks it: what was damaged on the way is not kept. */
static char *content_md5(const void *data, size_t size)
{
    GChecksum *checksum = g_checksum_new(G_CHECKSUM_MD5);
    guint8 digest[16];
    gsize length = sizeof digest;

    g_checksum_update(checksum, data, (gssize)size);
    g_checksum_get_digest(checksum, digest, &length);
    g_checksum_free(checksum);
    g_autofree char *text = g_base64_encode(digest, length);
    return g_strconcat("Content-MD5: ", text, NULL);
}

static void add_body(struct job *job, GPtrArray *headers, const void *data, size_t size)
{
    job->body = g_string_new_len(data, (gssize)size);
    if (size > 0) {
        g_ptr_array_add(headers, g_strdup("Content-Type: application/octet-stream"));
        g_ptr_array_add(headers, content_md5(data, size));
    }
}

void roll_storage_create_container(struct roll_storage *storage, roll_storage_fn fn, void *user)
{
    struct job *job = job_new(storage, "PUT", NULL, fn, user);
    GPtrArray *headers = g_ptr_array_new();

    job->query = g_strdup("restype=container");
    add_body(job, headers, "", 0);
    set_headers(job, headers);
    storage_start(job);
}

/* Without If-None-Match this very request would empty a blob that is there. */
void roll_storage_create_append(struct roll_storage *storage, const char *blob, roll_storage_fn fn,
                                void *user)
{
    struct job *job = job_new(storage, "PUT", blob, fn, user);
    GPtrArray *headers = g_ptr_array_new();

    g_ptr_array_add(headers, g_strdup("If-None-Match: *"));
    g_ptr_array_add(headers, g_strdup("x-ms-blob-type: AppendBlob"));
    g_ptr_array_add(headers, g_strdup("x-ms-blob-content-type: application/x-ndjson"));
    add_body(job, headers, "", 0);
    set_headers(job, headers);
    storage_start(job);
}

void roll_storage_append(struct roll_storage *storage, const char *blob, int64_t position,
                         const void *data, size_t size, roll_storage_fn fn, void *user)
{
    struct job *job = job_new(storage, "PUT", blob, fn, user);
    GPtrArray *headers = g_ptr_array_new();

    g_assert(size > 0 && size <= ROLL_STORAGE_BLOCK_MAX);
    job->query = g_strdup("comp=appendblock");
    job->position = position;
    g_ptr_array_add(headers,
                    g_strdup_printf("x-ms-blob-condition-appendpos: %" G_GINT64_FORMAT, position));
    add_body(job, headers, data, size);
    set_headers(job, headers);
    storage_start(job);
}

void roll_storage_put(struct roll_storage *storage, const char *blob, const void *data, size_t size,
                      roll_storage_fn fn, void *user)
{
    struct job *job = job_new(storage, "PUT", blob, fn, user);
    GPtrArray *headers = g_ptr_array_new();

    g_ptr_array_add(headers, g_strdup("If-None-Match: *"));
    g_ptr_array_add(headers, g_strdup("x-ms-blob-type: BlockBlob"));
    add_body(job, headers, data, size);
    set_headers(job, headers);
    storage_start(job);
}

void roll_storage_read(struct roll_storage *storage, const char *blob, int64_t first, int64_t count,
                       const char *etag, size_t max, roll_storage_fn fn, void *user)
{
    struct job *job = job_new(storage, "GET", blob, fn, user);
    GPtrArray *headers = g_ptr_array_new();

    job->reads = true;
    job->max = max;
    if (first > 0 || count > 0)
        g_ptr_array_add(
            headers,
            count > 0 ? g_strdup_printf("x-ms-range: bytes=%" G_GINT64_FORMAT "-%" G_GINT64_FORMAT,
                                        first, first + count - 1)
                      : g_strdup_printf("x-ms-range: bytes=%" G_GINT64_FORMAT "-", first));
    if (etag)
        g_ptr_array_add(headers, g_strconcat("If-None-Match: ", etag, NULL));
    set_headers(job, headers);
    storage_start(job);
}

void roll_storage_delete(struct roll_storage *storage, const char *blob, roll_storage_fn fn,
                         void *user)
{
    struct job *job = job_new(storage, "DELETE", blob, fn, user);

    storage_start(job);
}

void roll_storage_list(struct roll_storage *storage, const char *prefix, const char *marker,
                       roll_storage_fn fn, void *user)
{
    struct job *job = job_new(storage, "GET", NULL, fn, user);
    g_autoptr(GString) query = g_string_new("restype=container&comp=list&prefix=");

    roll_url_encode(prefix, query);
    if (marker) {
        g_string_append(query, "&marker=");
        roll_url_encode(marker, query);
    }
    job->query = g_strndup(query->str, query->len);
    job->reads = true;
    job->max = 16u << 20;
    storage_start(job);
}
