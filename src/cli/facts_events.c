/* The facts that come from single events: what happened in a rollout, and when a hold stood. */
#include "facts.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/time.h"

static json_t *time_json(int64_t at)
{
    char text[ROLL_TIME_SIZE];

    roll_time_format(at, text);
    return json_string(text);
}

int64_t facts_time(const json_t *view, const char *member)
{
    const char *text = roll_json_get_string(view, member);
    int64_t at = 0;
    struct roll_error *err = text ? roll_time_parse(text, &at) : NULL;

    roll_error_free(err);
    return at;
}

int64_t facts_number(const json_t *view)
{
    return g_ascii_strtoll(strchr(roll_json_get_string(view, "rollout"), '#') + 1, NULL, 10);
}

/* ---- events --------------------------------------------------------------------------------- */

struct gathering {
    GHashTable *rollouts; /* "NUMBER" -> view, borrowed */
    json_t *bands;
    json_t *hold; /* the band that is open, borrowed from bands; or NULL */
};

static json_t *event_json(const struct roll_event *event)
{
    g_autofree char *text = roll_report_sentence(event);
    g_autofree char *by = roll_report_actor(event->actor.proved, event->actor.claimed);
    json_t *fact = json_object();

    json_object_set_new(fact, "seq", json_integer(event->seq));
    json_object_set_new(fact, "at", time_json(event->at));
    json_object_set_new(fact, "kind", json_string(event->kind_name));
    json_object_set_new(fact, "hash", json_string(event->hash));
    json_object_set_new(fact, "text", json_string(text));
    if (by)
        json_object_set_new(fact, "by", json_string(by));
    return fact;
}

/* The rollout that an event is about: its own number for a request, 0 for none. Of the kinds that
 * there are many of, the text of the body is not read once more. */
static int64_t rollout_of(const struct roll_event *event)
{
    const struct roll_step_intended *intended = roll_event_body(event, step_intended);
    const struct roll_step_ended *ended = roll_event_body(event, step_ended);
    const struct roll_rollout_claimed *claimed = roll_event_body(event, rollout_claimed);
    roll_auto(json) json_t *body = NULL;
    struct roll_error *err = NULL;

    if (event->kind == ROLL_EVENT_rollout_requested)
        return event->seq;
    if (intended || ended || claimed)
        return intended ? intended->rollout : ended ? ended->rollout : claimed->rollout;
    err = roll_json_parse(event->body_text, strlen(event->body_text), ROLL_JSON_STRICT, &body);
    roll_error_free(err);
    return json_integer_value(json_object_get(body, "rollout"));
}

static void close_hold(struct gathering *gathering, int64_t at)
{
    if (gathering->hold)
        json_object_set_new(gathering->hold, "to", time_json(at));
    gathering->hold = NULL;
}

static void open_hold(struct gathering *gathering, int64_t at, const char *reason)
{
    if (gathering->hold)
        return;
    gathering->hold =
        json_pack("{s:s,s:s*,s:o}", "kind", "hold", "name", reason, "from", time_json(at));
    json_array_append_new(gathering->bands, gathering->hold);
}

static void note_hold(struct gathering *gathering, const struct roll_event *event)
{
    const struct roll_rollout_requested *request = roll_event_body(event, rollout_requested);
    const struct roll_hold_set *set = roll_event_body(event, hold_set);

    if (set)
        open_hold(gathering, event->at, set->reason);
    if (request && request->hold)
        open_hold(gathering, event->at, request->reason);
    if (event->kind == ROLL_EVENT_hold_lifted || (request && request->unhold))
        close_hold(gathering, event->at);
}

/* Of a fleet only what did not go as it should is told one by one. */
static bool is_told(const struct roll_event *event, const json_t *view)
{
    const struct roll_step_ended *ended = roll_event_body(event, step_ended);

    if (json_array_size(json_object_get(view, "targets")) <= FACTS_MAX_TARGETS)
        return true;
    return event->kind != ROLL_EVENT_step_intended && event->kind != ROLL_EVENT_rollout_claimed &&
           !(ended && strcmp(ended->outcome, "succeeded") == 0);
}

static void count_untold(json_t *view)
{
    json_int_t before = json_integer_value(json_object_get(view, "moreEvents"));

    json_object_set_new(view, "moreEvents", json_integer(before + 1));
}

/* What became of parts stands in other streams; it is looked up when this one was read. */
static void note_parts(json_t *view, const struct roll_event *event)
{
    const struct roll_rollout_requested *request = roll_event_body(event, rollout_requested);

    if (view && request && request->part_of)
        json_object_set_new(view, "partOf", json_string(request->part_of));
    if (view && request && request->with)
        json_object_set_new(view, "parts", json_array());
}

static struct roll_error *take_event(void *user, const struct roll_event *event)
{
    struct gathering *gathering = user;
    g_autofree char *number = g_strdup_printf("%" PRId64, rollout_of(event));
    json_t *view = g_hash_table_lookup(gathering->rollouts, number);

    note_hold(gathering, event);
    note_parts(view, event);
    if (view && is_told(event, view))
        json_array_append_new(json_object_get(view, "events"), event_json(event));
    else if (view)
        count_untold(view);
    return NULL;
}

struct roll_error *facts_add_events(struct roll_app *app, const char *stream, json_t *rollouts,
                                    json_t *bands)
{
    g_autoptr(GHashTable) by_number = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    struct gathering gathering = {by_number, bands, NULL};
    size_t index;
    json_t *view;

    json_array_foreach (rollouts, index, view) {
        const char *number = strchr(roll_json_get_string(view, "rollout"), '#') + 1;
        json_object_set_new(view, "events", json_array());
        g_hash_table_insert(by_number, g_strdup(number), view);
    }
    return roll_ledger_events(app->ledger, stream, 1, take_event, &gathering);
}

/* ---- freezes -------------------------------------------------------------------------------- */

static void add_freeze(const struct roll_calendar *calendar, size_t rule, int64_t from, int64_t to,
                       json_t *bands)
{
    for (int64_t at = from; at < to;) {
        struct roll_calendar_span span = roll_calendar_span(calendar, rule, at);

        if (span.from == ROLL_NEVER || span.from >= to)
            return;
        json_array_append_new(bands,
                              json_pack("{s:s,s:s,s:o,s:o}", "kind", "freeze", "name",
                                        roll_calendar_rule(calendar, rule)->name, "from",
                                        time_json(span.from), "to", time_json(MIN(span.to, to))));
        at = span.to;
    }
}

static struct roll_error *open_calendar(struct roll_app *app, const char *stream,
                                        struct roll_calendar **ret_calendar)
{
    roll_auto(plan) struct roll_plan *plan = NULL;
    const struct roll_plan_environment *environment = NULL;

    ROLL_TRY(roll_workspace_environment(app->workspace, stream, &plan, &environment));
    return roll_calendar_new(environment->windows, environment->freezes, ret_calendar);
}

void facts_add_freezes(struct roll_app *app, const char *stream, int64_t from, int64_t to,
                       json_t *bands)
{
    roll_auto(calendar) struct roll_calendar *calendar = NULL;
    struct roll_error *err = open_calendar(app, stream, &calendar);

    roll_error_free(err);
    for (size_t i = 0; calendar && i < roll_calendar_size(calendar); i++)
        if (roll_calendar_rule(calendar, i)->kind == ROLL_CALENDAR_FREEZE)
            add_freeze(calendar, i, from, to, bands);
}
