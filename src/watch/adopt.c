/* Adoption: what ARM still has of an environment that was deployed by others, or by a ledger that
 * is lost. */
#include "watch/adopt.h"

#include <string.h>

#include "rollbook/time.h"

static const char *const classes[] = {
    [WATCH_OWN] = "own",           [WATCH_KNOWN] = "known",        [WATCH_RUNNING] = "running",
    [WATCH_NESTED] = "nested",     [WATCH_POLICY] = "policy",      [WATCH_OTHER] = "own-other",
    [WATCH_EVIDENCE] = "evidence", [WATCH_RECOVERED] = "recovered"};

static void template_free(void *data)
{
    struct watch_template *tmpl = data;

    roll_template_free(tmpl->tmpl);
    if (tmpl->text)
        g_string_free(tmpl->text, TRUE);
    g_free(tmpl->why);
    g_free(tmpl);
}

static json_t *show(const struct watch_entry *entry)
{
    char at[ROLL_TIME_SIZE];

    roll_time_format(entry->at, at);
    json_t *shown =
        json_pack("{s:s,s:s,s:s,s:s*,s:s,s:s,s:s*,s:O*,s:s*,s:s*}", "name", entry->name, "target",
                  entry->target->name, "at", at, "state", entry->state, "class",
                  classes[entry->class], "series", entry->series, "release", entry->release, "by",
                  entry->who, "correlationId", entry->correlation, "stack", entry->stack);
    if (entry->forged)
        json_object_set_new(shown, "forged", json_true());
    if (entry->accepted)
        json_object_set_new(shown, "accepted", json_integer(entry->accepted));
    if (json_array_size(entry->lacks) > 0)
        json_object_set(shown, "lacks", entry->lacks);
    return shown;
}

static json_t *report_of(const struct watch_adopting *adopting, int64_t recorded)
{
    const struct roll_adopt_options *options = adopting->options;
    json_t *deployments = json_array();
    char at[ROLL_TIME_SIZE];

    roll_time_format(roll_now_ms(), at);
    for (guint i = 0; i < adopting->entries->len; i++)
        json_array_append_new(deployments, show(adopting->entries->pdata[i]));
    return json_pack("{s:s,s:s,s:s,s:b,s:I,s:O,s:o,s:[]}", "service", options->plan->service,
                     "environment", options->environment->name, "checkedAt", at, "dryRun",
                     options->dry_run, "recorded", (json_int_t)recorded, "targets",
                     adopting->targets, "deployments", deployments, "recovered");
}

/* Nothing to accept is no news where something else was done. */
static struct roll_error *accept(const struct watch_adopting *adopting, json_t *report)
{
    json_t *accepted = NULL;
    struct roll_error *err = watch_accept_name(adopting, &accepted);
    bool did = json_integer_value(json_object_get(report, "recorded")) > 0 ||
               json_array_size(json_object_get(report, "recovered")) > 0;

    if (roll_error_code(err) == ROLL_E_NOTHING && did) {
        accepted = json_pack("{s:s,s:[],s:[],s:s}", "name", adopting->options->accept, "targets",
                             "live", "note", err->message);
        roll_error_free(err);
        err = NULL;
    }
    ROLL_TRY(err);
    json_object_set_new(report, "accepted", accepted);
    return NULL;
}

static struct roll_error *adopt(struct watch_adopting *adopting, json_t **ret_report)
{
    const struct roll_adopt_options *options = adopting->options;
    roll_auto(json) json_t *report = NULL;
    int64_t recorded = 0;

    ROLL_TRY(watch_adopt_read(adopting));
    ROLL_TRY(watch_adopt_export(adopting));
    if (!options->dry_run)
        ROLL_TRY(watch_adopt_record(adopting, &recorded));
    report = report_of(adopting, recorded);
    ROLL_TRY(options->dry_run ? watch_recover_forecast(adopting, report)
                              : watch_recover(adopting, report));
    if (!options->dry_run && options->accept)
        ROLL_TRY(accept(adopting, report));
    *ret_report = g_steal_pointer(&report);
    return NULL;
}

struct roll_error *roll_adopt(const struct roll_adopt_options *options, json_t **ret_report)
{
    struct watch_adopting adopting = {
        .options = options,
        .stream = g_strdup_printf("%s/%s", options->plan->service, options->environment->name),
        .places = g_ptr_array_new_with_free_func(watch_place_free),
        .entries = g_ptr_array_new_with_free_func(watch_entry_free),
        .templates = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, template_free),
        .targets = json_array(),
        .sent = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        .gaps = g_hash_table_new(g_str_hash, g_str_equal)};
    struct roll_error *err = adopt(&adopting, ret_report);

    g_free(adopting.stream);
    g_ptr_array_unref(adopting.entries);
    g_ptr_array_unref(adopting.places);
    g_hash_table_unref(adopting.templates);
    json_decref(adopting.targets);
    g_hash_table_unref(adopting.sent);
    g_hash_table_unref(adopting.gaps);
    return err;
}
