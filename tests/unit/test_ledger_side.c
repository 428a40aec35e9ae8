/* Side streams: what is appended aside counts here at once, joins the main stream, and is united
 * with what others did. */
#include "ledger/store.h"
#include "ledger_pair.h"

static struct roll_error *keep_aside(void *user, const struct roll_aside *aside)
{
    struct roll_aside *copy = user;

    ck_assert_ptr_null(copy->stream);
    *copy = *aside;
    copy->stream = g_intern_string(aside->stream);
    copy->side = g_intern_string(aside->side);
    return NULL;
}

/* As module sync does when the store is there again. */
static bool join(void)
{
    struct roll_aside aside = {0};

    roll_ledger_set_aside(ours, false);
    ck_ok(roll_ledger_asides(ours, keep_aside, &aside));
    ck_assert_ptr_nonnull(aside.stream);
    const struct roll_ledger_joined body = {
        .side = T(aside.side), .head = aside.head, .side_seq = aside.seq};
    const struct roll_draft draft = {
        aside.stream, aside.moved ? ROLL_EVENT_ledger_reconciled : ROLL_EVENT_ledger_joined, &body};
    const struct roll_expect expect = {aside.stream, aside.main_head};
    ck_ok(roll_ledger_append(ours, &somebody, 0, &expect, 1, &draft, 1, NULL, 0, NULL));
    return aside.moved;
}

/* ---- what is seen ---------------------------------------------------------------------------- */

static struct roll_error *copy_environment(void *user, const struct roll_environment_row *row)
{
    struct roll_environment_row *copy = user;

    *copy = *row;
    copy->live = g_intern_string(row->live);
    copy->hold_reason = g_intern_string(row->hold_reason);
    return NULL;
}

static struct roll_environment_row environment(struct roll_ledger *ledger)
{
    struct roll_environment_row row = {0};

    ck_ok(roll_ledger_environments(ledger, PROD, copy_environment, &row));
    return row;
}

static struct roll_error *copy_floor(void *user, const struct roll_target_row *row)
{
    *(int64_t *)user = row->floor;
    return NULL;
}

static struct roll_error *first_number(void *user, const struct roll_rollout_row *row)
{
    int64_t **next = user;

    *(*next)++ = row->number;
    return NULL;
}

static const char *bad_where(struct roll_ledger *ledger, const char *version)
{
    const char *where = NULL;

    ck_ok(roll_ledger_bad(ledger, PROD, version, &where));
    return where;
}

static const char *const weu[] = {"weu", NULL};

/* Both know two releases; then ours goes on aside. */
static void part(void)
{
    roll_out(ours, PROD, 1000, "out", "1.0", weu);
    roll_out(ours, PROD, 2000, "out", "1.1", weu);
    carry(ours, theirs);
    roll_ledger_set_aside(ours, true);
}

static int64_t back_at(struct roll_ledger *ledger, int64_t at, int64_t arm_at, const char *release,
                       const char *leaves)
{
    char *bad[] = {T(leaves), NULL};
    int64_t number = say_with(ledger, PROD, at, "{}", rollout_requested, .lane = T("rollback"),
                              .kind = T("back"), .release = T(release), .order = digest_of("{}"),
                              .targets = 1, .hold = true, .reason = T("back"), .bad = bad);

    intend(ledger, PROD, at + 1, number, "weu", release);
    say(ledger, PROD, at + 2, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .last = true, .accepted = true, .arm_at = arm_at);
    say(ledger, PROD, at + 3, rollout_succeeded, .rollout = number);
    return number;
}

/* ---- tests ----------------------------------------------------------------------------------- */

START_TEST(test_side__what_is_recorded_aside_counts_here_at_once)
{
    roll_auto(event) struct roll_event *event = NULL;

    part();
    int64_t number = back_at(ours, 3000, 3002, "1.0", "1.1");
    ck_assert(roll_number_is_side(number));
    ck_assert_str_eq(environment(ours).live, "1.0");
    ck_assert(environment(ours).hold);
    ck_assert_int_eq(environment(ours).live_rollout, number);
    ck_assert_str_eq(bad_where(ours, "1.1"), "here");
    ck_ok(roll_ledger_event(ours, PROD, number, &event));
    ck_assert_int_eq(event->kind, ROLL_EVENT_rollout_requested);
    ck_assert_str_eq(event->stream, PROD);
    check(ours);
}
END_TEST

START_TEST(test_side__joins_where_the_main_stream_did_not_move)
{
    part();
    int64_t number = back_at(ours, 3000, 3002, "1.0", "1.1");
    ck_assert(!join());
    carry(ours, theirs);
    ck_assert_str_eq(environment(theirs).live, "1.0");
    ck_assert_int_eq(environment(theirs).live_rollout, number);
    ck_assert(environment(theirs).hold);
    /* The course goes on with the main stream's numbers, and the newest rollout is the newest. */
    int64_t last = roll_out(theirs, PROD, 9000, "out", "1.2", weu), numbers[8] = {0},
            *next = numbers;
    ck_assert(!roll_number_is_side(last));
    struct roll_rollout_query query = {.stream = PROD};
    ck_ok(roll_ledger_rollouts(theirs, &query, first_number, &next));
    ck_assert_int_eq(numbers[0], last);
    ck_assert_int_eq(numbers[1], number);
    carry(theirs, ours);
    ck_assert_str_eq(environment(ours).live, "1.2");
}
END_TEST

/* Both rolled back from the same base: the later deployment is live, whoever's it is; both marks
 * and holds stand. */
static void both_roll_back(int64_t our_arm, int64_t their_arm, const char *live)
{
    int64_t floor = 0;

    part();
    back_at(ours, 3000, our_arm, "1.0", "1.1");
    say(theirs, PROD, 2500, floor_set, .floor = 4, .reason = T("x"));
    say(theirs, PROD, 2600, hold_set, .reason = T("careful"));
    back_at(theirs, 3000, their_arm, "0.9", "1.0");
    carry(theirs, ours);
    ck_assert(join());
    carry(ours, theirs);
    struct roll_ledger *const ledgers[] = {ours, theirs};
    for (size_t i = 0; i < G_N_ELEMENTS(ledgers); i++) {
        ck_assert_str_eq(environment(ledgers[i]).live, live);
        ck_assert(environment(ledgers[i]).hold && environment(ledgers[i]).hold_by_person);
        ck_assert_str_eq(bad_where(ledgers[i], "1.1"), "here");
        ck_assert_str_eq(bad_where(ledgers[i], "1.0"), "here");
        ck_ok(roll_ledger_targets(ledgers[i], PROD, "weu", copy_floor, &floor));
        ck_assert_int_eq(floor, 4);
    }
}

START_TEST(test_side__reconciles_and_the_later_deployment_is_live_ours)
{
    both_roll_back(5000, 4000, "1.0");
}
END_TEST

START_TEST(test_side__reconciles_and_the_later_deployment_is_live_theirs)
{
    both_roll_back(4000, 5000, "0.9");
}
END_TEST

/* The later one's hold is the one that forward returns from, whoever reconciles. */
START_TEST(test_side__the_hold_of_the_later_back_is_shown)
{
    part();
    back_at(ours, 3000, 4000, "1.0", "1.1");
    int64_t later = back_at(theirs, 3500, 5000, "0.9", "1.0");
    carry(theirs, ours);
    ck_assert(join());
    carry(ours, theirs);
    ck_assert_int_eq(environment(ours).hold_rollout, later);
    ck_assert_int_eq(environment(theirs).hold_rollout, later);
}
END_TEST

/* ---- orphans --------------------------------------------------------------------------------- */

static int64_t request_by(struct roll_ledger *ledger, int64_t at, struct roll_ledger *replica)
{
    g_autofree char *host = g_strdup_printf("host:%.8s", roll_ledger_replica(replica));
    int64_t number =
        say_with(ledger, PROD, at, "{}", rollout_requested, .lane = T("rollback"),
                 .kind = T("back"), .release = T("1.0"), .order = digest_of("{}"), .targets = 1);

    say(ledger, PROD, at, rollout_claimed, .rollout = number, .driver = T("d"), .host = host,
        .until = at + 300000);
    intend(ledger, PROD, at, number, "weu", "1.0");
    return number;
}

static struct roll_error *keep_orphan(void *user, const struct roll_orphan *orphan)
{
    struct roll_orphan *copy = user;

    ck_assert_int_eq(copy->number, 0);
    *copy = *orphan;
    return NULL;
}

/* The store took a request at this time, by this replica, and nobody here heard of it before a back
 * went aside at 3000. */
static struct roll_orphan lost_at(int64_t at, struct roll_ledger *replica, int64_t *ret_by)
{
    struct roll_orphan orphan = {0};
    struct roll_aside aside = {0};

    part();
    request_by(theirs, at, replica);
    *ret_by = back_at(ours, 3000, 3002, "1.0", "1.1");
    carry(theirs, ours);
    ck_ok(roll_ledger_asides(ours, keep_aside, &aside));
    ck_ok(roll_ledger_orphans(ours, &aside, keep_orphan, &orphan));
    return orphan;
}

START_TEST(test_side__a_request_whose_answer_was_lost_is_an_orphan)
{
    int64_t by;
    struct roll_orphan orphan = lost_at(2900, ours, &by);

    ck_assert_int_gt(orphan.number, 0);
    ck_assert_int_eq(orphan.by, by);
}
END_TEST

START_TEST(test_side__what_another_replica_requested_is_none)
{
    int64_t by;

    ck_assert_int_eq(lost_at(2900, theirs, &by).number, 0);
}
END_TEST

START_TEST(test_side__what_was_requested_after_the_back_is_none)
{
    int64_t by;

    ck_assert_int_eq(lost_at(3100, ours, &by).number, 0);
}
END_TEST

/* A rollout of the main stream is open when a back from aside is spliced in beside it, and ends
 * afterwards: the later one at ARM is live, whenever it was heard of. */
static void an_open_rollout_ends_after_a_reconcile(int64_t arm_at, const char *live)
{
    part();
    int64_t open = request(theirs, PROD, 2500, "out", "1.2");
    intend(theirs, PROD, 2501, open, "weu", "1.2");
    back_at(ours, 3000, 5000, "1.0", "1.1");
    carry(theirs, ours);
    ck_assert(join());
    carry(ours, theirs);
    say(theirs, PROD, 9000, step_ended, .rollout = open, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .last = true, .accepted = true, .arm_at = arm_at,
        .release = T("1.2"));
    say(theirs, PROD, 9001, rollout_succeeded, .rollout = open);
    carry(theirs, ours);
    ck_assert_str_eq(environment(ours).live, live);
    ck_assert_str_eq(environment(theirs).live, live);
    ck_assert_int_eq(environment(ours).dirty, 0);
}

START_TEST(test_side__what_ends_after_a_reconcile_and_was_later_is_live)
{
    an_open_rollout_ends_after_a_reconcile(6000, "1.2");
}
END_TEST

START_TEST(test_side__what_ends_after_a_reconcile_and_was_earlier_is_not)
{
    an_open_rollout_ends_after_a_reconcile(4000, "1.0");
}
END_TEST

static guint open_rollouts(struct roll_ledger *ledger, int64_t *ret_newest)
{
    g_autoptr(GArray) numbers = NULL;

    ck_ok(roll_ledger_open_rollouts(ledger, PROD, &numbers));
    *ret_newest = numbers->len ? g_array_index(numbers, int64_t, 0) : 0;
    return numbers->len;
}

/* Both began something that did not end: when the one that the environment waits for has ended, it
 * waits for the other. */
START_TEST(test_side__two_are_open_after_a_reconcile)
{
    int64_t newest;

    part();
    int64_t mine = request(ours, PROD, 3000, "back", "1.0");
    intend(ours, PROD, 3001, mine, "weu", "1.0");
    int64_t main_one = request(theirs, PROD, 2500, "out", "1.2");
    intend(theirs, PROD, 2501, main_one, "weu", "1.2");
    carry(theirs, ours);
    ck_assert(join());
    carry(ours, theirs);
    ck_assert_int_eq(environment(theirs).open_rollout, main_one);
    ck_assert_int_eq(open_rollouts(theirs, &newest), 2);
    ck_assert_int_eq(newest, mine);
    say(theirs, PROD, 9000, step_ended, .rollout = main_one, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .last = true, .accepted = true, .arm_at = 4000);
    say(theirs, PROD, 9001, rollout_succeeded, .rollout = main_one);
    carry(theirs, ours);
    ck_assert_int_eq(environment(theirs).open_rollout, mine);
    ck_assert_int_eq(environment(ours).open_rollout, mine);
    ck_assert_int_eq(open_rollouts(ours, &newest), 1);
    say(theirs, PROD, 9002, step_ended, .rollout = mine, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .last = true, .accepted = true, .arm_at = 5000);
    say(theirs, PROD, 9003, rollout_succeeded, .rollout = mine);
    ck_assert_int_eq(environment(theirs).open_rollout, 0);
    ck_assert_int_eq(open_rollouts(theirs, &newest), 0);
    ck_assert_str_eq(environment(theirs).live, "1.0");
}
END_TEST

/* What was lifted aside was lifted without knowing what the others did. */
START_TEST(test_side__a_reconcile_lifts_nothing)
{
    roll_out(ours, PROD, 1000, "out", "1.0", weu);
    say(ours, PROD, 1500, hold_set, .reason = T("careful"));
    carry(ours, theirs);
    roll_ledger_set_aside(ours, true);
    say(ours, PROD, 1600, hold_lifted, .reason = T("enough"));
    ck_assert(!environment(ours).hold_by_person);
    say(theirs, PROD, 1700, floor_set, .floor = 1, .reason = T("x"));
    carry(theirs, ours);
    ck_assert(join());
    ck_assert(environment(ours).hold_by_person);
}
END_TEST

/* A second emergency goes on in the same side stream, and splices in only what is new. */
START_TEST(test_side__a_second_time)
{
    part();
    int64_t first = back_at(ours, 3000, 3002, "1.0", "1.1");
    ck_assert(!join());
    roll_out(ours, PROD, 4000, "out", "1.2", weu);
    roll_ledger_set_aside(ours, true);
    int64_t second = back_at(ours, 5000, 5002, "1.0", "1.2");
    ck_assert_int_eq(second, first + 4);
    ck_assert_str_eq(environment(ours).live, "1.0");
    ck_assert(!join());
    carry(ours, theirs);
    ck_assert_str_eq(environment(theirs).live, "1.0");
    ck_assert_int_eq(environment(theirs).live_rollout, second);
}
END_TEST

/* A head from before is none of the side stream's: whoever decided on it decides again. */
START_TEST(test_side__a_decision_from_before_is_a_conflict)
{
    struct roll_expect expect = {.stream = PROD};
    const struct roll_hold_set body = {.reason = T("x")};
    const struct roll_draft draft = {PROD, ROLL_EVENT_hold_set, &body};

    roll_out(ours, PROD, 1000, "out", "1.0", weu);
    ck_ok(roll_ledger_head(ours, PROD, &expect.head));
    roll_ledger_set_aside(ours, true);
    ck_fails(roll_ledger_append(ours, &somebody, 0, &expect, 1, &draft, 1, NULL, 0, NULL),
             ROLL_E_CONFLICT);
    ck_ok(roll_ledger_head(ours, PROD, &expect.head));
    ck_ok(roll_ledger_append(ours, &somebody, 0, &expect, 1, &draft, 1, NULL, 0, NULL));
}
END_TEST

/* A release that is made aside is the newest when it joins, and a later one is newer. */
static struct roll_error *take_version(void *user, const struct roll_release_row *row)
{
    g_string_append_printf(user, "%s ", row->version);
    return NULL;
}

static void make_release(struct roll_ledger *ledger, int64_t at, const char *version)
{
    char *parts[] = {NULL};

    say_with(ledger, "shop", at, version, release_made, .version = T(version),
             .manifest = digest_of(version), .parts = parts);
}

START_TEST(test_side__releases_keep_their_order)
{
    g_autoptr(GString) order = g_string_new(NULL);

    make_release(ours, 1000, "1.0");
    carry(ours, theirs);
    roll_ledger_set_aside(ours, true);
    make_release(ours, 2000, "1.0-hotfix.1");
    ck_assert(!join());
    make_release(ours, 3000, "1.1");
    carry(ours, theirs);
    ck_ok(roll_ledger_releases(theirs, "shop", take_version, order));
    ck_assert_str_eq(order->str, "1.1 1.0-hotfix.1 1.0 ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: side streams");
    TCase *tcase = tcase_create("side");

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_side__what_is_recorded_aside_counts_here_at_once);
    tcase_add_test(tcase, test_side__joins_where_the_main_stream_did_not_move);
    tcase_add_test(tcase, test_side__reconciles_and_the_later_deployment_is_live_ours);
    tcase_add_test(tcase, test_side__reconciles_and_the_later_deployment_is_live_theirs);
    tcase_add_test(tcase, test_side__the_hold_of_the_later_back_is_shown);
    tcase_add_test(tcase, test_side__a_request_whose_answer_was_lost_is_an_orphan);
    tcase_add_test(tcase, test_side__what_another_replica_requested_is_none);
    tcase_add_test(tcase, test_side__what_was_requested_after_the_back_is_none);
    tcase_add_test(tcase, test_side__what_ends_after_a_reconcile_and_was_later_is_live);
    tcase_add_test(tcase, test_side__what_ends_after_a_reconcile_and_was_earlier_is_not);
    tcase_add_test(tcase, test_side__two_are_open_after_a_reconcile);
    tcase_add_test(tcase, test_side__a_reconcile_lifts_nothing);
    tcase_add_test(tcase, test_side__a_second_time);
    tcase_add_test(tcase, test_side__a_decision_from_before_is_a_conflict);
    tcase_add_test(tcase, test_side__releases_keep_their_order);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
