/* The commit that a person names for an image that was built elsewhere: it is recorded for ever and
 * decides later what contains the fix, so that a slip must not get in. */
#include "release/maker.h"

#define MIN_DIGITS 7
#define MAX_DIGITS 40

static bool is_commit_id(const char *typed)
{
    size_t size = strlen(typed);
    return size >= MIN_DIGITS && size <= MAX_DIGITS &&
           strspn(typed, "0123456789abcdefABCDEF") == size;
}

static struct roll_error *resolve(const struct release_maker *maker, const char *typed,
                                  struct roll_commit *ret_commit)
{
    roll_auto(git) struct roll_git *git = NULL;
    ROLL_TRY(roll_git_open(maker->plan->repository, &git));
    return roll_git_resolve(git, typed, ret_commit);
}

/* An image may come from another repository, and a hotfix is made where there is none at all. */
struct roll_error *release_typed_commit(struct release_maker *maker, const char *typed,
                                        char **ret_id)
{
    struct roll_commit commit = {0};
    struct roll_error *err = resolve(maker, typed, &commit);
    if (!err) {
        *ret_id = g_strdup(commit.id);
        roll_commit_clear(&commit);
        return NULL;
    }
    if (!is_commit_id(typed))
        return roll_error_wrap(
            err, "commit '%s' is neither in the repository nor %d to %d hexadecimal digits", typed,
            MIN_DIGITS, MAX_DIGITS);
    roll_error_free(err);
    *ret_id = g_ascii_strdown(typed, -1);
    release_maker_note(maker, "commit %.12s is not in this repository: it is recorded as given",
                       *ret_id);
    return NULL;
}
