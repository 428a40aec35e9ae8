/* What the projections say after a history: a test for each rule, and random histories against a
 * rebuild. */
#include "ledger/store.h"
#include "ledger_tools.h"

#define PROD "shop/prod"

static struct place place;
static struct roll_ledger *ledger;

static void setup(void)
{
    place = place_make();
    ledger = place_open(&place, ROLL_LEDGER_CREATE);
}

static void teardown(void)
{
    bool equal = false;

    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert_msg(equal, "a rebuild differs from the live tables");
    roll_ledger_close(ledger);
    place_remove(&place);
}

static const char *const both[] = {"weu", "neu", NULL};
static const char *const weu[] = {"weu", NULL};

/* ---- rows, copied ---------------------------------------------------------------------------- */

/* Copies of texts live as long as the test's process. */
static const char *keep(const char *text)
{
    return text ? g_intern_string(text) : NULL;
}

static struct roll_error *copy_environment(void *user, const struct roll_environment_row *row)
{
    struct roll_environment_row *copy = user;

    *copy = *row;
    copy->stream = keep(row->stream);
    copy->live = keep(row->live);
    copy->last_good = keep(row->last_good);
    copy->previous = keep(row->previous);
    copy->hold_reason = keep(row->hold_reason);
    copy->last_state = keep(row->last_state);
    return NULL;
}

static struct roll_environment_row environment(void)
{
    struct roll_environment_row row = {0};

    ck_ok(roll_ledger_environments(ledger, PROD, copy_environment, &row));
    return row;
}

static struct roll_error *copy_target(void *user, const struct roll_target_row *row)
{
    struct roll_target_row *copy = user;

    *copy = *row;
    copy->target = keep(row->target);
    copy->release = keep(row->release);
    copy->accepted_release = keep(row->accepted_release);
    return NULL;
}

static struct roll_target_row target(const char *name)
{
    struct roll_target_row row = {0};

    ck_ok(roll_ledger_targets(ledger, PROD, name, copy_target, &row));
    return row;
}

static struct roll_error *copy_rollout(void *user, const struct roll_rollout_row *row)
{
    struct roll_rollout_row *copy = user;

    *copy = *row;
    copy->stream = keep(row->stream);
    copy->hash = keep(row->hash);
    copy->lane = keep(row->lane);
    copy->kind = keep(row->kind);
    copy->release = keep(row->release);
    copy->from = keep(row->from);
    copy->reason = keep(row->reason);
    copy->order = keep(row->order);
    copy->state = keep(row->state);
    copy->end_reason = keep(row->end_reason);
    copy->proved = keep(row->proved);
    copy->claimed = keep(row->claimed);
    copy->driver = keep(row->driver);
    copy->host = keep(row->host);
    return NULL;
}

static struct roll_rollout_row rollout(int64_t number)
{
    struct roll_rollout_row row = {0};

    ck_ok(roll_ledger_rollouts(ledger,
                               &(struct roll_rollout_query){.stream = PROD, .number = number},
                               copy_rollout, &row));
    return row;
}

static struct roll_error *copy_release(void *user, const struct roll_release_row *row)
{
    struct roll_release_row *copy = user;

    *copy = *row;
    copy->version = keep(row->version);
    copy->verdict = keep(row->verdict);
    copy->fixed_by = keep(row->fixed_by);
    copy->reason = keep(row->reason);
    copy->commit = keep(row->commit);
    copy->base = keep(row->base);
    return NULL;
}

static struct roll_release_row release(const char *version)
{
    struct roll_release_row row = {0};

    ck_ok(roll_ledger_release(ledger, "shop", version, copy_release, &row));
    return row;
}

static int64_t make(const char *version, int64_t data_version, int64_t data_floor)
{
    return say_with(ledger, "shop", 0, "manifest", release_made, .version = T(version),
                    .manifest = digest_of("manifest"), .parts = (char *[]){NULL},
                    .data_version = data_version, .data_floor = data_floor);
}

static const char *bad_where(const char *version)
{
    const char *where;

    ck_ok(roll_ledger_bad(ledger, PROD, version, &where));
    return where;
}

/* ---- releases -------------------------------------------------------------------------------- */

static struct roll_error *append_version(void *user, const struct roll_release_row *row)
{
    g_string_append_printf(user, "%s ", row->version);
    return NULL;
}

START_TEST(test_releases__newest_first_and_data_is_inherited)
{
    g_autoptr(GString) list = g_string_new(NULL);

    make("1.0", 0, 0);
    make("1.1", 7, 5);
    make("1.10", 0, 0);
    make("1.2", 8, 0);
    ck_ok(roll_ledger_releases(ledger, "shop", append_version, list));
    ck_assert_str_eq(list->str, "1.2 1.10 1.1 1.0 ");
    ck_assert_int_eq(release("1.0").data_version, 0);
    ck_assert_int_eq(release("1.10").data_version, 7);
    ck_assert_int_eq(release("1.10").data_floor, 5);
    ck_assert_int_eq(release("1.2").data_version, 8);
    ck_assert_int_eq(release("1.2").data_floor, 0);
    struct roll_release_row none;
    ck_fails(roll_ledger_release(ledger, "shop", "9", copy_release, &none), ROLL_E_NOT_FOUND);
    ck_fails(roll_ledger_release(ledger, "bank", "1.0", copy_release, &none), ROLL_E_NOT_FOUND);
}
END_TEST

START_TEST(test_releases__the_last_mark_holds_whole)
{
    make("1.0", 0, 0);
    say(ledger, "shop", 0, release_marked, .version = T("1.0"), .verdict = T("bad"),
        .fixed_by = T("abc"), .reason = T("slow"));
    ck_assert_str_eq(release("1.0").verdict, "bad");
    ck_assert_str_eq(release("1.0").fixed_by, "abc");
    ck_assert_str_eq(bad_where("1.0"), "service");
    say(ledger, "shop", 0, release_marked, .version = T("1.0"), .verdict = T("good"));
    ck_assert_str_eq(release("1.0").verdict, "good");
    ck_assert_ptr_null(release("1.0").reason);
    ck_assert_ptr_null(bad_where("1.0"));
    say(ledger, "shop", 0, release_marked, .version = T("1.0"), .verdict = T("none"));
    ck_assert_ptr_null(release("1.0").verdict);
    say(ledger, "shop", 0, release_marked, .version = T("9"), .verdict = T("bad"));
    ck_assert_ptr_null(bad_where("9"));
}
END_TEST

/* ---- live ------------------------------------------------------------------------------------ */

START_TEST(test_live__follows_whole_rollouts)
{
    int64_t one = roll_out(ledger, PROD, 1000, "out", "1.0", both);
    struct roll_environment_row row = environment();

    ck_assert_str_eq(row.live, "1.0");
    ck_assert_str_eq(row.last_good, "1.0");
    ck_assert_ptr_null(row.previous);
    ck_assert_int_eq(row.live_rollout, one);
    ck_assert_int_eq(row.since, 1003);
    ck_assert(row.clean == 2 && row.dirty == 0 && !row.mixed);
    ck_assert(row.open_rollout == 0 && row.last_rollout == one);
    ck_assert_str_eq(row.last_state, "succeeded");
    int64_t two = roll_out(ledger, PROD, 2000, "out", "1.1", both);
    row = environment();
    ck_assert_str_eq(row.live, "1.1");
    ck_assert_str_eq(row.previous, "1.0");
    ck_assert_int_eq(row.live_rollout, two);
    int64_t again = roll_out(ledger, PROD, 3000, "out", "1.1", both);
    row = environment();
    ck_assert_str_eq(row.previous, "1.0"); /* the same version is no new one */
    ck_assert_int_eq(row.live_rollout, again);
}
END_TEST

START_TEST(test_live__is_mixed_target_by_target)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", both);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");
    struct roll_environment_row row = environment();

    ck_assert(row.open_rollout == number && !row.mixed);
    ck_assert_str_eq(row.last_state, "requested");
    intend(ledger, PROD, 2001, number, "weu", "1.1");
    row = environment();
    ck_assert(row.clean == 1 && row.dirty == 1 && row.mixed);
    ck_assert_str_eq(row.live, "1.0");
    ck_assert_str_eq(row.last_state, "running");
    finish(ledger, PROD, 2002, number, "weu", "succeeded");
    row = environment();
    ck_assert(row.clean == 2 && row.dirty == 0 && row.mixed);
    ck_assert_ptr_null(row.live);
    ck_assert_str_eq(row.previous, "1.0");
    intend(ledger, PROD, 2003, number, "neu", "1.1");
    row = environment();
    ck_assert_str_eq(row.live, "1.1");
    ck_assert_int_eq(row.live_rollout, 0); /* not whole yet */
    finish(ledger, PROD, 2004, number, "neu", "failed");
    say(ledger, PROD, 2005, rollout_failed, .rollout = number, .reason = T("boom"));
    row = environment();
    ck_assert(row.clean == 1 && row.dirty == 1 && row.mixed && row.open_rollout == 0);
    ck_assert_str_eq(row.last_good, "1.0");
    ck_assert_str_eq(rollout(number).end_reason, "boom");
    int64_t back = roll_out(ledger, PROD, 3000, "back", "1.0", both);
    row = environment();
    ck_assert_str_eq(row.live, "1.0");
    ck_assert_ptr_null(row.previous); /* 1.1 was never live */
    ck_assert(row.live_rollout == back && row.since == 3003 && !row.mixed);
}
END_TEST

START_TEST(test_live__a_stream_that_is_not_there_calls_nobody)
{
    struct roll_environment_row row = {.clean = 77};

    say(ledger, "shop/staging", 0, hold_set, 0);
    make("1.0", 0, 0);
    ck_ok(roll_ledger_environments(ledger, PROD, copy_environment, &row));
    ck_assert_int_eq(row.clean, 77);
    ck_ok(roll_ledger_environments(ledger, NULL, copy_environment, &row));
    ck_assert_str_eq(row.stream, "shop/staging");
    ck_assert_int_eq(row.clean, 0);
}
END_TEST

/* ---- targets --------------------------------------------------------------------------------- */

START_TEST(test_targets__are_dirty_from_the_intent_to_the_last_good_step)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", weu);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");
    struct roll_target_row row;

    say(ledger, PROD, 2001, step_intended, .rollout = number, .target = T("weu"), .attempt = 1,
        .release = T("1.1"), .floor = 7);
    row = target("weu");
    ck_assert(row.dirty && !row.release && row.dirty_rollout == number && row.floor == 7);
    say(ledger, PROD, 2002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true);
    row = target("weu");
    ck_assert(row.dirty && !row.release); /* another step follows */
    ck_assert_str_eq(row.accepted_release, "1.1");
    ck_assert_int_eq(row.accepted_rollout, number);
    say(ledger, PROD, 2003, step_intended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .release = T("1.1"));
    say(ledger, PROD, 2004, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .outcome = T("skipped"));
    say(ledger, PROD, 2005, step_ended, .rollout = number, .target = T("weu"), .step = 2,
        .attempt = 1, .outcome = T("succeeded"), .last = true); /* a health check */
    row = target("weu");
    ck_assert(!row.dirty && row.rollout == number && row.since == 2005 && row.floor == 7);
    ck_assert_str_eq(row.release, "1.1");
    ck_assert_int_eq(rollout(number).succeeded, 1);
}
END_TEST

START_TEST(test_targets__one_bad_step_keeps_them_dirty)
{
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");

    intend(ledger, PROD, 2001, number, "weu", "1.1");
    say(ledger, PROD, 2002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true);
    say(ledger, PROD, 2003, step_intended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .release = T("1.1"));
    say(ledger, PROD, 2004, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .outcome = T("refused")); /* the action alone was refused */
    say(ledger, PROD, 2005, step_ended, .rollout = number, .target = T("weu"), .step = 2,
        .attempt = 1, .outcome = T("succeeded"), .last = true);
    ck_assert(target("weu").dirty);
    ck_assert(rollout(number).succeeded == 0 && rollout(number).failed == 1);
    /* a later attempt of the same step counts in its place */
    say(ledger, PROD, 2006, step_intended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 2, .release = T("1.1"));
    say(ledger, PROD, 2007, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 2, .outcome = T("succeeded"), .last = true);
    ck_assert_str_eq(target("weu").release, "1.1");
    ck_assert(rollout(number).succeeded == 1 && rollout(number).failed == 0);
}
END_TEST

START_TEST(test_targets__return_to_what_they_held_if_nothing_reached_arm)
{
    int64_t one = roll_out(ledger, PROD, 1000, "out", "1.0", both);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");
    struct roll_target_row row;

    intend(ledger, PROD, 2001, number, "weu", "1.1");
    intend(ledger, PROD, 2001, number, "new", "1.1");
    finish(ledger, PROD, 2002, number, "weu", _i == 0 ? "refused" : "absent");
    finish(ledger, PROD, 2002, number, "new", _i == 0 ? "refused" : "absent");
    row = target("weu");
    ck_assert(!row.dirty && row.rollout == one && row.since == 1002);
    ck_assert_str_eq(row.release, "1.0");
    ck_assert_str_eq(row.accepted_release, "1.0");
    row = target("new"); /* never deployed to, before and after */
    ck_assert(!row.dirty && !row.release);
    say(ledger, PROD, 2003, rollout_failed, .rollout = number);
    struct roll_environment_row about = environment();
    ck_assert(about.clean == 2 && about.dirty == 0 && !about.mixed);
    ck_assert_str_eq(about.live, "1.0");
    ck_assert(about.live_rollout == one && about.since == 1003);
    ck_assert_int_eq(rollout(number).failed, 2);
}
END_TEST

START_TEST(test_targets__stay_dirty_if_anything_may_have_reached_arm)
{
    const char *const first[] = {"failed", "cancelled", "conflict", "refused", "absent"};
    int64_t number;

    roll_out(ledger, PROD, 1000, "out", "1.0", weu);
    if (_i >= 3) { /* the target was dirty before the rollout */
        number = request(ledger, PROD, 1500, "out", "1.05");
        intend(ledger, PROD, 1501, number, "weu", "1.05");
        finish(ledger, PROD, 1502, number, "weu", "failed");
        say(ledger, PROD, 1503, rollout_failed, .rollout = number);
    }
    number = request(ledger, PROD, 2000, "out", "1.1");
    intend(ledger, PROD, 2001, number, "weu", "1.1");
    say(ledger, PROD, 2002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T(first[_i]));
    say(ledger, PROD, 2003, step_intended, .rollout = number, .target = T("weu"), .attempt = 2,
        .release = T("1.1"));
    say(ledger, PROD, 2004, step_ended, .rollout = number, .target = T("weu"), .attempt = 2,
        .outcome = T("refused"), .last = true);
    ck_assert(target("weu").dirty);
    ck_assert_ptr_null(target("weu").release);
    ck_assert_int_eq(target("weu").dirty_rollout, number);
    ck_assert_int_eq(environment().dirty, 1);
}
END_TEST

START_TEST(test_targets__an_attempt_that_never_arrived_can_be_followed_by_another)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", weu);
    int64_t number = request(ledger, PROD, 2000, "out", "1.1");

    for (int attempt = 1; attempt <= 3; attempt++) {
        say(ledger, PROD, 2000, step_intended, .rollout = number, .target = T("weu"),
            .attempt = attempt, .release = T("1.1"));
        ck_assert(target("weu").dirty);
        say(ledger, PROD, 2000, step_ended, .rollout = number, .target = T("weu"),
            .attempt = attempt, .outcome = T(attempt < 3 ? "absent" : "succeeded"),
            .accepted = attempt == 3, .last = attempt == 3);
        ck_assert_str_eq(target("weu").release, attempt < 3 ? "1.0" : "1.1");
    }
}
END_TEST

START_TEST(test_targets__a_superseded_rollout_ends_late)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", both);
    int64_t lost = request(ledger, PROD, 2000, "out", "1.1");
    intend(ledger, PROD, 2001, lost, "weu", "1.1");
    intend(ledger, PROD, 2001, lost, "neu", "1.1");
    say_with(ledger, PROD, 3000, "{}", rollout_requested, .lane = T("rollback"), .kind = T("back"),
             .release = T("1.0"), .order = digest_of("{}"), .targets = 2, .supersedes = lost);
    int64_t back = environment().last_rollout;
    say(ledger, PROD, 3000, rollout_superseded, .rollout = lost, .by = back);
    ck_assert_int_eq(environment().open_rollout, back);
    ck_assert_str_eq(rollout(lost).state, "superseded");
    ck_assert_int_eq(rollout(lost).superseded_by, back);
    ck_assert_int_eq(rollout(back).supersedes, lost);
    /* settled by the successor, before its own intent on weu, after it on neu */
    finish(ledger, PROD, 3001, lost, "weu", "cancelled");
    intend(ledger, PROD, 3002, back, "weu", "1.0");
    intend(ledger, PROD, 3002, back, "neu", "1.0");
    finish(ledger, PROD, 3003, lost, "neu", "succeeded");
    ck_assert(target("neu").dirty); /* nobody knows which of the two was last */
    ck_assert_str_eq(target("weu").accepted_release, "1.1");
    finish(ledger, PROD, 3004, back, "weu", "succeeded");
    finish(ledger, PROD, 3004, back, "neu", "succeeded");
    say(ledger, PROD, 3005, rollout_succeeded, .rollout = back);
    say(ledger, PROD, 3006, rollout_failed, .rollout = lost); /* the first end counts */
    ck_assert_str_eq(rollout(lost).state, "superseded");
    ck_assert_str_eq(environment().live, "1.0");
    ck_assert_str_eq(target("neu").accepted_release, "1.0");
    say(ledger, PROD, 3007, step_ended, .rollout = lost, .target = T("neu"), .attempt = 1,
        .outcome = T("succeeded"), .accepted = true, .last = true);
    ck_assert_str_eq(target("neu").accepted_release, "1.0");
    ck_assert_str_eq(target("neu").release, "1.0");
}
END_TEST

START_TEST(test_targets__floor_rises_with_intents_and_falls_by_a_person)
{
    int64_t number = request(ledger, PROD, 1000, "out", "1.0");

    for (int i = 0; both[i]; i++)
        say(ledger, PROD, 1000, step_intended, .rollout = number, .target = T(both[i]),
            .attempt = 1, .release = T("1.0"), .floor = 5 + i);
    say(ledger, PROD, 1001, step_intended, .rollout = number, .target = T("neu"), .attempt = 2,
        .release = T("1.0"), .floor = 3);
    ck_assert(target("weu").floor == 5 && target("neu").floor == 6);
    say(ledger, PROD, 1002, floor_set, .floor = 2, .target = T("neu"), .reason = T("x"));
    ck_assert(target("weu").floor == 5 && target("neu").floor == 2);
    say(ledger, PROD, 1003, floor_set, .floor = 1, .reason = T("x"));
    ck_assert(target("weu").floor == 1 && target("neu").floor == 1);
    ck_assert(target("weu").dirty);
}
END_TEST

/* ---- holds and marks ------------------------------------------------------------------------- */

START_TEST(test_holds__of_a_back_and_of_a_person_stand_side_by_side)
{
    struct roll_environment_row row;

    say_with(ledger, PROD, 1000, "{}", rollout_requested, .lane = T("rollback"), .kind = T("back"),
             .order = digest_of("{}"), .targets = 1, .hold = true, .reason = T("errors"),
             .bad = (char *[]){T("1.1"), T("1.2"), NULL});
    row = environment();
    ck_assert(row.hold && !row.hold_by_person && row.hold_rollout == 1);
    ck_assert_str_eq(row.hold_reason, "errors");
    ck_assert_str_eq(bad_where("1.1"), "here");
    ck_assert_str_eq(bad_where("1.2"), "here");
    say(ledger, PROD, 1001, hold_set, .reason = T("holiday"));
    row = environment();
    ck_assert(row.hold && row.hold_by_person);
    ck_assert_str_eq(row.hold_reason, "holiday");
    say_with(ledger, PROD, 1002, "{}", rollout_requested, .lane = T("rollback"),
             .kind = T("forward"), .order = digest_of("{}"), .targets = 1, .unhold = true,
             .lifts = (char *[]){T("1.1"), NULL});
    row = environment();
    ck_assert(!row.hold && row.hold_by_person && row.hold_rollout == 0);
    ck_assert_ptr_null(bad_where("1.1"));
    ck_assert_str_eq(bad_where("1.2"), "here");
    say(ledger, PROD, 1003, hold_lifted, 0);
    row = environment();
    ck_assert(!row.hold && !row.hold_by_person);
    ck_assert_ptr_null(row.hold_reason);
    say_with(ledger, PROD, 1004, "{}", rollout_requested, .lane = T("rollback"), .kind = T("back"),
             .order = digest_of("{}"), .targets = 1, .hold = true);
    say(ledger, PROD, 1005, hold_lifted, 0); /* ends both */
    ck_assert(!environment().hold);
}
END_TEST

/* ---- rollouts -------------------------------------------------------------------------------- */

START_TEST(test_rollouts__keep_what_was_asked_and_who_drives)
{
    say(ledger, PROD, 900, hold_set, 0);
    int64_t number = say_with(ledger, PROD, 1000, "{}", rollout_requested, .lane = T("hotfix"),
                              .kind = T("hotfix"), .release = T("1.1"), .from = T("1.0"),
                              .order = digest_of("{}"), .targets = 3, .reason = T("CVE"),
                              .cause = 77, .partial = true);
    struct roll_rollout_row row = rollout(number);
    roll_auto(event) struct roll_event *event = NULL;

    ck_ok(roll_ledger_event(ledger, PROD, number, &event));
    ck_assert_str_eq(row.hash, event->hash);
    ck_assert_str_eq(row.lane, "hotfix");
    ck_assert_str_eq(row.from, "1.0");
    ck_assert_str_eq(row.reason, "CVE");
    ck_assert_str_eq(row.order, digest_of("{}"));
    ck_assert_str_eq(row.proved, "alice@contoso.com");
    ck_assert_str_eq(row.claimed, "alice");
    ck_assert(row.partial && row.cause == 77 && row.targets == 3 && row.requested_at == 1000);
    ck_assert_ptr_null(row.driver);
    say(ledger, PROD, 1001, rollout_claimed, .rollout = number, .driver = T("d1"), .host = T("h1"),
        .until = 5000);
    say(ledger, PROD, 1002, rollout_detached, .rollout = number, .driver = T("other"));
    row = rollout(number);
    ck_assert_str_eq(row.driver, "d1");
    ck_assert(row.claim_until == 5000 && !row.detached);
    say(ledger, PROD, 1003, rollout_detached, .rollout = number, .driver = T("d1"));
    ck_assert(rollout(number).detached);
    say(ledger, PROD, 1004, rollout_claimed, .rollout = number, .driver = T("d2"), .host = T("h2"),
        .until = 6000);
    row = rollout(number);
    ck_assert_str_eq(row.host, "h2");
    ck_assert(row.claim_until == 6000 && !row.detached);
}
END_TEST

static const struct {
    enum roll_event_kind kind;
    const char *state;
} ends[] = {
    {ROLL_EVENT_rollout_succeeded, "succeeded"}, {ROLL_EVENT_rollout_failed, "failed"},
    {ROLL_EVENT_rollout_cancelled, "cancelled"}, {ROLL_EVENT_rollout_refused, "refused"},
    {ROLL_EVENT_rollout_expired, "expired"},     {ROLL_EVENT_rollout_superseded, "superseded"},
};

START_TEST(test_rollouts__have_six_ends)
{
    int64_t number = request(ledger, PROD, 1000, "out", "1.0");
    const struct roll_rollout_failed body = {.rollout = number, .reason = T("because"), .by = 9};

    say_body(ledger, PROD, 2000, ends[_i].kind, &body, NULL);
    ck_assert_str_eq(rollout(number).state, ends[_i].state);
    ck_assert_str_eq(rollout(number).end_reason, "because");
    ck_assert(rollout(number).ended_at == 2000 && rollout(number).superseded_by == 9);
    ck_assert_int_eq(environment().open_rollout, 0);
    ck_assert(environment().last_good == NULL || _i == 0);
}
END_TEST

static struct roll_error *append_number(void *user, const struct roll_rollout_row *row)
{
    g_string_append_printf(user, "%s#%d ", row->stream, (int)row->number);
    return NULL;
}

START_TEST(test_rollouts__are_listed_newest_first)
{
    const struct {
        struct roll_rollout_query query;
        const char *wanted;
    } rows[] = {
        {{.limit = 0}, "shop/prod#2 bank/prod#1 shop/test#1 shop/prod#1 "},
        {{.limit = 2}, "shop/prod#2 bank/prod#1 "},
        {{.service = "shop"}, "shop/prod#2 shop/test#1 shop/prod#1 "},
        {{.service = "shop", .limit = 1}, "shop/prod#2 "},
        {{.stream = PROD}, "shop/prod#2 shop/prod#1 "},
        {{.stream = PROD, .limit = 1}, "shop/prod#2 "},
        {{.stream = PROD, .number = 1}, "shop/prod#1 "},
        {{.stream = PROD, .number = 9}, ""},
        {{.service = "none"}, ""},
    };

    request(ledger, PROD, 1000, "out", "1.0");
    request(ledger, "shop/test", 2000, "out", "1.0");
    request(ledger, "bank/prod", 3000, "out", "1.0");
    request(ledger, PROD, 4000, "out", "1.0");
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) list = g_string_new(NULL);
        ck_ok(roll_ledger_rollouts(ledger, &rows[i].query, append_number, list));
        ck_assert_str_eq(list->str, rows[i].wanted);
    }
}
END_TEST

static struct roll_error *append_step(void *user, const struct roll_step_row *row)
{
    g_string_append_printf(user, "%s/%d.%d %s %s %d %d-%d %s; ", row->target, (int)row->step,
                           (int)row->attempt, row->release ? row->release : "-",
                           row->outcome ? row->outcome : "?", row->accepted, (int)row->intended_at,
                           (int)row->ended_at, row->code ? row->code : "");
    return NULL;
}

START_TEST(test_steps__show_the_last_attempt)
{
    int64_t number = request(ledger, PROD, 1000, "out", "1.0");
    g_autoptr(GString) list = g_string_new(NULL);

    intend(ledger, PROD, 1001, number, "weu", "1.0");
    intend(ledger, PROD, 1001, number, "neu", "1.0");
    say(ledger, PROD, 1002, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("failed"), .accepted = true, .code = T("Conflict"));
    say(ledger, PROD, 1003, step_intended, .rollout = number, .target = T("weu"), .attempt = 2,
        .release = T("1.0"));
    say(ledger, PROD, 1004, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("cancelled")); /* of an attempt that is gone */
    say(ledger, PROD, 1005, step_ended, .rollout = number, .target = T("weu"), .step = 1,
        .attempt = 1, .outcome = T("succeeded"), .last = true); /* a check without an intent */
    ck_ok(roll_ledger_steps(ledger, PROD, number, append_step, list));
    ck_assert_str_eq(list->str, "neu/0.1 1.0 ? 0 1001-0 ; weu/0.2 1.0 ? 0 1003-0 ; "
                                "weu/1.1 - succeeded 0 0-1005 ; ");
    ck_assert(target("weu").dirty); /* the second attempt has no outcome */
}
END_TEST

/* ---- successes ------------------------------------------------------------------------------- */

static struct roll_error *append_success(void *user, const struct roll_success_row *row)
{
    g_string_append_printf(user, "%s@%d ", row->release, (int)row->at);
    return NULL;
}

static const char *successes(const char *name)
{
    g_autoptr(GString) list = g_string_new(NULL);

    ck_ok(roll_ledger_successes(ledger, PROD, name, append_success, list));
    return g_intern_string(list->str);
}

START_TEST(test_successes__per_target_and_of_the_whole)
{
    roll_out(ledger, PROD, 1000, "out", "1.0", both);
    roll_out(ledger, PROD, 2000, "out", "1.1", both);
    int64_t part = say_with(ledger, PROD, 3000, "{}", rollout_requested, .lane = T("release"),
                            .kind = T("out"), .release = T("1.2"), .order = digest_of("{}"),
                            .targets = 1, .partial = true);
    intend(ledger, PROD, 3001, part, "weu", "1.2");
    finish(ledger, PROD, 3002, part, "weu", "succeeded");
    say(ledger, PROD, 3003, rollout_succeeded, .rollout = part);
    ck_assert_str_eq(successes("weu"), "1.2@3002 1.1@2002 1.0@1002 ");
    ck_assert_str_eq(successes("neu"), "1.1@2002 1.0@1002 ");
    ck_assert_str_eq(successes(NULL), "1.1@2003 1.0@1003 ");
    ck_assert_str_eq(environment().last_good, "1.2");
    ck_assert(environment().mixed);
    /* the part that makes the environment whole is a success of the whole */
    part = say_with(ledger, PROD, 4000, "{}", rollout_requested, .lane = T("release"),
                    .kind = T("out"), .release = T("1.2"), .order = digest_of("{}"), .targets = 1,
                    .partial = true);
    intend(ledger, PROD, 4001, part, "neu", "1.2");
    finish(ledger, PROD, 4002, part, "neu", "succeeded");
    say(ledger, PROD, 4003, rollout_succeeded, .rollout = part);
    ck_assert_str_eq(successes(NULL), "1.2@4003 1.1@2003 1.0@1003 ");
    ck_assert_str_eq(environment().live, "1.2");
    ck_assert_str_eq(environment().previous, "1.1");
}
END_TEST

/* ---- what is not known ----------------------------------------------------------------------- */

START_TEST(test_unknown__a_kind_of_a_newer_program_is_kept_and_shown)
{
    static const char body[] = "{\"actor\":{\"claimed\":null,\"proved\":null},\"at\":5,\"body\":{},"
                               "\"kind\":\"%s\",\"objects\":[],\"prev\":\"%s\",\"seq\":%d,"
                               "\"stream\":\"shop/prod\"}";
    g_autoptr(GString) line = g_string_new(NULL);
    roll_auto(event) struct roll_event *event = NULL;
    roll_auto(writer) struct roll_writer *writer = NULL;
    struct roll_head head;

    say(ledger, PROD, 0, hold_set, 0);
    ck_assert(!environment().unknown);
    ck_ok(roll_ledger_head(ledger, PROD, &head));
    g_string_append_printf(line, body, "star.gazed", head.hash, 2);
    ck_ok(roll_event_parse(line->str, line->len, &event));
    ck_ok(roll_sql_begin(ledger->sql, true));
    ck_ok(roll_writer_open(ledger, PROD, &writer));
    ck_ok(roll_writer_add(writer, event, line));
    ck_ok(roll_writer_flush(writer));
    ck_ok(roll_sql_commit(ledger->sql));
    ck_assert(environment().unknown && environment().hold_by_person);
    struct roll_verify_report report = {0};
    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_ptr_null(report.first_bad);
}
END_TEST

/* What another replica appended aside counts from where it is spliced in. */
START_TEST(test_side__another_replicas_counts_when_it_is_spliced_in)
{
    struct roll_head head;

    say(ledger, PROD, 0, hold_set, 0);
    say(ledger, "shop/prod~r1", 0, hold_lifted, 0);
    ck_assert(environment().hold_by_person);
    ck_ok(roll_ledger_head(ledger, "shop/prod~r1", &head));
    say(ledger, PROD, 0, ledger_joined, .side = T("shop/prod~r1"), .head = head.hash,
        .side_seq = head.seq);
    ck_assert(!environment().hold_by_person && !environment().unknown);
}
END_TEST

/* ---- random histories ------------------------------------------------------------------------ */

static const char *const versions[] = {"1.0", "1.1", "1.2"};
static const char *const names[] = {"weu", "neu", "seu"};
static const char *const outcomes[] = {"succeeded", "succeeded", "succeeded", "failed", "cancelled",
                                       "refused",   "absent",    "conflict",  "skipped"};

struct history {
    GRand *rand;
    GArray *requests; /* numbers */
    struct roll_draft drafts[64];
    int count;
};

static char *pick(GRand *rand, const char *const *texts, int count)
{
    return T(texts[g_rand_int_range(rand, 0, count)]);
}

static bool chance(GRand *rand, int percent)
{
    return g_rand_int_range(rand, 0, 100) < percent;
}

/* Mostly the newest request, now and then an old one or one that never was. */
static int64_t some_rollout(struct history *history)
{
    guint count = history->requests->len;

    if (count == 0 || chance(history->rand, 5))
        return g_rand_int_range(history->rand, 1, 50);
    guint back = chance(history->rand, 80) ? 0 : (guint)g_rand_int_range(history->rand, 0, 4);
    return g_array_index(history->requests, int64_t, count - 1 - MIN(back, count - 1));
}

#define ADD(id, ...) add(history, ROLL_EVENT_##id, &(const struct roll_##id){__VA_ARGS__})

static void add(struct history *history, enum roll_event_kind kind, const void *body)
{
    void *copy = roll_event_body_copy(kind, body);

    history->drafts[history->count++] = (struct roll_draft){PROD, kind, copy};
}

static void add_random(struct history *history, int64_t seq)
{
    GRand *rand = history->rand;
    int64_t rollout_number = some_rollout(history);
    int64_t step = chance(rand, 70) ? 0 : g_rand_int_range(rand, 1, 3);
    char *version = pick(rand, versions, 3), *name = pick(rand, names, 3);
    char *list[] = {version, NULL};

    switch (g_rand_int_range(rand, 0, 16)) {
    case 0:
    case 1:
        ADD(rollout_requested, .lane = T("release"), .kind = T("out"),
            .release = chance(rand, 90) ? version : NULL, .order = digest_of("{}"), .targets = 3,
            .partial = chance(rand, 30), .hold = chance(rand, 20), .unhold = chance(rand, 20),
            .bad = chance(rand, 20) ? list : NULL, .lifts = chance(rand, 20) ? list : NULL,
            .reason = chance(rand, 50) ? version : NULL);
        g_array_append_val(history->requests, seq);
        break;
    case 2:
        ADD(rollout_claimed, .rollout = rollout_number, .driver = name, .host = name, .until = seq);
        break;
    case 3:
        ADD(rollout_detached, .rollout = rollout_number, .driver = name);
        break;
    case 4: {
        static const enum roll_event_kind kinds[] = {
            ROLL_EVENT_rollout_succeeded, ROLL_EVENT_rollout_succeeded, ROLL_EVENT_rollout_failed,
            ROLL_EVENT_rollout_superseded};
        add(history, kinds[g_rand_int_range(rand, 0, 4)],
            &(struct roll_rollout_failed){.rollout = rollout_number, .by = seq});
        break;
    }
    case 5:
        ADD(hold_set, .reason = name);
        break;
    case 6:
        ADD(hold_lifted, 0);
        break;
    case 7:
        ADD(floor_set, .floor = seq % 9, .target = chance(rand, 50) ? name : NULL, .reason = name);
        break;
    case 8:
    case 9:
    case 10:
    case 11:
        ADD(step_intended, .rollout = rollout_number, .target = name, .step = step,
            .attempt = g_rand_int_range(rand, 1, 3), .release = version, .floor = seq % 7);
        break;
    default:
        ADD(step_ended, .rollout = rollout_number, .target = name, .step = step,
            .attempt = g_rand_int_range(rand, 1, 3), .outcome = pick(rand, outcomes, 9),
            .last = chance(rand, 70), .accepted = chance(rand, 60),
            .release = chance(rand, 50) ? version : NULL);
        break;
    }
}

struct counts {
    int64_t clean, dirty;
    GHashTable *releases;
};

static struct roll_error *count_target(void *user, const struct roll_target_row *row)
{
    struct counts *counts = user;

    ck_assert(!(row->dirty && row->release));
    counts->dirty += row->dirty;
    counts->clean += row->release != NULL;
    if (row->release)
        g_hash_table_add(counts->releases, g_strdup(row->release));
    return NULL;
}

/* What the environment's counters say is what its targets say. */
static void check_counters(void)
{
    struct counts counts = {.releases =
                                g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL)};
    struct roll_environment_row row = environment();
    guint held;

    ck_ok(roll_ledger_targets(ledger, PROD, NULL, count_target, &counts));
    held = g_hash_table_size(counts.releases);
    ck_assert_int_eq(row.clean, counts.clean);
    ck_assert_int_eq(row.dirty, counts.dirty);
    ck_assert(row.mixed == (held > 1 || (row.clean > 0 && row.dirty > 0)));
    ck_assert((row.live != NULL) == (held == 1));
    ck_assert(!row.live || g_hash_table_contains(counts.releases, row.live));
    g_hash_table_unref(counts.releases);
}

static void free_drafts(struct history *history)
{
    for (int i = 0; i < history->count; i++)
        roll_event_body_free(history->drafts[i].kind, T(history->drafts[i].body));
    history->count = 0;
}

/* Appends in groups of any size; the rebuild, which goes in groups of its own, must agree (so does
 * teardown). */
START_TEST(test_random__histories_equal_their_rebuild)
{
    struct history history = {.rand = g_rand_new_with_seed((guint32)_i),
                              .requests = g_array_new(FALSE, FALSE, sizeof(int64_t))};
    const struct roll_object order = {"{}", 2};
    struct roll_expect expect = {.stream = PROD};
    bool equal = false;

    ck_ok(roll_ledger_head(ledger, PROD, &expect.head));
    while (expect.head.seq < 300) {
        int group = chance(history.rand, 50) ? 1 : g_rand_int_range(history.rand, 1, 64);
        while (history.count < group)
            add_random(&history, expect.head.seq + history.count + 1);
        ck_ok(roll_ledger_append(ledger, &somebody, 1000 + expect.head.seq, &expect, 1,
                                 history.drafts, (size_t)history.count, &order, 1, &expect.head));
        free_drafts(&history);
        check_counters();
    }
    ck_ok(roll_ledger_rebuild(ledger, &equal));
    ck_assert_msg(equal, "seed %d: a rebuild differs", _i);
    check_counters();
    struct roll_verify_report report = {0};
    ck_ok(roll_ledger_verify(ledger, &(struct roll_verify_options){.projections = true}, &report));
    ck_assert_msg(!report.first_bad, "seed %d: %s", _i, report.first_bad);
    g_rand_free(history.rand);
    g_array_unref(history.requests);
}
END_TEST

static TCase *rules(void)
{
    TCase *tcase = tcase_create("rules");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, test_releases__newest_first_and_data_is_inherited);
    tcase_add_test(tcase, test_releases__the_last_mark_holds_whole);
    tcase_add_test(tcase, test_live__follows_whole_rollouts);
    tcase_add_test(tcase, test_live__is_mixed_target_by_target);
    tcase_add_test(tcase, test_live__a_stream_that_is_not_there_calls_nobody);
    tcase_add_test(tcase, test_targets__are_dirty_from_the_intent_to_the_last_good_step);
    tcase_add_test(tcase, test_targets__one_bad_step_keeps_them_dirty);
    tcase_add_loop_test(tcase, test_targets__return_to_what_they_held_if_nothing_reached_arm, 0, 2);
    tcase_add_loop_test(tcase, test_targets__stay_dirty_if_anything_may_have_reached_arm, 0, 5);
    tcase_add_test(tcase, test_targets__an_attempt_that_never_arrived_can_be_followed_by_another);
    tcase_add_test(tcase, test_targets__a_superseded_rollout_ends_late);
    tcase_add_test(tcase, test_targets__floor_rises_with_intents_and_falls_by_a_person);
    tcase_add_test(tcase, test_holds__of_a_back_and_of_a_person_stand_side_by_side);
    tcase_add_test(tcase, test_rollouts__keep_what_was_asked_and_who_drives);
    tcase_add_loop_test(tcase, test_rollouts__have_six_ends, 0, (int)G_N_ELEMENTS(ends));
    tcase_add_test(tcase, test_rollouts__are_listed_newest_first);
    tcase_add_test(tcase, test_steps__show_the_last_attempt);
    tcase_add_test(tcase, test_successes__per_target_and_of_the_whole);
    tcase_add_test(tcase, test_unknown__a_kind_of_a_newer_program_is_kept_and_shown);
    tcase_add_test(tcase, test_side__another_replicas_counts_when_it_is_spliced_in);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("ledger: projections");
    TCase *random = tcase_create("random");

    suite_add_tcase(suite, rules());
    tcase_add_checked_fixture(random, setup, teardown);
    tcase_set_timeout(random, 60);
    tcase_add_loop_test(random, test_random__histories_equal_their_rebuild, 0, 40);
    suite_add_tcase(suite, random);
    return run_suite(suite);
}
