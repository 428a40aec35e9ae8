/* What scripts/cmake/sql_to_c.cmake makes of sample.sql, as text and in use. */
#include <check.h>
#include <stdlib.h>

#include "sample_sql.h"

START_TEST(test_sql_to_c__statements_are_what_was_written)
{
    ck_assert_int_eq(SAMPLE_STATEMENTS, 3);
    ck_assert_uint_eq(G_N_ELEMENTS(sample_statements), SAMPLE_STATEMENTS);
    ck_assert_str_eq(sample_statements[SAMPLE_SCHEMA].name, "schema");
    ck_assert_str_eq(sample_statements[SAMPLE_SCHEMA].sql,
                     "CREATE TABLE t ([a;b] TEXT, \"c\" TEXT); -- behind a statement; it stays [\n"
                     "CREATE TRIGGER t_no BEFORE DELETE ON t BEGIN\n"
                     "  SELECT RAISE(ABORT, 'no; \"never\" \\n [at] all');\n"
                     "END;\n");
    ck_assert_str_eq(sample_statements[SAMPLE_INSERT_ROW2].name, "insert_row2");
    ck_assert_str_eq(sample_statements[SAMPLE_INSERT_ROW2].sql,
                     "INSERT INTO t([a;b], \"c\")\n"
                     "  VALUES (:a, '${x} $<1> @y@ %s \\ ] ; [[');\n");
    ck_assert_str_eq(sample_statements[SAMPLE_SELECT_ROW].sql,
                     "SELECT \"c\" FROM t WHERE [a;b] = :a\n");
}
END_TEST

START_TEST(test_sql_to_c__statements_run)
{
    const struct roll_sql_options options = {
        .path = ":memory:", .statements = sample_statements, .count = SAMPLE_STATEMENTS};
    roll_auto(sql) struct roll_sql *sql = NULL;
    roll_auto(error) struct roll_error *opening = roll_sql_open(&options, &sql);
    struct roll_sql_stmt *stmt = NULL;
    bool row = false;

    ck_assert_ptr_null(opening);
    roll_auto(error) struct roll_error *schema =
        roll_sql_script(sql, sample_statements[SAMPLE_SCHEMA].sql);
    ck_assert_ptr_null(schema);
    for (int i = SAMPLE_INSERT_ROW2; i <= SAMPLE_SELECT_ROW; i++) {
        roll_auto(error) struct roll_error *preparing = roll_sql_use(sql, i, &stmt);
        ck_assert_ptr_null(preparing);
        roll_sql_bind_text(stmt, ":a", "x");
        roll_auto(error) struct roll_error *stepping = roll_sql_step(stmt, &row);
        ck_assert_ptr_null(stepping);
        ck_assert(row == (i == SAMPLE_SELECT_ROW));
    }
    ck_assert_str_eq(roll_sql_text_at(stmt, 0), "${x} $<1> @y@ %s \\ ] ; [[");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sql_to_c");
    TCase *tcase = tcase_create("sql_to_c");

    tcase_add_test(tcase, test_sql_to_c__statements_are_what_was_written);
    tcase_add_test(tcase, test_sql_to_c__statements_run);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
