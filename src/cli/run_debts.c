/* What is owed. Gates that an emergency put off are evaluated when a pass comes by, and again every
 * six hours until they pass; who passes by is reminded of what is overdue. */
#include "run.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/time.h"

#define AGAIN_MS (INT64_C(6) * 3600 * 1000)

struct debt {
    char *gate;
    int64_t rollout, evaluated_at;
};

static void debt_free(void *data)
{
    struct debt *debt = data;

    g_free(debt->gate);
    g_free(debt);
}

static struct roll_error *take_debt(void *user, const struct roll_debt_row *row)
{
    if (row->closed_at || !g_str_has_prefix(row->debt, "gate:"))
        return NULL;
    struct debt *debt = g_new0(struct debt, 1);
    debt->gate = g_strdup(row->debt + strlen("gate:"));
    debt->rollout = row->rollout;
    g_ptr_array_add(user, debt);
    return NULL;
}

static struct roll_error *see_evaluated(void *user, const struct roll_event *event)
{
    const struct roll_gate_evaluated *body = roll_event_body(event, gate_evaluated);
    struct debt *debt = user;

    if (body && body->rollout == debt->rollout && strcmp(body->gate, debt->gate) == 0)
        debt->evaluated_at = event->at;
    return NULL;
}

struct roll_error *roll_run_debts(struct roll_app *app, const char *stream, int64_t now_ms,
                                  roll_run_gate_fn fn, void *user, int64_t *ret_wake)
{
    g_autoptr(GPtrArray) debts = g_ptr_array_new_with_free_func(debt_free);

    *ret_wake = ROLL_NEVER;
    if (!app->ledger)
        return NULL;
    ROLL_TRY(roll_ledger_debts(app->ledger, stream, take_debt, debts));
    for (guint i = 0; i < debts->len; i++) {
        struct debt *debt = debts->pdata[i];
        ROLL_TRY(roll_ledger_events(app->ledger, stream, debt->rollout, see_evaluated, debt));
        int64_t due = debt->evaluated_at ? debt->evaluated_at + AGAIN_MS : now_ms;
        if (due > now_ms)
            *ret_wake = MIN(*ret_wake, due);
        else
            ROLL_TRY(fn(user, debt->rollout, debt->gate));
    }
    return NULL;
}

/* ---- reminding ------------------------------------------------------------------------------ */

struct reminder {
    struct roll_app *app;
    json_t *done;
};

static struct roll_error *remind(void *user, const struct roll_debt_row *row)
{
    struct reminder *reminder = user;

    if (row->closed_at || row->due >= roll_now_ms())
        return NULL;
    g_autofree char *rollout = g_strdup_printf("%s#%" PRId64, row->stream, row->rollout);
    g_autofree char *typed = roll_name_to_type(reminder->app->workspace, row->stream);
    g_autofree char *name = g_strdup_printf("%s#%" PRId64, typed, row->rollout);
    g_autofree char *next = roll_debt_next(name, row->debt);
    g_autofree char *since = roll_report_time(row->due);
    g_autofree char *text = g_strdup_printf("%s is overdue since %s (%s)", row->debt, since,
                                            row->owner ? row->owner : "nobody known");
    roll_say(reminder->app, "%s: %s; next: %s", rollout, text, next);
    json_array_append_new(reminder->done,
                          json_pack("{s:s,s:s,s:s,s:s,s:i}", "environment", row->stream, "did",
                                    "reminded", "rollout", rollout, "reason", text, "exit",
                                    roll_code_exit(ROLL_E_NOTHING)));
    return NULL;
}

struct roll_error *roll_run_remind(struct roll_app *app, const char *stream, json_t *done)
{
    struct reminder reminder = {app, done};

    return app->ledger ? roll_ledger_debts(app->ledger, stream, remind, &reminder) : NULL;
}
