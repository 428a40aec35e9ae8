/* What there is to do in an environment, from ledger and plan alone. */
#include "ready.h"
#include "run.h"
#include "tell.h"

#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/sync.h"
#include "rollbook/time.h"
#include "rollbook/watch.h"

/* ---- schedules ------------------------------------------------------------------------------ */

struct roll_error *roll_run_due(struct roll_app *app, const char *stream,
                                const struct roll_plan_schedule *schedule, int64_t now_ms,
                                struct roll_slot_due *ret_due)
{
    struct roll_slot_row last = {0};

    if (app->ledger)
        ROLL_TRY(roll_ledger_slot(app->ledger, stream, schedule->name, 0, &last));
    return roll_error_wrap(roll_slot_next(schedule, now_ms, last.at, ret_due), "schedule '%s'",
                           schedule->name);
}

struct roll_error *roll_run_check_quarantine(const struct roll_plan *plan,
                                             const struct roll_plan_environment *environment,
                                             struct roll_ledger *ledger, struct roll_git *git,
                                             const char *version)
{
    g_autofree char *stream = roll_stream_of(plan, environment);
    g_autofree char *reason = NULL, *next = NULL;

    ROLL_TRY(roll_release_quarantined(ledger, stream, git, version, &reason));
    if (!reason)
        return NULL;
    next = g_strdup_printf(
        "{\"next\":[\"roll mark VERSION bad --fixed-by COMMIT\",\"roll out %s --release %s\"]}",
        environment->name, version);
    return roll_error_detail(
        roll_error_new(ROLL_E_REFUSED, "schedules leave %s alone: %s", version, reason), next);
}

struct roll_error *roll_run_release(const struct roll_plan *plan,
                                    const struct roll_plan_environment *environment,
                                    const struct roll_plan_schedule *schedule,
                                    struct roll_ledger *ledger, struct roll_git *git,
                                    char **ret_version)
{
    const char *release = schedule->release;
    g_autofree char *version = NULL;

    if (release && g_str_has_prefix(release, "latest:")) {
        return roll_choose_latest(plan, environment, release + strlen("latest:"), ledger, git,
                                  ret_version);
    } else if (release) {
        const char *bare = NULL;
        ROLL_TRY(roll_version_argument(release, plan->service, &bare));
        version = g_strdup(bare);
    } else if (environment->after) {
        ROLL_TRY(roll_choose_promoted(plan, environment, ledger, &version));
    }
    if (version)
        ROLL_TRY(roll_run_check_quarantine(plan, environment, ledger, git, version));
    *ret_version = g_steal_pointer(&version);
    return NULL;
}

/* ---- holds ---------------------------------------------------------------------------------- */

char *roll_run_hold_reason(const struct roll_environment_row *row)
{
    if (!row->hold && !row->hold_by_person)
        return NULL;
    return g_strdup(row->hold_reason      ? row->hold_reason
                    : row->hold_by_person ? "a person set it"
                                          : "by a rollback");
}

/* ---- an open rollout ------------------------------------------------------------------------ */

static struct roll_error *see_environment(void *user, const struct roll_environment_row *row)
{
    struct roll_run_view *view = user;

    view->held = row->hold || row->hold_by_person;
    view->hold_reason = roll_run_hold_reason(row);
    view->open.number = row->open_rollout;
    return NULL;
}

struct claim {
    char *host, *state, *release;
    int64_t until, requested_at;
    bool detached;
};

static struct roll_error *see_claim(void *user, const struct roll_rollout_row *row)
{
    struct claim *claim = user;

    *claim = (struct claim){.host = g_strdup(row->host),
                            .state = g_strdup(row->state),
                            .release = g_strdup(row->release),
                            .until = row->claim_until,
                            .requested_at = row->requested_at,
                            .detached = row->detached};
    return NULL;
}

/* As the driver tells it: here the lock says whether the process lives, elsewhere only its claim
 * does. */
static struct roll_error *is_driven(struct roll_app *app, const char *stream, int64_t number,
                                    const struct claim *claim, int64_t now_ms, bool *ret_driven)
{
    roll_auto(lock) struct roll_lock *lock = NULL;
    g_autofree char *here =
        g_strdup_printf("%s:%.8s", g_get_host_name(), roll_ledger_replica(app->ledger));

    if (app->sync)
        now_ms += roll_sync_clock(app->sync).ahead_ms;
    ROLL_TRY(roll_ledger_lock(app->ledger, stream, number, &lock));
    *ret_driven = !lock || (claim->host && strcmp(claim->host, here) != 0 && !claim->detached &&
                            claim->until > now_ms);
    return NULL;
}

static bool is_timed(const struct roll_rollout_requested *body)
{
    size_t at;
    json_t *override;

    json_array_foreach (body->overrides, at, override) {
        const char *kind = roll_json_get_string(override, "kind");
        if (g_strcmp0(kind, "window") == 0 || g_strcmp0(kind, "freeze") == 0)
            return false;
    }
    return strcmp(body->lane, "release") == 0;
}

static struct roll_error *look_at_open(struct roll_app *app, const char *stream, int64_t now_ms,
                                       struct roll_run_open *open)
{
    struct roll_rollout_query query = {.stream = stream, .number = open->number, .limit = 1};
    roll_auto(event) struct roll_event *event = NULL;
    const struct roll_rollout_requested *body;
    struct claim claim = {0};
    struct roll_error *err;

    ROLL_TRY(roll_ledger_event(app->ledger, stream, open->number, &event));
    body = roll_event_body(event, rollout_requested);
    ROLL_TRY(roll_ledger_rollouts(app->ledger, &query, see_claim, &claim));
    err = is_driven(app, stream, open->number, &claim, now_ms, &open->driven);
    open->slot = g_strdup(body ? body->slot : NULL);
    open->timed = body && is_timed(body);
    open->not_before = body ? body->not_before : 0;
    open->expires = body ? body->expires : 0;
    open->due = open->not_before <= now_ms || (open->expires && open->expires <= now_ms);
    open->began_at = MAX(claim.requested_at, open->not_before);
    open->state = g_steal_pointer(&claim.state);
    open->release = g_steal_pointer(&claim.release);
    open->pending = g_strcmp0(open->state, "waiting") == 0;
    g_free(claim.host);
    return err;
}

/* ---- all ------------------------------------------------------------------------------------ */

void roll_run_view_clear(struct roll_run_view *view)
{
    g_free(view->hold_reason);
    g_free(view->open.slot);
    g_free(view->open.state);
    g_free(view->open.release);
    *view = (struct roll_run_view){0};
}

/* Of an open rollout: one that waits may start, one that a schedule started may go on. */
static bool open_is_work(const struct roll_run_view *view)
{
    const struct roll_run_open *open = &view->open;

    if (!open->number || open->driven)
        return false;
    return open->pending ? open->due : open->slot != NULL;
}

static struct roll_error *see_gate(void *user, int64_t rollout, const char *gate)
{
    bool *work = user;

    (void)rollout, (void)gate;
    *work = true;
    return NULL;
}

static struct roll_error *look(struct roll_app *app, const struct roll_plan *plan,
                               const char *stream, const struct roll_plan_environment *environment,
                               int64_t now_ms, struct roll_run_view *view)
{
    struct roll_drift_due drift;

    if (app->ledger)
        ROLL_TRY(roll_ledger_environments(app->ledger, stream, see_environment, view));
    if (view->open.number)
        ROLL_TRY(look_at_open(app, stream, now_ms, &view->open));
    if (view->open.pending && view->open.not_before > now_ms)
        view->wake = view->open.not_before;
    if (view->open.pending && view->open.expires > now_ms)
        view->wake = MIN(view->wake, view->open.expires);
    int64_t wake;
    view->work = open_is_work(view);
    ROLL_TRY(roll_run_debts(app, stream, now_ms, see_gate, &view->work, &wake));
    view->wake = MIN(view->wake, wake);
    if (!view->open.number)
        ROLL_TRY(roll_run_ready_due(app, stream, now_ms, &view->work, &view->wake));
    ROLL_TRY(roll_run_drift_due(app, plan, environment, now_ms, &drift));
    view->work = view->work || drift.baseline || drift.drift;
    view->wake = MIN(view->wake, drift.wake);
    if (!view->work)
        ROLL_TRY(roll_tell_waits(app, plan, stream, &view->work));
    for (guint i = 0; i < plan->schedule->len; i++) {
        const struct roll_plan_schedule *schedule = plan->schedule->pdata[i];
        struct roll_slot_due due;
        if (strcmp(schedule->environment, environment->name) != 0)
            continue;
        ROLL_TRY(roll_run_due(app, stream, schedule, now_ms, &due));
        view->work = view->work || due.step != ROLL_SLOT_NOTHING;
        view->wake = MIN(view->wake, due.wake);
    }
    return NULL;
}

struct roll_error *roll_run_look(struct roll_app *app, const struct roll_plan *plan,
                                 const struct roll_plan_environment *environment, int64_t now_ms,
                                 struct roll_run_view *ret_view)
{
    g_autofree char *stream = roll_stream_of(plan, environment);
    struct roll_run_view view = {.wake = ROLL_NEVER};
    struct roll_error *err = look(app, plan, stream, environment, now_ms, &view);

    if (err)
        roll_run_view_clear(&view);
    else
        *ret_view = view;
    return err;
}
