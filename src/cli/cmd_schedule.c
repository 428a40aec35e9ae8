/* roll schedule [ENV]: what will run by itself, when, with which release, and what would stop it.
 * Reads only. */
#include "run.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/time.h"

enum { NEXT_DEFAULT = 1, NEXT_MAX = 1000 };

struct context {
    int next;
};

struct view {
    struct roll_app *app;
    const struct roll_plan *plan;
    struct roll_git *git;
    int next;
    json_t *list;
};

static json_t *json_time(int64_t unix_ms)
{
    char text[ROLL_TIME_SIZE];

    if (unix_ms == ROLL_NEVER || unix_ms == 0)
        return json_null();
    roll_time_format(unix_ms, text);
    return json_string(text);
}

/* ---- facts ---------------------------------------------------------------------------------- */

static void stop(json_t *stops, char *why_take)
{
    json_array_append_new(stops, json_string(why_take));
    g_free(why_take);
}

/* What stands in its way as things are; the window as it will be then. */
static struct roll_error *find_stops(const struct view *view,
                                     const struct roll_plan_environment *environment, int64_t at,
                                     json_t *stops)
{
    roll_auto(json) json_t *rules = roll_policy_timing(environment, ROLL_LANE_RELEASE, NULL);
    struct roll_run_view now = {0};
    struct roll_timing timing = {0};

    ROLL_TRY(roll_run_look(view->app, view->plan, environment, roll_now_ms(), &now));
    if (now.held)
        stop(stops, g_strdup_printf("hold: %s", now.hold_reason));
    if (now.open.number && !now.open.pending)
        stop(stops, g_strdup_printf("rollout #%" PRId64 " has not ended", now.open.number));
    roll_run_view_clear(&now);
    if (at == ROLL_NEVER)
        return NULL;
    ROLL_TRY(roll_timing_at(rules, at, &timing));
    if (!timing.open)
        stop(stops, g_strdup(timing.why));
    roll_timing_clear(&timing);
    return NULL;
}

/* Why it could not go there as things are: it lacks a hotfix, is older than what is live, … */
static struct roll_error *find_refusal(const struct view *view,
                                       const struct roll_plan_environment *environment,
                                       const char *version, json_t *stops)
{
    const struct roll_choice_options options = {.release = version, .ring = -1};
    roll_auto(choice) struct roll_choice *choice = NULL;
    struct roll_run_view now = {0};

    ROLL_TRY(roll_run_look(view->app, view->plan, environment, roll_now_ms(), &now));
    bool held = now.held; /* told by itself, and nothing else would be looked at */
    roll_run_view_clear(&now);
    if (held)
        return NULL;
    struct roll_error *err =
        roll_choose_out(view->plan, environment, view->app->ledger, view->git, &options, &choice);

    if (roll_error_code(err) == ROLL_E_REFUSED)
        stop(stops, g_strdup(err->message));
    else if (roll_error_code(err) != ROLL_E_NOTHING && roll_error_code(err) != ROLL_E_CONFLICT)
        return err;
    roll_error_free(err);
    return NULL;
}

static struct roll_error *find_release(const struct view *view,
                                       const struct roll_plan_environment *environment,
                                       const struct roll_plan_schedule *schedule, json_t *stops,
                                       char **ret_version)
{
    struct roll_error *err;

    if (!view->app->ledger) {
        stop(stops, g_strdup("nothing was ever released"));
        return NULL;
    }
    err = roll_run_release(view->plan, environment, schedule, view->app->ledger, view->git,
                           ret_version);
    if (roll_error_code(err) == ROLL_E_REFUSED || roll_error_code(err) == ROLL_E_NOT_FOUND) {
        stop(stops, g_strdup(err->message));
        roll_error_free(err);
        return NULL;
    }
    if (err)
        return err;
    if (*ret_version)
        return find_refusal(view, environment, *ret_version, stops);
    *ret_version = g_strdup("HEAD");
    return NULL;
}

static json_t *last_slot(const struct roll_slot_row *row, const char *schedule)
{
    if (!row->there)
        return json_null();
    g_autofree char *key = roll_slot_key(schedule, row->at);
    return json_pack("{s:s,s:o,s:s?}", "slot", key, "rollout",
                     row->rollout ? json_integer(row->rollout) : json_null(), "fate",
                     row->fate[0] ? row->fate : NULL);
}

/* ---- one schedule ---------------------------------------------------------------------------- */

static struct roll_error *add_slot(struct view *view,
                                   const struct roll_plan_environment *environment,
                                   const struct roll_plan_schedule *schedule,
                                   const struct roll_slot_row *last, const char *version,
                                   const json_t *stops, int64_t at)
{
    roll_auto(json) json_t *all = json_deep_copy(stops);
    struct roll_slot_row row = {0};
    g_autofree char *key = at == ROLL_NEVER ? NULL : roll_slot_key(schedule->name, at);
    g_autofree char *stream = roll_stream_of(view->plan, environment);

    ROLL_TRY(find_stops(view, environment, at, all));
    if (view->app->ledger && at != ROLL_NEVER)
        ROLL_TRY(roll_ledger_slot(view->app->ledger, stream, schedule->name, at, &row));
    json_array_append_new(
        view->list,
        json_pack("{s:s,s:s,s:s,s:s?,s:o,s:o,s:s,s:s,s:s?,s:o,s:o,s:O}", "schedule", schedule->name,
                  "service", view->plan->service, "environment", environment->name, "slot", key,
                  "at", json_time(at), "ask",
                  json_time(schedule->ask_ms && at != ROLL_NEVER ? at - schedule->ask_ms : 0),
                  "cron", schedule->cron, "zone", schedule->zone, "release", version, "rollout",
                  row.rollout ? json_integer(row.rollout) : json_null(), "last",
                  last_slot(last, schedule->name), "stops", all));
    return NULL;
}

static struct roll_error *see_ended(void *user, const struct roll_rollout_row *row)
{
    *(bool *)user = row->ended_at != 0;
    return NULL;
}

/* A time that was asked for beforehand, and of which something became before it came, comes no
 * more. */
static struct roll_error *pass_taken(const struct view *view, const char *stream,
                                     const struct roll_slot_row *last, const struct roll_cron *cron,
                                     const struct roll_zone *zone, int64_t *at)
{
    const struct roll_rollout_query query = {.stream = stream, .number = last->rollout, .limit = 1};
    bool ended = !last->rollout;

    if (!last->there || last->at < *at || *at == ROLL_NEVER)
        return NULL;
    if (last->rollout)
        ROLL_TRY(roll_ledger_rollouts(view->app->ledger, &query, see_ended, &ended));
    if (ended)
        *at = roll_cron_next(cron, zone, last->at);
    return NULL;
}

static struct roll_error *add_schedule(struct view *view, const struct roll_plan_schedule *schedule)
{
    const struct roll_plan_environment *environment =
        roll_plan_environment_find(view->plan, schedule->environment);
    g_autofree char *stream = roll_stream_of(view->plan, environment), *version = NULL;
    roll_auto(json) json_t *stops = json_array();
    roll_auto(zone) struct roll_zone *zone = NULL;
    struct roll_slot_row last = {0};
    struct roll_cron cron;

    ROLL_TRY(roll_cron_parse(schedule->cron, &cron));
    ROLL_TRY(roll_zone_open(schedule->zone, &zone));
    if (view->app->ledger)
        ROLL_TRY(roll_ledger_slot(view->app->ledger, stream, schedule->name, 0, &last));
    ROLL_TRY(find_release(view, environment, schedule, stops, &version));
    int64_t at = roll_cron_next(&cron, zone, roll_now_ms());
    ROLL_TRY(pass_taken(view, stream, &last, &cron, zone, &at));
    for (int i = 0; i < view->next && (i == 0 || at != ROLL_NEVER); i++) {
        ROLL_TRY(add_slot(view, environment, schedule, &last, version, stops, at));
        at = at == ROLL_NEVER ? at : roll_cron_next(&cron, zone, at);
    }
    return NULL;
}

static struct roll_error *add_service(struct view *view, const char *service,
                                      const char *environment)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    struct roll_error *err = NULL;

    ROLL_TRY(roll_workspace_plan(view->app->workspace, service, &plan));
    if (plan->schedule->len > 0)
        roll_error_free(
            roll_git_open(plan->repository, &view->git)); /* it can do without, and says so */
    view->plan = plan;
    for (guint i = 0; !err && i < plan->schedule->len; i++) {
        const struct roll_plan_schedule *schedule = plan->schedule->pdata[i];
        if (!environment || strcmp(environment, schedule->environment) == 0)
            err = add_schedule(view, schedule);
    }
    g_clear_pointer(&view->git, roll_git_close);
    return err;
}

/* ---- shown ---------------------------------------------------------------------------------- */

static char *shown_time(const json_t *entry, const char *name)
{
    const char *text = roll_json_get_string(entry, name);
    int64_t at = 0;
    roll_auto(error) struct roll_error *err = text ? roll_time_parse(text, &at) : NULL;

    return text && !err ? roll_report_time(at) : NULL;
}

static char *shown_last(const json_t *last)
{
    const char *fate = roll_json_get_string(last, "fate");
    const json_t *rollout = json_object_get(last, "rollout");

    if (json_is_integer(rollout))
        return g_strdup_printf("#%" JSON_INTEGER_FORMAT, json_integer_value(rollout));
    return g_strdup(fate);
}

static void print(struct roll_app *app, const json_t *list)
{
    static const char *const headings[] = {"ENVIRONMENT", "SCHEDULE", "NEXT",       "ASKS",
                                           "RELEASE",     "LAST",     "IN THE WAY", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    size_t at;
    json_t *entry;

    json_array_foreach (list, at, entry) {
        const json_t *stops = json_object_get(entry, "stops");
        const char *first = json_string_value(json_array_get(stops, 0));
        roll_table_cell_take(table, ROLL_PLAIN,
                             g_strdup_printf("%s/%s", roll_json_get_string(entry, "service"),
                                             roll_json_get_string(entry, "environment")));
        roll_table_cell(table, ROLL_BOLD, roll_json_get_string(entry, "schedule"));
        roll_table_cell_take(table, ROLL_PLAIN, shown_time(entry, "at"));
        roll_table_cell_take(table, ROLL_DIM, shown_time(entry, "ask"));
        roll_table_cell(table, ROLL_PLAIN, roll_json_get_string(entry, "release"));
        roll_table_cell_take(table, ROLL_DIM, shown_last(json_object_get(entry, "last")));
        roll_table_cell(table, first ? ROLL_WARN : ROLL_DIM, first ? first : "nothing");
        roll_table_row(table);
    }
    roll_table_print(table, &app->out);
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    roll_auto(json) json_t *list = json_array();
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;
    struct view view = {.app = app,
                        .next = context->next ? MIN(context->next, NEXT_MAX) : NEXT_DEFAULT,
                        .list = list};

    if (arguments[0]) {
        ROLL_TRY(roll_workspace_environment(app->workspace, arguments[0], &plan, &environment));
        ROLL_TRY(add_service(&view, plan->service, environment->name));
    }
    for (char **service = app->workspace->services; !arguments[0] && *service; service++)
        ROLL_TRY(add_service(&view, *service, NULL));
    if (app->json)
        roll_report_json(&app->out, list);
    else if (json_array_size(list) == 0)
        roll_say(app, "nothing is scheduled");
    else
        print(app, list);
    return NULL;
}

static const struct roll_option options[] = {
    {"next", 'n', ROLL_COUNT, offsetof(struct context, next), "N",
     "how many times ahead are shown (1)"},
    {NULL},
};

const struct roll_command roll_cmd_schedule = {
    .name = "schedule",
    .arguments = "[ENV]",
    .summary = "what will run by itself: when, which release, what is in the way",
    .details = "Shows the release that each would take now. 'roll run' starts what is due.",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
