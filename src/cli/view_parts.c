/* A rollback with its dependents, as it is shown: the whole names its parts, a part the whole. */
#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/rollout.h"
#include "view.h"

struct roll_error *roll_view_add_parts(struct roll_app *app, const char *stream, int64_t number,
                                       json_t *view)
{
    roll_auto(event) struct roll_event *event = NULL;
    json_t *parts = NULL;
    const struct roll_rollout_requested *body;

    ROLL_TRY(roll_ledger_event(app->ledger, stream, number, &event));
    body = roll_event_body(event, rollout_requested);
    if (body && body->part_of)
        json_object_set_new(view, "partOf", json_string(body->part_of));
    if (!body || !body->with)
        return NULL;
    ROLL_TRY(roll_rollout_parts(app->ledger, stream, number, &parts));
    json_object_set_new(view, "parts", parts);
    return NULL;
}

json_t *roll_view_old_parts(char *const *names)
{
    json_t *parts = json_array();

    for (; *names; names++)
        json_array_append_new(parts, json_pack("{s:o,s:s,s:s,s:b}", "environment",
                                               json_stringn(*names, strcspn(*names, "#")),
                                               "rollout", *names, "state", "succeeded", "done", 1));
    return parts;
}

char *roll_view_parts_text(const json_t *view)
{
    GString *text = g_string_new(NULL);
    size_t index;
    json_t *part;

    json_array_foreach (json_object_get(view, "parts"), index, part) {
        const char *rollout = roll_json_get_string(part, "rollout");
        const char *state = roll_json_get_string(part, "state");
        g_string_append_printf(text, "%s%s %s", index ? ", " : "",
                               rollout ? rollout : roll_json_get_string(part, "environment"),
                               state ? state : "not begun");
        if (json_is_true(json_object_get(part, "apart")))
            g_string_append(text, " by itself");
    }
    return g_string_free(text, FALSE);
}
