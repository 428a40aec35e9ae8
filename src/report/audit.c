/* The facts of an audit as Markdown. */
#include "report/audit.h"

#include "report/markdown.h"
#include "rollbook/json.h"
#include "rollbook/report.h"

/* Rollouts that are named in a cell; JSON has all of them. */
enum { MAX_NAMED = 8 };

/* ---- controls ------------------------------------------------------------------------------- */

static void append_evidence(GString *out, const json_t *control)
{
    size_t index;
    json_t *fact;

    json_array_foreach (json_object_get(control, "evidence"), index, fact) {
        g_string_append(out, "- ");
        markdown_text(out, roll_json_get_string(fact, "fact"));
        g_string_append_printf(out, ": %" JSON_INTEGER_FORMAT "\n",
                               json_integer_value(json_object_get(fact, "count")));
    }
}

static void append_names(GString *out, const json_t *names)
{
    size_t index;
    json_t *name;

    json_array_foreach (names, index, name) {
        if (index == MAX_NAMED)
            break;
        g_string_append(out, index > 0 ? ", " : ": ");
        markdown_text(out, json_string_value(name));
    }
    if (json_array_size(names) > MAX_NAMED)
        g_string_append_printf(out, " and %zu more", json_array_size(names) - MAX_NAMED);
}

static void append_exceptions(GString *out, const json_t *control)
{
    const json_t *exceptions = json_object_get(control, "exceptions");
    size_t index;
    json_t *exception;

    if (json_array_size(exceptions) == 0)
        return;
    g_string_append(out, "\nExceptions:\n\n");
    json_array_foreach (exceptions, index, exception) {
        g_string_append_printf(out, "- **%" JSON_INTEGER_FORMAT "** ",
                               json_integer_value(json_object_get(exception, "count")));
        markdown_text(out, roll_json_get_string(exception, "text"));
        append_names(out, json_object_get(exception, "rollouts"));
        g_string_append(out, "\n");
    }
}

static void append_control(GString *out, const json_t *control)
{
    const char *note = roll_json_get_string(control, "note");

    g_string_append_printf(out, "### %s %s\n\n", roll_json_get_string(control, "id"),
                           roll_json_get_string(control, "title"));
    if (note)
        g_string_append_printf(out, "%s\n%s", note,
                               json_array_size(json_object_get(control, "evidence")) ? "\n" : "");
    append_evidence(out, control);
    append_exceptions(out, control);
    g_string_append(out, "\n");
}

/* ---- rollouts ------------------------------------------------------------------------------- */

/* The columns behind those that every list of rollouts has. */
static char *(*const columns[])(const json_t *view) = {
    audit_actor, audit_approvals,  audit_gates,      audit_overrides,
    audit_debts, audit_governance, audit_exceptions,
};

static void append_rollout(GString *out, const json_t *view)
{
    g_autofree char *release = audit_release(view);

    g_string_append(out, "|");
    markdown_cell(out, roll_json_get_string(view, "rollout"));
    markdown_time(out, roll_json_get_string(view, "startedAt"));
    markdown_cell(out, roll_json_get_string(view, "kind"));
    markdown_cell(out, release);
    markdown_cell(out, roll_json_get_string(view, "state"));
    markdown_cell(out, roll_json_get_string(view, "reason"));
    for (size_t i = 0; i < G_N_ELEMENTS(columns); i++) {
        g_autofree char *text = columns[i](view);
        markdown_cell(out, text);
    }
    g_string_append(out, "\n");
}

/* Of few rollouts, so that they need no columns: what belongs together, and what was deleted. */
static void append_belongings(GString *out, const json_t *rollouts)
{
    static char *(*const texts[])(const json_t *view) = {audit_parts, audit_pruned};
    static const char *const words[] = {"parts", "what newer releases left over"};
    size_t index, before = out->len;
    json_t *view;

    json_array_foreach (rollouts, index, view)
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
            g_autofree char *text = texts[i](view);
            if (!*text)
                continue;
            g_string_append(out, "- ");
            markdown_text(out, roll_json_get_string(view, "rollout"));
            g_string_append_printf(out, ", %s: ", words[i]);
            markdown_text(out, text);
            g_string_append(out, "\n");
        }
    if (out->len > before)
        g_string_append(out, "\n");
}

static void append_rollouts(GString *out, const json_t *rollouts)
{
    size_t index;
    json_t *view;

    g_string_append(out, "## Rollouts\n\n");
    if (json_array_size(rollouts) == 0) {
        g_string_append(out, "None in this time.\n\n");
        return;
    }
    g_string_append(
        out, "| rollout | asked for (UTC) | kind | release | state | reason | by | approvals "
             "| gates | overrides | debts | governing plan | exceptions |\n"
             "|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    json_array_foreach (rollouts, index, view)
        append_rollout(out, view);
    g_string_append(out, "\n");
    append_belongings(out, rollouts);
}

/* ---- decisions ------------------------------------------------------------------------------ */

static void append_decision(GString *out, const json_t *decision)
{
    const json_t *actor = json_object_get(decision, "actor");
    g_autofree char *by = roll_report_actor(roll_json_get_string(actor, "proved"),
                                            roll_json_get_string(actor, "claimed"));
    g_autofree char *text = roll_report_sentence_of(roll_json_get_string(decision, "kind"),
                                                    json_object_get(decision, "body"));

    g_string_append(out, "|");
    markdown_time(out, roll_json_get_string(decision, "at"));
    markdown_cell(out, roll_json_get_string(decision, "stream"));
    markdown_cell(out, text);
    markdown_cell(out, by);
    g_string_append(out, "\n");
}

static void append_decisions(GString *out, const json_t *decisions)
{
    size_t index;
    json_t *decision;

    if (json_array_size(decisions) == 0)
        return;
    g_string_append(out, "## Decisions beside rollouts\n\n"
                         "| when (UTC) | where | what | by |\n|---|---|---|---|\n");
    json_array_foreach (decisions, index, decision)
        append_decision(out, decision);
    g_string_append(out, "\n");
}

/* ---- all together --------------------------------------------------------------------------- */

static void append_head(GString *out, const json_t *facts)
{
    const char *from = roll_json_get_string(facts, "from"), *to = roll_json_get_string(facts, "to");

    g_string_append(out, "# Audit\n\n");
    g_string_append_printf(
        out, "From %s to %s; ledger %s, told at %s.\n\n", from ? from : "the beginning",
        to ? to : "now",
        *roll_json_get_string(facts, "ledger") ? roll_json_get_string(facts, "ledger") : "empty",
        roll_json_get_string(facts, "generatedAt"));
}

static void append_heads(GString *out, const json_t *heads)
{
    size_t index;
    json_t *head;

    if (json_array_size(heads) == 0)
        return;
    g_string_append(out, "## Heads of the ledger\n\n| stream | head |\n|---|---|\n");
    json_array_foreach (heads, index, head) {
        g_string_append(out, "|");
        markdown_cell(out, roll_json_get_string(head, "stream"));
        g_string_append_printf(out, " %" JSON_INTEGER_FORMAT ":`%s` |\n",
                               json_integer_value(json_object_get(head, "seq")),
                               roll_json_get_string(head, "hash"));
    }
}

GString *roll_report_audit_markdown(const json_t *facts)
{
    GString *out = g_string_new(NULL);
    size_t index;
    json_t *control;

    append_head(out, facts);
    g_string_append(out, "## Controls (Microsoft cloud security benchmark v1)\n\n");
    json_array_foreach (json_object_get(facts, "controls"), index, control)
        append_control(out, control);
    append_rollouts(out, json_object_get(facts, "rollouts"));
    append_decisions(out, json_object_get(facts, "decisions"));
    append_heads(out, json_object_get(facts, "heads"));
    return out;
}
