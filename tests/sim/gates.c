/* What must have passed before a rollout starts: what the plan asks for, what people and gates say,
 * and the rule that none of it is passed by but with a word in the ledger. */
#include "sim.h"

/* ---- what is asked for ---------------------------------------------------------------------- */

/* As policy does: what is closed now waits, whatever else it has to wait for. */
static void plan_timing(struct world *world, struct roll_rollout_requested *request)
{
    json_t *timing;

    if (strcmp(request->lane, "release") != 0 || sim_between(world, SIM_PLAN, 0, 1))
        return;
    timing = sim_timing_new(world);
    json_object_set(request->gates, "timing", timing);
    if (!sim_timing_open(timing, SIM_EPOCH_MS + world->now))
        json_object_set_new(request->gates, "wait", json_true());
}

/* Half of the rollouts can start at once, unless a freeze holds. */
void sim_gates_plan(struct world *world, struct roll_rollout_requested *request)
{
    int gates = (int)sim_between(world, SIM_PLAN, 0, SIM_GATES_MAX);
    int approvals = (int)sim_between(world, SIM_PLAN, 0, SIM_APPROVERS - 1);
    json_t *before = json_array(), *wanted = json_array();

    request->gates = json_pack("{s:o,s:o}", "before", before, "approvals", wanted);
    plan_timing(world, request);
    if (sim_between(world, SIM_PLAN, 0, 1) ||
        (world->wishes && sim_between(world, SIM_WISHES, 0, 1)))
        return;
    for (int i = 0; i < gates; i++) {
        g_autofree char *name = g_strdup_printf("g%d", i);
        json_array_append_new(before, json_string(name));
    }
    if (approvals > 0)
        json_array_append_new(wanted, json_pack("{s:s,s:i}", "role", "people", "count", approvals));
    if (sim_between(world, SIM_PLAN, 0, 3) == 0)
        request->not_before = SIM_EPOCH_MS + world->now + sim_between(world, SIM_PLAN, 1, 600000);
    if (sim_between(world, SIM_PLAN, 0, 2) == 0)
        request->expires = SIM_EPOCH_MS + world->now + sim_between(world, SIM_PLAN, 1000, 3600000);
}

/* ---- facts ---------------------------------------------------------------------------------- */

/* What was lifted by somebody who had not heard of the others stays; of two backs the later one's
 * hold is shown. */
static void take_hold(struct world *world, const struct roll_event *event,
                      const struct roll_rollout_requested *body)
{
    const struct fact *other = world->here->back ? sim_fact(world, world->here->back) : NULL;

    if (body->unhold && !event->beside_at)
        world->here->back = 0;
    if (body->hold && !(event->beside_at && other && other->at > event->at))
        world->here->back = event->seq;
}

static void lift_holds(struct world *world, const struct roll_event *event)
{
    if (event->beside_at)
        return;
    world->here->hold = false;
    world->here->back = 0;
}

static void take_floor(struct world *world, const struct roll_event *event)
{
    int floor = (int)roll_event_body(event, floor_set)->floor;

    world->here->floor = event->beside_at ? MAX(world->here->floor, floor) : floor;
    for (int i = 0; i < SIM_TARGETS_MAX; i++) {
        struct holding *holding = &world->here->holdings[i];
        if (holding->known)
            holding->floor = event->beside_at ? MAX(holding->floor, floor) : floor;
    }
}

static void take_request(struct world *world, const struct roll_event *event)
{
    const struct roll_rollout_requested *body = event->body;
    struct fact *fact = sim_fact(world, event->seq);
    const json_t *approval = json_array_get(json_object_get(body->gates, "approvals"), 0);
    struct wanted *wanted = &fact->wanted;

    wanted->gates = (int)json_array_size(json_object_get(body->gates, "before"));
    wanted->approvals = (int)json_integer_value(json_object_get(approval, "count"));
    wanted->not_before = body->not_before;
    wanted->expires = body->expires;
    fact->timing = json_object_get(body->gates, "timing");
    wanted->any = json_is_true(json_object_get(body->gates, "wait")) || wanted->gates ||
                  wanted->approvals || wanted->not_before;
    fact->overrides = json_array_size(body->overrides) > 0;
    take_hold(world, event, body);
    for (char **version = event->beside_at ? NULL : body->lifts; version && *version; version++)
        g_hash_table_remove(world->here->bad, GINT_TO_POINTER(sim_release(*version)));
    for (char **version = body->bad; version && *version; version++) {
        fact->bad = sim_release(*version);
        g_hash_table_add(world->here->bad, GINT_TO_POINTER(fact->bad));
    }
}

static void take_gate(struct world *world, const struct roll_gate_evaluated *body)
{
    struct wanted *wanted = &sim_fact(world, body->rollout)->wanted;
    int gate = body->gate[1] - '0';

    wanted->passed[gate] = strcmp(body->verdict, "passed") == 0;
    wanted->failed[gate] = !wanted->passed[gate];
}

void sim_gates_fact(struct world *world, const struct roll_event *event)
{
    const struct roll_approval_given *given = roll_event_body(event, approval_given);
    const struct roll_approval_rejected *rejected = roll_event_body(event, approval_rejected);

    if (event->kind == ROLL_EVENT_rollout_requested)
        take_request(world, event);
    else if (event->kind == ROLL_EVENT_gate_evaluated)
        take_gate(world, event->body);
    else if (given)
        sim_fact(world, given->rollout)->wanted.approved[given->approver[1] - '0'] = true;
    else if (rejected)
        sim_fact(world, rejected->rollout)->wanted.rejected = true;
    else if (event->kind == ROLL_EVENT_hold_set)
        world->here->hold = true;
    else if (event->kind == ROLL_EVENT_hold_lifted)
        lift_holds(world, event);
    else if (event->kind == ROLL_EVENT_floor_set)
        take_floor(world, event);
}

static int approvals(const struct wanted *wanted)
{
    int count = 0;

    for (int i = 0; i < SIM_APPROVERS; i++)
        count += wanted->approved[i];
    return count;
}

/* Holds, floors and marks as they are now. */
bool sim_gates_allow(const struct world *world, const struct roll_order *order, bool overrides)
{
    if (overrides)
        return true;
    if (world->here->hold && order->lane == ROLL_LANE_RELEASE)
        return false;
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        int release = sim_release(target->release);
        if (release < world->here->floor ||
            release < world->here->holdings[sim_target_index(target->name)].floor ||
            g_hash_table_contains(world->here->bad, GINT_TO_POINTER(release)))
            return false;
    }
    return true;
}

/* A verdict is what the gate said to who records it. */
void sim_judge_gate(struct world *world, const struct process *process,
                    const struct roll_gate_evaluated *body)
{
    if (!process || g_strcmp0(process->verdicts[body->gate[1] - '0'], body->verdict) != 0)
        sim_violate(world, "gate %s of #%d is said to be %s, which it did not say", body->gate,
                    (int)body->rollout, body->verdict);
}

/* The first claim to drive: everything must have passed by then. */
void sim_judge_start(struct world *world, const struct fact *fact, int64_t at, const json_t *timing)
{
    const struct wanted *wanted = &fact->wanted;

    if (wanted->rejected)
        sim_violate(world, "#%d starts although it was refused", (int)fact->number);
    if (approvals(wanted) < wanted->approvals)
        sim_violate(world, "#%d starts with %d of %d approvals", (int)fact->number,
                    approvals(wanted), wanted->approvals);
    for (int i = 0; i < wanted->gates; i++)
        if (!wanted->passed[i])
            sim_violate(world, "#%d starts, but gate g%d has not passed", (int)fact->number, i);
    if (at < wanted->not_before - 60000)
        sim_violate(world, "#%d starts before its time", (int)fact->number);
    if (wanted->any && wanted->expires && at >= wanted->expires + 60000)
        sim_violate(world, "#%d starts after it expired", (int)fact->number);
    if (wanted->any)
        sim_judge_timing_start(world, fact, timing);
    if (!sim_gates_allow(world, fact->order, fact->overrides))
        sim_violate(world, "#%d starts against a hold, a floor or a mark", (int)fact->number);
}

/* ---- answers to the machine ----------------------------------------------------------------- */

struct evaluation {
    struct process *process;
    int machine;
    uint64_t id;
    const char *verdict;
    bool start, may_start;
    const json_t *timing, *today; /* the freezes that count; today's, if they are others */
};

static void evaluated(struct world *world, void *data)
{
    struct evaluation *evaluation = data;
    struct process *process = evaluation->process;
    struct roll_observation observation = {.id = evaluation->id,
                                           .kind =
                                               evaluation->start ? ROLL_SAW_START : ROLL_SAW_GATE,
                                           .verdict = evaluation->verdict,
                                           .healthy = evaluation->may_start,
                                           .timing = evaluation->today,
                                           .message = evaluation->start ? "not yet" : NULL,
                                           .retry_after_ms = -1};

    if (!process->alive || process->machines != evaluation->machine)
        return;
    if (world->now < process->paused_until) {
        sim_at(world, process->paused_until - world->now, evaluated,
               g_memdup2(evaluation, sizeof *evaluation), g_free);
        return;
    }
    if (evaluation->start) /* the driver looks and answers in one go */
        observation.healthy &= sim_timing_open(evaluation->timing, sim_wall(world, process->host));
    sim_process_observe(world, process, &observation);
}

static struct evaluation *evaluation_new(struct process *process, uint64_t id)
{
    struct evaluation *evaluation = g_new0(struct evaluation, 1);

    evaluation->process = process;
    evaluation->machine = process->machines;
    evaluation->id = id;
    return evaluation;
}

static void ask_gate(struct world *world, struct process *process, const struct roll_action *action)
{
    struct evaluation *evaluation = evaluation_new(process, action->id);

    evaluation->verdict = "passed";
    if (sim_chance(world, SIM_GATE, 150))
        evaluation->verdict = sim_between(world, SIM_PLAN, 0, 1) ? "failed" : "error";
    process->verdicts[action->gate[1] - '0'] = evaluation->verdict;
    sim_at(world, sim_between(world, SIM_TIME, 1, 60000), evaluated, evaluation, g_free);
}

/* What the driver finds in the ledger when it is asked; verifying signatures takes a moment. */
static void ask_start(struct world *world, struct process *process, uint64_t id)
{
    struct evaluation *evaluation = evaluation_new(process, id);
    const struct fact *fact = sim_fact(world, process->own);

    evaluation->start = true;
    evaluation->timing = fact->timing;
    if (strcmp(roll_lane_names[fact->order->lane], "release") == 0 &&
        sim_chance(world, SIM_NOISE, 100))
        evaluation->timing = evaluation->today = sim_timing_new(world);
    evaluation->may_start = approvals(&fact->wanted) >= fact->wanted.approvals &&
                            sim_gates_allow(world, fact->order, fact->overrides);
    sim_at(world, sim_between(world, SIM_TIME, 1, 500), evaluated, evaluation, g_free);
    if (sim_chance(world, SIM_NOISE, 50))
        sim_act_hold(world, process->host);
}

void sim_gates_ask(struct world *world, struct process *process, const struct roll_action *action)
{
    if (action->kind == ROLL_ACTION_GATE)
        ask_gate(world, process, action);
    else
        ask_start(world, process, action->id);
}

/* ---- people --------------------------------------------------------------------------------- */

static struct fact *waiting(const struct world *world)
{
    struct fact *open = sim_open_rollout(world);

    return open && open->wanted.any && !open->started ? open : NULL;
}

static void approve(struct world *world, const struct fact *fact, int approver)
{
    char name[] = {'p', (char)('0' + approver), '\0'};
    struct roll_approval_given body = {
        .rollout = fact->number, .approver = name, .signature = (char[]){"s"}};

    sim_trace(world, "person %s approves #%d", name, (int)fact->number);
    sim_note(world, ROLL_EVENT_approval_given, &body);
}

void sim_act_approve(struct world *world, int host)
{
    const struct fact *fact = waiting(world);

    (void)host;
    if (fact)
        approve(world, fact, (int)sim_between(world, SIM_PLAN, 0, SIM_APPROVERS - 1));
}

void sim_act_reject(struct world *world, int host)
{
    const struct fact *fact = waiting(world);
    struct roll_approval_rejected body = {.approver = (char[]){"p0"}};

    (void)host;
    if (!fact || sim_between(world, SIM_PLAN, 0, 1))
        return;
    body.rollout = fact->number;
    sim_trace(world, "a person refuses #%d", (int)fact->number);
    sim_note(world, ROLL_EVENT_approval_rejected, &body);
    sim_resume(world, host, false);
}

void sim_act_hold(struct world *world, int host)
{
    struct roll_hold_set body = {0};

    (void)host;
    sim_note(world, world->here->hold ? ROLL_EVENT_hold_lifted : ROLL_EVENT_hold_set, &body);
}

/* A floor between what is there and what was there before. */
void sim_act_floor(struct world *world, int host)
{
    struct roll_floor_set body = {.reason = (char[]){"because"}};

    (void)host;
    body.floor = world->releases > 0 ? sim_between(world, SIM_PLAN, 0, world->releases) : 0;
    sim_note(world, ROLL_EVENT_floor_set, &body);
}

/* The run is brought to its end: what waits gets what it waits for, or is cancelled. */
void sim_gates_help(struct world *world)
{
    struct roll_hold_lifted lifted = {0};
    struct roll_rollout_cancelling cancelling = {0};
    const struct fact *fact = waiting(world);

    if (world->here->hold)
        sim_note(world, ROLL_EVENT_hold_lifted, &lifted);
    for (int i = 0; fact && i < fact->wanted.approvals; i++)
        approve(world, fact, i);
    if (fact && !sim_gates_allow(world, fact->order, fact->overrides)) {
        cancelling.rollout = fact->number;
        sim_note(world, ROLL_EVENT_rollout_cancelling, &cancelling);
    }
}
