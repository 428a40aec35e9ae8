/* roll review: what a rollout owes is made up for. A deferred gate is evaluated now; the rest is
 * closed by a person's word, who is not the one that owes it. */
#include "act.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/policy.h"

struct context {
    const char *reason, *contained_in, *debt;
    bool yes;
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

static bool is_me(const struct roll_app *app, const char *owner)
{
    const char *const names[] = {app->actor.proved, app->actor.claimed};

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        size_t size = names[i] ? strcspn(names[i], " ") : 0;
        if (size && strlen(owner) == size && g_ascii_strncasecmp(owner, names[i], size) == 0)
            return true;
    }
    return false;
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
                    *contained = g_strdup(context->contained_in);
    struct roll_review_given review = {
        .rollout = rollout, .contained_in = contained, .reason = reason};
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

static struct roll_error *see_version(void *user, const struct roll_release_row *row)
{
    (void)user;
    (void)row;
    return NULL;
}

static struct roll_error *check_context(struct roll_app *app, const struct context *context,
                                        const char *stream)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(roll_workspace_environment(app->workspace, stream, &plan, &environment));
    if (context->reason)
        ROLL_TRY(roll_app_need_role(app, plan, environment, ROLL_LANE_RELEASE, "'roll review'"));
    return context->contained_in ? roll_ledger_release(app->ledger, plan->service,
                                                       context->contained_in, see_version, NULL)
                                 : NULL;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) owners = g_ptr_array_new_with_free_func(g_free);
    struct debts debts = {
        .only = context->contained_in ? "hotfix" : context->debt, .names = names, .owners = owners};
    g_autofree char *stream = NULL;

    ROLL_TRY(roll_rollout_argument(app, arguments[0], &stream, &debts.rollout));
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(check_context(app, context, stream));
    ROLL_TRY(roll_ledger_debts(app->ledger, stream, see_debt, &debts));
    if (names->len == 0)
        return roll_error_new(ROLL_E_NOTHING, "'%s#%" PRId64 "' owes nothing%s%s", stream,
                              debts.rollout, debts.only ? " of the kind " : "",
                              debts.only ? debts.only : "");
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
