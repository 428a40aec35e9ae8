/* What is durable here and follows into the store: it counts at once, gives its place to whoever
 * was faster, and nothing else can be taken out. */
#include "ledger/store.h"
#include "ledger_pair.h"

static struct roll_error *publish(void *user, const struct roll_batch *batch)
{
    (void)user, (void)batch;
    return NULL;
}

static const struct roll_publisher store = {.publish = publish};

static void say_behind(enum roll_event_kind kind, const void *body)
{
    struct roll_expect expect = {.stream = PROD};
    const struct roll_draft draft = {PROD, kind, body};

    ck_ok(roll_ledger_head(ours, PROD, &expect.head));
    ck_ok(roll_ledger_append_behind(ours, &somebody, &expect, &draft, 1, NULL, 0));
}

/* Both know a rollout that was requested; its steps wait here for the store. */
static int64_t let_steps_wait(void)
{
    int64_t number = request(ours, PROD, 1000, "out", "1.0");

    carry(ours, theirs);
    roll_ledger_set_publisher(ours, &store);
    say_behind(ROLL_EVENT_step_intended,
               &(struct roll_step_intended){
                   .rollout = number, .target = T("weu"), .attempt = 1, .release = T("1.0")});
    say_behind(ROLL_EVENT_step_ended, &(struct roll_step_ended){.rollout = number,
                                                                .target = T("weu"),
                                                                .attempt = 1,
                                                                .outcome = T("succeeded"),
                                                                .last = true,
                                                                .accepted = true});
    say_behind(ROLL_EVENT_rollout_succeeded, &(struct roll_rollout_succeeded){.rollout = number});
    return number;
}

static struct roll_error *copy_waiting(void *user, const struct roll_waiting *waiting)
{
    *(struct roll_waiting *)user = *waiting;
    ck_assert_str_eq(waiting->stream, PROD);
    return NULL;
}

static struct roll_waiting waiting(void)
{
    struct roll_waiting row = {0};

    ck_ok(roll_ledger_waiting(ours, copy_waiting, &row));
    return row;
}

static struct roll_error *take_live(void *user, const struct roll_environment_row *row)
{
    g_strlcpy(user, row->live ? row->live : "", 16);
    return NULL;
}

static void check_live(struct roll_ledger *ledger, const char *version)
{
    char live[16] = "";

    ck_ok(roll_ledger_environments(ledger, PROD, take_live, live));
    ck_assert_str_eq(live, version);
}

START_TEST(test_behind__counts_here_at_once_and_waits)
{
    int64_t number = let_steps_wait();

    check_live(ours, "1.0");
    ck_assert_int_eq(waiting().first, number + 1);
    ck_assert_int_eq(waiting().count, 3);
    ck_ok(roll_ledger_set_remote(ours, PROD, &(struct roll_remote){.seq = number + 2}));
    ck_assert_int_eq(waiting().first, number + 3);
    ck_ok(roll_ledger_set_remote(ours, PROD, &(struct roll_remote){.seq = number + 3}));
    ck_assert_int_eq(waiting().count, 0);
}
END_TEST

START_TEST(test_behind__gives_its_place_to_whoever_was_faster)
{
    roll_auto(event) struct roll_event *event = NULL;
    int64_t number = let_steps_wait();

    say(theirs, PROD, 2000, hold_set, .reason = T("careful"));
    say(theirs, PROD, 2001, floor_set, .floor = 1, .reason = T("x"));
    carry(theirs, ours);
    ck_assert_int_eq(waiting().first, number + 3);
    ck_assert_int_eq(waiting().count, 3);
    ck_ok(roll_ledger_event(ours, PROD, number + 1, &event));
    ck_assert_int_eq(event->kind, ROLL_EVENT_hold_set);
    check_live(ours, "1.0");
    carry(ours, theirs);
    check_live(theirs, "1.0");
}
END_TEST

/* An answer was lost: the store has them already. */
START_TEST(test_behind__what_comes_back_is_known)
{
    int64_t number = let_steps_wait();

    carry(ours, theirs);
    say(theirs, PROD, 2000, hold_set, .reason = T("careful"));
    carry(theirs, ours);
    ck_ok(roll_ledger_set_remote(ours, PROD, &(struct roll_remote){.seq = number + 4}));
    ck_assert_int_eq(waiting().count, 0);
    check_live(ours, "1.0");
}
END_TEST

static struct roll_error *see_aside(void *user, const struct roll_aside *aside)
{
    ck_assert_int_eq(aside->seq, 4);
    ck_assert(!aside->moved);
    *(bool *)user = true;
    return NULL;
}

/* The store is out of reach for good: the course goes on aside, and begins with what waited. */
START_TEST(test_behind__is_the_beginning_of_what_goes_on_aside)
{
    bool seen = false;
    int64_t number = let_steps_wait();

    ck_ok(roll_ledger_go_aside(ours));
    say(ours, PROD, 0, hold_set, .reason = T("aside"));
    ck_assert_int_eq(waiting().count, 0);
    ck_ok(roll_ledger_asides(ours, see_aside, &seen));
    ck_assert(seen);
    check_live(ours, "1.0");
    struct roll_head head;
    ck_ok(roll_ledger_main_head(ours, PROD, &head));
    ck_assert_int_eq(head.seq, number);
}
END_TEST

/* The exception in the trigger is for what waits alone. */
START_TEST(test_behind__nothing_else_can_be_taken_out)
{
    let_steps_wait();
    ck_fails(roll_sql_script(ours->sql, "DELETE FROM events WHERE kind = 'rollout.requested'"),
             ROLL_E_CONFLICT);
    ck_fails(roll_sql_script(ours->sql, "UPDATE events SET at = 0"), ROLL_E_CONFLICT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: behind");
    TCase *tcase = tcase_create("behind");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_behind__counts_here_at_once_and_waits);
    tcase_add_test(tcase, test_behind__gives_its_place_to_whoever_was_faster);
    tcase_add_test(tcase, test_behind__what_comes_back_is_known);
    tcase_add_test(tcase, test_behind__is_the_beginning_of_what_goes_on_aside);
    tcase_add_test(tcase, test_behind__nothing_else_can_be_taken_out);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
