/* What people ask for: releases, backs, hotfixes, cancels, resumes, settles, and notes that only
 * move the stream's head. Each host is one person's machine; what they decide on is what the ledger
 * says at that moment. */
#include "sim.h"

#include <stdlib.h>

#include "release/internal.h"

/* ---- orders
 * ----------------------------------------------------------------------------------------------------------------
 */

static char *release_name(int release)
{
    return g_strdup_printf("v%d", release);
}

static void free_step(gpointer data)
{
    struct roll_plan_step *step = data;

    g_free(step->action);
    g_free(step->api_version);
    g_free(step);
}

/* Some releases change data so that older ones do not work with it any more. */
static int floor_of(const struct world *world, int release)
{
    return world->wishes && release % 3 == 0 ? MAX(release - 2, 0) : 0;
}

static void add_target(const struct world *world, struct roll_order *order, int target, int release,
                       int ring)
{
    struct roll_order_target *row = g_new0(struct roll_order_target, 1);

    row->name = g_strdup_printf("t%d", target);
    row->release = release_name(release);
    row->floor = floor_of(world, release);
    row->manifest = g_strdup_printf("%064x", (unsigned)release);
    row->template_digest = g_strdup(row->manifest);
    row->parameters_digest = g_strdup(row->manifest);
    row->apply = g_strdup(sim_is_stack(world, target) ? "stack" : "deployment");
    row->ring = ring;
    row->steps = g_ptr_array_new_with_free_func(free_step);
    g_ptr_array_add(order->targets, row);
}

static struct roll_order *order_new(enum roll_lane lane, const char *kind)
{
    struct roll_order *order = roll_order_new();

    order->service = g_strdup(SIM_SERVICE);
    order->environment = g_strdup(SIM_ENVIRONMENT);
    order->lane = lane;
    order->kind = g_strdup(kind);
    order->rings = 1;
    order->max_parallel = 50;
    return order;
}

static void add_checks(struct world *world, struct roll_order *order)
{
    int count = (int)sim_between(world, SIM_PLAN, 0, 5) - 3;

    for (int i = 0; i < count; i++) {
        struct roll_plan_health *check = g_new0(struct roll_plan_health, 1);
        check->kind = ROLL_HEALTH_HTTP;
        check->url = g_strdup("http://sim");
        check->expect = 200;
        check->within_ms = sim_between(world, SIM_PLAN, 0, 60000);
        check->every_ms = 5000;
        g_ptr_array_add(order->health, check);
    }
}

static void add_actions(struct world *world, struct roll_order *order)
{
    bool wanted = sim_between(world, SIM_PLAN, 0, 4) == 0,
         skip = sim_between(world, SIM_PLAN, 0, 1) == 0;

    for (guint i = 0; wanted && i < order->targets->len; i++) {
        struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        struct roll_plan_step *step = g_new0(struct roll_plan_step, 1);
        step->action = g_strdup("Microsoft.Web/sites/web/slotsswap");
        step->api_version = g_strdup("2022-09-01");
        step->skip_on_back = skip;
        g_ptr_array_add(target->steps, step);
    }
}

/* A release to all targets, or to some, in rings or not. */
static struct roll_order *release_order(struct world *world, enum roll_lane lane, const char *kind)
{
    struct roll_order *order = order_new(lane, kind);
    int release = ++world->releases, rings = (int)sim_between(world, SIM_PLAN, 1, 3);
    bool partial = sim_between(world, SIM_PLAN, 0, 5) == 0;

    for (int i = 0; i < world->n_targets; i++) {
        int ring = i * rings / world->n_targets;
        if (!partial || i == 0 || sim_between(world, SIM_PLAN, 0, 1))
            add_target(world, order, i, release, ring);
        order->rings = MAX(order->rings, ring + 1);
    }
    order->max_parallel = (int)sim_between(world, SIM_PLAN, 1, 4);
    order->max_failures = (int)sim_between(world, SIM_PLAN, 0, 3) / 2;
    order->bake_ms =
        sim_between(world, SIM_PLAN, 0, 2) == 0 ? sim_between(world, SIM_PLAN, 1000, 600000) : 0;
    order->back_on_failure = sim_between(world, SIM_PLAN, 0, 2) == 0;
    add_actions(world, order);
    add_checks(world, order);
    return order;
}

static int goal_of(const struct holding *holding)
{
    if (holding->live == 0)
        return holding->good[0];
    return holding->good[0] == holding->live ? holding->good[1] : holding->good[0];
}

/* Dirty targets return to their last good release, clean ones to the one before. */
static struct roll_order *back_order(struct world *world)
{
    struct roll_order *order = order_new(ROLL_LANE_ROLLBACK, "back");

    bool partial = sim_between(world, SIM_PLAN, 0, 5) == 0; /* --target */

    for (int i = 0; i < world->n_targets; i++) {
        int goal = goal_of(&world->here->holdings[i]);
        if (goal > 0 && (!partial || sim_between(world, SIM_PLAN, 0, 1)))
            add_target(world, order, i, goal, 0);
    }
    order->health_reports_only = true;
    if (world->tidy || (sim_between(world, SIM_PLAN, 0, 1) && !world->replicas))
        order->prune = g_new0(char *, 1);
    if (world->tidy)
        order->max_parallel = (int)sim_between(world, SIM_PLAN, 1, 3);
    order->max_failures = 0; /* which does not count in this lane */
    add_actions(world, order);
    add_checks(world, order);
    if (order->targets->len > 0)
        return order;
    roll_order_free(order);
    return NULL;
}

/* ---- requests
 * -----------------------------------------------------------------------------------------------------------------
 */

static void fill_request(struct world *world, struct roll_rollout_requested *request,
                         const struct roll_order *order, size_t index, int64_t supersedes)
{
    *request = (struct roll_rollout_requested){
        .lane = g_strdup(roll_lane_names[order->lane]),
        .kind = g_strdup(order->kind),
        .order = sim_order_digest(index),
        .targets = order->targets->len,
        .supersedes = supersedes,
    };
    (void)world;
}

/* Which hold it sets or ends. */
static void hold(const struct world *world, struct roll_rollout_requested *request,
                 const struct roll_order *order)
{
    request->hold = world->wishes && strcmp(order->kind, "back") == 0;
    request->unhold = world->wishes && order->lane == ROLL_LANE_RELEASE && world->here->back;
}

static bool goes_to(const struct roll_order *order, int release)
{
    for (guint i = 0; i < order->targets->len; i++) {
        const struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        if (sim_release(target->release) == release)
            return true;
    }
    return false;
}

/* A back marks what it leaves. */
static void mark_left(struct world *world, struct roll_rollout_requested *request,
                      const struct roll_order *order)
{
    const struct roll_order_target *first = g_ptr_array_index(order->targets, 0);
    int left = world->here->holdings[sim_target_index(first->name)].live;

    if (left == 0 || goes_to(order, left) || sim_between(world, SIM_PLAN, 0, 2) == 0)
        return;
    request->bad = g_new0(char *, 2);
    request->bad[0] = release_name(left);
}

/* Ends the hold of the back, and lifts its mark. */
static void lift(const struct world *world, struct roll_rollout_requested *request)
{
    const struct fact *back = sim_fact(world, world->here->back);

    request->unhold = true;
    if (!back->bad)
        return;
    request->lifts = g_new0(char *, 2);
    request->lifts[0] = release_name(back->bad);
}

/* Who has to wait loses patience some time later. */
static void lose_patience(struct world *world, void *data)
{
    struct process *process = data;
    struct roll_observation detach = {.kind = ROLL_SAW_DETACH};

    if (!process->alive)
        return;
    if (world->now < process->paused_until) {
        sim_at(world, process->paused_until - world->now, lose_patience, process, NULL);
        return;
    }
    process->patient = false;
    sim_process_observe(world, process, &detach);
}

static void be_patient(struct world *world, struct process *process)
{
    process->patient = sim_between(world, SIM_PLAN, 0, 1);
    if (process->patient)
        sim_at(world, sim_between(world, SIM_PLAN, 1000, 3600000), lose_patience, process, NULL);
}

static void start(struct world *world, int host, struct roll_order *order, int64_t supersedes,
                  bool aside)
{
    bool forward = strcmp(order->kind, "forward") == 0; /* which was chosen by what it lifts */
    bool overrides = !forward && !sim_gates_allow(world, order, false);
    const GPtrArray *blobs = NULL;

    /* What stands in the way is passed by with a word for the ledger, or not at all. */
    if (overrides && sim_between(world, SIM_PLAN, 0, 2) > 0) {
        roll_order_free(order);
        return;
    }
    struct process *process = sim_process_start(world, host, ROLL_MACHINE_DRIVE, false, false);

    sim_trace(world, "person on host %d: %s %s with process %d, %d targets, supersedes #%d", host,
              order->kind,
              ((struct roll_order_target *)g_ptr_array_index(order->targets, 0))->release,
              process->id, (int)order->targets->len, (int)supersedes);
    g_ptr_array_add(world->order_list, order);
    process->request = g_new0(struct roll_rollout_requested, 1);
    fill_request(world, process->request, order, world->order_list->len - 1, supersedes);
    if (process->shared) {
        sim_shared_as(process, order->lane != ROLL_LANE_RELEASE, aside);
        blobs = sim_shared_keep(process, sim_shared_seal(world, process->request, order));
    }
    if (overrides)
        process->request->overrides = json_pack("[{s:s}]", "kind", "hold");
    hold(world, process->request, order);
    if (strcmp(order->kind, "forward") == 0)
        lift(world, process->request);
    else if (order->lane == ROLL_LANE_ROLLBACK)
        mark_left(world, process->request, order);
    if (!world->tidy)
        sim_gates_plan(world, process->request);
    be_patient(world, process);
    sim_process_add_chain(world, process, 0, supersedes);
    sim_process_go(world, process);
    roll_machine_request(process->machine, process->request, order, blobs);
    process->order = order;
}

static void act_out(struct world *world, int host)
{
    bool aside, surprised;

    if (!sim_share(world, host, false, &aside) || sim_open_rollout(world))
        return;
    if (!world->replicas || !sim_replica_is_surprised(world, &surprised))
        start(world, host, release_order(world, ROLL_LANE_RELEASE, "out"), 0, aside);
}

static void act_hotfix(struct world *world, int host)
{
    const struct fact *open;
    bool aside;

    if (!sim_share(world, host, true, &aside))
        return;
    open = sim_open_rollout(world);
    start(world, host, release_order(world, ROLL_LANE_HOTFIX, "hotfix"), open ? open->number : 0,
          aside);
}

/* Targets that nothing else was deployed to since a back return to what that left; NULL: none. */
static struct roll_order *forward_order(struct world *world)
{
    const struct fact *back = sim_fact(world, world->here->back);
    struct roll_order *order = order_new(ROLL_LANE_ROLLBACK, "forward");

    for (int i = 0; i < world->n_targets; i++) {
        const struct holding *holding = &world->here->holdings[i];
        int goal = holding->rollout == back->number ? holding->before : 0;
        bool bad =
            goal != back->bad && g_hash_table_contains(world->here->bad, GINT_TO_POINTER(goal));
        if (goal > 0 && !bad && goal >= MAX(world->here->floor, holding->floor))
            add_target(world, order, i, goal, 0);
    }
    order->health_reports_only = true;
    order->max_failures = 0; /* which does not count in this lane */
    if (order->targets->len > 0)
        return order;
    roll_order_free(order);
    return NULL;
}

static void act_forward(struct world *world, int host)
{
    bool aside;

    if (!sim_share(world, host, true, &aside) || sim_open_rollout(world) || !world->here->back)
        return;
    struct roll_order *order = forward_order(world);
    if (order)
        start(world, host, order, 0, aside);
}

/* The back was a mistake. */
static void forward(struct world *world, void *data)
{
    int host = (int)sim_between(world, SIM_WISHES, 0, world->hosts - 1);

    (void)data;
    sim_look(world, host);
    act_forward(world, host);
}

static void act_back(struct world *world, int host)
{
    const struct fact *open;
    bool aside;

    if (!sim_share(world, host, true, &aside))
        return;
    open = sim_open_rollout(world);
    struct roll_order *order = back_order(world);
    if (order)
        start(world, host, order, open ? open->number : 0, aside);
    if (world->wishes && order)
        sim_at(world, sim_between(world, SIM_WISHES, 30000, 600000), forward, NULL, NULL);
}

/* ---- what comes after
 * ------------------------------------------------------------------------------------------------------------
 */

/* The open rollout, or where one is settled also one that has ended with something unknown; after a
 * look at the store, which resume and cancel of a back or a hotfix do without. NULL: there is none,
 * or the store is needed. */
static const struct fact *share_for_open(struct world *world, int host, enum roll_machine_mode mode,
                                         bool *ret_aside)
{
    const struct fact *open;

    sim_look(world, host);
    open = sim_open_rollout(world);
    bool emergency = open && open->order->lane != ROLL_LANE_RELEASE;
    if (!sim_share(world, host, emergency, ret_aside))
        return NULL;
    open = sim_open_rollout(world);
    return open || mode == ROLL_MACHINE_DRIVE ? open : sim_shared_unsettled(world);
}

/* Another replica's is not gone on with where ARM has what this one does not know of. */
static bool is_left(const struct world *world, const struct fact *open, bool here, bool take)
{
    bool aside;

    return world->replicas && open->claimant[0] && !here && !take &&
           sim_replica_is_surprised(world, &aside) &&
           (aside || open->order->lane == ROLL_LANE_RELEASE);
}

static bool go_on(struct world *world, int host, enum roll_machine_mode mode, bool take)
{
    bool aside = false;
    const struct fact *open = share_for_open(world, host, mode, &aside);
    int driver_host = -1;
    bool alive, here;
    struct process *process;

    if (!open)
        return false;
    alive = sim_driver_alive(world, open->claimant, &driver_host);
    here = driver_host == host;
    if (alive && here && !take)
        return false; /* its lock is held */
    if (is_left(world, open, here, take))
        return false;
    process = sim_process_start(world, host, mode, take, here && !alive);
    sim_trace(world, "person on host %d: %s%s #%d with process %d", host,
              mode == ROLL_MACHINE_DRIVE ? "resume" : "settle", take ? " --take" : "",
              (int)open->number, process->id);
    if (process->shared)
        sim_shared_as(process, open->order->lane != ROLL_LANE_RELEASE, aside);
    sim_process_add_chain(world, process, open->number, 0);
    be_patient(world, process);
    sim_process_go(world, process);
    return true;
}

bool sim_resume(struct world *world, int host, bool take)
{
    return go_on(world, host, ROLL_MACHINE_DRIVE, take);
}

void sim_note(struct world *world, enum roll_event_kind kind, const void *body)
{
    g_autoptr(GPtrArray) events = g_ptr_array_new();
    struct roll_event *event;
    bool aside;

    if (world->replicas) {
        if (sim_share(world, world->host, false, &aside))
            sim_shared_note(world, kind, body);
        sim_processes_notice(world, NULL);
        return;
    }
    event = sim_event(world, kind, body);
    g_ptr_array_add(events, event);
    sim_append(world, "person", sim_head(world), events);
    sim_processes_notice(world, NULL);
    roll_event_free(event);
}

static void act_cancel(struct world *world, int host)
{
    bool aside;
    const struct fact *open = share_for_open(world, host, ROLL_MACHINE_DRIVE, &aside);
    struct roll_rollout_cancelling body = {0};

    if (!open)
        return;
    body.rollout = open->number;
    sim_trace(world, "person on host %d: cancel #%d", host, (int)open->number);
    if (world->replicas && !sim_shared_note(world, ROLL_EVENT_rollout_cancelling, &body))
        return;
    if (!world->replicas)
        sim_note(world, ROLL_EVENT_rollout_cancelling, &body);
    sim_resume(world, host, false);
}

static void act_resume(struct world *world, int host)
{
    sim_resume(world, host, sim_between(world, SIM_PLAN, 0, 2) == 0);
}

static void act_take(struct world *world, int host)
{
    sim_resume(world, host, true);
}

void sim_settle(struct world *world, int host)
{
    go_on(world, host, ROLL_MACHINE_SETTLE, false);
}

static void act_note(struct world *world, int host)
{
    struct roll_notice_delivered body = {.notice = (char[]){"n"}, .webhook = (char[]){"w"}};

    (void)host;
    sim_note(world, ROLL_EVENT_notice_delivered, &body);
}

static void free_blob(gpointer blob)
{
    release_blob_free(blob);
}

/* After a failure: touched targets return to what they had. */
struct roll_choice *sim_auto_back(struct world *world, const struct process *process)
{
    const struct fact *fact = sim_fact(world, process->own);
    struct roll_order *order = order_new(ROLL_LANE_ROLLBACK, "back");
    struct roll_choice *choice;

    for (int i = 0; i < world->n_targets; i++) {
        int before = world->here->holdings[i].before ? world->here->holdings[i].before
                                                     : world->here->holdings[i].good[0];
        if (fact->parts[i].touched && before > 0 &&
            before >= MAX(world->here->floor, world->here->holdings[i].floor) &&
            !g_hash_table_contains(world->here->bad, GINT_TO_POINTER(before)))
            add_target(world, order, i, before, 0);
    }
    order->health_reports_only = true;
    if (order->targets->len == 0) {
        roll_order_free(order);
        return NULL;
    }
    g_ptr_array_add(world->order_list, order);
    choice = g_new0(struct roll_choice, 1);
    fill_request(world, &choice->request, order, world->order_list->len - 1, 0);
    hold(world, &choice->request, order);
    if (world->replicas) {
        choice->blobs = g_ptr_array_new_with_free_func(free_blob);
        g_ptr_array_add(choice->blobs, sim_shared_seal(world, &choice->request, order));
    }
    return choice;
}

/* ---- one person's day
 * ---------------------------------------------------------------------------------------------------------------
 */

/* In haste, soon, or after a while. */
static int64_t next_act(struct world *world)
{
    static const int64_t most[] = {5000, 5000, 60000, 60000, 60000, 1200000};

    return sim_between(world, SIM_PLAN, 50,
                       most[sim_between(world, SIM_PLAN, 0, G_N_ELEMENTS(most) - 1)]);
}

/* Somebody else loses patience with what was just started. */
static void take_it(struct world *world, void *data)
{
    (void)data;
    act_take(world, (int)sim_between(world, SIM_PLAN, 0, world->hosts - 1));
}

/* A clock is set, also backwards, within what DESIGN says that clocks may differ. */
static void set_a_clock(struct world *world)
{
    int host = (int)sim_between(world, SIM_CLOCK, 0, world->hosts - 1);

    world->offset[host] = sim_between(world, SIM_CLOCK, -29000, 29000);
    sim_trace(world, "clock  of host %d: %d ms off", host, (int)world->offset[host]);
}

static void act(struct world *world, void *data)
{
    static void (*const acts[])(struct world *, int) = {
        act_out,      act_out,         act_out,         act_back,        act_back,
        act_hotfix,   act_cancel,      act_resume,      act_take,        sim_settle,
        act_note,     sim_act_approve, sim_act_approve, sim_act_approve, sim_act_reject,
        sim_act_hold, sim_act_floor,
    };
    static void (*const tidy_acts[])(struct world *, int) = {
        act_out,    act_out,    act_out,  act_back,   act_back, act_back,   act_back,
        act_hotfix, act_cancel, act_take, sim_settle, act_note, act_resume,
    };
    static void (*const eager_acts[])(struct world *, int) = {
        act_out,    act_out,  act_out,     act_out,         act_back,     act_back,
        act_back,   act_back, act_forward, act_forward,     act_hotfix,   act_cancel,
        act_resume, act_take, sim_settle,  sim_act_approve, sim_act_hold, sim_act_floor,
    };
    int host = (int)sim_between(world, SIM_PLAN, 0, world->hosts - 1);
    int count = world->tidy     ? G_N_ELEMENTS(tidy_acts)
                : world->wishes ? G_N_ELEMENTS(eager_acts)
                                : G_N_ELEMENTS(acts);
    int which = (int)sim_between(world, SIM_PLAN, 0, count - 1);

    (void)data;
    sim_look(world, host);
    (world->tidy ? tidy_acts : world->wishes ? eager_acts : acts)[which](world, host);
    if (sim_between(world, SIM_PLAN, 0, 5) == 0)
        sim_at(world, sim_between(world, SIM_PLAN, 50, 15000), take_it, NULL, NULL);
    if (sim_chance(world, SIM_CLOCK, 300))
        set_a_clock(world);
    if (sim_chance(world, SIM_NOISE, 300))
        act_note(world, host);
    if (--world->acts_left > 0)
        sim_at(world, next_act(world), act, NULL, NULL);
}

static void first_release(struct world *world, void *data)
{
    (void)data;
    act_out(world, 0);
}

void sim_people_start(struct world *world)
{
    world->acts_left = (int)sim_between(world, SIM_PLAN, 1, world->tidy ? 14 : 8);
    if (world->wishes)
        world->acts_left += (int)sim_between(world, SIM_WISHES, 2, 8);
    if (world->config.acts)
        world->acts_left = MIN(world->acts_left, world->config.acts);
    sim_at(world, 0, first_release, NULL, NULL);
    sim_at(world, sim_between(world, SIM_PLAN, 100, 120000), act, NULL, NULL);
}
