/* Parameters that a rollback does not send as recorded: sticky ones keep what the target runs with
 * now, and on request secrets are sent without their recorded version. Both make a new object;
 * nothing else of the recorded values changes. */
#include "release/chooser.h"

/* ---- which names are sticky ------------------------------------------------------------------ */

static void add_names(json_t *names, const json_t *manifest)
{
    const json_t *sticky = json_object_get(manifest, "sticky");
    for (size_t i = 0; i < json_array_size(sticky); i++) {
        const char *name = json_string_value(json_array_get(sticky, i));
        if (name && !roll_json_get_nocase(names, name))
            json_object_set_new(names, name, json_true());
    }
}

/* The release that is left may have made a parameter sticky that the goal did not know to be. */
static struct roll_error *sticky_names(struct release_chooser *chooser, const json_t *manifest,
                                       const struct release_held *held, json_t **ret_names)
{
    roll_auto(json) json_t *names = json_object();
    add_names(names, manifest);
    if (held->accepted_release) {
        const json_t *accepted = NULL;
        ROLL_TRY(release_history_manifest(chooser->history, held->accepted_release, &accepted));
        add_names(names, accepted);
    }
    *ret_names = g_steal_pointer(&names);
    return NULL;
}

/* ---- what the target runs with --------------------------------------------------------------- */

/* The parameters of the last step that ARM accepted on the target; NULL when the order does not
 * name it. New reference. */
static struct roll_error *accepted_parameters(struct release_chooser *chooser,
                                              const struct release_held *held,
                                              json_t **ret_parameters)
{
    const struct roll_order_target *sent = NULL;
    ROLL_TRY(
        release_history_order_target(chooser->history, held->accepted_rollout, held->name, &sent));
    *ret_parameters = NULL;
    if (!sent)
        return NULL;
    return roll_ledger_object_json(chooser->history->ledger, sent->parameters_digest,
                                   ret_parameters);
}

/* The spelling that the goal's parameters have for the name. */
static const char *key_of(json_t *parameters, const char *name)
{
    const char *key;
    json_t *unused;
    json_object_foreach (parameters, key, unused)
        if (g_ascii_strcasecmp(key, name) == 0)
            return key;
    return name;
}

/* Why the older template would not take the value, or NULL. */
static struct roll_error *refused_by(const struct roll_template *tmpl, const char *name,
                                     const json_t *entry)
{
    if (!roll_template_parameter_find(tmpl, name))
        return roll_error_new(ROLL_E_TEMPLATE, "it does not declare it");
    const json_t *value = json_object_get(entry, "value");
    return value ? roll_template_parameter_check(tmpl, name, value) : NULL;
}

struct sticky_work {
    struct release_chooser *chooser;
    const struct roll_order_target *target;
    struct roll_template *tmpl; /* owned; read only when a value differs */
    json_t *parameters;         /* of the goal; changed */
    bool changed;
};

static struct roll_error *keep(struct sticky_work *work, const char *name, json_t *accepted)
{
    const json_t *recorded = roll_json_get_nocase(work->parameters, name);
    if (!accepted || (recorded && json_equal(recorded, accepted)))
        return NULL;
    if (!work->tmpl) {
        g_autoptr(GString) text = NULL;
        ROLL_TRY(roll_ledger_object(work->chooser->history->ledger, work->target->template_digest,
                                    &text));
        ROLL_TRY(roll_template_read(text->str, text->len, NULL, &work->tmpl));
    }
    roll_auto(error) struct roll_error *why = refused_by(work->tmpl, name, accepted);
    if (why) {
        release_chooser_note_target(
            work->chooser,
            g_strdup_printf("sticky parameter '%s' is left out, %s would not take "
                            "its value: %s",
                            name, work->target->release, why->message),
            work->target->name);
        return NULL;
    }
    g_autofree char *key = g_strdup(key_of(work->parameters, name));
    json_object_set(work->parameters, key, accepted);
    work->changed = true;
    release_chooser_note_target(
        work->chooser, g_strdup_printf("sticky parameter '%s' keeps its value (--no-sticky)", name),
        work->target->name);
    return NULL;
}

static struct roll_error *keep_all(struct sticky_work *work, const struct release_held *held,
                                   json_t *names)
{
    roll_auto(json) json_t *accepted = NULL;
    ROLL_TRY(accepted_parameters(work->chooser, held, &accepted));
    const char *name;
    json_t *unused;
    json_object_foreach (names, name, unused)
        ROLL_TRY(keep(work, name, roll_json_get_nocase(accepted, name)));
    return NULL;
}

/* ---- secrets --------------------------------------------------------------------------------- */

static bool drop_secret_versions(json_t *parameters)
{
    bool changed = false;
    const char *name;
    json_t *entry;
    json_object_foreach (parameters, name, entry) {
        json_t *reference = json_object_get(entry, "reference");
        if (json_object_get(reference, "secretVersion")) {
            json_object_del(reference, "secretVersion");
            changed = true;
        }
    }
    return changed;
}

/* ---- both ------------------------------------------------------------------------------------ */

static struct roll_error *apply(struct release_chooser *chooser, json_t *names,
                                const struct release_held *held, struct roll_order_target *target)
{
    roll_auto(json) json_t *parameters = NULL;
    ROLL_TRY(release_object_json(chooser->history->ledger, chooser->choice->blobs,
                                 target->parameters_digest, &parameters));
    struct sticky_work work = {.chooser = chooser, .target = target, .parameters = parameters};
    struct roll_error *err = names ? keep_all(&work, held, names) : NULL;
    roll_template_free(work.tmpl);
    ROLL_TRY(err);
    if (chooser->options->secrets_current && drop_secret_versions(parameters)) {
        work.changed = true;
        release_chooser_note_target(
            chooser, g_strdup("Key Vault secrets are sent without their recorded version"),
            target->name);
    }
    if (!work.changed)
        return NULL;
    const char *digest =
        release_blobs_add_take(chooser->choice->blobs, release_parameters_write(parameters));
    g_free(target->parameters_digest);
    target->parameters_digest = g_strdup(digest);
    return NULL;
}

struct roll_error *release_sticky_apply(struct release_chooser *chooser, const json_t *manifest,
                                        struct roll_order_target *target)
{
    const struct release_held *held = release_history_held(chooser->history, target->name);
    roll_auto(json) json_t *names = NULL;
    if (chooser->lane == ROLL_LANE_ROLLBACK && !chooser->options->no_sticky && held &&
        held->accepted_rollout)
        ROLL_TRY(sticky_names(chooser, manifest, held, &names));
    bool sticky = names && json_object_size(names);
    if (!sticky && !chooser->options->secrets_current)
        return NULL;
    return apply(chooser, sticky ? names : NULL, held, target);
}
