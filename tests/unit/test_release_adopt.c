/* What stands in the way of deploying again what ARM's history has. */
#include "ledger_tools.h"
#include "rollbook/json.h"
#include "rollbook/release.h"

#define HEAD                                                                                       \
    "{\"$schema\":\"https://schema.management.azure.com/schemas/2019-04-01/"                       \
    "deploymentTemplate.json#\",\"contentVersion\":\"1.0.0.0\","

/* "WHAT;" for each; parameters and the plan's parameters of the target as JSON. */
static void lacks(const char *template_text, const char *parameters, const char *planned,
                  const char *expected)
{
    roll_auto(template) struct roll_template *tmpl = NULL;
    roll_auto(json) json_t *given = json_loads(parameters, 0, NULL);
    roll_auto(json) json_t *own = json_loads(planned, 0, NULL);
    const struct roll_plan_target target = {.name = T("weu"), .parameters = own};
    g_autoptr(GString) text = g_string_new(NULL);
    size_t index;
    json_t *lack;

    if (template_text)
        ck_ok(roll_template_read(template_text, strlen(template_text), NULL, &tmpl));
    roll_auto(json) json_t *list = roll_release_lacks(tmpl, &target, given);
    json_array_foreach (list, index, lack) {
        g_string_append_printf(text, "%s;", roll_json_get_string(lack, "what"));
        ck_assert_ptr_nonnull(roll_json_get_string(lack, "why"));
        ck_assert_ptr_nonnull(roll_json_get_string(lack, "how"));
    }
    ck_assert_str_eq(text->str, expected);
}

#define PARAMETERS(text) HEAD "\"parameters\":{" text "},\"resources\":[]}"

START_TEST(test_adopt__without_a_template_nothing_is_whole)
{
    lacks(NULL, "{}", "{}", "the template;");
}
END_TEST

START_TEST(test_adopt__values_are_needed_where_there_is_no_default)
{
    lacks(PARAMETERS("\"a\":{\"type\":\"string\"},\"b\":{\"type\":\"int\",\"defaultValue\":1}"),
          "{\"A\":{\"value\":\"x\"}}", "{}", "");
    lacks(PARAMETERS("\"a\":{\"type\":\"string\"}"), "{}", "{}", "parameter 'a';");
}
END_TEST

/* Whether the default of a secure parameter was taken is not known. */
START_TEST(test_adopt__secure_values_come_from_the_plans_references_alone)
{
    static const char tmpl[] =
        PARAMETERS("\"key\":{\"type\":\"secureString\",\"defaultValue\":\"\"}");

    lacks(tmpl, "{\"key\":{\"type\":\"SecureString\"}}", "{}", "secure parameter 'key';");
    lacks(tmpl, "{\"key\":{\"type\":\"SecureString\"}}", "{\"Key\":\"plain\"}",
          "secure parameter 'key';");
    lacks(tmpl, "{\"key\":{\"type\":\"SecureString\"}}",
          "{\"Key\":{\"reference\":{\"keyVault\":{\"id\":\"/v\"},\"secretName\":\"s\"}}}", "");
    lacks(tmpl, "{\"key\":{\"reference\":{\"keyVault\":{\"id\":\"/v\"},\"secretName\":\"s\"}}}",
          "{}", "");
}
END_TEST

START_TEST(test_adopt__what_is_linked_by_address_may_have_changed)
{
    lacks(HEAD "\"resources\":[{\"type\":\"Microsoft.Resources/deployments\",\"apiVersion\":"
               "\"2022-09-01\",\"name\":\"n\",\"properties\":{\"mode\":\"Incremental\","
               "\"templateLink\":{\"uri\":\"https://x.example/t.json?sig=secret\"}}}]}",
          "{}", "{}", "linked template 'https://x.example/t.json';");
}
END_TEST

START_TEST(test_adopt__a_template_spec_is_linked_too)
{
    lacks(HEAD "\"resources\":[{\"type\":\"Microsoft.Resources/deployments\",\"apiVersion\":"
               "\"2022-09-01\",\"name\":\"n\",\"properties\":{\"mode\":\"Incremental\","
               "\"templateLink\":{\"id\":\"/specs/s/versions/1\"}}}]}",
          "{}", "{}", "linked template '/specs/s/versions/1';");
}
END_TEST

/* The rules of a release: another name, another hour, a secret for everybody. */
START_TEST(test_adopt__the_rules_of_a_release_hold)
{
    lacks(HEAD "\"resources\":[{\"type\":\"Microsoft.Web/sites\",\"apiVersion\":\"2022-09-01\","
               "\"name\":\"[deployment().name]\",\"location\":\"x\"}]}",
          "{}", "{}", "deployment().name;");
    lacks(PARAMETERS("\"at\":{\"type\":\"string\",\"defaultValue\":\"[utcNow()]\"}"), "{}", "{}",
          "parameter 'at';");
    lacks(PARAMETERS("\"at\":{\"type\":\"string\",\"defaultValue\":\"[utcNow()]\"}"),
          "{\"at\":{\"value\":\"then\"}}", "{}", "");
    lacks(PARAMETERS("\"key\":{\"type\":\"secureString\",\"defaultValue\":\"geheim\"}"),
          "{\"key\":{\"reference\":{\"keyVault\":{\"id\":\"/v\"},\"secretName\":\"s\"}}}", "{}",
          "secure parameter 'key';");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("release: adopt");
    TCase *tcase = tcase_create("adopt");

    tcase_add_test(tcase, test_adopt__without_a_template_nothing_is_whole);
    tcase_add_test(tcase, test_adopt__values_are_needed_where_there_is_no_default);
    tcase_add_test(tcase, test_adopt__secure_values_come_from_the_plans_references_alone);
    tcase_add_test(tcase, test_adopt__what_is_linked_by_address_may_have_changed);
    tcase_add_test(tcase, test_adopt__a_template_spec_is_linked_too);
    tcase_add_test(tcase, test_adopt__the_rules_of_a_release_hold);
    suite_add_tcase(suite, tcase);
    return run_suite(suite);
}
