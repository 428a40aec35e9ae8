/* Verifying objects: contents, their index, and what was redacted. */
#include <string.h>

#include "ledger/verify.h"

guint roll_verify_digest_hash(gconstpointer digest)
{
    uint64_t words[8], sum = 0;

    memcpy(words, digest, sizeof words);
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        sum = sum * 31 + words[i];
    return (guint)(sum ^ sum >> 32);
}

static const char *digest_at(struct roll_sql_stmt *stmt, int column)
{
    const char *digest = roll_sql_text_at(stmt, column);

    return digest && strlen(digest) == ROLL_HEX_SIZE - 1 ? digest : NULL;
}

static struct roll_error *check_object(struct verify *verify, struct roll_sql_stmt *stmt)
{
    const char *digest = digest_at(stmt, 0);
    char found[ROLL_HEX_SIZE];
    size_t size;

    verify->report.objects++;
    if (!digest) {
        const char *text = roll_sql_text_at(stmt, 0);
        roll_verify_finding(verify, "object %s: that is not a digest",
                            text ? text : "without a name");
        return NULL;
    }
    char *kept = g_string_chunk_insert_len(verify->digests, digest, ROLL_HEX_SIZE - 1);
    if (!g_hash_table_insert(verify->objects, kept,
                             GSIZE_TO_POINTER((gsize)roll_sql_int_at(stmt, 2)))) {
        roll_verify_finding(verify, "an object has another one's digest");
        return NULL;
    }
    if (roll_sql_null_at(stmt, 1)) {
        verify->report.redacted++;
        g_ptr_array_add(verify->gone, kept);
        return NULL;
    }
    const void *data = roll_sql_blob_at(stmt, 1, &size);
    roll_sha256_hex(data, size, found);
    if (strcmp(found, digest) != 0)
        roll_verify_finding(verify, "object %s: its content has the digest %s", digest, found);
    return NULL;
}

/* Objects are found through their index: it must lead to each of them, and to nothing else. */
static struct roll_error *check_object_indexed(struct verify *verify, struct roll_sql_stmt *stmt)
{
    const char *digest = digest_at(stmt, 0);
    gpointer id = digest ? g_hash_table_lookup(verify->objects, digest) : NULL;

    if (!id || (gsize)roll_sql_int_at(stmt, 1) != GPOINTER_TO_SIZE(id) ||
        strcmp(digest, verify->last_indexed) <= 0)
        roll_verify_finding(verify, "object %s: the index of objects does not lead to it",
                            digest ? digest : "without a digest");
    else
        g_strlcpy(verify->last_indexed, digest, sizeof verify->last_indexed);
    verify->indexed++;
    return NULL;
}

struct roll_error *roll_verify_objects(struct verify *verify)
{
    ROLL_TRY(roll_verify_each(verify, LEDGER_OBJECT_ALL, check_object));
    if (!verify->report.first_bad)
        ROLL_TRY(roll_verify_each(verify, LEDGER_OBJECT_INDEXED, check_object_indexed));
    if (!verify->report.first_bad && verify->indexed != verify->report.objects)
        roll_verify_finding(verify,
                            "%" G_GINT64_FORMAT " objects, but %" G_GINT64_FORMAT " in their index",
                            verify->report.objects, verify->indexed);
    return NULL;
}

void roll_verify_gone(struct verify *verify)
{
    for (guint i = 0; i < verify->gone->len; i++) {
        const char *digest = g_ptr_array_index(verify->gone, i);
        if (!g_hash_table_contains(verify->redacted, digest))
            roll_verify_finding(
                verify, "object %s: its content is gone, and no event says that it was redacted",
                digest);
    }
}
