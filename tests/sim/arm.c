/* A model of ARM: deployments by target and name, with contents, durations, failures and cancels;
 * and of the way to it, on which requests are late and replies late, lost or doubled. */
#include "sim.h"

/* ---- deployments
 * ------------------------------------------------------------------------------------------------------
 */

struct deployment *sim_deployment(const struct world *world, const char *name, int target)
{
    for (guint i = world->deployments->len; i > 0; i--) {
        struct deployment *deployment = g_ptr_array_index(world->deployments, i - 1);
        if (deployment->target == target && strcmp(deployment->name, name) == 0)
            return deployment;
    }
    return NULL;
}

struct deployment *sim_newest(const struct world *world, int target)
{
    for (guint i = world->deployments->len; i > 0; i--) {
        struct deployment *deployment = g_ptr_array_index(world->deployments, i - 1);
        if (deployment->target == target)
            return deployment;
    }
    return NULL;
}

bool sim_is_stack(const struct world *world, int target)
{
    return world->stacks >> target & 1;
}

static bool is_active(const struct world *world, const struct deployment *deployment)
{
    return world->now < deployment->end_ms;
}

const char *sim_state(const struct world *world, const struct deployment *deployment)
{
    if (!is_active(world, deployment))
        return deployment->final;
    return world->now - deployment->begin_ms < 1000 ? "Accepted" : "Running";
}

/* ---- requests on their way
 * ------------------------------------------------------------------------------------------------
 */

struct request {
    struct process *process;
    int machine; /* which one of the process's asked */
    uint64_t id;
    enum roll_action_kind kind;
    int target, release;
    int64_t rollout, step, attempt;
    int64_t claim_seq; /* the claim under which a PUT was sent */
    bool aside;        /* its intent is heard by nobody else */
    bool deaf;         /* the driver was told already that it is lost */
    char correlation[ROLL_UUID_SIZE];
    char *name;
};

static void free_request(gpointer data)
{
    struct request *request = data;

    g_free(request->name);
    g_free(request);
}

static struct request *request_new(struct process *process, const struct roll_action *action)
{
    struct request *request = g_new0(struct request, 1);

    request->process = process;
    request->machine = process->machines;
    request->id = action->id;
    request->kind = action->kind;
    request->target = sim_target_index(action->target->name);
    request->release = sim_release(action->target->release);
    request->rollout = action->rollout;
    request->step = action->step;
    request->attempt = action->attempt;
    request->name =
        roll_step_name(SIM_SERVICE, SIM_ENVIRONMENT, action->request_hash, action->target->name,
                       action->step, action->attempt, request->correlation);
    return request;
}

static int64_t way(struct world *world)
{
    return sim_between(world, SIM_TIME, 5, 150);
}

static int64_t way_back(struct world *world)
{
    return sim_chance(world, SIM_LATE, 20) ? sim_between(world, SIM_LATE, 1000, 70000) : way(world);
}

static void reply(struct world *world, const struct request *request, const struct answer *answer)
{
    static const struct answer lost = {.outcome = ROLL_ARM_LOST, .retry_after_ms = -1};

    if (request->deaf)
        return;
    if (sim_chance(world, SIM_LOST, 30)) {
        sim_answer(world, request->process, request->id, sim_between(world, SIM_LOST, 100, 60000),
                   &lost);
        if (sim_chance(world, SIM_LOST, 500)) /* and comes after all */
            sim_answer(world, request->process, request->id, 90000, answer);
        return;
    }
    sim_answer(world, request->process, request->id, way_back(world), answer);
    if (sim_chance(world, SIM_DUPLICATE, 30))
        sim_answer(world, request->process, request->id,
                   sim_between(world, SIM_DUPLICATE, 10, 20000), answer);
}

/* Trouble that any request can meet at the door. */
static bool turned_away(struct world *world, const struct request *request)
{
    struct answer answer = {.retry_after_ms = -1};

    if (sim_chance(world, SIM_THROTTLE, 30)) {
        answer.outcome = ROLL_ARM_THROTTLED;
        answer.retry_after_ms = sim_chance(world, SIM_THROTTLE, 500)
                                    ? sim_between(world, SIM_THROTTLE, 1000, 40000)
                                    : -1;
    } else if (request->kind == ROLL_ACTION_PUT && sim_chance(world, SIM_BUSY, 15)) {
        bool lifted = sim_chance(world, SIM_BUSY, 300); /* by the driver, who says so */
        answer.outcome = lifted ? ROLL_ARM_LATER : ROLL_ARM_BUSY;
        answer.code = lifted ? "MissingSubscriptionRegistration" : "AnotherOperationInProgress";
    } else if (request->kind == ROLL_ACTION_PUT && sim_chance(world, SIM_REFUSE, 15)) {
        answer.outcome = ROLL_ARM_REFUSED;
        answer.code = "InvalidTemplate";
    } else if (request->kind != ROLL_ACTION_PUT && world->now < world->denied_until &&
               !world->calm) {
        answer.outcome = ROLL_ARM_REFUSED;
        answer.code = "AuthorizationFailed";
    } else {
        return false;
    }
    reply(world, request, &answer);
    return true;
}

/* ---- PUT
 * --------------------------------------------------------------------------------------------------------------------
 */

/* Who drives aside is heard by nobody, and hears nobody: fences hold in each course by itself. */
static int course_of(const struct world *world, const struct request *request)
{
    bool aside = world->replicas && request->claim_seq >= ROLL_SIDE_NUMBER;

    return aside ? request->process->host + 1 : 0;
}

static void accept_deployment(struct world *world, const struct request *request,
                              struct deployment *deployment)
{
    int64_t most = sim_chance(world, SIM_FAIL, 100) ? 1200000 : world->longest_ms;

    if (!deployment) {
        deployment = g_new0(struct deployment, 1);
        deployment->target = request->target;
        deployment->name = g_strdup(request->name);
        deployment->final = sim_chance(world, SIM_FAIL, 100) ? "Failed" : "Succeeded";
        g_ptr_array_add(world->deployments, deployment);
    }
    deployment->course = course_of(world, request);
    deployment->release = request->release;
    deployment->rollout = request->rollout;
    g_strlcpy(deployment->correlation, request->correlation, sizeof deployment->correlation);
    deployment->begin_ms = world->now;
    deployment->end_ms = world->now + sim_between(world, SIM_TIME, 300, most);
    sim_thing_put(world, request->target, request->release);
    sim_trace(world, "arm    t%d takes v%d as %s, until %.3f %s", request->target, request->release,
              request->name, (double)deployment->end_ms / 1000, deployment->final);
}

static void judge_content(struct world *world, const struct request *request)
{
    int known = GPOINTER_TO_INT(g_hash_table_lookup(world->contents, request->name));

    if (known && known != request->release)
        sim_violate(world, "%s is put with v%d and with v%d", request->name, known,
                    request->release);
    g_hash_table_insert(world->contents, g_strdup(request->name),
                        GINT_TO_POINTER(request->release));
}

/* A driver that was overruled must not come after the one that overruled it. */
static void judge_arrival(struct world *world, const struct request *request)
{
    int64_t *last = &world->put_claim[request->target][course_of(world, request)];

    if (request->claim_seq < *last)
        sim_violate(world,
                    "t%d: the PUT of an overruled driver (claim %d) arrives after one of claim %d",
                    request->target, (int)request->claim_seq, (int)*last);
    *last = request->claim_seq;
}

/* What stands in the way of a PUT while it is active: the deployment of that name, or whatever the
 * stack does. */
static const struct deployment *in_the_way(const struct world *world, const struct request *request,
                                           const struct deployment *same)
{
    return sim_is_stack(world, request->target) ? sim_newest(world, request->target) : same;
}

/* An action runs once: two slot swaps are none. Of who is aside nobody hears. */
static void judge_action(struct world *world, const struct request *request)
{
    int course = request->aside ? request->process->host + 2 : 1;
    int known = GPOINTER_TO_INT(g_hash_table_lookup(world->actions, request->correlation));

    if (known == course)
        sim_violate(world, "t%d: action %d of #%d runs again", request->target, (int)request->step,
                    (int)request->rollout);
    g_hash_table_insert(world->actions, g_strdup(request->correlation), GINT_TO_POINTER(course));
}

static void put_arrives(struct world *world, void *data)
{
    const struct request *request = data;
    struct deployment *deployment = sim_deployment(world, request->name, request->target);
    const struct deployment *other = in_the_way(world, request, deployment);
    struct answer answer = {.outcome = ROLL_ARM_OK, .state = "Accepted", .retry_after_ms = -1};

    judge_content(world, request);
    if (deployment && deployment->course == course_of(world, request))
        sim_violate(world, "t%d: %s is put again, although ARM has it", request->target,
                    request->name);
    if (turned_away(world, request))
        return;
    judge_arrival(world, request);
    g_strlcpy(answer.correlation, request->correlation, sizeof answer.correlation);
    if (request->step > 0) {
        sim_trace(world, "arm    t%d runs action %d", request->target, (int)request->step);
        judge_action(world, request);
        world->acted[request->target] = (struct acted){request->release, world->now};
    } else if (other && is_active(world, other)) {
        answer.outcome = ROLL_ARM_BUSY;
        answer.state = NULL;
        answer.code = sim_is_stack(world, request->target) ? "DeploymentStackInNonTerminalState"
                                                           : "DeploymentActive";
    } else {
        accept_deployment(world, request, deployment);
    }
    reply(world, request, &answer);
}

/* PUT after a durable intent, by the driver that the ledger names; one that was overruled has its
 * fence's time left. */
static int64_t judge_leaving(struct world *world, struct process *process, struct request *request)
{
    const struct intent *intent = sim_intent(world, request->correlation);
    const struct fact *fact = intent ? sim_fact(world, intent->rollout) : NULL;
    bool ours;

    if (!intent) {
        sim_violate(world, "a PUT to t%d without a durable intent", request->target);
        return 0;
    }
    request->aside = roll_number_is_side(intent->seq);
    if (intent->outcome)
        sim_violate(world, "a PUT to t%d after its outcome", request->target);
    if (intent->release != request->release)
        sim_violate(world, "t%d: v%d was intended, v%d is put", request->target, intent->release,
                    request->release);
    ours = fact->end == ROLL_EVENT_UNKNOWN && strcmp(fact->claimant, process->driver) == 0;
    if (process->append_ms < 0 || world->now - process->append_ms > ROLL_FENCE_MS)
        sim_violate(world, "a PUT to t%d %d ms after the driver's last append", request->target,
                    (int)(world->now - process->append_ms));
    if (ours && fact->until + (world->replicas ? 60000 : 0) <= sim_wall(world, process->host))
        sim_violate(world, "a PUT to t%d under a lapsed claim", request->target);
    if (ours)
        return process->claim_seq;
    for (guint i = 0; i < world->processes->len; i++) {
        const struct process *other = g_ptr_array_index(world->processes, i);
        if (fact->end == ROLL_EVENT_UNKNOWN && strcmp(other->driver, fact->claimant) == 0 &&
            other->first_put_sent)
            sim_violate(world, "two drivers PUT at the same time in #%d", (int)fact->number);
    }
    return process->claim_seq;
}

static void tell(struct world *world, const struct request *request, enum roll_arm_outcome outcome)
{
    struct answer answer = {.outcome = outcome, .retry_after_ms = -1};

    sim_answer(world, request->process, request->id, way(world), &answer);
}

/* On the way for so long. */
static void pass_on(struct world *world, const struct request *request, int64_t delay_ms, sim_fn fn)
{
    struct request *copy = g_memdup2(request, sizeof *request);

    copy->name = g_strdup(request->name);
    sim_at(world, delay_ms, fn, copy, free_request);
}

/* The connection breaks, which the driver is told at once; the request may arrive all the same. */
static void break_connection(struct world *world, struct request *request)
{
    tell(world, request, ROLL_ARM_LOST);
    request->deaf = true;
    if (sim_chance(world, SIM_LOST, 500))
        pass_on(world, request, sim_between(world, SIM_LOST, 1, SIM_LATE_MS), put_arrives);
}

static void put_leaves(struct world *world, void *data)
{
    struct request *request = data;
    struct process *process = request->process;
    int64_t wall = sim_wall(world, process->host), boot = sim_boot(world, process->host);
    bool late = sim_chance(world, SIM_LATE, 30);

    if (!process->alive || process->machines != request->machine)
        return;
    if (world->now < process->paused_until) {
        pass_on(world, request, process->paused_until - world->now, put_leaves);
        return;
    }
    if (sim_chance(world, SIM_UNSENT, 20) || !roll_machine_may_put(process->machine, wall, boot)) {
        tell(world, request, ROLL_ARM_UNSENT);
        return;
    }
    sim_look(world, process->host);
    request->claim_seq = judge_leaving(world, process, request);
    process->first_put_sent = true;
    if (sim_chance(world, SIM_LOST, 40))
        break_connection(world, request);
    else
        pass_on(world, request, late ? sim_between(world, SIM_LATE, 1000, SIM_LATE_MS) : way(world),
                put_arrives);
}

/* It may have to wait, for a token or a connection, before it leaves. */
void sim_arm_put(struct world *world, struct process *process, const struct roll_action *action)
{
    int64_t queue = sim_chance(world, SIM_LATE, 30) ? sim_between(world, SIM_LATE, 100, 40000) : 0;

    sim_at(world, queue, put_leaves, request_new(process, action), free_request);
}

/* ---- reads
 * ----------------------------------------------------------------------------------------------------------------------
 */

/* A look finds what the name has; the name of a stack has whatever came last, unless the history
 * knows of ours. */
static const struct deployment *found_by(const struct world *world, const struct request *request)
{
    const struct deployment *deployment = sim_deployment(world, request->name, request->target);

    if (!deployment && request->kind == ROLL_ACTION_GET && sim_is_stack(world, request->target))
        return sim_newest(world, request->target);
    return deployment;
}

static void read_arrives(struct world *world, void *data)
{
    const struct request *request = data;
    const struct deployment *deployment = found_by(world, request);
    struct answer answer = {.outcome = ROLL_ARM_OK, .retry_after_ms = -1};

    if (turned_away(world, request))
        return;
    if (!deployment || (request->kind == ROLL_ACTION_POLL && sim_chance(world, SIM_MISSING, 20))) {
        answer.outcome = ROLL_ARM_NOT_FOUND;
        answer.code = sim_is_stack(world, request->target) ? "DeploymentStackResourceNotFound"
                                                           : "DeploymentNotFound";
    } else if (request->kind == ROLL_ACTION_EXPLAIN) {
        answer.code = "Conflict";
        answer.message = "the resource says no";
    } else {
        answer.state = sim_state(world, deployment);
        g_strlcpy(answer.correlation, deployment->correlation, sizeof answer.correlation);
        answer.whole = request->kind == ROLL_ACTION_POLL && world->config.seed % 2 == 0 &&
                       !sim_is_stack(world, request->target);
        if (!is_active(world, deployment))
            answer.arm_at = SIM_EPOCH_MS + deployment->end_ms;
    }
    reply(world, request, &answer);
}

void sim_arm_read(struct world *world, struct process *process, const struct roll_action *action)
{
    struct answer failed = {.outcome = ROLL_ARM_UNSENT, .retry_after_ms = -1};

    if (sim_chance(world, SIM_DENIED, 2))
        world->denied_until = world->now + sim_between(world, SIM_DENIED, 1000, 300000);
    if (sim_chance(world, SIM_UNSENT, 20))
        sim_answer(world, process, action->id, way(world), &failed);
    else
        sim_at(world, way(world), read_arrives, request_new(process, action), free_request);
}

/* ---- cancel
 * ----------------------------------------------------------------------------------------------------------------------
 */

static void cancel_arrives(struct world *world, void *data)
{
    const struct request *request = data;
    struct deployment *deployment = sim_deployment(world, request->name, request->target);
    struct answer answer = {.outcome = ROLL_ARM_OK, .retry_after_ms = -1};

    if (turned_away(world, request))
        return;
    if (sim_is_stack(world, request->target)) {
        answer.outcome = ROLL_ARM_REFUSED;
        answer.code = "StackCannotBeCancelled";
    } else if (deployment && is_active(world, deployment) &&
               deployment->end_ms - world->now > 1000 && !sim_chance(world, SIM_REFUSE, 200)) {
        deployment->end_ms = world->now + sim_between(world, SIM_TIME, 100, 1000);
        deployment->final = "Canceled";
        sim_trace(world, "arm    t%d cancels %s", request->target, request->name);
    } else {
        answer.outcome = ROLL_ARM_REFUSED;
        answer.code = "DeploymentCannotBeCancelled";
    }
    reply(world, request, &answer);
}

void sim_arm_cancel(struct world *world, struct process *process, const struct roll_action *action)
{
    sim_at(world, way(world), cancel_arrives, request_new(process, action), free_request);
}
