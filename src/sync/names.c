/* Names of blobs, and what the store lists. */
#include <string.h>

#include "sync/sync.h"

#define SUFFIX ".jsonl"

enum { DIGITS = 6, PAGES_MAX = 200 };

char *sync_segment_blob(const struct roll_sync *sync, const char *stream, int64_t segment)
{
    return g_strdup_printf("%s/streams/%s/%0*" G_GINT64_FORMAT SUFFIX, sync->prefix, stream, DIGITS,
                           segment);
}

char *sync_object_blob(const struct roll_sync *sync, const char *digest)
{
    return g_strdup_printf("%s/objects/%s", sync->prefix, digest);
}

int64_t sync_segment_of(int64_t seq)
{
    return (seq - 1) / ROLL_SYNC_SEGMENT + 1;
}

static void free_listed(gpointer data)
{
    struct listed *listed = data;

    g_free(listed->etag);
    g_free(listed);
}

/* What does not look like a segment is not ours. */
static bool split(const char *name, const char *prefix, char **ret_stream, int64_t *ret_segment)
{
    const char *rest = name + strlen(prefix), *slash = strrchr(rest, '/');

    if (!slash || slash == rest || strlen(slash + 1) != DIGITS + strlen(SUFFIX) ||
        !g_str_has_suffix(slash, SUFFIX) || strspn(slash + 1, "0123456789") != DIGITS)
        return false;
    *ret_stream = g_strndup(rest, (gsize)(slash - rest));
    *ret_segment = g_ascii_strtoll(slash + 1, NULL, 10);
    return true;
}

/* Segments come in the order of their names, without a gap. */
static struct roll_error *note(GHashTable *all, const char *prefix,
                               const struct roll_storage_item *item)
{
    g_autofree char *stream = NULL;
    int64_t segment;

    if (!split(item->name, prefix, &stream, &segment))
        return NULL;
    struct listed *listed = g_hash_table_lookup(all, stream);
    if (!listed) {
        listed = g_new0(struct listed, 1);
        g_hash_table_insert(all, g_strdup(stream), listed);
    }
    if (segment != listed->segments + 1)
        return roll_error_new(ROLL_E_DAMAGED,
                              "the shared store lacks segment %" G_GINT64_FORMAT " of '%s'",
                              listed->segments + 1, stream);
    listed->segments = segment;
    listed->length = item->length;
    g_free(listed->etag);
    listed->etag = g_strdup(item->etag);
    return NULL;
}

struct roll_error *sync_list_page(struct roll_sync *sync, const char *prefix, char **marker,
                                  sync_item_fn fn, void *user)
{
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);
    g_autoptr(GPtrArray) items = NULL;

    roll_storage_list(sync->storage, prefix, *marker, sync_answered, answer);
    ROLL_TRY(sync_wait(sync, &answer));
    if (answer->outcome == ROLL_STORAGE_NOT_FOUND)
        return roll_error_new(ROLL_E_NOT_FOUND,
                              "the shared store's container '%s' is not in account '%s'",
                              sync->container, sync->account);
    sync->only_writes = sync_lacks_right(answer);
    if (answer->outcome != ROLL_STORAGE_OK)
        return sync_failed(answer, "listing it");
    g_clear_pointer(marker, g_free);
    ROLL_TRY(roll_storage_parse_list(answer->body->str, answer->body->len, &items, marker));
    for (guint i = 0; i < items->len; i++)
        if (g_str_has_prefix(((const struct roll_storage_item *)items->pdata[i])->name, prefix))
            ROLL_TRY(fn(user, items->pdata[i]));
    return NULL;
}

struct listing {
    GHashTable *all;
    const char *prefix;
};

static struct roll_error *note_item(void *user, const struct roll_storage_item *item)
{
    struct listing *listing = user;

    return note(listing->all, listing->prefix, item);
}

struct roll_error *sync_list(struct roll_sync *sync, GHashTable **ret_listed)
{
    g_autoptr(GHashTable) all = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_listed);
    g_autofree char *prefix = g_strconcat(sync->prefix, "/streams/", NULL);
    g_autofree char *marker = NULL;
    struct listing listing = {all, prefix};
    int pages = 0;

    do {
        if (++pages > PAGES_MAX)
            return roll_error_new(ROLL_E_LIMIT, "the shared store lists too many segments");
        ROLL_TRY(sync_list_page(sync, prefix, &marker, note_item, &listing));
    } while (marker);
    *ret_listed = g_steal_pointer(&all);
    return NULL;
}
