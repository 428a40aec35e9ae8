/* The rules that every event in the ledger must keep, judged from the facts alone when it is
 * written. */
#include "sim.h"

static int64_t actions_of(const struct part *part)
{
    return part->target->steps->len;
}

static bool is_report(const struct fact *fact, const struct part *part, int64_t step)
{
    return fact->order->health_reports_only && step > actions_of(part);
}

/* After a reconcile several may be open. */
static const struct fact *claimed_by(const struct world *world, const char *driver)
{
    for (guint i = 0; world->replicas && i < world->here->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(world->here->facts, i);
        if (fact->end == ROLL_EVENT_UNKNOWN && strcmp(fact->claimant, driver) == 0)
            return fact;
    }
    return sim_open_rollout(world);
}

/* Does what happened to one rollout count for another: only as far as it knew of it? */
static bool is_related(const struct world *world, const struct fact *fact, const struct fact *other)
{
    if (!world->replicas || fact == other)
        return true;
    while (fact && fact->supersedes) {
        fact = sim_fact(world, fact->supersedes);
        if (fact == other)
            return true;
    }
    return false;
}

/* Facts of a rollout are written by whoever claimed it last; those of a superseded one by its
 * successor's driver. */
static void judge_driver(struct world *world, const char *driver, const struct roll_event *event)
{
    const struct fact *open = claimed_by(world, driver);

    if (!open)
        sim_violate(world, "%s while no rollout is open", event->kind_name);
    else if (strcmp(open->claimant, driver) != 0)
        sim_violate(world, "%s by %.8s, but #%d is claimed by %.8s", event->kind_name, driver,
                    (int)open->number, open->claimant);
}

static const struct process *find_process(const struct world *world, const char *driver)
{
    for (guint i = 0; i < world->processes->len; i++) {
        const struct process *process = g_ptr_array_index(world->processes, i);
        if (strcmp(process->driver, driver) == 0)
            return process;
    }
    return NULL;
}

/* What became of an intent of a rollout that has ended is said by whoever looks. */
static bool is_settled_late(const struct world *world, const char *driver,
                            const struct roll_step_ended *body)
{
    const struct fact *fact = sim_fact(world, body->rollout);
    const struct process *process = find_process(world, driver);

    return fact && fact->end != ROLL_EVENT_UNKNOWN &&
           fact->parts[sim_target_index(body->target)].touched && process &&
           process->mode == ROLL_MACHINE_SETTLE;
}

static void judge_requested(struct world *world)
{
    const struct fact *open = sim_open_rollout(world);

    if (open && !world->replicas)
        sim_violate(world, "a rollout is requested while #%d is open", (int)open->number);
}

/* A claim that stands is left alone, unless its driver is gone or a person said so. */
static void judge_takeover(struct world *world, const struct fact *fact,
                           const struct roll_rollout_claimed *claim)
{
    const struct process *taker = find_process(world, claim->driver);

    if (!fact->claimant[0] || strcmp(fact->claimant, claim->driver) == 0 || taker->take ||
        taker->gone)
        return;
    if (fact->until > claim->until - ROLL_CLAIM_MS)
        sim_violate(world, "#%d is taken over, but the claim of %.8s stands", (int)fact->number,
                    fact->claimant);
}

static void judge_claimed(struct world *world, const struct roll_event *event)
{
    const struct roll_rollout_claimed *claim = event->body;
    const struct fact *fact = sim_fact(world, claim->rollout);

    if (!fact || fact->end != ROLL_EVENT_UNKNOWN)
        sim_violate(world, "#%d is claimed, but is not open", (int)claim->rollout);
    else
        judge_takeover(world, fact, claim);
    if (fact && !claim->settle && !fact->started)
        sim_judge_start(world, fact, event->at, claim->timing ? claim->timing : fact->timing);
}

/* ---- intents
 * --------------------------------------------------------------------------------------------------------------
 */

static size_t failures(const struct fact *fact)
{
    size_t count = 0;

    for (int i = 0; i < SIM_TARGETS_MAX; i++)
        count += fact->parts[i].last && !fact->parts[i].last_good;
    return count;
}

static void judge_order(struct world *world, const struct fact *fact, int target)
{
    const struct part *part = &fact->parts[target];
    int active = 0;

    for (int i = 0; i < SIM_TARGETS_MAX; i++) {
        const struct part *other = &fact->parts[i];
        if (!other->target || i == target)
            continue;
        active += other->touched && !other->last;
        if (other->target->ring < part->target->ring && !other->last)
            sim_violate(world, "%s starts before ring %d has ended", part->target->name,
                        other->target->ring);
    }
    if (!part->touched && active >= fact->order->max_parallel)
        sim_violate(world, "more than %d targets at once", fact->order->max_parallel);
    if (!part->touched && fact->order->lane != ROLL_LANE_ROLLBACK &&
        failures(fact) > (size_t)fact->order->max_failures)
        sim_violate(world, "%s starts although too many have failed", part->target->name);
}

static void judge_inherited(struct world *world, const struct fact *fact, int target)
{
    for (guint i = 0; i < world->here->facts->len; i++) {
        const struct fact *other = g_ptr_array_index(world->here->facts, i);
        if (other == fact || !(other->parts[target].open || other->parts[target].deleting) ||
            !is_related(world, fact, other))
            continue;
        if (sim_wall(world, 0) - fact->at < ROLL_CANCEL_WAIT_MS - 60000)
            sim_violate(world, "t%d is intended while #%d is under way there", target,
                        (int)other->number);
    }
}

static bool was_attempted(const struct world *world, const struct roll_step_intended *body,
                          int64_t attempt)
{
    const struct fact *fact = sim_fact(world, body->rollout);
    char correlation[ROLL_UUID_SIZE];

    g_free(roll_step_name(SIM_SERVICE, SIM_ENVIRONMENT, fact->hash, body->target, body->step,
                          attempt, correlation));
    return sim_intent(world, correlation) != NULL;
}

static void judge_intended(struct world *world, const char *driver,
                           const struct roll_step_intended *body)
{
    const struct fact *fact = sim_fact(world, body->rollout);
    int target = sim_target_index(body->target);
    const struct part *part = fact ? &fact->parts[target] : NULL;

    if (!fact || fact->end != ROLL_EVENT_UNKNOWN || fact->cancelling || !fact->started) {
        sim_violate(world, "an intent of #%d, which takes none", (int)body->rollout);
        return;
    }
    if (part->open || part->last)
        sim_violate(world, "%s of #%d is intended again", body->target, (int)body->rollout);
    if (was_attempted(world, body, body->attempt) ||
        (body->attempt > 1 && !was_attempted(world, body, body->attempt - 1)))
        sim_violate(world, "attempt %d of %s does not follow", (int)body->attempt, body->target);
    judge_order(world, fact, target);
    sim_judge_step_intended(world, find_process(world, driver), fact, body);
    sim_judge_bake(world, fact, part->target->ring);
    sim_judge_timing_ring(world, fact, target);
    judge_inherited(world, fact, target);
}

/* ---- outcomes
 * ---------------------------------------------------------------------------------------------------------------
 */

static bool is_closing(const struct roll_step_ended *body)
{
    return body->last && !body->accepted && strcmp(body->outcome, "cancelled") == 0;
}

static void judge_ended(struct world *world, const char *driver, const struct roll_step_ended *body)
{
    const struct fact *fact = sim_fact(world, body->rollout);
    const struct part *part = fact ? &fact->parts[sim_target_index(body->target)] : NULL;
    const struct intent *open = part ? part->open : NULL;
    bool matches = open && open->step == body->step && open->attempt == body->attempt;

    if (!part || !part->touched) {
        sim_violate(world, "an outcome of %s, which was not touched", body->target);
        return;
    }
    if (strcmp(body->outcome, "conflict") == 0)
        sim_violate(world, "a conflict on %s, where nobody else deploys", body->target);
    if (open && !matches)
        sim_violate(world, "an outcome beside the open intent of %s", body->target);
    if (!open && body->step <= actions_of(part) && !is_closing(body))
        sim_violate(world, "an outcome of %s without intent", body->target);
    if (part->last && (body->last || !is_report(fact, part, body->step)))
        sim_violate(world, "something follows the last event of %s", body->target);
    sim_judge_step_ended(world, find_process(world, driver), fact, body);
}

/* ---- ends
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void judge_nothing_open(struct world *world, const struct fact *ended,
                               const struct roll_event *event)
{
    for (guint i = 0; i < world->here->facts->len; i++) {
        const struct fact *fact = g_ptr_array_index(world->here->facts, i);
        if (!is_related(world, ended, fact))
            continue;
        for (int j = 0; j < SIM_TARGETS_MAX; j++) {
            if (fact->parts[j].deleting)
                sim_violate(world, "%s while the deletion on t%d in #%d is open", event->kind_name,
                            j, (int)fact->number);
            if (fact->parts[j].open)
                sim_violate(world, "%s while the intent of t%d in #%d is open", event->kind_name, j,
                            (int)fact->number);
        }
    }
}

static bool has_all(const struct fact *fact)
{
    for (int i = 0; i < SIM_TARGETS_MAX; i++) {
        const struct part *part = &fact->parts[i];
        if (part->target && !(part->last && part->last_good))
            return false;
    }
    return true;
}

static void judge_end(struct world *world, const char *driver, const struct roll_event *event)
{
    const struct roll_rollout_failed *body = event->body; /* all ends have its shape */
    const struct fact *fact = sim_fact(world, body->rollout);
    bool succeeded = event->kind == ROLL_EVENT_rollout_succeeded;

    if (!fact || fact->end != ROLL_EVENT_UNKNOWN) {
        sim_violate(world, "%s of #%d, which is not open", event->kind_name, (int)body->rollout);
        return;
    }
    judge_nothing_open(world, fact, event);
    if ((event->kind == ROLL_EVENT_rollout_refused || event->kind == ROLL_EVENT_rollout_expired) &&
        fact->started)
        sim_violate(world, "%s of #%d, which was started", event->kind_name, (int)fact->number);
    if (event->kind == ROLL_EVENT_rollout_failed && failures(fact) == 0)
        sim_violate(world, "#%d failed, but no target did", (int)fact->number);
    if (event->kind == ROLL_EVENT_rollout_failed)
        sim_judge_failed(world, find_process(world, driver), fact);
    /* A cancel that comes when every target has reached its goal changes nothing. */
    if ((event->kind == ROLL_EVENT_rollout_cancelled) != (fact->cancelling && !has_all(fact)))
        sim_violate(world, "%s of #%d, cancelling: %d", event->kind_name, (int)fact->number,
                    fact->cancelling);
    if (succeeded) {
        sim_judge_pruned(world, fact);
        sim_judge_succeeded(world, fact);
    }
    for (int i = 0; i < SIM_TARGETS_MAX; i++) {
        const struct part *part = &fact->parts[i];
        if (part->touched && !part->last)
            sim_violate(world, "%s, but t%d has no last event", event->kind_name, i);
        if (succeeded && part->target && !(part->last && part->last_good))
            sim_violate(world, "#%d succeeded, but t%d did not", (int)fact->number, i);
    }
}

/* What waits is nobody's, and anybody may end it. */
static void judge_end_driver(struct world *world, const char *driver,
                             const struct roll_event *event)
{
    const struct fact *open = claimed_by(world, driver);

    if (!open || open->started)
        judge_driver(world, driver, event);
}

void sim_judge(struct world *world, const char *driver, const struct roll_event *event)
{
    sim_judge_next(world, event);
    switch (event->kind) {
    case ROLL_EVENT_rollout_requested:
        judge_requested(world);
        break;
    case ROLL_EVENT_rollout_claimed:
        judge_claimed(world, event);
        break;
    case ROLL_EVENT_gate_evaluated:
        sim_judge_gate(world, find_process(world, driver), event->body);
        break;
    case ROLL_EVENT_step_intended:
        judge_driver(world, driver, event);
        judge_intended(world, driver, event->body);
        break;
    case ROLL_EVENT_step_ended:
        if (!is_settled_late(world, driver, event->body))
            judge_driver(world, driver, event);
        judge_ended(world, driver, event->body);
        break;
    case ROLL_EVENT_prune_intended:
        judge_driver(world, driver, event);
        sim_judge_prune_intended(world, event->body);
        break;
    case ROLL_EVENT_prune_ended:
        judge_driver(world, driver, event);
        sim_judge_prune_ended(world, event->body);
        break;
    case ROLL_EVENT_rollout_detached:
        judge_driver(world, driver, event);
        break;
    case ROLL_EVENT_rollout_succeeded:
    case ROLL_EVENT_rollout_failed:
    case ROLL_EVENT_rollout_cancelled:
        judge_end_driver(world, driver, event);
        judge_end(world, driver, event);
        break;
    case ROLL_EVENT_rollout_refused:
    case ROLL_EVENT_rollout_expired:
        judge_end(world, driver, event);
        break;
    default:
        break;
    }
}
