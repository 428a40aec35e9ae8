/* roll ledger init-store, sync, and verify --online: the ledger that a team shares. */
#include "app.h"

#include <inttypes.h>

#include "rollbook/json.h"
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

struct context {
    bool replace, yes;
};

/* Locking cannot be undone, and only a locked policy binds the account's owners too. Source:
 * services reference 3.7. */
static void say_policy(struct roll_app *app)
{
    const char *account = app->store->account, *container = app->store->container;

    roll_say(app, "to make it tamper-proof, give the container an immutability policy that lets "
                  "append blobs grow, try it, and lock it (for good: nobody shortens or removes it "
                  "then):");
    roll_say(app,
             "  az storage container immutability-policy create --account-name %s --container-name "
             "%s --period 365 --allow-protected-append-writes true",
             account, container);
    roll_say(app,
             "  az storage container immutability-policy lock --account-name %s --container-name "
             "%s --if-match \"$(az storage container immutability-policy show --account-name %s "
             "--container-name %s --query etag --output tsv)\"",
             account, container, account, container);
    roll_say(app, "  both need Storage Account Contributor on the account, and up to 30 s to act; "
                  "a 403 (AuthorizationFailed) there means that this role is missing");
    roll_say(app, "to write, a SAS with create and append rights is enough (sp=ac); to pull, add "
                  "read and list (sp=racl): ARM_SAS_TOKEN");
    roll_say(app, "next: roll ledger sync");
}

static struct roll_error *run_init(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    bool made = false;

    (void)arguments;
    ROLL_TRY(need_store(app));
    if (context->replace) {
        struct roll_store *store = g_steal_pointer(&app->store); /* opening forgets it */
        struct roll_error *err = roll_app_open_ledger(app);
        app->store = store;
        ROLL_TRY(err);
    }
    ROLL_TRY(roll_sync_new(app->store, &app->sync));
    ROLL_TRY(roll_sync_init_store(app->sync, app->ledger, context->replace, &made));
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

static const struct roll_option init_options[] = {
    {"replace", 0, ROLL_FLAG, offsetof(struct context, replace), NULL,
     "the store that this machine knew is gone: begin a new one with what is here"},
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_ledger_init_store = {
    .name = "init-store",
    .arguments = "",
    .summary = "make the container of plans/ledger.json, and say how to protect it",
    .details = "A machine that knows a shared ledger makes none in its place, unless it is told to "
               "--replace it; roll ledger sync then uploads all that this machine has.",
    .options = init_options,
    .context_size = sizeof(struct context),
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run_init,
};

/* ---- verify --online ------------------------------------------------------------------------- */

static struct roll_error *compare_store(struct roll_app *app)
{
    struct roll_sync_comparison comparison = {0};

    ROLL_TRY(roll_workspace_store(app->workspace, &app->store));
    if (!app->store) {
        roll_say(app, "no ledger is shared: there is no plans/ledger.json");
        return NULL;
    }
    ROLL_TRY(roll_sync_new(app->store, &app->sync));
    ROLL_TRY(roll_sync_compare(app->sync, app->ledger, &comparison));
    g_autofree char *parted = comparison.parted;
    if (comparison.lost)
        return roll_error_detail(
            roll_error_new(ROLL_E_DAMAGED,
                           "%" PRId64 " content%s that events name %s not in the shared store any "
                           "more; this machine has %s",
                           comparison.lost, comparison.lost == 1 ? "" : "s",
                           comparison.lost == 1 ? "is" : "are",
                           comparison.lost == 1 ? "it" : "them"),
            "{\"next\":[\"roll ledger sync   puts back what is missing\"]}");
    if (parted)
        return roll_error_new(ROLL_E_DAMAGED, "%s", parted);
    if (comparison.empty)
        roll_say(app, "the shared store '%s' is empty", roll_sync_name(app->sync));
    roll_say(app, "the shared store fits: %" PRId64 " event%s to pull, %" PRId64 " to push",
             comparison.behind, comparison.behind == 1 ? "" : "s", comparison.ahead);
    return NULL;
}

static struct roll_order_target *look_target(const struct roll_plan_target *target)
{
    struct roll_order_target *look = g_new0(struct roll_order_target, 1);

    look->name = g_strdup(target->name);
    look->apply = g_strdup("deployment");
    look->scope = target->scope;
    look->cloud = g_strdup(target->cloud);
    look->tenant = g_strdup(target->tenant);
    look->subscription = g_strdup(target->subscription);
    look->credential = g_strdup(target->credential);
    look->resource_group = g_strdup(target->resource_group);
    look->management_group = g_strdup(target->management_group);
    return look;
}

static struct roll_error *look_at(struct roll_app *app, struct roll_loop *loop,
                                  struct roll_links *links, const struct roll_plan *plan,
                                  const struct roll_plan_environment *environment)
{
    const struct roll_driver_options options = {
        .ledger = app->ledger, .loop = loop, .links = links, .actor = app->actor};
    roll_auto(order) struct roll_order *order = roll_order_new();
    g_autofree char *found = NULL;

    order->service = g_strdup(plan->service);
    order->environment = g_strdup(environment->name);
    for (guint i = 0; i < environment->targets->len; i++)
        g_ptr_array_add(order->targets, look_target(environment->targets->pdata[i]));
    ROLL_TRY(roll_rollout_look(&options, order, &found));
    if (found)
        return roll_error_detail(
            roll_error_new(ROLL_E_DAMAGED, "%s/%s: %s", plan->service, environment->name, found),
            "{\"next\":[\"roll ledger sync\",\"roll adopt\"]}");
    roll_say(app, "%s/%s: what its deployments say fits", plan->service, environment->name);
    return NULL;
}

static struct roll_error *compare_arm(struct roll_app *app)
{
    roll_auto(loop) struct roll_loop *loop = NULL;
    roll_auto(links) struct roll_links *links = NULL;

    ROLL_TRY(roll_loop_new(&loop));
    links = roll_links_new(loop, roll_app_sandbox, app);
    for (char **path = app->workspace->plans; *path; path++) {
        roll_auto(plan) struct roll_plan *plan = NULL;
        ROLL_TRY(roll_plan_read(*path, &plan));
        for (guint i = 0; i < plan->environments->len; i++)
            ROLL_TRY(look_at(app, loop, links, plan, plan->environments->pdata[i]));
    }
    return NULL;
}

struct roll_error *roll_ledger_verify_online(struct roll_app *app)
{
    ROLL_TRY(compare_store(app));
    return compare_arm(app);
}

/* ---- export and redact ----------------------------------------------------------------------- */

struct roll_error *roll_ledger_from_store(struct roll_app *app)
{
    ROLL_TRY(roll_workspace_store(app->workspace, &app->store));
    if (!app->store)
        return NULL;
    ROLL_TRY(roll_sync_new(app->store, &app->sync));
    roll_ledger_close(app->ledger);
    app->ledger = NULL;
    ROLL_TRY(roll_ledger_rehearse(NULL, &app->ledger));
    ROLL_TRY(roll_sync_pull(app->sync, app->ledger, NULL));
    return roll_sync_report(app->sync).empty
               ? roll_error_new(ROLL_E_NOT_FOUND, "the shared store '%s' is empty",
                                roll_sync_name(app->sync))
               : NULL;
}

/* The content may be protected there: then who may lift that has to. */
static struct roll_error *kept(struct roll_app *app, const char *digest,
                               struct roll_error *err_take)
{
    g_autofree char *blob = g_strdup_printf("%s/objects/%s", app->store->prefix, digest);
    roll_auto(json) json_t *detail = json_pack(
        "{s:[s,s]}", "next",
        "once the container's immutability policy or legal hold lets it go: the same again",
        "where blob versions or soft delete are on, delete the blob's versions too");
    g_autoptr(GString) text = g_string_new(NULL);

    roll_json_write(detail, text);
    return roll_error_detail(
        roll_error_wrap(err_take,
                        "the content stays in the shared store: blob '%s' in container '%s'", blob,
                        app->store->container),
        text->str);
}

struct roll_error *roll_ledger_redact_store(struct roll_app *app, const char *digest)
{
    struct roll_sync_report report = {0};

    if (!app->sync)
        return NULL;
    ROLL_TRY(roll_app_exchange(app, &report)); /* the others bury theirs when they hear of it */
    struct roll_error *err = roll_sync_forget(app->sync, digest);
    if (err)
        return kept(app, digest, err);
    roll_say(app, "it is gone from the shared store too; blob versions and soft delete, where the "
                  "account has them on, keep it until their retention ends");
    return NULL;
}

/* ---- sync ------------------------------------------------------------------------------------ */

static struct roll_error *run_sync(struct roll_app *app, void *context, char **arguments)
{
    struct roll_sync_report report = {0};

    (void)context, (void)arguments;
    ROLL_TRY(need_store(app));
    ROLL_TRY(roll_app_exchange(app, &report));
    bool empty = report.empty;
    ROLL_TRY(roll_sync_repair(app->sync, app->ledger, &report));
    if (app->json) {
        roll_auto(json) json_t *view =
            json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:b}", "pulled", (json_int_t)report.pulled,
                      "pushed", (json_int_t)report.pushed, "objects", (json_int_t)report.objects,
                      "joined", (json_int_t)report.joined, "repaired", (json_int_t)report.repaired,
                      "requests", (json_int_t)report.requests, "empty", empty);
        roll_report_json(&app->out, view);
        return NULL;
    }
    if (empty)
        roll_say(app, "the shared store '%s' was empty: %s", roll_sync_name(app->sync),
                 report.pushed
                     ? "a new shared ledger begins there with what this machine has"
                     : "nothing was ever shared there; if your team shares a ledger already, "
                       "plans/ledger.json names another store");
    roll_say(app, "%" PRId64 " event%s pulled, %" PRId64 " pushed", report.pulled,
             report.pulled == 1 ? "" : "s", report.pushed);
    if (report.repaired)
        roll_say(app, "%" PRId64 " content%s that the store had lost put back", report.repaired,
                 report.repaired == 1 ? "" : "s");
    if (report.joined)
        roll_say(app, "%" PRId64 " side stream%s joined: roll status", report.joined,
                 report.joined == 1 ? "" : "s");
    return NULL;
}

static const struct roll_option sync_options[] = {
    {"yes", 'y', ROLL_FLAG, offsetof(struct context, yes), NULL,
     "for scripts: nothing is asked anyway"},
    {NULL},
};

const struct roll_command roll_cmd_ledger_sync = {
    .name = "sync",
    .arguments = "",
    .summary = "pull the shared ledger, and push what it lacks",
    .details =
        "A machine that has nothing yet gets the whole ledger and works at once. What an emergency "
        "recorded aside is joined to the ledger, and contents that the store has lost are put "
        "back.",
    .options = sync_options,
    .context_size = sizeof(struct context),
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_WRITES_LEDGER,
    .run = run_sync,
};
