/* What a pass of roll run tells, and the slots that it passes by: those that were missed, and those
 * that ask for nothing new. */
#include "run_pass.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

/* ---- telling -------------------------------------------------------------------------------- */

void roll_run_note(struct roll_run_pass *pass, const char *did, const char *slot, int64_t rollout,
                   const char *reason, int status)
{
    json_t *entry = json_pack("{s:s,s:s,s:s*,s:s*,s:i}", "environment", pass->name, "did", did,
                              "slot", slot, "reason", reason, "exit", status);

    if (rollout)
        json_object_set_new(entry, "rollout", json_sprintf("%s#%" PRId64, pass->name, rollout));
    json_array_append_new(pass->done, entry);
    if ((status == 0 || status == roll_code_exit(ROLL_E_WAITING)) && reason)
        roll_say(pass->app, "%s: %s%s%s: %s", pass->name, slot ? slot : "", slot ? " " : "", did,
                 reason);
}

/* An error is told where it belongs; it does not keep others from what is due. */
void roll_run_note_error(struct roll_run_pass *pass, const char *did, const char *slot,
                         int64_t rollout, struct roll_error *err_take)
{
    roll_run_note(pass, did, slot, rollout, err_take->message, roll_code_exit(err_take->code));
    if (slot && !pass->app->json)
        roll_print(pass->app->err.file, "%s: %s\n", pass->name, slot);
    if (!pass->app->json)
        roll_print_error(pass->app, err_take);
    roll_error_free(err_take);
}

struct roll_error *roll_run_quietly(struct roll_act *act,
                                    struct roll_error *(*run)(struct roll_act *act))
{
    struct roll_app *app = act->app;
    bool json = app->json, quiet = app->globals.quiet;

    app->json = false;
    app->globals.quiet = quiet || json;
    struct roll_error *err = run(act);
    app->json = json;
    app->globals.quiet = quiet;
    return err;
}

/* ---- passing a slot by ---------------------------------------------------------------------- */

struct roll_error *roll_run_pass_by(struct roll_run_pass *pass, const char *stream,
                                    const char *schedule, int64_t at, const char *fate,
                                    const char *reason)
{
    g_autofree char *key = roll_slot_key(schedule, at);
    g_autofree char *copy = g_strdup(fate);
    const struct roll_slot_passed body = {.slot = key, .fate = copy};
    const struct roll_draft draft = {
        .stream = stream, .kind = ROLL_EVENT_slot_passed, .body = &body};
    struct roll_expect expect = {.stream = stream};
    struct roll_slot_row row;
    struct roll_error *err;

    ROLL_TRY(roll_ledger_head(pass->app->ledger, stream, &expect.head));
    ROLL_TRY(roll_ledger_slot(pass->app->ledger, stream, schedule, at, &row));
    if (row.there)
        return NULL;
    err = roll_ledger_append(pass->app->ledger, &pass->app->actor, 0, &expect, 1, &draft, 1, NULL,
                             0, NULL);
    if (roll_error_code(err) == ROLL_E_CONFLICT) { /* the caller looks again */
        roll_error_free(err);
        return NULL;
    }
    if (!err)
        roll_run_note(pass, fate, key, 0, reason, 0);
    return err;
}

/* ---- what was overtaken --------------------------------------------------------------------- */

static const char *fate_of(enum roll_slot_step step)
{
    return step == ROLL_SLOT_SKIP ? "skipped" : step == ROLL_SLOT_EXPIRE ? "expired" : "missed";
}

static struct roll_error *append_missed(struct roll_run_pass *pass, const char *stream,
                                        const char *schedule, const GArray *slots, int64_t earlier,
                                        const struct roll_expect *expect)
{
    g_autofree struct roll_slot_passed *bodies = g_new0(struct roll_slot_passed, slots->len);
    g_autofree struct roll_draft *drafts = g_new0(struct roll_draft, slots->len);
    struct roll_error *err;

    for (guint i = 0; i < slots->len; i++) {
        const struct roll_slot_due *slot = &g_array_index(slots, struct roll_slot_due, i);
        bodies[i] = (struct roll_slot_passed){.slot = roll_slot_key(schedule, slot->at),
                                              .fate = g_strdup(fate_of(slot->step)),
                                              .earlier = i == 0 ? earlier : 0};
        drafts[i] = (struct roll_draft){stream, ROLL_EVENT_slot_passed, &bodies[i]};
    }
    err = roll_ledger_append(pass->app->ledger, &pass->app->actor, 0, expect, 1, drafts, slots->len,
                             NULL, 0, NULL);
    for (guint i = 0; i < slots->len; i++) {
        g_autofree char *before =
            i == 0 && earlier ? g_strdup_printf(", with %s%" PRId64 " before it",
                                                earlier < 10000 ? "" : "more than ", earlier)
                              : NULL;
        g_autofree char *reason = g_strdup_printf("it was missed%s", before ? before : "");
        if (!err)
            roll_run_note(pass, bodies[i].fate, bodies[i].slot, 0, reason, 0);
        g_free(bodies[i].slot);
        g_free(bodies[i].fate);
    }
    return err;
}

/* One missed slot is made up for at most; what became of the others is recorded before it. */
struct roll_error *roll_run_pass_missed(struct roll_run_pass *pass, const char *stream,
                                        const struct roll_plan_schedule *schedule, int64_t due_at,
                                        bool *ret_passed)
{
    g_autoptr(GArray) slots = g_array_new(FALSE, FALSE, sizeof(struct roll_slot_due));
    struct roll_expect expect = {.stream = stream};
    struct roll_slot_row last = {0};
    int64_t earlier;
    struct roll_error *err;

    *ret_passed = false;
    ROLL_TRY(roll_ledger_head(pass->app->ledger, stream, &expect.head));
    ROLL_TRY(roll_ledger_slot(pass->app->ledger, stream, schedule->name, 0, &last));
    ROLL_TRY(roll_slot_missed(schedule, roll_now_ms(), last.at, due_at, slots, &earlier));
    if (slots->len == 0)
        return NULL;
    *ret_passed = true; /* the caller looks again, also when another process was faster */
    err = append_missed(pass, stream, schedule->name, slots, earlier, &expect);
    if (roll_error_code(err) == ROLL_E_CONFLICT) {
        roll_error_free(err);
        err = NULL;
    }
    return err;
}
