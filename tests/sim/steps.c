/* What a target has to go through: its steps in order, none left out that the order asks for and
 * none taken that it leaves out; checks that say what the probe said; bakes; deployments that are
 * cancelled before they are waited for; how many may fail, and the back that follows. Judged from
 * facts where one ledger is everybody's: of a shared one each replica tells the same twice. */
#include "sim.h"

#include <limits.h>

#define CLOCKS_MS 60000 /* hosts' clocks differ */

/* ---- steps ---------------------------------------------------------------------------------- */

static int64_t actions_of(const struct part *part)
{
    return part->target->steps->len;
}

static bool is_left_out(const struct fact *fact, const struct part *part, int64_t step)
{
    const struct roll_plan_step *action;

    if (fact->order->lane != ROLL_LANE_ROLLBACK || step < 1 || step > actions_of(part))
        return false;
    action = g_ptr_array_index(part->target->steps, (guint)step - 1);
    return action->skip_on_back;
}

/* Until (without it) each step that the order asks for is among them. */
static bool has_each(const struct fact *fact, const struct part *part, uint64_t steps,
                     int64_t until)
{
    for (int64_t step = 0; step < until; step++)
        if (!(steps >> step & 1) && !is_left_out(fact, part, step))
            return false;
    return true;
}

static void judge_step(struct world *world, const struct fact *fact, int target, int64_t step)
{
    const struct part *part = &fact->parts[target];

    if (is_left_out(fact, part, step))
        sim_violate(world, "step %d of t%d in #%d, which a back leaves out", (int)step, target,
                    (int)fact->number);
    else if (!has_each(fact, part, step > actions_of(part) + 1 ? part->told : part->done, step))
        sim_violate(world, "step %d of t%d in #%d before the one before it", (int)step, target,
                    (int)fact->number);
}

void sim_judge_step_intended(struct world *world, const struct process *process,
                             const struct fact *fact, const struct roll_step_intended *body)
{
    if (world->replicas)
        return;
    if (process && process->mode == ROLL_MACHINE_SETTLE)
        sim_violate(world, "an intent by who only settles #%d", (int)fact->number);
    if (body->step > 0)
        judge_step(world, fact, sim_target_index(body->target), body->step);
    else if (body->floor != fact->parts[sim_target_index(body->target)].target->floor)
        sim_violate(world, "the intent of %s does not raise the floor to %d", body->target,
                    (int)fact->parts[sim_target_index(body->target)].target->floor);
}

/* A check has the outcome that its last probe had. */
static void judge_check(struct world *world, const struct process *process,
                        const struct roll_step_ended *body)
{
    const struct probed *probed = &process->probed[sim_target_index(body->target)];
    bool good = strcmp(body->outcome, "succeeded") == 0;

    if (!good && strcmp(body->outcome, "failed") != 0)
        return;
    if (probed->rollout != body->rollout || probed->step != body->step || probed->healthy != good)
        sim_violate(world, "check %d of %s in #%d is said to have %s, which no probe said",
                    (int)body->step, body->target, (int)body->rollout, body->outcome);
}

void sim_judge_step_ended(struct world *world, const struct process *process,
                          const struct fact *fact, const struct roll_step_ended *body)
{
    int target = sim_target_index(body->target);
    const struct part *part = &fact->parts[target];
    bool check = body->step > actions_of(part), good = strcmp(body->outcome, "succeeded") == 0;
    int64_t checks = fact->order->health_reports_only ? 0 : (int64_t)fact->order->health->len;

    if (world->replicas)
        return;
    if (check && !part->open && strcmp(body->outcome, "cancelled") != 0) {
        judge_step(world, fact, target, body->step);
        if (process)
            judge_check(world, process, body);
    }
    if (body->last && good &&
        !has_each(fact, part, part->done | UINT64_C(1) << body->step,
                  1 + actions_of(part) + checks))
        sim_violate(world, "t%d of #%d succeeded without all of its steps", target,
                    (int)fact->number);
}

void sim_take_step_ended(struct world *world, struct part *part, const struct roll_step_ended *body)
{
    part->told |= UINT64_C(1) << body->step;
    if (strcmp(body->outcome, "succeeded") == 0)
        part->done |= UINT64_C(1) << body->step;
    if (body->last)
        part->ended_ms = world->now;
}

/* ---- bakes ---------------------------------------------------------------------------------- */

/* Whatever ended in a ring before this one has baked. */
void sim_judge_bake(struct world *world, const struct fact *fact, int ring)
{
    for (int i = 0; !world->replicas && i < SIM_TARGETS_MAX; i++) {
        const struct part *part = &fact->parts[i];
        if (part->target && part->target->ring < ring && part->last &&
            world->now - part->ended_ms < fact->order->bake_ms - CLOCKS_MS)
            sim_violate(world, "#%d goes on %d s after t%d of ring %d ended, without its bake",
                        (int)fact->number, (int)((world->now - part->ended_ms) / 1000), i,
                        part->target->ring);
    }
}

/* ---- ends ----------------------------------------------------------------------------------- */

void sim_judge_succeeded(struct world *world, const struct fact *fact)
{
    if (world->replicas || fact->cancelling)
        return;
    sim_judge_bake(world, fact, INT_MAX);
    for (int i = 0; i < SIM_TARGETS_MAX; i++) {
        const struct part *part = &fact->parts[i];
        if (part->target &&
            !has_each(fact, part, part->told, 1 + actions_of(part) + fact->order->health->len))
            sim_violate(world, "#%d succeeded, and t%d was not checked", (int)fact->number, i);
    }
}

static int failures(const struct fact *fact)
{
    int count = 0;

    for (int i = 0; i < SIM_TARGETS_MAX; i++)
        count += fact->parts[i].last && !fact->parts[i].last_good;
    return count;
}

/* So many may fail; in lane rollback none stops the others. */
static bool is_stopped(const struct fact *fact)
{
    return fact->order->lane != ROLL_LANE_ROLLBACK && failures(fact) > fact->order->max_failures;
}

/* Its order wants a back, and there is something to go back from. */
static bool wants_back(const struct fact *fact)
{
    return fact->order->back_on_failure && fact->accepted && is_stopped(fact) && !fact->cancelling;
}

/* Of what it has not heard yet it is told when its append is refused. */
void sim_judge_back_asked(struct world *world, const struct process *process)
{
    const struct fact *fact = sim_fact(world, process->own);
    bool heard_all = process->head == sim_head(world);

    if (!world->replicas && heard_all && !wants_back(fact))
        sim_violate(world, "a back of #%d is decided, which wants none", (int)fact->number);
}

void sim_judge_failed(struct world *world, const struct process *process, const struct fact *fact)
{
    if (world->replicas)
        return;
    for (int i = 0; !is_stopped(fact) && i < SIM_TARGETS_MAX; i++)
        if (fact->parts[i].target && !fact->parts[i].last)
            sim_violate(world, "#%d failed before t%d was tried", (int)fact->number, i);
    if (wants_back(fact) && (!process || process->back_of != fact->number))
        sim_violate(world, "#%d failed, and nobody decided on its back", (int)fact->number);
    if (wants_back(fact) && process && process->back_of == fact->number && process->goes_back)
        world->back_due = fact->number;
}

/* A back that was decided on is in the append that ends what it goes back from. */
void sim_judge_next(struct world *world, const struct roll_event *event)
{
    if (world->back_due && event->kind != ROLL_EVENT_rollout_requested)
        sim_violate(world, "#%d failed, and its back was not requested with that",
                    (int)world->back_due);
    world->back_due = 0;
}

/* ---- cancelling ----------------------------------------------------------------------------- */

static char *key_of(const struct roll_action *action)
{
    return g_strdup_printf("%d %s %d", (int)action->rollout, action->target->name,
                           (int)action->attempt);
}

void sim_note_cancel(struct process *process, const struct roll_action *action)
{
    g_hash_table_add(process->cancelled, key_of(action));
}

/* Whoever drives, and knows that a deployment is not wanted any more, has asked ARM to stop it
 * before he waits for its end. */
void sim_judge_poll(struct world *world, const struct process *process,
                    const struct roll_action *action)
{
    const struct fact *fact = sim_fact(world, action->rollout);
    g_autofree char *key = key_of(action);
    bool unwanted = action->rollout != process->own ||
                    (fact->cancelled_seq > 0 && fact->cancelled_seq <= process->head);

    if (!world->replicas && process->mode == ROLL_MACHINE_DRIVE && unwanted &&
        !g_hash_table_contains(process->cancelled, key))
        sim_violate(world, "process %d waits for t%s of #%d, and has not cancelled it", process->id,
                    action->target->name + 1, (int)action->rollout);
}
