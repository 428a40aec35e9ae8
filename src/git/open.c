/* Opening a repository.
 *
 * libgit2 is initialised here and shut down by the close that matches (it counts): programs that
 * never open a repository never pay for it. Whose checkout it is is decided before libgit2 opens
 * it, so that the answer is ours and the same with every version of the library; its own check,
 * which knows fewer cases than git's, is then switched off. */
#include "git/internal.h"

#if LIBGIT2_VER_MAJOR > 1 || LIBGIT2_VER_MINOR > 4 ||                                              \
    (LIBGIT2_VER_MINOR == 4 && LIBGIT2_VER_REVISION >= 3)
#define HAVE_OWNER_VALIDATION 1
#endif

struct roll_error *roll_git_failed(int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    const git_error *last = git_error_last();
    enum roll_code code = status == GIT_ENOTFOUND ? ROLL_E_NOT_FOUND : ROLL_E_GIT;
    if (!last || !last->message)
        return roll_error_new(code, "%s (libgit2 status %d)", text, status);
    return roll_error_new(code, "%s: %s", text, last->message);
}

static struct roll_error *open_checked(const char *path, git_repository **ret_repository)
{
    __attribute__((cleanup(roll_git_buf_auto))) git_buf git_dir = {0};
    int status = git_repository_discover(&git_dir, path, 0, NULL);
    if (status == GIT_ENOTFOUND)
        return roll_error_detail(
            roll_error_new(ROLL_E_NOT_FOUND, "'%s' is not in a git repository", path),
            "{\"next\":[\"git init && git add -A && git commit   a release is read from a "
            "commit\"]}");
    if (status < 0)
        return roll_git_failed(status, "no git repository can be found from '%s'", path);
    ROLL_TRY(roll_git_check_owner(path, git_dir.ptr));
#ifdef HAVE_OWNER_VALIDATION
    git_libgit2_opts(GIT_OPT_SET_OWNER_VALIDATION, 0);
#endif
    status = git_repository_open_ext(ret_repository, path, 0, NULL);
    if (status < 0)
        return roll_git_failed(status, "the git repository of '%s' cannot be opened", path);
    return NULL;
}

struct roll_error *roll_git_open(const char *path, struct roll_git **ret_git)
{
    int status = git_libgit2_init();
    if (status < 0)
        return roll_error_new(ROLL_E_GIT, "libgit2 cannot be initialised (status %d)", status);
    git_repository *repository = NULL;
    struct roll_error *err = open_checked(path, &repository);
    if (err) {
        git_libgit2_shutdown();
        return err;
    }
    struct roll_git *git = g_new0(struct roll_git, 1);
    git->repository = repository;
    *ret_git = git;
    return NULL;
}

void roll_git_close(struct roll_git *git)
{
    if (!git)
        return;
    git_repository_free(git->repository);
    git_libgit2_shutdown();
    g_free(git);
}

const char *roll_git_workdir(const struct roll_git *git)
{
    return git_repository_workdir(git->repository);
}
