/* Commands and the shared ledger: what the store has is pulled before anything is decided, and
 * appends count when it has them. In an emergency it never stands in the way. */
#include "app.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/policy.h"
#include "rollbook/sync.h"

enum { MAX_TRIES = 5 };

void roll_app_unshare(struct roll_app *app)
{
    roll_sync_free(app->sync);
    app->sync = NULL;
    roll_store_free(app->store);
    app->store = NULL;
}

/* One that is not good counts for nothing wherever approvals are counted; who wrote it into the
 * store is worth knowing all the same. */
static void check_approval(void *user, const struct roll_event *event)
{
    struct roll_app *app = user;
    const struct roll_approval_given *body = roll_event_body(event, approval_given);
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autofree char *stream = g_strndup(event->stream, strcspn(event->stream, "~"));
    struct roll_error *err = roll_approved_load(app->ledger, stream, body->rollout, &approved);

    if (!err)
        err = roll_approval_check(approved, body->approver, body->signature, event->at);
    if (!err)
        return;
    roll_print(app->err.file,
               "an approval in the shared ledger is not good and counts for nothing: %s@%" PRId64
               ", of rollout #%" PRId64 ": %s\nnext: roll ledger verify\n",
               event->stream, event->seq, body->rollout, roll_error_innermost(err));
    fflush(app->err.file);
    roll_error_free(err);
}

/* Another replica may be faster while side streams are joined. */
static struct roll_error *exchange(struct roll_app *app, struct roll_sync_report *report)
{
    struct roll_error *err = NULL;

    for (int tries = 0; tries < MAX_TRIES; tries++) {
        roll_error_free(err);
        ROLL_TRY(roll_sync_pull(app->sync, app->ledger, report));
        err = roll_sync_push(app->sync, app->ledger, &app->actor, report);
        if (roll_error_code(err) != ROLL_E_CONFLICT)
            break;
    }
    return err;
}

/* Without a ledger nothing can be decided, so that the first pull is waited for as long as it gets
 * answers, also in an emergency; that is said. */
static struct roll_error *is_first(struct roll_app *app, bool *ret_first)
{
    bool knows = false;

    ROLL_TRY(roll_sync_knows(app->ledger, &knows));
    *ret_first = !knows;
    if (knows || !app->emergency || app->globals.quiet)
        return NULL;
    roll_print(app->err.file,
               "this machine does not know yet what was deployed: fetching the whole "
               "shared ledger first, however long that takes\n");
    fflush(app->err.file);
    return NULL;
}

struct roll_error *roll_app_exchange(struct roll_app *app, struct roll_sync_report *report)
{
    struct roll_sync_report nothing;
    bool first = false;

    if (!app->store)
        ROLL_TRY(roll_workspace_store(app->workspace, &app->store));
    if (!app->store)
        return NULL;
    if (!app->sync)
        ROLL_TRY(roll_sync_new(app->store, &app->sync));
    roll_sync_on_approval(app->sync, check_approval, app);
    ROLL_TRY(is_first(app, &first));
    roll_sync_hurry(app->sync, app->emergency && !first);
    struct roll_error *err = exchange(app, report ? report : &nothing);
    roll_sync_hurry(app->sync, false);
    return roll_error_wrap(err, "while looking at the shared ledger of plans/ledger.json");
}

void roll_app_say_aside(struct roll_app *app, const char *why)
{
    roll_print(
        app->err.file,
        "the shared ledger is out of reach%s%s\n"
        "going on without it: what is done now is recorded aside, and joins when roll ledger "
        "sync reaches it\n",
        why ? ": " : "", why ? why : "");
    fflush(app->err.file);
}

static void say(struct roll_app *app, const char *text)
{
    roll_print(app->err.file, "%s\n", text);
    fflush(app->err.file);
}

/* Nothing but the way there is in the way. */
static bool is_away(const struct roll_error *err)
{
    return roll_error_code(err) == ROLL_E_HTTP || roll_error_code(err) == ROLL_E_TIMEOUT;
}

struct roll_error *roll_app_need_knowledge(struct roll_app *app, struct roll_error *err_take)
{
    struct roll_error *err = err_take;
    bool knows = false;

    if (!app->store)
        err = roll_error_join(err, roll_workspace_store(app->workspace, &app->store));
    if (!app->store)
        return err;
    err = roll_error_join(err, roll_sync_knows(app->ledger, &knows));
    if (knows)
        return err;
    bool away = !err || is_away(err);
    if (!err)
        err = roll_error_new(ROLL_E_NOT_FOUND, "its replica of the shared ledger is empty, or was "
                                               "never pulled to its end");
    err = roll_error_wrap(err, "this machine does not know yet what was deployed");
    if (!away)
        return err;
    return roll_error_detail(
        err, "{\"next\":[\"roll ledger sync   again, until it is through\",\"the same command on a "
             "machine that has the ledger\"]}");
}

/* A new team begins like this, and so does whoever mistyped the key. */
static void say_empty(struct roll_app *app, const struct roll_sync_report *report)
{
    g_autofree char *text = g_strdup_printf(
        "the shared store '%s' was empty: %s", roll_sync_name(app->sync),
        report->pushed ? "a new shared ledger begins there with what this machine has"
                       : "if your team shares a ledger already, plans/ledger.json names another "
                         "store");

    if (report->empty)
        say(app, text);
}

struct roll_error *roll_app_share(struct roll_app *app)
{
    struct roll_sync_report report = {0};
    struct roll_error *err = roll_app_exchange(app, &report);
    bool knows = true;

    if (err)
        err = roll_error_join(err, roll_sync_knows(app->ledger, &knows));
    if (!knows)
        return roll_app_need_knowledge(app, err);
    if (err && app->sync && roll_sync_only_writes(app->sync)) {
        say(app, "this SAS does not let us read the shared ledger: going on with what is known "
                 "here");
        roll_error_free(err);
        err = NULL;
    }
    if (err && app->emergency) {
        roll_app_say_aside(app, roll_error_innermost(err));
        roll_error_free(err);
        return roll_ledger_go_aside(app->ledger);
    }
    if (err && is_away(err))
        err = roll_error_detail(err, "{\"next\":[\"the same again, once the store can be reached\","
                                     "\"roll back and roll hotfix do not wait for it\"]}");
    if (!err && app->sync) {
        say_empty(app, &report);
        roll_sync_attach(app->sync, app->ledger, app->emergency);
    }
    return err;
}

/* The team learns at once what was done aside, when the store is back. */
void roll_app_come_home(struct roll_app *app)
{
    if (!app->emergency || !app->sync || !app->ledger || !roll_ledger_is_aside(app->ledger))
        return;
    roll_sync_attach(app->sync, app->ledger, false);
    roll_ledger_set_aside(app->ledger, false);
    struct roll_error *err = roll_app_exchange(app, NULL);
    if (err)
        roll_ledger_set_aside(app->ledger, true);
    else if (!app->globals.quiet)
        say(app, "the shared ledger answers again: what was recorded aside has joined it");
    roll_error_free(err);
}

static struct roll_error *count(void *user, const struct roll_aside *aside)
{
    json_t *list = user;

    json_array_append_new(list,
                          json_pack("{s:s,s:s,s:I}", "stream", aside->stream, "side", aside->side,
                                    "events", (json_int_t)(aside->seq - aside->joined)));
    return NULL;
}

static struct roll_error *count_waiting(void *user, const struct roll_waiting *waiting)
{
    json_t *list = user;

    json_array_append_new(list, json_pack("{s:s,s:I}", "stream", waiting->stream, "events",
                                          (json_int_t)waiting->count));
    return NULL;
}

struct roll_error *roll_app_pending(struct roll_app *app, json_t **ret_list)
{
    roll_auto(json) json_t *list = json_array();

    if (app->ledger) {
        ROLL_TRY(roll_ledger_asides(app->ledger, count, list));
        ROLL_TRY(roll_ledger_waiting(app->ledger, count_waiting, list));
    }
    *ret_list = g_steal_pointer(&list);
    return NULL;
}
