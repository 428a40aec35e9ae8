/* The facts of `roll report` as Markdown: for a ticket, a wiki, a post-mortem. */
#include <inttypes.h>
#include <string.h>

#include "report/markdown.h"
#include "rollbook/json.h"
#include "rollbook/report.h"
#include "rollbook/text.h"
#include "rollbook/time.h"

void markdown_text(GString *out, const char *text)
{
    g_autoptr(GString) safe = g_string_new(NULL);

    if (text)
        roll_text_safe(text, strlen(text), false, safe);
    for (const char *at = safe->str; *at; at++) {
        if (strchr("\\`*_{}[]<>#|", *at))
            g_string_append_c(out, '\\');
        g_string_append_c(out, *at);
    }
}

void markdown_cell(GString *out, const char *text)
{
    g_string_append(out, " ");
    markdown_text(out, text);
    g_string_append(out, " |");
}

void markdown_time(GString *out, const char *text)
{
    if (text) /* 2026-11-21T09:30:00Z */
        g_string_append_printf(out, " %.10s %.5s |", text, strlen(text) > 16 ? text + 11 : "");
    else
        g_string_append(out, "  |");
}

void markdown_command(GString *out, const char *command)
{
    g_string_append(out, "    ");
    roll_text_safe(command, strlen(command), false, out);
    g_string_append_c(out, '\n');
}

static void append_took(GString *out, const json_t *view)
{
    const json_t *took = json_object_get(view, "durationMs");

    g_string_append(out, " ");
    if (took)
        roll_duration_write(json_integer_value(took), out);
    g_string_append(out, " |");
}

static void append_rollout_row(GString *out, const json_t *view)
{
    const char *tried = roll_json_get_string(view, "tried");
    const char *from = tried ? tried : roll_json_get_string(view, "from");
    const char *to = roll_json_get_string(view, "version");
    const json_t *actor = json_object_get(view, "actor");
    g_autofree char *by = roll_report_actor(roll_json_get_string(actor, "proved"),
                                            roll_json_get_string(actor, "claimed"));
    g_autofree char *release =
        g_strdup_printf("%s%s%s", from ? from : "", from ? " → " : "", to ? to : "each its own");

    g_string_append(out, "|");
    markdown_cell(out, roll_json_get_string(view, "rollout"));
    markdown_cell(out, roll_json_get_string(view, "kind"));
    markdown_cell(out, release);
    markdown_cell(out, roll_json_get_string(view, "state"));
    markdown_time(out, roll_json_get_string(view, "startedAt"));
    append_took(out, view);
    markdown_cell(out, by);
    markdown_cell(out, roll_json_get_string(view, "reason"));
    g_string_append(out, "\n");
}

static void append_rollouts(GString *out, const json_t *rollouts)
{
    size_t index;
    json_t *view;

    if (json_array_size(rollouts) == 0) {
        g_string_append(out, "No rollouts.\n\n");
        return;
    }
    g_string_append(out,
                    "| rollout | kind | release | state | started (UTC) | took | by | reason |\n"
                    "|---|---|---|---|---|---|---|---|\n");
    json_array_foreach (rollouts, index, view)
        append_rollout_row(out, view);
    g_string_append(out, "\n");
}

static void append_reason(GString *out, const char *version, const json_t *reason)
{
    const char *subject = roll_json_get_string(reason, "subject");
    g_autofree char *names = roll_report_names(json_object_get(reason, "targets"));

    g_string_append(out, "- ");
    markdown_text(out, version);
    g_string_append_printf(
        out, " could not simply be deployed again (%s): ", roll_json_get_string(reason, "state"));
    if (g_strcmp0(subject, version) != 0) { /* a rule names the release itself */
        markdown_text(out, subject);
        g_string_append(out, ": ");
    }
    markdown_text(out, roll_json_get_string(reason, "why"));
    if (names) {
        g_string_append(out, " (");
        markdown_text(out, names);
        g_string_append_c(out, ')');
    }
    g_string_append_c(out, '\n');
}

static void append_readiness(GString *out, const json_t *list)
{
    size_t index, at;
    json_t *release, *reason;

    json_array_foreach (list, index, release)
        json_array_foreach (json_object_get(release, "reasons"), at, reason)
            append_reason(out, roll_json_get_string(release, "version"), reason);
}

static void append_owed(GString *out, const json_t *environment)
{
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(environment, "owes"), index, entry) {
        g_string_append(out, "- owes ");
        markdown_text(out, roll_json_get_string(entry, "debt"));
        g_string_append_printf(out, " of #%" JSON_INTEGER_FORMAT ", due %.10s%s\n",
                               json_integer_value(json_object_get(entry, "rollout")),
                               roll_json_get_string(entry, "due"),
                               json_is_true(json_object_get(entry, "overdue")) ? ", overdue" : "");
    }
    json_array_foreach (json_object_get(environment, "drift"), index, entry) {
        g_string_append(out, "- ");
        markdown_text(out, roll_json_get_string(entry, "target"));
        g_string_append(out, " has drifted: ");
        markdown_text(out, roll_json_get_string(entry, "summary"));
        g_string_append_printf(out, ", since %.10s\n", roll_json_get_string(entry, "since"));
    }
}

/* What somebody should see to; nothing when all is well. */
static void append_findings(GString *out, const json_t *environment)
{
    gsize before = out->len;

    append_readiness(out, json_object_get(environment, "readiness"));
    append_owed(out, environment);
    if (out->len > before)
        g_string_append_c(out, '\n');
}

static void append_environment(GString *out, const json_t *environment)
{
    const char *version = roll_json_get_string(environment, "version");
    const json_t *rollback = json_object_get(environment, "rollback");
    const char *goal = roll_json_get_string(rollback, "version");
    const char *ready = roll_json_get_string(rollback, "ready");

    g_string_append(out, "## ");
    markdown_text(out, roll_json_get_string(environment, "stream"));
    g_string_append(out, "\n\nLive: ");
    markdown_text(out, version ? version : "nothing");
    g_string_append(out, goal ? ". `roll back` goes to " : ". `roll back` has nowhere to go");
    markdown_text(out, goal ? goal : "");
    g_string_append_printf(out, "%s%s.\n\n", ready ? ": " : "", ready ? ready : "");
    append_findings(out, environment);
    append_rollouts(out, json_object_get(environment, "rollouts"));
    markdown_notable(out, json_object_get(environment, "rollouts"));
}

/* Older outcomes have no code where ARM gave none. */
static const char *failure_of(const json_t *target)
{
    static const char *const states[] = {"failed", "refused", "absent", "conflict", NULL};
    const char *code = roll_json_get_string(target, "code");
    const char *state = roll_json_get_string(target, "state");

    if (code || !state || !roll_json_get_string(target, "message"))
        return code;
    return g_strv_contains(states, state) ? state : NULL;
}

static void append_errors(GString *out, const json_t *rollouts)
{
    size_t index, at;
    json_t *view, *target;
    bool first = true;

    json_array_foreach (rollouts, index, view) {
        json_array_foreach (json_object_get(view, "targets"), at, target) {
            const char *code = failure_of(target);
            const char *message = roll_json_get_string(target, "message");
            if (!code)
                continue;
            g_string_append(out, first ? "## Errors\n\n- " : "- ");
            first = false;
            markdown_text(out, roll_json_get_string(view, "rollout"));
            g_string_append(out, " ");
            markdown_text(out, roll_json_get_string(target, "name"));
            g_string_append_printf(out, ": `%s` ", code);
            markdown_text(out, message ? message : "");
            g_string_append(out, "\n");
        }
    }
    if (!first)
        g_string_append(out, "\n");
}

static void append_story(GString *out, const json_t *events)
{
    size_t index;
    json_t *event;

    g_string_append(out, "| when (UTC) | what | who | ledger |\n|---|---|---|---|\n");
    json_array_foreach (events, index, event) {
        g_string_append_printf(out, "| %s |", roll_json_get_string(event, "at"));
        markdown_cell(out, roll_json_get_string(event, "text"));
        markdown_cell(out, roll_json_get_string(event, "by"));
        g_string_append_printf(out, " #%" JSON_INTEGER_FORMAT " `%.12s` |\n",
                               json_integer_value(json_object_get(event, "seq")),
                               roll_json_get_string(event, "hash"));
    }
    g_string_append(out, "\n");
}

static void append_incident(GString *out, const json_t *incident)
{
    const json_t *rollouts = json_object_get(incident, "rollouts");

    g_string_append(out, "# Incident ");
    markdown_text(out, roll_json_get_string(incident, "rollout"));
    g_string_append(out, "\n\n");
    markdown_text(out, roll_json_get_string(incident, "sentence"));
    g_string_append(out, "\n\n## Rollouts\n\n");
    append_rollouts(out, rollouts);
    append_errors(out, rollouts);
    markdown_left(out, rollouts);
    g_string_append(out, "## In order of time\n\n");
    append_story(out, json_object_get(incident, "events"));
}

GString *roll_report_markdown(const json_t *facts)
{
    const json_t *incident = json_object_get(facts, "incident");
    GString *out = g_string_new(NULL);
    size_t index;
    json_t *environment;

    if (incident) {
        append_incident(out, incident);
        return out;
    }
    g_string_append(out, "# Rollbook report\n\n");
    json_array_foreach (json_object_get(facts, "environments"), index, environment)
        append_environment(out, environment);
    return out;
}
