/* A target that was added to the plan after a release was made (--include-new). Its values come
 * from what the release recorded for the environment's other targets and from the target's own
 * parameters in today's plan; where that does not say what a value would have been, it is refused
 * rather than guessed. */
#include "release/chooser.h"

static struct roll_error *refuse(const char *target, const char *version, const char *why,
                                 const char *name)
{
    return roll_error_new(ROLL_E_REFUSED, "'%s' cannot be included in '%s': %s%s%s%s", target,
                          version, why, name ? " '" : "", name ? name : "", name ? "'" : "");
}

static void normal(json_t *parameters, const char *name, json_t *value)
{
    json_t *reference = json_object_get(value, "reference");
    const char *key;
    json_t *unused;
    g_autofree char *spelling = g_strdup(name);
    json_object_foreach (parameters, key, unused) {
        if (g_ascii_strcasecmp(key, name) == 0) {
            g_free(spelling);
            spelling = g_strdup(key);
            break;
        }
    }
    json_t *entry = reference && json_object_size(value) == 1 ? json_incref(value) : json_object();
    if (entry != value)
        json_object_set(entry, "value", value);
    json_object_set_new(parameters, spelling, entry);
}

static bool own_value(const struct roll_plan_target *target, const char *name)
{
    return target && target->parameters && roll_json_get_nocase(target->parameters, name);
}

/* Every value that the siblings disagree on, or that a sibling has as its own (by plan or pin),
 * must be the target's own. */
static struct roll_error *check_sibling(struct release_chooser *chooser, const json_t *manifest,
                                        const struct roll_plan_target *target, const char *sibling,
                                        const json_t *entry, json_t *common)
{
    const char *version = roll_json_get_string(manifest, "version");
    const struct roll_plan_target *planned = roll_plan_target_find(chooser->environment, sibling);
    roll_auto(json) json_t *recorded = NULL;
    ROLL_TRY(roll_ledger_object_json(chooser->history->ledger,
                                     roll_json_get_string(entry, "parameters"), &recorded));
    const json_t *pins = json_object_get(entry, "pins");
    for (size_t i = 0; i < json_array_size(pins); i++) {
        const char *pin = json_string_value(json_array_get(pins, i));
        if (pin && !own_value(target, pin))
            return refuse(target->name, version,
                          "each target was given a value of its own at release time for", pin);
    }
    const char *name;
    json_t *value;
    json_object_foreach (recorded, name, value) {
        const json_t *other = roll_json_get_nocase(common, name);
        if ((own_value(planned, name) || (other && !json_equal(other, value))) &&
            !own_value(target, name))
            return refuse(target->name, version, "the plan gives it no value of its own for", name);
        if (!other)
            json_object_set(common, name, value);
    }
    return NULL;
}

static struct roll_error *common_parameters(struct release_chooser *chooser, const json_t *manifest,
                                            const struct roll_plan_target *target, json_t *common)
{
    const char *version = roll_json_get_string(manifest, "version");
    const GPtrArray *names = NULL;
    ROLL_TRY(release_history_names(chooser->history, version, &names));
    if (!names->len)
        return refuse(target->name, version, "it has no recorded values for this environment",
                      NULL);
    for (guint i = 0; i < names->len; i++) {
        roll_auto(json) json_t *entry = NULL;
        ROLL_TRY(release_history_entry(chooser->history, version, names->pdata[i], &entry));
        ROLL_TRY(check_sibling(chooser, manifest, target, names->pdata[i], entry, common));
    }
    const char *name;
    json_t *value;
    if (target->parameters) {
        json_object_foreach (target->parameters, name, value)
            normal(common, name, value);
    }
    return NULL;
}

struct roll_error *release_include_new(struct release_chooser *chooser, const json_t *manifest,
                                       const char *name, json_t **ret_entry)
{
    const struct roll_plan_target *target = roll_plan_target_find(chooser->environment, name);
    const char *path = chooser->plan->parameters_path;
    if (path && strstr(path, "{target}"))
        return refuse(name, roll_json_get_string(manifest, "version"),
                      "every target has a parameter file of its own", NULL);
    roll_auto(json) json_t *parameters = json_object();
    ROLL_TRY(common_parameters(chooser, manifest, target, parameters));
    json_t *entry = json_object();
    const char *digest =
        release_blobs_add_take(chooser->choice->blobs, release_parameters_write(parameters));
    json_object_set_new(entry, "parameters", json_string(digest));
    json_object_set_new(entry, "scope", release_scope_write(target));
    release_apply_write(target, entry);
    release_chooser_note_target(
        chooser, g_strdup("included by today's plan with the values recorded for its siblings"),
        name);
    *ret_entry = entry;
    return NULL;
}
