/* What checks leave in the ledger: the result of each release, recorded with readiness.checked and
 * read again the next time, so that only what has expired is asked. */
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

static int64_t number_of(const json_t *entry, const char *member)
{
    return json_integer_value(json_object_get(entry, member));
}

static void take_mark(struct ready_item *item, const json_t *entry)
{
    g_free(item->mark);
    item->mark = g_strdup(roll_json_get_string(entry, "mark"));
    item->marked = number_of(entry, "marked");
}

/* The newest word on an item that this check needs, too. */
static void take_entry(struct ready_check *check, const json_t *entry)
{
    const char *key = roll_json_get_string(entry, "key");
    struct ready_item *item = key ? g_hash_table_lookup(check->items, key) : NULL;
    int64_t at = number_of(entry, "at");

    if (!item || !item->kind->ask)
        return;
    if (!item->mark)
        take_mark(item, entry);
    if (at <= item->at || at > check->now_ms)
        return;
    if (item->kind == &ready_secret) /* it is what is current, not what was first */
        take_mark(item, entry);
    item->at = at;
    item->until = number_of(entry, "until");
    item->state = ready_state_of(roll_json_get_string(entry, "state"));
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
    roll_auto(json) json_t *result = ready_result(check, release);
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
        if (ready_state_of(roll_json_get_string(entry, "state")) != READY_OK &&
            !ready_add_alike(list, entry))
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

struct roll_error *roll_ready_changed(struct roll_ledger *ledger, const char *stream,
                                      const char *version, GPtrArray *texts)
{
    struct checked checked = {0};
    roll_auto(json) json_t *result = NULL;
    size_t index;
    json_t *entry;
    struct roll_error *err =
        roll_ledger_look(ledger, stream, "not-ready", version, see_checked, &checked);

    g_free(checked.look.state);
    if (!err && checked.look.seq)
        err = read_result(ledger, stream, checked.look.seq, &result);
    json_array_foreach (json_object_get(result, "items"), index, entry)
        if (roll_json_get_string(entry, "changed"))
            g_ptr_array_add(texts, g_strdup(roll_json_get_string(entry, "changed")));
    return err;
}
