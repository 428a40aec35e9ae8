/* ARM's history of an environment's targets: what is there, whose it is, and what each entry counts
 * as (REST reference 1.1, 1.10, 8.3). */
#include "watch/adopt.h"

#include <string.h>

#include "rollbook/time.h"

void watch_entry_free(void *data)
{
    struct watch_entry *entry = data;

    json_decref(entry->deployment);
    json_decref(entry->who);
    json_decref(entry->lacks);
    g_free(entry->correlation);
    g_free(entry->series);
    g_free(entry->stack);
    g_free(entry);
}

bool watch_is_new(const struct watch_entry *entry)
{
    return entry->class == WATCH_EVIDENCE || entry->class == WATCH_RECOVERED;
}

/* ---- one entry ------------------------------------------------------------------------------- */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(roll_json_get_nocase(object, name));
}

/* web-20260301.7 and web-20260302.1 are of one series: what counts up is left out. */
static char *series_of(const char *name)
{
    GString *series = g_string_new(NULL);

    for (const char *at = name; *at;) {
        size_t run = strspn(at, "0123456789abcdefABCDEF");
        size_t digits = strcspn(at, "0123456789");
        if (run > 0 && digits < run && (run >= 6 || g_ascii_isdigit(*at))) {
            g_string_append_c(series, '#');
            at += run;
        } else {
            g_string_append_c(series, *at++);
        }
    }
    return g_string_free(series, FALSE);
}

/* What one list entry says, before it is known whose it is. */
struct reading {
    struct watch_adopting *adopting;
    struct watch_place *place;
    GHashTable *known; /* target, name and time -> number of its rollout */
    json_t *deployment;
    const json_t *tags;
    const char *name;
    char *correlation;
    int64_t at;
};

static struct watch_entry *add_entry(const struct reading *reading,
                                     const struct roll_plan_target *target)
{
    const json_t *properties = roll_json_get_nocase(reading->deployment, "properties");
    const char *took = text_of(properties, "duration");
    struct watch_entry *entry = g_new0(struct watch_entry, 1);

    entry->place = reading->place;
    entry->target = target;
    entry->deployment = json_incref(reading->deployment);
    entry->tags = reading->tags;
    entry->name = reading->name;
    entry->state = text_of(properties, "provisioningState");
    entry->hash = text_of(properties, "templateHash");
    entry->correlation = g_strdup(reading->correlation);
    entry->series = series_of(entry->name);
    entry->at = reading->at;
    if (took)
        roll_error_free(roll_duration_parse(took, &entry->duration_ms));
    entry->duration_ms = CLAMP(entry->duration_ms, 0, MAX(entry->at, 0));
    g_ptr_array_add(reading->adopting->entries, entry);
    return entry;
}

/* A stack's deployment has the correlation id of the PUT that began it, not its tags. */
static const json_t *tags_of(const struct watch_place *place, const json_t *deployment,
                             const char *correlation)
{
    const json_t *tags = roll_json_get_nocase(deployment, "tags");

    for (guint i = 0; correlation && !text_of(tags, "roll-stream") && i < place->stacks->len; i++) {
        const json_t *stack = place->stacks->pdata[i];
        const char *its = text_of(roll_json_get_nocase(stack, "properties"), "correlationId");
        if (its && g_ascii_strcasecmp(its, correlation) == 0)
            return roll_json_get_nocase(stack, "tags");
    }
    return tags;
}

/* ---- classes --------------------------------------------------------------------------------- */

static bool is_of_this_ledger(const struct watch_adopting *adopting, const json_t *tags)
{
    roll_auto(event) struct roll_event *event = NULL;
    const char *ledger = text_of(tags, "roll-ledger"), *seq = text_of(tags, "roll-seq");

    if (strcmp(ledger, roll_ledger_id(adopting->options->ledger)) != 0)
        return false;
    struct roll_error *err = roll_ledger_event(adopting->options->ledger, adopting->stream,
                                               g_ascii_strtoll(seq, NULL, 10), &event);
    bool known = !err && strcmp(event->hash, text_of(tags, "roll-head")) == 0;
    roll_error_free(err);
    return known;
}

static void classify(const struct reading *reading, struct watch_entry *entry)
{
    g_autofree char *key =
        g_strdup_printf("%s\n%s\n%" G_GINT64_FORMAT, entry->target->name, entry->name, entry->at);
    const int64_t *accepted = g_hash_table_lookup(reading->known, key);
    bool own = entry->proved && is_of_this_ledger(reading->adopting, entry->tags);

    if (entry->proved)
        entry->release = text_of(entry->tags, "roll-release");
    entry->accepted = accepted ? *accepted : 0;
    entry->class = own                                                  ? WATCH_OWN
                   : accepted                                           ? WATCH_KNOWN
                   : !roll_arm_state_is_final(entry->state)             ? WATCH_RUNNING
                   : g_str_has_prefix(entry->name, "PolicyDeployment_") ? WATCH_POLICY
                   : entry->proved                                      ? WATCH_RECOVERED
                                                                        : WATCH_EVIDENCE;
}

static bool has_its_name(const struct roll_plan_target *target, const char *name)
{
    return target->deployment_name && g_ascii_strcasecmp(target->deployment_name, name) == 0;
}

/* What nobody says whose it is: the one's who always uses that name, else anybody's here. */
static void add_untagged(const struct reading *reading, bool forged)
{
    const GPtrArray *targets = reading->place->targets;
    bool named = false;

    for (guint i = 0; i < targets->len; i++)
        named |= has_its_name(targets->pdata[i], reading->name);
    for (guint i = 0; i < targets->len; i++) {
        const struct roll_plan_target *target = targets->pdata[i];
        if (!watch_adopt_selected(reading->adopting->options, target) ||
            (named && !has_its_name(target, reading->name)))
            continue;
        struct watch_entry *entry = add_entry(reading, target);
        entry->forged = forged;
        classify(reading, entry);
        if (entry->class == WATCH_EVIDENCE &&
            watch_is_of_stack(reading->adopting->options, target, reading->name))
            entry->stack = watch_stack_name(reading->adopting->options, target);
    }
}

/* Made inside a stack by what this ledger sent? */
static bool is_sent(const struct reading *reading)
{
    const struct roll_plan_target *target =
        reading->correlation ? g_hash_table_lookup(reading->adopting->sent, reading->correlation)
                             : NULL;

    if (!target || !g_ptr_array_find(reading->place->targets, target, NULL) ||
        !watch_is_of_stack(reading->adopting->options, target, reading->name))
        return false;
    if (watch_adopt_selected(reading->adopting->options, target))
        add_entry(reading, target)->class = WATCH_OWN;
    return true;
}

static void sort_out(const struct reading *reading)
{
    const struct roll_plan_target *target = NULL;
    struct watch_entry *entry;

    if (is_sent(reading))
        return;
    enum watch_proof proof =
        watch_prove(reading->adopting->options, reading->adopting->stream, reading->tags,
                    reading->name, reading->correlation, reading->place->targets, &target);

    switch (proof) {
    case WATCH_FOREIGN:
        add_entry(reading, reading->place->first)->class = WATCH_OTHER;
        return;
    case WATCH_PROVED:
        if (!watch_adopt_selected(reading->adopting->options, target))
            return;
        entry = add_entry(reading, target);
        entry->proved = true;
        classify(reading, entry);
        return;
    case WATCH_FORGED:
    case WATCH_UNTAGGED:
        add_untagged(reading, proof == WATCH_FORGED);
        return;
    }
}

/* ---- all ------------------------------------------------------------------------------------- */

static struct roll_error *see_known(void *user, const struct roll_adopted_row *row)
{
    g_hash_table_insert(
        user, g_strdup_printf("%s\n%s\n%" G_GINT64_FORMAT, row->target, row->name, row->at),
        g_memdup2(&row->accepted, sizeof row->accepted));
    return NULL;
}

static void read_deployment(struct watch_adopting *adopting, struct watch_place *place,
                            GHashTable *known, json_t *deployment)
{
    const json_t *properties = roll_json_get_nocase(deployment, "properties");
    const char *at = text_of(properties, "timestamp");
    const char *correlation = text_of(properties, "correlationId");
    g_autofree char *lower = correlation ? g_ascii_strdown(correlation, -1) : NULL;
    struct reading reading = {.adopting = adopting,
                              .place = place,
                              .known = known,
                              .deployment = deployment,
                              .tags = tags_of(place, deployment, correlation),
                              .name = text_of(deployment, "name"),
                              .correlation = lower};

    if (at)
        roll_error_free(roll_time_parse(at, &reading.at));
    if (reading.name && reading.at >= adopting->options->since_ms)
        sort_out(&reading);
}

/* A group that is not there yet has no history: nothing of it is missing. */
static bool is_missing(const struct watch_place *place)
{
    return place->why && g_str_has_prefix(place->why, "ResourceGroupNotFound");
}

const char *watch_adopt_gap(const struct watch_adopting *adopting, const char *target,
                            bool *ret_missing)
{
    const struct watch_place *place = g_hash_table_lookup(adopting->gaps, target);

    if (!place)
        return NULL;
    *ret_missing = is_missing(place);
    return place->why;
}

static void report_place(struct watch_adopting *adopting, const struct watch_place *place)
{
    for (guint i = 0; i < place->targets->len; i++) {
        const struct roll_plan_target *target = place->targets->pdata[i];
        if (!watch_adopt_selected(adopting->options, target))
            continue;
        json_t *shown = json_pack("{s:s,s:s*,s:I}", "name", target->name, "error", place->why,
                                  "found", (json_int_t)json_array_size(place->list));
        if (is_missing(place))
            json_object_set_new(shown, "missing", json_true());
        if (place->why)
            g_hash_table_insert(adopting->gaps, target->name, (gpointer)(uintptr_t)place);
        json_array_append_new(adopting->targets, shown);
    }
    adopting->unread |= place->why && !is_missing(place);
}

struct roll_error *watch_adopt_read(struct watch_adopting *adopting)
{
    g_autoptr(GHashTable) known = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    size_t index;
    json_t *deployment;

    ROLL_TRY(roll_ledger_adopted(adopting->options->ledger, adopting->stream, see_known, known));
    ROLL_TRY(watch_adopt_sent(adopting));
    ROLL_TRY(watch_adopt_list(adopting));
    for (guint i = 0; i < adopting->places->len; i++) {
        struct watch_place *place = adopting->places->pdata[i];
        report_place(adopting, place);
        json_array_foreach (place->list, index, deployment)
            read_deployment(adopting, place, known, deployment);
    }
    ROLL_TRY(watch_adopt_nested(adopting));
    for (guint i = 0; i < adopting->entries->len; i++) {
        const struct watch_entry *entry = adopting->entries->pdata[i];
        if (watch_is_new(entry))
            entry->place->has_new = true;
    }
    return watch_adopt_who(adopting);
}
