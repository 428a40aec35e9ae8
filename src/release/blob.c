/* Objects on their way into the ledger: bytes with their digest, each once. */
#include "release/internal.h"

/* data is consumed. */
static struct roll_blob *blob_take(GString *data)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);
    roll_sha256_hex(data->str, data->len, blob->digest);
    blob->data = data;
    return blob;
}

void release_blob_free(struct roll_blob *blob)
{
    if (!blob)
        return;
    g_string_free(blob->data, TRUE);
    g_free(blob);
}

static void free_element(gpointer blob)
{
    release_blob_free(blob);
}

GPtrArray *release_blobs_new(void)
{
    return g_ptr_array_new_with_free_func(free_element);
}

static const struct roll_blob *find(const GPtrArray *blobs, const char *digest)
{
    for (guint i = 0; blobs && i < blobs->len; i++) {
        const struct roll_blob *blob = g_ptr_array_index(blobs, i);
        if (strcmp(blob->digest, digest) == 0)
            return blob;
    }
    return NULL;
}

const char *release_blobs_add_take(GPtrArray *blobs, GString *data)
{
    struct roll_blob *blob = blob_take(data);
    const struct roll_blob *known = find(blobs, blob->digest);
    if (known) {
        release_blob_free(blob);
        return known->digest;
    }
    g_ptr_array_add(blobs, blob);
    return blob->digest;
}

const char *release_blobs_add_indexed_take(GPtrArray *blobs, GHashTable *index, GString *data)
{
    struct roll_blob *blob = blob_take(data);
    const char *known = g_hash_table_lookup(index, blob->digest);
    if (known) {
        release_blob_free(blob);
        return known;
    }
    g_ptr_array_add(blobs, blob);
    g_hash_table_add(index, blob->digest);
    return blob->digest;
}

bool release_blobs_has(const GPtrArray *blobs, const char *digest)
{
    return find(blobs, digest) != NULL;
}

struct roll_error *release_object_text(struct roll_ledger *ledger, const GPtrArray *blobs,
                                       const char *digest, GString **ret_text)
{
    const struct roll_blob *blob = find(blobs, digest);
    if (!blob)
        return roll_ledger_object(ledger, digest, ret_text);
    *ret_text = g_string_new_len(blob->data->str, (gssize)blob->data->len);
    return NULL;
}

struct roll_error *release_object_json(struct roll_ledger *ledger, const GPtrArray *blobs,
                                       const char *digest, json_t **ret_value)
{
    const struct roll_blob *blob = find(blobs, digest);
    if (!blob)
        return roll_ledger_object_json(ledger, digest, ret_value);
    return roll_json_parse(blob->data->str, blob->data->len, ROLL_JSON_STRICT, ret_value);
}
