/* Does a release contain what is live? Ancestry says which of two releases is the older one; a live
 * hotfix counts as contained when its commits are, as themselves or as equal patches, or when the
 * artifacts that it changed are the same. */
#include "release/choose.h"

#define MAX_FIX_COMMITS 50

enum contained { CONTAINED, NOT_CONTAINED, CANNOT_TELL };

/* ---- commits --------------------------------------------------------------------------------- */

static struct roll_error *commit_contains(struct roll_git *git, const char *commit,
                                          const char *ancestor, enum contained *ret_contained)
{
    *ret_contained = CANNOT_TELL;
    if (!commit || !ancestor)
        return NULL;
    if (strcmp(commit, ancestor) == 0) {
        *ret_contained = CONTAINED;
        return NULL;
    }
    if (!git)
        return NULL;
    bool contained = false;
    struct roll_error *err = roll_git_contains(git, commit, ancestor, &contained);
    if (roll_error_code(err) == ROLL_E_NOT_FOUND) { /* another repository, or a shallow clone */
        roll_error_free(err);
        return NULL;
    }
    ROLL_TRY(err);
    *ret_contained = contained ? CONTAINED : NOT_CONTAINED;
    return NULL;
}

static struct roll_error *take_commit(void *user, const struct roll_commit *commit)
{
    g_ptr_array_add(user, g_strdup(commit->id));
    return NULL;
}

/* Every commit that the fix adds to its base is in descendant as an equal patch. */
static struct roll_error *has_patches(struct roll_git *git, const char *descendant,
                                      const char *base, const char *fix, bool *ret_has)
{
    g_autoptr(GPtrArray) commits = g_ptr_array_new_with_free_func(g_free);
    *ret_has = false;
    ROLL_TRY(roll_git_changes(git, base, fix, MAX_FIX_COMMITS + 1, take_commit, commits));
    if (!commits->len || commits->len > MAX_FIX_COMMITS)
        return NULL;
    for (guint i = 0; i < commits->len; i++) {
        bool has = false;
        ROLL_TRY(roll_git_has_patch(git, descendant, g_ptr_array_index(commits, i), &has));
        if (!has)
            return NULL;
    }
    *ret_has = true;
    return NULL;
}

/* ---- artifacts ------------------------------------------------------------------------------- */

static const char *reference(const json_t *manifest, const char *artifact)
{
    const json_t *artifacts = json_object_get(manifest, "artifacts");
    return roll_json_get_string(json_object_get(artifacts, artifact), "reference");
}

/* The artifacts that the hotfix changed have the same references in the release. False when it
 * changed none. */
static struct roll_error *same_artifacts(struct release_history *history, const char *root,
                                         const char *hotfix, const char *release, bool *ret_same)
{
    const json_t *before = NULL, *fixed = NULL, *now = NULL;
    ROLL_TRY(release_history_manifest(history, root, &before));
    ROLL_TRY(release_history_manifest(history, hotfix, &fixed));
    ROLL_TRY(release_history_manifest(history, release, &now));
    const char *name;
    json_t *artifact;
    bool changed = false, same = true;
    json_object_foreach (json_object_get(fixed, "artifacts"), name, artifact) {
        const char *to = roll_json_get_string(artifact, "reference");
        if (g_strcmp0(reference(before, name), to) == 0)
            continue;
        changed = true;
        same = same && g_strcmp0(reference(now, name), to) == 0;
    }
    *ret_same = changed && same;
    return NULL;
}

/* ---- a live hotfix --------------------------------------------------------------------------- */

/* The ordinary release that a chain of hotfixes began with. */
static struct roll_error *root_of(struct release_history *history,
                                  const struct release_info *hotfix,
                                  const struct release_info **ret_root)
{
    const struct release_info *root = hotfix;
    for (int depth = 0; root->base && depth < 100; depth++)
        ROLL_TRY(release_history_info(history, root->base, &root));
    *ret_root = root;
    return NULL;
}

/* Told from its commits. A clone that lacks one of them cannot tell. */
static struct roll_error *holds_commits(struct roll_git *git, const struct release_info *release,
                                        const struct release_info *hotfix,
                                        const struct release_info *root, enum roll_holds *ret_holds)
{
    enum contained contained;
    bool has = false;
    ROLL_TRY(commit_contains(git, release->commit, hotfix->commit, &contained));
    if (contained != NOT_CONTAINED || !root->commit) {
        *ret_holds = contained == CONTAINED       ? ROLL_HOLDS_BY_COMMIT
                     : contained == NOT_CONTAINED ? ROLL_HOLDS_NOT
                                                  : ROLL_HOLDS_UNKNOWN;
        return NULL;
    }
    struct roll_error *err = has_patches(git, release->commit, root->commit, hotfix->commit, &has);
    *ret_holds = err ? ROLL_HOLDS_UNKNOWN : has ? ROLL_HOLDS_BY_COMMIT : ROLL_HOLDS_NOT;
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *holds_fix(struct release_history *history, struct roll_git *git,
                                    const struct release_info *release,
                                    const struct release_info *hotfix,
                                    const struct release_info *root, enum roll_holds *ret_holds)
{
    bool same = false;
    *ret_holds = ROLL_HOLDS_NOT;
    ROLL_TRY(same_artifacts(history, root->version, hotfix->version, release->version, &same));
    if (same)
        *ret_holds = ROLL_HOLDS_BY_ARTIFACTS;
    else if (hotfix->commit && g_strcmp0(hotfix->commit, root->commit) != 0)
        return holds_commits(git, release, hotfix, root, ret_holds);
    return NULL;
}

static bool is_held(enum roll_holds holds)
{
    return holds == ROLL_HOLDS_BY_ARTIFACTS || holds == ROLL_HOLDS_BY_COMMIT;
}

struct roll_error *roll_release_holds_fix(struct roll_ledger *ledger, struct roll_git *git,
                                          const char *service, const char *environment,
                                          const char *version, const char *fix,
                                          enum roll_holds *ret_holds)
{
    roll_auto(release_history) struct release_history *history = NULL;
    const struct release_info *release = NULL, *hotfix = NULL, *root = NULL;
    ROLL_TRY(release_history_read(ledger, service, environment, &history));
    ROLL_TRY(release_history_info(history, version, &release));
    ROLL_TRY(release_history_info(history, fix, &hotfix));
    ROLL_TRY(root_of(history, hotfix, &root));
    return holds_fix(history, git, release, hotfix, root, ret_holds);
}

/* What makes a release that contains it: its own commit, else its images. */
static struct roll_error *release_with_fix(struct release_history *history,
                                           const struct release_info *hotfix,
                                           const struct release_info *root, char **ret_command)
{
    const json_t *fixed = NULL, *before = NULL;
    const char *name;
    json_t *artifact;
    if (hotfix->commit && g_strcmp0(hotfix->commit, root->commit) != 0) {
        *ret_command =
            g_strdup_printf("roll release %s --ref REF   of a commit that contains %.12s",
                            history->service, hotfix->commit);
        return NULL;
    }
    ROLL_TRY(release_history_manifest(history, hotfix->version, &fixed));
    ROLL_TRY(release_history_manifest(history, root->version, &before));
    g_autoptr(GString) command = g_string_new(NULL);
    g_string_printf(command, "roll release %s --version NEW", history->service);
    json_object_foreach (json_object_get(fixed, "artifacts"), name, artifact)
        if (!json_equal(artifact, json_object_get(json_object_get(before, "artifacts"), name)))
            g_string_append_printf(command, " --artifact %s=@%s", name, hotfix->version);
    *ret_command = g_strdup(command->str);
    return NULL;
}

/* ---- its debt -------------------------------------------------------------------------------- */

struct fix {
    const char *version;
    bool open, closed;
};

static struct roll_error *see_fix(void *user, const struct roll_debt_row *row)
{
    struct fix *fix = user;
    if (strcmp(row->debt, "hotfix") != 0 || g_strcmp0(row->release, fix->version) != 0)
        return NULL;
    fix->open |= row->closed_at == 0;
    fix->closed |= row->closed_at != 0;
    return NULL;
}

/* Somebody else has said that a release contains it. */
static struct roll_error *is_reviewed(struct release_chooser *chooser, const char *version,
                                      bool *ret_reviewed)
{
    struct fix fix = {.version = version};
    ROLL_TRY(roll_ledger_debts(chooser->history->ledger, chooser->history->stream, see_fix, &fix));
    *ret_reviewed = fix.closed && !fix.open;
    return NULL;
}

struct paid {
    struct release_chooser *chooser;
    struct roll_git *git;
    const struct release_info *release;
    GArray *rollouts; /* int64_t */
    GPtrArray *versions;
};

static struct roll_error *take_open(void *user, const struct roll_debt_row *row)
{
    struct paid *paid = user;
    if (strcmp(row->debt, "hotfix") == 0 && row->closed_at == 0 && row->release) {
        g_array_append_val(paid->rollouts, row->rollout);
        g_ptr_array_add(paid->versions, g_strdup(row->release));
    }
    return NULL;
}

static json_t *gates_list(struct release_chooser *chooser, const char *name)
{
    struct roll_rollout_requested *request = &chooser->choice->request;
    if (!request->gates)
        request->gates = json_object();
    if (!json_object_get(request->gates, name))
        json_object_set_new(request->gates, name, json_array());
    return json_object_get(request->gates, name);
}

static struct roll_error *pay_one(const struct paid *paid, guint at)
{
    const struct release_info *hotfix = NULL, *root = NULL;
    enum roll_holds holds = ROLL_HOLDS_UNKNOWN;
    ROLL_TRY(release_history_info(paid->chooser->history, g_ptr_array_index(paid->versions, at),
                                  &hotfix));
    ROLL_TRY(root_of(paid->chooser->history, hotfix, &root));
    if (root == hotfix)
        return NULL;
    ROLL_TRY(holds_fix(paid->chooser->history, paid->git, paid->release, hotfix, root, &holds));
    if (is_held(holds))
        json_array_append_new(gates_list(paid->chooser, "contains"),
                              json_integer(g_array_index(paid->rollouts, int64_t, at)));
    return NULL;
}

/* The hotfixes whose debt the success of this release closes. */
struct roll_error *release_pay_hotfixes(struct release_chooser *chooser, struct roll_git *git,
                                        const struct release_info *release)
{
    g_autoptr(GArray) rollouts = g_array_new(FALSE, FALSE, sizeof(int64_t));
    g_autoptr(GPtrArray) versions = g_ptr_array_new_with_free_func(g_free);
    struct paid paid = {chooser, git, release, rollouts, versions};
    ROLL_TRY(
        roll_ledger_debts(chooser->history->ledger, chooser->history->stream, take_open, &paid));
    for (guint i = 0; i < versions->len; i++)
        ROLL_TRY(pay_one(&paid, i));
    return NULL;
}

struct dropped {
    struct release_chooser *chooser;
    const char *version;
};

static struct roll_error *see_dropped(void *user, const struct roll_debt_row *row)
{
    const struct dropped *dropped = user;
    if (strcmp(row->debt, "hotfix") == 0 && row->closed_at &&
        g_strcmp0(row->release, dropped->version) == 0)
        json_array_append_new(gates_list(dropped->chooser, "reopens"), json_integer(row->rollout));
    return NULL;
}

/* A back that leaves a hotfix behind owes it again. */
struct roll_error *release_reopen_hotfix(struct release_chooser *chooser, const char *version)
{
    struct dropped dropped = {chooser, version};
    return roll_ledger_debts(chooser->history->ledger, chooser->history->stream, see_dropped,
                             &dropped);
}

static struct roll_error *check_hotfix(struct release_chooser *chooser, struct roll_git *git,
                                       const struct release_info *release,
                                       const struct release_info *hotfix,
                                       const struct release_info *root)
{
    enum roll_holds holds = ROLL_HOLDS_UNKNOWN;
    bool reviewed = false;
    ROLL_TRY(holds_fix(chooser->history, git, release, hotfix, root, &holds));
    if (!is_held(holds))
        ROLL_TRY(is_reviewed(chooser, hotfix->version, &reviewed));
    if (is_held(holds) || reviewed || release_chooser_overridden(chooser, "hotfix"))
        return NULL;
    char *next = NULL;
    ROLL_TRY(release_with_fix(chooser->history, hotfix, root, &next));
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "'%s' does not contain the live hotfix '%s': it would be lost",
                       release->version, hotfix->version),
        next, release_chooser_override_command(chooser, release->version, "hotfix"), NULL);
}

/* ---- order ----------------------------------------------------------------------------------- */

static struct roll_error *check_order(struct release_chooser *chooser, struct roll_git *git,
                                      const struct release_info *release,
                                      const struct release_info *live)
{
    enum contained contained;
    ROLL_TRY(commit_contains(git, release->commit, live->commit, &contained));
    if (contained == CANNOT_TELL)
        release_chooser_note(chooser,
                             "whether %s is newer than the live %s could not be checked: %s",
                             release->version, live->version,
                             !release->commit || !live->commit ? "a release has no commit"
                             : git ? "a commit is not in this repository"
                                   : "there is no git repository");
    if (contained != NOT_CONTAINED || release_chooser_overridden(chooser, "order"))
        return NULL;
    bool succeeded = false;
    ROLL_TRY(release_history_succeeded(chooser->history, release->version, &succeeded));
    const char *stream = chooser->history->stream;
    return release_error_next(
        roll_error_new(ROLL_E_REFUSED,
                       "'%s' is older than the live '%s': its commit %.12s does not contain %.12s",
                       release->version, live->version, release->commit, live->commit),
        succeeded ? g_strdup_printf("roll back %s --to %s", stream, release->version)
                  : g_strdup_printf("roll back %s", stream),
        release_chooser_override_command(chooser, release->version, "order"), NULL);
}

static struct roll_error *check_against(struct release_chooser *chooser, struct roll_git *git,
                                        const struct release_info *release, const char *live)
{
    const struct release_info *held = NULL, *root = NULL;
    if (strcmp(live, release->version) == 0)
        return NULL;
    ROLL_TRY(release_history_info(chooser->history, live, &held));
    ROLL_TRY(root_of(chooser->history, held, &root));
    if (root != held)
        ROLL_TRY(check_hotfix(chooser, git, release, held, root));
    /* A hotfix of the live release itself descends from it, whatever commit it names. */
    return g_strcmp0(release->version, root->version) == 0 && root != held
               ? NULL
               : check_order(chooser, git, release, root);
}

struct roll_error *release_check_contains(struct release_chooser *chooser, struct roll_git *git,
                                          const struct release_info *release)
{
    g_autoptr(GHashTable) versions = g_hash_table_new(g_str_hash, g_str_equal);
    const struct release_history *history = chooser->history;
    for (guint i = 0; i < chooser->candidates->len; i++) {
        const struct release_held *held =
            release_history_held(history, g_ptr_array_index(chooser->candidates, i));
        if (held && held->release && g_hash_table_add(versions, held->release))
            ROLL_TRY(check_against(chooser, git, release, held->release));
    }
    if (!g_hash_table_size(versions) && history->last_good)
        return check_against(chooser, git, release, history->last_good);
    return NULL;
}
