/* What the files of git share: the open repository, libgit2's errors as ours, its objects as
 * owners. */
#ifndef ROLLBOOK_GIT_INTERNAL_H
#define ROLLBOOK_GIT_INTERNAL_H

#include <git2.h>

#include "rollbook/git.h"

struct roll_git {
    git_repository *repository; /* owned */
};

static inline void roll_git_buf_auto(git_buf *buf)
{
    git_buf_dispose(buf);
}
ROLL_AUTO_DEFINE(git_repository, git_repository, git_repository_free)
ROLL_AUTO_DEFINE(git_config, git_config, git_config_free)
ROLL_AUTO_DEFINE(git_config_iterator, git_config_iterator, git_config_iterator_free)
ROLL_AUTO_DEFINE(git_object, git_object, git_object_free)
ROLL_AUTO_DEFINE(git_commit, git_commit, git_commit_free)
ROLL_AUTO_DEFINE(git_tree, git_tree, git_tree_free)
ROLL_AUTO_DEFINE(git_tree_entry, git_tree_entry, git_tree_entry_free)
ROLL_AUTO_DEFINE(git_blob, git_blob, git_blob_free)
ROLL_AUTO_DEFINE(git_odb, git_odb, git_odb_free)
ROLL_AUTO_DEFINE(git_tag, git_tag, git_tag_free)
ROLL_AUTO_DEFINE(git_revwalk, git_revwalk, git_revwalk_free)
ROLL_AUTO_DEFINE(git_diff, git_diff, git_diff_free)
ROLL_AUTO_DEFINE(git_status_list, git_status_list, git_status_list_free)
ROLL_AUTO_DEFINE(git_describe_result, git_describe_result, git_describe_result_free)

/* ROLL_E_GIT (ROLL_E_NOT_FOUND when libgit2 says so): the text, then libgit2's own words. */
struct roll_error *roll_git_failed(int status, const char *format, ...) ROLL_PRINTF(2, 3)
    ROLL_CHECKED;

/* REFUSED when the repository of `path` is another user's checkout and safe.directory does not name
 * it. git_dir is what git_repository_discover found. Reads nothing of the repository. */
struct roll_error *roll_git_check_owner(const char *path, const char *git_dir) ROLL_CHECKED;

/* The commit that a revision names. */
struct roll_error *roll_git_lookup(struct roll_git *git, const char *ref, git_commit **ret_commit)
    ROLL_CHECKED;

/* A walk from `to` that leaves out what `hide` (or NULL) reaches, newest first. */
struct roll_error *roll_git_walk(struct roll_git *git, const git_oid *to, const git_oid *hide,
                                 git_revwalk **ret_walk) ROLL_CHECKED;

/* ret_contained: is ancestor equal to commit or reachable from it? */
struct roll_error *roll_git_reaches(struct roll_git *git, const git_commit *commit,
                                    const git_commit *ancestor, bool *ret_contained) ROLL_CHECKED;

#endif
