/* What governs must be what was reviewed (DESIGN section 7): the plan, the approvers, and the
 * scripts that gates run are compared with what is committed. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rollbook/digest.h"
#include "rollbook/git.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"

enum { FILE_MAX = 4 << 20 }; /* bytes of a file that is compared */

struct governance {
    struct roll_git *git;
    struct roll_commit commit;
    char *root; /* of the work tree, without links; malloc */
};

char *roll_governance_path(const struct roll_plan *plan, const char *root, const char *member)
{
    const char *path = roll_json_get_string(json_object_get(plan->value, "governance"), member);

    if (!path && strcmp(member, "approvers") == 0)
        path = "plans/approvers";
    return path ? g_build_filename(root, path, NULL) : NULL;
}

static struct roll_error *open_repository(struct governance *governance, const char *ref,
                                          const char *root)
{
    const char *tree;

    ROLL_TRY(roll_git_open(root, &governance->git));
    tree = roll_git_workdir(governance->git);
    governance->root = tree ? realpath(tree, NULL) : NULL;
    return roll_git_resolve(governance->git, ref ? ref : "HEAD", &governance->commit);
}

static void close_repository(struct governance *governance)
{
    roll_commit_clear(&governance->commit);
    roll_git_close(governance->git);
    free(governance->root);
}

static bool is_equal(const struct governance *governance, const char *path)
{
    char *real = realpath(path, NULL); /* malloc */
    size_t size = governance->root ? strlen(governance->root) : 0;
    g_autofree char *now = NULL;
    g_autoptr(GString) then = NULL;
    gsize length = 0;
    bool equal = false;

    if (real && size && strncmp(real, governance->root, size) == 0 && real[size] == '/' &&
        g_file_test(real, G_FILE_TEST_IS_REGULAR) &&
        g_file_get_contents(real, &now, &length, NULL)) {
        struct roll_error *err =
            roll_git_read(governance->git, governance->commit.id, real + size + 1, FILE_MAX, &then);
        equal = !err && then->len == length && memcmp(then->str, now, length) == 0;
        roll_error_free(err);
    }
    free(real);
    return equal;
}

/* The first that is not, in words; owned. */
static char *differing(const struct governance *governance, const struct roll_plan *plan,
                       const char *root, const GPtrArray *scripts)
{
    g_autofree char *approvers = roll_governance_path(plan, root, "approvers");
    g_autofree char *revoked = roll_governance_path(plan, root, "revoked");
    const char *const files[] = {plan->path, approvers, revoked, NULL};

    for (const char *const *file = files; *file; file++) {
        g_autofree char *name = g_path_get_basename(*file);
        if ((file == files || g_file_test(*file, G_FILE_TEST_EXISTS)) &&
            !is_equal(governance, *file))
            return g_strdup_printf("'plans/%s'", name);
    }
    for (guint i = 0; scripts && i < scripts->len; i++) {
        const char *script = g_ptr_array_index(scripts, i);
        g_autofree char *path = g_build_filename(root, script, NULL);
        if (!is_equal(governance, path))
            return g_strdup_printf("the gate's script '%s'", script);
    }
    return NULL;
}

/* Owned; NULL: as committed there. */
static char *slip_at(const struct roll_plan *plan, const char *root, const char *ref,
                     const GPtrArray *scripts)
{
    struct governance governance = {0};
    struct roll_error *err = open_repository(&governance, ref, root);
    g_autofree char *what = err ? NULL : differing(&governance, plan, root, scripts);
    char *slip = NULL;

    if (err)
        slip = g_strdup_printf("whether the plan is committed cannot be told: %s", err->message);
    else if (what)
        slip = g_strdup_printf("%s is not what is committed%s%s%s", what, ref ? " at " : "",
                               ref ? ref : "", ref ? ", where it has to be merged" : "");
    roll_error_free(err);
    close_repository(&governance);
    return slip;
}

/* ---- what governed last --------------------------------------------------------------------- */

enum { LAST_MAX = 50 };

static struct roll_error *take_number(void *user, const struct roll_rollout_row *row)
{
    g_array_append_val((GArray *)user, row->number);
    return NULL;
}

static bool is_doubtful(const struct roll_rollout_requested *body)
{
    size_t index;
    json_t *override;

    json_array_foreach (body->overrides, index, override)
        if (g_strcmp0(roll_json_get_string(override, "kind"), "governance") == 0)
            return true;
    return false;
}

/* The plan of the newest rollout that was asked for under one that was as committed; NULL: none
 * was. */
static struct roll_error *last_plan(struct roll_ledger *ledger, const char *stream,
                                    json_t **ret_plan)
{
    const struct roll_rollout_query query = {.stream = stream, .limit = LAST_MAX};
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(int64_t));

    ROLL_TRY(roll_ledger_rollouts(ledger, &query, take_number, numbers));
    for (guint i = 0; i < numbers->len; i++) {
        roll_auto(event) struct roll_event *event = NULL;
        const struct roll_rollout_requested *body;
        ROLL_TRY(roll_ledger_event(ledger, stream, g_array_index(numbers, int64_t, i), &event));
        body = roll_event_body(event, rollout_requested);
        if (body && body->plan && !is_doubtful(body))
            return roll_ledger_object_json(ledger, body->plan, ret_plan);
    }
    return NULL;
}

static bool has_lanes(const json_t *plan, const char *environment)
{
    return json_object_get(json_object_get(json_object_get(plan, "environments"), environment),
                           "lanes") != NULL;
}

struct roll_error *roll_governance_slip(struct roll_ledger *ledger, const char *root,
                                        const struct roll_plan *plan,
                                        const struct roll_plan_environment *environment,
                                        const char *stream, const GPtrArray *scripts,
                                        char **ret_slip)
{
    roll_auto(json) json_t *last = NULL;
    const char *ref = roll_json_get_string(json_object_get(plan->value, "governance"), "ref");
    const char *then;
    bool had;

    *ret_slip = NULL;
    ROLL_TRY(last_plan(ledger, stream, &last));
    had = has_lanes(last, environment->name);
    if (!environment->has_lanes && !had)
        return NULL;
    *ret_slip = slip_at(plan, root, ref, scripts);
    then = had ? roll_json_get_string(json_object_get(last, "governance"), "ref") : NULL;
    if (!*ret_slip && then && g_strcmp0(then, ref) != 0)
        *ret_slip = slip_at(plan, root, then, scripts);
    return NULL;
}

/* ---- scripts of gates ----------------------------------------------------------------------- */

static bool is_script(const char *path)
{
    static const char *const suffixes[] = {".sh", ".py", ".pl", ".rb", ".js", ".ps1"};

    if (!g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
        if (g_str_has_suffix(path, suffixes[i]))
            return true;
    return access(path, X_OK) == 0;
}

void roll_governance_script(const char *root, const char *word, GPtrArray *scripts)
{
    g_autofree char *path = g_build_filename(root, word, NULL);

    if (*word && !g_path_is_absolute(word) && is_script(path) &&
        !g_ptr_array_find_with_equal_func(scripts, word, g_str_equal, NULL))
        g_ptr_array_add(scripts, g_strdup(word));
}

void roll_governance_scripts(const struct roll_plan *plan, const char *root, char **gates,
                             GPtrArray *scripts)
{
    for (; gates && *gates; gates++) {
        const json_t *gate = json_object_get(json_object_get(plan->value, "gates"), *gates);
        size_t index;
        json_t *word;

        json_array_foreach (json_object_get(gate, "command"), index, word)
            roll_governance_script(root, json_string_value(word), scripts);
    }
}

json_t *roll_governance_digests(const json_t *plan, const char *root, const GPtrArray *scripts)
{
    struct governance governance = {0};
    const char *ref = roll_json_get_string(json_object_get(plan, "governance"), "ref");
    struct roll_error *err = open_repository(&governance, ref, root);
    json_t *digests = json_object();

    for (guint i = 0; i < scripts->len; i++) {
        const char *script = g_ptr_array_index(scripts, i);
        g_autofree char *path = g_build_filename(root, script, NULL), *text = NULL;
        bool dirty = err || !is_equal(&governance, path);
        char digest[ROLL_HEX_SIZE] = "";
        gsize size = 0;

        if (g_file_get_contents(path, &text, &size, NULL))
            roll_sha256_hex(text, size, digest);
        json_object_set_new(
            digests, script,
            json_pack("{s:s,s:o*}", "digest", digest, "dirty", dirty ? json_true() : NULL));
    }
    roll_error_free(err);
    close_repository(&governance);
    return digests;
}
