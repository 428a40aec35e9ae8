/* What was found in ARM's history, into the ledger: evidence, without anything that may be a
 * secret. */
#include "watch/adopt.h"

#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/time.h"

#define BATCH 50 /* entries in one append: one that is interrupted goes on where it was */

/* ---- what may be kept ------------------------------------------------------------------------ */

static const json_t *properties_of(const struct watch_entry *entry)
{
    return roll_json_get_nocase(entry->deployment, "properties");
}

json_t *watch_adopt_parameters(const struct watch_entry *entry, const struct roll_template *tmpl)
{
    json_t *kept = json_object(), *given;
    const char *name;

    json_object_foreach (roll_json_get_nocase(properties_of(entry), "parameters"), name, given) {
        const struct roll_template_parameter *declared =
            tmpl ? roll_template_parameter_find(tmpl, name) : NULL;
        json_t *reference = roll_json_get_nocase(given, "reference");
        json_t *value = roll_json_get_nocase(given, "value");
        if (reference)
            json_object_set_new(kept, name, json_pack("{s:O}", "reference", reference));
        else if (value && declared && !declared->secure && !watch_name_is_secret(name) &&
                 !watch_looks_secret(value))
            json_object_set_new(kept, name, json_pack("{s:O}", "value", value));
    }
    return kept;
}

/* Without the template nothing is known to be harmless. */
static json_t *outputs_of(const struct watch_entry *entry, const struct roll_template *tmpl)
{
    json_t *kept = json_object(), *output;
    const char *name;

    json_object_foreach (roll_json_get_nocase(properties_of(entry), "outputs"), name, output)
        if (tmpl && !roll_template_output_is_secret(tmpl, name) && !watch_name_is_secret(name) &&
            !watch_looks_secret(output))
            json_object_set(kept, name, output);
    return kept;
}

static json_t *resources_of(const struct watch_entry *entry)
{
    json_t *ids = json_array(), *resource;
    size_t index;

    json_array_foreach (roll_json_get_nocase(properties_of(entry), "outputResources"), index,
                        resource)
        if (roll_json_get_string(resource, "id"))
            json_array_append(ids, json_object_get(resource, "id"));
    return ids;
}

static json_t *details_of(const struct watch_entry *entry, const struct watch_template *tmpl)
{
    char at[ROLL_TIME_SIZE];
    const json_t *mode = roll_json_get_nocase(properties_of(entry), "mode");
    const json_t *location = roll_json_get_nocase(entry->deployment, "location");

    roll_time_format(entry->at, at);
    return json_pack("{s:s,s:s,s:s*,s:s*,s:s,s:I,s:s*,s:s*,s:O*,s:O*,s:s*,s:O*,s:O*,s:O*,s:o,s:o}",
                     "name", entry->name, "target", entry->target->name, "id",
                     roll_json_get_string(entry->deployment, "id"), "state", entry->state, "at", at,
                     "durationMs", (json_int_t)entry->duration_ms, "correlationId",
                     entry->correlation, "templateHash", entry->hash, "tags", entry->tags, "by",
                     entry->who, "templateMissing", tmpl ? tmpl->why : NULL, "lacks", entry->lacks,
                     "mode", mode, "location", location, "outputResources", resources_of(entry),
                     "outputs", outputs_of(entry, tmpl ? tmpl->tmpl : NULL));
}

/* ---- appending ------------------------------------------------------------------------------- */

/* One entry, with what its event points to. */
struct fact {
    struct roll_deployment_adopted body;
    GString *details, *parameters;
    char details_digest[ROLL_HEX_SIZE], parameters_digest[ROLL_HEX_SIZE];
    char *parts[4];
};

static void fact_free(void *data)
{
    struct fact *fact = data;

    g_string_free(fact->details, TRUE);
    g_string_free(fact->parameters, TRUE);
    g_free(fact);
}

static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

static void add_object(GArray *objects, const GString *text)
{
    const struct roll_object object = {text->str, text->len};

    g_array_append_val(objects, object);
}

static struct fact *fact_new(const struct watch_adopting *adopting, struct watch_entry *entry,
                             GArray *objects)
{
    const struct watch_template *tmpl = watch_adopt_template(adopting, entry);
    roll_auto(json) json_t *details = details_of(entry, tmpl);
    roll_auto(json) json_t *parameters = watch_adopt_parameters(entry, tmpl ? tmpl->tmpl : NULL);
    struct fact *fact = g_new0(struct fact, 1);
    size_t parts = 0;

    fact->details = g_string_new(NULL);
    fact->parameters = g_string_new(NULL);
    roll_json_write(details, fact->details);
    roll_json_write(parameters, fact->parameters);
    roll_sha256_hex(fact->details->str, fact->details->len, fact->details_digest);
    roll_sha256_hex(fact->parameters->str, fact->parameters->len, fact->parameters_digest);
    fact->parts[parts++] = fact->details_digest;
    fact->parts[parts++] = fact->parameters_digest;
    if (tmpl && tmpl->tmpl) {
        fact->parts[parts++] = lent(tmpl->digest);
        add_object(objects, tmpl->text);
    }
    add_object(objects, fact->details);
    add_object(objects, fact->parameters);
    fact->body =
        (struct roll_deployment_adopted){.name = lent(entry->name),
                                         .target = entry->target->name,
                                         .release = lent(entry->release),
                                         .arm_at = entry->at,
                                         .parts = fact->parts,
                                         .state = lent(entry->state),
                                         .details = fact->details_digest,
                                         .template = tmpl && tmpl->tmpl ? lent(tmpl->digest) : NULL,
                                         .parameters = fact->parameters_digest};
    return fact;
}

struct batch {
    struct watch_adopting *adopting;
    GPtrArray *entries;
};

/* Somebody else may adopt the same at this moment: those that are there by now are left out.
 * ROLL_E_CONFLICT: some were, and those that are left are to be made anew. */
static struct roll_error *check_batch(void *user)
{
    struct batch *batch = user;
    guint before = batch->entries->len;

    for (guint i = before; i > 0; i--) {
        const struct watch_entry *entry = batch->entries->pdata[i - 1];
        struct roll_adopted_row row = {
            .target = entry->target->name, .name = entry->name, .at = entry->at};
        ROLL_TRY(roll_ledger_adopted_find(batch->adopting->options->ledger, batch->adopting->stream,
                                          &row));
        if (row.seq)
            g_ptr_array_remove_index(batch->entries, i - 1);
    }
    return batch->entries->len == before
               ? NULL
               : roll_error_new(ROLL_E_CONFLICT, "somebody else adopts '%s' at this moment",
                                batch->adopting->stream);
}

static struct roll_error *append_batch(struct batch *batch)
{
    struct watch_adopting *adopting = batch->adopting;
    g_autoptr(GPtrArray) facts = g_ptr_array_new_with_free_func(fact_free);
    g_autoptr(GArray) objects = g_array_new(FALSE, FALSE, sizeof(struct roll_object));
    g_autoptr(GArray) drafts = g_array_new(FALSE, FALSE, sizeof(struct roll_draft));

    for (guint i = 0; i < batch->entries->len; i++) {
        struct fact *fact = fact_new(adopting, batch->entries->pdata[i], objects);
        const struct roll_draft draft = {adopting->stream, ROLL_EVENT_deployment_adopted,
                                         &fact->body};
        g_ptr_array_add(facts, fact);
        g_array_append_val(drafts, draft);
    }
    (void)roll_fault("adoption-record");
    return watch_append_checked(adopting->options->ledger, adopting->options->actor,
                                (const struct roll_draft *)(void *)drafts->data, drafts->len,
                                (const struct roll_object *)(void *)objects->data, objects->len,
                                check_batch, batch);
}

/* Oldest first, so that the stream tells it in the order in which it happened. Each time that
 * somebody was faster there is less to do. */
static struct roll_error *record_batch(struct batch *batch, int64_t *count)
{
    guint before;
    struct roll_error *err = NULL;

    do {
        roll_error_free(err);
        before = batch->entries->len;
        err = before ? append_batch(batch) : NULL;
    } while (roll_error_code(err) == ROLL_E_CONFLICT && batch->entries->len < before);
    ROLL_TRY(err);
    *count += batch->entries->len;
    return NULL;
}

static gint by_time(gconstpointer a, gconstpointer b)
{
    const struct watch_entry *left = *(const struct watch_entry *const *)a,
                             *right = *(const struct watch_entry *const *)b;

    if (left->at != right->at)
        return left->at < right->at ? -1 : 1;
    return strcmp(left->name, right->name);
}

struct roll_error *watch_adopt_record(struct watch_adopting *adopting, int64_t *ret_count)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    int64_t count = 0;

    for (guint i = 0; i < adopting->entries->len; i++)
        if (watch_is_new(adopting->entries->pdata[i]))
            g_ptr_array_add(all, adopting->entries->pdata[i]);
    g_ptr_array_sort(all, by_time);
    for (guint from = 0; from < all->len; from += BATCH) {
        g_autoptr(GPtrArray) entries = g_ptr_array_new();
        struct batch batch = {adopting, entries};
        for (guint i = from; i < all->len && i < from + BATCH; i++)
            g_ptr_array_add(entries, all->pdata[i]);
        ROLL_TRY(record_batch(&batch, &count));
    }
    *ret_count = count;
    return NULL;
}
