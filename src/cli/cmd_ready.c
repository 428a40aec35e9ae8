/* roll ready [ENV]: could what is kept be deployed again now? */
#include "ready.h"

#include <string.h>

#include "rollbook/time.h"

struct context {
    const char *release;
    bool drill;
};

struct readiness {
    struct roll_app *app;
    const struct context *context;
    json_t *list;
    bool trouble; /* a goal, or the release that was asked for, is not ready */
};

/* ---- checking ------------------------------------------------------------------------------- */

static bool any_release_in_trouble(const json_t *facts)
{
    size_t index;
    const json_t *release;

    json_array_foreach (json_object_get(facts, "releases"), index, release)
        if (g_strcmp0(roll_json_get_string(release, "state"), "ready") != 0)
            return true;
    return false;
}

static struct roll_error *check(struct readiness *readiness, const char *name)
{
    struct roll_app *app = readiness->app;
    const struct context *context = readiness->context;
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    const char *version = NULL;
    json_t *facts = NULL;

    ROLL_TRY(roll_workspace_environment(app->workspace, name, &plan, &environment));
    if (context->release)
        ROLL_TRY(roll_version_argument(context->release, plan->service, &version));
    ROLL_TRY(roll_error_wrap(
        roll_ready_environment(app, plan, environment, version,
                               context->drill ? ROLL_READY_DRILL : ROLL_READY_LOOK, &facts),
        "while checking whether '%s' is ready", name));
    if (json_array_size(json_object_get(facts, "releases")) == 0) {
        json_decref(facts);
        return NULL;
    }
    g_autofree char *trouble = roll_ready_trouble(facts);
    readiness->trouble =
        readiness->trouble || trouble || (version && any_release_in_trouble(facts));
    json_array_append_new(readiness->list, facts);
    return NULL;
}

static struct roll_error *check_outline(void *user, const struct roll_outline *outline)
{
    g_ptr_array_add(user, g_strdup_printf("%s/%s", outline->service, outline->environment));
    return NULL;
}

static struct roll_error *check_all(struct readiness *readiness)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

    ROLL_TRY(roll_workspace_outline(readiness->app->workspace, check_outline, names));
    for (guint i = 0; i < names->len; i++)
        ROLL_TRY(check(readiness, g_ptr_array_index(names, i)));
    return NULL;
}

/* ---- printing ------------------------------------------------------------------------------- */

static enum roll_paint paint_of(const char *state)
{
    return strcmp(state, "ready") == 0      ? ROLL_GOOD
           : strcmp(state, "degraded") == 0 ? ROLL_WARN
                                            : ROLL_BAD;
}

static char *targets_of(const json_t *counts)
{
    static const char *const states[] = {"ready", "degraded", "dead"};
    g_autoptr(GString) text = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(states); i++) {
        json_int_t count = json_integer_value(json_object_get(counts, states[i]));
        if (count)
            g_string_append_printf(text, "%s%" JSON_INTEGER_FORMAT " %s", text->len ? ", " : "",
                                   count, states[i]);
    }
    return g_string_free(g_steal_pointer(&text), FALSE);
}

static char *role_of(const json_t *release)
{
    bool live = json_is_true(json_object_get(release, "live"));
    bool goal = json_is_true(json_object_get(release, "goal"));

    return g_strdup(live && goal ? "live; a back goes here"
                    : live       ? "live"
                    : goal       ? "a back goes here"
                                 : "");
}

static void print_release(struct roll_table *table, const json_t *release)
{
    const char *state = roll_json_get_string(release, "state");
    const char *since = roll_json_get_string(release, "since");
    int64_t since_ms = 0;

    roll_error_free(roll_time_parse(since, &since_ms));
    roll_table_cell(table, ROLL_BOLD, roll_json_get_string(release, "version"));
    roll_table_cell(table, paint_of(state), state);
    roll_table_cell_take(table, ROLL_PLAIN, roll_report_ago(since_ms, roll_now_ms()));
    roll_table_cell_take(table, ROLL_PLAIN, targets_of(json_object_get(release, "targets")));
    roll_table_cell_take(table, ROLL_PLAIN, role_of(release));
    roll_table_row(table);
}

static void print_reason(struct roll_app *app, const char *version, const json_t *reason)
{
    const char *subject = roll_json_get_string(reason, "subject");
    const char *next = roll_json_get_string(reason, "next");
    g_autofree char *names = roll_report_names(json_object_get(reason, "targets"));
    bool own = g_strcmp0(subject, version) == 0; /* a rule names the release itself */

    roll_say(app, "%s %s: %s%s%s%s%s%s", version, roll_json_get_string(reason, "state"),
             own ? "" : subject, own ? "" : ": ", roll_json_get_string(reason, "why"),
             names ? " (" : "", names ? names : "", names ? ")" : "");
    if (next)
        roll_say(app, "  next: %s", next);
}

/* A stack is validated, and has no forecast. */
static char *drill_of(const json_t *facts)
{
    const json_t *changes = json_object_get(facts, "changes");
    json_int_t count = json_integer_value(changes);
    json_int_t deletes = json_integer_value(json_object_get(facts, "deletes"));

    if (!changes)
        return g_strdup("ARM would take it");
    g_autofree char *more =
        deletes ? g_strdup_printf(", %" JSON_INTEGER_FORMAT " deleted", deletes) : NULL;
    return g_strdup_printf("ARM forecasts %" JSON_INTEGER_FORMAT " change%s%s", count,
                           count == 1 ? "" : "s", more ? more : "");
}

static void print_drill(struct roll_app *app, const json_t *release)
{
    const char *target;
    json_t *facts;

    json_object_foreach (json_object_get(release, "drill"), target, facts) {
        g_autofree char *text = drill_of(facts);
        roll_say(app, "%s drill: %s: %s", roll_json_get_string(release, "version"), target, text);
    }
}

static void print_usual(struct roll_app *app, const json_t *facts)
{
    const json_t *usual = json_object_get(facts, "usual");
    json_int_t count = json_integer_value(json_object_get(usual, "count"));
    g_autoptr(GString) text = g_string_new("a rollback usually takes ");

    if (!count)
        return;
    roll_duration_write(json_integer_value(json_object_get(usual, "medianMs")), text);
    g_string_append(text, ", 95 % within ");
    roll_duration_write(json_integer_value(json_object_get(usual, "p95Ms")), text);
    roll_say(app, "%s (%" JSON_INTEGER_FORMAT " so far)", text->str, count);
}

static void print_one(struct roll_app *app, const json_t *facts, bool drill)
{
    static const char *const headings[] = {"RELEASE", "STATE", "SINCE", "TARGETS", "", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    const json_t *releases = json_object_get(facts, "releases"), *release, *reason;
    size_t index, at;

    roll_say(app, "%s", roll_json_get_string(facts, "stream"));
    json_array_foreach (releases, index, release)
        print_release(table, release);
    if (!app->globals.quiet)
        roll_table_print(table, &app->out);
    json_array_foreach (releases, index, release) {
        json_array_foreach (json_object_get(release, "reasons"), at, reason)
            print_reason(app, roll_json_get_string(release, "version"), reason);
        if (drill)
            print_drill(app, release);
    }
    const json_t *goals = json_object_get(facts, "goals");
    const char *why = roll_json_get_string(facts, "noGoal");
    if (goals && json_array_size(goals) == 0)
        roll_say(app, "%s", why ? why : "there is no other release that a back could go to");
    if (drill)
        print_usual(app, facts);
}

/* ---- the command ---------------------------------------------------------------------------- */

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    roll_auto(json) json_t *list = json_array();
    struct readiness readiness = {app, context, list, false};
    size_t index;
    json_t *facts;

    if (context->release && !arguments[0])
        return roll_error_new(ROLL_E_USAGE, "'--release' needs an environment");
    ROLL_TRY(roll_app_write_ledger(app));
    ROLL_TRY(arguments[0] ? check(&readiness, arguments[0]) : check_all(&readiness));
    if (json_array_size(list) == 0)
        return roll_error_new(ROLL_E_NOTHING, "nothing has succeeded%s%s yet",
                              arguments[0] ? " in " : "", arguments[0] ? arguments[0] : "");
    if (app->json)
        roll_report_json(&app->out, list);
    else
        json_array_foreach (list, index, facts)
            print_one(app, facts, context->drill);
    if (readiness.trouble)
        app->exit_status = roll_code_exit(ROLL_E_FOUND);
    return NULL;
}

static const struct roll_option options[] = {
    {"release", 0, ROLL_TEXT, offsetof(struct context, release), "VERSION", "this release alone"},
    {"drill", 0, ROLL_FLAG, offsetof(struct context, drill), NULL,
     "ARM validates and forecasts the back too (it counts both as writes)"},
    {NULL},
};

const struct roll_command roll_cmd_ready = {
    .name = "ready",
    .arguments = "[ENV]",
    .summary = "could the releases that are kept be deployed again now?",
    .details =
        "Looks at the recorded bytes, artifacts, linked templates, secrets (never their values),\n"
        "api-versions, roles, locks and data floors of the last good releases ('retain' in the\n"
        "plan) and of what is live. What was found well holds for some hours and is not asked\n"
        "again. Exit 4: the release that a back goes to is not ready. 'roll run' checks daily.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
