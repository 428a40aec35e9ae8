/* Objects that the store has lost: somebody deleted them, or a copy was restored in part. A replica
 * that has their bytes puts them back, since they are told by their content. */
#include <string.h>

#include "sync/sync.h"

enum { PAGES_MAX = 1000, AT_ONCE = 16 };

struct looking {
    struct roll_sync *sync;
    struct roll_ledger *ledger;
    const char *prefix;
    GHashTable *there; /* digests in the store */
    GPtrArray *lost;   /* digests that only the ledger has */
};

static struct roll_error *note_object(void *user, const struct roll_storage_item *item)
{
    struct looking *looking = user;

    g_hash_table_add(looking->there, g_strdup(item->name + strlen(looking->prefix)));
    return NULL;
}

/* One that was redacted has no content to give. */
static struct roll_error *see_digest(void *user, const char *digest)
{
    struct looking *looking = user;

    if (!g_hash_table_contains(looking->there, digest))
        g_ptr_array_add(looking->lost, g_strdup(digest));
    return NULL;
}

static struct roll_error *look(struct roll_sync *sync, struct roll_ledger *ledger,
                               GPtrArray **ret_lost)
{
    g_autoptr(GHashTable) there = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GPtrArray) lost = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *prefix = g_strconcat(sync->prefix, "/objects/", NULL);
    g_autofree char *marker = NULL;
    struct looking looking = {sync, ledger, prefix, there, lost};
    int pages = 0;

    do {
        if (++pages > PAGES_MAX)
            return roll_error_new(ROLL_E_LIMIT, "the shared store lists too many objects");
        ROLL_TRY(sync_list_page(sync, prefix, &marker, note_object, &looking));
    } while (marker);
    ROLL_TRY(roll_ledger_objects(ledger, see_digest, &looking));
    *ret_lost = g_steal_pointer(&lost);
    return NULL;
}

struct roll_error *sync_count_lost(struct roll_sync *sync, struct roll_ledger *ledger,
                                   int64_t *ret_lost)
{
    g_autoptr(GPtrArray) lost = NULL;
    g_autoptr(GHashTable) remotes = NULL;

    *ret_lost = 0;
    ROLL_TRY(roll_ledger_remotes(ledger, &remotes));
    if (g_hash_table_size(remotes) == 0)
        return NULL; /* nothing of this ledger was ever there */
    ROLL_TRY(look(sync, ledger, &lost));
    *ret_lost = lost->len;
    return NULL;
}

static void free_data(gpointer data)
{
    g_string_free(data, TRUE);
}

static struct roll_error *put_some(struct roll_sync *sync, struct roll_ledger *ledger,
                                   const GPtrArray *lost, guint from)
{
    g_autoptr(GHashTable) objects = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_data);

    for (guint i = from; i < lost->len && i < from + AT_ONCE; i++) {
        GString *data = NULL;
        ROLL_TRY(roll_ledger_object(ledger, lost->pdata[i], &data));
        g_hash_table_insert(objects, lost->pdata[i], data);
    }
    return sync_put_objects(sync, objects);
}

/* Somebody may have redacted one while it was put back. */
static struct roll_error *take_out_redacted(struct roll_sync *sync, struct roll_ledger *ledger,
                                            const GPtrArray *lost)
{
    ROLL_TRY(roll_sync_pull(sync, ledger, NULL));
    for (guint i = 0; i < lost->len; i++)
        if (!roll_ledger_has_object(ledger, lost->pdata[i]))
            ROLL_TRY(roll_sync_forget(sync, lost->pdata[i]));
    return NULL;
}

struct roll_error *roll_sync_repair(struct roll_sync *sync, struct roll_ledger *ledger,
                                    struct roll_sync_report *report)
{
    g_autoptr(GPtrArray) lost = NULL;

    ROLL_TRY(look(sync, ledger, &lost));
    for (guint i = 0; i < lost->len; i += AT_ONCE)
        ROLL_TRY(put_some(sync, ledger, lost, i));
    if (lost->len > 0)
        ROLL_TRY(take_out_redacted(sync, ledger, lost));
    sync->report.repaired += lost->len;
    if (report)
        *report = sync->report;
    return NULL;
}
