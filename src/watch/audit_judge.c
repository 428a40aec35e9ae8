/* What is not as it should be with one rollout. Pure: looks at the facts of one view. */
#include <string.h>

#include "watch/audit.h"

static bool is_owed_open(const json_t *view, const char *debt)
{
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(view, "debts"), index, entry)
        if (audit_is(entry, "debt", debt))
            return !audit_is(entry, "state", "closed");
    return false;
}

/* It was cancelled, has expired, … before anything of it was sent. */
static bool has_ended(const json_t *view)
{
    return json_is_string(json_object_get(view, "finishedAt"));
}

const char *audit_approval_state(const json_t *view)
{
    const json_t *approvals = json_object_get(view, "approvals");

    if (json_array_size(json_object_get(approvals, "asked")) == 0)
        return "not asked";
    if (json_is_true(json_object_get(approvals, "owed")))
        return is_owed_open(view, "approval") ? "overridden" : "made up for";
    if (json_array_size(json_object_get(approvals, "rejected")) > 0)
        return "refused";
    if (json_integer_value(json_object_get(view, "sent")) > 0)
        return "given";
    return has_ended(view) ? "unused" : "waiting";
}

static void note(json_t *list, const char *kind, const char *what)
{
    json_array_append_new(list, json_pack("{s:s,s:s*}", "kind", kind, "what", what));
}

/* ---- who ------------------------------------------------------------------------------------ */

/* The first word of who asked names the person, as in policy. */
static bool is_same_person(const char *actor, const char *approver)
{
    size_t size = actor ? strcspn(actor, " ") : 0;

    return size > 0 && approver && strlen(approver) == size &&
           g_ascii_strncasecmp(actor, approver, size) == 0;
}

static void judge_people(const json_t *view, json_t *list)
{
    const json_t *actor = json_object_get(view, "actor");
    const json_t *approvals = json_object_get(view, "approvals");
    const char *proved = roll_json_get_string(actor, "proved");
    const char *state = roll_json_get_string(approvals, "state");
    size_t index;
    json_t *voice;

    if (!proved)
        note(list, "actor-not-proved", NULL);
    json_array_foreach (json_object_get(approvals, "given"), index, voice) {
        const char *by = roll_json_get_string(voice, "by");
        if (is_same_person(proved, by) ||
            is_same_person(roll_json_get_string(actor, "claimed"), by))
            note(list, "self-approved", by);
    }
    if (g_strcmp0(state, "overridden") == 0 || g_strcmp0(state, "made up for") == 0)
        note(list, "approval-overridden", state);
}

static void judge_governance(const json_t *view, json_t *list)
{
    const json_t *committed = json_object_get(json_object_get(view, "governance"), "committed");

    if (json_is_false(committed))
        note(list, "governance-not-committed", NULL);
    else if (!json_is_true(committed))
        note(list, "ungoverned", NULL);
}

/* ---- what was passed by --------------------------------------------------------------------- */

static void judge_overrides(const json_t *view, json_t *list)
{
    size_t index;
    json_t *override;

    json_array_foreach (json_object_get(view, "overrides"), index, override) {
        const char *kind = roll_json_get_string(override, "kind");
        const char *name = roll_json_get_string(override, "name");
        if (!kind)
            continue;
        g_autofree char *what = name ? g_strdup_printf("%s:%s", kind, name) : g_strdup(kind);
        if (strcmp(kind, "membership-unknown") == 0)
            note(list, "membership-unknown", NULL);
        else if (strcmp(kind, "approval") != 0 && strcmp(kind, "gate") != 0 &&
                 strcmp(kind, "governance") != 0)
            note(list, "override", what); /* the others are told where they matter */
    }
}

static void judge_debts(const json_t *view, json_t *list)
{
    size_t index;
    json_t *debt;

    json_array_foreach (json_object_get(view, "debts"), index, debt) {
        if (audit_is(debt, "state", "overdue"))
            note(list, "debt-overdue", roll_json_get_string(debt, "debt"));
        else if (audit_is(debt, "state", "open"))
            note(list, "debt-open", roll_json_get_string(debt, "debt"));
    }
}

/* ---- gates ---------------------------------------------------------------------------------- */

/* Scan reports are static analysis; what a command or an address says was found out by running. */
static bool is_static(const json_t *gate)
{
    return audit_is(gate, "kind", "sarif");
}

static bool has_gate(const json_t *view, bool wanted_static)
{
    size_t index;
    json_t *gate;

    json_array_foreach (json_object_get(view, "gates"), index, gate)
        if (is_static(gate) == wanted_static)
            return true;
    return false;
}

static void judge_gates(const json_t *view, json_t *list)
{
    size_t index;
    json_t *gate;

    json_array_foreach (json_object_get(view, "gates"), index, gate)
        if (audit_is(gate, "when", "later"))
            note(list, is_static(gate) ? "static-put-off" : "dynamic-put-off",
                 roll_json_get_string(gate, "gate"));
}

/* Going back asks nobody on purpose, and what was adopted was never asked for here. */
static void judge_sending(const json_t *view, json_t *list)
{
    const char *state = roll_json_get_string(json_object_get(view, "approvals"), "state");
    const json_t *source = json_object_get(view, "source");

    if (json_integer_value(json_object_get(view, "sent")) == 0)
        return;
    if (json_is_true(json_object_get(source, "dirty")))
        note(list, "work-tree-dirty", NULL);
    if (audit_is(view, "lane", "rollback") || audit_is(view, "kind", "adopted"))
        return;
    if (g_strcmp0(state, "not asked") == 0)
        note(list, "unapproved", NULL);
    if (!has_gate(view, true))
        note(list, "static-absent", NULL);
    if (!has_gate(view, false))
        note(list, "dynamic-absent", NULL);
    if (source && !json_object_get(source, "commit"))
        note(list, "commit-unknown", NULL);
}

json_t *roll_audit_exceptions(const json_t *rollout)
{
    json_t *list = json_array();

    judge_people(rollout, list);
    judge_governance(rollout, list);
    judge_overrides(rollout, list);
    judge_gates(rollout, list);
    judge_sending(rollout, list);
    judge_debts(rollout, list);
    return list;
}
