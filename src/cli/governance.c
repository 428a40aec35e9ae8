/* Is what lanes rest on what was reviewed? The plan of today is asked, and the one that governed
 * last: it is in the ledger, where whoever edits a file cannot reach it. */
#include "governance.h"

#include <stdlib.h>
#include <string.h>

#include "rollbook/git.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"

/* ---- files ---------------------------------------------------------------------------------- */

struct roll_error *roll_governing_read(const char *path, GString **ret_data)
{
    g_autofree char *data = NULL;
    gsize size = 0;
    GError *error = NULL;
    struct roll_error *err = NULL;

    *ret_data = NULL;
    if (g_file_get_contents(path, &data, &size, &error)) {
        if (size > ROLL_APPROVERS_MAX)
            return roll_error_new(ROLL_E_LIMIT, "'%s' is larger than %u bytes", path,
                                  ROLL_APPROVERS_MAX);
        *ret_data = g_string_new_len(data, (gssize)size);
        return NULL;
    }
    if (error->code != G_FILE_ERROR_NOENT)
        err = roll_error_new(ROLL_E_IO, "%s", error->message);
    g_error_free(error);
    return err;
}

char *roll_governing_path(const struct roll_app *app, const struct roll_plan *plan,
                          const char *member)
{
    const char *path = roll_json_get_string(json_object_get(plan->value, "governance"), member);

    if (!path && strcmp(member, "approvers") == 0)
        path = "plans/approvers";
    return path ? g_build_filename(app->workspace->root, path, NULL) : NULL;
}

/* ---- committed? ----------------------------------------------------------------------------- */

struct governance {
    struct roll_git *git;
    struct roll_commit commit;
    char *root; /* of the work tree */
};

static struct roll_error *open_at(const struct roll_app *app, const char *ref,
                                  struct governance *governance)
{
    const char *root;

    ROLL_TRY(roll_git_open(app->workspace->root, &governance->git));
    root = roll_git_workdir(governance->git);
    governance->root = root ? realpath(root, NULL) : NULL;
    return roll_git_resolve(governance->git, ref ? ref : "HEAD", &governance->commit);
}

static void close_it(struct governance *governance)
{
    roll_commit_clear(&governance->commit);
    roll_git_close(governance->git);
    free(governance->root);
}

static bool is_equal(const struct governance *governance, const char *path)
{
    g_autofree char *real = realpath(path, NULL);
    size_t size = governance->root ? strlen(governance->root) : 0;
    g_autoptr(GString) now = NULL, then = NULL;
    struct roll_error *err;
    bool equal;

    if (!real || !size || strncmp(real, governance->root, size) != 0 || real[size] != '/')
        return false;
    err = roll_governing_read(real, &now);
    if (!err && now)
        err = roll_git_read(governance->git, governance->commit.id, real + size + 1,
                            ROLL_APPROVERS_MAX, &then);
    equal = !err && now && then && g_string_equal(now, then);
    roll_error_free(err);
    return equal;
}

/* Owned; NULL: as committed there. */
static char *slip_at(const struct roll_app *app, const struct roll_plan *plan, const char *ref)
{
    g_autofree char *approvers = roll_governing_path(app, plan, "approvers");
    g_autofree char *revoked = roll_governing_path(app, plan, "revoked");
    const char *const files[] = {plan->path, approvers, revoked, NULL};
    struct governance governance = {0};
    struct roll_error *err = open_at(app, ref, &governance);
    char *slip = NULL;

    if (err)
        slip = g_strdup_printf("whether the plan is committed cannot be told: %s", err->message);
    for (const char *const *file = files; !err && *file && !slip; file++) {
        g_autofree char *name = g_path_get_basename(*file);
        if ((file == files || g_file_test(*file, G_FILE_TEST_EXISTS)) &&
            !is_equal(&governance, *file))
            slip = g_strdup_printf("'plans/%s' is not what is committed%s%s%s", name,
                                   ref ? " at " : "", ref ? ref : "",
                                   ref ? ", where it has to be merged" : "");
    }
    roll_error_free(err);
    close_it(&governance);
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

struct roll_error *roll_app_governance_slip(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment,
                                            const char *stream, char **ret_slip)
{
    roll_auto(json) json_t *last = NULL;
    const char *ref = roll_json_get_string(json_object_get(plan->value, "governance"), "ref");
    const char *then;

    ROLL_TRY(last_plan(app->ledger, stream, &last));
    bool had = has_lanes(last, environment->name);
    if (!environment->has_lanes && !had)
        return NULL;
    *ret_slip = slip_at(app, plan, ref);
    then = had ? roll_json_get_string(json_object_get(last, "governance"), "ref") : NULL;
    if (!*ret_slip && then && g_strcmp0(then, ref) != 0)
        *ret_slip = slip_at(app, plan, then);
    return NULL;
}

struct roll_error *roll_governance_refuse(const char *slip)
{
    return roll_error_detail(
        roll_error_new(ROLL_E_REFUSED, "lanes rest on what is reviewed: %s", slip),
        "{\"next\":[\"git add plans && git commit\"]}");
}

struct roll_error *roll_app_need_governance(struct roll_app *app, const struct roll_plan *plan,
                                            const struct roll_plan_environment *environment)
{
    g_autofree char *stream = roll_stream_of(plan, environment), *slip = NULL;

    ROLL_TRY(roll_app_governance_slip(app, plan, environment, stream, &slip));
    return slip ? roll_governance_refuse(slip) : NULL;
}
