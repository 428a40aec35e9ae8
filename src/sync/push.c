/* Pushing: objects, then events, block by block behind what is known to be in the store; then side
 * streams are joined. */
#include <string.h>

#include "rollbook/json.h"
#include "sync/sync.h"

/* ---- whose store it is ----------------------------------------------------------------------- */

static char *owner_blob(const struct roll_sync *sync)
{
    return g_strconcat(sync->prefix, "/ledger", NULL);
}

struct roll_error *sync_read_owner(struct roll_sync *sync, char **ret_id, char **ret_stream)
{
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);
    roll_auto(json) json_t *value = NULL;
    g_autofree char *blob = owner_blob(sync);

    *ret_id = *ret_stream = NULL;
    roll_storage_read(sync->storage, blob, 0, 0, NULL, 4096, sync_answered, answer);
    ROLL_TRY(sync_wait(sync, &answer));
    if (answer->outcome == ROLL_STORAGE_NOT_FOUND)
        return NULL;
    if (answer->outcome != ROLL_STORAGE_OK)
        return sync_failed(answer, "reading whose it is");
    struct roll_error *err =
        roll_json_parse(answer->body->str, answer->body->len, ROLL_JSON_STRICT, &value);
    const char *id = err ? NULL : roll_json_get_string(value, "ledger");
    const char *stream = err ? NULL : roll_json_get_string(value, "stream");
    roll_error_free(err);
    if (!id || !roll_uuid_is_valid(id) || !stream)
        return roll_error_new(ROLL_E_DAMAGED, "the shared store's '%s' does not name a ledger",
                              blob);
    *ret_id = g_strdup(id);
    *ret_stream = g_strdup(stream);
    return NULL;
}

static struct roll_error *check_owner(struct roll_sync *sync, const char *id)
{
    g_autofree char *theirs = NULL, *stream = NULL;

    ROLL_TRY(sync_read_owner(sync, &theirs, &stream));
    if (g_strcmp0(theirs, id) == 0)
        return NULL;
    return roll_error_detail(
        roll_error_new(ROLL_E_CONFLICT,
                       "the shared store holds another ledger (%s) than this one (%s)",
                       theirs ? theirs : "unknown", id),
        "{\"next\":[\"give plans/ledger.json another 'key'\",\"or move the folder state/ away and "
        "type roll ledger sync\"]}");
}

struct roll_error *sync_claim_store(struct roll_sync *sync, struct roll_ledger *ledger,
                                    const char *id, const char *stream)
{
    g_autoptr(GHashTable) remotes = NULL;
    g_autofree char *blob = owner_blob(sync);
    g_autofree char *text = g_strdup_printf("{\"ledger\":\"%s\",\"stream\":\"%s\"}\n", id, stream);

    ROLL_TRY(roll_ledger_remotes(ledger, &remotes));
    if (g_hash_table_size(remotes) > 0)
        return NULL;
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);
    roll_storage_put(sync->storage, blob, text, strlen(text), sync_answered, answer);
    ROLL_TRY(sync_wait(sync, &answer));
    if (answer->outcome == ROLL_STORAGE_EXISTS)
        return check_owner(sync, id);
    return answer->outcome == ROLL_STORAGE_OK ? NULL : sync_failed(answer, "saying whose it is");
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static struct roll_error *make_segment(struct roll_sync *sync, const char *blob)
{
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);

    roll_storage_create_append(sync->storage, blob, sync_answered, answer);
    ROLL_TRY(sync_wait(sync, &answer));
    return answer->outcome == ROLL_STORAGE_OK || answer->outcome == ROLL_STORAGE_EXISTS
               ? NULL
               : sync_failed(answer, "making '%s'", blob);
}

struct roll_error *sync_append(struct roll_sync *sync, struct roll_ledger *ledger,
                               const char *stream, int64_t first, int64_t last, const GString *text)
{
    int64_t segment = sync_segment_of(first);
    g_autofree char *blob = sync_segment_blob(sync, stream, segment);
    struct roll_remote remote;

    ROLL_TRY(roll_ledger_remote(ledger, stream, &remote));
    if (remote.seq != first - 1)
        return roll_error_new(ROLL_E_CONFLICT, "'%s' has gone on in the shared ledger", stream);
    if (remote.seq == 0 || sync_segment_of(remote.seq) != segment) {
        ROLL_TRY(make_segment(sync, blob));
        remote.size = 0;
    }
    roll_auto(answer) struct answer *answer = sync_answer_new(sync);
    roll_storage_append(sync->storage, blob, remote.size, text->str, text->len, sync_answered,
                        answer);
    ROLL_TRY(sync_wait(sync, &answer));
    if (answer->outcome != ROLL_STORAGE_OK)
        return sync_failed(answer, "appending event %" G_GINT64_FORMAT " of '%s'", first, stream);
    remote.seq = last;
    remote.size += (int64_t)text->len;
    g_strlcpy(remote.etag, answer->etag ? answer->etag : "", sizeof remote.etag);
    sync->report.pushed += last - first + 1;
    return roll_ledger_set_remote(ledger, stream, &remote);
}

/* ---- one stream ------------------------------------------------------------------------------ */

struct block {
    GString *text;
    int64_t first, last;
    GHashTable *objects; /* digest → GString * */
};

static void clear_block(struct block *block)
{
    GHashTableIter iter;
    gpointer data;

    g_string_truncate(block->text, 0);
    g_hash_table_iter_init(&iter, block->objects);
    while (g_hash_table_iter_next(&iter, NULL, &data))
        g_string_free(data, TRUE);
    g_hash_table_remove_all(block->objects);
}

/* Objects first: whoever reads an event finds what it names. One that was redacted has no content
 * to give. */
static struct roll_error *send(struct roll_sync *sync, struct roll_ledger *ledger,
                               const char *stream, struct block *block)
{
    if (block->text->len == 0)
        return NULL;
    ROLL_TRY(sync_put_objects(sync, block->objects));
    ROLL_TRY(sync_append(sync, ledger, stream, block->first, block->last, block->text));
    clear_block(block);
    return NULL;
}

static struct roll_error *add_objects(struct roll_ledger *ledger, const struct roll_event *event,
                                      struct block *block)
{
    for (char **digest = event->objects; *digest; digest++) {
        g_autoptr(GString) data = NULL;
        if (g_hash_table_contains(block->objects, *digest) ||
            !roll_ledger_has_object(ledger, *digest))
            continue;
        ROLL_TRY(roll_ledger_object(ledger, *digest, &data));
        g_hash_table_insert(block->objects, g_strdup(*digest), g_steal_pointer(&data));
    }
    return NULL;
}

static struct roll_error *push_block(struct roll_sync *sync, struct roll_ledger *ledger,
                                     const char *stream, int64_t from, int64_t to,
                                     struct block *block)
{
    for (int64_t seq = from; seq <= to; seq++) {
        roll_auto(event) struct roll_event *event = NULL;
        g_autoptr(GString) line = NULL;
        ROLL_TRY(roll_ledger_line(ledger, stream, seq, &line));
        ROLL_TRY(roll_event_parse(line->str, line->len, &event));
        if (block->text->len > 0 && (block->text->len + line->len + 128 > ROLL_STORAGE_BLOCK_MAX ||
                                     sync_segment_of(seq) != sync_segment_of(block->first)))
            ROLL_TRY(send(sync, ledger, stream, block));
        if (block->text->len == 0)
            block->first = seq;
        block->last = seq;
        ROLL_TRY(add_objects(ledger, event, block));
        sync_add_line(block->text, line->str, event->hash);
    }
    return send(sync, ledger, stream, block);
}

struct roll_error *sync_push_stream(struct roll_sync *sync, struct roll_ledger *ledger,
                                    const char *stream)
{
    struct block block = {.text = g_string_new(NULL)};
    struct roll_remote remote;
    struct roll_head head = {0};
    struct roll_error *err = roll_ledger_remote(ledger, stream, &remote);

    block.objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    if (!err)
        err = roll_ledger_main_head(ledger, stream, &head);
    if (!err)
        err = push_block(sync, ledger, stream, remote.seq + 1, head.seq, &block);
    clear_block(&block);
    g_hash_table_unref(block.objects);
    g_string_free(block.text, TRUE);
    return err;
}

/* ---- the whole ------------------------------------------------------------------------------- */

struct roll_error *roll_sync_push(struct roll_sync *sync, struct roll_ledger *ledger,
                                  const struct roll_actor *actor, struct roll_sync_report *report)
{
    g_autofree char *first = NULL;
    g_auto(GStrv) streams = NULL;

    ROLL_TRY(roll_ledger_first_stream(ledger, &first));
    if (!first)
        return NULL;
    ROLL_TRY(sync_claim_store(sync, ledger, roll_ledger_id(ledger), first));
    ROLL_TRY(roll_ledger_streams(ledger, &streams));
    for (char **stream = streams; *stream; stream++)
        ROLL_TRY(sync_push_stream(sync, ledger, *stream));
    roll_ledger_set_aside(ledger, false); /* what joins goes into the main streams */
    if (!sync->ledger)
        roll_sync_attach(sync, ledger, false);
    ROLL_TRY(sync_join_sides(sync, ledger, actor));
    if (report)
        *report = sync->report;
    return NULL;
}
