/* Choose, say it in one sentence, ask, drive. What is said is act_say.c's. */
#include "act.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/log.h"
#include "rollbook/policy.h"

enum { MAX_TRIES = 5 };

/* ---- arguments ------------------------------------------------------------------------------ */

/* What --override passes by, and whether it is told which one. */
enum named { NAMED_NEVER, NAMED_MAYBE, NAMED_ALWAYS };
static const struct {
    const char *kind;
    enum named named;
} override_kinds[] = {
    {"after", NAMED_NEVER},  {"approval", NAMED_NEVER},     {"freeze", NAMED_MAYBE},
    {"gate", NAMED_MAYBE},   {"hold", NAMED_NEVER},         {"hotfix", NAMED_NEVER},
    {"order", NAMED_NEVER},  {"overdue", NAMED_NEVER},      {"quarantine", NAMED_NEVER},
    {"window", NAMED_MAYBE}, {"secret-scan", NAMED_ALWAYS},
};

/* A misspelt override would look as if it had passed a gate. */
struct roll_error *roll_act_check_override(const char *given)
{
    size_t size = strcspn(given, ":");
    bool named = given[size] != '\0';
    g_autoptr(GString) all = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(override_kinds); i++) {
        const char *kind = override_kinds[i].kind;
        g_string_append_printf(all, "%s%s", i ? ", " : "", kind);
        if (strncmp(kind, given, size) != 0 || kind[size])
            continue;
        if (override_kinds[i].named == NAMED_NEVER && named)
            return roll_error_new(ROLL_E_USAGE, "'--override %s' takes no name: '%s'", kind, given);
        if ((override_kinds[i].named == NAMED_ALWAYS && !named) || (named && !given[size + 1]))
            return roll_error_new(ROLL_E_USAGE, "'--override %s' needs a name: %s:NAME", given,
                                  kind);
        return NULL;
    }
    return roll_error_new(ROLL_E_USAGE, "'--override' takes one of %s, not '%s'", all->str, given);
}

static struct roll_error *check_options(const struct roll_act_options *options)
{
    if (options->what_if && !options->dry_run)
        return roll_error_new(ROLL_E_USAGE, "'--what-if' goes with '--dry-run'");
    if (options->wait && options->no_wait)
        return roll_error_new(ROLL_E_USAGE, "--wait and --no-wait exclude each other");
    if (options->secrets && strcmp(options->secrets, "current") != 0 &&
        strcmp(options->secrets, "recorded") != 0)
        return roll_error_new(ROLL_E_USAGE, "'--secrets' takes 'recorded' or 'current', not '%s'",
                              options->secrets);
    for (guint i = 0; options->overrides && i < options->overrides->len; i++)
        if (g_ptr_array_index(options->overrides, i))
            ROLL_TRY(roll_act_check_override(g_ptr_array_index(options->overrides, i)));
    if (options->overrides && !options->reason && !options->dry_run)
        return roll_error_new(ROLL_E_USAGE, "'--override' needs '--reason': it is recorded");
    return NULL;
}

struct roll_error *roll_act_check(const struct roll_act *act)
{
    ROLL_TRY(check_options(act->options));
    return act->options->dry_run ? NULL : roll_confirm_possible(act->app, act->options->yes);
}

/* ---- opening -------------------------------------------------------------------------------- */

struct roll_error *roll_act_read_ledger(struct roll_act *act)
{
    struct roll_app *app = act->app;
    struct roll_error *err;

    if (app->ledger)
        return NULL;
    if (!app->actor.claimed)
        app->actor.claimed = roll_claimed_actor();
    err = roll_ledger_open(app->workspace->state_dir, ROLL_LEDGER_READ, &app->ledger);
    if (err && roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    roll_error_free(err);
    ROLL_TRY(roll_app_need_knowledge(app, NULL));
    return app->ledger ? NULL : roll_ledger_rehearse(NULL, &app->ledger);
}

static struct roll_error *open_ledger(struct roll_act *act)
{
    struct roll_app *app = act->app;

    /* A rollback needs ARM, a credential and the local ledger, nothing else. */
    app->emergency = strcmp(act->verb, "back") == 0 || strcmp(act->verb, "hotfix") == 0;
    return act->options->dry_run ? roll_act_read_ledger(act) : roll_app_write_ledger(app);
}

/* With --dry-run a new release is recorded in a copy that is forgotten. */
struct roll_error *roll_act_record(struct roll_act *act, const struct roll_release *release)
{
    struct roll_app *app = act->app;
    struct roll_ledger *copy = NULL;

    if (release->recorded)
        return NULL;
    if (act->options->dry_run) {
        ROLL_TRY(roll_ledger_rehearse(app->ledger, &copy));
        roll_ledger_close(app->ledger);
        app->ledger = copy;
    }
    return roll_release_record(app->ledger, &app->actor, release);
}

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->open_rollout;
    return NULL;
}

/* It takes seconds when a request of the earlier command may still be under way. One that has ended
 * may have left something, too: on another replica, which had not heard of its end. */
struct roll_error *roll_act_settle(struct roll_act *act)
{
    g_autoptr(GArray) unsettled = NULL;
    int64_t open = 0;
    struct roll_driver_options options = roll_act_driver(act, NULL);
    struct roll_outcome outcome;

    ROLL_TRY(roll_ledger_environments(act->app->ledger, act->stream, see_open, &open));
    ROLL_TRY(roll_ledger_unsettled(act->app->ledger, act->stream, &unsettled));
    if (!open && unsettled->len > 0)
        open = g_array_index(unsettled, int64_t, unsettled->len - 1);
    if (!open)
        return NULL;
    if (!act->app->globals.quiet) {
        roll_print(act->app->err.file, "looking at what became of %s#%" PRId64 "\n", act->stream,
                   open);
        fflush(act->app->err.file);
    }
    return roll_error_wrap(roll_rollout_settle(&options, act->stream, &outcome),
                           "while settling what was interrupted in '%s'", act->stream);
}

/* The token is asked for while the ledger is read: as the first target will want it. */
static void prefetch(const struct roll_act *act)
{
    const struct roll_plan_target *first = g_ptr_array_index(act->environment->targets, 0);
    char *own = act->environment->lanes[act->lane].credential;
    struct roll_order_target target = {.cloud = first->cloud,
                                       .tenant = first->tenant,
                                       .credential = own ? own : first->credential};

    /* A person is not asked for a code before it is known what for. */
    if (!act->options->dry_run && g_strcmp0(first->cloud, "sandbox") != 0 &&
        g_strcmp0(target.credential, "device-code") != 0)
        roll_links_prefetch(act->links, &target);
}

/* The parts of one rollout share connections, tokens and the signals. */
static struct roll_error *open_loop(struct roll_act *act)
{
    if (act->whole) {
        act->loop = act->whole->loop;
        act->links = act->whole->links;
        return NULL;
    }
    ROLL_TRY(roll_loop_new(&act->loop));
    act->links = roll_links_new(act->loop, roll_app_sandbox, act->app);
    roll_links_set_patience(act->links, act->options->timeout_ms);
    return NULL;
}

struct roll_error *roll_act_open(struct roll_act *act, const char *environment)
{
    ROLL_TRY(roll_workspace_environment(act->app->workspace, environment, &act->plan,
                                        &act->environment));
    if (act->options->overrides)
        ROLL_TRY(roll_policy_check_names(act->environment,
                                         (const char *const *)act->options->overrides->pdata));
    ROLL_TRY(roll_act_check(act));
    act->stream = roll_stream_of(act->plan, act->environment);
    act->name = roll_name_to_type(act->app->workspace, act->stream);
    ROLL_TRY(open_loop(act));
    prefetch(act);
    ROLL_TRY(open_ledger(act));
    return act->options->dry_run ? NULL : roll_act_settle(act);
}

void roll_act_clear(struct roll_act *act)
{
    roll_git_close(act->git);
    roll_plan_free(act->plan);
    g_free(act->stream);
    g_free(act->name);
    if (act->whole)
        return;
    roll_links_free(act->links);
    roll_loop_free(act->loop);
}

struct roll_error *roll_act_git(struct roll_act *act)
{
    return act->git ? NULL : roll_git_open(act->plan->repository, &act->git);
}

void roll_act_try_git(struct roll_act *act)
{
    struct roll_error *err = roll_act_git(act);

    if (err)
        roll_log(ROLL_LOG_VERBOSE, "git is not at hand: %s", err->message);
    roll_error_free(err);
}

/* ---- driving -------------------------------------------------------------------------------- */

struct roll_driver_options roll_act_driver(const struct roll_act *act,
                                           struct roll_progress *progress)
{
    return (struct roll_driver_options){
        .ledger = act->app->ledger,
        .loop = act->loop,
        .links = act->links,
        .actor = act->app->actor,
        .listener = progress ? roll_progress_listener(progress) : NULL,
        .timeout_ms = act->options->timeout_ms,
        .no_wait = act->options->no_wait,
        .wait = act->options->wait && !act->with, /* its parts are this process's to do */
        .workspace = act->app->workspace->root,
        .take = act->options->take,
        .look = true,
        .sync = act->app->sync,
        .wait_for_access = act->options->wait_for_access,
        .retain = act->plan ? act->plan->retain : 0,
        .plan = act->plan ? act->plan->value : NULL,
    };
}

/* With -o json stdout belongs to the document. */
const struct roll_screen *roll_act_progress_screen(const struct roll_app *app)
{
    return app->json ? &app->err : &app->out;
}

static struct roll_error *drive(struct roll_act *act, struct roll_choice *choice,
                                struct roll_outcome *outcome)
{
    roll_auto(progress) struct roll_progress *progress =
        roll_progress_new(roll_act_progress_screen(act->app), act->stream, act->app->globals.quiet);
    struct roll_driver_options options = roll_act_driver(act, progress);
    struct roll_error *err = roll_rollout_start(&options, choice, outcome);

    roll_progress_end(progress);
    return err;
}

/* The whole and its parts name each other, so that whoever goes on with one finds the others. */
static void enter_parts(const struct roll_act *act, struct roll_rollout_requested *request)
{
    if (act->part_of)
        request->part_of = g_strdup(act->part_of);
    if (!act->with)
        return;
    request->with = json_incref(act->with);
    if (!request->gates)
        request->gates = json_object();
    json_object_set_new(request->gates, "wait", json_true());
}

/* *ret_moved: another writer was faster between the decision and the first append. */
static struct roll_error *try_once(struct roll_act *act, struct roll_outcome *outcome,
                                   bool *ret_moved)
{
    roll_auto(choice) struct roll_choice *choice = NULL;
    g_autofree char *line = NULL;
    struct roll_error *err;

    ROLL_TRY(act->choose(act, &choice));
    if (!act->options->dry_run) /* which asks nobody, not even for a token */
        ROLL_TRY(roll_act_govern(act, choice));
    line = roll_act_sentence(act, choice);
    roll_say(act->app, "%s", line);
    roll_act_say_notes(act, choice);
    if (act->options->dry_run)
        return roll_act_show_diff(act, choice);
    if (!act->options->yes)
        ROLL_TRY(roll_act_say_prune(act, choice));
    ROLL_TRY(roll_confirm(act->app, "Go on?", act->options->yes));
    enter_parts(act, &choice->request);
    g_free(choice->request.reason);
    choice->request.reason = g_strdup(act->options->reason ? act->options->reason : act->reason);
    bool aside = roll_ledger_is_aside(act->app->ledger);
    err = drive(act, choice, outcome);
    *ret_moved = roll_error_code(err) == ROLL_E_CONFLICT && outcome->end != ROLL_END_ERROR;
    if (!aside && roll_ledger_is_aside(act->app->ledger))
        roll_app_say_aside(act->app, NULL);
    return err;
}

struct roll_error *roll_act_run(struct roll_act *act)
{
    ROLL_TRY(roll_act_check(act));
    struct roll_outcome outcome = {0};
    struct roll_error *err = NULL;
    bool moved = true;

    act->choice.targets =
        act->options->targets ? (const char *const *)act->options->targets->pdata : NULL;
    act->choice.overrides =
        act->options->overrides ? (const char *const *)act->options->overrides->pdata : NULL;
    act->choice.ring = act->options->ring - 1;
    if (act->options->secrets) /* a part's choice is made of the whole's */
        act->choice.secrets_current = strcmp(act->options->secrets, "current") == 0;
    for (int tries = 0; moved && tries < MAX_TRIES; tries++) {
        roll_error_free(err);
        moved = false;
        err = try_once(act, &outcome, &moved);
    }
    if (err || act->options->dry_run)
        return err;
    if (act->with && outcome.end == ROLL_END_WAITING) {
        act->requested = outcome.rollout;
        return NULL;
    }
    return roll_act_finish(act, &outcome);
}
