/* One pass over one environment: what waits is started when it may, what a schedule started and was
 * interrupted goes on, what is due is requested. Several processes may do the same in the same
 * second: the stream's compare-and-swap lets one of them through, and the others see the slot taken
 * when they decide again. */
#include "run_pass.h"
#include "tell.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/fault.h"
#include "rollbook/time.h"

enum { STEPS_MAX = 10 }; /* of one schedule in one pass */

/* What a slot asks for, while it is being chosen. */
struct slot {
    struct roll_run_pass *pass;
    const struct roll_plan_schedule *schedule;
    const struct roll_slot_due *due;
    char *key;
    bool taken, needless;
};

/* ---- choosing for a slot -------------------------------------------------------------------- */

static struct roll_error *see_hold(void *user, const struct roll_environment_row *row)
{
    char **reason = user;

    *reason = roll_run_hold_reason(row);
    return NULL;
}

static struct roll_error *check_hold(const struct roll_act *act)
{
    g_autofree char *reason = NULL;
    g_autofree char *next = g_strdup_printf("{\"next\":[\"roll unhold %s\"]}", act->name);

    ROLL_TRY(roll_ledger_environments(act->app->ledger, act->stream, see_hold, &reason));
    if (!reason)
        return NULL;
    return roll_error_detail(roll_error_new(ROLL_E_REFUSED,
                                            "'%s' is on hold, schedules leave it alone: %s",
                                            act->stream, reason),
                             next);
}

/* After the choice: whatever is written from now on lies behind the head that it was decided on,
 * and makes it a conflict. */
static struct roll_error *check_taken(const struct roll_act *act, struct slot *slot)
{
    struct roll_slot_row row;

    ROLL_TRY(
        roll_ledger_slot(act->app->ledger, act->stream, slot->schedule->name, slot->due->at, &row));
    slot->taken = row.there;
    if (!row.there)
        return NULL;
    return row.rollout
               ? roll_error_new(ROLL_E_NOTHING, "slot %s is taken by %s#%" PRId64, slot->key,
                                act->stream, row.rollout)
               : roll_error_new(ROLL_E_NOTHING, "slot %s has passed: %s", slot->key, row.fate);
}

static struct roll_error *choose_release(struct roll_act *act, struct slot *slot,
                                         char **ret_version)
{
    const struct roll_act_source source = {0};

    roll_act_try_git(act);
    ROLL_TRY(roll_run_release(act->plan, act->environment, slot->schedule, act->app->ledger,
                              act->git, ret_version));
    if (*ret_version)
        return NULL;
    return roll_act_decide_release(act, &source, ret_version); /* a snapshot of HEAD */
}

static struct roll_error *choose(struct roll_act *act, struct roll_choice **ret_choice)
{
    struct slot *slot = act->user;
    g_autofree char *version = NULL;
    struct roll_choice *choice = NULL;

    ROLL_TRY(check_hold(act));
    ROLL_TRY(choose_release(act, slot, &version));
    act->choice.release = version;
    struct roll_error *err = roll_choose_out(act->plan, act->environment, act->app->ledger,
                                             act->git, &act->choice, &choice);
    act->choice.release = NULL;
    if (!err || roll_error_code(err) == ROLL_E_CONFLICT || roll_error_code(err) == ROLL_E_NOTHING) {
        struct roll_error *taken = check_taken(act, slot);
        slot->needless = !taken && roll_error_code(err) == ROLL_E_NOTHING;
        if (taken) {
            roll_error_free(err);
            err = taken;
        }
    }
    if (!err)
        err = check_hold(act);
    if (err) {
        roll_choice_free(choice);
        return err;
    }
    choice->request.slot = g_strdup(slot->key);
    choice->request.not_before = slot->due->at > roll_now_ms() ? slot->due->at : 0;
    choice->request.expires = slot->due->expires;
    choice->request.resume_within = act->environment->resume_within_ms;
    *ret_choice = choice;
    return NULL;
}

/* ---- driving -------------------------------------------------------------------------------- */

static struct roll_error *see_open(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->last_rollout;
    return NULL;
}

static struct roll_error *request(struct roll_run_pass *pass,
                                  const struct roll_plan_schedule *schedule,
                                  const struct roll_slot_due *due)
{
    struct roll_act act = {.app = pass->app,
                           .options = &pass->options,
                           .lane = ROLL_LANE_RELEASE,
                           .verb = "out",
                           .scheduled = true,
                           .when_open = true,
                           .choose = choose};
    g_autofree char *key = roll_slot_key(schedule->name, due->at);
    g_autofree char *reason = g_strdup_printf("schedule %s", schedule->name);
    struct slot slot = {.pass = pass, .schedule = schedule, .due = due, .key = key};
    int64_t rollout = 0;
    struct roll_error *err = roll_act_open(&act, pass->name);

    act.user = &slot;
    act.reason = reason;
    (void)roll_fault("slot-due"); /* others may take it here */
    if (!err)
        err = roll_run_quietly(&act, roll_act_run);
    if (!err)
        err = roll_ledger_environments(pass->app->ledger, act.stream, see_open, &rollout);
    if (!err)
        roll_run_note(pass, "ran", key, rollout, NULL, pass->app->exit_status);
    else if (slot.taken)
        roll_say(pass->app, "%s: %s", pass->name, err->message);
    else if (slot.needless) {
        struct roll_error *later =
            roll_run_pass_by(pass, act.stream, schedule->name, due->at, "needless", err->message);
        roll_error_free(err);
        err = later;
    } else {
        roll_run_note_error(pass, "left", key, 0, g_steal_pointer(&err));
    }
    if (slot.taken) {
        roll_error_free(err);
        err = NULL;
    }
    roll_act_clear(&act);
    return err;
}

/* ---- schedules ------------------------------------------------------------------------------ */

static struct roll_error *do_schedule(struct roll_run_pass *pass, const char *stream,
                                      const struct roll_plan_schedule *schedule)
{
    int64_t tried = 0;

    for (int i = 0; i < STEPS_MAX; i++) {
        struct roll_slot_due due;
        ROLL_TRY(roll_run_due(pass->app, stream, schedule, roll_now_ms(), &due));
        bool passed = false;
        if (due.step == ROLL_SLOT_NOTHING || (due.step == ROLL_SLOT_REQUEST && due.at == tried))
            return NULL;
        if (due.at <= roll_now_ms())
            ROLL_TRY(roll_run_pass_missed(pass, stream, schedule, due.at, &passed));
        if (passed)
            continue;
        if (due.step == ROLL_SLOT_REQUEST) {
            tried = due.at; /* left for the next pass when it could not be requested */
            ROLL_TRY(request(pass, schedule, &due));
        } else if (due.step == ROLL_SLOT_SKIP) {
            ROLL_TRY(
                roll_run_pass_by(pass, stream, schedule->name, due.at, "skipped", "it was missed"));
        } else {
            ROLL_TRY(roll_run_pass_by(pass, stream, schedule->name, due.at, "expired",
                                      "it was missed for too long"));
        }
    }
    return NULL;
}

/* ---- what is owed --------------------------------------------------------------------------- */

static struct roll_error *make_up(void *user, int64_t rollout, const char *gate)
{
    struct roll_run_pass *pass = user;
    struct roll_gate_options options = {.ledger = pass->app->ledger,
                                        .workspace = pass->app->workspace->root,
                                        .stream = pass->name,
                                        .rollout = rollout,
                                        .gate = gate};
    g_autofree char *verdict = NULL, *summary = NULL, *text = NULL, *next = NULL;
    roll_auto(loop) struct roll_loop *loop = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    options.loop = loop;
    ROLL_TRY(roll_gate_make_up(&options, &pass->app->actor, &verdict, &summary));
    text = g_strdup_printf("deferred gate '%s' of #%" PRId64 " %s%s%s", gate, rollout,
                           strcmp(verdict, "error") == 0 ? "could not be evaluated" : verdict,
                           summary ? ": " : "", summary ? summary : "");
    if (strcmp(verdict, "passed") == 0) {
        roll_run_note(pass, "evaluated", NULL, rollout, text, 0);
        return NULL;
    }
    g_autofree char *name = roll_name_to_type(pass->app->workspace, pass->name);
    next = g_strdup_printf("{\"next\":[\"roll review %s#%" PRId64
                           "   evaluates it again; roll run does every six hours\"]}",
                           name, rollout);
    roll_run_note_error(
        pass, "evaluated", NULL, rollout,
        roll_error_detail(roll_error_new(ROLL_E_REFUSED, "%s: %s", pass->name, text), next));
    return NULL;
}

/* ---- telling webhooks ------------------------------------------------------------------------ */

static void tell(struct roll_run_pass *pass, const struct roll_plan *plan)
{
    int delivered = roll_tell(pass->app, plan, pass->name, ROLL_TELL_RUN_MS);
    g_autofree char *text =
        g_strdup_printf("%d notice%s delivered", delivered, delivered == 1 ? "" : "s");

    if (delivered)
        roll_run_note(pass, "told", NULL, 0, text, 0);
}

/* ---- the pass ------------------------------------------------------------------------------- */

struct roll_error *roll_run_environment(struct roll_app *app, const char *name, json_t *done)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    struct roll_run_pass pass = {.app = app, .done = done, .options = {.yes = true}};
    struct roll_run_view view = {0};
    int64_t wake;

    ROLL_TRY(roll_workspace_environment(app->workspace, name, &plan, &environment));
    g_autofree char *stream = roll_stream_of(plan, environment);
    pass.name = stream;
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(roll_run_look(app, plan, environment, roll_now_ms(), &view));
    struct roll_error *err = view.work ? roll_run_open(&pass, plan, environment, &view) : NULL;
    for (guint i = 0; !err && view.work && i < plan->schedule->len; i++) {
        const struct roll_plan_schedule *schedule = plan->schedule->pdata[i];
        if (strcmp(schedule->environment, environment->name) == 0)
            err = do_schedule(&pass, stream, schedule);
    }
    if (!err && view.work)
        err = roll_run_debts(app, stream, roll_now_ms(), make_up, &pass, &wake);
    if (!err && view.work)
        err = roll_run_readiness(&pass, plan, environment);
    if (!err)
        err = roll_run_drift(app, plan, environment, done);
    tell(&pass, plan);
    if (!err)
        err = roll_run_remind(app, stream, done);
    roll_run_view_clear(&view);
    return err;
}
