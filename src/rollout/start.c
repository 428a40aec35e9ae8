/* The driver's part of waiting: gates are evaluated, and whether the rollout may start is told from
 * what was recorded with its request, the ledger as it is now, and the time (DESIGN section 7). */
#include "driver.h"

#include <string.h>

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

/* ---- gates ---------------------------------------------------------------------------------- */

struct asked {
    struct roll_driver *driver;
    uint64_t id;
    struct roll_gate_evaluation *evaluation;
};

static void gate_done(void *user, const char *verdict, const char *summary,
                      struct roll_blob *result_take)
{
    struct asked *asked = user;
    struct roll_observation seen = {.id = asked->id,
                                    .kind = ROLL_SAW_GATE,
                                    .verdict = verdict,
                                    .message = summary,
                                    .result = result_take};
    struct roll_driver *driver = asked->driver;

    g_ptr_array_remove_fast(driver->gates, asked);
    g_free(asked);
    roll_machine_observe(driver->machine, &seen, roll_now_ms(), roll_boot_ms());
    roll_driver_pump(driver);
}

void roll_driver_gate(struct roll_driver *driver, const struct roll_action *action)
{
    struct asked *asked = g_new0(struct asked, 1);
    struct roll_gate_options options = {
        .ledger = driver->options->ledger,
        .loop = driver->options->loop,
        .workspace = driver->options->workspace,
        .stream = driver->stream,
        .rollout = action->rollout,
        .gate = action->gate,
    };
    g_autofree char *text = g_strdup_printf("gate '%s' is looked at", action->gate);

    *asked = (struct asked){driver, action->id};
    g_ptr_array_add(driver->gates, asked);
    roll_driver_notice(driver, text);
    asked->evaluation = roll_gate_evaluate(&options, gate_done, asked);
}

void roll_driver_end_gates(struct roll_driver *driver)
{
    for (guint i = 0; i < driver->gates->len; i++) {
        struct asked *asked = g_ptr_array_index(driver->gates, i);
        roll_gate_cancel(asked->evaluation);
        g_free(asked);
    }
    g_ptr_array_set_size(driver->gates, 0);
}

/* ---- may it start? -------------------------------------------------------------------------- */

struct start {
    struct roll_driver *driver;
    struct roll_event *request;
    const struct roll_rollout_requested *body;
    char *why; /* not; owned */
    int64_t again_ms;
};

static bool overrides(const struct start *start, const char *kind)
{
    size_t index;
    json_t *override;

    json_array_foreach (start->body->overrides, index, override)
        if (g_strcmp0(roll_json_get_string(override, "kind"), kind) == 0)
            return true;
    return false;
}

static struct roll_error *check_approvals(struct start *start)
{
    roll_auto(approved) struct roll_approved *approved = NULL;
    g_autofree char *missing = NULL;

    if (json_array_size(json_object_get(start->body->gates, "approvals")) == 0)
        return NULL;
    ROLL_TRY(roll_approved_load(start->driver->options->ledger, start->driver->stream,
                                start->request->seq, &approved));
    ROLL_TRY(roll_approvals_missing(start->driver->options->ledger, approved, 0, &missing));
    if (missing)
        start->why = g_strdup_printf("approval of %s", missing);
    return NULL;
}

static struct roll_error *check_timing(struct start *start)
{
    struct roll_timing timing = {0};

    ROLL_TRY(roll_timing_at(json_object_get(start->body->gates, "timing"), roll_now_ms(), &timing));
    if (!timing.open) {
        start->why = g_strdup(timing.why);
        if (timing.until != ROLL_NEVER)
            start->again_ms = MAX(timing.until - roll_now_ms(), 0);
    }
    roll_timing_clear(&timing);
    return NULL;
}

static struct roll_error *see_hold(void *user, const struct roll_environment_row *row)
{
    struct start *start = user;

    if (row->hold_by_person && strcmp(start->body->lane, "release") == 0 &&
        !overrides(start, "hold"))
        start->why = g_strdup_printf("the hold to end%s%s", row->hold_reason ? ": " : "",
                                     row->hold_reason ? row->hold_reason : "");
    return NULL;
}

static struct roll_error *see_data(void *user, const struct roll_release_row *row)
{
    *(int64_t *)user = row->data_version;
    return NULL;
}

static struct roll_error *see_floor(void *user, const struct roll_target_row *row)
{
    *(int64_t *)user = row->floor;
    return NULL;
}

/* Its release was marked bad, or a floor passed it by, since it was asked for. */
static struct roll_error *check_target(struct start *start, const struct roll_order_target *target)
{
    struct roll_ledger *ledger = start->driver->options->ledger;
    const char *where = NULL;
    int64_t data = 0, floor = 0;

    ROLL_TRY(roll_ledger_bad(ledger, start->driver->stream, target->release, &where));
    if (where && !overrides(start, "quarantine")) {
        start->why =
            g_strdup_printf("%s, which is marked bad (roll cancel ends this)", target->release);
        return NULL;
    }
    ROLL_TRY(roll_ledger_release(ledger, start->driver->service, target->release, see_data, &data));
    ROLL_TRY(roll_ledger_targets(ledger, start->driver->stream, target->name, see_floor, &floor));
    if (data < floor)
        start->why =
            g_strdup_printf("%s, which is below the data floor of %s (roll cancel ends this)",
                            target->release, target->name);
    return NULL;
}

static struct roll_error *check_targets(struct start *start)
{
    const GPtrArray *targets = start->driver->order->targets;

    for (guint i = 0; i < targets->len && !start->why; i++)
        ROLL_TRY(check_target(start, g_ptr_array_index(targets, i)));
    return NULL;
}

static struct roll_error *check(struct start *start)
{
    start->body = roll_event_body(start->request, rollout_requested);
    if (!start->body)
        return roll_error_new(ROLL_E_NOT_FOUND, "the request cannot be found");
    ROLL_TRY(check_approvals(start));
    if (!start->why)
        ROLL_TRY(roll_ledger_environments(start->driver->options->ledger, start->driver->stream,
                                          see_hold, start));
    if (!start->why)
        ROLL_TRY(check_timing(start));
    return check_targets(start);
}

void roll_driver_start(struct roll_driver *driver, const struct roll_action *action)
{
    struct start start = {.driver = driver, .again_ms = -1};
    struct roll_observation seen = {.id = action->id, .kind = ROLL_SAW_START};
    struct roll_error *err =
        roll_ledger_event(driver->options->ledger, driver->stream, action->rollout, &start.request);

    if (!err)
        err = check(&start);
    if (err && !start.why) /* what cannot be told is not passed */
        start.why = g_strdup(err->message);
    seen.healthy = start.why == NULL;
    seen.message = start.why;
    seen.retry_after_ms = start.again_ms;
    roll_machine_observe(driver->machine, &seen, roll_now_ms(), roll_boot_ms());
    roll_event_free(start.request);
    roll_error_free(err);
    g_free(start.why);
}
