/* Superseded rollouts. What they intended and nobody has ended yet is found, cancelled and recorded
 * by the rollout that took their place. Its own target (the heir) waits for what is under way
 * there, but not for ever; what it did not wait for is followed to its end. A success is only
 * recorded when everything older on that target has ended: if that came later, the success was
 * overwritten. */
#include "rollout/machine.h"

static guint place_of(const struct roll_machine *machine, const struct rollout *rollout)
{
    guint place = 0;

    while (g_ptr_array_index(machine->rollouts, place) != rollout)
        place++;
    return place;
}

typedef void (*successor_fn)(struct roll_machine *machine, const struct job *job,
                             struct job *successor, int64_t value);

/* The jobs of later rollouts for the same target; the own one comes last. */
static void each_successor(struct roll_machine *machine, const struct job *job, successor_fn fn,
                           int64_t value)
{
    for (guint i = place_of(machine, job->rollout) + 1; i < machine->rollouts->len; i++) {
        const struct rollout *later = g_ptr_array_index(machine->rollouts, i);
        struct job *successor = g_hash_table_lookup(later->by_name, job->target->name);
        if (successor)
            fn(machine, job, successor, value);
    }
}

static bool is_heir(const struct roll_machine *machine, const struct job *job)
{
    return job->rollout == machine->own;
}

/* ---- when it begins
 * ---------------------------------------------------------------------------------------------------
 */

/* What a successor has sent already did not wait, and follows. */
static void wait_or_follow(struct roll_machine *machine, const struct job *job,
                           struct job *successor, int64_t value)
{
    (void)job;
    (void)value;
    if (is_heir(machine, successor) && successor->state == ROLL_TARGET_WAITING)
        successor->blockers++;
    else
        successor->followed++;
}

static void inherit(struct roll_machine *machine, struct job *job)
{
    machine->inherited++;
    job->heir = g_hash_table_lookup(machine->own->by_name, job->target->name);
    job->released = job->heir && job->heir->state != ROLL_TARGET_WAITING;
    each_successor(machine, job, wait_or_follow, 0);
}

void machine_inherit_open(struct roll_machine *machine)
{
    for (guint i = 0; i < machine->rollouts->len; i++) {
        struct rollout *rollout = g_ptr_array_index(machine->rollouts, i);
        for (size_t j = 0; rollout != machine->own && j < rollout->n_jobs; j++) {
            struct job *job = &rollout->jobs[j];
            if (!job->intended)
                continue;
            inherit(machine, job);
        }
    }
}

/* ---- while it runs
 * ------------------------------------------------------------------------------------------------------
 */

static void unblock(struct roll_machine *machine, struct job *heir)
{
    heir->blockers--;
    if (heir->blockers == 0 && heir->passed)
        g_queue_push_tail(&machine->freed, heir);
}

/* A stack that is at work takes nothing else and cannot be cancelled: its heir waits as long as it
 * can be seen; and what is being deleted must not be put meanwhile. */
static bool waits_on(const struct roll_machine *machine, const struct job *job)
{
    bool unseen =
        job->trouble_boot_ms >= 0 && machine->boot_ms - job->trouble_boot_ms >= ROLL_CANCEL_WAIT_MS;

    return (machine_is_deletion(job) || (machine_is_stack(job) && machine_is_stack(job->heir))) &&
           !unseen;
}

void machine_inherit_wait(struct roll_machine *machine, struct job *job)
{
    if (!job->heir || job->released ||
        machine->boot_ms - machine->begin_boot_ms < ROLL_CANCEL_WAIT_MS || waits_on(machine, job))
        return;
    job->released = true;
    job->heir->followed++;
    unblock(machine, job->heir);
}

/* ---- when it has ended
 * ----------------------------------------------------------------------------------------------------
 */

static void note_rival(struct roll_machine *machine, const struct job *job, struct job *successor,
                       int64_t arm_at)
{
    (void)machine;
    if (machine_is_stack(job) && g_strcmp0(successor->target->apply, "stack") == 0)
        return; /* ARM took the later one only when this one had ended */
    successor->rival_at = MAX(successor->rival_at, arm_at);
}

/* When a deployment ended that later ones did not wait for: durable, so that a driver that comes
 * later knows it too. */
void machine_inherit_rival(struct roll_machine *machine, const struct job *job, int64_t arm_at)
{
    each_successor(machine, job, note_rival, arm_at);
}

static void let_go(struct roll_machine *machine, const struct job *job, struct job *successor,
                   int64_t value)
{
    (void)value;
    if (is_heir(machine, successor) && !job->released) {
        unblock(machine, successor);
        return;
    }
    successor->followed--;
    if (successor->followed == 0 && successor->held)
        machine_record_ready(machine, successor);
}

void machine_inherit_ended(struct roll_machine *machine, struct job *job)
{
    if (job->rollout == machine->own)
        return;
    machine->inherited--;
    each_successor(machine, job, let_go, 0);
    job->heir = NULL;
}

/* ---- said by another driver ----------------------------------------------------------------- */

static void forget_plans(struct roll_machine *machine, struct job *job)
{
    g_queue_remove(&machine->starts, job);
    g_queue_remove(&machine->records, job);
    g_queue_remove(&machine->fenced, job);
    if (job->asked)
        g_hash_table_remove(machine->asked, GSIZE_TO_POINTER(job->asked));
    job->asked = 0;
    if (job->phase == PHASE_LEFT)
        machine->left--;
    else if (machine->mode == ROLL_MACHINE_SETTLE && job->phase != PHASE_IDLE &&
             job->phase != PHASE_RECORD)
        machine->unsettled--;
}

/* A driver on another replica had not heard that it was overruled, and said what came to be known
 * here just now: what this one was about to do there is decided again. */
void machine_inherit_heard(struct roll_machine *machine, struct job *job, bool was_intended)
{
    if (!machine->begun || machine_is_deletion(job))
        return;
    if (job->appending) { /* perhaps it is our own word: the answer tells */
        job->heard_intended = job->heard ? job->heard_intended : was_intended;
        job->heard = true;
        return;
    }
    forget_plans(machine, job);
    if (was_intended && !job->intended)
        machine_inherit_ended(machine, job);
    else if (!was_intended && job->intended && job->rollout != machine->own)
        inherit(machine, job);
    if (machine->mode == ROLL_MACHINE_SETTLE && job->intended)
        machine->unsettled++;
    machine_schedule(machine, job);
}
