/* Appending: compare the heads, store objects and events, fold; all in one transaction. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"
#include "rollbook/fault.h"
#include "rollbook/time.h"

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

struct roll_error *roll_append_check(struct roll_ledger *ledger, const struct roll_append *append,
                                     struct roll_writer **writers)
{
    for (size_t i = 0; i < append->n_expects; i++) {
        const struct roll_expect *expect = &append->expects[i];
        ROLL_TRY(roll_writer_open(ledger, expect->stream, &writers[i]));
        if (!follows(writers[i], &expect->head))
            return roll_error_new(ROLL_E_CONFLICT,
                                  "'%s' has gone on: its head is event %" G_GINT64_FORMAT
                                  ", not %" G_GINT64_FORMAT,
                                  expect->stream, writers[i]->head.seq, expect->head.seq);
    }
    return NULL;
}

static struct roll_writer *writer_of(const struct roll_append *append,
                                     struct roll_writer *const *writers, const char *stream)
{
    for (size_t i = 0; i < append->n_expects; i++)
        if (strcmp(append->expects[i].stream, stream) == 0)
            return writers[i];
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

static struct roll_error *append_draft(struct roll_ledger *ledger, const struct roll_append *append,
                                       struct roll_writer *const *writers,
                                       const struct roll_draft *draft)
{
    struct roll_writer *writer = writer_of(append, writers, draft->stream);

    if (!writer)
        return roll_error_new(ROLL_E_INTERNAL, "an event for '%s' without an expected head",
                              draft->stream);
    if (writer->base && writer->head.seq + 1 >= ROLL_SIDE_MAX)
        return roll_error_new(ROLL_E_LIMIT,
                              "'%s' has no room for more events until the store is reached",
                              draft->stream);
    if (roll_event_kind_name(draft->kind)) {
        g_auto(GStrv) objects = roll_body_objects(draft->kind, draft->body);
        ROLL_TRY(check_objects(ledger, objects));
    }
    return roll_writer_say(writer, append->actor, append->at, draft->kind, draft->body);
}

struct roll_error *roll_append_drafts(struct roll_ledger *ledger, const struct roll_append *append,
                                      struct roll_writer *const *writers)
{
    for (size_t i = 0; i < append->n_drafts; i++)
        ROLL_TRY(append_draft(ledger, append, writers, &append->drafts[i]));
    return NULL;
}

/* ---- here ------------------------------------------------------------------------------------ */

/* What follows an event that waits for the store waits with it. */
static struct roll_error *look_behind(struct roll_ledger *ledger, const struct roll_append *append,
                                      struct roll_writer *const *writers)
{
    for (size_t i = 0; i < append->n_expects; i++) {
        struct roll_writer *writer = writers[i];
        writer->waits = append->behind;
        if (!append->behind)
            ROLL_TRY(roll_pending_has(ledger, writer->id, writer->head.seq, &writer->waits));
    }
    return NULL;
}

static struct roll_error *append_all(struct roll_ledger *ledger, const struct roll_append *append,
                                     struct roll_writer **writers)
{
    char digest[ROLL_HEX_SIZE];

    ROLL_TRY(roll_append_check(ledger, append, writers));
    ROLL_TRY(look_behind(ledger, append, writers));
    for (size_t i = 0; i < append->n_objects; i++)
        ROLL_TRY(
            roll_object_store(ledger, append->objects[i].data, append->objects[i].size, digest));
    ROLL_TRY(roll_append_drafts(ledger, append, writers));
    for (size_t i = 0; i < append->n_expects; i++)
        ROLL_TRY(roll_writer_flush(writers[i]));
    if (roll_fault("append-before-commit"))
        return roll_error_new(ROLL_E_IO, "fault point 'append-before-commit'");
    ROLL_TRY(roll_sql_commit(ledger->sql));
    (void)roll_fault("append-after-commit");
    return NULL;
}

struct roll_error *roll_append_here(struct roll_ledger *ledger, const struct roll_append *append)
{
    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    g_autofree struct roll_writer **writers = g_new0(struct roll_writer *, append->n_expects + 1);
    struct roll_error *err = append_all(ledger, append, writers);
    roll_sql_rollback(ledger->sql);
    for (size_t i = 0; i < append->n_expects; i++) {
        if (!err && append->ret_heads)
            append->ret_heads[i] = writers[i]->head;
        roll_writer_free(writers[i]);
    }
    if (!err)
        (void)roll_ledger_id(ledger); /* made by the first append */
    return err;
}

struct roll_error *roll_ledger_append(struct roll_ledger *ledger, const struct roll_actor *actor,
                                      int64_t at, const struct roll_expect *expects,
                                      size_t n_expects, const struct roll_draft *drafts,
                                      size_t n_drafts, const struct roll_object *objects,
                                      size_t n_objects, struct roll_head *ret_heads)
{
    const struct roll_append append = {.actor = actor,
                                       .at = at ? at : roll_now_ms(),
                                       .expects = expects,
                                       .n_expects = n_expects,
                                       .drafts = drafts,
                                       .n_drafts = n_drafts,
                                       .objects = objects,
                                       .n_objects = n_objects,
                                       .ret_heads = ret_heads};

    ROLL_TRY(roll_append_go_after(ledger, expects, n_expects));
    if (ledger->aside)
        return roll_append_aside(ledger, &append);
    return ledger->publisher && n_drafts > 0 ? roll_append_published(ledger, &append)
                                             : roll_append_here(ledger, &append);
}

struct roll_error *roll_ledger_append_behind(struct roll_ledger *ledger,
                                             const struct roll_actor *actor,
                                             const struct roll_expect *expect,
                                             const struct roll_draft *drafts, size_t n_drafts,
                                             const struct roll_object *objects, size_t n_objects)
{
    const struct roll_append append = {.actor = actor,
                                       .at = roll_now_ms(),
                                       .expects = expect,
                                       .n_expects = 1,
                                       .drafts = drafts,
                                       .n_drafts = n_drafts,
                                       .objects = objects,
                                       .n_objects = n_objects,
                                       .behind = true};

    ROLL_TRY(roll_append_go_after(ledger, expect, 1));
    if (!roll_ledger_is_shared(ledger))
        return roll_ledger_append(ledger, actor, 0, expect, 1, drafts, n_drafts, objects, n_objects,
                                  NULL);
    return roll_append_here(ledger, &append);
}
