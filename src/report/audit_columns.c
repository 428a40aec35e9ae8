/* What an audit says of a rollout, as texts. */
#include <string.h>

#include "report/audit.h"
#include "rollbook/json.h"
#include "rollbook/report.h"

static char *member(const json_t *object, const char *name)
{
    return g_strdup(roll_json_get_string(object, name));
}

/* Every entry of a list as one text, "; " between them. */
static char *join(const json_t *list, void (*write)(const json_t *entry, GString *out))
{
    GString *out = g_string_new(NULL);
    size_t index;
    json_t *entry;

    json_array_foreach (list, index, entry) {
        if (out->len)
            g_string_append(out, "; ");
        write(entry, out);
    }
    return g_string_free(out, FALSE);
}

static void append_member(const json_t *entry, const char *name, const char *before, GString *out)
{
    const char *text = roll_json_get_string(entry, name);

    if (text)
        g_string_append_printf(out, "%s%s", before, text);
}

/* ---- one writer for each list --------------------------------------------------------------- */

static void write_voice(const json_t *entry, GString *out)
{
    append_member(entry, "by", "", out);
    append_member(entry, "at", " ", out);
    append_member(entry, "reason", ": ", out);
}

static void write_gate(const json_t *entry, GString *out)
{
    append_member(entry, "gate", "", out);
    if (roll_json_get_string(entry, "verdict"))
        append_member(entry, "verdict", " ", out);
    else
        g_string_append(out, " open");
    if (g_strcmp0(roll_json_get_string(entry, "when"), "later") == 0)
        g_string_append(out, ", put off");
}

static void write_override(const json_t *entry, GString *out)
{
    append_member(entry, "kind", "", out);
    append_member(entry, "name", ":", out);
    append_member(entry, "reason", ": ", out);
}

static void write_debt(const json_t *entry, GString *out)
{
    const char *closed = roll_json_get_string(entry, "closedBy");

    append_member(entry, "debt", "", out);
    append_member(entry, "state", " ", out);
    if (closed)
        append_member(entry, "closedBy", " by ", out);
    else
        append_member(entry, "due", ", due ", out);
}

static void write_exception(const json_t *entry, GString *out)
{
    append_member(entry, "kind", "", out);
    append_member(entry, "what", ": ", out);
}

static void write_part(const json_t *entry, GString *out)
{
    const char *rollout = roll_json_get_string(entry, "rollout");

    g_string_append(out, rollout ? rollout : roll_json_get_string(entry, "environment"));
    if (rollout)
        append_member(entry, "state", " ", out);
    else
        g_string_append(out, " not begun");
}

static void write_pruned(const json_t *entry, GString *out)
{
    append_member(entry, "outcome", "", out);
    append_member(entry, "resource", " ", out);
    append_member(entry, "message", ": ", out);
}

/* ---- columns -------------------------------------------------------------------------------- */

char *audit_release(const json_t *view)
{
    const char *from = roll_json_get_string(view, "from");
    const char *to = roll_json_get_string(view, "version");

    return g_strdup_printf("%s%s%s", from ? from : "", from ? " → " : "", to ? to : "each its own");
}

char *audit_actor(const json_t *view)
{
    const json_t *actor = json_object_get(view, "actor");
    g_autofree char *proved = roll_report_actor(roll_json_get_string(actor, "proved"), NULL);
    g_autofree char *claimed = roll_report_actor(NULL, roll_json_get_string(actor, "claimed"));

    if (!proved)
        return g_strdup_printf("%s, not proved", claimed ? claimed : "nobody known");
    if (!claimed || g_ascii_strcasecmp(proved, claimed) == 0)
        return g_steal_pointer(&proved);
    return g_strdup_printf("%s, says %s", proved, claimed);
}

char *audit_approvals(const json_t *view)
{
    const json_t *approvals = json_object_get(view, "approvals");
    g_autofree char *given = join(json_object_get(approvals, "given"), write_voice);
    g_autofree char *rejected = join(json_object_get(approvals, "rejected"), write_voice);

    const char *state = roll_json_get_string(approvals, "state");

    if (*rejected)
        return g_strdup_printf("%s: %s%s%s", state, rejected, *given ? "; approved before by " : "",
                               given);
    return g_strdup_printf("%s%s%s", state, *given ? ": " : "", given);
}

char *audit_gates(const json_t *view)
{
    return join(json_object_get(view, "gates"), write_gate);
}

char *audit_overrides(const json_t *view)
{
    return join(json_object_get(view, "overrides"), write_override);
}

char *audit_debts(const json_t *view)
{
    return join(json_object_get(view, "debts"), write_debt);
}

char *audit_parts(const json_t *view)
{
    const char *whole = roll_json_get_string(view, "partOf");

    if (whole)
        return g_strdup_printf("part of %s", whole);
    return join(json_object_get(view, "parts"), write_part);
}

char *audit_pruned(const json_t *view)
{
    return join(json_object_get(view, "pruned"), write_pruned);
}

char *audit_exceptions(const json_t *view)
{
    return join(json_object_get(view, "exceptions"), write_exception);
}

char *audit_governance(const json_t *view)
{
    const json_t *governance = json_object_get(view, "governance");
    const json_t *committed = json_object_get(governance, "committed");

    if (!json_object_get(governance, "plan"))
        return g_strdup("none recorded");
    return g_strdup(json_is_true(committed)    ? "as committed"
                    : json_is_false(committed) ? "not as committed"
                                               : "no lanes");
}

#define TEXT_COLUMN(name)                                                                          \
    static char *column_##name(const json_t *view)                                                 \
    {                                                                                              \
        return member(view, #name);                                                                \
    }
TEXT_COLUMN(rollout)
TEXT_COLUMN(startedAt)
TEXT_COLUMN(finishedAt)
TEXT_COLUMN(lane)
TEXT_COLUMN(kind)
TEXT_COLUMN(release)
TEXT_COLUMN(from)
TEXT_COLUMN(state)
TEXT_COLUMN(reason)
TEXT_COLUMN(run)
TEXT_COLUMN(slot)
TEXT_COLUMN(request)
#undef TEXT_COLUMN

static char *column_commit(const json_t *view)
{
    return member(json_object_get(view, "source"), "commit");
}

static char *column_manifest(const json_t *view)
{
    return member(json_object_get(view, "source"), "manifest");
}

static char *column_proved(const json_t *view)
{
    return member(json_object_get(view, "actor"), "proved");
}

static char *column_claimed(const json_t *view)
{
    return member(json_object_get(view, "actor"), "claimed");
}

static char *column_plan(const json_t *view)
{
    return member(json_object_get(view, "governance"), "plan");
}

static char *column_reviews(const json_t *view)
{
    return join(json_object_get(view, "reviews"), write_voice);
}

/* New columns come last: somebody reads these by position. */
const struct audit_column audit_columns[] = {
    {"rollout", column_rollout},
    {"started", column_startedAt},
    {"finished", column_finishedAt},
    {"lane", column_lane},
    {"kind", column_kind},
    {"release", column_release},
    {"from", column_from},
    {"state", column_state},
    {"reason", column_reason},
    {"proved", column_proved},
    {"claimed", column_claimed},
    {"run", column_run},
    {"slot", column_slot},
    {"approvals", audit_approvals},
    {"gates", audit_gates},
    {"overrides", audit_overrides},
    {"debts", audit_debts},
    {"reviews", column_reviews},
    {"governance", audit_governance},
    {"plan", column_plan},
    {"commit", column_commit},
    {"manifest", column_manifest},
    {"request", column_request},
    {"exceptions", audit_exceptions},
    {"parts", audit_parts},
    {"pruned", audit_pruned},
};
const size_t audit_column_count = G_N_ELEMENTS(audit_columns);
