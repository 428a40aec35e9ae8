/* The runbook's second half: when it does not go well, the other ways, who may, and where. */
#include "report/runbook.h"

#include "rollbook/time.h"

/* ---- if it does not go well ----------------------------------------------------------------- */

/* {env} is what to type for the environment. One row for each exit code that a rollback can end
 * with. */
static const struct {
    enum roll_code code;
    const char *means, *next;
} outcomes[] = {
    {ROLL_E_IO, "something on this side: credential, network, disk",
     "`roll doctor {env}` names it; then the same again"},
    {ROLL_E_USAGE, "a word on the line was not understood, or the plan has errors",
     "read the line that it printed; `roll help back`"},
    {ROLL_E_NOT_FOUND, "there is no release to go back to",
     "`roll log {env}`, then fix it instead (below)"},
    {ROLL_E_REFUSED, "you may not, an approval was refused, or the release is below the data floor",
     "the message says which; somebody of the role below types it"},
    {ROLL_E_CONFLICT, "somebody else is deploying here, or was faster",
     "`roll status {env}`, then the same again"},
    {ROLL_E_FAILED, "Azure refused a target; the others were rolled back",
     "`roll show {env}#N` says why; `roll resume {env}` tries it again; `roll back {env} --to "
     "VERSION` goes further back"},
    {ROLL_E_DAMAGED, "the ledger is damaged",
     "`roll ledger verify`; restore `state/` from a backup, or work from another machine's"},
    {ROLL_E_WAITING, "it waits for an approval or a gate; nothing was sent",
     "`roll approve {env}#N --key FILE` by somebody else, then `roll resume {env}`"},
    {ROLL_E_EXPIRED, "another rollout took its place", "`roll status {env}` says which"},
    {ROLL_E_NOTHING, "everything is there already",
     "`roll status {env}`; if it is still broken, `--to VERSION`"},
    {ROLL_E_DETACHED, "you let go; Azure goes on", "`roll resume {env}`"},
};

static void append_filled(GString *out, const char *pattern, const json_t *facts)
{
    g_autoptr(GString) text = g_string_new(pattern);

    g_string_replace(text, "{env}", roll_json_get_string(facts, "name"), 0);
    g_string_append_len(out, text->str, (gssize)text->len);
}

void runbook_failure(GString *out, const json_t *facts)
{
    g_string_append(out, "## If it does not go well\n\nThe command says what failed and what to "
                         "type next. `echo $?` shows its exit code; 0 is done. N is the number "
                         "that it printed.\n\n| code | what it means | what to type |\n"
                         "|---|---|---|\n");
    for (size_t i = 0; i < G_N_ELEMENTS(outcomes); i++) {
        g_string_append_printf(out, "| %d | %s | ", roll_code_exit(outcomes[i].code),
                               outcomes[i].means);
        append_filled(out, outcomes[i].next, facts);
        g_string_append(out, " |\n");
    }
    if (json_is_true(json_object_get(facts, "stack")))
        g_string_append(out, "\nTargets here are deployment stacks. Azure cannot cancel one: a "
                             "rollback waits until it ends.\n");
    g_string_append(out, "\nTo stop a rollout that should not go on: ");
    runbook_inline(out, facts, "cancel", "");
    g_string_append(out, ". What it did stays, and is called dirty until the next rollback.\n\n");
}

/* ---- other ways ----------------------------------------------------------------------------- */

static void append_hotfix(GString *out, const json_t *facts)
{
    const json_t *lane = runbook_lane(facts, "hotfix");
    const json_t *deferred = json_object_get(lane, "deferred");
    size_t index;
    json_t *artifact;

    g_string_append(out, "## Fix it instead\n\nWhat is live, with one thing changed, or a commit "
                         "that descends from it. Windows, freezes and holds do not stop it "
                         "either.\n\n");
    json_array_foreach (json_object_get(facts, "artifacts"), index, artifact) {
        g_autofree char *rest = g_strdup_printf("--artifact %s=%s@sha256:DIGEST --reason \"WHY\"",
                                                roll_json_get_string(artifact, "name"),
                                                roll_json_get_string(artifact, "reference"));
        runbook_command(out, facts, "hotfix", rest);
    }
    runbook_command(out, facts, "hotfix", "--ref BRANCH --reason \"WHY\"");
    g_string_append(out, "\n- Who may: ");
    runbook_who(out, facts, "hotfix");
    g_string_append(out, ".\n- Who has to approve: ");
    runbook_approvals(out, lane);
    g_string_append(out, ".\n");
    if (json_array_size(json_object_get(lane, "approvals")) > 0)
        g_string_append(out, "- Nobody awake: add `--override approval`. The approval is owed "
                             "then.\n");
    if (json_array_size(deferred) > 0) {
        g_string_append(out, "- Put off, and owed within ");
        roll_duration_write(json_integer_value(json_object_get(lane, "dueMs")), out);
        g_string_append(out, ": ");
        runbook_join(out, deferred);
        g_string_append(out, ".\n");
    }
    g_string_append(out, "- The next ordinary release must contain the fix.\n\n");
}

void runbook_other_ways(GString *out, const json_t *facts)
{
    append_hotfix(out, facts);
    g_string_append(out, "## Undo the rollback\n\nIt was not the release after all:\n\n");
    runbook_command(out, facts, "forward", "--reason \"WHY\"");
    g_string_append(out, "\n## Keep releases away, and let them in again\n\nA rollback sets a hold "
                         "by itself. It ends with the next release that a person rolls out, or "
                         "so:\n\n");
    runbook_command(out, facts, "hold", "--reason \"WHY\"");
    runbook_command(out, facts, "unhold", "");
    g_string_append(out, "\n## Afterwards\n\n");
    runbook_command(out, facts, "report", "--markdown");
    {
        g_autofree char *story =
            g_strdup_printf("roll report --incident %s#N", roll_json_get_string(facts, "name"));
        markdown_command(out, story);
    }
    g_string_append(out, "\nThe second is the story for the post-mortem. `roll status` shows what "
                         "is owed; `roll review` makes up for it.\n\n");
}

/* ---- who and where -------------------------------------------------------------------------- */

void runbook_people(GString *out, const json_t *facts)
{
    static const struct {
        const char *commands, *lane;
    } rows[] = {
        {"back, forward", "rollback"},
        {"hotfix", "hotfix"},
        {"out, unhold, mark good, review", "release"},
    };

    g_string_append(out, "## Who may do what\n\n");
    if (!json_is_true(json_object_get(facts, "roles"))) {
        g_string_append(out, "The plan has no lanes: anybody who has the credential may do "
                             "anything.\n\n");
        return;
    }
    g_string_append(out, "| roll … | who | approved by |\n|---|---|---|\n");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_string_append_printf(out, "| %s | ", rows[i].commands);
        runbook_who(out, facts, rows[i].lane);
        g_string_append(out, " | ");
        runbook_approvals(out, runbook_lane(facts, rows[i].lane));
        g_string_append(out, " |\n");
    }
    g_string_append(out, "\n");
}

void runbook_places(GString *out, const json_t *facts)
{
    const json_t *targets = json_object_get(facts, "targets");
    json_int_t all = json_integer_value(json_object_get(facts, "targetCount"));
    size_t index;
    json_t *target;

    g_string_append(out, "## Where\n\nCloud: ");
    markdown_text(out, roll_json_get_string(facts, "cloud"));
    g_string_append(out, ".\n\n| target | ring | place |\n|---|---|---|\n");
    json_array_foreach (targets, index, target) {
        g_string_append(out, "|");
        markdown_cell(out, roll_json_get_string(target, "name"));
        g_string_append_printf(out, " %" JSON_INTEGER_FORMAT " |",
                               json_integer_value(json_object_get(target, "ring")));
        markdown_cell(out, roll_json_get_string(target, "place"));
        g_string_append(out, "\n");
    }
    if (all > (json_int_t)json_array_size(targets))
        g_string_append_printf(out, "\nand %" JSON_INTEGER_FORMAT " more.\n",
                               all - (json_int_t)json_array_size(targets));
}
