/* Choose, say it in one sentence, ask, drive, tell what is live and what to type next. */
#include "act.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"
#include "view.h"

enum { MAX_TRIES = 5 };

/* ---- opening -------------------------------------------------------------------------------- */

static struct roll_error *open_ledger(struct roll_act *act)
{
    struct roll_app *app = act->app;
    struct roll_error *err;

    if (!act->options->dry_run)
        return roll_app_write_ledger(app);
    if (!app->actor.claimed)
        app->actor.claimed = roll_claimed_actor();
    err = roll_ledger_open(app->workspace->state_dir, ROLL_LEDGER_READ, &app->ledger);
    if (roll_error_code(err) != ROLL_E_NOT_FOUND)
        return err;
    /* Nothing was ever recorded: an empty ledger decides the same, and --dry-run may make its file.
     */
    roll_error_free(err);
    return roll_app_write_ledger(app);
}

static struct roll_error *settle(struct roll_act *act)
{
    struct roll_driver_options options = roll_act_driver(act, NULL);
    struct roll_outcome outcome;

    return roll_error_wrap(roll_rollout_settle(&options, act->stream, &outcome),
                           "while settling what was interrupted in '%s'", act->stream);
}

struct roll_error *roll_act_open(struct roll_act *act, const char *environment)
{
    ROLL_TRY(roll_workspace_environment(act->app->workspace, environment, &act->plan,
                                        &act->environment));
    act->stream = roll_stream_of(act->plan, act->environment);
    ROLL_TRY(open_ledger(act));
    ROLL_TRY(roll_loop_new(&act->loop));
    return act->options->dry_run ? NULL : settle(act);
}

void roll_act_clear(struct roll_act *act)
{
    roll_git_close(act->git);
    roll_plan_free(act->plan);
    g_free(act->stream);
    roll_loop_free(act->loop);
}

struct roll_error *roll_act_git(struct roll_act *act)
{
    return act->git ? NULL : roll_git_open(act->plan->repository, &act->git);
}

/* ---- saying what would happen --------------------------------------------------------------- */

static void say_notes(struct roll_act *act, const struct roll_choice *choice)
{
    for (char **line = choice->skipped; line && *line; line++)
        roll_say(act->app, "skipped  %s", *line);
    for (char **line = choice->notes; line && *line; line++)
        roll_say(act->app, "note     %s", *line);
}

static bool touches_group(const struct roll_order *order, const char **ret_subscription)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (target->subscription) {
            *ret_subscription = target->subscription;
            return true;
        }
    }
    return false;
}

/* The blast radius in one sentence. */
static char *sentence(const struct roll_act *act, const struct roll_choice *choice)
{
    const struct roll_order *order = choice->order;
    GString *text = g_string_new(NULL);
    const char *subscription = NULL;

    g_string_append_printf(text, "roll %s %s", act->verb, act->stream);
    if (choice->request.release)
        g_string_append_printf(text, " to %s", choice->request.release);
    else
        g_string_append(text, " to each target's own release");
    if (choice->request.from)
        g_string_append_printf(text, ", from %s", choice->request.from);
    g_string_append_printf(text, ": %u target%s", order->targets->len,
                           order->targets->len == 1 ? "" : "s");
    if (order->rings > 1)
        g_string_append_printf(text, " in %d rings", order->rings);
    if (touches_group(order, &subscription))
        g_string_append_printf(text, ", subscription %s", subscription);
    return g_string_free(text, FALSE);
}

static struct roll_error *diff_json(struct roll_act *act, const struct roll_choice *choice,
                                    json_t *targets)
{
    for (guint i = 0; i < choice->order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(choice->order->targets, i);
        json_t *changes = NULL;

        ROLL_TRY(roll_order_diff(act->app->ledger, choice->order, target, &changes));
        json_array_append_new(targets,
                              json_pack("{s:s,s:s?,s:s,s:o}", "name", target->name, "from",
                                        target->had, "to", target->release, "changes", changes));
    }
    return NULL;
}

static const char *change_sign(const char *type)
{
    static const char *const signs[][2] = {{"Create", "+"}, {"Delete", "-"},   {"Modify", "~"},
                                           {"Deploy", "~"}, {"NoChange", "="}, {"Ignore", "."}};

    for (size_t i = 0; type && i < G_N_ELEMENTS(signs); i++)
        if (strcmp(signs[i][0], type) == 0)
            return signs[i][1];
    return "?";
}

static void say_forecast(struct roll_app *app, const json_t *forecasts)
{
    const char *target;
    json_t *changes;

    json_object_foreach ((json_t *)(uintptr_t)forecasts, target, changes) {
        size_t index;
        json_t *change;

        roll_say(app, "%s  what ARM forecasts", target);
        json_array_foreach (changes, index, change) {
            const char *type = roll_json_get_string(change, "changeType");
            const char *id = roll_json_get_string(change, "resourceId");
            roll_say(app, "  %s %s  %s", change_sign(type), type ? type : "", id ? id : "");
        }
    }
}

static struct roll_error *forecast(struct roll_act *act, const struct roll_choice *choice,
                                   json_t **ret_forecasts)
{
    struct roll_driver_options options = roll_act_driver(act, NULL);

    return act->options->what_if ? roll_rollout_what_if(&options, choice, ret_forecasts) : NULL;
}

static void show_diff_json(struct roll_act *act, const struct roll_choice *choice, json_t *targets,
                           json_t *forecasts)
{
    roll_auto(json) json_t *document =
        json_pack("{s:s,s:s,s:s?,s:s?,s:O,s:O*}", "rollout", act->stream, "kind",
                  choice->order->kind, "version", choice->request.release, "from",
                  choice->request.from, "targets", targets, "whatIf", forecasts);

    roll_report_json(&act->app->out, document);
}

static struct roll_error *show_diff(struct roll_act *act, const struct roll_choice *choice)
{
    roll_auto(json) json_t *targets = json_array();
    roll_auto(json) json_t *forecasts = NULL;
    struct roll_app *app = act->app;
    size_t index;
    json_t *target;

    ROLL_TRY(diff_json(act, choice, targets));
    ROLL_TRY(forecast(act, choice, &forecasts));
    if (app->json) {
        show_diff_json(act, choice, targets, forecasts);
        return NULL;
    }
    json_array_foreach (targets, index, target) {
        const char *from = roll_json_get_string(target, "from");
        roll_say(app, "%s  %s → %s", roll_json_get_string(target, "name"), from ? from : "nothing",
                 roll_json_get_string(target, "to"));
        if (roll_report_changes(&app->out, json_object_get(target, "changes"), 2) == 0)
            roll_say(app, "  no differences");
    }
    if (forecasts)
        say_forecast(app, forecasts);
    roll_say(app, "nothing was done (--dry-run)");
    return NULL;
}

/* ---- driving -------------------------------------------------------------------------------- */

struct roll_driver_options roll_act_driver(const struct roll_act *act,
                                           struct roll_progress *progress)
{
    return (struct roll_driver_options){
        .ledger = act->app->ledger,
        .loop = act->loop,
        .sandbox = roll_app_sandbox,
        .sandbox_user = act->app,
        .actor = act->app->actor,
        .listener = progress ? roll_progress_listener(progress) : NULL,
        .timeout_ms = act->options->timeout_ms,
        .no_wait = act->options->no_wait,
        .take = act->options->take,
    };
}

static enum roll_code end_code(const struct roll_outcome *outcome)
{
    switch (outcome->end) {
    case ROLL_END_SUCCEEDED:
        return ROLL_OK;
    case ROLL_END_FAILED_BACK:
        return outcome->back_end == ROLL_END_SUCCEEDED ? ROLL_E_FAILED_ROLLED_BACK : ROLL_E_FAILED;
    case ROLL_END_CANCELLED:
        return ROLL_E_CANCELLED;
    case ROLL_END_SUPERSEDED:
        return ROLL_E_EXPIRED;
    case ROLL_END_DETACHED:
    case ROLL_END_SETTLED:
        return ROLL_E_DETACHED;
    case ROLL_END_FENCED:
    case ROLL_END_CONFLICT:
    case ROLL_END_UNKNOWN_KIND:
        return ROLL_E_CONFLICT;
    case ROLL_END_ENDED:
        return ROLL_E_NOTHING;
    default:
        return ROLL_E_FAILED;
    }
}

static const char *end_word(enum roll_machine_end end)
{
    static const char *const words[] = {
        [ROLL_END_SUCCEEDED] = "succeeded",
        [ROLL_END_FAILED] = "failed",
        [ROLL_END_FAILED_BACK] = "failed",
        [ROLL_END_CANCELLED] = "cancelled",
        [ROLL_END_SUPERSEDED] = "superseded by a newer rollout",
        [ROLL_END_ENDED] = "has ended already",
        [ROLL_END_SETTLED] = "settled",
        [ROLL_END_DETACHED] = "goes on in Azure; this command has let go",
        [ROLL_END_CONFLICT] = "met another writer",
        [ROLL_END_FENCED] = "is driven by another process now",
        [ROLL_END_UNKNOWN_KIND] = "holds events of a newer roll; use that version",
        [ROLL_END_ERROR] = "stopped",
    };

    return (size_t)end < G_N_ELEMENTS(words) && words[end] ? words[end] : "ended";
}

static void say_target_failures(struct roll_app *app, const json_t *view)
{
    size_t index;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        const char *code = roll_json_get_string(target, "code");
        const char *advice = roll_arm_advice(code);
        if (!code)
            continue;
        roll_say(app, "  %s  %s: %s", roll_json_get_string(target, "name"), code,
                 roll_json_get_string(target, "message"));
        roll_say(app, "     correlation id %s", roll_json_get_string(target, "correlationId"));
        if (advice)
            roll_say(app, "     %s", advice);
    }
}

static size_t say_leftovers(struct roll_app *app, const json_t *view)
{
    size_t index, count = 0;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        size_t at;
        json_t *leftover;
        json_array_foreach (json_object_get(target, "leftovers"), at, leftover) {
            if (count++ == 0)
                roll_say(app, "left over, made by newer releases and not deleted:");
            roll_say(app, "  %s  (%s)", roll_json_get_string(leftover, "id"),
                     roll_json_get_string(leftover, "release"));
        }
    }
    return count;
}

static void say_next(struct roll_act *act, const struct roll_outcome *outcome, const json_t *view)
{
    struct roll_app *app = act->app;
    const char *kind = roll_json_get_string(view, "kind");
    const char *name = act->environment->name;

    switch (outcome->end) {
    case ROLL_END_SUCCEEDED:
        if (g_strcmp0(kind, "back") == 0) {
            roll_say(app, "data, secrets' values and deleted resources do not come back with it");
            roll_say(
                app,
                "a hold keeps schedules away from %s until roll out, roll forward or roll unhold",
                name);
            roll_say(app, "next: roll forward %s --reason TEXT   undoes this", name);
        } else if (roll_json_get_string(view, "from")) {
            roll_say(app, "next: roll back %s   undoes this", name);
        }
        break;
    case ROLL_END_FAILED:
        roll_say(app, "next: roll resume %s#%" PRId64 "   sends what failed again", name,
                 outcome->rollout);
        if (g_strcmp0(kind, "back") != 0)
            roll_say(app, "      roll back %s", name);
        else
            roll_say(app, "      roll back %s --to OLDER, roll forward %s or roll hotfix %s", name,
                     name, name);
        break;
    case ROLL_END_DETACHED:
        roll_say(app, "next: roll resume %s#%" PRId64, name, outcome->rollout);
        break;
    default:
        break;
    }
}

struct roll_error *roll_act_finish(struct roll_act *act, const struct roll_outcome *outcome)
{
    struct roll_app *app = act->app;
    roll_auto(json) json_t *view = NULL;
    enum roll_code code = end_code(outcome);

    app->exit_status = roll_code_exit(code);
    if (!outcome->rollout)
        return NULL;
    ROLL_TRY(roll_view_rollout_find(app, act->stream, outcome->rollout, &view));
    if (app->json) {
        roll_report_json(&app->out, view);
        return NULL;
    }
    roll_say(app, "%s#%" PRId64 " %s", act->stream, outcome->rollout, end_word(outcome->end));
    if (outcome->end == ROLL_END_FAILED || outcome->end == ROLL_END_FAILED_BACK)
        say_target_failures(app, view);
    if (outcome->back)
        roll_say(app, "%s#%" PRId64 " (the way back) %s", act->stream, outcome->back,
                 end_word(outcome->back_end));
    say_leftovers(app, view);
    say_next(act, outcome, view);
    return NULL;
}

/* The plan of today governs; it is kept with the request. */
static void attach_plan(struct roll_act *act, struct roll_choice *choice)
{
    struct roll_blob *blob = g_new0(struct roll_blob, 1);

    blob->data = g_string_new(act->plan->text);
    roll_sha256_hex(blob->data->str, blob->data->len, blob->digest);
    g_ptr_array_add(choice->blobs, blob);
    g_free(choice->request.plan);
    choice->request.plan = g_strdup(blob->digest);
}

static struct roll_error *govern(struct roll_act *act, struct roll_choice *choice)
{
    const GPtrArray *overrides = act->options->overrides;
    struct roll_requester requester = {
        .actor = &act->app->actor,
        .sandbox = g_strcmp0(act->environment->cloud, "sandbox") == 0,
        .overrides = overrides ? (const char *const *)overrides->pdata : NULL,
        .reason = act->options->reason,
    };
    json_t *recorded = NULL;

    ROLL_TRY(roll_policy_check(act->plan, act->environment, act->lane, &requester, &recorded));
    if (recorded && choice->request.overrides) {
        json_array_extend(choice->request.overrides, recorded);
        json_decref(recorded);
    } else if (recorded) {
        choice->request.overrides = recorded;
    }
    return NULL;
}

/* With -o json stdout belongs to the document. */
static const struct roll_screen *progress_screen(const struct roll_app *app)
{
    return app->json ? &app->err : &app->out;
}

static struct roll_error *drive(struct roll_act *act, struct roll_choice *choice,
                                struct roll_outcome *outcome)
{
    roll_auto(progress) struct roll_progress *progress = roll_progress_new(
        act->app->json ? &act->app->err : &act->app->out, act->stream, act->app->globals.quiet);
    struct roll_driver_options options = roll_act_driver(act, progress);
    struct roll_error *err = roll_rollout_start(&options, choice, outcome);

    roll_progress_end(progress);
    return err;
}

/* *ret_moved: another writer was faster between the decision and the first append. */
static struct roll_error *try_once(struct roll_act *act, struct roll_outcome *outcome,
                                   bool *ret_moved)
{
    roll_auto(choice) struct roll_choice *choice = NULL;
    g_autofree char *line = NULL;
    struct roll_error *err;

    ROLL_TRY(act->choose(act, &choice));
    ROLL_TRY(govern(act, choice));
    line = sentence(act, choice);
    roll_say(act->app, "%s", line);
    say_notes(act, choice);
    if (act->options->dry_run)
        return show_diff(act, choice);
    ROLL_TRY(roll_confirm(act->app, "Go on?", act->options->yes));
    g_free(choice->request.reason);
    choice->request.reason = g_strdup(act->options->reason);
    attach_plan(act, choice);
    err = drive(act, choice, outcome);
    *ret_moved = roll_error_code(err) == ROLL_E_CONFLICT;
    return err;
}

struct roll_error *roll_act_run(struct roll_act *act)
{
    if (act->options->what_if && !act->options->dry_run)
        return roll_error_new(ROLL_E_USAGE, "'--what-if' goes with '--dry-run'");
    struct roll_outcome outcome = {0};
    struct roll_error *err = NULL;
    bool moved = true;

    act->choice.targets =
        act->options->targets ? (const char *const *)act->options->targets->pdata : NULL;
    act->choice.overrides =
        act->options->overrides ? (const char *const *)act->options->overrides->pdata : NULL;
    act->choice.ring = act->options->ring - 1;
    for (int tries = 0; moved && tries < MAX_TRIES; tries++) {
        roll_error_free(err);
        moved = false;
        err = try_once(act, &outcome, &moved);
    }
    if (err || act->options->dry_run)
        return err;
    return roll_act_finish(act, &outcome);
}

/* ---- resuming ------------------------------------------------------------------------------- */

struct known_rollout {
    char *kind, *release, *state;
    int64_t ended_at;
};

static struct roll_error *know_rollout(void *user, const struct roll_rollout_row *row)
{
    struct known_rollout *known = user;

    *known = (struct known_rollout){
        .kind = g_strdup(row->kind),
        .release = g_strdup(row->release),
        .state = g_strdup(row->state),
        .ended_at = row->ended_at,
    };
    return NULL;
}

static void known_rollout_clear(struct known_rollout *known)
{
    g_free(known->kind);
    g_free(known->release);
    g_free(known->state);
}

static struct roll_error *resume_open(struct roll_act *act, int64_t rollout)
{
    struct roll_outcome outcome = {0};
    g_autofree char *question = g_strdup_printf(
        "resume %s#%" PRId64 ": what was intended is looked at, what is missing is sent. Go on?",
        act->stream, rollout);

    ROLL_TRY(roll_confirm(act->app, question, act->options->yes));
    roll_auto(progress) struct roll_progress *progress =
        roll_progress_new(progress_screen(act->app), act->stream, act->app->globals.quiet);
    struct roll_driver_options options = roll_act_driver(act, progress);
    struct roll_error *err = roll_rollout_resume(&options, act->stream, rollout, &outcome);

    roll_progress_end(progress);
    ROLL_TRY(err);
    return roll_act_finish(act, &outcome);
}

/* A rollout that ended is not opened again: its goal is, for the targets that are dirty. */
static struct roll_error *choose_again(struct roll_act *act, struct roll_choice **ret_choice)
{
    const struct known_rollout *known = act->user;

    act->choice.release = known->release;
    if (strcmp(known->kind, "back") == 0)
        return roll_choose_back(act->plan, act->environment, act->app->ledger, &act->choice,
                                ret_choice);
    if (strcmp(known->kind, "forward") == 0)
        return roll_choose_forward(act->plan, act->environment, act->app->ledger, act->git,
                                   &act->choice, ret_choice);
    if (strcmp(known->kind, "hotfix") == 0)
        return roll_choose_hotfix(act->plan, act->environment, act->app->ledger, act->git,
                                  &act->choice, ret_choice);
    return roll_choose_out(act->plan, act->environment, act->app->ledger, act->git, &act->choice,
                           ret_choice);
}

static enum roll_lane lane_of_kind(const char *kind)
{
    if (strcmp(kind, "back") == 0 || strcmp(kind, "forward") == 0)
        return ROLL_LANE_ROLLBACK;
    return strcmp(kind, "hotfix") == 0 ? ROLL_LANE_HOTFIX : ROLL_LANE_RELEASE;
}

static struct roll_error *send_again(struct roll_act *act, struct known_rollout *known)
{
    if (strcmp(known->state, "failed") != 0 && strcmp(known->state, "cancelled") != 0)
        return roll_error_new(ROLL_E_NOTHING, "it has ended: %s", known->state);
    act->lane = lane_of_kind(known->kind);
    act->verb = known->kind;
    act->user = known;
    act->choose = choose_again;
    return roll_act_run(act);
}

struct roll_error *roll_act_resume(struct roll_act *act, int64_t rollout)
{
    struct roll_rollout_query query = {.stream = act->stream, .number = rollout, .limit = 1};
    struct known_rollout known = {0};
    struct roll_error *err = roll_ledger_rollouts(act->app->ledger, &query, know_rollout, &known);

    if (!err && !known.kind)
        err = roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'", act->stream,
                             rollout);
    if (!err && !known.ended_at)
        err = resume_open(act, rollout);
    else if (!err)
        err = send_again(act, &known);
    known_rollout_clear(&known);
    return err;
}
