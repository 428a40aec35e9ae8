/* The result of a release: judged from its findings, and written as JSON: with every item to be
 * recorded, with the reasons alone for people. */
#include <string.h>

#include "watch/ready.h"

enum ready_state ready_state_of(const char *word)
{
    return g_strcmp0(word, ready_words[READY_DEAD]) == 0       ? READY_DEAD
           : g_strcmp0(word, ready_words[READY_DEGRADED]) == 0 ? READY_DEGRADED
                                                               : READY_OK;
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

/* A reference without a version takes what is current. That this is another version than when the
 * release was made is what people want who change a password: it is said, and no trouble. */
static void set_change(json_t *entry, const struct ready_release *release,
                       const struct ready_item *item)
{
    const json_t *seen = json_object_get(json_object_get(release->manifest, "seen"), item->subject);
    const char *was = roll_json_get_string(seen, "mark"), *at = roll_json_get_string(seen, "at");

    if (item->kind == &ready_secret && item->mark && was && at && strcmp(was, item->mark) != 0)
        json_object_set_new(
            entry, "changed",
            json_sprintf("%s has another version since %s was made (%s), and is sent without one",
                         item->subject, release->version, at));
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
    set_change(entry, release, item);
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
    int first = (int)ready_state_of(roll_json_get_string(left, "state"));
    int second = (int)ready_state_of(roll_json_get_string(right, "state"));

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
    bool same =
        g_strcmp0(roll_json_get_string(other, "kind"), roll_json_get_string(entry, "kind")) == 0;
    size_t index;

    json_array_foreach (json_object_get(entry, "targets"), index, target)
        if (same || !has_text(known, json_string_value(target)))
            json_array_append(known, target);
}

bool ready_add_alike(json_t *list, const json_t *entry)
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
    static const char *const inner[] = {"key", "mark", "marked", "at", "until", "facts", "changed"};
    roll_auto(json) json_t *all =
        sorted(entries_of(release, check->options->environment->name, true));
    json_t *list = json_array(), *entry;
    size_t index;

    json_array_foreach (all, index, entry) {
        for (size_t i = 0; i < G_N_ELEMENTS(inner); i++)
            json_object_del(entry, inner[i]);
        if (!ready_add_alike(list, entry))
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

json_t *ready_result(const struct ready_check *check, const struct ready_release *release)
{
    return json_pack("{s:s,s:s,s:I,s:o,s:o}", "release", release->version, "state",
                     ready_words[release->state], "at", (json_int_t)check->now_ms, "targets",
                     ready_counts(release), "items",
                     sorted(entries_of(release, check->options->environment->name, false)));
}
