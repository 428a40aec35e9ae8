/* What lanes rest on, for commands: read, asked for (policy/governance.c), refused. */
#include "governance.h"

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
    return roll_governance_path(plan, app->workspace->root, member);
}

/* ---- committed? ----------------------------------------------------------------------------- */

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

    ROLL_TRY(roll_governance_slip(app->ledger, app->workspace->root, plan, environment, stream,
                                  NULL, &slip));
    return slip ? roll_governance_refuse(slip) : NULL;
}
