/* What git says of the checkout: is it dirty, and which version is a commit? */
#include <string.h>

#include "git/internal.h"

struct roll_error *roll_git_dirty(struct roll_git *git, char **ret_path)
{
    if (git_repository_is_bare(git->repository)) {
        *ret_path = NULL;
        return NULL;
    }
    git_status_options options = GIT_STATUS_OPTIONS_INIT;
    options.show = GIT_STATUS_SHOW_INDEX_AND_WORKDIR;
    options.flags = GIT_STATUS_OPT_EXCLUDE_SUBMODULES;
    roll_auto(git_status_list) git_status_list *list = NULL;
    int status = git_status_list_new(&list, git->repository, &options);
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "the state of the git work tree cannot be read");
    if (git_status_list_entrycount(list) == 0) {
        *ret_path = NULL;
        return NULL;
    }
    const git_status_entry *entry = git_status_byindex(list, 0);
    const git_diff_delta *delta =
        entry->index_to_workdir ? entry->index_to_workdir : entry->head_to_index;
    const char *path = delta->new_file.path ? delta->new_file.path : delta->old_file.path;
    *ret_path = g_utf8_make_valid(path ? path : "", -1);
    return NULL;
}

/* The best tag of one commit so far. */
struct tag_search {
    git_repository *repository;
    const git_oid *commit;
    char *name; /* owned */
    bool annotated;
    git_time_t tagged_at;
};

static bool looks_like_version(const char *name)
{
    return g_ascii_isdigit(name[0]) || (name[0] == 'v' && g_ascii_isdigit(name[1]));
}

/* Annotated before lightweight, then what looks like a version, then the newer, then by name: never
 * by the order in which a repository happens to list its refs. */
static bool better(const struct tag_search *search, const char *name, bool annotated,
                   git_time_t tagged_at)
{
    if (!search->name)
        return true;
    if (annotated != search->annotated)
        return annotated;
    if (looks_like_version(name) != looks_like_version(search->name))
        return looks_like_version(name);
    if (tagged_at != search->tagged_at)
        return tagged_at > search->tagged_at;
    return strcmp(name, search->name) > 0;
}

static int consider_tag(const char *ref, git_oid *id, void *user)
{
    struct tag_search *search = user;
    const char *name = g_str_has_prefix(ref, "refs/tags/") ? ref + strlen("refs/tags/") : ref;
    roll_auto(git_object) git_object *object = NULL;
    roll_auto(git_object) git_object *commit = NULL;
    if (git_object_lookup(&object, search->repository, id, GIT_OBJECT_ANY) < 0 ||
        git_object_peel(&commit, object, GIT_OBJECT_COMMIT) < 0)
        return 0; /* a tag of something else, or of what a shallow clone does not have */
    if (!git_oid_equal(git_object_id(commit), search->commit))
        return 0;
    bool annotated = git_object_type(object) == GIT_OBJECT_TAG;
    const git_signature *tagger = annotated ? git_tag_tagger((git_tag *)object) : NULL;
    git_time_t tagged_at = tagger ? tagger->when.time : 0;
    if (better(search, name, annotated, tagged_at)) {
        g_free(search->name);
        search->name = g_strdup(name);
        search->annotated = annotated;
        search->tagged_at = tagged_at;
    }
    return 0;
}

static char *short_id(const git_commit *commit)
{
    char id[8];
    git_oid_tostr(id, sizeof(id), git_commit_id(commit));
    return g_strdup(id);
}

static struct roll_error *describe(struct roll_git *git, git_commit *commit, char **ret_text)
{
    git_describe_options options = GIT_DESCRIBE_OPTIONS_INIT;
    options.describe_strategy = GIT_DESCRIBE_TAGS;
    options.show_commit_oid_as_fallback = 1;
    roll_auto(git_describe_result) git_describe_result *result = NULL;
    __attribute__((cleanup(roll_git_buf_auto))) git_buf text = {0};
    int status = git_describe_commit(&result, (git_object *)commit, &options);
    if (status == 0)
        status = git_describe_format(&text, result, NULL);
    if (status < 0 && git_repository_is_shallow(git->repository) == 1) {
        *ret_text = short_id(commit); /* as git does where the history ends before a tag */
        return NULL;
    }
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "the commit cannot be described");
    *ret_text = g_utf8_make_valid(text.ptr, -1);
    return NULL;
}

struct roll_error *roll_git_version(struct roll_git *git, const char *commit, char **ret_version)
{
    roll_auto(git_commit) git_commit *found = NULL;
    ROLL_TRY(roll_git_lookup(git, commit, &found));
    struct tag_search search = {.repository = git->repository, .commit = git_commit_id(found)};
    int status = git_tag_foreach(git->repository, consider_tag, &search);
    g_autofree char *tag = search.name;
    if (status < 0)
        return roll_git_failed(GIT_ERROR, "the tags of the git repository cannot be read");
    if (!tag)
        return describe(git, found, ret_version);
    bool prefixed = tag[0] == 'v' && g_ascii_isdigit(tag[1]);
    *ret_version = g_utf8_make_valid(prefixed ? tag + 1 : tag, -1);
    return NULL;
}
