/* Leftovers: each release that ARM has taken on a target has one thing of its own there. A back may
 * be asked to delete those of other releases. A deletion takes its time; its request may be late,
 * lost, or arrive although its connection broke. */
#include "sim.h"

struct thing {
    int target, release;
    bool there;
    int64_t until_ms; /* it is being deleted until then; 0 */
};

static struct thing *find(const struct world *world, int target, int release)
{
    for (guint i = 0; i < world->things->len; i++) {
        struct thing *thing = g_ptr_array_index(world->things, i);
        if (thing->target == target && thing->release == release)
            return thing;
    }
    return NULL;
}

void sim_thing_put(struct world *world, int target, int release)
{
    struct thing *thing = find(world, target, release);

    if (!thing) {
        thing = g_new0(struct thing, 1);
        thing->target = target;
        thing->release = release;
        g_ptr_array_add(world->things, thing);
    }
    if (thing->until_ms)
        sim_violate(world, "t%d: v%d is put while it is being deleted", target, release);
    thing->there = true;
}

static int goal_of(const struct fact *fact, int target)
{
    return sim_release(fact->parts[target].target->release);
}

/* ---- which may go ---------------------------------------------------------------------------- */

struct sorting {
    struct process *process;
    int machine, target;
    int64_t rollout;
    uint64_t id;
};

static void free_leftover(gpointer leftover)
{
    roll_leftover_free(leftover);
}

static void sorted(struct world *world, void *data)
{
    const struct sorting *sorting = data;
    struct process *process = sorting->process;
    const struct fact *fact = sim_fact(world, sorting->rollout);
    struct roll_observation seen = {.id = sorting->id, .kind = ROLL_SAW_LEFTOVERS};

    if (!process->alive || process->machines != sorting->machine)
        return;
    if (world->now < process->paused_until) {
        sim_at(world, process->paused_until - world->now, sorted,
               g_memdup2(sorting, sizeof *sorting), g_free);
        return;
    }
    seen.leftovers = g_ptr_array_new_with_free_func(free_leftover);
    for (guint i = 0; i < world->things->len; i++) {
        const struct thing *thing = g_ptr_array_index(world->things, i);
        struct roll_leftover *leftover;
        if (thing->target != sorting->target || !thing->there ||
            thing->release == goal_of(fact, sorting->target))
            continue;
        leftover = g_new0(struct roll_leftover, 1);
        leftover->id = g_strdup_printf("/v%d", thing->release);
        if (thing->release % 4 == 3)
            leftover->reason = g_strdup("kept");
        else
            leftover->api_version = g_strdup("2023-01-01");
        g_ptr_array_add(seen.leftovers, leftover);
    }
    sim_process_observe(world, process, &seen);
}

void sim_prune_sort(struct world *world, struct process *process, const struct roll_action *action)
{
    struct sorting *sorting = g_new0(struct sorting, 1);

    *sorting = (struct sorting){process, process->machines, sim_target_index(action->target->name),
                                action->rollout, action->id};
    sim_at(world, sim_between(world, SIM_TIME, 5, 500), sorted, sorting, g_free);
}

/* ---- a request on its way -------------------------------------------------------------------- */

struct request {
    struct process *process;
    int machine, target, release;
    uint64_t id;
    int64_t rollout;
    bool deaf; /* the driver was told already that it is lost */
};

static struct request *request_new(struct process *process, const struct roll_action *action)
{
    struct request *request = g_new0(struct request, 1);

    *request = (struct request){.process = process,
                                .machine = process->machines,
                                .target = sim_target_index(action->target->name),
                                .release = action->resource ? sim_release(action->resource + 1) : 0,
                                .id = action->id,
                                .rollout = action->rollout};
    return request;
}

static void tell(struct world *world, const struct request *request, enum roll_arm_outcome outcome,
                 const char *state)
{
    struct answer answer = {.outcome = outcome, .state = state, .retry_after_ms = -1};

    if (outcome == ROLL_ARM_REFUSED)
        answer.code = "ScopeLocked";
    if (!request->deaf)
        sim_answer(world, request->process, request->id, sim_between(world, SIM_TIME, 5, 150),
                   &answer);
}

static void pass_on(struct world *world, const struct request *request, int64_t delay_ms, sim_fn fn)
{
    sim_at(world, delay_ms, fn, g_memdup2(request, sizeof *request), g_free);
}

/* ---- DELETE ---------------------------------------------------------------------------------- */

static void deleted(struct world *world, void *data)
{
    const struct request *request = data;
    struct thing *thing = find(world, request->target, request->release);

    thing->there = false;
    thing->until_ms = 0;
    sim_trace(world, "arm    t%d: v%d is gone", request->target, request->release);
    tell(world, request, sim_chance(world, SIM_LOST, 60) ? ROLL_ARM_LOST : ROLL_ARM_OK, NULL);
}

/* Whatever was deployed since must not be hit: the intent is still open, nothing else is at work,
 * and the thing is not that of what came last. */
static void judge_arrival(struct world *world, const struct request *request)
{
    const struct fact *fact = sim_fact(world, request->rollout);
    const struct deployment *newest = sim_newest(world, request->target);

    if (fact->parts[request->target].deleting != request->release)
        sim_violate(world, "t%d: a DELETE of v%d arrives after its outcome", request->target,
                    request->release);
    if (newest && (world->now < newest->end_ms || newest->release == request->release))
        sim_violate(world, "t%d: v%d is deleted while v%d is there or comes", request->target,
                    request->release, newest->release);
}

static void delete_arrives(struct world *world, void *data)
{
    const struct request *request = data;
    struct thing *thing = find(world, request->target, request->release);

    judge_arrival(world, request);
    if (sim_chance(world, SIM_THROTTLE, 30)) {
        tell(world, request, ROLL_ARM_THROTTLED, NULL);
    } else if (sim_chance(world, SIM_BUSY, 30)) {
        tell(world, request, ROLL_ARM_BUSY, NULL);
    } else if (sim_chance(world, SIM_REFUSE, 60)) {
        tell(world, request, ROLL_ARM_REFUSED, NULL);
    } else if (!thing->there) {
        tell(world, request, ROLL_ARM_OK, NULL);
    } else {
        int64_t most = sim_chance(world, SIM_FAIL, 100) ? 1200000 : world->longest_ms;
        if (!thing->until_ms)
            thing->until_ms = world->now + sim_between(world, SIM_TIME, 50, most);
        sim_trace(world, "arm    t%d deletes v%d until %.3f", request->target, request->release,
                  (double)thing->until_ms / 1000);
        pass_on(world, request, thing->until_ms - world->now, deleted);
    }
}

static void judge_leaving(struct world *world, const struct request *request)
{
    const struct process *process = request->process;
    const struct fact *fact = sim_fact(world, request->rollout);

    if (fact->parts[request->target].deleting != request->release)
        sim_violate(world, "a DELETE on t%d without an open intent", request->target);
    if (process->append_ms < 0 || world->now - process->append_ms > ROLL_FENCE_MS)
        sim_violate(world, "a DELETE on t%d %d ms after the driver's last append", request->target,
                    (int)(world->now - process->append_ms));
    if (strcmp(fact->claimant, process->driver) == 0 &&
        fact->until <= sim_wall(world, process->host))
        sim_violate(world, "a DELETE on t%d under a lapsed claim", request->target);
}

static void delete_leaves(struct world *world, void *data)
{
    struct request *request = data;
    struct process *process = request->process;
    bool late = sim_chance(world, SIM_LATE, 30);

    if (!process->alive || process->machines != request->machine)
        return;
    if (world->now < process->paused_until) {
        pass_on(world, request, process->paused_until - world->now, delete_leaves);
        return;
    }
    if (sim_chance(world, SIM_UNSENT, 20) ||
        !roll_machine_may_put(process->machine, sim_wall(world, process->host),
                              sim_boot(world, process->host))) {
        tell(world, request, ROLL_ARM_UNSENT, NULL);
        return;
    }
    judge_leaving(world, request);
    process->first_put_sent = true;
    if (sim_chance(world, SIM_LOST, 60)) {
        tell(world, request, ROLL_ARM_LOST, NULL);
        request->deaf = true;
        if (sim_chance(world, SIM_LOST, 500))
            pass_on(world, request, sim_between(world, SIM_LOST, 1, SIM_LATE_MS), delete_arrives);
        return;
    }
    pass_on(world, request,
            late ? sim_between(world, SIM_LATE, 1000, SIM_LATE_MS)
                 : sim_between(world, SIM_TIME, 5, 150),
            delete_arrives);
}

void sim_prune_delete(struct world *world, struct process *process,
                      const struct roll_action *action)
{
    if (!action->resource) {
        sim_violate(world, "a DELETE of what was not intended");
        return;
    }
    int64_t queue = sim_chance(world, SIM_LATE, 30) ? sim_between(world, SIM_LATE, 100, 40000) : 0;

    sim_at(world, queue, delete_leaves, request_new(process, action), g_free);
}

/* ---- looks ----------------------------------------------------------------------------------- */

static void look_arrives(struct world *world, void *data)
{
    const struct request *request = data;
    const struct thing *thing = find(world, request->target, request->release);

    if (sim_chance(world, SIM_THROTTLE, 30))
        tell(world, request, ROLL_ARM_THROTTLED, NULL);
    else if (world->now < world->denied_until && !world->calm)
        tell(world, request, ROLL_ARM_REFUSED, NULL);
    else if (sim_chance(world, SIM_LOST, 30))
        tell(world, request, ROLL_ARM_LOST, NULL);
    else if (!thing->there)
        tell(world, request, ROLL_ARM_NOT_FOUND, NULL);
    else
        tell(world, request, ROLL_ARM_OK, thing->until_ms ? "Deleting" : "Succeeded");
}

void sim_prune_seek(struct world *world, struct process *process, const struct roll_action *action)
{
    sim_at(world, sim_between(world, SIM_TIME, 5, 150), look_arrives, request_new(process, action),
           g_free);
}

/* ---- what may be written -------------------------------------------------------------------- */

void sim_judge_prune_intended(struct world *world, const struct roll_prune_intended *body)
{
    const struct fact *fact = sim_fact(world, body->rollout);
    int target = sim_target_index(body->target), release = sim_release(body->resource + 1);

    if (!fact || fact->end != ROLL_EVENT_UNKNOWN || fact->cancelling || !fact->started ||
        !fact->order->prune) {
        sim_violate(world, "a deletion in #%d, which takes none", (int)body->rollout);
        return;
    }
    for (int i = 0; i < SIM_TARGETS_MAX; i++)
        if (fact->parts[i].target && !(fact->parts[i].last && fact->parts[i].last_good))
            sim_violate(world, "a deletion in #%d, while t%d has not got its goal",
                        (int)body->rollout, i);
    if (fact->parts[target].deleting)
        sim_violate(world, "a second deletion on t%d", target);
    if (release == goal_of(fact, target))
        sim_violate(world, "t%d: the goal's own thing is to be deleted", target);
}

void sim_judge_prune_ended(struct world *world, const struct roll_prune_ended *body)
{
    const struct fact *fact = sim_fact(world, body->rollout);
    int target = sim_target_index(body->target), release = sim_release(body->resource + 1);
    const struct thing *thing = find(world, target, release);

    if (strcmp(body->outcome, "kept") == 0)
        return;
    if (!fact || fact->parts[target].deleting != release)
        sim_violate(world, "an outcome of the deletion of v%d on t%d without intent", release,
                    target);
    if (strcmp(body->outcome, "deleted") == 0 && thing->there)
        sim_violate(world, "t%d: v%d is said to be deleted, and is there", target, release);
    if (strcmp(body->outcome, "absent") == 0 && (!thing->there || thing->until_ms))
        sim_violate(world, "t%d: v%d is said not to be deleted, but is", target, release);
}

/* Nothing is left over that nobody spoke of. */
void sim_judge_pruned(struct world *world, const struct fact *fact)
{
    for (guint i = 0; fact->order->prune && !fact->cancelling && i < world->things->len; i++) {
        const struct thing *thing = g_ptr_array_index(world->things, i);
        const struct part *part = &fact->parts[thing->target];
        if (part->target && thing->there && thing->release != goal_of(fact, thing->target) &&
            !(part->stays >> (thing->release % 64) & 1))
            sim_violate(world, "#%d succeeded, and v%d is left over on t%d", (int)fact->number,
                        thing->release, thing->target);
    }
}

void sim_take_prune_intended(struct world *world, const struct roll_prune_intended *body)
{
    sim_fact(world, body->rollout)->parts[sim_target_index(body->target)].deleting =
        sim_release(body->resource + 1);
}

void sim_take_prune_ended(struct world *world, const struct roll_prune_ended *body)
{
    struct part *part = &sim_fact(world, body->rollout)->parts[sim_target_index(body->target)];
    int release = sim_release(body->resource + 1);

    if (strcmp(body->outcome, "kept") == 0 || strcmp(body->outcome, "failed") == 0)
        part->stays |= UINT64_C(1) << (release % 64);
    if (strcmp(body->outcome, "kept") != 0)
        part->deleting = 0;
}
