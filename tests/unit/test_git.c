/* Reading from git: repositories are made with libgit2 in a temporary folder, apart from any
 * configuration. */
#include <check.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "git/internal.h"
#include "suite_tools.h"

static char *folder;   /* the test's own temporary folder */
static char *config;   /* FOLDER/config: where git would look for the user's configuration */
static char *checkout; /* FOLDER/checkout */
static git_repository *repository;
static git_time_t now; /* of the next commit or tag */

#define GIT_OK(expression)                                                                         \
    do {                                                                                           \
        int status_ = (expression);                                                                \
        ck_assert_msg(status_ == 0, "%s: %d %s", #expression, status_,                             \
                      git_error_last() ? git_error_last()->message : "");                          \
    } while (0)

#define OK(expression)                                                                             \
    do {                                                                                           \
        struct roll_error *err_ = (expression);                                                    \
        ck_assert_msg(!err_, "%s: %s", #expression, err_ ? err_->message : "");                    \
    } while (0)

#define FAILS(expected, expression)                                                                \
    do {                                                                                           \
        roll_auto(error) struct roll_error *err_ = (expression);                                   \
        ck_assert_msg(err_, "%s succeeded", #expression);                                          \
        ck_assert_msg(err_->code == (expected), "%s: code %d: %s", #expression, err_->code,        \
                      err_->message);                                                              \
    } while (0)

static void setup(void)
{
    now = 1700000000;
    folder = g_dir_make_tmp("roll-test-git-XXXXXX", NULL);
    ck_assert_ptr_nonnull(folder);
    config = g_build_filename(folder, "config", NULL);
    checkout = g_build_filename(folder, "checkout", NULL);
    ck_assert_int_eq(g_mkdir(config, 0700), 0);
    ck_assert_int_gt(git_libgit2_init(), 0);
    for (int level = GIT_CONFIG_LEVEL_SYSTEM; level <= GIT_CONFIG_LEVEL_GLOBAL; level++)
        GIT_OK(git_libgit2_opts(GIT_OPT_SET_SEARCH_PATH, level, config));
    GIT_OK(git_repository_init(&repository, checkout, 0));
}

static void remove_tree(const char *path)
{
    GDir *dir = g_file_test(path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open(path, 0, NULL);
    for (const char *name = dir ? g_dir_read_name(dir) : NULL; name; name = g_dir_read_name(dir)) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        remove_tree(child);
    }
    if (dir)
        g_dir_close(dir);
    (void)g_remove(path);
}

static void teardown(void)
{
    git_repository_free(repository);
    git_libgit2_shutdown();
    remove_tree(folder);
    g_free(folder);
    g_free(config);
    g_free(checkout);
    ck_assert_int_eq(roll_error_live(), 0);
}

static void put(const char *root, const char *name, const char *text)
{
    g_autofree char *path = g_build_filename(root, name, NULL);
    g_autofree char *dir = g_path_get_dirname(path);
    ck_assert_int_eq(g_mkdir_with_parents(dir, 0700), 0);
    ck_assert(g_file_set_contents(path, text, -1, NULL));
}

static git_signature *signature(void)
{
    git_signature *made = NULL;
    GIT_OK(git_signature_new(&made, "Ada", "ada@example.com", now++, 0));
    return made;
}

/* Commits the index as it stands with these parents; moves HEAD. */
static git_oid commit_index(const char *message, size_t count, const git_commit **parents)
{
    git_index *index = NULL;
    GIT_OK(git_repository_index(&index, repository));
    git_oid tree_id;
    GIT_OK(git_index_write_tree(&tree_id, index));
    GIT_OK(git_index_write(index));
    git_index_free(index);
    roll_auto(git_tree) git_tree *tree = NULL;
    GIT_OK(git_tree_lookup(&tree, repository, &tree_id));
    git_signature *who = signature();
    git_oid id;
    GIT_OK(git_commit_create(&id, repository, NULL, who, who, NULL, message, tree, count, parents));
    git_signature_free(who);
    return id;
}

static void move_head(const git_oid *id)
{
    git_reference *head = NULL;
    git_reference *moved = NULL;
    GIT_OK(git_reference_lookup(&head, repository, "HEAD"));
    GIT_OK(git_reference_create(&moved, repository, git_reference_symbolic_target(head), id, 1,
                                "test"));
    git_reference_free(moved);
    git_reference_free(head);
}

static void stage(const char *name)
{
    git_index *index = NULL;
    GIT_OK(git_repository_index(&index, repository));
    GIT_OK(git_index_add_bypath(index, name));
    GIT_OK(git_index_write(index));
    git_index_free(index);
}

static void stage_link(const char *name, const char *target)
{
    g_autofree char *path = g_build_filename(checkout, name, NULL);
    (void)g_unlink(path);
    ck_assert_int_eq(symlink(target, path), 0);
    stage(name);
}

/* A commit on top of HEAD; its id as text in a static ring of buffers. */
static const char *commit(const char *message)
{
    static char ids[16][41];
    static int next;
    roll_auto(git_commit) git_commit *parent = NULL;
    git_oid head;
    bool born = git_reference_name_to_id(&head, repository, "HEAD") == 0;
    if (born)
        GIT_OK(git_commit_lookup(&parent, repository, &head));
    const git_commit *parents[] = {parent};
    git_oid id = commit_index(message, born ? 1 : 0, parents);
    move_head(&id);
    char *text = ids[next++ % 16];
    git_oid_tostr(text, 41, &id);
    return text;
}

static const char *commit_file(const char *name, const char *text, const char *message)
{
    put(checkout, name, text);
    stage(name);
    return commit(message);
}

/* Takes index and work tree back to a commit, with HEAD. */
static void reset(const char *id)
{
    roll_auto(git_object) git_object *object = NULL;
    GIT_OK(git_revparse_single(&object, repository, id));
    GIT_OK(git_reset(repository, object, GIT_RESET_HARD, NULL));
}

static struct roll_git *open_checkout(void)
{
    struct roll_git *git = NULL;
    OK(roll_git_open(checkout, &git));
    return git;
}

static void tag(const char *name, const char *at, bool annotated)
{
    roll_auto(git_object) git_object *object = NULL;
    GIT_OK(git_revparse_single(&object, repository, at));
    git_oid id;
    if (annotated) {
        git_signature *who = signature();
        GIT_OK(git_tag_create(&id, repository, name, object, who, name, 0));
        git_signature_free(who);
    } else {
        GIT_OK(git_tag_create_lightweight(&id, repository, name, object, 0));
    }
}

START_TEST(test_git__opens_upwards_and_names_what_is_missing)
{
    commit_file("infra/main.json", "{}", "first");
    g_autofree char *below = g_build_filename(checkout, "infra", NULL);
    roll_auto(git) struct roll_git *git = NULL;
    OK(roll_git_open(below, &git));
    g_autofree char *real = realpath(checkout, NULL);
    g_autofree char *workdir = g_strconcat(real, "/", NULL);
    ck_assert_str_eq(roll_git_workdir(git), workdir);
    roll_auto(git) struct roll_git *none = NULL;
    FAILS(ROLL_E_NOT_FOUND, roll_git_open(config, &none));
    FAILS(ROLL_E_NOT_FOUND, roll_git_open("/nonexistent/folder", &none));
    ck_assert_ptr_null(none);
}
END_TEST

START_TEST(test_git__bare_repository_has_no_workdir_and_is_never_dirty)
{
    g_autofree char *bare = g_build_filename(folder, "bare.git", NULL);
    git_repository *made = NULL;
    GIT_OK(git_repository_init(&made, bare, 1));
    git_repository_free(made);
    roll_auto(git) struct roll_git *git = NULL;
    OK(roll_git_open(bare, &git));
    ck_assert_ptr_null(roll_git_workdir(git));
    char *dirty = checkout; /* any value that is not NULL */
    OK(roll_git_dirty(git, &dirty));
    ck_assert_ptr_null(dirty);
}
END_TEST

START_TEST(test_git__resolves_what_rev_parse_takes)
{
    const char *first = commit_file("a", "1", "first line\n\nbody");
    const char *second = commit_file("a", "2", "second");
    tag("v1.0.0", first, true);
    roll_auto(git) struct roll_git *git = open_checkout();
    struct roll_commit found = {0};
    OK(roll_git_resolve(git, "HEAD~1", &found));
    ck_assert_str_eq(found.id, first);
    ck_assert_str_eq(found.subject, "first line");
    ck_assert_str_eq(found.author, "Ada <ada@example.com>");
    ck_assert_int_eq(found.at, 1700000000000);
    roll_commit_clear(&found);
    OK(roll_git_resolve(git, "v1.0.0", &found));
    ck_assert_str_eq(found.id, first);
    roll_commit_clear(&found);
    g_autofree char *abbreviated = g_strndup(second, 10);
    OK(roll_git_resolve(git, abbreviated, &found));
    ck_assert_str_eq(found.id, second);
    roll_commit_clear(&found);
}
END_TEST

START_TEST(test_git__unknown_refs_are_not_found_and_leave_the_result)
{
    roll_auto(git) struct roll_git *git = open_checkout();
    struct roll_commit found = {.id = "untouched"};
    FAILS(ROLL_E_NOT_FOUND, roll_git_resolve(git, "HEAD", &found)); /* no commit yet */
    commit_file("a", "1", "first");
    const char *const unknown[] = {"nowhere", "HEAD~7", "",
                                   "HEAD:a",  "a..b",   "0123456789012345678901234567890123456789"};
    for (size_t at = 0; at < G_N_ELEMENTS(unknown); at++)
        FAILS(ROLL_E_NOT_FOUND, roll_git_resolve(git, unknown[at], &found));
    ck_assert_str_eq(found.id, "untouched");
}
END_TEST

START_TEST(test_git__reads_a_file_as_it_was_at_the_commit)
{
    const char *first = commit_file("infra/main.json", "old", "first");
    commit_file("infra/main.json", "new", "second");
    put(checkout, "infra/main.json", "dirty");
    roll_auto(git) struct roll_git *git = open_checkout();
    g_autoptr(GString) data = NULL;
    OK(roll_git_read(git, first, "infra/main.json", 3, &data));
    ck_assert_str_eq(data->str, "old");
    g_string_free(g_steal_pointer(&data), TRUE);
    OK(roll_git_read(git, "HEAD", "./infra//main.json", 100, &data));
    ck_assert_str_eq(data->str, "new");
}
END_TEST

START_TEST(test_git__read_refuses_what_is_no_file_or_too_large)
{
    commit_file("infra/main.json", "text", "first");
    roll_auto(git) struct roll_git *git = open_checkout();
    g_autoptr(GString) data = NULL;
    FAILS(ROLL_E_LIMIT, roll_git_read(git, "HEAD", "infra/main.json", 3, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "HEAD", "infra", 100, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "HEAD", "", 100, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "HEAD", "infra/other.json", 100, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "HEAD", "infra/main.json/x", 100, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "nowhere", "infra/main.json", 100, &data));
    FAILS(ROLL_E_INVALID, roll_git_read(git, "HEAD", "infra/../infra/main.json", 100, &data));
    FAILS(ROLL_E_INVALID, roll_git_read(git, "HEAD", "/etc/passwd", 100, &data));
    ck_assert_ptr_null(data);
}
END_TEST

START_TEST(test_git__read_follows_links_inside_the_repository_only)
{
    put(checkout, "shared/main.json", "shared");
    put(checkout, "infra/own.json", "own");
    stage("shared/main.json");
    stage("infra/own.json");
    stage_link("infra/main.json", "../shared/main.json");
    stage_link("current", "infra");
    stage_link("infra/out", "../../outside");
    stage_link("infra/absolute", "/etc/passwd");
    stage_link("infra/loop", "loop");
    stage_link("infra/dangling", "nothing");
    commit("links");
    roll_auto(git) struct roll_git *git = open_checkout();
    g_autoptr(GString) data = NULL;
    OK(roll_git_read(git, "HEAD", "current/main.json", 100, &data));
    ck_assert_str_eq(data->str, "shared");
    g_string_free(g_steal_pointer(&data), TRUE);
    FAILS(ROLL_E_INVALID, roll_git_read(git, "HEAD", "infra/out", 100, &data));
    FAILS(ROLL_E_INVALID, roll_git_read(git, "HEAD", "infra/absolute", 100, &data));
    FAILS(ROLL_E_LIMIT, roll_git_read(git, "HEAD", "infra/loop", 100, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "HEAD", "infra/dangling", 100, &data));
    FAILS(ROLL_E_NOT_FOUND, roll_git_read(git, "HEAD", "current", 100, &data));
}
END_TEST

START_TEST(test_git__read_follows_at_most_eight_links)
{
    put(checkout, "file", "found");
    stage("file");
    stage_link("link1", "file");
    for (int at = 2; at <= 9; at++) {
        g_autofree char *name = g_strdup_printf("link%d", at);
        g_autofree char *target = g_strdup_printf("link%d", at - 1);
        stage_link(name, target);
    }
    commit("links");
    roll_auto(git) struct roll_git *git = open_checkout();
    g_autoptr(GString) data = NULL;
    OK(roll_git_read(git, "HEAD", "link8", 100, &data));
    ck_assert_str_eq(data->str, "found");
    g_string_free(g_steal_pointer(&data), TRUE);
    FAILS(ROLL_E_LIMIT, roll_git_read(git, "HEAD", "link9", 100, &data));
}
END_TEST

static void assert_dirty(struct roll_git *git, const char *expected)
{
    g_autofree char *path = NULL;
    OK(roll_git_dirty(git, &path));
    if (expected)
        ck_assert_str_eq(path, expected);
    else
        ck_assert_ptr_null(path);
}

START_TEST(test_git__dirty_counts_changed_staged_and_deleted_but_not_untracked)
{
    const char *first = commit_file("infra/main.json", "text", "first");
    roll_auto(git) struct roll_git *git = open_checkout();
    put(checkout, "untracked", "x");
    assert_dirty(git, NULL);
    put(checkout, "infra/main.json", "changed");
    assert_dirty(git, "infra/main.json");
    stage("infra/main.json");
    assert_dirty(git, "infra/main.json");
    reset(first);
    assert_dirty(git, NULL);
    put(checkout, "added", "x");
    stage("added");
    assert_dirty(git, "added");
    reset(first);
    g_autofree char *path = g_build_filename(checkout, "infra/main.json", NULL);
    ck_assert_int_eq(g_unlink(path), 0);
    assert_dirty(git, "infra/main.json");
}
END_TEST

static void assert_version(struct roll_git *git, const char *at, const char *expected)
{
    g_autofree char *version = NULL;
    OK(roll_git_version(git, at, &version));
    ck_assert_str_eq(version, expected);
}

START_TEST(test_git__version_is_the_best_tag_of_the_commit)
{
    commit_file("a", "1", "first");
    roll_auto(git) struct roll_git *git = open_checkout();
    tag("latest", "HEAD", false);
    assert_version(git, "HEAD", "latest");
    tag("v1.0.0", "HEAD", false);
    assert_version(git, "HEAD", "1.0.0");
    tag("stable", "HEAD", true);
    assert_version(git, "HEAD", "stable");
    tag("2.0.0-rc1", "HEAD", true);
    assert_version(git, "HEAD", "2.0.0-rc1");
    tag("v2.0.0", "HEAD", true); /* newer, so the more final one */
    assert_version(git, "HEAD", "2.0.0");
    commit_file("a", "2", "second");
    tag("vacation", "HEAD", true);
    assert_version(git, "HEAD", "vacation");
}
END_TEST

START_TEST(test_git__version_without_tag_is_what_describe_says)
{
    const char *first = commit_file("a", "1", "first");
    roll_auto(git) struct roll_git *git = open_checkout();
    g_autofree char *id = g_strndup(first, 7);
    assert_version(git, "HEAD", id);
    tag("v1.0.0", "HEAD", false);
    commit_file("a", "2", "second");
    const char *third = commit_file("a", "3", "third");
    g_autofree char *described = g_strdup_printf("v1.0.0-2-g%.7s", third);
    assert_version(git, "HEAD", described);
}
END_TEST

START_TEST(test_git__contains_follows_ancestry)
{
    const char *base = commit_file("a", "1", "base");
    const char *left = commit_file("a", "2", "left");
    reset(base);
    const char *right = commit_file("b", "1", "right");
    roll_auto(git) struct roll_git *git = open_checkout();
    bool contained = false;
    OK(roll_git_contains(git, left, base, &contained));
    ck_assert(contained);
    OK(roll_git_contains(git, left, left, &contained));
    ck_assert(contained);
    OK(roll_git_contains(git, base, left, &contained));
    ck_assert(!contained);
    OK(roll_git_contains(git, left, right, &contained));
    ck_assert(!contained);
    FAILS(ROLL_E_NOT_FOUND,
          roll_git_contains(git, left, "0123456789012345678901234567890123456789", &contained));
}
END_TEST

START_TEST(test_git__contains_does_not_guess_in_a_shallow_clone)
{
    commit_file("a", "1", "first");
    const char *second = commit_file("a", "2", "second");
    const char *third = commit_file("a", "3", "third");
    reset(second);
    const char *other = commit_file("b", "1", "other");
    g_autofree char *shallow = g_strdup_printf("%s\n", second);
    put(checkout, ".git/shallow", shallow);
    roll_auto(git) struct roll_git *git = open_checkout();
    bool contained = false;
    OK(roll_git_contains(git, third, second, &contained));
    ck_assert(contained);
    FAILS(ROLL_E_GIT, roll_git_contains(git, third, other, &contained));
}
END_TEST

static struct roll_error *note(void *user, const struct roll_commit *seen)
{
    g_string_append_printf(user, "%s;", seen->subject);
    if (strcmp(seen->subject, "stop") == 0)
        return roll_error_new(ROLL_E_CANCELLED, "stopped");
    return NULL;
}

START_TEST(test_git__changes_are_newest_first_and_bounded)
{
    const char *first = commit_file("a", "1", "one");
    commit_file("a", "2", "two");
    commit_file("a", "3", "three");
    roll_auto(git) struct roll_git *git = open_checkout();
    g_autoptr(GString) seen = g_string_new(NULL);
    OK(roll_git_changes(git, first, "HEAD", 10, note, seen));
    ck_assert_str_eq(seen->str, "three;two;");
    g_string_truncate(seen, 0);
    OK(roll_git_changes(git, NULL, "HEAD", 10, note, seen));
    ck_assert_str_eq(seen->str, "three;two;one;");
    g_string_truncate(seen, 0);
    OK(roll_git_changes(git, NULL, "HEAD", 1, note, seen));
    ck_assert_str_eq(seen->str, "three;");
    FAILS(ROLL_E_NOT_FOUND, roll_git_changes(git, "nowhere", "HEAD", 1, note, seen));
    commit_file("a", "4", "stop");
    FAILS(ROLL_E_CANCELLED, roll_git_changes(git, NULL, "HEAD", 10, note, seen));
}
END_TEST

static bool has_patch(const char *descendant, const char *picked)
{
    roll_auto(git) struct roll_git *git = open_checkout();
    bool has = false;
    OK(roll_git_has_patch(git, descendant, picked, &has));
    return has;
}

START_TEST(test_git__has_patch_finds_a_cherry_pick)
{
    const char *base = commit_file("a", "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "base");
    const char *fix = commit_file("a", "1\n2\n3\n4\n5\n6\n7\n8\nfixed\n", "fix");
    reset(base);
    const char *unrelated = commit_file("b", "x\n", "unrelated");
    ck_assert(!has_patch(unrelated, fix));
    commit_file("a", "1\n2\n3\n4\n5\n6\n7\n8\nfixed\n", "picked, in other words");
    const char *later = commit_file("b", "y\n", "later");
    ck_assert(has_patch(later, fix));
    ck_assert(has_patch(fix, base)); /* contained */
}
END_TEST

/* A commit with a file that is binary to git: it holds NUL. */
static const char *commit_binary(const char *name, char last)
{
    char bytes[] = {'P', 'N', 'G', '\0', '\x01', last};
    g_autofree char *path = g_build_filename(checkout, name, NULL);
    ck_assert(g_file_set_contents(path, bytes, sizeof(bytes), NULL));
    stage(name);
    return commit("binary");
}

START_TEST(test_git__has_patch_tells_binary_content_apart)
{
    const char *base = commit_file("a", "1", "base");
    const char *fix = commit_binary("image", 'x');
    reset(base);
    ck_assert(!has_patch(commit_binary("image", 'y'), fix));
    reset(base);
    commit_file("a", "2", "between");
    ck_assert(has_patch(commit_binary("image", 'x'), fix));
}
END_TEST

START_TEST(test_git__has_patch_tells_modes_apart)
{
    const char *base = commit_file("a", "1", "base");
    const char *plain = commit_file("tool", "run\n", "plain");
    reset(base);
    put(checkout, "tool", "run\n");
    g_autofree char *path = g_build_filename(checkout, "tool", NULL);
    ck_assert_int_eq(g_chmod(path, 0755), 0);
    stage("tool");
    const char *executable = commit("executable");
    ck_assert(!has_patch(executable, plain));
    reset(base);
    ck_assert(!has_patch(plain, commit("empty")));
}
END_TEST

START_TEST(test_git__has_patch_of_a_merge_is_only_containment)
{
    const char *base = commit_file("a", "1", "base");
    const char *left = commit_file("b", "1", "left");
    roll_auto(git_object) git_object *one = NULL;
    roll_auto(git_object) git_object *two = NULL;
    GIT_OK(git_revparse_single(&one, repository, base));
    GIT_OK(git_revparse_single(&two, repository, left));
    const git_commit *parents[] = {(git_commit *)one, (git_commit *)two};
    git_oid id = commit_index("merge", 2, parents);
    char merge[41];
    git_oid_tostr(merge, sizeof(merge), &id);
    ck_assert(!has_patch(left, merge));
    ck_assert(has_patch(merge, left));
}
END_TEST

/* Only root can make a checkout that belongs to someone else. */
static bool give_away(const char *path)
{
    return chown(path, 12345, 12345) == 0;
}

START_TEST(test_git__another_users_checkout_is_refused_with_its_path)
{
    commit_file("a", "1", "first");
    if (!give_away(checkout))
        return;
    g_autofree char *real = realpath(checkout, NULL);
    g_autofree char *expected = g_strdup_printf("{\"safeDirectory\":\"%s\"}", real);
    struct roll_git *git = NULL;
    roll_auto(error) struct roll_error *err = roll_git_open(checkout, &git);
    ck_assert_int_eq(roll_error_code(err), ROLL_E_REFUSED);
    ck_assert_str_eq(err->detail, expected);
    ck_assert_ptr_null(git);
}
END_TEST

START_TEST(test_git__another_users_git_folder_is_refused)
{
    commit_file("a", "1", "first");
    g_autofree char *inner = g_build_filename(checkout, ".git", NULL);
    if (!give_away(inner))
        return;
    struct roll_git *git = NULL;
    FAILS(ROLL_E_REFUSED, roll_git_open(checkout, &git));
}
END_TEST

START_TEST(test_git__safe_directory_is_honoured_as_git_does)
{
    commit_file("a", "1", "first");
    if (!give_away(checkout))
        return;
    g_autofree char *real = realpath(checkout, NULL);
    g_autofree char *parent = g_path_get_dirname(real);
    g_autofree char *below = g_strconcat(parent, "/*", NULL);
    g_autofree char *slashed = g_strconcat(real, "/", NULL);
    const struct {
        const char *values[3];
        bool safe;
    } cases[] = {
        {{real}, true},          {{"*"}, true},
        {{"/elsewhere"}, false}, {{"/elsewhere", real}, true},
        {{real, ""}, false}, /* an empty value forgets those before it */
        {{real, "", "*"}, true}, {{parent}, false},
        {{below}, true},         {{slashed}, true},
    };
    for (size_t at = 0; at < G_N_ELEMENTS(cases); at++) {
        g_autoptr(GString) text = g_string_new("[safe]\n");
        for (size_t value = 0; value < 3 && cases[at].values[value]; value++)
            g_string_append_printf(text, "\tdirectory = \"%s\"\n", cases[at].values[value]);
        put(config, ".gitconfig", text->str);
        roll_auto(git) struct roll_git *git = NULL;
        roll_auto(error) struct roll_error *err = roll_git_open(checkout, &git);
        ck_assert_msg((err == NULL) == cases[at].safe, "case %zu", at);
        ck_assert(cases[at].safe || err->code == ROLL_E_REFUSED);
    }
}
END_TEST

START_TEST(test_git__a_repository_cannot_declare_itself_safe)
{
    commit_file("a", "1", "first");
    put(checkout, ".git/config",
        "[core]\n\trepositoryformatversion = 0\n[safe]\n\tdirectory = *\n");
    if (!give_away(checkout))
        return;
    struct roll_git *git = NULL;
    FAILS(ROLL_E_REFUSED, roll_git_open(checkout, &git));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("git");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_git__opens_upwards_and_names_what_is_missing);
    tcase_add_test(tests, test_git__bare_repository_has_no_workdir_and_is_never_dirty);
    tcase_add_test(tests, test_git__resolves_what_rev_parse_takes);
    tcase_add_test(tests, test_git__unknown_refs_are_not_found_and_leave_the_result);
    tcase_add_test(tests, test_git__reads_a_file_as_it_was_at_the_commit);
    tcase_add_test(tests, test_git__read_refuses_what_is_no_file_or_too_large);
    tcase_add_test(tests, test_git__read_follows_links_inside_the_repository_only);
    tcase_add_test(tests, test_git__read_follows_at_most_eight_links);
    tcase_add_test(tests, test_git__dirty_counts_changed_staged_and_deleted_but_not_untracked);
    tcase_add_test(tests, test_git__version_is_the_best_tag_of_the_commit);
    tcase_add_test(tests, test_git__version_without_tag_is_what_describe_says);
    tcase_add_test(tests, test_git__contains_follows_ancestry);
    tcase_add_test(tests, test_git__contains_does_not_guess_in_a_shallow_clone);
    tcase_add_test(tests, test_git__changes_are_newest_first_and_bounded);
    tcase_add_test(tests, test_git__has_patch_finds_a_cherry_pick);
    tcase_add_test(tests, test_git__has_patch_tells_binary_content_apart);
    tcase_add_test(tests, test_git__has_patch_tells_modes_apart);
    tcase_add_test(tests, test_git__has_patch_of_a_merge_is_only_containment);
    tcase_add_test(tests, test_git__another_users_checkout_is_refused_with_its_path);
    tcase_add_test(tests, test_git__another_users_git_folder_is_refused);
    tcase_add_test(tests, test_git__safe_directory_is_honoured_as_git_does);
    tcase_add_test(tests, test_git__a_repository_cannot_declare_itself_safe);
    Suite *suite = suite_create("git");
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
