/* Open debts: what was passed by, as soon as it is asked for; a deferred gate that was looked at
 * and not passed, each time; and what is overdue, once. A debt that was closed is told no more. */
#include "owed.h"

#include <inttypes.h>
#include <string.h>

struct owed {
    struct roll_ledger *ledger;
    const char *stream;
    int64_t since, now;
    GPtrArray *notices;
    GPtrArray *gates; /* struct gate *, owned */
};

/* A gate that is owed still. */
struct gate {
    char *debt, *owner, *release;
    int64_t rollout;
    struct owed *owed;
};

static void gate_free(void *data)
{
    struct gate *gate = data;

    g_free(gate->debt);
    g_free(gate->owner);
    g_free(gate->release);
    g_free(gate);
}

static struct roll_notice *add(struct owed *owed, char *id_take, int64_t rollout, int64_t at,
                               const char *debt, char *state_take)
{
    struct roll_notice *notice = g_new0(struct roll_notice, 1);

    notice->id = id_take;
    notice->word = ROLL_NOTICE_OWED;
    notice->stream = g_strdup(owed->stream);
    notice->kind = g_strdup("debt");
    notice->state = state_take;
    notice->subject = g_strdup(debt);
    notice->rollout = rollout;
    notice->at = at;
    g_ptr_array_add(owed->notices, notice);
    return notice;
}

/* Not what the plan puts off, nor that a hotfix has to be contained. */
static bool was_passed_by(const struct roll_debt_row *row)
{
    return strcmp(row->debt, "hotfix") != 0 &&
           !(g_str_has_prefix(row->debt, "gate:") && g_strcmp0(row->reason, "deferred") == 0);
}

static void tell_passed_by(struct owed *owed, const struct roll_debt_row *row)
{
    const char *what =
        g_str_has_prefix(row->debt, "override:") ? strchr(row->debt, ':') + 1 : row->debt;
    char *id = g_strdup_printf("%s#%" PRId64 ":passed-by:%s", row->stream, row->rollout, what);
    struct roll_notice *notice =
        add(owed, id, row->rollout, row->opened_at, row->debt, g_strdup("was passed by"));

    g_free(notice->kind);
    notice->kind = g_strdup("override");
    notice->who = g_strdup(row->owner);
    notice->release = g_strdup(row->release);
    notice->reason = g_strdup(row->reason);
}

static struct roll_error *see_debt(void *user, const struct roll_debt_row *row)
{
    struct owed *owed = user;

    if (row->closed_at)
        return NULL;
    if (was_passed_by(row) && row->opened_at >= owed->since)
        tell_passed_by(owed, row);
    if (row->due < owed->now && row->due >= owed->since) {
        char *id = g_strdup_printf("%s#%" PRId64 ":owed:%s", row->stream, row->rollout, row->debt);
        struct roll_notice *notice =
            add(owed, id, row->rollout, row->due, row->debt, g_strdup("is overdue"));
        notice->who = g_strdup(row->owner);
        notice->release = g_strdup(row->release);
        notice->reason = g_strdup(row->reason);
    }
    if (!g_str_has_prefix(row->debt, "gate:"))
        return NULL;
    struct gate *gate = g_new0(struct gate, 1);
    gate->debt = g_strdup(row->debt);
    gate->owner = g_strdup(row->owner);
    gate->release = g_strdup(row->release);
    gate->rollout = row->rollout;
    gate->owed = owed;
    g_ptr_array_add(owed->gates, gate);
    return NULL;
}

static struct roll_error *see_event(void *user, const struct roll_event *event)
{
    const struct roll_gate_evaluated *body = roll_event_body(event, gate_evaluated);
    const struct gate *gate = user;

    if (!body || body->rollout != gate->rollout || event->at < gate->owed->since ||
        strcmp(body->gate, gate->debt + strlen("gate:")) != 0 ||
        strcmp(body->verdict, "passed") == 0)
        return NULL;
    bool failed = strcmp(body->verdict, "failed") == 0;
    char *id = g_strdup_printf("%s#%" PRId64 ":owed", event->stream, event->seq);
    struct roll_notice *notice =
        add(gate->owed, id, gate->rollout, event->at, gate->debt,
            g_strdup(failed ? "was not passed" : "could not be evaluated"));
    notice->who = g_strdup(gate->owner);
    notice->release = g_strdup(gate->release);
    notice->why = g_strdup(body->summary);
    return NULL;
}

struct roll_error *roll_notices_owed(struct roll_ledger *ledger, const char *stream,
                                     int64_t since_ms, int64_t now_ms, GPtrArray *notices)
{
    g_autoptr(GPtrArray) gates = g_ptr_array_new_with_free_func(gate_free);
    struct owed owed = {ledger, stream, since_ms, now_ms, notices, gates};

    ROLL_TRY(roll_ledger_debts(ledger, stream, see_debt, &owed));
    for (guint i = 0; i < gates->len; i++) {
        struct gate *gate = gates->pdata[i];
        ROLL_TRY(roll_ledger_events(ledger, stream, gate->rollout, see_event, gate));
    }
    return NULL;
}
