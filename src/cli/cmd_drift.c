/* roll drift [ENV]: is what is live as it was left, and if not, who changed it? */
#include "app.h"
#include "tell.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"
#include "rollbook/watch.h"

struct context {
    GPtrArray *targets;
};

struct drift {
    struct roll_app *app;
    const struct context *context;
    struct roll_loop *loop;
    struct roll_links *links;
    json_t *reports;
};

/* ---- telling -------------------------------------------------------------------------------- */

static void say_hand(struct roll_app *app, const char *lead, const json_t *by)
{
    const char *who = roll_json_get_string(by, "who"), *tool = roll_json_get_string(by, "tool");
    const char *deployment = roll_json_get_string(by, "deployment");
    const char *client = roll_json_get_string(by, "client");
    const char *policy = roll_json_get_string(by, "policy");
    const char *correlation = roll_json_get_string(by, "correlationId");
    g_autofree char *named = deployment ? g_strdup_printf(" '%s'", deployment) : g_strdup("");
    g_autofree char *through = client ? g_strdup_printf(" (%s)", client) : g_strdup("");
    g_autofree char *changed =
        policy ? g_strdup_printf(", changed on its way by a policy (%s)", policy) : g_strdup("");

    roll_say(app, "      %s %s, %s%s%s%s, %s", lead, who ? who : "somebody",
             tool && strcmp(tool, "unknown") != 0 ? tool : "unknown tool", named, through, changed,
             roll_json_get_string(by, "at"));
    if (correlation)
        roll_say(app, "      correlation id: %s", correlation);
}

static void say_by(struct roll_app *app, const json_t *difference)
{
    const json_t *by = json_object_get(difference, "by");
    const json_t *candidates = json_object_get(difference, "candidates");
    const char *why = roll_json_get_string(difference, "why");
    size_t index;
    json_t *hand;

    if (by)
        say_hand(app, "by", by);
    json_array_foreach ((json_t *)(uintptr_t)candidates, index, hand)
        say_hand(app, index == 0 ? "by one of several:" : "or", hand);
    if (why)
        roll_say(app, "      %s%s", by || candidates ? "not sure: " : "by unknown: ", why);
}

static void say_difference(struct roll_app *app, const json_t *difference)
{
    const char *path = roll_json_get_string(difference, "path");
    const char *is = roll_json_get_string(difference, "is");
    const char *wanted = roll_json_get_string(difference, "wanted");
    const char *change = roll_json_get_string(difference, "change");
    bool deleted = g_strcmp0(change, "deleted") == 0, added = g_strcmp0(change, "added") == 0;

    roll_say(app, "  %s %s",
             deleted ? "-"
             : added ? "+"
                     : "~",
             roll_json_get_string(difference, "resource"));
    if (deleted || added)
        roll_say(app, "      %s", deleted ? "is gone" : "is there, and was not rolled out");
    else
        roll_say(app, "      %s is %s, was rolled out as %s", path ? path : "it",
                 is ? is : "not there", wanted ? wanted : "not there");
    say_by(app, difference);
}

static void say_unsure(struct roll_app *app, const json_t *list)
{
    size_t index;
    json_t *difference;

    if (json_array_size(list) > 0)
        roll_say(app,
                 "  %zu that ARM said just after the rollout too; whether somebody made them is "
                 "not known",
                 json_array_size(list));
    json_array_foreach ((json_t *)(uintptr_t)list, index, difference)
        say_difference(app, difference);
}

static void say_unevaluated(struct roll_app *app, const json_t *list)
{
    size_t index;
    json_t *item;

    if (json_array_size(list) > 0)
        roll_say(app, "  could not be evaluated: %zu", json_array_size(list));
    json_array_foreach ((json_t *)(uintptr_t)list, index, item) {
        const char *path = roll_json_get_string(item, "path");
        roll_say(app, "  ? %s%s%s: %s", roll_json_get_string(item, "resource"), path ? "  " : "",
                 path ? path : "", roll_json_get_string(item, "reason"));
    }
}

static void say_head(struct roll_app *app, const char *stream, const json_t *target)
{
    const char *state = roll_json_get_string(target, "state");
    const json_t *error = json_object_get(target, "error");
    const char *code = roll_json_get_string(error, "code");
    size_t count = json_array_size(json_object_get(target, "differences"));
    const json_t *baseline = json_object_get(target, "baseline");
    json_int_t known = json_integer_value(json_object_get(baseline, "known"));
    g_autofree char *words =
        error   ? g_strdup_printf("could not be looked at: %s%s%s", code ? code : "",
                                code ? ": " : "", roll_json_get_string(error, "message"))
        : count ? g_strdup_printf("%zu difference%s", count, count == 1 ? "" : "s")
        : strcmp(state, "unsure") == 0 ? g_strdup("not known")
                                       : g_strdup("no drift");

    roll_say(app, "%s %s  %s (#%" JSON_INTEGER_FORMAT "): %s", stream,
             roll_json_get_string(target, "name"), roll_json_get_string(target, "release"),
             json_integer_value(json_object_get(target, "rollout")), words);
    if (!error && !json_is_object(baseline) && count > 0)
        roll_say(app, "  no baseline was taken after that rollout (roll run takes one): some of "
                      "this may be what ARM always says");
    if (known > 0)
        roll_say(app, "  %" JSON_INTEGER_FORMAT " more that ARM said just after the rollout too",
                 known);
}

static void say_left_out(struct roll_app *app, const char *stream, const json_t *left)
{
    const char *name = roll_json_get_string(left, "target");
    json_int_t count = json_integer_value(json_object_get(left, "targets"));
    g_autofree char *many =
        g_strdup_printf("%" JSON_INTEGER_FORMAT " target%s", count, count == 1 ? "" : "s");

    roll_say(app, "%s %s: %s", stream, name ? name : many, roll_json_get_string(left, "why"));
}

/* What puts it back, for each release that is live where something drifted. */
static void say_next(struct roll_app *app, const char *name, const json_t *targets)
{
    g_autoptr(GHashTable) said = g_hash_table_new(g_str_hash, g_str_equal);
    size_t index;
    json_t *target;

    json_array_foreach ((json_t *)(uintptr_t)targets, index, target) {
        const char *release = roll_json_get_string(target, "release");
        if (json_array_size(json_object_get(target, "differences")) == 0 ||
            !g_hash_table_add(said, (gpointer)(uintptr_t)release))
            continue;
        roll_say(app, "%sroll out %s --release %s --again  sends what was rolled out once more",
                 g_hash_table_size(said) == 1 ? "next: " : "      ", name, release);
    }
}

static void say(struct roll_app *app, const char *stream, const char *name, const json_t *report)
{
    size_t index, at;
    json_t *target, *difference;

    json_array_foreach (json_object_get(report, "targets"), index, target) {
        say_head(app, stream, target);
        json_array_foreach (json_object_get(target, "differences"), at, difference)
            say_difference(app, difference);
        say_unsure(app, json_object_get(target, "unsure"));
        say_unevaluated(app, json_object_get(target, "unevaluated"));
    }
    json_array_foreach (json_object_get(report, "leftOut"), index, target)
        say_left_out(app, stream, target);
    if (json_array_size(json_object_get(report, "targets")) +
            json_array_size(json_object_get(report, "leftOut")) ==
        0)
        roll_say(app, "%s: nothing is live", stream);
    say_next(app, name, json_object_get(report, "targets"));
}

/* ---- looking -------------------------------------------------------------------------------- */

static struct roll_error *look(struct drift *drift, const struct roll_plan *plan,
                               const struct roll_plan_environment *environment)
{
    struct roll_app *app = drift->app;
    const GPtrArray *targets = drift->context->targets;
    g_autofree char *stream = roll_stream_of(plan, environment);
    const struct roll_drift_options options = {
        .ledger = app->ledger,
        .loop = drift->loop,
        .links = drift->links,
        .actor = &app->actor,
        .plan = plan,
        .environment = environment,
        .targets = targets ? (const char *const *)targets->pdata : NULL,
    };
    json_t *report = NULL;

    ROLL_TRY(roll_drift(&options, &report));
    json_array_append_new(drift->reports, report);
    if (!app->json) {
        g_autofree char *name = roll_name_to_type(app->workspace, stream);
        say(app, stream, name, report);
    }
    if (json_is_true(json_object_get(report, "drifted")))
        app->exit_status = roll_code_exit(ROLL_E_FOUND);
    else if (json_is_true(json_object_get(report, "unknown")) && app->exit_status == 0)
        app->exit_status = 1;
    roll_tell(app, plan, stream, ROLL_TELL_MS);
    return NULL;
}

/* What was not looked at is said in the JSON too, and is no clean bill. */
static void leave_out(struct drift *drift, const struct roll_plan *plan,
                      const struct roll_plan_environment *environment, const struct roll_error *err)
{
    struct roll_app *app = drift->app;

    json_array_append_new(drift->reports,
                          json_pack("{s:s,s:s,s:{s:s},s:b,s:b,s:[],s:[]}", "service", plan->service,
                                    "environment", environment->name, "error", "message",
                                    err->message, "drifted", false, "unknown", true, "targets",
                                    "leftOut"));
    fprintf(app->err.file, "left out: %s\n", err->message);
    if (app->exit_status == 0)
        app->exit_status = 1;
}

/* One environment that is being deployed to keeps nobody from hearing of the others. */
static struct roll_error *look_at_plan(struct drift *drift, const char *service)
{
    roll_auto(plan) struct roll_plan *plan = NULL;

    ROLL_TRY(roll_workspace_plan(drift->app->workspace, service, &plan));
    for (guint i = 0; i < plan->environments->len; i++) {
        struct roll_error *err = look(drift, plan, plan->environments->pdata[i]);
        if (roll_error_code(err) != ROLL_E_CONFLICT) {
            ROLL_TRY(err);
            continue;
        }
        leave_out(drift, plan, plan->environments->pdata[i], err);
        roll_error_free(err);
    }
    return NULL;
}

static struct roll_error *look_at_all(struct drift *drift, const char *name)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    if (name) {
        ROLL_TRY(roll_workspace_environment(drift->app->workspace, name, &plan, &environment));
        return look(drift, plan, environment);
    }
    if (drift->context->targets && drift->context->targets->len > 0)
        return roll_error_new(ROLL_E_USAGE, "'--target' needs the environment");
    for (char **service = drift->app->workspace->services; *service; service++)
        ROLL_TRY(look_at_plan(drift, *service));
    return NULL;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    roll_auto(loop) struct roll_loop *loop = NULL;
    roll_auto(links) struct roll_links *links = NULL;
    roll_auto(json) json_t *reports = json_array();

    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(roll_loop_new(&loop));
    links = roll_links_new(loop, roll_app_sandbox, app);
    struct drift drift = {app, user, loop, links, reports};
    ROLL_TRY(look_at_all(&drift, arguments[0]));
    if (app->json)
        roll_report_json(&app->out, reports);
    return NULL;
}

static const struct roll_option options[] = {
    {"target", 't', ROLL_TEXTS, offsetof(struct context, targets), "NAME",
     "only this target; may be repeated"},
    {NULL},
};

const struct roll_command roll_cmd_drift = {
    .name = "drift",
    .arguments = "[ENV]",
    .summary = "is what is live as it was left, and if not, who changed it",
    .details =
        "Asks ARM's what-if about what the ledger says is live, and leaves out what the same\n"
        "what-if said right after the rollout, unless somebody else did it. Names who made a\n"
        "change, with what and when, from the activity log, which is up to 20 minutes late.\n"
        "Changes nothing in Azure, but needs the rights of a deployment. In a fleet of more\n"
        "than 20 targets one of each ring is asked.\n"
        "Exit 4: it found something; 1: something could not be looked at, or is not known.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_WRITES_LEDGER,
    .run = run,
};
