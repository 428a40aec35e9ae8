/* The rollout machine: single rules, each in a small world that the test moves by hand. Whole
 * histories with trouble are the simulator's (tests/sim). */
#include <check.h>
#include <stdlib.h>

#include "rollbook/json.h"
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

static void free_step(gpointer data)
{
    struct roll_plan_step *step = data;

    g_free(step->action);
    g_free(step->api_version);
    g_free(step);
}

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
    target->steps = g_ptr_array_new_with_free_func(free_step);
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
        add_target(order, names[i], slash ? slash[1] - '0' : 0);
    }
    return order;
}

/* Its texts have no owner. */
static struct roll_rollout_requested request_of(const char *lane, int64_t supersedes)
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

static bool is_said_of_steps(const struct roll_action *action)
{
    for (size_t i = 0; i < action->n_drafts; i++)
        if (action->drafts[i].kind == ROLL_EVENT_rollout_claimed ||
            action->drafts[i].kind == ROLL_EVENT_step_intended)
            return false;
    return true;
}

static void answer_append(struct world *world, const struct roll_action *action)
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

static bool is_waiting(const struct world *world, const char *text)
{
    g_autofree char *now = waiting(world);

    return strcmp(now, text) == 0;
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
#define OTHERS(...) ((struct roll_observation){.outcome = ROLL_ARM_OK, __VA_ARGS__})
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

static const struct roll_step_ended *end_of(const struct world *world, size_t index)
{
    const struct roll_event *event = g_ptr_array_index(world->events, index);

    return roll_event_body(event, step_ended);
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

/* Another process looks at the same ledger; the store's clock is ahead of its own, which is as it
 * was when the world began. */
static void rebuild_by(struct world *world, const char *driver, enum roll_machine_mode mode,
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

static void rebuild(struct world *world, const char *driver, enum roll_machine_mode mode, bool gone,
                    bool take)
{
    rebuild_by(world, driver, mode, gone, take, false, 0);
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

/* ---- names
 * ------------------------------------------------------------------------------------------------------------
 */

START_TEST(test_machine__names_follow_from_the_ledger)
{
    char correlation[ROLL_UUID_SIZE], other[ROLL_UUID_SIZE], expected[ROLL_UUID_SIZE];
    g_autofree char *name = roll_step_name("shop", "prod", hash, "weu", 0, 1, correlation);
    g_autofree char *again = roll_step_name("shop", "prod", hash, "weu", 0, 1, other);
    g_autofree char *second = NULL;

    roll_uuid_from(expected, hash, "weu", "0", "1", NULL);
    ck_assert_str_eq(correlation, expected);
    ck_assert_str_eq(correlation, other);
    ck_assert_str_eq(name, again);
    ck_assert_uint_eq(strlen(name), strlen("roll-shop-prod-") + 12);
    ck_assert(strncmp(name + 15, expected, 8) == 0 && strncmp(name + 23, expected + 9, 4) == 0);
    second = roll_step_name("shop", "prod", hash, "weu", 0, 2, other);
    ck_assert_str_ne(name, second);
}
END_TEST

/* ---- order
 * --------------------------------------------------------------------------------------------------------------
 */

static void begin(struct world *world)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */

    request = request_of("release", 0);
    world->machine = machine_new(world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
}

START_TEST(test_machine__rings_follow_one_another_after_a_bake)
{
    struct world world;
    struct roll_machine_view view;

    world_init(&world, order_new("weu neu/1"));
    world.order->bake_ms = 60000;
    begin(&world);
    deploy(&world, "weu");
    expect_waiting(&world, "");
    roll_machine_view(world.machine, &view);
    ck_assert_str_eq(view.state, "verifying");
    ck_assert_int_eq(view.until_boot_ms, world.boot + 60000);
    ck_assert_int_eq(world.wake, world.boot + 60000);
    pass(&world, 59999);
    expect_waiting(&world, "");
    pass(&world, 1);
    expect_waiting(&world, "PUT neu");
    deploy(&world, "neu");
    ck_assert_int_eq(world.done.end, ROLL_END_NONE);
    pass(&world, 60000);
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

/* 2023-11-14T22:13:20Z is when these worlds begin. */
static json_t *timing(const char *cron, const char *length, const char *when_closed)
{
    return json_pack("{s:{s:[{s:s,s:s,s:s}],s:s}}", "timing", "windows", "name", "night", "cron",
                     cron, "for", length, "whenWindowCloses", when_closed);
}

static void begin_in_window(struct world *world, const char *when_closed, json_t **ret_gates)
{
    static struct roll_rollout_requested request;

    request = request_of("release", 0);
    request.gates = *ret_gates =
        timing("0 22 * * *", "PT15M", when_closed); /* open for 100 s more */
    world_init(world, order_new("weu/0 neu/1"));
    world->order->bake_ms = 120000;
    world->machine = machine_new(world, "d", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
}

START_TEST(test_machine__a_window_that_closes_keeps_the_next_ring_waiting)
{
    struct world world;
    struct roll_machine_view view;
    json_t *gates = NULL;

    begin_in_window(&world, "wait", &gates);
    deploy(&world, "weu");
    expect_waiting(&world, "");
    pass(&world, 120000); /* baked, 20 seconds after it has closed */
    expect_waiting(&world, "");
    ck_assert_int_eq(world.done.end, ROLL_END_NONE);
    roll_machine_view(world.machine, &view);
    ck_assert_str_eq(view.state, "waiting");
    ck_assert_str_eq(view.waits_for,
                     "its window: no window is open; 'night' opens next, 2023-11-15 22:00 UTC");
    while (world.wall < INT64_C(1700085600000) - 1) { /* its claim is renewed meanwhile */
        int64_t step = MIN(world.wake - world.boot, INT64_C(1700085600000) - 1 - world.wall);
        ck_assert_int_gt(step, 0);
        pass(&world, step);
        expect_waiting(&world, "");
    }
    pass(&world, 1);
    expect_waiting(&world, "PUT neu");
    json_decref(gates);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_ring_that_was_begun_goes_on_when_its_window_closes)
{
    struct world world;
    json_t *gates = NULL;

    begin_in_window(&world, "wait", &gates);
    pass(&world, 600000);
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    expect_waiting(&world, "");
    world_clear(&world);
    json_decref(gates);
}
END_TEST

START_TEST(test_machine__what_is_left_of_a_ring_does_not_wait_for_a_window)
{
    struct world world;
    static struct roll_rollout_requested request;

    request = request_of("release", 0);
    request.gates = timing("0 22 * * *", "PT15M", "wait");
    world_init(&world, order_new("weu neu sea/1"));
    world.order->max_parallel = 1;
    world.machine = machine_new(&world, "d", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    pass(&world, 200000); /* closed by now */
    deploy(&world, "weu");
    expect_waiting(&world, "PUT neu");
    deploy(&world, "neu");
    expect_waiting(&world, "");
    json_decref(request.gates);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__where_the_plan_says_continue_a_window_that_closes_is_passed)
{
    struct world world;
    json_t *gates = NULL;

    begin_in_window(&world, "continue", &gates);
    deploy(&world, "weu");
    pass(&world, 120000);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
    json_decref(gates);
}
END_TEST

/* Whoever goes on does so by the rules of its day, and whoever comes after it knows them from the
 * ledger, also where it cannot read a plan. */
START_TEST(test_machine__rules_of_the_day_count_from_the_claim_on)
{
    struct world world;
    json_t *gates = NULL;
    roll_auto(json) json_t *closed = timing("0 9 * * *", "PT1H", "wait");
    roll_auto(json) json_t *none = json_object();

    begin_in_window(&world, "wait", &gates);
    deploy(&world, "weu");
    pass(&world, 130000); /* recorded: closed by now */
    expect_waiting(&world, "");
    world.today = none;
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    expect_waiting(&world, "PUT neu");
    json_decref(gates);
    world_clear(&world);

    begin_in_window(&world, "wait", &gates);
    deploy(&world, "weu");
    pass(&world, 90000); /* recorded: open */
    world.order->bake_ms = 0;
    world.today = json_object_get(closed, "timing");
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, true, false);
    expect_waiting(&world, "");
    world.today = NULL;
    rebuild(&world, "d3", ROLL_MACHINE_DRIVE, true, false);
    expect_waiting(&world, "");
    json_decref(gates);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__at_most_so_many_targets_at_once)
{
    struct world world;

    world_init(&world, order_new("a b c"));
    world.order->max_parallel = 2;
    begin(&world);
    expect_waiting(&world, "PUT a, PUT b");
    deploy(&world, "b");
    expect_waiting(&world, "PUT a, PUT c");
    world_clear(&world);
}
END_TEST

static void fail_target(struct world *world, const char *target)
{
    reply(world, ROLL_ACTION_PUT, target, NOT(REFUSED, .code = "InvalidTemplate", .message = "no"));
}

START_TEST(test_machine__too_many_failures_start_nothing_more)
{
    struct world world;

    world_init(&world, order_new("a b c d"));
    world.order->max_parallel = 2;
    world.order->max_failures = 1;
    begin(&world);
    fail_target(&world, "a");
    expect_waiting(&world, "PUT b, PUT c");
    fail_target(&world, "b");
    expect_waiting(&world, "PUT c");
    deploy(&world, "c");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 3), ROLL_TARGET_SKIPPED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__failures_within_the_bound_go_on_and_fail_at_the_end)
{
    struct world world;

    world_init(&world, order_new("a b/1"));
    world.order->max_failures = 1;
    begin(&world);
    fail_target(&world, "a");
    deploy(&world, "b");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    ck_assert_int_eq(roll_machine_target_state(world.machine, 1), ROLL_TARGET_SUCCEEDED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__in_lane_rollback_a_failure_never_stops_the_others)
{
    struct world world;

    world_init(&world, order_new("a b c"));
    world.order->lane = ROLL_LANE_ROLLBACK;
    world.order->max_parallel = 1;
    begin(&world);
    fail_target(&world, "a");
    fail_target(&world, "b");
    expect_waiting(&world, "PUT c");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_fleet_costs_what_it_changes)
{
    enum { TARGETS = 10000 };
    struct world world;
    g_autoptr(GString) names = g_string_new("t0");

    for (int i = 1; i < TARGETS; i++)
        g_string_append_printf(names, " t%d", i);
    world_init(&world, order_new(names->str));
    world.order->max_parallel = 50;
    begin(&world);
    while (world.n_asked > 0) {
        struct roll_action action = world.asked[0];
        reply(&world, action.kind, action.target->name,
              action.kind == ROLL_ACTION_PUT ? OK(.state = "Accepted")
                                             : OK(.state = "Succeeded", .arm_at = world.wall));
    }
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_append_holds_at_most_200_events)
{
    struct world world;
    struct roll_rollout_requested request = request_of("release", 0);
    struct roll_action action;
    int64_t wake;
    g_autoptr(GString) names = g_string_new("t0");

    for (int i = 1; i < 300; i++)
        g_string_append_printf(names, " t%d", i);
    world_init(&world, order_new(names->str));
    world.order->max_parallel = 300;
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    ck_assert(roll_machine_next(world.machine, world.wall, world.boot, &action, &wake));
    ck_assert_uint_le(action.n_drafts, 200);
    ck_assert_uint_ge(action.n_drafts, 199);
    ck_assert(!roll_machine_next(world.machine, world.wall, world.boot, &action, &wake));
    world_clear(&world);
}
END_TEST

/* ---- replies
 * --------------------------------------------------------------------------------------------------------------
 */

START_TEST(test_machine__throttled_is_tried_again_for_ten_minutes)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 10; i++) {
        expect_waiting(&world, "PUT weu");
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(THROTTLED, .code = "TooManyRequests", .retry_after_ms = 60000));
        pass(&world, 60000);
    }
    reply(&world, ROLL_ACTION_PUT, "weu",
          NOT(THROTTLED, .code = "TooManyRequests", .retry_after_ms = 60000));
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__busy_with_our_own_deployment_is_adopted)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(BUSY, .code = "DeploymentActive"));
    expect_waiting(&world, "GET weu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 500);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__busy_with_something_else_is_put_again)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu",
          NOT(BUSY, .code = "AnotherOperationInProgress", .retry_after_ms = 5000));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, "");
    pass(&world, 5000);
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_name_with_another_correlation_id_is_a_conflict)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "Succeeded", .correlation_id = "somebody"));
    expect_history(&world, 3, "ended:weu:0:conflict:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_fixed_name_was_used_before)
{
    struct world world;
    struct roll_order_target *target;

    world_init(&world, order_new("weu"));
    target = g_ptr_array_index(world.order->targets, 0);
    target->deployment_name = g_strdup("main");
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "Succeeded", .correlation_id = "the last one"));
    for (int i = 0; i < 5; i++) {
        pass(&world, 2000);
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = "Succeeded", .correlation_id = "the last one"));
    }
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

/* ARM's DeploymentActive: what runs under the name that the plan fixes is waited for. */
START_TEST(test_machine__another_deployment_of_a_fixed_name_is_waited_for)
{
    struct world world;
    struct roll_order_target *target;

    world_init(&world, order_new("weu"));
    target = g_ptr_array_index(world.order->targets, 0);
    target->deployment_name = g_strdup("main");
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(BUSY, .code = "DeploymentActive"));
    for (int i = 0; i < 20; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = "Running", .correlation_id = "the portal", .retry_after_ms = 15000));
        pass(&world, 15000);
    }
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "Succeeded", .correlation_id = "the portal"));
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__another_deployment_is_not_waited_for_without_end)
{
    struct world world;
    struct roll_order_target *target;

    world_init(&world, order_new("weu"));
    target = g_ptr_array_index(world.order->targets, 0);
    target->deployment_name = g_strdup("main");
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(BUSY, .code = "DeploymentActive"));
    for (int i = 0; i < 41; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = "Running", .correlation_id = "the portal", .retry_after_ms = 15000));
        pass(&world, 15000);
        if (world.n_asked == 0)
            break;
    }
    g_autofree char *text = history(&world, 3);
    ck_assert_msg(strstr(text, "ended:weu:0:conflict:last failed"), "%s", text);
    world_clear(&world);
}
END_TEST

/* A no that the driver lifts: the same request, without a look in between, for ten minutes. */
START_TEST(test_machine__what_is_being_lifted_is_asked_again)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 59; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(LATER, .code = "AuthorizationFailed", .retry_after_ms = 10000));
        expect_waiting(&world, "");
        pass(&world, 10000);
        expect_waiting(&world, "PUT weu");
    }
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_is_not_lifted_in_ten_minutes_is_refused)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 61 && !world.done.kind; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(LATER, .code = "AuthorizationFailed", .message = "no", .retry_after_ms = 10000));
        if (world.n_asked == 0)
            pass(&world, 10000);
        if (world.n_asked == 0)
            break;
    }
    ck_assert_int_ge(world.boot, 600000);
    const struct roll_event *last = g_ptr_array_index(world.events, world.events->len - 2);
    const struct roll_step_ended *end = roll_event_body(last, step_ended);
    ck_assert_ptr_nonnull(end);
    ck_assert_str_eq(end->outcome, "refused");
    ck_assert_str_eq(end->code, "AuthorizationFailed");
    ck_assert_str_eq(end->message, "no");
    world_clear(&world);
}
END_TEST

/* Reading may be forbidden for as long. */
START_TEST(test_machine__looks_wait_for_access_too)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    for (int i = 0; i < 30; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              NOT(LATER, .code = "AuthorizationFailed", .retry_after_ms = 15000));
        pass(&world, 15000);
    }
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 2000);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__lost_five_times_and_never_seen_is_absent)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 6; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
        world.wall += 10000;
        world.boot += 10000;
        reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND)); /* asked too early to be believed */
        reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    }
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__not_found_while_polling_is_believed_after_five_minutes)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    for (int i = 0; i < 299; i++) {
        reply(&world, ROLL_ACTION_POLL, "weu",
              NOT(NOT_FOUND, .code = "DeploymentNotFound", .retry_after_ms = 1000));
        pass(&world, 1000);
        expect_waiting(&world, "POLL weu");
    }
    reply(&world, ROLL_ACTION_POLL, "weu",
          NOT(NOT_FOUND, .code = "DeploymentNotFound", .retry_after_ms = 1000));
    pass(&world, 1000);
    reply(&world, ROLL_ACTION_POLL, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
    expect_history(&world, world.events->len - 2, "ended:weu:0:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_vanished_group_ends_the_step_at_once)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", NOT(NOT_FOUND, .code = "ResourceGroupNotFound"));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "ResourceGroupNotFound"));
    expect_history(&world, 3, "ended:weu:0:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__late_and_double_answers_are_dropped)
{
    struct world world;
    struct roll_action put;

    start(&world, "weu");
    put = take_asked(&world, ROLL_ACTION_PUT, "weu");
    for (int i = 0; i < 3; i++) {
        struct roll_blob *blob = g_new0(struct roll_blob, 1);
        blob->data = g_string_new("{}");
        observe(&world,
                (struct roll_observation){
                    .id = put.id, .kind = ROLL_SAW_REPLY, .retry_after_ms = -1, .result = blob});
    }
    observe(&world, (struct roll_observation){
                        .id = 4711, .kind = ROLL_SAW_REPLY, .outcome = ROLL_ARM_REFUSED});
    observe(&world, (struct roll_observation){.id = 4711, .kind = ROLL_SAW_CONFLICT});
    observe(&world, (struct roll_observation){.id = 4711, .kind = ROLL_SAW_BACK});
    pump(&world);
    expect_waiting(&world, "POLL weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_ARM_said_is_appended)
{
    struct world world;
    struct roll_blob *blob = g_new0(struct roll_blob, 1);
    const struct roll_step_ended *end;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Failed"));
    reply(&world, ROLL_ACTION_GET, "weu",
          OK(.state = "Failed", .code = "DeploymentFailed", .duration_ms = 7, .arm_at = 8));
    blob->data = g_string_new("{}");
    roll_sha256_hex("{}", 2, blob->digest);
    reply(&world, ROLL_ACTION_EXPLAIN, "weu",
          OK(.code = "Conflict", .message = "the name is taken", .resources = 3, .result = blob));
    end = roll_event_body((struct roll_event *)g_ptr_array_index(world.events, 3), step_ended);
    ck_assert_str_eq(end->code, "Conflict");
    ck_assert_str_eq(end->message, "the name is taken");
    ck_assert_int_eq(end->duration_ms, 7);
    ck_assert_int_eq(end->arm_at, 8);
    ck_assert_int_eq(end->resources, 3);
    ck_assert_uint_eq(strlen(end->result), 64);
    ck_assert(end->accepted);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__details_are_asked_for_a_few_times_and_done_without)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    for (int i = 0; i < 5; i++) {
        reply(&world, ROLL_ACTION_GET, "weu", NOT(LOST));
        expect_history(&world, 3, "");
        pass(&world, 40000);
    }
    reply(&world, ROLL_ACTION_GET, "weu", NOT(LOST));
    expect_history(&world, 3, "claimed ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_cannot_be_read_is_not_guessed)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    reply(&world, ROLL_ACTION_GET, "weu", NOT(REFUSED, .code = "AuthorizationFailed"));
    pass(&world, 60000);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(REFUSED, .code = "AuthorizationFailed"));
    expect_history(&world, 3, "detached");
    ck_assert_int_eq(world.done.end, ROLL_END_DETACHED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__without_a_token_the_step_is_refused)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(NO_TOKEN, .message = "no credential"));
    expect_history(&world, 3, "ended:weu:0:refused:last failed");
    ck_assert_str_eq(end_of(&world, 3)->code, "NoToken");
    ck_assert_str_eq(end_of(&world, 3)->message, "no credential");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__what_never_arrives_ends_with_the_last_answer)
{
    struct world world;

    start(&world, "weu");
    for (int i = 0; i < 6; i++) {
        reply(&world, ROLL_ACTION_PUT, "weu",
              NOT(LOST, .message = "ARM answered 502 without saying why"));
        for (int look = 0; look < 2; look++) {
            if (look > 0)
                pass(&world, 10000);
            reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
        }
    }
    expect_history(&world, 3, "claimed claimed ended:weu:0:absent:last failed");
    ck_assert_str_eq(end_of(&world, 5)->code, "NeverArrived");
    ck_assert_str_eq(end_of(&world, 5)->message, "the request never arrived; the last answer was: "
                                                 "ARM answered 502 without saying why");
    world_clear(&world);
}
END_TEST

/* ---- actions and checks
 * ---------------------------------------------------------------------------------------------------
 */

static void add_action(struct world *world, bool skip_on_back)
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

static void add_check(struct world *world)
{
    struct roll_plan_health *check = g_new0(struct roll_plan_health, 1);

    check->url = g_strdup("http://weu");
    check->within_ms = 10000;
    check->every_ms = 5000;
    g_ptr_array_add(world->order->health, check);
}

static void probed(struct world *world, bool healthy)
{
    struct roll_action action = take_asked(world, ROLL_ACTION_PROBE, NULL);

    observe(world, (struct roll_observation){.id = action.id,
                                             .kind = ROLL_SAW_PROBED,
                                             .healthy = healthy,
                                             .message = "status 500"});
    pump(world);
}

START_TEST(test_machine__actions_then_checks_follow_the_deployment)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_action(&world, true);
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    expect_waiting(&world, "PUT weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK());
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_CHECKING);
    probed(&world, true);
    expect_history(&world, 2,
                   "intended:weu:0 ended:weu:0:succeeded intended:weu:1 ended:weu:1:succeeded "
                   "ended:weu:2:succeeded:last "
                   "succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_action_that_a_back_skips_is_not_intended)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->lane = ROLL_LANE_ROLLBACK;
    add_action(&world, true);
    begin(&world);
    deploy(&world, "weu");
    expect_history(&world, 2, "intended:weu:0 ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_action_is_never_repeated)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_action(&world, false);
    begin(&world);
    deploy(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    expect_waiting(&world, "");
    pass(&world, 10000);
    expect_history(&world, 5, "ended:weu:1:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_unhealthy_target_fails)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, false);
    pass(&world, 5000);
    probed(&world, false);
    pass(&world, 5000);
    probed(&world, false);
    expect_history(&world, 3, "ended:weu:0:succeeded ended:weu:1:failed:last failed");
    world_clear(&world);
}
END_TEST

static void add_watch(struct world *world)
{
    add_check(world);
    ((struct roll_plan_health *)g_ptr_array_index(world->order->health, 0))->kind =
        ROLL_HEALTH_ALERTS;
}

START_TEST(test_machine__alerts_are_watched_to_the_end)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_watch(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, true);
    expect_waiting(&world, "");
    pass(&world, 5000);
    probed(&world, false); /* they could not be read */
    pass(&world, 5000);
    probed(&world, true);
    expect_history(&world, 3, "ended:weu:0:succeeded ended:weu:1:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_alert_that_fired_is_not_waited_away)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_watch(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, true);
    pass(&world, 5000);
    struct roll_action action = take_asked(&world, ROLL_ACTION_PROBE, NULL);
    observe(&world, (struct roll_observation){
                        .id = action.id, .kind = ROLL_SAW_PROBED, .code = "AlertFired"});
    pump(&world);
    expect_history(&world, 3, "ended:weu:0:succeeded ended:weu:1:failed:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_back_looks_at_alerts_once)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->health_reports_only = true;
    add_watch(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, true);
    expect_history(&world, 3, "ended:weu:0:succeeded:last ended:weu:1:succeeded succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__health_that_is_only_reported_fails_nothing)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->health_reports_only = true;
    add_check(&world);
    begin(&world);
    deploy(&world, "weu");
    probed(&world, false);
    pass(&world, 10000);
    probed(&world, false);
    expect_history(&world, 3, "ended:weu:0:succeeded:last ended:weu:1:failed succeeded");
    world_clear(&world);
}
END_TEST

/* ---- claims
 * ------------------------------------------------------------------------------------------------------------------
 */

static void claim_as(struct world *world, const char *driver, bool settle)
{
    g_autofree char *name = g_strdup(driver);
    char host[] = "h";
    struct roll_rollout_claimed body = {.rollout = 1,
                                        .driver = name,
                                        .host = host,
                                        .until = world->wall + ROLL_CLAIM_MS,
                                        .settle = settle};

    world_event(world, ROLL_EVENT_rollout_claimed, &body);
    roll_machine_fold(world->machine, g_ptr_array_index(world->events, world->events->len - 1));
    pump(world);
}

static void claim_by(struct world *world, const char *driver)
{
    claim_as(world, driver, false);
}

static void may_not_start(struct world *world)
{
    struct roll_action asked = take_asked(world, ROLL_ACTION_START, NULL);

    observe(world, (struct roll_observation){
                       .id = asked.id, .kind = ROLL_SAW_START, .retry_after_ms = 1000});
    pump(world);
}

/* It used to ask to be woken at once, again and again, while another driver ended it. */
START_TEST(test_machine__a_cancelled_wait_sleeps_while_another_settles_it)
{
    struct roll_rollout_requested request = request_of("release", 0);
    struct world world;

    request.gates = json_pack("{s:b}", "wait", 1);
    world_init(&world, order_new("weu"));
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    may_not_start(&world);
    claim_as(&world, "d2", true);
    may_not_start(&world);
    cancelling(&world);
    pass(&world, 2000);
    ck_assert_int_eq(world.done.end, ROLL_END_NONE);
    ck_assert_int_eq(world.wake, world.boot + ROLL_CLAIM_MS - 2000);
    pass(&world, ROLL_CLAIM_MS - 2000);
    ck_assert_int_eq(world.done.end, ROLL_END_CANCELLED);
    world_clear(&world);
    json_decref(request.gates);
}
END_TEST

START_TEST(test_machine__another_driver_fences)
{
    struct world world;

    start(&world, "weu neu");
    claim_by(&world, "d2");
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(THROTTLED));
    pass(&world, 60000);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
}
END_TEST

/* By its own clock the claim has lapsed a minute ago; the store's says that it stands. */
START_TEST(test_machine__a_claim_is_judged_by_the_clock_that_all_share)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS + 60000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, false, false, true, -65000);
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    expect_history(&world, 3, "");
    world_clear(&world);
}
END_TEST

/* Nor is it taken in the seconds by which two replicas may still be apart. */
START_TEST(test_machine__a_claim_that_has_just_lapsed_by_the_shared_clock_stands)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS + 1000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, false, false, true, 0);
    ck_assert_int_eq(world.done.end, ROLL_END_FENCED);
    world_clear(&world);
}
END_TEST

/* What it writes is meant by the shared clock too, and its own PUTs leave under that alone. */
START_TEST(test_machine__a_claim_is_written_by_the_clock_that_all_share)
{
    struct world world;

    start(&world, "weu");
    world.wall += 30000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, true, false, true, 120000);
    const struct roll_event *event = g_ptr_array_index(world.events, 3);
    const struct roll_rollout_claimed *body = roll_event_body(event, rollout_claimed);
    ck_assert_int_eq(body->until, world.wall + 120000 + ROLL_CLAIM_MS);
    ck_assert(roll_machine_may_put(world.machine, world.wall, world.boot));
    ck_assert(!roll_machine_may_put(world.machine, body->until - 120000, world.boot));
    world_clear(&world);
}
END_TEST

/* Clocks that are far apart say nothing: whoever takes over is silent until the other one's fence
 * has fallen. */
START_TEST(test_machine__whoever_takes_over_with_doubtful_clocks_is_silent_first)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS + 600000;
    rebuild_by(&world, "d2", ROLL_MACHINE_DRIVE, false, true, true, 120000);
    ck_assert(!roll_machine_may_put(world.machine, world.wall, world.boot));
    ck_assert(roll_machine_may_put(world.machine, world.wall, world.boot + ROLL_FENCE_MS));
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_claim_is_renewed_while_something_is_under_way)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    ck_assert_int_eq(world.wake, world.boot + ROLL_CLAIM_MS - ROLL_CLAIM_RENEW_MS);
    pass(&world, ROLL_CLAIM_MS - ROLL_CLAIM_RENEW_MS);
    expect_history(&world, 3, "claimed");
    world_clear(&world);
}
END_TEST

/* The store is out of reach when the claim has to be renewed: what runs is followed to its end,
 * which needs the ledger here alone. */
START_TEST(test_machine__a_renewal_that_cannot_reach_the_store_ends_nothing)
{
    struct world world;

    start(&world, "weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    world.away = true;
    pass(&world, ROLL_CLAIM_MS);
    expect_history(&world, 3, "");
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    expect_history(&world, 3, "ended:weu:0:succeeded:last succeeded");
    world_clear(&world);
}
END_TEST

/* What is new waits for the store, and nothing leaves under a claim that has lapsed meanwhile. */
START_TEST(test_machine__a_new_target_waits_for_the_store)
{
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_parallel = 1;
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    world.away = true;
    pass(&world, 60000);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    pass(&world, 1000);
    expect_waiting(&world, "");
    world.away = false;
    pass(&world, 60000);
    expect_waiting(&world, "PUT neu");
    world_clear(&world);
}
END_TEST

/* For no longer than the claim stands: then it is given back, and somebody resumes it. */
START_TEST(test_machine__a_store_that_stays_away_is_waited_for_until_the_claim_lapses)
{
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_parallel = 1;
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    world.away = true;
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    for (int i = 0; i < 5; i++)
        pass(&world, 60000);
    pass(&world, 60000);
    expect_waiting(&world, "");
    ck_assert_int_eq(world.done.end, ROLL_END_DETACHED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__after_a_take_no_put_before_the_other_fence_has_passed)
{
    struct world world;

    world_init(&world, order_new("weu neu"));
    world.order->max_parallel = 1;
    begin(&world);
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, true);
    expect_history(&world, 3, "claimed");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    expect_history(&world, 4, "ended:weu:0:succeeded:last intended:neu:0");
    /* It is looked for as long as the other one may still send it, which is longer than the fence.
     */
    int64_t passed = 0;
    for (; !is_waiting(&world, "PUT neu") && passed <= ROLL_ABSENT_MS; passed += 1000) {
        if (is_waiting(&world, "GET neu"))
            reply(&world, ROLL_ACTION_GET, "neu", NOT(NOT_FOUND, .code = "DeploymentNotFound"));
        pass(&world, 1000);
    }
    expect_waiting(&world, "PUT neu");
    ck_assert_int_ge(passed, ROLL_FENCE_MS);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_put_that_waited_asks_again_whether_it_may_leave)
{
    struct world world;

    start(&world, "weu");
    ck_assert(roll_machine_may_put(world.machine, world.wall, world.boot + ROLL_FENCE_MS));
    ck_assert(!roll_machine_may_put(world.machine, world.wall, world.boot + ROLL_FENCE_MS + 1));
    ck_assert(!roll_machine_may_put(world.machine, world.wall + ROLL_CLAIM_MS, world.boot));
    claim_by(&world, "d2");
    ck_assert(!roll_machine_may_put(world.machine, world.wall, world.boot));
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_lapsed_or_detached_claim_is_taken_over)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS;
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, false);
    expect_waiting(&world, "GET weu");
    observe(&world, (struct roll_observation){.kind = ROLL_SAW_DETACH});
    pump(&world);
    expect_history(&world, 3, "claimed detached");
    rebuild(&world, "d3", ROLL_MACHINE_DRIVE, false, false);
    expect_waiting(&world, "GET weu");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_foreign_intent_is_old_when_its_last_sender_is)
{
    struct world world;

    start(&world, "weu");
    world.wall += ROLL_CLAIM_MS * 2;
    world.boot += ROLL_CLAIM_MS * 2;
    rebuild(&world, "d2", ROLL_MACHINE_DRIVE, false, false);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, "PUT weu"); /* nobody wrote for ten minutes */
    rebuild(&world, "d3", ROLL_MACHINE_DRIVE, true, false);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, ""); /* d2 may have sent it just now */
    pass(&world, 10000);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
}
END_TEST

/* ---- settling
 * ------------------------------------------------------------------------------------------------------------------
 */

START_TEST(test_machine__settling_leaves_a_young_intent_and_ends_an_old_one)
{
    struct world world;

    start(&world, "weu");
    rebuild(&world, "d2", ROLL_MACHINE_SETTLE, true, false);
    for (int i = 0; i < 3; i++) {
        reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
        pass(&world, 2000);
    }
    expect_history(&world, 3, "claimed detached");
    ck_assert_int_eq(world.done.end, ROLL_END_SETTLED);
    pass(&world, ROLL_ABSENT_MS);
    rebuild(&world, "d3", ROLL_MACHINE_SETTLE, true, false);
    reply(&world, ROLL_ACTION_GET, "weu", NOT(NOT_FOUND));
    expect_history(&world, 5, "claimed ended:weu:0:absent detached");
    rebuild(&world, "d4", ROLL_MACHINE_DRIVE, true, false);
    expect_history(&world, 8, "claimed intended:weu:0");
    ck_assert_int_eq(take_asked(&world, ROLL_ACTION_PUT, "weu").attempt, 2);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__nothing_to_settle_writes_nothing)
{
    struct world world;

    start(&world, "weu");
    deploy(&world, "weu");
    world.done.end = ROLL_END_NONE;
    rebuild(&world, "d2", ROLL_MACHINE_SETTLE, true, false);
    ck_assert_int_eq(world.done.end, ROLL_END_ENDED);
    expect_history(&world, 5, "");
    world_clear(&world);
}
END_TEST

/* ---- stacks
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Every target of the order becomes a stack. */
static struct roll_order *as_stacks(struct roll_order *order)
{
    for (guint i = 0; i < order->targets->len; i++) {
        struct roll_order_target *target = g_ptr_array_index(order->targets, i);
        g_free(target->apply);
        target->apply = g_strdup("stack");
    }
    return order;
}

static const char *const stack_states[] = {"succeeded", "deploying"};

START_TEST(test_machine__a_stack_with_an_earlier_release_is_put_again)
{
    struct world world;

    world_init(&world, as_stacks(order_new("weu")));
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", NOT(LOST));
    for (int i = 0; i < 6; i++) {
        reply(&world, ROLL_ACTION_GET, "weu",
              OTHERS(.state = stack_states[_i], .correlation_id = "the last one"));
        pass(&world, 2000);
    }
    expect_waiting(&world, "PUT weu");
    deploy(&world, "weu");
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_stack_that_somebody_else_overwrote_is_a_conflict)
{
    struct world world;

    world_init(&world, as_stacks(order_new("weu")));
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "initializing"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu",
          OTHERS(.state = "succeeded", .correlation_id = "a later one"));
    expect_history(&world, 3, "ended:weu:0:conflict:last failed");
    world_clear(&world);
}
END_TEST

static void supersede(struct world *world, struct roll_order *order, bool stacks);

START_TEST(test_machine__whoever_takes_the_place_of_a_stack_waits_for_it)
{
    struct world world;
    struct roll_order *order = as_stacks(order_new("weu"));

    supersede(&world, order, true);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "deploying"));
    pass(&world, 500);
    reply(&world, ROLL_ACTION_CANCEL, "weu", NOT(REFUSED, .code = "StackCannotBeCancelled"));
    for (int i = 0; i < 3; i++) {
        pass(&world, ROLL_CANCEL_WAIT_MS);
        reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "deploying"));
    }
    pass(&world, 20000);
    expect_waiting(&world, "POLL weu");
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "succeeded", .arm_at = 5));
    expect_waiting(&world, "PUT weu");
    world_clear(&world);
    roll_order_free(order);
}
END_TEST

/* ---- superseding
 * ------------------------------------------------------------------------------------------------------------------
 */

/* Rollout 1 was put to weu and is running there; a back of weu and neu takes its place. */
static void supersede(struct world *world, struct roll_order *order, bool stacks)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */

    request = request_of("rollback", 1);
    start(world, "weu");
    if (stacks)
        as_stacks(world->order);
    roll_machine_free(world->machine);
    world->n_asked = 0;
    world->machine = machine_new(world, "d2", ROLL_MACHINE_DRIVE);
    roll_machine_add(world->machine, 1, world->order);
    for (guint i = 0; i < world->events->len; i++)
        roll_machine_fold(world->machine, g_ptr_array_index(world->events, i));
    roll_machine_request(world->machine, &request, order, NULL);
    pump(world);
}

START_TEST(test_machine__a_back_cancels_and_waits_for_what_is_under_way)
{
    struct world world;
    struct roll_order *order = order_new("weu neu");

    supersede(&world, order, false);
    expect_history(&world, 3, "superseded requested claimed intended:neu:0");
    expect_waiting(&world, "GET weu, PUT neu");
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 500);
    reply(&world, ROLL_ACTION_CANCEL, "weu", OK());
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Canceled"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Canceled"));
    expect_history(&world, 7, "ended:weu:0:cancelled:last intended:weu:0");
    ck_assert_int_eq(take_asked(&world, ROLL_ACTION_PUT, "weu").rollout, 5);
    world_clear(&world);
    roll_order_free(order);
}
END_TEST

START_TEST(test_machine__what_does_not_stop_is_followed_and_overwritten)
{
    struct world world;
    struct roll_order *order = order_new("weu");

    supersede(&world, order, false);
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Running"));
    pass(&world, 500);
    reply(&world, ROLL_ACTION_CANCEL, "weu", NOT(REFUSED, .code = "DeploymentCannotBeCancelled"));
    pass(&world, ROLL_CANCEL_WAIT_MS);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));
    pass(&world, 2000);
    expect_waiting(&world, "POLL weu, PUT weu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Running"));   /* the old one */
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded")); /* the new one */
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded", .arm_at = 1000));
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0),
                     ROLL_TARGET_RUNNING); /* not recorded yet */
    pass(&world, 2000);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded", .arm_at = 2000));
    ck_assert_int_eq(take_asked(&world, ROLL_ACTION_PUT, "weu").attempt, 2);
    world_clear(&world);
    roll_order_free(order);
}
END_TEST

START_TEST(test_machine__whoever_is_superseded_stops)
{
    struct world world;
    struct roll_rollout_superseded body = {.rollout = 1, .by = 5};

    start(&world, "weu");
    world_event(&world, ROLL_EVENT_rollout_superseded, &body);
    roll_machine_fold(world.machine, g_ptr_array_index(world.events, world.events->len - 1));
    pump(&world);
    ck_assert_int_eq(world.done.end, ROLL_END_SUPERSEDED);
    world_clear(&world);
}
END_TEST

/* ---- ends
 * --------------------------------------------------------------------------------------------------------------------------
 */

/* A back that deletes what is left over: its one target has its goal, and one leftover is sorted
 * out. */
static void start_prune(struct world *world)
{
    static struct roll_rollout_requested request; /* borrowed by the machine */
    struct roll_leftover *leftover = g_new0(struct roll_leftover, 1);
    GPtrArray *leftovers = g_ptr_array_new_with_free_func((GDestroyNotify)roll_leftover_free);

    leftover->id = g_strdup("/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/x/y");
    leftover->api_version = g_strdup("2023-01-01");
    g_ptr_array_add(leftovers, leftover);
    request = request_of("rollback", 0);
    world_init(world, order_new("weu"));
    world->order->prune = g_new0(char *, 1); /* deletes only what is safe on its own */
    world->machine = machine_new(world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world->machine, &request, world->order, NULL);
    pump(world);
    deploy(world, "weu");
    struct roll_action asked = take_asked(world, ROLL_ACTION_LEFTOVERS, "weu");
    observe(world, (struct roll_observation){
                       .id = asked.id, .kind = ROLL_SAW_LEFTOVERS, .leftovers = leftovers});
    pump(world);
}

START_TEST(test_machine__a_leftover_that_stays_in_deleting_keeps_no_rollout_open)
{
    struct world world;
    int looks = 0;

    start_prune(&world);
    reply(&world, ROLL_ACTION_DELETE, "weu", (struct roll_observation){.outcome = ROLL_ARM_LOST});
    while (world.done.end == ROLL_END_NONE && looks++ < 5000) {
        reply(&world, ROLL_ACTION_SEEK, "weu", OK(.state = "Deleting"));
        pass(&world, 2000);
    }
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    ck_assert_int_eq(looks, 1801); /* an hour of them */
    const struct roll_event *last = g_ptr_array_index(world.events, world.events->len - 2);
    ck_assert_int_eq(last->kind, ROLL_EVENT_prune_ended);
    ck_assert_str_eq(roll_event_body(last, prune_ended)->outcome, "failed");
    world_clear(&world);
}
END_TEST

static struct roll_choice *choice_new(void)
{
    struct roll_choice *choice = g_new0(struct roll_choice, 1);

    choice->order = order_new("weu");
    choice->request.lane = g_strdup("rollback");
    choice->request.kind = g_strdup("back");
    choice->request.order = g_strdup(hash);
    return choice;
}

START_TEST(test_machine__on_failure_back_requests_and_claims_it_in_the_same_append)
{
    struct world world;
    struct roll_action action;

    world_init(&world, order_new("weu neu"));
    world.order->back_on_failure = true;
    begin(&world);
    fail_target(&world, "weu");
    deploy(&world, "neu");
    action = take_asked(&world, ROLL_ACTION_DECIDE_BACK, NULL);
    observe(&world, (struct roll_observation){
                        .id = action.id, .kind = ROLL_SAW_BACK, .choice = choice_new()});
    pump(&world);
    expect_history(&world, 6, "failed requested claimed");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED_BACK);
    ck_assert_int_eq(world.done.next_rollout, 8);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__no_back_when_nothing_was_touched)
{
    struct world world;

    world_init(&world, order_new("weu"));
    world.order->back_on_failure = true;
    begin(&world);
    fail_target(&world, "weu");
    ck_assert_int_eq(world.done.end, ROLL_END_FAILED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__detaching_gives_the_claim_back)
{
    struct world world;

    start(&world, "weu");
    observe(&world, (struct roll_observation){.kind = ROLL_SAW_DETACH});
    pump(&world);
    expect_history(&world, 3, "detached");
    ck_assert_int_eq(world.done.end, ROLL_END_DETACHED);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_conflict_on_the_request_is_decided_by_others)
{
    struct world world;
    struct roll_rollout_requested request = request_of("release", 0);

    world_init(&world, order_new("weu"));
    world.conflict = true;
    world.machine = machine_new(&world, "d1", ROLL_MACHINE_DRIVE);
    roll_machine_request(world.machine, &request, world.order, NULL);
    pump(&world);
    ck_assert_int_eq(world.done.end, ROLL_END_CONFLICT);
    expect_history(&world, 0, "");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_later_conflict_is_tried_again)
{
    struct world world;

    start(&world, "weu");
    world.conflict = true;
    fail_target(&world, "weu");
    expect_history(&world, 3, "ended:weu:0:refused:last failed");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_append_that_fails_ends_all)
{
    struct world world;

    start(&world, "weu neu");
    world.fail = true;
    fail_target(&world, "weu");
    ck_assert_int_eq(world.done.end, ROLL_END_ERROR);
    expect_history(&world, 4, "");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__an_unknown_kind_stops)
{
    struct world world;
    struct roll_hold_set body = {0};
    struct roll_event *event;

    start(&world, "weu");
    event = roll_event_new("shop/prod", 4, world.wall, NULL, ROLL_EVENT_hold_set, &body);
    event->kind = ROLL_EVENT_UNKNOWN;
    roll_machine_fold(world.machine, event);
    event->kind = ROLL_EVENT_hold_set;
    roll_event_free(event);
    pump(&world);
    ck_assert_int_eq(world.done.end, ROLL_END_UNKNOWN_KIND);
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_cancel_that_comes_too_late_ends_in_success)
{
    struct world world;

    start(&world, "weu neu");
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    reply(&world, ROLL_ACTION_PUT, "neu", OK(.state = "Accepted"));
    cancelling(&world);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_POLL, "neu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "neu", OK(.state = "Succeeded"));
    ck_assert_int_eq(world.done.end, ROLL_END_SUCCEEDED);
    ck_assert_str_eq(
        ((struct roll_event *)g_ptr_array_index(world.events, world.events->len - 1))->kind_name,
        "rollout.succeeded");
    world_clear(&world);
}
END_TEST

START_TEST(test_machine__a_cancelled_rollout_starts_no_further_step_of_a_target)
{
    struct world world;

    world_init(&world, order_new("weu"));
    add_action(&world, false);
    begin(&world);
    reply(&world, ROLL_ACTION_PUT, "weu", OK(.state = "Accepted"));
    cancelling(&world);
    reply(&world, ROLL_ACTION_POLL, "weu", OK(.state = "Succeeded"));
    reply(&world, ROLL_ACTION_GET, "weu", OK(.state = "Succeeded"));
    expect_history(&world, 3,
                   "cancelling ended:weu:0:succeeded ended:weu:1:cancelled:last cancelled");
    ck_assert_int_eq(roll_machine_target_state(world.machine, 0), ROLL_TARGET_FAILED);
    world_clear(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("machine");
    TCase *tests = tcase_create("rules");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_machine__a_rollout_of_one_target);
    tcase_add_test(tests, test_machine__a_lost_reply_is_followed_by_a_look_never_by_a_blind_repeat);
    tcase_add_test(tests, test_machine__a_put_waits_for_a_renewal_when_the_last_append_is_old);
    tcase_add_test(tests, test_machine__another_deployment_of_a_fixed_name_is_waited_for);
    tcase_add_test(tests, test_machine__another_deployment_is_not_waited_for_without_end);
    tcase_add_test(tests, test_machine__what_is_being_lifted_is_asked_again);
    tcase_add_test(tests, test_machine__what_is_not_lifted_in_ten_minutes_is_refused);
    tcase_add_test(tests, test_machine__looks_wait_for_access_too);
    tcase_add_test(tests, test_machine__whoever_resumes_looks_first);
    tcase_add_test(tests, test_machine__a_standing_claim_refuses_without_a_word);
    tcase_add_test(tests, test_machine__settling_records_and_leaves_what_runs_open);
    tcase_add_test(tests, test_machine__cancelling_stops_what_runs_and_starts_nothing);
    tcase_add_test(tests, test_machine__names_follow_from_the_ledger);
    tcase_add_test(tests, test_machine__rings_follow_one_another_after_a_bake);
    tcase_add_test(tests, test_machine__a_window_that_closes_keeps_the_next_ring_waiting);
    tcase_add_test(tests, test_machine__a_ring_that_was_begun_goes_on_when_its_window_closes);
    tcase_add_test(tests, test_machine__what_is_left_of_a_ring_does_not_wait_for_a_window);
    tcase_add_test(tests, test_machine__rules_of_the_day_count_from_the_claim_on);
    tcase_add_test(tests,
                   test_machine__where_the_plan_says_continue_a_window_that_closes_is_passed);
    tcase_add_test(tests, test_machine__at_most_so_many_targets_at_once);
    tcase_add_test(tests, test_machine__too_many_failures_start_nothing_more);
    tcase_add_test(tests, test_machine__failures_within_the_bound_go_on_and_fail_at_the_end);
    tcase_add_test(tests, test_machine__in_lane_rollback_a_failure_never_stops_the_others);
    tcase_add_test(tests, test_machine__a_fleet_costs_what_it_changes);
    tcase_add_test(tests, test_machine__an_append_holds_at_most_200_events);
    tcase_add_test(tests, test_machine__throttled_is_tried_again_for_ten_minutes);
    tcase_add_test(tests, test_machine__busy_with_our_own_deployment_is_adopted);
    tcase_add_test(tests, test_machine__busy_with_something_else_is_put_again);
    tcase_add_test(tests, test_machine__a_name_with_another_correlation_id_is_a_conflict);
    tcase_add_test(tests, test_machine__a_fixed_name_was_used_before);
    tcase_add_test(tests, test_machine__lost_five_times_and_never_seen_is_absent);
    tcase_add_test(tests, test_machine__not_found_while_polling_is_believed_after_five_minutes);
    tcase_add_test(tests, test_machine__a_vanished_group_ends_the_step_at_once);
    tcase_add_test(tests, test_machine__late_and_double_answers_are_dropped);
    tcase_add_test(tests, test_machine__what_ARM_said_is_appended);
    tcase_add_test(tests, test_machine__details_are_asked_for_a_few_times_and_done_without);
    tcase_add_test(tests, test_machine__what_cannot_be_read_is_not_guessed);
    tcase_add_test(tests, test_machine__without_a_token_the_step_is_refused);
    tcase_add_test(tests, test_machine__what_never_arrives_ends_with_the_last_answer);
    tcase_add_test(tests, test_machine__actions_then_checks_follow_the_deployment);
    tcase_add_test(tests, test_machine__an_action_that_a_back_skips_is_not_intended);
    tcase_add_test(tests, test_machine__an_action_is_never_repeated);
    tcase_add_test(tests, test_machine__an_unhealthy_target_fails);
    tcase_add_test(tests, test_machine__alerts_are_watched_to_the_end);
    tcase_add_test(tests, test_machine__an_alert_that_fired_is_not_waited_away);
    tcase_add_test(tests, test_machine__a_back_looks_at_alerts_once);
    tcase_add_test(tests, test_machine__health_that_is_only_reported_fails_nothing);
    tcase_add_test(tests, test_machine__a_cancelled_wait_sleeps_while_another_settles_it);
    tcase_add_test(tests, test_machine__a_leftover_that_stays_in_deleting_keeps_no_rollout_open);
    tcase_add_test(tests, test_machine__another_driver_fences);
    tcase_add_test(tests, test_machine__a_claim_is_judged_by_the_clock_that_all_share);
    tcase_add_test(tests, test_machine__a_claim_that_has_just_lapsed_by_the_shared_clock_stands);
    tcase_add_test(tests, test_machine__a_claim_is_written_by_the_clock_that_all_share);
    tcase_add_test(tests, test_machine__whoever_takes_over_with_doubtful_clocks_is_silent_first);
    tcase_add_test(tests, test_machine__a_claim_is_renewed_while_something_is_under_way);
    tcase_add_test(tests, test_machine__a_renewal_that_cannot_reach_the_store_ends_nothing);
    tcase_add_test(tests, test_machine__a_new_target_waits_for_the_store);
    tcase_add_test(tests,
                   test_machine__a_store_that_stays_away_is_waited_for_until_the_claim_lapses);
    tcase_add_test(tests, test_machine__after_a_take_no_put_before_the_other_fence_has_passed);
    tcase_add_test(tests, test_machine__a_put_that_waited_asks_again_whether_it_may_leave);
    tcase_add_test(tests, test_machine__a_lapsed_or_detached_claim_is_taken_over);
    tcase_add_test(tests, test_machine__a_foreign_intent_is_old_when_its_last_sender_is);
    tcase_add_test(tests, test_machine__settling_leaves_a_young_intent_and_ends_an_old_one);
    tcase_add_test(tests, test_machine__nothing_to_settle_writes_nothing);
    tcase_add_loop_test(tests, test_machine__a_stack_with_an_earlier_release_is_put_again, 0,
                        G_N_ELEMENTS(stack_states));
    tcase_add_test(tests, test_machine__a_stack_that_somebody_else_overwrote_is_a_conflict);
    tcase_add_test(tests, test_machine__whoever_takes_the_place_of_a_stack_waits_for_it);
    tcase_add_test(tests, test_machine__a_back_cancels_and_waits_for_what_is_under_way);
    tcase_add_test(tests, test_machine__what_does_not_stop_is_followed_and_overwritten);
    tcase_add_test(tests, test_machine__whoever_is_superseded_stops);
    tcase_add_test(tests, test_machine__on_failure_back_requests_and_claims_it_in_the_same_append);
    tcase_add_test(tests, test_machine__no_back_when_nothing_was_touched);
    tcase_add_test(tests, test_machine__detaching_gives_the_claim_back);
    tcase_add_test(tests, test_machine__a_conflict_on_the_request_is_decided_by_others);
    tcase_add_test(tests, test_machine__a_later_conflict_is_tried_again);
    tcase_add_test(tests, test_machine__an_append_that_fails_ends_all);
    tcase_add_test(tests, test_machine__an_unknown_kind_stops);
    tcase_add_test(tests, test_machine__a_cancel_that_comes_too_late_ends_in_success);
    tcase_add_test(tests, test_machine__a_cancelled_rollout_starts_no_further_step_of_a_target);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
