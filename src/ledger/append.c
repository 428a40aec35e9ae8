/* Appending: compare the heads, store objects and events, fold; all in one transaction. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"
#include "rollbook/fault.h"
#include "rollbook/time.h"

struct append {
    struct roll_ledger *ledger;
    const struct roll_actor *actor;
    int64_t at;
    const struct roll_expect *expects;
    struct roll_writer **writers; /* one for each of expects */
    size_t n_expects;
};

/* ---- heads ----------------------------------------------------------------------------------- */

/* An empty side stream follows the hash of its main stream that its writer knew last. */
static bool follows(struct roll_writer *writer, const struct roll_head *expected)
{
    if (writer->head.seq == 0 && expected->seq == 0 && roll_stream_is_side(writer->name) &&
        roll_hex_is_digest(expected->hash)) {
        memcpy(writer->head.hash, expected->hash, sizeof writer->head.hash);
        return true;
    }
    return writer->head.seq == expected->seq && strcmp(writer->head.hash, expected->hash) == 0;
}

static struct roll_error *check_heads(struct append *append)
{
    for (size_t i = 0; i < append->n_expects; i++) {
        const struct roll_expect *expect = &append->expects[i];
        ROLL_TRY(roll_writer_open(append->ledger, expect->stream, &append->writers[i]));
        if (!follows(append->writers[i], &expect->head))
            return roll_error_new(ROLL_E_CONFLICT,
                                  "'%s' has gone on: its head is event %" G_GINT64_FORMAT
                                  ", not %" G_GINT64_FORMAT,
                                  expect->stream, append->writers[i]->head.seq, expect->head.seq);
    }
    return NULL;
}

static struct roll_writer *writer_of(const struct append *append, const char *stream)
{
    for (size_t i = 0; i < append->n_expects; i++)
        if (strcmp(append->expects[i].stream, stream) == 0)
            return append->writers[i];
    return NULL;
}

/* ---- events ---------------------------------------------------------------------------------- */

static struct roll_error *check_objects(struct roll_ledger *ledger, char *const *objects)
{
    for (; *objects; objects++) {
        bool there;
        ROLL_TRY(roll_object_there(ledger, *objects, &there));
        if (!there)
            return roll_error_new(ROLL_E_INVALID,
                                  "object %.12s is named by an event, and neither given nor stored",
                                  *objects);
    }
    return NULL;
}

static struct roll_error *append_draft(struct append *append, const struct roll_draft *draft)
{
    struct roll_writer *writer = writer_of(append, draft->stream);

    if (!writer)
        return roll_error_new(ROLL_E_INTERNAL, "an event for '%s' without an expected head",
                              draft->stream);
    if (roll_event_kind_name(draft->kind)) {
        g_auto(GStrv) objects = roll_body_objects(draft->kind, draft->body);
        ROLL_TRY(check_objects(append->ledger, objects));
    }
    return roll_writer_say(writer, append->actor, append->at, draft->kind, draft->body);
}

static struct roll_error *append_all(struct append *append, const struct roll_draft *drafts,
                                     size_t n_drafts, const struct roll_object *objects,
                                     size_t n_objects)
{
    char digest[ROLL_HEX_SIZE];

    ROLL_TRY(check_heads(append));
    for (size_t i = 0; i < n_objects; i++)
        ROLL_TRY(roll_object_store(append->ledger, objects[i].data, objects[i].size, digest));
    for (size_t i = 0; i < n_drafts; i++)
        ROLL_TRY(append_draft(append, &drafts[i]));
    for (size_t i = 0; i < append->n_expects; i++)
        ROLL_TRY(roll_writer_flush(append->writers[i]));
    if (roll_fault("append-before-commit"))
        return roll_error_new(ROLL_E_IO, "fault point 'append-before-commit'");
    ROLL_TRY(roll_sql_commit(append->ledger->sql));
    (void)roll_fault("append-after-commit");
    return NULL;
}

struct roll_error *roll_ledger_append(struct roll_ledger *ledger, const struct roll_actor *actor,
                                      int64_t at, const struct roll_expect *expects,
                                      size_t n_expects, const struct roll_draft *drafts,
                                      size_t n_drafts, const struct roll_object *objects,
                                      size_t n_objects, struct roll_head *ret_heads)
{
    struct append append = {.ledger = ledger,
                            .actor = actor,
                            .at = at ? at : roll_now_ms(),
                            .expects = expects,
                            .n_expects = n_expects};

    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    append.writers = g_new0(struct roll_writer *, n_expects);
    struct roll_error *err = append_all(&append, drafts, n_drafts, objects, n_objects);
    roll_sql_rollback(ledger->sql);
    for (size_t i = 0; i < n_expects; i++) {
        if (!err && ret_heads)
            ret_heads[i] = append.writers[i]->head;
        roll_writer_free(append.writers[i]);
    }
    g_free(append.writers);
    if (!err)
        (void)roll_ledger_id(ledger); /* made by the first append */
    return err;
}
