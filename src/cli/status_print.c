/* roll status: a row for each environment, and what there is to say below. */
#include "status.h"

#include "rollbook/time.h"

static void print_row(struct roll_table *table, const json_t *view)
{
    const json_t *targets = json_object_get(view, "targets");
    const json_t *hold = json_object_get(view, "hold");
    const char *state = roll_json_get_string(view, "state");
    const char *since = roll_json_get_string(view, "since");
    json_int_t dirty = json_integer_value(json_object_get(targets, "dirty"));
    int64_t since_ms = 0;
    struct roll_error *err = since ? roll_time_parse(since, &since_ms) : NULL;
    g_autoptr(GString) remarks = g_string_new(NULL);

    roll_error_free(err);
    if (json_is_true(json_object_get(view, "mixed")))
        g_string_append(remarks, "mixed  ");
    if (json_is_object(hold)) {
        const char *reason = roll_json_get_string(hold, "reason");
        g_string_append_printf(remarks, "hold%s%s  ", reason ? ": " : "",
                               reason                                       ? reason
                               : roll_json_get_string(hold, "by")[0] == 'b' ? " of a rollback"
                                                                            : "");
    }
    roll_table_cell_take(table, ROLL_PLAIN,
                         g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                         roll_json_get_string(view, "environment")));
    roll_table_cell(table, ROLL_BOLD, roll_json_get_string(view, "version"));
    roll_table_cell(table, roll_view_state_paint(state), state);
    roll_table_cell_take(table, ROLL_PLAIN,
                         since_ms ? roll_report_ago(since_ms, roll_now_ms()) : g_strdup("-"));
    roll_table_cell_take(
        table, dirty ? ROLL_BAD : ROLL_PLAIN,
        dirty ? g_strdup_printf("%" JSON_INTEGER_FORMAT " clean, %" JSON_INTEGER_FORMAT " dirty",
                                json_integer_value(json_object_get(targets, "clean")), dirty)
              : g_strdup_printf("%" JSON_INTEGER_FORMAT " clean",
                                json_integer_value(json_object_get(targets, "clean"))));
    roll_table_cell(table, ROLL_PLAIN,
                    roll_json_get_string(json_object_get(view, "rollback"), "version"));
    roll_table_cell(table, ROLL_WARN, remarks->len ? g_strchomp(remarks->str) : "");
    roll_table_row(table);
}

/* DESIGN section 12: without lanes anybody who has the credential may do anything there. */
static void say_unrestricted(const struct status *status)
{
    g_autoptr(GString) names = g_string_new(NULL);
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view) {
        if (json_is_true(json_object_get(view, "unrestricted")))
            g_string_append_printf(names, "%s%s/%s", names->len ? ", " : "",
                                   roll_json_get_string(view, "service"),
                                   roll_json_get_string(view, "environment"));
    }
    if (names->len)
        roll_say(status->app, "no lanes: anybody with the credential may deploy to %s", names->str);
}

void roll_status_print(const struct status *status)
{
    static const char *const headings[] = {
        "ENVIRONMENT", "LIVE", "LAST ROLLOUT", "SINCE", "TARGETS", "ROLL BACK GOES TO", "", NULL};
    roll_auto(table) struct roll_table *table = roll_table_new(headings);
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view)
        print_row(table, view);
    roll_table_print(table, &status->app->out);
    say_unrestricted(status);
    for (guint i = 0; i < status->hints->len; i++)
        roll_say(status->app, "%s", (const char *)g_ptr_array_index(status->hints, i));
}
