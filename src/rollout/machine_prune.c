/* Deleting leftovers: what newer releases added and the goal does not have, once every target has
 * reached it, and before the rollout ends, so that nobody else's deployment comes in between.
 *
 * Each target that has its goal goes through its leftovers one after the other: the driver sorts
 * them (which may go, in which order, and why the others stay); what stays is recorded; for each of
 * the others an intent, the DELETE under claim and fence as for any PUT, and its outcome. A
 * deletion whose outcome is not known is looked for. What is still there was not deleted
 * (`absent`), and is sorted anew: what was true when it was intended may not be true any more. */
#include "rollout/machine.h"

bool machine_is_deletion(const struct job *job)
{
    return job->step == MACHINE_STEP_DELETE;
}

void machine_prune_clear(struct job *job)
{
    g_clear_pointer(&job->sorted, g_ptr_array_unref);
    g_clear_pointer(&job->deleting, g_free);
    g_clear_pointer(&job->deleting_version, g_free);
}

void roll_leftover_free(struct roll_leftover *leftover)
{
    if (!leftover)
        return;
    g_free(leftover->id);
    g_free(leftover->api_version);
    g_free(leftover->reason);
    g_free(leftover);
}

/* ---- durable facts --------------------------------------------------------------------------- */

static char *key_of(const struct job *job, const char *resource)
{
    g_autofree char *lower = g_ascii_strdown(resource, -1);

    return g_strdup_printf("%s\n%s", job->target->name, lower);
}

static void note_ended(struct job *job, const char *resource)
{
    struct rollout *rollout = job->rollout;

    if (!rollout->pruned)
        rollout->pruned = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_hash_table_add(rollout->pruned, key_of(job, resource));
}

static bool has_ended(const struct job *job, const struct roll_leftover *leftover)
{
    g_autofree char *key = key_of(job, leftover->id);

    return job->rollout->pruned && g_hash_table_contains(job->rollout->pruned, key);
}

void machine_fold_prune_intended(struct roll_machine *machine, struct job *job,
                                 const struct roll_prune_intended *intent)
{
    g_free(job->deleting);
    g_free(job->deleting_version);
    job->deleting = g_strdup(intent->resource);
    job->deleting_version = g_strdup(intent->api_version);
    job->deleting_boot_ms = 0;
    job->step = MACHINE_STEP_DELETE;
    job->intended = true;
    machine_occupy(machine, job);
}

void machine_fold_prune_ended(struct roll_machine *machine, struct job *job,
                              const struct roll_prune_ended *body)
{
    if (strcmp(body->outcome, "kept") == 0) {
        note_ended(job, body->resource);
        return;
    }
    job->intended = false;
    job->unsorted = strcmp(body->outcome, "absent") == 0;
    if (!job->unsorted)
        note_ended(job, body->resource);
    machine_vacate(machine, job);
}

/* ---- the order of things --------------------------------------------------------------------- */

static bool is_due(const struct roll_machine *machine)
{
    return machine->own->order->prune && machine->mode == ROLL_MACHINE_DRIVE && machine->claimed &&
           !machine->own->cancelling && machine->ring >= machine->rings->len &&
           machine->counts[ROLL_TARGET_SUCCEEDED] == machine->own->n_jobs;
}

bool machine_prune_over(const struct roll_machine *machine)
{
    return !is_due(machine) ||
           (machine->prune_cursor >= machine->sequence->len && machine->occupied == 0);
}

void machine_prune_advance(struct roll_machine *machine)
{
    size_t limit = (size_t)MAX(machine->own->order->max_parallel, 1);

    while (is_due(machine) && !machine->end && !machine->detach && machine->occupied < limit &&
           machine->prune_cursor < machine->sequence->len) {
        struct job *job = g_ptr_array_index(machine->sequence, machine->prune_cursor++);
        if (job->pruning || job->intended)
            continue; /* an earlier driver's deletion is being looked for */
        job->pruning = true;
        machine_prune_go_on(machine, job);
    }
}

static const struct roll_leftover *next_of(const struct job *job)
{
    for (guint i = 0; job->sorted && i < job->sorted->len; i++) {
        const struct roll_leftover *leftover = g_ptr_array_index(job->sorted, i);
        if (!has_ended(job, leftover))
            return leftover;
    }
    return NULL;
}

static void stop(struct roll_machine *machine, struct job *job)
{
    job->pruning = false;
    job->phase = PHASE_IDLE;
    g_clear_pointer(&job->sorted, g_ptr_array_unref);
    machine_vacate(machine, job);
}

bool machine_prune_dropped(struct roll_machine *machine, struct job *job)
{
    if (is_due(machine))
        return false;
    stop(machine, job);
    return true;
}

void machine_prune_go_on(struct roll_machine *machine, struct job *job)
{
    if (job->unsorted)
        g_clear_pointer(&job->sorted, g_ptr_array_unref);
    job->unsorted = false;
    if (machine_prune_dropped(machine, job))
        return;
    machine_occupy(machine, job);
    if (!job->sorted) {
        machine_go(machine, job, PHASE_SORT, machine->boot_ms);
    } else if (next_of(job)) {
        job->phase = PHASE_START;
        g_queue_push_tail(&machine->starts, job);
    } else {
        stop(machine, job);
    }
}

/* An intent without outcome: of this process, which may send it now, or of an earlier one. */
void machine_prune_intent(struct roll_machine *machine, struct job *job, int64_t believe_boot_ms)
{
    job->pruning = job->rollout == machine->own && machine->mode == ROLL_MACHINE_DRIVE;
    job->believe_boot_ms = believe_boot_ms;
    machine_go(machine, job, job->appending ? PHASE_DELETE : PHASE_SEEK, machine->boot_ms);
}

/* ---- what is recorded ------------------------------------------------------------------------ */

static void draft_kept(struct roll_machine *machine, struct append *append, struct job *job,
                       const struct roll_leftover *leftover)
{
    struct roll_prune_ended *body = machine_body(append, struct roll_prune_ended);

    *body = (struct roll_prune_ended){
        .rollout = job->rollout->number,
        .target = job->target->name,
        .resource = leftover->id,
        .outcome = machine_text(append, "kept"),
        .message = leftover->reason,
    };
    machine_draft(machine, append, ROLL_EVENT_prune_ended, body);
}

static void draft_intended(struct roll_machine *machine, struct append *append, struct job *job,
                           const struct roll_leftover *leftover)
{
    struct roll_prune_intended *body = machine_body(append, struct roll_prune_intended);

    *body = (struct roll_prune_intended){
        .rollout = job->rollout->number,
        .target = job->target->name,
        .resource = leftover->id,
        .api_version = leftover->api_version,
    };
    machine_draft(machine, append, ROLL_EVENT_prune_intended, body);
}

/* One deletion, or what stays, as much as there is room for. */
void machine_prune_draft(struct roll_machine *machine, struct append *append, struct job *job)
{
    const struct roll_leftover *first = next_of(job);

    for (guint i = 0; first && !first->api_version && i < job->sorted->len; i++) {
        const struct roll_leftover *leftover = g_ptr_array_index(job->sorted, i);
        if (append->drafts->len + 2 > MACHINE_APPEND_MAX)
            break;
        if (!leftover->api_version && !has_ended(job, leftover))
            draft_kept(machine, append, job, leftover);
    }
    if (first && first->api_version)
        draft_intended(machine, append, job, first);
    job->appending = true;
    g_ptr_array_add(append->starts, job);
}

void machine_prune_draft_record(struct roll_machine *machine, struct append *append,
                                struct job *job)
{
    struct roll_prune_ended *body = machine_body(append, struct roll_prune_ended);
    const struct roll_step_ended *outcome = job->outcome;
    g_autofree char *message = outcome->code && outcome->message
                                   ? g_strdup_printf("%s: %s", outcome->code, outcome->message)
                                   : g_strdup(outcome->message ? outcome->message : outcome->code);

    *body = (struct roll_prune_ended){
        .rollout = job->rollout->number,
        .target = job->target->name,
        .resource = job->deleting,
        .outcome = outcome->outcome,
        .message = machine_text(append, message),
    };
    machine_draft(machine, append, ROLL_EVENT_prune_ended, body);
}

/* ---- answers --------------------------------------------------------------------------------- */

void machine_sorted(struct roll_machine *machine, struct job *job, GPtrArray *leftovers)
{
    if (job->phase != PHASE_SORT || job->sorted) {
        if (leftovers)
            g_ptr_array_unref(leftovers);
        return;
    }
    job->sorted =
        leftovers ? leftovers : g_ptr_array_new_with_free_func((GDestroyNotify)roll_leftover_free);
    machine_prune_go_on(machine, job);
}

static void deletion_failed(struct roll_machine *machine, struct job *job,
                            const struct roll_observation *reply)
{
    machine_note(job, reply);
    machine_conclude(machine, job, "failed", NULL, "the request was not taken");
}

void machine_delete_replied(struct roll_machine *machine, struct job *job,
                            const struct roll_observation *reply)
{
    switch (reply->outcome) {
    case ROLL_ARM_OK:
    case ROLL_ARM_NOT_FOUND: /* gone is what was wanted */
        machine_conclude(machine, job, "deleted", NULL, NULL);
        break;
    case ROLL_ARM_LOST:
        job->lost++;
        job->believe_boot_ms = machine->boot_ms + MACHINE_LATE_MS;
        machine_no_trouble(job);
        machine_go(machine, job, PHASE_SEEK, machine->boot_ms);
        break;
    case ROLL_ARM_BUSY:
    case ROLL_ARM_THROTTLED:
    case ROLL_ARM_UNSENT:
    case ROLL_ARM_LATER:
        if (machine_try_again(machine, job, MACHINE_PUT_PATIENCE_MS, reply->retry_after_ms))
            job->again_boot_ms = job->due_boot_ms;
        else
            deletion_failed(machine, job, reply);
        break;
    case ROLL_ARM_REFUSED:
    case ROLL_ARM_NO_TOKEN:
        deletion_failed(machine, job, reply);
        break;
    }
}

/* What ARM never gets done keeps no rollout open. */
static void still_deleting(struct roll_machine *machine, struct job *job)
{
    if (job->deleting_boot_ms == 0)
        job->deleting_boot_ms = machine->boot_ms;
    if (machine->boot_ms - job->deleting_boot_ms >= MACHINE_DELETING_MS)
        machine_conclude(machine, job, "failed", "StillDeleting",
                         "it is still being deleted after an hour");
    else if (machine->mode == ROLL_MACHINE_SETTLE)
        machine_leave(machine, job);
    else
        machine_due(machine, job, machine->boot_ms + MACHINE_LOOK_MS);
}

/* A request may still be on its way: that it is there is believed only if that was over when the
 * question was asked. */
static void still_there(struct roll_machine *machine, struct job *job,
                        const struct roll_observation *reply)
{
    machine_no_trouble(job);
    if (g_ascii_strcasecmp(reply->state ? reply->state : "", "Deleting") == 0) {
        still_deleting(machine, job);
    } else if (job->asked_boot_ms >= job->believe_boot_ms) {
        machine_conclude(machine, job, job->lost > MACHINE_LOST_MAX ? "failed" : "absent",
                         "NeverArrived", "it is still there");
    } else if (machine->mode == ROLL_MACHINE_SETTLE && ++job->looks >= MACHINE_SETTLE_LOOKS) {
        machine_leave(machine, job);
    } else {
        machine_due(
            machine, job,
            MIN(machine->boot_ms + MACHINE_LOOK_MS, MAX(machine->boot_ms, job->believe_boot_ms)));
    }
}

void machine_sought(struct roll_machine *machine, struct job *job,
                    const struct roll_observation *reply)
{
    bool denied = reply->outcome == ROLL_ARM_REFUSED || reply->outcome == ROLL_ARM_NO_TOKEN;
    int64_t patience = denied ? MACHINE_DENIED_PATIENCE_MS : MACHINE_READ_PATIENCE_MS;

    if (reply->outcome == ROLL_ARM_NOT_FOUND)
        machine_conclude(machine, job, "deleted", NULL, NULL);
    else if (reply->outcome == ROLL_ARM_OK)
        still_there(machine, job, reply);
    else if (!machine_try_again(machine, job, patience, reply->retry_after_ms))
        machine_leave(machine, job);
}
