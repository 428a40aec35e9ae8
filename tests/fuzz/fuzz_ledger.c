/* Importing into an empty ledger.
 *
 * An input that begins with '{' is imported as it is. Else each line `STREAM KIND BODY` is an
 * event: the harness makes the chain that no mutation would hit (numbers, hashes, objects: a text
 * "@TEXT" in a body stands for the digest of the object TEXT). What was imported must verify, fold
 * to the same projections again, be readable by every query, and come out equal. */
#include "fuzz.h"
#include "rollbook/ledger.h"

#define EVENTS_MAX 200

/* ---- from short lines to a chain ---- */

struct script {
    GString *text;      /* the import file */
    GHashTable *heads;  /* stream → struct roll_head */
    GHashTable *stored; /* digests whose objects stand in the file */
    int64_t at;
};

static void put_object(struct script *script, const char *text, const char *digest)
{
    g_autofree char *base64 = g_base64_encode((const guchar *)text, strlen(text));

    if (g_hash_table_add(script->stored, g_strdup(digest)))
        g_string_append_printf(script->text, "{\"object\":\"%s\",\"base64\":\"%s\"}\n", digest,
                               base64);
}

/* The value with its objects' digests in place, which are added to digests. New reference. */
static json_t *resolve(struct script *script, const json_t *value, GPtrArray *digests)
{
    const char *key;
    json_t *member;
    char digest[ROLL_HEX_SIZE];

    if (json_is_string(value) && json_string_value(value)[0] == '@') {
        const char *text = json_string_value(value) + 1;
        roll_sha256_hex(text, strlen(text), digest);
        put_object(script, text, digest);
        g_ptr_array_add(digests, g_strdup(digest));
        return json_string(digest);
    }
    if (json_is_array(value)) {
        json_t *list = json_array();
        for (size_t i = 0; i < json_array_size(value); i++)
            json_array_append_new(list, resolve(script, json_array_get(value, i), digests));
        return list;
    }
    if (json_is_object(value)) {
        json_t *object = json_object();
        json_object_foreach ((json_t *)(uintptr_t)value, key, member)
            json_object_set_new_nocheck(object, key, resolve(script, member, digests));
        return object;
    }
    return json_incref((json_t *)(uintptr_t)value);
}

static gint by_text(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, each once. New reference. */
static json_t *list_of(GPtrArray *digests)
{
    json_t *list = json_array();

    g_ptr_array_sort(digests, by_text);
    for (guint i = 0; i < digests->len; i++)
        if (i == 0 || strcmp(digests->pdata[i - 1], digests->pdata[i]) != 0)
            json_array_append_new(list, json_string(digests->pdata[i]));
    return list;
}

/* Does the line become an event? Then it stands in the file, and the stream has a new head. */
static void put_event(struct script *script, const char *stream, const char *kind,
                      const json_t *body)
{
    struct roll_head *head = g_hash_table_lookup(script->heads, stream);
    g_autoptr(GPtrArray) digests = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) line = NULL;
    roll_auto(event) struct roll_event *event = NULL;
    char zeros[ROLL_HEX_SIZE] = "";

    memset(zeros, '0', sizeof zeros - 1);
    json_t *resolved = resolve(script, body, digests);
    roll_auto(json) json_t *value =
        json_pack("{s:{s:s, s:n}, s:I, s:o, s:s, s:o, s:s, s:I, s:s}", "actor", "claimed", "alice",
                  "proved", "at", (json_int_t)script->at, "body", resolved, "kind", kind, "objects",
                  list_of(digests), "prev", head ? head->hash : zeros, "seq",
                  (json_int_t)(head ? head->seq + 1 : 1), "stream", stream);
    if (!value || !fuzz_ok(roll_json_canonical(value, &line)) ||
        !fuzz_ok(roll_event_parse(line->str, line->len, &event)))
        return;
    g_string_append_printf(script->text, "{\"event\":%s,\"hash\":\"%s\"}\n", line->str,
                           event->hash);
    struct roll_head *next = g_new(struct roll_head, 1);
    next->seq = event->seq;
    g_strlcpy(next->hash, event->hash, sizeof next->hash);
    g_hash_table_replace(script->heads, g_strdup(stream), next);
    script->at += 1000;
}

static void put_line(struct script *script, const char *line)
{
    g_auto(GStrv) words = g_strsplit(line, " ", 3);
    roll_auto(json) json_t *body = NULL;

    if (g_strv_length(words) == 3 &&
        fuzz_ok(roll_json_parse(words[2], strlen(words[2]), ROLL_JSON_STRICT, &body)))
        put_event(script, words[0], words[1], body);
}

/* Owned by the caller. */
static GString *chain_of(const char *text)
{
    struct script script = {.text = g_string_new(NULL),
                            .heads = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free),
                            .stored = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                            .at = INT64_C(1767225600000)};
    g_auto(GStrv) lines = g_strsplit(text, "\n", EVENTS_MAX);

    for (char **line = lines; *line; line++)
        put_line(&script, *line);
    g_hash_table_unref(script.heads);
    g_hash_table_unref(script.stored);
    return script.text;
}

/* ---- import and export ---- */

static struct roll_error *next_line(void *user, const char **ret_line, size_t *ret_size)
{
    GBytes **rest = user;
    gsize size;
    const char *text = g_bytes_get_data(*rest, &size);

    *ret_line = NULL;
    if (size == 0)
        return NULL;
    const char *end = memchr(text, '\n', size);
    *ret_line = text;
    *ret_size = end ? (size_t)(end - text) : size;
    size_t taken = *ret_size + (end != NULL);
    GBytes *whole = *rest;
    *rest = g_bytes_new_from_bytes(whole, taken, size - taken);
    g_bytes_unref(whole);
    return NULL;
}

static bool import(struct roll_ledger *ledger, const GString *text, int64_t *ret_events)
{
    GBytes *rest = g_bytes_new(text->str, text->len);
    /* The parts of it that next_line lends live as long as this. */
    GBytes *whole = g_bytes_ref(rest);

    bool ok = fuzz_ok(roll_ledger_import(ledger, next_line, &rest, ret_events));
    g_bytes_unref(rest);
    g_bytes_unref(whole);
    return ok;
}

static struct roll_error *keep_line(void *user, const char *line, size_t size)
{
    g_string_append_len(user, line, (gssize)size);
    return NULL;
}

/* ---- queries ---- */

static struct roll_error *ignore_release(void *user, const struct roll_release_row *row)
{
    (void)user;
    FUZZ_CHECK(row->service && row->version && row->manifest, "a release without a name");
    return NULL;
}

static struct roll_error *ignore_target(void *user, const struct roll_target_row *row)
{
    (void)user;
    FUZZ_CHECK(row->target, "a target without a name");
    return NULL;
}

static struct roll_error *ignore_success(void *user, const struct roll_success_row *row)
{
    (void)user, (void)row;
    return NULL;
}

static struct roll_error *ignore_step(void *user, const struct roll_step_row *row)
{
    (void)user;
    FUZZ_CHECK(row->target, "a step without a target");
    return NULL;
}

static struct roll_error *look_at_rollout(void *user, const struct roll_rollout_row *row)
{
    FUZZ_CHECK(row->stream && row->lane && row->kind && row->state, "a rollout without a name");
    return roll_ledger_steps(user, row->stream, row->number, ignore_step, NULL);
}

static struct roll_error *look_at_environment(void *user, const struct roll_environment_row *row)
{
    const char *where = NULL;

    FUZZ_CHECK(row->stream, "an environment without a name");
    ROLL_TRY(roll_ledger_targets(user, row->stream, NULL, ignore_target, NULL));
    ROLL_TRY(roll_ledger_successes(user, row->stream, NULL, ignore_success, NULL));
    ROLL_TRY(roll_ledger_successes(user, row->stream, "weu", ignore_success, NULL));
    return roll_ledger_bad(user, row->stream, "1.0.0", &where);
}

static struct roll_error *count_event(void *user, const struct roll_event *event)
{
    int64_t *seq = user;

    if (roll_number_is_side(event->seq)) /* spliced in */
        return NULL;
    FUZZ_CHECK(event->seq == *seq + 1, "an event is missing");
    *seq = event->seq;
    return NULL;
}

static void look_at_streams(struct roll_ledger *ledger)
{
    g_auto(GStrv) streams = NULL;

    FUZZ_MUST(roll_ledger_streams(ledger, &streams));
    for (char **stream = streams; *stream; stream++) {
        roll_auto(event) struct roll_event *last = NULL;
        struct roll_head head;
        int64_t seq = 0;
        FUZZ_MUST(roll_ledger_head(ledger, *stream, &head));
        FUZZ_MUST(roll_ledger_events(ledger, *stream, 1, count_event, &seq));
        FUZZ_CHECK(seq == head.seq, "%s ends elsewhere", *stream);
        FUZZ_MUST(roll_ledger_event(ledger, *stream, seq, &last));
        FUZZ_CHECK(strcmp(last->hash, head.hash) == 0, "%s ends elsewhere", *stream);
    }
}

static void ask(struct roll_ledger *ledger)
{
    struct roll_rollout_query query = {0};

    look_at_streams(ledger);
    FUZZ_MUST(roll_ledger_environments(ledger, NULL, look_at_environment, ledger));
    FUZZ_MUST(roll_ledger_rollouts(ledger, &query, look_at_rollout, ledger));
    FUZZ_MUST(roll_ledger_releases(ledger, "shop", ignore_release, NULL));
}

/* ---- what must hold ---- */

/* An empty ledger in memory. Making its tables is most of the work for a small one: they are made
 * once for all inputs, then copied. */
static struct roll_ledger *empty_ledger(void)
{
    static struct roll_ledger *model;
    struct roll_ledger *ledger;

    if (!model)
        FUZZ_MUST(roll_ledger_rehearse(NULL, &model));
    FUZZ_MUST(roll_ledger_rehearse(model, &ledger));
    return ledger;
}

static void check_whole(struct roll_ledger *ledger)
{
    struct roll_verify_options options = {.projections = true};
    struct roll_verify_report report = {0};
    bool equal = false;

    FUZZ_MUST(roll_ledger_verify(ledger, &options, &report));
    FUZZ_CHECK(!report.first_bad, "%s", report.first_bad);
    roll_verify_report_clear(&report);
    FUZZ_MUST(roll_ledger_rebuild(ledger, &equal));
    FUZZ_CHECK(equal, "the projections differ from a rebuild");
    ask(ledger);
}

/* Exported and imported again, it is the same. */
static void check_copy(struct roll_ledger *ledger, int64_t events)
{
    g_autoptr(GString) first = g_string_new(NULL);
    g_autoptr(GString) second = g_string_new(NULL);
    roll_auto(ledger) struct roll_ledger *copy = empty_ledger();
    int64_t copied = 0;

    FUZZ_MUST(roll_ledger_export(ledger, keep_line, first));
    FUZZ_CHECK(import(copy, first, &copied), "its export is refused");
    FUZZ_CHECK(copied == events, "%d of %d events", (int)copied, (int)events);
    FUZZ_MUST(roll_ledger_export(copy, keep_line, second));
    FUZZ_CHECK(g_string_equal(first, second), "its export differs");
    FUZZ_CHECK(import(ledger, second, &copied) && copied == 0, "it does not know its own events");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *short_lines = fuzz_text(data, size);
    g_autoptr(GString) text = size > 0 && data[0] == '{'
                                  ? g_string_new_len((const char *)data, (gssize)size)
                                  : chain_of(short_lines);
    roll_auto(ledger) struct roll_ledger *ledger = NULL;
    int64_t events = 0;

    fuzz_begin();
    if (text->len == 0)
        return 0;
    ledger = empty_ledger();
    if (import(ledger, text, &events)) {
        check_whole(ledger);
        check_copy(ledger, events);
    }
    g_clear_pointer(&ledger, roll_ledger_close);
    fuzz_end();
    return 0;
}
