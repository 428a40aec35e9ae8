/* Whole templates and what becomes of them: cases that no single expression shows. */
#include "suite_tools.h"
#include "template_tools.h"

#define SUB "{" SCHEMA("subscriptionDeployment") ",`contentVersion`:`1.0.0.0`,"
#define SITE "`type`:`A.B/c`,`apiVersion`:`2020-01-01`"
#define NESTED                                                                                     \
    "`type`:`Microsoft.Resources/deployments`,`apiVersion`:`2022-09-01`,`properties`:{`mode`:"     \
    "`Incremental`,`template`:" HEAD "`resources`:[]}}"

static const struct {
    const char *text, *error; /* error NULL: expands */
} cases[] = {
    /* a resource is not there before it is deployed */
    {HEAD "`resources`:[{" SITE ",`name`:`x`,`properties`:{`a`:`[reference('x').b]`}}]}",
     "The template resource 'A.B/c/x' cannot reference itself."},
    {HEAD2 "`resources`:{`s`:{" SITE ",`name`:`x`,`properties`:{`a`:`[reference('s').b]`}}}}",
     "cannot reference itself"},
    {HEAD "`resources`:[{" SITE ",`name`:`x`,`properties`:{`a`:`[reference(resourceId('A.B/c', "
          "'x'), '2020-01-01').b]`}}]}",
     NULL},
    /* all but resource groups need to know where their record lies */
    {SUB "`resources`:[{`name`:`d`," NESTED "}]}",
     "The 'location' property must be specified for 'd'."},
    {SUB "`resources`:[{`name`:`d`,`location`:`westeurope`," NESTED "}]}", NULL},
    {HEAD "`resources`:[{`name`:`d`," NESTED "}]}", NULL},
    {HEAD2 "`parameters`:{`p`:{`$ref`:`#/definitions/none`}},`resources`:{}}",
     "The type reference of the template parameter 'p' leads to no definition: "
     "'#/definitions/none'."},
};

START_TEST(test_template_cases__table)
{
    if (cases[_i].error) {
        assert_fails(cases[_i].text, NULL, cases[_i].error);
        return;
    }
    roll_auto(expansion) struct roll_expansion *expansion = expansion_of(cases[_i].text, NULL);
    ck_assert_ptr_nonnull(expansion);
}
END_TEST

START_TEST(test_template_cases__hash_of_the_deployed_template)
{
    const char *text = HEAD "`resources`:[],`outputs`:{`h`:{`type`:`string`,`value`:`[deployment()."
                            "properties.templateHash]`}}}";
    roll_auto(template) struct roll_template *tmpl = template_of(text);
    roll_auto(expansion) struct roll_expansion *expansion = expansion_of(text, NULL);
    char hash[21];
    roll_template_hash(tmpl, hash);
    ck_assert_str_eq(json_string_value(at_path(expansion->outputs, "h.value")), hash);
}
END_TEST

/* What is known of a cloud is there, the rest stays an expression. */
START_TEST(test_template_cases__environment_of_the_cloud)
{
    static const struct {
        const char *cloud, *expected;
    } clouds[] = {
        {NULL, "[`AzureCloud`,`core.windows.net`,`https://rest.media.azure.net`]"},
        {"sandbox", "[`AzureCloud`,`core.windows.net`,`https://rest.media.azure.net`]"},
        {"usgovernment", "[`AzureUSGovernment`,`core.usgovcloudapi.net`,`[environment().media]`]"},
        {"china", "[`AzureChinaCloud`,`core.chinacloudapi.cn`,`[environment().media]`]"},
        {"https://management.own.example",
         "[`[environment().name]`,`[environment().suffixes.storage]`,`[environment().media]`]"},
    };
    struct roll_template_input input = {.context = {.cloud = clouds[_i].cloud}};
    roll_auto(json) json_t *value = NULL;
    struct roll_error *err = roll_template_eval(
        NULL, &input,
        "[createArray(environment().name, environment().suffixes.storage, environment().media)]",
        &value);
    ck_assert_ptr_null(err);
    assert_json(value, clouds[_i].expected);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template_cases");
    TCase *tests = tcase_create("cases");
    tcase_add_loop_test(tests, test_template_cases__table, 0, G_N_ELEMENTS(cases));
    tcase_add_test(tests, test_template_cases__hash_of_the_deployed_template);
    tcase_add_loop_test(tests, test_template_cases__environment_of_the_cloud, 0, 5);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
