/* Reading from a git repository at a commit, through libgit2 (initialised at first use: it costs 5 to 8 ms).
 *
 * Nothing is ever written. Errors are ROLL_E_GIT; a missing ref, commit or path is ROLL_E_NOT_FOUND. Another user's
 * checkout is recognised first: ROLL_E_REFUSED, its detail {"safeDirectory": PATH}. */
#ifndef ROLLBOOK_GIT_H
#define ROLLBOOK_GIT_H

#include <glib.h>

#include "rollbook/error.h"

struct roll_git;

/* Finds the repository of path upwards. */
struct roll_error *roll_git_open(const char *path, struct roll_git **ret_git) ROLL_CHECKED;
void roll_git_close(struct roll_git *git);
ROLL_AUTO_DEFINE(git, struct roll_git, roll_git_close)
const char *roll_git_workdir(const struct roll_git *git); /* borrowed, ends with '/', NULL when bare */

struct roll_commit {
    char id[41];
    char *author;  /* Name <email>, owned */
    char *subject; /* first line of the message, owned */
    int64_t at;    /* committer time, UTC ms */
};
void roll_commit_clear(struct roll_commit *commit);

/* Anything that git rev-parse takes for a commit: branch, tag, HEAD~2, abbreviated id. */
struct roll_error *roll_git_resolve(struct roll_git *git, const char *ref, struct roll_commit *ret_commit) ROLL_CHECKED;

/* A file's bytes at a commit. path is relative to the repository's root, '/' separated, without '..'; symbolic links
 * inside the repository are followed up to 8 times (ROLL_E_LIMIT), never out of it (ROLL_E_INVALID, as a path that is
 * absolute or holds '..'). At most max_bytes (ROLL_E_LIMIT). Submodules are not read. */
struct roll_error *roll_git_read(struct roll_git *git, const char *commit, const char *path, size_t max_bytes, GString **ret_data) ROLL_CHECKED;

/* Whether the work tree or index differs from HEAD (untracked files do not count, submodules neither). *ret_path: one
 * such path, owned, or NULL. */
struct roll_error *roll_git_dirty(struct roll_git *git, char **ret_path) ROLL_CHECKED;

/* The commit's tag without a leading v (an annotated one first), else `git describe --tags --always`. Owned. */
struct roll_error *roll_git_version(struct roll_git *git, const char *commit, char **ret_version) ROLL_CHECKED;

/* Is ancestor contained in commit (equal counts)? A commit that is not in this repository: ROLL_E_NOT_FOUND. A shallow
 * clone whose history ends before an answer: ROLL_E_GIT, never a guess. */
struct roll_error *roll_git_contains(struct roll_git *git, const char *commit, const char *ancestor, bool *ret_contained) ROLL_CHECKED;

/* Commits reachable from `to` and not from `from` (NULL: all), newest first, at most limit. */
struct roll_error *roll_git_changes(struct roll_git *git, const char *from, const char *to, int limit,
                                    struct roll_error *(*fn)(void *user, const struct roll_commit *commit), void *user) ROLL_CHECKED;

/* Whether some commit of descendant has the same patch-id as commit (a cherry-pick of it). Searches what descendant has
 * and commit has not, at most 1,000 commits. Paths and modes must be equal too, and binary files byte by byte. True when
 * descendant contains commit; a merge or an empty commit has no patch of its own. */
struct roll_error *roll_git_has_patch(struct roll_git *git, const char *descendant, const char *commit, bool *ret_has) ROLL_CHECKED;

#endif
