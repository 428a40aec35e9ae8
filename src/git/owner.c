/* Whose checkout is it? git refuses another user's repository unless safe.directory in the user's
 * own configuration (never the repository's) names it: its configuration could otherwise act for
 * the one who only looks. The rule is that of git-config(1), safe.directory: folder, .git and its
 * target must belong to us; root may also use the checkout of the user who called sudo; `*` takes
 * all, `/folder/` followed by `*` all below, an empty value forgets the ones before. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "git/internal.h"
#include "rollbook/json.h"

/* A path that cannot be examined is not ours. */
static bool owned(const char *path)
{
    struct stat info;
    if (lstat(path, &info) != 0)
        return false;
    uid_t self = geteuid();
    if (info.st_uid == self)
        return true;
    const char *sudo = self == 0 ? g_getenv("SUDO_UID") : NULL;
    guint64 uid = 0;
    return sudo && g_ascii_string_to_unsigned(sudo, 10, 0, UINT32_MAX, &uid, NULL) &&
           info.st_uid == (uid_t)uid;
}

/* The folder that git names in its refusal: the nearest one upwards with a .git, else (bare) the
 * repository itself. */
static char *checkout_of(const char *path, const char *git_dir, char **ret_link)
{
    g_autofree char *start = realpath(path, NULL);
    for (g_autofree char *folder = g_strdup(start ? start : path); folder;) {
        g_autofree char *link = g_build_filename(folder, ".git", NULL);
        struct stat info;
        if (lstat(link, &info) == 0) {
            *ret_link = g_steal_pointer(&link);
            return g_steal_pointer(&folder);
        }
        char *parent = g_path_get_dirname(folder);
        bool top = strcmp(parent, folder) == 0;
        g_free(folder);
        folder = parent;
        if (top)
            break;
    }
    char *real = realpath(git_dir, NULL);
    return real ? real : g_strdup(git_dir);
}

static bool value_matches(const char *value, const char *checkout)
{
    if (strcmp(value, "*") == 0)
        return true;
    g_autofree char *expanded = NULL;
    if (g_str_has_prefix(value, "~/"))
        expanded = g_build_filename(g_get_home_dir(), value + 2, NULL);
    const char *path = expanded ? expanded : value;
    if (g_str_has_suffix(path, "/*"))
        return strncmp(checkout, path, strlen(path) - 1) == 0;
    g_autofree char *real = realpath(path, NULL);
    if (real)
        return strcmp(real, checkout) == 0;
    g_autofree char *trimmed = g_strdup(path);
    for (size_t size = strlen(trimmed); size > 1 && trimmed[size - 1] == '/';)
        trimmed[--size] = '\0';
    return strcmp(trimmed, checkout) == 0;
}

/* Only system, XDG and global configuration are read, as git does. */
static struct roll_error *is_declared_safe(const char *checkout, bool *ret_safe)
{
    roll_auto(git_config) git_config *config = NULL;
    int status = git_config_open_default(&config);
    if (status < 0)
        return roll_git_failed(status, "the git configuration cannot be read");
    roll_auto(git_config_iterator) git_config_iterator *iterator = NULL;
    status = git_config_multivar_iterator_new(&iterator, config, "safe.directory", NULL);
    bool safe = false;
    git_config_entry *entry = NULL;
    while (status == 0 && (status = git_config_next(&entry, iterator)) == 0) {
        const char *value = entry->value ? entry->value : "";
        safe = *value && (safe || value_matches(value, checkout));
    }
    if (status != GIT_ITEROVER && status != GIT_ENOTFOUND)
        return roll_git_failed(status, "the git configuration cannot be read");
    *ret_safe = safe;
    return NULL;
}

struct roll_error *roll_git_check_owner(const char *path, const char *git_dir)
{
    g_autofree char *link = NULL;
    g_autofree char *checkout = checkout_of(path, git_dir, &link);
    if (owned(checkout) && (!link || owned(link)) && owned(git_dir))
        return NULL;
    bool safe = false;
    ROLL_TRY(is_declared_safe(checkout, &safe));
    if (safe)
        return NULL;
    g_autofree char *shown = g_utf8_make_valid(checkout, -1);
    g_autoptr(GString) detail = g_string_new("{\"safeDirectory\":");
    roll_json_write_string(shown, strlen(shown), detail);
    g_string_append_c(detail, '}');
    return roll_error_detail(
        roll_error_new(ROLL_E_REFUSED,
                       "the git checkout '%s' belongs to another user and safe.directory of the "
                       "git configuration does not name it",
                       shown),
        detail->str);
}
