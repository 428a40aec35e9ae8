/* What a schema cannot say of the plan as a whole: names that must exist elsewhere, names that must
 * not come twice.
 *
 * The value may be wrong in any way (the schema's findings stand beside these), so nothing is taken
 * for granted: jansson's getters answer NULL or nothing for a value of another type. */
#include <string.h>

#include "plan/internal.h"

static void add(const struct roll_document *plan, const char *pointer, const char *kind,
                const char *name, const char *where)
{
    roll_findings_add(plan->findings, pointer, "%s '%s' is not among %s", kind, name, where);
}

/* ---- source and artifacts ------------------------------------------------------------------- */

static void check_source(const struct roll_document *plan)
{
    static const char *const parameters[] = {"environment", "target", NULL};
    static const char *const spec[] = {"version", NULL};
    json_t *source = json_object_get(plan->value, "source");
    roll_plan_check_pattern(plan->findings, "/source/parameters",
                            roll_json_get_string(source, "parameters"), parameters);
    roll_plan_check_pattern(plan->findings, "/source/templateSpec",
                            roll_json_get_string(source, "templateSpec"), spec);
    const char *template_path = roll_json_get_string(source, "template");
    if (template_path && strchr(template_path, '{'))
        roll_findings_add(plan->findings, "/source/template",
                          "expected one template for all targets, without placeholders");
}

static void check_artifacts(const struct roll_document *plan)
{
    static const char *const known[] = {"version", "commit", NULL};
    g_autoptr(GHashTable) owners = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    const char *name;
    json_t *artifact;
    json_object_foreach (json_object_get(plan->value, "artifacts"), name, artifact) {
        g_autofree char *reference = roll_pointer("", "artifacts", name, "name", NULL);
        g_autofree char *tag = roll_pointer("", "artifacts", name, "tag", NULL);
        g_autofree char *taken = roll_pointer("", "artifacts", name, "parameter", NULL);
        roll_plan_check_pattern(plan->findings, reference, roll_json_get_string(artifact, "name"),
                                known);
        roll_plan_check_pattern(plan->findings, tag, roll_json_get_string(artifact, "tag"), known);
        const char *parameter = roll_json_get_string(artifact, "parameter");
        if (!parameter)
            continue;
        char *folded = g_ascii_strdown(parameter, -1); /* ARM's names know no case */
        const char *owner = g_hash_table_lookup(owners, folded);
        if (owner)
            roll_findings_add(plan->findings, taken,
                              "parameter '%s' takes the artifact '%s' already", parameter, owner);
        g_hash_table_insert(owners, folded, (gpointer)(uintptr_t)(owner ? owner : name));
    }
}

static void check_data(const struct roll_document *plan)
{
    json_t *data = json_object_get(plan->value, "data");
    json_int_t version = json_integer_value(json_object_get(data, "version"));
    json_int_t lowest = json_integer_value(json_object_get(data, "floor"));
    if (version > 0 && lowest > version)
        roll_findings_add(plan->findings, "/data/floor",
                          "expected at most the data's version %" JSON_INTEGER_FORMAT
                          ", not %" JSON_INTEGER_FORMAT,
                          version, lowest);
}

/* ---- gates, schedule ------------------------------------------------------------------------ */

static void check_gates(const struct roll_document *plan)
{
    static const char *const known[] = {"service", "environment", "target",
                                        "version", "commit",      NULL};
    static const char *const of_release[] = {"version", "commit", NULL};
    const char *name;
    json_t *gate;
    json_object_foreach (json_object_get(plan->value, "gates"), name, gate) {
        g_autofree char *base = roll_pointer("", "gates", name, "command", NULL);
        size_t at;
        json_t *word;
        json_array_foreach (json_object_get(gate, "command"), at, word) {
            g_autofree char *pointer = roll_pointer_index(base, at);
            roll_plan_check_pattern(plan->findings, pointer, json_string_value(word), known);
        }
        g_autofree char *sarif = roll_pointer("", "gates", name, "sarif", NULL);
        g_autofree char *http = roll_pointer("", "gates", name, "http", NULL);
        roll_plan_check_pattern(plan->findings, sarif, roll_json_get_string(gate, "sarif"),
                                of_release);
        roll_plan_check_pattern(plan->findings, http, roll_json_get_string(gate, "http"), known);
    }
}

static void check_slot(const struct roll_document *plan, const char *base, json_t *slot)
{
    json_t *environments = json_object_get(plan->value, "environments");
    const char *environment = roll_json_get_string(slot, "environment");
    g_autofree char *where = roll_pointer(base, "environment", NULL);
    if (environment && !json_object_get(environments, environment))
        add(plan, where, "environment", environment, "'environments'");
    const char *release = roll_json_get_string(slot, "release");
    g_autofree char *which = roll_pointer(base, "release", NULL);
    if (release && g_str_has_prefix(release, "latest:") &&
        !json_object_get(environments, release + strlen("latest:")))
        add(plan, which, "environment", release + strlen("latest:"), "'environments'");
    g_autofree char *cron = roll_pointer(base, "cron", NULL);
    g_autofree char *zone = roll_pointer(base, "zone", NULL);
    roll_plan_check_cron(plan->findings, cron, roll_json_get_string(slot, "cron"));
    roll_plan_check_zone(plan->findings, zone, roll_json_get_string(slot, "zone"));
}

/* The name of a time is part of its key in the ledger. */
static void check_schedule(const struct roll_document *plan)
{
    g_autoptr(GHashTable) names = g_hash_table_new(g_str_hash, g_str_equal);
    size_t at;
    json_t *slot;
    json_array_foreach (json_object_get(plan->value, "schedule"), at, slot) {
        g_autofree char *base = roll_pointer_index("/schedule", at);
        check_slot(plan, base, slot);
        const char *name = roll_json_get_string(slot, "name");
        g_autofree char *pointer = roll_pointer(base, "name", NULL);
        if (name && !g_hash_table_add(names, (gpointer)(uintptr_t)name))
            roll_findings_add(plan->findings, pointer, "'%s' stands here for the second time",
                              name);
    }
}

/* ---- the order of environments -------------------------------------------------------------- */

static const char *predecessor(json_t *environments, const char *name)
{
    json_t *after = json_object_get(json_object_get(environments, name), "after");
    return roll_json_get_string(after, "environment");
}

/* A circle would refuse every release; it is shown at each environment that stands in it. */
static void check_order(const struct roll_document *plan)
{
    json_t *environments = json_object_get(plan->value, "environments");
    const char *name;
    json_t *environment;
    json_object_foreach (environments, name, environment) {
        g_autofree char *pointer =
            roll_pointer("", "environments", name, "after", "environment", NULL);
        const char *before = predecessor(environments, name);
        if (before && !json_object_get(environments, before))
            add(plan, pointer, "environment", before, "'environments'");
        for (size_t steps = json_object_size(environments);
             before && steps > 0 && strcmp(before, name) != 0; steps--)
            before = predecessor(environments, before);
        if (before && strcmp(before, name) == 0)
            roll_findings_add(plan->findings, pointer, "environment '%s' would come after itself",
                              name);
    }
}

void roll_plan_check(const struct roll_draft *draft)
{
    check_source(draft->plan);
    check_artifacts(draft->plan);
    check_data(draft->plan);
    check_gates(draft->plan);
    check_schedule(draft->plan);
    check_order(draft->plan);
    const char *name;
    json_t *environment;
    json_object_foreach (json_object_get(draft->plan->value, "environments"), name, environment) {
        roll_plan_check_environment(draft, name, environment);
    }
}
