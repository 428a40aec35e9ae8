/* ARM's limits, each met and passed by one; and the rules of nested deployments, versions and loops
 * that are refused before anything is sent. */
#include "suite_tools.h"
#include "template_tools.h"

static char *repeated(const char *text, int count)
{
    GString *out = g_string_new(NULL);
    for (int i = 0; i < count; i++)
        g_string_append(out, text);
    return g_string_free(out, FALSE);
}

static void assert_expands(const char *text)
{
    roll_auto(expansion) struct roll_expansion *expansion = expansion_of(text, NULL);
    ck_assert_ptr_nonnull(expansion);
}

/* ---- how many ---- */

static char *many_parameters(int count)
{
    GString *text = g_string_new(HEAD "`resources`:[],`parameters`:{");
    for (int i = 0; i < count; i++)
        g_string_append_printf(text, "%s`p%d`:{`type`:`int`,`defaultValue`:1}", i > 0 ? "," : "",
                               i);
    return g_string_free(g_string_append(text, "}}"), FALSE);
}

static char *many_variables(int count)
{
    GString *text = g_string_new(HEAD "`resources`:[],`variables`:{");
    for (int i = 0; i < count; i++)
        g_string_append_printf(text, "%s`v%d`:1", i > 0 ? "," : "", i);
    return g_string_free(g_string_append(text, "}}"), FALSE);
}

static char *many_variable_loops(int count)
{
    GString *text = g_string_new(HEAD "`resources`:[],`variables`:{`copy`:[");
    for (int i = 0; i < count; i++)
        g_string_append_printf(text, "%s{`name`:`v%d`,`count`:1,`input`:1}", i > 0 ? "," : "", i);
    return g_string_free(g_string_append(text, "]}}"), FALSE);
}

static char *many_outputs(int count)
{
    GString *text = g_string_new(HEAD "`resources`:[],`outputs`:{");
    for (int i = 0; i < count; i++)
        g_string_append_printf(text, "%s`o%d`:{`type`:`int`,`value`:1}", i > 0 ? "," : "", i);
    return g_string_free(g_string_append(text, "}}"), FALSE);
}

#define WIDGET(rest) "{`type`:`A.B/c`,`apiVersion`:`2020-01-01`," rest "}"

static char *many_resources(int count)
{
    GString *text = g_string_new(HEAD "`resources`:[");
    for (int i = 0; i < count; i++)
        g_string_append_printf(text, "%s" WIDGET("`name`:`r%d`"), i > 0 ? "," : "", i);
    return g_string_free(g_string_append(text, "]}"), FALSE);
}

/* ---- how often ---- */

static char *resource_loop(int count)
{
    return g_strdup_printf(
        HEAD "`resources`:[" WIDGET(
            "`name`:`[concat('r',copyIndex())]`,`copy`:{`name`:`l`,`count`:%d}") "]}",
        count);
}

static char *property_loop(int count)
{
    return g_strdup_printf(
        HEAD "`resources`:[" WIDGET(
            "`name`:`r`,`properties`:{`copy`:[{`name`:`l`,`count`:%d,`input`:1}]}") "]}",
        count);
}

static char *variable_loop(int count)
{
    return g_strdup_printf(
        HEAD "`resources`:[],`variables`:{`copy`:[{`name`:`l`,`count`:%d,`input`:1}]}}", count);
}

static char *output_loop(int count)
{
    return g_strdup_printf(
        HEAD "`resources`:[],`outputs`:{`o`:{`type`:`array`,`copy`:{`count`:%d,`input`:1}}}}",
        count);
}

/* ---- how long ---- */

static char *text_expression(int count) /* characters, brackets included */
{
    g_autofree char *args = repeated("'a',", (count - 13) / 4);
    g_autofree char *pad = repeated(" ", (count - 13) % 4);
    return g_strdup_printf(HEAD "`resources`:[],`variables`:{`v`:`[concat(%s%s'a')]`}}", args, pad);
}

static char *text_literal(int count)
{
    g_autofree char *text = repeated("ä", count);
    return g_strdup_printf(HEAD "`resources`:[],`variables`:{`v`:`%s`}}", text);
}

static char *text_hashed(int count)
{
    g_autofree char *half = repeated("a", count / 2);
    g_autofree char *rest = repeated("a", count - count / 2 - 1); /* a hyphen joins them */
    return g_strdup_printf(HEAD "`resources`:[],`variables`:{`a`:`%s`,`b`:`%s`,"
                                "`h`:`[uniqueString(variables('a'),variables('b'))]`}}",
                           half, rest);
}

static char *text_template(int count) /* bytes of the whole */
{
    static const char frame[] = HEAD "\"resources\":[],\"metadata\":{\"m\":\"\"}}";
    g_autofree char *fill = repeated("a", count - (int)strlen(frame));
    return g_strdup_printf(HEAD "`resources`:[],`metadata`:{`m`:`%s`}}", fill);
}

/* ---- how deep ---- */

static char *children(int count) /* below the first */
{
    GString *text = g_string_new(HEAD "`resources`:[" WIDGET("`name`:`r`,`resources`:["));
    g_string_truncate(text, text->len - 1);
    for (int i = 0; i < count; i++)
        g_string_append_printf(
            text, "{`type`:`t%d`,`apiVersion`:`2020-01-01`,`name`:`n`,`resources`:[", i);
    for (int i = 0; i < count; i++)
        g_string_append(text, "]}");
    return g_string_free(g_string_append(text, "]}]}"), FALSE);
}

static char *deployment_name(int count)
{
    g_autofree char *name = repeated("n", count);
    return g_strdup_printf(
        HEAD "`resources`:[{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"
             "`name`:`%s`,`properties`:{`mode`:`Incremental`,`template`:" HEAD
             "`resources`:[]}}}]}",
        name);
}

static const struct {
    char *(*make)(int count);
    int most;
    const char *message;
} limits[] = {
    {many_parameters, 256, "parameters limit exceeded. Limit: '256' and actual: '257'"},
    {many_variables, 512, "variables limit exceeded. Limit: '512' and actual: '513'"},
    {many_variable_loops, 512, "variables limit exceeded. Limit: '512' and actual: '513'"},
    {many_outputs, 64, "outputs limit exceeded. Limit: '64' and actual: '65'"},
    {many_resources, 800, "resources limit exceeded. Limit: '800' and actual: '801'"},
    {resource_loop, 800, "cannot exceed '800'"},
    {property_loop, 800, "cannot exceed '800'"},
    {variable_loop, 800, "cannot exceed '800'"},
    {output_loop, 800, "cannot exceed '800'"},
    {text_expression, 24576, "'24576' characters are allowed, the expression has '24577'"},
    {text_literal, 131072, "literal limit exceeded. Limit: '131072' and actual: '131073'"},
    {text_hashed, 131072, "expects at most '131072' characters. '131073' were provided"},
    {text_template, 4 << 20, "the template has 4194305 bytes, more than the 4194304"},
    {children, 5, "Child resources nest deeper than '5' levels"},
    {deployment_name, 64, "has exceeded the length limit of '64'"},
};

START_TEST(test_template_limits__are_met)
{
    g_autofree char *fits = limits[_i].make(limits[_i].most);
    assert_expands(fits);
}
END_TEST

START_TEST(test_template_limits__are_not_passed)
{
    g_autofree char *over = limits[_i].make(limits[_i].most + 1);
    assert_fails(over, NULL, limits[_i].message);
}
END_TEST

/* ---- nested deployments ---- */

#define NESTED(name, mode, kind)                                                                   \
    HEAD "`resources`:[{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"       \
         "`name`:`" name "`,`properties`:{`mode`:`" mode "`,`expressionEvaluationOptions`:"        \
         "{`scope`:`inner`},`template`:{" SCHEMA(kind) ",`contentVersion`:`1.0.0.0`,"              \
                                                       "`resources`:[]}}}]}"

START_TEST(test_template_nested__is_incremental)
{
    static const char refusal[] =
        "Specified deployment mode 'Complete' is not supported for nested deployment";
    assert_expands(NESTED("n", "incremental", "deployment"));
    assert_fails(NESTED("n", "Complete", "deployment"), NULL, refusal);
    assert_fails(NESTED("n", "[concat('Comp', 'lete')]", "deployment"), NULL, refusal);
    assert_fails(NESTED("n", "Wild", "deployment"), NULL,
                 "The deployment mode 'Wild' is not valid");
}
END_TEST

START_TEST(test_template_nested__name_is_checked)
{
    assert_expands(NESTED("a-Z_0.(1)", "Incremental", "deployment"));
    assert_fails(NESTED("a b", "Incremental", "deployment"), NULL, "'a b' contains invalid");
    assert_fails(NESTED("[concat('ä', '')]", "Incremental", "deployment"), NULL,
                 "contains invalid characters");
    assert_fails(NESTED("", "Incremental", "deployment"), NULL,
                 "name property cannot be null or empty");
}
END_TEST

#define NESTED_BODY(body)                                                                          \
    HEAD "`resources`:[{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,"       \
         "`name`:`n`,`properties`:{`mode`:`Incremental`," body "}}]}"
#define EMPTY "`template`:" HEAD "`resources`:[]}"

START_TEST(test_template_nested__has_one_template_and_one_source_of_parameters)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {NESTED_BODY("`parameters`:{}"), "neither a 'template' nor a 'templateLink'"},
        {NESTED_BODY(EMPTY ",`templateLink`:{`uri`:`https://h/t`}"),
         "both a 'template' and a 'templateLink'"},
        {NESTED_BODY(EMPTY ",`parameters`:{},`parametersLink`:{`uri`:`https://h/p`}"),
         "both 'parameters' and a 'parametersLink'"},
        {NESTED_BODY(EMPTY ",`expressionEvaluationOptions`:{`scope`:`middle`}"),
         "scope 'middle' of the nested deployment is not valid"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_fails(cases[i].text, NULL, cases[i].message);
}
END_TEST

START_TEST(test_template__symbols_are_words)
{
    assert_expands(HEAD2 "`resources`:{`a_1::b`:" WIDGET("`name`:`r`") "}}");
    assert_fails(HEAD2 "`resources`:{`a-b`:" WIDGET("`name`:`r`") "}}", NULL,
                 "symbolic name 'a-b' is not valid");
    assert_fails(HEAD2 "`resources`:{``:" WIDGET("`name`:`r`") "}}", NULL,
                 "symbolic name '' is not valid");
}
END_TEST

START_TEST(test_template__references_stay_out_of_resource_loops)
{
    assert_fails(HEAD2 "`resources`:{`a`:" WIDGET("`name`:`r`") ",`b`:" WIDGET(
                     "`name`:`[concat('s',copyIndex())]`,`copy`:{`name`:`b`,`count`:1},"
                     "`properties`:{`p`:`[references('a')]`}") "}}",
                 NULL, "'references' is not expected at this location");
}
END_TEST

START_TEST(test_template__outputs_have_a_type)
{
    assert_fails(HEAD "`resources`:[],`outputs`:{`o`:{`value`:1}}}", NULL, "'o' has no 'type'");
}
END_TEST

START_TEST(test_template_nested__may_name_another_scope)
{
    assert_expands(NESTED("n", "Incremental", "subscriptionDeployment"));
    g_autofree char *text = quoted("{" SCHEMA("subscriptionDeployment") ",`contentVersion`:`1.0.0.0"
                                                                        "`,`resources`:[]}");
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(template_run) struct roll_template_run *run = NULL;
    struct roll_template_input input = {.context = {.scope = ROLL_SCOPE_GROUP}};
    ck_assert_ptr_null(roll_template_read(text, strlen(text), NULL, &tmpl));
    struct roll_error *err = roll_template_run_new(tmpl, &input, &run);
    ck_assert_msg(err && strstr(err->message, "is for a subscription") != NULL, "root");
    roll_error_free(err);
    input.context.nested = true;
    ck_assert_ptr_null(roll_template_run_new(tmpl, &input, &run));
}
END_TEST

/* ---- versions, loops ---- */

START_TEST(test_template__versions_are_well_formed)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`}]}", "'A.B/c' has no 'apiVersion'"},
        {HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`,`apiVersion`:`2020-1-1`}]}",
         "The apiVersion '2020-1-1' is not of the form"},
        {HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`,`apiVersion`:`2020-13-01`}]}",
         "'2020-13-01'"},
        {HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`,`apiVersion`:`2020-12-00`}]}",
         "'2020-12-00'"},
        {HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`,`apiVersion`:`2020-12-01-`}]}",
         "'2020-12-01-'"},
        {HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`,`apiVersion`:`[concat('la','test')]`}]}",
         "The apiVersion 'latest' is not of the form"},
        {HEAD2
         "`resources`:{`d`:{`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2019-10-01`"
         ",`name`:`d`,`properties`:{`mode`:`Incremental`,`templateLink`:{`id`:`/s`}}}}}",
         "need '2020-09-01' or later"},
        {HEAD "`languageVersion`:`3.0`,`resources`:{}}",
         "'languageVersion' '3.0' is not supported"},
        {HEAD2 "`resources`:[" WIDGET("`name`:`r`") "]}", "'resources' is not an object"},
        {HEAD "`resources`:{`r`:" WIDGET("`name`:`r`") "}}", "need the languageVersion '2.0'"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
        assert_fails(cases[i].text, NULL, cases[i].message);
    assert_expands(HEAD "`apiProfile`:`2019-03-01-hybrid`,`resources`:[{`type`:`A.B/c`,`name`:`r`}]"
                        "}");
    assert_expands(HEAD "`resources`:[{`type`:`A.B/c`,`name`:`r`,`apiVersion`:"
                        "`2020-12-01-privatepreview`}]}");
    assert_expands(
        HEAD "`languageVersion`:`2.1-experimental`,`resources`:{`r`:" WIDGET("`name`:`r`") "}}");
}
END_TEST

START_TEST(test_template__mode_of_a_loop_is_checked)
{
    assert_fails(HEAD "`resources`:[" WIDGET("`name`:`[concat('r',copyIndex())]`,`copy`:{`name`:`l`"
                                             ",`count`:1,`mode`:`slow`}") "]}",
                 NULL, "invalid 'mode' 'slow'");
    assert_expands(HEAD "`resources`:[" WIDGET("`name`:`[concat('r',copyIndex())]`,`copy`:{`name`:"
                                               "`l`,`count`:1,`mode`:`Parallel`}") "]}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template_limits");
    TCase *tcase = tcase_create("limits");
    tcase_set_timeout(tcase, 60);
    tcase_add_loop_test(tcase, test_template_limits__are_met, 0, G_N_ELEMENTS(limits));
    tcase_add_loop_test(tcase, test_template_limits__are_not_passed, 0, G_N_ELEMENTS(limits));
    tcase_add_test(tcase, test_template_nested__is_incremental);
    tcase_add_test(tcase, test_template_nested__name_is_checked);
    tcase_add_test(tcase, test_template_nested__may_name_another_scope);
    tcase_add_test(tcase, test_template__versions_are_well_formed);
    tcase_add_test(tcase, test_template__symbols_are_words);
    tcase_add_test(tcase, test_template__references_stay_out_of_resource_loops);
    tcase_add_test(tcase, test_template__outputs_have_a_type);
    tcase_add_test(tcase, test_template_nested__has_one_template_and_one_source_of_parameters);
    tcase_add_test(tcase, test_template__mode_of_a_loop_is_checked);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
