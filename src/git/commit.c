/* Commits: what a revision names, what contains what, what lies between two. */
#include <string.h>

#include "git/internal.h"

void roll_commit_clear(struct roll_commit *commit)
{
    g_clear_pointer(&commit->author, g_free);
    g_clear_pointer(&commit->subject, g_free);
}

/* Old commits carry names in any encoding; what leaves here goes into JSON. */
static char *valid_text(const char *text)
{
    return g_utf8_make_valid(text ? text : "", -1);
}

/* Fills ret_commit from a commit. */
static void describe(const git_commit *commit, struct roll_commit *ret_commit)
{
    git_oid_tostr(ret_commit->id, sizeof(ret_commit->id), git_commit_id(commit));
    const git_signature *author = git_commit_author(commit);
    g_autofree char *name = valid_text(author ? author->name : NULL);
    g_autofree char *email = valid_text(author ? author->email : NULL);
    ret_commit->author = g_strdup_printf("%s <%s>", name, email);
    const char *message = git_commit_message(commit);
    g_autofree char *line = message ? g_strndup(message, strcspn(message, "\r\n")) : g_strdup("");
    ret_commit->subject = valid_text(g_strchomp(line));
    ret_commit->at = (int64_t)git_commit_time(commit) * 1000;
}

static bool names_nothing(int status)
{
    return status == GIT_ENOTFOUND || status == GIT_EINVALIDSPEC || status == GIT_EPEEL ||
           status == GIT_EUNBORNBRANCH;
}

struct roll_error *roll_git_lookup(struct roll_git *git, const char *ref, git_commit **ret_commit)
{
    roll_auto(git_object) git_object *found = NULL;
    int status = git_revparse_single(&found, git->repository, ref);
    git_object *commit = NULL;
    if (status == 0)
        status = git_object_peel(&commit, found, GIT_OBJECT_COMMIT);
    if (names_nothing(status) && git_repository_head_unborn(git->repository) == 1)
        return roll_error_detail(
            roll_error_new(ROLL_E_NOT_FOUND,
                           "'%s' names no commit: the branch of the git repository has no "
                           "commit yet",
                           ref),
            "{\"next\":[\"git add -A && git commit\"]}");
    if (names_nothing(status))
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s' names no commit of the git repository", ref);
    if (status == GIT_EAMBIGUOUS)
        return roll_error_new(ROLL_E_GIT, "'%s' names more than one git object", ref);
    if (status < 0)
        return roll_git_failed(status, "'%s' cannot be read from the git repository", ref);
    *ret_commit = (git_commit *)commit;
    return NULL;
}

struct roll_error *roll_git_resolve(struct roll_git *git, const char *ref,
                                    struct roll_commit *ret_commit)
{
    roll_auto(git_commit) git_commit *commit = NULL;
    ROLL_TRY(roll_git_lookup(git, ref, &commit));
    describe(commit, ret_commit);
    return NULL;
}

/* History that ends early is the usual case in pipelines (depth 1); guessing "not contained" would
 * be an untruth. */
static struct roll_error *history_failed(struct roll_git *git, int status)
{
    if (git_repository_is_shallow(git->repository) == 1)
        return roll_error_new(ROLL_E_GIT,
                              "the git repository is a shallow clone whose history ends too early");
    return roll_git_failed(status == GIT_ENOTFOUND ? GIT_ERROR : status,
                           "the git history cannot be walked");
}

struct roll_error *roll_git_reaches(struct roll_git *git, const git_commit *commit,
                                    const git_commit *ancestor, bool *ret_contained)
{
    const git_oid *id = git_commit_id(commit);
    const git_oid *ancestor_id = git_commit_id(ancestor);
    if (git_oid_equal(id, ancestor_id)) {
        *ret_contained = true;
        return NULL;
    }
    int status = git_graph_descendant_of(git->repository, id, ancestor_id);
    if (status < 0)
        return history_failed(git, status);
    if (status == 0 && git_repository_is_shallow(git->repository) == 1)
        return history_failed(git, status);
    *ret_contained = status == 1;
    return NULL;
}

struct roll_error *roll_git_contains(struct roll_git *git, const char *commit, const char *ancestor,
                                     bool *ret_contained)
{
    roll_auto(git_commit) git_commit *newer = NULL;
    roll_auto(git_commit) git_commit *older = NULL;
    ROLL_TRY(roll_git_lookup(git, commit, &newer));
    ROLL_TRY(roll_git_lookup(git, ancestor, &older));
    return roll_git_reaches(git, newer, older, ret_contained);
}

struct roll_error *roll_git_walk(struct roll_git *git, const git_oid *to, const git_oid *hide,
                                 git_revwalk **ret_walk)
{
    roll_auto(git_revwalk) git_revwalk *walk = NULL;
    int status = git_revwalk_new(&walk, git->repository);
    if (status == 0)
        status = git_revwalk_sorting(walk, GIT_SORT_TOPOLOGICAL | GIT_SORT_TIME);
    if (status == 0)
        status = git_revwalk_push(walk, to);
    if (status == 0 && hide)
        status = git_revwalk_hide(walk, hide);
    if (status < 0)
        return history_failed(git, status);
    *ret_walk = g_steal_pointer(&walk);
    return NULL;
}

struct roll_error *
roll_git_changes(struct roll_git *git, const char *from, const char *to, int limit,
                 struct roll_error *(*fn)(void *user, const struct roll_commit *commit), void *user)
{
    roll_auto(git_commit) git_commit *newest = NULL;
    roll_auto(git_commit) git_commit *known = NULL;
    ROLL_TRY(roll_git_lookup(git, to, &newest));
    if (from)
        ROLL_TRY(roll_git_lookup(git, from, &known));
    roll_auto(git_revwalk) git_revwalk *walk = NULL;
    ROLL_TRY(roll_git_walk(git, git_commit_id(newest), known ? git_commit_id(known) : NULL, &walk));
    git_oid id;
    for (int seen = 0; seen < limit; seen++) {
        int status = git_revwalk_next(&id, walk);
        if (status == GIT_ITEROVER)
            return NULL;
        roll_auto(git_commit) git_commit *commit = NULL;
        if (status == 0)
            status = git_commit_lookup(&commit, git->repository, &id);
        if (status < 0)
            return history_failed(git, status);
        struct roll_commit described = {0};
        describe(commit, &described);
        struct roll_error *err = fn(user, &described);
        roll_commit_clear(&described);
        ROLL_TRY(err);
    }
    return NULL;
}
