/* Freezes that begin and end while rollouts wait and run, some of them declared after the request;
 * and the rule that no rollout starts, and begins a ring, while one holds it. */
#include "sim.h"

#include "rollbook/json.h"
#include "rollbook/policy.h"
#include "rollbook/time.h"

#define CLOCKS_MS 60000 /* hosts' clocks differ, and an append takes its time */

static json_t *freeze_new(struct world *world)
{
    int64_t from = SIM_EPOCH_MS + world->now + sim_between(world, SIM_PLAN, -10, 40) * 60000;
    char begin[ROLL_TIME_SIZE], end[ROLL_TIME_SIZE];

    roll_time_format(from, begin);
    roll_time_format(from + sim_between(world, SIM_PLAN, 3, 40) * 60000, end);
    begin[16] = end[16] = '\0'; /* to the minute */
    return json_pack("{s:s,s:s,s:s}", "name", "f", "from", begin, "to", end);
}

/* Borrowed from the world. */
json_t *sim_timing_new(struct world *world)
{
    bool waits = sim_between(world, SIM_PLAN, 0, 3) > 0;
    json_t *timing = json_pack("{s:[o],s:s}", "freezes", freeze_new(world), "whenWindowCloses",
                               waits ? "wait" : "continue");

    g_ptr_array_add(world->timings, timing);
    return timing;
}

bool sim_timing_open(const json_t *timing, int64_t wall_ms)
{
    struct roll_timing state = {0};
    struct roll_error *err = roll_timing_at(timing, wall_ms, &state);
    bool open = !err && state.open;

    roll_error_free(err);
    roll_timing_clear(&state);
    return open;
}

/* By everybody's clock. */
static bool is_closed(const json_t *timing, int64_t wall_ms)
{
    for (int64_t at = wall_ms - CLOCKS_MS; at <= wall_ms + CLOCKS_MS; at += CLOCKS_MS)
        if (sim_timing_open(timing, at))
            return false;
    return true;
}

void sim_judge_timing_start(struct world *world, const struct fact *fact, const json_t *timing)
{
    if (timing && is_closed(timing, SIM_EPOCH_MS + world->now))
        sim_violate(world, "#%d starts in a freeze", (int)fact->number);
}

/* What was begun goes on. */
void sim_judge_timing_ring(struct world *world, const struct fact *fact, int target)
{
    const char *closes = roll_json_get_string(fact->timing, "whenWindowCloses");

    for (int i = 0; i < SIM_TARGETS_MAX; i++) {
        const struct part *part = &fact->parts[i];
        if (part->target && part->target->ring == fact->parts[target].target->ring && part->touched)
            return;
    }
    if (g_strcmp0(closes, "wait") == 0 && is_closed(fact->timing, SIM_EPOCH_MS + world->now))
        sim_violate(world, "ring %d of #%d begins in a freeze", fact->parts[target].target->ring,
                    (int)fact->number);
}
