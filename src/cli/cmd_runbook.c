/* roll runbook ENV: the page to follow at 03:00. Never contacts ARM. */
#include "view.h"

#include "rollbook/time.h"
#include "rollbook/watch.h"

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    roll_auto(store) struct roll_store *store = NULL;
    roll_auto(json) json_t *list = json_array(), *facts = NULL;

    (void)user;
    ROLL_TRY(roll_workspace_environment(app->workspace, arguments[0], &plan, &environment));
    g_autofree char *stream = roll_stream_of(plan, environment);
    g_autofree char *name = roll_name_to_type(app->workspace, stream);
    ROLL_TRY(roll_workspace_store(app->workspace, &store));
    ROLL_TRY(roll_view_status(app, stream, list));
    ROLL_TRY(roll_runbook(app->ledger, plan, environment, name, store != NULL,
                          json_array_get(list, 0), roll_now_ms(), &facts));
    if (app->json) {
        roll_report_json(&app->out, facts);
        return NULL;
    }
    g_autoptr(GString) page = roll_report_runbook(facts);
    fwrite(page->str, 1, page->len, app->out.file);
    return NULL;
}

const struct roll_command roll_cmd_runbook = {
    .name = "runbook",
    .arguments = "ENV",
    .summary = "the page to follow at 03:00: what to type, how long, what if it fails",
    .details =
        "Markdown, from the plan and the ledger. Write it to a file after each release, and\n"
        "keep it where it can be read when nothing else works.",
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
