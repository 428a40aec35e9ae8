/* A job's next question to the world. What a person asked meanwhile (cancel) is looked at here,
 * just before asking. */
#include "rollout/machine.h"

static void ask(struct roll_machine *machine, struct job *job, enum roll_action_kind kind,
                struct roll_action *ret_action)
{
    job->asked = ++machine->last_id;
    job->asked_boot_ms = machine->boot_ms;
    g_hash_table_insert(machine->asked, GSIZE_TO_POINTER(job->asked), job);
    *ret_action = (struct roll_action){
        .id = job->asked,
        .kind = kind,
        .rollout = job->rollout->number,
        .request_hash = job->rollout->hash,
        .target = job->target,
        .step = job->step,
        .attempt = job->attempt,
        .resource = job->deleting,
        .api_version = job->deleting_version,
    };
}

/* The two gates before a PUT: its intent is folded (else the job would not be in this phase); claim
 * and fence hold. */
static bool act_put(struct roll_machine *machine, struct job *job, struct roll_action *ret_action)
{
    int64_t not_before = MAX(machine->quiet_boot_ms, job->again_boot_ms);

    if (machine->boot_ms < not_before) {
        machine_due(machine, job, not_before);
        return false;
    }
    if (!machine_may_put(machine)) {
        machine->renew = true;
        g_queue_push_tail(&machine->fenced, job);
        return false;
    }
    ask(machine, job, job->phase == PHASE_DELETE ? ROLL_ACTION_DELETE : ROLL_ACTION_PUT,
        ret_action);
    return true;
}

static bool act_probe(struct roll_machine *machine, struct job *job, struct roll_action *ret_action)
{
    if (job->probe_boot_ms < 0)
        job->probe_boot_ms = machine->boot_ms;
    ask(machine, job, ROLL_ACTION_PROBE, ret_action);
    ret_action->check = machine_check(job, job->step);
    return true;
}

bool machine_cancel_wanted(const struct roll_machine *machine, const struct job *job)
{
    return machine->mode == ROLL_MACHINE_DRIVE &&
           (job->rollout->cancelling || job->rollout != machine->own);
}

/* True when nothing is left to ask. */
static bool obey_cancel(struct roll_machine *machine, struct job *job)
{
    if (!machine_cancel_wanted(machine, job))
        return false;
    if (job->phase == PHASE_PUT || job->phase == PHASE_DELETE) {
        machine_conclude(machine, job, "absent", NULL, "cancelled before it was sent");
        return true;
    }
    if (job->phase == PHASE_PROBE) {
        machine_conclude(machine, job, "cancelled", NULL, "the rollout was cancelled");
        return true;
    }
    if (job->phase == PHASE_POLL && !job->cancel_sent)
        job->phase = PHASE_CANCEL;
    return false;
}

bool machine_act(struct roll_machine *machine, struct job *job, struct roll_action *ret_action)
{
    static const enum roll_action_kind kinds[PHASE_COUNT] = {
        [PHASE_GET] = ROLL_ACTION_GET,         [PHASE_POLL] = ROLL_ACTION_POLL,
        [PHASE_CANCEL] = ROLL_ACTION_CANCEL,   [PHASE_DETAIL] = ROLL_ACTION_GET,
        [PHASE_EXPLAIN] = ROLL_ACTION_EXPLAIN, [PHASE_SORT] = ROLL_ACTION_LEFTOVERS,
        [PHASE_SEEK] = ROLL_ACTION_SEEK,
    };

    machine_inherit_wait(machine, job);
    if (obey_cancel(machine, job))
        return false;
    switch (job->phase) {
    case PHASE_PUT:
    case PHASE_DELETE:
        return act_put(machine, job, ret_action);
    case PHASE_DOUBT:
        machine_conclude(machine, job, "failed", "OutcomeUnknown",
                         "no reply: whether the action ran is not known, it was not repeated");
        return false;
    case PHASE_PROBE:
        return act_probe(machine, job, ret_action);
    case PHASE_SORT:
        if (machine_prune_dropped(machine, job))
            return false;
        ask(machine, job, kinds[job->phase], ret_action);
        return true;
    case PHASE_GET:
    case PHASE_POLL:
    case PHASE_CANCEL:
    case PHASE_DETAIL:
    case PHASE_EXPLAIN:
    case PHASE_SEEK:
        ask(machine, job, kinds[job->phase], ret_action);
        return true;
    default:
        return false;
    }
}

/* Wakes whoever waits for a later time, so that nobody sleeps through a cancel. Jobs in START are
 * dropped when the next append is made. */
void machine_stop_jobs(struct roll_machine *machine)
{
    for (size_t i = 0; i < machine->own->n_jobs; i++) {
        struct job *job = &machine->own->jobs[i];
        if (job->phase == PHASE_PUT || job->phase == PHASE_POLL || job->phase == PHASE_PROBE ||
            job->phase == PHASE_DELETE || job->phase == PHASE_SORT) {
            if (job->asked == 0)
                machine_due(machine, job, machine->boot_ms);
        }
    }
}
