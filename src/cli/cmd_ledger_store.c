/* roll ledger init-store, roll ledger sync: the ledger that a team shares. */
#include "app.h"

#include <inttypes.h>

#include "rollbook/sync.h"

static struct roll_error *need_store(struct roll_app *app)
{
    ROLL_TRY(roll_workspace_store(app->workspace, &app->store));
    if (app->store)
        return NULL;
    return roll_error_detail(
        roll_error_new(ROLL_E_NOT_FOUND,
                       "this workspace shares no ledger: there is no plans/ledger.json"),
        "{\"next\":[\"write plans/ledger.json: {\\\"storage_account_name\\\": …, "
        "\\\"container_name\\\": …, \\\"key\\\": …}\"]}");
}

/* ---- init-store ------------------------------------------------------------------------------ */

static void say_policy(struct roll_app *app)
{
    roll_say(app, "to make it tamper-proof, give the container an immutability policy that lets "
                  "append blobs grow:");
    roll_say(app,
             "  az storage container immutability-policy create --account-name %s --container-name "
             "%s --period 365 --allow-protected-append-writes true",
             app->store->account, app->store->container);
    roll_say(app, "to write, a SAS with create and append rights is enough (sp=ac); to pull, add "
                  "read and list (sp=racl): ARM_SAS_TOKEN");
    roll_say(app, "next: roll ledger sync");
}

static struct roll_error *run_init(struct roll_app *app, void *context, char **arguments)
{
    bool made = false;

    (void)context, (void)arguments;
    ROLL_TRY(need_store(app));
    ROLL_TRY(roll_sync_new(app->store, &app->sync));
    ROLL_TRY(roll_sync_init_store(app->sync, &made));
    if (app->json) {
        roll_auto(json) json_t *view =
            json_pack("{s:s,s:s,s:s,s:b}", "account", app->store->account, "container",
                      app->store->container, "key", app->store->prefix, "made", made);
        roll_report_json(&app->out, view);
        return NULL;
    }
    roll_say(app, made ? "container '%s' of '%s' is made" : "container '%s' of '%s' was there",
             app->store->container, app->store->account);
    say_policy(app);
    return NULL;
}

const struct roll_command roll_cmd_ledger_init_store = {
    .name = "init-store",
    .arguments = "",
    .summary = "make the container of plans/ledger.json, and say how to protect it",
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run_init,
};

/* ---- sync ------------------------------------------------------------------------------------ */

static struct roll_error *run_sync(struct roll_app *app, void *context, char **arguments)
{
    struct roll_sync_report report = {0};

    (void)context, (void)arguments;
    ROLL_TRY(need_store(app));
    ROLL_TRY(roll_app_exchange(app, &report));
    if (app->json) {
        roll_auto(json) json_t *view =
            json_pack("{s:I,s:I,s:I,s:I,s:I}", "pulled", (json_int_t)report.pulled, "pushed",
                      (json_int_t)report.pushed, "objects", (json_int_t)report.objects, "joined",
                      (json_int_t)report.joined, "requests", (json_int_t)report.requests);
        roll_report_json(&app->out, view);
        return NULL;
    }
    roll_say(app, "%" PRId64 " event%s pulled, %" PRId64 " pushed", report.pulled,
             report.pulled == 1 ? "" : "s", report.pushed);
    if (report.joined)
        roll_say(app, "%" PRId64 " side stream%s joined: roll status", report.joined,
                 report.joined == 1 ? "" : "s");
    return NULL;
}

const struct roll_command roll_cmd_ledger_sync = {
    .name = "sync",
    .arguments = "",
    .summary = "pull the shared ledger, and push what it lacks",
    .details =
        "A machine that has nothing yet gets the whole ledger and works at once. What an emergency "
        "recorded aside is joined to the ledger.",
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_WRITES_LEDGER,
    .run = run_sync,
};
