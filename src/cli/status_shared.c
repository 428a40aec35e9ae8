/* roll status: what waits for the shared ledger, and how old this machine's replica is. */
#include "status.h"

#include <string.h>

#include "rollbook/sync.h"
#include "rollbook/time.h"

struct roll_error *roll_status_add_pending(struct status *status)
{
    roll_auto(json) json_t *pending = NULL;
    size_t index, at;
    json_t *row, *view;

    ROLL_TRY(roll_app_pending(status->app, &pending));
    json_array_foreach (pending, index, row) {
        const char *stream = roll_json_get_string(row, "stream");
        json_int_t events = json_integer_value(json_object_get(row, "events"));
        g_ptr_array_add(status->hints,
                        g_strdup_printf("%s: %" JSON_INTEGER_FORMAT
                                        " event%s recorded %s wait for the shared ledger; next: "
                                        "roll ledger sync",
                                        stream, events, events == 1 ? "" : "s",
                                        json_object_get(row, "side") ? "aside" : "here"));
        json_array_foreach (status->list, at, view) {
            g_autofree char *name = g_strdup_printf("%s/%s", roll_json_get_string(view, "service"),
                                                    roll_json_get_string(view, "environment"));
            if (strcmp(name, stream) == 0)
                json_object_set_new(
                    view, "pending",
                    json_integer(events + json_integer_value(json_object_get(view, "pending"))));
        }
    }
    return NULL;
}

static json_t *time_or_null(int64_t at)
{
    char text[ROLL_TIME_SIZE];

    if (!at)
        return json_null();
    roll_time_format(at, text);
    return json_string(text);
}

static void say_age(struct status *status, const struct roll_store_known *known, bool knows)
{
    g_autofree char *pulled = roll_report_ago(known->pulled_at, roll_now_ms());
    g_autofree char *tried = roll_report_ago(known->tried_at, roll_now_ms());
    g_autoptr(GString) text = g_string_new(NULL);

    if (!knows && !known->pulled_at)
        g_string_append(text, "this machine does not know yet what was deployed: it never pulled "
                              "the whole shared ledger");
    else if (!known->pulled_at)
        g_string_append(text,
                        "the shared ledger was never pulled: what is shown is this machine's");
    else
        g_string_append_printf(text, "as of the shared ledger %s", pulled);
    if (known->trouble)
        g_string_append_printf(text, "; out of reach %s: %s", tried, known->trouble);
    if (!known->pulled_at || known->trouble)
        g_string_append(text, "; next: roll ledger sync");
    g_ptr_array_add(status->hints, g_string_free(g_steal_pointer(&text), FALSE));
}

static void view_age(const struct status *status, const struct roll_store_known *known)
{
    size_t index;
    json_t *view;

    json_array_foreach (status->list, index, view)
        json_object_set_new(view, "shared",
                            json_pack("{s:o,s:o,s:b,s:s?}", "asOf", time_or_null(known->pulled_at),
                                      "askedAt", time_or_null(known->tried_at), "reached",
                                      known->tried_at && !known->trouble, "trouble",
                                      known->trouble));
}

struct roll_error *roll_status_add_age(struct status *status)
{
    struct roll_app *app = status->app;
    struct roll_store_known known = {0};
    bool knows = false;

    if (!app->store)
        ROLL_TRY(roll_workspace_store(app->workspace, &app->store));
    if (!app->store)
        return NULL;
    ROLL_TRY(roll_sync_knows(app->ledger, &knows));
    if (app->ledger)
        ROLL_TRY(roll_ledger_store_known(app->ledger, &known));
    say_age(status, &known, knows);
    view_age(status, &known);
    roll_store_known_clear(&known);
    return NULL;
}
