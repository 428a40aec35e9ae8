/* A ledger and a clock around the rollout machine: a small world that the test moves by hand. */
#ifndef ROLLBOOK_TESTS_MACHINE_TOOLS_H
#define ROLLBOOK_TESTS_MACHINE_TOOLS_H

#include <check.h>

#include "rollbook/rollout.h"

#define MAX_ASKED 64

/* A ledger and a clock; what the machine asked for and was not answered yet. */
struct world {
    json_t *today; /* rules of today's plan that the next process finds, or NULL; borrowed */
    struct roll_machine *machine;
    struct roll_order *order;
    GPtrArray *events;
    int64_t wall, boot;
    struct roll_action asked[MAX_ASKED];
    size_t n_asked;
    struct roll_action done;
    int64_t wake;
    bool conflict, fail; /* the next append */
    bool away;           /* the shared store, for all that is not only said of steps */
};

static const char hash[] = "00000000000000000000000000000000000000000000000000000000000000aa";

static inline void free_step(gpointer data)
{
    struct roll_plan_step *step = data;

    g_free(step->action);
    g_free(step->api_version);
    g_free(step);
}

static inline void add_target(struct roll_order *order, const char *name, int ring)
{
    struct roll_order_target *target = g_new0(struct roll_order_target, 1);

    target->name = g_strdup(name);
    target->ring = ring;
    target->release = g_strdup("1.1.0");
    target->manifest = g_strdup(hash);
    target->template_digest = g_strdup(hash);
    target->parameters_digest = g_strdup(hash);
    target->apply = g_strdup("deployment");
    target->steps = g_ptr_array_new_with_free_func(free_step);
    g_ptr_array_add(order->targets, target);
    order->rings = MAX(order->rings, ring + 1);
}

static inline struct roll_order *order_new(const char *targets)
{
    struct roll_order *order = roll_order_new();
    g_auto(GStrv) names = g_strsplit(targets, " ", -1);

    order->service = g_strdup("shop");
    order->environment = g_strdup("prod");
    order->kind = g_strdup("out");
    order->max_parallel = 50;
    for (size_t i = 0; names[i]; i++) {
        char *slash = strchr(names[i], '/');
        if (slash)
            *slash = '\0';
        add_target(order, names[i], slash ? slash[1] - '0' : 0);
    }
    return order;
}

/* Its texts have no owner. */
static inline struct roll_rollout_requested request_of(const char *lane, int64_t supersedes)
{
    static char release[] = "release", rollback[] = "rollback", out[] = "out";
    static char order[ROLL_HEX_SIZE];

    g_strlcpy(order, hash, sizeof order);
    return (struct roll_rollout_requested){.lane = g_str_equal(lane, release) ? release : rollback,
                                           .kind = out,
                                           .order = order,
                                           .targets = 1,
                                           .supersedes = supersedes};
}

static inline void world_event(struct world *world, enum roll_event_kind kind, const void *body)
{
    struct roll_event *event =
        roll_event_new("shop/prod", world->events->len + 1, world->wall, NULL, kind, body);

    g_snprintf(event->hash, sizeof event->hash, "%064x", world->events->len + 1);
    g_ptr_array_add(world->events, event);
}

static inline void free_event(gpointer event)
{
    roll_event_free(event);
}

static inline void world_init(struct world *world, struct roll_order *order)
{
    *world = (struct world){.order = order, .wall = 1700000000000, .boot = 5000};
    world->events = g_ptr_array_new_with_free_func(free_event);
}

static inline void world_clear(struct world *world)
{
    roll_machine_free(world->machine);
    roll_order_free(world->order);
    g_ptr_array_unref(world->events);
}

static inline struct roll_machine *machine_new(const struct world *world, const char *driver,
                                               enum roll_machine_mode mode)
{
    struct roll_machine_options options = {.stream = "shop/prod",
                                           .driver = driver,
                                           .host = "h",
                                           .mode = mode,
                                           .head = world->events->len};

    return roll_machine_new(&options);
}

static inline void observe(struct world *world, struct roll_observation observation)
{
    roll_machine_observe(world->machine, &observation, world->wall, world->boot);
}

static inline bool is_said_of_steps(const struct roll_action *action)
{
    for (size_t i = 0; i < action->n_drafts; i++)
        if (action->drafts[i].kind == ROLL_EVENT_rollout_claimed ||
            action->drafts[i].kind == ROLL_EVENT_step_intended)
            return false;
    return true;
}

static inline void answer_append(struct world *world, const struct roll_action *action)
{
    enum roll_observation_kind kind = ROLL_SAW_APPENDED;

    if (world->away && !is_said_of_steps(action)) {
        kind = ROLL_SAW_APPEND_AWAY;
    } else if (world->conflict || world->fail) {
        kind = world->conflict ? ROLL_SAW_CONFLICT : ROLL_SAW_APPEND_FAILED;
        world->conflict = world->fail = false;
    } else {
        for (size_t i = 0; i < action->n_drafts; i++) {
            world_event(world, action->drafts[i].kind, action->drafts[i].body);
            roll_machine_fold(world->machine,
                              g_ptr_array_index(world->events, world->events->len - 1));
        }
    }
    observe(world,
            (struct roll_observation){.id = action->id, .kind = kind, .behind = world->away});
}

/* Takes all actions that are due; appends are answered at once, the others wait in asked. */
static inline void pump(struct world *world)
{
    struct roll_action action;

    while (roll_machine_next(world->machine, world->wall, world->boot, &action, &world->wake)) {
        if (action.kind == ROLL_ACTION_APPEND) {
            answer_append(world, &action);
        } else if (action.kind == ROLL_ACTION_DONE) {
            world->done = action;
        } else {
            ck_assert_uint_lt(world->n_asked, MAX_ASKED);
            world->asked[world->n_asked++] = action;
        }
    }
}

static inline void pass(struct world *world, int64_t ms)
{
    world->wall += ms;
    world->boot += ms;
    pump(world);
}

static inline const char *kind_name(enum roll_action_kind kind)
{
    static const char *const names[] = {
        [ROLL_ACTION_APPEND] = "APPEND",
        [ROLL_ACTION_PUT] = "PUT",
        [ROLL_ACTION_GET] = "GET",
        [ROLL_ACTION_POLL] = "POLL",
        [ROLL_ACTION_CANCEL] = "CANCEL",
        [ROLL_ACTION_EXPLAIN] = "EXPLAIN",
        [ROLL_ACTION_LEFTOVERS] = "LEFTOVERS",
        [ROLL_ACTION_DELETE] = "DELETE",
        [ROLL_ACTION_SEEK] = "SEEK",
        [ROLL_ACTION_PROBE] = "PROBE",
        [ROLL_ACTION_DECIDE_BACK] = "BACK",
        [ROLL_ACTION_GATE] = "GATE",
        [ROLL_ACTION_START] = "START",
        [ROLL_ACTION_DONE] = "DONE",
    };

    return names[kind];
}

/* "PUT weu, GET neu": what waits for an answer. */
static inline char *waiting(const struct world *world)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < world->n_asked; i++)
        g_string_append_printf(text, "%s%s%s%s", i ? ", " : "", kind_name(world->asked[i].kind),
                               world->asked[i].target ? " " : "",
                               world->asked[i].target ? world->asked[i].target->name : "");
    return g_string_free(text, FALSE);
}

static inline void expect_waiting(const struct world *world, const char *text)
{
    g_autofree char *now = waiting(world);

    ck_assert_str_eq(now, text);
}

static inline struct roll_action take_asked(struct world *world, enum roll_action_kind kind,
                                            const char *target)
{
    for (size_t i = 0; i < world->n_asked; i++) {
        struct roll_action action = world->asked[i];
        if (action.kind == kind && (!target || g_str_equal(action.target->name, target))) {
            world->asked[i] = world->asked[--world->n_asked];
            return action;
        }
    }
    ck_abort_msg("%s %s was not asked", kind_name(kind), target);
}

/* Our own deployment's correlation id, of the action. */
static inline const char *correlation_of(const struct roll_action *action)
{
    static char text[ROLL_UUID_SIZE];

    g_free(roll_step_name("shop", "prod", action->request_hash, action->target->name, action->step,
                          action->attempt, text));
    return text;
}

static inline void reply(struct world *world, enum roll_action_kind kind, const char *target,
                         struct roll_observation observation)
{
    struct roll_action action = take_asked(world, kind, target);

    observation.id = action.id;
    observation.kind = ROLL_SAW_REPLY;
    if (observation.retry_after_ms == 0)
        observation.retry_after_ms = -1;
    if (observation.correlation_id && g_str_equal(observation.correlation_id, "ours"))
        observation.correlation_id = correlation_of(&action);
    observe(world, observation);
    pump(world);
}

#define OK(...)                                                                                    \
    ((struct roll_observation){.outcome = ROLL_ARM_OK, .correlation_id = "ours", __VA_ARGS__})
#define OTHERS(...) ((struct roll_observation){.outcome = ROLL_ARM_OK, __VA_ARGS__})
#define NOT(name, ...) ((struct roll_observation){.outcome = ROLL_ARM_##name, __VA_ARGS__})

static inline void deploy(struct world *world, const char *target)
{
    reply(world, ROLL_ACTION_PUT, target, OK(.state = "Accepted"));
    reply(world, ROLL_ACTION_POLL, target, OK(.state = "Succeeded"));
    reply(world, ROLL_ACTION_GET, target, OK(.state = "Succeeded", .arm_at = world->wall));
}

/* "requested claimed intended:weu ended:weu:succeeded:last …" */
static inline char *history(const struct world *world, size_t from)
{
    GString *text = g_string_new(NULL);

    for (size_t i = from; i < world->events->len; i++) {
        const struct roll_event *event = g_ptr_array_index(world->events, i);
        const struct roll_step_intended *intent = roll_event_body(event, step_intended);
        const struct roll_step_ended *end = roll_event_body(event, step_ended);
        if (text->len)
            g_string_append_c(text, ' ');
        g_string_append(text, strchr(roll_event_kind_name(event->kind), '.') + 1);
        if (intent)
            g_string_append_printf(text, ":%s:%d", intent->target, (int)intent->step);
        if (end)
            g_string_append_printf(text, ":%s:%d:%s%s", end->target, (int)end->step, end->outcome,
                                   end->last ? ":last" : "");
    }
    return g_string_free(text, FALSE);
}

static inline void expect_history(const struct world *world, size_t from, const char *expected)
{
    g_autofree char *text = history(world, from);

    ck_assert_str_eq(text, expected);
}

/* Of a world that has its order: the rollout is requested. */
static inline void begin(struct world *world)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */

    request = request_of("release", 0);
    world->machine = machine_new(world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
}

static inline void start(struct world *world, const char *targets)
{
    world_init(world, order_new(targets));
    begin(world);
}

/* The plan fixes the name of the deployment, under which something else may be there. */
static inline void start_fixed(struct world *world)
{
    world_init(world, order_new("weu"));
    ((struct roll_order_target *)g_ptr_array_index(world->order->targets, 0))->deployment_name =
        g_strdup("main");
    begin(world);
}

/* Another process looks at the same ledger; the store's clock is ahead of its own, which is as it
 * was when the world began. */
static inline void rebuild_by(struct world *world, const char *driver, enum roll_machine_mode mode,
                              bool gone, bool take, bool known, int64_t ahead_ms)
{
    struct roll_machine_options options = {.stream = "shop/prod",
                                           .driver = driver,
                                           .host = "h",
                                           .mode = mode,
                                           .gone = gone,
                                           .take = take};

    roll_machine_free(world->machine);
    world->machine = roll_machine_new(&options);
    roll_machine_set_clock(world->machine, known, ahead_ms);
    world->n_asked = 0;
    roll_machine_add(world->machine, 1, world->order);
    for (guint i = 0; i < world->events->len; i++)
        roll_machine_fold(world->machine, g_ptr_array_index(world->events, i));
    if (world->today)
        roll_machine_govern(world->machine, world->today);
    pump(world);
}

static inline void rebuild(struct world *world, const char *driver, enum roll_machine_mode mode,
                           bool gone, bool take)
{
    rebuild_by(world, driver, mode, gone, take, false, 0);
}

static inline void cancelling(struct world *world)
{
    struct roll_rollout_cancelling body = {.rollout = 1};

    world_event(world, ROLL_EVENT_rollout_cancelling, &body);
    roll_machine_fold(world->machine, g_ptr_array_index(world->events, world->events->len - 1));
    pump(world);
}

static inline void fail_target(struct world *world, const char *target)
{
    reply(world, ROLL_ACTION_PUT, target, NOT(REFUSED, .code = "InvalidTemplate", .message = "no"));
}

static inline void add_action(struct world *world, bool skip_on_back)
{
    for (guint i = 0; i < world->order->targets->len; i++) {
        struct roll_order_target *target = g_ptr_array_index(world->order->targets, i);
        struct roll_plan_step *step = g_new0(struct roll_plan_step, 1);
        step->action = g_strdup("slotsswap");
        step->api_version = g_strdup("2022-09-01");
        step->skip_on_back = skip_on_back;
        g_ptr_array_add(target->steps, step);
    }
}

#endif
