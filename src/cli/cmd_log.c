/* roll log [ENV]: rollouts, newest first. Never contacts ARM. */
#include "view.h"

#include <string.h>

#include "rollbook/time.h"

struct context {
    int count;
    bool all;
};

static char *duration_of(const json_t *view)
{
    const char *from = roll_json_get_string(view, "startedAt");
    const char *to = roll_json_get_string(view, "finishedAt");
    int64_t from_ms = 0, to_ms = 0;
    g_autoptr(GString) text = g_string_new(NULL);
    struct roll_error *err = from && to ? roll_time_parse(from, &from_ms) : NULL;

    if (!err && to)
        err = roll_time_parse(to, &to_ms);
    roll_error_free(err);
    if (to_ms)
        roll_duration_write(to_ms - from_ms, text);
    return g_strdup(text->len ? text->str : "-");
}

static void print_row(struct roll_table *table, const json_t *view)
{
    const json_t *by = json_object_get(view, "actor");
    const char *started = roll_json_get_string(view, "startedAt");
    const char *state = roll_json_get_string(view, "state");
    const char *reason = roll_json_get_string(view, "reason");
    const char *cause = roll_json_get_string(view, "cause");
    int64_t at = 0;
    struct roll_error *err = started ? roll_time_parse(started, &at) : NULL;

    roll_error_free(err);
    roll_table_cell(table, ROLL_PLAIN, roll_json_get_string(view, "rollout"));
    roll_table_cell(table, ROLL_BOLD, roll_json_get_string(view, "kind"));
    roll_table_cell_take(table, ROLL_PLAIN, roll_view_releases(view));
    roll_table_cell(table, roll_view_state_paint(state), state);
    roll_table_cell_take(table, ROLL_PLAIN, roll_report_time(at));
    roll_table_cell_take(table, ROLL_PLAIN, duration_of(view));
    roll_table_cell_take(
        table, ROLL_DIM,
        roll_report_actor(roll_json_get_string(by, "proved"), roll_json_get_string(by, "claimed")));
    if (json_object_get(view, "parts")) {
        g_autofree char *parts = roll_view_parts_text(view);
        roll_table_cell_take(
            table, ROLL_DIM,
            g_strdup_printf("%s%swith %s", reason ? reason : "", reason ? "; " : "", parts));
    } else if (reason || !cause)
        roll_table_cell(table, ROLL_DIM, reason ? reason : "");
    else
        roll_table_cell_take(table, ROLL_DIM, g_strdup_printf("because %s failed", cause));
    roll_table_row(table);
}

static void print(struct roll_app *app, const json_t *views)
{
    static const char *const headings[] = {"ROLLOUT", "KIND", "RELEASE", "STATE", "STARTED",
                                           "TOOK",    "BY",   "",        NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    size_t index;
    json_t *view;

    if (json_array_size(views) == 0) {
        roll_say(app, "no rollouts yet");
        return;
    }
    json_array_foreach (views, index, view)
        print_row(table, view);
    roll_table_print(table, &app->out);
}

/* Only a rollback has parts, or is one. */
static struct roll_error *add_parts(struct roll_app *app, json_t *views)
{
    size_t index;
    json_t *view;

    json_array_foreach (views, index, view) {
        const char *rollout = roll_json_get_string(view, "rollout");
        const char *hash = strchr(rollout, '#');
        g_autofree char *stream = g_strndup(rollout, (gsize)(hash - rollout));
        if (strcmp(roll_json_get_string(view, "kind"), "back") == 0)
            ROLL_TRY(roll_view_add_parts(app, stream, g_ascii_strtoll(hash + 1, NULL, 10), view));
    }
    return NULL;
}

static struct roll_error *run(struct roll_app *app, void *user, char **arguments)
{
    struct context *context = user;
    roll_auto(json) json_t *views = NULL;
    g_autofree char *stream = NULL;
    struct roll_rollout_query query = {.limit = context->all     ? 0
                                                : context->count ? context->count
                                                                 : 20};

    if (arguments[0]) {
        ROLL_TRY(roll_stream_argument(app, arguments[0], &stream));
        query.stream = stream;
    }
    if (app->ledger)
        ROLL_TRY(roll_view_rollouts(app, &query, app->json, &views));
    else
        views = json_array();
    ROLL_TRY(add_parts(app, views));
    if (app->json)
        roll_report_json(&app->out, views);
    else
        print(app, views);
    return NULL;
}

static const struct roll_option options[] = {
    {"number", 'n', ROLL_COUNT, offsetof(struct context, count), "N", "how many (default: 20)"},
    {"all", 'a', ROLL_FLAG, offsetof(struct context, all), NULL, "all of them"},
    {NULL},
};

const struct roll_command roll_cmd_log = {
    .name = "log",
    .arguments = "[ENV]",
    .summary = "rollouts, newest first",
    .options = options,
    .context_size = sizeof(struct context),
    .max_arguments = 1,
    .needs = ROLL_NEEDS_WORKSPACE | ROLL_READS_LEDGER,
    .run = run,
};
