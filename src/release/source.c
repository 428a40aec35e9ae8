/* From git to a template: the tree is clean or that is said, everything is read at one commit, and
 * what would make a redeploy differ is refused or noted. */
#include "release/maker.h"

#include <stdarg.h>
#include <stdlib.h>

#define MAX_FILE_BYTES (16u << 20)
#define MAX_CHANGES 200
#define MAX_VERSION_BYTES 100

/* ---- commit and version ---------------------------------------------------------------------- */

static struct roll_error *check_tree(struct release_maker *maker)
{
    g_autofree char *path = NULL;
    ROLL_TRY(roll_git_dirty(maker->git, &path));
    if (!path)
        return NULL;
    if (!maker->options->allow_dirty)
        return release_error_next(
            roll_error_new(ROLL_E_REFUSED,
                           "the work tree differs from HEAD: '%s'; a release is "
                           "what is committed",
                           path),
            g_strdup("git commit"),
            g_strdup_printf("roll release %s --allow-dirty", maker->plan->service), NULL);
    maker->dirty = g_steal_pointer(&path);
    release_maker_note(maker,
                       "the work tree differs from HEAD ('%s'); what is committed was released",
                       maker->dirty);
    return NULL;
}

bool release_version_is_valid(const char *version)
{
    size_t size = strlen(version);
    if (size == 0 || size > MAX_VERSION_BYTES || version[0] == '-')
        return false;
    for (size_t i = 0; i < size; i++)
        if (!g_ascii_isalnum(version[i]) && !strchr("._-+/", version[i]))
            return false;
    return true;
}

static struct roll_error *find_version(struct release_maker *maker)
{
    const struct roll_release_options *options = maker->options;
    if (options->version)
        maker->version = g_strdup(options->version);
    else if (!options->base) /* a hotfix is called after its base */
        ROLL_TRY(roll_git_version(maker->git, maker->commit.id, &maker->version));
    if (maker->version && !release_version_is_valid(maker->version))
        return roll_error_new(
            ROLL_E_USAGE, "'%s' cannot be a version: letters, digits and ._-+/ only, at most %d",
            maker->version, MAX_VERSION_BYTES);
    return NULL;
}

/* The plan's paths are relative to its repository folder, which may be a folder inside the git
 * repository. */
static char *prefix_in_repository(const struct release_maker *maker)
{
    const char *workdir = roll_git_workdir(maker->git);
    char *root = workdir ? realpath(workdir, NULL) : NULL,
         *folder = realpath(maker->plan->repository, NULL);
    char *prefix = NULL;
    if (root && folder && g_str_has_prefix(folder, root) && folder[strlen(root)] == '/')
        prefix = g_strconcat(folder + strlen(root) + 1, "/", NULL);
    free(root);
    free(folder);
    return prefix ? prefix : g_strdup("");
}

/* Pipelines check out as another user; the line that helps is known. */
static struct roll_error *open_repository(struct release_maker *maker)
{
    struct roll_error *err = roll_git_open(maker->plan->repository, &maker->git);
    if (!err || !err->detail)
        return err;
    roll_auto(json) json_t *detail = NULL;
    roll_error_free(roll_json_parse(err->detail, strlen(err->detail), ROLL_JSON_STRICT, &detail));
    const char *path = roll_json_get_string(detail, "safeDirectory");
    if (!path)
        return err;
    return release_error_next(
        err, g_strdup_printf("git config --global --add safe.directory '%s'", path), NULL);
}

static struct roll_error *find_commit(struct release_maker *maker)
{
    const char *ref = maker->options->ref ? maker->options->ref : "HEAD";
    ROLL_TRY(open_repository(maker));
    maker->git_prefix = prefix_in_repository(maker);
    ROLL_TRY(check_tree(maker));
    ROLL_TRY(roll_git_resolve(maker->git, ref, &maker->commit));
    maker->commit_id = g_strdup(maker->commit.id);
    maker->author = g_strdup(maker->commit.author);
    maker->ref = g_strdup(ref);
    return find_version(maker);
}

/* ---- files ----------------------------------------------------------------------------------- */

struct roll_error *release_source_read(struct release_maker *maker, const char *path,
                                       GString **ret_text)
{
    g_autofree char *inside = g_strconcat(maker->git_prefix, path, NULL);
    struct roll_error *err =
        roll_git_read(maker->git, maker->commit.id, inside, MAX_FILE_BYTES, ret_text);
    return roll_error_wrap(err, "while reading '%s' at commit %.12s", path, maker->commit.id);
}

/* What is linked becomes part of it. */
static struct roll_error *complete_template(struct release_maker *maker)
{
    g_autofree char *path = maker->plan->template_spec
                                ? g_strdup("main.json")
                                : g_strconcat(maker->git_prefix, maker->plan->template_path, NULL);
    g_autoptr(GString) whole = NULL;
    ROLL_TRY(release_inline_links(maker, path, maker->tmpl, &whole));
    if (!whole)
        return NULL;
    roll_template_free(maker->tmpl);
    maker->tmpl = NULL;
    return roll_template_read(whole->str, whole->len, maker->plan->template_path, &maker->tmpl);
}

static struct roll_error *read_template(struct release_maker *maker)
{
    const char *path = maker->plan->template_path;
    g_autoptr(GString) text = NULL;
    if (maker->plan->template_spec)
        ROLL_TRY(release_spec_read(maker, &text));
    else if (g_str_has_suffix(path, ".bicep"))
        ROLL_TRY(release_bicep_compile(maker, &text));
    else
        ROLL_TRY(release_source_read(maker, path, &text));
    ROLL_TRY(roll_error_wrap(roll_template_read(text->str, text->len, path, &maker->tmpl),
                             "while reading '%s' at commit %.12s", path, maker->commit.id));
    ROLL_TRY(complete_template(maker));
    size_t size = 0;
    const char *strict = roll_template_text(maker->tmpl, &size);
    GString *copy = g_string_new_len(strict, (gssize)size);
    maker->template_digest = g_strdup(release_maker_keep_take(maker, copy));
    return NULL;
}

struct roll_error *release_source_open(struct release_maker *maker)
{
    ROLL_TRY(find_commit(maker));
    return read_template(maker);
}

/* ---- changes --------------------------------------------------------------------------------- */

static struct roll_error *take_change(void *user, const struct roll_commit *commit)
{
    json_t *change = json_object();
    json_object_set_new(change, "commit", json_string(commit->id));
    json_object_set_new(change, "subject", json_string(commit->subject ? commit->subject : ""));
    json_array_append_new(user, change);
    return NULL;
}

struct roll_error *release_source_changes(struct release_maker *maker, const char *from)
{
    struct roll_error *err = roll_git_changes(maker->git, from, maker->commit.id, MAX_CHANGES,
                                              take_change, maker->changes);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    release_maker_note(maker,
                       "the previous release's commit %.12s is not in this repository, the changes "
                       "since are not known",
                       from);
    json_array_clear(maker->changes);
    return NULL;
}

/* ---- what a template may not do -------------------------------------------------------------- */

static struct roll_error *check_name_leak(const struct release_maker *maker)
{
    for (guint i = 0; i < maker->plan->environments->len; i++) {
        const struct roll_plan_environment *environment =
            g_ptr_array_index(maker->plan->environments, i);
        for (guint j = 0; j < environment->targets->len; j++) {
            const struct roll_plan_target *target = g_ptr_array_index(environment->targets, j);
            if (!target->deployment_name)
                return roll_error_new(
                    ROLL_E_REFUSED,
                    "'%s' uses deployment().name for more than nested deployments' names, "
                    "so that a redeploy would differ; give target '%s/%s' a "
                    "'deploymentName' in the plan",
                    maker->plan->template_path, environment->name, target->name);
        }
    }
    return NULL;
}

struct roll_error *release_source_check(struct release_maker *maker)
{
    struct roll_template_facts facts = {0};
    ROLL_TRY(roll_template_facts(maker->tmpl, &facts));
    struct roll_error *err = facts.name_leaks ? check_name_leak(maker) : NULL;
    if (facts.uses_deployer)
        release_maker_note(maker,
                           "the template uses deployer(): a redeploy by somebody else differs");
    if (facts.inner_volatile)
        release_maker_note(maker,
                           "a nested template has a default that uses utcNow() or newGuid(), which "
                           "cannot be pinned: a redeploy differs");
    if (facts.links)
        release_maker_note(maker,
                           "the template links to others by address, which are not part of the "
                           "release: Azure reads them when it deploys");
    roll_template_facts_clear(&facts);
    return err;
}
