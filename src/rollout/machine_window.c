/* A window that closes, or a freeze that begins, while a rollout is under way: the ring that was
 * begun goes on to its end, and the next one waits until it is open again. So says the plan's
 * "whenWindowCloses": "wait"; with "continue" nothing is looked at here.
 *
 * The rules were recorded with the request, or with the claim that found others in the plan of its
 * day; what they say is a function of time, so that nothing is asked and nothing recorded. */
#include "rollout/machine.h"

#include "rollbook/calendar.h"
#include "rollbook/json.h"
#include "rollbook/policy.h"

#define LOOK_AGAIN_MS (INT64_C(60) * 1000) /* at rules that cannot be read */

struct window {
    json_t *timing;      /* owned */
    int64_t from, until; /* wall clock: when the rest is known to hold */
    bool open;
    char *why; /* closed; owned */
};

void machine_window_set(struct rollout *rollout, json_t *timing)
{
    machine_window_free(rollout->window);
    rollout->window = NULL;
    json_incref(timing);
    json_decref(rollout->timing);
    rollout->timing = timing;
    if (g_strcmp0(roll_json_get_string(timing, "whenWindowCloses"), "wait") != 0)
        return;
    rollout->window = g_new0(struct window, 1);
    rollout->window->timing = json_incref(timing);
    rollout->window->until = INT64_MIN;
}

void machine_window_free(struct window *window)
{
    if (!window)
        return;
    json_decref(window->timing);
    g_free(window->why);
    g_free(window);
}

/* A gate that cannot be evaluated is not passed. */
static void look(struct window *window, int64_t wall_ms)
{
    struct roll_timing timing = {0};
    struct roll_error *err;

    if (wall_ms >= window->from && wall_ms < window->until)
        return;
    err = roll_timing_at(window->timing, wall_ms, &timing);
    window->from = wall_ms;
    window->until = err ? wall_ms + LOOK_AGAIN_MS : timing.until;
    window->open = !err && timing.open;
    g_free(window->why);
    window->why = err           ? g_strdup_printf("its window: %s", err->message)
                  : timing.open ? NULL
                                : g_strdup_printf("its window: %s", timing.why);
    roll_error_free(err);
    roll_timing_clear(&timing);
}

static bool is_untouched(const struct roll_machine *machine, const struct ring *ring)
{
    for (size_t i = ring->begin; i < ring->end; i++) {
        const struct job *job = g_ptr_array_index(machine->sequence, i);
        if (job->state != ROLL_TARGET_WAITING || job->phase != PHASE_IDLE)
            return false;
    }
    return true;
}

int64_t machine_window_left(const struct roll_machine *machine)
{
    struct window *window = machine->own->window;

    if (!window || machine->ring >= machine->rings->len || !machine_may_start(machine) ||
        !is_untouched(machine, &g_array_index(machine->rings, struct ring, machine->ring)))
        return 0;
    look(window, machine->wall_ms);
    if (window->open)
        return 0;
    return window->until == ROLL_NEVER ? ROLL_NEVER : MAX(window->until - machine->wall_ms, 1);
}

const char *machine_window_why(const struct roll_machine *machine)
{
    return machine_window_left(machine) > 0 ? machine->own->window->why : NULL;
}
