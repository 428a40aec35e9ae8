/* Cherry-picks: does some commit bring the same change as another one?
 *
 * git's patch-id alone is not enough evidence here: it ignores modes, and libgit2's reads a line
 * only up to its first NUL. So paths, kinds of change and modes must be equal too, and files that
 * hold NUL must become the same. Paths are compared first, since that needs no file to be read;
 * files marked binary by attributes are compared as the text that they are. */
#include <string.h>

#include "git/internal.h"

#define MAX_SEARCHED 1000

/* The change against the first parent; *ret_diff NULL for a merge, which brings none of its own. */
static struct roll_error *change_of(struct roll_git *git, const git_commit *commit,
                                    git_diff **ret_diff)
{
    if (git_commit_parentcount(commit) > 1)
        return NULL;
    roll_auto(git_commit) git_commit *parent = NULL;
    roll_auto(git_tree) git_tree *before = NULL;
    roll_auto(git_tree) git_tree *after = NULL;
    int status = git_commit_tree(&after, commit);
    if (status == 0 && git_commit_parentcount(commit) == 1)
        status = git_commit_parent(&parent, commit, 0);
    if (status == 0 && parent)
        status = git_commit_tree(&before, parent);
    git_diff_options options = GIT_DIFF_OPTIONS_INIT;
    options.flags = GIT_DIFF_FORCE_TEXT;
    git_diff *diff = NULL;
    if (status == 0)
        status = git_diff_tree_to_tree(&diff, git->repository, before, after, &options);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "the change of a commit cannot be read");
    *ret_diff = diff;
    return NULL;
}

static bool same_files(git_diff *a, git_diff *b)
{
    size_t count = git_diff_num_deltas(a);
    if (count != git_diff_num_deltas(b))
        return false;
    for (size_t at = 0; at < count; at++) {
        const git_diff_delta *x = git_diff_get_delta(a, at);
        const git_diff_delta *y = git_diff_get_delta(b, at);
        if (x->status != y->status || x->old_file.mode != y->old_file.mode ||
            x->new_file.mode != y->new_file.mode ||
            strcmp(x->old_file.path, y->old_file.path) != 0 ||
            strcmp(x->new_file.path, y->new_file.path) != 0)
            return false;
    }
    return true;
}

/* A blob that is absent (added, deleted) holds nothing. */
static struct roll_error *holds_nul(struct roll_git *git, const git_oid *id, bool *ret_holds)
{
    if (git_oid_is_zero(id))
        return NULL;
    roll_auto(git_blob) git_blob *blob = NULL;
    int status = git_blob_lookup(&blob, git->repository, id);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "a changed file cannot be read");
    *ret_holds = memchr(git_blob_rawcontent(blob), '\0', (size_t)git_blob_rawsize(blob));
    return NULL;
}

/* Both have the same patch-id: are the files that it cannot judge the same afterwards? */
static struct roll_error *same_binaries(struct roll_git *git, git_diff *a, git_diff *b,
                                        bool *ret_same)
{
    for (size_t at = 0; at < git_diff_num_deltas(a); at++) {
        const git_diff_delta *x = git_diff_get_delta(a, at);
        const git_diff_delta *y = git_diff_get_delta(b, at);
        if (git_oid_equal(&x->new_file.id, &y->new_file.id) ||
            x->new_file.mode == GIT_FILEMODE_COMMIT || x->old_file.mode == GIT_FILEMODE_COMMIT)
            continue;
        const git_oid *const files[] = {&x->old_file.id, &x->new_file.id, &y->old_file.id,
                                        &y->new_file.id};
        bool binary = false;
        for (size_t file = 0; file < G_N_ELEMENTS(files) && !binary; file++)
            ROLL_TRY(holds_nul(git, files[file], &binary));
        if (binary)
            return NULL;
    }
    *ret_same = true;
    return NULL;
}

static struct roll_error *patch_id(git_diff *diff, git_oid *ret_id)
{
    int status = git_diff_patchid(ret_id, diff, NULL);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "the patch of a commit cannot be read");
    return NULL;
}

static struct roll_error *is_same_change(struct roll_git *git, const git_oid *candidate,
                                         git_diff *wanted, const git_oid *wanted_id, bool *ret_same)
{
    roll_auto(git_commit) git_commit *commit = NULL;
    int status = git_commit_lookup(&commit, git->repository, candidate);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "a commit cannot be read");
    roll_auto(git_diff) git_diff *diff = NULL;
    ROLL_TRY(change_of(git, commit, &diff));
    if (!diff || !same_files(diff, wanted))
        return NULL;
    git_oid id;
    ROLL_TRY(patch_id(diff, &id));
    if (!git_oid_equal(&id, wanted_id))
        return NULL;
    return same_binaries(git, diff, wanted, ret_same);
}

static struct roll_error *search(struct roll_git *git, git_revwalk *walk, git_diff *wanted,
                                 bool *ret_has)
{
    git_oid wanted_id;
    ROLL_TRY(patch_id(wanted, &wanted_id));
    git_oid id;
    bool same = false;
    for (int seen = 0; seen < MAX_SEARCHED && !same; seen++) {
        int status = git_revwalk_next(&id, walk);
        if (status == GIT_ITEROVER)
            break;
        if (status < 0)
            return roll_git_failed(GIT_ERROR, "the git history cannot be walked");
        ROLL_TRY(is_same_change(git, &id, wanted, &wanted_id, &same));
    }
    *ret_has = same;
    return NULL;
}

struct roll_error *roll_git_has_patch(struct roll_git *git, const char *descendant,
                                      const char *commit, bool *ret_has)
{
    roll_auto(git_commit) git_commit *newer = NULL;
    roll_auto(git_commit) git_commit *wanted = NULL;
    ROLL_TRY(roll_git_lookup(git, descendant, &newer));
    ROLL_TRY(roll_git_lookup(git, commit, &wanted));
    bool contained = false;
    ROLL_TRY(roll_git_reaches(git, newer, wanted, &contained));
    roll_auto(git_diff) git_diff *change = NULL;
    if (!contained)
        ROLL_TRY(change_of(git, wanted, &change));
    if (contained || !change || git_diff_num_deltas(change) == 0) {
        *ret_has = contained;
        return NULL;
    }
    roll_auto(git_revwalk) git_revwalk *walk = NULL;
    ROLL_TRY(roll_git_walk(git, git_commit_id(newer), git_commit_id(wanted), &walk));
    return search(git, walk, change, ret_has);
}
