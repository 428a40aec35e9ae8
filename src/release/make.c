/* A release from git and plan, or a hotfix from what a release recorded. Nothing is written here:
 * what comes out is what would be appended. */
#include "release/maker.h"

#include <stdarg.h>

/* ---- memory ---------------------------------------------------------------------------------- */

static void free_artifact(gpointer data)
{
    struct release_artifact *artifact = data;
    g_free(artifact->name);
    g_free(artifact->kind);
    g_free(artifact->parameter);
    g_free(artifact->base_name);
    g_free(artifact->tag);
    g_free(artifact->reference);
    g_free(artifact);
}

static struct release_maker *maker_new(const struct roll_plan *plan, struct roll_ledger *ledger,
                                       struct roll_loop *loop,
                                       const struct roll_release_options *options)
{
    struct release_maker *maker = g_new0(struct release_maker, 1);
    maker->plan = plan;
    maker->ledger = ledger;
    maker->loop = loop;
    maker->options = options;
    maker->changes = json_array();
    maker->linked = json_array();
    maker->environments = json_object();
    maker->artifacts = g_ptr_array_new_with_free_func(free_artifact);
    maker->scanner = release_scanner_new();
    maker->blobs = release_blobs_new();
    maker->notes = g_ptr_array_new_with_free_func(g_free);
    return maker;
}

void release_maker_free(struct release_maker *maker)
{
    if (!maker)
        return;
    roll_git_close(maker->git);
    roll_commit_clear(&maker->commit);
    char *texts[] = {maker->git_prefix, maker->commit_id, maker->ref,   maker->author,
                     maker->version,    maker->dirty,     maker->bicep, maker->template_digest};
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        g_free(texts[i]);
    roll_template_free(maker->tmpl);
    json_decref(maker->base);
    json_decref(maker->recorded);
    json_decref(maker->changes);
    json_decref(maker->linked);
    json_decref(maker->environments);
    g_ptr_array_unref(maker->artifacts);
    release_scanner_free(maker->scanner);
    g_ptr_array_unref(maker->blobs);
    g_ptr_array_unref(maker->notes);
    g_free(maker);
}

void release_maker_note(struct release_maker *maker, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    g_autofree char *line = g_strdup_vprintf(format, list);
    va_end(list);
    if (!g_ptr_array_find_with_equal_func(maker->notes, line, g_str_equal, NULL))
        g_ptr_array_add(maker->notes, g_steal_pointer(&line));
}

/* ---- what the ledger has --------------------------------------------------------------------- */

struct known {
    char *version, *manifest, *commit;
    int64_t seq;
};

static void known_clear(struct known *known)
{
    g_free(known->version);
    g_free(known->manifest);
    g_free(known->commit);
}

static struct roll_error *take_known(void *user, const struct roll_release_row *row)
{
    struct known *known = user;
    known_clear(known);
    *known = (struct known){g_strdup(row->version), g_strdup(row->manifest), g_strdup(row->commit),
                            row->seq};
    return NULL;
}

/* known->version stays NULL when the ledger has no such release. */
static struct roll_error *look_up(struct release_maker *maker, const char *version,
                                  struct known *known)
{
    struct roll_error *err =
        roll_ledger_release(maker->ledger, maker->plan->service, version, take_known, known);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

struct predecessor {
    int64_t before; /* the sequence number of the release whose predecessor is wanted, 0: it is not
                       recorded */
    struct known known;
    bool found;
};

static struct roll_error *take_predecessor(void *user, const struct roll_release_row *row)
{
    struct predecessor *predecessor = user;
    if (predecessor->found || (predecessor->before && row->seq >= predecessor->before))
        return NULL;
    predecessor->found = true;
    return take_known(&predecessor->known, row);
}

/* The changes are counted from the base, else from the release made before this one. */
static struct roll_error *list_changes(struct release_maker *maker, int64_t recorded_seq)
{
    struct predecessor predecessor = {.before = recorded_seq};
    struct roll_error *err;
    if (maker->options->base)
        err = look_up(maker, maker->options->base, &predecessor.known);
    else
        err = roll_ledger_releases(maker->ledger, maker->plan->service, take_predecessor,
                                   &predecessor);
    if (!err)
        err = release_source_changes(maker, predecessor.known.commit);
    known_clear(&predecessor.known);
    return err;
}

/* ---- from git -------------------------------------------------------------------------------- */

static struct roll_error *not_descended(const struct release_maker *maker, const char *commit)
{
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "'%s' (commit %.12s) does not descend from the live '%s' (commit %.12s)",
                       maker->ref, maker->commit.id, maker->options->base, commit),
        g_strdup_printf("git checkout -b fix %.12s", commit), NULL);
}

/* A commit that is not in this repository (the live release names an image's) stops no emergency.
 */
static struct roll_error *check_descends(struct release_maker *maker, const char *commit)
{
    bool contains = true;
    struct roll_error *err =
        commit ? roll_git_contains(maker->git, maker->commit.id, commit, &contains) : NULL;
    if (roll_error_code(err) == ROLL_E_NOT_FOUND) {
        roll_error_free(err);
        release_maker_note(maker,
                           "whether it descends from the live %s could not be checked: commit "
                           "%.12s is not in this repository",
                           maker->options->base, commit);
        return NULL;
    }
    ROLL_TRY(err);
    return contains ? NULL : not_descended(maker, commit);
}

static struct roll_error *check_base(struct release_maker *maker)
{
    struct known base = {0};
    struct roll_error *err = roll_ledger_release(maker->ledger, maker->plan->service,
                                                 maker->options->base, take_known, &base);
    if (!err)
        err = check_descends(maker, base.commit);
    known_clear(&base);
    return err;
}

static struct roll_error *each_target(struct release_maker *maker,
                                      const struct roll_plan_environment *environment)
{
    json_t *targets = json_object(), *value = json_object();
    json_object_set_new(value, "targets", targets);
    json_object_set_new(maker->environments, environment->name, value);
    if (environment->steps->len)
        json_object_set_new(value, "steps", release_steps_write(environment->steps));
    for (guint i = 0; i < environment->targets->len; i++) {
        const struct roll_plan_target *target = g_ptr_array_index(environment->targets, i);
        json_t *entry = NULL;
        ROLL_TRY(release_effective_entry(maker, environment, target, &entry));
        json_object_set_new(targets, target->name, entry);
    }
    return NULL;
}

static struct roll_error *gather_from_git(struct release_maker *maker)
{
    ROLL_TRY(release_artifacts_prepare(maker));
    for (guint i = 0; i < maker->plan->environments->len; i++)
        ROLL_TRY(each_target(maker, g_ptr_array_index(maker->plan->environments, i)));
    return NULL;
}

/* ---- from a base ----------------------------------------------------------------------------- */

static struct roll_error *load_base(struct release_maker *maker)
{
    struct known base = {0};
    struct roll_error *err = roll_ledger_release(maker->ledger, maker->plan->service,
                                                 maker->options->base, take_known, &base);
    if (!err)
        err = roll_ledger_object_json(maker->ledger, base.manifest, &maker->base);
    known_clear(&base);
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
    json_t *linked = json_object_get(maker->base, "linked");
    if (linked)
        json_array_extend(maker->linked, linked);
    return NULL;
}

static struct roll_error *gather_from_base(struct release_maker *maker)
{
    ROLL_TRY(release_artifacts_prepare(maker));
    const char *environment, *target;
    json_t *recorded, *entry;
    json_object_foreach (json_object_get(maker->base, "environments"), environment, recorded) {
        json_t *targets = json_object(), *value = json_object();
        json_object_set_new(value, "targets", targets);
        json_object_set_new(maker->environments, environment, value);
        json_t *steps = json_object_get(recorded, "steps");
        if (steps)
            json_object_set(value, "steps", steps);
        json_object_foreach (json_object_get(recorded, "targets"), target, entry) {
            json_t *made = NULL;
            ROLL_TRY(release_effective_from_base(maker, environment, target, entry, &made));
            json_object_set_new(targets, target, made);
        }
    }
    return NULL;
}

/* ---- the same again? ------------------------------------------------------------------------- */

static struct roll_error *taken(const struct release_maker *maker, const char *differs)
{
    return release_error_next(
        roll_error_new(
            ROLL_E_CONFLICT,
            "version '%s' of '%s' was made before with other content (%s); a version is used once",
            maker->version, maker->plan->service, differs),
        g_strdup_printf("roll release %s --version OTHER", maker->plan->service),
        g_strdup_printf("roll show %s@%s", maker->plan->service, maker->version), NULL);
}

static char **take_lines(GPtrArray *lines)
{
    char **copy = g_new0(char *, lines->len + 1);
    for (guint i = 0; i < lines->len; i++)
        copy[i] = g_strdup(g_ptr_array_index(lines, i));
    return copy;
}

/* Consumes manifest. */
static struct roll_error *release_new(struct release_maker *maker, json_t *manifest, bool recorded,
                                      struct roll_release **ret_release)
{
    GString *text = NULL;
    struct roll_error *err = roll_json_canonical(manifest, &text);
    if (err) {
        json_decref(manifest);
        return roll_error_wrap(err, "the manifest of '%s'", maker->version);
    }
    struct roll_release *release = g_new0(struct roll_release, 1);
    release->service = g_strdup(maker->plan->service);
    release->version = g_strdup(maker->version);
    release->manifest = manifest;
    release->recorded = recorded;
    release->notes = take_lines(maker->notes);
    const char *digest = release_blobs_add_take(maker->blobs, text);
    g_strlcpy(release->digest, digest, sizeof release->digest);
    release->blobs = recorded ? release_blobs_new() : g_ptr_array_ref(maker->blobs);
    *ret_release = release;
    return NULL;
}

static struct roll_error *finish(struct release_maker *maker, struct roll_release **ret_release)
{
    json_t *manifest = release_manifest_write(maker);
    if (!maker->recorded)
        return release_new(maker, manifest, false, ret_release);
    g_autofree char *differs = release_manifest_difference(maker->recorded, manifest);
    json_decref(manifest);
    if (*differs)
        return taken(maker, differs);
    return release_new(maker, json_incref(maker->recorded), true, ret_release);
}

/* ---- all together ---------------------------------------------------------------------------- */

static struct roll_error *load_recorded(struct release_maker *maker, int64_t *ret_seq)
{
    struct known known = {0};
    struct roll_error *err = look_up(maker, maker->version, &known);
    if (!err && known.manifest)
        err = roll_ledger_object_json(maker->ledger, known.manifest, &maker->recorded);
    *ret_seq = known.seq;
    known_clear(&known);
    return err;
}

/* The number-th name of a hotfix of the base, and what is recorded under it. */
static struct roll_error *try_name(struct release_maker *maker, int number)
{
    const char *base = maker->options->base, *mark = strstr(base, "-hotfix.");
    g_autofree char *stem = mark ? g_strndup(base, (gsize)(mark - base)) : g_strdup(base);
    int64_t seq;
    g_free(maker->version);
    maker->version = g_strdup_printf("%s-hotfix.%d", stem, number);
    g_clear_pointer(&maker->recorded, json_decref);
    return load_recorded(maker, &seq);
}

/* A hotfix is called BASE-hotfix.N: the first that is free, or that is this very one. */
static struct roll_error *name_by_content(struct release_maker *maker)
{
    for (int number = 1;; number++) {
        ROLL_TRY(try_name(maker, number));
        if (!maker->recorded)
            return NULL;
        roll_auto(json) json_t *manifest = release_manifest_write(maker);
        g_autofree char *differs = release_manifest_difference(maker->recorded, manifest);
        if (!*differs)
            return NULL;
    }
}

/* From git the name must be known first, artifacts may be called after it: the commit tells which
 * one it is. */
static struct roll_error *name_by_commit(struct release_maker *maker)
{
    for (int number = 1;; number++) {
        ROLL_TRY(try_name(maker, number));
        if (!maker->recorded ||
            g_strcmp0(roll_json_get_string(maker->recorded, "commit"), maker->commit_id) == 0)
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
        return release_new(maker, json_incref(maker->base), true, ret_release);
    }
    return roll_error_new(ROLL_E_NOTHING,
                          "'%s' has these artifacts already: the hotfix would change nothing",
                          maker->options->base);
}

static struct roll_error *make_from_base(struct release_maker *maker,
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
        ROLL_TRY(load_recorded(maker, &seq));
    else
        ROLL_TRY(name_by_content(maker));
    return finish(maker, ret_release);
}

static struct roll_error *make_from_git(struct release_maker *maker,
                                        struct roll_release **ret_release)
{
    int64_t seq = 0;
    ROLL_TRY(release_source_open(maker));
    ROLL_TRY(release_source_check(maker));
    if (maker->options->base)
        ROLL_TRY(check_base(maker));
    if (maker->version)
        ROLL_TRY(load_recorded(maker, &seq));
    else
        ROLL_TRY(name_by_commit(maker));
    ROLL_TRY(list_changes(maker, seq));
    ROLL_TRY(gather_from_git(maker));
    return finish(maker, ret_release);
}

struct roll_error *roll_release_make(const struct roll_plan *plan, struct roll_ledger *ledger,
                                     struct roll_loop *loop,
                                     const struct roll_release_options *options,
                                     struct roll_release **ret_release)
{
    if (options->from_base && !options->base)
        return roll_error_new(ROLL_E_USAGE, "a hotfix of what is live needs its version");
    roll_auto(release_maker) struct release_maker *maker = maker_new(plan, ledger, loop, options);
    return options->from_base ? make_from_base(maker, ret_release)
                              : make_from_git(maker, ret_release);
}
