/* roll status [ENV]: what is live where, and what to type next. Never contacts ARM. */
#include "ready.h"
#include "standings.h"
#include "status.h"

#include <string.h>

#include "rollbook/time.h"

static struct roll_error *take(void *user, const struct roll_environment_row *row)
{
    struct rows *rows = user;

    *rows = (struct rows){
        .live = g_strdup(row->live),
        .last_good = g_strdup(row->last_good),
        .previous = g_strdup(row->previous),
        .last_state = g_strdup(row->last_state),
        .hold_reason = g_strdup(row->hold_reason),
        .since = row->since,
        .clean = row->clean,
        .dirty = row->dirty,
        .open_rollout = row->open_rollout,
        .last_rollout = row->last_rollout,
        .debts = row->debts,
        .hold_rollout = row->hold_rollout,
        .mixed = row->mixed,
        .hold = row->hold,
        .hold_by_person = row->hold_by_person,
        .unknown = row->unknown,
        .seen = true,
    };
    return NULL;
}

static void rows_clear(struct rows *rows)
{
    g_free(rows->live);
    g_free(rows->last_good);
    g_free(rows->previous);
    g_free(rows->last_state);
    g_free(rows->hold_reason);
}

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *hold_json(const struct rows *rows)
{
    if (!rows->hold && !rows->hold_by_person)
        return json_null();
    return json_pack("{s:s,s:s?,s:I}", "by", rows->hold_by_person ? "person" : "back", "reason",
                     rows->hold_reason, "rollout", (json_int_t)rows->hold_rollout);
}

static json_t *view_of(const char *service, const char *environment, const struct rows *rows,
                       const char *goal)
{
    const char *version = rows->live ? rows->live : rows->last_good;
    char since[ROLL_TIME_SIZE] = "";
    json_t *view = json_object();

    if (rows->since)
        roll_time_format(rows->since, since);
    json_object_set_new(view, "service", json_string(service));
    json_object_set_new(view, "environment", json_string(environment));
    json_object_set_new(view, "release",
                        version ? json_sprintf("%s@%s", service, version) : json_null());
    json_object_set_new(view, "version", text_or_null(version));
    json_object_set_new(view, "since", text_or_null(*since ? since : NULL));
    json_object_set_new(view, "state", json_string(rows->last_state ? rows->last_state : "empty"));
    json_object_set_new(view, "hold", hold_json(rows));
    json_object_set_new(
        view, "targets",
        json_pack("{s:I,s:I}", "clean", (json_int_t)rows->clean, "dirty", (json_int_t)rows->dirty));
    json_object_set_new(view, "mixed", json_boolean(rows->mixed));
    json_object_set_new(view, "previous", text_or_null(rows->previous));
    json_object_set_new(view, "debts", json_integer(rows->debts));
    json_object_set_new(view, "rollback",
                        json_pack("{s:o,s:n}", "version", text_or_null(goal), "ready"));
    return view;
}

static struct roll_error *add_standings(struct status *status, const char *stream,
                                        const struct rows *rows)
{
    if (!rows->mixed && rows->dirty == 0)
        return NULL;
    return roll_standings_add(status->app, stream, status->hints);
}

static struct roll_error *add_progress(struct status *status, const char *stream,
                                       const struct rows *rows, json_t *view)
{
    if (!rows->open_rollout || g_strcmp0(rows->last_state, "waiting") == 0)
        return NULL;
    return roll_standings_add_progress(status->app, stream, rows->open_rollout, status->hints,
                                       view);
}

static void say_ready(struct status *status, const char *stream, const json_t *rollback,
                      const char *name)
{
    g_autofree char *sentence = roll_ready_sentence(rollback, name);

    if (sentence)
        g_ptr_array_add(status->hints, g_strdup_printf("%s: %s", stream, sentence));
}

/* Targets may go back to different ones: each is told. */
static struct roll_error *add_readiness(struct status *status, const char *stream, const char *name,
                                        const GPtrArray *goals, json_t *view)
{
    json_t *rollback = json_object_get(view, "rollback"), *list = json_array(), *goal;
    size_t index;

    for (guint i = 0; i < goals->len; i++)
        json_array_append_new(list, json_pack("{s:s}", "version", goals->pdata[i]));
    if (goals->len > 0)
        json_object_set(rollback, "goals", list);
    struct roll_error *err = roll_ready_add(status->app, stream, view);
    json_array_foreach (list, index, goal)
        say_ready(status, stream, goal, name);
    say_ready(status, stream, rollback, name);
    json_decref(list);
    return err;
}

static void add_needed(struct status *status, const char *stream, const struct rows *rows,
                       json_t *view)
{
    g_autoptr(GPtrArray) names = roll_workspace_needed_by(status->app->workspace, stream);
    json_t *list = json_array();

    for (guint i = 0; i < names->len; i++)
        json_array_append_new(list, json_string(names->pdata[i]));
    if (names->len > 0) {
        g_autofree char *text = roll_view_join(list, ", ");
        if (rows->last_good)
            g_ptr_array_add(status->hints,
                            g_strdup_printf("%s is needed by %s: roll back %s --with-dependents "
                                            "takes that back first",
                                            stream, text, stream));
        json_object_set(view, "neededBy", list);
    }
    json_decref(list);
}

static struct roll_error *look(struct status *status, const struct roll_outline *outline)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", outline->service, outline->environment);
    struct rows rows = {0};
    g_autoptr(GPtrArray) goals = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *goal = NULL;
    g_autofree char *name = roll_name_to_type(status->app->workspace, stream);
    struct roll_error *err = NULL;

    if (status->app->ledger)
        err = roll_ledger_environments(status->app->ledger, stream, take, &rows);
    const char *live[] = {rows.live ? rows.live : rows.last_good, NULL};
    bool uneven = rows.mixed || rows.dirty > 0;
    if (!err && (uneven || g_strcmp0(rows.last_state, "failed") == 0))
        goal = roll_uneven_goal(status->app, stream, uneven ? NULL : *live, rows.clean + rows.dirty,
                                goals);
    else if (!err)
        err = roll_back_goal(status->app, stream, live, &goal);
    if (!err && status->app->ledger)
        err = add_standings(status, stream, &rows);
    if (!err) {
        json_t *view = view_of(outline->service, outline->environment, &rows, goal);
        json_object_set_new(view, "unrestricted", json_boolean(!outline->has_lanes));
        json_array_append_new(status->list, view);
        err = add_progress(status, stream, &rows, view);
        roll_status_add_next(status, name, &rows, view);
        add_needed(status, stream, &rows, view);
        err = roll_error_join(err, roll_status_add_open(status, stream, name, &rows, view));
        err = roll_error_join(err, add_readiness(status, stream, name, goals, view));
    }
    rows_clear(&rows);
    return err;
}

static bool is_wanted(const char *only, const struct roll_outline *outline)
{
    g_autofree char *stream = g_strdup_printf("%s/%s", outline->service, outline->environment);

    return !only || strcmp(only, stream) == 0 || strcmp(only, outline->environment) == 0;
}

static struct roll_error *look_if_wanted(void *user, const struct roll_outline *outline)
{
    struct status *status = user;

    return is_wanted(status->only, outline) ? look(status, outline) : NULL;
}

/* A name that is not there, or that two services have, is explained by the search that every other
 * command makes. */
static struct roll_error *look_all(struct status *status)
{
    struct roll_app *app = status->app;
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(roll_workspace_outline(app->workspace, look_if_wanted, status));
    if (!status->only || json_array_size(status->list) == 1)
        return NULL;
    return roll_workspace_environment(app->workspace, status->only, &plan, &environment);
}

struct roll_error *roll_view_status(struct roll_app *app, const char *only, json_t *list)
{
    g_autoptr(GPtrArray) hints = g_ptr_array_new_with_free_func(g_free);
    struct status status = {app, only, list, hints};

    ROLL_TRY(look_all(&status));
    ROLL_TRY(roll_status_add_debts(&status));
    ROLL_TRY(roll_status_add_drift(&status));
    return roll_status_add_pending(&status);
}

static struct roll_error *run(struct roll_app *app, void *context, char **arguments)
{
    roll_auto(json) json_t *list = json_array();
    g_autoptr(GPtrArray) hints = g_ptr_array_new_with_free_func(g_free);
    struct status status = {app, arguments[0], list, hints};

    (void)context;
    ROLL_TRY(look_all(&status));
    ROLL_TRY(roll_status_add_debts(&status));
    ROLL_TRY(roll_status_add_drift(&status));
    ROLL_TRY(roll_status_add_pending(&status));
    ROLL_TRY(roll_status_add_age(&status));
    if (app->json)
        roll_report_json(&app->out, list);
    else
        roll_status_print(&status);
    return NULL;
}

const struct roll_command roll_cmd_status = {
    .name = "status",
    .arguments = "[ENV]",
    .summary = "what is live where",
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
