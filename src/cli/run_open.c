/* The rollout that a pass finds open: what waits is started when it may, what a schedule started
 * and was interrupted goes on, what people have to do is left to them. */
#include "run_pass.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/git.h"
#include "rollbook/time.h"

struct detached {
    int64_t rollout, at;
};

static struct roll_error *see_detached(void *user, const struct roll_event *event)
{
    const struct roll_rollout_detached *body = roll_event_body(event, rollout_detached);
    struct detached *detached = user;

    if (body && body->rollout == detached->rollout)
        detached->at = event->at;
    return NULL;
}

/* From when on its age counts: if it was let go while its window was closed, from the next opening;
 * that wait does not make it old. One that was killed, or let go of in its window, is as old as it
 * is. */
static struct roll_error *age_since(struct roll_run_pass *pass, const struct roll_run_open *open,
                                    const json_t *rules, int64_t opened_at, int64_t *ret_since)
{
    struct detached detached = {.rollout = open->number};
    struct roll_timing then = {.open = true};

    ROLL_TRY(
        roll_ledger_events(pass->app->ledger, pass->name, open->number, see_detached, &detached));
    if (detached.at)
        ROLL_TRY(roll_timing_at(rules, detached.at, &then));
    *ret_since = then.open ? open->began_at : MAX(open->began_at, opened_at);
    roll_timing_clear(&then);
    return NULL;
}

/* Why a rollout that was interrupted stays for a person; NULL: it goes on. Owned. */
static struct roll_error *why_not_resumed(struct roll_run_pass *pass,
                                          const struct roll_plan_environment *environment,
                                          const struct roll_run_view *view, char **ret_reason)
{
    int64_t now = roll_now_ms(), since = 0;
    roll_auto(json) json_t *rules = roll_policy_timing(environment, ROLL_LANE_RELEASE, NULL);
    struct roll_timing timing = {0};
    struct roll_error *err;

    *ret_reason = NULL;
    if (view->held) {
        *ret_reason = g_strdup("the environment is on hold");
        return NULL;
    }
    ROLL_TRY(roll_timing_at(rules, now, &timing));
    err = age_since(pass, &view->open, rules, timing.since, &since);
    if (!err && !timing.open) {
        *ret_reason = g_strdup(timing.why);
    } else if (!err && now - since > environment->resume_within_ms) {
        g_autoptr(GString) age = g_string_new(NULL);
        roll_duration_write(environment->resume_within_ms, age);
        *ret_reason = g_strdup_printf("it is older than resumeWithin (%s)", age->str);
    }
    roll_timing_clear(&timing);
    return err;
}

static struct roll_error *run_resume(struct roll_act *act)
{
    const struct roll_run_open *open = act->user;

    return roll_act_resume(act, open->number);
}

static struct roll_error *see_state(void *user, const struct roll_rollout_row *row)
{
    *(bool *)user = strcmp(row->state, "expired") == 0;
    return NULL;
}

/* Looking at it has ended it. */
static bool has_expired(struct roll_run_pass *pass, const struct roll_run_open *open)
{
    const struct roll_rollout_query query = {
        .stream = pass->name, .number = open->number, .limit = 1};
    bool expired = false;

    roll_error_free(roll_ledger_rollouts(pass->app->ledger, &query, see_state, &expired));
    return expired;
}

static struct roll_error *resume(struct roll_run_pass *pass, const struct roll_run_open *open)
{
    struct roll_act act = {
        .app = pass->app, .options = &pass->options, .verb = "resume", .scheduled = true};
    struct roll_error *err = roll_act_open(&act, pass->name);
    struct roll_run_open copy = *open;

    act.user = &copy;
    if (!err)
        err = roll_run_quietly(&act, run_resume);
    roll_act_clear(&act);
    if (roll_error_code(err) == ROLL_E_NOTHING && has_expired(pass, open)) {
        roll_error_free(err);
        roll_run_note(pass, "expired", open->slot, open->number, NULL,
                      roll_code_exit(ROLL_E_EXPIRED));
        roll_say(pass->app, "%s#%" PRId64 " has expired; nothing of it was sent", pass->name,
                 open->number);
        return NULL;
    }
    if (roll_error_code(err) == ROLL_E_CONFLICT || roll_error_code(err) == ROLL_E_NOTHING) {
        /* another process was faster */
        roll_say(pass->app, "%s: %s", pass->name, err->message);
        roll_error_free(err);
        return NULL;
    }
    if (err)
        roll_run_note_error(pass, "left", open->slot, open->number, err);
    else
        roll_run_note(pass, open->pending ? "tried" : "resumed", open->slot, open->number, NULL,
                      pass->app->exit_status);
    return NULL;
}

/* What was requested knows the rules of then; a freeze that was declared since counts too. */
static struct roll_error *why_not_started(const struct roll_plan_environment *environment,
                                          const struct roll_run_open *open, char **ret_reason)
{
    roll_auto(json) json_t *rules = roll_policy_timing(environment, ROLL_LANE_RELEASE, NULL);
    struct roll_timing timing = {0};

    if (!open->timed || (open->expires && roll_now_ms() >= open->expires)) /* its end is recorded */
        return NULL;
    ROLL_TRY(roll_timing_at(rules, roll_now_ms(), &timing));
    if (!timing.open)
        *ret_reason = g_strdup(timing.why);
    roll_timing_clear(&timing);
    return NULL;
}

/* What a schedule asked for is started by nobody who could look: since then a release that it
 * descends from may have turned out bad. A person may go on with it. */
static struct roll_error *check_descent(struct roll_run_pass *pass, const struct roll_plan *plan,
                                        const struct roll_plan_environment *environment,
                                        const struct roll_run_open *open)
{
    struct roll_git *git = NULL;
    struct roll_error *err = NULL;

    if (!open->slot || !open->release || (open->expires && roll_now_ms() >= open->expires))
        return NULL;
    roll_error_free(roll_git_open(plan->repository, &git)); /* what it cannot tell counts as bad */
    err = roll_run_check_quarantine(plan, environment, pass->app->ledger, git, open->release);
    roll_git_close(git);
    return err;
}

/* What lacks nothing but people is left to them: to look at it changes nothing. Owned, or NULL. */
static struct roll_error *find_asked(struct roll_run_pass *pass, const struct roll_run_open *open,
                                     char **ret_reason)
{
    struct roll_lacks lacks = {0};
    struct roll_error *err = roll_rollout_lacks(pass->app->ledger, pass->app->workspace->root,
                                                pass->name, open->number, &lacks);
    g_autofree char *name = roll_name_to_type(pass->app->workspace, pass->name);
    bool expired = lacks.expires_at && lacks.expires_at <= roll_now_ms();

    if (!err && lacks.approval && lacks.texts->len == 1 && !expired)
        *ret_reason = g_strdup_printf("it waits for %s; next: roll approve %s#%" PRId64,
                                      (char *)lacks.texts->pdata[0], name, open->number);
    roll_lacks_clear(&lacks);
    return err;
}

static struct roll_error *start(struct roll_run_pass *pass, const struct roll_plan *plan,
                                const struct roll_plan_environment *environment,
                                const struct roll_run_open *open)
{
    struct roll_error *err = check_descent(pass, plan, environment, open);

    if (roll_error_code(err) != ROLL_E_REFUSED)
        return err ? err : resume(pass, open);
    roll_run_note_error(pass, "left", open->slot, open->number, err);
    return NULL;
}

struct roll_error *roll_run_open(struct roll_run_pass *pass, const struct roll_plan *plan,
                                 const struct roll_plan_environment *environment,
                                 const struct roll_run_view *view)
{
    const struct roll_run_open *open = &view->open;
    g_autofree char *reason = NULL;

    if (!open->number || open->driven)
        return NULL;
    if (open->pending) {
        ROLL_TRY(why_not_started(environment, open, &reason));
        if (!reason && open->due)
            ROLL_TRY(find_asked(pass, open, &reason));
        if (reason)
            roll_run_note(pass, "left", open->slot, open->number, reason,
                          roll_code_exit(ROLL_E_WAITING));
        return reason || !open->due ? NULL : start(pass, plan, environment, open);
    }
    if (!open->slot)
        return NULL; /* a person's: theirs to go on with */
    ROLL_TRY(why_not_resumed(pass, environment, view, &reason));
    if (!reason)
        return resume(pass, open);
    roll_run_note(pass, "left", open->slot, open->number, reason, 0);
    return NULL;
}
