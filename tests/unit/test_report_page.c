/* The report: sentences, Markdown and the page, whose facts must stay text. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_tools.h"
#include "rollbook/json.h"
#include "rollbook/report.h"

static json_t *facts_with_reason(const char *reason)
{
    return json_pack(
        "{s:s,s:s,s:[{s:s,s:s,s:s,s:{s:s},s:[],s:[{s:s,s:s,s:s,s:s,s:s,s:s}]}],s:[],s:{}}",
        "generatedAt", "2026-01-01T00:00:00Z", "program", "roll", "environments", "stream",
        "shop/prod", "environment", "prod", "version", "1.0.0", "rollback", "version", "0.9.0",
        "bands", "rollouts", "rollout", "shop/prod#1", "kind", "out", "version", "1.0.0", "state",
        "succeeded", "startedAt", "2026-01-01T00:00:00Z", "reason", reason, "releases", "diffs");
}

START_TEST(test_report__page_keeps_facts_inside_their_element)
{
    roll_auto(json) json_t *facts = facts_with_reason("</script><script>alert(1)</script><!--");
    g_autoptr(GString) page = roll_report_page(facts);
    const char *open = strstr(page->str, "id=\"facts\">");
    ck_assert_ptr_nonnull(open);
    ck_assert_ptr_null(strstr(page->str, "{{facts}}"));
    const char *close = strstr(open, "</script>");
    ck_assert_ptr_null(memchr(open + strlen("id=\"facts\">"), '<',
                              (size_t)(close - open - strlen("id=\"facts\">"))));
    g_autofree char *text =
        g_strndup(open + strlen("id=\"facts\">"), (gsize)(close - open - strlen("id=\"facts\">")));
    roll_auto(json) json_t *back = json_loads(text, 0, NULL);
    const json_t *environment = json_array_get(json_object_get(back, "environments"), 0);
    const json_t *rollout = json_array_get(json_object_get(environment, "rollouts"), 0);
    ck_assert_str_eq(roll_json_get_string(rollout, "reason"),
                     "</script><script>alert(1)</script><!--");
}
END_TEST

START_TEST(test_report__page_shows_controls_and_bidi_harmlessly)
{
    roll_auto(json) json_t *facts = facts_with_reason("a\x1b[31mb\u202ec");
    g_autoptr(GString) page = roll_report_page(facts);
    ck_assert_ptr_null(strstr(page->str, "\u202e"));
    ck_assert_ptr_null(strstr(page->str, "\\u001B"));
    ck_assert_ptr_null(strstr(page->str, "\\u001b"));
    ck_assert_ptr_nonnull(strstr(page->str, "\\\\u{202E}"));
}
END_TEST

START_TEST(test_report__page_names_no_other_place)
{
    roll_auto(json) json_t *facts = facts_with_reason("why");
    g_autoptr(GString) page = roll_report_page(facts);
    const char *names_space = "http://www.w3.org/2000/svg";
    g_auto(GStrv) parts = g_strsplit(page->str, names_space, -1);
    for (char **part = parts; *part; part++) {
        ck_assert_ptr_null(strstr(*part, "http:"));
        ck_assert_ptr_null(strstr(*part, "https:"));
        ck_assert_ptr_null(strstr(*part, " src="));
        ck_assert_ptr_null(strstr(*part, "url("));
    }
}
END_TEST

START_TEST(test_report__markdown_escapes_what_it_is_given)
{
    roll_auto(json) json_t *facts = facts_with_reason("a|b\n# c <b> [d](e)");
    g_autoptr(GString) text = roll_report_markdown(facts);
    ck_assert_ptr_nonnull(strstr(text->str, " a\\|b \\# c \\<b\\> \\[d\\](e) |\n"));
    ck_assert_ptr_nonnull(
        strstr(text->str, "## shop/prod\n\nLive: 1.0.0. `roll back` goes to 0.9.0.\n"));
}
END_TEST

static char *sentence(enum roll_event_kind kind, const void *body)
{
    const struct roll_actor actor = {0};
    GString *line = NULL;
    char hash[ROLL_HEX_SIZE];
    roll_auto(event) struct roll_event *event = NULL;
    char zeros[ROLL_HEX_SIZE] = {0};
    memset(zeros, '0', ROLL_HEX_SIZE - 1);
    ck_ok(roll_event_compose("shop/prod", 1, zeros, 0, &actor, kind, body, &line, hash));
    ck_ok(roll_event_parse(line->str, line->len, &event));
    g_string_free(line, TRUE);
    return roll_report_sentence(event);
}

START_TEST(test_report__sentences_leave_out_what_is_not_there)
{
    char digest[ROLL_HEX_SIZE];
    memset(digest, 'a', ROLL_HEX_SIZE - 1);
    digest[ROLL_HEX_SIZE - 1] = '\0';
    struct roll_rollout_requested request = {.lane = T("release"),
                                             .kind = T("out"),
                                             .release = T("1.1.0"),
                                             .order = digest,
                                             .targets = 2};
    g_autofree char *first = sentence(ROLL_EVENT_rollout_requested, &request);
    ck_assert_str_eq(first, "out requested 1.1.0");
    request.from = T("1.0.0");
    request.reason = T("weekly");
    g_autofree char *second = sentence(ROLL_EVENT_rollout_requested, &request);
    ck_assert_str_eq(second, "out requested: 1.0.0 → 1.1.0 (weekly)");
    const struct roll_hold_lifted lifted = {0};
    g_autofree char *third = sentence(ROLL_EVENT_hold_lifted, &lifted);
    ck_assert_str_eq(third, "hold lifted");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report_page");
    TCase *tcase = tcase_create("page");
    tcase_add_test(tcase, test_report__page_keeps_facts_inside_their_element);
    tcase_add_test(tcase, test_report__page_shows_controls_and_bidi_harmlessly);
    tcase_add_test(tcase, test_report__page_names_no_other_place);
    tcase_add_test(tcase, test_report__markdown_escapes_what_it_is_given);
    tcase_add_test(tcase, test_report__sentences_leave_out_what_is_not_there);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
