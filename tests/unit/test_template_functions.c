/* The vectors of tests/data/template: every function, its values and its errors. */
#include <check.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>

#include "rollbook/json.h"
#include "rollbook/template.h"
#include "suite_tools.h"
#include "template/function.h"

#define DATA ROLL_SOURCE_DIR "/tests/data/template/"

static const char *const files[] = {"array",   "cidr",     "comparison", "date",
                                    "lambda",  "names",    "management", "object",
                                    "numeric", "resource", "string"};

static struct roll_template *read_context(void)
{
    g_autofree char *text = NULL;
    gsize size = 0;
    struct roll_template *tmpl = NULL;
    ck_assert(g_file_get_contents(DATA "context.json", &text, &size, NULL));
    struct roll_error *err = roll_template_read(text, size, "context.json", &tmpl);
    ck_assert_msg(!err, "%s", err ? err->message : "");
    return tmpl;
}

static struct roll_error *evaluate(const struct roll_template *tmpl, const char *expression,
                                   json_t **ret_value)
{
    struct roll_template_input input = {
        .context = {.scope = tmpl ? ROLL_SCOPE_GROUP : ROLL_SCOPE_MANAGEMENT_GROUP,
                    .management_group = "mg",
                    .subscription_id = "11111111-1111-1111-1111-111111111111",
                    .resource_group = "rg",
                    .location = "westeurope",
                    .deployment_name = "deploy",
                    .utc_now = "2019-03-05T17:53:18.25Z"}};
    return roll_template_eval(tmpl, &input, expression, ret_value);
}

static char *to_text(const json_t *value)
{
    GString *text = g_string_new(NULL);
    roll_json_write(value, text);
    return g_string_free(text, FALSE);
}

static void expect_value(const char *line, struct roll_error *err, const json_t *value,
                         const char *wanted)
{
    roll_auto(json) json_t *expected = NULL;
    ck_assert_msg(!err, "%s: failed: %s", line, err ? err->message : "");
    struct roll_error *bad = roll_json_parse(wanted, strlen(wanted), ROLL_JSON_STRICT, &expected);
    ck_assert_msg(!bad, "%s: the expected value is not JSON", line);
    g_autofree char *got = to_text(value);
    ck_assert_msg(json_equal(expected, value), "%s: gave %s", line, got);
}

static void expect_error(const char *line, struct roll_error *err, const json_t *value,
                         const char *wanted)
{
    g_autofree char *got = err ? NULL : to_text(value);
    ck_assert_msg(err != NULL, "%s: gave %s", line, got);
    ck_assert_int_eq(err->code, ROLL_E_TEMPLATE);
    ck_assert_msg(strstr(err->message, wanted) != NULL, "%s: failed with: %s", line, err->message);
    roll_error_free(err);
}

/* Splits at the first mark; false for comments and empty lines. */
static bool split_line(const char *line, char **ret_expression, char *ret_mark,
                       const char **ret_wanted)
{
    static const char *const marks[] = {" => ", " ?> ", " !! "};
    const char *first = NULL;
    if (*line == '#' || *line == '\0')
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(marks); i++) {
        const char *found = strstr(line, marks[i]);
        if (found && (!first || found < first))
            first = found;
    }
    ck_assert_msg(first != NULL, "no vector: %s", line);
    *ret_expression = g_strdup_printf("[%.*s]", (int)(first - line), line);
    *ret_mark = first[1];
    *ret_wanted = first + 4;
    return true;
}

static void check_line(const struct roll_template *tmpl, const char *line)
{
    g_autofree char *expression = NULL;
    char mark = 0;
    const char *wanted = NULL;
    roll_auto(json) json_t *value = NULL;
    if (!split_line(line, &expression, &mark, &wanted))
        return;
    struct roll_error *err = evaluate(tmpl, expression, &value);
    if (mark == '!') {
        expect_error(line, err, value, wanted);
    } else if (mark == '=') {
        expect_value(line, err, value, wanted);
    } else {
        g_autofree char *residual = g_strdup_printf("[%s]", wanted);
        ck_assert_msg(!err, "%s: failed: %s", line, err ? err->message : "");
        g_autofree char *got = to_text(value);
        ck_assert_msg(json_is_string(value) && strcmp(json_string_value(value), residual) == 0,
                      "%s: gave %s", line, got);
    }
}

static char **read_lines(const char *name)
{
    g_autofree char *path = g_strconcat(DATA, name, ".txt", NULL);
    g_autofree char *text = NULL;
    ck_assert(g_file_get_contents(path, &text, NULL, NULL));
    return g_strsplit(text, "\n", -1);
}

START_TEST(test_template_functions__vectors)
{
    bool bare = strcmp(files[_i], "management") == 0;
    roll_auto(template) struct roll_template *tmpl = bare ? NULL : read_context();
    g_auto(GStrv) lines = read_lines(files[_i]);
    for (char **line = lines; *line; line++)
        check_line(tmpl, *line);
    ck_assert_int_eq(roll_error_live(), 0);
}
END_TEST

/* A function is looked up by bisection, so the table must be sorted by lower-case names. */
START_TEST(test_template_functions__table_is_sorted)
{
    for (size_t i = 0; i < function_count(); i++) {
        const struct function *function = function_at(i);
        g_autofree char *lower = g_ascii_strdown(function->name, -1);
        ck_assert_str_eq(lower, function->key);
        ck_assert(function_find(function->name, strlen(function->name)) == function);
        ck_assert((function->body == NULL) != (function->special == NULL));
        if (i > 0)
            ck_assert_str_gt(function->key, function_at(i - 1)->key);
    }
    ck_assert(function_find("listSomething", 13)->special == special_list);
    ck_assert(function_find("nothing", 7) == NULL);
}
END_TEST

static bool is_tried(const char *all, const char *name, const char *mark)
{
    g_autofree char *call = g_strconcat(name, "(", NULL);
    g_auto(GStrv) lines = g_strsplit(all, "\n", -1);
    for (char **line = lines; *line; line++)
        if (strstr(*line, call) && strstr(*line, mark))
            return true;
    return false;
}

START_TEST(test_template_functions__each_has_vectors)
{
    g_autoptr(GString) all = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
        g_auto(GStrv) lines = read_lines(files[i]);
        g_autofree char *text = g_strjoinv("\n", lines);
        g_string_append(all, text);
    }
    for (size_t i = 0; i < function_count(); i++) {
        const char *name = function_at(i)->name;
        bool value = is_tried(all->str, name, " => ") || is_tried(all->str, name, " ?> ");
        bool error = is_tried(all->str, name, " !! ");
        bool in_default = function_at(i)->flags & F_DEFAULT;
        ck_assert_msg(value || in_default || function_at(i)->body == function_fail ||
                          function_at(i)->special == special_lambda ||
                          function_at(i)->special == special_references ||
                          function_at(i)->special == special_copy_index ||
                          function_at(i)->special == special_lambda_variables,
                      "no value is tried for %s", name);
        ck_assert_msg(error || function_at(i)->max == 0 ||
                          (function_at(i)->min == 0 && function_at(i)->max == MANY) ||
                          function_at(i)->body == function_unknown ||
                          function_at(i)->body == function_providers ||
                          function_at(i)->body == function_external_inputs,
                      "no error is tried for %s", name);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template_functions");
    TCase *tcase = tcase_create("functions");
    tcase_add_loop_test(tcase, test_template_functions__vectors, 0, G_N_ELEMENTS(files));
    tcase_add_test(tcase, test_template_functions__table_is_sorted);
    tcase_add_test(tcase, test_template_functions__each_has_vectors);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
