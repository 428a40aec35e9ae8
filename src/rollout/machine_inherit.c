/* Superseded rollouts. What they intended and nobody has ended yet is found, cancelled and recorded
 * by the rollout that took their place. A target of the new rollout (the heir) waits for what is
 * under way on it, but not for ever; what it did not wait for is followed to its end, and if that
 * came after the heir's own success, the heir is put again. */
#include "rollout/machine.h"

static struct job *heir_of(const struct roll_machine *machine, const struct job *job)
{
    return g_hash_table_lookup(machine->own->by_name, job->target->name);
}

static void inherit_job(struct roll_machine *machine, struct job *job)
{
    machine->inherited++;
    job->heir = heir_of(machine, job);
    if (!job->heir)
        return;
    if (job->heir->state == ROLL_TARGET_WAITING) {
        job->heir->blockers++;
    } else { /* an earlier driver of the own rollout did not wait any longer */
        job->released = true;
        job->heir->followed++;
    }
}

void machine_inherit_open(struct roll_machine *machine)
{
    for (guint i = 0; i < machine->rollouts->len; i++) {
        struct rollout *rollout = g_ptr_array_index(machine->rollouts, i);
        for (size_t j = 0; rollout != machine->own && j < rollout->n_jobs; j++) {
            if (rollout->jobs[j].intended)
                inherit_job(machine, &rollout->jobs[j]);
        }
    }
}

/* When an inherited deployment ended: durable, so that a driver that comes later knows it too. */
void machine_inherit_rival(struct roll_machine *machine, const struct job *job, int64_t arm_at)
{
    struct job *heir = heir_of(machine, job);

    if (heir)
        heir->rival_at = MAX(heir->rival_at, arm_at);
}

static void unblock(struct roll_machine *machine, struct job *heir)
{
    heir->blockers--;
    if (heir->blockers == 0 && heir->passed)
        g_queue_push_tail(&machine->freed, heir);
}

void machine_inherit_wait(struct roll_machine *machine, struct job *job)
{
    if (!job->heir || job->released ||
        machine->boot_ms - machine->open_boot_ms < ROLL_CANCEL_WAIT_MS)
        return;
    job->released = true;
    job->heir->followed++;
    unblock(machine, job->heir);
}

void machine_inherit_ended(struct roll_machine *machine, struct job *job)
{
    struct job *heir = job->heir;

    if (job->rollout == machine->own)
        return;
    machine->inherited--;
    if (!heir)
        return;
    job->heir = NULL;
    if (!job->released) {
        unblock(machine, heir);
        return;
    }
    heir->followed--;
    if (heir->followed == 0 && heir->phase == PHASE_RECORD)
        machine_record_ready(machine, heir);
}
