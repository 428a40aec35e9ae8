/* What the projections hold of rollouts: holds, ends, steps, successes, what is not known. */
#include "ledger/store.h"
#include "projection_tools.h"

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

int main(void)
{
    Suite *suite = suite_create("ledger_rollouts");
    TCase *tests = tcase_create("ledger_rollouts");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, test_holds__of_a_back_and_of_a_person_stand_side_by_side);
    tcase_add_test(tests, test_rollouts__keep_what_was_asked_and_who_drives);
    tcase_add_loop_test(tests, test_rollouts__have_six_ends, 0, (int)G_N_ELEMENTS(ends));
    tcase_add_test(tests, test_rollouts__are_listed_newest_first);
    tcase_add_test(tests, test_steps__show_the_last_attempt);
    tcase_add_test(tests, test_successes__per_target_and_of_the_whole);
    tcase_add_test(tests, test_unknown__a_kind_of_a_newer_program_is_kept_and_shown);
    tcase_add_test(tests, test_side__another_replicas_counts_when_it_is_spliced_in);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
