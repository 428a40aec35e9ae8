/* roll show ROLLOUT | RELEASE: everything that the ledger knows of one. */
#include "act.h"
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/time.h"

/* ---- a rollout ------------------------------------------------------------------------------ */

static void field(struct roll_table *table, const char *name, const char *value)
{
    if (!value)
        return;
    roll_table_cell(table, ROLL_DIM, name);
    roll_table_cell(table, ROLL_PLAIN, value);
    roll_table_row(table);
}

static void print_targets(struct roll_app *app, const json_t *view)
{
    static const char *const headings[] = {"TARGET",     "STATE",          "RELEASE", "RESOURCES",
                                           "DEPLOYMENT", "CORRELATION ID", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    size_t index;
    json_t *target;

    json_array_foreach (json_object_get(view, "targets"), index, target) {
        const char *state = roll_json_get_string(target, "state");
        roll_table_cell(table, ROLL_PLAIN, roll_json_get_string(target, "name"));
        roll_table_cell(table, roll_view_state_paint(state), state);
        roll_table_cell(table, ROLL_PLAIN, roll_json_get_string(target, "release"));
        roll_table_cell_take(
            table, ROLL_PLAIN,
            g_strdup_printf("%" JSON_INTEGER_FORMAT,
                            json_integer_value(json_object_get(target, "resources"))));
        roll_table_cell(table, ROLL_PLAIN, roll_json_get_string(target, "deployment"));
        roll_table_cell(table, ROLL_PLAIN, roll_json_get_string(target, "correlationId"));
        roll_table_row(table);
    }
    roll_table_print(table, &app->out);
    json_array_foreach (json_object_get(view, "targets"), index, target)
        roll_view_say_failure(app, target, "");
}

static void print_rollout(struct roll_app *app, const json_t *view)
{
    roll_auto(table) struct roll_table *table = roll_table_new(NULL);
    const json_t *actor = json_object_get(view, "actor");

    field(table, "rollout", roll_json_get_string(view, "rollout"));
    field(table, "kind", roll_json_get_string(view, "kind"));
    field(table, "lane", roll_json_get_string(view, "lane"));
    field(table, "release", roll_json_get_string(view, "version"));
    field(table, "from", roll_json_get_string(view, "from"));
    field(table, "undid", roll_json_get_string(view, "tried"));
    field(table, "state", roll_json_get_string(view, "state"));
    field(table, "because", roll_json_get_string(view, "endReason"));
    field(table, "reason", roll_json_get_string(view, "reason"));
    if (json_object_get(view, "parts")) {
        g_autofree char *parts = roll_view_parts_text(view);
        field(table, "parts", parts);
    }
    field(table, "part of", roll_json_get_string(view, "partOf"));
    field(table, "proved", roll_json_get_string(actor, "proved"));
    field(table, "claimed", roll_json_get_string(actor, "claimed"));
    field(table, "started", roll_json_get_string(view, "startedAt"));
    field(table, "finished", roll_json_get_string(view, "finishedAt"));
    roll_view_print_governs(table, view);
    roll_table_print(table, &app->out);
    roll_say(app, "%s", "");
    print_targets(app, view);
    roll_say_stacks(app, view);
    roll_say_leftovers(app, view);
}

static struct roll_error *show_rollout(struct roll_app *app, const char *text)
{
    g_autofree char *stream = NULL;
    int64_t number = 0;
    roll_auto(json) json_t *view = NULL;

    ROLL_TRY(roll_recorded_argument(app, text, &stream, &number));
    if (!app->ledger)
        return roll_error_new(ROLL_E_NOT_FOUND, "nothing was ever recorded here");
    ROLL_TRY(roll_view_rollout_find(app, stream, number, &view));
    ROLL_TRY(roll_view_add_governs(app, stream, number, view));
    if (app->json)
        roll_report_json(&app->out, view);
    else
        print_rollout(app, view);
    return NULL;
}

/* ---- a release ------------------------------------------------------------------------------ */

/* Where nobody goes back to it any more: for the service, or where a rollback left it. Owned; NULL:
 * nowhere. */
static struct roll_error *bad_where(struct roll_app *app, const struct roll_plan *plan,
                                    const char *version, char **ret_words)
{
    g_autoptr(GString) names = g_string_new(NULL);

    *ret_words = NULL;
    for (guint i = 0; i < plan->environments->len; i++) {
        const struct roll_plan_environment *environment = g_ptr_array_index(plan->environments, i);
        g_autofree char *stream = roll_stream_of(plan, environment);
        const char *where = NULL;
        ROLL_TRY(roll_ledger_bad(app->ledger, stream, version, &where));
        if (g_strcmp0(where, "here") == 0)
            g_string_append_printf(names, "%s%s", names->len ? ", " : "in ", environment->name);
        else if (where)
            *ret_words = g_strdup("for the whole service");
        if (*ret_words)
            return NULL;
    }
    *ret_words = names->len ? g_strdup(names->str) : NULL;
    return NULL;
}

static void print_release(struct roll_app *app, const struct roll_release *release, const char *bad)
{
    roll_auto(table) struct roll_table *table = roll_table_new(NULL);
    const json_t *artifacts = json_object_get(release->manifest, "artifacts");
    const json_t *changes = json_object_get(release->manifest, "changes");
    const char *name;
    json_t *artifact;
    size_t index;
    json_t *change;

    field(table, "release", release->version);
    field(table, "bad", bad);
    field(table, "digest", release->digest);
    field(table, "commit", roll_json_get_string(release->manifest, "commit"));
    field(table, "ref", roll_json_get_string(release->manifest, "ref"));
    field(table, "author", roll_json_get_string(release->manifest, "author"));
    field(table, "base", roll_json_get_string(release->manifest, "base"));
    field(table, "template", roll_json_get_string(release->manifest, "template"));
    field(table, "template spec",
          roll_json_get_string(json_object_get(release->manifest, "templateSpec"), "id"));
    json_object_foreach ((json_t *)(uintptr_t)artifacts, name, artifact)
        field(table, name, roll_json_get_string(artifact, "reference"));
    roll_table_print(table, &app->out);
    if (json_array_size(changes) > 0)
        roll_say(app, "\nchanges");
    json_array_foreach (changes, index, change)
        roll_say(app, "  %.10s  %s", roll_json_get_string(change, "commit"),
                 roll_json_get_string(change, "subject"));
}

static struct roll_error *show_release(struct roll_app *app, const char *text)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(release) struct roll_release *release = NULL;
    g_autofree char *bad = NULL;
    const char *at = strrchr(text, '@');
    g_autofree char *service = at ? g_strndup(text, (gsize)(at - text)) : NULL;
    const char *version = NULL;

    ROLL_TRY(roll_workspace_plan(app->workspace, service, &plan));
    ROLL_TRY(roll_version_argument(text, plan->service, &version));
    if (!app->ledger)
        return roll_error_new(ROLL_E_NOT_FOUND, "nothing was ever recorded here");
    ROLL_TRY(roll_release_load(app->ledger, plan->service, version, &release));
    if (app->json) {
        roll_report_json(&app->out, release->manifest);
        return NULL;
    }
    ROLL_TRY(bad_where(app, plan, version, &bad));
    print_release(app, release, bad);
    return NULL;
}

/* An environment has more to show than fits: where its rollouts are. Consumes err. */
static struct roll_error *point_at_log(struct roll_app *app, const char *text,
                                       struct roll_error *err)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    struct roll_error *other =
        roll_workspace_environment(app->workspace, text, &plan, &environment);

    if (other) {
        roll_error_free(other);
        return err;
    }
    roll_error_free(err);
    g_autofree char *next =
        g_strdup_printf("{\"next\":[\"roll log %s\",\"roll status %s\"]}", text, text);
    return roll_error_detail(
        roll_error_new(ROLL_E_NOT_FOUND, "'%s' is an environment, no rollout and no release", text),
        next);
}

static struct roll_error *run(struct roll_app *app, void *context, char **arguments)
{
    const char *text = arguments[0];

    (void)context;
    if (strchr(text, '#'))
        return show_rollout(app, text);
    struct roll_error *err = show_release(app, text);
    return roll_error_code(err) == ROLL_E_NOT_FOUND ? point_at_log(app, text, err) : err;
}

const struct roll_command roll_cmd_show = {
    .name = "show",
    .arguments = "ROLLOUT | RELEASE",
    .summary = "one rollout (prod#17) or release (1.4.2) in full",
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
