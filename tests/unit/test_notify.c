/* Notices: what there is to tell, how each receiver hears it, and that each hears it once. */
#include "ledger_one.h"
#include "rollbook/json.h"
#include "rollbook/notify.h"
#include "tools/scripted_server.h"

#define START INT64_C(1795597200000) /* 2026-11-25T09:00:00Z */
#define HOUR INT64_C(3600000)
#define ALL_WORDS ((1U << ROLL_NOTICE_WORDS) - 1)

/* ---- what there is to tell ------------------------------------------------------------------- */

static int64_t ask(int64_t at, const char *kind)
{
    return say_with(ledger, PROD, at, "{}", rollout_requested,
                    .lane = T(g_str_equal(kind, "back") ? "rollback" : "release"), .kind = T(kind),
                    .release = T("1.5.0"), .from = T("1.4.2"), .order = digest_of("{}"),
                    .targets = 1, .reason = T("checkout <b>fails</b> & *hurts*"));
}

static int64_t breakdown(int64_t at)
{
    int64_t number = ask(at, "out");

    intend(ledger, PROD, at + 1, number, "weu", "1.5.0");
    say(ledger, PROD, at + 2, step_ended, .rollout = number, .target = T("weu"), .attempt = 1,
        .outcome = T("failed"), .last = true, .accepted = true, .code = T("SkuNotAvailable"),
        .message = T("not in [westeurope](https://evil.example)"));
    say(ledger, PROD, at + 3, rollout_failed, .rollout = number, .reason = T("1 target failed"));
    return number;
}

/* The ids, a blank between them. Owned. */
static char *ids(unsigned words, int64_t now)
{
    g_autoptr(GPtrArray) notices = NULL;
    GString *text = g_string_new(NULL);

    ck_ok(roll_notices(ledger, PROD, words, now, &notices));
    for (guint i = 0; i < notices->len; i++)
        g_string_append_printf(text, "%s%s", i ? " " : "",
                               ((struct roll_notice *)notices->pdata[i])->id);
    return g_string_free(text, FALSE);
}

static void ck_ids(unsigned words, int64_t now, const char *expected)
{
    g_autofree char *found = ids(words, now);

    ck_assert_str_eq(found, expected);
}

START_TEST(test_notify__rollouts_are_told_by_their_state)
{
    ck_ids(ALL_WORDS, START, "");
    int64_t failed = breakdown(START);
    int64_t back =
        roll_out(ledger, PROD, START + 10, "back", "1.4.2", (const char *const[]){"weu", NULL});
    int64_t hotfix = ask(START + 20, "hotfix");
    g_autofree char *all = g_strdup_printf("%s#%ld:failed %s#%ld:rolled-back %s#%ld:hotfix", PROD,
                                           (long)failed, PROD, (long)back, PROD, (long)hotfix);
    ck_ids(ALL_WORDS, START + 30, all);
    say(ledger, PROD, START + 40, rollout_refused, .rollout = hotfix);
    g_autofree char *refused = g_strdup_printf("%s %s#%ld:refused", all, PROD, (long)hotfix);
    ck_ids(ALL_WORDS, START + 50, refused);
    g_autofree char *one = g_strdup_printf("%s#%ld:rolled-back", PROD, (long)back);
    ck_ids(1U << ROLL_NOTICE_ROLLED_BACK, START + 50, one);
}
END_TEST

START_TEST(test_notify__what_is_older_than_a_week_is_told_to_nobody)
{
    int64_t number = breakdown(START);
    g_autofree char *one = g_strdup_printf("%s#%ld:failed", PROD, (long)number);

    ck_ids(ALL_WORDS, START + ROLL_NOTICE_AGE_MS, one);
    ck_ids(ALL_WORDS, START + ROLL_NOTICE_AGE_MS + HOUR, "");
}
END_TEST

START_TEST(test_notify__a_wait_is_told_while_it_lasts)
{
    roll_auto(json) json_t *gates =
        json_pack("{s:[{s:s,s:i}]}", "approvals", "role", "lead", "count", 1);
    int64_t number = say_with(ledger, PROD, START, "{}", rollout_requested, .lane = T("release"),
                              .kind = T("out"), .release = T("1.5.0"), .order = digest_of("{}"),
                              .targets = 1, .gates = gates, .driver = T("d"));
    g_autofree char *id = g_strdup_printf("%s#%ld:waiting", PROD, (long)number);
    g_autofree char *next = g_strdup_printf("roll approve %s#%ld", PROD, (long)number);
    g_autoptr(GPtrArray) notices = NULL;

    ck_ok(roll_notices(ledger, PROD, ALL_WORDS, START + 1, &notices));
    ck_assert_uint_eq(notices->len, 1);
    struct roll_notice *notice = notices->pdata[0];
    ck_assert_str_eq(notice->id, id);
    ck_ok(roll_notice_describe(ledger, notice));
    ck_assert_str_eq(notice->next, next);
    say(ledger, PROD, START + 10, rollout_claimed, .rollout = number, .driver = T("d"),
        .host = T("h"), .until = START + HOUR);
    ck_ids(ALL_WORDS, START + 20, "");
}
END_TEST

START_TEST(test_notify__a_look_is_told_once_until_it_finds_something_else)
{
    const unsigned looks = 1U << ROLL_NOTICE_DRIFT | 1U << ROLL_NOTICE_NOT_READY;

    say(ledger, PROD, START, drift_checked, .target = T("weu"), .differences = 0);
    say(ledger, PROD, START, readiness_checked, .release = T("1.4.2"), .state = T("ready"));
    ck_ids(looks, START, "");
    say_with(ledger, PROD, START + 1, "{}", drift_checked, .target = T("weu"), .differences = 1,
             .result = digest_of("{}"));
    say(ledger, PROD, START + 2, readiness_checked, .release = T("1.4.2"), .state = T("dead"));
    ck_ids(looks, START + 3, PROD "#3:drift " PROD "#4:not-ready");
    say_with(ledger, PROD, START + 4, "{}", drift_checked, .target = T("weu"), .differences = 1,
             .result = digest_of("{}"));
    ck_ids(looks, START + 5, PROD "#3:drift " PROD "#4:not-ready");
    say_with(ledger, PROD, START + 6, "[]", drift_checked, .target = T("weu"), .differences = 1,
             .result = digest_of("[]"));
    say(ledger, PROD, START + 7, readiness_checked, .release = T("1.4.2"), .state = T("ready"));
    ck_ids(looks, START + 8, PROD "#6:drift");
    g_autoptr(GPtrArray) notices = NULL;
    ck_ok(roll_notices(ledger, PROD, looks, START + 8, &notices));
    ck_ok(roll_notice_describe(ledger, notices->pdata[0]));
    roll_auto(json) json_t *body =
        roll_notice_body(notices->pdata[0], ROLL_NOTICE_CLOUDEVENTS, "LEDGER");
    ck_assert_str_eq(roll_json_get_string(body, "type"), "rollbook.look.drift");
    ck_assert_str_eq(roll_json_get_string(body, "subject"), "shop/prod/weu");
    ck_assert_str_eq(roll_json_get_string(json_object_get(body, "data"), "text"),
                     "shop/prod: target weu has drifted: 1 difference");
}
END_TEST

/* ---- how it is told -------------------------------------------------------------------------- */

static char *body_of(enum roll_notice_format format, json_t **ret_body)
{
    g_autoptr(GPtrArray) notices = NULL;
    GString *text = g_string_new(NULL);

    breakdown(START);
    ck_ok(roll_notices(ledger, PROD, ALL_WORDS, START + 10, &notices));
    ck_assert_uint_eq(notices->len, 1);
    ck_ok(roll_notice_describe(ledger, notices->pdata[0]));
    *ret_body = roll_notice_body(notices->pdata[0], format, "LEDGER");
    ck_assert_ptr_nonnull(*ret_body);
    roll_json_write(*ret_body, text);
    return g_string_free(text, FALSE);
}

static const char *at(const json_t *value, const char *name)
{
    const char *text = roll_json_get_string(value, name);

    return text ? text : "(none)";
}

START_TEST(test_notify__what_is_owed_is_told_when_it_was_passed_by_failed_and_is_overdue)
{
    const unsigned owed = 1U << ROLL_NOTICE_OWED;
    roll_auto(json) json_t *gates = json_pack(
        "{s:[{s:s,s:s,s:s,s:I},{s:s,s:s,s:s,s:I}]}", "debts", "debt", "gate:scan", "owner", "bob",
        "reason", "deferred", "due", (json_int_t)(START + HOUR), "debt", "approval", "owner", "bob",
        "reason", "nobody is awake", "due", (json_int_t)(START + HOUR));
    int64_t number = say_with(ledger, PROD, START, "{}", rollout_requested, .lane = T("hotfix"),
                              .kind = T("hotfix"), .release = T("1.5.0"), .order = digest_of("{}"),
                              .targets = 1, .gates = gates, .driver = T("d"));
    g_autoptr(GPtrArray) notices = NULL;

    intend(ledger, PROD, START + 1, number, "weu", "1.5.0");
    ck_ids(owed, START + 5, PROD "#1:passed-by:approval");
    say(ledger, PROD, START + 6, gate_evaluated, .rollout = number, .gate = T("other"),
        .verdict = T("failed"));
    say(ledger, PROD, START + 7, gate_evaluated, .rollout = number, .gate = T("scan"),
        .verdict = T("failed"), .summary = T("two findings"));
    ck_ids(owed, START + 8, PROD "#1:passed-by:approval " PROD "#4:owed");
    ck_ids(owed, START + HOUR, PROD "#1:passed-by:approval " PROD "#4:owed");
    ck_ids(owed, START + HOUR + 1,
           PROD "#1:passed-by:approval " PROD "#4:owed " PROD "#1:owed:approval " PROD
                "#1:owed:gate:scan");
    ck_ok(roll_notices(ledger, PROD, owed, START + 8, &notices));
    struct roll_notice *passed = notices->pdata[0], *notice = notices->pdata[1];
    ck_ok(roll_notice_describe(ledger, passed));
    ck_assert_str_eq(passed->next, "roll approve " PROD "#1");
    ck_assert_str_eq(passed->reason, "nobody is awake");
    ck_ok(roll_notice_describe(ledger, notice));
    ck_assert_str_eq(notice->next, "roll review " PROD "#1");
    ck_assert_str_eq(notice->why, "two findings");
    say(ledger, PROD, START + 9, debt_closed, .rollout = number, .debt = T("gate:scan"));
    ck_ids(owed, START + HOUR + 1, PROD "#1:passed-by:approval " PROD "#1:owed:approval");
}
END_TEST

START_TEST(test_notify__cloudevents_have_what_the_specification_requires)
{
    roll_auto(json) json_t *body = NULL;
    g_free(body_of(ROLL_NOTICE_CLOUDEVENTS, &body));
    const json_t *data = json_object_get(body, "data");

    ck_assert_str_eq(at(body, "specversion"), "1.0");
    ck_assert_str_eq(at(body, "id"), "shop/prod#1:failed");
    ck_assert_str_eq(at(body, "source"), "urn:rollbook:LEDGER:shop/prod");
    ck_assert_str_eq(at(body, "type"), "rollbook.rollout.failed");
    ck_assert_str_eq(at(body, "time"), "2026-11-25T09:00:00.003Z");
    ck_assert_str_eq(at(data, "text"), "shop/prod: rollout #1 to 1.5.0 failed");
    ck_assert_str_eq(at(data, "from"), "1.4.2");
    ck_assert_str_eq(at(data, "by"), "alice@contoso.com");
    ck_assert_str_eq(at(data, "why"), "1 target failed");
    ck_assert_str_eq(at(data, "error"),
                     "weu: SkuNotAvailable: not in [westeurope](https://evil.example)");
    ck_assert_str_eq(at(data, "next"), "roll back shop/prod");
}
END_TEST

/* Every text that is shown in a card. */
static void look_at_card(const json_t *value, GString *texts)
{
    size_t index;
    const char *name;
    json_t *member;

    if (json_is_object(value)) {
        const char *type = roll_json_get_string(value, "type");
        if (json_object_get(value, "text")) { /* the one element that reads no Markdown */
            ck_assert_str_eq(type, "TextRun");
            g_string_append_printf(texts, "%s\n", roll_json_get_string(value, "text"));
        }
        ck_assert(!json_object_get(value, "facts"));
        json_object_foreach ((json_t *)(uintptr_t)value, name, member)
            look_at_card(member, texts);
    }
    json_array_foreach (value, index, member)
        look_at_card(member, texts);
}

START_TEST(test_notify__a_card_for_teams_has_no_markup)
{
    roll_auto(json) json_t *body = NULL;
    g_free(body_of(ROLL_NOTICE_TEAMS, &body));
    const json_t *attachment = json_array_get(json_object_get(body, "attachments"), 0);
    const json_t *card = json_object_get(attachment, "content");
    g_autoptr(GString) texts = g_string_new(NULL);

    ck_assert_str_eq(at(body, "type"), "message");
    ck_assert_str_eq(at(attachment, "contentType"), "application/vnd.microsoft.card.adaptive");
    ck_assert(json_is_null(json_object_get(attachment, "contentUrl")));
    ck_assert_str_eq(at(card, "type"), "AdaptiveCard");
    ck_assert_str_eq(at(card, "version"), "1.4");
    look_at_card(body, texts);
    ck_assert_str_eq(texts->str, "shop/prod: rollout #1 to 1.5.0 failed\n"
                                 "Environment: \nshop/prod\nKind: \nout\n"
                                 "Release: \n1.4.2 → 1.5.0\nState: \nfailed\n"
                                 "By: \nalice@contoso.com\n"
                                 "Reason: \ncheckout <b>fails</b> & *hurts*\n"
                                 "Why: \n1 target failed\n"
                                 "Error: \nweu: SkuNotAvailable: not in "
                                 "[westeurope](https://evil.example)\n"
                                 "When: \n2026-11-25T09:00:00.003Z\n"
                                 "Next: \nroll back shop/prod\n");
}
END_TEST

START_TEST(test_notify__slack_gets_plain_and_escaped_text)
{
    roll_auto(json) json_t *body = NULL;
    g_autofree char *text = body_of(ROLL_NOTICE_SLACK, &body);
    size_t index;
    json_t *block;

    ck_assert_str_eq(at(body, "text"), "shop/prod: rollout #1 to 1.5.0 failed");
    ck_assert(json_is_false(json_object_get(body, "mrkdwn")));
    json_array_foreach (json_object_get(body, "blocks"), index, block)
        ck_assert_str_eq(at(json_object_get(block, "text"), "type"), "plain_text");
    ck_assert_uint_eq(index, 11);
    ck_assert_ptr_nonnull(
        strstr(text, "\"Reason: checkout &lt;b&gt;fails&lt;/b&gt; &amp; *hurts*\""));
    ck_assert_ptr_null(strchr(text, '<'));
}
END_TEST

START_TEST(test_notify__long_and_odd_text_is_cut_and_made_safe)
{
    g_autofree char *reason = g_strnfill(ROLL_NOTICE_TEXT + 1, 'x');
    struct roll_notice notice = {.id = T("a/b#1:failed"),
                                 .rollout = 1,
                                 .stream = T("a/b"),
                                 .kind = T("out"),
                                 .state = T("failed"),
                                 .reason = reason,
                                 .error = T("two\nlines \x1b[31m")};

    for (int format = 0; format < ROLL_NOTICE_FORMATS; format++) {
        roll_auto(json) json_t *body =
            roll_notice_body(&notice, (enum roll_notice_format)format, "LEDGER");
        g_autoptr(GString) text = g_string_new(NULL);
        roll_json_write(body, text);
        ck_assert_ptr_nonnull(strstr(text->str, "xxx…\""));
        ck_assert_ptr_null(strstr(text->str, reason));
        ck_assert_ptr_nonnull(strstr(text->str, "two lines \\\\x1B[31m"));
    }
    memset(reason, '&', strlen(reason)); /* what escaping makes longer still fits a section */
    roll_auto(json) json_t *slack = roll_notice_body(&notice, ROLL_NOTICE_SLACK, "LEDGER");
    ck_assert_uint_eq(json_array_size(json_object_get(slack, "blocks")), 8);
}
END_TEST

/* ---- delivering ------------------------------------------------------------------------------ */

static json_t *rules; /* of the test that runs */

/* Long: what answers is not to be too late on a busy machine. */
static int64_t bound_ms = 60000;

static struct roll_notify notify_of(void)
{
    return (struct roll_notify){.ledger = ledger,
                                .actor = &somebody,
                                .rules = rules,
                                .stream = PROD,
                                .now_ms = START + HOUR,
                                .bound_ms = bound_ms};
}

static void tell(int delivered, int left, const char *trouble)
{
    struct roll_notify notify = notify_of();
    struct roll_notified notified;

    ck_ok(roll_notify_deliver(&notify, &notified));
    ck_assert_int_eq(notified.delivered, delivered);
    ck_assert_int_eq(notified.left, left);
    ck_assert_pstr_eq(notified.trouble, trouble);
    roll_notified_clear(&notified);
}

static int waiting(void)
{
    struct roll_notify notify = notify_of();
    int count;

    ck_ok(roll_notify_waiting(&notify, &count));
    return count;
}

static void rules_setup(void)
{
    setup();
    rules =
        json_pack("[{s:s,s:[ss]},{s:s,s:s,s:[s]}]", "webhook", "env:ROLL_TEST_HOOK", "on", "failed",
                  "succeeded", "webhook", "env:ROLL_TEST_OTHER", "format", "slack", "on", "failed");
    g_unsetenv("ROLL_TEST_HOOK");
    g_unsetenv("ROLL_TEST_OTHER");
}

static void rules_teardown(void)
{
    json_decref(rules);
    teardown();
}

static struct scripted_server *serve(const char *script)
{
    struct scripted_server *server = scripted_server_start(script, 0);
    g_autofree char *hook = g_strconcat(scripted_server_url(server), "/hook\n", NULL);
    g_autofree char *other = g_strconcat(scripted_server_url(server), "/other", NULL);

    g_setenv("ROLL_TEST_HOOK", hook, TRUE);
    g_setenv("ROLL_TEST_OTHER", other, TRUE);
    return server;
}

static void stop(struct scripted_server *server)
{
    g_autofree char *complaint = scripted_server_stop(server);

    ck_assert_msg(!complaint, "%s", complaint);
}

START_TEST(test_notify__each_webhook_hears_of_a_thing_once)
{
    struct scripted_server *server =
        serve("expect POST /hook times 1\n  has-header Content-Type: "
              "application/cloudevents+json; charset=utf-8\n  has-header Roll-Notice-Id: "
              "shop/prod#1:failed\nreply 202\n"
              "expect POST /other times 1\n  has-header Content-Type: application/json; "
              "charset=utf-8\n  has-header Roll-Notice-Id: shop/prod#1:failed\nreply 200\n");

    tell(0, 0, NULL);
    breakdown(START);
    ck_assert_int_eq(waiting(), 2);
    tell(2, 0, NULL);
    ck_assert_int_eq(waiting(), 0);
    tell(0, 0, NULL);
    stop(server);
}
END_TEST

START_TEST(test_notify__one_that_is_down_is_tried_again_and_keeps_nobody_else)
{
    struct scripted_server *server =
        serve("expect POST /hook\nreply 500\nreply 301\n  header Location: ${url}/other\n"
              "reply 200\n  fault drop\nreply 204\nexpect POST /other times 1\nreply 200\n");

    breakdown(START);
    tell(1, 1, "env:ROLL_TEST_HOOK answered 500");
    tell(0, 1, "env:ROLL_TEST_HOOK answered 301");
    tell(0, 1, "env:ROLL_TEST_HOOK gave no answer");
    tell(1, 0, NULL);
    tell(0, 0, NULL);
    stop(server);
}
END_TEST

START_TEST(test_notify__what_is_not_taken_for_its_content_keeps_nothing_back)
{
    struct scripted_server *server =
        serve("expect POST /hook times 1\n  if-body #1:failed\nreply 400\n"
              "expect POST /hook times 1\n  if-body #5:failed\nreply 200\n"
              "expect POST /other times 2\nreply 200\n");

    breakdown(START);
    breakdown(START + 10);
    tell(3, 1, "env:ROLL_TEST_HOOK answered 400");
    stop(server);
}
END_TEST

START_TEST(test_notify__a_silent_one_is_left_within_the_bound)
{
    struct scripted_server *server = serve(
        "expect POST /hook times any\nreply 200\n  fault silent\nexpect POST /other\nreply 200\n");
    gint64 began = g_get_monotonic_time();

    bound_ms = 5000;
    breakdown(START);
    tell(1, 1, "env:ROLL_TEST_HOOK gave no answer");
    ck_assert_int_lt(g_get_monotonic_time() - began, 30 * G_USEC_PER_SEC);
    stop(server);
}
END_TEST

START_TEST(test_notify__only_https_or_loopback_is_spoken_to)
{
    struct roll_notify notify = notify_of();
    struct roll_notified notified;

    breakdown(START);
    g_setenv("ROLL_TEST_HOOK", "http://hooks.example/s3cret", TRUE);
    ck_ok(roll_notify_deliver(&notify, &notified));
    ck_assert_int_eq(notified.left, 1);
    ck_assert_str_eq(notified.trouble, "env:ROLL_TEST_HOOK holds no https address");
    ck_assert_str_eq(notified.unset, "env:ROLL_TEST_OTHER");
    roll_notified_clear(&notified);
    ck_assert_int_eq(waiting(), 1); /* not that of the unknown address */
}
END_TEST

START_TEST(test_notify__two_entries_of_one_address_tell_it_once)
{
    struct scripted_server *server = serve("expect POST /hook times 1\nreply 200\n");

    json_decref(rules);
    rules = json_pack("[{s:s,s:[s]},{s:s,s:[s]}]", "webhook", "env:ROLL_TEST_HOOK", "on", "failed",
                      "webhook", "env:ROLL_TEST_HOOK", "on", "failed");
    breakdown(START);
    tell(1, 0, NULL);
    tell(0, 0, NULL);
    stop(server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notify");
    TCase *made = tcase_create("notices"), *told = tcase_create("delivery");

    tcase_add_checked_fixture(made, setup, teardown);
    tcase_add_test(made, test_notify__rollouts_are_told_by_their_state);
    tcase_add_test(made, test_notify__what_is_older_than_a_week_is_told_to_nobody);
    tcase_add_test(made, test_notify__a_wait_is_told_while_it_lasts);
    tcase_add_test(made, test_notify__a_look_is_told_once_until_it_finds_something_else);
    tcase_add_test(made,
                   test_notify__what_is_owed_is_told_when_it_was_passed_by_failed_and_is_overdue);
    tcase_add_test(made, test_notify__cloudevents_have_what_the_specification_requires);
    tcase_add_test(made, test_notify__a_card_for_teams_has_no_markup);
    tcase_add_test(made, test_notify__slack_gets_plain_and_escaped_text);
    tcase_add_test(made, test_notify__long_and_odd_text_is_cut_and_made_safe);
    suite_add_tcase(suite, made);
    tcase_add_checked_fixture(told, rules_setup, rules_teardown);
    tcase_set_timeout(told, 30);
    tcase_add_test(told, test_notify__each_webhook_hears_of_a_thing_once);
    tcase_add_test(told, test_notify__one_that_is_down_is_tried_again_and_keeps_nobody_else);
    tcase_add_test(told, test_notify__what_is_not_taken_for_its_content_keeps_nothing_back);
    tcase_add_test(told, test_notify__a_silent_one_is_left_within_the_bound);
    tcase_add_test(told, test_notify__only_https_or_loopback_is_spoken_to);
    tcase_add_test(told, test_notify__two_entries_of_one_address_tell_it_once);
    suite_add_tcase(suite, told);
    return run_suite(suite);
}
