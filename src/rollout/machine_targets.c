/* The order of things: rings one after the other, targets inside a ring in parallel, steps of a
 * target in sequence. */
#include "rollout/machine.h"

/* ---- steps of one target: 0 the deployment, then its actions, then health checks ------------ */

static size_t action_count(const struct job *job)
{
    return job->target->steps ? job->target->steps->len : 0;
}

static size_t check_count(const struct job *job)
{
    return job->rollout->order->health ? job->rollout->order->health->len : 0;
}

bool machine_is_check(const struct job *job, int64_t step)
{
    return step > (int64_t)action_count(job);
}

bool machine_is_stack(const struct job *job)
{
    return job->step == 0 && g_strcmp0(job->target->apply, "stack") == 0;
}

bool machine_is_action(const struct job *job, int64_t step)
{
    return step > 0 && !machine_is_check(job, step);
}

const struct roll_plan_health *machine_check(const struct job *job, int64_t step)
{
    size_t index = (size_t)step - action_count(job) - 1;

    return machine_is_check(job, step) && index < check_count(job)
               ? g_ptr_array_index(job->rollout->order->health, index)
               : NULL;
}

static bool is_left_out(const struct job *job, int64_t step)
{
    const struct roll_plan_step *action;

    if (job->rollout->order->lane != ROLL_LANE_ROLLBACK || !machine_is_action(job, step))
        return false;
    action = g_ptr_array_index(job->target->steps, (guint)step - 1);
    return action->skip_on_back;
}

int64_t machine_next_step(const struct job *job, int64_t step)
{
    int64_t end = (int64_t)(action_count(job) + check_count(job));

    do {
        step++;
    } while (step <= end && is_left_out(job, step));
    return step <= end ? step : -1;
}

bool machine_only_reports(const struct job *job, int64_t step)
{
    return job->rollout->order->health_reports_only && machine_is_check(job, step);
}

/* ---- the sequence of targets ---------------------------------------------------------------- */

static gint compare_ring(gconstpointer a, gconstpointer b)
{
    const struct job *left = *(struct job *const *)a, *right = *(struct job *const *)b;

    if (left->target->ring != right->target->ring)
        return left->target->ring < right->target->ring ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

static void add_to_ring(GArray *rings, int number, size_t position)
{
    struct ring *last = rings->len > 0 ? &g_array_index(rings, struct ring, rings->len - 1) : NULL;
    struct ring ring = {.number = number, .begin = position, .end = position + 1, .open = 1};

    if (last && last->number == number) {
        last->end++;
        last->open++;
    } else {
        g_array_append_val(rings, ring);
    }
}

/* Rings without a target, as a partial order leaves them, do not exist here. */
void machine_sequence_init(struct roll_machine *machine)
{
    struct rollout *own = machine->own;

    g_clear_pointer(&machine->sequence, g_ptr_array_unref);
    g_clear_pointer(&machine->rings, g_array_unref);
    machine->sequence = g_ptr_array_sized_new((guint)own->n_jobs);
    machine->rings = g_array_new(FALSE, FALSE, sizeof(struct ring));
    for (size_t i = 0; i < own->n_jobs; i++)
        g_ptr_array_add(machine->sequence, &own->jobs[i]);
    g_ptr_array_sort(machine->sequence, compare_ring);
    for (guint i = 0; i < machine->sequence->len; i++) {
        struct job *job = g_ptr_array_index(machine->sequence, i);
        add_to_ring(machine->rings, job->target->ring, i);
        job->ring = machine->rings->len - 1;
    }
    memset(machine->counts, 0, sizeof machine->counts);
    machine->counts[ROLL_TARGET_WAITING] = own->n_jobs;
}

static struct ring *ring_of(const struct roll_machine *machine, const struct job *job)
{
    return &g_array_index(machine->rings, struct ring, job->ring);
}

void machine_note_ring_time(struct roll_machine *machine, const struct job *job, int64_t at)
{
    struct ring *ring = ring_of(machine, job);

    ring->last_at = MAX(ring->last_at, at);
}

static bool is_final(enum roll_target_state state)
{
    return state == ROLL_TARGET_SUCCEEDED || state == ROLL_TARGET_FAILED;
}

void machine_set_state(struct roll_machine *machine, struct job *job, enum roll_target_state state)
{
    enum roll_target_state before = job->state;

    job->state = state;
    if (job->rollout != machine->own || before == state)
        return;
    machine->counts[before]--;
    machine->counts[state]++;
    if (is_final(state) && !is_final(before))
        ring_of(machine, job)->open--;
    if (state == ROLL_TARGET_FAILED)
        machine->failed++;
}

void machine_occupy(struct roll_machine *machine, struct job *job)
{
    if (job->occupies || job->rollout != machine->own)
        return;
    job->occupies = true;
    machine->occupied++;
}

void machine_vacate(struct roll_machine *machine, struct job *job)
{
    if (!job->occupies)
        return;
    job->occupies = false;
    machine->occupied--;
}

/* ---- starting targets ----------------------------------------------------------------------- */

/* In lane rollback one failing target never stops the others. */
bool machine_stopping(const struct roll_machine *machine)
{
    const struct roll_order *order = machine->own->order;

    return order->lane != ROLL_LANE_ROLLBACK &&
           machine->failed + machine->failing > (size_t)MAX(order->max_failures, 0);
}

bool machine_may_start(const struct roll_machine *machine)
{
    return machine->mode == ROLL_MACHINE_DRIVE && !machine->own->cancelling && !machine->detach &&
           !machine->end && !machine_stopping(machine) && !machine_waits(machine);
}

static struct job *next_in_ring(struct roll_machine *machine, const struct ring *ring)
{
    struct job *job = g_queue_pop_head(&machine->freed);

    if (job)
        return job;
    for (; machine->cursor < ring->end; machine->cursor++) {
        job = g_ptr_array_index(machine->sequence, machine->cursor);
        job->passed = true;
        if (job->state == ROLL_TARGET_WAITING && job->phase == PHASE_IDLE && job->blockers == 0) {
            machine->cursor++;
            return job;
        }
    }
    return NULL;
}

static void start_targets(struct roll_machine *machine, const struct ring *ring)
{
    size_t limit = (size_t)MAX(machine->own->order->max_parallel, 1);
    struct job *job;

    while (machine->occupied < limit && (job = next_in_ring(machine, ring))) {
        job->phase = PHASE_START;
        machine_occupy(machine, job);
        g_queue_push_tail(&machine->starts, job);
    }
}

int64_t machine_bake_left(const struct roll_machine *machine)
{
    const struct ring *ring;

    if (machine->ring >= machine->rings->len || !machine_may_start(machine) ||
        machine->own->order->bake_ms <= 0)
        return 0;
    ring = &g_array_index(machine->rings, struct ring, machine->ring);
    if (ring->open > 0 || ring->last_at == 0)
        return 0;
    return MAX(ring->last_at + machine->own->order->bake_ms - machine->wall_ms, 0);
}

/* Starts what may start now, and goes on to the next ring when this one has ended and baked. */
void machine_advance(struct roll_machine *machine)
{
    while (machine->ring < machine->rings->len && machine_may_start(machine)) {
        const struct ring *ring = &g_array_index(machine->rings, struct ring, machine->ring);

        if (machine_window_left(machine) > 0)
            return;
        start_targets(machine, ring);
        if (ring->open > 0 || machine_bake_left(machine) > 0)
            return;
        machine->ring++;
    }
}

/* ---- what a job does next ------------------------------------------------------------------- */

static void forget_step(struct roll_machine *machine, struct job *job)
{
    machine_not_due(machine, job);
    machine_forget_outcome(job);
    machine->failing -= job->failing;
    job->failing = false;
    machine_no_trouble(job);
    job->accepted = job->cancel_sent = job->again = job->held = false;
    job->lost = job->looks = 0;
    job->believe_boot_ms = job->again_boot_ms = 0;
    job->missing_boot_ms = job->probe_boot_ms = -1;
    job->phase = PHASE_IDLE;
}

/* When "not found" may be believed of a request that another process may have sent. Its fence, the
 * way to ARM, and a clock that differs from ours are waited out. A process of this replica that is
 * gone sends nothing more, but the clock may have been set since. */
static int64_t believe_boot(const struct roll_machine *machine, const struct job *job)
{
    bool gone = job->rollout->gone && !job->rollout->stray;
    int64_t wait = gone ? MACHINE_LATE_MS : ROLL_ABSENT_MS;
    int64_t age = machine->wall_ms - job->rollout->sender_at;

    return machine->begin_boot_ms + CLAMP(wait + MACHINE_SKEW_MS - age, 0, wait);
}

/* Another driver may have sent the same where this one did not hear of it: before it was overruled,
 * or since this one drives aside what all know of. */
static bool may_be_sent(const struct roll_machine *machine, const struct job *job)
{
    bool aside = roll_number_is_side(machine->head) && !roll_number_is_side(machine->own->number);

    return (machine->unseen || aside) && !machine_is_action(job, job->step);
}

static void schedule_intent(struct roll_machine *machine, struct job *job)
{
    if (machine_is_deletion(job)) {
        machine_prune_intent(machine, job, believe_boot(machine, job));
    } else if (job->appending && !may_be_sent(machine, job)) {
        machine_go(machine, job, PHASE_PUT, machine->boot_ms);
    } else if (machine_is_action(job, job->step)) {
        machine_doubt(machine, job, believe_boot(machine, job));
    } else {
        job->believe_boot_ms = believe_boot(machine, job);
        machine_go(machine, job, PHASE_GET, machine->boot_ms);
    }
}

void machine_schedule(struct roll_machine *machine, struct job *job)
{
    forget_step(machine, job);
    if (job->intended) {
        schedule_intent(machine, job);
    } else if (machine->mode == ROLL_MACHINE_SETTLE || job->rollout != machine->own) {
        return;
    } else if (job->pruning) {
        machine_prune_go_on(machine, job);
    } else if (job->state == ROLL_TARGET_CANCELLING) {
        machine_conclude(machine, job, "cancelled", NULL, "not started: the rollout was cancelled");
    } else if (job->state == ROLL_TARGET_CHECKING) {
        machine_occupy(machine, job);
        machine_go(machine, job, PHASE_PROBE, machine->boot_ms);
    } else if (job->state == ROLL_TARGET_RUNNING) {
        job->phase = PHASE_START;
        g_queue_push_tail(&machine->starts, job);
    }
}
