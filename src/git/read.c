/* A file's bytes at a commit, found component by component: symbolic links are followed by us,
 * since libgit2 does not, and never out of the repository. */
#include <string.h>

#include "git/internal.h"
#include "rollbook/json.h"

#define MAX_LINKS 8
#define MAX_LINK_BYTES 4096

struct finder {
    struct roll_git *git;
    const git_tree *root;
    const char *commit;  /* as asked, for messages */
    const char *path;    /* as asked, for messages */
    GPtrArray *resolved; /* components that are known to be folders */
    GQueue *pending;     /* components still to be walked, owned */
    int links;
};

static void finder_clear(struct finder *finder)
{
    g_ptr_array_unref(finder->resolved);
    g_queue_free_full(finder->pending, g_free);
}

/* Puts the components of path before what is pending. */
static void prepend(struct finder *finder, const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    for (guint at = g_strv_length(parts); at-- > 0;)
        if (*parts[at] && strcmp(parts[at], ".") != 0)
            g_queue_push_head(finder->pending, g_strdup(parts[at]));
}

static char *join(const struct finder *finder, const char *name)
{
    g_autoptr(GString) path = g_string_new(NULL);
    for (guint at = 0; at < finder->resolved->len; at++)
        g_string_append_printf(path, "%s/", (char *)finder->resolved->pdata[at]);
    g_string_append(path, name);
    return g_string_free(g_steal_pointer(&path), FALSE);
}

static struct roll_error *leaves(const struct finder *finder)
{
    return roll_error_new(ROLL_E_INVALID, "'%s' leads out of the git repository", finder->path);
}

/* A file that is there and was not committed is the beginner's case. */
static struct roll_error *missing(const struct finder *finder, const char *reason)
{
    struct roll_error *err = roll_error_new(ROLL_E_NOT_FOUND, "'%s' %s at commit '%s'",
                                            finder->path, reason, finder->commit);
    const char *workdir = git_repository_workdir(finder->git->repository);
    g_autofree char *file = workdir ? g_build_filename(workdir, finder->path, NULL) : NULL;

    if (!file || !g_file_test(file, G_FILE_TEST_IS_REGULAR))
        return err;
    g_autofree char *quoted = g_shell_quote(finder->path);
    roll_auto(json) json_t *detail =
        json_pack("{s:[o]}", "next", json_sprintf("git add %s && git commit", quoted));
    g_autoptr(GString) text = g_string_new(NULL);
    roll_json_write(detail, text);
    return roll_error_detail(err, text->str);
}

/* Size first: a blob is not loaded to find out that it is too large. */
static struct roll_error *load(struct finder *finder, const git_oid *id, size_t max_bytes,
                               git_blob **ret_blob)
{
    roll_auto(git_odb) git_odb *odb = NULL;
    int status = git_repository_odb(&odb, finder->git->repository);
    size_t size = 0;
    git_object_t type = GIT_OBJECT_INVALID;
    if (status == 0)
        status = git_odb_read_header(&size, &type, odb, id);
    if (status == 0 && size > max_bytes)
        return roll_error_new(ROLL_E_LIMIT, "'%s' has %zu bytes, at most %zu are read",
                              finder->path, size, max_bytes);
    if (status == 0)
        status = git_blob_lookup(ret_blob, finder->git->repository, id);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "'%s' cannot be read from the git repository",
                               finder->path);
    return NULL;
}

static struct roll_error *follow_link(struct finder *finder, const git_oid *id)
{
    if (++finder->links > MAX_LINKS)
        return roll_error_new(ROLL_E_LIMIT, "'%s' passes more than %d symbolic links", finder->path,
                              MAX_LINKS);
    roll_auto(git_blob) git_blob *blob = NULL;
    ROLL_TRY(load(finder, id, MAX_LINK_BYTES, &blob));
    g_autofree char *target = g_strndup(git_blob_rawcontent(blob), (gsize)git_blob_rawsize(blob));
    if (*target == '/')
        return leaves(finder);
    prepend(finder, target);
    return NULL;
}

/* One component: a folder is entered, a link replaced by what it says, a file must be the last and
 * ends the search. */
static struct roll_error *step(struct finder *finder, git_oid *ret_file, bool *ret_found)
{
    g_autofree char *name = g_queue_pop_head(finder->pending);
    if (strcmp(name, "..") == 0) {
        if (finder->resolved->len == 0)
            return leaves(finder);
        g_ptr_array_set_size(finder->resolved, (gint)finder->resolved->len - 1);
        return NULL;
    }
    g_autofree char *path = join(finder, name);
    roll_auto(git_tree_entry) git_tree_entry *entry = NULL;
    int status = git_tree_entry_bypath(&entry, finder->root, path);
    if (status == GIT_ENOTFOUND)
        return missing(finder, "does not exist");
    if (status < 0)
        return roll_git_failed(status, "'%s' cannot be read from the git repository", finder->path);
    git_filemode_t mode = git_tree_entry_filemode(entry);
    if (mode == GIT_FILEMODE_LINK)
        return follow_link(finder, git_tree_entry_id(entry));
    if (mode == GIT_FILEMODE_COMMIT)
        return missing(finder, "lies in a submodule, which is not read,");
    if (mode == GIT_FILEMODE_TREE) {
        g_ptr_array_add(finder->resolved, g_steal_pointer(&name));
        return NULL;
    }
    if (!g_queue_is_empty(finder->pending))
        return missing(finder, "does not exist");
    git_oid_cpy(ret_file, git_tree_entry_id(entry));
    *ret_found = true;
    return NULL;
}

static struct roll_error *find(struct finder *finder, git_oid *ret_file)
{
    bool found = false;
    while (!found) {
        if (g_queue_is_empty(finder->pending))
            return missing(finder, "is a folder");
        ROLL_TRY(step(finder, ret_file, &found));
    }
    return NULL;
}

static struct roll_error *check_path(const char *path)
{
    if (*path == '/')
        return roll_error_new(ROLL_E_INVALID,
                              "'%s' is absolute; files of a release are named relative to the git "
                              "repository",
                              path);
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    if (g_strv_contains((const char *const *)parts, ".."))
        return roll_error_new(ROLL_E_INVALID,
                              "'%s' holds '..'; files of a release lie in the git "
                              "repository",
                              path);
    return NULL;
}

struct roll_error *roll_git_read(struct roll_git *git, const char *commit, const char *path,
                                 size_t max_bytes, GString **ret_data)
{
    ROLL_TRY(check_path(path));
    roll_auto(git_commit) git_commit *found = NULL;
    ROLL_TRY(roll_git_lookup(git, commit, &found));
    roll_auto(git_tree) git_tree *root = NULL;
    int status = git_commit_tree(&root, found);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "the tree of commit '%s' cannot be read", commit);
    struct finder finder = {
        git, root, commit, path, g_ptr_array_new_with_free_func(g_free), g_queue_new(), 0};
    prepend(&finder, path);
    git_oid id;
    roll_auto(git_blob) git_blob *blob = NULL;
    struct roll_error *err = find(&finder, &id);
    if (!err)
        err = load(&finder, &id, max_bytes, &blob);
    finder_clear(&finder);
    ROLL_TRY(err);
    *ret_data = g_string_new_len(git_blob_rawcontent(blob), (gssize)git_blob_rawsize(blob));
    return NULL;
}
