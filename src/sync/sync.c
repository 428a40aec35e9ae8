/* The shared ledger: its life, its container, and the seam to the ledger. */
#include "sync/sync.h"

#include <string.h>

#include "rollbook/log.h"
#include "rollbook/time.h"

enum { MAX_TRIES = 5 };

/* ---- life ------------------------------------------------------------------------------------ */

static struct roll_secret *secret_of(const char *name)
{
    const char *text = g_getenv(name);

    return text && text[0] ? roll_secret_new(text, strlen(text)) : NULL;
}

static char *endpoint_of(const struct roll_store *store, const struct roll_cloud *cloud)
{
    return store->endpoint ? g_strdup(store->endpoint)
                           : g_strdup_printf("https://%s.blob.%s", store->account, cloud->storage);
}

static struct roll_error *open_storage(struct roll_sync *sync, const struct roll_store *store)
{
    struct roll_storage_options options = {
        .loop = sync->loop, .account = store->account, .container = store->container};

    if (!store->token)
        options.key = sync->secret = secret_of("ARM_ACCESS_KEY");
    if (!store->token && !sync->secret)
        options.sas = sync->secret = secret_of("ARM_SAS_TOKEN");
    sync->sas = options.sas != NULL;
    if (!sync->secret) {
        ROLL_TRY(
            roll_credential_new(sync->loop, sync->cloud, store->tenant, NULL, &sync->credential));
        options.credential = sync->credential;
    }
    g_autofree char *endpoint = endpoint_of(store, sync->cloud);
    options.endpoint = endpoint;
    return roll_storage_new(&options, &sync->storage);
}

static void free_event(gpointer event)
{
    roll_event_free(event);
}

static void free_answer(gpointer answer)
{
    sync_answer_free(answer);
}

struct roll_error *roll_sync_new(const struct roll_store *store, struct roll_sync **ret_sync)
{
    roll_auto(sync) struct roll_sync *sync = g_new0(struct roll_sync, 1);

    sync->account = g_strdup(store->account);
    sync->container = g_strdup(store->container);
    sync->prefix = g_strdup(store->prefix);
    sync->name = g_strdup_printf("%s/%s/%s", store->account, store->container, store->prefix);
    sync->answers = g_ptr_array_new_with_free_func(free_answer);
    sync->approvals = g_ptr_array_new_with_free_func(free_event);
    ROLL_TRY(roll_loop_new(&sync->loop));
    ROLL_TRY(roll_cloud_new(store->cloud, NULL, &sync->cloud));
    ROLL_TRY(open_storage(sync, store));
    *ret_sync = g_steal_pointer(&sync);
    return NULL;
}

void roll_sync_on_approval(struct roll_sync *sync, roll_pulled_fn fn, void *user)
{
    sync->on_approval = fn;
    sync->on_approval_user = user;
}

void roll_sync_free(struct roll_sync *sync)
{
    if (!sync)
        return;
    if (sync->ledger)
        roll_ledger_set_publisher(sync->ledger, NULL);
    roll_storage_free(sync->storage);
    roll_credential_free(sync->credential);
    roll_cloud_free(sync->cloud);
    roll_secret_free(sync->secret);
    roll_loop_free(sync->loop);
    g_ptr_array_unref(sync->answers);
    g_ptr_array_unref(sync->approvals);
    g_free(sync->account);
    g_free(sync->container);
    g_free(sync->prefix);
    g_free(sync->name);
    g_free(sync);
}

const char *roll_sync_name(const struct roll_sync *sync)
{
    return sync->name;
}

bool roll_sync_only_writes(const struct roll_sync *sync)
{
    return sync->only_writes;
}

struct roll_sync_report roll_sync_report(const struct roll_sync *sync)
{
    return sync->report;
}

/* ---- the seam to the ledger ------------------------------------------------------------------ */

static GHashTable *objects_of(const struct roll_batch *batch)
{
    GHashTable *objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    char digest[ROLL_HEX_SIZE];

    for (size_t i = 0; i < batch->n_objects; i++) {
        roll_sha256_hex(batch->objects[i].data, batch->objects[i].size, digest);
        g_hash_table_insert(
            objects, g_strdup(digest),
            g_string_new_len(batch->objects[i].data, (gssize)batch->objects[i].size));
    }
    return objects;
}

static void free_objects(GHashTable *objects)
{
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init(&iter, objects);
    while (g_hash_table_iter_next(&iter, NULL, &data))
        g_string_free(data, TRUE);
    g_hash_table_unref(objects);
}

static struct roll_error *publish_objects(struct roll_sync *sync, const struct roll_batch *batch)
{
    if (batch->n_objects == 0)
        return NULL;
    GHashTable *objects = objects_of(batch);
    struct roll_error *err = sync_put_objects(sync, objects);
    free_objects(objects);
    return err;
}

/* The first event of all gives the ledger its name: then the part is where it stands. */
static struct roll_error *claim(struct roll_sync *sync, const struct roll_batch *batch)
{
    const char *known = roll_ledger_id(sync->ledger);
    g_autofree char *stream = NULL;
    char id[ROLL_UUID_SIZE], hash[ROLL_HEX_SIZE];

    ROLL_TRY(roll_ledger_first_stream(sync->ledger, &stream));
    if (stream)
        return sync_claim_store(sync, sync->ledger, known, stream);
    const struct roll_part *first = &batch->parts[0];
    const char *end = strchr(first->lines->str, '\n');
    g_strlcpy(hash, end - (ROLL_HEX_SIZE - 1) - 2, sizeof hash);
    roll_uuid_from(id, "ledger", hash, NULL);
    return sync_claim_store(sync, sync->ledger, id, first->stream);
}

static struct roll_error *note_stream(void *user, const struct roll_waiting *waiting)
{
    g_ptr_array_add(user, g_strdup(waiting->stream));
    return NULL;
}

/* Lines of a part, a block for each piece that fits into one. */
static struct roll_error *append_lines(struct roll_sync *sync, const struct roll_part *part)
{
    g_autoptr(GString) block = g_string_new(NULL);
    int64_t seq = part->before.seq, first = seq + 1;

    for (const char *at = part->lines->str, *end; *at; at = end + 1) {
        end = strchr(at, '\n');
        size_t size = (size_t)(end + 1 - at);
        if (block->len > 0 && (block->len + size > ROLL_STORAGE_BLOCK_MAX ||
                               sync_segment_of(seq + 1) != sync_segment_of(first))) {
            ROLL_TRY(sync_append(sync, sync->ledger, part->stream, first, seq, block));
            g_string_truncate(block, 0);
            first = seq + 1;
        }
        g_string_append_len(block, at, (gssize)size);
        seq++;
    }
    return sync_append(sync, sync->ledger, part->stream, first, seq, block);
}

/* Somebody was faster, or this replica knew less of the store than it has: after a look, the same
 * once more if it still follows. */
static struct roll_error *publish_part(struct roll_sync *sync, const struct roll_part *part)
{
    struct roll_remote remote;
    struct roll_head head;

    ROLL_TRY(roll_ledger_remote(sync->ledger, part->stream, &remote));
    struct roll_error *err =
        remote.seq < part->before.seq ? sync_push_stream(sync, sync->ledger, part->stream) : NULL;
    if (!err)
        err = append_lines(sync, part);
    if (roll_error_code(err) != ROLL_E_CONFLICT)
        return err;
    struct roll_error *looked = roll_sync_pull(sync, sync->ledger, NULL);
    if (!looked)
        looked = roll_ledger_main_head(sync->ledger, part->stream, &head);
    if (looked)
        return roll_error_join(looked, err);
    if (head.seq != part->before.seq || strcmp(head.hash, part->before.hash) != 0)
        return err;
    roll_error_free(err);
    return append_lines(sync, part);
}

static struct roll_error *publish_all(struct roll_sync *sync, const struct roll_batch *batch)
{
    ROLL_TRY(claim(sync, batch));
    ROLL_TRY(publish_objects(sync, batch));
    for (size_t i = 0; i < batch->n_parts; i++)
        ROLL_TRY(publish_part(sync, &batch->parts[i]));
    return NULL;
}

/* Somebody was faster: what waits is put behind that by the pull. */
static struct roll_error *push_waiting(struct roll_sync *sync)
{
    g_autoptr(GPtrArray) streams = g_ptr_array_new_with_free_func(g_free);

    ROLL_TRY(roll_ledger_waiting(sync->ledger, note_stream, streams));
    for (guint i = 0; i < streams->len; i++)
        ROLL_TRY(sync_push_stream(sync, sync->ledger, streams->pdata[i]));
    return NULL;
}

static struct roll_error *flush_all(struct roll_sync *sync)
{
    struct roll_error *err = NULL;

    for (int tries = 0; tries < MAX_TRIES; tries++) {
        roll_error_free(err);
        err = push_waiting(sync);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
        struct roll_error *pulled = roll_sync_pull(sync, sync->ledger, NULL);
        if (pulled)
            return roll_error_join(pulled, err);
    }
    return err;
}

static struct roll_error *flush(void *user, int64_t patience_ms)
{
    struct roll_sync *sync = user;

    sync_hurry_for(sync, patience_ms);
    struct roll_error *err = flush_all(sync);
    roll_sync_hurry(sync, false);
    return roll_error_wrap(err, "while writing to the shared ledger");
}

static struct roll_error *publish(void *user, const struct roll_batch *batch)
{
    struct roll_sync *sync = user;

    if (sync->may_go_aside)
        roll_sync_hurry(sync, true);
    struct roll_error *err = publish_all(sync, batch);
    if (sync->may_go_aside)
        roll_sync_hurry(sync, false);
    if (!sync->may_go_aside || !roll_sync_is_absent(err))
        return roll_error_wrap(err, "while writing to the shared ledger");
    struct roll_error *turned = roll_ledger_go_aside(sync->ledger);
    if (turned)
        return roll_error_join(turned, err);
    return roll_error_join(
        roll_error_new(ROLL_E_CONFLICT, "the shared ledger is out of reach: going on aside"), err);
}

void roll_sync_attach(struct roll_sync *sync, struct roll_ledger *ledger, bool may_go_aside)
{
    sync->ledger = ledger;
    sync->may_go_aside = may_go_aside;
    sync->publisher = (struct roll_publisher){
        .user = sync, .publish = publish, .flush = flush, .may_go_aside = may_go_aside};
    roll_ledger_set_publisher(ledger, &sync->publisher);
}
