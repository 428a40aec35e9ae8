/* A hotfix from what a release recorded, with only artifacts changed: neither git nor today's files
 * are needed. */
#include "release/maker.h"

static struct roll_error *load_base(struct release_maker *maker)
{
    struct release_known base = {0};
    struct roll_error *err = release_known_base(maker, &base);
    if (!err)
        err = release_book_read(maker->ledger, base.manifest, NULL, &maker->base_book);
    if (!err) {
        maker->base = json_incref((json_t *)(uintptr_t)release_book_head(maker->base_book));
        maker->base_digest = g_steal_pointer(&base.manifest);
    }
    release_known_clear(&base);
    return err;
}

static struct roll_error *open_base(struct release_maker *maker)
{
    g_autoptr(GString) text = NULL;
    ROLL_TRY(load_base(maker));
    maker->template_digest = g_strdup(roll_json_get_string(maker->base, "template"));
    if (!maker->template_digest)
        return roll_error_new(ROLL_E_INVALID, "release '%s' names no template",
                              maker->options->base);
    ROLL_TRY(roll_ledger_object(maker->ledger, maker->template_digest, &text));
    ROLL_TRY(roll_template_read(text->str, text->len, maker->plan->template_path, &maker->tmpl));
    if (maker->options->commit)
        ROLL_TRY(release_typed_commit(maker, maker->options->commit, &maker->commit_id));
    else
        maker->commit_id = g_strdup(roll_json_get_string(maker->base, "commit"));
    maker->ref = g_strdup(roll_json_get_string(maker->base, "ref"));
    maker->author = g_strdup(roll_json_get_string(maker->base, "author"));
    maker->bicep = g_strdup(roll_json_get_string(maker->base, "bicep"));
    maker->version = g_strdup(maker->options->version);
    maker->spec = json_incref(json_object_get(maker->base, "templateSpec"));
    json_t *linked = json_object_get(maker->base, "linked");
    if (linked)
        json_array_extend(maker->linked, linked);
    return NULL;
}

static struct roll_error *each_target(struct release_maker *maker, const char *environment)
{
    const GPtrArray *names = release_book_names(maker->base_book, environment);
    for (guint i = 0; i < names->len; i++) {
        const char *target = g_ptr_array_index(names, i);
        roll_auto(json) json_t *entry = NULL, *made = NULL;
        ROLL_TRY(release_book_entry(maker->base_book, environment, target, &entry));
        ROLL_TRY(release_effective_from_base(maker, environment, target, entry, &made));
        ROLL_TRY(release_book_add(maker->book, environment, target, made));
    }
    return NULL;
}

static struct roll_error *gather_from_base(struct release_maker *maker)
{
    ROLL_TRY(release_artifacts_prepare(maker));
    const char *environment;
    json_t *recorded;
    json_object_foreach (json_object_get(maker->base, "environments"), environment, recorded) {
        json_t *value = json_object(), *steps = json_object_get(recorded, "steps");
        json_object_set_new(value, "targets", json_object());
        json_object_set_new(maker->environments, environment, value);
        if (steps)
            json_object_set(value, "steps", steps);
        ROLL_TRY(each_target(maker, environment));
    }
    return NULL;
}

/* A hotfix is called BASE-hotfix.N: the first that is free, or that is this very one. */
static struct roll_error *name_by_content(struct release_maker *maker)
{
    for (int number = 1;; number++) {
        ROLL_TRY(release_try_hotfix_name(maker, number));
        if (!maker->recorded)
            return NULL;
        roll_auto(json) json_t *manifest = release_manifest_write(maker);
        g_autofree char *differs = release_manifest_difference(maker, manifest);
        if (!*differs)
            return NULL;
    }
}

static bool same_artifacts(const struct release_maker *maker)
{
    roll_auto(json) json_t *now = release_artifacts_write(maker);
    return json_equal(json_object_get(maker->base, "artifacts"), now);
}

/* What is live is the hotfix that is asked for: it was tried on some targets and now goes to the
 * others. Which of them lack it is the choice's to say. */
static bool is_base_again(const struct release_maker *maker)
{
    const struct roll_release_options *options = maker->options;
    return roll_json_get_string(maker->base, "base") &&
           (!options->version || strcmp(options->version, options->base) == 0) &&
           g_strcmp0(maker->commit_id, roll_json_get_string(maker->base, "commit")) == 0;
}

static struct roll_error *base_again(struct release_maker *maker, struct roll_release **ret_release)
{
    if (is_base_again(maker)) {
        g_free(maker->version);
        maker->version = g_strdup(maker->options->base);
        *ret_release = release_as_recorded(maker, maker->base, maker->base_digest);
        return NULL;
    }
    return roll_error_new(ROLL_E_NOTHING,
                          "'%s' has these artifacts already: the hotfix would change nothing",
                          maker->options->base);
}

struct roll_error *release_make_from_base(struct release_maker *maker,
                                          struct roll_release **ret_release)
{
    int64_t seq;
    ROLL_TRY(open_base(maker));
    if (maker->version && !release_version_is_valid(maker->version))
        return roll_error_new(ROLL_E_USAGE, "'%s' cannot be a version", maker->version);
    ROLL_TRY(gather_from_base(maker));
    if (same_artifacts(maker))
        return base_again(maker, ret_release);
    if (maker->version)
        ROLL_TRY(release_load_recorded(maker, &seq));
    else
        ROLL_TRY(name_by_content(maker));
    return release_finish(maker, ret_release);
}
