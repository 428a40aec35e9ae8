/* What a look by name means. The correlation id, which the client chose, tells whose the deployment
 * is. */
#include "rollout/machine.h"

enum owner { OWNER_UNKNOWN, OWNER_US, OWNER_OTHER };

static enum owner owner_of(const struct job *job, const struct roll_observation *reply)
{
    if (!reply->correlation_id)
        return OWNER_UNKNOWN;
    return g_ascii_strcasecmp(reply->correlation_id, job->correlation) == 0 ? OWNER_US
                                                                            : OWNER_OTHER;
}

/* ---- ours ----------------------------------------------------------------------------------- */

/* The outcome is known; what did not succeed is explained first: why, and what it has put by then.
 */
void machine_finalize(struct roll_machine *machine, struct job *job)
{
    if (!machine_succeeded(job->outcome->outcome))
        machine_go(machine, job, PHASE_EXPLAIN, machine->boot_ms);
    else
        machine_record_ready(machine, job);
}

static void found_ours(struct roll_machine *machine, struct job *job,
                       const struct roll_observation *reply)
{
    if (machine_outcome_of(reply->state)) {
        job->accepted = true;
        machine_no_trouble(job);
        machine_note(job, reply);
        machine_finalize(machine, job);
    } else {
        machine_accepted(machine, job,
                         machine->boot_ms + machine_poll_ms(machine, job, reply->retry_after_ms));
    }
}

/* ---- not there ------------------------------------------------------------------------------ */

static void look_again(struct roll_machine *machine, struct job *job)
{
    if (machine->mode == ROLL_MACHINE_SETTLE && ++job->looks >= MACHINE_SETTLE_LOOKS)
        machine_leave(machine, job);
    else
        machine_due(
            machine, job,
            MIN(machine->boot_ms + MACHINE_LOOK_MS, MAX(machine->boot_ms, job->believe_boot_ms)));
}

static bool may_put_again(const struct roll_machine *machine, const struct job *job)
{
    return machine->mode == ROLL_MACHINE_DRIVE && job->rollout == machine->own &&
           !machine_cancel_wanted(machine, job) && job->lost <= MACHINE_LOST_MAX;
}

/* It was sent as often as may be: what came back the last time is all that is known of why. */
static void never_arrived(struct roll_machine *machine, struct job *job)
{
    g_autofree char *message =
        job->lost_words
            ? g_strdup_printf("the request never arrived; the last answer was: %s", job->lost_words)
            : g_strdup("the request never arrived");

    machine_conclude(machine, job, "absent", "NeverArrived", message);
}

/* The request may still be on its way: "not found" is believed only if that was over when the
 * question was asked. (The answer may have lain for an hour before a process that slept sees it.)
 */
static void not_arrived(struct roll_machine *machine, struct job *job)
{
    if (job->asked_boot_ms < job->believe_boot_ms)
        look_again(machine, job);
    else if (may_put_again(machine, job))
        machine_go(machine, job, PHASE_PUT, machine->boot_ms);
    else
        never_arrived(machine, job);
}

bool machine_is_forgotten(const struct roll_observation *reply)
{
    return !reply->code || strcmp(reply->code, "DeploymentNotFound") == 0 ||
           strcmp(reply->code, "DeploymentStackResourceNotFound") == 0;
}

/* It was there, and is not any more. */
static void vanished(struct roll_machine *machine, struct job *job,
                     const struct roll_observation *reply)
{
    if (job->missing_boot_ms < 0)
        job->missing_boot_ms = job->asked_boot_ms;
    if (machine_is_forgotten(reply) &&
        job->asked_boot_ms - job->missing_boot_ms < ROLL_NOT_FOUND_MS) {
        machine_due(machine, job,
                    machine->boot_ms + machine_poll_ms(machine, job, reply->retry_after_ms));
        return;
    }
    machine_note(job, reply);
    machine_conclude(machine, job, "failed", NULL, "the deployment vanished while it ran");
}

static void found_nothing(struct roll_machine *machine, struct job *job,
                          const struct roll_observation *reply)
{
    if (job->accepted)
        vanished(machine, job, reply);
    else
        not_arrived(machine, job);
}

/* ---- another's ------------------------------------------------------------------------------ */

/* What runs under a name that the plan fixes is waited for, as ARM would have it; then it is ours.
 */
static bool wait_for_other(struct roll_machine *machine, struct job *job,
                           const struct roll_observation *reply)
{
    return job->target->deployment_name && !job->accepted && !machine_outcome_of(reply->state) &&
           may_put_again(machine, job) &&
           machine_try_again(machine, job, MACHINE_PUT_PATIENCE_MS, reply->retry_after_ms);
}

/* A stack that still has an earlier release (or attempt) has not got this one. Nothing of ours
 * comes after this one before it has ended: once it was there, somebody else has written the stack.
 */
static void found_other_stack(struct roll_machine *machine, struct job *job,
                              const struct roll_observation *reply)
{
    g_autofree char *message = NULL;

    if (!job->accepted) {
        not_arrived(machine, job);
        return;
    }
    message = g_strdup_printf("the stack was written by somebody else meanwhile (correlation id "
                              "%s); what became of this PUT is not known",
                              reply->correlation_id);
    machine_conclude(machine, job, "conflict", "StackOverwritten", message);
}

/* A name that the plan fixes was used before; a derived one never was. */
static void found_other(struct roll_machine *machine, struct job *job,
                        const struct roll_observation *reply)
{
    g_autofree char *message = NULL;

    if (machine_is_stack(job)) {
        found_other_stack(machine, job, reply);
        return;
    }
    if (job->target->deployment_name && !job->accepted && machine_outcome_of(reply->state)) {
        not_arrived(machine, job);
        return;
    }
    if (wait_for_other(machine, job, reply))
        return;
    message = g_strdup_printf("the deployment of this name is another's (correlation id %s)",
                              reply->correlation_id);
    machine_conclude(machine, job, "conflict", "DeploymentNameTaken", message);
}

/* ---- nothing learned ------------------------------------------------------------------------ */

/* An outcome that cannot be read is not guessed: the intent stays open for `roll resume`. */
static void learned_nothing(struct roll_machine *machine, struct job *job,
                            const struct roll_observation *reply)
{
    bool denied = reply->outcome == ROLL_ARM_REFUSED || reply->outcome == ROLL_ARM_NO_TOKEN;
    int64_t patience = denied ? MACHINE_DENIED_PATIENCE_MS : MACHINE_READ_PATIENCE_MS;

    if (!machine_try_again(machine, job, patience, reply->retry_after_ms))
        machine_leave(machine, job);
}

void machine_found(struct roll_machine *machine, struct job *job,
                   const struct roll_observation *reply)
{
    enum owner owner = owner_of(job, reply);
    bool known = owner != OWNER_UNKNOWN || job->phase == PHASE_DETAIL;

    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        found_nothing(machine, job, reply);
    else if (reply->outcome != ROLL_ARM_OK || !known)
        learned_nothing(machine, job, reply);
    else if (owner == OWNER_OTHER)
        found_other(machine, job, reply);
    else
        found_ours(machine, job, reply);
}
