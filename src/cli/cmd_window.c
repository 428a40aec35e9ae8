/* roll window ENV: may releases run, which rule says so, until when. Reads the plan only. */
#include "app.h"

#include "rollbook/calendar.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

enum { NEXT_DEFAULT = 5, NEXT_MAX = 1000 };

struct context {
    int64_t at_ms;
    int next;
};

struct view {
    struct roll_app *app;
    const struct roll_plan *plan;
    const struct roll_plan_environment *environment;
    const struct roll_calendar *calendar;
    int64_t at_ms;
    int next;
};

static const char *const kinds[] = {
    [ROLL_CALENDAR_WINDOW] = "window", [ROLL_CALENDAR_FREEZE] = "freeze"};

/* What a rule says at the moment. */
static const char *word(const struct roll_calendar_rule *rule,
                        const struct roll_calendar_span *span)
{
    if (rule->kind == ROLL_CALENDAR_WINDOW)
        return span->active ? "open" : span->from == ROLL_NEVER ? "never again" : "closed";
    return span->active ? "frozen" : span->from == ROLL_NEVER ? "over" : "ahead";
}

/* ---- times: UTC, and the local one of the rule beside it ------------------------------------ */

static char *shown(int64_t unix_ms)
{
    return unix_ms == ROLL_NEVER ? g_strdup("-") : roll_report_time(unix_ms);
}

/* "Mon 09:00"; NULL where it is UTC anyway. */
static char *local(const struct roll_calendar_rule *rule, int64_t unix_ms)
{
    if (!rule || unix_ms == ROLL_NEVER || g_str_equal(roll_zone_name(rule->zone), "UTC"))
        return NULL;
    g_autoptr(GDateTime) time =
        g_date_time_new_from_unix_utc(roll_zone_local(rule->zone, unix_ms) / 1000);
    return time ? g_strdup_printf("%s %02d:%02d %s",
                                  (const char *[]){"", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat",
                                                   "Sun"}[g_date_time_get_day_of_week(time)],
                                  g_date_time_get_hour(time), g_date_time_get_minute(time),
                                  roll_zone_name(rule->zone))
                : NULL;
}

static json_t *json_time(int64_t unix_ms)
{
    char text[ROLL_TIME_SIZE];

    if (unix_ms == ROLL_NEVER)
        return json_null();
    roll_time_format(unix_ms, text);
    return json_string(text);
}

/* ---- as a table ----------------------------------------------------------------------------- */

static void print_state(const struct view *view, const struct roll_calendar_state *state)
{
    g_autofree char *until = shown(state->until);
    g_autofree char *there = local(state->rule, state->until);
    FILE *out = view->app->out.file;

    roll_print(out, "%s/%s: releases are %s", view->plan->service, view->environment->name,
               state->open ? "open" : "closed");
    if (state->rule)
        roll_print(out, " by %s '%s'", kinds[state->rule->kind], state->rule->name);
    if (state->until == ROLL_NEVER)
        fputs(state->open ? ", without end" : ", for good", out);
    else
        roll_print(out, ", until %s%s", state->at_least ? "at least " : "", until);
    if (there)
        roll_print(out, " (%s)", there);
    fputc('\n', out);
}

static void print_rules(const struct view *view)
{
    static const char *const headings[] = {"RULE", "SAYS", "FROM", "TO", "THERE", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);

    for (size_t i = 0; i < roll_calendar_size(view->calendar); i++) {
        const struct roll_calendar_rule *rule = roll_calendar_rule(view->calendar, i);
        struct roll_calendar_span span = roll_calendar_span(view->calendar, i, view->at_ms);
        bool good = span.active == (rule->kind == ROLL_CALENDAR_WINDOW);
        roll_table_cell_take(table, ROLL_PLAIN,
                             g_strdup_printf("%s %s", kinds[rule->kind], rule->name));
        roll_table_cell(table, span.active ? good ? ROLL_GOOD : ROLL_WARN : ROLL_DIM,
                        word(rule, &span));
        roll_table_cell_take(table, ROLL_PLAIN, shown(span.from));
        roll_table_cell_take(table, ROLL_PLAIN, shown(span.to));
        roll_table_cell_take(table, ROLL_DIM, local(rule, span.from));
        roll_table_row(table);
    }
    if (roll_calendar_size(view->calendar) == 0)
        return;
    fputc('\n', view->app->out.file);
    roll_table_print(table, &view->app->out);
}

static void print_changes(const struct view *view)
{
    static const char *const headings[] = {"NEXT", "BECOMES", "BY", "THERE", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    struct roll_calendar_state state;
    int rows = 0;

    roll_calendar_at(view->calendar, view->at_ms, &state);
    for (; rows < view->next && state.until != ROLL_NEVER && !state.at_least; rows++) {
        int64_t at = state.until;
        roll_calendar_at(view->calendar, at, &state);
        roll_table_cell_take(table, ROLL_PLAIN, shown(at));
        roll_table_cell(table, state.open ? ROLL_GOOD : ROLL_DIM, state.open ? "open" : "closed");
        roll_table_cell_take(
            table, ROLL_PLAIN,
            state.rule ? g_strdup_printf("%s %s", kinds[state.rule->kind], state.rule->name)
                       : NULL);
        roll_table_cell_take(table, ROLL_DIM, local(state.rule, at));
        roll_table_row(table);
    }
    if (rows == 0)
        return;
    fputc('\n', view->app->out.file);
    roll_table_print(table, &view->app->out);
}

/* ---- as JSON -------------------------------------------------------------------------------- */

static json_t *rule_json(const struct roll_calendar_rule *rule)
{
    return rule ? json_pack("{s:s,s:s,s:s}", "kind", kinds[rule->kind], "name", rule->name, "zone",
                            roll_zone_name(rule->zone))
                : json_null();
}

static json_t *rules_json(const struct view *view)
{
    json_t *rules = json_array();

    for (size_t i = 0; i < roll_calendar_size(view->calendar); i++) {
        const struct roll_calendar_rule *rule = roll_calendar_rule(view->calendar, i);
        struct roll_calendar_span span = roll_calendar_span(view->calendar, i, view->at_ms);
        json_t *shown_rule = rule_json(rule);
        json_object_set_new(shown_rule, "state", json_string(word(rule, &span)));
        json_object_set_new(shown_rule, "from", json_time(span.from));
        json_object_set_new(shown_rule, "to", json_time(span.to));
        json_array_append_new(rules, shown_rule);
    }
    return rules;
}

static json_t *changes_json(const struct view *view)
{
    json_t *changes = json_array();
    struct roll_calendar_state state;

    roll_calendar_at(view->calendar, view->at_ms, &state);
    for (int i = 0; i < view->next && state.until != ROLL_NEVER && !state.at_least; i++) {
        int64_t at = state.until;
        roll_calendar_at(view->calendar, at, &state);
        json_array_append_new(changes, json_pack("{s:o,s:b,s:o}", "at", json_time(at), "open",
                                                 state.open, "rule", rule_json(state.rule)));
    }
    return changes;
}

static void print_json(const struct view *view, const struct roll_calendar_state *state)
{
    roll_auto(json) json_t *document = json_pack(
        "{s:s,s:s,s:o,s:b,s:o,s:o,s:b,s:o,s:o}", "service", view->plan->service, "environment",
        view->environment->name, "at", json_time(view->at_ms), "open", state->open, "rule",
        rule_json(state->rule), "until", json_time(state->until), "atLeast", state->at_least,
        "rules", rules_json(view), "next", changes_json(view));

    roll_report_json(&view->app->out, document);
}

/* ---- the command ---------------------------------------------------------------------------- */

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    const struct context *context = user;
    roll_auto(plan) struct roll_plan *plan = NULL;
    roll_auto(calendar) struct roll_calendar *calendar = NULL;
    struct view view = {.app = app,
                        .at_ms = context->at_ms ? context->at_ms : roll_now_ms(),
                        .next = context->next ? MIN(context->next, NEXT_MAX) : NEXT_DEFAULT};
    struct roll_calendar_state state;

    ROLL_TRY(roll_workspace_environment(app->workspace, arguments[0], &plan, &view.environment));
    ROLL_TRY(roll_calendar_new(view.environment->windows, view.environment->freezes, &calendar));
    view.plan = plan;
    view.calendar = calendar;
    roll_calendar_at(calendar, view.at_ms, &state);
    if (app->json) {
        print_json(&view, &state);
    } else {
        print_state(&view, &state);
        print_rules(&view);
        print_changes(&view);
    }
    app->exit_status = state.open ? 0 : roll_code_exit(ROLL_E_WAITING);
    return NULL;
}

static const struct roll_option options[] = {
    {"at", 0, ROLL_TIME, offsetof(struct context, at_ms), "TIME", "as of then instead of now"},
    {"next", 'n', ROLL_COUNT, offsetof(struct context, next), "N",
     "how many changes ahead are shown (5)"},
    {NULL},
};

const struct roll_command roll_cmd_window = {
    .name = "window",
    .arguments = "ENV",
    .summary = "may releases run now: which window or freeze says so, until when",
    .details = "Exit status 0 when releases may run, 10 when they have to wait. roll back and roll "
               "hotfix wait for "
               "neither\nwindows nor freezes.",
    .options = options,
    .context_size = sizeof(struct context),
    .min_arguments = 1,
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE,
    .run = run,
};
