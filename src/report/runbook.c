/* The page that is followed at 03:00: look, go back, look again. Short sentences, commands in the
 * order in which they are typed, nothing that has to be looked up elsewhere. */
#include "report/runbook.h"

#include <string.h>

#include "rollbook/time.h"

/* ---- pieces --------------------------------------------------------------------------------- */

static char *command_of(const json_t *facts, const char *verb, const char *rest)
{
    return g_strdup_printf("roll %s %s%s%s", verb, roll_json_get_string(facts, "name"),
                           *rest ? " " : "", rest);
}

void runbook_command(GString *out, const json_t *facts, const char *verb, const char *rest)
{
    g_autofree char *command = command_of(facts, verb, rest);

    markdown_command(out, command);
}

void runbook_inline(GString *out, const json_t *facts, const char *verb, const char *rest)
{
    g_autofree char *command = command_of(facts, verb, rest);

    g_string_append_printf(out, "`%s`", command);
}

void runbook_join(GString *out, const json_t *texts)
{
    size_t index;
    json_t *text;

    json_array_foreach (texts, index, text) {
        g_string_append(out, index > 0 ? ", " : "");
        markdown_text(out, json_string_value(text));
    }
}

const json_t *runbook_lane(const json_t *facts, const char *lane)
{
    return json_object_get(json_object_get(facts, "lanes"), lane);
}

void runbook_who(GString *out, const json_t *facts, const char *lane)
{
    const json_t *roles = json_object_get(runbook_lane(facts, lane), "roles");
    size_t index;
    json_t *role;

    if (json_array_size(roles) == 0)
        g_string_append(out, "anybody who has the credential");
    json_array_foreach (roles, index, role) {
        const json_t *members = json_object_get(role, "members");
        g_string_append(out, index > 0 ? " or " : "");
        markdown_text(out, roll_json_get_string(role, "role"));
        g_string_append(out, " (");
        runbook_join(out, members);
        g_string_append(out, json_array_size(members) ? ")" : "the plan names nobody)");
    }
}

void runbook_approvals(GString *out, const json_t *lane)
{
    size_t index;
    json_t *approval;

    if (json_array_size(json_object_get(lane, "approvals")) == 0)
        g_string_append(out, "nobody");
    json_array_foreach (json_object_get(lane, "approvals"), index, approval) {
        json_int_t count = json_integer_value(json_object_get(approval, "count"));
        g_string_append_printf(out, "%s%" JSON_INTEGER_FORMAT " of ", index > 0 ? ", " : "",
                               count ? count : 1);
        markdown_text(out, roll_json_get_string(approval, "role"));
    }
}

/* ---- now ------------------------------------------------------------------------------------ */

static void append_usual(GString *out, const json_t *facts)
{
    enum { ENOUGH = 3 };
    const json_t *usual = json_object_get(facts, "usual");
    const json_t *back = json_object_get(usual, "back"), *other = json_object_get(usual, "out");
    json_int_t count = json_integer_value(json_object_get(back, "count"));

    g_string_append(out, "- Expected time: ");
    if (count >= ENOUGH) {
        g_string_append(out, "usually ");
        roll_duration_write(json_integer_value(json_object_get(back, "medianMs")), out);
        g_string_append(out, ", 95 % within ");
        roll_duration_write(json_integer_value(json_object_get(back, "p95Ms")), out);
        g_string_append_printf(out, " (%" JSON_INTEGER_FORMAT " rollbacks so far).\n", count);
    } else if (count > 0) {
        g_string_append(out, "the rollbacks so far took at most ");
        roll_duration_write(json_integer_value(json_object_get(back, "p95Ms")), out);
        g_string_append_printf(out, " (%" JSON_INTEGER_FORMAT ").\n", count);
    } else if (json_integer_value(json_object_get(other, "count")) > 0) {
        g_string_append(out, "no rollback yet; a release usually takes ");
        roll_duration_write(json_integer_value(json_object_get(other, "medianMs")), out);
        g_string_append(out, ", a rollback usually less: it waits for no ring and no bake.\n");
    } else {
        g_string_append(out, "not known yet.\n");
    }
}

static void append_live(GString *out, const json_t *facts)
{
    const char *live = roll_json_get_string(facts, "live");
    const char *since = roll_json_get_string(facts, "since");
    const char *goal = roll_json_get_string(facts, "goal");

    g_string_append(out, "- Live: ");
    markdown_text(out, live ? live : "nothing that was deployed with this tool");
    if (live && since)
        g_string_append_printf(out, ", since %.10s %.5s UTC", since,
                               strlen(since) > 16 ? since + 11 : "");
    g_string_append(out, ".\n- ");
    runbook_inline(out, facts, "back", "");
    g_string_append(out, " goes to: ");
    markdown_text(out, goal ? goal : "nothing");
    g_string_append(out, goal ? ".\n"
                              : ". There is no other release that succeeded here and may come "
                                "back: go on at *Fix it instead*.\n");
}

/* What the last `roll ready` said; nothing where it was never asked. */
static void append_readiness(GString *out, const json_t *facts)
{
    const json_t *readiness = json_object_get(facts, "readiness");
    const char *state = roll_json_get_string(readiness, "ready");
    const char *at = roll_json_get_string(readiness, "checkedAt");
    const char *why = roll_json_get_string(readiness, "why");

    if (!state || !at || strlen(at) < 17)
        return;
    g_string_append_printf(out, "- Readiness: %s, checked %.10s %.5s UTC", state, at, at + 11);
    if (why) {
        g_string_append(out, ": ");
        markdown_text(out, why);
    }
    g_string_append(out, strcmp(state, "dead") == 0 ? ". A plain back stops; " : ". ");
    runbook_inline(out, facts, "ready", "");
    g_string_append(out, " says what to do.\n");
}

static void append_now(GString *out, const json_t *facts)
{
    const char *reason = roll_json_get_string(facts, "holdReason");
    json_int_t dirty = json_integer_value(json_object_get(facts, "dirty"));
    json_int_t count = json_integer_value(json_object_get(facts, "targetCount"));

    g_string_append(out, "## When this was written\n\n");
    append_live(out, facts);
    append_readiness(out, facts);
    append_usual(out, facts);
    g_string_append_printf(out,
                           "- %" JSON_INTEGER_FORMAT " target%s; a rollback takes up to "
                           "%" JSON_INTEGER_FORMAT " at once, and one that fails does not stop "
                           "the others.\n",
                           count, count == 1 ? "" : "s",
                           json_integer_value(json_object_get(facts, "maxParallel")));
    if (dirty > 0)
        g_string_append_printf(out,
                               "- %" JSON_INTEGER_FORMAT
                               " of them are dirty: their last rollout did not succeed. A rollback "
                               "cleans them.\n",
                               dirty);
    if (json_is_true(json_object_get(facts, "hold"))) {
        g_string_append(out, "- A hold keeps ordinary releases away");
        g_string_append(out, reason ? ": " : "");
        markdown_text(out, reason);
        g_string_append(out, ". It does not stop a rollback.\n");
    }
    g_string_append(out, "\n");
}

/* ---- the way back --------------------------------------------------------------------------- */

static void append_look(GString *out, const json_t *facts)
{
    g_string_append(out, "## 1. Look first\n\n");
    if (json_is_true(json_object_get(facts, "shared"))) {
        g_string_append(out,
                        "In the folder of the workspace. On a machine that has never been used "
                        "for this, first:\n\n");
        markdown_command(out, "roll ledger sync");
        g_string_append(out, "\nThen, and none of these changes anything:\n\n");
    } else {
        g_string_append(out, "In the folder of the workspace whose `state/` holds the ledger: a "
                             "rollback is made from it. None of these changes anything.\n\n");
    }
    runbook_command(out, facts, "status", "");
    runbook_command(out, facts, "doctor", "");
    runbook_command(out, facts, "back", "--dry-run");
    g_string_append(out, "\nThe first says what is live and where a rollback goes. The second says "
                         "whether your credential works and Azure answers. The third shows what "
                         "would change. In a hurry: go on at 2.\n\n");
}

static void append_asks(GString *out, const json_t *facts)
{
    const json_t *lane = runbook_lane(facts, "rollback");
    const json_t *gates = json_object_get(lane, "gates");
    const char *credential = roll_json_get_string(lane, "credential");

    credential = credential ? credential : roll_json_get_string(facts, "credential");
    g_string_append(out, "- Who may: ");
    runbook_who(out, facts, "rollback");
    g_string_append(out, ".\n- Who has to approve: ");
    runbook_approvals(out, lane);
    g_string_append(out, ".\n- Gates before it: ");
    runbook_join(out, gates);
    g_string_append(out, json_array_size(gates) ? ".\n" : "none.\n");
    g_string_append(out, "- Credential: ");
    if (g_strcmp0(roll_json_get_string(facts, "cloud"), "sandbox") == 0)
        g_string_append(out, "none, it is the sandbox.\n");
    else if (credential)
        g_string_append_printf(out, "`%s`, as the plan says.\n", credential);
    else
        g_string_append(out, "what the other Azure tools use; `az login` if there is none.\n");
    g_string_append(out, "- Windows, freezes and holds do not stop it.\n");
    if (json_is_true(json_object_get(facts, "shared")))
        g_string_append(out, "- The shared ledger is waited for 2 seconds at most; without it the "
                             "rollback goes on, and `roll ledger sync` joins it later.\n");
    g_string_append(out, "\n");
}

/* Where a rollback is asked to wait for others, that is a step of its own. */
static void append_approve(GString *out, const json_t *facts)
{
    g_autofree char *approve =
        g_strdup_printf("roll approve %s#N --key FILE", roll_json_get_string(facts, "name"));

    if (json_array_size(json_object_get(runbook_lane(facts, "rollback"), "approvals")) == 0)
        return;
    g_string_append(out, "It prints its number N and waits. Somebody else signs it, then it is "
                         "started:\n\n");
    markdown_command(out, approve);
    runbook_command(out, facts, "resume", "");
    g_string_append(out, "\n");
}

static void append_back(GString *out, const json_t *facts)
{
    const json_t *sticky = json_object_get(facts, "sticky");
    const json_t *floor = json_object_get(facts, "dataFloor");

    g_string_append(out, "## 2. Roll back\n\n");
    runbook_command(out, facts, "back", "--reason \"WHY\"");
    g_string_append(out, "\nIt says what it will touch, and asks. Answer `y`. In a pipeline add "
                         "`--yes`.\n\n");
    append_asks(out, facts);
    append_approve(out, facts);
    g_string_append(out, "To another release (`roll log` lists them), or for one target only:\n\n");
    runbook_command(out, facts, "back", "--to VERSION --reason \"WHY\"");
    runbook_command(out, facts, "back", "--target NAME --reason \"WHY\"");
    g_string_append(out, "\nData, and values of secrets, do not come back with it.");
    if (floor)
        g_string_append_printf(out,
                               " The plan's data floor is %" JSON_INTEGER_FORMAT
                               ": releases for older data are refused.",
                               json_integer_value(floor));
    if (json_array_size(sticky) > 0) {
        g_string_append(out, " These parameters keep their present value: ");
        runbook_join(out, sticky);
        g_string_append(out, ".");
    }
    g_string_append(out, "\n\nCtrl-C or a lost connection only let go: Azure goes on. ");
    runbook_inline(out, facts, "resume", "");
    g_string_append(out, " picks it up.\n\n");
}

static void append_check(GString *out, const json_t *facts)
{
    const json_t *health = json_object_get(facts, "health");
    size_t index;
    json_t *check;

    g_string_append(out, "## 3. Look again\n\n");
    runbook_command(out, facts, "status", "");
    runbook_command(out, facts, "log", "");
    g_string_append(out, json_array_size(health)
                             ? "\nThe rollback looked at these and reported them; look again:\n\n"
                             : "\nThe plan names no health checks. Look at the service itself.\n");
    json_array_foreach (health, index, check) {
        bool http = g_strcmp0(roll_json_get_string(check, "kind"), "http") == 0;
        bool alerts = g_strcmp0(roll_json_get_string(check, "kind"), "alerts") == 0;
        g_string_append(out, alerts ? "- alerts of Azure Monitor: " : http ? "- " : "- command: ");
        markdown_text(out, roll_json_get_string(check, "what"));
        if (http)
            g_string_append_printf(out, " answers %" JSON_INTEGER_FORMAT,
                                   json_integer_value(json_object_get(check, "expect")));
        g_string_append(out, "\n");
    }
    g_string_append(out,
                    "\nThen tell the others. The release that was left is marked bad here, and "
                    "a hold keeps schedules away.\n\n");
}

GString *roll_report_runbook(const json_t *facts)
{
    GString *out = g_string_new("# Runbook: ");

    markdown_text(out, roll_json_get_string(facts, "stream"));
    g_string_append_printf(out,
                           "\n\nWritten by `roll runbook` at %s from the plan and the ledger. ",
                           roll_json_get_string(facts, "generatedAt"));
    runbook_inline(out, facts, "status", "");
    g_string_append(out, " says what is true now.\n\n");
    append_now(out, facts);
    append_look(out, facts);
    append_back(out, facts);
    append_check(out, facts);
    runbook_failure(out, facts);
    runbook_other_ways(out, facts);
    runbook_people(out, facts);
    runbook_places(out, facts);
    return out;
}
