/* Durable facts. Folding changes the durable half of jobs and nothing else, so that a machine
 * rebuilt from the ledger and one that lived through it know the same; what follows for this
 * process is scheduled when an append is answered. */
#include "rollout/machine.h"

static struct rollout *find_rollout(const struct roll_machine *machine, int64_t number)
{
    for (guint i = 0; i < machine->rollouts->len; i++) {
        struct rollout *rollout = g_ptr_array_index(machine->rollouts, i);
        if (number > 0 && rollout->number == number)
            return rollout;
    }
    return NULL;
}

static struct job *find_job(const struct roll_machine *machine, int64_t number, const char *target)
{
    const struct rollout *rollout = find_rollout(machine, number);

    return rollout ? g_hash_table_lookup(rollout->by_name, target) : NULL;
}

static void remember_request(struct rollout *rollout, int64_t number, const char *hash)
{
    rollout->number = number;
    rollout->requested = true;
    g_strlcpy(rollout->hash, hash, sizeof rollout->hash);
}

/* A request that is folded while ours is being appended may be another operator's. It is ours if
 * our claim follows, or if it is signed by us. */
static void fold_requested(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_rollout_requested *body = event->body;
    struct rollout *rollout = find_rollout(machine, event->seq);

    if (rollout) {
        remember_request(rollout, event->seq, event->hash);
        if (!rollout->wait)
            rollout->wait = machine_wait_new(body);
        if (!rollout->timing)
            machine_window_set(rollout, json_object_get(body->gates, "timing"));
    } else if (machine->own->number == 0 && g_strcmp0(body->driver, machine->driver) == 0) {
        remember_request(machine->own, event->seq, event->hash);
    } else if (machine->own->number == 0) {
        machine->candidate = event->seq;
        g_strlcpy(machine->candidate_hash, event->hash, sizeof machine->candidate_hash);
    }
}

/* Every append opens its driver's fence again: old intents too may be sent until that has passed.
 */
static void note_sender(struct rollout *rollout, const struct roll_event *event)
{
    if (!rollout->passive)
        rollout->sender_at = MAX(rollout->sender_at, event->at);
}

static void fold_claimed(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_rollout_claimed *claim = event->body;
    struct rollout *rollout = find_rollout(machine, claim->rollout);

    if (machine->own->number == 0 && claim->rollout == machine->candidate &&
        strcmp(claim->driver, machine->driver) == 0)
        remember_request(machine->own, machine->candidate, machine->candidate_hash);
    machine_fold_claimed(machine, claim);
    if (rollout && claim->timing)
        machine_window_set(rollout, claim->timing);
    if (rollout) {
        rollout->started |= !claim->settle;
        rollout->passive = claim->settle || strcmp(claim->driver, machine->driver) == 0;
        note_sender(rollout, event);
    }
}

static void fold_detached(struct roll_machine *machine, const struct roll_event *event)
{
    machine_fold_detached(machine, event->body);
}

/* By a driver on another replica that had not heard that it was overruled: the same step was
 * intended in its place, or has ended. */
static bool is_intended_already(const struct job *job, const struct roll_step_intended *intent)
{
    if (job->state == ROLL_TARGET_SUCCEEDED || job->state == ROLL_TARGET_FAILED)
        return true;
    return intent->step == 0 ? intent->attempt <= job->deployed : intent->step <= job->acted;
}

static void fold_intended(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_step_intended *intent = event->body;
    struct job *job = find_job(machine, intent->rollout, intent->target);
    const struct roll_order *order;

    if (!job)
        return;
    note_sender(job->rollout, event);
    if (!job->rollout->requested)
        return; /* nobody knows under which name it was sent */
    if (is_intended_already(job, intent))
        return;
    bool was_intended = job->intended;
    order = job->rollout->order;
    job->step = intent->step;
    job->attempt = intent->attempt;
    job->intended = true;
    if (intent->step == 0)
        job->deployed = intent->attempt;
    else
        job->acted = intent->step;
    g_free(roll_step_name(order->service, order->environment, job->rollout->hash, intent->target,
                          intent->step, intent->attempt, job->correlation));
    machine_set_state(machine, job,
                      job->rollout->cancelling ? ROLL_TARGET_CANCELLING : ROLL_TARGET_RUNNING);
    machine_occupy(machine, job);
    machine_inherit_heard(machine, job, was_intended);
}

static void fold_prune_intended(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_prune_intended *intent = event->body;
    struct job *job = find_job(machine, intent->rollout, intent->target);

    if (!job)
        return;
    note_sender(job->rollout, event);
    machine_fold_prune_intended(machine, job, intent);
}

static void fold_prune_ended(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_prune_ended *body = event->body;
    struct job *job = find_job(machine, body->rollout, body->target);

    if (!job)
        return;
    note_sender(job->rollout, event);
    machine_fold_prune_ended(machine, job, body);
}

static void end_target(struct roll_machine *machine, struct job *job, bool succeeded)
{
    machine_set_state(machine, job, succeeded ? ROLL_TARGET_SUCCEEDED : ROLL_TARGET_FAILED);
    machine_vacate(machine, job);
}

static void go_on(struct roll_machine *machine, struct job *job, int64_t next)
{
    bool cancelling = job->rollout->cancelling;

    job->step = next;
    job->attempt = 1;
    if (cancelling && machine_only_reports(job, next))
        end_target(machine, job, true);
    else if (cancelling)
        machine_set_state(machine, job, ROLL_TARGET_CANCELLING);
    else
        machine_set_state(machine, job,
                          machine_is_check(job, next) ? ROLL_TARGET_CHECKING : ROLL_TARGET_RUNNING);
}

/* The last event of a target decides; only checks that merely report come after it. */
static void fold_last(struct roll_machine *machine, struct job *job,
                      const struct roll_step_ended *body)
{
    int64_t next = machine_next_step(job, body->step);

    if (machine_succeeded(body->outcome) && next >= 0 && machine_only_reports(job, next))
        go_on(machine, job, next);
    else
        end_target(machine, job, machine_succeeded(body->outcome));
}

static void fold_not_last(struct roll_machine *machine, struct job *job,
                          const struct roll_step_ended *body)
{
    int64_t next = machine_next_step(job, body->step);

    if (strcmp(body->outcome, "absent") == 0) {
        job->step = 0; /* it never arrived: whoever resumes tries again */
        job->attempt = body->attempt + 1;
        machine_set_state(machine, job, ROLL_TARGET_WAITING);
        machine_vacate(machine, job);
    } else if (machine_only_reports(job, body->step)) {
        if (next >= 0)
            go_on(machine, job, next);
        else
            end_target(machine, job, true);
    } else if (machine_succeeded(body->outcome)) {
        /* Before mere reports it would have been the last one: it was overtaken, and what comes of
         * that follows. */
        if (next >= 0 && !machine_only_reports(job, next))
            go_on(machine, job, next);
    }
}

/* Said twice: by a driver on another replica, which had not heard that it was overruled, and by who
 * went on in its place. What was said first counts, and was gone on from. */
static bool is_said_already(const struct job *job, const struct roll_step_ended *body)
{
    bool ended = job->state == ROLL_TARGET_SUCCEEDED || job->state == ROLL_TARGET_FAILED;

    if (machine_is_check(job, body->step))
        return ended || job->intended || body->step != job->step;
    if (body->last && !body->accepted && strcmp(body->outcome, "cancelled") == 0 && !job->intended)
        return ended;
    return !job->intended || body->step != job->step || body->attempt != job->attempt;
}

static void fold_ended(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_step_ended *body = event->body;
    struct job *job = find_job(machine, body->rollout, body->target);

    if (!job)
        return;
    note_sender(job->rollout, event);
    if (is_said_already(job, body))
        return;
    bool was_intended = job->intended;
    job->intended = false;
    if (job->rollout == machine->own) {
        machine->touched |= body->accepted;
        machine_note_ring_time(machine, job, event->at);
    }
    if (body->accepted) {
        machine_inherit_rival(machine, job, body->arm_at > 0 ? body->arm_at : event->at);
    }
    if (body->last)
        fold_last(machine, job, body);
    else
        fold_not_last(machine, job, body);
    machine_inherit_heard(machine, job, was_intended);
}

static void fold_cancelling(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_rollout_cancelling *body = event->body;
    struct rollout *rollout = find_rollout(machine, body->rollout);

    if (!rollout || rollout->cancelling)
        return;
    rollout->cancelling = true;
    for (size_t i = 0; i < rollout->n_jobs; i++) {
        struct job *job = &rollout->jobs[i];
        if (job->state == ROLL_TARGET_CHECKING && machine_only_reports(job, job->step))
            end_target(machine, job, true);
        else if (job->state == ROLL_TARGET_RUNNING || job->state == ROLL_TARGET_CHECKING)
            machine_set_state(machine, job, ROLL_TARGET_CANCELLING);
    }
    if (machine->opened && rollout == machine->own)
        machine_stop_jobs(machine);
}

/* All ends have the same body. */
static void fold_end(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_rollout_superseded *body = event->body;
    struct rollout *rollout = find_rollout(machine, body->rollout);

    if (!rollout)
        return;
    rollout->ended = true;
    if (rollout != machine->own)
        return;
    for (size_t i = 0; i < rollout->n_jobs; i++) {
        if (rollout->jobs[i].state == ROLL_TARGET_WAITING)
            machine_set_state(machine, &rollout->jobs[i], ROLL_TARGET_SKIPPED);
    }
    if (machine_tidies(machine))
        return;
    if (event->kind == ROLL_EVENT_rollout_superseded)
        machine_finish(machine, ROLL_END_SUPERSEDED);
    else if (event->kind == ROLL_EVENT_rollout_refused)
        machine_finish(machine, ROLL_END_REFUSED);
    else if (event->kind == ROLL_EVENT_rollout_expired)
        machine_finish(machine, ROLL_END_EXPIRED);
    else if (!machine->append || machine->append->ending == ROLL_END_NONE)
        machine_finish(machine, ROLL_END_ENDED);
}

static void fold_rejected(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_approval_rejected *body = event->body;
    struct rollout *rollout = find_rollout(machine, body->rollout);

    if (rollout && rollout->wait)
        machine_fold_rejected(rollout, body);
}

static void fold_gate(struct roll_machine *machine, const struct roll_event *event)
{
    const struct roll_gate_evaluated *body = event->body;
    struct rollout *rollout = find_rollout(machine, body->rollout);

    if (rollout && rollout->wait)
        machine_fold_gate(rollout, body);
}

void roll_machine_moved(struct roll_machine *machine, int64_t head)
{
    machine->head = head;
}

void roll_machine_fold(struct roll_machine *machine, const struct roll_event *event)
{
    static void (*const folds[ROLL_EVENT_KIND_COUNT])(struct roll_machine *,
                                                      const struct roll_event *) = {
        [ROLL_EVENT_rollout_requested] = fold_requested,
        [ROLL_EVENT_rollout_claimed] = fold_claimed,
        [ROLL_EVENT_rollout_detached] = fold_detached,
        [ROLL_EVENT_step_intended] = fold_intended,
        [ROLL_EVENT_step_ended] = fold_ended,
        [ROLL_EVENT_prune_intended] = fold_prune_intended,
        [ROLL_EVENT_prune_ended] = fold_prune_ended,
        [ROLL_EVENT_rollout_cancelling] = fold_cancelling,
        [ROLL_EVENT_approval_rejected] = fold_rejected,
        [ROLL_EVENT_gate_evaluated] = fold_gate,
        [ROLL_EVENT_rollout_succeeded] = fold_end,
        [ROLL_EVENT_rollout_failed] = fold_end,
        [ROLL_EVENT_rollout_cancelled] = fold_end,
        [ROLL_EVENT_rollout_refused] = fold_end,
        [ROLL_EVENT_rollout_expired] = fold_end,
        [ROLL_EVENT_rollout_superseded] = fold_end,
    };

    machine->head = event->seq; /* in the order of the course, which side streams are part of */
    if (event->kind == ROLL_EVENT_UNKNOWN)
        machine_finish(machine, ROLL_END_UNKNOWN_KIND);
    else if (folds[event->kind])
        folds[event->kind](machine, event);
}
