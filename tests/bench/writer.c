/* A rollout is written in two appends, its request and its end, which lie some minutes apart: an
 * append has one time. Rollouts of different environments that begin together share them. */
#include "writer.h"

#include <string.h>

#include "bench.h"
#include "content.h"
#include "rollbook/ledger.h"

#define START_MS INT64_C(1672531200000) /* 2023-01-01 */
#define STEP_MS (INT64_C(62) * 60 * 1000)
#define TOOK_MS (INT64_C(4) * 60 * 1000)
#define CLAIM_MS (INT64_C(5) * 60 * 1000)

#define S(text) ((char *)(uintptr_t)(text))
static const struct roll_actor pipeline = {S("release-pipeline@contoso.example"), S("build agent")};

struct stream {
    char *name;
    struct roll_head head;
    int64_t next; /* sequence number of the next draft */
};

/* One append that is being gathered. */
struct group {
    GArray *drafts;     /* of struct roll_draft; bodies owned */
    GArray *objects;    /* of struct roll_object */
    GPtrArray *texts;   /* of GString: what the objects are */
    GPtrArray *streams; /* of struct stream, borrowed */
};

struct writer {
    struct roll_ledger *ledger;
    const struct bench_shape *shape;
    struct bench_content *content;
    GHashTable *streams; /* name → struct stream */
    GHashTable *stored;  /* digests of objects that are in the ledger or the group */
    struct group group;
    int64_t at;
};

/* ---- a group -------------------------------------------------------------------------------- */

static void free_text(gpointer text)
{
    g_string_free(text, TRUE);
}

static void free_stream(gpointer data)
{
    g_free(((struct stream *)data)->name);
    g_free(data);
}

static struct stream *stream_of(struct writer *writer, int service, int environment)
{
    g_autofree char *first = bench_service_name(writer->shape, service);
    g_autofree char *name = environment < 0
                                ? g_strdup(first)
                                : g_strdup_printf("%s/%s", first, bench_environments[environment]);
    struct stream *stream = g_hash_table_lookup(writer->streams, name);

    if (!stream) {
        stream = g_new0(struct stream, 1);
        bench_ok(roll_ledger_head(writer->ledger, name, &stream->head));
        stream->name = g_steal_pointer(&name);
        stream->next = 1;
        g_hash_table_insert(writer->streams, stream->name, stream);
    }
    return stream;
}

/* The text is consumed; its digest comes back, owned. */
static char *store_take(struct writer *writer, GString *text)
{
    char *digest = g_malloc(ROLL_HEX_SIZE);

    roll_sha256_hex(text->str, text->len, digest);
    if (!g_hash_table_add(writer->stored, g_strdup(digest))) {
        g_string_free(text, TRUE);
        return digest;
    }
    struct roll_object object = {text->str, text->len};
    g_array_append_val(writer->group.objects, object);
    g_ptr_array_add(writer->group.texts, text);
    return digest;
}

/* The body is owned by the group from here. Returns the event's sequence number. */
static int64_t say_take(struct writer *writer, struct stream *stream, enum roll_event_kind kind,
                        void *body)
{
    struct roll_draft draft = {stream->name, kind, body};

    g_array_append_val(writer->group.drafts, draft);
    if (!g_ptr_array_find(writer->group.streams, stream, NULL))
        g_ptr_array_add(writer->group.streams, stream);
    return stream->next++;
}

static void flush(struct writer *writer)
{
    struct group *group = &writer->group;
    g_autofree struct roll_expect *expects = g_new0(struct roll_expect, group->streams->len);
    g_autofree struct roll_head *heads = g_new0(struct roll_head, group->streams->len);

    for (guint i = 0; i < group->streams->len; i++) {
        const struct stream *stream = g_ptr_array_index(group->streams, i);
        expects[i] = (struct roll_expect){stream->name, stream->head};
    }
    bench_ok(roll_ledger_append(writer->ledger, &pipeline, writer->at, expects, group->streams->len,
                                (const struct roll_draft *)group->drafts->data, group->drafts->len,
                                (const struct roll_object *)group->objects->data,
                                group->objects->len, heads));
    for (guint i = 0; i < group->streams->len; i++)
        ((struct stream *)g_ptr_array_index(group->streams, i))->head = heads[i];
    for (guint i = 0; i < group->drafts->len; i++) {
        struct roll_draft *draft = &g_array_index(group->drafts, struct roll_draft, i);
        roll_event_body_free(draft->kind, (void *)(uintptr_t)draft->body);
    }
    g_array_set_size(group->drafts, 0);
    g_array_set_size(group->objects, 0);
    g_ptr_array_set_size(group->texts, 0);
    g_ptr_array_set_size(group->streams, 0);
}

/* ---- events --------------------------------------------------------------------------------- */

static void say_release(struct writer *writer, const struct bench_rollout *rollout)
{
    const struct bench_release *release =
        bench_content_release(writer->content, rollout->service, rollout->release);
    struct roll_release_made *body = g_new0(struct roll_release_made, 1);
    g_autoptr(GPtrArray) parts = g_ptr_array_new();

    for (guint i = 0; i < release->texts->len; i++) {
        const GString *text = g_ptr_array_index(release->texts, i);
        char *digest = store_take(writer, g_string_new_len(text->str, (gssize)text->len));
        if (strcmp(digest, release->manifest) == 0)
            g_free(digest);
        else
            g_ptr_array_add(parts, digest);
    }
    g_ptr_array_add(parts, NULL);
    body->version = g_strdup(release->version);
    body->manifest = g_strdup(release->manifest);
    body->parts = g_memdup2(parts->pdata, parts->len * sizeof(char *));
    body->commit = g_strdup(release->commit);
    body->ref = g_strdup("refs/heads/main");
    say_take(writer, stream_of(writer, rollout->service, -1), ROLL_EVENT_release_made, body);
}

static json_t *seen(struct writer *writer, int service)
{
    const struct stream *stream = stream_of(writer, service, -1);

    return json_pack("{s:{s:I,s:s}}", stream->name, "seq", (json_int_t)stream->head.seq, "hash",
                     stream->head.hash);
}

static int64_t say_request(struct writer *writer, const struct bench_rollout *rollout)
{
    struct roll_rollout_requested *body = g_new0(struct roll_rollout_requested, 1);
    bool back = rollout->kind == BENCH_BACK;

    body->lane = g_strdup(back ? "rollback" : "release");
    body->kind = g_strdup(back ? "back" : "out");
    body->release = bench_version(rollout->release);
    body->from = rollout->from ? bench_version(rollout->from) : NULL;
    body->order = store_take(writer, bench_content_order(writer->content, rollout));
    body->targets = bench_targets(writer->shape, rollout->service, rollout->environment);
    body->seen = seen(writer, rollout->service);
    body->hold = back;
    body->unhold = rollout->kind == BENCH_OUT_AFTER_BACK;
    if (back) {
        body->reason = g_strdup("checkout answers 500");
        body->bad = g_new0(char *, 2);
        body->bad[0] = bench_version(rollout->from);
    }
    return say_take(writer, stream_of(writer, rollout->service, rollout->environment),
                    ROLL_EVENT_rollout_requested, body);
}

static void say_claim(struct writer *writer, struct stream *stream, int64_t number)
{
    struct roll_rollout_claimed *body = g_new0(struct roll_rollout_claimed, 1);
    char uuid[ROLL_UUID_SIZE];
    g_autofree char *seed = g_strdup_printf("%s#%" G_GINT64_FORMAT, stream->name, number);

    roll_uuid_from(uuid, seed, NULL);
    body->rollout = number;
    body->driver = g_strdup(uuid);
    body->host = g_strdup("agent-7:8c1b7d3e-0000-4000-8000-000000000000");
    body->until = writer->at + CLAIM_MS;
    say_take(writer, stream, ROLL_EVENT_rollout_claimed, body);
}

static void say_intent(struct writer *writer, struct stream *stream, int64_t number,
                       const struct bench_rollout *rollout, int target)
{
    struct roll_step_intended *body = g_new0(struct roll_step_intended, 1);

    body->rollout = number;
    body->target = bench_target_name(writer->shape, rollout->service, rollout->environment, target);
    body->attempt = 1;
    body->release = bench_version(rollout->release);
    say_take(writer, stream, ROLL_EVENT_step_intended, body);
}

static void say_outcome(struct writer *writer, struct stream *stream, int64_t number,
                        const struct bench_rollout *rollout, int target)
{
    struct roll_step_ended *body = g_new0(struct roll_step_ended, 1);
    int targets = bench_targets(writer->shape, rollout->service, rollout->environment);
    bool failed = rollout->kind == BENCH_FAILED && target == targets - 1;

    body->rollout = number;
    body->target = bench_target_name(writer->shape, rollout->service, rollout->environment, target);
    body->attempt = 1;
    body->outcome = g_strdup(failed ? "failed" : "succeeded");
    body->last = body->accepted = true;
    body->release = bench_version(rollout->release);
    body->arm_at = writer->at - 1500;
    body->duration_ms = 30000 + (number * 7919 + target * 104729) % 60000;
    if (failed) {
        body->code = g_strdup("Conflict");
        body->message = g_strdup("The name is already in use.");
    } else {
        body->resources = 7;
        body->result = store_take(writer, bench_content_result(writer->content, rollout->service,
                                                               rollout->environment, target));
    }
    say_take(writer, stream, ROLL_EVENT_step_ended, body);
}

static void say_end(struct writer *writer, struct stream *stream, int64_t number,
                    const struct bench_rollout *rollout)
{
    bool failed = rollout->kind == BENCH_FAILED;

    /* All ends have the same body. */
    struct roll_rollout_succeeded *body = g_new0(struct roll_rollout_succeeded, 1);
    body->rollout = number;
    if (failed)
        body->reason = g_strdup("1 of 4 targets failed");
    say_take(writer, stream, failed ? ROLL_EVENT_rollout_failed : ROLL_EVENT_rollout_succeeded,
             body);
}

/* ---- rollouts ------------------------------------------------------------------------------- */

static int64_t begin(struct writer *writer, const struct bench_rollout *rollout)
{
    struct stream *stream = stream_of(writer, rollout->service, rollout->environment);
    int targets = bench_targets(writer->shape, rollout->service, rollout->environment);

    if (rollout->environment == BENCH_DEV)
        say_release(writer, rollout);
    int64_t number = say_request(writer, rollout);
    say_claim(writer, stream, number);
    for (int i = 0; i < targets; i++)
        say_intent(writer, stream, number, rollout, i);
    return number;
}

static void end(struct writer *writer, const struct bench_rollout *rollout, int64_t number)
{
    struct stream *stream = stream_of(writer, rollout->service, rollout->environment);
    int targets = bench_targets(writer->shape, rollout->service, rollout->environment);

    for (int i = 0; i < rollout->renewals; i++)
        say_claim(writer, stream, number);
    for (int i = 0; i < targets; i++)
        say_outcome(writer, stream, number, rollout, i);
    say_end(writer, stream, number, rollout);
}

/* How many rollouts from `first` on are of the same release, forward: they begin together. */
static guint together(const struct bench_shape *shape, guint first)
{
    const struct bench_rollout *rollouts = (const struct bench_rollout *)shape->rollouts->data;
    guint count = 1;

    while (first + count < shape->rollouts->len && count < BENCH_ENVIRONMENTS &&
           rollouts[first + count].environment > rollouts[first].environment &&
           rollouts[first + count].service == rollouts[first].service)
        count++;
    return count;
}

static void write_all(struct roll_ledger *ledger, const struct bench_shape *shape,
                      struct bench_content *content)
{
    struct writer writer = {.ledger = ledger, .shape = shape, .content = content};
    const struct bench_rollout *rollouts = (const struct bench_rollout *)shape->rollouts->data;

    writer.streams = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, free_stream);
    writer.stored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    writer.group.drafts = g_array_new(FALSE, FALSE, sizeof(struct roll_draft));
    writer.group.objects = g_array_new(FALSE, FALSE, sizeof(struct roll_object));
    writer.group.texts = g_ptr_array_new_with_free_func(free_text);
    writer.group.streams = g_ptr_array_new();
    for (guint i = 0, count; i < shape->rollouts->len; i += count) {
        int64_t numbers[BENCH_ENVIRONMENTS];
        count = together(shape, i);
        writer.at = START_MS + i * STEP_MS;
        for (guint k = 0; k < count; k++)
            numbers[k] = begin(&writer, &rollouts[i + k]);
        flush(&writer);
        writer.at += TOOK_MS;
        for (guint k = 0; k < count; k++)
            end(&writer, &rollouts[i + k], numbers[k]);
        flush(&writer);
    }
    g_hash_table_unref(writer.streams);
    g_hash_table_unref(writer.stored);
    g_array_unref(writer.group.drafts);
    g_array_unref(writer.group.objects);
    g_ptr_array_unref(writer.group.texts);
    g_ptr_array_unref(writer.group.streams);
}

/* ---- workspace ------------------------------------------------------------------------------ */

static void make_folder(const char *folder, const char *state)
{
    g_autofree char *plans = g_build_filename(folder, "plans", NULL);

    if (g_file_test(state, G_FILE_TEST_EXISTS))
        bench_ok(roll_error_new(ROLL_E_CONFLICT, "'%s' has a ledger already", folder));
    if (g_mkdir_with_parents(plans, 0755) != 0)
        bench_ok(roll_error_new(ROLL_E_IO, "cannot make the folder '%s'", plans));
}

void bench_workspace_make(const char *folder, int64_t events, const char *cloud)
{
    g_autofree char *state = g_build_filename(folder, "state", NULL);
    struct roll_ledger *ledger = NULL;
    struct bench_shape shape;

    bench_shape_make(&shape, events);
    struct bench_content *content =
        bench_content_new(&shape, ROLL_SOURCE_DIR "/tests/bench/service.json", cloud);
    make_folder(folder, state);
    for (int i = 0; i < shape.services; i++)
        bench_content_plan(content, i, folder);
    bench_ok(roll_ledger_open(state, ROLL_LEDGER_CREATE, &ledger));
    write_all(ledger, &shape, content);
    roll_ledger_close(ledger);
    bench_content_free(content);
    bench_shape_clear(&shape);
}
