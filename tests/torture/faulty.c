/* What makes `roll` into `roll-faulty`: the n-th call of a kind fails, or is the last thing that
 * the process does.
 *
 *   ROLL_TORTURE=KIND:N:HOW   ROLL_TORTURE_HIT=FILE (made when it strikes)
 *
 * KIND: open read write truncate sync delete (of the ledger's files, by SQLite) · any (one of these
 * that change the disk) · file (the program's own open, write, fsync, mkdir) · curl · git · json ·
 * alloc (any allocation) · big (one of 4 KiB or more). HOW: kill (SIGKILL before it), error, full
 * (no space is left from there on), torn (half is written, then the process is killed). Only the
 * process that was started is hindered, not the sandbox that it forks. The linker's --wrap leads
 * the library's calls here; allocations are caught wherever they are made. */
#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <git2.h>
#include <jansson.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torture/fault_vfs.h"

static struct {
    char kind[16], how[16];
    long left; /* calls until it strikes; 0: it has struck, or there is none */
    bool struck;
    pid_t pid;
} fault;

static void mark(void)
{
    const char *path = getenv("ROLL_TORTURE_HIT");
    int fd = path ? open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600) : -1;

    fault.struck = true;
    if (fd >= 0)
        close(fd);
}

static bool is(const char *how)
{
    return strcmp(fault.how, how) == 0;
}

/* Counts a call of this kind; true: it has to fail. */
static bool strikes(const char *kind)
{
    if (fault.left <= 0 || strcmp(fault.kind, kind) != 0 || --fault.left > 0 ||
        getpid() != fault.pid)
        return false;
    mark();
    if (is("kill"))
        raise(SIGKILL);
    return true;
}

/* ---- SQLite's files -------------------------------------------------------------------------- */

static bool is_ledger(const char *path)
{
    return strstr(path, "ledger.db") != NULL;
}

static int disk(void *user, struct disk_op *op)
{
    static const int codes[DISK_ACTS] = {SQLITE_CANTOPEN,    SQLITE_IOERR_READ,
                                         SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE,
                                         SQLITE_IOERR_FSYNC, SQLITE_IOERR_DELETE};
    bool changes = op->act == DISK_WRITE || op->act == DISK_TRUNCATE || op->act == DISK_SYNC ||
                   op->act == DISK_DELETE;

    (void)user;
    if (!is_ledger(op->path) || getpid() != fault.pid)
        return SQLITE_OK;
    if (fault.struck && is("full") && op->act == DISK_WRITE) {
        op->size = 0;
        return SQLITE_FULL;
    }
    if (!strikes(disk_act_names[op->act]) && !(changes && strikes("any")))
        return SQLITE_OK;
    if (op->act == DISK_WRITE)
        op->size = is("torn") ? op->size / 2 : 0;
    if (is("torn")) {
        int fd = open(op->path, O_WRONLY | O_CLOEXEC);
        if (fd >= 0 && op->size > 0 &&
            pwrite(fd, op->data, (size_t)op->size, op->offset) != op->size)
            abort();
        raise(SIGKILL);
    }
    return is("full") && op->act == DISK_WRITE ? SQLITE_FULL : codes[op->act];
}

__attribute__((constructor)) static void begin(void)
{
    const char *spec = getenv("ROLL_TORTURE");
    const char *first = spec ? strchr(spec, ':') : NULL;
    const char *second = first ? strchr(first + 1, ':') : NULL;

    if (!second || (size_t)(first - spec) >= sizeof fault.kind || strlen(second) > sizeof fault.how)
        return;
    memcpy(fault.kind, spec, (size_t)(first - spec));
    memcpy(fault.how, second + 1, strlen(second + 1));
    fault.pid = getpid();
    fault_vfs_install(disk, NULL);
    fault.left = strtol(first + 1, NULL, 10);
}

/* ---- allocations ----------------------------------------------------------------------------- */

#ifndef __SANITIZE_ADDRESS__
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);

static bool no_memory(size_t size)
{
    if (fault.left <= 0 || !(strikes("alloc") || (size >= 4096 && strikes("big"))))
        return false;
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return no_memory(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return no_memory(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return no_memory(size) ? NULL : __libc_realloc(old, size);
}
#endif

/* ---- the program's own files ----------------------------------------------------------------- */

#define WRAP(type, name, parameters)                                                               \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters

static bool no_file(void)
{
    if (!strikes("file"))
        return false;
    errno = is("full") ? ENOSPC : EIO;
    return true;
}

WRAP(int, open, (const char *path, int flags, ...))
{
    mode_t mode = 0;

    if (flags & O_CREAT) {
        va_list values;
        va_start(values, flags);
        mode = va_arg(values, mode_t);
        va_end(values);
    }
    return no_file() ? -1 : __real_open(path, flags, mode);
}

WRAP(ssize_t, write, (int fd, const void *data, size_t size))
{
    return fd > 2 && no_file() ? -1 : __real_write(fd, data, size);
}

WRAP(int, fsync, (int fd))
{
    return no_file() ? -1 : __real_fsync(fd);
}

WRAP(int, mkdir, (const char *path, mode_t mode))
{
    return no_file() ? -1 : __real_mkdir(path, mode);
}

/* ---- libcurl --------------------------------------------------------------------------------- */

WRAP(CURLcode, curl_global_init, (long flags))
{
    return strikes("curl") ? CURLE_OUT_OF_MEMORY : __real_curl_global_init(flags);
}

WRAP(CURL *, curl_easy_init, (void))
{
    return strikes("curl") ? NULL : __real_curl_easy_init();
}

#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt
/* Every option's value fits into a pointer. */
WRAP(CURLcode, curl_easy_setopt, (CURL * easy, CURLoption option, ...))
{
    va_list values;

    va_start(values, option);
    void *value = va_arg(values, void *);
    va_end(values);
    return strikes("curl") ? CURLE_OUT_OF_MEMORY : __real_curl_easy_setopt(easy, option, value);
}

WRAP(CURLcode, curl_easy_getinfo, (CURL * easy, CURLINFO info, ...))
{
    va_list values;

    va_start(values, info);
    void *value = va_arg(values, void *);
    va_end(values);
    return strikes("curl") ? CURLE_UNKNOWN_OPTION : __real_curl_easy_getinfo(easy, info, value);
}

WRAP(CURLM *, curl_multi_init, (void))
{
    return strikes("curl") ? NULL : __real_curl_multi_init();
}

WRAP(CURLMcode, curl_multi_setopt, (CURLM * multi, CURLMoption option, ...))
{
    va_list values;

    va_start(values, option);
    void *value = va_arg(values, void *);
    va_end(values);
    return strikes("curl") ? CURLM_OUT_OF_MEMORY : __real_curl_multi_setopt(multi, option, value);
}

WRAP(CURLMcode, curl_multi_add_handle, (CURLM * multi, CURL *easy))
{
    return strikes("curl") ? CURLM_OUT_OF_MEMORY : __real_curl_multi_add_handle(multi, easy);
}

WRAP(CURLMcode, curl_multi_perform, (CURLM * multi, int *running))
{
    return strikes("curl") ? CURLM_OUT_OF_MEMORY : __real_curl_multi_perform(multi, running);
}

WRAP(CURLMcode, curl_multi_poll,
     (CURLM * multi, struct curl_waitfd *more, unsigned count, int timeout_ms, int *ready))
{
    return strikes("curl") ? CURLM_OUT_OF_MEMORY
                           : __real_curl_multi_poll(multi, more, count, timeout_ms, ready);
}

WRAP(struct curl_slist *, curl_slist_append, (struct curl_slist * list, const char *text))
{
    return strikes("curl") ? NULL : __real_curl_slist_append(list, text);
}

/* ---- jansson --------------------------------------------------------------------------------- */

static bool no_json(json_error_t *error)
{
    if (!strikes("json"))
        return false;
    if (error) {
        memset(error, 0, sizeof *error);
        memcpy(error->text, "the torture", sizeof "the torture");
    }
    return true;
}

WRAP(json_t *, json_loads, (const char *text, size_t flags, json_error_t *error))
{
    return no_json(error) ? NULL : __real_json_loads(text, flags, error);
}

WRAP(json_t *, json_loadb, (const char *text, size_t size, size_t flags, json_error_t *error))
{
    return no_json(error) ? NULL : __real_json_loadb(text, size, flags, error);
}

/* ---- libgit2 --------------------------------------------------------------------------------- */

#define WRAP_GIT(name, parameters, arguments)                                                      \
    WRAP(int, name, parameters)                                                                    \
    {                                                                                              \
        return strikes("git") ? -1 : __real_##name arguments;                                      \
    }

WRAP_GIT(git_libgit2_init, (void), ())
WRAP_GIT(git_repository_open_ext,
         (git_repository * *ret, const char *path, unsigned flags, const char *ceiling),
         (ret, path, flags, ceiling))
WRAP_GIT(git_repository_discover,
         (git_buf * ret, const char *start, int across, const char *ceiling),
         (ret, start, across, ceiling))
WRAP_GIT(git_repository_head_unborn, (git_repository * repository), (repository))
WRAP_GIT(git_repository_odb, (git_odb * *ret, git_repository *repository), (ret, repository))
WRAP_GIT(git_revparse_single, (git_object * *ret, git_repository *repository, const char *text),
         (ret, repository, text))
WRAP_GIT(git_object_peel, (git_object * *ret, const git_object *object, git_object_t type),
         (ret, object, type))
WRAP_GIT(git_object_lookup,
         (git_object * *ret, git_repository *repository, const git_oid *id, git_object_t type),
         (ret, repository, id, type))
WRAP_GIT(git_commit_lookup, (git_commit * *ret, git_repository *repository, const git_oid *id),
         (ret, repository, id))
WRAP_GIT(git_commit_tree, (git_tree * *ret, const git_commit *commit), (ret, commit))
WRAP_GIT(git_commit_parent, (git_commit * *ret, const git_commit *commit, unsigned n),
         (ret, commit, n))
WRAP_GIT(git_tree_entry_bypath, (git_tree_entry * *ret, const git_tree *tree, const char *path),
         (ret, tree, path))
WRAP_GIT(git_blob_lookup, (git_blob * *ret, git_repository *repository, const git_oid *id),
         (ret, repository, id))
WRAP_GIT(git_odb_read_header, (size_t * size, git_object_t *type, git_odb *odb, const git_oid *id),
         (size, type, odb, id))
WRAP_GIT(git_revwalk_new, (git_revwalk * *ret, git_repository *repository), (ret, repository))
WRAP_GIT(git_revwalk_push, (git_revwalk * walk, const git_oid *id), (walk, id))
WRAP_GIT(git_revwalk_hide, (git_revwalk * walk, const git_oid *id), (walk, id))
WRAP_GIT(git_revwalk_next, (git_oid * id, git_revwalk *walk), (id, walk))
WRAP_GIT(git_graph_descendant_of,
         (git_repository * repository, const git_oid *commit, const git_oid *ancestor),
         (repository, commit, ancestor))
WRAP_GIT(git_status_list_new,
         (git_status_list * *ret, git_repository *repository, const git_status_options *options),
         (ret, repository, options))
WRAP_GIT(git_describe_commit,
         (git_describe_result * *ret, git_object *object, git_describe_options *options),
         (ret, object, options))
WRAP_GIT(git_describe_format,
         (git_buf * ret, const git_describe_result *result,
          const git_describe_format_options *options),
         (ret, result, options))
WRAP_GIT(git_tag_foreach, (git_repository * repository, git_tag_foreach_cb callback, void *payload),
         (repository, callback, payload))
WRAP_GIT(git_diff_tree_to_tree,
         (git_diff * *ret, git_repository *repository, git_tree *from, git_tree *to,
          const git_diff_options *options),
         (ret, repository, from, to, options))
WRAP_GIT(git_config_open_default, (git_config * *ret), (ret))
