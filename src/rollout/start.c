/* The driver's part of waiting: gates are evaluated, and the machine hears whether the rollout may
 * start (lacks.c). */
#include "driver.h"

#include "rollbook/json.h"
#include "rollbook/time.h"

/* ---- gates ---------------------------------------------------------------------------------- */

struct asked {
    struct roll_driver *driver;
    uint64_t id;
    struct roll_gate_evaluation *evaluation;
};

static void gate_done(void *user, const char *verdict, const char *summary, const json_t *scripts,
                      struct roll_blob *result_take)
{
    struct asked *asked = user;
    struct roll_observation seen = {.id = asked->id,
                                    .kind = ROLL_SAW_GATE,
                                    .verdict = verdict,
                                    .message = summary,
                                    .scripts = scripts,
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

void roll_driver_start(struct roll_driver *driver, const struct roll_action *action)
{
    g_autoptr(GPtrArray) lacks = g_ptr_array_new_with_free_func(g_free);
    struct roll_observation seen = {.id = action->id, .kind = ROLL_SAW_START, .retry_after_ms = -1};
    roll_auto(json) json_t *timing = NULL;
    struct roll_error *err =
        roll_driver_lacks(driver, action->rollout, lacks, &seen.retry_after_ms, &timing);

    if (err && lacks->len == 0) /* what cannot be told is not passed */
        g_ptr_array_add(lacks, g_strdup(err->message));
    seen.healthy = lacks->len == 0;
    seen.timing = timing;
    seen.message = seen.healthy ? NULL : g_ptr_array_index(lacks, 0);
    roll_machine_observe(driver->machine, &seen, roll_now_ms(), roll_boot_ms());
    roll_error_free(err);
}
