/* What must hold while a driver lives, and when everything has come to rest. */
#include "sim.h"

/* ---- fold equals live
 * -------------------------------------------------------------------------------------------------------
 */

/* A machine that is built from the log alone knows the same of every target as the one that lived
 * through it. */
void sim_check_live(struct world *world, const struct process *process)
{
    struct roll_machine_options options = {
        .stream = SIM_STREAM, .driver = process->driver, .host = "host", .mode = process->mode};
    roll_auto(machine) struct roll_machine *fresh = NULL;

    if (process->own == 0 || process->added->len == 0 || world->steps % 7 != 0)
        return;
    /* Who drives aside does not hear what came into the main stream before its join. */
    if (process->shared && (world->here->apart || !sim_shared_is_settled(world, process)))
        return;
    fresh = roll_machine_new(&options);
    for (guint i = 0; i < process->added->len; i++) {
        int64_t number = (int64_t)GPOINTER_TO_SIZE(g_ptr_array_index(process->added, i));
        roll_machine_add(fresh, number, sim_fact(world, number)->order);
    }
    if (process->shared)
        sim_shared_fold(world, fresh, process);
    else
        sim_fold_added(world, fresh, process, process->head);
    for (size_t i = 0; i < process->order->targets->len; i++) {
        enum roll_target_state live = roll_machine_target_state(process->machine, i);
        enum roll_target_state folded = roll_machine_target_state(fresh, i);
        if (live != folded)
            sim_violate(world, "process %d: target %zu of #%d is %d, folded it is %d", process->id,
                        i, (int)process->own, live, folded);
    }
}

/* ---- the end of a seed
 * ----------------------------------------------------------------------------------------------------------
 */

static const struct deployment *last_of(const struct world *world, int target)
{
    const struct deployment *last = NULL;

    for (guint i = 0; i < world->deployments->len; i++) {
        const struct deployment *deployment = g_ptr_array_index(world->deployments, i);
        if (deployment->target == target && (!last || deployment->end_ms >= last->end_ms))
            last = deployment;
    }
    return last;
}

/* What the ledger calls live is what ARM has. */
void sim_check_live_release(struct world *world, int target, int release)
{
    const struct deployment *last = last_of(world, target);

    if (release == 0)
        return;
    /* Two that did not hear of each other: an action changes the target, too. */
    if (world->replicas && last && world->acted[target].at_ms > last->end_ms &&
        world->acted[target].release == release)
        return;
    if (!last)
        sim_violate(world, "the ledger says v%d of t%d, ARM has nothing", release, target);
    else if (last->release != release || strcmp(last->final, "Succeeded") != 0)
        sim_violate(world, "the ledger says v%d of t%d, ARM has v%d, %s (%s)", release, target,
                    last->release, last->final, last->name);
}

static const struct deployment *with_correlation(const struct world *world, const char *correlation)
{
    for (guint i = 0; i < world->deployments->len; i++) {
        const struct deployment *deployment = g_ptr_array_index(world->deployments, i);
        if (strcmp(deployment->correlation, correlation) == 0)
            return deployment;
    }
    return NULL;
}

/* An outcome is what ARM did. */
static void check_intent(struct world *world, const struct intent *intent)
{
    const struct deployment *deployment = with_correlation(world, intent->correlation);

    if (!intent->outcome) {
        sim_violate(world, "the intent of t%d in #%d has no outcome", intent->target,
                    (int)intent->rollout);
        return;
    }
    if (intent->disputed)
        sim_violate(world, "the intent of t%d in #%d has two outcomes", intent->target,
                    (int)intent->rollout);
    if (intent->step > 0) {
        bool ran = intent->accepted || strcmp(intent->outcome, "succeeded") == 0;
        if (ran && !g_hash_table_contains(world->actions, intent->correlation))
            sim_violate(world, "step %d of t%d in #%d: %s, but ARM never ran it", (int)intent->step,
                        intent->target, (int)intent->rollout, intent->outcome);
        return;
    }
    if (!intent->accepted && deployment)
        sim_violate(world, "t%d in #%d: %s, not accepted, but ARM has it (%s)", intent->target,
                    (int)intent->rollout, intent->outcome, deployment->final);
    if (intent->accepted && !deployment)
        sim_violate(world, "t%d in #%d: %s, but ARM never had it", intent->target,
                    (int)intent->rollout, intent->outcome);
    if (intent->accepted && deployment &&
        (strcmp(intent->outcome, "succeeded") == 0) !=
            (strcmp(deployment->final, "Succeeded") == 0))
        sim_violate(world, "t%d in #%d: %s, but in ARM %s", intent->target, (int)intent->rollout,
                    intent->outcome, deployment->final);
}

/* At rest: nobody drives, nothing is open, every intent has its one outcome (a second one is
 * refused by the referee). */
void sim_check_end(struct world *world)
{
    const struct fact *open = sim_open_rollout(world);
    GHashTableIter iter;
    gpointer value;

    if (sim_alive(world) > 0)
        sim_violate(world, "a process waits for nothing");
    if (open) {
        sim_violate(world, "#%d does not end", (int)open->number);
        return;
    }
    g_hash_table_iter_init(&iter, world->here->intents);
    while (g_hash_table_iter_next(&iter, NULL, &value))
        check_intent(world, value);
    for (int i = 0; !world->replicas && i < world->n_targets; i++)
        sim_check_live_release(world, i, world->here->holdings[i].live);
}
