/* An event as a sentence: what audit, incident page and Markdown say of it. */
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/report.h"

/* {name} is a member of the body. What stands in [brackets] is left out unless it has every member
 * that it names. */
static const struct {
    enum roll_event_kind kind;
    const char *pattern;
} patterns[] = {
    {ROLL_EVENT_release_made, "release {version} made[ from commit {commit}][, on top of {base}]"},
    {ROLL_EVENT_release_marked, "{version} marked {verdict}[, fixed by {fixedBy}][: {reason}]"},
    {ROLL_EVENT_rollout_requested,
     "{kind} requested[: {from} →][ {release}][, because rollout {cause} failed][, in place of "
     "rollout {supersedes}][, slot {slot}][ ({reason})]"},
    {ROLL_EVENT_rollout_claimed, "driven by {host}"},
    {ROLL_EVENT_rollout_detached, "its driver left"},
    {ROLL_EVENT_step_intended, "{target}: about to be sent {release}"},
    {ROLL_EVENT_step_ended, "{target}: {outcome}[, {code}][: {message}]"},
    {ROLL_EVENT_rollout_cancelling, "asked to be cancelled[: {reason}]"},
    {ROLL_EVENT_rollout_succeeded, "succeeded[: {reason}]"},
    {ROLL_EVENT_rollout_failed, "failed[: {reason}]"},
    {ROLL_EVENT_rollout_cancelled, "cancelled[: {reason}]"},
    {ROLL_EVENT_rollout_refused, "refused[: {reason}]"},
    {ROLL_EVENT_rollout_expired, "expired[: {reason}]"},
    {ROLL_EVENT_rollout_superseded, "superseded[ by rollout {by}][: {reason}]"},
    {ROLL_EVENT_hold_set, "hold set[: {reason}]"},
    {ROLL_EVENT_hold_lifted, "hold lifted[: {reason}]"},
    {ROLL_EVENT_floor_set, "data floor set to {floor}[ on {target}]: {reason}"},
    {ROLL_EVENT_approval_given, "approved by {approver}"},
    {ROLL_EVENT_approval_rejected, "rejected by {approver}[: {reason}]"},
    {ROLL_EVENT_gate_evaluated, "gate {gate} {verdict}[: {summary}]"},
    {ROLL_EVENT_debt_closed, "debt {debt} of rollout {rollout} closed[: {reason}]"},
    {ROLL_EVENT_review_given, "reviewed[, contained in {containedIn}]: {reason}"},
    {ROLL_EVENT_slot_passed, "slot {slot} {fate}[, with {earlier} before it]"},
    {ROLL_EVENT_baseline_taken, "{target}: baseline for drift taken"},
    {ROLL_EVENT_drift_checked, "{target}: looked for drift[, differences: {differences}]"},
    {ROLL_EVENT_readiness_checked, "{release} is {state}"},
    {ROLL_EVENT_deployment_adopted, "{target}: deployment {name} adopted[ as {release}]"},
    {ROLL_EVENT_adoption_accepted, "{name} accepted[: {reason}]"},
    {ROLL_EVENT_prune_intended, "{target}: about to delete {resource}"},
    {ROLL_EVENT_prune_ended, "{target}: {outcome} {resource}[: {message}]"},
    {ROLL_EVENT_history_deleted, "{target}: old deployments deleted from ARM's history"},
    {ROLL_EVENT_notice_delivered, "notice {notice} delivered to {webhook}"},
    {ROLL_EVENT_ledger_joined, "what was recorded apart in {side} joined"},
    {ROLL_EVENT_ledger_reconciled, "what was recorded apart in {side} reconciled"},
    {ROLL_EVENT_object_redacted, "object {object} redacted: {reason}"},
};

static bool append_member(GString *out, const json_t *body, const char *name, size_t size)
{
    g_autofree char *key = g_strndup(name, size);
    const json_t *value = json_object_get(body, key);

    if (json_is_string(value))
        g_string_append(out, json_string_value(value));
    else if (json_is_integer(value))
        g_string_append_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        return false;
    return true;
}

/* False when a member is missing; what was appended by then is of no use. */
static bool fill(GString *out, const json_t *body, const char *pattern, size_t size)
{
    const char *end = pattern + size;

    while (pattern < end) {
        const char *brace = memchr(pattern, '{', (size_t)(end - pattern));
        const char *close = brace ? strchr(brace, '}') : NULL;

        g_string_append_len(out, pattern, close ? brace - pattern : end - pattern);
        if (!close)
            return true;
        if (!append_member(out, body, brace + 1, (size_t)(close - brace - 1)))
            return false;
        pattern = close + 1;
    }
    return true;
}

static void fill_optional(GString *out, const json_t *body, const char *pattern, size_t size)
{
    size_t before = out->len;

    if (!fill(out, body, pattern, size))
        g_string_truncate(out, before);
}

static const char *pattern_of(enum roll_event_kind kind)
{
    for (size_t i = 0; i < G_N_ELEMENTS(patterns); i++)
        if (patterns[i].kind == kind)
            return patterns[i].pattern;
    return NULL;
}

char *roll_report_sentence_of(const char *kind, const json_t *body)
{
    const char *at = pattern_of(roll_event_kind_find(kind));
    GString *out = g_string_new(NULL);

    while (at && *at) {
        const char *open = strchr(at, '['), *close = open ? strchr(open, ']') : NULL;
        fill_optional(out, body, at, close ? (size_t)(open - at) : strlen(at));
        if (close)
            fill_optional(out, body, open + 1, (size_t)(close - open - 1));
        at = close ? close + 1 : NULL;
    }
    if (out->len == 0)
        g_string_append(out, kind);
    return g_string_free(out, FALSE);
}

char *roll_report_sentence(const struct roll_event *event)
{
    roll_auto(json) json_t *body = NULL;
    struct roll_error *err =
        roll_json_parse(event->body_text, strlen(event->body_text), ROLL_JSON_STRICT, &body);

    roll_error_free(err); /* it was read from the ledger: a body that cannot be read says nothing */
    return roll_report_sentence_of(event->kind_name, body);
}
