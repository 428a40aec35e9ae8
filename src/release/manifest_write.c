/* The manifest as it is recorded, and what makes two manifests the same release. */
#include "release/maker.h"

/* ---- the manifest ---------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *name, const char *text)
{
    if (text)
        json_object_set_new(object, name, json_string(text));
}

static void set_data(const struct release_maker *maker, json_t *manifest)
{
    json_t *inherited = json_object_get(maker->base, "data");
    if (inherited)
        json_object_set(manifest, "data", inherited);
    if (inherited || !maker->plan->data_version)
        return;
    json_t *data = json_object();
    json_object_set_new(data, "version", json_integer(maker->plan->data_version));
    json_object_set_new(data, "floor", json_integer(maker->plan->data_floor));
    json_object_set_new(manifest, "data", data);
}

static json_t *sticky_of(const struct release_maker *maker)
{
    json_t *inherited = json_object_get(maker->base, "sticky");
    if (inherited)
        return json_incref(inherited);
    json_t *sticky = json_array();
    for (size_t i = 0; maker->plan->sticky && maker->plan->sticky[i]; i++)
        json_array_append_new(sticky, json_string(maker->plan->sticky[i]));
    return sticky;
}

json_t *release_manifest_write(const struct release_maker *maker)
{
    json_t *manifest = json_object();
    char hash[21];
    roll_template_hash(maker->tmpl, hash);
    set_text(manifest, "service", maker->plan->service);
    set_text(manifest, "version", maker->version);
    set_text(manifest, "commit", maker->commit_id);
    set_text(manifest, "ref", maker->ref);
    set_text(manifest, "author", maker->author);
    set_text(manifest, "base", maker->options->base);
    set_text(manifest, "bicep", maker->bicep);
    set_text(manifest, "template", maker->template_digest);
    set_text(manifest, "templateHash", hash);
    if (maker->spec)
        json_object_set(manifest, "templateSpec", maker->spec);
    if (maker->dirty)
        json_object_set_new(manifest, "dirty", json_true());
    json_object_set(manifest, "changes", maker->changes);
    json_object_set(manifest, "linked", maker->linked);
    json_object_set_new(manifest, "artifacts", release_artifacts_write(maker));
    release_artifacts_write_tags(maker, manifest);
    set_data(maker, manifest);
    json_object_set_new(manifest, "sticky", sticky_of(maker));
    json_object_set(manifest, "environments", maker->environments);
    return manifest;
}

/* ---- the same again? ------------------------------------------------------------------------- */

/* How a release came to be is recorded, but does not make it another one. */
static const char *const circumstances[] = {"ref",   "author", "changes", "dirty",
                                            "bicep", "tags",   "seen"};

/* Names of the members in which two manifests differ, "" when they are the same release. Owned. */
char *release_manifest_difference(const struct release_maker *maker, const json_t *manifest)
{
    roll_auto(json) json_t *left = json_copy(maker->recorded),
                           *right = json_copy((json_t *)(uintptr_t)manifest);
    for (size_t i = 0; i < G_N_ELEMENTS(circumstances); i++) {
        json_object_del(left, circumstances[i]);
        json_object_del(right, circumstances[i]);
    }
    g_autoptr(GPtrArray) names = g_ptr_array_new();
    const char *name;
    json_t *value;
    json_object_foreach (left, name, value)
        if (!json_equal(value, json_object_get(right, name)) ||
            (strcmp(name, "environments") == 0 &&
             !release_book_equals(maker->recorded_book, maker->book)))
            g_ptr_array_add(names, (gpointer)(uintptr_t)name);
    json_object_foreach (right, name, value)
        if (!json_object_get(left, name))
            g_ptr_array_add(names, (gpointer)(uintptr_t)name);
    return names->len ? release_join_names(names, 10) : g_strdup("");
}
