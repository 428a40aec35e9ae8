/* A git repository for the tests of release, made with libgit2 apart from any configuration. */
#ifndef ROLLBOOK_TESTS_RELEASE_GIT_H
#define ROLLBOOK_TESTS_RELEASE_GIT_H

#include <git2.h>
#include <glib/gstdio.h>

#include "ledger_tools.h"

#define GIT_OK(expression)                                                                         \
    do {                                                                                           \
        int git_status = (expression);                                                             \
        ck_assert_msg(git_status == 0, "%s: %d %s", #expression, git_status,                       \
                      git_error_last() ? git_error_last()->message : "");                          \
    } while (0)

struct repo {
    char *root; /* owned */
    git_repository *git;
    git_time_t now;
};

struct commit_id {
    char text[41];
};

/* Below folder. */
static inline struct repo repo_make(const char *folder)
{
    struct repo repo = {.root = g_build_filename(folder, "checkout", NULL), .now = 1700000000};
    ck_assert_int_gt(git_libgit2_init(), 0);
    for (int level = GIT_CONFIG_LEVEL_SYSTEM; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
        GIT_OK(git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, folder));
    GIT_OK(git_repository_init(&repo.git, repo.root, 0));
    return repo;
}

static inline void repo_close(struct repo *repo)
{
    git_repository_free(repo->git);
    git_libgit2_shutdown();
    g_free(repo->root);
}

static inline void repo_put(struct repo *repo, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(repo->root, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

/* Commits every file of the folder with this parent (NULL: none) and checks nothing out; HEAD
 * points to it. */
static inline struct commit_id repo_commit_on(struct repo *repo, const char *message,
                                              const char *parent)
{
    git_index *index = NULL;
    GIT_OK(git_repository_index(&index, repo->git));
    GIT_OK(git_index_add_all(index, NULL, 0, NULL, NULL));
    git_oid tree_id, id, parent_id;
    GIT_OK(git_index_write_tree(&tree_id, index));
    GIT_OK(git_index_write(index));
    git_index_free(index);
    git_tree *tree = NULL;
    GIT_OK(git_tree_lookup(&tree, repo->git, &tree_id));
    git_commit *before = NULL;
    if (parent) {
        GIT_OK(git_oid_fromstr(&parent_id, parent));
        GIT_OK(git_commit_lookup(&before, repo->git, &parent_id));
    }
    git_signature *who = NULL;
    GIT_OK(git_signature_new(&who, "Ada", "ada@example.com", repo->now++, 0));
    const git_commit *parents[] = {before};
    GIT_OK(git_commit_create(&id, repo->git, NULL, who, who, NULL, message, tree, parent ? 1 : 0,
                             parents));
    git_signature_free(who);
    git_commit_free(before);
    git_tree_free(tree);
    GIT_OK(git_repository_set_head_detached(repo->git, &id));
    struct commit_id text;
    git_oid_tostr(text.text, sizeof text.text, &id);
    return text;
}

/* One file changed, on top of parent. */
static inline struct commit_id repo_change(struct repo *repo, const char *name, const char *text,
                                           const struct commit_id *parent)
{
    repo_put(repo, name, text);
    return repo_commit_on(repo, name, parent ? parent->text : NULL);
}

static inline void repo_tag(struct repo *repo, const char *name, const struct commit_id *commit)
{
    git_oid id;
    git_object *object = NULL;
    GIT_OK(git_oid_fromstr(&id, commit->text));
    GIT_OK(git_object_lookup(&object, repo->git, &id, GIT_OBJECT_COMMIT));
    GIT_OK(git_tag_create_lightweight(&id, repo->git, name, object, 0));
    git_object_free(object);
}

#endif
