/* The effective parameters of one target: parameter file, then the target's own, artifacts, pins.
 * They are checked and the template is expanded with them once, so that what ARM would refuse is
 * refused before anything is recorded. */
#include "release/chooser.h"
#include "release/maker.h"

/* ---- gathering ------------------------------------------------------------------------------- */

/* The template's own spelling of a parameter's name, so that layers meet without regard to case. */
static const char *spelled(const struct release_maker *maker, const char *name)
{
    const struct roll_template_parameter *declared =
        roll_template_parameter_find(maker->tmpl, name);
    return declared ? declared->name : name;
}

static struct roll_error *add_file(struct release_maker *maker, const char *environment,
                                   const char *target, json_t *parameters)
{
    g_autofree char *path = NULL;
    g_autoptr(GString) text = NULL;
    roll_auto(json) json_t *file = NULL;
    if (!maker->plan->parameters_path)
        return NULL;
    ROLL_TRY(roll_plan_fill(maker->plan->parameters_path, &path, "environment", environment,
                            "target", target, "service", maker->plan->service, NULL));
    ROLL_TRY(release_source_read(maker, path, &text));
    ROLL_TRY(roll_parameters_read(text->str, text->len, path, &file));
    const char *name;
    json_t *entry;
    json_object_foreach (file, name, entry)
        json_object_set(parameters, spelled(maker, name), entry);
    return NULL;
}

/* In the plan a value stands bare, a reference as in a parameter file. */
static void add_own(const struct release_maker *maker, json_t *own, json_t *parameters)
{
    const char *name;
    json_t *value;
    if (!own)
        return;
    json_object_foreach (own, name, value) {
        bool reference =
            json_object_size(value) == 1 && json_is_object(json_object_get(value, "reference"));
        json_t *entry = reference ? json_incref(value) : json_object();
        if (!reference)
            json_object_set(entry, "value", value);
        json_object_set_new(parameters, spelled(maker, name), entry);
    }
}

/* ---- pins ------------------------------------------------------------------------------------ */

/* New reference, or NULL. */
static struct roll_error *recorded_entry(const struct release_maker *maker, const char *environment,
                                         const char *target, json_t **ret_entry)
{
    *ret_entry = NULL;
    return maker->recorded_book
               ? release_book_entry(maker->recorded_book, environment, target, ret_entry)
               : NULL;
}

/* Values that were drawn when the same release was made before. New reference, or NULL. */
static struct roll_error *recorded_pins(struct release_maker *maker, const json_t *entry,
                                        json_t **ret_pins)
{
    const json_t *names = json_object_get(entry, "pins");
    *ret_pins = NULL;
    if (!json_array_size(names))
        return NULL;
    roll_auto(json) json_t *before = NULL;
    ROLL_TRY(
        roll_ledger_object_json(maker->ledger, roll_json_get_string(entry, "parameters"), &before));
    json_t *pins = json_object();
    for (size_t i = 0; i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));
        json_t *value = json_object_get(json_object_get(before, name), "value");
        if (value)
            json_object_set(pins, name, value);
    }
    *ret_pins = pins;
    return NULL;
}

/* A secure parameter is never pinned: its value would be a secret in the ledger. */
static void add_pins(struct release_maker *maker, json_t *drawn, const json_t *before,
                     json_t *parameters, json_t *names)
{
    const char *name;
    json_t *value;
    json_object_foreach (drawn, name, value) {
        const struct roll_template_parameter *declared =
            roll_template_parameter_find(maker->tmpl, name);
        if (declared && declared->secure) {
            release_maker_note(
                maker, "the secure parameter '%s' gets another value at every deployment", name);
            continue;
        }
        json_t *known = json_object_get(before, name);
        json_t *entry = json_object();
        json_object_set(entry, "value", known ? known : value);
        json_object_set_new(parameters, name, entry);
        json_array_append_new(names, json_string(name));
    }
}

static struct roll_error *pin(struct release_maker *maker, const struct roll_order_target *place,
                              const json_t *before_entry, json_t *parameters, json_t *names)
{
    const struct roll_template_input input = {.context = release_context(place),
                                              .parameters = parameters};
    roll_auto(json) json_t *drawn = NULL, *before = NULL;
    ROLL_TRY(roll_template_pins(maker->tmpl, &input, &drawn));
    ROLL_TRY(recorded_pins(maker, before_entry, &before));
    add_pins(maker, drawn, before, parameters, names);
    return NULL;
}

/* ---- proof ----------------------------------------------------------------------------------- */

static struct roll_error *expand(struct release_maker *maker, const struct roll_order_target *place,
                                 const json_t *parameters)
{
    const struct roll_template_input input = {.context = release_context(place),
                                              .parameters = parameters};
    roll_auto(expansion) struct roll_expansion *expansion = NULL;
    return roll_template_expand(maker->tmpl, &input, &expansion);
}

static struct roll_error *check_scope(const struct release_maker *maker, const char *where,
                                      enum roll_scope_kind scope)
{
    enum roll_scope_kind wanted = roll_template_scope(maker->tmpl);
    if (wanted == scope)
        return NULL;
    return roll_error_new(ROLL_E_TEMPLATE,
                          "target '%s' is a %s, the template's $schema is for a %s", where,
                          release_scope_names[scope], release_scope_names[wanted]);
}

/* ---- the entry ------------------------------------------------------------------------------- */

/* [{"name","vault","secret","version"?}]: what readiness asks Key Vault about. New reference. */
static json_t *secrets_of(struct release_maker *maker, json_t *parameters)
{
    json_t *secrets = json_array();
    const char *name;
    json_t *entry;
    json_object_foreach (parameters, name, entry) {
        const json_t *reference = json_object_get(entry, "reference");
        const char *vault = roll_json_get_string(json_object_get(reference, "keyVault"), "id");
        const char *secret = roll_json_get_string(reference, "secretName");
        const char *version = roll_json_get_string(reference, "secretVersion");
        if (!vault || !secret)
            continue;
        json_t *value = json_object();
        json_object_set_new(value, "name", json_string(name));
        json_object_set_new(value, "vault", json_string(vault));
        json_object_set_new(value, "secret", json_string(secret));
        if (version)
            json_object_set_new(value, "version", json_string(version));
        else
            release_seen_secret(maker, vault, secret);
        json_array_append_new(secrets, value);
    }
    return secrets;
}

/* how: members that say how it is applied; consumed, as is scope. */
static json_t *entry_write(struct release_maker *maker, json_t *scope, json_t *how,
                           json_t *parameters, json_t *pins)
{
    json_t *entry = json_object();
    const char *digest = release_maker_keep_take(maker, release_parameters_write(parameters));
    json_object_set_new(entry, "parameters", json_string(digest));
    json_object_set_new(entry, "scope", scope);
    json_object_update(entry, how);
    json_decref(how);
    json_object_set(entry, "pins", pins);
    json_object_set_new(entry, "secrets", secrets_of(maker, parameters));
    return entry;
}

/* A target's place, borrowed from the plan's target. */
static struct roll_order_target place_of(const struct roll_plan_target *target)
{
    return (struct roll_order_target){
        .name = target->name,
        .scope = target->scope,
        .tenant = target->tenant,
        .subscription = target->subscription,
        .resource_group = target->resource_group,
        .management_group = target->management_group,
        .location = target->location,
        .deployment_name = target->deployment_name,
    };
}

struct roll_error *release_effective_entry(struct release_maker *maker,
                                           const struct roll_plan_environment *environment,
                                           const struct roll_plan_target *target,
                                           json_t **ret_entry)
{
    g_autofree char *where = g_strconcat(environment->name, "/", target->name, NULL);
    roll_auto(json) json_t *parameters = json_object(), *pins = json_array();
    const struct roll_order_target place = place_of(target);
    ROLL_TRY(check_scope(maker, where, target->scope));
    ROLL_TRY(roll_error_wrap(add_file(maker, environment->name, target->name, parameters),
                             "while preparing target '%s'", where));
    add_own(maker, target->parameters, parameters);
    ROLL_TRY(release_artifacts_apply(maker, where, parameters));
    ROLL_TRY(release_check_parameters(maker, where, parameters));
    roll_auto(json) json_t *before = NULL;
    ROLL_TRY(recorded_entry(maker, environment->name, target->name, &before));
    ROLL_TRY(roll_error_wrap(pin(maker, &place, before, parameters, pins),
                             "while preparing target '%s'", where));
    ROLL_TRY(
        roll_error_wrap(expand(maker, &place, parameters), "while preparing target '%s'", where));
    json_t *how = json_object();
    release_apply_write(target, how);
    *ret_entry = entry_write(maker, release_scope_write(target), how, parameters, pins);
    return NULL;
}

/* ---- from a base ----------------------------------------------------------------------------- */

/* Everything but the artifacts was checked when the base was made; expanding finds a reference of
 * the wrong type, and a typed one that carries a signature is refused with the others. */
struct roll_error *release_effective_from_base(struct release_maker *maker, const char *environment,
                                               const char *name, const json_t *base,
                                               json_t **ret_entry)
{
    g_autofree char *where = g_strconcat(environment, "/", name, NULL);
    struct roll_order_target *place = NULL;
    roll_auto(json) json_t *parameters = NULL;
    const char *digest = roll_json_get_string(base, "parameters");
    if (!digest)
        return roll_error_new(ROLL_E_INVALID, "target '%s' of '%s' has no parameters", where,
                              maker->options->base);
    ROLL_TRY(roll_ledger_object_json(maker->ledger, digest, &parameters));
    ROLL_TRY(release_artifacts_apply(maker, where, parameters));
    ROLL_TRY(release_manifest_order_target(maker->base, "", environment, name, base,
                                           ROLL_LANE_HOTFIX, &place));
    struct roll_error *err =
        roll_error_wrap(expand(maker, place, parameters), "while preparing target '%s'", where);
    release_order_target_free(place);
    ROLL_TRY(err);
    json_t *pins = json_object_get(base, "pins");
    json_t *how = json_object();
    release_apply_copy(base, how);
    *ret_entry =
        entry_write(maker, json_deep_copy(json_object_get(base, "scope")), how, parameters, pins);
    return NULL;
}
