/* The result of a release: judged from its findings, recorded with readiness.checked, and read
 * again the next time, so that only what has expired is asked. */
#include <string.h>

#include "rollbook/time.h"
#include "watch/ready.h"

enum { TRIES = 5 };

/* ---- what was recorded ---------------------------------------------------------------------- */

struct last_look {
    char *state;
    int64_t since, seq;
};

static struct roll_error *see_look(void *user, const struct roll_look_row *row)
{
    struct last_look *last = user;

    last->state = g_strdup(row->summary);
    last->since = row->at;
    last->seq = row->checked_seq;
    return NULL;
}

/* A result that is gone or damaged is as if it had not been: everything is asked again. */
static struct roll_error *read_result(struct roll_ledger *ledger, const char *stream, int64_t seq,
                                      json_t **ret_result)
{
    roll_auto(event) struct roll_event *event = NULL;

    ROLL_TRY(roll_ledger_event(ledger, stream, seq, &event));
    const struct roll_readiness_checked *body = roll_event_body(event, readiness_checked);
    if (body && body->result)
        roll_error_free(roll_ledger_object_json(ledger, body->result, ret_result));
    return NULL;
}

static enum ready_state state_of(const char *word)
{
    return g_strcmp0(word, ready_words[READY_DEAD]) == 0       ? READY_DEAD
           : g_strcmp0(word, ready_words[READY_DEGRADED]) == 0 ? READY_DEGRADED
                                                               : READY_OK;
}

static int64_t number_of(const json_t *entry, const char *member)
{
    return json_integer_value(json_object_get(entry, member));
}

/* The newest word on an item that this check needs, too. */
static void take_entry(struct ready_check *check, const json_t *entry)
{
    const char *key = roll_json_get_string(entry, "key");
    struct ready_item *item = key ? g_hash_table_lookup(check->items, key) : NULL;
    int64_t at = number_of(entry, "at");

    if (!item || !item->kind->ask)
        return;
    if (!item->mark) {
        item->mark = g_strdup(roll_json_get_string(entry, "mark"));
        item->marked = number_of(entry, "marked");
    }
    if (at <= item->at || at > check->now_ms)
        return;
    item->at = at;
    item->until = number_of(entry, "until");
    item->state = state_of(roll_json_get_string(entry, "state"));
    g_free(item->why);
    g_free(item->next);
    item->why = g_strdup(roll_json_get_string(entry, "why"));
    item->next = g_strdup(roll_json_get_string(entry, "next"));
    json_decref(item->facts);
    item->facts = json_incref(json_object_get(entry, "facts"));
}

struct roll_error *ready_load_last(struct ready_check *check, struct ready_release *release)
{
    struct last_look last = {0};
    struct roll_ledger *ledger = check->options->ledger;
    size_t index;
    json_t *entry;
    struct roll_error *err =
        roll_ledger_look(ledger, check->stream, "not-ready", release->version, see_look, &last);

    release->was = last.state;
    release->since = last.since;
    release->seen_seq = last.seq;
    if (!err && last.seq)
        err = read_result(ledger, check->stream, last.seq, &release->last);
    json_array_foreach (json_object_get(release->last, "items"), index, entry) {
        ready_carry_drill(check, release, entry);
        take_entry(check, entry);
    }
    return err;
}

/* ---- judging -------------------------------------------------------------------------------- */

static enum ready_state worst_of(GHashTable *worst, const char *target)
{
    return (enum ready_state)GPOINTER_TO_INT(g_hash_table_lookup(worst, target));
}

static void raise_to(GHashTable *worst, const char *target, enum ready_state state)
{
    if (state > worst_of(worst, target))
        g_hash_table_insert(worst, (gpointer)(uintptr_t)target, GINT_TO_POINTER((int)state));
}

void ready_judge(struct ready_check *check, struct ready_release *release)
{
    enum ready_state all = READY_OK;

    release->worst = g_hash_table_new(g_str_hash, g_str_equal);
    release->state = READY_OK;
    for (guint i = 0; i < release->uses->len; i++) {
        const struct ready_use *use = &g_array_index(release->uses, struct ready_use, i);
        release->state = MAX(release->state, use->item->state);
        if (use->target)
            raise_to(release->worst, use->target, use->item->state);
        else
            all = MAX(all, use->item->state);
    }
    for (guint i = 0; i < release->targets->len; i++)
        raise_to(release->worst, g_ptr_array_index(release->targets, i), all);
    if (g_strcmp0(release->was, ready_words[release->state]) != 0)
        release->since = check->now_ms;
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *member, const char *text)
{
    if (text)
        json_object_set_new(object, member, json_string(text));
}

/* Advice names the environment and the release as they are to be typed. */
static void set_advice(json_t *entry, const struct ready_release *release, const char *environment,
                       const char *next)
{
    g_autoptr(GString) text = next ? g_string_new(next) : NULL;

    if (!text)
        return;
    g_string_replace(text, " ENV", " {ENV}", 0);
    g_string_replace(text, " VERSION", " {VERSION}", 0);
    g_string_replace(text, "{VERSION}", release->version, 0);
    g_string_replace(text, "{ENV}", environment, 0);
    set_text(entry, "next", text->str);
}

static json_t *entry_of(const struct ready_release *release, const struct ready_item *item,
                        const char *environment)
{
    json_t *entry = json_object();

    set_text(entry, "key", item->key);
    set_text(entry, "kind", item->kind->name);
    set_text(entry, "state", ready_words[item->state]);
    set_text(entry, "subject", item->subject);
    set_text(entry, "why", item->why);
    set_advice(entry, release, environment, item->next);
    set_text(entry, "mark", item->mark);
    if (item->mark)
        json_object_set_new(entry, "marked", json_integer(item->marked));
    if (item->at)
        json_object_set_new(entry, "at", json_integer(item->at));
    if (item->until)
        json_object_set_new(entry, "until", json_integer(item->until));
    if (item->facts)
        json_object_set(entry, "facts", item->facts);
    return entry;
}

/* Each item once, with the targets that need it; absent: all do. */
static json_t *entries_of(const struct ready_release *release, const char *environment,
                          bool only_bad)
{
    g_autoptr(GHashTable) known = g_hash_table_new(g_direct_hash, g_direct_equal);
    json_t *entries = json_array();

    for (guint i = 0; i < release->uses->len; i++) {
        const struct ready_use *use = &g_array_index(release->uses, struct ready_use, i);
        json_t *entry = g_hash_table_lookup(known, use->item);
        if (use->item->state == READY_OK && (only_bad || !use->item->kind->ask))
            continue;
        if (!entry) {
            entry = entry_of(release, use->item, environment);
            g_hash_table_insert(known, use->item, entry);
            json_array_append_new(entries, entry);
        }
        if (!use->target)
            continue;
        json_t *targets = json_object_get(entry, "targets");
        if (!targets) {
            targets = json_array();
            json_object_set_new(entry, "targets", targets);
        }
        json_array_append_new(targets, json_string(use->target));
    }
    return entries;
}

static int by_badness(const void *a, const void *b)
{
    const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
    int first = (int)state_of(roll_json_get_string(left, "state"));
    int second = (int)state_of(roll_json_get_string(right, "state"));

    return first != second
               ? second - first
               : strcmp(roll_json_get_string(left, "key"), roll_json_get_string(right, "key"));
}

static json_t *sorted(json_t *entries)
{
    size_t count = json_array_size(entries);
    g_autofree json_t **all = g_new(json_t *, count + 1);
    json_t *list = json_array();

    for (size_t i = 0; i < count; i++)
        all[i] = json_array_get(entries, i);
    qsort(all, count, sizeof(json_t *), by_badness);
    for (size_t i = 0; i < count; i++)
        json_array_append(list, all[i]);
    json_decref(entries);
    return list;
}

static bool has_text(const json_t *list, const char *text)
{
    size_t index;
    json_t *entry;

    json_array_foreach ((json_t *)(uintptr_t)list, index, entry)
        if (strcmp(json_string_value(entry), text) == 0)
            return true;
    return false;
}

/* Items of two kinds may concern the same targets. */
static void add_targets(json_t *other, const json_t *entry)
{
    json_t *known = json_object_get(other, "targets"), *target;
    bool same = g_strcmp0(roll_json_get_string(other, "kind"),
                          roll_json_get_string(entry, "kind")) == 0;
    size_t index;

    json_array_foreach (json_object_get(entry, "targets"), index, target)
        if (same || !has_text(known, json_string_value(target)))
            json_array_append(known, target);
}

/* For people each reason is told once, with all the targets that it concerns. */
static bool add_to_alike(json_t *list, const json_t *entry)
{
    static const char *const members[] = {"state", "subject", "why", "next"};
    const json_t *targets = json_object_get(entry, "targets");
    size_t index;
    json_t *other;

    json_array_foreach (list, index, other) {
        bool alike = targets && json_object_get(other, "targets");
        for (size_t i = 0; alike && i < G_N_ELEMENTS(members); i++)
            alike = g_strcmp0(roll_json_get_string(other, members[i]),
                              roll_json_get_string(entry, members[i])) == 0;
        if (alike) {
            add_targets(other, entry);
            return true;
        }
    }
    return false;
}

json_t *ready_reasons(const struct ready_check *check, const struct ready_release *release)
{
    static const char *const inner[] = {"key", "mark", "marked", "at", "until", "facts"};
    roll_auto(json) json_t *all =
        sorted(entries_of(release, check->options->environment->name, true));
    json_t *list = json_array(), *entry;
    size_t index;

    json_array_foreach (all, index, entry) {
        for (size_t i = 0; i < G_N_ELEMENTS(inner); i++)
            json_object_del(entry, inner[i]);
        if (!add_to_alike(list, entry))
            json_array_append(list, entry);
    }
    return list;
}

json_t *ready_counts(const struct ready_release *release)
{
    int counts[READY_DEAD + 1] = {0};

    for (guint i = 0; i < release->targets->len; i++)
        counts[worst_of(release->worst, g_ptr_array_index(release->targets, i))]++;
    return json_pack("{s:i,s:i,s:i}", "ready", counts[READY_OK], "degraded", counts[READY_DEGRADED],
                     "dead", counts[READY_DEAD]);
}

static json_t *result_of(const struct ready_check *check, const struct ready_release *release)
{
    return json_pack("{s:s,s:s,s:I,s:o,s:o}", "release", release->version, "state",
                     ready_words[release->state], "at", (json_int_t)check->now_ms, "targets",
                     ready_counts(release), "items",
                     sorted(entries_of(release, check->options->environment->name, false)));
}

/* ---- recording ------------------------------------------------------------------------------ */

static bool is_news(const struct ready_release *release)
{
    if (g_strcmp0(release->was, ready_words[release->state]) != 0)
        return true;
    for (guint i = 0; i < release->uses->len; i++) {
        const struct ready_item *item = g_array_index(release->uses, struct ready_use, i).item;
        if (item->fresh && item->kind->ask)
            return true;
    }
    return false;
}

struct batch {
    GArray *drafts;    /* struct roll_draft */
    GPtrArray *bodies; /* struct roll_readiness_checked *, owned */
    GArray *objects;   /* struct roll_object */
    GPtrArray *texts;  /* GString *, owned */
};

static void body_free(gpointer data)
{
    struct roll_readiness_checked *body = data;

    g_free(body->release);
    g_free(body->state);
    g_free(body->result);
    g_free(body);
}

static void text_free(gpointer data)
{
    g_string_free(data, TRUE);
}

static void add_to(struct batch *batch, const struct ready_check *check,
                   const struct ready_release *release)
{
    struct roll_readiness_checked *body = g_new0(struct roll_readiness_checked, 1);
    GString *text = g_string_new(NULL);
    roll_auto(json) json_t *result = result_of(check, release);
    char digest[ROLL_HEX_SIZE];

    roll_json_write(result, text);
    roll_sha256_hex(text->str, text->len, digest);
    body->release = g_strdup(release->version);
    body->state = g_strdup(ready_words[release->state]);
    body->result = g_strdup(digest);
    g_ptr_array_add(batch->bodies, body);
    g_ptr_array_add(batch->texts, text);
    struct roll_draft draft = {check->stream, ROLL_EVENT_readiness_checked, body};
    struct roll_object object = {text->str, text->len};
    g_array_append_val(batch->drafts, draft);
    g_array_append_val(batch->objects, object);
}

/* Somebody else looked while this one did: their word is as good. */
static struct roll_error *is_overtaken(const struct ready_check *check, bool *ret_overtaken)
{
    *ret_overtaken = false;
    for (guint i = 0; i < check->releases->len && !*ret_overtaken; i++) {
        const struct ready_release *release = g_ptr_array_index(check->releases, i);
        struct last_look last = {0};
        ROLL_TRY(roll_ledger_look(check->options->ledger, check->stream, "not-ready",
                                  release->version, see_look, &last));
        g_free(last.state);
        *ret_overtaken = last.seq != release->seen_seq;
    }
    return NULL;
}

static struct roll_error *append(struct ready_check *check, const struct batch *batch)
{
    struct roll_ledger *ledger = check->options->ledger;
    struct roll_error *err = NULL;
    bool overtaken = false;

    for (int i = 0; i < TRIES && !overtaken; i++) {
        struct roll_expect expect = {.stream = check->stream};
        roll_error_free(err);
        err = NULL;
        ROLL_TRY(roll_ledger_head(ledger, check->stream, &expect.head));
        ROLL_TRY(is_overtaken(check, &overtaken));
        if (overtaken)
            return NULL;
        err = roll_ledger_append(
            ledger, &check->options->actor, 0, &expect, 1,
            (struct roll_draft *)(void *)batch->drafts->data, batch->drafts->len,
            (struct roll_object *)(void *)batch->objects->data, batch->objects->len, NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
    }
    return err;
}

struct roll_error *ready_record(struct ready_check *check)
{
    g_autoptr(GArray) drafts = g_array_new(FALSE, FALSE, sizeof(struct roll_draft));
    g_autoptr(GArray) objects = g_array_new(FALSE, FALSE, sizeof(struct roll_object));
    g_autoptr(GPtrArray) bodies = g_ptr_array_new_with_free_func(body_free);
    g_autoptr(GPtrArray) texts = g_ptr_array_new_with_free_func(text_free);
    struct batch batch = {drafts, bodies, objects, texts};

    for (guint i = 0; i < check->releases->len; i++)
        if (check->options->always || is_news(g_ptr_array_index(check->releases, i)))
            add_to(&batch, check, g_ptr_array_index(check->releases, i));
    return drafts->len ? append(check, &batch) : NULL;
}

/* ---- the last word -------------------------------------------------------------------------- */

static json_t *bad_entries(const json_t *result)
{
    json_t *list = json_array(), *entry;
    size_t index;

    json_array_foreach (json_object_get(result, "items"), index, entry)
        if (state_of(roll_json_get_string(entry, "state")) != READY_OK &&
            !add_to_alike(list, entry))
            json_array_append(list, entry);
    return list;
}

struct checked {
    struct last_look look;
    int64_t at;
};

static struct roll_error *see_checked(void *user, const struct roll_look_row *row)
{
    struct checked *checked = user;

    checked->at = row->checked_at;
    return see_look(&checked->look, row);
}

struct roll_error *roll_ready_last(struct roll_ledger *ledger, const char *stream,
                                   const char *version, json_t **ret_last)
{
    struct checked checked = {0};
    roll_auto(json) json_t *result = NULL;
    char since[ROLL_TIME_SIZE], at[ROLL_TIME_SIZE];
    struct roll_error *err =
        roll_ledger_look(ledger, stream, "not-ready", version, see_checked, &checked);

    *ret_last = NULL;
    g_autofree char *state = checked.look.state;
    if (err || !state)
        return err;
    if (strcmp(state, ready_words[READY_OK]) != 0)
        ROLL_TRY(read_result(ledger, stream, checked.look.seq, &result));
    roll_time_format(checked.look.since, since);
    roll_time_format(checked.at, at);
    *ret_last = json_pack("{s:s,s:s,s:s,s:o}", "state", state, "since", since, "checkedAt", at,
                          "reasons", bad_entries(result));
    return NULL;
}
