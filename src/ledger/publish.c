/* Appending with a shared store (roll_publisher), and appending aside while it is out of reach. */
#include <string.h>

#include "ledger/fields.h"
#include "ledger/store.h"
#include "rollbook/fault.h"
#include "rollbook/time.h"

/* ---- aside ----------------------------------------------------------------------------------- */

static bool has_draft(const struct roll_append *append, const char *stream)
{
    for (size_t i = 0; i < append->n_drafts; i++)
        if (strcmp(append->drafts[i].stream, stream) == 0)
            return true;
    return false;
}

/* The head as it is in the side stream; one of the main stream, from before, does not fit. */
static struct roll_error *turn_aside(struct roll_ledger *ledger, const struct roll_expect *expect,
                                     struct roll_expect *ret_expect, char **ret_name)
{
    struct roll_side side = {0};

    ROLL_TRY(roll_side_load(ledger, expect->stream, &side));
    struct roll_error *err = NULL;
    *ret_expect = (struct roll_expect){.head = expect->head};
    ret_expect->head.seq = expect->head.seq - side.base;
    if (ret_expect->head.seq < 0 || ret_expect->head.seq >= ROLL_SIDE_MAX)
        err = roll_error_new(ROLL_E_CONFLICT, "'%s' goes on in the side stream '%s'",
                             expect->stream, side.name);
    *ret_name = g_steal_pointer(&side.name);
    ret_expect->stream = *ret_name;
    return err;
}

struct roll_error *roll_append_aside(struct roll_ledger *ledger, const struct roll_append *append)
{
    g_autofree struct roll_expect *expects = g_new0(struct roll_expect, append->n_expects + 1);
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, append->n_drafts + 1);
    g_auto(GStrv) names = g_new0(char *, append->n_expects + 1);
    struct roll_append turned = *append;
    size_t n_names = 0;

    if (append->n_drafts > 0)
        memcpy(drafts, append->drafts, append->n_drafts * sizeof *drafts);
    for (size_t i = 0; i < append->n_expects; i++) {
        const struct roll_expect *expect = &append->expects[i];
        expects[i] = *expect;
        if (!roll_number_is_side(expect->head.seq) && !has_draft(append, expect->stream))
            continue;
        ROLL_TRY(turn_aside(ledger, expect, &expects[i], &names[n_names]));
        n_names++;
        for (size_t k = 0; k < append->n_drafts; k++)
            if (strcmp(append->drafts[k].stream, expect->stream) == 0)
                drafts[k].stream = expects[i].stream;
    }
    turned.expects = expects;
    turned.drafts = drafts;
    ROLL_TRY(roll_append_here(ledger, &turned));
    for (size_t i = 0; append->ret_heads && i < append->n_expects; i++)
        if (roll_stream_is_side(expects[i].stream))
            append->ret_heads[i].seq += roll_side_base(expects[i].stream);
    return NULL;
}

/* Another process of this replica went aside with the stream, and what it said there has not
 * joined: an emergency goes after it. */
struct roll_error *roll_append_go_after(struct roll_ledger *ledger,
                                        const struct roll_expect *expects, size_t n_expects)
{
    if (!roll_ledger_is_shared(ledger) || !ledger->publisher->may_go_aside)
        return NULL;
    for (size_t i = 0; i < n_expects && !ledger->aside; i++) {
        struct roll_side side = {0};
        if (!roll_number_is_side(expects[i].head.seq))
            continue;
        ROLL_TRY(roll_side_load(ledger, expects[i].stream, &side));
        ledger->aside =
            side.head.seq > side.joined && expects[i].head.seq == side.base + side.head.seq;
        roll_side_clear(&side);
    }
    return NULL;
}

/* ---- published ------------------------------------------------------------------------------- */

static void free_added(gpointer data)
{
    struct roll_added *added = data;

    g_free(added->stream);
    g_string_free(added->line, TRUE);
    g_free(added);
}

struct composing {
    struct roll_ledger *ledger;
    const struct roll_append *append;
    struct roll_writer **writers;
    GPtrArray *added;
};

static struct roll_error *compose_in(struct composing *composing)
{
    struct roll_ledger *ledger = composing->ledger;
    const struct roll_append *append = composing->append;
    char digest[ROLL_HEX_SIZE];

    ROLL_TRY(roll_append_check(ledger, append, composing->writers));
    for (size_t i = 0; i < append->n_objects; i++)
        ROLL_TRY(
            roll_object_store(ledger, append->objects[i].data, append->objects[i].size, digest));
    for (size_t i = 0; i < append->n_expects; i++)
        composing->writers[i]->added = composing->added;
    return roll_append_drafts(ledger, append, composing->writers);
}

/* As if it were appended; nothing is kept. */
static struct roll_error *compose(struct roll_ledger *ledger, const struct roll_append *append,
                                  GPtrArray *added)
{
    struct composing composing = {ledger, append,
                                  g_new0(struct roll_writer *, append->n_expects + 1), added};
    struct roll_error *err = roll_sql_begin(ledger->sql, true);

    if (!err)
        err = compose_in(&composing);
    roll_sql_rollback(ledger->sql);
    for (size_t i = 0; i < append->n_expects; i++)
        roll_writer_free(composing.writers[i]);
    g_free(composing.writers);
    return err;
}

static void add_line(GString *text, const struct roll_added *added)
{
    g_string_append_printf(text, "{\"event\":%s,\"hash\":\"%s\"}\n", added->line->str,
                           added->after.hash);
}

static void free_lines(gpointer lines)
{
    g_string_free(lines, TRUE);
}

/* One part for each stream, in the order of their first events. */
static GArray *parts_of(const GPtrArray *added, GPtrArray *texts)
{
    GArray *parts = g_array_new(FALSE, FALSE, sizeof(struct roll_part));

    for (guint i = 0; i < added->len; i++) {
        const struct roll_added *event = added->pdata[i];
        guint at = 0;
        while (at < parts->len &&
               strcmp(g_array_index(parts, struct roll_part, at).stream, event->stream) != 0)
            at++;
        if (at == parts->len) {
            GString *text = g_string_new(NULL);
            struct roll_part part = {
                .stream = event->stream, .before = event->before, .lines = text};
            g_ptr_array_add(texts, text);
            g_array_append_val(parts, part);
        }
        struct roll_part *part = &g_array_index(parts, struct roll_part, at);
        add_line(texts->pdata[at], event);
        part->after = event->after;
    }
    return parts;
}

/* Its place was taken here meanwhile by what another process of this replica lets follow into the
 * store. */
static struct roll_error *keep_before(struct roll_writer *writer, const struct roll_event *event,
                                      const GString *line)
{
    g_autoptr(GPtrArray) waiting = NULL;
    bool waits = false;

    ROLL_TRY(roll_pending_has(writer->ledger, writer->id, event->seq, &waits));
    if (!waits)
        return roll_error_new(ROLL_E_CONFLICT, "'%s' has gone on", writer->name);
    ROLL_TRY(roll_pending_take_out(writer, event->seq, &waiting));
    ROLL_TRY(roll_writer_add(writer, event, line));
    return roll_pending_put_back(writer, waiting);
}

/* A line that is here with the same hash is success: another process of this replica pulled it. */
static struct roll_error *keep_event(struct roll_ledger *ledger, const struct roll_added *added)
{
    roll_auto(writer) struct roll_writer *writer = NULL;
    roll_auto(event) struct roll_event *event = NULL, *known = NULL;

    ROLL_TRY(roll_event_parse(added->line->str, added->line->len, &event));
    ROLL_TRY(roll_writer_open(ledger, added->stream, &writer));
    if (event->seq > writer->head.seq) {
        if (event->seq != writer->head.seq + 1)
            return roll_error_new(ROLL_E_CONFLICT, "'%s' lacks events here", added->stream);
        ROLL_TRY(roll_writer_add(writer, event, added->line));
        return roll_writer_flush(writer);
    }
    ROLL_TRY(roll_ledger_event(ledger, added->stream, event->seq, &known));
    return strcmp(known->hash, event->hash) == 0 ? NULL : keep_before(writer, event, added->line);
}

static struct roll_error *keep_in(struct roll_ledger *ledger, const struct roll_append *append,
                                  const GPtrArray *added)
{
    char digest[ROLL_HEX_SIZE];

    for (size_t i = 0; i < append->n_objects; i++)
        ROLL_TRY(
            roll_object_store(ledger, append->objects[i].data, append->objects[i].size, digest));
    for (guint i = 0; i < added->len; i++)
        ROLL_TRY(keep_event(ledger, added->pdata[i]));
    return roll_sql_commit(ledger->sql);
}

static struct roll_error *keep(struct roll_ledger *ledger, const struct roll_append *append,
                               const GPtrArray *added)
{
    ROLL_TRY(roll_sql_begin(ledger->sql, true));
    struct roll_error *err = keep_in(ledger, append, added);
    roll_sql_rollback(ledger->sql);
    (void)roll_ledger_id(ledger);
    return err;
}

static void fill_heads(const struct roll_append *append, const GArray *parts)
{
    for (size_t i = 0; append->ret_heads && i < append->n_expects; i++) {
        append->ret_heads[i] = append->expects[i].head;
        for (guint k = 0; k < parts->len; k++)
            if (strcmp(g_array_index(parts, struct roll_part, k).stream,
                       append->expects[i].stream) == 0)
                append->ret_heads[i] = g_array_index(parts, struct roll_part, k).after;
    }
}

struct roll_error *roll_append_published(struct roll_ledger *ledger,
                                         const struct roll_append *append)
{
    g_autoptr(GPtrArray) added = g_ptr_array_new_with_free_func(free_added);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(free_lines);

    ROLL_TRY(compose(ledger, append, added));
    g_autoptr(GArray) parts = parts_of(added, texts);
    struct roll_batch batch = {.parts = (const struct roll_part *)(const void *)parts->data,
                               .n_parts = parts->len,
                               .objects = append->objects,
                               .n_objects = append->n_objects,
                               .drafts = append->drafts,
                               .n_drafts = append->n_drafts};
    ROLL_TRY(ledger->publisher->publish(ledger->publisher->user, &batch));
    (void)roll_fault("store-has-it");
    ROLL_TRY(keep(ledger, append, added));
    fill_heads(append, parts);
    return NULL;
}

void roll_ledger_set_publisher(struct roll_ledger *ledger, const struct roll_publisher *publisher)
{
    ledger->publisher = publisher;
}
