/* Pulling: what the store lists is compared with what was seen there, what is new is read, verified
 * and imported.
 *
 * Each read begins with the last line that is known, so that a store whose past was changed is
 * found out when it gives news. */
#include <string.h>

#include "rollbook/time.h"
#include "sync/sync.h"

enum { CHUNK = 16 << 20 };

struct pull {
    struct roll_sync *sync;
    struct roll_ledger *ledger;
    GHashTable *listed, *remotes;
};

/* ---- lines ----------------------------------------------------------------------------------- */

struct lines {
    const char *at, *end;
    GPtrArray *objects; /* lines of objects, before the events */
    guint next;
};

static struct roll_error *read_line(void *user, const char **ret_line, size_t *ret_size)
{
    struct lines *lines = user;

    if (lines->next < lines->objects->len) {
        const GString *line = lines->objects->pdata[lines->next++];
        *ret_line = line->str;
        *ret_size = line->len;
        return NULL;
    }
    if (lines->at == lines->end) {
        *ret_line = NULL;
        return NULL;
    }
    const char *stop = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    *ret_line = lines->at;
    *ret_size = (size_t)(stop - lines->at);
    lines->at = stop + 1;
    return NULL;
}

static void free_line(gpointer line)
{
    g_string_free(line, TRUE);
}

static GPtrArray *object_lines(GHashTable *objects)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(free_line);
    GHashTableIter iter;
    gpointer digest, value;

    g_hash_table_iter_init(&iter, objects);
    while (g_hash_table_iter_next(&iter, &digest, &value)) {
        const GString *data = value;
        g_autofree char *text = g_base64_encode((const guchar *)data->str, data->len);
        GString *line = g_string_new(NULL);
        g_string_append_printf(line, "{\"object\":\"%s\",\"base64\":\"", (const char *)digest);
        g_string_append(line, text);
        g_string_append(line, "\"}");
        g_ptr_array_add(lines, line);
    }
    return lines;
}

/* Looks at each line; stream and place must be those of the blob. */
static struct roll_error *scan(const struct pull *pull, const char *stream, const char *text,
                               size_t size, int64_t seq, GHashTable *missing, int64_t *ret_last)
{
    const char *at = text, *end = text + size;

    while (at < end) {
        roll_auto(event) struct roll_event *event = NULL;
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop)
            return roll_error_new(ROLL_E_DAMAGED, "'%s' ends within a line in the shared store",
                                  stream);
        ROLL_TRY(sync_parse_line(at, (size_t)(stop - at), &event));
        if (strcmp(event->stream, stream) != 0 || event->seq != seq + 1)
            return roll_error_new(ROLL_E_DAMAGED,
                                  "event %" G_GINT64_FORMAT
                                  " of '%s' stands where %" G_GINT64_FORMAT
                                  " of '%s' belongs in the shared store",
                                  event->seq, event->stream, seq + 1, stream);
        seq = event->seq;
        for (char **digest = event->objects; *digest; digest++)
            if (!roll_ledger_has_object(pull->ledger, *digest))
                g_hash_table_add(missing, g_strdup(*digest));
        if (event->kind == ROLL_EVENT_approval_given)
            g_ptr_array_add(pull->sync->approvals, g_steal_pointer(&event));
        at = stop + 1;
    }
    *ret_last = seq;
    return NULL;
}

/* A content that is gone can be put back by whoever has it; one that was redacted is missed by
 * nobody. */
static struct roll_error *refused(const char *stream, bool lacks, struct roll_error *err_take)
{
    struct roll_error *err =
        roll_error_wrap(err_take, "the shared store's '%s' is refused", stream);

    if (!lacks)
        return err;
    return roll_error_detail(
        err, "{\"next\":[\"roll ledger sync   on a machine whose replica has the content: it puts "
             "it back\"]}");
}

static struct roll_error *take_lines(struct pull *pull, const char *stream, const char *text,
                                     size_t size, struct roll_remote *remote)
{
    g_autoptr(GHashTable) missing = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) objects = NULL;
    int64_t last = 0, events = 0;

    ROLL_TRY(scan(pull, stream, text, size, remote->seq, missing, &last));
    ROLL_TRY(sync_get_objects(pull->sync, missing, &objects));
    g_autoptr(GPtrArray) first = object_lines(objects);
    struct lines lines = {.at = text, .end = text + size, .objects = first};
    struct roll_error *err = roll_ledger_import(pull->ledger, read_line, &lines, &events);
    if (err)
        return refused(stream, g_hash_table_size(missing) > g_hash_table_size(objects), err);
    pull->sync->report.pulled += events;
    remote->seq = last;
    remote->size += (int64_t)size;
    return NULL;
}

/* ---- one stream ------------------------------------------------------------------------------ */

/* The last known line, as it must stand in the store. */
static struct roll_error *known_line(const struct pull *pull, const char *stream, int64_t seq,
                                     GString *text)
{
    roll_auto(event) struct roll_event *event = NULL;
    g_autoptr(GString) line = NULL;

    ROLL_TRY(roll_ledger_line(pull->ledger, stream, seq, &line));
    ROLL_TRY(roll_event_parse(line->str, line->len, &event));
    sync_add_line(text, line->str, event->hash);
    return NULL;
}

static struct roll_error *changed_past(const char *stream, int64_t seq)
{
    return roll_error_detail(
        roll_error_new(ROLL_E_CONFLICT,
                       "event %" G_GINT64_FORMAT
                       " of '%s' is another one in the shared store: its past was replaced, or the "
                       "two ledgers have parted",
                       seq, stream),
        "{\"next\":[\"roll ledger verify\",\"roll ledger export FILE\",\"restore the "
        "container\"]}");
}

/* From `from` on, at most a chunk; whole lines of it, or an error. *ret_end: nothing is behind. */
static struct roll_error *read_chunk(struct pull *pull, const char *blob, int64_t from,
                                     struct answer **ret_answer, bool *ret_end)
{
    roll_auto(answer) struct answer *answer = sync_answer_new(pull->sync);

    roll_storage_read(pull->sync->storage, blob, from, CHUNK, NULL, CHUNK + 1, sync_answered,
                      answer);
    ROLL_TRY(sync_wait(pull->sync, &answer));
    if (answer->outcome != ROLL_STORAGE_OK && answer->outcome != ROLL_STORAGE_BEYOND)
        return sync_failed(answer, "reading '%s'", blob);
    if (answer->outcome == ROLL_STORAGE_BEYOND)
        g_string_truncate(answer->body, 0);
    *ret_end = answer->body->len < CHUNK;
    const char *last = answer->body->len ? strrchr(answer->body->str, '\n') : NULL;
    if (!*ret_end && last)
        g_string_truncate(answer->body, (gsize)(last + 1 - answer->body->str));
    *ret_answer = g_steal_pointer(&answer);
    return NULL;
}

static struct roll_error *pull_segment(struct pull *pull, const char *stream, int64_t segment,
                                       struct roll_remote *remote)
{
    g_autofree char *blob = sync_segment_blob(pull->sync, stream, segment);
    g_autoptr(GString) known = g_string_new(NULL);
    bool end = false;

    if (remote->size > 0)
        ROLL_TRY(known_line(pull, stream, remote->seq, known));
    while (!end) {
        roll_auto(answer) struct answer *answer = NULL;
        size_t skip = known->len;
        ROLL_TRY(read_chunk(pull, blob, remote->size - (int64_t)skip, &answer, &end));
        if (answer->body->len < skip || memcmp(answer->body->str, known->str, skip) != 0)
            return changed_past(stream, remote->seq);
        if (answer->body->len > skip)
            ROLL_TRY(take_lines(pull, stream, answer->body->str + skip, answer->body->len - skip,
                                remote));
        g_strlcpy(remote->etag, answer->etag ? answer->etag : "", sizeof remote->etag);
        g_string_truncate(known, 0);
        ROLL_TRY(roll_ledger_set_remote(pull->ledger, stream, remote));
    }
    return NULL;
}

static struct roll_error *pull_stream(struct pull *pull, const char *stream)
{
    const struct listed *listed = g_hash_table_lookup(pull->listed, stream);
    struct roll_remote remote;
    struct roll_head head;

    ROLL_TRY(roll_ledger_remote(pull->ledger, stream, &remote));
    ROLL_TRY(roll_ledger_main_head(pull->ledger, stream, &head));
    /* Whoever was killed between the store's yes and its own append left behind that more is known
     * than is here: all is read again. */
    if (remote.seq > head.seq)
        remote = (struct roll_remote){0};
    int64_t segment = remote.seq ? sync_segment_of(remote.seq) : 1;
    if (segment == listed->segments && strcmp(listed->etag, remote.etag) == 0)
        return NULL;
    for (; segment <= listed->segments; segment++) {
        ROLL_TRY(pull_segment(pull, stream, segment, &remote));
        if (segment == listed->segments)
            break;
        if (remote.seq != segment * ROLL_SYNC_SEGMENT)
            return roll_error_new(ROLL_E_DAMAGED,
                                  "segment %" G_GINT64_FORMAT
                                  " of '%s' is not full in the shared store, and has a successor",
                                  segment, stream);
        remote.size = 0;
    }
    return NULL;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool is_side(const char *stream)
{
    return strchr(stream, '~') != NULL;
}

/* A ledger takes its name from its first event; the store says which stream has it. Side streams
 * come before what splices them in. */
static struct roll_error *pull_all(struct pull *pull)
{
    g_autofree char *first = NULL, *id = NULL;
    const char *known = roll_ledger_id(pull->ledger);

    if (g_hash_table_size(pull->remotes) == 0) {
        ROLL_TRY(sync_read_owner(pull->sync, &id, &first));
        if (id && known[0] && strcmp(id, known) != 0)
            return roll_error_new(ROLL_E_CONFLICT,
                                  "the shared store holds another ledger (%s) than this one (%s)",
                                  id, known);
        if (first && !known[0] && g_hash_table_contains(pull->listed, first))
            ROLL_TRY(pull_stream(pull, first));
    }
    for (int sides = 1; sides >= 0; sides--) {
        GHashTableIter iter;
        gpointer name;
        g_hash_table_iter_init(&iter, pull->listed);
        while (g_hash_table_iter_next(&iter, &name, NULL))
            if (is_side(name) == (sides == 1))
                ROLL_TRY(pull_stream(pull, name));
    }
    return NULL;
}

static struct roll_error *pull_from(struct pull *pull)
{
    struct roll_error *err = sync_list(pull->sync, &pull->listed);

    if (roll_error_code(err) == ROLL_E_NOT_FOUND)
        return sync_no_container(pull->sync, pull->remotes, err);
    ROLL_TRY(err);
    pull->sync->report.empty = g_hash_table_size(pull->listed) == 0;
    ROLL_TRY(sync_check_past(pull->sync, pull->ledger, pull->listed, pull->remotes));
    g_ptr_array_set_size(pull->sync->approvals, 0);
    return pull_all(pull);
}

/* When this replica last had all of it, and whether it was reached since, is shown by status. */
static struct roll_error *note_result(const struct pull *pull, const struct roll_error *result)
{
    struct roll_store_known known;

    ROLL_TRY(roll_ledger_store_known(pull->ledger, &known));
    known.tried_at = roll_now_ms();
    g_free(known.trouble);
    known.trouble = result ? g_strdup(roll_error_innermost(result)) : NULL;
    if (!result) {
        known.pulled_at = known.tried_at;
        g_free(known.name);
        known.name = g_strdup(pull->sync->name);
    }
    struct roll_error *err = roll_ledger_set_store_known(pull->ledger, &known);
    roll_store_known_clear(&known);
    return err;
}

struct roll_error *roll_sync_pull(struct roll_sync *sync, struct roll_ledger *ledger,
                                  struct roll_sync_report *report)
{
    struct pull pull = {.sync = sync, .ledger = ledger};

    ROLL_TRY(roll_ledger_remotes(ledger, &pull.remotes));
    struct roll_error *err = pull_from(&pull);
    err = roll_error_join(err, note_result(&pull, err));
    g_hash_table_unref(pull.remotes);
    if (pull.listed)
        g_hash_table_unref(pull.listed);
    ROLL_TRY(err);
    for (guint i = 0; sync->on_approval && i < sync->approvals->len; i++)
        sync->on_approval(sync->on_approval_user, sync->approvals->pdata[i]);
    if (report)
        *report = sync->report;
    return NULL;
}

struct roll_error *roll_sync_knows(struct roll_ledger *ledger, bool *ret_knows)
{
    g_autoptr(GHashTable) remotes = NULL;
    g_autofree char *first = NULL;
    struct roll_store_known known;

    *ret_knows = false;
    if (!ledger)
        return NULL;
    ROLL_TRY(roll_ledger_first_stream(ledger, &first));
    ROLL_TRY(roll_ledger_remotes(ledger, &remotes));
    ROLL_TRY(roll_ledger_store_known(ledger, &known));
    *ret_knows = first && (known.pulled_at > 0 || g_hash_table_size(remotes) == 0);
    roll_store_known_clear(&known);
    return NULL;
}
