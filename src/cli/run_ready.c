/* roll run: the daily look whether what is kept could be deployed again. */
#include "ready.h"
#include "run_pass.h"

#include "rollbook/calendar.h"
#include "rollbook/time.h"

static struct roll_error *see_open_now(void *user, const struct roll_environment_row *row)
{
    *(int64_t *)user = row->open_rollout;
    return NULL;
}

/* Daily, while nothing is under way. What it cannot find out keeps nothing else from its time. */
struct roll_error *roll_run_readiness(struct roll_run_pass *pass, const struct roll_plan *plan,
                                      const struct roll_plan_environment *environment)
{
    bool due = false;
    int64_t wake = ROLL_NEVER, open = 0;
    roll_auto(json) json_t *facts = NULL;

    ROLL_TRY(roll_ledger_environments(pass->app->ledger, pass->name, see_open_now, &open));
    ROLL_TRY(roll_run_ready_due(pass->app, pass->name, roll_now_ms(), &due, &wake));
    if (!due || open)
        return NULL;
    struct roll_error *err =
        roll_ready_environment(pass->app, plan, environment, NULL, ROLL_READY_DAILY, &facts);
    if (err) {
        roll_run_note_error(pass, "left", NULL, 0,
                            roll_error_wrap(err, "while checking what is ready"));
        return NULL;
    }
    g_autofree char *name = roll_name_to_type(pass->app->workspace, pass->name);
    g_autofree char *text = roll_ready_summary(facts, name);
    roll_run_note(pass, "checked", NULL, 0, text, 0);
    return NULL;
}
