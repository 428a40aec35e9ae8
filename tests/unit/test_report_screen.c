/* What a terminal shows: tables that it has room for, and frames that can be taken back. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "report/progress.h"
#include "suite_tools.h"

static struct roll_table *log_of_two(void)
{
    static const char *const headings[] = {"ROLLOUT", "RELEASE", "STATE", "BY", NULL};
    struct roll_table *table = roll_table_new(headings);

    roll_table_cell(table, ROLL_PLAIN, "app/prod#8");
    roll_table_cell(table, ROLL_PLAIN, "1.0.0 → 1.1.0");
    roll_table_cell(table, ROLL_BAD, "failed");
    roll_table_cell(table, ROLL_PLAIN, "alice");
    roll_table_cell(table, ROLL_PLAIN, "checkout answers 500");
    roll_table_row(table);
    roll_table_cell(table, ROLL_PLAIN, "app/prod#1");
    roll_table_cell(table, ROLL_PLAIN, "1.0.0");
    roll_table_cell(table, ROLL_GOOD, "succeeded");
    roll_table_cell(table, ROLL_PLAIN, "");
    roll_table_cell(table, ROLL_WARN, "");
    roll_table_row(table);
    return table;
}

/* Owned. */
static char *printed(const struct roll_table *table, bool terminal, bool color, int width)
{
    char *text = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&text, &size);
    const struct roll_screen screen = {file, terminal, color, width};

    roll_table_print(table, &screen);
    fclose(file);
    return text;
}

START_TEST(test_report__a_row_goes_on_below_where_the_terminal_is_narrow)
{
    roll_auto(table) struct roll_table *table = log_of_two();
    g_autofree char *pipe = printed(table, false, false, 20);
    g_autofree char *wide = printed(table, true, false, 80);
    g_autofree char *reason = printed(table, true, false, 60);
    g_autofree char *narrow = printed(table, true, false, 40);

    ck_assert_str_eq(pipe, "ROLLOUT     RELEASE        STATE      BY\n"
                           "app/prod#8  1.0.0 → 1.1.0  failed     alice  checkout answers 500\n"
                           "app/prod#1  1.0.0          succeeded\n");
    ck_assert_str_eq(wide, pipe);
    ck_assert_str_eq(reason, "ROLLOUT     RELEASE        STATE      BY\n"
                             "app/prod#8  1.0.0 → 1.1.0  failed     alice\n"
                             "    checkout answers 500\n"
                             "app/prod#1  1.0.0          succeeded\n");
    ck_assert_str_eq(narrow, "ROLLOUT     RELEASE        STATE\n"
                             "    BY\n"
                             "app/prod#8  1.0.0 → 1.1.0  failed\n"
                             "    alice  checkout answers 500\n"
                             "app/prod#1  1.0.0          succeeded\n");
}
END_TEST

START_TEST(test_report__colours_leave_no_blanks_at_the_end)
{
    roll_auto(table) struct roll_table *table = log_of_two();
    g_autofree char *text = printed(table, true, true, 80);

    ck_assert_ptr_null(strstr(text, " \n"));
    ck_assert_ptr_null(strstr(text, "\033[33m"));
    ck_assert_ptr_nonnull(strstr(text, "\033[32msucceeded\033[0m\n"));
}
END_TEST

START_TEST(test_report__a_frame_fits_on_the_screen)
{
    const char *frame =
        "  \033[32m✓\033[0m weu  succeeded\n"
        "  \033[31m✗\033[0m neu  \033[31mfailed\033[0m  NoRegisteredProviderFound\n";
    g_autoptr(GString) wide = g_string_new(NULL);
    g_autoptr(GString) narrow = g_string_new(NULL);
    g_autoptr(GString) low = g_string_new(NULL);

    ck_assert_int_eq(progress_clip(frame, 80, 23, wide), 2);
    ck_assert_str_eq(wide->str, frame);
    ck_assert_int_eq(progress_clip(frame, 20, 23, narrow), 2);
    ck_assert_str_eq(narrow->str, "  \033[32m✓\033[0m weu  succeeded\n"
                                  "  \033[31m✗\033[0m neu  \033[31mfailed\033[0m  No…\n");
    ck_assert_int_eq(progress_clip("a\nb\nc\nd\n", 20, 3, low), 3);
    ck_assert_str_eq(low->str, "a\nb\n  … and 2 more\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report_screen");
    TCase *tcase = tcase_create("screen");

    tcase_add_test(tcase, test_report__a_row_goes_on_below_where_the_terminal_is_narrow);
    tcase_add_test(tcase, test_report__colours_leave_no_blanks_at_the_end);
    tcase_add_test(tcase, test_report__a_frame_fits_on_the_screen);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
