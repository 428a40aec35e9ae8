/* roll review --contained-in: whether a release holds a hotfix, as far as commits and artifacts
 * tell. */
#include "review.h"

#include <inttypes.h>
#include <string.h>

static struct roll_error *see_fix(void *user, const struct roll_rollout_row *row)
{
    *(char **)user = g_strdup(row->release);
    return NULL;
}

static const char *const findings[] = {[ROLL_HOLDS_UNKNOWN] = "unknown",
                                       [ROLL_HOLDS_NOT] = "differs",
                                       [ROLL_HOLDS_BY_ARTIFACTS] = "same artifacts",
                                       [ROLL_HOLDS_BY_COMMIT] = "commit"};

static void say_found(struct roll_app *app, const char *version, const char *fix,
                      enum roll_holds holds)
{
    if (holds == ROLL_HOLDS_NOT)
        roll_say(app,
                 "%s has neither the commits nor the artifacts of %s: that it holds the fix "
                 "rests on this word",
                 version, fix);
    else if (holds == ROLL_HOLDS_UNKNOWN)
        roll_say(app,
                 "whether %s holds the commits of %s cannot be checked here: it rests on this "
                 "word",
                 version, fix);
    else
        roll_say(app, "%s holds %s: %s", version, fix,
                 holds == ROLL_HOLDS_BY_COMMIT ? "its commits are in it"
                                               : "its artifacts are the same");
}

struct roll_error *roll_review_contained(struct roll_app *app, const struct roll_plan *plan,
                                         const char *environment, const char *stream,
                                         int64_t rollout, const char *text,
                                         const char **ret_version, const char **ret_found)
{
    const struct roll_rollout_query query = {.stream = stream, .number = rollout, .limit = 1};
    const char *version = NULL;
    g_autofree char *fix = NULL;
    roll_auto(git) struct roll_git *git = NULL;
    enum roll_holds holds = ROLL_HOLDS_UNKNOWN;

    ROLL_TRY(roll_version_argument(text, plan->service, &version));
    ROLL_TRY(roll_ledger_rollouts(app->ledger, &query, see_fix, &fix));
    if (!fix)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s#%" PRId64 "' has no one release", stream,
                              rollout);
    if (strcmp(fix, version) == 0)
        return roll_error_new(ROLL_E_USAGE, "%s is the hotfix itself", fix);
    roll_error_free(roll_git_open(plan->repository, &git)); /* without it less can be told */
    ROLL_TRY(
        roll_release_holds_fix(app->ledger, git, plan->service, environment, version, fix, &holds));
    say_found(app, version, fix, holds);
    *ret_version = version;
    *ret_found = findings[holds];
    return NULL;
}
