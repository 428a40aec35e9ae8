/* Small templates that would take for ever or fill the memory are refused soon, and with little
 * memory. */
#include "suite_tools.h"
#include "template_tools.h"

#include <sys/resource.h>

#if defined(__SANITIZE_ADDRESS__)
#define SECONDS 100 /* memory is some five times as slow then */
#else
#define SECONDS 20 /* for one bomb; on the slowest machine they take a tenth of it */
#endif
#define MEGABYTES 110

static void assert_small(const char *what)
{
#if !defined(__SANITIZE_ADDRESS__)
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    ck_assert_msg(usage.ru_maxrss < MEGABYTES * 1024L, "%s took %ld KB", what, usage.ru_maxrss);
#else
    (void)what;
#endif
}

static void assert_refused(const char *text, const char *message)
{
    assert_fails(text, NULL, message);
    assert_small(message);
}

static char *repeated(const char *text, int count)
{
    GString *out = g_string_new(NULL);
    for (int i = 0; i < count; i++)
        g_string_append(out, text);
    return g_string_free(out, FALSE);
}

/* An output with this expression. */
static char *with_output(const char *sections, const char *expression)
{
    return g_strconcat(HEAD, sections, "`resources`:[],`outputs`:{`o`:{`type`:`object`,`value`:`[",
                       expression, "]`}}}", NULL);
}

START_TEST(test_template_bombs__deep_expression)
{
    g_autofree char *open = repeated("concat(", 3000);
    g_autofree char *close = repeated(")", 3000);
    g_autofree char *inner = g_strconcat(open, "'a'", close, NULL);
    g_autofree char *text = with_output("", inner);
    assert_refused(text, "nests deeper than '250' levels");
    g_autofree char *links = repeated(".a", 3000);
    g_autofree char *chain = g_strconcat("parameters('p')", links, NULL);
    g_autofree char *long_chain = with_output("", chain);
    assert_refused(long_chain, "nests deeper than '250' levels");
}
END_TEST

START_TEST(test_template_bombs__long_expression)
{
    g_autofree char *args = repeated("'abcdefgh',", 3000);
    g_autofree char *inner = g_strconcat("concat(", args, "'z')", NULL);
    g_autofree char *text = with_output("", inner);
    assert_refused(text, "expression length limit exceeded");
}
END_TEST

START_TEST(test_template_bombs__deep_json)
{
    g_autofree char *open = repeated("[", 5000);
    g_autofree char *close = repeated("]", 5000);
    g_autofree char *text =
        g_strconcat(HEAD "`resources`:[],`variables`:{`v`:", open, close, "}}", NULL);
    assert_refused(text, "");
}
END_TEST

/* Each variable is twice the one before it. */
static char *doubling(const char *first, const char *pattern)
{
    GString *out = g_string_new("`variables`:{`v0`:");
    g_string_append(out, first);
    for (int i = 1; i < 40; i++) {
        g_autofree char *before = g_strdup_printf("variables('v%d')", i - 1);
        g_string_append_printf(out, ",`v%d`:`[", i);
        g_auto(GStrv) parts = g_strsplit(pattern, "@", -1);
        g_autofree char *value = g_strjoinv(before, parts);
        g_string_append_printf(out, "%s]`", value);
    }
    g_string_append(out, "},");
    return g_string_free(out, FALSE);
}

START_TEST(test_template_bombs__doubling)
{
    static const struct {
        const char *first, *pattern, *message;
    } cases[] = {
        {"`x`", "concat(@, @)", "is larger than"},
        {"[1]", "concat(@, @)", ""},
        {"[1]", "createArray(@, @)", "too many steps"},
        {"{}", "createObject('a', @, 'b', @)", "too many steps"},
        {"`xx`", "replace(@, 'x', 'xx')", "is larger than"},
        {"[1]", "union(createArray(@), createArray(createArray(@)))", ""},
        {"`x`", "format('{0}{0}', @)", "is larger than"},
        {"`x`", "string(createArray(@, @))", "is larger than"},
        {"`x`", "base64(base64(@))", "is larger than"},
        {"`x`", "join(createArray(@, @), ',')", "is larger than"},
        {"`%`", "uriComponent(@)", ""},
    };
    g_autofree char *variables = doubling(cases[_i].first, cases[_i].pattern);
    g_autofree char *text = with_output(variables, "createObject('v', variables('v39'))");
    if (_i == 10) { /* grows by two characters a step */
        roll_auto(expansion) struct roll_expansion *x = expansion_of(text, NULL);
        ck_assert(x != NULL);
        return;
    }
    assert_refused(text, cases[_i].message);
}
END_TEST

/* A value that is small because its parts are shared, and endless when it is written out. */
START_TEST(test_template_bombs__shared_parts)
{
    static const char *const expressions[] = {
        "join(createArray(variables('v39')), ',')",
        "createObject('a', 1)[variables('v39')]",
        "concat(reference('/x').y, variables('v39'))",
        "equals(createArray(variables('v39'), parameters('pw')), 1)",
        "string(createArray(variables('v39'), parameters('pw')))",
        "format('{0}', variables('v39'))",
        "union(createArray(variables('v39')), createArray(variables('v38')))",
        "contains(createArray(variables('v39')), variables('v38'))",
        "createObject('a', variables('v39'), 'b', reference('/x').y)",
        "if(reference('/x').y, variables('v39'), 1)",
        "distinct(createArray(variables('v39'), createArray(variables('v38'), variables('v38'))))",
    };
    g_autofree char *variables = doubling("[1]", "createArray(@, @)");
    g_autofree char *sections = g_strconcat(
        variables, "`parameters`:{`pw`:{`type`:`securestring`,`defaultValue`:`p`}},", NULL);
    g_autofree char *text = with_output(sections, expressions[_i]);
    roll_auto(expansion) struct roll_expansion *x = NULL;
    struct roll_error *err = try_expand(text, NULL, &x);
    ck_assert_msg(err != NULL, "%s", expressions[_i]);
    roll_error_free(err);
    assert_small(expressions[_i]);
}
END_TEST

START_TEST(test_template_bombs__functions_that_grow)
{
    static const char *const expressions[] = {
        "map(range(0, 10000), lambda('x', map(range(0, 10000), lambda('y', reference('/x').y))))",
        "padLeft('', 2147483647)",
        "format('{0,1000000}{0,1000000}{0,1000000}{0,1000000}{0,1000000}', 'x')",
        "map(range(0, 10000), lambda('x', range(0, 10000)))",
        "map(range(0, 10000), lambda('x', map(range(0, 10000), lambda('y', 1))))",
        "length(map(range(0, 10000), lambda('x', length(map(range(0, 10000), lambda('y', 1))))))",
        "filter(range(0, 10000), lambda('x', contains(range(0, 10000), -1)))",
        "reduce(range(0, 10000), createArray(), lambda('c', 'n', "
        "createArray(lambdaVariables('c'))))",
        "reduce(range(0, 10000), 'x', lambda('c', 'n', concat(lambdaVariables('c'), "
        "lambdaVariables('c'))))",
        "reduce(range(0, 10000), createArray(1), lambda('c', 'n', concat(lambdaVariables('c'), "
        "lambdaVariables('c'))))",
        "sort(map(range(0, 10000), lambda('x', padLeft('', 100000, 'x'))), lambda('a', 'b', "
        "less(lambdaVariables('a'), "
        "lambdaVariables('b'))))",
        "toObject(range(0, 10000), lambda('x', padLeft(lambdaVariables('x'), 100000, '0')))",
        "groupBy(range(0, 10000), lambda('x', padLeft(lambdaVariables('x'), 100000, '0')))",
        "split(padLeft('', 1000000, ','), ',')[reduce(range(0, 10000), 0, lambda('c', 'n', "
        "length(split(padLeft('', 1000000,"
        " ','), ','))))]",
        "json(concat(padLeft('', 200, '['), padLeft('', 200, ']')))",
        "like(padLeft('', 1000000, 'a'), concat(padLeft('', 1000, '*'), padLeft('', 100000, 'a'), "
        "'b'))",
        "reduce(range(0, 10000), createObject(), lambda('c', 'n', union(lambdaVariables('c'), "
        "createObject(string(lambdaVariables('n')), 1))))",
    };
    g_autofree char *text = with_output("", expressions[_i]);
    roll_auto(expansion) struct roll_expansion *x = NULL;
    struct roll_error *err = try_expand(text, NULL, &x);
    ck_assert(err != NULL); /* a wrong type of output at least */
    roll_error_free(err);
    assert_small(expressions[_i]);
}
END_TEST

START_TEST(test_template_bombs__loops_of_loops)
{
    const char *text = HEAD "`resources`:[{`type`:`A.B/"
                            "c`,`apiVersion`:`2020-01-01`,`name`:`[concat('x',copyIndex())]`,`copy`"
                            ":{`name`:`a`,`count`:"
                            "800},`properties`:{`copy`:[{`name`:`b`,`count`:800,`input`:{`copy`:[{`"
                            "name`:`c`,`count`:800,`input`:`[copyIndex('c')]`"
                            "}]}}]}}]}";
    assert_refused(text, "");
    assert_refused(HEAD "`resources`:[],`variables`:{`v`:{`copy`:[{`name`:`b`,`count`:800,`input`:{"
                        "`copy`:[{`name`:`c`,`count`:"
                        "800,`input`:{`copy`:[{`name`:`d`,`count`:800,`input`:1}]}}]}}]}}}",
                   "");
}
END_TEST

START_TEST(test_template_bombs__deployments_of_deployments)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < 4; i++)
        g_string_append(
            text,
            HEAD "`resources`:[{`type`:`Microsoft.Resources/"
                 "deployments`,`apiVersion`:`2022-09-01`,`name`:`["
                 "concat('n', copyIndex())]`,`copy`:{`name`:`l`,`count`:800},`properties`:{`mode`:`"
                 "Incremental`,`expressionEvaluationOptions`:{`scope`:`inner`},`template`:");
    g_string_append(text, HEAD "`resources`:[]}");
    for (int i = 0; i < 4; i++)
        g_string_append(text, "}}]}");
    assert_refused(text->str, "");
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_template_bombs__too_many_resources)
{
    assert_refused(
        HEAD "`resources`:[{`type`:`A.B/"
             "c`,`apiVersion`:`2020-01-01`,`name`:`[concat('x',copyIndex())]`,`copy`:{`"
             "name`:`a`,`count`:800}},{`type`:`A.B/c`,`apiVersion`:`2020-01-01`,`name`:`y`}]}",
        "resources limit exceeded");
    GString *text = g_string_new(HEAD "`resources`:[],`parameters`:{");
    for (int i = 0; i < 257; i++)
        g_string_append_printf(text, "%s`p%d`:{`type`:`int`}", i > 0 ? "," : "", i);
    g_string_append(text, "}}");
    assert_refused(text->str, "parameters limit exceeded. Limit: '256' and actual: '257'");
    g_string_assign(text, HEAD "`resources`:[],`outputs`:{");
    for (int i = 0; i < 65; i++)
        g_string_append_printf(text, "%s`p%d`:{`type`:`int`,`value`:1}", i > 0 ? "," : "", i);
    g_string_append(text, "}}");
    assert_refused(text->str, "outputs limit exceeded. Limit: '64' and actual: '65'");
    g_string_free(text, TRUE);
}
END_TEST

START_TEST(test_template_bombs__recursion)
{
    assert_refused(HEAD2 "`resources`:{},`functions`:[{`namespace`:`f`,`members`:{`a`:{`parameters`"
                         ":[],`output`:{`type`:`int`,"
                         "`value`:`[f.b()]`}},`b`:{`parameters`:[],`output`:{`type`:`int`,`value`:`"
                         "[f.a()]`}}}}],`outputs`:{"
                         "`o`:{`type`:`int`,`value`:`[f.a()]`}}}",
                   "calls itself");
    assert_refused(HEAD2 "`definitions`:{`a`:{`$ref`:`#/definitions/b`},`b`:{`$ref`:`#/definitions/"
                         "a`}},`parameters`:{`p`:{"
                         "`$ref`:`#/definitions/a`}},`resources`:{}}",
                   "leads to no definition");
    assert_fails(
        HEAD2 "`definitions`:{`a`:{`type`:`object`,`discriminator`:{`propertyName`:`k`,`mapping`:{`"
              "x`:{`$ref`:`#/"
              "definitions/a`}}}}},`parameters`:{`p`:{`$ref`:`#/definitions/a`}},`resources`:{}}",
        "{`p`:{`value`:{`k`:`x`}}}", "lead to one another");
}
END_TEST

/* A long chain of variables is legal, but it must not exhaust the stack. */
START_TEST(test_template_bombs__long_chains)
{
    GString *text = g_string_new(HEAD "`resources`:[],`variables`:{");
    for (int i = 0; i < 500; i++)
        g_string_append_printf(
            text, "`v%d`:`[createArray(createArray(createArray(variables('v%d'))))]`,", i, i + 1);
    g_string_append(text, "`v500`:1}}");
    assert_refused(text->str, "levels");
    g_string_assign(text, HEAD "`resources`:[],`variables`:{`v500`:1");
    for (int i = 499; i >= 0; i--)
        g_string_append_printf(
            text, ",`v%d`:`[createArray(createArray(createArray(variables('v%d'))))]`", i, i + 1);
    g_string_append(text, "}}");
    assert_refused(text->str, "a value nests deeper than '128' levels");
    g_string_assign(text, HEAD "`resources`:[],`variables`:{");
    for (int i = 0; i < 500; i++)
        g_string_append_printf(text, "`v%d`:`[concat('a', variables('v%d'))]`,", i, i + 1);
    g_string_append(
        text, "`v500`:`b`},`outputs`:{`o`:{`type`:`int`,`value`:`[length(variables('v0'))]`}}}");
    roll_auto(expansion) struct roll_expansion *x = expansion_of(text->str, NULL);
    assert_at(x->outputs, "o.value", "501");
    g_string_free(text, TRUE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template_bombs");
    TCase *tcase = tcase_create("bombs");
    tcase_set_timeout(tcase, SECONDS);
    tcase_add_test(tcase, test_template_bombs__deep_expression);
    tcase_add_test(tcase, test_template_bombs__long_expression);
    tcase_add_test(tcase, test_template_bombs__deep_json);
    tcase_add_loop_test(tcase, test_template_bombs__doubling, 0, 11);
    tcase_add_loop_test(tcase, test_template_bombs__shared_parts, 0, 11);
    tcase_add_loop_test(tcase, test_template_bombs__functions_that_grow, 0, 17);
    tcase_add_test(tcase, test_template_bombs__loops_of_loops);
    tcase_add_test(tcase, test_template_bombs__deployments_of_deployments);
    tcase_add_test(tcase, test_template_bombs__too_many_resources);
    tcase_add_test(tcase, test_template_bombs__recursion);
    tcase_add_test(tcase, test_template_bombs__long_chains);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
