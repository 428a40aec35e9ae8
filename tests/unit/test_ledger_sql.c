/* Every statement of state/ledger.sql is prepared, and none looks through a table or sorts unless
 * it is on the list. */
#include "ledger/store.h"
#include "ledger_tools.h"

/* What may be looked through, and why. */
static const struct {
    const char *statement, *why;
} allowed[] = {
    {"stream_list", "a row for each service and environment"},
    {"event_all", "verify and export"},
    {"event_naming", "redaction"},
    {"remote_list", "a row for each stream"},
    {"object_all", "verify"},
    {"object_indexed", "verify"},
    {"layout", "verify; some twenty rows"},
    {"environment_list", "a row for each environment"},
    {"rollout_all", "in order of its index, up to the limit"},
    {"pending_list", "what waits for the store"},
    {"event_find", "verify and audit read the whole log"},
    {"rollout_of_service", "in order of its index, up to the limit"},
    {"rollout_open_any", "a hundred rows that lie side by side"},
};

static bool is_allowed(const char *statement)
{
    for (size_t i = 0; i < G_N_ELEMENTS(allowed); i++)
        if (g_str_equal(allowed[i].statement, statement))
            return true;
    return false;
}

START_TEST(test_sql__every_statement_is_prepared_and_none_scans)
{
    struct place place = place_make();
    struct roll_ledger *ledger = place_open(&place, ROLL_LEDGER_CREATE);

    for (int i = 0; i < LEDGER_STATEMENTS; i++) {
        const char *name = roll_ledger_statements()[i].name;
        g_autoptr(GString) plan = NULL;
        if (g_str_has_prefix(name, "schema_") || g_str_equal(name, "checkpoint"))
            continue; /* a script, and a PRAGMA: they have no plan */
        ck_ok(roll_sql_explain(ledger->sql, i, &plan));
        ck_assert_msg(!strstr(plan->str, "TEMP B-TREE") || g_str_equal(name, "event_naming") ||
                          g_str_equal(name, "layout") ||
                          g_str_equal(name, "success_of_target"), /* the steps of one rollout */
                      "'%s' sorts:\n%s", name, plan->str);
        ck_assert_msg(!strstr(plan->str, "SCAN") || is_allowed(name), "'%s' scans:\n%s", name,
                      plan->str);
        ck_assert_msg(!strstr(plan->str, "SCAN events") || g_str_has_prefix(name, "event_"),
                      "'%s' scans the events:\n%s", name, plan->str);
    }
    roll_ledger_close(ledger);
    place_remove(&place);
}
END_TEST

/* A statement that nobody uses is a rule that nobody keeps: each name appears in a source file of
 * ledger. */
START_TEST(test_sql__every_statement_is_used)
{
    g_autofree char *dir_name = g_build_filename(ROLL_SOURCE_DIR, "src", "ledger", NULL);
    g_autoptr(GDir) dir = g_dir_open(dir_name, 0, NULL);
    g_autoptr(GString) all = g_string_new(NULL);
    const char *file;

    ck_assert_ptr_nonnull(dir);
    while ((file = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(dir_name, file, NULL), *text = NULL;
        ck_assert(g_file_get_contents(path, &text, NULL, NULL));
        g_string_append(all, text);
    }
    for (int i = 0; i < LEDGER_STATEMENTS; i++) {
        g_autofree char *upper = g_ascii_strup(roll_ledger_statements()[i].name, -1);
        g_autofree char *pattern = g_strdup_printf("\\bLEDGER_%s\\b", upper);
        ck_assert_msg(g_regex_match_simple(pattern, all->str, 0, 0), "'%s' is used nowhere",
                      roll_ledger_statements()[i].name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ledger: sql");
    TCase *tcase = tcase_create("sql");

    tcase_add_test(tcase, test_sql__every_statement_is_prepared_and_none_scans);
    tcase_add_test(tcase, test_sql__every_statement_is_used);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
