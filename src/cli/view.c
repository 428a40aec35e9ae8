/* Views of the ledger: what log, show, status and the end of a rollout print. JSON is a contract
 * (DESIGN section 12). */
#include "view.h"

#include <inttypes.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/time.h"

static json_t *text_or_null(const char *text)
{
    return text ? json_string(text) : json_null();
}

static json_t *time_or_null(int64_t unix_ms)
{
    char text[ROLL_TIME_SIZE];

    if (!unix_ms)
        return json_null();
    roll_time_format(unix_ms, text);
    return json_string(text);
}

enum roll_paint roll_view_state_paint(const char *state)
{
    if (g_strcmp0(state, "succeeded") == 0)
        return ROLL_GOOD;
    if (g_strcmp0(state, "failed") == 0)
        return ROLL_BAD;
    if (g_strcmp0(state, "running") == 0 || g_strcmp0(state, "verifying") == 0 ||
        g_strcmp0(state, "cancelled") == 0)
        return ROLL_WARN;
    return ROLL_PLAIN;
}

/* The state of a target is that of its last step; several steps share one row. */
struct targets {
    const struct roll_rollout_row *rollout;
    char *service, *environment;
    json_t *by_name;
};

static json_t *target_of(struct targets *targets, const char *name)
{
    json_t *target = json_object_get(targets->by_name, name);

    if (target)
        return target;
    target = json_pack("{s:s,s:s,s:n,s:n,s:i,s:[]}", "name", name, "state", "waiting", "deployment",
                       "correlationId", "resources", 0, "leftovers");
    json_object_set_new(targets->by_name, name, target);
    return target;
}

static struct roll_error *add_step(void *user, const struct roll_step_row *row)
{
    struct targets *targets = user;
    json_t *target = target_of(targets, row->target);

    if (row->step == 0) {
        char correlation[ROLL_UUID_SIZE];
        g_autofree char *name =
            roll_step_name(targets->service, targets->environment, targets->rollout->hash,
                           row->target, 0, row->attempt, correlation);
        json_object_set_new(target, "deployment", json_string(name));
        json_object_set_new(target, "correlationId", json_string(correlation));
        json_object_set_new(target, "resources", json_integer(row->resources));
        json_object_set_new(target, "release", text_or_null(row->release));
        json_object_set_new(target, "durationMs", json_integer(row->duration_ms));
    }
    json_object_set_new(target, "state", json_string(row->outcome ? row->outcome : "running"));
    if (row->code)
        json_object_set_new(target, "code", json_string(row->code));
    if (row->message)
        json_object_set_new(target, "message", json_string(row->message));
    return NULL;
}

/* Leftovers were recorded with the end of the rollout, if there were any: {"target":
 * [{"id","release"}]}. */
static struct roll_error *add_order(struct roll_app *app, const struct roll_rollout_row *row,
                                    struct targets *targets, json_t *list)
{
    g_autoptr(GString) text = NULL;
    roll_auto(order) struct roll_order *order = NULL;

    ROLL_TRY(roll_ledger_object(app->ledger, row->order, &text));
    ROLL_TRY(roll_order_read(text->str, text->len, &order));
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        json_t *view = target_of(targets, target->name);
        json_t *leftovers = NULL;

        if (!json_object_get(view, "release"))
            json_object_set_new(view, "release", json_string(target->release));
        if (strcmp(row->lane, "rollback") == 0 && row->ended_at) {
            ROLL_TRY(roll_release_leftovers(app->ledger, row->stream, target, &leftovers));
            json_object_set_new(view, "leftovers", leftovers);
        }
        json_array_append(list, view);
    }
    return NULL;
}

static struct roll_error *add_targets(struct roll_app *app, const struct roll_rollout_row *row,
                                      const char *service, const char *environment, json_t *view)
{
    roll_auto(json) json_t *by_name = json_object();
    struct targets targets = {.rollout = row, .by_name = by_name};
    json_t *list = json_array();
    struct roll_error *err;

    json_object_set_new(view, "targets", list);
    targets.service = g_strdup(service);
    targets.environment = g_strdup(environment);
    err = roll_ledger_steps(app->ledger, row->stream, row->number, add_step, &targets);
    if (!err)
        err = add_order(app, row, &targets, list);
    g_free(targets.service);
    g_free(targets.environment);
    return err;
}

struct roll_error *roll_view_rollout(struct roll_app *app, const struct roll_rollout_row *row,
                                     bool with_targets, json_t **ret_view)
{
    roll_auto(json) json_t *view = json_object();
    g_auto(GStrv) names = g_strsplit(row->stream, "/", 2);
    g_autofree char *rollout = g_strdup_printf("%s#%" PRId64, row->stream, row->number);
    const char *environment = names[0] && names[1] ? names[1] : "";

    json_object_set_new(view, "rollout", json_string(rollout));
    json_object_set_new(view, "service", text_or_null(names[0]));
    json_object_set_new(view, "environment", json_string(environment));
    json_object_set_new(view, "lane", json_string(row->lane));
    json_object_set_new(view, "kind", json_string(row->kind));
    json_object_set_new(view, "release",
                        row->release ? json_sprintf("%s@%s", names[0], row->release) : json_null());
    json_object_set_new(view, "version", text_or_null(row->release));
    json_object_set_new(view, "from", text_or_null(row->from));
    json_object_set_new(view, "state", json_string(row->state));
    json_object_set_new(view, "reason", text_or_null(row->reason));
    json_object_set_new(view, "endReason", text_or_null(row->end_reason));
    json_object_set_new(view, "actor",
                        json_pack("{s:o,s:o}", "proved", text_or_null(row->proved), "claimed",
                                  text_or_null(row->claimed)));
    json_object_set_new(view, "startedAt", time_or_null(row->requested_at));
    json_object_set_new(view, "finishedAt", time_or_null(row->ended_at));
    if (with_targets)
        ROLL_TRY(add_targets(app, row, names[0], environment, view));
    *ret_view = g_steal_pointer(&view);
    return NULL;
}

struct found {
    struct roll_app *app;
    json_t *view;
};

static struct roll_error *view_row(void *user, const struct roll_rollout_row *row)
{
    struct found *found = user;

    return roll_view_rollout(found->app, row, true, &found->view);
}

struct roll_error *roll_view_rollout_find(struct roll_app *app, const char *stream, int64_t number,
                                          json_t **ret_view)
{
    struct roll_rollout_query query = {.stream = stream, .number = number, .limit = 1};
    struct found found = {.app = app};

    ROLL_TRY(roll_ledger_rollouts(app->ledger, &query, view_row, &found));
    if (!found.view)
        return roll_error_new(ROLL_E_NOT_FOUND, "there is no rollout '%s#%" PRId64 "'", stream,
                              number);
    *ret_view = found.view;
    return NULL;
}
