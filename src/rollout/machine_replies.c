/* ARM's answers to a job's questions: one function for each phase that asks. Every retry is
 * bounded. */
#include "rollout/machine.h"

void machine_go(struct roll_machine *machine, struct job *job, enum phase phase, int64_t boot_ms)
{
    job->phase = phase;
    machine_due(machine, job, boot_ms);
}

/* This process gives the job up; its intent stays open in the ledger. */
void machine_leave(struct roll_machine *machine, struct job *job)
{
    job->phase = PHASE_LEFT;
    machine->left++;
    if (machine->mode == ROLL_MACHINE_SETTLE)
        machine->unsettled--;
}

void machine_no_trouble(struct job *job)
{
    job->trouble_boot_ms = -1;
    job->tries = 0;
}

/* Again in the same phase, after a pause. False when it was tried for long enough. */
bool machine_try_again(struct roll_machine *machine, struct job *job, int64_t patience_ms,
                       int64_t retry_after_ms)
{
    if (job->trouble_boot_ms < 0)
        job->trouble_boot_ms = machine->boot_ms;
    if (machine->boot_ms - job->trouble_boot_ms >= patience_ms)
        return false;
    job->tries++;
    machine_due(machine, job, machine->boot_ms + machine_backoff_ms(job, retry_after_ms));
    return true;
}

/* The request has arrived. Somebody who only settles does not wait for it. */
void machine_accepted(struct roll_machine *machine, struct job *job, int64_t boot_ms)
{
    machine_no_trouble(job);
    if (!job->accepted)
        job->accepted_boot_ms = machine->boot_ms;
    job->accepted = true;
    job->missing_boot_ms = -1;
    if (machine->mode == ROLL_MACHINE_SETTLE)
        machine_leave(machine, job);
    else
        machine_go(machine, job, PHASE_POLL, boot_ms);
}

/* ---- PUT ------------------------------------------------------------------------------------ */

/* Where ARM gave no code of its own: a failure without one would be looked up in vain. */
static const char *code_without_arm(enum roll_arm_outcome outcome)
{
    switch (outcome) {
    case ROLL_ARM_NO_TOKEN:
        return "NoToken";
    case ROLL_ARM_UNSENT:
        return "NotSent";
    default:
        return "RefusedWithoutCode";
    }
}

static void conclude_refused(struct roll_machine *machine, struct job *job,
                             const struct roll_observation *reply)
{
    machine_note(job, reply);
    machine_conclude(machine, job, "refused", code_without_arm(reply->outcome),
                     "the request was not taken");
}

/* A definite "not now": the same request again. Busy may mean that an earlier one of ours is there,
 * so look first. */
static void put_not_now(struct roll_machine *machine, struct job *job,
                        const struct roll_observation *reply)
{
    if (reply->paced) {
        machine_no_trouble(job);
        machine_due(machine, job,
                    machine->boot_ms + machine_backoff_ms(job, reply->retry_after_ms));
    } else if (!machine_try_again(machine, job, MACHINE_PUT_PATIENCE_MS, reply->retry_after_ms)) {
        conclude_refused(machine, job, reply);
        return;
    }
    job->again_boot_ms = job->due_boot_ms;
    if (reply->outcome == ROLL_ARM_BUSY && !machine_is_action(job, job->step))
        machine_go(machine, job, PHASE_GET, machine->boot_ms);
}

/* Whether an action ran cannot be seen, and it is not repeated: two slot swaps are none. Somebody
 * who only settles does not wait. */
void machine_doubt(struct roll_machine *machine, struct job *job, int64_t believe_boot_ms)
{
    if (machine->mode == ROLL_MACHINE_SETTLE && machine->boot_ms < believe_boot_ms)
        machine_leave(machine, job);
    else
        machine_go(machine, job, PHASE_DOUBT, believe_boot_ms);
}

/* Nobody knows whether it arrived. A deployment is looked for. When exactly the request left is not
 * known here (it may have stood in a queue), but it has left by now. */
static void put_lost(struct roll_machine *machine, struct job *job,
                     const struct roll_observation *reply)
{
    int64_t believe_boot_ms = machine->boot_ms + MACHINE_LATE_MS;

    if (machine_is_action(job, job->step)) {
        machine_doubt(machine, job, believe_boot_ms);
        return;
    }
    job->lost++;
    g_free(job->lost_words);
    job->lost_words = reply->code || reply->message
                          ? g_strdup_printf("%s%s%s", reply->code ? reply->code : "",
                                            reply->code && reply->message ? ": " : "",
                                            reply->message ? reply->message : "")
                          : NULL;
    job->believe_boot_ms = believe_boot_ms;
    machine_go(machine, job, PHASE_GET, machine->boot_ms);
}

static void put_replied(struct roll_machine *machine, struct job *job,
                        const struct roll_observation *reply)
{
    int64_t pause =
        reply->retry_after_ms >= 0 ? machine_poll_ms(machine, job, reply->retry_after_ms) : 0;

    switch (reply->outcome) {
    case ROLL_ARM_OK:
        if (machine_is_action(job, job->step)) {
            job->accepted = true;
            machine_note(job, reply);
            machine_conclude(machine, job, "succeeded", NULL, NULL);
        } else {
            machine_accepted(machine, job, machine->boot_ms + pause);
        }
        break;
    case ROLL_ARM_BUSY:
    case ROLL_ARM_THROTTLED:
    case ROLL_ARM_UNSENT:
    case ROLL_ARM_LATER:
        put_not_now(machine, job, reply);
        break;
    case ROLL_ARM_LOST:
        put_lost(machine, job, reply);
        break;
    case ROLL_ARM_NOT_FOUND:
    case ROLL_ARM_REFUSED:
    case ROLL_ARM_NO_TOKEN:
        conclude_refused(machine, job, reply);
        break;
    }
}

/* ---- POLL and CANCEL ------------------------------------------------------------------------ */

/* ARM forgets a deployment now and then for a moment. Another 404, or one that lasts, is looked
 * into by name. */
static void poll_missed(struct roll_machine *machine, struct job *job,
                        const struct roll_observation *reply)
{
    if (job->missing_boot_ms < 0)
        job->missing_boot_ms = job->asked_boot_ms;
    if (machine_is_forgotten(reply) &&
        job->asked_boot_ms - job->missing_boot_ms < ROLL_NOT_FOUND_MS)
        machine_due(machine, job,
                    machine->boot_ms + machine_poll_ms(machine, job, reply->retry_after_ms));
    else
        machine_go(machine, job, PHASE_GET, machine->boot_ms);
}

static void detail_replied(struct roll_machine *machine, struct job *job,
                           const struct roll_observation *reply);

/* A poll of the deployment itself has told what DETAIL would ask for. */
static void poll_ended(struct roll_machine *machine, struct job *job,
                       const struct roll_observation *reply)
{
    if (!reply->whole)
        machine_note(job, reply);
    machine_go(machine, job, PHASE_DETAIL, machine->boot_ms);
    if (reply->whole)
        detail_replied(machine, job, reply);
}

static void poll_replied(struct roll_machine *machine, struct job *job,
                         const struct roll_observation *reply)
{
    switch (reply->outcome) {
    case ROLL_ARM_OK:
        machine_no_trouble(job);
        job->missing_boot_ms = -1;
        if (machine_outcome_of(reply->state)) {
            poll_ended(machine, job, reply);
        } else {
            machine_due(machine, job,
                        machine->boot_ms + machine_poll_ms(machine, job, reply->retry_after_ms));
        }
        break;
    case ROLL_ARM_NOT_FOUND:
        poll_missed(machine, job, reply);
        break;
    case ROLL_ARM_UNSENT:
    case ROLL_ARM_REFUSED:
        if (machine_try_again(machine, job, MACHINE_READ_PATIENCE_MS, reply->retry_after_ms))
            machine_go(machine, job, PHASE_GET, machine->boot_ms);
        else
            machine_leave(machine, job);
        break;
    case ROLL_ARM_BUSY:
    case ROLL_ARM_THROTTLED:
    case ROLL_ARM_LOST:
    case ROLL_ARM_NO_TOKEN:
    case ROLL_ARM_LATER:
        if (!machine_try_again(machine, job, MACHINE_READ_PATIENCE_MS, reply->retry_after_ms))
            machine_leave(machine, job);
        break;
    }
}

/* What cannot be cancelled (any more) ends by itself: poll on. */
static void cancel_replied(struct roll_machine *machine, struct job *job,
                           const struct roll_observation *reply)
{
    bool again = reply->outcome == ROLL_ARM_THROTTLED || reply->outcome == ROLL_ARM_UNSENT ||
                 reply->outcome == ROLL_ARM_LOST || reply->outcome == ROLL_ARM_NO_TOKEN ||
                 reply->outcome == ROLL_ARM_LATER;

    if (again && job->tries < MACHINE_CANCEL_TRIES &&
        machine_try_again(machine, job, MACHINE_PUT_PATIENCE_MS, reply->retry_after_ms))
        return;
    machine_no_trouble(job);
    job->cancel_sent = true;
    machine_go(machine, job, PHASE_POLL, machine->boot_ms);
}

/* ---- DETAIL and EXPLAIN: the outcome is known, these only add to it ------------------------- */

static void detail_replied(struct roll_machine *machine, struct job *job,
                           const struct roll_observation *reply)
{
    if (reply->outcome == ROLL_ARM_OK && machine_outcome_of(reply->state)) {
        machine_found(machine, job, reply);
        return;
    }
    if (job->tries < MACHINE_DETAIL_TRIES &&
        machine_try_again(machine, job, MACHINE_READ_PATIENCE_MS, reply->retry_after_ms))
        return;
    machine_no_trouble(job);
    machine_finalize(machine, job);
}

/* A cancelled one is asked about once: a back that took its place waits for it. */
static void explain_replied(struct roll_machine *machine, struct job *job,
                            const struct roll_observation *reply)
{
    bool failed = strcmp(job->outcome->outcome, "failed") == 0;

    if (reply->outcome == ROLL_ARM_OK)
        machine_note(job, reply);
    else if (failed && job->tries < MACHINE_DETAIL_TRIES &&
             machine_try_again(machine, job, MACHINE_READ_PATIENCE_MS, reply->retry_after_ms))
        return;
    machine_record_ready(machine, job);
}

/* ---- dispatch ------------------------------------------------------------------------------- */

void machine_reply(struct roll_machine *machine, struct job *job,
                   const struct roll_observation *reply)
{
    static void (*const handlers[PHASE_COUNT])(struct roll_machine *, struct job *,
                                               const struct roll_observation *) = {
        [PHASE_PUT] = put_replied,
        [PHASE_GET] = machine_found,
        [PHASE_POLL] = poll_replied,
        [PHASE_CANCEL] = cancel_replied,
        [PHASE_DETAIL] = detail_replied,
        [PHASE_EXPLAIN] = explain_replied,
        [PHASE_DELETE] = machine_delete_replied,
        [PHASE_SEEK] = machine_sought,
    };

    if (handlers[job->phase])
        handlers[job->phase](machine, job, reply);
    if (job->result != reply->result) /* nobody noted it */
        machine_blob_free(reply->result);
}

void machine_probed(struct roll_machine *machine, struct job *job,
                    const struct roll_observation *probe)
{
    const struct roll_plan_health *check = machine_check(job, job->step);

    if (job->phase != PHASE_PROBE)
        return;
    bool late = machine->boot_ms - job->probe_boot_ms >= check->within_ms;
    /* That no alert has fired yet says nothing: they are watched for as long as the plan says,
     * unless health is only reported. */
    bool watches = check->kind == ROLL_HEALTH_ALERTS && !job->rollout->order->health_reports_only;
    if (probe->healthy && (late || !watches)) {
        machine_conclude(machine, job, "succeeded", NULL, NULL);
    } else if (!probe->healthy && probe->code) {
        machine_conclude(machine, job, "failed", probe->code, probe->message);
    } else if (!probe->healthy && late) {
        machine_conclude(machine, job, "failed", "Unhealthy",
                         probe->message ? probe->message : "unhealthy");
    } else {
        int64_t end = job->probe_boot_ms + check->within_ms;
        machine_due(machine, job, MIN(machine->boot_ms + MAX(check->every_ms, 1), end));
    }
}
