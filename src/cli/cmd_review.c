/* roll review: what a rollout owes is made up for. A deferred gate is evaluated now; the rest is
 * closed by a person's word, who is not the one that owes it. */
#include "act.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/policy.h"

struct context {
    const char *reason, *contained_in, *debt;
    bool yes;
    const char *version; /* of contained_in, borrowed from it */
    const char *found;   /* whether it holds the fix; static, or NULL: not asked */
};

struct debts {
    int64_t rollout;
    const char *only; /* or NULL */
    GPtrArray *names, *owners;
};

static struct roll_error *see_debt(void *user, const struct roll_debt_row *row)
{
    struct debts *debts = user;

    if (row->rollout != debts->rollout || row->closed_at ||
        (debts->only && strcmp(debts->only, row->debt) != 0))
        return NULL;
    g_ptr_array_add(debts->names, g_strdup(row->debt));
    g_ptr_array_add(debts->owners, g_strdup(row->owner ? row->owner : ""));
    return NULL;
}

/* The first word names; what follows is ids and addresses. */
static bool is_same(const char *one, const char *other)
{
    size_t size = one ? strcspn(one, " ") : 0;

    return size && other && strcspn(other, " ") == size &&
           g_ascii_strncasecmp(one, other, size) == 0;
}

static bool is_me(const struct roll_app *app, const char *name)
{
    return is_same(app->actor.proved, name) || is_same(app->actor.claimed, name);
}

/* Who asked for the rollout, by credential or by name, does not review it: neither may a pipeline
 * whose credential it was. */
static struct roll_error *check_reviewer(struct roll_app *app, const char *stream, int64_t rollout)
{
    roll_auto(event) struct roll_event *request = NULL;
    const char *by;

    ROLL_TRY(roll_ledger_event(app->ledger, stream, rollout, &request));
    by = is_me(app, request->actor.proved)    ? request->actor.proved
         : is_me(app, request->actor.claimed) ? request->actor.claimed
                                              : NULL;
    return by ? roll_error_new(ROLL_E_REFUSED,
                               "'%s' asked for '%s#%" PRId64 "': somebody else reviews it", by,
                               stream, rollout)
              : NULL;
}

static struct roll_error *append(struct roll_app *app, const char *stream,
                                 const struct roll_draft *drafts, size_t count)
{
    struct roll_error *err = NULL;

    for (int tries = 0; tries < 20; tries++) {
        struct roll_expect expect = {.stream = stream};
        roll_error_free(err);
        ROLL_TRY(roll_ledger_head(app->ledger, stream, &expect.head));
        err = roll_ledger_append(app->ledger, &app->actor, 0, &expect, 1, drafts, count, NULL, 0,
                                 NULL);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            return err;
    }
    return err;
}

/* ---- a gate --------------------------------------------------------------------------------- */

static struct roll_error *make_up(struct roll_app *app, const char *stream, int64_t rollout,
                                  const char *gate)
{
    struct roll_gate_options options = {.ledger = app->ledger,
                                        .workspace = app->workspace->root,
                                        .stream = stream,
                                        .rollout = rollout,
                                        .gate = gate};
    g_autofree char *verdict = NULL, *summary = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    options.loop = loop;
    ROLL_TRY(roll_gate_make_up(&options, &app->actor, &verdict, &summary));
    if (strcmp(verdict, "passed") != 0)
        return roll_error_new(
            ROLL_E_REFUSED, "gate '%s' of '%s#%" PRId64 "' %s%s%s", gate, stream, rollout,
            strcmp(verdict, "failed") == 0 ? "was not passed" : "could not be evaluated",
            summary ? ": " : "", summary ? summary : "");
    roll_say(app, "gate '%s' of %s#%" PRId64 " has passed%s%s", gate, stream, rollout,
             summary ? ": " : "", summary ? summary : "");
    return NULL;
}

/* ---- a word --------------------------------------------------------------------------------- */

static struct roll_error *close_by_word(struct roll_app *app, const struct context *context,
                                        const char *stream, int64_t rollout, const char *name)
{
    g_autofree char *debt = g_strdup(name), *reason = g_strdup(context->reason),
                    *contained = g_strdup(context->version), *found = g_strdup(context->found);
    struct roll_review_given review = {
        .rollout = rollout, .contained_in = contained, .found = found, .reason = reason};
    struct roll_debt_closed closed = {.rollout = rollout, .debt = debt, .reason = reason};
    const struct roll_draft drafts[] = {{stream, ROLL_EVENT_review_given, &review},
                                        {stream, ROLL_EVENT_debt_closed, &closed}};

    ROLL_TRY(append(app, stream, drafts, G_N_ELEMENTS(drafts)));
    roll_say(app, "%s of %s#%" PRId64 " is closed", name, stream, rollout);
    return NULL;
}

static struct roll_error *check_word(struct roll_app *app, const struct context *context,
                                     const char *stream, const char *name, const char *owner)
{
    if (!context->reason)
        return roll_error_new(ROLL_E_USAGE, "closing '%s' by a word needs '--reason'", name);
    if (is_me(app, owner))
        return roll_error_new(ROLL_E_REFUSED, "'%s' is owed by '%s': somebody else reviews it",
                              name, owner);
    if (strcmp(name, "hotfix") == 0 && !context->contained_in)
        return roll_error_detail(
            roll_error_new(ROLL_E_USAGE,
                           "the hotfix of '%s' is closed by a release that contains it", stream),
            "{\"next\":[\"roll review ROLLOUT --contained-in VERSION --reason TEXT\"]}");
    return NULL;
}

/* Gates are made up for, unless a person gives a reason why not. */
static struct roll_error *close_one(struct roll_app *app, const struct context *context,
                                    const char *stream, int64_t rollout, const char *name,
                                    const char *owner)
{
    if (g_str_has_prefix(name, "gate:") && !context->reason)
        return make_up(app, stream, rollout, name + strlen("gate:"));
    ROLL_TRY(check_word(app, context, stream, name, owner));
    return close_by_word(app, context, stream, rollout, name);
}

/* ---- contained in? -------------------------------------------------------------------------- */

static struct roll_error *see_fix(void *user, const struct roll_rollout_row *row)
{
    *(char **)user = g_strdup(row->release);
    return NULL;
}

static const char *const findings[] = {[ROLL_HOLDS_UNKNOWN] = "unknown",
                                       [ROLL_HOLDS_NOT] = "differs",
                                       [ROLL_HOLDS_BY_ARTIFACTS] = "same artifacts",
                                       [ROLL_HOLDS_BY_COMMIT] = "commit"};

/* Recorded with the word; the word counts all the same, since a fix may have been written anew. */
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

static struct roll_error *check_contained(struct roll_app *app, struct context *context,
                                          const struct roll_plan *plan, const char *environment,
                                          const struct roll_rollout_query *query)
{
    g_autofree char *fix = NULL;
    roll_auto(git) struct roll_git *git = NULL;
    enum roll_holds holds = ROLL_HOLDS_UNKNOWN;

    ROLL_TRY(roll_version_argument(context->contained_in, plan->service, &context->version));
    ROLL_TRY(roll_ledger_rollouts(app->ledger, query, see_fix, &fix));
    if (!fix)
        return roll_error_new(ROLL_E_NOT_FOUND, "'%s#%" PRId64 "' has no one release",
                              query->stream, query->number);
    if (strcmp(fix, context->version) == 0)
        return roll_error_new(ROLL_E_USAGE, "%s is the hotfix itself", fix);
    roll_error_free(roll_git_open(plan->repository, &git)); /* without it less can be told */
    ROLL_TRY(roll_release_holds_fix(app->ledger, git, plan->service, environment, context->version,
                                    fix, &holds));
    context->found = findings[holds];
    say_found(app, context->version, fix, holds);
    return NULL;
}

static struct roll_error *check_context(struct roll_app *app, struct context *context,
                                        const char *stream, int64_t rollout)
{
    const struct roll_rollout_query query = {.stream = stream, .number = rollout, .limit = 1};
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(roll_workspace_environment(app->workspace, stream, &plan, &environment));
    if (context->reason) {
        ROLL_TRY(roll_app_need_role(app, plan, environment, ROLL_LANE_RELEASE, "'roll review'"));
        ROLL_TRY(check_reviewer(app, stream, rollout));
    }
    return context->contained_in ? check_contained(app, context, plan, environment->name, &query)
                                 : NULL;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) owners = g_ptr_array_new_with_free_func(g_free);
    struct debts debts = {
        .only = context->contained_in ? "hotfix" : context->debt, .names = names, .owners = owners};
    g_autofree char *stream = NULL;

    ROLL_TRY(roll_rollout_argument(app, arguments[0], &stream, &debts.rollout));
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(roll_ledger_debts(app->ledger, stream, see_debt, &debts));
    if (names->len == 0)
        return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' owes nothing%s%s", stream,
                              debts.rollout, debts.only ? " of the kind " : "",
                              debts.only ? debts.only : "");
    ROLL_TRY(check_context(app, context, stream, debts.rollout));
    for (guint i = 0; i < names->len; i++)
        ROLL_TRY(close_one(app, context, stream, debts.rollout, g_ptr_array_index(names, i),
                           g_ptr_array_index(owners, i)));
    return NULL;
}

static const struct roll_option options[] = {
    {"reason", 'r', ROLL_TEXT, offsetof(struct context, reason), "TEXT",
     "why it may be closed; recorded. Without it deferred gates are evaluated"},
    {"contained-in", 0, ROLL_TEXT, offsetof(struct context, contained_in), "VERSION",
     "the release that contains the hotfix"},
    {"debt", 0, ROLL_TEXT, offsetof(struct context, debt), "NAME", "only this debt"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL, "accepted; nothing is asked"},
    {NULL},
};

const struct roll_command roll_cmd_review = {
    .name = "review",
    .arguments = "ROLLOUT",
    .summary = "make up for what a rollout owes: a gate put off, an override, a hotfix",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
