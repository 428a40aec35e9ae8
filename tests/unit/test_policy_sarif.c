/* SARIF 2.1.0 as a gate: levels, severities, suppressions, baselines, and what is not believed. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/policy.h"

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OWN "\"versionControlProvenance\":[{\"revisionId\":\"" COMMIT "\"}],"
#define RUN(results) "{\"version\":\"2.1.0\",\"runs\":[{" OWN DRIVER ",\"results\":" results "}]}"
#define DRIVER                                                                                     \
    "\"tool\":{\"driver\":{\"name\":\"T\",\"rules\":[{\"id\":\"A\",\"defaultConfiguration\":{"     \
    "\"level\":\"error\"},\"properties\":{\"security-severity\":\"8.0\"}},{\"id\":\"B\"}]},"       \
    "\"extensions\":[{\"name\":\"m\",\"rules\":[{\"id\":\"C\",\"defaultConfiguration\":{"          \
    "\"level\":"                                                                                   \
    "\"note\"}}]}]}"
#define SEVERITY(value)                                                                            \
    RUN("[{\"level\":\"note\",\"properties\":{\"security-severity\":" value "}}]")
#define IMAGE(digest) "\"properties\":{\"repoDigests\":[\"r/web@" digest "\"]},"
#define TWO(first, second)                                                                         \
    "{\"version\":\"2.1.0\",\"runs\":[{" first DRIVER ",\"results\":[]},{" second DRIVER           \
    ",\"results\":[]}]}"

static const struct {
    const char *what, *text, *verdict, *summary;
    double max;
} table[] = {
    {"clean", RUN("[]"), "passed", "0 errors", -1},
    {"the rule's level", RUN("[{\"ruleId\":\"A\"}]"), "failed", "1 error,", -1},
    {"a part of a rule", RUN("[{\"ruleId\":\"A/x\"}]"), "failed", "1 error,", -1},
    {"by index", RUN("[{\"ruleIndex\":0}]"), "failed", "1 error,", -1},
    {"its own level wins", RUN("[{\"ruleId\":\"A\",\"level\":\"note\"}]"), "passed", "1 note", -1},
    {"no level anywhere is a warning", RUN("[{\"ruleId\":\"B\"}]"), "passed", "1 warning", -1},
    {"an extension's rule", RUN("[{\"ruleId\":\"C\"}]"), "passed", "1 note", -1},
    {"an unknown level is an error", RUN("[{\"level\":\"fatal\"}]"), "failed", "1 error,", -1},
    {"severity as a text", RUN("[{\"ruleId\":\"A\",\"level\":\"note\"}]"), "failed", "1 above", 7},
    {"severity is not above", RUN("[{\"ruleId\":\"A\",\"level\":\"note\"}]"), "passed", "1 note",
     8},
    {"severity as a number",
     RUN("[{\"level\":\"note\",\"properties\":{\"security-severity\":9.1}}]"), "failed", "1 above",
     7},
    {"passed results", RUN("[{\"ruleId\":\"A\",\"kind\":\"pass\"}]"), "passed", "0 errors", -1},
    {"PSRule could not tell", RUN("[{\"ruleId\":\"A\",\"kind\":\"open\",\"level\":\"none\"}]"),
     "failed", "1 inconclusive", -1},
    {"suppressed without status",
     RUN("[{\"ruleId\":\"A\",\"suppressions\":[{\"kind\":\"external\"}]}]"), "passed",
     "1 suppressed", -1},
    {"suppression rejected",
     RUN("[{\"ruleId\":\"A\",\"suppressions\":[{\"kind\":\"external\"},{\"kind\":\"inSource\","
         "\"status\":\"rejected\"}]}]"),
     "failed", "1 error,", -1},
    {"no suppression", RUN("[{\"ruleId\":\"A\",\"suppressions\":[]}]"), "failed", "1 error,", -1},
    {"gone since the baseline", RUN("[{\"ruleId\":\"A\",\"baselineState\":\"absent\"}]"), "passed",
     "0 errors", -1},
    {"unchanged since the baseline", RUN("[{\"ruleId\":\"A\",\"baselineState\":\"unchanged\"}]"),
     "failed", "1 error,", -1},
    {"a person has to look", RUN("[{\"ruleId\":\"A\",\"kind\":\"review\",\"level\":\"none\"}]"),
     "failed", "1 inconclusive", -1},
    {"for information", RUN("[{\"ruleId\":\"A\",\"kind\":\"informational\"}]"), "passed",
     "0 errors", -1},
    {"not applicable", RUN("[{\"ruleId\":\"A\",\"kind\":\"notApplicable\"}]"), "passed", "0 errors",
     -1},
    {"an unknown kind fails", RUN("[{\"ruleId\":\"A\",\"kind\":\"bad\"}]"), "failed", "1 error,",
     -1},
    {"a longer name is another rule", RUN("[{\"ruleId\":\"AB\"}]"), "passed", "1 warning", -1},
    {"suppression under review",
     RUN("[{\"ruleId\":\"A\",\"suppressions\":[{\"kind\":\"external\",\"status\":\"underReview\"}]}"
         "]"),
     "failed", "1 error,", -1},
    {"severity that is no number",
     RUN("[{\"level\":\"note\",\"properties\":{\"security-severity\":\"nan\"}}]"), "error",
     "not a number: 'nan'", 7},
    {"severity as a word", SEVERITY("\"high\""), "error", "not a number: 'high'", 7},
    {"severity with a tail", SEVERITY("\"7.5/10\""), "error", "not a number: '7.5/10'", 7},
    {"an empty severity", SEVERITY("\"\""), "error", "not a number", 7},
    {"a severity below all", SEVERITY("-1"), "error", "not a number", 7},
    {"severity null", SEVERITY("null"), "error", "not a number", 7},
    {"severity that nobody asked for is read too", SEVERITY("\"high\""), "error", "not a number",
     -1},
    {"a null result", RUN("[null]"), "error", "result that is none", -1},
    {"a result that is a text", RUN("[\"A\"]"), "error", "result that is none", -1},
    {"a level that is a number", RUN("[{\"ruleId\":\"A\",\"level\":0}]"), "error",
     "result that is none", -1},
    {"a null suppression", RUN("[{\"ruleId\":\"A\",\"suppressions\":[null]}]"), "failed",
     "1 error,", -1},
    {"a suppression whose status is no word",
     RUN("[{\"ruleId\":\"A\",\"suppressions\":[{\"status\":null}]}]"), "failed", "1 error,", -1},
    {"a null run", "{\"version\":\"2.1.0\",\"runs\":[null]}", "error", "which tool", -1},
    {"of another image", TWO(OWN, IMAGE("sha256:2")), "error", "looked at 'r/web@sha256:2'", -1},
    {"of another image, though of this commit",
     "{\"version\":\"2.1.0\",\"runs\":[{" OWN IMAGE("sha256:2") DRIVER ",\"results\":[]}]}",
     "error", "looked at 'r/web@sha256:2'", -1},
    {"one run bound, the other not", TWO(IMAGE("sha256:1"), ""), "error", "does not say which", -1},
    {"each run bound in its way", TWO(IMAGE("sha256:1"), OWN), "passed", "0 errors", -1},
    {"several repositories, one of them ours",
     "{\"version\":\"2.1.0\",\"runs\":[{\"versionControlProvenance\":[{\"revisionId\":\"ffff\"},"
     "{\"revisionId\":\"" COMMIT "\"}]," DRIVER ",\"results\":[]}]}",
     "passed", "0 errors", -1},
    {"whether it ended well is no word of it",
     "{\"version\":\"2.1.0\",\"runs\":[{" OWN DRIVER ",\"invocations\":[{\"executionSuccessful\":"
     "\"false\"}],\"results\":[]}]}",
     "error", "did not run to its end", -1},
    {"of a commit that begins alike",
     "{\"version\":\"2.1.0\",\"runs\":[{\"versionControlProvenance\":[{\"revisionId\":"
     "\"0123456789abcdef0123456789abcdef01234568\"}]," DRIVER ",\"results\":[]}]}",
     "error", "looked at commit 0123456789ab", -1},
    {"null results", RUN("null"), "error", "never ran", -1},
    {"no results", "{\"version\":\"2.1.0\",\"runs\":[{" OWN DRIVER "}]}", "error", "never ran", -1},
    {"no run", "{\"version\":\"2.1.0\",\"runs\":[]}", "error", "no run", -1},
    {"another version", "{\"version\":\"2.0.0\",\"runs\":[]}", "error", "not SARIF 2.1.0", -1},
    {"not JSON", "<sarif/>", "error", "cannot be read", -1},
    {"it broke off",
     "{\"version\":\"2.1.0\",\"runs\":[{" OWN DRIVER ",\"invocations\":[{\"executionSuccessful\":"
     "false}],\"results\":[]}]}",
     "error", "did not run to its end", -1},
    {"of another commit",
     "{\"version\":\"2.1.0\",\"runs\":[{\"versionControlProvenance\":[{\"revisionId\":\"ffff\"}]"
     "," DRIVER ",\"results\":[]}]}",
     "error", "looked at commit ffff", -1},
    {"of nobody knows what", "{\"version\":\"2.1.0\",\"runs\":[{" DRIVER ",\"results\":[]}]}",
     "error", "does not say which commit", -1},
    {"of the image that is released",
     "{\"version\":\"2.1.0\",\"runs\":[{\"properties\":{\"repoDigests\":[\"r/"
     "web@sha256:1\"]}," DRIVER ",\"results\":[]}]}",
     "passed", "0 errors", -1},
    {"with a byte-order mark", "\xEF\xBB\xBF" RUN("[]"), "passed", "0 errors", -1},
    {"an override of the run",
     "{\"version\":\"2.1.0\",\"runs\":[{" OWN DRIVER
     ",\"invocations\":[{\"executionSuccessful\":true,"
     "\"ruleConfigurationOverrides\":[{\"descriptor\":{\"id\":\"A\"},\"configuration\":{\"level\":"
     "\"note\"}}]}],\"results\":[{\"ruleId\":\"A\"}]}]}",
     "passed", "1 note", -1},
};

START_TEST(test_sarif__every_row)
{
    static const char *const digests[] = {"sha256:1", NULL};
    struct roll_sarif_options options = {
        .fail_on = "error", .max_severity = table[_i].max, .commit = COMMIT, .digests = digests};
    const char *verdict = NULL;
    g_autofree char *summary = NULL;
    json_t *result = NULL;

    roll_sarif_judge(table[_i].text, strlen(table[_i].text), &options, &verdict, &summary, &result);
    ck_assert_msg(strcmp(verdict, table[_i].verdict) == 0, "%s: %s (%s)", table[_i].what, verdict,
                  summary);
    ck_assert_msg(strstr(summary, table[_i].summary) != NULL, "%s: %s", table[_i].what, summary);
    json_decref(result);
}
END_TEST

START_TEST(test_sarif__the_result_counts_and_names_the_worst)
{
    static const char text[] =
        RUN("[{\"ruleId\":\"A\"},{\"ruleId\":\"C\"},{\"ruleId\":\"C\",\"properties\":"
            "{\"security-severity\":\"9.1\"}},{\"ruleId\":\"B\"}]");
    struct roll_sarif_options options = {.fail_on = "error", .max_severity = 9, .commit = COMMIT};
    const char *verdict = NULL;
    g_autofree char *summary = NULL;
    roll_auto(json) json_t *result = NULL;

    roll_sarif_judge(text, strlen(text), &options, &verdict, &summary, &result);
    ck_assert_str_eq(roll_json_get_string(result, "worstSeverity"), "9.1");
    ck_assert_int_eq(json_integer_value(json_object_get(result, "aboveSeverity")), 1);
    const json_t *counts = json_object_get(result, "counts");
    ck_assert_int_eq(json_integer_value(json_object_get(counts, "error")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(counts, "warning")), 1);
    ck_assert_int_eq(json_integer_value(json_object_get(counts, "note")), 2);
    ck_assert_str_eq(json_string_value(json_array_get(json_object_get(result, "tools"), 0)), "T");
}
END_TEST

/* A file's name says what it is for only where the runs do not; and what has no commit of its own
 * is told by its artifacts. */
static const struct {
    const char *what, *text, *verdict, *summary;
    bool named, own_commit;
} bound[] = {
    {"the name is enough where nothing else is said", TWO("", ""), "passed", "0 errors", true,
     true},
    {"not against another commit",
     TWO("", "\"versionControlProvenance\":[{\"revisionId\":\"ffff\"}],"), "error",
     "looked at commit ffff", true, true},
    {"nor against another image", TWO("", IMAGE("sha256:9")), "error", "sha256:9", true, true},
    {"an inherited commit binds nothing", TWO(OWN, OWN), "error", "no commit of its own", false,
     false},
    {"nothing said, nothing inherited", TWO("", ""), "error", "no commit of its own", false, false},
    {"the new artifact", TWO(IMAGE("sha256:1"), IMAGE("sha256:1")), "passed", "0 errors", false,
     false},
    {"only what did not change", TWO(IMAGE("sha256:2"), IMAGE("sha256:2")), "error",
     "no tool looked at sha256:1", false, false},
    {"both", TWO(IMAGE("sha256:2"), IMAGE("sha256:1")), "passed", "0 errors", false, false},
    {"by its name", TWO(OWN, ""), "passed", "0 errors", true, false},
};

START_TEST(test_sarif__each_run_is_of_this_release)
{
    static const char *const digests[] = {"sha256:1", "sha256:2", NULL};
    static const char *const changed[] = {"sha256:1", NULL};
    struct roll_sarif_options options = {.fail_on = "error",
                                         .max_severity = -1,
                                         .commit = bound[_i].own_commit ? COMMIT : NULL,
                                         .digests = digests,
                                         .changed = bound[_i].own_commit ? NULL : changed,
                                         .named = bound[_i].named};
    const char *verdict = NULL;
    g_autofree char *summary = NULL;
    roll_auto(json) json_t *result = NULL;

    roll_sarif_judge(bound[_i].text, strlen(bound[_i].text), &options, &verdict, &summary, &result);
    ck_assert_msg(strcmp(verdict, bound[_i].verdict) == 0, "%s: %s (%s)", bound[_i].what, verdict,
                  summary);
    ck_assert_msg(strstr(summary, bound[_i].summary) != NULL, "%s: %s", bound[_i].what, summary);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy: SARIF");
    TCase *tests = tcase_create("sarif");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, test_sarif__every_row, 0, G_N_ELEMENTS(table));
    tcase_add_loop_test(tests, test_sarif__each_run_is_of_this_release, 0, G_N_ELEMENTS(bound));
    tcase_add_test(tests, test_sarif__the_result_counts_and_names_the_worst);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
