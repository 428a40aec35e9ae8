/* The schema of plans, and patterns in names. */
#include "plan_tools.h"
#include "suite_tools.h"

/* ---- the schema ----------------------------------------------------------------------------- */

static json_t *schema_value(void)
{
    size_t size;
    const char *text = roll_plan_schema(&size);
    json_t *value = NULL;
    OK(roll_json_parse(text, size, ROLL_JSON_STRICT, &value));
    return value;
}

START_TEST(test_plan__schema_uses_only_keywords_that_the_checker_interprets)
{
    roll_auto(json) json_t *schema = schema_value();
    g_autoptr(GString) unknown = g_string_new(NULL);
    roll_schema_unknown(schema, unknown);
    ck_assert_str_eq(unknown->str, "");
}
END_TEST

START_TEST(test_plan__an_unknown_keyword_format_or_reference_is_found)
{
    const struct {
        const char *schema, *unknown;
    } cases[] = {
        {"{\"properties\":{\"a\":{\"multipleOf\":2}}}", "/properties/a/multipleOf\n"},
        {"{\"items\":{\"format\":\"email\"}}", "/items/format\n"},
        {"{\"oneOf\":[{},{\"type\":\"null\"}]}", "/oneOf/1/type\n"},
        {"{\"$ref\":\"#/$defs/none\"}", "/$ref\n"},
        {"{\"if\":{\"anyOf\":[]},\"then\":{\"not\":{}}}", "/if/anyOf\n/then/not\n"},
        {"{\"properties\":{\"not\":{\"enum\":[1]}}}", ""},
    };
    for (size_t at = 0; at < G_N_ELEMENTS(cases); at++) {
        roll_auto(json) json_t *schema = NULL;
        OK(roll_json_parse(cases[at].schema, strlen(cases[at].schema), ROLL_JSON_STRICT, &schema));
        g_autoptr(GString) unknown = g_string_new(NULL);
        roll_schema_unknown(schema, unknown);
        ck_assert_str_eq(unknown->str, cases[at].unknown);
    }
}
END_TEST

static void collect_keywords(json_t *value, GHashTable *seen)
{
    const char *name;
    size_t at;
    json_t *member;
    json_object_foreach (value, name, member) {
        g_hash_table_add(seen, g_strdup(name));
        collect_keywords(member, seen);
    }
    json_array_foreach (value, at, member) {
        collect_keywords(member, seen);
    }
}

START_TEST(test_plan__checker_interprets_no_keyword_that_the_schema_does_not_use)
{
    roll_auto(json) json_t *schema = schema_value();
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    collect_keywords(schema, seen);
    g_autofree const char **keywords = roll_schema_keywords();
    for (const char **keyword = keywords; *keyword; keyword++)
        ck_assert_msg(g_hash_table_contains(seen, *keyword), "%s", *keyword);
}
END_TEST

/* Editors show what is expected by these. */
static void assert_described(json_t *properties, const char *where)
{
    const char *name;
    json_t *rules;
    json_object_foreach (properties, name, rules) {
        bool explained = json_object_get(rules, "description") || json_object_get(rules, "title") ||
                         json_object_get(rules, "$ref") || json_object_get(rules, "enum") ||
                         json_object_get(rules, "items") || json_object_get(rules, "type");
        ck_assert_msg(explained, "%s of %s explains nothing", name, where);
    }
}

START_TEST(test_plan__every_member_is_explained_to_editors)
{
    roll_auto(json) json_t *schema = schema_value();
    assert_described(json_object_get(schema, "properties"), "the plan");
    const char *name;
    json_t *part;
    json_object_foreach (json_object_get(schema, "$defs"), name, part) {
        assert_described(json_object_get(part, "properties"), name);
    }
}
END_TEST

/* ---- patterns ------------------------------------------------------------------------------- */

START_TEST(test_plan__fill_replaces_names)
{
    g_autofree char *text = NULL;
    OK(roll_plan_fill("{a}-{b}/{a}{{x}", &text, "a", "1", "b", "", NULL));
    ck_assert_str_eq(text, "1-/1{x}");
}
END_TEST

START_TEST(test_plan__fill_refuses_what_it_does_not_know)
{
    const char *const patterns[] = {"{c}", "{a", "{}", "{b}", "x{ a}"};
    for (size_t at = 0; at < G_N_ELEMENTS(patterns); at++) {
        char *text = NULL;
        roll_auto(error) struct roll_error *err =
            roll_plan_fill(patterns[at], &text, "a", "1", "b", NULL, NULL);
        ck_assert_msg(roll_error_code(err) == ROLL_E_PLAN, "%s", patterns[at]);
        ck_assert_ptr_null(text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan_schema");
    TCase *tests = tcase_create("plan_schema");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, test_plan__schema_uses_only_keywords_that_the_checker_interprets);
    tcase_add_test(tests, test_plan__an_unknown_keyword_format_or_reference_is_found);
    tcase_add_test(tests, test_plan__checker_interprets_no_keyword_that_the_schema_does_not_use);
    tcase_add_test(tests, test_plan__every_member_is_explained_to_editors);
    tcase_add_test(tests, test_plan__fill_replaces_names);
    tcase_add_test(tests, test_plan__fill_refuses_what_it_does_not_know);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
