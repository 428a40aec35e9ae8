/* The rollout machine: single rules, each in a small world that the test moves by hand. Whole
 * histories with trouble are the simulator's (tests/sim). */
#include <check.h>
#include <stdlib.h>

#include "rollbook/rollout.h"

#define MAX_ASKED 64

/* A ledger and a clock; what the machine asked for and was not answered yet. */
struct world {
    struct roll_machine *machine;
    struct roll_order *order;
    GPtrArray *events;
    int64_t wall, boot;
    struct roll_action asked[MAX_ASKED];
    size_t n_asked;
    struct roll_action done;
    int64_t wake;
    bool conflict, fail; /* the next append */
};

static const char hash[] = "00000000000000000000000000000000000000000000000000000000000000aa";

static void add_target(struct roll_order *order, const char *name, int ring)
{
    struct roll_order_target *target = g_new0(struct roll_order_target, 1);

    target->name = g_strdup(name);
    target->ring = ring;
    target->release = g_strdup("1.1.0");
    target->manifest = g_strdup(hash);
    target->template_digest = g_strdup(hash);
    target->parameters_digest = g_strdup(hash);
    target->apply = g_strdup("deployment");
    target->steps = g_ptr_array_new();
    g_ptr_array_add(order->targets, target);
    order->rings = MAX(order->rings, ring + 1);
}

static struct roll_order *order_new(const char *targets)
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
        add_target(order, names[i], slash ? atoi(slash + 1) : 0);
    }
    return order;
}

static struct roll_rollout_requested request_of(const char *lane, int64_t supersedes)
{
    return (struct roll_rollout_requested){.lane = g_strdup(lane),
                                           .kind = g_strdup("out"),
                                           .order = g_strdup(hash),
                                           .targets = 1,
                                           .supersedes = supersedes};
}

static void world_event(struct world *world, enum roll_event_kind kind, const void *body)
{
    struct roll_event *event =
        roll_event_new("shop/prod", world->events->len + 1, world->wall, NULL, kind, body);

    g_snprintf(event->hash, sizeof event->hash, "%064x", world->events->len + 1);
    g_ptr_array_add(world->events, event);
}

static void free_event(gpointer event)
{
    roll_event_free(event);
}

static void world_init(struct world *world, struct roll_order *order)
{
    *world = (struct world){.order = order, .wall = 1700000000000, .boot = 5000};
    world->events = g_ptr_array_new_with_free_func(free_event);
}

static void world_clear(struct world *world)
{
    roll_machine_free(world->machine);
    roll_order_free(world->order);
    g_ptr_array_unref(world->events);
}

static struct roll_machine *machine_new(const struct world *world, const char *driver,
                                        enum roll_machine_mode mode)
{
    struct roll_machine_options options = {.stream = "shop/prod",
                                           .driver = driver,
                                           .host = "h",
                                           .mode = mode,
                                           .head = world->events->len};

    return roll_machine_new(&options);
}

static void observe(struct world *world, struct roll_observation observation)
{
    roll_machine_observe(world->machine, &observation, world->wall, world->boot);
}

static void answer_append(struct world *world, const struct roll_action *action)
{
    enum roll_observation_kind kind = ROLL_SAW_APPENDED;

    if (world->conflict || world->fail) {
        kind = world->conflict ? ROLL_SAW_CONFLICT : ROLL_SAW_APPEND_FAILED;
        world->conflict = world->fail = false;
    } else {
        for (size_t i = 0; i < action->n_drafts; i++) {
            world_event(world, action->drafts[i].kind, action->drafts[i].body);
            roll_machine_fold(world->machine,
                              g_ptr_array_index(world->events, world->events->len - 1));
        }
    }
    observe(world, (struct roll_observation){.id = action->id, .kind = kind});
}

/* Takes all actions that are due; appends are answered at once, the others wait in asked. */
static void pump(struct world *world)
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

static void pass(struct world *world, int64_t ms)
{
    world->wall += ms;
    world->boot += ms;
    pump(world);
}

static const char *kind_name(enum roll_action_kind kind)
{
    static const char *const names[] = {"APPEND",  "PUT",   "GET",  "POLL", "CANCEL",
                                        "EXPLAIN", "PROBE", "BACK", "DONE"};

    return names[kind];
}

/* "PUT weu, GET neu": what waits for an answer. */
static char *waiting(const struct world *world)
{
    GString *text = g_string_new(NULL);

    for (size_t i = 0; i < world->n_asked; i++)
        g_string_append_printf(text, "%s%s%s%s", i ? ", " : "", kind_name(world->asked[i].kind),
                               world->asked[i].target ? " " : "",
                               world->asked[i].target ? world->asked[i].target->name : "");
    return g_string_free(text, FALSE);
}

static void expect_waiting(const struct world *world, const char *text)
{
    g_autofree char *now = waiting(world);

    ck_assert_str_eq(now, text);
}

static struct roll_action take_asked(struct world *world, enum roll_action_kind kind,
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
static const char *correlation_of(const struct roll_action *action)
{
    static char text[ROLL_UUID_SIZE];

    g_free(roll_step_name("shop", "prod", action->request_hash, action->target->name, action->step,
                          action->attempt, text));
    return text;
}

static void reply(struct world *world, enum roll_action_kind kind, const char *target,
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
#define NOT(name, ...) ((struct roll_observation){.outcome = ROLL_ARM_##name, __VA_ARGS__})

static void deploy(struct world *world, const char *target)
{
    reply(world, ROLL_ACTION_PUT, target, OK(.state = "Accepted"));
    reply(world, ROLL_ACTION_POLL, target, OK(.state = "Succeeded"));
    reply(world, ROLL_ACTION_GET, target, OK(.state = "Succeeded", .arm_at = world->wall));
}

/* "requested claimed intended:weu ended:weu:succeeded:last …" */
static char *history(const struct world *world, size_t from)
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

static void expect_history(const struct world *world, size_t from, const char *expected)
{
    g_autofree char *text = history(world, from);

    ck_assert_str_eq(text, expected);
}

START_TEST(test_machine__a_rollout_of_one_target)
{
    struct world world;
    struct roll_rollout_requested request = request_of("release", 0);

    world_init(&world, order_new("weu"));
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    expect_history(&world, 0, "requested claimed intended:weu:0");
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    expect_history(&world, 3, "ended:weu:0:succeeded:last succeeded");
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    ck_assert_int_eq(world.done.rollout, 1);
    world_clear(&world);
}
END_TEST

static void start(struct world *world, const char *targets)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */

    request = request_of("release", 0);
    world_init(world, order_new(targets));
    world->machine = machine_new(world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
}

/* Another process looks at the same ledger. */
static void rebuild(struct world *world, const char *driver, enum roll_machine_mode mode, bool gone,
                    bool take)
{
    struct roll_machine_options options = {.stream = "shop/prod",
                                           .driver = driver,
                                           .host = "h",
                                           .mode = mode,
                                           .gone = gone,
                                           .take = take};

    roll_machine_free(world->machine);
    world->machine = roll_machine_new(&options);
    world->n_asked = 0;
    roll_machine_add(world->machine, 1, world->order);
    for (guint i = 0; i < world->events->len; i++)
        roll_machine_fold(world->machine, g_ptr_array_index(world->events, i));
    pump(world);
}

START_TEST(test_machine__a_lost_reply_is_followed_by_a_look_never_by_a_blind_repeat)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    expect_waiting(&world, "");
    pass(&world, 9000);
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    pass(&world, 1000);
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    expect_history(&world, 0,
                   "requested claimed intended:weu:0 ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_put_waits_for_a_renewal_when_the_last_append_is_old)
{
    struct world world;
    struct roll_action action;

    start(&world, "weu");
    action = take_asked(&world, ROLL_ACTION_PUT, "weu");
    world.wall += 3600000;
    world.boot += 3600000;
    observe(&world, (struct roll_observation){.id = action.id,
                                              .kind = ROLL_SAW_REPLY,
                                              .outcome = ROLL_ARM_THROTTLED,
                                              .retry_after_ms = 1000});
    pump(&world);
    pass(&world, 1000);
    expect_history(&world, 3, "claimed");
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__whoever_resumes_looks_first)
{
    struct world world;

    start(&world, "weu neu");
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    expect_history(&world, 4, "claimed");
    expect_waiting(&world, "GET weu, GET neu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    reply(&world, ROLL_ACTION_GET, "neu", NOT(NOT_FOUND));
    pass(&world, 10000);
    reply(&world, ROLL_ACTION_GET, "neu", NOT(NOT_FOUND));
    expect_waiting(&world, "POLL weu, PUT neu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_standing_claim_refuses_without_a_word)
{
    struct world world;

    start(&world, "weu");
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, false);
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    expect_history(&world, 3, "");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__settling_records_and_leaves_what_runs_open)
{
    struct world world;

    start(&world, "weu neu");
    rebuild(&world, "d2", ROLL_MACHINE_SETTLE, true, false);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    reply(&world, ROLL_ACTION_GET, "neu", OK(.state = "Failed"));
    reply(&world, ROLL_ACTION_EXPLAIN, "neu", OK(.code = "Conflict", .message = "no"));
    expect_history(&world, 4, "claimed ended:neu:0:failed:last detached");
    ck_assert_int_eq(world.done.end, ROLL_END_SETTLED);
    world_clear(&world);
}
END_TEST

static void cancelling(struct world *world)
{
    struct roll_rollout_cancelling body = {.rollout = 1};

    world_event(world, ROLL_EVENT_rollout_cancelling, &body);
    roll_machine_fold(world->machine, g_ptr_array_index(world->events, world->events->len - 1));
    pump(world);
}

START_TEST(test_machine__cancelling_stops_what_runs_and_starts_nothing)
{
    struct world world;

    start(&world, "weu neu/1");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));
    cancelling(&world);
    expect_waiting(&world, "CANCEL weu");
    reply(&world, ROLL_ACTION_CANCEL, "weu", OK());
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Canceled"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Canceled"));
    expect_history(&world, 3, "cancelling ended:weu:0:cancelled:last cancelled");
    ck_assert_int_eq(roll_machine_target_state(world.machine, 1), ROLL_TARGET_SKIPPED);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine");
    TCase *tests = tcase_create("rules");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, test_machine__a_rollout_of_one_target);
    tcase_add_test(tests, test_machine__a_lost_reply_is_followed_by_a_look_never_by_a_blind_repeat);
    tcase_add_test(tests, test_machine__a_put_waits_for_a_renewal_when_the_last_append_is_old);
    tcase_add_test(tests, test_machine__whoever_resumes_looks_first);
    tcase_add_test(tests, test_machine__a_standing_claim_refuses_without_a_word);
    tcase_add_test(tests, test_machine__settling_records_and_leaves_what_runs_open);
    tcase_add_test(tests, test_machine__cancelling_stops_what_runs_and_starts_nothing);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
