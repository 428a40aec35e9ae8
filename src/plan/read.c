/* From a file to a plan: read, check by the schema, check what it cannot say, load. All findings
 * come at once. */
#include <string.h>

#include "plan/internal.h"

/* plans/shop.json where it lies in a folder plans, else as it was named. */
static char *shown_path(const char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);
    g_autofree char *folder = g_path_get_basename(dir);
    g_autofree char *file = g_path_get_basename(path);
    if (strcmp(folder, "plans") == 0)
        return g_build_filename(folder, file, NULL);
    return g_strdup(path);
}

static void draft_clear(struct roll_draft *draft)
{
    g_clear_pointer(&draft->plan, roll_document_free);
    g_clear_pointer(&draft->fleets, g_hash_table_unref);
}

static void free_document(void *document)
{
    roll_document_free(document);
}

/* What leads elsewhere is a finding already, and is not opened: findings would quote from it. */
static bool stays_below(const char *file)
{
    g_auto(GStrv) segments = g_strsplit(file, "/", -1);
    return *file && !g_path_is_absolute(file) &&
           !g_strv_contains((const char *const *)segments, "..");
}

/* {"file": TEXT} stands for targets; a target that is called "file" is an object. */
static const char *fleet_file(json_t *environment)
{
    const char *file = roll_json_get_string(json_object_get(environment, "targets"), "file");
    return file && stays_below(file) ? file : NULL;
}

json_t *roll_draft_targets(const struct roll_draft *draft, const char *environment,
                           struct roll_document **ret_document, char **ret_pointer)
{
    struct roll_document *fleet = g_hash_table_lookup(draft->fleets, environment);
    json_t *environments = json_object_get(draft->plan->value, "environments");
    json_t *inline_targets = json_object_get(json_object_get(environments, environment), "targets");
    if (ret_document)
        *ret_document = fleet ? fleet : draft->plan;
    if (ret_pointer)
        *ret_pointer =
            fleet ? g_strdup("") : roll_pointer("", "environments", environment, "targets", NULL);
    if (fleet)
        return fleet->value;
    return roll_json_get_string(inline_targets, "file") ? NULL : inline_targets;
}

static struct roll_error *read_fleet(struct roll_draft *draft, struct roll_schema *schema,
                                     const char *environment, const char *file)
{
    g_autofree char *folder = g_path_get_dirname(draft->plan->path);
    g_autofree char *path = g_build_filename(folder, file, NULL);
    g_autofree char *folder_shown = g_path_get_dirname(draft->plan->shown);
    g_autofree char *shown = g_build_filename(folder_shown, file, NULL);
    struct roll_document *fleet = NULL;
    struct roll_error *err = roll_document_read(path, shown, &fleet);
    if (err)
        return roll_error_wrap(err, "while reading the targets of environment '%s'", environment);
    roll_schema_check(schema, "#/$defs/targets", fleet->value, fleet->findings);
    g_hash_table_insert(draft->fleets, g_strdup(environment), fleet);
    return NULL;
}

static struct roll_error *read_fleets(struct roll_draft *draft, struct roll_schema *schema)
{
    const char *name;
    json_t *environment;
    json_object_foreach (json_object_get(draft->plan->value, "environments"), name, environment) {
        const char *file = fleet_file(environment);
        g_autofree char *pointer = roll_pointer("", "environments", name, "targets", "file", NULL);
        if (!file)
            continue;
        roll_auto(error) struct roll_error *err = read_fleet(draft, schema, name, file);
        if (roll_error_code(err) == ROLL_E_NOT_FOUND)
            roll_findings_add(draft->plan->findings, pointer,
                              "expected a file with targets: '%s' does not exist", file);
        else if (err)
            return g_steal_pointer(&err);
    }
    return NULL;
}

static struct roll_error *findings_of(const struct roll_draft *draft)
{
    g_autoptr(GString) text = g_string_new(NULL);
    if (roll_findings_count(draft->plan->findings) > 0)
        roll_findings_write(draft->plan->findings, text);
    const char *name;
    json_t *environment;
    json_object_foreach (json_object_get(draft->plan->value, "environments"), name, environment) {
        struct roll_document *fleet = g_hash_table_lookup(draft->fleets, name);
        if (fleet && roll_findings_count(fleet->findings) > 0)
            roll_findings_write(fleet->findings, text);
    }
    return text->len ? roll_error_new(ROLL_E_PLAN, "%s", text->str) : NULL;
}

static struct roll_error *draft_read(struct roll_plan_checker *checker, const char *path,
                                     struct roll_draft *draft)
{
    g_autofree char *shown = shown_path(path);
    ROLL_TRY(roll_document_read(path, shown, &draft->plan));
    if (!checker->schema)
        checker->schema = roll_schema_new();
    struct roll_schema *schema = checker->schema;
    roll_schema_check(schema, NULL, draft->plan->value, draft->plan->findings);
    ROLL_TRY(read_fleets(draft, schema));
    roll_plan_check(draft);
    return findings_of(draft);
}

struct roll_error *roll_plan_read_with(struct roll_plan_checker *checker, const char *path,
                                       struct roll_plan **ret_plan)
{
    struct roll_draft draft = {
        .fleets = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_document)};
    struct roll_error *err = draft_read(checker, path, &draft);
    if (!err)
        *ret_plan = roll_plan_load(&draft);
    draft_clear(&draft);
    return err;
}

struct roll_error *roll_plan_read(const char *path, struct roll_plan **ret_plan)
{
    struct roll_plan_checker checker = {NULL};
    struct roll_error *err = roll_plan_read_with(&checker, path, ret_plan);
    roll_schema_free(checker.schema);
    return err;
}
