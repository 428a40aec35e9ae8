/* The audit's facts from a ledger, its judgement and counting, CSV fields, and what is usual. */
#include "ledger_tools.h"
#include "rollbook/json.h"
#include "rollbook/report.h"
#include "rollbook/watch.h"

#define PROD "shop/prod"
#define PLAN                                                                                       \
    "{\"environments\":{\"prod\":{\"lanes\":{}}},\"gates\":{\"scan\":{\"sarif\":\"r\"},\"probe\":" \
    "{\"http\":\"https://x.example\"}}}"

static json_t *read_json(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    ck_assert_msg(value != NULL, "no JSON: %s", text);
    return value;
}

/* ---- CSV ------------------------------------------------------------------------------------ */

static void is_field(const char *text, const char *expected)
{
    g_autoptr(GString) out = g_string_new(NULL);

    roll_report_csv_field(text, out);
    ck_assert_str_eq(out->str, expected);
}

START_TEST(test_report__csv_fields_are_quoted_and_no_formulas)
{
    is_field(NULL, "");
    is_field("", "");
    is_field("plain", "plain");
    is_field("a,b", "\"a,b\"");
    is_field("say \"x\"", "\"say \"\"x\"\"\"");
    is_field(" blank", "\" blank\"");
    is_field("two\nlines", "two lines");
    is_field("=1+1", "'=1+1");
    is_field("+1", "'+1");
    is_field("-1", "'-1");
    is_field("@SUM(A1,2)", "\"'@SUM(A1,2)\"");
    is_field("\n=1", "' =1");
    is_field("a=1", "a=1");
    is_field("\x1b[31m", "\\x1B[31m");
}
END_TEST

/* ---- what is usual -------------------------------------------------------------------------- */

START_TEST(test_watch__usual_is_median_and_95_percent)
{
    g_autoptr(GArray) all = g_array_new(FALSE, FALSE, sizeof(int64_t));
    struct roll_usual usual;

    roll_usual_of(all, &usual);
    ck_assert_int_eq(usual.count, 0);
    ck_assert_int_eq(usual.p95_ms, 0);
    for (int64_t ms = 20; ms > 0; ms--)
        g_array_append_val(all, ms);
    roll_usual_of(all, &usual);
    ck_assert_int_eq(usual.count, 20);
    ck_assert_int_eq(usual.median_ms, 11);
    ck_assert_int_eq(usual.p95_ms, 19);
    g_array_set_size(all, 1);
    roll_usual_of(all, &usual);
    ck_assert_int_eq(usual.median_ms, 1);
    ck_assert_int_eq(usual.p95_ms, 1);
}
END_TEST

/* ---- judging and counting ------------------------------------------------------------------- */

/* "KIND KIND:WHAT …" */
static void has_exceptions(const char *view_text, const char *expected)
{
    roll_auto(json) json_t *view = read_json(view_text);
    roll_auto(json) json_t *list = roll_audit_exceptions(view);
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *entry;

    json_array_foreach (list, index, entry) {
        const char *what = roll_json_get_string(entry, "what");
        g_string_append_printf(text, "%s%s%s%s", index ? " " : "",
                               roll_json_get_string(entry, "kind"), what ? ":" : "",
                               what ? what : "");
    }
    ck_assert_str_eq(text->str, expected);
}

#define GOOD "\"actor\":{\"proved\":\"alice x\"},\"governance\":{\"committed\":true}"
#define GIVEN "\"approvals\":{\"state\":\"given\",\"given\":[{\"by\":\"bob\"}]}"
#define GATES                                                                                      \
    "\"gates\":[{\"gate\":\"scan\",\"kind\":\"sarif\",\"when\":\"before\"},"                       \
    "{\"gate\":\"probe\",\"kind\":\"http\",\"when\":\"after\"}]"

START_TEST(test_audit__names_what_is_not_as_it_should_be)
{
    has_exceptions("{\"sent\":1,\"lane\":\"release\"," GOOD "," GIVEN "," GATES "}", "");
    has_exceptions("{\"sent\":1,\"lane\":\"release\"," GOOD
                   ",\"approvals\":{\"state\":\"not asked\"}}",
                   "unapproved static-absent dynamic-absent");
    /* bob is not bobby */
    has_exceptions("{\"actor\":{\"proved\":\"bob\"},\"governance\":{\"committed\":true},"
                   "\"approvals\":{\"given\":[{\"by\":\"bobby\"}]}}",
                   "");
    /* a rollback asks nobody; what was not sent needs nothing */
    has_exceptions(
        "{\"sent\":1,\"lane\":\"rollback\"," GOOD ",\"approvals\":{\"state\":\"not asked\"}}", "");
    has_exceptions(
        "{\"sent\":0,\"lane\":\"release\"," GOOD ",\"approvals\":{\"state\":\"not asked\"}}", "");
    has_exceptions(
        "{\"actor\":{\"claimed\":\"Bob run:x\"},\"governance\":{\"committed\":null}," GIVEN "}",
        "actor-not-proved self-approved:bob ungoverned");
    has_exceptions("{" GOOD
                   ",\"overrides\":[{\"kind\":\"governance\"},{\"kind\":\"freeze\",\"name\":"
                   "\"xmas\"},{\"kind\":\"approval\"},{\"kind\":\"membership-unknown\"}]}",
                   "override:freeze:xmas membership-unknown");
    has_exceptions("{\"actor\":{\"proved\":\"a\"},\"governance\":{\"committed\":false},\"debts\":[{"
                   "\"debt\":\"hotfix\",\"state\":\"open\"},{\"debt\":\"approval\",\"state\":"
                   "\"overdue\"},{\"debt\":\"gate:x\",\"state\":\"closed\"}]}",
                   "governance-not-committed debt-open:hotfix debt-overdue:approval");
    has_exceptions(
        "{\"sent\":1,\"lane\":\"hotfix\"," GOOD
        ",\"approvals\":{\"state\":\"overridden\"},\"source\":{\"dirty\":true},\"gates\":[{"
        "\"gate\":\"scan\",\"kind\":\"sarif\",\"when\":\"later\"}]}",
        "approval-overridden:overridden static-put-off:scan work-tree-dirty "
        "dynamic-absent commit-unknown");
}
END_TEST

static const json_t *control(const json_t *controls, const char *id)
{
    size_t index;
    json_t *entry;

    json_array_foreach (controls, index, entry)
        if (g_strcmp0(roll_json_get_string(entry, "id"), id) == 0)
            return entry;
    ck_abort_msg("no control %s", id);
}

static json_int_t count_of(const json_t *controls, const char *id, const char *list,
                           const char *member, const char *name)
{
    size_t index;
    json_t *entry;

    json_array_foreach (json_object_get(control(controls, id), list), index, entry)
        if (g_str_has_prefix(roll_json_get_string(entry, member), name))
            return json_integer_value(json_object_get(entry, "count"));
    return -1;
}

START_TEST(test_audit__controls_count_evidence_and_exceptions)
{
    roll_auto(json) json_t *rollouts = read_json(
        "[{\"rollout\":\"a/b#1\",\"sent\":2,\"kind\":\"back\"," GOOD "," GIVEN
        ",\"gates\":[{\"kind\":\"sarif\",\"verdict\":\"passed\"},{\"kind\":\"sarif\",\"verdict\":"
        "\"error\"},{\"kind\":\"http\",\"verdict\":null}],\"exceptions\":[{\"kind\":\"debt-open\"},"
        "{"
        "\"kind\":\"debt-open\"}]},{\"rollout\":\"a/b#2\",\"sent\":0,\"actor\":{\"proved\":null},"
        "\"exceptions\":[{\"kind\":\"debt-open\"}]}]");
    roll_auto(json) json_t *events =
        read_json("{\"all\":7,\"release.made\":2,\"object.redacted\":1}");
    roll_auto(json) json_t *controls = roll_audit_controls(rollouts, events);

    ck_assert_int_eq(json_array_size(controls), 7);
    ck_assert_int_eq(count_of(controls, "DS-2", "evidence", "fact", "releases recorded"), 2);
    ck_assert_int_eq(count_of(controls, "DS-3", "evidence", "fact", "rollouts asked for"), 2);
    ck_assert_int_eq(count_of(controls, "DS-3", "evidence", "fact", "of these by an identity"), 1);
    ck_assert_int_eq(count_of(controls, "DS-3", "evidence", "fact", "approvals given"), 1);
    ck_assert_int_eq(count_of(controls, "DS-4", "evidence", "fact", "scan reports that passed"), 1);
    ck_assert_int_eq(count_of(controls, "DS-4", "evidence", "fact", "scan reports that did not"),
                     1);
    ck_assert_int_eq(count_of(controls, "DS-5", "evidence", "fact", "commands and"), 0);
    ck_assert_int_eq(count_of(controls, "DS-6", "evidence", "fact", "of these rollbacks"), 1);
    ck_assert_int_eq(count_of(controls, "DS-7", "evidence", "fact", "events"), 7);
    ck_assert_int_eq(count_of(controls, "DS-7", "exceptions", "kind", "object.redacted"), 1);
    /* rollouts are counted, not what each of them owes */
    ck_assert_int_eq(count_of(controls, "DS-3", "exceptions", "kind", "debt-open"), 2);
    ck_assert_int_eq(count_of(controls, "DS-3", "exceptions", "kind", "debt-overdue"), -1);
}
END_TEST

/* ---- from a ledger -------------------------------------------------------------------------- */

static json_t *ask(struct roll_ledger *ledger, int64_t number, int64_t from, int64_t to)
{
    const struct roll_audit_options options = {PROD, from, to, 5000};
    json_t *facts = NULL;
    roll_auto(json) json_t *rollouts = json_pack(
        "[{s:o,s:s,s:s,s:s,s:s,s:s,s:{s:s}}]", "rollout", json_sprintf(PROD "#%d", (int)number),
        "service", "shop", "environment", "prod", "lane", "release", "state", "succeeded",
        "startedAt", "1970-01-01T00:00:01Z", "actor", "proved", "alice@contoso.com");

    ck_ok(roll_audit(ledger, &options, rollouts, &facts));
    return facts;
}

static const char *text_at(const json_t *value, const char *list, const char *member)
{
    return roll_json_get_string(json_array_get(json_object_get(value, list), 0), member);
}

START_TEST(test_audit__gathers_what_governed_a_rollout)
{
    struct place place = place_make();
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    json_t *gates = read_json("{\"approvals\":[{\"role\":\"security\"}],\"before\":[\"scan\"],"
                              "\"after\":[\"probe\"]}");
    int64_t number = say_with(ledger, PROD, 1000, PLAN, rollout_requested, .lane = T("release"),
                              .kind = T("out"), .release = T("1.0.0"), .order = digest_of(PLAN),
                              .plan = digest_of(PLAN), .targets = 1, .gates = gates);
    json_decref(gates);
    say(ledger, PROD, 1001, approval_given, .rollout = number, .approver = T("bob@contoso.com"),
        .signature = T("x"));
    say(ledger, PROD, 1002, gate_evaluated, .rollout = number, .gate = T("scan"),
        .verdict = T("passed"), .summary = T("3 notes"));
    intend(ledger, PROD, 1003, number, "weu", "1.0.0");

    roll_auto(json) json_t *facts = ask(ledger, number, 1000, 1003);
    const json_t *view = json_array_get(json_object_get(facts, "rollouts"), 0);
    const json_t *approvals = json_object_get(view, "approvals");
    ck_assert_str_eq(roll_json_get_string(approvals, "state"), "given");
    ck_assert_str_eq(text_at(approvals, "given", "by"), "bob@contoso.com");
    ck_assert_str_eq(text_at(view, "gates", "verdict"), "passed");
    ck_assert_str_eq(text_at(view, "gates", "kind"), "sarif");
    ck_assert_str_eq(
        roll_json_get_string(json_array_get(json_object_get(view, "gates"), 1), "verdict"),
        "passed");
    ck_assert(json_is_true(json_object_get(json_object_get(view, "governance"), "committed")));
    ck_assert_uint_eq(json_array_size(json_object_get(view, "exceptions")), 0);
    /* events are counted in the time that was asked for, approvals whenever they came */
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(facts, "events"), "all")),
                     3);
    roll_auto(json) json_t *later = ask(ledger, number, 1001, 0);
    ck_assert_uint_eq(json_array_size(json_object_get(later, "rollouts")), 0);
    roll_auto(json) json_t *before = ask(ledger, number, 0, 1000);
    ck_assert_uint_eq(json_array_size(json_object_get(before, "rollouts")), 0);
    roll_ledger_close(ledger);
    place_remove(&place);
}
END_TEST

/* ---- runbook -------------------------------------------------------------------------------- */

static void expects(const char *usual, const char *line)
{
    g_autofree char *text = g_strdup_printf("{\"stream\":\"shop/prod\",\"name\":\"prod\","
                                            "\"generatedAt\":\"T\",\"usual\":{%s}}",
                                            usual);
    roll_auto(json) json_t *facts = read_json(text);
    g_autoptr(GString) page = roll_report_runbook(facts);

    ck_assert_msg(strstr(page->str, line) != NULL, "no '%s' in:\n%s", line, page->str);
}

START_TEST(test_runbook__says_what_time_is_known)
{
    expects("", "- Expected time: not known yet.\n");
    expects("\"out\":{\"count\":1,\"medianMs\":61000}",
            "- Expected time: no rollback yet; a release usually takes 1 min 1 s,");
    expects("\"back\":{\"count\":2,\"medianMs\":1000,\"p95Ms\":2000}",
            "- Expected time: the rollbacks so far took at most 2 s (2).\n");
    expects("\"back\":{\"count\":3,\"medianMs\":38000,\"p95Ms\":65000}",
            "- Expected time: usually 38 s, 95 % within 1 min 5 s (3 rollbacks so far).\n");
}
END_TEST

START_TEST(test_usual__counts_whole_rollbacks_that_succeeded)
{
    struct place place = place_make();
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);
    const char *const targets[] = {"weu", NULL};
    struct roll_usual usual;

    ck_ok(roll_usual_rollouts(NULL, PROD, "back", &usual));
    ck_assert_int_eq(usual.count, 0);
    roll_out(ledger, PROD, 1000, "out", "1.0.0", targets);
    roll_out(ledger, PROD, 2000, "out", "1.1.0", targets);
    roll_out(ledger, PROD, 3000, "back", "1.0.0", targets);
    int64_t partial =
        say_with(ledger, PROD, 3500, "{}", rollout_requested, .lane = T("rollback"),
                 .kind = T("back"), .order = digest_of("{}"), .targets = 1, .partial = true);
    say(ledger, PROD, 3900, rollout_succeeded, .rollout = partial);
    int64_t failed = request(ledger, PROD, 4000, "back", "1.0.0");
    say(ledger, PROD, 9000, rollout_failed, .rollout = failed);
    ck_ok(roll_usual_rollouts(ledger, PROD, "back", &usual));
    ck_assert_int_eq(usual.count, 1);
    ck_assert_int_eq(usual.median_ms, 3);
    ck_ok(roll_usual_rollouts(ledger, PROD, "out", &usual));
    ck_assert_int_eq(usual.count, 2);
    roll_ledger_close(ledger);
    place_remove(&place);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tcase = tcase_create("audit");

    tcase_add_test(tcase, test_report__csv_fields_are_quoted_and_no_formulas);
    tcase_add_test(tcase, test_watch__usual_is_median_and_95_percent);
    tcase_add_test(tcase, test_audit__names_what_is_not_as_it_should_be);
    tcase_add_test(tcase, test_audit__controls_count_evidence_and_exceptions);
    tcase_add_test(tcase, test_audit__gathers_what_governed_a_rollout);
    tcase_add_test(tcase, test_runbook__says_what_time_is_known);
    tcase_add_test(tcase, test_usual__counts_whole_rollbacks_that_succeeded);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
