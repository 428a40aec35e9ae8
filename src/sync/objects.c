/* Objects into the store and out of it, several at a time. */
#include <string.h>

#include "sync/sync.h"

enum { AT_ONCE = 16 };

/* One question for each digest; `take` looks at its answer. */
struct round {
    struct roll_sync *sync;
    GHashTable *objects; /* digest → GString *: to be put, or that were got */
    bool puts;
};

static void ask(struct round *round, const char *digest, struct answer *answer)
{
    g_autofree char *blob = sync_object_blob(round->sync, digest);

    if (round->puts) {
        const GString *data = g_hash_table_lookup(round->objects, digest);
        roll_storage_put(round->sync->storage, blob, data->str, data->len, sync_answered, answer);
    } else {
        roll_storage_read(round->sync->storage, blob, 0, 0, NULL, 65u << 20, sync_answered, answer);
    }
}

static struct roll_error *take(struct round *round, const char *digest, struct answer *answer)
{
    char found[ROLL_HEX_SIZE];

    if (round->puts)
        return answer->outcome == ROLL_STORAGE_OK || answer->outcome == ROLL_STORAGE_EXISTS
                   ? NULL
                   : sync_failed(answer, "storing object %.12s", digest);
    if (answer->outcome == ROLL_STORAGE_NOT_FOUND)
        return NULL; /* redacted, or lost: the import knows which */
    if (answer->outcome != ROLL_STORAGE_OK)
        return sync_failed(answer, "reading object %.12s", digest);
    roll_sha256_hex(answer->body->str, answer->body->len, found);
    if (strcmp(found, digest) != 0)
        return roll_error_new(ROLL_E_DAMAGED, "object %s is damaged in the shared store", digest);
    g_hash_table_insert(round->objects, g_strdup(digest), g_steal_pointer(&answer->body));
    return NULL;
}

static struct roll_error *wait_all(struct round *round, char *const *digests,
                                   struct answer **answers, guint count)
{
    struct roll_error *err = NULL;

    for (guint i = 0; i < count; i++) {
        struct roll_error *failed = sync_wait(round->sync, &answers[i]);
        if (!failed)
            failed = take(round, digests[i], answers[i]);
        sync_answer_free(answers[i]);
        if (!err)
            err = failed;
        else
            roll_error_free(failed);
    }
    return err;
}

static struct roll_error *run(struct round *round, GHashTable *wanted)
{
    guint total;
    g_autofree char **digests = (char **)g_hash_table_get_keys_as_array(wanted, &total);

    for (guint first = 0; first < total; first += AT_ONCE) {
        struct answer *answers[AT_ONCE];
        guint count = MIN(total - first, AT_ONCE);
        for (guint i = 0; i < count; i++) {
            answers[i] = sync_answer_new(round->sync);
            ask(round, digests[first + i], answers[i]);
        }
        ROLL_TRY(wait_all(round, digests + first, answers, count));
        round->sync->report.objects += count;
    }
    return NULL;
}

static void free_data(gpointer data)
{
    if (data)
        g_string_free(data, TRUE);
}

struct roll_error *sync_put_objects(struct roll_sync *sync, GHashTable *objects)
{
    struct round round = {sync, objects, true};

    return run(&round, objects);
}

struct roll_error *sync_get_objects(struct roll_sync *sync, GHashTable *digests,
                                    GHashTable **ret_objects)
{
    g_autoptr(GHashTable) objects =
        g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_data);
    struct round round = {sync, objects, false};

    ROLL_TRY(run(&round, digests));
    *ret_objects = g_steal_pointer(&objects);
    return NULL;
}

struct roll_error *roll_sync_forget(struct roll_sync *sync, const char *digest)
{
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);
    g_autofree char *blob = sync_object_blob(sync, digest);

    roll_storage_delete(sync->storage, blob, sync_answered, answer);
    ROLL_TRY(sync_wait(sync, &answer));
    if (answer->outcome == ROLL_STORAGE_OK || answer->outcome == ROLL_STORAGE_NOT_FOUND)
        return NULL;
    return sync_failed(answer, "taking object %.12s out of it", digest);
}
